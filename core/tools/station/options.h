/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_STATION_OPTIONS_H
#define OCPPD_STATION_OPTIONS_H

#include "url.h"

#include "features/keys.h"
#include "features/transfer.h"

#define OPTIONS_MAX_OUTCOMES 64
#define OPTIONS_MAX_KEYS 64

/* A configuration key that a station begins with. */
struct key_option {
	char name[KEY_NAME_MAX + 1];
	const char *value; /* NULL: none */
	bool is_readonly;
};

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
	const char *outcomes[OPTIONS_MAX_OUTCOMES]; /* ACTION=OUTCOME, checked */
	uint32_t outcome_count;
	struct key_option keys[OPTIONS_MAX_KEYS];
	uint32_t key_count;
	const char *firmware;
	const char *next_firmware; /* "": told by the name of the file */
	enum transfer_method upload;
	bool is_idle;
	bool is_console;
	bool is_once;
	bool is_json;
	bool is_quiet;
	bool is_verbose;
	bool is_insecure;
	bool wants_help;
	bool wants_version;
	bool wants_list;
	bool wants_outcomes;
};

/* OCPPD_EINVAL with one sentence, OCPPD_EIO for a file that cannot be read. */
int options_parse(int argc, char **argv, struct options *ret_options, struct ocppd_error *err);
void options_help(void);

#endif
