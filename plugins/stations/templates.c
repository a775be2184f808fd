/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Configuration templates: named sets of configuration keys as an operator wants them. Kept and
 * shown here, compared in diff.c; whoever speaks a station's protocol brings it there. No key that
 * is a station's own secret stands in one.
 */
#include "stations.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static struct ocppd_work *
work_new(struct stations *ctx, struct ocppd_request *request)
{
	struct ocppd_work *work = ocppd_work_new(&ctx->works, request, sizeof(*work));

	if (work == NULL)
		return NULL;
	work->unknown = "unknown-template";
	work->unknown_text = "There is no configuration template of that name";
	return work;
}

/* ---- What may stand in one --------------------------------------------------------------------
 */

/* The member as the text that stations take; NULL: it is none. Borrowed from value. */
static const char *
text_of(struct json_object *value)
{
	switch (json_object_get_type(value)) {
	case json_type_string:
	case json_type_int:
	case json_type_double:
	case json_type_boolean:
		return json_object_get_string(value);
	case json_type_null:
	case json_type_array:
	case json_type_object:
		break;
	}
	return NULL;
}

static bool
has_twin(struct json_object *wanted, const char *name)
{
	json_object_object_foreach (wanted, other, value) {
		(void)value;
		if (other != name && strcasecmp(other, name) == 0 && strcmp(other, name) != 0)
			return true;
	}
	return false;
}

int
template_check(struct json_object *wanted, bool is_kept, struct ocppd_error *err)
{
	if (!json_object_is_type(wanted, json_type_object))
		return ocppd_error_set(err, OCPPD_EINVAL, "not an object of keys and values");
	if (json_object_object_length(wanted) > TEMPLATE_KEYS_MAX)
		return ocppd_error_set(err, OCPPD_EINVAL, "more than %d keys", TEMPLATE_KEYS_MAX);
	json_object_object_foreach (wanted, name, value) {
		const char *text = text_of(value);

		if (name[0] == '\0' || strlen(name) > TEMPLATE_NAME_MAX)
			return ocppd_error_set(err, OCPPD_EINVAL,
					       "the name of a key has 1 to %d characters",
					       TEMPLATE_NAME_MAX);
		if (text == NULL || strlen(text) > TEMPLATE_VALUE_MAX)
			return ocppd_error_set(err, OCPPD_EINVAL,
					       "%s: not a text, a number or a truth value of at "
					       "most %d characters",
					       name, TEMPLATE_VALUE_MAX);
		if (has_twin(wanted, name))
			return ocppd_error_set(err, OCPPD_EINVAL,
					       "%s: there twice, names are compared without regard "
					       "to case",
					       name);
		if (is_kept && key_is_secret(name))
			return ocppd_error_set(err, OCPPD_EREFUSED,
					       "%s: sounds like a secret, which is not kept", name);
	}
	return 0;
}

/* All values as texts. NULL: out of memory. */
static struct json_object *
texts_of(struct json_object *wanted)
{
	struct json_object *texts = json_object_new_object();

	json_object_object_foreach (wanted, name, value) {
		if (texts == NULL || ocppd_json_add_str(texts, name, text_of(value)) < 0) {
			json_object_put(texts);
			return NULL;
		}
	}
	return texts;
}

/* ---- Reading ----------------------------------------------------------------------------------
 */

struct json_object *
template_keys(const struct ocppd_value *row)
{
	char *text = ocppd_value_dup(&row[TEMPLATE_KEYS]);
	struct json_object *json = text == NULL ? NULL : json_tokener_parse(text);

	free(text);
	return json;
}

static struct json_object *
template_json(const struct ocppd_value *row, bool is_whole)
{
	struct json_object *body = json_object_new_object();
	struct json_object *keys = template_keys(row);

	ocppd_json_add_value(body, "template", &row[TEMPLATE_NAME]);
	ocppd_json_add_value(body, "description", &row[TEMPLATE_DESCRIPTION]);
	ocppd_json_add_int(body, "keys", keys == NULL ? 0 : json_object_object_length(keys));
	if (is_whole && keys != NULL)
		ocppd_json_add(body, "configuration", json_object_get(keys));
	ocppd_json_add_time(body, "changed", row[TEMPLATE_CHANGED].number);
	ocppd_json_add_value(body, "changedBy", &row[TEMPLATE_CHANGED_BY]);
	json_object_put(keys);
	return body;
}

static struct json_object *
whole_item(const struct ocppd_value *row)
{
	return template_json(row, true);
}

static void
read_one(struct ocppd_work *work)
{
	const struct ocppd_value name =
		ocppd_value_str(ocppd_request_param(work->request, "template"));

	ocppd_work_get(work, STATEMENT_TEMPLATE_GET, &name, 1, whole_item);
}

void
templates_get(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct ocppd_work *work = work_new(ctx, request);

	(void)host;
	if (work != NULL)
		read_one(work);
}

static struct json_object *
list_item(const struct ocppd_value *row)
{
	return template_json(row, false);
}

static const struct ocppd_page templates_page = { sizeof(templates_page), TEMPLATE_NAME,
						  .row_json = list_item };

void
templates_list(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	const char *after = ocppd_request_query(request, "after");
	struct ocppd_work *work = work_new(ctx, request);

	(void)host;
	if (work == NULL)
		return;

	const struct ocppd_value values[] = {
		ocppd_value_str(after == NULL ? "" : after),
		ocppd_value_int(work->limit + 1),
	};

	ocppd_work_list(work, STATEMENT_TEMPLATE_LIST, values, 2, &templates_page);
}

/* ---- Writing ----------------------------------------------------------------------------------
 */

static void
on_put(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
       const struct ocppd_error *err, void *arg)
{
	struct ocppd_work *work = arg;

	(void)rows;
	(void)count;
	if (result == OCPPD_ECONFLICT) {
		ocppd_request_problem(host, work->request, 409, "too-many-templates",
				      "There are %d configuration templates already",
				      TEMPLATES_MAX);
		ocppd_work_end(work);
	} else if (result < 0) {
		ocppd_work_fail(work, result, err);
	} else {
		read_one(work);
	}
}

static void
store(struct ocppd_work *work, struct json_object *texts)
{
	struct ocppd_request *request = work->request;
	struct json_object *body = ocppd_request_body(request);
	size_t len = 0;
	const char *text = json_object_to_json_string_length(texts, JSON_C_TO_STRING_PLAIN, &len);
	const struct ocppd_value values[] = {
		ocppd_value_str(ocppd_request_param(request, "template")),
		ocppd_value_str(ocppd_json_get_str(body, "description")),
		ocppd_value_text(text, len),
		ocppd_value_int(ocppd_now_us(work->owner->host)),
		ocppd_value_str(ocppd_request_user(request)),
		ocppd_value_int(TEMPLATES_MAX),
	};

	ocppd_work_write(work, STATEMENT_TEMPLATE_PUT, values, sizeof(values) / sizeof(values[0]),
			 on_put);
}

static bool
is_named(struct ocppd_host *host, struct ocppd_request *request)
{
	if (strlen(ocppd_request_param(request, "template")) <= TEMPLATE_NAME_MAX)
		return true;
	ocppd_request_problem(host, request, 400, "bad-name", "A name has 1 to %d characters",
			      TEMPLATE_NAME_MAX);
	return false;
}

void
templates_put(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct json_object *wanted = ocppd_json_get(ocppd_request_body(request), "configuration");
	struct ocppd_error err = { 0 };
	struct json_object *texts;
	struct ocppd_work *work;
	int r;

	if (!is_named(host, request))
		return;
	r = template_check(wanted, true, &err);
	if (r < 0) {
		ocppd_request_problem(host, request, r == OCPPD_EREFUSED ? 422 : 400,
				      r == OCPPD_EREFUSED ? "refused" : "invalid-body",
				      "configuration: %s", err.text);
		return;
	}
	texts = texts_of(wanted);
	if (texts == NULL) {
		ocppd_request_fail(host, request, OCPPD_ENOMEM, NULL);
		return;
	}
	work = work_new(ctx, request);
	if (work != NULL)
		store(work, texts);
	json_object_put(texts);
}

void
templates_delete(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct ocppd_work *work = work_new(ctx, request);
	const struct ocppd_value name = ocppd_value_str(ocppd_request_param(request, "template"));

	(void)host;
	if (work != NULL)
		ocppd_work_delete(work, STATEMENT_TEMPLATE_DELETE, &name, 1);
}

/* ---- From a station's keys --------------------------------------------------------------------
 */

static bool
is_asked_for(struct json_object *names, const char *name)
{
	if (names == NULL)
		return true;
	for (size_t i = 0; i < json_object_array_length(names); i++) {
		if (strcasecmp(json_object_get_string(json_object_array_get_idx(names, i)), name) ==
		    0)
			return true;
	}
	return false;
}

/* What can be changed, has a value and is no secret. */
static int
take_key(struct json_object *texts, struct json_object *names, const struct ocppd_value *row)
{
	char name[TEMPLATE_NAME_MAX + 1];
	char value[TEMPLATE_VALUE_MAX + 1];

	if (row[1].type != OCPPD_VALUE_TEXT || row[2].number != 0 || row[3].number != 0 ||
	    row[0].len >= sizeof(name) || row[1].len >= sizeof(value))
		return 0;
	(void)ocppd_value_copy(&row[0], name, sizeof(name));
	(void)ocppd_value_copy(&row[1], value, sizeof(value));
	if (key_is_secret(name) || !is_asked_for(names, name))
		return 0;
	return ocppd_json_add_str(texts, name, value);
}

static void
on_keys(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	const struct ocppd_error *err, void *arg)
{
	struct ocppd_work *work = arg;
	struct json_object *body = ocppd_request_body(work->request);
	struct json_object *texts;
	int r = result;

	if (r < 0) {
		ocppd_work_fail(work, r, err);
		return;
	}
	texts = json_object_new_object();
	r = texts == NULL ? OCPPD_ENOMEM : 0;
	for (uint32_t i = 0; r >= 0 && i < rows->count; i++)
		r = take_key(texts, ocppd_json_get(body, "keys"),
			     rows->values + (size_t)i * rows->columns);
	if (r < 0) {
		ocppd_work_fail(work, r, NULL);
	} else if (json_object_object_length(texts) == 0) {
		ocppd_request_problem(
			host, work->request, 409, "no-keys",
			"no such keys of that station were read yet, or none that can "
			"be changed; GetConfiguration reads them");
		ocppd_work_end(work);
	} else if (json_object_object_length(texts) > TEMPLATE_KEYS_MAX) {
		ocppd_request_problem(host, work->request, 409, "no-keys",
				      "of that station %d keys were read that can be changed; a "
				      "template has 1 to %d",
				      json_object_object_length(texts), TEMPLATE_KEYS_MAX);
		ocppd_work_end(work);
	} else {
		store(work, texts);
	}
	json_object_put(texts);
}

static void
read_keys(struct stations *ctx, void *arg)
{
	struct ocppd_work *work = arg;
	struct json_object *body = ocppd_request_body(work->request);
	const struct ocppd_value id = ocppd_value_str(ocppd_json_get_str(body, "stationId"));

	(void)ctx;
	work->limit = KEYS_MAX - 1;
	ocppd_work_query(work, STATEMENT_KEYS, &id, 1, on_keys);
}

void
templates_import(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct stations *ctx = arg;
	const char *station_id = ocppd_json_get_str(ocppd_request_body(request), "stationId");
	struct ocppd_station *station = ocppd_station_find(host, station_id);
	struct ocppd_work *work;

	if (!is_named(host, request))
		return;
	if (station == NULL || !stations_slot(ctx, station)->is_known) {
		ocppd_request_problem(host, request, 404, "unknown-station",
				      "There is no such station");
		return;
	}
	work = work_new(ctx, request);
	if (work != NULL && keys_await(ctx, station, read_keys, work) < 0)
		ocppd_work_fail(work, OCPPD_ENOMEM, NULL);
}
