/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * Carries plans out: starts modules in order, stops them in reverse, exchanges them on reload. One
 * operation at a time, one module at a time; a module that waits holds up those behind it, within
 * its deadline. Everything moves in advance(), from the loop.
 */
#include "runtime/loader.h"

#include <stdlib.h>
#include <string.h>

#include <ocppd/time.h>

#include "base/buf.h"
#include "base/text.h"
#include "runtime/catalogue.h"
#include "runtime/module.h"

enum operation {
	OPERATION_NONE,
	OPERATION_START,
	OPERATION_RELOAD,
	OPERATION_STOP,
};

TAILQ_HEAD(module_list, module);

struct modules {
	struct ocppd_core *core;
	struct module_list list;    /* in order of start */
	struct module_list gone;    /* ended, but someone may still point to them */
	struct modules_plan *first; /* `services:` holds until a restart */
	struct modules_plan *latest;
	struct ocppd_timer *wake;
	struct ocppd_timer *deadline;
	struct module *waiting; /* whose deadline runs */
	enum operation operation;
	bool is_failed;   /* start: everything is to be stopped again */
	bool is_reloaded; /* reload: the options were given out */
	bool wants_stop;
	modules_done_fn *fn;
	void *arg;
	modules_done_fn *stop_fn;
	void *stop_arg;
	struct problems problems;
};

static void advance(struct modules *modules);

/* ---- State ---------------------------------------------------------------------------------- */

static void
on_wake(struct ocppd_host *host, void *arg)
{
	(void)host;
	advance(arg);
}

static void
on_deadline(struct ocppd_host *host, void *arg)
{
	struct modules *modules = arg;

	(void)host;
	if (modules->waiting != NULL)
		module_time_out(modules->waiting);
}

void
modules_wake(struct ocppd_core *core)
{
	if (core->modules != NULL)
		ocppd_timer_set(core->modules->wake, 0);
}

static struct modules *
modules_new(struct ocppd_core *core)
{
	struct modules *modules = calloc(1, sizeof(*modules));

	if (modules == NULL)
		return NULL;

	modules->core = core;
	TAILQ_INIT(&modules->list);
	TAILQ_INIT(&modules->gone);
	modules->wake = ocppd_timer_new(core->self, on_wake, modules);
	modules->deadline = ocppd_timer_new(core->self, on_deadline, modules);
	if (modules->wake == NULL || modules->deadline == NULL) {
		ocppd_timer_free(modules->wake);
		ocppd_timer_free(modules->deadline);
		free(modules);
		return NULL;
	}
	return modules;
}

static void
list_free(struct module_list *list)
{
	while (!TAILQ_EMPTY(list)) {
		struct module *module = TAILQ_FIRST(list);

		TAILQ_REMOVE(list, module, link);
		/* A stuck one's threads may still ask its host whether it is closed. */
		if (!module->is_stuck)
			module_free(module);
	}
}

static void
modules_free(struct modules *modules)
{
	list_free(&modules->list);
	list_free(&modules->gone);
	if (modules->first != modules->latest)
		modules_plan_free(modules->first);
	modules_plan_free(modules->latest);
	ocppd_timer_free(modules->wake);
	ocppd_timer_free(modules->deadline);
	problems_fini(&modules->problems);
	free(modules);
}

static struct module *
find(const struct modules *modules, const char *name)
{
	struct module *module;

	TAILQ_FOREACH (module, &modules->list, link) {
		if (str_eq(module->host.name, name))
			return module;
	}
	return NULL;
}

static bool
has_ended(const struct module *module)
{
	return module->host.state == HOST_FAILED || module->host.state == HOST_STOPPED;
}

/* Out of the list: freed at once, unless a completion or a stuck thread may still come back. */
static void
forget(struct modules *modules, struct module *module)
{
	struct module *other;
	uint32_t n;

	TAILQ_REMOVE(&modules->list, module, link);
	TAILQ_FOREACH (other, &modules->list, link) {
		for (n = 0; n < other->host.plugin->needs.count; n++) {
			if (other->deps[n] == module)
				other->deps[n] = NULL;
		}
	}
	if (module->is_migrating || module->is_stuck)
		TAILQ_INSERT_TAIL(&modules->gone, module, link);
	else
		module_free(module);
}

/* Those that ended: stopped ones have left; failed ones are tried again with the next reload. */
static void
forget_ended(struct modules *modules, enum host_state state)
{
	struct module *module = TAILQ_FIRST(&modules->list);

	while (module != NULL) {
		struct module *next = TAILQ_NEXT(module, link);

		if (module->host.state == state && !module->is_stuck)
			forget(modules, module);
		module = next;
	}
}

/* ---- Failure -------------------------------------------------------------------------------- */

static void
leave_out(struct modules *modules, struct module *module, const struct ocppd_error *err)
{
	struct module *other;
	uint32_t n;

	module->is_leaving = true;
	if (module->failure == NULL)
		module->failure = str_dup(err->text);
	if (modules->operation == OPERATION_RELOAD && !module->base->is_optional)
		(void)problems_add(&modules->problems, err);
	OCPPD_WARN(modules->core->self, "module.left_out", OCPPD_STR("module", module->host.name),
		   OCPPD_STR("err", err->text));

	/* Who needs it and has not started; those that run got it before. */
	TAILQ_FOREACH (other, &modules->list, link) {
		struct ocppd_error why;

		if (other->is_leaving || other->is_started || has_ended(other))
			continue;
		for (n = 0; n < other->host.plugin->needs.count; n++) {
			if (other->deps[n] != module ||
			    (other->host.plugin->needs.items[n].flags & OCPPD_OPTIONAL) != 0)
				continue;
			(void)ocppd_error_set(
				&why, OCPPD_ENOENT,
				"module %s: needs \"%s\" of module %s, which was left "
				"out",
				other->host.name, other->host.plugin->needs.items[n].service,
				module->host.name);
			leave_out(modules, other, &why);
			break;
		}
	}
}

/* At start one failure stops everything, unless the operator said it may fail. */
static void
on_failure(struct modules *modules, struct module *module)
{
	struct module *other;
	struct ocppd_error err = module->outcome;

	module->wait = MODULE_WAITS_NOT;
	if (modules->operation == OPERATION_RELOAD || module->base->is_optional) {
		leave_out(modules, module, &err);
		return;
	}
	(void)problems_add(&modules->problems, &err);
	module->failure = str_dup(err.text);
	modules->is_failed = true;
	TAILQ_FOREACH (other, &modules->list, link)
		other->is_leaving = true;
}

/* ---- Steps ---------------------------------------------------------------------------------- */

/* The module that would not stop, wait for a start or a migration; its deadline begins. */
static void
wait_for(struct modules *modules, struct module *module)
{
	modules->waiting = module;
	if (module->is_over)
		ocppd_timer_set(modules->wake, 0);
	else
		ocppd_timer_set(modules->deadline, module_deadline_ms(module));
}

static bool
is_to_stop(const struct module *module)
{
	return module->is_leaving && !has_ended(module);
}

/* Stops what is to leave, last started first. 0: nothing left to stop. */
static int
stop_some(struct modules *modules)
{
	struct module *module;
	struct module *before;

	for (module = TAILQ_LAST(&modules->list, module_list); module != NULL; module = before) {
		before = TAILQ_PREV(module, module_list, link);
		if (!is_to_stop(module))
			continue;
		if (module_stop(module) == OCPPD_PENDING) {
			wait_for(modules, module);
			return OCPPD_PENDING;
		}
		if (module->failure != NULL)
			module->host.state = HOST_FAILED;
	}
	return 0;
}

static int
init_some(struct modules *modules)
{
	struct module *module;

	TAILQ_FOREACH (module, &modules->list, link) {
		if (module->host.state != HOST_LOADED || module->is_leaving)
			continue;
		if (module_init(module) < 0) {
			on_failure(modules, module);
			return OCPPD_ESTATE;
		}
	}
	return 0;
}

/* 0: all started; negative: somebody is to be stopped first. */
static int
start_some(struct modules *modules)
{
	struct module *module;

	TAILQ_FOREACH (module, &modules->list, link) {
		int r;

		if (module->is_leaving ||
		    (module->host.state != HOST_INITIALISED && module->host.state != HOST_STARTING))
			continue;
		r = module_start(module);
		if (r == OCPPD_PENDING) {
			wait_for(modules, module);
			return OCPPD_PENDING;
		}
		if (r < 0) {
			on_failure(modules, module);
			return OCPPD_ESTATE;
		}
		if (modules->wants_stop)
			return OCPPD_ESTATE;
	}
	return 0;
}

static void
changed(struct modules *modules)
{
	struct ocppd_core *core = modules->core;
	uint32_t i;

	for (i = 0; i < RUNTIME_HOOKS_MAX; i++) {
		if (core->hooks[i] != NULL && core->hooks[i]->changed != NULL)
			core->hooks[i]->changed(core);
	}
	catalogue_changed(core);
}

/* The operation ended: everything is in order before fn runs, which may begin another one. */
static void
finish(struct modules *modules, int result)
{
	struct problems problems = modules->problems;
	struct ocppd_core *core = modules->core;
	modules_done_fn *fn = modules->fn;
	void *arg = modules->arg;
	bool is_over = modules->operation == OPERATION_STOP || modules->is_failed;

	modules->problems = (struct problems){ 0 };
	modules->operation = OPERATION_NONE;
	modules->fn = NULL;
	changed(modules);
	if (is_over && !modules->wants_stop) {
		modules_free(modules);
		core->modules = NULL;
	}
	if (fn != NULL)
		fn(core, result, &problems, arg);
	problems_fini(&problems);
}

static void
begin_stop(struct modules *modules)
{
	struct module *module;

	modules->operation = OPERATION_STOP;
	modules->wants_stop = false;
	modules->fn = modules->stop_fn;
	modules->arg = modules->stop_arg;
	TAILQ_FOREACH (module, &modules->list, link)
		module->is_leaving = true;
}

static void
reload_rest(struct modules *modules)
{
	struct modules_plan *plan = modules->latest;
	uint32_t i;

	for (i = 0; i < plan->count; i++) {
		struct entry *entry = plan->entries[i];
		struct module *module;

		if (entry == NULL || entry->is_left_out)
			continue;
		plan->entries[i] = NULL;
		module = find(modules, entry->name);
		if (module == NULL || module->host.state != HOST_RUNNING)
			entry_free(entry);
		else
			module_reload(module, entry, &modules->problems);
	}
	modules->is_reloaded = true;
	forget_ended(modules, HOST_STOPPED);
}

/* A stop was asked for while something else is under way: that ends first, told as shut down. */
static void
give_way(struct modules *modules)
{
	finish(modules, modules->is_failed ? OCPPD_EREFUSED : OCPPD_ESHUTDOWN);
	begin_stop(modules);
	ocppd_timer_set(modules->wake, 0);
}

/* One module after the other, as far as it goes without waiting. */
static void
advance(struct modules *modules)
{
	modules->waiting = NULL;
	ocppd_timer_cancel(modules->deadline);
	for (;;) {
		int r = stop_some(modules);

		if (r == OCPPD_PENDING)
			return;
		if (modules->operation == OPERATION_NONE)
			return;
		if (modules->operation == OPERATION_STOP) {
			finish(modules, 0);
			return;
		}
		if (modules->wants_stop) {
			give_way(modules);
			return;
		}
		if (modules->is_failed) {
			finish(modules, OCPPD_EREFUSED);
			return;
		}
		r = init_some(modules);
		if (r == 0)
			r = start_some(modules);
		if (r == OCPPD_PENDING)
			return;
		if (r < 0)
			continue;
		if (modules->operation == OPERATION_RELOAD && !modules->is_reloaded)
			reload_rest(modules);
		finish(modules, problems_any(&modules->problems) ? OCPPD_ESTATE : 0);
		return;
	}
}

/* ---- Start ---------------------------------------------------------------------------------- */

/* Modules of the plan that are not there yet, at the end, in the plan's order. */
static int
add_modules(struct modules *modules, struct modules_plan *plan)
{
	uint32_t i;
	uint32_t k;
	uint32_t n;

	for (i = 0; i < plan->order_count; i++) {
		struct entry *entry = plan->order[i];
		struct module *module;

		module = find(modules, entry->name);
		if (module != NULL && module->is_stuck)
			(void)problems_addf(&modules->problems, entry->place, OCPPD_ESTATE,
					    "%s: did not stop in time before; restart to use it",
					    entry->option_path);
		if (module != NULL)
			continue;
		for (k = 0; plan->entries[k] != entry; k++)
			continue;
		plan->entries[k] = NULL;
		module = module_new(modules->core, entry);
		if (module == NULL)
			return OCPPD_ENOMEM;
		/* Providers stand before their users in the order, so they are there. */
		for (n = 0; n < entry->plugin->needs.count; n++) {
			if (entry->needs[n] != NULL)
				module->deps[n] = find(modules, entry->needs[n]->name);
		}
		TAILQ_INSERT_TAIL(&modules->list, module, link);
	}
	return 0;
}

int
modules_start(struct ocppd_core *core, struct modules_plan *plan, modules_done_fn *fn, void *arg)
{
	struct modules *modules;

	if (core->modules != NULL) {
		modules_plan_free(plan);
		return OCPPD_ESTATE;
	}
	modules = modules_new(core);
	if (modules == NULL) {
		modules_plan_free(plan);
		return OCPPD_ENOMEM;
	}
	modules->first = plan;
	modules->latest = plan;
	plan->core = core;
	if (add_modules(modules, plan) < 0) {
		modules_free(modules);
		return OCPPD_ENOMEM;
	}
	modules->operation = OPERATION_START;
	modules->fn = fn;
	modules->arg = arg;
	core->modules = modules;
	ocppd_timer_set(modules->wake, 0);
	return 0;
}

/* ---- Reload --------------------------------------------------------------------------------- */

static bool
is_in_plan(const struct modules_plan *plan, const char *name)
{
	uint32_t i;

	for (i = 0; i < plan->order_count; i++) {
		if (str_eq(plan->order[i]->name, name))
			return true;
	}
	return false;
}

/* A module that stays and uses the given one. */
static const struct module *
user_of(const struct modules *modules, const struct module *module)
{
	const struct module *other;
	uint32_t n;

	TAILQ_FOREACH (other, &modules->list, link) {
		for (n = 0; !other->is_leaving && n < other->host.plugin->needs.count; n++) {
			if (other->deps[n] == module)
				return other;
		}
	}
	return NULL;
}

/* What is no longer listed leaves, unless one that stays uses it: pointers to its functions are in
 * use until that one stops. */
static void
mark_leaving(struct modules *modules, const struct modules_plan *plan)
{
	struct module *module;
	bool is_changed = true;

	TAILQ_FOREACH (module, &modules->list, link)
		module->is_leaving = !has_ended(module) && !is_in_plan(plan, module->host.name);
	while (is_changed) {
		is_changed = false;
		TAILQ_FOREACH (module, &modules->list, link) {
			const struct module *user =
				module->is_leaving ? user_of(modules, module) : NULL;

			if (user == NULL)
				continue;
			module->is_leaving = false;
			is_changed = true;
			(void)problems_addf(
				&modules->problems, NULL, OCPPD_ESTATE,
				"plugins.%s: is no longer listed, but module %s uses it; "
				"it stops with a restart",
				module->host.name, user->host.name);
		}
	}
}

int
modules_reload(struct ocppd_core *core, struct modules_plan *plan, modules_done_fn *fn, void *arg)
{
	struct modules *modules = core->modules;

	if (modules == NULL || modules->operation != OPERATION_NONE || modules->wants_stop) {
		modules_plan_free(plan);
		return OCPPD_EBUSY;
	}
	if (modules->latest != modules->first)
		modules_plan_free(modules->latest);
	modules->latest = plan;
	plan->core = core;
	modules->is_reloaded = false;
	modules->fn = fn;
	modules->arg = arg;
	forget_ended(modules, HOST_FAILED);
	mark_leaving(modules, plan);
	if (add_modules(modules, plan) < 0)
		(void)problems_addf(&modules->problems, NULL, OCPPD_ENOMEM, "out of memory");
	modules->operation = OPERATION_RELOAD;
	ocppd_timer_set(modules->wake, 0);
	return 0;
}

/* ---- Stop ----------------------------------------------------------------------------------- */

int
modules_stop(struct ocppd_core *core, modules_done_fn *fn, void *arg)
{
	struct modules *modules = core->modules;
	int64_t limit_ms = core->conf.stop_timeout_ms;

	if (modules == NULL) {
		/* For the promise that fn runs from the loop. */
		modules = modules_new(core);
		if (modules == NULL)
			return OCPPD_ENOMEM;
		core->modules = modules;
	}
	if (modules->wants_stop || modules->operation == OPERATION_STOP)
		return OCPPD_EBUSY;

	modules->stop_fn = fn;
	modules->stop_arg = arg;
	if (modules->operation == OPERATION_NONE) {
		begin_stop(modules);
	} else {
		modules->wants_stop = true;
		/* A start may have been given minutes; a stop has not. */
		if (modules->waiting != NULL && module_deadline_ms(modules->waiting) > limit_ms)
			ocppd_timer_set(modules->deadline, limit_ms);
	}
	if (modules->waiting == NULL)
		ocppd_timer_set(modules->wake, 0);
	return 0;
}

/* ---- Questions ------------------------------------------------------------------------------ */

static bool
is_initialised(const struct module *module)
{
	switch (module->host.state) {
	case HOST_INITIALISED:
	case HOST_STARTING:
	case HOST_RUNNING:
	case HOST_STOPPING:
		return true;
	case HOST_LOADED:
	case HOST_STOPPED:
	case HOST_FAILED:
		break;
	}
	return false;
}

struct ocppd_host *
modules_find(const struct ocppd_core *core, const char *name)
{
	struct module *module = core->modules == NULL ? NULL : find(core->modules, name);

	return module == NULL || !is_initialised(module) ? NULL : &module->host;
}

const char *
modules_choice(const struct ocppd_core *core, const char *service, uint32_t i)
{
	if (core->modules == NULL || core->modules->first == NULL)
		return NULL;
	return plan_choice(core->modules->first, service, i);
}

static uint32_t
public_state(enum host_state state)
{
	switch (state) {
	case HOST_LOADED:
	case HOST_INITIALISED:
		return OCPPD_PLUGIN_LOADED;
	case HOST_STARTING:
		return OCPPD_PLUGIN_STARTING;
	case HOST_RUNNING:
		return OCPPD_PLUGIN_RUNNING;
	case HOST_STOPPING:
		return OCPPD_PLUGIN_STOPPING;
	case HOST_STOPPED:
	case HOST_FAILED:
		break;
	}
	return OCPPD_PLUGIN_FAILED;
}

static const char *
text_or_empty(const char *text)
{
	return text == NULL ? "" : text;
}

static void
fill_info(const struct entry *entry, const char *failure, struct ocppd_plugin_info *info)
{
	info->struct_size = sizeof(*info);
	info->name = entry->name;
	info->module = entry->module;
	info->version = entry->plugin == NULL ? "" : entry->plugin->version;
	info->summary = entry->plugin == NULL ? "" : entry->plugin->summary;
	info->path = text_or_empty(entry->path);
	info->reason = failure == NULL ? text_or_empty(entry->reason) : failure;
	info->abi_major = entry->plugin == NULL ? 0 : entry->plugin->guard.abi_major;
	info->abi_minor = entry->plugin == NULL ? 0 : entry->plugin->guard.abi_minor;
	info->is_stale = entry_is_stale(entry) ? 1 : 0;
}

int
ocppd_plugin_each(struct ocppd_host *host, ocppd_plugin_fn *fn, void *arg)
{
	const struct modules *modules = host->core->modules;
	const struct module *module;
	uint32_t i;
	int r = 0;

	if (modules == NULL)
		return 0;

	TAILQ_FOREACH (module, &modules->list, link) {
		struct ocppd_plugin_info info = { 0 };

		fill_info(module->base, module->failure, &info);
		info.state = public_state(module->host.state);
		r = fn(&info, module->host.plugin, arg);
		if (r != 0)
			return r;
	}
	for (i = 0; modules->latest != NULL && i < modules->latest->count; i++) {
		const struct entry *entry = modules->latest->entries[i];
		struct ocppd_plugin_info info = { .state = OCPPD_PLUGIN_FAILED };

		if (entry == NULL || !entry->is_left_out)
			continue;
		fill_info(entry, text_or_empty(entry->failure), &info);
		r = fn(&info, entry->plugin, arg);
		if (r != 0)
			return r;
	}
	return 0;
}
