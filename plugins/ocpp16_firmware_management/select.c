/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Which stations a rollout is for: whatever GET /v1/stations says to the same filters, asked page
 * by page as any asker would, so that both always mean the same.
 */
#include "firmware.h"

#include <json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_LIMIT "1000"
#define FILTERS_MAX 32

struct selection {
	LIST_ENTRY(selection) all;
	struct firmware *ctx;
	struct ocppd_request *page; /* to ourselves, under way */
	struct json_object *filters;
	struct json_object *ids;
	char *user;
	char *after;
	uint32_t role;
	selected_fn *fn;
	void *arg;
	struct ocppd_timer *timer;
};

struct stations_route {
	const struct ocppd_route *row;
	struct ocppd_host *owner;
};

static int
match_route(const struct ocppd_route *route, struct ocppd_host *owner, void *arg)
{
	struct stations_route *found = arg;

	if (strcmp(route->method, "GET") != 0 || strcmp(route->path, "/v1/stations") != 0)
		return 0;
	found->row = route;
	found->owner = owner;
	return 1;
}

static void
selection_free(struct selection *selection)
{
	LIST_REMOVE(selection, all);
	ocppd_timer_free(selection->timer);
	json_object_put(selection->filters);
	json_object_put(selection->ids);
	free(selection->user);
	free(selection->after);
	free(selection);
}

static void
end(struct selection *selection, uint32_t status, const char *kind, const char *text)
{
	struct firmware *ctx = selection->ctx;

	selection->fn(status, kind, text, selection->ids, selection->arg);
	selection_free(selection);
	firmware_done(ctx);
}

/* ---- Filters ----------------------------------------------------------------------------------
 */

static const struct ocppd_field *
find_parameter(const struct ocppd_route *route, const char *name, size_t len)
{
	for (uint32_t i = 0; i < route->query.count; i++) {
		const struct ocppd_field *field =
			(const struct ocppd_field *)(const void *)((const char *)
									   route->query.items +
								   (size_t)i * route->query.stride);

		if (strlen(field->name) == len && strncmp(field->name, name, len) == 0)
			return field;
	}
	return NULL;
}

static bool
is_value(const struct ocppd_field *field, const char *value)
{
	if (field->type == OCPPD_T_BOOLEAN)
		return strcmp(value, "true") == 0 || strcmp(value, "false") == 0;
	if (field->type == OCPPD_T_INTEGER)
		return value[0] != '\0' && strlen(value) < 18 &&
		       strspn(value, "0123456789") == strlen(value);
	if (field->type != OCPPD_T_STRING || field->one_of == NULL)
		return field->type == OCPPD_T_STRING;
	for (size_t i = 0; field->one_of[i] != NULL; i++) {
		if (strcmp(field->one_of[i], value) == 0)
			return true;
	}
	return false;
}

static bool
is_paging(const char *name, size_t len)
{
	return len == 5 && (strncmp(name, "limit", len) == 0 || strncmp(name, "after", len) == 0);
}

static bool
is_filter(const struct ocppd_route *route, const char *item)
{
	size_t len = strcspn(item, "=");
	const struct ocppd_field *field;

	if (strcmp(item, "all") == 0)
		return true;
	if (item[len] != '=' || is_paging(item, len))
		return false;
	field = find_parameter(route, item, len);
	return field != NULL && is_value(field, item + len + 1);
}

/* ---- Pages ------------------------------------------------------------------------------------
 */

static void ask(struct selection *selection);

static int
take_items(struct selection *selection, struct json_object *body)
{
	struct json_object *items = ocppd_json_get(body, "items");

	if (!json_object_is_type(items, json_type_array))
		return OCPPD_EINVAL;
	for (size_t i = 0; i < json_object_array_length(items); i++) {
		const char *id =
			ocppd_json_get_str(json_object_array_get_idx(items, i), "stationId");

		if ((int64_t)json_object_array_length(selection->ids) >=
		    selection->ctx->conf->rollout_stations)
			return OCPPD_ESPACE;
		if (id != NULL)
			json_object_array_add(selection->ids, json_object_new_string(id));
	}
	return 0;
}

static void
on_reply(void *connection, uint32_t status, uint32_t is_problem, struct json_object *body)
{
	struct selection *selection = connection;
	const char *next = ocppd_json_get_str(body, "next");
	int r = status != 200 || is_problem != 0 ? OCPPD_EIO : take_items(selection, body);

	selection->page = NULL;
	free(selection->after);
	selection->after = next == NULL ? NULL : strdup(next);
	if (r == OCPPD_ESPACE)
		end(selection, 413, "too-many-stations",
		    "more stations than rollout_stations allows");
	else if (r < 0 || (next != NULL && selection->after == NULL))
		end(selection, 503, "selection-failed", "the list of stations cannot be had");
	else if (next != NULL)
		ocppd_timer_set(selection->timer, 0);
	else
		end(selection, 0, NULL, NULL);
	json_object_put(body);
}

static const struct ocppd_request_server self_server = {
	.struct_size = sizeof(self_server), .reply = on_reply, /* in pieces: is refused for us */
};

struct pairs {
	const char *items[2 * FILTERS_MAX + 5];
	char names[FILTERS_MAX][40];
};

static void
make_pairs(const struct selection *selection, struct pairs *ret)
{
	size_t count = 0;

	for (size_t i = 0; i < json_object_array_length(selection->filters); i++) {
		const char *item =
			json_object_get_string(json_object_array_get_idx(selection->filters, i));
		size_t len = strcspn(item, "=");

		if (item[len] == '\0')
			continue; /* all */
		snprintf(ret->names[count / 2], sizeof(ret->names[0]), "%.*s", (int)len, item);
		ret->items[count] = ret->names[count / 2];
		ret->items[count + 1] = item + len + 1;
		count += 2;
	}
	ret->items[count++] = "limit";
	ret->items[count++] = PAGE_LIMIT;
	if (selection->after != NULL) {
		ret->items[count++] = "after";
		ret->items[count++] = selection->after;
	}
	ret->items[count] = NULL;
}

static void
ask(struct selection *selection)
{
	static const char *const no_params[] = { NULL };
	struct firmware *ctx = selection->ctx;
	struct stations_route route = { NULL, NULL };
	struct pairs pairs;
	struct ocppd_request_info info = { .struct_size = sizeof(info),
					   .role = selection->role,
					   .user = selection->user,
					   .params = no_params };
	struct ocppd_request *request;
	uint32_t is_open = 0;
	bool is_answered;

	(void)ocppd_route_each(ctx->host, match_route, &route);
	if (route.row == NULL) {
		end(selection, 501, "unsupported", "no loaded module lists stations: name them");
		return;
	}
	make_pairs(selection, &pairs);
	info.query = pairs.items;
	request = ocppd_request_call(ctx->host, route.row, route.owner, &info, &self_server,
				     selection, &is_open);
	is_answered = request != NULL && is_open == 0; /* and it may be gone */
	if (request == NULL)
		end(selection, 503, "out-of-memory", "out of memory");
	else if (!is_answered)
		selection->page = request;
}

static void
on_turn(struct ocppd_host *host, void *arg)
{
	(void)host;
	ask(arg);
}

void
select_stations(struct firmware *ctx, struct ocppd_request *request, struct json_object *list,
		selected_fn *fn, void *arg)
{
	struct stations_route route = { NULL, NULL };
	struct selection *selection;

	(void)ocppd_route_each(ctx->host, match_route, &route);
	if (route.row == NULL) {
		fn(501, "unsupported", "no loaded module lists stations: name them", NULL, arg);
		return;
	}
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		if (is_filter(route.row,
			      json_object_get_string(json_object_array_get_idx(list, i))))
			continue;
		fn(400, "invalid-body", "select: each is a filter NAME=VALUE of stations, or all",
		   NULL, arg);
		return;
	}
	selection = calloc(1, sizeof(*selection));
	if (selection == NULL) {
		fn(503, "out-of-memory", "out of memory", NULL, arg);
		return;
	}
	LIST_INSERT_HEAD(&ctx->selections, selection, all);
	ctx->outstanding++;
	selection->ctx = ctx;
	selection->fn = fn;
	selection->arg = arg;
	selection->role = ocppd_request_role(request);
	selection->user = strdup(ocppd_request_user(request));
	selection->filters = json_object_get(list);
	selection->ids = json_object_new_array();
	selection->timer = ocppd_timer_new(ctx->host, on_turn, selection);
	if (selection->user == NULL || selection->ids == NULL || selection->timer == NULL)
		end(selection, 503, "out-of-memory", "out of memory");
	else
		ask(selection);
}

void
select_stop(struct firmware *ctx)
{
	struct selection *selection;

	while ((selection = LIST_FIRST(&ctx->selections)) != NULL) {
		if (selection->page != NULL)
			ocppd_request_gone(selection->page);
		end(selection, 503, "shutting-down", "the module stops");
	}
}
