/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* Messages and sessions over real sockets. */
#include "transport_bed.h"

#include "runtime/loop.h"
#include "transport/io.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- Messages ---------------------------------------------------------------------------- */

static void
message_in_fragments_with_ping_between_is_answered(void **state)
{
	char text[64];
	int fd = join_as(*state, GOOD("/ocpp/CP1"));

	say_frame(fd, 0x01, "[2,\"1\",", 7);
	say_frame(fd, 0x89, "hi", 2);
	say_frame(fd, 0x00, "\"Echo\"", 6);
	say_frame(fd, 0x80, ",{}]", 4);
	/* The pong takes its own way. */
	for (int i = 0; i < 2; i++) {
		bool is_pong = hear_frame(fd, text, sizeof(text)) == 0x8a;

		assert_string_equal(text, is_pong ? "hi" : "[3,\"1\",{}]");
	}
	(void)close(fd);
}

static void
message_longer_than_a_read_is_answered(void **state)
{
	char text[MAX_MESSAGE + 1];
	int fd = join_as(*state, GOOD("/ocpp/CP1"));

	/* Exactly max_message: blanks are allowed anywhere. */
	memset(text, ' ', sizeof(text));
	memcpy(text, "[2,\"1\",\"Echo\",{}", 16);
	text[MAX_MESSAGE - 1] = ']';
	say_frame(fd, 0x81, text, MAX_MESSAGE);
	expect_text(fd, "[3,\"1\",{}]");
	(void)close(fd);
}

static const struct {
	const char *label;
	uint8_t first;
	const char *data;
	size_t len;
	uint32_t code;
} bad_frames[] = {
	{ "binary", 0x82, "[2,\"1\",\"Echo\",{}]", 17, 1003 },
	{ "bad UTF-8", 0x81, "[2,\"\xff\",\"Echo\",{}]", 17, 1007 },
};

static void
message_of_bad_kind_closes_with_its_code(void **state)
{
	char text[MAX_MESSAGE + 1];

	for (size_t i = 0; i < sizeof(bad_frames) / sizeof(bad_frames[0]); i++) {
		int fd = join_as(*state, GOOD("/ocpp/CP1"));

		say_frame(fd, bad_frames[i].first, bad_frames[i].data, bad_frames[i].len);
		expect_close(fd, bad_frames[i].code);
		assert_true(hears_end(fd));
		(void)close(fd);
	}

	int fd = join_as(*state, GOOD("/ocpp/CP1"));
	memset(text, ' ', sizeof(text));
	say_frame(fd, 0x81, text, sizeof(text));
	expect_close(fd, 1009);
	(void)close(fd);

	fd = join_as(*state, GOOD("/ocpp/BIN"));
	say_frame(fd, 0x82, bad_frames[0].data, bad_frames[0].len);
	expect_text(fd, "[3,\"1\",{}]");
	(void)close(fd);
}

static void
message_flood_is_answered_in_order(void **state)
{
	int fd = join_as(*state, GOOD("/ocpp/CP1"));
	char text[64];

	for (int i = 0; i < 3000; i++) {
		(void)snprintf(text, sizeof(text), "[2,\"%d\",\"Echo\",{}]", i);
		say_text(fd, text);
	}
	for (int i = 0; i < 3000; i++) {
		(void)snprintf(text, sizeof(text), "[3,\"%d\",{}]", i);
		expect_text(fd, text);
	}
	(void)close(fd);
}

static void
message_burst_of_many_stations_is_answered(void **state)
{
	int fds[BURST];
	char request[512];
	struct rlimit allowed;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &allowed), 0);
	if (allowed.rlim_max < 3 * BURST)
		skip(); /* both ends are here */

	for (int i = 0; i < BURST; i++) {
		(void)snprintf(request, sizeof(request),
			       "GET /ocpp/B%d HTTP/1.1\r\n" UPGRADE V13 J16 "\r\n", i);
		fds[i] = join_as(*state, request);
	}
	for (int round = 0; round < BURST_ROUNDS; round++) {
		for (int i = 0; i < BURST; i++)
			say_text(fds[i], "[2,\"1\",\"Echo\",{}]");
		for (int i = 0; i < BURST; i++)
			expect_text(fds[i], "[3,\"1\",{}]");
	}
	for (int i = 0; i < BURST; i++)
		(void)close(fds[i]);
}

static void
message_to_a_station_that_never_reads_is_given_up(void **state)
{
	int other = join_as(*state, GOOD("/ocpp/CP2"));
	int fd = join_as(*state, GOOD("/ocpp/CP1"));
	char text[64];
	struct pollfd end = { .fd = fd, .events = POLLRDHUP };
	bool is_cut = false;

	/* As many as the kernel's buffers can never hold the answers to. */
	for (int i = 0; i < 3000 && !is_cut; i++) {
		uint8_t frame[64] = { 0x81 };
		int len = snprintf(text, sizeof(text), "[2,\"%d\",\"Big\",{}]", i);

		frame[1] = (uint8_t)(0x80 | len);
		memcpy(frame + 6, text, (size_t)len);
		is_cut = send(fd, frame, (size_t)len + 6, MSG_NOSIGNAL) < 0;
	}
	assert_true(is_cut || poll(&end, 1, 60000) == 1);
	say_text(other, "[2,\"1\",\"Echo\",{}]");
	expect_text(other, "[3,\"1\",{}]");
	(void)close(other);
	(void)close(fd);
}

static uint64_t
messages_in(const struct daemon_thread *daemon)
{
	const struct transport *transport = daemon->bed.core.transport;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < transport->io_count; i++)
		sum += atomic_load(&transport->ios[i].traffic.messages_in);
	return sum;
}

/* So many CALLs, which wait for the core until all of them are read: it answers them in one turn.
 */
static void
say_at_once(struct daemon_thread *daemon, int other, int fd, const char *action, int count)
{
	uint64_t before;
	uint8_t piece[4096];
	size_t size = 0;

	say_text(other, "[2,\"gate\",\"Gate\",{}]");
	while (sem_wait(&daemon->at_gate) < 0)
		continue;
	before = messages_in(daemon);
	for (int i = 0; i < count; i++) {
		char text[32];
		int len = snprintf(text, sizeof(text), "[2,\"%d\",\"%s\",{}]", i, action);

		piece[size++] = 0x81;
		piece[size++] = (uint8_t)(0x80 | len);
		memset(piece + size, 0, 4);
		memcpy(piece + size + 4, text, (size_t)len);
		size += 4 + (size_t)len;
	}
	say(fd, piece, size);
	while (messages_in(daemon) < before + (uint64_t)count)
		(void)poll(NULL, 0, 1);
	(void)sem_post(&daemon->gate);
	expect_text(other, "[3,\"gate\",{}]");
}

static void
messages_that_wait_for_a_station_are_bounded(void **state)
{
	struct daemon_thread *daemon = daemon_new();
	int small = 4096;
	char text[32];

	(void)state;
	daemon->bed.conf.max_outbound = INT64_C(1) << 28; /* not the bytes */
	daemon->bed.conf.max_outbound_count = 8;
	socket_bed_start(&daemon->bed);
	int other = join_as(daemon, GOOD("/ocpp/CP2"));
	int fd = join_as(daemon, GOOD("/ocpp/CP1"));
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	/* What a station reads does not wait, however much it is. */
	say_at_once(daemon, other, fd, "Echo", MANY);
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(text, sizeof(text), "[3,\"%d\",{}]", i);
		expect_text(fd, text);
	}
	/* More than the kernel keeps for it: the rest waits, and that is too much. */
	say_at_once(daemon, other, fd, "Big", MANY);
	struct pollfd end = { .fd = fd, .events = POLLRDHUP };
	assert_int_equal(poll(&end, 1, 60000), 1);
	say_text(other, "[2,\"1\",\"Echo\",{}]");
	expect_text(other, "[3,\"1\",{}]");
	(void)close(other);
	(void)close(fd);
	daemon_free(daemon);
}

/* ---- Life -------------------------------------------------------------------------------- */

static void
session_of_silent_station_is_pinged_and_given_up(void **state)
{
	struct daemon_thread *daemon = daemon_new();
	char text[64];

	(void)state;
	daemon->bed.conf.ping_interval_ms = 500;
	daemon->bed.conf.idle_floor_s = 2;
	socket_bed_start(&daemon->bed);
	int fd = join_as(daemon, GOOD("/ocpp/CP1"));
	assert_int_equal(hear_frame(fd, text, sizeof(text)), 0x89);
	say_frame(fd, 0x8a, text, 4);
	/* It answers no more. */
	uint8_t first;
	while ((first = hear_frame(fd, text, sizeof(text))) == 0x89)
		continue;
	assert_int_equal(first, 0x88);
	assert_int_equal((uint8_t)text[0] << 8 | (uint8_t)text[1], 1001);
	assert_true(hears_end(fd));
	(void)close(fd);
	daemon_free(daemon);
}

static void
session_taken_over_is_closed(void **state)
{
	int fd = join_as(*state, GOOD("/ocpp/CP1"));
	char text[64];
	int next;

	/* Two handshakes at once, in two threads, reach the core in any order. */
	say_text(fd, "[2,\"0\",\"Echo\",{}]");
	expect_text(fd, "[3,\"0\",{}]");
	next = join_as(*state, GOOD("/ocpp/CP1"));
	assert_int_equal(hear_frame(fd, text, sizeof(text)), 0x88);
	say_text(next, "[2,\"1\",\"Echo\",{}]");
	expect_text(next, "[3,\"1\",{}]");
	(void)close(fd);
	(void)close(next);
}

static void
on_drained(void *arg)
{
	struct daemon_thread *daemon = arg;

	(void)sem_post(&daemon->drained);
}

static void
on_drain(struct ocppd_core *core, void *arg)
{
	transport_drain(core, on_drained, arg);
}

static void
drain_closes_all_and_tells(void **state)
{
	struct daemon_thread *daemon = *state;
	int first = join_as(daemon, GOOD("/ocpp/CP1"));
	int second = join_as(daemon, GOOD("/ocpp/CP2"));

	assert_int_equal(loop_post(&daemon->bed.core, on_drain, daemon), 0);
	expect_close(first, 1001);
	expect_close(second, 1001);
	/* One answers, one never does. */
	say_frame(first, 0x88, "\x03\xe9", 2);
	while (sem_wait(&daemon->drained) < 0)
		continue;
	(void)close(first);
	(void)close(second);
}

static void
fini_with_open_sessions_cuts_them(void **state)
{
	struct daemon_thread *daemon = daemon_new();
	int fds[50];

	(void)state;
	socket_bed_start(&daemon->bed);
	for (int i = 0; i < 50; i++)
		fds[i] = i % 2 ? dial(daemon) : join_as(daemon, GOOD("/ocpp/CP1"));
	daemon_free(daemon);
	for (int i = 0; i < 50; i++) {
		assert_true(hears_end(fds[i]));
		(void)close(fds[i]);
	}
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(message_in_fragments_with_ping_between_is_answered),
		TEST(message_longer_than_a_read_is_answered),
		TEST(message_of_bad_kind_closes_with_its_code),
		TEST(message_flood_is_answered_in_order),
		TEST(message_burst_of_many_stations_is_answered),
		cmocka_unit_test(messages_that_wait_for_a_station_are_bounded),
		TEST(message_to_a_station_that_never_reads_is_given_up),
		cmocka_unit_test(session_of_silent_station_is_pinged_and_given_up),
		TEST(session_taken_over_is_closed),
		TEST(drain_closes_all_and_tells),
		cmocka_unit_test(fini_with_open_sessions_cuts_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
