/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_TESTS_TLS_BED_H
#define OCPPD_TESTS_TLS_BED_H

#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>

#include <ocppd/error.h>

#include <openssl/types.h>

#include "socket_bed.h"

/* Certificates that tests of TLS make, and a core with a plain and a TLS listener. */
#define DAY_S 86400L
#define PATH_SIZE 128

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

/* Group setup and teardown: *state is the struct files. */
int make_files(void **state);
int remove_files(void **state);
void file_path(const struct files *files, const char *name, const char *suffix, char *ret_path);
void grant(const struct files *files, const struct wish *wish);

struct setting {
	const char *certificates[2]; /* the second may be NULL */
	const char *key;             /* instead of the first's own */
	const char *client_ca;
	const char *ciphers;
	uint32_t client_certificate;
	uint32_t min_version;
};

struct daemon_thread {
	struct socket_bed bed;
	struct listener_conf listeners[2]; /* plain, TLS */
	char paths[5][PATH_SIZE];
	const char *certificates[2];
	const char *keys[2];
	sem_t done;
	uint32_t level;
	int64_t advance_us;
	uint32_t profile;
};

void configure(struct daemon_thread *daemon, const struct files *files,
	       const struct setting *setting);
struct daemon_thread *daemon_start(const struct files *files, const struct setting *setting);
void daemon_stop(struct daemon_thread *daemon);
/* In the core thread; daemon->level is the health check's then. */
void reload(struct daemon_thread *daemon);
/* The security profile of the connected station. */
uint32_t ask_profile(struct daemon_thread *daemon);

#endif
