/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef HTTP_API_AUTH_H
#define HTTP_API_AUTH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <ocppd/conf.h>
#include <ocppd/error.h>

/* Who may do what: bearer tokens, kept as SHA-256 digests, and the peers of the Unix socket. */

#define AUTH_TOKEN_MIN 16 /* characters */
#define AUTH_USER_MAX 80

struct auth;

/* One element of the option `tokens`. */
struct token_conf {
	const char *name;
	uint32_t role; /* index: viewer, operator, admin */
	uint32_t reserved;
	const char *token;
};

struct auth_peer {
	uint32_t role;            /* OCPPD_ROLE_* */
	char user[AUTH_USER_MAX]; /* "token:fleet", "uid:1000", "anonymous" */
};

/* Cross checks of the option: names once, tokens long enough. */
int auth_check(const struct ocppd_sections *tokens, struct ocppd_error *err);
/* made: those of the run time, their tokens hashed. */
struct auth *auth_new(const struct ocppd_sections *tokens, const struct token_conf *made,
		      uint32_t made_count);
void auth_free(struct auth *auth);
uint32_t auth_count(const struct auth *auth);
/* Whether the token of that holder (an auth_peer's user) is the same in both; true for others. */
bool auth_keeps(const struct auth *before, const struct auth *after, const char *user);
/* The holder of a token. 0, or OCPPD_EDENIED. Takes the same time whatever the token. */
int auth_token(const struct auth *auth, const char *token, struct auth_peer *ret_peer);
/* The process behind a Unix socket: root and the daemon's own user are admins, members of the
 * socket's group operators, others nobody. 0 or OCPPD_EIO. */
int auth_unix(int fd, gid_t socket_group, struct auth_peer *ret_peer);

#endif
