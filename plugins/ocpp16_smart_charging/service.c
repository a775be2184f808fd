/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The service ocppd.smart_charging, and what it shares with the operator API: sending a profile,
 * and the composite schedule of what a station holds.
 */
#include "smart.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_US 1000000

int64_t
connector_of(struct ocppd_place place)
{
	return place.evse;
}

struct ocppd_place
place_of(int64_t connector)
{
	return (struct ocppd_place){ (int32_t)connector, connector > 0 ? 1 : 0 };
}

int
smart_add_time(const struct ocppd_station *station, struct json_object *object, const char *key,
	       int64_t time_us)
{
	return adapt_add_time(object, key, time_us,
			      ocppd_station_option(station, "whole_seconds") != NULL);
}

/* ---- Composite --------------------------------------------------------------------------------
 */

struct charging_list {
	struct charging items[SMART_CHARGING_MAX];
	uint32_t count;
};

static int
on_active(const struct ocppd_tx_info *info, void *arg)
{
	struct charging_list *list = arg;

	if (list->count == SMART_CHARGING_MAX)
		return 1;
	list->items[list->count++] =
		(struct charging){ connector_of(info->place), info->transaction_id,
				   info->start_us / SECOND_US };
	return 0;
}

static int
on_connector(const struct ocppd_connector_info *info, void *arg)
{
	int64_t *highest = arg;

	if (connector_of(info->place) > *highest)
		*highest = connector_of(info->place);
	return 0;
}

int64_t
smart_composite(struct smart *ctx, const struct smart_query *asked, struct composite_period *ret,
		uint32_t max)
{
	struct installed *installed = smart_slot(ctx, asked->station)->first;
	struct charging_list list = { .count = 0 };
	const struct profile **profiles;
	struct composite_query query = {
		.charging = list.items,
		.connector = asked->connector,
		.start_s = asked->start_s,
		.duration_s = asked->duration_s,
		.voltage_v = ctx->conf->voltage_v,
		.unit = asked->unit,
	};
	uint32_t count = 0;
	int64_t r;

	for (struct installed *item = installed; item != NULL; item = item->next)
		count++;
	profiles = calloc((size_t)count + 1, sizeof(*profiles));
	if (profiles == NULL)
		return OCPPD_ENOMEM;
	for (; installed != NULL; installed = installed->next)
		profiles[query.profile_count++] = installed->profile;
	query.profiles = profiles;
	(void)ctx->transactions->active_each(ctx->transactions_self, ctx->host, asked->station,
					     on_active, &list);
	query.charging_count = list.count;
	(void)ctx->stations->connector_each(ctx->stations_self, ctx->host, asked->station,
					    on_connector, &query.connectors);
	r = composite_compute(&query, ret, max);
	free(profiles);
	return r;
}

static int64_t
ops_composite(void *self, struct ocppd_host *host, const struct ocppd_charging_query *query,
	      struct ocppd_charging_period *ret_periods, uint32_t max)
{
	struct smart *ctx = self;
	int64_t now_us = ocppd_now_us(host);
	const struct smart_query asked = {
		query->station,
		connector_of(query->place),
		(query->start_us == 0 ? now_us : query->start_us) / SECOND_US,
		query->duration_s,
		query->unit == OCPPD_RATE_W ? RATE_W : RATE_A,
	};
	struct composite_period *periods;
	int64_t count;

	if (query->station == NULL || max == 0)
		return OCPPD_EINVAL;
	periods = calloc(max, sizeof(*periods));
	if (periods == NULL)
		return OCPPD_ENOMEM;
	count = smart_composite(ctx, &asked, periods, max);
	for (int64_t i = 0; i < count; i++) {
		const struct composite_limit *at = &periods[i].at;

		ret_periods[i] = (struct ocppd_charging_period){ periods[i].start_s,
								 at->is_limited ? at->limit : -1,
								 at->phases };
	}
	free(periods);
	return count;
}

/* ---- Installing and clearing ------------------------------------------------------------------
 */

int
smart_set(struct smart *ctx, const struct smart_set *set, struct json_object *profile,
	  ocppd_result_fn *fn, void *arg, struct ocppd_error *err)
{
	struct json_object *payload = json_object_new_object();
	struct ocppd_call_request request = {
		.struct_size = sizeof(request),
		.flags = set->flags,
		.station = set->station,
		.action = "SetChargingProfile",
		.requester = set->requester,
	};
	int r = ocppd_json_add_int(payload, "connectorId", set->connector);

	r |= ocppd_json_add(payload, "csChargingProfiles", profile);
	if (payload == NULL || r < 0) {
		(void)json_object_put(payload);
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	}
	request.payload = payload;
	return ocppd_call_send(ctx->host, &request, fn, arg, err);
}

static int
add_periods(struct json_object *schedule, const struct ocppd_charging_limit *limit)
{
	struct json_object *list = json_object_new_array();
	int r = 0;

	for (uint32_t i = 0; list != NULL && i < limit->period_count; i++) {
		const struct ocppd_charging_period *period = &limit->periods[i];
		struct json_object *item = json_object_new_object();

		r |= ocppd_json_add_int(item, "startPeriod", period->start_s);
		r |= ocppd_json_add(item, "limit", tenths_json(period->limit));
		if (period->phases > 0)
			r |= ocppd_json_add_int(item, "numberPhases", period->phases);
		r |= json_object_array_add(list, item) < 0 ? OCPPD_ENOMEM : 0;
	}
	r |= ocppd_json_add(schedule, "chargingSchedulePeriod", list);
	return list == NULL || r < 0 ? OCPPD_ENOMEM : 0;
}

/* The neutral limit as OCPP 1.6's object; NULL: out of memory. */
static struct json_object *
limit_json(const struct ocppd_charging_limit *limit, int64_t now_us)
{
	struct json_object *schedule = json_object_new_object();
	struct json_object *profile = json_object_new_object();
	int r = 0;

	if (limit->profile_id != 0)
		r |= ocppd_json_add_int(profile, "chargingProfileId", limit->profile_id);
	r |= ocppd_json_add_int(profile, "stackLevel", limit->stack_level);
	r |= ocppd_json_add_str(profile, "chargingProfilePurpose",
				profile_purpose_word((enum profile_purpose)limit->purpose));
	r |= ocppd_json_add_str(profile, "chargingProfileKind", "Absolute");
	if (limit->valid_to_us != 0)
		r |= smart_add_time(limit->station, profile, "validTo", limit->valid_to_us);
	if (limit->duration_s > 0)
		r |= ocppd_json_add_int(schedule, "duration", limit->duration_s);
	r |= smart_add_time(limit->station, schedule, "startSchedule",
			    limit->start_us == 0 ? now_us : limit->start_us);
	r |= ocppd_json_add_str(schedule, "chargingRateUnit",
				rate_unit_word((enum rate_unit)limit->unit));
	r |= add_periods(schedule, limit);
	if (limit->min_rate > 0)
		r |= ocppd_json_add(schedule, "minChargingRate", tenths_json(limit->min_rate));
	r |= ocppd_json_add(profile, "chargingSchedule", schedule);
	if (profile == NULL || r < 0) {
		(void)json_object_put(profile);
		return NULL;
	}
	return profile;
}

/* Who asked, until the call ended. */
struct asked {
	struct smart *ctx;
	struct ocppd_host *host;
	ocppd_charging_fn *fn;
	void *arg;
	int64_t profile_id;
};

static const struct {
	const char *word;
	uint32_t outcome;
} outcomes[] = {
	{ "Accepted", OCPPD_CHARGING_ACCEPTED },
	{ "Rejected", OCPPD_CHARGING_REJECTED },
	{ "NotSupported", OCPPD_CHARGING_NOT_SUPPORTED },
	{ "Unknown", OCPPD_CHARGING_UNKNOWN },
};

static uint32_t
outcome_of(uint32_t result, struct json_object *conf)
{
	const char *status = ocppd_json_get_str(conf, "status");

	if (result == OCPPD_RES_TIMEOUT || result == OCPPD_RES_GONE)
		return OCPPD_CHARGING_NO_ANSWER;
	if (result == OCPPD_RES_REFUSED || result == OCPPD_RES_CANCELLED)
		return OCPPD_CHARGING_REFUSED;
	for (size_t i = 0; status != NULL && i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
		if (strcmp(outcomes[i].word, status) == 0)
			return outcomes[i].outcome;
	}
	return OCPPD_CHARGING_ERROR;
}

static void
asked_end(struct asked *asked, const struct ocppd_outcall *call, uint32_t result,
	  struct json_object *conf, const char *adapted)
{
	struct json_object *profile =
		ocppd_json_get(ocppd_outcall_request(call), "csChargingProfiles");
	const char *code = "";
	const char *text = NULL;
	struct ocppd_charging_outcome outcome = {
		.struct_size = sizeof(outcome),
		.outcome = outcome_of(result, conf),
		.profile_id = ocppd_json_get_int(profile, "chargingProfileId", asked->profile_id),
	};

	(void)ocppd_outcall_error(call, &code, &text, NULL);
	outcome.text = text == NULL ? adapted : text;
	if (asked->fn != NULL)
		asked->fn(asked->host, &outcome, asked->arg);
	smart_done(asked->ctx);
	free(asked);
}

static void
on_cleared(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
	   struct json_object *conf, void *arg)
{
	(void)host;
	asked_end(arg, call, result, conf, "");
}

static void
on_delivered(struct ocppd_host *host, const struct delivery_end *end, void *arg)
{
	(void)host;
	asked_end(arg, end->call, end->result, end->conf, end->adapted);
}

static struct asked *
asked_new(struct smart *ctx, struct ocppd_host *host, ocppd_charging_fn *fn, void *arg)
{
	struct asked *asked = calloc(1, sizeof(*asked));

	if (asked != NULL)
		*asked = (struct asked){ .ctx = ctx, .host = host, .fn = fn, .arg = arg };
	return asked;
}

static int
asked_sent(struct asked *asked, int r)
{
	if (r < 0) {
		free(asked);
		return r;
	}
	asked->ctx->outstanding++;
	return OCPPD_PENDING;
}

static int
check_limit(const struct ocppd_charging_limit *limit, struct ocppd_error *err)
{
	if (limit->station == NULL || limit->periods == NULL || limit->period_count == 0 ||
	    limit->period_count > SMART_PERIODS_MAX)
		return ocppd_error_set(err, OCPPD_EINVAL, "1 to %d periods are needed",
				       SMART_PERIODS_MAX);
	if (limit->purpose > OCPPD_CHARGING_TRANSACTION || limit->unit > OCPPD_RATE_W)
		return ocppd_error_set(err, OCPPD_EINVAL, "no such purpose or unit");
	for (uint32_t i = 0; i < limit->period_count; i++) {
		if (limit->periods[i].limit < 0 || limit->periods[i].limit > LIMIT_MAX)
			return ocppd_error_set(err, OCPPD_EINVAL, "a limit is out of range");
	}
	return 0;
}

static int
ops_install(void *self, struct ocppd_host *host, const struct ocppd_charging_limit *limit,
	    ocppd_charging_fn *fn, void *arg, struct ocppd_error *err)
{
	struct smart *ctx = self;
	int r = check_limit(limit, err);
	struct delivery_request wanted;
	struct json_object *profile;
	struct asked *asked;

	if (r < 0)
		return r;
	wanted = (struct delivery_request){
		.station = limit->station,
		.connector = connector_of(limit->place),
		.requester = ocppd_host_name(host),
		.flags = limit->flags & ~OCPPD_CHARGING_AS_GIVEN,
		.is_as_given = (limit->flags & OCPPD_CHARGING_AS_GIVEN) != 0,
	};
	profile = limit_json(limit, ocppd_now_us(host));
	asked = asked_new(ctx, host, fn, arg);
	if (profile == NULL || asked == NULL) {
		(void)json_object_put(profile);
		free(asked);
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	}
	asked->profile_id = limit->profile_id;
	return asked_sent(asked, deliver(ctx, &wanted, profile, on_delivered, asked, err));
}

static int
ops_clear(void *self, struct ocppd_host *host, struct ocppd_station *station, int64_t profile_id,
	  ocppd_charging_fn *fn, void *arg, struct ocppd_error *err)
{
	struct smart *ctx = self;
	struct ocppd_call_request request = {
		.struct_size = sizeof(request),
		.flags = OCPPD_CALL_AUTOMATIC,
		.station = station,
		.action = "ClearChargingProfile",
		.payload = json_object_new_object(),
		.requester = ocppd_host_name(host),
	};
	struct asked *asked = asked_new(ctx, host, fn, arg);

	if (station == NULL || asked == NULL || request.payload == NULL ||
	    ocppd_json_add_int(request.payload, "id", profile_id) < 0) {
		int code = station == NULL ? OCPPD_EINVAL : OCPPD_ENOMEM;

		(void)json_object_put(request.payload);
		free(asked);
		return ocppd_error_set(err, code, "%s", ocppd_strerror(code));
	}
	asked->profile_id = profile_id;
	return asked_sent(asked, ocppd_call_send(ctx->host, &request, on_cleared, asked, err));
}

static int
ops_profile_each(void *self, struct ocppd_host *host, struct ocppd_station *station,
		 ocppd_charging_profile_fn *fn, void *arg)
{
	struct smart *ctx = self;
	int r = 0;

	(void)host;
	for (struct installed *item = smart_slot(ctx, station)->first; item != NULL && r == 0;
	     item = item->next) {
		const struct profile *profile = item->profile;
		const struct ocppd_charging_profile info = {
			.struct_size = sizeof(info),
			.purpose = (uint32_t)profile->purpose,
			.place = place_of(profile->connector),
			.profile_id = profile->id,
			.stack_level = profile->stack_level,
			.transaction_id = profile->has_transaction ? profile->transaction_id : 0,
			.is_doubtful = item->is_doubtful,
		};

		r = fn(&info, arg);
	}
	return r;
}

const struct ocppd_smart_charging_ops smart_ops = {
	sizeof(smart_ops),          .install = ops_install,           .clear = ops_clear,
	.composite = ops_composite, .profile_each = ops_profile_each,
};
_Static_assert((uint32_t)PURPOSE_TX == OCPPD_CHARGING_TRANSACTION &&
		       (uint32_t)RATE_W == OCPPD_RATE_W,
	       "the service's words are ours");
