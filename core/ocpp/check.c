/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The validator: walks a payload along its compiled table, finds what deviates, and mends what the
 * policy accepts. One walk serves all modes: a deviation is either noted and mended, or remembered
 * as a refusal if it ranks before the one remembered already (extra, missing, type, value).
 *
 * Must not know any action or member by name. Depth is that of the table, never of the input.
 */
#include "ocpp/check.h"

#include <json-c/json.h>

#include "base/text.h"
#include "ocpp/quirks.h"

#define PATH_SIZE 256

static void
path_write(const struct checker *checker, char *ret_path, size_t size)
{
	size_t len = 0;

	ret_path[0] = '\0';
	for (uint32_t i = 0; i < checker->depth; i++) {
		const struct step *step = &checker->steps[i];
		int n = snprintf(ret_path + len, size - len,
				 step->index < 0 ? "%s%s" : "%s%s[%lld]", i > 0 ? "." : "",
				 step->name, (long long)step->index);

		if (n < 0 || (size_t)n >= size - len)
			break;
		len += (size_t)n;
	}
	utf8_mend(ret_path);
}

bool
check_is_ours(const struct checker *checker)
{
	return checker->policy->mode == CHECK_OURS || checker->policy->mode == CHECK_FILLED;
}

/* Whether the policy lets a deviation of this code through (quirks.md, default policy). */
static bool
accepts(const struct checker *checker, const struct flaw *flaw)
{
	const struct check_policy *policy = checker->policy;

	if (flaw->is_refused || check_is_ours(checker))
		return false;
	if (policy->mode == CHECK_RESULT)
		return true;
	if (quirks_has(policy->quirks, flaw->quirk))
		return true;
	return policy->is_kept && !policy->is_strict;
}

static void
refuse(struct checker *checker, const struct flaw *flaw, const char *path, const char *expected)
{
	if (flaw->rank >= checker->rank)
		return;
	checker->rank = flaw->rank;
	checker->refusal->code = flaw->code;
	checker->refusal->quirk = flaw->is_refused ? NULL : flaw->quirk;
	(void)ocppd_error_set(&checker->refusal->at, OCPPD_EINVAL, "%s: %s", path, expected);
}

/* Notes the deviation. True: accepted, the caller mends it. */
bool
check_note(struct checker *checker, const struct flaw *flaw, const char *expected)
{
	struct ocppd_finding finding = { .quirk = flaw->quirk,
					 .raw = flaw->raw,
					 .code = flaw->code };
	char path[PATH_SIZE];
	int r;

	path_write(checker, path, sizeof(path));
	if (!accepts(checker, flaw)) {
		refuse(checker, flaw, path, expected);
		return false;
	}
	finding.path = path;
	finding.flags = flaw->is_hard ? OCPPD_FINDING_HARD : 0;
	r = findings_add(checker->findings, &finding);
	if (r == OCPPD_ESPACE) {
		const struct flaw too_many = { RANK_EXTRA, OCPPD_CALLERROR_FORMATION,
					       .is_refused = true };

		refuse(checker, &too_many, path, "more flaws than can be kept track of");
		return false;
	}
	if (r < 0)
		checker->error = r;
	return true;
}

/* Notes a deviation that is accepted in every class unless `strict` says otherwise. */
bool
check_note_mild(struct checker *checker, const struct flaw *flaw, const char *expected)
{
	struct check_policy mild = *checker->policy;
	const struct check_policy *policy = checker->policy;
	bool is_accepted;

	mild.is_kept = true;
	checker->policy = &mild;
	is_accepted = check_note(checker, flaw, expected);
	checker->policy = policy;
	return is_accepted;
}

/* Takes value, also on error. */
void
check_replace(struct checker *checker, const struct place *place, struct json_object *value)
{
	int r;

	if (value == NULL) {
		checker->error = OCPPD_ENOMEM;
		return;
	}
	if (place->index < 0)
		r = json_object_object_add(place->parent, place->field->name, value);
	else
		r = json_object_array_put_idx(place->parent, (size_t)place->index, value);
	if (r < 0) {
		json_object_put(value);
		checker->error = OCPPD_ENOMEM;
	}
}

void
check_replace_text(struct checker *checker, const struct place *place, const char *text, size_t len)
{
	check_replace(checker, place, json_object_new_string_len(text, (int)len));
}

/* A confirmation that cannot be read is an error; so is a CALL without its key members. A list is
 * there though one of its elements is not readable. */
bool
check_is_vital(const struct checker *checker, const struct place *place)
{
	return checker->policy->mode == CHECK_RESULT ||
	       (checker->policy->mode == CHECK_CALL && (place->field->flags & OCPPD_KEY) != 0 &&
		place->index < 0);
}

/* ---- Lists -------------------------------------------------------------------------------- */

static void check_object(struct checker *checker, const struct schema *schema,
			 struct json_object *object);

static void
check_value(struct checker *checker, const struct place *place, struct json_object *value)
{
	if (place->field->type != OCPPD_T_OBJECT)
		check_scalar(checker, place, value);
	else if (json_object_get_type(value) == json_type_object)
		check_object(checker, place->field->fields, value);
	else
		check_unreadable(checker, place, value);
}

/* Not taken as one element: nothing says that this is what was meant. */
static void
not_a_list(struct checker *checker, const struct place *place, struct json_object *value)
{
	struct flaw flaw = { RANK_TYPE, OCPPD_CALLERROR_TYPE, "D01", true };

	flaw.raw = json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN |
								 JSON_C_TO_STRING_NOSLASHESCAPE);
	flaw.is_refused = check_is_vital(checker, place);
	if (check_note(checker, &flaw, "expected a list"))
		json_object_object_del(place->parent, place->field->name);
}

static void
check_list(struct checker *checker, const struct place *place, struct json_object *list)
{
	const struct schema_field *field = place->field;
	struct place item = { list, field, 0 };
	struct flaw flaw = { RANK_MISSING, OCPPD_CALLERROR_OCCURRENCE, "D04" };
	struct step *step = &checker->steps[checker->depth - 1];
	size_t count;
	char expected[48];

	if (json_object_get_type(list) != json_type_array) {
		not_a_list(checker, place, list);
		return;
	}
	count = json_object_array_length(list);
	if (count == 0 && (field->flags & OCPPD_NONEMPTY) != 0)
		(void)check_note(checker, &flaw, "expected at least one element");
	if (field->max_items != 0 && count > field->max_items) {
		(void)snprintf(expected, sizeof(expected), "at most %u elements", field->max_items);
		(void)check_note(checker, &flaw, expected);
	}
	for (size_t i = 0; i < count && checker->error == 0; i++) {
		item.index = (int64_t)i;
		step->index = item.index;
		check_value(checker, &item, json_object_array_get_idx(list, i));
	}
	step->index = -1;
}

/* ---- Objects ------------------------------------------------------------------------------ */

static bool
is_required(const struct checker *checker, const struct schema_field *field)
{
	if ((field->flags & OCPPD_FILLED) != 0 && checker->policy->mode == CHECK_FILLED)
		return false;
	return (field->flags & (OCPPD_REQUIRED | OCPPD_FILLED)) != 0;
}

/* A required member that is missing or null. rank and code tell which. */
static void
absent(struct checker *checker, const struct place *place, struct flaw *flaw)
{
	const struct schema_field *field = place->field;
	bool is_time = field->type == OCPPD_T_TIMESTAMP && (field->flags & OCPPD_LIST) == 0;

	flaw->quirk = is_time ? "E05" : "D04";
	flaw->is_hard = true;
	flaw->is_refused = check_is_vital(checker, place);
	if (!check_note(checker, flaw,
			flaw->rank == RANK_TYPE ? check_type_words(field->type)
						: "required, but missing"))
		return;
	if (is_time)
		check_mend_time(checker, place, checker->policy->now_us);
	else
		json_object_object_del(place->parent, field->name);
}

static void
check_null(struct checker *checker, const struct place *place)
{
	const struct schema_field *field = place->field;
	struct flaw flaw = { RANK_TYPE, OCPPD_CALLERROR_TYPE, "D04", false, false, "null" };

	if ((field->flags & OCPPD_NULLABLE) != 0 || field->type == OCPPD_T_ANY)
		return;
	if (is_required(checker, field)) {
		absent(checker, place, &flaw);
		return;
	}
	if (check_note(checker, &flaw,
		       (field->flags & OCPPD_LIST) != 0 ? "expected a list"
							: check_type_words(field->type)))
		json_object_object_del(place->parent, field->name);
}

static void
check_member(struct checker *checker, struct json_object *object, const struct schema_field *field,
	     bool is_present, struct json_object *value)
{
	struct place place = { object, field, -1 };
	struct flaw flaw = { RANK_MISSING, OCPPD_CALLERROR_OCCURRENCE };

	if (!is_present && !is_required(checker, field))
		return;
	checker->steps[checker->depth].name = field->name;
	checker->steps[checker->depth].index = -1;
	checker->depth++;
	if (!is_present)
		absent(checker, &place, &flaw);
	else if (value == NULL)
		check_null(checker, &place);
	else if ((field->flags & OCPPD_LIST) != 0)
		check_list(checker, &place, value);
	else
		check_value(checker, &place, value);
	checker->depth--;
}

/* Index of the member, looked for from `hint` on: members mostly come in the table's order. */
static int
find_field(const struct schema *schema, const char *name, size_t len, uint32_t hint)
{
	uint32_t at = hint;

	for (uint32_t i = 0; i < schema->count; i++, at++) {
		const struct schema_field *field;

		if (at >= schema->count)
			at = 0;
		field = &schema->fields[at];
		if (field->name_len == len && memcmp(field->name, name, len) == 0)
			return (int)at;
	}
	return OCPPD_ENOENT;
}

/* B08: blanks inside a key. Returns true if the member was given its proper name. */
static bool
mend_key(struct checker *checker, const struct schema *schema, struct json_object *object,
	 const char *key)
{
	struct flaw flaw = { RANK_EXTRA, OCPPD_CALLERROR_FORMATION, "B08", false, false, key };
	size_t begin = strspn(key, " \t\r\n");
	size_t end = strlen(key);
	struct json_object *value = NULL;
	bool is_mended = false;
	int at;

	while (end > begin && strchr(" \t\r\n", key[end - 1]) != NULL)
		end--;
	at = find_field(schema, key + begin, end - begin, 0);
	if (at < 0 || check_is_ours(checker) ||
	    json_object_object_get_ex(object, schema->fields[at].name, NULL))
		return false;
	checker->steps[checker->depth].name = schema->fields[at].name;
	checker->steps[checker->depth].index = -1;
	checker->depth++;
	if (check_note_mild(checker, &flaw, "blanks in the member's name")) {
		(void)json_object_object_get_ex(object, key, &value);
		check_replace(checker, &(struct place){ object, &schema->fields[at], -1 },
			      value != NULL ? json_object_get(value) : json_object_new_string(""));
		json_object_object_del(object, key);
		is_mended = true;
	}
	checker->depth--;
	return is_mended;
}

/* One member that is in no row. True: the object changed beyond the removal of this member. */
static bool
check_extra(struct checker *checker, const struct schema *schema, struct json_object *object,
	    const char *key)
{
	struct flaw flaw = { RANK_EXTRA, OCPPD_CALLERROR_FORMATION, "D05", false, false, key };

	if (mend_key(checker, schema, object, key))
		return true;
	checker->steps[checker->depth].name = key;
	checker->steps[checker->depth].index = -1;
	checker->depth++;
	if (check_note(checker, &flaw, "unknown member"))
		json_object_object_del(object, key);
	checker->depth--;
	return false;
}

/* A renamed key may move the table, so the walk starts again; at most once for each row. */
static void
check_extras(struct checker *checker, const struct schema *schema, struct json_object *object)
{
	struct lh_entry *entry = json_object_get_object(object)->head;

	while (entry != NULL && checker->error == 0 && checker->rank != RANK_EXTRA) {
		const char *key = lh_entry_k(entry);
		struct lh_entry *next = entry->next;

		if (find_field(schema, key, strlen(key), 0) < 0 &&
		    check_extra(checker, schema, object, key))
			next = json_object_get_object(object)->head;
		entry = next;
	}
}

static uint32_t
collect(const struct schema *schema, struct json_object *object,
	struct json_object *ret_values[SCHEMA_FIELDS_MAX], uint64_t *ret_present)
{
	uint32_t hint = 0;
	uint32_t extra_count = 0;
	uint64_t present = 0;

	for (struct lh_entry *entry = json_object_get_object(object)->head; entry != NULL;
	     entry = entry->next) {
		const char *key = lh_entry_k(entry);
		int at = find_field(schema, key, strlen(key), hint);

		if (at < 0) {
			extra_count++;
			continue;
		}
		ret_values[at] = lh_entry_v(entry);
		present |= UINT64_C(1) << at;
		hint = (uint32_t)at + 1;
	}
	*ret_present = present;
	return extra_count;
}

static void
check_object(struct checker *checker, const struct schema *schema, struct json_object *object)
{
	struct json_object *values[SCHEMA_FIELDS_MAX];
	uint64_t present;

	if (collect(schema, object, values, &present) > 0) {
		check_extras(checker, schema, object);
		(void)collect(schema, object, values, &present);
	}
	for (uint32_t i = 0; i < schema->count && checker->error == 0; i++) {
		bool is_present = (present & (UINT64_C(1) << i)) != 0;

		check_member(checker, object, &schema->fields[i], is_present,
			     is_present ? values[i] : NULL);
	}
}

int
schema_check(const struct schema *schema, struct json_object *value,
	     const struct check_policy *policy, struct findings **findings,
	     struct check_refusal *ret_refusal)
{
	struct checker checker = {
		.policy = policy,
		.findings = findings,
		.refusal = ret_refusal,
		.rank = RANK_NONE,
	};

	if (json_object_get_type(value) != json_type_object) {
		ret_refusal->code = OCPPD_CALLERROR_FORMATION;
		ret_refusal->quirk = "C05";
		return ocppd_error_set(&ret_refusal->at, OCPPD_EINVAL,
				       "the payload is not an object");
	}
	check_object(&checker, schema, value);
	if (checker.error < 0)
		return checker.error;
	return checker.rank != RANK_NONE ? OCPPD_EINVAL : 0;
}

int
ocppd_payload_check(const struct ocppd_fields *fields, struct json_object *value,
		    struct ocppd_error *err)
{
	const struct check_policy policy = { .mode = CHECK_FILLED };
	struct check_refusal refusal;
	struct findings *findings = NULL;
	struct schema *schema;
	int r = schema_new(fields, &schema, err);

	if (r < 0)
		return r;
	r = schema_check(schema, value, &policy, &findings, &refusal);
	if (r == OCPPD_EINVAL)
		(void)ocppd_error_set(err, r, "%s", refusal.at.text);
	else if (r < 0)
		(void)ocppd_error_set(err, r, "out of memory");
	findings_free(findings);
	schema_free(schema);
	return r;
}
