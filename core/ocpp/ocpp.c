/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The OCPP floor put together: made once, told of modules by the runtime's hook, fed by the
 * transport. Owns the floor's records of modules, its metrics and topics, and the drain.
 */
#include "ocpp/ocpp.h"

#include <json-c/json.h>

#include <ocppd/event/station.h>
#include <ocppd/json.h>

#include "base/assert.h"
#include "ocpp/floor.h"
#include "ocpp/hits.h"
#include "runtime/bus.h"
#include "runtime/loop.h"
#include "runtime/metrics.h"

#define BAD_FRAMES_MAX 10 /* in a row: the connection is closed */
#define CLOSE_POLICY 1008

static const char *const label_code[] = { "code", NULL };
static const char *const label_reason[] = { "reason", NULL };

static const struct ocppd_metric metrics[] = {
	[OCPP_METRIC_QUIRKS] = { "ocppd_quirk_total", "Deviations of stations that were accepted",
				 OCPPD_METRIC_COUNTER, .labels = label_code },
	[OCPP_METRIC_REFUSED] = { "ocppd_calls_refused_total",
				  "CALLs of stations answered with a CALLERROR by the core",
				  OCPPD_METRIC_COUNTER, .labels = label_code },
	[OCPP_METRIC_IGNORED] = { "ocppd_frames_ignored_total",
				  "Frames of stations that could not be answered",
				  OCPPD_METRIC_COUNTER, .labels = label_reason },
	[OCPP_METRIC_UNCLAIMED] = { "ocppd_notifications_unclaimed_total",
				    "Notifications acknowledged although no module handles them",
				    OCPPD_METRIC_COUNTER },
	[OCPP_METRIC_TAKEOVERS] = { "ocppd_station_takeovers_total",
				    "Connections closed because the station opened a newer one",
				    OCPPD_METRIC_COUNTER },
	[OCPP_METRIC_UNSOLICITED] = { "ocppd_results_unsolicited_total",
				      "CALLRESULTs and CALLERRORs that nothing was waiting for",
				      OCPPD_METRIC_COUNTER },
	[OCPP_METRIC_HANDLER_TIMEOUTS] = { "ocppd_handler_timeouts_total",
					   "CALLs of stations that no module answered in time",
					   OCPPD_METRIC_COUNTER },
	[OCPP_METRIC_BAD_REPLIES] = { "ocppd_replies_invalid_total",
				      "Answers of modules that broke the confirmation's schema",
				      OCPPD_METRIC_COUNTER },
};

static const struct ocppd_field connected_body[] = {
	{ "stationId", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "connectionId", OCPPD_T_INTEGER, OCPPD_REQUIRED },
	{ "protocol", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "remote", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "securityProfile", OCPPD_T_INTEGER, OCPPD_REQUIRED },
	{ "isTakeover", OCPPD_T_BOOLEAN, OCPPD_REQUIRED },
};

static const struct ocppd_field disconnected_body[] = {
	{ "stationId", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "connectionId", OCPPD_T_INTEGER, OCPPD_REQUIRED },
	{ "reason", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "code", OCPPD_T_INTEGER, OCPPD_REQUIRED },
	{ "durationSeconds", OCPPD_T_INTEGER, OCPPD_REQUIRED },
};

static const struct ocppd_field completed_body[] = {
	{ "stationId", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "messageId", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "action", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "requester", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "result", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "errorCode", OCPPD_T_STRING },
	{ "durationMs", OCPPD_T_INTEGER, OCPPD_REQUIRED },
};

static const struct ocppd_topic topics[] = {
	{ OCPPD_EVENT_STATION_CONNECTED, "A station's connection was admitted.",
	  OCPPD_TABLE(connected_body) },
	{ OCPPD_EVENT_STATION_DISCONNECTED, "A station's connection ended.",
	  OCPPD_TABLE(disconnected_body) },
	{ OCPPD_EVENT_CALL_COMPLETED, "A CALL to a station ended.", OCPPD_TABLE(completed_body) },
};

/* ---- Modules ------------------------------------------------------------------------------ */

struct ocpp_host *
ocpp_host_get(struct ocppd_host *host)
{
	struct ocpp_host *record = host->floor_data;

	if (record != NULL)
		return record;
	record = calloc(1, sizeof(*record));
	if (record == NULL)
		return NULL;
	record->host = host;
	LIST_INIT(&record->calls);
	LIST_INIT(&record->asked);
	LIST_INIT(&record->prepared);
	host->floor_data = record;
	LIST_INSERT_HEAD(&ocpp_of(host)->hosts, record, all);
	return record;
}

static void
record_free(struct ocpp_host *record)
{
	LIST_REMOVE(record, all);
	record->host->floor_data = NULL;
	free(record->added);
	free(record);
}

static int
on_attach(struct ocppd_core *core, struct ocppd_host *host, struct ocppd_error *err)
{
	return actions_attach(core->ocpp, host, err);
}

static void
on_detach(struct ocppd_core *core, struct ocppd_host *host)
{
	struct ocpp *ocpp = core->ocpp;

	actions_detach(ocpp, host);
	if (host->floor_data == NULL)
		return;
	router_detach(ocpp, host);
	calls_detach(ocpp, host);
	stations_detach(ocpp, host);
	record_free(host->floor_data);
}

static void
on_changed(struct ocppd_core *core)
{
	if (actions_publish(core->ocpp) < 0)
		OCPPD_ERROR(core->self, "actions.unpublished", OCPPD_STR("err", "out of memory"));
}

static const struct runtime_hook hook = {
	.attach = on_attach,
	.detach = on_detach,
	.changed = on_changed,
};

/* ---- Life --------------------------------------------------------------------------------- */

static int
tables_add(struct ocpp *ocpp, struct ocppd_error *err)
{
	int base = metrics_add(ocpp->core, ocpp->self, metrics, OCPP_METRIC_COUNT, err);

	if (base < 0)
		return base;
	ocpp->metric_base = (uint32_t)base;
	base = tallies_show(ocpp, err);
	if (base < 0)
		return base;
	return bus_add_topics(ocpp->core, ocpp->self, topics, sizeof(topics) / sizeof(topics[0]),
			      err);
}

int
ocpp_init(struct ocppd_core *core, const struct ocpp_conf *conf, struct ocppd_error *err)
{
	struct ocpp *ocpp = calloc(1, sizeof(*ocpp));
	int r;

	if (ocpp == NULL)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	ocpp->core = core;
	ocpp->self = core->self;
	ocpp->conf = *conf;
	LIST_INIT(&ocpp->hosts);
	calls_init(ocpp);
	core->ocpp = ocpp;
	r = tallies_init(ocpp);
	if (r == 0)
		r = frames_resize(ocpp, conf->frames_memory);
	if (r == 0)
		r = router_init(ocpp);
	if (r == 0)
		r = actions_init(ocpp);
	if (r == 0)
		r = hits_init(ocpp);
	if (r == 0)
		r = core_add_hook(core, &hook);
	if (r < 0)
		(void)ocppd_error_set(err, r, "out of memory");
	else
		r = tables_add(ocpp, err);
	if (r < 0)
		ocpp_fini(core);
	return r;
}

void
ocpp_reload(struct ocppd_core *core, const struct ocpp_conf *conf)
{
	struct ocpp *ocpp = core->ocpp;
	bool is_changed = (ocpp->conf.is_strict != 0) != (conf->is_strict != 0);

	if (conf->frames_memory != ocpp->conf.frames_memory) {
		if (frames_resize(ocpp, conf->frames_memory) < 0)
			OCPPD_ERROR(ocpp->self, "frames.unresized",
				    OCPPD_STR("err", "out of memory"));
		is_changed = true;
	}
	ocpp->conf = *conf;
	/* The table carries `strict` to the transport's threads. */
	if (is_changed)
		on_changed(core);
}

void
ocpp_fini(struct ocppd_core *core)
{
	struct ocpp *ocpp = core->ocpp;
	struct ocpp_host *record;

	if (ocpp == NULL)
		return;
	core_remove_hook(core, &hook);
	hits_fini(ocpp);
	calls_fini(ocpp);
	router_fini(ocpp);
	stations_fini(ocpp);
	frames_fini(ocpp);
	actions_fini(ocpp);
	tallies_fini(ocpp);
	while ((record = LIST_FIRST(&ocpp->hosts)) != NULL)
		record_free(record);
	free(ocpp);
	core->ocpp = NULL;
}

/* ---- What comes in ------------------------------------------------------------------------ */

static void
on_ignored(struct ocpp *ocpp, const struct inbound *message)
{
	struct conn *conn = message->conn;

	ocpp_count(ocpp, OCPP_METRIC_IGNORED, message->text);
	OCPPD_WARN(ocpp->self, "frame.ignored", OCPPD_STR("station", conn->station_id),
		   OCPPD_INT("conn", conn->id), OCPPD_STR("err", message->text),
		   OCPPD_INT("bytes", message->len), OCPPD_STR("raw", message->raw));
	if (!message->is_bad || ++conn->bad_frames < BAD_FRAMES_MAX || conn->is_closing)
		return;
	OCPPD_WARN(ocpp->self, "station.expelled", OCPPD_STR("station", conn->station_id),
		   OCPPD_INT("conn", conn->id), OCPPD_INT("frames", conn->bad_frames));
	station_close(conn, CLOSE_POLICY, "policy", "too many unreadable messages");
}

/* What the transport met before a message; told to the station that it is of. */
static void
count_met(struct ocpp *ocpp, const struct inbound *message)
{
	struct ocppd_station *station = message->conn->station;

	if (station == NULL)
		return;
	if ((message->met & INBOUND_NO_PONG) != 0)
		station_quirk(ocpp, station, "B01", "a ping had no answer");
	if ((message->met & INBOUND_SILENT) != 0)
		station_quirk(ocpp, station, "B02", "silent for longer than idle_floor");
}

void
ocpp_inbound(struct ocppd_core *core, struct inbound *message)
{
	struct ocpp *ocpp = core->ocpp;
	struct conn *conn = message->conn;

	frames_in(ocpp, message);
	if (message->met != 0)
		count_met(ocpp, message);
	/* A station that confirms and acts at once, or leaves: the confirmation came first. */
	if (message->kind == INBOUND_CALL || message->kind == INBOUND_CLOSED)
		calls_tell(ocpp);
	switch (message->kind) {
	case INBOUND_OPENED:
		station_opened(ocpp, conn);
		break;
	case INBOUND_CLOSED:
		station_closed(ocpp, conn, message->code, message->text);
		break;
	case INBOUND_IGNORED:
		if (conn->station != NULL)
			on_ignored(ocpp, message);
		break;
	case INBOUND_CALL:
		conn->bad_frames = 0;
		router_call(ocpp, message);
		return;
	case INBOUND_RESULT:
	case INBOUND_ERROR:
		conn->bad_frames = 0;
		calls_answer(ocpp, message);
		return;
	}
	inbound_free(message);
}

/* ---- Counting, draining ------------------------------------------------------------------- */

void
ocpp_count(struct ocpp *ocpp, enum ocpp_metric metric, const char *label)
{
	const char *const labels[] = { label != NULL ? label : "", NULL };

	(void)ocppd_metric_add(ocpp->self, ocpp->metric_base + metric,
			       metrics[metric].labels != NULL ? labels : NULL, 1);
}

void
ocpp_publish(struct ocpp *ocpp, const char *topic, const char *station_id, struct json_object *body)
{
	if (body != NULL)
		(void)ocppd_event_publish(ocpp->self, topic, station_id, body);
}

void
ocpp_quirk_refused(struct ocppd_core *core, const char *code)
{
	ocpp_count(core->ocpp, OCPP_METRIC_QUIRKS, code);
}

uint32_t
ocpp_connected_count(const struct ocppd_core *core)
{
	return core->ocpp != NULL ? core->ocpp->stations.connected : 0;
}

static void
on_drained(struct ocppd_core *core, void *arg)
{
	struct ocpp *ocpp = core->ocpp;
	void (*fn)(void *) = ocpp->drained;

	(void)arg;
	ocpp->is_drain_posted = false;
	/* Something may have come between; its end asks again. */
	if (fn == NULL || ocpp->router.open_count > 0 || ocpp->calls.busy_count > 0)
		return;
	ocpp->drained = NULL;
	fn(ocpp->drained_arg);
}

void
ocpp_drain_check(struct ocpp *ocpp)
{
	if (!ocpp->is_draining || ocpp->drained == NULL || ocpp->is_drain_posted)
		return;
	if (ocpp->router.open_count > 0 || ocpp->calls.busy_count > 0)
		return;
	ocpp->is_drain_posted = loop_post(ocpp->core, on_drained, NULL) == 0;
}

void
ocpp_drain(struct ocppd_core *core, void (*fn)(void *arg), void *arg)
{
	struct ocpp *ocpp = core->ocpp;

	ocpp->is_draining = true;
	ocpp->drained = fn;
	ocpp->drained_arg = arg;
	calls_drain(ocpp);
	ocpp_drain_check(ocpp);
}
