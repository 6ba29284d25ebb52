/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * One device, many threads: each gets its own reply, all are told of the end at once, and one that
 * gives up does not take the others with it.
 */

#include <string.h>

#include "conversation/connect.h"
#include "harness/demo.h"
#include "harness/harness.h"
#include "harness/script-device.h"

#define N_THREADS 8
#define SOON_MS 4000 /* below the default deadline of 5 s */

/* ---- Each its own ---- */

typedef struct
{
  VucDevice *device;
  guint number;
  char *why; /* NULL if all went well: an assertion is for the case's own thread */
} Worker;

static gboolean
access_word (VucDevice *device, gboolean write, guint64 offset, guint32 *word, Worker *worker)
{
  g_autoptr(GError) error = NULL;
  gboolean ok;

  if (write)
    ok = vuc_device_region_write (device, VUC_PCI_BAR2_REGION, offset, word, 4, &error);
  else
    ok = vuc_device_region_read (device, VUC_PCI_BAR2_REGION, offset, word, 4, &error);
  if (!ok)
    worker->why = g_strdup (error->message);
  return ok;
}

static gpointer
use_own_words (gpointer data)
{
  Worker *worker = data;

  for (guint i = 0; i < 100; i++)
    {
      const guint64 offset = worker->number * 4 + i % 16 * N_THREADS * 4;
      guint32 written = worker->number << 16 | i;
      guint32 read = 0;

      if (!access_word (worker->device, TRUE, offset, &written, worker)
          || !access_word (worker->device, FALSE, offset, &read, worker))
        return NULL;
      if (read != written)
        {
          worker->why = g_strdup_printf ("0x%x was written, 0x%x was read", written, read);
          return NULL;
        }
    }
  return NULL;
}

static void
each_thread_sees_its_own_values (void)
{
  g_autoptr(DemoDevice) demo = demo_device_new ();
  g_autoptr(VucDevice) device = connect_to (demo_device_start (demo));
  Worker workers[N_THREADS];
  GThread *threads[N_THREADS];

  for (guint i = 0; i < N_THREADS; i++)
    {
      workers[i] = (Worker) { device, i, NULL };
      threads[i] = g_thread_new ("worker", use_own_words, &workers[i]);
    }
  for (guint i = 0; i < N_THREADS; i++)
    g_thread_join (threads[i]);
  for (guint i = 0; i < N_THREADS; i++)
    ck_assert_msg (workers[i].why == NULL, "thread %u: %s", i, workers[i].why);
  vuc_device_close (device);
  demo_device_stop (demo);
}

/* ---- One read for each thread ---- */

typedef struct
{
  VucDevice *device;
  GThread *thread;
  GError *error;
  char data[4];
} Reader;

static gpointer
read_once (gpointer data)
{
  Reader *reader = data;

  (void) vuc_device_region_read (reader->device, 7, 0, reader->data, 4, &reader->error);
  return NULL;
}

static void
start_reader (Reader *reader, VucDevice *device)
{
  *reader = (Reader) { .device = device };
  reader->thread = g_thread_new ("reader", read_once, reader);
}

static void
start_readers (Reader readers[N_THREADS], VucDevice *device)
{
  for (guint i = 0; i < N_THREADS; i++)
    start_reader (&readers[i], device);
}

/* All of them failed in the same way. */
static void
expect_failures (Reader readers[N_THREADS], VucError code, const char *text)
{
  for (guint i = 0; i < N_THREADS; i++)
    g_thread_join (readers[i].thread);
  for (guint i = 0; i < N_THREADS; i++)
    {
      harness_context ("thread %u", i);
      assert_error (readers[i].error, VUC_ERROR, code, text);
      g_error_free (readers[i].error);
    }
}

/* Servers reply in order; which thread's command came first nobody knows, so ids have to tell. */
static void
replies_find_their_threads_in_any_order (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  Reader readers[N_THREADS];
  guint seen[N_THREADS] = { 0 };

  script_handshake (server, &script_pci_device);
  for (guint i = 0; i < N_THREADS; i++)
    script_expect_command (server, 9, NULL);
  for (guint i = 0; i < N_THREADS; i++)
    {
      g_autofree char *reply = g_strdup_printf ("u64:0 u32:7 u32:4 u32:%u", i);

      script_reply_to (server, i, reply);
    }
  device = connect_to (script_server_start (server));
  start_readers (readers, device);

  for (guint i = 0; i < N_THREADS; i++)
    {
      guint32 number;

      g_thread_join (readers[i].thread);
      assert_no_error (readers[i].error);
      memcpy (&number, readers[i].data, sizeof number);
      ck_assert_uint_lt (number, N_THREADS);
      seen[number]++;
    }
  for (guint i = 0; i < N_THREADS; i++)
    ck_assert_uint_eq (seen[i], 1);
  close_and_finish (device, server);
}

/* ---- The end ---- */

static void
all_who_wait_are_told_when_the_device_is_closed (void)
{
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = NULL;
  Reader readers[N_THREADS];
  gint64 start;
  char data[4];

  script_handshake (server, &script_pci_device);
  script_may_end_early (server);
  for (guint i = 0; i < N_THREADS; i++)
    script_expect_command (server, 9, NULL);
  device = connect_to (script_server_start (server));
  start_readers (readers, device);

  g_usleep (50000); /* so that most of them wait */
  start = g_get_monotonic_time ();
  vuc_device_close (device);
  expect_failures (readers, VUC_ERROR_DISCONNECTED, "the device was closed");
  ck_assert_uint_lt (ms_since (start), SOON_MS);

  /* Twice is harmless, and the first cause stays. */
  vuc_device_close (device);
  ck_assert (!vuc_device_region_read (device, 7, 0, data, 4, &error));
  assert_error (error, VUC_ERROR, VUC_ERROR_DISCONNECTED, "the device was closed");
  script_server_finish (server);
}

typedef struct
{
  const char *name;
  const char *said; /* after all commands came; NULL: hangs up */
  VucError code;
  const char *text;
} EndRow;

static const EndRow ends[] = {
  { "the server hangs up", NULL, VUC_ERROR_DISCONNECTED,
    "waiting for the reply to REGION_READ: the server closed the connection" },
  { "the server breaks the rules", "id u16:9 u32:20 u32:1 u32:0 | 'data'", VUC_ERROR_PROTOCOL,
    "REGION_READ reply: payload 4, expected 20" },
};

static void
all_who_wait_are_told_of_the_first_cause (gconstpointer row_data)
{
  const EndRow *row = row_data;
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  Reader readers[N_THREADS];
  gint64 start;

  script_handshake (server, &script_pci_device);
  for (guint i = 0; i < N_THREADS; i++)
    script_expect_command (server, 9, NULL);
  if (row->said != NULL)
    script_send (server, row->said);
  else
    script_close (server);
  device = connect_to (script_server_start (server));
  start = g_get_monotonic_time ();
  start_readers (readers, device);
  expect_failures (readers, row->code, row->text);
  ck_assert_uint_lt (ms_since (start), SOON_MS);
  script_server_finish (server);
}

/* ---- Giving up ---- */

static void
note_read_sent (const VucMessageEvent *event, gpointer is_sent)
{
  if (event->direction == VUC_MESSAGE_SENT && strstr (event->text, "REGION_READ") != NULL)
    g_atomic_int_set ((gint *) is_sent, TRUE);
}

static gpointer
reset_once (gpointer data)
{
  Reader *resetter = data;

  (void) vuc_device_reset (resetter->device, &resetter->error);
  return NULL;
}

/* The first thread reads for both until its deadline; then the second, which resets and so has none,
 * has to do so itself. */
static void
who_gives_up_leaves_the_others_waiting (void)
{
  g_autoptr(VucConfig) config = config_with_timeout (patient_deadline_ms ());
  g_autoptr(ScriptServer) server = script_server_new ();
  g_autoptr(VucDevice) device = NULL;
  gint is_sent = FALSE;
  Reader first;
  Reader second;

  vuc_config_set_message_func (config, note_read_sent, &is_sent, NULL);
  script_handshake (server, &script_pci_device);
  script_expect_command (server, 9, NULL);
  script_expect_command (server, 13, "");
  script_wait_for_sign (server);
  script_reply_to (server, 1, "u64:0 u32:7 u32:4 'late'");
  script_reply_to (server, 0, "");
  script_sign_of_life (server);
  device = connect_with (script_server_start (server), config);
  start_reader (&first, device);
  while (!g_atomic_int_get (&is_sent))
    g_thread_yield ();
  second = (Reader) { .device = device };
  second.thread = g_thread_new ("resetter", reset_once, &second);

  g_thread_join (first.thread);
  assert_error (first.error, VUC_ERROR, VUC_ERROR_TIMED_OUT, "REGION_READ");
  g_error_free (first.error);
  script_server_give_sign (server);
  g_thread_join (second.thread);
  assert_no_error (second.error);
  expect_sign_of_life (device);
  close_and_finish (device, server);
}

/* ---- Asking the same ---- */

typedef struct
{
  VucDevice *device;
  GThread *thread;
  gboolean ok;
  const VucIoFd *io_fds;
  gsize n_io_fds;
} Asker;

static gpointer
ask_for_io_fds (gpointer data)
{
  Asker *asker = data;

  asker->ok = vuc_device_get_region_io_fds (asker->device, VUC_PCI_BAR0_REGION, &asker->io_fds,
                                            &asker->n_io_fds, NULL);
  return NULL;
}

static void
all_who_ask_for_IO_descriptors_get_the_same (void)
{
  g_autoptr(DemoDevice) demo = demo_device_new ();
  g_autoptr(VucDevice) device = connect_to (demo_device_start (demo));
  Asker askers[N_THREADS];

  for (guint i = 0; i < N_THREADS; i++)
    {
      askers[i] = (Asker) { .device = device };
      askers[i].thread = g_thread_new ("asker", ask_for_io_fds, &askers[i]);
    }
  for (guint i = 0; i < N_THREADS; i++)
    g_thread_join (askers[i].thread);
  for (guint i = 0; i < N_THREADS; i++)
    {
      ck_assert (askers[i].ok);
      ck_assert_uint_eq (askers[i].n_io_fds, 9);
      ck_assert_ptr_eq (askers[i].io_fds, askers[0].io_fds);
    }
  vuc_device_close (device);
  demo_device_stop (demo);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (each_thread_sees_its_own_values),
  HARNESS_CASE (replies_find_their_threads_in_any_order),
  HARNESS_CASE (all_who_wait_are_told_when_the_device_is_closed),
  HARNESS_ROWS (all_who_wait_are_told_of_the_first_cause, ends),
  HARNESS_CASE (who_gives_up_leaves_the_others_waiting),
  HARNESS_CASE (all_who_ask_for_IO_descriptors_get_the_same),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "threads", cases);
}
