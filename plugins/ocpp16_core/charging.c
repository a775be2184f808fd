/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Authorize, StartTransaction, StopTransaction, MeterValues. Each asks who may charge, hands the
 * record to the books, and answers after the commit. A start or stop is never refused: what cannot
 * be stored is answered InternalError, so that the station repeats it.
 */
#include "ocpp16_core.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

#define REPLY_SIZE 512

/* A CALL on its way: first to the authorization, then to the books. */
struct op {
	struct core16 *ctx;
	struct ocppd_call *call;
	struct json_object *req; /* counted */
	int64_t connector_id;    /* of a start; 0: none that could be read */
	bool has_decision;
	struct ocppd_authorization decision; /* its texts are in parent and token */
	char parent[OCPPD_TOKEN_MAX + 1];
	char token[OCPPD_TOKEN_MAX + 1];
};

static struct op *
op_new(struct core16 *ctx, struct ocppd_call *call, struct json_object *req)
{
	struct op *op = calloc(1, sizeof(*op));

	if (op == NULL)
		return NULL;
	op->ctx = ctx;
	op->call = call;
	op->req = json_object_get(req);
	op->decision.struct_size = sizeof(op->decision);
	op->decision.status = OCPPD_AUTH_INVALID;
	return op;
}

static void
op_free(struct op *op)
{
	json_object_put(op->req);
	free(op);
}

static void
op_fail(struct op *op, const char *text)
{
	(void)ocppd_call_fail(op->ctx->host, op->call, OCPPD_CALLERROR_INTERNAL, text, NULL);
	op_free(op);
}

/* Keeps a decision beyond the callback that brought it. */
static void
op_decide(struct op *op, const struct ocppd_authorization *decision)
{
	op->decision = *decision;
	op->decision.source = NULL;
	op->decision.parent = NULL;
	op->decision.token = NULL;
	if (decision->parent != NULL) {
		snprintf(op->parent, sizeof(op->parent), "%s", decision->parent);
		op->decision.parent = op->parent;
	}
	if (decision->token != NULL) {
		snprintf(op->token, sizeof(op->token), "%s", decision->token);
		op->decision.token = op->token;
	}
	op->has_decision = true;
}

/* Asks about the message's tag. 0: op is decided, or there is nothing to decide. */
static int
op_authorize(struct op *op, uint32_t purpose, ocppd_auth_fn *fn)
{
	struct core16 *ctx = op->ctx;
	struct ocppd_authorization decision = { .struct_size = sizeof(decision) };
	const struct ocppd_auth_query query = {
		sizeof(query),
		purpose,
		ocppd_call_station(op->call),
		{ ocppd_json_get_str(op->req, "idTag"), NULL },
	};
	int r;

	if (query.token.text == NULL)
		return 0;
	/* A mangled tag opens no door: it counts as one that nobody knows. */
	if (query.token.text[0] == '\0' || ocppd_call_hard(op->call, "idTag") != NULL) {
		op->has_decision = true;
		return 0;
	}
	r = ctx->authorization->authorize(ctx->authorization_self, ctx->host, &query, &decision, fn,
					  op);
	if (r == 0)
		op_decide(op, &decision);
	else if (r == OCPPD_PENDING)
		ctx->outstanding++;
	else if (r == OCPPD_EINVAL) {
		op->has_decision = true;
		r = 0;
	}
	return r;
}

/* Flags that hold for the whole message. */
static uint32_t
finding_flags(const struct op *op)
{
	return has_findings(op->call) ? OCPPD_TX_FINDING : 0;
}

/* What the message says of the station's clock (quirks E03, E04, E07). */
static void
tell_clock(const struct op *op, const char *raw_time, int64_t time_us)
{
	const struct core16 *ctx = op->ctx;
	const struct ocppd_clock_reading reading = { raw_time, time_us,
						     ocppd_call_received_us(op->call) };

	ctx->stations->clock(ctx->stations_self, ctx->host, ocppd_call_station(op->call), &reading);
}

/* ---- Authorize --------------------------------------------------------------------------------
 */

static void
authorize_answer(struct op *op)
{
	char text[REPLY_SIZE];
	struct ocppd_json json;
	int64_t len;

	ocppd_json_begin(&json, text, sizeof(text));
	ocppd_json_object(&json, NULL);
	put_id_tag_info(&json, ocppd_call_station(op->call), &op->decision, op->decision.status);
	ocppd_json_close(&json);
	len = ocppd_json_end(&json);
	if (len < 0) {
		op_fail(op, "The answer could not be written");
		return;
	}
	(void)ocppd_call_reply_text(op->ctx->host, op->call, text, (size_t)len);
	op_free(op);
}

static void
on_authorize_decided(struct ocppd_host *host, int result,
		     const struct ocppd_authorization *decision, void *arg)
{
	struct op *op = arg;
	struct core16 *ctx = op->ctx;

	(void)host;
	if (result < 0) {
		/* An answer would end up in the station's cache: let it decide by itself. */
		op_fail(op, "The id tag could not be looked up");
	} else {
		op_decide(op, decision);
		authorize_answer(op);
	}
	core16_done(ctx);
}

int
on_authorize(struct ocppd_host *host, struct ocppd_call *call, struct json_object *req, void *arg)
{
	struct op *op = op_new(arg, call, req);
	int r;

	(void)host;
	if (op == NULL)
		return OCPPD_ENOMEM;
	r = op_authorize(op, OCPPD_AUTH_FOR_QUESTION, on_authorize_decided);
	if (r < 0)
		op_free(op);
	else if (r == 0)
		authorize_answer(op);
	return r < 0 ? r : 0;
}

/* ---- StartTransaction ---------------------------------------------------------------------------
 */

static void
tell_intent(const struct op *op, const struct ocppd_tx_result *done)
{
	const struct intent_start start = { op->connector_id, done->transaction_id };
	const char *tag = ocppd_json_get_str(op->req, "idTag");

	if (tag != NULL)
		intent_started(op->ctx, ocppd_call_station(op->call), tag, &start);
}

static void
on_started(struct ocppd_host *host, int result, const struct ocppd_tx_result *done, void *arg)
{
	struct op *op = arg;
	struct core16 *ctx = op->ctx;
	char text[REPLY_SIZE];
	struct ocppd_json json;
	int64_t len = result;

	if (result >= 0) {
		ocppd_json_begin(&json, text, sizeof(text));
		ocppd_json_object(&json, NULL);
		put_id_tag_info(&json, ocppd_call_station(op->call), &op->decision,
				done->auth_status);
		ocppd_json_int(&json, "transactionId", done->transaction_id);
		if (!done->is_repeat)
			tell_intent(op, done);
		ocppd_json_close(&json);
		len = ocppd_json_end(&json);
	}
	if (len < 0) {
		op_fail(op, "The transaction could not be stored");
	} else {
		(void)ocppd_call_reply_text(host, op->call, text, (size_t)len);
		op_free(op);
	}
	core16_done(ctx);
}

struct look {
	struct ocppd_place place;
	bool is_found;
};

static int
look_for(const struct ocppd_connector_info *info, void *arg)
{
	struct look *look = arg;

	look->is_found = info->place.evse == look->place.evse;
	return look->is_found ? 1 : 0;
}

/* Quirk F05: it charges at a connector whose status it never told. */
static void
note_connector(const struct op *op, struct ocppd_place place)
{
	const struct core16 *ctx = op->ctx;
	struct ocppd_station *station = ocppd_call_station(op->call);
	struct look look = { .place = place };
	char raw[32];

	(void)ctx->stations->connector_each(ctx->stations_self, ctx->host, station, look_for,
					    &look);
	if (look.is_found)
		return;
	snprintf(raw, sizeof(raw), "connector %d", (int)place.evse);
	ocppd_quirk_hit(ctx->host, station, "F05", raw);
}

static int
start_store(struct op *op)
{
	struct core16 *ctx = op->ctx;
	struct ocppd_tx_start start = {
		.struct_size = sizeof(start),
		.flags = finding_flags(op),
		.station = ocppd_call_station(op->call),
		.place = { -1, -1 },
		.token = { ocppd_json_get_str(op->req, "idTag"), NULL },
		.parent = op->decision.parent,
		.auth_status = op->decision.status,
		.max_active = op->decision.max_active,
		.received_us = ocppd_call_received_us(op->call),
		.raw_time = raw_time_of(op->call, op->req, "timestamp"),
		.protocol = ocppd_call_protocol(op->call),
		.raw_frame = ocppd_call_raw(op->call),
		.account = op->decision.token,
	};
	int64_t connector_id;
	int r;

	if (int_of(op->call, op->req, "connectorId", &connector_id) && connector_id > 0) {
		start.place = place_of(connector_id);
		op->connector_id = connector_id;
		note_connector(op, start.place);
	} else {
		start.flags |= OCPPD_TX_PLACE;
	}
	if (intent_expects(ctx, start.station, start.token.text, op->connector_id))
		start.flags |= OCPPD_TX_REMOTE;
	if (!meter_of(op->call, op->req, "meterStart", &start.meter_start_wh))
		start.flags |= OCPPD_TX_METER;
	/* Quirk G11: 0 is none. */
	(void)int_of(op->call, op->req, "reservationId", &start.reservation_id);
	if (time_of(op->call, op->req, "timestamp", "timestamp", &start.start_us))
		tell_clock(op, start.raw_time, start.start_us);
	else
		start.flags |= OCPPD_TX_TIME;

	r = ctx->transactions->start(ctx->transactions_self, ctx->host, &start, on_started, op);
	if (r >= 0)
		ctx->outstanding++;
	return r;
}

static void
on_start_decided(struct ocppd_host *host, int result, const struct ocppd_authorization *decision,
		 void *arg)
{
	struct op *op = arg;
	struct core16 *ctx = op->ctx;
	int r = result;

	(void)host;
	if (r >= 0) {
		op_decide(op, decision);
		r = start_store(op);
	}
	if (r < 0)
		op_fail(op, "The transaction could not be stored");
	core16_done(ctx);
}

int
on_start_transaction(struct ocppd_host *host, struct ocppd_call *call, struct json_object *req,
		     void *arg)
{
	struct op *op = op_new(arg, call, req);
	int r;

	(void)host;
	if (op == NULL)
		return OCPPD_ENOMEM;
	r = op_authorize(op, OCPPD_AUTH_FOR_START, on_start_decided);
	if (r == 0)
		r = start_store(op);
	if (r < 0)
		op_free(op);
	return r < 0 ? r : 0;
}

/* ---- StopTransaction ----------------------------------------------------------------------------
 */

static void
on_stopped(struct ocppd_host *host, int result, const struct ocppd_tx_result *done, void *arg)
{
	struct op *op = arg;
	struct core16 *ctx = op->ctx;
	char text[REPLY_SIZE];
	struct ocppd_json json;
	int64_t len = result;

	(void)done;
	if (result >= 0) {
		ocppd_json_begin(&json, text, sizeof(text));
		ocppd_json_object(&json, NULL);
		/* Section J: only if the station named a tag. */
		if (op->has_decision)
			put_id_tag_info(&json, ocppd_call_station(op->call), &op->decision,
					op->decision.status);
		ocppd_json_close(&json);
		len = ocppd_json_end(&json);
	}
	if (len < 0) {
		op_fail(op, "The transaction could not be stored");
	} else {
		(void)ocppd_call_reply_text(host, op->call, text, (size_t)len);
		op_free(op);
	}
	core16_done(ctx);
}

static int
stop_store(struct op *op)
{
	struct core16 *ctx = op->ctx;
	struct readings readings;
	struct ocppd_tx_stop stop = {
		.struct_size = sizeof(stop),
		.flags = finding_flags(op),
		.station = ocppd_call_station(op->call),
		.token = { ocppd_json_get_str(op->req, "idTag"), NULL },
		.parent = op->decision.parent,
		.received_us = ocppd_call_received_us(op->call),
		.raw_time = raw_time_of(op->call, op->req, "timestamp"),
		.reason = ocppd_json_get_str(op->req, "reason"),
		.raw_reason = raw_of(op->call, "reason"),
		.raw_frame = ocppd_call_raw(op->call),
	};
	int r = readings_of(op->call, op->req, "transactionData", &readings);

	if (r < 0)
		return r;
	/* Quirk G10: an empty tag is none. */
	if (stop.token.text != NULL && stop.token.text[0] == '\0')
		stop.token.text = NULL;
	(void)int_of(op->call, op->req, "transactionId", &stop.transaction_id);
	if (!meter_of(op->call, op->req, "meterStop", &stop.meter_stop_wh))
		stop.flags |= OCPPD_TX_METER;
	if (time_of(op->call, op->req, "timestamp", "timestamp", &stop.stop_us))
		tell_clock(op, stop.raw_time, stop.stop_us);
	else
		stop.flags |= OCPPD_TX_TIME;
	stop.readings = readings.items;
	stop.reading_count = readings.count;

	r = ctx->transactions->stop(ctx->transactions_self, ctx->host, &stop, on_stopped, op);
	if (r >= 0)
		ctx->outstanding++;
	free(readings.items);
	return r;
}

static void
on_stop_decided(struct ocppd_host *host, int result, const struct ocppd_authorization *decision,
		void *arg)
{
	struct op *op = arg;
	struct core16 *ctx = op->ctx;

	(void)host;
	/* The record matters, whatever is known of the tag that ended it. */
	if (result >= 0)
		op_decide(op, decision);
	if (stop_store(op) < 0)
		op_fail(op, "The transaction could not be stored");
	core16_done(ctx);
}

int
on_stop_transaction(struct ocppd_host *host, struct ocppd_call *call, struct json_object *req,
		    void *arg)
{
	struct op *op = op_new(arg, call, req);
	int r;

	(void)host;
	if (op == NULL)
		return OCPPD_ENOMEM;
	r = op_authorize(op, OCPPD_AUTH_FOR_STOP, on_stop_decided);
	if (r != OCPPD_PENDING)
		r = stop_store(op);
	if (r < 0)
		op_free(op);
	return r < 0 ? r : 0;
}

/* ---- MeterValues --------------------------------------------------------------------------------
 */

static void
on_read(struct ocppd_host *host, int result, const struct ocppd_tx_result *done, void *arg)
{
	struct op *op = arg;
	struct core16 *ctx = op->ctx;

	(void)done;
	if (result < 0) {
		op_fail(op, "The readings could not be stored");
	} else {
		(void)ocppd_call_reply_text(host, op->call, "{}", 2);
		op_free(op);
	}
	core16_done(ctx);
}

/* Of several moments the newest is the one nearest to now. */
static void
tell_newest(const struct op *op, const struct readings *readings)
{
	const struct ocppd_reading *newest = NULL;

	for (uint32_t i = 0; i < readings->count; i++) {
		const struct ocppd_reading *reading = &readings->items[i];

		if ((reading->flags & OCPPD_TX_TIME) == 0 &&
		    (newest == NULL || reading->time_us > newest->time_us))
			newest = reading;
	}
	if (newest != NULL)
		tell_clock(op, newest->raw_time, newest->time_us);
}

static int
readings_store(struct op *op, const struct readings *readings)
{
	struct core16 *ctx = op->ctx;
	struct ocppd_tx_readings all = {
		.struct_size = sizeof(all),
		.flags = finding_flags(op) | readings->flags,
		.station = ocppd_call_station(op->call),
		.place = { -1, -1 },
		.received_us = ocppd_call_received_us(op->call),
		.raw_frame = ocppd_call_raw(op->call),
		.readings = readings->items,
		.reading_count = readings->count,
	};
	int64_t connector_id;
	int r;

	if (int_of(op->call, op->req, "connectorId", &connector_id))
		all.place = place_of(connector_id);
	else
		all.flags |= OCPPD_TX_PLACE;
	(void)int_of(op->call, op->req, "transactionId", &all.transaction_id);
	tell_newest(op, readings);

	r = ctx->transactions->readings(ctx->transactions_self, ctx->host, &all, on_read, op);
	if (r >= 0)
		ctx->outstanding++;
	return r;
}

int
on_meter_values(struct ocppd_host *host, struct ocppd_call *call, struct json_object *req,
		void *arg)
{
	struct readings readings;
	struct op *op;
	int r = readings_of(call, req, "meterValue", &readings);

	if (r < 0)
		return r;
	if (readings.count == 0) {
		/* Confirmed, nothing to store (D04). */
		(void)ocppd_call_reply_text(host, call, "{}", 2);
		goto out;
	}
	r = OCPPD_ENOMEM;
	op = op_new(arg, call, req);
	if (op == NULL)
		goto out;
	r = readings_store(op, &readings);
	if (r < 0)
		op_free(op);
out:
	free(readings.items);
	return r < 0 ? r : 0;
}
