/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * GET /v1/openapi.json: the API as OpenAPI 3.1, made from the rows that loaded modules registered,
 * and made again only when they change. Beside the standard's own members it carries what ocppctl
 * needs: `x-ocppctl` at each operation (words, arguments, columns), and `x-bodies` where the body's
 * schema depends on a path parameter.
 */
#include <ocppd/json.h>
#include <ocppd/plugin.h>

#include "body.h"
#include "http_api.h"
#include "rows.h"

#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#define REF_PREFIX "#/components/schemas/"

/* One run of the generator; a failure sticks. */
struct maker {
	struct api *api;
	int error;
	struct json_object *paths;
	struct json_object *schemas;
	struct json_object *bodies;  /* action to reference, of what goes to stations */
	struct json_object *choices; /* the same references, as a list */
	struct json_object *actions; /* names, as a list */
};

/* ---- Small tree helpers: NULL and failures go through ------------------------------------- */

static struct json_object *
object(struct maker *maker)
{
	struct json_object *made = json_object_new_object();

	if (made == NULL)
		maker->error = OCPPD_ENOMEM;
	return made;
}

static struct json_object *
array(struct maker *maker)
{
	struct json_object *made = json_object_new_array();

	if (made == NULL)
		maker->error = OCPPD_ENOMEM;
	return made;
}

/* Takes value. */
static void
set(struct maker *maker, struct json_object *to, const char *key, struct json_object *value)
{
	if (to == NULL || value == NULL) {
		(void)json_object_put(value);
		maker->error = OCPPD_ENOMEM;
		return;
	}
	if (ocppd_json_add(to, key, value) < 0)
		maker->error = OCPPD_ENOMEM;
}

static void
set_str(struct maker *maker, struct json_object *to, const char *key, const char *text)
{
	if (text == NULL)
		return;
	if (to == NULL || ocppd_json_add_str(to, key, text) < 0)
		maker->error = OCPPD_ENOMEM;
}

static void
set_int(struct maker *maker, struct json_object *to, const char *key, int64_t value)
{
	if (to == NULL || ocppd_json_add_int(to, key, value) < 0)
		maker->error = OCPPD_ENOMEM;
}

static void
set_bool(struct maker *maker, struct json_object *to, const char *key, int value)
{
	if (to == NULL || ocppd_json_add_bool(to, key, value) < 0)
		maker->error = OCPPD_ENOMEM;
}

/* Takes value. */
static void
append(struct maker *maker, struct json_object *to, struct json_object *value)
{
	if (to != NULL && value != NULL && json_object_array_add(to, value) == 0)
		return;
	(void)json_object_put(value);
	maker->error = OCPPD_ENOMEM;
}

static void
append_str(struct maker *maker, struct json_object *to, const char *text)
{
	append(maker, to, json_object_new_string(text));
}

static struct json_object *
reference(struct maker *maker, const char *to)
{
	struct json_object *made = object(maker);

	set_str(maker, made, "$ref", to);
	return made;
}

/* ---- Schemas ------------------------------------------------------------------------------- */

static struct json_object *schema_of_table(struct maker *maker, const void *items, uint32_t count,
					   uint32_t stride);

static const char *
type_word(uint32_t type)
{
	switch (type) {
	case OCPPD_T_INTEGER:
		return "integer";
	case OCPPD_T_DECIMAL:
	case OCPPD_T_NUMBER:
		return "number";
	case OCPPD_T_BOOLEAN:
		return "boolean";
	case OCPPD_T_OBJECT:
		return "object";
	case OCPPD_T_ANY:
		return NULL;
	default:
		return "string";
	}
}

static void
set_type(struct maker *maker, struct json_object *schema, const char *word, bool is_nullable)
{
	struct json_object *words;

	if (word == NULL || !is_nullable) {
		set_str(maker, schema, "type", word);
		return;
	}
	words = array(maker);
	append_str(maker, words, word);
	append_str(maker, words, "null");
	set(maker, schema, "type", words);
}

static void
set_enum(struct maker *maker, struct json_object *schema, const struct ocppd_field *field)
{
	struct json_object *words = array(maker);

	for (const char *const *word = field->one_of; *word != NULL; word++)
		append_str(maker, words, *word);
	if ((field->flags & OCPPD_NULLABLE) != 0 && (field->flags & OCPPD_LIST) == 0 &&
	    words != NULL && json_object_array_add(words, NULL) != 0)
		maker->error = OCPPD_ENOMEM;
	set(maker, schema, "enum", words);
}

/* One value of the field, its list aside. */
static struct json_object *
schema_of_value(struct maker *maker, const struct ocppd_field *field)
{
	bool is_nullable = (field->flags & (OCPPD_NULLABLE | OCPPD_LIST)) == OCPPD_NULLABLE;
	struct json_object *schema;

	if (field->type == OCPPD_T_OBJECT) {
		schema = schema_of_table(maker, field->fields.items, field->fields.count,
					 field->fields.stride);
		if (is_nullable)
			set_type(maker, schema, "object", true);
		return schema;
	}
	schema = object(maker);
	set_type(maker, schema, type_word(field->type), is_nullable);
	if (field->type == OCPPD_T_TIMESTAMP)
		set_str(maker, schema, "format", "date-time");
	if (field->type == OCPPD_T_URI)
		set_str(maker, schema, "format", "uri");
	if (field->type == OCPPD_T_STRING && field->max > 0)
		set_int(maker, schema, "maxLength", field->max);
	if (field->type == OCPPD_T_INTEGER && (field->min != 0 || field->max != 0)) {
		set_int(maker, schema, "minimum", field->min);
		set_int(maker, schema, "maximum", field->max);
	}
	if (field->one_of != NULL)
		set_enum(maker, schema, field);
	return schema;
}

static struct json_object *
schema_of_field(struct maker *maker, const struct ocppd_field *field)
{
	struct json_object *schema = schema_of_value(maker, field);
	struct json_object *list;

	if ((field->flags & OCPPD_LIST) == 0) {
		set_str(maker, schema, "description", field->doc);
		return schema;
	}
	list = object(maker);
	set_type(maker, list, "array", (field->flags & OCPPD_NULLABLE) != 0);
	set(maker, list, "items", schema);
	if ((field->flags & OCPPD_NONEMPTY) != 0)
		set_int(maker, list, "minItems", 1);
	if (field->max_items > 0)
		set_int(maker, list, "maxItems", field->max_items);
	set_str(maker, list, "description", field->doc);
	return list;
}

static struct json_object *
schema_of_table(struct maker *maker, const void *items, uint32_t count, uint32_t stride)
{
	struct json_object *schema = object(maker);
	struct json_object *properties = object(maker);
	struct json_object *required = array(maker);

	for (uint32_t i = 0; i < count; i++) {
		const struct ocppd_field *field = row_at(items, stride, i);

		set(maker, properties, field->name, schema_of_field(maker, field));
		if ((field->flags & (OCPPD_REQUIRED | OCPPD_FILLED)) == OCPPD_REQUIRED)
			append_str(maker, required, field->name);
	}
	set_str(maker, schema, "type", "object");
	set(maker, schema, "properties", properties);
	if (required != NULL && json_object_array_length(required) > 0)
		set(maker, schema, "required", required);
	else
		(void)json_object_put(required);
	set_bool(maker, schema, "additionalProperties", 0);
	return schema;
}

/* ---- Actions ------------------------------------------------------------------------------- */

static int
on_action(const struct ocppd_action *action, const char *owner, void *arg)
{
	struct maker *maker = arg;
	char name[160];
	char ref[200];

	(void)owner;
	if ((action->direction & OCPPD_TO_STATION) == 0)
		return 0;

	(void)snprintf(name, sizeof(name), "%s.%s.req", action->protocol, action->name);
	set(maker, maker->schemas, name,
	    schema_of_table(maker, action->req.items, action->req.count, action->req.stride));
	(void)snprintf(ref, sizeof(ref), REF_PREFIX "%s", name);
	append(maker, maker->choices, reference(maker, ref));
	/* With several protocols the first one's names complete a command. */
	if (!json_object_object_get_ex(maker->bodies, action->name, NULL)) {
		set_str(maker, maker->bodies, action->name, ref);
		append_str(maker, maker->actions, action->name);
	}
	return 0;
}

/* ---- Operations ---------------------------------------------------------------------------- */

static struct json_object *
parameter(struct maker *maker, const char *name, const char *in, bool is_required)
{
	struct json_object *made = object(maker);

	set_str(maker, made, "name", name);
	set_str(maker, made, "in", in);
	if (is_required)
		set_bool(maker, made, "required", 1);
	return made;
}

static struct json_object *
parameters_of(struct maker *maker, const struct route *route)
{
	struct json_object *list = array(maker);

	for (uint32_t i = 0; i < route->count; i++) {
		struct json_object *made;
		struct json_object *schema;

		if (!route->is_param[i])
			continue;
		made = parameter(maker, route->segments[i], "path", true);
		schema = object(maker);
		set_str(maker, schema, "type", "string");
		if (body_is_free(route->row) && strcmp(route->segments[i], "Action") == 0)
			set(maker, schema, "enum", json_object_get(maker->actions));
		set(maker, made, "schema", schema);
		append(maker, list, made);
	}
	for (uint32_t i = 0; i < route->row->query.count; i++) {
		const struct ocppd_field *field = ROW_AT(route->row->query, i);
		struct json_object *made = parameter(maker, field->name, "query",
						     (field->flags & OCPPD_REQUIRED) != 0);

		set(maker, made, "schema", schema_of_field(maker, field));
		set_str(maker, made, "description", field->doc);
		append(maker, list, made);
	}
	return list;
}

static struct json_object *
json_content(struct maker *maker, struct json_object *schema)
{
	struct json_object *content = object(maker);
	struct json_object *media = object(maker);

	set(maker, media, "schema", schema);
	set(maker, content, "application/json", media);
	return content;
}

static struct json_object *
free_schema(struct maker *maker)
{
	struct json_object *schema = object(maker);

	set(maker, schema, "anyOf", json_object_get(maker->choices));
	return schema;
}

static void
set_body(struct maker *maker, struct json_object *operation, const struct ocppd_route *row)
{
	struct json_object *body;
	struct json_object *schema;

	if (body_is_free(row) && json_object_array_length(maker->choices) > 0)
		schema = free_schema(maker);
	else if (row->req.count > 0)
		schema = schema_of_table(maker, row->req.items, row->req.count, row->req.stride);
	else
		return;
	body = object(maker);
	set(maker, body, "content", json_content(maker, schema));
	set_bool(maker, body, "required", !body_is_free(row));
	set(maker, operation, "requestBody", body);
}

/* Takes schema. */
static void
set_content(struct maker *maker, struct json_object *to, const char *type,
	    struct json_object *schema)
{
	struct json_object *content = object(maker);
	struct json_object *media = object(maker);

	set(maker, media, "schema", schema);
	set(maker, content, type, media);
	set(maker, to, "content", content);
}

static void
set_success_of(struct maker *maker, struct json_object *responses, const struct ocppd_route *row,
	       uint32_t status)
{
	struct json_object *success = object(maker);
	struct json_object *schema;
	char number[12];

	if (status == 0)
		status = 200;
	set_str(maker, success, "description", row->summary);
	if (status != 204) {
		schema = row->res.count > 0 ? schema_of_table(maker, row->res.items, row->res.count,
							      row->res.stride)
					    : object(maker);
		if (row->media != NULL && row->res.count == 0)
			set_str(maker, schema, "type", "string");
		set_content(maker, success, row->media != NULL ? row->media : "application/json",
			    schema);
	}
	(void)snprintf(number, sizeof(number), "%u", status);
	set(maker, responses, number, success);
}

static void
set_responses(struct maker *maker, struct json_object *operation, const struct ocppd_route *row)
{
	struct json_object *responses = object(maker);

	set_success_of(maker, responses, row, row->status);
	if (row->other_status != 0)
		set_success_of(maker, responses, row, row->other_status);
	set(maker, responses, "default", reference(maker, "#/components/responses/Problem"));
	set(maker, operation, "responses", responses);
}

/* How an OCPP answer that is no refusal calls itself; others end ocppctl with another status. */
static void
set_success(struct maker *maker, struct json_object *command)
{
	static const char *const words[] = { "Accepted", "Scheduled", "RebootRequired",
					     "Unlocked" };
	struct json_object *success = object(maker);
	struct json_object *values = array(maker);

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		append_str(maker, values, words[i]);
	set_str(maker, success, "member", "response.status");
	set(maker, success, "values", values);
	set(maker, command, "success", success);
}

static void
set_commands(struct maker *maker, struct json_object *operation, const struct ocppd_route *row)
{
	struct json_object *list;

	if (row->commands.count == 0)
		return;
	list = array(maker);
	for (uint32_t i = 0; i < row->commands.count; i++) {
		const struct ocppd_command *command = ROW_AT(row->commands, i);
		struct json_object *made = object(maker);

		set_str(maker, made, "words", command->words);
		set_str(maker, made, "args", command->args);
		set_str(maker, made, "columns", command->columns);
		set_str(maker, made, "help", command->help);
		if (body_is_free(row))
			set_success(maker, made);
		append(maker, list, made);
	}
	set(maker, operation, "x-ocppctl", list);
}

static void
set_bodies(struct maker *maker, struct json_object *operation)
{
	struct json_object *bodies = object(maker);

	set_str(maker, bodies, "parameter", "Action");
	set(maker, bodies, "schemas", json_object_get(maker->bodies));
	set(maker, operation, "x-bodies", bodies);
}

/* A payload inside of a body, whose table depends on another member. */
static void
set_payloads(struct maker *maker, struct json_object *operation)
{
	struct json_object *payloads = object(maker);

	set_str(maker, payloads, "parameter", "action");
	set_str(maker, payloads, "member", "payload");
	set(maker, payloads, "schemas", json_object_get(maker->bodies));
	set(maker, operation, "x-payload", payloads);
}

/* How ocppctl waits for a copy and fetches it. */
static void
set_backup(struct maker *maker, struct json_object *operation)
{
	struct json_object *job = object(maker);
	struct json_object *words = array(maker);

	append_str(maker, words, "ready");
	append_str(maker, words, "failed");
	set_str(maker, job, "id", "backupId");
	set_str(maker, job, "show", "/v1/backups/{backupId}");
	set_str(maker, job, "data", "/v1/backups/{backupId}/data");
	set(maker, job, "over", words);
	set(maker, operation, "x-job", job);
}

/* How ocppctl follows a job to its end: where it is shown, and when it is over. */
static void
set_job(struct maker *maker, struct json_object *operation)
{
	static const char *const over[] = { "finished", "cancelled", "failed" };
	struct json_object *job = object(maker);
	struct json_object *words = array(maker);

	for (size_t i = 0; i < sizeof(over) / sizeof(over[0]); i++)
		append_str(maker, words, over[i]);
	set_str(maker, job, "id", "jobId");
	set_str(maker, job, "show", "/v1/commands/{jobId}");
	set_str(maker, job, "results", "/v1/commands/{jobId}/results");
	set(maker, job, "over", words);
	set_success(maker, job);
	set(maker, operation, "x-job", job);
}

/* get_v1_stations_stationId */
static void
set_operation_id(struct maker *maker, struct json_object *operation, const struct ocppd_route *row)
{
	char id[256];
	size_t len = 0;

	for (const char *at = row->method; *at != '\0' && len < 16; at++)
		id[len++] = (char)(*at | 0x20);
	for (const char *at = row->path; *at != '\0' && len < sizeof(id) - 1; at++) {
		if (*at == '{' || *at == '}')
			continue;
		id[len++] = (char)(*at == '/' || *at == '-' || *at == '.' ? '_' : *at);
	}
	id[len] = '\0';
	set_str(maker, operation, "operationId", id);
}

static void
add_operation(struct maker *maker, const struct route *route)
{
	static const char *const roles[] = { "none", "viewer", "operator", "admin" };
	const struct ocppd_route *row = route->row;
	struct json_object *operation = object(maker);
	struct json_object *path = NULL;
	struct json_object *parameters;
	char method[16];
	size_t len = 0;

	for (const char *at = row->method; *at != '\0' && len < sizeof(method) - 1; at++)
		method[len++] = (char)(*at | 0x20);
	method[len] = '\0';

	set_operation_id(maker, operation, row);
	set_str(maker, operation, "summary", row->summary);
	set_str(maker, operation, "x-role", roles[row->role & 3u]);
	if (row->role == OCPPD_ROLE_NONE)
		set(maker, operation, "security", array(maker));
	parameters = parameters_of(maker, route);
	if (parameters != NULL && json_object_array_length(parameters) > 0)
		set(maker, operation, "parameters", parameters);
	else
		(void)json_object_put(parameters);
	set_body(maker, operation, row);
	set_responses(maker, operation, row);
	set_commands(maker, operation, row);
	if (row->on_request == backup_post)
		set_backup(maker, operation);
	if (row->on_request == jobs_post) {
		set_job(maker, operation);
		set_payloads(maker, operation);
	}
	if (row->on_request == events_get)
		set_bool(maker, operation, "x-stream", 1);
	if (body_is_free(row))
		set_bodies(maker, operation);

	if (!json_object_object_get_ex(maker->paths, row->path, &path)) {
		path = object(maker);
		set(maker, maker->paths, row->path, path);
	}
	set(maker, path, method, operation);
}

/* ---- The document -------------------------------------------------------------------------- */

static struct json_object *
problem_schema(struct maker *maker)
{
	static const char *const members[] = { "type", "title", "detail" };
	struct json_object *schema = object(maker);
	struct json_object *properties = object(maker);
	struct json_object *status = object(maker);

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		struct json_object *member = object(maker);

		set_str(maker, member, "type", "string");
		set(maker, properties, members[i], member);
	}
	set_str(maker, status, "type", "integer");
	set(maker, properties, "status", status);
	set_str(maker, schema, "type", "object");
	set(maker, schema, "properties", properties);
	return schema;
}

static struct json_object *
components(struct maker *maker)
{
	struct json_object *made = object(maker);
	struct json_object *responses = object(maker);
	struct json_object *response = object(maker);
	struct json_object *content = object(maker);
	struct json_object *media = object(maker);
	struct json_object *security = object(maker);
	struct json_object *bearer = object(maker);

	set(maker, maker->schemas, "Problem", problem_schema(maker));
	set(maker, media, "schema", reference(maker, REF_PREFIX "Problem"));
	set(maker, content, "application/problem+json", media);
	set_str(maker, response, "description", "What went wrong (RFC 9457)");
	set(maker, response, "content", content);
	set(maker, responses, "Problem", response);
	set_str(maker, bearer, "type", "http");
	set_str(maker, bearer, "scheme", "bearer");
	set(maker, security, "bearer", bearer);
	set(maker, made, "schemas", json_object_get(maker->schemas));
	set(maker, made, "responses", responses);
	set(maker, made, "securitySchemes", security);
	return made;
}

static struct json_object *
document(struct maker *maker)
{
	struct json_object *made = object(maker);
	struct json_object *info = object(maker);
	struct json_object *security = array(maker);
	struct json_object *bearer = object(maker);

	set_str(maker, info, "title", "ocppd operator API");
	set_str(maker, info, "version", ocppd_version());
	set_str(maker, made, "openapi", "3.1.0");
	set(maker, made, "info", info);
	set(maker, bearer, "bearer", array(maker));
	append(maker, security, bearer);
	set(maker, made, "security", security);
	set(maker, made, "paths", json_object_get(maker->paths));
	set(maker, made, "components", components(maker));
	return made;
}

static struct json_object *
openapi_make(struct api *api)
{
	struct maker maker = { .api = api };
	struct json_object *made = NULL;

	maker.paths = object(&maker);
	maker.schemas = object(&maker);
	maker.bodies = object(&maker);
	maker.choices = array(&maker);
	maker.actions = array(&maker);
	if (maker.error == 0) {
		(void)ocppd_action_each(api->host, on_action, &maker);
		for (uint32_t i = 0; i < api->routes.count; i++)
			add_operation(&maker, &api->routes.items[i]);
		made = document(&maker);
	}
	(void)json_object_put(maker.paths);
	(void)json_object_put(maker.schemas);
	(void)json_object_put(maker.bodies);
	(void)json_object_put(maker.choices);
	(void)json_object_put(maker.actions);
	if (maker.error < 0) {
		(void)json_object_put(made);
		return NULL;
	}
	return made;
}

void
openapi_get(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct api *api = ctx;

	if (api->openapi == NULL)
		api->openapi = openapi_make(api);
	if (api->openapi == NULL) {
		ocppd_request_fail(host, request, OCPPD_ENOMEM, NULL);
		return;
	}
	ocppd_request_reply(host, request, 200, json_object_get(api->openapi));
}
