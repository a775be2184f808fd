/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* Metrics by label values, their bounds and refusals, collectors, and health. */
#include "runtime_fixture.h"

#include <math.h>

static const char *const labels[] = { "action", "result", NULL };
static const char *const other_labels[] = { "action", NULL };
static const double buckets[] = { 0.1, 1, 10 };
static const struct ocppd_metric rows[] = {
	{ "x_calls_total", "Calls.", OCPPD_METRIC_COUNTER, .labels = labels },
	{ "x_open", "Open.", OCPPD_METRIC_GAUGE },
	{ "x_seconds", "Time.", OCPPD_METRIC_HISTOGRAM, 3, buckets },
};
static const struct ocppd_metric other_rows[] = {
	{ "x_calls_total", "Calls.", OCPPD_METRIC_COUNTER, .labels = other_labels },
};
static const struct ocppd_plugin plugin = {
	.guard = OCPPD_GUARD, .name = "m", .version = "1", .metrics = OCPPD_TABLE(rows)
};
static const struct ocppd_plugin other_plugin = {
	.guard = OCPPD_GUARD, .name = "o", .version = "1", .metrics = OCPPD_TABLE(other_rows)
};

struct world {
	struct fixture fixture;
	struct ocppd_host host;
	char told[65536];
	uint32_t count;
	uint32_t collected;
};

static void
world_init(struct world *world)
{
	*world = (struct world){ 0 };
	fixture_init(&world->fixture, true);
	fixture_host(&world->fixture, &world->host, "m", &plugin);
	assert_int_equal(host_register(&world->host, NULL), 0);
}

static void
world_fini(struct world *world)
{
	fixture_host_stop(&world->host);
	fixture_fini(&world->fixture);
}

static int
on_sample(const struct ocppd_sample *sample, void *arg)
{
	struct world *world = arg;
	size_t len = strlen(world->told);
	uint32_t bucket_count = sample->buckets ? sample->metric->bucket_count + 1 : 0;

	/* The runtime's own are always there. */
	if (strncmp(sample->metric->name, "ocppd_", 6) == 0)
		return 0;
	len += (size_t)snprintf(world->told + len, sizeof(world->told) - len, "%s %s",
				sample->owner, sample->metric->name);
	for (uint32_t i = 0; sample->labels[i]; i++)
		len += (size_t)snprintf(world->told + len, sizeof(world->told) - len, " %s",
					sample->labels[i]);
	for (uint32_t i = 0; i < bucket_count; i++)
		len += (size_t)snprintf(world->told + len, sizeof(world->told) - len, " <%d>",
					(int)sample->buckets[i]);
	(void)snprintf(world->told + len, sizeof(world->told) - len, " = %.2f #%d\n", sample->value,
		       (int)sample->count);
	world->count++;
	return 0;
}

static void
tell(struct world *world)
{
	world->told[0] = '\0';
	world->count = 0;
	assert_int_equal(ocppd_sample_each(&world->host, on_sample, world), 0);
}

static void
metric_values_add_up(void **state)
{
	static const char *const a[] = { "Boot", "ok" };
	static const char *const b[] = { "Boot\x1f", NULL };
	struct world world;

	(void)state;
	world_init(&world);
	assert_int_equal(ocppd_metric_add(&world.host, 0, a, 1), 0);
	assert_int_equal(ocppd_metric_add(&world.host, 0, a, 1.5), 0);
	assert_int_equal(ocppd_metric_add(&world.host, 0, b, 1), 0);
	assert_int_equal(ocppd_metric_set(&world.host, 1, NULL, -3), 0);
	assert_int_equal(ocppd_metric_observe(&world.host, 2, NULL, 0.1), 0);
	assert_int_equal(ocppd_metric_observe(&world.host, 2, NULL, 0.2), 0);
	assert_int_equal(ocppd_metric_observe(&world.host, 2, NULL, 99), 0);
	tell(&world);
	assert_string_equal(world.told, "m x_calls_total Boot ok = 2.50 #0\n"
					"m x_calls_total Boot  = 1.00 #0\n"
					"m x_open = -3.00 #0\n"
					"m x_seconds <1> <1> <0> <1> = 99.30 #3\n");
	world_fini(&world);
}

static void
metric_misuse_is_refused(void **state)
{
	static const char *const a[] = { "Boot", "ok" };
	struct world world;

	(void)state;
	world_init(&world);
	assert_int_equal(ocppd_metric_add(&world.host, 3, NULL, 1), OCPPD_EINVAL);
	assert_int_equal(ocppd_metric_add(&world.host, 0, NULL, 1), OCPPD_EINVAL);
	assert_int_equal(ocppd_metric_add(&world.host, 0, a, -1), OCPPD_EINVAL);
	assert_int_equal(ocppd_metric_add(&world.host, 0, a, (double)NAN), OCPPD_EINVAL);
	assert_int_equal(ocppd_metric_add(&world.host, 1, NULL, 1), OCPPD_EINVAL);
	assert_int_equal(ocppd_metric_set(&world.host, 0, a, 1), OCPPD_EINVAL);
	assert_int_equal(ocppd_metric_observe(&world.host, 1, NULL, 1), OCPPD_EINVAL);
	assert_int_equal(ocppd_metric_observe(&world.host, 2, NULL, (double)INFINITY),
			 OCPPD_EINVAL);
	tell(&world);
	assert_int_equal(world.count, 2);
	world_fini(&world);
}

static void
metric_combinations_are_bounded(void **state)
{
	struct world world;

	(void)state;
	world_init(&world);
	for (int i = 0; i < 1000; i++) {
		char text[16];
		const char *const values[] = { text, "ok" };

		(void)snprintf(text, sizeof(text), "A%d", i);
		assert_int_equal(ocppd_metric_add(&world.host, 0, values, 1), 0);
	}
	tell(&world);
	assert_int_equal(world.count, METRIC_COMBINATIONS_MAX + 1 + 2);
	assert_non_null(strstr(world.told, "m x_calls_total other other = 744.00 #0\n"));
	world_fini(&world);
}

static void
metric_rows_are_checked(void **state)
{
	static const double falling[] = { 1, 1 };
	static const char *const bad_labels[] = { "a-b", NULL };
	static const struct {
		struct ocppd_metric row;
		const char *text;
	} cases[] = {
		{ { .name = NULL, .kind = 1 }, "the metric '' of m has a bad name" },
		{ { .name = "9a", .kind = 1 }, "the metric '9a' of m has a bad name" },
		{ { .name = "a b", .kind = 1 }, "the metric 'a b' of m has a bad name" },
		{ { .name = "a", .kind = 4 }, "the metric 'a' of m is of an unknown kind" },
		{ { .name = "a", .kind = 3 }, "the metric 'a' of m has no buckets, or too many" },
		{ { .name = "a", .kind = 3, .bucket_count = 2, .buckets = falling },
		  "the metric 'a' of m has buckets that do not rise" },
		{ { .name = "a", .kind = 1, .labels = bad_labels },
		  "the metric 'a' of m has a label with a bad name" },
		{ { .name = "x_open", .kind = 2 }, "m declares the metric 'x_open' twice" },
	};
	struct world world;
	struct ocppd_host other;
	struct ocppd_error err;

	(void)state;
	world_init(&world);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(metrics_add(&world.fixture.core, &world.host, &cases[i].row, 1, &err) <
			    0);
		assert_string_equal(err.text, cases[i].text);
	}
	fixture_host(&world.fixture, &other, "o", &other_plugin);
	assert_int_equal(host_register(&other, &err), OCPPD_ECONFLICT);
	assert_string_equal(err.text,
			    "m and o both have the metric 'x_calls_total', but of another "
			    "kind or with other labels");
	fixture_host_stop(&other);
	world_fini(&world);
}

static void
metric_of_two_instances_stands_together(void **state)
{
	struct world world;
	struct ocppd_host second;

	(void)state;
	world_init(&world);
	fixture_host(&world.fixture, &second, "second", &plugin);
	assert_int_equal(host_register(&second, NULL), 0);
	assert_int_equal(ocppd_metric_set(&second, 1, NULL, 2), 0);
	tell(&world);
	assert_string_equal(world.told, "m x_open = 0.00 #0\n"
					"second x_open = 2.00 #0\n"
					"m x_seconds <0> <0> <0> <0> = 0.00 #0\n"
					"second x_seconds <0> <0> <0> <0> = 0.00 #0\n");
	fixture_host_stop(&second);
	tell(&world);
	assert_int_equal(world.count, 2);
	world_fini(&world);
}

static void
on_collect(struct ocppd_host *host, void *arg)
{
	struct world *world = arg;
	static const char *const a[] = { "Boot", "ok" };

	world->collected++;
	assert_int_equal(metrics_set_total(host, 0, a, 40 + world->collected), 0);
	assert_int_equal(metrics_set_total(host, 0, a, 1), 0);
}

static void
core_tables_add_up_and_are_collected(void **state)
{
	static const struct ocppd_metric core_rows[] = {
		{ "c_open", "Open.", OCPPD_METRIC_GAUGE },
		{ "c_more", "More.", OCPPD_METRIC_GAUGE },
	};
	struct world world;
	struct ocppd_core *core = &world.fixture.core;
	int base;

	(void)state;
	world_init(&world);
	base = metrics_add(core, core->self, &core_rows[0], 1, NULL);
	assert_true(base >= 0);
	assert_int_equal(metrics_add(core, core->self, &core_rows[1], 1, NULL), base + 1);
	base++;
	assert_int_equal(ocppd_metric_set(core->self, (uint32_t)base, NULL, 5), 0);
	assert_int_equal(metrics_add_collector(core, &world.host, on_collect, &world), 0);
	tell(&world);
	assert_non_null(strstr(world.told, "core c_more = 5.00"));
	assert_non_null(strstr(world.told, "m x_calls_total Boot ok = 41.00"));
	world_fini(&world);
}

/* By name, whoever owns them; what is not in the descriptor's order is told in order. */
static void
samples_come_in_pieces_by_name(void **state)
{
	static const uint64_t counts[] = { 1, 0, 2, 3 };
	static const char *const a[] = { "Boot", "ok" };
	struct world world;
	struct ocppd_host second;
	const char *name = NULL;
	char before[64] = "";
	int pieces = 0;
	int r;

	(void)state;
	world_init(&world);
	fixture_host(&world.fixture, &second, "second", &plugin);
	assert_int_equal(host_register(&second, NULL), 0);
	assert_int_equal(ocppd_metric_add(&second, 0, a, 2), 0);
	assert_int_equal(metrics_set_histogram(&world.host, 2, NULL, counts, 4.5), 0);
	assert_int_equal(metrics_set_histogram(&world.host, 1, NULL, counts, 4.5), OCPPD_EINVAL);
	assert_int_equal(
		metrics_add_collector(&world.fixture.core, &world.host, on_collect, &world), 0);
	while ((r = ocppd_sample_next(&world.host, name, on_sample, &world, &name)) == 0) {
		assert_true(strcmp(before, name) < 0);
		(void)snprintf(before, sizeof(before), "%s", name);
		pieces += strncmp(name, "x_", 2) == 0;
	}
	assert_int_equal(r, OCPPD_ENOENT);
	assert_int_equal(pieces, 3);
	assert_int_equal(world.collected, 1);
	assert_string_equal(world.told, "m x_calls_total Boot ok = 41.00 #0\n"
					"second x_calls_total Boot ok = 2.00 #0\n"
					"m x_open = 0.00 #0\n"
					"second x_open = 0.00 #0\n"
					"m x_seconds <1> <0> <2> <3> = 4.50 #6\n"
					"second x_seconds <0> <0> <0> <0> = 0.00 #0\n");
	fixture_host_stop(&second);
	world_fini(&world);
}

static int
on_health(const char *owner, const char *check, uint32_t level, const char *text, void *arg)
{
	struct world *world = arg;
	size_t len = strlen(world->told);

	(void)snprintf(world->told + len, sizeof(world->told) - len, "%s %s %u %s\n", owner, check,
		       level, text);
	return 0;
}

static void
health_keeps_the_newest_of_each_check(void **state)
{
	struct world world;

	(void)state;
	world_init(&world);
	ocppd_health_set(&world.host, "disk", OCPPD_HEALTH_OK, NULL);
	ocppd_health_set(&world.host, "disk", OCPPD_HEALTH_FAILED, "full");
	ocppd_health_set(&world.host, "disk", OCPPD_HEALTH_FAILED, "still full");
	ocppd_health_set(&world.fixture.core.self[0], "loop", OCPPD_HEALTH_DEGRADED, "slow");
	assert_int_equal(world.fixture.lines, 2);
	assert_int_equal(ocppd_health_each(&world.host, on_health, &world), 0);
	assert_string_equal(world.told, "core loop 1 slow\nm disk 2 still full\n");
	ocppd_health_set(&world.host, "disk", OCPPD_HEALTH_OK, NULL);
	assert_non_null(strstr(world.fixture.last_line,
			       "lvl=info ev=health.changed plugin=m check=disk level=ok"));
	for (int i = 0; i < HEALTH_CHECKS_MAX + 5; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "c%d", i);
		ocppd_health_set(&world.host, name, OCPPD_HEALTH_OK, NULL);
	}
	world_fini(&world);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(metric_values_add_up),
		cmocka_unit_test(metric_misuse_is_refused),
		cmocka_unit_test(metric_combinations_are_bounded),
		cmocka_unit_test(metric_rows_are_checked),
		cmocka_unit_test(metric_of_two_instances_stands_together),
		cmocka_unit_test(core_tables_add_up_and_are_collected),
		cmocka_unit_test(samples_come_in_pieces_by_name),
		cmocka_unit_test(health_keeps_the_newest_of_each_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
