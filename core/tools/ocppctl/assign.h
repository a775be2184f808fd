/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPCTL_ASSIGN_H
#define OCPPCTL_ASSIGN_H

#include <ocppd/error.h>

#include "spec.h"

/*
 * `name=value` into a body, by its schema: whole numbers, numbers, truth values, texts; lists by
 * commas or by repetition; members of members by dots, elements by [n]:
 * `chargingProfile.chargingSchedule.chargingSchedulePeriod[0].limit=16`. Objects, and lists of
 * them, may also be given as JSON. schema NULL: what looks like JSON is JSON, the rest is text.
 *
 * Returns 0, or OCPPD_EINVAL with a sentence in err, or OCPPD_ENOMEM.
 */
int assign(const struct spec *spec, struct json_object *schema, struct json_object *body,
	   const char *assignment, struct ocppd_error *err);
/* All members of a JSON object into a body. */
int assign_all(struct json_object *body, const char *json, struct ocppd_error *err);
/* The first of the schema's types that is not "null", or NULL. */
const char *schema_type(struct json_object *schema);

#endif
