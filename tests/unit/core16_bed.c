/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The bed of the tests of ocpp16_core: a descriptor's life by hand, services that remember.
 */
#include "core16_bed.h"

#include <json-c/json.h>
#include <strings.h>

#define CONNECT_GRACE_MS 5000 /* scripted_conf: what we send by ourselves waits for so long */

static const struct ocppd_plugin asker_plugin = { .name = "asker" };

static int
owe(struct bed *bed, struct ocppd_host *asker, void *arg, struct bed_owed **ret_owed)
{
	if (bed->refusal < 0)
		return bed->refusal;
	assert_true(bed->owed_count < BED_OWED);
	*ret_owed = &bed->owed[bed->owed_count++];
	**ret_owed = (struct bed_owed){ .asker = asker, .arg = arg };
	return OCPPD_PENDING;
}

static int
key_find(void *self, struct ocppd_host *host, struct ocppd_station *station, const char *name,
	 ocppd_key_fn *fn, void *arg)
{
	struct bed *bed = self;
	struct bed_owed *owed;
	int r = owe(bed, host, arg, &owed);

	assert_ptr_equal(station, bed->station);
	if (r == OCPPD_PENDING) {
		owed->key_fn = fn;
		(void)snprintf(owed->name, sizeof(owed->name), "%s", name);
	}
	return r;
}

static int
keys_store(void *self, struct ocppd_host *host, struct ocppd_station *station,
	   const struct ocppd_station_key *keys, uint32_t count, uint32_t flags,
	   ocppd_recorded_fn *fn, void *arg)
{
	struct bed *bed = self;
	struct bed_owed *owed;
	size_t len = 0;
	int r;

	assert_ptr_equal(station, bed->station);
	bed->stored[0] = '\0';
	for (uint32_t i = 0; i < count; i++)
		len += (size_t)snprintf(
			bed->stored + len, sizeof(bed->stored) - len, "%s%s%s%s%s%s",
			i > 0 ? " " : "", keys[i].name, keys[i].value != NULL ? "=" : "",
			keys[i].value != NULL ? keys[i].value : "",
			keys[i].is_readonly != 0 ? "!" : "", keys[i].is_unknown != 0 ? "?" : "");
	bed->stored_flags = flags;
	bed->stored_count++;
	r = owe(bed, host, arg, &owed);
	if (r == OCPPD_PENDING)
		owed->recorded_fn = fn;
	return r;
}

static int
authorize(void *self, struct ocppd_host *host, const struct ocppd_auth_query *query,
	  struct ocppd_authorization *ret_decision, ocppd_auth_fn *fn, void *arg)
{
	(void)self;
	(void)host;
	(void)query;
	(void)fn;
	(void)arg;
	ret_decision->status = OCPPD_AUTH_ACCEPTED;
	return 0;
}

static void
on_result(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
	  struct json_object *conf, void *arg)
{
	struct bed *bed = arg;
	const char *warning;
	size_t len = 0;

	(void)host;
	(void)conf;
	bed->results[result]++;
	bed->warnings[0] = '\0';
	for (uint32_t i = 0; (warning = ocppd_outcall_warning(call, i)) != NULL; i++)
		len += (size_t)snprintf(bed->warnings + len, sizeof(bed->warnings) - len, "%s;",
					warning);
}

static void
on_line(const char *line, void *arg)
{
	struct bed *bed = arg;

	buf_add_str(&bed->lines, line);
	buf_add_char(&bed->lines, '\n');
}

void
bed_init(struct bed *bed)
{
	struct ocppd_error err = { 0 };
	void *ctx = NULL;

	memset(bed, 0, sizeof(*bed));
	bed->conf = (struct core_conf){ .heartbeat_interval_s = 300,
					.pending_interval_s = 60,
					.rejected_interval_s = 3600,
					.remote_start_margin_s = 30,
					.data_transfer_timeout_ms = 5000 };
	bed->stations.key_find = key_find;
	bed->stations.keys_store = keys_store;
	bed->authorization.authorize = authorize;
	scripted_init(&bed->scripted, NULL);
	log_set_sink(bed->scripted.fixture.log, on_line, bed);
	scripted_load(&bed->scripted, &bed->module, "ocpp16_core", &ocppd_plugin, NULL);
	scripted_load(&bed->scripted, &bed->asker, "asker", &asker_plugin, NULL);
	if (host_register(&bed->module, &err) < 0)
		fail_msg("%s", err.text);
	bed->module.state = HOST_INITIALISED;
	assert_int_equal(ocppd_plugin.init(&bed->module, &bed->conf, &ctx, &err), 0);
	bed->module.state = HOST_RUNNING;
	bed->module.ctx = ctx;
	bed->ctx = ctx;
	/* In place of `start`, which fetches them. */
	bed->ctx->stations = &bed->stations;
	bed->ctx->stations_self = bed;
	bed->ctx->authorization = &bed->authorization;
	bed->ctx->transactions = &bed->transactions;
	bed->conn = scripted_connect(&bed->scripted, "CP1");
	bed->station = ocppd_station_find(&bed->asker, "CP1");
	assert_non_null(bed->station);
	scripted_advance(&bed->scripted, CONNECT_GRACE_MS);
}

void
bed_fini(struct bed *bed)
{
	scripted_drop(bed->conn);
	(void)ocppd_plugin.stop(&bed->module, bed->ctx);
	bed_pay(bed);
	assert_int_equal(bed->ctx->outstanding, 0);
	scripted_unload(&bed->scripted, &bed->asker);
	scripted_unload(&bed->scripted, &bed->module);
	ocppd_plugin.shutdown(&bed->module, bed->ctx);
	scripted_fini(&bed->scripted);
	buf_fini(&bed->lines);
}

void
bed_reload(struct bed *bed)
{
	ocppd_plugin.reload(&bed->module, bed->ctx, &bed->conf);
}

void
bed_pay(struct bed *bed)
{
	for (uint32_t i = 0; i < bed->owed_count; i++) {
		struct bed_owed *owed = &bed->owed[i];
		struct ocppd_station_key key = { .name = owed->name };

		if (owed->recorded_fn != NULL) {
			owed->recorded_fn(owed->asker, 0, owed->arg);
			continue;
		}
		for (size_t k = 0; k < BED_KNOWN; k++) {
			if (bed->known[k].name != NULL &&
			    strcasecmp(bed->known[k].name, owed->name) == 0)
				key.value = bed->known[k].value;
		}
		owed->key_fn(owed->asker, 0, key.value != NULL ? &key : NULL, owed->arg);
	}
	bed->owed_count = 0;
	(void)core_turn(bed->scripted.core);
}

int
bed_ask(struct bed *bed, const char *action, const char *payload)
{
	const struct ocppd_call_request request = {
		.struct_size = sizeof(request),
		.station = bed->station,
		.action = action,
		.payload = json_tokener_parse(payload),
		.requester = "token:fleet",
	};
	int r = ocppd_call_send(&bed->asker, &request, on_result, bed, NULL);

	(void)core_turn(bed->scripted.core);
	return r;
}

void
bed_expect_call(struct bed *bed, const char *action, const char *payload, char ret_id[37])
{
	const char *text = scripted_next(bed->conn);
	char expected[512];

	if (text == NULL)
		fail_msg("no CALL, expected %s", action);
	assert_true(strlen(text) > 40);
	(void)snprintf(ret_id, 37, "%.36s", text + 4);
	(void)snprintf(expected, sizeof(expected), "[2,\"%s\",\"%s\",%s]", ret_id, action, payload);
	assert_string_equal(text, expected);
}

void
bed_confirm(struct bed *bed, const char *id, const char *payload)
{
	char text[1024];

	(void)snprintf(text, sizeof(text), "[3,\"%s\",%s]", id, payload);
	scripted_recv(bed->conn, text);
}

void
bed_fail(struct bed *bed, const char *id, const char *code)
{
	char text[128];

	(void)snprintf(text, sizeof(text), "[4,\"%s\",\"%s\",\"\",{}]", id, code);
	scripted_recv(bed->conn, text);
}

const char *
bed_line(struct bed *bed, const char *event)
{
	char wanted[64];

	assert_int_equal(bed->lines.error, 0);
	(void)snprintf(wanted, sizeof(wanted), " ev=%s ", event);
	return bed->lines.data == NULL ? NULL : strstr(bed->lines.data, wanted);
}
