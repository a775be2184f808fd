/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef HTTP_API_ROUTES_H
#define HTTP_API_ROUTES_H

#include <ocppd/route.h>

#include "target.h"

/*
 * The routes of all loaded modules, cut up for matching. Rows are borrowed: the table is thrown
 * away and made again whenever the core's catalogue changes.
 */
struct route {
	const struct ocppd_route *row;
	struct ocppd_host *owner;
	char *pattern; /* the row's path, cut */
	/* literal texts, or names of parameters where is_param says so */
	const char *segments[TARGET_SEGMENTS_MAX];
	bool is_param[TARGET_SEGMENTS_MAX];
	uint32_t count;
};

struct routes {
	struct route *items;
	uint32_t count;
	uint32_t size;
};

struct route_match {
	const struct route *route; /* NULL: none with this method */
	bool is_path_known;        /* some method has the path */
	char allow[64];            /* the methods of the path, "GET, HEAD, PUT" */
};

void routes_fini(struct routes *routes);
/* 0, OCPPD_ENOMEM, or OCPPD_EINVAL: the row's path is malformed. */
int routes_add(struct routes *routes, const struct ocppd_route *row, struct ocppd_host *owner);
/* Before matching: literal segments before parameters. */
void routes_sort(struct routes *routes);
void routes_match(const struct routes *routes, const char *method, char *const *segments,
		  uint32_t count, struct route_match *ret_match);

#endif
