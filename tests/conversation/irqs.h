/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Interrupts: a scripted device that has all kinds of them, and eventfds to arm them with.
 *
 *   g_auto(Eventfds) eventfds = { 0 };
 *
 *   script_handshake (server, &script_irq_device);
 *   script_expect_command (server, 8, SET_IRQS (0x24, 2, 0, 8));
 *   script_expect_fds (server, 8);
 *   script_reply (server, "");
 *   ...
 *   arm_or_fail (device, 2, 0, eventfds_make (&eventfds, 8), 8);
 *   script_signal_fd ...
 *   expect_count (eventfds.fds[3], 1);
 */

#ifndef CONVERSATION_IRQS_H
#define CONVERSATION_IRQS_H

#include <vfio-user-client/vfio-user-client.h>

#include "harness/script-device.h"

G_BEGIN_DECLS

/* Its indexes: INTX and MSI are those of every PCI device; MSI is NORESIZE. */
#define INTX 0
#define MSI 1
#define MSIX 2
#define PLAIN 3 /* 4 interrupts, without eventfds */
#define EMPTY 4 /* no interrupts */

/* The server takes 8 descriptors in one message. */
extern const ScriptDevice script_irq_device;

/* A request without booleans, and how long it is with those that follow it. */
#define SET_IRQS(flags, index, start, count) SET_IRQS_OF (20, flags, index, start, count)
#define SET_IRQS_OF(argsz, flags, index, start, count) \
  "u32:" #argsz " | u32:" #flags " | u32:" #index " | u32:" #start " | u32:" #count " | "

#define MAX_EVENTFDS 32

typedef struct
{
  int fds[MAX_EVENTFDS];
  guint n;
} Eventfds;

/* Makes so many more.  Returns the first of these. */
const int *eventfds_make (Eventfds *eventfds, guint n);
void eventfds_clear (Eventfds *eventfds);

/* That an eventfd counts so many, when it counts anything; it is empty then. */
void expect_count (int fd, guint64 count);
void expect_no_count (int fd);
gboolean is_signalled (int fd);

/* That n interrupts are in this state. */
void expect_states (VucDevice *device, guint32 irq, guint32 start, guint n, VucIrqState state);

void arm_or_fail (VucDevice *device, guint32 irq, guint32 start, const int *fds, guint n);
void disable_or_fail (VucDevice *device, guint32 irq);

/* The script: such a request with n descriptors comes, and is answered. */
void script_arming (ScriptServer *server, const char *request, guint n);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Eventfds, eventfds_clear)

G_END_DECLS

#endif /* CONVERSATION_IRQS_H */
