/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef ID_TAGS_CSV_H
#define ID_TAGS_CSV_H

#include <stddef.h>
#include <stdint.h>

/*
 * Comma-separated values (RFC 4180), with what spreadsheets make of it: a byte order mark, LF or
 * CRLF, blank lines. A text that a spreadsheet would take for a formula (quirk D11), or that begins
 * with an apostrophe, is written with an apostrophe before it, which reading takes away again.
 */
struct csv {
	char *at; /* changed while it is read */
	char *end;
	uint32_t line;       /* of the record that was read last, from 1 */
	uint32_t lines_read; /* so far */
};

/* text is text[0] to text[len - 1]. */
void csv_init(struct csv *csv, char *text, size_t len);
/*
 * Reads a record; blank ones are passed over. ret_fields are texts within the buffer. Returns how
 * many; 0 at the end; OCPPD_EINVAL: a quote stands where none may, or is not closed; OCPPD_ESPACE:
 * more than max fields. After an error the next call goes on with the next line.
 */
int csv_next(struct csv *csv, char **ret_fields, uint32_t max);

/* Writes a field, quoted if need be. Returns its length, or OCPPD_ESPACE. */
int csv_put(char *ret_text, size_t size, const char *value);

#endif
