# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the libvfio-user-client authors

# Example programs, relative to the top. Each names its libraries itself: the LDADD of the top
# Makefile.am is for test programs. Installed programs go to bin_PROGRAMS, others to noinst_PROGRAMS.

# The demo device, a server, which `vfio-user-dump --demo` starts when it is installed. It shares no
# code with the library and does not link to it.
pkglibexec_PROGRAMS += examples/demo-device/demo-device
examples_demo_device_demo_device_SOURCES = \
  examples/demo-device/areas.c \
  examples/demo-device/areas.h \
  examples/demo-device/config-space.c \
  examples/demo-device/config-space.h \
  examples/demo-device/connection.c \
  examples/demo-device/connection.h \
  examples/demo-device/device.c \
  examples/demo-device/device.h \
  examples/demo-device/die.h \
  examples/demo-device/dma.c \
  examples/demo-device/dma.h \
  examples/demo-device/doorbells.c \
  examples/demo-device/doorbells.h \
  examples/demo-device/engine.c \
  examples/demo-device/engine.h \
  examples/demo-device/interrupts.c \
  examples/demo-device/interrupts.h \
  examples/demo-device/ioregions.c \
  examples/demo-device/ioregions.h \
  examples/demo-device/listener.c \
  examples/demo-device/listener.h \
  examples/demo-device/main.c \
  examples/demo-device/masked-memory.c \
  examples/demo-device/masked-memory.h \
  examples/demo-device/message.c \
  examples/demo-device/message.h \
  examples/demo-device/msix-table.c \
  examples/demo-device/msix-table.h \
  examples/demo-device/negotiation.c \
  examples/demo-device/negotiation.h \
  examples/demo-device/ping.c \
  examples/demo-device/ping.h \
  examples/demo-device/protocol.h \
  examples/demo-device/queries.c \
  examples/demo-device/queries.h \
  examples/demo-device/region-access.c \
  examples/demo-device/region-access.h \
  examples/demo-device/region.h \
  examples/demo-device/registers.c \
  examples/demo-device/registers.h \
  examples/demo-device/server-commands.c \
  examples/demo-device/server-commands.h \
  examples/demo-device/server.c \
  examples/demo-device/server.h \
  examples/demo-device/vendor-regions.c \
  examples/demo-device/vendor-regions.h
examples_demo_device_demo_device_LDADD = $(GLIB_LIBS) $(JANSSON_LIBS)
EXTRA_DIST += examples/demo-device/README.md

# The dump: the example client, and a tool to keep.
bin_PROGRAMS += examples/vfio-user-dump/vfio-user-dump
examples_vfio_user_dump_vfio_user_dump_SOURCES = \
  examples/vfio-user-dump/advice.c \
  examples/vfio-user-dump/advice.h \
  examples/vfio-user-dump/demo.c \
  examples/vfio-user-dump/demo.h \
  examples/vfio-user-dump/hex-dump.c \
  examples/vfio-user-dump/hex-dump.h \
  examples/vfio-user-dump/job.c \
  examples/vfio-user-dump/job.h \
  examples/vfio-user-dump/main.c \
  examples/vfio-user-dump/names.c \
  examples/vfio-user-dump/names.h \
  examples/vfio-user-dump/options.c \
  examples/vfio-user-dump/options.h \
  examples/vfio-user-dump/parse.c \
  examples/vfio-user-dump/parse.h \
  examples/vfio-user-dump/pci-capabilities.c \
  examples/vfio-user-dump/pci-function.c \
  examples/vfio-user-dump/pci-names.c \
  examples/vfio-user-dump/pci.h \
  examples/vfio-user-dump/plan.c \
  examples/vfio-user-dump/plan.h \
  examples/vfio-user-dump/reader.c \
  examples/vfio-user-dump/reader.h \
  examples/vfio-user-dump/report-json.c \
  examples/vfio-user-dump/report-raw.c \
  examples/vfio-user-dump/report-text.c \
  examples/vfio-user-dump/report.h \
  examples/vfio-user-dump/terminal.c \
  examples/vfio-user-dump/terminal.h
examples_vfio_user_dump_vfio_user_dump_CPPFLAGS = \
  $(AM_CPPFLAGS) \
  -DDEMO_INSTALLED='"$(pkglibexecdir)/demo-device"'
examples_vfio_user_dump_vfio_user_dump_LDADD = \
  libvfio-user-client.la $(GLIB_LIBS) $(JANSSON_LIBS)

# The example that the README quotes.
noinst_PROGRAMS += examples/identify/identify
examples_identify_identify_SOURCES = examples/identify/identify.c
examples_identify_identify_LDADD = libvfio-user-client.la $(GLIB_LIBS)

# The programs that docs/embedding.md quotes.
noinst_PROGRAMS += \
  examples/embed-epoll/embed-epoll \
  examples/embed-glib/embed-glib \
  examples/embed-vcpu/embed-vcpu
examples_embed_epoll_embed_epoll_SOURCES = examples/embed-epoll/embed-epoll.c
examples_embed_epoll_embed_epoll_LDADD = libvfio-user-client.la $(GLIB_LIBS)
examples_embed_glib_embed_glib_SOURCES = examples/embed-glib/embed-glib.c
examples_embed_glib_embed_glib_LDADD = libvfio-user-client.la $(GLIB_LIBS)
# The second file shows ThreadSanitizer the locks of GLib, and is empty without it. The flags are
# those of everything; naming them gives its object a name of its own.
examples_embed_vcpu_embed_vcpu_SOURCES = \
  examples/embed-vcpu/embed-vcpu.c \
  tests/harness/thread-sanitizer.c
examples_embed_vcpu_embed_vcpu_CFLAGS = $(AM_CFLAGS)
examples_embed_vcpu_embed_vcpu_LDADD = libvfio-user-client.la $(GLIB_LIBS)

# Guest memory and interrupts.
noinst_PROGRAMS += examples/dma-share/dma-share examples/dma-message/dma-message
examples_dma_share_dma_share_SOURCES = examples/dma-share/dma-share.c
examples_dma_share_dma_share_LDADD = libvfio-user-client.la $(GLIB_LIBS)
examples_dma_message_dma_message_SOURCES = examples/dma-message/dma-message.c
examples_dma_message_dma_message_LDADD = libvfio-user-client.la $(GLIB_LIBS)
noinst_PROGRAMS += examples/irq-wait/irq-wait
examples_irq_wait_irq_wait_SOURCES = examples/irq-wait/irq-wait.c
examples_irq_wait_irq_wait_LDADD = libvfio-user-client.la $(GLIB_LIBS)

# A hypervisor, with its guest in it: where there is KVM, and a compiler that makes 16-bit code.
if HAVE_KVM_GUEST
noinst_PROGRAMS += examples/kvm-monitor/kvm-monitor
endif
examples_kvm_monitor_kvm_monitor_SOURCES = \
  examples/kvm-monitor/board.c \
  examples/kvm-monitor/board.h \
  examples/kvm-monitor/device.c \
  examples/kvm-monitor/device.h \
  examples/kvm-monitor/guest-image.S \
  examples/kvm-monitor/intx.c \
  examples/kvm-monitor/intx.h \
  examples/kvm-monitor/irq.c \
  examples/kvm-monitor/irq.h \
  examples/kvm-monitor/machine.h \
  examples/kvm-monitor/main.c \
  examples/kvm-monitor/pci.c \
  examples/kvm-monitor/pci.h \
  examples/kvm-monitor/vm.c \
  examples/kvm-monitor/vm.h \
  examples/vfio-user-dump/demo.c \
  examples/vfio-user-dump/demo.h \
  tests/harness/thread-sanitizer.c
examples_kvm_monitor_kvm_monitor_CPPFLAGS = \
  $(AM_CPPFLAGS) \
  -DDEMO_INSTALLED='"$(pkglibexecdir)/demo-device"'
examples_kvm_monitor_kvm_monitor_LDADD = libvfio-user-client.la $(GLIB_LIBS)

# The guest: a flat file, to be loaded at MACHINE_GUEST. It begins with its first file.
guest_parts = \
  examples/kvm-monitor/guest.S \
  examples/kvm-monitor/guest-interop.S \
  examples/kvm-monitor/guest-interrupts.S \
  examples/kvm-monitor/guest-lib.S \
  examples/kvm-monitor/guest-modes.S
guest_headers = examples/kvm-monitor/guest-macros.S examples/kvm-monitor/machine.h
examples/kvm-monitor/guest.bin: $(guest_parts) $(guest_headers)
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(CC) $(VUC_GUEST_FLAGS) -Wl,-Ttext=0x1000,-e,start -o $@ \
	  $(guest_parts:%=$(top_srcdir)/%)
examples/kvm-monitor/kvm_monitor-guest-image.$(OBJEXT): examples/kvm-monitor/guest.bin
CLEANFILES += examples/kvm-monitor/guest.bin
EXTRA_DIST += \
  $(guest_parts) \
  examples/kvm-monitor/guest-macros.S \
  examples/kvm-monitor/README.md
