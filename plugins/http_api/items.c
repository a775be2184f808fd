/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Lists as answers, for what stands in memory: all of it, or that there was no memory for it.
 */
#include "items.h"

#include <ocppd/error.h>
#include <ocppd/json.h>
#include <ocppd/route.h>

#include <json-c/json.h>

void
items_init(struct items *items)
{
	items->list = json_object_new_array();
	items->error = items->list == NULL ? OCPPD_ENOMEM : 0;
}

bool
items_add(struct items *items, struct json_object *item)
{
	if (items->error == 0 && item != NULL && json_object_array_add(items->list, item) == 0)
		return true;
	(void)json_object_put(item);
	items->error = OCPPD_ENOMEM;
	return false;
}

void
items_fini(struct items *items)
{
	(void)json_object_put(items->list);
	items->list = NULL;
}

void
items_reply(struct items *items, struct ocppd_host *host, struct ocppd_request *request,
	    const char *next)
{
	struct json_object *body = json_object_new_object();
	int r = body == NULL ? OCPPD_ENOMEM : items->error;

	if (r == 0)
		r = ocppd_json_add(body, "items", json_object_get(items->list));
	if (r == 0 && next != NULL)
		r = ocppd_json_add_str(body, "next", next);
	items_fini(items);
	if (r == 0) {
		ocppd_request_reply(host, request, 200, body);
		return;
	}
	(void)json_object_put(body);
	ocppd_request_fail(host, request, OCPPD_ENOMEM, NULL);
}
