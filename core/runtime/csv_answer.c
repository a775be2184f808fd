/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Answers as comma-separated values, page by page at the asker's pace. Frees each once, however it
 * ends; knows no route and no table.
 */
#include <ocppd/csv.h>

#include <ocppd/error.h>
#include <ocppd/log.h>
#include <ocppd/route.h>
#include <ocppd/rows.h>
#include <ocppd/time.h>
#include <ocppd/work.h>

#include "runtime/csv_answer.h"

#include "base/csv.h"
#include "runtime/host.h"

#include <json.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define CONTENT_TYPE "text/csv; charset=utf-8; header=present"

struct ocppd_csv_state {
	LIST_ENTRY(ocppd_csv_state) all; /* of the owner's */
	struct ocppd_csv *csv;
	struct ocppd_request *request; /* NULL: the asker went */
	struct buf text;               /* that the asker did not take yet */
	bool is_begun;
	bool is_reading;
	bool is_last;
	bool has_cells; /* the row that is being written */
};

/* ---- Life -------------------------------------------------------------------------------------
 */

void *
ocppd_csv_new(const struct ocppd_work_owner *owner, struct ocppd_request *request, size_t size)
{
	struct ocppd_csv_state *state = calloc(1, sizeof(*state));
	struct ocppd_csv *csv = calloc(1, size);

	if (state == NULL || csv == NULL) {
		free(state);
		free(csv);
		ocppd_request_fail(owner->host, request, OCPPD_ENOMEM, NULL);
		return NULL;
	}
	state->request = request;
	state->csv = csv;
	LIST_INSERT_HEAD(&owner->host->csvs, state, all);
	csv->owner = owner;
	csv->ctx = owner->ctx;
	csv->state = state;
	(*owner->outstanding)++;
	return csv;
}

static void
csv_free(struct ocppd_csv *csv)
{
	const struct ocppd_work_owner *owner = csv->owner;

	if (csv->fini != NULL)
		csv->fini(csv);
	LIST_REMOVE(csv->state, all);
	buf_fini(&csv->state->text);
	free(csv->state);
	free(csv);
	owner->done(owner->ctx);
}

static void
csv_end(struct ocppd_csv *csv)
{
	ocppd_request_end(csv->owner->host, csv->state->request);
	csv_free(csv);
}

static void
csv_cut(struct ocppd_csv *csv, int result)
{
	/* The head is out: a cut answer is all that can be said. */
	OCPPD_ERROR(csv->owner->host, "export.cut", OCPPD_STR("err", ocppd_error_name(result)));
	ocppd_request_cut(csv->owner->host, csv->state->request);
	csv_free(csv);
}

/* ---- Pages ------------------------------------------------------------------------------------
 */

static void
csv_next(struct ocppd_csv *csv)
{
	int r = csv->read(csv);

	if (r < 0)
		csv_cut(csv, r);
	else
		csv->state->is_reading = true;
}

/* Writes what is there. */
static void
csv_write(struct ocppd_csv *csv)
{
	struct ocppd_csv_state *state = csv->state;
	int r = state->text.len == 0 ? 0
				     : ocppd_request_write(csv->owner->host, state->request,
							   state->text.data, state->text.len);

	if (r == OCPPD_EBUSY)
		return; /* on_ready */
	if (r == OCPPD_EGONE) {
		csv_free(csv);
		return;
	}
	buf_clear(&state->text);
	if (r < 0)
		csv_cut(csv, r);
	else if (state->is_last)
		csv_end(csv);
	else
		csv_next(csv);
}

static void
on_ready(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct ocppd_csv *csv = arg;

	(void)host;
	(void)request;
	if (!csv->state->is_reading && csv->state->text.len > 0)
		csv_write(csv);
}

static void
on_gone(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct ocppd_csv *csv = arg;

	(void)host;
	(void)request;
	csv->state->request = NULL;
	if (!csv->state->is_reading)
		csv_free(csv);
}

void
ocppd_csv_begin(struct ocppd_csv *csv, const char *const *columns, uint32_t count)
{
	if (ocppd_request_begin(csv->owner->host, csv->state->request, 200, CONTENT_TYPE, on_ready,
				on_gone, csv) < 0) {
		csv_free(csv);
		return;
	}
	csv->state->is_begun = true;
	for (uint32_t i = 0; i < count; i++)
		ocppd_csv_add_str(csv, columns[i]);
	ocppd_csv_end_row(csv);
	csv_next(csv);
}

void
ocppd_csv_page(struct ocppd_csv *csv, int result, uint32_t is_last)
{
	struct ocppd_csv_state *state = csv->state;

	state->is_reading = false;
	state->is_last = is_last != 0;
	if (result >= 0)
		result = state->text.error;
	if (result >= 0 && csv->owner->host->state == HOST_STOPPING)
		result = OCPPD_ESHUTDOWN;
	if (state->request == NULL)
		csv_free(csv);
	else if (result < 0)
		csv_cut(csv, result);
	else
		csv_write(csv);
}

void
csv_answers_stop(struct ocppd_host *host)
{
	struct ocppd_csv_state *state = LIST_FIRST(&host->csvs);

	while (state) {
		struct ocppd_csv_state *next = LIST_NEXT(state, all);

		/* An asker's own pace would hold the stop up; one that is gone is freed likewise.
		 */
		if (state->is_begun && !state->is_reading && state->request)
			csv_cut(state->csv, OCPPD_ESHUTDOWN);
		state = next;
	}
}

/* ---- Cells ------------------------------------------------------------------------------------
 */

/* Where the cell is written to; NULL: nobody will read it. */
static struct buf *
begin_cell(struct ocppd_csv *csv)
{
	struct ocppd_csv_state *state = csv->state;

	if (state->request == NULL)
		return NULL;
	if (state->has_cells)
		buf_add_char(&state->text, ',');
	state->has_cells = true;
	return &state->text;
}

void
ocppd_csv_add_value(struct ocppd_csv *csv, const struct ocppd_value *value)
{
	struct buf *text = begin_cell(csv);
	struct json_object *number;
	const char *digits;

	if (text == NULL)
		return;
	if (value->type == OCPPD_VALUE_TEXT) {
		csv_add(text, value->data, value->len);
	} else if (value->type == OCPPD_VALUE_INT || value->type == OCPPD_VALUE_DOUBLE) {
		number = ocppd_value_json(value);
		digits = json_object_get_string(number);
		if (digits == NULL)
			text->error = OCPPD_ENOMEM;
		else
			buf_add_str(text, digits);
		(void)json_object_put(number);
	}
}

void
ocppd_csv_add_str(struct ocppd_csv *csv, const char *word)
{
	struct buf *text = begin_cell(csv);

	if (text != NULL && word != NULL)
		csv_add(text, word, strlen(word));
}

void
ocppd_csv_add_time_value(struct ocppd_csv *csv, const struct ocppd_value *value)
{
	struct buf *text = begin_cell(csv);
	char time[OCPPD_TIME_SIZE];

	if (text != NULL && value->type == OCPPD_VALUE_INT &&
	    ocppd_time_format(value->number, time) > 0)
		buf_add_str(text, time);
}

void
ocppd_csv_end_row(struct ocppd_csv *csv)
{
	csv->state->has_cells = false;
	if (csv->state->request != NULL)
		buf_add_str(&csv->state->text, "\r\n");
}
