/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Progress of threads: each beat is one atomic time, written by its thread, read by the watchdog.
 */
#include "runtime/beats.h"

#include <ocppd/thread.h>

#include "base/text.h"
#include "runtime/host.h"

#include <stdatomic.h>

#define IDLE 0
#define NAME_SIZE 96

struct ocppd_beat {
	struct ocppd_host *host;
	_Atomic int64_t said_mono_us; /* of the newest `busy`, or IDLE */
	char name[NAME_SIZE];
	LIST_ENTRY(ocppd_beat) owned;
	LIST_ENTRY(ocppd_beat) all;
};

struct beats {
	LIST_HEAD(, ocppd_beat) all;
};

int
beats_init(struct ocppd_core *core, struct ocppd_error *err)
{
	core->beats = calloc(1, sizeof(*core->beats));
	if (!core->beats)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	LIST_INIT(&core->beats->all);
	return 0;
}

void
beats_fini(struct ocppd_core *core)
{
	free(core->beats);
	core->beats = NULL;
}

bool
beats_all_alive(const struct ocppd_core *core, int64_t since_mono_us, const char **ret_name)
{
	const struct ocppd_beat *beat;

	LIST_FOREACH (beat, &core->beats->all, all) {
		int64_t said_us = atomic_load_explicit(&beat->said_mono_us, memory_order_relaxed);

		if (said_us == IDLE || said_us >= since_mono_us)
			continue;
		if (ret_name)
			*ret_name = beat->name;
		return false;
	}
	return true;
}

struct ocppd_beat *
ocppd_beat_new(struct ocppd_host *host, const char *name)
{
	struct ocppd_beat *beat = calloc(1, sizeof(*beat));

	if (!beat)
		return NULL;
	beat->host = host;
	atomic_init(&beat->said_mono_us, IDLE);
	(void)snprintf(beat->name, sizeof(beat->name), "%s/%s", host->name, name);
	LIST_INSERT_HEAD(&host->beats, beat, owned);
	LIST_INSERT_HEAD(&host->core->beats->all, beat, all);
	return beat;
}

void
ocppd_beat_busy(struct ocppd_beat *beat)
{
	atomic_store_explicit(&beat->said_mono_us, clock_mono_us(&beat->host->core->clock),
			      memory_order_relaxed);
}

void
ocppd_beat_idle(struct ocppd_beat *beat)
{
	atomic_store_explicit(&beat->said_mono_us, IDLE, memory_order_relaxed);
}

void
ocppd_beat_free(struct ocppd_beat *beat)
{
	if (!beat)
		return;
	LIST_REMOVE(beat, owned);
	LIST_REMOVE(beat, all);
	free(beat);
}
