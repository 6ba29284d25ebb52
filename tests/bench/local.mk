# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the libvfio-user-client authors

# What the library costs, measured against a client written by hand: built by `make check`, so that it
# stays fit, and run by `make bench`.
if HAVE_CHECK
check_PROGRAMS += tests/bench/bench
endif

tests_bench_bench_SOURCES = \
  tests/bench/bare.c \
  tests/bench/bare.h \
  tests/bench/bench.c \
  tests/bench/client.c \
  tests/bench/client.h \
  tests/bench/figures-access.c \
  tests/bench/figures-async.c \
  tests/bench/figures-dma.c \
  tests/bench/figures-loop.c \
  tests/bench/figures-polling.c \
  tests/bench/figures-posted.c \
  tests/bench/figures-threads.c \
  tests/bench/figures-ways.c \
  tests/bench/figures.h \
  tests/bench/flight.c \
  tests/bench/flight.h \
  tests/bench/measure.c \
  tests/bench/measure.h \
  tests/bench/peer-dma.c \
  tests/bench/peer-private.h \
  tests/bench/peer-ways.c \
  tests/bench/peer.c \
  tests/bench/peer.h
tests_bench_bench_LDFLAGS = -pthread
tests_bench_bench_LDADD = libvfio-user-client.la $(GLIB_LIBS)

.PHONY: bench
bench: tests/bench/bench
	tests/bench/bench
