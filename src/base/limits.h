/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Every number that bounds what a peer can make us do, with its reason.  What the protocol itself
 * fixes (sizes, flag bits) is in wire/protocol.h.
 */

#ifndef VUC_LIMITS_H
#define VUC_LIMITS_H

/* SCM_MAX_FD of the kernel: no message can carry more descriptors. */
#define VUC_LIMIT_MSG_FDS 253

/* The longest version JSON, its NUL included.  Real ones have some 200 bytes; room for names not
 * invented yet. */
#define VUC_LIMIT_JSON_SIZE (16 * 1024)

/* How deep version JSON may nest: the protocol has 3 levels. */
#define VUC_LIMIT_JSON_DEPTH 8

/* The largest argsz that a reply may ask for, so the largest reply that we allocate for the
 * server's sake: room for 65,533 sparse areas. */
#define VUC_LIMIT_ARGSZ (1024 * 1024)

/* Mappable areas of one region: each costs memory, and a kernel mapping of which a process has some
 * 65,000 in all.  A region with more cannot be mapped. */
#define VUC_LIMIT_AREAS 4096

/* IO descriptor entries of a region: more are refused.  Each costs some work when it is learned. */
#define VUC_LIMIT_IO_FDS 4096

/* Shadow doorbells of a device whose memory is mapped: each is a kernel mapping.  Others go by
 * message. */
#define VUC_LIMIT_SHADOWS 1024

/* Kernel mappings that the areas of one region may need once the server is lost (access/all-ones.c):
 * a quarter of what a process has.  512 GiB in one area. */
#define VUC_LIMIT_ALL_ONES 16384

/* Region and interrupt indexes, and interrupts of one index: defaults and what can be configured.
 * PCI has 9 and 5; 2048 is the most that MSI-X can have. */
#define VUC_LIMIT_REGIONS_DEFAULT   256
#define VUC_LIMIT_REGIONS_MAX       65536
#define VUC_LIMIT_IRQS_DEFAULT      64
#define VUC_LIMIT_IRQS_MAX          65536
#define VUC_LIMIT_IRQ_COUNT_DEFAULT 2048
#define VUC_LIMIT_IRQ_COUNT_MAX     (1024 * 1024)

/* What we offer as max_data_xfer_size, so the most data that a server command may carry: the
 * protocol's default. */
#define VUC_LIMIT_DATA_XFER (1024 * 1024)

/* The most data of one read, whatever the server offers: the deadline is looked at between
 * messages. */
#define VUC_LIMIT_READ_SIZE (16 * 1024 * 1024)

/* The most data of one REGION_WRITE: the default stays below the 36,544 bytes that reach a server's
 * single receive call in one piece. */
#define VUC_LIMIT_WRITE_SIZE_DEFAULT (32 * 1024)
#define VUC_LIMIT_WRITE_SIZE_MAX     (1024 * 1024)

/* Replies that nobody waits for any more.  A server that owes us more than this is broken, and each
 * holds one of 65,536 ids. */
#define VUC_LIMIT_ABANDONED 256

/* Commands that wait for their reply at the same time: as many as there may be asynchronous
 * operations, and half a dozen blocked threads for each of a large machine's processors. */
#define VUC_LIMIT_PENDING 8192

/* Asynchronous operations of a device at the same time. */
#define VUC_LIMIT_OPERATIONS 4096

/* Posted writes that wait until the server reads, and how many of them one message can hold.  Nobody
 * waits for these, so only a bound stops who posts faster than the server reads; what is above it
 * waits for its reply.  In messages of many they take some 100 KiB, one by one 2 MiB. */
#define VUC_LIMIT_POSTED_WRITES 4096
#define VUC_LIMIT_POSTED_MERGED 256

/* Bytes of commands that wait until the server reads: the least and the most that can be set, and
 * the default, which is 16 of the largest writes. */
#define VUC_LIMIT_QUEUED_BYTES_MIN     4096
#define VUC_LIMIT_QUEUED_BYTES_MAX     (1024 * 1024 * 1024)
#define VUC_LIMIT_QUEUED_BYTES_DEFAULT (16 * 1024 * 1024)

/* Messages of one device that a loop deals with before others have their turn. */
#define VUC_LIMIT_MESSAGES_PER_WAKEUP 64

/* Bytes of reply buffers at a time while many indexes are asked for again because their first
 * buffer was too small: each may want up to VUC_LIMIT_ARGSZ. */
#define VUC_LIMIT_RETRY_MEMORY (8 * 1024 * 1024)

/* Milliseconds: the ordinary deadline. */
#define VUC_LIMIT_TIMEOUT_DEFAULT_MS 5000

/* Milliseconds: the pauses before attempts to reconnect. */
#define VUC_LIMIT_RECONNECT_MIN_DEFAULT_MS 100
#define VUC_LIMIT_RECONNECT_MAX_DEFAULT_MS 10000

/* Bytes that a posted write may have: more would hardly be faster. */
#define VUC_LIMIT_POSTED_SIZE 8

/* Microseconds that a waiter polls before it sleeps, at the most: what is longer costs more than
 * it can save. */
#define VUC_LIMIT_POLL_US 1000

#endif /* VUC_LIMITS_H */
