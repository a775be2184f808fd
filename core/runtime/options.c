/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * Walks a table of options beside a map of the configuration. Every finding is told, with the
 * position in the file and the path of the option; one bad value hides no other.
 */
#include "runtime/options.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/exposed.h"
#include "base/text.h"
#include "runtime/conf.h"
#include "runtime/conf_parse.h"
#include "runtime/option_value.h"

#define KNOWN_MAX 64 /* keys that an unknown one is compared with, or that are listed */

struct filler {
	struct arena *arena;
	struct problems *problems;
	struct buf path;
	int result;
};

/* A map and the table it is read by. place: where to point if the map is absent. is_left_out: a
 * section that need not be there, and is not. */
struct frame {
	struct options table;
	const struct ocppd_node *map;
	const struct ocppd_node *place;
	unsigned char *data;
	bool is_left_out;
};

static int fill_map(struct filler *filler, const struct frame *frame);

/* ---- Path and complaints -------------------------------------------------------------------- */

static size_t
path_push(struct filler *filler, const char *name)
{
	size_t len = filler->path.len;

	if (len > 0)
		buf_add_char(&filler->path, '.');
	buf_add_str(&filler->path, name);
	return len;
}

static size_t
path_push_index(struct filler *filler, uint32_t i)
{
	size_t len = filler->path.len;

	buf_printf(&filler->path, "[%u]", i);
	return len;
}

static void
path_pop(struct filler *filler, size_t len)
{
	if (filler->path.data == NULL)
		return;

	filler->path.len = len;
	filler->path.data[len] = '\0';
}

static void
complain(struct filler *filler, const struct ocppd_node *node, int code, const char *text)
{
	if (filler->path.len > 0)
		(void)problems_addf(filler->problems, node, code, "%s: %s", filler->path.data,
				    text);
	else
		(void)problems_addf(filler->problems, node, code, "%s", text);
	if (filler->result != OCPPD_ENOMEM)
		filler->result = code == OCPPD_ENOMEM ? OCPPD_ENOMEM : OCPPD_EINVAL;
}

static void
complain_memory(struct filler *filler)
{
	complain(filler, NULL, OCPPD_ENOMEM, "out of memory");
}

static void
complain_expected(struct filler *filler, const struct ocppd_node *node, uint32_t type)
{
	struct ocppd_error err;
	const char *found = node->kind == OCPPD_NODE_TEXT   ? "a text"
			    : node->kind == OCPPD_NODE_LIST ? "a list"
							    : "a map";

	(void)ocppd_error_set(&err, OCPPD_EINVAL, "expected %s, not %s", option_type_text(type),
			      found);
	complain(filler, node, OCPPD_EINVAL, err.text);
}

/* Whether everybody on the host can read the secret of a value that is in order. */
static void
look_at_secret(struct filler *filler, const struct ocppd_option *option,
	       const struct ocppd_node *node)
{
	const char *file = option_secret_file(option, node, filler->arena);
	uint32_t mode;

	if (file != NULL && file_is_exposed(file, &mode))
		problems_warnf(filler->problems, node,
			       "%s: everybody can read the file (mode %04o): chmod o= %s",
			       filler->path.data == NULL ? "" : filler->path.data, mode, file);
}

/* Length of a list against min and max of its row. */
static void
check_length(struct filler *filler, const struct ocppd_option *option,
	     const struct ocppd_node *node, uint32_t count)
{
	struct ocppd_error err;

	if (count < option->min)
		(void)ocppd_error_set(&err, OCPPD_EINVAL,
				      "has %u entries; at least %" PRId64 " are needed", count,
				      option->min);
	else if (option->max > 0 && count > option->max)
		(void)ocppd_error_set(&err, OCPPD_EINVAL,
				      "has %u entries; at most %" PRId64 " are allowed", count,
				      option->max);
	else
		return;
	complain(filler, node, OCPPD_EINVAL, err.text);
}

/* ---- Unknown keys --------------------------------------------------------------------------- */

static void
complain_unknown(struct filler *filler, const struct options *table,
		 const struct conf_member *member)
{
	const char *names[KNOWN_MAX] = { NULL };
	struct ocppd_node at = { .file = member->key_file,
				 .line = member->key_line,
				 .column = member->key_column };
	struct buf text = { 0 };
	uint32_t count = 0;
	const char *near;
	uint32_t i;

	for (i = 0; i < table->rows.count && count < KNOWN_MAX; i++)
		names[count++] = table->rows.items[i].name;
	near = str_nearest(member->key, names, count);
	buf_printf(&text, "unknown key \"%.64s\"", member->key);
	if (near != NULL)
		buf_printf(&text, "; did you mean \"%s\"?", near);
	else if (count == 0)
		buf_add_str(&text, "; there are no options here");
	else
		for (i = 0; i < count; i++)
			buf_printf(&text, "%s%s", i == 0 ? "; known are " : ", ", names[i]);
	if (text.error < 0)
		complain_memory(filler);
	else
		complain(filler, &at, OCPPD_EINVAL, text.data);
	buf_fini(&text);
}

static void
check_keys(struct filler *filler, const struct options *table, const struct ocppd_node *map)
{
	uint32_t i;
	uint32_t k;

	for (i = 0; i < map->count; i++) {
		for (k = 0; k < table->rows.count; k++) {
			if (str_eq(table->rows.items[k].name, map->members[i].key))
				break;
		}
		if (k == table->rows.count)
			complain_unknown(filler, table, &map->members[i]);
	}
}

/* ---- Values --------------------------------------------------------------------------------- */

static void
fill_item(struct filler *filler, const struct ocppd_option *option, const struct ocppd_node *item,
	  const char **ret_text)
{
	struct ocppd_error err = { 0 };
	int r;

	if (option->type == OCPPD_CONF_PATHS) {
		r = option_value_set(option, item, filler->arena, ret_text, &err);
		if (r < 0)
			complain(filler, item, r, err.text);
		else
			look_at_secret(filler, option, item);
		return;
	}
	*ret_text = arena_dup(filler->arena, item->text);
	if (*ret_text == NULL)
		complain_memory(filler);
}

static void
fill_strings(struct filler *filler, const struct ocppd_option *option,
	     const struct ocppd_node *node, void *ret_member)
{
	struct ocppd_strings strings = { 0 };
	const char **items;
	uint32_t count = node->kind == OCPPD_NODE_TEXT ? 1 : node->count;
	uint32_t i;

	if (node->kind == OCPPD_NODE_MAP) {
		complain_expected(filler, node, option->type);
		return;
	}
	check_length(filler, option, node, count);
	items = arena_array(filler->arena, (size_t)count + 1, sizeof(*items));
	if (items == NULL) {
		complain_memory(filler);
		return;
	}
	for (i = 0; i < count; i++) {
		const struct ocppd_node *item =
			node->kind == OCPPD_NODE_TEXT ? node : node->members[i].value;
		size_t len = path_push_index(filler, i);

		if (item->kind != OCPPD_NODE_TEXT)
			complain(filler, item, OCPPD_EINVAL,
				 item->kind == OCPPD_NODE_NONE
					 ? "expected a text, but the value is empty"
					 : "expected a text, not a list or a map");
		else
			fill_item(filler, option, item, &items[i]);
		path_pop(filler, len);
	}
	strings.items = items;
	strings.count = count;
	memcpy(ret_member, &strings, sizeof(strings));
}

static void
fill_sections(struct filler *filler, const struct ocppd_option *option,
	      const struct ocppd_node *node, void *ret_member)
{
	struct ocppd_sections sections = { 0 };
	unsigned char *items;
	uint32_t i;

	if (node->kind != OCPPD_NODE_LIST && node->kind != OCPPD_NODE_NONE) {
		complain_expected(filler, node, option->type);
		return;
	}
	check_length(filler, option, node, node->count);
	items = arena_array(filler->arena, node->count, option->item_size);
	if (items == NULL) {
		complain_memory(filler);
		return;
	}
	for (i = 0; i < node->count; i++) {
		struct frame frame = { .map = node->members[i].value,
				       .place = node->members[i].value,
				       .data = items + (size_t)i * option->item_size };
		size_t len = path_push_index(filler, i);

		memcpy(&frame.table.rows, &option->options, sizeof(frame.table.rows));
		(void)fill_map(filler, &frame);
		path_pop(filler, len);
	}
	sections.items = items;
	sections.count = node->count;
	sections.stride = option->item_size;
	memcpy(ret_member, &sections, sizeof(sections));
}

static void
fill_value(struct filler *filler, const struct ocppd_option *option, const struct ocppd_node *node,
	   void *ret_member)
{
	struct ocppd_error err = { 0 };
	int r;

	switch (option->type) {
	case OCPPD_CONF_STRINGS:
	case OCPPD_CONF_PATHS:
		fill_strings(filler, option, node, ret_member);
		return;
	case OCPPD_CONF_SECTIONS:
		fill_sections(filler, option, node, ret_member);
		return;
	case OCPPD_CONF_NODE:
		memcpy(ret_member, &node, sizeof(node));
		return;
	default:
		r = option_value_set(option, node, filler->arena, ret_member, &err);
		if (r < 0)
			complain(filler, node, r, err.text);
		else
			look_at_secret(filler, option, node);
		return;
	}
}

/* The default, as if it stood in the file: a text, or a small YAML text for lists. */
static int
default_node(const struct ocppd_option *option, const struct ocppd_node *place, struct arena *arena,
	     struct ocppd_node **ret_node, struct ocppd_error *err)
{
	struct yaml_source source = { .text = option->def, .len = strlen(option->def) };
	struct ocppd_node *node;
	uint32_t count = 0;

	source.file = place == NULL || place->file == NULL ? "" : place->file;
	if (!option_is_scalar(option->type))
		return yaml_read(&source, arena, &count, ret_node, err);

	node = arena_alloc(arena, sizeof(*node));
	if (node == NULL)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");

	*node = (struct ocppd_node){ .kind = OCPPD_NODE_TEXT,
				     .file = source.file,
				     .text = option->def };
	*ret_node = node;
	return 0;
}

static void
fill_absent(struct filler *filler, const struct ocppd_option *option, const struct frame *frame,
	    void *ret_member)
{
	struct ocppd_error err = { 0 };
	struct ocppd_node *node = NULL;
	const struct ocppd_node *place = frame->map != NULL ? frame->map : frame->place;
	int r;

	if ((option->flags & OCPPD_OPTION_REQUIRED) != 0 && frame->is_left_out)
		return;
	if ((option->flags & OCPPD_OPTION_REQUIRED) != 0) {
		(void)ocppd_error_set(
			&err, OCPPD_EINVAL, "is required%s%s",
			option->type == OCPPD_CONF_NODE ? "" : ": ",
			option->type == OCPPD_CONF_NODE ? "" : option_type_text(option->type));
		complain(filler, place, OCPPD_EINVAL, err.text);
		return;
	}
	if (option->def == NULL)
		return;

	r = default_node(option, place, filler->arena, &node, &err);
	if (r < 0)
		complain(filler, NULL, r, err.text);
	else
		fill_value(filler, option, node, ret_member);
}

/* An empty value means "nothing said" for lists, maps and free forms only. */
static bool
is_absent(const struct ocppd_option *option, const struct ocppd_node *node)
{
	return node == NULL || (node->kind == OCPPD_NODE_NONE && !option_is_scalar(option->type));
}

static void
fill_option(struct filler *filler, const struct frame *frame, const struct ocppd_option *option)
{
	const struct ocppd_node *node = ocppd_node_get(frame->map, option->name);
	unsigned char *member = frame->data + option->offset;
	size_t len = path_push(filler, option->name);

	if (option->type == OCPPD_CONF_SECTION) {
		struct frame inner = { .map = node, .data = member };

		inner.is_left_out = frame->is_left_out ||
				    ((option->flags & OCPPD_OPTION_OPTIONAL) != 0 && node == NULL);
		inner.place = node != NULL ? node : frame->map != NULL ? frame->map : frame->place;
		memcpy(&inner.table.rows, &option->options, sizeof(inner.table.rows));
		(void)fill_map(filler, &inner);
	} else if (is_absent(option, node)) {
		fill_absent(filler, option, frame, member);
	} else {
		fill_value(filler, option, node, member);
	}
	path_pop(filler, len);
}

static int
fill_map(struct filler *filler, const struct frame *frame)
{
	uint32_t i;

	if (frame->map != NULL && frame->map->kind != OCPPD_NODE_MAP &&
	    frame->map->kind != OCPPD_NODE_NONE) {
		complain_expected(filler, frame->map, OCPPD_CONF_SECTION);
		return filler->result;
	}
	if (frame->map != NULL)
		check_keys(filler, &frame->table, frame->map);
	for (i = 0; i < frame->table.rows.count; i++)
		fill_option(filler, frame, &frame->table.rows.items[i]);
	return filler->result;
}

int
options_fill(const struct options *table, uint32_t size, const struct options_source *source,
	     struct arena *arena, void **ret_data, struct problems *problems)
{
	struct filler filler = { .arena = arena, .problems = problems };
	struct frame frame = { .table = *table, .map = source->map, .place = source->place };

	frame.data = arena_alloc(arena, size);
	buf_add_str(&filler.path, source->path);
	if (frame.data == NULL || filler.path.error < 0)
		complain(&filler, NULL, OCPPD_ENOMEM, "out of memory");
	else
		(void)fill_map(&filler, &frame);
	buf_fini(&filler.path);
	if (filler.result < 0)
		return filler.result;

	*ret_data = frame.data;
	return 0;
}

int
option_default_check(const struct ocppd_option *option, struct ocppd_error *err)
{
	struct arena arena = { 0 };
	struct problems problems = { 0 };
	struct filler filler = { .arena = &arena, .problems = &problems };
	/* Room for any member; a default fills none larger. */
	max_align_t member[4] = { 0 };
	struct ocppd_node *node = NULL;
	int r;

	r = default_node(option, NULL, &arena, &node, err);
	if (r == 0) {
		fill_value(&filler, option, node, member);
		r = filler.result;
		if (problems.count > 0 && err != NULL)
			*err = problems.items[0];
	}
	buf_fini(&filler.path);
	problems_fini(&problems);
	arena_fini(&arena);
	return r;
}

uint32_t
option_member_size(const struct ocppd_option *option, uint32_t *ret_align)
{
	uint32_t size = 8;
	uint32_t align = 8;

	switch (option->type) {
	case OCPPD_CONF_BOOL:
	case OCPPD_CONF_ENUM:
		size = align = sizeof(uint32_t);
		break;
	case OCPPD_CONF_INT:
	case OCPPD_CONF_SIZE:
	case OCPPD_CONF_DURATION_MS:
	case OCPPD_CONF_DURATION_S:
	case OCPPD_CONF_DOUBLE:
		align = _Alignof(int64_t);
		break;
	case OCPPD_CONF_STRING:
	case OCPPD_CONF_PATH:
	case OCPPD_CONF_ADDRESS:
	case OCPPD_CONF_SECRET:
	case OCPPD_CONF_NODE:
		size = sizeof(void *);
		align = _Alignof(void *);
		break;
	case OCPPD_CONF_STRINGS:
	case OCPPD_CONF_PATHS:
		size = sizeof(struct ocppd_strings);
		align = _Alignof(struct ocppd_strings);
		break;
	case OCPPD_CONF_SECTIONS:
		size = sizeof(struct ocppd_sections);
		align = _Alignof(struct ocppd_sections);
		break;
	case OCPPD_CONF_SECTION:
		size = option->item_size;
		align = _Alignof(uint32_t);
		break;
	default:
		return 0;
	}
	if (ret_align != NULL)
		*ret_align = align;
	return size;
}

/* ---- Positions of findings ------------------------------------------------------------------ */

/* The child that one step of a path names: "tls", or "[2]". NULL: there is none. */
static const struct ocppd_node *
step(const struct ocppd_node *node, const char *name, size_t len)
{
	char key[128];
	int64_t i;

	if (len >= sizeof(key))
		return NULL;

	memcpy(key, name, len);
	key[len] = '\0';
	if (key[0] == '[') {
		key[len - 1] = '\0';
		if (parse_i64(key + 1, 0, UINT32_MAX, &i) < 0)
			return NULL;
		return ocppd_node_at(node, (uint32_t)i);
	}
	return ocppd_node_get(node, key);
}

/* The nearest node on the way to an option: itself, or the deepest map above it. */
static const struct ocppd_node *
node_of_path(const struct ocppd_node *node, const char *path)
{
	while (node != NULL && path[0] != '\0') {
		size_t len = path[0] == '[' ? strcspn(path, "]") + 1 : strcspn(path, ".[");
		const struct ocppd_node *next;

		if (len > strlen(path))
			break;
		next = step(node, path, len);
		if (next == NULL)
			break;
		node = next;
		path += len;
		if (path[0] == '.')
			path++;
	}
	return node;
}

void
options_locate(const struct options_source *source, struct ocppd_error *err)
{
	const struct ocppd_node *node = source->map != NULL ? source->map : source->place;
	struct buf text = { 0 };

	node = node_of_path(node, err->option);
	if (node != NULL && node->file != NULL) {
		(void)str_copy(err->file, sizeof(err->file), node->file);
		err->line = node->line;
		err->column = node->column;
	}
	buf_add_str(&text, source->path);
	if (err->option[0] != '\0') {
		if (text.len > 0 && err->option[0] != '[')
			buf_add_char(&text, '.');
		buf_add_str(&text, err->option);
	}
	if (text.len > 0)
		buf_add_str(&text, ": ");
	buf_add_str(&text, err->text);
	if (text.error == 0 && text.data != NULL)
		(void)str_copy(err->text, sizeof(err->text), text.data);
	buf_fini(&text);
}
