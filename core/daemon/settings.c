/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * From the configuration's files to filled options and a plan of modules: everything that
 * `ocppd --check` looks at, certificates and keys included, and nothing that touches a socket or a
 * database or writes a file.
 */
#include "daemon/settings.h"

#include <ocppd/error.h>

#include "daemon/build.h"
#include "runtime/option_value.h"

/* The option as the tree has it, for a plan although other options are wrong. */
static void
read_dirs(struct settings *settings, struct ocppd_strings *ret_dirs)
{
	const struct ocppd_node *node = ocppd_node_get(conf_root(settings->tree), "module_dir");
	uint32_t count = ocppd_node_kind(node) == OCPPD_NODE_LIST ? ocppd_node_count(node) : 1;
	const char **items = arena_array(&settings->arena, count, sizeof(*items));

	if (items == NULL)
		return;
	for (uint32_t i = 0; i < count; i++) {
		const struct ocppd_node *item =
			ocppd_node_kind(node) == OCPPD_NODE_LIST ? ocppd_node_at(node, i) : node;
		const char *path = NULL;

		if (ocppd_node_text(item) != NULL)
			path = option_path(item, &settings->arena);
		items[i] = path != NULL ? path : BUILD_MODULE_DIR;
	}
	ret_dirs->items = items;
	ret_dirs->count = count;
}

static int
collect_dirs(struct settings *settings, const struct daemon_opts *opts)
{
	struct ocppd_strings read = { 0 };
	const struct ocppd_strings *listed = &read;
	uint32_t count;
	const char **all;

	if (settings->conf != NULL)
		listed = &settings->conf->module_dir;
	else
		read_dirs(settings, &read);
	count = opts->module_dir_count + listed->count;
	all = arena_array(&settings->arena, count, sizeof(*all));
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
	const struct ocppd_node *root = conf_root(settings->tree);
	struct modules_opts opts = {
		.conf = settings->tree,
		.plugins = ocppd_node_get(root, "plugins"),
		.services = ocppd_node_get(root, "services"),
		.dirs = settings->dirs,
	};

	const char *name;
	const char *reason;
	int r = modules_plan(core, &opts, &settings->plan, problems);

	if (r < 0 || settings_module(settings, 0, &name, &reason) != NULL)
		return r;
	/* As a file that was cut off: a reload of it must not stop everything. */
	return problems_addf(problems, opts.plugins != NULL ? opts.plugins : root, OCPPD_EINVAL,
			     "plugins: no module is listed, so nobody would be served; list at "
			     "least a protocol and a storage");
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
	int filled;
	int r;

	if (settings == NULL)
		return problems_addf(problems, NULL, OCPPD_ENOMEM, "out of memory");

	r = conf_load(&files, &settings->tree, problems);
	if (r < 0)
		goto out;
	/* The modules are looked at in any case, so that one run tells all that is wrong. */
	filled = fill(settings, problems);
	if (filled == 0)
		filled = check_top(settings, problems);
	r = collect_dirs(settings, opts);
	if (r < 0)
		goto out;
	r = plan(core, settings, problems);
	if (r == 0)
		r = filled;
	if (r < 0)
		goto out;
	problems_move_warnings(problems, &settings->warnings);
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
		problems_fini(&settings->warnings);
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

const struct problems *
settings_warnings(const struct settings *settings)
{
	return &settings->warnings;
}

const struct ocppd_plugin *
settings_module(const struct settings *settings, uint32_t i, const char **ret_name,
		const char **ret_reason)
{
	return modules_plan_at(settings->plan, i, ret_name, ret_reason);
}
