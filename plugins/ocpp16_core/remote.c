/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * What goes to the station: GetConfiguration, RemoteStartTransaction, RemoteStopTransaction. An
 * operator's payload goes out as given; what looks wrong about it comes back as warnings.
 */
#include "ocpp16_core.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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

/* ---- Secrets among the configuration keys
 * --------------------------------------------------------
 */

static void
mask_key(struct json_object *item)
{
	const char *key = ocppd_json_get_str(item, "key");

	/* OCPP 1.6 security extension: write-only, but some stations show it. */
	if (key != NULL && strcasecmp(key, "AuthorizationKey") == 0 &&
	    ocppd_json_get(item, "value") != NULL)
		ocppd_json_add_str(item, "value", OCPPD_MASK);
}

/* Of ChangeConfiguration's request and GetConfiguration's confirmation. */
void
mask_configuration(struct json_object *payload, uint32_t is_conf)
{
	struct json_object *keys = ocppd_json_get(payload, "configurationKey");

	if (is_conf == 0)
		mask_key(payload);
	else if (keys != NULL && json_object_is_type(keys, json_type_array))
		for (size_t i = 0; i < json_object_array_length(keys); i++)
			mask_key(json_object_array_get_idx(keys, i));
}

/* ---- GetConfiguration ---------------------------------------------------------------------------
 */

static void
on_keys_stored(struct ocppd_host *host, int result, void *arg)
{
	struct core16 *ctx = arg;

	if (result < 0)
		OCPPD_WARN(host, "keys.unstored", OCPPD_STR("err", ocppd_error_name(result)));
	core16_done(ctx);
}

static size_t
list_length(struct json_object *list)
{
	return list != NULL && json_object_is_type(list, json_type_array)
		       ? json_object_array_length(list)
		       : 0;
}

/* Fills keys from both lists; what has no name is left out (quirk D12). */
static uint32_t
collect(struct json_object *known, struct json_object *unknown, struct ocppd_station_key *keys)
{
	uint32_t count = 0;

	for (size_t i = 0; i < list_length(known); i++) {
		struct json_object *item = json_object_array_get_idx(known, i);
		struct ocppd_station_key *key = &keys[count];

		key->name = ocppd_json_get_str(item, "key");
		key->value = ocppd_json_get_str(item, "value");
		key->is_readonly = ocppd_json_get_bool(item, "readonly", 0) != 0;
		count += key->name != NULL && key->name[0] != '\0' ? 1 : 0;
	}
	for (size_t i = 0; i < list_length(unknown); i++) {
		struct json_object *item = json_object_array_get_idx(unknown, i);
		struct ocppd_station_key *key = &keys[count];

		if (!json_object_is_type(item, json_type_string))
			continue;
		memset(key, 0, sizeof(*key));
		key->name = json_object_get_string(item);
		key->is_unknown = 1;
		count += key->name[0] != '\0' ? 1 : 0;
	}
	return count;
}

void
completed_get_configuration(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
			    struct json_object *req, struct json_object *conf, void *arg)
{
	struct core16 *ctx = arg;
	struct json_object *known = ocppd_json_get(conf, "configurationKey");
	struct json_object *unknown = ocppd_json_get(conf, "unknownKey");
	struct ocppd_station_key *keys;
	bool is_all = list_length(ocppd_json_get(req, "key")) == 0;
	uint32_t count;
	int r;

	if (result != OCPPD_RES_REPLY || ctx->is_stopping)
		return;
	keys = calloc(list_length(known) + list_length(unknown) + 1, sizeof(*keys));
	if (keys == NULL)
		return;
	count = collect(known, unknown, keys);
	/* An answer without any key says nothing about all of them. */
	r = ctx->stations->keys_store(ctx->stations_self, host, ocppd_outcall_station(call), keys,
				      count, is_all && count > 0 ? OCPPD_KEYS_ALL : 0,
				      on_keys_stored, ctx);
	if (r == OCPPD_PENDING)
		ctx->outstanding++;
	else if (r < 0)
		OCPPD_WARN(host, "keys.unstored", OCPPD_STR("err", ocppd_error_name(r)));
	free(keys);
}
