/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * PUT of stations. A change is read, merged, checked by the core's directory, and committed; one at
 * a time for each station. If the commit fails, the directory gets its old record back.
 */
#include "stations.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

#define LABELS_MAX 64
#define LABEL_SIZE 256

static const char wrong_labels[] = "labels: an object of at most 64 strings of at most 255 bytes";

struct change {
	struct stations *ctx;
	struct ocppd_request *request;
	struct ocppd_station *station;
	struct record *before; /* NULL: there was none */
	struct record *after;
};

bool
change_claim(struct stations *ctx, struct ocppd_request *request, struct ocppd_station *station)
{
	struct station_slot *slot = stations_slot(ctx, station);

	if (slot->is_fixed) {
		ocppd_request_problem(ctx->host, request, 409, "configured",
				      "This station stands in the configuration file");
		return false;
	}
	if (slot->is_changing) {
		ocppd_request_problem(ctx->host, request, 409, "busy",
				      "Another change of this station is under way");
		return false;
	}
	slot->is_changing = true;
	ctx->changes++;
	ctx->outstanding++;
	return true;
}

void
change_release(struct stations *ctx, struct ocppd_station *station)
{
	stations_slot(ctx, station)->is_changing = false;
	profiles_remember(ctx, station);
	stations_done(ctx);
}

static void
change_end(struct change *change)
{
	struct stations *ctx = change->ctx;
	struct ocppd_station *station = change->station;

	record_free(change->before);
	record_free(change->after);
	free(change);
	change_release(ctx, station);
}

static void
change_fail(struct change *change, int result, const struct ocppd_error *err)
{
	ocppd_request_fail(change->ctx->host, change->request, result, err);
	change_end(change);
}

static void
say_invalid(struct change *change, const char *text)
{
	ocppd_request_problem(change->ctx->host, change->request, 400, "invalid-station", "%s",
			      text);
	change_end(change);
}

/* NULL: the request was answered. */
static struct change *
change_new(struct stations *ctx, struct ocppd_request *request, struct ocppd_station *station)
{
	struct change *change = calloc(1, sizeof(*change));

	if (change == NULL) {
		ocppd_request_fail(ctx->host, request, OCPPD_ENOMEM, NULL);
		return NULL;
	}
	if (!change_claim(ctx, request, station)) {
		free(change);
		return NULL;
	}
	change->ctx = ctx;
	change->request = request;
	change->station = station;
	return change;
}

/* ---- Members -----------------------------------------------------------------------------------
 */

static int
set_lines(char **lines, struct json_object *list)
{
	char *made = NULL;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < json_object_array_length(list); i++)
		r = lines_add(&made, json_object_get_string(json_object_array_get_idx(list, i)));
	if (r >= 0)
		r = record_set(lines, made == NULL ? "" : made);
	free(made);
	return r;
}

/* Numbers and truth values are labels by their text: `labels.floor=5`. */
static bool
is_label(const char *name, struct json_object *value)
{
	enum json_type type = json_object_get_type(value);

	return (type == json_type_string || type == json_type_int || type == json_type_double ||
		type == json_type_boolean) &&
	       strlen(name) < LABEL_SIZE && strlen(json_object_get_string(value)) < LABEL_SIZE;
}

static const char *
set_labels(struct record *record, struct json_object *labels)
{
	struct json_object *texts;
	int r = 0;

	if (!json_object_is_type(labels, json_type_object) ||
	    json_object_object_length(labels) > LABELS_MAX)
		return wrong_labels;
	texts = json_object_new_object();
	json_object_object_foreach (labels, name, value) {
		if (!is_label(name, value)) {
			(void)json_object_put(texts);
			return wrong_labels;
		}
		r |= ocppd_json_add_str(texts, name, json_object_get_string(value));
	}
	if (r == 0)
		r = record_set(&record->labels,
			       json_object_to_json_string_ext(texts, JSON_C_TO_STRING_PLAIN));
	(void)json_object_put(texts);
	return r < 0 ? "out of memory" : NULL;
}

static uint32_t
registration_number(const char *word)
{
	for (uint32_t i = 0; registration_words[i] != NULL; i++) {
		if (strcmp(word, registration_words[i]) == 0)
			return i + 1;
	}
	return OCPPD_REG_REJECTED;
}

static const char *
merge_key(struct record *record, struct json_object *body)
{
	const char *key = ocppd_json_get_str(body, "authorizationKey");

	if (!json_object_object_get_ex(body, "authorizationKey", NULL))
		return NULL;
	if (key == NULL)
		return record_set(&record->verifiers, "") < 0 ? "out of memory" : NULL;
	if (record_set_key(record, key) < 0)
		return "authorizationKey: 32 to 40 hex digits, or 16 to 20 bytes of text";
	return NULL;
}

/* Puts the members that were given into the record. Returns what is wrong, or NULL. */
static const char *
merge_body(struct record *record, struct json_object *body)
{
	const char *word = ocppd_json_get_str(body, "registrationStatus");
	struct json_object *labels = ocppd_json_get(body, "labels");
	struct json_object *quirks = ocppd_json_get(body, "quirks");
	struct json_object *protocols = ocppd_json_get(body, "allowedProtocols");
	const char *wrong = merge_key(record, body);

	if (wrong != NULL)
		return wrong;
	if (word != NULL)
		record->registration = registration_number(word);
	if (json_object_object_get_ex(body, "securityProfile", NULL))
		record->security_profile =
			(uint32_t)ocppd_json_get_int(body, "securityProfile", OCPPD_PROFILE_ANY);
	record->is_strict = ocppd_json_get_bool(body, "strict", record->is_strict) != 0;
	if (quirks != NULL && set_lines(&record->quirks, quirks) < 0)
		return "quirks: codes and option=value, without line breaks";
	if (protocols != NULL && set_lines(&record->protocols, protocols) < 0)
		return "allowedProtocols: names of subprotocols";
	if (json_object_object_get_ex(body, "authUser", NULL) &&
	    record_set(&record->auth_user, ocppd_json_get_str(body, "authUser")) < 0)
		return "out of memory";
	if (labels != NULL)
		wrong = set_labels(record, labels);
	if (wrong != NULL)
		return wrong;
	if ((record->security_profile == 1 || record->security_profile == 2) &&
	    !record_has_key(record))
		return "authorizationKey: required with securityProfile 1 and 2";
	return NULL;
}

/* ---- PUT ---------------------------------------------------------------------------------------
 */

static void
restore(struct change *change)
{
	struct ocppd_error err = { 0 };

	if (change->before == NULL)
		record_withdraw(change->ctx, change->after->station_id);
	else if (record_apply(change->ctx, change->before, &err) < 0)
		OCPPD_ERROR(change->ctx->host, "station.unloaded",
			    OCPPD_STR("station", change->before->station_id),
			    OCPPD_STR("text", err.text));
}

static void
on_put(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
       const struct ocppd_error *err, void *arg)
{
	struct change *change = arg;
	struct stations *ctx = change->ctx;
	struct ocppd_request *request = change->request;

	(void)rows;
	(void)count;
	if (result < 0) {
		restore(change);
		change_fail(change, result, err);
		return;
	}
	OCPPD_INFO(host, "station.changed", OCPPD_STR("station", change->after->station_id),
		   OCPPD_STR("registration", registration_words[change->after->registration - 1]),
		   OCPPD_STR("user", ocppd_request_user(request)));
	unknown_forget(ctx, change->after->station_id);
	/* Answered as a GET is; the change itself is over. */
	ctx->outstanding++;
	change_end(change);
	routes_get(host, request, ctx);
	stations_done(ctx);
}

int
record_commit(struct stations *ctx, const struct record *record, ocppd_unit_fn *fn, void *arg)
{
	struct ocppd_unit *unit = NULL;
	const struct ocppd_value values[] = {
		ocppd_value_str(record->station_id),
		ocppd_value_int(record->registration),
		record->security_profile == OCPPD_PROFILE_ANY
			? ocppd_value_null()
			: ocppd_value_int(record->security_profile),
		ocppd_value_str(record->verifiers),
		ocppd_value_str(record->quirks),
		ocppd_value_int(record->is_strict),
		ocppd_value_str(record->labels),
		ocppd_value_str(record->auth_user),
		ocppd_value_str(record->protocols),
		ocppd_value_int(record->source),
		ocppd_value_int(ocppd_now_us(ctx->host)),
	};
	int r = ctx->storage->unit_new(ctx->storage_self, ctx->host, &unit);

	if (r >= 0)
		r = ctx->storage->unit_add(unit, ctx->host, STATEMENT_PUT, values,
					   sizeof(values) / sizeof(values[0]), 0);
	if (r < 0) {
		ctx->storage->unit_free(unit);
		return r;
	}
	ctx->storage->unit_commit(unit, fn, arg);
	return 0;
}

static void
on_put_read(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	    const struct ocppd_error *err, void *arg)
{
	struct change *change = arg;
	struct stations *ctx = change->ctx;
	struct ocppd_error own = { 0 };
	const char *wrong;
	int r;

	(void)host;
	if (result < 0) {
		change_fail(change, result, err);
		return;
	}
	if (rows->count > 0) {
		change->before = record_from_row(rows->values);
		change->after = change->before == NULL ? NULL : record_dup(change->before);
	} else {
		change->after = record_new(ocppd_station_id(change->station));
	}
	if (change->after == NULL) {
		change_fail(change, OCPPD_ENOMEM, NULL);
		return;
	}
	wrong = merge_body(change->after, ocppd_request_body(change->request));
	if (wrong != NULL) {
		say_invalid(change, wrong);
		return;
	}
	if (record_apply(ctx, change->after, &own) < 0) {
		say_invalid(change, own.text);
		return;
	}
	change->after->source = SOURCE_DATABASE;
	r = record_commit(ctx, change->after, on_put, change);
	if (r < 0) {
		restore(change);
		change_fail(change, r, NULL);
	}
}

void
routes_put(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct stations *ctx = arg;
	const char *station_id = ocppd_request_param(request, "stationId");
	const struct ocppd_value id = ocppd_value_str(station_id);
	struct ocppd_station *station;
	struct change *change;
	int r;

	if (!identity_is_valid(station_id)) {
		ocppd_request_problem(host, request, 400, "bad-identity",
				      "An identity has 1 to %d characters, no slash and no control "
				      "characters",
				      OCPPD_STATION_ID_MAX);
		return;
	}
	station = ocppd_station_get(host, station_id);
	if (station == NULL) {
		ocppd_request_problem(host, request, 503, "limit",
				      "No room for another station (max_stations)");
		return;
	}
	change = change_new(ctx, request, station);
	if (change == NULL)
		return;
	r = ctx->storage->query(ctx->storage_self, host, STATEMENT_FIND, &id, 1, 1, on_put_read,
				change);
	if (r < 0)
		change_fail(change, r, NULL);
}
