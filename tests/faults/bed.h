/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_TESTS_FAULTS_BED_H
#define OCPPD_TESTS_FAULTS_BED_H

/*
 * The OCPP floor with a module and a transport that, unlike that of the unit tests, copes with want
 * of memory as the real one does: a frame that cannot be read or written ends its connection.
 */
#include "runtime_fixture.h"

#include "ocpp/conn.h"
#include "ocpp/message.h"
#include "ocpp/ocpp.h"

#define LINKS_MAX 4

struct link_conn {
	struct conn conn;
	uint32_t sent_count;
	char last_sent[256];
	bool is_lost;    /* the transport gave up */
	bool is_closing; /* the core wants it closed */
	bool is_ended;
	bool is_released;
};

struct bed {
	struct fixture fixture;
	struct ocppd_host host;
	struct json_tokener *tokener;
	struct link_conn *links[LINKS_MAX];
	uint32_t link_count;
	/* The module's. */
	struct ocppd_call *held;
	uint32_t seen_count;
	uint32_t completed_count;
	uint32_t heard_count; /* events */
};

void bed_init(struct bed *bed);
void bed_fini(struct bed *bed);
/* These run with faults, but for what the test itself allocates. */
struct link_conn *bed_connect(struct bed *bed, const char *station_id);
void bed_recv(struct bed *bed, struct link_conn *link, const char *text);
void bed_drop(struct bed *bed, struct link_conn *link);
/* Answers what is held, if anything. */
void bed_answer(struct bed *bed);

#endif
