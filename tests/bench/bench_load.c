/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The load generator of the benches: thousands of stations on one epoll loop, every answer verified
 * by id and shape. It spends as little CPU as it can, so that the server is what is measured. Talks
 * to tests/bench/run by lines: events on stdout, "go" and "end" on stdin. Bounded in connections,
 * time and memory.
 */
#include "bench.h"
#include "frames.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define RX_KEEP 1024 /* of an incomplete frame or HTTP answer */
#define READ_SIZE 65536
#define SOURCES 64 /* addresses 127.1.0.1 and up */
#define MAX_CONNECTIONS 19000
#define BITMAP_IDS (1u << 26)
#define ROUND 8        /* transactions of a station in one round of MODE_START, a connector each */
#define FLEET_VALUES 4 /* MODE_FLEET: every so many-th CALL of a station is MeterValues */

enum mode {
	MODE_HEARTBEAT,
	MODE_START,
	MODE_STORM,
	MODE_IDLE,
	MODE_VALUES, /* MeterValues with eight sampled values, as fast as they are answered */
	MODE_FLEET,  /* heartbeats and meter values at a given rate, whatever the answers take */
};

enum conn_state {
	CONN_NONE,
	CONN_CONNECTING,
	CONN_UPGRADING,
	CONN_BOOTING,
	CONN_READY,
	CONN_WAITING, /* for the answer to a measured CALL */
	CONN_FAILED,
};

struct conn {
	int fd;
	enum conn_state state;
	uint32_t serial;
	uint32_t left;  /* CALLs of the round that are not sent yet */
	bool is_values; /* the CALL under way is MeterValues */
	uint32_t kept;
	int64_t begun_us; /* of the connection, or of the CALL under way */
	char *keep;       /* RX_KEEP bytes, only while something is incomplete */
	int32_t ids[ROUND];
};

struct load {
	struct sockaddr_in server;
	const char *path;
	enum mode mode;
	uint32_t count;
	uint32_t parallel; /* handshakes at a time, 0: all */
	int64_t warmup_us;
	int64_t measure_us;
	int64_t deadline_us; /* for handshakes and answers */
	int epoll;
	struct conn *conns;
	uint32_t first; /* number of the first identity */
	uint32_t next;
	uint32_t opening;
	uint32_t ready;
	uint32_t waiting;
	uint32_t rate; /* MODE_FLEET: CALLs a second, all stations together */
	uint32_t at;   /* MODE_FLEET: the station whose turn it is */
	bool is_sending;
	bool is_starting; /* each station begins the transaction its values belong to */
	bool is_started;
	bool is_stopping; /* MODE_START: between the rounds, transactions are stopped */
	bool is_measuring;
	uint64_t answered;
	uint64_t wrong;
	uint64_t refused;
	uint64_t timed_out;
	uint64_t lost;
	uint64_t calls_of_server;
	uint64_t pings;
	int64_t base_us; /* wall clock of the first timestamp */
	uint64_t starts;
	uint64_t id_base;
	uint64_t *ids_seen;
	struct histogram latency;
	struct histogram connect;
	char sample[200]; /* of the first wrong answer */
};

static void
event_line(const struct load *load, const char *name, double seconds)
{
	printf("{\"event\":\"%s\",\"seconds\":%.6f,\"answered\":%llu,\"wrong\":%llu,"
	       "\"refused\":%llu,\"timed_out\":%llu,\"lost\":%llu,\"ready\":%u,"
	       "\"server_calls\":%llu,\"pings\":%llu,",
	       name, seconds, (unsigned long long)load->answered, (unsigned long long)load->wrong,
	       (unsigned long long)load->refused, (unsigned long long)load->timed_out,
	       (unsigned long long)load->lost, load->ready,
	       (unsigned long long)load->calls_of_server, (unsigned long long)load->pings);
	histogram_json("latency", &load->latency);
	printf(",");
	histogram_json("connect", &load->connect);
	printf("}\n");
	(void)fflush(stdout);
}

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

static void
send_call(struct load *load, struct conn *conn)
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
		send_call(load, conn);
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

static void
open_next(struct load *load)
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

static void
turn(struct load *load, int timeout_ms)
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

static void
fail_waiting(struct load *load)
{
	for (uint32_t i = 0; i < load->count; i++) {
		struct conn *conn = &load->conns[i];

		if (conn->state != CONN_READY && conn->state != CONN_FAILED &&
		    conn->state != CONN_NONE)
			conn_fail(load, conn, &load->timed_out);
	}
}

static void
connect_all(struct load *load)
{
	int64_t begun_us = bench_mono_us();

	while (load->next < load->count || load->opening > 0) {
		while (load->next < load->count &&
		       (load->parallel == 0 || load->opening < load->parallel))
			open_next(load);
		turn(load, 100);
		if (bench_mono_us() - begun_us > load->deadline_us) {
			fail_waiting(load);
			break;
		}
	}
	event_line(load, "connected", (double)(bench_mono_us() - begun_us) / 1e6);
}

/* Serves the connections (pings, CALLs of the server) until a line comes. */
static bool
wait_for(struct load *load, const char *word)
{
	struct pollfd fds[2] = { { .fd = STDIN_FILENO, .events = POLLIN },
				 { .fd = load->epoll, .events = POLLIN } };
	char line[64];

	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return false;
		if (fds[1].revents)
			turn(load, 0);
		if (!fds[0].revents)
			continue;
		if (!fgets(line, sizeof(line), stdin))
			return false;
		return strncmp(line, word, strlen(word)) == 0;
	}
}

static void
run_until(struct load *load, int64_t end_us)
{
	for (;;) {
		int64_t left_us = end_us - bench_mono_us();

		if (left_us <= 0 || load->ready == 0)
			return;
		turn(load, (int)(left_us / 1000) + 1);
	}
}

/* Every station sends ROUND starts, or stops what it started, as fast as it gets answers. */
static void
run_round(struct load *load, bool is_stopping)
{
	int64_t begun_us = bench_mono_us();

	load->is_stopping = is_stopping;
	for (uint32_t i = 0; i < load->count; i++) {
		struct conn *conn = &load->conns[i];

		if (conn->state != CONN_READY)
			continue;
		conn->left = ROUND;
		send_call(load, conn);
	}
	while (load->waiting > 0 && bench_mono_us() - begun_us < load->deadline_us)
		turn(load, 100);
	fail_waiting(load);
}

static void
measure_starts(struct load *load)
{
	uint64_t before = load->answered;
	int64_t begun_us;

	event_line(load, "measuring", 0);
	load->is_measuring = true;
	begun_us = bench_mono_us();
	run_round(load, false);
	load->is_measuring = false;
	load->answered -= before;
	event_line(load, "measured", (double)(bench_mono_us() - begun_us) / 1e6);
	load->answered += before;
	run_round(load, true);
	event_line(load, "drained", 0);
}

/* One transaction a station, once. */
static void
begin_transactions(struct load *load)
{
	int64_t begun_us = bench_mono_us();

	if (load->is_started)
		return;
	load->is_started = true;
	load->is_starting = true;
	for (uint32_t i = 0; i < load->count; i++) {
		struct conn *conn = &load->conns[i];

		if (conn->state != CONN_READY)
			continue;
		conn->left = ROUND;
		send_call(load, conn);
	}
	while (load->waiting > 0 && bench_mono_us() - begun_us < load->deadline_us)
		turn(load, 100);
	load->is_starting = false;
	fail_waiting(load);
}

/* The next station that waits for nothing; NULL: none. */
static struct conn *
next_ready(struct load *load)
{
	for (uint32_t i = 0; i < load->count; i++) {
		struct conn *conn = &load->conns[load->at++ % load->count];

		if (conn->state == CONN_READY)
			return conn;
	}
	return NULL;
}

/* CALLs go at their time, however long the answers to others take. */
static void
run_paced(struct load *load, int64_t end_us)
{
	int64_t begun_us = bench_mono_us();
	int64_t sent = 0;
	int64_t now_us;

	while ((now_us = bench_mono_us()) < end_us && load->ready > 0) {
		int64_t due = (now_us - begun_us) * load->rate / 1000000;

		for (; sent < due; sent++) {
			struct conn *conn = next_ready(load);

			if (conn)
				send_call(load, conn);
		}
		turn(load, 1);
	}
}

static void
send_until(struct load *load, int64_t end_us)
{
	if (load->mode == MODE_FLEET)
		run_paced(load, end_us);
	else
		run_until(load, end_us);
}

static void
measure(struct load *load)
{
	int64_t begun_us;
	uint64_t before;

	if (load->mode == MODE_VALUES || load->mode == MODE_FLEET)
		begin_transactions(load);
	memset(&load->latency, 0, sizeof(load->latency));
	load->is_sending = load->mode != MODE_FLEET;
	for (uint32_t i = 0; load->is_sending && i < load->count; i++) {
		if (load->conns[i].state == CONN_READY)
			send_call(load, &load->conns[i]);
	}
	send_until(load, bench_mono_us() + load->warmup_us);
	event_line(load, "measuring", 0);
	load->is_measuring = true;
	begun_us = bench_mono_us();
	before = load->answered;
	send_until(load, begun_us + load->measure_us);
	load->is_measuring = false;
	load->answered -= before;
	event_line(load, "measured", (double)(bench_mono_us() - begun_us) / 1e6);
	load->answered += before;
	load->is_sending = false;
	begun_us = bench_mono_us();
	while (load->waiting > 0 && bench_mono_us() - begun_us < load->deadline_us)
		turn(load, 100);
	fail_waiting(load);
	event_line(load, "drained", (double)(bench_mono_us() - begun_us) / 1e6);
}

static int
usage(void)
{
	fprintf(stderr,
		"usage: bench_load --port N --mode heartbeat|start|storm|idle|values|fleet "
		"--connections N [--first N] [--path /ocpp] [--parallel N] [--warmup SECONDS] "
		"[--seconds SECONDS] [--deadline SECONDS] [--rate CALLS-A-SECOND]\n");
	return 2;
}

static int
parse(int argc, char **argv, struct load *load)
{
	static const struct option options[] = {
		{ "port", 1, NULL, 'p' },
		{ "path", 1, NULL, 'a' },
		{ "mode", 1, NULL, 'm' },
		{ "connections", 1, NULL, 'n' },
		{ "parallel", 1, NULL, 'l' },
		{ "warmup", 1, NULL, 'w' },
		{ "seconds", 1, NULL, 's' },
		{ "first", 1, NULL, 'f' },
		{ "deadline", 1, NULL, 'd' },
		{ "rate", 1, NULL, 'r' },
		{ 0 },
	};
	static const char *const modes[] = { "heartbeat", "start",  "storm",
					     "idle",      "values", "fleet" };
	uint32_t number = 0;
	int id;

	load->path = "/ocpp";
	load->rate = 1000;
	load->parallel = 128;
	load->warmup_us = 1000000;
	load->measure_us = 5000000;
	load->deadline_us = 60000000;
	load->server.sin_family = AF_INET;
	load->server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	while ((id = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (id == '?')
			return -1;
		if (id != 'a' && id != 'm' && bench_number(optarg, &number) < 0)
			return -1;
		if (id == 'p')
			load->server.sin_port = htons((uint16_t)number);
		else if (id == 'a')
			load->path = optarg;
		else if (id == 'f')
			load->first = number;
		else if (id == 'n')
			load->count = number;
		else if (id == 'l')
			load->parallel = number;
		else if (id == 'w')
			load->warmup_us = number * 1000000ll;
		else if (id == 's')
			load->measure_us = number * 1000000ll;
		else if (id == 'r')
			load->rate = number;
		else if (id == 'd')
			load->deadline_us = number * 1000000ll;
		for (uint32_t i = 0; id == 'm' && i < sizeof(modes) / sizeof(modes[0]); i++) {
			if (strcmp(optarg, modes[i]) == 0)
				load->mode = (enum mode)i;
		}
	}
	if (load->mode == MODE_STORM)
		load->parallel = 0;
	return load->count >= 1 && load->count <= MAX_CONNECTIONS && load->server.sin_port ? 0 : -1;
}

int
main(int argc, char **argv)
{
	struct load load = { .epoll = -1 };
	struct rlimit limit;
	struct timespec now;

	if (parse(argc, argv, &load) < 0)
		return usage();
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	(void)clock_gettime(CLOCK_REALTIME, &now);
	/* Now: a start that is late costs a look for what came before it (G07). */
	load.base_us = (int64_t)now.tv_sec * 1000000;
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	load.conns = calloc(load.count, sizeof(*load.conns));
	load.ids_seen = calloc(BITMAP_IDS / 64, sizeof(*load.ids_seen));
	if (load.epoll < 0 || !load.conns || !load.ids_seen)
		return 2;
	event_line(&load, "prepared", 0);
	if (!wait_for(&load, "go"))
		return 2;
	connect_all(&load);
	while (load.mode != MODE_STORM && load.mode != MODE_IDLE && wait_for(&load, "go")) {
		if (load.mode == MODE_START)
			measure_starts(&load);
		else
			measure(&load);
	}
	if (load.mode == MODE_STORM || load.mode == MODE_IDLE)
		(void)wait_for(&load, "end");
	for (uint32_t i = 0; i < load.count; i++) {
		if (load.conns[i].fd > 0)
			(void)close(load.conns[i].fd);
		free(load.conns[i].keep);
	}
	free(load.conns);
	free(load.ids_seen);
	return load.wrong + load.refused + load.timed_out + load.lost > 0;
}
