/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef STATIONS_SKEW_H
#define STATIONS_SKEW_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What a station's clock shows beside ours, learnt from the times in what it sends (quirks E03,
 * E07). One message proves nothing: it may have waited in an offline queue. Several that agree do,
 * if they are from the future, or came in over a while.
 */
struct skew {
	int64_t first_received_us; /* of those that agree */
	int32_t first_s;
	int32_t last_s; /* station's time minus time of receipt */
	uint8_t agreeing;
	bool is_known;  /* last_s is the clock's, not a queue's */
	bool is_offset; /* E03: local time labelled as UTC */
};

enum skew_verdict {
	SKEW_FINE,
	SKEW_DRIFT,  /* E07: more than five minutes */
	SKEW_OFFSET, /* E03: near a multiple of a quarter of an hour */
	SKEW_ABSURD, /* E04: 1970, far future; tells nothing of the clock's skew */
};

enum skew_verdict skew_learn(struct skew *skew, int64_t time_us, int64_t received_us);
/* What to subtract from the station's times, in seconds: 0 unless is_offset. */
int32_t skew_offset_s(const struct skew *skew);

#endif
