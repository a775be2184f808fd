/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The core that modules are loaded into, step by step.
 */
#include "scene.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define NOW_US INT64_C(1772359200000000)
#define TURNS_MAX 5000

const char *modules_dir;

static void
on_line(const char *line, void *arg)
{
	struct scene *scene = arg;
	const char *event = strstr(line, "ev=");

	buf_add_str(&scene->lines, event == NULL ? line : event);
	buf_add_char(&scene->lines, '\n');
}

void
scene_done(struct ocppd_core *core, int result, const struct problems *problems, void *arg)
{
	struct scene *scene = arg;

	(void)core;
	scene->result = result;
	scene->done++;
	buf_clear(&scene->findings);
	problems_format(problems, &scene->findings);
}

struct scene *
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

void
scene_free(struct scene *scene)
{
	assert_null(scene->core.modules);
	core_fini(&scene->core);
	log_free(scene->log);
	buf_fini(&scene->lines);
	buf_fini(&scene->findings);
	free(scene);
}

struct modules_plan *
scene_plan(struct scene *scene, const char *yaml, struct problems *problems)
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

struct modules_plan *
scene_good_plan(struct scene *scene, const char *yaml)
{
	struct problems problems = { 0 };
	struct modules_plan *plan = scene_plan(scene, yaml, &problems);

	if (plan == NULL)
		fail_msg("refused: %s", problems.count > 0 ? problems.items[0].text : "");
	return plan;
}

void
scene_start(struct scene *scene, const char *yaml)
{
	uint32_t done = scene->done;

	assert_int_equal(
		modules_start(&scene->core, scene_good_plan(scene, yaml), scene_done, scene), 0);
	assert_int_equal(scene->done, done);
	(void)core_turn(&scene->core);
}

void
scene_stop(struct scene *scene)
{
	uint32_t done = scene->done;

	assert_int_equal(modules_stop(&scene->core, scene_done, scene), 0);
	assert_int_equal(scene->done, done);
	(void)core_turn(&scene->core);
}

/* A thread that was joined stays in the kernel's list for a moment, and the loader looks again. */
void
scene_wait_stopped(struct scene *scene, uint32_t done_before)
{
	uint32_t i;

	for (i = 0; i < TURNS_MAX && scene->done == done_before; i++) {
		(void)poll(NULL, 0, 1);
		core_advance(&scene->core, 20000);
	}
	assert_int_equal(scene->done, done_before + 1);
}

/* Turns until the log holds the text: a thread of a module has something to say. */
void
scene_wait_line(struct scene *scene, const char *text)
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

bool
scene_has_line(const struct scene *scene, const char *text)
{
	return scene->lines.data != NULL && strstr(scene->lines.data, text) != NULL;
}

/* The texts stand in the log in this order; NULL ends the list. */
void
scene_assert_lines(const struct scene *scene, const char *const *texts)
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
