/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What one says to the demo device, on top of client.h: VERSION, and accesses of BAR0.
 *
 *   int fd = demo_device_start (demo);
 *
 *   demo_client_negotiate (fd, "", DEMO_AGREED);
 *   demo_client_write (fd, "u64:0x008", 4, "u32:17");
 *   demo_client_expect (fd, "u64:0x008", 4, "u32:17");
 *
 * Offsets and values are texts of hex.h.  A write has the message id 7, a read 8.
 */

#ifndef HARNESS_DEMO_CLIENT_H
#define HARNESS_DEMO_CLIENT_H

#include <glib.h>

G_BEGIN_DECLS

/* A proposal, and the capabilities that it answers without it and with it. */
#define DEMO_PROPOSE_TWIN "\"twin_socket\":{\"supported\":true}"
#define DEMO_AGREED                                                                                \
  "\"max_msg_fds\":16,\"max_data_xfer_size\":1048576,\"max_dma_maps\":65535,\"pgsizes\":4096,"     \
  "\"migration\":{\"pgsize\":4096}"
#define DEMO_AGREED_TWIN DEMO_AGREED ",\"twin_socket\":{\"supported\":true,\"fd_index\":0}"

/*
 * Proposes the capabilities @proposal, and expects @answer.  Returns the twin socket, the caller's,
 * or -1.
 */
int demo_client_negotiate (int fd, const char *proposal, const char *answer);

/* Half an access each, then whole ones. */
void demo_client_say_write (int fd, const char *offset, gsize size, const char *value);
void demo_client_hear_written (int fd, const char *offset, gsize size);
void demo_client_say_read (int fd, const char *offset, gsize size);
void demo_client_hear_read (int fd, const char *offset, gsize size, const char *value);

void demo_client_write (int fd, const char *offset, gsize size, const char *value);
void demo_client_expect (int fd, const char *offset, gsize size, const char *value);

G_END_DECLS

#endif /* HARNESS_DEMO_CLIENT_H */
