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

#define FRAME_BYTES_MAX 16384

struct work {
	struct ocppd_work base;
	int64_t id;
	bool is_first_page;
	bool is_correction; /* of a record that an operator closed */
};

static struct work *
work_new(struct transactions *ctx, struct ocppd_request *request)
{
	struct work *work = ocppd_work_new(&ctx->works, request, sizeof(*work));

	if (work == NULL)
		return NULL;
	work->base.unknown = "unknown-transaction";
	work->base.unknown_text = "There is no such transaction";
	return work;
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

/* With the path's id; NULL: the request was answered. */
static struct work *
work_of_path(struct transactions *ctx, struct ocppd_request *request)
{
	struct work *work = work_new(ctx, request);
	const char *end;

	if (work == NULL)
		return NULL;
	end = parse_number(ocppd_request_param(request, "transactionId"), &work->id);
	if (end != NULL && *end == '\0')
		return work;
	ocppd_work_unknown(&work->base);
	return NULL;
}

/* ---- One --------------------------------------------------------------------------------------
 */

/* What a message was that broke its schema, cut as frames are. */
static void
add_frame(struct json_object *object, const char *name, const struct ocppd_value *frame)
{
	struct ocppd_value shown = *frame;
	const char *text = frame->data;

	if (frame->type != OCPPD_VALUE_TEXT)
		return;
	if (shown.len > FRAME_BYTES_MAX) {
		for (shown.len = FRAME_BYTES_MAX; ((unsigned char)text[shown.len] & 0xc0) == 0x80;)
			shown.len--;
	}
	ocppd_json_add_value(object, name, &shown);
}

static struct json_object *
shown_json(const struct ocppd_rows *rows, uint32_t i)
{
	const struct ocppd_value *row = rows->values + (size_t)i * rows->columns;
	struct json_object *object = tx_json(row);

	if (object != NULL && rows->columns > TX_LATEST)
		tx_add_latest(object, row);
	if (object != NULL && rows->columns > TX_STOP_FRAME) {
		add_frame(object, "startFrame", &row[TX_START_FRAME]);
		add_frame(object, "stopFrame", &row[TX_STOP_FRAME]);
	}
	return object;
}

static void
on_read(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	const struct ocppd_error *err, void *arg)
{
	struct work *work = arg;

	(void)host;
	if (ocppd_work_row(&work->base, result, rows, err) != NULL)
		ocppd_work_reply(&work->base, 200, shown_json(rows, 0));
}

void
routes_get(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct work *work = work_of_path(ctx, request);
	struct ocppd_value value;

	(void)host;
	if (work == NULL)
		return;
	value = ocppd_value_int(work->id);
	ocppd_work_query(&work->base, STATEMENT_SHOW, &value, 1, on_read);
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
	char next[48];

	(void)host;
	if (result < 0) {
		ocppd_work_fail(&work->base, result, err);
		return;
	}
	body = json_object_new_object();
	items = json_object_new_array();
	for (uint32_t i = 0; i < rows->count && i < work->base.limit; i++)
		json_object_array_add(items, shown_json(rows, i));
	ocppd_json_add(body, "items", items);
	if (rows->count > work->base.limit) {
		const struct ocppd_value *last =
			rows->values + (size_t)(work->base.limit - 1) * rows->columns;

		snprintf(next, sizeof(next), "%lld.%lld", (long long)last[TX_START_US].number,
			 (long long)last[TX_ID].number);
		ocppd_json_add_str(body, "next", next);
	}
	ocppd_work_reply(&work->base, 200, body);
}

void
list_filter(const struct ocppd_request *request, struct list_filter *ret)
{
	const char *station_id = ocppd_request_query(request, "stationId");
	int64_t to_us = ocppd_request_query_int(request, "to", INT64_MAX);

	memset(ret, 0, sizeof(*ret));
	snprintf(ret->station_id, sizeof(ret->station_id), "%s",
		 station_id == NULL ? "" : station_id);
	token_fold(ocppd_request_query(request, "idTag"), ret->token);
	ret->is_active = ocppd_request_query_int(request, "active", -1);
	ret->from_us = ocppd_request_query_int(request, "from", INT64_MIN);
	ret->to_us = to_us == INT64_MAX ? INT64_MAX : to_us - 1;
	ret->before_us = ret->to_us;
	ret->before_id = INT64_MAX;
}

/* The statement whose index fits the question best. */
uint32_t
list_values(const struct list_filter *filter, int64_t limit, struct ocppd_value ret_values[8])
{
	const struct ocppd_value values[8] = {
		ocppd_value_int(filter->before_us),
		ocppd_value_int(limit),
		ocppd_value_text_or_null(filter->station_id),
		ocppd_value_text_or_null(filter->token),
		filter->is_active < 0 ? ocppd_value_null() : ocppd_value_int(filter->is_active),
		ocppd_value_int(filter->from_us),
		ocppd_value_int(filter->to_us),
		ocppd_value_int(filter->before_id),
	};

	memcpy(ret_values, values, sizeof(values));
	if (filter->is_active == 1)
		return STATEMENT_LIST_OPEN;
	if (filter->token[0] != '\0')
		return STATEMENT_LIST_TOKEN;
	return filter->station_id[0] != '\0' ? STATEMENT_LIST_STATION : STATEMENT_LIST;
}

/* "START.ID" of a page's last row. */
static bool
read_cursor(const char *text, int64_t *ret_first, int64_t *ret_second)
{
	const char *at = parse_number(text, ret_first);

	if (at == NULL || *at != '.')
		return false;
	at = parse_number(at + 1, ret_second);
	return at != NULL && *at == '\0';
}

static void
say_cursor(struct ocppd_host *host, struct ocppd_request *request)
{
	ocppd_request_problem(host, request, 400, "bad-cursor",
			      "`after` is not a cursor that a list gave");
}

void
routes_list(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	const char *after = ocppd_request_query(request, "after");
	struct ocppd_value values[8];
	struct list_filter filter;
	struct work *work;
	uint32_t statement;

	list_filter(request, &filter);
	if (after != NULL && !read_cursor(after, &filter.before_us, &filter.before_id)) {
		say_cursor(host, request);
		return;
	}
	work = work_new(ctx, request);
	if (work == NULL)
		return;
	statement = list_values(&filter, work->base.limit + 1, values);
	ocppd_work_query(&work->base, statement, values, 8, on_list);
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
		ocppd_work_fail(&work->base, result, err);
		return;
	}
	if (rows->count == 0 && work->is_first_page) {
		const struct ocppd_value id = ocppd_value_int(work->id);

		/* Without readings, or not there at all? */
		work->is_first_page = false;
		work->base.limit = 0;
		ocppd_work_query(&work->base, STATEMENT_FIND, &id, 1, on_readings);
		return;
	}
	if (rows->count == 0 && work->base.limit == 0) {
		ocppd_work_unknown(&work->base);
		return;
	}
	body = json_object_new_object();
	items = json_object_new_array();
	for (uint32_t i = 0; i < rows->count && i < work->base.limit; i++) {
		row = rows->values + (size_t)i * rows->columns;
		if (tx_stored_json(&moment, row, items) < 0)
			OCPPD_WARN(host, "reading.unreadable", OCPPD_INT("transaction", work->id),
				   OCPPD_INT("time_us", row[0].number));
	}
	ocppd_json_add(body, "items", items);
	if (row != NULL && rows->count > work->base.limit) {
		snprintf(next, sizeof(next), "%lld.%lld", (long long)row[0].number,
			 (long long)row[1].number);
		ocppd_json_add_str(body, "next", next);
	}
	ocppd_work_reply(&work->base, 200, body);
}

void
routes_readings(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	const char *after = ocppd_request_query(request, "after");
	int64_t time_us = INT64_MIN;
	int64_t digest = INT64_MIN;
	struct work *work = work_of_path(ctx, request);

	if (work == NULL)
		return;
	if (after != NULL && !read_cursor(after, &time_us, &digest)) {
		say_cursor(host, request);
		ocppd_work_end(&work->base);
		return;
	}
	work->is_first_page = after == NULL;

	const struct ocppd_value values[] = {
		ocppd_value_int(work->id),
		ocppd_value_int(time_us),
		ocppd_value_int(digest),
		ocppd_value_int(work->base.limit + 1),
	};

	ocppd_work_query(&work->base, STATEMENT_READINGS, values,
			 sizeof(values) / sizeof(values[0]), on_readings);
}

/* ---- Administrative close -----------------------------------------------------------------------
 */

static void
on_closed(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	  const struct ocppd_error *err, void *arg)
{
	struct work *work = arg;
	struct transactions *ctx = work->base.ctx;
	struct active *active;

	if (result < 0) {
		ocppd_work_fail(&work->base, result, err);
		return;
	}
	if (count == 0 || rows[0].count == 0) {
		ocppd_work_problem(
			&work->base, 409, "not-active",
			work->is_correction
				? "The transaction has stopped already; `correct` changes "
				  "what an operator closed"
				: "The transaction has stopped already");
		return;
	}
	active = tx_active_of_row(ctx, rows[0].values);
	if (active != NULL) {
		recent_add(&ctx->active, tx_slot(ctx, active->station), active,
			   rows[0].values[TX_STOP_US].number, ocppd_mono_us(ctx->host) + LATE_US);
		active_remove(&ctx->active, tx_slot(ctx, active->station), active);
	}
	OCPPD_INFO(host, "transaction.closed", OCPPD_INT("transaction", work->id),
		   OCPPD_STR("user", ocppd_request_user(work->base.request)));
	if (work->is_correction)
		tx_publish_updated(ctx, rows[0].values);
	else if (ocppd_event_wanted(host, OCPPD_EVENT_TRANSACTION_STOPPED))
		(void)ocppd_event_publish(host, OCPPD_EVENT_TRANSACTION_STOPPED, NULL,
					  tx_json(rows[0].values));
	ocppd_work_reply(&work->base, 200, tx_json(rows[0].values));
}

static struct ocppd_value
if_positive(int64_t number)
{
	return number < 0 ? ocppd_value_null() : ocppd_value_int(number);
}

/* When it ended: the operator's word, else in a correction what stood before, else the last
 * reading.
 */
static int64_t
close_time(const struct work *work, const struct gathered *found, int64_t now_us)
{
	const struct ocppd_value *row = found->row;
	int64_t stop_us;

	if (ocppd_json_get_time(ocppd_request_body(work->base.request), "timestamp", &stop_us) == 0)
		return stop_us;
	if (work->is_correction)
		return row[TX_STOP_US].number;
	return found->last_us > row[TX_START_US].number ? gathered_end_us(found) : now_us;
}

/* Where its meter stood then, likewise. */
static void
close_meter(const struct work *work, const struct gathered *found, struct energy_meter *meter)
{
	const struct track *track = energy_register(&found->energy);
	const struct ocppd_value *before = &found->row[TX_METER_STOP];

	meter->has_stop = true;
	meter->stop_wh =
		ocppd_json_get_int(ocppd_request_body(work->base.request), "meterStop", INT64_MIN);
	if (meter->stop_wh != INT64_MIN)
		return;
	meter->has_stop = track != NULL;
	meter->stop_wh = track != NULL ? track->last_wh : 0;
	if (!work->is_correction || before->type != OCPPD_VALUE_INT)
		return;
	meter->has_stop = true;
	meter->stop_wh = before->number;
}

static int
commit_close(struct work *work, const struct gathered *found)
{
	struct transactions *ctx = work->base.ctx;
	struct json_object *body = ocppd_request_body(work->base.request);
	const struct ocppd_value *row = found->row;
	int64_t now_us = ocppd_now_us(ctx->host);
	struct energy_meter meter = { .start_wh = row[TX_METER_START].number,
				      .has_start = (row[TX_FLAGS].number & OCPPD_TX_METER) == 0,
				      .start_us = row[TX_START_US].number };
	struct energy_verdict verdict;
	struct ocppd_unit *unit = NULL;
	int r;

	meter.stop_us = close_time(work, found, now_us);
	close_meter(work, found, &meter);
	energy_judge(&meter, &found->energy, &verdict);
	/* METER stays what the start said: the station's own stop, if it comes, is judged by it. */
	verdict.flags = (verdict.flags & ~OCPPD_TX_METER) | OCPPD_TX_CLOSED;

	const struct ocppd_value values[] = {
		row[TX_ID],
		ocppd_value_int(meter.stop_us),
		ocppd_value_int(now_us),
		meter.has_stop ? ocppd_value_int(meter.stop_wh) : ocppd_value_null(),
		ocppd_value_str("Other"),
		ocppd_value_int(verdict.energy_wh),
		ocppd_value_int(verdict.method),
		ocppd_value_int(verdict.flags),
		ocppd_value_int(verdict.labels),
		if_positive(verdict.register_wh),
		if_positive(verdict.interval_wh),
		ocppd_value_int(ocppd_json_get_bool(body, "correct", 0)),
	};

	r = tx_unit(ctx, NULL, &unit);
	if (r >= 0)
		r = ctx->storage->unit_add(unit, ctx->host, STATEMENT_CLOSE, values,
					   sizeof(values) / sizeof(values[0]), 0);
	if (r < 0) {
		ctx->storage->unit_free(unit);
		return r;
	}
	ctx->storage->unit_commit(unit, on_closed, work);
	return 0;
}

/* What the operator said cannot be: the request was answered. */
static bool
is_impossible(const struct transactions *ctx, struct work *work, const struct gathered *found)
{
	struct json_object *body = ocppd_request_body(work->base.request);
	const struct ocppd_value *row = found->row;
	int64_t stop_us;

	work->is_correction = row[TX_STOP_US].type == OCPPD_VALUE_INT;
	if (ocppd_json_get_time(body, "timestamp", &stop_us) < 0 ||
	    (work->is_correction && ocppd_json_get_bool(body, "correct", 0) == 0))
		return false;
	if (stop_us >= row[TX_START_US].number && stop_us <= ocppd_now_us(ctx->host))
		return false;
	if (tx_judge_time(row[TX_START_US].number, row[TX_START_RECEIVED].number) != 0)
		return false; /* its start is no measure */
	ocppd_work_problem(&work->base, 422, "impossible-time",
			   stop_us < row[TX_START_US].number
				   ? "timestamp: before the transaction started"
				   : "timestamp: has not come yet");
	return true;
}

static void
on_close_read(struct transactions *ctx, int result, const struct gathered *found, void *arg)
{
	struct work *work = arg;

	if (result >= 0 && found->row == NULL) {
		ocppd_work_unknown(&work->base);
		return;
	}
	if (result >= 0 && is_impossible(ctx, work, found))
		return;
	if (result >= 0)
		result = commit_close(work, found);
	if (result < 0)
		ocppd_work_fail(&work->base, result, NULL);
}

void
routes_stop(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct work *work = work_of_path(ctx, request);
	int r;

	(void)host;
	if (work == NULL)
		return;
	r = tx_gather(work->base.ctx, work->id, on_close_read, work);
	if (r < 0)
		ocppd_work_fail(&work->base, r, NULL);
}
