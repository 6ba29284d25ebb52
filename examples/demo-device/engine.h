/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The DMA engine: copies from one place in the client's memory to another, and raises an MSI-X
 * vector when it has ended.
 *
 * It works piece by piece, and lets the main loop have its turn between them. Each piece travels as
 * the memory wants it: through a mapping, by pread and pwrite, or by DMA_READ and DMA_WRITE; source
 * and destination may lie in windows of different kinds, and reach over any number of them.
 */

#pragma once

#include "dma.h"
#include "interrupts.h"
#include "server-commands.h"

typedef enum
{
  ENGINE_IDLE, /* nothing was copied since the reset */
  ENGINE_BUSY,
  ENGINE_DONE,
  ENGINE_FAILED,
} EngineStatus;

typedef struct
{
  guint64 source;
  guint64 destination;
  guint64 length;      /* in bytes */
  guint32 vector;      /* of MSI-X; one that there is not: no interrupt */
  gboolean by_message; /* even where memory is shared */
} EngineCopy;

typedef struct _Engine Engine;

Engine *engine_new (DmaTable *dma, ServerCommands *commands, Interrupts *interrupts);
void engine_free (Engine *engine);

/* As at power-on; a copy ends without an interrupt. */
void engine_reset (Engine *engine);

/* Begins a copy; a small one may have ended when this returns. Returns 0, or EBUSY if there is one
   already. What is wrong with the copy itself is told by the status. */
int engine_start (Engine *engine, const EngineCopy *copy);

/* Ends the copy, if there is one, as failed with ERROR. The command that is on its way to the client
   may still be executed there, but what comes of it no longer matters. */
void engine_stop (Engine *engine, int error);

EngineStatus engine_get_status (const Engine *engine);

/* Why the last copy failed, else 0: EINVAL (the addresses wrap), EFAULT (not the client's memory),
   EACCES (not to be read, or written), ECANCELED (stopped), ENOTCONN (the client has left), or what
   the client, or the file, said. */
guint32 engine_get_errno (const Engine *engine);

/* Of the last copy: bytes that are at their destination, and commands sent to the client. */
guint64 engine_get_n_copied (const Engine *engine);
guint32 engine_get_n_messages (const Engine *engine);
