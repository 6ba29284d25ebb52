# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the libvfio-user-client authors
# shellcheck shell=sh

# The little of TAP that these scripts need, and a scratch directory, $tmp, that goes with them.

# From `make check`.
: "${abs_top_srcdir:?}" "${abs_top_builddir:?}"

tap_count=0

tmp=$(mktemp -d "${TMPDIR:-/tmp}/vuc-test.XXXXXX") || exit 99
trap 'rm -rf "$tmp"' EXIT
trap 'exit 99' HUP INT TERM

# ok DESCRIPTION
ok ()
{
  tap_count=$((tap_count + 1))
  echo "ok $tap_count - $1"
}

# not_ok DESCRIPTION: what is to be said about it comes on standard input.
not_ok ()
{
  tap_count=$((tap_count + 1))
  echo "not ok $tap_count - $1"
  sed 's/^/# /'
}

# skip DESCRIPTION REASON
skip ()
{
  tap_count=$((tap_count + 1))
  echo "ok $tap_count - $1 # SKIP $2"
}

# succeeds DESCRIPTION COMMAND...: the command does, whatever it prints.
succeeds ()
{
  tap_what=$1
  shift
  if "$@" >"$tmp/tap-output" 2>&1; then
    ok "$tap_what"
  else
    not_ok "$tap_what" <"$tmp/tap-output"
  fi
}

# is DESCRIPTION EXPECTED GOT: the two texts are the same.
is ()
{
  printf '%s\n' "$2" >"$tmp/tap-expected"
  printf '%s\n' "$3" >"$tmp/tap-got"
  succeeds "$1" diff -u --label expected --label got "$tmp/tap-expected" "$tmp/tap-got"
}

# The last line of a script. That something failed is for TAP to say, not for the exit status.
done_testing ()
{
  echo "1..$tap_count"
}
