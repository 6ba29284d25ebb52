/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What the guest does on request: measures, waits for the device to go and to come back, accesses
 * everything at random.
 */

#include "guest-macros.S"

/* Runs an instruction COUNT times, and prints how long one takes; EBX stays. */
        .macro  measure text, count, instruction:vararg
        call    begin_measure
        movl    $\count, %ecx
76:     \instruction
        decl    %ecx
        jnz     76b
        movl    $\count, %ecx
        .pushsection .text, 1
77:     .asciz  "\text"
        .popsection
        movl    $77b, %esi
        call    end_measure
        .endm

        .globl  bench
bench:
        measure "nothing, the loop itself", 20000
        movl    $MACHINE_DMA, %ebx
        measure "a read of guest memory", 20000, movl (%ebx), %eax
        bar     2
        measure "a mapped read", 20000, movl 0x2000(%ebx), %eax
        bar     0
        measure "a trapped read", 2000, movl 8(%ebx), %eax
        measure "a trapped write", 2000, movl %eax, 8(%ebx)
        measure "a doorbell", 2000, movl %eax, 0x800(%ebx)
        movl    $3, %eax
        call    arm_vector
        movl    msix, %eax
        movl    $0x80000000, %edx
        call    config_write
        bar     0
        movl    $0, n_msix
        measure "a write that interrupts, and the interrupt", 1000, call interrupt
        outport PORT_ASK, ASK_POST_WRITES
        inb     %dx, %al
        testb   %al, %al
        jnz     1f
        measure "a posted write", 2000, movl %eax, 8(%ebx)
        ret
1:      say     "skip a posted write\n"
        ret

interrupt:
        movl    n_msix, %eax
        incl    %eax
        movl    $3, 0x140(%ebx)
        jmp     await_msix

begin_measure:
        pushl   %eax
        rdtsc
        movl    %eax, begin
        movl    %edx, begin + 4
        popl    %eax
        ret

/* ESI says what, ECX how often. */
end_measure:
        rdtsc
        subl    begin, %eax
        sbbl    begin + 4, %edx
        divl    %ecx
        movl    $1000000, %ecx          /* cycles to ns, by kHz */
        mull    %ecx
        divl    MACHINE_PARAMETERS + PARAMETER_TSC_KHZ
        pushl   %eax
        pushl   %esi
        say     "bench "
        popl    %esi
        call    print
        say     ": "
        popl    %eax
        call    print_decimal
        say     " ns\n"
        ret

/* Waits 30 s at the most until the dword at EBX is EDX, or is something else; it is then in EAX. */
        .macro  await condition, text
        movl    $3000, %ecx
76:     movl    (%ebx), %eax
        cmpl    %edx, %eax
        \condition 78f
        pushl   %edx
        outport PORT_ASK, ASK_REST
        popl    %edx
        decl    %ecx
        jnz     76b
        fail    "\text"
78:
        .endm

        .globl  lose_device
lose_device:
        say     "wait until the device has gone\n"
        outport PORT_ASK, ASK_LOSE_DEVICE
        movl    $0xffffffff, %edx
        bar     0
        await   je, "the device has not gone"
        say     "ok   the device has gone, registers are all ones\n"
        bar     2
        addl    $0x2000, %ebx
        await   je, "mapped memory is not all ones"
        say     "ok   mapped memory is all ones\n"
        xorl    %eax, %eax
        call    config_read
        expect  0xffffffff, "configuration space of a device that has gone"
        movl    table, %ebx
        movl    (%ebx), %eax
        expect  0xffffffff, "the MSI-X table of a device that has gone"
        bar     0
        movl    $1, 0x800(%ebx)
        movl    $1, 8(%ebx)
        say     "ok   nobody is harmed by accesses\n"
        testl   $MODE_BACK, MACHINE_PARAMETERS + PARAMETER_MODE
        jz      1f

        say     "wait until the device is back\n"
        outport PORT_ASK, ASK_RETURN_DEVICE
        movl    $0xffffffff, %edx
        bar     0
        await   jne, "the device does not come back"
        call    use_registers
        call    use_memory
        call    use_mapped_memory
        call    ring_doorbells
        call    copy_by_dma
        call    take_msix
        call    take_intx
        say     "ok   all of that once more\n"
1:      ret

/* Fuzzing.  EBP is the state of a vCPU's random numbers, ECX counts its rounds. */
        .globl  fuzz
fuzz:
        movl    MACHINE_PARAMETERS + PARAMETER_SECONDS, %eax
        mull    MACHINE_PARAMETERS + PARAMETER_TSC_KHZ
        movl    $1000, %ecx
        mull    %ecx
        movl    %eax, %esi
        movl    %edx, %edi
        rdtsc
        addl    %esi, %eax
        adcl    %edi, %edx
        movl    %eax, fuzz_end
        movl    %edx, fuzz_end + 4
        movw    $PORT_POWER, %dx
        outb    %al, %dx
        xorl    %ebx, %ebx
        call    fuzz_begin
        call    fuzz_recover
        call    await_other_vcpus
        say     "ok   accesses at random: "
        movl    n_accesses, %eax
        call    print_decimal
        say     "\n"
        movl    $3000, %ebx             /* it may be away just now: 30 s */
1:      xorl    %eax, %eax
        call    config_read
        cmpl    identity, %eax
        je      2f
        outport PORT_ASK, ASK_REST
        decl    %ebx
        jnz     1b
        fail    "the device does not answer any more"
2:      call    fuzz_recover            /* after the last of the others */
        say     "ok   the device still answers\n"
        jmp     pass

        .globl  fuzz_other
fuzz_other:
        call    fuzz_begin
        lock incl n_done
1:      cli
        hlt
        jmp     1b

fuzz_begin:
        leal    1(%ebx), %ebp
        imull   $0x9e3779b1, %ebp
        addl    MACHINE_PARAMETERS + PARAMETER_SEED, %ebp
        orl     $1, %ebp
        xorl    %ecx, %ecx
fuzz_round:
        rdtsc
        subl    fuzz_end, %eax
        sbbl    fuzz_end + 4, %edx
        jae     fuzz_return
        incl    %ecx
        testl   $255, %ecx              /* now and then all is put back in its place */
        jnz     1f
        call    fuzz_recover
1:      lock incl n_accesses
        call    random
        movl    %eax, %ebx
        andl    $31, %ebx
        call    random
        cmpl    $31, %ebx
        je      fuzz_config             /* seldom: it moves everything about */
        cmpl    $30, %ebx
        je      fuzz_nobody
2:      subl    $6, %ebx
        jns     2b
        addl    $6, %ebx
        movl    sizes(,%ebx,4), %edx
        testl   %edx, %edx
        jz      fuzz_nobody
        decl    %edx
        testl   $1, %ecx                /* one place after the other, or anywhere */
        jz      1f
        incl    next_offset(,%ebx,4)
        movl    next_offset(,%ebx,4), %eax
1:      andl    %edx, %eax
        addl    bars(,%ebx,4), %eax
        testl   $1, is_port(,%ebx,4)
        jz      fuzz_memory
        movl    %eax, %edx
        jmp     fuzz_port
fuzz_nobody:                            /* somewhere among the BARs, where mostly nobody is */
        andl    $0x1fffffff, %eax
        addl    $MACHINE_BARS, %eax
fuzz_memory:
        movl    %eax, %edi
        call    random
        movl    %eax, %ebx
        call    random
        testl   $8, %ebx
        jnz     1f
        andl    $1, %eax                /* small numbers start more than large ones */
1:      andl    $7, %ebx
        movw    memory_accesses(,%ebx,2), %bx
        jmp     *%bx
fuzz_config:
        movl    %eax, %edi
        andl    $0xfc, %eax
        orl     function, %eax
        movw    $PORT_PCI, %dx
        outl    %eax, %dx
        movl    %edi, %edx
        andl    $3, %edx
        addl    $PORT_PCI + 4, %edx
fuzz_port:
        call    random
        movl    %eax, %ebx
        call    random
        andl    $7, %ebx
        movw    port_accesses(,%ebx,2), %bx
        jmp     *%bx

read_8:         movb    (%edi), %al
                jmp     fuzz_round
read_16:        movw    (%edi), %ax
                jmp     fuzz_round
read_32:        movl    (%edi), %eax
                jmp     fuzz_round
write_8:        movb    %al, (%edi)
                jmp     fuzz_round
write_16:       movw    %ax, (%edi)
                jmp     fuzz_round
write_32:       movl    %eax, (%edi)
                jmp     fuzz_round
in_8:           inb     %dx, %al
                jmp     fuzz_round
in_16:          inw     %dx, %ax
                jmp     fuzz_round
in_32:          inl     %dx, %eax
                jmp     fuzz_round
out_8:          outb    %al, %dx
                jmp     fuzz_round
out_16:         outw    %ax, %dx
                jmp     fuzz_round
out_32:         outl    %eax, %dx
                jmp     fuzz_round

/* The BARs where they were, and decoded; changes EAX, EBX, EDX. */
fuzz_recover:
        xorl    %ebx, %ebx
1:      leal    0x10(,%ebx,4), %eax
        movl    bars(,%ebx,4), %edx
        call    config_write
        incl    %ebx
        cmpl    $6, %ebx
        jb      1b
        jmp     enable_device

/* EAX is the next number. */
random:
        movl    %ebp, %eax
        shll    $13, %eax
        xorl    %eax, %ebp
        movl    %ebp, %eax
        shrl    $17, %eax
        xorl    %eax, %ebp
        movl    %ebp, %eax
        shll    $5, %eax
        xorl    %eax, %ebp
        movl    %ebp, %eax
fuzz_return:
        ret

        .text   2
        .balign 4
begin:          .quad   0
fuzz_end:       .quad   0
n_accesses:     .long   0
next_offset:    .fill   6, 4, 0
memory_accesses:
        .word   read_8, read_16, read_32, read_32, write_8, write_16, write_32, write_32
port_accesses:
        .word   in_8, in_16, in_32, in_32, out_8, out_16, out_32, out_32
