# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the libvfio-user-client authors

# Documentation: manual pages go to man1_MANS and EXTRA_DIST, all else to EXTRA_DIST.
EXTRA_DIST += docs/design.md docs/embedding.md docs/performance.md docs/security.md

man1_MANS += docs/vfio-user-dump.1
EXTRA_DIST += docs/vfio-user-dump.1
