/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Lists, compares and closes the descriptors of this process.  It does not know why they are open.
 * Called by the harness around each case, and in child processes right after their fork: nothing
 * else may open or close descriptors meanwhile.
 */

#include "descriptors.h"

#include "harness.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static void
descriptor_free (gpointer data)
{
  Descriptor *descriptor = data;

  g_free (descriptor->what);
  g_free (descriptor);
}

static int
compare_descriptors (gconstpointer a, gconstpointer b)
{
  const Descriptor *const *first = a;
  const Descriptor *const *second = b;

  return (*first)->fd - (*second)->fd;
}

/* Valgrind keeps its own above the limit that it shows to us. */
static gboolean
is_ours (int fd)
{
  struct rlimit limit;

  return getrlimit (RLIMIT_NOFILE, &limit) != 0 || (rlim_t) fd < limit.rlim_cur;
}

GPtrArray *
descriptors_list (void)
{
  GPtrArray *descriptors = g_ptr_array_new_with_free_func (descriptor_free);
  DIR *folder = opendir ("/proc/self/fd");
  struct dirent *entry;

  if (folder == NULL)
    harness_fail ("/proc/self/fd: %s", g_strerror (errno));

  while ((entry = readdir (folder)) != NULL)
    {
      g_autofree char *path = g_strconcat ("/proc/self/fd/", entry->d_name, NULL);
      Descriptor *descriptor;
      int fd = atoi (entry->d_name);

      if (!g_ascii_isdigit (entry->d_name[0]) || fd == dirfd (folder) || !is_ours (fd))
        continue;
      descriptor = g_new (Descriptor, 1);
      descriptor->fd = fd;
      descriptor->what = g_file_read_link (path, NULL);
      g_ptr_array_add (descriptors, descriptor);
    }
  closedir (folder);
  g_ptr_array_sort (descriptors, compare_descriptors);

  return descriptors;
}

char *
descriptors_difference (const GPtrArray *before, const GPtrArray *after)
{
  GString *out = g_string_new (NULL);
  guint i = 0;
  guint j = 0;

  while (i < before->len || j < after->len)
    {
      const Descriptor *old = i < before->len ? before->pdata[i] : NULL;
      const Descriptor *new = j < after->len ? after->pdata[j] : NULL;

      if (new == NULL || (old != NULL && old->fd < new->fd))
        {
          g_string_append_printf (out, "descriptor %d was closed by the test: %s\n",
                                  old->fd, old->what);
          i++;
        }
      else if (old == NULL || new->fd < old->fd)
        {
          g_string_append_printf (out, "descriptor %d was left open: %s\n", new->fd, new->what);
          j++;
        }
      else
        {
          if (g_strcmp0 (old->what, new->what) != 0)
            g_string_append_printf (out, "descriptor %d was replaced: %s by %s\n",
                                    old->fd, old->what, new->what);
          i++;
          j++;
        }
    }

  return g_string_free (out, out->len == 0);
}

void
descriptors_close_all_but (const int *keep, gsize n_keep)
{
  g_autoptr(GPtrArray) descriptors = descriptors_list ();

  for (guint i = 0; i < descriptors->len; i++)
    {
      const Descriptor *descriptor = descriptors->pdata[i];
      gboolean wanted = descriptor->fd <= STDERR_FILENO;

      for (gsize k = 0; k < n_keep; k++)
        wanted = wanted || descriptor->fd == keep[k];
      if (!wanted)
        close (descriptor->fd);
    }
}

struct rlimit
descriptors_use_up (void)
{
  int lowest = fcntl (STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
  struct rlimit before, now;

  ck_assert_int_ge (lowest, 0);
  close (lowest);
  ck_assert_int_eq (getrlimit (RLIMIT_NOFILE, &before), 0);
  now = before;
  now.rlim_cur = (rlim_t) lowest;
  ck_assert_int_eq (setrlimit (RLIMIT_NOFILE, &now), 0);
  ck_assert_int_eq (fcntl (STDERR_FILENO, F_DUPFD_CLOEXEC, 0), -1);
  return before;
}

void
descriptors_allow (const struct rlimit *before)
{
  ck_assert_int_eq (setrlimit (RLIMIT_NOFILE, before), 0);
}

guint
harness_count_descriptors (void)
{
  g_autoptr(GPtrArray) descriptors = descriptors_list ();

  return descriptors->len;
}
