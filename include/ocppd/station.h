/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_STATION_H
#define OCPPD_STATION_H

/*
 * Stations as the core knows them: an identity, a connection or none, a state of registration,
 * memory for modules. What a station is called, who made it and what it does is the modules' own.
 *
 * A station's handle exists from its first admitted connection (or ocppd_station_get) until the
 * daemon ends; it may be kept. All functions: core thread.
 */
#include <ocppd/abi.h>
#include <ocppd/error.h>

OCPPD_BEGIN_DECLS

#define OCPPD_STATION_ID_MAX 48 /* characters, OCPP 2.0.1's limit for identities */

struct ocppd_station;

/* Registration, the protocol's answer to a boot. It survives reconnects, and restarts where the
 * directory says so. */
#define OCPPD_REG_NONE 0 /* never booted here */
#define OCPPD_REG_ACCEPTED 1
#define OCPPD_REG_PENDING 2
#define OCPPD_REG_REJECTED 3

/* Borrowed, NULL if no station of that exact identity was ever seen. */
OCPPD_API struct ocppd_station *ocppd_station_find(struct ocppd_host *host, const char *station_id);
/* The same, made if need be. NULL: out of memory, bad identity or `max_stations` reached. */
OCPPD_API struct ocppd_station *ocppd_station_get(struct ocppd_host *host, const char *station_id);

OCPPD_API const char *ocppd_station_id(const struct ocppd_station *station);
OCPPD_API uint32_t ocppd_station_registration(const struct ocppd_station *station);
/* Takes effect with the next message. A protocol's base module says this. */
OCPPD_API void ocppd_station_set_registration(struct ocppd_host *host,
					      struct ocppd_station *station, uint32_t registration);

/*
 * The station was asked for a message that its registration would keep out (TriggerMessage while
 * Pending): one message of that action is admitted within within_ms (1 to 600000), whatever the
 * registration is then. Each call admits one; what is left is forgotten with the connection.
 * Returns 0; OCPPD_EINVAL; OCPPD_ENOTCONN; OCPPD_EBUSY 100 are expected already; OCPPD_ENOMEM.
 */
OCPPD_API int ocppd_station_expect(struct ocppd_host *host, struct ocppd_station *station,
				   const char *action, int64_t within_ms);

/* Seconds between signs of life that the station was told; the core derives from it when a silent
 * connection is given up (quirk B02: at least three times as long). 0: the configured floor. */
OCPPD_API void ocppd_station_set_heartbeat(struct ocppd_host *host, struct ocppd_station *station,
					   int64_t interval_s);

/* The present connection. struct_size is set by the caller; texts are borrowed until the loop. */
struct ocppd_connection_info {
	uint32_t struct_size;
	uint32_t security_profile;
	uint64_t connection_id;  /* unique in this process, also in logs as `conn` */
	const char *protocol;    /* "ocpp1.6" */
	const char *remote;      /* "192.0.2.7:41234" or "[2001:db8::1]:41234" */
	int64_t connected_us;    /* since when */
	int64_t last_receive_us; /* the last frame of any kind; to within a second */
	uint32_t verifier; /* which of its record's matched, from 1; 0: no password was asked */
	uint32_t reserved;
};
/* 1 while a connection is open. */
OCPPD_API int ocppd_station_is_connected(const struct ocppd_station *station);
/* 0, or OCPPD_ENOTCONN. */
OCPPD_API int ocppd_station_connection(const struct ocppd_station *station,
				       struct ocppd_connection_info *ret_info);
/* Closes the connection, if any, with a WebSocket code; reason is a word for the log and the close
 * frame (at most 123 bytes). Outstanding calls end as OCPPD_RES_GONE. */
OCPPD_API void ocppd_station_disconnect(struct ocppd_host *host, struct ocppd_station *station,
					uint32_t code, const char *reason);

/* Calls fn for each known station, connected or not, in no order. fn returns 0 to go on; another
 * value ends the walk and is returned. fn must not make stations. */
typedef int ocppd_station_fn(struct ocppd_host *host, struct ocppd_station *station, void *arg);
OCPPD_API int ocppd_station_each(struct ocppd_host *host, ocppd_station_fn *fn, void *arg);
OCPPD_API uint32_t ocppd_station_count(struct ocppd_host *host, uint32_t *ret_connected);

/*
 * Memory for a module with every station (survives reconnects) or every connection (zeroed for
 * each). Allocated inline by the core, zeroed, and given to fini, if set, before it goes.
 */
#define OCPPD_SCOPE_STATION 1
#define OCPPD_SCOPE_CONNECTION 2
typedef void ocppd_slot_fini_fn(struct ocppd_host *host, struct ocppd_station *station, void *slot);
/* In `init` only. Returns the slot's number, or OCPPD_ESTATE, OCPPD_EINVAL (size 0 or above 4096).
 */
OCPPD_API int ocppd_slot_add(struct ocppd_host *host, uint32_t scope, uint32_t size,
			     ocppd_slot_fini_fn *fini);
/* The memory; NULL for a connection's slot while there is none. */
OCPPD_API void *ocppd_station_slot(struct ocppd_host *host, struct ocppd_station *station,
				   int slot);

/*
 * Quirks: what is known to be odd about a station, by code ("D03") or option ("ping"). From its
 * directory record.
 */
/* 1 if the code, its section ("D") or "all" is listed for the station. */
OCPPD_API int ocppd_station_has_quirk(const struct ocppd_station *station, const char *code);
/* The value of `option=value`, "" for a bare option, NULL if it is not listed. */
OCPPD_API const char *ocppd_station_option(const struct ocppd_station *station, const char *option);
/* Checks a list before it is configured: 0, or OCPPD_EINVAL with err and the index of the first bad
 * item, OCPPD_ENOMEM. Any thread. Since ABI 1.0. */
OCPPD_API int ocppd_quirks_check(const char *const *items, uint32_t count, uint32_t *ret_bad,
				 struct ocppd_error *err);
/* Replaces what the directory said until the station's next connection (a profile that was matched
 * with a boot). items are borrowed. Returns 0, OCPPD_ENOMEM, or OCPPD_EINVAL with err. */
OCPPD_API int ocppd_station_set_quirks(struct ocppd_host *host, struct ocppd_station *station,
				       const char *const *items, uint32_t count, int is_strict,
				       struct ocppd_error *err);
/* Counts and logs a deviation that a module found: WARN with the raw text at its first occurrence
 * in a connection, DEBUG after. raw may be NULL. */
OCPPD_API void ocppd_quirk_hit(struct ocppd_host *host, struct ocppd_station *station,
			       const char *code, const char *raw);

/* Calls fn for each code that was met, with its number since the daemon began, in order of the
 * codes. Another value than 0 ends the walk and is returned. code is borrowed. Since ABI 1.0. */
typedef int ocppd_quirk_fn(const char *code, uint64_t count, void *arg);
OCPPD_API int ocppd_station_quirk_each(const struct ocppd_station *station, ocppd_quirk_fn *fn,
				       void *arg);

OCPPD_END_DECLS
#endif
