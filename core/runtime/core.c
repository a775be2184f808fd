/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Makes and unmakes the runtime floor: one struct holds all of a daemon's state, so several can
 * live in one process, as tests do.
 */
#include "runtime/core.h"

#include <ocppd/plugin.h>

#include "base/assert.h"
#include "runtime/beats.h"
#include "runtime/bus.h"
#include "runtime/catalogue.h"
#include "runtime/figures.h"
#include "runtime/host.h"
#include "runtime/loop.h"
#include "runtime/metrics.h"
#include "runtime/services.h"

/* The core as the owner of what its floors register. */
static const struct ocppd_plugin core_plugin = {
	.guard = OCPPD_GUARD,
	.name = "core",
	.version = "",
	.summary = "the core itself",
};

static int (*const inits[])(struct ocppd_core *core, struct ocppd_error *err) = {
	loop_init, bus_init, services_init, catalogue_init, metrics_init, beats_init, figures_init,
};

void
runtime_conf_init(struct runtime_conf *conf)
{
	*conf = (struct runtime_conf){
		.slow_callback_ms = 50,
		.start_timeout_ms = 60000,
		.stop_timeout_ms = 30000,
		.event_queue = 100000,
		.post_queue = 100000,
	};
}

int
core_init(struct ocppd_core *core, struct log *log, const struct clock *clock,
	  const struct runtime_conf *conf, struct ocppd_error *err)
{
	*core = (struct ocppd_core){ .log = log, .conf = *conf };
	if (clock && clock->is_manual) {
		clock_init_manual(&core->clock, clock_now_us(clock));
		atomic_store(&core->clock.manual_mono_us, clock_mono_us(clock));
	} else {
		clock_init(&core->clock);
	}
	core->started_us = clock_now_us(&core->clock);
	core->self = calloc(1, sizeof(*core->self));
	if (!core->self)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	host_init(core->self, core, "core", &core_plugin);
	core->self->state = HOST_RUNNING;
	for (size_t i = 0; i < sizeof(inits) / sizeof(inits[0]); i++) {
		int r = inits[i](core, err);

		if (r < 0)
			return r;
	}
	return 0;
}

void
core_fini(struct ocppd_core *core)
{
	if (!core->self)
		return;
	if (core->beats) {
		/* All of the runtime was made. */
		host_unregister(core->self);
		host_revoke(core->self);
	}
	beats_fini(core);
	metrics_fini(core);
	catalogue_fini(core);
	services_fini(core);
	bus_fini(core);
	loop_fini(core);
	host_fini(core->self);
	free(core->self);
	core->self = NULL;
}

int
core_add_hook(struct ocppd_core *core, const struct runtime_hook *hook)
{
	for (uint32_t i = 0; i < RUNTIME_HOOKS_MAX; i++) {
		if (core->hooks[i] == NULL) {
			core->hooks[i] = hook;
			return 0;
		}
	}
	return OCPPD_ESPACE;
}

void
core_remove_hook(struct ocppd_core *core, const struct runtime_hook *hook)
{
	for (uint32_t i = 0; i < RUNTIME_HOOKS_MAX; i++) {
		if (core->hooks[i] == hook)
			core->hooks[i] = NULL;
	}
}
