/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * CALLs to stations, from the request to the queue: checks, the owner's prepare, warnings, and what
 * modules ask of a call. Must not know any action.
 */
#include <ocppd/json.h>

#include <json-c/json.h>
#include <stdarg.h>
#include <sys/random.h>

#include "base/assert.h"
#include "base/text.h"
#include "ocpp/calls.h"
#include "ocpp/floor.h"
#include "ocpp/schema.h"

#define TIMEOUT_MAX_MS 600000
#define WARNINGS_MAX 64

/* A random UUID (RFC 4122, version 4): unique across restarts, as OCPP-J asks of ids. */
static int
make_id(char ret_id[OUTCALL_ID_SIZE])
{
	static const char hex[] = "0123456789abcdef";
	unsigned char bytes[16];
	char *at = ret_id;

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return OCPPD_EIO;
	bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40);
	bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*at++ = '-';
		*at++ = hex[bytes[i] >> 4];
		*at++ = hex[bytes[i] & 15];
	}
	*at = '\0';
	return 0;
}

void
outcall_set_error(struct ocppd_outcall *call, const char *code, const char *text,
		  struct json_object *details)
{
	free(call->error_code);
	free(call->error_text);
	json_object_put(call->error_details);
	call->has_error = true;
	call->error_code = str_dup(code);
	call->error_text = text != NULL ? str_dup(text) : NULL;
	call->error_details = details;
}

void
outcall_add_warning(struct ocppd_outcall *call, const char *text)
{
	char **warnings;

	if (call->warning_count == WARNINGS_MAX)
		return;
	warnings = reallocarray(call->warnings, call->warning_count + 1, sizeof(*warnings));
	if (warnings == NULL)
		return;
	call->warnings = warnings;
	warnings[call->warning_count] = str_dup(text);
	if (warnings[call->warning_count] != NULL)
		call->warning_count++;
}

/* ---- After prepare ------------------------------------------------------------------------ */

static void
refuse(struct ocpp *ocpp, struct ocppd_outcall *call, const char *text)
{
	outcall_set_error(call, "", text, NULL);
	outcall_end(ocpp, call, OCPPD_RES_REFUSED);
}

static int
check_request(const struct ocppd_outcall *call, enum check_mode mode,
	      struct check_refusal *ret_refusal)
{
	const struct check_policy policy = { .mode = mode };
	struct findings *findings = NULL;
	int r = schema_check(call->row->req, call->request, &policy, &findings, ret_refusal);

	findings_free(findings);
	return r;
}

/* Prepare passed: from here on its owner hears of the end. */
static void
prepared(struct ocpp *ocpp, struct ocppd_outcall *call)
{
	struct check_refusal refusal;
	int r;

	call->is_prepared = true;
	if ((call->flags & OCPPD_CALL_STRICT) != 0 && call->warning_count > 0) {
		refuse(ocpp, call, call->warnings[0]);
		return;
	}
	r = check_request(call, CHECK_OURS, &refusal);
	if (r < 0) {
		refuse(ocpp, call, r == OCPPD_EINVAL ? refusal.at.text : "out of memory");
		return;
	}
	outcall_queue(ocpp, call);
}

/* 0: goes on (perhaps later); negative with err: refused at once, the call is gone. */
static int
prepare(struct ocpp *ocpp, struct ocppd_outcall *call, struct ocppd_error *err)
{
	struct ocppd_host *owner = call->owner;
	struct ocppd_error why = { 0 };
	int64_t began;
	int r = 0;

	if (call->action->prepare != NULL) {
		began = host_enter(owner);
		r = call->action->prepare(owner, call, call->request, owner->ctx, &why);
		host_leave(owner, began, call->row->name);
	}
	/* It may have said its last word by ocppd_outcall_ready already. */
	if (r == OCPPD_PENDING || !call->is_preparing)
		return 0;
	call->is_preparing = false;
	if (r < 0) {
		outcall_drop(ocpp, call);
		return ocppd_error_set(err, OCPPD_EREFUSED, "%s",
				       why.text[0] != '\0' ? why.text : ocppd_strerror(r));
	}
	prepared(ocpp, call);
	return 0;
}

/* ---- The request -------------------------------------------------------------------------- */

/* In this build's layout, whatever the module was built with. */
static struct ocppd_call_request
request_read(const struct ocppd_call_request *from)
{
	struct ocppd_call_request request = { 0 };
	size_t size = from->struct_size < sizeof(request) ? from->struct_size : sizeof(request);

	memcpy(&request, from, size);
	return request;
}

static int
check_state(const struct ocpp *ocpp, const struct ocppd_call_request *request,
	    const struct action_row **ret_row, struct ocppd_error *err)
{
	const struct conn *conn;
	const struct action_row *row;

	if (request->station == NULL || request->action == NULL)
		return ocppd_error_set(err, OCPPD_EINVAL, "a station and an action are needed");
	if (ocpp->is_draining)
		return ocppd_error_set(err, OCPPD_ESHUTDOWN, "the daemon is shutting down");
	conn = station_conn(request->station);
	if (conn == NULL)
		return ocppd_error_set(err, OCPPD_ENOTCONN, "station %s is not connected",
				       request->station->id);
	row = action_find(ocpp->actions.table, conn->protocol, request->action, OCPPD_TO_STATION);
	if (row == NULL || row->host == NULL)
		return ocppd_error_set(err, OCPPD_ENOTSUP, "no loaded module offers %s on %s",
				       request->action, conn->protocol);
	if (request->station->calls != NULL &&
	    (int64_t)request->station->calls->count >= ocpp->conf.call_queue)
		return ocppd_error_set(err, OCPPD_EBUSY, "%u calls to station %s wait already",
				       request->station->calls->count, request->station->id);
	*ret_row = row;
	return 0;
}

static int64_t
clamp_ms(int64_t ms, int64_t otherwise)
{
	if (ms <= 0)
		return otherwise;
	return ms < TIMEOUT_MAX_MS ? ms : TIMEOUT_MAX_MS;
}

/* Takes the payload on success. */
static struct ocppd_outcall *
outcall_new(struct ocpp *ocpp, struct ocppd_host *host, const struct ocppd_call_request *request,
	    const struct action_row *row)
{
	struct ocppd_outcall *call = calloc(1, sizeof(*call));

	if (call == NULL)
		return NULL;
	call->requester = str_dup(request->requester != NULL ? request->requester : host->name);
	if (call->requester == NULL || make_id(call->id) < 0) {
		free(call->requester);
		free(call);
		return NULL;
	}
	call->magic = OUTCALL_MAGIC;
	call->flags = request->flags;
	call->asker = host;
	call->owner = row->host;
	call->action = row->action;
	call->row = row;
	call->table = ocpp->actions.table;
	action_table_hold(call->table);
	call->station = request->station;
	call->request = request->payload;
	call->timeout_ms = clamp_ms(request->timeout_ms, ocpp->conf.call_timeout_ms);
	call->began_mono_us = clock_mono_us(&ocpp->core->clock);
	call->wait_deadline_mono_us =
		call->began_mono_us +
		(request->wait_ms > 0 ? request->wait_ms : ocpp->conf.call_wait_ms) * 1000;
	return call;
}

/* Checked before anybody is asked: the operator's mistakes, the protocol's prohibitions. */
static int
check_call(const struct ocppd_outcall *call, struct ocppd_error *err)
{
	struct check_refusal refusal;
	int r = check_request(call, CHECK_FILLED, &refusal);

	if (r == OCPPD_EINVAL)
		return ocppd_error_set(err, r, "%s", refusal.at.text);
	if (r < 0)
		return ocppd_error_set(err, r, "out of memory");
	if (outcall_is_forbidden(call))
		return ocppd_error_set(
			err, OCPPD_ESTATE,
			"%s is not allowed in the present registration of station %s",
			call->row->name, call->station->id);
	return 0;
}

int
ocppd_call_send(struct ocppd_host *host, const struct ocppd_call_request *from, ocppd_result_fn *fn,
		void *arg, struct ocppd_error *err)
{
	struct ocpp *ocpp = ocpp_of(host);
	struct ocppd_call_request request = request_read(from);
	const struct action_row *row = NULL;
	struct station_calls *calls = NULL;
	struct ocppd_outcall *call = NULL;
	int r = check_state(ocpp, &request, &row, err);

	if (r < 0)
		goto refused;
	if (request.payload == NULL)
		request.payload = json_object_new_object();
	calls = station_calls_get(ocpp, request.station);
	if (calls != NULL && request.payload != NULL && ocpp_host_get(host) != NULL)
		call = outcall_new(ocpp, host, &request, row);
	if (call == NULL) {
		r = ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
		goto refused;
	}
	call->fn = fn;
	call->arg = arg;
	outcall_enter(ocpp, calls, call);
	r = check_call(call, err);
	if (r < 0) {
		call->is_preparing = false;
		outcall_drop(ocpp, call);
		return r;
	}
	return prepare(ocpp, call, err);
refused:
	json_object_put(request.payload);
	return r;
}

void
ocppd_outcall_ready(struct ocppd_host *host, struct ocppd_outcall *call, int result,
		    const char *text)
{
	struct ocpp *ocpp = ocpp_of(host);

	OCPPD_ASSERT(call->magic == OUTCALL_MAGIC);
	if (!call->is_preparing)
		return;
	call->is_preparing = false;
	if (call->state == OUTCALL_PREPARING) {
		if (result < 0)
			refuse(ocpp, call, text != NULL ? text : ocppd_strerror(result));
		else
			prepared(ocpp, call);
		return;
	}
	/* It ended meanwhile. Who asked has heard, or will; the owner hears if its prepare passed.
	 */
	if (result >= 0)
		outcall_tell_owner(ocpp, call);
	else if (!call->is_listed)
		outcall_free(call);
}

/* ---- What a call says of itself ----------------------------------------------------------- */

struct ocppd_station *
ocppd_outcall_station(const struct ocppd_outcall *call)
{
	return call->station;
}

const char *
ocppd_outcall_action(const struct ocppd_outcall *call)
{
	return call->row->name;
}

const char *
ocppd_outcall_message_id(const struct ocppd_outcall *call)
{
	return call->id;
}

const char *
ocppd_outcall_requester(const struct ocppd_outcall *call)
{
	return call->requester;
}

int
ocppd_outcall_was_sent(const struct ocppd_outcall *call)
{
	return call->is_sent ? 1 : 0;
}

struct json_object *
ocppd_outcall_request(const struct ocppd_outcall *call)
{
	return call->request;
}

void
ocppd_outcall_warn(struct ocppd_host *host, struct ocppd_outcall *call, const char *format, ...)
{
	char text[512];
	va_list args;

	(void)host;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	outcall_add_warning(call, text);
}

const char *
ocppd_outcall_warning(const struct ocppd_outcall *call, uint32_t i)
{
	return i < call->warning_count ? call->warnings[i] : NULL;
}

int
ocppd_outcall_add_warnings(const struct ocppd_outcall *call, struct json_object *object)
{
	struct json_object *list;

	if (call->warning_count == 0)
		return 0;
	list = json_object_new_array();
	for (uint32_t i = 0; list != NULL && i < call->warning_count; i++) {
		struct json_object *text = json_object_new_string(call->warnings[i]);

		if (text == NULL || json_object_array_add(list, text) < 0) {
			json_object_put(text);
			json_object_put(list);
			return OCPPD_ENOMEM;
		}
	}
	return list == NULL ? OCPPD_ENOMEM : ocppd_json_add(object, "warnings", list);
}

int
ocppd_outcall_error(const struct ocppd_outcall *call, const char **ret_code,
		    const char **ret_description, struct json_object **ret_details)
{
	if (!call->has_error)
		return OCPPD_ENOENT;
	if (ret_code != NULL)
		*ret_code = call->error_code != NULL ? call->error_code : "";
	if (ret_description != NULL)
		*ret_description = call->error_text != NULL ? call->error_text : "";
	if (ret_details != NULL)
		*ret_details = call->error_details;
	return 0;
}

void
ocppd_outcall_set_data(struct ocppd_outcall *call, void *data)
{
	call->data = data;
}

void *
ocppd_outcall_data(const struct ocppd_outcall *call)
{
	return call->data;
}
