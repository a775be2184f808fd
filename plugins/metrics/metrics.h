/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef METRICS_H
#define METRICS_H

#include <ocppd/plugin.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct door;

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Filled by the options table. */
struct metrics_conf {
	uint32_t listen;
	uint32_t reserved;
	const char *address;
	int64_t port;
	int64_t max_connections;
	int64_t timeout_ms;
};

/* Rows of the module's own metrics, in the order of its table. */
enum own_metric {
	OWN_CPU,
	OWN_RESIDENT,
	OWN_VIRTUAL,
	OWN_OPEN_FDS,
	OWN_MAX_FDS,
	OWN_THREADS,
	OWN_START,
	OWN_BUILD,
	OWN_SCRAPES,
	OWN_PIECES,
	OWN_COUNT,
};

/* ---- text.c: the exposition format ------------------------------------------------------- */

/* Growing text; an error sticks. {0} is empty. */
struct text {
	char *data;
	size_t len;
	size_t size;
	int error; /* 0 or OCPPD_ENOMEM */
};

void text_fini(struct text *text);
/* HELP and TYPE of a metric. */
void text_add_head(struct text *text, const struct ocppd_metric *metric);
/* The lines of a sample. owner: NULL, or the value of one more label, `module`. */
void text_add_sample(struct text *text, const struct ocppd_sample *sample, const char *owner);
/* Lines that a sample of the metric takes. */
uint32_t text_lines(const struct ocppd_metric *metric);

/* ---- page.c: one answer, made in pieces, for all who ask meanwhile ----------------------- */

/* A whole answer, shared by those who send it. Core thread. */
struct page {
	uint32_t refs;
	struct text text;
};

void page_unref(struct page *page);

/*
 * Who waits for a page: told once, from the loop, with a reference of its own, or with NULL where
 * there was no memory. After that, or after page_forget, it is no longer waited on.
 */
struct waiter {
	TAILQ_ENTRY(waiter) all;
	void (*fn)(struct waiter *waiter, struct page *page);
	bool is_waiting;
};

/* The maker of pages. */
struct pages {
	struct ocppd_host *host;
	struct ocppd_timer *timer; /* the next piece; a turn of the loop lies between two */
	TAILQ_HEAD(, waiter) waiters;
	struct process *process; /* figures under way, or NULL */
	struct page *page;       /* under way, or NULL */
	char *after;             /* the metric that is complete; NULL: none yet */
	char *owner;             /* the first owner of the present metric */
	uint32_t done;           /* samples of it that are written */
	uint32_t seen;
	uint32_t lines; /* of the present piece */
	double cpu_s;   /* told so far */
};

int pages_init(struct pages *pages, struct ocppd_host *host);
/* Whoever still waits is told NULL. */
void pages_fini(struct pages *pages);
void page_wait(struct pages *pages, struct waiter *waiter);
void page_forget(struct pages *pages, struct waiter *waiter);

/* ---- process.c: figures of the process --------------------------------------------------- */

/* Begins to look; NULL: out of memory. */
struct process *process_new(void);
void process_free(struct process *process);
/* Goes on for a moment: true if there is more to do. */
bool process_step(struct process *process);
/* Sets the metrics. *cpu_s: what was told before. */
void process_show(const struct process *process, struct ocppd_host *host, double *cpu_s);

/* ---- door.c: a listener that serves nothing but this ------------------------------------- */

struct door *door_new(struct ocppd_host *host, struct pages *pages, const struct metrics_conf *conf,
		      struct ocppd_error *err);
void door_free(struct door *door);

#endif
