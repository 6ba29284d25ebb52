/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The messages that tests of the demo device itself need again and again.  Called on the thread
 * that runs the case.
 */

#include "demo-client.h"

#include "client.h"

#include <string.h>

int
demo_client_negotiate (int fd, const char *proposal, const char *answer)
{
  g_autofree char *said = g_strdup_printf (
    "u16:1 u16:1 u32:%zu u32:0 u32:0 | u16:0 u16:1 '{\"capabilities\":{%s}}' 00",
    16 + 4 + strlen (proposal) + strlen ("{\"capabilities\":{}}") + 1, proposal);
  g_autofree char *heard = g_strdup_printf (
    "u16:1 u16:1 u32:%zu u32:1 u32:0 | u16:0 u16:1 '{\"capabilities\":{%s}}' 00",
    16 + 4 + strlen (answer) + strlen ("{\"capabilities\":{}}") + 1, answer);
  int twin = -1;

  client_say (fd, said);
  if (client_hear_with_fds (fd, heard, &twin, 1) == 0)
    return -1;

  return twin;
}

void
demo_client_say_write (int fd, const char *offset, gsize size, const char *value)
{
  g_autofree char *text = g_strdup_printf (
    "u16:7 u16:10 u32:%zu u32:0 u32:0 | %s u32:0 u32:%zu | %s", 32 + size, offset, size, value);

  client_say (fd, text);
}

void
demo_client_hear_written (int fd, const char *offset, gsize size)
{
  g_autofree char *text = g_strdup_printf ("u16:7 u16:10 u32:32 u32:1 u32:0 | %s u32:0 u32:%zu",
                                           offset, size);

  client_hear (fd, text);
}

void
demo_client_write (int fd, const char *offset, gsize size, const char *value)
{
  demo_client_say_write (fd, offset, size, value);
  demo_client_hear_written (fd, offset, size);
}

void
demo_client_say_read (int fd, const char *offset, gsize size)
{
  g_autofree char *text = g_strdup_printf ("u16:8 u16:9 u32:32 u32:0 u32:0 | %s u32:0 u32:%zu",
                                           offset, size);

  client_say (fd, text);
}

void
demo_client_hear_read (int fd, const char *offset, gsize size, const char *value)
{
  g_autofree char *text = g_strdup_printf (
    "u16:8 u16:9 u32:%zu u32:1 u32:0 | %s u32:0 u32:%zu | %s", 32 + size, offset, size, value);

  client_hear (fd, text);
}

void
demo_client_expect (int fd, const char *offset, gsize size, const char *value)
{
  demo_client_say_read (fd, offset, size);
  demo_client_hear_read (fd, offset, size, value);
}
