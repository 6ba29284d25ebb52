/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * A client with memory.  What it says is put together from texts, like all that tests say; what the
 * device asks for is bulk data, and answered with a few structures.  Called on the thread that runs
 * the case.
 */

#include "demo-guest.h"

#include "client.h"
#include "demo-client.h"
#include "harness.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define DMA_READ  11
#define DMA_WRITE 12

typedef struct
{
  guint16 id;
  guint16 command;
  guint32 size;
  guint32 flags;
  guint32 error;
  guint64 words[2]; /* address and count; or offset, region and count */
} Message;

static void
receive (int fd, gpointer data, gsize size)
{
  gsize done = 0;

  while (done < size)
    {
      gsize n = client_hear_some (fd, (guint8 *) data + done, size - done);

      if (n == 0)
        harness_fail ("the device hangs up");
      done += n;
    }
}

static void
transmit (int fd, gconstpointer data, gsize size)
{
  for (gsize done = 0; done < size;)
    {
      gssize n = send (fd, (const guint8 *) data + done, size - done, MSG_NOSIGNAL);

      if (n < 0)
        harness_fail ("send: %s", g_strerror (errno));
      done += n;
    }
}

/* The memory that a command of the device is about. */
static guint8 *
locate (DemoGuest *guest, const Message *message)
{
  guint64 address = message->words[0];
  guint64 count = message->words[1];

  if (address < DEMO_GUEST_BASE || count > DEMO_GUEST_SIZE
      || address - DEMO_GUEST_BASE > DEMO_GUEST_SIZE - count)
    harness_fail ("the device asks for %" G_GUINT64_FORMAT " bytes at 0x%" G_GINT64_MODIFIER "x",
                  count, address);
  return guest->memory + (address - DEMO_GUEST_BASE);
}

/* The header, address and count have been received. */
static void
serve (DemoGuest *guest, int fd, const Message *command)
{
  Message reply = *command;
  guint64 count = command->words[1];
  guint8 *memory = locate (guest, command);
  g_autofree guint8 *refused = NULL;

  ck_assert_uint_eq (command->size, command->command == DMA_WRITE ? 32 + count : 32);
  guest->largest = MAX (guest->largest, count);
  if (guest->refusal != 0)
    memory = refused = g_malloc (count);

  reply.flags = 1;
  reply.size = 32;
  if (command->command == DMA_WRITE)
    {
      guest->n_writes++;
      receive (fd, memory, count);
    }
  else
    {
      ck_assert_uint_eq (command->command, DMA_READ);
      guest->n_reads++;
      reply.size += count;
    }

  if (guest->refusal != 0)
    {
      reply.flags = 0x21;
      reply.size = 16;
      reply.error = guest->refusal;
    }
  transmit (fd, &reply, MIN (reply.size, 32));
  if (reply.size > 32)
    transmit (fd, memory, count);
}

/* A message on @fd; returns FALSE if it was a command, which has been served. */
static gboolean
receive_message (DemoGuest *guest, int fd, Message *message)
{
  *message = (Message){ .id = 0 };
  receive (fd, message, 16);
  if (message->size > 16)
    receive (fd, message->words, MIN (message->size - 16, sizeof (message->words)));
  if (message->flags & 1)
    return TRUE;
  serve (guest, fd, message);
  return FALSE;
}

static int
carrier (const DemoGuest *guest)
{
  return guest->twin >= 0 ? guest->twin : guest->fd;
}

void
demo_guest_serve (DemoGuest *guest)
{
  Message message;

  ck_assert (!receive_message (guest, carrier (guest), &message));
}

/* What comes on the main socket is a reply, what comes on the carrier may be a command. */
static Message
await_reply (DemoGuest *guest)
{
  for (;;)
    {
      struct pollfd polled[] = { { .fd = carrier (guest), .events = POLLIN },
                                 { .fd = guest->fd, .events = POLLIN } };
      Message message;

      ck_assert_int_gt (poll (polled, 2, -1), 0);
      if (polled[1].revents != 0)
        {
          if (receive_message (guest, guest->fd, &message))
            return message;
        }
      else
        demo_guest_serve (guest);
    }
}

int
demo_guest_ask (DemoGuest *guest, const char *text, int file)
{
  Message reply;

  client_say_with_fds (guest->fd, text, &file, file >= 0 ? 1 : 0);
  reply = await_reply (guest);
  if (reply.size > 32)
    harness_fail ("a reply of %u bytes comes", reply.size);
  return reply.flags & 0x20 ? (int) reply.error : 0;
}

int
demo_guest_try_map (DemoGuest *guest, guint64 offset, guint64 size, guint32 flags, int file)
{
  g_autofree char *
    text = g_strdup_printf ("u16:20 u16:2 u32:48 u32:0 u32:0 | u32:32 u32:%u u64:%" G_GUINT64_FORMAT
                            " u64:%" G_GUINT64_FORMAT " u64:%" G_GUINT64_FORMAT,
                            flags, file >= 0 ? offset : 0, DEMO_GUEST_BASE + offset, size);

  return demo_guest_ask (guest, text, file);
}

int
demo_guest_unmap (DemoGuest *guest, guint64 offset, guint64 size)
{
  g_autofree char *text = g_strdup_printf ("u16:21 u16:3 u32:40 u32:0 u32:0 | u32:24 u32:0"
                                           " u64:%" G_GUINT64_FORMAT " u64:%" G_GUINT64_FORMAT,
                                           DEMO_GUEST_BASE + offset, size);
  Message reply;

  client_say (guest->fd, text);
  reply = await_reply (guest);
  if (reply.flags & 0x20)
    return reply.error;

  /* It repeats the request: argsz and flags, the address, and 8 bytes more, the size. */
  ck_assert_uint_eq (reply.size, 40);
  ck_assert_uint_eq (reply.words[0], 24);
  ck_assert_uint_eq (reply.words[1], DEMO_GUEST_BASE + offset);
  receive (guest->fd, reply.words, 8);
  ck_assert_uint_eq (reply.words[0], size);
  return 0;
}

void
demo_guest_map (DemoGuest *guest, guint64 offset, guint64 size, DemoGuestKind kind)
{
  const guint32 flags[] = {
    [DEMO_GUEST_SHARED] = DEMO_GUEST_BOTH | DEMO_GUEST_MMAP,
    [DEMO_GUEST_FILE] = DEMO_GUEST_BOTH | DEMO_GUEST_FILE_IO,
    [DEMO_GUEST_BY_MESSAGE] = DEMO_GUEST_BOTH,
  };

  ck_assert_int_eq (demo_guest_try_map (guest, offset, size, flags[kind],
                                        kind == DEMO_GUEST_BY_MESSAGE ? -1 : guest->memory_fd),
                    0);
}

static gsize
size_of (DemoRegister reg)
{
  return reg <= DEMO_COPY_LENGTH || reg == DEMO_COPY_N_COPIED ? 8 : 4;
}

guint64
demo_guest_read (DemoGuest *guest, DemoRegister reg)
{
  g_autofree char *text = g_strdup_printf ("u16:22 u16:9 u32:32 u32:0 u32:0 | u64:%u u32:0 u32:%zu",
                                           reg, size_of (reg));
  guint64 value = 0;
  Message reply;

  client_say (guest->fd, text);
  reply = await_reply (guest);
  ck_assert_uint_eq (reply.size, 32 + size_of (reg));
  receive (guest->fd, &value, size_of (reg));
  return GUINT64_FROM_LE (value);
}

int
demo_guest_write (DemoGuest *guest, DemoRegister reg, guint64 value)
{
  gsize size = size_of (reg);
  g_autofree char *text = g_strdup_printf (
    "u16:23 u16:10 u32:%zu u32:0 u32:0 | u64:%u u32:0 u32:%zu | u%zu:%" G_GUINT64_FORMAT, 32 + size,
    reg, size, 8 * size, value);

  return demo_guest_ask (guest, text, -1);
}

void
demo_guest_copy (DemoGuest *guest, guint64 from, guint64 to, guint64 length, guint32 command)
{
  ck_assert_int_eq (demo_guest_write (guest, DEMO_COPY_SOURCE, DEMO_GUEST_BASE + from), 0);
  ck_assert_int_eq (demo_guest_write (guest, DEMO_COPY_DESTINATION, DEMO_GUEST_BASE + to), 0);
  ck_assert_int_eq (demo_guest_write (guest, DEMO_COPY_LENGTH, length), 0);
  ck_assert_int_eq (demo_guest_write (guest, DEMO_COPY_COMMAND, command), 0);
}

guint64
demo_guest_take_count (int eventfd)
{
  guint64 count = 0;

  return read (eventfd, &count, sizeof (count)) == sizeof (count) ? count : 0;
}

void
demo_guest_await (DemoGuest *guest)
{
  guint64 count;

  while ((count = demo_guest_take_count (guest->done_fd)) == 0)
    {
      struct pollfd polled[] = { { .fd = carrier (guest), .events = POLLIN },
                                 { .fd = guest->done_fd, .events = POLLIN } };

      ck_assert_int_gt (poll (polled, 2, -1), 0);
      if (polled[0].revents != 0)
        demo_guest_serve (guest);
    }
  ck_assert_uint_eq (count, 1);
}

int
demo_guest_set_irqs (DemoGuest *guest, guint32 flags, guint start, guint count, int eventfd)
{
  g_autofree char *text = g_strdup_printf (
    "u16:24 u16:8 u32:36 u32:0 u32:0 | u32:20 u32:%u u32:2 u32:%u u32:%u", flags, start, count);

  return demo_guest_ask (guest, text, eventfd);
}

static void
make_memory (DemoGuest *guest)
{
  guest->memory_fd = memfd_create ("demo-guest", MFD_CLOEXEC);
  ck_assert_int_ge (guest->memory_fd, 0);
  ck_assert_int_eq (ftruncate (guest->memory_fd, DEMO_GUEST_SIZE), 0);
  guest->memory = mmap (NULL, DEMO_GUEST_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, guest->memory_fd,
                        0);
  ck_assert (guest->memory != MAP_FAILED);
}

DemoGuest *
demo_guest_new_for (int fd, const char *proposal)
{
  DemoGuest *guest = g_new0 (DemoGuest, 1);

  guest->fd = fd;
  guest->twin = demo_client_negotiate (fd, proposal,
                                       strstr (proposal, "twin") != NULL ? DEMO_AGREED_TWIN
                                                                         : DEMO_AGREED);
  make_memory (guest);
  guest->done_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  ck_assert_int_ge (guest->done_fd, 0);
  ck_assert_int_eq (demo_guest_set_irqs (guest, 0x24, 0, 1, guest->done_fd), 0);
  return guest;
}

DemoGuest *
demo_guest_new (gboolean with_twin)
{
  DemoDevice *demo = demo_device_new ();
  DemoGuest *guest = demo_guest_new_for (demo_device_start (demo),
                                         with_twin ? DEMO_PROPOSE_TWIN : "");

  guest->demo = demo;
  return guest;
}

void
demo_guest_free (DemoGuest *guest)
{
  if (guest->demo != NULL)
    demo_device_stop (guest->demo);
  g_clear_pointer (&guest->demo, demo_device_free);
  if (guest->twin >= 0)
    close (guest->twin);
  close (guest->fd);
  close (guest->done_fd);
  munmap (guest->memory, DEMO_GUEST_SIZE);
  close (guest->memory_fd);
  g_free (guest);
}
