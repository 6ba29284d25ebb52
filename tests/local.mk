# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the libvfio-user-client authors

# Test programs, relative to the top: built and run by `make check`, only where Check was found.
# Each is compiled from its own name plus ".c" and linked with $(LDADD) of the top Makefile.am (the
# harness, all floors of the library, Check). So one more test is one more line; a program that
# needs something else says so with its own _SOURCES, _LDADD or _CPPFLAGS below the lists.

harness_tests =
harness_tests += tests/harness/test-demo
harness_tests += tests/harness/test-demo-copy
harness_tests += tests/harness/test-demo-dma
harness_tests += tests/harness/test-demo-ioregions
harness_tests += tests/harness/test-demo-options
harness_tests += tests/harness/test-demo-server-commands
harness_tests += tests/harness/test-demo-writes
harness_tests += tests/harness/test-harness
harness_tests += tests/harness/test-hex
harness_tests += tests/harness/test-mutate
harness_tests += tests/harness/test-script-device
harness_tests += tests/harness/test-script-lapses
harness_tests += tests/harness/test-script-server

unit_tests =
unit_tests += tests/unit/test-all-ones
unit_tests += tests/unit/test-coarse-timer
unit_tests += tests/unit/test-connect
unit_tests += tests/unit/test-cursor
unit_tests += tests/unit/test-device-info
unit_tests += tests/unit/test-dma
unit_tests += tests/unit/test-dma-log
unit_tests += tests/unit/test-error
unit_tests += tests/unit/test-escape
unit_tests += tests/unit/test-fd-set
unit_tests += tests/unit/test-flush
unit_tests += tests/unit/test-framer
unit_tests += tests/unit/test-framer-streams
unit_tests += tests/unit/test-guest-table
unit_tests += tests/unit/test-header
unit_tests += tests/unit/test-io-fd-kind
unit_tests += tests/unit/test-ioregion
unit_tests += tests/unit/test-ioregion-end
unit_tests += tests/unit/test-ioregion-faults
unit_tests += tests/unit/test-ioregion-waiting
unit_tests += tests/unit/test-ioregion-wire
unit_tests += tests/unit/test-irq-info
unit_tests += tests/unit/test-irq-set
unit_tests += tests/unit/test-kick
unit_tests += tests/unit/test-late-accesses
unit_tests += tests/unit/test-late-answers
unit_tests += tests/unit/test-mapped-access
unit_tests += tests/unit/test-mapped-area
unit_tests += tests/unit/test-mappings
unit_tests += tests/unit/test-mappings-threads
unit_tests += tests/unit/test-pending
unit_tests += tests/unit/test-posted
unit_tests += tests/unit/test-posted-queue
unit_tests += tests/unit/test-posted-readers
unit_tests += tests/unit/test-posted-threads
unit_tests += tests/unit/test-print
unit_tests += tests/unit/test-range
unit_tests += tests/unit/test-region-access
unit_tests += tests/unit/test-region-info
unit_tests += tests/unit/test-region-info-lies
unit_tests += tests/unit/test-region-io-fds
unit_tests += tests/unit/test-region-io-fds-lies
unit_tests += tests/unit/test-region-write-multi
unit_tests += tests/unit/test-route
unit_tests += tests/unit/test-session
unit_tests += tests/unit/test-session-deadlines
unit_tests += tests/unit/test-session-replaced
unit_tests += tests/unit/test-session-revoke
unit_tests += tests/unit/test-session-sending
unit_tests += tests/unit/test-session-serve
unit_tests += tests/unit/test-session-server-commands
unit_tests += tests/unit/test-session-service
unit_tests += tests/unit/test-session-spin
unit_tests += tests/unit/test-session-threads
unit_tests += tests/unit/test-session-watched
unit_tests += tests/unit/test-shared-file
unit_tests += tests/unit/test-socket
unit_tests += tests/unit/test-spin
unit_tests += tests/unit/test-version
unit_tests += tests/unit/test-version-json

conversation_tests =
conversation_tests += tests/conversation/test-access
conversation_tests += tests/conversation/test-access-parts
conversation_tests += tests/conversation/test-async
conversation_tests += tests/conversation/test-attach
conversation_tests += tests/conversation/test-auto-reconnect
conversation_tests += tests/conversation/test-back-pressure
conversation_tests += tests/conversation/test-callbacks
conversation_tests += tests/conversation/test-cancel
conversation_tests += tests/conversation/test-config
conversation_tests += tests/conversation/test-connect
conversation_tests += tests/conversation/test-connect-async
conversation_tests += tests/conversation/test-connect-failed
conversation_tests += tests/conversation/test-dma-demo
conversation_tests += tests/conversation/test-dma-map
conversation_tests += tests/conversation/test-dma-copy
conversation_tests += tests/conversation/test-dma-service
conversation_tests += tests/conversation/test-dma-unmap
conversation_tests += tests/conversation/test-dma-fates
conversation_tests += tests/conversation/test-dump
conversation_tests += tests/conversation/test-dump-server
conversation_tests += tests/conversation/test-information
conversation_tests += tests/conversation/test-io-fds
conversation_tests += tests/conversation/test-ioregions
conversation_tests += tests/conversation/test-irq-reconnect
conversation_tests += tests/conversation/test-irq-refused
conversation_tests += tests/conversation/test-irq-set
conversation_tests += tests/conversation/test-irq-state
conversation_tests += tests/conversation/test-irq-watch
conversation_tests += tests/conversation/test-loop
conversation_tests += tests/conversation/test-mapping
conversation_tests += tests/conversation/test-mapping-lost
conversation_tests += tests/conversation/test-nested
conversation_tests += tests/conversation/test-posting
conversation_tests += tests/conversation/test-posting-order
conversation_tests += tests/conversation/test-reconnect
conversation_tests += tests/conversation/test-reopen
conversation_tests += tests/conversation/test-reset
conversation_tests += tests/conversation/test-shapes
conversation_tests += tests/conversation/test-threads
conversation_tests += tests/conversation/test-twin
conversation_tests += tests/conversation/test-ways
conversation_tests += tests/conversation/test-ways-refused

hostile_tests =
hostile_tests += tests/hostile/test-delays
hostile_tests += tests/hostile/test-interleaved
hostile_tests += tests/hostile/test-lies
hostile_tests += tests/hostile/test-lies-async
hostile_tests += tests/hostile/test-lies-connect
hostile_tests += tests/hostile/test-lies-dma
hostile_tests += tests/hostile/test-lies-irq

thread_tests =
thread_tests += tests/thread/test-irqs
thread_tests += tests/thread/test-fence
thread_tests += tests/thread/test-stress

cost_tests =
cost_tests += tests/cost/test-costs

fault_tests =
fault_tests += tests/fault/test-system-calls

test_programs = \
  $(harness_tests) $(unit_tests) $(conversation_tests) $(hostile_tests) $(thread_tests) \
  $(fault_tests) $(cost_tests)

if HAVE_CHECK
check_PROGRAMS += $(test_programs)
TESTS += $(test_programs)

check_LTLIBRARIES += tests/harness/libharness.la tests/conversation/libconnect.la

# Run by tests/harness/test-harness, which wants it to fail.
check_PROGRAMS += tests/harness/misbehave
endif

tests_harness_libharness_la_SOURCES = \
  tests/harness/assert.c \
  tests/harness/client.c \
  tests/harness/client.h \
  tests/harness/demo.c \
  tests/harness/demo.h \
  tests/harness/descriptors.c \
  tests/harness/descriptors.h \
  tests/harness/harness.c \
  tests/harness/harness.h \
  tests/harness/hex.c \
  tests/harness/hex.h \
  tests/harness/mutate.c \
  tests/harness/mutate.h \
  tests/harness/report.c \
  tests/harness/report.h \
  tests/harness/script-device.c \
  tests/harness/script-device.h \
  tests/harness/script-fds.c \
  tests/harness/script-io.c \
  tests/harness/script-player.c \
  tests/harness/script-private.h \
  tests/harness/script-received.c \
  tests/harness/script-server.c \
  tests/harness/script-server.h \
  tests/harness/script-steps.c \
  tests/harness/thread-sanitizer.c \
  tests/harness/wrapped.h

# The self-test needs nothing of the library, and can be built without it.
harness_libs = tests/harness/libharness.la $(CHECK_LIBS) $(GLIB_LIBS)
demo_client = tests/harness/demo-client.c tests/harness/demo-client.h
demo_guest = $(demo_client) tests/harness/demo-guest.c tests/harness/demo-guest.h
tests_harness_misbehave_LDADD = $(harness_libs)
tests_harness_test_demo_LDADD = $(harness_libs)
tests_harness_test_demo_copy_SOURCES = tests/harness/test-demo-copy.c $(demo_guest)
tests_harness_test_demo_copy_LDADD = $(harness_libs)
tests_harness_test_demo_dma_SOURCES = tests/harness/test-demo-dma.c $(demo_guest)
tests_harness_test_demo_dma_LDADD = $(harness_libs)
tests_harness_test_demo_ioregions_SOURCES = tests/harness/test-demo-ioregions.c $(demo_client)
tests_harness_test_demo_ioregions_LDADD = $(harness_libs)
tests_harness_test_demo_options_SOURCES = tests/harness/test-demo-options.c $(demo_client)
tests_harness_test_demo_options_LDADD = $(harness_libs)
tests_harness_test_demo_server_commands_SOURCES = \
  tests/harness/test-demo-server-commands.c $(demo_client)
tests_harness_test_demo_server_commands_LDADD = $(harness_libs)
tests_harness_test_demo_writes_SOURCES = tests/harness/test-demo-writes.c $(demo_client)
tests_harness_test_demo_writes_LDADD = $(harness_libs)
tests_harness_test_harness_LDADD = $(harness_libs)
tests_harness_test_hex_LDADD = $(harness_libs)
tests_harness_test_mutate_LDADD = $(harness_libs)
tests_harness_test_script_device_LDADD = $(harness_libs)
tests_harness_test_script_lapses_LDADD = $(harness_libs)
tests_harness_test_script_server_LDADD = $(harness_libs)

# vfio-user-dump is run as a program, too.
dump_program = tests/conversation/dump-program.c tests/conversation/dump-program.h
tests_conversation_test_dump_SOURCES = tests/conversation/test-dump.c $(dump_program)
tests_conversation_test_dump_LDADD = $(harness_libs) $(JANSSON_LIBS)
tests_conversation_test_dump_server_SOURCES = tests/conversation/test-dump-server.c $(dump_program)
tests_conversation_test_dump_server_LDADD = $(harness_libs)

# These know the library as its users do: its public headers, and what it exports.
tests_conversation_libconnect_la_SOURCES = \
  tests/conversation/connect.c \
  tests/conversation/connect.h \
  tests/conversation/dma-memory.c \
  tests/conversation/dma-memory.h \
  tests/conversation/event-log.c \
  tests/conversation/event-log.h \
  tests/conversation/guest.c \
  tests/conversation/guest.h \
  tests/conversation/io-fds.c \
  tests/conversation/io-fds.h \
  tests/conversation/irqs.c \
  tests/conversation/irqs.h \
  tests/conversation/loop-thread.c \
  tests/conversation/loop-thread.h \
  tests/conversation/outcome.c \
  tests/conversation/outcome.h \
  tests/conversation/posting.c \
  tests/conversation/posting.h \
  tests/conversation/ways.c \
  tests/conversation/ways.h
public_libs = tests/conversation/libconnect.la libvfio-user-client.la $(harness_libs)
tests_conversation_test_access_LDADD = $(public_libs)
tests_conversation_test_access_parts_LDADD = $(public_libs)
tests_conversation_test_async_LDADD = $(public_libs)
tests_conversation_test_attach_LDADD = $(public_libs)
tests_conversation_test_auto_reconnect_LDADD = $(public_libs)
tests_conversation_test_back_pressure_LDADD = $(public_libs)
tests_conversation_test_callbacks_LDADD = $(public_libs)
tests_conversation_test_cancel_LDADD = $(public_libs)
tests_conversation_test_config_LDADD = $(public_libs)
tests_conversation_test_connect_LDADD = $(public_libs)
tests_conversation_test_connect_async_LDADD = $(public_libs)
tests_conversation_test_connect_failed_LDADD = $(public_libs)
tests_conversation_test_dma_demo_LDADD = $(public_libs)
tests_conversation_test_dma_map_LDADD = $(public_libs)
tests_conversation_test_dma_copy_LDADD = $(public_libs)
tests_conversation_test_dma_service_LDADD = $(public_libs)
tests_conversation_test_dma_unmap_LDADD = $(public_libs)
tests_conversation_test_dma_fates_LDADD = $(public_libs)
tests_conversation_test_information_LDADD = $(public_libs)
tests_conversation_test_io_fds_LDADD = $(public_libs)
tests_conversation_test_ioregions_LDADD = $(public_libs)
tests_conversation_test_irq_reconnect_LDADD = $(public_libs)
tests_conversation_test_irq_refused_LDADD = $(public_libs)
tests_conversation_test_irq_set_LDADD = $(public_libs)
tests_conversation_test_irq_state_LDADD = $(public_libs)
tests_conversation_test_irq_watch_LDADD = $(public_libs)
tests_conversation_test_loop_LDADD = $(public_libs)
tests_conversation_test_mapping_LDADD = $(public_libs)
tests_conversation_test_mapping_lost_LDADD = $(public_libs)
tests_conversation_test_nested_LDADD = $(public_libs)
tests_conversation_test_posting_LDADD = $(public_libs)
tests_conversation_test_posting_order_LDADD = $(public_libs)
tests_conversation_test_reconnect_LDADD = $(public_libs)
tests_conversation_test_reopen_LDADD = $(public_libs)
tests_conversation_test_reset_LDADD = $(public_libs)
tests_conversation_test_shapes_LDADD = $(public_libs)
tests_conversation_test_threads_LDADD = $(public_libs)
tests_conversation_test_twin_LDADD = $(public_libs)
tests_conversation_test_ways_LDADD = $(public_libs)
tests_conversation_test_ways_refused_LDADD = $(public_libs)
tests_cost_test_costs_LDADD = $(public_libs)
tests_hostile_test_delays_LDADD = $(public_libs)
tests_hostile_test_interleaved_LDADD = $(public_libs)
tests_hostile_test_lies_LDADD = $(public_libs)
tests_hostile_test_lies_async_LDADD = $(public_libs)
tests_hostile_test_lies_connect_LDADD = $(public_libs)
tests_hostile_test_lies_dma_LDADD = $(public_libs)
tests_hostile_test_lies_irq_LDADD = $(public_libs)

# Tests of a session have some of their parts in common.
session_test_parts = \
  tests/unit/peer.c \
  tests/unit/peer.h \
  tests/unit/session-fixture.c \
  tests/unit/session-fixture.h
ioregion_test_parts = \
  $(session_test_parts) \
  tests/unit/ioregion-fixture.c \
  tests/unit/ioregion-fixture.h
tests_unit_test_ioregion_SOURCES = tests/unit/test-ioregion.c $(ioregion_test_parts)
tests_unit_test_ioregion_end_SOURCES = tests/unit/test-ioregion-end.c $(ioregion_test_parts)
tests_unit_test_ioregion_faults_SOURCES = tests/unit/test-ioregion-faults.c $(ioregion_test_parts)
tests_unit_test_ioregion_waiting_SOURCES = tests/unit/test-ioregion-waiting.c $(session_test_parts)
tests_unit_test_flush_LDADD = tests/conversation/libconnect.la $(LDADD)
mappings_test_parts = \
  tests/unit/mappings-fixture.c \
  tests/unit/mappings-fixture.h
tests_unit_test_mappings_SOURCES = tests/unit/test-mappings.c $(mappings_test_parts)
tests_unit_test_mappings_threads_SOURCES = tests/unit/test-mappings-threads.c $(mappings_test_parts)
late_test_parts = $(session_test_parts) tests/unit/late-fixture.c tests/unit/late-fixture.h
tests_unit_test_late_accesses_SOURCES = tests/unit/test-late-accesses.c $(late_test_parts)
tests_unit_test_late_accesses_LDADD = tests/conversation/libconnect.la $(LDADD)
tests_unit_test_late_answers_SOURCES = tests/unit/test-late-answers.c $(late_test_parts)
tests_unit_test_late_answers_LDADD = tests/conversation/libconnect.la $(LDADD)
posted_test_parts = \
  $(session_test_parts) \
  tests/unit/posted-fixture.c \
  tests/unit/posted-fixture.h
tests_unit_test_posted_SOURCES = tests/unit/test-posted.c $(posted_test_parts)
tests_unit_test_posted_queue_SOURCES = tests/unit/test-posted-queue.c $(posted_test_parts)
tests_unit_test_posted_readers_SOURCES = tests/unit/test-posted-readers.c $(posted_test_parts)
tests_unit_test_posted_threads_SOURCES = tests/unit/test-posted-threads.c $(posted_test_parts)
tests_unit_test_session_SOURCES = tests/unit/test-session.c $(session_test_parts)
tests_unit_test_session_deadlines_SOURCES = \
  tests/unit/test-session-deadlines.c $(session_test_parts)
tests_unit_test_session_revoke_SOURCES = tests/unit/test-session-revoke.c $(session_test_parts)
tests_unit_test_session_sending_SOURCES = tests/unit/test-session-sending.c $(session_test_parts)
tests_unit_test_session_serve_SOURCES = tests/unit/test-session-serve.c $(session_test_parts)
tests_unit_test_session_server_commands_SOURCES = \
  tests/unit/test-session-server-commands.c $(session_test_parts)
tests_unit_test_session_replaced_SOURCES = \
  tests/unit/test-session-replaced.c $(session_test_parts)
tests_unit_test_session_service_SOURCES = \
  tests/unit/test-session-service.c $(session_test_parts)
tests_unit_test_session_watched_SOURCES = tests/unit/test-session-watched.c $(session_test_parts)
tests_unit_test_session_spin_SOURCES = tests/unit/test-session-spin.c $(session_test_parts)
tests_unit_test_session_spin_LDFLAGS = -Wl,--wrap=recvmsg,--wrap=ppoll
tests_unit_test_session_threads_SOURCES = tests/unit/test-session-threads.c $(session_test_parts)

tests_thread_test_fence_SOURCES = tests/thread/test-fence.c tests/unit/peer.c tests/unit/peer.h
tests_thread_test_fence_LDADD = $(public_libs)

# Many threads on one device, for as long as somebody likes: each scenario lasts THREAD_SECONDS.
tests_thread_test_stress_SOURCES = \
  tests/thread/mischief.c \
  tests/thread/mischief.h \
  tests/thread/stress-accesses.c \
  tests/thread/stress-actors.c \
  tests/thread/stress-memory.c \
  tests/thread/stress-memory.h \
  tests/thread/stress-op.c \
  tests/thread/stress-op.h \
  tests/thread/stress-round.c \
  tests/thread/stress-round.h \
  tests/thread/stress-server.c \
  tests/thread/stress-server.h \
  tests/thread/stress-steps.c \
  tests/thread/stress-steps.h \
  tests/thread/stress-watch.c \
  tests/thread/stress-watch.h \
  tests/thread/stress.c \
  tests/thread/stress.h \
  tests/thread/test-stress.c
tests_thread_test_stress_LDADD = $(public_libs)
tests_thread_test_irqs_LDADD = $(public_libs)

.PHONY: check-threads
check-threads: all
	THREAD_SECONDS="$${THREAD_SECONDS-60}" $(MAKE) $(AM_MAKEFLAGS) check \
	  TESTS=tests/thread/test-stress TEST_SUITE_LOG=test-suite-threads.log
CLEANFILES += test-suite-threads.log

# The library's system calls come to the test first.
tests_unit_test_ioregion_LDFLAGS = -Wl,--wrap=send,--wrap=recv,--wrap=ppoll
tests_unit_test_ioregion_faults_LDFLAGS = -Wl,--wrap=send,--wrap=recv,--wrap=ppoll
tests_unit_test_ioregion_waiting_LDFLAGS = -Wl,--wrap=ppoll
tests_unit_test_session_sending_LDFLAGS = -Wl,--wrap=sendmsg
tests_unit_test_late_accesses_LDFLAGS = -Wl,--wrap=g_cond_wait_until,--wrap=g_mutex_lock
tests_unit_test_late_answers_LDFLAGS = -Wl,--wrap=g_cond_wait_until,--wrap=g_mutex_lock
tests_fault_test_system_calls_LDFLAGS = \
  -Wl,--wrap=connect,--wrap=send,--wrap=sendmsg,--wrap=recvmsg,--wrap=ppoll

EXTRA_DIST += tests/README.md
