/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_PLUGIN_H
#define OCPPD_PLUGIN_H

/*
 * A module: one shared object, one exported descriptor, const data.
 *
 *     OCPPD_PLUGIN = { OCPPD_GUARD, "acme_tariff", "1.0.0", "Prices for ACME", … };
 *
 * Life: load, options and `check`, init, migrations, start, running, stop, shutdown; backwards in
 * reverse order of the needs between modules. All on the core thread.
 *
 *   check      cross-field rules of the options; no side effect (it runs in `ocppd --check`).
 *   init       allocates and registers; no input or output, no services. Its context goes to all
 *              that follows. On a negative return it has undone its own work, and nothing else is
 *              called.
 *   start      fetches services, reads tables, opens things. May return OCPPD_PENDING and end with
 *              ocppd_started. On failure it has undone what start did; `shutdown` follows.
 *   reload     new options; cannot fail. Needed where an option is OCPPD_RELOADABLE.
 *   stop       ends work, joins the module's own threads. May return OCPPD_PENDING and end with
 *              ocppd_stopped. Then the core completes the module's outstanding calls as CANCELLED;
 *              no other callback runs any more.
 *   shutdown   frees the context, and what it holds of the core's: timers, descriptors,
 *              subscriptions. What is left of these, and of posts, the core deletes after it.
 *
 * No mutable statics: stop and start may happen again in one process, and several instances of a
 * module may live side by side. The object is never unloaded before the process ends.
 */
#include <ocppd/abi.h>
#include <ocppd/action.h>
#include <ocppd/conf.h>
#include <ocppd/error.h>
#include <ocppd/event.h>
#include <ocppd/log.h>
#include <ocppd/metric.h>
#include <ocppd/route.h>
#include <ocppd/schema.h>
#include <ocppd/service.h>
#include <ocppd/service/storage.h>
#include <ocppd/station.h>
#include <ocppd/thread.h>
#include <ocppd/time.h>

OCPPD_BEGIN_DECLS

struct ocppd_plugin {
	struct ocppd_guard guard;
	const char *name;                   /* [a-z0-9_]{1,32}; also the file's name */
	const char *version;                /* the module's own, semver */
	const char *summary;                /* one line, for `ocppctl plugins` */
	uint32_t flags;                     /* OCPPD_PLUGIN_* */
	uint32_t conf_size;                 /* bytes of the struct that the options fill */
	OCPPD_ROWS(ocppd_need) needs;       /* services used */
	OCPPD_ROWS(ocppd_provide) provides; /* services offered */
	OCPPD_ROWS(ocppd_option) options;
	OCPPD_ROWS(ocppd_action) actions;
	OCPPD_ROWS(ocppd_topic) topics;    /* events published */
	OCPPD_ROWS(ocppd_word) vocabulary; /* a base module's: its protocol's action names */
	OCPPD_ROWS(ocppd_migration) migrations;
	OCPPD_ROWS(ocppd_statement) statements;
	OCPPD_ROWS(ocppd_route) routes;
	OCPPD_ROWS(ocppd_metric) metrics;
	int (*check)(const void *conf, struct ocppd_error *err);
	int (*init)(struct ocppd_host *host, const void *conf, void **ret_ctx,
		    struct ocppd_error *err);
	int (*start)(struct ocppd_host *host, void *ctx, struct ocppd_error *err);
	void (*reload)(struct ocppd_host *host, void *ctx, const void *conf);
	int (*stop)(struct ocppd_host *host, void *ctx);
	void (*shutdown)(struct ocppd_host *host, void *ctx);
};

/* The first member of a descriptor. */
#define OCPPD_GUARD                                                                                \
	{                                                                                          \
		OCPPD_ABI_MAGIC, OCPPD_ABI_MAJOR, OCPPD_USE_MINOR, sizeof(struct ocppd_plugin), 0  \
	}

#define OCPPD_TEXT_(x) #x
#define OCPPD_TEXT(x) OCPPD_TEXT_(x)

/* Defines the one symbol a module exports, and the note that packaging tools read. */
#define OCPPD_PLUGIN                                                                               \
	__attribute__((used, section(".ocppd_abi"))) static const char ocppd_abi_note[] =          \
		"ocppd-abi " OCPPD_TEXT(OCPPD_ABI_MAJOR) "." OCPPD_TEXT(OCPPD_USE_MINOR);          \
	const struct ocppd_plugin ocppd_plugin

OCPPD_API extern const struct ocppd_plugin ocppd_plugin;

/* End an OCPPD_PENDING start; err NULL or with code 0: success. Core thread. */
OCPPD_API void ocppd_started(struct ocppd_host *host, const struct ocppd_error *err);
/* End an OCPPD_PENDING stop. Core thread. */
OCPPD_API void ocppd_stopped(struct ocppd_host *host);

/* Applies the rules of loading to a descriptor in memory: guard, sizes, tables. For tools and
 * tests. Returns 0, or negative with the first refusal in err. Any thread. */
OCPPD_API int ocppd_plugin_check(const struct ocppd_plugin *plugin, struct ocppd_error *err);

/* ---- What is loaded, and the daemon itself (for the operator API). Core thread. ---------------
 */

#define OCPPD_PLUGIN_LOADED 1
#define OCPPD_PLUGIN_STARTING 2
#define OCPPD_PLUGIN_RUNNING 3
#define OCPPD_PLUGIN_STOPPING 4
#define OCPPD_PLUGIN_FAILED 5 /* optional, and went wrong; `reason` says how */

struct ocppd_plugin_info {
	uint32_t struct_size;
	uint32_t state;     /* OCPPD_PLUGIN_* */
	const char *name;   /* the key under `plugins:` */
	const char *module; /* the descriptor's name */
	const char *version;
	const char *summary;
	const char *path;   /* of the shared object */
	const char *reason; /* "plugins: in ocppd.yaml:12", "needed by ocpp16_core", a failure */
	uint16_t abi_major;
	uint16_t abi_minor;
	uint32_t is_stale; /* 1: the file on disk is another one than the loaded; restart */
};
typedef int ocppd_plugin_fn(const struct ocppd_plugin_info *info,
			    const struct ocppd_plugin *descriptor, void *arg);
OCPPD_API int ocppd_plugin_each(struct ocppd_host *host, ocppd_plugin_fn *fn, void *arg);

/* "0.1.0", the daemon's release. Static. Any thread. */
OCPPD_API const char *ocppd_version(void);

/* Reads the configuration again, as SIGHUP does. fn gets the findings, one line each, with \n
 * between them, "" if there are none, and a code: 0 done; OCPPD_EINVAL nothing was changed;
 * OCPPD_ESTATE done, but some changes need a restart. It does not run if the reload stopped the
 * module that asked. Returns 0 or OCPPD_EBUSY. */
typedef void ocppd_reload_fn(struct ocppd_host *host, int result, const char *findings, void *arg);
OCPPD_API int ocppd_reload(struct ocppd_host *host, ocppd_reload_fn *fn, void *arg);

/* When the daemon started, in wall-clock microseconds: the epoch of event numbers. */
OCPPD_API int64_t ocppd_started_us(struct ocppd_host *host);

/* Listeners for stations. */
struct ocppd_listener_info {
	uint32_t struct_size;
	uint32_t is_tls;
	const char *address; /* as bound: "[::]:8180" */
	const char *path;    /* "/ocpp" */
};
typedef int ocppd_listener_fn(const struct ocppd_listener_info *info, void *arg);
OCPPD_API int ocppd_listener_each(struct ocppd_host *host, ocppd_listener_fn *fn, void *arg);

OCPPD_END_DECLS
#endif
