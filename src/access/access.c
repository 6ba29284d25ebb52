/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * An access to a region: part by part, each the fastest way that its region has (route.h).  Does not
 * know where the routes come from, nor what was negotiated.  A task's step: on any thread, never on
 * two at a time.
 *
 * Order: parts go one after the other, so a failure says how far it came, and servers that execute
 * an access in parts see them in order.  Messages keep theirs by themselves, posted ones included.
 * Any other way could overtake a posted write, so while one may not be executed yet it waits for a
 * fence first: a command that the server answers behind it.  One fence is enough for what was posted
 * before: others may go on posting all the time.
 *
 * An asynchronous access does not wait: the next operation of the same thread could overtake it.  So
 * instead of a load or a store behind a fence it sends a message.  A kick waits; when the server looks
 * at it is for the server to say anyway.
 *
 * Only an ioregionfd has something to wait for that no reply of the session tells of.  A blocking
 * call waits for it in its step, which runs on its own thread with no role and no lock; an
 * asynchronous one, whose steps must not wait, goes by message there.
 */

#include "access/access.h"

#include "access/kick.h"
#include "access/mapped-access.h"
#include "base/limits.h"

static void
count_part (const VucAccessWish *wish, VucWay way)
{
  (void) g_atomic_pointer_add (&wish->traffic->counters[way], 1);
}

static VucPart
find_part (const VucAccessWish *wish)
{
  return vuc_routes_find (wish->routes, wish->offset, wish->writes ? wish->data : NULL, wish->count,
                          wish->flags);
}

/* --- What goes at once --- */

static void
access_mapped (const VucAccessWish *wish, const VucPart *part)
{
  guint8 *memory = part->stretch->memory + (wish->offset - part->stretch->offset);

  if (wish->writes)
    vuc_mapped_store (memory, wish->data, part->count);
  else
    vuc_mapped_load (memory, wish->data, part->count);
}

static void
ring (const VucAccessWish *wish, const VucPart *part)
{
  const VucPoint *point = part->point;

  if (point->shadow != NULL)
    vuc_mapped_store (point->shadow, wish->data, part->count);
  if (point->fd >= 0)
    vuc_kick (point->fd, g_atomic_int_get (&point->may_block));
}

/* FALSE if the connection, which was this one before, has gone meanwhile: then it was memory that
 * stands in for the device's, or an eventfd that nobody reads.  Whoever looks again sees that. */
static gboolean
go_at_once (const VucAccessWish *wish, const VucPart *part, gint link)
{
  if (part->way == VUC_WAY_MAPPED)
    access_mapped (wish, part);
  else
    ring (wish, part);
  if (vuc_session_get_usable_link (wish->traffic->session) != link)
    return FALSE;
  count_part (wish, part->way);
  return TRUE;
}

static gboolean
post (const VucAccessWish *wish, const VucPart *part, gint link)
{
  VucRegionAccess access = { wish->offset, wish->region, (guint32) part->count };

  if (!wish->posts || !wish->writes || (wish->flags & VUC_ACCESS_NO_POSTED) != 0
      || part->count > VUC_LIMIT_POSTED_SIZE
      || !vuc_posted_write (wish->traffic->posted, link, &access, wish->data))
    return FALSE;
  count_part (wish, VUC_WAY_POSTED);
  return TRUE;
}

/* --- By ioregionfd --- */

static gboolean
go_by_ioregion (const VucAccessWish *wish,
                const VucPart *part,
                gint link,
                gint64 deadline,
                GError **error)
{
  VucSession *session = wish->traffic->session;
  const VucStretch *stretch = part->stretch;
  const VucPoint *point = part->point;
  VucIoregion *ioregion = point != NULL ? point->ioregion : stretch->ioregion;
  guint64 user_data = point != NULL ? point->user_data : stretch->user_data;
  guint64 offset = wish->offset - (point != NULL ? point->offset : stretch->origin);
  gboolean posted = point != NULL || stretch->posted; /* of size 0: they must be */
  gboolean ok;

  if (wish->writes)
    ok = vuc_ioregion_write (ioregion, session, link, user_data, offset, wish->data,
                             (guint) part->count, posted, deadline, error);
  else
    ok = vuc_ioregion_read (ioregion, session, link, user_data, offset, wish->data,
                            (guint) part->count, deadline, error);
  if (ok)
    count_part (wish, VUC_WAY_IOREGIONFD);
  return ok;
}

/* --- All of it in one go --- */

gboolean
vuc_access_at_once (const VucAccessWish *wish)
{
  VucSession *session = wish->traffic->session;
  gint link = vuc_session_get_usable_link (session);
  VucPart part;

  if (wish->count == 0 || link == 0)
    return FALSE;
  part = find_part (wish);
  return part.count == wish->count && part.way != VUC_WAY_MESSAGE && part.way != VUC_WAY_IOREGIONFD
         && !vuc_session_has_unproven (session) && go_at_once (wish, &part, link);
}

VucAccessResult
vuc_access_try (const VucAccessWish *wish, gint64 timeout_us, GError **error)
{
  VucSession *session = wish->traffic->session;
  gint link = vuc_session_get_usable_link (session);
  VucPart part;

  if (wish->count == 0 || link == 0)
    return VUC_ACCESS_NOT_BEGUN;
  part = find_part (wish);
  if (part.count < wish->count)
    return VUC_ACCESS_NOT_BEGUN;
  if (part.way == VUC_WAY_MESSAGE && post (wish, &part, link))
    return VUC_ACCESS_DONE;
  if (part.way != VUC_WAY_IOREGIONFD || vuc_session_has_unproven (session))
    return VUC_ACCESS_NOT_BEGUN;
  if (go_by_ioregion (wish, &part, link, g_get_monotonic_time () + timeout_us, error))
    return VUC_ACCESS_DONE;
  return VUC_ACCESS_FAILED;
}

/* --- A task --- */

static void
submit_message (VucAccess *access, const VucPart *part)
{
  const VucAccessWish *wish = &access->wish;
  VucRegionAccess message = { wish->offset, wish->region,
                              (guint32) MIN (part->count, access->chunk) };

  count_part (wish, VUC_WAY_MESSAGE);
  access->state = VUC_ACCESS_AWAITS_REPLY;
  vuc_message_submit (&access->message, &access->task, &message, wish->data);
}

static void
advance (VucAccess *access, gsize count)
{
  access->wish.offset += count;
  access->wish.data += count;
  access->wish.count -= count;
}

static VucTaskStatus
raise_fence (VucAccess *access, GError **error)
{
  access->state = VUC_ACCESS_AWAITS_FENCE;
  vuc_fence_init (&access->fence, &access->task);
  return vuc_fence_step (&access->fence, error);
}

/* FALSE: it has failed. */
static gboolean
settle_last_part (VucAccess *access, GError **error)
{
  GError *failure = NULL;

  switch (access->state)
    {
    case VUC_ACCESS_AWAITS_REPLY:
      if (!vuc_message_finish (&access->message, &access->task, error))
        return FALSE;
      advance (access, access->message.access.count);
      break;
    case VUC_ACCESS_AWAITS_FENCE:
      (void) vuc_fence_step (&access->fence, &failure); /* it has asked, so it ends */
      vuc_fence_clear (&access->fence);
      if (failure != NULL)
        {
          access->state = VUC_ACCESS_BEGINS;
          g_propagate_error (error, failure);
          return FALSE;
        }
      access->is_fenced = TRUE;
      break;
    default:
      break;
    }
  access->state = VUC_ACCESS_BEGINS;
  return TRUE;
}

/* What lies in one part is still to be done: by message where nothing else is in order. */
static VucPart
choose_part (const VucAccess *access)
{
  VucPart part = find_part (&access->wish);
  VucAccessWish by_message;

  if (part.way != VUC_WAY_MAPPED || access->may_wait
      || !vuc_session_has_unproven (access->task.session))
    return part;
  by_message = access->wish;
  by_message.flags |= VUC_ACCESS_MESSAGE_ONLY;
  by_message.count = part.count;
  return find_part (&by_message);
}

static gboolean
must_raise_fence (const VucAccess *access)
{
  return !access->is_fenced && vuc_session_has_unproven (access->task.session);
}

/* All of an access goes over one connection, that which there is when it begins, or not at all.
 * Where it goes is looked at once more when a message is submitted or posted, and when it is the
 * access's turn on an ioregionfd. */
static gboolean
check_link (VucAccess *access, GError **error)
{
  VucTask *task = &access->task;
  gint link = vuc_session_get_usable_link (task->session);

  if (link == 0 || (task->usable_link != 0 && link != task->usable_link))
    return vuc_session_explain_loss (task->session, error);
  task->usable_link = link;
  return TRUE;
}

static VucTaskStatus
access_step (VucTask *task, GError **error)
{
  VucAccess *access = (VucAccess *) task;

  if (!settle_last_part (access, error))
    return VUC_TASK_ENDS;

  while (access->wish.count > 0)
    {
      VucPart part = choose_part (access);

      if (!check_link (access, error))
        return VUC_TASK_ENDS;
      if (part.way == VUC_WAY_MESSAGE)
        {
          if (!post (&access->wish, &part, task->usable_link))
            {
              submit_message (access, &part);
              return VUC_TASK_GOES_ON;
            }
          access->is_fenced = FALSE;
        }
      else if (must_raise_fence (access))
        return raise_fence (access, error);
      else if (part.way == VUC_WAY_IOREGIONFD)
        {
          if (!go_by_ioregion (&access->wish, &part, task->usable_link, task->deadline, error))
            return VUC_TASK_ENDS;
        }
      else if (!go_at_once (&access->wish, &part, task->usable_link))
        continue;
      advance (access, part.count);
    }
  return VUC_TASK_ENDS;
}

void
vuc_access_init (VucAccess *access,
                 const VucAccessWish *wish,
                 gsize chunk,
                 gboolean may_wait,
                 gint64 deadline)
{
  vuc_task_init (&access->task, wish->traffic->session, access_step, deadline);
  access->task.command = wish->writes ? VUC_COMMAND_REGION_WRITE : VUC_COMMAND_REGION_READ;
  access->wish = *wish;
  if (!may_wait)
    access->wish.flags |= VUC_ACCESS_NO_IOREGIONFD;
  access->may_wait = may_wait;
  access->is_fenced = FALSE;
  access->chunk = chunk;
  access->state = VUC_ACCESS_BEGINS;
  vuc_message_init (&access->message);
}

void
vuc_access_clear (gpointer data)
{
  VucAccess *access = data;

  vuc_message_clear (&access->message);
  if (access->state == VUC_ACCESS_AWAITS_FENCE)
    vuc_fence_clear (&access->fence);
}
