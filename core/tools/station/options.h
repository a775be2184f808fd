/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_STATION_OPTIONS_H
#define OCPPD_STATION_OPTIONS_H

#include "url.h"

/* What the command line asked for. Texts are borrowed from argv. */
struct options {
	struct url url;
	const char *id; /* pattern */
	uint32_t count;
	uint32_t first;
	const char *scenario; /* file or built-in name; NULL: the default */
	const char *tag;      /* pattern */
	const char *subprotocol;
	const char *vendor;
	const char *model;
	const char *ca;
	bool has_password;
	char password[128]; /* bytes */
	size_t password_len;
	double speed;
	int64_t interval_ms; /* between samples */
	int64_t timeout_ms;  /* for an answer, a connection, an awaited CALL */
	uint32_t samples;
	uint32_t connectors;
	uint32_t parallel; /* handshakes under way at a time */
	int64_t power_w;
	bool is_idle;
	bool is_once;
	bool is_json;
	bool is_quiet;
	bool is_verbose;
	bool is_insecure;
	bool wants_help;
	bool wants_version;
	bool wants_list;
};

/* OCPPD_EINVAL with one sentence, OCPPD_EIO for a file that cannot be read. */
int options_parse(int argc, char **argv, struct options *ret_options, struct ocppd_error *err);
void options_help(void);

#endif
