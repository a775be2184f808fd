/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_BASE_CSV_H
#define OCPPD_BASE_CSV_H

#include "base/buf.h"

/* Adds a cell, quoted and guarded if need be, so that reading gives it back as it was. */
void csv_add(struct buf *buf, const char *text, size_t len);

#endif
