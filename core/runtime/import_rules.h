/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_RUNTIME_IMPORT_RULES_H
#define OCPPD_RUNTIME_IMPORT_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ocppd/plugin.h>

/*
 * The tables of a descriptor as data: sizes, nesting, and what each row must fulfil. import.c walks
 * them, import_rules.c holds them.
 */
struct buf;

/* What the rules of a row may want to know of its surroundings. */
struct rule_scope {
	const struct ocppd_plugin *plugin; /* scalars of the descriptor, imported */
	uint32_t depth;                    /* 0: the descriptor's own table */
	uint32_t index;
	uint32_t struct_size; /* options: of the struct that they fill */
	const void *before;   /* the row before this one, imported; NULL: none */
};

/* Appends a complaint to `why`, with its remedy, or nothing if the row (imported) is well. */
typedef void rule_fn(const struct rule_scope *scope, const void *row, struct buf *why);
typedef bool same_fn(const void *a, const void *b);

struct table_rule {
	const char *name; /* the member that holds it */
	size_t offset;    /* of that member in its parent */
	size_t row_size;  /* in this build */
	size_t row_least; /* in ABI 1.0 */
	size_t row_align;
	size_t label_offset; /* of the const char * that names a row in messages */
	uint32_t max_rows;
	rule_fn *check;
	same_fn *is_same;                /* NULL: rows may be equal */
	const struct table_rule *tables; /* nested, name NULL at the end; NULL: none */
};

/* The descriptor's tables, in order; name NULL at the end. */
extern const struct table_rule import_tables[];

/* Rules across tables, of the imported descriptor. */
void import_check_whole(const struct ocppd_plugin *plugin, struct buf *why);

#endif
