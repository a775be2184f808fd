/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Comma-separated values of operators: records of cells inside the text, or errors, and an end.
 * What was read and is written again reads the same.
 */
#include "fuzz.h"

#include <ocppd/csv.h>
#include <ocppd/error.h>

#include "base/buf.h"
#include "base/csv.h"

#define CELLS 4

/* Reads all; what is good is written, into `ret_again`. Returns the number of good records. */
static uint32_t
read_all(char *text, size_t len, struct buf *ret_again)
{
	struct ocppd_csv_reader reader;
	char *cells[CELLS];
	uint32_t line = 0;
	uint32_t good = 0;
	int r;

	/* As spreadsheets begin: what looks like a mark within is not taken for one. */
	buf_add_str(ret_again, "\xef\xbb\xbf");
	ocppd_csv_reader_init(&reader, text, len);
	while ((r = ocppd_csv_read(&reader, cells, CELLS)) != 0) {
		OCPPD_ASSERT(r <= CELLS && (r > 0 || r == OCPPD_EINVAL || r == OCPPD_ESPACE));
		OCPPD_ASSERT(reader.line > line && reader.line <= reader.lines_read);
		line = reader.line;
		for (int i = 0; i < r; i++) {
			OCPPD_ASSERT(cells[i] >= text && cells[i] <= text + len);
			if (i > 0)
				buf_add_char(ret_again, ',');
			/* Quoted even if empty: a line of nothing is no record. */
			if (r == 1 && cells[0][0] == '\0')
				buf_add_str(ret_again, "\"\"");
			csv_add(ret_again, cells[i], strlen(cells[i]));
		}
		if (r > 0) {
			buf_add_str(ret_again, "\r\n");
			good++;
		}
	}
	return good;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct buf once = { 0 };
	struct buf twice = { 0 };
	uint32_t good = read_all(text, size, &once);
	char *again = fuzz_text((const uint8_t *)once.data, once.len);

	OCPPD_ASSERT(once.error == 0);
	OCPPD_ASSERT(read_all(again, once.len, &twice) == good);
	OCPPD_ASSERT(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
	free(again);
	free(text);
	buf_fini(&once);
	buf_fini(&twice);
	return 0;
}
