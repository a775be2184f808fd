/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Requests of the operator API that wait for storage. Frees each once, however it ends; knows no
 * route and no table.
 */
#include <ocppd/work.h>

#include <ocppd/route.h>
#include <ocppd/rows.h>

#include <stdbool.h>
#include <stdlib.h>

#define LIMIT_DEFAULT 100
#define ROWS_MAX 100000

void *
ocppd_work_new(const struct ocppd_work_owner *owner, struct ocppd_request *request, size_t size)
{
	struct ocppd_work *work = calloc(1, size);

	if (work == NULL) {
		ocppd_request_fail(owner->host, request, OCPPD_ENOMEM, NULL);
		return NULL;
	}
	work->owner = owner;
	work->ctx = owner->ctx;
	work->request = request;
	work->limit = ocppd_request_query_int(request, "limit", LIMIT_DEFAULT);
	(*owner->outstanding)++;
	return work;
}

void
ocppd_work_end(struct ocppd_work *work)
{
	const struct ocppd_work_owner *owner = work->owner;
	bool is_counted = work->is_parked == 0;

	if (work->fini != NULL)
		work->fini(work);
	free(work);
	if (is_counted)
		owner->done(owner->ctx);
}

void
ocppd_work_reply(struct ocppd_work *work, uint32_t status, struct json_object *body)
{
	ocppd_request_reply(work->owner->host, work->request, status, body);
	ocppd_work_end(work);
}

void
ocppd_work_problem(struct ocppd_work *work, uint32_t status, const char *kind, const char *text)
{
	ocppd_request_problem(work->owner->host, work->request, status, kind, "%s", text);
	ocppd_work_end(work);
}

void
ocppd_work_fail(struct ocppd_work *work, int result, const struct ocppd_error *err)
{
	ocppd_request_fail(work->owner->host, work->request, result, err);
	ocppd_work_end(work);
}

void
ocppd_work_unknown(struct ocppd_work *work)
{
	ocppd_work_problem(work, 404, work->unknown, work->unknown_text);
}

int
ocppd_work_id(struct ocppd_work *work, const char *param, int64_t *ret_id)
{
	int r = ocppd_number_parse(ocppd_request_param(work->request, param), ret_id);

	if (r < 0)
		ocppd_work_unknown(work);
	return r;
}

const struct ocppd_value *
ocppd_work_row(struct ocppd_work *work, int result, const struct ocppd_rows *rows,
	       const struct ocppd_error *err)
{
	if (result >= 0 && rows->count > 0)
		return rows->values;
	if (result < 0)
		ocppd_work_fail(work, result, err);
	else
		ocppd_work_unknown(work);
	return NULL;
}

int
ocppd_work_after(struct ocppd_work *work, int64_t *ret_cursor)
{
	const char *after = ocppd_request_query(work->request, "after");
	int64_t cursor = INT64_MAX;

	if (after != NULL && ocppd_number_parse(after, &cursor) < 0) {
		ocppd_work_problem(work, 400, "bad-cursor",
				   "`after` is not a cursor that a list gave");
		return OCPPD_EINVAL;
	}
	*ret_cursor = cursor;
	return 0;
}

void
ocppd_work_query(struct ocppd_work *work, uint32_t statement, const struct ocppd_value *values,
		 uint32_t count, ocppd_rows_fn *fn)
{
	const struct ocppd_work_owner *owner = work->owner;
	bool is_bounded = work->limit >= 0 && work->limit < ROWS_MAX;
	int r = owner->storage->query(owner->storage_self, owner->host, statement, values, count,
				      is_bounded ? (uint32_t)work->limit + 1 : ROWS_MAX, fn, work);

	if (r < 0)
		ocppd_work_fail(work, r, NULL);
}

void
ocppd_work_write(struct ocppd_work *work, uint32_t statement, const struct ocppd_value *values,
		 uint32_t count, ocppd_unit_fn *fn)
{
	const struct ocppd_work_owner *owner = work->owner;
	struct ocppd_unit *unit = NULL;
	int r = owner->storage->unit_new(owner->storage_self, owner->host, &unit);

	if (r >= 0)
		r = owner->storage->unit_add(unit, owner->host, statement, values, count,
					     OCPPD_UNIT_EXPECT_ROW);
	if (r < 0) {
		owner->storage->unit_free(unit);
		ocppd_work_fail(work, r, NULL);
		return;
	}
	owner->storage->unit_commit(unit, fn, work);
}

/* ---- Whole answers ----------------------------------------------------------------------------
 */

static void
on_got(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
       const struct ocppd_error *err, void *arg)
{
	struct ocppd_work *work = arg;
	const struct ocppd_value *row = ocppd_work_row(work, result, rows, err);
	struct json_object *body;

	(void)host;
	if (row == NULL)
		return;
	body = work->row_json(row);
	if (body == NULL)
		ocppd_work_fail(work, OCPPD_ENOMEM, NULL);
	else
		ocppd_work_reply(work, 200, body);
}

void
ocppd_work_get(struct ocppd_work *work, uint32_t statement, const struct ocppd_value *values,
	       uint32_t count, ocppd_row_json_fn *row_json)
{
	work->row_json = row_json;
	ocppd_work_query(work, statement, values, count, on_got);
}

static void
on_listed(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	  const struct ocppd_error *err, void *arg)
{
	struct ocppd_work *work = arg;
	struct ocppd_page page;

	if (result < 0) {
		ocppd_work_fail(work, result, err);
		return;
	}
	page = *work->page;
	page.limit = work->limit;
	page.ctx = work->ctx;
	ocppd_request_reply_page(host, work->request, rows, &page);
	ocppd_work_end(work);
}

void
ocppd_work_list(struct ocppd_work *work, uint32_t statement, const struct ocppd_value *values,
		uint32_t count, const struct ocppd_page *page)
{
	work->page = page;
	ocppd_work_query(work, statement, values, count, on_listed);
}

static void
on_deleted(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	   const struct ocppd_error *err, void *arg)
{
	struct ocppd_work *work = arg;

	(void)host;
	(void)rows;
	(void)count;
	if (result == OCPPD_ECONFLICT)
		ocppd_work_unknown(work);
	else if (result < 0)
		ocppd_work_fail(work, result, err);
	else
		ocppd_work_reply(work, 200, NULL);
}

void
ocppd_work_delete(struct ocppd_work *work, uint32_t statement, const struct ocppd_value *values,
		  uint32_t count)
{
	ocppd_work_write(work, statement, values, count, on_deleted);
}

/* ---- Waiting for writes ------------------------------------------------------------------------
 */

void
ocppd_writes_begin(struct ocppd_writes *writes)
{
	writes->begun++;
}

void
ocppd_writes_end(struct ocppd_writes *writes)
{
	struct ocppd_work *work;

	writes->ended++;
	while ((work = writes->first) != NULL && work->until <= writes->ended) {
		writes->first = work->next;
		if (work->next == NULL)
			writes->last = NULL;
		work->next = NULL;
		work->resume(work);
	}
}

void
ocppd_work_await(struct ocppd_work *work, ocppd_work_fn *fn)
{
	struct ocppd_writes *writes = work->owner->writes;

	if (writes == NULL || writes->ended == writes->begun) {
		fn(work);
		return;
	}
	work->until = writes->begun;
	work->resume = fn;
	if (writes->last == NULL)
		writes->first = work;
	else
		writes->last->next = work;
	writes->last = work;
}
