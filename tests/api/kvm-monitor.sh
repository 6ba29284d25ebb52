#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the libvfio-user-client authors

# The KVM monitor and its guest with the demo device: each step, each way of interrupts, many vCPUs,
# accesses at random, figures, and a server that is killed and comes back.

. "${0%/*}/tap.sh"

monitor=$abs_top_builddir/examples/kvm-monitor/kvm-monitor
socket=$tmp/socket

not_here ()
{
  echo "1..0 # SKIP $1"
  exit 0
}

test -x "$monitor" || not_here "the KVM monitor is for Linux on x86-64"
(: <>/dev/kvm) 2>/dev/null || not_here "/dev/kvm cannot be opened"

# run [OPTION...]; $said is what it said, and its exit status.
run ()
{
  timeout 120 "$monitor" "$@" >"$tmp/said" 2>"$tmp/errors"
  status=$?
  said="$(cat "$tmp/said")
exit status $status"
  sed 's/^/# /' "$tmp/errors"
}

# What the guest says of the demo device.  $1 is how many exits mapped memory takes, $2 a doorbell.
device_steps ()
{
  cat <<END
ok   identity and version
ok   registers in 32, 16 and 8 bits
ok   a write that the device refuses is dropped
ok   trapped memory
ok   mapped memory, exits: $1
ok   a doorbell, exits: $2
ok   doorbells for a value, and of any size
ok   the shadow doorbell
ok   DMA in shared memory
ok   DMA by message
ok   MSI-X: an interrupt
ok   MSI-X: one that was masked is pending, and comes
ok   MSI-X: a copy ends with one
ok   INTx: an interrupt
ok   INTx: another one, as the first has ended
END
}

found="ok   PCI device 1234:7675 in slot 1
ok   BAR0: 4096 bytes at c0000000
ok   BAR2: 65536 bytes at c0010000
ok   BAR4: 4096 bytes at c0020000"

run --demo
# A KVM that is there, and has not what a machine is made of.
grep -q -e '^kvm-monitor: /dev/kvm: ' -e '^kvm-monitor: KVM_CREATE_' "$tmp/errors" &&
  not_here "$(cat "$tmp/errors")"
is "the guest uses all that the demo device has" \
  "$found
$(device_steps 0 0)
PASS
exit status 0" \
  "$said"

run --demo --no-irqfd
is "interrupts come through the main loop, too" \
  "$found
$(device_steps 0 0)
PASS
exit status 0" \
  "$said"

run --demo --no-io-fds
is "doorbells ring without ioeventfds, too" \
  "$found
$(device_steps 0 1)
PASS
exit status 0" \
  "$said"

run --demo --vcpus=4
is "four vCPUs use the device at the same time" \
  "$found
$(device_steps 0 0)
ok   other vCPUs at the same time
PASS
exit status 0" \
  "$said"

run --demo --bench
is "what was measured is said" \
  "nothing, the loop itself
a read of guest memory
a mapped read
a trapped read
a trapped write
a doorbell
a write that interrupts, and the interrupt
a posted write" \
  "$(sed -n 's/^bench \(.*\): [0-9]* ns$/\1/p' "$tmp/said")"
is "measuring passes" "PASS" "$(tail -n 1 "$tmp/said")"

run --demo --fuzz=2 --vcpus=2
is "accesses at random do no harm" \
  "$found
ok   other vCPUs at the same time
ok   accesses at random: N
ok   the device still answers
PASS
fuzz: N reads (N failed), N writes (N dropped)
exit status 0" \
  "$(echo "$said" | sed -e '/^ok   acc/s/[0-9][0-9]*/N/g' -e '/^fuzz/s/[0-9][0-9]*/N/g')"

run --demo --lose --reconnect
is "the guest sees that its device has gone, and that another one has come" \
  "$found
$(device_steps 0 0)
wait until the device has gone
ok   the device has gone, registers are all ones
ok   mapped memory is all ones
ok   nobody is harmed by accesses
wait until the device is back
$(device_steps 0 0)
ok   all of that once more
PASS
exit status 0" \
  "$said"

# A server of somebody else.

start_device ()
{
  rm -f "$socket" # of one that was killed
  "$abs_top_builddir/examples/demo-device/demo-device" --socket-path="$socket" &
  device=$!
}

kill_device ()
{
  kill -s KILL "$device"
  wait "$device" 2>/dev/null
}

# Its socket is there before it listens, so try.
until_device_listens ()
{
  tries=200
  until "$abs_top_builddir/examples/identify/identify" "$socket" >/dev/null 2>&1 ||
    test $tries -eq 0; do
    tries=$((tries - 1))
    sleep 0.1
  done
}

# start [OPTION...]: the monitor, in the background.
start ()
{
  : >"$tmp/said"
  timeout 120 "$monitor" "$@" >"$tmp/said" 2>"$tmp/errors" &
  program=$!
}

# until_has FILE PATTERN [COUNT]: waits until so many lines are like that, but not for ever.
until_has ()
{
  tries=200
  until test "$(grep -c "$2" "$1")" -ge "${3-1}" || test $tries -eq 0; do
    tries=$((tries - 1))
    sleep 0.1
  done
}

# finish; $said is what it said, and its exit status.
finish ()
{
  wait "$program"
  status=$?
  said="$(cat "$tmp/said")
exit status $status"
}

start_device
until_device_listens
start --lose --reconnect "$socket"
until_has "$tmp/said" "^wait until the device has gone"
kill_device
until_has "$tmp/said" "^wait until the device is back"
start_device
finish
is "the same with a server that listens somewhere, and is killed" \
  "ok   all of that once more
PASS
exit status 0" \
  "$(echo "$said" | tail -n 3)"
is "the monitor says what happens" \
  "the device is lost: *
the device is back" \
  "$(sed -e 's/^kvm-monitor: //' -e 's/lost: .*/lost: */' "$tmp/errors")"

until_device_listens
start --fuzz=3 --vcpus=2 --reconnect "$socket"
until_has "$tmp/said" "^ok   BAR4"
kill_device
start_device
until_has "$tmp/errors" "the device is back"
kill_device
start_device
finish
is "a server that is killed amid accesses at random does no harm" \
  "ok   the device still answers
PASS
exit status 0" \
  "$(echo "$said" | grep -v '^fuzz: ' | tail -n 3)"
kill_device

# A server made with libvfio-user, which has 64-bit registers, and no doorbells.

what="the guest uses what a device of libvfio-user has"
rm -f "$socket"
if test -x "$abs_top_builddir/tests/interop/device"; then
  : >"$tmp/device"
  "$abs_top_builddir/tests/interop/device" "$socket" >"$tmp/device" 2>&1 &
  device=$!
  until_has "$tmp/device" "^listens"
  run "$socket"
  is "$what" \
    "ok   PCI device 1234:0b0b in slot 1
ok   BAR0: 4096 bytes at c0000000
ok   BAR2: 65536 bytes at c0010000
     BAR0 begins with ffffffff
     BAR2 begins with 00000000
ok   mapped memory, exits: 0
ok   DMA in shared memory
ok   DMA by message
PASS
exit status 0" \
    "$said"
  kill_device
else
  skip "$what" "libvfio-user was not found"
fi

rm -f "$socket"
run "$socket"
is "it says in one line that it cannot connect" \
  "1 exit status 1" \
  "$(grep -c "^kvm-monitor: .*$socket.* (errno 2)\$" "$tmp/errors") $(echo "$said" | sed 1d)"

run
is "it says in one line how it is used" \
  "kvm-monitor: either SOCKET or --demo; see --help
exit status 2" \
  "$(cat "$tmp/errors")
$(echo "$said" | sed 1d)"

done_testing
