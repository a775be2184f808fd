/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Loads modules, micro and bad ones, into a core with a clock turned by hand: each refusal with its
 * exact message, each step of a life in its place. The argument is the folder of the modules.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "ocpp/ocpp.h"
#include "runtime/conf.h"
#include "runtime/host.h"
#include "runtime/loader.h"
#include "runtime/loop.h"
#include "runtime/module.h"

#define NOW_US INT64_C(1772359200000000)
#define TURNS_MAX 5000

struct scene {
	struct ocppd_core core;
	struct log *log;
	struct buf lines; /* `ev=… plugin=…` and so on, without time and level */
	const char *dir;
	int result;
	uint32_t done; /* completions so far */
	struct buf findings;
};

static const char *modules_dir;

static void
on_line(const char *line, void *arg)
{
	struct scene *scene = arg;
	const char *event = strstr(line, "ev=");

	buf_add_str(&scene->lines, event == NULL ? line : event);
	buf_add_char(&scene->lines, '\n');
}

static void
on_done(struct ocppd_core *core, int result, const struct problems *problems, void *arg)
{
	struct scene *scene = arg;

	(void)core;
	scene->result = result;
	scene->done++;
	buf_clear(&scene->findings);
	problems_format(problems, &scene->findings);
}

static struct scene *
scene_new(void)
{
	struct runtime_conf conf = { .slow_callback_ms = 0,
				     .start_timeout_ms = 60000,
				     .stop_timeout_ms = 5000,
				     .event_queue = 100,
				     .post_queue = 100 };
	struct scene *scene = calloc(1, sizeof(*scene));
	struct ocppd_error err;
	struct clock clock;

	assert_non_null(scene);
	clock_init_manual(&clock, NOW_US);
	scene->dir = modules_dir;
	scene->log = log_new(NULL, 2, OCPPD_LOG_INFO, false);
	assert_non_null(scene->log);
	log_set_sink(scene->log, on_line, scene);
	assert_int_equal(core_init(&scene->core, scene->log, &clock, &conf, &err), 0);
	return scene;
}

static void
scene_free(struct scene *scene)
{
	assert_null(scene->core.modules);
	core_fini(&scene->core);
	log_free(scene->log);
	buf_fini(&scene->lines);
	buf_fini(&scene->findings);
	free(scene);
}

static struct modules_plan *
make_plan(struct scene *scene, const char *yaml, struct problems *problems)
{
	struct modules_opts opts = { .dirs = { &scene->dir, 1, 0 } };
	struct modules_plan *plan = NULL;

	assert_int_equal(conf_parse("t.yaml", yaml, strlen(yaml), &opts.conf, problems), 0);
	opts.plugins = ocppd_node_get(conf_root(opts.conf), "plugins");
	opts.services = ocppd_node_get(conf_root(opts.conf), "services");
	(void)modules_plan(&scene->core, &opts, &plan, problems);
	conf_unref(opts.conf);
	return plan;
}

static struct modules_plan *
good_plan(struct scene *scene, const char *yaml)
{
	struct problems problems = { 0 };
	struct modules_plan *plan = make_plan(scene, yaml, &problems);

	if (plan == NULL)
		fail_msg("refused: %s", problems.count > 0 ? problems.items[0].text : "");
	return plan;
}

static void
start(struct scene *scene, const char *yaml)
{
	uint32_t done = scene->done;

	assert_int_equal(modules_start(&scene->core, good_plan(scene, yaml), on_done, scene), 0);
	assert_int_equal(scene->done, done);
	(void)core_turn(&scene->core);
}

static void
stop(struct scene *scene)
{
	uint32_t done = scene->done;

	assert_int_equal(modules_stop(&scene->core, on_done, scene), 0);
	assert_int_equal(scene->done, done);
	(void)core_turn(&scene->core);
}

/* A thread that was joined stays in the kernel's list for a moment, and the loader looks again. */
static void
wait_stopped(struct scene *scene, uint32_t done_before)
{
	uint32_t i;

	for (i = 0; i < TURNS_MAX && scene->done == done_before; i++) {
		(void)poll(NULL, 0, 1);
		core_advance(&scene->core, 20000);
	}
	assert_int_equal(scene->done, done_before + 1);
}

/* Turns until the log holds the text: a thread of a module has something to say. */
static void
wait_line(struct scene *scene, const char *text)
{
	uint32_t i;

	for (i = 0; i < TURNS_MAX; i++) {
		(void)core_turn(&scene->core);
		if (scene->lines.data != NULL && strstr(scene->lines.data, text) != NULL)
			return;
		(void)poll(NULL, 0, 1);
	}
	fail_msg("\"%s\" is not in the log:\n%s", text, scene->lines.data);
}

static bool
has_line(const struct scene *scene, const char *text)
{
	return scene->lines.data != NULL && strstr(scene->lines.data, text) != NULL;
}

/* The texts stand in the log in this order; NULL ends the list. */
static void
assert_lines(const struct scene *scene, const char *const *texts)
{
	const char *at = scene->lines.data;
	uint32_t i;

	for (i = 0; texts[i] != NULL; i++) {
		at = at == NULL ? NULL : strstr(at, texts[i]);
		if (at == NULL)
			fail_msg("\"%s\" is not in its place:\n%s", texts[i], scene->lines.data);
		at += strlen(texts[i]);
	}
}

/* ---- Refusals of a plan --------------------------------------------------------------------- */

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
		assert_null(make_plan(scene, refusals[i].yaml, &problems));
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
	assert_null(make_plan(scene, "plugins: {micro_life: {}}", &problems));
	assert_non_null(
		strstr(problems.items[0].text,
		       "must belong to root or to the daemon's user and must not be writable "
		       "by others"));
	problems_fini(&problems);
	assert_int_equal(chmod(dir, 0700), 0);
	modules_plan_free(good_plan(scene, "plugins: {micro_life: {}}"));
	(void)unlink(path);
	(void)rmdir(dir);
	scene_free(scene);
}

static void
modules_plan_runs_nothing(void **state)
{
	struct scene *scene = scene_new();
	struct modules_plan *plan = good_plan(scene, "plugins: {micro_user: , micro_life: {}}");
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

/* ---- Lives ---------------------------------------------------------------------------------- */

static void
modules_life_goes_step_by_step(void **state)
{
	static const char *const texts[] = {
		"ev=life.init plugin=north speed=20 fixed=1",
		"ev=life.start plugin=north pending=0",
		"ev=module.started plugin=north name=micro_life version=1.2.3",
		"ev=life.reload plugin=north speed=30 fixed=1",
		"ev=life.stop plugin=north post=-8",
		"ev=module.stopped plugin=north",
		"ev=life.shutdown plugin=north",
		NULL,
	};
	struct scene *scene = scene_new();
	uint32_t done;

	(void)state;
	start(scene, "plugins: {north: {module: micro_life, speed: 20}}");
	assert_int_equal(scene->done, 1);
	assert_int_equal(scene->result, 0);
	assert_non_null(modules_find(&scene->core, "north"));
	assert_ptr_equal(modules_next(&scene->core, NULL), modules_find(&scene->core, "north"));
	wait_line(scene, "ev=life.posted plugin=north");
	wait_line(scene, "ev=life.readable plugin=north");

	assert_int_equal(
		modules_reload(&scene->core,
			       good_plan(scene, "plugins: {north: {module: micro_life, speed: 30, "
						"fixed: 7}}"),
			       on_done, scene),
		0);
	(void)core_turn(&scene->core);
	assert_int_equal(scene->result, OCPPD_ESTATE);
	assert_string_equal(scene->findings.data,
			    "t.yaml:1:57: plugins.north.fixed: the change needs a restart");
	done = scene->done;
	stop(scene);
	wait_stopped(scene, done);
	assert_int_equal(scene->result, 0);
	assert_lines(scene, texts);
	assert_false(has_line(scene, "thread_leaked"));
	scene_free(scene);
}

static void
modules_start_and_stop_twice_in_one_process(void **state)
{
	struct scene *scene = scene_new();
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		start(scene, "plugins: {a: {module: micro_life}, b: {module: micro_life}}");
		assert_int_equal(scene->result, 0);
		stop(scene);
		assert_int_equal(scene->result, 0);
	}
	scene_free(scene);
}

static void
modules_pending_ones_hold_up_the_next(void **state)
{
	static const char *const texts[] = {
		"ev=life.start plugin=a",
		"ev=module.started plugin=a",
		"ev=life.start plugin=b",
		"ev=module.started plugin=b",
		"ev=life.stop plugin=b",
		"ev=module.stopped plugin=b",
		"ev=life.stop plugin=a",
		"ev=module.stopped plugin=a",
		NULL,
	};
	struct scene *scene = scene_new();

	(void)state;
	start(scene, "plugins:\n  a: {module: micro_life, pending: true}\n"
		     "  b: {module: micro_life, pending: true}\n");
	assert_int_equal(scene->done, 0);
	assert_false(has_line(scene, "ev=life.start plugin=b"));
	core_advance(&scene->core, 1100000);
	assert_int_equal(scene->done, 1);
	stop(scene);
	assert_int_equal(scene->done, 1);
	core_advance(&scene->core, 1100000);
	assert_int_equal(scene->done, 2);
	assert_lines(scene, texts);
	scene_free(scene);
}

static void
modules_start_without_end_times_out(void **state)
{
	static const char *const texts[] = {
		"ev=life.start plugin=b", "ev=life.stop plugin=b",     "ev=life.shutdown plugin=b",
		"ev=life.stop plugin=a",  "ev=life.shutdown plugin=a", NULL,
	};
	struct scene *scene = scene_new();

	(void)state;
	start(scene, "plugins:\n  a: {module: micro_life}\n"
		     "  b: {module: micro_life, pending: true, never_starts: true}\n");
	core_advance(&scene->core, 59000000);
	assert_int_equal(scene->done, 0);
	core_advance(&scene->core, 3000000);
	assert_int_equal(scene->done, 1);
	assert_int_equal(scene->result, OCPPD_EREFUSED);
	assert_string_equal(scene->findings.data,
			    "module b: start failed: not done within 60000 ms");
	assert_lines(scene, texts);
	scene_free(scene);
}

static void
modules_stop_while_starting_ends_the_start_first(void **state)
{
	struct scene *scene = scene_new();

	(void)state;
	start(scene, "plugins: {a: {module: micro_life, pending: true, never_starts: true}}");
	assert_int_equal(modules_stop(&scene->core, on_done, scene), 0);
	assert_int_equal(modules_stop(&scene->core, on_done, scene), OCPPD_EBUSY);
	core_advance(&scene->core, 4900000);
	assert_int_equal(scene->done, 0);
	core_advance(&scene->core, 1000000);
	assert_int_equal(scene->done, 2);
	assert_true(has_line(scene, "ev=life.shutdown plugin=a"));
	scene_free(scene);
}

static void
modules_stop_without_end_is_left_alone(void **state)
{
	struct scene *scene = scene_new();
	struct ocppd_host *host;

	(void)state;
	start(scene, "plugins: {a: {module: micro_life, pending: true, never_stops: true}}");
	core_advance(&scene->core, 600000);
	host = modules_find(&scene->core, "a");
	stop(scene);
	core_advance(&scene->core, 5100000);
	assert_int_equal(scene->done, 2);
	assert_true(has_line(scene, "ev=module.stop_timed_out plugin=a timeout_ms=5000"));
	assert_false(has_line(scene, "ev=life.shutdown"));
	/* Its memory stays, for threads that still ask. */
	assert_int_equal(ocppd_post(host, NULL, NULL), OCPPD_ESHUTDOWN);
	free(host->ctx);
	module_free(host->module);
	scene_free(scene);
}

static void
modules_failed_init_or_start_stops_the_earlier_ones(void **state)
{
	static const struct {
		const char *yaml;
		const char *finding;
		const char *line;
	} cases[] = {
		{ "plugins: {micro_life: {}, bad_init: {}}",
		  "module bad_init: init failed: the moon is in the wrong house",
		  "ev=life.shutdown plugin=micro_life" },
		{ "plugins: {micro_life: {}, bad_start: {}}",
		  "module bad_start: start failed: the door is locked",
		  "ev=bad.shutdown plugin=bad_start" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct scene *scene = scene_new();

		start(scene, cases[i].yaml);
		assert_int_equal(scene->done, 1);
		assert_int_equal(scene->result, OCPPD_EREFUSED);
		assert_string_equal(scene->findings.data, cases[i].finding);
		assert_true(has_line(scene, cases[i].line));
		assert_true(has_line(scene, "ev=life.shutdown plugin=micro_life"));
		assert_false(has_line(scene, "called after a failed"));
		assert_int_equal(modules_stop(&scene->core, on_done, scene), 0);
		(void)core_turn(&scene->core);
		assert_int_equal(scene->done, 2);
		scene_free(scene);
	}
}

struct seen {
	struct buf text;
};

static int
on_plugin(const struct ocppd_plugin_info *info, const struct ocppd_plugin *descriptor, void *arg)
{
	struct seen *seen = arg;

	(void)descriptor;
	buf_printf(&seen->text, "%s:%u ", info->name, info->state);
	return 0;
}

static void
modules_optional_ones_may_fail(void **state)
{
	struct scene *scene = scene_new();
	struct seen seen = { 0 };

	(void)state;
	start(scene, "plugins:\n  micro_life: {}\n  bad_start: {optional: true}\n"
		     "  nowhere: {optional: true}\n  bad_need: {optional: true}\n");
	assert_int_equal(scene->result, 0);
	assert_true(has_line(scene, "ev=module.left_out plugin=core module=nowhere"));
	assert_true(has_line(scene, "ev=module.left_out plugin=core module=bad_need"));
	assert_true(has_line(scene, "ev=module.left_out plugin=core module=bad_start"));
	assert_int_equal(ocppd_plugin_each(scene->core.self, on_plugin, &seen), 0);
	assert_string_equal(seen.text.data, "micro_life:3 bad_start:5 nowhere:5 bad_need:5 ");
	buf_fini(&seen.text);
	stop(scene);
	scene_free(scene);
}

static void
modules_leaked_thread_is_told(void **state)
{
	struct scene *scene = scene_new();

	(void)state;
	start(scene, "plugins: {bad_thread: {}}");
	assert_int_equal(scene->result, 0);
	stop(scene);
	core_advance(&scene->core, 1000000);
	assert_int_equal(scene->done, 2);
	assert_true(has_line(scene, "ev=module.thread_leaked plugin=bad_thread threads=1"));
	scene_free(scene);
}

static void
modules_services_and_events_meet(void **state)
{
	struct scene *scene = scene_new();

	(void)state;
	start(scene, "plugins: {micro_user: {}}");
	assert_int_equal(scene->result, 0);
	assert_true(has_line(scene, "ev=user.start plugin=micro_user twice=42"));
	(void)core_turn(&scene->core);
	assert_true(has_line(scene, "ev=user.heard plugin=micro_user topic=micro.doubled "
				    "publisher=micro_provider"));
	stop(scene);
	scene_free(scene);
}

static void
modules_migrations_come_before_the_start(void **state)
{
	static const struct {
		const char *answer;
		const char *finding; /* NULL: it starts */
	} cases[] = {
		{ "done", NULL },
		{ "refused", "module micro_tables: migration failed: the database is newer" },
		{ "never", "module micro_tables: migration failed: not done within 60000 ms" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct scene *scene = scene_new();
		char yaml[128];

		(void)snprintf(yaml, sizeof(yaml),
			       "plugins: {micro_tables: {}, micro_storage: {answer: %s}}",
			       cases[i].answer);
		start(scene, yaml);
		assert_int_equal(scene->done, 0);
		assert_true(has_line(scene, "ev=storage.migrate plugin=micro_tables dry_run=0 "
					    "step=rows"));
		assert_false(has_line(scene, "ev=tables.start"));
		core_advance(&scene->core, 61000000);
		assert_int_equal(scene->done, 1);
		assert_int_equal(has_line(scene, "ev=tables.start"), cases[i].finding == NULL);
		if (cases[i].finding != NULL) {
			assert_string_equal(scene->findings.data, cases[i].finding);
		} else {
			assert_int_equal(scene->result, 0);
			stop(scene);
		}
		scene_free(scene);
	}
}

static const struct ocpp_conf ocpp_conf = {
	.call_timeout_ms = 30000,
	.call_wait_ms = 30000,
	.call_queue = 8,
	.handler_timeout_ms = 30000,
	.inbound_queue = 64,
	.max_stations = 10,
	.reply_memory = 65536,
};

static int
count_action(const struct ocppd_action *action, const char *owner, void *arg)
{
	uint32_t *count = arg;

	(void)action;
	assert_string_equal(owner, "micro_floor");
	(*count)++;
	return 0;
}

static void
modules_ocpp_floor_takes_and_gives_back(void **state)
{
	struct scene *scene = scene_new();
	struct ocppd_error err = { 0 };
	uint32_t count = 0;

	(void)state;
	assert_int_equal(ocpp_init(&scene->core, &ocpp_conf, &err), 0);
	start(scene, "plugins: {micro_floor: {}}");
	assert_int_equal(scene->result, 0);
	assert_true(has_line(scene, "ev=floor.slot plugin=micro_floor count=1"));
	assert_int_equal(ocppd_action_each(scene->core.self, count_action, &count), 0);
	assert_int_equal(count, 2);
	stop(scene);
	assert_true(has_line(scene, "ev=floor.slot_gone plugin=micro_floor station=CP-1 count=1"));
	count = 0;
	assert_int_equal(ocppd_action_each(scene->core.self, count_action, &count), 0);
	assert_int_equal(count, 0);

	/* It may come again in the same process, with fresh memory. */
	start(scene, "plugins: {micro_floor: {}}");
	assert_int_equal(scene->result, 0);
	stop(scene);
	ocpp_fini(&scene->core);
	scene_free(scene);
}

/* An action that configuration adds is known after init only: the floor refuses it, naming both. */
static void
modules_action_of_two_is_refused_by_the_floor(void **state)
{
	struct scene *scene = scene_new();
	struct ocppd_error err = { 0 };

	(void)state;
	assert_int_equal(ocpp_init(&scene->core, &ocpp_conf, &err), 0);
	start(scene, "plugins: {bad_action_c: {}, micro_floor: {}}");
	assert_int_equal(scene->result, OCPPD_EREFUSED);
	assert_non_null(strstr(scene->findings.data, "micro_floor"));
	assert_non_null(strstr(scene->findings.data, "bad_action_c"));
	assert_non_null(strstr(scene->findings.data, "DataTransfer"));
	ocpp_fini(&scene->core);
	scene_free(scene);
}

/* ---- Reload --------------------------------------------------------------------------------- */

static void
reload(struct scene *scene, const char *yaml)
{
	assert_int_equal(modules_reload(&scene->core, good_plan(scene, yaml), on_done, scene), 0);
	(void)core_turn(&scene->core);
}

static void
modules_reload_exchanges_what_is_listed(void **state)
{
	struct scene *scene = scene_new();

	(void)state;
	start(scene, "plugins: {a: {module: micro_life}, b: {module: micro_life}}");
	reload(scene, "plugins: {b: {module: micro_life}, c: {module: micro_life}}");
	assert_int_equal(scene->result, 0);
	assert_null(modules_find(&scene->core, "a"));
	assert_non_null(modules_find(&scene->core, "b"));
	assert_non_null(modules_find(&scene->core, "c"));
	assert_true(has_line(scene, "ev=life.shutdown plugin=a"));
	assert_false(has_line(scene, "ev=life.stop plugin=b"));
	assert_true(has_line(scene, "ev=life.reload plugin=b"));

	/* One that fails is told and left out; the others go on. */
	reload(scene, "plugins: {b: {module: micro_life}, bad_start: {}}");
	assert_int_equal(scene->result, OCPPD_ESTATE);
	assert_string_equal(scene->findings.data,
			    "module bad_start: start failed: the door is locked");
	assert_non_null(modules_find(&scene->core, "b"));
	assert_null(modules_find(&scene->core, "c"));
	assert_null(modules_find(&scene->core, "bad_start"));
	reload(scene, "plugins: {b: {module: micro_life}}");
	assert_int_equal(scene->result, 0);
	stop(scene);
	scene_free(scene);
}

static void
modules_reload_keeps_a_provider_in_use(void **state)
{
	struct scene *scene = scene_new();

	(void)state;
	start(scene, "plugins: {p: {module: micro_provider}, micro_user: {}}");
	reload(scene, "plugins: {q: {module: micro_provider}, micro_user: {}}");
	assert_int_equal(scene->result, OCPPD_ESTATE);
	assert_string_equal(
		scene->findings.data,
		"plugins.p: is no longer listed, but module micro_user uses it; it stops "
		"with a restart");
	assert_non_null(modules_find(&scene->core, "p"));
	reload(scene, "plugins: {}");
	assert_int_equal(scene->result, 0);
	assert_null(modules_next(&scene->core, NULL));
	stop(scene);
	scene_free(scene);
}

static void
modules_reload_of_values_that_would_not_fit_changes_nothing(void **state)
{
	struct scene *scene = scene_new();

	(void)state;
	start(scene, "plugins: {a: {module: micro_life, speed: 20, fixed: 0}}");
	reload(scene, "plugins: {a: {module: micro_life, speed: 60, fixed: 1}}");
	assert_int_equal(scene->result, OCPPD_ESTATE);
	assert_false(has_line(scene, "ev=life.reload"));
	assert_string_equal(
		scene->findings.data,
		"t.yaml:1:53: plugins.a.fixed: the change needs a restart\n"
		"t.yaml:1:11: plugins.a.speed: more than 50 needs \"fixed\" above 0; nothing of "
		"plugins.a changes before a restart");
	stop(scene);
	scene_free(scene);
}

static void *
nothing(void *arg)
{
	return arg;
}

int
main(int argc, char **argv)
{
	pthread_t first;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modules_bad_ones_are_refused_in_words),
		cmocka_unit_test(modules_file_that_others_may_write_is_refused),
		cmocka_unit_test(modules_plan_runs_nothing),
		cmocka_unit_test(modules_life_goes_step_by_step),
		cmocka_unit_test(modules_start_and_stop_twice_in_one_process),
		cmocka_unit_test(modules_pending_ones_hold_up_the_next),
		cmocka_unit_test(modules_start_without_end_times_out),
		cmocka_unit_test(modules_stop_while_starting_ends_the_start_first),
		cmocka_unit_test(modules_stop_without_end_is_left_alone),
		cmocka_unit_test(modules_failed_init_or_start_stops_the_earlier_ones),
		cmocka_unit_test(modules_optional_ones_may_fail),
		cmocka_unit_test(modules_leaked_thread_is_told),
		cmocka_unit_test(modules_services_and_events_meet),
		cmocka_unit_test(modules_migrations_come_before_the_start),
		cmocka_unit_test(modules_ocpp_floor_takes_and_gives_back),
		cmocka_unit_test(modules_action_of_two_is_refused_by_the_floor),
		cmocka_unit_test(modules_reload_exchanges_what_is_listed),
		cmocka_unit_test(modules_reload_keeps_a_provider_in_use),
		cmocka_unit_test(modules_reload_of_values_that_would_not_fit_changes_nothing),
	};

	/* ThreadSanitizer starts a thread of its own with the first of ours: not a module's. */
	if (pthread_create(&first, NULL, nothing, NULL) == 0)
		(void)pthread_join(first, NULL);

	if (argc != 2) {
		(void)fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
		return 2;
	}
	modules_dir = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
