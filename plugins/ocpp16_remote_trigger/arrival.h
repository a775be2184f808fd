/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef ARRIVAL_H
#define ARRIVAL_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What came for a trigger: which messages count for it, and when it has all of them. Pure
 * functions.
 */
#define CONNECTOR_MAX 64 /* quirk D02 */
#define ID_SIZE 65       /* a message id (quirk C01), NUL included */

struct arrival {
	int64_t first_us;    /* 0: none */
	int64_t last_us;     /* the last */
	uint64_t connectors; /* that reported: bit n */
	uint64_t wanted;     /* those that are to; 0: one message is all */
	uint32_t messages;
	char message_id[ID_SIZE]; /* of the first */
};

/* Whose connectorId means something. */
bool message_has_connectors(const char *message);
/* Whether a message counts for a trigger. A connector of -1: none was named, or is told. */
bool arrival_fits(const char *wanted, int64_t wanted_connector, const char *message,
		  int64_t connector);
void arrival_want(struct arrival *arrival, const char *message, int64_t connector);
/* How many messages may come. */
int arrival_expected(const struct arrival *arrival, const char *message, int64_t connector);
void arrival_note(struct arrival *arrival, const char *message_id, int64_t time_us,
		  int64_t connector);
/* What came before the answer, but long before now, was chance. */
void arrival_forget_early(struct arrival *arrival, int64_t now_us);
bool arrival_is_complete(const struct arrival *arrival);

#endif
