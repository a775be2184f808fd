/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPCTL_HTTP_H
#define OCPPCTL_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <ocppd/error.h>

#include "reply.h"

/* Where the daemon is: a Unix socket, or host and port. */
struct http_server {
	char *socket; /* NULL: TCP */
	char *host;
	char *port;
	char *prefix; /* of every path, "" as a rule */
	char *token;  /* NULL: none */
	int64_t timeout_ms;
};

/* A body that is read while it is sent. */
struct http_source {
	/* Fills data; bytes, 0 at the end, negative: unreadable. */
	ssize_t (*read)(char *data, size_t size, void *arg);
	void *arg;
	int64_t size; /* -1: not known, it is sent in chunks */
};

struct http_request {
	const char *method;
	const char *path; /* with its query */
	const char *body; /* NULL: none */
	/* For answers without end: called with what arrived so far; it empties the buffer. Another
	 * value than 0 ends the request with it. */
	int (*on_event)(struct buf *body, void *arg);
	void *arg;
	const struct http_source *source; /* instead of body; NULL: none */
	bool is_patient;                  /* the deadline begins anew with whatever moves */
};

/* unix:PATH or http://HOST[:PORT][/PREFIX] */
int http_server_parse(const char *url, struct http_server *ret_server, struct ocppd_error *err);
void http_server_fini(struct http_server *server);
/* One request on a connection of its own. 0, or OCPPD_EIO, OCPPD_ETIMEDOUT, OCPPD_EGONE,
 * OCPPD_EINVAL with err. */
int http_call(const struct http_server *server, const struct http_request *request,
	      struct reply *ret_reply, struct ocppd_error *err);

#endif
