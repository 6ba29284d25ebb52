#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the libvfio-user-client authors

# The README's example is the one that is compiled, and it works.

. "${0%/*}/tap.sh"

example=$abs_top_srcdir/examples/identify/identify.c

# Without the comments at its top.
is "the README quotes the example" \
  "$(sed -n '/^#include/,$p' "$example")" \
  "$(sed -n '/^```c$/,/^```$/p' "$abs_top_srcdir/README.md" | sed '1d;$d')"

is "the example has at most 20 lines" \
  yes \
  "$(test "$(sed -n '/^#include/,$p' "$example" | wc -l)" -le 20 && echo yes)"

"$abs_top_builddir/examples/demo-device/demo-device" --socket-path="$tmp/socket" &
device=$!
# Its socket is there before it listens, so try.
tries=50
until said=$("$abs_top_builddir/examples/identify/identify" "$tmp/socket" 2>&1) ||
  test $tries -eq 0; do
  tries=$((tries - 1))
  sleep 0.1
done
is "the example knows the demo device" "1234:7675, 10 regions" "$said"
kill "$device"
wait "$device"

is "the example says in one line what is wrong" \
  "identify: connecting to '$tmp/nothing': No such file or directory (errno 2)" \
  "$(LC_ALL=C "$abs_top_builddir/examples/identify/identify" "$tmp/nothing" 2>&1)"

done_testing
