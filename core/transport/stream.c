/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * The messages of one session: pieces put together and handed to the core, replies written at once
 * or kept, both bounded. Runs in the session's I/O thread; what a message means is the OCPP
 * floor's.
 */
#include "transport/session.h"

#include <ocppd/error.h>
#include <ocppd/log.h>

#include "base/clock.h"
#include "base/text.h"
#include "ocpp/message.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(OUTBOUND_HEADROOM >= LWS_PRE, "lws writes its header before the payload");

#define PARTIAL_MIN 4096

/* ---- Receiving --------------------------------------------------------------------------- */

void
session_touch(struct session *session)
{
	struct io *io = session->io;

	if (session->receive_tick == io->tick)
		return;
	session->receive_tick = io->tick;
	atomic_store_explicit(&session->conn.last_receive_us,
			      clock_now_us(&io->transport->core->clock), memory_order_relaxed);
}

void
session_flow(struct session *session)
{
	bool is_off = session->is_core_paused || atomic_load(&session->is_throttled);

	if (!session->wsi || is_off == session->is_rx_off)
		return;
	session->is_rx_off = is_off;
	if (!is_off)
		session->receive_tick = session->io->tick;
	(void)lws_rx_flow_control(session->wsi, is_off ? 0 : 1);
}

/* B02: with idle_floor for a limit it would have been given up. */
static void
note_silence(struct session *session)
{
	struct io *io = session->io;
	int64_t silent_ms = (int64_t)(io->tick - session->receive_tick) * WHEEL_TICK_MS;

	if (silent_ms >= limit_get(&io->transport->limits.idle_floor_s) * 1000 &&
	    !session->is_rx_off)
		session->met |= INBOUND_SILENT;
}

static void
hand_over(struct session *session, struct inbound *message)
{
	struct io *io = session->io;

	message->conn = &session->conn;
	message->met = session->met;
	session->met = 0;
	uint32_t own = atomic_fetch_add(&session->undrained, 1) + 1;
	uint32_t all = atomic_fetch_add(&io->undrained, 1) + 1;
	io_gather(io, message);
	if (own < UNDRAINED_MAX && all < limit_get(&io->transport->limits.max_undrained))
		return;

	/* This message is not with the core yet, so the core will find the flag when it is. */
	atomic_store(&session->is_throttled, true);
	session_flow(session);
}

static int
receive_message(struct session *session, const char *text, size_t len)
{
	struct io *io = session->io;

	traffic_add(&io->traffic.messages_in, 1);
	if (!utf8_valid(text, len))
		return session_refuse(session, CLOSE_PROTOCOL, LWS_CLOSE_STATUS_INVALID_PAYLOAD,
				      "a message is not UTF-8");

	struct reader reader = {
		.tokener = io->tokener,
		.table = io->table,
		.protocol = session->conn.protocol,
		.quirks = session->quirks,
		.now_us = clock_now_us(&io->transport->core->clock),
		.is_binary = lws_frame_is_binary(session->wsi) != 0,
	};
	struct inbound *message = inbound_new(&reader, text, len);

	if (!message)
		return session_refuse(session, CLOSE_MEMORY, LWS_CLOSE_STATUS_UNEXPECTED_CONDITION,
				      "out of memory");
	hand_over(session, message);
	return 0;
}

/* Grows with what arrived, never with what a header announces. */
static int
append_partial(struct session *session, const char *data, size_t len)
{
	size_t need = session->partial_len + len;

	if (need > session->partial_size) {
		size_t size = session->partial_size ? session->partial_size : PARTIAL_MIN;

		while (size < need)
			size *= 2;
		char *grown = realloc(session->partial, size);
		if (!grown)
			return OCPPD_ENOMEM;
		session->partial = grown;
		session->partial_size = (uint32_t)size;
	}
	memcpy(session->partial + session->partial_len, data, len);
	session->partial_len = (uint32_t)need;
	return 0;
}

static int
receive_partial(struct session *session, const char *data, size_t len, bool is_last)
{
	if (append_partial(session, data, len) < 0)
		return session_refuse(session, CLOSE_MEMORY, LWS_CLOSE_STATUS_UNEXPECTED_CONDITION,
				      "out of memory");
	if (!is_last)
		return 0;

	char *text = session->partial;
	size_t text_len = session->partial_len;

	session->partial = NULL;
	session->partial_len = 0;
	session->partial_size = 0;
	int r = receive_message(session, text, text_len);
	free(text);
	return r;
}

int
session_receive(struct session *session, struct lws *wsi, const char *data, size_t len)
{
	int64_t max = limit_get(&session->io->transport->limits.max_message);
	bool is_last = lws_is_final_fragment(wsi) && lws_remaining_packet_payload(wsi) == 0;

	if (session->receive_tick != session->io->tick)
		note_silence(session);
	session_touch(session);
	traffic_add(&session->io->traffic.bytes_in, len);
	if (session->state != SESSION_OPEN)
		return 0;
	if (lws_frame_is_binary(wsi) && !session->takes_binary)
		return session_refuse(session, CLOSE_PROTOCOL, LWS_CLOSE_STATUS_UNACCEPTABLE_OPCODE,
				      "a binary frame; the quirk option accept_binary admits it");
	if ((int64_t)(session->partial_len + len) > max)
		return session_refuse(session, CLOSE_OVERSIZE, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE,
				      "a message is longer than max_message");
	if (is_last && session->partial_len == 0)
		return receive_message(session, data, len);
	return receive_partial(session, data, len, is_last);
}

/* ---- Sending ----------------------------------------------------------------------------- */

void
session_drop_outbound(struct session *session)
{
	struct outbound *message;

	while ((message = session->out_first) != NULL) {
		session->out_first = (struct outbound *)(void *)message->link.next;
		outbound_free(message);
	}
	session->out_last = NULL;
	session->out_count = 0;
	session->out_bytes = 0;
}

/* Writes one message; negative: the connection is broken. */
static int
write_message(struct session *session, struct outbound *message)
{
	size_t len;
	char *text = outbound_text(message, &len);

	if (!text) {
		session_note(session, CLOSE_MEMORY, LWS_CLOSE_STATUS_UNEXPECTED_CONDITION);
		return OCPPD_ENOMEM;
	}
	if (lws_write(session->wsi, (unsigned char *)text, len, LWS_WRITE_TEXT) < (int)len) {
		session_note(session, CLOSE_TCP, CLOSE_CODE_ABNORMAL);
		return OCPPD_EIO;
	}
	traffic_add(&session->io->traffic.messages_out, 1);
	traffic_add(&session->io->traffic.bytes_out, len);
	return 0;
}

static void
give_up_slow(struct session *session)
{
	OCPPD_WARN(
		session->io->transport->core->self, "connection.closed",
		OCPPD_STR("station", session->conn.station_id), OCPPD_INT("conn", session->conn.id),
		OCPPD_STR(
			"err",
			"it does not read: more than max_outbound or max_outbound_messages waits"),
		OCPPD_INT("bytes", session->out_bytes), OCPPD_STR("remote", session->conn.remote));
	session_note(session, CLOSE_SLOW, CLOSE_CODE_ABNORMAL);
	session_drop_outbound(session);
	session_closing(session);
	session_kill(session);
}

static void
queue_message(struct session *session, struct outbound *message)
{
	const struct limits *limits = &session->io->transport->limits;
	size_t len;

	if (!outbound_text(message, &len)) {
		outbound_free(message);
		session_note(session, CLOSE_MEMORY, LWS_CLOSE_STATUS_UNEXPECTED_CONDITION);
		session_close(session, CLOSE_MEMORY, LWS_CLOSE_STATUS_UNEXPECTED_CONDITION);
		return;
	}
	if ((int64_t)session->out_bytes + (int64_t)len > limit_get(&limits->max_outbound) ||
	    session->out_count >= limit_get(&limits->max_outbound_count)) {
		outbound_free(message);
		give_up_slow(session);
		return;
	}

	message->link.next = NULL;
	if (session->out_last)
		session->out_last->link.next = &message->link;
	else
		session->out_first = message;
	session->out_last = message;
	session->out_count++;
	session->out_bytes += (uint32_t)len;
	lws_callback_on_writable(session->wsi);
}

void
session_send(struct session *session, struct outbound *message)
{
	if (session->state != SESSION_OPEN) {
		outbound_free(message);
		return;
	}
	if (session->out_first || lws_partial_buffered(session->wsi)) {
		queue_message(session, message);
		return;
	}

	int r = write_message(session, message);
	outbound_free(message);
	if (r < 0) {
		session_closing(session);
		session_kill(session);
	}
}

int
session_writeable(struct session *session, struct lws *wsi)
{
	while (session->out_first && !lws_partial_buffered(wsi)) {
		struct outbound *message = session->out_first;

		session->out_first = (struct outbound *)(void *)message->link.next;
		if (!session->out_first)
			session->out_last = NULL;
		session->out_count--;
		int r = write_message(session, message);
		session->out_bytes -= (uint32_t)message->len;
		outbound_free(message);
		if (r < 0)
			return -1;
	}
	if (session->out_first)
		lws_callback_on_writable(wsi);
	else if (session->state == SESSION_CLOSING)
		session_send_close(session);
	return 0;
}
