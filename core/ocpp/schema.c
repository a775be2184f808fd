/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Compiles tables of fields: checks them, copies their texts, links nested tables. The result is
 * never changed again. Also keeps lists of findings. The checking itself is check.c.
 */
#include "ocpp/schema.h"

#include "base/text.h"

#define RAW_MAX 255

static int
copy_one_of(const char *const *words, char ***ret_words)
{
	size_t count = 0;
	size_t size = 0;
	char **list;
	char *text;

	while (words[count] != NULL)
		size += strlen(words[count++]) + 1;
	list = malloc((count + 1) * sizeof(*list) + size);
	if (list == NULL)
		return OCPPD_ENOMEM;
	text = (char *)(list + count + 1);
	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(words[i]) + 1;

		memcpy(text, words[i], len);
		list[i] = text;
		text += len;
	}
	list[count] = NULL;
	*ret_words = list;
	return 0;
}

static int
check_row(const struct ocppd_field *row, uint32_t depth, struct ocppd_error *err)
{
	if (row->name == NULL || row->name[0] == '\0')
		return ocppd_error_set(err, OCPPD_EINVAL, "a field has no name");
	if (row->type < OCPPD_T_STRING || row->type > OCPPD_T_NUMBER)
		return ocppd_error_set(err, OCPPD_EINVAL, "field %s has the unknown type %u",
				       row->name, row->type);
	if (row->type == OCPPD_T_OBJECT && depth + 1 >= SCHEMA_DEPTH_MAX)
		return ocppd_error_set(err, OCPPD_EINVAL, "field %s is nested deeper than %d",
				       row->name, SCHEMA_DEPTH_MAX);
	return 0;
}

static int
compile_field(const struct ocppd_field *row, struct schema_field *field)
{
	field->name = str_dup(row->name);
	if (field->name == NULL)
		return OCPPD_ENOMEM;
	field->name_len = strlen(row->name);
	field->type = row->type;
	field->flags = row->flags;
	field->min = row->min;
	field->max = row->max;
	field->max_items = row->max_items;
	if (row->fallback != NULL) {
		field->fallback = str_dup(row->fallback);
		if (field->fallback == NULL)
			return OCPPD_ENOMEM;
	}
	if (row->one_of != NULL)
		return copy_one_of(row->one_of, &field->one_of);
	return 0;
}

/* A row in this build's layout, whatever the module was built with. */
static void
row_read(const struct ocppd_fields *fields, uint32_t i, struct ocppd_field *ret_row)
{
	size_t stride = fields->rows.stride != 0 ? fields->rows.stride : sizeof(*ret_row);
	const char *from = (const char *)fields->rows.items + i * stride;

	memset(ret_row, 0, sizeof(*ret_row));
	memcpy(ret_row, from, stride < sizeof(*ret_row) ? stride : sizeof(*ret_row));
}

static int compile(const struct ocppd_fields *fields, uint32_t depth, struct schema **ret_schema,
		   struct ocppd_error *err);

static int
compile_row(const struct ocppd_field *row, uint32_t depth, struct schema_field *field,
	    struct ocppd_error *err)
{
	struct ocppd_fields nested;

	if (compile_field(row, field) < 0)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	if (row->type != OCPPD_T_OBJECT)
		return 0;
	nested.rows.items = row->fields.items;
	nested.rows.count = row->fields.count;
	nested.rows.stride = row->fields.stride;
	return compile(&nested, depth + 1, &field->fields, err);
}

static int
compile(const struct ocppd_fields *fields, uint32_t depth, struct schema **ret_schema,
	struct ocppd_error *err)
{
	struct schema *schema;
	uint32_t count = fields->rows.count;
	int r = 0;

	if (count > SCHEMA_FIELDS_MAX)
		return ocppd_error_set(err, OCPPD_EINVAL, "a table has %u fields, at most %d fit",
				       count, SCHEMA_FIELDS_MAX);
	schema = calloc(1, sizeof(*schema) + count * sizeof(schema->fields[0]));
	if (schema == NULL)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	for (uint32_t i = 0; i < count && r == 0; i++) {
		struct ocppd_field row;

		row_read(fields, i, &row);
		r = check_row(&row, depth, err);
		if (r < 0)
			break;
		schema->count++;
		r = compile_row(&row, depth, &schema->fields[i], err);
	}
	if (r < 0) {
		schema_free(schema);
		return r;
	}
	*ret_schema = schema;
	return 0;
}

int
schema_new(const struct ocppd_fields *fields, struct schema **ret_schema, struct ocppd_error *err)
{
	return compile(fields, 0, ret_schema, err);
}

void
schema_free(struct schema *schema)
{
	if (schema == NULL)
		return;
	for (uint32_t i = 0; i < schema->count; i++) {
		free(schema->fields[i].name);
		free(schema->fields[i].fallback);
		free(schema->fields[i].one_of);
		schema_free(schema->fields[i].fields);
	}
	free(schema);
}

bool
schema_has_secret(const struct schema *schema)
{
	if (schema == NULL)
		return false;
	for (uint32_t i = 0; i < schema->count; i++) {
		if ((schema->fields[i].flags & OCPPD_SECRET) != 0 ||
		    schema_has_secret(schema->fields[i].fields))
			return true;
	}
	return false;
}

static int
findings_grow(struct findings *findings)
{
	uint32_t size = findings->size == 0 ? 4 : findings->size * 2;
	struct ocppd_finding *items;
	char **blocks;

	if (findings->count < findings->size)
		return 0;
	items = reallocarray(findings->items, size, sizeof(*items));
	if (items == NULL)
		return OCPPD_ENOMEM;
	findings->items = items;
	blocks = reallocarray(findings->blocks, size, sizeof(*blocks));
	if (blocks == NULL)
		return OCPPD_ENOMEM;
	findings->blocks = blocks;
	findings->size = size;
	return 0;
}

static int
findings_put(struct findings *findings, const struct ocppd_finding *finding)
{
	struct ocppd_finding *item;
	size_t path_size = strlen(finding->path) + 1;
	size_t raw_cut = finding->raw != NULL ? utf8_cut(finding->raw, RAW_MAX) : 0;
	char *block;

	if (findings_grow(findings) < 0)
		return OCPPD_ENOMEM;
	block = malloc(path_size + raw_cut + 1);
	if (block == NULL)
		return OCPPD_ENOMEM;
	memcpy(block, finding->path, path_size);
	item = &findings->items[findings->count];
	*item = *finding;
	item->path = block;
	item->raw = NULL;
	if (finding->raw != NULL) {
		memcpy(block + path_size, finding->raw, raw_cut);
		block[path_size + raw_cut] = '\0';
		item->raw = block + path_size;
	}
	findings->blocks[findings->count++] = block;
	return 0;
}

int
findings_add(struct findings **findings, const struct ocppd_finding *finding)
{
	bool is_hard = (finding->flags & OCPPD_FINDING_HARD) != 0;

	if (*findings == NULL)
		*findings = calloc(1, sizeof(**findings));
	if (*findings == NULL)
		return OCPPD_ENOMEM;
	if (!is_hard && (*findings)->soft_count >= FINDINGS_SOFT_MAX) {
		(*findings)->dropped++;
		return 0;
	}
	if (is_hard && (*findings)->hard_count >= FINDINGS_HARD_MAX)
		return OCPPD_ESPACE;
	if (findings_put(*findings, finding) < 0)
		return OCPPD_ENOMEM;
	if (is_hard)
		(*findings)->hard_count++;
	else
		(*findings)->soft_count++;
	return 0;
}

void
findings_free(struct findings *findings)
{
	if (findings == NULL)
		return;
	for (uint32_t i = 0; i < findings->count; i++)
		free(findings->blocks[i]);
	free(findings->blocks);
	free(findings->items);
	free(findings);
}
