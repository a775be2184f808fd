/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * POST /v1/stations/{stationId}/configuration/apply: a station is brought to a stored configuration
 * template, one ChangeConfiguration after the other for the keys that differ. What is readonly or
 * unknown to the station is told, not sent; what was never read is sent, its answer tells. Ends at
 * the first key that is not answered.
 */
#include "ocpp16_core.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_MS 1000

struct apply {
	struct core16 *ctx;
	struct ocppd_request *request;
	struct ocppd_station *station;
	struct json_object *items; /* one a key, in the template's order */
	size_t next;               /* of items: the first that was not looked at */
	int64_t sent;
	uint32_t result;   /* OCPPD_RES_*: how it ends; OCPPD_RES_REPLY so far */
	char problem[256]; /* the first sentence that tells why not all were brought there */
};

static void
apply_free(struct apply *apply)
{
	json_object_put(apply->items);
	free(apply);
}

/* ---- The answer -------------------------------------------------------------------------------
 */

/* From best to worst; each word is a status of ChangeConfiguration. */
static const char *const statuses[] = { "Accepted", "RebootRequired", "Rejected", "NotSupported" };

static size_t
badness(struct json_object *item)
{
	const char *result = ocppd_json_get_str(item, "result");
	const char *status = ocppd_json_get_str(item, "status");

	if (result != NULL && strcmp(result, "readonly") == 0)
		return 2;
	if (result != NULL && strcmp(result, "unknown") == 0)
		return 3;
	for (size_t i = 0; status != NULL && i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		if (strcmp(statuses[i], status) == 0)
			return i;
	}
	return 0;
}

static bool
is_as_wanted(struct json_object *item)
{
	const char *result = ocppd_json_get_str(item, "result");

	return result != NULL && (strcmp(result, "same") == 0 ||
				  (strcmp(result, "confirmed") == 0 && badness(item) < 2));
}

/* How it may end: the words of a command's results, and the problem (RFC 9457) that each is. */
struct ending {
	uint32_t result; /* OCPPD_RES_* */
	uint32_t status;
	const char *word;
	const char *kind;
	const char *title;
};

static const struct ending endings[] = {
	{ OCPPD_RES_REPLY, 200, "confirmed", NULL, NULL },
	{ OCPPD_RES_ERROR, 502, "error", "station-error", "Bad Gateway" },
	{ OCPPD_RES_TIMEOUT, 504, "timeout", "timeout", "Gateway Timeout" },
	{ OCPPD_RES_GONE, 409, "gone", "connection-ended", "Conflict" },
	{ OCPPD_RES_REFUSED, 422, "refused", "refused", "Unprocessable Content" },
	{ OCPPD_RES_CANCELLED, 503, "cancelled", "shutting-down", "Service Unavailable" },
};

static const struct ending *
ending_of(uint32_t result)
{
	size_t last = sizeof(endings) / sizeof(endings[0]) - 1;

	for (size_t i = 0; i < last; i++) {
		if (endings[i].result == result)
			return &endings[i];
	}
	return &endings[last];
}

static struct json_object *
apply_body(struct apply *apply, const struct ending *ending)
{
	struct json_object *body = json_object_new_object();
	size_t count = json_object_array_length(apply->items);
	int64_t deviations = 0;
	size_t worst = 0;
	char type[64];

	for (size_t i = 0; i < count; i++) {
		struct json_object *item = json_object_array_get_idx(apply->items, i);

		deviations += is_as_wanted(item) ? 0 : 1;
		worst = badness(item) > worst ? badness(item) : worst;
	}
	ocppd_json_add_str(body, "stationId", ocppd_station_id(apply->station));
	ocppd_json_add_str(body, "template",
			   ocppd_json_get_str(ocppd_request_body(apply->request), "template"));
	ocppd_json_add_str(body, "result", ending->word);
	if (ending->kind == NULL) {
		ocppd_json_add_str(body, "status", statuses[worst]);
	} else {
		snprintf(type, sizeof(type), "urn:ocppd:problem:%s", ending->kind);
		ocppd_json_add_str(body, "type", type);
		ocppd_json_add_str(body, "title", ending->title);
		ocppd_json_add_int(body, "status", ending->status);
		ocppd_json_add_str(body, "detail", apply->problem);
	}
	ocppd_json_add_int(body, "sent", apply->sent);
	ocppd_json_add_int(body, "deviations", deviations);
	ocppd_json_add(body, "items", json_object_get(apply->items));
	return body;
}

static void
apply_end(struct apply *apply)
{
	const struct ending *ending = ending_of(apply->result);

	for (; apply->next < json_object_array_length(apply->items); apply->next++) {
		struct json_object *item = json_object_array_get_idx(apply->items, apply->next);

		if (ocppd_json_get(item, "result") == NULL)
			ocppd_json_add_str(item, "result", "notSent");
	}
	ocppd_request_reply(apply->ctx->host, apply->request, ending->status,
			    apply_body(apply, ending));
	apply_free(apply);
}

/* ---- Sending ----------------------------------------------------------------------------------
 */

static void apply_go_on(struct apply *apply);

/* The first one counts: what comes later may follow from it. */
static void
note(struct apply *apply, uint32_t result, struct json_object *item, const char *text)
{
	if (apply->result != OCPPD_RES_REPLY)
		return;
	apply->result = result;
	snprintf(apply->problem, sizeof(apply->problem), "%.60s: %.180s",
		 ocppd_json_get_str(item, "key"), text);
}

static void
on_changed(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
	   struct json_object *conf, void *arg)
{
	struct apply *apply = arg;
	struct json_object *item = json_object_array_get_idx(apply->items, apply->next++);
	const char *code = "";
	const char *text = "";

	(void)host;
	ocppd_json_add_str(item, "result", ending_of(result)->word);
	if (ocppd_outcall_was_sent(call) != 0)
		apply->sent++;
	switch (result) {
	case OCPPD_RES_REPLY:
		ocppd_json_add_str(item, "status", ocppd_json_get_str(conf, "status"));
		break;
	case OCPPD_RES_ERROR:
	case OCPPD_RES_REFUSED:
		(void)ocppd_outcall_error(call, &code, &text, NULL);
		ocppd_json_add_str(item, "detail", text[0] != '\0' ? text : code);
		note(apply, result, item, text[0] != '\0' ? text : code);
		break;
	case OCPPD_RES_TIMEOUT:
		note(apply, result, item, "the station did not answer in time");
		break;
	case OCPPD_RES_GONE:
		note(apply, result, item, "the station's connection ended before it answered");
		break;
	default:
		note(apply, result, item, "the daemon or the module stops");
		break;
	}
	/* Who errs at one key may know the next; who is silent or gone knows none. */
	if (apply->ctx->is_stopping || result == OCPPD_RES_TIMEOUT || result == OCPPD_RES_GONE ||
	    result == OCPPD_RES_CANCELLED)
		apply_end(apply);
	else
		apply_go_on(apply);
}

static int
send_key(struct apply *apply, struct json_object *item, struct ocppd_error *err)
{
	struct json_object *payload = json_object_new_object();
	const struct ocppd_call_request request = {
		.struct_size = sizeof(request),
		.station = apply->station,
		.action = "ChangeConfiguration",
		.payload = payload,
		.requester = ocppd_request_user(apply->request),
		.timeout_ms = ocppd_json_get_int(ocppd_request_body(apply->request), "timeout", 0) *
			      SECOND_MS,
	};

	if (payload == NULL ||
	    ocppd_json_add_str(payload, "key", ocppd_json_get_str(item, "key")) < 0 ||
	    ocppd_json_add_str(payload, "value", ocppd_json_get_str(item, "wanted")) < 0) {
		json_object_put(payload);
		return OCPPD_ENOMEM;
	}
	return ocppd_call_send(apply->ctx->host, &request, on_changed, apply, err);
}

/* Sends the next key that differs, or answers. */
static void
apply_go_on(struct apply *apply)
{
	struct json_object *item = NULL;
	struct ocppd_error err = { 0 };
	int r;

	for (; apply->next < json_object_array_length(apply->items); apply->next++) {
		item = json_object_array_get_idx(apply->items, apply->next);
		if (ocppd_json_get(item, "result") == NULL)
			break;
		item = NULL;
	}
	if (item == NULL) {
		apply_end(apply);
		return;
	}
	r = send_key(apply, item, &err);
	if (r >= 0)
		return;
	if (apply->sent == 0 && r != OCPPD_EINVAL) {
		/* Nothing has happened: the answer that a single command would get. */
		if (r == OCPPD_ENOTCONN)
			ocppd_request_problem(apply->ctx->host, apply->request, 409,
					      "not-connected", "station %.60s is not connected",
					      ocppd_station_id(apply->station));
		else
			ocppd_request_fail(apply->ctx->host, apply->request, r, &err);
		apply_free(apply);
		return;
	}
	note(apply, r == OCPPD_ENOTCONN ? OCPPD_RES_GONE : OCPPD_RES_REFUSED, item,
	     err.text[0] != '\0' ? err.text : ocppd_strerror(r));
	apply_end(apply);
}

/* ---- The request ------------------------------------------------------------------------------
 */

static int
add_item(struct apply *apply, const struct ocppd_key_diff *key)
{
	struct json_object *item = json_object_new_object();
	const char *result = NULL;

	if (key->state == OCPPD_KEY_SAME)
		result = "same";
	else if (key->state == OCPPD_KEY_UNKNOWN)
		result = "unknown";
	else if (key->is_readonly != 0)
		result = "readonly";
	if (item == NULL || ocppd_json_add_str(item, "key", key->name) < 0 ||
	    ocppd_json_add_str(item, "wanted", key->wanted) < 0 ||
	    (result != NULL && ocppd_json_add_str(item, "result", result) < 0) ||
	    json_object_array_add(apply->items, item) != 0) {
		json_object_put(item);
		return OCPPD_ENOMEM;
	}
	return 0;
}

static void
on_diff(struct ocppd_host *host, int result, const struct ocppd_key_diff *items, uint32_t count,
	void *arg)
{
	struct apply *apply = arg;
	struct core16 *ctx = apply->ctx;
	int r = result;

	for (uint32_t i = 0; r >= 0 && i < count; i++)
		r = add_item(apply, &items[i]);
	if (r >= 0 && ctx->is_stopping)
		r = OCPPD_ESHUTDOWN;
	if (r == OCPPD_ENOENT)
		ocppd_request_problem(host, apply->request, 404, "unknown-template",
				      "There is no configuration template of that name");
	else if (r < 0)
		ocppd_request_fail(host, apply->request, r, NULL);
	if (r < 0)
		apply_free(apply);
	else
		apply_go_on(apply);
	core16_done(ctx);
}

static void
routes_apply(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct core16 *ctx = arg;
	const char *station_id = ocppd_request_param(request, "stationId");
	const char *template = ocppd_json_get_str(ocppd_request_body(request), "template");
	struct apply *apply;
	int r = OCPPD_ENOMEM;

	if (ctx->stations->is_known(ctx->stations_self, host, station_id) <= 0) {
		ocppd_request_problem(host, request, 404, "unknown-station",
				      "There is no such station");
		return;
	}
	apply = calloc(1, sizeof(*apply));
	if (apply == NULL) {
		ocppd_request_fail(host, request, OCPPD_ENOMEM, NULL);
		return;
	}
	apply->ctx = ctx;
	apply->request = request;
	apply->result = OCPPD_RES_REPLY;
	apply->station = ocppd_station_find(host, station_id);
	apply->items = json_object_new_array();
	if (apply->items != NULL)
		r = ctx->stations->configuration_diff(ctx->stations_self, host, apply->station,
						      template, on_diff, apply);
	if (r < 0) {
		ocppd_request_fail(host, request, r, NULL);
		apply_free(apply);
		return;
	}
	ctx->outstanding++;
}

static const struct ocppd_field body_fields[] = {
	{ "template", OCPPD_T_STRING, OCPPD_REQUIRED, .min = 1, .max = 50,
	  .doc = "the name of a stored configuration template" },
	{ "timeout", OCPPD_T_INTEGER, .min = 1, .max = 600,
	  .doc = "seconds that the station has to answer, for each key" },
};
static const struct ocppd_field item_fields[] = {
	{ "key", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "wanted", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "result", OCPPD_T_STRING, OCPPD_REQUIRED,
	  .doc = "same, readonly or unknown (these are not sent), confirmed, error, timeout, gone, "
		 "refused, cancelled or notSent" },
	{ "status", OCPPD_T_STRING,
	  .doc = "the station's word: Accepted, RebootRequired, Rejected or NotSupported" },
	{ "detail", OCPPD_T_STRING },
};
static const struct ocppd_field apply_fields[] = {
	{ "stationId", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "template", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "result", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "status", OCPPD_T_STRING, .doc = "the worst of its keys" },
	{ "detail", OCPPD_T_STRING },
	{ "sent", OCPPD_T_INTEGER, OCPPD_REQUIRED },
	{ "deviations", OCPPD_T_INTEGER, OCPPD_REQUIRED, .doc = "keys that are not as wanted" },
	{ "items", OCPPD_T_OBJECT, OCPPD_REQUIRED | OCPPD_LIST,
	  .fields = OCPPD_TABLE(item_fields) },
};

const struct ocppd_route core16_routes[CORE16_ROUTES] = {
	{ "POST", "/v1/stations/{stationId}/configuration/apply", OCPPD_ROLE_OPERATOR,
	  .req = OCPPD_TABLE(body_fields), .res = OCPPD_TABLE(apply_fields),
	  .summary = "Bring a station to a stored configuration template: ChangeConfiguration for "
		     "each key that differs from what was last read",
	  .on_request = routes_apply },
};
