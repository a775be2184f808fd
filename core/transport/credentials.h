/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_TRANSPORT_CREDENTIALS_H
#define OCPPD_TRANSPORT_CREDENTIALS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ocppd/error.h>

#include <openssl/types.h>

#include "transport/options.h"

/*
 * What a TLS listener shows and trusts, read from files and checked: certificates with their
 * chains, keys, and the authorities of client certificates. Immutable once read and counted, since
 * each I/O thread takes over a new one in its own time.
 */
#define CREDENTIAL_PAIRS_MAX 4
#define TICKET_KEYS_SIZE 80 /* name, HMAC key and AES key of session tickets */

struct credential_pair {
	X509 *leaf;
	struct stack_st_X509 *chain; /* without the leaf */
	EVP_PKEY *key;
};

struct credentials {
	_Atomic uint32_t refs;
	uint32_t pair_count;
	struct credential_pair pairs[CREDENTIAL_PAIRS_MAX];
	X509_STORE *authorities; /* NULL: no client certificate is asked for */
	struct stack_st_X509_NAME *authority_names;
	char *ciphers;               /* as OpenSSL lists them, for TLS 1.2 and below */
	uint32_t client_certificate; /* CLIENT_CERTIFICATE_* */
	uint32_t min_version;        /* MIN_VERSION_* */
	int64_t ends_s;              /* when the first of our certificates ends, Unix time */
	char *ends_file;             /* where that one stands */
	uint8_t ticket_keys[TICKET_KEYS_SIZE];
};

/* Reads and checks the files of listeners[i].tls; err names option and file. now_s: certificates
 * must be valid then. */
int credentials_read(const struct tls_conf *conf, uint32_t i, int64_t now_s,
		     struct credentials **ret_credentials, struct ocppd_error *err);
/* The same files with other keys for tickets: those of the old ones end with them. */
int credentials_renew_tickets(const struct credentials *credentials,
			      struct credentials **ret_credentials);
struct credentials *credentials_ref(struct credentials *credentials);
void credentials_unref(struct credentials *credentials); /* NULL is fine */
/* Whether both have certificates for the same kinds of keys, in the same order. */
bool credentials_alike(const struct credentials *a, const struct credentials *b);

#endif
