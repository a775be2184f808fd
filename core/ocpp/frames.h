/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_OCPP_FRAMES_H
#define OCPPD_OCPP_FRAMES_H

#include <stdint.h>

#include <ocppd/frame.h>

/*
 * One ring for the newest frames of all stations: a byte buffer of records, each linked to the one
 * before it of the same station. Positions grow for ever; modulo the size they are offsets.
 */
struct action_row;
struct conn;
struct inbound;
struct json_tokener;
struct ocpp;
struct outbound;

struct frames {
	char *ring; /* NULL: no frames are kept */
	uint64_t size;
	uint64_t tail; /* of the oldest record */
	uint64_t head; /* behind the newest */
	uint64_t sequence;
	struct json_tokener *tokener; /* for frames with secrets; made at first */
};

#define FRAMES_TEXT_MAX 16384 /* bytes of a frame that are kept */
#define FRAMES_RING_MIN 65536

/* Makes, resizes (what is there goes) or ends the ring: bytes 0. 0 or OCPPD_ENOMEM: as it was. */
int frames_resize(struct ocpp *ocpp, int64_t bytes);
void frames_fini(struct ocpp *ocpp);
/* What came in; before anybody else looks at it. */
void frames_in(struct ocpp *ocpp, struct inbound *message);
/* What goes out over conn, before it is sent. row: the action, NULL for a frame without secrets. */
void frames_out(struct ocpp *ocpp, const struct conn *conn, const struct action_row *row,
		struct outbound *message);

#endif
