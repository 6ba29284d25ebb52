/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The guest's steps with interrupts: MSI-X by the local APIC, INTx by the two PICs.
 */

#include "guest-macros.S"

        .globl  take_msix, arm_vector, await_msix, take_intx
        .globl  msix, table, n_msix

/* Steps: MSI-X.  Vectors of the processor are 0x40 plus those of the device. */
take_msix:
        movl    $0xfee000f0, %ebx       /* the local APIC: on, and the PIC on its pin LINT0 */
        movl    $0x1ff, (%ebx)
        movl    $0xfee00350, %ebx
        movl    $0x700, (%ebx)
        movl    $0, n_msix
        movw    $on_msix, 4 * 0x43
        movw    $0, 4 * 0x43 + 2
        movw    $on_msix, 4 * 0x45
        movw    $0, 4 * 0x45 + 2

        call    find_msix
        movl    $3, %eax
        call    arm_vector
        movl    $5, %eax
        call    arm_vector
        movl    msix, %eax
        movl    $0x80000000, %edx       /* on */
        call    config_write

        bar     0
        movl    $3, 0x140(%ebx)
        movl    $1, %eax
        call    await_msix
        say     "ok   MSI-X: an interrupt\n"

        movl    table, %edi
        movl    $1, 3 * 16 + 12(%edi)   /* masks it */
        movl    $3, 0x140(%ebx)
        sti
        nop
        nop
        cli
        movl    n_msix, %eax
        expect  1, "interrupts while the vector is masked"
        movl    pending, %esi
        movl    (%esi), %eax
        expect  8, "pending bits while the vector is masked"
        movl    $0, 3 * 16 + 12(%edi)
        movl    $2, %eax
        call    await_msix
        movl    pending, %esi
        movl    (%esi), %eax
        expect  0, "pending bits when the vector is unmasked"
        say     "ok   MSI-X: one that was masked is pending, and comes\n"

        movl    $1, %eax
        movl    $5, %edx
        call    begin_copy
        movl    $3, %eax
        call    await_msix
        call    end_copy
        say     "ok   MSI-X: a copy ends with one\n"
        ret

/* Unmasks vector EAX in the table. */
arm_vector:
        movl    %eax, %edi
        shll    $4, %edi
        addl    table, %edi
        movl    $0xfee00000, (%edi)
        movl    $0, 4(%edi)
        addl    $0x40, %eax
        movl    %eax, 8(%edi)
        movl    $0, 12(%edi)
        ret

/* The MSI-X capability, its table, its pending bits. */
find_msix:
        movl    $0x34, %eax
        call    config_read
1:      andl    $0xfc, %eax
        jnz     2f
        fail    "no MSI-X capability"
2:      movl    %eax, msix
        call    config_read
        cmpb    $0x11, %al
        je      3f
        shrl    $8, %eax
        jmp     1b
3:      movl    msix, %eax
        addl    $4, %eax
        call    4f
        movl    %eax, table
        movl    msix, %eax
        addl    $8, %eax
        call    4f
        movl    %eax, pending
        ret
4:      call    config_read
        movl    %eax, %ebx
        andl    $7, %ebx
        andl    $~7, %eax
        addl    bars(,%ebx,4), %eax
        ret

on_msix:
        pushl   %eax
        incl    n_msix
        movl    $0xfee000b0, %eax
        movl    $0, (%eax)
        popl    %eax
        iret

/* Until there were EAX interrupts.  Nothing comes between STI and HLT. */
await_msix:
        cli
        cmpl    %eax, n_msix
        jae     1f
        sti
        hlt
        jmp     await_msix
1:      ret

/* Steps: INTx, which comes through the two PICs. */
take_intx:
        movl    msix, %eax
        xorl    %edx, %edx              /* MSI-X off */
        call    config_write
        movl    $0x3c, %eax
        call    config_read
        movzbl  %ah, %edx
        movzbl  %al, %eax
        cmpl    $1, %edx
        je      1f
        fail    "no interrupt pin"
1:      expect  MACHINE_INTX, "the interrupt line"

        outport 0x20, 0x11
        outport 0xa0, 0x11
        outport 0x21, 0x30              /* lines 0 to 7 */
        outport 0xa1, 0x38              /* lines 8 to 15 */
        outport 0x21, 4
        outport 0xa1, 2
        outport 0x21, 1
        outport 0xa1, 1
        outport 0x21, 0xfb
        outport 0xa1, ~(1 << (MACHINE_INTX - 8)) & 0xff
        outport PORT_ELCR + 1, 1 << (MACHINE_INTX - 8)
        movl    $0, n_intx
        movw    $on_intx, 4 * (0x30 + MACHINE_INTX)
        movw    $0, 4 * (0x30 + MACHINE_INTX) + 2

        outport PORT_ASK, ASK_RAISE_INTX
        movl    $1, %eax
        call    await_intx
        say     "ok   INTx: an interrupt\n"
        outport PORT_ASK, ASK_RAISE_INTX
        movl    $2, %eax
        call    await_intx
        say     "ok   INTx: another one, as the first has ended\n"
        ret

on_intx:
        pushl   %eax
        pushl   %ebx
        incl    n_intx
        bar     0
        movl    (%ebx), %eax            /* as a driver does: asks the device why */
        movb    $0x20, %al
        outb    %al, $0xa0
        outb    %al, $0x20
        popl    %ebx
        popl    %eax
        iret

await_intx:
        cli
        cmpl    %eax, n_intx
        jae     1f
        sti
        hlt
        jmp     await_intx
1:      ret

        .text   2
        .balign 4
msix:           .long   0       /* the capability */
table:          .long   0
pending:        .long   0
n_msix:         .long   0
n_intx:         .long   0
