/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * GET /v1/stations/{stationId}/messages: the newest OCPP frames of a station, from the core's ring,
 * newest first. Live ones go out with the events (events.c).
 */
#include "frames.h"

#include <ocppd/json.h>
#include <ocppd/plugin.h>

#include "command.h"
#include "http_api.h"
#include "items.h"
#include "target.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#define LIMIT_DEFAULT 100

struct walk {
	struct items items;
	const char *action;    /* NULL: all */
	const char *direction; /* NULL: both */
	uint64_t before;       /* sequence; 0: from the newest */
	uint64_t last;         /* sequence of the last one that was taken */
	int64_t left;
	bool has_more;
};

static const char *
direction_of(const struct ocppd_frame *frame)
{
	return (frame->flags & OCPPD_FRAME_SENT) != 0 ? "sent" : "received";
}

/* The text is UTF-8, unless the station sent what is none. */
static int
add_text(struct json_object *item, const struct ocppd_frame *frame)
{
	char *copy;
	int r;

	if (text_is_utf8(frame->text, frame->len))
		return ocppd_json_add_str(item, "frame", frame->text);
	copy = strndup(frame->text, frame->len);
	if (copy == NULL)
		return OCPPD_ENOMEM;
	text_mend(copy);
	r = ocppd_json_add_str(item, "frame", copy);
	free(copy);
	return r;
}

struct json_object *
frame_json(const struct ocppd_frame *frame)
{
	struct json_object *item = json_object_new_object();
	int r = 0;

	if (item == NULL)
		return NULL;
	r |= ocppd_json_add_int(item, "sequence", (int64_t)frame->sequence);
	r |= ocppd_json_add_time(item, "time", frame->time_us);
	r |= ocppd_json_add_str(item, "stationId", frame->station_id);
	r |= ocppd_json_add_str(item, "direction", direction_of(frame));
	if (frame->action[0] != '\0')
		r |= ocppd_json_add_str(item, "action", frame->action);
	r |= ocppd_json_add_int(item, "connectionId", (int64_t)frame->connection_id);
	r |= ocppd_json_add_int(item, "bytes", (int64_t)frame->full_len);
	if ((frame->flags & OCPPD_FRAME_MASKED) != 0)
		r |= ocppd_json_add_bool(item, "masked", 1);
	if ((frame->flags & OCPPD_FRAME_CUT) != 0)
		r |= ocppd_json_add_bool(item, "cut", 1);
	if ((frame->flags & OCPPD_FRAME_UNREADABLE) != 0)
		r |= ocppd_json_add_bool(item, "unreadable", 1);
	r |= add_text(item, frame);
	if (r == 0)
		return item;
	(void)json_object_put(item);
	return NULL;
}

static int
on_frame(const struct ocppd_frame *frame, void *arg)
{
	struct walk *walk = arg;

	if (walk->before != 0 && frame->sequence >= walk->before)
		return 0;
	if ((walk->action != NULL && strcmp(walk->action, frame->action) != 0) ||
	    (walk->direction != NULL && strcmp(walk->direction, direction_of(frame)) != 0))
		return 0;
	if (walk->left == 0) {
		walk->has_more = true;
		return 1;
	}
	if (!items_add(&walk->items, frame_json(frame)))
		return 1;
	walk->last = frame->sequence;
	walk->left--;
	return 0;
}

void
frames_get(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	const char *station_id = ocppd_request_param(request, "stationId");
	const struct ocppd_station *station = ocppd_station_find(host, station_id);
	struct walk walk = {
		.action = ocppd_request_query(request, "action"),
		.direction = ocppd_request_query(request, "direction"),
		.before = (uint64_t)ocppd_request_query_int(request, "after", 0),
		.left = ocppd_request_query_int(request, "limit", LIMIT_DEFAULT),
	};
	char next[24];

	(void)ctx;
	if (station == NULL && !station_is_known(host, station_id)) {
		ocppd_request_problem(host, request, 404, "unknown-station",
				      "station %.60s is not known", station_id);
		return;
	}
	items_init(&walk.items);
	if (station != NULL && ocppd_frames_each(host, station, on_frame, &walk) == OCPPD_ENOTSUP) {
		items_fini(&walk.items);
		ocppd_request_problem(host, request, 501, "frames-off",
				      "frames_memory is 0: no frames are kept");
		return;
	}
	(void)snprintf(next, sizeof(next), "%" PRIu64, walk.last);
	items_reply(&walk.items, host, request, walk.has_more ? next : NULL);
}
