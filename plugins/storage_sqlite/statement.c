/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * The statements of all modules, translated once. They are found by the address of the module's own
 * text, which is constant data of an object that is never unloaded; the text is compared as well,
 * so that a module started again with another table can never get a stale one.
 */
#include "storage.h"

#include <stdlib.h>

#include "dialect.h"

static void
statement_free(struct statement *statement)
{
	if (statement == NULL)
		return;
	free(statement->source);
	free(statement->sql);
	free(statement->module);
	free(statement->name);
	free(statement->reason);
	free(statement);
}

void
statements_fini(struct statements *statements)
{
	for (uint32_t i = 0; i < statements->count; i++)
		statement_free(statements->items[i]);
	free(statements->items);
	free(statements->slots);
	*statements = (struct statements){ 0 };
}

static uint32_t
slot_of(const struct statements *statements, const char *key)
{
	uint64_t hash = (uint64_t)(uintptr_t)key * 0x9e3779b97f4a7c15u;

	return (uint32_t)(hash >> 32) & (statements->slot_count - 1);
}

static struct statement *
find(const struct statements *statements, const struct ocppd_statement *row, const char *module)
{
	uint32_t i;

	if (statements->slot_count == 0)
		return NULL;
	for (i = slot_of(statements, row->sql); statements->slots[i] != NULL;
	     i = (i + 1) & (statements->slot_count - 1)) {
		struct statement *statement = statements->slots[i];

		if (statement->key == row->sql && statement->flags == row->flags &&
		    strcmp(statement->module, module) == 0 &&
		    strcmp(statement->source, row->sql) == 0)
			return statement;
	}
	return NULL;
}

static void
put_slot(struct statements *statements, struct statement *statement)
{
	uint32_t i = slot_of(statements, statement->key);

	while (statements->slots[i] != NULL)
		i = (i + 1) & (statements->slot_count - 1);
	statements->slots[i] = statement;
}

/* Room for one more, with the slots at most half full. */
static int
grow(struct statements *statements)
{
	uint32_t size = statements->size == 0 ? 64 : statements->size * 2;
	struct statement **items;
	struct statement **slots;

	if (statements->count < statements->size)
		return 0;
	slots = calloc((size_t)size * 2, sizeof(*slots));
	if (slots == NULL)
		return OCPPD_ENOMEM;
	items = realloc(statements->items, size * sizeof(*items));
	if (items == NULL) {
		free(slots);
		return OCPPD_ENOMEM;
	}
	free(statements->slots);
	statements->items = items;
	statements->size = size;
	statements->slots = slots;
	statements->slot_count = size * 2;
	for (uint32_t i = 0; i < statements->count; i++)
		put_slot(statements, items[i]);
	return 0;
}

static struct statement *
make(struct storage *storage, const struct ocppd_statement *row, const char *module)
{
	struct statements *statements = &storage->statements;
	struct statement *statement;
	struct ocppd_error err = { 0 };
	int r;

	if (grow(statements) < 0)
		return NULL;
	statement = calloc(1, sizeof(*statement));
	if (statement == NULL)
		return NULL;
	statement->id = statements->count;
	statement->flags = row->flags;
	statement->key = row->sql;
	statement->source = strdup(row->sql);
	statement->module = strdup(module);
	statement->name = strdup(row->name != NULL ? row->name : "");
	if (statement->source == NULL || statement->module == NULL || statement->name == NULL) {
		statement_free(statement);
		return NULL;
	}
	r = dialect_translate(
		row->sql, (row->flags & OCPPD_STATEMENT_READ) != 0 ? DIALECT_QUERY : DIALECT_UNIT,
		&statement->sql, &statement->params, &err);
	if (r == OCPPD_EINVAL)
		statement->reason = strdup(err.text);
	if (r < 0 && statement->reason == NULL) {
		statement_free(statement);
		return NULL;
	}
	statements->items[statements->count++] = statement;
	put_slot(statements, statement);
	return statement;
}

const struct statement *
statements_get(struct storage *storage, struct ocppd_host *host, uint32_t number,
	       struct ocppd_error *err)
{
	const struct ocppd_statement *row = ocppd_host_statement(host, number);
	const char *module = ocppd_host_name(host);
	struct statement *statement;

	if (row == NULL || row->sql == NULL) {
		(void)ocppd_error_set(err, OCPPD_EINVAL, "module %s has no statement %u", module,
				      number);
		return NULL;
	}
	statement = find(&storage->statements, row, module);
	if (statement == NULL)
		statement = make(storage, row, module);
	if (statement == NULL) {
		(void)ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
		return NULL;
	}
	if (statement->sql == NULL) {
		(void)ocppd_error_set(err, OCPPD_EINVAL, "statement %s of module %s: %s",
				      statement->name, statement->module, statement->reason);
		return NULL;
	}
	return statement;
}
