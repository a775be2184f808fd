/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef TRANSACTIONS_ENERGY_H
#define TRANSACTIONS_ENERGY_H

#include <stdbool.h>
#include <stdint.h>

/* What is known about the energy of a transaction (quirk G09). */
struct energy {
	bool has_register; /* readings of the import register came in */
	bool has_interval;
	int64_t first_wh; /* of the register */
	int64_t last_wh;
	int64_t interval_wh; /* sum */
};

/* Where an amount comes from; stored, never renumber. */
#define ENERGY_NONE 0
#define ENERGY_METER 1    /* meterStop - meterStart */
#define ENERGY_REGISTER 2 /* the register's readings */
#define ENERGY_INTERVAL 3 /* the sum of interval readings */

struct energy_verdict {
	int64_t energy_wh; /* never negative */
	uint32_t method;   /* ENERGY_* */
	bool is_doubtful;  /* the candidates contradict each other, or there is none */
};

struct energy_meter {
	int64_t start_wh;
	int64_t stop_wh;
	bool has_start; /* false: missing or unreadable */
	bool has_stop;
};

void energy_judge(const struct energy_meter *meter, const struct energy *known,
		  struct energy_verdict *ret);

#endif
