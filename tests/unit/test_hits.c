/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Deviations counted by station: the numbers, their order, and the one line a day.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ocppd/station.h>

#include "base/log.h"
#include "runtime/core.h"
#include "scripted.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)

struct lines {
	uint32_t count;
	char last[512];
};

static void
on_line(const char *line, void *arg)
{
	struct lines *lines = arg;

	if (strstr(line, "ev=quirks.summed") == NULL)
		return;
	lines->count++;
	(void)snprintf(lines->last, sizeof(lines->last), "%s", line);
}

static int
add_text(const char *code, uint64_t count, void *arg)
{
	char *text = arg;
	size_t len = strlen(text);

	(void)snprintf(text + len, 128 - len, "%s=%d ", code, (int)count);
	return 0;
}

static void
hits_are_counted_in_order_and_summed_up_once_a_day(void **state)
{
	const struct ocpp_conf conf = scripted_conf();
	struct scripted scripted = { 0 };
	struct ocppd_station *station;
	struct lines lines = { 0 };
	char counts[128] = "";

	(void)state;
	scripted_init(&scripted, &conf);
	log_set_level(scripted.core->log, OCPPD_LOG_INFO);
	log_set_sink(scripted.core->log, on_line, &lines);
	(void)scripted_connect(&scripted, "CP1");
	(void)scripted_connect(&scripted, "CP2");
	station = ocppd_station_find(scripted.core->self, "CP1");
	assert_int_equal(ocppd_station_quirk_each(station, add_text, counts), 0);
	assert_string_equal(counts, "");

	for (int i = 0; i < 3; i++)
		ocppd_quirk_hit(scripted.core->self, station, "E01", "x");
	ocppd_quirk_hit(scripted.core->self, station, "D03", NULL);
	ocppd_quirk_hit(scripted.core->self, station, "no code", NULL);
	assert_int_equal(ocppd_station_quirk_each(station, add_text, counts), 0);
	assert_string_equal(counts, "D03=1 E01=3 ");
	assert_int_equal(lines.count, 0);

	scripted_advance(&scripted, DAY_MS + 1000);
	assert_int_equal(lines.count, 1);
	assert_non_null(strstr(lines.last, "station=CP1"));
	assert_non_null(strstr(lines.last, "quirks=\"D03=1 E01=3\""));

	/* Only what is new, and nothing where nothing is. */
	scripted_advance(&scripted, DAY_MS);
	assert_int_equal(lines.count, 1);
	ocppd_quirk_hit(scripted.core->self, station, "D03", NULL);
	scripted_advance(&scripted, DAY_MS);
	assert_int_equal(lines.count, 2);
	assert_non_null(strstr(lines.last, "quirks=\"D03=1\""));
	log_set_sink(scripted.core->log, NULL, NULL);
	scripted_fini(&scripted);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hits_are_counted_in_order_and_summed_up_once_a_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
