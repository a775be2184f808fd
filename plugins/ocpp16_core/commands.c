/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * ChangeAvailability, ChangeConfiguration, Reset, UnlockConnector: what is odd about a request
 * comes back as warnings, what follows from the station's answer is recorded. A new
 * AuthorizationKey is known to the directory before the station hears of it, and is settled by its
 * answer.
 */
#include "ocpp16_core.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

#define REBOOT_WITHIN_US (15 * INT64_C(60000000)) /* after an accepted Reset */

static bool
is_status(struct json_object *conf, const char *word)
{
	const char *status = ocppd_json_get_str(conf, "status");

	return status != NULL && strcmp(status, word) == 0;
}

static void
on_recorded(struct ocppd_host *host, int result, void *arg)
{
	struct core16 *ctx = arg;

	if (result < 0)
		OCPPD_WARN(host, "command.unrecorded", OCPPD_STR("err", ocppd_error_name(result)));
	core16_done(ctx);
}

static void
await_record(struct core16 *ctx, int r)
{
	if (r == OCPPD_PENDING)
		ctx->outstanding++;
	else if (r < 0)
		OCPPD_WARN(ctx->host, "command.unrecorded", OCPPD_STR("err", ocppd_error_name(r)));
}

/* ---- Connectors --------------------------------------------------------------------------------
 */

struct active_count {
	int64_t connector_id; /* 0: any */
	uint32_t count;
};

struct seen {
	int64_t connector_id;
	bool is_any;
	bool is_there;
};

static int
see_connector(const struct ocppd_connector_info *info, void *arg)
{
	struct seen *seen = arg;

	if (info->place.evse > 0)
		seen->is_any = true;
	if (info->place.evse == seen->connector_id)
		seen->is_there = true;
	return 0;
}

static void
warn_connector(struct core16 *ctx, struct ocppd_outcall *call, int64_t connector_id)
{
	struct seen seen = { .connector_id = connector_id };

	(void)ctx->stations->connector_each(ctx->stations_self, ctx->host,
					    ocppd_outcall_station(call), see_connector, &seen);
	if (seen.is_any && !seen.is_there && connector_id != 0)
		ocppd_outcall_warn(ctx->host, call,
				   "connectorId: the station never reported a connector %lld",
				   (long long)connector_id);
}

int
prepare_change_availability(struct ocppd_host *host, struct ocppd_outcall *call,
			    struct json_object *req, void *arg, struct ocppd_error *err)
{
	int64_t connector_id = ocppd_json_get_int(req, "connectorId", 0);

	(void)err;
	if (connector_id < 0)
		ocppd_outcall_warn(host, call, "connectorId: must not be negative");
	else
		warn_connector(arg, call, connector_id);
	return 0;
}

void
completed_change_availability(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
			      struct json_object *req, struct json_object *conf, void *arg)
{
	struct core16 *ctx = arg;
	const char *type = ocppd_json_get_str(req, "type");
	const struct ocppd_availability request = {
		.struct_size = sizeof(request),
		.is_operative = type != NULL && strcmp(type, "Operative") == 0,
		.is_scheduled = is_status(conf, "Scheduled"),
		.place = place_of(ocppd_json_get_int(req, "connectorId", -1)),
	};

	if (result != OCPPD_RES_REPLY || ctx->is_stopping ||
	    (!is_status(conf, "Accepted") && !is_status(conf, "Scheduled")))
		return;
	await_record(ctx, ctx->stations->availability(ctx->stations_self, host,
						      ocppd_outcall_station(call), &request,
						      on_recorded, ctx));
}

static int
count_active(const struct ocppd_tx_info *info, void *arg)
{
	struct active_count *active = arg;

	if (active->connector_id <= 0 || info->place.evse == active->connector_id)
		active->count++;
	return 0;
}

static uint32_t
active_at(struct core16 *ctx, struct ocppd_outcall *call, int64_t connector_id)
{
	struct active_count active = { connector_id, 0 };

	(void)ctx->transactions->active_each(ctx->transactions_self, ctx->host,
					     ocppd_outcall_station(call), count_active, &active);
	return active.count;
}

int
prepare_unlock_connector(struct ocppd_host *host, struct ocppd_outcall *call,
			 struct json_object *req, void *arg, struct ocppd_error *err)
{
	int64_t connector_id = ocppd_json_get_int(req, "connectorId", 0);

	(void)err;
	if (connector_id <= 0) {
		ocppd_outcall_warn(host, call, "connectorId: must be greater than 0");
		return 0;
	}
	warn_connector(arg, call, connector_id);
	if (active_at(arg, call, connector_id) > 0)
		ocppd_outcall_warn(host, call,
				   "connectorId: a transaction is under way there and would be "
				   "stopped");
	return 0;
}

void
completed_unlock_connector(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
			   struct json_object *req, struct json_object *conf, void *arg)
{
	const struct ocppd_station *station = ocppd_outcall_station(call);
	const char *status = ocppd_json_get_str(conf, "status");
	struct json_object *body;

	(void)arg;
	if (result != OCPPD_RES_REPLY || status == NULL)
		return;
	OCPPD_INFO(host, "connector.unlocked", OCPPD_STR("station", ocppd_station_id(station)),
		   OCPPD_INT("connector", ocppd_json_get_int(req, "connectorId", 0)),
		   OCPPD_STR("status", status));
	if (!ocppd_event_wanted(host, OCPPD_EVENT_CONNECTOR_UNLOCK))
		return;
	body = json_object_new_object();
	if (body == NULL)
		return;
	ocppd_json_add_str(body, "stationId", ocppd_station_id(station));
	ocppd_json_add_int(body, "connectorId", ocppd_json_get_int(req, "connectorId", 0));
	ocppd_json_add_str(body, "status", status);
	ocppd_json_add_str(body, "requester", ocppd_outcall_requester(call));
	(void)ocppd_event_publish(host, OCPPD_EVENT_CONNECTOR_UNLOCK, ocppd_station_id(station),
				  body);
}

/* ---- Reset -------------------------------------------------------------------------------------
 */

int
prepare_reset(struct ocppd_host *host, struct ocppd_outcall *call, struct json_object *req,
	      void *arg, struct ocppd_error *err)
{
	const char *type = ocppd_json_get_str(req, "type");
	uint32_t active = active_at(arg, call, 0);

	(void)err;
	if (active > 0 && type != NULL && strcmp(type, "Hard") == 0)
		ocppd_outcall_warn(host, call,
				   "type: %u transactions are under way, which Hard need not stop "
				   "first",
				   active);
	return 0;
}

void
completed_reset(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
		struct json_object *req, struct json_object *conf, void *arg)
{
	struct ocppd_station *station = ocppd_outcall_station(call);

	if (result != OCPPD_RES_REPLY || !is_status(conf, "Accepted"))
		return;
	core16_slot(arg, station)->reboot_until_us = ocppd_mono_us(host) + REBOOT_WITHIN_US;
	OCPPD_INFO(host, "station.resetting", OCPPD_STR("station", ocppd_station_id(station)),
		   OCPPD_STR("type", ocppd_json_get_str(req, "type")));
}

bool
reboot_was_asked(struct core16 *ctx, struct ocppd_station *station)
{
	struct core16_slot *slot = core16_slot(ctx, station);
	bool is_asked = slot->reboot_until_us > ocppd_mono_us(ctx->host);

	slot->reboot_until_us = 0;
	return is_asked;
}

/* ---- ChangeConfiguration -----------------------------------------------------------------------
 */

/* A question about the key before it is changed. */
struct key_op {
	struct core16 *ctx;
	struct ocppd_outcall *call;
};

static bool
is_password(struct json_object *req)
{
	const char *key = ocppd_json_get_str(req, "key");

	return key != NULL && text_equal(key, "AuthorizationKey");
}

static void
warn_key(struct core16 *ctx, struct ocppd_outcall *call, const struct ocppd_station_key *key)
{
	struct json_object *req = ocppd_outcall_request(call);
	const char *value = ocppd_json_get_str(req, "value");

	if (key->is_readonly != 0)
		ocppd_outcall_warn(ctx->host, call, "key: %s was read as readonly", key->name);
	/* Forbidden via OCPP: a station would be cut off, or worse, open. */
	if (text_equal(key->name, "SecurityProfile") && key->value != NULL && value != NULL &&
	    number_of(value, 0, 9) < number_of(key->value, 0, 9))
		ocppd_outcall_warn(ctx->host, call, "value: SecurityProfile can only be raised");
}

static void
key_op_end(struct key_op *op, int result, const char *text)
{
	struct core16 *ctx = op->ctx;

	ocppd_outcall_ready(ctx->host, op->call, result, text);
	free(op);
	core16_done(ctx);
}

static uint32_t
count_items(const char *list)
{
	uint32_t count = 1;

	for (; *list != '\0'; list++)
		count += *list == ',' ? 1 : 0;
	return count;
}

static void
on_key_limit(struct ocppd_host *host, int result, const struct ocppd_station_key *key, void *arg)
{
	struct key_op *op = arg;
	const char *value = ocppd_json_get_str(ocppd_outcall_request(op->call), "value");

	(void)result;
	if (key != NULL && key->value != NULL && value != NULL &&
	    count_items(value) > number_of(key->value, INT32_MAX, INT32_MAX))
		ocppd_outcall_warn(host, op->call, "value: %u items, and %s is %s",
				   count_items(value), key->name, key->value);
	key_op_end(op, 0, NULL);
}

static void
on_key_known(struct ocppd_host *host, int result, const struct ocppd_station_key *key, void *arg)
{
	struct key_op *op = arg;
	struct core16 *ctx = op->ctx;
	struct json_object *req = ocppd_outcall_request(op->call);
	const char *value = ocppd_json_get_str(req, "value");
	char limit[80];

	(void)result;
	if (key != NULL)
		warn_key(ctx, op->call, key);
	if (value != NULL && strchr(value, ',') != NULL) {
		snprintf(limit, sizeof(limit), "%sMaxLength", ocppd_json_get_str(req, "key"));
		if (ctx->stations->key_find(ctx->stations_self, host,
					    ocppd_outcall_station(op->call), limit, on_key_limit,
					    op) == OCPPD_PENDING)
			return;
	}
	key_op_end(op, 0, NULL);
}

static void
on_password_offered(struct ocppd_host *host, int result, void *arg)
{
	struct key_op *op = arg;

	if (result == OCPPD_ENOENT)
		ocppd_outcall_warn(host, op->call,
				   "value: the station has no record to keep its new password in");
	/* A password that is not kept would lock the station out. */
	if (result == OCPPD_EBUSY)
		key_op_end(op, result, "value: too many passwords were offered to the station");
	else if (result < 0 && result != OCPPD_ENOENT)
		key_op_end(op, result, "value: the new password could not be stored");
	else
		key_op_end(op, 0, NULL);
}

/* 0: sent without our keeping it; OCPPD_PENDING; negative with err. */
static int
offer_password(struct key_op *op, struct json_object *req, struct ocppd_error *err)
{
	struct core16 *ctx = op->ctx;
	const char *value = ocppd_json_get_str(req, "value");
	int r = ctx->stations->password(ctx->stations_self, ctx->host,
					ocppd_outcall_station(op->call), value,
					OCPPD_PASSWORD_OFFER, on_password_offered, op);

	switch (r) {
	case OCPPD_PENDING:
		return r;
	case OCPPD_EINVAL:
		ocppd_outcall_warn(ctx->host, op->call,
				   "value: neither 32 to 40 hex digits nor 16 to 20 characters of "
				   "text; the station's record keeps its old password");
		return 0;
	case OCPPD_ENOENT:
		ocppd_outcall_warn(ctx->host, op->call,
				   "value: the station has no record to keep its new password in");
		return 0;
	case OCPPD_ECONFLICT:
		ocppd_outcall_warn(ctx->host, op->call,
				   "value: the station's record is in the configuration file or "
				   "being changed, and keeps its old password");
		return 0;
	default:
		return ocppd_error_set(err, r, "value: the new password could not be stored");
	}
}

int
prepare_change_configuration(struct ocppd_host *host, struct ocppd_outcall *call,
			     struct json_object *req, void *arg, struct ocppd_error *err)
{
	struct core16 *ctx = arg;
	const char *key = ocppd_json_get_str(req, "key");
	struct key_op *op = malloc(sizeof(*op));
	int r;

	if (op == NULL)
		return OCPPD_ENOMEM;
	*op = (struct key_op){ ctx, call };
	if (is_password(req))
		r = offer_password(op, req, err);
	else
		r = ctx->stations->key_find(ctx->stations_self, host, ocppd_outcall_station(call),
					    key, on_key_known, op);
	if (r == OCPPD_PENDING) {
		ctx->outstanding++;
		return r;
	}
	free(op);
	/* What cannot be found out is no reason not to send it. */
	return is_password(req) ? r : 0;
}

static void
on_password_settled(struct ocppd_host *host, int result, void *arg)
{
	struct core16 *ctx = arg;

	/* Both stay good until a connection shows which one the station has. */
	if (result < 0 && result != OCPPD_ENOENT)
		OCPPD_WARN(host, "password.unsettled", OCPPD_STR("err", ocppd_error_name(result)));
	core16_done(ctx);
}

static void
settle_password(struct core16 *ctx, struct ocppd_outcall *call, uint32_t result,
		struct json_object *conf)
{
	uint32_t step = OCPPD_PASSWORD_REFUSED;
	int r;

	/* Lost on the way, or effective after a restart: the next connection tells. */
	if (result == OCPPD_RES_TIMEOUT || result == OCPPD_RES_GONE ||
	    result == OCPPD_RES_CANCELLED || is_status(conf, "RebootRequired"))
		return;
	if (result == OCPPD_RES_REPLY && is_status(conf, "Accepted"))
		step = OCPPD_PASSWORD_ACCEPTED;
	r = ctx->stations->password(ctx->stations_self, ctx->host, ocppd_outcall_station(call),
				    NULL, step, on_password_settled, ctx);
	if (r == OCPPD_PENDING)
		ctx->outstanding++;
	else if (r != OCPPD_ENOENT)
		OCPPD_WARN(ctx->host, "password.unsettled", OCPPD_STR("err", ocppd_error_name(r)));
}

/* The station's own clock for heartbeats follows the key, and so does our patience. */
static void
follow_heartbeat(struct core16 *ctx, struct ocppd_station *station,
		 const struct ocppd_station_key *key)
{
	int64_t seconds = number_of(key->value, 0, 86400);

	if (text_equal(key->name, "HeartbeatInterval") && seconds > 0)
		ocppd_station_set_heartbeat(ctx->host, station, seconds);
}

void
completed_change_configuration(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
			       struct json_object *req, struct json_object *conf, void *arg)
{
	struct core16 *ctx = arg;
	struct ocppd_station *station = ocppd_outcall_station(call);
	bool is_stored = is_status(conf, "Accepted") || is_status(conf, "RebootRequired");
	const struct ocppd_station_key key = {
		.name = ocppd_json_get_str(req, "key"),
		.value = is_password(req) ? NULL : ocppd_json_get_str(req, "value"),
	};

	if (ctx->is_stopping)
		return;
	if (is_password(req))
		settle_password(ctx, call, result, conf);
	if (result != OCPPD_RES_REPLY || !is_stored || key.name == NULL || key.name[0] == '\0')
		return;
	if (key.value != NULL && is_status(conf, "Accepted"))
		follow_heartbeat(ctx, station, &key);
	await_record(ctx, ctx->stations->keys_store(ctx->stations_self, host, station, &key, 1, 0,
						    on_recorded, ctx));
}
