/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Thousands of stations on one epoll loop: handshakes, frames, and whether answers are right.
 */
#include "load.h"

#include "frames.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define RX_KEEP 1024 /* of an incomplete frame or HTTP answer */
#define READ_SIZE 65536
#define SOURCES 64     /* addresses 127.1.0.1 and up */
#define FLEET_VALUES 4 /* MODE_FLEET: every so many-th CALL of a station is MeterValues */

static void
conn_fail(struct load *load, struct conn *conn, uint64_t *counter)
{
	if (conn->state == CONN_FAILED)
		return;
	if (conn->state == CONN_READY || conn->state == CONN_WAITING) {
		load->ready--;
		if (conn->state == CONN_WAITING)
			load->waiting--;
	} else {
		load->opening--;
	}
	conn->state = CONN_FAILED;
	(void)close(conn->fd);
	conn->fd = -1;
	free(conn->keep);
	conn->keep = NULL;
	(*counter)++;
}

static void
note_wrong(struct load *load, const char *data, size_t len)
{
	if (load->wrong++ > 0)
		return;
	(void)snprintf(load->sample, sizeof(load->sample), "%.*s", (int)len, data);
	fprintf(stderr, "bench_load: wrong answer: %s\n", load->sample);
}

/* Sends one text frame, masked as a client must. Small frames always fit the socket's buffer. */
static void
send_text(struct load *load, struct conn *conn, const char *text, size_t len, uint8_t opcode)
{
	uint8_t frame[FRAME_MAX + 16];
	size_t size = frame_mask(frame, text, len, opcode);

	if (send(conn->fd, frame, size, MSG_NOSIGNAL) != (ssize_t)size)
		conn_fail(load, conn, &load->lost);
}

static void
send_boot(struct load *load, struct conn *conn)
{
	static const char text[] = "[2,\"boot\",\"BootNotification\",{\"chargePointVendor\":"
				   "\"bench\",\"chargePointModel\":\"bench\"}]";

	conn->state = CONN_BOOTING;
	send_text(load, conn, text, sizeof(text) - 1, 1);
}

/* A start, a stop or values; every start differs in tag, meter or time from all others. */
static size_t
put_message(struct load *load, const struct conn *conn, char *text, size_t size)
{
	struct facts facts = {
		.station = (uint32_t)(conn - load->conns),
		.at = conn->is_values ? 0 : ROUND - 1 - conn->left,
		.time_us = load->base_us + (int64_t)load->starts * 1000,
		.number = load->starts,
	};

	facts.transaction_id = conn->ids[facts.at];
	if (load->is_stopping)
		return frame_stop(text, size, &facts);
	load->starts++;
	return conn->is_values ? frame_values(text, size, &facts) : frame_start(text, size, &facts);
}

void
load_send_call(struct load *load, struct conn *conn)
{
	char text[FRAME_MAX] = "[2,\"00000000\",\"Heartbeat\",{}]";
	size_t len = sizeof("[2,\"00000000\",\"Heartbeat\",{}]") - 1;
	uint32_t turn = ++conn->serial + (uint32_t)(conn - load->conns); /* spreads values */

	conn->is_values =
		!load->is_starting && (load->mode == MODE_VALUES ||
				       (load->mode == MODE_FLEET && turn % FLEET_VALUES == 0));
	if (load->mode == MODE_START || load->is_starting)
		conn->left--;
	if (load->mode == MODE_START || load->is_starting || conn->is_values)
		len = put_message(load, conn, text, sizeof(text));
	frame_hex(text + 4, conn->serial);
	conn->state = CONN_WAITING;
	load->waiting++;
	conn->begun_us = bench_mono_us();
	send_text(load, conn, text, len, 1);
}

/* The transaction id must be positive and never seen before. */
static bool
is_fresh_id(struct load *load, struct conn *conn, const char *data, size_t len)
{
	static const char word[] = "\"transactionId\":";
	const char *at = memmem(data, len, word, sizeof(word) - 1);
	uint64_t id = 0;

	if (!at)
		return false;
	for (at += sizeof(word) - 1; at < data + len && *at >= '0' && *at <= '9'; at++)
		id = id * 10 + (uint64_t)(*at - '0');
	if (id == 0 || id > INT32_MAX)
		return false;
	conn->ids[ROUND - 1 - conn->left] = (int32_t)id;
	/* Ids come in blocks, about in order: a window around the first holds them. */
	if (load->id_base == 0)
		load->id_base = id > BITMAP_IDS / 2 ? id - BITMAP_IDS / 2 : 1;
	id -= load->id_base;
	if (id >= BITMAP_IDS)
		return false;
	if (load->ids_seen[id / 64] & (1ull << (id % 64)))
		return false;
	load->ids_seen[id / 64] |= 1ull << (id % 64);
	return true;
}

static bool
is_right(struct load *load, struct conn *conn, const char *data, size_t len)
{
	char head[16] = "[3,\"00000000\",{";

	if (len < 17 || memcmp(data + len - 2, "}]", 2) != 0)
		return false;
	if (conn->state == CONN_BOOTING)
		return memcmp(data, "[3,\"boot\",{", 11) == 0 &&
		       text_has(data, len, "\"status\":\"Accepted\"") &&
		       text_has(data, len, "\"interval\":") &&
		       text_has_time(data, len, "\"currentTime\":\"");
	frame_hex(head + 4, conn->serial);
	if (memcmp(data, head, 15) != 0)
		return false;
	if (load->is_stopping)
		return true;
	if (conn->is_values)
		return len == 17;
	if (load->mode == MODE_START || load->is_starting)
		return text_has(data, len, "\"idTagInfo\":{") &&
		       text_has(data, len, "\"status\":\"") && is_fresh_id(load, conn, data, len);
	return text_has_time(data, len, "{\"currentTime\":\"");
}

static void
answer_call(struct load *load, struct conn *conn, const char *data, size_t len)
{
	char text[FRAME_MAX];
	size_t answer_len = frame_answer(text, sizeof(text), data, len);

	load->calls_of_server++;
	if (answer_len > 0)
		send_text(load, conn, text, answer_len, 1);
}

static void
on_booted(struct load *load, struct conn *conn)
{
	histogram_add(&load->connect, bench_mono_us() - conn->begun_us);
	conn->state = CONN_READY;
	load->opening--;
	load->ready++;
}

static void
on_text(struct load *load, struct conn *conn, const char *data, size_t len)
{
	if (len > 4 && data[1] == '2') {
		answer_call(load, conn, data, len);
		return;
	}
	if (conn->state != CONN_BOOTING && conn->state != CONN_WAITING) {
		note_wrong(load, data, len);
		return;
	}
	if (!is_right(load, conn, data, len))
		note_wrong(load, data, len);
	if (conn->state == CONN_BOOTING) {
		on_booted(load, conn);
		return;
	}
	conn->state = CONN_READY;
	load->waiting--;
	load->answered += !load->is_stopping;
	if (load->is_measuring)
		histogram_add(&load->latency, bench_mono_us() - conn->begun_us);
	if (load->mode == MODE_START ? conn->left > 0 : load->is_sending)
		load_send_call(load, conn);
}

/* One frame at data; returns its length, 0: incomplete, -1: the connection ended. */
static ssize_t
on_frame(struct load *load, struct conn *conn, const char *data, size_t have)
{
	size_t len;
	size_t head = 2;

	if (have < 2)
		return 0;
	len = (uint8_t)data[1] & 0x7f;
	if (len == 127)
		return -1;
	if (len == 126) {
		if (have < 4)
			return 0;
		len = (size_t)((uint8_t)data[2] << 8 | (uint8_t)data[3]);
		head = 4;
	}
	if (have < head + len)
		return 0;
	switch ((uint8_t)data[0] & 0x0f) {
	case 1:
		on_text(load, conn, data + head, len);
		break;
	case 8:
		return -1;
	case 9:
		load->pings++;
		send_text(load, conn, data + head, len, 10);
		break;
	default:
		break;
	}
	return conn->state == CONN_FAILED ? -1 : (ssize_t)(head + len);
}

/* The HTTP answer; returns its length, 0: incomplete, -1: no upgrade. */
static ssize_t
on_http(struct load *load, struct conn *conn, const char *data, size_t have)
{
	const char *end = memmem(data, have, "\r\n\r\n", 4);

	if (!end)
		return have < RX_KEEP ? 0 : -1;
	if (memcmp(data, "HTTP/1.1 101", 12) != 0 || !text_has(data, have, "ocpp1.6"))
		return -1;
	send_boot(load, conn);
	return conn->state == CONN_FAILED ? -1 : end + 4 - data;
}

static void
on_bytes(struct load *load, struct conn *conn, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = conn->state == CONN_UPGRADING ? on_http(load, conn, data, len)
							  : on_frame(load, conn, data, len);

		if (conn->state == CONN_FAILED)
			return;
		if (n < 0) {
			conn_fail(load, conn,
				  conn->state == CONN_UPGRADING || conn->state == CONN_BOOTING
					  ? &load->refused
					  : &load->lost);
			return;
		}
		if (n == 0)
			break;
		data += n;
		len -= (size_t)n;
	}
	conn->kept = 0;
	if (len == 0 || len > RX_KEEP) {
		free(conn->keep);
		conn->keep = NULL;
		if (len > RX_KEEP)
			conn_fail(load, conn, &load->lost);
		return;
	}
	if (!conn->keep)
		conn->keep = malloc(RX_KEEP);
	if (!conn->keep) {
		conn_fail(load, conn, &load->lost);
		return;
	}
	memmove(conn->keep, data, len);
	conn->kept = (uint32_t)len;
}

static void
on_readable(struct load *load, struct conn *conn)
{
	static const size_t room = READ_SIZE - RX_KEEP;
	char data[READ_SIZE];
	size_t kept = conn->kept;
	ssize_t n;

	n = recv(conn->fd, data + kept, room, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		conn_fail(load, conn, conn->state < CONN_READY ? &load->refused : &load->lost);
		return;
	}
	if (kept > 0)
		memcpy(data, conn->keep, kept);
	on_bytes(load, conn, data, kept + (size_t)n);
}

static void
on_connected(struct load *load, struct conn *conn)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = conn };
	char request[512];
	int error = 0;
	socklen_t size = sizeof(error);
	int n;

	if (getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 || error != 0) {
		conn_fail(load, conn, error == ETIMEDOUT ? &load->timed_out : &load->refused);
		return;
	}
	n = snprintf(request, sizeof(request),
		     "GET %s/BENCH-%06u HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\n"
		     "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
		     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		     "Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n",
		     load->path, load->first + (unsigned)(conn - load->conns));
	conn->state = CONN_UPGRADING;
	(void)epoll_ctl(load->epoll, EPOLL_CTL_MOD, conn->fd, &event);
	if (send(conn->fd, request, (size_t)n, MSG_NOSIGNAL) != n)
		conn_fail(load, conn, &load->refused);
}

void
load_open_next(struct load *load)
{
	struct conn *conn = &load->conns[load->next++];
	struct epoll_event event = { .events = EPOLLOUT, .data.ptr = conn };
	struct sockaddr_in source = { .sin_family = AF_INET };
	int one = 1;

	load->opening++;
	conn->state = CONN_CONNECTING;
	conn->begun_us = bench_mono_us();
	conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	source.sin_addr.s_addr = htonl(0x7f010001u + (uint32_t)(conn - load->conns) % SOURCES);
	if (conn->fd < 0) {
		conn_fail(load, conn, &load->refused);
		return;
	}
	(void)setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	(void)setsockopt(conn->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	if (bind(conn->fd, (struct sockaddr *)&source, sizeof(source)) < 0 ||
	    (connect(conn->fd, (struct sockaddr *)&load->server, sizeof(load->server)) < 0 &&
	     errno != EINPROGRESS)) {
		conn_fail(load, conn, &load->refused);
		return;
	}
	(void)epoll_ctl(load->epoll, EPOLL_CTL_ADD, conn->fd, &event);
}

void
load_turn(struct load *load, int timeout_ms)
{
	struct epoll_event events[512];
	int n = epoll_wait(load->epoll, events, 512, timeout_ms);

	for (int i = 0; i < n; i++) {
		struct conn *conn = events[i].data.ptr;

		if (conn->state == CONN_FAILED)
			continue;
		if (conn->state == CONN_CONNECTING)
			on_connected(load, conn);
		else
			on_readable(load, conn);
	}
}

void
load_fail_waiting(struct load *load)
{
	for (uint32_t i = 0; i < load->count; i++) {
		struct conn *conn = &load->conns[i];

		if (conn->state != CONN_READY && conn->state != CONN_FAILED &&
		    conn->state != CONN_NONE)
			conn_fail(load, conn, &load->timed_out);
	}
}
