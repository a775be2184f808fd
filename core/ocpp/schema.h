/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_OCPP_SCHEMA_H
#define OCPPD_OCPP_SCHEMA_H

#include <stdbool.h>
#include <stdint.h>

#include <ocppd/action.h>

/*
 * Payload tables, compiled: immutable, with copies of all their texts, so that they may outlive the
 * module they came from and be read by any thread.
 */
struct json_object;
struct quirks;
struct schema;

#define SCHEMA_FIELDS_MAX 64 /* members of one object */
#define SCHEMA_DEPTH_MAX 12  /* objects in objects */

struct schema_field {
	char *name;
	size_t name_len;
	uint32_t type;
	uint32_t flags;
	int64_t min;
	int64_t max;
	char **one_of; /* NULL-terminated, or NULL */
	char *fallback;
	struct schema *fields; /* OBJECT; NULL otherwise */
	uint32_t max_items;
};

struct schema {
	uint32_t count;
	struct schema_field fields[];
};

/* Rows may have any stride. OCPPD_EINVAL with err: a table that breaks its own rules (type, depth,
 * count, name). */
int schema_new(const struct ocppd_fields *fields, struct schema **ret_schema,
	       struct ocppd_error *err);
void schema_free(struct schema *schema);
/* A member at any depth is flagged OCPPD_SECRET. */
bool schema_has_secret(const struct schema *schema);

/*
 * Findings: deviations that were accepted. Soft ones beyond a bound are only counted; hard ones are
 * all kept, or the payload is refused, since each keeps a value out of decisions.
 */
#define FINDINGS_SOFT_MAX 64
#define FINDINGS_HARD_MAX 1024

struct findings {
	uint32_t count;
	uint32_t size;
	uint32_t soft_count;
	uint32_t hard_count;
	uint32_t dropped; /* soft ones beyond the bound */
	struct ocppd_finding *items;
	char **blocks; /* the texts of each */
};

/* Adds to *findings, which is made at first. raw may be NULL, is cut to 255 bytes. 0, ENOMEM, or
 * OCPPD_ESPACE: too many hard ones. */
int findings_add(struct findings **findings, const struct ocppd_finding *finding);
void findings_free(struct findings *findings);

enum check_mode {
	CHECK_OURS,   /* what we send: strict; numbers and times are spelled as the schemas want */
	CHECK_FILLED, /* strict, but OCPPD_FILLED members may be absent; nothing is changed */
	CHECK_CALL,   /* a station's CALL, by policy */
	CHECK_RESULT, /* a station's confirmation: by policy's third column */
};

struct check_policy {
	enum check_mode mode;
	bool is_kept;   /* OCPPD_ACTION_KEEP */
	bool is_strict; /* `strict: true` somewhere */
	const struct quirks *quirks;
	int64_t now_us; /* stands in for unreadable times */
};

struct check_refusal {
	uint32_t code;         /* OCPPD_CALLERROR_*, 0: none */
	const char *quirk;     /* what would admit it, or NULL */
	struct ocppd_error at; /* text: "path: what was expected" */
};

/*
 * Checks value, an object, and mends it in place as far as the policy accepts deviations. Returns
 * 0 (with findings, perhaps); OCPPD_EINVAL with ret_refusal; OCPPD_ENOMEM.
 */
int schema_check(const struct schema *schema, struct json_object *value,
		 const struct check_policy *policy, struct findings **findings,
		 struct check_refusal *ret_refusal);

#endif
