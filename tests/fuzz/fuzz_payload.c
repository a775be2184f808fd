/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The check of payloads. The first byte of an input chooses the table (0 to 3) or nothing, the rest
 * of its line lists quirks, what follows is the payload. An operator's check changes nothing; what
 * a station's check accepts is accepted again, with no more to mend.
 */
#include "fuzz.h"

#include <json-c/json.h>

#include "actions.h"
#include "base/buf.h"
#include "base/text.h"
#include "ocpp/message.h"
#include "ocpp/quirks.h"
#include "ocpp/schema.h"

#define NOW_US INT64_C(1772359200000000)

static struct buf
text_of(struct json_object *value)
{
	struct buf buf = { 0 };

	OCPPD_ASSERT(json_write(&buf, value) == 0 && buf.error == 0);
	return buf;
}

static bool
buf_eq(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

static void
check_strict(uint32_t table, struct json_object *value)
{
	struct buf before = text_of(value);
	struct buf after;
	struct ocppd_error err = { 0 };
	int r = ocppd_payload_check(actions_bed_fields(table), value, &err);

	after = text_of(value);
	OCPPD_ASSERT(buf_eq(&before, &after));
	OCPPD_ASSERT((r == 0 && err.code == 0) || (r == OCPPD_EINVAL && err.code == r));
	OCPPD_ASSERT(r == 0 || (err.text[0] != '\0' && utf8_valid(err.text, strlen(err.text))));
	buf_fini(&before);
	buf_fini(&after);
}

static bool
check_once(const struct schema *schema, struct json_object *value,
	   const struct check_policy *policy)
{
	struct check_refusal refusal = { 0 };
	struct findings *findings = NULL;
	int r = schema_check(schema, value, policy, &findings, &refusal);

	OCPPD_ASSERT(r == 0 || r == OCPPD_EINVAL);
	if (r < 0) {
		OCPPD_ASSERT(refusal.code > 0 && refusal.code < OCPPD_CALLERROR_COUNT);
		OCPPD_ASSERT(utf8_valid(refusal.at.text, strlen(refusal.at.text)));
		OCPPD_ASSERT(refusal.at.text[0] != '\0');
		OCPPD_ASSERT(refusal.quirk == NULL || quirks_index(refusal.quirk) >= 0);
	}
	for (uint32_t i = 0; findings != NULL && i < findings->count; i++) {
		const struct ocppd_finding *finding = &findings->items[i];

		OCPPD_ASSERT(quirks_index(finding->quirk) >= 0);
		OCPPD_ASSERT(utf8_valid(finding->path, strlen(finding->path)));
		OCPPD_ASSERT(finding->raw == NULL ||
			     utf8_valid(finding->raw, strlen(finding->raw)));
	}
	findings_free(findings);
	return r == 0;
}

/* Twice, since a mended payload needs no more mending. */
static void
check_mended(const struct schema *schema, struct json_object *value,
	     const struct check_policy *policy)
{
	struct json_object *copy = NULL;
	struct buf first;
	struct buf second;

	OCPPD_ASSERT(json_object_deep_copy(value, &copy, NULL) == 0);
	if (check_once(schema, copy, policy) && policy->mode == CHECK_CALL) {
		first = text_of(copy);
		OCPPD_ASSERT(check_once(schema, copy, policy) || !policy->is_kept ||
			     policy->is_strict);
		second = text_of(copy);
		OCPPD_ASSERT(buf_eq(&first, &second));
		buf_fini(&first);
		buf_fini(&second);
	}
	json_object_put(copy);
}

static struct json_object *
read_payload(const char *text)
{
	struct json_tokener *tokener = message_tokener_new();
	struct json_object *value;

	OCPPD_ASSERT(tokener != NULL);
	value = json_tokener_parse_ex(tokener, text, (int)strlen(text));
	json_tokener_free(tokener);
	return value;
}

static void
check_all(uint32_t table, char *words, struct json_object *value)
{
	struct actions_bed bed;
	struct check_policy policy = { .mode = CHECK_CALL, .now_us = NOW_US };
	struct quirks *quirks = actions_bed_quirks(words, &policy.is_strict);

	actions_bed_init(&bed);
	policy.quirks = quirks;
	check_strict(table, value);
	check_mended(bed.rows[table].req, value, &policy);
	policy.is_kept = true;
	check_mended(bed.rows[table].req, value, &policy);
	policy.mode = CHECK_RESULT;
	check_mended(bed.rows[table].req, value, &policy);
	quirks_unref(quirks);
	actions_bed_fini(&bed);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_object *value;
	char *words;
	const char *text;

	if (size == 0 || size > 65536)
		return 0;
	words = fuzz_text(data + 1, size - 1);
	text = fuzz_cut(words);
	value = utf8_valid(text, strlen(text)) ? read_payload(text) : NULL;
	if (value != NULL)
		check_all(data[0] % ACTIONS_COUNT, words, value);
	json_object_put(value);
	free(words);
	return 0;
}
