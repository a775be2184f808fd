/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The ring of the newest frames. A frame costs one copy; only those of actions that have secrets
 * are read again, masked, and written anew before they enter. Nothing here may fail a message: what
 * cannot be kept, or not be masked, is left out.
 */
#include "ocpp/frames.h"

#include <json-c/json.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/text.h"
#include "ocpp/floor.h"
#include "ocpp/schema.h"

#define ALIGN sizeof(struct record) /* so that a filler always has room for its head */
#define TYPE_CALL_PAYLOAD 3         /* element of the array */
#define TYPE_RESULT_PAYLOAD 2

/* A record: this, the text and NUL, the action and NUL, up to a multiple of ALIGN. */
struct record {
	uint64_t position; /* its own: what does not match is no record */
	uint64_t previous; /* of the same station; gone if before the tail */
	uint64_t sequence; /* 0: filler up to the end of the ring */
	int64_t time_us;
	uint64_t connection_id;
	const struct ocppd_station *station;
	size_t full_len;
	uint32_t size;
	uint32_t len;
	uint32_t flags;
	uint32_t reserved;
};

_Static_assert(sizeof(struct record) % 8 == 0, "records must stay aligned");

struct entry {
	struct ocppd_station *station;
	uint64_t connection_id;
	int64_t time_us;
	uint32_t flags;
	const char *action;
	const char *text;
	size_t len;
	size_t full_len; /* on the wire */
};

static struct record *
record_at(const struct frames *frames, uint64_t position)
{
	return (struct record *)(void *)(frames->ring + position % frames->size);
}

/* ---- Adding ------------------------------------------------------------------------------- */

static void
make_room(struct frames *frames, uint64_t size)
{
	while (frames->head + size - frames->tail > frames->size)
		frames->tail += record_at(frames, frames->tail)->size;
}

/* A record never wraps: what is left at the end of the ring is filled. */
static void
fill_end(struct frames *frames, uint64_t size)
{
	uint64_t left = frames->size - frames->head % frames->size;
	struct record *filler;

	if (left >= size)
		return;
	make_room(frames, left);
	filler = record_at(frames, frames->head);
	memset(filler, 0, sizeof(*filler));
	filler->position = frames->head;
	filler->size = (uint32_t)left;
	frames->head += left;
}

static void
add(struct frames *frames, const struct entry *entry)
{
	size_t action_size = strlen(entry->action) + 1;
	size_t len = entry->len < FRAMES_TEXT_MAX ? entry->len : FRAMES_TEXT_MAX;
	struct record *record;
	uint64_t size;
	char *text;

	while (len < entry->len && len > 0 && ((unsigned char)entry->text[len] & 0xc0) == 0x80)
		len--; /* no half character */
	size = (sizeof(*record) + len + 1 + action_size + ALIGN - 1) / ALIGN * ALIGN;
	fill_end(frames, size);
	make_room(frames, size);
	record = record_at(frames, frames->head);
	*record = (struct record){
		.position = frames->head,
		.previous = entry->station->last_frame,
		.sequence = ++frames->sequence,
		.time_us = entry->time_us,
		.connection_id = entry->connection_id,
		.station = entry->station,
		.full_len = entry->full_len,
		.size = (uint32_t)size,
		.len = (uint32_t)len,
		.flags = entry->flags | (len < entry->len ? OCPPD_FRAME_CUT : 0),
	};
	text = (char *)(record + 1);
	memcpy(text, entry->text, len);
	text[len] = '\0';
	memcpy(text + len + 1, entry->action, action_size);
	entry->station->last_frame = frames->head;
	frames->head += size;
}

/* ---- Secrets ------------------------------------------------------------------------------ */

static void mask_object(const struct schema *schema, struct json_object *object);

static void
mask_member(const struct schema_field *field, struct json_object *value)
{
	if (json_object_get_type(value) != json_type_array) {
		mask_object(field->fields, value);
		return;
	}
	for (size_t i = 0; i < json_object_array_length(value); i++)
		mask_object(field->fields, json_object_array_get_idx(value, i));
}

/* As deep as the schema, which is bounded. */
static void
mask_object(const struct schema *schema, struct json_object *object)
{
	if (schema == NULL || json_object_get_type(object) != json_type_object)
		return;
	for (uint32_t i = 0; i < schema->count; i++) {
		const struct schema_field *field = &schema->fields[i];
		struct json_object *value;

		if (!json_object_object_get_ex(object, field->name, &value))
			continue;
		if ((field->flags & OCPPD_SECRET) != 0)
			(void)json_object_object_add(object, field->name,
						     json_object_new_string(OCPPD_MASK));
		else
			mask_member(field, value);
	}
}

/* The frame without its secrets; the caller frees it. NULL: it could not be read. */
static char *
mask_text(struct frames *frames, const struct action_row *row, const char *text, size_t len)
{
	struct json_object *root = NULL;
	struct json_object *payload;
	struct buf buf = { 0 };
	bool is_conf;

	if (frames->tokener == NULL)
		frames->tokener = message_tokener_new();
	if (frames->tokener == NULL || len > INT32_MAX)
		return NULL;
	json_tokener_reset(frames->tokener);
	root = json_tokener_parse_ex(frames->tokener, text, (int)len);
	if (json_object_get_type(root) != json_type_array) {
		json_object_put(root);
		return NULL;
	}
	is_conf = json_object_get_int(json_object_array_get_idx(root, 0)) != 2;
	payload =
		json_object_array_get_idx(root, is_conf ? TYPE_RESULT_PAYLOAD : TYPE_CALL_PAYLOAD);
	mask_object(is_conf ? row->conf : row->req, payload);
	if (row->mask != NULL && json_object_get_type(payload) == json_type_object)
		row->mask(payload, is_conf ? 1 : 0);
	if (json_write(&buf, root) < 0 || buf.error != 0)
		buf_fini(&buf);
	json_object_put(root);
	return buf.data;
}

/* row NULL: has no secrets. */
static void
add_masked(struct ocpp *ocpp, struct entry *entry, const struct action_row *row)
{
	char *masked;

	if (row == NULL || !row->has_secrets) {
		add(&ocpp->frames, entry);
		return;
	}
	masked = mask_text(&ocpp->frames, row, entry->text, entry->len);
	if (masked == NULL)
		return;
	entry->text = masked;
	entry->len = strlen(masked);
	entry->flags |= OCPPD_FRAME_MASKED;
	add(&ocpp->frames, entry);
	free(masked);
}

/* An answer to what nobody knows any more may hold anything: its payload is left out. */
static void
add_stray(struct ocpp *ocpp, struct entry *entry, const struct inbound *message)
{
	struct json_object *root = json_object_new_array();
	struct buf buf = { 0 };

	if (root == NULL)
		return;
	(void)json_object_array_add(root, json_object_new_int(3));
	(void)json_object_array_add(root, json_object_new_string(message->id));
	(void)json_object_array_add(root, json_object_new_string(OCPPD_MASK));
	if (json_write(&buf, root) == 0 && buf.error == 0) {
		entry->text = buf.data;
		entry->len = buf.len;
		entry->flags |= OCPPD_FRAME_MASKED;
		add(&ocpp->frames, entry);
	}
	buf_fini(&buf);
	json_object_put(root);
}

/* ---- Both ways ---------------------------------------------------------------------------- */

static const struct action_row *
answered_row(const struct ocppd_station *station, const struct inbound *message)
{
	const struct station_calls *calls = station->calls;

	if (calls == NULL || !calls->is_flying || calls->flying == NULL ||
	    !str_eq(calls->flying_id, message->id))
		return NULL;
	return calls->flying->row;
}

static void
record_in(struct ocpp *ocpp, struct ocppd_station *station, const struct inbound *message)
{
	const struct action_row *row = message->action;
	struct entry entry = {
		.station = station,
		.connection_id = message->conn->id,
		.time_us = message->received_us,
		.action = message->action_name != NULL ? message->action_name : "",
		.text = message->raw,
		.len = strlen(message->raw),
		.full_len = message->len,
	};

	switch (message->kind) {
	case INBOUND_CALL:
		add_masked(ocpp, &entry, row);
		return;
	case INBOUND_RESULT:
	case INBOUND_ERROR:
		row = answered_row(station, message);
		if (row != NULL)
			entry.action = row->name;
		if (row == NULL && message->kind == INBOUND_RESULT)
			add_stray(ocpp, &entry, message);
		else
			add_masked(ocpp, &entry, message->kind == INBOUND_RESULT ? row : NULL);
		return;
	case INBOUND_IGNORED:
		entry.flags = OCPPD_FRAME_UNREADABLE;
		add(&ocpp->frames, &entry);
		return;
	case INBOUND_OPENED:
	case INBOUND_CLOSED:
		return;
	}
}

void
frames_in(struct ocpp *ocpp, struct inbound *message)
{
	struct ocppd_station *station = message->conn->station;

	if (message->raw == NULL)
		return;
	if (ocpp->frames.ring != NULL && station != NULL)
		record_in(ocpp, station, message);
	/* Modules get the frame where it deviates; else it was copied for the ring alone. */
	if (message->findings == NULL && !message->has_refusal &&
	    message->kind != INBOUND_IGNORED) {
		free(message->raw);
		message->raw = NULL;
	}
}

void
frames_out(struct ocpp *ocpp, const struct conn *conn, const struct action_row *row,
	   struct outbound *message)
{
	struct entry entry = {
		.station = conn->station,
		.connection_id = conn->id,
		.flags = OCPPD_FRAME_SENT,
		.action = row != NULL ? row->name : "",
	};

	if (ocpp->frames.ring == NULL || conn->station == NULL)
		return;
	entry.text = outbound_text(message, &entry.len);
	if (entry.text == NULL)
		return;
	entry.full_len = entry.len;
	entry.time_us = clock_now_us(&ocpp->core->clock);
	add_masked(ocpp, &entry, row);
}

/* ---- Walking ------------------------------------------------------------------------------ */

static struct ocppd_frame
frame_of(const struct record *record)
{
	const char *text = (const char *)(record + 1);

	return (struct ocppd_frame){
		.struct_size = sizeof(struct ocppd_frame),
		.flags = record->flags,
		.sequence = record->sequence,
		.time_us = record->time_us,
		.connection_id = record->connection_id,
		.station_id = record->station->id,
		.action = text + record->len + 1,
		.text = text,
		.len = record->len,
		.full_len = record->full_len,
	};
}

int
ocppd_frames_each(struct ocppd_host *host, const struct ocppd_station *station, ocppd_frame_fn *fn,
		  void *arg)
{
	const struct frames *frames = &ocpp_of(host)->frames;
	uint64_t position = station->last_frame;

	if (frames->ring == NULL)
		return OCPPD_ENOTSUP;
	/* Position 0 is never a record's: rings begin behind it. */
	while (position != 0 && position >= frames->tail) {
		const struct record *record = record_at(frames, position);
		struct ocppd_frame frame = frame_of(record);
		int r = fn(&frame, arg);

		if (r != 0)
			return r;
		position = record->previous;
	}
	return 0;
}

void
ocppd_frames_end(struct ocppd_host *host, struct ocppd_frame_cursor *ret_cursor)
{
	const struct frames *frames = &ocpp_of(host)->frames;

	ret_cursor->position = frames->head;
	ret_cursor->sequence = frames->sequence;
}

int
ocppd_frames_follow(struct ocppd_host *host, struct ocppd_frame_cursor *cursor, ocppd_frame_fn *fn,
		    void *arg)
{
	const struct frames *frames = &ocpp_of(host)->frames;

	if (frames->ring == NULL)
		return OCPPD_ENOTSUP;
	if (cursor->position < frames->tail || cursor->position > frames->head ||
	    cursor->position % ALIGN != 0)
		cursor->position = frames->tail;
	while (cursor->position < frames->head) {
		const struct record *record = record_at(frames, cursor->position);
		int r = 0;

		if (record->position != cursor->position)
			return OCPPD_EINVAL;
		if (record->sequence != 0) {
			struct ocppd_frame frame = frame_of(record);

			r = fn(&frame, arg);
			if (r != 0)
				return r;
			cursor->sequence = record->sequence;
		}
		cursor->position += record->size;
	}
	return 0;
}

/* ---- Life --------------------------------------------------------------------------------- */

int
frames_resize(struct ocpp *ocpp, int64_t bytes)
{
	struct frames *frames = &ocpp->frames;
	uint64_t size = bytes <= 0 ? 0 : (uint64_t)bytes;
	char *ring = NULL;

	if (size > 0 && size < FRAMES_RING_MIN)
		size = FRAMES_RING_MIN;
	size -= size % ALIGN;
	if (size == frames->size)
		return 0;
	if (size > 0) {
		ring = malloc(size);
		if (ring == NULL)
			return OCPPD_ENOMEM;
	}
	free(frames->ring);
	frames->ring = ring;
	/* Behind all that there was, at the beginning of the new ring: old positions are gone. */
	if (size > 0)
		frames->head = (frames->head / size + 1) * size;
	frames->tail = frames->head;
	frames->size = size;
	return 0;
}

void
frames_fini(struct ocpp *ocpp)
{
	struct frames *frames = &ocpp->frames;

	free(frames->ring);
	if (frames->tokener != NULL)
		json_tokener_free(frames->tokener);
	memset(frames, 0, sizeof(*frames));
}
