/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef HTTP_API_STORE_H
#define HTTP_API_STORE_H

#include <stddef.h>

#include <ocppd/service/storage.h>

/* The module's own tables: tokens made at run time, and commands that wait for their station. */

enum {
	STATEMENT_TOKEN_LIST,
	STATEMENT_TOKEN_PUT,
	STATEMENT_TOKEN_DELETE,
	STATEMENT_QUEUE_LIST,
	STATEMENT_QUEUE_PUT,
	STATEMENT_QUEUE_DELETE,
	STATEMENT_QUEUE_CANCEL,
	STATEMENT_COUNT,
};
extern const struct ocppd_statement store_statements[STATEMENT_COUNT];
#define STORE_MIGRATIONS 1
extern const struct ocppd_migration store_migrations[STORE_MIGRATIONS];

struct api;

/* One statement as a unit of its own. 0: fn runs once; negative: it will not. */
int store_write(struct api *api, uint32_t statement, const struct ocppd_value *values,
		uint32_t count, ocppd_unit_fn *fn, void *arg);
/* The last word of each fn of store_write: may end the module. */
void store_done(struct api *api);
/* Random text of hex digits that nobody guesses. 0 or OCPPD_EIO. */
int store_id(char *ret_text, size_t digits);

#endif
