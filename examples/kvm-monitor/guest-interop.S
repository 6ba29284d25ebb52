/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The guest's steps with the device of tests/interop, which is made with libvfio-user: all of BAR2
 * is mapped, registers in BAR0 are taken in 64 bits only, it copies while the write of the command
 * waits.
 */

#include "guest-macros.S"

/* tests/interop/device.h */
#define INTEROP_SOURCE      0
#define INTEROP_DESTINATION 8
#define INTEROP_LENGTH      16
#define INTEROP_COPY        24
#define INTEROP_STATUS      32

/* Changes MM0. */
        .macro  write_64 register, low
        movl    $(\low), number
        movq    number, %mm0
        movq    %mm0, \register(%ebx)
        .endm

        .globl  use_interop_device
use_interop_device:
        bar     2
        call    begin_exits
        movl    $0xcafe0003, 0x8000(%ebx)
        movl    0x8000(%ebx), %eax
        expect  0xcafe0003, "mapped memory that was written"
        say     "ok   mapped memory"
        call    say_exits

        movl    $1, %eax
        call    copy
        say     "ok   DMA in shared memory\n"
        movl    $2, %eax
        call    copy
        say     "ok   DMA by message\n"
        ret

/* EAX is the command. */
copy:
        bar     0
        movl    %eax, command
        call    fill_source
        write_64 INTEROP_SOURCE, COPY_SOURCE
        write_64 INTEROP_DESTINATION, COPY_DESTINATION
        write_64 INTEROP_LENGTH, COPY_LENGTH
        movq    command, %mm0
        movq    %mm0, INTEROP_COPY(%ebx)
        movq    INTEROP_STATUS(%ebx), %mm0
        movq    %mm0, number
        movl    number, %eax
        expect  0, "the status of the copy"
        jmp     compare_copy

        .text   2
        .balign 8
number:         .quad   0
command:        .quad   0
