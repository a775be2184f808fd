/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * TriggerMessage, whoever asks for it: before it goes out the checks and the watch, after the
 * answer the verdict, or the wait for the message.
 */
#include "trigger.h"

#include <stdio.h>
#include <string.h>

static const char *
message_of(struct json_object *req)
{
	const char *wanted = ocppd_json_get_str(req, "requestedMessage");

	for (size_t i = 0; wanted != NULL && trigger_messages[i] != NULL; i++) {
		if (strcmp(wanted, trigger_messages[i]) == 0)
			return trigger_messages[i];
	}
	return NULL;
}

int
prepare_trigger(struct ocppd_host *host, struct ocppd_outcall *call, struct json_object *req,
		void *arg, struct ocppd_error *err)
{
	struct ocppd_station *station = ocppd_outcall_station(call);
	const char *message = message_of(req);
	int64_t connector = ocppd_json_get_int(req, "connectorId", -1);
	int r;

	if (message == NULL)
		return ocppd_error_set(err, OCPPD_EINVAL, "requestedMessage: not one of OCPP 1.6");
	/* Quirk F02: some do reboot. */
	if (strcmp(message, "BootNotification") == 0 &&
	    ocppd_station_registration(station) == OCPPD_REG_ACCEPTED)
		ocppd_outcall_warn(host, call,
				   "requestedMessage: the station is accepted; some stations "
				   "reboot when BootNotification is triggered");
	if (ocppd_json_get(req, "connectorId") != NULL && connector < 0)
		ocppd_outcall_warn(host, call, "connectorId: must not be negative");

	r = watch_begin(arg, call, message, connector < 0 ? -1 : connector);
	if (r == OCPPD_ESPACE) {
		ocppd_outcall_warn(host, call,
				   "%d triggers of the station are open: what comes of this one is "
				   "not followed",
				   WATCHES_MAX);
		return 0;
	}
	return r;
}

static void
answered(struct watch *watch, struct json_object *conf)
{
	const char *status = ocppd_json_get_str(conf, "status");

	snprintf(watch->answer, sizeof(watch->answer), "%s", status == NULL ? "" : status);
	if (strcmp(watch->answer, "Accepted") == 0) {
		watch_accepted(watch);
		return;
	}
	snprintf(watch->reason, sizeof(watch->reason), "the station answered %s",
		 status == NULL ? "without a status" : watch->answer);
	if (strcmp(watch->answer, OUTCOME_REJECTED) == 0)
		watch_settle(watch, OUTCOME_REJECTED);
	else if (strcmp(watch->answer, OUTCOME_NOT_IMPLEMENTED) == 0)
		watch_settle(watch, OUTCOME_NOT_IMPLEMENTED);
	else
		watch_settle(watch, OUTCOME_FAILED);
}

/* Without an answer, but the message itself tells. */
static void
unanswered(struct watch *watch, uint32_t result)
{
	const char *why = "the daemon or the module stopped before the answer";

	if (result == OCPPD_RES_TIMEOUT)
		why = "no answer in time";
	else if (result == OCPPD_RES_GONE)
		why = "the connection ended before the answer";
	snprintf(watch->reason, sizeof(watch->reason), "%s%s", why,
		 watch->came.messages > 0 ? ", but the message came" : "");
	watch_settle(watch, watch->came.messages > 0 ? OUTCOME_ARRIVED : OUTCOME_UNANSWERED);
}

void
completed_trigger(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
		  struct json_object *req, struct json_object *conf, void *arg)
{
	struct trigger *ctx = arg;
	struct watch *watch = ocppd_outcall_data(call);
	struct json_object *details;
	const char *code = "";
	const char *text;

	(void)host;
	(void)req;
	if (watch == NULL)
		return;
	ocppd_outcall_set_data(call, NULL);
	watch->call = NULL;
	if (result == OCPPD_RES_REFUSED || ctx->is_stopping) {
		watch_drop(watch);
	} else if (result == OCPPD_RES_REPLY) {
		answered(watch, conf);
	} else if (result == OCPPD_RES_ERROR) {
		(void)ocppd_outcall_error(call, &code, &text, &details);
		snprintf(watch->reason, sizeof(watch->reason),
			 "the station answered with the error %.60s", code);
		watch_settle(watch, OUTCOME_FAILED);
	} else {
		unanswered(watch, result);
	}
}
