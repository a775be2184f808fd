/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Schema and statements of the module's tables, and the short ways to them. Storage is optional:
 * whoever writes asks first whether there is any (api->storage).
 */
#include "store.h"

#include <ocppd/plugin.h>

#include "http_api.h"

#include <string.h>
#include <sys/random.h>

static const char *const migration_1[] = {
	"CREATE TABLE http_api_token (name TEXT NOT NULL PRIMARY KEY, role BIGINT NOT NULL, "
	"digest TEXT NOT NULL, created_us BIGINT NOT NULL, created_by TEXT NOT NULL)",

	"CREATE TABLE http_api_queue (command_id TEXT NOT NULL PRIMARY KEY, "
	"station_id TEXT NOT NULL, action TEXT NOT NULL, payload TEXT NOT NULL, "
	"is_strict BIGINT NOT NULL, timeout_s BIGINT NOT NULL, requester TEXT NOT NULL, "
	"created_us BIGINT NOT NULL, expires_us BIGINT NOT NULL, state BIGINT NOT NULL, "
	"ended_us BIGINT, result TEXT)",
	NULL,
};

const struct ocppd_migration store_migrations[STORE_MIGRATIONS] = {
	{ 1, 0, "tokens and queued commands", migration_1 },
};

#define QUEUE_COLUMNS                                                                              \
	"command_id, station_id, action, payload, is_strict, timeout_s, requester, created_us, "   \
	"expires_us, state, ended_us, result"

const struct ocppd_statement store_statements[STATEMENT_COUNT] = {
	[STATEMENT_TOKEN_LIST] = { "tokens",
				   "SELECT name, role, digest, created_us, created_by FROM "
				   "http_api_token ORDER BY name",
				   OCPPD_STATEMENT_READ },
	[STATEMENT_TOKEN_PUT] = { "put token",
				  "INSERT INTO http_api_token (name, role, digest, created_us, "
				  "created_by) VALUES ($1, $2, $3, $4, $5)" },
	[STATEMENT_TOKEN_DELETE] = { "delete token", "DELETE FROM http_api_token WHERE name = $1" },
	[STATEMENT_QUEUE_LIST] = { "queued commands",
				   "SELECT " QUEUE_COLUMNS
				   " FROM http_api_queue ORDER BY created_us, command_id",
				   OCPPD_STATEMENT_READ },
	[STATEMENT_QUEUE_PUT] = { "put queued command",
				  "INSERT INTO http_api_queue (" QUEUE_COLUMNS ") VALUES "
				  "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) "
				  "ON CONFLICT (command_id) DO UPDATE SET state = excluded.state, "
				  "ended_us = excluded.ended_us, result = excluded.result, "
				  "payload = excluded.payload" },
	/* $1 station, $2 state of those that wait, $3 the new one, $4 time, $5 result. */
	[STATEMENT_QUEUE_CANCEL] = { "cancel queued commands of a station",
				     "UPDATE http_api_queue SET state = $3, ended_us = $4, "
				     "payload = '', result = $5 WHERE station_id = $1 "
				     "AND state = $2" },
	[STATEMENT_QUEUE_DELETE] = { "delete queued command",
				     "DELETE FROM http_api_queue WHERE command_id = $1" },
};

int
store_write(struct api *api, uint32_t statement, const struct ocppd_value *values, uint32_t count,
	    ocppd_unit_fn *fn, void *arg)
{
	struct ocppd_unit *unit = NULL;
	int r = api->storage->unit_new(api->storage_self, api->host, &unit);

	if (r < 0)
		return r;
	r = api->storage->unit_add(unit, api->host, statement, values, count, 0);
	if (r < 0) {
		api->storage->unit_free(unit);
		return r;
	}
	api->stores++;
	api->storage->unit_commit(unit, fn, arg);
	return 0;
}

void
store_done(struct api *api)
{
	if (--api->stores == 0 && api->is_closed)
		ocppd_stopped(api->host);
}

int
store_id(char *ret_text, size_t digits)
{
	static const char hex[] = "0123456789abcdef";
	unsigned char bytes[32];

	if (digits > 2 * sizeof(bytes) ||
	    getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return OCPPD_EIO;
	for (size_t i = 0; i < digits; i++)
		ret_text[i] = hex[i % 2 == 0 ? bytes[i / 2] >> 4 : bytes[i / 2] & 15];
	ret_text[digits] = '\0';
	return 0;
}
