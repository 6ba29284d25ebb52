/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What is on the bus of the machine besides the device: a serial port, and ports to ask the
 * monitor for something.
 */

#ifndef BOARD_H
#define BOARD_H

#include "pci.h"

typedef struct _Board Board;

/* Told on a vCPU's thread. */
typedef struct
{
  void (*ended) (gpointer user_data, int status); /* the guest has, or a vCPU has crashed */
  void (*lose_device) (gpointer user_data);       /* if it is ours */
  void (*return_device) (gpointer user_data);
} BoardFuncs;

Board *board_new (Vm *vm, Device *device, Pci *pci, const BoardFuncs *funcs, gpointer user_data);
void board_free (Board *board);
const VmBus *board_get_bus (void); /* its data is the board */

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Board, board_free)

#endif /* BOARD_H */
