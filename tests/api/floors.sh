#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the libvfio-user-client authors

# A file includes headers of its own floor or of a lower one; programs use the public ones. First
# the rules are tried on a tree that breaks each of them, then on ours.

. "${0%/*}/tap.sh"
rules=$(cd "${0%/*}" && pwd)/floors.awk

# violations DIRECTORY
violations ()
{
  (
    cd "$1" || exit
    own=$(find examples -name '*.h' -type f | tr '\n' ' ')
    find src examples -name '*.[ch]' -type f | sort | xargs awk -v own="$own" -f "$rules"
  )
}

# file NAME, with its text on standard input.
file ()
{
  mkdir -p "$tmp/tree/${1%/*}"
  cat >"$tmp/tree/$1"
}

file src/base/cursor.h </dev/null
file src/base/good.c <<END
#include "config.h"
#include <stdio.h>
#include <vfio-user-client/vuc-error.h>
#include "base/cursor.h"
END
file src/base/higher.c <<END
  # include "wire/header.h"
END
file src/wire/good.c <<END
#include "base/cursor.h"
#include "wire/header.h"
END
file src/session/higher.h <<END
#include "base/cursor.h"
#include "access/dma.h"
#include "device/device.h"
END
file src/session/public.c <<END
#include <vfio-user-client/vuc-types.h>
#include <vfio-user-client/vuc-device.h>
END
file src/device/good.c <<END
#include <vfio-user-client/vuc-device.h>
#include "session/session.h"
END
file src/device/spelling.c <<END
#include "device.h"
#include "../wire/header.h"
#include "vfio-user-client/vuc-device.h"
END
file src/attic/old.c <<END
#include <glib.h>
END
file examples/tool/tool.h </dev/null
file examples/tool/good.c <<END
#include <glib.h>
#include <vfio-user-client/vfio-user-client.h>
#include "tool.h"
END
file examples/neighbour/good.c <<END
#include "../tool/tool.h"
END
file examples/tool/private.c <<END
#include "wire/header.h"
#include "../../src/wire/header.h"
END
file examples/demo-device/main.c <<END
#include "tool.h"
#include <vfio-user-client/vuc-types.h>
END

is "each broken rule is found, and nothing else" \
  "examples/demo-device/main.c:1: tool.h is not public
examples/demo-device/main.c:2: vfio-user-client/vuc-types.h is ours: the demo device must not share our mistakes
examples/tool/private.c:1: wire/header.h is not public
examples/tool/private.c:2: ../../src/wire/header.h is not public
src/attic/old.c: lies on no floor
src/base/higher.c:1: wire/header.h is of a higher floor than base
src/device/spelling.c:1: device.h is not written as \"floor/file.h\"
src/device/spelling.c:2: ../wire/header.h is not written as \"floor/file.h\"
src/device/spelling.c:3: vfio-user-client/vuc-device.h is a public header: write <vfio-user-client/vuc-device.h>
src/session/higher.h:2: access/dma.h is of a higher floor than session
src/session/higher.h:3: device/device.h is of a higher floor than session
src/session/public.c:2: vfio-user-client/vuc-device.h is for floor device only" \
  "$(violations "$tmp/tree")"

is "our own files keep to the floors" "" "$(violations "$abs_top_srcdir")"

done_testing
