/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What the tests of posted writes have in common.  Shares no code with the library's encoders.  On
 * the thread that runs the case.
 */

#include "unit/posted-fixture.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/limits.h"
#include "harness/harness.h"
#include "harness/hex.h"
#include "unit/session-fixture.h"

#define HEADER_SIZE 16
#define ENTRY_SIZE  24

/* What the kernel makes of this is the least that there is. */
#define SMALL_BUFFER 1

void
posting_open_with (Posting *posting, guint options, const VucSessionOptions *session_options)
{
  const int small = SMALL_BUFFER;
  int ends[2], twins[2] = { -1, -1 };

  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  if ((options & POSTING_SMALL) != 0)
    ck_assert_int_eq (setsockopt (ends[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
  if ((options & POSTING_TWIN) != 0)
    ck_assert_int_eq (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, twins), 0);

  posting->session = session_open_raw (ends[0], session_options);
  posting->server = ends[1];
  posting->stream = g_byte_array_new ();
  posting->twin = twins[1];
  vuc_session_set_negotiated (posting->session, SESSION_MAX_SIZE, twins[0]);
  posting->epoll = (options & POSTING_LOOP) != 0 ? vuc_session_get_fd (posting->session, NULL) : -1;
  posting->posted = vuc_posted_new (posting->session);
  vuc_posted_set_multiple (posting->posted, (options & POSTING_MULTIPLE) != 0);
}

void
posting_open (Posting *posting, guint options)
{
  posting_open_with (posting, options,
                     &(VucSessionOptions){
                       .max_msg_fds = SESSION_MAX_FDS,
                       .timeout_ms = LONG,
                       .max_operations = VUC_LIMIT_OPERATIONS,
                       .max_queued_bytes = VUC_LIMIT_QUEUED_BYTES_DEFAULT,
                     });
}

void
posting_close (Posting *posting)
{
  vuc_session_free (posting->session);
  vuc_posted_free (posting->posted);
  g_byte_array_unref (posting->stream);
  if (posting->server >= 0)
    close (posting->server);
  if (posting->twin >= 0)
    close (posting->twin);
}

gboolean
post (Posting *posting, guint32 number)
{
  VucRegionAccess access = { .offset = 8, .region = 0, .count = sizeof number };

  return vuc_posted_write (posting->posted, 0, &access, &number);
}

guint32
post_until_full (Posting *posting, guint32 first)
{
  while (post (posting, first))
    {
      first++;
      if (posting->session->lane.blocked)
        break;
    }
  return first;
}

/* --- The server --- */

/* What is there now, or what comes next. */
static void
read_some (Posting *posting, int flags)
{
  guint8 buffer[8192];
  gssize count = recv (posting->server, buffer, sizeof buffer, flags);

  if (count < 0 && (errno == EINTR || errno == EAGAIN))
    return;
  ck_assert_int_gt (count, 0);
  g_byte_array_append (posting->stream, buffer, (guint) count);
}

void
posting_expect (Posting *posting, const char *text)
{
  g_autoptr (GBytes) expected = hex (text);
  gsize size = g_bytes_get_size (expected);

  while (posting->stream->len < size)
    read_some (posting, 0);
  assert_bytes (posting->stream->data, size, text);
  g_byte_array_remove_range (posting->stream, 0, (guint) size);
}

void
posting_send (Posting *posting, const char *text)
{
  g_autoptr (GBytes) bytes = hex (text);

  ck_assert_int_eq (write (posting->server, g_bytes_get_data (bytes, NULL),
                           g_bytes_get_size (bytes)),
                    g_bytes_get_size (bytes));
}

void
posting_expect_nothing (Posting *posting)
{
  guint8 byte;

  ck_assert_int_lt (recv (posting->server, &byte, 1, MSG_DONTWAIT), 0);
}

static guint32
u32_at (const guint8 *bytes, gsize offset)
{
  guint32 number;

  memcpy (&number, bytes + offset, sizeof number);
  return number;
}

/* The first message, if it is there as a whole. */
static gboolean
take_message (Posting *posting, Received *received)
{
  const guint8 *bytes = posting->stream->data;
  const guint8 *payload = bytes + HEADER_SIZE;
  const guint32 other = OTHER;
  guint16 command;
  guint32 size;

  if (received->numbers == NULL)
    received->numbers = g_array_new (FALSE, FALSE, sizeof (guint32));
  if (posting->stream->len < HEADER_SIZE || posting->stream->len < u32_at (bytes, 4))
    return FALSE;

  size = u32_at (bytes, 4);
  memcpy (&command, bytes + 2, sizeof command);
  if (command == VUC_COMMAND_REGION_WRITE && u32_at (bytes, 8) == 0x10)
    {
      ck_assert_uint_eq (size, HEADER_SIZE + 16 + 4);
      g_array_append_vals (received->numbers, payload + 16, 1);
      received->n_single++;
    }
  else if (command == VUC_COMMAND_REGION_WRITE_MULTI)
    {
      ck_assert_uint_eq (u32_at (bytes, 8), 0x10);
      ck_assert_uint_eq (size, HEADER_SIZE + 8 + u32_at (payload, 0) * ENTRY_SIZE);
      for (guint i = 0; i < u32_at (payload, 0); i++)
        g_array_append_vals (received->numbers, payload + 8 + i * ENTRY_SIZE + 16, 1);
      received->n_multi++;
    }
  else
    {
      g_array_append_val (received->numbers, other);
    }
  g_byte_array_remove_range (posting->stream, 0, size);
  return TRUE;
}

static gboolean
is_all_sent (Posting *posting)
{
  gboolean empty;

  g_mutex_lock (&posting->session->lock);
  empty = posting->session->outbox.head == NULL && !posting->session->has_sender;
  g_mutex_unlock (&posting->session->lock);
  return empty;
}

void
posting_drain (Posting *posting, Received *received)
{
  for (;;)
    {
      gboolean was_sent = is_all_sent (posting);
      struct pollfd fds[] = { { posting->server, POLLIN, 0 }, { posting->epoll, POLLIN, 0 } };
      int n = poll (fds, G_N_ELEMENTS (fds), was_sent ? 0 : -1);

      if (n < 0)
        continue;
      if ((fds[0].revents & POLLIN) != 0)
        read_some (posting, MSG_DONTWAIT);
      else if (was_sent)
        break;
      if ((fds[1].revents & POLLIN) != 0)
        vuc_session_process (posting->session);
    }
  while (take_message (posting, received))
    continue;
  ck_assert_uint_eq (posting->stream->len, 0);
}

void
posting_receive (Posting *posting, Received *received, guint n)
{
  while (received->numbers == NULL || received->numbers->len < n)
    {
      if (!take_message (posting, received))
        read_some (posting, 0);
    }
}

void
received_clear (Received *received)
{
  if (received->numbers != NULL)
    g_array_unref (received->numbers);
  *received = (Received){ 0 };
}

void
assert_row (const Received *received, guint at, guint32 first, guint n)
{
  ck_assert_ptr_nonnull (received->numbers);
  ck_assert_uint_ge (received->numbers->len, at + n);
  for (guint i = 0; i < n; i++)
    ck_assert_uint_eq (g_array_index (received->numbers, guint32, at + i), first + i);
}
