/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_OCPP_QUIRKS_H
#define OCPPD_OCPP_QUIRKS_H

#include <stdbool.h>
#include <stdint.h>

#include <ocppd/error.h>

/*
 * What is configured about a station's deviations: listed codes, options, strictness. Immutable
 * once made, counted (atomically), shared by the directory, I/O threads and the core.
 */
struct quirks;

/* items: "D03", "D", "all" or "option=value"; "-D03" takes back what an earlier one listed.
 * OCPPD_EINVAL with err names the bad one. */
int quirks_new(const char *const *items, uint32_t count, bool is_strict, struct quirks **ret_quirks,
	       struct ocppd_error *err);
struct quirks *quirks_ref(struct quirks *quirks); /* NULL gives NULL */
void quirks_unref(struct quirks *quirks);
/* NULL quirks: nothing is listed, not strict. */
bool quirks_has(const struct quirks *quirks, const char *code);
const char *quirks_option(const struct quirks *quirks, const char *option);
bool quirks_is_strict(const struct quirks *quirks);
/* Option `naive_time_zone` ("UTC", "Z", "+hh:mm", "-hh:mm"): seconds east of Greenwich (E01). */
int32_t quirks_naive_offset_s(const struct quirks *quirks);
/* A number below QUIRKS_COUNT for each known code, OCPPD_ENOENT for others. */
#define QUIRKS_COUNT 128
int quirks_index(const char *code);
/* The code of a number that quirks_index gave. */
#define QUIRK_CODE_SIZE 4
void quirks_code(int index, char ret_code[QUIRK_CODE_SIZE]);

#endif
