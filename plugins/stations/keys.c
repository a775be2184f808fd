/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Configuration keys as stations report them: stored as they are read, and looked up once what was
 * just read is on record.
 */
#include "stations.h"

#include <stdlib.h>
#include <string.h>

#define KEY_NAME_SIZE 64

struct keys_op {
	struct stations *ctx;
	struct ocppd_host *asker;
	struct ocppd_station *station;
	ocppd_recorded_fn *fn; /* storing */
	ocppd_key_fn *key_fn;  /* looking one up */
	void *arg;
	char key[KEY_NAME_SIZE]; /* in lower case, when one is looked for */
};

static struct keys_op *
op_new(struct stations *ctx, struct ocppd_host *asker, struct ocppd_station *station, void *arg)
{
	struct keys_op *op = calloc(1, sizeof(*op));

	if (op == NULL)
		return NULL;
	op->ctx = ctx;
	op->asker = asker;
	op->station = station;
	op->arg = arg;
	return op;
}

int
keys_await(struct stations *ctx, struct ocppd_station *station, keys_ready_fn *fn, void *arg)
{
	struct keys_wait *wait;

	if (stations_slot(ctx, station)->keys_pending == 0) {
		fn(ctx, arg);
		return 0;
	}
	wait = calloc(1, sizeof(*wait));
	if (wait == NULL)
		return OCPPD_ENOMEM;
	wait->station = station;
	wait->fn = fn;
	wait->arg = arg;
	TAILQ_INSERT_TAIL(&ctx->keys_waits, wait, all);
	return 0;
}

/* Keys that were just read are on their way to the table: whoever asks meanwhile wants them. */
static void
keys_stored(struct stations *ctx, struct ocppd_station *station)
{
	struct keys_wait *wait = TAILQ_FIRST(&ctx->keys_waits);

	if (--stations_slot(ctx, station)->keys_pending > 0)
		return;
	while (wait != NULL) {
		struct keys_wait *next = TAILQ_NEXT(wait, all);

		if (wait->station == station) {
			TAILQ_REMOVE(&ctx->keys_waits, wait, all);
			wait->fn(ctx, wait->arg);
			free(wait);
		}
		wait = next;
	}
}

static void
on_keys_stored(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	       const struct ocppd_error *err, void *arg)
{
	struct keys_op *op = arg;
	struct stations *ctx = op->ctx;

	(void)host;
	(void)rows;
	(void)count;
	if (result < 0)
		OCPPD_ERROR(host, "keys.unstored",
			    OCPPD_STR("station", ocppd_station_id(op->station)),
			    OCPPD_STR("err", ocppd_error_name(result)),
			    OCPPD_STR("text", err == NULL ? NULL : err->text));
	keys_stored(ctx, op->station);
	op->fn(op->asker, result, op->arg);
	free(op);
	stations_done(ctx);
}

static char
fold(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static void
fold_name(const char *name, char ret_folded[KEY_NAME_SIZE])
{
	size_t len = strnlen(name, KEY_NAME_SIZE - 1);

	for (size_t i = 0; i < len; i++)
		ret_folded[i] = fold(name[i]);
	ret_folded[len] = '\0';
}

/* AuthorizationKey, and what vendors call theirs. */
bool
key_is_secret(const char *name)
{
	static const char *const words[] = {
		"authorizationkey", "password", "passwd", "passphrase", "secret", "privatekey",
	};
	char folded[KEY_NAME_SIZE];

	fold_name(name, folded);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strstr(folded, words[i]) != NULL)
			return true;
	}
	return false;
}

static int
add_key(struct keys_op *op, struct ocppd_unit *unit, const struct ocppd_station_key *key,
	int64_t now_us)
{
	struct stations *ctx = op->ctx;
	char folded[KEY_NAME_SIZE];
	/* Stations should not tell it; those that do must not make us keep it. */
	bool is_secret = key_is_secret(key->name);

	fold_name(key->name, folded);

	const struct ocppd_value values[] = {
		ocppd_value_str(ocppd_station_id(op->station)),
		ocppd_value_str(folded),
		ocppd_value_str(key->name),
		ocppd_value_str(is_secret ? NULL : key->value),
		ocppd_value_int(key->is_readonly != 0),
		ocppd_value_int(key->is_unknown != 0),
		ocppd_value_int(now_us),
	};

	return ctx->storage->unit_add(unit, ctx->host, STATEMENT_KEY, values,
				      sizeof(values) / sizeof(values[0]), 0);
}

int
ops_keys_store(void *self, struct ocppd_host *host, struct ocppd_station *station,
	       const struct ocppd_station_key *keys, uint32_t count, uint32_t flags,
	       ocppd_recorded_fn *fn, void *arg)
{
	struct stations *ctx = self;
	struct keys_op *op;
	struct ocppd_unit *unit = NULL;
	int64_t now_us = ocppd_now_us(ctx->host);
	int r;

	if (count == 0 && (flags & OCPPD_KEYS_ALL) == 0)
		return 0;
	if (count > KEYS_MAX)
		count = KEYS_MAX;
	op = op_new(ctx, host, station, arg);
	if (op == NULL)
		return OCPPD_ENOMEM;
	op->fn = fn;
	r = ctx->storage->unit_new(ctx->storage_self, ctx->host, &unit);
	for (uint32_t i = 0; r >= 0 && i < count; i++)
		r = add_key(op, unit, &keys[i], now_us);
	if (r >= 0 && (flags & OCPPD_KEYS_ALL) != 0) {
		const struct ocppd_value trim[] = { ocppd_value_str(ocppd_station_id(station)),
						    ocppd_value_int(now_us) };

		r = ctx->storage->unit_add(unit, ctx->host, STATEMENT_KEY_TRIM, trim, 2, 0);
	}
	r = stations_commit(ctx, unit, r, on_keys_stored, op);
	if (r < 0) {
		free(op);
		return r;
	}
	stations_slot(ctx, station)->keys_pending++;
	return OCPPD_PENDING;
}

static void
on_key_found(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	     const struct ocppd_error *err, void *arg)
{
	struct keys_op *op = arg;
	struct stations *ctx = op->ctx;
	struct ocppd_station_key key = { 0 };
	char name[KEY_NAME_SIZE * 4];
	char value[2048];
	bool is_there = result >= 0 && rows->count > 0;

	(void)host;
	(void)err;
	if (is_there) {
		(void)ocppd_value_copy(&rows->values[0], name, sizeof(name));
		(void)ocppd_value_copy(&rows->values[1], value, sizeof(value));
		key.name = name;
		key.value = rows->values[1].type == OCPPD_VALUE_NULL ? NULL : value;
		key.is_readonly = rows->values[2].number != 0;
	}
	op->key_fn(op->asker, result, is_there ? &key : NULL, op->arg);
	free(op);
	stations_done(ctx);
}

static int
find_key(struct stations *ctx, struct keys_op *op)
{
	const struct ocppd_value values[] = {
		ocppd_value_str(ocppd_station_id(op->station)),
		ocppd_value_str(op->key),
	};

	return ctx->storage->query(ctx->storage_self, ctx->host, STATEMENT_KEY_FIND, values, 2, 1,
				   on_key_found, op);
}

static void
find_key_later(struct stations *ctx, void *arg)
{
	struct keys_op *op = arg;
	int r = find_key(ctx, op);

	if (r >= 0)
		return;
	op->key_fn(op->asker, r, NULL, op->arg);
	free(op);
	stations_done(ctx);
}

int
ops_key_find(void *self, struct ocppd_host *host, struct ocppd_station *station, const char *name,
	     ocppd_key_fn *fn, void *arg)
{
	struct stations *ctx = self;
	struct keys_op *op = op_new(ctx, host, station, arg);
	int r;

	if (op == NULL)
		return OCPPD_ENOMEM;
	fold_name(name, op->key);
	op->key_fn = fn;
	r = stations_slot(ctx, station)->keys_pending == 0
		    ? find_key(ctx, op)
		    : keys_await(ctx, station, find_key_later, op);
	if (r < 0) {
		free(op);
		return r;
	}
	ctx->outstanding++;
	return OCPPD_PENDING;
}
