/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * What a unit of work costs: units a second and CPU time a unit (all threads) with 1 to 1000 units
 * under way at once, against a bare loop of SQLite that commits each insert by itself and one that
 * commits as many at once. Prints a table.
 *
 *     bench_storage [folder]
 */
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bed.h"

#define DDL                                                                                        \
	"CREATE TABLE bench_item (id {key}, station TEXT NOT NULL, at_us BIGINT NOT NULL, meter "  \
	"BIGINT NOT NULL, tag TEXT)"
#define DDL_BARE                                                                                   \
	"CREATE TABLE bench_item (id INTEGER PRIMARY KEY AUTOINCREMENT, station TEXT NOT NULL, "   \
	"at_us BIGINT NOT NULL, meter BIGINT NOT NULL, tag TEXT)"

static const char *const first_step[] = { DDL, "CREATE INDEX bench_at ON bench_item (at_us)",
					  NULL };
static const struct ocppd_migration migrations[] = { { 1, 0, "bench", first_step } };
static const struct ocppd_statement statements[] = {
	{ "add", "INSERT INTO bench_item (station, at_us, meter, tag) VALUES ($1, $2, $3, $4) "
		 "RETURNING id" },
};

struct bench {
	struct bed bed;
	struct ocppd_host host;
	uint32_t at_once;
	uint32_t total;
	uint32_t begun;
	uint32_t done;
	bool is_done;
};

struct usage {
	double wall_s;
	double cpu_s;
};

static struct usage
usage_now(void)
{
	struct timespec now;
	struct rusage used;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	(void)getrusage(RUSAGE_SELF, &used);
	return (struct usage){
		(double)now.tv_sec + (double)now.tv_nsec / 1e9,
		(double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
			(double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6,
	};
}

static void
print_row(const char *what, uint32_t at_once, uint32_t total, const struct usage *began)
{
	struct usage now = usage_now();

	(void)printf("%-22s %8u %12.0f %12.1f\n", what, at_once,
		     total / (now.wall_s - began->wall_s),
		     (now.cpu_s - began->cpu_s) / total * 1e6);
	(void)fflush(stdout);
}

static void on_unit(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
		    uint32_t count, const struct ocppd_error *err, void *arg);

static void
add_unit(struct bench *bench)
{
	struct ocppd_unit *unit = NULL;
	const struct ocppd_value values[] = {
		ocppd_value_text("CP-000001", 9),
		ocppd_value_int(1767225600000000 + bench->begun),
		ocppd_value_int(bench->begun),
		ocppd_value_text("04A1B2C3D4E5F6", 14),
	};

	if (bench->bed.ops->unit_new(bench->bed.ctx, &bench->host, &unit) < 0 ||
	    bench->bed.ops->unit_add(unit, &bench->host, 0, values, 4, 0) < 0)
		abort();
	bench->begun++;
	bench->bed.ops->unit_commit(unit, on_unit, bench);
}

static void
on_unit(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	const struct ocppd_error *err, void *arg)
{
	struct bench *bench = arg;

	(void)host;
	(void)err;
	if (result != 0 || count != 1 || rows[0].count != 1)
		abort();
	bench->is_done = ++bench->done == bench->total;
	if (bench->begun < bench->total)
		add_unit(bench);
}

static void
place(struct bed *bed, const char *folder)
{
	bed_init(bed);
	if (folder == NULL)
		return;
	bed_fini(bed);
	(void)snprintf(bed->dir, sizeof(bed->dir), "%.40s/bench-XXXXXX", folder);
	if (mkdtemp(bed->dir) == NULL)
		abort();
	(void)snprintf(bed->path, sizeof(bed->path), "%s/test.db", bed->dir);
}

static void
run_module(const char *folder, uint32_t at_once, uint32_t total)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	struct usage began;

	if (bench == NULL)
		abort();
	bench->host = (struct ocppd_host){ .bed = &bench->bed,
					   .name = "bench",
					   .version = "1.0.0",
					   .migrations = migrations,
					   .migration_count = 1,
					   .statements = statements,
					   .statement_count = 1 };
	bench->total = total;
	bench->at_once = at_once;
	place(&bench->bed, folder);
	if (bed_start(&bench->bed) < 0 || bed_migrate(&bench->bed, &bench->host, false, NULL) < 0)
		abort();
	began = usage_now();
	for (uint32_t i = 0; i < at_once; i++)
		add_unit(bench);
	bed_run(&bench->bed, &bench->is_done);
	print_row("storage_sqlite", at_once, total, &began);
	bed_stop(&bench->bed);
	bed_fini(&bench->bed);
	free(bench);
}

static void
execute(sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		abort();
}

static void
insert(sqlite3_stmt *stmt, uint32_t number)
{
	(void)sqlite3_bind_text(stmt, 1, "CP-000001", 9, SQLITE_STATIC);
	(void)sqlite3_bind_int64(stmt, 2, 1767225600000000 + number);
	(void)sqlite3_bind_int64(stmt, 3, number);
	(void)sqlite3_bind_text(stmt, 4, "04A1B2C3D4E5F6", 14, SQLITE_STATIC);
	if (sqlite3_step(stmt) != SQLITE_ROW)
		abort();
	(void)sqlite3_column_int64(stmt, 0);
	if (sqlite3_step(stmt) != SQLITE_DONE)
		abort();
	(void)sqlite3_reset(stmt);
}

static void
own_step(sqlite3_stmt *stmt)
{
	if (sqlite3_step(stmt) != SQLITE_DONE)
		abort();
	(void)sqlite3_reset(stmt);
}

/* One thread, the statements and nothing else. */
static void
run_bare(const char *folder, uint32_t at_once, uint32_t total)
{
	struct bed bed;
	sqlite3 *db = NULL;
	sqlite3_stmt *stmts[3];
	static const char *const sql[] = {
		("INSERT INTO bench_item (station, at_us, meter, tag) VALUES (?1, ?2, ?3, ?4) "
		 "RETURNING id"),
		"BEGIN IMMEDIATE",
		"COMMIT",
	};
	struct usage began;

	place(&bed, folder);
	if (sqlite3_open(bed.path, &db) != SQLITE_OK)
		abort();
	execute(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;" DDL_BARE
		    "; CREATE INDEX bench_at ON bench_item (at_us)");
	for (size_t i = 0; i < 3; i++)
		if (sqlite3_prepare_v2(db, sql[i], -1, &stmts[i], NULL) != SQLITE_OK)
			abort();
	began = usage_now();
	for (uint32_t i = 0; i < total;) {
		own_step(stmts[1]);
		for (uint32_t j = 0; j < at_once && i < total; j++)
			insert(stmts[0], i++);
		own_step(stmts[2]);
	}
	print_row("bare SQLite", at_once, total, &began);
	for (size_t i = 0; i < 3; i++)
		(void)sqlite3_finalize(stmts[i]);
	(void)sqlite3_close(db);
	bed_fini(&bed);
}

int
main(int argc, char **argv)
{
	static const uint32_t loads[][2] = {
		{ 1, 5000 }, { 10, 30000 }, { 100, 200000 }, { 1000, 300000 }
	};
	const char *folder = argc > 1 ? argv[1] : NULL;

	(void)printf("%-22s %8s %12s %12s\n", "", "at once", "units/s", "us CPU/unit");
	for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
		run_bare(folder, loads[i][0], loads[i][1]);
		run_module(folder, loads[i][0], loads[i][1]);
	}
	return 0;
}
