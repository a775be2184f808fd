/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPP16_CORE_H
#define OCPP16_CORE_H

#include <stdbool.h>

#include <ocppd/event/remote.h>
#include <ocppd/json.h>
#include <ocppd/plugin.h>
#include <ocppd/service/authorization.h>
#include <ocppd/service/data_transfer.h>
#include <ocppd/service/stations.h>
#include <ocppd/service/transactions.h>

/*
 * The module's state and the seams between its files: boot.c (BootNotification, Heartbeat,
 * StatusNotification), charging.c (Authorize, transactions, readings), data.c (DataTransfer),
 * remote.c and intents.c (remote starts and stops), keys.c (GetConfiguration), apply.c (stored
 * configuration templates), commands.c (what else goes to the station), schema.c (field tables,
 * actions, vocabulary), translate.c (members into the neutral services' terms), ocpp16_core.c
 * (life).
 */
struct core_conf {
	int64_t heartbeat_interval_s;
	int64_t heartbeat_jitter;
	int64_t pending_interval_s;
	int64_t rejected_interval_s;
	int64_t remote_start_margin_s;
	int64_t data_transfer_timeout_ms;
	struct ocppd_strings read_configuration;
};

struct core16 {
	struct ocppd_host *host;
	const struct core_conf *conf;
	const struct ocppd_stations_ops *stations;
	void *stations_self;
	const struct ocppd_authorization_ops *authorization;
	void *authorization_self;
	const struct ocppd_transactions_ops *transactions;
	void *transactions_self;
	int slot;
	uint32_t outstanding; /* callbacks that will come: stop waits for them */
	bool is_stopping;
};

/* With every station. */
struct intent;
struct core16_slot {
	struct intent *intents;  /* remote starts that are still to show */
	int64_t reboot_until_us; /* monotonic: a boot until then follows a Reset of ours */
	int64_t read_us;         /* monotonic: when its keys were read by ourselves */
	bool has_read;
};

#define DATA_HANDLERS_MAX 1000

/* ocpp16_core.c */
struct core16_slot *core16_slot(struct core16 *ctx, struct ocppd_station *station);
void core16_done(struct core16 *ctx); /* one callback less to wait for */

/* schema.c */
extern const struct ocppd_action core16_actions[];
#define CORE16_ACTIONS 16
extern const struct ocppd_word core16_words[];
#define CORE16_WORDS 39

/* translate.c */
bool text_equal(const char *a, const char *b); /* without regard to ASCII case */
/* Digits as a number, at most max; otherwise, where it is something else. */
int64_t number_of(const char *text, int64_t otherwise, int64_t max);
struct ocppd_place place_of(int64_t connector_id);
/* `2026-03-01T10:00:00.123Z`, or without the fraction where the station wants that (quirk J). */
void time_text(struct ocppd_station *station, int64_t time_us, char ret_text[OCPPD_TIME_SIZE]);
/* The time of a member. False: absent, unreadable or hard; *ret_us is the time of receipt then. */
bool time_of(const struct ocppd_call *call, struct json_object *object, const char *key,
	     const char *path, int64_t *ret_us);
/* The text a member had before it was mended, NULL where it was not. Borrowed until answered. */
const char *raw_of(const struct ocppd_call *call, const char *path);
/* The station's own text of `timestamp`; NULL where it was absent. */
const char *raw_time_of(const struct ocppd_call *call, struct json_object *object,
			const char *path);
bool has_findings(const struct ocppd_call *call);
/* A member as a number; hard ones are absent. */
bool int_of(const struct ocppd_call *call, struct json_object *req, const char *key,
	    int64_t *ret_number);
/* The same of a meter, which may have decimals (quirk G09): they are rounded. */
bool meter_of(const struct ocppd_call *call, struct json_object *req, const char *key,
	      int64_t *ret_number);
const char *auth_word(uint32_t status);
/* Appends idTagInfo. */
void put_id_tag_info(struct ocppd_json *json, struct ocppd_station *station,
		     const struct ocppd_authorization *decision, uint32_t status);

/* The readings of a message. One allocation, freed by free(); texts are the payload's. */
struct readings {
	uint32_t count;
	uint32_t flags; /* OCPPD_TX_*, of all */
	struct ocppd_reading *items;
};
/* member: "meterValue", "transactionData". Returns 0, also for none; OCPPD_ENOMEM. */
int readings_of(const struct ocppd_call *call, struct json_object *req, const char *member,
		struct readings *ret);

/* intents.c */
struct intent_start {
	int64_t connector_id; /* 0: not known */
	int64_t transaction_id;
};
void intent_begin(struct core16 *ctx, struct ocppd_outcall *call, struct json_object *req);
/* True if a start of that tag there was asked for. */
bool intent_expects(struct core16 *ctx, struct ocppd_station *station, const char *tag,
		    int64_t connector_id);
/* It is durable. */
void intent_started(struct core16 *ctx, struct ocppd_station *station, const char *tag,
		    const struct intent_start *start);
void intents_free(struct core16_slot *slot);

/* apply.c */
extern const struct ocppd_route core16_routes[];
#define CORE16_ROUTES 1

/* commands.c, keys.c, data.c */
/* True, once, for a boot after a Reset of ours. */
bool reboot_was_asked(struct core16 *ctx, struct ocppd_station *station);
bool is_secret_key(const char *name);
/* A station was accepted: reads what the operator wants read. */
void read_configuration(struct core16 *ctx, struct ocppd_station *station);
/* OCPPD_ECONFLICT: a vendor and message are claimed twice. */
int data_check(struct core16 *ctx, struct ocppd_error *err);

/* Handlers; see ocppd_action. */
int on_data_transfer(struct ocppd_host *host, struct ocppd_call *call, struct json_object *req,
		     void *ctx);
int on_boot_notification(struct ocppd_host *host, struct ocppd_call *call, struct json_object *req,
			 void *ctx);
int on_heartbeat(struct ocppd_host *host, struct ocppd_call *call, struct json_object *req,
		 void *ctx);
int on_status_notification(struct ocppd_host *host, struct ocppd_call *call,
			   struct json_object *req, void *ctx);
int on_authorize(struct ocppd_host *host, struct ocppd_call *call, struct json_object *req,
		 void *ctx);
int on_start_transaction(struct ocppd_host *host, struct ocppd_call *call, struct json_object *req,
			 void *ctx);
int on_stop_transaction(struct ocppd_host *host, struct ocppd_call *call, struct json_object *req,
			void *ctx);
int on_meter_values(struct ocppd_host *host, struct ocppd_call *call, struct json_object *req,
		    void *ctx);
void mask_configuration(struct json_object *payload, uint32_t is_conf);
int prepare_remote_start(struct ocppd_host *host, struct ocppd_outcall *call,
			 struct json_object *req, void *ctx, struct ocppd_error *err);
int prepare_remote_stop(struct ocppd_host *host, struct ocppd_outcall *call,
			struct json_object *req, void *ctx, struct ocppd_error *err);
void completed_remote_start(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
			    struct json_object *req, struct json_object *conf, void *ctx);
int prepare_change_availability(struct ocppd_host *host, struct ocppd_outcall *call,
				struct json_object *req, void *ctx, struct ocppd_error *err);
void completed_change_availability(struct ocppd_host *host, struct ocppd_outcall *call,
				   uint32_t result, struct json_object *req,
				   struct json_object *conf, void *ctx);
int prepare_change_configuration(struct ocppd_host *host, struct ocppd_outcall *call,
				 struct json_object *req, void *ctx, struct ocppd_error *err);
void completed_change_configuration(struct ocppd_host *host, struct ocppd_outcall *call,
				    uint32_t result, struct json_object *req,
				    struct json_object *conf, void *ctx);
int prepare_reset(struct ocppd_host *host, struct ocppd_outcall *call, struct json_object *req,
		  void *ctx, struct ocppd_error *err);
void completed_reset(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
		     struct json_object *req, struct json_object *conf, void *ctx);
int prepare_unlock_connector(struct ocppd_host *host, struct ocppd_outcall *call,
			     struct json_object *req, void *ctx, struct ocppd_error *err);
void completed_unlock_connector(struct ocppd_host *host, struct ocppd_outcall *call,
				uint32_t result, struct json_object *req, struct json_object *conf,
				void *ctx);
int prepare_get_configuration(struct ocppd_host *host, struct ocppd_outcall *call,
			      struct json_object *req, void *ctx, struct ocppd_error *err);
void completed_get_configuration(struct ocppd_host *host, struct ocppd_outcall *call,
				 uint32_t result, struct json_object *req, struct json_object *conf,
				 void *ctx);

#endif
