/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The guest: finds the device on the PCI bus, sizes and places its BARs, and, if it is the demo
 * device, uses all that it has: registers, mapped memory, doorbells, DMA, interrupts.  Prints a
 * line for each step, and PASS, or what failed.  guest-interrupts.S has the steps with interrupts,
 * guest-modes.S what it does on request: measuring, losing the device, fuzzing; guest-lib.S what
 * all of them use.
 *
 * Runs in real mode with data segments of 4 GiB (the monitor has set their limit), at its physical
 * address, with interrupts off but in the steps that wait for one.  No firmware, nobody below it.
 */

#include "guest-macros.S"

        .globl  start
        .globl  pass, exit, find_device, enable_device
        .globl  use_registers, use_memory, use_mapped_memory, ring_doorbells
        .globl  copy_by_dma, begin_copy, end_copy, fill_source, compare_copy
        .globl  await_other_vcpus

start:
        testl   %ebx, %ebx
        jnz     other_vcpu

        call    find_device
        call    place_bars
        testl   $MODE_FUZZ, MACHINE_PARAMETERS + PARAMETER_MODE
        jnz     fuzz
        cmpl    $0x76751234, identity
        jne     unknown_device

        call    use_registers
        call    use_memory
        call    use_mapped_memory
        call    ring_doorbells
        movw    $PORT_POWER, %dx        /* from here on others leave the guest, too */
        outb    %al, %dx
        call    copy_by_dma
        call    take_msix
        call    take_intx
        call    await_other_vcpus
        testl   $MODE_BENCH, MACHINE_PARAMETERS + PARAMETER_MODE
        jz      1f
        call    bench
1:      testl   $MODE_LOSE, MACHINE_PARAMETERS + PARAMETER_MODE
        jz      1f
        call    lose_device
1:
pass:
        say     "PASS\n"
        xorl    %eax, %eax
exit:
        movw    $PORT_EXIT, %dx
        outb    %al, %dx
1:      cli
        hlt
        jmp     1b

/* Another device than the one that we know: its BARs can be read. */
unknown_device:
        xorl    %ebx, %ebx
1:      cmpl    $0, sizes(,%ebx,4)
        je      2f
        say     "     BAR"
        movl    %ebx, %eax
        call    print_decimal
        say     " begins with "
        movl    bars(,%ebx,4), %edx
        testl   $1, is_port(,%ebx,4)
        jz      3f
        inl     %dx, %eax
        jmp     4f
3:      movl    (%edx), %eax
4:      call    print_hex
        say     "\n"
2:      incl    %ebx
        cmpl    $6, %ebx
        jb      1b
        cmpl    $0x0b0b1234, identity
        jne     1f
        call    use_interop_device
        jmp     pass
1:      say     "skip what only the demo device has\n"
        jmp     pass

/* Step: the first function of bus 0. */
find_device:
        movl    $0x80000000, function
1:      xorl    %eax, %eax
        call    config_read
        cmpw    $0xffff, %ax
        jne     2f
        addl    $0x800, function
        cmpl    $0x80010000, function
        jb      1b
        fail    "no device on the PCI bus"
2:      movl    %eax, identity
        say     "ok   PCI device "
        movzwl  identity, %eax
        movl    $4, %ecx
        call    print_digits
        say     ":"
        movzwl  identity + 2, %eax
        movl    $4, %ecx
        call    print_digits
        say     " in slot "
        movl    function, %eax
        shrl    $11, %eax
        andl    $31, %eax
        call    print_decimal
        say     "\n"
        ret

/* Step: each BAR gets the next place that its size allows; EBX counts BARs. */
place_bars:
        movl    $4, %eax
        xorl    %edx, %edx
        call    config_write            /* decodes nothing meanwhile */
        xorl    %ebx, %ebx
        movl    $MACHINE_BARS, next_bar
        movl    $MACHINE_PORTS, next_port
next:   leal    0x10(,%ebx,4), %eax
        movl    $0xffffffff, %edx
        call    config_write
        leal    0x10(,%ebx,4), %eax
        call    config_read
        testl   %eax, %eax
        jz      unused
        movl    %eax, %ebp              /* what there was to read, with its type */
        testl   $1, %eax
        jnz     port

        andl    $~15, %eax
        negl    %eax
        movl    %eax, sizes(,%ebx,4)
        movl    next_bar, %edx          /* up to a multiple of the size */
        addl    %eax, %edx
        decl    %edx
        negl    %eax
        andl    %eax, %edx
        movl    %edx, bars(,%ebx,4)
        subl    %eax, %edx
        movl    %edx, next_bar
        jmp     place
port:
        movl    $1, is_port(,%ebx,4)
        orl     $0xffff0000, %eax
        andl    $~3, %eax
        negl    %eax
        movl    %eax, sizes(,%ebx,4)
        movl    next_port, %edx
        movl    %edx, bars(,%ebx,4)
        addl    $0x100, next_port
place:
        leal    0x10(,%ebx,4), %eax
        movl    bars(,%ebx,4), %edx
        call    config_write
        say     "ok   BAR"
        movl    %ebx, %eax
        call    print_decimal
        say     ": "
        movl    sizes(,%ebx,4), %eax
        call    print_decimal
        say     " bytes at "
        movl    bars(,%ebx,4), %eax
        call    print_hex
        say     "\n"
        andl    $7, %ebp
        cmpl    $4, %ebp
        jne     unused
        incl    %ebx                    /* 64 bits: the upper half */
        leal    0x10(,%ebx,4), %eax
        xorl    %edx, %edx
        call    config_write
unused:
        incl    %ebx
        cmpl    $6, %ebx
        jb      next
enable_device:
        movl    $4, %eax
        movl    $7, %edx                /* port IO, memory, bus master */
        jmp     config_write

/* Steps: BAR0's registers, each access an exit. */
use_registers:
        bar     0
        movl    (%ebx), %eax
        expect  0x44435556, "the identity register"
        movl    4(%ebx), %eax
        expect  0x00010000, "the version register"
        say     "ok   identity and version\n"

        movl    $0x12345678, 8(%ebx)
        movl    8(%ebx), %eax
        expect  0x12345678, "scratch 0, 32 bits"
        movzbl  9(%ebx), %eax
        expect  0x56, "scratch 0, 8 bits"
        movzwl  10(%ebx), %eax
        expect  0x1234, "scratch 0, 16 bits"
        say     "ok   registers in 32, 16 and 8 bits\n"

        movw    $0xabcd, 8(%ebx)        /* half a register: refused */
        movl    0x10(%ebx), %eax
        expect  1, "the error register"
        movl    0x14(%ebx), %eax
        expect  8, "the error's offset"
        movl    8(%ebx), %eax
        expect  0x12345678, "scratch 0 after a write that was refused"
        movl    $1, 0x10(%ebx)
        movl    0x10(%ebx), %eax
        expect  0, "the error register when it was cleared"
        say     "ok   a write that the device refuses is dropped\n"
        ret

/* Step: BAR2's memory where it is trapped. */
use_memory:
        bar     2
        movl    (%ebx), %eax
        expect  0xb2b20000, "trapped memory"
        movl    $0xcafe0001, 0x4000(%ebx)
        movl    0x4000(%ebx), %eax
        expect  0xcafe0001, "trapped memory that was written"
        say     "ok   trapped memory\n"
        ret

/* Step: BAR2's memory where it is mapped. */
use_mapped_memory:
        bar     2
        call    begin_exits
        movl    0x2000(%ebx), %eax
        expect  0xb2b22000, "mapped memory, area 0"
        movl    0xbffc(%ebx), %eax
        expect  0xb2b2bffc, "mapped memory, area 1"
        movl    $0xcafe0002, 0x8010(%ebx)
        movl    0x8010(%ebx), %eax
        expect  0xcafe0002, "mapped memory that was written"
        say     "ok   mapped memory"
        jmp     say_exits

/* Steps: doorbells. */
ring_doorbells:
        bar     0
        movl    0x20(%ebx), %edi        /* kicks, and those by message */
        movl    0x24(%ebx), %ebp
        call    begin_exits
        movl    $7, 0x800(%ebx)
        call    end_exits
        movl    0x20(%ebx), %eax
        subl    %edi, %eax
        expect  1, "kicks after one"
        movl    0x24(%ebx), %eax
        subl    %ebp, %eax
        cmpl    exits, %eax
        jne     1f
        say     "ok   a doorbell"
        jmp     2f
1:      fail    "a kick was counted in the wrong place"
2:      call    say_exits_so_far

        movl    0x34(%ebx), %edi
        movl    $1, 0x808(%ebx)
        movl    0x34(%ebx), %eax
        subl    %edi, %eax
        expect  1, "kicks of the value 1"
        movl    0x38(%ebx), %edi
        movl    $2, 0x808(%ebx)
        movl    0x38(%ebx), %eax
        subl    %edi, %eax
        expect  1, "kicks of the value 2"
        movl    0x3c(%ebx), %edi
        movb    $1, 0x810(%ebx)
        movw    $1, 0x810(%ebx)
        movl    0x3c(%ebx), %eax
        subl    %edi, %eax
        expect  2, "kicks of any size"
        say     "ok   doorbells for a value, and of any size\n"

        movl    $0x5a5a1234, 0x820(%ebx)
        movl    0x28(%ebx), %eax
        expect  0x5a5a1234, "the shadow doorbell's value"
        say     "ok   the shadow doorbell\n"
        ret

/* Has the device copy: EAX is the command, EDX the vector. */
begin_copy:
        bar     0
        movl    $COPY_SOURCE, 0x100(%ebx)
        movl    $0, 0x104(%ebx)
        movl    $COPY_DESTINATION, 0x108(%ebx)
        movl    $0, 0x10c(%ebx)
        movl    $COPY_LENGTH, 0x110(%ebx)
        movl    $0, 0x114(%ebx)
        movl    %edx, 0x118(%ebx)
        call    fill_source
        movl    %eax, 0x11c(%ebx)
        ret

/* What was copied is there. */
end_copy:
        bar     0
1:      movl    0x120(%ebx), %eax
        cmpl    $1, %eax
        je      1b
        expect  2, "the status of the copy"
        movl    0x128(%ebx), %eax
        expect  COPY_LENGTH, "bytes copied"
        jmp     compare_copy

/* Other words each time. */
fill_source:
        movl    $COPY_SOURCE, %esi
        movl    $COPY_LENGTH / 4, %ecx
1:      addl    $0x01020305, pattern
        movl    pattern, %edx
        movl    %edx, (%esi)
        addl    $4, %esi
        decl    %ecx
        jnz     1b
        ret

compare_copy:
        movl    $COPY_SOURCE, %esi
        movl    $COPY_DESTINATION, %edi
        movl    $COPY_LENGTH / 4, %ecx
1:      movl    (%esi), %edx
        movl    (%edi), %eax
        expect_edx "a word that was copied"
        addl    $4, %esi
        addl    $4, %edi
        decl    %ecx
        jnz     1b
        ret

/* Steps: the device copies from guest memory to guest memory. */
copy_by_dma:
        movl    $1, %eax
        movl    $0xffff, %edx
        call    begin_copy
        call    end_copy
        movl    0x130(%ebx), %eax
        expect  0, "messages of a copy in shared memory"
        say     "ok   DMA in shared memory\n"
        movl    $2, %eax
        movl    $0xffff, %edx
        call    begin_copy
        call    end_copy
        cmpl    $0, 0x130(%ebx)
        jne     1f
        fail    "a copy by message took no messages"
1:      say     "ok   DMA by message\n"
        ret

/* The other vCPUs, EBX is the number: each has a word of trapped memory to itself. */
#define ROUNDS 500
other_vcpu:
        testl   $MODE_FUZZ, MACHINE_PARAMETERS + PARAMETER_MODE
        jnz     fuzz_other
        leal    0xc000(,%ebx,4), %edi
        addl    bars + 2 * 4, %edi
        movl    $ROUNDS, %ecx
1:      leal    (%ecx,%ebx,8), %edx
        movl    %edx, (%edi)
        movl    (%edi), %eax
        cmpl    %eax, %edx
        jne     2f
        decl    %ecx
        jnz     1b
        lock incl n_done
2:      cli
        hlt
        jmp     2b

await_other_vcpus:
        movl    MACHINE_PARAMETERS + PARAMETER_VCPUS, %ebx
        decl    %ebx
        jz      2f
        movl    $1000, %ecx
1:      cmpl    %ebx, n_done
        je      3f
        outport PORT_ASK, ASK_REST
        decl    %ecx
        jnz     1b
        fail    "the other vCPUs read something else than they wrote"
3:      say     "ok   other vCPUs at the same time\n"
2:      ret

        .text   2
        .balign 4
next_bar:       .long   0
next_port:      .long   0
pattern:        .long   0
