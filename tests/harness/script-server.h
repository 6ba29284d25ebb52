/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * A server that follows a script: it expects exact bytes and answers exact bytes and descriptors,
 * late, in pieces, or not at all, and lies if told to.  It runs in a process of its own and shares
 * no code with the library, so that a misreading of the protocol is not made twice.
 *
 *   static void
 *   an_error_reply_tells_the_errno (void)
 *   {
 *     g_autoptr(ScriptServer) server = script_server_new ();
 *     g_autoptr(GError) error = NULL;
 *     g_autoptr(VucDevice) device = NULL;
 *     guint32 value;
 *
 *     script_handshake (server, &script_pci_device);
 *     script_expect_command (server, 9, "u64:0 | u32:7 | u32:4");
 *     script_reply_error (server, 22);
 *
 *     device = connect_to (script_server_start (server));
 *     ck_assert (!vuc_device_region_read (device, 7, 0, &value, 4, &error));
 *     assert_error (error, VUC_ERROR, VUC_ERROR_REMOTE, "REGION_READ");
 *     vuc_device_close (device);
 *     script_server_finish (server);
 *   }
 *
 * Where the client does not follow, the server says which step it was and what came, and closes
 * the connection; the test then fails with its report.  After the last step the server waits until
 * the client hangs up, and whatever else the client sends is a failure too.
 *
 * Texts are those of hex.h.  In what is expected ?? stands for any byte and "id" for the message id
 * of a command, which is remembered.  In what is sent "id" stands for the id of the last command
 * that came, id(1) for the one before, and so on.  "Header" is u16 id, u16 command, u32 size,
 * u32 flags (0 command, 1 reply), u32 error.
 *
 * The server is forked where it is started, so start it before any thread.
 */

#ifndef HARNESS_SCRIPT_SERVER_H
#define HARNESS_SCRIPT_SERVER_H

#include <glib.h>

G_BEGIN_DECLS

typedef struct _ScriptServer ScriptServer;

ScriptServer *script_server_new (void);
void script_server_free (ScriptServer *server);

/* ---- What comes ---- */

/* Exactly these bytes: a piece of a message, one, or several. */
void script_expect (ScriptServer *server, const char *text);

/* One whole command with this number and any id; with this payload, or any if it is NULL. */
void script_expect_command (ScriptServer *server, guint16 command, const char *payload);

/* One whole message, whatever it is, with any number of descriptors. */
void script_expect_any (ScriptServer *server);

/* What is expected in the step before this call carries @n descriptors.  Usually none may come. */
void script_expect_fds (ScriptServer *server, guint n);

/* Nothing for so long: neither bytes nor the end. */
void script_expect_silence (ScriptServer *server, guint ms);

/* The client hangs up, or shuts down its writing side. */
void script_expect_eof (ScriptServer *server);

/* Of the descriptors that came last, number @i: adds @count to an eventfd, expects that it holds
 * @count and reads it empty, or makes reading and writing it wait. */
void script_signal_fd (ScriptServer *server, guint i, guint64 count);
void script_expect_signal (ScriptServer *server, guint i, guint64 count);
void script_make_fd_blocking (ScriptServer *server, guint i);

/* ---- What goes ---- */

/* Descriptors that the server makes when it sends them. */
typedef enum
{
  SCRIPT_FD_END,           /* ends a list of them */
  SCRIPT_FD_MEMFD,         /* .size bytes, may be sealed by whoever gets it */
  SCRIPT_FD_SEALED_MEMFD,  /* sealed against shrinking */
  SCRIPT_FD_NO_SEAL_MEMFD, /* may shrink, and cannot be sealed */
  SCRIPT_FD_HUGE_MEMFD,    /* zeros in huge pages of 2 MiB, .size a multiple; may be sealed */
  SCRIPT_FD_FILE,          /* a regular file of .size bytes, which cannot be sealed */
  SCRIPT_FD_EVENTFD,
  SCRIPT_FD_SOCKET, /* a connected stream socket; the server keeps the other end */
  SCRIPT_FD_PIPE,   /* the end of a pipe that is written to */
  SCRIPT_FD_DEV_NULL
} ScriptFdKind;

/*
 * Other files and memfds hold u64 words, each its own offset in the file (up to the first MiB; zeros from
 * there on).
 */
typedef struct
{
  ScriptFdKind kind;
  guint64 size;
} ScriptFd;

/*
 * A list of descriptors: SCRIPT_FDS ({ SCRIPT_FD_MEMFD, 65536 }, { SCRIPT_FD_EVENTFD, 0 }).  It
 * lives as long as the block that it is written in; static tables have it at file scope only.
 */
#define SCRIPT_FDS(...) ((const ScriptFd[]) { __VA_ARGS__, { SCRIPT_FD_END, 0 } })

/* These bytes, with one send: a piece of a message, one, or several. */
void script_send (ScriptServer *server, const char *text);
void script_send_fds (ScriptServer *server, const char *text, const ScriptFd *fds);

/* A success reply to the last command that came, or to the one that came @back commands before. */
void script_reply (ScriptServer *server, const char *payload);
void script_reply_fds (ScriptServer *server, const char *payload, const ScriptFd *fds);
void script_reply_to (ScriptServer *server, guint back, const char *payload);

/* A reply to the last command that came: the header alone, with the error bit and @error. */
void script_reply_error (ScriptServer *server, guint32 error);

/*
 * What is sent in the step before this call goes in two pieces, the first @first bytes long, or in
 * pieces of @size bytes.  Each but the first waits until the client has read the one before.
 */
void script_split_at (ScriptServer *server, gsize first);
void script_in_pieces_of (ScriptServer *server, gsize size);

/*
 * What is sent in the step before this call goes in two pieces, too; all after its first @first
 * bytes waits until the test calls script_server_give_sign ().
 */
void script_hold_back_after (ScriptServer *server, gsize first);

/* The same bytes, @count times. */
void script_flood (ScriptServer *server, guint count, const char *text);

/* ---- Connections ---- */

void script_delay_ms (ScriptServer *server, guint ms);

/* Does nothing until the test calls script_server_give_sign () (once more, where it did before). */
void script_wait_for_sign (ScriptServer *server);

void script_shutdown_write (ScriptServer *server);

/* Hangs up.  A server that listens can then accept another connection. */
void script_close (ScriptServer *server);

/* Usually the first step that needs a connection accepts it. */
void script_accept (ScriptServer *server);

/*
 * From here on the steps act on the server's end of the SCRIPT_FD_SOCKET that was sent last (a twin
 * socket), or on the connection again.
 */
void script_use_socket (ScriptServer *server);
void script_use_connection (ScriptServer *server);

/* Says and reads nothing more.  The script has been followed when this step is reached. */
void script_wait_forever (ScriptServer *server);

/* From here on the client may hang up at any time. */
void script_may_end_early (ScriptServer *server);

/* How long each step waits for the client; 20000 ms if this is not called. */
void script_set_deadline_ms (ScriptServer *server, guint ms);

/*
 * Holds back what is to be sent until the client has sent all that it wants to send and sleeps, and
 * counts how often that happens: the round trips that a client cannot avoid.
 */
void script_count_round_trips (ScriptServer *server);

/* ---- Running ---- */

/* Starts the server on one end of a socket pair.  Returns the other end, which is the caller's. */
int script_server_start (ScriptServer *server);

/* Starts the server on a socket in the case's temporary folder.  Returns its path. */
const char *script_server_listen (ScriptServer *server);

/* Starts the server on a listening socket, which stays the caller's. */
void script_server_start_listening (ScriptServer *server, int listener);

/* Lets the server go on from where it waits for a sign, or will.  On any thread. */
void script_server_give_sign (ScriptServer *server);

/* Waits for the end of the script.  Fails the test if it was not followed. */
void script_server_finish (ScriptServer *server);

/* The same, but returns NULL or what went wrong. */
char *script_server_check (ScriptServer *server);

/* After script_server_finish (). */
guint script_server_get_round_trips (ScriptServer *server);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ScriptServer, script_server_free)

G_END_DECLS

#endif /* HARNESS_SCRIPT_SERVER_H */
