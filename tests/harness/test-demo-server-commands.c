/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/* The demo device's own commands: where they travel, and what it makes of the replies. */

#include "harness.h"

#include "client.h"
#include "demo-client.h"
#include "demo.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Registers in BAR0; see the demo device's README.md. */
#define PING_ADDRESS     "u64:0x080"
#define PING_COUNT       "u64:0x088"
#define PING_DONE        "u64:0x08c"
#define PING_ERRNO       "u64:0x090"
#define PING_DATA        "u64:0x098"
#define PING_WRITE_COUNT "u64:0x0a0"

/* Messages from the device, all with ids of its own. */
#define DMA_READ(id, address)  "u16:" id " u16:11 u32:32 u32:0 u32:0 | u64:" address " u64:8"
#define DMA_WRITE(id, address) "u16:" id " u16:12 u32:40 u32:0 u32:0 | u64:" address " u64:8"

/* And what a client answers. */
#define DATA(id, address)    "u16:" id " u16:11 u32:40 u32:1 u32:0 | u64:" address " u64:8"
#define WRITTEN(id, address) "u16:" id " u16:12 u32:32 u32:1 u32:0 | u64:" address " u64:8"
#define REFUSED(id, error)   "u16:" id " u16:11 u32:16 u32:0x21 u32:" error

/* The device reads the replies on the twin in its own time. */
static void
await_done (int fd, guint32 n)
{
  guint8 reply[36];
  guint32 done = 0;

  while (done != n)
    {
      demo_client_say_read (fd, PING_DONE, 4);
      for (gsize size = 0; size < sizeof (reply);)
        {
          gsize more = client_hear_some (fd, reply + size, sizeof (reply) - size);

          ck_assert_uint_gt (more, 0);
          size += more;
        }
      memcpy (&done, reply + 32, sizeof (done));
      ck_assert_uint_le (done, n);
    }
}

static gboolean
is_silent (int fd)
{
  char byte;

  return recv (fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0;
}

/* A client with a twin socket, ready to be pinged at 0x1000. */
static int
start_with_twin (DemoDevice *demo, int *twin)
{
  int fd = demo_device_start (demo);

  *twin = demo_client_negotiate (fd, DEMO_PROPOSE_TWIN, DEMO_AGREED_TWIN);
  ck_assert_int_ge (*twin, 0);
  demo_client_write (fd, PING_ADDRESS, 8, "u64:0x1000");

  return fd;
}

static int
start_without_twin (DemoDevice *demo)
{
  int fd = demo_device_start (demo);

  ck_assert_int_eq (demo_client_negotiate (fd, "", DEMO_AGREED), -1);
  demo_client_write (fd, PING_ADDRESS, 8, "u64:0x1000");

  return fd;
}

typedef struct
{
  const char *name;
  const char *option;
  const char *proposal;
} NoTwin;

static const NoTwin no_twins[] = {
  { "nobody proposes it", NULL, "" },
  { "it is not supported", NULL, "\"twin_socket\":{\"supported\":false}" },
  { "nothing is said of it", NULL, "\"twin_socket\":{}" },
  { "the client can take no descriptor", NULL, DEMO_PROPOSE_TWIN ",\"max_msg_fds\":0" },
  { "the device is told not to", "--no-twin-socket", DEMO_PROPOSE_TWIN },
};

static void
there_is_no_twin_socket_if (gconstpointer data)
{
  const NoTwin *row = data;
  g_autoptr (DemoDevice) demo = demo_device_new ();
  int fd;

  if (row->option != NULL)
    demo_device_add_option (demo, row->option);
  fd = demo_device_start (demo);
  ck_assert_int_eq (demo_client_negotiate (fd, row->proposal, DEMO_AGREED), -1);

  /* So commands come on the main socket. */
  demo_client_say_write (fd, PING_COUNT, 4, "u32:1");
  client_hear (fd, DMA_READ ("1", "0"));

  close (fd);
}

static void
pings_travel_on_the_twin (void)
{
  g_autoptr (DemoDevice) demo = demo_device_new ();
  int twin;
  int fd = start_with_twin (demo, &twin);

  demo_client_write (fd, PING_COUNT, 4, "u32:2");
  client_hear (twin, DMA_READ ("1", "0x1000"));
  demo_client_expect (fd, PING_DONE, 4, "u32:0");

  /* One at a time. */
  ck_assert (is_silent (twin));
  client_say (twin, DATA ("1", "0x1000") "u64:0x1122334455667788");
  client_hear (twin, DMA_READ ("2", "0x1000"));
  demo_client_expect (fd, PING_DONE, 4, "u32:1");
  demo_client_expect (fd, PING_DATA, 8, "u64:0x1122334455667788");

  client_say (twin, DATA ("2", "0x1000") "u64:5");
  await_done (fd, 2);
  demo_client_expect (fd, PING_DATA, 8, "u64:5");
  demo_client_expect (fd, PING_ERRNO, 4, "u32:0");
  ck_assert (is_silent (twin));

  close (twin);
  close (fd);
}

static void
pings_share_the_main_socket_without_a_twin (void)
{
  g_autoptr (DemoDevice) demo = demo_device_new ();
  int fd = start_without_twin (demo);

  /* The client waits for its reply, and meets a command first. */
  demo_client_say_write (fd, PING_COUNT, 4, "u32:2");
  client_hear (fd, DMA_READ ("1", "0x1000"));
  demo_client_hear_written (fd, PING_COUNT, 4);
  client_say (fd, DATA ("1", "0x1000") "u64:1");
  client_hear (fd, DMA_READ ("2", "0x1000"));
  client_say (fd, DATA ("2", "0x1000") "u64:2");
  demo_client_expect (fd, PING_DONE, 4, "u32:2");
  demo_client_expect (fd, PING_DATA, 8, "u64:2");

  demo_device_stop (demo);
  close (fd);
}

static void
a_command_that_crosses_a_ping_is_executed (void)
{
  g_autoptr (DemoDevice) demo = demo_device_new ();
  int fd = start_without_twin (demo);

  /* Both commands are in the pipe before the device sends its own. */
  client_say (fd, "u16:7 u16:10 u32:36 u32:0 u32:0 | " PING_COUNT " u32:0 u32:4 | u32:1"
                  "u16:8 u16:9 u32:32 u32:0 u32:0 | " PING_DONE " u32:0 u32:4");
  client_hear (fd, DMA_READ ("1", "0x1000"));
  demo_client_hear_written (fd, PING_COUNT, 4);
  demo_client_hear_read (fd, PING_DONE, 4, "u32:0");

  client_say (fd, DATA ("1", "0x1000") "u64:9");
  demo_client_expect (fd, PING_DONE, 4, "u32:1");
  demo_client_expect (fd, PING_DATA, 8, "u64:9");

  demo_device_stop (demo);
  close (fd);
}

/* The client's id 1 is not the device's id 1. */
static void
each_side_has_its_own_ids (void)
{
  g_autoptr (DemoDevice) demo = demo_device_new ();
  int fd = start_without_twin (demo);

  demo_client_say_write (fd, PING_COUNT, 4, "u32:1");
  client_hear (fd, DMA_READ ("1", "0x1000"));
  demo_client_hear_written (fd, PING_COUNT, 4);
  client_say (fd, "u16:1 u16:9 u32:32 u32:0 u32:0 | u64:0 u32:0 u32:4");
  client_hear (fd, "u16:1 u16:9 u32:36 u32:1 u32:0 | u64:0 u32:0 u32:4 | 'VUCD'");
  client_say (fd, DATA ("1", "0x1000") "u64:9");
  demo_client_expect (fd, PING_DONE, 4, "u32:1");

  demo_device_stop (demo);
  close (fd);
}

static void
writing_pings_write_what_was_read (void)
{
  g_autoptr (DemoDevice) demo = demo_device_new ();
  int twin;
  int fd = start_with_twin (demo, &twin);

  demo_client_write (fd, PING_COUNT, 4, "u32:1");
  client_hear (twin, DMA_READ ("1", "0x1000"));
  client_say (twin, DATA ("1", "0x1000") "'8 bytes.'");
  await_done (fd, 1);

  demo_client_write (fd, PING_ADDRESS, 8, "u64:0xfffffffffffff000");
  demo_client_write (fd, PING_WRITE_COUNT, 4, "u32:2");
  client_hear (twin, DMA_WRITE ("2", "0xfffffffffffff000") "'8 bytes.'");
  client_say (twin, WRITTEN ("2", "0xfffffffffffff000"));
  client_hear (twin, DMA_WRITE ("3", "0xfffffffffffff000") "'8 bytes.'");
  client_say (twin, "u16:3 u16:12 u32:16 u32:0x21 u32:13");
  await_done (fd, 2);
  demo_client_expect (fd, PING_ERRNO, 4, "u32:13");
  demo_client_expect (fd, PING_DATA, 8, "'8 bytes.'");

  close (twin);
  close (fd);
}

typedef struct
{
  const char *name;
  const char *reply;
  const char *result;
} Refusal;

static const Refusal refusals[] = {
  { "EFAULT", REFUSED ("1", "14"), "u32:14" },
  { "no errno", REFUSED ("1", "0"), "u32:5" },
  { "an errno that there is not", REFUSED ("1", "4096"), "u32:5" },
  { "a payload", "u16:1 u16:11 u32:40 u32:0x21 u32:22 | u64:0x1000 u64:8 'not this'", "u32:22" },
};

static void
a_refused_ping_counts_and_tells_its_errno (gconstpointer data)
{
  const Refusal *row = data;
  g_autoptr (DemoDevice) demo = demo_device_new ();
  int twin;
  int fd = start_with_twin (demo, &twin);

  demo_client_write (fd, PING_COUNT, 4, "u32:1");
  client_hear (twin, DMA_READ ("1", "0x1000"));
  client_say (twin, row->reply);
  await_done (fd, 1);
  demo_client_expect (fd, PING_ERRNO, 4, row->result);
  demo_client_expect (fd, PING_DATA, 8, "u64:0");

  /* The next success says so. */
  demo_client_write (fd, PING_COUNT, 4, "u32:1");
  client_hear (twin, DMA_READ ("2", "0x1000"));
  client_say (twin, DATA ("2", "0x1000") "u64:3");
  await_done (fd, 1);
  demo_client_expect (fd, PING_ERRNO, 4, "u32:0");

  close (twin);
  close (fd);
}

static void
a_new_count_begins_anew (void)
{
  g_autoptr (DemoDevice) demo = demo_device_new ();
  int twin;
  int fd = start_with_twin (demo, &twin);

  demo_client_write (fd, PING_COUNT, 4, "u32:1000");
  client_hear (twin, DMA_READ ("1", "0x1000"));
  demo_client_write (fd, PING_ADDRESS, 4, "u32:0x2000");
  demo_client_write (fd, PING_COUNT, 4, "u32:1");
  ck_assert (is_silent (twin));

  /* The reply to the old one makes room for the new one, and does not count. */
  client_say (twin, DATA ("1", "0x1000") "u64:3");
  client_hear (twin, DMA_READ ("2", "0x2000"));
  demo_client_expect (fd, PING_DONE, 4, "u32:0");
  demo_client_expect (fd, PING_DATA, 8, "u64:0");
  client_say (twin, DATA ("2", "0x2000") "u64:4");
  await_done (fd, 1);
  demo_client_expect (fd, PING_DATA, 8, "u64:4");
  ck_assert (is_silent (twin));

  close (twin);
  close (fd);
}

static void
a_reset_ends_the_pings (void)
{
  g_autoptr (DemoDevice) demo = demo_device_new ();
  int fd = start_without_twin (demo);

  demo_client_say_write (fd, PING_COUNT, 4, "u32:1000");
  client_hear (fd, DMA_READ ("1", "0x1000"));
  demo_client_hear_written (fd, PING_COUNT, 4);
  client_say (fd, "u16:9 u16:13 u32:16 u32:0 u32:0");
  client_hear (fd, "u16:9 u16:13 u32:16 u32:1 u32:0");

  client_say (fd, DATA ("1", "0x1000") "u64:3");
  demo_client_expect (fd, PING_ADDRESS, 8, "u64:0");
  demo_client_expect (fd, PING_DONE, 4, "u32:0");
  demo_client_expect (fd, PING_DATA, 8, "u64:0");

  demo_device_stop (demo);
  close (fd);
}

static void
a_client_that_takes_less_than_a_ping_gets_none (void)
{
  g_autoptr (DemoDevice) demo = demo_device_new ();
  int fd = demo_device_start (demo);

  demo_client_negotiate (fd, "\"max_data_xfer_size\":7", DEMO_AGREED);
  demo_client_write (fd, PING_COUNT, 4, "u32:3");
  demo_client_expect (fd, PING_DONE, 4, "u32:0");
  demo_client_expect (fd, PING_ERRNO, 4, "u32:90"); /* EMSGSIZE */

  demo_device_stop (demo);
  close (fd);
}

static void
a_silent_twin_does_not_hold_the_main_socket (void)
{
  g_autoptr (DemoDevice) demo = demo_device_new ();
  int twin;
  int fd = start_with_twin (demo, &twin);

  demo_client_write (fd, PING_COUNT, 4, "u32:1");
  for (guint i = 0; i < 1000; i++)
    demo_client_expect (fd, PING_DONE, 4, "u32:0");

  client_hear (twin, DMA_READ ("1", "0x1000"));
  client_say (twin, DATA ("1", "0x1000") "u64:1");
  await_done (fd, 1);

  close (twin);
  close (fd);
}

static void
many_pings_end (void)
{
  g_autoptr (DemoDevice) demo = demo_device_new ();
  int twin;
  int fd = start_with_twin (demo, &twin);

  /* More than ids. */
  demo_client_write (fd, PING_COUNT, 4, "u32:70000");
  for (guint i = 1; i <= 70000; i++)
    {
      guint16 message[24] = { 0 };
      gsize size = client_hear_some (twin, message, sizeof (message));

      ck_assert_uint_eq (size, 32);
      ck_assert_uint_eq (message[0], (guint16) i);
      message[2] = 40; /* size */
      message[4] = 1;  /* flags: a reply */
      ck_assert_int_eq (send (twin, message, 40, MSG_NOSIGNAL), 40);
    }
  await_done (fd, 70000);

  close (twin);
  close (fd);
}

static void
losing_the_twin_ends_the_connection (void)
{
  g_autoptr (DemoDevice) demo = demo_device_new ();
  const char *path = demo_device_listen (demo);
  int fd = client_connect (path);
  int twin = demo_client_negotiate (fd, DEMO_PROPOSE_TWIN, DEMO_AGREED_TWIN);

  demo_client_write (fd, PING_COUNT, 4, "u32:5");
  close (twin);
  client_hear_end (fd);
  close (fd);

  /* The next client is not troubled by what was lost. */
  fd = client_connect (path);
  twin = demo_client_negotiate (fd, DEMO_PROPOSE_TWIN, DEMO_AGREED_TWIN);
  demo_client_expect (fd, PING_DONE, 4, "u32:0");
  ck_assert (is_silent (twin));
  demo_client_write (fd, PING_COUNT, 4, "u32:1");
  client_hear (twin, DMA_READ ("1", "0"));

  demo_device_stop (demo);
  close (twin);
  close (fd);
}

static void
what_was_posted_before_leaving_is_executed (void)
{
  g_autoptr (DemoDevice) demo = demo_device_new ();
  const char *path = demo_device_listen (demo);

  for (guint i = 1; i <= 50; i++)
    {
      int fd = client_connect (path);
      int twin = demo_client_negotiate (fd, DEMO_PROPOSE_TWIN, DEMO_AGREED_TWIN);

      for (guint n = 0; n < 100; n++)
        client_say (fd, "u16:3 u16:10 u32:36 u32:0x10 u32:0 | u64:0x800 u32:0 u32:4 | u32:0");
      close (twin);
      close (fd);

      fd = client_connect (path);
      demo_client_negotiate (fd, "", DEMO_AGREED);
      demo_client_say_read (fd, "u64:0x024", 4); /* kicks by message */
      {
        g_autofree char *kicks = g_strdup_printf ("u32:%u", i * 100);

        demo_client_hear_read (fd, "u64:0x024", 4, kicks);
      }
      close (fd);
    }
  demo_device_stop (demo);
}

typedef struct
{
  const char *name;
  const char *said;
} WrongReply;

static const WrongReply wrong_replies[] = {
  { "it is to nothing", "u16:2 u16:11 u32:40 u32:1 u32:0 | u64:0x1000 u64:8 u64:0" },
  { "it is to another command", "u16:1 u16:12 u32:32 u32:1 u32:0 | u64:0x1000 u64:8" },
  { "it has no data", "u16:1 u16:11 u32:32 u32:1 u32:0 | u64:0x1000 u64:8" },
  { "it has less data", "u16:1 u16:11 u32:39 u32:1 u32:0 | u64:0x1000 u64:8 00*7" },
  { "it has more data", "u16:1 u16:11 u32:41 u32:1 u32:0 | u64:0x1000 u64:8 00*9" },
  { "it is a header alone", "u16:1 u16:11 u32:16 u32:1 u32:0" },
  { "it repeats another address", "u16:1 u16:11 u32:40 u32:1 u32:0 | u64:0x1001 u64:8 u64:0" },
  { "it repeats another count", "u16:1 u16:11 u32:40 u32:1 u32:0 | u64:0x1000 u64:7 u64:0" },
  { "it is no reply", "u16:1 u16:9 u32:32 u32:0 u32:0 | u64:0 u32:0 u32:4" },
};

static void
a_reply_on_the_twin_ends_the_connection_if (gconstpointer data)
{
  const WrongReply *row = data;
  g_autoptr (DemoDevice) demo = demo_device_new ();
  int twin;
  int fd = start_with_twin (demo, &twin);

  demo_client_write (fd, PING_COUNT, 4, "u32:1");
  client_hear (twin, DMA_READ ("1", "0x1000"));
  client_say (twin, row->said);
  client_hear_end (twin);
  client_hear_end (fd);

  close (twin);
  close (fd);
}

static void
a_reply_with_a_descriptor_ends_the_connection (void)
{
  g_autoptr (DemoDevice) demo = demo_device_new ();
  int twin;
  int fd = start_with_twin (demo, &twin);

  demo_client_write (fd, PING_COUNT, 4, "u32:1");
  client_hear (twin, DMA_READ ("1", "0x1000"));
  client_say_with_fds (twin, DATA ("1", "0x1000") "u64:0", &fd, 1);
  client_hear_end (twin);

  close (twin);
  close (fd);
}

static void
a_reply_on_the_main_socket_is_not_expected_there (void)
{
  g_autoptr (DemoDevice) demo = demo_device_new ();
  int twin;
  int fd = start_with_twin (demo, &twin);

  demo_client_write (fd, PING_COUNT, 4, "u32:1");
  client_hear (twin, DMA_READ ("1", "0x1000"));
  client_say (fd, DATA ("1", "0x1000") "u64:0");
  client_hear_end (fd);

  close (twin);
  close (fd);
}

static const HarnessCase cases[] = {
  HARNESS_ROWS (there_is_no_twin_socket_if, no_twins),
  HARNESS_CASE (pings_travel_on_the_twin),
  HARNESS_CASE (pings_share_the_main_socket_without_a_twin),
  HARNESS_CASE (a_command_that_crosses_a_ping_is_executed),
  HARNESS_CASE (each_side_has_its_own_ids),
  HARNESS_CASE (writing_pings_write_what_was_read),
  HARNESS_ROWS (a_refused_ping_counts_and_tells_its_errno, refusals),
  HARNESS_CASE (a_new_count_begins_anew),
  HARNESS_CASE (a_reset_ends_the_pings),
  HARNESS_CASE (a_client_that_takes_less_than_a_ping_gets_none),
  HARNESS_CASE (a_silent_twin_does_not_hold_the_main_socket),
  HARNESS_CASE (many_pings_end),
  HARNESS_CASE (losing_the_twin_ends_the_connection),
  HARNESS_CASE (what_was_posted_before_leaving_is_executed),
  HARNESS_ROWS (a_reply_on_the_twin_ends_the_connection_if, wrong_replies),
  HARNESS_CASE (a_reply_with_a_descriptor_ends_the_connection),
  HARNESS_CASE (a_reply_on_the_main_socket_is_not_expected_there),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "demo-server-commands", cases);
}
