/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Files from stations, and images from operators: PUT and POST of the bytes themselves, or a form
 * with files in it. Once all is on disk the connection is suspended until the core has it on
 * record; only then is it answered. A body that nobody wants is read to its end within bounds, as
 * many clients look at the answer only then.
 */
#include "http.h"

#include "hosting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DRAIN_MAX ((int64_t)4 << 20)
#define PARTS_BUFFER 32768

static const char *
header_of(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static int64_t
length_of(struct MHD_Connection *connection)
{
	const char *text = header_of(connection, "Content-Length");
	int64_t number = 0;

	for (size_t i = 0; text != NULL && text[i] >= '0' && text[i] <= '9'; i++) {
		if (i >= 17)
			return INT64_MAX;
		number = number * 10 + (text[i] - '0');
	}
	return number;
}

/* What came in this request is thrown away; it was none. */
static void
drop_files(struct request *request)
{
	sink_abort(&request->sink);
	for (uint32_t i = 0; i < request->file_count; i++)
		received_discard(request->desk, &request->files[i]);
	request->file_count = 0;
}

static void
fail(struct request *request, uint32_t status)
{
	drop_files(request);
	request->status = status;
	request->is_ended = true;
	desk_lock(request->desk);
	grant_notice(request->desk, request->grant, NOTICE_BROKEN, http_reason(status));
	desk_unlock(request->desk);
}

/* ---- Names ------------------------------------------------------------------------------------
 */

/* Of the path, else of the header or the part, else one is made. */
static void
choose_name(const struct request *request, const char *given, char ret_name[NAME_SIZE])
{
	char time_text[OCPPD_TIME_SIZE];
	size_t kept = 0;

	if (request->grant->notes != NULL) { /* the operator chose */
		memcpy(ret_name, request->grant->name, NAME_SIZE);
		return;
	}
	memcpy(ret_name, request->name, NAME_SIZE);
	if (ret_name[0] == '\0' && given != NULL)
		name_clean(given, strlen(given), ret_name);
	if (ret_name[0] != '\0')
		return;
	(void)ocppd_time_format(ocppd_now_us(request->desk->host), time_text);
	for (size_t i = 0; time_text[i] != '\0' && time_text[i] != '.'; i++) {
		if (time_text[i] != '-' && time_text[i] != ':')
			time_text[kept++] = time_text[i];
	}
	time_text[kept] = '\0';
	(void)snprintf(ret_name, NAME_SIZE, "%.32s-%.16sZ", request->grant->kind, time_text);
}

/* ---- Forms ------------------------------------------------------------------------------------
 */

/* The part that was being read is complete. */
static uint32_t
close_part(struct request *request)
{
	uint32_t status;

	if (request->sink.fd < 0)
		return 0;
	if (request->sink.file.size == 0) {
		sink_abort(&request->sink);
		return 0;
	}
	status = sink_finish(&request->sink, &request->files[request->file_count]);
	if (status == 0)
		request->file_count++;
	return status;
}

static uint32_t
open_part(struct request *request, const char *filename)
{
	uint32_t status = close_part(request);
	char name[NAME_SIZE];

	if (status != 0)
		return status;
	if (request->file_count == UPLOAD_FILES_MAX ||
	    (request->grant->notes != NULL && request->file_count == 1))
		return 413;
	/* A name in the path is that of the first. */
	if (request->file_count > 0)
		request->name[0] = '\0';
	choose_name(request, filename, name);
	return sink_open(&request->sink, request->desk, name, request->grant->max_bytes, 0);
}

static enum MHD_Result
on_part(void *cls, enum MHD_ValueKind kind, const char *key, const char *filename,
	const char *content_type, const char *encoding, const char *data, uint64_t at, size_t size)
{
	struct request *request = cls;
	uint32_t status = 0;

	(void)kind;
	(void)key;
	(void)encoding;
	/* Fields of the form beside the files are nobody's. */
	if (filename == NULL &&
	    (content_type == NULL || strncasecmp(content_type, "text/plain", 10) == 0)) {
		if (at == 0)
			status = close_part(request);
	} else {
		if (at == 0)
			status = open_part(request, filename);
		if (status == 0 && size > 0)
			status = sink_write(&request->sink, data, size);
	}
	if (status == 0)
		return MHD_YES;
	fail(request, status);
	return MHD_NO;
}

/* ---- Requests ---------------------------------------------------------------------------------
 */

static bool
is_form(struct MHD_Connection *connection)
{
	const char *type = header_of(connection, "Content-Type");

	return type != NULL && strncasecmp(type, "multipart/form-data", 19) == 0;
}

static uint32_t
open_body(struct request *request, struct MHD_Connection *connection)
{
	char disposition[NAME_SIZE];
	char name[NAME_SIZE];

	/* A form is a little larger than its files, whose limit is looked after as they come. */
	if (is_form(connection)) {
		if (request->announced - DRAIN_MAX > request->grant->max_bytes)
			return 413;
		request->parts =
			MHD_create_post_processor(connection, PARTS_BUFFER, on_part, request);
		return request->parts == NULL ? 400 : 0;
	}
	name_of_disposition(header_of(connection, "Content-Disposition"), disposition);
	choose_name(request, disposition, name);
	return sink_open(&request->sink, request->desk, name, request->grant->max_bytes,
			 request->announced);
}

enum MHD_Result
receive_begin(struct request *request, struct MHD_Connection *connection)
{
	bool is_asking = header_of(connection, "Expect") != NULL;

	request->announced = length_of(connection);
	if (request->status == 0 && request->way == 'u') {
		uint32_t status = open_body(request, connection);

		if (status != 0)
			fail(request, status);
	}
	/* It waits for a word, or what it sends is too much to be read in vain. */
	if (request->status != 0 && (is_asking || request->announced > DRAIN_MAX))
		return http_refuse(request, connection, request->status);
	return MHD_YES;
}

static void
account(struct request *request, size_t size)
{
	struct desk *desk = request->desk;
	struct grant *grant = request->grant;

	request->received += (int64_t)size;
	desk_lock(desk);
	request->guest->bytes += (int64_t)size;
	desk->received_bytes += size;
	if (request->announced > 0)
		grant->size = request->announced;
	grant->bytes = request->received;
	desk_unlock(desk);
}

enum MHD_Result
receive_data(struct request *request, const char *data, size_t *size)
{
	size_t len = *size;
	bool is_cut;

	*size = 0;
	desk_lock(request->desk);
	is_cut = request->guest->is_cut;
	desk_unlock(request->desk);
	if (is_cut)
		return MHD_NO;
	if (request->status != 0 || request->way != 'u') {
		request->drained += (int64_t)len;
		return request->drained > DRAIN_MAX ? MHD_NO : MHD_YES;
	}
	http_begin(request);
	account(request, len);
	if (request->parts != NULL) {
		if (MHD_post_process(request->parts, data, len) != MHD_YES && request->status == 0)
			fail(request, 400);
	} else {
		uint32_t status = sink_write(&request->sink, data, len);

		if (status != 0)
			fail(request, status);
	}
	return MHD_YES;
}

/* All is read. 0, or a status. */
static uint32_t
close_body(struct request *request)
{
	struct MHD_PostProcessor *parts = request->parts;
	uint32_t status;

	request->parts = NULL;
	if (parts != NULL && MHD_destroy_post_processor(parts) != MHD_YES)
		return request->status != 0 ? request->status : 400;
	status = close_part(request);
	if (status == 0 && request->file_count == 0)
		status = 400;
	return status;
}

static enum MHD_Result
hand_over(struct request *request, struct MHD_Connection *connection)
{
	struct desk *desk = request->desk;
	struct upload *upload = calloc(1, sizeof(*upload));

	if (upload != NULL)
		upload->job = job_new(JOB_SETTLE);
	if (upload == NULL || upload->job == NULL) {
		upload_free(upload);
		fail(request, 500);
		return http_refuse(request, connection, 500);
	}
	upload->hosting = request->hosting;
	upload->grant = request->grant;
	upload->guest = request->guest;
	upload->connection = connection;
	upload->count = request->file_count;
	memcpy(upload->files, request->files, sizeof(upload->files));
	request->file_count = 0;
	request->upload = upload;
	/* Before the core can resume it. */
	MHD_suspend_connection(connection);
	desk_lock(desk);
	request->grant->refs++;
	request->guest->is_suspended = true;
	TAILQ_INSERT_TAIL(&desk->uploads, upload, all);
	desk_wake_locked(desk);
	desk_unlock(desk);
	return MHD_YES;
}

static enum MHD_Result
answer(struct request *request, struct MHD_Connection *connection)
{
	const struct upload *upload = request->upload;
	const char *text = upload->json != NULL ? upload->json : upload->text;
	struct MHD_Response *response;
	enum MHD_Result r;

	if (upload->status >= 300) {
		desk_lock(request->desk);
		request->desk->refused[http_refusal(upload->status)]++;
		desk_unlock(request->desk);
	}
	response = MHD_create_response_from_buffer_with_free_callback(strlen(text), strdup(text),
								      free);
	if (response == NULL)
		return MHD_NO;
	(void)MHD_add_response_header(response, "Content-Type",
				      upload->json == NULL ? "text/plain; charset=utf-8"
							   : "application/json");
	r = MHD_queue_response(connection, upload->status, response);
	MHD_destroy_response(response);
	return r;
}

enum MHD_Result
receive_end(struct request *request, struct MHD_Connection *connection)
{
	uint32_t status;

	if (request->upload != NULL)
		return answer(request, connection);
	status = close_body(request);
	if (status == 0)
		return hand_over(request, connection);
	if (!request->is_ended)
		fail(request, status);
	return http_refuse(request, connection, status);
}

void
upload_free(struct upload *upload)
{
	if (upload == NULL)
		return;
	free(upload->json);
	free(upload->job);
	free(upload);
}

void
receive_free(struct request *request)
{
	struct desk *desk = request->desk;

	if (request->parts != NULL)
		(void)MHD_destroy_post_processor(request->parts);
	request->parts = NULL;
	drop_files(request);
	upload_free(request->upload);
	if (request->way != 'u' || request->grant == NULL || request->upload != NULL ||
	    request->is_ended || !request->is_begun)
		return;
	desk_lock(desk);
	if (request->grant->state == OCPPD_TRANSFER_OPEN)
		grant_notice(desk, request->grant, NOTICE_BROKEN,
			     request->guest->is_cut ? request->guest->cut_reason
						    : "the connection broke off");
	if (!request->guest->is_cut)
		desk->refused[REFUSED_CUT]++;
	desk_unlock(desk);
}
