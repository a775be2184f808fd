/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_DAEMON_DAEMON_H
#define OCPPD_DAEMON_DAEMON_H

#include <stdint.h>

#include "runtime/core.h"
#include "runtime/problems.h"

/*
 * One daemon: the floors put together, its configuration, and its life from start to drain.
 */
struct log;
struct settings;

struct daemon_opts {
	const char *config_path;        /* required */
	const char *vendor_dir;         /* NULL: the build's */
	const char *const *module_dirs; /* in front of the configuration's */
	uint32_t module_dir_count;
	uint32_t migration; /* CORE_MIGRATION_…: stop when that is done */
};

/*
 * All that a configuration says: files read, options filled, modules planned. No side effect. The
 * result is freed with settings_free. Returns 0, or negative with the findings in problems.
 */
int settings_load(struct ocppd_core *core, const struct daemon_opts *opts,
		  struct settings **ret_settings, struct problems *problems);
void settings_free(struct settings *settings); /* NULL is fine */
uint32_t settings_log_level(const struct settings *settings);
/* Only warnings stand in it. */
const struct problems *settings_warnings(const struct settings *settings);
/* Module i of the plan: "name version (reason)" parts for reports; NULL beyond the last. */
const struct ocppd_plugin *settings_module(const struct settings *settings, uint32_t i,
					   const char **ret_name, const char **ret_reason);

#define DAEMON_EXIT_OK 0
#define DAEMON_EXIT_FAILED 1
#define DAEMON_EXIT_USAGE 2
#define DAEMON_EXIT_CONFIG 78

/* Starts, runs until a signal (or migrates), drains, stops. settings is taken. Returns an exit
 * status. */
int daemon_run(const struct daemon_opts *opts, struct settings *settings, struct log *log);

#endif
