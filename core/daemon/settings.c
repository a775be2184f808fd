/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * From the configuration's files to filled options and a plan of modules: everything that
 * `ocppd --check` looks at, and nothing that touches a socket, a database or a file's content.
 */
#include "daemon/settings.h"

#include <ocppd/error.h>

#include "daemon/build.h"

static int
collect_dirs(struct settings *settings, const struct daemon_opts *opts)
{
	const struct ocppd_strings *listed = &settings->conf->module_dir;
	uint32_t count = opts->module_dir_count + listed->count;
	const char **all = arena_array(&settings->arena, count, sizeof(*all));

	if (all == NULL)
		return OCPPD_ENOMEM;
	for (uint32_t i = 0; i < opts->module_dir_count; i++)
		all[i] = opts->module_dirs[i];
	for (uint32_t i = 0; i < listed->count; i++)
		all[opts->module_dir_count + i] = listed->items[i];
	settings->dirs.items = all;
	settings->dirs.count = count;
	return OCPPD_OK;
}

static int
fill(struct settings *settings, struct problems *problems)
{
	struct options_source source = { .map = conf_root(settings->tree), .path = "" };
	void *data = NULL;
	int r;

	r = daemon_options(&settings->arena, &settings->table);
	if (r < 0)
		return r;
	r = options_fill(&settings->table, sizeof(struct daemon_conf), &source, &settings->arena,
			 &data, problems);
	if (r < 0)
		return r;
	settings->conf = data;
	return OCPPD_OK;
}

static int
check_top(struct settings *settings, struct problems *problems)
{
	struct options_source source = { .map = conf_root(settings->tree), .path = "" };
	struct ocppd_error err = { 0 };
	int r;

	r = transport_check(&settings->conf->transport, &err);
	if (r < 0) {
		options_locate(&source, &err);
		(void)problems_add(problems, &err);
	}
	return r;
}

static int
plan(struct ocppd_core *core, struct settings *settings, struct problems *problems)
{
	struct modules_opts opts = {
		.conf = settings->tree,
		.plugins = settings->conf->plugins,
		.services = settings->conf->services,
		.dirs = settings->dirs,
	};

	return modules_plan(core, &opts, &settings->plan, problems);
}

int
settings_load(struct ocppd_core *core, const struct daemon_opts *opts,
	      struct settings **ret_settings, struct problems *problems)
{
	struct conf_opts files = {
		.path = opts->config_path,
		.vendor_dir = opts->vendor_dir != NULL ? opts->vendor_dir : BUILD_VENDOR_CONF_DIR,
	};
	struct settings *settings = calloc(1, sizeof(*settings));
	int checked;
	int r;

	if (settings == NULL)
		return problems_addf(problems, NULL, OCPPD_ENOMEM, "out of memory");

	r = conf_load(&files, &settings->tree, problems);
	if (r < 0)
		goto out;
	r = fill(settings, problems);
	if (r < 0)
		goto out;
	r = collect_dirs(settings, opts);
	if (r < 0)
		goto out;
	/* Both, so that one run tells all that is wrong. */
	checked = check_top(settings, problems);
	r = plan(core, settings, problems);
	if (r == 0)
		r = checked;
	if (r < 0)
		goto out;
	*ret_settings = settings;
	settings = NULL;
out:
	if (r < 0 && !problems_any(problems))
		(void)problems_addf(problems, NULL, r, "%s", ocppd_strerror(r));
	settings_free(settings);
	return r;
}

void
settings_free(struct settings *settings)
{
	while (settings != NULL) {
		struct settings *older = settings->older;

		modules_plan_free(settings->plan);
		conf_unref(settings->tree);
		arena_fini(&settings->arena);
		free(settings);
		settings = older;
	}
}

uint32_t
settings_log_level(const struct settings *settings)
{
	return daemon_log_level(settings->conf);
}

const struct ocppd_plugin *
settings_module(const struct settings *settings, uint32_t i, const char **ret_name,
		const char **ret_reason)
{
	return modules_plan_at(settings->plan, i, ret_name, ret_reason);
}
