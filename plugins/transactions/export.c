/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Transactions as CSV: which columns, and the pages of the list that they are read from.
 */
#include "transactions.h"

#include <ocppd/csv.h>

#define PAGE_ROWS 500

struct export_op {
	struct ocppd_csv csv;
	struct list_filter filter;
};

static const char *const columns[] = {
	"transactionId",  "stationId",     "connectorId",
	"idTag",          "parentIdTag",   "authorizationStatus",
	"startTimestamp", "meterStart",    "stopTimestamp",
	"meterStop",      "stopReason",    "stopIdTag",
	"energyWh",       "energyMethod",  "provisional",
	"active",         "reservationId", "flags",
};

static void
add_end(struct ocppd_csv *csv, const struct ocppd_value *row)
{
	bool is_stopped = row[TX_STOP_US].type == OCPPD_VALUE_INT;
	bool is_provisional = !is_stopped && row[TX_PROVISIONAL_US].type == OCPPD_VALUE_INT;
	bool is_active = !is_stopped && (row[TX_FLAGS].number & OCPPD_TX_STALE) == 0;
	const struct ocppd_value none = ocppd_value_null();

	ocppd_csv_add_time_value(csv, &row[is_stopped ? TX_STOP_US : TX_PROVISIONAL_US]);
	ocppd_csv_add_value(csv, &row[is_stopped ? TX_METER_STOP : TX_PROVISIONAL_WH]);
	ocppd_csv_add_value(csv, &row[TX_REASON]);
	ocppd_csv_add_value(csv, &row[TX_STOP_TOKEN]);
	ocppd_csv_add_value(csv, is_stopped || is_provisional ? &row[TX_ENERGY] : &none);
	ocppd_csv_add_str(csv, tx_method_word(row[TX_METHOD].number));
	ocppd_csv_add_str(csv, is_provisional ? "true" : "false");
	ocppd_csv_add_str(csv, is_active ? "true" : "false");
}

static void
add_row(struct ocppd_csv *csv, const struct ocppd_value *row)
{
	uint32_t flags = tx_flags_of(row);
	const struct ocppd_value none = ocppd_value_null();
	bool is_orphan = (flags & OCPPD_TX_ORPHAN) != 0;
	char text[256];

	ocppd_csv_add_value(csv, &row[TX_ID]);
	ocppd_csv_add_value(csv, &row[TX_STATION]);
	ocppd_csv_add_value(csv, is_orphan ? &none : &row[TX_EVSE]);
	ocppd_csv_add_value(csv, &row[TX_PRESENTED]);
	ocppd_csv_add_value(csv, &row[TX_PARENT]);
	ocppd_csv_add_str(csv, is_orphan ? NULL : tx_auth_word((uint32_t)row[TX_AUTH].number));
	ocppd_csv_add_time_value(csv, is_orphan ? &none : &row[TX_START_US]);
	ocppd_csv_add_value(csv, is_orphan ? &none : &row[TX_METER_START]);
	add_end(csv, row);
	ocppd_csv_add_value(csv, &row[TX_RESERVATION]);
	tx_flags_text(flags, text, sizeof(text));
	ocppd_csv_add_str(csv, text);
	ocppd_csv_end_row(csv);
}

static void
on_page(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	const struct ocppd_error *err, void *arg)
{
	struct export_op *op = arg;
	const struct ocppd_value *row = NULL;

	(void)host;
	(void)err;
	for (uint32_t i = 0; result >= 0 && i < rows->count; i++) {
		row = rows->values + (size_t)i * rows->columns;
		add_row(&op->csv, row);
	}
	if (row != NULL) {
		op->filter.before_us = row[TX_START_US].number;
		op->filter.before_id = row[TX_ID].number;
	}
	ocppd_csv_page(&op->csv, result, result >= 0 && rows->count < PAGE_ROWS);
}

static int
read_page(void *csv)
{
	struct export_op *op = csv;
	struct transactions *ctx = op->csv.ctx;
	struct ocppd_value values[8];
	uint32_t statement = list_values(&op->filter, PAGE_ROWS, values);

	return ctx->storage->query(ctx->storage_self, ctx->host, statement, values, 8, PAGE_ROWS,
				   on_page, op);
}

void
routes_export(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct transactions *ctx = arg;
	struct export_op *op = ocppd_csv_new(&ctx->works, request, sizeof(*op));

	(void)host;
	if (op == NULL)
		return;
	op->csv.read = read_page;
	list_filter(request, &op->filter);
	ocppd_csv_begin(&op->csv, columns, sizeof(columns) / sizeof(columns[0]));
}
