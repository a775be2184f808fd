/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_TESTS_SCRIPTED_H
#define OCPPD_TESTS_SCRIPTED_H

/*
 * The OCPP floor with a scripted transport and a clock turned by hand: connect, receive, expect,
 * advance, drop. Everything runs in the test's thread; whatever is posted runs before each function
 * returns.
 */
#include "runtime_fixture.h"

#include "ocpp/conn.h"
#include "ocpp/message.h"
#include "ocpp/ocpp.h"

#define SCRIPTED_CONNS 8
#define SCRIPTED_SENT 256

struct scripted;

struct scripted_conn {
	struct conn conn;
	struct scripted *scripted;
	char *sent[SCRIPTED_SENT];
	uint32_t sent_count;
	uint32_t seen_count; /* of sent: expected already */
	uint32_t close_code; /* 0: the core did not close */
	char close_reason[128];
	uint32_t pause_count;
	int64_t idle_s;
	bool is_ended;
	bool is_released;
};

struct scripted {
	struct fixture fixture;
	struct ocppd_core *core;
	struct json_tokener *tokener;
	struct scripted_conn *conns[SCRIPTED_CONNS];
	uint32_t conn_count;
};

struct ocpp_conf scripted_conf(void);
void scripted_init(struct scripted *scripted, const struct ocpp_conf *conf);
void scripted_fini(struct scripted *scripted);

/* A module from its descriptor: attached, running, published. */
void scripted_load(struct scripted *scripted, struct ocppd_host *host, const char *name,
		   const struct ocppd_plugin *plugin, void *ctx);
/* The hook's refusal, with err; the host is gone. */
int scripted_load_fails(struct scripted *scripted, const struct ocppd_plugin *plugin,
			const char *name, struct ocppd_error *err);
void scripted_unload(struct scripted *scripted, struct ocppd_host *host);

/* quirks: NULL-terminated, or NULL. Registration Accepted. */
struct scripted_conn *scripted_connect(struct scripted *scripted, const char *station_id);
struct scripted_conn *scripted_connect_as(struct scripted *scripted, const char *station_id,
					  uint32_t registration, const char *const *quirks,
					  bool is_strict);
void scripted_recv(struct scripted_conn *conn, const char *text);
/* The same without running what is posted: more comes in the same turn. */
void scripted_feed(struct scripted_conn *conn, const char *text);
/* The next frame to the station; NULL: there is none. */
void scripted_expect(struct scripted_conn *conn, const char *text);
/* The next frame, borrowed. */
const char *scripted_next(struct scripted_conn *conn);
void scripted_advance(struct scripted *scripted, int64_t ms);
void scripted_drop(struct scripted_conn *conn);
/* Sum of a counter of the core, all labels or the one given. */
double scripted_metric(struct scripted *scripted, const char *name, const char *label);

#endif
