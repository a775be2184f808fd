/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef TRANSACTIONS_H
#define TRANSACTIONS_H

#include <ocppd/event/meter.h>
#include <ocppd/event/security.h>
#include <ocppd/event/transaction.h>
#include <ocppd/json.h>
#include <ocppd/plugin.h>
#include <ocppd/service/transactions.h>

#include "energy.h"
#include "values.h"

/*
 * The module's state and the seams between its files: active.c (what is under way, in memory),
 * start.c, stop.c, readings.c (the service), json.c and routes.c (operator API), tables.c
 * (schema and statements), transactions.c (life, ids).
 */

/* A transaction under way, or one that is being stored. */
struct active {
	struct active *next;    /* of the same station, oldest first */
	struct active *chained; /* of the same bucket of tokens */
	struct ocppd_station *station;
	int64_t id; /* 0: chosen by the unit that is under way */
	int64_t start_us;
	int64_t meter_start_wh;
	int64_t last_reading_us; /* 0: none came in since the daemon started */
	struct energy energy;
	struct ocppd_place place;
	uint32_t flags;     /* OCPPD_TX_* */
	uint32_t hash;      /* of the folded token */
	bool is_pending;    /* not committed yet */
	const char *parent; /* behind the token, or NULL */
	char token[];       /* as presented */
};

struct active_slot { /* with every station */
	struct active *first;
};

struct active_table {
	struct active **buckets;
	size_t bucket_count; /* a power of two */
	size_t count;
};

struct active_key {
	struct ocppd_station *station;
	struct ocppd_place place;
	const char *token;
	const char *parent;
	int64_t start_us;
	int64_t meter_start_wh;
};

int active_init(struct active_table *table);
void active_fini(struct active_table *table); /* all of it must be removed */
/* NULL: out of memory. The slot is the station's. */
struct active *active_add(struct active_table *table, struct active_slot *slot,
			  const struct active_key *key, uint32_t flags);
void active_remove(struct active_table *table, struct active_slot *slot, struct active *active);
struct active *active_by_id(const struct active_slot *slot, int64_t id);
/* The one with the same key, `except` left out of account; may be NULL. */
struct active *active_same(const struct active_slot *slot, const struct active_key *key);
/* Transactions that use up a token's limit. except may be NULL. */
uint32_t active_count(const struct active_table *table, const char *token,
		      const struct active *except);
/* Quirk G03: the only one that a stop without an id can mean, or NULL. */
struct stop_hint {
	const char *token;  /* or NULL */
	const char *parent; /* or NULL */
	int64_t stop_us;
	int64_t meter_stop_wh;
	bool has_meter;
};
struct active *active_plausible(const struct active_slot *slot, const struct stop_hint *hint);
/* Quirk G13: the one a reading of that place and time belongs to, or NULL. */
struct active *active_at(const struct active_slot *slot, struct ocppd_place place, int64_t time_us);
/* What a reading tells about the energy of a transaction. */
void active_learn(struct active *active, const struct ocppd_reading *reading);
void energy_learn(struct energy *energy, const struct ocppd_reading *reading);
/* Equal without regard to ASCII case. */
bool token_equal(const char *a, const char *b);
/* Folded into ret_text of OCPPD_TOKEN_MAX + 1 bytes, "" for NULL; cut where it is longer. */
void token_fold(const char *text, char *ret_text);

struct transactions {
	struct ocppd_host *host;
	const struct ocppd_storage_ops *storage;
	void *storage_self;
	struct active_table active;
	struct packer packer; /* scratch */
	int64_t id_next;      /* of the reserved block */
	int64_t id_end;
	int64_t spare_next; /* of the next one */
	int64_t spare_end;
	bool is_reserving;
	bool is_starting;
	bool is_stopping;
	int slot;
	uint32_t outstanding;
};

#define TX_ID_MAX 2147483647
#define LATE_US (10 * INT64_C(60000000)) /* E06, G14: readings that far beside are still within */
#define READINGS_MAX 1000                /* of one message; what is beyond is dropped, flagged */

enum {
	STATEMENT_RESERVE,
	STATEMENT_START,
	STATEMENT_STALE,
	STATEMENT_STOP,
	STATEMENT_ORPHAN,
	STATEMENT_REPEATED,
	STATEMENT_FLAG,
	STATEMENT_CLOSE,
	STATEMENT_READING,
	STATEMENT_READING_IF,
	STATEMENT_UNMATCHED,
	STATEMENT_UNMATCHED_IF,
	STATEMENT_FIND,
	STATEMENT_FIND_STOP,
	STATEMENT_OPEN,
	STATEMENT_LIST,
	STATEMENT_LIST_OPEN,
	STATEMENT_LIST_STATION,
	STATEMENT_LIST_TOKEN,
	STATEMENT_READINGS,
	STATEMENT_COUNT,
};

/* Columns of FIND, FIND_STOP, OPEN and the lists. */
enum {
	TX_ID,
	TX_STATION,
	TX_WIRE_ID,
	TX_EVSE,
	TX_CONNECTOR,
	TX_PRESENTED,
	TX_PARENT,
	TX_AUTH,
	TX_START_US,
	TX_METER_START,
	TX_RESERVATION,
	TX_FLAGS,
	TX_STOP_US,
	TX_METER_STOP,
	TX_REASON,
	TX_ENERGY,
	TX_METHOD,
	TX_START_RECEIVED,
	TX_STOP_RECEIVED,
	TX_STOP_TOKEN,
	TX_RAW_REASON,
	TX_REPEATS,
	TX_COLUMNS,
};

extern const struct ocppd_statement tx_statements[STATEMENT_COUNT];
extern const struct ocppd_migration tx_migrations[];
#define TX_MIGRATIONS 1

/* transactions.c */
void tx_done(struct transactions *ctx); /* one callback less to wait for */
/* The unit to add to: the caller's or a new one. */
int tx_unit(struct transactions *ctx, struct ocppd_unit *given, struct ocppd_unit **ret_unit);
/* The next id, or a reference to the statement that makes one. Returns 0 or negative. */
int tx_id(struct transactions *ctx, struct ocppd_unit *unit, struct ocppd_value *ret_id);
struct active_slot *tx_slot(struct transactions *ctx, struct ocppd_station *station);
void tx_security(struct transactions *ctx, struct ocppd_station *station, const char *type,
		 int64_t transaction_id);

/* start.c, stop.c, readings.c: the service */
/* OCPPD_TX_TIME for a time that cannot be (quirk E04), else 0. */
uint32_t tx_judge_time(int64_t time_us, int64_t received_us);
int tx_start(void *self, struct ocppd_host *host, const struct ocppd_tx_start *start,
	     ocppd_tx_fn *fn, void *arg);
int tx_stop(void *self, struct ocppd_host *host, const struct ocppd_tx_stop *stop, ocppd_tx_fn *fn,
	    void *arg);
int tx_readings(void *self, struct ocppd_host *host, const struct ocppd_tx_readings *readings,
		ocppd_tx_fn *fn, void *arg);
int tx_rebooted(void *self, struct ocppd_host *host, struct ocppd_station *station, ocppd_tx_fn *fn,
		void *arg);
/* Adds one reading of a transaction to a unit. */
int tx_add_reading(struct transactions *ctx, struct ocppd_unit *unit,
		   const struct ocppd_value *transaction_id, const struct ocppd_reading *reading,
		   int64_t received_us, const char *raw_frame);

/* json.c */
struct json_object *tx_json(const struct ocppd_value *row);
struct json_object *tx_flags_json(uint32_t flags);
struct json_object *tx_reading_json(const struct ocppd_reading *reading);
/* The sampled values of one moment that were met so far; {0} before the first row. */
struct moment {
	int64_t time_us;
	uint64_t keys[256];
	uint32_t count;
};
int tx_stored_json(struct moment *moment, const struct ocppd_value *row, struct json_object *items);
const char *tx_auth_word(uint32_t status);

/* routes.c */
void routes_list(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_get(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_readings(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_stop(struct ocppd_host *host, struct ocppd_request *request, void *ctx);

#endif
