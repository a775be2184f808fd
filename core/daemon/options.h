/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_DAEMON_OPTIONS_H
#define OCPPD_DAEMON_OPTIONS_H

#include <stdint.h>

#include <ocppd/conf.h>

#include "ocpp/ocpp.h"
#include "runtime/core.h"
#include "runtime/options.h"
#include "transport/transport.h"

/* The top level of the configuration file: the core's own options. */
struct daemon_conf {
	struct runtime_conf runtime;
	struct ocpp_conf ocpp;
	struct transport_conf transport;
	uint32_t log_level;   /* index into log_levels */
	uint32_t vendor_conf; /* read by conf_load; in the table to be known */
	struct ocppd_strings module_dir;
	const struct ocppd_node *plugins;
	const struct ocppd_node *services;
	int64_t drain_timeout_ms;
};

/* The whole table, made of the floors' tables, in the arena. */
int daemon_options(struct arena *arena, struct options *ret_table);
/* The level that a filled struct asks for, OCPPD_LOG_*. */
uint32_t daemon_log_level(const struct daemon_conf *conf);

#endif
