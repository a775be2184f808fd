/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * From facts to states, without any side effect. Stations skip, repeat and swap notifications
 * (quirks I02, I04), so none is waited for: each fact moves the state as far as it alone tells, and
 * what contradicts better knowledge stays in the history only.
 */
#include "progress.h"

#include <stdio.h>
#include <string.h>

static const char *const state_words[STATE_COUNT] = {
	[STATE_WAITING] = "Waiting",         [STATE_SENDING] = "Sending",
	[STATE_UNCONFIRMED] = "Unconfirmed", [STATE_CONFIRMED] = "Confirmed",
	[STATE_DOWNLOADING] = "Downloading", [STATE_DOWNLOADED] = "Downloaded",
	[STATE_INSTALLING] = "Installing",   [STATE_VERIFYING] = "Verifying",
	[STATE_UPLOADING] = "Uploading",     [STATE_ARRIVING] = "Arriving",
	[STATE_VERIFIED] = "Verified",       [STATE_INSTALLED] = "Installed",
	[STATE_RECEIVED] = "Received",       [STATE_UPLOADED] = "Uploaded",
	[STATE_NOTHING] = "NothingToUpload", [STATE_FAILED] = "Failed",
	[STATE_EXPIRED] = "Expired",         [STATE_SILENT] = "Silent",
	[STATE_UNSENT] = "NotSent",          [STATE_SUPERSEDED] = "Superseded",
	[STATE_CANCELLED] = "Cancelled",
};

static const char *const failure_words[FAILURE_COUNT] = {
	[FAILURE_REFUSED] = "Refused",
	[FAILURE_DOWNLOAD] = "DownloadFailed",
	[FAILURE_INSTALLATION] = "InstallationFailed",
	[FAILURE_VERSION] = "WrongVersion",
	[FAILURE_UPLOAD] = "UploadFailed",
	[FAILURE_MISSING] = "FileMissing",
};

static const char *const fact_words[FACT_COUNT] = {
	[FACT_SENDING] = "sending",
	[FACT_NOT_SENT] = "notSent",
	[FACT_CONFIRMED] = "confirmed",
	[FACT_REFUSED] = "refused",
	[FACT_ERROR] = "error",
	[FACT_UNANSWERED] = "unanswered",
	[FACT_NOTIFIED] = "notified",
	[FACT_FILE_BEGUN] = "fileBegun",
	[FACT_FILE_BROKEN] = "fileBroken",
	[FACT_FILE_DONE] = "fileDone",
	[FACT_FILE_CLOSED] = "fileClosed",
	[FACT_BOOTED] = "booted",
	[FACT_SUPERSEDED] = "superseded",
	[FACT_CANCELLED] = "cancelled",
	[FACT_TIME] = "deadline",
};

int
text_fit(const char *text, int max)
{
	int len = (int)strnlen(text, (size_t)max);

	if (text[len] == '\0')
		return len;
	while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
		len--;
	return len;
}

void
text_copy(char *ret_text, size_t size, const char *text)
{
	int len = text == NULL ? 0 : text_fit(text, (int)size - 1);

	if (len > 0)
		memcpy(ret_text, text, (size_t)len);
	ret_text[len] = '\0';
}

const char *
progress_state_word(enum job_state state)
{
	return state_words[state];
}

const char *
progress_failure_word(enum job_failure failure)
{
	return failure_words[failure];
}

const char *
progress_fact_word(enum fact_kind kind)
{
	return fact_words[kind];
}

static int
find_word(const char *const *words, int count, const char *word, uint32_t len)
{
	for (int i = 0; i < count; i++) {
		if (words[i] != NULL && strlen(words[i]) == len &&
		    strncmp(words[i], word, len) == 0)
			return i;
	}
	return -1;
}

int
progress_state_find(const char *word, uint32_t len)
{
	return find_word(state_words, STATE_COUNT, word, len);
}

int
progress_failure_find(const char *word, uint32_t len)
{
	return find_word(failure_words, FAILURE_COUNT, word, len);
}

bool
progress_is_over(const struct progress *progress)
{
	return progress->state >= STATE_VERIFIED;
}

bool
progress_is_out(const struct progress *progress)
{
	switch (progress->state) {
	case STATE_WAITING:
		return progress->is_unsure;
	case STATE_UNSENT:
		return false;
	case STATE_FAILED:
	case STATE_SUPERSEDED:
	case STATE_CANCELLED:
		return progress->is_unsure || progress->confirmed_us != 0 || progress->signs > 0;
	case STATE_SENDING:
	case STATE_UNCONFIRMED:
	case STATE_CONFIRMED:
	case STATE_DOWNLOADING:
	case STATE_DOWNLOADED:
	case STATE_INSTALLING:
	case STATE_VERIFYING:
	case STATE_UPLOADING:
	case STATE_ARRIVING:
	case STATE_VERIFIED:
	case STATE_INSTALLED:
	case STATE_RECEIVED:
	case STATE_UPLOADED:
	case STATE_NOTHING:
	case STATE_EXPIRED:
	case STATE_SILENT:
	case STATE_COUNT:
		break;
	}
	return true;
}

/* ---- Transitions ------------------------------------------------------------------------------
 */

static void
set_reason(struct progress *p, const char *text, const char *otherwise)
{
	bool is_empty = text == NULL || text[0] == '\0';

	text_copy(p->reason, sizeof(p->reason), is_empty ? otherwise : text);
}

/* The reason is set by the caller, before or after. */
static void
enter(struct progress *p, const struct fact *fact, enum job_state state)
{
	p->state = state;
	p->changed_us = fact->time_us;
	p->ended_us = progress_is_over(p) ? fact->time_us : 0;
	if (state != STATE_FAILED)
		p->failure = FAILURE_NONE;
}

static void
fail(struct progress *p, const struct fact *fact, enum job_failure failure)
{
	p->failure = failure;
	enter(p, fact, STATE_FAILED);
}

/* From when on the station may take finish_us. */
static void
set_end(struct progress *p, int64_t time_us)
{
	p->end_by_us = (p->retrieve_us > time_us ? p->retrieve_us : time_us) + p->finish_us;
}

/* The station is at it: it took what it was sent, whatever became of the answer, and where the time
 * was up already it is not any more. */
static void
move(struct progress *p, const struct fact *fact, enum job_state state)
{
	if (p->end_by_us == 0 || progress_is_over(p))
		set_end(p, fact->time_us);
	enter(p, fact, state);
}

/* Nothing changes them any more. */
static bool
is_settled(const struct progress *p)
{
	return p->state == STATE_VERIFIED || p->state == STATE_SUPERSEDED ||
	       p->state == STATE_CANCELLED || p->state == STATE_UNSENT;
}

/* How far an update is on its way; 0 also where it is over without success. */
static uint32_t
rank_of(enum job_state state)
{
	switch (state) {
	case STATE_DOWNLOADING:
		return 1;
	case STATE_DOWNLOADED:
		return 2;
	case STATE_INSTALLING:
		return 3;
	case STATE_VERIFYING:
	case STATE_INSTALLED:
		return 4;
	case STATE_WAITING:
	case STATE_SENDING:
	case STATE_UNCONFIRMED:
	case STATE_CONFIRMED:
	case STATE_UPLOADING:
	case STATE_ARRIVING:
	case STATE_VERIFIED:
	case STATE_RECEIVED:
	case STATE_UPLOADED:
	case STATE_NOTHING:
	case STATE_FAILED:
	case STATE_EXPIRED:
	case STATE_SILENT:
	case STATE_UNSENT:
	case STATE_SUPERSEDED:
	case STATE_CANCELLED:
	case STATE_COUNT:
		break;
	}
	return 0;
}

/* ---- Versions ---------------------------------------------------------------------------------
 */

/* A boot can tell the new version from the old one. */
static bool
can_verify(const struct progress *p)
{
	if (p->expected[0] == '\0')
		return p->before[0] != '\0';
	return strcmp(p->expected, p->before) != 0;
}

static bool
is_proof(const struct progress *p, const char *version)
{
	if (!can_verify(p))
		return false;
	if (p->expected[0] != '\0')
		return strcmp(version, p->expected) == 0;
	/* Without a version that was named, a change tells; but not after it told a failure. */
	return strcmp(version, p->before) != 0 && p->state != STATE_FAILED;
}

/* It booted with what it should not have: a third version, or the old one after its "Installed". */
static bool
is_wrong(const struct progress *p)
{
	if (p->expected[0] == '\0' || p->booted[0] == '\0' || !can_verify(p) ||
	    strcmp(p->booted, p->expected) == 0)
		return false;
	return p->is_booted_after || (p->before[0] != '\0' && strcmp(p->booted, p->before) != 0);
}

static void
fail_version(struct progress *p, const struct fact *fact)
{
	snprintf(p->reason, sizeof(p->reason), "the station booted with %.*s, not with %.*s",
		 text_fit(p->booted, 90), p->booted, text_fit(p->expected, 90), p->expected);
	fail(p, fact, FAILURE_VERSION);
}

/* A third version, and the file is there: something was installed. It may be a step on the way. */
static void
await_version(struct progress *p, const struct fact *fact)
{
	p->verify_by_us = fact->time_us + p->verify_us;
	snprintf(p->reason, sizeof(p->reason),
		 "the station booted with %.*s, not with %.*s; a further boot is awaited",
		 text_fit(p->booted, 80), p->booted, text_fit(p->expected, 80), p->expected);
	enter(p, fact, STATE_VERIFYING);
}

static void
apply_booted(struct progress *p, const struct fact *fact)
{
	if (p->kind != KIND_FIRMWARE || !progress_is_out(p) || p->state == STATE_VERIFIED)
		return;
	p->booted_us = fact->time_us;
	p->is_booted_after = p->state == STATE_VERIFYING || p->state == STATE_INSTALLED;
	text_copy(p->booted, sizeof(p->booted), fact->text);
	if (is_settled(p) || p->booted[0] == '\0' || fact->time_us < p->retrieve_us)
		return;
	if (!is_proof(p, p->booted)) {
		if (p->state == STATE_INSTALLED && is_wrong(p))
			fail_version(p, fact);
		else if ((p->state == STATE_DOWNLOADED || p->state == STATE_INSTALLING) &&
			 is_wrong(p))
			await_version(p, fact);
		return;
	}
	if (p->expected[0] != '\0')
		snprintf(p->reason, sizeof(p->reason), "the station booted with %s", p->booted);
	else
		snprintf(p->reason, sizeof(p->reason),
			 "the station booted with %.*s; it had %.*s, none was named",
			 text_fit(p->booted, 90), p->booted, text_fit(p->before, 90), p->before);
	enter(p, fact, STATE_VERIFIED);
}

/* ---- The CALL ---------------------------------------------------------------------------------
 */

static void
apply_sending(struct progress *p, const struct fact *fact)
{
	if (p->state != STATE_WAITING)
		return;
	p->attempts++;
	p->sent_us = fact->time_us;
	p->try_us = 0;
	p->reason[0] = '\0';
	enter(p, fact, STATE_SENDING);
}

static void
wait_again(struct progress *p, const struct fact *fact)
{
	p->try_us = fact->time_us + p->pause_us;
	enter(p, fact, STATE_WAITING);
}

static void
apply_not_sent(struct progress *p, const struct fact *fact)
{
	if (p->state != STATE_SENDING)
		return;
	p->attempts--;
	set_reason(p, fact->text, "it was not sent");
	wait_again(p, fact);
}

static void
apply_confirmed(struct progress *p, const struct fact *fact)
{
	p->confirmed_us = fact->time_us;
	/* A notification may have been faster. */
	if (p->state != STATE_SENDING)
		return;
	p->reason[0] = '\0';
	set_end(p, fact->time_us);
	enter(p, fact, STATE_CONFIRMED);
	if (p->kind == KIND_FIRMWARE || (fact->text != NULL && fact->text[0] != '\0'))
		return;
	snprintf(p->reason, sizeof(p->reason), "the station named no file");
	enter(p, fact, STATE_NOTHING);
}

static void
apply_refused(struct progress *p, const struct fact *fact)
{
	if (p->state != STATE_SENDING && p->state != STATE_WAITING)
		return;
	set_reason(p, fact->text, "it was refused");
	fail(p, fact, FAILURE_REFUSED);
}

static bool
may_try_again(const struct progress *p, const struct fact *fact)
{
	return p->attempts < p->attempts_max && fact->time_us + p->pause_us < p->send_by_us;
}

static void
apply_error(struct progress *p, const struct fact *fact)
{
	if (p->state != STATE_SENDING)
		return;
	set_reason(p, fact->text, "the station answered with an error");
	if (may_try_again(p, fact))
		wait_again(p, fact);
	else
		fail(p, fact, FAILURE_REFUSED);
}

static void
apply_unanswered(struct progress *p, const struct fact *fact)
{
	p->is_unsure = true;
	if (p->state != STATE_SENDING)
		return;
	set_reason(p, fact->text, "no answer came");
	if (may_try_again(p, fact)) {
		wait_again(p, fact);
		return;
	}
	set_end(p, fact->time_us);
	enter(p, fact, STATE_UNCONFIRMED);
}

/* ---- What the station tells --------------------------------------------------------------------
 */

static const struct told_row {
	const char *word;
	enum job_kind kind;
	enum job_state state; /* that it means; FAILED with failure */
	enum job_failure failure;
} told_rows[] = {
	{ "Downloading", KIND_FIRMWARE, STATE_DOWNLOADING, FAILURE_NONE },
	{ "Downloaded", KIND_FIRMWARE, STATE_DOWNLOADED, FAILURE_NONE },
	{ "Installing", KIND_FIRMWARE, STATE_INSTALLING, FAILURE_NONE },
	{ "Installed", KIND_FIRMWARE, STATE_VERIFYING, FAILURE_NONE },
	{ "DownloadFailed", KIND_FIRMWARE, STATE_FAILED, FAILURE_DOWNLOAD },
	{ "InstallationFailed", KIND_FIRMWARE, STATE_FAILED, FAILURE_INSTALLATION },
	{ "Uploading", KIND_DIAGNOSTICS, STATE_UPLOADING, FAILURE_NONE },
	{ "Uploaded", KIND_DIAGNOSTICS, STATE_UPLOADED, FAILURE_NONE },
	{ "UploadFailed", KIND_DIAGNOSTICS, STATE_FAILED, FAILURE_UPLOAD },
};

static const struct told_row *
find_told(const struct progress *p, const char *word)
{
	for (size_t i = 0; i < sizeof(told_rows) / sizeof(told_rows[0]); i++) {
		if (told_rows[i].kind == p->kind && strcmp(told_rows[i].word, word) == 0)
			return &told_rows[i];
	}
	return NULL;
}

static void
told_failure(struct progress *p, const struct fact *fact, const struct told_row *row)
{
	/* The file is here; or it told of later steps since, and this one comes late. */
	if (p->state == STATE_FAILED || p->state == STATE_RECEIVED ||
	    (row->failure == FAILURE_DOWNLOAD && p->told_rank > 1))
		return;
	p->told_rank = 0;
	snprintf(p->reason, sizeof(p->reason), "the station reported %s%s", row->word,
		 row->failure == FAILURE_DOWNLOAD && p->file_done_us != 0
			 ? ", although the whole file was sent"
			 : "");
	fail(p, fact, row->failure);
}

static void
told_installed(struct progress *p, const struct fact *fact)
{
	move(p, fact, STATE_VERIFYING);
	p->is_booted_after = false;
	p->verify_by_us = fact->time_us + p->verify_us;
	snprintf(p->reason, sizeof(p->reason), "the version at the next boot is awaited");
	if (can_verify(p))
		return;
	snprintf(p->reason, sizeof(p->reason), "%s",
		 p->expected[0] == '\0' ? "no version is known to compare with"
					: "the station had the expected version before");
	enter(p, fact, STATE_INSTALLED);
}

static void
told_step(struct progress *p, const struct fact *fact, enum job_state state)
{
	uint32_t rank = rank_of(state);

	if (rank > p->told_rank)
		p->told_rank = rank;
	if (rank <= rank_of(p->state))
		return;
	if (state == STATE_VERIFYING) {
		told_installed(p, fact);
		return;
	}
	p->reason[0] = '\0';
	move(p, fact, state);
}

static void
told_upload(struct progress *p, const struct fact *fact, enum job_state state)
{
	if (p->state == STATE_RECEIVED || (state == STATE_UPLOADED && p->state == STATE_ARRIVING) ||
	    p->state == state)
		return;
	p->reason[0] = '\0';
	move(p, fact, state);
	if (state != STATE_UPLOADED)
		return;
	if (p->is_hosted) {
		p->verify_by_us = fact->time_us + p->verify_us;
		snprintf(p->reason, sizeof(p->reason), "the file is awaited");
		enter(p, fact, STATE_ARRIVING);
	} else {
		snprintf(p->reason, sizeof(p->reason), "the station reported it");
	}
}

static void
apply_notified(struct progress *p, const struct fact *fact)
{
	const struct told_row *row = find_told(p, fact->text);

	text_copy(p->told, sizeof(p->told), fact->text);
	p->told_us = fact->time_us;
	/* Idle, or a word of its own: it is there, and no more. */
	if (row == NULL || !progress_is_out(p))
		return;
	p->signs++;
	if (is_settled(p))
		return;
	if (row->state == STATE_FAILED)
		told_failure(p, fact, row);
	else if (p->kind == KIND_FIRMWARE)
		told_step(p, fact, row->state);
	else
		told_upload(p, fact, row->state);
}

/* ---- Files ------------------------------------------------------------------------------------
 */

static void
apply_file_begun(struct progress *p, const struct fact *fact)
{
	p->signs++;
	if (p->file_begun_us == 0)
		p->file_begun_us = fact->time_us;
	if (is_settled(p) || p->state == STATE_RECEIVED || p->state == STATE_ARRIVING ||
	    rank_of(p->state) > 0 || p->state == STATE_UPLOADING)
		return;
	snprintf(p->reason, sizeof(p->reason), "%s",
		 p->kind == KIND_FIRMWARE ? "it fetches the file" : "it sends the file");
	move(p, fact, p->kind == KIND_FIRMWARE ? STATE_DOWNLOADING : STATE_UPLOADING);
}

static void
apply_file_broken(struct progress *p, const struct fact *fact)
{
	p->signs++;
	if (p->state == STATE_DOWNLOADING || p->state == STATE_UPLOADING)
		snprintf(p->reason, sizeof(p->reason), "the last transfer broke off: %.*s",
			 fact->text == NULL ? 0 : text_fit(fact->text, 150),
			 fact->text == NULL ? "" : fact->text);
}

static void
apply_file_done(struct progress *p, const struct fact *fact)
{
	p->signs++;
	p->file_done_us = fact->time_us;
	p->file_bytes = fact->number;
	if (p->file_begun_us == 0)
		p->file_begun_us = fact->time_us;
	if (p->kind == KIND_DIAGNOSTICS) {
		/* It came by a URL of its own, so a later request changes nothing. */
		if (p->state == STATE_CANCELLED)
			return;
		snprintf(p->reason, sizeof(p->reason), "the file is here");
		enter(p, fact, STATE_RECEIVED);
		return;
	}
	if (is_settled(p) || rank_of(p->state) > 1)
		return;
	snprintf(p->reason, sizeof(p->reason), "the whole file was sent");
	move(p, fact, STATE_DOWNLOADED);
}

/* ---- Ends -------------------------------------------------------------------------------------
 */

static void
apply_superseded(struct progress *p, const struct fact *fact)
{
	if (progress_is_over(p))
		return;
	snprintf(p->reason, sizeof(p->reason), "by %lld", (long long)fact->number);
	enter(p, fact, STATE_SUPERSEDED);
}

static void
apply_cancelled(struct progress *p, const struct fact *fact)
{
	const char *by =
		fact->text == NULL || fact->text[0] == '\0' ? "by nobody known" : fact->text;

	if (progress_is_over(p))
		return;
	snprintf(p->reason, sizeof(p->reason), "%.*s%s", text_fit(by, 120), by,
		 progress_is_out(p) ? "; OCPP 1.6 cannot tell the station, which may go on" : "");
	enter(p, fact, STATE_CANCELLED);
}

static void
wait_is_over(struct progress *p, const struct fact *fact)
{
	if (p->is_unsure) {
		set_end(p, fact->time_us);
		enter(p, fact, STATE_UNCONFIRMED);
		return;
	}
	if (p->reason[0] == '\0')
		snprintf(p->reason, sizeof(p->reason), "the station was not there in time");
	enter(p, fact, STATE_UNSENT);
}

static void
check_is_over(struct progress *p, const struct fact *fact)
{
	if (p->state == STATE_ARRIVING) {
		snprintf(p->reason, sizeof(p->reason),
			 "the station reported Uploaded, but no file came");
		fail(p, fact, FAILURE_MISSING);
	} else if (is_wrong(p)) {
		fail_version(p, fact);
	} else {
		snprintf(p->reason, sizeof(p->reason),
			 "by the station's word; no boot told the version");
		enter(p, fact, STATE_INSTALLED);
	}
}

static void
time_is_over(struct progress *p, const struct fact *fact)
{
	if (p->kind == KIND_FIRMWARE && is_wrong(p)) {
		fail_version(p, fact);
	} else if (p->signs == 0) {
		snprintf(p->reason, sizeof(p->reason), "%s",
			 p->confirmed_us != 0 ? "confirmed, and nothing came after it"
					      : "neither an answer nor any sign came");
		enter(p, fact, STATE_SILENT);
	} else {
		snprintf(p->reason, sizeof(p->reason), "no end in time; it was %s%s%s",
			 state_words[p->state], p->told[0] == '\0' ? "" : ", and last told ",
			 p->told);
		enter(p, fact, STATE_EXPIRED);
	}
}

int64_t
progress_due(const struct progress *p)
{
	switch (p->state) {
	case STATE_WAITING:
		return p->send_by_us;
	case STATE_VERIFYING:
	case STATE_ARRIVING:
		return p->verify_by_us;
	case STATE_UNCONFIRMED:
	case STATE_CONFIRMED:
	case STATE_DOWNLOADING:
	case STATE_DOWNLOADED:
	case STATE_INSTALLING:
	case STATE_UPLOADING:
		return p->end_by_us;
	case STATE_SENDING: /* the core has a deadline for it */
	case STATE_VERIFIED:
	case STATE_INSTALLED:
	case STATE_RECEIVED:
	case STATE_UPLOADED:
	case STATE_NOTHING:
	case STATE_FAILED:
	case STATE_EXPIRED:
	case STATE_SILENT:
	case STATE_UNSENT:
	case STATE_SUPERSEDED:
	case STATE_CANCELLED:
	case STATE_COUNT:
		break;
	}
	return 0;
}

static void
apply_time(struct progress *p, const struct fact *fact)
{
	int64_t due_us = progress_due(p);

	if (due_us == 0 || fact->time_us < due_us)
		return;
	if (p->state == STATE_WAITING)
		wait_is_over(p, fact);
	else if (p->state == STATE_VERIFYING || p->state == STATE_ARRIVING)
		check_is_over(p, fact);
	else
		time_is_over(p, fact);
}

/* ---- Quirks -----------------------------------------------------------------------------------
 */

static const char *
told_quirk(const struct progress *p, const char *word)
{
	const struct told_row *row = find_told(p, word);

	if (row == NULL || !progress_is_out(p))
		return NULL;
	if (p->kind == KIND_DIAGNOSTICS)
		return p->state == STATE_NOTHING || strcmp(p->told, word) == 0 ? "I02" : NULL;
	if (row->failure == FAILURE_INSTALLATION)
		return NULL;
	return (row->state == STATE_FAILED ? 1 : rank_of(row->state)) < p->told_rank ? "I04" : NULL;
}

const char *
progress_quirk(const struct progress *p, const struct fact *fact)
{
	bool is_unnamed = p->kind == KIND_DIAGNOSTICS && p->state == STATE_NOTHING;

	if (fact->kind == FACT_NOTIFIED)
		return told_quirk(p, fact->text);
	if (fact->kind == FACT_FILE_DONE)
		return is_unnamed ? "I02" : NULL;
	/* The new version, and not a word of it. */
	if (fact->kind == FACT_BOOTED && p->kind == KIND_FIRMWARE && progress_is_out(p) &&
	    !is_settled(p) && fact->text != NULL && p->told_rank == 0 && is_proof(p, fact->text))
		return "I04";
	return NULL;
}

static void
apply_nothing(struct progress *p, const struct fact *fact)
{
	(void)p;
	(void)fact;
}

typedef void apply_fn(struct progress *p, const struct fact *fact);

static apply_fn *const appliers[FACT_COUNT] = {
	[FACT_SENDING] = apply_sending,
	[FACT_NOT_SENT] = apply_not_sent,
	[FACT_CONFIRMED] = apply_confirmed,
	[FACT_REFUSED] = apply_refused,
	[FACT_ERROR] = apply_error,
	[FACT_UNANSWERED] = apply_unanswered,
	[FACT_NOTIFIED] = apply_notified,
	[FACT_FILE_BEGUN] = apply_file_begun,
	[FACT_FILE_BROKEN] = apply_file_broken,
	[FACT_FILE_DONE] = apply_file_done,
	[FACT_FILE_CLOSED] = apply_nothing,
	[FACT_BOOTED] = apply_booted,
	[FACT_SUPERSEDED] = apply_superseded,
	[FACT_CANCELLED] = apply_cancelled,
	[FACT_TIME] = apply_time,
};

bool
progress_apply(struct progress *progress, const struct fact *fact)
{
	enum job_state before = progress->state;

	appliers[fact->kind](progress, fact);
	return progress->state != before;
}
