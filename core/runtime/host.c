/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * A module instance as an owner: what it registers, what is revoked with it, and the brackets
 * around each call into it. Also what a host asks about itself: name, time, log.
 */
#include "runtime/host.h"

#include "base/assert.h"
#include "base/log.h"
#include "runtime/bus.h"
#include "runtime/catalogue.h"
#include "runtime/figures.h"
#include "runtime/loop.h"
#include "runtime/metrics.h"
#include "runtime/services.h"

void
host_init(struct ocppd_host *host, struct ocppd_core *core, const char *name,
	  const struct ocppd_plugin *plugin)
{
	*host = (struct ocppd_host){
		.magic = HOST_MAGIC,
		.state = HOST_LOADED,
		.core = core,
		.name = name,
		.plugin = plugin,
	};
	atomic_init(&host->is_closed, false);
	LIST_INIT(&host->timers);
	LIST_INIT(&host->ios);
	LIST_INIT(&host->subscriptions);
	LIST_INIT(&host->beats);
	LIST_INIT(&host->csvs);
}

void
host_fini(struct ocppd_host *host)
{
	OCPPD_ASSERT(host->magic == HOST_MAGIC);
	OCPPD_ASSERT(LIST_EMPTY(&host->timers) && LIST_EMPTY(&host->ios));
	OCPPD_ASSERT(LIST_EMPTY(&host->subscriptions) && LIST_EMPTY(&host->beats));
	host->magic = 0;
}

int
host_register(struct ocppd_host *host, struct ocppd_error *err)
{
	const struct ocppd_plugin *plugin = host->plugin;
	struct ocppd_core *core = host->core;
	int r = 0;

	for (uint32_t i = 0; i < plugin->provides.count && r >= 0; i++)
		r = services_provide(core, host, &plugin->provides.items[i], err);
	if (r >= 0)
		r = bus_add_topics(core, host, plugin->topics.items, plugin->topics.count, err);
	if (r >= 0)
		r = metrics_add(core, host, plugin->metrics.items, plugin->metrics.count, err);
	if (r >= 0)
		r = catalogue_add(core, host, err);
	if (r < 0) {
		host_unregister(host);
		return r;
	}
	return 0;
}

void
host_unregister(struct ocppd_host *host)
{
	catalogue_remove(host->core, host);
	metrics_remove(host->core, host);
	bus_remove_topics(host->core, host);
	services_withdraw(host->core, host);
}

int64_t
host_enter(struct ocppd_host *host)
{
	host->call_depth++;
	return host->core->conf.slow_callback_ms ? clock_mono_us(&host->core->clock) : 0;
}

void
host_leave(struct ocppd_host *host, int64_t began_mono_us, const char *what)
{
	int64_t limit_ms = host->core->conf.slow_callback_ms;
	int64_t took_us;

	host->call_depth--;
	if (!limit_ms || !began_mono_us)
		return;
	took_us = clock_mono_us(&host->core->clock) - began_mono_us;
	if (took_us <= limit_ms * 1000)
		return;
	figures_slow(host);
	OCPPD_WARN(host, "callback.slow", OCPPD_STR("callback", what),
		   OCPPD_INT("dur_ms", took_us / 1000));
}

void
host_revoke(struct ocppd_host *host)
{
	atomic_store_explicit(&host->is_closed, true, memory_order_release);
	while (!LIST_EMPTY(&host->timers))
		ocppd_timer_free(LIST_FIRST(&host->timers));
	while (!LIST_EMPTY(&host->ios))
		ocppd_io_free(LIST_FIRST(&host->ios));
	while (!LIST_EMPTY(&host->subscriptions))
		ocppd_event_unsubscribe(LIST_FIRST(&host->subscriptions));
	while (!LIST_EMPTY(&host->beats))
		ocppd_beat_free(LIST_FIRST(&host->beats));
	loop_drop_posts(host);
}

/* ---- What a host asks about itself ----------------------------------------------------------- */

int64_t
ocppd_now_us(struct ocppd_host *host)
{
	return clock_now_us(&host->core->clock);
}

int64_t
ocppd_mono_us(struct ocppd_host *host)
{
	return clock_mono_us(&host->core->clock);
}

void
ocppd_log(struct ocppd_host *host, uint32_t level, const char *event, const struct ocppd_kv *kv,
	  uint32_t count)
{
	if (host->core->log)
		log_write(host->core->log, level, host->name, event, kv, count);
}

int
ocppd_log_enabled(struct ocppd_host *host, uint32_t level)
{
	return host->core->log && log_enabled(host->core->log, level);
}

const char *
ocppd_host_name(const struct ocppd_host *host)
{
	return host->plugin->name;
}

const char *
ocppd_host_version(const struct ocppd_host *host)
{
	return host->plugin->version;
}

const struct ocppd_statement *
ocppd_host_statement(const struct ocppd_host *host, uint32_t i)
{
	return i < host->plugin->statements.count ? &host->plugin->statements.items[i] : NULL;
}

const struct ocppd_migration *
ocppd_host_migration(const struct ocppd_host *host, uint32_t i)
{
	return i < host->plugin->migrations.count ? &host->plugin->migrations.items[i] : NULL;
}

struct ocppd_value
ocppd_value_str(const char *text)
{
	return ocppd_value_text(text, text ? strlen(text) : 0);
}
