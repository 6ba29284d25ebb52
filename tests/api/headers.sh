#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the libvfio-user-client authors

# Each public header can be included first and twice, from strict C99 and from C++, and needs no
# macro that our own build defines.

# shellcheck disable=SC2046,SC2086 # commands and flags are lists

. "${0%/*}/tap.sh"

strict='-pedantic -Wall -Wextra -Werror -fsyntax-only'
ours="-I$abs_top_srcdir/include -I$abs_top_builddir/include"
glib=$(echo "$GLIB_CFLAGS" | sed 's/-I */-isystem /g')

# compiles LANGUAGE STANDARD COMPILER HEADER
compiles ()
{
  # The declaration is there because C wants one in each file, and a header may have macros only.
  printf '#include <%s>\n' "$4" "$4" >"$tmp/program"
  echo 'extern int anything;' >>"$tmp/program"
  succeeds "$4 compiles alone as $2" $3 -x "$1" -std="$2" $strict $ours $glib "$tmp/program"
}

umbrella=vfio-user-client/vfio-user-client.h

for file in $VUC_HEADERS; do
  header=${file#include/}

  compiles c c99 "$CC" "$header"
  if test -n "$CXX"; then
    compiles c++ c++11 "$CXX" "$header"
  else
    skip "$header compiles alone as c++11" "no C++ compiler"
  fi

  if test "$header" != "$umbrella"; then
    succeeds "$header is part of the umbrella" \
      grep -x "#include <$header>" "$abs_top_srcdir/include/$umbrella"
  fi
done

done_testing
