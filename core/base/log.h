/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_BASE_LOG_H
#define OCPPD_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include <ocppd/log.h>

/*
 * The log sink: logfmt lines to a descriptor, `<n>` priorities before them where the journal
 * reads, repeated events of a station limited. Any thread.
 */
struct log;
struct clock;

struct log *log_new(const struct clock *clock, int fd, uint32_t level, bool has_priority);
void log_free(struct log *log);
void log_set_level(struct log *log, uint32_t level);
bool log_enabled(const struct log *log, uint32_t level);
/* owner: the module's name, "core" for the core. */
void log_write(struct log *log, uint32_t level, const char *owner, const char *event,
	       const struct ocppd_kv *kv, uint32_t count);
/* "error", "warn", "info", "debug" to OCPPD_LOG_*, or OCPPD_EINVAL. */
int log_level_parse(const char *text, uint32_t *ret_level);
/* Tests: gives each line, without newline, to fn instead of the descriptor. */
void log_set_sink(struct log *log, void (*fn)(const char *line, void *arg), void *arg);

#endif
