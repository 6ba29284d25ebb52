/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * System calls that are interrupted, do less than they were asked to, or fail, at every position of
 * a whole conversation with the demo device.  Each time it succeeds, with the right data, or fails
 * with a clean error; nothing hangs, nothing leaks.
 *
 * The library's calls come here first: this program is linked with --wrap for each of them.
 */

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vfio-user-client/vfio-user-client.h>

#include "harness/demo.h"
#include "harness/harness.h"
#include "harness/wrapped.h"

/* Nothing of what follows may run into the first; what takes longer than the second hangs. */
#define DEADLINE_MS 40000
#define HANG_MS 20000

/* --- The faults --- */

typedef enum
{
  CONNECT,
  SEND,
  RECVMSG,
  PEEK, /* a recvmsg that takes nothing */
  PPOLL,
  N_SYSTEM_CALLS
} SystemCall;

typedef enum
{
  FAIL,     /* with an errno */
  SHORTEN,  /* to some bytes */
  TRUNCATE, /* says that descriptors were lost */
  END       /* of the stream */
} FaultKind;

typedef struct
{
  const char *name;
  SystemCall call;
  FaultKind kind;
  int value;  /* errno, or bytes */
  int code;   /* the error that comes of it, or SUCCESS */
} Fault;

#define SUCCESS (-1)

static const Fault *fault;
static guint fault_at; /* which call of its kind, from 1; 0: every one */
static guint n_calls[N_SYSTEM_CALLS];

static gboolean
strikes (SystemCall call, FaultKind kind)
{
  return fault != NULL && fault->call == call && fault->kind == kind
         && (fault_at == 0 || fault_at == n_calls[call]);
}

static gboolean
fails (SystemCall call)
{
  n_calls[call]++;
  if (!strikes (call, FAIL))
    return FALSE;
  errno = fault->value;
  return TRUE;
}

int
__wrap_connect (int fd, const struct sockaddr *address, socklen_t size)
{
  return fails (CONNECT) ? -1 : __real_connect (fd, address, size);
}

int
__wrap_ppoll (struct pollfd *fds, nfds_t n_fds, const struct timespec *timeout,
              const sigset_t *mask)
{
  return fails (PPOLL) ? -1 : __real_ppoll (fds, n_fds, timeout, mask);
}

/* The same with one place, which is a part of the message's first. */
static void
shorten (const struct msghdr *message, struct msghdr *shorter, struct iovec *iov)
{
  const struct iovec *first = message->msg_iov;

  while (first->iov_len == 0)
    first++;
  *iov = (struct iovec){ first->iov_base, MIN (first->iov_len, (gsize) fault->value) };
  *shorter = *message;
  shorter->msg_iov = iov;
  shorter->msg_iovlen = 1;
}

gssize
__wrap_sendmsg (int fd, const struct msghdr *message, int flags)
{
  struct msghdr shorter;
  struct iovec iov;

  if (fails (SEND))
    return -1;
  if (!strikes (SEND, SHORTEN))
    return __real_sendmsg (fd, message, flags);

  shorten (message, &shorter, &iov);
  return __real_sendmsg (fd, &shorter, flags);
}

gssize
__wrap_send (int fd, const void *data, gsize size, int flags)
{
  if (fails (SEND))
    return -1;
  if (strikes (SEND, SHORTEN))
    size = MIN (size, (gsize) fault->value);
  return __real_send (fd, data, size, flags);
}

gssize
__wrap_recvmsg (int fd, struct msghdr *message, int flags)
{
  struct msghdr shorter;
  struct iovec iov;
  gssize count;

  if (flags & MSG_PEEK)
    return fails (PEEK) ? -1 : __real_recvmsg (fd, message, flags);
  if (fails (RECVMSG))
    return -1;
  if (strikes (RECVMSG, END))
    {
      message->msg_controllen = 0;
      message->msg_flags = 0;
      return 0;
    }
  if (strikes (RECVMSG, SHORTEN))
    {
      shorten (message, &shorter, &iov);
      count = __real_recvmsg (fd, &shorter, flags);
      message->msg_controllen = shorter.msg_controllen;
      message->msg_flags = shorter.msg_flags;
      return count;
    }
  count = __real_recvmsg (fd, message, flags);
  if (strikes (RECVMSG, TRUNCATE))
    {
      message->msg_flags |= MSG_CTRUNC;
      /* Nothing comes without a message. */
      if (count < 0)
        n_calls[RECVMSG]--;
    }
  return count;
}

/* --- The conversation --- */

#define DATA_SIZE 5000
#define SCRATCH 8

static gboolean
write_and_read_back (VucDevice *device, guint32 region, guint64 offset, gsize size, GError **error)
{
  g_autofree guint8 *written = g_malloc (size);
  g_autofree guint8 *read = g_malloc0 (size);

  for (gsize i = 0; i < size; i++)
    written[i] = (guint8) (i * 7 + n_calls[RECVMSG]);
  if (!vuc_device_region_write (device, region, offset, written, size, error)
      || !vuc_device_region_read (device, region, offset, read, size, error))
    return FALSE;
  assert_same_bytes (read, size, written, size);
  return TRUE;
}

/* A message with descriptors, whose eventfds then work. */
static gboolean
interrupt (VucDevice *device, GError **error)
{
  int fds[] = { eventfd (0, EFD_CLOEXEC), eventfd (0, EFD_CLOEXEC) };
  gboolean ok = vuc_device_set_irq_eventfds (device, VUC_PCI_MSIX_IRQ, 3, fds, 2, error)
                && vuc_device_trigger_irqs (device, VUC_PCI_MSIX_IRQ, 4, 1, error);
  eventfd_t count = 0;

  if (ok)
    ck_assert_int_eq (eventfd_read (fds[1], &count), 0);
  close (fds[0]);
  close (fds[1]);
  return ok;
}

/* The engine of the demo device copies from the first half of guest memory to the second, by message:
 * see its README. */
#define GUEST_SIZE 16384
#define ENGINE 0x100
#define ENGINE_COMMAND 0x11c
#define ENGINE_STATUS 0x120
#define BY_MESSAGE 2
#define BUSY 1

static gboolean
let_it_copy (VucDevice *device, guint8 *guest, GError **error)
{
  const VucDmaRegion region = { .iova = 0x10000, .size = GUEST_SIZE, .fd = -1, .vaddr = guest,
                                .flags = VUC_DMA_READ | VUC_DMA_WRITE };
  const guint64 addresses[] = { 0x10000, 0x10000 + GUEST_SIZE / 2, GUEST_SIZE / 2 };
  guint32 command = BY_MESSAGE, status = BUSY;

  for (gsize i = 0; i < GUEST_SIZE / 2; i++)
    guest[i] = (guint8) (i * 5 + 1);
  if (!vuc_device_dma_map (device, &region, error))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (addresses); i++)
    {
      if (!vuc_device_region_write (device, VUC_PCI_BAR0_REGION, ENGINE + i * 8, &addresses[i], 8,
                                    error))
        return FALSE;
    }
  if (!vuc_device_region_write (device, VUC_PCI_BAR0_REGION, ENGINE_COMMAND, &command, 4, error))
    return FALSE;
  while (status == BUSY)
    {
      if (!vuc_device_region_read (device, VUC_PCI_BAR0_REGION, ENGINE_STATUS, &status, 4, error))
        return FALSE;
    }
  assert_same_bytes (guest + GUEST_SIZE / 2, GUEST_SIZE / 2, guest, GUEST_SIZE / 2);
  return vuc_device_dma_unmap (device, region.iova, region.size, error);
}

static gboolean
converse (const char *path, GError **error)
{
  g_autofree guint8 *guest = g_malloc0 (GUEST_SIZE);
  g_autoptr(VucConfig) config = vuc_config_new ();
  g_autoptr(VucDevice) device = NULL;
  g_autoptr(VucMapping) mapping = NULL;
  const VucIoFd *io_fds;
  gsize n_io_fds;
  char identity[4];

  vuc_config_set_timeout_ms (config, DEADLINE_MS);
  device = vuc_device_connect (path, config, error);
  if (device == NULL
      || !vuc_device_region_read (device, VUC_PCI_BAR0_REGION, 0, identity, 4, error)
      || !write_and_read_back (device, VUC_PCI_BAR0_REGION, SCRATCH, 4, error)
      || !write_and_read_back (device, VUC_PCI_BAR2_REGION, 0, DATA_SIZE, error)
      || !vuc_device_get_region_io_fds (device, VUC_PCI_BAR0_REGION, &io_fds, &n_io_fds, error))
    return FALSE;

  ck_assert (memcmp (identity, "VUCD", 4) == 0);
  ck_assert_uint_eq (vuc_device_get_info (device)->num_regions, 10);
  ck_assert_uint_eq (n_io_fds, 9);
  mapping = vuc_device_map_region (device, VUC_PCI_BAR2_REGION, error);
  if (mapping == NULL || !interrupt (device, error) || !let_it_copy (device, guest, error))
    return FALSE;

  /* The last, so that whatever happened before has an effect on it. */
  return vuc_device_region_read (device, VUC_PCI_BAR0_REGION, 0, identity, 4, error);
}

/* --- The same without waiting: in a main loop --- */

typedef struct
{
  VucDevice *device;
  guint32 written;
  guint32 read;
  int eventfd;
  guint n_left; /* operations whose outcome is not there yet */
  GError *error;
} Talk;

static void
note_outcome (Talk *talk, const GError *error)
{
  talk->n_left--;
  if (error != NULL && talk->error == NULL)
    talk->error = g_error_copy (error);
}

static void
on_access (VucDevice *device G_GNUC_UNUSED, VucOperation operation G_GNUC_UNUSED,
           const GError *error, gpointer talk)
{
  note_outcome (talk, error);
}

static void
on_connected (VucDevice *device, VucOperation operation G_GNUC_UNUSED, const GError *error,
              gpointer data)
{
  Talk *talk = data;

  note_outcome (talk, error);
  if (error != NULL)
    return;
  talk->n_left += 4;
  vuc_device_region_write_async (device, VUC_PCI_BAR0_REGION, SCRATCH, &talk->written, 4, on_access,
                                 talk, NULL);
  vuc_device_region_read_async (device, VUC_PCI_BAR0_REGION, SCRATCH, &talk->read, 4, on_access,
                                talk, NULL);
  vuc_device_set_irq_eventfds_async (device, VUC_PCI_MSIX_IRQ, 0, &talk->eventfd, 1, on_access, talk,
                                     NULL);
  vuc_device_get_region_io_fds_async (device, VUC_PCI_BAR0_REGION, on_access, talk, NULL);
}

/* What strikes after the last reply is no operation's business any more. */
static void
on_event (VucDevice *device G_GNUC_UNUSED, VucEvent event G_GNUC_UNUSED, const GError *error,
          gpointer data)
{
  Talk *talk = data;

  if (talk->error == NULL)
    talk->error = g_error_copy (error);
}

static gboolean
converse_in_a_loop (const char *path, GError **error)
{
  g_autoptr(VucConfig) config = vuc_config_new ();
  g_autoptr(GMainContext) context = g_main_context_new ();
  Talk talk = { .written = 4711, .n_left = 1, .eventfd = eventfd (0, EFD_CLOEXEC) };

  vuc_config_set_timeout_ms (config, DEADLINE_MS);
  vuc_config_set_event_func (config, on_event, &talk, NULL);
  talk.device = vuc_device_connect_async (path, config, NULL, on_connected, &talk, NULL);
  ck_assert (vuc_device_attach (talk.device, context, NULL));
  while (talk.n_left > 0)
    g_main_context_iteration (context, TRUE);
  *error = g_steal_pointer (&talk.error);
  talk.error = &(GError){ 0 }; /* the end that follows is ours */
  vuc_device_unref (talk.device);
  close (talk.eventfd);

  if (*error != NULL)
    return FALSE;
  ck_assert_uint_eq (talk.read, talk.written);
  return TRUE;
}

static gboolean (*conversation) (const char *path, GError **error) = converse;

/* FALSE if the conversation was over before the fault. */
static gboolean
converse_with_a_fault (const char *path, guint at)
{
  g_autoptr(GError) error = NULL;
  guint descriptors = harness_count_descriptors ();
  gint64 start = g_get_monotonic_time ();
  gboolean ok, hit;

  memset (n_calls, 0, sizeof n_calls);
  fault_at = at;
  ok = conversation (path, &error);
  hit = at == 0 || n_calls[fault->call] >= at;

  if (g_get_monotonic_time () - start > HANG_MS * 1000)
    harness_fail ("it took too long; the outcome: %s", ok ? "success" : error->message);
  if (!hit || fault->code == SUCCESS)
    assert_no_error (error);
  else
    assert_error (error, VUC_ERROR, fault->code, "");
  ck_assert_int_eq (ok, error == NULL);
  ck_assert_uint_eq (harness_count_descriptors (), descriptors);
  return hit;
}

static const Fault faults[] = {
  { "connect is interrupted", CONNECT, FAIL, EINTR, SUCCESS },
  { "connect is refused", CONNECT, FAIL, ECONNREFUSED, VUC_ERROR_CONNECT },
  { "connect finds the backlog full", CONNECT, FAIL, EAGAIN, SUCCESS },
  { "send is interrupted", SEND, FAIL, EINTR, SUCCESS },
  { "send finds no room", SEND, FAIL, EAGAIN, SUCCESS },
  { "send takes one byte", SEND, SHORTEN, 1, SUCCESS },
  { "send takes 15 bytes", SEND, SHORTEN, 15, SUCCESS },
  { "send fails", SEND, FAIL, EIO, VUC_ERROR_DISCONNECTED },
  { "send has no memory", SEND, FAIL, ENOMEM, VUC_ERROR_DISCONNECTED },
  { "recvmsg is interrupted", RECVMSG, FAIL, EINTR, SUCCESS },
  { "recvmsg finds nothing", RECVMSG, FAIL, EAGAIN, SUCCESS },
  { "recvmsg gets one byte", RECVMSG, SHORTEN, 1, SUCCESS },
  { "recvmsg gets 17 bytes", RECVMSG, SHORTEN, 17, SUCCESS },
  { "recvmsg fails", RECVMSG, FAIL, EIO, VUC_ERROR_DISCONNECTED },
  { "recvmsg has no memory", RECVMSG, FAIL, ENOMEM, VUC_ERROR_DISCONNECTED },
  { "recvmsg loses descriptors", RECVMSG, TRUNCATE, 0, VUC_ERROR_PROTOCOL },
  { "a look fails", PEEK, FAIL, EIO, SUCCESS },
  { "ppoll is interrupted", PPOLL, FAIL, EINTR, SUCCESS },
  { "ppoll has no memory", PPOLL, FAIL, ENOMEM, SUCCESS },
};

static void
strike_at_every_position (const Fault *row)
{
  g_autoptr(DemoDevice) demo = demo_device_new ();
  const char *path = demo_device_listen (demo);
  guint at = 1;

  fault = row;
  do
    harness_context ("call %u", at);
  while (converse_with_a_fault (path, at++));

  /* Each is called at all, and the loop did not go on for ever. */
  ck_assert_uint_ge (at, 3);
  fault = NULL;
  demo_device_stop (demo);
}

static void
a_fault_at_any_position_is_survived (gconstpointer row)
{
  strike_at_every_position (row);
}

/* There nobody polls but the loop, and that is GLib's business. */
static void
a_fault_at_any_position_is_survived_in_a_loop (gconstpointer row)
{
  if (((const Fault *) row)->call == PPOLL)
    harness_skip ("a loop does not call it");
  conversation = converse_in_a_loop;
  strike_at_every_position (row);
  conversation = converse;
}

/* Between messages that is the server's right; in the middle of one it is not. */
static void
expect_ends (void)
{
  static const Fault ends[] = {
    { "the stream has ended", RECVMSG, END, 0, 0 },
    { "the connection was reset", RECVMSG, FAIL, ECONNRESET, 0 },
  };
  g_autoptr(DemoDevice) demo = demo_device_new ();
  const char *path = demo_device_listen (demo);

  for (guint i = 0; i < G_N_ELEMENTS (ends); i++)
    for (guint at = 1;; at++)
      {
        g_autoptr(GError) error = NULL;
        gboolean ok;

        harness_context ("%s, call %u", ends[i].name, at);
        memset (n_calls, 0, sizeof n_calls);
        fault = &ends[i];
        fault_at = at;
        ok = conversation (path, &error);
        if (n_calls[RECVMSG] < at)
          break;
        ck_assert (!ok);
        if (error->code != VUC_ERROR_PROTOCOL)
          assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED, "");
        assert_contains (error->message, "the server closed the "); /* connection, or twin socket */
      }
  fault = NULL;
  demo_device_stop (demo);
}

static void
an_end_at_any_position_is_said (void)
{
  expect_ends ();
}

static void
an_end_at_any_position_is_said_in_a_loop (void)
{
  conversation = converse_in_a_loop;
  expect_ends ();
  conversation = converse;
}

static const Fault lasting_faults[] = {
  { "every send takes one byte", SEND, SHORTEN, 1, SUCCESS },
  { "every send takes seven bytes", SEND, SHORTEN, 7, SUCCESS },
  { "every recvmsg gets one byte", RECVMSG, SHORTEN, 1, SUCCESS },
  { "every recvmsg gets three bytes", RECVMSG, SHORTEN, 3, SUCCESS },
};

static void
a_fault_at_all_positions_is_survived (gconstpointer row)
{
  g_autoptr(DemoDevice) demo = demo_device_new ();
  const char *path = demo_device_listen (demo);

  fault = row;
  converse_with_a_fault (path, 0);
  conversation = converse_in_a_loop;
  converse_with_a_fault (path, 0);
  conversation = converse;
  fault = NULL;
  demo_device_stop (demo);
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (a_fault_at_any_position_is_survived, faults),
  HARNESS_ROWS (a_fault_at_any_position_is_survived_in_a_loop, faults),
  HARNESS_CASE (an_end_at_any_position_is_said),
  HARNESS_CASE (an_end_at_any_position_is_said_in_a_loop),
  HARNESS_ROWS (a_fault_at_all_positions_is_survived, lasting_faults),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "system calls", cases);
}
