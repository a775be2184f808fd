/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_EVENT_H
#define OCPPD_EVENT_H

/*
 * Events: things that happened, told to whoever listens. A topic is a row of its publisher's
 * descriptor; several modules may publish one if their tables agree. The project's own topics stand
 * in include/ocppd/event/.
 *
 * Publishing queues; delivery runs after the current callback, in order of subscription. Bodies are
 * read-only. Sequence numbers rise by one with every event of the process, from 1.
 *
 * Core thread.
 */
#include <ocppd/abi.h>
#include <ocppd/error.h>
#include <ocppd/schema.h>

OCPPD_BEGIN_DECLS

struct ocppd_topic {
	const char *name; /* "transaction.started" */
	const char *doc;
	OCPPD_ROWS(ocppd_field) body;
};

struct ocppd_event {
	uint32_t struct_size;
	uint32_t reserved;
	uint64_t sequence;
	int64_t time_us;
	const char *topic;
	const char *publisher;    /* module, or "core" */
	const char *station_id;   /* whom it is about, or NULL */
	struct json_object *body; /* borrowed, read-only */
};

/* 1 if anybody listens to the topic: ask before building a body that costs something. */
OCPPD_API int ocppd_event_wanted(struct ocppd_host *host, const char *topic);

/*
 * Publishes one of the module's own topics. body is taken, also on error; NULL: {}.
 * Returns 0; OCPPD_ENOENT the topic is not in the descriptor; OCPPD_EBUSY more than the bound of
 * undelivered events (counted); OCPPD_ENOMEM.
 */
OCPPD_API int ocppd_event_publish(struct ocppd_host *host, const char *topic,
				  const char *station_id, struct json_object *body);

typedef void ocppd_event_fn(struct ocppd_host *host, const struct ocppd_event *event, void *arg);
struct ocppd_subscription;
/* pattern: a topic, "transaction.*", or "*". NULL: out of memory. */
OCPPD_API struct ocppd_subscription *
ocppd_event_subscribe(struct ocppd_host *host, const char *pattern, ocppd_event_fn *fn, void *arg);
OCPPD_API void ocppd_event_unsubscribe(struct ocppd_subscription *subscription);

/* Every topic that loaded modules and the core declare. */
typedef int ocppd_topic_fn(const struct ocppd_topic *topic, const char *publisher, void *arg);
OCPPD_API int ocppd_topic_each(struct ocppd_host *host, ocppd_topic_fn *fn, void *arg);

OCPPD_END_DECLS
#endif
