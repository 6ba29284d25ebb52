/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What the guest's steps are made with: the configuration space, exits, printing, failing; and
 * what is known of the device.
 */

#include "guest-macros.S"

        .globl  config_read, config_write
        .globl  begin_exits, end_exits, say_exits, say_exits_so_far
        .globl  print, print_hex, print_digits, print_decimal
        .globl  failed, failed_expectation
        .globl  function, identity, bars, sizes, is_port, exits, n_done

/* Configuration mechanism 1: the dword at EAX. */
config_read:
        pushl   %edx
        orl     function, %eax
        movw    $PORT_PCI, %dx
        outl    %eax, %dx
        movw    $PORT_PCI + 4, %dx
        inl     %dx, %eax
        popl    %edx
        ret

/* The same, writes EDX. */
config_write:
        pushl   %edx
        orl     function, %eax
        movw    $PORT_PCI, %dx
        outl    %eax, %dx
        popl    %eax
        movw    $PORT_PCI + 4, %dx
        outl    %eax, %dx
        ret

/* How many accesses to memory have left the guest between these two. */
begin_exits:
        pushl   %eax
        movw    $PORT_EXITS, %dx
        inl     %dx, %eax
        movl    %eax, exits
        popl    %eax
        ret
end_exits:
        movw    $PORT_EXITS, %dx
        inl     %dx, %eax
        subl    exits, %eax
        movl    %eax, exits
        ret
say_exits:
        call    end_exits
say_exits_so_far:
        say     ", exits: "
        movl    exits, %eax
        call    print_decimal
        say     "\n"
        ret

/* Text to the serial port: ESI, until its zero. */
print:
        pushl   %eax
        pushl   %edx
        movw    $PORT_SERIAL, %dx
1:      movb    (%esi), %al
        testb   %al, %al
        jz      2f
        outb    %al, %dx
        incl    %esi
        jmp     1b
2:      popl    %edx
        popl    %eax
        ret

/* EAX, in ECX digits. */
print_hex:
        movl    $8, %ecx
print_digits:
        pushl   %edx
        pushl   %ebx
        movl    %eax, %ebx
        movw    $PORT_SERIAL, %dx
1:      decl    %ecx
        movl    %ebx, %eax
        pushl   %ecx
        shll    $2, %ecx
        shrl    %cl, %eax
        popl    %ecx
        andl    $15, %eax
        addb    $'0', %al
        cmpb    $'9', %al
        jbe     2f
        addb    $'a' - '0' - 10, %al
2:      outb    %al, %dx
        testl   %ecx, %ecx
        jnz     1b
        popl    %ebx
        popl    %edx
        ret

print_decimal:
        pushl   %ebx
        pushl   %ecx
        pushl   %edx
        movl    $10, %ebx
        xorl    %ecx, %ecx
1:      xorl    %edx, %edx
        divl    %ebx
        pushl   %edx
        incl    %ecx
        testl   %eax, %eax
        jnz     1b
        movw    $PORT_SERIAL, %dx
2:      popl    %eax
        addb    $'0', %al
        outb    %al, %dx
        decl    %ecx
        jnz     2b
        popl    %edx
        popl    %ecx
        popl    %ebx
        ret

/* ESI says what went wrong; EAX came, EDX was expected. */
failed_expectation:
        pushl   %eax
        pushl   %esi
        say     "FAIL "
        popl    %esi
        call    print
        say     ": "
        popl    %eax
        call    print_hex
        say     ", expected "
        movl    %edx, %eax
        call    print_hex
        say     "\n"
        movl    $1, %eax
        jmp     exit
failed:
        pushl   %esi
        say     "FAIL "
        popl    %esi
        call    print
        say     "\n"
        movl    $1, %eax
        jmp     exit

        .text   2
        .balign 4
function:       .long   0       /* what to put into the configuration address */
identity:       .long   0
bars:           .fill   6, 4, 0
sizes:          .fill   6, 4, 0
is_port:        .fill   6, 4, 0
exits:          .long   0
n_done:         .long   0       /* other vCPUs */
