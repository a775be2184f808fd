/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_TESTS_FUZZ_ACTIONS_H
#define OCPPD_TESTS_FUZZ_ACTIONS_H

#include "ocpp/actions.h"

struct quirks;

/*
 * A small vocabulary with every type of member: what frames and payloads are checked against.
 */
#define ACTIONS_COUNT 4

struct actions_bed {
	struct action_row rows[ACTIONS_COUNT];
	struct action_protocol protocol;
	struct action_table table;
};

void actions_bed_init(struct actions_bed *bed);
void actions_bed_fini(struct actions_bed *bed);
/* Table i as a module would have written it. */
const struct ocppd_fields *actions_bed_fields(uint32_t i);
/* Reads "strict D03 D …": what a station is configured with. NULL: nothing valid. */
struct quirks *actions_bed_quirks(char *words, bool *ret_is_strict);

#endif
