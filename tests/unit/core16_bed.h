/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_TESTS_CORE16_BED_H
#define OCPPD_TESTS_CORE16_BED_H

/*
 * The module ocpp16_core on a scripted transport, with services made for the test: what stations
 * "know" is a list of keys, and what is stored is kept as text. Whatever a service owes is paid by
 * bed_pay, so that a test chooses what happens before.
 */
#include "scripted.h"

#include "base/buf.h"

#include "../../plugins/ocpp16_core/ocpp16_core.h"

#define BED_OWED 8
#define BED_KNOWN 4

struct bed_owed {
	struct ocppd_host *asker;
	ocppd_key_fn *key_fn;           /* or */
	ocppd_recorded_fn *recorded_fn; /* this one */
	void *arg;
	char name[64];
};

struct bed_key {
	const char *name;
	const char *value;
};

struct bed {
	struct scripted scripted;
	struct ocppd_host module;
	struct ocppd_host asker; /* an operator's */
	struct core16 *ctx;
	struct core_conf conf;
	struct ocppd_stations_ops stations;
	struct ocppd_authorization_ops authorization;
	struct ocppd_transactions_ops transactions;
	struct bed_key known[BED_KNOWN]; /* what key_find finds */
	struct bed_owed owed[BED_OWED];
	uint32_t owed_count;
	int refusal;      /* negative: what key_find and keys_store return */
	char stored[512]; /* "A=1 B?" of the last keys_store; '!' read-only, '?' unknown */
	uint32_t stored_flags;
	uint32_t stored_count; /* calls */
	uint32_t results[8];   /* of what the asker asked, by OCPPD_RES_* */
	char warnings[512];
	struct buf lines; /* of the log */
	struct scripted_conn *conn;
	struct ocppd_station *station;
};

void bed_init(struct bed *bed);
void bed_fini(struct bed *bed);
/* The module gets other options, as by a reload. */
void bed_reload(struct bed *bed);
void bed_pay(struct bed *bed);

/* Asks the station, as an operator would. */
int bed_ask(struct bed *bed, const char *action, const char *payload);
/* The next frame must be this CALL; its id. */
void bed_expect_call(struct bed *bed, const char *action, const char *payload, char ret_id[37]);
/* The station answers: `[3,"<id>",PAYLOAD]`. */
void bed_confirm(struct bed *bed, const char *id, const char *payload);
/* Or with a CALLERROR. */
void bed_fail(struct bed *bed, const char *id, const char *code);
/* The log from the first line of that event on; NULL: there is none. */
const char *bed_line(struct bed *bed, const char *event);

#endif
