/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Requests of operators, between a module that serves them and one that answers. Either may end
 * first: the core keeps what the other still holds, and calls a server only while its asker is
 * there. Handlers hear of room and of departures from the loop, never from inside their own calls.
 */
#include <ocppd/route.h>

#include "base/assert.h"
#include "base/text.h"
#include "runtime/catalogue_private.h"
#include "runtime/host.h"
#include "runtime/loop.h"

#include <ocppd/json.h>
#include <ocppd/time.h>

#include <stdarg.h>

#include <json-c/json.h>

#define REQUEST_MAGIC 0x52455155u
#define DETAIL_SIZE 1024
#define TITLE_SIZE 64
#define TEXTS_MAX 1024 /* parameters of a request, names and values */

struct ocppd_request {
	uint32_t magic;
	uint32_t role;
	struct ocppd_core *core;
	const struct ocppd_route *route;
	struct ocppd_host *owner;  /* who answers */
	struct ocppd_host *server; /* who serves; NULL when it stopped */
	struct ocppd_request_server ops;
	void *connection;
	char *user;
	char **params; /* one block, NULL at the end */
	char **query;
	struct json_object *body;
	ocppd_request_fn *ready_fn;
	ocppd_request_fn *gone_fn;
	void *arg;
	bool is_begun;  /* a long answer is under way */
	bool is_gone;   /* nobody is there to hear the answer */
	bool is_called; /* the handler has not returned yet */
	bool is_ready;  /* on_news has to tell of room */
	bool is_posted; /* on_news will run */
	bool is_ended;  /* freed as soon as nobody of the core holds it */
	LIST_ENTRY(ocppd_request) all;
};

/* The problem that fits a negative result. */
static const struct problem_row {
	int result;
	uint32_t status;
	const char *kind;
} problem_rows[] = {
	{ OCPPD_EINVAL, 400, "invalid" },        { OCPPD_ERANGE, 400, "out-of-range" },
	{ OCPPD_EDENIED, 403, "denied" },        { OCPPD_ENOENT, 404, "not-found" },
	{ OCPPD_EEXIST, 409, "exists" },         { OCPPD_ECONFLICT, 409, "conflict" },
	{ OCPPD_ESTATE, 409, "wrong-state" },    { OCPPD_ENOTCONN, 409, "not-connected" },
	{ OCPPD_EREFUSED, 422, "refused" },      { OCPPD_EBUSY, 429, "busy" },
	{ OCPPD_ENOTSUP, 501, "not-supported" }, { OCPPD_ESHUTDOWN, 503, "stopping" },
	{ OCPPD_EIO, 503, "unavailable" },       { OCPPD_ENOMEM, 503, "out-of-memory" },
	{ OCPPD_ESPACE, 503, "no-space" },       { OCPPD_ETIMEDOUT, 504, "timeout" },
};

/* ---- Life ------------------------------------------------------------------------------------ */

/* A copy of a NULL-terminated list of texts in one block. */
static char **
texts_dup(const char *const *texts)
{
	size_t count = 0;
	size_t size = 0;
	char **copy;
	char *at;

	while (texts && texts[count] && count < TEXTS_MAX)
		size += strlen(texts[count++]) + 1;
	copy = malloc((count + 2) * sizeof(*copy) + size);
	if (!copy)
		return NULL;
	at = (char *)&copy[count + 2];
	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(texts[i]) + 1;

		memcpy(at, texts[i], len);
		copy[i] = at;
		at += len;
	}
	/* Twice: they are read by pairs. */
	copy[count] = NULL;
	copy[count + 1] = NULL;
	return copy;
}

static void
request_free(struct ocppd_request *request)
{
	if (!request)
		return;
	if (request->magic)
		LIST_REMOVE(request, all);
	request->magic = 0;
	(void)json_object_put(request->body);
	free(request->user);
	free(request->params);
	free(request->query);
	free(request);
}

/* The handler let go of it. */
static void
finish(struct ocppd_request *request)
{
	request->is_ended = true;
	if (!request->is_posted && !request->is_called)
		request_free(request);
}

static void
on_news(struct ocppd_core *core, void *arg)
{
	struct ocppd_request *request = arg;
	ocppd_request_fn *fn = request->is_gone ? request->gone_fn : request->ready_fn;
	int64_t began;

	(void)core;
	request->is_posted = false;
	if (request->is_ended) {
		request_free(request);
		return;
	}
	if (!fn || (!request->is_gone && !request->is_ready))
		return;
	request->is_ready = false;
	if (request->is_gone)
		request->is_ended = true; /* the handle ends with gone_fn */
	began = host_enter(request->owner);
	request->is_called = true;
	fn(request->owner, request, request->arg);
	request->is_called = false;
	host_leave(request->owner, began, request->route->path);
	if (request->is_ended && !request->is_posted)
		request_free(request);
}

static void
post_news(struct ocppd_request *request)
{
	if (!request->is_posted)
		request->is_posted = loop_post(request->core, on_news, request) == 0;
}

static bool
is_open(const struct ocppd_request *request)
{
	OCPPD_ASSERT(request->magic == REQUEST_MAGIC);
	return !request->is_ended;
}

/* ---- For handlers ---------------------------------------------------------------------------- */

static const char *
find_text(char *const *texts, const char *name)
{
	for (; texts[0] && texts[1]; texts += 2)
		if (strcmp(texts[0], name) == 0)
			return texts[1];
	return NULL;
}

const char *
ocppd_request_param(const struct ocppd_request *request, const char *name)
{
	return find_text(request->params, name);
}

const char *
ocppd_request_query(const struct ocppd_request *request, const char *name)
{
	return find_text(request->query, name);
}

static uint32_t
query_type(const struct ocppd_request *request, const char *name)
{
	for (uint32_t i = 0; i < request->route->query.count; i++)
		if (strcmp(request->route->query.items[i].name, name) == 0)
			return request->route->query.items[i].type;
	return OCPPD_T_INTEGER;
}

int64_t
ocppd_request_query_int(const struct ocppd_request *request, const char *name, int64_t absent)
{
	const char *text = ocppd_request_query(request, name);
	uint32_t type = text ? query_type(request, name) : 0;
	int64_t value;

	if (!text)
		return absent;
	if (type == OCPPD_T_TIMESTAMP)
		return ocppd_time_parse(text, 0, &value, NULL) == 0 ? value : absent;
	if (type == OCPPD_T_BOOLEAN && (str_eq(text, "true") || str_eq(text, "1")))
		return 1;
	if (type == OCPPD_T_BOOLEAN)
		return str_eq(text, "false") || str_eq(text, "0") ? 0 : absent;
	return parse_i64(text, INT64_MIN, INT64_MAX, &value) == 0 ? value : absent;
}

struct json_object *
ocppd_request_body(const struct ocppd_request *request)
{
	return request->body;
}

const char *
ocppd_request_user(const struct ocppd_request *request)
{
	return request->user;
}

uint32_t
ocppd_request_role(const struct ocppd_request *request)
{
	return request->role;
}

static void
cut_off(struct ocppd_request *request)
{
	if (request->ops.cut)
		request->ops.cut(request->connection);
	else
		request->ops.end(request->connection);
}

/* body is taken. */
static void
answer(struct ocppd_request *request, uint32_t status, bool is_problem, struct json_object *body)
{
	if (!is_open(request)) {
		(void)json_object_put(body);
		return;
	}
	if (request->is_gone) {
		(void)json_object_put(body);
	} else if (request->is_begun) {
		/* Too late for another head: the asker sees a cut answer, the log says why. */
		OCPPD_ERROR(request->owner, "request.misused",
			    OCPPD_STR("path", request->route->path), OCPPD_INT("status", status));
		(void)json_object_put(body);
		cut_off(request);
	} else {
		request->ops.reply(request->connection, status, is_problem, body);
	}
	finish(request);
}

void
ocppd_request_reply(struct ocppd_host *host, struct ocppd_request *request, uint32_t status,
		    struct json_object *body)
{
	(void)host;
	answer(request, !body && status == 200 ? 204 : status, false, body);
}

/* "unknown-station" becomes "Unknown station": a title that is the same for the same kind. */
static void
make_title(const char *kind, char title[TITLE_SIZE])
{
	(void)str_copy(title, TITLE_SIZE, kind);
	for (char *at = title; *at; at++)
		if (*at == '-')
			*at = ' ';
	if (title[0] >= 'a' && title[0] <= 'z')
		title[0] = (char)(title[0] - 'a' + 'A');
}

/* member: the member at fault, "" for none. */
static void
answer_problem(struct ocppd_request *request, uint32_t status, const char *kind, const char *detail,
	       const char *member)
{
	struct json_object *body = json_object_new_object();
	char type[TITLE_SIZE + 32];
	char title[TITLE_SIZE];

	make_title(kind, title);
	(void)snprintf(type, sizeof(type), "urn:ocppd:problem:%s", kind);
	/* Out of memory: the status alone has to do. */
	if (body) {
		(void)ocppd_json_add_str(body, "type", type);
		(void)ocppd_json_add_str(body, "title", title);
		(void)ocppd_json_add_int(body, "status", status);
		(void)ocppd_json_add_str(body, "detail", detail);
		if (*member)
			(void)ocppd_json_add_str(body, "member", member);
	}
	answer(request, status, true, body);
}

void
ocppd_request_problem(struct ocppd_host *host, struct ocppd_request *request, uint32_t status,
		      const char *kind, const char *format, ...)
{
	char detail[DETAIL_SIZE];
	va_list args;

	(void)host;
	va_start(args, format);
	(void)vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	detail[utf8_cut(detail, sizeof(detail) - 2)] = '\0';
	utf8_mend(detail);
	answer_problem(request, status, kind, detail, "");
}

void
ocppd_request_fail(struct ocppd_host *host, struct ocppd_request *request, int result,
		   const struct ocppd_error *err)
{
	const char *detail = err && err->text[0] ? err->text : ocppd_strerror(result);
	const char *member = err ? err->option : "";

	(void)host;
	for (size_t i = 0; i < sizeof(problem_rows) / sizeof(problem_rows[0]); i++) {
		const struct problem_row *row = &problem_rows[i];

		if (row->result != result)
			continue;
		answer_problem(request, row->status, row->kind, detail, member);
		return;
	}
	answer_problem(request, 500, "internal", detail, member);
}

int
ocppd_request_begin(struct ocppd_host *host, struct ocppd_request *request, uint32_t status,
		    const char *content_type, ocppd_request_fn *ready_fn, ocppd_request_fn *gone_fn,
		    void *arg)
{
	(void)host;
	if (!is_open(request))
		return OCPPD_EGONE;
	if (request->is_begun)
		return OCPPD_ESTATE;
	if (request->is_gone) {
		finish(request);
		return OCPPD_EGONE;
	}
	if (!request->ops.begin) {
		answer_problem(request, 501, "unsupported", "the asker takes no answer in pieces",
			       "");
		return OCPPD_EGONE;
	}
	request->is_begun = true;
	request->ops.begin(request->connection, status, content_type);
	if (request->is_gone) {
		finish(request);
		return OCPPD_EGONE;
	}
	request->ready_fn = ready_fn;
	request->gone_fn = gone_fn;
	request->arg = arg;
	return 0;
}

int
ocppd_request_write(struct ocppd_host *host, struct ocppd_request *request, const char *data,
		    size_t len)
{
	int r = OCPPD_EGONE;

	(void)host;
	if (!is_open(request))
		return OCPPD_EGONE;
	if (!request->is_begun)
		return OCPPD_ESTATE;
	if (!request->is_gone)
		r = request->ops.write(request->connection, data, len);
	/* The server may have noticed, and said so, while it wrote. */
	if (r != OCPPD_EGONE && !request->is_gone)
		return r;
	request->is_gone = true;
	finish(request);
	return OCPPD_EGONE;
}

void
ocppd_request_end(struct ocppd_host *host, struct ocppd_request *request)
{
	if (!request->is_begun) {
		ocppd_request_reply(host, request, 200, NULL);
		return;
	}
	if (!is_open(request))
		return;
	if (!request->is_gone)
		request->ops.end(request->connection);
	finish(request);
}

void
ocppd_request_cut(struct ocppd_host *host, struct ocppd_request *request)
{
	(void)host;
	if (!request->is_begun) {
		answer_problem(request, 503, "given-up", "the answer could not be made", "");
		return;
	}
	if (!is_open(request))
		return;
	if (!request->is_gone)
		cut_off(request);
	finish(request);
}

/* ---- For servers ----------------------------------------------------------------------------- */

static struct ocppd_request *
request_new(struct ocppd_host *host, const struct ocppd_request_info *info)
{
	struct ocppd_request *request = calloc(1, sizeof(*request));

	if (!request)
		return NULL;
	request->core = host->core;
	request->server = host;
	request->role = info->role;
	request->user = str_dup(info->user ? info->user : "");
	request->params = texts_dup(info->params);
	request->query = texts_dup(info->query);
	if (!request->user || !request->params || !request->query) {
		request_free(request);
		return NULL;
	}
	return request;
}

/* The struct of a module may be of another minor's length. */
static void
import(void *ret_copy, size_t size, const void *from, uint32_t struct_size)
{
	memset(ret_copy, 0, size);
	memcpy(ret_copy, from, struct_size < size ? struct_size : size);
}

struct ocppd_request *
ocppd_request_call(struct ocppd_host *host, const struct ocppd_route *route,
		   struct ocppd_host *owner, const struct ocppd_request_info *info,
		   const struct ocppd_request_server *server, void *connection,
		   uint32_t *ret_is_open)
{
	struct ocppd_request_info own;
	struct ocppd_request *request;
	int64_t began;

	import(&own, sizeof(own), info, info->struct_size);
	request = request_new(host, &own);
	if (!request) {
		(void)json_object_put(own.body);
		return NULL;
	}
	import(&request->ops, sizeof(request->ops), server, server->struct_size);
	request->magic = REQUEST_MAGIC;
	request->route = route;
	request->owner = owner;
	request->connection = connection;
	request->body = own.body;
	request->is_called = true;
	LIST_INSERT_HEAD(&host->core->catalogue->requests, request, all);
	if (owner->state == HOST_RUNNING) {
		began = host_enter(owner);
		route->on_request(owner, request, owner->ctx);
		host_leave(owner, began, route->path);
	} else {
		answer_problem(request, 503, "stopping", "the module behind this route is stopping",
			       "");
	}
	request->is_called = false;
	*ret_is_open = !request->is_ended;
	/* The server must tell this from out of memory, so the address stays good for this turn. */
	if (request->is_ended)
		post_news(request);
	return request;
}

void
ocppd_request_ready(struct ocppd_request *request)
{
	if (request->magic != REQUEST_MAGIC || request->is_ended || request->is_gone)
		return;
	request->is_ready = true;
	post_news(request);
}

void
ocppd_request_gone(struct ocppd_request *request)
{
	if (request->magic != REQUEST_MAGIC || request->is_ended || request->is_gone)
		return;
	request->is_gone = true;
	if (request->is_begun && request->gone_fn)
		post_news(request);
}

/* ---- For the core ---------------------------------------------------------------------------- */

void
requests_revoke(struct ocppd_core *core, struct ocppd_host *host)
{
	struct ocppd_request *request = LIST_FIRST(&core->catalogue->requests);

	while (request) {
		struct ocppd_request *next = LIST_NEXT(request, all);

		if (request->server == host) {
			request->server = NULL;
			ocppd_request_gone(request);
		}
		if (request->owner == host && !request->is_ended) {
			if (request->is_begun)
				ocppd_request_cut(host, request);
			else
				answer_problem(request, 503, "stopping",
					       "the module behind this route is stopping", "");
		}
		request = next;
	}
}

void
requests_free(struct ocppd_core *core)
{
	while (!LIST_EMPTY(&core->catalogue->requests))
		request_free(LIST_FIRST(&core->catalogue->requests));
}
