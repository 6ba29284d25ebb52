/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * A demo device: a vfio-user server that makes up a PCI device. See README.md for what it offers.
 *
 * This file knows the command line, the signals, and that one client is served at a time. Single-
 * threaded: everything runs from one GMainLoop.
 */

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "die.h"
#include "listener.h"
#include "server.h"

#define EXIT_USAGE        2
#define MAX_EXTRA_REGIONS 4096

typedef struct
{
  char *socket_path;
  int fd; /* -1: not given */
  int n_extra_regions;
  int shape;
  int max_dma_maps;
  gboolean no_ioregionfds;
  ServerOptions server;
  gboolean version;
} Options;

typedef struct
{
  Options options;
  GMainLoop *loop;
  Device *device;
  Server *server; /* NULL: nobody is connected */
  int listener;   /* -1: with --fd */
  int status;     /* to exit with */
} Program;

static gboolean
parse_options (Options *options, int *argc, char ***argv, GError **error)
{
  const GOptionEntry entries[] = {
    { "socket-path", 0, 0, G_OPTION_ARG_FILENAME, &options->socket_path,
      "Listen on the UNIX socket PATH (@NAME: abstract)", "PATH" },
    { "fd", 0, 0, G_OPTION_ARG_INT, &options->fd,
      "Serve the client connected to descriptor N, then exit", "N" },
    { "num-extra-regions", 0, 0, G_OPTION_ARG_INT, &options->n_extra_regions,
      "Have N more device-specific regions (default 0)", "N" },
    { "shape", 0, 0, G_OPTION_ARG_INT, &options->shape,
      "Be another device: 1: BAR2 is twice as large; 2: an MSI-X vector less (default 0)", "N" },
    { "max-dma-maps", 0, 0, G_OPTION_ARG_INT, &options->max_dma_maps,
      "Let the client map N windows of memory at once (default 65535)", "N" },
    { "no-ioregionfd", 0, 0, G_OPTION_ARG_NONE, &options->no_ioregionfds,
      "Do not offer ioregionfds", NULL },
    { "no-write-multiple", 0, 0, G_OPTION_ARG_NONE, &options->server.no_write_multiple,
      "Do not agree to REGION_WRITE_MULTI", NULL },
    { "reply-to-posted", 0, 0, G_OPTION_ARG_NONE, &options->server.reply_to_posted,
      "Reply to writes that want no reply", NULL },
    { "no-twin-socket", 0, 0, G_OPTION_ARG_NONE, &options->server.no_twin_socket,
      "Send commands to the client on the main socket, even if it wants them on another", NULL },
    { "reset-delay", 0, 0, G_OPTION_ARG_INT, &options->server.reset_delay,
      "Answer DEVICE_RESET after MS milliseconds, and no other command before that", "MS" },
    { "drop-after", 0, 0, G_OPTION_ARG_INT, &options->server.drop_after,
      "Hang up on each client after N commands (default 0: never)", "N" },
    { "verbose", 'v', 0, G_OPTION_ARG_NONE, &options->server.verbose,
      "Print every command on standard error", NULL },
    { "version", 0, 0, G_OPTION_ARG_NONE, &options->version, "Print the version and exit", NULL },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("- serve a demo PCI device");

  *options = (Options){ .fd = -1, .max_dma_maps = MAX_DMA_MAPS };
  g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_set_summary (context,
                                "Serves a made-up PCI device over vfio-user until SIGTERM or "
                                "SIGINT.\nOne of --socket-path and --fd is needed.");
  return g_option_context_parse (context, argc, argv, error);
}

static gboolean
check_ranges (const Options *options, GError **error)
{
  const struct
  {
    const char *name;
    int value;
    int maximum;
  } ranges[] = {
    { "num-extra-regions", options->n_extra_regions, MAX_EXTRA_REGIONS },
    { "shape", options->shape, DEVICE_N_SHAPES - 1 },
    { "max-dma-maps", options->max_dma_maps, MAX_DMA_MAPS },
    { "reset-delay", options->server.reset_delay, G_MAXINT },
    { "drop-after", options->server.drop_after, G_MAXINT },
  };

  for (guint i = 0; i < G_N_ELEMENTS (ranges); i++)
    if (ranges[i].value < 0 || ranges[i].value > ranges[i].maximum)
      {
        g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                     "--%s=%d is not between 0 and %d", ranges[i].name, ranges[i].value,
                     ranges[i].maximum);
        return FALSE;
      }
  return TRUE;
}

static gboolean
check_options (const Options *options, int argc, char **argv, GError **error)
{
  if (argc > 1)
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, "unexpected argument %s", argv[1]);
  else if ((options->socket_path != NULL) == (options->fd != -1))
    g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                         "exactly one of --socket-path and --fd is needed");
  else if (options->socket_path != NULL && options->socket_path[0] == '\0')
    g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--socket-path is empty");
  else if (options->fd != -1 && !listener_is_connected_socket (options->fd))
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                 "--fd=%d is not a connected UNIX stream socket", options->fd);
  else
    return check_ranges (options, error);
  return FALSE;
}

static void
fail (Program *program, const GError *error)
{
  g_printerr ("demo-device: %s\n", error->message);
  program->status = EXIT_FAILURE;
}

static gboolean on_client_waiting (int fd, GIOCondition condition, gpointer user_data);

static void
await_client (Program *program)
{
  g_unix_fd_add (program->listener, G_IO_IN, on_client_waiting, program);
}

/* What it lent goes first: a copy that it interrupts must not raise interrupts any more. */
static void
dismiss_client (Program *program)
{
  device_client_left (program->device);
  g_clear_pointer (&program->server, server_free);
}

static void
on_client_done (const GError *error, gpointer user_data)
{
  Program *program = user_data;

  if (error != NULL)
    g_printerr ("demo-device: client thrown out: %s\n", error->message);

  dismiss_client (program);
  if (program->listener >= 0)
    {
      await_client (program);
      return;
    }
  program->status = error == NULL ? EXIT_SUCCESS : EXIT_FAILURE;
  g_main_loop_quit (program->loop);
}

static void
serve (Program *program, int socket)
{
  program->server = server_new (program->device, socket, &program->options.server, on_client_done,
                                program);
}

/* While a client is served nobody watches the listener: the next one waits in its backlog. */
static gboolean
on_client_waiting (int fd, GIOCondition condition G_GNUC_UNUSED, gpointer user_data)
{
  Program *program = user_data;
  g_autoptr (GError) error = NULL;
  int client = listener_accept (fd, &error);

  if (error != NULL)
    {
      fail (program, error);
      g_main_loop_quit (program->loop);
      return G_SOURCE_REMOVE;
    }
  if (client < 0)
    return G_SOURCE_CONTINUE;

  serve (program, client);
  return G_SOURCE_REMOVE;
}

static gboolean
on_signal (int fd G_GNUC_UNUSED, GIOCondition condition G_GNUC_UNUSED, gpointer user_data)
{
  Program *program = user_data;

  g_main_loop_quit (program->loop);
  return G_SOURCE_REMOVE;
}

/* A signalfd, because g_unix_signal_add () would start a thread. Returns the descriptor. */
static int
watch_signals (Program *program)
{
  sigset_t signals;
  int fd;

  signal (SIGPIPE, SIG_IGN); /* an "eventfd" of the client may be a pipe */

  sigemptyset (&signals);
  sigaddset (&signals, SIGINT);
  sigaddset (&signals, SIGTERM);
  if (sigprocmask (SIG_BLOCK, &signals, NULL) < 0)
    die ("cannot block signals");
  fd = signalfd (-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd < 0)
    die ("cannot make a signalfd");
  g_unix_fd_add (fd, G_IO_IN, on_signal, program);
  return fd;
}

/* Windows that are accessed as files keep their descriptors. */
static void
allow_many_descriptors (void)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) < 0)
    return;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit (RLIMIT_NOFILE, &limit) < 0)
    g_debug ("setrlimit: %s", g_strerror (errno));
}

static gboolean
start (Program *program, GError **error)
{
  const Options *options = &program->options;

  if (options->socket_path == NULL)
    {
      fcntl (options->fd, F_SETFD, FD_CLOEXEC);
      serve (program, options->fd);
      return TRUE;
    }

  program->listener = listener_open (options->socket_path, error);
  if (program->listener < 0)
    return FALSE;
  await_client (program);
  return TRUE;
}

static int
run (Program *program)
{
  g_autoptr (GError) error = NULL;
  int signal_fd = watch_signals (program);

  allow_many_descriptors ();
  program->loop = g_main_loop_new (NULL, FALSE);
  program->device = device_new (&(DeviceOptions){
    .n_extra_regions = program->options.n_extra_regions,
    .shape = program->options.shape,
    .max_dma_maps = program->options.max_dma_maps,
    .no_ioregionfds = program->options.no_ioregionfds,
  });

  if (start (program, &error))
    g_main_loop_run (program->loop);
  else
    fail (program, error);

  dismiss_client (program);
  if (program->listener >= 0)
    listener_close (program->listener, program->options.socket_path);
  device_free (program->device);
  g_main_loop_unref (program->loop);
  close (signal_fd);
  return program->status;
}

int
main (int argc, char **argv)
{
  Program program = { .listener = -1, .status = EXIT_SUCCESS };
  g_autoptr (GError) error = NULL;
  int status = EXIT_SUCCESS;

  setlocale (LC_ALL, "");
  if (!parse_options (&program.options, &argc, &argv, &error)
      || (!program.options.version && !check_options (&program.options, argc, argv, &error)))
    {
      g_printerr ("demo-device: %s (see --help)\n", error->message);
      status = EXIT_USAGE;
    }
  else if (program.options.version)
    g_print ("demo-device %s\n", PACKAGE_VERSION);
  else
    status = run (&program);

  g_free (program.options.socket_path);
  return status;
}
