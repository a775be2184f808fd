/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef HTTP_API_SHARE_H
#define HTTP_API_SHARE_H

#include <stdint.h>

/*
 * What the API may take of the core's thread, so that operators' programs never hold up stations:
 * a balance of microseconds that fills as time passes, and that the work for requests is taken
 * from. A request is handled while the balance is not overdrawn. Times are monotonic microseconds.
 */
struct share {
	int64_t balance;   /* hundredths of a microsecond */
	int64_t filled_us; /* when the balance was last brought up to date */
	int64_t began_us;  /* of the work under way */
	uint32_t depth;    /* of begin in begin */
};

void share_init(struct share *share, int64_t now_us);
/* A request is handled: takes off what its work costs elsewhere. */
void share_request(struct share *share);
/* Around work; work within work counts once. percent: 1 to 100, 100 for no limit. */
void share_begin(struct share *share, int64_t now_us, int64_t percent);
void share_end(struct share *share, int64_t now_us, int64_t percent);
/* Microseconds until the next request may be handled, 0: now. */
int64_t share_wait_us(struct share *share, int64_t now_us, int64_t percent);

#endif
