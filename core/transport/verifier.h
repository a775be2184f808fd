/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_TRANSPORT_VERIFIER_H
#define OCPPD_TRANSPORT_VERIFIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ocppd/directory.h>

/*
 * Password verifiers (ocppd/directory.h), read into a compact binary form. The digest is over
 * salt, then password: SHA-256, or PBKDF2-HMAC-SHA256.
 */
#define VERIFIER_SALT_MAX 64
#define VERIFIER_DIGEST 32
#define VERIFIER_ROUNDS_MAX 1000000

struct verifier {
	uint32_t rounds; /* 0: plain SHA-256 */
	uint8_t salt_len;
	uint8_t salt[VERIFIER_SALT_MAX];
	uint8_t digest[VERIFIER_DIGEST];
};

#define VERIFIER_PACKED_MAX (5 + VERIFIER_SALT_MAX + VERIFIER_DIGEST)

/* 0 or OCPPD_EINVAL. */
int verifier_parse(const char *text, struct verifier *ret_verifier);
/* Bytes written, at most VERIFIER_PACKED_MAX. */
size_t verifier_pack(const struct verifier *verifier, uint8_t *ret_data);
size_t verifier_unpack(const uint8_t *data, struct verifier *ret_verifier);
/* Takes the same time whatever differs. */
bool verifier_matches(const struct verifier *verifier, const uint8_t *password, size_t len);

/* Hex of either case to bytes; OCPPD_EINVAL for other characters, odd length, or no room. */
int hex_decode(const char *text, size_t len, uint8_t *ret_data, size_t size, size_t *ret_len);

#endif
