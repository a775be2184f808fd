/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_SERVICE_SMART_CHARGING_H
#define OCPPD_SERVICE_SMART_CHARGING_H

/*
 * The service `ocppd.smart_charging` 1.0: limits on what stations draw. Offered by
 * `ocpp16_smart_charging`. Made for load management: install a limit, learn what came of it, ask
 * what all that is installed amounts to.
 *
 * Limits are tenths of an ampere (per phase) or of a watt (in total). Places as in stations.h;
 * 0, 0 is the station as a whole, or every connector.
 *
 * Core thread.
 */
#include <ocppd/abi.h>
#include <ocppd/error.h>
#include <ocppd/service/stations.h>

OCPPD_BEGIN_DECLS

struct ocppd_station;

#define OCPPD_RATE_A 0
#define OCPPD_RATE_W 1

#define OCPPD_CHARGING_STATION 0     /* all of the station together; place 0, 0 */
#define OCPPD_CHARGING_DEFAULT 1     /* transactions at the place, 0, 0: at any */
#define OCPPD_CHARGING_TRANSACTION 2 /* the transaction under way at the place */

/* One part of a schedule: from start_s until the next part begins. */
struct ocppd_charging_period {
	int64_t start_s; /* from the schedule's start; the first 0, then rising */
	int64_t limit;   /* -1, in an answer only: none is known */
	int64_t phases;  /* 1 to 3; 0: not stated, which is 3 */
};

/*
 * A station that refuses a limit is asked in other words that amount to the same: from the start of
 * the transaction instead of by the clock, in watts instead of amperes, for its only connector
 * instead of the whole. With this flag it is not.
 */
#define OCPPD_CHARGING_AS_GIVEN 0x100u

struct ocppd_charging_limit {
	uint32_t struct_size;
	uint32_t flags; /* OCPPD_CALL_STRICT, OCPPD_CALL_AUTOMATIC, OCPPD_CHARGING_AS_GIVEN */
	struct ocppd_station *station;
	struct ocppd_place place;
	uint32_t purpose;   /* OCPPD_CHARGING_* */
	uint32_t unit;      /* OCPPD_RATE_* */
	int64_t profile_id; /* 0: one that is free. An id in use is replaced. */
	int64_t stack_level;
	int64_t start_us;    /* when the schedule begins; 0: now */
	int64_t duration_s;  /* 0: without end */
	int64_t valid_to_us; /* when the profile stops being valid; 0: never */
	int64_t min_rate;    /* below it charging is inefficient; 0: not stated */
	const struct ocppd_charging_period *periods;
	uint32_t period_count; /* at least 1 */
	uint32_t reserved;
};

/* What came of a limit, or of clearing one. */
#define OCPPD_CHARGING_ACCEPTED 1
#define OCPPD_CHARGING_REJECTED 2
#define OCPPD_CHARGING_NOT_SUPPORTED 3
#define OCPPD_CHARGING_UNKNOWN 4   /* clearing: the station has no such profile */
#define OCPPD_CHARGING_ERROR 5     /* a CALLERROR, or an answer beyond reading */
#define OCPPD_CHARGING_NO_ANSWER 6 /* timeout, connection lost: it may be installed or not */
#define OCPPD_CHARGING_REFUSED 7   /* not sent: the daemon's own checks; text says why */

struct ocppd_charging_outcome {
	uint32_t struct_size;
	uint32_t outcome; /* OCPPD_CHARGING_* */
	int64_t profile_id;
	const char *text; /* why; or, if it was accepted in other words, in which: "Relative, W at
			   * 230 V"; "RemoteStopTransaction": its station takes no pauses, and what
			   * was under way is to end instead, with nothing installed (quirk H08);
			   * else "". Borrowed until the return. */
};
typedef void ocppd_charging_fn(struct ocppd_host *host,
			       const struct ocppd_charging_outcome *outcome, void *arg);

struct ocppd_charging_query {
	uint32_t struct_size;
	uint32_t unit; /* OCPPD_RATE_*: of the answer */
	struct ocppd_station *station;
	struct ocppd_place place;
	int64_t start_us; /* 0: now */
	int64_t duration_s;
};

/* A profile that a station holds, as far as is known. Borrowed until the current callback ends. */
struct ocppd_charging_profile {
	uint32_t struct_size;
	uint32_t purpose; /* OCPPD_CHARGING_* */
	struct ocppd_place place;
	int64_t profile_id;
	int64_t stack_level;
	int64_t transaction_id; /* 0: none */
	uint32_t is_doubtful;   /* 1: the station rebooted, or left a change unanswered, since */
	uint32_t reserved;
};
/* Another value than 0 ends the walk and is returned. */
typedef int ocppd_charging_profile_fn(const struct ocppd_charging_profile *profile, void *arg);

struct ocppd_smart_charging_ops {
	uint32_t struct_size;
	uint32_t reserved;

	/*
	 * Installs a limit. Returns OCPPD_PENDING: fn (may be NULL) runs exactly once, under
	 * `host`, after this returned; or negative and it never runs: OCPPD_EINVAL, or what
	 * ocppd_call_send returns, with err. Everything is copied.
	 */
	int (*install)(void *self, struct ocppd_host *host,
		       const struct ocppd_charging_limit *limit, ocppd_charging_fn *fn, void *arg,
		       struct ocppd_error *err);
	/* Clears one profile by its id. Returns as install. */
	int (*clear)(void *self, struct ocppd_host *host, struct ocppd_station *station,
		     int64_t profile_id, ocppd_charging_fn *fn, void *arg, struct ocppd_error *err);
	/*
	 * What the installed profiles amount to, by computation. Returns how many of the periods
	 * were filled; OCPPD_EINVAL; OCPPD_ESPACE: they are more than max; OCPPD_ENOMEM.
	 */
	int64_t (*composite)(void *self, struct ocppd_host *host,
			     const struct ocppd_charging_query *query,
			     struct ocppd_charging_period *ret_periods, uint32_t max);
	/* Each profile that a station holds, newest first. */
	int (*profile_each)(void *self, struct ocppd_host *host, struct ocppd_station *station,
			    ocppd_charging_profile_fn *fn, void *arg);
};

OCPPD_END_DECLS
#endif
