/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Values of metrics, by metric and by the values of its labels, and the health checks. Bounded: a
 * metric has at most METRIC_COMBINATIONS_MAX combinations, the rest counts as "other".
 */
#include "runtime/metrics.h"

#include "base/map.h"
#include "base/text.h"
#include "runtime/host.h"

#include <math.h>

#define KEY_SIZE (METRIC_LABELS_MAX * METRIC_LABEL_SIZE)
#define LABEL_END '\x1f'
#define HEALTH_TEXT_SIZE 256

struct sample {
	STAILQ_ENTRY(sample) next;
	char *key; /* label values, LABEL_END behind each */
	char *texts;
	const char **labels; /* into texts, NULL at the end */
	double value;
	uint64_t count;
	uint64_t *buckets;
};

struct family {
	const struct ocppd_metric *row;
	uint32_t label_count;
	struct map by_key;
	STAILQ_HEAD(, sample) samples;
	struct sample *other;
};

struct check {
	STAILQ_ENTRY(check) next;
	uint32_t level;
	char *name;
	char text[HEALTH_TEXT_SIZE];
};

struct collector {
	STAILQ_ENTRY(collector) next;
	metrics_collect_fn *fn;
	void *arg;
};

struct host_metrics {
	TAILQ_ENTRY(host_metrics) all;
	struct ocppd_host *host;
	struct family *families;
	uint32_t count;
	uint32_t check_count;
	STAILQ_HEAD(, check) checks;
	STAILQ_HEAD(, collector) collectors;
};

struct metrics {
	TAILQ_HEAD(, host_metrics) all;
};

/* ---- Samples --------------------------------------------------------------------------------- */

static void
sample_free(struct sample *sample)
{
	if (!sample)
		return;
	free(sample->key);
	free(sample->texts);
	free(sample->labels);
	free(sample->buckets);
	free(sample);
}

/* Splits the key into the label values. */
static void
fill_labels(struct sample *sample, uint32_t count)
{
	char *at = sample->texts;

	for (uint32_t i = 0; i < count; i++) {
		char *end = strchr(at, LABEL_END);

		sample->labels[i] = at;
		if (!end)
			break;
		*end = '\0';
		at = end + 1;
	}
}

static struct sample *
sample_new(struct family *family, const char *key)
{
	struct sample *sample = calloc(1, sizeof(*sample));

	if (!sample)
		return NULL;
	sample->key = str_dup(key);
	sample->texts = str_dup(key);
	sample->labels = calloc(family->label_count + 1, sizeof(*sample->labels));
	if (family->row->kind == OCPPD_METRIC_HISTOGRAM)
		sample->buckets = calloc(family->row->bucket_count + 1, sizeof(*sample->buckets));
	if (!sample->key || !sample->texts || !sample->labels ||
	    (family->row->kind == OCPPD_METRIC_HISTOGRAM && !sample->buckets) ||
	    map_put(&family->by_key, sample->key, sample) < 0) {
		sample_free(sample);
		return NULL;
	}
	fill_labels(sample, family->label_count);
	STAILQ_INSERT_TAIL(&family->samples, sample, next);
	return sample;
}

/* Control characters are left out, so that LABEL_END separates. */
static char *
put_label(char *at, const char *value)
{
	size_t len = value ? utf8_cut(value, METRIC_LABEL_SIZE - 2) : 0;

	for (size_t i = 0; i < len; i++)
		if ((unsigned char)value[i] >= 0x20)
			*at++ = value[i];
	*at++ = LABEL_END;
	return at;
}

static int
sample_find(struct family *family, const char *const *labels, struct sample **ret_sample)
{
	char key[KEY_SIZE + 1];
	char *at = key;
	struct sample *sample;

	if (!labels && family->label_count)
		return OCPPD_EINVAL;
	for (uint32_t i = 0; i < family->label_count; i++)
		at = put_label(at, labels[i]);
	*at = '\0';
	sample = map_find(&family->by_key, key);
	if (!sample && family->by_key.count >= METRIC_COMBINATIONS_MAX && !family->other) {
		at = key;
		for (uint32_t i = 0; i < family->label_count; i++)
			at = put_label(at, "other");
		*at = '\0';
		sample = family->other = map_find(&family->by_key, key);
	}
	if (!sample && family->other)
		sample = family->other;
	if (!sample) {
		bool is_last = family->by_key.count >= METRIC_COMBINATIONS_MAX;

		sample = sample_new(family, key);
		if (is_last)
			family->other = sample;
	}
	if (!sample)
		return OCPPD_ENOMEM;
	*ret_sample = sample;
	return 0;
}

/* ---- Tables ---------------------------------------------------------------------------------- */

static void
family_fini(struct family *family)
{
	while (!STAILQ_EMPTY(&family->samples)) {
		struct sample *sample = STAILQ_FIRST(&family->samples);

		STAILQ_REMOVE_HEAD(&family->samples, next);
		sample_free(sample);
	}
	map_fini(&family->by_key);
}

static struct host_metrics *
host_metrics_get(struct ocppd_host *host)
{
	struct host_metrics *own = host->metrics;

	if (own)
		return own;
	own = calloc(1, sizeof(*own));
	if (!own)
		return NULL;
	own->host = host;
	STAILQ_INIT(&own->checks);
	STAILQ_INIT(&own->collectors);
	TAILQ_INSERT_TAIL(&host->core->metrics->all, own, all);
	host->metrics = own;
	return own;
}

static bool
is_name(const char *name)
{
	if (!name || !*name || (*name >= '0' && *name <= '9'))
		return false;
	for (; *name; name++)
		if (!((*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') ||
		      (*name >= '0' && *name <= '9') || *name == '_' || *name == ':'))
			return false;
	return true;
}

static uint32_t
count_labels(const struct ocppd_metric *row)
{
	uint32_t count = 0;

	while (row->labels && row->labels[count])
		count++;
	return count;
}

static const char *
find_fault(const struct ocppd_metric *row)
{
	uint32_t count = count_labels(row);

	if (!is_name(row->name))
		return "has a bad name";
	if (row->kind < OCPPD_METRIC_COUNTER || row->kind > OCPPD_METRIC_HISTOGRAM)
		return "is of an unknown kind";
	if (count > METRIC_LABELS_MAX)
		return "has too many labels";
	for (uint32_t i = 0; i < count; i++)
		if (!is_name(row->labels[i]))
			return "has a label with a bad name";
	if (row->kind != OCPPD_METRIC_HISTOGRAM)
		return NULL;
	if (!row->bucket_count || row->bucket_count > METRIC_BUCKETS_MAX || !row->buckets)
		return "has no buckets, or too many";
	for (uint32_t i = 0; i < row->bucket_count; i++)
		if (!isfinite(row->buckets[i]) || (i && row->buckets[i] <= row->buckets[i - 1]))
			return "has buckets that do not rise";
	return NULL;
}

static bool
rows_agree(const struct ocppd_metric *a, const struct ocppd_metric *b)
{
	uint32_t count = count_labels(a);

	if (a->kind != b->kind || count_labels(b) != count)
		return false;
	for (uint32_t i = 0; i < count; i++)
		if (strcmp(a->labels[i], b->labels[i]) != 0)
			return false;
	return true;
}

static int
check_row(struct ocppd_core *core, const struct ocppd_host *host, const struct ocppd_metric *row,
	  struct ocppd_error *err)
{
	const char *fault = find_fault(row);
	const struct host_metrics *other;

	if (fault)
		return ocppd_error_set(err, OCPPD_EINVAL, "the metric '%s' of %s %s",
				       row->name ? row->name : "", host->name, fault);
	TAILQ_FOREACH (other, &core->metrics->all, all) {
		for (uint32_t i = 0; i < other->count; i++) {
			const struct ocppd_metric *known = other->families[i].row;

			if (strcmp(known->name, row->name) != 0)
				continue;
			if (other->host == host)
				return ocppd_error_set(err, OCPPD_ECONFLICT,
						       "%s declares the metric '%s' twice",
						       host->name, row->name);
			if (!rows_agree(known, row))
				return ocppd_error_set(
					err, OCPPD_ECONFLICT,
					"%s and %s both have the metric '%s', but of another kind "
					"or with other labels",
					other->host->name, host->name, row->name);
		}
	}
	return 0;
}

static int
add_family(struct host_metrics *own, const struct ocppd_metric *row)
{
	struct family *family = &own->families[own->count];

	*family = (struct family){ .row = row, .label_count = count_labels(row) };
	STAILQ_INIT(&family->samples);
	/* What has no labels exists from the start, as zero. */
	if (!family->label_count && !sample_new(family, "")) {
		family_fini(family);
		return OCPPD_ENOMEM;
	}
	own->count++;
	return 0;
}

/* STAILQ heads point into themselves while empty: a moved one is made anew. */
static int
grow_families(struct host_metrics *own, uint32_t more)
{
	struct family *families;

	if (!more)
		return 0;
	families = realloc(own->families, (own->count + more) * sizeof(*families));
	if (!families)
		return OCPPD_ENOMEM;
	own->families = families;
	for (uint32_t i = 0; i < own->count; i++)
		if (!STAILQ_FIRST(&families[i].samples))
			STAILQ_INIT(&families[i].samples);
	return 0;
}

int
metrics_add(struct ocppd_core *core, struct ocppd_host *host, const struct ocppd_metric *rows,
	    uint32_t count, struct ocppd_error *err)
{
	struct host_metrics *own = host_metrics_get(host);
	int first = own ? (int)own->count : 0;

	if (!own || grow_families(own, count) < 0)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	for (uint32_t i = 0; i < count; i++) {
		int r = check_row(core, host, &rows[i], err);

		if (r < 0)
			return r;
		if (add_family(own, &rows[i]) < 0)
			return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	}
	return first;
}

static void
check_free(struct check *check)
{
	free(check->name);
	free(check);
}

void
metrics_remove(struct ocppd_core *core, struct ocppd_host *host)
{
	struct host_metrics *own = host->metrics;

	if (!own)
		return;
	for (uint32_t i = 0; i < own->count; i++)
		family_fini(&own->families[i]);
	free(own->families);
	while (!STAILQ_EMPTY(&own->checks)) {
		struct check *check = STAILQ_FIRST(&own->checks);

		STAILQ_REMOVE_HEAD(&own->checks, next);
		check_free(check);
	}
	while (!STAILQ_EMPTY(&own->collectors)) {
		struct collector *collector = STAILQ_FIRST(&own->collectors);

		STAILQ_REMOVE_HEAD(&own->collectors, next);
		free(collector);
	}
	TAILQ_REMOVE(&core->metrics->all, own, all);
	free(own);
	host->metrics = NULL;
}

int
metrics_add_collector(struct ocppd_core *core, struct ocppd_host *host, metrics_collect_fn *fn,
		      void *arg)
{
	struct host_metrics *own = host_metrics_get(host);
	struct collector *collector = own ? calloc(1, sizeof(*collector)) : NULL;

	(void)core;
	if (!collector)
		return OCPPD_ENOMEM;
	collector->fn = fn;
	collector->arg = arg;
	STAILQ_INSERT_TAIL(&own->collectors, collector, next);
	return 0;
}

void
metrics_remove_collector(struct ocppd_core *core, struct ocppd_host *host, const void *arg)
{
	struct host_metrics *own = host->metrics;
	struct collector *collector = own ? STAILQ_FIRST(&own->collectors) : NULL;

	(void)core;
	while (collector) {
		struct collector *next = STAILQ_NEXT(collector, next);

		if (collector->arg == arg) {
			STAILQ_REMOVE(&own->collectors, collector, collector, next);
			free(collector);
		}
		collector = next;
	}
}

/* ---- Values ---------------------------------------------------------------------------------- */

/* The sample to change, if the metric exists and is of that kind. */
static int
look_up(struct ocppd_host *host, uint32_t metric, uint32_t kind, const char *const *labels,
	struct sample **ret_sample)
{
	struct host_metrics *own = host->metrics;

	if (!own || metric >= own->count || own->families[metric].row->kind != kind)
		return OCPPD_EINVAL;
	return sample_find(&own->families[metric], labels, ret_sample);
}

int
ocppd_metric_add(struct ocppd_host *host, uint32_t metric, const char *const *labels, double value)
{
	struct sample *sample;
	int r;

	if (!isfinite(value) || value < 0)
		return OCPPD_EINVAL;
	r = look_up(host, metric, OCPPD_METRIC_COUNTER, labels, &sample);
	if (r == 0)
		sample->value += value;
	return r;
}

int
ocppd_metric_set(struct ocppd_host *host, uint32_t metric, const char *const *labels, double value)
{
	struct sample *sample;
	int r = look_up(host, metric, OCPPD_METRIC_GAUGE, labels, &sample);

	if (r == 0)
		sample->value = value;
	return r;
}

int
metrics_set_total(struct ocppd_host *host, uint32_t metric, const char *const *labels, double total)
{
	struct sample *sample;
	int r = look_up(host, metric, OCPPD_METRIC_COUNTER, labels, &sample);

	if (r == 0 && total > sample->value)
		sample->value = total;
	return r;
}

int
metrics_set_histogram(struct ocppd_host *host, uint32_t metric, const char *const *labels,
		      const uint64_t *buckets, double sum)
{
	const struct ocppd_metric *row;
	struct sample *sample;
	int r = look_up(host, metric, OCPPD_METRIC_HISTOGRAM, labels, &sample);

	if (r < 0)
		return r;
	row = host->metrics->families[metric].row;
	sample->count = 0;
	for (uint32_t i = 0; i <= row->bucket_count; i++) {
		sample->buckets[i] = buckets[i];
		sample->count += buckets[i];
	}
	sample->value = sum;
	return 0;
}

int
ocppd_metric_observe(struct ocppd_host *host, uint32_t metric, const char *const *labels,
		     double value)
{
	const struct ocppd_metric *row;
	struct sample *sample;
	uint32_t at = 0;
	int r;

	if (!isfinite(value))
		return OCPPD_EINVAL;
	r = look_up(host, metric, OCPPD_METRIC_HISTOGRAM, labels, &sample);
	if (r < 0)
		return r;
	row = host->metrics->families[metric].row;
	while (at < row->bucket_count && value > row->buckets[at])
		at++;
	sample->buckets[at]++;
	sample->count++;
	sample->value += value;
	return 0;
}

/* ---- Reading --------------------------------------------------------------------------------- */

static int
tell_family(const struct host_metrics *own, const struct family *family, ocppd_sample_fn *fn,
	    void *arg)
{
	const struct sample *sample;
	int r = 0;

	STAILQ_FOREACH(sample, &family->samples, next)
	{
		const struct ocppd_sample told = {
			.struct_size = sizeof(told),
			.metric = family->row,
			.owner = own->host->name,
			.labels = sample->labels,
			.value = sample->value,
			.count = sample->count,
			.buckets = sample->buckets,
		};

		r = fn(&told, arg);
		if (r != 0)
			break;
	}
	return r;
}

/* All owners' samples of one name; readers want them side by side. */
static int
tell_name(const struct metrics *metrics, const char *name, ocppd_sample_fn *fn, void *arg)
{
	const struct host_metrics *own;
	int r = 0;

	TAILQ_FOREACH (own, &metrics->all, all)
		for (uint32_t i = 0; i < own->count && r == 0; i++)
			if (strcmp(own->families[i].row->name, name) == 0)
				r = tell_family(own, &own->families[i], fn, arg);
	return r;
}

static bool
is_first(const struct metrics *metrics, const struct family *family)
{
	const struct host_metrics *own;

	TAILQ_FOREACH (own, &metrics->all, all)
		for (uint32_t i = 0; i < own->count; i++)
			if (strcmp(own->families[i].row->name, family->row->name) == 0)
				return &own->families[i] == family;
	return true;
}

static void
collect(const struct metrics *metrics)
{
	const struct host_metrics *own;
	const struct collector *collector;

	TAILQ_FOREACH (own, &metrics->all, all)
		STAILQ_FOREACH(collector, &own->collectors, next)
	collector->fn(own->host, collector->arg);
}

int
ocppd_sample_each(struct ocppd_host *host, ocppd_sample_fn *fn, void *arg)
{
	const struct metrics *metrics = host->core->metrics;
	const struct host_metrics *own;
	int r = 0;

	collect(metrics);
	TAILQ_FOREACH (own, &metrics->all, all)
		for (uint32_t i = 0; i < own->count && r == 0; i++)
			if (is_first(metrics, &own->families[i]))
				r = tell_name(metrics, own->families[i].row->name, fn, arg);
	return r;
}

int
ocppd_sample_next(struct ocppd_host *host, const char *after, ocppd_sample_fn *fn, void *arg,
		  const char **ret_name)
{
	const struct metrics *metrics = host->core->metrics;
	const struct host_metrics *own;
	const char *least = NULL;

	if (!after)
		collect(metrics);
	TAILQ_FOREACH (own, &metrics->all, all) {
		for (uint32_t i = 0; i < own->count; i++) {
			const char *name = own->families[i].row->name;

			if ((!after || strcmp(name, after) > 0) &&
			    (!least || strcmp(name, least) < 0))
				least = name;
		}
	}
	if (!least)
		return OCPPD_ENOENT;
	*ret_name = least;
	return tell_name(metrics, least, fn, arg);
}

/* ---- Health ---------------------------------------------------------------------------------- */

static struct check *
check_get(struct ocppd_host *host, const char *name)
{
	struct host_metrics *own = host_metrics_get(host);
	struct check *check;

	if (!own)
		return NULL;
	STAILQ_FOREACH(check, &own->checks, next)
	if (strcmp(check->name, name) == 0)
		return check;
	check = own->check_count < HEALTH_CHECKS_MAX ? calloc(1, sizeof(*check)) : NULL;
	if (!check)
		return NULL;
	check->name = str_dup(name);
	if (!check->name) {
		free(check);
		return NULL;
	}
	own->check_count++;
	STAILQ_INSERT_TAIL(&own->checks, check, next);
	return check;
}

void
ocppd_health_set(struct ocppd_host *host, const char *check, uint32_t level, const char *text)
{
	static const char *const levels[] = { "ok", "degraded", "failed" };
	struct check *own = check_get(host, check);
	uint32_t before = own ? own->level : OCPPD_HEALTH_OK;

	if (level > OCPPD_HEALTH_FAILED)
		level = OCPPD_HEALTH_FAILED;
	if (own) {
		own->level = level;
		(void)str_copy(own->text, sizeof(own->text), text ? text : "");
	}
	if (level == before)
		return;
	OCPPD_LOG(host, level == OCPPD_HEALTH_OK ? OCPPD_LOG_INFO : OCPPD_LOG_WARN,
		  "health.changed", OCPPD_STR("check", check), OCPPD_STR("level", levels[level]),
		  OCPPD_STR("err", text));
}

int
ocppd_health_each(struct ocppd_host *host, ocppd_health_fn *fn, void *arg)
{
	const struct host_metrics *own;
	const struct check *check;

	TAILQ_FOREACH (own, &host->core->metrics->all, all) {
		STAILQ_FOREACH(check, &own->checks, next)
		{
			int r = fn(own->host->name, check->name, check->level, check->text, arg);

			if (r != 0)
				return r;
		}
	}
	return 0;
}

int
metrics_init(struct ocppd_core *core, struct ocppd_error *err)
{
	core->metrics = calloc(1, sizeof(*core->metrics));
	if (!core->metrics)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	TAILQ_INIT(&core->metrics->all);
	return 0;
}

void
metrics_fini(struct ocppd_core *core)
{
	free(core->metrics);
	core->metrics = NULL;
}
