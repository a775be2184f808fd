/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef TRANSACTIONS_H
#define TRANSACTIONS_H

#include <sys/queue.h>

#include <ocppd/event/meter.h>
#include <ocppd/event/security.h>
#include <ocppd/event/transaction.h>
#include <ocppd/json.h>
#include <ocppd/plugin.h>
#include <ocppd/rows.h>
#include <ocppd/service/station_data.h>
#include <ocppd/service/stations.h>
#include <ocppd/service/transactions.h>
#include <ocppd/work.h>

#include "energy.h"
#include "values.h"

/*
 * The module's state and the seams between its files: active.c (what is under way, in memory),
 * service.c with start.c, stop.c and readings.c, ids.c, settle.c (energy out of all stored
 * readings), match.c (what arrived before its start), sweep.c (transactions that never stop),
 * keep.c (retention), json.c, export.c and routes.c (operator API), tables.c (schema and
 * statements), transactions.c (life).
 */
struct transactions_conf {
	int64_t stale_available_s;
	int64_t stale_reboot_s;
	int64_t keep_transactions_s; /* 0: for ever, as below */
	int64_t keep_readings_s;
	int64_t keep_unmatched_s;
};

/* A transaction under way, or one that is being stored. */
struct active {
	struct active *next;    /* of the same station, oldest first */
	struct active *chained; /* of the same bucket of tokens */
	struct ocppd_station *station;
	int64_t id;      /* 0: chosen by the unit that is under way */
	int64_t wire_id; /* of its row: 0, or what tells it from starts that are the same in all;
			  * negative: chosen by the unit that is under way */
	int64_t start_us;
	int64_t meter_start_wh;
	int64_t last_reading_us; /* 0: none came in since the daemon started */
	int64_t received_us;     /* the start's */
	int64_t alive_mono_us;   /* the last sign of life: start, own reading, boot, load */
	int64_t settle_mono_us;  /* when its provisional end was asked for; 0: not under way */
	int64_t free_mono_us; /* since when its connector is seen to be Available; 0: it is not */
	struct energy energy;
	struct ocppd_place place;
	uint32_t flags;         /* OCPPD_TX_* */
	uint32_t hash;          /* of the account, folded */
	bool is_pending;        /* not committed yet */
	bool is_partial;        /* the table holds readings that `energy` does not know */
	const char *parent;     /* behind the token, or NULL */
	const char *account;    /* whose limit it uses up: the token, or behind it */
	const char *id_text;    /* the station's own id, or NULL */
	const char *token_type; /* or NULL */
	char token[];           /* as presented */
};

struct active_slot { /* with every station */
	struct active *first;
	struct recent *recent; /* the youngest first */
	int64_t held_us;       /* the newest time of what is held for a start to come; 0: none
				* since the daemon started */
};

/* One that stopped less than LATE_US ago: what came in late is its own (quirk G14). */
struct recent {
	struct recent *next; /* of the same station */
	TAILQ_ENTRY(recent) all;
	struct active_slot *slot;
	struct ocppd_place place;
	int64_t id;
	int64_t start_us;
	int64_t stop_us;
	int64_t until_mono_us;
};
TAILQ_HEAD(recents, recent);
#define RECENT_MAX 8 /* of a station */

struct active_table {
	struct active **buckets;
	size_t bucket_count; /* a power of two */
	size_t count;
	struct recents recents; /* the oldest first */
};

struct active_key {
	struct ocppd_station *station;
	struct ocppd_place place;
	const char *token;
	const char *parent;
	int64_t start_us;
	int64_t meter_start_wh;
	const char *account; /* NULL: the token */
	const char *id_text;
	const char *token_type;
};

int active_init(struct active_table *table);
void active_fini(struct active_table *table); /* all of it must be removed */
/* NULL: out of memory. The slot is the station's. */
struct active *active_add(struct active_table *table, struct active_slot *slot,
			  const struct active_key *key, uint32_t flags);
void active_remove(struct active_table *table, struct active_slot *slot, struct active *active);
struct active *active_by_id(const struct active_slot *slot, int64_t id);
/* By the station's own id. */
struct active *active_by_text(const struct active_slot *slot, const char *id_text);
/* The one with the same key, `except` left out of account; may be NULL. */
struct active *active_same(const struct active_slot *slot, const struct active_key *key);
/* Transactions that use up the limit of a tag on record. except may be NULL. */
uint32_t active_count(const struct active_table *table, const char *account,
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
/* Another one began on its connector since. */
bool active_has_younger(const struct active_slot *slot, const struct active *than);
/* What a reading tells about the energy of a transaction. */
void active_learn(struct active *active, const struct ocppd_reading *reading);
/* Remembers one that stops, and forgets it. The slot is the station's and must outlive it. */
void recent_add(struct active_table *table, struct active_slot *slot, const struct active *active,
		int64_t stop_us, int64_t until_mono_us);
void recent_remove(struct active_table *table, struct recent *recent);
/* Borrowed, may be NULL. */
const struct recent *recent_by_id(const struct active_slot *slot, int64_t id);
/* The one whose time includes time_us; is_end: that of a closing register, which may come late. */
const struct recent *recent_at(const struct active_slot *slot, struct ocppd_place place,
			       int64_t time_us, bool is_end);
/* Equal without regard to ASCII case. */
bool token_equal(const char *a, const char *b);
/* Folded into ret_text of OCPPD_TOKEN_MAX + 1 bytes, "" for NULL; cut where it is longer. */
void token_fold(const char *text, char *ret_text);

/* How far retention has come. */
enum {
	KEEP_READINGS,
	KEEP_TRANSACTIONS,
	KEEP_UNMATCHED,
	KEEP_KINDS,
};
struct keep {
	int64_t after;         /* ids up to here were looked at */
	int64_t last;          /* the end of the portion under way; `after`: it has none */
	int64_t began_mono_us; /* the walk */
	uint64_t gone[KEEP_KINDS];
	uint32_t unmatched_at;     /* positions in the unit */
	uint8_t kinds[KEEP_KINDS]; /* KEEP_*, of each statement of the unit */
	bool is_more;
};

struct transactions {
	struct ocppd_host *host;
	const struct transactions_conf *conf;
	const struct ocppd_stations_ops *stations; /* or NULL: no statuses are known */
	void *stations_self;
	const struct ocppd_storage_ops *storage;
	void *storage_self;
	struct active_table active;
	struct packer packer; /* scratch */
	struct ocppd_timer *sweeper;
	struct ocppd_timer *keeper;
	struct keep keep;
	bool is_pruning; /* a portion is under way */
	size_t sweep_at; /* the next bucket */
	int64_t lineage; /* the storage's; 0: it cannot tell */
	int64_t id_next; /* of the reserved block */
	int64_t id_end;
	int64_t spare_next; /* of the next one */
	int64_t spare_end;
	bool is_reserving;
	bool is_starting;
	bool is_stopping;
	int slot;
	uint32_t outstanding;
	struct ocppd_work_owner works;
};

#define TX_ID_MAX 2147483647
#define TX_ID_NOWHERE INT64_C(2147483648) /* stands for a text that no transaction has */
#define LATE_US (10 * INT64_C(60000000))  /* E06, G14: readings that far beside are still within */
#define READINGS_MAX 10000                /* of one message: its first and last half, flagged */

enum {
	STATEMENT_RESERVE,
	STATEMENT_LEAP,
	STATEMENT_COUNTER,
	STATEMENT_START,
	STATEMENT_START_REPEATED,
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
	STATEMENT_FIND_TEXT,
	STATEMENT_OPEN,
	STATEMENT_LIST,
	STATEMENT_LIST_OPEN,
	STATEMENT_LIST_STATION,
	STATEMENT_LIST_TOKEN,
	STATEMENT_READINGS,
	STATEMENT_SHOW,
	STATEMENT_SETTLE,
	STATEMENT_REVIVE,
	STATEMENT_SINCE,
	STATEMENT_MOVE_HELD,
	STATEMENT_DROP_HELD,
	STATEMENT_MOVE_READINGS,
	STATEMENT_DROP_READINGS,
	STATEMENT_ORPHAN_MATCHED,
	STATEMENT_STOP_MATCHED,
	STATEMENT_IDS,
	STATEMENT_PRUNE_READINGS,
	STATEMENT_PRUNE,
	STATEMENT_PRUNE_UNMATCHED,
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
	TX_LABELS,
	TX_REGISTER,
	TX_INTERVAL,
	TX_PROVISIONAL_US,
	TX_PROVISIONAL_WH,
	TX_MATCHED,
	TX_RAW_START,
	TX_RAW_STOP,
	TX_ACCOUNT,
	TX_ID_TEXT,
	TX_TOKEN_TYPE,
	TX_STOP_TOKEN_TYPE,
	TX_COLUMNS,
	/* SHOW and LIST_OPEN go on: the latest reading as READINGS has it, NULL without one. */
	TX_LATEST = TX_COLUMNS,
	/* And SHOW with the frames of messages that were odd. */
	TX_START_FRAME = TX_LATEST + 6,
	TX_STOP_FRAME,
};

extern const struct ocppd_statement tx_statements[STATEMENT_COUNT];
extern const struct ocppd_migration tx_migrations[];
#define TX_MIGRATIONS 6

/* transactions.c */
void tx_done(struct transactions *ctx); /* one callback less to wait for */
/* What the start waited for is there, or cannot be had. */
void tx_started(struct transactions *ctx, int result, const struct ocppd_error *err);
/* The unit to add to: the caller's or a new one. */
int tx_unit(struct transactions *ctx, struct ocppd_unit *given, struct ocppd_unit **ret_unit);
struct active_slot *tx_slot(struct transactions *ctx, struct ocppd_station *station);
void tx_security(struct transactions *ctx, struct ocppd_station *station, const char *type,
		 int64_t transaction_id);

/* ids.c */
/* Writes down that the next block is taken; 0 or negative. The start waits for it. */
int ids_start(struct transactions *ctx); /* ends in tx_started, where it returns 0 or more */
/* The next id, or a reference to the statement that makes one. Returns 0 or negative. */
int tx_id(struct transactions *ctx, struct ocppd_unit *unit, struct ocppd_value *ret_id);

/* service.c */
extern const struct ocppd_transactions_ops transactions_ops;
extern const struct ocppd_station_data_ops station_data_ops;

/* start.c, stop.c, readings.c */
/* OCPPD_TX_TIME for a time that cannot be (quirk E04), else 0. */
uint32_t tx_judge_time(int64_t time_us, int64_t received_us);
int tx_start(void *self, struct ocppd_host *host, const struct ocppd_tx_start *start,
	     ocppd_tx_fn *fn, void *arg);
int tx_stop(void *self, struct ocppd_host *host, const struct ocppd_tx_stop *stop, ocppd_tx_fn *fn,
	    void *arg);
int tx_readings(void *self, struct ocppd_host *host, const struct ocppd_tx_readings *readings,
		ocppd_tx_fn *fn, void *arg);
/* Adds one reading of a transaction to a unit. */
int tx_add_reading(struct transactions *ctx, struct ocppd_unit *unit,
		   const struct ocppd_value *transaction_id, const struct ocppd_reading *reading,
		   int64_t received_us, const char *raw_frame);

/* How many of a message's readings are kept; where that is not all, it is told. */
uint32_t tx_kept(struct transactions *ctx, struct ocppd_station *station, uint32_t count);
/* Which one of `count` the i-th of them is. */
uint32_t tx_kept_at(uint32_t i, uint32_t count);

/* copy.c: deep copies. 0 or OCPPD_ENOMEM. */
int readings_dup(const struct ocppd_reading *readings, uint32_t count, struct ocppd_reading **ret);
void readings_free(struct ocppd_reading *readings, uint32_t count); /* NULL is fine */

/* settle.c */
struct gathered {
	const struct ocppd_value *row; /* TX_*; NULL: there is no such transaction */
	struct energy energy;          /* of all its readings */
	int64_t last_us;               /* the newest reading; INT64_MIN: none */
	int64_t last_received_us;      /* when that came in */
};
/* When the transaction that was gathered ended, by its newest reading; its start without one. Where
 * the reading's own time cannot be, that of its receipt stands in (quirk E04). */
int64_t gathered_end_us(const struct gathered *found);
/* found is borrowed until the return, NULL with a negative result. */
typedef void gather_fn(struct transactions *ctx, int result, const struct gathered *found,
		       void *arg);
/* Reads a transaction and all its readings. 0 and fn runs once, or negative. */
int tx_gather(struct transactions *ctx, int64_t id, gather_fn *fn, void *arg);
/* Judges the energy of a stopped transaction again, or the provisional end of a stale one;
 * flags: OCPPD_TX_STALE makes it one. */
void tx_settle(struct transactions *ctx, int64_t id, uint32_t flags);
void tx_publish_updated(struct transactions *ctx, const struct ocppd_value *row);
/* The transaction under way that a row of the table is, or NULL. */
struct active *tx_active_of_row(struct transactions *ctx, const struct ocppd_value *row);

/* match.c: a start was stored; fetches what came before it (quirk G07). */
void tx_match(struct transactions *ctx, const struct active *active, int64_t received_us);

/* sweep.c */
int sweep_start(struct transactions *ctx);
void sweep_stop(struct transactions *ctx);
/* A reading of a stale transaction came in. */
void tx_heard_again(struct transactions *ctx, struct active *active);

/* keep.c */
int keep_start(struct transactions *ctx);
void keep_stop(struct transactions *ctx);

/* json.c */
struct json_object *tx_json(const struct ocppd_value *row);
/* What is odd about the record: METER also where an operator closed it without a meterStop that
 * could be. That is not in the row, whose METER is the start's until its station stops it. */
uint32_t tx_flags_of(const struct ocppd_value *row);
struct json_object *tx_flags_json(uint32_t flags);
/* The words, blanks between; cut where size is too small. */
void tx_flags_text(uint32_t flags, char *ret_text, size_t size);
const char *tx_method_word(int64_t method); /* "" for none */
/* Adds `latestReading` from the columns that SHOW and LIST_OPEN have beyond TX_COLUMNS. */
void tx_add_latest(struct json_object *object, const struct ocppd_value *row);
struct json_object *tx_reading_json(const struct ocppd_reading *reading);
/* The sampled values of one moment that were met so far; {0} before the first row. */
struct moment {
	int64_t time_us;
	uint64_t keys[256];
	uint32_t count;
};
int tx_stored_json(struct moment *moment, const struct ocppd_value *row, struct json_object *items);
/* True the first time a value of that kind is met in a moment. */
bool moment_is_new(struct moment *moment, int64_t time_us, uint64_t key);
const char *tx_auth_word(uint32_t status);

/* routes.c */
struct list_filter {
	char station_id[OCPPD_STATION_ID_MAX * 4 + 1]; /* "": any */
	char token[OCPPD_TOKEN_MAX + 1];               /* folded; "": any */
	int64_t is_active;                             /* -1: any */
	int64_t from_us;
	int64_t to_us;     /* inclusive */
	int64_t before_us; /* the row before in the list: its start and id, or beyond all */
	int64_t before_id;
};
/* The query parameters of a list. */
void list_filter(const struct ocppd_request *request, struct list_filter *ret);
/* The statement, and its values in ret_values. Texts are the filter's. */
uint32_t list_values(const struct list_filter *filter, int64_t limit,
		     struct ocppd_value ret_values[8]);
void routes_list(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_get(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_readings(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_export(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_stop(struct ocppd_host *host, struct ocppd_request *request, void *ctx);

#endif
