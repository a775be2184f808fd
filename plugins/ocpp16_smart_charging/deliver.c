/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Profiles that the daemon composes itself, from a template or for another module: as the station
 * takes them, as far as that is known, and, if it refuses all the same, in other words that amount
 * to the same, one after the other, once after each boot (quirks H01, H03, H04); or, where a pause
 * is known to upset the station, by the end of the transaction (quirk H08). What an operator sends
 * as a command does not come here: it goes out as given.
 */
#include "smart.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_SIZE 200

struct delivery {
	struct smart *ctx;
	struct json_object *asked; /* as it was composed; ids are added when they were chosen */
	struct profile *profile;   /* the same, read */
	struct adapt_context context;
	struct delivery_request request;
	char *requester;
	delivered_fn *fn;
	void *arg;
	int64_t connector;
	uint32_t changes;    /* of what is under way */
	uint32_t tried;      /* a bit for each set of changes */
	uint32_t calls;      /* that were answered */
	bool is_unit_needed; /* our own checks said so */
	uint32_t stop_at;    /* quirk H08: transactions to be ended, and how many were asked */
	uint32_t stop_count;
	struct charging stops[SMART_CHARGING_MAX];
};

static void
delivery_free(struct delivery *delivery)
{
	if (delivery == NULL)
		return;
	(void)json_object_put(delivery->asked);
	free(delivery->profile);
	free(delivery->requester);
	free(delivery);
}

/* ---- What the station takes -------------------------------------------------------------------
 */

static const struct {
	const char *option;
	const char *value;
	uint32_t taste;
	uint32_t instead; /* of what was learnt */
} taste_options[] = {
	{ "charging_kind", "Absolute", TASTE_ABSOLUTE, TASTE_RELATIVE },
	{ "charging_kind", "Relative", TASTE_RELATIVE, TASTE_ABSOLUTE },
	{ "charging_unit", "A", TASTE_A, TASTE_W },
	{ "charging_unit", "W", TASTE_W, TASTE_A },
	{ "charging_connector", "0", TASTE_CONNECTOR_0, TASTE_CONNECTOR_1 },
	{ "charging_connector", "1", TASTE_CONNECTOR_1, TASTE_CONNECTOR_0 },
	{ "charging_purpose", "TxDefaultProfile", TASTE_NO_MAX, 0 },
};

/* What was learnt, and over it what is configured. */
static uint32_t
taste_of(struct smart *ctx, struct ocppd_station *station)
{
	uint32_t taste = smart_slot(ctx, station)->taste;

	for (size_t i = 0; i < sizeof(taste_options) / sizeof(taste_options[0]); i++) {
		const char *value = ocppd_station_option(station, taste_options[i].option);

		if (value != NULL && strcmp(value, taste_options[i].value) == 0)
			taste = (taste & ~taste_options[i].instead) | taste_options[i].taste;
	}
	return taste;
}

/* Quirk H01: at most the level that the station is known to take. */
static int
lower_level(struct smart *ctx, struct ocppd_station *station, struct json_object *json)
{
	const char *option = ocppd_station_option(station, "stack_level");
	int64_t most = option == NULL ? -1 : profile_count_of(option);

	if (most < 0 || ocppd_json_get_int(json, "stackLevel", 0) <= most)
		return 0;
	ocppd_quirk_hit(ctx->host, station, "H01", option);
	return ocppd_json_add_int(json, "stackLevel", most);
}

static int
on_connector(const struct ocppd_connector_info *info, void *arg)
{
	int64_t *highest = arg;

	if (connector_of(info->place) > *highest)
		*highest = connector_of(info->place);
	return 0;
}

static void
context_init(struct delivery *delivery)
{
	struct smart *ctx = delivery->ctx;
	struct ocppd_station *station = delivery->request.station;
	struct charging charging = { 0 };
	int64_t highest = 0;

	(void)ctx->stations->connector_each(ctx->stations_self, ctx->host, station, on_connector,
					    &highest);
	delivery->context = (struct adapt_context){
		.now_s = ocppd_now_us(ctx->host) / 1000000,
		.voltage_v = ctx->conf->voltage_v,
		.is_charging = charging_find(ctx, station, delivery->connector, &charging),
		.charging_start_s = charging.start_s,
		.is_single = highest == 1,
		.is_whole_second = ocppd_station_option(station, "whole_seconds") != NULL,
	};
}

/* ---- Sending ----------------------------------------------------------------------------------
 */

static void on_result(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
		      struct json_object *conf, void *arg);

static int
send_changed(struct delivery *delivery, uint32_t changes, struct ocppd_error *err)
{
	struct smart_set set = { delivery->request.station, delivery->connector,
				 delivery->requester, delivery->request.flags };
	struct json_object *json = NULL;
	int r = OCPPD_ENOMEM;

	if (json_object_deep_copy(delivery->asked, &json, NULL) == 0)
		r = adapt_apply(json, delivery->profile, changes, &delivery->context,
				&set.connector);
	if (r < 0) {
		(void)json_object_put(json);
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	}
	delivery->changes = changes;
	delivery->tried |= 1u << changes;
	return smart_set(delivery->ctx, &set, json, on_result, delivery, err);
}

/* The ids that were chosen for the first attempt are those of the next, too. */
static int
keep_ids(struct delivery *delivery, const struct ocppd_outcall *call)
{
	static const char *const ids[] = { "chargingProfileId", "transactionId" };
	struct json_object *sent =
		ocppd_json_get(ocppd_outcall_request(call), "csChargingProfiles");
	int r = 0;

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		r |= ocppd_json_add(delivery->asked, ids[i],
				    json_object_get(ocppd_json_get(sent, ids[i])));
	return r;
}

/* A refusal by our own checks is no word of the station's: only the unit can be mended then. */
static bool
go_on_checked(struct delivery *delivery, const struct ocppd_outcall *call)
{
	const char *code = "";
	const char *reason = "";

	if ((delivery->changes & CHANGE_UNIT) != 0 || delivery->calls > 0)
		return false;
	(void)ocppd_outcall_error(call, &code, &reason, NULL);
	if (strstr(reason, "chargingRateUnit") == NULL)
		return false;
	delivery->is_unit_needed = true;
	return adapt_is_possible(delivery->profile, delivery->changes | CHANGE_UNIT,
				 &delivery->context) &&
	       send_changed(delivery, delivery->changes | CHANGE_UNIT, NULL) >= 0;
}

static bool
go_on_refused(struct delivery *delivery, const struct ocppd_outcall *call, const char *status)
{
	struct smart_slot *slot = smart_slot(delivery->ctx, delivery->request.station);
	uint32_t next;

	if (delivery->ctx->conf->has_fallbacks == 0 ||
	    (strcmp(status, "Rejected") != 0 && strcmp(status, "NotSupported") != 0))
		return false;
	/* Without a transaction a TxProfile is refused in whatever words. */
	if (delivery->profile->purpose == PURPOSE_TX && !delivery->context.is_charging)
		return false;
	if (delivery->calls == 1 && slot->has_climbed)
		return false;
	next = adapt_next(delivery->profile, delivery->tried,
			  delivery->is_unit_needed ? CHANGE_UNIT : 0, &delivery->context);
	if (next == CHANGE_SETS || keep_ids(delivery, call) < 0)
		return false;
	slot->has_climbed = true;
	return send_changed(delivery, next, NULL) >= 0;
}

static void
learn(struct delivery *delivery, const struct ocppd_outcall *call)
{
	struct json_object *req = ocppd_outcall_request(call);
	struct smart_slot *slot = smart_slot(delivery->ctx, delivery->request.station);
	struct profile *accepted = NULL;
	uint32_t taste = slot->taste;

	if (profile_parse(ocppd_json_get(req, "csChargingProfiles"),
			  ocppd_json_get_int(req, "connectorId", 0), &accepted) < 0)
		return;
	if ((delivery->changes & CHANGE_UNIT) != 0)
		ocppd_quirk_hit(delivery->ctx->host, delivery->request.station, "H04",
				rate_unit_word(accepted->unit));
	if ((delivery->changes & ~CHANGE_UNIT) != 0)
		ocppd_quirk_hit(delivery->ctx->host, delivery->request.station, "H03",
				profile_purpose_word(accepted->purpose));
	slot->taste = adapt_learn(taste, accepted, delivery->changes);
	free(accepted);
	if (slot->taste != taste)
		taste_store(delivery->ctx, delivery->request.station);
}

static void
on_result(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
	  struct json_object *conf, void *arg)
{
	struct delivery *delivery = arg;
	struct smart *ctx = delivery->ctx;
	const char *status = ocppd_json_get_str(conf, "status");
	char adapted[TEXT_SIZE];
	struct delivery_end end = { .call = call, .result = result, .conf = conf };
	bool goes_on = false;

	delivery->calls += result == OCPPD_RES_REPLY ? 1 : 0;
	if (delivery->request.is_as_given || ctx->is_stopping)
		goes_on = false;
	else if (result == OCPPD_RES_REFUSED)
		goes_on = go_on_checked(delivery, call);
	else if (result == OCPPD_RES_REPLY && status != NULL)
		goes_on = go_on_refused(delivery, call, status);
	if (goes_on)
		return;
	if (status != NULL && strcmp(status, "Accepted") == 0)
		learn(delivery, call);
	adapt_describe(delivery->profile, delivery->changes, ctx->conf->voltage_v, adapted,
		       sizeof(adapted));
	end.adapted = adapted;
	end.calls = delivery->calls;
	delivery->fn(host, &end, delivery->arg);
	delivery_free(delivery);
	smart_done(ctx);
}

/* ---- Ending instead of pausing ----------------------------------------------------------------
 */

/* The youngest of each connector: older ones are records that were left open. */
static int
note_stop(const struct ocppd_tx_info *info, void *arg)
{
	struct delivery *delivery = arg;
	const struct profile *profile = delivery->profile;
	const struct charging charging = { connector_of(info->place), info->transaction_id,
					   info->start_us / 1000000 };
	uint32_t at = 0;

	if ((info->flags & OCPPD_TX_STALE) != 0)
		return 0;
	if (delivery->connector != 0 && charging.connector != delivery->connector)
		return 0;
	if (profile->has_transaction && profile->transaction_id != charging.transaction_id)
		return 0;
	if (!pause_is_at(profile, &charging, delivery->context.now_s,
			 delivery->ctx->conf->voltage_v))
		return 0;
	while (at < delivery->stop_count && delivery->stops[at].connector != charging.connector)
		at++;
	if (at == SMART_CHARGING_MAX)
		return 0;
	delivery->stops[at] = charging;
	delivery->stop_count += at == delivery->stop_count ? 1 : 0;
	return 0;
}

static void on_stopped(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
		       struct json_object *conf, void *arg);

static int
send_stop(struct delivery *delivery, struct ocppd_error *err)
{
	struct ocppd_call_request request = {
		.struct_size = sizeof(request),
		.flags = delivery->request.flags,
		.station = delivery->request.station,
		.action = "RemoteStopTransaction",
		.payload = json_object_new_object(),
		.requester = delivery->requester,
	};
	const struct charging *charging = &delivery->stops[delivery->stop_at++];

	if (request.payload == NULL ||
	    ocppd_json_add_int(request.payload, "transactionId", charging->transaction_id) < 0) {
		(void)json_object_put(request.payload);
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	}
	return ocppd_call_send(delivery->ctx->host, &request, on_stopped, delivery, err);
}

static void
on_stopped(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
	   struct json_object *conf, void *arg)
{
	struct delivery *delivery = arg;
	struct smart *ctx = delivery->ctx;
	const char *status = ocppd_json_get_str(conf, "status");
	bool is_accepted = status != NULL && strcmp(status, "Accepted") == 0;
	struct delivery_end end = {
		.call = call,
		.conf = conf,
		.adapted = "RemoteStopTransaction",
		.result = result,
		.calls = delivery->stop_at,
		.is_stopped = true,
	};

	if (is_accepted && delivery->stop_at < delivery->stop_count) {
		if (!ctx->is_stopping && send_stop(delivery, NULL) >= 0)
			return;
		/* Others go on: that is not what was asked for. */
		end.result = OCPPD_RES_GONE;
		end.conf = NULL;
	}
	delivery->fn(host, &end, delivery->arg);
	delivery_free(delivery);
	smart_done(ctx);
}

/* Whether the profile would pause what is under way at a station that takes no pauses. */
static bool
is_stop_wanted(struct delivery *delivery)
{
	struct smart *ctx = delivery->ctx;
	struct ocppd_station *station = delivery->request.station;

	if (!pause_is_stop(station) || !pause_is_in(delivery->profile, ctx->conf->voltage_v))
		return false;
	(void)ctx->transactions->active_each(ctx->transactions_self, ctx->host, station, note_stop,
					     delivery);
	return delivery->stop_count > 0;
}

/* ---- Sending, to begin with -------------------------------------------------------------------
 */

/* Of what the station wants, as much as can be done. */
static uint32_t
wanted_changes(const struct delivery *delivery)
{
	static const uint32_t each[] = { CHANGE_PURPOSE, CHANGE_CONNECTOR, CHANGE_KIND,
					 CHANGE_UNIT };
	uint32_t wanted =
		adapt_wanted(delivery->profile, taste_of(delivery->ctx, delivery->request.station));
	uint32_t changes = 0;

	for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
		uint32_t more = changes | each[i];

		if ((wanted & each[i]) != 0 &&
		    adapt_is_possible(delivery->profile, more, &delivery->context))
			changes = more;
	}
	return changes;
}

static struct delivery *
delivery_new(struct smart *ctx, const struct delivery_request *request, delivered_fn *fn, void *arg)
{
	struct delivery *delivery = calloc(1, sizeof(*delivery));

	if (delivery == NULL)
		return NULL;
	delivery->ctx = ctx;
	delivery->request = *request;
	delivery->requester = request->requester == NULL ? NULL : strdup(request->requester);
	delivery->connector = request->connector;
	delivery->fn = fn;
	delivery->arg = arg;
	if (request->requester != NULL && delivery->requester == NULL) {
		free(delivery);
		return NULL;
	}
	return delivery;
}

int
deliver(struct smart *ctx, const struct delivery_request *request, struct json_object *json,
	delivered_fn *fn, void *arg, struct ocppd_error *err)
{
	struct delivery *delivery = delivery_new(ctx, request, fn, arg);
	uint32_t changes = 0;
	int r;

	if (delivery == NULL) {
		(void)json_object_put(json);
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	}
	delivery->asked = json;
	r = request->is_as_given ? 0 : lower_level(ctx, request->station, json);
	if (r >= 0)
		r = profile_parse(json, request->connector, &delivery->profile);
	if (r < 0) {
		delivery_free(delivery);
		return ocppd_error_set(err, r, "a number is beyond all sense");
	}
	context_init(delivery);
	if (!request->is_as_given && is_stop_wanted(delivery)) {
		ocppd_quirk_hit(ctx->host, request->station, "H08", "stop");
		r = send_stop(delivery, err);
	} else {
		if (!request->is_as_given)
			changes = wanted_changes(delivery);
		r = send_changed(delivery, changes, err);
	}
	if (r < 0) {
		delivery_free(delivery);
		return r;
	}
	ctx->outstanding++;
	return r;
}
