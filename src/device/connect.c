/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The task that connects a device, for the first time or again: a socket, VERSION, DEVICE_GET_INFO,
 * all queries; and when it is known already, the IO descriptors that were asked for before, whether
 * it is the same device still, a reset if that is wanted, guest memory, the eventfds of interrupts,
 * the descriptors behind their old numbers, and what was mapped of them at its old addresses.  Does
 * not know who waits for it.  A step runs on any thread, never on two at a time.
 */

#include <unistd.h>

#include "access/io-fd-kind.h"
#include "base/error.h"
#include "base/limits.h"
#include "device/dma-bulk.h"
#include "device/io-fds-query.h"
#include "device/irq-set.h"
#include "device/mapping.h"
#include "device/operation.h"
#include "device/posting.h"
#include "device/query.h"
#include "transport/connect.h"
#include "wire/device-info.h"
#include "wire/version.h"

/* Between attempts while the server's backlog is full: twice as long each time. */
#define FIRST_PAUSE_US 500
#define LAST_PAUSE_US  20000

typedef struct
{
  VucTask task;
  VucDevice *device;
  guint phase;        /* in the table of phases */
  gboolean asked;     /* the phase has submitted something */
  gboolean by_caller; /* else the device does it by itself */
  gint64 pause;       /* microseconds until the next attempt */

  VucVersion proposal;
  GByteArray *payload;
  guint8 *reply;
  gsize reply_capacity;
  VucFdSet fds;
  VucCall call;

  VucShape shape; /* what is being read */
  VucQueries queries;
  guint32 region; /* whose IO descriptors are asked for, next or now */
  VucIoFdsQuery io_fds;
  GPtrArray *dma_regions; /* to be told of; NULL: not yet */
  gboolean is_restoring;  /* nobody can unmap them */
  VucDmaBulk dma;
  GError *dma_error;
  VucIrqRestore irqs;
} Connect;

typedef enum
{
  PHASE_WAITS, /* called again when what it submitted is over */
  PHASE_OVER,
  PHASE_FAILS /* with error set */
} PhaseStatus;

/* The call of a phase that asks one thing: submitted at first, then its outcome. */
static PhaseStatus
ask_once (Connect *connect, GError **error)
{
  VucCall *call = &connect->call;

  connect->asked = !connect->asked;
  if (connect->asked)
    {
      vuc_task_submit (&connect->task, &call, 1);
      return PHASE_WAITS;
    }
  if (call->error == NULL)
    return PHASE_OVER;
  g_propagate_error (error, g_steal_pointer (&call->error));
  return PHASE_FAILS;
}

/* --- A socket --- */

static int
reopen (Connect *connect, GError **error)
{
  const VucHook *hook = connect->device->settings.hooks[VUC_HOOK_REOPEN];
  g_autoptr (GError) reason = NULL;
  int supplied, adopted;

  if (hook == NULL)
    {
      vuc_fail (
        error, VUC_ERROR_NOT_SUPPORTED,
        "the device was made from a descriptor, and there is no function to supply another");
      return -1;
    }

  vuc_session_enter_callback ();
  supplied = ((VucReopenFunc) hook->func) (hook->user_data, &reason);
  vuc_session_leave_callback ();
  if (supplied < 0)
    {
      vuc_fail (error, VUC_ERROR_CONNECT, "no other descriptor was supplied: %s",
                reason != NULL ? reason->message : "no reason was given");
      return -1;
    }
  adopted = vuc_connect_adopt (supplied, error);
  close (supplied);
  return adopted;
}

static int
take_first_socket (VucDevice *device)
{
  int socket;

  g_mutex_lock (&device->lock);
  socket = device->first_socket;
  device->first_socket = -1;
  g_mutex_unlock (&device->lock);
  return socket;
}

static PhaseStatus
open_socket (Connect *connect, GError **error)
{
  VucDevice *device = connect->device;
  VucConnectStatus status = VUC_CONNECT_DONE;
  int socket = take_first_socket (device);

  if (socket < 0 && device->path != NULL)
    status = vuc_connect_path (device->path, &socket, error);
  else if (socket < 0 && (socket = reopen (connect, error)) < 0)
    status = VUC_CONNECT_FAILED;

  if (status == VUC_CONNECT_AGAIN)
    {
      vuc_task_sleep_until (&connect->task, g_get_monotonic_time () + connect->pause);
      connect->pause = MIN (connect->pause * 2, LAST_PAUSE_US);
      return PHASE_WAITS;
    }
  if (status == VUC_CONNECT_DONE)
    {
      vuc_mappings_begin_connecting (device->mappings);
      g_mutex_lock (&device->lock);
      device->n_attempts++;
      g_mutex_unlock (&device->lock);
    }
  if (status == VUC_CONNECT_FAILED
      || !vuc_session_open (device->session, socket, device->path == NULL, error))
    return PHASE_FAILS;
  return PHASE_OVER;
}

/* --- VERSION --- */

static void
fill_proposal (const VucSettings *settings, VucVersion *proposal)
{
  guint64 page_size = (guint64) sysconf (_SC_PAGESIZE);

  *proposal = (VucVersion){
    .major = VUC_VERSION_MAJOR,
    .minor = VUC_VERSION_MINOR,
    .max_msg_fds = settings->max_msg_fds,
    .max_data_xfer_size = VUC_LIMIT_DATA_XFER,
    .max_dma_maps = VUC_DEFAULT_MAX_DMA_MAPS,
    .pgsizes = page_size,
    .twin_socket = settings->twin_socket,
    .write_multiple = TRUE,
    .sparse_mmap_fds = TRUE,
    /* Some servers refuse any value but their own page size, which is the host's. */
    .migration_pgsize = page_size,
  };
}

/* The largest message that can come now: an information reply, or data of a read or a DMA_WRITE. */
static guint32
max_message (const VucVersion *agreed)
{
  guint64 data = MAX (MIN (agreed->max_data_xfer_size, VUC_LIMIT_READ_SIZE), VUC_LIMIT_DATA_XFER);

  return VUC_HEADER_SIZE + (guint32) MAX (VUC_LIMIT_ARGSZ, VUC_REGION_ACCESS_SIZE + data);
}

static gboolean
use_version (Connect *connect, GError **error)
{
  VucVersion agreed;
  int twin = -1;

  if (!vuc_version_decode (connect->reply, connect->call.reply_size, &connect->proposal,
                           connect->fds.count, &agreed, error))
    return FALSE;
  if (agreed.twin_socket)
    {
      twin = vuc_fd_set_steal (&connect->fds, agreed.twin_socket_fd_index);
      if (!vuc_io_fd_is_stream_socket (twin))
        {
          vuc_fd_close_received (twin);
          return vuc_fail_protocol (error,
                                    "VERSION reply: capabilities.twin_socket.fd_index: descriptor "
                                    "%u is not a connected stream socket",
                                    agreed.twin_socket_fd_index);
        }
    }

  vuc_shape_keep_agreement (&connect->shape, &agreed);

  /* A server that takes little data at a time may not take the longest of these, either. */
  vuc_posted_set_multiple (connect->device->traffic.posted,
                           agreed.write_multiple
                             && agreed.max_data_xfer_size >= VUC_POSTED_MAX_PAYLOAD);
  vuc_fd_set_clear (&connect->fds);
  vuc_session_set_negotiated (connect->device->session, max_message (&agreed), twin);
  return TRUE;
}

static PhaseStatus
negotiate (Connect *connect, GError **error)
{
  VucCall *call = &connect->call;
  PhaseStatus status;

  if (!connect->asked)
    {
      fill_proposal (&connect->device->settings, &connect->proposal);
      connect->payload = vuc_version_encode (&connect->proposal);
      connect->reply_capacity = VUC_VERSION_FIXED_SIZE + VUC_LIMIT_JSON_SIZE;
      connect->reply = g_malloc (connect->reply_capacity);

      vuc_call_init (call, VUC_COMMAND_VERSION);
      call->request_data = connect->payload->data;
      call->request_data_size = connect->payload->len;
      call->reply = connect->reply;
      call->reply_capacity = connect->reply_capacity;
      call->reply_min = VUC_VERSION_FIXED_SIZE;
      call->reply_fds = &connect->fds;
    }

  status = ask_once (connect, error);
  if (status == PHASE_OVER && !use_version (connect, error))
    return PHASE_FAILS;
  return status;
}

/* --- Information --- */

static PhaseStatus
ask_device_info (Connect *connect, GError **error)
{
  const VucSettings *settings = &connect->device->settings;
  VucDeviceInfo *info = &connect->shape.info;
  VucCall *call = &connect->call;
  VucDeviceInfoReply reply;
  PhaseStatus status;

  if (!connect->asked)
    {
      vuc_call_init (call, VUC_COMMAND_DEVICE_GET_INFO);
      vuc_device_info_encode (call->request);
      call->request_size = VUC_DEVICE_INFO_SIZE;
      call->reply = connect->reply;
      call->reply_capacity = VUC_DEVICE_INFO_SIZE;
      call->reply_min = VUC_DEVICE_INFO_SIZE;
    }

  status = ask_once (connect, error);
  if (status != PHASE_OVER)
    return status;
  if (!vuc_device_info_decode (connect->reply, call->reply_size, settings->max_regions,
                               settings->max_irqs, &reply, error))
    return PHASE_FAILS;

  info->flags = reply.flags;
  info->num_regions = reply.num_regions;
  info->num_irqs = reply.num_irqs;
  vuc_shape_allocate (&connect->shape);
  vuc_queries_init (&connect->queries, &connect->task, settings, &connect->shape);
  return PHASE_OVER;
}

static PhaseStatus
ask_for_the_rest (Connect *connect, GError **error)
{
  GError *failure = NULL;

  if (vuc_queries_step (&connect->queries, &failure) == VUC_TASK_GOES_ON)
    return PHASE_WAITS;
  vuc_queries_clear (&connect->queries);
  if (failure == NULL)
    return PHASE_OVER;
  g_propagate_error (error, failure);
  return PHASE_FAILS;
}

/* --- A device that is known already --- */

static gboolean
is_known (Connect *connect)
{
  return g_atomic_int_get (&connect->device->is_known);
}

/* The next region from this one on whose IO descriptors were handed out. */
static gboolean
find_region_with_io_fds (Connect *connect, gboolean *port_io)
{
  VucDevice *device = connect->device;
  guint32 n = MIN (device->shape.info.num_regions, connect->shape.info.num_regions);
  gboolean found = FALSE;

  g_mutex_lock (&device->lock);
  for (; connect->region < n && !found; connect->region += !found)
    {
      const VucRegion *region = &device->shape.regions[connect->region];

      found = region->io_fds.n_entries > 0;
      *port_io = region->port_io;
    }
  g_mutex_unlock (&device->lock);
  return found;
}

static PhaseStatus
ask_for_io_fds_again (Connect *connect, GError **error)
{
  GError *failure = NULL;
  gboolean port_io = FALSE;

  while (is_known (connect) && find_region_with_io_fds (connect, &port_io))
    {
      VucRegion *region = &connect->shape.regions[connect->region];

      if (!connect->asked)
        vuc_io_fds_query_init (&connect->io_fds, &connect->task, region, port_io);
      connect->asked = TRUE;
      if (vuc_io_fds_query_step (&connect->io_fds, &failure) == VUC_TASK_GOES_ON)
        return PHASE_WAITS;

      connect->asked = FALSE;
      region->io_fds = connect->io_fds.answer;
      connect->io_fds.answer = (VucRegionIoFdsKept){ 0 };
      vuc_io_fds_query_clear (&connect->io_fds);
      if (failure != NULL)
        {
          g_propagate_error (error, failure);
          return PHASE_FAILS;
        }
      connect->region++;
    }
  return PHASE_OVER;
}

static PhaseStatus
compare (Connect *connect, GError **error)
{
  if (!is_known (connect) || vuc_shape_compare (&connect->device->shape, &connect->shape, error))
    return PHASE_OVER;
  return PHASE_FAILS;
}

static PhaseStatus
reset_if_wanted (Connect *connect, GError **error)
{
  VucDevice *device = connect->device;
  PhaseStatus status;

  if (!connect->asked)
    {
      if (!is_known (connect) || !device->settings.reset_on_reconnect
          || (connect->shape.info.flags & VUC_DEVICE_RESET) == 0)
        return PHASE_OVER;
      vuc_task_set_deadline (&connect->task, vuc_device_long_deadline (device));
      vuc_call_init (&connect->call, VUC_COMMAND_DEVICE_RESET);
    }
  status = ask_once (connect, error);
  if (status == PHASE_OVER)
    vuc_task_set_deadline (&connect->task, vuc_device_deadline (device));
  return status;
}

static void
on_dma_restored (VucGuestRegion *region, const GError *error, gpointer data)
{
  Connect *connect = data;

  if (error == NULL || connect->dma_error != NULL)
    return;
  connect->dma_error = g_error_copy (error);
  g_prefix_error (&connect->dma_error,
                  "restoring the DMA region at 0x%" G_GINT64_MODIFIER "x: ", region->iova);
}

static PhaseStatus
restore_dma (Connect *connect, GError **error)
{
  VucDevice *device = connect->device;

  if (connect->dma_regions == NULL)
    {
      connect->dma_regions = vuc_guest_table_begin_restore (device->memory.table,
                                                            connect->task.link_number);
      connect->is_restoring = TRUE;
      vuc_device_update_serial (device);
      vuc_dma_bulk_init (&connect->dma, &connect->task, VUC_COMMAND_DMA_MAP, connect->dma_regions,
                         on_dma_restored, connect);
    }
  if (vuc_dma_bulk_step (&connect->dma))
    {
      vuc_task_set_deadline (&connect->task, vuc_device_deadline (device));
      return PHASE_WAITS;
    }
  if (connect->dma_error == NULL)
    return PHASE_OVER;
  g_propagate_error (error, g_steal_pointer (&connect->dma_error));
  return PHASE_FAILS;
}

/* What the server forgot.  Nobody else can change it meanwhile: their calls fail. */
static PhaseStatus
arm_interrupts_again (Connect *connect, GError **error)
{
  GError *failure = NULL;

  if (vuc_irq_restore_step (&connect->irqs, connect->device, &connect->task, &failure)
      == VUC_TASK_GOES_ON)
    return PHASE_WAITS;
  if (failure == NULL)
    return PHASE_OVER;
  g_propagate_error (error, failure);
  return PHASE_FAILS;
}

static void
end_restoring (Connect *connect)
{
  if (connect->is_restoring)
    vuc_guest_table_end_restore (connect->device->memory.table);
  connect->is_restoring = FALSE;
}

/* --- The end --- */

static PhaseStatus
keep_shape (Connect *connect, GError **error)
{
  VucDevice *device = connect->device;

  if (is_known (connect))
    return vuc_shape_renew_fds (&device->shape, &connect->shape, error) ? PHASE_OVER : PHASE_FAILS;

  device->shape = connect->shape;
  connect->shape = (VucShape){ 0 };
  vuc_posting_init (device);
  g_atomic_int_set (&device->is_known, TRUE);
  return PHASE_OVER;
}

static PhaseStatus
map_again (Connect *connect, GError **error)
{
  VucDevice *device = connect->device;

  if (vuc_mappings_restore (device->mappings, &device->shape, device->settings.allow_unsealed_files,
                            error)
      && vuc_ways_renew (device, error))
    return PHASE_OVER;
  return PHASE_FAILS;
}

static PhaseStatus
let_everybody_in (Connect *connect, GError **error)
{
  VucDevice *device = connect->device;

  /* Before anybody hears of it: who does may unmap at once. */
  end_restoring (connect);
  vuc_mappings_open (device->mappings);
  return vuc_session_connected (device->session, error) ? PHASE_OVER : PHASE_FAILS;
}

static PhaseStatus (*const phases[]) (Connect *connect, GError **error) = {
  open_socket,          negotiate,  ask_device_info, ask_for_the_rest,
  ask_for_io_fds_again, compare,    reset_if_wanted, restore_dma,
  arm_interrupts_again, keep_shape, map_again,       let_everybody_in,
};

static VucTaskStatus
connect_step (VucTask *task, GError **error)
{
  Connect *connect = (Connect *) task;
  VucSession *session = task->session;
  GError *failure = NULL;

  if (!task->connects)
    {
      if (!vuc_session_begin_connecting (session, task, error))
        return VUC_TASK_ENDS;
      task->connects = TRUE;
      if (connect->by_caller)
        vuc_device_note_wanted (connect->device);
    }

  while (connect->phase < G_N_ELEMENTS (phases))
    {
      switch (phases[connect->phase](connect, &failure))
        {
        case PHASE_WAITS:
          return VUC_TASK_GOES_ON;
        case PHASE_OVER:
          connect->phase++;
          break;
        case PHASE_FAILS:
          end_restoring (connect);
          vuc_session_connect_failed (session, failure);
          g_propagate_error (error, failure);
          return VUC_TASK_ENDS;
        }
    }
  return VUC_TASK_ENDS;
}

static void
connect_settle (VucTask *task, GError **error G_GNUC_UNUSED)
{
  end_restoring ((Connect *) task);
}

static Connect *
connect_new (VucDevice *device, gboolean by_caller)
{
  Connect *connect = g_new0 (Connect, 1);

  vuc_task_init (&connect->task, device->session, connect_step, vuc_device_deadline (device));
  connect->device = device;
  connect->by_caller = by_caller;
  connect->pause = FIRST_PAUSE_US;
  connect->task.place = device->path;
  connect->task.settle = connect_settle;
  vuc_fd_set_init (&connect->fds);
  vuc_fd_set_init (&connect->io_fds.fds);
  return connect;
}

static void
connect_clear (gpointer data)
{
  Connect *connect = data;

  vuc_call_clear (&connect->call);
  vuc_queries_clear (&connect->queries);
  vuc_dma_bulk_clear (&connect->dma);
  g_clear_pointer (&connect->dma_regions, g_ptr_array_unref);
  g_clear_error (&connect->dma_error);
  vuc_io_fds_query_clear (&connect->io_fds);
  vuc_irq_restore_clear (&connect->irqs);
  vuc_shape_clear (&connect->shape);
  vuc_fd_set_clear (&connect->fds);
  g_clear_pointer (&connect->payload, g_byte_array_unref);
  g_free (connect->reply);
}

gboolean
vuc_device_connect_now (VucDevice *device, GError **error)
{
  g_autofree Connect *connect = connect_new (device, TRUE);
  gboolean ok = vuc_task_run (&connect->task, error);

  connect_clear (connect);
  return ok;
}

VucOperation
vuc_device_connect_later (VucDevice *device, gboolean by_caller, const VucReceiver *receiver)
{
  Connect *connect = connect_new (device, by_caller);

  connect->task.unlimited = TRUE;
  return vuc_device_start (device, &connect->task, connect_clear, receiver);
}
