/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_FRAME_H
#define OCPPD_FRAME_H

/*
 * The newest OCPP frames, of all stations and both directions, in one ring of `frames_memory`
 * bytes. Secrets are masked before a frame enters: members that a schema flags OCPPD_SECRET, and
 * what an action's `mask` hides.
 *
 * Core thread. What a callback is given is borrowed until it returns; it must not send anything.
 */
#include <ocppd/abi.h>
#include <ocppd/station.h>

OCPPD_BEGIN_DECLS

#define OCPPD_FRAME_SENT 0x1u       /* to the station; else from it */
#define OCPPD_FRAME_MASKED 0x2u     /* the text is not what was on the wire */
#define OCPPD_FRAME_CUT 0x4u        /* `len` bytes of `full_len` */
#define OCPPD_FRAME_UNREADABLE 0x8u /* was ignored: no OCPP-J */

struct ocppd_frame {
	uint32_t struct_size;
	uint32_t flags;    /* OCPPD_FRAME_* */
	uint64_t sequence; /* rises by one with each frame, from 1 */
	int64_t time_us;
	uint64_t connection_id;
	const char *station_id;
	const char *action; /* of answers, too; "": not known */
	const char *text;   /* ends with NUL */
	size_t len;
	size_t full_len; /* on the wire */
};

typedef int ocppd_frame_fn(const struct ocppd_frame *frame, void *arg);

/* Calls fn for the frames of a station, newest first; another value than 0 ends the walk and is
 * returned. OCPPD_ENOTSUP: `frames_memory` is 0. */
OCPPD_API int ocppd_frames_each(struct ocppd_host *host, const struct ocppd_station *station,
				ocppd_frame_fn *fn, void *arg);

/* A place between two frames. All zero: before the oldest there is. */
struct ocppd_frame_cursor {
	uint64_t position; /* the core's */
	uint64_t sequence; /* of the frame before it; less than the next one's minus one: a gap */
};

/* Puts the cursor behind the newest frame. */
OCPPD_API void ocppd_frames_end(struct ocppd_host *host, struct ocppd_frame_cursor *ret_cursor);
/* Calls fn for the frames of all stations behind the cursor, oldest first, and moves the cursor
 * behind each for which fn returned 0; another value ends the walk and is returned. */
OCPPD_API int ocppd_frames_follow(struct ocppd_host *host, struct ocppd_frame_cursor *cursor,
				  ocppd_frame_fn *fn, void *arg);

OCPPD_END_DECLS
#endif
