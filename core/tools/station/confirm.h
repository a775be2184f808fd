/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_STATION_CONFIRM_H
#define OCPPD_STATION_CONFIRM_H

#include <stdbool.h>
#include <stddef.h>

struct json_object;
struct buf;

/*
 * Whether the payload is a correct confirmation of the action, every member, length, enumeration
 * and timestamp (UTC, milliseconds, Z) checked. What is wrong is added to problem, as one sentence.
 * An action without a table passes. This is a checker of its own on purpose: a mistake in the
 * server's tables must not hide itself here.
 */
bool confirm_check(const char *action, struct json_object *payload, struct buf *problem);
/* YYYY-MM-DDThh:mm:ss.mmmZ and a date that exists. */
bool confirm_time_valid(const char *text);

#endif
