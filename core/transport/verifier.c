/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * Password verifiers: text to binary and back, making and checking. Never sees where a password
 * comes from, and never logs.
 */
#include "transport/verifier.h"

#include <ocppd/error.h>

#include "base/text.h"

#include <limits.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#define SALT_LEN 16
/* A reconnect storm pays it once per station: the directory remembers what matched. */
#define ROUNDS_DEFAULT 50000

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int
hex_decode(const char *text, size_t len, uint8_t *ret_data, size_t size, size_t *ret_len)
{
	if (len % 2 != 0 || len / 2 > size)
		return OCPPD_EINVAL;

	for (size_t i = 0; i < len; i += 2) {
		int high = hex_digit(text[i]);
		int low = hex_digit(text[i + 1]);

		if (high < 0 || low < 0)
			return OCPPD_EINVAL;
		ret_data[i / 2] = (uint8_t)(high << 4 | low);
	}

	*ret_len = len / 2;
	return 0;
}

static char *
hex_encode(const uint8_t *data, size_t len, char *text)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		*text++ = digits[data[i] >> 4];
		*text++ = digits[data[i] & 15];
	}
	*text = '\0';

	return text;
}

static int
derive(const struct verifier *verifier, const void *password, size_t len,
       uint8_t ret_digest[VERIFIER_DIGEST])
{
	int r = 0;

	if (len > INT_MAX)
		return OCPPD_EINVAL;
	if (verifier->rounds > 0) {
		r = PKCS5_PBKDF2_HMAC(password, (int)len, verifier->salt, verifier->salt_len,
				      (int)verifier->rounds, EVP_sha256(), VERIFIER_DIGEST,
				      ret_digest);
		return r == 1 ? 0 : OCPPD_ENOMEM;
	}

	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	if (ctx)
		r = EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
		    EVP_DigestUpdate(ctx, verifier->salt, verifier->salt_len) == 1 &&
		    EVP_DigestUpdate(ctx, password, len) == 1 &&
		    EVP_DigestFinal_ex(ctx, ret_digest, NULL) == 1;
	EVP_MD_CTX_free(ctx);

	return r ? 0 : OCPPD_ENOMEM;
}

/* The text up to the next colon, or to the end; *at moves behind it. */
static size_t
part(const char **at, const char **ret_text)
{
	const char *text = *at;
	size_t len = strcspn(text, ":");

	*ret_text = text;
	*at = text[len] == ':' ? text + len + 1 : text + len;
	return len;
}

static int
parse_rounds(const char *text, size_t len, uint32_t *ret_rounds)
{
	char digits[12];
	int64_t rounds;

	if (len >= sizeof(digits))
		return OCPPD_EINVAL;
	memcpy(digits, text, len);
	digits[len] = '\0';
	if (parse_i64(digits, 1, VERIFIER_ROUNDS_MAX, &rounds) < 0)
		return OCPPD_EINVAL;

	*ret_rounds = (uint32_t)rounds;
	return 0;
}

int
verifier_parse(const char *text, struct verifier *ret_verifier)
{
	struct verifier verifier = { 0 };
	const char *piece;
	size_t salt_len;
	size_t digest_len;
	size_t len = part(&text, &piece);

	if (len == 13 && memcmp(piece, "pbkdf2-sha256", 13) == 0) {
		len = part(&text, &piece);
		if (parse_rounds(piece, len, &verifier.rounds) < 0)
			return OCPPD_EINVAL;
	} else if (len != 6 || memcmp(piece, "sha256", 6) != 0) {
		return OCPPD_EINVAL;
	}

	len = part(&text, &piece);
	if (hex_decode(piece, len, verifier.salt, sizeof(verifier.salt), &salt_len) < 0)
		return OCPPD_EINVAL;
	len = part(&text, &piece);
	if (hex_decode(piece, len, verifier.digest, sizeof(verifier.digest), &digest_len) < 0)
		return OCPPD_EINVAL;
	if (salt_len < 8 || digest_len != VERIFIER_DIGEST || *text)
		return OCPPD_EINVAL;

	verifier.salt_len = (uint8_t)salt_len;
	*ret_verifier = verifier;
	return 0;
}

size_t
verifier_pack(const struct verifier *verifier, uint8_t *ret_data)
{
	memcpy(ret_data, &verifier->rounds, 4);
	ret_data[4] = verifier->salt_len;
	memcpy(ret_data + 5, verifier->salt, verifier->salt_len);
	memcpy(ret_data + 5 + verifier->salt_len, verifier->digest, VERIFIER_DIGEST);
	return 5u + verifier->salt_len + VERIFIER_DIGEST;
}

size_t
verifier_unpack(const uint8_t *data, struct verifier *ret_verifier)
{
	memcpy(&ret_verifier->rounds, data, 4);
	ret_verifier->salt_len = data[4];
	memcpy(ret_verifier->salt, data + 5, data[4]);
	memcpy(ret_verifier->digest, data + 5 + data[4], VERIFIER_DIGEST);
	return 5u + data[4] + VERIFIER_DIGEST;
}

bool
verifier_matches(const struct verifier *verifier, const uint8_t *password, size_t len)
{
	uint8_t digest[VERIFIER_DIGEST];

	if (derive(verifier, password, len, digest) < 0)
		return false;

	return CRYPTO_memcmp(digest, verifier->digest, VERIFIER_DIGEST) == 0;
}

int
ocppd_verifier_make(const char *scheme, const void *password, size_t len, char *ret_text,
		    size_t size)
{
	struct verifier verifier = { .salt_len = SALT_LEN };
	char text[16 + 8 + 2 * (SALT_LEN + VERIFIER_DIGEST) + 4];
	int head;

	if (str_eq(scheme, "pbkdf2-sha256"))
		verifier.rounds = ROUNDS_DEFAULT;
	else if (!str_eq(scheme, "sha256"))
		return OCPPD_EINVAL;

	if (RAND_bytes(verifier.salt, SALT_LEN) != 1)
		return OCPPD_EIO;
	int r = derive(&verifier, password, len, verifier.digest);
	if (r < 0)
		return r;

	if (verifier.rounds > 0)
		head = snprintf(text, sizeof(text), "%s:%u:", scheme, verifier.rounds);
	else
		head = snprintf(text, sizeof(text), "%s:", scheme);
	char *end = hex_encode(verifier.salt, SALT_LEN, text + head);
	*end++ = ':';
	end = hex_encode(verifier.digest, VERIFIER_DIGEST, end);

	if ((size_t)(end - text) >= size)
		return OCPPD_ESPACE;
	memcpy(ret_text, text, (size_t)(end - text) + 1);
	return 0;
}
