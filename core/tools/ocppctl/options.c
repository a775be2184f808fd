/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * ocppctl's own options, those that every command has, and what they and the environment say of
 * where the daemon is.
 */
#include "options.h"

#include "base/buf.h"
#include "base/exposed.h"
#include "base/text.h"
#include "http.h"
#include "input.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct text_option {
	const char *name;
	size_t offset;
};

static const struct text_option text_options[] = {
	{ "--url", offsetof(struct options, url) },
	{ "--socket", offsetof(struct options, socket) },
	{ "--token", offsetof(struct options, token) },
	{ "--token-file", offsetof(struct options, token_file) },
	{ "--output", offsetof(struct options, output) },
	{ "-o", offsetof(struct options, output) },
};

/* Returns how many arguments were used: 0: no option of ours; negative: a value is missing. */
static int
read_text_option(struct options *options, char **args, int count)
{
	for (size_t i = 0; i < sizeof(text_options) / sizeof(text_options[0]); i++) {
		const char *name = text_options[i].name;
		size_t len = strlen(name);
		char *at = (char *)options + text_options[i].offset;
		const char *value;

		if (strncmp(args[0], name, len) != 0 ||
		    (args[0][len] != '\0' && args[0][len] != '='))
			continue;
		if (args[0][len] == '\0' && count < 2)
			return OCPPD_EINVAL;
		value = args[0][len] == '=' ? args[0] + len + 1 : args[1];
		memcpy(at, &value, sizeof(value));
		return args[0][len] == '=' ? 1 : 2;
	}
	return 0;
}

static int
read_option(struct options *options, char **args, int count)
{
	if (strcmp(args[0], "--json") == 0) {
		options->is_json = true;
		return 1;
	}
	if (strcmp(args[0], "--help") == 0 || strcmp(args[0], "-h") == 0) {
		options->is_help = true;
		return 1;
	}
	if (strcmp(args[0], "--version") == 0) {
		options->is_version = true;
		return 1;
	}
	if (strcmp(args[0], "--complete") == 0) {
		options->is_complete = true;
		return 1;
	}
	if (strcmp(args[0], "--wait") == 0) {
		if (count < 2 || parse_i64(args[1], 1, 86400, &options->wait_s) < 0)
			return OCPPD_EINVAL;
		return 2;
	}
	return read_text_option(options, args, count);
}

/* Options stand before the command; --json, --help, --url and so on are also found behind it. */
int
options_read(struct options *options, char **args, int count)
{
	bool has_command = false;
	int kept = 0;

	for (int i = 0; i < count;) {
		int used = 0;

		if (options->is_complete) {
			args[kept++] = args[i++];
			continue;
		}
		if (strcmp(args[i], "--") == 0 && has_command) {
			while (i < count)
				args[kept++] = args[i++];
			break;
		}
		used = read_option(options, args + i, count - i);
		if (used < 0) {
			(void)fprintf(stderr, "ocppctl: %s needs a value\n", args[i]);
			return used;
		}
		if (used == 0 && !has_command && args[i][0] == '-') {
			(void)fprintf(stderr, "ocppctl: unknown option %s\n", args[i]);
			return OCPPD_EINVAL;
		}
		if (used == 0) {
			has_command = true;
			args[kept++] = args[i++];
		}
		i += used;
	}
	return kept;
}

int
options_server(const struct options *options, struct http_server *server, struct ocppd_error *err)
{
	const char *url = options->url != NULL ? options->url : getenv("OCPPD_URL");
	const char *socket = options->socket;
	const char *token = options->token != NULL ? options->token : getenv("OCPPD_TOKEN");
	struct buf path = { 0 };
	uint32_t mode;
	int r;

	memset(server, 0, sizeof(*server));
	server->timeout_ms = options->wait_s * 1000;
	if (socket == NULL && options->url == NULL)
		socket = getenv("OCPPD_SOCKET");
	if (socket == NULL && url == NULL)
		socket = OCPPD_CONTROL_SOCKET;
	if (socket != NULL) {
		buf_printf(&path, "unix:%s", socket);
		r = path.error < 0 ? path.error : http_server_parse(path.data, server, err);
		buf_fini(&path);
	} else {
		r = http_server_parse(url, server, err);
	}
	if (r < 0)
		return r;
	if (options->token_file != NULL) {
		server->token = read_token(options->token_file);
		if (server->token == NULL)
			return ocppd_error_set(err, OCPPD_EINVAL, "cannot read %s: errno %d",
					       options->token_file, errno);
		if (file_is_exposed(options->token_file, &mode))
			(void)fprintf(stderr,
				      "ocppctl: warning: everybody can read %s (mode %04o): "
				      "chmod o= %s\n",
				      options->token_file, mode, options->token_file);
	} else if (token != NULL && *token != '\0') {
		server->token = str_dup(token);
	}
	if (server->token != NULL && strpbrk(server->token, "\r\n") != NULL)
		return ocppd_error_set(err, OCPPD_EINVAL, "the token holds a line break");
	return 0;
}
