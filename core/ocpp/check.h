/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_OCPP_CHECK_H
#define OCPPD_OCPP_CHECK_H

#include "ocpp/schema.h"

struct buf;

/* Inside the validator: between check.c (walk, policy) and check_value.c (what a value may be). */

enum rank {
	RANK_EXTRA,
	RANK_MISSING,
	RANK_TYPE,
	RANK_VALUE,
	RANK_NONE,
};

struct step {
	const char *name;
	int64_t index; /* -1: none */
};

struct checker {
	const struct check_policy *policy;
	struct findings **findings;
	struct check_refusal *refusal;
	enum rank rank; /* of the refusal */
	int error;      /* ENOMEM */
	uint32_t depth;
	struct step steps[SCHEMA_DEPTH_MAX];
};

/* One deviation on its way to become a finding or a refusal. */
struct flaw {
	enum rank rank;
	uint32_t code;
	const char *quirk;
	bool is_hard;
	bool is_refused; /* whatever the policy says (key members) */
	const char *raw;
};

/* A value and where it stands, so that it can be replaced. */
struct place {
	struct json_object *parent; /* object or array */
	const struct schema_field *field;
	int64_t index; /* -1: a member of an object */
};

bool check_is_ours(const struct checker *checker);
/* Notes the deviation. True: accepted, the caller mends it. expected: what was, for the refusal. */
bool check_note(struct checker *checker, const struct flaw *flaw, const char *expected);
/* Notes a deviation that is accepted in every class unless `strict` says otherwise. */
bool check_note_mild(struct checker *checker, const struct flaw *flaw, const char *expected);
/* Takes value, also on error; NULL: out of memory. */
void check_replace(struct checker *checker, const struct place *place, struct json_object *value);
void check_replace_text(struct checker *checker, const struct place *place, const char *text,
			size_t len);
/* A confirmation that cannot be read is an error; so is a CALL without its key members. */
bool check_is_vital(const struct checker *checker, const struct place *place);

const char *check_type_words(uint32_t type);
/* Appends the text with U+FFFD for each control character (D11), and returns whether there was one.
 * Line breaks and tabs belong to texts (PEM). */
bool check_add_mended(struct buf *buf, const char *text, size_t len);
void check_mend_time(struct checker *checker, const struct place *place, int64_t time_us);
/* A value of a type that cannot be read as the member's: what remains of it, if accepted. */
void check_unreadable(struct checker *checker, const struct place *place,
		      struct json_object *value);
/* A value that is no object and no list. */
void check_scalar(struct checker *checker, const struct place *place, struct json_object *value);

#endif
