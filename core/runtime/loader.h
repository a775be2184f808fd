/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_RUNTIME_LOADER_H
#define OCPPD_RUNTIME_LOADER_H

#include <stdint.h>

#include <ocppd/conf.h>
#include <ocppd/plugin.h>

#include "runtime/core.h"
#include "runtime/problems.h"

/*
 * Modules: which, in what order, and their lives.
 *
 * A plan is all that can be known without running a module: shared objects loaded, descriptors
 * imported, options filled and checked, needs met, order found. It has no side effect, so
 * `ocppd --check` makes one and throws it away. Start and reload carry a plan out.
 *
 * Core thread. Completions run from the loop, never before the call returned.
 */
struct conf;
struct modules_plan;

struct modules_opts {
	struct conf *conf;                /* the nodes below are its; a reference is taken */
	const struct ocppd_node *plugins; /* the map `plugins:`; NULL: none */
	const struct ocppd_node *services;
	struct ocppd_strings dirs; /* looked through in order */
};

/*
 * Adds every finding to problems and then returns negative: OCPPD_EINVAL, OCPPD_ENOMEM. Problems of
 * modules marked `optional` are logged as warnings (if there is a core) and leave them and their
 * dependents out. core may be NULL (`--check`).
 */
int modules_plan(struct ocppd_core *core, const struct modules_opts *opts,
		 struct modules_plan **ret_plan, struct problems *problems);
void modules_plan_free(struct modules_plan *plan); /* NULL is fine */

/* The instances of a plan in order of start, for `--check` and `--print-options`: descriptor (NULL
 * beyond the last), its key under `plugins:` and why it is there. The outputs may be NULL. */
const struct ocppd_plugin *modules_plan_at(const struct modules_plan *plan, uint32_t i,
					   const char **ret_name, const char **ret_reason);

/*
 * result    0; negative: it failed (start: whatever had started was stopped again).
 * problems  why, or with a reload what could not be done; borrowed.
 */
typedef void modules_done_fn(struct ocppd_core *core, int result, const struct problems *problems,
			     void *arg);

/* Starts all modules of the plan, which is taken. 0 (fn runs once), OCPPD_ESTATE, OCPPD_ENOMEM. */
int modules_start(struct ocppd_core *core, struct modules_plan *plan, modules_done_fn *fn,
		  void *arg);

/*
 * Carries a new plan out, which is taken: modules no longer listed stop, new ones start, the rest
 * get their new options. fn: 0; OCPPD_ESTATE some findings need a restart; each finding is a line.
 * Returns 0, OCPPD_EBUSY, OCPPD_ENOMEM.
 */
int modules_reload(struct ocppd_core *core, struct modules_plan *plan, modules_done_fn *fn,
		   void *arg);

/* Stops all modules in reverse order and forgets them; also while a start or a reload is under way,
 * whose fn then runs before with OCPPD_ESHUTDOWN. Also without any module. */
int modules_stop(struct ocppd_core *core, modules_done_fn *fn, void *arg);

/* By the key under `plugins:`; NULL if there is none that initialised. */
struct ocppd_host *modules_find(const struct ocppd_core *core, const char *name);

/* Entry i of `services: {<service>: …}`: the instance the operator chose, or the order where many
 * may provide. NULL beyond the last. */
const char *modules_choice(const struct ocppd_core *core, const char *service, uint32_t i);

#endif
