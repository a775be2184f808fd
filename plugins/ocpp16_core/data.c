/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * DataTransfer of stations: finds who claimed its vendor and message, and answers in time whatever
 * that one does. Never looks into the data.
 */
#include "ocpp16_core.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

/* A message that its handler did not answer at once. */
struct data_op {
	struct core16 *ctx;
	struct ocppd_call *call; /* NULL: answered, the handler is late */
	struct ocppd_timer *deadline;
	char provider[33];
};

/* Who handles a message; the pair itself outweighs a claim of all messages. */
struct claim {
	const char *vendor_id;
	const char *message_id;
	const struct ocppd_data_transfer_ops *ops;
	void *self;
	const char *provider;
	bool is_vendor_known;
};

static int
find_claim(const char *provider, const void *data, void *self, void *arg)
{
	const struct ocppd_data_transfer_ops *ops = data;
	struct claim *claim = arg;
	bool is_exact;

	if (ops->vendor_id == NULL || ops->handle == NULL ||
	    !text_equal(ops->vendor_id, claim->vendor_id))
		return 0;
	claim->is_vendor_known = true;
	is_exact = ops->message_id != NULL && claim->message_id != NULL &&
		   text_equal(ops->message_id, claim->message_id);
	if (!is_exact && (ops->message_id != NULL || claim->ops != NULL))
		return 0;
	claim->ops = ops;
	claim->self = self;
	claim->provider = provider;
	return is_exact ? 1 : 0;
}

static void
answer(struct core16 *ctx, struct ocppd_call *call, const char *status, const char *data)
{
	struct json_object *conf = json_object_new_object();

	if (conf == NULL || ocppd_json_add_str(conf, "status", status) < 0 ||
	    ocppd_json_add_str(conf, "data", data) < 0) {
		json_object_put(conf);
		(void)ocppd_call_fail(ctx->host, call, OCPPD_CALLERROR_INTERNAL, "out of memory",
				      NULL);
		return;
	}
	(void)ocppd_call_reply(ctx->host, call, conf);
}

static void
answer_from(struct core16 *ctx, struct ocppd_call *call, const char *provider, int result,
	    const struct ocppd_data_answer *from)
{
	static const char *const words[] = { NULL, "Accepted", "Rejected", "UnknownMessageId" };

	if (result < 0 || from == NULL || from->status < OCPPD_DATA_ACCEPTED ||
	    from->status > OCPPD_DATA_UNKNOWN_MESSAGE) {
		OCPPD_WARN(ctx->host, "data.unanswered",
			   OCPPD_STR("station", ocppd_station_id(ocppd_call_station(call))),
			   OCPPD_STR("handler", provider),
			   OCPPD_STR("err", ocppd_error_name(result < 0 ? result : OCPPD_EINVAL)));
		answer(ctx, call, "Rejected", NULL);
		return;
	}
	answer(ctx, call, words[from->status], from->data);
}

static void
on_answered(struct ocppd_host *host, int result, const struct ocppd_data_answer *from, void *arg)
{
	struct data_op *op = arg;
	struct core16 *ctx = op->ctx;

	(void)host;
	if (op->call != NULL)
		answer_from(ctx, op->call, op->provider, result, from);
	ocppd_timer_free(op->deadline);
	free(op);
	core16_done(ctx);
}

static void
on_deadline(struct ocppd_host *host, void *arg)
{
	struct data_op *op = arg;
	struct ocppd_call *call = op->call;

	(void)host;
	if (call == NULL)
		return;
	op->call = NULL;
	answer_from(op->ctx, call, op->provider, OCPPD_ETIMEDOUT, NULL);
}

static int
ask(struct core16 *ctx, struct ocppd_call *call, struct json_object *req, const struct claim *claim)
{
	int64_t timeout_ms = ctx->conf->data_transfer_timeout_ms;
	const struct ocppd_data_message message = {
		.struct_size = sizeof(message),
		.station = ocppd_call_station(call),
		.vendor_id = claim->vendor_id,
		.message_id = claim->message_id,
		.data = ocppd_json_get_str(req, "data"),
		.deadline_mono_us = ocppd_mono_us(ctx->host) + timeout_ms * 1000,
	};
	struct ocppd_data_answer done = { .struct_size = sizeof(done) };
	struct data_op *op = calloc(1, sizeof(*op));
	int r;

	if (op == NULL)
		return OCPPD_ENOMEM;
	op->ctx = ctx;
	op->call = call;
	op->deadline = ocppd_timer_new(ctx->host, on_deadline, op);
	if (op->deadline == NULL) {
		free(op);
		return OCPPD_ENOMEM;
	}
	snprintf(op->provider, sizeof(op->provider), "%s", claim->provider);
	r = claim->ops->handle(claim->self, ctx->host, &message, &done, on_answered, op);
	if (r == OCPPD_PENDING) {
		ctx->outstanding++;
		ocppd_timer_set(op->deadline, timeout_ms);
		return 0;
	}
	ocppd_timer_free(op->deadline);
	free(op);
	answer_from(ctx, call, claim->provider, r, &done);
	return 0;
}

int
on_data_transfer(struct ocppd_host *host, struct ocppd_call *call, struct json_object *req,
		 void *arg)
{
	struct core16 *ctx = arg;
	struct claim claim = {
		.vendor_id = ocppd_json_get_str(req, "vendorId"),
		.message_id = ocppd_json_get_str(req, "messageId"),
	};

	(void)ocppd_service_each(host, "ocppd.data_transfer", 1, find_claim, &claim);
	if (claim.ops != NULL)
		return ask(ctx, call, req, &claim);
	ocppd_quirk_hit(host, ocppd_call_station(call), "C13", ocppd_json_get_str(req, "vendorId"));
	answer(ctx, call, claim.is_vendor_known ? "UnknownMessageId" : "UnknownVendorId", NULL);
	return 0;
}

/* ---- Claims ------------------------------------------------------------------------------------
 */

struct pair {
	const char *provider;
	const struct ocppd_data_transfer_ops *ops;
};

struct pairs {
	struct pair items[DATA_HANDLERS_MAX];
	uint32_t count;
	struct ocppd_error *err;
	int result;
};

static bool
is_same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : text_equal(a, b);
}

static int
check_claim(const char *provider, const void *data, void *self, void *arg)
{
	const struct ocppd_data_transfer_ops *ops = data;
	struct pairs *pairs = arg;

	(void)self;
	if (ops->vendor_id == NULL || ops->vendor_id[0] == '\0' || ops->handle == NULL) {
		pairs->result =
			ocppd_error_set(pairs->err, OCPPD_EINVAL,
					"DataTransfer: module %s claims no vendor id", provider);
		return 1;
	}
	for (uint32_t i = 0; i < pairs->count; i++) {
		const struct pair *pair = &pairs->items[i];

		if (!is_same(pair->ops->vendor_id, ops->vendor_id) ||
		    !is_same(pair->ops->message_id, ops->message_id))
			continue;
		pairs->result = ocppd_error_set(
			pairs->err, OCPPD_ECONFLICT,
			"DataTransfer: modules %s and %s both claim vendor id \"%s\", message "
			"id %s; leave one of them out",
			pair->provider, provider, ops->vendor_id,
			ops->message_id == NULL ? "(all)" : ops->message_id);
		return 1;
	}
	if (pairs->count == DATA_HANDLERS_MAX) {
		pairs->result =
			ocppd_error_set(pairs->err, OCPPD_ESPACE,
					"DataTransfer: more than %d handlers", DATA_HANDLERS_MAX);
		return 1;
	}
	pairs->items[pairs->count++] = (struct pair){ provider, ops };
	return 0;
}

int
data_check(struct core16 *ctx, struct ocppd_error *err)
{
	struct pairs *pairs = calloc(1, sizeof(*pairs));
	int r;

	if (pairs == NULL)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	pairs->err = err;
	(void)ocppd_service_each(ctx->host, "ocppd.data_transfer", 1, check_claim, pairs);
	r = pairs->result;
	free(pairs);
	return r;
}
