/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Files to stations: whole or a range, with what was sent summed up over all requests, so that the
 * end of a transfer is known however often it had to be resumed. A byte counts as sent when the
 * socket has taken it.
 */
#include "http.h"

#include "hosting.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_SIZE ((size_t)64 << 10)

/* With the lock held: all before pos is out. */
static void
account(struct request *request, int64_t pos)
{
	struct grant *grant = request->grant;

	request->pos = pos;
	if (grant->sent == NULL)
		grant->sent = calloc(1, sizeof(*grant->sent));
	if (grant->sent == NULL)
		return; /* it counts as not sent */
	spans_add(grant->sent, request->from, pos);
	grant->bytes = spans_total(grant->sent);
}

static ssize_t
read_block(void *cls, uint64_t at, char *buffer, size_t max)
{
	struct request *request = cls;
	struct desk *desk = request->desk;
	int64_t pos = request->from + (int64_t)at;
	bool is_cut;
	ssize_t n;

	http_begin(request);
	if ((int64_t)max > request->to - pos)
		max = (size_t)(request->to - pos);
	do {
		n = pread(request->fd, buffer, max, pos);
	} while (n < 0 && errno == EINTR);
	desk_lock(desk);
	account(request, pos);
	is_cut = request->guest->is_cut;
	if (n > 0) {
		request->guest->bytes += n;
		desk->served_bytes += (uint64_t)n;
	}
	desk_unlock(desk);
	return n <= 0 || is_cut ? MHD_CONTENT_READER_END_WITH_ERROR : n;
}

/* 0, or a status. */
static uint32_t
open_file(struct request *request)
{
	struct desk *desk = request->desk;
	struct stat info;

	request->fd = blob_open(desk, request->grant->blob);
	if (request->fd >= 0 && fstat(request->fd, &info) == 0 &&
	    info.st_size == request->grant->size)
		return 0;
	OCPPD_ERROR(desk->host, "file.unreadable", OCPPD_STR("station", request->grant->station_id),
		    OCPPD_INT("file", request->grant->file_id),
		    OCPPD_STR("blob", request->grant->blob),
		    OCPPD_INT("errno", request->fd < 0 ? errno : 0));
	return request->fd < 0 && errno == ENOENT ? 404 : 500;
}

/* A part is only wanted of the file that the asker has begun with. */
static enum range_kind
wanted_range(const struct request *request, struct MHD_Connection *connection)
{
	const char *range = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Range");
	const char *condition =
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "If-Range");
	int64_t from = 0;
	int64_t to = 0;
	char etag[SHA256_SIZE + 2];

	(void)snprintf(etag, sizeof(etag), "\"%s\"", request->grant->sha256);
	if (condition != NULL && strcmp(condition, etag) != 0)
		return RANGE_NONE;
	return range_parse(range, request->grant->size, &from, &to);
}

static void
add_headers(const struct request *request, struct MHD_Response *response, uint32_t status)
{
	const struct grant *grant = request->grant;
	char text[NAME_SIZE + 64];

	(void)MHD_add_response_header(response, "Accept-Ranges", "bytes");
	(void)MHD_add_response_header(response, "Content-Type", "application/octet-stream");
	(void)MHD_add_response_header(response, "Cache-Control", "private, no-transform");
	(void)snprintf(text, sizeof(text), "\"%s\"", grant->sha256);
	(void)MHD_add_response_header(response, "ETag", text);
	(void)snprintf(text, sizeof(text), "attachment; filename=\"%s\"", grant->name);
	(void)MHD_add_response_header(response, "Content-Disposition", text);
	if (status == 206) {
		(void)snprintf(text, sizeof(text), "bytes %lld-%lld/%lld", (long long)request->from,
			       (long long)request->to - 1, (long long)grant->size);
		(void)MHD_add_response_header(response, "Content-Range", text);
	}
}

static enum MHD_Result
refuse_range(struct request *request, struct MHD_Connection *connection)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	enum MHD_Result r;
	char text[64];

	if (response == NULL)
		return MHD_NO;
	(void)snprintf(text, sizeof(text), "bytes */%lld", (long long)request->grant->size);
	(void)MHD_add_response_header(response, "Content-Range", text);
	desk_lock(request->desk);
	request->desk->refused[REFUSED_BAD]++;
	desk_unlock(request->desk);
	r = MHD_queue_response(connection, 416, response);
	MHD_destroy_response(response);
	return r;
}

enum MHD_Result
send_file(struct request *request, struct MHD_Connection *connection)
{
	struct MHD_Response *response;
	enum range_kind kind;
	enum MHD_Result r;
	uint32_t status = open_file(request);

	if (status != 0) {
		desk_lock(request->desk);
		grant_notice(request->desk, request->grant, NOTICE_BROKEN, http_reason(status));
		desk_unlock(request->desk);
		return http_refuse(request, connection, status);
	}
	kind = wanted_range(request, connection);
	if (kind == RANGE_UNFIT)
		return refuse_range(request, connection);
	status = 200;
	request->from = 0;
	request->to = request->grant->size;
	if (kind == RANGE_PART) {
		const char *range =
			MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Range");

		(void)range_parse(range, request->grant->size, &request->from, &request->to);
		request->to++;
		status = 206;
	}
	request->pos = request->from;
	response = MHD_create_response_from_callback((uint64_t)(request->to - request->from),
						     BLOCK_SIZE, read_block, request, NULL);
	if (response == NULL)
		return MHD_NO;
	add_headers(request, response, status);
	r = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return r;
}

void
send_end(struct request *request, bool is_complete)
{
	struct desk *desk = request->desk;
	struct grant *grant = request->grant;

	if (request->fd < 0)
		return;
	(void)close(request->fd);
	request->fd = -1;
	if (grant == NULL || !request->is_begun)
		return;
	desk_lock(desk);
	if (is_complete)
		account(request, request->to);
	if (grant->id == 0 && grant->bytes == grant->size)
		grant->is_closed = true; /* an operator has it */
	if (grant->state == OCPPD_TRANSFER_OPEN && grant->bytes == grant->size)
		grant_notice(desk, grant, NOTICE_COVERED, NULL);
	else if (!is_complete && grant->state == OCPPD_TRANSFER_OPEN)
		grant_notice(desk, grant, NOTICE_BROKEN,
			     request->guest->is_cut ? request->guest->cut_reason
						    : "the connection broke off");
	else if (grant->state == OCPPD_TRANSFER_OPEN)
		grant_notice(desk, grant, NOTICE_PART, NULL);
	if (!is_complete && !request->guest->is_cut)
		desk->refused[REFUSED_CUT]++;
	desk_unlock(desk);
}
