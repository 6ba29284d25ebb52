/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What the parts of the script server share.  A step is a function with its arguments; the test's
 * process makes a list of them, the server's process (the player) runs one after the other.
 *
 *   static gboolean
 *   play_delay (ScriptPlayer *player, const ScriptStep *step)
 *   {
 *     g_usleep (step->number * 1000);
 *     return TRUE;
 *   }
 *
 *   void
 *   script_delay_ms (ScriptServer *server, guint ms)
 *   {
 *     script_server_add (server, play_delay, "delay")->number = ms;
 *   }
 */

#ifndef HARNESS_SCRIPT_PRIVATE_H
#define HARNESS_SCRIPT_PRIVATE_H

#include "hex.h"
#include "script-device.h"
#include "script-server.h"

G_BEGIN_DECLS

/* The header of a message, as it is on the wire. */
typedef struct
{
  guint16 id;
  guint16 command;
  guint32 size;
  guint32 flags;
  guint32 error;
} ScriptHeader;

G_STATIC_ASSERT (sizeof (ScriptHeader) == 16);

#define SCRIPT_TYPE_MASK 0xfu
#define SCRIPT_REPLY 1u
#define SCRIPT_ERROR 0x20u

typedef struct _ScriptPlayer ScriptPlayer;
typedef struct _ScriptStep ScriptStep;

/* FALSE ends the script: the client failed to follow, or hung up where it may. */
typedef gboolean (*ScriptPlay) (ScriptPlayer *player, const ScriptStep *step);

/* What goes with the bytes that are sent, and how. */
typedef struct
{
  const ScriptFd *fds; /* up to SCRIPT_FD_END; NULL: none */
  gsize first_piece;   /* bytes; 0: all at once */
  gsize other_pieces;
  gboolean held_back; /* what comes after the first piece waits for a sign; all, if there is none */
} ScriptManner;

/* Which of the arguments count, and what they mean, is for the step's own function to know. */
struct _ScriptStep
{
  ScriptPlay play;
  char *what; /* for the report: "expect REGION_READ" */
  HexPattern *text;
  guint64 number;
  int n_fds; /* expected; -1: any number; or which one */
  ScriptManner manner;
  ScriptFd *own_fds; /* those of the manner, if they have to be freed */
  const ScriptDevice *device;
};

/* Written by the player, read by the test. */
typedef struct
{
  guint round_trips;
  gboolean is_final; /* the player came to its end, however */
  char why[64 * 1024]; /* empty as long as the client follows */
} ScriptVerdict;

struct _ScriptServer
{
  GPtrArray *steps; /* of ScriptStep */
  guint deadline_ms;
  ScriptVerdict *verdict; /* shared with the player */
  int pid;                /* of the player; 0 before it was started and after it was reaped */
  int progress;           /* a pipe: a byte when the player waits for ever, the end when it ends */
  int sign;               /* an eventfd that counts the signs of the test; -1: does not run */
  char *path;
};

typedef struct
{
  guint16 id;
  guint16 command;
} ScriptCommand;

struct _ScriptPlayer
{
  const ScriptServer *server;
  const ScriptStep *step;
  guint step_number; /* from 1 */

  int listener;   /* -1: none */
  int connection; /* -1: none, yet or any more */
  int socket;     /* our end of the SCRIPT_FD_SOCKET that was sent last, or -1 */
  gboolean on_socket;
  int progress;

  GByteArray *message; /* what came last */
  guint n_fds;         /* that came with it */
  GArray *received;    /* of int: the descriptors that came last, with whatever message */
  GArray *commands;    /* of ScriptCommand: all that came */
  GQueue *held;        /* of Held, oldest first: not sent yet */
  gboolean may_end_early;
  gboolean counts_round_trips;
  gboolean is_over; /* failed or ended early: what fails after that is of no interest */
};

/* ---- script-server.c: the test's process ---- */

ScriptStep *script_server_add (ScriptServer *server, ScriptPlay play, const char *format, ...)
  G_GNUC_PRINTF (3, 4);
ScriptStep *script_server_last (ScriptServer *server);
HexPattern *script_parse_expected (const char *text);
HexPattern *script_parse_sent (const char *text);

/* ---- script-player.c: the server's process ---- */

/* Runs the steps and ends the process. */
void script_player_run (const ScriptServer *server, int connection, int listener, int progress)
  G_GNUC_NORETURN;

/* Both return FALSE, to be returned. */
gboolean script_player_fail (ScriptPlayer *player, const char *format, ...) G_GNUC_PRINTF (2, 3);
gboolean script_player_hung_up (ScriptPlayer *player, const char *when);

/* Tells the test that the script has been followed: it may end this process. */
void script_player_say_done (ScriptPlayer *player);

/* The socket that steps act on; accepts a connection if there is none.  -1 after a failure. */
int script_player_get_socket (ScriptPlayer *player);
void script_player_close (ScriptPlayer *player);

/* What came: commands only, the last one is 0 back.  NULL after a failure: there is none. */
void script_player_remember (ScriptPlayer *player, guint16 id, guint16 command);
const ScriptCommand *script_player_get_command (ScriptPlayer *player, guint back);

/* ---- script-io.c: the server's process ---- */

/* Whether something (bytes, the end, a connection) comes to @fd within so long. */
gboolean script_player_wait (int fd, guint ms);

/* Appends up to @size bytes to the message.  Returns how many, 0 at the end, -1 if none came. */
gssize script_player_receive (ScriptPlayer *player, gsize size);

/* The next message, whole; if it is a command it is remembered. */
gboolean script_player_read_message (ScriptPlayer *player, ScriptHeader *header);

/* That the client hangs up, and sends nothing before. */
gboolean script_player_expect_end (ScriptPlayer *player);

gboolean script_player_send_text (ScriptPlayer *player, const ScriptManner *manner,
                                  const HexPattern *text);
gboolean script_player_reply (ScriptPlayer *player, const ScriptManner *manner,
                              const ScriptCommand *command, gconstpointer payload, gsize size);
gboolean script_player_reply_error (ScriptPlayer *player, const ScriptManner *manner,
                                    const ScriptCommand *command, guint32 error);

/* Until the test gives a sign. */
gboolean script_player_wait_for_sign (ScriptPlayer *player);

/* Sends what was held back. */
gboolean script_player_flush (ScriptPlayer *player);

/* ---- script-fds.c ---- */

/* A new descriptor; @other_end gets what is to be kept open as long as it is used, or -1. */
int script_fd_make (const ScriptFd *fd, int *other_end);

/* ---- script-steps.c ---- */

const char *script_command_name (guint16 command);

G_END_DECLS

#endif /* HARNESS_SCRIPT_PRIVATE_H */
