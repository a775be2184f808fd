/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The health check `storage_queue`: more waits for the disk than a share of what may wait, and has
 * done so for a while. Looked at by the core thread, since a writer that is stuck tells nothing.
 */
#include "storage.h"

#include <stdio.h>

#define FREE_PERCENT 50 /* of a bound: what was refused is taken again for a while */

/* The bounds that may fill up. */
enum {
	BOUND_UNITS,
	BOUND_BYTES,
	BOUND_QUERIES,
	BOUNDS,
};

struct bound {
	const char *what;
	const char *option;
	int64_t now;
	int64_t most;
};

static void
look(const struct storage *storage, struct bound ret_bounds[BOUNDS])
{
	const struct storage_conf *conf = storage->conf;

	ret_bounds[BOUND_UNITS] =
		(struct bound){ "units of work", "queue", storage->live_units, conf->queue };
	ret_bounds[BOUND_BYTES] = (struct bound){ "bytes of units of work", "queue_size",
						  (int64_t)storage->live_bytes, conf->queue_size };
	ret_bounds[BOUND_QUERIES] =
		(struct bound){ "queries", "queue", storage->live_queries, conf->queue };
}

/* The first of them that is that full, or NULL. Asked for every unit: no division. */
static const struct bound *
find_full(const struct bound bounds[BOUNDS], int64_t percent)
{
	for (uint32_t i = 0; i < BOUNDS; i++) {
		if (bounds[i].now * 100 >= bounds[i].most * percent)
			return &bounds[i];
	}
	return NULL;
}

static void
on_long(struct ocppd_host *host, void *arg)
{
	struct storage *storage = arg;
	struct bound bounds[BOUNDS];
	const struct bound *full;
	char text[STORAGE_TEXT_SIZE];

	look(storage, bounds);
	full = find_full(bounds, (storage->conf->queue_warn + 1) / 2);
	if (full == NULL)
		return; /* what ends it is on its way to us */
	storage->watch.is_told = true;
	(void)snprintf(
		text, sizeof(text),
		"the %s that wait take %lld percent of their bound: the disk does not keep up",
		full->what, (long long)(full->now * 100 / full->most));
	OCPPD_WARN(host, "storage.queue_long", OCPPD_STR("text", text));
	ocppd_health_set(host, "storage_queue", OCPPD_HEALTH_DEGRADED, text);
}

/* Who is refused sees an error, and the cause only here: at once, and once. */
void
watch_refused(struct storage *storage)
{
	struct watch *watch = &storage->watch;
	struct bound bounds[BOUNDS];
	const struct bound *full;
	char text[STORAGE_TEXT_SIZE];

	watch->refused++;
	if (watch->is_full)
		return;
	look(storage, bounds);
	full = find_full(bounds, 100);
	if (full == NULL)
		return;
	watch->is_full = true;
	(void)snprintf(
		text, sizeof(text),
		"the %s that may wait (%s: %lld) are used up: the disk does not keep up, and "
		"what stations tell is refused until it does",
		full->what, full->option, (long long)full->most);
	OCPPD_ERROR(storage->host, "storage.queue_full", OCPPD_STR("text", text));
	if (watch->timer == NULL || storage->conf->queue_warn == 0)
		return;
	watch->is_above = watch->is_told = true;
	ocppd_timer_cancel(watch->timer);
	ocppd_health_set(storage->host, "storage_queue", OCPPD_HEALTH_DEGRADED, text);
}

static void
look_for_end(struct storage *storage, const struct bound bounds[BOUNDS])
{
	struct watch *watch = &storage->watch;

	if (find_full(bounds, FREE_PERCENT) != NULL)
		return;
	OCPPD_INFO(storage->host, "storage.queue_freed",
		   OCPPD_INT("refused", (int64_t)watch->refused));
	watch->is_full = false;
	watch->refused = 0;
}

void
watch_queues(struct storage *storage)
{
	struct watch *watch = &storage->watch;
	int64_t most = storage->conf->queue_warn;
	struct bound bounds[BOUNDS];

	if (watch->timer == NULL || (most == 0 && !watch->is_full))
		return;
	look(storage, bounds);
	if (watch->is_full)
		look_for_end(storage, bounds);
	if (most == 0)
		return;
	if (!watch->is_above && find_full(bounds, most) != NULL) {
		watch->is_above = true;
		ocppd_timer_set(watch->timer, storage->conf->queue_warn_time_ms);
	} else if (watch->is_above && find_full(bounds, (most + 1) / 2) == NULL) {
		watch->is_above = false;
		ocppd_timer_cancel(watch->timer);
		if (!watch->is_told)
			return;
		watch->is_told = false;
		OCPPD_INFO(storage->host, "storage.queue_short",
			   OCPPD_INT("units", storage->live_units));
		ocppd_health_set(storage->host, "storage_queue", OCPPD_HEALTH_OK, NULL);
	}
}

int
watch_start(struct storage *storage)
{
	storage->watch =
		(struct watch){ .timer = ocppd_timer_new(storage->host, on_long, storage) };
	if (storage->watch.timer == NULL)
		return OCPPD_ENOMEM;
	if (storage->conf->queue_warn > 0)
		ocppd_health_set(storage->host, "storage_queue", OCPPD_HEALTH_OK, NULL);
	return 0;
}

void
watch_stop(struct storage *storage)
{
	ocppd_timer_free(storage->watch.timer);
	storage->watch.timer = NULL;
}
