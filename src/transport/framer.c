/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * From a stream of bytes and descriptors to messages.  Does not know sockets, nor what a message
 * means.
 *
 * Whose descriptors are they?  The kernel ends a receive with the piece that carried descriptors,
 * and a sender attaches them to the first byte of their message: so they belong to the last message
 * that begins in the bytes of that receive.  Which one that is shows when its header is complete:
 * until then they are held.
 *
 * Used by the holder of the reader role, see session/session.c.
 */

#include "transport/framer.h"

#include <string.h>

#include "base/error.h"

void
vuc_framer_init (VucFramer *framer, guint32 max_size)
{
  /* Not the buffer: 4 KiB that nobody reads before they are written. */
  framer->max_size = max_size;
  framer->in_message = FALSE;
  framer->left = 0;
  vuc_framer_take (framer, NULL, 0);
  framer->taking = FALSE;
  framer->start = framer->end = 0;
  framer->received = framer->message_end = 0;
  framer->held_start = framer->held_end = 0;
  vuc_fd_set_init (&framer->fds);
  vuc_fd_set_init (&framer->held);
}

void
vuc_framer_clear (VucFramer *framer)
{
  vuc_fd_set_clear (&framer->fds);
  vuc_fd_set_clear (&framer->held);
}

gboolean
vuc_framer_is_idle (const VucFramer *framer)
{
  return !framer->in_message && framer->start == framer->end;
}

static gsize
buffered (const VucFramer *framer)
{
  return framer->end - framer->start;
}

/* Makes room behind what is buffered: always less than a header when bytes are wanted. */
static void
compact (VucFramer *framer)
{
  gsize count = buffered (framer);

  if (framer->start > 0)
    memmove (framer->buffer, framer->buffer + framer->start, count);
  framer->start = 0;
  framer->end = count;
}

int
vuc_framer_want (VucFramer *framer, gsize ahead, struct iovec iov[VUC_FRAMER_WANTS])
{
  int n = 0;
  gsize room;
  gsize needed = 0;

  compact (framer);
  room = sizeof framer->buffer - framer->end;

  /* Two sets of descriptors cannot be held: first complete the header that the held ones are
   * for. */
  if (framer->held.count > 0)
    ahead = 0;

  if (!framer->in_message)
    needed = VUC_HEADER_SIZE - framer->end;
  for (int i = 0; framer->taking && i < VUC_FRAMER_PLACES; i++)
    {
      const struct iovec *place = &framer->places[i];

      /* What is thrown away goes through the buffer, a piece at a time, so nothing may follow. */
      if (place->iov_len > 0 && place->iov_base == NULL)
        {
          needed = MIN (place->iov_len, room);
          ahead = 0;
          break;
        }
      if (place->iov_len == 0)
        continue;
      iov[n++] = *place;
      ahead -= MIN (ahead, place->iov_len);
    }

  /* The next header may come with this payload: descriptors that come then are its message's. */
  if (n > 0 && needed == 0)
    needed = VUC_HEADER_SIZE;
  needed = MIN (MAX (needed, ahead), room);
  if (needed > 0)
    iov[n++] = (struct iovec){ framer->buffer + framer->end, needed };
  return n;
}

/* Moves the places on by count bytes that were stored, or thrown away. */
static void
advance_places (VucFramer *framer, gsize count)
{
  for (int i = 0; i < VUC_FRAMER_PLACES && count > 0; i++)
    {
      struct iovec *place = &framer->places[i];
      gsize step = MIN (count, place->iov_len);

      if (place->iov_base != NULL)
        place->iov_base = (guint8 *) place->iov_base + step;
      place->iov_len -= step;
      framer->left -= step;
      count -= step;
    }
}

/* How many bytes the last _want offered to receive outside the buffer. */
static gsize
direct_room (const VucFramer *framer)
{
  gsize room = 0;

  for (int i = 0; framer->taking && i < VUC_FRAMER_PLACES; i++)
    {
      if (framer->places[i].iov_len > 0 && framer->places[i].iov_base == NULL)
        break;
      room += framer->places[i].iov_len;
    }
  return room;
}

void
vuc_framer_fed (VucFramer *framer, gsize count, VucFdSet *fds)
{
  gsize direct = MIN (count, direct_room (framer));

  if (fds->count > 0)
    {
      framer->held_start = framer->received;
      framer->held_end = framer->received + count;
      vuc_fd_set_move (&framer->held, fds);
    }
  framer->received += count;
  advance_places (framer, direct);
  framer->end += count - direct;
}

/* Serves what is being taken from the buffer; TRUE when all of it is there. */
static gboolean
fill_places (VucFramer *framer)
{
  for (int i = 0; i < VUC_FRAMER_PLACES; i++)
    {
      struct iovec *place = &framer->places[i];
      gsize count = MIN (place->iov_len, buffered (framer));

      if (count > 0 && place->iov_base != NULL)
        memcpy (place->iov_base, framer->buffer + framer->start, count);
      framer->start += count;
      advance_places (framer, count);
      if (place->iov_len > 0)
        return FALSE;
    }
  return TRUE;
}

/* Whether the held descriptors came after the message's first byte, yet before its last. */
static gboolean
fds_inside_message (const VucFramer *framer, guint64 message_start)
{
  return framer->held.count > 0 && message_start < framer->held_start
         && framer->message_end >= framer->held_end;
}

static VucFramerEvent
fail_fds_inside (const VucFramer *framer, GError **error)
{
  char name[16];

  vuc_fail_protocol (
    error, "%s message: descriptors came in the middle of it, allowed is with its first byte",
    vuc_command_name (framer->header.command, name, sizeof name));
  return VUC_FRAMER_BROKEN;
}

static VucFramerEvent
begin_message (VucFramer *framer, GError **error)
{
  guint64 message_start = framer->received - buffered (framer);

  if (!vuc_header_decode (framer->buffer + framer->start, framer->max_size, &framer->header, error))
    return VUC_FRAMER_BROKEN;

  framer->start += VUC_HEADER_SIZE;
  framer->in_message = TRUE;
  framer->left = framer->header.size - VUC_HEADER_SIZE;
  framer->message_end = message_start + framer->header.size;

  if (fds_inside_message (framer, message_start))
    return fail_fds_inside (framer, error);
  if (framer->held.count > 0 && framer->message_end >= framer->held_end)
    vuc_fd_set_move (&framer->fds, &framer->held);
  return VUC_FRAMER_HEADER;
}

VucFramerEvent
vuc_framer_next (VucFramer *framer, GError **error)
{
  if (!framer->in_message)
    return buffered (framer) >= VUC_HEADER_SIZE ? begin_message (framer, error)
                                                : VUC_FRAMER_NEEDS_BYTES;

  /* The message began before this receive: what came with it inside it is nobody's. */
  if (fds_inside_message (framer, framer->message_end - framer->header.size))
    return fail_fds_inside (framer, error);

  if (!fill_places (framer))
    return VUC_FRAMER_NEEDS_BYTES;
  framer->taking = FALSE;
  return VUC_FRAMER_TAKEN;
}

void
vuc_framer_take (VucFramer *framer, const struct iovec *places, int n_places)
{
  for (int i = 0; i < VUC_FRAMER_PLACES; i++)
    framer->places[i] = i < n_places ? places[i] : (struct iovec){ NULL, 0 };
  framer->taking = TRUE;
}

void
vuc_framer_forget_places (VucFramer *framer)
{
  gsize left = 0;

  for (int i = 0; i < VUC_FRAMER_PLACES; i++)
    left += framer->places[i].iov_len;
  if (framer->taking)
    vuc_framer_take (framer, &(struct iovec){ NULL, left }, 1);
}

void
vuc_framer_end (VucFramer *framer)
{
  vuc_fd_set_clear (&framer->fds);
  framer->in_message = FALSE;
  framer->taking = FALSE;
}
