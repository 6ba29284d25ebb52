/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Interrupts: the three data types and three actions of DEVICE_SET_IRQS, and the firing of a
 * vector.
 *
 * A request is checked as a whole before anything of it is done. Does not know why a vector fires.
 */

#include "interrupts.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* What can happen to a vector. For each the client may give an eventfd: TRIGGERED is how it learns
   of an interrupt, the others tell it what the guest did. */
typedef enum
{
  MASKED,
  UNMASKED,
  TRIGGERED,
  N_EVENTS
} Event;

typedef struct
{
  int eventfds[N_EVENTS]; /* -1: none */
  gboolean masked;
  gboolean pending; /* fired while masked */
} Vector;

struct _Interrupts
{
  Vector vectors[VFIO_PCI_NUM_IRQS][MAX_VECTORS];
  guint n_enabled[VFIO_PCI_NUM_IRQS]; /* vectors from 0 on; 0 until there is an eventfd */
  guint msix_vectors;
  guint32 n_acts[N_EVENTS]; /* on single vectors, by DEVICE_SET_IRQS */
};

#define INTX_FLAGS (VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED)

/* MSI has to be enabled as a set, because how many messages there are is agreed between guest and
   device once; MSI-X vectors come and go one by one. */
static const struct
{
  guint32 flags;
  guint32 count; /* at most */
} indexes[VFIO_PCI_NUM_IRQS] = {
  [VFIO_PCI_INTX_IRQ_INDEX] = { INTX_FLAGS, 1 },
  [VFIO_PCI_MSI_IRQ_INDEX] = { VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE, MSI_VECTORS },
  [VFIO_PCI_MSIX_IRQ_INDEX] = { VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE, MSIX_VECTORS },
  [VFIO_PCI_ERR_IRQ_INDEX] = { VFIO_IRQ_INFO_EVENTFD, 1 },
  [VFIO_PCI_REQ_IRQ_INDEX] = { VFIO_IRQ_INFO_EVENTFD, 1 },
};

static guint32
count_vectors (const Interrupts *interrupts, guint32 index)
{
  return index == VFIO_PCI_MSIX_IRQ_INDEX ? interrupts->msix_vectors : indexes[index].count;
}

/* DEVICE_SET_IRQS, taken apart. */
typedef struct
{
  guint32 data; /* one of VFIO_IRQ_SET_DATA_... */
  Event event;
  guint32 index;
  guint32 start;
  guint32 count;
  const guint8 *booleans; /* count bytes if data is BOOL */
} Request;

static void
set_eventfd (Vector *vector, Event event, int eventfd)
{
  if (vector->eventfds[event] >= 0)
    close (vector->eventfds[event]);
  vector->eventfds[event] = eventfd;
}

static void
disable (Interrupts *interrupts, guint32 index)
{
  for (guint i = 0; i < MAX_VECTORS; i++)
    {
      Vector *vector = &interrupts->vectors[index][i];

      for (Event event = 0; event < N_EVENTS; event++)
        set_eventfd (vector, event, -1);
      vector->masked = vector->pending = FALSE;
    }
  interrupts->n_enabled[index] = 0;
}

/* The client could have filled the counter, or made the descriptor blocking: nothing that it does
   may stop us, so we look before we write. A counter that is full has woken it up anyway. */
static void
signal_eventfd (int eventfd)
{
  GPollFD poll_fd = { .fd = eventfd, .events = G_IO_OUT };
  const guint64 one = 1;

  if (eventfd < 0 || g_poll (&poll_fd, 1, 0) != 1 || !(poll_fd.revents & G_IO_OUT))
    return;
  if (write (eventfd, &one, sizeof (one)) < 0)
    g_debug ("eventfd: %s", g_strerror (errno));
}

static void
fire (Interrupts *interrupts, guint32 index, guint32 number)
{
  Vector *vector = &interrupts->vectors[index][number];

  vector->pending = vector->masked;
  if (vector->masked)
    return;
  signal_eventfd (vector->eventfds[TRIGGERED]);
  vector->masked = (indexes[index].flags & VFIO_IRQ_INFO_AUTOMASKED) != 0;
}

static void
unmask (Interrupts *interrupts, guint32 index, guint32 number)
{
  Vector *vector = &interrupts->vectors[index][number];

  vector->masked = FALSE;
  if (vector->pending)
    fire (interrupts, index, number);
}

static gboolean
has_one_bit (guint32 value)
{
  return value != 0 && (value & (value - 1)) == 0;
}

static gboolean
parse_flags (guint32 flags, Request *request)
{
  guint32 action = flags & VFIO_IRQ_SET_ACTION_TYPE_MASK;

  request->data = flags & VFIO_IRQ_SET_DATA_TYPE_MASK;
  request->event = action == VFIO_IRQ_SET_ACTION_MASK     ? MASKED
                   : action == VFIO_IRQ_SET_ACTION_UNMASK ? UNMASKED
                                                          : TRIGGERED;
  return (request->data | action) == flags && has_one_bit (request->data) && has_one_bit (action);
}

/* Whether the message is well-formed: sizes agree, and the vectors exist. */
static gboolean
parse (const Interrupts *interrupts, const Message *message, Request *request)
{
  struct vfio_irq_set set;
  gsize needed;
  guint32 n_vectors;

  memcpy (&set, message->payload, sizeof (set));
  request->index = set.index;
  request->start = set.start;
  request->count = set.count;
  request->booleans = message->payload + sizeof (set);

  if (!parse_flags (set.flags, request) || set.index >= VFIO_PCI_NUM_IRQS)
    return FALSE;
  n_vectors = count_vectors (interrupts, set.index);
  if (set.start >= n_vectors || set.count > n_vectors - set.start)
    return FALSE;

  /* argsz may be larger: some clients count the descriptors as data, as the kernel does. */
  needed = sizeof (set) + (request->data == VFIO_IRQ_SET_DATA_BOOL ? set.count : 0);
  return message->payload_size == needed && set.argsz >= needed;
}

/* Whether what is asked for makes sense for this index in its present state. */
static gboolean
is_allowed (const Interrupts *interrupts, const Request *request, guint n_fds)
{
  guint32 flags = indexes[request->index].flags;
  guint n_enabled = interrupts->n_enabled[request->index];

  if (request->event != TRIGGERED && !(flags & VFIO_IRQ_INFO_MASKABLE))
    return FALSE;

  if (request->count == 0)
    return request->data == VFIO_IRQ_SET_DATA_NONE && request->event == TRIGGERED
           && request->start == 0 && n_fds == 0;

  if (request->data != VFIO_IRQ_SET_DATA_EVENTFD)
    return n_fds == 0;

  if (n_fds == 0) /* de-assign */
    return TRUE;
  if (n_fds != request->count)
    return FALSE;
  return !(flags & VFIO_IRQ_INFO_NORESIZE) || request->event != TRIGGERED || n_enabled == 0
         || request->start + request->count <= n_enabled;
}

static void
assign_eventfds (Interrupts *interrupts, const Request *request, Message *message)
{
  guint *n_enabled = &interrupts->n_enabled[request->index];

  for (guint32 i = 0; i < request->count; i++)
    set_eventfd (&interrupts->vectors[request->index][request->start + i], request->event,
                 message->n_fds > 0 ? message_steal_fd (message, i) : -1);

  if (message->n_fds > 0 && request->event == TRIGGERED)
    *n_enabled = MAX (*n_enabled, request->start + request->count);
}

static void
act (Interrupts *interrupts, const Request *request)
{
  for (guint32 i = 0; i < request->count; i++)
    {
      guint32 number = request->start + i;

      if (request->data == VFIO_IRQ_SET_DATA_BOOL && !request->booleans[i])
        continue;

      interrupts->n_acts[request->event]++;
      switch (request->event)
        {
        case MASKED:
          interrupts->vectors[request->index][number].masked = TRUE;
          break;
        case UNMASKED:
          unmask (interrupts, request->index, number);
          break;
        case TRIGGERED:
          fire (interrupts, request->index, number);
          break;
        case N_EVENTS:
          g_assert_not_reached ();
        }
    }
}

gboolean
interrupts_fire_msix (Interrupts *interrupts, guint32 number)
{
  if (number >= interrupts->msix_vectors)
    return FALSE;
  fire (interrupts, VFIO_PCI_MSIX_IRQ_INDEX, number);
  return TRUE;
}

guint32
interrupts_get_n_masked (const Interrupts *interrupts)
{
  return interrupts->n_acts[MASKED];
}

guint32
interrupts_get_n_unmasked (const Interrupts *interrupts)
{
  return interrupts->n_acts[UNMASKED];
}

void
interrupts_reset (Interrupts *interrupts)
{
  memset (interrupts->n_acts, 0, sizeof (interrupts->n_acts));
}

int
interrupts_set (Interrupts *interrupts, Message *message)
{
  Request request;

  if (!parse (interrupts, message, &request) || !is_allowed (interrupts, &request, message->n_fds))
    return EINVAL;

  if (request.count == 0)
    disable (interrupts, request.index);
  else if (request.data == VFIO_IRQ_SET_DATA_EVENTFD)
    assign_eventfds (interrupts, &request, message);
  else
    act (interrupts, &request);
  return 0;
}

gboolean
interrupts_describe (const Interrupts *interrupts, struct vfio_irq_info *info)
{
  if (info->index >= VFIO_PCI_NUM_IRQS)
    return FALSE;

  info->flags = indexes[info->index].flags;
  info->count = count_vectors (interrupts, info->index);
  return TRUE;
}

Interrupts *
interrupts_new (guint msix_vectors)
{
  Interrupts *interrupts = g_new0 (Interrupts, 1);

  interrupts->msix_vectors = msix_vectors;
  for (guint index = 0; index < VFIO_PCI_NUM_IRQS; index++)
    for (guint i = 0; i < MAX_VECTORS; i++)
      for (Event event = 0; event < N_EVENTS; event++)
        interrupts->vectors[index][i].eventfds[event] = -1;
  return interrupts;
}

void
interrupts_clear (Interrupts *interrupts)
{
  for (guint32 index = 0; index < VFIO_PCI_NUM_IRQS; index++)
    disable (interrupts, index);
}

void
interrupts_free (Interrupts *interrupts)
{
  interrupts_clear (interrupts);
  g_free (interrupts);
}
