/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The text exposition format of Prometheus, version 0.0.4. Names were checked when the metric was
 * registered; texts are escaped, and made UTF-8, here: one bad byte would cost the whole scrape.
 */
#include "metrics.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_SIZE 40
#define EXACT_MAX 9007199254740992.0 /* integers below are exact in a double */

/* ---- Growing ----------------------------------------------------------------------------- */

void
text_fini(struct text *text)
{
	free(text->data);
	*text = (struct text){ 0 };
}

static void
add(struct text *text, const char *data, size_t len)
{
	if (text->error != 0)
		return;
	if (text->size - text->len < len) {
		size_t size = text->size > 0 ? text->size : 16384;
		char *grown;

		while (size - text->len < len)
			size *= 2;
		grown = realloc(text->data, size);
		if (grown == NULL) {
			text->error = OCPPD_ENOMEM;
			return;
		}
		text->data = grown;
		text->size = size;
	}
	memcpy(text->data + text->len, data, len);
	text->len += len;
}

static void
add_str(struct text *text, const char *str)
{
	add(text, str, strlen(str));
}

/* ---- Escaping ---------------------------------------------------------------------------- */

/* Bytes of the code point at `at`; 0: no UTF-8. */
static size_t
utf8_len(const unsigned char *at)
{
	size_t len = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;

	if (at[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
	    (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
		return 0;
	return len;
}

static void
add_escaped(struct text *text, const char *str, bool has_quotes)
{
	const unsigned char *at = (const unsigned char *)str;

	while (*at != '\0') {
		size_t len = utf8_len(at);

		if (*at == '\\')
			add(text, "\\\\", 2);
		else if (*at == '\n')
			add(text, "\\n", 2);
		else if (*at == '"' && has_quotes)
			add(text, "\\\"", 2);
		else if (len == 0)
			add(text, "?", 1);
		else
			add(text, (const char *)at, len);
		at += len > 0 ? len : 1;
	}
}

/* ---- Numbers ----------------------------------------------------------------------------- */

static bool
reads_back(const char *number, double value)
{
	double back = strtod(number, NULL);

	return back >= value && back <= value;
}

/* The shortest that reads back as the same. */
static void
add_number(struct text *text, double value)
{
	char number[NUMBER_SIZE];

	if (isnan(value)) {
		add_str(text, "NaN");
		return;
	}
	if (isinf(value)) {
		add_str(text, value > 0 ? "+Inf" : "-Inf");
		return;
	}
	if (fabs(value) < EXACT_MAX && value >= trunc(value) && value <= trunc(value)) {
		(void)snprintf(number, sizeof(number), "%.0f", value);
	} else {
		int digits = 15;

		do
			(void)snprintf(number, sizeof(number), "%.*g", digits, value);
		while (!reads_back(number, value) && ++digits <= 17);
	}
	add_str(text, number);
}

static void
add_count(struct text *text, uint64_t count)
{
	char number[NUMBER_SIZE];
	int len = snprintf(number, sizeof(number), " %llu\n", (unsigned long long)count);

	add(text, number, (size_t)len);
}

/* ---- Lines ------------------------------------------------------------------------------- */

static const char *
kind_word(uint32_t kind)
{
	switch (kind) {
	case OCPPD_METRIC_COUNTER:
		return "counter";
	case OCPPD_METRIC_GAUGE:
		return "gauge";
	case OCPPD_METRIC_HISTOGRAM:
		return "histogram";
	default:
		return "untyped";
	}
}

void
text_add_head(struct text *text, const struct ocppd_metric *metric)
{
	add_str(text, "# HELP ");
	add_str(text, metric->name);
	add_str(text, " ");
	add_escaped(text, metric->help != NULL ? metric->help : "", false);
	add_str(text, "\n# TYPE ");
	add_str(text, metric->name);
	add_str(text, " ");
	add_str(text, kind_word(metric->kind));
	add_str(text, "\n");
}

static void
add_label(struct text *text, const char *name, const char *value, bool *is_open)
{
	add_str(text, *is_open ? "," : "{");
	*is_open = true;
	add_str(text, name);
	add_str(text, "=\"");
	add_escaped(text, value, true);
	add_str(text, "\"");
}

/* Name and labels; a bucket's bound is left open for its number. */
static void
add_series(struct text *text, const struct ocppd_sample *sample, const char *suffix,
	   const char *owner, bool has_bound)
{
	const char *const *names = sample->metric->labels;
	bool is_open = false;

	add_str(text, sample->metric->name);
	add_str(text, suffix);
	for (uint32_t i = 0; names != NULL && names[i] != NULL && sample->labels[i] != NULL; i++)
		add_label(text, names[i], sample->labels[i], &is_open);
	if (owner != NULL)
		add_label(text, "module", owner, &is_open);
	if (has_bound)
		add_str(text, is_open ? ",le=\"" : "{le=\"");
	else if (is_open)
		add_str(text, "}");
}

static void
add_histogram(struct text *text, const struct ocppd_sample *sample, const char *owner)
{
	const struct ocppd_metric *metric = sample->metric;
	uint64_t sum = 0;

	for (uint32_t i = 0; i <= metric->bucket_count; i++) {
		sum += sample->buckets[i];
		add_series(text, sample, "_bucket", owner, true);
		add_number(text, i < metric->bucket_count ? metric->buckets[i] : HUGE_VAL);
		add_str(text, "\"}");
		add_count(text, sum);
	}
	add_series(text, sample, "_sum", owner, false);
	add_str(text, " ");
	add_number(text, sample->value);
	add_str(text, "\n");
	/* Of the buckets, so that it is +Inf's in any case. */
	add_series(text, sample, "_count", owner, false);
	add_count(text, sum);
}

void
text_add_sample(struct text *text, const struct ocppd_sample *sample, const char *owner)
{
	if (sample->metric->kind == OCPPD_METRIC_HISTOGRAM) {
		add_histogram(text, sample, owner);
		return;
	}
	add_series(text, sample, "", owner, false);
	add_str(text, " ");
	add_number(text, sample->value);
	add_str(text, "\n");
}

uint32_t
text_lines(const struct ocppd_metric *metric)
{
	return metric->kind == OCPPD_METRIC_HISTOGRAM ? metric->bucket_count + 3 : 1;
}
