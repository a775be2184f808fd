/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * An operator's own SendLocalList: sent as given, with warnings; the version is chosen where it is
 * absent; what the station accepts is recorded as what it has.
 */
#include "local_list.h"

#include <json.h>
#include <string.h>

bool
is_own_call(const struct ocppd_outcall *call)
{
	/* Operators are "token:…" and "uid:…". */
	return strcmp(ocppd_outcall_requester(call), MODULE) == 0;
}

static size_t
array_length(struct json_object *array)
{
	return array == NULL ? 0 : json_object_array_length(array);
}

static uint8_t
status_number(const char *word)
{
	for (uint8_t i = 0; word != NULL && auth_words[i] != NULL; i++) {
		if (strcmp(word, auth_words[i]) == 0)
			return (uint8_t)(i + 1);
	}
	return OCPPD_AUTH_INVALID;
}

static int
read_given(struct job *job, struct json_object *req)
{
	struct json_object *list = ocppd_json_get(req, "localAuthorizationList");
	int r = 0;

	for (size_t i = 0; r >= 0 && i < array_length(list); i++) {
		struct json_object *item = json_object_array_get_idx(list, i);
		struct json_object *info = ocppd_json_get(item, "idTagInfo");
		struct entry entry = { .is_removal = info == NULL };

		r = tag_copy(ocppd_json_get_str(item, "idTag"), entry.tag);
		entry.status = status_number(ocppd_json_get_str(info, "status"));
		if (tag_copy(ocppd_json_get_str(info, "parentIdTag"), entry.parent) < 0)
			entry.parent[0] = '\0';
		entry.has_expiry = ocppd_json_get_time(info, "expiryDate", &entry.expiry_us) == 0;
		if (r >= 0)
			r = list_add(&job->given, &entry);
	}
	return r;
}

static bool
is_full(struct json_object *req)
{
	const char *type = ocppd_json_get_str(req, "updateType");

	return type != NULL && strcmp(type, "Full") == 0;
}

/* ---- Warnings ---------------------------------------------------------------------------------
 */

static void
warn_entries(struct job *job, struct json_object *req)
{
	struct ocppd_host *host = job->ctx->host;
	bool full = is_full(req);
	uint32_t count = job->given.count;

	for (uint32_t i = 0; full && i < count; i++) {
		if (!job->given.items[i].is_removal)
			continue;
		ocppd_outcall_warn(host, job->call,
				   "localAuthorizationList[%u].idTagInfo: required in a full list",
				   i);
		break;
	}
	if (list_sort(&job->given) > 0)
		ocppd_outcall_warn(host, job->call,
				   "localAuthorizationList: an idTag is in it twice");
	if (count > job->per_message)
		ocppd_outcall_warn(host, job->call,
				   "localAuthorizationList: %u entries, the station takes %u in a "
				   "message",
				   count, job->per_message);
	if (full && count > job->max_entries)
		ocppd_outcall_warn(host, job->call,
				   "localAuthorizationList: %u entries, the station keeps %u",
				   count, job->max_entries);
}

static void
warn_version(struct job *job, struct json_object *req, int64_t version)
{
	struct ocppd_host *host = job->ctx->host;

	if (version <= 0 || version > VERSION_MAX)
		ocppd_outcall_warn(host, job->call, "listVersion: must be greater than 0");
	else if (!is_full(req) && version <= job->record.version)
		ocppd_outcall_warn(host, job->call,
				   "listVersion: the station acknowledged %lld already",
				   (long long)job->record.version);
}

/* ---- Sending ----------------------------------------------------------------------------------
 */

static void
ready(struct job *job)
{
	struct json_object *req = ocppd_outcall_request(job->call);
	struct list_slot *slot = job->slot;
	int64_t used = slot->used > job->record.used ? slot->used : job->record.used;
	struct json_object *given = ocppd_json_get(req, "listVersion");
	int64_t version = ocppd_json_get_int(req, "listVersion", 0);
	bool is_again;
	int r = read_given(job, req);

	if (r >= 0 && given == NULL) {
		version = version_next(used, slot->reported, 1, &is_again);
		r = ocppd_json_add_int(req, "listVersion", version);
	}
	if (r >= 0) {
		if (version > slot->used && version <= VERSION_MAX)
			slot->used = version;
		warn_version(job, req, version);
		warn_entries(job, req);
	}
	job->is_preparing = false;
	if (r < 0) {
		struct ocppd_outcall *call = job->call;

		job->call = NULL;
		ocppd_outcall_ready(job->ctx->host, call, r, ocppd_strerror(r));
		job_free(job);
		return;
	}
	/* It may hear of its end in there. */
	ocppd_outcall_ready(job->ctx->host, job->call, 0, NULL);
}

static void
on_loaded(struct job *job)
{
	/* What is not known makes warnings and the version worse, but does not keep it. */
	job->is_broken = false;
	wanted_need(job, ready);
}

void
command_run(struct job *job)
{
	if (store_load(job, on_loaded) < 0)
		on_loaded(job);
}

int
prepare_send_list(struct ocppd_host *host, struct ocppd_outcall *call, struct json_object *req,
		  void *arg, struct ocppd_error *err)
{
	struct lists *ctx = arg;
	struct ocppd_station *station = ocppd_outcall_station(call);
	struct list_slot *slot = lists_slot(ctx, station);
	struct job *job;
	int r;

	(void)host;
	(void)req;
	if (is_own_call(call))
		return 0;
	if (slot->job != NULL && slot->job->kind == JOB_SYNC && !slot->job->is_automatic)
		return ocppd_error_set(err, OCPPD_EBUSY,
				       "the station's list is being synchronised; try again later");
	job = job_new(ctx, station, JOB_COMMAND);
	if (job == NULL)
		return OCPPD_ENOMEM;
	job->call = call;
	job->is_preparing = true;
	ocppd_outcall_set_data(call, job);
	r = job_begin(job);
	if (r < 0) {
		job->is_preparing = false;
		job_free(job);
		return ocppd_error_set(err, r, "too many lists wait for the station");
	}
	return OCPPD_PENDING;
}

/* ---- Outcomes ---------------------------------------------------------------------------------
 */

static int
commit_given(struct job *job, struct json_object *req, int64_t version)
{
	struct record *record = &job->record;
	bool full = is_full(req);
	int r;

	if (full)
		list_free(&job->acknowledged);
	r = list_apply(&job->acknowledged, &job->given);
	if (r < 0)
		return r;
	/* A difference onto something unknown stays unknown. */
	record->is_full_next = full ? false : record->is_full_next || !record->exists;
	record->exists = true;
	record->version = version;
	record->used = job->slot->used;
	record->entries = job->acknowledged.count;
	record->digest = list_digest(&job->acknowledged);
	record->acknowledged_us = record->attempted_us = ocppd_now_us(job->ctx->host);
	record->outcome = OUTCOME_DONE;
	record->text[0] = '\0';
	record->max_entries = job->max_entries;
	return store_save(job, &job->given, full, job_free);
}

void
completed_send_list(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
		    struct json_object *req, struct json_object *conf, void *ctx)
{
	struct job *job = ocppd_outcall_data(call);
	const char *status = ocppd_json_get_str(conf, "status");
	int r;

	(void)ctx;
	if (job == NULL)
		return;
	job->call = NULL;
	if (result == OCPPD_RES_REPLY)
		count_answer(host, status);
	if (result != OCPPD_RES_REPLY || status == NULL || strcmp(status, "Accepted") != 0 ||
	    job->ctx->is_stopping) {
		job_free(job);
		return;
	}
	r = commit_given(job, req, ocppd_json_get_int(req, "listVersion", 0));
	if (r < 0) {
		OCPPD_ERROR(host, "local_list.unstored",
			    OCPPD_STR("station", ocppd_station_id(job->station)),
			    OCPPD_STR("err", ocppd_error_name(r)));
		job_free(job);
	}
}

void
completed_get_version(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
		      struct json_object *req, struct json_object *conf, void *arg)
{
	(void)host;
	(void)req;
	if (result == OCPPD_RES_REPLY)
		lists_slot(arg, ocppd_outcall_station(call))->reported =
			ocppd_json_get_int(conf, "listVersion", REPORTED_NEVER);
}
