/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * Readers: threads with a read-only connection each, which share one queue of queries. A query is
 * its own snapshot, begun after it was asked for, so that it sees every unit whose completion ran,
 * and ended with its last row, so that it does not hold the write-ahead log. None waits for the
 * writer.
 */
#include "storage.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define NICE 10 /* lists can wait, what stations wait for cannot */

static int
run_query(struct reader *reader, struct ocppd_unit *query, struct failure **ret_failure)
{
	struct storage *storage = reader->storage;
	struct db *db = &reader->db;
	const struct op *op = (const struct op *)(const void *)query->data;
	int rc;

	if (atomic_load(&storage->is_cancelled)) {
		*ret_failure = failure_new(OCPPD_ESHUTDOWN, "the daemon stops");
		return OCPPD_ESHUTDOWN;
	}
	if (db->conn == NULL) {
		int r = db_open(db, storage, true, ret_failure);

		if (r < 0)
			return r;
	}
	db->is_timed_out = false;
	db->deadline_mono_us =
		ocppd_mono_us(storage->host) + storage->conf->query_timeout_ms * 1000;
	rc = db_run(db, query, op, ret_failure);
	if (rc == SQLITE_DONE) {
		result_seal(&query->result);
		return 0;
	}
	if ((rc & 0xff) == SQLITE_INTERRUPT && rc > 0) {
		free(*ret_failure);
		if (!db->is_timed_out) {
			*ret_failure = failure_new(OCPPD_ESHUTDOWN, "the daemon stops");
			return OCPPD_ESHUTDOWN;
		}
		*ret_failure = failure_new(OCPPD_ETIMEDOUT,
					   "statement %s of module %s took longer than "
					   "query_timeout",
					   op->statement->name, op->statement->module);
		return OCPPD_ETIMEDOUT;
	}
	if (rc < 0)
		return rc;
	rc = *ret_failure != NULL ? (*ret_failure)->err.code : OCPPD_EIO;
	/* The next query tries with a new connection: the file may have come back. */
	if (rc != OCPPD_EINVAL)
		db_close(db);
	return rc;
}

void *
reader_main(void *arg)
{
	struct reader *reader = arg;
	struct storage *storage = reader->storage;
	struct ocppd_beat *beat = reader->db.beat;
	bool is_closed = false;

	/* Of this thread alone, as Linux has it; where it is refused nothing is lost. */
	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
	while (!is_closed) {
		struct failure *failure = NULL;
		struct job *job;
		int r;

		if (beat != NULL)
			ocppd_beat_idle(beat);
		job = queue_take(&storage->read_queue, 1, -1, &is_closed);
		if (job == NULL)
			continue;
		if (beat != NULL)
			ocppd_beat_busy(beat);
		r = run_query(reader, (struct ocppd_unit *)job, &failure);
		if (r < 0)
			job_fail(job, r, failure);
		done_push(storage, job, job);
	}
	db_close(&reader->db);
	done_push(storage, &reader->ended, &reader->ended);
	return NULL;
}
