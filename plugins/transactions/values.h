/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef TRANSACTIONS_VALUES_H
#define TRANSACTIONS_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ocppd/service/transactions.h>

/*
 * Sampled values as they are stored: the words of OCPP as numbers, a value as a decimal number
 * where its text can be had back from it exactly, everything else as text. About nine bytes a
 * value.
 *
 * Format 1: byte 1, byte time form, then for each value: measurand, phase | location << 4,
 * context | value form << 4 | format << 6, unit; the value (NUMBER: scale, zigzag varint; TEXT:
 * varint length and bytes); then as length and bytes the words that have no number, in the order
 * measurand, phase, location, context, format, unit.
 */
#define READING_FORMAT 1

/* How the station's text of the time is had back from the microseconds. */
#define TIME_FORM_MILLIS 0  /* 2026-03-01T10:00:00.123Z */
#define TIME_FORM_SECONDS 1 /* 2026-03-01T10:00:00Z */
#define TIME_FORM_RAW 2     /* stored beside it, or absent */

struct decimal {
	int64_t mantissa;
	uint32_t scale; /* digits behind the point, 0 to 15 */
};

/* Quirk G15: blanks, a decimal comma that cannot be a thousands separator, an exponent. Returns 0;
 * OCPPD_EINVAL: no number (NaN, empty, hex, ambiguous), or too long a one. */
int decimal_parse(const char *text, struct decimal *ret);

struct packer {
	unsigned char *data;
	size_t len;
	size_t size;
	bool has_failed; /* out of memory */
};
void packer_fini(struct packer *packer);
/* Packs one reading, replacing what the packer held. 0 or OCPPD_ENOMEM. */
int reading_pack(struct packer *packer, const struct ocppd_reading *reading, uint32_t time_form);
/* Which form gives raw back for time_us. */
uint32_t time_form(int64_t time_us, const char *raw);

/* What identifies the values of one moment: measurand, phase, location and context of each,
 * defaults filled in, in any order. */
int64_t reading_digest(const struct ocppd_reading *reading);
/* The same of one value. */
uint64_t sampled_key(const struct ocppd_sampled *value);

/* Walks a packed reading. Values are texts in the walker, or static; valid until the next step. */
struct unpacker {
	const unsigned char *data;
	size_t len;
	size_t at;
	uint32_t time_form;
	char number[32];
	char *texts[7]; /* owned */
};
/* 0 or OCPPD_EINVAL: not a format that is known. */
int unpacker_init(struct unpacker *unpacker, const void *data, size_t len);
/* 1: a value; 0: the end; OCPPD_EINVAL: broken; OCPPD_ENOMEM. */
int unpacker_next(struct unpacker *unpacker, struct ocppd_sampled *ret);
void unpacker_fini(struct unpacker *unpacker);

/* The word, or the one that counts as stated where it is NULL. */
const char *measurand_of(const struct ocppd_sampled *value);
const char *context_of(const struct ocppd_sampled *value);

/* What a value says about energy. */
struct sampled_energy {
	int64_t wh;
	uint32_t phase; /* 0: the total, 1: L1, 2: another */
	bool is_interval;
	bool is_clock; /* Sample.Clock */
	bool is_begin; /* Transaction.Begin */
	bool is_end;
};
/* False: neither the active import register nor its interval, measured elsewhere than at the
 * outlet, or no number. */
bool sampled_energy_of(const struct ocppd_sampled *value, struct sampled_energy *ret);

#endif
