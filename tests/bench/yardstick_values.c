/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The yardstick of meter values: json-c reads each MeterValues message with eight sampled values,
 * and a bare SQLite writer commits a row like the daemon's for it, a thousand in each commit. One
 * thread, no network, WAL with synchronous=FULL.
 */
#include "bench.h"
#include "frames.h"

#include <stdio.h>
#include <sys/resource.h>

#include <json-c/json.h>
#include <sqlite3.h>

#define STATIONS 1000
#define DATA_MAX 1024
#define SAMPLES 8

static const char schema[] =
	"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
	"CREATE TABLE reading (transaction_id BIGINT NOT NULL, time_us BIGINT NOT NULL,"
	" digest BIGINT NOT NULL, received_us BIGINT NOT NULL, flags BIGINT NOT NULL,"
	" time_raw TEXT, data BLOB NOT NULL, frame TEXT,"
	" PRIMARY KEY (transaction_id, time_us, digest));";

static const char insert[] =
	"INSERT INTO reading (transaction_id, time_us, digest, received_us, flags, time_raw, data,"
	" frame) VALUES (?1, ?2, ?3, ?4, 0, NULL, ?5, NULL) ON CONFLICT DO NOTHING";

struct writer {
	sqlite3 *db;
	sqlite3_stmt *insert;
	struct json_tokener *tokener;
	char data[DATA_MAX];
	int data_len; /* what the daemon needs for a message */
	uint64_t rows;
	uint64_t samples;
};

/* 0 or -1: the message did not say what it should. */
static int
read_message(struct writer *writer, const char *text, size_t len)
{
	struct json_object *moments = NULL;
	struct json_object *values = NULL;
	struct json_object *frame;
	int r = -1;

	json_tokener_reset(writer->tokener);
	frame = json_tokener_parse_ex(writer->tokener, text, (int)len);
	if (frame != NULL &&
	    json_object_object_get_ex(json_object_array_get_idx(frame, 3), "meterValue",
				      &moments) &&
	    json_object_object_get_ex(json_object_array_get_idx(moments, 0), "sampledValue",
				      &values) &&
	    json_object_array_length(values) == SAMPLES)
		r = 0;
	writer->samples += SAMPLES;
	json_object_put(frame);
	return r;
}

static int
add_message(struct writer *writer)
{
	char text[FRAME_MAX];
	uint64_t row = writer->rows++;
	int64_t time_us = 1700000000000000 + (int64_t)row * 1000;
	const struct facts facts = {
		.transaction_id = (int32_t)(row % STATIONS) + 1,
		.time_us = time_us,
		.number = row,
	};
	size_t len = frame_values(text, sizeof(text), &facts);
	int rc;

	if (read_message(writer, text, len) < 0)
		return -1;
	memcpy(writer->data, &row, sizeof(row));
	(void)sqlite3_bind_int64(writer->insert, 1, (int64_t)(row % STATIONS) + 1);
	(void)sqlite3_bind_int64(writer->insert, 2, time_us);
	(void)sqlite3_bind_int64(writer->insert, 3, (int64_t)(row * 0x9e3779b97f4a7c15u));
	(void)sqlite3_bind_int64(writer->insert, 4, time_us);
	(void)sqlite3_bind_blob(writer->insert, 5, writer->data, writer->data_len, SQLITE_STATIC);
	rc = sqlite3_step(writer->insert);
	(void)sqlite3_reset(writer->insert);
	return rc == SQLITE_DONE ? 0 : -1;
}

static int
write_batch(struct writer *writer, uint32_t batch)
{
	if (sqlite3_exec(writer->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
		return -1;
	for (uint32_t i = 0; i < batch; i++) {
		if (add_message(writer) < 0)
			return -1;
	}
	return sqlite3_exec(writer->db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK ? 0 : -1;
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
	writer->tokener = json_tokener_new();
	if (writer->tokener == NULL ||
	    sqlite3_open_v2(path, &writer->db,
			    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
			    NULL) != SQLITE_OK ||
	    sqlite3_exec(writer->db, schema, NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(writer->db, insert, -1, &writer->insert, NULL) != SQLITE_OK)
		return -1;
	return 0;
}

int
main(int argc, char **argv)
{
	struct writer writer = { 0 };
	uint32_t batch;
	uint32_t bytes;
	uint32_t seconds;
	int64_t begun_us;
	int64_t took_us;
	double cpu;
	int r = 0;

	if (argc != 5 || bench_number(argv[2], &batch) < 0 || batch == 0 ||
	    bench_number(argv[3], &bytes) < 0 || bytes < sizeof(writer.rows) || bytes > DATA_MAX ||
	    bench_number(argv[4], &seconds) < 0) {
		fprintf(stderr, "usage: yardstick_values FILE ROWS-A-COMMIT BYTES SECONDS\n");
		return 2;
	}
	writer.data_len = (int)bytes;
	if (open_writer(&writer, argv[1]) < 0) {
		fprintf(stderr, "yardstick_values: %s\n", sqlite3_errmsg(writer.db));
		return 2;
	}
	begun_us = bench_mono_us();
	cpu = cpu_s();
	do {
		r = write_batch(&writer, batch);
		took_us = bench_mono_us() - begun_us;
	} while (r == 0 && took_us < (int64_t)seconds * 1000000);
	cpu = cpu_s() - cpu;
	if (r < 0)
		fprintf(stderr, "yardstick_values: %s\n", sqlite3_errmsg(writer.db));
	printf("{\"rows\":%llu,\"samples\":%llu,\"seconds\":%.6f,\"cpu_seconds\":%.6f}\n",
	       (unsigned long long)writer.rows, (unsigned long long)writer.samples,
	       (double)took_us / 1e6, cpu);
	(void)sqlite3_finalize(writer.insert);
	(void)sqlite3_close(writer.db);
	json_tokener_free(writer.tokener);
	return r < 0;
}
