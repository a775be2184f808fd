/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * The command line of ocppd: what to read, and whether to check, to print or to run.
 */
#include "daemon/main.h"

#include <ocppd/log.h>
#include <ocppd/plugin.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon/build.h"
#include "daemon/daemon.h"
#include "daemon/options.h"

#include <getopt.h>
#include <unistd.h>

#define MODULE_DIRS_MAX 16

enum command {
	COMMAND_RUN,
	COMMAND_CHECK,
	COMMAND_PRINT_OPTIONS,
	COMMAND_MIGRATE,
	COMMAND_VERSION,
	COMMAND_HELP,
};

struct command_line {
	enum command command;
	struct daemon_opts opts;
	const char *module_dirs[MODULE_DIRS_MAX];
	uint32_t log_level; /* 0: as configured */
	bool is_verbose;
	bool is_dry_run;
};

static const char help[] =
	"Usage: ocppd [--config FILE] [OPTION...]\n"
	"\n"
	"Runs a charging station management system (OCPP central system).\n"
	"\n"
	"  --config FILE       configuration, instead of " BUILD_CONFIG_FILE "\n"
	"  --check             validate the configuration and the modules, then exit; changes nothing\n"
	"  --migrate           bring the tables of all modules up to date, then exit; with --dry-run\n"
	"                      only say what would be done\n"
	"  --print-options     print every option of the core and the configured modules as YAML\n"
	"  --module-dir DIR    look for modules here first; may be repeated\n"
	"  --vendor-conf-dir DIR  the packages' snippets, instead of " BUILD_VENDOR_CONF_DIR "\n"
	"  --log-level LEVEL   error, warn, info or debug, instead of the configured one\n"
	"  --version           print the version; with --verbose also the built-in paths\n"
	"  --help              print this\n"
	"\n"
	"Signals: SIGHUP reads the configuration again, SIGTERM and SIGINT drain and stop.\n"
	"Exit status: 0 stopped, 1 failed, 2 wrong usage, 78 wrong configuration.\n";

static int
parse(int argc, char **argv, struct command_line *line)
{
	enum {
		OPT_CONFIG = 256,
		OPT_CHECK,
		OPT_PRINT,
		OPT_MIGRATE,
		OPT_DRY_RUN,
		OPT_MODULE_DIR,
		OPT_VENDOR,
		OPT_LEVEL,
		OPT_VERSION,
		OPT_VERBOSE,
		OPT_HELP
	};
	static const struct option longs[] = {
		{ "config", required_argument, NULL, OPT_CONFIG },
		{ "check", no_argument, NULL, OPT_CHECK },
		{ "print-options", no_argument, NULL, OPT_PRINT },
		{ "migrate", no_argument, NULL, OPT_MIGRATE },
		{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
		{ "module-dir", required_argument, NULL, OPT_MODULE_DIR },
		{ "vendor-conf-dir", required_argument, NULL, OPT_VENDOR },
		{ "log-level", required_argument, NULL, OPT_LEVEL },
		{ "version", no_argument, NULL, OPT_VERSION },
		{ "verbose", no_argument, NULL, OPT_VERBOSE },
		{ "help", no_argument, NULL, OPT_HELP },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (option) {
		case OPT_CONFIG:
			line->opts.config_path = optarg;
			break;
		case OPT_CHECK:
			line->command = COMMAND_CHECK;
			break;
		case OPT_PRINT:
			line->command = COMMAND_PRINT_OPTIONS;
			break;
		case OPT_MIGRATE:
			line->command = COMMAND_MIGRATE;
			break;
		case OPT_DRY_RUN:
			line->is_dry_run = true;
			break;
		case OPT_MODULE_DIR:
			if (line->opts.module_dir_count == MODULE_DIRS_MAX) {
				(void)fprintf(stderr, "ocppd: more than %d --module-dir\n",
					      MODULE_DIRS_MAX);
				return DAEMON_EXIT_USAGE;
			}
			line->module_dirs[line->opts.module_dir_count++] = optarg;
			break;
		case OPT_VENDOR:
			line->opts.vendor_dir = optarg;
			break;
		case OPT_LEVEL:
			if (log_level_parse(optarg, &line->log_level) < 0) {
				(void)fprintf(stderr,
					      "ocppd: --log-level %s: expected error, warn, info "
					      "or debug\n",
					      optarg);
				return DAEMON_EXIT_USAGE;
			}
			break;
		case OPT_VERSION:
			line->command = COMMAND_VERSION;
			break;
		case OPT_VERBOSE:
			line->is_verbose = true;
			break;
		case OPT_HELP:
			line->command = COMMAND_HELP;
			break;
		default:
			(void)fputs("Try: ocppd --help\n", stderr);
			return DAEMON_EXIT_USAGE;
		}
	}
	if (optind < argc) {
		(void)fprintf(stderr, "ocppd: unexpected argument: %s\nTry: ocppd --help\n",
			      argv[optind]);
		return DAEMON_EXIT_USAGE;
	}
	if (line->is_dry_run && line->command != COMMAND_MIGRATE) {
		(void)fputs("ocppd: --dry-run goes with --migrate\nTry: ocppd --help\n", stderr);
		return DAEMON_EXIT_USAGE;
	}
	return DAEMON_EXIT_OK;
}

static void
print_version(bool is_verbose)
{
	(void)printf("ocppd %s\n", BUILD_VERSION);
	if (!is_verbose)
		return;
	(void)printf("abi %d.%d\nconfig %s\nvendor-conf-dir %s\nmodule-dir %s\n", OCPPD_ABI_MAJOR,
		     OCPPD_ABI_MINOR, BUILD_CONFIG_FILE, BUILD_VENDOR_CONF_DIR, BUILD_MODULE_DIR);
}

static void
print_problems(const struct problems *problems)
{
	struct buf text = { 0 };

	problems_format(problems, &text);
	if (text.data != NULL)
		(void)fprintf(stderr, "%s\n", text.data);
	buf_fini(&text);
}

static void
print_warnings(const struct problems *problems)
{
	for (uint32_t i = 0; i < problems->warning_count; i++) {
		struct buf line = { 0 };

		error_format(&problems->warnings[i], &line);
		if (line.data != NULL)
			(void)fprintf(stderr, "warning: %s\n", line.data);
		buf_fini(&line);
	}
}

static int
print_check(const struct settings *settings, const char *path)
{
	const struct problems *warnings = settings_warnings(settings);
	const struct ocppd_plugin *plugin;
	const char *name;
	const char *reason;

	for (uint32_t i = 0; (plugin = settings_module(settings, i, &name, &reason)) != NULL; i++)
		(void)printf("%-28s %-10s %s\n", name, plugin->version, reason);
	print_warnings(warnings);
	if (warnings->warning_count > 0)
		(void)printf("%s: no problem found, %u to be seen to\n", path,
			     warnings->warning_count);
	else
		(void)printf("%s: no problem found\n", path);
	return DAEMON_EXIT_OK;
}

static int
print_options(const struct settings *settings)
{
	struct arena arena = { 0 };
	struct options table;
	struct buf text = { 0 };
	const struct ocppd_plugin *plugin;
	const char *name;
	int r;

	r = daemon_options(&arena, &table);
	if (r == 0) {
		options_print(&table, 0, &text);
		for (uint32_t i = 0; (plugin = settings_module(settings, i, &name, NULL)) != NULL;
		     i++) {
			struct options own = { 0 };

			memcpy(&own.rows, &plugin->options, sizeof(own.rows));
			buf_printf(&text, "\n# plugins.%s: %s\n", name, plugin->summary);
			options_print(&own, 0, &text);
		}
		if (text.data != NULL && text.error == 0)
			(void)fputs(text.data, stdout);
		r = text.error;
	}
	buf_fini(&text);
	arena_fini(&arena);
	return r == 0 ? DAEMON_EXIT_OK : DAEMON_EXIT_FAILED;
}

static int
run(const struct command_line *line, struct settings *settings)
{
	uint32_t level = line->log_level != 0 ? line->log_level : settings_log_level(settings);
	struct clock clock;
	struct log *log;
	int status;

	/* What is done, or would be, is what one asks for. */
	if (line->opts.migration != 0 && level < OCPPD_LOG_INFO)
		level = OCPPD_LOG_INFO;
	clock_init(&clock);
	log = log_new(&clock, STDERR_FILENO, level, getenv("JOURNAL_STREAM") != NULL);
	if (log == NULL) {
		settings_free(settings);
		(void)fputs("ocppd: out of memory\n", stderr);
		return DAEMON_EXIT_FAILED;
	}
	status = daemon_run(&line->opts, settings, log);
	log_free(log);
	return status;
}

int
ocppd_main(int argc, char **argv)
{
	struct command_line line = { .opts = { .config_path = BUILD_CONFIG_FILE } };
	struct problems problems = { 0 };
	struct settings *settings = NULL;
	int status;
	int r;

	status = parse(argc, argv, &line);
	if (status != DAEMON_EXIT_OK)
		return status;
	if (line.command == COMMAND_HELP) {
		(void)fputs(help, stdout);
		return DAEMON_EXIT_OK;
	}
	if (line.command == COMMAND_VERSION) {
		print_version(line.is_verbose);
		return DAEMON_EXIT_OK;
	}
	line.opts.module_dirs = line.module_dirs;

	r = settings_load(NULL, &line.opts, &settings, &problems);
	if (r < 0) {
		print_warnings(&problems);
		print_problems(&problems);
		problems_fini(&problems);
		return r == OCPPD_ENOMEM ? DAEMON_EXIT_FAILED : DAEMON_EXIT_CONFIG;
	}
	problems_fini(&problems);

	if (line.command == COMMAND_MIGRATE)
		line.opts.migration = line.is_dry_run ? CORE_MIGRATION_PLAN : CORE_MIGRATION_APPLY;
	if (line.command == COMMAND_RUN || line.command == COMMAND_MIGRATE)
		return run(&line, settings);
	status = line.command == COMMAND_CHECK ? print_check(settings, line.opts.config_path)
					       : print_options(settings);
	settings_free(settings);
	return status;
}
