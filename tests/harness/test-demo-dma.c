/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/* The demo device's table of windows: what it takes and refuses, and when it lets go. */

#include "harness.h"

#include "client.h"
#include "demo-client.h"
#include "demo-guest.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAGE    0x1000
#define BOTH    DEMO_GUEST_BOTH
#define SCRATCH "u64:0x008"

/* As DMA_MAP and DMA_UNMAP say it. */
#define SAY_UNMAP(id, address, size)                                                               \
  "u16:" id " u16:3 u32:40 u32:0 u32:0 | u32:24 u32:0 u64:" address " u64:" size
#define HEAR_UNMAP(id, address, size)                                                              \
  "u16:" id " u16:3 u32:40 u32:1 u32:0 | u32:24 u32:0 u64:" address " u64:" size

typedef enum
{
  NO_FILE,
  MEMORY,
  READ_ONLY,
  WRITE_ONLY,
  PIPE
} File;

typedef struct
{
  const char *name;
  guint64 offset;
  guint64 size;
  guint32 flags;
  File file;
  int error;
} Window;

#define LAST (DEMO_GUEST_SIZE - PAGE)
#define TOP  (G_MAXUINT64 - DEMO_GUEST_BASE - 2 * PAGE + 1) /* offset of the last page but one */

static const Window windows[] = {
  { "without a file", 0, PAGE, BOTH, NO_FILE, 0 },
  { "readable", 0, PAGE, DEMO_GUEST_READ, NO_FILE, 0 },
  { "writable", 0, PAGE, DEMO_GUEST_WRITE, NO_FILE, 0 },
  { "the last page that there can be", TOP, PAGE, BOTH, NO_FILE, 0 },
  { "no size", 0, 0, BOTH, NO_FILE, EINVAL },
  { "half a page", 0, PAGE / 2, BOTH, NO_FILE, EINVAL },
  { "not at a page", PAGE / 2, PAGE, BOTH, NO_FILE, EINVAL },
  { "addresses that wrap", TOP, 4 * PAGE, BOTH, NO_FILE, EINVAL },
  { "no right", 0, PAGE, 0, NO_FILE, EINVAL },
  { "an unknown flag", 0, PAGE, BOTH | 0x10, NO_FILE, EINVAL },
  { "nothing to map", 0, PAGE, BOTH | DEMO_GUEST_MMAP, NO_FILE, EINVAL },
  { "no file to do IO with", 0, PAGE, BOTH | DEMO_GUEST_FILE_IO, NO_FILE, EINVAL },

  { "a file", 0, PAGE, BOTH, MEMORY, 0 },
  { "a file to map", 0, PAGE, BOTH | DEMO_GUEST_MMAP, MEMORY, 0 },
  { "a file for IO", 0, PAGE, BOTH | DEMO_GUEST_FILE_IO, MEMORY, 0 },
  { "the end of a file", LAST, PAGE, BOTH, MEMORY, 0 },
  { "one or the other", 0, PAGE, BOTH | DEMO_GUEST_MMAP | DEMO_GUEST_FILE_IO, MEMORY, EINVAL },
  { "no right to a file", 0, PAGE, DEMO_GUEST_MMAP, MEMORY, EINVAL },
  { "past the end of a file", LAST, 2 * PAGE, BOTH, MEMORY, EINVAL },
  { "a file that is too short for IO", LAST, 2 * PAGE, BOTH | DEMO_GUEST_FILE_IO, MEMORY, EINVAL },
  { "a pipe", 0, PAGE, DEMO_GUEST_READ, PIPE, EINVAL },

  { "reading what can be read", 0, PAGE, DEMO_GUEST_READ, READ_ONLY, 0 },
  { "writing what can be read", 0, PAGE, DEMO_GUEST_WRITE, READ_ONLY, EACCES },
  { "both with what can be read", 0, PAGE, BOTH, READ_ONLY, EACCES },
  { "IO with what can be read", 0, PAGE, BOTH | DEMO_GUEST_FILE_IO, READ_ONLY, EACCES },
  { "reading what can be written", 0, PAGE, BOTH | DEMO_GUEST_FILE_IO, WRITE_ONLY, EACCES },
  { "IO with what can be written", 0, PAGE, DEMO_GUEST_WRITE | DEMO_GUEST_FILE_IO, WRITE_ONLY, 0 },
};

static int
open_file (DemoGuest *guest, File file)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", guest->memory_fd);
  int ends[2];

  switch (file)
    {
    case MEMORY:
      return dup (guest->memory_fd);
    case READ_ONLY:
      return open (path, O_RDONLY | O_CLOEXEC);
    case WRITE_ONLY:
      return open (path, O_WRONLY | O_CLOEXEC);
    case PIPE:
      ck_assert_int_eq (pipe (ends), 0);
      close (ends[1]);
      return ends[0];
    case NO_FILE:
      break;
    }
  return -1;
}

static void
a_window_is_taken_or_refused (gconstpointer row)
{
  const Window *window = row;
  g_autoptr (DemoGuest) guest = demo_guest_new (TRUE);
  int file = open_file (guest, window->file);

  ck_assert (window->file == NO_FILE || file >= 0);
  ck_assert_int_eq (demo_guest_try_map (guest, window->offset, window->size, window->flags, file),
                    window->error);
  ck_assert_int_eq (demo_guest_unmap (guest, window->offset, window->size),
                    window->error == 0 ? 0 : ENOENT);
  if (file >= 0)
    close (file);
}

typedef struct
{
  const char *name;
  guint64 offset; /* there is a window from page 4 to 7 */
  guint64 size;
  int error;
} Neighbour;

static const Neighbour neighbours[] = {
  { "the same", 4 * PAGE, 4 * PAGE, EEXIST },
  { "its beginning", 4 * PAGE, PAGE, EEXIST },
  { "its end", 7 * PAGE, PAGE, EEXIST },
  { "its middle", 5 * PAGE, PAGE, EEXIST },
  { "around it", 0, 16 * PAGE, EEXIST },
  { "over its beginning", 3 * PAGE, 2 * PAGE, EEXIST },
  { "over its end", 7 * PAGE, 2 * PAGE, EEXIST },
  { "before it", 3 * PAGE, PAGE, 0 },
  { "behind it", 8 * PAGE, PAGE, 0 },
};

static void
windows_do_not_overlap (gconstpointer row)
{
  const Neighbour *neighbour = row;
  g_autoptr (DemoGuest) guest = demo_guest_new (TRUE);

  demo_guest_map (guest, 4 * PAGE, 4 * PAGE, DEMO_GUEST_SHARED);
  ck_assert_int_eq (demo_guest_try_map (guest, neighbour->offset, neighbour->size, BOTH, -1),
                    neighbour->error);
}

static void
a_window_goes_as_it_came (void)
{
  g_autoptr (DemoGuest) guest = demo_guest_new (TRUE);

  demo_guest_map (guest, 4 * PAGE, 4 * PAGE, DEMO_GUEST_BY_MESSAGE);
  demo_guest_map (guest, 8 * PAGE, 4 * PAGE, DEMO_GUEST_BY_MESSAGE);

  ck_assert_int_eq (demo_guest_unmap (guest, 4 * PAGE, 2 * PAGE), ENOENT);
  ck_assert_int_eq (demo_guest_unmap (guest, 6 * PAGE, 2 * PAGE), ENOENT);
  ck_assert_int_eq (demo_guest_unmap (guest, 4 * PAGE, 8 * PAGE), ENOENT);
  ck_assert_int_eq (demo_guest_unmap (guest, 0, 4 * PAGE), ENOENT);
  ck_assert_int_eq (demo_guest_unmap (guest, 12 * PAGE, 4 * PAGE), ENOENT);

  ck_assert_int_eq (demo_guest_unmap (guest, 4 * PAGE, 4 * PAGE), 0);
  ck_assert_int_eq (demo_guest_unmap (guest, 4 * PAGE, 4 * PAGE), ENOENT);
  ck_assert_int_eq (demo_guest_unmap (guest, 8 * PAGE, 4 * PAGE), 0);

  /* And can come again. */
  demo_guest_map (guest, 4 * PAGE, 8 * PAGE, DEMO_GUEST_BY_MESSAGE);
}

/* Many commands, and whether each was done; so that this does not take 65,535 round trips. */
static void
do_for_all (DemoGuest *guest, guint16 command, guint n)
{
  const guint batch = 256;
  guint32 messages[256][12];

  for (guint begin = 0; begin < n; begin += batch)
    {
      guint n_now = MIN (batch, n - begin);
      gsize size = command == 2 ? 48 : 40;
      gsize reply_size = command == 2 ? 16 : 40;
      guint8 *out = (guint8 *) messages;
      guint32 reply[10];

      for (guint i = 0; i < n_now; i++, out += size)
        {
          guint64 page[2] = { DEMO_GUEST_BASE + (guint64) (begin + i) * PAGE, PAGE };
          guint32 head[8] = { (guint32) command << 16, (guint32) size, 0, 0, size - 16,
                              command == 2 ? BOTH : 0 };

          memcpy (out, head, size - 16);
          memcpy (out + size - 16, page, 16);
        }
      ck_assert_int_eq (send (guest->fd, messages, n_now * size, MSG_NOSIGNAL), n_now * size);
      for (guint i = 0; i < n_now; i++)
        {
          ck_assert_int_eq (recv (guest->fd, reply, reply_size, MSG_WAITALL), reply_size);
          ck_assert_uint_eq (reply[2], 1);
        }
    }
}

static void
there_can_be_65535_windows (void)
{
  g_autoptr (DemoGuest) guest = demo_guest_new (TRUE);
  const guint64 end = G_GUINT64_CONSTANT (65535) * PAGE;

  do_for_all (guest, 2, 65535);
  ck_assert_int_eq (demo_guest_try_map (guest, end, PAGE, BOTH, -1), ENOSPC);
  ck_assert_int_eq (demo_guest_unmap (guest, 1000 * PAGE, PAGE), 0);
  ck_assert_int_eq (demo_guest_try_map (guest, end, PAGE, BOTH, -1), 0);
  ck_assert_int_eq (demo_guest_try_map (guest, 1000 * PAGE, PAGE, BOTH, -1), ENOSPC);

  /* They are found: in two messages, since it is one after the other. */
  demo_guest_copy (guest, 500 * PAGE, 900 * PAGE, 16 * PAGE, DEMO_COPY_START);
  demo_guest_await (guest);
  ck_assert_uint_eq (demo_guest_read (guest, DEMO_COPY_STATUS), DEMO_COPY_DONE);
  ck_assert_uint_eq (demo_guest_read (guest, DEMO_COPY_MESSAGES), 2);
  demo_guest_copy (guest, 999 * PAGE, 0, 2 * PAGE, DEMO_COPY_START);
  demo_guest_await (guest);
  ck_assert_uint_eq (demo_guest_read (guest, DEMO_COPY_ERRNO), EFAULT);

  ck_assert_int_eq (demo_guest_unmap (guest, end, PAGE), 0);
  ck_assert_int_eq (demo_guest_try_map (guest, 1000 * PAGE, PAGE, BOTH, -1), 0);
  do_for_all (guest, 3, 65535);
}

/* The kernel lets a process have fewer mappings, as a rule; so some are made without. */
static void
there_can_be_65535_shared_windows (void)
{
  g_autoptr (DemoGuest) guest = demo_guest_new (TRUE);
  const guint32 flags = BOTH | DEMO_GUEST_MMAP;
  guint64 last = 65534 * (guint64) PAGE;

  /* Each shows the same page of the file. */
  for (guint i = 0; i < 65535; i++)
    {
      g_autofree char *text = g_strdup_printf (
        "u16:1 u16:2 u32:48 u32:0 u32:0 | u32:32 u32:%u u64:0 u64:%" G_GUINT64_FORMAT " u64:0x1000",
        flags, DEMO_GUEST_BASE + (guint64) i * PAGE);

      ck_assert_int_eq (demo_guest_ask (guest, text, guest->memory_fd), 0);
    }

  memcpy (guest->memory, "source", 6);
  demo_guest_copy (guest, 0, last + 8, 6, DEMO_COPY_START);
  demo_guest_copy (guest, last + 8, 1000 * PAGE + 16, 6, DEMO_COPY_START);
  ck_assert_uint_eq (demo_guest_read (guest, DEMO_COPY_STATUS), DEMO_COPY_DONE);
  ck_assert_uint_eq (demo_guest_read (guest, DEMO_COPY_MESSAGES), 0);
  assert_bytes (guest->memory, 22, "'source' 00*2 'source' 00*2 'source'");
}

static void
there_can_be_as_few_as_one_likes (void)
{
  g_autoptr (DemoDevice) demo = demo_device_new ();
  int fd;

  demo_device_add_option (demo, "--max-dma-maps=1");
  fd = demo_device_start (demo);
  demo_client_negotiate (fd, "",
                         "\"max_msg_fds\":16,\"max_data_xfer_size\":1048576,\"max_dma_maps\":1,"
                         "\"pgsizes\":4096,\"migration\":{\"pgsize\":4096}");
  client_say (fd, "u16:1 u16:2 u32:48 u32:0 u32:0 | u32:32 u32:3 u64:0 u64:0x1000 u64:0x1000");
  client_hear (fd, "u16:1 u16:2 u32:16 u32:1 u32:0");
  client_say (fd, "u16:1 u16:2 u32:48 u32:0 u32:0 | u32:32 u32:3 u64:0 u64:0x2000 u64:0x1000");
  client_hear (fd, "u16:1 u16:2 u32:16 u32:0x21 u32:28"); /* ENOSPC */

  demo_device_stop (demo);
  close (fd);
}

static gboolean
is_silent (int fd)
{
  char byte;

  return recv (fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0;
}

/* The device has received all; and sent what it had to say before it received the last of it. */
static void
await_received (int fd)
{
  int left;

  do
    ck_assert_int_eq (ioctl (fd, SIOCOUTQ, &left), 0);
  while (left > 0);
}

/* A copy that waits for the answer to its first DMA_READ, of pages 0 to 3, to pages 4 to 7. */
static DemoGuest *
new_with_copy (gboolean with_twin)
{
  DemoGuest *guest = demo_guest_new (with_twin);

  demo_guest_map (guest, 0, 4 * PAGE, DEMO_GUEST_BY_MESSAGE);
  demo_guest_map (guest, 4 * PAGE, 4 * PAGE, DEMO_GUEST_SHARED);
  demo_guest_write (guest, DEMO_COPY_SOURCE, DEMO_GUEST_BASE);
  demo_guest_write (guest, DEMO_COPY_DESTINATION, DEMO_GUEST_BASE + 4 * PAGE);
  demo_guest_write (guest, DEMO_COPY_LENGTH, 4 * PAGE);
  client_say (guest->fd, "u16:5 u16:10 u32:36 u32:0 u32:0 | u64:0x11c u32:0 u32:4 | u32:1");
  client_hear (with_twin ? guest->twin : guest->fd,
               "u16:1 u16:11 u32:32 u32:0 u32:0 | u64:0x4000000000 u64:0x4000");
  client_hear (guest->fd, "u16:5 u16:10 u32:32 u32:1 u32:0 | u64:0x11c u32:0 u32:4");
  return guest;
}

#define SAY_DATA "u16:1 u16:11 u32:0x4020 u32:1 u32:0 | u64:0x4000000000 u64:0x4000 | ab*16384"

static void
an_unmap_waits_for_the_answer_to_a_message (void)
{
  g_autoptr (DemoGuest) guest = new_with_copy (TRUE);

  client_say (guest->fd, SAY_UNMAP ("6", "0x4000000000", "0x4000"));
  await_received (guest->fd);
  ck_assert (is_silent (guest->fd));

  client_say (guest->twin, SAY_DATA);
  client_hear (guest->fd, HEAR_UNMAP ("6", "0x4000000000", "0x4000"));

  /* All had been fetched already, so the copy could be completed. */
  demo_guest_await (guest);
  ck_assert_uint_eq (demo_guest_read (guest, DEMO_COPY_STATUS), DEMO_COPY_DONE);
  ck_assert_uint_eq (guest->memory[8 * PAGE - 1], 0xab);
}

/* On one socket the answer comes behind the client's other commands. */
static void
what_comes_behind_a_waiting_unmap_waits_too (void)
{
  g_autoptr (DemoGuest) guest = new_with_copy (FALSE);

  client_say (guest->fd, SAY_UNMAP ("6", "0x4000000000", "0x4000"));
  client_say (guest->fd, "u16:7 u16:10 u32:36 u32:0 u32:0 | " SCRATCH " u32:0 u32:4 | u32:17");
  client_say (guest->fd, "u16:8 u16:9 u32:32 u32:0 u32:0 | " SCRATCH " u32:0 u32:4");
  client_say_with_fds (guest->fd,
                       "u16:9 u16:2 u32:48 u32:0 u32:0 | u32:32 u32:3 u64:0 u64:0x4000000000"
                       " u64:0x4000",
                       &guest->memory_fd, 1);
  client_say (guest->fd, SAY_UNMAP ("10", "0x4000004000", "0x4000"));
  await_received (guest->fd);
  ck_assert (is_silent (guest->fd));

  client_say (guest->fd, SAY_DATA);
  client_hear (guest->fd, HEAR_UNMAP ("6", "0x4000000000", "0x4000"));
  client_hear (guest->fd, "u16:7 u16:10 u32:32 u32:1 u32:0 | " SCRATCH " u32:0 u32:4");
  client_hear (guest->fd, "u16:8 u16:9 u32:36 u32:1 u32:0 | " SCRATCH " u32:0 u32:4 | u32:17");
  client_hear (guest->fd, "u16:9 u16:2 u32:16 u32:1 u32:0");
  client_hear (guest->fd, HEAR_UNMAP ("10", "0x4000004000", "0x4000"));
}

static void
an_unmap_of_another_window_does_not_wait (void)
{
  g_autoptr (DemoGuest) guest = new_with_copy (TRUE);

  ck_assert_int_eq (demo_guest_unmap (guest, 4 * PAGE, 4 * PAGE), 0);

  /* But the copy has nowhere to go. */
  client_say (guest->twin, SAY_DATA);
  demo_guest_await (guest);
  ck_assert_uint_eq (demo_guest_read (guest, DEMO_COPY_ERRNO), EFAULT);
  ck_assert_uint_eq (demo_guest_read (guest, DEMO_COPY_N_COPIED), 0);
  ck_assert_uint_eq (guest->memory[4 * PAGE], 0);
}

static void
an_unmap_waits_for_a_refusal_as_well (void)
{
  g_autoptr (DemoGuest) guest = new_with_copy (TRUE);

  client_say (guest->fd, SAY_UNMAP ("6", "0x4000000000", "0x4000"));
  await_received (guest->fd);
  client_say (guest->twin, "u16:1 u16:11 u32:16 u32:0x21 u32:14");
  client_hear (guest->fd, HEAR_UNMAP ("6", "0x4000000000", "0x4000"));
  ck_assert_uint_eq (demo_guest_read (guest, DEMO_COPY_ERRNO), EFAULT);
}

static void
an_unmap_waits_although_the_copy_was_stopped (void)
{
  g_autoptr (DemoGuest) guest = new_with_copy (FALSE);

  ck_assert_int_eq (demo_guest_write (guest, DEMO_COPY_COMMAND, DEMO_COPY_STOP), 0);
  client_say (guest->fd, SAY_UNMAP ("6", "0x4000000000", "0x4000"));
  client_say (guest->fd, "u16:8 u16:9 u32:32 u32:0 u32:0 | " SCRATCH " u32:0 u32:4");
  await_received (guest->fd);
  ck_assert (is_silent (guest->fd));
  client_say (guest->fd, SAY_DATA);
  client_hear (guest->fd, HEAR_UNMAP ("6", "0x4000000000", "0x4000"));
  client_hear (guest->fd, "u16:8 u16:9 u32:36 u32:1 u32:0 | " SCRATCH " u32:0 u32:4 | u32:0");
  ck_assert_uint_eq (demo_guest_read (guest, DEMO_COPY_ERRNO), ECANCELED);
}

static void
an_unmap_waits_for_a_ping (void)
{
  g_autoptr (DemoGuest) guest = demo_guest_new (TRUE);

  demo_guest_map (guest, 0, PAGE, DEMO_GUEST_BY_MESSAGE);
  demo_client_write (guest->fd, "u64:0x080", 8, "u64:0x4000000ff8");
  demo_client_write (guest->fd, "u64:0x088", 4, "u32:1");
  client_hear (guest->twin, "u16:1 u16:11 u32:32 u32:0 u32:0 | u64:0x4000000ff8 u64:8");
  client_say (guest->fd, SAY_UNMAP ("6", "0x4000000000", "0x1000"));
  await_received (guest->fd);
  ck_assert (is_silent (guest->fd));
  client_say (guest->twin, "u16:1 u16:11 u32:40 u32:1 u32:0 | u64:0x4000000ff8 u64:8 u64:0");
  client_hear (guest->fd, HEAR_UNMAP ("6", "0x4000000000", "0x1000"));
}

static void
a_client_that_does_not_wait_for_its_unmap_is_thrown_out (void)
{
  g_autoptr (DemoGuest) guest = new_with_copy (FALSE);

  client_say (guest->fd, SAY_UNMAP ("6", "0x4000000000", "0x4000"));
  for (guint i = 0; i < 64; i++)
    client_say (guest->fd, "u16:8 u16:9 u32:32 u32:0 u32:0 | " SCRATCH " u32:0 u32:4");
  await_received (guest->fd);
  ck_assert (is_silent (guest->fd));
  client_say (guest->fd, "u16:8 u16:9 u32:32 u32:0 u32:0 | " SCRATCH " u32:0 u32:4");
  client_hear_end (guest->fd);

  g_clear_pointer (&guest->demo, demo_device_free); /* it did not end well */
}

static void
a_client_may_leave_while_its_unmap_waits (void)
{
  g_autoptr (DemoDevice) demo = demo_device_new ();
  const char *path = demo_device_listen (demo);

  for (guint with_twin = 0; with_twin < 2; with_twin++)
    {
      DemoGuest *guest = demo_guest_new_for (client_connect (path),
                                             with_twin ? DEMO_PROPOSE_TWIN : "");

      demo_guest_map (guest, 0, 4 * PAGE, DEMO_GUEST_BY_MESSAGE);
      client_say (guest->fd, "u16:5 u16:10 u32:40 u32:0 u32:0 | u64:0x100 u32:0 u32:8"
                             " | u64:0x4000000000");
      client_hear (guest->fd, "u16:5 u16:10 u32:32 u32:1 u32:0 | u64:0x100 u32:0 u32:8");
      ck_assert_int_eq (demo_guest_write (guest, DEMO_COPY_LENGTH, 8), 0);
      client_say (guest->fd, "u16:5 u16:10 u32:36 u32:0 u32:0 | u64:0x11c u32:0 u32:4 | u32:1");
      client_hear (with_twin ? guest->twin : guest->fd,
                   "u16:1 u16:11 u32:32 u32:0 u32:0 | u64:0x4000000000 u64:8");
      client_hear (guest->fd, "u16:5 u16:10 u32:32 u32:1 u32:0 | u64:0x11c u32:0 u32:4");
      client_say (guest->fd, SAY_UNMAP ("6", "0x4000000000", "0x4000"));
      client_say_with_fds (guest->fd, "u16:8 u16:9 u32:32 u32:0 u32:0 | " SCRATCH " u32:0 u32:4",
                           &guest->memory_fd, 1);

      /* Its interrupt was forgotten first. */
      shutdown (guest->fd, SHUT_WR);
      if (with_twin)
        shutdown (guest->twin, SHUT_WR);
      client_hear_end (guest->fd);
      ck_assert_uint_eq (demo_guest_take_count (guest->done_fd), 0);
      demo_guest_free (guest);

      guest = demo_guest_new_for (client_connect (path), "");
      ck_assert_uint_eq (demo_guest_read (guest, DEMO_COPY_STATUS), DEMO_COPY_FAILED);
      ck_assert_uint_eq (demo_guest_read (guest, DEMO_COPY_ERRNO), ENOTCONN);
      ck_assert_int_eq (demo_guest_unmap (guest, 0, 4 * PAGE), ENOENT);
      demo_guest_free (guest);
    }
  demo_device_stop (demo);
}

/* Both commands in one go, so that the second is executed before the copy can go on. */
static void
unmapping_ends_a_copy_between_two_pieces (void)
{
  g_autoptr (DemoGuest) guest = demo_guest_new (TRUE);
  const guint64 half = DEMO_GUEST_SIZE / 2;

  memset (guest->memory, 0xcd, half);
  demo_guest_map (guest, 0, half, DEMO_GUEST_SHARED);
  demo_guest_map (guest, half, half, DEMO_GUEST_SHARED);
  demo_guest_write (guest, DEMO_COPY_SOURCE, DEMO_GUEST_BASE);
  demo_guest_write (guest, DEMO_COPY_DESTINATION, DEMO_GUEST_BASE + half);
  demo_guest_write (guest, DEMO_COPY_LENGTH, half);
  client_say (guest->fd,
              "u16:5 u16:10 u32:36 u32:0 u32:0 | u64:0x11c u32:0 u32:4 | u32:1\n" SAY_UNMAP (
                "6", "0x4001000000", "0x1000000"));
  client_hear (guest->fd, "u16:5 u16:10 u32:32 u32:1 u32:0 | u64:0x11c u32:0 u32:4");
  client_hear (guest->fd, HEAR_UNMAP ("6", "0x4001000000", "0x1000000"));

  demo_guest_await (guest);
  ck_assert_uint_eq (demo_guest_read (guest, DEMO_COPY_ERRNO), EFAULT);
  ck_assert_uint_eq (demo_guest_read (guest, DEMO_COPY_N_COPIED), 1024 * 1024);
  ck_assert_uint_eq (guest->memory[half + 1024 * 1024 - 1], 0xcd);
  ck_assert_uint_eq (guest->memory[half + 1024 * 1024], 0);
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (a_window_is_taken_or_refused, windows),
  HARNESS_ROWS (windows_do_not_overlap, neighbours),
  HARNESS_CASE (a_window_goes_as_it_came),
  HARNESS_CASE (there_can_be_65535_windows),
  HARNESS_CASE (there_can_be_65535_shared_windows),
  HARNESS_CASE (there_can_be_as_few_as_one_likes),
  HARNESS_CASE (an_unmap_waits_for_the_answer_to_a_message),
  HARNESS_CASE (what_comes_behind_a_waiting_unmap_waits_too),
  HARNESS_CASE (an_unmap_of_another_window_does_not_wait),
  HARNESS_CASE (an_unmap_waits_for_a_refusal_as_well),
  HARNESS_CASE (an_unmap_waits_although_the_copy_was_stopped),
  HARNESS_CASE (an_unmap_waits_for_a_ping),
  HARNESS_CASE ( a_client_that_does_not_wait_for_its_unmap_is_thrown_out),
  HARNESS_CASE (a_client_may_leave_while_its_unmap_waits),
  HARNESS_CASE (unmapping_ends_a_copy_between_two_pieces),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "demo-dma", cases);
}
