/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * ocppctl against any description. The first line of an input is the command line, blanks between
 * its arguments, the rest the daemon's answer. A command that is found begins the line; a request
 * that is made can be sent: a path without blanks or control characters, a body that is JSON.
 */
#include "fuzz.h"

#include <json-c/json.h>

#include "tools/ocppctl/invoke.h"

#define ARGS_MAX 16

static size_t
split(char *line, char *ret_args[ARGS_MAX])
{
	size_t count = 0;
	char *word;

	while (count < ARGS_MAX && (word = strsep(&line, " ")) != NULL) {
		if (*word != '\0')
			ret_args[count++] = word;
	}
	return count;
}

static char *
no_input(const char *name)
{
	(void)name;
	return NULL;
}

static void
check_invocation(const struct invocation *invocation)
{
	struct json_object *body;

	OCPPD_ASSERT(invocation->path != NULL);
	OCPPD_ASSERT(strlen(invocation->method) < sizeof(invocation->method));
	for (const char *at = invocation->method; *at != '\0'; at++)
		OCPPD_ASSERT(*at < 'a' || *at > 'z');
	if (invocation->body == NULL)
		return;
	body = json_tokener_parse(invocation->body);
	OCPPD_ASSERT(json_object_is_type(body, json_type_object));
	json_object_put(body);
}

static void
check_match(const struct spec *spec, char *const *args, size_t count)
{
	size_t used = 0;
	const struct command *command = spec_match(spec, args, count, &used);
	struct invocation invocation;
	struct ocppd_error err = { 0 };
	int r;

	if (command == NULL)
		return;
	OCPPD_ASSERT(used > 0 && used <= count);
	OCPPD_ASSERT(strncmp(command->words, args[0], strlen(args[0])) == 0);
	r = invocation_init(&invocation, spec, command, args + used, count - used, no_input, &err);
	OCPPD_ASSERT(r == 0 || (r < 0 && err.text[0] != '\0'));
	if (r == 0)
		check_invocation(&invocation);
	invocation_fini(&invocation);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = fuzz_text(data, size);
	const char *text = fuzz_cut(line);
	char *args[ARGS_MAX];
	size_t count = split(line, args);
	struct spec spec;
	int r = spec_init(&spec, json_tokener_parse(text));

	OCPPD_ASSERT(r == 0 || r == OCPPD_EINVAL);
	if (r == 0) {
		for (size_t i = 1; i < spec.count; i++)
			OCPPD_ASSERT(strcmp(spec.commands[i - 1].words, spec.commands[i].words) <=
				     0);
		check_match(&spec, args, count);
		spec_fini(&spec);
	}
	free(line);
	return 0;
}
