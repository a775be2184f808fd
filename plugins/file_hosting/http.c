/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * HTTP requests, on the threads of libmicrohttpd: who may do what, and how a refusal looks. What is
 * not known, not yet or not any more, or not meant for this method, is answered in one way, so that
 * nobody learns by asking.
 */
#include "http.h"

#include "hosting.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define RETRY_AFTER "30"

struct answer {
	uint32_t status;
	enum refusal refusal;
	const char *title;  /* the body of the answer */
	const char *reason; /* for logs and watchers */
};

static const struct answer answers[] = {
	{ 400, REFUSED_BAD, "Bad Request", "the request's body holds no file" },
	{ 404, REFUSED_UNKNOWN, "Not Found", "unknown" },
	{ 405, REFUSED_UNKNOWN, "Method Not Allowed", "unknown" },
	{ 409, REFUSED_BAD, "Conflict", "there is one already" },
	{ 413, REFUSED_LARGE, "Content Too Large", "the file is too large" },
	{ 416, REFUSED_BAD, "Range Not Satisfiable", "a range beyond the end was asked for" },
	{ 422, REFUSED_BAD, "Unprocessable Content", "the file is not the expected one" },
	{ 500, REFUSED_IO, "Internal Server Error", "the disk cannot be read or written" },
	{ 503, REFUSED_BUSY, "Service Unavailable", "too much is under way" },
	{ 507, REFUSED_SPACE, "Insufficient Storage", "the quota or the disk is full" },
};

static const struct answer *
answer_of(uint32_t status)
{
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		if (answers[i].status == status)
			return &answers[i];
	}
	return &answers[7];
}

enum refusal
http_refusal(uint32_t status)
{
	return answer_of(status)->refusal;
}

const char *
http_reason(uint32_t status)
{
	return answer_of(status)->reason;
}

enum MHD_Result
http_refuse(struct request *request, struct MHD_Connection *connection, uint32_t status)
{
	const struct answer *answer = answer_of(status);
	struct MHD_Response *response;
	enum MHD_Result r;
	char text[64];
	int len = snprintf(text, sizeof(text), "%s\n", answer->title);

	desk_lock(request->desk);
	request->desk->refused[answer->refusal]++;
	desk_unlock(request->desk);
	response = MHD_create_response_from_buffer((size_t)len, text, MHD_RESPMEM_MUST_COPY);
	if (response == NULL)
		return MHD_NO;
	(void)MHD_add_response_header(response, "Content-Type", "text/plain; charset=utf-8");
	(void)MHD_add_response_header(response, "Cache-Control", "no-store");
	if (status == 503)
		(void)MHD_add_response_header(response, "Retry-After", RETRY_AFTER);
	if (status == 405)
		(void)MHD_add_response_header(response, "Allow", "GET, HEAD, POST, PUT");
	r = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return r;
}

void
http_begin(struct request *request)
{
	struct grant *grant = request->grant;

	if (request->is_begun)
		return;
	request->is_begun = true;
	desk_lock(request->desk);
	grant->attempts++;
	memcpy(grant->remote, request->guest->remote, sizeof(grant->remote));
	if (grant->begun_us == 0) {
		grant->begun_us = ocppd_now_us(request->desk->host);
		grant_notice(request->desk, grant, NOTICE_BEGUN, NULL);
	}
	desk_unlock(request->desk);
}

/* ---- Who may do what --------------------------------------------------------------------------
 */

static bool
method_fits(const char *method, char way)
{
	if (way == 'f')
		return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
	return strcmp(method, "PUT") == 0 || strcmp(method, "POST") == 0;
}

/* With the lock held. 0, or a status. */
static uint32_t
admit(struct request *request, const char *method, char way, const char *token)
{
	struct desk *desk = request->desk;
	struct grant *grant = grant_find(desk, token);
	uint32_t direction = way == 'f' ? OCPPD_TRANSFER_FETCH : OCPPD_TRANSFER_SEND;

	/* First, so that it says nothing of the token. */
	if (desk->is_closing || desk->guest_count > desk->limits.max_connections)
		return 503;
	if (grant == NULL || grant->is_closed || grant->direction != direction ||
	    !method_fits(method, way) || ocppd_now_us(desk->host) >= grant->expires_us)
		return 404;
	if (grant->active >= TRANSFERS_PER_GRANT)
		return 503;
	grant->active++;
	grant->refs++;
	request->grant = grant;
	request->guest->grant = grant;
	return 0;
}

static uint32_t
find_grant(struct request *request, const char *url, const char *method)
{
	struct desk *desk = request->desk;
	char token[TOKEN_SIZE];
	char prefix[BASE_MAX + 1];
	uint32_t status;

	if (!method_fits(method, 'f') && !method_fits(method, 'u'))
		return 405;
	desk_lock(desk);
	memcpy(prefix, desk->limits.prefix, sizeof(prefix));
	desk_unlock(desk);
	if (!path_parse(url, prefix, &request->way, token, request->name))
		return 404;
	desk_lock(desk);
	status = admit(request, method, request->way, token);
	desk_unlock(desk);
	return status;
}

/* ---- Callbacks --------------------------------------------------------------------------------
 */

static void
set_busy(struct request *request, bool is_busy)
{
	struct guest *guest = request->guest;

	desk_lock(request->desk);
	guest->is_busy = is_busy;
	guest->is_answered = false;
	guest->mark_mono_us = ocppd_mono_us(request->desk->host);
	guest->mark_bytes = guest->bytes;
	desk_unlock(request->desk);
}

static struct guest *
guest_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info == NULL ? NULL : info->socket_context;
}

static struct request *
request_new(struct hosting *ctx, struct MHD_Connection *connection)
{
	struct guest *guest = guest_of(connection);
	struct request *request = guest == NULL ? NULL : calloc(1, sizeof(*request));

	if (request == NULL)
		return NULL;
	request->hosting = ctx;
	request->desk = &ctx->desk;
	request->guest = guest;
	request->fd = -1;
	request->sink.fd = -1;
	return request;
}

enum MHD_Result
http_access(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
	    const char *version, const char *data, size_t *data_size, void **con_cls)
{
	struct request *request = *con_cls;

	(void)version;
	if (request == NULL) {
		request = request_new(cls, connection);
		if (request == NULL)
			return MHD_NO;
		*con_cls = request;
		set_busy(request, true);
		request->status = find_grant(request, url, method);
		return receive_begin(request, connection);
	}
	if (*data_size > 0)
		return receive_data(request, data, data_size);
	if (request->status != 0)
		return http_refuse(request, connection, request->status);
	if (request->way == 'f')
		return send_file(request, connection);
	return receive_end(request, connection);
}

void
http_completed(void *cls, struct MHD_Connection *connection, void **con_cls,
	       enum MHD_RequestTerminationCode code)
{
	struct request *request = *con_cls;
	struct desk *desk;
	struct grant *grant;

	(void)cls;
	(void)connection;
	if (request == NULL)
		return;
	*con_cls = NULL;
	desk = request->desk;
	grant = request->grant;
	send_end(request, code == MHD_REQUEST_TERMINATED_COMPLETED_OK);
	receive_free(request);
	set_busy(request, false);
	desk_lock(desk);
	request->guest->grant = NULL;
	if (grant != NULL) {
		grant->active--;
		grant_unref(grant);
	}
	if (desk->is_closing)
		desk_wake_locked(desk);
	desk_unlock(desk);
	free(request);
}

static struct guest *
guest_new(struct desk *desk, struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *fd =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	const union MHD_ConnectionInfo *address =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	struct guest *guest = calloc(1, sizeof(*guest));

	if (guest == NULL || fd == NULL) {
		free(guest);
		return NULL;
	}
	guest->fd = fd->connect_fd;
	if (address != NULL && address->client_addr != NULL)
		(void)ocppd_address_format(address->client_addr, guest->remote);
	guest->mark_mono_us = ocppd_mono_us(desk->host);
	return guest;
}

void
http_connection(void *cls, struct MHD_Connection *connection, void **socket_context,
		enum MHD_ConnectionNotificationCode code)
{
	struct hosting *ctx = cls;
	struct desk *desk = &ctx->desk;
	struct guest *guest;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		guest = guest_new(desk, connection);
		*socket_context = guest;
		if (guest == NULL)
			return;
		desk_lock(desk);
		TAILQ_INSERT_TAIL(&desk->guests, guest, all);
		desk->guest_count++;
		desk_wake_locked(desk); /* its deadlines run */
		desk_unlock(desk);
		return;
	}
	guest = *socket_context;
	*socket_context = NULL;
	if (guest == NULL)
		return;
	desk_lock(desk);
	TAILQ_REMOVE(&desk->guests, guest, all);
	desk->guest_count--;
	if (desk->is_closing || desk->guest_count == 0)
		desk_wake_locked(desk);
	desk_unlock(desk);
	free(guest);
}
