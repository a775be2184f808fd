/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The operator API: what stations hold, the composite schedule with what the station says of it,
 * and the rows of all routes.
 */
#include "smart.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

#define DURATION_DEFAULT_S 86400
#define DURATION_MAX_S 2678400 /* 31 days */
#define DIFFERENCES_MAX 50
#define CONNECTOR_MAX 64

struct ocppd_station *
routes_station(struct smart *ctx, struct ocppd_request *request, const char *station_id)
{
	struct ocppd_station *station = ocppd_station_find(ctx->host, station_id);
	bool is_connected = station != NULL && ocppd_station_is_connected(station) != 0;

	/* The core remembers one that was deleted, too. */
	if (!is_connected && ctx->stations->is_known != NULL)
		station = ctx->stations->is_known(ctx->stations_self, ctx->host, station_id) > 0
				  ? ocppd_station_get(ctx->host, station_id)
				  : NULL;
	if (station == NULL)
		ocppd_request_problem(ctx->host, request, 404, "unknown-station",
				      "There is no such station");
	return station;
}

/* ---- Installed --------------------------------------------------------------------------------
 */

void
routes_installed(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct smart *ctx = arg;
	int64_t connector = ocppd_request_query_int(request, "connectorId", -1);
	struct ocppd_station *station =
		routes_station(ctx, request, ocppd_request_param(request, "stationId"));
	struct json_object *body;
	struct json_object *items;

	if (station == NULL)
		return;
	body = json_object_new_object();
	items = json_object_new_array();
	for (struct installed *item = smart_slot(ctx, station)->first; item != NULL;
	     item = item->next) {
		if (connector < 0 || item->profile->connector == connector)
			json_object_array_add(items, installed_json(station, item));
	}
	ocppd_json_add(body, "items", items);
	ocppd_request_reply(host, request, 200, body);
}

void
routes_restored(struct smart *ctx, struct ocppd_request *request, const struct restored *done)
{
	struct json_object *body = json_object_new_object();

	ocppd_json_add_int(body, "sent", done->sent);
	ocppd_json_add_int(body, "accepted", done->accepted);
	ocppd_json_add_bool(body, "complete", done->is_complete);
	ocppd_request_reply(ctx->host, request, 200, body);
}

void
routes_restore(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct smart *ctx = arg;
	struct ocppd_connection_info info = { .struct_size = sizeof(info) };
	struct ocppd_station *station =
		routes_station(ctx, request, ocppd_request_param(request, "stationId"));
	int r;

	if (station == NULL)
		return;
	if (ocppd_station_connection(station, &info) < 0) {
		ocppd_request_problem(host, request, 409, "not-connected",
				      "the station is not connected");
		return;
	}
	r = restore_begin(ctx, station, request);
	if (r == OCPPD_EBUSY)
		ocppd_request_problem(host, request, 409, "busy",
				      "the station is being sent its profiles already");
	else if (r < 0)
		ocppd_request_fail(host, request, r, NULL);
}

/* ---- Composite schedule -------------------------------------------------------------------------
 */

struct comparison {
	struct smart *ctx;
	struct ocppd_request *request;
	struct smart_query query;
};

static struct json_object *
periods_json(const struct composite_period *periods, int64_t count)
{
	struct json_object *list = json_object_new_array();

	for (int64_t i = 0; i < count; i++) {
		const struct composite_limit *at = &periods[i].at;
		struct json_object *item = json_object_new_object();

		ocppd_json_add_int(item, "startPeriod", periods[i].start_s);
		if (at->is_limited) {
			ocppd_json_add(item, "limit", tenths_json(at->limit));
			ocppd_json_add_int(item, "numberPhases", at->phases);
		}
		if (at->is_inefficient)
			ocppd_json_add_bool(item, "belowMinimum", 1);
		json_object_array_add(list, item);
	}
	return list;
}

/* An empty schedule of a connector that there is not says nothing: tell so. */
static void
add_warnings(struct smart *ctx, struct json_object *body, const struct smart_query *query)
{
	struct json_object *list;
	char text[96];
	uint32_t count;

	if (connector_is_known(ctx, query->station, query->connector, &count))
		return;
	if (count == 0)
		snprintf(text, sizeof(text), "the station has not reported any connector yet");
	else
		snprintf(text, sizeof(text),
			 "connectorId: the station never reported connector %lld",
			 (long long)query->connector);
	list = json_object_new_array();
	json_object_array_add(list, json_object_new_string(text));
	ocppd_json_add(body, "warnings", list);
}

/* Computes; NULL: the request was answered. */
static struct json_object *
computed_json(struct smart *ctx, struct ocppd_request *request, const struct smart_query *query,
	      struct composite_period *periods, int64_t *ret_count)
{
	struct json_object *body;
	int64_t count = smart_composite(ctx, query, periods, SMART_PERIODS_MAX);

	if (count == OCPPD_ESPACE)
		ocppd_request_problem(ctx->host, request, 422, "too-many-periods",
				      "The schedule changes more than %d times: ask for less",
				      SMART_PERIODS_MAX);
	else if (count < 0)
		ocppd_request_fail(ctx->host, request, (int)count, NULL);
	if (count < 0)
		return NULL;
	body = json_object_new_object();
	ocppd_json_add_str(body, "stationId", ocppd_station_id(query->station));
	ocppd_json_add_int(body, "connectorId", query->connector);
	ocppd_json_add_time(body, "scheduleStart", query->start_s * 1000000);
	ocppd_json_add_int(body, "duration", query->duration_s);
	ocppd_json_add_str(body, "chargingRateUnit", rate_unit_word(query->unit));
	ocppd_json_add(body, "chargingSchedulePeriod", periods_json(periods, count));
	add_warnings(ctx, body, query);
	*ret_count = count;
	return body;
}

static struct json_object *
differences_json(const struct composite_difference *differences, uint32_t count)
{
	struct json_object *list = json_object_new_array();

	for (uint32_t i = 0; i < count; i++) {
		struct json_object *item = json_object_new_object();

		ocppd_json_add_int(item, "startPeriod", differences[i].start_s);
		ocppd_json_add_int(item, "endPeriod", differences[i].end_s);
		ocppd_json_add(item, "computed", tenths_json(differences[i].computed));
		if (differences[i].reported != COMPOSITE_NO_LIMIT)
			ocppd_json_add(item, "reported", tenths_json(differences[i].reported));
		json_object_array_add(list, item);
	}
	return list;
}

struct profile *
smart_reported(struct json_object *conf, struct smart_query *query)
{
	struct json_object *schedule = ocppd_json_get(conf, "chargingSchedule");
	struct profile *reported = NULL;
	int64_t start_us;

	if (schedule == NULL || schedule_parse(schedule, &reported) < 0)
		return NULL;
	if (ocppd_json_get_time(conf, "scheduleStart", &start_us) >= 0)
		query->start_s = start_us / 1000000;
	query->unit = reported->unit;
	if (reported->has_duration && reported->duration_s > 0 &&
	    reported->duration_s < query->duration_s)
		query->duration_s = reported->duration_s;
	return reported;
}

static const char *
result_word(uint32_t result, struct json_object *conf)
{
	const char *status = ocppd_json_get_str(conf, "status");

	switch (result) {
	case OCPPD_RES_REPLY:
		return status == NULL ? "error" : status;
	case OCPPD_RES_ERROR:
		return "error";
	case OCPPD_RES_TIMEOUT:
		return "timeout";
	case OCPPD_RES_REFUSED:
		return "refused";
	default:
		return "not-connected";
	}
}

static void
reply_comparison(struct comparison *comparison, struct composite_period *periods, uint32_t result,
		 struct json_object *conf)
{
	struct composite_difference differences[DIFFERENCES_MAX];
	struct smart *ctx = comparison->ctx;
	struct profile *reported = NULL;
	struct json_object *body;
	struct json_object *said;
	int64_t count = 0;
	uint32_t found;

	if (result == OCPPD_RES_REPLY)
		reported = smart_reported(conf, &comparison->query);
	body = computed_json(ctx, comparison->request, &comparison->query, periods, &count);
	if (body == NULL) {
		free(reported);
		return;
	}
	said = json_object_new_object();
	ocppd_json_add_str(said, "status", result_word(result, conf));
	ocppd_json_add_str(said, "scheduleStart", ocppd_json_get_str(conf, "scheduleStart"));
	ocppd_json_add(said, "chargingSchedule",
		       json_object_get(ocppd_json_get(conf, "chargingSchedule")));
	ocppd_json_add(body, "reported", said);
	if (reported != NULL) {
		found = composite_compare(periods, (uint32_t)count, reported,
					  comparison->query.duration_s, differences,
					  DIFFERENCES_MAX);
		ocppd_json_add_bool(body, "agrees", found == 0);
		ocppd_json_add(body, "differences",
			       differences_json(differences,
						found < DIFFERENCES_MAX ? found : DIFFERENCES_MAX));
		free(reported);
	}
	ocppd_request_reply(ctx->host, comparison->request, 200, body);
}

static void
compare_end(struct comparison *comparison, uint32_t result, struct json_object *conf)
{
	struct composite_period *periods = calloc(SMART_PERIODS_MAX, sizeof(*periods));

	if (periods == NULL)
		ocppd_request_fail(comparison->ctx->host, comparison->request, OCPPD_ENOMEM, NULL);
	else
		reply_comparison(comparison, periods, result, conf);
	free(periods);
}

static void
on_reported(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
	    struct json_object *conf, void *arg)
{
	struct comparison *comparison = arg;
	struct smart *ctx = comparison->ctx;

	(void)host;
	(void)call;
	compare_end(comparison, result, conf);
	free(comparison);
	smart_done(ctx);
}

/* Asks the station. What cannot be asked is no fault: the computation stands for itself. */
static void
compare_begin(struct smart *ctx, struct ocppd_request *request, const struct smart_query *query)
{
	struct comparison now = { ctx, request, *query };
	struct comparison *comparison = malloc(sizeof(*comparison));
	struct ocppd_call_request call = {
		.struct_size = sizeof(call),
		.station = query->station,
		.action = "GetCompositeSchedule",
		.payload = json_object_new_object(),
		.requester = ocppd_request_user(request),
	};
	int r = comparison == NULL || call.payload == NULL ? OCPPD_ENOMEM : 0;

	r |= ocppd_json_add_int(call.payload, "connectorId", query->connector);
	r |= ocppd_json_add_int(call.payload, "duration", query->duration_s);
	r |= ocppd_json_add_str(call.payload, "chargingRateUnit", rate_unit_word(query->unit));
	if (r < 0) {
		(void)json_object_put(call.payload);
		free(comparison);
		ocppd_request_fail(ctx->host, request, OCPPD_ENOMEM, NULL);
		return;
	}
	*comparison = now;
	r = ocppd_call_send(ctx->host, &call, on_reported, comparison, NULL);
	if (r < 0) {
		free(comparison);
		compare_end(&now, r == OCPPD_ENOTCONN ? OCPPD_RES_GONE : OCPPD_RES_REFUSED, NULL);
		return;
	}
	ctx->outstanding++;
}

static bool
connector_parse(const char *text, int64_t *ret)
{
	int64_t number = 0;

	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return false;
		number = number * 10 + (*text - '0');
		if (number > CONNECTOR_MAX)
			return false;
	}
	*ret = number;
	return true;
}

/* What is asked; false: the request was answered. */
static bool
read_query(struct smart *ctx, struct ocppd_request *request, struct smart_query *ret)
{
	const char *unit = ocppd_request_query(request, "unit");
	int64_t from_us = ocppd_request_query_int(request, "from", INT64_MIN);
	bool is_compared = ocppd_request_query_int(request, "compare", 0) != 0;

	ret->start_s = (from_us == INT64_MIN ? ocppd_now_us(ctx->host) : from_us) / 1000000;
	ret->duration_s = ocppd_request_query_int(request, "duration", DURATION_DEFAULT_S);
	ret->unit = unit != NULL && strcmp(unit, "W") == 0 ? RATE_W : RATE_A;
	if (!connector_parse(ocppd_request_param(request, "connectorId"), &ret->connector)) {
		ocppd_request_problem(ctx->host, request, 404, "unknown-connector",
				      "Connectors are 0 to %d", CONNECTOR_MAX);
		return false;
	}
	if (is_compared && from_us != INT64_MIN) {
		ocppd_request_problem(ctx->host, request, 422, "not-comparable",
				      "A station reports its schedule from now on only: leave out "
				      "`from` or `compare`");
		return false;
	}
	if (is_compared && ocppd_request_role(request) < OCPPD_ROLE_OPERATOR) {
		ocppd_request_problem(ctx->host, request, 403, "forbidden",
				      "To ask a station takes an operator's rights");
		return false;
	}
	ret->station = routes_station(ctx, request, ocppd_request_param(request, "stationId"));
	return ret->station != NULL;
}

void
routes_composite(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct smart *ctx = arg;
	struct smart_query query;
	struct composite_period *periods;
	struct json_object *body;
	int64_t count;

	if (!read_query(ctx, request, &query))
		return;
	if (ocppd_request_query_int(request, "compare", 0) != 0) {
		compare_begin(ctx, request, &query);
		return;
	}
	periods = calloc(SMART_PERIODS_MAX, sizeof(*periods));
	if (periods == NULL) {
		ocppd_request_fail(host, request, OCPPD_ENOMEM, NULL);
		return;
	}
	body = computed_json(ctx, request, &query, periods, &count);
	free(periods);
	if (body != NULL)
		ocppd_request_reply(host, request, 200, body);
}

/* ---- Rows ---------------------------------------------------------------------------------------
 */

#define PROFILE_ROWS                                                                               \
	{                                                                                          \
		smart_profile_fields, SMART_PROFILE_FIELDS, sizeof(struct ocppd_field)             \
	}
#define TEMPLATE_ROWS                                                                              \
	{                                                                                          \
		smart_template_fields, SMART_TEMPLATE_FIELDS, sizeof(struct ocppd_field)           \
	}

static const char *const unit_words[] = { "A", "W", NULL };

static const struct ocppd_field page_query[] = {
	{ "limit", OCPPD_T_INTEGER, .min = 1, .max = 1000, .doc = "items in a page, default 100" },
	{ "after", OCPPD_T_STRING, .doc = "`next` of the page before" },
};
static const struct ocppd_field template_fields[] = {
	{ "name", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "chargingProfile", OCPPD_T_OBJECT, OCPPD_REQUIRED, .fields = TEMPLATE_ROWS },
	{ "changed", OCPPD_T_TIMESTAMP, OCPPD_REQUIRED },
	{ "changedBy", OCPPD_T_STRING },
};
static const struct ocppd_field templates_fields[] = {
	{ "items", OCPPD_T_OBJECT, OCPPD_REQUIRED | OCPPD_LIST,
	  .fields = OCPPD_TABLE(template_fields) },
	{ "next", OCPPD_T_STRING },
};
static const struct ocppd_field install_fields[] = {
	{ "stationId", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "connectorId", OCPPD_T_INTEGER, OCPPD_REQUIRED, .max = CONNECTOR_MAX },
	{ "chargingProfileId", OCPPD_T_INTEGER, .min = INT32_MIN, .max = INT32_MAX,
	  .doc = "absent: one that is free" },
	{ "transactionId", OCPPD_T_INTEGER, .min = INT32_MIN, .max = INT32_MAX,
	  .doc = "of a TxProfile; absent: the one under way" },
	{ "stackLevel", OCPPD_T_INTEGER, .max = INT32_MAX, .doc = "absent: the template's" },
	{ "asGiven", OCPPD_T_BOOLEAN, .doc = "in these words or not at all: no fallbacks" },
};
static const struct ocppd_field installing_fields[] = {
	{ "result", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "connectorId", OCPPD_T_INTEGER, OCPPD_REQUIRED },
	{ "chargingProfile", OCPPD_T_OBJECT, .fields = PROFILE_ROWS,
	  .doc = "as it was sent; absent where another action took its place" },
	{ "status", OCPPD_T_STRING, .doc = "Accepted, Rejected or NotSupported" },
	{ "adapted", OCPPD_T_STRING,
	  .doc = "what was changed for the station: `Relative, A at 230 V`" },
	{ "attempts", OCPPD_T_INTEGER, .doc = "in how many words it was sent, if more than once" },
	{ "outrankedBy", OCPPD_T_INTEGER, OCPPD_LIST,
	  .doc = "profiles of a higher stack level in the same place" },
	{ "warnings", OCPPD_T_STRING, OCPPD_LIST },
};
static const struct ocppd_field installed_query[] = {
	{ "connectorId", OCPPD_T_INTEGER, .max = CONNECTOR_MAX },
};
static const struct ocppd_field installed_fields[] = {
	{ "stationId", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "connectorId", OCPPD_T_INTEGER, OCPPD_REQUIRED },
	{ "chargingProfileId", OCPPD_T_INTEGER, OCPPD_REQUIRED },
	{ "template", OCPPD_T_STRING, .doc = "what it was installed from" },
	{ "installed", OCPPD_T_TIMESTAMP, OCPPD_REQUIRED },
	{ "doubtful", OCPPD_T_BOOLEAN, OCPPD_REQUIRED,
	  .doc = "the station rebooted, or left a change unanswered, since" },
	{ "chargingProfile", OCPPD_T_OBJECT, OCPPD_REQUIRED, .fields = PROFILE_ROWS },
};
static const struct ocppd_field installed_list[] = {
	{ "items", OCPPD_T_OBJECT, OCPPD_REQUIRED | OCPPD_LIST,
	  .fields = OCPPD_TABLE(installed_fields) },
};
static const struct ocppd_field restored_fields[] = {
	{ "sent", OCPPD_T_INTEGER, OCPPD_REQUIRED },
	{ "accepted", OCPPD_T_INTEGER, OCPPD_REQUIRED },
	{ "complete", OCPPD_T_BOOLEAN, OCPPD_REQUIRED,
	  .doc = "false: the station went away, or answered no more, before the last one" },
};
static const struct ocppd_field composite_query[] = {
	{ "from", OCPPD_T_TIMESTAMP, .doc = "default: now" },
	{ "duration", OCPPD_T_INTEGER, .min = 1, .max = DURATION_MAX_S,
	  .doc = "seconds, default a day, at most 31 days" },
	{ "unit", OCPPD_T_STRING, .one_of = unit_words, .doc = "default A" },
	{ "compare", OCPPD_T_BOOLEAN, .doc = "ask the station, too: for operators" },
};
static const struct ocppd_field period_fields[] = {
	{ "startPeriod", OCPPD_T_INTEGER, OCPPD_REQUIRED, .doc = "seconds from scheduleStart" },
	{ "limit", OCPPD_T_DECIMAL, .doc = "absent: no profile limits it" },
	{ "numberPhases", OCPPD_T_INTEGER },
	{ "belowMinimum", OCPPD_T_BOOLEAN, .doc = "below the profile's minChargingRate" },
};
static const struct ocppd_field reported_fields[] = {
	{ "status", OCPPD_T_STRING, OCPPD_REQUIRED,
	  .doc = "Accepted, Rejected; error, timeout, refused, not-connected" },
	{ "scheduleStart", OCPPD_T_STRING },
	{ "chargingSchedule", OCPPD_T_ANY, .doc = "as the station reports it" },
};
static const struct ocppd_field difference_fields[] = {
	{ "startPeriod", OCPPD_T_INTEGER, OCPPD_REQUIRED },
	{ "endPeriod", OCPPD_T_INTEGER, OCPPD_REQUIRED },
	{ "computed", OCPPD_T_DECIMAL, OCPPD_REQUIRED },
	{ "reported", OCPPD_T_DECIMAL, .doc = "absent: no limit" },
};
static const struct ocppd_field composite_fields[] = {
	{ "stationId", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "connectorId", OCPPD_T_INTEGER, OCPPD_REQUIRED },
	{ "scheduleStart", OCPPD_T_TIMESTAMP, OCPPD_REQUIRED },
	{ "duration", OCPPD_T_INTEGER, OCPPD_REQUIRED },
	{ "chargingRateUnit", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "chargingSchedulePeriod", OCPPD_T_OBJECT, OCPPD_REQUIRED | OCPPD_LIST,
	  .fields = OCPPD_TABLE(period_fields), .doc = "as computed from what is installed" },
	{ "reported", OCPPD_T_OBJECT, .fields = OCPPD_TABLE(reported_fields) },
	{ "agrees", OCPPD_T_BOOLEAN, .doc = "with compare, if the station reported a schedule" },
	{ "differences", OCPPD_T_OBJECT, OCPPD_LIST, .fields = OCPPD_TABLE(difference_fields) },
	{ "warnings", OCPPD_T_STRING, OCPPD_LIST, .doc = "of a connector that was never reported" },
};

static const struct ocppd_command list_commands[] = {
	{ "charging-profiles", "limit after",
	  "name,chargingProfile.chargingProfilePurpose,chargingProfile.chargingProfileKind,"
	  "chargingProfile.stackLevel,changed",
	  "List charging profile templates" },
};
static const struct ocppd_command get_commands[] = {
	{ "charging-profiles show", "name", NULL, "Show a charging profile template" },
};
static const struct ocppd_command put_commands[] = {
	{ "charging-profiles set", "name *", NULL, "Store a charging profile template" },
};
static const struct ocppd_command delete_commands[] = {
	{ "charging-profiles delete", "name", NULL, "Delete a charging profile template" },
};
static const struct ocppd_command install_commands[] = {
	{ "charging-profiles install", "name stationId connectorId *", NULL,
	  "Send a charging profile to a station" },
};
static const struct ocppd_command installed_commands[] = {
	{ "stations charging-profiles", "stationId connectorId",
	  "chargingProfileId,connectorId,chargingProfile.chargingProfilePurpose,"
	  "chargingProfile.stackLevel,chargingProfile.transactionId,template,doubtful",
	  "List the charging profiles that a station holds" },
};
static const struct ocppd_command restore_commands[] = {
	{ "stations reinstall-charging-profiles", "stationId", NULL,
	  "Send a station again the charging profiles that it should hold" },
};
static const struct ocppd_command composite_commands[] = {
	{ "stations composite-schedule", "stationId connectorId from duration unit compare", NULL,
	  "Compute the limits of a connector over time" },
};

const struct ocppd_route smart_routes[] = {
	{ "GET", "/v1/charging-profiles", OCPPD_ROLE_VIEWER, .query = OCPPD_TABLE(page_query),
	  .res = OCPPD_TABLE(templates_fields), .commands = OCPPD_TABLE(list_commands),
	  .summary = "Charging profile templates by name", .on_request = templates_list },
	{ "GET", "/v1/charging-profiles/{name}", OCPPD_ROLE_VIEWER,
	  .res = OCPPD_TABLE(template_fields), .commands = OCPPD_TABLE(get_commands),
	  .summary = "One charging profile template", .on_request = templates_get },
	{ "PUT", "/v1/charging-profiles/{name}", OCPPD_ROLE_OPERATOR, .req = TEMPLATE_ROWS,
	  .res = OCPPD_TABLE(template_fields), .commands = OCPPD_TABLE(put_commands),
	  .summary = "Store a charging profile template, checked by the rules of OCPP",
	  .on_request = templates_put },
	{ "DELETE", "/v1/charging-profiles/{name}", OCPPD_ROLE_OPERATOR,
	  .commands = OCPPD_TABLE(delete_commands),
	  .summary = "Delete a charging profile template; stations keep what they have",
	  .status = 204, .on_request = templates_delete },
	{ "POST", "/v1/charging-profiles/{name}/install", OCPPD_ROLE_OPERATOR,
	  .req = OCPPD_TABLE(install_fields), .res = OCPPD_TABLE(installing_fields),
	  .commands = OCPPD_TABLE(install_commands),
	  .summary = "Send a template to a station, checked against the station's limits",
	  .on_request = templates_install },
	{ "GET", "/v1/stations/{stationId}/charging-profiles", OCPPD_ROLE_VIEWER,
	  .query = OCPPD_TABLE(installed_query), .res = OCPPD_TABLE(installed_list),
	  .commands = OCPPD_TABLE(installed_commands),
	  .summary = "The charging profiles that a station holds, as far as is known",
	  .on_request = routes_installed },
	{ "POST", "/v1/stations/{stationId}/charging-profiles/reinstall", OCPPD_ROLE_OPERATOR,
	  .res = OCPPD_TABLE(restored_fields), .commands = OCPPD_TABLE(restore_commands),
	  .summary = "Send a station again what it should hold, profile by profile",
	  .on_request = routes_restore },
	{ "GET", "/v1/stations/{stationId}/connectors/{connectorId}/composite-schedule",
	  OCPPD_ROLE_VIEWER, .query = OCPPD_TABLE(composite_query),
	  .res = OCPPD_TABLE(composite_fields), .commands = OCPPD_TABLE(composite_commands),
	  .summary = "What the installed profiles amount to at a connector; 0: the station",
	  .on_request = routes_composite },
};
_Static_assert(sizeof(smart_routes) / sizeof(smart_routes[0]) == SMART_ROUTES,
	       "the descriptor counts the routes");
