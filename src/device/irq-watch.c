/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Interrupts for callers that have no irqfd: eventfds of our own, which the session watches
 * (session/watched.c).  Their function runs where callbacks do; the rest on any thread.
 *
 * The server has the same eventfds, not copies: it can signal them as often as it likes, read them
 * empty, fill their counters, and take O_NONBLOCK away.  A read takes all that was counted, so a
 * full counter is a large number and no more; one that finds nothing is no interrupt; and it never
 * waits, as it says so itself (RWF_NOWAIT) instead of relying on the flag.
 *
 * A watch belongs to the index once its interrupts are armed (irq-state.c), and is stopped by
 * whoever takes it out of there.  It goes with the last of its descriptors.
 */

#include "device/irq-watch.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/error.h"
#include "device/irq-set.h"

typedef struct
{
  VucIrqWatch *watch; /* a reference */
  guint32 sub_index;
  int fd;
  VucWatched *watched;
} Vector;

struct _VucIrqWatch
{
  gint ref_count; /* atomic */
  guint32 irq;
  VucIrqFunc func;
  gpointer user_data;
  GDestroyNotify destroy;
  GPtrArray *vectors; /* of Vector; each belongs to the session */
};

static void
watch_unref (VucIrqWatch *watch)
{
  if (!g_atomic_int_dec_and_test (&watch->ref_count))
    return;
  if (watch->destroy != NULL)
    watch->destroy (watch->user_data);
  g_ptr_array_unref (watch->vectors);
  g_free (watch);
}

static void
vector_free (gpointer data)
{
  Vector *vector = data;

  close (vector->fd);
  watch_unref (vector->watch);
  g_free (vector);
}

/* --- What comes --- */

/* Kernels before 5.8 do not know RWF_NOWAIT here: then a server that takes the flag away, and reads
 * the counter empty, between these calls, holds us until it signals. */
static gssize
read_old_kernel (int fd, guint64 *count)
{
  int flags = fcntl (fd, F_GETFL);

  if (flags >= 0 && (flags & O_NONBLOCK) == 0)
    (void) fcntl (fd, F_SETFL, flags | O_NONBLOCK);
  return read (fd, count, sizeof *count);
}

/* 0 if there is nothing. */
static guint64
take_count (int fd)
{
  guint64 count = 0;
  struct iovec iov = { &count, sizeof count };
  gssize n = preadv2 (fd, &iov, 1, -1, RWF_NOWAIT);

  if (n < 0 && (errno == EOPNOTSUPP || errno == ENOSYS))
    n = read_old_kernel (fd, &count);
  return n == sizeof count ? count : 0;
}

static void
on_signalled (VucDevice *device, gpointer user_data)
{
  const Vector *vector = user_data;
  const VucIrqWatch *watch = vector->watch;
  guint64 count = take_count (vector->fd);

  if (count > 0)
    watch->func (device, watch->irq, vector->sub_index, count, watch->user_data);
}

/* --- Beginning and end --- */

static gboolean
add_vector (VucIrqWatch *watch, VucDevice *device, guint32 sub_index, GError **error)
{
  int fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  Vector *vector;

  if (fd < 0)
    return vuc_fail_errno (error, VUC_ERROR_LIMIT, errno, "creating an eventfd");
  vector = g_new0 (Vector, 1);
  g_atomic_int_inc (&watch->ref_count);
  vector->watch = watch;
  vector->sub_index = sub_index;
  vector->fd = fd;
  vector->watched = vuc_session_watch (device->session, fd, on_signalled, vector, vector_free,
                                       error);
  if (vector->watched == NULL)
    {
      vector_free (vector);
      return FALSE;
    }
  g_ptr_array_add (watch->vectors, vector);
  return TRUE;
}

void
vuc_irq_watch_stop (VucIrqWatch *watch)
{
  for (guint i = 0; i < watch->vectors->len; i++)
    vuc_session_unwatch (((Vector *) watch->vectors->pdata[i])->watched);
  watch_unref (watch);
}

/* --- Requests --- */

/* A request whose interrupts are watched before they are armed, so that none is lost; *fds are its
 * eventfds.  If the request fails the watch that there was stays, for what the server did not take
 * from it. */
static gboolean
prepare (VucIrqRequest *request,
         VucDevice *device,
         guint32 irq,
         guint32 start,
         guint32 count,
         VucIrqWatch *watch,
         int **fds,
         GError **error)
{
  *request = (VucIrqRequest){ .irq = irq,
                              .flags = VUC_IRQ_SET_DATA_EVENTFD | VUC_IRQ_SET_ACTION_TRIGGER,
                              .start = start,
                              .count = count,
                              .n_fds = count,
                              .watch = watch };
  if (!vuc_irq_request_check (device, request, error))
    return FALSE;

  request->fds = *fds = g_new (int, count);
  for (guint32 i = 0; i < count; i++)
    {
      if (!add_vector (watch, device, start + i, error))
        return FALSE;
      (*fds)[i] = ((const Vector *) watch->vectors->pdata[i])->fd;
    }
  return TRUE;
}

static VucIrqWatch *
watch_new (guint32 irq, VucIrqFunc func, gpointer user_data, GDestroyNotify destroy)
{
  VucIrqWatch *watch = g_new0 (VucIrqWatch, 1);

  *watch = (VucIrqWatch){ .ref_count = 1,
                          .irq = irq,
                          .func = func,
                          .user_data = user_data,
                          .destroy = destroy,
                          .vectors = g_ptr_array_new () };
  return watch;
}

static void
stop_watching (VucDevice *device, guint32 irq)
{
  VucIrqWatch *watch = NULL;

  if (vuc_device_get_irq_info (device, irq) != NULL)
    watch = vuc_irq_steal_watch (device, irq);
  if (watch != NULL)
    vuc_irq_watch_stop (watch);
}

/* --- Public --- */

gboolean
vuc_device_watch_irq (VucDevice *device,
                      guint32 irq,
                      guint32 start,
                      guint32 count,
                      VucIrqFunc func,
                      gpointer user_data,
                      GDestroyNotify destroy,
                      GError **error)
{
  g_autoptr (VucDevice) in_use = NULL;
  g_autofree int *fds = NULL;
  VucIrqRequest request;
  VucIrqWatch *watch;

  g_return_val_if_fail (device != NULL, FALSE);
  g_return_val_if_fail (func != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  in_use = vuc_device_ref (device);
  watch = watch_new (irq, func, user_data, destroy);
  if (prepare (&request, device, irq, start, count, watch, &fds, error))
    return vuc_irq_request_run (device, &request, error);
  vuc_irq_watch_stop (watch);
  return FALSE;
}

VucOperation
vuc_device_watch_irq_async (VucDevice *device,
                            guint32 irq,
                            guint32 start,
                            guint32 count,
                            VucIrqFunc func,
                            gpointer func_data,
                            GDestroyNotify func_destroy,
                            VucCallback callback,
                            gpointer user_data,
                            GDestroyNotify destroy)
{
  const VucReceiver receiver = { callback, user_data, destroy };
  g_autofree int *fds = NULL;
  GError *error = NULL;
  VucIrqRequest request;
  VucIrqWatch *watch;

  g_return_val_if_fail (device != NULL, 0);
  g_return_val_if_fail (func != NULL, 0);

  watch = watch_new (irq, func, func_data, func_destroy);
  if (prepare (&request, device, irq, start, count, watch, &fds, &error))
    return vuc_irq_request_start (device, &request, &receiver);
  vuc_irq_watch_stop (watch);
  return vuc_device_start_failed (device, error, &receiver);
}

gboolean
vuc_device_unwatch_irq (VucDevice *device, guint32 irq, GError **error)
{
  g_autoptr (VucDevice) in_use = NULL;

  g_return_val_if_fail (device != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  in_use = vuc_device_ref (device);
  stop_watching (device, irq);
  return vuc_device_disable_irq (device, irq, error);
}

VucOperation
vuc_device_unwatch_irq_async (VucDevice *device,
                              guint32 irq,
                              VucCallback callback,
                              gpointer user_data,
                              GDestroyNotify destroy)
{
  g_return_val_if_fail (device != NULL, 0);

  stop_watching (device, irq);
  return vuc_device_disable_irq_async (device, irq, callback, user_data, destroy);
}
