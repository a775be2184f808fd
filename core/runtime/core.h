/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_RUNTIME_CORE_H
#define OCPPD_RUNTIME_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include <ocppd/error.h>

#include "base/clock.h"

/*
 * The root of all state of one daemon (or of one test). Each floor keeps its own state behind an
 * opaque pointer here; a floor looks only into its own and those below.
 */
struct ocppd_host;
struct ocppd_core;
struct log;
struct loop;
struct modules;   /* runtime: loaded modules in order of start */
struct services;  /* runtime */
struct bus;       /* runtime: events */
struct catalogue; /* runtime: routes, topics, generation */
struct metrics;   /* runtime: metrics and health */
struct beats;     /* runtime: progress of threads */
struct ocpp;      /* ocpp: actions, stations, router */
struct directory; /* transport */
struct transport; /* transport */
struct daemon;    /* daemon: configuration, reload */

/*
 * What a higher floor does when modules come and go. attach runs after `init` (a refusal fails the
 * module), detach after `stop`, and also where `init` or an attach failed: it must revoke all that
 * the floor holds for the host, which may be nothing. changed runs once after a group of modules
 * came or went.
 */
struct runtime_hook {
	int (*attach)(struct ocppd_core *core, struct ocppd_host *host, struct ocppd_error *err);
	void (*detach)(struct ocppd_core *core, struct ocppd_host *host);
	void (*changed)(struct ocppd_core *core);
};

#define RUNTIME_HOOKS_MAX 4

struct runtime_conf {
	int64_t slow_callback_ms; /* warn above; 0: never */
	int64_t start_timeout_ms; /* for a module's OCPPD_PENDING start, and its migrations */
	int64_t stop_timeout_ms;
	int64_t event_queue; /* undelivered events, at most */
	int64_t post_queue;  /* warn threshold of undelivered posts */
};

/* Whether modules live (0), or only their storage does, until the tables of all are up to date. */
#define CORE_MIGRATION_APPLY 1u
#define CORE_MIGRATION_PLAN 2u /* only say in the log what would be done */

struct ocppd_core {
	struct clock clock;
	struct log *log;
	struct loop *loop;
	struct ocppd_host *self; /* the core as an owner: "core" */
	struct runtime_conf conf;
	const struct runtime_hook *hooks[RUNTIME_HOOKS_MAX];
	struct modules *modules;
	struct services *services;
	struct bus *bus;
	struct catalogue *catalogue;
	struct metrics *metrics;
	struct beats *beats;
	struct ocpp *ocpp;
	struct directory *directory;
	struct transport *transport;
	struct daemon *daemon;
	int64_t started_us;
	uint32_t migration; /* CORE_MIGRATION_… */
};

/* Makes the core's runtime floor: loop, bus, services, catalogue, metrics; no module yet.
 * clock: NULL for the system's time, else copied. */
int core_init(struct ocppd_core *core, struct log *log, const struct clock *clock,
	      const struct runtime_conf *conf, struct ocppd_error *err);
/* Modules must be stopped. The log stays its maker's. Also after a failed core_init. */
void core_fini(struct ocppd_core *core);

/* A floor's hook. Returns 0, or OCPPD_ESPACE: there are RUNTIME_HOOKS_MAX. */
int core_add_hook(struct ocppd_core *core, const struct runtime_hook *hook);
/* Nothing if it was not added. */
void core_remove_hook(struct ocppd_core *core, const struct runtime_hook *hook);

/* Where the bounds are not set by configuration. */
void runtime_conf_init(struct runtime_conf *conf);

#endif
