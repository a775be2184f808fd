/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* Uses the service ocppd.files as a module for firmware would: for tests of it. What it is told it
 * writes to the log. */
#include <ocppd/json.h>
#include <ocppd/plugin.h>
#include <ocppd/service/files.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

struct micro {
	struct ocppd_host *host;
	const struct ocppd_files_ops *ops;
	void *self;
};

static const char *const kinds[] = {
	"?", "begun", "progress", "broken", "completed", "expired", "withdrawn",
};

static void
on_event(struct ocppd_host *host, const struct ocppd_files_event *event, void *arg)
{
	const struct ocppd_transfer *transfer = event->transfer;
	struct micro *micro = arg;

	if (micro->host != host)
		abort();
	OCPPD_INFO(host, "micro.told", OCPPD_STR("kind", kinds[event->kind]),
		   OCPPD_INT("transfer", transfer->id), OCPPD_INT("state", transfer->state),
		   OCPPD_STR("reference", transfer->reference), OCPPD_INT("bytes", transfer->bytes),
		   OCPPD_INT("size", transfer->size), OCPPD_INT("attempts", transfer->attempts),
		   OCPPD_STR("remote", transfer->remote), OCPPD_STR("text", event->text),
		   OCPPD_INT("files", event->file_count),
		   OCPPD_STR("name", event->file_count > 0 ? event->files[0].name : NULL),
		   OCPPD_INT("file", event->file_count > 0 ? event->files[0].id : 0));
}

static void
on_transfer(struct ocppd_host *host, int result, const struct ocppd_transfer *transfer,
	    const struct ocppd_error *err, void *arg)
{
	struct json_object *body;

	if (result < 0) {
		ocppd_request_fail(host, arg, result, err);
		return;
	}
	body = json_object_new_object();
	ocppd_json_add_int(body, "id", transfer->id);
	ocppd_json_add_int(body, "state", transfer->state);
	ocppd_json_add_str(body, "url", transfer->url);
	ocppd_json_add_str(body, "stationId", transfer->station_id);
	ocppd_json_add_str(body, "reference", transfer->reference);
	ocppd_json_add_str(body, "kind", transfer->kind);
	ocppd_json_add_str(body, "remote", transfer->remote);
	ocppd_json_add_int(body, "fileId", transfer->file_id);
	ocppd_json_add_int(body, "bytes", transfer->bytes);
	ocppd_json_add_int(body, "size", transfer->size);
	ocppd_json_add_int(body, "attempts", transfer->attempts);
	ocppd_json_add_bool(body, "begun", transfer->begun_us != 0);
	ocppd_request_reply(host, arg, 200, body);
}

static void
make(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct micro *micro = arg;
	struct json_object *body = ocppd_request_body(request);
	struct ocppd_file image = { .struct_size = sizeof(image) };
	const char *name = ocppd_json_get_str(body, "image");
	struct ocppd_transfer_request wanted = {
		.struct_size = sizeof(wanted),
		.direction = (uint32_t)ocppd_json_get_int(body, "direction", 0),
		.station_id = ocppd_json_get_str(body, "stationId"),
		.reference = ocppd_json_get_str(body, "reference"),
		.expires_us = ocppd_now_us(host) +
			      ocppd_json_get_int(body, "milliseconds", 600000) * 1000,
		.file_id = ocppd_json_get_int(body, "fileId", 0),
		.kind = ocppd_json_get_str(body, "kind"),
		.max_bytes = ocppd_json_get_int(body, "maxBytes", 0),
	};
	struct ocppd_error err = { 0 };
	int r = 0;

	if (name != NULL)
		r = micro->ops->image_find(micro->self, host, name, 0, &image);
	if (name != NULL && r == 0)
		wanted.file_id = image.id;
	if (r == 0)
		r = micro->ops->transfer_new(micro->self, host, &wanted, on_transfer, request,
					     &err);
	if (r < 0)
		ocppd_request_fail(host, request, r, &err);
}

static int64_t
id_of(struct ocppd_request *request)
{
	return ocppd_request_query_int(request, "id", 0);
}

static void
show(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct micro *micro = arg;
	int r = micro->ops->transfer_get(micro->self, host, id_of(request), on_transfer, request);

	if (r < 0)
		ocppd_request_fail(host, request, r, NULL);
}

static void
change(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct micro *micro = arg;
	int64_t ms = ocppd_request_query_int(request, "milliseconds", 0);
	int r = ms == 0 ? micro->ops->transfer_withdraw(micro->self, host, id_of(request))
			: micro->ops->transfer_extend(micro->self, host, id_of(request),
						      ocppd_now_us(host) + ms * 1000);

	if (r < 0)
		ocppd_request_fail(host, request, r, NULL);
	else
		ocppd_request_reply(host, request, 200, NULL);
}

static void
on_file(struct ocppd_host *host, int result, const struct ocppd_file *file,
	const struct ocppd_error *err, void *arg)
{
	struct json_object *body;

	if (result < 0) {
		ocppd_request_fail(host, arg, result, err);
		return;
	}
	body = json_object_new_object();
	ocppd_json_add_str(body, "name", file->name);
	ocppd_json_add_str(body, "stationId", file->station_id);
	ocppd_json_add_int(body, "size", file->size);
	ocppd_request_reply(host, arg, 200, body);
}

static void
file(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct micro *micro = arg;
	int r = micro->ops->file_get(micro->self, host, id_of(request), on_file, request);

	if (r < 0)
		ocppd_request_fail(host, request, r, NULL);
}

static int
on_image(const struct ocppd_file *image, void *arg)
{
	json_object_array_add(arg, json_object_new_string(image->name));
	return 0;
}

static void
images(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct micro *micro = arg;
	struct json_object *body = json_object_new_object();
	struct json_object *names = json_object_new_array();

	(void)micro->ops->image_each(micro->self, host, on_image, names);
	ocppd_json_add(body, "names", names);
	ocppd_request_reply(host, request, 200, body);
}

static int
init(struct ocppd_host *host, const void *conf, void **ret_ctx, struct ocppd_error *err)
{
	struct micro *micro = calloc(1, sizeof(*micro));

	(void)conf;
	if (micro == NULL)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	micro->host = host;
	*ret_ctx = micro;
	return 0;
}

static int
start(struct ocppd_host *host, void *arg, struct ocppd_error *err)
{
	struct micro *micro = arg;
	const void *ops;
	int r = ocppd_service_get(host, "ocppd.files", 1, 0, &ops, &micro->self);

	if (r < 0)
		return ocppd_error_set(err, r, "ocppd.files is not there");
	micro->ops = ops;
	return micro->ops->watch(micro->self, host, on_event, micro);
}

static int
stop(struct ocppd_host *host, void *arg)
{
	struct micro *micro = arg;

	return micro->ops->watch(micro->self, host, NULL, NULL);
}

static void
shutdown_module(struct ocppd_host *host, void *arg)
{
	(void)host;
	free(arg);
}

static const struct ocppd_field make_fields[] = {
	{ "direction", OCPPD_T_INTEGER }, { "stationId", OCPPD_T_STRING },
	{ "reference", OCPPD_T_STRING },  { "milliseconds", OCPPD_T_INTEGER },
	{ "fileId", OCPPD_T_INTEGER },    { "kind", OCPPD_T_STRING },
	{ "maxBytes", OCPPD_T_INTEGER },  { "image", OCPPD_T_STRING },
};
static const struct ocppd_field id_query[] = {
	{ "id", OCPPD_T_INTEGER, OCPPD_REQUIRED },
};
static const struct ocppd_field change_query[] = {
	{ "id", OCPPD_T_INTEGER, OCPPD_REQUIRED },
	{ "milliseconds", OCPPD_T_INTEGER },
};
static const struct ocppd_route routes[] = {
	{ "POST", "/v1/micro/transfers", OCPPD_ROLE_OPERATOR, .req = OCPPD_TABLE(make_fields),
	  .summary = "Make", .on_request = make },
	{ "GET", "/v1/micro/transfers", OCPPD_ROLE_OPERATOR, .query = OCPPD_TABLE(id_query),
	  .summary = "Show", .on_request = show },
	{ "PUT", "/v1/micro/transfers", OCPPD_ROLE_OPERATOR, .query = OCPPD_TABLE(change_query),
	  .summary = "Extend, or withdraw", .status = 204, .on_request = change },
	{ "GET", "/v1/micro/files", OCPPD_ROLE_OPERATOR, .query = OCPPD_TABLE(id_query),
	  .summary = "File", .on_request = file },
	{ "GET", "/v1/micro/images", OCPPD_ROLE_OPERATOR, .summary = "Images",
	  .on_request = images },
};

static const struct ocppd_need needs[] = {
	{ "ocppd.files", .major = 1, .module = "file_hosting" },
};

OCPPD_PLUGIN = {
	OCPPD_GUARD,
	"micro_files",
	"1.0.0",
	"Has stations fetch and send",
	.needs = OCPPD_TABLE(needs),
	.routes = OCPPD_TABLE(routes),
	.init = init,
	.start = start,
	.stop = stop,
	.shutdown = shutdown_module,
};
