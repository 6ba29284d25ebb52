/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The life of a script server: its list of steps is made, its process is forked, its verdict is
 * fetched.  It does not know what the steps do.  All of it runs in the test's process, on the
 * thread that runs the case.
 */

#include "script-private.h"

#include "client.h"
#include "descriptors.h"
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEFAULT_DEADLINE_MS 20000

static void
step_free (gpointer data)
{
  ScriptStep *step = data;

  hex_pattern_free (step->text);
  g_free (step->what);
  g_free (step->own_fds);
  g_free (step);
}

ScriptServer *
script_server_new (void)
{
  ScriptServer *server = g_new0 (ScriptServer, 1);

  server->steps = g_ptr_array_new_with_free_func (step_free);
  server->deadline_ms = DEFAULT_DEADLINE_MS;
  server->progress = -1;
  server->sign = -1;
  server->verdict = mmap (NULL, sizeof (ScriptVerdict), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (server->verdict == MAP_FAILED)
    harness_fail ("shared memory for the verdict: %s", g_strerror (errno));

  return server;
}

/* Ends the process, if there is one, whatever it does.  Returns what waitpid says of it. */
static int
end_player (ScriptServer *server, int signal_number)
{
  int status = 0;

  if (server->pid > 0)
    {
      kill (server->pid, signal_number);
      while (waitpid (server->pid, &status, 0) < 0 && errno == EINTR)
        continue;
      server->pid = 0;
    }
  if (server->progress >= 0)
    {
      close (server->progress);
      close (server->sign);
    }
  server->progress = -1;
  server->sign = -1;

  return status;
}

void
script_server_free (ScriptServer *server)
{
  if (server == NULL)
    return;

  end_player (server, SIGKILL);
  munmap (server->verdict, sizeof (ScriptVerdict));
  g_ptr_array_unref (server->steps);
  g_free (server->path);
  g_free (server);
}

/* ---- The script ---- */

ScriptStep *
script_server_add (ScriptServer *server, ScriptPlay play, const char *format, ...)
{
  ScriptStep *step = g_new0 (ScriptStep, 1);
  va_list args;

  if (server->pid != 0)
    harness_fail ("the script server was started already: its script cannot grow");

  va_start (args, format);
  step->what = g_strdup_vprintf (format, args);
  va_end (args);
  step->play = play;
  g_ptr_array_add (server->steps, step);

  return step;
}

ScriptStep *
script_server_last (ScriptServer *server)
{
  if (server->steps->len == 0)
    harness_fail ("the script has no step yet that this could be said of");

  return server->steps->pdata[server->steps->len - 1];
}

static HexPattern *
parse (const char *text)
{
  g_autofree char *why = NULL;
  HexPattern *pattern = hex_pattern_new (text, &why);

  if (pattern == NULL)
    harness_fail ("%s", why);

  return pattern;
}

HexPattern *
script_parse_expected (const char *text)
{
  HexPattern *pattern = parse (text);

  for (guint i = 0; i < pattern->ids->len; i++)
    if (g_array_index (pattern->ids, HexId, i).back != 0)
      harness_fail ("\"%.24s\": id(n) is only for what is sent", text);

  return pattern;
}

/* Here every open byte has to belong to a message id. */
HexPattern *
script_parse_sent (const char *text)
{
  HexPattern *pattern = parse (text);
  guint n_open = 0;

  for (guint i = 0; i < pattern->mask->len; i++)
    n_open += pattern->mask->data[i] == 0;
  if (n_open != pattern->ids->len * sizeof (guint16))
    harness_fail ("\"%.24s\": ?? is only for what is expected", text);

  return pattern;
}

void
script_set_deadline_ms (ScriptServer *server, guint ms)
{
  server->deadline_ms = ms;
}

/* ---- The process ---- */

/*
 * The new process does not outlive the test's, and holds nothing of it open: it has to see that the
 * client hangs up, and so have other servers.
 */
static void G_GNUC_NORETURN
become_player (ScriptServer *server, int connection, int listener, int progress)
{
  const int keep[] = { connection, listener, progress, server->sign };

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  signal (SIGTERM, SIG_DFL);
  signal (SIGINT, SIG_DFL);
  descriptors_close_all_but (keep, G_N_ELEMENTS (keep));
  script_player_run (server, connection, listener, progress);
}

static void
fork_player (ScriptServer *server, int connection, int listener)
{
  int progress[2];

  if (server->pid != 0)
    harness_fail ("the script server was started already");
  if (pipe2 (progress, O_CLOEXEC) != 0)
    harness_fail ("pipe2: %s", g_strerror (errno));
  server->sign = eventfd (0, EFD_CLOEXEC | EFD_SEMAPHORE);
  if (server->sign < 0)
    harness_fail ("eventfd: %s", g_strerror (errno));

  server->pid = fork ();
  if (server->pid == 0)
    become_player (server, connection, listener, progress[1]);
  if (server->pid < 0)
    harness_fail ("fork: %s", g_strerror (errno));
  close (progress[1]);
  server->progress = progress[0];
}

int
script_server_start (ScriptServer *server)
{
  int ends[2];

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    harness_fail ("socketpair: %s", g_strerror (errno));
  fork_player (server, ends[0], -1);
  close (ends[0]);

  return ends[1];
}

void
script_server_start_listening (ScriptServer *server, int listener)
{
  fork_player (server, -1, listener);
}

const char *
script_server_listen (ScriptServer *server)
{
  int listener;

  g_free (server->path);
  server->path = g_strdup_printf ("%s/server-%p.sock", harness_temp_dir (), (void *) server);
  listener = client_listen (server->path);
  script_server_start_listening (server, listener);
  close (listener);

  return server->path;
}

void
script_server_give_sign (ScriptServer *server)
{
  if (eventfd_write (server->sign, 1) != 0)
    harness_fail ("giving the script server a sign: %s", g_strerror (errno));
}

/* ---- The verdict ---- */

char *
script_server_check (ScriptServer *server)
{
  gssize n;
  char done;
  int status;

  if (server->pid == 0)
    return g_strdup ("the script server does not run");

  /* Every step has a deadline, so this ends. */
  do
    n = read (server->progress, &done, 1);
  while (n < 0 && errno == EINTR);
  status = end_player (server, n > 0 ? SIGKILL : 0);

  if (server->verdict->why[0] != '\0')
    return g_strdup (server->verdict->why);
  if (n == 0 && !server->verdict->is_final)
    return g_strdup_printf ("the script server's process ended badly, with status 0x%x", status);

  return NULL;
}

void
script_server_finish (ScriptServer *server)
{
  g_autofree char *why = script_server_check (server);

  if (why == NULL)
    return;
  if (server->verdict->why[0] != '\0')
    harness_fail ("the client did not follow the script: see the server's report");
  harness_fail ("%s", why);
}

guint
script_server_get_round_trips (ScriptServer *server)
{
  return server->verdict->round_trips;
}
