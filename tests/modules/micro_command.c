/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* A protocol of its own with commands to stations: for tests of what operators send. */
#include <ocppd/directory.h>
#include <ocppd/json.h>
#include <ocppd/plugin.h>

#include <string.h>

#define PROTOCOL "micro1.0"

static int
on_hello(struct ocppd_host *host, struct ocppd_call *call, struct json_object *req, void *ctx)
{
	(void)req;
	(void)ctx;
	ocppd_station_set_registration(host, ocppd_call_station(call), OCPPD_REG_ACCEPTED);
	(void)ocppd_call_reply_text(host, call, "{}", 2);
	return 0;
}

static int
prepare_paint(struct ocppd_host *host, struct ocppd_outcall *call, struct json_object *req,
	      void *ctx, struct ocppd_error *err)
{
	const char *colour = ocppd_json_get_str(req, "colour");

	(void)ctx;
	if (strcmp(colour, "black") == 0)
		return ocppd_error_set(err, OCPPD_EREFUSED, "black is sold out");
	if (strcmp(colour, "green") == 0)
		ocppd_outcall_warn(host, call, "green fades");
	return 0;
}

static const char *const colours[] = { "red", "green", "black", NULL };

static const struct ocppd_field paint_req[] = {
	{ .name = "colour", .type = OCPPD_T_STRING, .flags = OCPPD_REQUIRED, .one_of = colours },
	{ .name = "layers", .type = OCPPD_T_INTEGER },
	{ .name = "key", .type = OCPPD_T_STRING, .flags = OCPPD_LIST },
};

static const struct ocppd_field paint_conf[] = {
	{ .name = "status", .type = OCPPD_T_STRING, .flags = OCPPD_REQUIRED, .max = 20 },
};

static const struct ocppd_action actions[] = {
	{ .protocol = PROTOCOL,
	  .name = "Hello",
	  .direction = OCPPD_FROM_STATION,
	  .flags = OCPPD_ACTION_ANYTIME,
	  .on_call = on_hello },
	{ .protocol = PROTOCOL,
	  .name = "Paint",
	  .direction = OCPPD_TO_STATION,
	  .req = OCPPD_TABLE(paint_req),
	  .conf = OCPPD_TABLE(paint_conf),
	  .prepare = prepare_paint },
	{ .protocol = PROTOCOL,
	  .name = "Start",
	  .direction = OCPPD_TO_STATION,
	  .flags = OCPPD_ACTION_ACCEPTED_ONLY },
};

static const struct ocppd_word vocabulary[] = {
	{ PROTOCOL, "Hello", OCPPD_FROM_STATION, 0 },
	{ PROTOCOL, "Paint", OCPPD_TO_STATION, 0 },
	{ PROTOCOL, "Start", OCPPD_TO_STATION, 0 },
};

static int
start(struct ocppd_host *host, void *ctx, struct ocppd_error *err)
{
	const struct ocppd_admission anybody = { .struct_size = sizeof(anybody) };
	int r = ocppd_directory_set_unknown(host, &anybody, err);

	(void)ctx;
	return r;
}

OCPPD_PLUGIN = {
	OCPPD_GUARD,
	"micro_command",
	"1.0.0",
	"Commands to stations",
	.actions = OCPPD_TABLE(actions),
	.vocabulary = OCPPD_TABLE(vocabulary),
	.start = start,
};
