/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* Order of start: needs first, then as listed; what cannot be bound is told. No files involved. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "runtime/conf.h"
#include "runtime/plan.h"

struct spec {
	const char *name;
	const char *needs;    /* "x.s y.t?" : `?` optional, `*` many, `>` minor 1 */
	const char *provides; /* likewise */
	bool is_left_out;
	bool is_optional;
};

#define ENTRIES 6
#define ROWS 4

struct scene {
	struct conf *conf;
	struct modules_plan *plan;
	struct problems problems;
	struct ocppd_plugin plugins[ENTRIES];
	struct ocppd_need needs[ENTRIES][ROWS];
	struct ocppd_provide provides[ENTRIES][ROWS];
	char names[ENTRIES][ROWS * 2][16];
};

/* One word of a spec: its name without the marks. */
static const char *
word(const char **text, char ret_name[16], bool *is_optional, bool *is_many, bool *is_newer)
{
	size_t len = strcspn(*text, " ?*>");

	memcpy(ret_name, *text, len);
	ret_name[len] = '\0';
	*text += len;
	*is_optional = (*text)[0] == '?';
	*is_many = (*text)[0] == '*';
	*is_newer = (*text)[0] == '>';
	*text += strspn(*text, " ?*>");
	return ret_name;
}

static void
add(struct scene *scene, uint32_t i, const struct spec *spec)
{
	struct ocppd_plugin *plugin = &scene->plugins[i];
	struct ocppd_node at = { .file = "t", .line = i + 1, .column = 3 };
	const char *needs = spec->needs;
	const char *provides = spec->provides;
	struct entry *entry = plan_add(scene->plan, spec->name, spec->name, &at);
	bool is_optional;
	bool is_many;
	bool is_newer;

	assert_non_null(entry);
	while (needs != NULL && needs[0] != '\0') {
		uint32_t n = plugin->needs.count++;
		struct ocppd_need *need = &scene->needs[i][n];

		need->service = word(&needs, scene->names[i][n], &is_optional, &is_many, &is_newer);
		need->major = 1;
		need->minor = is_newer ? 1 : 0;
		need->flags = (is_optional ? OCPPD_OPTIONAL : 0u) | (is_many ? OCPPD_MANY : 0u);
	}
	while (provides != NULL && provides[0] != '\0') {
		uint32_t n = plugin->provides.count++;
		struct ocppd_provide *provide = &scene->provides[i][n];

		provide->service = word(&provides, scene->names[i][ROWS + n], &is_optional,
					&is_many, &is_newer);
		provide->major = 1;
		provide->minor = is_newer ? 1 : 0;
	}
	plugin->needs.items = scene->needs[i];
	plugin->provides.items = scene->provides[i];
	entry->plugin = plugin;
	entry->is_optional = spec->is_optional;
	entry->is_left_out = spec->is_left_out;
}

static struct scene *
scene_new(const struct spec *specs, const char *services)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	uint32_t i;

	assert_non_null(scene);
	assert_int_equal(
		conf_parse("t", services, strlen(services), &scene->conf, &scene->problems), 0);
	scene->plan = calloc(1, sizeof(*scene->plan));
	assert_non_null(scene->plan);
	scene->plan->conf = conf_ref(scene->conf);
	scene->plan->services = conf_root(scene->conf);
	scene->plan->problems = &scene->problems;
	for (i = 0; specs[i].name != NULL; i++)
		add(scene, i, &specs[i]);
	plan_bind(scene->plan);
	return scene;
}

static void
scene_free(struct scene *scene)
{
	modules_plan_free(scene->plan);
	conf_unref(scene->conf);
	problems_fini(&scene->problems);
	free(scene);
}

static void
order_table(void **state)
{
	static const struct {
		const char *label;
		struct spec specs[ENTRIES];
		const char *services;
		const char *order;
		const char *problems;
	} cases[] = {
		{ "as listed", { { "b" }, { "a" }, { "c" } }, "", "b a c ", NULL },
		{ "needs first",
		  { { "a", "x.s" }, { "b", "x.t" }, { "c", NULL, "x.s" }, { "d", "x.s", "x.t" } },
		  "",
		  "c a d b ",
		  NULL },
		{ "optional need without provider", { { "a", "x.s?" } }, "", "a ", NULL },
		{ "optional need with provider",
		  { { "a", "x.s?" }, { "b", NULL, "x.s" } },
		  "",
		  "b a ",
		  NULL },
		{ "unmet",
		  { { "a", "x.s" } },
		  "",
		  NULL,
		  "t:1:3: plugins.a: needs \"x.s\" 1.0, which no loaded module provides; list one "
		  "that does under plugins:" },
		{ "older",
		  { { "a", "x.s>" }, { "b", NULL, "x.s" } },
		  "",
		  NULL,
		  "t:1:3: plugins.a: needs \"x.s\" 1.1, module b provides 1.0; update the package of "
		  "b" },
		{ "newer is fine", { { "a", "x.s" }, { "b", NULL, "x.s>" } }, "", "b a ", NULL },
		{ "open choice",
		  { { "a", "x.s" }, { "b", NULL, "x.s" }, { "c", NULL, "x.s" } },
		  "",
		  NULL,
		  "t:1:3: plugins.a: \"x.s\" is provided by b, c; choose one: services: {x.s: b}" },
		{ "choice made",
		  { { "a", "x.s" }, { "b", NULL, "x.s" }, { "c", NULL, "x.s" } },
		  "x.s: c",
		  "c a b ",
		  NULL },
		{ "choice of a stranger",
		  { { "a", "x.s" }, { "b", NULL, "x.s" } },
		  "x.s: q",
		  NULL,
		  "t:1:6: services.x.s: module \"q\" is not loaded; those that do: b" },
		{ "choice of one that does not provide it",
		  { { "a", "x.s" }, { "b", NULL, "x.s" } },
		  "x.s: a",
		  NULL,
		  "t:1:6: services.x.s: module \"a\" does not provide it; those that do: b" },
		{ "unknown service",
		  { { "a" } },
		  "x.q: a",
		  NULL,
		  "t:1:1: services: no loaded module provides or needs \"x.q\"; take the line out" },
		{ "cycle",
		  { { "a", "x.s", "x.t" }, { "b", "x.t", "x.s" }, { "c" } },
		  "",
		  NULL,
		  "t:1:3: plugins: modules need each other in a circle: a -> b -> a; leave one of "
		  "them out" },
		{ "longer cycle off the path",
		  { { "q", "x.a" },
		    { "a", "x.b", "x.a" },
		    { "b", "x.c", "x.b" },
		    { "c", "x.a", "x.c" } },
		  "",
		  NULL,
		  "t:2:3: plugins: modules need each other in a circle: a -> b -> c -> a; leave one "
		  "of them out" },
		{ "own service is no provider",
		  { { "a", "x.s", "x.s" } },
		  "",
		  NULL,
		  "t:1:3: plugins.a: needs \"x.s\" 1.0, which no loaded module provides; list one "
		  "that does under plugins:" },
		{ "many: providers first",
		  { { "a", "x.m*" }, { "b", NULL, "x.m" }, { "c", NULL, "x.m" } },
		  "",
		  "b c a ",
		  NULL },
		{ "many: no circle through a provider that needs the user",
		  { { "a", "x.m*", "x.s" }, { "b", "x.s", "x.m" } },
		  "",
		  "a b ",
		  NULL },
		{ "many: no circle through a stranger",
		  { { "a", "x.m*", "x.s" }, { "u", "x.n*", "x.m" }, { "e", "x.s", "x.n" } },
		  "",
		  "u a e ",
		  NULL },
		{ "left out takes its dependents along",
		  { { "a", "x.s", "x.t" },
		    { "b", NULL, "x.s", .is_left_out = true },
		    { "c", "x.t" },
		    { "d" } },
		  "",
		  "d ",
		  NULL },
		{ "optional one without its need",
		  { { "a", "x.s", "x.t", .is_optional = true }, { "b", "x.t?" } },
		  "",
		  "b ",
		  NULL },
		{ "all problems",
		  { { "a", "x.s" }, { "b", "x.t" } },
		  "",
		  NULL,
		  "t:1:3: plugins.a: needs \"x.s\" 1.0, which no loaded module provides; list one "
		  "that does under plugins:\n"
		  "t:2:3: plugins.b: needs \"x.t\" 1.0, which no loaded module provides; list one "
		  "that does under plugins:" },
	};
	size_t i;
	uint32_t k;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct scene *scene = scene_new(cases[i].specs, cases[i].services);
		struct buf text = { 0 };

		if (cases[i].problems != NULL) {
			problems_format(&scene->problems, &text);
			if (text.data == NULL || strcmp(text.data, cases[i].problems) != 0)
				fail_msg("%s: \"%s\"", cases[i].label,
					 text.data == NULL ? "" : text.data);
		} else {
			problems_format(&scene->problems, &text);
			for (k = 0; k < scene->plan->order_count; k++)
				buf_printf(&text, "%s ", scene->plan->order[k]->name);
			if (text.data == NULL || strcmp(text.data, cases[i].order) != 0)
				fail_msg("%s: \"%s\"", cases[i].label,
					 text.data == NULL ? "" : text.data);
		}
		buf_fini(&text);
		scene_free(scene);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
