/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Matching of method and path. `/v1/stations/{stationId}/configuration` wins over
 * `/v1/stations/{stationId}/{other}` whatever the order of loading. Never calls a handler.
 */
#include "routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
pattern_cut(struct route *route)
{
	char *at = route->pattern;

	while (*at == '/') {
		char *segment = at + 1;
		size_t len = strcspn(segment, "/");
		bool is_param = len > 2 && segment[0] == '{' && segment[len - 1] == '}';

		if (len == 0 || route->count == TARGET_SEGMENTS_MAX)
			return OCPPD_EINVAL;
		*at = '\0';
		at = segment + len;
		if (is_param) {
			segment[len - 1] = '\0';
			segment++;
		}
		route->segments[route->count] = segment;
		route->is_param[route->count] = is_param;
		route->count++;
	}
	return route->count == 0 || *at != '\0' ? OCPPD_EINVAL : 0;
}

int
routes_add(struct routes *routes, const struct ocppd_route *row, struct ocppd_host *owner)
{
	struct route route = { .row = row, .owner = owner };
	int r;

	if (routes->count == routes->size) {
		uint32_t size = routes->size == 0 ? 32 : routes->size * 2;
		struct route *items = reallocarray(routes->items, size, sizeof(*items));

		if (items == NULL)
			return OCPPD_ENOMEM;
		routes->items = items;
		routes->size = size;
	}
	route.pattern = strdup(row->path);
	if (route.pattern == NULL)
		return OCPPD_ENOMEM;
	r = pattern_cut(&route);
	if (r < 0) {
		free(route.pattern);
		return r;
	}
	routes->items[routes->count++] = route;
	return 0;
}

void
routes_fini(struct routes *routes)
{
	for (uint32_t i = 0; i < routes->count; i++)
		free(routes->items[i].pattern);
	free(routes->items);
	memset(routes, 0, sizeof(*routes));
}

static int
route_compare(const void *a, const void *b)
{
	const struct route *left = a;
	const struct route *right = b;

	if (left->count != right->count)
		return left->count < right->count ? -1 : 1;
	for (uint32_t i = 0; i < left->count; i++) {
		int order;

		if (left->is_param[i] != right->is_param[i])
			return left->is_param[i] ? 1 : -1;
		order = strcmp(left->segments[i], right->segments[i]);
		if (order != 0 && !left->is_param[i])
			return order;
	}
	return strcmp(left->row->method, right->row->method);
}

void
routes_sort(struct routes *routes)
{
	if (routes->count > 1)
		qsort(routes->items, routes->count, sizeof(*routes->items), route_compare);
}

static bool
path_fits(const struct route *route, char *const *segments, uint32_t count)
{
	if (route->count != count)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		if (!route->is_param[i] && strcmp(route->segments[i], segments[i]) != 0)
			return false;
	}
	return true;
}

static void
allow_add(struct route_match *match, const char *method)
{
	size_t len = strlen(match->allow);

	if (strstr(match->allow, method) != NULL)
		return;
	(void)snprintf(match->allow + len, sizeof(match->allow) - len, "%s%s%s",
		       len == 0 ? "" : ", ", method, strcmp(method, "GET") == 0 ? ", HEAD" : "");
}

void
routes_match(const struct routes *routes, const char *method, char *const *segments, uint32_t count,
	     struct route_match *ret_match)
{
	const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;

	memset(ret_match, 0, sizeof(*ret_match));
	for (uint32_t i = 0; i < routes->count; i++) {
		const struct route *route = &routes->items[i];

		if (!path_fits(route, segments, count))
			continue;
		ret_match->is_path_known = true;
		allow_add(ret_match, route->row->method);
		if (ret_match->route == NULL && strcmp(route->row->method, wanted) == 0)
			ret_match->route = route;
	}
}
