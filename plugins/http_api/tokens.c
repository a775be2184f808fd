/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Tokens that admins make and revoke while the daemon runs. A token is shown once, in the answer
 * that made it; the database has its SHA-256 digest, which is enough for 256 random bits. A token
 * counts from the commit on, and no longer from its revocation's.
 */
#include "tokens.h"

#include <ocppd/json.h>
#include <ocppd/plugin.h>
#include <ocppd/rows.h>

#include "auth.h"
#include "events.h"
#include "http_api.h"
#include "items.h"
#include "pending.h"
#include "rows.h"
#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>

#define TOKENS_MAX 1000
#define TOKEN_DIGITS 64
#define DIGEST_TEXT (sizeof("sha256:") + 2 * SHA256_DIGEST_LENGTH)

struct made_token {
	char name[64];
	uint32_t role; /* index: viewer, operator, admin */
	uint32_t reserved;
	int64_t created_us;
	char created_by[AUTH_USER_MAX];
	char digest[DIGEST_TEXT];
};

struct tokens {
	struct api *api;
	struct made_token *items;
	uint32_t count;
	uint32_t making; /* on their way to storage: they count for the bound */
};

/* A POST or DELETE under way. */
struct change {
	struct tokens *tokens;
	struct pending *pending;
	struct made_token token;
	char secret[TOKEN_DIGITS + 1];
};

static const char *const roles[] = { "viewer", "operator", "admin" };

static struct made_token *
token_find(const struct tokens *tokens, const char *name)
{
	for (uint32_t i = 0; i < tokens->count; i++) {
		if (strcmp(tokens->items[i].name, name) == 0)
			return &tokens->items[i];
	}
	return NULL;
}

static bool
is_configured(const struct tokens *tokens, const char *name)
{
	const struct ocppd_sections *list = &tokens->api->conf->tokens;

	for (uint32_t i = 0; i < list->count; i++) {
		const struct token_conf *conf = ROW_AT(*list, i);

		if (strcmp(conf->name, name) == 0)
			return true;
	}
	return false;
}

static int
token_add(struct tokens *tokens, const struct made_token *token)
{
	struct made_token *items =
		reallocarray(tokens->items, tokens->count + 1, sizeof(*tokens->items));

	if (items == NULL)
		return OCPPD_ENOMEM;
	tokens->items = items;
	items[tokens->count++] = *token;
	return 0;
}

int
tokens_apply(struct tokens *tokens)
{
	struct api *api = tokens->api;
	struct token_conf *made = calloc(tokens->count + 1, sizeof(*made));
	struct auth *auth = NULL;

	if (made == NULL)
		return OCPPD_ENOMEM;
	for (uint32_t i = 0; i < tokens->count; i++) {
		made[i].name = tokens->items[i].name;
		made[i].role = tokens->items[i].role;
		made[i].token = tokens->items[i].digest;
	}
	auth = auth_new(&api->conf->tokens, made, tokens->count);
	free(made);
	if (auth == NULL)
		return OCPPD_ENOMEM;
	events_recheck(api->events, api->auth, auth);
	auth_free(api->auth);
	api->auth = auth;
	return 0;
}

int
tokens_load(struct tokens *tokens, const struct ocppd_rows *rows)
{
	for (uint32_t i = 0; i < rows->count; i++) {
		const struct ocppd_value *row = rows->values + (size_t)i * rows->columns;
		struct made_token token = { .created_us = row[3].number };
		char *texts[] = { ocppd_value_dup(&row[0]), ocppd_value_dup(&row[2]),
				  ocppd_value_dup(&row[4]) };
		int r = OCPPD_ENOMEM;

		if (texts[0] != NULL && texts[1] != NULL && texts[2] != NULL) {
			token.role = row[1].number >= 0 && row[1].number <= 2
					     ? (uint32_t)row[1].number
					     : 0;
			(void)snprintf(token.name, sizeof(token.name), "%s", texts[0]);
			(void)snprintf(token.digest, sizeof(token.digest), "%s", texts[1]);
			(void)snprintf(token.created_by, sizeof(token.created_by), "%s", texts[2]);
			r = token_add(tokens, &token);
		}
		for (size_t k = 0; k < sizeof(texts) / sizeof(texts[0]); k++)
			free(texts[k]);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- Making -------------------------------------------------------------------------------- */

static struct json_object *
token_json(const struct made_token *token, const char *source)
{
	struct json_object *item = json_object_new_object();
	int r = 0;

	if (item == NULL)
		return NULL;
	r |= ocppd_json_add_str(item, "name", token->name);
	r |= ocppd_json_add_str(item, "role", roles[token->role <= 2 ? token->role : 0]);
	r |= ocppd_json_add_str(item, "source", source);
	if (token->created_us != 0) {
		r |= ocppd_json_add_time(item, "createdAt", token->created_us);
		r |= ocppd_json_add_str(item, "createdBy", token->created_by);
	}
	if (r == 0)
		return item;
	(void)json_object_put(item);
	return NULL;
}

static void
change_free(struct change *change)
{
	OPENSSL_cleanse(change->secret, sizeof(change->secret));
	free(change);
}

static void
on_put(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
       const struct ocppd_error *err, void *arg)
{
	struct change *change = arg;
	struct tokens *tokens = change->tokens;
	struct ocppd_request *request = pending_end(change->pending);
	struct json_object *body = NULL;

	(void)rows;
	(void)count;
	tokens->making--;
	if (result == 0)
		result = token_add(tokens, &change->token);
	if (result == 0)
		result = tokens_apply(tokens);
	if (result == 0)
		OCPPD_INFO(host, "token.created", OCPPD_STR("name", change->token.name),
			   OCPPD_STR("role", roles[change->token.role]),
			   OCPPD_STR("user", change->token.created_by));
	if (request != NULL && result == 0)
		body = token_json(&change->token, "database");
	if (request == NULL)
		(void)json_object_put(body);
	else if (body != NULL && ocppd_json_add_str(body, "token", change->secret) == 0)
		ocppd_request_reply(host, request, 201, body);
	else if (result == OCPPD_EINVAL)
		ocppd_request_problem(host, request, 409, "token-exists",
				      "there is a token of that name");
	else
		ocppd_request_fail(host, request, result < 0 ? result : OCPPD_ENOMEM, err);
	change_free(change);
	store_done(tokens->api);
}

static int
token_make(struct change *change, const struct ocppd_request *request)
{
	struct json_object *body = ocppd_request_body(request);
	const char *role = ocppd_json_get_str(body, "role");
	unsigned char digest[SHA256_DIGEST_LENGTH];
	struct made_token *token = &change->token;
	int len;

	(void)snprintf(token->name, sizeof(token->name), "%s", ocppd_json_get_str(body, "name"));
	(void)snprintf(token->created_by, sizeof(token->created_by), "%s",
		       ocppd_request_user(request));
	while (token->role < 2 && role != NULL && strcmp(role, roles[token->role]) != 0)
		token->role++;
	token->created_us = ocppd_now_us(change->tokens->api->host);
	if (store_id(change->secret, TOKEN_DIGITS) < 0 ||
	    SHA256((const unsigned char *)change->secret, TOKEN_DIGITS, digest) == NULL)
		return OCPPD_EIO;
	len = snprintf(token->digest, sizeof(token->digest), "sha256:");
	for (size_t i = 0; i < sizeof(digest); i++)
		len += snprintf(token->digest + len, sizeof(token->digest) - (size_t)len, "%02x",
				digest[i]);
	return 0;
}

static bool
has_storage(struct ocppd_host *host, struct ocppd_request *request, const struct api *api)
{
	if (api->storage == NULL)
		ocppd_request_problem(host, request, 501, "unsupported",
				      "no storage module is loaded: list tokens in the "
				      "configuration");
	return api->storage != NULL;
}

/* A name that a path can hold, or nobody could revoke it. */
static bool
is_name(const char *name)
{
	for (const unsigned char *at = (const unsigned char *)name; *at != '\0'; at++) {
		if (*at < 0x20 || *at == 0x7f || (*at == 0xc2 && at[1] < 0xa0))
			return false;
	}
	return name[0] != '\0' && strlen(name) < sizeof(((struct made_token *)0)->name);
}

void
tokens_post(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct api *api = ctx;
	const char *name = ocppd_json_get_str(ocppd_request_body(request), "name");
	struct change *change;
	int r = OCPPD_ENOMEM;

	if (!has_storage(host, request, api))
		return;
	if (!is_name(name)) {
		ocppd_request_problem(
			host, request, 400, "invalid-body",
			"name: 1 to 60 characters of at most 63 bytes, none of control");
		return;
	}
	if (token_find(api->tokens, name) != NULL || is_configured(api->tokens, name)) {
		ocppd_request_problem(host, request, 409, "token-exists",
				      "there is a token of that name");
		return;
	}
	if (api->tokens->count + api->tokens->making >= TOKENS_MAX) {
		ocppd_request_problem(host, request, 409, "too-many-tokens",
				      "there are %d tokens already", TOKENS_MAX);
		return;
	}
	change = calloc(1, sizeof(*change));
	if (change != NULL) {
		change->tokens = api->tokens;
		change->pending = pending_new(api, request);
		r = token_make(change, request);
	}
	if (change != NULL && change->pending != NULL && r == 0) {
		const struct made_token *token = &change->token;
		const struct ocppd_value values[] = {
			ocppd_value_str(token->name),       ocppd_value_int(token->role),
			ocppd_value_str(token->digest),     ocppd_value_int(token->created_us),
			ocppd_value_str(token->created_by),
		};

		api->tokens->making++;
		r = store_write(api, STATEMENT_TOKEN_PUT, values, 5, on_put, change);
		if (r == 0)
			return;
		api->tokens->making--;
	}
	if (change != NULL && change->pending != NULL)
		(void)pending_end(change->pending);
	if (change != NULL)
		change_free(change);
	ocppd_request_fail(host, request, r < 0 ? r : OCPPD_ENOMEM, NULL);
}

/* ---- Listing, revoking --------------------------------------------------------------------- */

void
tokens_list(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	const struct api *api = ctx;
	const struct ocppd_sections *list = &api->conf->tokens;
	struct items items;

	items_init(&items);
	for (uint32_t i = 0; i < list->count + api->tokens->count; i++) {
		struct made_token token = { .role = 0 };
		const char *source = i < list->count ? "configuration" : "database";

		if (i < list->count) {
			const struct token_conf *conf = ROW_AT(*list, i);

			(void)snprintf(token.name, sizeof(token.name), "%s", conf->name);
			token.role = conf->role;
		} else {
			token = api->tokens->items[i - list->count];
		}
		if (!items_add(&items, token_json(&token, source)))
			break;
	}
	items_reply(&items, host, request, NULL);
}

static void
on_deleted(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	   const struct ocppd_error *err, void *arg)
{
	struct change *change = arg;
	struct tokens *tokens = change->tokens;
	struct ocppd_request *request = pending_end(change->pending);
	struct made_token *token = token_find(tokens, change->token.name);

	(void)rows;
	(void)count;
	if (result == 0 && token != NULL) {
		*token = tokens->items[--tokens->count];
		result = tokens_apply(tokens);
		OCPPD_INFO(host, "token.revoked", OCPPD_STR("name", change->token.name));
	}
	if (request != NULL && result == 0)
		ocppd_request_reply(host, request, 200, NULL);
	else if (request != NULL)
		ocppd_request_fail(host, request, result, err);
	change_free(change);
	store_done(tokens->api);
}

void
tokens_delete(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct api *api = ctx;
	const char *name = ocppd_request_param(request, "name");
	const struct ocppd_value value = ocppd_value_str(name);
	struct change *change;
	int r = OCPPD_ENOMEM;

	if (token_find(api->tokens, name) == NULL) {
		if (is_configured(api->tokens, name))
			ocppd_request_problem(
				host, request, 409, "configured-token",
				"the token stands in the configuration: take it out there");
		else
			ocppd_request_problem(host, request, 404, "unknown-token",
					      "there is no token of that name");
		return;
	}
	change = calloc(1, sizeof(*change));
	if (change != NULL) {
		change->tokens = api->tokens;
		(void)snprintf(change->token.name, sizeof(change->token.name), "%s", name);
		change->pending = pending_new(api, request);
	}
	if (change != NULL && change->pending != NULL) {
		r = store_write(api, STATEMENT_TOKEN_DELETE, &value, 1, on_deleted, change);
		if (r == 0)
			return;
		(void)pending_end(change->pending);
	}
	if (change != NULL)
		change_free(change);
	ocppd_request_fail(host, request, r, NULL);
}

/* ---- Life ---------------------------------------------------------------------------------- */

struct tokens *
tokens_new(struct api *api)
{
	struct tokens *tokens = calloc(1, sizeof(*tokens));

	if (tokens != NULL)
		tokens->api = api;
	return tokens;
}

void
tokens_free(struct tokens *tokens)
{
	if (tokens == NULL)
		return;
	free(tokens->items);
	free(tokens);
}
