/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Schema and statements. A row of `job` is all that is known of one; `story` has a line for each
 * fact. `unasked` are notifications that no job was for, `version` the firmware of each station.
 */
#include "firmware.h"

#define T "ocpp16_firmware_management_"

static const char *const migration_1[] = {
	"CREATE TABLE " T "rollout (rollout_id {key}, state TEXT NOT NULL, reason TEXT, "
	"requester TEXT, image TEXT, location TEXT, expected TEXT, retrieve_us BIGINT, "
	"parallel BIGINT NOT NULL, max_failures BIGINT NOT NULL, total BIGINT NOT NULL, "
	"created_us BIGINT NOT NULL, expires_us BIGINT NOT NULL, ended_us BIGINT)",

	"CREATE TABLE " T "job (job_id {key}, kind BIGINT NOT NULL, station_id TEXT NOT NULL, "
	"rollout_id BIGINT, requester TEXT, created_us BIGINT NOT NULL, "
	"is_raw BIGINT NOT NULL, is_hosted BIGINT NOT NULL, image TEXT, "
	"image_id BIGINT, retrieve_us BIGINT, start_us BIGINT, stop_us BIGINT, "
	"retries BIGINT, retry_interval BIGINT, expected TEXT, version_before TEXT, "
	"attempts_max BIGINT NOT NULL, send_by_us BIGINT, finish_us BIGINT NOT NULL, "
	"state TEXT NOT NULL, failure TEXT, reason TEXT, location TEXT, "
	"transfer_id BIGINT, file_name TEXT, file_id BIGINT, attempts BIGINT NOT NULL, "
	"told_rank BIGINT NOT NULL, signs BIGINT NOT NULL, is_unsure BIGINT NOT NULL, "
	"try_us BIGINT, sent_us BIGINT, confirmed_us BIGINT, end_by_us BIGINT, "
	"verify_by_us BIGINT, told TEXT, told_us BIGINT, "
	"notifications BIGINT NOT NULL, file_begun_us BIGINT, file_done_us BIGINT, "
	"file_bytes BIGINT, booted TEXT, booted_us BIGINT, "
	"is_booted_after BIGINT NOT NULL, changed_us BIGINT NOT NULL, ended_us BIGINT, "
	"story BIGINT NOT NULL)",
	"CREATE INDEX " T "job_station ON " T "job (station_id, job_id)",
	"CREATE INDEX " T "job_kind ON " T "job (kind, job_id)",
	"CREATE INDEX " T "job_ended ON " T "job (ended_us)",
	"CREATE INDEX " T "job_rollout ON " T "job (rollout_id, job_id) "
	"WHERE rollout_id IS NOT NULL",

	"CREATE TABLE " T "story (story_id {key}, job_id BIGINT NOT NULL, "
	"time_us BIGINT NOT NULL, event TEXT NOT NULL, detail TEXT, amount BIGINT, "
	"state TEXT NOT NULL)",
	"CREATE INDEX " T "story_job ON " T "story (job_id, story_id)",

	"CREATE TABLE " T "unasked (unasked_id {key}, station_id TEXT NOT NULL, "
	"kind BIGINT NOT NULL, time_us BIGINT NOT NULL, status TEXT NOT NULL)",
	"CREATE INDEX " T "unasked_station ON " T "unasked (station_id, unasked_id)",

	"CREATE TABLE " T "version (station_id TEXT NOT NULL PRIMARY KEY, "
	"version TEXT NOT NULL, since_us BIGINT NOT NULL, previous TEXT)",
	NULL,
};

const struct ocppd_migration firmware_migrations[FIRMWARE_MIGRATIONS] = {
	{ 1, 0, "jobs, their stories, rollouts and versions", migration_1 },
};

/* The order of the J_* columns. */
#define COLUMNS                                                                                    \
	"job_id, kind, station_id, rollout_id, requester, created_us, is_raw, "                    \
	"is_hosted, image, image_id, retrieve_us, start_us, stop_us, retries, "                    \
	"retry_interval, expected, version_before, attempts_max, send_by_us, "                     \
	"finish_us, state, failure, reason, location, transfer_id, file_name, file_id, "           \
	"attempts, told_rank, signs, is_unsure, try_us, sent_us, confirmed_us, "                   \
	"end_by_us, verify_by_us, told, told_us, notifications, file_begun_us, "                   \
	"file_done_us, file_bytes, booted, booted_us, is_booted_after, changed_us, "               \
	"ended_us, story"

#define INSERTED                                                                                   \
	"kind, station_id, rollout_id, requester, created_us, is_raw, is_hosted, "                 \
	"image, image_id, retrieve_us, start_us, stop_us, retries, retry_interval, "               \
	"expected, version_before, attempts_max, send_by_us, finish_us, state, "                   \
	"failure, reason, location, transfer_id, file_name, file_id, attempts, "                   \
	"told_rank, signs, is_unsure, try_us, sent_us, confirmed_us, end_by_us, "                  \
	"verify_by_us, told, told_us, notifications, file_begun_us, file_done_us, "                \
	"file_bytes, booted, booted_us, is_booted_after, changed_us, ended_us, story"

#define PARAMETERS                                                                                 \
	"$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, "             \
	"$18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, "              \
	"$33, $34, $35, $36, $37, $38, $39, $40, $41, $42, $43, $44, $45, $46, $47"

#define CHANGES                                                                                    \
	"state = $2, failure = $3, reason = $4, location = $5, transfer_id = $6, "                 \
	"file_name = $7, file_id = $8, attempts = $9, told_rank = $10, signs = $11, "              \
	"is_unsure = $12, try_us = $13, sent_us = $14, confirmed_us = $15, "                       \
	"end_by_us = $16, verify_by_us = $17, told = $18, told_us = $19, "                         \
	"notifications = $20, file_begun_us = $21, file_done_us = $22, "                           \
	"file_bytes = $23, booted = $24, booted_us = $25, is_booted_after = $26, "                 \
	"changed_us = $27, ended_us = $28, story = $29"

/* $1 before id, $2 limit, $3 kind, $4 station, $5 state, $6 open, $7 rollout; NULL: any. */
#define LIST(first)                                                                                \
	"SELECT " COLUMNS " FROM " T "job WHERE job_id < $1 AND kind = $3 AND " first              \
	" (CAST($4 AS TEXT) IS NULL OR station_id = $4)"                                           \
	" AND (CAST($5 AS TEXT) IS NULL OR state = $5)"                                            \
	" AND (CAST($6 AS BIGINT) IS NULL OR ($6 = 1 AND ended_us IS NULL)"                        \
	" OR ($6 = 0 AND ended_us IS NOT NULL))"                                                   \
	" AND (CAST($7 AS BIGINT) IS NULL OR rollout_id = $7)"                                     \
	" ORDER BY job_id DESC LIMIT $2"

#define ROLLOUT_COLUMNS                                                                            \
	"rollout_id, state, reason, requester, image, location, expected, retrieve_us, "           \
	"parallel, max_failures, total, created_us, expires_us, ended_us"

/* Those that ended before $1, at most $2 of them. */
#define OLD "SELECT job_id FROM " T "job WHERE ended_us < $1 ORDER BY ended_us, job_id LIMIT $2"

const struct ocppd_statement firmware_statements[STATEMENT_COUNT] = {
	[STATEMENT_JOB_ADD] = { "add a job", "INSERT INTO " T "job (" INSERTED
					     ") VALUES (" PARAMETERS ") RETURNING " COLUMNS },
	[STATEMENT_JOB_PUT] = { "put a job", "UPDATE " T "job SET " CHANGES
					     " WHERE job_id = $1 RETURNING " COLUMNS },
	[STATEMENT_STORY_ADD] = { "add to a story",
				  "INSERT INTO " T "story (job_id, time_us, event, detail, amount, "
				  "state) VALUES ($1, $2, $3, $4, $5, $6)" },
	[STATEMENT_UNASKED_ADD] = { "add a notification",
				    "INSERT INTO " T "unasked (station_id, kind, time_us, status) "
				    "VALUES ($1, $2, $3, $4)" },
	[STATEMENT_UNASKED_TRIM] = { "trim notifications",
				     "DELETE FROM " T "unasked WHERE station_id = $1 AND "
				     "unasked_id <= (SELECT unasked_id FROM " T "unasked "
				     "WHERE station_id = $1 ORDER BY unasked_id DESC "
				     "LIMIT 1 OFFSET $2)" },
	[STATEMENT_VERSION_PUT] = { "put a version",
				    "INSERT INTO " T "version (station_id, version, since_us) "
				    "VALUES ($1, $2, $3) ON CONFLICT (station_id) DO UPDATE SET "
				    "previous = " T "version.version, version = excluded.version, "
				    "since_us = excluded.since_us" },
	[STATEMENT_ROLLOUT_ADD] = { "add a rollout",
				    "INSERT INTO " T "rollout (state, requester, image, location, "
				    "expected, retrieve_us, parallel, max_failures, total, "
				    "created_us, expires_us) VALUES ('Making', $1, $2, $3, $4, $5, "
				    "$6, $7, $8, $9, $10) RETURNING rollout_id" },
	[STATEMENT_ROLLOUT_PUT] = { "put a rollout",
				    "UPDATE " T "rollout SET state = $2, reason = $3, "
				    "ended_us = $4 WHERE rollout_id = $1 "
				    "RETURNING " ROLLOUT_COLUMNS },
	/* A deleted station's: $1 station, $2 reason, $3 time. */
	[STATEMENT_STATION_JOBS] = { "cancel the jobs of a station",
				     "UPDATE " T "job SET state = 'Cancelled', reason = $2, "
				     "changed_us = $3, ended_us = $3 WHERE station_id = $1 "
				     "AND ended_us IS NULL" },
	[STATEMENT_STATION_UNASKED] = { "forget the notifications of a station",
					"DELETE FROM " T "unasked WHERE station_id = $1" },
	[STATEMENT_STATION_VERSION] = { "forget the version of a station",
					"DELETE FROM " T "version WHERE station_id = $1" },
	[STATEMENT_JOB_FORGET] = { "forget jobs",
				   "DELETE FROM " T "job WHERE job_id IN (" OLD ")" },
	[STATEMENT_STORY_FORGET] = { "forget stories",
				     "DELETE FROM " T "story WHERE job_id IN (" OLD ")" },
	[STATEMENT_ROLLOUT_FORGET] = { "forget rollouts",
				       "DELETE FROM " T "rollout WHERE ended_us < $1" },
	[STATEMENT_ROLLOUT_BREAK] = { "break off rollouts",
				      "UPDATE " T "rollout SET state = 'Cancelled', "
				      "reason = 'the daemon ended while its jobs were made', "
				      "ended_us = $1 WHERE state = 'Making'" },
	[STATEMENT_ROLLOUT_BREAK_JOBS] = { "break off jobs of rollouts",
					   "UPDATE " T "job SET state = 'Cancelled', "
					   "reason = 'the daemon ended while its rollout was made', "
					   "changed_us = $1, ended_us = $1 WHERE rollout_id IN "
					   "(SELECT rollout_id FROM " T "rollout "
					   "WHERE state = 'Making') AND ended_us IS NULL" },
	[STATEMENT_FOLLOWED] = { "jobs that are followed",
				 "SELECT " COLUMNS " FROM " T "job WHERE job_id > $1 AND "
				 "(ended_us IS NULL OR ended_us > $3) ORDER BY job_id LIMIT $2",
				 OCPPD_STATEMENT_READ },
	[STATEMENT_VERSIONS_ALL] = { "versions",
				     "SELECT station_id, version FROM " T "version "
				     "WHERE station_id > $1 ORDER BY station_id LIMIT $2",
				     OCPPD_STATEMENT_READ },
	[STATEMENT_ROLLOUTS_OPEN] = { "rollouts that go on",
				      "SELECT " ROLLOUT_COLUMNS ", (SELECT COUNT(*) FROM " T
				      "job j "
				      "WHERE j.rollout_id = r.rollout_id AND j.state IN "
				      "('Failed', 'Expired', 'Silent')) FROM " T "rollout r "
				      "WHERE state = 'Running' ORDER BY rollout_id",
				      OCPPD_STATEMENT_READ },
	[STATEMENT_JOB_LIST] = { "list", LIST(""), OCPPD_STATEMENT_READ },
	[STATEMENT_JOB_LIST_STATION] = { "list of a station", LIST("station_id = $4 AND"),
					 OCPPD_STATEMENT_READ },
	[STATEMENT_JOB_LIST_ROLLOUT] = { "list of a rollout", LIST("rollout_id = $7 AND"),
					 OCPPD_STATEMENT_READ },
	[STATEMENT_JOB_FIND] = { "find",
				 "SELECT " COLUMNS " FROM " T "job WHERE job_id = $1 "
				 "AND kind = $2",
				 OCPPD_STATEMENT_READ },
	[STATEMENT_STORY] = { "story",
			      "SELECT time_us, event, detail, amount, state FROM " T "story "
			      "WHERE job_id = $1 ORDER BY story_id LIMIT $2",
			      OCPPD_STATEMENT_READ },
	[STATEMENT_UNASKED_LIST] = { "notifications that no job was for",
				     "SELECT unasked_id, station_id, kind, time_us, status "
				     "FROM " T "unasked WHERE unasked_id < $1 AND "
				     "(CAST($3 AS TEXT) IS NULL OR station_id = $3) "
				     "ORDER BY unasked_id DESC LIMIT $2",
				     OCPPD_STATEMENT_READ },
	[STATEMENT_VERSION_LIST] = { "stations and versions",
				     "SELECT station_id, version, since_us, previous "
				     "FROM " T "version WHERE station_id > $1 AND "
				     "(CAST($3 AS TEXT) IS NULL OR version = $3) AND "
				     "(CAST($4 AS TEXT) IS NULL OR station_id = $4) "
				     "ORDER BY station_id LIMIT $2",
				     OCPPD_STATEMENT_READ },
	[STATEMENT_ROLLOUT_LIST] = { "rollouts",
				     "SELECT " ROLLOUT_COLUMNS " FROM " T "rollout "
				     "WHERE rollout_id < $1 ORDER BY rollout_id DESC LIMIT $2",
				     OCPPD_STATEMENT_READ },
	[STATEMENT_ROLLOUT_FIND] = { "find a rollout",
				     "SELECT " ROLLOUT_COLUMNS " FROM " T "rollout "
				     "WHERE rollout_id = $1",
				     OCPPD_STATEMENT_READ },
	[STATEMENT_ROLLOUT_COUNTS] = { "jobs of a rollout by state",
				       "SELECT state, COUNT(*) FROM " T "job "
				       "WHERE rollout_id = $1 GROUP BY state ORDER BY state",
				       OCPPD_STATEMENT_READ },
};
