/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/* The demo device's DMA engine: bytes arrive, whichever way they travel, and so does the interrupt. */

#include "harness.h"

#include "client.h"
#include "demo-client.h"
#include "demo-guest.h"
#include "mutate.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define PAGE     0x1000
#define WINDOW   (3 * PAGE)
#define MEBIBYTE (1024 * 1024)

/* Where windows of the source and of the destination begin. */
#define SOURCE      0
#define DESTINATION (64 * PAGE)

#define TRIGGER_NONE 0x21
#define MASK_NONE    0x09
#define UNMASK_NONE  0x11
#define ARM          0x24

typedef struct
{
  const char *name;
  const char *source; /* the kinds of its windows: shared, file, by message */
  const char *destination;
  guint64 length;
} Mix;

static const Mix mixes[] = {
  { "shared to shared", "s", "s", WINDOW },
  { "shared to file", "s", "f", WINDOW },
  { "shared to message", "s", "m", WINDOW },
  { "file to shared", "f", "s", WINDOW },
  { "file to file", "f", "f", WINDOW },
  { "file to message", "f", "m", WINDOW },
  { "message to shared", "m", "s", WINDOW },
  { "message to file", "m", "f", WINDOW },
  { "message to message", "m", "m", WINDOW },
  { "over windows of one kind", "ss", "ss", 2 * WINDOW },
  { "from all kinds to one", "sfm", "sss", 3 * WINDOW },
  { "from one kind to all", "mmm", "sfm", 3 * WINDOW },
  { "there and back", "smsfms", "fmmsfm", 6 * WINDOW },
  { "one byte", "m", "m", 1 },
  { "nothing", "m", "m", 0 },
};

static void
map_windows (DemoGuest *guest, guint64 offset, const char *kinds)
{
  for (const char *kind = kinds; *kind != '\0'; kind++, offset += WINDOW)
    demo_guest_map (guest, offset, WINDOW,
                    *kind == 's'   ? DEMO_GUEST_SHARED
                    : *kind == 'f' ? DEMO_GUEST_FILE
                                   : DEMO_GUEST_BY_MESSAGE);
}

static void
fill (guint8 *memory, gsize size, guint64 seed)
{
  for (gsize i = 0; i < size; i++)
    memory[i] = mutate_next_number (&seed);
}

/* @shift: how far from the windows' beginnings, and their ends. */
static void
check_copy (DemoGuest *guest, const Mix *mix, guint shift, guint32 command)
{
  guint64 from = SOURCE + shift;
  guint64 to = DESTINATION + 2 * shift;
  guint64 length = mix->length > 2 * shift ? mix->length - 2 * shift : mix->length;
  gsize span = DESTINATION;
  g_autofree guint8 *expected = g_malloc (2 * span);

  harness_context ("%u bytes from the border, command %u", shift, command);
  fill (guest->memory, 2 * span, shift + command);
  memcpy (expected, guest->memory, 2 * span);
  memcpy (expected + to, expected + from, length);

  demo_guest_copy (guest, from, to, length, command);
  demo_guest_await (guest);

  ck_assert_uint_eq (demo_guest_read (guest, DEMO_COPY_STATUS), DEMO_COPY_DONE);
  ck_assert_uint_eq (demo_guest_read (guest, DEMO_COPY_ERRNO), 0);
  ck_assert_uint_eq (demo_guest_read (guest, DEMO_COPY_N_COPIED), length);
  assert_same_bytes (guest->memory, 2 * span, expected, 2 * span);
}

static void
copies_of (const Mix *mix, gboolean with_twin)
{
  g_autoptr (DemoGuest) guest = demo_guest_new (with_twin);
  gboolean has_message = strchr (mix->source, 'm') != NULL
                         || strchr (mix->destination, 'm') != NULL;

  map_windows (guest, SOURCE, mix->source);
  map_windows (guest, DESTINATION, mix->destination);
  check_copy (guest, mix, 0, DEMO_COPY_START);
  if (mix->length > 0)
    ck_assert_uint_eq (guest->n_reads + guest->n_writes > 0, has_message);
  ck_assert_uint_eq (demo_guest_read (guest, DEMO_COPY_MESSAGES), guest->n_reads + guest->n_writes);
  check_copy (guest, mix, 13, DEMO_COPY_START);

  /* And all by messages, which need not stop where a window ends. */
  guest->n_reads = guest->n_writes = 0;
  check_copy (guest, mix, 0, DEMO_COPY_START_BY_MESSAGE);
  ck_assert_uint_eq (guest->n_reads, mix->length > 0);
  ck_assert_uint_eq (guest->n_writes, mix->length > 0);
  check_copy (guest, mix, 7, DEMO_COPY_START_BY_MESSAGE);
}

static void
it_copies_with_a_twin_socket (gconstpointer row)
{
  copies_of (row, TRUE);
}

static void
it_copies_on_one_socket (gconstpointer row)
{
  copies_of (row, FALSE);
}

/* Without serving the twin meanwhile, as demo_guest_read () would. */
static guint64
read_only (DemoGuest *guest, DemoRegister reg, gsize size)
{
  g_autofree char *offset = g_strdup_printf ("u64:%u", reg);
  guint8 reply[40];
  guint64 value = 0;

  demo_client_say_read (guest->fd, offset, size);
  for (gsize got = 0; got < 32 + size;)
    got += client_hear_some (guest->fd, reply + got, 32 + size - got);
  memcpy (&value, reply + 32, size);
  return value;
}

/* Its first command waits for an answer. */
static void
begin_by_message (DemoGuest *guest)
{
  map_windows (guest, SOURCE, "m");
  map_windows (guest, DESTINATION, "m");
  demo_client_write (guest->fd, "u64:0x100", 8, "u64:0x4000000000");
  demo_client_write (guest->fd, "u64:0x108", 8, "u64:0x4000040000");
  demo_client_write (guest->fd, "u64:0x110", 8, "u64:0x3000");
  demo_client_write (guest->fd, "u64:0x11c", 4, "u32:1");
  ck_assert_uint_eq (read_only (guest, DEMO_COPY_STATUS, 4), DEMO_COPY_BUSY);
}

static void
messages_are_no_larger_than_the_client_takes (void)
{
  g_autoptr (DemoDevice) demo = demo_device_new ();
  g_autoptr (DemoGuest) guest = demo_guest_new_for (demo_device_start (demo), DEMO_PROPOSE_TWIN
                                                    ",\"max_data_xfer_size\":1000");
  const Mix mix = { .length = WINDOW };

  map_windows (guest, SOURCE, "m");
  map_windows (guest, DESTINATION, "m");
  check_copy (guest, &mix, 0, DEMO_COPY_START);
  ck_assert_uint_eq (guest->largest, 1000);
  ck_assert_uint_eq (guest->n_reads, 13); /* 12288 bytes */
  ck_assert_uint_eq (guest->n_writes, 13);
  demo_device_stop (demo);
}

static void
a_message_stops_where_memory_is_shared (void)
{
  g_autoptr (DemoGuest) guest = demo_guest_new (TRUE);
  const Mix mix = { .length = 4 * WINDOW };

  map_windows (guest, SOURCE, "mmsm");
  map_windows (guest, DESTINATION, "ssss");
  check_copy (guest, &mix, 0, DEMO_COPY_START);
  ck_assert_uint_eq (guest->n_reads, 2);
  ck_assert_uint_eq (guest->largest, 2 * WINDOW);
}

static void
large_messages_are_cut_at_a_mebibyte (void)
{
  g_autoptr (DemoGuest) guest = demo_guest_new (TRUE);
  const guint64 length = 5 * MEBIBYTE + PAGE;

  demo_guest_map (guest, 0, length, DEMO_GUEST_BY_MESSAGE);
  demo_guest_map (guest, length, length, DEMO_GUEST_BY_MESSAGE);
  fill (guest->memory, length, 1);
  demo_guest_copy (guest, 0, length, length, DEMO_COPY_START);
  demo_guest_await (guest);
  ck_assert_uint_eq (guest->largest, MEBIBYTE);
  ck_assert_uint_eq (guest->n_reads, 6);
  ck_assert_uint_eq (guest->n_writes, 6);
  assert_same_bytes (guest->memory + length, length, guest->memory, length);
}

/* Many commands in one go: the device answers 64 at most before it looks at anything else, and then
   copies one piece. So however fast either of us is, the last answer comes before the end. */
static void
a_large_copy_leaves_room_for_others (void)
{
  g_autoptr (DemoGuest) guest = demo_guest_new (TRUE);
  g_autoptr (GString)
    said = g_string_new ("u16:7 u16:10 u32:36 u32:0 u32:0 | u64:0x11c u32:0 u32:4 | u32:1\n");
  const guint64 half = DEMO_GUEST_SIZE / 2;
  guint64 copied = 0;

  fill (guest->memory, half, 4);
  demo_guest_map (guest, 0, half, DEMO_GUEST_SHARED);
  demo_guest_map (guest, half, half, DEMO_GUEST_SHARED);
  demo_guest_write (guest, DEMO_COPY_SOURCE, DEMO_GUEST_BASE);
  demo_guest_write (guest, DEMO_COPY_DESTINATION, DEMO_GUEST_BASE + half);
  demo_guest_write (guest, DEMO_COPY_LENGTH, half);
  for (guint i = 0; i < 200; i++)
    g_string_append (said, "u16:8 u16:9 u32:32 u32:0 u32:0 | u64:0x128 u32:0 u32:8\n");
  client_say (guest->fd, said->str);
  client_hear (guest->fd, "u16:7 u16:10 u32:32 u32:1 u32:0 | u64:0x11c u32:0 u32:4");
  for (guint i = 0; i < 200; i++)
    {
      guint64 reply[5] = { 0 };

      for (gsize got = 0; got < sizeof (reply);)
        got += client_hear_some (guest->fd, (guint8 *) reply + got, sizeof (reply) - got);
      ck_assert_uint_ge (reply[4], copied);
      copied = reply[4];
    }
  ck_assert_uint_ge (copied, 3 * MEBIBYTE);
  ck_assert_uint_lt (copied, half);

  demo_guest_await (guest);
  ck_assert_uint_eq (demo_guest_read (guest, DEMO_COPY_STATUS), DEMO_COPY_DONE);
  ck_assert_uint_eq (demo_guest_read (guest, DEMO_COPY_N_COPIED), half);
  assert_same_bytes (guest->memory + half, half, guest->memory, half);
}

static void
one_copy_at_a_time (void)
{
  g_autoptr (DemoGuest) guest = demo_guest_new (TRUE);

  begin_by_message (guest);
  client_say (guest->fd, "u16:7 u16:10 u32:36 u32:0 u32:0 | u64:0x11c u32:0 u32:4 | u32:1");
  client_hear (guest->fd, "u16:7 u16:10 u32:16 u32:0x21 u32:16"); /* EBUSY */
  demo_guest_await (guest);
  ck_assert_uint_eq (demo_guest_read (guest, DEMO_COPY_STATUS), DEMO_COPY_DONE);
}

typedef struct
{
  const char *name;
  guint64 from;
  guint64 to;
  guint64 length;
  int error;
  guint64 copied;
} Failure;

/* Pages: readable, both, a hole, writable, readable, writable. */
static const Failure failures[] = {
  { "a source outside", 8 * PAGE, PAGE, PAGE, EFAULT, 0 },
  { "a destination outside", 0, 8 * PAGE, PAGE, EFAULT, 0 },
  { "a source before all", G_MAXUINT64 - PAGE + 1, PAGE, PAGE, EFAULT, 0 },
  { "a source that ends outside", PAGE, 3 * PAGE, 2 * PAGE, EFAULT, PAGE },
  { "a destination that ends outside", 0, PAGE, 2 * PAGE, EFAULT, PAGE },
  { "a source that cannot be read", 3 * PAGE, PAGE, PAGE, EACCES, 0 },
  { "a destination that cannot be written", PAGE, 0, PAGE, EACCES, 0 },
  { "a source whose end cannot be read", 4 * PAGE, PAGE, 2 * PAGE, EACCES, PAGE },
  { "a destination whose end cannot be written", 0, 3 * PAGE, 2 * PAGE, EACCES, PAGE },
  { "source addresses that wrap", G_MAXUINT64 - DEMO_GUEST_BASE, PAGE, PAGE, EINVAL, 0 },
  { "destination addresses that wrap", 0, G_MAXUINT64 - DEMO_GUEST_BASE, PAGE, EINVAL, 0 },
  { "more than there is", 0, PAGE, G_MAXUINT64 / 2, EFAULT, PAGE },
};

static void
fails_as (DemoGuest *guest, const Failure *failure, guint32 command)
{
  g_autofree guint8 *before = NULL;

  fill (guest->memory, 16 * PAGE, command);
  before = g_malloc (16 * PAGE);
  memcpy (before, guest->memory, 16 * PAGE);
  demo_guest_copy (guest, failure->from, failure->to, failure->length, command);
  demo_guest_await (guest);

  ck_assert_uint_eq (demo_guest_read (guest, DEMO_COPY_STATUS), DEMO_COPY_FAILED);
  ck_assert_uint_eq (demo_guest_read (guest, DEMO_COPY_ERRNO), failure->error);
  ck_assert_uint_eq (demo_guest_read (guest, DEMO_COPY_N_COPIED), failure->copied);
  if (failure->copied == 0)
    assert_same_bytes (guest->memory, 16 * PAGE, before, 16 * PAGE);
}

static void
a_copy_fails_with (gconstpointer row)
{
  const struct
  {
    const char *what;
    guint32 flags;
    gboolean has_file;
  } kinds[] = { { "shared", DEMO_GUEST_MMAP, TRUE },
                { "file", DEMO_GUEST_FILE_IO, TRUE },
                { "by message", 0, FALSE } };
  const guint32 rights[] = { DEMO_GUEST_READ,  DEMO_GUEST_BOTH, 0,
                             DEMO_GUEST_WRITE, DEMO_GUEST_READ, DEMO_GUEST_WRITE };

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      g_autoptr (DemoGuest) guest = demo_guest_new (TRUE);
      int file = kinds[i].has_file ? guest->memory_fd : -1;

      harness_context ("%s", kinds[i].what);
      for (guint page = 0; page < G_N_ELEMENTS (rights); page++)
        if (rights[page] != 0)
          ck_assert_int_eq (demo_guest_try_map (guest, page * PAGE, PAGE,
                                                rights[page] | kinds[i].flags, file),
                            0);
      fails_as (guest, row, DEMO_COPY_START);
      fails_as (guest, row, DEMO_COPY_START_BY_MESSAGE);
    }
}

static void
what_the_client_refuses_is_told (void)
{
  g_autoptr (DemoGuest) guest = demo_guest_new (TRUE);

  map_windows (guest, SOURCE, "m");
  map_windows (guest, DESTINATION, "s");
  guest->refusal = EPERM;
  demo_guest_copy (guest, SOURCE, DESTINATION, WINDOW, DEMO_COPY_START);
  demo_guest_await (guest);
  ck_assert_uint_eq (demo_guest_read (guest, DEMO_COPY_ERRNO), EPERM);
  demo_guest_copy (guest, DESTINATION, SOURCE, WINDOW, DEMO_COPY_START);
  demo_guest_await (guest);
  ck_assert_uint_eq (demo_guest_read (guest, DEMO_COPY_ERRNO), EPERM);
  ck_assert_uint_eq (guest->n_reads, 1);
  ck_assert_uint_eq (guest->n_writes, 1);

  /* The next one is another matter. */
  guest->refusal = 0;
  demo_guest_copy (guest, SOURCE, DESTINATION, WINDOW, DEMO_COPY_START);
  demo_guest_await (guest);
  ck_assert_uint_eq (demo_guest_read (guest, DEMO_COPY_STATUS), DEMO_COPY_DONE);
  ck_assert_uint_eq (demo_guest_read (guest, DEMO_COPY_ERRNO), 0);
}

static void
a_copy_can_be_stopped (void)
{
  g_autoptr (DemoGuest) guest = demo_guest_new (TRUE);

  begin_by_message (guest);
  demo_client_write (guest->fd, "u64:0x11c", 4, "u32:0");
  ck_assert_uint_eq (read_only (guest, DEMO_COPY_STATUS, 4), DEMO_COPY_FAILED);
  ck_assert_uint_eq (read_only (guest, DEMO_COPY_ERRNO, 4), ECANCELED);
  ck_assert_uint_eq (demo_guest_take_count (guest->done_fd), 1);

  /* The answer to what was under way makes room, and is not taken for one of the next copy. */
  demo_client_write (guest->fd, "u64:0x100", 4, "u32:0x1000");
  demo_client_write (guest->fd, "u64:0x110", 4, "u32:0x1000");
  demo_client_write (guest->fd, "u64:0x11c", 4, "u32:1");
  fill (guest->memory, 2 * DESTINATION, 3);
  demo_guest_await (guest);
  ck_assert_uint_eq (demo_guest_read (guest, DEMO_COPY_STATUS), DEMO_COPY_DONE);
  ck_assert_uint_eq (demo_guest_read (guest, DEMO_COPY_N_COPIED), PAGE);
  ck_assert_uint_eq (guest->n_reads, 2);
  ck_assert_uint_eq (guest->n_writes, 1);
  assert_same_bytes (guest->memory + DESTINATION, PAGE, guest->memory + PAGE, PAGE);

  /* Nothing to stop. */
  ck_assert_int_eq (demo_guest_write (guest, DEMO_COPY_COMMAND, DEMO_COPY_STOP), 0);
  ck_assert_uint_eq (demo_guest_read (guest, DEMO_COPY_STATUS), DEMO_COPY_DONE);
  ck_assert_uint_eq (demo_guest_take_count (guest->done_fd), 0);
}

static void
a_reset_ends_a_copy_without_an_interrupt (void)
{
  g_autoptr (DemoGuest) guest = demo_guest_new (TRUE);

  begin_by_message (guest);
  client_say (guest->fd, "u16:3 u16:13 u32:16 u32:0 u32:0");
  client_hear (guest->fd, "u16:3 u16:13 u32:16 u32:1 u32:0");
  demo_guest_serve (guest);
  ck_assert_uint_eq (demo_guest_read (guest, DEMO_COPY_STATUS), DEMO_COPY_IDLE);
  ck_assert_uint_eq (demo_guest_read (guest, DEMO_COPY_SOURCE), 0);
  ck_assert_uint_eq (demo_guest_read (guest, DEMO_COPY_LENGTH), 0);
  ck_assert_uint_eq (demo_guest_take_count (guest->done_fd), 0);

  /* Windows and eventfds have survived. */
  demo_guest_copy (guest, SOURCE, DESTINATION, WINDOW, DEMO_COPY_START);
  demo_guest_await (guest);
  ck_assert_uint_eq (demo_guest_read (guest, DEMO_COPY_STATUS), DEMO_COPY_DONE);
}

static void
the_vector_can_be_chosen (void)
{
  g_autoptr (DemoGuest) guest = demo_guest_new (TRUE);
  int other = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);

  map_windows (guest, SOURCE, "s");
  map_windows (guest, DESTINATION, "s");
  ck_assert_int_eq (demo_guest_set_irqs (guest, ARM, 15, 1, other), 0);
  ck_assert_int_eq (demo_guest_write (guest, DEMO_COPY_VECTOR, 15), 0);
  demo_guest_copy (guest, SOURCE, DESTINATION, WINDOW, DEMO_COPY_START);
  ck_assert_uint_eq (demo_guest_take_count (other), 1);
  ck_assert_uint_eq (demo_guest_take_count (guest->done_fd), 0);

  /* One that is not armed, and one that there is not. */
  ck_assert_int_eq (demo_guest_write (guest, DEMO_COPY_VECTOR, 1), 0);
  demo_guest_copy (guest, SOURCE, DESTINATION, WINDOW, DEMO_COPY_START);
  ck_assert_int_eq (demo_guest_write (guest, DEMO_COPY_VECTOR, 16), 0);
  demo_guest_copy (guest, SOURCE, DESTINATION, WINDOW, DEMO_COPY_START);
  ck_assert_uint_eq (demo_guest_read (guest, DEMO_COPY_STATUS), DEMO_COPY_DONE);
  ck_assert_uint_eq (demo_guest_take_count (other), 0);
  ck_assert_uint_eq (demo_guest_take_count (guest->done_fd), 0);
  close (other);
}

static void
a_masked_vector_comes_when_it_is_unmasked (void)
{
  g_autoptr (DemoGuest) guest = demo_guest_new (TRUE);

  map_windows (guest, SOURCE, "s");
  map_windows (guest, DESTINATION, "s");
  ck_assert_int_eq (demo_guest_set_irqs (guest, MASK_NONE, 0, 1, -1), 0);
  demo_guest_copy (guest, SOURCE, DESTINATION, WINDOW, DEMO_COPY_START);
  demo_guest_copy (guest, SOURCE, DESTINATION, WINDOW, DEMO_COPY_START);
  ck_assert_uint_eq (demo_guest_read (guest, DEMO_COPY_STATUS), DEMO_COPY_DONE);
  ck_assert_uint_eq (demo_guest_take_count (guest->done_fd), 0);

  ck_assert_int_eq (demo_guest_set_irqs (guest, UNMASK_NONE, 0, 1, -1), 0);
  ck_assert_uint_eq (demo_guest_take_count (guest->done_fd), 1);

  /* It was one pending bit, and is clear now. */
  ck_assert_int_eq (demo_guest_set_irqs (guest, UNMASK_NONE, 0, 1, -1), 0);
  ck_assert_uint_eq (demo_guest_take_count (guest->done_fd), 0);
}

static void
the_interrupt_test_register_fires_a_vector (void)
{
  g_autoptr (DemoGuest) guest = demo_guest_new (TRUE);
  int other = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);

  ck_assert_int_eq (demo_guest_set_irqs (guest, ARM, 3, 1, other), 0);
  ck_assert_int_eq (demo_guest_write (guest, DEMO_FIRE, 3), 0);
  ck_assert_int_eq (demo_guest_write (guest, DEMO_FIRE, 3), 0);
  ck_assert_uint_eq (demo_guest_take_count (other), 2);
  ck_assert_uint_eq (demo_guest_take_count (guest->done_fd), 0);
  ck_assert_int_eq (demo_guest_write (guest, DEMO_FIRE, 0), 0);
  ck_assert_uint_eq (demo_guest_take_count (guest->done_fd), 1);

  /* Not armed: nobody hears it. There is no 17th: a bad write. */
  ck_assert_int_eq (demo_guest_write (guest, DEMO_FIRE, 4), 0);
  ck_assert_int_eq (demo_guest_write (guest, DEMO_FIRE, 16), EINVAL);
  demo_client_expect (guest->fd, "u64:0x010", 12, "u32:1 u32:0x140 u32:4");

  /* Masked: it stays pending. */
  ck_assert_int_eq (demo_guest_set_irqs (guest, MASK_NONE, 3, 1, -1), 0);
  ck_assert_int_eq (demo_guest_write (guest, DEMO_FIRE, 3), 0);
  ck_assert_uint_eq (demo_guest_take_count (other), 0);
  ck_assert_int_eq (demo_guest_set_irqs (guest, UNMASK_NONE, 3, 1, -1), 0);
  ck_assert_uint_eq (demo_guest_take_count (other), 1);
  close (other);
}

static void
maskings_are_counted (void)
{
  g_autoptr (DemoGuest) guest = demo_guest_new (TRUE);

  ck_assert_uint_eq (demo_guest_read (guest, DEMO_MASKED), 0);
  ck_assert_uint_eq (demo_guest_read (guest, DEMO_UNMASKED), 0);

  ck_assert_int_eq (demo_guest_set_irqs (guest, MASK_NONE, 2, 3, -1), 0);
  ck_assert_uint_eq (demo_guest_read (guest, DEMO_MASKED), 3);
  ck_assert_int_eq (demo_guest_set_irqs (guest, UNMASK_NONE, 0, 16, -1), 0);
  ck_assert_uint_eq (demo_guest_read (guest, DEMO_UNMASKED), 16);

  /* Booleans: 1 of 3, 2 of 3. What is masked already counts. */
  ck_assert_int_eq (demo_guest_ask (guest,
                                    "u16:1 u16:8 u32:39 u32:0 u32:0 | u32:23 u32:0x0a u32:2 u32:0"
                                    " u32:3 | 00 01 00",
                                    -1),
                    0);
  ck_assert_int_eq (demo_guest_ask (guest,
                                    "u16:1 u16:8 u32:39 u32:0 u32:0 | u32:23 u32:0x0a u32:2 u32:0"
                                    " u32:3 | 01 01 00",
                                    -1),
                    0);
  ck_assert_uint_eq (demo_guest_read (guest, DEMO_MASKED), 6);

  /* Firing and refusals do not. */
  ck_assert_int_eq (demo_guest_set_irqs (guest, TRIGGER_NONE, 0, 16, -1), 0);
  ck_assert_int_eq (demo_guest_set_irqs (guest, MASK_NONE, 10, 7, -1), EINVAL);
  ck_assert_uint_eq (demo_guest_read (guest, DEMO_MASKED), 6);
  ck_assert_uint_eq (demo_guest_read (guest, DEMO_UNMASKED), 16);

  client_say (guest->fd, "u16:3 u16:13 u32:16 u32:0 u32:0");
  client_hear (guest->fd, "u16:3 u16:13 u32:16 u32:1 u32:0");
  ck_assert_uint_eq (demo_guest_read (guest, DEMO_MASKED), 0);
  ck_assert_uint_eq (demo_guest_read (guest, DEMO_UNMASKED), 0);
}

typedef struct
{
  const char *name;
  const char *offset;
  gsize size;
  const char *value;
} BadWrite;

static const BadWrite bad_writes[] = {
  { "an unknown command", "u64:0x11c", 4, "u32:3" },
  { "half a command", "u64:0x11c", 2, "u16:1" },
  { "the status", "u64:0x120", 4, "u32:0" },
  { "how much was copied", "u64:0x128", 8, "u64:0" },
  { "a vector of 64 bits", "u64:0x118", 8, "u64:0" },
  { "two halves of two", "u64:0x104", 8, "u64:0" },
  { "a quarter", "u64:0x100", 2, "u16:0" },
  { "two at once", "u64:0x100", 16, "u64:0 u64:0" },
  { "the counter", "u64:0x144", 4, "u32:0" },
};

static void
a_bad_write_is_refused (gconstpointer row)
{
  const BadWrite *write = row;
  g_autoptr (DemoGuest) guest = demo_guest_new (TRUE);
  g_autofree char
    *text = g_strdup_printf ("u16:7 u16:10 u32:%zu u32:0 u32:0 | %s u32:0 u32:%zu | %s",
                             32 + write->size, write->offset, write->size, write->value);

  ck_assert_int_eq (demo_guest_ask (guest, text, -1), EINVAL);
  demo_client_expect (guest->fd, "u64:0x010", 4, "u32:1");
  ck_assert_uint_eq (demo_guest_read (guest, DEMO_COPY_STATUS), DEMO_COPY_IDLE);
}

static void
addresses_can_be_written_in_halves (void)
{
  g_autoptr (DemoGuest) guest = demo_guest_new (TRUE);

  demo_client_write (guest->fd, "u64:0x100", 4, "u32:0x11111111");
  demo_client_write (guest->fd, "u64:0x104", 4, "u32:0x22222222");
  demo_client_expect (guest->fd, "u64:0x100", 8, "u64:0x2222222211111111");
  demo_client_write (guest->fd, "u64:0x10c", 4, "u32:3");
  demo_client_expect (guest->fd, "u64:0x108", 8, "u64:0x300000000");
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (it_copies_with_a_twin_socket, mixes),
  HARNESS_ROWS (it_copies_on_one_socket, mixes),
  HARNESS_CASE (messages_are_no_larger_than_the_client_takes),
  HARNESS_CASE (a_message_stops_where_memory_is_shared),
  HARNESS_CASE (large_messages_are_cut_at_a_mebibyte),
  HARNESS_CASE (a_large_copy_leaves_room_for_others),
  HARNESS_CASE (one_copy_at_a_time),
  HARNESS_ROWS (a_copy_fails_with, failures),
  HARNESS_CASE (what_the_client_refuses_is_told),
  HARNESS_CASE (a_copy_can_be_stopped),
  HARNESS_CASE (a_reset_ends_a_copy_without_an_interrupt),
  HARNESS_CASE (the_vector_can_be_chosen),
  HARNESS_CASE (a_masked_vector_comes_when_it_is_unmasked),
  HARNESS_CASE (the_interrupt_test_register_fires_a_vector),
  HARNESS_CASE (maskings_are_counted),
  HARNESS_ROWS (a_bad_write_is_refused, bad_writes),
  HARNESS_CASE (addresses_can_be_written_in_halves),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "demo-copy", cases);
}
