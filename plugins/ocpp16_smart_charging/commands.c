/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The three actions on their way to a station and back: what is left out is chosen, what breaks a
 * rule or goes beyond the station comes back as warnings, and what the station answers is what is
 * known of it from then on.
 */
#include "smart.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

static const char *const limit_keys[] = {
	"ChargeProfileMaxStackLevel",        "ChargingScheduleMaxPeriods",
	"MaxChargingProfilesInstalled",      "ChargingScheduleAllowedChargingRateUnit",
	"ConnectorSwitch3to1PhaseSupported",
};
#define KEYS (sizeof(limit_keys) / sizeof(limit_keys[0]))

/* ---- What the daemon knows --------------------------------------------------------------------
 */

struct search {
	int64_t connector;
	struct charging *found;
	bool is_found;
};

static int
on_active(const struct ocppd_tx_info *info, void *arg)
{
	struct search *search = arg;

	/* The youngest: older ones on its connector are records that were left open. */
	if (connector_of(info->place) == search->connector) {
		*search->found = (struct charging){ search->connector, info->transaction_id,
						    info->start_us / 1000000 };
		search->is_found = true;
	}
	return 0;
}

bool
charging_find(struct smart *ctx, struct ocppd_station *station, int64_t connector,
	      struct charging *ret)
{
	struct search search = { .connector = connector, .found = ret };

	(void)ctx->transactions->active_each(ctx->transactions_self, ctx->host, station, on_active,
					     &search);
	return search.is_found;
}

struct connector_search {
	int64_t connector;
	uint32_t count; /* reported, but for the station itself */
	bool is_found;
};

static int
on_connector(const struct ocppd_connector_info *info, void *arg)
{
	struct connector_search *search = arg;

	search->count += info->place.evse > 0 ? 1 : 0;
	search->is_found |= connector_of(info->place) == search->connector;
	return 0;
}

bool
connector_is_known(struct smart *ctx, struct ocppd_station *station, int64_t connector,
		   uint32_t *ret_count)
{
	struct connector_search search = { .connector = connector };

	(void)ctx->stations->connector_each(ctx->stations_self, ctx->host, station, on_connector,
					    &search);
	*ret_count = search.count;
	return connector == 0 || search.is_found;
}

static void
warn_connector(struct smart *ctx, struct ocppd_host *host, struct ocppd_outcall *call,
	       int64_t connector)
{
	uint32_t count;

	if (connector < 0) {
		ocppd_outcall_warn(host, call, "connectorId: must not be negative");
		return;
	}
	if (!connector_is_known(ctx, ocppd_outcall_station(call), connector, &count) && count > 0)
		ocppd_outcall_warn(host, call,
				   "connectorId: the station never reported connector %lld",
				   (long long)connector);
}

bool
pause_is_stop(const struct ocppd_station *station)
{
	const char *value = ocppd_station_option(station, "pause");

	return value != NULL && strcmp(value, "stop") == 0;
}

static void
warn_pause(struct smart *ctx, struct ocppd_outcall *call, const struct profile *profile)
{
	if (pause_is_stop(ocppd_outcall_station(call)) &&
	    pause_is_in(profile, ctx->conf->voltage_v))
		ocppd_outcall_warn(ctx->host, call,
				   "csChargingProfiles.chargingSchedule: the station takes no "
				   "limit below 6 A (pause=stop)");
}

static void
warn_transaction(struct smart *ctx, struct ocppd_outcall *call, const struct profile *profile)
{
	struct charging charging;

	if (profile->purpose != PURPOSE_TX || profile->connector <= 0)
		return;
	if (!charging_find(ctx, ocppd_outcall_station(call), profile->connector, &charging))
		ocppd_outcall_warn(ctx->host, call,
				   "csChargingProfiles.chargingProfilePurpose: no transaction is "
				   "active on connector %lld",
				   (long long)profile->connector);
	else if (profile->has_transaction && profile->transaction_id != charging.transaction_id)
		ocppd_outcall_warn(ctx->host, call,
				   "csChargingProfiles.transactionId: the transaction on "
				   "connector %lld is %lld",
				   (long long)profile->connector,
				   (long long)charging.transaction_id);
}

struct warning {
	struct ocppd_host *host;
	struct ocppd_outcall *call;
};

static void
on_complaint(void *arg, const char *text)
{
	const struct warning *warning = arg;
	/* The connector is the request's member, not the profile's. */
	bool is_inside = strncmp(text, "connectorId", 11) != 0;

	ocppd_outcall_warn(warning->host, warning->call, "%s%s",
			   is_inside ? "csChargingProfiles." : "", text);
}

/* ---- SetChargingProfile: before ---------------------------------------------------------------
 */

/* The keys that limit a profile are being read. */
struct reading {
	struct smart *ctx;
	struct ocppd_outcall *call;
	struct profile *profile;
	struct station_limits limits;
	uint32_t outstanding;
};

static void
reading_end(struct reading *reading)
{
	struct smart *ctx = reading->ctx;
	struct warning warning = { ctx->host, reading->call };

	if (--reading->outstanding > 0)
		return;
	profile_check_limits(
		reading->profile, &reading->limits,
		installed_others(ctx, ocppd_outcall_station(reading->call), reading->profile),
		on_complaint, &warning);
	ocppd_outcall_ready(ctx->host, reading->call, 0, NULL);
	free(reading->profile);
	free(reading);
	smart_done(ctx);
}

static void
on_key(struct ocppd_host *host, int result, const struct ocppd_station_key *key, void *arg)
{
	struct reading *reading = arg;

	(void)host;
	if (result >= 0 && key != NULL)
		station_limits_set(&reading->limits, key->name, key->value);
	reading_end(reading);
}

/* Takes the profile. Returns OCPPD_PENDING, or 0: what cannot be found out is no reason not to
 * send. */
static int
read_limits(struct smart *ctx, struct ocppd_outcall *call, struct profile *profile)
{
	struct reading *reading =
		ctx->stations->key_find == NULL ? NULL : calloc(1, sizeof(*reading));

	if (reading == NULL) {
		free(profile);
		return 0;
	}
	*reading = (struct reading){ .ctx = ctx, .call = call, .profile = profile };
	station_limits_init(&reading->limits);
	for (size_t i = 0; i < KEYS; i++) {
		int r = ctx->stations->key_find(ctx->stations_self, ctx->host,
						ocppd_outcall_station(call), limit_keys[i], on_key,
						reading);

		reading->outstanding += r == OCPPD_PENDING ? 1 : 0;
	}
	if (reading->outstanding == 0) {
		free(profile);
		free(reading);
		return 0;
	}
	ctx->outstanding++;
	return OCPPD_PENDING;
}

static int
fill(struct smart *ctx, struct ocppd_station *station, int64_t connector, struct json_object *json)
{
	const char *purpose = ocppd_json_get_str(json, "chargingProfilePurpose");
	struct charging charging;
	int r = 0;

	if (ocppd_json_get(json, "chargingProfileId") == NULL)
		r = ocppd_json_add_int(json, "chargingProfileId", installed_next_id(ctx, station));
	if (r >= 0 && purpose != NULL && strcmp(purpose, "TxProfile") == 0 &&
	    ocppd_json_get(json, "transactionId") == NULL &&
	    charging_find(ctx, station, connector, &charging))
		r = ocppd_json_add_int(json, "transactionId", charging.transaction_id);
	return r;
}

int
prepare_set(struct ocppd_host *host, struct ocppd_outcall *call, struct json_object *req, void *arg,
	    struct ocppd_error *err)
{
	struct smart *ctx = arg;
	struct ocppd_station *station = ocppd_outcall_station(call);
	int64_t connector = ocppd_json_get_int(req, "connectorId", 0);
	struct json_object *json = ocppd_json_get(req, "csChargingProfiles");
	struct warning warning = { host, call };
	struct profile *profile = NULL;
	int r = fill(ctx, station, connector, json);

	if (r < 0)
		return ocppd_error_set(err, r, "out of memory");
	warn_connector(ctx, host, call, connector);
	r = profile_parse(json, connector, &profile);
	if (r < 0) {
		ocppd_outcall_warn(host, call, "csChargingProfiles: a number is beyond all sense");
		return 0;
	}
	profile_check(profile, json, ocppd_now_us(host) / 1000000, on_complaint, &warning);
	warn_transaction(ctx, call, profile);
	warn_pause(ctx, call, profile);
	return read_limits(ctx, call, profile);
}

/* ---- What came of it --------------------------------------------------------------------------
 */

static const char *
result_word(uint32_t result, struct json_object *conf)
{
	const char *status = ocppd_json_get_str(conf, "status");

	switch (result) {
	case OCPPD_RES_REPLY:
		return status == NULL ? "error" : status;
	case OCPPD_RES_TIMEOUT:
		return "timeout";
	case OCPPD_RES_GONE:
		return "gone";
	case OCPPD_RES_ERROR:
		return "error";
	default:
		return NULL; /* was never sent */
	}
}

static void
count_call(struct smart *ctx, const struct ocppd_outcall *call, const char *word)
{
	static const char *const known[] = { "Accepted", "Rejected", "NotSupported", "Unknown",
					     "error",    "timeout",  "gone" };
	const char *labels[] = { ocppd_outcall_action(call), "other" };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(word, known[i]) == 0)
			labels[1] = known[i];
	}
	(void)ocppd_metric_add(ctx->host, METRIC_CALLS, labels, 1);
}

static void
publish_refused(struct smart *ctx, struct ocppd_station *station, const struct profile *profile,
		const char *word)
{
	struct json_object *body;

	OCPPD_INFO(ctx->host, "profile.refused", OCPPD_STR("station", ocppd_station_id(station)),
		   OCPPD_INT("profile", profile->id), OCPPD_STR("status", word));
	if (!ocppd_event_wanted(ctx->host, OCPPD_EVENT_CHARGING_PROFILE_REFUSED))
		return;
	body = profile_event(station, profile);
	ocppd_json_add_str(body, "status", word);
	(void)ocppd_event_publish(ctx->host, OCPPD_EVENT_CHARGING_PROFILE_REFUSED,
				  ocppd_station_id(station), body);
}

void
completed_set(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
	      struct json_object *req, struct json_object *conf, void *arg)
{
	struct smart *ctx = arg;
	struct ocppd_station *station = ocppd_outcall_station(call);
	int64_t connector = ocppd_json_get_int(req, "connectorId", 0);
	struct json_object *json = ocppd_json_get(req, "csChargingProfiles");
	const char *word = result_word(result, conf);
	struct profile *profile = NULL;

	(void)host;
	if (word == NULL || ctx->is_stopping)
		return;
	count_call(ctx, call, word);
	if (strcmp(word, "Accepted") == 0) {
		installed_accept(ctx, station, connector, json);
		return;
	}
	if (profile_parse(json, connector, &profile) < 0)
		return;
	/* It may have arrived, and taken the place of what was there. */
	if (result == OCPPD_RES_TIMEOUT || result == OCPPD_RES_GONE)
		installed_doubt(ctx, station, profile);
	publish_refused(ctx, station, profile, word);
	free(profile);
}

/* ---- ClearChargingProfile ---------------------------------------------------------------------
 */

int
prepare_clear(struct ocppd_host *host, struct ocppd_outcall *call, struct json_object *req,
	      void *arg, struct ocppd_error *err)
{
	struct smart *ctx = arg;
	struct installed *installed = smart_slot(ctx, ocppd_outcall_station(call))->first;
	struct profile_filter filter;

	(void)err;
	profile_filter_parse(req, &filter);
	while (installed != NULL && !profile_is_cleared(installed->profile, &filter))
		installed = installed->next;
	if (installed == NULL && json_object_object_length(req) > 0)
		ocppd_outcall_warn(host, call, "nothing of the kind is known to be in the station");
	if (filter.id != INT64_MIN && json_object_object_length(req) > 1)
		ocppd_outcall_warn(host, call, "id: the other fields do not count beside it");
	return 0;
}

void
completed_clear(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
		struct json_object *req, struct json_object *conf, void *arg)
{
	struct smart *ctx = arg;
	const char *word = result_word(result, conf);
	struct profile_filter filter;

	(void)host;
	if (word == NULL || ctx->is_stopping)
		return;
	count_call(ctx, call, word);
	profile_filter_parse(req, &filter);
	/* Nothing matched: then nothing of the kind is there, whatever is on record. */
	if (strcmp(word, "Accepted") == 0)
		installed_clear(ctx, ocppd_outcall_station(call), &filter, "cleared");
	else if (strcmp(word, "Unknown") == 0)
		installed_clear(ctx, ocppd_outcall_station(call), &filter, "unknown");
}

/* ---- GetCompositeSchedule ---------------------------------------------------------------------
 */

int
prepare_composite(struct ocppd_host *host, struct ocppd_outcall *call, struct json_object *req,
		  void *arg, struct ocppd_error *err)
{
	struct smart *ctx = arg;

	(void)err;
	warn_connector(ctx, host, call, ocppd_json_get_int(req, "connectorId", 0));
	if (ocppd_json_get_int(req, "duration", 1) <= 0)
		ocppd_outcall_warn(host, call, "duration: must be greater than 0");
	return 0;
}

void
completed_composite(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
		    struct json_object *req, struct json_object *conf, void *arg)
{
	struct smart *ctx = arg;
	const char *word = result_word(result, conf);

	(void)host;
	(void)req;
	if (word == NULL || ctx->is_stopping)
		return;
	count_call(ctx, call, word);
	/* Quirk H07: the computed schedule is what there is then. */
	if (strcmp(word, "Rejected") == 0 &&
	    smart_slot(ctx, ocppd_outcall_station(call))->first != NULL)
		ocppd_quirk_hit(ctx->host, ocppd_outcall_station(call), "H07", NULL);
}
