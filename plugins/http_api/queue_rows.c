/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Queued commands and the database: what stands there at the start, and what goes with a station
 * that is deleted.
 */
#include "queue_private.h"

#include <ocppd/plugin.h>
#include <ocppd/rows.h>
#include <ocppd/service/station_data.h>

#include "http_api.h"
#include "problem.h"
#include "store.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

static struct json_object *
tree_of(const struct ocppd_value *value)
{
	char *text = ocppd_value_dup(value);
	struct json_object *tree = text == NULL ? NULL : json_tokener_parse(text);

	free(text);
	return tree;
}

static int
load_row(struct queue *queue, const struct ocppd_value *row)
{
	struct queued *queued = calloc(1, sizeof(*queued));
	char *id = ocppd_value_dup(&row[0]);

	if (queued == NULL || id == NULL) {
		free(queued);
		free(id);
		return OCPPD_ENOMEM;
	}
	queued->queue = queue;
	memcpy(queued->id, id, strnlen(id, ID_DIGITS));
	free(id);
	queued->station_id = ocppd_value_dup(&row[1]);
	queued->action = ocppd_value_dup(&row[2]);
	queued->payload = tree_of(&row[3]);
	queued->is_strict = row[4].number != 0;
	queued->is_durable = true;
	queued->timeout_s = row[5].number;
	queued->requester = ocppd_value_dup(&row[6]);
	queued->created_us = row[7].number;
	queued->expires_us = row[8].number;
	queued->state = row[9].number >= 0 && row[9].number < QUEUED_STATES
				? (enum queued_state)row[9].number
				: QUEUED_UNKNOWN;
	queued->ended_us = row[10].type == OCPPD_VALUE_INT ? row[10].number : 0;
	queued->result = tree_of(&row[11]);
	if (queued->station_id == NULL || queued->action == NULL || queued->requester == NULL) {
		queued_free(queued);
		return OCPPD_ENOMEM;
	}
	TAILQ_INSERT_TAIL(&queue->all, queued, link);
	if (queued_has_ended(queued))
		queue->ended++;
	else
		queue->waiting++;
	return 0;
}

int
queue_load(struct queue *queue, const struct ocppd_rows *rows)
{
	int r = 0;

	for (uint32_t i = 0; i < rows->count && r == 0; i++)
		r = load_row(queue, rows->values + (size_t)i * rows->columns);
	return r;
}

/* ---- A station is deleted ------------------------------------------------------------------ */

#define DELETED_KIND "station-deleted"

static struct json_object *
deleted_body(void)
{
	struct problem problem;

	(void)problem_set(&problem, 404, DELETED_KIND, "its station was deleted");
	return problem_body(&problem);
}

void
queued_orphan(struct queued *queued)
{
	queued_end(queued, QUEUED_CANCELLED, deleted_body());
}

static int
data_forget(void *self, struct ocppd_host *host, struct ocppd_station *station,
	    struct ocppd_unit *unit)
{
	const struct api *api = self;
	struct json_object *body = deleted_body();
	const struct ocppd_value values[] = {
		ocppd_value_str(ocppd_station_id(station)),
		ocppd_value_int(QUEUED_WAITING),
		ocppd_value_int(QUEUED_CANCELLED),
		ocppd_value_int(ocppd_now_us(api->host)),
		ocppd_value_str(body == NULL ? NULL
					     : json_object_to_json_string_ext(
						       body, JSON_C_TO_STRING_PLAIN)),
	};
	int r = 0;

	(void)host;
	if (api->storage != NULL)
		r = api->storage->unit_add(unit, api->host, STATEMENT_QUEUE_CANCEL, values, 5, 0);
	(void)json_object_put(body);
	return r < 0 ? r : 0;
}

static void
data_forgotten(void *self, struct ocppd_host *host, struct ocppd_station *station)
{
	const struct api *api = self;
	struct queued *queued = TAILQ_FIRST(&api->queue->all);

	(void)host;
	while (queued != NULL) {
		bool is_its = !queued_has_ended(queued) &&
			      strcmp(queued->station_id, ocppd_station_id(station)) == 0;

		/* One that is being stored or sent ends when that has. */
		if (is_its && (queued->state == QUEUED_SENT || queued->pending != NULL))
			queued->is_orphan = true;
		else if (is_its)
			queued_orphan(queued);
		/* Older ones may have been dropped with it, never this one. */
		queued = TAILQ_NEXT(queued, link);
	}
}

const struct ocppd_station_data_ops queue_data_ops = {
	sizeof(queue_data_ops),
	.forget = data_forget,
	.forgotten = data_forgotten,
};
