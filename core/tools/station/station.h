/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_STATION_STATION_H
#define OCPPD_STATION_STATION_H

#include "link.h"
#include "outcome.h"
#include "output.h"
#include "scenario.h"

#include "features/auth_list.h"
#include "features/keys.h"

#include <uv.h>

struct console;
struct json_object;
struct json_tokener;
struct profile;
struct station;
struct transfer;

#define STATION_MAX_CALLS 128
#define STATION_MAX_VARS 64
#define STATION_MAX_REACTIONS 128
#define STATION_MAX_LATE 16
#define STATION_UNCLAIMED 8
#define MESSAGE_ID_SIZE 40

/* Walks one scenario for one station: the main one, or what happens at a connector. */
struct actor {
	struct station *station;
	const struct scenario *scenario; /* NULL: not walking */
	uint32_t pc;
	uint32_t phase; /* within the step: 0 when it begins */
	uint32_t loop_count;
	uint32_t connector; /* where a step names none */
	int64_t left;       /* of the meter or the connectors of a step */
	struct {
		uint32_t at;
		int64_t left;
	} loops[SCENARIO_MAX_LOOPS];
	uv_timer_t timer;
	struct json_object *answer;     /* to the step's CALL */
	char raw_id[MESSAGE_ID_SIZE];   /* of a raw frame whose answer is waited for */
	char stray_id[MESSAGE_ID_SIZE]; /* of the last one that nobody waits for */
};

struct reservation {
	bool is_set;
	int64_t id;
	int64_t expiry_us;
	char tag[24];
	char parent[24];
};

struct connector {
	struct actor actor; /* a session that the CSMS asked for */
	struct reservation reservation;
	struct profile *profile; /* that a remote start brought, until the transaction is known */
	bool has_transaction;
	int32_t transaction; /* 0: it began offline and has no id yet */
	uint32_t session;    /* serial of the transaction */
	int64_t wanted_w;    /* what the vehicle would draw */
	double energy_wh;    /* the register */
	double start_wh;
	int64_t start_us;
	char tag[24];
	const char *stop_reason; /* somebody wants it to stop; NULL: nobody */
	char stop_word[32];      /* that of a step */
	bool is_inoperative;
	bool is_scheduled; /* inoperative when the transaction is over */
	char status[24];
};

/* A CALL of the station, waiting or outstanding. */
struct call {
	struct call *next;
	struct actor *actor; /* who waits for it; NULL: nobody */
	const struct step *step;
	struct json_object *payload;
	int64_t timeout_ms;
	int64_t sent_mono_us;
	char action[52];
	char id[MESSAGE_ID_SIZE];
	uint32_t session; /* of a message of a transaction; 0: none */
	bool is_offline;  /* made while there was no connection */
};

/* What the user wants answered to an action. */
struct reaction {
	char action[OUTCOME_ACTION_SIZE];
	struct outcome outcome;
	const struct step *step; /* of OUTCOME_REPLY and for the description of an error */
	uint32_t left;           /* how often still; OUTCOME_FOREVER */
};

/* A CALL of the CSMS whose answer waits. */
struct late {
	struct late *next;
	struct json_object *payload;
	struct outcome outcome;
	const struct step *step;
	int64_t due_mono_us;
	char action[OUTCOME_ACTION_SIZE];
	char id[MESSAGE_ID_SIZE];
};

/* A file that the CSMS wants fetched or sent: firmware, diagnostics. */
typedef void job_fn(struct station *station);

struct job {
	struct station *station;
	const char *action; /* of its notifications */
	uv_timer_t timer;
	job_fn *next; /* that the timer runs */
	struct transfer *transfer;
	const char *status; /* the last one told; NULL: nothing is under way */
	char last[40];      /* the status at which it is to end; "": where it ends by itself */
	bool is_waiting;    /* for the last transaction to end */
	char *url;
	char name[256]; /* of the file */
	int64_t tries;  /* left after this one */
	int64_t retry_ms;
};

struct received {
	char action[52];
	struct json_object *payload;
};

struct variable {
	char name[32];
	struct json_object *value;
};

enum station_state {
	STATION_OFFLINE,
	STATION_QUEUED, /* for a free handshake */
	STATION_CONNECTING,
	STATION_ONLINE,
};

enum station_verdict {
	VERDICT_NONE,
	VERDICT_PASSED,
	VERDICT_FAILED,
	VERDICT_UNREACHABLE,
};

struct fleet;

struct station {
	struct fleet *fleet;
	uint32_t index;
	char id[64];
	char tag[24];
	char path[768];
	struct ws_link link;
	enum station_state state;
	enum station_verdict verdict;
	bool wants_online;
	bool is_accepted;
	bool is_held;   /* after a reset: nothing before the BootNotification */
	bool is_ending; /* sends what waits, then closes */
	bool is_done;
	const char *reset_reason;              /* asked to reset; NULL: no */
	char lose_action[OUTCOME_ACTION_SIZE]; /* whose answers get lost */
	int64_t lose_left;
	uint32_t session;  /* of the last transaction */
	uint32_t attempts; /* in a row that did not connect */
	uint32_t serial;   /* of the next message id */
	uint32_t failures;
	uint32_t call_count;
	struct call *queue;
	struct call *outstanding;
	struct station *next_queued;
	uv_timer_t call_timer;
	uv_timer_t heartbeat_timer;
	uv_timer_t connect_timer;
	struct actor main;
	struct actor restart;
	struct actor console; /* what is typed */
	uint32_t connector_count;
	struct connector *connectors; /* [0] is the station itself */
	struct variable *vars;
	uint32_t var_count;
	struct reaction *reactions;
	uint32_t reaction_count;
	struct received unclaimed[STATION_UNCLAIMED];
	uint32_t reaction_size;
	struct late *late; /* the soonest first */
	uint32_t late_count;
	uv_timer_t late_timer;
	uv_timer_t reservation_timer;
	struct key_set keys; /* what differs from those of the fleet */
	struct auth_list list;
	struct auth_list cache;
	struct profile **profiles;
	uint32_t profile_count;
	struct job firmware;
	struct job diagnostics;
	char version[52];      /* of the firmware */
	char next_version[52]; /* that the next update brings; "": told by the file's name */
	bool is_updated;       /* rebooting with new firmware */
};

struct fleet {
	uv_loop_t loop;
	uv_signal_t signals[2];
	uv_timer_t progress;
	uv_async_t wake; /* handshakes may begin */
	const struct options *options;
	struct key_set keys; /* what a station begins with */
	struct output out;
	struct link_net *net;
	struct console *console; /* NULL: nobody types */
	struct scenario *scenario;
	struct scenario *remote;
	struct scenario *restart;
	struct scenario *booting;
	struct json_tokener *tokener;
	struct station *stations;
	uint32_t count;
	struct station *queue_head;
	struct station **queue_tail;
	uint32_t connecting;
	uint32_t online;
	uint32_t done;
	uint32_t verdicts[VERDICT_UNREACHABLE + 1];
	uint64_t answers;
	uint64_t failures;
	uint32_t seed;
	bool is_stopping;
};

/* fleet.c: all stations, and how many may shake hands at a time. */
void fleet_queue(struct station *station);     /* its turn comes with link_open */
void fleet_turn_over(struct station *station); /* the handshake ended */
void fleet_done(struct station *station);
int fleet_run(const struct options *options, struct scenario *scenario);
int64_t fleet_scaled(const struct fleet *fleet, int64_t ms); /* by --speed */

/* calls.c: what the station asks. */
/* payload is taken. */
void station_call(struct station *station, struct actor *actor, const char *action,
		  struct json_object *payload);
/* The same for a message of the transaction that runs, or ran last, at a connector. */
void station_call_session(struct station *station, struct actor *actor,
			  const struct connector *connector, const char *action,
			  struct json_object *payload);
/* Reports a connector's status from now on. */
void station_report(struct station *station, uint32_t number, const char *status);
void calls_pump(struct station *station); /* sends the next, if it may go */
/* What came for the outstanding CALL: payload of a result, or the code of an error. */
void calls_answered(struct station *station, struct json_object *payload, const char *error,
		    const char *description);
void calls_put_back(struct station *station); /* the outstanding one goes first again */
void calls_drop(struct station *station);

/* station.c: connection, frames. */
int station_init(struct station *station, struct fleet *fleet, uint32_t index);
void station_fini(struct station *station);
void station_begin(struct station *station);
void station_want_online(struct station *station);
void station_go_offline(struct station *station, uint16_t code);
/* Without a connection because it wants none: messages wait, and nobody for their answers. */
bool station_is_offline(const struct station *station);
void station_end(struct station *station, enum station_verdict verdict);
void station_abandon(struct station *station); /* SIGINT */
void station_fail(struct station *station, const char *action, const char *format, ...)
	OCPPD_PRINTF(3, 4);
void station_note(struct station *station, enum output_kind kind, const char *event,
		  const char *action, const char *format, ...) OCPPD_PRINTF(5, 6);
bool station_is_shown(const struct station *station, enum output_kind kind);
void station_settle(struct station *station);
void station_boot_accepted(struct station *station, int64_t interval_s);
void station_set_heartbeat(struct station *station, int64_t interval_s);
extern const struct link_ops station_link_ops;

/* console.c: the line that was played is over. */
void console_next(struct station *station);

/* actor.c: walking a scenario. */
void actor_init(struct actor *actor, struct station *station, uint32_t connector);
void actor_start(struct actor *actor, const struct scenario *scenario, uint32_t pc);
void actor_stop(struct actor *actor);
void actor_kick(struct actor *actor); /* runs it soon, never at once */
/* What became of the step's CALL: payload of a result, or the code of an error. Borrowed. */
void actor_answered(struct actor *actor, const struct call *call, struct json_object *payload,
		    const char *error);
void actor_lost(struct actor *actor, const char *why); /* no answer will come */
void actor_refused(struct actor *actor, int status, const char *text);
void actor_closed(struct actor *actor, uint16_t code);
void actor_called(struct station *station, const char *action, struct json_object *payload);
/* Whether this answer belongs to a raw frame of the actor. */
bool actor_raw_answered(struct actor *actor, const char *id, struct json_object *payload,
			const char *error);
void actor_raw_silence_broken(struct actor *actor, const char *text);
const struct step *actor_step(const struct actor *actor); /* NULL: not walking */
struct json_object *actor_var(void *actor, const char *name);

/* payload.c: what a station says. All return a tree or NULL. */
enum measurand_kind {
	MEASURE_ENERGY,
	MEASURE_POWER,
	MEASURE_CURRENT,
	MEASURE_VOLTAGE,
};

#define MEASURE_COUNT (MEASURE_VOLTAGE + 1)

/* What a meter of the station can tell, of those in MeterValuesSampledData. */
struct measurand {
	const char *name;
	const char *unit;
	enum measurand_kind kind;
	int decimals;
};

extern const struct measurand payload_measurands[MEASURE_COUNT];

struct json_object *payload_boot(const struct station *station);
struct json_object *payload_status(const struct station *station, uint32_t connector,
				   const char *status, const char *error, const char *info);
/* reservation negative: none is used. */
struct json_object *payload_start(const struct station *station, const struct connector *connector,
				  uint32_t number, const char *tag, int64_t reservation);
struct json_object *payload_meter(const struct station *station, const struct connector *connector,
				  uint32_t number, const char *context);
struct json_object *payload_stop(const struct station *station, const struct connector *connector,
				 const char *tag, const char *reason, bool has_data);
struct json_object *payload_words(const char *key, const char *value); /* {key: value}, or {} */
/* What an answered CALL meant, for people. */
void payload_describe(const struct call *call, struct json_object *answer, struct buf *text);
int64_t payload_now_us(void);

/* reply.c: what a station answers. */
void reply_to_call(struct station *station, const char *id, const char *action,
		   struct json_object *payload);
/* OCPPD_ESPACE: more than STATION_MAX_REACTIONS; OCPPD_ENOMEM. step may be NULL. */
int reply_add_reaction(struct station *station, const char *action, const struct outcome *outcome,
		       const struct step *step);
void reply_drop_reactions(struct station *station, const char *action);
void reply_init(struct station *station);
void reply_fini(struct station *station);

#endif
