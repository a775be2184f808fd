/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The yardstick of storage: a bare SQLite writer that commits rows shaped like started
 * transactions, a given number of them in each commit (1: one commit a message). One thread, one
 * prepared statement, WAL with synchronous=FULL, as the daemon must have it.
 */
#include "bench.h"

#include <stdio.h>
#include <sys/resource.h>

#include <sqlite3.h>

#define STATIONS 1000
#define CONNECTORS 8

static const char schema[] =
	"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
	"CREATE TABLE started (transaction_id INTEGER PRIMARY KEY, station_id TEXT NOT NULL,"
	" wire_id BIGINT NOT NULL, id_text TEXT, evse BIGINT NOT NULL, connector BIGINT NOT NULL,"
	" token TEXT NOT NULL, presented TEXT NOT NULL, token_type TEXT, parent TEXT,"
	" auth_status BIGINT NOT NULL, start_us BIGINT NOT NULL, start_raw TEXT,"
	" start_received_us BIGINT NOT NULL, meter_start_wh BIGINT NOT NULL,"
	" reservation_id BIGINT, protocol TEXT, start_frame TEXT, flags BIGINT NOT NULL,"
	" repeats BIGINT NOT NULL, stop_us BIGINT);"
	"CREATE UNIQUE INDEX started_start ON started"
	" (station_id, start_us, wire_id, evse, connector, meter_start_wh, token);"
	"CREATE INDEX started_token ON started (token);"
	"CREATE INDEX started_open ON started (transaction_id) WHERE stop_us IS NULL;";

static const char insert[] =
	"INSERT INTO started (transaction_id, station_id, wire_id, id_text, evse, connector, token,"
	" presented, token_type, parent, auth_status, start_us, start_raw, start_received_us,"
	" meter_start_wh, reservation_id, protocol, start_frame, flags, repeats)"
	" VALUES (?1, ?2, 0, NULL, 1, 1, ?3, ?4, NULL, NULL, 0, ?5, NULL, ?6, ?7, NULL, 'ocpp1.6',"
	" NULL, 0, 0) ON CONFLICT DO NOTHING";

struct writer {
	sqlite3 *db;
	sqlite3_stmt *insert;
	sqlite3_stmt *begin;
	sqlite3_stmt *commit;
	uint64_t rows;
};

static int
step(sqlite3_stmt *stmt)
{
	int rc = sqlite3_step(stmt);

	while (rc == SQLITE_ROW)
		rc = sqlite3_step(stmt);
	(void)sqlite3_reset(stmt);
	return rc == SQLITE_DONE ? 0 : -1;
}

static int
add_row(struct writer *writer)
{
	char station[24];
	char token[24];
	int64_t us = 1700000000000000 + (int64_t)writer->rows * 1000;

	(void)snprintf(station, sizeof(station), "BENCH-%06u", (unsigned)(writer->rows % STATIONS));
	/* As bench_load's stations have them: one for each of a station's connectors. */
	(void)snprintf(token, sizeof(token), "t%u-%u", (unsigned)(writer->rows % STATIONS),
		       (unsigned)(writer->rows / STATIONS % CONNECTORS));
	(void)sqlite3_bind_int64(writer->insert, 1, (int64_t)++writer->rows);
	(void)sqlite3_bind_text(writer->insert, 2, station, -1, SQLITE_TRANSIENT);
	(void)sqlite3_bind_text(writer->insert, 3, token, -1, SQLITE_TRANSIENT);
	(void)sqlite3_bind_text(writer->insert, 4, token, -1, SQLITE_TRANSIENT);
	(void)sqlite3_bind_int64(writer->insert, 5, us);
	(void)sqlite3_bind_int64(writer->insert, 6, us);
	(void)sqlite3_bind_int64(writer->insert, 7, (int64_t)writer->rows);
	return step(writer->insert);
}

static int
write_batch(struct writer *writer, uint32_t batch)
{
	if (step(writer->begin) < 0)
		return -1;
	for (uint32_t i = 0; i < batch; i++) {
		if (add_row(writer) < 0)
			return -1;
	}
	return step(writer->commit);
}

static double
cpu_s(void)
{
	struct rusage use;

	(void)getrusage(RUSAGE_SELF, &use);
	return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
	       (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

static int
open_writer(struct writer *writer, const char *path)
{
	if (sqlite3_open_v2(path, &writer->db,
			    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
			    NULL) != SQLITE_OK ||
	    sqlite3_exec(writer->db, schema, NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(writer->db, insert, -1, &writer->insert, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(writer->db, "BEGIN IMMEDIATE", -1, &writer->begin, NULL) !=
		    SQLITE_OK ||
	    sqlite3_prepare_v2(writer->db, "COMMIT", -1, &writer->commit, NULL) != SQLITE_OK)
		return -1;
	return 0;
}

int
main(int argc, char **argv)
{
	struct writer writer = { 0 };
	uint32_t batch;
	uint32_t seconds;
	int64_t begun_us;
	int64_t took_us;
	double cpu;

	if (argc != 4 || bench_number(argv[2], &batch) < 0 || batch == 0 ||
	    bench_number(argv[3], &seconds) < 0) {
		fprintf(stderr, "usage: yardstick_sqlite FILE ROWS-A-COMMIT SECONDS\n");
		return 2;
	}
	if (open_writer(&writer, argv[1]) < 0) {
		fprintf(stderr, "yardstick_sqlite: %s\n", sqlite3_errmsg(writer.db));
		return 2;
	}
	begun_us = bench_mono_us();
	cpu = cpu_s();
	do {
		if (write_batch(&writer, batch) < 0) {
			fprintf(stderr, "yardstick_sqlite: %s\n", sqlite3_errmsg(writer.db));
			return 1;
		}
		took_us = bench_mono_us() - begun_us;
	} while (took_us < (int64_t)seconds * 1000000);
	cpu = cpu_s() - cpu;
	printf("{\"rows\":%llu,\"seconds\":%.6f,\"cpu_seconds\":%.6f}\n",
	       (unsigned long long)writer.rows, (double)took_us / 1e6, cpu);
	(void)sqlite3_finalize(writer.insert);
	(void)sqlite3_finalize(writer.begin);
	(void)sqlite3_finalize(writer.commit);
	(void)sqlite3_close(writer.db);
	return 0;
}
