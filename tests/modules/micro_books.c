/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* Uses the service ocppd.transactions as a protocol with ids of text would: for tests of it. */
#include <ocppd/json.h>
#include <ocppd/plugin.h>
#include <ocppd/service/transactions.h>

#include <stdlib.h>

#include <json-c/json.h>

struct micro {
	const struct ocppd_transactions_ops *ops;
	void *self;
};

static void
on_done(struct ocppd_host *host, int result, const struct ocppd_tx_result *done, void *arg)
{
	struct json_object *body = json_object_new_object();

	if (result < 0) {
		json_object_put(body);
		ocppd_request_fail(host, arg, result, NULL);
		return;
	}
	ocppd_json_add_int(body, "transactionId", done->transaction_id);
	ocppd_json_add_int(body, "flags", done->flags);
	ocppd_json_add_bool(body, "repeat", done->is_repeat != 0);
	ocppd_request_reply(host, arg, 200, body);
}

static struct ocppd_station *
station_of(struct ocppd_host *host, struct ocppd_request *request)
{
	return ocppd_station_find(host, ocppd_request_param(request, "stationId"));
}

static void
answer(struct ocppd_host *host, struct ocppd_request *request, int result)
{
	if (result != OCPPD_PENDING)
		ocppd_request_fail(host, request, result, NULL);
}

static int64_t
time_of(struct ocppd_host *host, struct json_object *body)
{
	return ocppd_now_us(host) + ocppd_json_get_int(body, "second", 0) * 1000000;
}

static void
begin(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct micro *micro = arg;
	struct json_object *body = ocppd_request_body(request);
	const struct ocppd_tx_start start = {
		.struct_size = sizeof(start),
		.station = station_of(host, request),
		.place = { 1, 1 },
		.token = { "TOKEN", "ISO14443" },
		.auth_status = OCPPD_AUTH_ACCEPTED,
		.start_us = time_of(host, body),
		.received_us = ocppd_now_us(host),
		.meter_start_wh = ocppd_json_get_int(body, "meter", 0),
		.id_text = ocppd_json_get_str(body, "id"),
		.protocol = "ocpp2.0.1",
	};

	answer(host, request, micro->ops->start(micro->self, host, &start, on_done, request));
}

static void
end(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct micro *micro = arg;
	struct json_object *body = ocppd_request_body(request);
	const struct ocppd_tx_stop stop = {
		.struct_size = sizeof(stop),
		.station = station_of(host, request),
		.token = { "CARD", "KeyCode" },
		.stop_us = time_of(host, body),
		.received_us = ocppd_now_us(host),
		.meter_stop_wh = ocppd_json_get_int(body, "meter", 0),
		.id_text = ocppd_json_get_str(body, "id"),
	};

	answer(host, request, micro->ops->stop(micro->self, host, &stop, on_done, request));
}

static void
report(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct micro *micro = arg;
	struct json_object *body = ocppd_request_body(request);
	const struct ocppd_sampled value = { .value = ocppd_json_get_str(body, "value") };
	const struct ocppd_reading reading = { .time_us = time_of(host, body),
					       .values = &value,
					       .count = 1 };
	const struct ocppd_tx_readings readings = {
		.struct_size = sizeof(readings),
		.station = station_of(host, request),
		.place = { 1, 1 },
		.received_us = ocppd_now_us(host),
		.readings = &reading,
		.reading_count = 1,
		.id_text = ocppd_json_get_str(body, "id"),
	};

	answer(host, request, micro->ops->readings(micro->self, host, &readings, on_done, request));
}

static int
on_info(const struct ocppd_tx_info *info, void *arg)
{
	struct json_object *item = json_object_new_object();

	ocppd_json_add_str(item, "id", info->id_text);
	ocppd_json_add_str(item, "type", info->token_type);
	json_object_array_add(arg, item);
	return 0;
}

static void
list(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct micro *micro = arg;
	struct json_object *body = json_object_new_object();
	struct json_object *items = json_object_new_array();

	(void)micro->ops->active_each(micro->self, host, station_of(host, request), on_info, items);
	ocppd_json_add(body, "items", items);
	ocppd_request_reply(host, request, 200, body);
}

static int
init(struct ocppd_host *host, const void *conf, void **ret_ctx, struct ocppd_error *err)
{
	(void)host;
	(void)conf;
	*ret_ctx = calloc(1, sizeof(struct micro));
	return *ret_ctx == NULL ? ocppd_error_set(err, OCPPD_ENOMEM, "out of memory") : 0;
}

static int
start(struct ocppd_host *host, void *arg, struct ocppd_error *err)
{
	struct micro *micro = arg;
	const void *ops;
	int r = ocppd_service_get(host, "ocppd.transactions", 1, 0, &ops, &micro->self);

	if (r < 0)
		return ocppd_error_set(err, r, "ocppd.transactions is not there");
	micro->ops = ops;
	return 0;
}

static void
shutdown_module(struct ocppd_host *host, void *arg)
{
	(void)host;
	free(arg);
}

static const struct ocppd_field fields[] = {
	{ "id", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "second", OCPPD_T_INTEGER, .doc = "from now" },
	{ "meter", OCPPD_T_INTEGER },
	{ "value", OCPPD_T_STRING },
};
static const struct ocppd_route routes[] = {
	{ "POST", "/v1/micro/{stationId}/begin", OCPPD_ROLE_OPERATOR, .req = OCPPD_TABLE(fields),
	  .summary = "Start", .on_request = begin },
	{ "POST", "/v1/micro/{stationId}/end", OCPPD_ROLE_OPERATOR, .req = OCPPD_TABLE(fields),
	  .summary = "Stop", .on_request = end },
	{ "POST", "/v1/micro/{stationId}/report", OCPPD_ROLE_OPERATOR, .req = OCPPD_TABLE(fields),
	  .summary = "Readings", .on_request = report },
	{ "GET", "/v1/micro/{stationId}/active", OCPPD_ROLE_OPERATOR, .summary = "Under way",
	  .on_request = list },
};

static const struct ocppd_need needs[] = {
	{ "ocppd.transactions", .major = 1, .module = "transactions" },
};

OCPPD_PLUGIN = {
	OCPPD_GUARD,
	"micro_books",
	"1.0.0",
	"Keeps books by ids of text",
	.needs = OCPPD_TABLE(needs),
	.routes = OCPPD_TABLE(routes),
	.init = init,
	.start = start,
	.shutdown = shutdown_module,
};
