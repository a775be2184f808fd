/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* A protocol of its own with commands to stations, and a route with a long answer: for tests of
 * what operators send and get. */
#include <ocppd/directory.h>
#include <ocppd/json.h>
#include <ocppd/plugin.h>

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

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

/* ---- A long answer ------------------------------------------------------------------------- */

struct micro {
	LIST_HEAD(, stream) streams;
};

struct stream {
	LIST_ENTRY(stream) link;
	struct ocppd_request *request;
	int64_t left;
	int64_t pauses; /* how often there was no room */
};

static void
stream_free(struct stream *stream)
{
	LIST_REMOVE(stream, link);
	free(stream);
}

static void
stream_on(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	static const char piece[] = "0123456789abcdef0123456789abcde\n";
	struct stream *stream = arg;

	while (stream->left > 0) {
		int r = ocppd_request_write(host, request, piece, sizeof(piece) - 1);

		if (r == OCPPD_EBUSY) {
			stream->pauses++;
			return;
		}
		if (r < 0) {
			stream_free(stream);
			return;
		}
		stream->left -= (int64_t)sizeof(piece) - 1;
	}
	OCPPD_INFO(host, "stream.ended", OCPPD_INT("pauses", stream->pauses));
	ocppd_request_end(host, request);
	stream_free(stream);
}

static void
stream_gone(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	(void)request;
	OCPPD_INFO(host, "stream.abandoned", OCPPD_INT("code", 0));
	stream_free(arg);
}

static void
stream_get(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct micro *micro = ctx;
	struct stream *stream = calloc(1, sizeof(*stream));

	if (stream == NULL) {
		ocppd_request_fail(host, request, OCPPD_ENOMEM, NULL);
		return;
	}
	stream->left = ocppd_request_query_int(request, "bytes", 0);
	if (ocppd_request_begin(host, request, 200, "text/plain", stream_on, stream_gone, stream) <
	    0) {
		free(stream);
		return;
	}
	stream->request = request;
	LIST_INSERT_HEAD(&micro->streams, stream, link);
	stream_on(host, request, stream);
}

static const struct ocppd_field stream_query[] = {
	{ .name = "bytes", .type = OCPPD_T_INTEGER, .flags = OCPPD_REQUIRED, .max = 1 << 30 },
};

static const struct ocppd_route routes[] = {
	{ .method = "GET",
	  .path = "/v1/micro/stream",
	  .role = OCPPD_ROLE_NONE,
	  .query = OCPPD_TABLE(stream_query),
	  .summary = "A long answer",
	  .on_request = stream_get },
};

static int
init(struct ocppd_host *host, const void *conf, void **ret_ctx, struct ocppd_error *err)
{
	struct micro *micro = calloc(1, sizeof(*micro));

	(void)host;
	(void)conf;
	if (micro == NULL)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	*ret_ctx = micro;
	return 0;
}

static int
start(struct ocppd_host *host, void *ctx, struct ocppd_error *err)
{
	const struct ocppd_admission anybody = { .struct_size = sizeof(anybody) };
	int r = ocppd_directory_set_unknown(host, &anybody, err);

	(void)ctx;
	return r;
}

static int
stop(struct ocppd_host *host, void *ctx)
{
	struct micro *micro = ctx;

	while (!LIST_EMPTY(&micro->streams)) {
		struct stream *stream = LIST_FIRST(&micro->streams);

		ocppd_request_cut(host, stream->request);
		stream_free(stream);
	}
	return 0;
}

static void
shutdown_module(struct ocppd_host *host, void *ctx)
{
	(void)host;
	free(ctx);
}

OCPPD_PLUGIN = {
	OCPPD_GUARD,
	"micro_command",
	"1.0.0",
	"Commands to stations",
	.actions = OCPPD_TABLE(actions),
	.vocabulary = OCPPD_TABLE(vocabulary),
	.routes = OCPPD_TABLE(routes),
	.init = init,
	.start = start,
	.stop = stop,
	.shutdown = shutdown_module,
};
