/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Shows ThreadSanitizer the locks of GLib.  GLib is not compiled with it and makes them of futexes,
 * so it does not see them, and would call every access to what they guard a race.  These functions
 * come before GLib's in the search for a symbol, tell it, and call GLib's.
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

#endif
