/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What does not vary from machine to machine: how many system calls and how many allocations an
 * access takes.  Time is for "make bench".
 */

#include "harness/harness.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vfio-user-client/vfio-user-client.h>

#include "conversation/connect.h"
#include "harness/demo.h"

#define N_ACCESSES 100

#define SCRATCH 0x08 /* a register of the demo device, in BAR0 */

/* What is accessed, 4 bytes at a time; see the demo device's README. */
typedef struct
{
  guint32 region;
  guint64 offset;
  gboolean writes;
  gboolean is_posted;
} Target;

static const Target scratch = { VUC_PCI_BAR0_REGION, SCRATCH, FALSE, FALSE };
static const Target scratch_posted = { VUC_PCI_BAR0_REGION, SCRATCH, TRUE, TRUE };
static const Target mapped = { VUC_PCI_BAR2_REGION, 0x2000, FALSE, FALSE };
static const Target mapped_written = { VUC_PCI_BAR2_REGION, 0x2000, TRUE, FALSE };
static const Target doorbell = { VUC_PCI_BAR0_REGION, 0x800, TRUE, FALSE };
static const Target shadow = { VUC_PCI_BAR0_REGION, 0x820, TRUE, FALSE };
static const Target ioregion = { VUC_PCI_BAR0_REGION, 0x900, FALSE, FALSE };
static const Target ioregion_written = { VUC_PCI_BAR0_REGION, 0x900, TRUE, FALSE };
static const Target ioregion_posted = { VUC_PCI_BAR0_REGION, 0x980, TRUE, FALSE };

static gboolean
prepare (VucDevice *device, const Target *target)
{
  const VucIoFd *io_fds;
  gsize n_io_fds;

  if (!vuc_device_get_region_io_fds (device, VUC_PCI_BAR0_REGION, &io_fds, &n_io_fds, NULL))
    return FALSE;
  return !target->is_posted
         || vuc_device_set_region_posting (device, target->region, VUC_POSTING_INSIST, NULL);
}

static gboolean
access_once (VucDevice *device, const Target *target)
{
  guint32 value = 1;

  if (target->writes)
    return vuc_device_region_write (device, target->region, target->offset, &value, sizeof value,
                                    NULL);
  return vuc_device_region_read (device, target->region, target->offset, &value, sizeof value,
                                 NULL);
}

/* ---- Allocations: these stand in for libc's, in this program and in all its libraries. ---- */

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#  define COUNTS_ALLOCATIONS 0
#elif defined __has_feature
#  if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#    define COUNTS_ALLOCATIONS 0
#  endif
#endif
#ifndef COUNTS_ALLOCATIONS
#  define COUNTS_ALLOCATIONS 1
#endif

static gint n_allocations;

#if COUNTS_ALLOCATIONS
void *__libc_malloc (size_t size);
void *__libc_calloc (size_t n, size_t size);
void *__libc_realloc (void *memory, size_t size);

void *
malloc (size_t size)
{
  g_atomic_int_inc (&n_allocations);
  return __libc_malloc (size);
}

void *
calloc (size_t n, size_t size)
{
  g_atomic_int_inc (&n_allocations);
  return __libc_calloc (n, size);
}

void *
realloc (void *memory, size_t size)
{
  g_atomic_int_inc (&n_allocations);
  return __libc_realloc (memory, size);
}
#endif

typedef struct
{
  const char *name;
  const Target *target;
} AllocationRow;

static const AllocationRow allocation_rows[] = {
  { "a read by message", &scratch },
  { "a posted write", &scratch_posted },
  { "a load", &mapped },
  { "a kick", &doorbell },
  { "a store and a kick", &shadow },
  { "a read by ioregionfd", &ioregion },
  { "a posted write by ioregionfd", &ioregion_posted },
};

static void
an_access_allocates_nothing (gconstpointer data)
{
  const AllocationRow *row = data;
  g_autoptr (DemoDevice) demo = demo_device_new ();
  g_autoptr (VucDevice) device = connect_to (demo_device_start (demo));
  gint before;
  gboolean ok = TRUE;

  if (!COUNTS_ALLOCATIONS || runs_under_valgrind ())
    harness_skip ("allocations are somebody else's here");

  /* The first ones may still set something up; and Check allocates in its assertions. */
  ck_assert (prepare (device, row->target));
  for (guint i = 0; i < 3; i++)
    ck_assert (access_once (device, row->target));
  before = g_atomic_int_get (&n_allocations);
  for (guint i = 0; i < N_ACCESSES; i++)
    ok = ok && access_once (device, row->target);
  ck_assert_int_eq (g_atomic_int_get (&n_allocations), before);
  ck_assert (ok);

  /* The counter counts. */
  free (malloc (1));
  ck_assert_int_gt (g_atomic_int_get (&n_allocations), before);
  demo_device_stop (demo);
}

/* ---- System calls: of a child, counted by its tracer. ---- */

#define MARK (-4711) /* an argument that no process group has */

static void
mark (void)
{
  (void) syscall (SYS_getpgid, MARK);
}

/* How the child accesses it. */
typedef struct
{
  const char *name;
  const char *option; /* of the demo device, or NULL */
  gboolean attached;  /* to a context, which nobody needs to run */
  guint pause_us;     /* between accesses */
  guint n;            /* accesses */
  guint most;         /* system calls of all of them, but for those of pauses and timers */
  guint least;
  const Target *target;
} CostRow;

/* With a loop, accesses that follow each other move its timer, at most once in 5 ms; those with an
 * ioregionfd move another one at the first access, and then every 10 ms.  How often that is depends
 * on the machine: being traced makes it long. */
#define TIMER_US 5000
#define N N_ACCESSES

static const CostRow rows[] = {
  { "with a twin socket", NULL, FALSE, 0, N, 3 * N, 2 * N, &scratch },
  { "without one", "--no-twin-socket", FALSE, 0, N, 3 * N, 2 * N, &scratch },
  { "in a row, with a loop", NULL, TRUE, 0, N, 3 * N + 1, 2 * N, &scratch },
  { "in a row, with a loop, without a twin socket", "--no-twin-socket", TRUE, 0, N, 3 * N + 1,
    2 * N, &scratch },
  { "each by itself, with a loop", NULL, TRUE, 30000, 10, 5 * 10, 2 * 10, &scratch },
  { "each by itself, with a loop, without a twin socket", "--no-twin-socket", TRUE, 30000, 10,
    5 * 10, 2 * 10, &scratch },
  { "posted", NULL, FALSE, 0, N, N, N, &scratch_posted },
  { "posted, with a loop", NULL, TRUE, 0, N, N, N, &scratch_posted },
  { "a load", NULL, FALSE, 0, N, 0, 0, &mapped },
  { "a store", NULL, TRUE, 0, N, 0, 0, &mapped_written },
  { "a kick", NULL, TRUE, 0, N, N, N, &doorbell },
  { "a store and a kick", NULL, FALSE, 0, N, N, N, &shadow },
  { "a read by ioregionfd", NULL, TRUE, 0, N, 3 * N + 1, 3 * N, &ioregion },
  { "a write by ioregionfd", NULL, FALSE, 0, N, 3 * N + 1, 3 * N, &ioregion_written },
  { "a posted write by ioregionfd", NULL, FALSE, 0, N, N, N, &ioregion_posted },
};

/* In the child: what is counted lies between the marks. */
static void
trace_me (int fd, const CostRow *row)
{
  g_autoptr (VucDevice) device = vuc_device_connect_fd (fd, NULL, NULL);
  g_autoptr (GMainContext) context = g_main_context_new ();
  gboolean ok = device != NULL && (!row->attached || vuc_device_attach (device, context, NULL))
                && prepare (device, row->target);

  if (ptrace (PTRACE_TRACEME, 0, NULL, NULL) < 0)
    _exit (2);
  raise (SIGSTOP);

  ok = ok && access_once (device, row->target);
  if (row->attached && row->pause_us == 0)
    ok = ok && access_once (device, row->target);
  for (guint i = 0; i < row->n; i++)
    {
      if (row->pause_us > 0)
        {
          g_usleep (row->pause_us);
          /* As the loop would by then. */
          vuc_device_process (device);
        }
      mark ();
      ok = ok && access_once (device, row->target);
      mark ();
    }
  _exit (ok ? 0 : 1);
}

/* Lets the child run to its next entry into a system call, or its exit from one. */
static int
run_to_next_stop (pid_t child)
{
  int status;

  ck_assert_int_eq (ptrace (PTRACE_SYSCALL, child, NULL, NULL), 0);
  ck_assert_int_eq (waitpid (child, &status, 0), child);
  return status;
}

static gboolean
is_mark (const struct __ptrace_syscall_info *info)
{
  return info->entry.nr == SYS_getpgid && (int) info->entry.args[0] == MARK;
}

/* What the child does between its marks, two for each access. */
typedef struct
{
  guint n_marks;
  guint n_calls; /* system calls that it begins */
  gint64 us;     /* how long it takes; with what is between accesses, unless it pauses there */
} Count;

static Count
count_system_calls (pid_t child, const CostRow *row)
{
  Count count = { 0 };
  gint64 marked = 0;
  int status;

  ck_assert_int_eq (waitpid (child, &status, 0), child);
  ck_assert_msg (WIFSTOPPED (status), "the child could not be traced");
  ck_assert_int_eq (ptrace (PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACESYSGOOD), 0);

  while (status = run_to_next_stop (child), WIFSTOPPED (status))
    {
      struct __ptrace_syscall_info info;

      if (WSTOPSIG (status) != (SIGTRAP | 0x80))
        continue;
      if (ptrace (PTRACE_GET_SYSCALL_INFO, child, (void *) sizeof info, &info) <= 0
          || info.op != PTRACE_SYSCALL_INFO_ENTRY)
        continue;
      if (is_mark (&info))
        {
          const gint64 now = g_get_monotonic_time ();

          if (count.n_marks % 2 == 1 || (count.n_marks > 0 && row->pause_us == 0))
            count.us += now - marked;
          marked = now;
          count.n_marks++;
        }
      else if (count.n_marks % 2 == 1)
        count.n_calls++;
    }
  ck_assert_uint_eq (count.n_marks, 2 * row->n);
  ck_assert_msg (WIFEXITED (status) && WEXITSTATUS (status) == 0, "the child's reads failed");
  return count;
}

/* One send, one poll if need be, one receive; two more where a loop has to be kept asleep. */
static void
an_access_takes_few_system_calls (gconstpointer data)
{
  const CostRow *row = data;
  g_autoptr (DemoDevice) demo = demo_device_new ();
  Count count;
  pid_t child;
  int fd;

  if (runs_under_valgrind ())
    harness_skip ("valgrind does not trace a tracer");
  if (row->option != NULL)
    demo_device_add_option (demo, row->option);
  fd = demo_device_start (demo);
  child = fork ();
  ck_assert_int_ge (child, 0);
  if (child == 0)
    trace_me (fd, row);
  close (fd);

  count = count_system_calls (child, row);
  harness_note ("%u system calls for %u accesses in %" G_GINT64_FORMAT " us", count.n_calls, row->n,
                count.us);
  ck_assert_uint_le (count.n_calls, row->most + count.us / TIMER_US);
  ck_assert_uint_ge (count.n_calls, row->least);
  demo_device_stop (demo);
}

static const HarnessCase cases[] = { HARNESS_ROWS (an_access_allocates_nothing, allocation_rows),
                                     HARNESS_ROWS (an_access_takes_few_system_calls, rows),
                                     HARNESS_END };

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "costs", cases);
}
