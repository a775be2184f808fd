/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPCTL_TABLE_H
#define OCPPCTL_TABLE_H

#include <stdint.h>

#include "base/buf.h"

struct json_object;

/*
 * Writes items (an array of objects) as a table. columns: paths in an item, commas between them,
 * "stationId,connection.remote". width: of the terminal; 0: cells are never cut.
 */
void table_print(struct buf *out, struct json_object *items, const char *columns, uint32_t width);
/* Writes one object, a line a column. */
void table_print_one(struct buf *out, struct json_object *item, const char *columns);
/* The value at a path of members, NULL if there is none. Borrowed. */
struct json_object *table_value(struct json_object *item, const char *path, size_t len);

#endif
