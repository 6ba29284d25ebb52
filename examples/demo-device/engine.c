/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The DMA engine: a buffer that is filled from the source and emptied into the destination, again
 * and again. Either may take a message, and then goes on when its reply is there.
 *
 * Windows are looked up for each piece, so nothing is remembered of one that has gone meanwhile.
 * Does not know when that may be answered: see server_commands_await ().
 */

#include "engine.h"

#include <errno.h>
#include <string.h>

/* What is copied at once, so how long the main loop may have to wait: well below a millisecond. */
#define PIECE (1024 * 1024)

struct _Engine
{
  DmaTable *dma;
  ServerCommands *commands;
  Interrupts *interrupts;

  EngineCopy copy;
  EngineStatus status;
  int error;
  guint64 n_fetched; /* at most `length`, and PIECE more than... */
  guint64 n_copied;  /* ...this */
  guint8 *buffer;    /* PIECE bytes, of which the first is the one from... */
  guint64 base;      /* ...here, counted from the source */
  guint32 n_messages;

  gsize in_flight; /* bytes that a command moves; 0: there is none */
  gboolean stale;  /* it belongs to an earlier copy */
  guint idle;      /* a source; 0: none */
};

static void on_fetched (int error, const guint8 *data, gpointer user_data);
static void on_stored (int error, const guint8 *data, gpointer user_data);

static void
end (Engine *engine, int error)
{
  g_clear_handle_id (&engine->idle, g_source_remove);
  engine->status = error == 0 ? ENGINE_DONE : ENGINE_FAILED;
  engine->error = error;
  engine->stale = engine->in_flight > 0;
  interrupts_fire_msix (engine->interrupts, engine->copy.vector);
}

/* How much the client takes in one command, and how much of SIZE is left of it. */
static gsize
limit_message (const Engine *engine, gsize size)
{
  return MIN (size, server_commands_get_max_count (engine->commands));
}

/* ERROR tells whether the command was accepted. */
static int
sent (Engine *engine, gsize size, int error)
{
  if (error != 0)
    return error;
  engine->in_flight = size;
  engine->n_messages++;
  return 0;
}

/* Both return 0 or an errno; if a command had to be sent there is more to do when it is answered. */
static int
fetch (Engine *engine)
{
  const EngineCopy *copy = &engine->copy;
  guint64 address = copy->source + engine->n_fetched;
  gsize size = MIN (PIECE, copy->length - engine->n_fetched);
  DmaRun run;
  int error = dma_find (engine->dma, address, size, DMA_FLAG_READ, copy->by_message, &run);

  if (error != 0)
    return error;

  engine->base = engine->n_fetched;
  if (!dma_run_is_shared (&run))
    {
      size = limit_message (engine, run.size);
      return sent (engine, size,
                   server_commands_dma_read (engine->commands, address, size, on_fetched, engine));
    }
  error = dma_run_read (&run, engine->buffer, run.size);
  if (error == 0)
    engine->n_fetched += run.size;
  return error;
}

static int
store (Engine *engine)
{
  const EngineCopy *copy = &engine->copy;
  guint64 address = copy->destination + engine->n_copied;
  gsize size = engine->n_fetched - engine->n_copied;
  const guint8 *data = engine->buffer + (engine->n_copied - engine->base);
  DmaRun run;
  int error = dma_find (engine->dma, address, size, DMA_FLAG_WRITE, copy->by_message, &run);

  if (error != 0)
    return error;

  if (!dma_run_is_shared (&run))
    {
      size = limit_message (engine, run.size);
      return sent (engine, size,
                   server_commands_dma_write (engine->commands, address, data, size, on_stored,
                                              engine));
    }
  error = dma_run_write (&run, data, run.size);
  if (error == 0)
    engine->n_copied += run.size;
  return error;
}

static void run_piece (Engine *engine);

static gboolean
on_idle (gpointer user_data)
{
  Engine *engine = user_data;

  engine->idle = 0;
  run_piece (engine);
  return G_SOURCE_REMOVE;
}

/* Goes on until there is something to wait for, or others should have their turn. The priority is
   that of the sockets, or a client that sends without a pause would stop the copy. */
static void
run_piece (Engine *engine)
{
  guint64 begin = engine->n_copied;

  while (engine->status == ENGINE_BUSY && engine->in_flight == 0)
    {
      int error = 0;

      if (engine->n_copied - begin >= PIECE)
        {
          engine->idle = g_idle_add_full (G_PRIORITY_DEFAULT, on_idle, engine, NULL);
          return;
        }
      if (engine->n_copied < engine->n_fetched)
        error = store (engine);
      else if (engine->n_fetched < engine->copy.length)
        error = fetch (engine);
      else
        end (engine, 0);
      if (error != 0)
        end (engine, error);
    }
}

/* A command was answered. Returns how many bytes it moved, 0 if nothing came of it. */
static gsize
take_answer (Engine *engine, int error)
{
  gsize moved = engine->in_flight;
  gboolean was_stale = engine->stale;

  engine->in_flight = 0;
  engine->stale = FALSE;
  if (was_stale || engine->status != ENGINE_BUSY)
    return 0;
  if (error == 0)
    return moved;
  end (engine, error == SERVER_COMMAND_LOST ? ENOTCONN : error);
  return 0;
}

static void
on_fetched (int error, const guint8 *data, gpointer user_data)
{
  Engine *engine = user_data;
  gsize moved = take_answer (engine, error);

  if (moved > 0)
    memcpy (engine->buffer, data, moved);
  engine->n_fetched += moved;
  run_piece (engine);
}

static void
on_stored (int error, const guint8 *data G_GNUC_UNUSED, gpointer user_data)
{
  Engine *engine = user_data;

  engine->n_copied += take_answer (engine, error);
  run_piece (engine);
}

int
engine_start (Engine *engine, const EngineCopy *copy)
{
  if (engine->status == ENGINE_BUSY)
    return EBUSY;

  engine->copy = *copy;
  engine->status = ENGINE_BUSY;
  engine->error = 0;
  engine->n_fetched = engine->n_copied = 0;
  engine->n_messages = 0;
  if (copy->source > G_MAXUINT64 - copy->length || copy->destination > G_MAXUINT64 - copy->length)
    end (engine, EINVAL);
  run_piece (engine);
  return 0;
}

void
engine_stop (Engine *engine, int error)
{
  if (engine->status == ENGINE_BUSY)
    end (engine, error);
}

void
engine_reset (Engine *engine)
{
  g_clear_handle_id (&engine->idle, g_source_remove);
  engine->stale = engine->in_flight > 0;
  engine->status = ENGINE_IDLE;
  engine->error = 0;
  engine->n_fetched = engine->n_copied = 0;
  engine->n_messages = 0;
}

EngineStatus
engine_get_status (const Engine *engine)
{
  return engine->status;
}

guint32
engine_get_errno (const Engine *engine)
{
  return engine->error;
}

guint64
engine_get_n_copied (const Engine *engine)
{
  return engine->n_copied;
}

guint32
engine_get_n_messages (const Engine *engine)
{
  return engine->n_messages;
}

Engine *
engine_new (DmaTable *dma, ServerCommands *commands, Interrupts *interrupts)
{
  Engine *engine = g_new0 (Engine, 1);

  engine->dma = dma;
  engine->commands = commands;
  engine->interrupts = interrupts;
  engine->buffer = g_malloc (PIECE);
  return engine;
}

/* Nothing is in flight: the client has left. */
void
engine_free (Engine *engine)
{
  g_clear_handle_id (&engine->idle, g_source_remove);
  g_free (engine->buffer);
  g_free (engine);
}
