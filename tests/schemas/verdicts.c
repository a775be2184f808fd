/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * What the validator makes of payloads: loads the modules named as arguments for their tables,
 * reads `ACTION req|conf PAYLOAD` lines, and answers each with three verdicts (as we send it; as a
 * station sends it; the same to a strict daemon), the reason, and the payload as we would write it,
 * parted by tabs. A verdict is `clean`, `mended:CODES`, `refused:CODE`, or `-` where the message
 * does not go that way.
 * With `--members` first it prints each table's members instead. Runs no module's code.
 */
#include <dlfcn.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ocppd/plugin.h>

#include "base/buf.h"
#include "base/text.h"
#include "ocpp/message.h"
#include "ocpp/quirks.h"
#include "ocpp/schema.h"
#include "runtime/arena.h"
#include "runtime/import.h"
#include "runtime/problems.h"

#define PROTOCOL "ocpp1.6"
#define ROWS_MAX 128
#define NOW_US INT64_C(1772359200000000)

struct row {
	const struct ocppd_action *action;
	struct schema *req;
	struct schema *conf;
};

struct tables {
	struct arena arena;
	struct row rows[ROWS_MAX];
	uint32_t count;
};

/* ---- Modules ------------------------------------------------------------------------------ */

static int
complain(const char *what, const char *why)
{
	(void)fprintf(stderr, "verdicts: %s: %s\n", what, why == NULL ? "no reason given" : why);
	return OCPPD_EINVAL;
}

static int
add_row(struct tables *tables, const struct ocppd_action *action)
{
	struct row *row = &tables->rows[tables->count];
	struct ocppd_fields req = { { action->req.items, action->req.count, action->req.stride } };
	struct ocppd_fields conf = { { action->conf.items, action->conf.count,
				       action->conf.stride } };
	struct ocppd_error err = { 0 };

	if (!str_eq(action->protocol, PROTOCOL))
		return 0;
	if (tables->count == ROWS_MAX)
		return complain(action->name, "too many actions");
	tables->count++;
	row->action = action;
	if (schema_new(&req, &row->req, &err) < 0 || schema_new(&conf, &row->conf, &err) < 0)
		return complain(action->name, err.text);
	return 0;
}

static int
load(struct tables *tables, const char *path)
{
	struct problems problems = { 0 };
	const struct ocppd_plugin *plugin = NULL;
	const struct ocppd_plugin *raw;
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL); /* stays open */
	int r;

	if (handle == NULL)
		return complain(path, dlerror());
	raw = dlsym(handle, "ocppd_plugin");
	if (raw == NULL)
		return complain(path, "exports no ocppd_plugin");
	r = plugin_import(raw, NULL, &tables->arena, &plugin, &problems);
	if (r < 0)
		(void)complain(path, problems.count > 0 ? problems.items[0].text : NULL);
	problems_fini(&problems);
	for (uint32_t i = 0; r >= 0 && i < plugin->actions.count; i++)
		r = add_row(tables, &plugin->actions.items[i]);
	return r;
}

static const struct row *
find_row(const struct tables *tables, const char *name)
{
	for (uint32_t i = 0; i < tables->count; i++) {
		if (str_eq(tables->rows[i].action->name, name))
			return &tables->rows[i];
	}
	return NULL;
}

/* ---- Members ------------------------------------------------------------------------------ */

/* Depth is bounded by schema_new. */
static void
print_members(const char *head, const struct schema *schema, const char *path)
{
	struct buf buf = { 0 };

	for (uint32_t i = 0; i < schema->count; i++) {
		const struct schema_field *field = &schema->fields[i];

		buf_add_str(&buf, path);
		buf_add_char(&buf, '.');
		buf_add_str(&buf, field->name);
		if ((field->flags & OCPPD_LIST) != 0)
			buf_add_str(&buf, "[]");
		if (buf.error != 0)
			break;
		(void)printf("%s %s\n", head, buf.data);
		if (field->fields != NULL)
			print_members(head, field->fields, buf.data);
		buf_fini(&buf);
	}
	buf_fini(&buf);
}

static void
print_tables(const struct tables *tables)
{
	for (uint32_t i = 0; i < tables->count; i++) {
		const struct row *row = &tables->rows[i];
		char head[96];

		(void)snprintf(head, sizeof(head), "%s req", row->action->name);
		(void)printf("%s .\n", head);
		print_members(head, row->req, "");
		(void)snprintf(head, sizeof(head), "%s conf", row->action->name);
		(void)printf("%s .\n", head);
		print_members(head, row->conf, "");
	}
}

/* ---- Verdicts ----------------------------------------------------------------------------- */

static int
print_verdict(const struct schema *schema, struct json_object *payload,
	      const struct check_policy *policy, struct check_refusal *ret_refusal)
{
	struct findings *findings = NULL;
	int r = schema_check(schema, payload, policy, &findings, ret_refusal);

	if (r == OCPPD_EINVAL)
		(void)printf("refused:%s", ocppd_callerror_name(PROTOCOL, ret_refusal->code));
	else if (r < 0)
		(void)printf("error:%s", ocppd_error_name(r));
	else if (findings == NULL || findings->count == 0)
		(void)printf("clean");
	else
		(void)printf("mended");
	for (uint32_t i = 0; r == 0 && findings != NULL && i < findings->count; i++)
		(void)printf("%c%s", i == 0 ? ':' : ',', findings->items[i].quirk);
	findings_free(findings);
	return r;
}

static struct json_object *
read_payload(struct json_tokener *tokener, const char *text)
{
	json_tokener_reset(tokener);
	return json_tokener_parse_ex(tokener, text, (int)strlen(text) + 1);
}

/* The two verdicts of a daemon that receives it. Each reads it afresh, since it may be mended. */
static void
print_received(const struct row *row, bool is_req, struct json_tokener *tokener, const char *text)
{
	struct check_policy policy = { .mode = is_req ? CHECK_CALL : CHECK_RESULT,
				       .is_kept = (row->action->flags & OCPPD_ACTION_KEEP) != 0,
				       .now_us = NOW_US };

	for (int i = 0; i < 2; i++) {
		struct json_object *payload = read_payload(tokener, text);
		struct check_refusal refusal = { 0 };

		policy.is_strict = i > 0;
		(void)putchar('\t');
		(void)print_verdict(is_req ? row->req : row->conf, payload, &policy, &refusal);
		json_object_put(payload);
	}
}

static int
judge(const struct row *row, bool is_req, struct json_tokener *tokener, const char *text)
{
	uint32_t sender = is_req ? OCPPD_FROM_STATION : OCPPD_TO_STATION;
	const struct check_policy policy = { .mode = CHECK_OURS, .now_us = NOW_US };
	struct check_refusal refusal = { 0 };
	struct json_object *payload = read_payload(tokener, text);
	struct buf written = { 0 };
	int r;

	if (json_tokener_get_error(tokener) != json_tokener_success)
		return complain(text, json_tokener_error_desc(json_tokener_get_error(tokener)));
	r = print_verdict(is_req ? row->req : row->conf, payload, &policy, &refusal);
	if (r == 0)
		r = json_write(&written, payload);
	json_object_put(payload);
	if ((row->action->direction & sender) != 0)
		print_received(row, is_req, tokener, text);
	else
		(void)printf("\t-\t-");
	(void)printf("\t%s\t%s\n", refusal.at.text, written.data != NULL ? written.data : "");
	buf_fini(&written);
	return r == OCPPD_EINVAL ? 0 : r;
}

static int
judge_line(const struct tables *tables, struct json_tokener *tokener, char *line)
{
	char *rest = line;
	const char *action = strsep(&rest, " ");
	const char *kind = strsep(&rest, " ");
	const struct row *row = find_row(tables, action);

	if (rest == NULL || (!str_eq(kind, "req") && !str_eq(kind, "conf")))
		return complain(line, "not ACTION req|conf PAYLOAD");
	if (row == NULL)
		return complain(action, "no module has a table of it");
	return judge(row, str_eq(kind, "req"), tokener, rest);
}

static int
judge_lines(const struct tables *tables)
{
	struct json_tokener *tokener = message_tokener_new();
	char *line = NULL;
	size_t size = 0;
	int r = tokener == NULL ? complain("tokener", "out of memory") : 0;
	ssize_t len;

	while (r == 0 && (len = getline(&line, &size, stdin)) > 0) {
		if (line[len - 1] == '\n')
			line[len - 1] = '\0';
		r = judge_line(tables, tokener, line);
	}
	free(line);
	json_tokener_free(tokener);
	return r;
}

int
main(int argc, char **argv)
{
	struct tables *tables = calloc(1, sizeof(*tables));
	bool is_members = argc > 1 && str_eq(argv[1], "--members");
	int r = tables == NULL ? complain("tables", "out of memory") : 0;

	for (int i = is_members ? 2 : 1; r == 0 && i < argc; i++)
		r = load(tables, argv[i]);
	if (r == 0 && is_members)
		print_tables(tables);
	else if (r == 0)
		r = judge_lines(tables);
	for (uint32_t i = 0; tables != NULL && i < tables->count; i++) {
		schema_free(tables->rows[i].req);
		schema_free(tables->rows[i].conf);
	}
	if (tables != NULL)
		arena_fini(&tables->arena);
	free(tables);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
