/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef FIRMWARE_PROGRESS_H
#define FIRMWARE_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * How far a firmware update or a request for diagnostics is: what is known so far, and one function
 * that takes the next fact into it. Neither clock nor network nor storage: the time comes with the
 * fact, so the same facts give the same state, in a test as after a restart.
 *
 * The station's word is a hint. What counts, in this order: the version it boots with, or the file
 * that arrived; what it fetched; what it says.
 */

#define VERSION_SIZE 104 /* 50 characters */
#define TOLD_SIZE 40
#define REASON_SIZE 240

enum job_kind {
	KIND_FIRMWARE,
	KIND_DIAGNOSTICS,
	KIND_COUNT,
};

/* In the database by word (progress_state_word). */
enum job_state {
	/* open */
	STATE_WAITING,     /* for its station, its turn, or the next attempt */
	STATE_SENDING,     /* the CALL is out */
	STATE_UNCONFIRMED, /* it was not answered: the station may have taken it, or not */
	STATE_CONFIRMED,
	STATE_DOWNLOADING,
	STATE_DOWNLOADED,
	STATE_INSTALLING,
	STATE_VERIFYING, /* said to be installed; the next boot is to tell the version */
	STATE_UPLOADING,
	STATE_ARRIVING, /* said to be uploaded; the file is awaited here */
	/* over */
	STATE_VERIFIED,  /* the station booted with the version */
	STATE_INSTALLED, /* by its word alone */
	STATE_RECEIVED,  /* the file is here */
	STATE_UPLOADED,  /* elsewhere, by the station's word alone */
	STATE_NOTHING,   /* the station has nothing to upload */
	STATE_FAILED,
	STATE_EXPIRED,    /* it began, and no end came in time */
	STATE_SILENT,     /* it was sent, and nothing came of it in time */
	STATE_UNSENT,     /* it could not be sent in time */
	STATE_SUPERSEDED, /* by a later one for the same station */
	STATE_CANCELLED,
	STATE_COUNT,
};

/* With STATE_FAILED. In the database by word. */
enum job_failure {
	FAILURE_NONE,
	FAILURE_REFUSED, /* the CALL was answered with an error, or a check refused it */
	FAILURE_DOWNLOAD,
	FAILURE_INSTALLATION,
	FAILURE_VERSION, /* the station booted with another version than expected */
	FAILURE_UPLOAD,
	FAILURE_MISSING, /* said to be uploaded, but no file came */
	FAILURE_COUNT,
};

struct progress {
	/* Given, and the same from then on. */
	enum job_kind kind;
	bool is_hosted; /* the file is fetched from, or sent to, our own service */
	uint32_t attempts_max;
	int64_t send_by_us;          /* not sent after it */
	int64_t retrieve_us;         /* the station begins no sooner; 0: at once */
	int64_t finish_us;           /* how long it may take from then, or from the answer */
	int64_t verify_us;           /* how long the boot, or the file, may take after its word */
	int64_t pause_us;            /* before the CALL goes out again */
	char expected[VERSION_SIZE]; /* firmware version; "": none was named */
	char before[VERSION_SIZE];   /* the one it had; "": not known */

	/* Found. Times are 0 where there is none. */
	enum job_state state;
	enum job_failure failure;
	uint32_t attempts;  /* CALLs that were sent */
	uint32_t told_rank; /* of what it told since it last began */
	uint32_t signs;     /* that it took it: what it told (but Idle), what it fetched or sent */
	bool is_unsure;     /* a CALL stayed without an answer */
	int64_t try_us;     /* WAITING: not before it */
	int64_t sent_us;
	int64_t confirmed_us;
	int64_t end_by_us;
	int64_t verify_by_us;
	int64_t told_us;
	int64_t file_begun_us;
	int64_t file_done_us;
	int64_t file_bytes;
	int64_t booted_us; /* since it was sent */
	int64_t changed_us;
	int64_t ended_us;
	bool is_booted_after; /* that boot came after it told Installed */
	char booted[VERSION_SIZE];
	char told[TOLD_SIZE]; /* its last notification */
	char reason[REASON_SIZE];
};

enum fact_kind {
	FACT_SENDING,     /* the CALL goes out */
	FACT_NOT_SENT,    /* it did not go out after all; text says why */
	FACT_CONFIRMED,   /* text: fileName, NULL if there was none */
	FACT_REFUSED,     /* for good; text says why */
	FACT_ERROR,       /* answered with an error that may pass; text says which */
	FACT_UNANSWERED,  /* it went out, text says why no answer came */
	FACT_NOTIFIED,    /* text: the status */
	FACT_FILE_BEGUN,  /* bytes of the file begin to move */
	FACT_FILE_BROKEN, /* a transfer ended early; text says why */
	FACT_FILE_DONE,   /* the whole file; number: bytes, text: its name or NULL */
	FACT_FILE_CLOSED, /* its URL is no longer good; text says why */
	FACT_BOOTED,      /* text: firmwareVersion, NULL if it told none */
	FACT_SUPERSEDED,  /* number: the later job */
	FACT_CANCELLED,   /* text: by whom, or why */
	FACT_TIME,        /* only time passed */
	FACT_COUNT,
};

struct fact {
	enum fact_kind kind;
	int64_t time_us;
	int64_t number;
	const char *text;
};

/* So many bytes of a text, at most max, as end with a whole character: what stations say may be in
 * any language. */
int text_fit(const char *text, int max);
/* Copies what fits, whole characters only; NULL: "". */
void text_copy(char *ret_text, size_t size, const char *text);

const char *progress_state_word(enum job_state state);
const char *progress_failure_word(enum job_failure failure); /* NULL for FAILURE_NONE */
const char *progress_fact_word(enum fact_kind kind);
/* -1: no such word. */
int progress_state_find(const char *word, uint32_t len);
int progress_failure_find(const char *word, uint32_t len);

/* It is over, as far as is known: a later fact may know better. */
bool progress_is_over(const struct progress *progress);
/* The station may know of it: notifications and boots may mean it. */
bool progress_is_out(const struct progress *progress);

/* When FACT_TIME is due; 0: never. */
int64_t progress_due(const struct progress *progress);

/* The field quirk that a fact shows, by its code, before it is taken in; NULL: none. */
const char *progress_quirk(const struct progress *progress, const struct fact *fact);

/* Takes a fact in. True if the state is another one now. Every fact is good in every state. */
bool progress_apply(struct progress *progress, const struct fact *fact);

#endif
