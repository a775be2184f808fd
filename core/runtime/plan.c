/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * Makes a plan from the configuration: which instances there are, listed or needed, their options
 * filled and checked, what must be unique found unique. All that is wrong is told.
 */
#include "runtime/plan.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "runtime/conf.h"
#include "runtime/import.h"

/* ---- Entries -------------------------------------------------------------------------------- */

void
entry_free(struct entry *entry)
{
	if (entry == NULL)
		return;

	conf_unref(entry->conf);
	arena_fini(&entry->arena);
	free(entry);
}

static bool
entry_set_texts(struct entry *entry, const char *name, const char *module)
{
	struct buf path = { 0 };

	buf_printf(&path, "plugins.%s", name);
	entry->name = arena_dup(&entry->arena, name);
	entry->module = arena_dup(&entry->arena, module);
	entry->option_path = path.error < 0 ? NULL : arena_dup(&entry->arena, path.data);
	buf_fini(&path);
	return entry->name != NULL && entry->module != NULL && entry->option_path != NULL;
}

struct entry *
plan_add(struct modules_plan *plan, const char *name, const char *module,
	 const struct ocppd_node *place)
{
	struct entry *entry;

	if (plan->count == PLAN_ENTRIES_MAX) {
		(void)problems_addf(plan->problems, place, OCPPD_ESPACE,
				    "plugins.%s: more than %d modules", name, PLAN_ENTRIES_MAX);
		return NULL;
	}
	entry = calloc(1, sizeof(*entry));
	if (entry == NULL || !entry_set_texts(entry, name, module)) {
		entry_free(entry);
		(void)problems_addf(plan->problems, place, OCPPD_ENOMEM, "out of memory");
		return NULL;
	}
	entry->conf = conf_ref(plan->conf);
	if (place != NULL)
		entry->key = *place;
	entry->place = place == NULL ? NULL : &entry->key;
	entry->source.path = entry->option_path;
	entry->source.place = entry->place;
	plan->entries[plan->count++] = entry;
	return entry;
}

struct entry *
plan_find(const struct modules_plan *plan, const char *name)
{
	uint32_t i;

	for (i = 0; i < plan->count; i++) {
		if (str_eq(plan->entries[i]->name, name))
			return plan->entries[i];
	}
	return NULL;
}

void
entry_leave_out(struct modules_plan *plan, struct entry *entry, const char *why)
{
	if (!entry->is_left_out) {
		entry->is_left_out = true;
		entry->failure = arena_dup(&entry->arena, why);
	}
	if (plan->core != NULL)
		OCPPD_WARN(plan->core->self, "module.left_out", OCPPD_STR("module", entry->name),
			   OCPPD_STR("err", why));
}

void
entry_complain(struct modules_plan *plan, struct entry *entry, const struct ocppd_node *node,
	       int code, const char *format, ...)
{
	struct ocppd_error err = { 0 };
	struct buf line = { 0 };
	va_list args;
	size_t len;

	(void)ocppd_node_error(node, &err, code, "%s: ", entry->option_path);
	len = strlen(err.text);
	va_start(args, format);
	(void)vsnprintf(err.text + len, sizeof(err.text) - len, format, args);
	va_end(args);
	if (!entry->is_optional || code == OCPPD_ENOMEM) {
		(void)problems_add(plan->problems, &err);
		return;
	}
	error_format(&err, &line);
	entry_leave_out(plan, entry, line.data == NULL ? err.text : line.data);
	buf_fini(&line);
}

/* ---- Reading `plugins:` --------------------------------------------------------------------- */

/* The module's options: its map without the loader's own keys. */
static int
set_options_map(struct entry *entry, const struct ocppd_node *map)
{
	struct ocppd_node *own;
	uint32_t i;

	entry->source.map = NULL;
	if (map->kind == OCPPD_NODE_NONE)
		return 0;

	own = arena_alloc(&entry->arena, sizeof(*own));
	if (own == NULL)
		return OCPPD_ENOMEM;

	*own = *map;
	own->count = 0;
	own->members = arena_array(&entry->arena, map->count, sizeof(*own->members));
	if (own->members == NULL)
		return OCPPD_ENOMEM;

	for (i = 0; i < map->count; i++) {
		if (!str_eq(map->members[i].key, "module") &&
		    !str_eq(map->members[i].key, "optional"))
			own->members[own->count++] = map->members[i];
	}
	entry->source.map = own;
	return 0;
}

/* `module:` and `optional:`, which every module's section may hold. */
struct loader_keys {
	const char *module;
	uint32_t is_optional;
	uint32_t reserved;
};

static const struct ocppd_option key_rows[] = {
	{ "module", OCPPD_CONF_STRING, 0, offsetof(struct loader_keys, module), .min = 1, .max = 32,
	  .doc = "The module to load, where it is not the key's name." },
	{ "optional", OCPPD_CONF_BOOL, 0, offsetof(struct loader_keys, is_optional), .def = "false",
	  .doc = "Start without it, and its dependents, where it fails." },
};
static const struct options key_table = { OCPPD_TABLE(key_rows) };

static int
read_keys(struct modules_plan *plan, const char *name, const struct ocppd_node *map,
	  struct arena *arena, struct loader_keys **ret_keys)
{
	struct ocppd_node only = *map;
	struct options_source source = { .map = &only, .path = "" };
	struct conf_member members[2];
	struct buf path = { 0 };
	void *data = NULL;
	uint32_t i;
	int r;

	only.members = members;
	only.count = 0;
	for (i = 0; i < map->count; i++) {
		if (str_eq(map->members[i].key, "module") ||
		    str_eq(map->members[i].key, "optional"))
			members[only.count++] = map->members[i];
	}
	buf_printf(&path, "plugins.%.64s", name);
	if (path.error == 0)
		source.path = path.data;
	r = options_fill(&key_table, sizeof(**ret_keys), &source, arena, &data, plan->problems);
	buf_fini(&path);
	if (r == 0)
		*ret_keys = data;
	return r;
}

static void
set_reason(struct entry *entry, const struct conf_member *member)
{
	struct buf text = { 0 };

	buf_printf(&text, "plugins: in %s:%" PRIu32, member->key_file, member->key_line);
	entry->reason = text.error < 0 ? NULL : arena_dup(&entry->arena, text.data);
	buf_fini(&text);
}

static void
read_entry(struct modules_plan *plan, const struct conf_member *member)
{
	struct ocppd_node place = { .file = member->key_file,
				    .line = member->key_line,
				    .column = member->key_column };
	const struct ocppd_node *map = member->value;
	struct loader_keys *keys = NULL;
	struct arena arena = { 0 };
	struct entry *entry;

	if (!module_name_valid(member->key)) {
		(void)problems_addf(plan->problems, &place, OCPPD_EINVAL,
				    "plugins: the name \"%.64s\" must match [a-z0-9_]{1,32}",
				    member->key);
		return;
	}
	if (map->kind != OCPPD_NODE_MAP && map->kind != OCPPD_NODE_NONE) {
		(void)problems_addf(plan->problems, map, OCPPD_EINVAL,
				    "plugins.%s: expected a map of options, such as {}",
				    member->key);
		return;
	}
	if (read_keys(plan, member->key, map, &arena, &keys) < 0 || keys == NULL)
		goto out;

	if (keys->module != NULL && !module_name_valid(keys->module)) {
		(void)problems_addf(plan->problems, ocppd_node_get(map, "module"), OCPPD_EINVAL,
				    "plugins.%s.module: the name \"%s\" must match "
				    "[a-z0-9_]{1,32}",
				    member->key, keys->module);
		goto out;
	}
	entry = plan_add(plan, member->key, keys->module == NULL ? member->key : keys->module,
			 &place);
	if (entry == NULL)
		goto out;

	entry->is_optional = keys->is_optional != 0;
	set_reason(entry, member);
	if (set_options_map(entry, map) < 0 || entry->reason == NULL)
		(void)problems_addf(plan->problems, &place, OCPPD_ENOMEM, "out of memory");
out:
	arena_fini(&arena);
}

static void
read_plugins(struct modules_plan *plan, const struct ocppd_node *plugins)
{
	uint32_t i;

	if (plugins == NULL || plugins->kind == OCPPD_NODE_NONE)
		return;
	if (plugins->kind != OCPPD_NODE_MAP) {
		(void)problems_addf(plan->problems, plugins, OCPPD_EINVAL,
				    "plugins: expected a map of module names to their options");
		return;
	}
	for (i = 0; i < plugins->count; i++)
		read_entry(plan, &plugins->members[i]);
}

/* ---- Default modules ------------------------------------------------------------------------ */

/* A default module may be missed as little as the least optional of those that need it. */
static void
share_optional(struct modules_plan *plan, const struct entry *by, struct entry *entry)
{
	if (!entry->is_default || !entry->is_optional || by->is_optional)
		return;

	entry->is_optional = false;
	if (entry->is_left_out)
		(void)problems_addf(plan->problems, NULL, OCPPD_ENOENT, "%s", entry->failure);
}

static bool
is_provided(struct modules_plan *plan, const struct entry *by, const struct ocppd_need *need)
{
	uint32_t i;

	for (i = 0; i < plan->count; i++) {
		if (entry_provides(plan->entries[i], need->service, need->major) == NULL)
			continue;
		share_optional(plan, by, plan->entries[i]);
		return true;
	}
	return false;
}

static void
add_default(struct modules_plan *plan, const struct entry *by, const struct ocppd_need *need)
{
	struct buf reason = { 0 };
	struct entry *entry = plan_find(plan, need->module);

	if (entry != NULL) {
		/* There, and not offering the service: plan_bind complains. */
		share_optional(plan, by, entry);
		return;
	}

	entry = plan_add(plan, need->module, need->module, by->place);
	if (entry == NULL)
		return;

	entry->is_default = true;
	entry->is_optional = by->is_optional;
	buf_printf(&reason, "needed by %s", by->name);
	if (reason.error == 0)
		entry->reason = arena_dup(&entry->arena, reason.data);
	buf_fini(&reason);
	if (entry->reason == NULL)
		(void)problems_addf(plan->problems, NULL, OCPPD_ENOMEM, "out of memory");
	entry_open(plan, entry);
}

/* Entries are appended while the walk goes on, so what a default module needs is added, too. */
static void
add_defaults(struct modules_plan *plan)
{
	uint32_t i;
	uint32_t n;

	for (i = 0; i < plan->count; i++) {
		const struct entry *entry = plan->entries[i];

		if (entry->plugin == NULL || entry->is_left_out)
			continue;
		for (n = 0; n < entry->plugin->needs.count; n++) {
			const struct ocppd_need *need = &entry->plugin->needs.items[n];

			if (need->module != NULL &&
			    (need->flags & (OCPPD_OPTIONAL | OCPPD_MANY)) == 0 &&
			    !is_provided(plan, entry, need))
				add_default(plan, entry, need);
		}
	}
}

/* ---- Options -------------------------------------------------------------------------------- */

static void
fill_options(struct modules_plan *plan, struct entry *entry)
{
	struct problems problems = { 0 };
	struct ocppd_error err = { 0 };
	struct options table;
	uint32_t i;
	int r;

	memcpy(&table.rows, &entry->plugin->options, sizeof(table.rows));
	r = options_fill(&table, entry->plugin->conf_size, &entry->source, &entry->arena,
			 &entry->values, &problems);
	if (r == 0 && entry->plugin->check != NULL) {
		r = entry->plugin->check(entry->values, &err);
		if (r < 0) {
			err.code = r;
			if (err.text[0] == '\0')
				(void)str_copy(err.text, sizeof(err.text),
					       "the module refuses its options");
			options_locate(&entry->source, &err);
			(void)problems_add(&problems, &err);
		}
	}
	problems_move_warnings(&problems, plan->problems);
	for (i = 0; i < problems.count; i++) {
		struct buf line = { 0 };

		if (!entry->is_optional) {
			(void)problems_add(plan->problems, &problems.items[i]);
			continue;
		}
		error_format(&problems.items[i], &line);
		entry_leave_out(plan, entry, line.data == NULL ? "" : line.data);
		buf_fini(&line);
	}
	problems_fini(&problems);
}

/* ---- What must be unique -------------------------------------------------------------------- */

static void
check_action_owner(struct modules_plan *plan, struct entry *entry,
		   const struct ocppd_action *action, const struct entry *other)
{
	uint32_t i;

	for (i = 0; i < other->plugin->actions.count; i++) {
		const struct ocppd_action *theirs = &other->plugin->actions.items[i];

		if ((theirs->direction & action->direction) == 0 ||
		    !str_eq(theirs->protocol, action->protocol) ||
		    !str_eq(theirs->name, action->name))
			continue;
		entry_complain(plan, entry, entry->place, OCPPD_EEXIST,
			       "action %s %s has an owner already, module %s; leave one of the two "
			       "out",
			       action->protocol, action->name, other->name);
	}
}

static void
check_route_owner(struct modules_plan *plan, struct entry *entry, const struct ocppd_route *route,
		  const struct entry *other)
{
	uint32_t i;

	for (i = 0; i < other->plugin->routes.count; i++) {
		const struct ocppd_route *theirs = &other->plugin->routes.items[i];

		if (!str_eq(theirs->method, route->method) || !str_eq(theirs->path, route->path))
			continue;
		entry_complain(plan, entry, entry->place, OCPPD_EEXIST,
			       "route %s %s has an owner already, module %s; leave one of the two "
			       "out",
			       route->method, route->path, other->name);
	}
}

static void
check_against(struct modules_plan *plan, struct entry *entry, const struct entry *other)
{
	const struct ocppd_plugin *plugin = entry->plugin;
	uint32_t i;

	if (str_eq(entry->module, other->module)) {
		if (plugin->actions.count > 0 || plugin->migrations.count > 0 ||
		    plugin->statements.count > 0 || plugin->routes.count > 0)
			entry_complain(plan, entry, entry->place, OCPPD_EEXIST,
				       "module %s has tables, actions or routes and can be there "
				       "once only; it is as plugins.%s",
				       entry->module, other->name);
		return;
	}
	for (i = 0; i < plugin->actions.count; i++)
		check_action_owner(plan, entry, &plugin->actions.items[i], other);
	for (i = 0; i < plugin->routes.count; i++)
		check_route_owner(plan, entry, &plugin->routes.items[i], other);
}

static void
check_unique(struct modules_plan *plan)
{
	uint32_t i;
	uint32_t k;

	for (i = 0; i < plan->count; i++) {
		struct entry *entry = plan->entries[i];

		for (k = 0; k < i && entry->plugin != NULL && !entry->is_left_out; k++) {
			if (plan->entries[k]->plugin != NULL && !plan->entries[k]->is_left_out)
				check_against(plan, entry, plan->entries[k]);
		}
	}
}

/* ---- The plan ------------------------------------------------------------------------------- */

void
modules_plan_free(struct modules_plan *plan)
{
	uint32_t i;

	if (plan == NULL)
		return;

	for (i = 0; i < plan->count; i++)
		entry_free(plan->entries[i]);
	conf_unref(plan->conf);
	free(plan);
}

int
modules_plan(struct ocppd_core *core, const struct modules_opts *opts,
	     struct modules_plan **ret_plan, struct problems *problems)
{
	struct modules_plan *plan = calloc(1, sizeof(*plan));
	uint32_t before = problems->count + problems->left_out;
	uint32_t i;

	if (plan == NULL)
		return problems_addf(problems, NULL, OCPPD_ENOMEM, "out of memory");

	plan->conf = conf_ref(opts->conf);
	plan->services = opts->services;
	plan->core = core;
	plan->dirs = &opts->dirs;
	plan->problems = problems;
	read_plugins(plan, opts->plugins);
	for (i = 0; i < plan->count; i++)
		entry_open(plan, plan->entries[i]);
	add_defaults(plan);
	for (i = 0; i < plan->count; i++) {
		if (plan->entries[i]->plugin != NULL && !plan->entries[i]->is_left_out)
			fill_options(plan, plan->entries[i]);
	}
	check_unique(plan);
	plan_bind(plan);
	plan->dirs = NULL; /* the caller's, as the list of problems */
	plan->problems = NULL;
	if (problems->count + problems->left_out > before) {
		modules_plan_free(plan);
		return OCPPD_EINVAL;
	}
	*ret_plan = plan;
	return 0;
}

const struct ocppd_plugin *
modules_plan_at(const struct modules_plan *plan, uint32_t i, const char **ret_name,
		const char **ret_reason)
{
	if (i >= plan->order_count)
		return NULL;

	if (ret_name != NULL)
		*ret_name = plan->order[i]->name;
	if (ret_reason != NULL)
		*ret_reason = plan->order[i]->reason;
	return plan->order[i]->plugin;
}
