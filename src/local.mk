# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the libvfio-user-client authors

# The library, floor by floor. A new file is one more line here; a new public function is one more
# line in src/libvfio-user-client.map.

base_sources = \
  src/base/cursor.h \
  src/base/error.c \
  src/base/error.h \
  src/base/escape.c \
  src/base/escape.h \
  src/base/fd-set.c \
  src/base/fd-set.h \
  src/base/limits.h \
  src/base/range.h

wire_sources = \
  src/wire/device-info.c \
  src/wire/device-info.h \
  src/wire/dma.c \
  src/wire/dma.h \
  src/wire/header.c \
  src/wire/header.h \
  src/wire/ioregion.c \
  src/wire/ioregion.h \
  src/wire/irq-info.c \
  src/wire/irq-info.h \
  src/wire/irq-set.c \
  src/wire/irq-set.h \
  src/wire/print-fields.c \
  src/wire/print-fields.h \
  src/wire/print-lists.c \
  src/wire/print-lists.h \
  src/wire/print.c \
  src/wire/print.h \
  src/wire/protocol.c \
  src/wire/protocol.h \
  src/wire/region-access.c \
  src/wire/region-access.h \
  src/wire/region-info.c \
  src/wire/region-info.h \
  src/wire/region-io-fds.c \
  src/wire/region-io-fds.h \
  src/wire/region-write-multi.c \
  src/wire/region-write-multi.h \
  src/wire/version-json.c \
  src/wire/version-json.h \
  src/wire/version.c \
  src/wire/version.h

transport_sources = \
  src/transport/connect.c \
  src/transport/connect.h \
  src/transport/framer.c \
  src/transport/framer.h \
  src/transport/socket.c \
  src/transport/socket.h

session_sources = \
  src/session/call.h \
  src/session/clock.c \
  src/session/delivery.c \
  src/session/inbox.c \
  src/session/link.c \
  src/session/loop.c \
  src/session/operations.c \
  src/session/outbox.c \
  src/session/pending.c \
  src/session/pending.h \
  src/session/posting.c \
  src/session/posting.h \
  src/session/service.h \
  src/session/serving.c \
  src/session/session-private.h \
  src/session/session.c \
  src/session/session.h \
  src/session/spin.c \
  src/session/spin.h \
  src/session/task.c \
  src/session/task.h \
  src/session/watch.c \
  src/session/watched.c \
  src/session/watched.h

access_sources = \
  src/access/access.c \
  src/access/access.h \
  src/access/all-ones.c \
  src/access/all-ones.h \
  src/access/coarse-timer.c \
  src/access/coarse-timer.h \
  src/access/dma-log.c \
  src/access/dma-log.h \
  src/access/dma-service.c \
  src/access/dma-service.h \
  src/access/fence.c \
  src/access/fence.h \
  src/access/guest-region.c \
  src/access/guest-region.h \
  src/access/guest-table.c \
  src/access/guest-table.h \
  src/access/io-fd-kind.c \
  src/access/io-fd-kind.h \
  src/access/ioregion.c \
  src/access/ioregion.h \
  src/access/kick.c \
  src/access/kick.h \
  src/access/mapped-access.c \
  src/access/mapped-access.h \
  src/access/mapped-area.c \
  src/access/mapped-area.h \
  src/access/message.c \
  src/access/message.h \
  src/access/posted.c \
  src/access/posted.h \
  src/access/route.c \
  src/access/route.h \
  src/access/shared-file.c \
  src/access/shared-file.h

device_sources = \
  src/device/config.c \
  src/device/config.h \
  src/device/connect.c \
  src/device/device-private.h \
  src/device/device.c \
  src/device/dma-bulk.c \
  src/device/dma-bulk.h \
  src/device/dma-log.c \
  src/device/dma-region.c \
  src/device/dma-region.h \
  src/device/dma.c \
  src/device/flush.c \
  src/device/io-fds-query.c \
  src/device/io-fds-query.h \
  src/device/io-fds.c \
  src/device/irq-restore.c \
  src/device/irq-set.c \
  src/device/irq-set.h \
  src/device/irq-state.c \
  src/device/irq-state.h \
  src/device/irq-watch.c \
  src/device/irq-watch.h \
  src/device/irq.c \
  src/device/kvm.c \
  src/device/loop.c \
  src/device/mapping.c \
  src/device/mapping.h \
  src/device/operation.c \
  src/device/operation.h \
  src/device/posting.c \
  src/device/posting.h \
  src/device/query.c \
  src/device/query.h \
  src/device/reconnect.c \
  src/device/region.c \
  src/device/reset.c \
  src/device/shape.c \
  src/device/shape.h \
  src/device/ways.c \
  src/device/ways.h

# All floors, with their private symbols still visible: unit tests link this one.
noinst_LTLIBRARIES += src/libvuc-internal.la

src_libvuc_internal_la_SOURCES = \
  $(base_sources) \
  $(wire_sources) \
  $(transport_sources) \
  $(session_sources) \
  $(access_sources) \
  $(device_sources)
src_libvuc_internal_la_LIBADD = $(JANSSON_LIBS) $(GLIB_LIBS)

# The same, as it is installed.
lib_LTLIBRARIES += libvfio-user-client.la

symbol_map = src/libvfio-user-client.map

libvfio_user_client_la_SOURCES =
libvfio_user_client_la_LIBADD = src/libvuc-internal.la
libvfio_user_client_la_LDFLAGS = \
  -version-info $(VUC_LT_CURRENT):$(VUC_LT_REVISION):$(VUC_LT_AGE) \
  -no-undefined $(VUC_NO_UNDEFINED) \
  -Wl,--version-script=$(top_srcdir)/$(symbol_map)
EXTRA_libvfio_user_client_la_DEPENDENCIES = $(symbol_map)
EXTRA_DIST += $(symbol_map)
