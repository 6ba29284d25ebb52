/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Shows ThreadSanitizer the locks of GLib, and how a source goes from thread to thread.  GLib is not
 * compiled with it and makes its locks of futexes, so it does not see them, and would call every
 * access to what they guard a race.  These functions come before GLib's in the search for a symbol,
 * tell it, and call GLib's.
 *
 * Empty without -fsanitize=thread.  The linker takes it into each program that uses a
 * GMutex, itself or through the library.  Any thread.
 */

#include <glib.h>

#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define WITH_THREAD_SANITIZER
#endif
#endif
#ifdef __SANITIZE_THREAD__
#define WITH_THREAD_SANITIZER
#endif

#ifdef WITH_THREAD_SANITIZER

#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

/* For the library too, where it is a shared one. */
#define VISIBLE __attribute__ ((visibility ("default")))

/* A lock that GLib makes when it is first used, unseen as well: that is to be before any thread. */
static void __attribute__ ((constructor))
make_first_error (void)
{
  g_error_free (g_error_new_literal (g_quark_from_static_string ("first"), 0, ""));
}

static void *
find_next (const char *name)
{
  void *function = dlsym (RTLD_NEXT, name);

  g_assert (function != NULL);
  return function;
}

static void
before_lock (GMutex *mutex)
{
  __tsan_mutex_pre_lock (mutex, 0);
}

static void
after_lock (GMutex *mutex)
{
  __tsan_mutex_post_lock (mutex, 0, 0);
}

static void
before_unlock (GMutex *mutex)
{
  __tsan_mutex_pre_unlock (mutex, 0);
}

static void
after_unlock (GMutex *mutex)
{
  __tsan_mutex_post_unlock (mutex, 0);
}

VISIBLE void
g_mutex_lock (GMutex *mutex)
{
  void (*next) (GMutex *) = find_next ("g_mutex_lock");

  before_lock (mutex);
  next (mutex);
  after_lock (mutex);
}

VISIBLE void
g_mutex_unlock (GMutex *mutex)
{
  void (*next) (GMutex *) = find_next ("g_mutex_unlock");

  before_unlock (mutex);
  next (mutex);
  after_unlock (mutex);
}

VISIBLE void
g_cond_wait (GCond *cond, GMutex *mutex)
{
  void (*next) (GCond *, GMutex *) = find_next ("g_cond_wait");

  before_unlock (mutex);
  after_unlock (mutex);
  next (cond, mutex);
  before_lock (mutex);
  after_lock (mutex);
}

VISIBLE gboolean
g_cond_wait_until (GCond *cond, GMutex *mutex, gint64 end_time)
{
  gboolean (*next) (GCond *, GMutex *, gint64) = find_next ("g_cond_wait_until");
  gboolean signalled;

  before_unlock (mutex);
  after_unlock (mutex);
  signalled = next (cond, mutex, end_time);
  before_lock (mutex);
  after_lock (mutex);
  return signalled;
}

/*
 * A source is attached by one thread, dispatched by another, and freed by whoever gives back its last
 * reference; a lock of the context is between these.  So its functions are put into others, which
 * say so.
 */

typedef struct
{
  GSourceFuncs outer;
  GSourceFuncs *inner;
} SeenFuncs;

static GMutex seen_lock;
static GSList *all_seen; /* of SeenFuncs, for ever */

static gboolean
dispatch_seen (GSource *source, GSourceFunc callback, gpointer user_data)
{
  const SeenFuncs *seen = (const SeenFuncs *) source->source_funcs;
  gboolean goes_on;

  __tsan_acquire (source);
  goes_on = seen->inner->dispatch (source, callback, user_data);
  __tsan_release (source);
  return goes_on;
}

static void
finalize_seen (GSource *source)
{
  const SeenFuncs *seen = (const SeenFuncs *) source->source_funcs;

  __tsan_acquire (source);
  if (seen->inner->finalize != NULL)
    seen->inner->finalize (source);
}

static GSourceFuncs *
see_funcs (GSourceFuncs *funcs)
{
  SeenFuncs *seen = NULL;

  g_mutex_lock (&seen_lock);
  for (GSList *link = all_seen; link != NULL && seen == NULL; link = link->next)
    if (((SeenFuncs *) link->data)->inner == funcs)
      seen = link->data;
  if (seen == NULL)
    {
      seen = g_new (SeenFuncs, 1);
      *seen = (SeenFuncs){ *funcs, funcs };
      seen->outer.dispatch = dispatch_seen;
      seen->outer.finalize = finalize_seen;
      all_seen = g_slist_prepend (all_seen, seen);
    }
  g_mutex_unlock (&seen_lock);
  return &seen->outer;
}

VISIBLE GSource *
g_source_new (GSourceFuncs *funcs, guint size)
{
  GSource *(*next) (GSourceFuncs *, guint) = find_next ("g_source_new");

  return next (see_funcs (funcs), size);
}

VISIBLE guint
g_source_attach (GSource *source, GMainContext *context)
{
  guint (*next) (GSource *, GMainContext *) = find_next ("g_source_attach");

  __tsan_release (source);
  return next (source, context);
}

#endif
