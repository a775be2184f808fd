/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Frames that go out: compact JSON, ASCII with \u escapes (quirks.md, section J). Trees are written
 * on the thread that sends, texts are copied once into the buffer they are sent from.
 */
#include "ocpp/message.h"

#include <json-c/json.h>
#include <math.h>

#include "base/buf.h"
#include "base/text.h"

#define DESCRIPTION_MAX 255 /* characters */
#define WRITE_DEPTH_MAX 40  /* above what is read: payloads are wrapped, never deeper */

static bool
is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* Decodes one code point of UTF-8; what is none becomes U+FFFD. Returns its length. */
static size_t
decode(const unsigned char *at, size_t len, uint32_t *ret_code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t size = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
	uint32_t code;

	*ret_code = 0xfffd;
	if (at[0] < 0xc2 || at[0] > 0xf4 || size > len)
		return 1;
	code = at[0] & (0xffu >> (size + 1));
	for (size_t i = 1; i < size; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 1;
		code = code << 6 | (at[i] & 0x3fu);
	}
	if (code < least[size] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 1;
	*ret_code = code;
	return size;
}

static void
write_code(struct buf *buf, uint32_t code)
{
	static const char hex[] = "0123456789abcdef";
	char text[6] = {
		'\\',          'u', hex[code >> 12 & 15], hex[code >> 8 & 15], hex[code >> 4 & 15],
		hex[code & 15]
	};

	buf_add(buf, text, sizeof(text));
}

static void
write_wide(struct buf *buf, uint32_t code)
{
	if (code < 0x10000) {
		write_code(buf, code);
		return;
	}
	write_code(buf, 0xd800 + ((code - 0x10000) >> 10));
	write_code(buf, 0xdc00 + ((code - 0x10000) & 0x3ff));
}

/* What is not plain ASCII, beginning at text. Returns the bytes it took. */
static size_t
write_special(struct buf *buf, const char *text, size_t len)
{
	static const char from[] = "\"\\\b\f\n\r\t";
	static const char to[] = "\"\\bfnrt";
	const char *at = *text != '\0' ? strchr(from, *text) : NULL;
	uint32_t code = (unsigned char)*text;
	size_t size = 1;

	if (at != NULL) {
		char pair[2] = { '\\', to[at - from] };

		buf_add(buf, pair, 2);
		return 1;
	}
	if (code >= 0x80)
		size = decode((const unsigned char *)text, len, &code);
	write_wide(buf, code);
	return size;
}

static void
write_string(struct buf *buf, const char *text, size_t len)
{
	size_t at = 0;

	buf_add_char(buf, '"');
	while (at < len) {
		size_t begin = at;

		while (at < len && is_plain((unsigned char)text[at]))
			at++;
		if (at > begin)
			buf_add(buf, text + begin, at - begin);
		if (at < len)
			at += write_special(buf, text + at, len - at);
	}
	buf_add_char(buf, '"');
}

/* JSON text as it is, but for what is not ASCII, which can only stand inside its strings. */
static void
write_ascii(struct buf *buf, const char *text, size_t len)
{
	size_t at = 0;

	while (at < len) {
		size_t begin = at;

		while (at < len && (unsigned char)text[at] < 0x80)
			at++;
		if (at > begin)
			buf_add(buf, text + begin, at - begin);
		if (at < len)
			at += write_special(buf, text + at, len - at);
	}
}

/* The shortest text that reads back as the same number, or the literal it was read from. */
static void
write_double(struct buf *buf, struct json_object *value)
{
	double number = json_object_get_double(value);
	char text[40];
	double back;

	if (!isfinite(number)) {
		buf_add_str(buf, "null");
		return;
	}
	/* json-c also keeps literals that are none of JSON's, such as `1.`. */
	if (json_object_get_userdata(value) != NULL &&
	    number_is_json(json_object_get_string(value))) {
		buf_add_str(buf, json_object_get_string(value));
		return;
	}
	(void)snprintf(text, sizeof(text), "%.15g", number);
	if (parse_double(text, &back) < 0 || back < number || back > number)
		(void)snprintf(text, sizeof(text), "%.17g", number);
	buf_add_str(buf, text);
}

static int write_value(struct buf *buf, struct json_object *value, uint32_t depth);

static int
write_object(struct buf *buf, struct json_object *value, uint32_t depth)
{
	int r = 0;

	buf_add_char(buf, '{');
	for (struct lh_entry *entry = json_object_get_object(value)->head; entry != NULL && r == 0;
	     entry = entry->next) {
		const char *key = lh_entry_k(entry);

		if (entry->prev != NULL)
			buf_add_char(buf, ',');
		write_string(buf, key, strlen(key));
		buf_add_char(buf, ':');
		r = write_value(buf, lh_entry_v(entry), depth + 1);
	}
	buf_add_char(buf, '}');
	return r;
}

static int
write_array(struct buf *buf, struct json_object *value, uint32_t depth)
{
	size_t count = json_object_array_length(value);
	int r = 0;

	buf_add_char(buf, '[');
	for (size_t i = 0; i < count && r == 0; i++) {
		if (i > 0)
			buf_add_char(buf, ',');
		r = write_value(buf, json_object_array_get_idx(value, i), depth + 1);
	}
	buf_add_char(buf, ']');
	return r;
}

/* Recursion is bounded by WRITE_DEPTH_MAX. */
static int
write_value(struct buf *buf, struct json_object *value, uint32_t depth)
{
	if (depth > WRITE_DEPTH_MAX)
		return OCPPD_EINVAL;
	switch (json_object_get_type(value)) {
	case json_type_null:
		buf_add_str(buf, "null");
		return 0;
	case json_type_boolean:
		buf_add_str(buf, json_object_get_boolean(value) ? "true" : "false");
		return 0;
	case json_type_double:
		write_double(buf, value);
		return 0;
	case json_type_int:
		buf_add_str(buf, json_object_get_string(value));
		return 0;
	case json_type_string:
		write_string(buf, json_object_get_string(value),
			     (size_t)json_object_get_string_len(value));
		return 0;
	case json_type_object:
		return write_object(buf, value, depth);
	case json_type_array:
		return write_array(buf, value, depth);
	}
	return OCPPD_EINVAL;
}

int
json_write(struct buf *buf, struct json_object *value)
{
	int r = write_value(buf, value, 0);

	return r < 0 ? r : buf->error;
}

/* ---- Messages ----------------------------------------------------------------------------- */

static struct outbound *
outbound_make(void)
{
	return calloc(1, sizeof(struct outbound));
}

static void
start(struct buf *buf, size_t expected)
{
	if (buf_reserve(buf, OUTBOUND_HEADROOM + expected) == 0)
		buf->len = OUTBOUND_HEADROOM;
}

/* `[3,"id",` */
static void
write_head(struct buf *buf, char type, const char *id, bool is_numeric)
{
	char open[3] = { '[', type, ',' };

	buf_add(buf, open, sizeof(open));
	if (is_numeric)
		buf_add_str(buf, id);
	else
		write_string(buf, id, strlen(id));
	buf_add_char(buf, ',');
}

/* The text of buf becomes the message's. Frees everything and returns NULL after an error. */
static struct outbound *
finish(struct outbound *message, struct buf *buf)
{
	if (message == NULL || buf->error != 0 || buf->len < OUTBOUND_HEADROOM) {
		buf_fini(buf);
		outbound_free(message);
		return NULL;
	}
	message->len = buf->len - OUTBOUND_HEADROOM;
	message->data = buf_steal(buf);
	return message;
}

struct outbound *
outbound_result(const char *id, bool is_numeric, struct json_object *payload)
{
	struct outbound *message = outbound_make();
	struct buf buf = { 0 };

	write_head(&buf, '3', id, is_numeric);
	if (message == NULL || buf.error != 0) {
		buf_fini(&buf);
		json_object_put(payload);
		free(message);
		return NULL;
	}
	message->head = buf_steal(&buf);
	message->payload = payload;
	return message;
}

struct outbound *
outbound_result_text(const char *id, bool is_numeric, const char *text, size_t len)
{
	struct outbound *message = outbound_make();
	struct buf buf = { 0 };

	start(&buf, len + strlen(id) + 16);
	write_head(&buf, '3', id, is_numeric);
	write_ascii(&buf, text, len);
	buf_add_char(&buf, ']');
	return finish(message, &buf);
}

struct outbound *
outbound_error(const char *id, bool is_numeric, const char *code, const char *description,
	       struct json_object *details)
{
	struct outbound *message = outbound_make();
	struct buf buf = { 0 };
	size_t len = utf8_cut(description != NULL ? description : "", DESCRIPTION_MAX);

	start(&buf, 256 + len);
	write_head(&buf, '4', id, is_numeric);
	write_string(&buf, code, strlen(code));
	buf_add_char(&buf, ',');
	write_string(&buf, description != NULL ? description : "", len);
	buf_add_char(&buf, ',');
	if (details == NULL)
		buf_add_str(&buf, "{}");
	else if (json_write(&buf, details) == OCPPD_EINVAL)
		buf.error = OCPPD_ENOMEM;
	json_object_put(details);
	buf_add_char(&buf, ']');
	return finish(message, &buf);
}

struct outbound *
outbound_call(const char *id, const char *action, struct json_object *payload)
{
	struct outbound *message = outbound_make();
	struct buf buf = { 0 };

	start(&buf, 256);
	write_head(&buf, '2', id, false);
	write_string(&buf, action, strlen(action));
	buf_add_char(&buf, ',');
	if (json_write(&buf, payload) == OCPPD_EINVAL)
		buf.error = OCPPD_ENOMEM;
	buf_add_char(&buf, ']');
	return finish(message, &buf);
}

struct outbound *
outbound_copy(const char *text, size_t len)
{
	struct outbound *message = outbound_make();
	struct buf buf = { 0 };

	start(&buf, len);
	buf_add(&buf, text, len);
	return finish(message, &buf);
}

char *
outbound_text(struct outbound *message, size_t *ret_len)
{
	struct buf buf = { 0 };

	if (message->data == NULL) {
		start(&buf, 512);
		buf_add_str(&buf, message->head);
		if (json_write(&buf, message->payload) < 0 || buf.error != 0) {
			buf_fini(&buf);
			return NULL;
		}
		buf_add_char(&buf, ']');
		if (buf.error != 0) {
			buf_fini(&buf);
			return NULL;
		}
		message->len = buf.len - OUTBOUND_HEADROOM;
		message->data = buf_steal(&buf);
		json_object_put(message->payload);
		message->payload = NULL;
	}
	*ret_len = message->len;
	return message->data + OUTBOUND_HEADROOM;
}

void
outbound_free(struct outbound *message)
{
	if (message == NULL)
		return;
	free(message->data);
	free(message->head);
	json_object_put(message->payload);
	free(message);
}
