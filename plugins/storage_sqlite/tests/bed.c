/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * The core as storage_sqlite sees it: one descriptor, one timer, beats, log, metrics and health,
 * each in its simplest form, so that the module's threads can be tested alone and under any
 * sanitizer.
 */
#include "bed.h"

#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#define RUN_MS 60000

static int64_t
mono_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static _Noreturn void
die(const char *what)
{
	(void)fprintf(stderr, "bed: %s\n", what);
	abort();
}

/* ---- What the module calls --------------------------------------------------------------- */

int64_t
ocppd_mono_us(struct ocppd_host *host)
{
	(void)host;
	return mono_us();
}

int64_t
ocppd_now_us(struct ocppd_host *host)
{
	(void)host;
	return 1767225600000000;
}

int
ocppd_log_enabled(struct ocppd_host *host, uint32_t level)
{
	(void)host;
	return getenv("BED_LOG") != NULL && level <= OCPPD_LOG_INFO;
}

void
ocppd_log(struct ocppd_host *host, uint32_t level, const char *event, const struct ocppd_kv *kv,
	  uint32_t count)
{
	(void)host;
	(void)fprintf(stderr, "%u %s", level, event);
	for (uint32_t i = 0; i < count; i++)
		(void)fprintf(stderr, " %s=%s(%lld)", kv[i].key,
			      kv[i].text != NULL ? kv[i].text : "", (long long)kv[i].number);
	(void)fprintf(stderr, "\n");
}

struct ocppd_io *
ocppd_io_add(struct ocppd_host *host, int fd, uint32_t events, ocppd_io_fn *fn, void *arg)
{
	(void)events;
	host->bed->io = (struct ocppd_io){ host->bed, fd, fn, arg };
	return &host->bed->io;
}

void
ocppd_io_free(struct ocppd_io *io)
{
	if (io != NULL)
		io->fd = -1;
}

struct ocppd_timer *
ocppd_timer_new(struct ocppd_host *host, ocppd_timer_fn *fn, void *arg)
{
	struct bed *bed = host->bed;
	struct ocppd_timer *timer = &bed->timers[bed->timer_count++ % BED_TIMERS];

	*timer = (struct ocppd_timer){ host, 0, fn, arg };
	return timer;
}

void
ocppd_timer_set(struct ocppd_timer *timer, int64_t delay_ms)
{
	timer->at_mono_us = mono_us() + delay_ms * 1000;
}

void
ocppd_timer_cancel(struct ocppd_timer *timer)
{
	timer->at_mono_us = 0;
}

void
ocppd_timer_free(struct ocppd_timer *timer)
{
	if (timer != NULL)
		timer->at_mono_us = 0;
}

struct ocppd_beat *
ocppd_beat_new(struct ocppd_host *host, const char *name)
{
	(void)name;
	host->bed->beats++;
	return calloc(1, sizeof(struct ocppd_beat));
}

void
ocppd_beat_busy(struct ocppd_beat *beat)
{
	atomic_store(&beat->is_busy, true);
}

void
ocppd_beat_idle(struct ocppd_beat *beat)
{
	atomic_store(&beat->is_busy, false);
}

void
ocppd_beat_free(struct ocppd_beat *beat)
{
	free(beat);
}

int
ocppd_metric_add(struct ocppd_host *host, uint32_t metric, const char *const *labels, double value)
{
	(void)labels;
	host->bed->counters[metric] += value;
	return 0;
}

int
ocppd_metric_set(struct ocppd_host *host, uint32_t metric, const char *const *labels, double value)
{
	(void)labels;
	host->bed->counters[metric] = value;
	return 0;
}

int
ocppd_metric_observe(struct ocppd_host *host, uint32_t metric, const char *const *labels,
		     double value)
{
	(void)value;
	return ocppd_metric_add(host, metric, labels, 1);
}

void
ocppd_health_set(struct ocppd_host *host, const char *check, uint32_t level, const char *text)
{
	(void)check;
	host->bed->health = level;
	(void)snprintf(host->bed->health_text, sizeof(host->bed->health_text), "%s",
		       text != NULL ? text : "");
}

const char *
ocppd_host_name(const struct ocppd_host *host)
{
	return host->name;
}

const char *
ocppd_host_version(const struct ocppd_host *host)
{
	return host->version;
}

const struct ocppd_statement *
ocppd_host_statement(const struct ocppd_host *host, uint32_t i)
{
	return i < host->statement_count ? &host->statements[i] : NULL;
}

const struct ocppd_migration *
ocppd_host_migration(const struct ocppd_host *host, uint32_t i)
{
	return i < host->migration_count ? &host->migrations[i] : NULL;
}

void
ocppd_started(struct ocppd_host *host, const struct ocppd_error *err)
{
	host->bed->is_started = true;
	if (err != NULL)
		host->bed->start_err = *err;
}

void
ocppd_stopped(struct ocppd_host *host)
{
	host->bed->is_stopped = true;
}

/* ---- The bed ----------------------------------------------------------------------------- */

void
bed_init(struct bed *bed)
{
	*bed = (struct bed){
		.host = { .bed = bed, .name = "storage_sqlite", .version = "0.1.0" },
		.conf = { .readers = 1,
			  .batch = 1000,
			  .queue = 100000,
			  .queue_size = 256 << 20,
			  .busy_timeout_ms = 5000,
			  .query_timeout_ms = 10000,
			  .drain_timeout_ms = 20000,
			  .checkpoint_pages = 2000,
			  .backup_pages_per_step = 256 },
		.dir = "/tmp/ocppd-storage-XXXXXX",
		.io = { .fd = -1 },
	};
	if (mkdtemp(bed->dir) == NULL)
		die("no temporary folder");
	(void)snprintf(bed->path, sizeof(bed->path), "%s/test.db", bed->dir);
	bed->conf.path = bed->path;
}

static int
on_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

void
bed_fini(struct bed *bed)
{
	(void)nftw(bed->dir, on_entry, 8, FTW_DEPTH | FTW_PHYS);
}

void
bed_turn(struct bed *bed)
{
	struct pollfd fd = { .fd = bed->io.fd, .events = POLLIN };
	int64_t wait_ms = RUN_MS;
	int r;

	for (uint32_t i = 0; i < BED_TIMERS; i++) {
		int64_t left_ms = (bed->timers[i].at_mono_us - mono_us()) / 1000 + 1;

		if (bed->timers[i].at_mono_us != 0 && left_ms < wait_ms)
			wait_ms = left_ms;
	}
	r = poll(&fd, 1, wait_ms > 0 ? (int)wait_ms : 0);
	if (r < 0 && errno != EINTR)
		die("poll");
	for (uint32_t i = 0; i < BED_TIMERS; i++) {
		struct ocppd_timer *timer = &bed->timers[i];

		if (timer->at_mono_us != 0 && mono_us() >= timer->at_mono_us) {
			timer->at_mono_us = 0;
			timer->fn(timer->host, timer->arg);
		}
	}
	if (r > 0)
		bed->io.fn(&bed->host, bed->io.fd, OCPPD_IO_READ, bed->io.arg);
}

void
bed_run(struct bed *bed, const bool *flag)
{
	int64_t end = mono_us() + (int64_t)RUN_MS * 1000;

	while (!*flag) {
		if (mono_us() > end)
			die("what was waited for did not come");
		bed_turn(bed);
	}
}

void
bed_run_health(struct bed *bed, uint32_t level)
{
	int64_t end = mono_us() + (int64_t)RUN_MS * 1000;

	while (bed->health != level) {
		if (mono_us() > end)
			die("health did not change");
		bed_turn(bed);
	}
}

int
bed_start(struct bed *bed)
{
	int r;

	bed->is_started = false;
	bed->is_stopped = false;
	bed->start_err = (struct ocppd_error){ 0 };
	bed->ops = ocppd_plugin.provides.items[0].ops;
	r = ocppd_plugin.init(&bed->host, &bed->conf, &bed->ctx, &bed->start_err);
	if (r < 0)
		return r;
	r = ocppd_plugin.start(&bed->host, bed->ctx, &bed->start_err);
	if (r == OCPPD_PENDING) {
		bed_run(bed, &bed->is_started);
		r = bed->start_err.code;
	}
	if (r < 0)
		ocppd_plugin.shutdown(&bed->host, bed->ctx);
	return r;
}

void
bed_stop(struct bed *bed)
{
	if (ocppd_plugin.stop(&bed->host, bed->ctx) == OCPPD_PENDING)
		bed_run(bed, &bed->is_stopped);
	ocppd_plugin.shutdown(&bed->host, bed->ctx);
}

struct migrated {
	bool is_done;
	int result;
	char *text;
};

static void
on_migrated(struct ocppd_host *host, int result, const struct ocppd_error *err, void *arg)
{
	struct migrated *migrated = arg;

	(void)host;
	migrated->is_done = true;
	migrated->result = result;
	if (migrated->text != NULL)
		(void)snprintf(migrated->text, 640, "%s", err != NULL ? err->text : "");
}

int
bed_migrate(struct bed *bed, struct ocppd_host *host, bool is_dry_run, char ret_text[640])
{
	struct migrated migrated = { .text = ret_text };
	int r;

	r = bed->ops->migrate(bed->ctx, host, is_dry_run ? 1 : 0, on_migrated, &migrated);
	if (r < 0)
		return r;
	bed_run(bed, &migrated.is_done);
	return migrated.result;
}
