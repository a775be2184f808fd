/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef STATIONS_H
#define STATIONS_H

#include <stdbool.h>
#include <sys/queue.h>

#include <ocppd/directory.h>
#include <ocppd/event/connector.h>
#include <ocppd/event/station.h>
#include <ocppd/json.h>
#include <ocppd/plugin.h>
#include <ocppd/rows.h>
#include <ocppd/service/stations.h>
#include <ocppd/work.h>

#include "skew.h"
#include "verifiers.h"

/*
 * The module's state and the seams between its files: record.c (a directory record and what may
 * stand in it), load.c (start, reload), reports.c (boots, states), keys.c, walk.c (stations in
 * order), filter.c (which of them), routes.c (reading), select.c (for other modules), change.c
 * (PUT), delete.c (DELETE), templates.c and diff.c (wanted configuration), password.c and
 * verifiers.c (its change), wishes.c (requested availability), unknown.c (who was turned away),
 * tables.c (SQL and routes), stations.c (life).
 */
struct station_conf { /* an element of the option `stations` */
	const struct ocppd_node *id;
	uint32_t registration; /* index into registration_words + 1 */
	uint32_t is_strict;
	int64_t security_profile; /* 0 to 3 */
	const char *authorization_key;
	const char *auth_user;
	struct ocppd_strings quirks;
	struct ocppd_strings protocols;
	const struct ocppd_node *labels;
};

struct profile_match { /* globs, or NULL: not asked for */
	const char *vendor;
	const char *model;
	const char *firmware;
	const char *station;
};

struct profile_conf { /* an element of the option `quirk_profiles` */
	const char *name;
	struct profile_match match;
	struct ocppd_strings quirks;
	uint32_t strict; /* STRICT_* */
	uint32_t reserved;
};

#define STRICT_UNSAID 0
#define STRICT_TRUE 1
#define STRICT_FALSE 2
#define PROFILES_MAX 1000

struct stations_conf {
	uint32_t unknown; /* UNKNOWN_* */
	uint32_t reserved;
	int64_t error_history;
	struct ocppd_sections stations;
	struct ocppd_sections quirk_profiles;
};

#define UNKNOWN_REJECT 0
#define UNKNOWN_PENDING 1
#define UNKNOWN_ACCEPT 2

#define PLACE_MAX 64    /* quirk D02 */
#define KEYS_MAX 2000   /* of one GetConfiguration */
#define UNKNOWN_MAX 100 /* quirk A07 */
#define ID_SIZE (OCPPD_STATION_ID_MAX * 4 + 1)

#define SOURCE_DATABASE 0
#define SOURCE_POLICY 1 /* made by `unknown` */
#define SOURCE_CONFIGURATION 2

/* A directory record. Texts are owned; lists hold one item a line. */
struct record {
	char *station_id;
	char *verifiers; /* "" : none */
	char *quirks;
	char *protocols;
	char *labels;              /* a JSON object, or "" */
	char *auth_user;           /* "" : the identity */
	uint32_t registration;     /* OCPPD_REG_*, wanted */
	uint32_t security_profile; /* or OCPPD_PROFILE_ANY */
	uint32_t source;           /* SOURCE_* */
	bool is_strict;
};

/* A connector as last reported. */
struct connector {
	struct connector *next; /* in order of place */
	struct ocppd_place place;
	uint64_t digest; /* of what was stored; 0: store the next one in any case */
	int64_t time_us;
	int64_t received_us;
	const char *error_code; /* behind the status */
	char status[];
};

/* What was asked of a place by ChangeAvailability. */
struct wish {
	struct wish *next; /* in order of place */
	struct ocppd_place place;
	int64_t requested_us;
	bool is_operative;
	bool is_pending; /* no report shows it yet */
};

/* With every station. */
struct station_slot {
	struct connector *connectors;
	struct wish *wishes;
	char *boot;      /* what it said of itself, see boot_words_of; NULL: nothing yet */
	char *quirks;    /* its own list, NULL: empty */
	char *labels;    /* a JSON object, NULL: none */
	int64_t seen_us; /* as stored */
	uint32_t boot_count;
	uint8_t wanted;         /* OCPPD_REG_* of its record */
	uint8_t state;          /* OCPPD_REG_* of its last boot */
	bool is_known;          /* has a record */
	bool is_fixed;          /* in the configuration */
	bool is_trusted;        /* quirk F01: Accepted without a boot */
	bool is_changing;       /* a PUT or DELETE, or a change of password, is under way */
	bool is_leaving;        /* a DELETE: it is let in no more */
	uint8_t offers;         /* passwords offered to it, unsettled */
	bool takes_hex;         /* quirk A09 */
	bool is_strict;         /* its own `strict` */
	bool is_rematched;      /* the directory does not know its newest boot yet */
	struct skew skew;       /* of its clock */
	int64_t boots_since_us; /* F03: where the window of `boots` begins */
	uint32_t boots;
	uint16_t keys_pending; /* stores of configuration keys under way */
};

struct unknown {
	TAILQ_ENTRY(unknown) use;
	int64_t first_us;
	int64_t last_us;
	int64_t logged_us;
	uint64_t count;
	char remote[64];
	char station_id[];
};

struct stations;

typedef void keys_ready_fn(struct stations *ctx, void *arg);

/* A question for configuration keys that waits until those just read are stored. */
struct keys_wait {
	TAILQ_ENTRY(keys_wait) all;
	struct ocppd_station *station;
	keys_ready_fn *fn;
	void *arg;
};

struct stations {
	struct ocppd_host *host;
	const struct stations_conf *conf;
	const struct ocppd_storage_ops *storage;
	void *storage_self;
	struct record **fixed; /* of the configuration, in order of identity */
	uint32_t fixed_count;
	TAILQ_HEAD(unknown_list, unknown) unknown; /* latest first */
	uint32_t unknown_count;
	struct ocppd_timer *seen_timer;
	struct ocppd_subscription *subscriptions[3];
	TAILQ_HEAD(keys_waits, keys_wait) keys_waits; /* behind a store of keys */
	TAILQ_HEAD(deletions, deletion) deletions;    /* that wait for the end of a connection */
	uint32_t load_phase;
	int slot;
	uint32_t changes; /* of records, by operators */
	uint32_t outstanding;
	struct ocppd_work_owner works;
	bool is_stopping;
};

enum {
	STATEMENT_LIST,
	STATEMENT_FIND,
	STATEMENT_STATES,
	STATEMENT_STATES_RANGE,
	STATEMENT_CONNECTORS,
	STATEMENT_CONNECTORS_RANGE,
	STATEMENT_WISHES,
	STATEMENT_KEYS,
	STATEMENT_KEY_FIND,
	STATEMENT_PUT,
	STATEMENT_ADOPT,
	STATEMENT_DELETE,
	STATEMENT_DELETE_STATE,
	STATEMENT_DELETE_CONNECTORS,
	STATEMENT_DELETE_ERRORS,
	STATEMENT_DELETE_WISHES,
	STATEMENT_DELETE_KEYS,
	STATEMENT_BOOT,
	STATEMENT_SEEN,
	STATEMENT_STATUS,
	STATEMENT_ERROR,
	STATEMENT_ERROR_TRIM,
	STATEMENT_KEY,
	STATEMENT_KEY_TRIM,
	STATEMENT_WISH,
	STATEMENT_WISH_SETTLED,
	STATEMENT_TEMPLATE_GET,
	STATEMENT_TEMPLATE_LIST,
	STATEMENT_TEMPLATE_PUT,
	STATEMENT_TEMPLATE_DELETE,
	STATEMENT_COUNT,
};
extern const struct ocppd_statement stations_statements[STATEMENT_COUNT];
extern const struct ocppd_migration stations_migrations[];
#define STATIONS_MIGRATIONS 3
#define STATIONS_LIST_QUERY 10
extern const struct ocppd_field stations_list_query[STATIONS_LIST_QUERY];
extern const struct ocppd_route stations_routes[];
#define STATIONS_ROUTES 13
extern const char *const registration_words[]; /* by OCPPD_REG_* - 1 */

/* stations.c */
void stations_done(struct stations *ctx); /* one callback less to wait for */
struct station_slot *stations_slot(struct stations *ctx, struct ocppd_station *station);
/* A unit of `count` statements in `add`; 0 and it is under way, or negative. */
int stations_commit(struct stations *ctx, struct ocppd_unit *unit, int result, ocppd_unit_fn *fn,
		    void *arg);
/* Writes down when a station was last heard of. */
void seen_store(struct stations *ctx, struct ocppd_station *station, int64_t seen_us);

/* record.c */
void record_free(struct record *record);
struct record *record_new(const char *station_id);
struct record *record_dup(const struct record *record);
/* A row of LIST or FIND. NULL: out of memory. */
struct record *record_from_row(const struct ocppd_value *row);
struct record *record_from_conf(const struct station_conf *conf, const struct record *like);
/* Takes `text` for one of the record's texts. 0 or OCPPD_ENOMEM. */
int record_set(char **member, const char *text);
/* Makes the verifiers of an AuthorizationKey. OCPPD_EINVAL: neither form. */
int record_set_key(struct record *record, const char *key);
bool key_is_valid(const char *key);
bool record_has_key(const struct record *record); /* one that is settled */
/* Appends a line. 0, OCPPD_EINVAL (a line break in it), OCPPD_ENOMEM. */
int lines_add(char **lines, const char *text);
/* The lines as an array of pointers into a copy; free() it. NULL: out of memory. */
const char **lines_split(const char *lines, uint32_t *ret_count);
/* Whether it can be one: quirk A04's rules, as in the handshake. */
bool identity_is_valid(const char *text);
/* Tells the core's directory, and the station's slot. 0, or negative with err. */
int record_apply(struct stations *ctx, const struct record *record, struct ocppd_error *err);
void record_withdraw(struct stations *ctx, const char *station_id);
const struct record *fixed_find(const struct stations *ctx, const char *station_id);
struct json_object *record_json(const struct record *record);
/* The registration that follows from record and last boot. */
uint32_t registration_now(const struct station_slot *slot);

/* profiles.c: quirks by what stations are */
struct boot_words { /* borrowed; "" and NULL: not said */
	const char *vendor;
	const char *model;
	const char *firmware;
};
struct own_quirks {
	const char *lines;
	bool is_strict;
};
/* All that holds for a station, the nearest to it last. */
struct quirk_set {
	const char **items; /* of the configuration, or of `own` */
	const char **own;
	uint32_t count;
	bool is_strict;
};
struct rematch {
	struct stations *ctx;
	struct ocppd_station *station;
	uint32_t changes;
};
#define PROFILE_OPTIONS 4
extern const struct ocppd_option profile_options[PROFILE_OPTIONS];
bool glob_matches(const char *pattern, const char *text);
/* station_id may be NULL: nobody in particular. 0 or OCPPD_ENOMEM. */
int quirk_set_make(const struct stations *ctx, const char *station_id,
		   const struct boot_words *boot, const struct own_quirks *own,
		   struct quirk_set *ret_set);
void quirk_set_free(struct quirk_set *set);
bool quirk_set_has(const struct quirk_set *set, const char *code);
bool quirk_set_flag(const struct quirk_set *set, const char *option);
struct boot_words boot_words_of(const struct station_slot *slot); /* NULL: nothing said */
int boot_words_keep(struct station_slot *slot, const struct boot_words *words);
void profiles_on_boot(struct stations *ctx, struct ocppd_station *station,
		      const struct boot_words *boot);
void profiles_remember(struct stations *ctx, struct ocppd_station *station);
int profiles_check(const struct ocppd_sections *profiles, struct ocppd_error *err);
/* option: "stations[2].quirks". */
int quirks_items_check(const struct ocppd_strings *items, const char *option,
		       struct ocppd_error *err);

/* load.c */
int load_record(struct stations *ctx, const struct ocppd_value *row);
int load_begin(struct stations *ctx, struct ocppd_error *err);
int load_fixed(struct stations *ctx, const struct stations_conf *conf, struct record ***ret_fixed,
	       uint32_t *ret_count);
void fixed_free(struct record **fixed, uint32_t count);
void load_reload(struct stations *ctx, const struct stations_conf *conf);
int apply_unknown(struct stations *ctx, struct ocppd_error *err);

/* change.c */
/* Before a change of a station's record; false: the request was answered. */
bool change_claim(struct stations *ctx, struct ocppd_request *request,
		  struct ocppd_station *station);
void change_release(struct stations *ctx, struct ocppd_station *station);
/* Writes a record down; fn runs unless the return is negative. */
int record_commit(struct stations *ctx, const struct record *record, ocppd_unit_fn *fn, void *arg);

/* delete.c */
void routes_delete(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
/* A station's connection was made or ended. */
void deletions_look(struct stations *ctx, struct ocppd_station *station);
void deletions_stop(struct stations *ctx); /* those that wait are given up */

/* password.c */
uint32_t record_offers(const struct record *record);
int ops_password(void *self, struct ocppd_host *host, struct ocppd_station *station,
		 const char *password, uint32_t step, ocppd_recorded_fn *fn, void *arg);
/* A connection was made: with which of several passwords? */
void password_used(struct stations *ctx, struct ocppd_station *station);

/* wishes.c */
int ops_availability(void *self, struct ocppd_host *host, struct ocppd_station *station,
		     const struct ocppd_availability *request, ocppd_recorded_fn *fn, void *arg);
/* Adds or replaces; 0 or OCPPD_ENOMEM. */
int wish_put(struct station_slot *slot, const struct wish *like);
void wishes_free(struct station_slot *slot);
/* A report comes in: what it shows is pending no longer. Adds to the unit. */
int wishes_settle(struct stations *ctx, struct ocppd_unit *unit, struct ocppd_station *station,
		  const struct ocppd_connector_status *status);
void wishes_json(const struct station_slot *slot, struct json_object *connectors);

/* reports.c: the service */
extern const struct ocppd_stations_ops stations_ops;
struct connector *connector_put(struct station_slot *slot, struct ocppd_place place,
				const char *status, const char *error_code);

/* unknown.c */
void on_refused(struct ocppd_host *host, const struct ocppd_event *event, void *ctx);
void unknown_forget(struct stations *ctx, const char *station_id);
void unknown_free(struct stations *ctx);
void routes_unknown(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_adopt(struct ocppd_host *host, struct ocppd_request *request, void *ctx);

/* keys.c */
int ops_keys_store(void *self, struct ocppd_host *host, struct ocppd_station *station,
		   const struct ocppd_station_key *keys, uint32_t count, uint32_t flags,
		   ocppd_recorded_fn *fn, void *arg);
int ops_key_find(void *self, struct ocppd_host *host, struct ocppd_station *station,
		 const char *name, ocppd_key_fn *fn, void *arg);
/* By its name, the value of a key is nobody's to read. */
bool key_is_secret(const char *name);
/* Calls fn once no keys of the station are being stored, at once or later. */
int keys_await(struct stations *ctx, struct ocppd_station *station, keys_ready_fn *fn, void *arg);

/* select.c */
int ops_select(void *self, struct ocppd_host *host, const struct ocppd_select *select,
	       struct ocppd_selection **ret_selection, struct ocppd_error *err);
void ops_select_cancel(void *self, struct ocppd_selection *selection);

/* diff.c */
void routes_diff(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
int ops_configuration_diff(void *self, struct ocppd_host *host, struct ocppd_station *station,
			   const char *template, ocppd_key_diff_fn *fn, void *arg);

/* templates.c */
#define TEMPLATES_MAX 1000
#define TEMPLATE_KEYS_MAX 500
#define TEMPLATE_NAME_MAX 50 /* of a template, and of a key: CiString50 */
#define TEMPLATE_VALUE_MAX 500
enum template_column {
	TEMPLATE_NAME,
	TEMPLATE_DESCRIPTION,
	TEMPLATE_KEYS,
	TEMPLATE_CHANGED,
	TEMPLATE_CHANGED_BY,
};
/* OCPPD_EINVAL; OCPPD_EREFUSED: a secret in one that is kept. */
int template_check(struct json_object *wanted, bool is_kept, struct ocppd_error *err);
/* Name and value of what a row of TEMPLATE_GET wants; NULL: out of memory. */
struct json_object *template_keys(const struct ocppd_value *row);
void templates_list(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void templates_get(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void templates_put(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void templates_delete(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void templates_import(struct ocppd_host *host, struct ocppd_request *request, void *ctx);

/* routes.c, change.c */
void routes_list(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_get(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_keys(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_put(struct ocppd_host *host, struct ocppd_request *request, void *ctx);

#endif
