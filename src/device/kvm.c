/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What KVM wants to hear about IO descriptors.  Does not call KVM.  Any thread.
 */

#include <vfio-user-client/vfio-user-client.h>

#include <string.h>

/* KVM's numbers; an architecture without KVM has no header for them. */
#define DATAMATCH (1u << 0)
#define PIO       (1u << 1)

#if defined __has_include
#  if __has_include(<asm/kvm.h>)
#    include <linux/kvm.h>
#    define SAME(member)                                                                           \
      G_STATIC_ASSERT (G_STRUCT_OFFSET (VucKvmIoeventfd, member)                                   \
                       == G_STRUCT_OFFSET (struct kvm_ioeventfd, member))
G_STATIC_ASSERT (sizeof (VucKvmIoeventfd) == sizeof (struct kvm_ioeventfd));
SAME (datamatch);
SAME (addr);
SAME (len);
SAME (fd);
SAME (flags);
G_STATIC_ASSERT (DATAMATCH == KVM_IOEVENTFD_FLAG_DATAMATCH);
G_STATIC_ASSERT (PIO == KVM_IOEVENTFD_FLAG_PIO);
#  endif
#endif

gboolean
vuc_io_fd_get_kvm_ioeventfd (const VucIoFd *io_fd, guint64 guest_base, VucKvmIoeventfd *request)
{
  g_return_val_if_fail (io_fd != NULL, FALSE);
  g_return_val_if_fail (request != NULL, FALSE);

  if (io_fd->type != VUC_IO_FD_IOEVENTFD || guest_base > G_MAXUINT64 - io_fd->offset
      || guest_base + io_fd->offset > G_MAXUINT64 - io_fd->size)
    return FALSE;

  memset (request, 0, sizeof *request);
  request->addr = guest_base + io_fd->offset;
  request->len = (guint32) io_fd->size;
  request->fd = io_fd->fd;
  if ((io_fd->flags & VUC_IO_FD_DATAMATCH) != 0)
    {
      request->flags |= DATAMATCH;
      request->datamatch = io_fd->datamatch;
    }
  if ((io_fd->flags & VUC_IO_FD_PIO) != 0)
    request->flags |= PIO;
  return TRUE;
}
