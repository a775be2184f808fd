/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * ocppd-station: simulated OCPP 1.6 stations. Reads the command line and the scenario; everything
 * else is in fleet.c.
 */
#include "options.h"
#include "outcome.h"
#include "station.h"

#include "base/text.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static void
print_error(const struct ocppd_error *err)
{
	if (err->file[0])
		fprintf(stderr, "ocppd-station: %s:%u:%u: %s\n", err->file, err->line, err->column,
			err->text);
	else
		fprintf(stderr, "ocppd-station: %s\n", err->text);
}

static void
list_scenarios(void)
{
	const struct builtin *builtin;

	for (size_t i = 0; (builtin = builtin_at(i)); i++) {
		if (!builtin->is_internal)
			printf("%-10s %s\n", builtin->name, builtin->summary);
	}
}

static int
load(const struct options *options, struct scenario **ret_scenario, struct ocppd_error *err)
{
	const char *name = options->scenario;
	const struct builtin *builtin;

	if (!name)
		name = options->is_idle ? "idle" : "session";
	builtin = builtin_find(name);
	if (builtin && !builtin->is_internal)
		return scenario_parse(name, builtin->text, strlen(builtin->text), ret_scenario,
				      err);
	return scenario_load(name, ret_scenario, err);
}

int
main(int argc, char **argv)
{
	struct scenario *scenario = NULL;
	struct ocppd_error err = { 0 };
	struct options options;
	int status;

	if (options_parse(argc, argv, &options, &err) < 0) {
		print_error(&err);
		return 2;
	}
	if (options.wants_help || options.wants_version || options.wants_list ||
	    options.wants_outcomes) {
		if (options.wants_help)
			options_help();
		else if (options.wants_outcomes)
			outcome_print_all();
		else if (options.wants_version)
			puts("ocppd-station " OCPPD_VERSION);
		else
			list_scenarios();
		return 0;
	}
	if (load(&options, &scenario, &err) < 0) {
		print_error(&err);
		return 2;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	status = fleet_run(&options, scenario);
	scenario_free(scenario);
	return status;
}
