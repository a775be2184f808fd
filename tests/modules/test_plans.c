/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Plans of modules: each refusal with its exact message, and that a plan runs nothing. The argument
 * is the folder of the modules.
 */
#include "scene.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* %s in a text is the folder. */
static const struct {
	const char *yaml;
	const char *text;
} refusals[] = {
	{ "plugins: {missing_one: {}}",
	  "t.yaml:1:11: plugins.missing_one: there is no missing_one.so in %s; install the package "
	  "ocppd-plugin-missing-one, or take the module out of the configuration" },
	{ "plugins: {bad_no_symbol: {}}",
	  "t.yaml:1:11: plugins.bad_no_symbol: %s/bad_no_symbol.so exports no symbol "
	  "\"ocppd_plugin\", so it is no module; define it with OCPPD_PLUGIN" },
	{ "plugins: {bad_magic: {}}",
	  "t.yaml:1:11: plugins.bad_magic: module bad_magic: its descriptor begins with 0x12345678, "
	  "not with the magic 0x4f435044; begin it with OCPPD_GUARD" },
	{ "plugins: {bad_major: {}}",
	  "t.yaml:1:11: plugins.bad_major: module bad_major: is built for ABI 2, this daemon has "
	  "1.0; build it with this daemon's headers" },
	{ "plugins: {bad_minor: {}}",
	  "t.yaml:1:11: plugins.bad_minor: module bad_minor: needs ABI 1.3, this daemon has 1.0; "
	  "update ocppd, or build the module with -DOCPPD_USE_MINOR=0" },
	{ "plugins: {bad_tail: {}}",
	  "t.yaml:1:11: plugins.bad_tail: module bad_tail: its descriptor sets a member that this "
	  "daemon does not know; update ocppd" },
	{ "plugins: {bad_size: {}}",
	  "t.yaml:1:11: plugins.bad_size: the guard in %s/bad_size.so claims 4096 bytes, the symbol "
	  "\"ocppd_plugin\" has 256; use OCPPD_GUARD" },
	{ "plugins: {bad_stride: {}}",
	  "t.yaml:1:11: plugins.bad_stride: module bad_stride: topics: a stride of 8 bytes is below "
	  "the row's 32; use OCPPD_TABLE" },
	{ "plugins: {bad_no_name: {}}",
	  "t.yaml:1:11: plugins.bad_no_name: module bad_no_name: its descriptor has no name" },
	{ "plugins: {bad_name: {}}",
	  "t.yaml:1:11: plugins.bad_name: module bad_name: the descriptor in bad_name.so is named "
	  "\"other_name\"; rename the file to other_name.so, or the descriptor" },
	{ "plugins: {bad_no_doc: {}}",
	  "t.yaml:1:11: plugins.bad_no_doc: module bad_no_doc: options[0] \"count\": has no doc; say "
	  "in one sentence what the option does" },
	{ "plugins: {bad_action_a: {}, bad_action_b: {}}",
	  "t.yaml:1:29: plugins.bad_action_b: action ocpp1.6 Reset has an owner already, module "
	  "bad_action_a; leave one of the two out" },
	{ "plugins: {one: {module: bad_action_a}, two: {module: bad_action_a}}",
	  "t.yaml:1:40: plugins.two: module bad_action_a has tables, actions or routes and can be "
	  "there once only; it is as plugins.one" },
	{ "plugins: {bad_need: {}}",
	  "t.yaml:1:11: plugins.bad_need: needs \"nobody.service\" 1.0, which no loaded module "
	  "provides; list one that does under plugins:" },
	{ "plugins: {bad_circle_a: {}, bad_circle_b: {}}",
	  "t.yaml:1:11: plugins: modules need each other in a circle: bad_circle_a -> bad_circle_b "
	  "-> bad_circle_a; leave one of them out" },
	{ "plugins: {micro_life: {speeed: 1}}",
	  "t.yaml:1:24: plugins.micro_life: unknown key \"speeed\"; did you mean \"speed\"?" },
	{ "plugins: {micro_life: {speed: fast}}",
	  "t.yaml:1:31: plugins.micro_life.speed: expected a whole number, not \"fast\"" },
	{ "plugins: {micro_life: {speed: 101}}",
	  "t.yaml:1:31: plugins.micro_life.speed: 101 is above the maximum 100" },
	{ "plugins: {micro_life: {speed: 60, fixed: 0}}",
	  "t.yaml:1:31: plugins.micro_life.speed: more than 50 needs \"fixed\" above 0" },
	{ "plugins: {micro_life: 7}",
	  "t.yaml:1:23: plugins.micro_life: expected a map of options, such as {}" },
	{ "plugins: [micro_life]",
	  "t.yaml:1:10: plugins: expected a map of module names to their options" },
	{ "plugins: {Micro-Life: {}}",
	  "t.yaml:1:11: plugins: the name \"Micro-Life\" must match [a-z0-9_]{1,32}" },
	{ "plugins: {x: {module: ../x}}",
	  "t.yaml:1:23: plugins.x.module: the name \"../x\" must match [a-z0-9_]{1,32}" },
	{ "plugins: {micro_life: {optional: maybe}}",
	  "t.yaml:1:34: plugins.micro_life.optional: expected true or false, not \"maybe\"" },
	{ "plugins: {bad_need: {}, bad_no_name: {}}",
	  "t.yaml:1:25: plugins.bad_no_name: module bad_no_name: its descriptor has no name\n"
	  "t.yaml:1:11: plugins.bad_need: needs \"nobody.service\" 1.0, which no loaded module "
	  "provides; list one that does under plugins:" },
};

static void
modules_bad_ones_are_refused_in_words(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		struct scene *scene = scene_new();
		struct problems problems = { 0 };
		struct buf expected = { 0 };
		struct buf text = { 0 };
		const char *at = refusals[i].text;
		const char *mark;

		for (; (mark = strstr(at, "%s")) != NULL; at = mark + 2) {
			buf_add(&expected, at, (size_t)(mark - at));
			buf_add_str(&expected, modules_dir);
		}
		buf_add_str(&expected, at);
		assert_null(scene_plan(scene, refusals[i].yaml, &problems));
		problems_format(&problems, &text);
		assert_string_equal(text.data, expected.data);
		buf_fini(&text);
		buf_fini(&expected);
		problems_fini(&problems);
		scene_free(scene);
	}
}

static void
modules_file_that_others_may_write_is_refused(void **state)
{
	struct scene *scene = scene_new();
	struct problems problems = { 0 };
	char dir[] = "/tmp/ocppd-modules-XXXXXX";
	char path[256];
	char source[512];

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/micro_life.so", dir);
	(void)snprintf(source, sizeof(source), "%s/micro_life.so", modules_dir);
	assert_int_equal(symlink(source, path), 0);
	assert_int_equal(chmod(dir, 0777), 0);
	scene->dir = dir;
	assert_null(scene_plan(scene, "plugins: {micro_life: {}}", &problems));
	assert_non_null(
		strstr(problems.items[0].text,
		       "must belong to root or to the daemon's user and must not be writable "
		       "by others"));
	problems_fini(&problems);
	assert_int_equal(chmod(dir, 0700), 0);
	modules_plan_free(scene_good_plan(scene, "plugins: {micro_life: {}}"));
	(void)unlink(path);
	(void)rmdir(dir);
	scene_free(scene);
}

static void
modules_plan_runs_nothing(void **state)
{
	struct scene *scene = scene_new();
	struct modules_plan *plan =
		scene_good_plan(scene, "plugins: {micro_user: , micro_life: {}}");
	const char *reason;
	const char *name;

	(void)state;
	assert_non_null(modules_plan_at(plan, 0, &name, &reason));
	assert_string_equal(name, "micro_provider");
	assert_string_equal(reason, "needed by micro_user");
	assert_non_null(modules_plan_at(plan, 1, &name, &reason));
	assert_string_equal(name, "micro_user");
	assert_string_equal(reason, "plugins: in t.yaml:1");
	assert_non_null(modules_plan_at(plan, 2, NULL, NULL));
	assert_null(modules_plan_at(plan, 3, NULL, NULL));
	modules_plan_free(plan);
	assert_int_equal(scene->lines.len, 0);
	scene_free(scene);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modules_bad_ones_are_refused_in_words),
		cmocka_unit_test(modules_file_that_others_may_write_is_refused),
		cmocka_unit_test(modules_plan_runs_nothing),
	};

	if (argc != 2) {
		(void)fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
		return 2;
	}
	modules_dir = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
