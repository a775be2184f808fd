/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_SERVICE_TRANSACTIONS_H
#define OCPPD_SERVICE_TRANSACTIONS_H

/*
 * The service `ocppd.transactions` 1.0: the books. Charging transactions and meter readings,
 * whatever protocol version reported them. Offered by `transactions`.
 *
 * Nothing that a station reports is refused: what is odd is kept and flagged (quirks G01 to G18).
 * What a completion reports is durable. A repetition of a start or a stop, with whatever message
 * id, yields what the first one yielded, and changes nothing.
 *
 * start, stop and readings return OCPPD_PENDING: fn runs exactly once, under `host` (where a unit
 * was handed in, under the host that began it), after the call returned; or negative: OCPPD_EINVAL,
 * OCPPD_EBUSY (queues are full), OCPPD_EIO (storage takes no writes at present), OCPPD_ESPACE (no
 * id left), OCPPD_ENOMEM, and fn does not run. What they are given is borrowed until the return.
 *
 * Core thread.
 */
#include <ocppd/abi.h>
#include <ocppd/error.h>
#include <ocppd/service/authorization.h>
#include <ocppd/service/stations.h>

OCPPD_BEGIN_DECLS

struct ocppd_station;
struct ocppd_unit;

/* What is odd about a record; the word that the operator API shows stands beside it. */
#define OCPPD_TX_UNAUTHORISED 0x0001u /* unauthorised: refused, but recorded (G02) */
#define OCPPD_TX_ORPHAN 0x0002u       /* orphan: a stop without a start (G03, G04) */
#define OCPPD_TX_MATCHED 0x0004u      /* matched: stopped without its id, found otherwise (G03) */
#define OCPPD_TX_STALE 0x0008u        /* stale: given up, its end is provisional (G06, G17) */
#define OCPPD_TX_SUSPENDED 0x0010u    /* suspended: its station rebooted meanwhile (F04) */
#define OCPPD_TX_METER 0x0020u        /* meter: a meter value missing or running backwards (G09) */
#define OCPPD_TX_TIME 0x0040u         /* time: a time is missing, unreadable or absurd (E04, E05) */
#define OCPPD_TX_FOREIGN 0x0080u      /* foreign: the id belongs to another station (G18) */
#define OCPPD_TX_CLOSED 0x0100u       /* closed: by an operator, not by its station */
#define OCPPD_TX_FINDING 0x0200u      /* finding: a message was accepted although it is wrong */
#define OCPPD_TX_STOP_TOKEN 0x0400u   /* stop-token: stopped by an unrelated token (G10) */
#define OCPPD_TX_DIFFERS 0x0800u      /* differs: a repeated stop said something else */
#define OCPPD_TX_PLACE 0x1000u        /* place: a connector that cannot be */
#define OCPPD_TX_CONTRADICTION 0x2000u /* contradiction: meter and readings differ (G09) */
#define OCPPD_TX_KWH 0x4000u           /* kwh: kWh seem to be reported as Wh (G09) */
#define OCPPD_TX_CUT 0x8000u           /* cut: more readings in a message than are kept */
#define OCPPD_TX_REMOTE 0x10000u       /* nothing odd: an operator asked for it, `remoteStart` */
#define OCPPD_TX_IMPLAUSIBLE 0x20000u  /* implausible: more energy than the time allows (G09) */

struct ocppd_tx_start {
	uint32_t struct_size;
	uint32_t flags; /* OCPPD_TX_FINDING, _METER, _TIME, _PLACE as found so far */
	struct ocppd_station *station;
	struct ocppd_unit *unit; /* taken, also on error: commits with it; NULL: one of its own */
	struct ocppd_place place;
	struct ocppd_token token;
	const char *parent;   /* the token's group, or NULL */
	uint32_t auth_status; /* OCPPD_AUTH_*: the verdict on the token */
	uint32_t max_active;  /* the token's limit; 0: none */
	int64_t start_us;
	int64_t received_us;
	const char *raw_time; /* the station's text; NULL: absent */
	int64_t meter_start_wh;
	int64_t reservation_id; /* 0: none */
	const char *id_text;    /* the station's own id (OCPP 2.0.1), unique there, or NULL */
	const char *protocol;
	const char *raw_frame; /* kept with findings, else NULL */
	const char *account;   /* the tag on record whose limit it uses up; NULL: the token */
};

/* One sampled value. NULL: not stated, the protocol's default. */
struct ocppd_sampled {
	const char *value; /* as received; NULL: absent */
	const char *context;
	const char *format;
	const char *measurand;
	const char *phase;
	const char *location;
	const char *unit;
};

/* What was sampled at one moment. */
struct ocppd_reading {
	int64_t time_us;
	const char *raw_time; /* the station's text; NULL: absent */
	const struct ocppd_sampled *values;
	uint32_t count;
	uint32_t flags; /* OCPPD_TX_FINDING, OCPPD_TX_TIME */
};

/* In ocppd_tx_stop and ocppd_tx_readings: the message named no transaction. */
#define OCPPD_TX_NO_ID 0

struct ocppd_tx_stop {
	uint32_t struct_size;
	uint32_t flags; /* OCPPD_TX_FINDING, _METER, _TIME as found so far */
	struct ocppd_station *station;
	struct ocppd_unit *unit;  /* as in ocppd_tx_start */
	int64_t transaction_id;   /* as received, whatever it is */
	struct ocppd_token token; /* text NULL: none */
	const char *parent;       /* that token's group, or NULL */
	int64_t stop_us;
	int64_t received_us;
	const char *raw_time;
	int64_t meter_stop_wh;
	const char *reason;     /* NULL: the protocol's default */
	const char *raw_reason; /* as received where that was mapped, else NULL */
	const char *raw_frame;
	const struct ocppd_reading *readings;
	uint32_t reading_count;
	uint32_t reserved;
	const char
		*id_text; /* as in ocppd_tx_start; where it is set, transaction_id does not count */
};

struct ocppd_tx_readings {
	uint32_t struct_size;
	uint32_t flags; /* OCPPD_TX_FINDING, OCPPD_TX_PLACE */
	struct ocppd_station *station;
	struct ocppd_unit *unit; /* as in ocppd_tx_start */
	struct ocppd_place place;
	int64_t transaction_id; /* as received; OCPPD_TX_NO_ID: absent */
	int64_t received_us;
	const char *raw_frame;
	const struct ocppd_reading *readings;
	uint32_t reading_count;
	uint32_t reserved;
	const char *id_text; /* as in ocppd_tx_stop */
};

/* How it ended; borrowed until the callback returns. */
struct ocppd_tx_result {
	uint32_t struct_size;
	uint32_t auth_status;   /* start: the verdict, with OCPPD_AUTH_CONCURRENT added */
	int64_t transaction_id; /* 1 to 2^31-1; of readings: 0 if they belong to none */
	uint32_t flags;         /* OCPPD_TX_*, of the record */
	uint32_t is_repeat;     /* 1: was there already */
};

/* result: 0 and what was recorded; or negative and NULL: nothing was stored. */
typedef void ocppd_tx_fn(struct ocppd_host *host, int result, const struct ocppd_tx_result *done,
			 void *arg);

/* A transaction under way. Texts are borrowed until the current callback ends. */
struct ocppd_tx_info {
	uint32_t struct_size;
	uint32_t flags; /* OCPPD_TX_* */
	int64_t transaction_id;
	struct ocppd_station *station; /* NULL if it did not connect since the daemon started */
	struct ocppd_place place;
	const char *token;
	const char *parent; /* or NULL */
	int64_t start_us;
	int64_t meter_start_wh;
	const char *id_text;    /* the station's own id, or NULL */
	const char *token_type; /* or NULL */
};
/* Another value than 0 ends the walk and is returned. */
typedef int ocppd_tx_info_fn(const struct ocppd_tx_info *info, void *arg);

struct ocppd_transactions_ops {
	uint32_t struct_size;
	uint32_t reserved;

	/* A transaction started. The id is known to be free before it is stored, never given out
	 * twice, and given out also when the token is refused. */
	int (*start)(void *self, struct ocppd_host *host, const struct ocppd_tx_start *start,
		     ocppd_tx_fn *fn, void *arg);
	/* A transaction stopped, or something that says it did. */
	int (*stop)(void *self, struct ocppd_host *host, const struct ocppd_tx_stop *stop,
		    ocppd_tx_fn *fn, void *arg);
	/* Meter readings, of a transaction or not. */
	int (*readings)(void *self, struct ocppd_host *host,
			const struct ocppd_tx_readings *readings, ocppd_tx_fn *fn, void *arg);

	/* The transaction under way with that id at that station. Returns 0 or OCPPD_ENOENT.
	 * ret_info->struct_size is set by the caller. */
	int (*active_find)(void *self, struct ocppd_host *host, struct ocppd_station *station,
			   int64_t transaction_id, struct ocppd_tx_info *ret_info);
	/* Each transaction under way at a station, oldest first. */
	int (*active_each)(void *self, struct ocppd_host *host, struct ocppd_station *station,
			   ocppd_tx_info_fn *fn, void *arg);
	/* How many transactions of a tag on record are under way (ocppd_tx_start.account), in
	 * whatever form it was presented; those being stored included. */
	uint32_t (*active_count)(void *self, struct ocppd_host *host,
				 const struct ocppd_token *token);
	/* The station rebooted: what is under way there is marked (F04). Same returns as start;
	 * fn's `done` is NULL. 0: nothing was under way, fn will not run. */
	int (*rebooted)(void *self, struct ocppd_host *host, struct ocppd_station *station,
			ocppd_tx_fn *fn, void *arg);
};

OCPPD_END_DECLS
#endif
