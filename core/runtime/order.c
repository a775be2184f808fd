/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * Needs meet providers, and the order of start follows: providers first, otherwise as listed. Every
 * need that nobody meets, every choice that is open and a cycle are told.
 */
#include "runtime/plan.h"

#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "runtime/conf.h"

/* Marks of the walk. */
#define MARK_NEW 0u
#define MARK_OPEN 1u /* on the way: meeting it again closes a cycle */
#define MARK_DONE 2u

const struct ocppd_provide *
entry_provides(const struct entry *entry, const char *service, uint16_t major)
{
	uint32_t i;

	if (entry->plugin == NULL)
		return NULL;

	for (i = 0; i < entry->plugin->provides.count; i++) {
		const struct ocppd_provide *row = &entry->plugin->provides.items[i];

		if (row->major == major && str_eq(row->service, service))
			return row;
	}
	return NULL;
}

const char *
plan_choice(const struct modules_plan *plan, const char *service, uint32_t i)
{
	const struct ocppd_node *node = ocppd_node_get(plan->services, service);

	if (ocppd_node_kind(node) == OCPPD_NODE_TEXT)
		return i == 0 ? ocppd_node_text(node) : NULL;
	return ocppd_node_text(ocppd_node_at(node, i));
}

static bool
is_live(const struct entry *entry)
{
	return entry->plugin != NULL && !entry->is_left_out;
}

/* ---- Optional modules and their dependents -------------------------------------------------- */

static bool
has_live_provider(const struct modules_plan *plan, const struct entry *user,
		  const struct ocppd_need *need)
{
	uint32_t i;

	for (i = 0; i < plan->count; i++) {
		const struct entry *entry = plan->entries[i];

		if (entry != user && is_live(entry) &&
		    entry_provides(entry, need->service, need->major) != NULL)
			return true;
	}
	return false;
}

/* The module left out that would have provided it: by its descriptor, or, where that could not be
 * read, by the name that the need or the operator gives. */
static const struct entry *
lost_provider(const struct modules_plan *plan, const struct ocppd_need *need)
{
	uint32_t i;

	for (i = 0; i < plan->count; i++) {
		const struct entry *entry = plan->entries[i];

		if (!entry->is_left_out)
			continue;
		if (entry_provides(entry, need->service, need->major) != NULL)
			return entry;
		if (entry->plugin == NULL &&
		    ((need->module != NULL && str_eq(need->module, entry->module)) ||
		     str_eq(plan_choice(plan, need->service, 0), entry->name)))
			return entry;
	}
	return NULL;
}

static bool
leave_out_if_lost(struct modules_plan *plan, struct entry *entry)
{
	struct ocppd_error why;
	uint32_t n;

	for (n = 0; n < entry->plugin->needs.count; n++) {
		const struct ocppd_need *need = &entry->plugin->needs.items[n];
		const struct entry *lost;

		if ((need->flags & (OCPPD_OPTIONAL | OCPPD_MANY)) != 0 ||
		    has_live_provider(plan, entry, need))
			continue;
		lost = lost_provider(plan, need);
		if (lost == NULL && !entry->is_optional)
			continue; /* a problem, told when needs are bound */
		if (lost == NULL)
			(void)ocppd_error_set(&why, OCPPD_ENOENT,
					      "%s: needs \"%s\" %u.%u, which no loaded module "
					      "provides",
					      entry->option_path, need->service, need->major,
					      need->minor);
		else
			(void)ocppd_error_set(&why, OCPPD_ENOENT,
					      "%s: needs \"%s\" of module %s, which was left out",
					      entry->option_path, need->service, lost->name);
		entry_leave_out(plan, entry, why.text);
		return true;
	}
	return false;
}

/* Until nothing changes: each module left out may take dependents along. */
static void
leave_out_lost(struct modules_plan *plan)
{
	bool is_changed = true;
	uint32_t i;

	while (is_changed) {
		is_changed = false;
		for (i = 0; i < plan->count; i++) {
			if (is_live(plan->entries[i]) && leave_out_if_lost(plan, plan->entries[i]))
				is_changed = true;
		}
	}
}

/* ---- Binding -------------------------------------------------------------------------------- */

struct candidates {
	struct entry *items[PLAN_ENTRIES_MAX];
	uint32_t count;
	struct entry *older; /* provides it, but of a lower minor, or of another major */
	const struct ocppd_provide *older_row;
};

static void
find_older(const struct entry *entry, const struct ocppd_need *need, struct candidates *found)
{
	uint32_t i;

	for (i = 0; i < entry->plugin->provides.count; i++) {
		const struct ocppd_provide *row = &entry->plugin->provides.items[i];

		if (str_eq(row->service, need->service))
			found->older_row = row;
	}
}

static void
find_candidates(const struct modules_plan *plan, const struct entry *user,
		const struct ocppd_need *need, struct candidates *found)
{
	uint32_t i;

	found->count = 0;
	found->older = NULL;
	found->older_row = NULL;
	for (i = 0; i < plan->count; i++) {
		struct entry *entry = plan->entries[i];
		const struct ocppd_provide *row;

		if (entry == user || !is_live(entry))
			continue;
		row = entry_provides(entry, need->service, need->major);
		if (row != NULL && row->minor >= need->minor) {
			found->items[found->count++] = entry;
			continue;
		}
		if (found->older_row == NULL) {
			find_older(entry, need, found);
			if (found->older_row != NULL)
				found->older = entry;
		}
	}
}

static void
complain_unmet(struct modules_plan *plan, struct entry *user, const struct ocppd_need *need,
	       const struct candidates *found)
{
	if (found->older != NULL)
		entry_complain(plan, user, user->place, OCPPD_EVERSION,
			       "needs \"%s\" %u.%u, module %s provides %u.%u; update the package "
			       "of %s",
			       need->service, need->major, need->minor, found->older->name,
			       found->older_row->major, found->older_row->minor,
			       found->older_row->major == need->major ? found->older->name
								      : user->name);
	else
		entry_complain(plan, user, user->place, OCPPD_ENOENT,
			       "needs \"%s\" %u.%u, which no loaded module provides; list one that "
			       "does under plugins:",
			       need->service, need->major, need->minor);
}

static void
add_names(struct buf *buf, const struct candidates *found)
{
	uint32_t i;

	for (i = 0; i < found->count; i++)
		buf_printf(buf, "%s%s", i > 0 ? ", " : "", found->items[i]->name);
}

static void
complain_open_choice(struct modules_plan *plan, struct entry *user, const struct ocppd_need *need,
		     const struct candidates *found)
{
	struct buf names = { 0 };

	add_names(&names, found);
	entry_complain(plan, user, user->place, OCPPD_ECONFLICT,
		       "\"%s\" is provided by %s; choose one: services: {%s: %s}", need->service,
		       names.data == NULL ? "" : names.data, need->service, found->items[0]->name);
	buf_fini(&names);
}

/* The operator's word. NULL: it names none of the candidates, which is told. */
static struct entry *
chosen(struct modules_plan *plan, const struct ocppd_need *need, const struct candidates *found,
       const char *name)
{
	const struct ocppd_node *node = ocppd_node_get(plan->services, need->service);
	struct buf names = { 0 };
	uint32_t i;

	for (i = 0; i < found->count; i++) {
		if (str_eq(found->items[i]->name, name))
			return found->items[i];
	}
	add_names(&names, found);
	(void)problems_addf(plan->problems, node, OCPPD_EINVAL,
			    plan_find(plan, name) == NULL
				    ? "services.%s: module \"%s\" is not loaded; %s: %s"
				    : "services.%s: module \"%s\" does not provide it; %s: %s",
			    need->service, name,
			    found->count == 0 ? "list one that does under plugins"
					      : "those that do",
			    found->count == 0 ? "none is there" : names.data);
	buf_fini(&names);
	return NULL;
}

/* The module that the need or the operator names is listed and could not be read: told already. */
static bool
is_told(const struct modules_plan *plan, const struct ocppd_need *need)
{
	uint32_t i;

	for (i = 0; i < plan->count; i++) {
		const struct entry *entry = plan->entries[i];

		if (entry->plugin == NULL &&
		    ((need->module != NULL && str_eq(need->module, entry->module)) ||
		     str_eq(plan_choice(plan, need->service, 0), entry->name)))
			return true;
	}
	return false;
}

static void
bind_need(struct modules_plan *plan, struct entry *user, uint32_t n, struct candidates *found)
{
	const struct ocppd_need *need = &user->plugin->needs.items[n];
	const char *choice = plan_choice(plan, need->service, 0);

	if ((need->flags & OCPPD_MANY) != 0)
		return;

	find_candidates(plan, user, need, found);
	if (found->count == 0 && is_told(plan, need))
		return;
	if (choice != NULL && (found->count > 0 || (need->flags & OCPPD_OPTIONAL) == 0))
		user->needs[n] = chosen(plan, need, found, choice);
	else if (found->count == 1)
		user->needs[n] = found->items[0];
	else if (found->count > 1)
		complain_open_choice(plan, user, need, found);
	else if ((need->flags & OCPPD_OPTIONAL) == 0)
		complain_unmet(plan, user, need, found);
}

static int
bind_entry(struct modules_plan *plan, struct entry *entry)
{
	struct candidates found;
	uint32_t n;

	entry->needs =
		arena_array(&entry->arena, entry->plugin->needs.count, sizeof(struct entry *));
	if (entry->needs == NULL)
		return problems_addf(plan->problems, NULL, OCPPD_ENOMEM, "out of memory");

	for (n = 0; n < entry->plugin->needs.count; n++)
		bind_need(plan, entry, n, &found);
	return 0;
}

/* ---- `services:` ---------------------------------------------------------------------------- */

static bool
is_service_known(const struct modules_plan *plan, const char *service)
{
	uint32_t i;
	uint32_t k;

	for (i = 0; i < plan->count; i++) {
		const struct ocppd_plugin *plugin = plan->entries[i]->plugin;

		/* What a module that cannot be read has to do with it is not known. */
		if (plugin == NULL)
			return true;
		for (k = 0; k < plugin->needs.count; k++) {
			if (str_eq(plugin->needs.items[k].service, service))
				return true;
		}
		for (k = 0; k < plugin->provides.count; k++) {
			if (str_eq(plugin->provides.items[k].service, service))
				return true;
		}
	}
	return false;
}

static void
check_choice(struct modules_plan *plan, const struct conf_member *member)
{
	const struct ocppd_node *node = member->value;
	struct ocppd_node key = { .file = member->key_file,
				  .line = member->key_line,
				  .column = member->key_column };
	uint32_t i;

	if (!is_service_known(plan, member->key)) {
		(void)problems_addf(plan->problems, &key, OCPPD_EINVAL,
				    "services: no loaded module provides or needs \"%.64s\"; take "
				    "the line out",
				    member->key);
		return;
	}
	if (node->kind != OCPPD_NODE_TEXT && node->kind != OCPPD_NODE_LIST) {
		(void)problems_addf(plan->problems, node, OCPPD_EINVAL,
				    "services.%s: expected a module's name, or a list of them",
				    member->key);
		return;
	}
	for (i = 0; node->kind == OCPPD_NODE_LIST && i < node->count; i++) {
		const struct ocppd_node *item = node->members[i].value;

		if (item->kind != OCPPD_NODE_TEXT || plan_find(plan, item->text) == NULL)
			(void)problems_addf(plan->problems, item, OCPPD_EINVAL,
					    "services.%s[%u]: module \"%.64s\" is not loaded; list "
					    "it under plugins:, or take it out here",
					    member->key, i, item->text == NULL ? "" : item->text);
	}
}

static void
check_services(struct modules_plan *plan)
{
	uint32_t i;

	if (plan->services == NULL || plan->services->kind == OCPPD_NODE_NONE)
		return;
	if (plan->services->kind != OCPPD_NODE_MAP) {
		(void)problems_addf(plan->problems, plan->services, OCPPD_EINVAL,
				    "services: expected a map of service names to modules");
		return;
	}
	for (i = 0; i < plan->services->count; i++)
		check_choice(plan, &plan->services->members[i]);
}

/* ---- Order ---------------------------------------------------------------------------------- */

struct walk {
	struct modules_plan *plan;
	struct entry *stack[PLAN_ENTRIES_MAX];
	uint32_t depth;
};

static void
complain_cycle(struct walk *walk, struct entry *again)
{
	struct buf path = { 0 };
	uint32_t i = 0;

	while (walk->stack[i] != again)
		i++;
	for (; i < walk->depth; i++)
		buf_printf(&path, "%s -> ", walk->stack[i]->name);
	buf_add_str(&path, again->name);
	(void)problems_addf(walk->plan->problems, again->place, OCPPD_EINVAL,
			    "plugins: modules need each other in a circle: %s; leave one of them "
			    "out",
			    path.data == NULL ? "" : path.data);
	buf_fini(&path);
}

/* Does `from` lead to `to` by needs that bind? As deep as there are modules, at most. */
static bool
leads_to(const struct modules_plan *plan, const struct entry *from, const struct entry *to)
{
	const struct entry *queue[PLAN_ENTRIES_MAX];
	bool is_seen[PLAN_ENTRIES_MAX] = { false };
	uint32_t head = 0;
	uint32_t tail = 0;
	uint32_t i;
	uint32_t n;

	queue[tail++] = from;
	while (head < tail) {
		const struct entry *entry = queue[head++];

		if (entry == to)
			return true;
		for (n = 0; entry->needs != NULL && n < entry->plugin->needs.count; n++) {
			for (i = 0; i < plan->count; i++) {
				if (plan->entries[i] != entry->needs[n] || is_seen[i])
					continue;
				is_seen[i] = true;
				queue[tail++] = plan->entries[i];
			}
		}
	}
	return false;
}

static void place(struct walk *walk, struct entry *entry);

/* Would placing an entry now meet one that is on the way? */
static bool
meets_open(const struct walk *walk, const struct entry *entry)
{
	uint32_t i;

	for (i = 0; i < walk->depth; i++) {
		if (leads_to(walk->plan, entry, walk->stack[i]))
			return true;
	}
	return false;
}

/* Of services that many may provide, providers go first where that makes no circle. */
static void
place_many(struct walk *walk, const struct entry *user, const struct ocppd_need *need)
{
	uint32_t i;

	for (i = 0; i < walk->plan->count; i++) {
		struct entry *entry = walk->plan->entries[i];

		if (entry != user && is_live(entry) && entry->mark == MARK_NEW &&
		    entry_provides(entry, need->service, need->major) != NULL &&
		    !meets_open(walk, entry))
			place(walk, entry);
	}
}

/* Depth first: what an entry needs, then itself. Deep as the longest chain of needs. */
static void
place(struct walk *walk, struct entry *entry)
{
	struct modules_plan *plan = walk->plan;
	uint32_t n;

	if (entry->mark == MARK_DONE)
		return;
	if (entry->mark == MARK_OPEN) {
		complain_cycle(walk, entry);
		return;
	}
	entry->mark = MARK_OPEN;
	walk->stack[walk->depth++] = entry;
	for (n = 0; n < entry->plugin->needs.count; n++) {
		if (entry->needs[n] != NULL)
			place(walk, entry->needs[n]);
	}
	for (n = 0; n < entry->plugin->needs.count; n++) {
		if ((entry->plugin->needs.items[n].flags & OCPPD_MANY) != 0)
			place_many(walk, entry, &entry->plugin->needs.items[n]);
	}
	walk->depth--;
	entry->mark = MARK_DONE;
	plan->order[plan->order_count++] = entry;
}

static uint32_t
count_live(const struct modules_plan *plan)
{
	uint32_t live = 0;
	uint32_t i;

	for (i = 0; i < plan->count; i++)
		live += is_live(plan->entries[i]) ? 1 : 0;
	return live;
}

/* An optional module may turn out not to be bound: then its dependents go, and all is bound anew.
 */
static void
bind_all(struct modules_plan *plan)
{
	uint32_t before = plan->problems->count + plan->problems->left_out;
	uint32_t live = 0;
	uint32_t i;

	while (live != count_live(plan) &&
	       plan->problems->count + plan->problems->left_out == before) {
		leave_out_lost(plan);
		live = count_live(plan);
		for (i = 0; i < plan->count; i++) {
			if (is_live(plan->entries[i]) && bind_entry(plan, plan->entries[i]) < 0)
				return;
		}
	}
}

void
plan_bind(struct modules_plan *plan)
{
	struct walk walk = { .plan = plan };
	uint32_t i;

	check_services(plan);
	bind_all(plan);
	for (i = 0; i < plan->count; i++) {
		if (is_live(plan->entries[i]) && plan->entries[i]->needs != NULL)
			place(&walk, plan->entries[i]);
	}
}
