/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Transactions as CSV (RFC 4180), streamed page by page: the next page is read when the asker took
 * the one before, so that memory is bounded whatever the table holds.
 */
#include <stdlib.h>
#include <string.h>

#include "transactions.h"

#define PAGE_ROWS 500
#define FIELD_SIZE (OCPPD_TOKEN_MAX * 2 + 16)

struct export_op {
	struct transactions *ctx;
	struct ocppd_request *request; /* NULL: the asker went */
	struct list_filter filter;
	char *text; /* a page that is being written, or NULL */
	size_t len;
	size_t size;
	bool is_reading;
	bool is_last;
	bool has_failed;
};

static const char head[] = "transactionId,stationId,connectorId,idTag,parentIdTag,"
			   "authorizationStatus,startTimestamp,meterStart,stopTimestamp,meterStop,"
			   "stopReason,stopIdTag,energyWh,energyMethod,provisional,active,"
			   "reservationId,flags\r\n";

static void
export_free(struct export_op *op)
{
	struct transactions *ctx = op->ctx;

	free(op->text);
	free(op);
	tx_done(ctx);
}

/* ---- Text -------------------------------------------------------------------------------------
 */

static void
put(struct export_op *op, const char *data, size_t len)
{
	if (op->has_failed)
		return;
	if (op->size - op->len < len) {
		size_t size = (op->len + len) * 2 + 4096;
		char *grown = realloc(op->text, size);

		if (grown == NULL) {
			op->has_failed = true;
			return;
		}
		op->text = grown;
		op->size = size;
	}
	memcpy(op->text + op->len, data, len);
	op->len += len;
}

/* A text is quoted, and one that a spreadsheet would take for a formula is made none (D11). */
static void
put_text(struct export_op *op, const char *text, size_t len)
{
	const char *quote;

	if (len == 0)
		return;
	put(op, "\"", 1);
	if (strchr("=+-@\t\r'", text[0]) != NULL)
		put(op, "'", 1);
	while ((quote = memchr(text, '"', len)) != NULL) {
		size_t part = (size_t)(quote - text) + 1;

		put(op, text, part);
		put(op, "\"", 1);
		text += part;
		len -= part;
	}
	put(op, text, len);
	put(op, "\"", 1);
}

static void
put_word(struct export_op *op, const char *word)
{
	put(op, word, strlen(word));
}

static void
put_value(struct export_op *op, const struct ocppd_value *value, bool is_time)
{
	char text[OCPPD_TIME_SIZE];

	if (value->type == OCPPD_VALUE_TEXT)
		put_text(op, value->data, value->len);
	else if (value->type == OCPPD_VALUE_INT && is_time &&
		 ocppd_time_format(value->number, text) > 0)
		put_word(op, text);
	else if (value->type == OCPPD_VALUE_INT) {
		snprintf(text, sizeof(text), "%lld", (long long)value->number);
		put_word(op, text);
	}
	put(op, ",", 1);
}

static void
put_end(struct export_op *op, const struct ocppd_value *row)
{
	bool is_stopped = row[TX_STOP_US].type == OCPPD_VALUE_INT;
	bool is_provisional = !is_stopped && row[TX_PROVISIONAL_US].type == OCPPD_VALUE_INT;

	put_value(op, &row[is_stopped ? TX_STOP_US : TX_PROVISIONAL_US], true);
	put_value(op, &row[is_stopped ? TX_METER_STOP : TX_PROVISIONAL_WH], false);
	put_value(op, &row[TX_REASON], false);
	put_value(op, &row[TX_STOP_TOKEN], false);
	if (is_stopped || is_provisional)
		put_value(op, &row[TX_ENERGY], false);
	else
		put(op, ",", 1);
	put_word(op, tx_method_word(row[TX_METHOD].number));
	put_word(op, is_provisional ? ",true," : ",false,");
	put_word(op,
		 !is_stopped && (row[TX_FLAGS].number & OCPPD_TX_STALE) == 0 ? "true," : "false,");
}

static void
put_row(struct export_op *op, const struct ocppd_value *row)
{
	uint32_t flags = (uint32_t)row[TX_FLAGS].number;
	const struct ocppd_value none = ocppd_value_null();
	bool is_orphan = (flags & OCPPD_TX_ORPHAN) != 0;
	char text[256];

	put_value(op, &row[TX_ID], false);
	put_value(op, &row[TX_STATION], false);
	put_value(op, is_orphan ? &none : &row[TX_EVSE], false);
	put_value(op, &row[TX_PRESENTED], false);
	put_value(op, &row[TX_PARENT], false);
	put_word(op, is_orphan ? "" : tx_auth_word((uint32_t)row[TX_AUTH].number));
	put(op, ",", 1);
	put_value(op, is_orphan ? &none : &row[TX_START_US], true);
	put_value(op, is_orphan ? &none : &row[TX_METER_START], false);
	put_end(op, row);
	put_value(op, &row[TX_RESERVATION], false);
	tx_flags_text(flags, text, sizeof(text));
	put_word(op, text);
	put(op, "\r\n", 2);
}

/* ---- Pages ------------------------------------------------------------------------------------
 */

static void
finish(struct export_op *op)
{
	ocppd_request_end(op->ctx->host, op->request);
	export_free(op);
}

static void export_next(struct export_op *op);

/* Writes what is there. */
static void
export_write(struct export_op *op)
{
	struct ocppd_host *host = op->ctx->host;
	int r = ocppd_request_write(host, op->request, op->text, op->len);

	if (r == OCPPD_EBUSY)
		return; /* on_ready */
	if (r == OCPPD_EGONE) {
		export_free(op);
		return;
	}
	op->len = 0;
	if (r < 0 || op->is_last)
		finish(op);
	else
		export_next(op);
}

static void
on_page(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	const struct ocppd_error *err, void *arg)
{
	struct export_op *op = arg;
	const struct ocppd_value *row = NULL;

	(void)err;
	op->is_reading = false;
	if (op->request == NULL) {
		export_free(op);
		return;
	}
	for (uint32_t i = 0; result >= 0 && i < rows->count; i++) {
		row = rows->values + (size_t)i * rows->columns;
		put_row(op, row);
	}
	if (result < 0 || op->has_failed) {
		/* The head is out: a cut answer is all that can be said. */
		OCPPD_ERROR(host, "export.cut",
			    OCPPD_STR("err", ocppd_error_name(result < 0 ? result : OCPPD_ENOMEM)));
		finish(op);
		return;
	}
	if (row != NULL) {
		op->filter.before_us = row[TX_START_US].number;
		op->filter.before_id = row[TX_ID].number;
	}
	op->is_last = rows->count < PAGE_ROWS;
	if (op->len == 0)
		finish(op);
	else
		export_write(op);
}

static void
export_next(struct export_op *op)
{
	struct transactions *ctx = op->ctx;
	struct ocppd_value values[8];
	uint32_t statement = list_values(&op->filter, PAGE_ROWS, values);
	int r = ctx->storage->query(ctx->storage_self, ctx->host, statement, values, 8, PAGE_ROWS,
				    on_page, op);

	if (r >= 0) {
		op->is_reading = true;
		return;
	}
	OCPPD_ERROR(ctx->host, "export.cut", OCPPD_STR("err", ocppd_error_name(r)));
	finish(op);
}

static void
on_ready(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct export_op *op = arg;

	(void)host;
	(void)request;
	if (!op->is_reading && op->len > 0)
		export_write(op);
}

static void
on_gone(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct export_op *op = arg;

	(void)host;
	(void)request;
	op->request = NULL;
	if (!op->is_reading)
		export_free(op);
}

void
routes_export(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct transactions *ctx = arg;
	struct export_op *op = calloc(1, sizeof(*op));

	if (op == NULL) {
		ocppd_request_fail(host, request, OCPPD_ENOMEM, NULL);
		return;
	}
	op->ctx = ctx;
	op->request = request;
	list_filter(request, &op->filter);
	ctx->outstanding++;
	if (ocppd_request_begin(host, request, 200, "text/csv; charset=utf-8; header=present",
				on_ready, on_gone, op) < 0) {
		export_free(op);
		return;
	}
	put(op, head, sizeof(head) - 1);
	export_next(op);
}
