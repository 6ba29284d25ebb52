/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * One client's stay: takes its commands from the socket, has the device execute them in order, and
 * answers. Runs from the default main context until the client leaves.
 */

#pragma once

#include "device.h"

typedef struct _Server Server;

/* The client has left (ERROR is NULL) or was thrown out. Called once, from the main context; the
   server may be freed from inside it. */
typedef void (*ServerDoneFunc) (const GError *error, gpointer user_data);

typedef struct
{
  gboolean verbose; /* every command is a line on standard error */
  gboolean no_twin_socket;
  gboolean no_write_multiple;
  gboolean reply_to_posted; /* writes that want no reply get one */
  int reset_delay;          /* milliseconds, for which nothing but the twin socket is served */
  int drop_after;           /* commands; 0: never */
} ServerOptions;

/* Takes the connected SOCKET over; DEVICE and OPTIONS must outlive the server. */
Server *server_new (Device *device,
                    int socket,
                    const ServerOptions *options,
                    ServerDoneFunc done,
                    gpointer user_data);
void server_free (Server *server);
