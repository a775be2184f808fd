/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * The daemon's life: floors up, modules up, listeners last; signals; reload; drain; and the same
 * way down. It owns the configuration in force and decides nothing about charging.
 */
#include "daemon/daemon.h"

#include <ocppd/log.h>
#include <ocppd/plugin.h>

#include "base/buf.h"
#include "base/log.h"
#include "daemon/build.h"
#include "daemon/notify.h"
#include "daemon/settings.h"
#include "ocpp/ocpp.h"
#include "runtime/beats.h"
#include "runtime/host.h"
#include "runtime/loop.h"
#include "transport/directory.h"
#include "transport/transport.h"

#include <inttypes.h>
#include <signal.h>
#include <unistd.h>

/*
 * STARTING -> RUNNING <-> RELOADING; from each of them -> DRAINING -> STOPPING -> STOPPED.
 */
enum daemon_state {
	DAEMON_STARTING,
	DAEMON_RUNNING,
	DAEMON_RELOADING,
	DAEMON_DRAINING,
	DAEMON_STOPPING,
	DAEMON_STOPPED,
};

struct reload_request {
	struct reload_request *next;
	struct ocppd_host *host;
	ocppd_reload_fn *fn;
	void *arg;
};

struct daemon {
	struct ocppd_core core;
	enum daemon_state state;
	const struct daemon_opts *opts;
	struct settings *settings; /* in force */
	struct settings *next;     /* being put in force */
	int exit_status;
	bool is_closing; /* draining: connections are being closed */
	struct ocppd_timer *drain_timer;
	struct ocppd_timer *status_timer;
	int64_t watchdog_us;
	int64_t last_alive_us;
	struct reload_request asked;     /* who asked for the reload under way; fn NULL: nobody */
	struct reload_request *requests; /* modules' that were not looked at yet */
};

static void drain(struct daemon *daemon, const char *why);

/* ---- Status and watchdog -------------------------------------------------------------------- */

#define STATUS_INTERVAL_MS 10000

static void
on_status_timer(struct ocppd_host *host, void *arg)
{
	struct daemon *daemon = arg;
	int64_t interval_ms = STATUS_INTERVAL_MS;
	const char *stuck = NULL;

	(void)notify_send("STATUS=%" PRIu32 " stations connected, ocppd " BUILD_VERSION,
			  ocpp_connected_count(&daemon->core));
	if (daemon->watchdog_us > 0) {
		/* A thread that is busy must have shown progress since the last time. */
		if (beats_all_alive(&daemon->core, daemon->last_alive_us, &stuck))
			(void)notify_send("WATCHDOG=1");
		else
			OCPPD_ERROR(host, "thread.stuck", OCPPD_STR("thread", stuck));
		daemon->last_alive_us = ocppd_mono_us(daemon->core.self);
		if (daemon->watchdog_us / 3000 < interval_ms)
			interval_ms = daemon->watchdog_us / 3000;
	}
	ocppd_timer_set(daemon->status_timer, interval_ms);
}

/* ---- Stop ----------------------------------------------------------------------------------- */

static void
on_modules_stopped(struct ocppd_core *core, int result, const struct problems *problems, void *arg)
{
	struct daemon *daemon = arg;

	(void)result;
	(void)problems;
	daemon->state = DAEMON_STOPPED;
	loop_break(core);
}

static void
stop_modules(struct daemon *daemon)
{
	if (daemon->state == DAEMON_STOPPING || daemon->state == DAEMON_STOPPED)
		return;
	daemon->state = DAEMON_STOPPING;
	ocppd_timer_cancel(daemon->drain_timer);
	if (modules_stop(&daemon->core, on_modules_stopped, daemon) < 0)
		on_modules_stopped(&daemon->core, 0, NULL, daemon);
}

static void
on_connections_closed(void *arg)
{
	stop_modules(arg);
}

/* How long stations may take to answer the close. */
#define CLOSE_TIMEOUT_MS 5000

static void
close_connections(struct daemon *daemon)
{
	if (daemon->is_closing)
		return;
	daemon->is_closing = true;
	ocppd_timer_set(daemon->drain_timer, CLOSE_TIMEOUT_MS);
	transport_drain(&daemon->core, on_connections_closed, daemon);
}

static void
on_calls_done(void *arg)
{
	struct daemon *daemon = arg;

	if (daemon->state == DAEMON_DRAINING)
		close_connections(daemon);
}

static void
on_drain_timeout(struct ocppd_host *host, void *arg)
{
	struct daemon *daemon = arg;

	OCPPD_WARN(host, "drain.timed_out",
		   OCPPD_STR("waiting_for", daemon->is_closing ? "connections" : "calls"),
		   OCPPD_INT("stations", ocpp_connected_count(&daemon->core)));
	if (daemon->is_closing)
		stop_modules(daemon);
	else
		close_connections(daemon);
}

static void
drain(struct daemon *daemon, const char *why)
{
	if (daemon->state >= DAEMON_STOPPING)
		return;
	if (daemon->state == DAEMON_DRAINING) {
		/* Asked twice: do not wait for calls any more. */
		stop_modules(daemon);
		return;
	}
	OCPPD_INFO(daemon->core.self, "daemon.draining", OCPPD_STR("reason", why),
		   OCPPD_INT("stations", ocpp_connected_count(&daemon->core)));
	(void)notify_send("STOPPING=1");
	if (daemon->state == DAEMON_STARTING) {
		stop_modules(daemon);
		return;
	}
	daemon->state = DAEMON_DRAINING;
	transport_stop_accepting(&daemon->core);
	ocppd_timer_set(daemon->drain_timer, daemon->settings->conf->drain_timeout_ms);
	ocpp_drain(&daemon->core, on_calls_done, daemon);
}

/* ---- Reload --------------------------------------------------------------------------------- */

static void
note_restart(const char *path, const struct ocppd_option *option, bool is_reloadable, void *arg)
{
	struct problems *problems = arg;

	(void)option;
	if (!is_reloadable)
		(void)problems_addf(problems, NULL, OCPPD_ESTATE, "%s: the change needs a restart",
				    path);
}

/* What of the configuration is in force, and should be seen to. */
static void
log_warnings(struct daemon *daemon, const struct settings *settings)
{
	const struct problems *warnings = settings_warnings(settings);

	for (uint32_t i = 0; i < warnings->warning_count; i++) {
		struct buf line = { 0 };

		error_format(&warnings->warnings[i], &line);
		OCPPD_WARN(daemon->core.self, "configuration.doubted",
			   OCPPD_STR("text", line.data));
		buf_fini(&line);
	}
}

static void
finish_reload(struct daemon *daemon, int result, const struct problems *problems)
{
	struct buf text = { 0 };
	const struct reload_request asked = daemon->asked;

	problems_format(problems, &text);
	for (uint32_t i = 0; i < problems->count; i++) {
		struct buf line = { 0 };

		error_format(&problems->items[i], &line);
		OCPPD_WARN(daemon->core.self, "configuration.finding",
			   OCPPD_STR("err", line.data != NULL ? line.data : ""));
		buf_fini(&line);
	}
	OCPPD_INFO(daemon->core.self, "configuration.reloaded",
		   OCPPD_STR("result", result == 0              ? "done"
				       : result == OCPPD_ESTATE ? "needs restart"
								: "refused"));
	if (daemon->state == DAEMON_RELOADING)
		daemon->state = DAEMON_RUNNING;
	(void)notify_send("READY=1");

	daemon->asked = (struct reload_request){ 0 };
	if (asked.fn != NULL)
		asked.fn(asked.host, result, text.data != NULL ? text.data : "", asked.arg);
	buf_fini(&text);
}

/* The new settings of the core's own floors; what needs a restart stays as it was. */
static void
apply_core(struct daemon *daemon, struct problems *problems)
{
	struct settings *next = daemon->next;
	struct daemon_conf *merged = arena_alloc(&next->arena, sizeof(*merged));

	(void)options_diff(&next->table, daemon->settings->conf, next->conf, note_restart,
			   problems);
	if (merged == NULL)
		return;
	*merged = *next->conf;
	options_keep(&next->table, daemon->settings->conf, merged);
	next->conf = merged;

	daemon->core.conf = merged->runtime;
	log_set_level(daemon->core.log, daemon_log_level(merged));
	ocpp_reload(&daemon->core, &merged->ocpp);
	transport_reload(&daemon->core, &merged->transport);
}

static void
on_modules_reloaded(struct ocppd_core *core, int result, const struct problems *problems, void *arg)
{
	struct daemon *daemon = arg;
	struct problems all = { 0 };

	(void)core;
	for (uint32_t i = 0; i < problems->count; i++)
		(void)problems_add(&all, &problems->items[i]);
	if (daemon->state == DAEMON_RELOADING && result != OCPPD_ESHUTDOWN) {
		apply_core(daemon, &all);
		/* The old struct's texts are still in use where they need a restart to change;
		 * the tree, which may be large, is not. */
		conf_unref(daemon->settings->tree);
		daemon->settings->tree = NULL;
		daemon->next->older = daemon->settings;
		daemon->settings = daemon->next;
		daemon->next = NULL;
	}
	if (result == 0 && problems_any(&all))
		result = OCPPD_ESTATE;
	finish_reload(daemon, result, &all);
	problems_fini(&all);
}

/* asked: NULL if it was a signal. */
static int
reload(struct daemon *daemon, const struct reload_request *asked)
{
	struct problems problems = { 0 };
	struct modules_plan *plan;
	int r;

	if (daemon->state != DAEMON_RUNNING)
		return OCPPD_EBUSY;
	daemon->state = DAEMON_RELOADING;
	if (asked != NULL)
		daemon->asked = *asked;
	(void)notify_send("RELOADING=1\nMONOTONIC_USEC=%" PRId64, ocppd_mono_us(daemon->core.self));

	r = settings_load(&daemon->core, daemon->opts, &daemon->next, &problems);
	if (r < 0) {
		finish_reload(daemon, OCPPD_EINVAL, &problems);
		problems_fini(&problems);
		return OCPPD_OK;
	}
	log_warnings(daemon, daemon->next);
	plan = daemon->next->plan;
	daemon->next->plan = NULL;
	r = modules_reload(&daemon->core, plan, on_modules_reloaded, daemon);
	if (r < 0) {
		(void)problems_addf(&problems, NULL, r, "%s", ocppd_strerror(r));
		settings_free(daemon->next);
		daemon->next = NULL;
		finish_reload(daemon, r, &problems);
	}
	problems_fini(&problems);
	return OCPPD_OK;
}

static void
on_reload_posted(struct ocppd_host *host, void *arg)
{
	struct daemon *daemon = host->core->daemon;
	struct reload_request *request = arg;
	struct reload_request **at = &daemon->requests;

	while (*at != request)
		at = &(*at)->next;
	*at = request->next;
	if (reload(daemon, request) < 0 && request->fn != NULL)
		request->fn(host, OCPPD_EBUSY, "another reload, start or stop is under way",
			    request->arg);
	free(request);
}

/* A module that asked, and stops: in the reload it asked for, or in an earlier one. */
static void
on_detach(struct ocppd_core *core, struct ocppd_host *host)
{
	struct daemon *daemon = core->daemon;
	struct reload_request **at = &daemon->requests;

	if (daemon->asked.host == host)
		daemon->asked.fn = NULL;
	while (*at != NULL) {
		struct reload_request *request = *at;

		if (request->host != host) {
			at = &request->next;
			continue;
		}
		*at = request->next;
		free(request);
	}
}

static const struct runtime_hook hook = {
	.detach = on_detach,
};

int
ocppd_reload(struct ocppd_host *host, ocppd_reload_fn *fn, void *arg)
{
	struct daemon *daemon = host->core->daemon;
	struct reload_request *request;
	int r;

	if (daemon == NULL)
		return OCPPD_ENOTSUP;
	if (daemon->state != DAEMON_RUNNING)
		return OCPPD_EBUSY;
	request = calloc(1, sizeof(*request));
	if (request == NULL)
		return OCPPD_ENOMEM;
	*request = (struct reload_request){ daemon->requests, host, fn, arg };
	/* Not from inside the caller: a reload may stop the very module that asks. */
	r = ocppd_post(host, on_reload_posted, request);
	if (r < 0)
		free(request);
	else
		daemon->requests = request;
	return r;
}

/* ---- Start ---------------------------------------------------------------------------------- */

static int
log_listener(const struct ocppd_listener_info *info, void *arg)
{
	struct daemon *daemon = arg;

	OCPPD_INFO(daemon->core.self, "listener.opened", OCPPD_STR("address", info->address),
		   OCPPD_STR("path", info->path), OCPPD_INT("tls", info->is_tls));
	return 0;
}

static void
fail(struct daemon *daemon, const char *event, const struct ocppd_error *err)
{
	struct buf line = { 0 };

	error_format(err, &line);
	OCPPD_ERROR(daemon->core.self, event, OCPPD_STR("err", line.data != NULL ? line.data : ""));
	buf_fini(&line);
	daemon->exit_status = DAEMON_EXIT_FAILED;
}

static void
on_modules_started(struct ocppd_core *core, int result, const struct problems *problems, void *arg)
{
	struct daemon *daemon = arg;
	struct ocppd_error err = { 0 };

	if (result == OCPPD_ESHUTDOWN)
		return; /* a signal came first; the stop is under way */
	if (result < 0) {
		for (uint32_t i = 0; i < problems->count; i++)
			fail(daemon, "module.failed", &problems->items[i]);
		daemon->exit_status = DAEMON_EXIT_FAILED;
		stop_modules(daemon);
		return;
	}
	if (core->migration != 0) {
		OCPPD_INFO(core->self, "daemon.migrated",
			   OCPPD_INT("dry_run", core->migration == CORE_MIGRATION_PLAN));
		stop_modules(daemon);
		return;
	}
	/* Only now is it known which subprotocols are served and who may connect. */
	if (transport_init(core, &daemon->settings->conf->transport, &err) < 0 ||
	    transport_listen(core, &err) < 0) {
		fail(daemon, "listener.failed", &err);
		stop_modules(daemon);
		return;
	}
	daemon->state = DAEMON_RUNNING;
	(void)ocppd_listener_each(core->self, log_listener, daemon);
	OCPPD_INFO(core->self, "daemon.started", OCPPD_STR("version", BUILD_VERSION),
		   OCPPD_INT("pid", getpid()));
	(void)notify_send("READY=1");
	on_status_timer(core->self, daemon);
}

static void
on_signal(struct ocppd_core *core, int signo, void *arg)
{
	struct daemon *daemon = arg;

	if (signo != SIGHUP) {
		drain(daemon, signo == SIGTERM ? "SIGTERM" : "SIGINT");
		return;
	}
	if (reload(daemon, NULL) < 0)
		OCPPD_WARN(core->self, "configuration.busy",
			   OCPPD_STR("err", "another reload, start or stop is under way"));
}

static int
init_floors(struct daemon *daemon, struct log *log, struct ocppd_error *err)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
	const struct daemon_conf *conf = daemon->settings->conf;
	int r;

	r = core_init(&daemon->core, log, NULL, &conf->runtime, err);
	if (r < 0)
		return r;
	daemon->core.daemon = daemon;
	daemon->core.migration = daemon->opts->migration;
	r = core_add_hook(&daemon->core, &hook);
	if (r < 0)
		return ocppd_error_set(err, r, "too many hooks");
	r = ocpp_init(&daemon->core, &conf->ocpp, err);
	if (r < 0)
		return r;
	r = directory_init(&daemon->core, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		r = loop_signal_add(&daemon->core, signals[i], on_signal, daemon);
		if (r < 0)
			return ocppd_error_set(err, r, "cannot watch signal %d", signals[i]);
	}
	daemon->drain_timer = ocppd_timer_new(daemon->core.self, on_drain_timeout, daemon);
	daemon->status_timer = ocppd_timer_new(daemon->core.self, on_status_timer, daemon);
	if (daemon->drain_timer == NULL || daemon->status_timer == NULL)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	return OCPPD_OK;
}

static void
fini_floors(struct daemon *daemon)
{
	/* The transport's threads read the directory and hold messages of the OCPP floor. */
	transport_fini(&daemon->core);
	ocpp_fini(&daemon->core);
	directory_fini(&daemon->core);
	core_fini(&daemon->core);
}

static void
ignore_signals(void)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	/* A closed socket and a full file are errors of the call, not of the process. */
	(void)sigaction(SIGPIPE, &ignore, NULL);
	(void)sigaction(SIGXFSZ, &ignore, NULL);
}

int
daemon_run(const struct daemon_opts *opts, struct settings *settings, struct log *log)
{
	struct daemon daemon = { .opts = opts, .settings = settings };
	struct ocppd_error err = { 0 };
	struct modules_plan *plan = settings->plan;
	int r;

	ignore_signals();
	daemon.watchdog_us = notify_watchdog_us();
	notify_forget();

	r = init_floors(&daemon, log, &err);
	if (r < 0) {
		log_write(log, OCPPD_LOG_ERROR, "core", "daemon.failed",
			  &OCPPD_STR("err", err.text), 1);
		daemon.exit_status = DAEMON_EXIT_FAILED;
		goto out;
	}
	log_warnings(&daemon, settings);
	settings->plan = NULL;
	r = modules_start(&daemon.core, plan, on_modules_started, &daemon);
	if (r < 0) {
		(void)ocppd_error_set(&err, r, "cannot start modules: %s", ocppd_strerror(r));
		fail(&daemon, "daemon.failed", &err);
		goto out;
	}
	if (loop_run(&daemon.core) < 0)
		daemon.exit_status = DAEMON_EXIT_FAILED;
	OCPPD_INFO(daemon.core.self, "daemon.stopped", OCPPD_INT("status", daemon.exit_status));
out:
	fini_floors(&daemon);
	settings_free(daemon.next);
	settings_free(daemon.settings);
	return daemon.exit_status;
}

int64_t
ocppd_started_us(struct ocppd_host *host)
{
	return host->core->started_us;
}

const char *
ocppd_version(void)
{
	return BUILD_VERSION;
}
