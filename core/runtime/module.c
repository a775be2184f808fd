/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * The life of one module: init, migration, start, reload, stop, shutdown, and what the core takes
 * back in between. Who comes when is loader.c's.
 */
#include "runtime/module.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <ocppd/service/storage.h>

#include "base/buf.h"
#include "base/text.h"
#include "runtime/conf.h"
#include "runtime/csv_answer.h"
#include "runtime/services.h"

#define THREAD_POLL_MS 20
#define THREAD_POLLS 10

struct module *
module_new(struct ocppd_core *core, struct entry *entry)
{
	struct module *module = calloc(1, sizeof(*module));

	if (module == NULL) {
		entry_free(entry);
		return NULL;
	}
	host_init(&module->host, core, entry->name, entry->plugin);
	module->host.module = module;
	module->host.conf = entry->values;
	module->base = entry;
	module->current = entry;
	module->deps = calloc(entry->plugin->needs.count + 1, sizeof(struct module *));
	if (module->deps == NULL) {
		module_free(module);
		return NULL;
	}
	return module;
}

void
module_free(struct module *module)
{
	if (module == NULL)
		return;

	host_fini(&module->host);
	if (module->current != module->base)
		entry_free(module->current);
	entry_free(module->base);
	threads_fini(&module->threads);
	free(module->deps);
	free(module->failure);
	free(module);
}

/* Ends a wait, whoever ends it: the module, the storage module, the deadline. */
static void
end_wait(struct module *module, const struct ocppd_error *err)
{
	module->outcome = err == NULL ? (struct ocppd_error){ 0 } : *err;
	if (module->outcome.code >= 0)
		module->outcome = (struct ocppd_error){ 0 };
	module->is_over = true;
	modules_wake(module->host.core);
}

/* A reason that says whose it is, with an OCPPD_E… code and never empty. */
static int
set_outcome(struct module *module, int code, const char *step)
{
	struct ocppd_error own = module->outcome;

	if (own.text[0] == '\0')
		(void)str_copy(own.text, sizeof(own.text), ocppd_strerror(code));
	return ocppd_error_set(&module->outcome, code, "module %s: %s failed: %s",
			       module->host.name, step, own.text);
}

/* ---- init ----------------------------------------------------------------------------------- */

static int
attach(struct module *module)
{
	struct ocppd_core *core = module->host.core;
	uint32_t i;
	int r;

	r = host_register(&module->host, &module->outcome);
	if (r < 0)
		return r;

	module->is_registered = true;
	for (i = 0; i < RUNTIME_HOOKS_MAX; i++) {
		const struct runtime_hook *hook = core->hooks[i];

		if (hook == NULL || hook->attach == NULL)
			continue;
		r = hook->attach(core, &module->host, &module->outcome);
		if (r < 0)
			return r;
	}
	return 0;
}

int
module_init(struct module *module)
{
	const struct ocppd_plugin *plugin = module->host.plugin;
	struct threads before = { 0 };
	void *ctx = NULL;
	int64_t began;
	int r = 0;

	(void)threads_now(&before);
	/* From here on floors may hold something for it: slots and filters come from init. */
	module->is_attached = true;
	if (plugin->init != NULL) {
		began = host_enter(&module->host);
		r = plugin->init(&module->host, module->host.conf, &ctx, &module->outcome);
		host_leave(&module->host, began, "init");
	}
	threads_add_new(&module->threads, &before);
	threads_fini(&before);
	if (r < 0)
		return set_outcome(module, r, "init");

	module->host.ctx = ctx;
	module->host.state = HOST_INITIALISED;
	module->is_initialised = true;
	r = attach(module);
	return r < 0 ? set_outcome(module, r, "registering") : 0;
}

/* ---- migration and start -------------------------------------------------------------------- */

static void
on_migrated(struct ocppd_host *host, int result, const struct ocppd_error *err, void *arg)
{
	struct module *module = arg;
	struct ocppd_error own = { 0 };

	(void)host;
	module->is_migrating = false;
	if (module->wait != MODULE_WAITS_MIGRATION || module->is_over)
		return; /* too late, it was given up */

	if (result < 0) {
		if (err != NULL)
			own = *err;
		own.code = result;
	}
	end_wait(module, &own);
}

/* A module that can do without storage starts without its tables where there is none. */
static bool
is_storage_optional(const struct ocppd_plugin *plugin)
{
	for (uint32_t i = 0; i < plugin->needs.count; i++) {
		const struct ocppd_need *need = &plugin->needs.items[i];

		if (str_eq(need->service, "ocppd.storage"))
			return (need->flags & OCPPD_OPTIONAL) != 0;
	}
	return false;
}

static int
begin_migration(struct module *module)
{
	static const struct ocppd_need need = { "ocppd.storage", .major = 1, .minor = 0 };
	struct service_found found = { 0 };
	const struct ocppd_storage_ops *ops;
	int r;

	r = services_find(module->host.core, &need, &found, &module->outcome);
	if (r < 0)
		return set_outcome(module, r, "migration");

	ops = found.ops;
	if (ops->migrate == NULL)
		return set_outcome(module,
				   ocppd_error_set(&module->outcome, OCPPD_ENOTSUP,
						   "the storage module knows no migrations"),
				   "migration");

	module->wait = MODULE_WAITS_MIGRATION;
	module->is_over = false;
	module->is_migrating = true;
	r = ops->migrate(found.self, &module->host,
			 module->host.core->migration == CORE_MIGRATION_PLAN, on_migrated, module);
	if (r < 0) {
		module->is_migrating = false;
		module->wait = MODULE_WAITS_NOT;
		return set_outcome(module, r, "migration");
	}
	return OCPPD_PENDING;
}

static int
call_start(struct module *module)
{
	const struct ocppd_plugin *plugin = module->host.plugin;
	int64_t began;
	int r;

	module->outcome = (struct ocppd_error){ 0 };
	r = services_check_needs(&module->host, &module->outcome);
	if (r < 0)
		return set_outcome(module, r, "start");
	if (plugin->start == NULL)
		return 0;

	module->wait = MODULE_WAITS_START;
	module->is_over = false;
	began = host_enter(&module->host);
	r = plugin->start(&module->host, module->host.ctx, &module->outcome);
	host_leave(&module->host, began, "start");
	if (r == OCPPD_PENDING)
		return OCPPD_PENDING;

	module->wait = MODULE_WAITS_NOT;
	return r < 0 ? set_outcome(module, r, "start") : 0;
}

static int
begin_start(struct module *module)
{
	struct threads before = { 0 };
	int r;

	(void)threads_now(&before);
	r = call_start(module);
	threads_add_new(&module->threads, &before);
	threads_fini(&before);
	return r;
}

static int
set_running(struct module *module)
{
	module->wait = MODULE_WAITS_NOT;
	module->is_started = true;
	module->host.state = HOST_RUNNING;
	OCPPD_INFO(&module->host, "module.started", OCPPD_STR("name", module->host.plugin->name),
		   OCPPD_STR("version", module->host.plugin->version),
		   OCPPD_STR("reason", module->base->reason));
	return 0;
}

/* Where only tables are to be brought up to date, nothing but what they lie in starts. */
static bool
is_only_migrated(const struct module *module)
{
	const struct ocppd_plugin *plugin = module->host.plugin;

	for (uint32_t i = 0; i < plugin->provides.count; i++) {
		if (str_eq(plugin->provides.items[i].service, "ocppd.storage"))
			return false;
	}
	return module->host.core->migration != 0;
}

int
module_start(struct module *module)
{
	int r;

	if (module->wait != MODULE_WAITS_NOT && !module->is_over)
		return OCPPD_PENDING;

	if (module->wait == MODULE_WAITS_START) {
		module->wait = MODULE_WAITS_NOT;
		if (module->outcome.code < 0)
			return set_outcome(module, module->outcome.code, "start");
		return set_running(module);
	}
	if (module->wait == MODULE_WAITS_MIGRATION) {
		module->wait = MODULE_WAITS_NOT;
		if (module->outcome.code < 0)
			return set_outcome(module, module->outcome.code, "migration");
	} else {
		module->host.state = HOST_STARTING;
		if (module->host.plugin->migrations.count > 0) {
			r = begin_migration(module);
			if (r != OCPPD_ENOENT || !is_storage_optional(module->host.plugin))
				return r;
			module->outcome.code = 0;
			module->outcome.text[0] = '\0';
		}
	}
	if (is_only_migrated(module)) {
		module->host.state = HOST_RUNNING; /* done with; there is no start to stop */
		return 0;
	}
	r = begin_start(module);
	if (r == OCPPD_PENDING)
		return module->is_over ? module_start(module) : OCPPD_PENDING;
	return r < 0 ? r : set_running(module);
}

void
ocppd_started(struct ocppd_host *host, const struct ocppd_error *err)
{
	struct module *module = host->module;

	if (module == NULL || module->wait != MODULE_WAITS_START || module->is_over) {
		OCPPD_ERROR(host, "module.misbehaved",
			    OCPPD_STR("err", "ocppd_started was called when no start was open"));
		return;
	}
	end_wait(module, err);
}

/* ---- stop ----------------------------------------------------------------------------------- */

static int
call_stop(struct module *module)
{
	const struct ocppd_plugin *plugin = module->host.plugin;
	int64_t began;
	int r;

	module->host.state = HOST_STOPPING;
	module->outcome = (struct ocppd_error){ 0 };
	atomic_store_explicit(&module->host.is_closed, true, memory_order_release);
	module->is_started = false;
	csv_answers_stop(&module->host);
	if (plugin->stop == NULL)
		return 0;

	module->wait = MODULE_WAITS_STOP;
	module->is_over = false;
	began = host_enter(&module->host);
	r = plugin->stop(&module->host, module->host.ctx);
	host_leave(&module->host, began, "stop");
	if (r == OCPPD_PENDING && !module->is_over)
		return OCPPD_PENDING;

	module->wait = MODULE_WAITS_NOT;
	if (r < 0)
		OCPPD_ERROR(&module->host, "module.stop_failed",
			    OCPPD_STR("err", ocppd_strerror(r)));
	return 0;
}

/* A thread that was joined may still be seen for a moment: look again before complaining. */
static int
check_threads(struct module *module)
{
	uint32_t alive = threads_alive(&module->threads);

	if (alive == 0)
		return 0;
	if (module->polls++ < THREAD_POLLS) {
		module->wait = MODULE_WAITS_THREADS;
		module->is_over = false;
		return OCPPD_PENDING;
	}
	module->wait = MODULE_WAITS_NOT;
	OCPPD_ERROR(&module->host, "module.thread_leaked", OCPPD_INT("threads", alive),
		    OCPPD_STR("err", "threads that the module started run on after its stop; join "
				     "them in stop"));
	return 0;
}

int
module_stop(struct module *module)
{
	/* Given up while it started: what came to its end in between counts as started. */
	if (module->wait == MODULE_WAITS_START && (!module->is_over || module->outcome.code == 0))
		module->is_started = true;
	if (module->wait == MODULE_WAITS_START || module->wait == MODULE_WAITS_MIGRATION)
		module->wait = MODULE_WAITS_NOT;
	if (module->wait != MODULE_WAITS_NOT && !module->is_over)
		return OCPPD_PENDING;

	if (module->wait == MODULE_WAITS_NOT) {
		if (module->is_started && call_stop(module) == OCPPD_PENDING)
			return OCPPD_PENDING;
	} else if (module->wait == MODULE_WAITS_STOP && module->outcome.code < 0) {
		module->is_stuck = true;
		OCPPD_ERROR(&module->host, "module.stop_timed_out",
			    OCPPD_INT("timeout_ms", module->host.core->conf.stop_timeout_ms));
	}
	module->wait = MODULE_WAITS_NOT;
	if (!module->is_stuck && check_threads(module) == OCPPD_PENDING)
		return OCPPD_PENDING;

	if (module->host.state == HOST_STOPPING)
		OCPPD_INFO(&module->host, "module.stopped",
			   OCPPD_STR("name", module->host.plugin->name));
	module_close(module);
	return 0;
}

void
ocppd_stopped(struct ocppd_host *host)
{
	struct module *module = host->module;

	if (module == NULL || module->wait != MODULE_WAITS_STOP || module->is_over) {
		OCPPD_ERROR(host, "module.misbehaved",
			    OCPPD_STR("err", "ocppd_stopped was called when no stop was open"));
		return;
	}
	end_wait(module, NULL);
}

void
module_close(struct module *module)
{
	struct ocppd_core *core = module->host.core;
	const struct ocppd_plugin *plugin = module->host.plugin;
	int64_t began;
	uint32_t i;

	atomic_store_explicit(&module->host.is_closed, true, memory_order_release);
	/* Outstanding calls end as CANCELLED first: their owners may still free timers. */
	for (i = RUNTIME_HOOKS_MAX; module->is_attached && i > 0; i--) {
		const struct runtime_hook *hook = core->hooks[i - 1];

		if (hook != NULL && hook->detach != NULL)
			hook->detach(core, &module->host);
	}
	module->is_attached = false;
	if (module->is_registered)
		host_unregister(&module->host);
	module->is_registered = false;
	/* One that would not stop may still work on its context: rather leak than crash. */
	if (module->is_initialised && !module->is_stuck && plugin->shutdown != NULL) {
		began = host_enter(&module->host);
		plugin->shutdown(&module->host, module->host.ctx);
		host_leave(&module->host, began, "shutdown");
	}
	module->is_initialised = false;
	if (!module->is_stuck)
		module->host.ctx = NULL;
	/* After shutdown, which may free what it made; nothing has run in between. */
	host_revoke(&module->host);
	if (module->host.state != HOST_FAILED)
		module->host.state = HOST_STOPPED;
}

/* ---- deadlines ------------------------------------------------------------------------------ */

int64_t
module_deadline_ms(const struct module *module)
{
	const struct runtime_conf *conf = &module->host.core->conf;

	switch (module->wait) {
	case MODULE_WAITS_STOP:
		return conf->stop_timeout_ms;
	case MODULE_WAITS_THREADS:
		return THREAD_POLL_MS;
	case MODULE_WAITS_NOT:
	case MODULE_WAITS_MIGRATION:
	case MODULE_WAITS_START:
		break;
	}
	return conf->start_timeout_ms;
}

void
module_time_out(struct module *module)
{
	struct ocppd_error err;

	if (module->wait == MODULE_WAITS_NOT || module->is_over)
		return;

	/* A start that never ended was not undone by the module: it is stopped like a running one.
	 */
	if (module->wait == MODULE_WAITS_START)
		module->is_started = true;
	(void)ocppd_error_set(&err, OCPPD_ETIMEDOUT, "not done within %" PRId64 " ms",
			      module_deadline_ms(module));
	end_wait(module, module->wait == MODULE_WAITS_THREADS ? NULL : &err);
}

/* ---- reload --------------------------------------------------------------------------------- */

struct restart_scope {
	const struct entry *next;
	struct problems *problems;
	uint32_t count;
};

static void
note_restart(const char *path, const struct ocppd_option *option, bool is_reloadable, void *arg)
{
	struct restart_scope *scope = arg;
	struct ocppd_error err;

	(void)option;
	if (is_reloadable)
		return;

	scope->count++;
	(void)ocppd_error_option(&err, OCPPD_ESTATE, path, "the change needs a restart");
	options_locate(&scope->next->source, &err);
	(void)problems_add(scope->problems, &err);
}

/* The new options with those of the old that cannot change. NULL: told, the old ones stay. */
static void *
merge_options(struct module *module, struct entry *next, struct problems *problems)
{
	struct restart_scope scope = { .next = next, .problems = problems };
	const struct ocppd_plugin *plugin = module->host.plugin;
	struct ocppd_error err = { 0 };
	struct options table;

	memcpy(&table.rows, &plugin->options, sizeof(table.rows));
	(void)options_diff(&table, module->base->values, next->values, note_restart, &scope);
	if (scope.count == 0)
		return next->values;

	options_keep(&table, module->base->values, next->values);
	if (plugin->check == NULL || plugin->check(next->values, &err) >= 0)
		return next->values;

	options_locate(&next->source, &err);
	(void)problems_addf(problems, next->place, OCPPD_ESTATE,
			    "%s; nothing of %s changes before a restart", err.text,
			    next->option_path);
	return NULL;
}

void
module_reload(struct module *module, struct entry *next, struct problems *problems)
{
	const struct ocppd_plugin *plugin = module->host.plugin;
	struct entry *old = module->current;
	const void *values;
	int64_t began;

	if (next->device != module->base->device || next->inode != module->base->inode ||
	    !str_eq(next->module, module->base->module)) {
		(void)problems_addf(problems, next->place, OCPPD_ESTATE,
				    "%s: the file %s is another one than the loaded; restart to "
				    "use it",
				    next->option_path, next->path);
		entry_free(next);
		return;
	}
	values = plugin->reload == NULL ? NULL : merge_options(module, next, problems);
	if (values == NULL) {
		if (plugin->reload == NULL) {
			struct restart_scope scope = { .next = next, .problems = problems };
			struct options table;

			memcpy(&table.rows, &plugin->options, sizeof(table.rows));
			(void)options_diff(&table, module->base->values, next->values, note_restart,
					   &scope);
		}
		entry_free(next);
		return;
	}
	began = host_enter(&module->host);
	plugin->reload(&module->host, module->host.ctx, values);
	host_leave(&module->host, began, "reload");
	module->host.conf = values;
	module->current = next;
	if (old != module->base)
		entry_free(old);
}
