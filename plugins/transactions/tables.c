/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Schema and statements. The unique index is what makes a repeated start or orphan the same record
 * (quirk G01): whether it is new is found by the insert itself. It begins with station and time, so
 * that it serves the operator's question, too.
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

static const char *const migration_2[] = {
	"ALTER TABLE transactions_transaction ADD COLUMN labels BIGINT",
	"ALTER TABLE transactions_transaction ADD COLUMN register_wh BIGINT",
	"ALTER TABLE transactions_transaction ADD COLUMN interval_wh BIGINT",
	"ALTER TABLE transactions_transaction ADD COLUMN provisional_us BIGINT",
	"ALTER TABLE transactions_transaction ADD COLUMN provisional_wh BIGINT",
	"ALTER TABLE transactions_transaction ADD COLUMN matched_id BIGINT",
	"CREATE INDEX transactions_time ON transactions_transaction (start_us)",
	NULL,
};

/* Where the tag on record is another than the one presented: whose limit it uses up. */
static const char *const migration_3[] = {
	"ALTER TABLE transactions_transaction ADD COLUMN account TEXT",
	NULL,
};

/* The station's own ids, and the kind of the token that stopped it. */
static const char *const migration_4[] = {
	"ALTER TABLE transactions_transaction ADD COLUMN stop_token_type TEXT",
	"CREATE INDEX transactions_text ON transactions_transaction (station_id, id_text) "
	"WHERE id_text IS NOT NULL",
	NULL,
};

/* For retention. */
static const char *const migration_5[] = {
	"CREATE INDEX transactions_unmatched_received ON transactions_unmatched (received_us)",
	NULL,
};

/* When a block was reserved last, and in which life of the database. */
static const char *const migration_6[] = {
	"ALTER TABLE transactions_counter ADD COLUMN reserved_us BIGINT NOT NULL DEFAULT 0",
	"ALTER TABLE transactions_counter ADD COLUMN lineage BIGINT NOT NULL DEFAULT 0",
	NULL,
};

const struct ocppd_migration tx_migrations[TX_MIGRATIONS] = {
	{ 1, 0, "transactions and readings", migration_1 },
	{ 2, 0, "energy candidates, provisional ends, lists by time", migration_2 },
	{ 3, 0, "limits count the tag on record", migration_3 },
	{ 4, 0, "the station's own ids", migration_4 },
	{ 5, 0, "retention", migration_5 },
	{ 6, 0, "ids after a restored copy", migration_6 },
};

/* The order of the TX_* columns. */
#define COLUMNS                                                                                    \
	"transaction_id, station_id, wire_id, evse, connector, presented, parent, auth_status, "   \
	"start_us, meter_start_wh, reservation_id, flags, stop_us, meter_stop_wh, reason, "        \
	"energy_wh, energy_method, start_received_us, stop_received_us, stop_token, raw_reason, "  \
	"repeats, labels, register_wh, interval_wh, provisional_us, provisional_wh, matched_id, "  \
	"start_raw, stop_raw, account, id_text, token_type, stop_token_type"

/*
 * Lists come youngest start first. $1 start and $8 id of the row before (or beyond all), $2 limit,
 * $3 station, $4 token, $5 is active, $6 from, $7 to, both inclusive; NULL in $3 to $5: any.
 */
#define FILTER                                                                                     \
	" start_us >= $6 AND start_us <= $7"                                                       \
	" AND (CAST($3 AS TEXT) IS NULL OR station_id = $3)"                                       \
	" AND (CAST($4 AS TEXT) IS NULL OR token = $4)"                                            \
	" AND (CAST($5 AS BIGINT) IS NULL"                                                         \
	" OR ($5 = 1 AND stop_us IS NULL AND (flags & 8) = 0)"                                     \
	" OR ($5 = 0 AND (stop_us IS NOT NULL OR (flags & 8) <> 0)))"
#define LIST(first)                                                                                \
	"SELECT " COLUMNS " FROM transactions_transaction WHERE " first                            \
	" start_us <= $1 AND (start_us < $1 OR transaction_id < $8) AND" FILTER                    \
	" ORDER BY start_us DESC, transaction_id DESC LIMIT $2"

#define FRAME(column)                                                                              \
	", (SELECT t." column " FROM transactions_transaction AS t "                               \
	"WHERE t.transaction_id = page.transaction_id)"

/* Rows of `page` with their latest reading, in the order of READINGS, and `more`. */
#define WITH_LATEST(page, more)                                                                    \
	"WITH page AS (" page ") SELECT page.*, r.time_us, r.digest, r.received_us, r.flags, "     \
	"r.time_raw, r.data" more " FROM page LEFT JOIN transactions_reading AS r "                \
	"ON r.transaction_id = page.transaction_id AND r.time_us = (SELECT MAX(m.time_us) "        \
	"FROM transactions_reading AS m WHERE m.transaction_id = page.transaction_id) "            \
	"AND r.digest = (SELECT MAX(d.digest) FROM transactions_reading AS d "                     \
	"WHERE d.transaction_id = page.transaction_id AND d.time_us = r.time_us) "                 \
	"ORDER BY page.transaction_id DESC"

const struct ocppd_statement tx_statements[STATEMENT_COUNT] = {
	/* $1: ids begin no lower, $2: how many, $3: now. Never beyond 31 bits (quirk G18). */
	[STATEMENT_RESERVE] = { "reserve ids",
				"UPDATE transactions_counter SET next_id = CASE WHEN next_id < $1 "
				"THEN $1 + $2 ELSE next_id + $2 END, reserved_us = $3 "
				"WHERE name = 'transaction' AND next_id + $2 <= 2147483647 "
				"RETURNING next_id - $2" },
	[STATEMENT_LEAP] = { "skip ids", "UPDATE transactions_counter SET next_id = next_id + $1, "
					 "lineage = $2 WHERE name = 'transaction'" },
	[STATEMENT_COUNTER] = { "counter of ids",
				"SELECT next_id, reserved_us, lineage FROM transactions_counter "
				"WHERE name = 'transaction'",
				OCPPD_STATEMENT_READ },
	[STATEMENT_START] = { "start",
			      "INSERT INTO transactions_transaction (transaction_id, station_id, "
			      "wire_id, id_text, evse, connector, token, presented, token_type, "
			      "parent, auth_status, start_us, start_raw, start_received_us, "
			      "meter_start_wh, reservation_id, protocol, start_frame, flags, "
			      "repeats, account) VALUES ($1, $2, $20, $3, $4, $5, $6, $7, $8, $9, "
			      "$10, $11, $12, $13, $14, $15, $16, $17, $18, 0, $19) "
			      "ON CONFLICT DO NOTHING" },
	/* The one that STATEMENT_START met: by the columns of the unique index. */
	[STATEMENT_START_REPEATED] = { "count repeated start",
				       "UPDATE transactions_transaction SET repeats = repeats + 1 "
				       "WHERE station_id = $1 AND start_us = $2 AND wire_id = $7 "
				       "AND evse = $3 AND connector = $4 AND meter_start_wh = $5 "
				       "AND token = $6 RETURNING transaction_id, flags" },
	/* Only if the younger one, $2, is not a repetition of one that was there before. */
	[STATEMENT_STALE] = { "mark stale",
			      "UPDATE transactions_transaction SET flags = flags | 8 "
			      "WHERE transaction_id = $1 AND stop_us IS NULL AND EXISTS (SELECT 1 "
			      "FROM transactions_transaction WHERE transaction_id = $2)" },
	/* 280: stale, suspended and closed are over with the station's own word. */
	/* 155928: what an end that was not the station's said: stale, suspended, closed, and what
	 * is judged anew. */
	[STATEMENT_STOP] = { "stop",
			     "UPDATE transactions_transaction SET stop_us = $3, stop_raw = $4, "
			     "stop_received_us = $5, meter_stop_wh = $6, reason = $7, "
			     "raw_reason = $8, stop_token = $9, stop_frame = $10, "
			     "energy_wh = $11, energy_method = $12, flags = (flags & ~155928) | $13, "
			     "labels = $14, register_wh = $15, interval_wh = $16, "
			     "stop_token_type = $17 "
			     "WHERE transaction_id = $1 AND station_id = $2 "
			     "AND (stop_us IS NULL OR (flags & 256) <> 0) RETURNING flags" },
	[STATEMENT_ORPHAN] = { "orphan",
			       "INSERT INTO transactions_transaction (transaction_id, station_id, "
			       "wire_id, evse, connector, token, presented, parent, auth_status, "
			       "start_us, start_received_us, meter_start_wh, flags, repeats, "
			       "stop_us, stop_raw, stop_received_us, meter_stop_wh, reason, "
			       "raw_reason, stop_token, stop_frame, energy_wh, energy_method, "
			       "id_text, token_type, stop_token_type) "
			       "VALUES ($1, $2, $3, -1, -1, $4, $5, $6, 0, $7, $8, $9, $10, 0, $7, "
			       "$11, $8, $12, $13, $14, $15, $16, 0, 0, $17, $18, $18) "
			       "ON CONFLICT (station_id, start_us, wire_id, evse, connector, "
			       "meter_start_wh, token) DO UPDATE SET "
			       "repeats = transactions_transaction.repeats + 1 "
			       "RETURNING transaction_id, flags" },
	[STATEMENT_REPEATED] = { "count repeated stop",
				 "UPDATE transactions_transaction SET repeats = repeats + 1, "
				 "flags = flags | $2 WHERE transaction_id = $1 RETURNING flags" },
	[STATEMENT_FLAG] = { "flag", "UPDATE transactions_transaction SET flags = flags | $2 "
				     "WHERE transaction_id = $1 AND stop_us IS NULL" },
	/* $12: also what was closed like this before. 155656: stale, and what is judged anew. */
	[STATEMENT_CLOSE] = { "close",
			      "UPDATE transactions_transaction SET stop_us = $2, "
			      "stop_received_us = $3, meter_stop_wh = $4, reason = $5, "
			      "energy_wh = $6, energy_method = $7, "
			      "flags = (flags & ~155656) | $8, labels = $9, register_wh = $10, "
			      "interval_wh = $11 WHERE transaction_id = $1 AND (stop_us IS NULL "
			      "OR ($12 = 1 AND (flags & 256) <> 0)) RETURNING " COLUMNS },
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
				  "AND start_us <= $2 AND start_us > $2 - 7776000000000 "
				  "AND stop_us = $2 AND meter_stop_wh = $3 AND (flags & 4) <> 0 "
				  "ORDER BY transaction_id LIMIT 1",
				  OCPPD_STATEMENT_READ },
	/* By the station's own id; rather a start than an orphan that waits for it. */
	[STATEMENT_FIND_TEXT] = { "find by the station's own id",
				  "SELECT " COLUMNS
				  " FROM transactions_transaction WHERE station_id = $1 "
				  "AND id_text = $2 ORDER BY flags & 2, transaction_id LIMIT 1",
				  OCPPD_STATEMENT_READ },
	[STATEMENT_OPEN] = { "open ones",
			     "SELECT " COLUMNS
			     " FROM transactions_transaction WHERE stop_us IS NULL "
			     "AND transaction_id > $1 ORDER BY transaction_id LIMIT $2",
			     OCPPD_STATEMENT_READ },
	[STATEMENT_LIST] = { "list", LIST(""), OCPPD_STATEMENT_READ },
	[STATEMENT_LIST_OPEN] = { "list open",
				  WITH_LATEST("SELECT " COLUMNS " FROM transactions_transaction "
					      "WHERE stop_us IS NULL AND transaction_id < $8 AND "
					      "CAST($1 AS BIGINT) IS NOT NULL AND" FILTER
					      " ORDER BY transaction_id DESC LIMIT $2",
					      ""),
				  OCPPD_STATEMENT_READ },
	[STATEMENT_LIST_STATION] = { "list of a station", LIST("station_id = $3 AND"),
				     OCPPD_STATEMENT_READ },
	[STATEMENT_LIST_TOKEN] = { "list of a token", LIST("token = $4 AND"),
				   OCPPD_STATEMENT_READ },
	[STATEMENT_SHOW] = { "show",
			     WITH_LATEST("SELECT " COLUMNS " FROM transactions_transaction "
					 "WHERE transaction_id = $1",
					 FRAME("start_frame") FRAME("stop_frame")),
			     OCPPD_STATEMENT_READ },
	/* $4: flags that are judged anew, $11: 1 for a stopped one. */
	[STATEMENT_SETTLE] = { "settle",
			       "UPDATE transactions_transaction SET energy_wh = $2, "
			       "energy_method = $3, flags = (flags & ~$4) | $5, labels = $6, "
			       "register_wh = $7, interval_wh = $8, provisional_us = $9, "
			       "provisional_wh = $10 WHERE transaction_id = $1 AND "
			       "(CASE WHEN stop_us IS NULL THEN 0 ELSE 1 END) = $11 "
			       "RETURNING " COLUMNS },
	[STATEMENT_REVIVE] = { "revive",
			       "UPDATE transactions_transaction SET flags = flags & ~8, "
			       "energy_wh = NULL, energy_method = NULL, provisional_us = NULL, "
			       "provisional_wh = NULL WHERE transaction_id = $1 AND "
			       "stop_us IS NULL AND (flags & 8) <> 0 RETURNING " COLUMNS },
	/* What a station's books hold from a time on, the oldest first. */
	[STATEMENT_SINCE] = { "since a start",
			      "SELECT " COLUMNS
			      " FROM transactions_transaction WHERE station_id = $1 "
			      "AND start_us >= $2 ORDER BY start_us, transaction_id LIMIT $3",
			      OCPPD_STATEMENT_READ },
	/* What named a transaction (-1, an id of elsewhere) may lie a little before its start. */
	[STATEMENT_MOVE_HELD] = { "match readings",
				  "INSERT INTO transactions_reading (transaction_id, time_us, "
				  "digest, received_us, flags, time_raw, data, frame) SELECT $1, "
				  "time_us, digest, received_us, flags, time_raw, data, frame "
				  "FROM transactions_unmatched WHERE station_id = $2 AND "
				  "evse = $3 AND connector = $4 AND time_us >= $5 AND time_us < $6 "
				  "AND (time_us >= $7 OR wire_id <> 0) ON CONFLICT DO NOTHING" },
	[STATEMENT_DROP_HELD] = { "forget matched readings",
				  "DELETE FROM transactions_unmatched WHERE station_id = $1 AND "
				  "evse = $2 AND connector = $3 AND time_us >= $4 AND time_us < $5 "
				  "AND (time_us >= $6 OR wire_id <> 0)" },
	[STATEMENT_MOVE_READINGS] = { "match an orphan's readings",
				      "INSERT INTO transactions_reading (transaction_id, time_us, "
				      "digest, received_us, flags, time_raw, data, frame) "
				      "SELECT $1, time_us, digest, received_us, flags, time_raw, "
				      "data, frame FROM transactions_reading "
				      "WHERE transaction_id = $2 ON CONFLICT DO NOTHING" },
	[STATEMENT_DROP_READINGS] = { "forget an orphan's readings",
				      "DELETE FROM transactions_reading WHERE transaction_id = $1" },
	[STATEMENT_ORPHAN_MATCHED] = { "match an orphan",
				       "UPDATE transactions_transaction SET flags = flags | 4, "
				       "matched_id = $2 WHERE transaction_id = $1 AND "
				       "matched_id IS NULL RETURNING transaction_id" },
	/* Takes over what the orphan $2 says; 2 is its own flag. */
	[STATEMENT_STOP_MATCHED] = { "stop by an orphan",
				     "UPDATE transactions_transaction SET "
				     "(stop_us, stop_raw, stop_received_us, meter_stop_wh, reason, "
				     "raw_reason, stop_token, stop_token_type, stop_frame) = "
				     "(SELECT o.stop_us, "
				     "o.stop_raw, o.stop_received_us, o.meter_stop_wh, o.reason, "
				     "o.raw_reason, o.stop_token, o.stop_token_type, o.stop_frame FROM "
				     "transactions_transaction AS o WHERE o.transaction_id = $2), "
				     "energy_wh = $3, energy_method = $4, "
				     "flags = (flags & ~155928) | $5 "
				     "WHERE transaction_id = $1 AND stop_us IS NULL "
				     "RETURNING " COLUMNS },
	[STATEMENT_READINGS] = { "readings",
				 "SELECT time_us, digest, received_us, flags, time_raw, data "
				 "FROM transactions_reading WHERE transaction_id = $1 "
				 "AND (time_us > $2 OR (time_us = $2 AND digest > $3)) "
				 "ORDER BY time_us, digest LIMIT $4",
				 OCPPD_STATEMENT_READ },
	/* Retention: of the ids after $1 up to $2, what stopped and came in before $3. */
	[STATEMENT_IDS] = { "ids for retention",
			    "SELECT transaction_id, start_received_us FROM "
			    "transactions_transaction WHERE transaction_id > $1 "
			    "ORDER BY transaction_id LIMIT $2",
			    OCPPD_STATEMENT_READ },
	[STATEMENT_PRUNE_READINGS] = { "prune readings",
				       "DELETE FROM transactions_reading WHERE "
				       "transaction_id > $1 AND transaction_id <= $2 AND "
				       "transaction_id IN (SELECT transaction_id FROM "
				       "transactions_transaction WHERE transaction_id > $1 AND "
				       "transaction_id <= $2 AND stop_us IS NOT NULL AND "
				       "start_received_us < $3)" },
	[STATEMENT_PRUNE] = { "prune transactions",
			      "DELETE FROM transactions_transaction WHERE transaction_id > $1 AND "
			      "transaction_id <= $2 AND stop_us IS NOT NULL AND "
			      "start_received_us < $3" },
	[STATEMENT_PRUNE_UNMATCHED] = { "prune unmatched readings",
					"DELETE FROM transactions_unmatched WHERE "
					"(station_id, evse, connector, time_us, digest) IN "
					"(SELECT station_id, evse, connector, time_us, digest "
					"FROM transactions_unmatched WHERE received_us < $1 "
					"ORDER BY received_us LIMIT $2)" },
};
