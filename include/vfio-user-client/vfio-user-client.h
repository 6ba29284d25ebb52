/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

#ifndef VFIO_USER_CLIENT_H
#define VFIO_USER_CLIENT_H

#include <vfio-user-client/vuc-access.h>
#include <vfio-user-client/vuc-config.h>
#include <vfio-user-client/vuc-device.h>
#include <vfio-user-client/vuc-dma.h>
#include <vfio-user-client/vuc-error.h>
#include <vfio-user-client/vuc-io-fds.h>
#include <vfio-user-client/vuc-irq-watch.h>
#include <vfio-user-client/vuc-irq.h>
#include <vfio-user-client/vuc-loop.h>
#include <vfio-user-client/vuc-mapping.h>
#include <vfio-user-client/vuc-operation.h>
#include <vfio-user-client/vuc-region.h>
#include <vfio-user-client/vuc-types.h>
#include <vfio-user-client/vuc-version.h>

#endif /* VFIO_USER_CLIENT_H */
