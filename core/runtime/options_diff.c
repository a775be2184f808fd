/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * What a reload changes: two structs filled by one table, compared option by option, and what must
 * not change carried over.
 */
#include "runtime/options.h"

#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "runtime/conf.h"

struct diff {
	struct buf path;
	options_diff_fn *fn;
	void *arg;
	uint32_t count;
};

static bool
nodes_equal(const struct ocppd_node *a, const struct ocppd_node *b)
{
	uint32_t i;

	if (ocppd_node_kind(a) != ocppd_node_kind(b) ||
	    ocppd_node_count(a) != ocppd_node_count(b) ||
	    !str_eq(ocppd_node_text(a), ocppd_node_text(b)))
		return false;

	for (i = 0; i < ocppd_node_count(a); i++) {
		if (!str_eq(ocppd_node_key(a, i), ocppd_node_key(b, i)) ||
		    !nodes_equal(ocppd_node_at(a, i), ocppd_node_at(b, i)))
			return false;
	}
	return true;
}

static bool
texts_equal(const void *a, const void *b)
{
	const char *left;
	const char *right;

	memcpy(&left, a, sizeof(left));
	memcpy(&right, b, sizeof(right));
	return str_eq(left, right);
}

static bool
strings_equal(const void *a, const void *b)
{
	struct ocppd_strings left;
	struct ocppd_strings right;
	uint32_t i;

	memcpy(&left, a, sizeof(left));
	memcpy(&right, b, sizeof(right));
	if (left.count != right.count)
		return false;

	for (i = 0; i < left.count; i++) {
		if (!str_eq(left.items[i], right.items[i]))
			return false;
	}
	return true;
}

static bool
sections_equal(const struct ocppd_option *option, const void *a, const void *b)
{
	struct ocppd_sections left;
	struct ocppd_sections right;
	struct options table;
	uint32_t i;

	memcpy(&left, a, sizeof(left));
	memcpy(&right, b, sizeof(right));
	if (left.count != right.count)
		return false;

	memcpy(&table.rows, &option->options, sizeof(table.rows));
	for (i = 0; i < left.count; i++) {
		if (options_diff(&table, (const char *)left.items + (size_t)i * left.stride,
				 (const char *)right.items + (size_t)i * right.stride, NULL,
				 NULL) > 0)
			return false;
	}
	return true;
}

static bool
members_equal(const struct ocppd_option *option, const void *a, const void *b)
{
	const struct ocppd_node *left;
	const struct ocppd_node *right;

	switch (option->type) {
	case OCPPD_CONF_STRING:
	case OCPPD_CONF_PATH:
	case OCPPD_CONF_ADDRESS:
	case OCPPD_CONF_SECRET:
		return texts_equal(a, b);
	case OCPPD_CONF_STRINGS:
	case OCPPD_CONF_PATHS:
		return strings_equal(a, b);
	case OCPPD_CONF_SECTIONS:
		return sections_equal(option, a, b);
	case OCPPD_CONF_NODE:
		memcpy(&left, a, sizeof(left));
		memcpy(&right, b, sizeof(right));
		return nodes_equal(left, right);
	default:
		return memcmp(a, b, option_member_size(option, NULL)) == 0;
	}
}

static void
diff_map(struct diff *diff, const struct options *table, const void *a, const void *b,
	 bool is_reloadable)
{
	uint32_t i;

	for (i = 0; i < table->rows.count; i++) {
		const struct ocppd_option *option = &table->rows.items[i];
		const char *left = (const char *)a + option->offset;
		const char *right = (const char *)b + option->offset;
		bool may = is_reloadable || (option->flags & OCPPD_RELOADABLE) != 0;
		size_t len = diff->path.len;

		buf_printf(&diff->path, "%s%s", len > 0 ? "." : "", option->name);
		if (option->type == OCPPD_CONF_SECTION) {
			struct options inner;

			memcpy(&inner.rows, &option->options, sizeof(inner.rows));
			diff_map(diff, &inner, left, right, may);
		} else if (!members_equal(option, left, right)) {
			diff->count++;
			if (diff->fn != NULL)
				diff->fn(diff->path.data == NULL ? option->name : diff->path.data,
					 option, may, diff->arg);
		}
		if (diff->path.data != NULL) {
			diff->path.len = len;
			diff->path.data[len] = '\0';
		}
	}
}

uint32_t
options_diff(const struct options *table, const void *a, const void *b, options_diff_fn *fn,
	     void *arg)
{
	struct diff diff = { .fn = fn, .arg = arg };

	diff_map(&diff, table, a, b, false);
	buf_fini(&diff.path);
	return diff.count;
}

void
options_keep(const struct options *table, const void *from, void *to)
{
	uint32_t i;

	for (i = 0; i < table->rows.count; i++) {
		const struct ocppd_option *option = &table->rows.items[i];
		const char *source = (const char *)from + option->offset;
		char *target = (char *)to + option->offset;

		if ((option->flags & OCPPD_RELOADABLE) != 0)
			continue;

		if (option->type == OCPPD_CONF_SECTION) {
			struct options inner;

			memcpy(&inner.rows, &option->options, sizeof(inner.rows));
			options_keep(&inner, source, target);
		} else {
			memcpy(target, source, option_member_size(option, NULL));
		}
	}
}
