/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * What tests of TLS stand on: an authority with an intermediate one, certificates of all sorts, and
 * a core that runs in a thread of its own.
 */
#include "tls_bed.h"

#include <ocppd/action.h>
#include <ocppd/directory.h>
#include <ocppd/error.h>
#include <ocppd/metric.h>
#include <ocppd/plugin.h>
#include <ocppd/station.h>

#include "base/clock.h"
#include "base/text.h"
#include "runtime/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cmocka.h>

/* ---- Certificates ------------------------------------------------------------------------ */

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
	assert_int_equal(getentropy(serial, sizeof(serial)), 0);
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

void
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

void
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

int
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

int
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

static const struct ocppd_field no_fields[1];
static const struct ocppd_action actions[] = {
	{ "ocpp1.6",
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

	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++)
		socket_bed_admit(bed, &records[i]);
}

void
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
	daemon->bed.conf = socket_bed_conf(daemon->listeners, 2);
}

struct daemon_thread *
daemon_start(const struct files *files, const struct setting *setting)
{
	struct daemon_thread *daemon = calloc(1, sizeof(*daemon));

	assert_non_null(daemon);
	configure(daemon, files, setting);
	daemon->bed.plugin = &plugin;
	daemon->bed.ctx = daemon;
	daemon->bed.provision = provision;
	daemon->bed.is_manual = true;
	(void)sem_init(&daemon->done, 0, 0);
	socket_bed_start(&daemon->bed);
	assert_int_equal(daemon->bed.result, 0);
	return daemon;
}

void
daemon_stop(struct daemon_thread *daemon)
{
	socket_bed_stop(&daemon->bed);
	(void)sem_destroy(&daemon->done);
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
	transport_reload(core, &daemon->bed.conf);
	(void)ocppd_health_each(core->self, on_health, daemon);
	(void)sem_post(&daemon->done);
}

void
reload(struct daemon_thread *daemon)
{
	assert_int_equal(loop_post(&daemon->bed.core, on_reload, daemon), 0);
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

uint32_t
ask_profile(struct daemon_thread *daemon)
{
	assert_int_equal(loop_post(&daemon->bed.core, on_profile, daemon), 0);
	while (sem_wait(&daemon->done) < 0)
		continue;
	return daemon->profile;
}
