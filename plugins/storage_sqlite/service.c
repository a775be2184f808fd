/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The service ocppd.storage, on the core thread: what is asked for is checked, bounded and given to
 * the threads. Runs no SQL and waits for nothing.
 */
#include "storage.h"

#include <stdlib.h>
#include <string.h>

static int
storage_unit_new(void *self, struct ocppd_host *host, struct ocppd_unit **ret_unit)
{
	struct storage *storage = self;
	struct ocppd_unit *unit;

	if (storage->state != STORAGE_OPEN)
		return OCPPD_EIO;
	if (storage->live_units >= (uint64_t)storage->conf->queue ||
	    storage->live_bytes >= (uint64_t)storage->conf->queue_size) {
		watch_refused(storage);
		return OCPPD_EBUSY;
	}
	unit = unit_make(storage, host, JOB_UNIT);
	if (unit == NULL)
		return OCPPD_ENOMEM;
	storage->live_units++;
	storage_show_queues(storage);
	*ret_unit = unit;
	return 0;
}

static int
storage_unit_add(struct ocppd_unit *unit, struct ocppd_host *host, uint32_t number,
		 const struct ocppd_value *values, uint32_t count, uint32_t flags)
{
	const struct statement *statement;
	struct ocppd_error err = { 0 };
	int r;

	if (unit->magic != UNIT_MAGIC || unit->is_queued)
		return OCPPD_EINVAL;
	statement = statements_get(unit->storage, host, number, &err);
	if (statement == NULL) {
		OCPPD_ERROR(unit->storage->host, "statement.refused", OCPPD_STR("err", err.text));
		return err.code;
	}
	if ((statement->flags & OCPPD_STATEMENT_READ) != 0)
		return OCPPD_EINVAL;
	r = unit_append(unit, statement, values, count, flags);
	if (r == OCPPD_EINVAL)
		OCPPD_ERROR(unit->storage->host, "statement.refused",
			    OCPPD_STR("module", statement->module),
			    OCPPD_STR("statement", statement->name),
			    OCPPD_STR("err", "values that do not fit its parameters"));
	return r;
}

static void
storage_unit_commit(struct ocppd_unit *unit, ocppd_unit_fn *fn, void *arg)
{
	struct storage *storage = unit->storage;

	unit->is_queued = true;
	unit->unit_fn = fn;
	unit->job.arg = arg;
	storage->live_bytes += unit->size;
	if (storage->state == STORAGE_OPEN) {
		queue_push(&storage->writer.queue, &unit->job);
		return;
	}
	job_fail(&unit->job, OCPPD_ESHUTDOWN, failure_new(OCPPD_ESHUTDOWN, "the daemon stops"));
	done_push(storage, &unit->job, &unit->job);
}

static void
storage_unit_free(struct ocppd_unit *unit)
{
	if (unit == NULL)
		return;
	unit->storage->live_units--;
	unit_destroy(unit);
}

static int
storage_query(void *self, struct ocppd_host *host, uint32_t number,
	      const struct ocppd_value *values, uint32_t count, uint32_t max_rows,
	      ocppd_rows_fn *fn, void *arg)
{
	struct storage *storage = self;
	const struct statement *statement;
	struct ocppd_error err = { 0 };
	struct ocppd_unit *query;
	int r;

	if (storage->state != STORAGE_OPEN)
		return OCPPD_EBUSY;
	if (storage->live_queries >= (uint64_t)storage->conf->queue) {
		watch_refused(storage);
		return OCPPD_EBUSY;
	}
	statement = statements_get(storage, host, number, &err);
	if (statement == NULL) {
		OCPPD_ERROR(storage->host, "statement.refused", OCPPD_STR("err", err.text));
		return err.code;
	}
	if ((statement->flags & OCPPD_STATEMENT_READ) == 0 || max_rows < 1 || max_rows > 100000)
		return OCPPD_EINVAL;
	query = unit_make(storage, host, JOB_QUERY);
	if (query == NULL)
		return OCPPD_ENOMEM;
	r = unit_append(query, statement, values, count, 0);
	if (r < 0) {
		unit_destroy(query);
		return r;
	}
	query->max_rows = max_rows;
	query->rows_fn = fn;
	query->job.arg = arg;
	storage->live_queries++;
	queue_push(&storage->read_queue, &query->job);
	return 0;
}

static int
storage_migrate(void *self, struct ocppd_host *owner, uint32_t dry_run, ocppd_storage_fn *fn,
		void *arg)
{
	struct storage *storage = self;
	struct migration *migration;

	if (storage->state != STORAGE_OPEN)
		return OCPPD_ESTATE;
	migration = migration_new(storage, owner, dry_run != 0);
	if (migration == NULL)
		return OCPPD_ENOMEM;
	migration->job.host = owner;
	migration->job.arg = arg;
	migration->fn = fn;
	queue_push(&storage->writer.queue, &migration->job);
	return 0;
}

static int
storage_backup(void *self, struct ocppd_host *host, const char *path, ocppd_storage_fn *fn,
	       void *arg)
{
	struct storage *storage = self;
	struct backup *backup;
	int r = OCPPD_ENOMEM;

	if (storage->state != STORAGE_OPEN)
		return OCPPD_ESTATE;
	if (storage->backup != NULL)
		return OCPPD_EBUSY;
	if (path == NULL || path[0] == '\0')
		return OCPPD_EINVAL;
	backup = calloc(1, sizeof(*backup));
	if (backup == NULL)
		return OCPPD_ENOMEM;
	backup->job = (struct job){ .kind = JOB_BACKUP, .host = host, .arg = arg };
	backup->storage = storage;
	backup->fn = fn;
	backup->path = strdup(path);
	if (backup->path != NULL)
		r = backup_start(backup);
	if (r < 0) {
		backup_free(backup);
		return r;
	}
	storage->backup = backup;
	return 0;
}

/* The one under way, if that host began it. */
static struct backup *
backup_of(struct storage *storage, const struct ocppd_host *host)
{
	return storage->backup != NULL && storage->backup->job.host == host ? storage->backup
									    : NULL;
}

static int
storage_backup_progress(void *self, struct ocppd_host *host, int64_t *ret_done, int64_t *ret_total)
{
	struct backup *backup = backup_of(self, host);

	if (backup == NULL)
		return OCPPD_ENOENT;
	*ret_done = atomic_load(&backup->done_bytes);
	*ret_total = atomic_load(&backup->total_bytes);
	return 0;
}

static void
storage_backup_cancel(void *self, struct ocppd_host *host)
{
	struct backup *backup = backup_of(self, host);

	if (backup != NULL)
		atomic_store(&backup->is_cancelled, true);
}

static int64_t
storage_lineage(void *self)
{
	const struct storage *storage = self;

	return storage->state == STORAGE_OPEN ? storage->lineage : 0;
}

const struct ocppd_storage_ops storage_ops = {
	.struct_size = sizeof(storage_ops),
	.unit_new = storage_unit_new,
	.unit_add = storage_unit_add,
	.unit_commit = storage_unit_commit,
	.unit_free = storage_unit_free,
	.query = storage_query,
	.migrate = storage_migrate,
	.backup = storage_backup,
	.backup_progress = storage_backup_progress,
	.backup_cancel = storage_backup_cancel,
	.lineage = storage_lineage,
};
