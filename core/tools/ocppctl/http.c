/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * A small HTTP/1.1 client: one request, one connection, one deadline.
 */
#include "http.h"

#include "base/clock.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define DEFAULT_PORT "8181"
#define READ_SIZE 65536
#define MS_US 1000

/* ---- Addresses ----------------------------------------------------------------------------- */

void
http_server_fini(struct http_server *server)
{
	free(server->socket);
	free(server->host);
	free(server->port);
	free(server->prefix);
	free(server->token);
	memset(server, 0, sizeof(*server));
}

/* host, host:port, [v6], [v6]:port */
static int
authority_parse(const char *text, size_t len, struct http_server *server)
{
	const char *end = text + len;
	const char *host = text;
	const char *port = NULL;
	size_t host_len;

	if (len > 0 && text[0] == '[') {
		const char *close = memchr(text, ']', len);

		if (close == NULL)
			return OCPPD_EINVAL;
		host = text + 1;
		host_len = (size_t)(close - host);
		if (close + 1 < end && close[1] != ':')
			return OCPPD_EINVAL;
		if (close + 1 < end)
			port = close + 2;
	} else {
		const char *colon = memchr(text, ':', len);

		host_len = colon == NULL ? len : (size_t)(colon - text);
		if (colon != NULL)
			port = colon + 1;
	}
	if (host_len == 0 || (port != NULL && port == end))
		return OCPPD_EINVAL;
	server->host = str_ndup(host, host_len);
	server->port = port == NULL ? str_dup(DEFAULT_PORT) : str_ndup(port, (size_t)(end - port));
	return server->host == NULL || server->port == NULL ? OCPPD_ENOMEM : 0;
}

int
http_server_parse(const char *url, struct http_server *ret_server, struct ocppd_error *err)
{
	struct http_server server = { 0 };
	const char *rest;
	size_t len;
	int r = OCPPD_EINVAL;

	if (strncmp(url, "unix:", 5) == 0) {
		rest = url + 5;
		if (strncmp(rest, "//", 2) == 0)
			rest += 2;
		server.socket = str_dup(rest);
		server.prefix = str_dup("");
		r = server.socket == NULL || server.prefix == NULL ? OCPPD_ENOMEM : 0;
	} else if (strncmp(url, "http://", 7) == 0) {
		rest = url + 7;
		len = strcspn(rest, "/");
		r = authority_parse(rest, len, &server);
		rest += len;
		len = strlen(rest);
		while (len > 0 && rest[len - 1] == '/')
			len--;
		server.prefix = str_ndup(rest, len);
		if (r == 0 && server.prefix == NULL)
			r = OCPPD_ENOMEM;
	}
	if (r < 0) {
		http_server_fini(&server);
		return ocppd_error_set(err, r,
				       "%s is no address of a daemon: use unix:PATH or "
				       "http://HOST:PORT",
				       url);
	}
	free(ret_server->socket);
	free(ret_server->host);
	free(ret_server->port);
	free(ret_server->prefix);
	ret_server->socket = server.socket;
	ret_server->host = server.host;
	ret_server->port = server.port;
	ret_server->prefix = server.prefix;
	return 0;
}

/* ---- One connection ------------------------------------------------------------------------ */

struct line_of_call {
	int fd;
	struct clock clock;
	int64_t end_mono_us;
};

static const char *
errno_text(int code)
{
	const char *text = strerrordesc_np(code);

	return text == NULL ? "unknown error" : text;
}

/* Waits for the descriptor. 0 or OCPPD_ETIMEDOUT. */
static int
wait_for(const struct line_of_call *line, short events)
{
	for (;;) {
		int64_t left_ms = (line->end_mono_us - clock_mono_us(&line->clock)) / MS_US;
		struct pollfd watched = { .fd = line->fd, .events = events };
		int r;

		if (left_ms <= 0)
			return OCPPD_ETIMEDOUT;
		r = poll(&watched, 1, left_ms > INT32_MAX ? INT32_MAX : (int)left_ms);
		if (r > 0)
			return 0;
		if (r == 0)
			return OCPPD_ETIMEDOUT;
		if (errno != EINTR)
			return OCPPD_EIO;
	}
}

/* Returns 0, or an errno. */
static int
connect_to(struct line_of_call *line, const struct sockaddr *address, socklen_t len)
{
	socklen_t code_len = sizeof(int);
	int code = 0;

	line->fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (line->fd < 0)
		return errno;
	if (connect(line->fd, address, len) == 0)
		return 0;
	code = errno;
	if (code == EINPROGRESS) {
		if (wait_for(line, POLLOUT) < 0)
			code = ETIMEDOUT;
		else if (getsockopt(line->fd, SOL_SOCKET, SO_ERROR, &code, &code_len) != 0)
			code = errno;
	}
	if (code != 0) {
		(void)close(line->fd);
		line->fd = -1;
	}
	return code;
}

static int
connect_unix(struct line_of_call *line, const char *path, struct ocppd_error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int code;

	if (str_copy(address.sun_path, sizeof(address.sun_path), path) < 0)
		return ocppd_error_set(err, OCPPD_EIO, "%s is too long for a socket's path", path);
	code = connect_to(line, (const struct sockaddr *)&address, sizeof(address));
	if (code == 0)
		return 0;
	if (code == ENOENT)
		return ocppd_error_set(err, OCPPD_EIO,
				       "%s is not there: does ocppd run, with http_api loaded?",
				       path);
	if (code == EACCES || code == EPERM)
		return ocppd_error_set(err, OCPPD_EDENIED,
				       "no access to %s: root and the socket's group may use it",
				       path);
	return ocppd_error_set(err, OCPPD_EIO, "cannot connect to %s: %s", path, errno_text(code));
}

static int
connect_tcp(struct line_of_call *line, const struct http_server *server, struct ocppd_error *err)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG };
	struct addrinfo *found = NULL;
	int code = getaddrinfo(server->host, server->port, &hints, &found);

	if (code != 0)
		return ocppd_error_set(err, OCPPD_EIO, "cannot find %s: %s", server->host,
				       gai_strerror(code));
	code = ENOENT;
	for (const struct addrinfo *at = found; at != NULL && code != 0; at = at->ai_next)
		code = connect_to(line, at->ai_addr, at->ai_addrlen);
	freeaddrinfo(found);
	if (code != 0)
		return ocppd_error_set(err, OCPPD_EIO, "cannot connect to %s port %s: %s",
				       server->host, server->port, errno_text(code));
	return 0;
}

static void
write_request(const struct http_server *server, const struct http_request *request,
	      struct buf *ret_text)
{
	bool is_v6 = server->host != NULL && strchr(server->host, ':') != NULL;

	buf_printf(ret_text, "%s %s%s HTTP/1.1\r\n", request->method, server->prefix,
		   request->path);
	if (server->socket != NULL)
		buf_add_str(ret_text, "Host: localhost\r\n");
	else
		buf_printf(ret_text, "Host: %s%s%s:%s\r\n", is_v6 ? "[" : "", server->host,
			   is_v6 ? "]" : "", server->port);
	if (server->token != NULL)
		buf_printf(ret_text, "Authorization: Bearer %s\r\n", server->token);
	buf_add_str(ret_text, "Accept: application/json\r\nConnection: close\r\n");
	if (request->body != NULL)
		buf_printf(ret_text, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
			   strlen(request->body));
	if (request->source != NULL && request->source->size >= 0)
		buf_printf(ret_text, "Content-Length: %lld\r\n", (long long)request->source->size);
	else if (request->source != NULL)
		buf_add_str(ret_text, "Transfer-Encoding: chunked\r\n");
	buf_add_str(ret_text, "\r\n");
	if (request->body != NULL)
		buf_add_str(ret_text, request->body);
}

/* 0; OCPPD_EGONE: it is not heard any more, the answer may be there already; or an error. */
static int
send_bytes(const struct line_of_call *line, const char *data, size_t len)
{
	size_t at = 0;

	while (at < len) {
		ssize_t n = send(line->fd, data + at, len - at, MSG_NOSIGNAL);
		int r;

		if (n >= 0) {
			at += (size_t)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno == EPIPE || errno == ECONNRESET)
			return OCPPD_EGONE;
		if (errno != EAGAIN)
			return OCPPD_EIO;
		r = wait_for(line, POLLOUT);
		if (r < 0)
			return r;
	}
	return 0;
}

static int
send_all(const struct line_of_call *line, const struct buf *text)
{
	int r = send_bytes(line, text->data, text->len);

	return r == OCPPD_EGONE ? 0 : r; /* refused early */
}

static void
be_patient(struct line_of_call *line, const struct http_server *server)
{
	line->end_mono_us = clock_mono_us(&line->clock) + server->timeout_ms * MS_US;
}

static int
send_chunk_end(const struct line_of_call *line, ssize_t size)
{
	return send_bytes(line, size == 0 ? "0\r\n\r\n" : "\r\n", size == 0 ? 5 : 2);
}

static int
send_source(struct line_of_call *line, const struct http_server *server,
	    const struct http_source *source)
{
	char data[READ_SIZE];
	char head[24];
	ssize_t n;
	int r = 0;

	do {
		n = source->read(data, sizeof(data), source->arg);
		if (n < 0)
			return OCPPD_ESTATE;
		if (source->size < 0 && n > 0) {
			int len = snprintf(head, sizeof(head), "%zx\r\n", (size_t)n);

			r = send_bytes(line, head, (size_t)len);
		}
		if (r == 0)
			r = send_bytes(line, data, (size_t)n);
		if (r == 0 && source->size < 0)
			r = send_chunk_end(line, n);
		be_patient(line, server);
	} while (n > 0 && r == 0);
	return r == OCPPD_EGONE ? 0 : r;
}

static int
receive(struct line_of_call *line, const struct http_server *server,
	const struct http_request *request, struct reply *reply)
{
	char data[READ_SIZE];

	while (reply->state != REPLY_DONE) {
		ssize_t n = recv(line->fd, data, sizeof(data), 0);
		int r = 0;

		if (n > 0) {
			r = reply_feed(reply, data, (size_t)n);
			if (request->is_patient)
				be_patient(line, server);
			if (r == 0 && request->on_event != NULL && reply->status == 200)
				r = request->on_event(&reply->body, request->arg);
		} else if (n == 0) {
			return reply_end(reply);
		} else if (errno == EAGAIN) {
			/* A stream lasts as long as it lasts. */
			if (request->on_event != NULL && reply->status == 200 &&
			    !request->is_patient)
				line->end_mono_us = INT64_MAX;
			r = wait_for(line, POLLIN);
		} else if (errno != EINTR) {
			r = OCPPD_EGONE;
		}
		if (r != 0)
			return r;
	}
	return 0;
}

int
http_call(const struct http_server *server, const struct http_request *request,
	  struct reply *ret_reply, struct ocppd_error *err)
{
	struct line_of_call line = { .fd = -1 };
	struct buf text = { 0 };
	int r;

	clock_init(&line.clock);
	line.end_mono_us = clock_mono_us(&line.clock) + server->timeout_ms * MS_US;
	write_request(server, request, &text);
	r = text.error;
	if (r < 0) {
		(void)ocppd_error_set(err, r, "out of memory");
		goto out;
	}
	r = server->socket != NULL ? connect_unix(&line, server->socket, err)
				   : connect_tcp(&line, server, err);
	if (r < 0)
		goto out;

	r = send_all(&line, &text);
	if (r == 0 && request->source != NULL)
		r = send_source(&line, server, request->source);
	if (r == 0)
		r = receive(&line, server, request, ret_reply);
	if (r == OCPPD_ETIMEDOUT)
		(void)ocppd_error_set(err, r, "the daemon did not answer in time");
	else if (r == OCPPD_EINVAL)
		(void)ocppd_error_set(err, r, "what answers there does not speak HTTP");
	else if (r == OCPPD_ESTATE)
		(void)ocppd_error_set(err, r, "what is to be sent cannot be read");
	else if (r < 0)
		(void)ocppd_error_set(err, r, "the connection to the daemon broke off");
out:
	if (line.fd >= 0)
		(void)close(line.fd);
	buf_fini(&text);
	return r;
}
