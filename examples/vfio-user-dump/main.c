/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * vfio-user-dump: shows the device behind a vfio-user socket. Here is the order of its work: what
 * was asked for, the connection, the plan, the report, and last what went wrong. It is the example
 * of how a client uses the library, so it includes the public headers and nothing else of it.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <vfio-user-client/vfio-user-client.h>

#include "advice.h"
#include "demo.h"
#include "job.h"
#include "options.h"
#include "plan.h"
#include "report.h"
#include "terminal.h"

/* EXIT_SUCCESS: all was read. EXIT_FAILURE: trouble with the server, its device, or our output. */
#define EXIT_USAGE 2

static int complain (int status, const char *format, ...) G_GNUC_PRINTF (2, 3);

static int
complain (int status, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);

  terminal_complain (text);
  return status;
}

static int
complain_about_output (const Options *options, int number)
{
  const char *name = options->output_file != NULL ? options->output_file : "standard output";

  if (number == EPIPE)
    return complain (EXIT_FAILURE, "%s: whoever was to read it has gone (%s)", name,
                     g_strerror (number));

  return complain (EXIT_FAILURE,
                   "%s: cannot be written; make room, or name another file with --output (%s)",
                   name, g_strerror (number));
}

static VucConfig *
make_config (const Options *options, gint64 *start)
{
  VucConfig *config = vuc_config_new ();

  vuc_config_set_timeout_ms (config, options->timeout_ms);
  vuc_config_set_allow_unsealed_files (config, options->allow_unsealed);
  if (options->verbose)
    vuc_config_set_message_func (config, terminal_show_message, start, NULL);

  return config;
}

static int
connect_device (Job *job, const Demo *demo, VucConfig *config)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *advice = NULL;

  if (demo != NULL)
    {
      job->where = g_strdup ("the demo device");
      job->demo_pid = demo_get_pid (demo);
      job->device = vuc_device_connect_fd (demo_get_socket (demo), config, &error);
    }
  else
    {
      job->where = g_filename_display_name (job->options->socket_path);
      job->device = vuc_device_connect (job->options->socket_path, config, &error);
    }

  if (job->device != NULL)
    return EXIT_SUCCESS;

  advice = demo != NULL ? advice_on ("the demo device", error)
                        : advice_on_connecting (job->options->socket_path, error);
  return complain (g_error_matches (error, VUC_ERROR, VUC_ERROR_INVALID_ARGUMENT) ? EXIT_USAGE
                                                                                  : EXIT_FAILURE,
                   "%s", advice);
}

/* Opened only now: a file that is there already is not lost to a server that is not. */
static int
write_report (Job *job)
{
  static void (*const reports[]) (Job *) = {
    [REPORT_TEXT] = report_text,
    [REPORT_JSON] = report_json,
    [REPORT_RAW] = report_raw,
  };
  const Options *options = job->options;

  job->out = options->output_file != NULL ? fopen (options->output_file, "we") : stdout;
  if (job->out == NULL)
    return complain_about_output (options, errno);

  reports[options->report](job);
  job_flush (job);
  if (fclose (job->out) != 0 && job->out_errno == 0)
    job->out_errno = errno;

  for (guint i = 0; i < job->failures->len; i++)
    terminal_complain (g_ptr_array_index (job->failures, i));
  if (job->out_errno != 0)
    return complain_about_output (options, job->out_errno);

  return job->failures->len > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int
run (const Options *options)
{
  g_autoptr (Demo) demo = NULL;
  g_autoptr (GError) error = NULL;
  gint64 start = 0;
  g_autoptr (VucConfig) config = make_config (options, &start);
  g_auto (Job) job = { .options = options, .failures = g_ptr_array_new_with_free_func (g_free) };
  int status;

  if (options->demo)
    {
      demo = demo_start (&error);
      if (demo == NULL)
        return complain (EXIT_FAILURE, "%s", error->message);
    }

  status = connect_device (&job, demo, config);
  if (status != EXIT_SUCCESS)
    return status;

  job.ranges = plan_dumps (job.device, options, &error);
  if (job.ranges == NULL)
    return complain (error->domain == G_OPTION_ERROR ? EXIT_USAGE : EXIT_FAILURE, "%s: %s",
                     job.where, error->message);

  return write_report (&job);
}

static int
print_message (const char *text)
{
  if (fputs (text, stdout) < 0 || fflush (stdout) != 0)
    return complain (EXIT_FAILURE, "standard output: cannot be written (%s)", g_strerror (errno));

  return EXIT_SUCCESS;
}

int
main (int argc G_GNUC_UNUSED, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Options) options = NULL;

  /* A reader that has gone is an error of the output like any other, to be told in one line. */
  signal (SIGPIPE, SIG_IGN);

  options = options_parse (argv, &error);
  if (options == NULL)
    return complain (EXIT_USAGE, "%s (see --help)", error->message);
  if (options->message != NULL)
    return print_message (options->message);
  if (options->report == REPORT_RAW && options->output_file == NULL && isatty (STDOUT_FILENO))
    return complain (EXIT_USAGE, "--raw would garble this terminal: add --output FILE, or a pipe");

  return run (options);
}
