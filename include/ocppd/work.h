/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_WORK_H
#define OCPPD_WORK_H

/*
 * A request of the operator API that is answered from storage. A handler makes one, asks storage
 * with it, and every way ends in ocppd_work_end or in what answers (_reply, _get, _list, _fail, …),
 * which frees it; until then it counts among the callbacks that the module's stop waits for.
 *
 * Core thread.
 */
#include <ocppd/abi.h>
#include <ocppd/error.h>
#include <ocppd/rows.h>
#include <ocppd/service/storage.h>

OCPPD_BEGIN_DECLS

struct json_object;
struct ocppd_host;
struct ocppd_request;
struct ocppd_work;

/*
 * The writes of a module that its requests wait for, so that no answer lags behind the one before
 * it. All zero to begin with.
 */
struct ocppd_writes {
	uint64_t begun;
	uint64_t ended;
	struct ocppd_work *first; /* those that wait, the core's */
	struct ocppd_work *last;
};

/* What the requests of a module share; in its context, filled in when it has found storage. */
struct ocppd_work_owner {
	uint32_t struct_size;
	uint32_t reserved;
	struct ocppd_host *host;
	const struct ocppd_storage_ops *storage;
	void *storage_self;
	uint32_t *outstanding;   /* callbacks that will come: raised for each request … */
	void (*done)(void *ctx); /* … and lowered by this, which says ocppd_stopped if it is time */
	void *ctx;
	struct ocppd_writes *writes; /* that ocppd_work_await waits for; may be NULL */
};

typedef void ocppd_work_fn(void *work);

/* The first member of what a module keeps of a request. */
struct ocppd_work {
	const struct ocppd_work_owner *owner;
	void *ctx;                     /* the owner's */
	struct ocppd_request *request; /* to be answered */
	ocppd_work_fn *fini;           /* frees what the other members own; may be NULL */
	int64_t limit;                 /* the query's `limit`, 100 without */
	uint32_t is_parked;            /* 1: not counted, `done` is not called in the end */
	uint32_t reserved;
	/* The core's, of ocppd_work_await. */
	struct ocppd_work *next;
	uint64_t until;
	ocppd_work_fn *resume;
	/* Set where one thing is asked for: the problem if there is none. Static texts. */
	const char *unknown;      /* its kind: "unknown-file" */
	const char *unknown_text; /* "There is no such file" */
	/* The core's, of ocppd_work_get and _list. */
	const struct ocppd_page *page;
	ocppd_row_json_fn *row_json;
};

/*
 * A zeroed struct of `size` bytes that begins with a struct ocppd_work. Returns NULL after having
 * answered: out of memory.
 */
OCPPD_API void *ocppd_work_new(const struct ocppd_work_owner *owner, struct ocppd_request *request,
			       size_t size);
/* Frees it; the request was answered, or others will. */
OCPPD_API void ocppd_work_end(struct ocppd_work *work);
/* Answer like ocppd_request_reply, _problem and _fail, and free it. */
OCPPD_API void ocppd_work_reply(struct ocppd_work *work, uint32_t status, struct json_object *body);
OCPPD_API void ocppd_work_problem(struct ocppd_work *work, uint32_t status, const char *kind,
				  const char *text);
OCPPD_API void ocppd_work_fail(struct ocppd_work *work, int result, const struct ocppd_error *err);
/* 404, with the problem that `unknown` names. */
OCPPD_API void ocppd_work_unknown(struct ocppd_work *work);

/* A number in the path. Returns 0, or OCPPD_EINVAL after having answered that there is none such,
 * and freed. */
OCPPD_API int ocppd_work_id(struct ocppd_work *work, const char *param, int64_t *ret_id);
/* The first row; NULL after having answered that it cannot be had or that there is none, and freed.
 */
OCPPD_API const struct ocppd_value *ocppd_work_row(struct ocppd_work *work, int result,
						   const struct ocppd_rows *rows,
						   const struct ocppd_error *err);

/*
 * The cursor of a list whose cursor is a number, from the query's `after`; INT64_MAX without.
 * Returns 0, or OCPPD_EINVAL after having answered and freed.
 */
OCPPD_API int ocppd_work_after(struct ocppd_work *work, int64_t *ret_cursor);

/* Reads at most limit + 1 rows. fn's arg is the work; if it cannot run, this answers and frees. */
OCPPD_API void ocppd_work_query(struct ocppd_work *work, uint32_t statement,
				const struct ocppd_value *values, uint32_t count,
				ocppd_rows_fn *fn);
/* Commits one statement, which must meet a row (OCPPD_UNIT_EXPECT_ROW). Otherwise the same. */
OCPPD_API void ocppd_work_write(struct ocppd_work *work, uint32_t statement,
				const struct ocppd_value *values, uint32_t count,
				ocppd_unit_fn *fn);

/*
 * Whole answers: what is asked for, as 200 with the first row's JSON, a list in pages of the work's
 * limit (page->limit is not looked at, and its `ctx` is the owner's; it is borrowed until then),
 * and 204 when one statement has met a row. Otherwise the problems as above.
 */
OCPPD_API void ocppd_work_get(struct ocppd_work *work, uint32_t statement,
			      const struct ocppd_value *values, uint32_t count,
			      ocppd_row_json_fn *row_json);
OCPPD_API void ocppd_work_list(struct ocppd_work *work, uint32_t statement,
			       const struct ocppd_value *values, uint32_t count,
			       const struct ocppd_page *page);
OCPPD_API void ocppd_work_delete(struct ocppd_work *work, uint32_t statement,
				 const struct ocppd_value *values, uint32_t count);

/* A unit was committed; its completion ran, well or not: those that waited for it go on. */
OCPPD_API void ocppd_writes_begin(struct ocppd_writes *writes);
OCPPD_API void ocppd_writes_end(struct ocppd_writes *writes);
/* Calls fn when all of the owner's writes that were begun so far have ended, perhaps at once. */
OCPPD_API void ocppd_work_await(struct ocppd_work *work, ocppd_work_fn *fn);

OCPPD_END_DECLS
#endif
