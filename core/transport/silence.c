/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Sessions that say nothing: pings, idle ones, deadlines of handshakes and of closes, and
 * handshakes that give way to others. Runs in the session's I/O thread.
 */
#include "transport/session.h"

#include "ocpp/message.h"
#include "transport/wheel.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* How long a handshake may say nothing where others wait and its origin has the most: more than its
 * share, or no more than others. */
#define SILENT_CROWD_MS 1000
#define SILENT_FAIR_MS 3000

/* ---- Liveness ---------------------------------------------------------------------------- */

static int64_t
idle_ms(const struct session *session)
{
	int64_t floor_s = limit_get(&session->io->transport->limits.idle_floor_s);
	int64_t told_s = atomic_load_explicit(&session->idle_s, memory_order_relaxed);

	return (told_s > floor_s ? told_s : floor_s) * 1000;
}

static int64_t
ticks_ms(const struct io *io, uint32_t since)
{
	return (int64_t)(io->tick - since) * WHEEL_TICK_MS;
}

void
session_plan(struct session *session)
{
	struct io *io = session->io;
	int64_t next_ms = idle_ms(session) - ticks_ms(io, session->receive_tick);
	int64_t ping_ms = limit_get(&io->transport->limits.ping_interval_ms);
	uint32_t last = session->receive_tick;

	if ((int32_t)(session->ping_tick - last) > 0)
		last = session->ping_tick;
	if (session->takes_pings && ping_ms > 0 && ping_ms - ticks_ms(io, last) < next_ms)
		next_ms = ping_ms - ticks_ms(io, last);
	wheel_set(session, wheel_after(io, next_ms));
}

/* lws answers a station's pings without a word: the socket knows when anything came last. */
static void
look_at_socket(struct session *session)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	if (getsockopt(lws_get_socket_fd(session->wsi), IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
		return;

	uint32_t tick = session->io->tick - info.tcpi_last_data_recv / WHEEL_TICK_MS;
	if ((int32_t)(tick - session->receive_tick) > 0)
		session->receive_tick = tick;
}

static void
send_ping(struct session *session)
{
	unsigned char frame[LWS_PRE + 4];

	/* B01: data came since the last one, but no pong. */
	if (session->is_pong_due && (int32_t)(session->receive_tick - session->ping_tick) >= 0)
		session->met |= INBOUND_NO_PONG;
	session->is_pong_due = false;
	session->ping_tick = session->io->tick;
	/* With something waiting, its acknowledgement will tell as much. */
	if (session->out_first || lws_partial_buffered(session->wsi))
		return;
	/* Not empty: lws keeps an empty pong to itself. */
	memcpy(frame + LWS_PRE, &session->ping_tick, 4);
	if (lws_write(session->wsi, frame + LWS_PRE, 4, LWS_WRITE_PING) < 4) {
		session_note(session, CLOSE_TCP, CLOSE_CODE_ABNORMAL);
		session_kill(session);
	}
	session->is_pong_due = true;
}

static void
expire_open(struct session *session)
{
	struct io *io = session->io;
	int64_t ping_ms = limit_get(&io->transport->limits.ping_interval_ms);

	if (session->is_rx_off) {
		/* We are not looking: its silence says nothing. */
		session->receive_tick = io->tick;
	} else {
		look_at_socket(session);
	}
	if (ticks_ms(io, session->receive_tick) >= idle_ms(session)) {
		session_close(session, CLOSE_IDLE, LWS_CLOSE_STATUS_GOINGAWAY);
		return;
	}
	if (session->takes_pings && ping_ms > 0 && ticks_ms(io, session->receive_tick) >= ping_ms &&
	    ticks_ms(io, session->ping_tick) >= ping_ms)
		send_ping(session);
	session_plan(session);
}

void
session_expire(struct session *session)
{
	switch ((enum session_state)session->state) {
	case SESSION_HANDSHAKE:
		session_note(session, CLOSE_IDLE, CLOSE_CODE_ABNORMAL);
		session_kill(session);
		break;
	case SESSION_OPEN:
		expire_open(session);
		break;
	case SESSION_CLOSING:
		session_kill(session);
		break;
	case SESSION_ENDED:
		session_tell_closed(session);
		break;
	case SESSION_QUEUED:
	case SESSION_TOLD:
		break;
	}
}

/* ---- Giving way -------------------------------------------------------------------------- */

/* How long the ball has been with the peer; 0: it is with us. */
static int64_t
silent_ms(const struct session *session, int64_t age_ms)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);
	int fd = session->wsi ? lws_get_socket_fd(session->wsi) : -1;
	int unread = 0;

	if (fd < 0 || ioctl(fd, FIONREAD, &unread) < 0 || unread > 0 ||
	    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
		return 0;
	/* While it waited for its turn it could do nothing. */
	return info.tcpi_last_data_recv < age_ms ? info.tcpi_last_data_recv : age_ms;
}

static bool
is_stalled(const struct session *session, bool is_crowded)
{
	struct io *io = session->io;
	int64_t most_ms = limit_get(&io->transport->limits.handshake_timeout_ms) / 2;
	int64_t least_ms = is_crowded ? SILENT_CROWD_MS : SILENT_FAIR_MS;
	int64_t age_ms = ticks_ms(io, session->ping_tick); /* since its adoption */
	int64_t ms;

	/* Most are young where many come at once: no system call for them. */
	if (session->state != SESSION_HANDSHAKE || session->class != CLOSE_NONE ||
	    (age_ms < least_ms && age_ms < most_ms))
		return false;
	ms = silent_ms(session, age_ms);
	return ms >= least_ms || (ms > 0 && age_ms >= most_ms);
}

void
session_give_way(struct io *io, const struct origin *origin, bool is_crowded)
{
	struct session *oldest = NULL;
	struct session *session;

	LIST_FOREACH (session, &io->shaking, all) {
		if (session->origin == origin && is_stalled(session, is_crowded))
			oldest = session;
	}
	if (!oldest)
		return;
	oldest->is_outdone = true;
	session_note(oldest, CLOSE_IDLE, CLOSE_CODE_ABNORMAL);
	session_kill(oldest);
	io_poke(io);
}
