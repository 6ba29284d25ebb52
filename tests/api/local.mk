# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the libvfio-user-client authors

# Scripts that look at the library from outside: its headers, symbols, floors, and as installed.
api_tests = \
  tests/api/embedding.sh \
  tests/api/floors.sh \
  tests/api/headers.sh \
  tests/api/installed.sh \
  tests/api/kvm-monitor.sh \
  tests/api/readme.sh \
  tests/api/symbols.sh

TESTS += $(api_tests)
EXTRA_DIST += $(api_tests) tests/api/floors.awk tests/api/tap.sh

# What configure and the folders know, for test scripts.
SH_LOG_COMPILER = env \
  CC='$(CC)' \
  CXX='$(CXX)' \
  NM='$(NM)' \
  MAKE='$(MAKE)' \
  PKG_CONFIG='$(PKG_CONFIG)' \
  GLIB_CFLAGS='$(GLIB_CFLAGS)' \
  VUC_SANITIZER_CFLAGS='$(VUC_SANITIZER_CFLAGS)' \
  VUC_VERSION='$(PACKAGE_VERSION)' \
  VUC_HEADERS='$(vucinclude_HEADERS) $(nodist_vucinclude_HEADERS)' \
  $(SHELL)
