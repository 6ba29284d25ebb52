/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/* The memories of the demo device that are behind ioregionfds. */

#include "harness.h"

#include "client.h"
#include "demo-client.h"
#include "demo.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* In BAR0; see the demo device's README.md. */
#define IOREGION_READS  "u64:0x050"
#define IOREGION_WRITES "u64:0x054"
#define MESSAGE_READS   "u64:0x058"
#define MESSAGE_WRITES  "u64:0x05c"
#define PING_ADDRESS    "u64:0x080"

#define A "u64:0xaaaaaaaa0000000a"
#define B "u64:0xbbbbbbbb0000000b"
#define C "u64:0xcccccccc0000000c"

/* Commands: the exponent of the size, which memory, where in it. */
#define READ(exponent, which, offset) \
  "00 1" exponent " 00*6 " which " u64:" offset " u64:0 "
#define WRITE(exponent, which, offset, value) \
  "01 1" exponent " 00*6 " which " u64:" offset " u64:" value " "
#define POST(exponent, which, offset, value) \
  "01 0" exponent " 00*6 " which " u64:" offset " u64:" value " "

#define RESPONSE(value) "u64:" value " 00*24 "

/* What a client with room for all descriptors is told of BAR0. */
#define ASK        "u16:9 u16:6 u32:32 u32:0 u32:0 | u32:4096 u32:0 u32:0 u32:0"
#define ASK_HEADER "u16:9 u16:6 u32:464 u32:1 u32:0 | u32:448 u32:0 u32:0 u32:9 "
#define N_FDS      8

typedef struct
{
  DemoDevice *demo;
  int fd;
  int a_and_b;
  int c;
} Client;

static void
get_descriptors (Client *client)
{
  int fds[N_FDS];

  demo_client_negotiate (client->fd, "\"max_msg_fds\":8", DEMO_AGREED);
  client_say (client->fd, ASK);
  ck_assert_uint_eq (client_hear_with_fds (client->fd,
                                           ASK_HEADER
                                           "??*288" /* the doorbells */
                                           "u64:0x900 u64:0x40 u32:6 u32:1 u32:0 u32:0 | " A " u64:0"
                                           "u64:0x940 u64:0x40 u32:6 u32:1 u32:0 u32:0 | " B " u64:0"
                                           "u64:0x980 u64:0x40 u32:7 u32:1 u32:2 u32:0 | " C " u64:0",
                                           fds, N_FDS),
                     N_FDS);
  for (guint i = 0; i < 6; i++)
    close (fds[i]);
  client->a_and_b = fds[6];
  client->c = fds[7];
}

static Client
start (void)
{
  Client client = { .demo = demo_device_new () };

  client.fd = demo_device_start (client.demo);
  get_descriptors (&client);
  return client;
}

static void
leave (Client *client)
{
  close (client->a_and_b);
  close (client->c);
  close (client->fd);
}

static void
stop (Client *client)
{
  demo_device_stop (client->demo);
  leave (client);
  demo_device_free (client->demo);
}

static gboolean
is_silent (int fd)
{
  char byte;

  return recv (fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0;
}

static void
say_and_hear (int fd, const char *said, const char *heard)
{
  client_say (fd, said);
  client_hear (fd, heard);
}

/* --- Accesses --- */

static void
they_are_read_and_written_in_all_widths (void)
{
  Client client = start ();
  int fd = client.a_and_b;

  say_and_hear (fd, WRITE ("3", A, "8", "0x8877665544332211"), RESPONSE ("0"));
  say_and_hear (fd, READ ("3", A, "8"), RESPONSE ("0x8877665544332211"));
  say_and_hear (fd, READ ("2", A, "9"), RESPONSE ("0x55443322"));
  say_and_hear (fd, READ ("1", A, "14"), RESPONSE ("0x8877"));
  say_and_hear (fd, READ ("0", A, "15"), RESPONSE ("0x88"));

  say_and_hear (fd, WRITE ("2", A, "10", "0xffffffffdddddddd"), RESPONSE ("0"));
  say_and_hear (fd, WRITE ("1", A, "14", "0xffffeeee"), RESPONSE ("0"));
  say_and_hear (fd, WRITE ("0", A, "8", "0xfff0"), RESPONSE ("0"));
  demo_client_expect (client.fd, "u64:0x908", 8, "f0 22 dd dd dd dd ee ee");
  stop (&client);
}

static void
messages_reach_the_same_memory (void)
{
  Client client = start ();

  demo_client_write (client.fd, "u64:0x93f", 3, "01 02 03");
  say_and_hear (client.a_and_b, READ ("0", B, "0"), RESPONSE ("2"));
  say_and_hear (client.a_and_b, READ ("1", B, "0"), RESPONSE ("0x302"));
  say_and_hear (client.a_and_b, READ ("1", A, "0"), RESPONSE ("0"));
  demo_client_write (client.fd, "u64:0x900", 192, "55*192");
  say_and_hear (client.c, READ ("3", C, "0x38"), RESPONSE ("0x5555555555555555"));
  stop (&client);
}

static void
two_share_a_socket_and_are_told_apart (void)
{
  Client client = start ();
  int fd = client.a_and_b;

  say_and_hear (fd, WRITE ("2", A, "0", "1") WRITE ("2", B, "0", "2"), RESPONSE ("0") RESPONSE ("0"));
  say_and_hear (fd, READ ("2", B, "0") READ ("2", A, "0"), RESPONSE ("2") RESPONSE ("1"));
  demo_client_expect (client.fd, "u64:0x900", 4, "u32:1");
  demo_client_expect (client.fd, "u64:0x940", 4, "u32:2");
  demo_client_expect (client.fd, "u64:0x980", 4, "u32:0");
  stop (&client);
}

static void
a_posted_write_has_no_response (void)
{
  Client client = start ();

  say_and_hear (client.c, POST ("2", C, "4", "7") POST ("0", C, "5", "8") READ ("2", C, "4"),
                RESPONSE ("0x807"));
  ck_assert (is_silent (client.c));

  /* One that wants a response gets it, whatever the memory; and the other way around. */
  say_and_hear (client.c, WRITE ("2", C, "4", "9"), RESPONSE ("0"));
  say_and_hear (client.a_and_b, POST ("2", A, "4", "3") READ ("2", A, "4"), RESPONSE ("3"));
  stop (&client);
}

static void
what_was_posted_is_there_for_a_message_that_comes_later (void)
{
  Client client = start ();

  for (guint i = 0; i < 100; i++)
    {
      g_autofree char *value = g_strdup_printf ("u32:%u", i);
      g_autofree char *command = g_strdup_printf ("01 02 00*6 " C " u64:0 u64:%u", i);

      client_say (client.c, command);
      demo_client_expect (client.fd, "u64:0x980", 4, value);
    }

  client_say (client.c, POST ("2", C, "0", "0x1111"));
  demo_client_write (client.fd, "u64:0x980", 4, "u32:0x2222");
  demo_client_expect (client.fd, "u64:0x980", 4, "u32:0x2222");
  client_say (client.c, POST ("2", C, "0", "0x3333"));
  say_and_hear (client.fd, "u16:3 u16:13 u32:16 u32:0 u32:0", "u16:3 u16:13 u32:16 u32:1 u32:0");
  demo_client_expect (client.fd, "u64:0x980", 4, "u32:0");
  stop (&client);
}

static void
accesses_are_counted_by_their_way (void)
{
  Client client = start ();

  client_say (client.c, POST ("2", C, "0", "1") POST ("2", C, "0", "1"));
  say_and_hear (client.a_and_b, WRITE ("2", B, "0", "1"), RESPONSE ("0"));
  say_and_hear (client.a_and_b, READ ("2", B, "0"), RESPONSE ("1"));
  demo_client_write (client.fd, "u64:0x9bc", 4, "u32:0");
  demo_client_expect (client.fd, "u64:0x8f8", 8, "00*8");
  demo_client_expect (client.fd, "u64:0x8f9", 8, "00*8");
  demo_client_expect (client.fd, "u64:0x9bc", 8, "00*8");
  demo_client_expect (client.fd, "u64:0x9c0", 8, "00*8");

  demo_client_expect (client.fd, IOREGION_READS, 4, "u32:1");
  demo_client_expect (client.fd, IOREGION_WRITES, 4, "u32:3");
  demo_client_expect (client.fd, MESSAGE_READS, 4, "u32:2");
  demo_client_expect (client.fd, MESSAGE_WRITES, 4, "u32:1");
  say_and_hear (client.fd, "u16:3 u16:13 u32:16 u32:0 u32:0", "u16:3 u16:13 u32:16 u32:1 u32:0");
  demo_client_expect (client.fd, "u64:0x050", 16, "00*16");
  stop (&client);
}

static void
a_message_must_not_reach_over_their_end (void)
{
  Client client = start ();

  say_and_hear (client.fd, "u16:5 u16:10 u32:40 u32:0 u32:0 | u64:0x9bc u32:0 u32:8 | 00*8",
                "u16:5 u16:10 u32:16 u32:0x21 u32:22");
  say_and_hear (client.fd, "u16:5 u16:10 u32:40 u32:0 u32:0 | u64:0x8fc u32:0 u32:8 | 00*8",
                "u16:5 u16:10 u32:16 u32:0x21 u32:22");
  stop (&client);
}

static void
a_command_may_come_in_pieces (void)
{
  Client client = start ();

  client_say (client.a_and_b, "00 12");
  demo_client_expect (client.fd, IOREGION_READS, 4, "u32:0");
  client_say (client.a_and_b, "00*6 " B " u64:0");
  demo_client_expect (client.fd, IOREGION_READS, 4, "u32:0");
  say_and_hear (client.a_and_b, "u64:0", RESPONSE ("0"));
  stop (&client);
}

/* --- What has to be read first --- */

#define DMA_READ(id) "u16:" id " u16:11 u32:32 u32:0 u32:0 | u64:0x1000 u64:8"
#define DATA(id)     "u16:" id " u16:11 u32:40 u32:1 u32:0 | u64:0x1000 u64:8 | "

static void
the_last_of_A_is_in_the_client_s_memory (void)
{
  Client client = start ();

  demo_client_write (client.fd, PING_ADDRESS, 8, "u64:0x1000");
  say_and_hear (client.a_and_b, WRITE ("3", A, "0x38", "1"), RESPONSE ("0"));
  client_say (client.a_and_b, READ ("3", A, "0x38") READ ("2", B, "0"));
  client_hear (client.fd, DMA_READ ("1"));

  /* Nothing behind it is executed, but messages are. */
  demo_client_expect (client.fd, IOREGION_READS, 4, "u32:1");
  ck_assert (is_silent (client.a_and_b));
  client_say (client.fd, DATA ("1") "u64:0x8877665544332211");
  client_hear (client.a_and_b, RESPONSE ("0x8877665544332211") RESPONSE ("0"));

  client_say (client.a_and_b, READ ("1", A, "0x3a"));
  client_hear (client.fd, DMA_READ ("2"));
  client_say (client.fd, DATA ("2") "u64:0x8877665544332211");
  client_hear (client.a_and_b, RESPONSE ("0x4433"));

  /* By message it is what was written. */
  demo_client_expect (client.fd, "u64:0x938", 8, "u64:1");
  stop (&client);
}

static void
memory_that_is_not_there_reads_as_all_ones (void)
{
  Client client = start ();

  demo_client_write (client.fd, PING_ADDRESS, 8, "u64:0x1000");
  client_say (client.a_and_b, READ ("2", A, "0x38"));
  client_hear (client.fd, DMA_READ ("1"));
  client_say (client.fd, "u16:1 u16:11 u32:16 u32:0x21 u32:14");
  client_hear (client.a_and_b, RESPONSE ("0xffffffffffffffff"));

  /* The addresses wrap: nothing is sent. */
  demo_client_write (client.fd, PING_ADDRESS, 8, "u64:0xfffffffffffffffc");
  say_and_hear (client.a_and_b, READ ("2", A, "0x38"), RESPONSE ("0xffffffffffffffff"));
  stop (&client);
}

/* --- Other clients --- */

static void
the_next_client_has_sockets_of_its_own (void)
{
  Client old = { .demo = demo_device_new () };
  const char *path = demo_device_listen (old.demo);
  Client next = { .demo = old.demo };

  old.fd = client_connect (path);
  get_descriptors (&old);
  say_and_hear (old.a_and_b, WRITE ("2", A, "0", "0x55"), RESPONSE ("0"));

  /* In the middle of one command, and of what another has to wait for. */
  client_say (old.c, "01 02 00");
  client_say (old.a_and_b, READ ("2", A, "0x38"));
  client_hear (old.fd, "u16:1 u16:11 u32:32 u32:0 u32:0 | u64:0 u64:8");
  close (old.fd);
  client_hear_end (old.a_and_b);
  client_hear_end (old.c);
  close (old.a_and_b);
  close (old.c);

  next.fd = client_connect (path);
  get_descriptors (&next);
  say_and_hear (next.a_and_b, READ ("2", A, "0"), RESPONSE ("0x55"));
  say_and_hear (next.c, POST ("2", C, "0", "1") READ ("2", C, "0"), RESPONSE ("1"));
  client_say (next.a_and_b, READ ("2", A, "0x38"));
  client_hear (next.fd, "u16:1 u16:11 u32:32 u32:0 u32:0 | u64:0 u64:8");
  client_say (next.fd, "u16:1 u16:11 u32:40 u32:1 u32:0 | u64:0 u64:8 | u64:4");
  client_hear (next.a_and_b, RESPONSE ("4"));
  stop (&next);
}

typedef struct
{
  const char *name;
  const char *command;
} Nonsense;

static const Nonsense nonsense[] = {
  { "another command", "02 12 00*6 " A " u64:0 u64:0" },
  { "16 bytes", "00 14 00*6 " A " u64:0 u64:0" },
  { "an unknown bit", "00 32 00*6 " A " u64:0 u64:0" },
  { "padding", "00 12 00*5 01 " A " u64:0 u64:0" },
  { "the user data of another socket", READ ("2", C, "0") },
  { "no user data", READ ("2", "u64:0", "0") },
  { "beyond the end", READ ("2", A, "0x40") },
  { "over the end", READ ("2", A, "0x3d") },
  { "far beyond the end", "01 13 00*6 " B " u64:0xfffffffffffffffc u64:0" },
};

static void
nonsense_closes_the_socket_and_nothing_else (gconstpointer data)
{
  const Nonsense *row = data;
  Client client = start ();

  client_say (client.a_and_b, row->command);
  client_hear_end (client.a_and_b);
  say_and_hear (client.c, READ ("2", C, "0"), RESPONSE ("0"));
  demo_client_expect (client.fd, IOREGION_WRITES, 4, "u32:0");
  stop (&client);
}

static void
a_client_that_does_not_read_stalls_nothing_else (void)
{
  g_autoptr (GBytes) command = hex (READ ("2", A, "0"));
  Client client = start ();

  /* Until both directions are full: the device takes no more either. */
  for (guint n_full = 0; n_full < 3;)
    {
      if (send (client.a_and_b, g_bytes_get_data (command, NULL), 32, MSG_DONTWAIT) == 32)
        n_full = 0;
      else
        n_full++;
      if (n_full > 0)
        demo_client_expect (client.fd, "u64:0x000", 4, "'VUCD'");
    }
  say_and_hear (client.c, READ ("2", C, "0"), RESPONSE ("0"));
  stop (&client);
}

static void
without_them_the_memories_are_there_for_messages (void)
{
  g_autoptr (DemoDevice) demo = demo_device_new ();
  int fds[N_FDS];
  int fd;

  demo_device_add_option (demo, "--no-ioregionfd");
  fd = demo_device_start (demo);
  demo_client_negotiate (fd, "\"max_msg_fds\":8", DEMO_AGREED);
  client_say (fd, ASK);
  ck_assert_uint_eq (client_hear_with_fds (fd,
                                           "u16:9 u16:6 u32:320 u32:1 u32:0 |"
                                           "u32:304 u32:0 u32:0 u32:6 | ??*288",
                                           fds, N_FDS),
                     6);
  for (guint i = 0; i < 6; i++)
    close (fds[i]);
  demo_client_write (fd, "u64:0x901", 5, "01 02 03 04 05");
  demo_client_expect (fd, "u64:0x900", 8, "00 01 02 03 04 05 00 00");
  demo_device_stop (demo);
  close (fd);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (they_are_read_and_written_in_all_widths),
  HARNESS_CASE (messages_reach_the_same_memory),
  HARNESS_CASE (two_share_a_socket_and_are_told_apart),
  HARNESS_CASE (a_posted_write_has_no_response),
  HARNESS_CASE (what_was_posted_is_there_for_a_message_that_comes_later),
  HARNESS_CASE (accesses_are_counted_by_their_way),
  HARNESS_CASE (a_message_must_not_reach_over_their_end),
  HARNESS_CASE (a_command_may_come_in_pieces),
  HARNESS_CASE (the_last_of_A_is_in_the_client_s_memory),
  HARNESS_CASE (memory_that_is_not_there_reads_as_all_ones),
  HARNESS_CASE (the_next_client_has_sockets_of_its_own),
  HARNESS_ROWS (nonsense_closes_the_socket_and_nothing_else, nonsense),
  HARNESS_CASE (a_client_that_does_not_read_stalls_nothing_else),
  HARNESS_CASE (without_them_the_memories_are_there_for_messages),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "demo-ioregions", cases);
}
