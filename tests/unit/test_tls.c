/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * TLS listeners over real sockets: a core runs in a thread of its own, the test is the station and
 * speaks through OpenSSL.
 */
#include "tls_bed.h"

#include <ocppd/error.h>
#include <ocppd/metric.h>

#include "base/text.h"
#include "transport/drops.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <cmocka.h>

#define BASIC_GOOD "Authorization: Basic UDI6c2VjcmV0\r\n" /* P2:secret */
#define BASIC_BAD "Authorization: Basic UDI6d3Jvbmc=\r\n"  /* P2:wrong */
#define REST                                                                                       \
	" HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                    \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"             \
	"Sec-WebSocket-Protocol: ocpp1.6\r\n"
#define GET(id) "GET /ocpp/" id REST "\r\n"

/* ---- The station ------------------------------------------------------------------------- */

struct client {
	SSL_CTX *context;
	SSL *ssl;
	int fd;
};

struct dress {
	const char *certificate; /* shows this one */
	const char *ciphers;
	int version; /* speaks this one only; 0: any */
	SSL_SESSION *session;
};

static void
hang_up(struct client *client)
{
	SSL_free(client->ssl);
	SSL_CTX_free(client->context);
	(void)close(client->fd);
}

static void
put_on(struct client *client, const struct files *files, const struct dress *dress)
{
	char path[PATH_SIZE];

	SSL_CTX_set_security_level(client->context, 0);
	(void)SSL_CTX_set_min_proto_version(client->context,
					    dress->version ? dress->version : TLS1_VERSION);
	(void)SSL_CTX_set_max_proto_version(client->context, dress->version);
	if (dress->ciphers)
		assert_int_equal(SSL_CTX_set_cipher_list(client->context, dress->ciphers), 1);
	file_path(files, "root", ".pem", path);
	assert_int_equal(SSL_CTX_load_verify_file(client->context, path), 1);
	SSL_CTX_set_verify(client->context, SSL_VERIFY_PEER, NULL);
	if (!dress->certificate)
		return;
	file_path(files, dress->certificate, ".pem", path);
	assert_int_equal(SSL_CTX_use_certificate_chain_file(client->context, path), 1);
	file_path(files, dress->certificate, ".key", path);
	assert_int_equal(SSL_CTX_use_PrivateKey_file(client->context, path, SSL_FILETYPE_PEM), 1);
}

/* True: the handshake is done, as far as this side knows. */
static bool
greet(struct client *client, const struct daemon_thread *daemon, const struct files *files,
      const struct dress *dress)
{
	client->context = SSL_CTX_new(TLS_client_method());
	assert_non_null(client->context);
	put_on(client, files, dress);
	client->fd = socket_bed_dial(daemon->bed.tls_port);
	client->ssl = SSL_new(client->context);
	assert_non_null(client->ssl);
	(void)SSL_set_fd(client->ssl, client->fd);
	if (dress->session)
		(void)SSL_set_session(client->ssl, dress->session);
	bool is_done = SSL_connect(client->ssl) == 1;
	ERR_clear_error();
	return is_done;
}

/* The HTTP status of a request; 0: the connection ended before there was one. */
static int64_t
ask(struct client *client, const char *request)
{
	char head[2048];
	size_t len = 0;
	int64_t status = 0;

	if (SSL_write(client->ssl, request, (int)strlen(request)) <= 0) {
		ERR_clear_error();
		return 0;
	}
	head[0] = '\0';
	while (len + 1 < sizeof(head) && !strstr(head, "\r\n\r\n")) {
		if (SSL_read(client->ssl, head + len, 1) != 1)
			break;
		head[++len] = '\0';
	}
	ERR_clear_error();
	if (len < 12)
		return 0;
	head[12] = '\0';
	assert_int_equal(parse_i64(head + 9, 100, 599, &status), 0);
	return status;
}

static int64_t
visit(const struct daemon_thread *daemon, const struct files *files, const struct dress *dress,
      const char *request)
{
	struct client client;
	int64_t status = greet(&client, daemon, files, dress) ? ask(&client, request) : 0;

	hang_up(&client);
	return status;
}

/* ---- Checks of files --------------------------------------------------------------------- */

static void
check_names_what_is_wrong(void **state)
{
	static const struct {
		struct setting setting;
		const char *option; /* NULL: nothing is wrong */
		const char *word;
	} cases[] = {
		{ { { "ec" } }, NULL, NULL },
		{ { { "ec", "rsa" } }, NULL, NULL },
		{ { { "none" } }, "listeners[1].tls.certificate", "cannot read" },
		{ { { "empty" } }, "listeners[1].tls.certificate", "no certificate" },
		{ { { "ended" } }, "listeners[1].tls.certificate", "ended at" },
		{ { { "weak" } }, "listeners[1].tls.certificate", "too weak" },
		{ { { "order" } }, "listeners[1].tls.certificate", "not issued by the one after" },
		{ { { "client" } }, "listeners[1].tls.certificate", "for TLS servers" },
		{ { { "ec" }, .key = "ec2" }, "listeners[1].tls.key", "not that of" },
		{ { { "ec" }, .key = "none" }, "listeners[1].tls.key", "cannot read" },
		{ { { "ec", "ec2" } }, "listeners[1].tls.certificate[1]", "same kind" },
		{ { { "ec" }, .client_certificate = CLIENT_CERTIFICATE_REQUIRED },
		  "listeners[1].tls.client_ca",
		  "is needed" },
		{ { { "ec" }, .client_ca = "root" }, "listeners[1].tls.client_ca", "no use" },
		{ { { "ec" },
		    .client_ca = "ec",
		    .client_certificate = CLIENT_CERTIFICATE_OPTIONAL },
		  "listeners[1].tls.client_ca",
		  "not an authority" },
		{ { { "ec" }, .ciphers = "nonsense" }, "listeners[1].tls.ciphers", "no list" },
		{ { { "ec" }, .ciphers = "ECDHE+AESGCM:NULL-SHA256:@SECLEVEL=0" },
		  "listeners[1].tls.ciphers",
		  "is broken" },
	};
	const struct files *files = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct daemon_thread *daemon = calloc(1, sizeof(*daemon));
		struct ocppd_error err = { 0 };

		assert_non_null(daemon);
		configure(daemon, files, &cases[i].setting);
		int r = transport_check(&daemon->bed.conf, &err);
		if ((r == 0) != (cases[i].option == NULL) ||
		    (cases[i].option &&
		     (!str_eq(err.option, cases[i].option) || !strstr(err.text, cases[i].word))))
			fail_msg("case %zu: %d %s: %s", i, r, err.option, err.text);
		free(daemon);
	}
}

static void
drops_of_one_address_are_counted(void **state)
{
	struct drops *drops = calloc(1, sizeof(*drops));
	char remote[CONN_REMOTE_SIZE];
	int64_t hour_us = INT64_C(3600000000);

	(void)state;
	assert_non_null(drops);
	assert_int_equal(drops_add(drops, "192.0.2.1:1", 1), 1);
	assert_int_equal(drops_add(drops, "192.0.2.1:2", 2), 2);
	assert_int_equal(drops_add(drops, "[2001:db8::1]:2", 3), 1);
	assert_int_equal(drops_add(drops, "192.0.2.1:3", 4), 3);
	assert_int_equal(drops_add(drops, "192.0.2.1:3", 5 + hour_us), 1);
	for (unsigned int i = 0; i < 2 * DROPS_MAX; i++) {
		(void)snprintf(remote, sizeof(remote), "198.51.100.%u:1", i);
		assert_int_equal(drops_add(drops, remote, 6 + hour_us + i), 1);
	}
	assert_int_equal(drops_add(drops, "192.0.2.1:4", 7 + hour_us + 1000), 1);
	free(drops);
}

/* ---- Handshakes -------------------------------------------------------------------------- */

static void
profile_two_asks_for_the_password(void **state)
{
	static const struct {
		const char *request;
		int64_t status;
	} cases[] = {
		{ "GET /ocpp/P2" REST BASIC_GOOD "\r\n", 101 },
		{ "GET /ocpp/P2" REST BASIC_BAD "\r\n", 401 },
		{ GET("P2"), 401 },
		{ GET("P0"), 403 }, /* A00.FR.002 */
		{ "GET /ocpp/P1" REST "Authorization: Basic UDE6c2VjcmV0\r\n\r\n", 403 },
		{ GET("P3"), 403 },
		{ GET("ANY"), 101 },
		{ GET("NOBODY"), 404 },
	};
	static const struct setting setting = { { "ec" }, .min_version = MIN_VERSION_1_2 };
	static const struct dress dress;
	const struct files *files = *state;
	struct daemon_thread *daemon = daemon_start(files, &setting);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(visit(daemon, files, &dress, cases[i].request), cases[i].status);
	daemon_stop(daemon);
}

static void
profile_three_asks_for_the_certificate(void **state)
{
	static const struct {
		const char *certificate;
		const char *request;
		int64_t optional; /* status; 0: no handshake */
		int64_t required;
	} cases[] = {
		{ "client", GET("P3"), 101, 101 },
		{ "client", GET("CN"), 403, 403 },
		{ "client", GET("p3"), 403, 403 }, /* another station */
		{ "serial", GET("CN"), 101, 101 },
		{ "serial", GET("P3"), 403, 403 },
		{ NULL, GET("P3"), 403, 0 },
		{ "foreign", GET("P3"), 0, 0 },
		{ "past", GET("P3"), 0, 0 },
		{ "ec", GET("P3"), 0, 0 }, /* a server's */
		{ NULL, "GET /ocpp/P2" REST BASIC_GOOD "\r\n", 101, 0 },
		{ "client", "GET /ocpp/P2" REST "\r\n", 401, 401 },
		{ "client", GET("ANY"), 101, 101 },
	};
	struct setting setting = { { "ec" },
				   .client_ca = "root",
				   .min_version = MIN_VERSION_1_2,
				   .client_certificate = CLIENT_CERTIFICATE_OPTIONAL };
	const struct files *files = *state;
	struct daemon_thread *daemon = daemon_start(files, &setting);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dress dress = { .certificate = cases[i].certificate };

		assert_int_equal(visit(daemon, files, &dress, cases[i].request), cases[i].optional);
	}
	daemon_stop(daemon);

	setting.client_certificate = CLIENT_CERTIFICATE_REQUIRED;
	daemon = daemon_start(files, &setting);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dress dress = { .certificate = cases[i].certificate };

		assert_int_equal(visit(daemon, files, &dress, cases[i].request), cases[i].required);
	}
	daemon_stop(daemon);
}

static void
connection_says_which_profile_was_used(void **state)
{
	static const struct setting setting = { { "ec" },
						.client_ca = "root",
						.min_version = MIN_VERSION_1_2,
						.client_certificate = CLIENT_CERTIFICATE_OPTIONAL };
	static const struct {
		const char *certificate;
		const char *request;
		uint32_t profile;
	} cases[] = {
		{ NULL, "GET /ocpp/P2" REST BASIC_GOOD "\r\n", 2 },
		{ "client", GET("P3"), 3 },
		{ NULL, GET("ANY"), 0 },
	};
	const struct files *files = *state;
	static const unsigned char echo[] = "\x81\x91\0\0\0\0[2,\"1\",\"Echo\",{}]";

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct daemon_thread *daemon = daemon_start(files, &setting);
		struct dress dress = { .certificate = cases[i].certificate };
		struct client client;
		char answer[32];

		assert_true(greet(&client, daemon, files, &dress));
		assert_int_equal(ask(&client, cases[i].request), 101);
		assert_true(SSL_write(client.ssl, echo, sizeof(echo) - 1) > 0);
		int n = SSL_read(client.ssl, answer, sizeof(answer));
		assert_int_equal(n, 12);
		assert_memory_equal(answer, "\x81\x0a[3,\"1\",{}]", 12);
		assert_int_equal(ask_profile(daemon), cases[i].profile);
		hang_up(&client);
		daemon_stop(daemon);
	}
}

static void
plain_and_tls_do_not_mix(void **state)
{
	static const struct setting setting = { { "ec" }, .min_version = MIN_VERSION_1_2 };
	static const char request[] = GET("P0");
	const struct files *files = *state;
	struct daemon_thread *daemon = daemon_start(files, &setting);
	char head[64] = "";

	/* Nothing is served to those who do not speak TLS. */
	int fd = socket_bed_dial(daemon->bed.tls_port);
	assert_true(send(fd, request, strlen(request), MSG_NOSIGNAL) > 0);
	ssize_t n = recv(fd, head, sizeof(head) - 1, 0);
	assert_true(n <= 0 || memcmp(head, "HTTP", 4) != 0);
	(void)close(fd);

	/* The plain listener beside it serves as ever, and knows the stations of TLS. */
	fd = socket_bed_dial(daemon->bed.port);
	assert_true(send(fd, request, strlen(request), MSG_NOSIGNAL) > 0);
	assert_true(recv(fd, head, 12, MSG_WAITALL) == 12);
	assert_memory_equal(head, "HTTP/1.1 101", 12);
	(void)close(fd);
	fd = socket_bed_dial(daemon->bed.port);
	assert_true(send(fd, GET("P3"), strlen(GET("P3")), MSG_NOSIGNAL) > 0);
	assert_true(recv(fd, head, 12, MSG_WAITALL) == 12);
	assert_memory_equal(head + 8, " 403", 4);
	(void)close(fd);
	daemon_stop(daemon);
}

#define RSA_SUITES "ECDHE+AESGCM:AES128-GCM-SHA256:AES256-GCM-SHA384"

static void
suites_and_versions_are_those_configured(void **state)
{
	static const struct {
		struct setting setting;
		const char *suite; /* what the station speaks */
		int version;
		int64_t status;
	} cases[] = {
		{ { { "ec", "rsa" }, .ciphers = RSA_SUITES, .min_version = MIN_VERSION_1_2 },
		  "ECDHE-ECDSA-AES128-GCM-SHA256",
		  TLS1_2_VERSION,
		  101 },
		{ { { "ec", "rsa" }, .ciphers = RSA_SUITES, .min_version = MIN_VERSION_1_2 },
		  "ECDHE-ECDSA-AES256-GCM-SHA384",
		  TLS1_2_VERSION,
		  101 },
		{ { { "ec", "rsa" }, .ciphers = RSA_SUITES, .min_version = MIN_VERSION_1_2 },
		  "AES128-GCM-SHA256",
		  TLS1_2_VERSION,
		  101 },
		{ { { "ec", "rsa" }, .ciphers = RSA_SUITES, .min_version = MIN_VERSION_1_2 },
		  "AES256-GCM-SHA384",
		  TLS1_2_VERSION,
		  101 },
		{ { { "ec", "rsa" }, .min_version = MIN_VERSION_1_2 },
		  "ECDHE-RSA-AES128-GCM-SHA256",
		  TLS1_2_VERSION,
		  101 },
		{ { { "ec", "rsa" }, .min_version = MIN_VERSION_1_2 },
		  "AES128-GCM-SHA256",
		  TLS1_2_VERSION,
		  0 },
		{ { { "ec" }, .min_version = MIN_VERSION_1_2 }, NULL, TLS1_1_VERSION, 0 },
		{ { { "ec" }, .min_version = MIN_VERSION_1_2 }, NULL, TLS1_3_VERSION, 101 },
		{ { { "ec" }, .min_version = MIN_VERSION_1_3 }, NULL, TLS1_2_VERSION, 0 },
		{ { { "rsa" }, .min_version = MIN_VERSION_1_0 },
		  "AES128-SHA",
		  TLS1_1_VERSION,
		  101 },
		{ { { "rsa" }, .min_version = MIN_VERSION_1_0 }, "AES128-SHA", TLS1_VERSION, 101 },
		{ { { "rsa" }, .min_version = MIN_VERSION_1_1 }, "AES128-SHA", TLS1_VERSION, 0 },
	};
	const struct files *files = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct daemon_thread *daemon = daemon_start(files, &cases[i].setting);
		struct dress dress = { .ciphers = cases[i].suite, .version = cases[i].version };
		int64_t status = visit(daemon, files, &dress, GET("ANY"));

		if (status != cases[i].status)
			fail_msg("case %zu: %d", i, (int)status);
		daemon_stop(daemon);
	}
}

static void
tickets_are_taken_by_every_thread(void **state)
{
	static const struct setting setting = { { "ec" },
						.client_ca = "root",
						.min_version = MIN_VERSION_1_2,
						.client_certificate = CLIENT_CERTIFICATE_REQUIRED };
	const struct files *files = *state;
	struct daemon_thread *daemon = daemon_start(files, &setting);
	struct dress dress = { .certificate = "client", .version = TLS1_2_VERSION };
	struct client clients[4];

	assert_true(greet(&clients[0], daemon, files, &dress));
	assert_int_equal(ask(&clients[0], GET("P3")), 101);
	dress.session = SSL_get1_session(clients[0].ssl);
	/* Threads take turns, since each gets the fewest connections. */
	for (int i = 1; i < 4; i++) {
		assert_true(greet(&clients[i], daemon, files, &dress));
		assert_int_equal(SSL_session_reused(clients[i].ssl), 1);
		assert_int_equal(ask(&clients[i], GET("P3")), 101);
	}
	/* A reload may have changed who is trusted: nobody comes back by a ticket. */
	reload(daemon);
	hang_up(&clients[3]);
	assert_true(greet(&clients[3], daemon, files, &dress));
	assert_int_equal(SSL_session_reused(clients[3].ssl), 0);
	SSL_SESSION_free(dress.session);
	for (int i = 0; i < 4; i++)
		hang_up(&clients[i]);
	daemon_stop(daemon);
}

/* ---- Renewal ----------------------------------------------------------------------------- */

static int64_t
shown_end(const struct daemon_thread *daemon, const struct files *files)
{
	static const struct dress dress;
	struct client client;
	struct tm tm;

	assert_true(greet(&client, daemon, files, &dress));
	X509 *certificate = SSL_get1_peer_certificate(client.ssl);
	assert_int_equal(ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm), 1);
	X509_free(certificate);
	hang_up(&client);
	return (timegm(&tm) - time(NULL) + DAY_S / 2) / DAY_S;
}

static void
reload_shows_the_new_certificate_and_keeps_the_old_one_over_a_bad_one(void **state)
{
	static const struct setting setting = { { "live" }, .min_version = MIN_VERSION_1_2 };
	static const struct dress dress;
	static const unsigned char echo[] = "\x81\x91\0\0\0\0[2,\"1\",\"Echo\",{}]";
	const struct files *files = *state;
	struct wish wish = { "live", "localhost", .ends_s = 50 * DAY_S };
	struct client client;
	char answer[32];

	grant(files, &wish);
	struct daemon_thread *daemon = daemon_start(files, &setting);
	assert_true(greet(&client, daemon, files, &dress));
	assert_int_equal(ask(&client, GET("ANY")), 101);
	assert_int_equal(shown_end(daemon, files), 50);

	wish.ends_s = 60 * DAY_S;
	grant(files, &wish);
	reload(daemon);
	assert_int_equal(shown_end(daemon, files), 60);
	assert_int_equal(daemon->level, OCPPD_HEALTH_OK);

	wish.ends_s = 70 * DAY_S;
	wish.is_key_absent = true; /* half of a pair was replaced */
	grant(files, &wish);
	reload(daemon);
	assert_int_equal(shown_end(daemon, files), 60);

	wish.is_key_absent = false;
	wish.is_rsa = true; /* needs a restart */
	grant(files, &wish);
	reload(daemon);
	assert_int_equal(shown_end(daemon, files), 60);

	/* Who was there from the beginning noticed nothing. */
	assert_true(SSL_write(client.ssl, echo, sizeof(echo) - 1) > 0);
	assert_int_equal(SSL_read(client.ssl, answer, sizeof(answer)), 12);
	hang_up(&client);
	daemon_stop(daemon);
}

static void
health_tells_of_a_certificate_that_ends(void **state)
{
	static const struct setting setting = { { "soon" }, .min_version = MIN_VERSION_1_2 };
	const struct files *files = *state;
	struct daemon_thread *daemon = daemon_start(files, &setting);

	reload(daemon);
	assert_int_equal(daemon->level, OCPPD_HEALTH_DEGRADED);
	daemon->advance_us = 11 * INT64_C(86400000000);
	reload(daemon);
	assert_int_equal(daemon->level, OCPPD_HEALTH_FAILED);
	daemon_stop(daemon);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_names_what_is_wrong),
		cmocka_unit_test(drops_of_one_address_are_counted),
		cmocka_unit_test(profile_two_asks_for_the_password),
		cmocka_unit_test(profile_three_asks_for_the_certificate),
		cmocka_unit_test(connection_says_which_profile_was_used),
		cmocka_unit_test(plain_and_tls_do_not_mix),
		cmocka_unit_test(suites_and_versions_are_those_configured),
		cmocka_unit_test(tickets_are_taken_by_every_thread),
		cmocka_unit_test(
			reload_shows_the_new_certificate_and_keeps_the_old_one_over_a_bad_one),
		cmocka_unit_test(health_tells_of_a_certificate_that_ends),
	};

	return cmocka_run_group_tests(tests, make_files, remove_files);
}
