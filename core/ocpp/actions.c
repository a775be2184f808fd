/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The action tables: what loaded modules handle and offer, and the words of their protocols.
 * Modules' rows are compiled once; each change publishes a new immutable table that shares them.
 * Must not know any action's name.
 */
#include "ocpp/actions.h"

#include "base/assert.h"
#include "base/text.h"
#include "ocpp/floor.h"
#include "ocpp/schema.h"

#define PROTOCOLS_MAX 16
#define DIRECTIONS (OCPPD_FROM_STATION | OCPPD_TO_STATION)

/* ---- Rows --------------------------------------------------------------------------------- */

static void
row_unref(struct action_row *row)
{
	if (row == NULL || --row->refs > 0)
		return;
	free(row->protocol);
	free(row->name);
	schema_free(row->req);
	schema_free(row->conf);
	free(row->text_count);
	free(row);
}

static int
row_fill(struct action_row *row, const struct ocppd_action *action, struct ocppd_error *err)
{
	struct ocppd_fields fields;
	int r;

	row->protocol = str_dup(action->protocol);
	row->name = str_dup(action->name);
	row->text_count = calloc(1, sizeof(*row->text_count));
	if (row->protocol == NULL || row->name == NULL || row->text_count == NULL)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	fields.rows.items = action->req.items;
	fields.rows.count = action->req.count;
	fields.rows.stride = action->req.stride;
	r = schema_new(&fields, &row->req, err);
	if (r < 0)
		return r;
	fields.rows.items = action->conf.items;
	fields.rows.count = action->conf.count;
	fields.rows.stride = action->conf.stride;
	r = schema_new(&fields, &row->conf, err);
	if (r < 0)
		return r;
	row->mask = action->mask;
	row->has_secrets =
		row->mask != NULL || schema_has_secret(row->req) || schema_has_secret(row->conf);
	return 0;
}

static int
row_check(const struct ocppd_action *action, struct ocppd_error *err)
{
	if (action->protocol == NULL || action->protocol[0] == '\0' || action->name == NULL ||
	    action->name[0] == '\0')
		return ocppd_error_set(err, OCPPD_EINVAL, "an action has no protocol or no name");
	if (action->direction == 0 || (action->direction & ~DIRECTIONS) != 0)
		return ocppd_error_set(err, OCPPD_EINVAL, "action %s/%s has no valid direction",
				       action->protocol, action->name);
	if ((action->direction & OCPPD_FROM_STATION) != 0 && action->on_call == NULL)
		return ocppd_error_set(err, OCPPD_EINVAL, "action %s/%s has no on_call",
				       action->protocol, action->name);
	return 0;
}

static struct action_row *
row_find(const struct actions *actions, const struct ocppd_action *action)
{
	for (uint32_t i = 0; i < actions->row_count; i++) {
		struct action_row *row = actions->rows[i];

		if ((row->direction & action->direction) != 0 && str_eq(row->name, action->name) &&
		    str_eq(row->protocol, action->protocol))
			return row;
	}
	return NULL;
}

static int
rows_reserve(struct actions *actions)
{
	uint32_t size = actions->row_size == 0 ? 32 : actions->row_size * 2;
	struct action_row **rows;

	if (actions->row_count < actions->row_size)
		return 0;
	rows = reallocarray(actions->rows, size, sizeof(*rows));
	if (rows == NULL)
		return OCPPD_ENOMEM;
	actions->rows = rows;
	actions->row_size = size;
	return 0;
}

static int
row_count(struct ocpp *ocpp, struct action_row *row)
{
	if ((row->direction & OCPPD_FROM_STATION) != 0)
		row->from_tally = tally_get(ocpp, row->name, OCPPD_FROM_STATION);
	if ((row->direction & OCPPD_TO_STATION) != 0)
		row->to_tally = tally_get(ocpp, row->name, OCPPD_TO_STATION);
	if (((row->direction & OCPPD_FROM_STATION) != 0 && row->from_tally == NULL) ||
	    ((row->direction & OCPPD_TO_STATION) != 0 && row->to_tally == NULL))
		return OCPPD_ENOMEM;
	return 0;
}

static int
row_add(struct ocpp *ocpp, struct ocppd_host *host, const struct ocppd_action *action,
	struct ocppd_error *err)
{
	struct actions *actions = &ocpp->actions;
	struct ocppd_error why;
	struct action_row *row;
	int r = row_check(action, err);

	if (r < 0)
		return r;
	row = row_find(actions, action);
	if (row != NULL)
		return ocppd_error_set(
			err, OCPPD_EEXIST,
			"action %s/%s is claimed by module %s, and by module %s already",
			action->protocol, action->name, host->name, row->host->name);
	row = calloc(1, sizeof(*row));
	if (row == NULL || rows_reserve(actions) < 0) {
		free(row);
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	}
	row->refs = 1;
	row->direction = action->direction;
	row->flags = action->flags;
	row->host = host;
	row->action = action;
	r = row_fill(row, action, &why);
	if (r == 0 && row_count(ocpp, row) < 0)
		r = ocppd_error_set(&why, OCPPD_ENOMEM, "out of memory");
	if (r < 0) {
		row_unref(row);
		return ocppd_error_set(err, r, "action %s/%s: %s", action->protocol, action->name,
				       why.text);
	}
	actions->rows[actions->row_count++] = row;
	return 0;
}

bool
action_text_due(const struct action_row *row, uint64_t every)
{
	return (*row->text_count)++ % every == 0;
}

/* ---- Tables ------------------------------------------------------------------------------- */

static void
words_free(struct map *words)
{
	struct action_word *word;
	size_t at = 0;

	while ((word = map_next(words, &at)) != NULL) {
		free(word->name);
		free(word);
	}
	map_fini(words);
}

static void
table_free(struct action_table *table)
{
	if (table == NULL)
		return;
	for (uint32_t i = 0; i < table->protocol_count; i++) {
		map_fini(&table->protocols[i].from);
		map_fini(&table->protocols[i].to);
		words_free(&table->protocols[i].words);
	}
	for (uint32_t i = 0; i < table->row_count; i++)
		row_unref(table->rows[i]);
	free(table->protocols);
	free(table->rows);
	free(table);
}

/* Protocols are named once for the daemon's life, in order of loading. */
static int
protocol_add(struct actions *actions, const char *name)
{
	for (uint32_t i = 0; i < actions->protocol_count; i++) {
		if (str_eq(actions->protocols[i], name))
			return (int)i;
	}
	if (actions->protocol_count == PROTOCOLS_MAX)
		return OCPPD_ESPACE;
	actions->protocols[actions->protocol_count] = str_dup(name);
	if (actions->protocols[actions->protocol_count] == NULL)
		return OCPPD_ENOMEM;
	return (int)actions->protocol_count++;
}

static int
table_add_row(struct actions *actions, struct action_table *table, struct action_row *row)
{
	int at = protocol_add(actions, row->protocol);
	int r = 0;

	if (at < 0)
		return at;
	row->refs++;
	table->rows[table->row_count++] = row;
	if ((row->direction & OCPPD_FROM_STATION) != 0)
		r = map_put(&table->protocols[at].from, row->name, row);
	if (r == 0 && (row->direction & OCPPD_TO_STATION) != 0)
		r = map_put(&table->protocols[at].to, row->name, row);
	return r;
}

static int
table_add_word(struct actions *actions, struct action_table *table, const struct ocppd_word *from)
{
	struct action_word *word;
	int at;

	if (from->protocol == NULL || from->name == NULL)
		return OCPPD_EINVAL;
	at = protocol_add(actions, from->protocol);
	if (at < 0)
		return at;
	word = map_find(&table->protocols[at].words, from->name);
	if (word != NULL) {
		word->direction |= from->direction;
		word->flags |= from->flags;
		return 0;
	}
	word = calloc(1, sizeof(*word));
	if (word == NULL)
		return OCPPD_ENOMEM;
	word->direction = from->direction;
	word->flags = from->flags;
	word->name = str_dup(from->name);
	if (word->name == NULL || map_put(&table->protocols[at].words, word->name, word) < 0) {
		free(word->name);
		free(word);
		return OCPPD_ENOMEM;
	}
	return 0;
}

/* A declared word counts under its own name, whether a module handles it or not. */
static int
word_count(struct ocpp *ocpp, const struct ocppd_word *word)
{
	if ((word->direction & OCPPD_FROM_STATION) != 0 &&
	    tally_get(ocpp, word->name, OCPPD_FROM_STATION) == NULL)
		return OCPPD_ENOMEM;
	if ((word->direction & OCPPD_TO_STATION) != 0 &&
	    tally_get(ocpp, word->name, OCPPD_TO_STATION) == NULL)
		return OCPPD_ENOMEM;
	return 0;
}

static int
table_add_words(struct ocpp *ocpp, struct action_table *table)
{
	struct ocpp_host *record;
	int r = 0;

	LIST_FOREACH (record, &ocpp->hosts, all) {
		if (!record->is_attached)
			continue;
		for (uint32_t i = 0; i < record->host->plugin->vocabulary.count && r == 0; i++) {
			const struct ocppd_word *word = &record->host->plugin->vocabulary.items[i];

			r = table_add_word(&ocpp->actions, table, word);
			if (r == 0)
				r = word_count(ocpp, word);
		}
	}
	return r;
}

static struct action_table *
table_new(struct ocpp *ocpp)
{
	struct actions *actions = &ocpp->actions;
	struct action_table *table = calloc(1, sizeof(*table));
	int r = 0;

	if (table == NULL)
		return NULL;
	table->refs = 1;
	table->is_strict = ocpp->conf.is_strict != 0;
	table->keeps_frames = ocpp->frames.ring != NULL;
	table->rows = calloc(actions->row_count + 1, sizeof(struct action_row *));
	table->protocols = calloc(PROTOCOLS_MAX, sizeof(*table->protocols));
	if (table->rows == NULL || table->protocols == NULL)
		goto fail;
	table->protocol_count = PROTOCOLS_MAX;
	for (uint32_t i = 0; i < actions->row_count && r == 0; i++)
		r = table_add_row(actions, table, actions->rows[i]);
	if (r == 0)
		r = table_add_words(ocpp, table);
	if (r < 0)
		goto fail;
	table->protocol_count = actions->protocol_count;
	for (uint32_t i = 0; i < table->protocol_count; i++)
		table->protocols[i].name = actions->protocols[i];
	return table;
fail:
	table_free(table);
	return NULL;
}

int
actions_publish(struct ocpp *ocpp)
{
	struct action_table *table = table_new(ocpp);

	if (table == NULL)
		return OCPPD_ENOMEM;
	action_table_release(ocpp->actions.table);
	ocpp->actions.table = table;
	if (ocpp->actions.listener != NULL)
		ocpp->actions.listener(table, ocpp->actions.listener_arg);
	return 0;
}

void
action_table_hold(struct action_table *table)
{
	table->refs++;
}

void
action_table_release(struct action_table *table)
{
	if (table == NULL)
		return;
	OCPPD_ASSERT(table->refs > 0);
	if (--table->refs == 0)
		table_free(table);
}

/* ---- Modules come and go ------------------------------------------------------------------ */

int
actions_init(struct ocpp *ocpp)
{
	ocpp->actions.protocols = calloc(PROTOCOLS_MAX + 1, sizeof(char *));
	if (ocpp->actions.protocols == NULL)
		return OCPPD_ENOMEM;
	return actions_publish(ocpp);
}

void
actions_fini(struct ocpp *ocpp)
{
	struct actions *actions = &ocpp->actions;

	action_table_release(actions->table);
	for (uint32_t i = 0; i < actions->row_count; i++)
		row_unref(actions->rows[i]);
	free(actions->rows);
	for (uint32_t i = 0; i < actions->protocol_count; i++)
		free(actions->protocols[i]);
	free(actions->protocols);
	memset(actions, 0, sizeof(*actions));
}

int
actions_attach(struct ocpp *ocpp, struct ocppd_host *host, struct ocppd_error *err)
{
	struct ocpp_host *record = ocpp_host_get(host);
	int r = 0;

	if (record == NULL)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	for (uint32_t i = 0; i < host->plugin->actions.count && r == 0; i++)
		r = row_add(ocpp, host, &host->plugin->actions.items[i], err);
	for (uint32_t i = 0; i < record->added_count && r == 0; i++)
		r = row_add(ocpp, host, &record->added[i], err);
	if (r < 0) {
		actions_detach(ocpp, host);
		return r;
	}
	record->is_attached = true;
	return 0;
}

void
actions_detach(struct ocpp *ocpp, struct ocppd_host *host)
{
	struct actions *actions = &ocpp->actions;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < actions->row_count; i++) {
		struct action_row *row = actions->rows[i];

		if (row->host != host) {
			actions->rows[kept++] = row;
			continue;
		}
		/* Tables still in use keep the row; nobody is called through it any more. */
		row->host = NULL;
		row->action = NULL;
		row_unref(row);
	}
	actions->row_count = kept;
}

/* ---- Public ------------------------------------------------------------------------------- */

int
ocppd_action_add(struct ocppd_host *host, const struct ocppd_action *action,
		 struct ocppd_error *err)
{
	struct ocpp_host *record = ocpp_host_get(host);
	struct ocppd_action *added;

	if (record == NULL)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	if (record->is_attached)
		return ocppd_error_set(err, OCPPD_ESTATE, "actions are added in init only");
	added = reallocarray(record->added, record->added_count + 1, sizeof(*added));
	if (added == NULL)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	record->added = added;
	added[record->added_count++] = *action;
	return 0;
}

int
ocppd_action_each(struct ocppd_host *host, ocppd_action_fn *fn, void *arg)
{
	const struct actions *actions = &ocpp_of(host)->actions;

	for (uint32_t p = 0; p < actions->protocol_count; p++) {
		for (uint32_t i = 0; i < actions->row_count; i++) {
			const struct action_row *row = actions->rows[i];
			int r;

			if (!str_eq(row->protocol, actions->protocols[p]))
				continue;
			r = fn(row->action, row->host->name, arg);
			if (r != 0)
				return r;
		}
	}
	return 0;
}

const char *const *
ocpp_protocols(struct ocppd_core *core)
{
	return (const char *const *)core->ocpp->actions.protocols;
}

struct action_table *
ocpp_table_current(struct ocppd_core *core)
{
	action_table_hold(core->ocpp->actions.table);
	return core->ocpp->actions.table;
}

void
ocpp_set_table_listener(struct ocppd_core *core, void (*fn)(struct action_table *table, void *arg),
			void *arg)
{
	core->ocpp->actions.listener = fn;
	core->ocpp->actions.listener_arg = arg;
}
