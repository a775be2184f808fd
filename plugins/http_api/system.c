/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * What the daemon says of itself: health, version, modules, actions; and its reload.
 */
#include <ocppd/json.h>
#include <ocppd/plugin.h>

#include "http_api.h"
#include "items.h"
#include "server.h"

#include <string.h>

#include <json-c/json.h>

/* A list under construction. */
struct list {
	struct items items;
	uint32_t level;       /* health: the worst */
	uint32_t has_storage; /* health: the check `storage` was seen */
	uint32_t storage;     /* its level */
	uint32_t shows_text;
	const char *protocol; /* actions: only these; NULL: all */
};

static const char *const level_names[] = { "ok", "degraded", "failed" };

static const char *
level_name(uint32_t level)
{
	return level_names[level <= OCPPD_HEALTH_FAILED ? level : OCPPD_HEALTH_FAILED];
}

/* Takes item; error: what befell it while it was filled. */
static void
list_add(struct list *list, struct json_object *item, int error)
{
	if (error != 0) {
		(void)json_object_put(item);
		item = NULL;
	}
	(void)items_add(&list->items, item);
}

static void
fail_memory(struct ocppd_host *host, struct ocppd_request *request)
{
	ocppd_request_fail(host, request, OCPPD_ENOMEM, NULL);
}

/* ---- Health -------------------------------------------------------------------------------- */

static int
on_check(const char *owner, const char *check, uint32_t level, const char *text, void *arg)
{
	struct list *list = arg;
	struct json_object *item = json_object_new_object();
	int r = 0;

	if (level > list->level)
		list->level = level;
	if (strcmp(check, "storage") == 0) {
		list->has_storage = 1;
		list->storage = level;
	}
	if (item != NULL) {
		r |= ocppd_json_add_str(item, "name", check);
		r |= ocppd_json_add_str(item, "module", owner);
		r |= ocppd_json_add_str(item, "status", level_name(level));
		if (list->shows_text != 0)
			r |= ocppd_json_add_str(item, "detail", text);
	}
	list_add(list, item, r);
	return 0;
}

static int
on_listener(const struct ocppd_listener_info *info, void *arg)
{
	struct json_object *item = json_object_new_object();
	int r = 0;

	if (item != NULL) {
		r |= ocppd_json_add_str(item, "address", info->address);
		r |= ocppd_json_add_str(item, "path", info->path);
		r |= ocppd_json_add_bool(item, "tls", info->is_tls != 0);
	}
	list_add(arg, item, r);
	return 0;
}

/* Texts and addresses are for those who may read the API, the levels for everybody. */
static struct json_object *
health_body(struct api *api, struct list *checks, struct list *listeners)
{
	struct json_object *body = json_object_new_object();
	struct json_object *storage = json_object_new_object();
	uint32_t connected = 0;
	int r = 0;

	if (body == NULL || storage == NULL) {
		(void)json_object_put(body);
		(void)json_object_put(storage);
		return NULL;
	}
	r |= ocppd_json_add_str(storage, "status",
				checks->has_storage != 0 ? level_name(checks->storage) : "none");
	r |= ocppd_json_add_str(body, "status", level_name(checks->level));
	r |= ocppd_json_add_bool(body, "live", 1);
	r |= ocppd_json_add_bool(body, "ready",
				 checks->level != OCPPD_HEALTH_FAILED &&
					 json_object_array_length(listeners->items.list) > 0);
	r |= ocppd_json_add(body, "storage", storage);
	r |= ocppd_json_add(body, "checks", json_object_get(checks->items.list));
	r |= ocppd_json_add_int(body, "listenerCount",
				(int64_t)json_object_array_length(listeners->items.list));
	if (checks->shows_text != 0) {
		r |= ocppd_json_add(body, "listeners", json_object_get(listeners->items.list));
		if (api->server->tcp.listener != NULL)
			r |= ocppd_json_add_str(body, "apiAddress", api->server->tcp.name);
		if (api->server->control.listener != NULL)
			r |= ocppd_json_add_str(body, "apiSocket", api->server->control.name);
		r |= ocppd_json_add_int(body, "stations",
					ocppd_station_count(api->host, &connected));
		r |= ocppd_json_add_int(body, "stationsConnected", connected);
	}
	if (r < 0) {
		(void)json_object_put(body);
		return NULL;
	}
	return body;
}

void
system_health(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct api *api = ctx;
	struct list checks = { .level = OCPPD_HEALTH_OK };
	struct list listeners = { .level = OCPPD_HEALTH_OK };
	struct json_object *body = NULL;
	bool is_live_asked;

	checks.shows_text = ocppd_request_role(request) >= OCPPD_ROLE_VIEWER;
	items_init(&checks.items);
	items_init(&listeners.items);
	if (checks.items.list != NULL && listeners.items.list != NULL) {
		(void)ocppd_health_each(host, on_check, &checks);
		(void)ocppd_listener_each(host, on_listener, &listeners);
		if (json_object_array_length(listeners.items.list) == 0 &&
		    checks.level < OCPPD_HEALTH_DEGRADED)
			checks.level = OCPPD_HEALTH_DEGRADED; /* no station can come */
		if (checks.items.error == 0 && listeners.items.error == 0)
			body = health_body(api, &checks, &listeners);
	}
	items_fini(&checks.items);
	items_fini(&listeners.items);
	if (body == NULL) {
		fail_memory(host, request);
		return;
	}
	/* Whoever asks whether it lives restarts what does not: a full disk is no reason to. */
	is_live_asked = ocppd_request_query_int(request, "live", 0) != 0;
	ocppd_request_reply(host, request,
			    checks.level == OCPPD_HEALTH_FAILED && !is_live_asked ? 503 : 200,
			    body);
}

/* ---- Version, modules, actions ------------------------------------------------------------- */

void
system_version(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct json_object *body = json_object_new_object();
	int r = 0;

	(void)ctx;
	if (body == NULL) {
		fail_memory(host, request);
		return;
	}
	r |= ocppd_json_add_str(body, "version", ocppd_version());
	r |= ocppd_json_add_str(body, "moduleInterface",
				OCPPD_TEXT(OCPPD_ABI_MAJOR) "." OCPPD_TEXT(OCPPD_ABI_MINOR));
	r |= ocppd_json_add_time(body, "startedAt", ocppd_started_us(host));
	r |= ocppd_json_add_int(body, "uptimeSeconds",
				(ocppd_now_us(host) - ocppd_started_us(host)) / 1000000);
	if (r < 0) {
		(void)json_object_put(body);
		fail_memory(host, request);
		return;
	}
	ocppd_request_reply(host, request, 200, body);
}

static int
on_plugin(const struct ocppd_plugin_info *info, const struct ocppd_plugin *descriptor, void *arg)
{
	static const char *const states[] = { "unknown", "loaded",   "starting",
					      "running", "stopping", "failed" };
	struct json_object *item = json_object_new_object();
	char abi[16];
	int r = 0;

	(void)descriptor;
	(void)snprintf(abi, sizeof(abi), "%u.%u", info->abi_major, info->abi_minor);
	if (item != NULL) {
		r |= ocppd_json_add_str(item, "name", info->name);
		r |= ocppd_json_add_str(item, "module", info->module);
		r |= ocppd_json_add_str(item, "version", info->version);
		r |= ocppd_json_add_str(
			item, "state",
			states[info->state <= OCPPD_PLUGIN_FAILED ? info->state : 0]);
		r |= ocppd_json_add_str(item, "summary", info->summary);
		r |= ocppd_json_add_str(item, "reason", info->reason);
		r |= ocppd_json_add_str(item, "path", info->path);
		r |= ocppd_json_add_str(item, "moduleInterface", abi);
		r |= ocppd_json_add_bool(item, "needsRestart", info->is_stale != 0);
	}
	list_add(arg, item, r);
	return 0;
}

void
system_plugins(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct list list = { .protocol = NULL };

	(void)ctx;
	items_init(&list.items);
	(void)ocppd_plugin_each(host, on_plugin, &list);
	items_reply(&list.items, host, request, NULL);
}

static int
on_action(const struct ocppd_action *action, const char *owner, void *arg)
{
	static const char *const directions[] = { "", "fromStation", "toStation", "both" };
	struct list *list = arg;
	struct json_object *item;
	int r = 0;

	if (list->protocol != NULL && strcmp(list->protocol, action->protocol) != 0)
		return 0;
	item = json_object_new_object();
	if (item != NULL) {
		r |= ocppd_json_add_str(item, "protocol", action->protocol);
		r |= ocppd_json_add_str(item, "name", action->name);
		r |= ocppd_json_add_str(item, "direction", directions[action->direction & 3u]);
		r |= ocppd_json_add_str(item, "module", owner);
	}
	list_add(list, item, r);
	return 0;
}

void
system_actions(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct list list = { .protocol = ocppd_request_query(request, "protocol") };

	(void)ctx;
	items_init(&list.items);
	(void)ocppd_action_each(host, on_action, &list);
	items_reply(&list.items, host, request, NULL);
}

/* ---- Reload -------------------------------------------------------------------------------- */

/* One element a line. */
static struct json_object *
lines_array(const char *text)
{
	struct json_object *array = json_object_new_array();

	while (array != NULL && *text != '\0') {
		size_t len = strcspn(text, "\n");
		struct json_object *line = json_object_new_string_len(text, (int)len);

		if (line == NULL || json_object_array_add(array, line) != 0) {
			(void)json_object_put(line);
			(void)json_object_put(array);
			return NULL;
		}
		text += len;
		text += *text == '\n';
	}
	return array;
}

static struct json_object *
reload_body(int result, const char *findings)
{
	struct json_object *body = json_object_new_object();
	int r = 0;

	if (body == NULL)
		return NULL;
	if (result < 0 && result != OCPPD_ESTATE) {
		r |= ocppd_json_add_str(body, "type", "urn:ocppd:problem:invalid-configuration");
		r |= ocppd_json_add_str(body, "title", "Unprocessable Content");
		r |= ocppd_json_add_int(body, "status", 422);
		r |= ocppd_json_add_str(body, "detail",
					"the configuration is not valid; nothing was changed");
		r |= ocppd_json_add_str(body, "result", "refused");
	} else {
		r |= ocppd_json_add_str(body, "result",
					result == OCPPD_ESTATE ? "needsRestart" : "reloaded");
	}
	r |= ocppd_json_add(body, "findings", lines_array(findings));
	if (r < 0) {
		(void)json_object_put(body);
		return NULL;
	}
	return body;
}

static void
on_reloaded(struct ocppd_host *host, int result, const char *findings, void *arg)
{
	struct ocppd_request *request = pending_end(arg);
	struct json_object *body;

	if (request == NULL)
		return;
	body = reload_body(result, findings == NULL ? "" : findings);
	if (body == NULL) {
		fail_memory(host, request);
		return;
	}
	ocppd_request_reply(host, request, result < 0 && result != OCPPD_ESTATE ? 422 : 200, body);
}

void
system_reload(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct pending *pending = pending_new(ctx, request);
	int r;

	if (pending == NULL) {
		fail_memory(host, request);
		return;
	}
	r = ocppd_reload(host, on_reloaded, pending);
	if (r < 0) {
		(void)pending_end(pending);
		ocppd_request_problem(host, request, 409, "reload-under-way",
				      "a reload is under way already");
	}
}
