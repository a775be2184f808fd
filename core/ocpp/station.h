/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_OCPP_STATION_H
#define OCPPD_OCPP_STATION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <ocppd/station.h>

#include "base/map.h"

/*
 * The registry of stations. A record is made once and stays; an idle station costs its record, the
 * modules' slots behind it and its identity, in one block. What only busy stations need hangs off
 * pointers.
 */
struct ocpp;
struct conn;
struct inbound;
struct ocppd_call;
struct quirks;
struct reply;
struct station_calls;
struct slot_extra;
struct hits;
struct ocppd_timer;
struct expectation;

struct ocppd_station {
	uint32_t magic;
	uint32_t registration; /* OCPPD_REG_* */
	const char *id;        /* inside this block */
	struct conn *conn;     /* NULL: not connected */
	struct quirks *quirks; /* of the newest connection, or set since; a reference */
	/* router.c */
	struct ocppd_call *open; /* the CALL that a module works on */
	struct inbound *first;   /* CALLs that wait for it, linked by `link` */
	struct inbound *last;
	STAILQ_ENTRY(ocppd_station) ready;
	TAILQ_HEAD(, reply) replies; /* replies.c: repeated answers (C03) */
	/* calls.c */
	struct station_calls *calls;  /* NULL until something is sent */
	struct slot_extra *extra;     /* slots added after this record was made */
	struct hits *hits;            /* hits.c: NULL until it deviates */
	struct expectation *expected; /* what we asked for, whatever the registration */
	int64_t takeover_since_us;
	int64_t heartbeat_s; /* 0: not told */
	uint64_t last_frame; /* frames.c: position of its newest, 0: none yet */
	uint32_t takeover_count;
	uint32_t waiting_count;
	uint32_t slots_size;
	uint16_t reply_count;
	uint16_t orphan_count; /* ONCE calls of earlier connections that are still worked on */
	bool is_ready;         /* on the router's list */
	bool is_pumping;
	max_align_t slots[]; /* then the identity */
};

#define STATION_MAGIC 0x4f535441u
#define SLOTS_MAX 64

struct slot {
	struct ocppd_host *host; /* NULL: free */
	ocppd_slot_fini_fn *fini;
	uint32_t scope;
	uint32_t size;
	uint32_t offset;
};

struct stations {
	struct map map;
	uint32_t connected;
	uint32_t slot_count;
	struct slot slots[SLOTS_MAX];
	uint32_t station_bytes; /* of slots in a new record */
	uint32_t conn_bytes;
	struct ocppd_timer *summary_timer; /* hits.c */
	size_t summary_at;
};

void stations_fini(struct ocpp *ocpp);
/* Frees the slots of a module, running their fini. */
void stations_detach(struct ocpp *ocpp, struct ocppd_host *host);

void station_opened(struct ocpp *ocpp, struct conn *conn);
/* code, reason: as the transport saw the end. The conn is released. */
void station_closed(struct ocpp *ocpp, struct conn *conn, uint32_t code, const char *reason);
/* Starts an orderly close. close_class: a static word for the event and the log. */
void station_close(struct conn *conn, uint32_t code, const char *close_class, const char *reason);

/* Accepted, or as good as (F01). */
bool station_is_accepted(const struct ocppd_station *station);
/* True, once, for a message that was asked for. */
bool station_expected(struct ocpp *ocpp, struct ocppd_station *station, const char *action);
/* Its connection if messages may still be sent over it, else NULL. */
struct conn *station_conn(const struct ocppd_station *station);
void station_quirk(struct ocpp *ocpp, struct ocppd_station *station, const char *code,
		   const char *raw);

#endif
