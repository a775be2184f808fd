/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Named profiles: kept by name, checked by the specification's rules when they are stored, and by
 * the station's limits when they are installed. Installing takes a copy; what becomes of the
 * template afterwards changes nothing in a station.
 */
#include "smart.h"

#include <json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum column {
	COL_NAME,
	COL_PROFILE,
	COL_CHANGED,
	COL_CHANGED_BY,
};

struct work {
	struct ocppd_work base;
	struct ocppd_station *station; /* installing */
};

static struct work *
work_new(struct smart *ctx, struct ocppd_request *request)
{
	struct work *work = ocppd_work_new(&ctx->works, request, sizeof(*work));

	if (work == NULL)
		return NULL;
	work->base.unknown = "unknown-charging-profile";
	work->base.unknown_text = "There is no charging profile of that name";
	return work;
}

static struct json_object *
profile_json(const struct ocppd_value *row)
{
	char *text = ocppd_value_dup(&row[COL_PROFILE]);
	struct json_object *json = text == NULL ? NULL : json_tokener_parse(text);

	free(text);
	return json;
}

static struct json_object *
template_json(const struct ocppd_value *row)
{
	struct json_object *body = json_object_new_object();

	ocppd_json_add_value(body, "name", &row[COL_NAME]);
	ocppd_json_add(body, "chargingProfile", profile_json(row));
	ocppd_json_add_time(body, "changed", row[COL_CHANGED].number);
	ocppd_json_add_value(body, "changedBy", &row[COL_CHANGED_BY]);
	return body;
}

/* ---- Reading ----------------------------------------------------------------------------------
 */

void
templates_get(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct work *work = work_new(ctx, request);
	const struct ocppd_value name = ocppd_value_str(ocppd_request_param(request, "name"));

	(void)host;
	if (work != NULL)
		ocppd_work_get(&work->base, STATEMENT_TEMPLATE_GET, &name, 1, template_json);
}

static const struct ocppd_page templates_page = { sizeof(templates_page), COL_NAME,
						  .row_json = template_json };

void
templates_list(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	const char *after = ocppd_request_query(request, "after");
	struct work *work = work_new(ctx, request);

	(void)host;
	if (work == NULL)
		return;

	const struct ocppd_value values[] = {
		ocppd_value_str(after == NULL ? "" : after),
		ocppd_value_int(work->base.limit + 1),
	};

	ocppd_work_list(&work->base, STATEMENT_TEMPLATE_LIST, values, 2, &templates_page);
}

/* ---- Writing ----------------------------------------------------------------------------------
 */

struct findings {
	char first[256];
};

static void
on_finding(void *arg, const char *text)
{
	struct findings *findings = arg;

	if (findings->first[0] == '\0')
		(void)snprintf(findings->first, sizeof(findings->first), "%s", text);
}

/* The first rule that a template breaks. Where it will be installed is not known yet. */
static bool
breaks_rule(struct smart *ctx, struct json_object *json, struct findings *ret)
{
	struct profile *profile = NULL;

	if (profile_parse(json, -1, &profile) < 0) {
		on_finding(ret, "a number is beyond all sense");
		return true;
	}
	/* An Absolute one that says no start begins when it is installed. */
	if (profile->kind == KIND_ABSOLUTE)
		profile->has_start = true;
	profile_check(profile, json, ocppd_now_us(ctx->host) / 1000000, on_finding, ret);
	free(profile);
	return ret->first[0] != '\0';
}

static bool
is_name(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len <= SMART_NAME_MAX;
}

static void
on_put(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
       const struct ocppd_error *err, void *arg)
{
	struct work *work = arg;
	const struct ocppd_value name =
		ocppd_value_str(ocppd_request_param(work->base.request, "name"));

	(void)host;
	(void)rows;
	(void)count;
	if (result < 0) {
		ocppd_work_fail(&work->base, result, err);
		return;
	}
	ocppd_work_get(&work->base, STATEMENT_TEMPLATE_GET, &name, 1, template_json);
}

void
templates_put(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct smart *ctx = arg;
	const char *name = ocppd_request_param(request, "name");
	struct json_object *body = ocppd_request_body(request);
	struct findings findings = { .first = "" };
	struct work *work;
	const char *text;
	size_t len = 0;

	if (!is_name(name)) {
		ocppd_request_problem(host, request, 400, "bad-name",
				      "A name has 1 to %d characters", SMART_NAME_MAX);
		return;
	}
	if (breaks_rule(ctx, body, &findings)) {
		ocppd_request_problem(host, request, 422, "rule-broken", "%s", findings.first);
		return;
	}
	text = json_object_to_json_string_length(body, JSON_C_TO_STRING_PLAIN, &len);
	if (text == NULL) {
		ocppd_request_fail(host, request, OCPPD_ENOMEM, NULL);
		return;
	}
	work = work_new(ctx, request);
	if (work == NULL)
		return;

	const struct ocppd_value values[] = {
		ocppd_value_str(name),
		ocppd_value_text(text, len),
		ocppd_value_int(ocppd_now_us(host)),
		ocppd_value_str(ocppd_request_user(request)),
	};

	ocppd_work_write(&work->base, STATEMENT_TEMPLATE_PUT, values,
			 sizeof(values) / sizeof(values[0]), on_put);
}

void
templates_delete(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct work *work = work_new(ctx, request);
	const struct ocppd_value name = ocppd_value_str(ocppd_request_param(request, "name"));

	(void)host;
	if (work != NULL)
		ocppd_work_delete(&work->base, STATEMENT_TEMPLATE_DELETE, &name, 1);
}

/* ---- Installing -------------------------------------------------------------------------------
 */

static struct json_object *
outcome_json(const struct ocppd_outcall *call, const char *result)
{
	struct json_object *body = json_object_new_object();
	struct json_object *req = ocppd_outcall_request(call);

	ocppd_json_add_str(body, "result", result);
	ocppd_json_add_int(body, "connectorId", ocppd_json_get_int(req, "connectorId", 0));
	ocppd_json_add(body, "chargingProfile",
		       json_object_get(ocppd_json_get(req, "csChargingProfiles")));
	return body;
}

/* The problem, with the result beside it, as of a single command. */
static struct json_object *
problem_json(const struct ocppd_outcall *call, const char *result, uint32_t status,
	     const char *detail)
{
	struct json_object *body = outcome_json(call, result);

	ocppd_json_add_str(body, "type",
			   status == 504 ? "urn:ocppd:problem:timeout"
					 : "urn:ocppd:problem:station-error");
	ocppd_json_add_str(body, "title", status == 504 ? "Timeout" : "Station error");
	ocppd_json_add_int(body, "status", status);
	ocppd_json_add_str(body, "detail", detail);
	return body;
}

static void
reply_timeout(struct work *work, const struct ocppd_outcall *call)
{
	ocppd_request_reply(
		work->base.owner->host, work->base.request, 504,
		problem_json(call, "timeout", 504,
			     "the station did not answer in time; it may still carry it out"));
}

static void
reply_error(struct work *work, const struct ocppd_outcall *call)
{
	struct json_object *error = json_object_new_object();
	struct json_object *body;
	const char *code = "";
	const char *description = "";
	char *detail = NULL;

	(void)ocppd_outcall_error(call, &code, &description, NULL);
	if (asprintf(&detail, "the station answered: %s",
		     description[0] == '\0' ? "an error without a description" : description) < 0)
		detail = NULL;
	body = problem_json(call, "error", 502, detail);
	free(detail);
	ocppd_json_add_str(error, "code", code);
	ocppd_json_add_str(error, "description", description);
	ocppd_json_add(body, "error", error);
	ocppd_request_reply(work->base.owner->host, work->base.request, 502, body);
}

/* A profile that is never looked at while another is active: quirk H02 hides there. */
static void
add_outranking(struct work *work, const struct ocppd_outcall *call, struct json_object *body)
{
	struct json_object *req = ocppd_outcall_request(call);
	struct json_object *profile = ocppd_json_get(req, "csChargingProfiles");
	const struct installed *own = installed_find(
		work->base.ctx, work->station, ocppd_json_get_int(profile, "chargingProfileId", 0));
	struct json_object *list = NULL;

	for (struct installed *item = smart_slot(work->base.ctx, work->station)->first;
	     own != NULL && item != NULL; item = item->next) {
		if (item->profile->purpose != own->profile->purpose ||
		    item->profile->connector != own->profile->connector ||
		    item->profile->stack_level <= own->profile->stack_level)
			continue;
		if (list == NULL)
			list = json_object_new_array();
		json_object_array_add(list, json_object_new_int64(item->profile->id));
	}
	ocppd_json_add(body, "outrankedBy", list);
}

static void
reply_confirmed(struct work *work, const struct delivery_end *end)
{
	const struct ocppd_outcall *call = end->call;
	const char *status = ocppd_json_get_str(end->conf, "status");
	struct json_object *body = outcome_json(call, "confirmed");
	struct json_object *profile =
		ocppd_json_get(ocppd_outcall_request(call), "csChargingProfiles");

	if (status != NULL && strcmp(status, "Accepted") == 0 && !end->is_stopped) {
		installed_name(work->base.ctx, ocppd_outcall_station(call),
			       ocppd_json_get_int(profile, "chargingProfileId", 0),
			       ocppd_request_param(work->base.request, "name"));
		add_outranking(work, call, body);
	}
	ocppd_json_add_str(body, "status", status);
	if (end->adapted[0] != '\0')
		ocppd_json_add_str(body, "adapted", end->adapted);
	if (end->calls > 1)
		ocppd_json_add_int(body, "attempts", end->calls);
	(void)ocppd_outcall_add_warnings(call, body);
	ocppd_request_reply(work->base.owner->host, work->base.request, 200, body);
}

static void
on_installed(struct ocppd_host *host, const struct delivery_end *end, void *arg)
{
	struct work *work = arg;
	const struct ocppd_outcall *call = end->call;
	const char *code = "";
	const char *reason = "";

	switch (end->result) {
	case OCPPD_RES_REPLY:
		reply_confirmed(work, end);
		break;
	case OCPPD_RES_ERROR:
		reply_error(work, call);
		break;
	case OCPPD_RES_TIMEOUT:
		reply_timeout(work, call);
		break;
	case OCPPD_RES_REFUSED:
		(void)ocppd_outcall_error(call, &code, &reason, NULL);
		ocppd_request_problem(host, work->base.request, 422, "refused", "%s", reason);
		break;
	default:
		ocppd_request_problem(host, work->base.request, 409, "not-connected",
				      "the connection of station %.60s ended",
				      ocppd_station_id(ocppd_outcall_station(call)));
		break;
	}
	ocppd_work_end(&work->base);
}

/* What a template leaves open: the body's word, and a start for an Absolute one. */
static int
complete(struct work *work, struct json_object *profile)
{
	static const char *const members[] = { "chargingProfileId", "transactionId", "stackLevel" };
	struct json_object *body = ocppd_request_body(work->base.request);
	struct json_object *schedule = ocppd_json_get(profile, "chargingSchedule");
	const char *kind = ocppd_json_get_str(profile, "chargingProfileKind");
	int r = 0;

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		struct json_object *given = ocppd_json_get(body, members[i]);

		if (given != NULL)
			r |= ocppd_json_add(profile, members[i], json_object_get(given));
	}
	if (kind != NULL && strcmp(kind, "Absolute") == 0 &&
	    ocppd_json_get(schedule, "startSchedule") == NULL)
		r |= smart_add_time(work->station, schedule, "startSchedule",
				    ocppd_now_us(work->base.owner->host));
	return r;
}

static int
install(struct work *work, struct json_object *profile, struct ocppd_error *err)
{
	struct json_object *body = ocppd_request_body(work->base.request);
	const struct delivery_request wanted = {
		work->station,
		ocppd_json_get_int(body, "connectorId", 0),
		ocppd_request_user(work->base.request),
		OCPPD_CALL_STRICT,
		ocppd_json_get_bool(body, "asGiven", 0) != 0,
	};
	int r = profile == NULL ? OCPPD_ENOMEM : complete(work, profile);

	if (r < 0) {
		(void)json_object_put(profile);
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	}
	return deliver(work->base.ctx, &wanted, profile, on_installed, work, err);
}

static void
on_install_read(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
		const struct ocppd_error *err, void *arg)
{
	struct work *work = arg;
	const struct ocppd_value *row = ocppd_work_row(&work->base, result, rows, err);
	struct ocppd_error why = { 0 };
	int r;

	(void)host;
	if (row == NULL)
		return;
	r = install(work, profile_json(row), &why);
	if (r < 0)
		ocppd_work_fail(&work->base, r, &why);
}

void
templates_install(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct json_object *body = ocppd_request_body(request);
	const struct ocppd_value name = ocppd_value_str(ocppd_request_param(request, "name"));
	struct ocppd_station *station =
		routes_station(ctx, request, ocppd_json_get_str(body, "stationId"));
	struct work *work;

	(void)host;
	if (station == NULL)
		return;
	work = work_new(ctx, request);
	if (work == NULL)
		return;
	work->station = station;
	ocppd_work_query(&work->base, STATEMENT_TEMPLATE_GET, &name, 1, on_install_read);
}
