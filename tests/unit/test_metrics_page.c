/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* The pages of the module `metrics`: the format's escapes and numbers, ten thousand samples in
 * pieces with room for others between, and waiters that come and go. */
#include "runtime_fixture.h"

#include "../../plugins/metrics/metrics.h"

#include <math.h>

#define METRICS 40
#define COMBINATIONS 250

static const char *const labels[] = { "a", NULL };
static const double bounds[] = { 0.25, 2 };
static const struct ocppd_metric odd_rows[] = {
	{ "odd_gauge", "Line\nbreak \\ and \"quote\"", OCPPD_METRIC_GAUGE, .labels = labels },
	{ "odd_seconds", "Time.", OCPPD_METRIC_HISTOGRAM, 2, bounds },
};
static const struct ocppd_plugin odd_plugin = {
	.guard = OCPPD_GUARD, .name = "odd", .version = "1", .metrics = OCPPD_TABLE(odd_rows)
};
static const struct ocppd_plugin plain_plugin = { .guard = OCPPD_GUARD,
						  .name = "plain",
						  .version = "1" };

struct asker {
	struct waiter waiter; /* first */
	struct page *page;
	uint32_t told;
};

struct world {
	struct fixture fixture;
	struct ocppd_host host;
	struct pages pages;
	struct ocppd_metric rows[METRICS];
	char names[METRICS][32];
	struct ocppd_timer *other;
	uint32_t others; /* turns that something else got */
};

static void
on_told(struct waiter *waiter, struct page *page)
{
	struct asker *asker = (struct asker *)(void *)waiter;

	asker->page = page;
	asker->told++;
}

static void
world_init(struct world *world, const struct ocppd_plugin *plugin)
{
	*world = (struct world){ 0 };
	fixture_init(&world->fixture, true);
	fixture_host(&world->fixture, &world->host, "m", plugin);
	assert_int_equal(host_register(&world->host, NULL), 0);
	assert_int_equal(pages_init(&world->pages, &world->host), 0);
}

static void
world_fini(struct world *world)
{
	pages_fini(&world->pages);
	fixture_host_stop(&world->host);
	fixture_fini(&world->fixture);
}

static void
text_is(struct text *text, const char *expected)
{
	assert_int_equal(text->error, 0);
	assert_int_equal(text->len, strlen(expected));
	assert_memory_equal(text->data, expected, text->len);
	text_fini(text);
}

static void
text_odd_values_are_escaped(void **state)
{
	static const struct {
		const char *label;
		double value;
		const char *line;
	} cases[] = {
		{ "plain", 1, "odd_gauge{a=\"plain\"} 1\n" },
		{ "q\"b\\n\n", -0.5, "odd_gauge{a=\"q\\\"b\\\\n\\n\"} -0.5\n" },
		{ "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 1e21,
		  "odd_gauge{a=\"\xc3\xa4\xe2\x82\xac"
		  "\xf0\x9f\x98\x80\"} 1e+21\n" },
		{ "a\xff\xc3", 0.1, "odd_gauge{a=\"a??\"} 0.1\n" },
		{ "\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80", 9007199254740991.0,
		  "odd_gauge{a=\"?????????\"} 9007199254740991\n" },
		{ "", 1.0 / 3, "odd_gauge{a=\"\"} 0.3333333333333333\n" },
		{ "n", (double)NAN, "odd_gauge{a=\"n\"} NaN\n" },
		{ "i", (double)-INFINITY, "odd_gauge{a=\"i\"} -Inf\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *const values[] = { cases[i].label, NULL };
		const struct ocppd_sample sample = { .struct_size = sizeof(sample),
						     .metric = &odd_rows[0],
						     .labels = values,
						     .value = cases[i].value };
		struct text text = { 0 };

		text_add_sample(&text, &sample, NULL);
		text_is(&text, cases[i].line);
	}
}

static void
text_histograms_are_cumulated(void **state)
{
	static const char *const none[] = { NULL };
	static const uint64_t counts[] = { 3, 0, 2 };
	const struct ocppd_sample sample = { .struct_size = sizeof(sample),
					     .metric = &odd_rows[1],
					     .labels = none,
					     .value = 7.25,
					     .count = 5,
					     .buckets = counts };
	struct text text = { 0 };

	(void)state;
	text_add_head(&text, &odd_rows[0]);
	text_add_sample(&text, &sample, "second");
	text_is(&text, "# HELP odd_gauge Line\\nbreak \\\\ and \"quote\"\n"
		       "# TYPE odd_gauge gauge\n"
		       "odd_seconds_bucket{module=\"second\",le=\"0.25\"} 3\n"
		       "odd_seconds_bucket{module=\"second\",le=\"2\"} 3\n"
		       "odd_seconds_bucket{module=\"second\",le=\"+Inf\"} 5\n"
		       "odd_seconds_sum{module=\"second\"} 7.25\n"
		       "odd_seconds_count{module=\"second\"} 5\n");
}

static void
on_other(struct ocppd_host *host, void *arg)
{
	struct world *world = arg;

	(void)host;
	world->others++;
	if (world->pages.page)
		ocppd_timer_set(world->other, 0);
}

static void
fill(struct world *world)
{
	for (uint32_t i = 0; i < METRICS; i++) {
		(void)snprintf(world->names[i], sizeof(world->names[i]), "big_%02u_total", i);
		world->rows[i] = (struct ocppd_metric){ world->names[i], "Big.",
							OCPPD_METRIC_COUNTER, .labels = labels };
	}
	assert_int_equal(
		metrics_add(&world->fixture.core, &world->host, world->rows, METRICS, NULL), 0);
	for (uint32_t i = 0; i < METRICS * COMBINATIONS; i++) {
		char value[16];
		const char *const values[] = { value, NULL };

		(void)snprintf(value, sizeof(value), "v%03u", i % COMBINATIONS);
		assert_int_equal(ocppd_metric_add(&world->host, i / COMBINATIONS, values, i), 0);
	}
}

static uint32_t
count_lines(const struct text *text, const char *begin)
{
	uint32_t count = 0;
	size_t len = strlen(begin);

	for (size_t i = 0; i + len < text->len; i++)
		count += (i == 0 || text->data[i - 1] == '\n') &&
			 memcmp(text->data + i, begin, len) == 0;
	return count;
}

static void
page_of_ten_thousand_samples_leaves_room(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	struct asker first = { .waiter.fn = on_told };
	struct asker second = { .waiter.fn = on_told };

	(void)state;
	assert_non_null(world);
	world_init(world, &plain_plugin);
	fill(world);
	world->other = ocppd_timer_new(&world->host, on_other, world);
	page_wait(&world->pages, &first.waiter);
	page_wait(&world->pages, &second.waiter);
	ocppd_timer_set(world->other, 0);
	(void)core_turn(&world->fixture.core);

	assert_int_equal(first.told, 1);
	assert_int_equal(second.told, 1);
	assert_ptr_equal(first.page, second.page);
	assert_int_equal(first.page->refs, 2);
	assert_int_equal(count_lines(&first.page->text, "big_"), METRICS * COMBINATIONS);
	assert_int_equal(count_lines(&first.page->text, "# TYPE big_"), METRICS);
	/* At most three hundred lines were written between two turns of others. */
	assert_true(world->others > METRICS * COMBINATIONS / 300);
	page_unref(first.page);
	page_unref(second.page);
	ocppd_timer_free(world->other);
	world_fini(world);
	free(world);
}

static void
page_waiters_may_leave_and_are_told_of_the_end(void **state)
{
	struct world world;
	struct ocppd_host second;
	struct asker stays = { .waiter.fn = on_told };
	struct asker leaves = { .waiter.fn = on_told };
	static const char *const value[] = { "x", NULL };

	(void)state;
	world_init(&world, &odd_plugin);
	fixture_host(&world.fixture, &second, "second", &odd_plugin);
	assert_int_equal(host_register(&second, NULL), 0);
	assert_int_equal(ocppd_metric_set(&world.host, 0, value, 1), 0);
	assert_int_equal(ocppd_metric_set(&second, 0, value, 2), 0);
	page_wait(&world.pages, &leaves.waiter);
	page_wait(&world.pages, &stays.waiter);
	page_forget(&world.pages, &leaves.waiter);
	(void)core_turn(&world.fixture.core);
	assert_int_equal(leaves.told, 0);
	assert_int_equal(stays.told, 1);
	assert_non_null(stays.page);
	/* Two instances of a module: the second one's samples say whose they are. */
	assert_int_equal(count_lines(&stays.page->text, "odd_gauge{a=\"x\"} 1\n"), 1);
	assert_int_equal(count_lines(&stays.page->text, "odd_gauge{a=\"x\",module=\"second\"} 2\n"),
			 1);
	page_unref(stays.page);

	page_wait(&world.pages, &stays.waiter);
	fixture_host_stop(&second);
	pages_fini(&world.pages);
	assert_int_equal(stays.told, 2);
	assert_null(stays.page);
	world_fini(&world);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_odd_values_are_escaped),
		cmocka_unit_test(text_histograms_are_cumulated),
		cmocka_unit_test(page_of_ten_thousand_samples_leaves_room),
		cmocka_unit_test(page_waiters_may_leave_and_are_told_of_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
