/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * BootNotification, Heartbeat, StatusNotification: what a station says of itself. Answers after
 * the record is durable; Heartbeat touches nothing but the clock.
 */
#include "ocpp16_core.h"

#include <stdlib.h>
#include <string.h>

struct boot_op {
	struct core16 *ctx;
	struct ocppd_call *call;
	struct ocppd_station *station;
};

/* A number that differs from station to station and from boot to boot; no secret hangs on it. */
static uint64_t
scatter(const struct core16 *ctx, const struct ocppd_station *station)
{
	uint64_t hash = 0xcbf29ce484222325u ^ (uint64_t)ocppd_mono_us(ctx->host);

	for (const char *at = ocppd_station_id(station); *at != '\0'; at++)
		hash = (hash ^ (unsigned char)*at) * 0x100000001b3u;
	return hash ^ (hash >> 31);
}

/* interval, give or take so many percent of it. */
static int64_t
jittered(const struct core16 *ctx, const struct ocppd_station *station, int64_t interval_s,
	 int64_t percent)
{
	int64_t span = interval_s * percent / 100;

	if (span <= 0)
		return interval_s;
	return interval_s - span + (int64_t)(scatter(ctx, station) % (uint64_t)(2 * span + 1));
}

static void
on_suspended(struct ocppd_host *host, int result, const struct ocppd_tx_result *done, void *arg)
{
	struct core16 *ctx = arg;

	(void)done;
	if (result < 0)
		OCPPD_WARN(host, "transactions.unmarked",
			   OCPPD_STR("err", ocppd_error_name(result)));
	core16_done(ctx);
}

/* Quirk F04: what was under way goes on to be under way, marked. */
static void
suspend_transactions(struct core16 *ctx, struct ocppd_station *station)
{
	if (ctx->transactions->rebooted(ctx->transactions_self, ctx->host, station, on_suspended,
					ctx) != OCPPD_PENDING)
		return;
	ctx->outstanding++;
	ocppd_quirk_hit(ctx->host, station, "F04", NULL);
}

static void
answer_boot(struct core16 *ctx, struct ocppd_call *call, uint32_t registration)
{
	struct ocppd_station *station = ocppd_call_station(call);
	const char *status = "Rejected";
	int64_t interval_s = jittered(ctx, station, ctx->conf->rejected_interval_s, 10);
	char time[OCPPD_TIME_SIZE];
	char text[160];
	struct ocppd_json json;
	int64_t len;

	if (registration == OCPPD_REG_ACCEPTED) {
		status = "Accepted";
		interval_s = jittered(ctx, station, ctx->conf->heartbeat_interval_s,
				      ctx->conf->heartbeat_jitter);
		ocppd_station_set_heartbeat(ctx->host, station, interval_s);
	} else if (registration == OCPPD_REG_PENDING) {
		status = "Pending";
		interval_s = jittered(ctx, station, ctx->conf->pending_interval_s, 10);
	}
	OCPPD_INFO(ctx->host, "station.booted", OCPPD_STR("station", ocppd_station_id(station)),
		   OCPPD_STR("status", status), OCPPD_INT("interval_s", interval_s));

	time_text(station, ocppd_now_us(ctx->host), time);
	ocppd_json_begin(&json, text, sizeof(text));
	ocppd_json_object(&json, NULL);
	ocppd_json_str(&json, "status", status);
	ocppd_json_str(&json, "currentTime", time);
	ocppd_json_int(&json, "interval", interval_s);
	ocppd_json_close(&json);
	len = ocppd_json_end(&json);
	(void)ocppd_call_reply_text(ctx->host, call, text, (size_t)len);
}

static void
on_boot_recorded(struct ocppd_host *host, int result, uint32_t registration, void *arg)
{
	struct boot_op *op = arg;
	struct core16 *ctx = op->ctx;

	if (result < 0) {
		(void)ocppd_call_fail(host, op->call, OCPPD_CALLERROR_INTERNAL,
				      "The boot could not be recorded", NULL);
	} else {
		answer_boot(ctx, op->call, registration);
		suspend_transactions(ctx, op->station);
		if (registration == OCPPD_REG_ACCEPTED)
			read_configuration(ctx, op->station);
	}
	free(op);
	core16_done(ctx);
}

int
on_boot_notification(struct ocppd_host *host, struct ocppd_call *call, struct json_object *req,
		     void *arg)
{
	struct core16 *ctx = arg;
	struct ocppd_boot boot = {
		.struct_size = sizeof(boot),
		.has_findings = has_findings(call),
		.protocol = ocppd_call_protocol(call),
		.vendor = ocppd_json_get_str(req, "chargePointVendor"),
		.model = ocppd_json_get_str(req, "chargePointModel"),
		.serial = ocppd_json_get_str(req, "chargePointSerialNumber"),
		.box_serial = ocppd_json_get_str(req, "chargeBoxSerialNumber"),
		.firmware = ocppd_json_get_str(req, "firmwareVersion"),
		.iccid = ocppd_json_get_str(req, "iccid"),
		.imsi = ocppd_json_get_str(req, "imsi"),
		.meter_type = ocppd_json_get_str(req, "meterType"),
		.meter_serial = ocppd_json_get_str(req, "meterSerialNumber"),
		.raw_frame = ocppd_call_raw(call),
		.received_us = ocppd_call_received_us(call),
	};
	struct boot_op *op = malloc(sizeof(*op));
	int r;

	if (op == NULL)
		return OCPPD_ENOMEM;
	*op = (struct boot_op){ ctx, call, ocppd_call_station(call) };
	/* OCPP 2.0.1's word for it. */
	if (reboot_was_asked(ctx, op->station))
		boot.reason = "RemoteReset";
	r = ctx->stations->boot(ctx->stations_self, host, op->station, &boot, on_boot_recorded, op);
	if (r < 0) {
		free(op);
		return r;
	}
	ctx->outstanding++;
	return 0;
}

int
on_heartbeat(struct ocppd_host *host, struct ocppd_call *call, struct json_object *req, void *arg)
{
	static const char head[] = "{\"currentTime\":\"";
	char text[sizeof(head) + OCPPD_TIME_SIZE + 4];
	size_t len = sizeof(head) - 1;

	(void)req;
	(void)arg;
	memcpy(text, head, len);
	time_text(ocppd_call_station(call), ocppd_now_us(host), text + len);
	len += strlen(text + len);
	memcpy(text + len, "\"}", 2);
	(void)ocppd_call_reply_text(host, call, text, len + 2);
	return 0;
}

struct status_op {
	struct core16 *ctx;
	struct ocppd_call *call;
};

static void
on_status_recorded(struct ocppd_host *host, int result, void *arg)
{
	struct status_op *op = arg;
	struct core16 *ctx = op->ctx;

	if (result < 0)
		(void)ocppd_call_fail(host, op->call, OCPPD_CALLERROR_INTERNAL,
				      "The status could not be recorded", NULL);
	else
		(void)ocppd_call_reply_text(host, op->call, "{}", 2);
	free(op);
	core16_done(ctx);
}

int
on_status_notification(struct ocppd_host *host, struct ocppd_call *call, struct json_object *req,
		       void *arg)
{
	struct core16 *ctx = arg;
	struct ocppd_connector_status status = {
		.struct_size = sizeof(status),
		.has_findings = has_findings(call),
		.place = { -1, -1 },
		.status = ocppd_json_get_str(req, "status"),
		.raw_status = raw_of(call, "status"),
		.error_code = ocppd_json_get_str(req, "errorCode"),
		.raw_error_code = raw_of(call, "errorCode"),
		.info = ocppd_json_get_str(req, "info"),
		.vendor_id = ocppd_json_get_str(req, "vendorId"),
		.vendor_error_code = ocppd_json_get_str(req, "vendorErrorCode"),
		.raw_time = raw_time_of(call, req, "timestamp"),
		.received_us = ocppd_call_received_us(call),
	};
	struct status_op *op;
	int64_t connector_id;
	int r;

	if (int_of(call, req, "connectorId", &connector_id))
		status.place = place_of(connector_id);
	(void)time_of(call, req, "timestamp", "timestamp", &status.time_us);

	op = malloc(sizeof(*op));
	if (op == NULL)
		return OCPPD_ENOMEM;
	*op = (struct status_op){ ctx, call };
	r = ctx->stations->status(ctx->stations_self, host, ocppd_call_station(call), &status,
				  on_status_recorded, op);
	if (r == OCPPD_PENDING) {
		ctx->outstanding++;
		return 0;
	}
	free(op);
	if (r < 0)
		return r;
	(void)ocppd_call_reply_text(host, call, "{}", 2);
	return 0;
}
