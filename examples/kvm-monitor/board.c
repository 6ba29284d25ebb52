/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The board: who is where in the spaces of memory and ports.  A serial port that only prints, a
 * port to end with, ports by which the guest asks for what a test needs.  Where nobody is reads
 * are all ones, and writes go nowhere.
 *
 * Does not know the library, nor KVM.  vCPU threads call it, several at once.
 */

#include "board.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "machine.h"

#define INTX     0 /* VFIO's index */
#define REST_US  10000
#define MAX_LINE 512

struct _Board
{
  Vm *vm;
  Device *device;
  Pci *pci;
  const BoardFuncs *funcs;
  gpointer user_data;
  atomic_uint exits;      /* accesses to memory that came here */
  atomic_bool was_denied; /* what was asked for last */
  GMutex lock;
  GString *line; /* guarded by lock */
};

static void
print (Board *board, char c)
{
  g_mutex_lock (&board->lock);
  if (c != '\n')
    g_string_append_c (board->line, g_ascii_isprint (c) ? c : '?');
  if (c == '\n' || board->line->len == MAX_LINE)
    {
      printf ("%s\n", board->line->str);
      fflush (stdout);
      g_string_truncate (board->line, 0);
    }
  g_mutex_unlock (&board->lock);
}

static void
serve (Board *board, guint8 what)
{
  g_autoptr (GError) error = NULL;
  gboolean ok = TRUE;

  switch (what)
    {
    case ASK_RAISE_INTX:
      ok = device_raise (board->device, INTX);
      break;
    case ASK_LOSE_DEVICE:
      board->funcs->lose_device (board->user_data);
      break;
    case ASK_RETURN_DEVICE:
      board->funcs->return_device (board->user_data);
      break;
    case ASK_POST_WRITES:
      ok = device_post_writes (board->device, 0, &error);
      if (!ok)
        g_printerr ("kvm-monitor: %s\n", error->message);
      break;
    case ASK_REST:
      g_usleep (REST_US);
      break;
    default:
      break;
    }
  board->was_denied = !ok;
}

static void
port_write (gpointer user_data, guint16 port, gconstpointer data, guint size)
{
  Board *board = user_data;
  const guint8 *bytes = data;

  if (pci_port_write (board->pci, port, data, size))
    return;
  switch (port)
    {
    case PORT_SERIAL:
      print (board, (char) bytes[0]);
      break;
    case PORT_POWER:
      vm_power_on (board->vm);
      break;
    case PORT_EXIT:
      board->funcs->ended (board->user_data, bytes[0]);
      break;
    case PORT_ASK:
      serve (board, bytes[0]);
      break;
    default:
      break;
    }
}

static void
port_read (gpointer user_data, guint16 port, gpointer data, guint size)
{
  Board *board = user_data;

  if (pci_port_read (board->pci, port, data, size))
    return;
  memset (data, 0xff, size);
  if (port == PORT_ASK && size == 1)
    *(guint8 *) data = board->was_denied;
  if (port == PORT_EXITS && size == 4)
    {
      guint32 exits = GUINT32_TO_LE (board->exits);

      memcpy (data, &exits, sizeof exits);
    }
}

static void
memory_read (gpointer user_data, guint64 address, gpointer data, guint size)
{
  Board *board = user_data;

  board->exits++;
  if (!pci_memory_read (board->pci, address, data, size))
    memset (data, 0xff, size);
}

static void
memory_write (gpointer user_data, guint64 address, gconstpointer data, guint size)
{
  Board *board = user_data;

  board->exits++;
  pci_memory_write (board->pci, address, data, size);
}

static void
crashed (gpointer user_data, const char *why)
{
  Board *board = user_data;

  g_printerr ("kvm-monitor: %s\n", why);
  board->funcs->ended (board->user_data, 1);
}

const VmBus *
board_get_bus (void)
{
  static const VmBus bus = { memory_read, memory_write, port_read, port_write, crashed };

  return &bus;
}

Board *
board_new (Vm *vm, Device *device, Pci *pci, const BoardFuncs *funcs, gpointer user_data)
{
  Board *board = g_new0 (Board, 1);

  g_mutex_init (&board->lock);
  board->vm = vm;
  board->device = device;
  board->pci = pci;
  board->funcs = funcs;
  board->user_data = user_data;
  board->line = g_string_new (NULL);
  return board;
}

void
board_free (Board *board)
{
  g_string_free (board->line, TRUE);
  g_mutex_clear (&board->lock);
  g_free (board);
}
