/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef STORAGE_SQLITE_BED_H
#define STORAGE_SQLITE_BED_H

/*
 * A test bed for the module alone: what it calls of the core, in its simplest form, over poll().
 * The core's own part in storage (order of start, migrations, owners) is tested with the core.
 */
#include <stdbool.h>
#include <stdint.h>

#include <ocppd/plugin.h>

#include "../storage.h"

struct ocppd_io {
	struct bed *bed;
	int fd;
	ocppd_io_fn *fn;
	void *arg;
};

struct ocppd_timer {
	struct ocppd_host *host;
	int64_t at_mono_us; /* 0: does not run */
	ocppd_timer_fn *fn;
	void *arg;
};

struct ocppd_beat {
	_Atomic bool is_busy;
};

/* A module, as the bed knows it. */
struct ocppd_host {
	struct bed *bed;
	const char *name;
	const char *version;
	const struct ocppd_migration *migrations;
	uint32_t migration_count;
	const struct ocppd_statement *statements;
	uint32_t statement_count;
};

#define BED_TIMERS 4
struct bed {
	struct ocppd_host host; /* storage_sqlite's own */
	struct storage_conf conf;
	char dir[64];
	char path[96];
	void *ctx;
	const struct ocppd_storage_ops *ops;
	struct ocppd_io io;
	struct ocppd_timer timers[BED_TIMERS]; /* in order of making */
	uint32_t timer_count;
	bool is_started;
	bool is_stopped;
	struct ocppd_error start_err;
	uint32_t health;
	char health_text[640];
	double counters[16];
	uint32_t beats;
};

/* A folder of its own and the default options. */
void bed_init(struct bed *bed);
/* Removes the folder. */
void bed_fini(struct bed *bed);
/* Starts the module. 0, or what start answered, with bed->start_err. */
int bed_start(struct bed *bed);
void bed_stop(struct bed *bed);
/* Runs callbacks until *flag; fails the process after a minute. */
void bed_run(struct bed *bed, const bool *flag);
void bed_run_health(struct bed *bed, uint32_t level);
/* One round of callbacks, waiting for it. */
void bed_turn(struct bed *bed);
/* Runs the host's migrations. The result, and the reason in ret_text if not NULL. */
int bed_migrate(struct bed *bed, struct ocppd_host *host, bool is_dry_run, char ret_text[640]);

#endif
