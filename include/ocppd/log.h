/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_LOG_H
#define OCPPD_LOG_H

/*
 * Logging: one logfmt line per event, event name first, typed values after it.
 *
 *     OCPPD_INFO(host, "station.accepted", OCPPD_STR("station", id), OCPPD_INT("interval_s", 300));
 *     ts=2026-03-01T10:00:00.123Z lvl=info ev=station.accepted plugin=ocpp16_core station=CP-0001 …
 *
 * The event is `noun.past_participle`. Keys: station conn action msgid plugin code err dur_ms bytes
 * remote, and others where none of these says it. Never a secret; id tokens above debug only by
 * OCPPD_TAG, which keeps their last four characters. The logger escapes.
 *
 * The macros want one value at least; an event without is ocppd_log(host, level, event, NULL, 0).
 *
 * Events with a `station` that repeat are limited to a few a minute for each station and event; the
 * next line says how many were left out.
 */
#include <ocppd/abi.h>

OCPPD_BEGIN_DECLS

#define OCPPD_LOG_ERROR 1 /* someone must act */
#define OCPPD_LOG_WARN 2  /* we coped, someone should look */
#define OCPPD_LOG_INFO 3  /* a change of state that is asked about later */
#define OCPPD_LOG_DEBUG 4 /* each message */

#define OCPPD_KV_STR 1
#define OCPPD_KV_INT 2
#define OCPPD_KV_TAG 3
#define OCPPD_KV_BYTES 4

struct ocppd_kv {
	const char *key;
	const char
		*text; /* STR, TAG: NUL-terminated, may be NULL; BYTES: number bytes, any content */
	int64_t number;
	uint32_t kind; /* OCPPD_KV_* */
	uint32_t reserved;
};

#ifdef __cplusplus
#define OCPPD_KV_INIT(key, text, number, kind)                                                     \
	ocppd_kv                                                                                   \
	{                                                                                          \
		(key), (text), (number), (kind), 0                                                 \
	}
#else
#define OCPPD_KV_INIT(key, text, number, kind)                                                     \
	((struct ocppd_kv){ (key), (text), (number), (kind), 0 })
#endif
#define OCPPD_STR(key, value) OCPPD_KV_INIT(key, value, 0, OCPPD_KV_STR)
#define OCPPD_INT(key, value) OCPPD_KV_INIT(key, NULL, (int64_t)(value), OCPPD_KV_INT)
#define OCPPD_TAG(key, value) OCPPD_KV_INIT(key, value, 0, OCPPD_KV_TAG)
#define OCPPD_BYTES(key, value, len) OCPPD_KV_INIT(key, value, (int64_t)(len), OCPPD_KV_BYTES)

/* Writes one line unless the level is below the configured one. Any thread. Never blocks for long:
 * a line that the sink cannot take is counted and dropped. */
OCPPD_API void ocppd_log(struct ocppd_host *host, uint32_t level, const char *event,
			 const struct ocppd_kv *kv, uint32_t count);

/* 1 if a line of this level would be written. Any thread. */
OCPPD_API int ocppd_log_enabled(struct ocppd_host *host, uint32_t level);

#define OCPPD_LOG(host, level, event, ...)                                                         \
	do {                                                                                       \
		if (ocppd_log_enabled((host), (level))) {                                          \
			const struct ocppd_kv ocppd_kv_[] = { __VA_ARGS__ };                       \
			ocppd_log((host), (level), (event), ocppd_kv_,                             \
				  sizeof(ocppd_kv_) / sizeof(ocppd_kv_[0]));                       \
		}                                                                                  \
	} while (0)
#define OCPPD_ERROR(host, event, ...) OCPPD_LOG(host, OCPPD_LOG_ERROR, event, __VA_ARGS__)
#define OCPPD_WARN(host, event, ...) OCPPD_LOG(host, OCPPD_LOG_WARN, event, __VA_ARGS__)
#define OCPPD_INFO(host, event, ...) OCPPD_LOG(host, OCPPD_LOG_INFO, event, __VA_ARGS__)
#define OCPPD_DEBUG(host, event, ...) OCPPD_LOG(host, OCPPD_LOG_DEBUG, event, __VA_ARGS__)

OCPPD_END_DECLS
#endif
