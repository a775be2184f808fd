/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * TLS listeners over real sockets, with certificates that the test makes: a core runs in a thread
 * of its own, the test is the station and speaks through OpenSSL.
 */
#include "transport/transport.h"

#include <ocppd/action.h>
#include <ocppd/directory.h>
#include <ocppd/error.h>
#include <ocppd/metric.h>
#include <ocppd/plugin.h>
#include <ocppd/station.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "ocpp/ocpp.h"
#include "runtime/host.h"
#include "runtime/loop.h"
#include "transport/directory.h"
#include "transport/drops.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cmocka.h>

#define DAY_S 86400L
#define PATH_SIZE 128
#define BASIC_GOOD "Authorization: Basic UDI6c2VjcmV0\r\n" /* P2:secret */
#define BASIC_BAD "Authorization: Basic UDI6d3Jvbmc=\r\n"  /* P2:wrong */
#define REST                                                                                       \
	" HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                    \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"             \
	"Sec-WebSocket-Protocol: ocpp1.6\r\n"
#define GET(id) "GET /ocpp/" id REST "\r\n"

/* ---- Certificates ------------------------------------------------------------------------ */

/* All of a test program: made once, in a folder of its own. */
struct files {
	char folder[32];
	EVP_PKEY *root_key;
	X509 *root;
	EVP_PKEY *middle_key;
	X509 *middle;
	EVP_PKEY *other_key;
	X509 *other;
};

struct wish {
	const char *file; /* FILE.pem and FILE.key */
	const char *name; /* common name */
	bool is_rsa;
	int bits;           /* RSA; 0: 2048 */
	long ends_s;        /* from now; 0: 100 days */
	bool is_client;     /* for TLS clients */
	bool is_foreign;    /* by the other authority */
	bool is_wrong_way;  /* the chain the wrong way round */
	bool is_key_absent; /* nothing but the certificate is written */
};

static EVP_PKEY *
key_new(bool is_rsa, int bits)
{
	return is_rsa ? EVP_RSA_gen((unsigned int)(bits > 0 ? bits : 2048)) : EVP_EC_gen("P-256");
}

static void
add_extension(X509 *certificate, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert_non_null(extension);
	assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

static X509 *
certificate_new(const char *name, EVP_PKEY *key, long ends_s)
{
	X509 *certificate = X509_new();
	X509_NAME *subject = X509_NAME_new();
	unsigned char serial[8];

	assert_non_null(certificate);
	(void)getentropy(serial, sizeof(serial));
	serial[0] = 1;
	BIGNUM *number = BN_bin2bn(serial, sizeof(serial), NULL);
	assert_non_null(BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)));
	BN_free(number);
	(void)X509_set_version(certificate, X509_VERSION_3);
	(void)X509_gmtime_adj(X509_getm_notBefore(certificate), ends_s < 0 ? 2 * ends_s : -DAY_S);
	(void)X509_gmtime_adj(X509_getm_notAfter(certificate), ends_s);
	(void)X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name,
					 -1, -1, 0);
	(void)X509_set_subject_name(certificate, subject);
	X509_NAME_free(subject);
	(void)X509_set_pubkey(certificate, key);
	return certificate;
}

static void
sign(X509 *certificate, X509 *issuer, EVP_PKEY *key)
{
	(void)X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
	assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
}

static X509 *
authority_new(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key)
{
	X509 *certificate = certificate_new(name, key, 1000 * DAY_S);

	add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
	sign(certificate, issuer ? issuer : certificate, issuer ? issuer_key : key);
	return certificate;
}

static void
file_path(const struct files *files, const char *name, const char *suffix, char *ret_path)
{
	(void)snprintf(ret_path, PATH_SIZE, "%s/%s%s", files->folder, name, suffix);
}

static FILE *
file_open(const struct files *files, const char *name, const char *suffix)
{
	char path[PATH_SIZE];

	file_path(files, name, suffix, path);
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	return file;
}

static void
grant(const struct files *files, const struct wish *wish)
{
	EVP_PKEY *key = key_new(wish->is_rsa, wish->bits);
	X509 *leaf = certificate_new(wish->name, key, wish->ends_s ? wish->ends_s : 100 * DAY_S);
	FILE *file = file_open(files, wish->file, ".pem");

	add_extension(leaf, NID_ext_key_usage, wish->is_client ? "clientAuth" : "serverAuth");
	if (wish->is_foreign)
		sign(leaf, files->other, files->other_key);
	else
		sign(leaf, files->middle, files->middle_key);
	if (wish->is_wrong_way)
		(void)PEM_write_X509(file, files->middle);
	(void)PEM_write_X509(file, leaf);
	if (!wish->is_wrong_way && !wish->is_foreign)
		(void)PEM_write_X509(file, files->middle);
	(void)fclose(file);
	if (!wish->is_key_absent) {
		file = file_open(files, wish->file, ".key");
		(void)PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
		(void)fclose(file);
	}
	X509_free(leaf);
	EVP_PKEY_free(key);
}

static const struct wish wishes[] = {
	{ "ec", "localhost" },
	{ "rsa", "localhost", .is_rsa = true },
	{ "ec2", "localhost" },
	{ "soon", "localhost", .ends_s = 10 * DAY_S },
	{ "ended", "localhost", .ends_s = -DAY_S },
	{ "weak", "localhost", .is_rsa = true, .bits = 1024 },
	{ "order", "localhost", .is_wrong_way = true },
	{ "client", "P3", .is_client = true },
	{ "serial", "SN-42", .is_client = true },
	{ "foreign", "P3", .is_client = true, .is_foreign = true },
	{ "past", "P3", .is_client = true, .ends_s = -DAY_S },
};

static int
make_files(void **state)
{
	struct files *files = calloc(1, sizeof(*files));

	assert_non_null(files);
	(void)str_copy(files->folder, sizeof(files->folder), "/tmp/ocppd-tls-XXXXXX");
	assert_non_null(mkdtemp(files->folder));
	files->root_key = key_new(false, 0);
	files->root = authority_new("Root", files->root_key, NULL, NULL);
	files->middle_key = key_new(false, 0);
	files->middle = authority_new("Middle", files->middle_key, files->root, files->root_key);
	files->other_key = key_new(false, 0);
	files->other = authority_new("Other", files->other_key, NULL, NULL);
	for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++)
		grant(files, &wishes[i]);
	FILE *file = file_open(files, "root", ".pem");
	(void)PEM_write_X509(file, files->root);
	(void)fclose(file);
	file = file_open(files, "empty", ".pem");
	(void)fclose(file);
	*state = files;
	return 0;
}

static int
remove_files(void **state)
{
	struct files *files = *state;
	char path[PATH_SIZE];

	for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
		file_path(files, wishes[i].file, ".pem", path);
		(void)unlink(path);
		file_path(files, wishes[i].file, ".key", path);
		(void)unlink(path);
	}
	file_path(files, "root", ".pem", path);
	(void)unlink(path);
	file_path(files, "empty", ".pem", path);
	(void)unlink(path);
	file_path(files, "live", ".pem", path);
	(void)unlink(path);
	file_path(files, "live", ".key", path);
	(void)unlink(path);
	(void)rmdir(files->folder);
	X509_free(files->root);
	X509_free(files->middle);
	X509_free(files->other);
	EVP_PKEY_free(files->root_key);
	EVP_PKEY_free(files->middle_key);
	EVP_PKEY_free(files->other_key);
	free(files);
	return 0;
}

/* ---- The core, in its thread ------------------------------------------------------------- */

struct setting {
	const char *certificates[2]; /* the second may be NULL */
	const char *key;             /* instead of the first's own */
	const char *client_ca;
	const char *ciphers;
	uint32_t client_certificate;
	uint32_t min_version;
};

struct daemon_thread {
	struct ocppd_core core;
	struct ocppd_host host;
	struct transport_conf conf;
	struct listener_conf listeners[2]; /* plain, TLS */
	char paths[5][PATH_SIZE];
	const char *certificates[2];
	const char *keys[2];
	pthread_t thread;
	sem_t ready;
	sem_t done;
	sem_t stopped;
	int result;
	uint16_t plain_port;
	uint16_t port;
	uint32_t level;
	int64_t advance_us;
	uint32_t profile;
};

static int
on_echo(struct ocppd_host *host, struct ocppd_call *call, struct json_object *req, void *ctx)
{
	(void)req;
	(void)ctx;
	return ocppd_call_reply_text(host, call, "{}", 2);
}

static const struct ocppd_field no_fields[1];
static const struct ocppd_action actions[] = {
	{ "ocpp1.6",
	  "Echo",
	  OCPPD_FROM_STATION,
	  OCPPD_ACTION_ANYTIME,
	  { no_fields, 0, sizeof(no_fields[0]) },
	  { no_fields, 0, sizeof(no_fields[0]) },
	  .on_call = on_echo },
};
static const struct ocppd_plugin plugin = { OCPPD_GUARD, "test", "1", "Test",
					    .actions = OCPPD_TABLE(actions) };

static const struct ocpp_conf ocpp_conf = {
	.call_timeout_ms = 30000,
	.call_wait_ms = 60000,
	.call_queue = 64,
	.handler_timeout_ms = 30000,
	.inbound_queue = 64,
	.max_stations = 1000,
	.reply_memory = 1048576,
};
static const struct runtime_conf runtime_conf = {
	.start_timeout_ms = 1000,
	.stop_timeout_ms = 1000,
	.event_queue = 1000,
	.post_queue = 1000,
};

static void
provision(struct daemon_thread *daemon)
{
	static const char *const serial[] = { "certificate_cn=SN-42" };
	char verifier[256];
	const char *verifiers[] = { verifier };

	assert_int_equal(ocppd_verifier_make("sha256", "secret", 6, verifier, sizeof(verifier)), 0);
	const struct ocppd_admission records[] = {
		{ .station_id = "P0" },
		{ .station_id = "P1",
		  .security_profile = 1,
		  .verifiers = verifiers,
		  .verifier_count = 1 },
		{ .station_id = "P2",
		  .security_profile = 2,
		  .verifiers = verifiers,
		  .verifier_count = 1 },
		{ .station_id = "P3", .security_profile = 3 },
		{ .station_id = "p3", .security_profile = 3 },
		{ .station_id = "CN", .security_profile = 3, .quirks = serial, .quirk_count = 1 },
		{ .station_id = "ANY", .security_profile = OCPPD_PROFILE_ANY },
	};

	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		struct ocppd_admission record = records[i];

		record.struct_size = sizeof(record);
		record.registration = OCPPD_REG_ACCEPTED;
		assert_int_equal(ocppd_directory_put(&daemon->host, &record, NULL), 0);
	}
}

static int
on_listener(const struct ocppd_listener_info *info, void *arg)
{
	struct daemon_thread *daemon = arg;
	int64_t port = 0;

	(void)parse_i64(strrchr(info->address, ':') + 1, 1, 65535, &port);
	*(info->is_tls ? &daemon->port : &daemon->plain_port) = (uint16_t)port;
	return 0;
}

static void
attach(struct daemon_thread *daemon)
{
	host_init(&daemon->host, &daemon->core, "test", &plugin);
	daemon->host.ctx = daemon;
	daemon->host.state = HOST_RUNNING;
	assert_int_equal(host_register(&daemon->host, NULL), 0);
	for (uint32_t i = 0; i < RUNTIME_HOOKS_MAX; i++) {
		const struct runtime_hook *hook = daemon->core.hooks[i];

		if (hook && hook->attach)
			assert_int_equal(hook->attach(&daemon->core, &daemon->host, NULL), 0);
		if (hook && hook->changed)
			hook->changed(&daemon->core);
	}
}

static void
detach(struct daemon_thread *daemon)
{
	for (uint32_t i = 0; i < RUNTIME_HOOKS_MAX; i++) {
		const struct runtime_hook *hook = daemon->core.hooks[i];

		if (hook && hook->detach)
			hook->detach(&daemon->core, &daemon->host);
	}
	host_unregister(&daemon->host);
	host_revoke(&daemon->host);
	host_fini(&daemon->host);
}

static void *
daemon_main(void *arg)
{
	struct daemon_thread *daemon = arg;
	struct ocppd_core *core = &daemon->core;
	struct log *log = log_new(NULL, STDERR_FILENO, OCPPD_LOG_ERROR, false);
	struct clock clock;

	clock_init_manual(&clock, (int64_t)time(NULL) * 1000000);
	assert_int_equal(core_init(core, log, &clock, &runtime_conf, NULL), 0);
	assert_int_equal(ocpp_init(core, &ocpp_conf, NULL), 0);
	assert_int_equal(directory_init(core, NULL), 0);
	attach(daemon);
	provision(daemon);
	daemon->result = transport_init(core, &daemon->conf, NULL);
	if (daemon->result == 0)
		daemon->result = transport_listen(core, NULL);
	(void)ocppd_listener_each(core->self, on_listener, daemon);
	(void)sem_post(&daemon->ready);
	if (daemon->result == 0)
		(void)loop_run(core);

	while (sem_wait(&daemon->stopped) < 0)
		continue;
	transport_fini(core);
	detach(daemon);
	directory_fini(core);
	ocpp_fini(core);
	core_fini(core);
	log_free(log);
	return NULL;
}

static void
configure(struct daemon_thread *daemon, const struct files *files, const struct setting *setting)
{
	struct tls_conf *tls = &daemon->listeners[1].tls;
	uint32_t count = setting->certificates[1] ? 2 : 1;

	for (uint32_t i = 0; i < count; i++) {
		const char *key = setting->certificates[i];

		if (i == 0 && setting->key)
			key = setting->key;
		file_path(files, setting->certificates[i], ".pem", daemon->paths[2 * i]);
		file_path(files, key, ".key", daemon->paths[2 * i + 1]);
		daemon->certificates[i] = daemon->paths[2 * i];
		daemon->keys[i] = daemon->paths[2 * i + 1];
	}
	if (setting->client_ca) {
		file_path(files, setting->client_ca, ".pem", daemon->paths[4]);
		tls->client_ca = daemon->paths[4];
	}
	tls->certificates = (struct ocppd_strings){ daemon->certificates, count, 0 };
	tls->keys = (struct ocppd_strings){ daemon->keys, count, 0 };
	tls->ciphers = setting->ciphers;
	tls->client_certificate = setting->client_certificate;
	tls->min_version = setting->min_version;
	daemon->listeners[0].address = "127.0.0.1";
	daemon->listeners[1].address = "127.0.0.1";
	daemon->conf = (struct transport_conf){
		.listeners = { daemon->listeners, 2, sizeof(daemon->listeners[0]) },
		.io_threads = 2,
		.max_connections = 1000,
		.max_handshakes = 64,
		.handshake_timeout_ms = 5000,
		.close_timeout_ms = 500,
		.max_message = 8192,
		.max_outbound = 262144,
		.max_outbound_count = 256,
		.max_undrained = 1000,
		.idle_floor_s = 60,
		.tcp_user_timeout_ms = 10000,
	};
}

static struct daemon_thread *
daemon_start(const struct files *files, const struct setting *setting)
{
	struct daemon_thread *daemon = calloc(1, sizeof(*daemon));

	assert_non_null(daemon);
	configure(daemon, files, setting);
	(void)sem_init(&daemon->ready, 0, 0);
	(void)sem_init(&daemon->done, 0, 0);
	(void)sem_init(&daemon->stopped, 0, 0);
	assert_int_equal(pthread_create(&daemon->thread, NULL, daemon_main, daemon), 0);
	while (sem_wait(&daemon->ready) < 0)
		continue;
	assert_int_equal(daemon->result, 0);
	return daemon;
}

static void
on_stop(struct ocppd_core *core, void *arg)
{
	(void)arg;
	loop_break(core);
}

static void
daemon_stop(struct daemon_thread *daemon)
{
	assert_int_equal(loop_post(&daemon->core, on_stop, NULL), 0);
	(void)sem_post(&daemon->stopped);
	(void)pthread_join(daemon->thread, NULL);
	(void)sem_destroy(&daemon->ready);
	(void)sem_destroy(&daemon->done);
	(void)sem_destroy(&daemon->stopped);
	free(daemon);
}

static int
on_health(const char *owner, const char *check, uint32_t level, const char *text, void *arg)
{
	struct daemon_thread *daemon = arg;

	(void)owner;
	(void)text;
	if (str_eq(check, "tls"))
		daemon->level = level;
	return 0;
}

static void
on_reload(struct ocppd_core *core, void *arg)
{
	struct daemon_thread *daemon = arg;

	clock_advance(&core->clock, daemon->advance_us);
	transport_reload(core, &daemon->conf);
	(void)ocppd_health_each(core->self, on_health, daemon);
	(void)sem_post(&daemon->done);
}

/* In the core thread; daemon->level is the health check's then. */
static void
reload(struct daemon_thread *daemon)
{
	assert_int_equal(loop_post(&daemon->core, on_reload, daemon), 0);
	while (sem_wait(&daemon->done) < 0)
		continue;
}

static int
on_station(struct ocppd_host *host, struct ocppd_station *station, void *arg)
{
	struct ocppd_connection_info info = { .struct_size = sizeof(info) };
	struct daemon_thread *daemon = arg;

	(void)host;
	if (ocppd_station_connection(station, &info) == 0)
		daemon->profile = info.security_profile;
	return 0;
}

static void
on_profile(struct ocppd_core *core, void *arg)
{
	struct daemon_thread *daemon = arg;

	(void)ocppd_station_each(core->self, on_station, daemon);
	(void)sem_post(&daemon->done);
}

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

static int
dial(uint16_t port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct timeval limit = { .tv_sec = 20 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

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
	client->fd = dial(daemon->port);
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
		int r = transport_check(&daemon->conf, &err);
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
		assert_int_equal(loop_post(&daemon->core, on_profile, daemon), 0);
		while (sem_wait(&daemon->done) < 0)
			continue;
		assert_int_equal(daemon->profile, cases[i].profile);
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
	int fd = dial(daemon->port);
	assert_true(send(fd, request, strlen(request), MSG_NOSIGNAL) > 0);
	ssize_t n = recv(fd, head, sizeof(head) - 1, 0);
	assert_true(n <= 0 || memcmp(head, "HTTP", 4) != 0);
	(void)close(fd);

	/* The plain listener beside it serves as ever, and knows the stations of TLS. */
	fd = dial(daemon->plain_port);
	assert_true(send(fd, request, strlen(request), MSG_NOSIGNAL) > 0);
	assert_true(recv(fd, head, 12, MSG_WAITALL) == 12);
	assert_memory_equal(head, "HTTP/1.1 101", 12);
	(void)close(fd);
	fd = dial(daemon->plain_port);
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
