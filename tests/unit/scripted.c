/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * A transport without sockets: frames are read where a transport thread would, and handed over at
 * once; what the core sends is kept as text.
 */
#include "scripted.h"

#include <json-c/json.h>

#include "base/text.h"

static struct scripted_conn *
of(struct conn *conn)
{
	return (struct scripted_conn *)conn;
}

static void
on_send(struct conn *conn, struct outbound *message)
{
	struct scripted_conn *scripted = of(conn);
	size_t len;
	const char *text = outbound_text(message, &len);

	assert_non_null(text);
	assert_true(scripted->sent_count < SCRIPTED_SENT);
	assert_ptr_equal(message->conn, conn);
	if (!scripted->is_ended)
		scripted->sent[scripted->sent_count++] = str_ndup(text, len);
	outbound_free(message);
}

static void
on_close(struct conn *conn, uint32_t code, const char *reason)
{
	of(conn)->close_code = code;
	(void)snprintf(of(conn)->close_reason, sizeof(of(conn)->close_reason), "%s", reason);
}

static void
on_pause(struct conn *conn, bool is_paused)
{
	(void)is_paused;
	of(conn)->pause_count++;
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
	of(conn)->idle_s = idle_s;
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

struct ocpp_conf
scripted_conf(void)
{
	return (struct ocpp_conf){
		.call_timeout_ms = 30000,
		.call_wait_ms = 60000,
		.call_queue = 16,
		.handler_timeout_ms = 20000,
		.inbound_queue = 4,
		.max_stations = 100,
		.reply_memory = 65536,
		.connect_grace_ms = 5000,
	};
}

void
scripted_init(struct scripted *scripted, const struct ocpp_conf *conf)
{
	struct ocpp_conf defaults = scripted_conf();
	struct ocppd_error err = { 0 };

	memset(scripted, 0, sizeof(*scripted));
	fixture_init(&scripted->fixture, true);
	scripted->core = &scripted->fixture.core;
	scripted->tokener = message_tokener_new();
	assert_non_null(scripted->tokener);
	assert_int_equal(ocpp_init(scripted->core, conf != NULL ? conf : &defaults, &err), 0);
}

static void
notice(struct scripted_conn *conn, enum inbound_kind kind, uint32_t code, const char *reason)
{
	struct inbound *message = inbound_notice(kind, code, reason);

	assert_non_null(message);
	message->conn = &conn->conn;
	ocpp_inbound(conn->scripted->core, message);
	(void)core_turn(conn->scripted->core);
}

void
scripted_fini(struct scripted *scripted)
{
	for (uint32_t i = 0; i < scripted->conn_count; i++)
		scripted_drop(scripted->conns[i]);
	ocpp_fini(scripted->core);
	for (uint32_t i = 0; i < scripted->conn_count; i++) {
		struct scripted_conn *conn = scripted->conns[i];

		assert_true(conn->is_released);
		for (uint32_t k = 0; k < conn->sent_count; k++)
			free(conn->sent[k]);
		quirks_unref(conn->conn.quirks);
		free(conn->conn.station_id);
		free(conn);
	}
	json_tokener_free(scripted->tokener);
	fixture_fini(&scripted->fixture);
}

static int
attach(struct scripted *scripted, struct ocppd_host *host, struct ocppd_error *err)
{
	return scripted->core->hooks[0]->attach(scripted->core, host, err);
}

void
scripted_load(struct scripted *scripted, struct ocppd_host *host, const char *name,
	      const struct ocppd_plugin *plugin, void *ctx)
{
	struct ocppd_error err = { 0 };

	*host = (struct ocppd_host){ 0 };
	host_init(host, scripted->core, name, plugin);
	host->ctx = ctx;
	assert_int_equal(attach(scripted, host, &err), 0);
	host->state = HOST_RUNNING;
	scripted->core->hooks[0]->changed(scripted->core);
}

int
scripted_load_fails(struct scripted *scripted, const struct ocppd_plugin *plugin, const char *name,
		    struct ocppd_error *err)
{
	struct ocppd_host host = { 0 };
	int r;

	host_init(&host, scripted->core, name, plugin);
	r = attach(scripted, &host, err);
	scripted->core->hooks[0]->detach(scripted->core, &host);
	scripted->core->hooks[0]->changed(scripted->core);
	fixture_host_stop(&host);
	return r;
}

void
scripted_unload(struct scripted *scripted, struct ocppd_host *host)
{
	scripted->core->hooks[0]->detach(scripted->core, host);
	scripted->core->hooks[0]->changed(scripted->core);
	fixture_host_stop(host);
	(void)core_turn(scripted->core);
}

struct scripted_conn *
scripted_connect_as(struct scripted *scripted, const char *station_id, uint32_t registration,
		    const char *const *quirks, bool is_strict)
{
	struct scripted_conn *conn = calloc(1, sizeof(*conn));
	struct ocppd_error err = { 0 };
	uint32_t count = 0;

	assert_non_null(conn);
	assert_true(scripted->conn_count < SCRIPTED_CONNS);
	while (quirks != NULL && quirks[count] != NULL)
		count++;
	conn->scripted = scripted;
	conn->conn.ops = &ops;
	conn->conn.id = scripted->conn_count + 1;
	conn->conn.protocol = "ocpp1.6";
	conn->conn.registration = registration;
	conn->conn.station_id = str_dup(station_id);
	conn->conn.opened_us = clock_now_us(&scripted->core->clock);
	(void)snprintf(conn->conn.remote, sizeof(conn->conn.remote), "192.0.2.1:%u",
		       1000 + scripted->conn_count);
	assert_int_equal(quirks_new(quirks, count, is_strict, &conn->conn.quirks, &err), 0);
	scripted->conns[scripted->conn_count++] = conn;
	notice(conn, INBOUND_OPENED, 0, NULL);
	return conn;
}

struct scripted_conn *
scripted_connect(struct scripted *scripted, const char *station_id)
{
	return scripted_connect_as(scripted, station_id, OCPPD_REG_ACCEPTED, NULL, false);
}

void
scripted_feed(struct scripted_conn *conn, const char *text)
{
	struct ocppd_core *core = conn->scripted->core;
	struct reader reader = {
		.tokener = conn->scripted->tokener,
		.table = ocpp_table_current(core),
		.protocol = conn->conn.protocol,
		.quirks = conn->conn.quirks,
		.now_us = clock_now_us(&core->clock),
	};
	struct inbound *message = inbound_new(&reader, text, strlen(text));

	assert_non_null(message);
	message->conn = &conn->conn;
	atomic_store(&conn->conn.last_receive_us, reader.now_us);
	ocpp_inbound(core, message);
	action_table_release(reader.table);
}

void
scripted_recv(struct scripted_conn *conn, const char *text)
{
	scripted_feed(conn, text);
	(void)core_turn(conn->scripted->core);
}

const char *
scripted_next(struct scripted_conn *conn)
{
	return conn->seen_count < conn->sent_count ? conn->sent[conn->seen_count++] : NULL;
}

void
scripted_expect(struct scripted_conn *conn, const char *text)
{
	const char *next = scripted_next(conn);

	if (text == NULL) {
		if (next != NULL)
			fail_msg("unexpected frame: %s", next);
		return;
	}
	if (next == NULL)
		fail_msg("no frame, expected: %s", text);
	assert_string_equal(next, text);
}

void
scripted_advance(struct scripted *scripted, int64_t ms)
{
	core_advance(scripted->core, ms * 1000);
}

void
scripted_drop(struct scripted_conn *conn)
{
	if (conn->is_ended)
		return;
	conn->is_ended = true;
	notice(conn, INBOUND_CLOSED, conn->close_code != 0 ? conn->close_code : 1006, "tcp");
}

struct sum {
	const char *name;
	const char *label;
	double total;
};

static int
on_sample(const struct ocppd_sample *sample, void *arg)
{
	struct sum *sum = arg;

	if (str_eq(sample->metric->name, sum->name) &&
	    (sum->label == NULL ||
	     (sample->labels != NULL && str_eq(sample->labels[0], sum->label))))
		sum->total += sample->value;
	return 0;
}

double
scripted_metric(struct scripted *scripted, const char *name, const char *label)
{
	struct sum sum = { name, label, 0 };

	(void)ocppd_sample_each(scripted->core->self, on_sample, &sum);
	return sum.total;
}
