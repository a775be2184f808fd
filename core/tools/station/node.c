/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * YAML to a tree with positions, and that tree to JSON. Bounded in bytes, nodes and depth; knows
 * nothing of scenarios. Anchors, aliases and tags are refused: nobody needs them here.
 */
#include "node.h"

#include "base/buf.h"
#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>
#include <yaml.h>

struct node_parser {
	yaml_parser_t yaml;
	const char *name;
	struct node *root;
	struct node *parent; /* the open list or map */
	struct node *key;    /* a scalar that waits for its value */
	uint32_t depth;
	uint32_t count;
};

void
node_free(struct node *node)
{
	/* Depth is capped, but a walk by parent links needs no stack at all. */
	while (node) {
		struct node *parent = node->parent;
		struct node *next;

		if (node->first) {
			next = node->first;
			node->first = next->next;
			next->parent = node;
			node = next;
			continue;
		}
		free(node->key);
		free(node->text);
		free(node);
		node = parent;
	}
}

static int
place_error(const struct node_parser *parser, yaml_mark_t mark, struct ocppd_error *err,
	    const char *what)
{
	(void)ocppd_error_set(err, OCPPD_EINVAL, "%s", what);
	if (err) {
		(void)str_copy(err->file, sizeof(err->file), parser->name);
		err->line = (uint32_t)mark.line + 1;
		err->column = (uint32_t)mark.column + 1;
	}
	return OCPPD_EINVAL;
}

static struct node *
new_node(struct node_parser *parser, enum node_kind kind, const yaml_event_t *event)
{
	struct node *node = calloc(1, sizeof(*node));

	if (!node)
		return NULL;
	node->kind = kind;
	node->line = (uint32_t)event->start_mark.line + 1;
	node->column = (uint32_t)event->start_mark.column + 1;
	parser->count++;
	return node;
}

/* Hangs a finished or just opened node where it belongs. */
static int
attach(struct node_parser *parser, struct node *node, yaml_mark_t mark, struct ocppd_error *err)
{
	struct node *parent = parser->parent;

	if (parser->count > NODE_MAX_COUNT) {
		node_free(node);
		return place_error(parser, mark, err, "the file is too large");
	}
	if (!parent) {
		parser->root = node;
		return 0;
	}
	if (parent->kind == NODE_MAP) {
		node->key = parser->key->text;
		node->key_line = parser->key->line;
		node->key_column = parser->key->column;
		parser->key->text = NULL;
		node_free(parser->key);
		parser->key = NULL;
	}
	node->parent = parent;
	if (parent->last)
		parent->last->next = node;
	else
		parent->first = node;
	parent->last = node;
	return 0;
}

static int
on_scalar(struct node_parser *parser, const yaml_event_t *event, struct ocppd_error *err)
{
	const char *text = (const char *)event->data.scalar.value;
	struct node *node;

	if (strlen(text) != event->data.scalar.length)
		return place_error(parser, event->start_mark, err, "a NUL inside a text");
	node = new_node(parser, NODE_SCALAR, event);
	if (!node)
		return OCPPD_ENOMEM;
	node->is_quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	node->text = str_dup(text);
	if (!node->text) {
		node_free(node);
		return OCPPD_ENOMEM;
	}
	if (!parser->parent || parser->parent->kind != NODE_MAP || parser->key)
		return attach(parser, node, event->start_mark, err);
	if (node_find(parser->parent, node->text)) {
		node_free(node);
		return place_error(parser, event->start_mark, err, "this key is there already");
	}
	parser->key = node;
	return 0;
}

static int
on_open(struct node_parser *parser, enum node_kind kind, const yaml_event_t *event,
	struct ocppd_error *err)
{
	struct node *node;
	int r;

	if (parser->parent && parser->parent->kind == NODE_MAP && !parser->key)
		return place_error(parser, event->start_mark, err, "a key is a text");
	if (++parser->depth > NODE_MAX_DEPTH)
		return place_error(parser, event->start_mark, err, "nested too deep");
	node = new_node(parser, kind, event);
	if (!node)
		return OCPPD_ENOMEM;
	r = attach(parser, node, event->start_mark, err);
	if (r < 0)
		return r;
	parser->parent = node;
	return 0;
}

static bool
has_anchor(const yaml_event_t *event)
{
	if (event->type == YAML_ALIAS_EVENT)
		return true;
	if (event->type == YAML_SCALAR_EVENT)
		return event->data.scalar.anchor || event->data.scalar.tag;
	if (event->type == YAML_SEQUENCE_START_EVENT)
		return event->data.sequence_start.anchor || event->data.sequence_start.tag;
	if (event->type == YAML_MAPPING_START_EVENT)
		return event->data.mapping_start.anchor || event->data.mapping_start.tag;
	return false;
}

static int
on_event(struct node_parser *parser, const yaml_event_t *event, struct ocppd_error *err)
{
	if (has_anchor(event))
		return place_error(parser, event->start_mark, err,
				   "anchors, aliases and tags are not used here");
	if (event->type == YAML_DOCUMENT_START_EVENT && parser->root)
		return place_error(parser, event->start_mark, err, "one document a file");
	if (event->type == YAML_SCALAR_EVENT)
		return on_scalar(parser, event, err);
	if (event->type == YAML_SEQUENCE_START_EVENT)
		return on_open(parser, NODE_LIST, event, err);
	if (event->type == YAML_MAPPING_START_EVENT)
		return on_open(parser, NODE_MAP, event, err);
	if (event->type == YAML_SEQUENCE_END_EVENT || event->type == YAML_MAPPING_END_EVENT) {
		parser->depth--;
		parser->parent = parser->parent->parent;
	}
	return 0;
}

static int
parse_events(struct node_parser *parser, struct ocppd_error *err)
{
	for (;;) {
		yaml_event_t event;
		bool is_end;
		int r;

		if (!yaml_parser_parse(&parser->yaml, &event)) {
			const char *problem = parser->yaml.problem;

			return place_error(parser, parser->yaml.problem_mark, err,
					   problem ? problem : "this is no YAML");
		}
		is_end = event.type == YAML_STREAM_END_EVENT;
		r = on_event(parser, &event, err);
		yaml_event_delete(&event);
		if (r < 0 || is_end)
			return r;
	}
}

int
node_parse(const char *name, const char *text, size_t len, struct node **ret_root,
	   struct ocppd_error *err)
{
	struct node_parser parser = { .name = name };
	int r;

	if (!yaml_parser_initialize(&parser.yaml))
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	yaml_parser_set_encoding(&parser.yaml, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser.yaml, (const unsigned char *)text, len);
	r = parse_events(&parser, err);
	if (r == OCPPD_ENOMEM)
		(void)ocppd_error_set(err, r, "out of memory");
	if (r >= 0 && !parser.root)
		r = place_error(&parser, (yaml_mark_t){ 0 }, err, "the file is empty");
	yaml_parser_delete(&parser.yaml);
	node_free(parser.key);
	if (r < 0) {
		node_free(parser.root);
		return r;
	}
	*ret_root = parser.root;
	return 0;
}

int
node_load(const char *path, struct node **ret_root, struct ocppd_error *err)
{
	char *text = NULL;
	FILE *file = NULL;
	size_t len;
	int r;

	file = fopen(path, "re");
	if (!file)
		return ocppd_error_set(err, OCPPD_EIO, "%s: %s", path, strerrordesc_np(errno));
	text = malloc(NODE_MAX_BYTES + 1);
	if (!text) {
		r = ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
		goto out;
	}
	len = fread(text, 1, NODE_MAX_BYTES + 1, file);
	if (ferror(file)) {
		r = ocppd_error_set(err, OCPPD_EIO, "%s: cannot be read", path);
		goto out;
	}
	if (len > NODE_MAX_BYTES) {
		r = ocppd_error_set(err, OCPPD_ESPACE, "%s: larger than 1 MiB", path);
		goto out;
	}
	r = node_parse(path, text, len, ret_root, err);
out:
	free(text);
	(void)fclose(file);
	return r;
}

const struct node *
node_find(const struct node *map, const char *key)
{
	if (!map || map->kind != NODE_MAP)
		return NULL;
	for (const struct node *child = map->first; child; child = child->next) {
		if (str_eq(child->key, key))
			return child;
	}
	return NULL;
}

const char *
node_kind_name(const struct node *node)
{
	switch (node->kind) {
	case NODE_LIST:
		return "a list";
	case NODE_MAP:
		return "a map";
	case NODE_SCALAR:
		break;
	}
	return "text";
}

int
node_error(const struct node *node, struct ocppd_error *err, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	(void)ocppd_error_set(err, OCPPD_EINVAL, "%s", text);
	if (err && node) {
		err->line = node->line;
		err->column = node->column;
	}
	return OCPPD_EINVAL;
}

/* The name between ${ and } at text, or 0. */
static size_t
var_at(const char *text, char *ret_name, size_t size)
{
	size_t len;

	if (text[0] != '$' || text[1] != '{')
		return 0;
	len = strcspn(text + 2, "}");
	if (text[2 + len] != '}' || len == 0 || len >= size)
		return 0;
	memcpy(ret_name, text + 2, len);
	ret_name[len] = '\0';
	return len + 3;
}

static int
expand_text(const struct node *node, node_var_fn *var, void *arg, struct json_object **ret_value,
	    struct ocppd_error *err)
{
	struct buf buf = { 0 };
	char name[64];

	for (const char *p = node->text; *p;) {
		size_t len = var ? var_at(p, name, sizeof(name)) : 0;
		struct json_object *value;

		if (len == 0) {
			buf_add_char(&buf, *p++);
			continue;
		}
		value = var(arg, name);
		if (!value) {
			buf_fini(&buf);
			return node_error(node, err, "no variable is called %s", name);
		}
		if (p == node->text && p[len] == '\0') {
			buf_fini(&buf);
			*ret_value = value;
			return 0;
		}
		buf_add_str(&buf, json_object_get_string(value));
		json_object_put(value);
		p += len;
	}
	if (buf.error == 0)
		*ret_value = json_object_new_string_len(buf.data ? buf.data : "", (int)buf.len);
	buf_fini(&buf);
	return *ret_value ? 0 : OCPPD_ENOMEM;
}

static int
scalar_json(const struct node *node, node_var_fn *var, void *arg, struct json_object **ret_value,
	    struct ocppd_error *err)
{
	const char *text = node->text;
	int64_t integer;
	double number;

	if (node->is_quoted || strstr(text, "${"))
		return expand_text(node, var, arg, ret_value, err);
	if (str_eq(text, "true") || str_eq(text, "false")) {
		*ret_value = json_object_new_boolean(text[0] == 't');
	} else if (str_eq(text, "null") || str_eq(text, "~") || text[0] == '\0') {
		*ret_value = NULL; /* json-c's null */
		return 0;
	} else if (strspn(text, "+-0123456789") == strlen(text) &&
		   parse_i64(text, INT64_MIN, INT64_MAX, &integer) == 0) {
		*ret_value = json_object_new_int64(integer);
	} else if (strspn(text, "+-.0123456789eE") == strlen(text) &&
		   parse_double(text, &number) == 0) {
		*ret_value = json_object_new_double_s(number, text);
	} else {
		return expand_text(node, var, arg, ret_value, err);
	}
	return *ret_value ? 0 : OCPPD_ENOMEM;
}

/* Recursion is bounded by NODE_MAX_DEPTH, which the parser enforced. */
int
node_json(const struct node *node, node_var_fn *var, void *arg, struct json_object **ret_value,
	  struct ocppd_error *err)
{
	struct json_object *value = NULL;
	int r = 0;

	if (node->kind == NODE_SCALAR) {
		r = scalar_json(node, var, arg, &value, err);
		if (r == 0)
			*ret_value = value;
		return r;
	}
	value = node->kind == NODE_MAP ? json_object_new_object() : json_object_new_array();
	if (!value)
		return OCPPD_ENOMEM;
	for (const struct node *child = node->first; child && r == 0; child = child->next) {
		struct json_object *member = NULL;

		r = node_json(child, var, arg, &member, err);
		if (r < 0)
			break;
		if (node->kind == NODE_MAP)
			r = json_object_object_add(value, child->key, member);
		else
			r = json_object_array_add(value, member);
		if (r < 0) {
			json_object_put(member);
			r = OCPPD_ENOMEM;
		}
	}
	if (r < 0) {
		json_object_put(value);
		return r;
	}
	*ret_value = value;
	return 0;
}
