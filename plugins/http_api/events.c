/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * GET /v1/events: server-sent events. One ring holds the newest for all followers; each has a place
 * in it. A slow follower stays behind until the ring has passed it, and is then told how many it
 * missed. An event's id is the daemon's start and the event's number, so that a follower that comes
 * back after a restart learns of the gap, too.
 *
 * Nothing is kept before the first follower came: what nobody hears costs nothing.
 */
#include "events.h"

#include <ocppd/frame.h>
#include <ocppd/json.h>
#include <ocppd/plugin.h>

#include "auth.h"
#include "event_types.h"
#include "frames.h"
#include "http_api.h"
#include "problem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <json-c/json.h>

#define KEEPALIVE_MS 15000
#define PATTERN_MAX 512
#define FRAMES_EVERY_MS 100
#define FRAMES_A_TURN 500   /* of one follower; who wants more falls behind, and is told */
#define FOLLOWERS_A_TURN 32 /* served before stations' messages get their turn again */

struct entry {
	uint64_t sequence; /* 0: empty */
	char *topic;
	char *station_id; /* NULL: none */
	char *text;       /* as it is sent */
};

struct follower {
	TAILQ_ENTRY(follower) link;
	struct events *events;
	struct ocppd_request *request;
	uint64_t next; /* number of entries ever added that it has seen */
	bool is_blocked;
	bool wants_frames;
	struct ocppd_frame_cursor frames;
	uint64_t frame_seen;  /* its sequence */
	uint32_t frames_left; /* of this turn */
	char types[PATTERN_MAX];
	char station_id[4 * OCPPD_STATION_ID_MAX + 1];
};

struct events {
	struct ocppd_host *host;
	struct ocppd_subscription *subscription;
	struct ocppd_timer *keepalive;
	struct ocppd_timer *frames_timer;
	struct ocppd_timer *pump_timer;
	bool is_pumping; /* the timer is set */
	uint32_t frame_followers;
	struct entry *ring;
	uint64_t size;
	uint64_t added; /* entries ever added; the newest is number `added` */
	uint32_t count; /* followers */
	TAILQ_HEAD(followers, follower) followers; /* whose turn it is first */
};

/* ---- The ring ------------------------------------------------------------------------------ */

static void
entry_clear(struct entry *entry)
{
	free(entry->topic);
	free(entry->station_id);
	free(entry->text);
	memset(entry, 0, sizeof(*entry));
}

static struct json_object *
event_tree(const struct ocppd_event *event)
{
	struct json_object *tree = json_object_new_object();
	int r = 0;

	if (tree == NULL)
		return NULL;
	r |= ocppd_json_add_int(tree, "sequence", (int64_t)event->sequence);
	r |= ocppd_json_add_time(tree, "time", event->time_us);
	r |= ocppd_json_add_str(tree, "type", event->topic);
	r |= ocppd_json_add_str(tree, "publisher", event->publisher);
	r |= ocppd_json_add_str(tree, "stationId", event->station_id);
	r |= ocppd_json_add(tree, "body", json_object_get(event->body));
	if (r < 0) {
		(void)json_object_put(tree);
		return NULL;
	}
	return tree;
}

static char *
event_text(const struct events *events, const struct ocppd_event *event)
{
	struct json_object *tree = event_tree(event);
	char *text = NULL;

	if (tree == NULL)
		return NULL;
	if (asprintf(&text, "id: %lld-%llu\nevent: %s\ndata: %s\n\n",
		     (long long)ocppd_started_us(events->host), (unsigned long long)event->sequence,
		     event->topic,
		     json_object_to_json_string_ext(
			     tree, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)) < 0)
		text = NULL;
	(void)json_object_put(tree);
	return text;
}

/* Entry number n (from 1), which must still be there. */
static struct entry *
entry_at(const struct events *events, uint64_t n)
{
	return &events->ring[(n - 1) % events->size];
}

static uint64_t
oldest(const struct events *events)
{
	return events->added > events->size ? events->added - events->size + 1 : 1;
}

/* ---- Followers ----------------------------------------------------------------------------- */

static void
follower_free(struct follower *follower)
{
	TAILQ_REMOVE(&follower->events->followers, follower, link);
	follower->events->count--;
	if (follower->wants_frames)
		follower->events->frame_followers--;
	free(follower);
}

static bool
is_wanted(const struct follower *follower, const struct entry *entry)
{
	if (follower->station_id[0] != '\0' &&
	    (entry->station_id == NULL || strcmp(entry->station_id, follower->station_id) != 0))
		return false;
	return event_types_fit(follower->types, entry->topic);
}

/* Returns what ocppd_request_write does; after OCPPD_EGONE the follower is gone. */
static int
follower_write(struct follower *follower, const char *text)
{
	int r = ocppd_request_write(follower->events->host, follower->request, text, strlen(text));

	if (r == OCPPD_EBUSY)
		follower->is_blocked = true;
	else if (r == OCPPD_EGONE)
		follower_free(follower);
	return r;
}

static void
pump_later(struct events *events)
{
	if (events->is_pumping)
		return;
	events->is_pumping = true;
	ocppd_timer_set(events->pump_timer, 0);
}

static int
tell_gap(struct follower *follower, uint64_t missed)
{
	char text[128];

	(void)snprintf(text, sizeof(text), "event: gap\ndata: {\"missed\":%llu}\n\n",
		       (unsigned long long)missed);
	return follower_write(follower, text);
}

/* Sends what the follower has not seen, as far as there is room. Returns whether that was any. */
static bool
follower_pump(struct follower *follower)
{
	struct events *events = follower->events;
	bool has_sent = false;

	while (!follower->is_blocked && follower->next < events->added) {
		uint64_t first = oldest(events);
		const struct entry *entry;

		if (follower->next + 1 < first) {
			has_sent = true;
			if (tell_gap(follower, first - 1 - follower->next) < 0)
				return has_sent;
			follower->next = first - 1;
		}
		entry = entry_at(events, follower->next + 1);
		if (is_wanted(follower, entry)) {
			has_sent = true;
			if (follower_write(follower, entry->text) < 0)
				return has_sent;
		}
		follower->next++;
	}
	return has_sent;
}

/* A few of those who have not seen the newest; the others in the turns that follow. */
static void
on_pump(struct ocppd_host *host, void *arg)
{
	struct events *events = arg;
	uint32_t left = FOLLOWERS_A_TURN;
	uint32_t count = events->count;

	(void)host;
	events->is_pumping = false;
	for (; count > 0 && left > 0; count--) {
		struct follower *follower = TAILQ_FIRST(&events->followers);

		TAILQ_REMOVE(&events->followers, follower, link);
		TAILQ_INSERT_TAIL(&events->followers, follower, link);
		left -= follower_pump(follower) ? 1 : 0;
	}
	if (count > 0)
		pump_later(events);
}

static void
on_ready(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct follower *follower = arg;

	(void)host;
	(void)request;
	follower->is_blocked = false;
	(void)follower_pump(follower);
}

static void
on_gone(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	(void)host;
	(void)request;
	follower_free(arg);
}

static void
on_event(struct ocppd_host *host, const struct ocppd_event *event, void *arg)
{
	struct events *events = arg;
	struct entry entry = { .sequence = event->sequence };

	(void)host;
	entry.topic = strdup(event->topic);
	entry.station_id = event->station_id == NULL ? NULL : strdup(event->station_id);
	entry.text = event_text(events, event);
	if (entry.topic == NULL || entry.text == NULL ||
	    (event->station_id != NULL && entry.station_id == NULL)) {
		entry_clear(&entry);
		return;
	}
	events->added++;
	entry_clear(entry_at(events, events->added));
	*entry_at(events, events->added) = entry;
	if (events->count > 0)
		pump_later(events);
}

/* ---- Frames -------------------------------------------------------------------------------- */

/* Frames missed are told, too, by a `gap` that says so. */
static int
tell_frame_gap(struct follower *follower, uint64_t missed)
{
	char text[128];

	(void)snprintf(text, sizeof(text), "event: gap\ndata: {\"missedFrames\":%llu}\n\n",
		       (unsigned long long)missed);
	return follower_write(follower, text);
}

static int
follower_write_frame(struct follower *follower, const struct ocppd_frame *frame)
{
	struct json_object *tree = frame_json(frame);
	char *text = NULL;
	int r = OCPPD_ENOMEM;

	if (tree == NULL)
		return r;
	if (asprintf(&text, "event: frame\ndata: %s\n\n",
		     json_object_to_json_string_ext(
			     tree, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)) < 0)
		text = NULL;
	(void)json_object_put(tree);
	if (text != NULL)
		r = follower_write(follower, text);
	free(text);
	return r;
}

/* Another value than 0 ends the turn; OCPPD_EGONE: the follower is no more. */
static int
on_frame(const struct ocppd_frame *frame, void *arg)
{
	struct follower *follower = arg;
	uint64_t missed = frame->sequence - follower->frame_seen - 1;
	int r;

	if (follower->frames_left-- == 0)
		return OCPPD_EBUSY;
	if (missed > 0) {
		r = tell_frame_gap(follower, missed);
		if (r < 0)
			return r;
		follower->frame_seen = frame->sequence - 1;
	}
	if (follower->station_id[0] != '\0' && strcmp(follower->station_id, frame->station_id) != 0)
		r = 0;
	else
		r = follower_write_frame(follower, frame);
	if (r == 0)
		follower->frame_seen = frame->sequence;
	return r;
}

static void
on_frames_due(struct ocppd_host *host, void *arg)
{
	struct events *events = arg;
	struct follower *follower = TAILQ_FIRST(&events->followers);

	while (follower != NULL) {
		struct follower *next = TAILQ_NEXT(follower, link);
		/* The walk moves its cursor after each frame, when the follower may be gone. */
		struct ocppd_frame_cursor cursor = follower->frames;

		if (follower->wants_frames && !follower->is_blocked) {
			follower->frames_left = FRAMES_A_TURN;
			if (ocppd_frames_follow(host, &cursor, on_frame, follower) != OCPPD_EGONE)
				follower->frames = cursor;
		}
		follower = next;
	}
	if (events->frame_followers > 0)
		ocppd_timer_set(events->frames_timer, FRAMES_EVERY_MS);
}

/* A comment now and then, so that proxies keep the stream and dead peers are found. */
static void
on_keepalive(struct ocppd_host *host, void *arg)
{
	struct events *events = arg;
	struct follower *follower = TAILQ_FIRST(&events->followers);

	(void)host;
	while (follower != NULL) {
		struct follower *next = TAILQ_NEXT(follower, link);

		if (!follower->is_blocked)
			(void)follower_write(follower, ":\n\n");
		follower = next;
	}
	ocppd_timer_set(events->keepalive, KEEPALIVE_MS);
}

/* ---- The route ----------------------------------------------------------------------------- */

/* Reads digits up to `end`; returns what is behind it, or NULL. */
static const char *
digits_read(const char *text, char end, uint64_t *ret_value)
{
	uint64_t value = 0;
	const char *at = text;

	for (; *at >= '0' && *at <= '9'; at++) {
		if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value))
			return NULL;
	}
	if (at == text || *at != end)
		return NULL;
	*ret_value = value;
	return at + 1;
}

/* Reads `EPOCH-NUMBER`. */
static bool
id_parse(const char *text, uint64_t *ret_epoch, uint64_t *ret_sequence)
{
	const char *rest = digits_read(text, '-', ret_epoch);

	return rest != NULL && digits_read(rest, '\0', ret_sequence) != NULL;
}

/* Puts the follower behind the event it saw last. Returns how many it missed. */
static uint64_t
follower_resume(struct follower *follower, const char *last_id)
{
	struct events *events = follower->events;
	uint64_t first = oldest(events);
	uint64_t sequence = 0;
	uint64_t epoch = 0;

	follower->next = events->added;
	if (last_id == NULL || last_id[0] == '\0')
		return 0;
	if (!id_parse(last_id, &epoch, &sequence) ||
	    epoch != (uint64_t)ocppd_started_us(events->host))
		return 1; /* not of this run: how many is not known, but at least there is a gap */

	follower->next = first - 1;
	while (follower->next < events->added &&
	       entry_at(events, follower->next + 1)->sequence <= sequence)
		follower->next++;
	if (follower->next == events->added || follower->next >= first)
		return 0;
	return entry_at(events, first)->sequence - sequence - 1;
}

static struct follower *
follower_new(struct events *events, struct ocppd_request *request)
{
	struct follower *follower = calloc(1, sizeof(*follower));
	const char *types = ocppd_request_query(request, "types");
	const char *station_id = ocppd_request_query(request, "stationId");

	if (follower == NULL)
		return NULL;
	follower->events = events;
	follower->request = request;
	(void)snprintf(follower->types, sizeof(follower->types), "%s", types == NULL ? "" : types);
	(void)snprintf(follower->station_id, sizeof(follower->station_id), "%s",
		       station_id == NULL ? "" : station_id);
	TAILQ_INSERT_TAIL(&events->followers, follower, link);
	events->count++;
	if (ocppd_request_query_int(request, "frames", 0) == 0)
		return follower;
	follower->wants_frames = true;
	ocppd_frames_end(events->host, &follower->frames);
	follower->frame_seen = follower->frames.sequence;
	if (events->frame_followers++ == 0)
		ocppd_timer_set(events->frames_timer, FRAMES_EVERY_MS);
	return follower;
}

void
events_get(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct api *api = ctx;
	struct events *events = api->events;
	const char *last_id = ocppd_request_query(request, "lastEventId");
	const char *types = ocppd_request_query(request, "types");
	struct follower *follower;
	struct problem problem;
	uint64_t missed;

	if (types != NULL && event_types_check(host, types, &problem) != 0) {
		ocppd_request_problem(host, request, problem.status, problem.kind, "%s",
				      problem.detail);
		return;
	}
	/* As for /v1/stations/{stationId}/messages: frames hold what is as good as a password. */
	if (ocppd_request_query_int(request, "frames", 0) != 0 &&
	    ocppd_request_role(request) < OCPPD_ROLE_OPERATOR) {
		ocppd_request_problem(host, request, 403, "forbidden",
				      "frames=true needs the role operator");
		return;
	}
	if (events->count >= (uint64_t)api->conf->event_clients) {
		ocppd_request_problem(host, request, 503, "too-many-followers",
				      "%lld follow the events already",
				      (long long)api->conf->event_clients);
		return;
	}
	if (events->subscription == NULL)
		events->subscription = ocppd_event_subscribe(host, "*", on_event, events);
	follower = events->subscription == NULL ? NULL : follower_new(events, request);
	if (follower == NULL) {
		ocppd_request_fail(host, request, OCPPD_ENOMEM, NULL);
		return;
	}
	missed = follower_resume(follower, last_id);
	if (ocppd_request_begin(host, request, 200, "text/event-stream", on_ready, on_gone,
				follower) < 0) {
		follower_free(follower);
		return;
	}
	if (follower_write(follower, ": ocppd\n\n") < 0)
		return;
	if (missed > 0 && tell_gap(follower, missed) < 0)
		return;
	(void)follower_pump(follower);
}

/* ---- Life ---------------------------------------------------------------------------------- */

struct events *
events_new(struct ocppd_host *host, int64_t history)
{
	struct events *events = calloc(1, sizeof(*events));

	if (events == NULL)
		return NULL;
	events->host = host;
	events->size = (uint64_t)history;
	events->ring = calloc(events->size, sizeof(*events->ring));
	TAILQ_INIT(&events->followers);
	if (events->ring == NULL) {
		events_free(events);
		return NULL;
	}
	return events;
}

void
events_free(struct events *events)
{
	if (events == NULL)
		return;
	while (!TAILQ_EMPTY(&events->followers))
		follower_free(TAILQ_FIRST(&events->followers));
	for (uint64_t i = 0; events->ring != NULL && i < events->size; i++)
		entry_clear(&events->ring[i]);
	free(events->ring);
	free(events);
}

int
events_start(struct events *events)
{
	events->keepalive = ocppd_timer_new(events->host, on_keepalive, events);
	events->frames_timer = ocppd_timer_new(events->host, on_frames_due, events);
	events->pump_timer = ocppd_timer_new(events->host, on_pump, events);
	if (events->keepalive == NULL || events->frames_timer == NULL || events->pump_timer == NULL)
		return OCPPD_ENOMEM;
	ocppd_timer_set(events->keepalive, KEEPALIVE_MS);
	return 0;
}

static void
follower_end(struct follower *follower)
{
	struct ocppd_host *host = follower->events->host;
	struct ocppd_request *request = follower->request;

	follower_free(follower);
	ocppd_request_end(host, request);
}

void
events_recheck(struct events *events, const struct auth *before, const struct auth *after)
{
	struct follower *follower = TAILQ_FIRST(&events->followers);

	while (follower != NULL) {
		struct follower *next = TAILQ_NEXT(follower, link);

		if (!auth_keeps(before, after, ocppd_request_user(follower->request)))
			follower_end(follower);
		follower = next;
	}
}

void
events_stop(struct events *events)
{
	struct follower *behind = TAILQ_FIRST(&events->followers);

	while (behind != NULL) { /* the newest may not have had their turn yet */
		struct follower *next = TAILQ_NEXT(behind, link);

		(void)follower_pump(behind);
		behind = next;
	}
	while (!TAILQ_EMPTY(&events->followers))
		follower_end(TAILQ_FIRST(&events->followers));
	if (events->subscription != NULL)
		ocppd_event_unsubscribe(events->subscription);
	events->subscription = NULL;
	ocppd_timer_free(events->keepalive);
	ocppd_timer_free(events->frames_timer);
	ocppd_timer_free(events->pump_timer);
	events->keepalive = NULL;
	events->frames_timer = NULL;
	events->pump_timer = NULL;
	events->is_pumping = false;
}
