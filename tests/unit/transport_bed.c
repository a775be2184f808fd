/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * What tests of the transport stand on: a core with one static module runs in a thread of its own,
 * the test is the station and speaks bytes.
 */
#include "transport_bed.h"

#include <ocppd/action.h>
#include <ocppd/directory.h>
#include <ocppd/station.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- The core, in its thread ------------------------------------------------------------- */

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

struct daemon_thread *
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

void
daemon_free(struct daemon_thread *daemon)
{
	socket_bed_stop(&daemon->bed);
	(void)sem_destroy(&daemon->drained);
	(void)sem_destroy(&daemon->at_gate);
	(void)sem_destroy(&daemon->gate);
	free(daemon);
}

int
setup(void **state)
{
	struct daemon_thread *daemon = daemon_new();

	socket_bed_start(&daemon->bed);
	assert_int_equal(daemon->bed.result, 0);
	*state = daemon;
	return 0;
}

int
teardown(void **state)
{
	daemon_free(*state);
	return 0;
}

/* ---- The station ------------------------------------------------------------------------- */

int
dial(const struct daemon_thread *daemon)
{
	return socket_bed_dial(daemon->bed.port);
}

void
say(int fd, const void *data, size_t len)
{
	assert_int_equal(send(fd, data, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* Exactly len bytes; false at the end of the connection. */
bool
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
void
hear_head(int fd, char *head, size_t size)
{
	size_t len = 0;

	head[0] = '\0';
	while (len + 1 < size && !strstr(head, "\r\n\r\n") && hear(fd, head + len, 1))
		head[++len] = '\0';
}

bool
hears_end(int fd)
{
	char rest[4096];
	ssize_t n;

	while ((n = recv(fd, rest, sizeof(rest), 0)) > 0)
		continue;
	return n == 0 || errno == ECONNRESET;
}

int
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
int
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
void
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

void
say_text(int fd, const char *text)
{
	say_frame(fd, 0x81, text, strlen(text));
}

/* The next frame: its first byte, 0 at the end of the connection. */
uint8_t
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

void
expect_text(int fd, const char *expected)
{
	char text[4096];

	assert_int_equal(hear_frame(fd, text, sizeof(text)), 0x81);
	assert_string_equal(text, expected);
}

void
expect_close(int fd, uint32_t code)
{
	char text[256];

	assert_int_equal(hear_frame(fd, text, sizeof(text)), 0x88);
	assert_int_equal((uint8_t)text[0] << 8 | (uint8_t)text[1], code);
}
