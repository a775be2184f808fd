/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The health check `storage_queue`: more waits for the disk than a share of what may wait, and has
 * done so for a while. Looked at by the core thread, since a writer that is stuck tells nothing.
 */
#include "storage.h"

#include <stdio.h>

/* How full the fullest of the bounds is, in percent. */
static int64_t
fill_of(const struct storage *storage, const char **ret_what)
{
	const struct storage_conf *conf = storage->conf;
	const struct {
		const char *what;
		int64_t now;
		int64_t most;
	} bounds[] = {
		{ "units of work", storage->live_units, conf->queue },
		{ "bytes of units of work", (int64_t)storage->live_bytes, conf->queue_size },
		{ "queries", storage->live_queries, conf->queue },
	};
	int64_t fullest = 0;

	*ret_what = bounds[0].what;
	for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
		int64_t fill =
			bounds[i].most <= 0
				? 0
				: (int64_t)((double)bounds[i].now * 100.0 / (double)bounds[i].most);

		if (fill > fullest) {
			fullest = fill;
			*ret_what = bounds[i].what;
		}
	}
	return fullest;
}

static void
on_long(struct ocppd_host *host, void *arg)
{
	struct storage *storage = arg;
	const char *what = "";
	int64_t fill = fill_of(storage, &what);
	char text[STORAGE_TEXT_SIZE];

	storage->watch.is_told = true;
	(void)snprintf(
		text, sizeof(text),
		"the %s that wait take %lld percent of their bound: the disk does not keep up",
		what, (long long)fill);
	OCPPD_WARN(host, "storage.queue_long", OCPPD_STR("text", text));
	ocppd_health_set(host, "storage_queue", OCPPD_HEALTH_DEGRADED, text);
}

void
watch_queues(struct storage *storage)
{
	struct watch *watch = &storage->watch;
	int64_t most = storage->conf->queue_warn;
	const char *what = "";
	int64_t fill;

	if (watch->timer == NULL || most == 0)
		return;
	fill = fill_of(storage, &what);
	if (!watch->is_above && fill >= most) {
		watch->is_above = true;
		ocppd_timer_set(watch->timer, storage->conf->queue_warn_time_ms);
	} else if (watch->is_above && fill < (most + 1) / 2) {
		watch->is_above = false;
		ocppd_timer_cancel(watch->timer);
		if (!watch->is_told)
			return;
		watch->is_told = false;
		OCPPD_INFO(storage->host, "storage.queue_short", OCPPD_INT("percent", fill));
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
