/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * What an operator asks for by a resource, checked, and jobs made of it.
 */
#include "firmware.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

/* RFC 3986: a letter, then letters, digits, "+", "-", "."; and something after the colon. */
static bool
is_location(const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	size_t first = strspn(text, letters);
	size_t len = first;

	while (text[len] != '\0' &&
	       (strchr(letters, text[len]) != NULL || strchr("0123456789+-.", text[len]) != NULL))
		len++;
	if (first == 0 || text[len] != ':' || text[len + 1] == '\0')
		return false;
	for (; text[len] != '\0'; len++) {
		if ((unsigned char)text[len] <= ' ')
			return false;
	}
	return true;
}

static bool
problem(struct firmware *ctx, struct ocppd_request *request, uint32_t status, const char *kind,
	const char *text)
{
	ocppd_request_problem(ctx->host, request, status, kind, "%s", text);
	return false;
}

static bool
read_image(struct firmware *ctx, struct ocppd_request *request, struct wish *ret)
{
	struct ocppd_file file = { .struct_size = sizeof(file) };

	if (ctx->files == NULL)
		return problem(ctx, request, 501, "unsupported",
			       "no loaded module hosts images: give a location");
	if (ctx->files->image_find(ctx->files_self, ctx->host, ret->image, 0, &file) < 0)
		return problem(ctx, request, 404, "unknown-image", "There is no such image");
	ret->image_id = file.id;
	if (ret->expected == NULL)
		ret->expected = file.version;
	return true;
}

static bool
read_source(struct firmware *ctx, struct ocppd_request *request, enum job_kind kind,
	    struct wish *ret)
{
	if (ret->location != NULL && !is_location(ret->location))
		return problem(ctx, request, 400, "invalid-body", "location: is not a URI");
	if (kind == KIND_DIAGNOSTICS) {
		if (ret->location == NULL && ctx->files == NULL)
			return problem(ctx, request, 501, "unsupported",
				       "no loaded module receives files: give a location");
		return true;
	}
	if ((ret->location == NULL) == (ret->image == NULL))
		return problem(ctx, request, 400, "invalid-body", "give either image or location");
	return ret->image == NULL || read_image(ctx, request, ret);
}

bool
wish_read(struct firmware *ctx, struct ocppd_request *request, enum job_kind kind, struct wish *ret)
{
	struct json_object *body = ocppd_request_body(request);

	*ret = (struct wish){
		.location = ocppd_json_get_str(body, "location"),
		.image = ocppd_json_get_str(body, "image"),
		.expected = ocppd_json_get_str(body, "expectedVersion"),
		.retries = ocppd_json_get_int(body, "retries", NONE),
		.retry_interval = ocppd_json_get_int(body, "retryInterval", NONE),
		.expires_s = ocppd_json_get_int(body, "expires", ctx->conf->send_timeout_s),
		.deadline_s = ocppd_json_get_int(body, "deadline", 0),
	};
	(void)ocppd_json_get_time(body, "retrieveDate", &ret->retrieve_us);
	(void)ocppd_json_get_time(body, "startTime", &ret->start_us);
	(void)ocppd_json_get_time(body, "stopTime", &ret->stop_us);
	if (kind == KIND_FIRMWARE && ret->retrieve_us == 0)
		ret->retrieve_us = ocppd_now_us(ctx->host);
	if (ret->start_us != 0 && ret->stop_us != 0 && ret->start_us > ret->stop_us)
		return problem(ctx, request, 400, "invalid-body", "stopTime: is before startTime");
	if (!read_source(ctx, request, kind, ret))
		return false;
	if (ret->expected == NULL)
		ret->expected = "";
	return true;
}

static bool
copy_texts(struct job *job, const struct wish *wish, const char *requester)
{
	job->requester = strdup(requester);
	if (wish->location != NULL)
		job->location = strdup(wish->location);
	if (wish->image != NULL)
		job->image = strdup(wish->image);
	return job->requester != NULL && (wish->location == NULL || job->location != NULL) &&
	       (wish->image == NULL || job->image != NULL);
}

struct job *
wish_job(struct firmware *ctx, struct ocppd_station *station, enum job_kind kind,
	 const struct wish *wish, const char *requester)
{
	struct job *job = job_new(ctx, station, kind);
	struct progress *p;

	if (job == NULL)
		return NULL;
	p = &job->progress;
	job->image_id = wish->image_id;
	job->retries = wish->retries;
	job->retry_interval = wish->retry_interval;
	job->start_us = wish->start_us;
	job->stop_us = wish->stop_us;
	p->is_hosted = wish->location == NULL;
	p->attempts_max = (uint32_t)ctx->conf->attempts;
	p->retrieve_us = wish->retrieve_us;
	p->send_by_us = job->created_us + wish->expires_s * SECOND_US;
	p->finish_us = wish->deadline_s * SECOND_US;
	if (kind == KIND_FIRMWARE) {
		text_copy(p->expected, sizeof(p->expected), wish->expected);
		text_copy(p->before, sizeof(p->before), version_of(ctx, station));
	}
	job_set_limits(job);
	if (copy_texts(job, wish, requester))
		return job;
	job_release(job);
	return NULL;
}
