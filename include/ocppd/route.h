/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_ROUTE_H
#define OCPPD_ROUTE_H

/*
 * The operator API as modules see it: a route is a row, its handler gets a request and answers
 * once, now or later. The core holds the rows; whichever module serves them (`http_api`) walks
 * them, matches, authenticates, checks parameters against the tables, and calls the handler. So a
 * module offers routes without needing a server, and the OpenAPI description and ocppctl's commands
 * come from the same rows.
 *
 * Core thread.
 */
#include <ocppd/abi.h>
#include <ocppd/error.h>
#include <ocppd/schema.h>

OCPPD_BEGIN_DECLS

#define OCPPD_ROLE_NONE 0 /* anybody who reaches the listener (health) */
#define OCPPD_ROLE_VIEWER 1
#define OCPPD_ROLE_OPERATOR 2
#define OCPPD_ROLE_ADMIN 3

struct ocppd_request;

/*
 * An ocppctl command that calls the route.
 *
 * words    "stations show"
 * args     in order: names of path parameters, query parameters and body members, `*` for
 *          `name=value` members of the body; "stationId", "stationId action *". Those of the path
 *          are required, others may be given as --name VALUE. `<file`: a file of the operator's;
 *          the answer is a ticket, {url, localUrl?}, and the file is sent to that URL by PUT. `>`:
 *          likewise, and a file is fetched there, {url, localUrl?, name, size?}. `@member`: the
 *          member of the body is the text of a file of the operator's, or of standard input (`-`)
 * columns  of the table on a terminal: paths in an item, "stationId,connection.remote"; NULL: JSON
 */
struct ocppd_command {
	const char *words;
	const char *args;
	const char *columns;
	const char *help;
};

struct ocppd_route {
	const char *method;                 /* "GET", "PUT", "POST", "DELETE" */
	const char *path;                   /* "/v1/stations/{stationId}" */
	uint32_t role;                      /* OCPPD_ROLE_*: the least that may call it */
	uint32_t flags;                     /* 0 */
	OCPPD_ROWS(ocppd_field) query;      /* parameters: STRING, INTEGER, BOOLEAN, TIMESTAMP */
	OCPPD_ROWS(ocppd_field) req;        /* body; no rows: none is read */
	OCPPD_ROWS(ocppd_field) res;        /* body of the 200; no rows: any */
	OCPPD_ROWS(ocppd_command) commands; /* ocppctl's */
	const char *summary;                /* one line, required */
	/*
	 * Path parameters and query are checked and decoded, the body is an object that fits `req`.
	 * Answer exactly once.
	 */
	void (*on_request)(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
	/* What the API's description says of an answer that is no problem. */
	uint32_t status;       /* 200 (0 means that), 201, 202, 204 */
	uint32_t other_status; /* another with such a body, also 503; 0: none */
	const char *media;     /* of its body, without parameters; NULL: application/json */
};

/* ---- For handlers --------------------------------------------------------------------------- */

/* A path parameter by name; NULL if the route has none of that name. Borrowed. */
OCPPD_API const char *ocppd_request_param(const struct ocppd_request *request, const char *name);
/* A query parameter as text, NULL if absent. Borrowed. */
OCPPD_API const char *ocppd_request_query(const struct ocppd_request *request, const char *name);
/* The same as a number (BOOLEAN: 0, 1; TIMESTAMP: microseconds), or `absent`. */
OCPPD_API int64_t ocppd_request_query_int(const struct ocppd_request *request, const char *name,
					  int64_t absent);
/* The body, NULL if none. Borrowed until the request is answered; may be kept by json_object_get.
 */
OCPPD_API struct json_object *ocppd_request_body(const struct ocppd_request *request);
/* Who asks, for logs and history: "token:fleet-ui", "uid:1000". Borrowed. */
OCPPD_API const char *ocppd_request_user(const struct ocppd_request *request);
OCPPD_API uint32_t ocppd_request_role(const struct ocppd_request *request);

/*
 * Answers with a JSON body (taken; NULL: no body, 204 if status is 200). It is made into text
 * later, so it does not change any more if a reference to it is kept, and holds no serializer of a
 * module.
 */
OCPPD_API void ocppd_request_reply(struct ocppd_host *host, struct ocppd_request *request,
				   uint32_t status, struct json_object *body);
/*
 * Answers with problem details (RFC 9457). kind is a word that stays the same for the same cause
 * ("unknown-station"); the text is one sentence for people.
 */
OCPPD_API void ocppd_request_problem(struct ocppd_host *host, struct ocppd_request *request,
				     uint32_t status, const char *kind, const char *format, ...)
	OCPPD_PRINTF(5, 6);
/* The problem that fits a function's negative result: 404, 409, 422, 503, … */
OCPPD_API void ocppd_request_fail(struct ocppd_host *host, struct ocppd_request *request,
				  int result, const struct ocppd_error *err);

/*
 * Long answers, in pieces. begin sends the head; write returns 0, OCPPD_EBUSY when more than the
 * bound waits (nothing was taken; ready_fn runs when there is room), OCPPD_EGONE when the asker
 * went; end finishes; cut gives up, so that the asker sees that the answer is not whole. After
 * EGONE, or gone_fn, the handle is no longer valid and neither must be called. Where nothing was
 * begun, end answers 204 and cut 503. A module cuts what it has open in its `stop`: the core, which
 * cuts what is left, calls neither ready_fn nor gone_fn any more.
 */
typedef void ocppd_request_fn(struct ocppd_host *host, struct ocppd_request *request, void *arg);
OCPPD_API int ocppd_request_begin(struct ocppd_host *host, struct ocppd_request *request,
				  uint32_t status, const char *content_type,
				  ocppd_request_fn *ready_fn, ocppd_request_fn *gone_fn, void *arg);
OCPPD_API int ocppd_request_write(struct ocppd_host *host, struct ocppd_request *request,
				  const char *data, size_t len);
OCPPD_API void ocppd_request_end(struct ocppd_host *host, struct ocppd_request *request);
OCPPD_API void ocppd_request_cut(struct ocppd_host *host, struct ocppd_request *request);

/* ---- For servers ---------------------------------------------------------------------------- */

/*
 * How a server answers; every function is called at most once for a request unless said. The handle
 * is gone after reply, end and cut, and after a write that answered OCPPD_EGONE. Who asks its own
 * daemon for what is short leaves begin, write and end NULL: an answer in pieces is a problem for
 * it then.
 */
struct ocppd_request_server {
	uint32_t struct_size;
	uint32_t reserved;
	/* body: taken, may be NULL. is_problem: application/problem+json. */
	void (*reply)(void *connection, uint32_t status, uint32_t is_problem,
		      struct json_object *body);
	void (*begin)(void *connection, uint32_t status, const char *content_type);
	int (*write)(void *connection, const char *data, size_t len); /* many times */
	void (*end)(void *connection);
	void (*cut)(void *connection); /* instead of end: the answer is not whole; NULL: as end */
};

struct ocppd_request_info {
	uint32_t struct_size;
	uint32_t role;             /* OCPPD_ROLE_* of the asker */
	const char *user;          /* copied */
	const char *const *params; /* names and decoded values by turns, NULL at the end; copied */
	const char *const *query;  /* likewise */
	struct json_object *body;  /* taken; NULL: none */
};

/* Calls fn for each route of the started modules; another value than 0 ends the walk. */
typedef int ocppd_route_fn(const struct ocppd_route *route, struct ocppd_host *owner, void *arg);
OCPPD_API int ocppd_route_each(struct ocppd_host *host, ocppd_route_fn *fn, void *arg);
/* A number that changes whenever routes, actions or topics come or go. */
OCPPD_API uint64_t ocppd_catalogue_generation(struct ocppd_host *host);

/*
 * Makes a request and calls the route's handler. Returns it for the two calls below, or NULL: out
 * of memory, nothing was called. If the handler answered before this returns, `ret_is_open` is 0
 * and the handle is gone already.
 */
OCPPD_API struct ocppd_request *ocppd_request_call(struct ocppd_host *host,
						   const struct ocppd_route *route,
						   struct ocppd_host *owner,
						   const struct ocppd_request_info *info,
						   const struct ocppd_request_server *server,
						   void *connection, uint32_t *ret_is_open);
/* There is room again after OCPPD_EBUSY. */
OCPPD_API void ocppd_request_ready(struct ocppd_request *request);
/* The asker is gone: the server's functions are not called any more. */
OCPPD_API void ocppd_request_gone(struct ocppd_request *request);

OCPPD_END_DECLS
#endif
