/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Sending a station again what it may have lost: after a boot, if that is configured, or when an
 * operator asks. One profile after the other, each as it was accepted once.
 */
#include "smart.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

#define COMPARED_S 86400
#define LOOP_MS 300000 /* quirk F03: boots so close together are a loop */
#define LOOP_MAX 2     /* of them are answered */

struct lost {
	int64_t connector;
	int64_t id;
};

struct restore {
	struct smart *ctx;
	struct ocppd_station *station;
	struct ocppd_request *request; /* an operator's, or NULL: after a boot */
	char *template_name;           /* of the profile that is being sent */
	struct restored done;
	int64_t asked_connector; /* the last one that was compared; -1: none */
	bool is_compared;
	uint32_t at;
	uint32_t count;
	struct lost lost[]; /* by connector */
};

static void restore_next(struct restore *restore);

static void
restore_end(struct restore *restore, bool is_complete)
{
	struct smart *ctx = restore->ctx;

	restore->done.is_complete = is_complete;
	smart_slot(ctx, restore->station)->restore = NULL;
	OCPPD_INFO(ctx->host, "profile.restored",
		   OCPPD_STR("station", ocppd_station_id(restore->station)),
		   OCPPD_INT("sent", restore->done.sent),
		   OCPPD_INT("accepted", restore->done.accepted),
		   OCPPD_INT("confirmed", restore->done.confirmed));
	if (restore->request != NULL)
		routes_restored(ctx, restore->request, &restore->done);
	free(restore->template_name);
	free(restore);
	smart_done(ctx);
}

/* Whether it makes sense to send it again. */
static bool
is_lost(struct restore *restore, const struct installed *installed)
{
	const struct profile *profile = installed->profile;
	struct charging charging;

	if (restore->request == NULL && !installed->is_doubtful)
		return false;
	if (profile->has_valid_to &&
	    profile->valid_to_s <= ocppd_now_us(restore->ctx->host) / 1000000)
		return false;
	if (profile->purpose != PURPOSE_TX)
		return true;
	return charging_find(restore->ctx, restore->station, profile->connector, &charging) &&
	       (!profile->has_transaction || profile->transaction_id == charging.transaction_id);
}

/* ---- Comparing --------------------------------------------------------------------------------
 */

static bool
bears_out(struct restore *restore, struct json_object *conf)
{
	struct smart_query query = { restore->station, restore->asked_connector,
				     ocppd_now_us(restore->ctx->host) / 1000000, COMPARED_S,
				     RATE_A };
	struct profile *reported = smart_reported(conf, &query);
	struct composite_period *periods = calloc(SMART_PERIODS_MAX, sizeof(*periods));
	int64_t count = 0;
	bool is_limited = false;

	if (reported != NULL && periods != NULL)
		count = smart_composite(restore->ctx, &query, periods, SMART_PERIODS_MAX);
	/* Where nothing is limited, silence says nothing. */
	for (int64_t i = 0; i < count; i++)
		is_limited |= periods[i].at.is_limited;
	is_limited = is_limited && composite_compare(periods, (uint32_t)count, reported,
						     query.duration_s, NULL, 0) == 0;
	free(reported);
	free(periods);
	return is_limited;
}

static void
settle_connector(struct restore *restore)
{
	for (uint32_t i = 0; i < restore->count; i++) {
		if (restore->lost[i].connector != restore->asked_connector)
			continue;
		installed_settle(restore->ctx, restore->station, restore->lost[i].id);
		restore->done.confirmed++;
	}
}

static void
on_reported(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
	    struct json_object *conf, void *arg)
{
	struct restore *restore = arg;

	(void)host;
	(void)call;
	if (restore->ctx->is_stopping || result == OCPPD_RES_GONE ||
	    result == OCPPD_RES_CANCELLED) {
		restore_end(restore, false);
		return;
	}
	if (result == OCPPD_RES_REPLY && bears_out(restore, conf))
		settle_connector(restore);
	restore_next(restore);
}

static int
compare(struct restore *restore, int64_t connector)
{
	struct ocppd_call_request call = {
		.struct_size = sizeof(call),
		.flags = OCPPD_CALL_AUTOMATIC,
		.station = restore->station,
		.action = "GetCompositeSchedule",
		.payload = json_object_new_object(),
	};
	int r = ocppd_json_add_int(call.payload, "connectorId", connector);

	r |= ocppd_json_add_int(call.payload, "duration", COMPARED_S);
	if (call.payload == NULL || r < 0) {
		(void)json_object_put(call.payload);
		return OCPPD_ENOMEM;
	}
	restore->asked_connector = connector;
	return ocppd_call_send(restore->ctx->host, &call, on_reported, restore, NULL);
}

/* ---- Sending ----------------------------------------------------------------------------------
 */

static void
on_sent(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
	struct json_object *conf, void *arg)
{
	struct restore *restore = arg;
	const char *status = ocppd_json_get_str(conf, "status");

	(void)host;
	(void)call;
	if (restore->ctx->is_stopping || (result != OCPPD_RES_REPLY && result != OCPPD_RES_ERROR &&
					  result != OCPPD_RES_REFUSED)) {
		restore_end(restore, false);
		return;
	}
	if (status != NULL && strcmp(status, "Accepted") == 0) {
		restore->done.accepted++;
		if (restore->template_name != NULL)
			installed_name(restore->ctx, restore->station,
				       restore->lost[restore->at].id, restore->template_name);
	}
	restore->at++;
	restore_next(restore);
}

static int
send_again(struct restore *restore, const struct installed *installed)
{
	const struct smart_set set = {
		restore->station,
		installed->profile->connector,
		restore->request == NULL ? NULL : ocppd_request_user(restore->request),
		restore->request == NULL ? OCPPD_CALL_AUTOMATIC : 0,
	};
	struct json_object *json = json_tokener_parse(installed->json);

	free(restore->template_name);
	restore->template_name =
		installed->template_name == NULL ? NULL : strdup(installed->template_name);
	return json == NULL ? OCPPD_ENOMEM
			    : smart_set(restore->ctx, &set, json, on_sent, restore, NULL);
}

static void
restore_next(struct restore *restore)
{
	int r;

	for (; restore->at < restore->count; restore->at++) {
		const struct lost *lost = &restore->lost[restore->at];
		const struct installed *installed =
			installed_find(restore->ctx, restore->station, lost->id);

		if (installed == NULL || !is_lost(restore, installed))
			continue;
		if (restore->is_compared && lost->connector != restore->asked_connector) {
			r = compare(restore, lost->connector);
		} else {
			r = send_again(restore, installed);
			restore->done.sent += r >= 0 ? 1 : 0;
		}
		if (r < 0)
			restore_end(restore, false);
		return;
	}
	restore_end(restore, true);
}

static int
by_connector(const void *a, const void *b)
{
	const struct lost *left = a;
	const struct lost *right = b;

	if (left->connector != right->connector)
		return left->connector < right->connector ? -1 : 1;
	return left->id < right->id ? -1 : left->id > right->id;
}

int
restore_begin(struct smart *ctx, struct ocppd_station *station, struct ocppd_request *request)
{
	struct smart_slot *slot = smart_slot(ctx, station);
	struct restore *restore;
	uint32_t count = 0;

	if (slot->restore != NULL)
		return OCPPD_EBUSY;
	for (struct installed *item = slot->first; item != NULL; item = item->next)
		count++;
	restore = calloc(1, sizeof(*restore) + count * sizeof(restore->lost[0]));
	if (restore == NULL)
		return OCPPD_ENOMEM;
	restore->ctx = ctx;
	restore->station = station;
	restore->request = request;
	restore->asked_connector = -1;
	restore->is_compared = request == NULL && ctx->conf->after_boot == AFTER_BOOT_COMPARE;
	for (struct installed *item = slot->first; item != NULL; item = item->next)
		restore->lost[restore->count++] =
			(struct lost){ item->profile->connector, item->profile->id };
	qsort(restore->lost, count, sizeof(restore->lost[0]), by_connector);
	slot->restore = restore;
	ctx->outstanding++;
	restore_next(restore);
	return 0;
}

/* ---- After a boot -----------------------------------------------------------------------------
 */

static bool
is_loop(struct smart *ctx, struct smart_slot *slot)
{
	int64_t now_us = ocppd_mono_us(ctx->host);

	if (slot->boots == 0 || now_us - slot->boots_mono_us > LOOP_MS * INT64_C(1000)) {
		slot->boots = 0;
		slot->boots_mono_us = now_us;
	}
	if (slot->boots < LOOP_MAX)
		slot->boots++;
	else
		return true;
	return false;
}

void
restore_booted(struct smart *ctx, struct ocppd_station *station)
{
	struct smart_slot *slot = smart_slot(ctx, station);
	int r;

	slot->has_climbed = false;
	if (ctx->conf->after_boot == AFTER_BOOT_NOTHING || slot->first == NULL ||
	    ocppd_station_registration(station) != OCPPD_REG_ACCEPTED)
		return;
	if (is_loop(ctx, slot)) {
		OCPPD_WARN(ctx->host, "profile.unrestored",
			   OCPPD_STR("station", ocppd_station_id(station)),
			   OCPPD_STR("reason", "boots too often"));
		return;
	}
	r = restore_begin(ctx, station, NULL);
	if (r < 0)
		OCPPD_WARN(ctx->host, "profile.unrestored",
			   OCPPD_STR("station", ocppd_station_id(station)),
			   OCPPD_STR("err", ocppd_error_name(r)));
}
