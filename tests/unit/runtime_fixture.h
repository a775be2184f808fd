/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_TESTS_RUNTIME_FIXTURE_H
#define OCPPD_TESTS_RUNTIME_FIXTURE_H

/* A runtime floor with a clock turned by hand, and modules that exist as descriptors only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ocppd/plugin.h>

#include "base/log.h"
#include "runtime/bus.h"
#include "runtime/catalogue.h"
#include "runtime/core.h"
#include "runtime/host.h"
#include "runtime/loop.h"
#include "runtime/metrics.h"
#include "runtime/services.h"

#define FIXTURE_NOW_US INT64_C(1772359200000000) /* 2026-03-01T10:00:00Z */

struct fixture {
	struct ocppd_core core;
	struct log *log;
	char last_line[4096];
	uint32_t lines;
};

static inline void
fixture_on_line(const char *line, void *arg)
{
	struct fixture *fixture = arg;

	(void)snprintf(fixture->last_line, sizeof(fixture->last_line), "%s", line);
	fixture->lines++;
}

static inline void
fixture_init(struct fixture *fixture, bool is_manual)
{
	struct runtime_conf conf;
	struct clock clock;
	struct ocppd_error err = { 0 };

	*fixture = (struct fixture){ 0 };
	runtime_conf_init(&conf);
	conf.event_queue = 300;
	clock_init_manual(&clock, FIXTURE_NOW_US);
	fixture->log = log_new(NULL, 2, OCPPD_LOG_DEBUG, false);
	assert_non_null(fixture->log);
	log_set_sink(fixture->log, fixture_on_line, fixture);
	assert_int_equal(
		core_init(&fixture->core, fixture->log, is_manual ? &clock : NULL, &conf, &err), 0);
}

static inline void
fixture_fini(struct fixture *fixture)
{
	core_fini(&fixture->core);
	log_free(fixture->log);
}

static inline void
fixture_host(struct fixture *fixture, struct ocppd_host *host, const char *name,
	     const struct ocppd_plugin *plugin)
{
	host_init(host, &fixture->core, name, plugin);
	host->state = HOST_RUNNING;
}

static inline void
fixture_host_stop(struct ocppd_host *host)
{
	host->state = HOST_STOPPED;
	host_unregister(host);
	host_revoke(host);
	host_fini(host);
}

#endif
