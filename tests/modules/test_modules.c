/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Lives of modules, micro and bad ones: each step in its place, whatever fails or never ends. The
 * argument is the folder of the modules.
 */
#include "scene.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
	scene_start(scene, "plugins: {north: {module: micro_life, speed: 20}}");
	assert_int_equal(scene->done, 1);
	assert_int_equal(scene->result, 0);
	assert_non_null(modules_find(&scene->core, "north"));
	scene_wait_line(scene, "ev=life.posted plugin=north");
	scene_wait_line(scene, "ev=life.readable plugin=north");

	assert_int_equal(
		modules_reload(&scene->core,
			       scene_good_plan(scene,
					       "plugins: {north: {module: micro_life, speed: 30, "
					       "fixed: 7}}"),
			       scene_done, scene),
		0);
	(void)core_turn(&scene->core);
	assert_int_equal(scene->result, OCPPD_ESTATE);
	assert_string_equal(scene->findings.data,
			    "t.yaml:1:57: plugins.north.fixed: the change needs a restart");
	done = scene->done;
	scene_stop(scene);
	scene_wait_stopped(scene, done);
	assert_int_equal(scene->result, 0);
	scene_assert_lines(scene, texts);
	assert_false(scene_has_line(scene, "thread_leaked"));
	scene_free(scene);
}

static void
modules_start_and_stop_twice_in_one_process(void **state)
{
	struct scene *scene = scene_new();
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		scene_start(scene, "plugins: {a: {module: micro_life}, b: {module: micro_life}}");
		assert_int_equal(scene->result, 0);
		scene_stop(scene);
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
	scene_start(scene, "plugins:\n  a: {module: micro_life, pending: true}\n"
			   "  b: {module: micro_life, pending: true}\n");
	assert_int_equal(scene->done, 0);
	assert_false(scene_has_line(scene, "ev=life.start plugin=b"));
	core_advance(&scene->core, 1100000);
	assert_int_equal(scene->done, 1);
	scene_stop(scene);
	assert_int_equal(scene->done, 1);
	core_advance(&scene->core, 1100000);
	assert_int_equal(scene->done, 2);
	scene_assert_lines(scene, texts);
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
	scene_start(scene, "plugins:\n  a: {module: micro_life}\n"
			   "  b: {module: micro_life, pending: true, never_starts: true}\n");
	core_advance(&scene->core, 59000000);
	assert_int_equal(scene->done, 0);
	core_advance(&scene->core, 3000000);
	assert_int_equal(scene->done, 1);
	assert_int_equal(scene->result, OCPPD_EREFUSED);
	assert_string_equal(scene->findings.data,
			    "module b: start failed: not done within 60000 ms");
	scene_assert_lines(scene, texts);
	scene_free(scene);
}

static void
modules_stop_while_starting_ends_the_start_first(void **state)
{
	struct scene *scene = scene_new();

	(void)state;
	scene_start(scene, "plugins: {a: {module: micro_life, pending: true, never_starts: true}}");
	assert_int_equal(modules_stop(&scene->core, scene_done, scene), 0);
	assert_int_equal(modules_stop(&scene->core, scene_done, scene), OCPPD_EBUSY);
	core_advance(&scene->core, 4900000);
	assert_int_equal(scene->done, 0);
	core_advance(&scene->core, 1000000);
	assert_int_equal(scene->done, 2);
	assert_true(scene_has_line(scene, "ev=life.shutdown plugin=a"));
	scene_free(scene);
}

static void
modules_stop_without_end_is_left_alone(void **state)
{
	struct scene *scene = scene_new();
	struct ocppd_host *host;

	(void)state;
	scene_start(scene, "plugins: {a: {module: micro_life, pending: true, never_stops: true}}");
	core_advance(&scene->core, 600000);
	host = modules_find(&scene->core, "a");
	scene_stop(scene);
	core_advance(&scene->core, 5100000);
	assert_int_equal(scene->done, 2);
	assert_true(scene_has_line(scene, "ev=module.stop_timed_out plugin=a timeout_ms=5000"));
	assert_false(scene_has_line(scene, "ev=life.shutdown"));
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

		scene_start(scene, cases[i].yaml);
		assert_int_equal(scene->done, 1);
		assert_int_equal(scene->result, OCPPD_EREFUSED);
		assert_string_equal(scene->findings.data, cases[i].finding);
		assert_true(scene_has_line(scene, cases[i].line));
		assert_true(scene_has_line(scene, "ev=life.shutdown plugin=micro_life"));
		assert_false(scene_has_line(scene, "called after a failed"));
		assert_int_equal(modules_stop(&scene->core, scene_done, scene), 0);
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
	scene_start(scene, "plugins:\n  micro_life: {}\n  bad_start: {optional: true}\n"
			   "  nowhere: {optional: true}\n  bad_need: {optional: true}\n");
	assert_int_equal(scene->result, 0);
	assert_true(scene_has_line(scene, "ev=module.left_out plugin=core module=nowhere"));
	assert_true(scene_has_line(scene, "ev=module.left_out plugin=core module=bad_need"));
	assert_true(scene_has_line(scene, "ev=module.left_out plugin=core module=bad_start"));
	assert_int_equal(ocppd_plugin_each(scene->core.self, on_plugin, &seen), 0);
	assert_string_equal(seen.text.data, "micro_life:3 bad_start:5 nowhere:5 bad_need:5 ");
	buf_fini(&seen.text);
	scene_stop(scene);
	scene_free(scene);
}

static void
modules_leaked_thread_is_told(void **state)
{
	struct scene *scene = scene_new();

	(void)state;
	scene_start(scene, "plugins: {bad_thread: {}}");
	assert_int_equal(scene->result, 0);
	scene_stop(scene);
	core_advance(&scene->core, 1000000);
	assert_int_equal(scene->done, 2);
	assert_true(scene_has_line(scene, "ev=module.thread_leaked plugin=bad_thread threads=1"));
	scene_free(scene);
}

static void
modules_services_and_events_meet(void **state)
{
	struct scene *scene = scene_new();

	(void)state;
	scene_start(scene, "plugins: {micro_user: {}}");
	assert_int_equal(scene->result, 0);
	assert_true(scene_has_line(scene, "ev=user.start plugin=micro_user twice=42"));
	(void)core_turn(&scene->core);
	assert_true(scene_has_line(scene, "ev=user.heard plugin=micro_user topic=micro.doubled "
					  "publisher=micro_provider"));
	scene_stop(scene);
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
		scene_start(scene, yaml);
		assert_int_equal(scene->done, 0);
		assert_true(scene_has_line(scene,
					   "ev=storage.migrate plugin=micro_tables dry_run=0 "
					   "step=rows"));
		assert_false(scene_has_line(scene, "ev=tables.start"));
		core_advance(&scene->core, 61000000);
		assert_int_equal(scene->done, 1);
		assert_int_equal(scene_has_line(scene, "ev=tables.start"),
				 cases[i].finding == NULL);
		if (cases[i].finding != NULL) {
			assert_string_equal(scene->findings.data, cases[i].finding);
		} else {
			assert_int_equal(scene->result, 0);
			scene_stop(scene);
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
	scene_start(scene, "plugins: {micro_floor: {}}");
	assert_int_equal(scene->result, 0);
	assert_true(scene_has_line(scene, "ev=floor.slot plugin=micro_floor count=1"));
	assert_int_equal(ocppd_action_each(scene->core.self, count_action, &count), 0);
	assert_int_equal(count, 2);
	scene_stop(scene);
	assert_true(scene_has_line(scene,
				   "ev=floor.slot_gone plugin=micro_floor station=CP-1 count=1"));
	count = 0;
	assert_int_equal(ocppd_action_each(scene->core.self, count_action, &count), 0);
	assert_int_equal(count, 0);

	/* It may come again in the same process, with fresh memory. */
	scene_start(scene, "plugins: {micro_floor: {}}");
	assert_int_equal(scene->result, 0);
	scene_stop(scene);
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
	scene_start(scene, "plugins: {bad_action_c: {}, micro_floor: {}}");
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
	assert_int_equal(
		modules_reload(&scene->core, scene_good_plan(scene, yaml), scene_done, scene), 0);
	(void)core_turn(&scene->core);
}

static void
modules_reload_exchanges_what_is_listed(void **state)
{
	struct scene *scene = scene_new();

	(void)state;
	scene_start(scene, "plugins: {a: {module: micro_life}, b: {module: micro_life}}");
	reload(scene, "plugins: {b: {module: micro_life}, c: {module: micro_life}}");
	assert_int_equal(scene->result, 0);
	assert_null(modules_find(&scene->core, "a"));
	assert_non_null(modules_find(&scene->core, "b"));
	assert_non_null(modules_find(&scene->core, "c"));
	assert_true(scene_has_line(scene, "ev=life.shutdown plugin=a"));
	assert_false(scene_has_line(scene, "ev=life.stop plugin=b"));
	assert_true(scene_has_line(scene, "ev=life.reload plugin=b"));

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
	scene_stop(scene);
	scene_free(scene);
}

static void
modules_reload_keeps_a_provider_in_use(void **state)
{
	struct scene *scene = scene_new();

	(void)state;
	scene_start(scene, "plugins: {p: {module: micro_provider}, micro_user: {}}");
	reload(scene, "plugins: {q: {module: micro_provider}, micro_user: {}}");
	assert_int_equal(scene->result, OCPPD_ESTATE);
	assert_string_equal(
		scene->findings.data,
		"plugins.p: is no longer listed, but module micro_user uses it; it stops "
		"with a restart");
	assert_non_null(modules_find(&scene->core, "p"));
	reload(scene, "plugins: {}");
	assert_int_equal(scene->result, 0);
	assert_null(modules_find(&scene->core, "p"));
	scene_stop(scene);
	scene_free(scene);
}

static void
modules_reload_of_values_that_would_not_fit_changes_nothing(void **state)
{
	struct scene *scene = scene_new();

	(void)state;
	scene_start(scene, "plugins: {a: {module: micro_life, speed: 20, fixed: 0}}");
	reload(scene, "plugins: {a: {module: micro_life, speed: 60, fixed: 1}}");
	assert_int_equal(scene->result, OCPPD_ESTATE);
	assert_false(scene_has_line(scene, "ev=life.reload"));
	assert_string_equal(
		scene->findings.data,
		"t.yaml:1:53: plugins.a.fixed: the change needs a restart\n"
		"t.yaml:1:11: plugins.a.speed: more than 50 needs \"fixed\" above 0; nothing of "
		"plugins.a changes before a restart");
	scene_stop(scene);
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
