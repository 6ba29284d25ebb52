#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the libvfio-user-client authors

# What `make install` installs is enough to compile, link and run a program, by pkg-config alone.

# shellcheck disable=SC2046,SC2086 # commands and flags are lists

. "${0%/*}/tap.sh"

# This is not a part of the make that runs the tests: its job server is not ours to use.
unset MAKEFLAGS MFLAGS MAKELEVEL

root=$tmp/root
succeeds "library, headers and pkg-config file can be installed" \
  "$MAKE" -C "$abs_top_builddir" DESTDIR="$root" install-libLTLIBRARIES \
  install-vucincludeHEADERS install-nodist_vucincludeHEADERS install-pkgconfigDATA

# The .pc file, as if $root were the root directory.
mkdir "$tmp/pkgconfig"
find "$root" -name vfio-user-client.pc \
  -exec sed "s|^\([a-z_]*\)=/|\1=$root/|" {} + >"$tmp/pkgconfig/vfio-user-client.pc"
PKG_CONFIG_PATH=$tmp/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
export PKG_CONFIG_PATH

# pc OPTION...: what pkg-config says, without blanks at the end.
pc ()
{
  $PKG_CONFIG "$@" vfio-user-client | sed 's/ *$//'
}

includedir=$(pc --variable=includedir)
libdir=$(pc --variable=libdir)

succeeds "pkg-config finds its way" $PKG_CONFIG --print-errors --exists vfio-user-client
is "pkg-config knows the version" "$VUC_VERSION" "$(pc --modversion)"
is "programs need GLib" "glib-2.0 >= 2.56" "$(pc --print-requires)"
is "programs do not link with jansson" "" "$(pc --libs | tr ' ' '\n' | grep jansson)"
is "only the umbrella's folder is on the include path" "-I$includedir" \
  "$(pc --cflags-only-I | tr ' ' '\n' | grep "^-I$root")"

is "each public header is installed, and no other file" \
  "$(echo "$VUC_HEADERS" | tr -s ' ' '\n' | sed 's|^include/||' | sort)" \
  "$(cd "$includedir" && find . -type f | sed 's|^\./||' | sort)"

cat >"$tmp/program.c" <<'END'
#include <errno.h>
#include <vfio-user-client/vfio-user-client.h>

int
main (void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(VucDevice) device = vuc_device_connect ("/does/not/exist", NULL, &error);

  return device != NULL || vuc_error_get_errno (error) != ENOENT || !VUC_CHECK_VERSION (0, 1, 0);
}
END
succeeds "a program compiles and links" \
  $CC -Wall -Wextra -Werror $VUC_SANITIZER_CFLAGS -o "$tmp/program" "$tmp/program.c" \
  $(pc --cflags --libs)

LD_LIBRARY_PATH=$libdir${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export LD_LIBRARY_PATH
succeeds "the program runs" "$tmp/program"
succeeds "the program asks for libvfio-user-client.so.0" \
  sh -c "ldd '$tmp/program' | grep -F 'libvfio-user-client.so.0 => $libdir/'"

done_testing
