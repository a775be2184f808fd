/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * GetConfiguration: what was read is recorded, whoever asked. Reads by itself only what the
 * operator configured, after an accepted boot, in portions that the station can take.
 */
#include "ocpp16_core.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

#define MAX_KEYS "GetConfigurationMaxKeys"
#define MAX_KEYS_MOST 1000
#define READ_EVERY_US (10 * INT64_C(60000000)) /* quirk F03: a read can be what reboots it */

/* ---- Secrets -----------------------------------------------------------------------------------
 */

/* AuthorizationKey, and what vendors call theirs. */
static const char *const secret_words[] = {
	"authorizationkey", "password", "passwd", "passphrase", "secret", "privatekey",
};

bool
is_secret_key(const char *name)
{
	char folded[64];
	size_t len = strnlen(name, sizeof(folded) - 1);

	for (size_t i = 0; i < len; i++)
		folded[i] =
			name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] - 'A' + 'a') : name[i];
	folded[len] = '\0';
	for (size_t i = 0; i < sizeof(secret_words) / sizeof(secret_words[0]); i++) {
		if (strstr(folded, secret_words[i]) != NULL)
			return true;
	}
	return false;
}

static size_t
list_length(struct json_object *list)
{
	return list != NULL && json_object_is_type(list, json_type_array)
		       ? json_object_array_length(list)
		       : 0;
}

/* ---- What was read -----------------------------------------------------------------------------
 */

static void
on_keys_stored(struct ocppd_host *host, int result, void *arg)
{
	struct core16 *ctx = arg;

	if (result < 0)
		OCPPD_WARN(host, "keys.unstored", OCPPD_STR("err", ocppd_error_name(result)));
	core16_done(ctx);
}

/* Fills keys from both lists; what has no name is left out (quirk D12). */
static uint32_t
collect(struct json_object *known, struct json_object *unknown, struct ocppd_station_key *keys)
{
	uint32_t count = 0;

	for (size_t i = 0; i < list_length(known); i++) {
		struct json_object *item = json_object_array_get_idx(known, i);
		struct ocppd_station_key *key = &keys[count];

		key->name = ocppd_json_get_str(item, "key");
		key->value = ocppd_json_get_str(item, "value");
		key->is_readonly = ocppd_json_get_bool(item, "readonly", 0) != 0;
		count += key->name != NULL && key->name[0] != '\0' ? 1 : 0;
	}
	for (size_t i = 0; i < list_length(unknown); i++) {
		struct json_object *item = json_object_array_get_idx(unknown, i);
		struct ocppd_station_key *key = &keys[count];

		if (!json_object_is_type(item, json_type_string))
			continue;
		memset(key, 0, sizeof(*key));
		key->name = json_object_get_string(item);
		key->is_unknown = 1;
		count += key->name[0] != '\0' ? 1 : 0;
	}
	return count;
}

void
completed_get_configuration(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
			    struct json_object *req, struct json_object *conf, void *arg)
{
	struct core16 *ctx = arg;
	struct json_object *known = ocppd_json_get(conf, "configurationKey");
	struct json_object *unknown = ocppd_json_get(conf, "unknownKey");
	struct ocppd_station_key *keys;
	bool is_all = list_length(ocppd_json_get(req, "key")) == 0;
	uint32_t count;
	int r;

	if (result != OCPPD_RES_REPLY || ctx->is_stopping)
		return;
	keys = calloc(list_length(known) + list_length(unknown) + 1, sizeof(*keys));
	if (keys == NULL)
		return;
	count = collect(known, unknown, keys);
	/* An answer without any key says nothing about all of them. */
	r = ctx->stations->keys_store(ctx->stations_self, host, ocppd_outcall_station(call), keys,
				      count, is_all && count > 0 ? OCPPD_KEYS_ALL : 0,
				      on_keys_stored, ctx);
	if (r == OCPPD_PENDING)
		ctx->outstanding++;
	else if (r < 0)
		OCPPD_WARN(host, "keys.unstored", OCPPD_STR("err", ocppd_error_name(r)));
	free(keys);
}

static void
mask_key(struct json_object *item)
{
	const char *name = ocppd_json_get_str(item, "key");

	/* Where no name can be read, nobody knows what the value is. */
	if (ocppd_json_get(item, "value") != NULL && (name == NULL || is_secret_key(name)))
		(void)ocppd_json_add_str(item, "value", OCPPD_MASK);
}

/* Of ChangeConfiguration's request and GetConfiguration's confirmation. */
void
mask_configuration(struct json_object *payload, uint32_t is_conf)
{
	struct json_object *known = ocppd_json_get(payload, "configurationKey");

	if (is_conf == 0)
		mask_key(payload);
	for (size_t i = 0; is_conf != 0 && i < list_length(known); i++)
		mask_key(json_object_array_get_idx(known, i));
}

/* ---- What an operator asks for -----------------------------------------------------------------
 */

struct limit_op {
	struct core16 *ctx;
	struct ocppd_outcall *call;
};

static void
on_limit_known(struct ocppd_host *host, int result, const struct ocppd_station_key *key, void *arg)
{
	struct limit_op *op = arg;
	struct core16 *ctx = op->ctx;
	size_t count = list_length(ocppd_json_get(ocppd_outcall_request(op->call), "key"));

	(void)result;
	if (key != NULL && key->value != NULL &&
	    (int64_t)count > number_of(key->value, INT64_MAX, INT32_MAX))
		ocppd_outcall_warn(host, op->call, "key: %zu keys, and " MAX_KEYS " is %s", count,
				   key->value);
	ocppd_outcall_ready(host, op->call, 0, NULL);
	free(op);
	core16_done(ctx);
}

int
prepare_get_configuration(struct ocppd_host *host, struct ocppd_outcall *call,
			  struct json_object *req, void *arg, struct ocppd_error *err)
{
	struct core16 *ctx = arg;
	struct limit_op *op;

	(void)err;
	if (list_length(ocppd_json_get(req, "key")) < 2)
		return 0;
	op = malloc(sizeof(*op));
	if (op == NULL)
		return OCPPD_ENOMEM;
	*op = (struct limit_op){ ctx, call };
	if (ctx->stations->key_find(ctx->stations_self, host, ocppd_outcall_station(call), MAX_KEYS,
				    on_limit_known, op) == OCPPD_PENDING) {
		ctx->outstanding++;
		return OCPPD_PENDING;
	}
	free(op);
	return 0; /* what cannot be found out is no reason not to send it */
}

/* ---- What the operator configured --------------------------------------------------------------
 */

struct read_op {
	struct core16 *ctx;
	struct ocppd_station *station;
	uint32_t next; /* of names */
	uint32_t count;
	int64_t portion; /* 0: not known yet */
	bool is_all;
	char *names[]; /* the texts follow */
};

static struct read_op *
read_new(struct core16 *ctx, struct ocppd_station *station)
{
	const struct ocppd_strings *keys = &ctx->conf->read_configuration;
	size_t size = sizeof(struct read_op) + keys->count * sizeof(char *);
	struct read_op *op;
	char *at;

	for (uint32_t i = 0; i < keys->count; i++)
		size += strlen(keys->items[i]) + 1;
	op = calloc(1, size);
	if (op == NULL)
		return NULL;
	op->ctx = ctx;
	op->station = station;
	op->count = keys->count;
	at = (char *)(op->names + keys->count);
	for (uint32_t i = 0; i < keys->count; i++) {
		size = strlen(keys->items[i]) + 1;
		memcpy(at, keys->items[i], size);
		op->names[i] = at;
		at += size;
		op->is_all = op->is_all || strcmp(keys->items[i], "*") == 0;
	}
	return op;
}

static void read_portion(struct read_op *op);

/* The answer to the question for the limit; a station that knows none takes one key at a time. */
static int64_t
portion_of(struct json_object *conf)
{
	struct json_object *known = ocppd_json_get(conf, "configurationKey");
	const char *name = NULL;
	const char *value = NULL;

	if (list_length(known) > 0) {
		name = ocppd_json_get_str(json_object_array_get_idx(known, 0), "key");
		value = ocppd_json_get_str(json_object_array_get_idx(known, 0), "value");
	}
	if (name == NULL || value == NULL || !text_equal(name, MAX_KEYS))
		return 1;
	return number_of(value, 1, MAX_KEYS_MOST);
}

static void
on_portion(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
	   struct json_object *conf, void *arg)
{
	struct read_op *op = arg;

	(void)call;
	if (result != OCPPD_RES_REPLY || op->ctx->is_stopping) {
		OCPPD_INFO(host, "keys.unread", OCPPD_STR("station", ocppd_station_id(op->station)),
			   OCPPD_INT("result", result));
		free(op);
		return;
	}
	if (op->portion == 0) {
		op->portion = portion_of(conf);
		op->portion += op->portion == 0 ? 1 : 0;
	}
	read_portion(op);
}

/* Takes op. */
static void
read_send(struct read_op *op, struct json_object *payload)
{
	const struct ocppd_call_request request = {
		.struct_size = sizeof(request),
		.flags = OCPPD_CALL_AUTOMATIC,
		.station = op->station,
		.action = "GetConfiguration",
		.payload = payload,
	};
	struct ocppd_error err = { 0 };

	if (ocppd_call_send(op->ctx->host, &request, on_portion, op, &err) >= 0)
		return;
	OCPPD_INFO(op->ctx->host, "keys.unread",
		   OCPPD_STR("station", ocppd_station_id(op->station)),
		   OCPPD_STR("text", err.text));
	free(op);
}

static void
read_portion(struct read_op *op)
{
	struct json_object *payload;
	struct json_object *list;

	if (op->next == op->count) {
		OCPPD_DEBUG(op->ctx->host, "keys.read",
			    OCPPD_STR("station", ocppd_station_id(op->station)));
		free(op);
		return;
	}
	payload = json_object_new_object();
	list = op->is_all ? NULL : json_object_new_array();
	if (payload == NULL || (!op->is_all && list == NULL)) {
		json_object_put(payload);
		json_object_put(list);
		free(op);
		return;
	}
	if (op->is_all) {
		op->next = op->count;
		read_send(op, payload);
		return;
	}
	if (op->portion == 0)
		json_object_array_add(list, json_object_new_string(MAX_KEYS));
	for (int64_t i = 0; i < op->portion && op->next < op->count; i++)
		json_object_array_add(list, json_object_new_string(op->names[op->next++]));
	(void)ocppd_json_add(payload, "key", list);
	read_send(op, payload);
}

static void
on_portion_known(struct ocppd_host *host, int result, const struct ocppd_station_key *key,
		 void *arg)
{
	struct read_op *op = arg;
	struct core16 *ctx = op->ctx;

	(void)host;
	(void)result;
	if (key != NULL && key->value != NULL)
		op->portion = number_of(key->value, 0, MAX_KEYS_MOST);
	if (ctx->is_stopping)
		free(op);
	else
		read_portion(op);
	core16_done(ctx);
}

void
read_configuration(struct core16 *ctx, struct ocppd_station *station)
{
	struct core16_slot *slot = core16_slot(ctx, station);
	int64_t now_us = ocppd_mono_us(ctx->host);
	struct read_op *op;

	if (ctx->conf->read_configuration.count == 0 || ctx->is_stopping ||
	    (slot->has_read && now_us - slot->read_us < READ_EVERY_US))
		return;
	slot->has_read = true;
	slot->read_us = now_us;
	op = read_new(ctx, station);
	if (op == NULL)
		return;
	if (op->is_all) {
		read_portion(op);
		return;
	}
	if (ctx->stations->key_find(ctx->stations_self, ctx->host, station, MAX_KEYS,
				    on_portion_known, op) == OCPPD_PENDING)
		ctx->outstanding++;
	else
		free(op);
}
