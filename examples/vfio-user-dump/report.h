/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * The three ways to tell about a device. Each does its work in the order that is safest: what every
 * server answers first, IO descriptors last, because there are servers that do not survive that
 * question.
 */

#ifndef REPORT_H
#define REPORT_H

#include "job.h"

void report_text (Job *job);
void report_json (Job *job);
void report_raw (Job *job);

#endif /* REPORT_H */
