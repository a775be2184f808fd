/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * RemoteStartTransaction, RemoteStopTransaction. An operator's payload goes out as given; what
 * looks wrong about it comes back as warnings.
 */
#include "ocpp16_core.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

/* ---- RemoteStartTransaction ---------------------------------------------------------------------
 */

struct remote_op {
	struct core16 *ctx;
	struct ocppd_outcall *call;
};

static void
warn_tag(struct core16 *ctx, struct ocppd_outcall *call, uint32_t status)
{
	if (status != OCPPD_AUTH_ACCEPTED)
		ocppd_outcall_warn(ctx->host, call, "idTag: would be answered %s",
				   auth_word(status));
}

static void
on_remote_decided(struct ocppd_host *host, int result, const struct ocppd_authorization *decision,
		  void *arg)
{
	struct remote_op *op = arg;
	struct core16 *ctx = op->ctx;

	if (result >= 0)
		warn_tag(ctx, op->call, decision->status);
	ocppd_outcall_ready(host, op->call, 0, NULL);
	free(op);
	core16_done(ctx);
}

static bool
is_kind(struct json_object *profile, const char *word)
{
	const char *kind = ocppd_json_get_str(profile, "chargingProfileKind");

	return kind != NULL && strcmp(kind, word) == 0;
}

/* The periods follow each other, and the first begins with the schedule. */
static void
warn_schedule(struct core16 *ctx, struct ocppd_outcall *call, struct json_object *schedule)
{
	struct json_object *list = ocppd_json_get(schedule, "chargingSchedulePeriod");
	int64_t before = -1;

	if (list == NULL || !json_object_is_type(list, json_type_array))
		return;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *period = json_object_array_get_idx(list, i);
		int64_t start = ocppd_json_get_int(period, "startPeriod", -1);

		if (i == 0 && start != 0)
			ocppd_outcall_warn(ctx->host, call,
					   "chargingProfile.chargingSchedule."
					   "chargingSchedulePeriod[0].startPeriod: must be 0");
		else if (start <= before)
			ocppd_outcall_warn(ctx->host, call,
					   "chargingProfile.chargingSchedule."
					   "chargingSchedulePeriod[%zu].startPeriod: must rise",
					   i);
		before = start;
	}
}

static void
warn_profile(struct core16 *ctx, struct ocppd_outcall *call, struct json_object *profile)
{
	const char *purpose = ocppd_json_get_str(profile, "chargingProfilePurpose");

	if (profile == NULL)
		return;
	if (purpose != NULL && strcmp(purpose, "TxProfile") != 0)
		ocppd_outcall_warn(ctx->host, call,
				   "chargingProfile.chargingProfilePurpose: must be TxProfile");
	if (ocppd_json_get(profile, "transactionId") != NULL)
		ocppd_outcall_warn(ctx->host, call,
				   "chargingProfile.transactionId: must be absent");
	warn_schedule(ctx, call, ocppd_json_get(profile, "chargingSchedule"));
	if (ocppd_json_get(profile, "recurrencyKind") != NULL && !is_kind(profile, "Recurring"))
		ocppd_outcall_warn(ctx->host, call,
				   "chargingProfile.recurrencyKind: only with kind Recurring");
	if (ocppd_json_get(profile, "recurrencyKind") == NULL && is_kind(profile, "Recurring"))
		ocppd_outcall_warn(ctx->host, call,
				   "chargingProfile.recurrencyKind: kind Recurring needs it");
}

int
prepare_remote_start(struct ocppd_host *host, struct ocppd_outcall *call, struct json_object *req,
		     void *arg, struct ocppd_error *err)
{
	struct core16 *ctx = arg;
	struct ocppd_authorization decision = { .struct_size = sizeof(decision) };
	const struct ocppd_auth_query query = {
		sizeof(query),
		OCPPD_AUTH_FOR_REMOTE_START,
		ocppd_outcall_station(call),
		{ ocppd_json_get_str(req, "idTag"), NULL },
	};
	struct remote_op *op;
	int r;

	(void)err;
	if (ocppd_json_get_int(req, "connectorId", 1) <= 0)
		ocppd_outcall_warn(host, call, "connectorId: must be greater than 0");
	warn_profile(ctx, call, ocppd_json_get(req, "chargingProfile"));

	op = malloc(sizeof(*op));
	if (op == NULL)
		return OCPPD_ENOMEM;
	*op = (struct remote_op){ ctx, call };
	intent_begin(ctx, call, req);
	r = ctx->authorization->authorize(ctx->authorization_self, host, &query, &decision,
					  on_remote_decided, op);
	if (r == OCPPD_PENDING) {
		ctx->outstanding++;
		return r;
	}
	free(op);
	if (r == 0)
		warn_tag(ctx, call, decision.status);
	return 0; /* what cannot be found out is no reason not to send it */
}

/* ---- RemoteStopTransaction ----------------------------------------------------------------------
 */

int
prepare_remote_stop(struct ocppd_host *host, struct ocppd_outcall *call, struct json_object *req,
		    void *arg, struct ocppd_error *err)
{
	struct core16 *ctx = arg;
	struct ocppd_tx_info info = { .struct_size = sizeof(info) };
	int64_t id = ocppd_json_get_int(req, "transactionId", 0);

	(void)err;
	if (ctx->transactions->active_find(ctx->transactions_self, host,
					   ocppd_outcall_station(call), id, &info) < 0)
		ocppd_outcall_warn(host, call,
				   "transactionId: no such transaction is active at the station");
	return 0;
}
