/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPCTL_ANSWER_H
#define OCPPCTL_ANSWER_H

#include <stddef.h>
#include <stdint.h>

#include "options.h"
#include "spec.h"

struct json_object;

/* An answer on standard output: a table where the command has columns, else JSON. */
void answer_print(const struct options *options, const struct command *command,
		  struct json_object *body);
void answer_json(struct json_object *value);
/* An event's data, a line. */
void answer_event(const char *text, size_t len);
/* On standard error. */
void answer_problem(uint32_t status, struct json_object *body);
void answer_warnings(struct json_object *body);

#endif
