#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the libvfio-user-client authors

# The library exports what its headers declare with VUC_API, the symbol map says the same, and each
# name begins with vuc_.

. "${0%/*}/tap.sh"

library=$abs_top_builddir/.libs/libvfio-user-client.so

# Functions that the headers, on standard input, declare with VUC_API.
declared ()
{
  awk '
    !/^#/ { text = text " " $0 }
    END {
      gsub (/\/\*([^*]|\*+[^*\/])*\*+\//, "", text)
      n = split (text, statements, ";")
      for (i = 1; i <= n; i++)
        if (statements[i] ~ /VUC_API / && match (statements[i], /vuc_[a-z0-9_]+ *\(/)) {
          name = substr (statements[i], RSTART, RLENGTH)
          sub (/ *\($/, "", name)
          print name
        }
    }' | sort
}

# Names that the symbol map, on standard input, makes global.
mapped ()
{
  sed -n '/global:/,/local:/s/^ *\([A-Za-z0-9_]*\);.*$/\1/p' | sort
}

for file in $VUC_HEADERS; do
  cat "$abs_top_srcdir/$file" 2>/dev/null || cat "$abs_top_builddir/$file"
done >"$tmp/headers"

declared=$(declared <"$tmp/headers")
succeeds "the headers declare functions" test -n "$declared"
is "the symbol map lists what the headers declare" \
  "$declared" "$(mapped <"$abs_top_srcdir/src/libvfio-user-client.map")"

if test -e "$library"; then
  # The name of the version node is a symbol too, an absolute one.
  exported=$($NM -D --defined-only "$library" | awk '$2 != "A" { sub (/@.*/, "", $3); print $3 }' | sort)
  is "the library exports what the headers declare" "$declared" "$exported"
  is "each exported name begins with vuc_" "" "$(echo "$exported" | grep -v '^vuc_')"
else
  skip "the library exports what the headers declare" "configured without a shared library"
fi

done_testing
