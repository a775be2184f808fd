/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Bringing a station up to date: ask for its version, send the difference or everything, in as many
 * messages as its limits ask for, and remember each part when it was accepted. A refused difference
 * is followed by a full list, once.
 */
#include "local_list.h"

#include <json.h>
#include <stdarg.h>
#include <string.h>

const char *const auth_words[] = {
	"Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx", NULL,
};

static const struct outcome_row {
	const char *word; /* of metrics and events */
	uint32_t status;  /* HTTP */
	const char *kind;
} outcomes[] = {
	[OUTCOME_NONE] = { "none", 200, "" },
	[OUTCOME_DONE] = { "done", 200, "" },
	[OUTCOME_UNSUPPORTED] = { "unsupported", 409, "list-not-supported" },
	[OUTCOME_REFUSED] = { "refused", 502, "list-refused" },
	[OUTCOME_ERROR] = { "error", 502, "station-error" },
	[OUTCOME_TIMEOUT] = { "timeout", 504, "timeout" },
	[OUTCOME_GONE] = { "gone", 409, "connection-ended" },
	[OUTCOME_UNSTORED] = { "unstored", 503, "storage" },
};

/* ---- Messages ---------------------------------------------------------------------------------
 */

static struct json_object *
entry_info(struct ocppd_station *station, const struct entry *entry, int64_t now_us)
{
	struct json_object *info = json_object_new_object();
	bool is_expired = entry->status == OCPPD_AUTH_ACCEPTED && entry->has_expiry &&
			  entry->expiry_us <= now_us;
	uint32_t status = is_expired ? OCPPD_AUTH_EXPIRED : entry->status;
	char text[OCPPD_TIME_SIZE];

	if (entry->has_expiry && ocppd_time_format(entry->expiry_us, text) == 24) {
		if (ocppd_station_option(station, "whole_seconds") != NULL)
			memcpy(text + 19, "Z", 2);
		ocppd_json_add_str(info, "expiryDate", text);
	}
	if (entry->parent[0] != '\0')
		ocppd_json_add_str(info, "parentIdTag", entry->parent);
	ocppd_json_add_str(info, "status", auth_words[status - 1]);
	return info;
}

static struct json_object *
part_payload(const struct job *job, const struct plan_part *part, int64_t version)
{
	struct json_object *payload = json_object_new_object();
	struct json_object *entries = json_object_new_array();
	int64_t now_us = ocppd_now_us(job->ctx->host);

	for (uint32_t i = 0; i < part->count; i++) {
		const struct entry *entry = &part->items[i];
		struct json_object *item = json_object_new_object();

		ocppd_json_add_str(item, "idTag", entry->tag);
		if (!entry->is_removal)
			ocppd_json_add(item, "idTagInfo", entry_info(job->station, entry, now_us));
		json_object_array_add(entries, item);
	}
	ocppd_json_add_int(payload, "listVersion", version);
	ocppd_json_add(payload, "localAuthorizationList", entries);
	ocppd_json_add_str(payload, "updateType", part->is_full ? "Full" : "Differential");
	return payload;
}

/* ---- The end ----------------------------------------------------------------------------------
 */

static void
publish(struct job *job, bool is_done)
{
	struct ocppd_host *host = job->ctx->host;
	const char *station_id = ocppd_station_id(job->station);
	const struct record *record = &job->record;
	const char *topic = is_done ? EVENT_SYNCED : EVENT_FAILED;
	struct json_object *body;

	if (ocppd_event_wanted(host, topic) == 0)
		return;
	body = json_object_new_object();
	ocppd_json_add_str(body, "stationId", station_id);
	if (is_done) {
		ocppd_json_add_int(body, "version", record->version);
		ocppd_json_add_int(body, "entries", record->entries);
		ocppd_json_add_int(body, "messages", job->sent);
	} else {
		ocppd_json_add_str(body, "reason", outcomes[record->outcome].word);
		ocppd_json_add_str(body, "text", record->text);
	}
	(void)ocppd_event_publish(host, topic, station_id, body);
}

static void
answer(struct job *job)
{
	struct ocppd_host *host = job->ctx->host;
	const struct outcome_row *outcome = &outcomes[job->record.outcome];
	struct ocppd_request *request = job->request;
	struct json_object *body;

	job->request = NULL;
	if (request == NULL)
		return;
	if (job->record.outcome != OUTCOME_DONE) {
		ocppd_request_problem(host, request, outcome->status, outcome->kind, "%s",
				      job->record.text);
		return;
	}
	body = list_json(job->ctx, job->station, &job->record, &job->summary);
	ocppd_json_add_int(body, "messages", job->sent);
	ocppd_request_reply(host, request, 200, body);
}

static void
finished(struct job *job)
{
	struct lists *ctx = job->ctx;
	bool is_automatic = job->is_automatic;
	bool is_done = job->record.outcome == OUTCOME_DONE && !job->is_broken;
	const char *labels[] = { NULL, NULL };

	if (job->is_broken)
		job->record.outcome = OUTCOME_UNSTORED;
	labels[0] = outcomes[job->record.outcome].word;
	(void)ocppd_metric_add(ctx->host, METRIC_SYNCS, labels, 1);
	if (is_done && job->sent > 0)
		OCPPD_INFO(ctx->host, "local_list.synchronised",
			   OCPPD_STR("station", ocppd_station_id(job->station)),
			   OCPPD_INT("version", job->record.version),
			   OCPPD_INT("entries", job->record.entries),
			   OCPPD_INT("messages", job->sent));
	if (!is_done)
		OCPPD_WARN(ctx->host, "local_list.refused",
			   OCPPD_STR("station", ocppd_station_id(job->station)),
			   OCPPD_STR("reason", labels[0]), OCPPD_STR("text", job->record.text));
	if (!is_done || job->sent > 0)
		publish(job, is_done);
	/* Who only went away is welcome when it comes back. */
	if (job->record.outcome != OUTCOME_TIMEOUT && job->record.outcome != OUTCOME_GONE)
		job->slot->failed_mono_us = is_done ? 0 : ocppd_mono_us(ctx->host);
	/* What follows from the job's being over must find its place at the station free. */
	job->slot->job = NULL;
	answer(job);
	job_free(job);
	if (is_automatic)
		automatic_ended(ctx);
}

static void finish(struct job *job, int64_t outcome, const char *format, ...) OCPPD_PRINTF(3, 4);

static void
finish(struct job *job, int64_t outcome, const char *format, ...)
{
	struct record *record = &job->record;
	va_list args;
	int r;

	record->outcome = outcome;
	record->text[0] = '\0';
	if (format != NULL) {
		va_start(args, format);
		vsnprintf(record->text, sizeof(record->text), format, args);
		va_end(args);
	}
	record->attempted_us = ocppd_now_us(job->ctx->host);
	if (job->slot->used > record->used)
		record->used = job->slot->used;
	r = job->is_broken ? OCPPD_EIO : store_save(job, NULL, false, finished);
	if (r < 0) {
		job->is_broken = true;
		if (record->text[0] == '\0')
			snprintf(record->text, sizeof(record->text), "%s", ocppd_strerror(r));
		finished(job);
	}
}

/* A step of our own failed; its text is there. */
static void
finish_broken(struct job *job)
{
	char text[TEXT_SIZE];

	memcpy(text, job->record.text, sizeof(text));
	finish(job, OUTCOME_UNSTORED, "%s", text);
}

static bool
is_unsupported(const char *code)
{
	return strcmp(code, "NotSupported") == 0 || strcmp(code, "NotImplemented") == 0;
}

/* The end of a call that was not confirmed. */
static void
finish_call(struct job *job, const struct ocppd_outcall *call, uint32_t result)
{
	struct json_object *details = NULL;
	const char *code = "";
	const char *text = "";
	const char *action = ocppd_outcall_action(call);

	(void)ocppd_outcall_error(call, &code, &text, &details);
	if (result == OCPPD_RES_ERROR && is_unsupported(code))
		finish(job, OUTCOME_UNSUPPORTED, "the station keeps no local list (%s: %s)", action,
		       code);
	else if (result == OCPPD_RES_ERROR)
		finish(job, OUTCOME_ERROR, "%s was answered with %.40s: %.100s", action, code,
		       text == NULL ? "" : text);
	else if (result == OCPPD_RES_TIMEOUT)
		finish(job, OUTCOME_TIMEOUT, "%s was not answered in time", action);
	else if (result == OCPPD_RES_GONE)
		finish(job, OUTCOME_GONE, "the connection ended before %s was answered", action);
	else
		finish(job, OUTCOME_ERROR, "%s was not sent: %.120s", action,
		       text == NULL || text[0] == '\0' ? "cancelled" : text);
}

/* Takes the payload. False: the job is over. */
static bool
send_call(struct job *job, const char *action, struct json_object *payload, ocppd_result_fn *fn)
{
	const struct ocppd_call_request request = {
		.struct_size = sizeof(request),
		.flags = job->is_automatic ? OCPPD_CALL_AUTOMATIC : 0,
		.station = job->station,
		.action = action,
		.payload = payload,
	};
	struct ocppd_error err = { 0 };
	int r = ocppd_call_send(job->ctx->host, &request, fn, job, &err);

	if (r >= 0)
		return true;
	finish(job, r == OCPPD_ENOTCONN ? OUTCOME_GONE : OUTCOME_ERROR, "%s was not sent: %.120s",
	       action, err.text[0] != '\0' ? err.text : ocppd_strerror(r));
	return false;
}

/* ---- Parts ------------------------------------------------------------------------------------
 */

static void plan_full(struct job *job);
static void send_part(struct job *job);

static void
part_saved(struct job *job)
{
	if (job->is_broken) {
		finish_broken(job);
		return;
	}
	job->part++;
	if (job->part < job->plan.messages)
		send_part(job);
	else
		finish(job, OUTCOME_DONE, NULL);
}

/* Accepted: this is what the station has from now on. */
static void
commit_part(struct job *job)
{
	struct plan_part part = plan_part(&job->plan, job->part);
	struct entry_list changes = { 0 };
	struct record *record = &job->record;
	int r = 0;

	for (uint32_t i = 0; r >= 0 && i < part.count; i++)
		r = list_add(&changes, &part.items[i]);
	(void)list_sort(&changes);
	if (r >= 0 && part.is_full)
		list_free(&job->acknowledged);
	if (r >= 0)
		r = list_apply(&job->acknowledged, &changes);
	if (r >= 0) {
		record->exists = true;
		record->is_full_next = false;
		record->version = job->version + job->part;
		record->used = job->slot->used;
		record->reported = REPORTED_NEVER;
		record->entries = job->acknowledged.count;
		record->digest = list_digest(&job->acknowledged);
		record->acknowledged_us = ocppd_now_us(job->ctx->host);
		r = store_save(job, &changes, part.is_full, part_saved);
	}
	list_free(&changes);
	if (r < 0) {
		job->is_broken = true;
		snprintf(record->text, sizeof(record->text), "%s", ocppd_strerror(r));
		finish_broken(job);
	}
}

static void
part_refused(struct job *job, const char *status)
{
	bool is_full = plan_part(&job->plan, job->part).is_full;

	job->record.is_full_next = true;
	/* OCPP 1.6: after a refused difference, everything. */
	if (!is_full && !job->did_fall_back && !job->ctx->is_stopping) {
		job->did_fall_back = true;
		OCPPD_INFO(job->ctx->host, "local_list.resent",
			   OCPPD_STR("station", ocppd_station_id(job->station)),
			   OCPPD_STR("status", status));
		plan_full(job);
		return;
	}
	finish(job, OUTCOME_REFUSED, "a %s list of %u entries was answered with %.40s",
	       is_full ? "full" : "differential", plan_part(&job->plan, job->part).count, status);
}

/* A word of the station's own makes no label of its own. */
void
count_answer(struct ocppd_host *host, const char *status)
{
	static const char *const known[] = { "Accepted", "Failed", "NotSupported",
					     "VersionMismatch" };
	const char *labels[] = { "other", NULL };

	for (size_t i = 0; status != NULL && i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(status, known[i]) == 0)
			labels[0] = known[i];
	}
	(void)ocppd_metric_add(host, METRIC_MESSAGES, labels, 1);
}

static void
on_part(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
	struct json_object *conf, void *arg)
{
	struct job *job = arg;
	const char *status = ocppd_json_get_str(conf, "status");

	if (result == OCPPD_RES_REPLY)
		count_answer(host, status);
	if (job->ctx->is_stopping) {
		job_free(job);
	} else if (result != OCPPD_RES_REPLY) {
		/* It may have been carried out nevertheless: its version will tell. */
		finish_call(job, call, result);
	} else if (status != NULL && strcmp(status, "Accepted") == 0) {
		commit_part(job);
	} else if (status != NULL && strcmp(status, "NotSupported") == 0) {
		finish(job, OUTCOME_UNSUPPORTED, "SendLocalList was answered with NotSupported");
	} else {
		part_refused(job, status == NULL ? "nothing" : status);
	}
}

static void
send_part(struct job *job)
{
	struct plan_part part = plan_part(&job->plan, job->part);
	int64_t version = job->version + job->part;

	job->sent++;
	job->slot->used = version;
	(void)send_call(job, "SendLocalList", part_payload(job, &part, version), on_part);
}

/* have: NULL for a full list. */
static void
begin_plan(struct job *job, const struct entry_list *have)
{
	int64_t used = job->slot->used > job->record.used ? job->slot->used : job->record.used;
	bool is_again = false;
	int r;

	plan_free(&job->plan);
	job->part = 0;
	r = plan_make(have, &job->wanted, job->per_message, &job->plan);
	if (r >= 0)
		job->version =
			version_next(used, job->record.reported, job->plan.messages, &is_again);
	if (r >= 0 && is_again && !job->plan.is_full) {
		plan_free(&job->plan);
		r = plan_make(NULL, &job->wanted, job->per_message, &job->plan);
	}
	if (r < 0)
		finish(job, OUTCOME_UNSTORED, "out of memory");
	else if (job->plan.messages == 0)
		finish(job, OUTCOME_DONE, NULL);
	else
		send_part(job);
}

static void
plan_full(struct job *job)
{
	begin_plan(job, NULL);
}

/* ---- The version ------------------------------------------------------------------------------
 */

static void
on_version(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
	   struct json_object *conf, void *arg)
{
	struct job *job = arg;
	struct record *record = &job->record;
	int64_t version = ocppd_json_get_int(conf, "listVersion", -1);
	bool is_known;

	(void)host;
	if (job->ctx->is_stopping) {
		job_free(job);
		return;
	}
	if (result != OCPPD_RES_REPLY) {
		finish_call(job, call, result);
		return;
	}
	record->reported = version;
	if (version < 0) {
		finish(job, OUTCOME_UNSUPPORTED,
		       "the station keeps no local list (listVersion %lld)", (long long)version);
		return;
	}
	/* An empty list may read 0, whatever version it was sent with. */
	is_known = record->version > 0 && !record->is_full_next &&
		   (version == record->version || (version == 0 && record->entries == 0));
	begin_plan(job, is_known && !job->is_forced ? &job->acknowledged : NULL);
}

/* Nobody asked, and there is nothing to do. */
static void
drop(struct job *job)
{
	struct lists *ctx = job->ctx;

	job_free(job);
	automatic_ended(ctx);
}

static void
compare(struct job *job)
{
	if (!job->is_broken && wanted_build(job) < 0) {
		job->is_broken = true;
		snprintf(job->record.text, sizeof(job->record.text), "out of memory");
	}
	if (job->is_broken) {
		finish_broken(job);
		return;
	}
	if (!job->is_check && wanted_is_known(&job->record, &job->summary)) {
		drop(job);
		return;
	}
	(void)send_call(job, "GetLocalListVersion", NULL, on_version);
}

static void
on_loaded(struct job *job)
{
	if (job->slot->is_full_wanted)
		job->record.is_full_next = true;
	job->slot->is_full_wanted = false;
	if (job->is_broken)
		finish_broken(job);
	else if (job->is_conflict && job->record.version == 0)
		drop(job); /* not with a list of ours */
	else
		wanted_need(job, compare);
}

void
sync_run(struct job *job)
{
	int r = store_load(job, on_loaded);

	if (r >= 0)
		return;
	job->is_broken = true;
	snprintf(job->record.text, sizeof(job->record.text), "%s", ocppd_strerror(r));
	finish_broken(job);
}
