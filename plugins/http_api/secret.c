/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Secrets in payloads: what an action's table flags OCPPD_SECRET, and what its `mask` hides beyond
 * that. Of several protocols' actions of one name all are asked.
 */
#include "secret.h"

#include <ocppd/action.h>
#include <ocppd/json.h>

#include "rows.h"

#include <string.h>

#include <json-c/json.h>

struct masking {
	const char *action;
	struct json_object *payload; /* a copy */
	uint32_t is_conf;
	bool is_found;
};

/* As deep as the tables are. */
static void
mask_object(const void *items, uint32_t count, uint32_t stride, struct json_object *object)
{
	if (!json_object_is_type(object, json_type_object))
		return;
	for (uint32_t i = 0; i < count; i++) {
		const struct ocppd_field *field = row_at(items, stride, i);
		struct json_object *value = ocppd_json_get(object, field->name);

		if (value == NULL)
			continue;
		if ((field->flags & OCPPD_SECRET) != 0)
			(void)ocppd_json_add_str(object, field->name, OCPPD_MASK);
		else if (field->type == OCPPD_T_OBJECT &&
			 !json_object_is_type(value, json_type_array))
			mask_object(field->fields.items, field->fields.count, field->fields.stride,
				    value);
		else if (field->type == OCPPD_T_OBJECT)
			for (size_t k = 0; k < json_object_array_length(value); k++)
				mask_object(field->fields.items, field->fields.count,
					    field->fields.stride,
					    json_object_array_get_idx(value, k));
	}
}

static int
on_action(const struct ocppd_action *action, const char *owner, void *arg)
{
	struct masking *masking = arg;

	(void)owner;
	if ((action->direction & OCPPD_TO_STATION) == 0 ||
	    strcmp(action->name, masking->action) != 0)
		return 0;
	masking->is_found = true;
	if (masking->is_conf != 0)
		mask_object(action->conf.items, action->conf.count, action->conf.stride,
			    masking->payload);
	else
		mask_object(action->req.items, action->req.count, action->req.stride,
			    masking->payload);
	if (action->mask != NULL)
		action->mask(masking->payload, masking->is_conf);
	return 0;
}

bool
secret_is_in(struct ocppd_host *host, const char *action, struct json_object *request)
{
	struct masking masking = { .action = action };
	bool is_in;

	if (json_object_deep_copy(request, &masking.payload, NULL) != 0)
		return true;
	(void)ocppd_action_each(host, on_action, &masking);
	is_in = !masking.is_found || json_object_equal(request, masking.payload) == 0;
	(void)json_object_put(masking.payload);
	return is_in;
}

void
secret_hide_response(struct ocppd_host *host, const char *action, struct json_object *answer)
{
	struct json_object *response = ocppd_json_get(answer, "response");
	struct masking masking = { .action = action, .is_conf = 1 };

	if (response == NULL)
		return;
	if (json_object_deep_copy(response, &masking.payload, NULL) != 0) {
		json_object_object_del(answer, "response");
		return;
	}
	(void)ocppd_action_each(host, on_action, &masking);
	if (!masking.is_found || ocppd_json_add(answer, "response", masking.payload) < 0)
		json_object_object_del(answer, "response");
	if (!masking.is_found)
		(void)json_object_put(masking.payload);
}
