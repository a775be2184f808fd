/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_STATION_URL_H
#define OCPPD_STATION_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ocppd/error.h>

/* Where the endpoint is: ws://host:port/path, to which a station's identity is appended. */
struct url {
	bool is_tls;
	uint16_t port;
	char host[256]; /* without brackets */
	char path[512]; /* begins with a slash, ends without */
};

/* OCPPD_EINVAL with the reason; ret_url is written on success only. */
int url_parse(const char *text, struct url *ret_url, struct ocppd_error *err);
/* The path of one station, its identity percent-encoded; OCPPD_ESPACE. */
int url_station_path(const struct url *url, const char *identity, char *ret_path, size_t size);

/*
 * Fills a pattern with one number: "CP-%04d" and 7 give CP-0007. A text without % is copied, %%
 * is a percent sign. OCPPD_EINVAL: anything else after %, or a second number; OCPPD_ESPACE.
 */
int pattern_format(const char *pattern, uint32_t number, char *ret_text, size_t size);
/* Whether the (valid) pattern has a number in it. */
bool pattern_has_number(const char *pattern);

#endif
