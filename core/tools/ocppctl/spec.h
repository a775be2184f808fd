/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPCTL_SPEC_H
#define OCPPCTL_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_object;

/*
 * The commands of one daemon, read from its OpenAPI description. All texts are borrowed from the
 * tree, which the spec owns.
 */
struct command {
	const char *words; /* "stations show" */
	const char *args;  /* "stationId action *", "" if none */
	const char *columns;
	const char *help;
	const char *method; /* "get" */
	const char *path;
	struct json_object *operation;
	struct json_object *success; /* which answers are none of a refusal, or NULL */
};

struct spec {
	struct json_object *root;
	struct command *commands; /* in order of words */
	size_t count;
};

/* Takes root, also on error. 0, OCPPD_EINVAL: no OpenAPI description, OCPPD_ENOMEM. */
int spec_init(struct spec *spec, struct json_object *root);
void spec_fini(struct spec *spec);
/* The command whose words begin the arguments, the longest such; NULL: none. A word such as
 * `--select` may stand anywhere behind. ret_used: arguments that the words before took up. */
const struct command *spec_match(const struct spec *spec, char *const *args, size_t count,
				 size_t *ret_used);
/* The schema itself where it is a reference; NULL stays NULL. Borrowed. */
struct json_object *spec_resolve(const struct spec *spec, struct json_object *schema);
/* The parameter ("path" or "query"), or NULL. Borrowed. */
struct json_object *spec_parameter(const struct spec *spec, const struct command *command,
				   const char *name, const char *in);
/* The body's schema; choice: the value of the path parameter that it depends on, or NULL. NULL: the
 * command has no body, or its schema is not known. */
struct json_object *spec_body(const struct spec *spec, const struct command *command,
			      const char *choice);
bool spec_has_body(const struct command *command);
/* The schema of a payload inside of the body, by the value of the member that it depends on; NULL:
 * none is known. */
struct json_object *spec_payload(const struct spec *spec, const struct command *command,
				 struct json_object *body);
/* The path parameter that the body depends on, or NULL. */
const char *spec_body_parameter(const struct command *command);

/* Member of an object as object or text; NULL where it is not. */
struct json_object *member(struct json_object *object, const char *name);
const char *member_text(struct json_object *object, const char *name);

#endif
