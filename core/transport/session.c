/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * Sessions: the beginning and the end of one connection, and what the core wants of it. All but the
 * functions that say otherwise runs in the session's I/O thread. The handshake's checks are
 * gate.c's, messages are stream.c's, silence is silence.c's.
 */
#include "transport/session.h"

#include <ocppd/error.h>
#include <ocppd/log.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/text.h"
#include "ocpp/message.h"
#include "ocpp/quirks.h"
#include "transport/early.h"
#include "transport/gate.h"
#include "transport/tls.h"
#include "transport/wheel.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLOSE_REASON_MAX 123

static const char *const class_names[] = {
	[CLOSE_NONE] = "tcp",          [CLOSE_PEER] = "peer-close", [CLOSE_IDLE] = "idle",
	[CLOSE_TCP] = "tcp",           [CLOSE_CORE] = "admin",      [CLOSE_PROTOCOL] = "protocol",
	[CLOSE_OVERSIZE] = "oversize", [CLOSE_SLOW] = "slow",       [CLOSE_MEMORY] = "memory",
	[CLOSE_DRAIN] = "shutdown",
};

static struct session *
session_of(struct conn *conn)
{
	/* conn is the first member of every session. */
	return (struct session *)(void *)conn;
}

/* ---- The core thread's side -------------------------------------------------------------- */

struct session *
session_new(struct io *io, uint32_t listener, int fd)
{
	struct transport *transport = io->transport;
	struct session *session = calloc(1, sizeof(*session));

	if (!session) {
		(void)close(fd);
		return NULL;
	}
	session->conn.ops = &session_ops;
	session->conn.id =
		atomic_fetch_add_explicit(&transport->next_id, 1, memory_order_relaxed) + 1;
	session->io = io;
	session->listener = (uint8_t)listener;
	session->fd = fd;
	session->state = SESSION_QUEUED;
	session->is_handshaking = true;
	session->takes_pings = true;
	atomic_fetch_add(&transport->connections, 1);
	atomic_fetch_add(&io->connections, 1);
	atomic_fetch_add(&io->handshakes, 1);

	return session;
}

static void
end_handshake(struct session *session)
{
	struct io *io = session->io;
	int64_t left;

	if (!session->is_handshaking)
		return;
	session->is_handshaking = false;
	if (session->origin)
		atomic_fetch_sub(&session->origin->handshakes, 1);
	session->origin = NULL;
	left = (int64_t)atomic_fetch_sub(&io->handshakes, 1) - 1;
	/* Once for half of the room: the core fills it up. */
	if (left == limit_get(&io->transport->limits.max_handshakes) / 2 &&
	    atomic_load(&io->transport->is_accept_paused))
		deliver_wake(io->transport);
}

void
session_free(struct session *session)
{
	struct io *io = session->io;
	struct transport *transport = io->transport;

	end_handshake(session);
	if (session->fd >= 0)
		(void)close(session->fd);
	peers_remove(&transport->peers, session->peer);
	quirks_unref(session->quirks);
	quirks_unref(session->conn.quirks);
	quirks_unref(atomic_load(&session->next_quirks));
	free(atomic_load(&session->close_reason));
	free(session->conn.station_id);
	free(session->partial);
	free(session);

	atomic_fetch_sub(&io->connections, 1);
	uint32_t before = atomic_fetch_sub(&transport->connections, 1);
	if (atomic_load(&transport->is_accept_paused) ||
	    (before == 1 && atomic_load(&transport->is_draining)))
		deliver_wake(transport);
}

void
session_want(struct session *session, uint32_t bits)
{
	struct io *io = session->io;

	if (!io->is_running)
		return; /* nobody does it any more */
	if (atomic_fetch_or(&session->wanted, bits) != 0)
		return; /* queued already; the thread will see these bits as well */
	if (chain_push(&io->commands, &session->command) == 1)
		io_wake(io);
}

void
session_drained(struct session *session)
{
	struct io *io = session->io;
	uint32_t left = atomic_fetch_sub(&session->undrained, 1) - 1;

	atomic_fetch_sub(&io->undrained, 1);
	if (left <= UNDRAINED_MAX / 2 && atomic_load(&session->is_throttled) &&
	    atomic_exchange(&session->is_throttled, false))
		session_want(session, WANT_RESUME);
}

static void
on_conn_send(struct conn *conn, struct outbound *message)
{
	struct session *session = session_of(conn);

	message->conn = conn;
	deliver_outbound(session->io->transport, session->io, message);
}

static void
on_conn_close(struct conn *conn, uint32_t code, const char *reason)
{
	struct session *session = session_of(conn);
	char *copy = reason ? str_ndup(reason, utf8_cut(reason, CLOSE_REASON_MAX)) : NULL;
	char *none = NULL;

	/* The first reason stays: the thread may be reading it. */
	if (!atomic_compare_exchange_strong(&session->close_reason, &none, copy))
		free(copy);
	atomic_store(&session->close_code, code);
	deliver_flush(session->io->transport);
	session_want(session, WANT_CLOSE);
}

static void
on_conn_pause(struct conn *conn, bool is_paused)
{
	struct session *session = session_of(conn);

	atomic_store(&session->wants_pause, is_paused);
	session_want(session, WANT_PAUSE);
}

static void
on_conn_set_quirks(struct conn *conn, struct quirks *quirks)
{
	struct session *session = session_of(conn);

	quirks_unref(conn->quirks);
	conn->quirks = quirks_ref(quirks);
	quirks_unref(atomic_exchange(&session->next_quirks, quirks_ref(quirks)));
	session_want(session, WANT_QUIRKS);
}

static void
on_conn_set_idle(struct conn *conn, int64_t idle_s)
{
	struct session *session = session_of(conn);

	if (idle_s > INT32_MAX)
		idle_s = INT32_MAX;
	atomic_store(&session->idle_s, idle_s > 0 ? (int32_t)idle_s : 0);
	session_want(session, WANT_IDLE);
}

static void
on_conn_release(struct conn *conn)
{
	struct session *session = session_of(conn);

	/* Its thread still has messages to drop; without a thread nobody has. */
	if (!session->io->is_running) {
		session_free(session);
		return;
	}
	deliver_flush(session->io->transport);
	session_want(session, WANT_RELEASE);
}

const struct conn_ops session_ops = {
	.send = on_conn_send,
	.close = on_conn_close,
	.pause = on_conn_pause,
	.set_quirks = on_conn_set_quirks,
	.set_idle = on_conn_set_idle,
	.release = on_conn_release,
};

/* ---- Ending ------------------------------------------------------------------------------ */

void
session_note(struct session *session, enum close_class class, uint32_t code)
{
	if (session->class != CLOSE_NONE)
		return;
	session->class = (uint8_t) class;
	session->code = (uint16_t)code;
}

void
session_closing(struct session *session)
{
	session->state = SESSION_CLOSING;
	LIST_REMOVE(session, all);
	LIST_INSERT_HEAD(&session->io->closing, session, all);
	wheel_set(session,
		  wheel_after(session->io,
			      limit_get(&session->io->transport->limits.close_timeout_ms)));
}

/* Cuts the connection. Works anywhere in the thread; lws does it when it is called next. */
void
session_kill(struct session *session)
{
	lws_set_timeout(session->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
	session->io->needs_poke = true;
}

static void
set_close_reason(struct session *session)
{
	char text[CLOSE_REASON_MAX + 1] = "";
	const char *reason = atomic_load(&session->close_reason);

	if (session->class != CLOSE_CORE || !reason)
		reason = class_names[session->class];
	(void)str_copy(text, sizeof(text), reason);
	lws_close_reason(session->wsi, session->code, (unsigned char *)text, strlen(text));
}

/*
 * Debian's libwebsockets is built with its self-test of closing: on libuv, what a WRITEABLE
 * callback closes by its result is closed twice, and the second time cuts it before the close frame
 * went out. A "kill" closes once, and with a reason set it does so in the orderly way.
 */
void
session_send_close(struct session *session)
{
	if (session->is_close_sent)
		return;
	session->is_close_sent = true;
	set_close_reason(session);
	lws_set_timeout(session->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_SYNC);
}

void
session_close(struct session *session, enum close_class class, uint32_t code)
{
	if (session->state != SESSION_OPEN)
		return;
	session_note(session, class, code);
	session_closing(session);
	if (session->out_first || lws_partial_buffered(session->wsi))
		lws_callback_on_writable(session->wsi);
	else
		session_send_close(session);
}

/* The same at once: what the station sent cannot be borne. */
int
session_refuse(struct session *session, enum close_class class, uint32_t code, const char *why)
{
	OCPPD_WARN(session->io->transport->core->self, "connection.closed",
		   OCPPD_STR("station", session->conn.station_id),
		   OCPPD_INT("conn", session->conn.id), OCPPD_INT("code", code),
		   OCPPD_STR("err", why), OCPPD_STR("remote", session->conn.remote));
	session_note(session, class, code);
	session_drop_outbound(session);
	if (session->state == SESSION_OPEN)
		session_closing(session);
	set_close_reason(session);
	return -1;
}

void
session_tell_closed(struct session *session)
{
	const char *reason = atomic_load(&session->close_reason);

	if (session->class != CLOSE_CORE || !reason)
		reason = class_names[session->class];

	struct inbound *notice = inbound_notice(INBOUND_CLOSED, session->code, reason);

	if (!notice) {
		/* The core must hear of it: again in a moment. */
		wheel_set(session, wheel_after(session->io, WHEEL_TICK_MS));
		return;
	}
	notice->conn = &session->conn;
	session->state = SESSION_TOLD;
	io_gather(session->io, notice);
}

static void
log_dropped(struct session *session)
{
	struct io *io = session->io;
	struct ocppd_core *core = io->transport->core;
	bool is_tls = tls_is_on(session);
	const char *why = "closed before a valid WebSocket request";
	uint32_t omitted;

	if (session->is_refused || atomic_load(&io->is_stopping))
		return;
	traffic_refused(&io->traffic, session->is_outdone            ? "crowded"
				      : session->class == CLOSE_IDLE ? "timeout"
				      : is_tls                       ? "tls"
								     : "closed");
	uint32_t count = drops_add(&io->drops, session->conn.remote, clock_mono_us(&core->clock));
	if (!quota_pass(&io->dropped, clock_mono_us(&core->clock), &omitted))
		return;
	if (session->is_outdone)
		why = "it was silent, and gave way to others: its address had the most unfinished "
		      "handshakes";
	else if (session->class == CLOSE_IDLE)
		why = "no WebSocket request within handshake_timeout";
	else if (is_tls)
		why = tls_failure(session);
	OCPPD_WARN(core->self, "handshake.failed", OCPPD_STR("remote", session->conn.remote),
		   OCPPD_STR("err", why), OCPPD_STR("tls", is_tls ? "yes" : "no"),
		   OCPPD_INT("alert", session->tls_alert), OCPPD_INT("count", count),
		   OCPPD_INT("omitted", omitted));
}

void
session_end(struct session *session)
{
	session->wsi = NULL;
	wheel_clear(session);
	if (session->is_listed)
		LIST_REMOVE(session, all);
	session->is_listed = false;
	session_drop_outbound(session);
	free(session->partial);
	session->partial = NULL;
	session->partial_len = 0;
	session->partial_size = 0;

	if (!session->is_opened) {
		log_dropped(session);
		end_handshake(session);
		session->state = SESSION_TOLD;
		if (!session->is_adopting)
			session_free(session);
		return;
	}
	if (session->class == CLOSE_NONE)
		session_note(session, CLOSE_TCP, CLOSE_CODE_ABNORMAL);
	session->state = SESSION_ENDED;
	session_tell_closed(session);
}

/* lws closes by itself where a frame breaks RFC 6455, without a word to us: then the socket is
 * still whole. */
static void
on_closed(struct session *session, struct lws *wsi)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	if (session->class != CLOSE_NONE)
		return;
	if (getsockopt(lws_get_socket_fd(wsi), IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
		return;
	if (info.tcpi_state == TCP_ESTABLISHED || info.tcpi_state == TCP_FIN_WAIT1 ||
	    info.tcpi_state == TCP_FIN_WAIT2)
		session_note(session, CLOSE_PROTOCOL, LWS_CLOSE_STATUS_PROTOCOL_ERR);
}

static void
on_peer_close(struct session *session, const uint8_t *data, size_t len)
{
	uint32_t code = CLOSE_CODE_NO_STATUS;

	if (len >= 2)
		code = (uint32_t)data[0] << 8 | data[1];
	session_note(session, CLOSE_PEER, code);
}

void
session_drain(struct session *session)
{
	if (session->state == SESSION_OPEN) {
		session_close(session, CLOSE_DRAIN, LWS_CLOSE_STATUS_GOINGAWAY);
		return;
	}
	LIST_REMOVE(session, all);
	LIST_INSERT_HEAD(&session->io->closing, session, all);
	if (session->state == SESSION_HANDSHAKE) {
		session->is_refused = true;
		session_kill(session);
	}
}

/* ---- Commands of the core ---------------------------------------------------------------- */

static void
adopt(struct session *session)
{
	struct io *io = session->io;
	bool is_tls = tls_is_on(session);
	lws_adopt_desc_t desc = {
		.vh = is_tls ? io->vhosts[session->listener] : io->vhost,
		/* Flags in an enum: a cast says that it is meant. */
		.type = (lws_adoption_type)(LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP),
		.fd.sockfd = session->fd,
		.opaque = session,
	};

	if (is_tls)
		desc.type |= LWS_ADOPT_ALLOW_SSL;

	session->fd = -1; /* lws closes it, whatever happens */
	session->state = SESSION_HANDSHAKE;
	session->receive_tick = io->tick;
	session->ping_tick = io->tick;
	LIST_INSERT_HEAD(&io->shaking, session, all);
	session->is_listed = true;
	wheel_set(session, wheel_after(io, limit_get(&io->transport->limits.handshake_timeout_ms)));

	session->is_adopting = true;
	io->adopting = session;
	(void)lws_adopt_descriptor_vhost_via_info(&desc);
	io->adopting = NULL;
	session->is_adopting = false;
	/* A TLS handshake may have failed at once. Then the wsi is gone already, or goes when the
	 * loop closed its handle; or there never was one, and nobody told. */
	if (session->state != SESSION_HANDSHAKE)
		session_free(session);
	else if (!session->wsi)
		session_end(session);
}

static void
take_quirks(struct session *session)
{
	struct quirks *next = atomic_exchange(&session->next_quirks, NULL);

	if (!next)
		return;
	quirks_unref(session->quirks);
	session->quirks = next;
	session->takes_pings = !str_eq(quirks_option(next, "ping"), "off");
	session->takes_binary =
		quirks_option(next, "accept_binary") != NULL || quirks_has(next, "B07");
}

static void
command_open(struct session *session, uint32_t bits)
{
	if (bits & WANT_QUIRKS)
		take_quirks(session);
	if (bits & WANT_PAUSE)
		session->is_core_paused = atomic_load(&session->wants_pause);
	if (bits & (WANT_PAUSE | WANT_RESUME))
		session_flow(session);
	if (bits & WANT_CLOSE)
		session_close(session, CLOSE_CORE, atomic_load(&session->close_code));
	if (session->state == SESSION_OPEN && bits & (WANT_QUIRKS | WANT_IDLE))
		session_plan(session);
}

void
session_command(struct session *session)
{
	uint32_t bits = session->todo;

	session->todo = 0;
	if (bits & WANT_ADOPT) {
		if (atomic_load(&session->io->is_stopping))
			session_end(session);
		else
			adopt(session);
		return;
	}
	if (bits & WANT_RELEASE) {
		session_free(session);
		return;
	}
	if (session->wsi)
		command_open(session, bits);
}

/* ---- Callbacks --------------------------------------------------------------------------- */

static void
on_created(struct io *io, struct lws *wsi)
{
	if (io->adopting)
		io->adopting->wsi = wsi;
}

static int
on_established(struct session *session)
{
	struct io *io = session->io;
	struct inbound *notice = inbound_notice(INBOUND_OPENED, 0, NULL);

	end_handshake(session);
	if (!notice)
		return -1;
	session->conn.opened_us = clock_now_us(&io->transport->core->clock);
	atomic_store_explicit(&session->conn.last_receive_us, session->conn.opened_us,
			      memory_order_relaxed);
	session->receive_tick = io->tick;
	session->ping_tick = io->tick;
	session->state = SESSION_OPEN;
	session->is_opened = true;
	LIST_REMOVE(session, all);
	LIST_INSERT_HEAD(&io->sessions, session, all);
	atomic_store(&session->next_quirks, quirks_ref(session->conn.quirks));
	take_quirks(session);
	session_plan(session);
	notice->conn = &session->conn;
	io_gather(io, notice);

	return 0;
}

int
session_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
		 size_t len)
{
	struct session *session = lws_get_opaque_user_data(wsi);

	if (reason == LWS_CALLBACK_EVENT_WAIT_CANCELLED) {
		io_serve(lws_context_user(lws_get_context(wsi)));
		return 0;
	}
	if (reason == LWS_CALLBACK_WSI_CREATE) {
		on_created(lws_context_user(lws_get_context(wsi)), wsi);
		return 0;
	}
	if (reason == LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS)
		return tls_on_context(lws_context_user(lws_get_context(wsi)), user);
	if (!session && reason == LWS_CALLBACK_ADD_HEADERS)
		return early_on_headers(lws_context_user(lws_get_context(wsi)), in);
	if (!session)
		return 0;

	switch ((int)reason) {
	case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
		return gate_confirm(session, wsi, in);
	case LWS_CALLBACK_HTTP:
		return gate_plain(session, wsi);
	case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
		gate_unmask(session->io);
		early_keep(session->io);
		return 0;
	case LWS_CALLBACK_ESTABLISHED:
		early_restore(session->io);
		return on_established(session);
	case LWS_CALLBACK_RECEIVE:
		return session_receive(session, wsi, in, len);
	case LWS_CALLBACK_RECEIVE_PONG:
		session->is_pong_due = false;
		session_touch(session);
		return 0;
	case LWS_CALLBACK_SERVER_WRITEABLE:
		return session_writeable(session, wsi);
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		on_peer_close(session, in, len);
		return 0;
	case LWS_CALLBACK_CLOSED:
		on_closed(session, wsi);
		return 0;
	case LWS_CALLBACK_SSL_INFO:
		tls_on_info(session, in);
		return 0;
	case LWS_CALLBACK_WSI_DESTROY:
		gate_unmask(session->io);
		session_end(session);
		return 0;
	default:
		return 0;
	}
}
