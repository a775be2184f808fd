/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_CSV_H
#define OCPPD_CSV_H

/*
 * Comma-separated values (RFC 4180), with what spreadsheets make of it: a byte order mark, LF or
 * CRLF, blank lines. A text that a spreadsheet would take for a formula (quirk D11), or that begins
 * with an apostrophe, is written with an apostrophe before it, which reading takes away again.
 */
#include <ocppd/abi.h>
#include <ocppd/service/storage.h>

OCPPD_BEGIN_DECLS

struct ocppd_request;
struct ocppd_work_owner;

/* ---- Reading. Any thread. ------------------------------------------------------------------- */

struct ocppd_csv_reader {
	char *at; /* changed while it is read */
	char *end;
	uint32_t line;       /* of the record that was read last, from 1 */
	uint32_t lines_read; /* so far */
};

/* text is text[0] to text[len - 1], and one byte behind it that may be written. */
OCPPD_API void ocppd_csv_reader_init(struct ocppd_csv_reader *reader, char *text, size_t len);
/*
 * Reads a record; blank ones are passed over. ret_cells are texts within the buffer. Returns how
 * many; 0 at the end; OCPPD_EINVAL: a quote stands where none may, or is not closed; OCPPD_ESPACE:
 * more than max cells. After an error the next call goes on with the next line.
 */
OCPPD_API int ocppd_csv_read(struct ocppd_csv_reader *reader, char **ret_cells, uint32_t max);

/* ---- Answering. Core thread. ------------------------------------------------------------------
 *
 * A route's answer, streamed page by page: the next page is read when the asker took the one
 * before, so that memory is bounded whatever the table holds. It is counted as a request of
 * <ocppd/work.h> is, and freed when it was sent whole, was cut, or the asker went. What is open
 * when the module stops is cut, just before its `stop` or with the page that is being read: a slow
 * asker holds no stop up.
 */

typedef void ocppd_csv_fn(void *csv);
/* Asks for the next page. Returns negative, or 0: then ocppd_csv_page is called once, later. */
typedef int ocppd_csv_page_fn(void *csv);

struct ocppd_csv_state;

/* The first member of what a module keeps of such an answer. */
struct ocppd_csv {
	const struct ocppd_work_owner *owner;
	void *ctx;                     /* the owner's */
	ocppd_csv_page_fn *read;       /* set before ocppd_csv_begin */
	ocppd_csv_fn *fini;            /* frees what the other members own; may be NULL */
	struct ocppd_csv_state *state; /* the core's */
};

/*
 * A zeroed struct of `size` bytes that begins with a struct ocppd_csv. Returns NULL after having
 * answered: out of memory.
 */
OCPPD_API void *ocppd_csv_new(const struct ocppd_work_owner *owner, struct ocppd_request *request,
			      size_t size);
/* Sends the head, writes the names of `count` columns and reads the first page. */
OCPPD_API void ocppd_csv_begin(struct ocppd_csv *csv, const char *const *columns, uint32_t count);

/*
 * A page, cell by cell. Texts are quoted if need be, numbers are not; what is none of both, and
 * NULL, is an empty cell. When memory ends, or the asker went, they do nothing: ocppd_csv_page sees
 * to it.
 */
OCPPD_API void ocppd_csv_add_value(struct ocppd_csv *csv, const struct ocppd_value *value);
OCPPD_API void ocppd_csv_add_str(struct ocppd_csv *csv, const char *text);
/* A number in microseconds as a time. */
OCPPD_API void ocppd_csv_add_time_value(struct ocppd_csv *csv, const struct ocppd_value *value);
OCPPD_API void ocppd_csv_end_row(struct ocppd_csv *csv);
/*
 * The page is there, or cannot be read (result is negative): then the answer is cut, which is all
 * that can be said behind its head, and logged. is_last: 1 for no more. csv may be gone afterwards.
 */
OCPPD_API void ocppd_csv_page(struct ocppd_csv *csv, int result, uint32_t is_last);

OCPPD_END_DECLS
#endif
