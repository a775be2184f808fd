/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The scripted transport and the module of the fault tests. Notices of a connection's life are made
 * beforehand, as the real transport does not lose them either.
 */
#include "bed.h"

#include <json-c/json.h>

#include "base/text.h"
#include "faults.h"

static struct link_conn *
of(struct conn *conn)
{
	return (struct link_conn *)conn;
}

static void
on_send(struct conn *conn, struct outbound *message)
{
	struct link_conn *link = of(conn);
	size_t len = 0;
	const char *text = outbound_text(message, &len);

	if (text == NULL) {
		link->is_lost = true;
	} else if (!link->is_ended && !link->is_lost) {
		link->sent_count++;
		(void)snprintf(link->last_sent, sizeof(link->last_sent), "%.*s", (int)len, text);
	}
	outbound_free(message);
}

static void
on_close(struct conn *conn, uint32_t code, const char *reason)
{
	(void)code;
	(void)reason;
	of(conn)->is_closing = true;
}

static void
on_pause(struct conn *conn, bool is_paused)
{
	(void)conn;
	(void)is_paused;
}

static void
on_set_quirks(struct conn *conn, struct quirks *quirks)
{
	quirks_unref(conn->quirks);
	conn->quirks = quirks_ref(quirks);
}

static void
on_set_idle(struct conn *conn, int64_t idle_s)
{
	(void)conn;
	(void)idle_s;
}

static void
on_release(struct conn *conn)
{
	assert_false(of(conn)->is_released);
	of(conn)->is_released = true;
}

static const struct conn_ops ops = {
	.send = on_send,
	.close = on_close,
	.pause = on_pause,
	.set_quirks = on_set_quirks,
	.set_idle = on_set_idle,
	.release = on_release,
};

/* ---- The module --------------------------------------------------------------------------- */

static int
on_call(struct ocppd_host *host, struct ocppd_call *call, struct json_object *req, void *ctx)
{
	struct bed *bed = ctx;

	(void)host;
	(void)req;
	assert_null(bed->held);
	bed->seen_count++;
	bed->held = call;
	return 0;
}

static void
on_completed(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
	     struct json_object *req, struct json_object *conf, void *ctx)
{
	struct bed *bed = ctx;

	(void)host;
	(void)call;
	(void)req;
	assert_int_equal(conf != NULL, result == OCPPD_RES_REPLY);
	bed->completed_count++;
}

static const struct ocppd_field start_rows[] = {
	{ "connectorId", OCPPD_T_INTEGER, OCPPD_REQUIRED | OCPPD_KEY, .max = 64 },
	{ "info", OCPPD_T_STRING, .max = 5 },
};
static const struct ocppd_field answer_rows[] = { { "status", OCPPD_T_STRING } };
static const struct ocppd_field reset_rows[] = {
	{ "type", OCPPD_T_STRING, OCPPD_REQUIRED, .max = 5 },
};
static const struct ocppd_action actions[] = {
	{ "ocpp1.6", "StartTransaction", OCPPD_FROM_STATION, OCPPD_ACTION_ONCE | OCPPD_ACTION_KEEP,
	  .req = OCPPD_TABLE(start_rows), .conf = OCPPD_TABLE(answer_rows), .on_call = on_call },
	{ "ocpp1.6", "Heartbeat", OCPPD_FROM_STATION, OCPPD_ACTION_ANYTIME,
	  .conf = OCPPD_TABLE(answer_rows), .on_call = on_call },
	{ "ocpp1.6", "Reset", OCPPD_TO_STATION, .req = OCPPD_TABLE(reset_rows),
	  .conf = OCPPD_TABLE(answer_rows), .completed = on_completed },
};
static const struct ocppd_topic topics[] = {
	{ "transaction.started", "A transaction began.", OCPPD_TABLE(answer_rows) },
};
static const struct ocppd_plugin plugin = {
	.guard = OCPPD_GUARD,
	.name = "tests",
	.version = "1",
	.actions = OCPPD_TABLE(actions),
	.topics = OCPPD_TABLE(topics),
};

/* ---- Life --------------------------------------------------------------------------------- */

void
bed_init(struct bed *bed)
{
	static const struct ocpp_conf conf = {
		.call_timeout_ms = 30000,
		.call_wait_ms = 60000,
		.call_queue = 16,
		.handler_timeout_ms = 20000,
		.inbound_queue = 4,
		.max_stations = 100,
		.reply_memory = 65536,
		.connect_grace_ms = 5000,
	};
	struct ocppd_core *core = &bed->fixture.core;

	memset(bed, 0, sizeof(*bed));
	fixture_init(&bed->fixture, true);
	bed->tokener = message_tokener_new();
	assert_non_null(bed->tokener);
	assert_int_equal(ocpp_init(core, &conf, NULL), 0);
	host_init(&bed->host, core, "tests", &plugin);
	bed->host.ctx = bed;
	assert_int_equal(host_register(&bed->host, NULL), 0);
	assert_int_equal(core->hooks[0]->attach(core, &bed->host, NULL), 0);
	bed->host.state = HOST_RUNNING;
	core->hooks[0]->changed(core);
}

void
bed_fini(struct bed *bed)
{
	struct ocppd_core *core = &bed->fixture.core;

	for (uint32_t i = 0; i < bed->link_count; i++)
		bed_drop(bed, bed->links[i]);
	core->hooks[0]->detach(core, &bed->host);
	core->hooks[0]->changed(core);
	fixture_host_stop(&bed->host);
	(void)core_turn(core);
	ocpp_fini(core);
	for (uint32_t i = 0; i < bed->link_count; i++) {
		assert_true(bed->links[i]->is_released);
		quirks_unref(bed->links[i]->conn.quirks);
		free(bed->links[i]->conn.station_id);
		free(bed->links[i]);
	}
	json_tokener_free(bed->tokener);
	fixture_fini(&bed->fixture);
}

static struct inbound *
notice_new(enum inbound_kind kind, struct link_conn *link)
{
	struct inbound *message = inbound_notice(kind, 1006, "tcp");

	assert_non_null(message);
	message->conn = &link->conn;
	return message;
}

struct link_conn *
bed_connect(struct bed *bed, const char *station_id)
{
	struct link_conn *link;
	struct inbound *message;

	faults_suspend();
	assert_true(bed->link_count < LINKS_MAX);
	link = calloc(1, sizeof(*link));
	assert_non_null(link);
	link->conn.ops = &ops;
	link->conn.id = bed->link_count + 1;
	link->conn.protocol = "ocpp1.6";
	link->conn.registration = OCPPD_REG_ACCEPTED;
	link->conn.station_id = str_dup(station_id);
	assert_int_equal(quirks_new(NULL, 0, false, &link->conn.quirks, NULL), 0);
	bed->links[bed->link_count++] = link;
	message = notice_new(INBOUND_OPENED, link);
	faults_resume();
	ocpp_inbound(&bed->fixture.core, message);
	(void)core_turn(&bed->fixture.core);
	return link;
}

void
bed_recv(struct bed *bed, struct link_conn *link, const char *text)
{
	struct ocppd_core *core = &bed->fixture.core;
	struct reader reader = {
		.tokener = bed->tokener,
		.table = ocpp_table_current(core),
		.protocol = link->conn.protocol,
		.quirks = link->conn.quirks,
		.now_us = clock_now_us(&core->clock),
	};
	struct inbound *message = NULL;

	if (!link->is_lost && !link->is_closing)
		message = inbound_new(&reader, text, strlen(text));
	if (message == NULL) {
		link->is_lost = true;
	} else {
		message->conn = &link->conn;
		ocpp_inbound(core, message);
	}
	action_table_release(reader.table);
	(void)core_turn(core);
}

void
bed_drop(struct bed *bed, struct link_conn *link)
{
	struct inbound *message;

	if (link->is_ended)
		return;
	faults_suspend();
	link->is_ended = true;
	message = notice_new(INBOUND_CLOSED, link);
	faults_resume();
	ocpp_inbound(&bed->fixture.core, message);
	(void)core_turn(&bed->fixture.core);
}

void
bed_answer(struct bed *bed)
{
	static const char text[] = "{\"status\":\"Accepted\"}";
	struct ocppd_call *call = bed->held;

	if (call == NULL)
		return;
	bed->held = NULL;
	(void)ocppd_call_reply_text(&bed->host, call, text, strlen(text));
	(void)core_turn(&bed->fixture.core);
}
