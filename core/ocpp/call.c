/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * A station's CALL as modules hold it: their answers, checked before they leave, what they ask of
 * it, and the filters before the owner's handler.
 */
#include <json-c/json.h>

#include "base/assert.h"
#include "base/text.h"
#include "ocpp/floor.h"
#include "ocpp/router.h"
#include "ocpp/schema.h"

#define TEXT_CHECK_EVERY 1024 /* answers given as text: the first, then every so many-th */

/* ---- Public: answers ---------------------------------------------------------------------- */

/* An answer that breaks its own schema never leaves; the module's author must hear of it. */
static int
bad_reply(struct ocpp *ocpp, struct ocppd_call *call, const char *why)
{
	ocpp_count(ocpp, OCPP_METRIC_BAD_REPLIES, NULL);
	OCPPD_ERROR(ocpp->self, "reply.invalid", OCPPD_STR("station", call->station->id),
		    OCPPD_STR("action", call->row->name), OCPPD_STR("msgid", call->message->id),
		    OCPPD_STR("module", call->host->name), OCPPD_STR("err", why));
	(void)call_fail(ocpp, call, OCPPD_CALLERROR_INTERNAL, "the answer was invalid", NULL);
	return OCPPD_EINVAL;
}

static int
check_reply(const struct ocppd_call *call, struct json_object *payload,
	    struct check_refusal *ret_refusal)
{
	static const struct check_policy policy = { .mode = CHECK_OURS };
	struct findings *findings = NULL;
	int r = schema_check(call->row->conf, payload, &policy, &findings, ret_refusal);

	findings_free(findings);
	return r;
}

int
ocppd_call_reply(struct ocppd_host *host, struct ocppd_call *call, struct json_object *payload)
{
	struct ocpp *ocpp = ocpp_of(host);
	struct check_refusal refusal;
	int r;

	OCPPD_ASSERT(call->magic == CALL_MAGIC);
	if (call->state == CALL_ANSWERED) {
		json_object_put(payload);
		return OCPPD_ESTATE;
	}
	if (payload == NULL)
		payload = json_object_new_object();
	r = check_reply(call, payload, &refusal);
	if (r < 0) {
		json_object_put(payload);
		return bad_reply(ocpp, call,
				 r == OCPPD_EINVAL ? refusal.at.text : ocppd_strerror(r));
	}
	return call_finish(
		ocpp, call,
		outbound_result(call->message->id, call->message->is_numeric_id, payload), true);
}

static int
check_text(struct ocpp *ocpp, const struct ocppd_call *call, const char *text, size_t len,
	   struct check_refusal *ret_refusal)
{
	struct json_tokener *tokener = ocpp->router.tokener;
	struct json_object *payload;
	int r;

	if (len == 0 || len > INT32_MAX)
		return ocppd_error_set(&ret_refusal->at, OCPPD_EINVAL, "not JSON");
	json_tokener_reset(tokener);
	payload = json_tokener_parse_ex(tokener, text, (int)len);
	if (json_tokener_get_error(tokener) != json_tokener_success)
		r = ocppd_error_set(&ret_refusal->at, OCPPD_EINVAL, "not JSON");
	else
		r = check_reply(call, payload, ret_refusal);
	json_object_put(payload);
	return r;
}

int
ocppd_call_reply_text(struct ocppd_host *host, struct ocppd_call *call, const char *text,
		      size_t len)
{
	struct ocpp *ocpp = ocpp_of(host);
	struct check_refusal refusal;

	OCPPD_ASSERT(call->magic == CALL_MAGIC);
	if (call->state == CALL_ANSWERED)
		return OCPPD_ESTATE;
	if (action_text_due(call->row, TEXT_CHECK_EVERY) &&
	    check_text(ocpp, call, text, len, &refusal) < 0)
		return bad_reply(ocpp, call, refusal.at.text);
	return call_finish(
		ocpp, call,
		outbound_result_text(call->message->id, call->message->is_numeric_id, text, len),
		true);
}

int
ocppd_call_fail(struct ocppd_host *host, struct ocppd_call *call, uint32_t code,
		const char *description, struct json_object *details)
{
	OCPPD_ASSERT(call->magic == CALL_MAGIC);
	if (details != NULL && json_object_get_type(details) != json_type_object) {
		json_object_put(details);
		details = NULL;
	}
	return call_fail(ocpp_of(host), call, code, description, details);
}

/* ---- Public: what a CALL says of itself --------------------------------------------------- */

struct ocppd_station *
ocppd_call_station(const struct ocppd_call *call)
{
	return call->station;
}

const char *
ocppd_call_protocol(const struct ocppd_call *call)
{
	return call->row->protocol;
}

const char *
ocppd_call_action(const struct ocppd_call *call)
{
	return call->row->name;
}

const char *
ocppd_call_message_id(const struct ocppd_call *call)
{
	return call->message->id;
}

int64_t
ocppd_call_received_us(const struct ocppd_call *call)
{
	return call->message->received_us;
}

const struct ocppd_finding *
ocppd_call_finding(const struct ocppd_call *call, uint32_t i)
{
	const struct findings *findings = call->message->findings;

	return findings != NULL && i < findings->count ? &findings->items[i] : NULL;
}

const struct ocppd_finding *
ocppd_call_hard(const struct ocppd_call *call, const char *path)
{
	const struct findings *findings = call->message->findings;

	if (findings == NULL || findings->hard_count == 0)
		return NULL;
	for (uint32_t i = 0; i < findings->count; i++) {
		const struct ocppd_finding *finding = &findings->items[i];

		if ((finding->flags & OCPPD_FINDING_HARD) != 0 && str_eq(finding->path, path))
			return finding;
	}
	return NULL;
}

const char *
ocppd_call_raw(const struct ocppd_call *call)
{
	return call->message->findings != NULL ? call->message->raw : NULL;
}

int
ocppd_filter_add(struct ocppd_host *host, int32_t order, const char *protocol, const char *action,
		 ocppd_filter_fn *fn, void *arg)
{
	struct ocpp *ocpp = ocpp_of(host);
	struct filter *filter = calloc(1, sizeof(*filter));
	struct filter *at;

	if (filter == NULL || ocpp_host_get(host) == NULL) {
		free(filter);
		return OCPPD_ENOMEM;
	}
	filter->host = host;
	filter->order = order;
	filter->fn = fn;
	filter->arg = arg;
	filter->protocol = protocol != NULL ? str_dup(protocol) : NULL;
	filter->action = action != NULL ? str_dup(action) : NULL;
	if ((protocol != NULL && filter->protocol == NULL) ||
	    (action != NULL && filter->action == NULL)) {
		free(filter->protocol);
		free(filter->action);
		free(filter);
		return OCPPD_ENOMEM;
	}
	TAILQ_FOREACH (at, &ocpp->router.filters, all) {
		if (at->order > order) {
			TAILQ_INSERT_BEFORE(at, filter, all);
			return 0;
		}
	}
	TAILQ_INSERT_TAIL(&ocpp->router.filters, filter, all);
	return 0;
}
