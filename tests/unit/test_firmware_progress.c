/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * From facts to states: each row is a story, with the state after each of its facts, and what is
 * known at its end. Times are in seconds of a clock of the test's own.
 */
#include "../../plugins/ocpp16_firmware_management/progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define S INT64_C(1000000)
#define STEPS_MAX 14
#define BEGIN_S 1000

struct step {
	enum fact_kind kind;
	const char *text;
	int64_t at_s; /* since the beginning; 0: one second after the step before */
	enum job_state state;
	int64_t number;
};

struct story {
	const char *label;
	enum job_kind kind;
	bool is_hosted;
	const char *expected;
	const char *before;
	int64_t retrieve_s; /* since the beginning */
	struct step steps[STEPS_MAX];
	enum job_failure failure;
	const char *reason; /* a part of it; NULL: any */
};

/* The shortest way to a station that took it. */
#define TAKEN                                                                                      \
	{ FACT_SENDING, .state = STATE_SENDING },                                                  \
	{                                                                                          \
		FACT_CONFIRMED, "log.txt", .state = STATE_CONFIRMED                                \
	}
#define TOLD(word, after)                                                                          \
	{                                                                                          \
		FACT_NOTIFIED, word, .state = after                                                \
	}
#define BOOT(version, after)                                                                       \
	{                                                                                          \
		FACT_BOOTED, version, .state = after                                               \
	}
#define AT(seconds, after)                                                                         \
	{                                                                                          \
		FACT_TIME, NULL, seconds, after                                                    \
	}

static const struct story stories[] = {
	/* ---- The ways that the specification tells --------------------------------------------
	 */
	{ "installed, and seen at the boot after it", .expected = "2", .before = "1",
	  .steps = { TAKEN, TOLD("Downloading", STATE_DOWNLOADING),
		     TOLD("Downloaded", STATE_DOWNLOADED), TOLD("Installing", STATE_INSTALLING),
		     TOLD("Installed", STATE_VERIFYING), BOOT("2", STATE_VERIFIED) },
	  .reason = "booted with 2" },
	{ "boot between Installing and Installed", .expected = "2", .before = "1",
	  .steps = { TAKEN, TOLD("Downloading", STATE_DOWNLOADING),
		     TOLD("Downloaded", STATE_DOWNLOADED), TOLD("Installing", STATE_INSTALLING),
		     BOOT("2", STATE_VERIFIED), TOLD("Installed", STATE_VERIFIED) } },
	{ "old version between Installing and Installed, and no boot after it", .expected = "2",
	  .before = "1",
	  .steps = { TAKEN, TOLD("Installing", STATE_INSTALLING), BOOT("1", STATE_INSTALLING),
		     TOLD("Installed", STATE_VERIFYING), AT(2000, STATE_INSTALLED) },
	  .reason = "station's word" },
	{ "download failed",
	  .steps = { TAKEN, TOLD("Downloading", STATE_DOWNLOADING),
		     TOLD("DownloadFailed", STATE_FAILED) },
	  .failure = FAILURE_DOWNLOAD },
	{ "installation failed after a boot with the old version", .expected = "2", .before = "1",
	  .steps = { TAKEN, TOLD("Downloading", STATE_DOWNLOADING),
		     TOLD("Downloaded", STATE_DOWNLOADED), TOLD("Installing", STATE_INSTALLING),
		     BOOT("1", STATE_INSTALLING), TOLD("InstallationFailed", STATE_FAILED) },
	  .failure = FAILURE_INSTALLATION },
	{ "installation failed, then the version is there all the same", .expected = "2",
	  .before = "1",
	  .steps = { TAKEN, TOLD("InstallationFailed", STATE_FAILED), BOOT("2", STATE_VERIFIED) } },

	/* ---- Retries, repetitions, order -------------------------------------------------------
	 */
	{ "the station tries the download again", .expected = "2", .before = "1",
	  .steps = { TAKEN, TOLD("Downloading", STATE_DOWNLOADING),
		     TOLD("DownloadFailed", STATE_FAILED), TOLD("Downloading", STATE_DOWNLOADING),
		     TOLD("Downloaded", STATE_DOWNLOADED), BOOT("2", STATE_VERIFIED) } },
	{ "each word twice", .expected = "2", .before = "1",
	  .steps = { TAKEN, TOLD("Downloading", STATE_DOWNLOADING),
		     TOLD("Downloading", STATE_DOWNLOADING), TOLD("Installed", STATE_VERIFYING),
		     TOLD("Installed", STATE_VERIFYING), BOOT("2", STATE_VERIFIED),
		     BOOT("2", STATE_VERIFIED) } },
	{ "late words do not lead back",
	  .steps = { TAKEN, TOLD("Installing", STATE_INSTALLING),
		     TOLD("Downloaded", STATE_INSTALLING), TOLD("Downloading", STATE_INSTALLING),
		     TOLD("DownloadFailed", STATE_INSTALLING) } },
	{ "only the last word", .steps = { TAKEN, TOLD("Installed", STATE_INSTALLED) },
	  .reason = "no version is known" },
	{ "Idle, and words of its own, tell nothing",
	  .steps = { TAKEN, TOLD("Idle", STATE_CONFIRMED), TOLD("Paused", STATE_CONFIRMED),
		     AT(5000, STATE_SILENT) },
	  .reason = "nothing came after it" },
	{ "no word at all but the version (I04)", .expected = "2", .before = "1",
	  .steps = { TAKEN, BOOT("2", STATE_VERIFIED) } },
	{ "failure after Installed", .expected = "2", .before = "1",
	  .steps = { TAKEN, TOLD("Installed", STATE_VERIFYING),
		     TOLD("InstallationFailed", STATE_FAILED) },
	  .failure = FAILURE_INSTALLATION },
	{ "a notification is faster than the confirmation",
	  .steps = { { FACT_SENDING, .state = STATE_SENDING },
		     TOLD("Downloading", STATE_DOWNLOADING),
		     { FACT_CONFIRMED, .state = STATE_DOWNLOADING } } },

	/* ---- Versions --------------------------------------------------------------------------
	 */
	{ "old version after Installed", .expected = "2", .before = "1",
	  .steps = { TAKEN, TOLD("Installed", STATE_VERIFYING), BOOT("1", STATE_VERIFYING),
		     AT(2000, STATE_FAILED) },
	  .failure = FAILURE_VERSION, .reason = "booted with 1, not with 2" },
	{ "the second boot has it", .expected = "2", .before = "1",
	  .steps = { TAKEN, TOLD("Installed", STATE_VERIFYING), BOOT("1", STATE_VERIFYING),
		     BOOT("2", STATE_VERIFIED) } },
	{ "a third version, and no word", .expected = "2", .before = "1",
	  .steps = { TAKEN, TOLD("Downloading", STATE_DOWNLOADING), BOOT("3", STATE_DOWNLOADING),
		     AT(5000, STATE_FAILED) },
	  .failure = FAILURE_VERSION },
	{ "a third version of what was downloaded", .expected = "2", .before = "1",
	  .steps = { TAKEN, TOLD("Downloaded", STATE_DOWNLOADED), BOOT("3", STATE_VERIFYING),
		     AT(1700, STATE_VERIFYING), AT(2000, STATE_FAILED) },
	  .failure = FAILURE_VERSION, .reason = "booted with 3, not with 2" },
	{ "a third version on the way to the expected one", .expected = "2", .before = "1",
	  .steps = { TAKEN, TOLD("Installing", STATE_INSTALLING), BOOT("3", STATE_VERIFYING),
		     TOLD("Installed", STATE_VERIFYING), BOOT("2", STATE_VERIFIED) },
	  .reason = "booted with 2" },
	{ "a third version, then its word that it failed", .expected = "2", .before = "1",
	  .steps = { TAKEN, TOLD("Installing", STATE_INSTALLING), BOOT("3", STATE_VERIFYING),
		     TOLD("InstallationFailed", STATE_FAILED) },
	  .failure = FAILURE_INSTALLATION },
	{ "the old version while it installs tells nothing", .expected = "2", .before = "1",
	  .steps = { TAKEN, TOLD("Installing", STATE_INSTALLING), BOOT("1", STATE_INSTALLING) } },
	{ "none was named: a change tells", .before = "1",
	  .steps = { TAKEN, TOLD("Installed", STATE_VERIFYING), BOOT("2", STATE_VERIFIED) },
	  .reason = "it had 1, none was named" },
	{ "none was named: no change", .before = "1",
	  .steps = { TAKEN, TOLD("Installed", STATE_VERIFYING), BOOT("1", STATE_VERIFYING),
		     AT(2000, STATE_INSTALLED) } },
	{ "none was named: a change after a failure is none of ours", .before = "1",
	  .steps = { TAKEN, TOLD("InstallationFailed", STATE_FAILED), BOOT("0", STATE_FAILED) },
	  .failure = FAILURE_INSTALLATION },
	{ "it had the expected one before: its word must do", .expected = "2", .before = "2",
	  .steps = { TAKEN, BOOT("2", STATE_CONFIRMED), TOLD("Installed", STATE_INSTALLED) },
	  .reason = "had the expected version before" },
	{ "a boot before retrieveDate is no success", .expected = "2", .before = "1",
	  .retrieve_s = 100,
	  .steps = { TAKEN,
		     BOOT("2", STATE_CONFIRMED),
		     TOLD("Downloading", STATE_DOWNLOADING),
		     { FACT_BOOTED, "2", 200, STATE_VERIFIED } } },
	{ "a boot without a version tells nothing", .expected = "2", .before = "1",
	  .steps = { TAKEN, TOLD("Installed", STATE_VERIFYING), BOOT(NULL, STATE_VERIFYING),
		     AT(2000, STATE_INSTALLED) } },
	{ "the version comes late", .expected = "2", .before = "1",
	  .steps = { TAKEN, TOLD("Installed", STATE_VERIFYING), AT(2000, STATE_INSTALLED),
		     BOOT("2", STATE_VERIFIED) } },
	{ "the wrong version comes late", .expected = "2", .before = "1",
	  .steps = { TAKEN, TOLD("Installed", STATE_VERIFYING), AT(2000, STATE_INSTALLED),
		     BOOT("1", STATE_FAILED) },
	  .failure = FAILURE_VERSION },
	{ "verified stays, whatever comes", .expected = "2", .before = "1",
	  .steps = { TAKEN,
		     BOOT("2", STATE_VERIFIED),
		     TOLD("InstallationFailed", STATE_VERIFIED),
		     BOOT("1", STATE_VERIFIED),
		     AT(9000, STATE_VERIFIED),
		     { FACT_SUPERSEDED, NULL, 0, STATE_VERIFIED, 9 } } },

	/* ---- Deadlines -------------------------------------------------------------------------
	 */
	{ "nothing came: silent, and awake again later", .expected = "2", .before = "1",
	  .steps = { TAKEN, AT(3000, STATE_CONFIRMED), AT(3700, STATE_SILENT),
		     TOLD("Downloading", STATE_DOWNLOADING), AT(4000, STATE_DOWNLOADING),
		     AT(7400, STATE_EXPIRED), BOOT("2", STATE_VERIFIED) } },
	{ "the deadline runs from retrieveDate", .retrieve_s = 5000,
	  .steps = { TAKEN, AT(4000, STATE_CONFIRMED), AT(8599, STATE_CONFIRMED),
		     AT(8600, STATE_SILENT) } },
	{ "begun and never ended",
	  .steps = { TAKEN, TOLD("Downloading", STATE_DOWNLOADING), AT(3700, STATE_EXPIRED) },
	  .reason = "it was Downloading, and last told Downloading" },
	{ "the station was never there",
	  .steps = { AT(599, STATE_WAITING), AT(600, STATE_UNSENT), TOLD("Installed", STATE_UNSENT),
		     BOOT("2", STATE_UNSENT) },
	  .reason = "was not there in time" },

	/* ---- Sending ---------------------------------------------------------------------------
	 */
	{ "refused for good",
	  .steps = { { FACT_SENDING, .state = STATE_SENDING },
		     { FACT_REFUSED, "NotSupported", .state = STATE_FAILED },
		     TOLD("Downloading", STATE_FAILED) },
	  .failure = FAILURE_REFUSED, .reason = "NotSupported" },
	{ "an error that passes",
	  .steps = { { FACT_SENDING, .state = STATE_SENDING },
		     { FACT_ERROR, "InternalError", .state = STATE_WAITING },
		     { FACT_SENDING, .state = STATE_SENDING },
		     { FACT_CONFIRMED, .state = STATE_CONFIRMED } } },
	{ "an error that does not",
	  .steps = { { FACT_SENDING, .state = STATE_SENDING },
		     { FACT_ERROR, "InternalError", .state = STATE_WAITING },
		     { FACT_SENDING, .state = STATE_SENDING },
		     { FACT_ERROR, "InternalError", .state = STATE_WAITING },
		     { FACT_SENDING, .state = STATE_SENDING },
		     { FACT_ERROR, "InternalError", .state = STATE_FAILED } },
	  .failure = FAILURE_REFUSED },
	{ "never an answer, and then silence",
	  .steps = { { FACT_SENDING, .state = STATE_SENDING },
		     { FACT_UNANSWERED, "timeout", .state = STATE_WAITING },
		     { FACT_SENDING, .state = STATE_SENDING },
		     { FACT_UNANSWERED, "timeout", .state = STATE_WAITING },
		     { FACT_SENDING, .state = STATE_SENDING },
		     { FACT_UNANSWERED, "timeout", .state = STATE_UNCONFIRMED },
		     AT(5000, STATE_SILENT) },
	  .reason = "neither an answer nor any sign" },
	{ "no answer, but it begins",
	  .steps = { { FACT_SENDING, .state = STATE_SENDING },
		     { FACT_UNANSWERED, "timeout", .state = STATE_WAITING },
		     TOLD("Downloading", STATE_DOWNLOADING) } },
	{ "no answer, and its time to be sent is over: it may have it",
	  .steps = { { FACT_SENDING, .state = STATE_SENDING },
		     { FACT_UNANSWERED, "timeout", .state = STATE_WAITING },
		     AT(600, STATE_UNCONFIRMED),
		     AT(4199, STATE_UNCONFIRMED),
		     AT(4200, STATE_SILENT) } },
	{ "what did not go out is no attempt",
	  .steps = { { FACT_SENDING, .state = STATE_SENDING },
		     { FACT_NOT_SENT, "gone", .state = STATE_WAITING },
		     { FACT_SENDING, .state = STATE_SENDING },
		     { FACT_NOT_SENT, "gone", .state = STATE_WAITING },
		     { FACT_SENDING, .state = STATE_SENDING },
		     { FACT_NOT_SENT, "gone", .state = STATE_WAITING },
		     { FACT_SENDING, .state = STATE_SENDING },
		     { FACT_UNANSWERED, "timeout", .state = STATE_WAITING },
		     { FACT_SENDING, .state = STATE_SENDING },
		     { FACT_UNANSWERED, "timeout", .state = STATE_WAITING } } },

	/* ---- Ends from outside -----------------------------------------------------------------
	 */
	{ "superseded",
	  .steps = { TAKEN,
		     TOLD("Downloading", STATE_DOWNLOADING),
		     { FACT_SUPERSEDED, NULL, 0, STATE_SUPERSEDED, 7 },
		     TOLD("Installed", STATE_SUPERSEDED),
		     BOOT("2", STATE_SUPERSEDED) },
	  .reason = "by 7" },
	{ "cancelled before it was sent",
	  .steps = { { FACT_CANCELLED, "by me", .state = STATE_CANCELLED } }, .reason = "by me" },
	{ "cancelled too late",
	  .steps = { TAKEN,
		     { FACT_CANCELLED, "by me", .state = STATE_CANCELLED },
		     TOLD("Installed", STATE_CANCELLED) },
	  .reason = "cannot tell the station" },

	/* ---- The image is fetched from us
	   -------------------------------------------------------- */
	{ "by what it fetches alone", .is_hosted = true, .expected = "2", .before = "1",
	  .steps = { TAKEN,
		     { FACT_FILE_BEGUN, "192.0.2.7", .state = STATE_DOWNLOADING },
		     { FACT_FILE_BROKEN, "early", .state = STATE_DOWNLOADING },
		     { FACT_FILE_DONE, NULL, 0, STATE_DOWNLOADED, 4096 },
		     { FACT_FILE_CLOSED, "expired", .state = STATE_DOWNLOADED },
		     BOOT("2", STATE_VERIFIED) } },
	{ "fetched whole, and failed", .is_hosted = true,
	  .steps = { TAKEN,
		     { FACT_FILE_DONE, NULL, 0, STATE_DOWNLOADED, 4096 },
		     TOLD("DownloadFailed", STATE_FAILED) },
	  .failure = FAILURE_DOWNLOAD, .reason = "although the whole file was sent" },
	{ "fetched without an answer", .is_hosted = true,
	  .steps = { { FACT_SENDING, .state = STATE_SENDING },
		     { FACT_UNANSWERED, "timeout", .state = STATE_WAITING },
		     { FACT_FILE_BEGUN, NULL, 0, STATE_DOWNLOADING } } },
	{ "fetched again after a failure", .is_hosted = true,
	  .steps = { TAKEN,
		     TOLD("DownloadFailed", STATE_FAILED),
		     { FACT_FILE_BEGUN, NULL, 0, STATE_DOWNLOADING } } },

	/* ---- Diagnostics -----------------------------------------------------------------------
	 */
	{ "received", KIND_DIAGNOSTICS, true,
	  .steps = { TAKEN,
		     TOLD("Uploading", STATE_UPLOADING),
		     { FACT_FILE_DONE, "log.txt", 0, STATE_RECEIVED, 10 },
		     TOLD("Uploaded", STATE_RECEIVED) } },
	{ "the file comes after the word", KIND_DIAGNOSTICS, true,
	  .steps = { TAKEN,
		     TOLD("Uploading", STATE_UPLOADING),
		     TOLD("Uploaded", STATE_ARRIVING),
		     TOLD("Uploaded", STATE_ARRIVING),
		     { FACT_FILE_BEGUN, NULL, 0, STATE_ARRIVING },
		     { FACT_FILE_DONE, "log.txt", 0, STATE_RECEIVED, 10 } } },
	{ "the word, and no file", KIND_DIAGNOSTICS, true,
	  .steps = { TAKEN, TOLD("Uploaded", STATE_ARRIVING), AT(2000, STATE_FAILED) },
	  .failure = FAILURE_MISSING, .reason = "no file came" },
	{ "the file, and no word", KIND_DIAGNOSTICS, true,
	  .steps = { TAKEN,
		     { FACT_FILE_BEGUN, NULL, 0, STATE_UPLOADING },
		     { FACT_FILE_DONE, "log.txt", 0, STATE_RECEIVED, 10 },
		     AT(9000, STATE_RECEIVED) } },
	{ "the file comes very late", KIND_DIAGNOSTICS, true,
	  .steps = { TAKEN,
		     TOLD("Uploaded", STATE_ARRIVING),
		     AT(2000, STATE_FAILED),
		     { FACT_FILE_DONE, "log.txt", 0, STATE_RECEIVED, 10 } } },
	{ "the file is here, whatever it says", KIND_DIAGNOSTICS, true,
	  .steps = { TAKEN,
		     { FACT_FILE_DONE, "log.txt", 0, STATE_RECEIVED, 10 },
		     TOLD("UploadFailed", STATE_RECEIVED),
		     TOLD("Uploading", STATE_RECEIVED) } },
	{ "upload failed, and tried again", KIND_DIAGNOSTICS, true,
	  .steps = { TAKEN, TOLD("Uploading", STATE_UPLOADING), TOLD("UploadFailed", STATE_FAILED),
		     TOLD("Uploading", STATE_UPLOADING), TOLD("UploadFailed", STATE_FAILED) },
	  .failure = FAILURE_UPLOAD },
	{ "elsewhere: its word must do", KIND_DIAGNOSTICS, false,
	  .steps = { TAKEN, TOLD("Uploading", STATE_UPLOADING), TOLD("Uploaded", STATE_UPLOADED),
		     AT(9000, STATE_UPLOADED) },
	  .reason = "the station reported it" },
	{ "nothing to upload", KIND_DIAGNOSTICS, true,
	  .steps = { { FACT_SENDING, .state = STATE_SENDING },
		     { FACT_CONFIRMED, NULL, 0, STATE_NOTHING } },
	  .reason = "named no file" },
	{ "no file name, and one comes all the same (I02)", KIND_DIAGNOSTICS, true,
	  .steps = { { FACT_SENDING, .state = STATE_SENDING },
		     { FACT_CONFIRMED, "", 0, STATE_NOTHING },
		     TOLD("Uploading", STATE_UPLOADING),
		     { FACT_FILE_DONE, "log.txt", 0, STATE_RECEIVED, 10 } } },
	{ "diagnostics silent", KIND_DIAGNOSTICS, true,
	  .steps = { TAKEN, TOLD("Idle", STATE_CONFIRMED), AT(3700, STATE_SILENT) } },
	{ "diagnostics begun", KIND_DIAGNOSTICS, true,
	  .steps = { TAKEN, TOLD("Uploading", STATE_UPLOADING), AT(3700, STATE_EXPIRED) } },
	{ "superseded, and its own file comes", KIND_DIAGNOSTICS, true,
	  .steps = { TAKEN,
		     { FACT_SUPERSEDED, NULL, 0, STATE_SUPERSEDED, 7 },
		     { FACT_FILE_DONE, "log.txt", 0, STATE_RECEIVED, 10 } } },
	{ "cancelled, and a file comes", KIND_DIAGNOSTICS, true,
	  .steps = { TAKEN,
		     { FACT_CANCELLED, "by me", .state = STATE_CANCELLED },
		     { FACT_FILE_DONE, "log.txt", 0, STATE_CANCELLED, 10 } } },
	{ "a boot is nothing to diagnostics", KIND_DIAGNOSTICS, true,
	  .steps = { TAKEN, BOOT("2", STATE_CONFIRMED) } },
	{ "words of the other kind are no news", KIND_DIAGNOSTICS, true,
	  .steps = { TAKEN, TOLD("Installed", STATE_CONFIRMED) } },
};

static struct progress
begin(const struct story *story)
{
	struct progress p = {
		.kind = story->kind,
		.is_hosted = story->is_hosted,
		.attempts_max = 3,
		.send_by_us = (BEGIN_S + 600) * S,
		.retrieve_us = story->retrieve_s == 0 ? 0 : (BEGIN_S + story->retrieve_s) * S,
		.finish_us = 3600 * S,
		.verify_us = 1800 * S,
		.pause_us = 10 * S,
	};

	snprintf(p.expected, sizeof(p.expected), "%s",
		 story->expected == NULL ? "" : story->expected);
	snprintf(p.before, sizeof(p.before), "%s", story->before == NULL ? "" : story->before);
	return p;
}

static void
check_invariants(const struct progress *p, const char *label, size_t i)
{
	if ((p->ended_us != 0) != progress_is_over(p))
		fail_msg("%s: step %zu: over without a time, or a time without", label, i);
	if ((p->state == STATE_FAILED) != (p->failure != FAILURE_NONE))
		fail_msg("%s: step %zu: failed without a failure, or a failure without", label, i);
	if (progress_is_over(p) && p->reason[0] == '\0')
		fail_msg("%s: step %zu: over without a reason", label, i);
	if (!progress_is_over(p) && p->state != STATE_SENDING && progress_due(p) == 0)
		fail_msg("%s: step %zu: open without a deadline", label, i);
	if (p->attempts > p->attempts_max)
		fail_msg("%s: step %zu: too many attempts", label, i);
}

static void
play(const struct story *story)
{
	struct progress p = begin(story);
	int64_t at_s = 0;

	for (size_t i = 0; i < STEPS_MAX; i++) {
		const struct step *step = &story->steps[i];
		enum job_state before = p.state;
		struct fact fact = { step->kind, 0, step->number, step->text };
		bool is_moved;

		if (step->kind == FACT_SENDING && step->state == STATE_WAITING)
			break; /* no step: all zero */
		at_s = step->at_s != 0 ? step->at_s : at_s + 1;
		fact.time_us = (BEGIN_S + at_s) * S;
		is_moved = progress_apply(&p, &fact);
		if (p.state != step->state)
			fail_msg("%s: step %zu: %s, not %s (%s)", story->label, i,
				 progress_state_word(p.state), progress_state_word(step->state),
				 p.reason);
		if (is_moved != (p.state != before))
			fail_msg("%s: step %zu: told wrong", story->label, i);
		check_invariants(&p, story->label, i);
	}
	if (p.failure != story->failure)
		fail_msg("%s: failure %d", story->label, (int)p.failure);
	if (story->reason != NULL && strstr(p.reason, story->reason) == NULL)
		fail_msg("%s: reason is: %s", story->label, p.reason);
}

static void
progress_stories_end_as_they_should(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++)
		play(&stories[i]);
}

/* A small generator of our own: the same stories in each run. */
static uint32_t
next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static struct fact
random_fact(uint32_t *seed, int64_t time_us)
{
	static const char *const words[] = {
		"Idle",
		"Downloading",
		"Downloaded",
		"DownloadFailed",
		"Installing",
		"Installed",
		"InstallationFailed",
		"Uploading",
		"Uploaded",
		"UploadFailed",
		"1",
		"2",
		"3",
		"",
	};
	struct fact fact = { (enum fact_kind)(next_random(seed) % FACT_COUNT), time_us,
			     (int64_t)(next_random(seed) % 3),
			     words[next_random(seed) % (sizeof(words) / sizeof(words[0]))] };

	return fact;
}

static void
progress_any_facts_keep_the_rules(void **state)
{
	uint32_t seed = 20240611;

	(void)state;
	for (uint32_t run = 0; run < 4000; run++) {
		const struct story story = { "random",
					     run % 2 == 0 ? KIND_FIRMWARE : KIND_DIAGNOSTICS,
					     run % 3 == 0, run % 5 == 0 ? "" : "2", "1" };
		struct progress p = begin(&story);
		int64_t time_us = BEGIN_S * S;

		for (size_t i = 0; i < 40; i++) {
			struct fact fact;

			time_us += (int64_t)(next_random(&seed) % 900) * S;
			fact = random_fact(&seed, time_us);
			/* Nobody sends more often than that. */
			if (fact.kind == FACT_SENDING && p.attempts == p.attempts_max)
				continue;
			(void)progress_apply(&p, &fact);
			check_invariants(&p, "random", i);
		}
		/* Left alone it ends, in a bounded number of deadlines. */
		for (size_t i = 0; i < 4 && !progress_is_over(&p) && p.state != STATE_SENDING;
		     i++) {
			struct fact fact = { FACT_TIME, progress_due(&p), 0, NULL };

			(void)progress_apply(&p, &fact);
		}
		if (!progress_is_over(&p) && p.state != STATE_SENDING)
			fail_msg("run %u: never ends: %s", run, progress_state_word(p.state));
	}
}

static void
progress_words_lead_back(void **state)
{
	(void)state;
	for (int i = 0; i < STATE_COUNT; i++) {
		const char *word = progress_state_word((enum job_state)i);

		assert_int_equal(progress_state_find(word, (uint32_t)strlen(word)), i);
	}
	for (int i = 1; i < FAILURE_COUNT; i++) {
		const char *word = progress_failure_word((enum job_failure)i);

		assert_int_equal(progress_failure_find(word, (uint32_t)strlen(word)), i);
	}
	for (int i = 0; i < FACT_COUNT; i++)
		assert_non_null(progress_fact_word((enum fact_kind)i));
	assert_null(progress_failure_word(FAILURE_NONE));
	assert_int_equal(progress_state_find("Verifiedly", 10), -1);
	assert_int_equal(progress_failure_find("", 0), -1);
}

static void
progress_is_out_from_the_first_sign(void **state)
{
	const struct story story = { "out", KIND_FIRMWARE, false, "2", "1" };
	struct progress p = begin(&story);
	const struct fact sending = { FACT_SENDING, BEGIN_S * S, 0, NULL };
	const struct fact refused = { FACT_REFUSED, BEGIN_S * S, 0, "no" };
	const struct fact unanswered = { FACT_UNANSWERED, BEGIN_S * S, 0, "no" };

	(void)state;
	assert_false(progress_is_out(&p));
	(void)progress_apply(&p, &sending);
	assert_true(progress_is_out(&p));
	(void)progress_apply(&p, &refused);
	assert_false(progress_is_out(&p));

	p = begin(&story);
	(void)progress_apply(&p, &sending);
	(void)progress_apply(&p, &unanswered);
	assert_int_equal(p.state, STATE_WAITING);
	assert_true(progress_is_out(&p));
	assert_true(p.try_us > BEGIN_S * S);
}

static void
progress_quirks_are_told_before_the_fact(void **state)
{
	static const struct {
		const char *label;
		struct story story;
		const char *quirk; /* of the last step */
	} rows[] = {
		{ "in order",
		  { .steps = { TAKEN, TOLD("Downloading", 0), TOLD("Downloaded", 0) } },
		  NULL },
		{ "out of order",
		  { .steps = { TAKEN, TOLD("Installing", 0), TOLD("Downloading", 0) } },
		  "I04" },
		{ "late failure",
		  { .steps = { TAKEN, TOLD("Installing", 0), TOLD("DownloadFailed", 0) } },
		  "I04" },
		{ "its own next try",
		  { .steps = { TAKEN, TOLD("DownloadFailed", 0), TOLD("Downloading", 0) } },
		  NULL },
		{ "installation failed",
		  { .steps = { TAKEN, TOLD("Installed", 0), TOLD("InstallationFailed", 0) } },
		  NULL },
		{ "the version alone",
		  { .expected = "2", .before = "1", .steps = { TAKEN, BOOT("2", 0) } },
		  "I04" },
		{ "the version after words",
		  { .expected = "2",
		    .before = "1",
		    .steps = { TAKEN, TOLD("Installing", 0), BOOT("2", 0) } },
		  NULL },
		{ "the old version",
		  { .expected = "2", .before = "1", .steps = { TAKEN, BOOT("1", 0) } },
		  NULL },
		{ "flood",
		  { .kind = KIND_DIAGNOSTICS,
		    .steps = { TAKEN, TOLD("Uploading", 0), TOLD("Uploading", 0) } },
		  "I02" },
		{ "Idle twice",
		  { .kind = KIND_DIAGNOSTICS,
		    .steps = { TAKEN, TOLD("Idle", 0), TOLD("Idle", 0) } },
		  NULL },
		{ "no file name",
		  { .kind = KIND_DIAGNOSTICS,
		    .steps = { { FACT_SENDING, .state = STATE_SENDING },
			       { FACT_CONFIRMED, NULL },
			       TOLD("Uploading", 0) } },
		  "I02" },
		{ "no file name, and a file",
		  { .kind = KIND_DIAGNOSTICS,
		    .steps = { { FACT_SENDING, .state = STATE_SENDING },
			       { FACT_CONFIRMED, NULL },
			       { FACT_FILE_DONE, "x" } } },
		  "I02" },
		{ "a file",
		  { .kind = KIND_DIAGNOSTICS, .steps = { TAKEN, { FACT_FILE_DONE, "x" } } },
		  NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct progress p = begin(&rows[i].story);
		const char *quirk = NULL;

		for (size_t k = 0; k < STEPS_MAX; k++) {
			const struct step *step = &rows[i].story.steps[k];
			const struct fact fact = { step->kind, (BEGIN_S + (int64_t)k) * S, 0,
						   step->text };

			if (step->kind == FACT_SENDING && step->state == STATE_WAITING)
				break;
			quirk = progress_quirk(&p, &fact);
			(void)progress_apply(&p, &fact);
		}
		if ((quirk == NULL) != (rows[i].quirk == NULL) ||
		    (quirk != NULL && strcmp(quirk, rows[i].quirk) != 0))
			fail_msg("%s: %s", rows[i].label, quirk == NULL ? "none" : quirk);
	}
}

static void
text_is_cut_between_characters(void **state)
{
	static const struct {
		const char *text;
		int max;
		int fits;
	} rows[] = {
		{ "abc", 5, 3 },
		{ "abc", 3, 3 },
		{ "abc", 2, 2 },
		{ "", 2, 0 },
		{ "a\xc3\xa9z", 2, 1 }, /* é */
		{ "a\xc3\xa9z", 3, 3 },
		{ "a\xe2\x82\xac", 3, 1 },     /* € */
		{ "a\xf0\x9f\x94\x8c", 4, 1 }, /* a plug */
		{ "\xf0\x9f\x94\x8c", 3, 0 },
		{ "abc", 0, 0 },
	};
	char copy[4];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(text_fit(rows[i].text, rows[i].max), rows[i].fits);
	text_copy(copy, sizeof(copy), "ab\xc3\xa9");
	assert_string_equal(copy, "ab");
	text_copy(copy, sizeof(copy), NULL);
	assert_string_equal(copy, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(progress_stories_end_as_they_should),
		cmocka_unit_test(progress_any_facts_keep_the_rules),
		cmocka_unit_test(progress_words_lead_back),
		cmocka_unit_test(progress_quirks_are_told_before_the_fact),
		cmocka_unit_test(text_is_cut_between_characters),
		cmocka_unit_test(progress_is_out_from_the_first_sign),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
