/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Bytes as a person writes them down.  A text is a list of items:
 *
 *   00ff 12        bytes, two hexadecimal digits each, together or apart
 *   u16:5 u32:0x20 integers of 8, 16, 32 or 64 bits in the host's byte order, decimal or 0x
 *   'a"b' "it's"   the characters between the quotes, as they are (no escapes, no final NUL)
 *   00*24 u32:7*3  the item before the star, that many times
 *   |              a separator, for the eye
 *   # ...          a comment, up to the end of the line
 *
 * and, where bytes are compared or a script is written (not in hex ()):
 *
 *   ?? ??*8        any byte, any eight
 *   id id(1)       a message id (see script-server.h)
 *
 *   static void
 *   a_header_is_sixteen_bytes (void)
 *   {
 *     g_autoptr(GBytes) message = hex ("u16:1            # message id         \n"
 *                                      "u16:13           # DEVICE_RESET       \n"
 *                                      "u32:16           # message size       \n"
 *                                      "u32:0 | u32:0    # flags | error      \n");
 *     gsize size;
 *     const guint8 *data = g_bytes_get_data (message, &size);
 *     Header header;
 *
 *     ck_assert (header_decode (data, size, &header));
 *     ck_assert_uint_eq (header.command, 13);
 *     assert_bytes (data + 4, 4, "u32:16");
 *   }
 */

#ifndef HARNESS_HEX_H
#define HARNESS_HEX_H

#include <glib.h>

G_BEGIN_DECLS

/* The bytes that @text describes.  A mistake in the text fails the test. */
GBytes *hex (const char *text);

/* Lines of offset, bytes and characters, for a person to read. */
char *hex_dump (gconstpointer data, gsize size);

/* NULL if the two are equal, else what to show: where they differ, and both. */
char *hex_difference (gconstpointer got, gsize got_size,
                      gconstpointer expected, gsize expected_size);

/* Where a message id stands in a pattern: id is back = 0, id(n) is back = n. */
typedef struct
{
  gsize offset;
  guint back;
} HexId;

/* A text that may leave bytes open. */
typedef struct
{
  GByteArray *bytes; /* zero where open */
  GByteArray *mask;  /* as long: 0xff where the byte counts, 0 where it is open */
  GArray *ids;       /* of HexId, in the order of their offsets; their bytes are open too */
} HexPattern;

/* NULL if @text has a mistake; *@why then says which. */
HexPattern *hex_pattern_new (const char *text, char **why);
void hex_pattern_free (HexPattern *pattern);

/* NULL if @got fits, else what to show. */
char *hex_pattern_difference (const HexPattern *pattern, gconstpointer got, gsize got_size);

/* Whether @got is a beginning of something that fits. */
gboolean hex_pattern_fits_so_far (const HexPattern *pattern, gconstpointer got, gsize got_size);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HexPattern, hex_pattern_free)

G_END_DECLS

#endif /* HARNESS_HEX_H */
