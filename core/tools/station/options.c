/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The command line of ocppd-station: one table feeds the parser and the help text. Opens nothing
 * but the password file.
 */
#include "options.h"

#include "outcome.h"
#include "scenario.h"

#include "base/text.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

enum option_id {
	OPT_URL = 'u',
	OPT_ID = 'i',
	OPT_COUNT = 'n',
	OPT_SCENARIO = 's',
	OPT_TAG = 't',
	OPT_OUTCOME = 'o',
	OPT_QUIET = 'q',
	OPT_VERBOSE = 'v',
	OPT_HELP = 'h',
	OPT_VERSION = 'V',
	OPT_FIRST = 256,
	OPT_LIST,
	OPT_IDLE,
	OPT_CONSOLE,
	OPT_PASSWORD,
	OPT_PASSWORD_HEX,
	OPT_PASSWORD_FILE,
	OPT_SPEED,
	OPT_INTERVAL,
	OPT_SAMPLES,
	OPT_CONNECTORS,
	OPT_POWER,
	OPT_TIMEOUT,
	OPT_PARALLEL,
	OPT_SUBPROTOCOL,
	OPT_VENDOR,
	OPT_MODEL,
	OPT_CA,
	OPT_INSECURE,
	OPT_ONCE,
	OPT_JSON,
	OPT_LIST_OUTCOMES,
	OPT_KEY,
	OPT_READONLY_KEY,
	OPT_FIRMWARE,
	OPT_NEXT_FIRMWARE,
	OPT_UPLOAD,
};

struct option_row {
	const char *name;
	int id;
	const char *arg; /* NULL: none */
	const char *help;
};

static const struct option_row option_rows[] = {
	{ "url", OPT_URL, "URL", "endpoint, ws:// or wss:// (ws://127.0.0.1:8180/ocpp)" },
	{ "id", OPT_ID, "ID", "identity, a pattern such as CP-%04d for many (CP-%04d)" },
	{ "count", OPT_COUNT, "N", "number of stations, 1 to 100000 (1)" },
	{ "first", OPT_FIRST, "N", "number that the first one puts into the patterns (1)" },
	{ "scenario", OPT_SCENARIO, "NAME", "a YAML file, or one of --list-scenarios (session)" },
	{ "list-scenarios", OPT_LIST, NULL, "list the scenarios that are built in" },
	{ "idle", OPT_IDLE, NULL, "stay connected afterwards and charge only when told to" },
	{ "console", OPT_CONSOLE, NULL, "stay, and play steps typed on standard input" },
	{ "tag", OPT_TAG, "TAG", "idTag, or a pattern as for --id (TAG-%04d)" },
	{ "outcome", OPT_OUTCOME, "ACTION=OUTCOME",
	  "what to answer, such as Reset=Rejected; repeatable" },
	{ "list-outcomes", OPT_LIST_OUTCOMES, NULL, "list every action with its outcomes" },
	{ "key", OPT_KEY, "NAME[=VALUE]", "a configuration key it begins with; repeatable" },
	{ "readonly-key", OPT_READONLY_KEY, "NAME[=VALUE]", "the same, not to be changed" },
	{ "firmware", OPT_FIRMWARE, "VERSION", "firmwareVersion (1.0.0)" },
	{ "next-firmware", OPT_NEXT_FIRMWARE, "VERSION",
	  "that of the next update (by the file's name)" },
	{ "upload", OPT_UPLOAD, "METHOD", "diagnostics by put, post or multipart (put)" },
	{ "password", OPT_PASSWORD, "TEXT", "HTTP Basic password" },
	{ "password-hex", OPT_PASSWORD_HEX, "HEX", "the same, bytes given as hex digits" },
	{ "password-file", OPT_PASSWORD_FILE, "FILE", "the same, first line of a file" },
	{ "connectors", OPT_CONNECTORS, "N", "connectors of a station, 1 to 16 (2)" },
	{ "samples", OPT_SAMPLES, "N", "meter samples in a session (8)" },
	{ "interval", OPT_INTERVAL, "TIME", "between two samples, such as 10s (10s)" },
	{ "power", OPT_POWER, "WATTS", "charging power (7400)" },
	{ "speed", OPT_SPEED, "FACTOR", "divide all waiting by this (1)" },
	{ "timeout", OPT_TIMEOUT, "TIME", "deadline of every answer (30s)" },
	{ "once", OPT_ONCE, NULL, "do not reconnect: a lost connection fails the scenario" },
	{ "parallel", OPT_PARALLEL, "N", "handshakes under way at a time (64)" },
	{ "subprotocol", OPT_SUBPROTOCOL, "LIST", "what to offer (ocpp1.6)" },
	{ "vendor", OPT_VENDOR, "TEXT", "chargePointVendor (ocppd)" },
	{ "model", OPT_MODEL, "TEXT", "chargePointModel (ocppd-station)" },
	{ "ca", OPT_CA, "FILE", "certificates to trust for wss, PEM (the system's)" },
	{ "insecure", OPT_INSECURE, NULL, "do not verify the server's certificate" },
	{ "json", OPT_JSON, NULL, "print one JSON object a line" },
	{ "quiet", OPT_QUIET, NULL, "print failures and the summary only" },
	{ "verbose", OPT_VERBOSE, NULL, "print every frame" },
	{ "version", OPT_VERSION, NULL, "print the version and end" },
	{ "help", OPT_HELP, NULL, "print this and end" },
};

#define OPTION_COUNT (sizeof(option_rows) / sizeof(option_rows[0]))

void
options_help(void)
{
	puts("Usage: ocppd-station [options]\n"
	     "\n"
	     "Plays one or many OCPP 1.6 stations against a CSMS and verifies every answer.\n");
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		const struct option_row *row = &option_rows[i];
		char left[48];

		(void)snprintf(left, sizeof(left), "%s--%s%s%s",
			       row->id < 256 ? (char[]){ '-', (char)row->id, ',', ' ', '\0' }
					     : "    ",
			       row->name, row->arg ? " " : "", row->arg ? row->arg : "");
		printf("  %-32s %s\n", left, row->help);
	}
	puts("\n"
	     "Exit status: 0 every scenario passed; 1 a check failed; 2 no connection or wrong\n"
	     "usage. The manual page ocppd-station(1) describes scenarios.");
}

static int
parse_hex(const char *text, struct options *options, struct ocppd_error *err)
{
	size_t len = strlen(text);

	if (len % 2 != 0 || len / 2 > sizeof(options->password) ||
	    strspn(text, "0123456789abcdefABCDEF") != len)
		return ocppd_error_set(err, OCPPD_EINVAL,
				       "--password-hex takes an even number of hex digits, at most "
				       "%zu",
				       sizeof(options->password) * 2);
	for (size_t i = 0; i < len; i++) {
		char c = ascii_lower(text[i]);
		int digit = c <= '9' ? c - '0' : c - 'a' + 10;
		int high = i % 2 == 0 ? 0 : options->password[i / 2];

		options->password[i / 2] = (char)((high << 4) | digit);
	}
	options->password_len = len / 2;
	options->has_password = true;
	return 0;
}

static int
set_password(struct options *options, const char *text, size_t len, struct ocppd_error *err)
{
	if (len > sizeof(options->password))
		return ocppd_error_set(err, OCPPD_EINVAL, "the password is longer than %zu bytes",
				       sizeof(options->password));
	memcpy(options->password, text, len);
	options->password_len = len;
	options->has_password = true;
	return 0;
}

static int
read_password(const char *path, struct options *options, struct ocppd_error *err)
{
	char line[sizeof(options->password) + 2];
	FILE *file = fopen(path, "re");
	size_t len;

	if (!file)
		return ocppd_error_set(err, OCPPD_EIO, "--password-file %s: %s", path,
				       strerrordesc_np(errno));
	len = fread(line, 1, sizeof(line), file);
	(void)fclose(file);
	for (size_t i = 0; i < len; i++) {
		if (line[i] == '\n' || line[i] == '\r')
			len = i;
	}
	return set_password(options, line, len, err);
}

static int
parse_number(const struct option_row *row, const char *text, int64_t max, int64_t *ret_number,
	     struct ocppd_error *err)
{
	int64_t number = 0;

	if (parse_i64(text, 1, max, &number) < 0)
		return ocppd_error_set(err, OCPPD_EINVAL, "--%s takes a number from 1 to %lld",
				       row->name, (long long)max);
	*ret_number = number;
	return 0;
}

static int
parse_count(const struct option_row *row, const char *text, uint32_t max, uint32_t *ret_number,
	    struct ocppd_error *err)
{
	int64_t number = 0;
	int r = parse_number(row, text, max, &number, err);

	if (r == 0)
		*ret_number = (uint32_t)number;
	return r;
}

static int
parse_time(const struct option_row *row, const char *text, int64_t *ret_ms, struct ocppd_error *err)
{
	if (duration_parse(text, ret_ms) < 0 || *ret_ms < 1)
		return ocppd_error_set(err, OCPPD_EINVAL,
				       "--%s takes a duration such as 5s, 500ms or 2m", row->name);
	return 0;
}

static int
add_outcome(const char *arg, struct options *options, struct ocppd_error *err)
{
	struct outcome outcome = { .times = OUTCOME_FOREVER };
	char action[OUTCOME_ACTION_SIZE];
	int r = outcome_parse_pair(arg, action, &outcome, err);

	if (r < 0)
		return r;
	if (options->outcome_count == OPTIONS_MAX_OUTCOMES)
		return ocppd_error_set(err, OCPPD_EINVAL, "--outcome is given more than %d times",
				       OPTIONS_MAX_OUTCOMES);
	options->outcomes[options->outcome_count++] = arg;
	return 0;
}

static int
add_key(const struct option_row *row, const char *arg, struct options *options,
	struct ocppd_error *err)
{
	struct key_option *key = &options->keys[options->key_count];
	size_t len = strcspn(arg, "=");

	if (options->key_count == OPTIONS_MAX_KEYS)
		return ocppd_error_set(err, OCPPD_EINVAL, "more than %d keys are given",
				       OPTIONS_MAX_KEYS);
	if (len == 0 || len > KEY_NAME_MAX)
		return ocppd_error_set(err, OCPPD_EINVAL,
				       "--%s takes a name of at most %d characters, or NAME=VALUE",
				       row->name, KEY_NAME_MAX);
	if (arg[len] == '=' && utf8_count(arg + len + 1) > KEY_VALUE_MAX)
		return ocppd_error_set(err, OCPPD_EINVAL,
				       "--%s takes a value of at most %d "
				       "characters",
				       row->name, KEY_VALUE_MAX);
	memcpy(key->name, arg, len);
	key->name[len] = '\0';
	key->value = arg[len] == '=' ? arg + len + 1 : NULL;
	key->is_readonly = row->id == OPT_READONLY_KEY;
	options->key_count++;
	return 0;
}

static int
parse_method(const char *arg, enum transfer_method *ret_method, struct ocppd_error *err)
{
	static const char *const names[] = {
		[TRANSFER_PUT] = "put", [TRANSFER_POST] = "post", [TRANSFER_MULTIPART] = "multipart"
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!str_eq(arg, names[i]))
			continue;
		*ret_method = (enum transfer_method)i;
		return 0;
	}
	return ocppd_error_set(err, OCPPD_EINVAL, "--upload takes put, post or multipart");
}

static int
set_option(const struct option_row *row, const char *arg, struct options *o,
	   struct ocppd_error *err)
{
	switch (row->id) {
	case OPT_URL:
		return url_parse(arg, &o->url, err);
	case OPT_COUNT:
		return parse_count(row, arg, 100000, &o->count, err);
	case OPT_FIRST:
		return parse_count(row, arg, 100000000, &o->first, err);
	case OPT_CONNECTORS:
		return parse_count(row, arg, 16, &o->connectors, err);
	case OPT_SAMPLES:
		return parse_count(row, arg, 1000000, &o->samples, err);
	case OPT_PARALLEL:
		return parse_count(row, arg, 1000, &o->parallel, err);
	case OPT_POWER:
		return parse_number(row, arg, 1000000, &o->power_w, err);
	case OPT_INTERVAL:
		return parse_time(row, arg, &o->interval_ms, err);
	case OPT_TIMEOUT:
		return parse_time(row, arg, &o->timeout_ms, err);
	case OPT_SPEED:
		if (parse_double(arg, &o->speed) < 0 || o->speed < 0.001 || o->speed > 1000000)
			return ocppd_error_set(err, OCPPD_EINVAL,
					       "--speed takes a factor from 0.001 to 1000000");
		return 0;
	case OPT_OUTCOME:
		return add_outcome(arg, o, err);
	case OPT_KEY:
	case OPT_READONLY_KEY:
		return add_key(row, arg, o, err);
	case OPT_UPLOAD:
		return parse_method(arg, &o->upload, err);
	case OPT_PASSWORD:
		return set_password(o, arg, strlen(arg), err);
	case OPT_PASSWORD_HEX:
		return parse_hex(arg, o, err);
	case OPT_PASSWORD_FILE:
		return read_password(arg, o, err);
	default:
		return 0;
	}
}

/* What is a plain text or a switch. */
static void
set_plain(const struct option_row *row, const char *arg, struct options *o)
{
	const struct {
		int id;
		const char **text;
		bool *flag;
	} plain[] = {
		{ OPT_ID, &o->id, NULL },
		{ OPT_SCENARIO, &o->scenario, NULL },
		{ OPT_TAG, &o->tag, NULL },
		{ OPT_SUBPROTOCOL, &o->subprotocol, NULL },
		{ OPT_VENDOR, &o->vendor, NULL },
		{ OPT_MODEL, &o->model, NULL },
		{ OPT_CA, &o->ca, NULL },
		{ OPT_FIRMWARE, &o->firmware, NULL },
		{ OPT_NEXT_FIRMWARE, &o->next_firmware, NULL },
		{ OPT_LIST, NULL, &o->wants_list },
		{ OPT_LIST_OUTCOMES, NULL, &o->wants_outcomes },
		{ OPT_IDLE, NULL, &o->is_idle },
		{ OPT_CONSOLE, NULL, &o->is_console },
		{ OPT_ONCE, NULL, &o->is_once },
		{ OPT_JSON, NULL, &o->is_json },
		{ OPT_QUIET, NULL, &o->is_quiet },
		{ OPT_VERBOSE, NULL, &o->is_verbose },
		{ OPT_INSECURE, NULL, &o->is_insecure },
		{ OPT_HELP, NULL, &o->wants_help },
		{ OPT_VERSION, NULL, &o->wants_version },
	};

	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		if (plain[i].id != row->id)
			continue;
		if (plain[i].text)
			*plain[i].text = arg;
		else
			*plain[i].flag = true;
	}
}

static int
check_pattern(const char *name, const char *pattern, size_t max, struct ocppd_error *err)
{
	char text[64];

	if (pattern[0] == '\0' || pattern_format(pattern, UINT32_MAX, text, sizeof(text)) < 0)
		return ocppd_error_set(err, OCPPD_EINVAL,
				       "--%s takes a text with at most one number in it, such as "
				       "CP-%%04d",
				       name);
	if (pattern_format(pattern, 1, text, sizeof(text)) < 0 || utf8_count(text) > max)
		return ocppd_error_set(err, OCPPD_EINVAL, "--%s has at most %zu characters", name,
				       max);
	return 0;
}

static int
check_all(const struct options *o, struct ocppd_error *err)
{
	int r = check_pattern("id", o->id, 48, err);

	if (r < 0)
		return r;
	r = check_pattern("tag", o->tag, 20, err);
	if (r < 0)
		return r;
	if (o->count > 1 && !pattern_has_number(o->id))
		return ocppd_error_set(err, OCPPD_EINVAL,
				       "--count %u needs a number in --id, such as %s-%%04d",
				       o->count, o->id);
	if (o->firmware[0] == '\0' || utf8_count(o->firmware) > 50 ||
	    utf8_count(o->next_firmware) > 50)
		return ocppd_error_set(err, OCPPD_EINVAL, "a version has 1 to 50 characters");
	if (o->is_console && o->count > 1)
		return ocppd_error_set(err, OCPPD_EINVAL, "--console is for one station");
	if (o->ca && o->is_insecure)
		return ocppd_error_set(err, OCPPD_EINVAL, "--ca and --insecure contradict");
	return 0;
}

static const struct option_row *
find_row(int id)
{
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		if (option_rows[i].id == id)
			return &option_rows[i];
	}
	return NULL;
}

int
options_parse(int argc, char **argv, struct options *ret_options, struct ocppd_error *err)
{
	struct options o = { .id = "CP-%04d",
			     .count = 1,
			     .first = 1,
			     .tag = "TAG-%04d",
			     .subprotocol = "ocpp1.6",
			     .vendor = "ocppd",
			     .model = "ocppd-station",
			     .speed = 1,
			     .interval_ms = 10000,
			     .timeout_ms = 30000,
			     .samples = 8,
			     .connectors = 2,
			     .parallel = 64,
			     .power_w = 7400,
			     .firmware = "1.0.0",
			     .next_firmware = "" };
	struct option longs[OPTION_COUNT + 1] = { 0 };
	int id;
	int r;

	for (size_t i = 0; i < OPTION_COUNT; i++) {
		longs[i].name = option_rows[i].name;
		longs[i].has_arg = option_rows[i].arg ? required_argument : no_argument;
		longs[i].val = option_rows[i].id;
	}
	(void)url_parse("ws://127.0.0.1:8180/ocpp", &o.url, NULL);
	opterr = 0;
	optind = 0; /* so that tests can parse more than once */
	while ((id = getopt_long(argc, argv, ":u:i:n:s:t:o:qvhV", longs, NULL)) != -1) {
		const struct option_row *row = find_row(id);

		if (!row)
			return ocppd_error_set(err, OCPPD_EINVAL, "%s %s", argv[optind - 1],
					       id == ':' ? "needs an argument"
							 : "is no option; see --help");
		set_plain(row, optarg, &o);
		r = set_option(row, optarg, &o, err);
		if (r < 0)
			return r;
	}
	if (optind < argc)
		return ocppd_error_set(err, OCPPD_EINVAL, "%s is no option; see --help",
				       argv[optind]);
	if (!o.wants_help && !o.wants_version && !o.wants_list && !o.wants_outcomes) {
		r = check_all(&o, err);
		if (r < 0)
			return r;
	}
	o.is_idle = o.is_idle || o.is_console;
	*ret_options = o;
	return 0;
}
