/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The operator API of transactions and their readings. Reads only, but for the administrative
 * close of a record whose station is gone.
 */
#include "transactions.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

#define LIST_DEFAULT 100

struct work {
	struct transactions *ctx;
	struct ocppd_request *request;
	int64_t id;
	int64_t limit;
	bool is_first_page;
};

static struct work *
work_new(struct transactions *ctx, struct ocppd_request *request)
{
	struct work *work = calloc(1, sizeof(*work));

	if (work == NULL) {
		ocppd_request_fail(ctx->host, request, OCPPD_ENOMEM, NULL);
		return NULL;
	}
	work->ctx = ctx;
	work->request = request;
	ctx->outstanding++;
	return work;
}

static void
work_end(struct work *work)
{
	struct transactions *ctx = work->ctx;

	free(work);
	tx_done(ctx);
}

static void
work_fail(struct work *work, int result, const struct ocppd_error *err)
{
	ocppd_request_fail(work->ctx->host, work->request, result, err);
	work_end(work);
}

static void
work_query(struct work *work, uint32_t statement, const struct ocppd_value *values, uint32_t count,
	   ocppd_rows_fn *fn)
{
	struct transactions *ctx = work->ctx;
	int r = ctx->storage->query(ctx->storage_self, ctx->host, statement, values, count,
				    work->limit == 0 ? 1 : (uint32_t)work->limit + 1, fn, work);

	if (r < 0)
		work_fail(work, r, NULL);
}

static void
say_unknown(struct ocppd_host *host, struct ocppd_request *request)
{
	ocppd_request_problem(host, request, 404, "unknown-transaction",
			      "There is no such transaction");
}

/* Reads a number of digits, and its end. Returns NULL: no number. */
static const char *
parse_number(const char *text, int64_t *ret)
{
	bool is_negative = text != NULL && text[0] == '-';
	int64_t number = 0;
	const char *at = is_negative ? text + 1 : text;

	if (at == NULL || *at < '0' || *at > '9')
		return NULL;
	for (; *at >= '0' && *at <= '9'; at++) {
		if (__builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, *at - '0', &number))
			return NULL;
	}
	*ret = is_negative ? -number : number;
	return at;
}

/* The path's id; false: the request was answered. */
static bool
path_id(struct ocppd_host *host, struct ocppd_request *request, int64_t *ret)
{
	const char *end = parse_number(ocppd_request_param(request, "transactionId"), ret);

	if (end != NULL && *end == '\0')
		return true;
	say_unknown(host, request);
	return false;
}

/* ---- One --------------------------------------------------------------------------------------
 */

static void
on_read(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	const struct ocppd_error *err, void *arg)
{
	struct work *work = arg;

	if (result < 0) {
		work_fail(work, result, err);
		return;
	}
	if (rows->count == 0)
		say_unknown(host, work->request);
	else
		ocppd_request_reply(host, work->request, 200, tx_json(rows->values));
	work_end(work);
}

void
routes_get(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct ocppd_value value;
	struct work *work;
	int64_t id;

	if (!path_id(host, request, &id))
		return;
	work = work_new(ctx, request);
	if (work == NULL)
		return;
	value = ocppd_value_int(id);
	work_query(work, STATEMENT_FIND, &value, 1, on_read);
}

/* ---- Many -------------------------------------------------------------------------------------
 */

static void
on_list(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	const struct ocppd_error *err, void *arg)
{
	struct work *work = arg;
	struct json_object *body;
	struct json_object *items;
	char next[24];

	if (result < 0) {
		work_fail(work, result, err);
		return;
	}
	body = json_object_new_object();
	items = json_object_new_array();
	for (uint32_t i = 0; i < rows->count && i < work->limit; i++)
		json_object_array_add(items, tx_json(rows->values + (size_t)i * rows->columns));
	ocppd_json_add(body, "items", items);
	if (rows->count > work->limit) {
		const struct ocppd_value *last =
			rows->values + (size_t)(work->limit - 1) * rows->columns;

		snprintf(next, sizeof(next), "%lld", (long long)last[TX_ID].number);
		ocppd_json_add_str(body, "next", next);
	}
	ocppd_request_reply(host, work->request, 200, body);
	work_end(work);
}

/* The statement whose index fits the question best. */
static uint32_t
choose_list(const char *station_id, const char *token, int64_t is_open)
{
	if (is_open == 1)
		return STATEMENT_LIST_OPEN;
	if (token != NULL)
		return STATEMENT_LIST_TOKEN;
	return station_id != NULL ? STATEMENT_LIST_STATION : STATEMENT_LIST;
}

static struct ocppd_value
int_or_null(int64_t number, int64_t absent)
{
	return number == absent ? ocppd_value_null() : ocppd_value_int(number);
}

void
routes_list(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	const char *after = ocppd_request_query(request, "after");
	const char *station_id = ocppd_request_query(request, "stationId");
	const char *token = ocppd_request_query(request, "idTag");
	int64_t is_open = ocppd_request_query_int(request, "active", -1);
	char folded[OCPPD_TOKEN_MAX + 1];
	int64_t before = INT64_MAX;
	struct work *work;

	if (after != NULL &&
	    (after = parse_number(after, &before), after == NULL || *after != '\0')) {
		ocppd_request_problem(host, request, 400, "bad-cursor",
				      "`after` is not a cursor that a list gave");
		return;
	}
	work = work_new(ctx, request);
	if (work == NULL)
		return;
	work->limit = ocppd_request_query_int(request, "limit", LIST_DEFAULT);
	token_fold(token, folded);

	const struct ocppd_value values[] = {
		ocppd_value_int(before),
		ocppd_value_int(work->limit + 1),
		ocppd_value_str(station_id),
		ocppd_value_str(token == NULL ? NULL : folded),
		int_or_null(is_open, -1),
		int_or_null(ocppd_request_query_int(request, "from", INT64_MIN), INT64_MIN),
		int_or_null(ocppd_request_query_int(request, "to", INT64_MIN), INT64_MIN),
	};

	work_query(work, choose_list(station_id, token, is_open), values,
		   sizeof(values) / sizeof(values[0]), on_list);
}

/* ---- Readings -----------------------------------------------------------------------------------
 */

static void
on_readings(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	    const struct ocppd_error *err, void *arg)
{
	struct work *work = arg;
	struct moment moment = { .count = 0 };
	struct json_object *body;
	struct json_object *items;
	const struct ocppd_value *row = NULL;
	char next[48];

	if (result < 0) {
		work_fail(work, result, err);
		return;
	}
	if (rows->count == 0 && work->is_first_page) {
		const struct ocppd_value id = ocppd_value_int(work->id);

		/* Without readings, or not there at all? */
		work->is_first_page = false;
		work->limit = 0;
		work_query(work, STATEMENT_FIND, &id, 1, on_readings);
		return;
	}
	if (rows->count == 0 && work->limit == 0) {
		say_unknown(host, work->request);
		work_end(work);
		return;
	}
	body = json_object_new_object();
	items = json_object_new_array();
	for (uint32_t i = 0; i < rows->count && i < work->limit; i++) {
		row = rows->values + (size_t)i * rows->columns;
		if (tx_stored_json(&moment, row, items) < 0)
			OCPPD_WARN(host, "reading.unreadable", OCPPD_INT("transaction", work->id),
				   OCPPD_INT("time_us", row[0].number));
	}
	ocppd_json_add(body, "items", items);
	if (row != NULL && rows->count > work->limit) {
		snprintf(next, sizeof(next), "%lld.%lld", (long long)row[0].number,
			 (long long)row[1].number);
		ocppd_json_add_str(body, "next", next);
	}
	ocppd_request_reply(host, work->request, 200, body);
	work_end(work);
}

void
routes_readings(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	const char *after = ocppd_request_query(request, "after");
	int64_t time_us = INT64_MIN;
	int64_t digest = INT64_MIN;
	struct work *work;
	int64_t id;

	if (!path_id(host, request, &id))
		return;
	if (after != NULL) {
		const char *at = parse_number(after, &time_us);

		if (at == NULL || *at != '.' || (at = parse_number(at + 1, &digest)) == NULL ||
		    *at != '\0') {
			ocppd_request_problem(host, request, 400, "bad-cursor",
					      "`after` is not a cursor that a list gave");
			return;
		}
	}
	work = work_new(ctx, request);
	if (work == NULL)
		return;
	work->id = id;
	work->is_first_page = after == NULL;
	work->limit = ocppd_request_query_int(request, "limit", LIST_DEFAULT);

	const struct ocppd_value values[] = {
		ocppd_value_int(id),
		ocppd_value_int(time_us),
		ocppd_value_int(digest),
		ocppd_value_int(work->limit + 1),
	};

	work_query(work, STATEMENT_READINGS, values, sizeof(values) / sizeof(values[0]),
		   on_readings);
}

/* ---- Administrative close -----------------------------------------------------------------------
 */

static struct active *
active_of_row(struct transactions *ctx, const struct ocppd_value *row)
{
	char station_id[OCPPD_STATION_ID_MAX * 4 + 1];
	struct ocppd_station *station;

	if (row[TX_STATION].len >= sizeof(station_id))
		return NULL;
	memcpy(station_id, row[TX_STATION].data, row[TX_STATION].len);
	station_id[row[TX_STATION].len] = '\0';
	station = ocppd_station_find(ctx->host, station_id);
	return station == NULL ? NULL : active_by_id(tx_slot(ctx, station), row[TX_ID].number);
}

static void
on_closed(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	  const struct ocppd_error *err, void *arg)
{
	struct work *work = arg;
	struct transactions *ctx = work->ctx;
	struct active *active;

	if (result < 0) {
		work_fail(work, result, err);
		return;
	}
	if (count == 0 || rows[0].count == 0) {
		ocppd_request_problem(host, work->request, 409, "not-active",
				      "The transaction has stopped already");
		work_end(work);
		return;
	}
	active = active_of_row(ctx, rows[0].values);
	if (active != NULL)
		active_remove(&ctx->active, tx_slot(ctx, active->station), active);
	OCPPD_INFO(host, "transaction.closed", OCPPD_INT("transaction", work->id),
		   OCPPD_STR("user", ocppd_request_user(work->request)));
	if (ocppd_event_wanted(host, OCPPD_EVENT_TRANSACTION_STOPPED))
		(void)ocppd_event_publish(host, OCPPD_EVENT_TRANSACTION_STOPPED, NULL,
					  tx_json(rows[0].values));
	ocppd_request_reply(host, work->request, 200, tx_json(rows[0].values));
	work_end(work);
}

/* Closes with what is known: the operator's word, else the last reading. */
static int
commit_close(struct work *work, const struct ocppd_value *row)
{
	struct transactions *ctx = work->ctx;
	struct json_object *body = ocppd_request_body(work->request);
	const struct active *active = active_of_row(ctx, row);
	const struct energy nothing = { 0 };
	const struct energy *known = active == NULL ? &nothing : &active->energy;
	int64_t now_us = ocppd_now_us(ctx->host);
	int64_t stop_us = active != NULL && active->last_reading_us > row[TX_START_US].number
				  ? active->last_reading_us
				  : now_us;
	int64_t given = ocppd_json_get_int(body, "meterStop", INT64_MIN);
	struct energy_meter meter = { .start_wh = row[TX_METER_START].number, .has_start = true };
	struct energy_verdict verdict;
	struct ocppd_unit *unit = NULL;
	int r;

	(void)ocppd_json_get_time(body, "timestamp", &stop_us);
	meter.has_stop = given != INT64_MIN || known->has_register;
	meter.stop_wh = given != INT64_MIN ? given : known->last_wh;
	energy_judge(&meter, known, &verdict);

	const struct ocppd_value values[] = {
		row[TX_ID],
		ocppd_value_int(stop_us),
		ocppd_value_int(now_us),
		meter.has_stop ? ocppd_value_int(meter.stop_wh) : ocppd_value_null(),
		ocppd_value_str("Other"),
		ocppd_value_int(verdict.energy_wh),
		ocppd_value_int(verdict.method),
		ocppd_value_int(OCPPD_TX_CLOSED | (verdict.is_doubtful ? OCPPD_TX_METER : 0)),
	};

	r = tx_unit(ctx, NULL, &unit);
	if (r < 0)
		return r;
	r = ctx->storage->unit_add(unit, ctx->host, STATEMENT_CLOSE, values,
				   sizeof(values) / sizeof(values[0]), 0);
	if (r < 0) {
		ctx->storage->unit_free(unit);
		return r;
	}
	ctx->storage->unit_commit(unit, on_closed, work);
	return 0;
}

static void
on_close_read(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	      const struct ocppd_error *err, void *arg)
{
	struct work *work = arg;

	if (result >= 0 && rows->count == 0) {
		say_unknown(host, work->request);
		work_end(work);
		return;
	}
	if (result >= 0)
		result = commit_close(work, rows->values);
	if (result < 0)
		work_fail(work, result, err);
}

void
routes_stop(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct ocppd_value value;
	struct work *work;
	int64_t id;

	if (!path_id(host, request, &id))
		return;
	work = work_new(ctx, request);
	if (work == NULL)
		return;
	work->id = id;
	value = ocppd_value_int(id);
	work_query(work, STATEMENT_FIND, &value, 1, on_close_read);
}
