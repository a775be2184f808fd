/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* Handshakes over real sockets: who is admitted, and who waits too long. */
#include "transport_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const struct {
	const char *label;
	const char *request;
	const char *status;
	const char *contains;
} refusals[] = {
	{ "no upgrade", GET("/ocpp/CP1") "Host: x\r\n\r\n", "426", "pgrade: websocket" },
	/* lws refuses that by itself. */
	{ "other upgrade", GET("/ocpp/CP1") "Host: x\r\nUpgrade: h3\r\nConnection: Upgrade\r\n\r\n",
	  "403", "" },
	{ "version 8", GET("/ocpp/CP1") UPGRADE "Sec-WebSocket-Version: 8\r\n" J16 "\r\n", "426",
	  "ersion: 13" },
	{ "no key",
	  GET("/ocpp/CP1") "Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" V13 "\r\n",
	  "400", "" },
	{ "no Connection", GET("/ocpp/CP1") "Host: x\r\nUpgrade: websocket\r\n" KEY V13 J16 "\r\n",
	  "400", "" },
	{ "no Host",
	  GET("/ocpp/CP1") "Upgrade: websocket\r\nConnection: Upgrade\r\n" KEY V13 J16 "\r\n",
	  "400", "" },
	{ "wrong path", GOOD("/other/CP1"), "404", "" },
	{ "no identity", GOOD("/ocpp/"), "404", "" },
	{ "bad identity", GOOD("/ocpp/CP%07"), "404", "" },
	{ "unknown", GOOD("/ocpp/CP9"), "404", "" },
	{ "refused by record", GOOD("/ocpp/NO"), "403", "" },
	{ "needs TLS", GOOD("/ocpp/TLS"), "403", "" },
	{ "no credentials", GOOD("/ocpp/PW"), "401", "asic realm=" },
	{ "wrong password",
	  GET("/ocpp/PW") UPGRADE V13 J16 "Authorization: Basic UFc6d3Jvbmc=\r\n\r\n", "401", "" },
	{ "wrong user",
	  GET("/ocpp/PW") UPGRADE V13 J16 "Authorization: Basic Q1AxOnNlY3JldA==\r\n\r\n", "401",
	  "" },
	{ "malformed credentials",
	  GET("/ocpp/PW") UPGRADE V13 J16 "Authorization: Basic !!!\r\n\r\n", "401", "" },
};

static void
handshake_refusal_table_as_listed(void **state)
{
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		char head[2048];
		int fd = dial(*state);

		say(fd, refusals[i].request, strlen(refusals[i].request));
		hear_head(fd, head, sizeof(head));
		if (strncmp(head, "HTTP/1.", 7) != 0 ||
		    strncmp(head + 9, refusals[i].status, 3) != 0 ||
		    !strstr(head, refusals[i].contains))
			fail_msg("%s: %s", refusals[i].label, head);
		if (!hears_end(fd))
			fail_msg("%s: connection kept", refusals[i].label);
		(void)close(fd);
	}
}

static const struct {
	const char *label;
	const char *request;
	const char *protocol; /* NULL: no header */
} admissions[] = {
	{ "plain", GOOD("/ocpp/CP1"), "ocpp1.6" },
	{ "query, slash, case", GOOD("/ocpp/cp1/?a=b"), "ocpp1.6" },
	{ "percent", GOOD("/ocpp/%43P1"), "ocpp1.6" },
	{ "second offer",
	  GET("/ocpp/CP1") UPGRADE V13 "Sec-WebSocket-Protocol: ocpp0.1, ocpp1.6\r\n\r\n",
	  "ocpp1.6" },
	{ "two headers",
	  GET("/ocpp/CP1") UPGRADE V13 "Sec-WebSocket-Protocol: ocpp0.1\r\n" J16 "\r\n",
	  "ocpp1.6" },
	{ "station's order",
	  GET("/ocpp/CP1") UPGRADE V13 "Sec-WebSocket-Protocol: ocpp2.0.1, ocpp1.6\r\n\r\n",
	  "ocpp2.0.1" },
	{ "pinned",
	  GET("/ocpp/PIN") UPGRADE V13 "Sec-WebSocket-Protocol: ocpp2.0.1, ocpp1.6\r\n\r\n",
	  "ocpp1.6" },
	{ "after a pinned one",
	  GET("/ocpp/CP1") UPGRADE V13 "Sec-WebSocket-Protocol: ocpp2.0.1\r\n\r\n", "ocpp2.0.1" },
	{ "none named", GET("/ocpp/CP1") UPGRADE V13 "\r\n", NULL },
	{ "password", GET("/ocpp/PW") UPGRADE V13 J16 "Authorization: Basic UFc6c2VjcmV0\r\n\r\n",
	  "ocpp1.6" },
	{ "needless credentials",
	  GET("/ocpp/CP1") UPGRADE V13 J16 "Authorization: Basic UFc6d3Jvbmc=\r\n\r\n", "ocpp1.6" },
};

static void
handshake_admission_table_as_listed(void **state)
{
	for (size_t i = 0; i < sizeof(admissions) / sizeof(admissions[0]); i++) {
		const char *protocol = admissions[i].protocol;
		char head[2048];
		char wanted[64] = "";
		int fd = dial(*state);

		say(fd, admissions[i].request, strlen(admissions[i].request));
		hear_head(fd, head, sizeof(head));
		if (protocol)
			(void)snprintf(wanted, sizeof(wanted), "rotocol: %s\r\n", protocol);
		if (strncmp(head, "HTTP/1.1 101 ", 13) != 0 || !strstr(head, wanted) ||
		    (!protocol && strstr(head, "rotocol:")) || !strstr(head, &ACCEPT[4]))
			fail_msg("%s: %s", admissions[i].label, head);
		say_text(fd, "[2,\"1\",\"Echo\",{}]");
		expect_text(fd, "[3,\"1\",{}]");
		(void)close(fd);
	}
}

static void
handshake_without_common_protocol_is_finished_and_closed(void **state)
{
	static const char request[] =
		GET("/ocpp/CP1") UPGRADE V13 "Sec-WebSocket-Protocol: ocpp0.1\r\n\r\n";
	char head[2048];
	int fd = dial(*state);

	say(fd, request, sizeof(request) - 1);
	hear_head(fd, head, sizeof(head));
	assert_memory_equal(head, "HTTP/1.1 101 ", 13);
	assert_non_null(strstr(head, ACCEPT));
	assert_null(strstr(head, "rotocol:"));
	expect_close(fd, 1002);
	assert_true(hears_end(fd));
	(void)close(fd);
}

static void
handshake_of_no_http_ends(void **state)
{
	static const char request[] = "\x16\x03\x01 this is not HTTP\r\n\r\n";
	int fd = dial(*state);

	say(fd, request, sizeof(request) - 1);
	assert_true(hears_end(fd));
	(void)close(fd);
}

static void
handshake_unfinished_is_cut_and_others_served(void **state)
{
	struct daemon_thread *daemon = daemon_new();
	int idle[20];

	(void)state;
	daemon->bed.conf.handshake_timeout_ms = 500;
	daemon->bed.conf.max_handshakes = 4;
	socket_bed_start(&daemon->bed);
	/* More than may be unfinished: the rest waits, and all end. */
	for (int i = 0; i < 20; i++) {
		idle[i] = dial(daemon);
		say(idle[i], "GET /ocpp/CP1 HTTP/1.1\r\n", 24);
	}
	int fd = join_at_last(daemon, GOOD("/ocpp/CP1"));
	say_text(fd, "[2,\"1\",\"Echo\",{}]");
	expect_text(fd, "[3,\"1\",{}]");
	for (int i = 0; i < 20; i++) {
		assert_true(hears_end(idle[i]));
		(void)close(idle[i]);
	}
	(void)close(fd);
	daemon_free(daemon);
}

/* Accepted, but no thread has room for them yet. */
static void
stop_ends_those_that_wait_for_their_handshake(void **state)
{
	struct daemon_thread *daemon = daemon_new();
	int idle[16];

	(void)state;
	daemon->bed.conf.max_handshakes = 1;
	socket_bed_start(&daemon->bed);
	for (int i = 0; i < 16; i++) {
		idle[i] = dial(daemon);
		say(idle[i], "GET /ocpp/CP1 HTTP/1.1\r\n", 24);
	}
	daemon_free(daemon);
	for (int i = 0; i < 16; i++) {
		assert_true(hears_end(idle[i]));
		(void)close(idle[i]);
	}
}

static void
handshake_beyond_max_connections_is_told_503(void **state)
{
	struct daemon_thread *daemon = daemon_new();
	char head[2048];

	(void)state;
	daemon->bed.conf.max_connections = 1;
	socket_bed_start(&daemon->bed);
	int fd = join_as(daemon, GOOD("/ocpp/CP1"));
	int second = dial(daemon);
	say(second, GOOD("/ocpp/CP2"), strlen(GOOD("/ocpp/CP2")));
	hear_head(second, head, sizeof(head));
	assert_memory_equal(head + 9, "503", 3);
	assert_non_null(strstr(head, "etry-"));
	(void)close(second);
	(void)close(fd);
	daemon_free(daemon);
}

static void
listen_on_taken_port_names_it(void **state)
{
	struct daemon_thread *first = *state;
	struct daemon_thread *daemon = daemon_new();
	char address[32];

	daemon->listener.port = first->bed.port;
	socket_bed_start(&daemon->bed);
	(void)snprintf(address, sizeof(address), "127.0.0.1:%u", first->bed.port);
	assert_int_equal(daemon->bed.result, OCPPD_EIO);
	assert_non_null(strstr(daemon->bed.err.text, address));
	daemon_free(daemon);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(handshake_refusal_table_as_listed),
		TEST(handshake_admission_table_as_listed),
		TEST(handshake_without_common_protocol_is_finished_and_closed),
		TEST(handshake_of_no_http_ends),
		cmocka_unit_test(handshake_unfinished_is_cut_and_others_served),
		cmocka_unit_test(stop_ends_those_that_wait_for_their_handshake),
		cmocka_unit_test(handshake_beyond_max_connections_is_told_503),
		TEST(listen_on_taken_port_names_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
