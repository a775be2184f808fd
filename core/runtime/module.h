/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_RUNTIME_MODULE_H
#define OCPPD_RUNTIME_MODULE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "runtime/host.h"
#include "runtime/plan.h"
#include "runtime/threads.h"

/*
 * One module's life, step by step; loader.c decides whose turn it is. A step that waits says so and
 * is asked again once module_over() or the deadline moved it on.
 */
enum module_wait {
	MODULE_WAITS_NOT,
	MODULE_WAITS_MIGRATION,
	MODULE_WAITS_START,
	MODULE_WAITS_STOP,
	MODULE_WAITS_THREADS,
};

struct module {
	struct ocppd_host host; /* host.module leads back here */
	TAILQ_ENTRY(module) link;
	struct entry *base;     /* as it was initialised: descriptor, options that cannot change */
	struct entry *current;  /* as last reloaded; the same at first */
	struct module **deps;   /* by need of the descriptor: its provider, or NULL */
	struct threads threads; /* those that it started, as far as that can be seen */
	struct ocppd_error outcome;
	char *failure; /* why it is HOST_FAILED */
	enum module_wait wait;
	uint32_t polls;
	bool is_over;    /* what was waited for ended, with outcome */
	bool is_leaving; /* is to be stopped */
	bool is_registered;
	bool is_attached;    /* floors may hold something for it */
	bool is_initialised; /* owes a shutdown */
	bool is_started;     /* owes a stop */
	bool is_migrating;   /* the storage module has not answered yet */
	bool is_stuck;       /* did not stop in time: never shut down, never freed */
};

/* Takes the entry. NULL: out of memory; the entry is freed then. */
struct module *module_new(struct ocppd_core *core, struct entry *entry);
void module_free(struct module *module);

/* Each returns 0 when done, OCPPD_PENDING to be asked again, or negative: it failed, with the
 * reason in module->outcome, and owes nothing but module_close. */
int module_init(struct module *module);
int module_start(struct module *module);
/* Never fails: what went wrong is logged. */
int module_stop(struct module *module);
/* Takes back what the core holds for it, and has it free itself. */
void module_close(struct module *module);
/* The deadline of the current wait passed. */
void module_time_out(struct module *module);
/* How long the current wait may last. */
int64_t module_deadline_ms(const struct module *module);

/* Its new options; findings that need a restart go to problems. Takes the entry. */
void module_reload(struct module *module, struct entry *next, struct problems *problems);

/* loader.c: a wait ended, go on soon. */
void modules_wake(struct ocppd_core *core);

#endif
