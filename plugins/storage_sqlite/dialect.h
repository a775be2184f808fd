/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef STORAGE_SQLITE_DIALECT_H
#define STORAGE_SQLITE_DIALECT_H

#include <stdint.h>

#include <ocppd/error.h>

/* What a text is meant for: decides which commands it may begin with. */
enum dialect_use {
	DIALECT_QUERY,     /* reads */
	DIALECT_UNIT,      /* part of a unit of work */
	DIALECT_MIGRATION, /* a step of a schema */
};

#define DIALECT_PARAMS_MAX 999u

/*
 * Checks one statement against the portable dialect of ocppd/service/storage.h and writes it as
 * SQLite reads it: `$1` becomes `?1` (bound by number), {bytes} BLOB, {key} a generated key.
 *
 * ret_sql     owned by the caller.
 * ret_params  the highest parameter; 1 to that number all occur.
 *
 * Returns 0, OCPPD_EINVAL with the first thing refused in err, OCPPD_ENOMEM. Any thread.
 */
int dialect_translate(const char *sql, enum dialect_use use, char **ret_sql, uint32_t *ret_params,
		      struct ocppd_error *err);

#endif
