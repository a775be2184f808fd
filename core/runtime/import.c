/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * The border copy: guard first, then the descriptor and every row, table in table, into zeroed
 * structs of this build. A missing tail is zero and means "as before"; a surplus tail must be zero,
 * else the module relies on something that this core lacks. Core code never sees a short struct.
 */
#include "runtime/import.h"

#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "runtime/import_rules.h"

#define TABLE_DEPTH_MAX 12    /* fields in fields, options in options */
#define ROWS_TOTAL_MAX 65536u /* of one descriptor: tables may be shared, hence copied often */
#define CONF_SIZE_MAX 1048576u
#define STRUCT_SIZE_MAX 65536u
#define STRIDE_MAX 4096u
#define DESCRIPTOR_LEAST                                                                           \
	(offsetof(struct ocppd_plugin, shutdown) + sizeof(((struct ocppd_plugin *)0)->shutdown))

/* Any OCPPD_ROWS. */
struct rows {
	const void *items;
	uint32_t count;
	uint32_t stride;
};

struct importer {
	const char *name; /* of the module, for messages */
	struct arena *arena;
	struct problems *problems;
	struct buf path; /* `actions[2] "Boot": ` */
	uint32_t row_count;
	int result;
	struct rule_scope scope;
};

static void
refuse(struct importer *importer, int code, const char *text)
{
	const char *path = importer->path.data == NULL ? "" : importer->path.data;

	(void)problems_addf(importer->problems, NULL, code, "module %s: %s%s", importer->name, path,
			    text);
	if (importer->result != OCPPD_ENOMEM)
		importer->result = code;
}

static void
refuse_memory(struct importer *importer)
{
	refuse(importer, OCPPD_ENOMEM, "out of memory");
}

/* Refuses with what a rule wrote, if anything. */
static void
refuse_why(struct importer *importer, struct buf *why)
{
	if (why->error < 0)
		refuse_memory(importer);
	else if (why->len > 0)
		refuse(importer, OCPPD_EINVAL, why->data);
	buf_fini(why);
}

static size_t
path_push(struct importer *importer, const char *table, uint32_t i, const char *label)
{
	size_t len = importer->path.len;

	buf_printf(&importer->path, "%s[%" PRIu32 "]", table, i);
	if (label != NULL)
		buf_printf(&importer->path, " \"%.48s\"", label);
	buf_add_str(&importer->path, ": ");
	return len;
}

static void
path_pop(struct importer *importer, size_t len)
{
	if (importer->path.data == NULL)
		return;

	importer->path.len = len;
	importer->path.data[len] = '\0';
}

static bool
is_zero(const unsigned char *data, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (data[i] != 0)
			return false;
	}
	return true;
}

/* ---- Tables --------------------------------------------------------------------------------- */

static void
check_table(struct importer *importer, const struct table_rule *rule, const struct rows *rows)
{
	struct buf why = { 0 };

	if (rows->items == NULL)
		buf_printf(&why, "%s: items is NULL with a count of %" PRIu32, rule->name,
			   rows->count);
	else if (rows->count > rule->max_rows)
		buf_printf(&why, "%s: %" PRIu32 " rows; at most %" PRIu32 " are allowed",
			   rule->name, rows->count, rule->max_rows);
	else if (rows->stride < rule->row_least)
		buf_printf(&why,
			   "%s: a stride of %" PRIu32 " bytes is below the row's %zu; use "
			   "OCPPD_TABLE",
			   rule->name, rows->stride, rule->row_least);
	else if (rows->stride % rule->row_align != 0 || rows->stride > STRIDE_MAX ||
		 (uintptr_t)rows->items % rule->row_align != 0)
		buf_printf(&why,
			   "%s: rows at a stride of %" PRIu32 " bytes are not aligned; use "
			   "OCPPD_TABLE",
			   rule->name, rows->stride);
	else if (importer->scope.depth > TABLE_DEPTH_MAX)
		buf_printf(&why, "%s: tables are nested deeper than %d levels", rule->name,
			   TABLE_DEPTH_MAX);
	else if (importer->row_count + rows->count > ROWS_TOTAL_MAX)
		buf_printf(&why, "%s: the descriptor has more than %u rows in all", rule->name,
			   ROWS_TOTAL_MAX);
	refuse_why(importer, &why);
}

static void
check_row(struct importer *importer, const struct table_rule *rule, const unsigned char *items,
	  uint32_t i)
{
	const unsigned char *row = items + i * rule->row_size;
	struct buf why = { 0 };
	uint32_t k;

	importer->scope.index = i;
	importer->scope.before = i == 0 ? NULL : row - rule->row_size;
	rule->check(&importer->scope, row, &why);
	for (k = 0; why.len == 0 && rule->is_same != NULL && k < i; k++) {
		if (rule->is_same(items + k * rule->row_size, row))
			buf_printf(&why, "row %" PRIu32 " has the same name; leave one out", k);
	}
	refuse_why(importer, &why);
}

static bool import_nested(struct importer *importer, const struct table_rule *rule,
			  unsigned char *row);

static const char *
label_of(const struct table_rule *rule, const unsigned char *row)
{
	const char *label;

	memcpy(&label, row + rule->label_offset, sizeof(label));
	return label;
}

static void
import_row(struct importer *importer, const struct table_rule *rule, const unsigned char *source,
	   uint32_t stride, unsigned char *row)
{
	size_t common = stride < rule->row_size ? stride : rule->row_size;

	memcpy(row, source, common);
	if (!is_zero(source + common, stride - common))
		refuse(importer, OCPPD_EVERSION,
		       "sets a member that this daemon does not know; update ocppd");
}

/* parent: the imported struct that holds the table, whose items are replaced by copies. */
static void
import_table(struct importer *importer, const struct table_rule *rule, unsigned char *parent)
{
	struct rows rows;
	unsigned char *items;
	int before = importer->result;
	uint32_t i;

	memcpy(&rows, parent + rule->offset, sizeof(rows));
	memset(parent + rule->offset, 0, sizeof(rows));
	if (rows.count == 0)
		return;

	importer->result = 0;
	check_table(importer, rule, &rows);
	items = importer->result < 0 ? NULL
				     : arena_array(importer->arena, rows.count, rule->row_size);
	if (items == NULL) {
		if (importer->result == 0)
			refuse_memory(importer);
		return;
	}
	importer->row_count += rows.count;
	for (i = 0; i < rows.count; i++) {
		unsigned char *row = items + i * rule->row_size;
		const unsigned char *source =
			(const unsigned char *)rows.items + (size_t)i * rows.stride;
		size_t len;

		import_row(importer, rule, source, rows.stride, row);
		len = path_push(importer, rule->name, i, label_of(rule, row));
		if (import_nested(importer, rule, row))
			check_row(importer, rule, items, i);
		path_pop(importer, len);
	}
	rows = (struct rows){ items, rows.count, (uint32_t)rule->row_size };
	memcpy(parent + rule->offset, &rows, sizeof(rows));
	if (importer->result == 0)
		importer->result = before;
}

/* False if a table below the row was refused: rules of the row would only repeat that. */
static bool
import_nested(struct importer *importer, const struct table_rule *rule, unsigned char *row)
{
	struct rule_scope outer = importer->scope;
	const struct table_rule *inner;
	int before = importer->result;
	struct ocppd_option option;
	bool is_well;

	importer->result = 0;
	importer->scope.depth++;
	/* Options of a section fill its struct, not the module's. Other rows do not look at it. */
	if (str_eq(rule->name, "options")) {
		memcpy(&option, row, sizeof(option));
		importer->scope.struct_size = option.item_size;
	}
	for (inner = rule->tables; inner != NULL && inner->name != NULL; inner++)
		import_table(importer, inner, row);
	importer->scope = outer;
	is_well = importer->result == 0;
	if (is_well)
		importer->result = before;
	return is_well;
}

/* ---- Descriptor ----------------------------------------------------------------------------- */

/* The frozen guard; nothing else may be read before. */
static void
check_guard(struct importer *importer, const struct ocppd_guard *guard)
{
	struct buf why = { 0 };

	if (guard->magic != OCPPD_ABI_MAGIC)
		buf_printf(&why,
			   "its descriptor begins with 0x%08" PRIx32 ", not with the magic 0x%08x; "
			   "begin it with OCPPD_GUARD",
			   guard->magic, OCPPD_ABI_MAGIC);
	else if (guard->abi_major != OCPPD_ABI_MAJOR)
		buf_printf(&why,
			   "is built for ABI %u, this daemon has %d.%d; build it with this "
			   "daemon's headers",
			   guard->abi_major, OCPPD_ABI_MAJOR, OCPPD_ABI_MINOR);
	else if (guard->abi_minor > OCPPD_ABI_MINOR)
		buf_printf(&why,
			   "needs ABI %d.%u, this daemon has %d.%d; update ocppd, or build the "
			   "module with -DOCPPD_USE_MINOR=%d",
			   OCPPD_ABI_MAJOR, guard->abi_minor, OCPPD_ABI_MAJOR, OCPPD_ABI_MINOR,
			   OCPPD_ABI_MINOR);
	else if (guard->reserved != 0)
		buf_add_str(&why, "its guard's reserved member is not 0; use OCPPD_GUARD");
	else if (guard->struct_size < DESCRIPTOR_LEAST || guard->struct_size > STRUCT_SIZE_MAX)
		buf_printf(&why,
			   "its descriptor has %" PRIu32
			   " bytes, ABI %d.0 has %zu; use OCPPD_GUARD",
			   guard->struct_size, OCPPD_ABI_MAJOR, DESCRIPTOR_LEAST);
	refuse_why(importer, &why);
}

static void
check_name(struct importer *importer, const struct ocppd_plugin *plugin, const char *file_name)
{
	struct buf why = { 0 };

	if (plugin->name == NULL)
		buf_add_str(&why, "its descriptor has no name");
	else if (!module_name_valid(plugin->name))
		buf_printf(&why, "its name \"%.64s\" must match [a-z0-9_]{1,32}", plugin->name);
	else if (file_name != NULL && !str_eq(plugin->name, file_name))
		buf_printf(&why,
			   "the descriptor in %s.so is named \"%s\"; rename the file to %s.so, or "
			   "the descriptor",
			   file_name, plugin->name, plugin->name);
	refuse_why(importer, &why);
}

static void
check_scalars(struct importer *importer, const struct ocppd_plugin *plugin)
{
	if (plugin->version == NULL || plugin->version[0] == '\0')
		refuse(importer, OCPPD_EINVAL, "its descriptor has no version, such as \"1.0.0\"");
	if (plugin->summary == NULL || plugin->summary[0] == '\0')
		refuse(importer, OCPPD_EINVAL,
		       "its descriptor has no summary; say in one line what it does");
	if (plugin->flags != 0)
		refuse(importer, OCPPD_EVERSION,
		       "its descriptor sets a flag that this daemon does not know; update ocppd");
	if (plugin->conf_size > CONF_SIZE_MAX)
		refuse(importer, OCPPD_EINVAL,
		       "its conf_size is above 1 MiB; set it to sizeof the options' struct");
}

static void
import_descriptor(struct importer *importer, const struct ocppd_plugin *source,
		  const char *file_name, struct ocppd_plugin *plugin)
{
	const struct table_rule *rule;
	struct buf why = { 0 };
	uint32_t size = source->guard.struct_size;
	size_t common = size < sizeof(*plugin) ? size : sizeof(*plugin);

	memcpy(plugin, source, common);
	if (!is_zero((const unsigned char *)source + common, size - common))
		refuse(importer, OCPPD_EVERSION,
		       "its descriptor sets a member that this daemon does not know; update ocppd");
	check_name(importer, plugin, file_name);
	check_scalars(importer, plugin);
	importer->scope.plugin = plugin;
	importer->scope.struct_size = plugin->conf_size;
	for (rule = import_tables; rule->name != NULL; rule++)
		import_table(importer, rule, (unsigned char *)plugin);
	if (importer->result == 0)
		import_check_whole(plugin, &why);
	refuse_why(importer, &why);
}

int
plugin_import(const struct ocppd_plugin *plugin, const char *name, struct arena *arena,
	      const struct ocppd_plugin **ret_plugin, struct problems *problems)
{
	struct importer importer = { .name = name, .arena = arena, .problems = problems };
	struct ocppd_plugin *copy;

	if (name == NULL)
		importer.name = "in memory";
	check_guard(&importer, &plugin->guard);
	if (importer.result < 0)
		return importer.result;

	copy = arena_alloc(arena, sizeof(*copy));
	if (copy == NULL) {
		refuse_memory(&importer);
		return importer.result;
	}
	if (name == NULL && plugin->name != NULL)
		importer.name = plugin->name;
	import_descriptor(&importer, plugin, name, copy);
	buf_fini(&importer.path);
	if (importer.result < 0)
		return importer.result;

	*ret_plugin = copy;
	return 0;
}

int
ocppd_plugin_check(const struct ocppd_plugin *plugin, struct ocppd_error *err)
{
	const struct ocppd_plugin *copy;
	struct problems problems = { 0 };
	struct arena arena = { 0 };
	int r;

	if (plugin == NULL)
		return ocppd_error_set(err, OCPPD_EINVAL, "there is no descriptor");

	r = plugin_import(plugin, NULL, &arena, &copy, &problems);
	if (r < 0 && err != NULL) {
		if (problems.count > 0)
			*err = problems.items[0];
		else
			(void)ocppd_error_set(err, r, "out of memory");
	}
	problems_fini(&problems);
	arena_fini(&arena);
	return r;
}
