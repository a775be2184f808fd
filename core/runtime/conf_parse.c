/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * libyaml's events become a tree of nodes. No recursion: open lists and maps stand on a stack of
 * CONF_DEPTH_MAX. What would hide something from the reader of a file is refused here.
 */
#include "runtime/conf_parse.h"

#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "base/map.h"
#include "base/text.h"

#define BOM "\xef\xbb\xbf"

/* A list or map that is still open. */
struct level {
	struct ocppd_node *node;
	struct conf_member *members;
	uint32_t count;
	uint32_t size;
	struct conf_member next; /* maps: the key that waits for its value */
};

struct reader {
	const struct yaml_source *source;
	const char *file;
	struct arena *arena;
	uint32_t *node_count;
	struct ocppd_error *err;
	struct level levels[CONF_DEPTH_MAX];
	uint32_t depth;
	struct ocppd_node *root;
	uint32_t documents;
};

/* Fills err with a position; the sentence is set by the caller before. */
static int
refuse_at(struct reader *reader, const yaml_mark_t *mark, int r)
{
	if (reader->err != NULL) {
		(void)str_copy(reader->err->file, sizeof(reader->err->file), reader->source->file);
		reader->err->line = (uint32_t)mark->line + 1;
		reader->err->column = (uint32_t)mark->column + 1;
	}
	return r;
}

/* libyaml's decoder knows the byte, not the line, of text that is no UTF-8. */
static yaml_mark_t
mark_of_offset(const struct yaml_source *source, size_t offset)
{
	yaml_mark_t mark = { 0, 0, 0 };
	size_t i;

	for (i = 0; i < offset && i < source->len; i++) {
		if (source->text[i] == '\n') {
			mark.line++;
			mark.column = 0;
		} else {
			mark.column++;
		}
	}
	return mark;
}

/* The usual stumble: `address: [::]` reads as a list with a broken map inside. */
static const char *
address_hint(const struct yaml_source *source, size_t line)
{
	const char *at = source->text;
	const char *end = source->text + source->len;

	while (line > 0 && at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));

		if (newline == NULL)
			return "";
		at = newline + 1;
		line--;
	}
	for (; at + 1 < end && at[0] != '\n'; at++) {
		if (at[0] == ':' && at[1] == ':')
			return "; an IPv6 address needs quotes, such as \"[::]\"";
	}
	return "";
}

/* The byte at a mark, whose column counts characters; NUL beyond the end. */
static char
char_at(const struct yaml_source *source, const yaml_mark_t *mark)
{
	yaml_mark_t at = { 0, 0, 0 };
	size_t i;

	for (i = 0; i < source->len; i++) {
		if (at.line == mark->line && at.column == mark->column)
			return source->text[i];
		if (source->text[i] == '\n')
			at = (yaml_mark_t){ 0, at.line + 1, 0 };
		else if (i + 1 < source->len && (source->text[i + 1] & 0xc0) != 0x80)
			at.column++;
	}
	return '\0';
}

/* What to do about libyaml's words, "" where they say it themselves. */
static const char *
remedy(const struct yaml_source *source, const char *problem, const yaml_mark_t *mark)
{
	static const struct {
		const char *begins;
		const char *remedy;
	} known[] = {
		{ "found a tab character", "; indent with blanks" },
		{ "found character that cannot start",
		  "; a text that begins with it needs quotes" },
		{ "mapping values are not allowed",
		  "; check the indentation, and that a blank follows each colon, here and above" },
		{ "did not find expected key",
		  "; check the indentation, quotes and brackets here and above" },
		{ "could not find expected ':'",
		  "; a key has a colon and a blank behind it, here or above" },
		{ "did not find expected '-'",
		  "; what stands in the column of a list begins with -" },
		{ "did not find expected ',' or ']'", "; a comma or a ] is missing" },
		{ "did not find expected ',' or '}'", "; a comma or a } is missing" },
		{ "found unexpected end of stream", "; close the quotes" },
		{ "did not find expected node", "; a value is missing, or a bracket left open" },
		{ "invalid ", "; save the file as UTF-8" },
		{ "control characters", "; take the character out" },
	};
	const char *hint = address_hint(source, mark->line);

	if (hint[0] != '\0')
		return hint;
	if (char_at(source, mark) == '\t')
		return "; indent with blanks, not with a tab";
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strncmp(problem, known[i].begins, strlen(known[i].begins)) == 0)
			return known[i].remedy;
	}
	return "";
}

static int
refuse_syntax(struct reader *reader, const yaml_parser_t *parser)
{
	yaml_mark_t mark = parser->problem_mark;
	const char *problem = parser->problem == NULL ? "unreadable" : parser->problem;
	int r;

	if (parser->error == YAML_MEMORY_ERROR)
		return ocppd_error_set(reader->err, OCPPD_ENOMEM, "out of memory");

	if (parser->error == YAML_READER_ERROR) {
		mark = mark_of_offset(reader->source, parser->problem_offset);
		r = ocppd_error_set(reader->err, OCPPD_EINVAL, "not valid YAML: %s%s", problem,
				    remedy(reader->source, problem, &mark));
	} else if (parser->context != NULL) {
		r = ocppd_error_set(reader->err, OCPPD_EINVAL,
				    "not valid YAML: %s, %s that begins in line %zu%s", problem,
				    parser->context, parser->context_mark.line + 1,
				    remedy(reader->source, problem, &mark));
	} else {
		r = ocppd_error_set(reader->err, OCPPD_EINVAL, "not valid YAML: %s%s", problem,
				    remedy(reader->source, problem, &mark));
	}
	return refuse_at(reader, &mark, r);
}

static struct ocppd_node *
node_new(struct reader *reader, uint32_t kind, const yaml_event_t *event)
{
	struct ocppd_node *node;

	if (*reader->node_count >= CONF_NODES_MAX) {
		(void)refuse_at(reader, &event->start_mark,
				ocppd_error_set(reader->err, OCPPD_ESPACE,
						"more than %d values in all files together",
						CONF_NODES_MAX));
		return NULL;
	}
	node = arena_alloc(reader->arena, sizeof(*node));
	if (node == NULL) {
		(void)ocppd_error_set(reader->err, OCPPD_ENOMEM, "out of memory");
		return NULL;
	}
	(*reader->node_count)++;
	node->kind = kind;
	node->file = reader->file;
	node->line = (uint32_t)event->start_mark.line + 1;
	node->column = (uint32_t)event->start_mark.column + 1;
	return node;
}

static int
refuse_extras(struct reader *reader, const yaml_event_t *event, const yaml_char_t *anchor,
	      const yaml_char_t *tag)
{
	if (anchor != NULL)
		return refuse_at(reader, &event->start_mark,
				 ocppd_error_set(reader->err, OCPPD_EINVAL,
						 "anchors (\"&%s\") are not supported; write the "
						 "value out where it is used",
						 (const char *)anchor));
	if (tag != NULL)
		return refuse_at(reader, &event->start_mark,
				 ocppd_error_set(reader->err, OCPPD_EINVAL,
						 "tags (\"%s\") are not supported; leave it out",
						 (const char *)tag));
	return 0;
}

static int
level_push(struct reader *reader, struct conf_member member)
{
	struct level *level = &reader->levels[reader->depth - 1];

	if (level->count == level->size) {
		uint32_t size = level->size == 0 ? 8 : level->size * 2;
		struct conf_member *members = reallocarray(level->members, size, sizeof(*members));

		if (members == NULL)
			return ocppd_error_set(reader->err, OCPPD_ENOMEM, "out of memory");

		level->members = members;
		level->size = size;
	}
	level->members[level->count++] = member;
	return 0;
}

/* Puts a finished value where it belongs. */
static int
value_add(struct reader *reader, struct ocppd_node *node)
{
	struct conf_member member = { .value = node };
	struct level *level;

	if (reader->depth == 0) {
		reader->root = node;
		return 0;
	}
	level = &reader->levels[reader->depth - 1];
	if (level->node->kind == OCPPD_NODE_MAP) {
		member = level->next;
		member.value = node;
		level->next = (struct conf_member){ 0 };
	}
	return level_push(reader, member);
}

static bool
wants_key(const struct reader *reader)
{
	const struct level *level;

	if (reader->depth == 0)
		return false;

	level = &reader->levels[reader->depth - 1];
	return level->node->kind == OCPPD_NODE_MAP && level->next.key == NULL;
}

static int
on_key(struct reader *reader, const yaml_event_t *event, const char *text)
{
	struct level *level = &reader->levels[reader->depth - 1];

	if (text[0] == '\0')
		return refuse_at(
			reader, &event->start_mark,
			ocppd_error_set(reader->err, OCPPD_EINVAL, "a key must not be empty"));
	if (str_eq(text, "<<") && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
		return refuse_at(reader, &event->start_mark,
				 ocppd_error_set(reader->err, OCPPD_EINVAL,
						 "merge keys (\"<<\") are not supported; write the "
						 "members out"));

	level->next.key = arena_dup(reader->arena, text);
	if (level->next.key == NULL)
		return ocppd_error_set(reader->err, OCPPD_ENOMEM, "out of memory");

	level->next.key_file = reader->file;
	level->next.key_line = (uint32_t)event->start_mark.line + 1;
	level->next.key_column = (uint32_t)event->start_mark.column + 1;
	return 0;
}

static bool
means_null(const char *text)
{
	return text[0] == '\0' || str_eq(text, "~") || str_eq(text, "null") ||
	       str_eq(text, "Null") || str_eq(text, "NULL");
}

static int
on_scalar(struct reader *reader, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	bool is_quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	struct ocppd_node *node;
	int r;

	r = refuse_extras(reader, event, event->data.scalar.anchor, event->data.scalar.tag);
	if (r < 0)
		return r;

	if (strlen(text) != event->data.scalar.length)
		return refuse_at(reader, &event->start_mark,
				 ocppd_error_set(reader->err, OCPPD_EINVAL,
						 "a text must not hold the character NUL"));
	if (wants_key(reader))
		return on_key(reader, event, text);

	node = node_new(reader, OCPPD_NODE_TEXT, event);
	if (node == NULL)
		return reader->err->code;

	node->is_quoted = is_quoted;
	node->text = arena_dup(reader->arena, text);
	if (node->text == NULL)
		return ocppd_error_set(reader->err, OCPPD_ENOMEM, "out of memory");

	if (!is_quoted && means_null(text)) {
		node->kind = OCPPD_NODE_NONE;
		node->text = NULL;
	}
	return value_add(reader, node);
}

static int
on_open(struct reader *reader, const yaml_event_t *event, uint32_t kind)
{
	bool is_map = kind == OCPPD_NODE_MAP;
	struct ocppd_node *node;
	int r;

	r = refuse_extras(reader, event,
			  is_map ? event->data.mapping_start.anchor
				 : event->data.sequence_start.anchor,
			  is_map ? event->data.mapping_start.tag : event->data.sequence_start.tag);
	if (r < 0)
		return r;

	if (wants_key(reader))
		return refuse_at(reader, &event->start_mark,
				 ocppd_error_set(reader->err, OCPPD_EINVAL,
						 "a key must be a text, not a %s",
						 is_map ? "map" : "list"));
	if (reader->depth == CONF_DEPTH_MAX)
		return refuse_at(reader, &event->start_mark,
				 ocppd_error_set(reader->err, OCPPD_ESPACE,
						 "nested deeper than %d levels", CONF_DEPTH_MAX));

	node = node_new(reader, kind, event);
	if (node == NULL)
		return reader->err->code;

	reader->levels[reader->depth++] = (struct level){ .node = node };
	return 0;
}

static int
refuse_repeated(struct reader *reader, const struct level *level)
{
	struct map seen = { 0 };
	uint32_t i;
	int r = 0;

	for (i = 0; i < level->count && r == 0; i++) {
		struct conf_member *member = &level->members[i];
		const struct conf_member *first = map_find(&seen, member->key);
		yaml_mark_t mark = { 0, member->key_line - 1, member->key_column - 1 };

		if (first == NULL) {
			r = map_put(&seen, member->key, member);
			if (r < 0)
				(void)ocppd_error_set(reader->err, r, "out of memory");
			continue;
		}
		r = refuse_at(reader, &mark,
			      ocppd_error_set(reader->err, OCPPD_EINVAL,
					      "key \"%s\" was given in line %u already",
					      member->key, first->key_line));
	}
	map_fini(&seen);
	return r;
}

static int
on_close(struct reader *reader)
{
	struct level *level = &reader->levels[reader->depth - 1];
	struct ocppd_node *node = level->node;
	int r;

	if (node->kind == OCPPD_NODE_MAP) {
		r = refuse_repeated(reader, level);
		if (r < 0)
			return r;
	}
	if (level->count > 0) {
		node->members = arena_array(reader->arena, level->count, sizeof(*node->members));
		if (node->members == NULL)
			return ocppd_error_set(reader->err, OCPPD_ENOMEM, "out of memory");

		memcpy(node->members, level->members, level->count * sizeof(*node->members));
		node->count = level->count;
	}
	free(level->members);
	level->members = NULL;
	reader->depth--;
	return value_add(reader, node);
}

static int
on_event(struct reader *reader, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (reader->documents++ > 0)
			return refuse_at(reader, &event->start_mark,
					 ocppd_error_set(reader->err, OCPPD_EINVAL,
							 "a second document begins here (\"---\"); "
							 "a file holds one"));
		return 0;
	case YAML_ALIAS_EVENT:
		return refuse_at(reader, &event->start_mark,
				 ocppd_error_set(reader->err, OCPPD_EINVAL,
						 "aliases (\"*%s\") are not supported; write the "
						 "value out",
						 (const char *)event->data.alias.anchor));
	case YAML_SCALAR_EVENT:
		return on_scalar(reader, event);
	case YAML_SEQUENCE_START_EVENT:
		return on_open(reader, event, OCPPD_NODE_LIST);
	case YAML_MAPPING_START_EVENT:
		return on_open(reader, event, OCPPD_NODE_MAP);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return on_close(reader);
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		return 0;
	}
	return 0;
}

static int
read_events(struct reader *reader, yaml_parser_t *parser)
{
	bool is_end = false;
	int r = 0;

	while (r == 0 && !is_end) {
		yaml_event_t event;

		if (!yaml_parser_parse(parser, &event))
			return refuse_syntax(reader, parser);

		is_end = event.type == YAML_STREAM_END_EVENT;
		r = on_event(reader, &event);
		yaml_event_delete(&event);
	}
	return r;
}

int
yaml_read(const struct yaml_source *source, struct arena *arena, uint32_t *node_count,
	  struct ocppd_node **ret_node, struct ocppd_error *err)
{
	struct ocppd_error own;
	struct yaml_source text = *source;
	struct reader reader = { .source = &text, .arena = arena, .node_count = node_count };
	yaml_parser_t parser;
	int r;

	/* With the encoding set, libyaml does not look for the mark that editors on Windows put. */
	if (text.len >= strlen(BOM) && memcmp(text.text, BOM, strlen(BOM)) == 0) {
		text.text += strlen(BOM);
		text.len -= strlen(BOM);
	}
	reader.err = err == NULL ? &own : err;
	reader.file = arena_dup(arena, source->file);
	if (reader.file == NULL || !yaml_parser_initialize(&parser))
		return ocppd_error_set(reader.err, OCPPD_ENOMEM, "out of memory");

	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text.text, text.len);
	r = read_events(&reader, &parser);
	yaml_parser_delete(&parser);
	while (reader.depth > 0)
		free(reader.levels[--reader.depth].members);
	if (r < 0)
		return r;

	if (reader.root == NULL) {
		reader.root = arena_alloc(arena, sizeof(*reader.root));
		if (reader.root == NULL)
			return ocppd_error_set(reader.err, OCPPD_ENOMEM, "out of memory");

		*reader.root = (struct ocppd_node){
			.kind = OCPPD_NODE_NONE, .file = reader.file, .line = 1, .column = 1
		};
	}
	*ret_node = reader.root;
	return 0;
}
