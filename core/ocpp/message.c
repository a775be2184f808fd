/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Frames that come in: JSON, envelope (OCPP-J 1.6 section 4), schema, policy. Runs on transport
 * threads and is the hot path: one parse, one block for the message with its id and action.
 * Must not touch state of the core but the action table the reader holds.
 */
#include "ocpp/message.h"

#include <json-c/json.h>
#include <limits.h>

#include "base/buf.h"
#include "base/text.h"
#include "ocpp/actions.h"
#include "ocpp/check.h"
#include "ocpp/quirks.h"
#include "ocpp/schema.h"

#define ID_STRICT_MAX 36  /* OCPP-J 1.6: a GUID */
#define ID_ECHO_MAX 1024  /* bytes of an id that is too long, but still echoed */
#define NAME_MAX_LEN 1024 /* bytes of an action's or error's name that are kept */

#define IGNORED_RAW_MAX 128 /* bytes kept of what is only logged */

/* What json-c makes of integers that do not fit. */
#define INTEGER_LEAST "-9223372036854775808"
#define INTEGER_MOST "18446744073709551615"

#define TYPE_CALL 2
#define TYPE_RESULT 3
#define TYPE_ERROR 4

/* A frame being read: the parsed array and where it came from. */
struct frame {
	const struct reader *reader;
	const char *text; /* trimmed */
	size_t len;
	bool is_trimmed; /* of more than JSON's own blanks (B08) */
	struct json_object *root;
	size_t count;
};

struct json_tokener *
message_tokener_new(void)
{
	struct json_tokener *tokener = json_tokener_new_ex(MESSAGE_DEPTH_MAX);

	if (tokener != NULL)
		json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	return tokener;
}

/* ---- Building ----------------------------------------------------------------------------- */

/* id and name (of the action, or the error's code) may be NULL. */
static struct inbound *
inbound_make(enum inbound_kind kind, const char *id, const char *name)
{
	size_t id_size = id != NULL ? strlen(id) + 1 : 0;
	size_t name_size = name != NULL ? utf8_cut(name, NAME_MAX_LEN) + 1 : 0;
	struct inbound *message = malloc(sizeof(*message) + id_size + name_size);
	char *text;

	if (message == NULL)
		return NULL;
	memset(message, 0, sizeof(*message));
	message->kind = kind;
	text = (char *)(message + 1);
	if (id != NULL) {
		memcpy(text, id, id_size);
		message->id = text;
		text += id_size;
	}
	if (name != NULL) {
		memcpy(text, name, name_size - 1);
		text[name_size - 1] = '\0';
		if (kind == INBOUND_ERROR)
			message->error_code = text;
		else
			message->action_name = text;
	}
	return message;
}

struct inbound *
inbound_notice(enum inbound_kind kind, uint32_t code, const char *reason)
{
	struct inbound *message = inbound_make(kind, NULL, NULL);

	if (message == NULL)
		return NULL;
	message->code = code;
	if (reason != NULL) {
		message->text = str_dup(reason);
		if (message->text == NULL) {
			free(message);
			return NULL;
		}
	}
	return message;
}

void
inbound_free(struct inbound *message)
{
	if (message == NULL)
		return;
	free(message->text);
	free(message->raw);
	json_object_put(message->payload);
	findings_free(message->findings);
	free(message);
}

/* A message that is only counted and logged. */
static struct inbound *
ignored(const char *reason, bool is_bad)
{
	struct inbound *message = inbound_notice(INBOUND_IGNORED, 0, reason);

	if (message != NULL)
		message->is_bad = is_bad;
	return message;
}

/* The first refusal counts. Frees the message and returns NULL when out of memory. */
static struct inbound *
refuse(struct inbound *message, uint32_t code, const char *quirk, const char *text)
{
	if (message == NULL || message->has_refusal)
		return message;
	message->text = str_dup(text);
	if (message->text == NULL) {
		inbound_free(message);
		return NULL;
	}
	message->has_refusal = true;
	message->code = code;
	message->refusal_quirk = quirk;
	return message;
}

static struct inbound *
malformed(struct inbound *message, const char *quirk, const char *text)
{
	message = refuse(message, OCPPD_CALLERROR_FORMATION, quirk, text);
	if (message != NULL)
		message->is_malformed = true;
	return message;
}

static struct inbound *
add_finding(struct inbound *message, const char *quirk, const char *raw)
{
	const struct ocppd_finding finding = {
		.quirk = quirk,
		.path = "",
		.raw = raw,
		.code = OCPPD_CALLERROR_FORMATION,
	};

	if (message != NULL && findings_add(&message->findings, &finding) < 0) {
		inbound_free(message);
		return NULL;
	}
	return message;
}

/* ---- Schema ------------------------------------------------------------------------------- */

int
inbound_check(struct inbound *message, const struct action_row *row, const struct quirks *quirks,
	      bool is_strict)
{
	const struct check_policy policy = {
		.mode = CHECK_CALL,
		.is_kept = (row->flags & OCPPD_ACTION_KEEP) != 0,
		.is_strict = is_strict || quirks_is_strict(quirks),
		.quirks = quirks,
		.now_us = message->received_us,
	};
	struct check_refusal refusal;
	int r = schema_check(row->req, message->payload, &policy, &message->findings, &refusal);

	message->action = row;
	if (r != OCPPD_EINVAL)
		return r;
	if (message->text == NULL)
		message->text = str_dup(refusal.at.text);
	if (message->text == NULL)
		return OCPPD_ENOMEM;
	message->has_refusal = true;
	message->code = refusal.code;
	message->refusal_quirk = refusal.quirk;
	return 0;
}

static struct inbound *
check_payload(const struct frame *frame, struct inbound *message)
{
	const struct reader *reader = frame->reader;
	const struct action_row *row = action_find(reader->table, reader->protocol,
						   message->action_name, OCPPD_FROM_STATION);

	if (row == NULL || message->has_refusal)
		return message;
	if ((row->flags & OCPPD_ACTION_ONCE) != 0)
		message->payload_hash = hash_bytes(frame->text, frame->len, 0);
	if (inbound_check(message, row, reader->quirks, reader->table->is_strict) < 0) {
		inbound_free(message);
		return NULL;
	}
	return message;
}

/* ---- Envelope ----------------------------------------------------------------------------- */

static struct json_object *
element(const struct frame *frame, size_t i)
{
	return i < frame->count ? json_object_array_get_idx(frame->root, i) : NULL;
}

static const char *
element_text(const struct frame *frame, size_t i)
{
	struct json_object *value = element(frame, i);

	return json_object_get_type(value) == json_type_string ? json_object_get_string(value)
							       : NULL;
}

/* The usable id, or NULL. Numbers are taken by their literal (C02). */
static const char *
read_id(const struct frame *frame, bool *ret_is_numeric)
{
	struct json_object *value = element(frame, 1);
	const char *text = NULL;
	size_t len;

	*ret_is_numeric = false;
	switch (json_object_get_type(value)) {
	case json_type_string:
		text = json_object_get_string(value);
		len = (size_t)json_object_get_string_len(value);
		return len > 0 && len <= ID_ECHO_MAX && strlen(text) == len ? text : NULL;
	case json_type_int:
	case json_type_double:
		text = json_object_get_string(value);
		/* json-c also reads NaN, Infinity and `1.`, which cannot be echoed. */
		if (text == NULL || strlen(text) > MESSAGE_ID_MAX || !number_is_json(text) ||
		    strcmp(text, INTEGER_LEAST) == 0 || strcmp(text, INTEGER_MOST) == 0)
			return NULL;
		*ret_is_numeric = true;
		return text;
	case json_type_null:
	case json_type_boolean:
	case json_type_object:
	case json_type_array:
		return NULL;
	}
	return NULL;
}

static bool
is_strict(const struct frame *frame)
{
	return frame->reader->table->is_strict || quirks_is_strict(frame->reader->quirks);
}

/* C01 and C02: what the id deviates in. */
static struct inbound *
check_id(const struct frame *frame, struct inbound *message, bool is_numeric)
{
	const struct quirks *quirks = frame->reader->quirks;
	size_t count;

	message->is_numeric_id = is_numeric;
	if (is_numeric && is_strict(frame) && !quirks_has(quirks, "C02"))
		return malformed(message, "C02", "the message id is not a string");
	if (is_numeric)
		return add_finding(message, "C02", message->id);
	count = strlen(message->id);
	if (count <= ID_STRICT_MAX)
		return message;
	count = utf8_count(message->id);
	if (count > MESSAGE_ID_MAX)
		return malformed(message, NULL, "the message id is longer than 64 characters");
	if (count > ID_STRICT_MAX && is_strict(frame) && !quirks_has(quirks, "C01"))
		return malformed(message, "C01", "the message id is longer than 36 characters");
	return count > ID_STRICT_MAX ? add_finding(message, "C01", message->id) : message;
}

/* Element i as a payload: an object of the caller's, or NULL with *ret_error. */
static struct json_object *
read_payload(const struct frame *frame, size_t i, const char **ret_quirk, const char **ret_error)
{
	struct json_object *value = element(frame, i);
	bool is_absent = i >= frame->count;

	*ret_quirk = NULL;
	*ret_error = NULL;
	if (json_object_get_type(value) == json_type_object)
		return json_object_get(value);
	if ((!is_absent && value == NULL) || quirks_has(frame->reader->quirks, "C05")) {
		*ret_quirk = "C05";
		return json_object_new_object();
	}
	*ret_error = is_absent ? "the payload is missing" : "the payload is not an object";
	return NULL;
}

static struct inbound *
take_payload(const struct frame *frame, struct inbound *message, size_t i)
{
	const char *quirk;
	const char *error;

	if (message == NULL)
		return NULL;
	message->payload = read_payload(frame, i, &quirk, &error);
	if (error != NULL)
		return malformed(message, "C05", error);
	if (message->payload == NULL) {
		inbound_free(message);
		return NULL;
	}
	return quirk != NULL ? add_finding(message, quirk, NULL) : message;
}

static struct inbound *
read_call(const struct frame *frame, const char *id, bool is_numeric)
{
	const char *action = element_text(frame, 2);
	struct inbound *message = inbound_make(INBOUND_CALL, id, action);

	if (message == NULL)
		return NULL;
	message->received_us = frame->reader->now_us;
	message = check_id(frame, message, is_numeric);
	if (action == NULL || action[0] == '\0')
		return malformed(message, NULL, "the action is missing or no string");
	if (frame->count > 4)
		return malformed(message, NULL, "a CALL has four elements");
	message = take_payload(frame, message, 3);
	return message != NULL ? check_payload(frame, message) : NULL;
}

static struct inbound *
read_result(const struct frame *frame, const char *id, bool is_numeric)
{
	struct inbound *message = inbound_make(INBOUND_RESULT, id, NULL);

	if (message == NULL)
		return NULL;
	message->is_numeric_id = is_numeric;
	if (frame->count > 3)
		return malformed(message, NULL, "a CALLRESULT has three elements");
	return take_payload(frame, message, 2);
}

/* A text of an error, without control characters; the caller frees it. */
static char *
text_of_error(const char *text, bool *has_control)
{
	struct buf buf = { 0 };

	buf_add_str(&buf, "");
	if (text != NULL && check_add_mended(&buf, text, strlen(text)))
		*has_control = true;
	return buf_steal(&buf);
}

/* C06: missing elements and null details are filled in, whatever else is there is kept; D11. */
static struct inbound *
read_error(const struct frame *frame, const char *id, bool is_numeric)
{
	const char *code = element_text(frame, 2);
	const char *description = element_text(frame, 3);
	struct json_object *details = element(frame, 4);
	bool has_control = false;
	char *name = text_of_error(code, &has_control);
	struct inbound *message = name == NULL ? NULL : inbound_make(INBOUND_ERROR, id, name);

	free(name);
	if (message == NULL)
		return NULL;
	message->is_numeric_id = is_numeric;
	message->text = text_of_error(description, &has_control);
	message->payload = json_object_get_type(details) == json_type_object
				   ? json_object_get(details)
				   : json_object_new_object();
	if (message->text == NULL || message->payload == NULL) {
		inbound_free(message);
		return NULL;
	}
	if (has_control)
		message = add_finding(message, "D11", NULL);
	if (code == NULL || description == NULL || frame->count != 5 ||
	    json_object_get_type(details) != json_type_object)
		return add_finding(message, "C06", NULL);
	return message;
}

static struct inbound *
read_envelope(const struct frame *frame)
{
	struct json_object *type = element(frame, 0);
	bool is_numeric;
	const char *id;

	if (json_object_get_type(type) != json_type_int)
		return ignored("no message type", true);
	id = read_id(frame, &is_numeric);
	switch (json_object_get_int64(type)) {
	case TYPE_CALL:
		return id != NULL ? read_call(frame, id, is_numeric)
				  : ignored("no usable message id", true);
	case TYPE_RESULT:
		return id != NULL ? read_result(frame, id, is_numeric)
				  : ignored("no usable message id", true);
	case TYPE_ERROR:
		return id != NULL ? read_error(frame, id, is_numeric)
				  : ignored("no usable message id", true);
	default:
		/* OCPP-J 1.6: an unknown message type SHALL be ignored. */
		return ignored("unknown message type", false);
	}
}

/* ---- Text --------------------------------------------------------------------------------- */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\0';
}

/* B08: blanks, NUL and a byte order mark round the JSON. */
static void
trim(struct frame *frame)
{
	if (frame->len >= 3 && memcmp(frame->text, "\xef\xbb\xbf", 3) == 0) {
		frame->text += 3;
		frame->len -= 3;
		frame->is_trimmed = true;
	}
	while (frame->len > 0 && is_blank(frame->text[0])) {
		frame->is_trimmed |= frame->text[0] == '\0';
		frame->text++;
		frame->len--;
	}
	while (frame->len > 0 && is_blank(frame->text[frame->len - 1])) {
		frame->is_trimmed |= frame->text[frame->len - 1] == '\0';
		frame->len--;
	}
}

/* NULL with *ret_reason: no array. */
static struct json_object *
parse(const struct frame *frame, const char **ret_reason)
{
	struct json_tokener *tokener = frame->reader->tokener;
	struct json_object *root;

	*ret_reason = "no JSON";
	if (frame->len == 0 || frame->len > INT_MAX)
		return NULL;
	json_tokener_reset(tokener);
	root = json_tokener_parse_ex(tokener, frame->text, (int)frame->len);
	if (json_tokener_get_error(tokener) == json_tokener_error_depth)
		*ret_reason = "JSON nested too deep";
	if (json_tokener_get_error(tokener) != json_tokener_success ||
	    json_tokener_get_parse_end(tokener) != frame->len) {
		json_object_put(root);
		return NULL;
	}
	*ret_reason = "no array";
	if (json_object_get_type(root) == json_type_array)
		return root;
	json_object_put(root);
	return NULL;
}

struct inbound *
inbound_new(const struct reader *reader, const char *text, size_t len)
{
	struct frame frame = { .reader = reader, .text = text, .len = len };
	struct inbound *message;
	const char *reason;

	trim(&frame);
	frame.root = parse(&frame, &reason);
	if (frame.root == NULL) {
		message = ignored(reason, true);
	} else {
		frame.count = json_object_array_length(frame.root);
		message = read_envelope(&frame);
		json_object_put(frame.root);
	}
	if (message != NULL && frame.is_trimmed)
		message = add_finding(message, "B08", NULL);
	if (message != NULL && reader->is_binary)
		message = add_finding(message, "B07", NULL);
	if (message == NULL)
		return NULL;
	message->received_us = reader->now_us;
	message->len = len;
	message->table = reader->table;
	if (message->findings == NULL && !message->has_refusal &&
	    message->kind != INBOUND_IGNORED && !reader->table->keeps_frames)
		return message;
	message->raw =
		str_ndup(frame.text, message->kind == INBOUND_IGNORED && frame.len > IGNORED_RAW_MAX
					     ? IGNORED_RAW_MAX
					     : frame.len);
	if (message->raw == NULL) {
		inbound_free(message);
		return NULL;
	}
	return message;
}
