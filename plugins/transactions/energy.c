/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The energy of a transaction out of several witnesses (quirk G09): what the meter said at both
 * ends, the register's readings in between, the sum of intervals. Pure.
 */
#include "energy.h"

/* What two amounts may differ by: 5 %, but what a coarse register rounds is no contradiction. */
#define TOLERANCE_WH 100

static bool
do_agree(int64_t a, int64_t b)
{
	int64_t larger = a > b ? a : b;
	int64_t difference = a > b ? a - b : b - a;

	return difference <= TOLERANCE_WH || difference <= larger / 20;
}

void
energy_judge(const struct energy_meter *meter, const struct energy *known,
	     struct energy_verdict *ret)
{
	int64_t by_meter = 0;
	int64_t by_register = 0;
	bool has_meter = meter->has_start && meter->has_stop &&
			 !__builtin_sub_overflow(meter->stop_wh, meter->start_wh, &by_meter) &&
			 by_meter >= 0;
	bool has_register =
		known->has_register &&
		!__builtin_sub_overflow(known->last_wh, known->first_wh, &by_register) &&
		by_register >= 0;

	ret->energy_wh = 0;
	ret->method = ENERGY_NONE;
	ret->is_doubtful = !has_meter;
	if (has_meter) {
		ret->energy_wh = by_meter;
		ret->method = ENERGY_METER;
	} else if (has_register) {
		ret->energy_wh = by_register;
		ret->method = ENERGY_REGISTER;
	} else if (known->has_interval && known->interval_wh >= 0) {
		ret->energy_wh = known->interval_wh;
		ret->method = ENERGY_INTERVAL;
	}

	/* Readings may begin late and end early: only more than the meter's is a contradiction. */
	if (has_meter && has_register && by_register > by_meter && !do_agree(by_meter, by_register))
		ret->is_doubtful = true;
	if (has_meter && known->has_interval && known->interval_wh > by_meter &&
	    !do_agree(by_meter, known->interval_wh))
		ret->is_doubtful = true;
}
