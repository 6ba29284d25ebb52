# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the libvfio-user-client authors

# The public headers. Each must also be included by the umbrella, vfio-user-client.h.
vucincludedir = $(includedir)/vfio-user-client

vucinclude_HEADERS = \
  include/vfio-user-client/vfio-user-client.h \
  include/vfio-user-client/vuc-access.h \
  include/vfio-user-client/vuc-config.h \
  include/vfio-user-client/vuc-device.h \
  include/vfio-user-client/vuc-dma.h \
  include/vfio-user-client/vuc-error.h \
  include/vfio-user-client/vuc-io-fds.h \
  include/vfio-user-client/vuc-irq-watch.h \
  include/vfio-user-client/vuc-irq.h \
  include/vfio-user-client/vuc-loop.h \
  include/vfio-user-client/vuc-mapping.h \
  include/vfio-user-client/vuc-operation.h \
  include/vfio-user-client/vuc-region.h \
  include/vfio-user-client/vuc-types.h

nodist_vucinclude_HEADERS = \
  include/vfio-user-client/vuc-version.h
