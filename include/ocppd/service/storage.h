/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_SERVICE_STORAGE_H
#define OCPPD_SERVICE_STORAGE_H

/*
 * The service `ocppd.storage` 1.0: durable units of work, and reads, over the tables that modules
 * own. A module's tables come from the migrations of its descriptor, its SQL from its statements;
 * the engine knows neither. Tables are prefixed with the module's name.
 *
 * Dialect (SQLite 3.40 and PostgreSQL 15 both read it): parameters $1, $2, …; BIGINT (times in
 * microseconds, booleans 0 and 1), DOUBLE PRECISION, TEXT, and the tokens {bytes} (binary column)
 * and {key} (generated 64-bit primary key); ON CONFLICT, RETURNING, common table expressions,
 * partial indexes. No collations, date or JSON functions, no engine's own functions.
 *
 * Core thread. Completions run on the core thread, never before the call returned.
 */
#include <ocppd/abi.h>
#include <ocppd/error.h>

OCPPD_BEGIN_DECLS

/* One step of a module's schema. Append-only: an applied step must never change. Rows stand in
 * rising order of version. */
struct ocppd_migration {
	uint32_t version; /* from 1 */
	uint32_t reserved;
	const char *name;              /* "stations and connectors" */
	const char *const *statements; /* SQL, one statement each, NULL at the end */
};

/* A statement that a module may run, by its index in the descriptor's table. */
#define OCPPD_STATEMENT_READ 0x1u /* for query; others are for units */
struct ocppd_statement {
	const char *name; /* for logs and errors */
	const char *sql;
	uint32_t flags; /* OCPPD_STATEMENT_* */
	uint32_t reserved;
};

#define OCPPD_VALUE_NULL 0u
#define OCPPD_VALUE_INT 1u
#define OCPPD_VALUE_DOUBLE 2u
#define OCPPD_VALUE_TEXT 3u  /* UTF-8, len bytes */
#define OCPPD_VALUE_BYTES 4u /* len bytes */
#define OCPPD_VALUE_REF 5u   /* in units: column `column` of the first row of statement `number` */

struct ocppd_value {
	uint32_t type; /* OCPPD_VALUE_* */
	uint32_t column;
	int64_t number; /* INT; REF: position of the statement in this unit, from 0 */
	double real;
	const void *data; /* TEXT, BYTES; copied by unit_add and query */
	size_t len;
};

/* Rows of one statement. Borrowed until the completion returns. */
struct ocppd_rows {
	uint32_t columns;
	uint32_t count;
	int64_t changes;                  /* rows inserted, updated or deleted */
	const struct ocppd_value *values; /* row by row */
	uint32_t is_cut;                  /* there were more than max_rows */
	uint32_t reserved;
};

struct ocppd_unit;

/*
 * result  0: committed, durable; OCPPD_ECONFLICT: OCPPD_UNIT_EXPECT_ROW met none, nothing was done;
 *         OCPPD_EINVAL: a constraint or a broken statement, nothing was done; OCPPD_EIO or
 *         OCPPD_ESPACE: the engine could not store it, nothing was done; OCPPD_ESHUTDOWN.
 * rows    by position in the unit, with result 0; else NULL and 0.
 * err     why, with a negative result.
 */
typedef void ocppd_unit_fn(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
			   uint32_t count, const struct ocppd_error *err, void *arg);
typedef void ocppd_rows_fn(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
			   const struct ocppd_error *err, void *arg);
typedef void ocppd_storage_fn(struct ocppd_host *host, int result, const struct ocppd_error *err,
			      void *arg);

/* In unit_add: fail the whole unit if the statement yields or changes no row. */
#define OCPPD_UNIT_EXPECT_ROW 0x1u

struct ocppd_storage_ops {
	uint32_t struct_size;
	uint32_t reserved;

	/* Begins a unit, owned by the caller until unit_commit or unit_free. Returns 0;
	 * OCPPD_EBUSY: the queue's bound is reached; OCPPD_EIO: storage does not take writes at
	 * present; OCPPD_ENOMEM. */
	int (*unit_new)(void *self, struct ocppd_host *host, struct ocppd_unit **ret_unit);
	/* Adds statement number `statement` of `host`'s own table: a service adds to its caller's
	 * unit under its own host, so one commit spans modules. Returns the statement's position,
	 * OCPPD_EINVAL or OCPPD_ENOMEM; after an error, free the unit. At most 65535 statements. */
	int (*unit_add)(struct ocppd_unit *unit, struct ocppd_host *host, uint32_t statement,
			const struct ocppd_value *values, uint32_t count, uint32_t flags);
	/* Takes the unit; fn, under the host that began it, exactly once, also on failure. */
	void (*unit_commit)(struct ocppd_unit *unit, ocppd_unit_fn *fn, void *arg);
	/* Gives a unit up that was not committed. NULL is fine. */
	void (*unit_free)(struct ocppd_unit *unit);

	/*
	 * Reads on a snapshot that holds every unit whose completion ran, not waiting for those
	 * under way. Returns 0 (fn runs exactly once), OCPPD_EINVAL, OCPPD_EBUSY, OCPPD_ENOMEM.
	 * max_rows: 1 to 100000.
	 */
	int (*query)(void *self, struct ocppd_host *host, uint32_t statement,
		     const struct ocppd_value *values, uint32_t count, uint32_t max_rows,
		     ocppd_rows_fn *fn, void *arg);

	/*
	 * Applies what is missing of `owner`'s migrations, in one transaction; called by the core
	 * between init and start. fn gets OCPPD_EVERSION where the database is newer than the
	 * module, OCPPD_ECONFLICT where an applied step was changed since, with the reason in err.
	 * dry_run: 1 only logs what would be done.
	 */
	int (*migrate)(void *self, struct ocppd_host *owner, uint32_t dry_run, ocppd_storage_fn *fn,
		       void *arg);

	/* Writes a consistent copy of the database to a new file. fn: OCPPD_EEXIST, OCPPD_EIO. */
	int (*backup)(void *self, struct ocppd_host *host, const char *path, ocppd_storage_fn *fn,
		      void *arg);
	/* How far the backup is that `host` began, in bytes; the total may still grow. 0 or
	 * OCPPD_ENOENT: none of it is under way. */
	int (*backup_progress)(void *self, struct ocppd_host *host, int64_t *ret_done,
			       int64_t *ret_total);
	/* Gives it up: fn still runs, with OCPPD_EGONE unless it was written already. */
	void (*backup_cancel)(void *self, struct ocppd_host *host);

	/*
	 * A number that rises when the database was put back from a copy, which may be any time
	 * old: what was committed since is gone, though others may have heard of it. Kept with what
	 * must not be given out twice, it tells when to be careful: a difference of n says that the
	 * copy may have been put back n times. Stays while the engine runs. 0: it is not open, or
	 * cannot tell; NULL: likewise.
	 */
	int64_t (*lineage)(void *self);
};

/* Short forms for arrays of values. */
static inline struct ocppd_value
ocppd_value_null(void)
{
	struct ocppd_value value = { OCPPD_VALUE_NULL, 0, 0, 0, NULL, 0 };

	return value;
}

static inline struct ocppd_value
ocppd_value_int(int64_t number)
{
	struct ocppd_value value = { OCPPD_VALUE_INT, 0, number, 0, NULL, 0 };

	return value;
}

static inline struct ocppd_value
ocppd_value_double(double real)
{
	struct ocppd_value value = { OCPPD_VALUE_DOUBLE, 0, 0, real, NULL, 0 };

	return value;
}

/* NULL becomes NULL; len is bytes. */
static inline struct ocppd_value
ocppd_value_text(const char *text, size_t len)
{
	struct ocppd_value value = {
		text == NULL ? OCPPD_VALUE_NULL : OCPPD_VALUE_TEXT, 0, 0, 0, text, len
	};

	return value;
}

/* NUL-terminated; NULL becomes NULL. */
OCPPD_API struct ocppd_value ocppd_value_str(const char *text);

static inline struct ocppd_value
ocppd_value_bytes(const void *data, size_t len)
{
	struct ocppd_value value = {
		data == NULL ? OCPPD_VALUE_NULL : OCPPD_VALUE_BYTES, 0, 0, 0, data, len
	};

	return value;
}

static inline struct ocppd_value
ocppd_value_ref(uint32_t position, uint32_t column)
{
	struct ocppd_value value = { OCPPD_VALUE_REF, column, position, 0, NULL, 0 };

	return value;
}

/* ---- For storage modules: what other modules declared. Core thread. ------------------------ */

/* The module's name, also the prefix of its tables. Borrowed until the module's shutdown. */
OCPPD_API const char *ocppd_host_name(const struct ocppd_host *host);
/* Row i of its statements or migrations, NULL beyond the last. */
OCPPD_API const struct ocppd_statement *ocppd_host_statement(const struct ocppd_host *host,
							     uint32_t i);
OCPPD_API const struct ocppd_migration *ocppd_host_migration(const struct ocppd_host *host,
							     uint32_t i);
/* The module's own version, for the record of applied migrations. */
OCPPD_API const char *ocppd_host_version(const struct ocppd_host *host);

OCPPD_END_DECLS
#endif
