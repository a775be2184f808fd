/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * What the rows of a descriptor must fulfil, table by table. Each complaint is one sentence: what
 * is wrong, and what to write instead.
 */
#include "runtime/import_rules.h"

#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "runtime/import.h"
#include "runtime/option_value.h"
#include "runtime/options.h"

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define NAME_MAX_LEN 32
#define ITEM_SIZE_MAX 65536u

#define DIRECTIONS (OCPPD_FROM_STATION | OCPPD_TO_STATION)
#define ACTION_FLAGS                                                                               \
	(OCPPD_ACTION_KEEP | OCPPD_ACTION_ANYTIME | OCPPD_ACTION_ONCE |                            \
	 OCPPD_ACTION_ACCEPTED_ONLY | OCPPD_ACTION_PRIORITY)
#define FIELD_FLAGS                                                                                \
	(OCPPD_REQUIRED | OCPPD_KEY | OCPPD_CI | OCPPD_FILLED | OCPPD_LIST | OCPPD_NONEMPTY |      \
	 OCPPD_SECRET | OCPPD_NULLABLE)

static bool
made_of(const char *text, const char *characters)
{
	return text != NULL && text[0] != '\0' && text[strspn(text, characters)] == '\0';
}

static bool
is_empty(const char *text)
{
	return text == NULL || text[0] == '\0';
}

bool
module_name_valid(const char *name)
{
	return made_of(name, LOWER DIGITS "_") && strlen(name) <= NAME_MAX_LEN;
}

/* A flag that this build does not know is a feature that it does not have. */
static void
check_flags(uint32_t flags, uint32_t known, struct buf *why)
{
	if ((flags & ~known) != 0)
		buf_printf(why,
			   "flag 0x%" PRIx32 " is unknown to this daemon (ABI %d.%d); update ocppd",
			   flags & ~known, OCPPD_ABI_MAJOR, OCPPD_ABI_MINOR);
}

/* ---- Services ------------------------------------------------------------------------------- */

static void
check_service_name(const char *service, struct buf *why)
{
	if (!made_of(service, LOWER DIGITS "_.-") || strchr(service, '.') == NULL)
		buf_add_str(why, "a service's name is the owner's and its own, such as "
				 "\"acme.prices\"");
}

static void
check_need(const struct rule_scope *scope, const void *row, struct buf *why)
{
	const struct ocppd_need *need = row;

	(void)scope;
	check_service_name(need->service, why);
	if (why->len == 0 && need->module != NULL && !module_name_valid(need->module))
		buf_add_str(why, "its default module's name must match [a-z0-9_]{1,32}");
	if (why->len == 0)
		check_flags(need->flags, OCPPD_OPTIONAL | OCPPD_MANY, why);
}

static bool
same_need(const void *a, const void *b)
{
	const struct ocppd_need *left = a;
	const struct ocppd_need *right = b;

	return str_eq(left->service, right->service) && left->major == right->major;
}

static void
check_provide(const struct rule_scope *scope, const void *row, struct buf *why)
{
	const struct ocppd_provide *provide = row;

	(void)scope;
	check_service_name(provide->service, why);
	if (why->len == 0 && provide->ops == NULL)
		buf_add_str(why, "ops is NULL; name the struct of functions");
	if (why->len == 0)
		check_flags(provide->flags, OCPPD_MANY, why);
}

static bool
same_provide(const void *a, const void *b)
{
	const struct ocppd_provide *left = a;
	const struct ocppd_provide *right = b;

	return str_eq(left->service, right->service) && left->major == right->major;
}

/* ---- Options -------------------------------------------------------------------------------- */

static bool
has_number(uint32_t type)
{
	return type == OCPPD_CONF_INT || type == OCPPD_CONF_SIZE ||
	       type == OCPPD_CONF_DURATION_MS || type == OCPPD_CONF_DURATION_S ||
	       type == OCPPD_CONF_DOUBLE;
}

static void
check_option_place(const struct rule_scope *scope, const struct ocppd_option *option,
		   struct buf *why)
{
	uint32_t align = 1;
	uint32_t size = option_member_size(option, &align);

	if (size == 0 && option->type != OCPPD_CONF_SECTION)
		buf_printf(why, "type %" PRIu32 " is unknown to this daemon", option->type);
	else if (option->type == OCPPD_CONF_SECTION && size == 0)
		buf_add_str(why, "item_size is 0; set it to sizeof the section's struct");
	else if (option->offset > scope->struct_size || size > scope->struct_size - option->offset)
		buf_printf(why,
			   "its member ends at byte %" PRIu64 " of a struct of %" PRIu32
			   "; set conf_size, or item_size, to sizeof the struct",
			   (uint64_t)option->offset + size, scope->struct_size);
	else if (option->offset % align != 0)
		buf_printf(why, "offset %" PRIu32 " is not aligned for its type", option->offset);
}

static void
check_option_nested(const struct ocppd_option *option, struct buf *why)
{
	bool is_section = option->type == OCPPD_CONF_SECTION || option->type == OCPPD_CONF_SECTIONS;

	if (!is_section && option->options.count > 0)
		buf_add_str(why, "has options of its own but is no section");
	else if (is_section && option->options.count == 0)
		buf_add_str(why, "is a section without options");
	else if (option->type == OCPPD_CONF_SECTIONS &&
		 (option->item_size == 0 || option->item_size > ITEM_SIZE_MAX ||
		  option->item_size % sizeof(uint32_t) != 0))
		buf_printf(why,
			   "item_size %" PRIu32 " is none; set it to sizeof the section's struct",
			   option->item_size);
	else if (option->type == OCPPD_CONF_SECTION && option->def != NULL)
		buf_add_str(why, "is a section with a default; give its options theirs");
}

static void
check_option_values(const struct ocppd_option *option, struct buf *why)
{
	struct ocppd_error err = { 0 };

	if (option->type == OCPPD_CONF_ENUM &&
	    (option->one_of == NULL || option->one_of[0] == NULL))
		buf_add_str(why, "is an enumeration without one_of");
	else if (has_number(option->type) && option->min > option->max)
		buf_printf(why, "min %" PRId64 " is above max %" PRId64, option->min, option->max);
	else if ((option->flags & OCPPD_OPTION_REQUIRED) != 0 && option->def != NULL)
		buf_add_str(why, "is required and has a default; leave one out");
	/* The default of a list of maps is checked when it is used: its rows come later. */
	else if (option->def != NULL && option->type != OCPPD_CONF_SECTIONS &&
		 option_default_check(option, &err) < 0)
		buf_printf(why, "its default \"%s\" is refused: %s", option->def, err.text);
}

static void
check_option(const struct rule_scope *scope, const void *row, struct buf *why)
{
	const struct ocppd_option *option = row;

	if (!made_of(option->name, LOWER DIGITS "_"))
		buf_add_str(why, "an option's name is made of a-z, 0-9 and _");
	else if (scope->depth == 0 &&
		 (str_eq(option->name, "module") || str_eq(option->name, "optional")))
		buf_add_str(why, "the name is the loader's own in every module's section; "
				 "choose another");
	else if (is_empty(option->doc))
		buf_add_str(why, "has no doc; say in one sentence what the option does");
	if (why->len == 0)
		check_flags(
			option->flags,
			OCPPD_RELOADABLE | OCPPD_OPTION_REQUIRED |
				(option->type == OCPPD_CONF_SECTION ? OCPPD_OPTION_OPTIONAL : 0) |
				(option->type == OCPPD_CONF_PATH || option->type == OCPPD_CONF_PATHS
					 ? OCPPD_OPTION_SECRET
					 : 0),
			why);
	if (why->len == 0)
		check_option_place(scope, option, why);
	if (why->len == 0)
		check_option_nested(option, why);
	if (why->len == 0)
		check_option_values(option, why);
}

/* ---- Fields, actions, words ----------------------------------------------------------------- */

static void
check_field(const struct rule_scope *scope, const void *row, struct buf *why)
{
	const struct ocppd_field *field = row;

	(void)scope;
	if (is_empty(field->name))
		buf_add_str(why, "has no name");
	else if (field->type < OCPPD_T_STRING || field->type > OCPPD_T_NUMBER)
		buf_printf(why, "type %" PRIu32 " is unknown to this daemon", field->type);
	else if (field->type != OCPPD_T_OBJECT && field->fields.count > 0)
		buf_add_str(why, "has fields but is no object");
	else if (field->type != OCPPD_T_STRING && field->one_of != NULL)
		buf_add_str(why, "has one_of but is no string");
	else if (field->type == OCPPD_T_INTEGER && field->max != 0 && field->min > field->max)
		buf_printf(why, "min %" PRId64 " is above max %" PRId64, field->min, field->max);
	else if (field->type == OCPPD_T_STRING && field->max < 0)
		buf_printf(why, "max %" PRId64 " is no length", field->max);
	if (why->len == 0)
		check_flags(field->flags, FIELD_FLAGS, why);
}

static bool
same_field(const void *a, const void *b)
{
	return str_eq(((const struct ocppd_field *)a)->name, ((const struct ocppd_field *)b)->name);
}

static void
check_protocol(const char *protocol, const char *name, uint32_t direction, struct buf *why)
{
	if (!made_of(protocol, LOWER DIGITS "._-"))
		buf_add_str(why, "protocol must be a WebSocket subprotocol such as \"ocpp1.6\"");
	else if (!made_of(name, LOWER UPPER DIGITS "_"))
		buf_add_str(why, "the name must be as on the wire: letters, digits and _");
	else if (direction == 0 || (direction & ~DIRECTIONS) != 0)
		buf_printf(why,
			   "direction 0x%" PRIx32
			   " is none; use OCPPD_FROM_STATION, OCPPD_TO_STATION or both",
			   direction);
}

static void
check_action(const struct rule_scope *scope, const void *row, struct buf *why)
{
	const struct ocppd_action *action = row;

	(void)scope;
	check_protocol(action->protocol, action->name, action->direction, why);
	if (why->len == 0)
		check_flags(action->flags, ACTION_FLAGS, why);
	if (why->len == 0 && (action->direction & OCPPD_FROM_STATION) != 0 &&
	    action->on_call == NULL)
		buf_add_str(why, "comes from stations but has no on_call");
}

static bool
same_action(const void *a, const void *b)
{
	const struct ocppd_action *left = a;
	const struct ocppd_action *right = b;

	return (left->direction & right->direction) != 0 && str_eq(left->name, right->name) &&
	       str_eq(left->protocol, right->protocol);
}

static void
check_word(const struct rule_scope *scope, const void *row, struct buf *why)
{
	const struct ocppd_word *word = row;

	(void)scope;
	check_protocol(word->protocol, word->name, word->direction, why);
	if (why->len == 0)
		check_flags(word->flags, OCPPD_WORD_NOTIFICATION, why);
}

static bool
same_word(const void *a, const void *b)
{
	const struct ocppd_word *left = a;
	const struct ocppd_word *right = b;

	return (left->direction & right->direction) != 0 && str_eq(left->name, right->name) &&
	       str_eq(left->protocol, right->protocol);
}

/* ---- Events, tables of the database, routes, metrics ---------------------------------------- */

static void
check_topic(const struct rule_scope *scope, const void *row, struct buf *why)
{
	const struct ocppd_topic *topic = row;

	(void)scope;
	if (!made_of(topic->name, LOWER DIGITS "_.-"))
		buf_add_str(why, "a topic's name is made of a-z, 0-9, _ and dots, such as "
				 "\"transaction.started\"");
}

static bool
same_topic(const void *a, const void *b)
{
	return str_eq(((const struct ocppd_topic *)a)->name, ((const struct ocppd_topic *)b)->name);
}

static void
check_migration(const struct rule_scope *scope, const void *row, struct buf *why)
{
	const struct ocppd_migration *migration = row;
	const struct ocppd_migration *before = scope->before;

	if (is_empty(migration->name))
		buf_add_str(why, "has no name; say what the step does");
	else if (migration->version == 0)
		buf_add_str(why, "has version 0; versions count from 1");
	else if (before != NULL && migration->version <= before->version)
		buf_printf(why, "version %" PRIu32 " follows %" PRIu32 "; versions must rise",
			   migration->version, before->version);
	else if (migration->statements == NULL || migration->statements[0] == NULL)
		buf_add_str(why, "has no statements");
}

static void
check_statement(const struct rule_scope *scope, const void *row, struct buf *why)
{
	const struct ocppd_statement *statement = row;

	(void)scope;
	if (is_empty(statement->name))
		buf_add_str(why, "has no name; it stands in logs and errors");
	else if (is_empty(statement->sql))
		buf_add_str(why, "has no sql");
	if (why->len == 0)
		check_flags(statement->flags, OCPPD_STATEMENT_READ, why);
}

static bool
is_success(uint32_t status)
{
	return status == 200 || status == 201 || status == 202 || status == 204;
}

static void
check_route(const struct rule_scope *scope, const void *row, struct buf *why)
{
	const struct ocppd_route *route = row;

	(void)scope;
	if (!str_eq(route->method, "GET") && !str_eq(route->method, "PUT") &&
	    !str_eq(route->method, "POST") && !str_eq(route->method, "DELETE"))
		buf_add_str(why, "method must be GET, PUT, POST or DELETE");
	else if (route->path == NULL || route->path[0] != '/')
		buf_add_str(why, "path must begin with \"/\"");
	else if (route->role > OCPPD_ROLE_ADMIN)
		buf_printf(why, "role %" PRIu32 " is unknown to this daemon", route->role);
	else if (is_empty(route->summary))
		buf_add_str(why, "has no summary; say in one line what it does");
	else if (route->on_request == NULL)
		buf_add_str(why, "has no on_request");
	else if ((route->status != 0 && !is_success(route->status)) ||
		 (route->other_status != 0 && !is_success(route->other_status) &&
		  route->other_status != 503))
		buf_add_str(why, "status and other_status must be 200, 201, 202, 204, or 0; "
				 "other_status may be 503");
	if (why->len == 0)
		check_flags(route->flags, 0, why);
}

static bool
same_route(const void *a, const void *b)
{
	const struct ocppd_route *left = a;
	const struct ocppd_route *right = b;

	return str_eq(left->method, right->method) && str_eq(left->path, right->path);
}

static void
check_command(const struct rule_scope *scope, const void *row, struct buf *why)
{
	const struct ocppd_command *command = row;

	(void)scope;
	if (is_empty(command->words))
		buf_add_str(why, "has no words");
	else if (is_empty(command->help))
		buf_add_str(why, "has no help; say in one line what it does");
}

static bool
same_command(const void *a, const void *b)
{
	return str_eq(((const struct ocppd_command *)a)->words,
		      ((const struct ocppd_command *)b)->words);
}

static void
check_metric(const struct rule_scope *scope, const void *row, struct buf *why)
{
	const struct ocppd_metric *metric = row;

	(void)scope;
	if (!made_of(metric->name, LOWER DIGITS "_"))
		buf_add_str(why, "a metric's name is made of a-z, 0-9 and _");
	else if (is_empty(metric->help))
		buf_add_str(why, "has no help; say in one sentence what is counted");
	else if (metric->kind < OCPPD_METRIC_COUNTER || metric->kind > OCPPD_METRIC_HISTOGRAM)
		buf_printf(why, "kind %" PRIu32 " is unknown to this daemon", metric->kind);
	else if (metric->kind == OCPPD_METRIC_HISTOGRAM &&
		 (metric->buckets == NULL || metric->bucket_count == 0))
		buf_add_str(why, "is a histogram without buckets");
}

static bool
same_metric(const void *a, const void *b)
{
	return str_eq(((const struct ocppd_metric *)a)->name,
		      ((const struct ocppd_metric *)b)->name);
}

static bool
same_option(const void *a, const void *b)
{
	return str_eq(((const struct ocppd_option *)a)->name,
		      ((const struct ocppd_option *)b)->name);
}

static bool
same_statement(const void *a, const void *b)
{
	return str_eq(((const struct ocppd_statement *)a)->name,
		      ((const struct ocppd_statement *)b)->name);
}

/* ---- The tables ----------------------------------------------------------------------------- */

/* `last` is the last member that ABI 1.0 has: it never changes, whatever is appended. */
#define ROW(type, last, label)                                                                     \
	.row_size = sizeof(struct type),                                                           \
	.row_least = offsetof(struct type, last) + sizeof(((struct type *)0)->last),               \
	.row_align = _Alignof(struct type), .label_offset = offsetof(struct type, label)
#define FIELDS(parent, member)                                                                     \
	.name = #member, .offset = offsetof(struct parent, member), ROW(ocppd_field, doc, name),   \
	.max_rows = 256, .check = check_field, .is_same = same_field, .tables = in_field

static const struct table_rule in_field[2] = {
	{ FIELDS(ocppd_field, fields) },
	{ .name = NULL },
};

#define OPTIONS(parent)                                                                            \
	.name = "options", .offset = offsetof(struct parent, options),                             \
	ROW(ocppd_option, options, name), .max_rows = 256, .check = check_option,                  \
	.is_same = same_option, .tables = in_option

static const struct table_rule in_option[2] = {
	{ OPTIONS(ocppd_option) },
	{ .name = NULL },
};

static const struct table_rule in_action[] = {
	{ FIELDS(ocppd_action, req) },
	{ FIELDS(ocppd_action, conf) },
	{ .name = NULL },
};

static const struct table_rule in_topic[] = {
	{ FIELDS(ocppd_topic, body) },
	{ .name = NULL },
};

static const struct table_rule in_route[] = {
	{ FIELDS(ocppd_route, query) },
	{ FIELDS(ocppd_route, req) },
	{ FIELDS(ocppd_route, res) },
	{ .name = "commands",
	  .offset = offsetof(struct ocppd_route, commands),
	  ROW(ocppd_command, help, words),
	  .max_rows = 32,
	  .check = check_command,
	  .is_same = same_command },
	{ .name = NULL },
};

#define TABLE(member) .name = #member, .offset = offsetof(struct ocppd_plugin, member)

const struct table_rule import_tables[] = {
	{ TABLE(needs), ROW(ocppd_need, module, service), .max_rows = 64, .check = check_need,
	  .is_same = same_need },
	{ TABLE(provides), ROW(ocppd_provide, ops, service), .max_rows = 64, .check = check_provide,
	  .is_same = same_provide },
	{ OPTIONS(ocppd_plugin) },
	{ TABLE(actions), ROW(ocppd_action, completed, name), .max_rows = 512,
	  .check = check_action, .is_same = same_action, .tables = in_action },
	{ TABLE(topics), ROW(ocppd_topic, body, name), .max_rows = 256, .check = check_topic,
	  .is_same = same_topic, .tables = in_topic },
	{ TABLE(vocabulary), ROW(ocppd_word, flags, name), .max_rows = 1024, .check = check_word,
	  .is_same = same_word },
	{ TABLE(migrations), ROW(ocppd_migration, statements, name), .max_rows = 4096,
	  .check = check_migration },
	{ TABLE(statements), ROW(ocppd_statement, reserved, name), .max_rows = 4096,
	  .check = check_statement, .is_same = same_statement },
	{ TABLE(routes), ROW(ocppd_route, on_request, path), .max_rows = 256, .check = check_route,
	  .is_same = same_route, .tables = in_route },
	{ TABLE(metrics), ROW(ocppd_metric, labels, name), .max_rows = 256, .check = check_metric,
	  .is_same = same_metric },
	{ .name = NULL },
};

static bool
needs_storage(const struct ocppd_plugin *plugin)
{
	uint32_t i;

	for (i = 0; i < plugin->needs.count; i++) {
		if (str_eq(plugin->needs.items[i].service, "ocppd.storage"))
			return true;
	}
	return false;
}

void
import_check_whole(const struct ocppd_plugin *plugin, struct buf *why)
{
	uint32_t i;

	if (plugin->migrations.count + plugin->statements.count > 0 && !needs_storage(plugin)) {
		buf_add_str(why, "has migrations or statements but does not need "
				 "\"ocppd.storage\"; add the row to its needs");
		return;
	}
	for (i = 0; plugin->reload == NULL && i < plugin->options.count; i++) {
		if ((plugin->options.items[i].flags & OCPPD_RELOADABLE) == 0)
			continue;
		buf_printf(why,
			   "option \"%s\" is OCPPD_RELOADABLE but there is no reload function; add "
			   "it, or take the flag away",
			   plugin->options.items[i].name);
		return;
	}
}
