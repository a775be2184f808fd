/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Messages that were asked for, and their arrival. A triggered message carries no reference to its
 * trigger: type, connector and time tell (OCPP 1.6, Trigger Message), and the oldest trigger that
 * it fits gets it. Where a module handles the message, a filter sees it. A notification that nobody
 * handles, and the core confirms (quirk C11), is found among the kept frames.
 */
#include "trigger.h"

#include <ocppd/frame.h>

#include <json.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_FIRST_MS 250
#define ANSWER_MS 180000 /* for its turn in the queue and the answer */
#define EXPECT_MAX_MS 600000

static struct station_slot *
slot_of(struct trigger *ctx, struct ocppd_station *station)
{
	return ocppd_station_slot(ctx->host, station, ctx->slot);
}

/* ---- Begin ------------------------------------------------------------------------------------
 */

static int
note_connector(const struct ocppd_connector_info *info, void *arg)
{
	struct watch *watch = arg;

	arrival_want(&watch->came, watch->message, info->place.evse);
	return 0;
}

static int
match_action(const struct ocppd_action *action, const char *owner, void *arg)
{
	const char *message = arg;

	(void)owner;
	return (action->direction & OCPPD_FROM_STATION) != 0 &&
			       strcmp(action->protocol, PROTOCOL) == 0 &&
			       strcmp(action->name, message) == 0
		       ? 1
		       : 0;
}

/* While it is not accepted the station may send nothing but what it is asked for. */
static void
expect(const struct watch *watch)
{
	struct trigger *ctx = watch->ctx;
	int64_t within_ms = ctx->conf->arrival_timeout_ms + ANSWER_MS;
	int count = arrival_expected(&watch->came, watch->message, watch->connector);
	int r = 0;

	/* BootNotification comes through at any time. */
	if (ocppd_station_registration(watch->station) == OCPPD_REG_ACCEPTED ||
	    strcmp(watch->message, "BootNotification") == 0)
		return;
	if (within_ms > EXPECT_MAX_MS)
		within_ms = EXPECT_MAX_MS;
	for (int i = 0; i < count && r >= 0; i++)
		r = ocppd_station_expect(ctx->host, watch->station, watch->message, within_ms);
	if (r < 0)
		OCPPD_WARN(ctx->host, "message.unexpected",
			   OCPPD_STR("station", ocppd_station_id(watch->station)),
			   OCPPD_STR("action", watch->message),
			   OCPPD_STR("err", ocppd_error_name(r)));
}

static void on_time(struct ocppd_host *host, void *arg);

static void
enter(struct watch *watch)
{
	struct station_slot *slot = slot_of(watch->ctx, watch->station);
	struct watch **at = &slot->first;

	while (*at != NULL)
		at = &(*at)->next;
	*at = watch;
	slot->count++;
	TAILQ_INSERT_TAIL(&watch->ctx->watches, watch, all);
}

int
watch_begin(struct trigger *ctx, struct ocppd_outcall *call, const char *message, int64_t connector)
{
	struct ocppd_station *station = ocppd_outcall_station(call);
	char sought[48];
	struct watch *watch;

	if (slot_of(ctx, station)->count >= WATCHES_MAX)
		return OCPPD_ESPACE;
	watch = calloc(1, sizeof(*watch));
	if (watch == NULL)
		return OCPPD_ENOMEM;
	watch->ctx = ctx;
	watch->call = call;
	watch->station = station;
	watch->message = message;
	watch->connector = connector;
	watch->outcome = OUTCOME_WAITING;
	watch->asked_us = ocppd_now_us(ctx->host);
	watch->requester = strdup(ocppd_outcall_requester(call));
	watch->timer = ocppd_timer_new(ctx->host, on_time, watch);
	if (watch->requester == NULL || watch->timer == NULL) {
		watch_free(watch);
		return OCPPD_ENOMEM;
	}
	snprintf(sought, sizeof(sought), "%s", message);
	watch->is_watched = ocppd_action_each(ctx->host, match_action, sought) == 1;
	if (message_has_connectors(message) && connector < 0 && ctx->stations != NULL)
		(void)ctx->stations->connector_each(ctx->stations_self, ctx->host, station,
						    note_connector, watch);
	if (ctx->asking != NULL) {
		watch->asker = ctx->asking;
		watch->fn = ctx->asking_fn;
	}
	expect(watch);
	enter(watch);
	ocppd_outcall_set_data(call, watch);
	return 0;
}

/* ---- End --------------------------------------------------------------------------------------
 */

static void
leave(struct watch *watch)
{
	struct station_slot *slot = slot_of(watch->ctx, watch->station);
	struct watch **at = &slot->first;

	while (*at != watch)
		at = &(*at)->next;
	*at = watch->next;
	slot->count--;
	TAILQ_REMOVE(&watch->ctx->watches, watch, all);
}

void
watch_free(struct watch *watch)
{
	ocppd_timer_free(watch->timer);
	free(watch->requester);
	free(watch);
}

void
watch_drop(struct watch *watch)
{
	leave(watch);
	if (watch->fn != NULL)
		watch->fn(watch->ctx, NULL, watch->asker);
	watch_free(watch);
}

void
watch_settle(struct watch *watch, const char *outcome)
{
	leave(watch);
	ocppd_timer_cancel(watch->timer);
	watch->is_settled = true;
	watch->outcome = outcome;
	watch->settled_us = ocppd_now_us(watch->ctx->host);
	store_settle(watch);
}

static void
time_over(struct watch *watch)
{
	if (watch->came.messages == 0) {
		snprintf(watch->reason, sizeof(watch->reason),
			 "the message did not arrive within %lld ms",
			 (long long)watch->ctx->conf->arrival_timeout_ms);
		watch_settle(watch, OUTCOME_MISSING);
		return;
	}
	snprintf(watch->reason, sizeof(watch->reason), "not all connectors reported");
	watch_settle(watch, OUTCOME_ARRIVED);
}

void
watch_stop(struct trigger *ctx)
{
	struct watch *watch = TAILQ_FIRST(&ctx->watches);

	while (watch != NULL) {
		struct watch *next = TAILQ_NEXT(watch, all);

		/* The answers of others will not be heard. */
		if (!watch->is_accepted)
			ocppd_outcall_set_data(watch->call, NULL);
		snprintf(watch->reason, sizeof(watch->reason),
			 "the daemon or the module stopped before that");
		watch_settle(watch, watch->is_accepted && watch->came.messages > 0
					    ? OUTCOME_ARRIVED
					    : OUTCOME_INTERRUPTED);
		watch = next;
	}
}

/* ---- A station is deleted ---------------------------------------------------------------------
 */

static int
data_forget(void *self, struct ocppd_host *host, struct ocppd_station *station,
	    struct ocppd_unit *unit)
{
	struct trigger *ctx = self;
	const struct ocppd_value id = ocppd_value_str(ocppd_station_id(station));
	int r = ctx->storage->unit_add(unit, ctx->host, STATEMENT_DELETE, &id, 1, 0);

	(void)host;
	return r < 0 ? r : 0;
}

static void
data_forgotten(void *self, struct ocppd_host *host, struct ocppd_station *station)
{
	struct trigger *ctx = self;
	struct watch *watch = slot_of(ctx, station)->first;

	(void)host;
	while (watch != NULL) {
		struct watch *next = watch->next;

		/* One whose answer is out ends with its call, which its connection's end ended. Who
		 * has no row gets none. */
		snprintf(watch->reason, sizeof(watch->reason), "its station was deleted");
		if (watch->is_accepted && (watch->trigger_id != 0 || watch->is_inserting))
			watch_settle(watch, OUTCOME_INTERRUPTED);
		else if (watch->is_accepted)
			watch_drop(watch);
		watch = next;
	}
}

const struct ocppd_station_data_ops watch_data_ops = {
	sizeof(watch_data_ops),
	.forget = data_forget,
	.forgotten = data_forgotten,
};

/* ---- Arrival ----------------------------------------------------------------------------------
 */

static void
arrived(struct watch *watch, const char *message_id, int64_t time_us, int64_t connector)
{
	/* The answer may be on its way to us still. What came long before it was chance. */
	if (!watch->is_accepted)
		arrival_forget_early(&watch->came, time_us);
	arrival_note(&watch->came, message_id, time_us, connector);
	if (watch->is_accepted && arrival_is_complete(&watch->came))
		watch_settle(watch, OUTCOME_ARRIVED);
}

int
on_arrival(struct ocppd_host *host, struct ocppd_call *call, struct json_object *req, void *arg)
{
	struct trigger *ctx = arg;
	struct watch *watch = slot_of(ctx, ocppd_call_station(call))->first;
	const char *action = ocppd_call_action(call);
	int64_t connector = -1;

	(void)host;
	if (watch == NULL)
		return 0;
	if (message_has_connectors(action))
		connector = ocppd_json_get_int(req, "connectorId", -1);
	for (; watch != NULL; watch = watch->next) {
		if (!arrival_fits(watch->message, watch->connector, action, connector))
			continue;
		arrived(watch, ocppd_call_message_id(call), ocppd_call_received_us(call),
			connector);
		break;
	}
	return 0;
}

/* ---- Notifications that nobody handles ----------------------------------------------------------
 */

struct look {
	const struct watch *watch;
	struct station_slot *slot;
	int64_t time_us; /* of what was found; 0: nothing */
	uint64_t sequence;
	char message_id[ID_SIZE];
};

static void
read_message_id(const struct ocppd_frame *frame, char ret_id[ID_SIZE])
{
	struct json_object *root =
		(frame->flags & OCPPD_FRAME_CUT) != 0 ? NULL : json_tokener_parse(frame->text);
	struct json_object *id = NULL;

	if (root != NULL && json_object_is_type(root, json_type_array))
		id = json_object_array_get_idx(root, 1);
	snprintf(ret_id, ID_SIZE, "%s", id == NULL ? "" : json_object_get_string(id));
	json_object_put(root);
}

/* Newest first: the last that fits is the one that came first. */
static int
on_frame(const struct ocppd_frame *frame, void *arg)
{
	struct look *look = arg;

	if (frame->time_us < look->watch->asked_us || frame->sequence <= look->slot->frame_seen)
		return 1;
	if ((frame->flags & (OCPPD_FRAME_SENT | OCPPD_FRAME_UNREADABLE)) != 0 ||
	    strcmp(frame->action, look->watch->message) != 0)
		return 0;
	look->time_us = frame->time_us;
	look->sequence = frame->sequence;
	read_message_id(frame, look->message_id);
	return 0;
}

static void
look_at_frames(struct watch *watch)
{
	struct look look = { .watch = watch, .slot = slot_of(watch->ctx, watch->station) };

	(void)ocppd_frames_each(watch->ctx->host, watch->station, on_frame, &look);
	if (look.time_us == 0)
		return;
	look.slot->frame_seen = look.sequence;
	arrived(watch, look.message_id, look.time_us, -1);
}

/* ---- Time -------------------------------------------------------------------------------------
 */

static void
arm(struct watch *watch)
{
	int64_t left_ms = (watch->deadline_mono_us - ocppd_mono_us(watch->ctx->host)) / 1000 + 1;

	if (!watch->is_watched && watch->look_ms < left_ms)
		left_ms = watch->look_ms;
	ocppd_timer_set(watch->timer, left_ms > 0 ? left_ms : 0);
}

static void
on_time(struct ocppd_host *host, void *arg)
{
	struct watch *watch = arg;

	if (!watch->is_watched) {
		look_at_frames(watch);
		if (watch->is_settled)
			return;
	}
	if (ocppd_mono_us(host) >= watch->deadline_mono_us) {
		time_over(watch);
		return;
	}
	/* Less and less often: a handful of looks, however long the time is. */
	watch->look_ms *= 2;
	arm(watch);
}

void
watch_accepted(struct watch *watch)
{
	watch->is_accepted = true;
	arrival_forget_early(&watch->came, ocppd_now_us(watch->ctx->host));
	if (arrival_is_complete(&watch->came)) {
		watch_settle(watch, OUTCOME_ARRIVED);
		return;
	}
	watch->look_ms = LOOK_FIRST_MS;
	watch->deadline_mono_us =
		ocppd_mono_us(watch->ctx->host) + watch->ctx->conf->arrival_timeout_ms * 1000;
	store_insert(watch);
	arm(watch);
}
