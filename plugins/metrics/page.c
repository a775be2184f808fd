/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * A page is made of pieces, with a turn of the loop between them, so that ten thousand samples do
 * not hold up a single station. A sample is written whole, so a histogram fits together. Who asks
 * while a page is under way gets the same one.
 */
#include "metrics.h"

#include <stdlib.h>
#include <string.h>

#define PIECE_LINES 300
#define PIECE_FULL 1

void
page_unref(struct page *page)
{
	if (page == NULL || --page->refs > 0)
		return;
	text_fini(&page->text);
	free(page);
}

/* ---- Health ------------------------------------------------------------------------------ */

static const char *const health_labels[] = { "module", "check", NULL };
static const struct ocppd_metric health_metric = {
	"ocppd_health_level",
	"Health checks: 0 works, 1 works but someone should look, 2 does not do its job",
	OCPPD_METRIC_GAUGE,
	.labels = health_labels,
};

/* Checks come and go, so they are no samples that stay. */
static int
on_health(const char *owner, const char *check, uint32_t level, const char *text, void *arg)
{
	struct pages *pages = arg;
	const char *const labels[] = { owner, check, NULL };
	const struct ocppd_sample sample = {
		.struct_size = sizeof(sample),
		.metric = &health_metric,
		.labels = labels,
		.value = level,
	};

	(void)text;
	if (pages->lines++ == 0)
		text_add_head(&pages->page->text, &health_metric);
	text_add_sample(&pages->page->text, &sample, NULL);
	return 0;
}

/* ---- Pieces ------------------------------------------------------------------------------ */

static int
on_sample(const struct ocppd_sample *sample, void *arg)
{
	struct pages *pages = arg;
	struct text *text = &pages->page->text;
	bool is_second;

	if (pages->seen++ < pages->done)
		return 0;
	if (pages->lines >= PIECE_LINES)
		return PIECE_FULL;
	if (pages->done == 0) {
		text_add_head(text, sample->metric);
		free(pages->owner);
		pages->owner = strdup(sample->owner);
	}
	/* Instances of one module have the same labels: only their names part them. */
	is_second = pages->owner == NULL || strcmp(pages->owner, sample->owner) != 0;
	text_add_sample(text, sample, is_second ? sample->owner : NULL);
	pages->lines += text_lines(sample->metric);
	pages->done++;
	return 0;
}

/* True: there is more. */
static bool
add_piece(struct pages *pages)
{
	const char *name = NULL;
	int r = 0;

	pages->lines = 0;
	(void)ocppd_metric_add(pages->host, OWN_PIECES, NULL, 1);
	while (r == 0 && pages->page->text.error == 0) {
		pages->seen = 0;
		r = ocppd_sample_next(pages->host, pages->after, on_sample, pages, &name);
		if (r != 0)
			break;
		free(pages->after);
		pages->after = strdup(name);
		if (pages->after == NULL)
			pages->page->text.error = OCPPD_ENOMEM;
		pages->done = 0;
	}
	return r == PIECE_FULL && pages->page->text.error == 0;
}

static void
end_page(struct pages *pages)
{
	struct page *page = pages->page;
	struct waiter *waiter;

	free(pages->after);
	free(pages->owner);
	pages->after = NULL;
	pages->owner = NULL;
	pages->page = NULL;
	if (page->text.error != 0) {
		page_unref(page);
		page = NULL;
	}
	while ((waiter = TAILQ_FIRST(&pages->waiters)) != NULL) {
		TAILQ_REMOVE(&pages->waiters, waiter, all);
		waiter->is_waiting = false;
		if (page != NULL)
			page->refs++;
		waiter->fn(waiter, page);
	}
	page_unref(page);
}

/* The process first: its figures are among the samples. True: there is more. */
static bool
step_process(struct pages *pages)
{
	if (pages->process == NULL)
		return false;
	if (process_step(pages->process))
		return true;
	process_show(pages->process, pages->host, &pages->cpu_s);
	process_free(pages->process);
	pages->process = NULL;
	pages->lines = 0;
	(void)ocppd_health_each(pages->host, on_health, pages);
	return true;
}

static void
on_timer(struct ocppd_host *host, void *arg)
{
	struct pages *pages = arg;

	(void)host;
	if (pages->page == NULL)
		return;
	if (step_process(pages) || add_piece(pages))
		ocppd_timer_set(pages->timer, 0);
	else
		end_page(pages);
}

/* ---- Asking ------------------------------------------------------------------------------ */

void
page_wait(struct pages *pages, struct waiter *waiter)
{
	waiter->is_waiting = true;
	TAILQ_INSERT_TAIL(&pages->waiters, waiter, all);
	if (pages->page != NULL)
		return;
	(void)ocppd_metric_add(pages->host, OWN_SCRAPES, NULL, 1);
	pages->page = calloc(1, sizeof(*pages->page));
	if (pages->page == NULL) {
		TAILQ_REMOVE(&pages->waiters, waiter, all);
		waiter->is_waiting = false;
		waiter->fn(waiter, NULL);
		return;
	}
	pages->page->refs = 1;
	pages->done = 0;
	pages->process = process_new();
	if (pages->process == NULL)
		pages->page->text.error = OCPPD_ENOMEM;
	ocppd_timer_set(pages->timer, 0);
}

void
page_forget(struct pages *pages, struct waiter *waiter)
{
	if (!waiter->is_waiting)
		return;
	TAILQ_REMOVE(&pages->waiters, waiter, all);
	waiter->is_waiting = false;
}

int
pages_init(struct pages *pages, struct ocppd_host *host)
{
	pages->host = host;
	TAILQ_INIT(&pages->waiters);
	pages->timer = ocppd_timer_new(host, on_timer, pages);
	return pages->timer != NULL ? 0 : OCPPD_ENOMEM;
}

void
pages_fini(struct pages *pages)
{
	if (pages->page != NULL) {
		pages->page->text.error = OCPPD_ESHUTDOWN;
		end_page(pages);
	}
	process_free(pages->process);
	pages->process = NULL;
	ocppd_timer_free(pages->timer);
	pages->timer = NULL;
}
