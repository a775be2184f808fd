/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Schema and statements. The unique index is what makes a repeated start or orphan the same record
 * (quirk G01): lookup and insert are one statement. It begins with station and time, so that it
 * serves the operator's question, too.
 */
#include "transactions.h"

static const char *const migration_1[] = {
	"CREATE TABLE transactions_counter (name TEXT NOT NULL PRIMARY KEY, "
	"next_id BIGINT NOT NULL)",
	"INSERT INTO transactions_counter (name, next_id) VALUES ('transaction', 1)",

	"CREATE TABLE transactions_transaction ("
	"transaction_id {key}, station_id TEXT NOT NULL, wire_id BIGINT NOT NULL, id_text TEXT, "
	"evse BIGINT NOT NULL, connector BIGINT NOT NULL, token TEXT NOT NULL, "
	"presented TEXT NOT NULL, token_type TEXT, parent TEXT, auth_status BIGINT NOT NULL, "
	"start_us BIGINT NOT NULL, start_raw TEXT, start_received_us BIGINT NOT NULL, "
	"meter_start_wh BIGINT NOT NULL, reservation_id BIGINT, protocol TEXT, "
	"start_frame TEXT, flags BIGINT NOT NULL, repeats BIGINT NOT NULL, "
	"stop_us BIGINT, stop_raw TEXT, stop_received_us BIGINT, meter_stop_wh BIGINT, "
	"reason TEXT, raw_reason TEXT, stop_token TEXT, stop_frame TEXT, "
	"energy_wh BIGINT, energy_method BIGINT)",
	"CREATE UNIQUE INDEX transactions_start ON transactions_transaction "
	"(station_id, start_us, wire_id, evse, connector, meter_start_wh, token)",
	"CREATE INDEX transactions_token ON transactions_transaction (token)",
	"CREATE INDEX transactions_open ON transactions_transaction (transaction_id) "
	"WHERE stop_us IS NULL",

	"CREATE TABLE transactions_reading ("
	"transaction_id BIGINT NOT NULL, time_us BIGINT NOT NULL, digest BIGINT NOT NULL, "
	"received_us BIGINT NOT NULL, flags BIGINT NOT NULL, time_raw TEXT, "
	"data {bytes} NOT NULL, frame TEXT, PRIMARY KEY (transaction_id, time_us, digest))",
	"CREATE TABLE transactions_unmatched ("
	"station_id TEXT NOT NULL, evse BIGINT NOT NULL, connector BIGINT NOT NULL, "
	"time_us BIGINT NOT NULL, digest BIGINT NOT NULL, wire_id BIGINT NOT NULL, "
	"received_us BIGINT NOT NULL, flags BIGINT NOT NULL, time_raw TEXT, "
	"data {bytes} NOT NULL, frame TEXT, "
	"PRIMARY KEY (station_id, evse, connector, time_us, digest))",
	NULL,
};

const struct ocppd_migration tx_migrations[TX_MIGRATIONS] = {
	{ 1, 0, "transactions and readings", migration_1 },
};

/* The order of the TX_* columns. */
#define COLUMNS                                                                                    \
	"transaction_id, station_id, wire_id, evse, connector, presented, parent, auth_status, "   \
	"start_us, meter_start_wh, reservation_id, flags, stop_us, meter_stop_wh, reason, "        \
	"energy_wh, energy_method, start_received_us, stop_received_us, stop_token, raw_reason, "  \
	"repeats"

/* $1 before id, $2 limit, $3 station, $4 token, $5 is open, $6 from, $7 to; NULL: any. */
#define LIST(first)                                                                                \
	"SELECT " COLUMNS " FROM transactions_transaction WHERE transaction_id < $1 AND " first    \
	" (CAST($3 AS TEXT) IS NULL OR station_id = $3)"                                           \
	" AND (CAST($4 AS TEXT) IS NULL OR token = $4)"                                            \
	" AND (CAST($5 AS BIGINT) IS NULL OR ($5 = 1 AND stop_us IS NULL)"                         \
	" OR ($5 = 0 AND stop_us IS NOT NULL))"                                                    \
	" AND (CAST($6 AS BIGINT) IS NULL OR start_us >= $6)"                                      \
	" AND (CAST($7 AS BIGINT) IS NULL OR start_us < $7)"                                       \
	" ORDER BY transaction_id DESC LIMIT $2"

const struct ocppd_statement tx_statements[STATEMENT_COUNT] = {
	/* $1: ids begin no lower, $2: how many. Never beyond 31 bits (quirk G18). */
	[STATEMENT_RESERVE] = { "reserve ids",
				"UPDATE transactions_counter SET next_id = CASE WHEN next_id < $1 "
				"THEN $1 + $2 ELSE next_id + $2 END "
				"WHERE name = 'transaction' AND next_id + $2 <= 2147483647 "
				"RETURNING next_id - $2" },
	[STATEMENT_START] = { "start",
			      "INSERT INTO transactions_transaction (transaction_id, station_id, "
			      "wire_id, id_text, evse, connector, token, presented, token_type, "
			      "parent, auth_status, start_us, start_raw, start_received_us, "
			      "meter_start_wh, reservation_id, protocol, start_frame, flags, "
			      "repeats) VALUES ($1, $2, 0, $3, $4, $5, $6, $7, $8, $9, $10, $11, "
			      "$12, $13, $14, $15, $16, $17, $18, 0) "
			      "ON CONFLICT (station_id, start_us, wire_id, evse, connector, "
			      "meter_start_wh, token) DO UPDATE SET "
			      "repeats = transactions_transaction.repeats + 1 "
			      "RETURNING transaction_id, flags" },
	/* Only if the younger one, $2, is not a repetition of one that was there before. */
	[STATEMENT_STALE] = { "mark stale",
			      "UPDATE transactions_transaction SET flags = flags | 8 "
			      "WHERE transaction_id = $1 AND stop_us IS NULL AND EXISTS (SELECT 1 "
			      "FROM transactions_transaction WHERE transaction_id = $2)" },
	/* 280: stale, suspended and closed are over with the station's own word. */
	[STATEMENT_STOP] = { "stop",
			     "UPDATE transactions_transaction SET stop_us = $3, stop_raw = $4, "
			     "stop_received_us = $5, meter_stop_wh = $6, reason = $7, "
			     "raw_reason = $8, stop_token = $9, stop_frame = $10, "
			     "energy_wh = $11, energy_method = $12, flags = (flags & ~280) | $13 "
			     "WHERE transaction_id = $1 AND station_id = $2 "
			     "AND (stop_us IS NULL OR (flags & 256) <> 0) RETURNING flags" },
	[STATEMENT_ORPHAN] = { "orphan",
			       "INSERT INTO transactions_transaction (transaction_id, station_id, "
			       "wire_id, evse, connector, token, presented, parent, auth_status, "
			       "start_us, start_received_us, meter_start_wh, flags, repeats, "
			       "stop_us, stop_raw, stop_received_us, meter_stop_wh, reason, "
			       "raw_reason, stop_token, stop_frame, energy_wh, energy_method) "
			       "VALUES ($1, $2, $3, -1, -1, $4, $5, $6, 0, $7, $8, $9, $10, 0, $7, "
			       "$11, $8, $12, $13, $14, $15, $16, 0, 0) "
			       "ON CONFLICT (station_id, start_us, wire_id, evse, connector, "
			       "meter_start_wh, token) DO UPDATE SET "
			       "repeats = transactions_transaction.repeats + 1 "
			       "RETURNING transaction_id, flags" },
	[STATEMENT_REPEATED] = { "count repeated stop",
				 "UPDATE transactions_transaction SET repeats = repeats + 1, "
				 "flags = flags | $2 WHERE transaction_id = $1 RETURNING flags" },
	[STATEMENT_FLAG] = { "flag", "UPDATE transactions_transaction SET flags = flags | $2 "
				     "WHERE transaction_id = $1 AND stop_us IS NULL" },
	[STATEMENT_CLOSE] = { "close",
			      "UPDATE transactions_transaction SET stop_us = $2, "
			      "stop_received_us = $3, meter_stop_wh = $4, reason = $5, "
			      "energy_wh = $6, energy_method = $7, flags = flags | $8 "
			      "WHERE transaction_id = $1 AND stop_us IS NULL RETURNING " COLUMNS },
	[STATEMENT_READING] = { "reading",
				"INSERT INTO transactions_reading (transaction_id, time_us, "
				"digest, received_us, flags, time_raw, data, frame) "
				"VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING" },
	/* An id that is not under way: only if it is this station's own (quirk G18). */
	[STATEMENT_READING_IF] = { "reading of a stopped one",
				   "INSERT INTO transactions_reading (transaction_id, time_us, "
				   "digest, received_us, flags, time_raw, data, frame) "
				   "SELECT $1, $2, $3, $4, $5, $6, $7, $8 WHERE EXISTS (SELECT 1 "
				   "FROM transactions_transaction WHERE transaction_id = $1 "
				   "AND station_id = $9) ON CONFLICT DO NOTHING" },
	[STATEMENT_UNMATCHED] = { "unmatched reading",
				  "INSERT INTO transactions_unmatched (station_id, evse, "
				  "connector, time_us, digest, wire_id, received_us, flags, "
				  "time_raw, data, frame) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, "
				  "$9, $10, $11) ON CONFLICT DO NOTHING" },
	[STATEMENT_UNMATCHED_IF] = { "unmatched reading with an id",
				     "INSERT INTO transactions_unmatched (station_id, evse, "
				     "connector, time_us, digest, wire_id, received_us, flags, "
				     "time_raw, data, frame) SELECT $1, $2, $3, $4, $5, $6, $7, "
				     "$8, $9, $10, $11 WHERE NOT EXISTS (SELECT 1 FROM "
				     "transactions_transaction WHERE transaction_id = $6 AND "
				     "station_id = $1) ON CONFLICT DO NOTHING" },
	[STATEMENT_FIND] = { "find",
			     "SELECT " COLUMNS
			     " FROM transactions_transaction WHERE transaction_id = $1",
			     OCPPD_STATEMENT_READ },
	/* A stop that was matched without its id: it has none to be found by when it is repeated.
	 */
	[STATEMENT_FIND_STOP] = { "find by stop",
				  "SELECT " COLUMNS
				  " FROM transactions_transaction WHERE station_id = $1 "
				  "AND stop_us = $2 AND meter_stop_wh = $3 AND (flags & 4) <> 0 "
				  "ORDER BY transaction_id LIMIT 1",
				  OCPPD_STATEMENT_READ },
	[STATEMENT_OPEN] = { "open ones",
			     "SELECT " COLUMNS
			     " FROM transactions_transaction WHERE stop_us IS NULL "
			     "AND transaction_id > $1 ORDER BY transaction_id LIMIT $2",
			     OCPPD_STATEMENT_READ },
	[STATEMENT_LIST] = { "list", LIST(""), OCPPD_STATEMENT_READ },
	[STATEMENT_LIST_OPEN] = { "list open", LIST("stop_us IS NULL AND"), OCPPD_STATEMENT_READ },
	[STATEMENT_LIST_STATION] = { "list of a station", LIST("station_id = $3 AND"),
				     OCPPD_STATEMENT_READ },
	[STATEMENT_LIST_TOKEN] = { "list of a token", LIST("token = $4 AND"),
				   OCPPD_STATEMENT_READ },
	[STATEMENT_READINGS] = { "readings",
				 "SELECT time_us, digest, received_us, flags, time_raw, data "
				 "FROM transactions_reading WHERE transaction_id = $1 "
				 "AND (time_us > $2 OR (time_us = $2 AND digest > $3)) "
				 "ORDER BY time_us, digest LIMIT $4",
				 OCPPD_STATEMENT_READ },
};
