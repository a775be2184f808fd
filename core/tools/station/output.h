/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_STATION_OUTPUT_H
#define OCPPD_STATION_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include <ocppd/abi.h>

/* What kind of line it is: decides colour and whether --quiet shows it. */
enum output_kind {
	OUTPUT_STEP,    /* something that happened as it should */
	OUTPUT_NOTE,    /* worth a look: a lost connection, a retry */
	OUTPUT_FAILURE, /* a check failed */
	OUTPUT_FRAME,   /* --verbose only */
	OUTPUT_SUMMARY,
};

struct output {
	bool is_json;
	bool is_quiet;
	bool is_verbose;
	bool has_colour;
	bool is_terminal;
	int64_t start_mono_us;
};

void output_init(struct output *out, bool is_json, bool is_quiet, bool is_verbose);
/*
 * One line. station may be NULL; event: what --json calls it; took_us < 0: not measured.
 */
struct output_line {
	enum output_kind kind;
	const char *station;
	const char *event;
	const char *action; /* NULL: none */
	int64_t took_us;
};
void output_print(struct output *out, const struct output_line *line, const char *format, ...)
	OCPPD_PRINTF(3, 4);
int64_t output_mono_us(void);

#endif
