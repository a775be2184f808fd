/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * TriggerMessage: every message of OCPP 1.6 that can be asked for, at one connector or all.
 */
#include "features/feature.h"

#include "base/text.h"

#include <string.h>

#include <json-c/json.h>
#include <ocppd/json.h>

static void
send_status(struct station *station, uint32_t number)
{
	const char *status = station->connectors[number].status;

	station_report(station, number, status[0] ? status : session_idle_status(station, number));
}

static void
send_meter(struct station *station, uint32_t number)
{
	const struct connector *connector = &station->connectors[number];

	station_call_session(station, NULL, connector, "MeterValues",
			     payload_meter(station, connector, number, "Trigger"));
}

static void
send_boot(struct station *station, uint32_t number)
{
	(void)number;
	actor_start(&station->restart, station->fleet->booting, 0);
}

static void
send_heartbeat(struct station *station, uint32_t number)
{
	(void)number;
	station_call(station, NULL, "Heartbeat", payload_words(NULL, NULL));
}

static void
send_firmware(struct station *station, uint32_t number)
{
	(void)number;
	station_call(station, NULL, "FirmwareStatusNotification",
		     payload_words("status", job_status(&station->firmware)));
}

static void
send_diagnostics(struct station *station, uint32_t number)
{
	(void)number;
	station_call(station, NULL, "DiagnosticsStatusNotification",
		     payload_words("status", job_status(&station->diagnostics)));
}

static const struct trigger_row {
	const char *message;
	void (*fn)(struct station *station, uint32_t number);
	uint32_t first; /* connector; 2: once, whatever the connector */
} rows[] = {
	{ "BootNotification", send_boot, 2 },
	{ "DiagnosticsStatusNotification", send_diagnostics, 2 },
	{ "FirmwareStatusNotification", send_firmware, 2 },
	{ "Heartbeat", send_heartbeat, 2 },
	{ "MeterValues", send_meter, 1 },
	{ "StatusNotification", send_status, 0 },
};

static const struct trigger_row *
find_row(const char *message)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (str_eq(rows[i].message, message))
			return &rows[i];
	}
	return NULL;
}

struct json_object *
on_trigger(struct request *request)
{
	const char *wanted = ocppd_json_get_str(request->payload, "requestedMessage");
	const struct trigger_row *row = find_row(wanted);

	if (!wanted)
		return feature_incomplete(request);
	if (!row)
		return feature_status("NotImplemented");
	/* Errata 4.0 of OCPP-J: an accepted station does not boot because it is asked to. */
	if (row->fn == send_boot && request->station->is_accepted)
		return feature_status("Rejected");
	if (ocppd_json_get(request->payload, "connectorId") && feature_connector(request, 0) < 0)
		return feature_status("Rejected");
	return feature_status("Accepted");
}

void
after_trigger(struct request *request)
{
	struct station *station = request->station;
	const struct trigger_row *row =
		find_row(ocppd_json_get_str(request->payload, "requestedMessage"));
	int64_t number = ocppd_json_get_int(request->payload, "connectorId", -1);

	if (!row)
		return;
	if (row->first == 2 || number >= 0) {
		row->fn(station, number < 0 ? 0 : (uint32_t)number);
		return;
	}
	for (uint32_t i = row->first; i <= station->connector_count; i++)
		row->fn(station, i);
}
