/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/* The guest, as the monitor carries it in itself. */

        .section .rodata
        .globl  guest_image
        .globl  guest_image_end
guest_image:
        .incbin "examples/kvm-monitor/guest.bin"
guest_image_end:
        .section .note.GNU-stack, "", @progbits
