/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * UpdateFirmware and GetDiagnostics, whoever asks for them. Before one goes out there is a job on
 * disk, made for an operator's command, and the checks were made; after the answer the job knows
 * it. What an operator wants sent is sent; findings are warnings.
 */
#include "firmware.h"

#include <json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROTOCOLS_KEY "SupportedFileTransferProtocols"

/* A CALL from prepare to completed. */
struct sending {
	LIST_ENTRY(sending) all;
	struct firmware *ctx;
	struct ocppd_outcall *call;
	struct json_object *req; /* the call's */
	struct job *job;         /* held; NULL: it could not be stored */
	bool is_late;            /* prepare has returned */
};

static void
op_free(struct sending *op)
{
	struct job *job = op->job;

	LIST_REMOVE(op, all);
	free(op);
	if (job == NULL)
		return;
	job->call = NULL;
	job_release(job);
}

/* Goes on with the call. text NULL: it goes out. Returns what prepare is to return. */
static int
op_end(struct sending *op, int result, const char *text)
{
	struct firmware *ctx = op->ctx;
	struct ocppd_outcall *call = op->call;
	bool is_late = op->is_late;

	if (result < 0) {
		ocppd_outcall_set_data(call, NULL);
		if (op->job != NULL)
			job_fact(op->job, FACT_REFUSED, text, 0);
		op_free(op);
	}
	if (!is_late)
		return result;
	ocppd_outcall_ready(ctx->host, call, result, text); /* which may end it */
	firmware_done(ctx);
	return result;
}

/* ---- The scheme -------------------------------------------------------------------------------
 */

static char
upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static bool
has_word(const char *list, const char *word, size_t len)
{
	while (*list != '\0') {
		size_t size;
		size_t i = 0;

		list += strspn(list, ", ");
		size = strcspn(list, ", ");
		while (size == len && i < len && upper(list[i]) == upper(word[i]))
			i++;
		if (len > 0 && i == len)
			return true;
		list += size;
	}
	return false;
}

static void
on_protocols(struct ocppd_host *host, int result, const struct ocppd_station_key *key, void *arg)
{
	struct sending *op = arg;
	const char *location = ocppd_json_get_str(op->req, "location");
	size_t len = location == NULL ? 0 : strcspn(location, ":");

	if (result >= 0 && key != NULL && key->is_unknown == 0 && key->value != NULL &&
	    key->value[0] != '\0' && !has_word(key->value, location == NULL ? "" : location, len))
		ocppd_outcall_warn(host, op->call,
				   "location: the station's " PROTOCOLS_KEY " are %.*s",
				   text_fit(key->value, 100), key->value);
	(void)op_end(op, 0, NULL);
}

static int
step_scheme(struct sending *op)
{
	struct firmware *ctx = op->ctx;
	int r = 0;

	if (ctx->stations != NULL && ctx->stations->key_find != NULL)
		r = ctx->stations->key_find(ctx->stations_self, ctx->host,
					    ocppd_outcall_station(op->call), PROTOCOLS_KEY,
					    on_protocols, op);
	/* What cannot be found out is no reason not to send it. */
	return r == OCPPD_PENDING ? r : op_end(op, 0, NULL);
}

/* ---- A job for an operator's command
 * -------------------------------------------------------------
 */

static void
on_offered(struct ocppd_host *host, int result, const struct ocppd_transfer *transfer,
	   const struct ocppd_error *err, void *arg)
{
	struct sending *op = arg;
	struct job *job = op->job;

	(void)host;
	job->is_offering = false;
	if (result < 0) {
		(void)op_end(op, result, err == NULL ? ocppd_strerror(result) : err->text);
		return;
	}
	job->transfer_id = transfer->id;
	job->location = strdup(transfer->url);
	if (job->location == NULL || ocppd_json_add_str(op->req, "location", job->location) < 0) {
		(void)op_end(op, OCPPD_ENOMEM, "out of memory");
		return;
	}
	store_put(job);
	(void)step_scheme(op);
}

static void
step_offer(struct sending *op)
{
	struct ocppd_error err = { 0 };
	int r;

	if (ocppd_json_get(op->req, "location") != NULL) {
		(void)step_scheme(op);
		return;
	}
	r = send_offer(op->job, on_offered, op, &err);
	if (r < 0)
		(void)op_end(op, r, err.text);
}

static void
on_added(struct firmware *ctx, int result, struct job *job, void *arg)
{
	struct sending *op = arg;

	if (result >= 0) {
		job_enter(job);
		job_arm(job);
		step_offer(op);
		return;
	}
	op->job = NULL;
	job->call = NULL;
	job_release(job);
	if (ocppd_json_get(op->req, "location") == NULL) {
		(void)op_end(op, result, "storage takes no writes, so there is no URL");
		return;
	}
	ocppd_outcall_warn(ctx->host, op->call,
			   "storage takes no writes: what comes of it is not followed");
	(void)step_scheme(op);
}

static int
fill_raw(struct job *job, struct ocppd_outcall *call, struct json_object *req)
{
	const char *location = ocppd_json_get_str(req, "location");
	struct progress *p = &job->progress;

	job->is_raw = true;
	job->requester = strdup(ocppd_outcall_requester(call));
	job->retries = ocppd_json_get_int(req, "retries", NONE);
	job->retry_interval = ocppd_json_get_int(req, "retryInterval", NONE);
	(void)ocppd_json_get_time(req, "retrieveDate", &p->retrieve_us);
	(void)ocppd_json_get_time(req, "startTime", &job->start_us);
	(void)ocppd_json_get_time(req, "stopTime", &job->stop_us);
	p->is_hosted = location == NULL;
	p->send_by_us = job->created_us;
	if (location != NULL)
		job->location = strdup(location);
	if (p->kind == KIND_FIRMWARE)
		text_copy(p->before, sizeof(p->before), version_of(job->ctx, job->station));
	job_set_limits(job);
	return job->requester == NULL || (location != NULL && job->location == NULL) ? OCPPD_ENOMEM
										     : 0;
}

static int
add_raw(struct sending *op, enum job_kind kind)
{
	struct firmware *ctx = op->ctx;
	struct ocppd_outcall *call = op->call;
	struct job *job = job_new(ctx, ocppd_outcall_station(call), kind);
	struct fact fact = { FACT_SENDING, 0, 0, NULL };
	int r;

	if (job == NULL)
		return OCPPD_ENOMEM;
	r = fill_raw(job, call, op->req);
	fact.time_us = job->created_us;
	(void)progress_apply(&job->progress, &fact);
	(void)store_line(job, &fact);
	if (r >= 0)
		r = store_add(job, on_added, op);
	if (r >= 0) {
		op->job = job;
		job->call = call;
		return r;
	}
	job_release(job);
	return r;
}

static void
warn_update(struct firmware *ctx, struct ocppd_outcall *call, struct json_object *req,
	    enum job_kind kind)
{
	const struct job *open = job_open(ctx, ocppd_outcall_station(call), kind);
	int64_t start_us;
	int64_t stop_us;

	if (open != NULL)
		ocppd_outcall_warn(ctx->host, call,
				   "job %lld of the station is %s; this one supersedes it",
				   (long long)open->id, progress_state_word(open->progress.state));
	if (ocppd_json_get_int(req, "retries", 0) < 0)
		ocppd_outcall_warn(ctx->host, call, "retries: must not be negative");
	if (ocppd_json_get_int(req, "retryInterval", 0) < 0)
		ocppd_outcall_warn(ctx->host, call, "retryInterval: must not be negative");
	if (ocppd_json_get_time(req, "startTime", &start_us) == 0 &&
	    ocppd_json_get_time(req, "stopTime", &stop_us) == 0 && start_us > stop_us)
		ocppd_outcall_warn(ctx->host, call, "stopTime: is before startTime");
}

/* ---- Before -----------------------------------------------------------------------------------
 */

static int
begin_raw(struct sending *op, enum job_kind kind)
{
	struct firmware *ctx = op->ctx;
	int r;

	warn_update(ctx, op->call, op->req, kind);
	r = add_raw(op, kind);
	if (r >= 0)
		return OCPPD_PENDING;
	if (ocppd_json_get(op->req, "location") == NULL)
		return r;
	ocppd_outcall_warn(ctx->host, op->call,
			   "storage takes no writes: what comes of it is not followed");
	return step_scheme(op);
}

static int
prepare(struct firmware *ctx, struct ocppd_outcall *call, struct json_object *req,
	enum job_kind kind)
{
	struct sending *op = calloc(1, sizeof(*op));
	int r;

	if (op == NULL)
		return OCPPD_ENOMEM;
	op->ctx = ctx;
	op->call = call;
	op->req = req;
	op->job = ctx->asking;
	LIST_INSERT_HEAD(&ctx->sending, op, all);
	ocppd_outcall_set_data(call, op);
	if (op->job != NULL) {
		op->job->call = call;
		job_hold(op->job);
		r = step_scheme(op);
	} else {
		r = begin_raw(op, kind);
	}
	if (r == OCPPD_PENDING) {
		op->is_late = true;
		ctx->outstanding++;
	} else if (r < 0) {
		ocppd_outcall_set_data(call, NULL);
		op_free(op);
	}
	return r;
}

int
prepare_update(struct ocppd_host *host, struct ocppd_outcall *call, struct json_object *req,
	       void *arg, struct ocppd_error *err)
{
	char now[OCPPD_TIME_SIZE];
	int r = 0;

	send_time_text(ocppd_outcall_station(call), ocppd_now_us(host), now);
	if (ocppd_json_get(req, "retrieveDate") == NULL)
		r = ocppd_json_add_str(req, "retrieveDate", now);
	if (r >= 0)
		r = prepare(arg, call, req, KIND_FIRMWARE);
	return r < 0 ? ocppd_error_set(err, r, "%s", ocppd_strerror(r)) : r;
}

int
prepare_diagnostics(struct ocppd_host *host, struct ocppd_outcall *call, struct json_object *req,
		    void *arg, struct ocppd_error *err)
{
	struct firmware *ctx = arg;
	int r;

	(void)host;
	if (ocppd_json_get(req, "location") == NULL && ctx->files == NULL)
		return ocppd_error_set(err, OCPPD_EINVAL,
				       "location: is missing, and no loaded module hosts files");
	r = prepare(ctx, call, req, KIND_DIAGNOSTICS);
	return r < 0 ? ocppd_error_set(err, r, "%s", ocppd_strerror(r)) : r;
}

/* ---- After the answer --------------------------------------------------------------------------
 */

/* The same again would be answered the same. */
static bool
is_final(const char *code)
{
	return strcmp(code, "InternalError") != 0 && strcmp(code, "GenericError") != 0;
}

static void
answered_error(struct job *job, const struct ocppd_outcall *call)
{
	struct json_object *details;
	const char *code = "";
	const char *text = "";
	char reason[REASON_SIZE];
	bool is_signed;

	(void)ocppd_outcall_error(call, &code, &text, &details);
	is_signed = job->progress.kind == KIND_FIRMWARE && strcmp(code, "NotSupported") == 0;
	snprintf(reason, sizeof(reason), "the station answered %.*s%s%.*s%s", text_fit(code, 40),
		 code, text[0] == '\0' ? "" : ": ", text_fit(text, 120), text,
		 is_signed ? " (stations with secure updates want SignedUpdateFirmware)" : "");
	job_fact(job, is_final(code) ? FACT_REFUSED : FACT_ERROR, reason, 0);
}

static void
answered(struct job *job, struct json_object *conf)
{
	const char *file_name = ocppd_json_get_str(conf, "fileName");

	if (job->progress.kind == KIND_DIAGNOSTICS && file_name != NULL) {
		free(job->file_name);
		job->file_name = strdup(file_name);
	}
	job_fact(job, FACT_CONFIRMED, file_name, 0);
}

static void
unanswered(struct job *job, const struct ocppd_outcall *call, uint32_t result)
{
	bool is_sent = ocppd_outcall_was_sent(call) != 0;
	const char *why = "the daemon or the module stopped";

	if (result == OCPPD_RES_TIMEOUT)
		why = is_sent ? "no answer came in time" : "its turn did not come in time";
	else if (result == OCPPD_RES_GONE)
		why = is_sent ? "the connection ended before the answer"
			      : "the connection ended before it was sent";
	job_fact(job, is_sent ? FACT_UNANSWERED : FACT_NOT_SENT, why, 0);
}

void
completed_job(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
	      struct json_object *req, struct json_object *conf, void *arg)
{
	struct firmware *ctx = arg;
	struct sending *op = ocppd_outcall_data(call);
	struct json_object *details;
	const char *code;
	const char *text = NULL;
	struct job *job;

	(void)host;
	(void)req;
	if (op == NULL)
		return;
	ocppd_outcall_set_data(call, NULL);
	job = op->job;
	/* What a stop cuts off is found unanswered at the next start. */
	if (job != NULL && !ctx->is_stopping) {
		if (result == OCPPD_RES_REPLY) {
			answered(job, conf);
		} else if (result == OCPPD_RES_ERROR) {
			answered_error(job, call);
		} else if (result == OCPPD_RES_REFUSED) {
			(void)ocppd_outcall_error(call, &code, &text, &details);
			job_fact(job, FACT_REFUSED, text, 0);
		} else {
			unanswered(job, call, result);
		}
	}
	op_free(op);
}

void
sending_free(struct firmware *ctx)
{
	struct sending *op;

	while ((op = LIST_FIRST(&ctx->sending)) != NULL)
		op_free(op);
}

/* ---- Secrets ----------------------------------------------------------------------------------
 */

void
mask_location(struct json_object *payload, uint32_t is_conf)
{
	const char *location = ocppd_json_get_str(payload, "location");
	size_t size = location == NULL ? 0 : strlen(location) + sizeof(OCPPD_MASK);
	char *masked = is_conf != 0 || location == NULL ? NULL : malloc(size);

	if (is_conf != 0 || location == NULL)
		return;
	if (masked != NULL)
		location_mask(location, masked, size);
	/* Without memory rather all of it. */
	if (masked == NULL || strcmp(masked, location) != 0)
		json_object_object_add(
			payload, "location",
			json_object_new_string(masked == NULL ? OCPPD_MASK : masked));
	free(masked);
}
