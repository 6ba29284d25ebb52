/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Accesses by an ioregionfd when system calls are interrupted, do less than they were asked to, or
 * fail: at each position.  The library's calls come here first: this program is linked with --wrap for
 * each of them.
 */

#include "access/ioregion.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include <vfio-user-client/vuc-error.h>

#include "harness/harness.h"
#include "harness/wrapped.h"
#include "unit/ioregion-fixture.h"

/* --- The faults --- */

typedef enum
{
  SEND,
  RECV,
  PPOLL,
  N_CALLS
} Call;

static struct
{
  guint strikes[N_CALLS]; /* so often, */
  guint spares[N_CALLS];  /* after so many that are as they should be */
  int number;             /* the errno; 0: one byte at a time */
  guint n_struck;
  gboolean clogs; /* the first send takes a byte, the next ones nothing, and no poll finds room */
} fault;

static gboolean
strikes (Call call)
{
  if (fault.spares[call] > 0)
    {
      fault.spares[call]--;
      return FALSE;
    }
  if (fault.strikes[call] == 0)
    return FALSE;
  fault.strikes[call]--;
  fault.n_struck++;
  errno = fault.number;
  return TRUE;
}

gssize
__wrap_send (int fd, const void *data, gsize size, int flags)
{
  if (strikes (SEND))
    {
      if (fault.number != 0)
        return -1;
      if (fault.clogs)
        {
          fault.number = EAGAIN;
          fault.strikes[SEND] = G_MAXUINT;
        }
      size = 1;
    }
  return __real_send (fd, data, size, flags);
}

gssize
__wrap_recv (int fd, void *data, gsize size, int flags)
{
  if (strikes (RECV))
    {
      if (fault.number != 0)
        return -1;
      size = 1;
    }
  return __real_recv (fd, data, size, flags);
}

int
__wrap_ppoll (struct pollfd *fds, nfds_t n_fds, const struct timespec *timeout,
              const sigset_t *mask)
{
  if (fault.clogs)
    fds[0].events &= ~POLLOUT;
  return strikes (PPOLL) ? -1 : __real_ppoll (fds, n_fds, timeout, mask);
}

/* --- What changes nothing --- */

typedef struct
{
  const char *name;
  Call call;
  guint n;
  int number;
} Harmless;

static const Harmless harmless[] = {
  { "sends of a byte", SEND, 100, 0 },
  { "receives of a byte", RECV, 100, 0 },
  { "a send that is interrupted", SEND, 3, EINTR },
  { "a receive that is interrupted", RECV, 3, EINTR },
  { "a poll that is interrupted", PPOLL, 30, EINTR },
  { "a socket that is full for a moment", SEND, 3, EAGAIN },
  { "a receive that finds nothing", RECV, 50, EAGAIN },
};

static void
it_is_as_if_nothing_had_happened (gconstpointer row)
{
  const Harmless *harm = row;
  Fixture fixture = begin ();
  g_autoptr(GError) error = NULL;
  guint32 value = 0;

  memset (&fault, 0, sizeof fault);
  fault.strikes[harm->call] = harm->n;
  fault.number = harm->number;
  if (harm->call == SEND)
    {
      /* Where there is no room it is looked for what nobody asked for: so nothing is there yet. */
      ck_assert (!read_by (&fixture, in_ms (50), &value, &error));
      assert_error (error, VUC_ERROR, VUC_ERROR_TIMED_OUT, "did not respond in time");
    }
  else
    {
      say (&fixture, "u64:0x8899aabb 00*24");
      ck_assert (read_by (&fixture, in_ms (LONG), &value, &error));
      ck_assert_uint_eq (value, 0x8899aabb);
    }
  assert_came (fixture.server, READ_COMMAND);
  ck_assert_uint_gt (fault.n_struck, 0);
  ck_assert (vuc_ioregion_is_usable (fixture.ioregion));
  finish (&fixture);
}

/* --- What is the end --- */

typedef struct
{
  const char *name;
  Call call;
  guint spared;
  guint n;
  int number;
  int left; /* the errno that the error tells */
  const char *message;
} Harmful;

static const Harmful harmful[] = {
  { "a send that fails", SEND, 0, 1, ENOTCONN, ENOTCONN, "its socket failed" },
  { "a send to nobody", SEND, 0, 1, EPIPE, 0, "the server closed its socket" },
  { "a receive that fails", RECV, 0, 1, ENOMEM, ENOMEM, "its socket failed" },
  { "a connection that was reset", RECV, 0, 1, ECONNRESET, 0, "the server closed its socket" },
  { "a poll that fails, twice", PPOLL, 0, 2, ENOMEM, ENOMEM, "its socket failed" },
  { "a socket that is always ready, for nothing", RECV, 0, 1000, EAGAIN, 0,
    "its socket is ready for nothing" },
};

static void
it_is_dead (gconstpointer row)
{
  const Harmful *harm = row;
  Fixture fixture = begin ();
  g_autoptr(GError) error = NULL;
  guint32 value = 0x55;

  say (&fixture, "00*32");
  memset (&fault, 0, sizeof fault);
  fault.strikes[harm->call] = harm->n;
  fault.spares[harm->call] = harm->spared;
  fault.number = harm->number;
  ck_assert (!read_by (&fixture, in_ms (LONG), &value, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED, harm->message);
  ck_assert_int_eq (vuc_error_get_errno (error), harm->left);
  ck_assert_uint_eq (value, 0x55);
  ck_assert (!vuc_ioregion_is_usable (fixture.ioregion));

  /* The cause stays. */
  memset (&fault, 0, sizeof fault);
  g_clear_error (&error);
  ck_assert (!read_by (&fixture, in_ms (LONG), &value, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED, harm->message);
  ck_assert_int_eq (vuc_error_get_errno (error), harm->left);
  finish (&fixture);
}

/* What came next would begin in the middle of it. */
static void
a_command_of_which_a_part_was_sent_is_the_end (void)
{
  Fixture fixture = begin ();
  g_autoptr(GError) error = NULL;
  guint32 value;

  memset (&fault, 0, sizeof fault);
  fault.strikes[SEND] = 1;
  fault.clogs = TRUE;
  ck_assert (!read_by (&fixture, in_ms (1), &value, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_TIMED_OUT, "the server did not take the command in time");
  ck_assert (!vuc_ioregion_is_usable (fixture.ioregion));
  g_clear_error (&error);
  ck_assert (!read_by (&fixture, in_ms (LONG), &value, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED,
                "the server did not take the whole command in time");
  finish (&fixture);
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (it_is_as_if_nothing_had_happened, harmless),
  HARNESS_ROWS (it_is_dead, harmful),
  HARNESS_CASE (a_command_of_which_a_part_was_sent_is_the_end),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "ioregion-faults", cases);
}
