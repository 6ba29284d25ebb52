/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The command line: one table of options, and the rules about which go together. Does not know the
 * device, so not whether a region exists. Called by main.
 */

#include "options.h"

#include <vfio-user-client/vfio-user-client.h>

#define DEFAULT_TIMEOUT_MS 5000

static const char description[] =
  "NUMBERS are decimal or 0x..., with K, M or G for KiB, MiB, GiB. Without --region the\n"
  "configuration space is dumped. Blocks of up to 64 KiB are read at once, and again in smaller\n"
  "ones where the server refuses that; --width makes all accesses one size.\n"
  "\n"
  "Examples:\n"
  "  vfio-user-dump /run/device.sock\n"
  "  vfio-user-dump /run/device.sock --region bar0 --length 0x40 --width 4\n"
  "  vfio-user-dump /run/device.sock --region bar2 --mmap --raw --output bar2.bin\n"
  "  vfio-user-dump /run/device.sock --json | jq .pci.device\n"
  "  vfio-user-dump --demo --region all\n"
  "\n"
  "Exit status: 0 all was read, 1 something was not (no server, or trouble with it or its\n"
  "device, or with the output), 2 the command line asks for what cannot be.";

/* One function per type of value. OPTION is "--offset" and so on, the value follows it. */
static gboolean
take (const char *option, gboolean understood, GError **error)
{
  if (!understood)
    g_prefix_error (error, "%s: ", option);
  return understood;
}

static gboolean
on_region (const char *option, const char *value, gpointer data, GError **error)
{
  Options *options = data;

  return take (option, parse_region (value, &options->region, error), error);
}

static gboolean
on_offset (const char *option, const char *value, gpointer data, GError **error)
{
  Options *options = data;

  options->has_offset = TRUE;
  return take (option, parse_number (value, &options->offset, error), error);
}

static gboolean
on_length (const char *option, const char *value, gpointer data, GError **error)
{
  Options *options = data;

  options->has_length = TRUE;
  return take (option, parse_number (value, &options->length, error), error);
}

static gboolean
on_width (const char *option, const char *value, gpointer data, GError **error)
{
  Options *options = data;

  return take (option, parse_width (value, &options->width, error), error);
}

static gboolean
on_timeout (const char *option, const char *value, gpointer data, GError **error)
{
  Options *options = data;

  return take (option, parse_seconds (value, &options->timeout_ms, error), error);
}

/* What the options mean together, where no single one of them is wrong. */
static gboolean
check_combination (const Options *options, gboolean json, gboolean raw, GError **error)
{
  gboolean all = options->region.kind == REGION_CHOICE_ALL;

  if (!options->demo && options->socket_path == NULL)
    return usage_error (error, "which device? name the server's socket, or say --demo");
  if (options->demo && options->socket_path != NULL)
    return usage_error (error, "--demo starts a server of its own: it goes without a socket");
  if (options->socket_path != NULL && *options->socket_path == '\0')
    return usage_error (error, "the name of the socket is empty: write its path, or @name");
  if (json && raw)
    return usage_error (error, "--json and --raw exclude each other: choose one");
  if (all && raw)
    return usage_error (error, "--raw writes one region: choose it with --region");
  if (all && (options->has_offset || options->has_length))
    return usage_error (error, "--offset and --length are for one region: choose it with --region");
  if (options->has_length && options->length == 0)
    return usage_error (error, "--length: 0 bytes are nothing: write at least 1");
  if (options->width != 0
      && (options->offset % options->width != 0 || options->length % options->width != 0))
    return usage_error (error, "--offset and --length must be multiples of --width, %u",
                        options->width);
  if (options->allow_unsealed && !options->mmap)
    return usage_error (error, "--allow-unsealed says what --mmap may map: add --mmap");

  return TRUE;
}

Options *
options_parse (char **argv, GError **error)
{
  g_autoptr (Options) options = g_new0 (Options, 1);
  gboolean help = FALSE;
  gboolean version = FALSE;
  gboolean json = FALSE;
  gboolean raw = FALSE;
  g_auto (GStrv) sockets = NULL;
  g_auto (GStrv) args = g_strdupv (argv);
  /* clang-format off */
  const GOptionEntry entries[] = {
    { "demo", 0, 0, G_OPTION_ARG_NONE, &options->demo,
      "Start the demo device and look at that", NULL },
    { "region", 'r', 0, G_OPTION_ARG_CALLBACK, on_region,
      "Dump this region: its number, bar0...bar5, rom, config, vga; or all", "REGION" },
    { "offset", 'o', 0, G_OPTION_ARG_CALLBACK, on_offset,
      "Dump from here on (default 0)", "NUMBER" },
    { "length", 'l', 0, G_OPTION_ARG_CALLBACK, on_length,
      "Dump that many bytes (default: to the region's end)", "NUMBER" },
    { "width", 'w', 0, G_OPTION_ARG_CALLBACK, on_width,
      "Read 1, 2, 4 or 8 bytes at a time", "BYTES" },
    { "mmap", 'm', 0, G_OPTION_ARG_NONE, &options->mmap,
      "Read what can be mapped directly, without the server", NULL },
    { "allow-unsealed", 0, 0, G_OPTION_ARG_NONE, &options->allow_unsealed,
      "With --mmap: trust the server not to shrink its files meanwhile", NULL },
    { "json", 'j', 0, G_OPTION_ARG_NONE, &json,
      "Print one JSON document", NULL },
    { "raw", 0, 0, G_OPTION_ARG_NONE, &raw,
      "Write the region's bytes and nothing else", NULL },
    { "output", 'O', 0, G_OPTION_ARG_FILENAME, &options->output_file,
      "Write to this file instead of to standard output", "FILE" },
    { "timeout", 't', 0, G_OPTION_ARG_CALLBACK, on_timeout,
      "Wait so long for each answer (default 5)", "SECONDS" },
    { "verbose", 'v', 0, G_OPTION_ARG_NONE, &options->verbose,
      "Show each message on standard error", NULL },
    { "help", 'h', 0, G_OPTION_ARG_NONE, &help, "Print this", NULL },
    { "version", 'V', 0, G_OPTION_ARG_NONE, &version, "Print the version", NULL },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &sockets, NULL, NULL },
    { NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL },
  };
  /* clang-format on */
  g_autoptr (GOptionContext) context = g_option_context_new ("SOCKET");
  GOptionGroup *group = g_option_group_new ("", "", "", options, NULL);

  options->timeout_ms = DEFAULT_TIMEOUT_MS;

  /* The group's data is what the callbacks get. */
  g_option_group_add_entries (group, entries);
  g_option_context_set_main_group (context, group);
  g_option_context_set_help_enabled (context, FALSE);
  g_option_context_set_summary (context, "Shows the vfio-user device behind a UNIX socket.");
  g_option_context_set_description (context, description);

  if (!g_option_context_parse_strv (context, &args, error))
    return NULL;

  if (help)
    options->message = g_option_context_get_help (context, TRUE, NULL);
  else if (version)
    options->message = g_strdup ("vfio-user-dump " VUC_VERSION_STRING "\n");
  if (options->message != NULL)
    return g_steal_pointer (&options);

  if (sockets != NULL && g_strv_length (sockets) > 1)
    {
      usage_error (error, "one device at a time: \"%s\" is too much", sockets[1]);
      return NULL;
    }
  if (sockets != NULL)
    options->socket_path = g_strdup (sockets[0]);

  if (!check_combination (options, json, raw, error))
    return NULL;

  options->report = json ? REPORT_JSON : raw ? REPORT_RAW : REPORT_TEXT;
  return g_steal_pointer (&options);
}

void
options_free (Options *options)
{
  g_free (options->message);
  g_free (options->socket_path);
  g_free (options->output_file);
  g_free (options);
}
