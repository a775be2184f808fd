/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef HTTP_API_ITEMS_H
#define HTTP_API_ITEMS_H

#include <stdbool.h>

struct json_object;
struct ocppd_host;
struct ocppd_request;

/* The items of an answer, one after the other: want of memory sticks, and is answered in the end.
 */
struct items {
	struct json_object *list; /* NULL: out of memory, or answered */
	int error;
};

void items_init(struct items *items);
/* Takes item; NULL: there was no memory for it. Returns whether more are of use. */
bool items_add(struct items *items, struct json_object *item);
/* Answers {"items": […]}, with "next" unless that is NULL. Nothing is left to free. */
void items_reply(struct items *items, struct ocppd_host *host, struct ocppd_request *request,
		 const char *next);
/* Frees what was not answered. */
void items_fini(struct items *items);

#endif
