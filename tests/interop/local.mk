# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the libvfio-user-client authors

# Against servers that others have made. Each of them is optional, and a test that misses its server
# skips.
if HAVE_CHECK
interop_tests = tests/interop/test-libvfio-user tests/interop/test-libvfio-user-irqs
check_PROGRAMS += $(interop_tests)
TESTS += $(interop_tests)
if HAVE_LIBVFIO_USER
check_PROGRAMS += tests/interop/device
endif
endif

tests_interop_device_SOURCES = tests/interop/device.c tests/interop/device.h
tests_interop_device_LDADD = $(LIBVFIO_USER_LIBS)

interop_parts = \
  tests/interop/device-process.c \
  tests/interop/device-process.h \
  tests/interop/device.h \
  tests/interop/fixture.c \
  tests/interop/fixture.h
tests_interop_test_libvfio_user_SOURCES = tests/interop/test-libvfio-user.c $(interop_parts)
tests_interop_test_libvfio_user_LDADD = $(public_libs)
tests_interop_test_libvfio_user_irqs_SOURCES = \
  tests/interop/test-libvfio-user-irqs.c $(interop_parts)
tests_interop_test_libvfio_user_irqs_LDADD = $(public_libs)
