/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * OCPP-J frames. The first line of an input lists quirks, the rest is the frame. Whatever comes in
 * is one of the known kinds with all that belongs to it; whatever goes out for it, echoing its id
 * and payload, is strict JSON of ASCII, and is read again as what it was written for.
 */
#include "fuzz.h"

#include <json-c/json.h>

#include "actions.h"
#include "base/buf.h"
#include "base/text.h"
#include "ocpp/message.h"
#include "ocpp/quirks.h"
#include "ocpp/schema.h"
#include "strict.h"

#define ID_MAX 1024 /* bytes of an id that is refused, but echoed */

struct input {
	struct reader reader;
	const char *text;
	size_t len;
	bool is_utf8;
};

static void
check_text(const struct input *input, const char *text)
{
	OCPPD_ASSERT(!input->is_utf8 || utf8_valid(text, strlen(text)));
}

static void
check_findings(const struct input *input, const struct findings *findings)
{
	if (findings == NULL)
		return;
	OCPPD_ASSERT(findings->count > 0);
	OCPPD_ASSERT(findings->count == findings->soft_count + findings->hard_count);
	OCPPD_ASSERT(findings->soft_count <= FINDINGS_SOFT_MAX);
	OCPPD_ASSERT(findings->hard_count <= FINDINGS_HARD_MAX);
	for (uint32_t i = 0; i < findings->count; i++) {
		const struct ocppd_finding *finding = &findings->items[i];

		OCPPD_ASSERT(quirks_index(finding->quirk) >= 0);
		OCPPD_ASSERT(finding->code > 0 && finding->code < OCPPD_CALLERROR_COUNT);
		check_text(input, finding->path);
		if (finding->raw == NULL)
			continue;
		OCPPD_ASSERT(strlen(finding->raw) <= 255);
		check_text(input, finding->raw);
	}
}

static void
check_id(const struct input *input, const struct inbound *message)
{
	size_t len = strlen(message->id);
	const char *digits;

	OCPPD_ASSERT(len > 0 && len <= ID_MAX);
	check_text(input, message->id);
	if (message->is_numeric_id) {
		OCPPD_ASSERT(len <= MESSAGE_ID_MAX && strict_json(message->id, len));
		/* By its literal; json-c reads -0 and -05 as well, and drops what is needless. */
		digits = message->id + (message->id[0] == '-' ? 1 : 0);
		OCPPD_ASSERT(memmem(input->text, input->len, digits, strlen(digits)) != NULL);
	}
	OCPPD_ASSERT(message->has_refusal || utf8_count(message->id) <= MESSAGE_ID_MAX ||
		     message->kind != INBOUND_CALL);
}

static void
check_message(const struct input *input, const struct inbound *message)
{
	bool is_noted = message->findings != NULL || message->has_refusal;

	OCPPD_ASSERT(message->kind != INBOUND_OPENED && message->kind != INBOUND_CLOSED);
	OCPPD_ASSERT(message->len == input->len && message->table == input->reader.table);
	OCPPD_ASSERT(is_noted || message->kind == INBOUND_IGNORED || message->raw == NULL);
	OCPPD_ASSERT(!is_noted || message->raw != NULL);
	check_findings(input, message->findings);
	if (message->text != NULL)
		check_text(input, message->text);
	if (message->has_refusal) {
		OCPPD_ASSERT(message->code > 0 && message->code < OCPPD_CALLERROR_COUNT);
		OCPPD_ASSERT(message->text != NULL && message->text[0] != '\0');
		OCPPD_ASSERT(!message->is_malformed || message->code == OCPPD_CALLERROR_FORMATION);
	}
	if (message->kind == INBOUND_IGNORED) {
		OCPPD_ASSERT(message->id == NULL && message->text != NULL && !message->has_refusal);
		return;
	}
	check_id(input, message);
	if (message->has_refusal)
		return;
	OCPPD_ASSERT(json_object_get_type(message->payload) == json_type_object);
	if (message->kind == INBOUND_CALL)
		OCPPD_ASSERT(message->action_name != NULL && message->action_name[0] != '\0');
	if (message->kind == INBOUND_ERROR)
		OCPPD_ASSERT(message->error_code != NULL && message->text != NULL);
}

/* What goes out is strict, and comes in as what it is. Takes the message. */
static void
check_outbound(const struct input *input, struct outbound *out, enum inbound_kind kind,
	       const struct inbound *cause)
{
	struct inbound *again;
	size_t len;
	char *text;

	OCPPD_ASSERT(out != NULL);
	text = outbound_text(out, &len);
	OCPPD_ASSERT(text != NULL && strict_json(text, len));
	again = inbound_new(&input->reader, text, len);
	OCPPD_ASSERT(again->kind == kind);
	OCPPD_ASSERT(str_eq(again->id, cause->id));
	OCPPD_ASSERT(again->is_numeric_id == cause->is_numeric_id);
	OCPPD_ASSERT(kind != INBOUND_ERROR || utf8_count(again->text) <= 255);
	inbound_free(again);
	outbound_free(out);
}

static void
check_answers(const struct input *input, const struct inbound *message)
{
	const char *id = message->id;
	bool is_numeric = message->is_numeric_id;

	if (message->payload != NULL)
		check_outbound(input,
			       outbound_result(id, is_numeric, json_object_get(message->payload)),
			       INBOUND_RESULT, message);
	check_outbound(input,
		       outbound_error(id, is_numeric, "GenericError",
				      message->text != NULL ? message->text : message->action_name,
				      NULL),
		       INBOUND_ERROR, message);
	if (message->payload != NULL && message->action_name != NULL && !is_numeric &&
	    strlen(message->action_name) > 0)
		check_outbound(input, outbound_call(id, message->action_name, message->payload),
			       INBOUND_CALL, message);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct actions_bed bed;
	char *words = fuzz_text(data, size);
	const char *frame = fuzz_cut(words);
	struct quirks *quirks;
	struct input input = { .len = size - (size_t)(frame - words) };
	struct inbound *message;

	actions_bed_init(&bed);
	quirks = actions_bed_quirks(words, &bed.table.is_strict);
	input.text = frame;
	input.is_utf8 = utf8_valid(frame, input.len);
	input.reader.tokener = message_tokener_new();
	OCPPD_ASSERT(input.reader.tokener != NULL);
	input.reader.table = &bed.table;
	input.reader.protocol = "ocpp1.6";
	input.reader.quirks = quirks;
	input.reader.now_us = 1772359200000000;
	message = inbound_new(&input.reader, frame, input.len);
	OCPPD_ASSERT(message != NULL);
	check_message(&input, message);
	/* The transport lets nothing else through. */
	if (message->id != NULL && input.is_utf8)
		check_answers(&input, message);
	inbound_free(message);
	json_tokener_free(input.reader.tokener);
	quirks_unref(quirks);
	actions_bed_fini(&bed);
	free(words);
	return 0;
}
