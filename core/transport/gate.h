/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_TRANSPORT_GATE_H
#define OCPPD_TRANSPORT_GATE_H

#include <stdint.h>

#include "base/chain.h"
#include "ocpp/conn.h"
#include "transport/session.h"
#include "transport/target.h"

#define REFUSAL_TEXT_SIZE 128

/* A refused handshake on its way to the core, which publishes it as `station.refused`. */
struct refusal {
	struct link link;
	const char *reason; /* one of the words of ocppd/event/station.h; static */
	uint32_t status;
	const char *quirk;               /* what it is counted as, or NULL; static */
	char station_id[TARGET_ID_SIZE]; /* "": not known */
	char remote[CONN_REMOTE_SIZE];
	char user_agent[REFUSAL_TEXT_SIZE];
	char protocols[REFUSAL_TEXT_SIZE];
};

/* LWS_CALLBACK_HTTP_CONFIRM_UPGRADE: fills session->conn and returns 0, or writes a response and
 * returns what lws wants to hear. */
int gate_confirm(struct session *session, struct lws *wsi, const char *upgrade);
/* LWS_CALLBACK_HTTP: no upgrade. */
int gate_plain(struct session *session, struct lws *wsi);
/* The choice of lws was made: undo what gate_confirm did for it. */
void gate_unmask(struct io *io);

#endif
