/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_BENCH_FRAMES_H
#define OCPPD_BENCH_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MAX 1536 /* bytes of a message */

/* A frame, masked as a client must; returns its length. */
size_t frame_mask(uint8_t frame[FRAME_MAX + 16], const char *text, size_t len, uint8_t opcode);
void frame_hex(char *at, uint32_t number); /* eight digits */
/* What a message is about. */
struct facts {
	uint32_t station;
	uint32_t at; /* which of the station's connectors, from 0 */
	int32_t transaction_id;
	int64_t time_us;
	uint64_t number; /* of all messages: a meter that rises */
};

/* Transactions, and MeterValues with eight sampled values; the lengths. */
size_t frame_start(char *text, size_t size, const struct facts *facts);
size_t frame_stop(char *text, size_t size, const struct facts *facts);
size_t frame_values(char *text, size_t size, const struct facts *facts);
/* The answer to a CALL of the server: a station that clears its cache, and supports nothing else.
 * Its length, 0: no CALL. */
size_t frame_answer(char *text, size_t size, const char *data, size_t len);
bool text_has(const char *data, size_t len, const char *word);
/* A time with milliseconds and Z after the word. */
bool text_has_time(const char *data, size_t len, const char *word);

#endif
