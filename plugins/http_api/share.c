/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#include "share.h"

#define UNIT 100      /* of the balance, in a microsecond: nothing is lost to rounding */
#define BURST_US 5000 /* after a pause so much work goes without waiting */
#define REQUEST_US 50 /* what is not seen: sockets, other threads, frames of a command */
#define DEBT_US 20000 /* beyond it one dear request would shut the others out for too long */

static void
bring_up_to_date(struct share *share, int64_t now_us, int64_t percent)
{
	share->balance += (now_us - share->filled_us) * percent;
	share->filled_us = now_us;
	if (share->balance > BURST_US * UNIT)
		share->balance = BURST_US * UNIT;
}

void
share_init(struct share *share, int64_t now_us)
{
	*share = (struct share){ .balance = BURST_US * UNIT, .filled_us = now_us };
}

void
share_request(struct share *share)
{
	share->balance -= REQUEST_US * UNIT;
}

void
share_begin(struct share *share, int64_t now_us, int64_t percent)
{
	if (share->depth++ > 0)
		return;
	bring_up_to_date(share, now_us, percent);
	share->began_us = now_us;
}

void
share_end(struct share *share, int64_t now_us, int64_t percent)
{
	if (--share->depth > 0)
		return;
	/* Taken off first: what came in meanwhile must not be lost to the bound. */
	share->balance -= (now_us - share->began_us) * UNIT;
	bring_up_to_date(share, now_us, percent);
	if (share->balance < -DEBT_US * UNIT)
		share->balance = -DEBT_US * UNIT;
}

int64_t
share_wait_us(struct share *share, int64_t now_us, int64_t percent)
{
	bring_up_to_date(share, now_us, percent);
	if (share->balance >= 0 || percent >= 100)
		return 0;
	return (-share->balance + percent - 1) / percent;
}
