/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Tokens and peers. Holds digests only: the tokens themselves stay with the configuration. Never
 * logs.
 */
#include "auth.h"

#include <ocppd/route.h>

#include "rows.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/sha.h>

#define DIGEST_LEN 32
#define HASH_SCHEME "sha256:"
#define PEER_GROUPS_MAX 1024
#define TOKEN_USER "token:"

struct token {
	unsigned char digest[DIGEST_LEN];
	uint32_t role;
	char name[64];
};

struct auth {
	uint32_t count;
	struct token tokens[];
};

static int
digest_of(const char *text, unsigned char ret_digest[DIGEST_LEN])
{
	const unsigned char *bytes = (const unsigned char *)text;

	return SHA256(bytes, strlen(text), ret_digest) == NULL ? OCPPD_ENOMEM : 0;
}

static int
nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* `sha256:` and 64 lower-case hex digits: a token that the configuration holds hashed. */
static int
digest_parse(const char *hex, unsigned char ret_digest[DIGEST_LEN])
{
	if (strlen(hex) != 2 * DIGEST_LEN)
		return OCPPD_EINVAL;
	for (size_t i = 0; i < DIGEST_LEN; i++) {
		int high = nibble(hex[2 * i]);
		int low = nibble(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return OCPPD_EINVAL;
		ret_digest[i] = (unsigned char)(high * 16 + low);
	}
	return 0;
}

static bool
is_hashed(const char *token)
{
	return strncmp(token, HASH_SCHEME, strlen(HASH_SCHEME)) == 0;
}

/* A finding about token i, with its own position. */
static int
say_wrong(struct ocppd_error *err, uint32_t i, const char *member, const char *text)
{
	char option[64];

	(void)snprintf(option, sizeof(option), "tokens[%u].%s", i, member);
	return ocppd_error_option(err, OCPPD_EINVAL, option, "%s", text);
}

_Static_assert(AUTH_TOKEN_MIN == 16, "as the message says");

static int
token_check(const struct token_conf *token, uint32_t i, struct ocppd_error *err)
{
	unsigned char digest[DIGEST_LEN];

	if (token->name[0] == '\0' || strlen(token->name) >= sizeof(((struct token *)0)->name))
		return say_wrong(err, i, "name", "expected 1 to 63 bytes");
	if (is_hashed(token->token)) {
		if (digest_parse(token->token + strlen(HASH_SCHEME), digest) < 0)
			return say_wrong(err, i, "token",
					 "sha256: is followed by 64 lower-case hex digits");
		return 0;
	}
	if (strlen(token->token) < AUTH_TOKEN_MIN)
		return say_wrong(err, i, "token", "is shorter than 16 characters");
	return 0;
}

int
auth_check(const struct ocppd_sections *tokens, struct ocppd_error *err)
{
	for (uint32_t i = 0; i < tokens->count; i++) {
		const struct token_conf *token = ROW_AT(*tokens, i);
		int r = token_check(token, i, err);

		if (r < 0)
			return r;
		for (uint32_t j = 0; j < i; j++) {
			const struct token_conf *other = ROW_AT(*tokens, j);

			if (strcmp(other->name, token->name) == 0)
				return say_wrong(err, i, "name", "is listed twice; rename one");
			/* Whose word would it be, with which role? */
			if (strcmp(other->token, token->token) == 0)
				return say_wrong(err, i, "token",
						 "is that of another name; make one for each");
		}
	}
	return 0;
}

static int
token_fill(struct token *token, const struct token_conf *conf)
{
	token->role = conf->role + OCPPD_ROLE_VIEWER;
	(void)snprintf(token->name, sizeof(token->name), "%s", conf->name);
	if (is_hashed(conf->token))
		return digest_parse(conf->token + strlen(HASH_SCHEME), token->digest);
	return digest_of(conf->token, token->digest);
}

struct auth *
auth_new(const struct ocppd_sections *tokens, const struct token_conf *made, uint32_t made_count)
{
	uint32_t count = tokens->count + made_count;
	struct auth *auth = calloc(1, sizeof(*auth) + count * sizeof(struct token));

	if (auth == NULL)
		return NULL;

	for (uint32_t i = 0; i < count; i++) {
		const struct token_conf *conf = &made[i - tokens->count];

		if (i < tokens->count)
			conf = ROW_AT(*tokens, i);
		if (token_fill(&auth->tokens[i], conf) < 0) {
			auth_free(auth);
			return NULL;
		}
		auth->count++;
	}
	return auth;
}

void
auth_free(struct auth *auth)
{
	if (auth == NULL)
		return;

	OPENSSL_cleanse(auth->tokens, auth->count * sizeof(struct token));
	free(auth);
}

uint32_t
auth_count(const struct auth *auth)
{
	return auth->count;
}

static const struct token *
find_name(const struct auth *auth, const char *name)
{
	for (uint32_t i = 0; i < auth->count; i++) {
		if (strcmp(auth->tokens[i].name, name) == 0)
			return &auth->tokens[i];
	}
	return NULL;
}

bool
auth_keeps(const struct auth *before, const struct auth *after, const char *user)
{
	const struct token *old;
	const struct token *new;

	if (strncmp(user, TOKEN_USER, strlen(TOKEN_USER)) != 0)
		return true;
	old = find_name(before, user + strlen(TOKEN_USER));
	new = find_name(after, user + strlen(TOKEN_USER));
	return old != NULL && new != NULL &&
	       old->role == new->role &&CRYPTO_memcmp(old->digest, new->digest, DIGEST_LEN) == 0;
}

int
auth_token(const struct auth *auth, const char *token, struct auth_peer *ret_peer)
{
	unsigned char digest[DIGEST_LEN];
	const struct token *found = NULL;

	if (digest_of(token, digest) < 0)
		return OCPPD_EDENIED;

	/* All of them, each in constant time: the time tells nothing about which one was near. */
	for (uint32_t i = 0; i < auth->count; i++) {
		if (CRYPTO_memcmp(auth->tokens[i].digest, digest, DIGEST_LEN) == 0)
			found = &auth->tokens[i];
	}
	if (found == NULL)
		return OCPPD_EDENIED;

	ret_peer->role = found->role;
	(void)snprintf(ret_peer->user, sizeof(ret_peer->user), TOKEN_USER "%s", found->name);
	return 0;
}

static bool
is_member(int fd, gid_t primary, gid_t wanted)
{
	gid_t groups[PEER_GROUPS_MAX];
	socklen_t len = sizeof(groups);

	if (primary == wanted)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) != 0)
		return false;
	for (size_t i = 0; i < len / sizeof(groups[0]); i++) {
		if (groups[i] == wanted)
			return true;
	}
	return false;
}

int
auth_unix(int fd, gid_t socket_group, struct auth_peer *ret_peer)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
		return OCPPD_EIO;

	if (cred.uid == 0 || cred.uid == geteuid())
		ret_peer->role = OCPPD_ROLE_ADMIN;
	else if (is_member(fd, cred.gid, socket_group))
		ret_peer->role = OCPPD_ROLE_OPERATOR;
	else
		ret_peer->role = OCPPD_ROLE_NONE;
	(void)snprintf(ret_peer->user, sizeof(ret_peer->user), "uid:%u", (unsigned int)cred.uid);
	return 0;
}
