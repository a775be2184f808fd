/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * The top level of the configuration: the options of the runtime and OCPP floors, and of the daemon
 * itself. The transport brings its own rows.
 */
#include "daemon/options.h"

#include <ocppd/error.h>
#include <ocppd/log.h>

#include "daemon/build.h"
#include "transport/options.h"

#include <stddef.h>

static const char *const log_levels[] = { "error", "warn", "info", "debug", NULL };
static const char *const notification_policies[] = { "ack", "refuse", NULL };

#define AT(member) offsetof(struct daemon_conf, member)

static const struct ocppd_option rows[] = {
	{ "module_dir", OCPPD_CONF_PATHS, 0, AT(module_dir), .def = BUILD_MODULE_DIR,
	  .doc = "Folders in which a module's shared object is looked for, in this order." },
	{ "vendor_conf", OCPPD_CONF_BOOL, 0, AT(vendor_conf), .def = "true",
	  .doc = "Whether the snippets that packages install are read. Turn it off to list every "
		 "module here." },
	{ "plugins", OCPPD_CONF_NODE, OCPPD_RELOADABLE, AT(plugins),
	  .doc = "The modules to load: a map of names to their options. `module: NAME` loads another "
		 "module under this name; `optional: true` starts without it where it fails." },
	{ "services", OCPPD_CONF_NODE, 0, AT(services),
	  .doc = "Which module provides a service: a map of service names to a module, or to a list "
		 "of modules where many may provide it." },
	{ "log_level", OCPPD_CONF_ENUM, OCPPD_RELOADABLE, AT(log_level), .def = "info",
	  .one_of = log_levels, .doc = "The least important lines that are still written." },
	{ "drain_timeout", OCPPD_CONF_DURATION_MS, OCPPD_RELOADABLE, AT(drain_timeout_ms), .min = 0,
	  .max = 600000, .def = "10s",
	  .doc = "How long calls that are under way may take to end after SIGTERM." },
	{ "slow_callback", OCPPD_CONF_DURATION_MS, OCPPD_RELOADABLE, AT(runtime.slow_callback_ms),
	  .min = 0, .max = 60000, .def = "100ms",
	  .doc = "A module that holds the core thread longer is named in a warning; 0s: never." },
	{ "module_start_timeout", OCPPD_CONF_DURATION_MS, 0, AT(runtime.start_timeout_ms),
	  .min = 1000, .max = 86400000, .def = "10min",
	  .doc = "How long a module may take to start, migrations of its tables included." },
	{ "module_stop_timeout", OCPPD_CONF_DURATION_MS, 0, AT(runtime.stop_timeout_ms), .min = 100,
	  .max = 600000, .def = "20s", .doc = "How long a module may take to stop." },
	{ "event_queue", OCPPD_CONF_INT, 0, AT(runtime.event_queue), .min = 100, .max = 10000000,
	  .def = "100000",
	  .doc = "Events that may wait to be delivered; more are dropped and counted." },
	{ "post_queue", OCPPD_CONF_INT, 0, AT(runtime.post_queue), .min = 1000, .max = 100000000,
	  .def = "1000000",
	  .doc = "Results of other threads that may wait for the core thread before a warning." },
	{ "strict", OCPPD_CONF_BOOL, OCPPD_RELOADABLE, AT(ocpp.is_strict), .def = "false",
	  .doc = "Refuse every message that breaks its schema, also those whose refusal can cost "
		 "records." },
	{ "call_timeout", OCPPD_CONF_DURATION_MS, OCPPD_RELOADABLE, AT(ocpp.call_timeout_ms),
	  .min = 1000, .max = 600000, .def = "30s",
	  .doc = "How long a station may take to answer a call." },
	{ "call_wait", OCPPD_CONF_DURATION_MS, OCPPD_RELOADABLE, AT(ocpp.call_wait_ms), .min = 1000,
	  .max = 3600000, .def = "2min",
	  .doc = "How long a call may wait for its turn at a connected station." },
	{ "call_queue", OCPPD_CONF_INT, OCPPD_RELOADABLE, AT(ocpp.call_queue), .min = 1,
	  .max = 1000, .def = "32",
	  .doc = "Calls that may wait for one station; more are refused." },
	{ "handler_timeout", OCPPD_CONF_DURATION_MS, OCPPD_RELOADABLE, AT(ocpp.handler_timeout_ms),
	  .min = 1000, .max = 600000, .def = "30s",
	  .doc = "How long a module may take to answer a station; then the station gets "
		 "InternalError." },
	{ "inbound_queue", OCPPD_CONF_INT, OCPPD_RELOADABLE, AT(ocpp.inbound_queue), .min = 1,
	  .max = 10000, .def = "64",
	  .doc = "Unanswered calls of one station, before its connection is no longer read." },
	{ "max_stations", OCPPD_CONF_INT, OCPPD_RELOADABLE, AT(ocpp.max_stations), .min = 1,
	  .max = 10000000, .def = "100000",
	  .doc = "Stations, connected or not, that are kept in memory." },
	{ "reply_memory", OCPPD_CONF_SIZE, OCPPD_RELOADABLE, AT(ocpp.reply_memory), .min = 65536,
	  .max = 1073741824, .def = "16MiB",
	  .doc = "Memory for answers that are given again when a station repeats its message." },
	{ "frames_memory", OCPPD_CONF_SIZE, OCPPD_RELOADABLE, AT(ocpp.frames_memory), .min = 0,
	  .max = 4294967296, .def = "8MiB",
	  .doc = "Memory for the newest OCPP frames of all stations together, secrets masked, which "
		 "the operator API shows. 0 keeps none; what is less than 64KiB counts as that." },
	{ "connect_grace", OCPPD_CONF_DURATION_MS, OCPPD_RELOADABLE, AT(ocpp.connect_grace_ms),
	  .min = 0, .max = 600000, .def = "5s",
	  .doc = "Calls that nobody asked for wait that long after a station connected." },
	{ "unclaimed_notifications", OCPPD_CONF_ENUM, OCPPD_RELOADABLE,
	  AT(ocpp.unclaimed_notifications), .def = "ack", .one_of = notification_policies,
	  .doc = "What a notification gets that no loaded module handles: an empty confirmation "
		 "(ack), or NotSupported (refuse)." },
};

int
daemon_options(struct arena *arena, struct options *ret_table)
{
	const struct options *transport = transport_options();
	size_t own = sizeof(rows) / sizeof(rows[0]);
	size_t count = own + transport->rows.count;
	struct ocppd_option *all = arena_alloc(arena, count * sizeof(*all));

	if (all == NULL)
		return OCPPD_ENOMEM;

	memcpy(all, rows, sizeof(rows));
	for (uint32_t i = 0; i < transport->rows.count; i++) {
		all[own + i] = transport->rows.items[i];
		all[own + i].offset += (uint32_t)AT(transport);
	}
	ret_table->rows.items = all;
	ret_table->rows.count = (uint32_t)count;
	ret_table->rows.stride = sizeof(*all);
	return OCPPD_OK;
}

uint32_t
daemon_log_level(const struct daemon_conf *conf)
{
	return conf->log_level + OCPPD_LOG_ERROR;
}
