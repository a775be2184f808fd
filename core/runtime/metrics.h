/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_RUNTIME_METRICS_H
#define OCPPD_RUNTIME_METRICS_H

#include <stdint.h>

#include <ocppd/metric.h>

#include "runtime/core.h"

/*
 * Values of metrics, and health. Core thread: what other threads count they keep in atomics of
 * their own, and a collector brings it here when somebody reads.
 */
struct metrics;

#define METRIC_COMBINATIONS_MAX 256
#define METRIC_LABELS_MAX 8
#define METRIC_LABEL_SIZE 64 /* bytes of a label's value that count */
#define METRIC_BUCKETS_MAX 64
#define HEALTH_CHECKS_MAX 64 /* a module */

int metrics_init(struct ocppd_core *core, struct ocppd_error *err);
void metrics_fini(struct ocppd_core *core);

/*
 * Adds rows for a host, borrowed until metrics_remove, and returns the index of the first: 0 for a
 * module's descriptor (host_register does it). A floor of the core adds its own table to
 * core->self and counts from what it got. OCPPD_ECONFLICT: another owner's metric of the same name
 * is of another kind or has other labels; OCPPD_EINVAL: a row breaks a rule; OCPPD_ENOMEM.
 */
int metrics_add(struct ocppd_core *core, struct ocppd_host *host, const struct ocppd_metric *rows,
		uint32_t count, struct ocppd_error *err);
/* Forgets the host's metrics, health checks and collectors. */
void metrics_remove(struct ocppd_core *core, struct ocppd_host *host);

/* fn runs whenever samples are about to be read. 0 or OCPPD_ENOMEM. */
typedef void metrics_collect_fn(struct ocppd_host *host, void *arg);
int metrics_add_collector(struct ocppd_core *core, struct ocppd_host *host, metrics_collect_fn *fn,
			  void *arg);
/* Forgets it before its host goes. */
void metrics_remove_collector(struct ocppd_core *core, struct ocppd_host *host, const void *arg);
/* Sets a counter to a total that is counted elsewhere; it must not fall. */
int metrics_set_total(struct ocppd_host *host, uint32_t metric, const char *const *labels,
		      double total);
/* Sets a histogram to what was observed elsewhere: bucket_count + 1 counts, not cumulated. */
int metrics_set_histogram(struct ocppd_host *host, uint32_t metric, const char *const *labels,
			  const uint64_t *buckets, double sum);

#endif
