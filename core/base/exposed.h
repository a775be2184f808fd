/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_BASE_EXPOSED_H
#define OCPPD_BASE_EXPOSED_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Whether every user of the host can read a file, so far as mode bits tell: those of the file, and
 * those of the folders above it, which may keep others out. Nothing can be said of a file that is
 * not there: false.
 */
bool file_is_exposed(const char *path, uint32_t *ret_mode);

#endif
