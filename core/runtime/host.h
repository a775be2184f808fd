/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_RUNTIME_HOST_H
#define OCPPD_RUNTIME_HOST_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <ocppd/plugin.h>

#include "runtime/core.h"

/*
 * One loaded module instance and all that it owns. The descriptor is a copy in the core's own
 * layout (border copy): its tables have this build's stride, whatever the module was built with.
 *
 * States: LOADED (descriptor and options read) -> INITIALISED -> STARTING -> RUNNING -> STOPPING ->
 * STOPPED. loader.c moves them.
 */
enum host_state {
	HOST_LOADED,
	HOST_INITIALISED,
	HOST_STARTING,
	HOST_RUNNING,
	HOST_STOPPING,
	HOST_STOPPED,
	HOST_FAILED,
};

struct ocppd_timer;
struct ocppd_io;
struct ocppd_subscription;
struct ocppd_beat;
struct ocppd_csv_state;
struct host_metrics;

struct ocppd_host {
	uint32_t magic;
	enum host_state state;
	struct ocppd_core *core;
	const char *name;                  /* the instance: key under `plugins:` */
	const struct ocppd_plugin *plugin; /* imported copy; the core's own host has an empty one */
	void *ctx;
	const void *conf;
	_Atomic bool is_closed; /* stop began: no more posts */
	uint32_t call_depth;    /* inside one of its callbacks: for slow-callback reports */
	TAILQ_ENTRY(ocppd_host) all;
	LIST_HEAD(host_timers, ocppd_timer) timers;
	LIST_HEAD(host_ios, ocppd_io) ios;
	LIST_HEAD(host_subscriptions, ocppd_subscription) subscriptions;
	LIST_HEAD(host_beats, ocppd_beat) beats;
	LIST_HEAD(host_csvs, ocppd_csv_state) csvs; /* csv_answer.c: answers under way */
	struct host_metrics *metrics; /* metrics.c: values of its metrics and health checks */
	void *floor_data;             /* the ocpp floor's record of this host */
	void *module;                 /* loader.c's record: path, reason, options, … */
};

#define HOST_MAGIC 0x4f484f53u

/* A zeroed host becomes one that owns nothing yet, HOST_LOADED. name and plugin are borrowed. */
void host_init(struct ocppd_host *host, struct ocppd_core *core, const char *name,
	       const struct ocppd_plugin *plugin);
/* After host_unregister and host_revoke. */
void host_fini(struct ocppd_host *host);

/* After `init`: enters the descriptor's services, topics, metrics and routes. Routes are seen and
 * services found while the module runs. All or nothing; err names what collides with what. */
int host_register(struct ocppd_host *host, struct ocppd_error *err);
/* When the module no longer runs: takes all that back, answers its open requests with 503, and
 * forgets those that it was to serve. Harmless if nothing was registered. */
void host_unregister(struct ocppd_host *host);

/* Brackets every call into a module: slow callbacks are reported with module and name.
 *     int64_t began = host_enter(host);
 *     r = action->on_call(…);
 *     host_leave(host, began, action->name);
 */
int64_t host_enter(struct ocppd_host *host);
void host_leave(struct ocppd_host *host, int64_t began_mono_us, const char *what);

/* After `stop`: revokes timers, descriptors, subscriptions, beats and posts of the host. */
void host_revoke(struct ocppd_host *host);

#endif
