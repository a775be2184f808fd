/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_STATION_EXPECT_H
#define OCPPD_STATION_EXPECT_H

#include <stdbool.h>

#include "node.h"

struct buf;

/*
 * Expectations: a map from paths (idTagInfo.status, configurationKey[0].key) to what must stand
 * there: a value, a list of values of which one fits, or a map of conditions:
 * {present: true}, {absent: true}, {min: N, max: N}, {like: "CP-*"}, {not: VALUE}.
 */

/* Whether the map is well-formed; err says where not. */
int expect_parse(const struct node *map, struct ocppd_error *err);
/*
 * Whether the payload fits; if not, problem gets one sentence. var: as in node_json.
 */
bool expect_check(const struct node *map, struct json_object *payload, node_var_fn *var, void *arg,
		  struct buf *problem);
/* What stands at a path: borrowed; false where nothing does (NULL is JSON's null). */
bool expect_path(struct json_object *payload, const char *path, struct json_object **ret_value);
/* Whether the text is a path at all. */
bool expect_path_valid(const char *path);

#endif
