/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef TRANSACTIONS_ENERGY_H
#define TRANSACTIONS_ENERGY_H

#include <stdbool.h>
#include <stdint.h>

#include <ocppd/service/transactions.h>

/* A register as its readings show it, in order of time. */
struct track {
	bool has;
	bool is_reset; /* it fell by more than rounding */
	int64_t first_wh;
	int64_t first_us;
	int64_t last_wh;
	int64_t last_us;
	int64_t rise_wh; /* the sum of what it rose: survives a reset */
};

/* What readings tell about the energy of a transaction (quirks G09, G16). */
struct energy {
	struct track total;
	struct track phase;     /* of L1, where no total is reported */
	bool has_others;        /* other phases than L1 came in */
	bool has_begin;         /* the register at Transaction.Begin */
	bool has_end;           /* … and at Transaction.End */
	bool has_interval[2];   /* sampled; on the clock: two accounts of the same energy */
	int64_t interval_wh[2]; /* sums */
};

/* Where an amount comes from; stored, never renumber. */
#define ENERGY_NONE 0
#define ENERGY_METER 1    /* meterStop - meterStart */
#define ENERGY_REGISTER 2 /* the register's readings */
#define ENERGY_INTERVAL 3 /* the sum of interval readings */

/* How a station reports, without anything being wrong; stored, never renumber. */
#define LABEL_SESSION_REGISTER 0x1u /* the register counts the session, not the meter's life */
#define LABEL_PHASE_REGISTER 0x2u   /* the register is reported for phase L1 alone */
#define LABEL_REGISTER_RESET 0x4u   /* the register fell during the transaction */

struct energy_verdict {
	int64_t energy_wh;   /* never negative */
	uint32_t method;     /* ENERGY_* */
	uint32_t flags;      /* OCPPD_TX_METER, _CONTRADICTION, _KWH, _IMPLAUSIBLE */
	uint32_t labels;     /* LABEL_* */
	int64_t register_wh; /* the other candidates; negative: none */
	int64_t interval_wh;
};

struct energy_meter {
	int64_t start_wh;
	int64_t stop_wh;
	bool has_start; /* false: missing or unreadable */
	bool has_stop;
	int64_t start_us;
	int64_t stop_us;
};

/* Takes a reading in; readings must come in order of time, each moment once. */
void energy_learn(struct energy *energy, const struct ocppd_reading *reading);
/* The same of one value. */
void energy_learn_value(struct energy *energy, const struct ocppd_sampled *value, int64_t time_us);
/* The register that counts, or NULL. */
const struct track *energy_register(const struct energy *energy);
void energy_judge(const struct energy_meter *meter, const struct energy *known,
		  struct energy_verdict *ret);

#endif
