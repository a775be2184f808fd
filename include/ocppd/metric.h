/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_METRIC_H
#define OCPPD_METRIC_H

/*
 * Metrics and health. A metric is a row of the descriptor; its values are kept by the core and read
 * by whichever module exposes them. Names and units by the Prometheus conventions. No label takes a
 * value from a station.
 *
 * Core thread.
 */
#include <ocppd/abi.h>
#include <ocppd/error.h>

OCPPD_BEGIN_DECLS

#define OCPPD_METRIC_COUNTER 1
#define OCPPD_METRIC_GAUGE 2
#define OCPPD_METRIC_HISTOGRAM 3

struct ocppd_metric {
	const char *name; /* "ocppd_storage_commit_seconds" */
	const char *help;
	uint32_t kind; /* OCPPD_METRIC_* */
	uint32_t bucket_count;
	const double *buckets;     /* HISTOGRAM: upper bounds, rising */
	const char *const *labels; /* names, NULL at the end; NULL: none */
};

/*
 * Adds to a counter, sets a gauge, observes for a histogram. metric: index in the module's table.
 * labels: one value a name, in their order; NULL: none. At most 256 combinations a metric, what
 * goes beyond is counted under the label value "other". Returns 0, OCPPD_EINVAL, OCPPD_ENOMEM.
 */
OCPPD_API int ocppd_metric_add(struct ocppd_host *host, uint32_t metric, const char *const *labels,
			       double value);
OCPPD_API int ocppd_metric_set(struct ocppd_host *host, uint32_t metric, const char *const *labels,
			       double value);
OCPPD_API int ocppd_metric_observe(struct ocppd_host *host, uint32_t metric,
				   const char *const *labels, double value);

struct ocppd_sample {
	uint32_t struct_size;
	uint32_t reserved;
	const struct ocppd_metric *metric;
	const char *owner;
	const char *const *labels; /* values, NULL at the end */
	double value;              /* COUNTER, GAUGE; HISTOGRAM: the sum */
	uint64_t count;            /* HISTOGRAM: observations */
	const uint64_t *buckets;   /* HISTOGRAM: not cumulated, bucket_count + 1 of them */
};
typedef int ocppd_sample_fn(const struct ocppd_sample *sample, void *arg);
/* Metric by metric. Ends when fn returns another value than 0. */
OCPPD_API int ocppd_sample_each(struct ocppd_host *host, ocppd_sample_fn *fn, void *arg);
/*
 * The same in pieces: the samples of the metric whose name comes next after `after`, in the order
 * of the names, all owners' together. after NULL begins, and brings all values up to date. A
 * metric that has no samples yet counts: fn is not called for it. *ret_name is borrowed until its
 * owner stops. Returns what fn returned if not 0, else 0, or OCPPD_ENOENT: there is none after it.
 */
OCPPD_API int ocppd_sample_next(struct ocppd_host *host, const char *after, ocppd_sample_fn *fn,
				void *arg, const char **ret_name);

/* Health: named checks, each with a level and a text. */
#define OCPPD_HEALTH_OK 0
#define OCPPD_HEALTH_DEGRADED 1 /* works, someone should look */
#define OCPPD_HEALTH_FAILED 2   /* does not do its job at present */
/* text: copied; may be NULL. The check is gone when the module stops. */
OCPPD_API void ocppd_health_set(struct ocppd_host *host, const char *check, uint32_t level,
				const char *text);
typedef int ocppd_health_fn(const char *owner, const char *check, uint32_t level, const char *text,
			    void *arg);
OCPPD_API int ocppd_health_each(struct ocppd_host *host, ocppd_health_fn *fn, void *arg);

OCPPD_END_DECLS
#endif
