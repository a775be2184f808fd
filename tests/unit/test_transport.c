/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * The transport over real sockets: a core with one static module runs in a thread of its own, the
 * test is the station and speaks bytes.
 */
#include "socket_bed.h"

#include <ocppd/action.h>
#include <ocppd/directory.h>
#include <ocppd/error.h>
#include <ocppd/plugin.h>
#include <ocppd/station.h>

#include "runtime/loop.h"
#include "transport/io.h"

#include <errno.h>
#include <poll.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define BIG 60000
#define MANY 120 /* CALLs in one turn of the core */
#define MAX_MESSAGE 8192
/* More than the core takes in one turn. */
#define BURST 400
#define BURST_ROUNDS 20
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define UPGRADE "Host: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n" KEY
#define V13 "Sec-WebSocket-Version: 13\r\n"
#define J16 "Sec-WebSocket-Protocol: ocpp1.6\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n"
#define GOOD(path) GET(path) UPGRADE V13 J16 "\r\n"

/* ---- The core, in its thread ------------------------------------------------------------- */

struct daemon_thread {
	struct socket_bed bed;
	struct listener_conf listener;
	sem_t drained;
	sem_t at_gate;
	sem_t gate;
	char big[BIG];
};

/* Keeps the core thread until the test lets it go on. */
static int
on_gate(struct ocppd_host *host, struct ocppd_call *call, struct json_object *req, void *ctx)
{
	struct daemon_thread *daemon = ctx;

	(void)req;
	(void)sem_post(&daemon->at_gate);
	while (sem_wait(&daemon->gate) < 0)
		continue;
	return ocppd_call_reply_text(host, call, "{}", 2);
}

static int
on_big(struct ocppd_host *host, struct ocppd_call *call, struct json_object *req, void *ctx)
{
	const struct daemon_thread *daemon = ctx;

	(void)req;
	return ocppd_call_reply_text(host, call, daemon->big, BIG);
}

static const struct ocppd_field no_fields[1];
static const struct ocppd_field big_fields[] = { { "text", OCPPD_T_STRING } };
static const struct ocppd_action actions[] = {
	{ "ocpp1.6",
	  "Echo",
	  OCPPD_FROM_STATION,
	  OCPPD_ACTION_ANYTIME,
	  { no_fields, 0, sizeof(no_fields[0]) },
	  { no_fields, 0, sizeof(no_fields[0]) },
	  .on_call = socket_bed_echo },
	{ "ocpp1.6",
	  "Gate",
	  OCPPD_FROM_STATION,
	  OCPPD_ACTION_ANYTIME,
	  { no_fields, 0, sizeof(no_fields[0]) },
	  { no_fields, 0, sizeof(no_fields[0]) },
	  .on_call = on_gate },
	{ "ocpp1.6",
	  "Big",
	  OCPPD_FROM_STATION,
	  OCPPD_ACTION_ANYTIME,
	  { no_fields, 0, sizeof(no_fields[0]) },
	  OCPPD_TABLE(big_fields),
	  .on_call = on_big },
	{ "ocpp2.0.1",
	  "Echo",
	  OCPPD_FROM_STATION,
	  OCPPD_ACTION_ANYTIME,
	  { no_fields, 0, sizeof(no_fields[0]) },
	  { no_fields, 0, sizeof(no_fields[0]) },
	  .on_call = socket_bed_echo },
};
static const struct ocppd_plugin plugin = { OCPPD_GUARD, "test", "1", "Test",
					    .actions = OCPPD_TABLE(actions) };

static void
provision(struct socket_bed *bed)
{
	static const char *const pin[] = { "ocpp1.6" };
	static const char *const binary[] = { "accept_binary" };
	char verifier[256];
	const char *verifiers[] = { verifier };

	assert_int_equal(ocppd_verifier_make("sha256", "secret", 6, verifier, sizeof(verifier)), 0);

	const struct ocppd_admission records[] = {
		{ .station_id = "CP1" },
		{ .station_id = "CP2" },
		{ .station_id = "PIN", .protocols = pin, .protocol_count = 1 },
		{ .station_id = "BIN", .quirks = binary, .quirk_count = 1 },
		{ .station_id = "NO", .flags = OCPPD_ADMIT_REFUSE },
		{ .station_id = "TLS", .security_profile = 2 },
		{ .station_id = "PW",
		  .security_profile = 1,
		  .verifiers = verifiers,
		  .verifier_count = 1 },
	};
	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++)
		socket_bed_admit(bed, &records[i]);
	for (int i = 0; i < BURST; i++) {
		char id[16];
		struct ocppd_admission record = { .struct_size = sizeof(record), .station_id = id };

		(void)snprintf(id, sizeof(id), "B%d", i);
		assert_int_equal(ocppd_directory_put(&bed->host, &record, NULL), 0);
	}
}

static struct daemon_thread *
daemon_new(void)
{
	struct daemon_thread *daemon = calloc(1, sizeof(*daemon));

	assert_non_null(daemon);
	daemon->listener.address = "127.0.0.1";
	daemon->bed.conf = socket_bed_conf(&daemon->listener, 1);
	daemon->bed.conf.max_message = MAX_MESSAGE;
	daemon->bed.plugin = &plugin;
	daemon->bed.ctx = daemon;
	daemon->bed.provision = provision;
	memset(daemon->big, 'x', BIG);
	memcpy(daemon->big, "{\"text\":\"", 9);
	memcpy(daemon->big + BIG - 2, "\"}", 2);
	(void)sem_init(&daemon->drained, 0, 0);
	(void)sem_init(&daemon->at_gate, 0, 0);
	(void)sem_init(&daemon->gate, 0, 0);
	return daemon;
}

static void
daemon_free(struct daemon_thread *daemon)
{
	socket_bed_stop(&daemon->bed);
	(void)sem_destroy(&daemon->drained);
	(void)sem_destroy(&daemon->at_gate);
	(void)sem_destroy(&daemon->gate);
	free(daemon);
}

static int
setup(void **state)
{
	struct daemon_thread *daemon = daemon_new();

	socket_bed_start(&daemon->bed);
	assert_int_equal(daemon->bed.result, 0);
	*state = daemon;
	return 0;
}

static int
teardown(void **state)
{
	daemon_free(*state);
	return 0;
}

/* ---- The station ------------------------------------------------------------------------- */

static int
dial(const struct daemon_thread *daemon)
{
	return socket_bed_dial(daemon->bed.port);
}

static void
say(int fd, const void *data, size_t len)
{
	assert_int_equal(send(fd, data, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* Exactly len bytes; false at the end of the connection. */
static bool
hear(int fd, void *data, size_t len)
{
	uint8_t *at = data;

	while (len > 0) {
		ssize_t n = recv(fd, at, len, 0);

		if (n < 0 && errno != ECONNRESET)
			fail_msg("nothing came in time");
		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

/* The response's head. */
static void
hear_head(int fd, char *head, size_t size)
{
	size_t len = 0;

	head[0] = '\0';
	while (len + 1 < size && !strstr(head, "\r\n\r\n") && hear(fd, head + len, 1))
		head[++len] = '\0';
}

static bool
hears_end(int fd)
{
	char rest[4096];
	ssize_t n;

	while ((n = recv(fd, rest, sizeof(rest), 0)) > 0)
		continue;
	return n == 0 || errno == ECONNRESET;
}

static int
join_as(const struct daemon_thread *daemon, const char *request)
{
	char head[2048];
	int fd = dial(daemon);

	say(fd, request, strlen(request));
	hear_head(fd, head, sizeof(head));
	if (strncmp(head, "HTTP/1.1 101 ", 13) != 0)
		fail_msg("not admitted: %s", head);
	return fd;
}

/* The same where the handshake's own deadline may pass on a busy machine: a station comes again. */
static int
join_at_last(const struct daemon_thread *daemon, const char *request)
{
	char head[2048];

	for (int i = 0; i < 40; i++) {
		int fd = dial(daemon);

		if (send(fd, request, strlen(request), MSG_NOSIGNAL) > 0) {
			hear_head(fd, head, sizeof(head));
			if (strncmp(head, "HTTP/1.1 101 ", 13) == 0)
				return fd;
		}
		(void)close(fd);
	}
	fail_msg("never admitted: %s", head);
	return -1;
}

/* opcode with FIN as it stands in the first byte. */
static void
say_frame(int fd, uint8_t first, const void *data, size_t len)
{
	uint8_t head[8] = { first };
	size_t head_len = 2;

	if (len < 126) {
		head[1] = (uint8_t)(0x80 | len);
	} else {
		head[1] = 0x80 | 126;
		head[2] = (uint8_t)(len >> 8);
		head[3] = (uint8_t)len;
		head_len = 4;
	}
	uint8_t *frame = calloc(1, len + head_len + 4);
	assert_non_null(frame);
	memcpy(frame, head, head_len); /* the mask is 0 */
	memcpy(frame + head_len + 4, data, len);
	say(fd, frame, head_len + 4 + len);
	free(frame);
}

static void
say_text(int fd, const char *text)
{
	say_frame(fd, 0x81, text, strlen(text));
}

/* The next frame: its first byte, 0 at the end of the connection. */
static uint8_t
hear_frame(int fd, char *text, size_t size)
{
	uint8_t head[4];
	size_t len;

	if (!hear(fd, head, 2))
		return 0;
	len = head[1];
	if (len == 126) {
		assert_true(hear(fd, head + 2, 2));
		len = (size_t)head[2] << 8 | head[3];
	}
	assert_true(len < size);
	assert_true(hear(fd, text, len));
	text[len] = '\0';
	return head[0];
}

static void
expect_text(int fd, const char *expected)
{
	char text[4096];

	assert_int_equal(hear_frame(fd, text, sizeof(text)), 0x81);
	assert_string_equal(text, expected);
}

static void
expect_close(int fd, uint32_t code)
{
	char text[256];

	assert_int_equal(hear_frame(fd, text, sizeof(text)), 0x88);
	assert_int_equal((uint8_t)text[0] << 8 | (uint8_t)text[1], code);
}

/* ---- Handshakes -------------------------------------------------------------------------- */

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
		TEST(handshake_refusal_table_as_listed),
		TEST(handshake_admission_table_as_listed),
		TEST(handshake_without_common_protocol_is_finished_and_closed),
		TEST(handshake_of_no_http_ends),
		cmocka_unit_test(handshake_unfinished_is_cut_and_others_served),
		cmocka_unit_test(stop_ends_those_that_wait_for_their_handshake),
		cmocka_unit_test(handshake_beyond_max_connections_is_told_503),
		TEST(listen_on_taken_port_names_it),
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
