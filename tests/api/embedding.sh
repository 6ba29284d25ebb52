#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the libvfio-user-client authors

# What docs/embedding.md says in C is true: its programs are those of examples/; its other pieces
# compile; and it names nothing that the headers do not have.  And the examples work: those that it
# quotes, and those of guest memory and interrupts that it names.

# shellcheck disable=SC2086 # flags are lists

. "${0%/*}/tap.sh"

guide=$abs_top_srcdir/docs/embedding.md
examples=$abs_top_builddir/examples
socket=$tmp/socket

# until_has FILE PATTERN [COUNT]: waits until so many lines are like that, but not for ever.
until_has ()
{
  tries=200
  until test "$(grep -c "$2" "$1")" -ge "${3-1}" || test $tries -eq 0; do
    tries=$((tries - 1))
    sleep 0.1
  done
}

# start_device [OPTION...]
start_device ()
{
  "$examples/demo-device/demo-device" --socket-path="$socket" --verbose "$@" 2>>"$tmp/device" &
  device=$!
}

# Its socket is there before it listens, so try.
until_device_listens ()
{
  tries=200
  until "$examples/identify/identify" "$socket" >/dev/null 2>&1 || test $tries -eq 0; do
    tries=$((tries - 1))
    sleep 0.1
  done
}

# stop_device SIGNAL
stop_device ()
{
  kill -s "$1" "$device"
  wait "$device" 2>/dev/null
}

# How many windows of memory the device was given, and gave back.
count_windows ()
{
  echo "$(grep -c 'DMA_MAP .*: done$' "$tmp/device") mapped," \
    "$(grep -c 'DMA_UNMAP .*: done$' "$tmp/device") unmapped"
}

# start NAME: starts an example; what it prints goes to $tmp/said.
start ()
{
  : >"$tmp/said"
  timeout 60 "$examples/$1/$1" "$socket" >"$tmp/said" 2>&1 &
  program=$!
}

# Waits for it; $said is what it said, without what differs from run to run, and its exit status.
finish ()
{
  wait "$program"
  status=$?
  said="$(sed -e 's/[0-9.]* us each/N us each/' \
    -e 's/\(vCPU .\): [1-9][0-9]* accesses/\1: many accesses/' "$tmp/said")
exit status $status"
}

# The guide.

for name in embed-glib embed-epoll embed-vcpu; do
  # Without the comments at its top.
  is "the guide quotes $name" \
    "$(sed -n '/^#include/,$p' "$abs_top_srcdir/examples/$name/$name.c")" \
    "$(sed -n "\|\`examples/$name/$name.c\`:\$|,/^\`\`\`\$/p" "$guide" | sed '1,/^```c$/d;$d')"
done

is "the guide names examples that there are" "" "$(
  grep -o 'examples/[a-z/-]*\.c' "$guide" | sort -u | while read -r name; do
    test -f "$abs_top_srcdir/$name" || echo "$name"
  done
)"

headers=$abs_top_srcdir/include/vfio-user-client
is "the guide names what there is" "" "$(
  grep -o -i -w 'vuc_[a-z0-9_]*[a-z0-9]' "$guide" | sort -u | while read -r name; do
    grep -q -w "$name" "$headers"/vuc-*.h || echo "$name"
  done
)"

# What a piece of C finds around it.
cat >"$tmp/around.h" <<'END'
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <vfio-user-client/vfio-user-client.h>

extern VucDevice *device;
extern VucConfig *config;
extern GMainContext *context;
extern GError *error;
extern const char *path;
extern int fd;
extern guint32 bar;
extern guint64 offset, bar_address, kick_generation;
extern gpointer data, vm, manager;
extern gsize count;
extern const VucIoFd *io_fd;
extern int vm_fd;
extern guint32 a, b, gsi, n_vectors, vector;
extern guint8 *ram;
extern int ram_fd, trigger_fd, unmask_fd, eventfds[];
extern guint64 iova, size, ram_size, low_size;
extern guint64 bitmap[];
extern gboolean ok;
void publish (VucOperation operation);
void remember (struct kvm_ioeventfd kick, guint64 generation);
void renew_kicks (gpointer vm);
void start_another (VucDevice *device);
void stop_vcpus (gpointer vm);
void leave_to_the_server (gpointer vm, guint64 iova);
void arm_once_more (gpointer vm, guint vector);
guint32 gsi_of (gpointer vm, guint vector);
void on_interrupt (VucDevice *, guint32, guint32, guint64, gpointer);
int read_translated (guint64, gpointer, gsize, gpointer);
int write_translated (guint64, gconstpointer, gsize, gpointer);
void on_connected (VucDevice *, VucOperation, const GError *, gpointer);
void on_value (VucDevice *, VucOperation, const GError *, gpointer);
int ask_for_socket (gpointer, GError **);
void print_message (const VucMessageEvent *, gpointer);
gboolean piece (void);
END

# Each block of C that is no program of its own, as the body of a function.
awk -v folder="$tmp" '
  /^```$/ && file { print "return ok;\n}" >file; close (file); file = "" }
  file { print >file }
  begun { begun = 0; if (!/^#include/) { file = sprintf ("%s/piece-%02d.c", folder, ++n)
      printf "#include \"around.h\"\ngboolean\npiece (void)\n{\n#line %d \"embedding.md\"\n%s\n", FNR, $0 >file } }
  /^```c$/ { begun = 1 }' "$guide"

for piece in "$tmp"/piece-*.c; do
  succeeds "the piece of C at line $(sed -n 's/^#line \([0-9]*\) .*/\1/p' "$piece") compiles" \
    $CC -std=gnu11 -Wall -Wextra -Werror -Wno-unused-variable -fsyntax-only \
    -I"$abs_top_srcdir/include" -I"$abs_top_builddir/include" $GLIB_CFLAGS "$piece"
done

# A GLib main loop.

start_device
until_device_listens
start embed-glib
until_has "$tmp/said" "^identity: "
stop_device TERM
until_has "$tmp/said" "^lost: "
start_device # not asked whether it listens: it has one client at a time, and embed-glib is to be that
until_has "$tmp/said" "^identity: " 2
kill "$program"
finish
is "embed-glib connects, resets, reads, and comes back when the server does" \
  "connected: 10 regions
reset: done
identity: 1234:7675
lost: *
connected again: generation 2
identity: 1234:7675
lost: the device was closed
exit status 0" \
  "$(echo "$said" | sed '4s/^lost: .*/lost: */')"

# A loop of one's own.

start embed-epoll
finish
is "embed-epoll reads with many reads under way" \
  "10000 reads, 32 at a time, N us each
exit status 0" \
  "$said"

# vCPU threads and an I/O thread. So many writes that each of the threads had the processor, even on a
# machine that is busy.

: >"$tmp/device"
start embed-vcpu
until_has "$tmp/device" REGION_WRITE 10000
kill "$program"
finish
is "embed-vcpu reads and writes in all its threads, resets, and ends" \
  "exit status 0
lost: the device was closed
reset: done
running: 4 vCPUs
vCPU 0: many accesses
vCPU 1: many accesses
vCPU 2: many accesses
vCPU 3: many accesses" \
  "$(echo "$said" | LC_ALL=C sort)"

: >"$tmp/device"
start embed-vcpu
until_has "$tmp/device" REGION_WRITE 10000
kill -s STOP "$device"
kill "$program"
finish
is "embed-vcpu cancels what takes too long, and ends though the server has stopped" \
  "exit status 0
lost: the device was closed
reset: DEVICE_RESET: cancelled
running: 4 vCPUs
vCPU 0: many accesses
vCPU 1: many accesses
vCPU 2: many accesses
vCPU 3: many accesses" \
  "$(echo "$said" | LC_ALL=C sort)"
stop_device KILL

# Guest memory and interrupts, on two sockets and on one.

# From 0 to 15.
vectors=$(seq 0 15 | sed 's/.*/vector &: 1/')

rm -f "$socket" # of the device that was killed
for option in "" --no-twin-socket; do
  where=${option:+ without a twin socket}
  start_device $option
  until_device_listens

  : >"$tmp/device"
  start dma-share
  finish
  is "dma-share has a device copy in memory that is shared$where, and takes it away" \
    "copied: 8388608 bytes
exit status 0
1 mapped, 1 unmapped" \
    "$said
$(count_windows)"

  : >"$tmp/device"
  start dma-message
  finish
  is "dma-message serves each piece that the device asks for$where" \
    "copied: 4194304 bytes in 4 writes
exit status 0
2 mapped, 2 unmapped" \
    "$said
$(count_windows)"

  : >"$tmp/device"
  start irq-wait
  finish
  is "irq-wait is told of each vector$where" \
    "$vectors
exit status 0" \
    "$said"

  stop_device TERM
done

# Nobody there.

rm -f "$socket"
for name in embed-glib embed-epoll embed-vcpu dma-share dma-message irq-wait; do
  start "$name"
  finish
  is "$name says in one line that it cannot connect" \
    "1 exit status 1" \
    "$(echo "$said" | grep -c "^$name: .*$socket.* (errno 2)\$") $(echo "$said" | sed 1d)"
done

done_testing
