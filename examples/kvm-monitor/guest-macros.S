/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What the guest's steps are written in.  Code, texts and variables are subsections 0, 1 and 2 of
 * one section, so that a flat file needs no linker script.
 */

#include "machine.h"

/* Where devices copy from, to what is not as well aligned, and how much. */
#define COPY_SOURCE      (MACHINE_DMA + 0x100000)
#define COPY_DESTINATION (MACHINE_DMA + 0x200004)
#define COPY_LENGTH      0x1000

        .code16
        .text   0

/* Prints; changes ESI only. */
        .macro  say text
        .pushsection .text, 1
77:     .asciz  "\text"
        .popsection
        movl    $77b, %esi
        call    print
        .endm

        .macro  fail text
        .pushsection .text, 1
77:     .asciz  "\text"
        .popsection
        movl    $77b, %esi
        jmp     failed
        .endm

/* EAX is this value, or the guest has failed; changes EDX. */
        .macro  expect value, text
        movl    $(\value), %edx
        expect_edx "\text"
        .endm

        .macro  expect_edx text
        .pushsection .text, 1
77:     .asciz  "\text"
        .popsection
        cmpl    %edx, %eax
        je      78f
        movl    $77b, %esi
        jmp     failed_expectation
78:
        .endm

/* EBX is where a BAR begins. */
        .macro  bar number
        movl    bars + 4 * \number, %ebx
        .endm

/* Changes AL and DX. */
        .macro  outport port, value
        movw    $(\port), %dx
        movb    $(\value), %al
        outb    %al, %dx
        .endm
