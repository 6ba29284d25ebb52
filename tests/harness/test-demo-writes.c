/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/* Writes to the demo device: several in one message, and those that want no reply. */

#include "harness.h"

#include "client.h"
#include "demo-client.h"
#include "demo.h"

#include <unistd.h>

/* In BAR0; see the demo device's README.md. */
#define SCRATCH_0 "u64:0x008"
#define SCRATCH_1 "u64:0x00c"
#define ERROR     "u64:0x010"

#define PROPOSE      "\"write_multiple\":true"
#define AGREED       DEMO_AGREED ",\"write_multiple\":true"
#define AGREED_TWIN  AGREED ",\"twin_socket\":{\"supported\":true,\"fd_index\":0}"

/* A message, and the writes in it: region, offset, count and 8 bytes. */
#define MULTI(size, flags, count) "u16:4 u16:15 u32:" size " u32:" flags " u32:0 | u64:" count " | "
#define SINGLE(region, offset, count, data) \
  "u64:" offset " u32:" region " u32:" count " " data " "

#define EXECUTED(count) "u16:4 u16:15 u32:24 u32:1 u32:0 | u64:" count
#define REFUSED(error)  "u16:4 u16:15 u32:16 u32:0x21 u32:" error

static DemoDevice *
new_with_option (const char *option)
{
  DemoDevice *demo = demo_device_new ();

  if (option != NULL)
    demo_device_add_option (demo, option);
  return demo;
}

static void
say_and_hear (int fd, const char *said, const char *heard)
{
  client_say (fd, said);
  client_hear (fd, heard);
}

/* --- REGION_WRITE_MULTI --- */

static void
several_writes_are_executed_in_order (void)
{
  g_autoptr (DemoDevice) demo = new_with_option (NULL);
  int fd = demo_device_start (demo);

  demo_client_negotiate (fd, PROPOSE, AGREED);
  say_and_hear (fd,
                MULTI ("144", "0", "5")
                SINGLE ("0", "8", "4", "u32:1 ff*4")
                SINGLE ("0", "12", "4", "u32:2 ff*4")
                SINGLE ("0", "8", "4", "u32:3 ff*4")
                SINGLE ("0", "0x901", "7", "01 02 03 04 05 06 07 ff")
                SINGLE ("2", "0x10", "8", "u64:0x1122334455667788"),
                EXECUTED ("5"));
  demo_client_expect (fd, SCRATCH_0, 8, "u32:3 u32:2");
  demo_client_expect (fd, "u64:0x900", 9, "00 01 02 03 04 05 06 07 00");
  say_and_hear (fd, "u16:8 u16:9 u32:32 u32:0 u32:0 | u64:0x10 u32:2 u32:8",
                "u16:8 u16:9 u32:40 u32:1 u32:0 | u64:0x10 u32:2 u32:8 | u64:0x1122334455667788");

  say_and_hear (fd, MULTI ("24", "0", "0"), EXECUTED ("0"));
  say_and_hear (fd, MULTI ("48", "0", "1") SINGLE ("0", "8", "0", "ff*8"), EXECUTED ("1"));
  demo_client_expect (fd, SCRATCH_0, 4, "u32:3");
  demo_device_stop (demo);
  close (fd);
}

static void
those_before_an_impossible_one_are_executed (void)
{
  g_autoptr (DemoDevice) demo = new_with_option (NULL);
  int fd = demo_device_start (demo);

  demo_client_negotiate (fd, PROPOSE, AGREED);
  say_and_hear (fd,
                MULTI ("96", "0", "3")
                SINGLE ("0", "8", "4", "u32:1 00*4")
                SINGLE ("0", "0", "4", "u32:2 00*4")
                SINGLE ("0", "12", "4", "u32:3 00*4"),
                EXECUTED ("1"));
  demo_client_expect (fd, SCRATCH_0, 8, "u32:1 u32:0");
  demo_client_expect (fd, ERROR, 4, "u32:1");
  say_and_hear (fd, MULTI ("48", "0", "1") SINGLE ("99", "8", "4", "00*8"), EXECUTED ("0"));
  demo_device_stop (demo);
  close (fd);
}

static void
several_writes_may_want_no_reply (void)
{
  g_autoptr (DemoDevice) demo = new_with_option (NULL);
  int fd = demo_device_start (demo);

  demo_client_negotiate (fd, PROPOSE, AGREED);
  client_say (fd, MULTI ("48", "0x10", "1") SINGLE ("0", "8", "4", "u32:9 00*4"));
  client_say (fd, MULTI ("24", "0x10", "1"));
  demo_client_expect (fd, SCRATCH_0, 4, "u32:9");
  demo_device_stop (demo);
  close (fd);
}

typedef struct
{
  const char *name;
  const char *message;
} WrongSize;

static const WrongSize wrong_sizes[] = {
  { "nothing", "u16:4 u16:15 u32:16 u32:0 u32:0" },
  { "less than a count", "u16:4 u16:15 u32:20 u32:0 u32:0 | u32:1" },
  { "one less than is said", MULTI ("48", "0", "2") SINGLE ("0", "8", "4", "u32:1 00*4") },
  { "one more than is said", MULTI ("48", "0", "0") SINGLE ("0", "8", "4", "u32:1 00*4") },
  { "half of one", MULTI ("36", "0", "1") "u64:8 u32:0" },
  { "one and a byte", MULTI ("49", "0", "1") SINGLE ("0", "8", "4", "u32:1 00*4") "00" },
  { "a count that wraps", MULTI ("48", "0", "0xaaaaaaaaaaaaaaab") SINGLE ("0", "8", "4", "u32:1 00*4") },
  { "9 bytes in the last of them",
    MULTI ("72", "0", "2") SINGLE ("0", "8", "4", "u32:1 00*4") SINGLE ("0", "12", "9", "00*8") },
};

static void
a_wrong_size_is_refused_as_a_whole (gconstpointer data)
{
  const WrongSize *row = data;
  g_autoptr (DemoDevice) demo = new_with_option (NULL);
  int fd = demo_device_start (demo);

  demo_client_negotiate (fd, PROPOSE, AGREED);
  say_and_hear (fd, row->message, REFUSED ("22"));
  demo_client_expect (fd, SCRATCH_0, 8, "u32:0 u32:0");
  demo_device_stop (demo);
  close (fd);
}

typedef struct
{
  const char *name;
  const char *option;
  const char *proposal;
} Disagreement;

static const Disagreement disagreements[] = {
  { "the device does not want it", "--no-write-multiple", PROPOSE },
  { "the client does not say so", NULL, "" },
  { "the client does not want it", NULL, "\"write_multiple\":false" },
};

static void
without_an_agreement_it_is_unknown (gconstpointer data)
{
  const Disagreement *row = data;
  g_autoptr (DemoDevice) demo = new_with_option (row->option);
  int fd = demo_device_start (demo);

  demo_client_negotiate (fd, row->proposal, DEMO_AGREED);
  say_and_hear (fd, MULTI ("48", "0", "1") SINGLE ("0", "8", "4", "u32:1 00*4"), REFUSED ("95"));
  demo_client_expect (fd, SCRATCH_0, 4, "u32:0");
  demo_device_stop (demo);
  close (fd);
}

static void
it_goes_together_with_a_twin (void)
{
  g_autoptr (DemoDevice) demo = new_with_option (NULL);
  int fd = demo_device_start (demo);
  int twin = demo_client_negotiate (fd, PROPOSE "," DEMO_PROPOSE_TWIN, AGREED_TWIN);

  ck_assert_int_ge (twin, 0);
  say_and_hear (fd, MULTI ("48", "0", "1") SINGLE ("0", "8", "4", "u32:1 00*4"), EXECUTED ("1"));
  demo_device_stop (demo);
  close (twin);
  close (fd);
}

/* --- Posted writes --- */

#define POST(size, offset, count, data) \
  "u16:7 u16:10 u32:" size " u32:0x10 u32:0 | " offset " u32:0 u32:" count " | " data

static void
a_write_that_wants_no_reply_gets_none (void)
{
  g_autoptr (DemoDevice) demo = new_with_option (NULL);
  int fd = demo_device_start (demo);

  demo_client_negotiate (fd, "", DEMO_AGREED);
  client_say (fd, POST ("36", SCRATCH_0, "4", "u32:5"));

  /* Nor one that is impossible. */
  client_say (fd, POST ("36", "u64:0", "4", "u32:5"));
  demo_client_expect (fd, SCRATCH_0, 4, "u32:5");
  demo_client_expect (fd, ERROR, 4, "u32:1");
  demo_device_stop (demo);
  close (fd);
}

static void
it_gets_one_if_that_is_wanted (void)
{
  g_autoptr (DemoDevice) demo = new_with_option ("--reply-to-posted");
  int fd = demo_device_start (demo);

  demo_client_negotiate (fd, PROPOSE, AGREED);
  say_and_hear (fd, POST ("36", SCRATCH_0, "4", "u32:5"),
                "u16:7 u16:10 u32:32 u32:1 u32:0 | " SCRATCH_0 " u32:0 u32:4");
  say_and_hear (fd, POST ("36", "u64:0", "4", "u32:5"), "u16:7 u16:10 u32:16 u32:0x21 u32:22");
  say_and_hear (fd, MULTI ("48", "0x10", "1") SINGLE ("0", "12", "4", "u32:6 00*4"), EXECUTED ("1"));

  /* Other commands are as always. */
  client_say (fd, "u16:8 u16:9 u32:32 u32:0x10 u32:0 | " SCRATCH_0 " u32:0 u32:4");
  demo_client_expect (fd, SCRATCH_0, 8, "u32:5 u32:6");
  demo_device_stop (demo);
  close (fd);
}

static const HarnessCase cases[] = {
  HARNESS_CASE (several_writes_are_executed_in_order),
  HARNESS_CASE (those_before_an_impossible_one_are_executed),
  HARNESS_CASE (several_writes_may_want_no_reply),
  HARNESS_ROWS (a_wrong_size_is_refused_as_a_whole, wrong_sizes),
  HARNESS_ROWS (without_an_agreement_it_is_unknown, disagreements),
  HARNESS_CASE (it_goes_together_with_a_twin),
  HARNESS_CASE (a_write_that_wants_no_reply_gets_none),
  HARNESS_CASE (it_gets_one_if_that_is_wanted),
  HARNESS_END
};

int
main (int argc, char **argv)
{
  return harness_main (argc, argv, "demo-writes", cases);
}
