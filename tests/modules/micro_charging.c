/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* Uses the service ocppd.smart_charging as a module for load management would: for tests of it. */
#include <ocppd/json.h>
#include <ocppd/plugin.h>
#include <ocppd/service/smart_charging.h>

#include <stdlib.h>

#include <json-c/json.h>

#define PERIODS_MAX 8

struct micro {
	struct ocppd_host *host;
	const struct ocppd_smart_charging_ops *ops;
	void *self;
};

static void
on_outcome(struct ocppd_host *host, const struct ocppd_charging_outcome *outcome, void *arg)
{
	struct json_object *body = json_object_new_object();

	ocppd_json_add_int(body, "outcome", outcome->outcome);
	ocppd_json_add_int(body, "profileId", outcome->profile_id);
	ocppd_json_add_str(body, "text", outcome->text);
	ocppd_request_reply(host, arg, 200, body);
}

static struct ocppd_station *
station_of(struct ocppd_host *host, struct ocppd_request *request)
{
	return ocppd_station_find(host, ocppd_request_param(request, "stationId"));
}

/* Half of the limit after a minute. */
static void
install(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct micro *micro = arg;
	struct json_object *body = ocppd_request_body(request);
	int64_t limit = ocppd_json_get_int(body, "limit", 0);
	int32_t evse = (int32_t)ocppd_json_get_int(body, "evse", 1);
	const struct ocppd_charging_period periods[] = { { 0, limit, 0 }, { 60, limit / 2, 1 } };
	const struct ocppd_charging_limit wanted = {
		.struct_size = sizeof(wanted),
		.flags = (ocppd_json_get_bool(body, "strict", 0) ? OCPPD_CALL_STRICT : 0) |
			 (ocppd_json_get_bool(body, "asGiven", 0) ? OCPPD_CHARGING_AS_GIVEN : 0),
		.station = station_of(host, request),
		.place = { evse, evse > 0 ? 1 : 0 },
		.purpose = (uint32_t)ocppd_json_get_int(body, "purpose", OCPPD_CHARGING_DEFAULT),
		.unit = OCPPD_RATE_A,
		.profile_id = ocppd_json_get_int(body, "profileId", 0),
		.duration_s = 3600,
		.min_rate = 61,
		.valid_to_us = ocppd_now_us(host) + INT64_C(86400000000),
		.periods = periods,
		.period_count = (uint32_t)ocppd_json_get_int(body, "periods", 2),
	};
	struct ocppd_error err = { 0 };
	int r = micro->ops->install(micro->self, host, &wanted, on_outcome, request, &err);

	if (r < 0)
		ocppd_request_fail(host, request, r, &err);
}

static void
clear(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct micro *micro = arg;
	struct ocppd_error err = { 0 };
	int r = micro->ops->clear(micro->self, host, station_of(host, request),
				  ocppd_request_query_int(request, "profileId", 0), on_outcome,
				  request, &err);

	if (r < 0)
		ocppd_request_fail(host, request, r, &err);
}

static int
on_profile(const struct ocppd_charging_profile *profile, void *arg)
{
	json_object_array_add(arg, json_object_new_int64(profile->profile_id));
	return 0;
}

static void
composite(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct micro *micro = arg;
	struct ocppd_charging_period periods[PERIODS_MAX];
	const struct ocppd_charging_query query = {
		.struct_size = sizeof(query),
		.unit = OCPPD_RATE_A,
		.station = station_of(host, request),
		.place = { 1, 1 },
		.duration_s = ocppd_request_query_int(request, "duration", 60),
	};
	struct json_object *body = json_object_new_object();
	struct json_object *profiles = json_object_new_array();
	struct json_object *limits = json_object_new_array();
	int64_t count = micro->ops->composite(micro->self, host, &query, periods, PERIODS_MAX);

	(void)micro->ops->profile_each(micro->self, host, query.station, on_profile, profiles);
	for (int64_t i = 0; i < count; i++)
		json_object_array_add(limits, json_object_new_int64(periods[i].limit));
	ocppd_json_add_int(body, "count", count);
	ocppd_json_add(body, "limits", limits);
	ocppd_json_add(body, "profiles", profiles);
	ocppd_request_reply(host, request, 200, body);
}

static int
init(struct ocppd_host *host, const void *conf, void **ret_ctx, struct ocppd_error *err)
{
	struct micro *micro = calloc(1, sizeof(*micro));

	(void)conf;
	if (micro == NULL)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	micro->host = host;
	*ret_ctx = micro;
	return 0;
}

static int
start(struct ocppd_host *host, void *arg, struct ocppd_error *err)
{
	struct micro *micro = arg;
	const void *ops;
	int r = ocppd_service_get(host, "ocppd.smart_charging", 1, 0, &ops, &micro->self);

	if (r < 0)
		return ocppd_error_set(err, r, "ocppd.smart_charging is not there");
	micro->ops = ops;
	return 0;
}

static void
shutdown_module(struct ocppd_host *host, void *arg)
{
	(void)host;
	free(arg);
}

static const struct ocppd_field install_fields[] = {
	{ "limit", OCPPD_T_INTEGER },   { "evse", OCPPD_T_INTEGER },
	{ "purpose", OCPPD_T_INTEGER }, { "profileId", OCPPD_T_INTEGER },
	{ "periods", OCPPD_T_INTEGER }, { "strict", OCPPD_T_BOOLEAN },
	{ "asGiven", OCPPD_T_BOOLEAN },
};
static const struct ocppd_field clear_query[] = {
	{ "profileId", OCPPD_T_INTEGER, OCPPD_REQUIRED },
};
static const struct ocppd_field composite_query[] = {
	{ "duration", OCPPD_T_INTEGER },
};
static const struct ocppd_route routes[] = {
	{ "POST", "/v1/micro/{stationId}/limit", OCPPD_ROLE_OPERATOR,
	  .req = OCPPD_TABLE(install_fields), .summary = "Install", .on_request = install },
	{ "DELETE", "/v1/micro/{stationId}/limit", OCPPD_ROLE_OPERATOR,
	  .query = OCPPD_TABLE(clear_query), .summary = "Clear", .on_request = clear },
	{ "GET", "/v1/micro/{stationId}/limit", OCPPD_ROLE_OPERATOR,
	  .query = OCPPD_TABLE(composite_query), .summary = "Ask", .on_request = composite },
};

static const struct ocppd_need needs[] = {
	{ "ocppd.smart_charging", .major = 1, .module = "ocpp16_smart_charging" },
};

OCPPD_PLUGIN = {
	OCPPD_GUARD,
	"micro_charging",
	"1.0.0",
	"Installs limits",
	.needs = OCPPD_TABLE(needs),
	.routes = OCPPD_TABLE(routes),
	.init = init,
	.start = start,
	.shutdown = shutdown_module,
};
