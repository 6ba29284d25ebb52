/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What the machine and its guest agree on.  Both the monitor and guest.S include it, so there are
 * numbers only.
 */

#ifndef MACHINE_H
#define MACHINE_H

/* Guest physical memory. */
#define MACHINE_RAM_SIZE   0x400000
#define MACHINE_PARAMETERS 0x600    /* what the monitor tells the guest, see below */
#define MACHINE_GUEST      0x1000   /* where the guest is loaded, and begins */
#define MACHINE_GUEST_END  0x9000   /* its stacks lie above */
#define MACHINE_DMA        0x100000 /* from here on memory is good for nothing but DMA */
#define MACHINE_BARS       0xc0000000
#define MACHINE_BARS_END   0xfec00000 /* interrupt controllers and the end of the world above */
#define MACHINE_PORTS      0x1000     /* where BARs of port IO can be */
#define MACHINE_PORTS_END  0x10000

/* Parameters, 32 bits each, at MACHINE_PARAMETERS + one of these. */
#define PARAMETER_MODE    0
#define PARAMETER_TSC_KHZ 4
#define PARAMETER_SECONDS 8 /* how long to fuzz */
#define PARAMETER_VCPUS   12
#define PARAMETER_SEED    16
#define N_PARAMETERS      5

/* Bits of the mode. */
#define MODE_BENCH 1
#define MODE_FUZZ  2
#define MODE_LOSE  4
#define MODE_BACK  8 /* what was lost comes back */

/* Ports. */
#define PORT_POWER        0xf0 /* W: starts the other vCPUs */
#define PORT_EXIT         0xf4 /* W, 8 bits: the end, with a status: 0 is good */
#define PORT_ASK          0xf5 /* W, 8 bits: one of these; R, 8 bits: 0 if the last was granted */
#define ASK_REST          1    /*   let this vCPU rest for 10 ms */
#define ASK_RAISE_INTX    2    /*   have the device raise INTx */
#define ASK_LOSE_DEVICE   3    /*   end the device's server, if it is ours */
#define ASK_RETURN_DEVICE 4    /*   start it again */
#define ASK_POST_WRITES   5    /*   post writes to BAR0 from now on */
#define PORT_EXITS        0xf8 /* R, 32 bits: how many accesses to memory have left the guest */
#define PORT_SERIAL       0x3f8
#define PORT_ELCR         0x4d0
#define PORT_PCI          0xcf8 /* configuration mechanism 1 */

/* The wiring. */
#define MACHINE_SLOT 1  /* of PCI bus 0, where the device is */
#define MACHINE_INTX 11 /* what its pin A is connected to */

#endif /* MACHINE_H */
