/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * Certificates, keys and authorities of a TLS listener, read from PEM files. OpenSSL would take
 * what stations then silently refuse (a chain out of order, an expired intermediate), so all that
 * can be known beforehand is checked here, and said with the option and the file. libcrypto only;
 * what speaks TLS is in tls.c.
 */
#include "transport/credentials.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#define OPTION_SIZE 64
#define SECURITY_BITS_MIN 112 /* RSA 2048, EC 224: OCPP security profiles */
#define CHAIN_MAX 16
#define AUTHORITIES_MAX 1000

/* What is read, and how errors name it. */
struct source {
	char option[OPTION_SIZE];
	const char *path;
	int64_t now_s;
};

static void
source_init(struct source *source, uint32_t listener, const char *name, const char *path,
	    int64_t now_s)
{
	(void)snprintf(source->option, sizeof(source->option), "listeners[%u].tls.%s", listener,
		       name);
	source->path = path;
	source->now_s = now_s;
}

/* ---- Files ------------------------------------------------------------------------------- */

static int
refuse_file(const struct source *source, struct ocppd_error *err)
{
	return ocppd_error_option(err, OCPPD_EIO, source->option, "cannot read %s: %s",
				  source->path, strerrordesc_np(errno));
}

static int
open_pem(const struct source *source, BIO **ret_bio, struct ocppd_error *err)
{
	struct stat st;
	int fd = open(source->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return refuse_file(source, err);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		(void)close(fd);
		return ocppd_error_option(err, OCPPD_EIO, source->option, "%s is no file",
					  source->path);
	}

	FILE *file = fdopen(fd, "r");
	BIO *bio = file ? BIO_new_fp(file, BIO_CLOSE) : NULL;
	if (!bio) {
		if (file)
			(void)fclose(file);
		else
			(void)close(fd);
		return OCPPD_ENOMEM;
	}
	*ret_bio = bio;
	return 0;
}

/* OpenSSL would ask at the terminal. */
static int
on_passphrase(char *buf, int size, int is_writing, void *arg)
{
	bool *was_asked = arg;

	(void)buf;
	(void)size;
	(void)is_writing;
	if (was_asked)
		*was_asked = true;
	return -1;
}

/* All certificates of a file, in its order; at least one. */
static int
read_certificates(const struct source *source, int max, STACK_OF(X509) * *ret_list,
		  struct ocppd_error *err)
{
	STACK_OF(X509) *list = NULL;
	BIO *bio = NULL;
	X509 *certificate;

	int r = open_pem(source, &bio, err);
	if (r < 0)
		return r;
	list = sk_X509_new_null();
	r = list ? 0 : OCPPD_ENOMEM;
	while (r == 0 && (certificate = PEM_read_bio_X509(bio, NULL, on_passphrase, NULL))) {
		if (sk_X509_num(list) >= max)
			r = ocppd_error_option(err, OCPPD_EINVAL, source->option,
					       "%s holds more than %d certificates", source->path,
					       max);
		else if (sk_X509_push(list, certificate) > 0)
			certificate = NULL;
		else
			r = OCPPD_ENOMEM;
		X509_free(certificate);
	}
	if (r == 0 && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		r = ocppd_error_option(err, OCPPD_EINVAL, source->option,
				       "certificate %d of %s cannot be read: it is damaged",
				       sk_X509_num(list) + 1, source->path);
	if (r == 0 && sk_X509_num(list) == 0)
		r = ocppd_error_option(err, OCPPD_EINVAL, source->option,
				       "%s holds no certificate in PEM form", source->path);
	ERR_clear_error();
	(void)BIO_free(bio);
	if (r < 0) {
		sk_X509_pop_free(list, X509_free);
		return r;
	}
	*ret_list = list;
	return 0;
}

static int
read_key(const struct source *source, EVP_PKEY **ret_key, struct ocppd_error *err)
{
	bool was_asked = false;
	BIO *bio = NULL;

	int r = open_pem(source, &bio, err);
	if (r < 0)
		return r;
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, on_passphrase, &was_asked);
	(void)BIO_free(bio);
	ERR_clear_error();
	if (!key)
		return ocppd_error_option(err, OCPPD_EINVAL, source->option,
					  was_asked ? "the key in %s has a passphrase: store it "
						      "without one"
						    : "%s holds no private key in PEM form",
					  source->path);
	*ret_key = key;
	return 0;
}

/* ---- Checks ------------------------------------------------------------------------------ */

static int64_t
unix_time(const ASN1_TIME *time, char *ret_text, size_t size)
{
	struct tm tm = { 0 };

	ret_text[0] = '\0';
	if (ASN1_TIME_to_tm(time, &tm) != 1)
		return 0;
	(void)strftime(ret_text, size, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return timegm(&tm);
}

static int
check_dates(const struct source *source, const X509 *certificate, int at, struct ocppd_error *err)
{
	char from[32];
	char to[32];
	int64_t from_s = unix_time(X509_get0_notBefore(certificate), from, sizeof(from));
	int64_t to_s = unix_time(X509_get0_notAfter(certificate), to, sizeof(to));

	if (source->now_s < from_s)
		return ocppd_error_option(err, OCPPD_EINVAL, source->option,
					  "certificate %d of %s is not valid before %s", at,
					  source->path, from);
	if (source->now_s > to_s)
		return ocppd_error_option(err, OCPPD_EINVAL, source->option,
					  "certificate %d of %s ended at %s: renew it", at,
					  source->path, to);
	return 0;
}

/* Stations do not look for an issuer: each must be the one after it (A14). */
static int
check_chain(const struct source *source, STACK_OF(X509) * list, struct ocppd_error *err)
{
	for (int i = 0; i < sk_X509_num(list); i++) {
		X509 *certificate = sk_X509_value(list, i);
		int r = check_dates(source, certificate, i + 1, err);

		if (r < 0)
			return r;
		if (i + 1 == sk_X509_num(list))
			break;
		X509 *issuer = sk_X509_value(list, i + 1);
		EVP_PKEY *key = X509_get0_pubkey(issuer);
		bool is_issued = X509_check_issued(issuer, certificate) == X509_V_OK && key &&
				 X509_verify(certificate, key) == 1;
		ERR_clear_error();
		if (!is_issued)
			return ocppd_error_option(err, OCPPD_EINVAL, source->option,
						  "certificate %d of %s is not issued by the one "
						  "after it: the server's own comes first, then "
						  "its issuer, then that one's",
						  i + 1, source->path);
	}
	return 0;
}

static int
check_leaf(const struct source *source, X509 *leaf, struct ocppd_error *err)
{
	EVP_PKEY *key = X509_get0_pubkey(leaf);

	if (!key)
		return ocppd_error_option(err, OCPPD_EINVAL, source->option,
					  "the key of %s is of an unknown kind", source->path);
	if (EVP_PKEY_get_security_bits(key) < SECURITY_BITS_MIN)
		return ocppd_error_option(err, OCPPD_EINVAL, source->option,
					  "the key of %s is too weak: RSA has at least 2048 bits, "
					  "EC 224",
					  source->path);
	if (X509_check_purpose(leaf, X509_PURPOSE_SSL_SERVER, 0) != 1)
		return ocppd_error_option(err, OCPPD_EINVAL, source->option,
					  "%s does not begin with a certificate for TLS servers: "
					  "see its keyUsage and extendedKeyUsage",
					  source->path);
	return 0;
}

/* OpenSSL keeps one of each kind: the second would silently replace the first. */
static int
check_kinds(const struct source *source, const struct credentials *credentials,
	    struct ocppd_error *err)
{
	uint32_t last = credentials->pair_count - 1;
	int kind = EVP_PKEY_get_base_id(credentials->pairs[last].key);

	for (uint32_t i = 0; i < last; i++) {
		if (EVP_PKEY_get_base_id(credentials->pairs[i].key) == kind)
			return ocppd_error_option(err, OCPPD_EINVAL, source->option,
						  "%s has a key of the same kind as another one: "
						  "list one ECDSA and one RSA certificate",
						  source->path);
	}
	return 0;
}

/* ---- Reading ----------------------------------------------------------------------------- */

static int
note_end(struct credentials *credentials, const X509 *certificate, const char *path)
{
	char text[32];
	int64_t ends_s = unix_time(X509_get0_notAfter(certificate), text, sizeof(text));

	if (credentials->ends_file && ends_s >= credentials->ends_s)
		return 0;

	char *copy = str_dup(path);
	if (!copy)
		return OCPPD_ENOMEM;
	free(credentials->ends_file);
	credentials->ends_file = copy;
	credentials->ends_s = ends_s;
	return 0;
}

static int
read_leaf(const struct source *source, struct credentials *credentials, struct ocppd_error *err)
{
	struct credential_pair *pair = &credentials->pairs[credentials->pair_count++];

	int r = read_certificates(source, CHAIN_MAX, &pair->chain, err);
	if (r < 0)
		return r;
	r = check_chain(source, pair->chain, err);
	for (int i = 0; r == 0 && i < sk_X509_num(pair->chain); i++)
		r = note_end(credentials, sk_X509_value(pair->chain, i), source->path);
	if (r < 0)
		return r;
	pair->leaf = sk_X509_shift(pair->chain);
	return check_leaf(source, pair->leaf, err);
}

/* An option that may be a text or a list; nobody counts where there is one only. */
static void
name_item(char *ret_name, size_t size, const char *option, const struct ocppd_strings *list,
	  uint32_t k)
{
	if (list->count == 1)
		(void)str_copy(ret_name, size, option);
	else
		(void)snprintf(ret_name, size, "%s[%u]", option, k);
}

static int
read_pair(const struct tls_conf *conf, uint32_t listener, int64_t now_s,
	  struct credentials *credentials, struct ocppd_error *err)
{
	uint32_t k = credentials->pair_count;
	struct credential_pair *pair = &credentials->pairs[k];
	struct source source;
	char name[32];

	name_item(name, sizeof(name), "certificate", &conf->certificates, k);
	source_init(&source, listener, name, conf->certificates.items[k], now_s);
	int r = read_leaf(&source, credentials, err);
	if (r < 0)
		return r;

	name_item(name, sizeof(name), "key", &conf->keys, k);
	source_init(&source, listener, name, conf->keys.items[k], now_s);
	r = read_key(&source, &pair->key, err);
	if (r < 0)
		return r;
	r = X509_check_private_key(pair->leaf, pair->key);
	ERR_clear_error();
	if (r != 1)
		return ocppd_error_option(err, OCPPD_EINVAL, source.option,
					  "the key in %s is not that of the certificate in %s",
					  source.path, conf->certificates.items[k]);
	name_item(name, sizeof(name), "certificate", &conf->certificates, k);
	source_init(&source, listener, name, conf->certificates.items[k], now_s);
	return check_kinds(&source, credentials, err);
}

static int
read_authorities(const struct source *source, struct credentials *credentials,
		 struct ocppd_error *err)
{
	STACK_OF(X509) *list = NULL;

	int r = read_certificates(source, AUTHORITIES_MAX, &list, err);
	if (r < 0)
		return r;
	credentials->authorities = X509_STORE_new();
	credentials->authority_names = sk_X509_NAME_new_null();
	/* An intermediate authority may be all that is trusted. */
	if (!credentials->authorities || !credentials->authority_names ||
	    X509_STORE_set_flags(credentials->authorities, X509_V_FLAG_PARTIAL_CHAIN) != 1)
		r = OCPPD_ENOMEM;
	for (int i = 0; r == 0 && i < sk_X509_num(list); i++) {
		X509 *certificate = sk_X509_value(list, i);
		X509_NAME *name = X509_NAME_dup(X509_get_subject_name(certificate));

		if (X509_check_ca(certificate) == 0)
			r = ocppd_error_option(err, OCPPD_EINVAL, source->option,
					       "certificate %d of %s is not an authority's", i + 1,
					       source->path);
		else if (X509_STORE_add_cert(credentials->authorities, certificate) != 1 || !name)
			r = OCPPD_ENOMEM;
		else if (sk_X509_NAME_push(credentials->authority_names, name) > 0)
			name = NULL;
		X509_NAME_free(name);
	}
	sk_X509_pop_free(list, X509_free);
	return r;
}

static int
check_shape(const struct tls_conf *conf, uint32_t listener, struct ocppd_error *err)
{
	struct source source;

	source_init(&source, listener, "key", "", 0);
	if (conf->keys.count != conf->certificates.count ||
	    conf->certificates.count > CREDENTIAL_PAIRS_MAX)
		return ocppd_error_option(err, OCPPD_EINVAL, source.option,
					  "must have one entry for each of `certificate`");
	source_init(&source, listener, "client_ca", "", 0);
	if (conf->client_certificate != CLIENT_CERTIFICATE_NONE && !conf->client_ca)
		return ocppd_error_option(err, OCPPD_EINVAL, source.option,
					  "is needed with `client_certificate`: without it any "
					  "certificate would have to be refused");
	if (conf->client_certificate == CLIENT_CERTIFICATE_NONE && conf->client_ca)
		return ocppd_error_option(
			err, OCPPD_EINVAL, source.option,
			"has no use while `client_certificate` is none: set it to "
			"optional or required");
	return 0;
}

static int
read_all(const struct tls_conf *conf, uint32_t listener, int64_t now_s,
	 struct credentials *credentials, struct ocppd_error *err)
{
	struct source source;
	int r = 0;

	while (r == 0 && credentials->pair_count < conf->certificates.count)
		r = read_pair(conf, listener, now_s, credentials, err);
	if (r < 0)
		return r;
	if (conf->client_ca) {
		source_init(&source, listener, "client_ca", conf->client_ca, now_s);
		r = read_authorities(&source, credentials, err);
	}
	if (r == 0 && RAND_bytes(credentials->ticket_keys, TICKET_KEYS_SIZE) != 1)
		r = ocppd_error_set(err, OCPPD_EIO, "no random numbers from the system");
	if (r == 0 && conf->ciphers) {
		credentials->ciphers = str_dup(conf->ciphers);
		r = credentials->ciphers ? 0 : OCPPD_ENOMEM;
	}
	return r;
}

/* ---- Life -------------------------------------------------------------------------------- */

int
credentials_read(const struct tls_conf *conf, uint32_t i, int64_t now_s,
		 struct credentials **ret_credentials, struct ocppd_error *err)
{
	int r = check_shape(conf, i, err);
	if (r < 0)
		return r;

	struct credentials *credentials = calloc(1, sizeof(*credentials));
	if (!credentials)
		return OCPPD_ENOMEM;
	atomic_init(&credentials->refs, 1);
	credentials->client_certificate = conf->client_certificate;
	credentials->min_version = conf->min_version;
	r = read_all(conf, i, now_s, credentials, err);
	if (r < 0) {
		credentials_unref(credentials);
		return r;
	}
	*ret_credentials = credentials;
	return 0;
}

static int
share(const struct credentials *from, struct credentials *to)
{
	for (uint32_t i = 0; i < from->pair_count; i++) {
		const struct credential_pair *pair = &from->pairs[i];

		to->pairs[i].chain = X509_chain_up_ref(pair->chain);
		if (!to->pairs[i].chain)
			return OCPPD_ENOMEM;
		(void)X509_up_ref(pair->leaf);
		to->pairs[i].leaf = pair->leaf;
		(void)EVP_PKEY_up_ref(pair->key);
		to->pairs[i].key = pair->key;
		to->pair_count++;
	}
	to->ends_file = str_dup(from->ends_file);
	to->ciphers = from->ciphers ? str_dup(from->ciphers) : NULL;
	if (!to->ends_file || (from->ciphers && !to->ciphers))
		return OCPPD_ENOMEM;
	if (!from->authorities)
		return 0;
	(void)X509_STORE_up_ref(from->authorities);
	to->authorities = from->authorities;
	to->authority_names =
		sk_X509_NAME_deep_copy(from->authority_names, X509_NAME_dup, X509_NAME_free);
	return to->authority_names ? 0 : OCPPD_ENOMEM;
}

int
credentials_renew_tickets(const struct credentials *credentials,
			  struct credentials **ret_credentials)
{
	struct credentials *copy = calloc(1, sizeof(*copy));

	if (!copy)
		return OCPPD_ENOMEM;
	atomic_init(&copy->refs, 1);
	copy->client_certificate = credentials->client_certificate;
	copy->min_version = credentials->min_version;
	copy->ends_s = credentials->ends_s;
	int r = share(credentials, copy);
	if (r == 0 && RAND_bytes(copy->ticket_keys, TICKET_KEYS_SIZE) != 1)
		r = OCPPD_EIO;
	if (r < 0) {
		credentials_unref(copy);
		return r;
	}
	*ret_credentials = copy;
	return 0;
}

struct credentials *
credentials_ref(struct credentials *credentials)
{
	atomic_fetch_add_explicit(&credentials->refs, 1, memory_order_relaxed);
	return credentials;
}

void
credentials_unref(struct credentials *credentials)
{
	if (!credentials ||
	    atomic_fetch_sub_explicit(&credentials->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (uint32_t i = 0; i < credentials->pair_count; i++) {
		X509_free(credentials->pairs[i].leaf);
		sk_X509_pop_free(credentials->pairs[i].chain, X509_free);
		EVP_PKEY_free(credentials->pairs[i].key);
	}
	X509_STORE_free(credentials->authorities);
	sk_X509_NAME_pop_free(credentials->authority_names, X509_NAME_free);
	explicit_bzero(credentials->ticket_keys, sizeof(credentials->ticket_keys));
	free(credentials->ends_file);
	free(credentials->ciphers);
	free(credentials);
}

bool
credentials_alike(const struct credentials *a, const struct credentials *b)
{
	if (a->pair_count != b->pair_count)
		return false;
	for (uint32_t i = 0; i < a->pair_count; i++) {
		if (EVP_PKEY_get_base_id(a->pairs[i].key) != EVP_PKEY_get_base_id(b->pairs[i].key))
			return false;
	}
	return true;
}
