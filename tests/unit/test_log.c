/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* Log lines: shape, escapes, shortened tokens, limits, and sinks that do not take them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ocppd/error.h>

#include "base/clock.h"
#include "base/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#define TS "ts=2026-03-01T10:00:00.000Z "
#define COUNT(kv) (sizeof(kv) / sizeof((kv)[0]))

struct lines {
	struct clock clock;
	struct log *log;
	char last[8192];
	uint32_t count;
};

static void
on_line(const char *line, void *arg)
{
	struct lines *lines = arg;

	(void)snprintf(lines->last, sizeof(lines->last), "%s", line);
	lines->count++;
}

static void
lines_init(struct lines *lines, uint32_t level, bool has_priority)
{
	*lines = (struct lines){ 0 };
	clock_init_manual(&lines->clock, INT64_C(1772359200000000));
	lines->log = log_new(&lines->clock, -1, level, has_priority);
	assert_non_null(lines->log);
	log_set_sink(lines->log, on_line, lines);
}

static void
log_values_table(void **state)
{
	static const struct {
		struct ocppd_kv kv;
		const char *text;
	} cases[] = {
		{ { "k", "plain", 0, OCPPD_KV_STR, 0 }, " k=plain" },
		{ { "k", "", 0, OCPPD_KV_STR, 0 }, " k=\"\"" },
		{ { "k", NULL, 0, OCPPD_KV_STR, 0 }, "" },
		{ { "k", "two words", 0, OCPPD_KV_STR, 0 }, " k=\"two words\"" },
		{ { "k", "a=b", 0, OCPPD_KV_STR, 0 }, " k=\"a=b\"" },
		{ { "k", "say \"hi\"\\", 0, OCPPD_KV_STR, 0 }, " k=\"say \\\"hi\\\"\\\\\"" },
		{ { "k", "a\nlvl=error\r\t", 0, OCPPD_KV_STR, 0 }, " k=\"a\\nlvl=error\\r\\t\"" },
		{ { "k", "\x1b[31m", 0, OCPPD_KV_STR, 0 }, " k=\"\\x1b[31m\"" },
		{ { "k", "\xc3\xa4", 0, OCPPD_KV_STR, 0 }, " k=\"\xc3\xa4\"" },
		{ { "k", "\xff", 0, OCPPD_KV_STR, 0 }, " k=\"\\xff\"" },
		{ { "k", "\xc2\x9b", 0, OCPPD_KV_STR, 0 }, " k=\"\\xc2\\x9b\"" },
		{ { "k", "\xe2\x80\xae", 0, OCPPD_KV_STR, 0 }, " k=\"\\xe2\\x80\\xae\"" },
		{ { "k", NULL, INT64_MIN, OCPPD_KV_INT, 0 }, " k=-9223372036854775808" },
		{ { "k", "DEADBEEF", 0, OCPPD_KV_TAG, 0 }, " k=*BEEF" },
		{ { "k", "AB1", 0, OCPPD_KV_TAG, 0 }, " k=AB1" },
		{ { "k", "xx\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4", 0, OCPPD_KV_TAG, 0 },
		  " k=*\"\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\"" },
		{ { "k", "a\0b", 3, OCPPD_KV_BYTES, 0 }, " k=\"a\\x00b\"" },
		{ { "k", NULL, 0, OCPPD_KV_BYTES, 0 }, " k=\"\"" },
	};
	struct lines lines;
	char expected[256];

	(void)state;
	lines_init(&lines, OCPPD_LOG_INFO, false);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("case %zu\n", i);
		log_write(lines.log, OCPPD_LOG_INFO, "core", "thing.done", &cases[i].kv, 1);
		(void)snprintf(expected, sizeof(expected),
			       TS "lvl=info ev=thing.done plugin=core%s", cases[i].text);
		assert_string_equal(lines.last, expected);
	}
	log_free(lines.log);
}

static void
log_levels_filter_and_show_as_priorities(void **state)
{
	const struct ocppd_kv kv[] = { OCPPD_TAG("tag", "DEADBEEF") };
	struct lines lines;
	uint32_t level;

	(void)state;
	lines_init(&lines, OCPPD_LOG_WARN, true);
	log_write(lines.log, OCPPD_LOG_INFO, "m", "a.b", NULL, 0);
	assert_int_equal(lines.count, 0);
	log_write(lines.log, OCPPD_LOG_ERROR, "m", "a.b", NULL, 0);
	assert_string_equal(lines.last, "<3>" TS "lvl=error ev=a.b plugin=m");
	log_write(lines.log, OCPPD_LOG_WARN, "m", "a.b", NULL, 0);
	assert_string_equal(lines.last, "<4>" TS "lvl=warn ev=a.b plugin=m");
	log_set_level(lines.log, OCPPD_LOG_DEBUG);
	log_write(lines.log, OCPPD_LOG_DEBUG, "m", "a.b", kv, 1);
	assert_string_equal(lines.last, "<7>" TS "lvl=debug ev=a.b plugin=m tag=DEADBEEF");
	log_write(lines.log, OCPPD_LOG_INFO, "m", "a.b", kv, 1);
	assert_string_equal(lines.last, "<6>" TS "lvl=info ev=a.b plugin=m tag=*BEEF");
	log_write(lines.log, 0, "m", "a.b", NULL, 0);
	log_write(lines.log, 5, "m", "a.b", NULL, 0);
	assert_int_equal(lines.count, 4);
	assert_int_equal(log_level_parse("Warn", &level), 0);
	assert_int_equal(level, OCPPD_LOG_WARN);
	assert_int_equal(log_level_parse("loud", &level), OCPPD_EINVAL);
	log_free(lines.log);
}

static void
log_repeated_event_of_a_station_is_limited(void **state)
{
	const struct ocppd_kv first[] = { OCPPD_STR("station", "CP-1") };
	const struct ocppd_kv second[] = { OCPPD_INT("n", 1), OCPPD_STR("station", "CP-2") };
	struct lines lines;

	(void)state;
	lines_init(&lines, OCPPD_LOG_INFO, false);
	for (int i = 0; i < 20; i++)
		log_write(lines.log, OCPPD_LOG_WARN, "core", "call.refused", first, 1);
	assert_int_equal(lines.count, 5);
	log_write(lines.log, OCPPD_LOG_WARN, "core", "call.refused", second, 2);
	log_write(lines.log, OCPPD_LOG_WARN, "core", "other.thing", first, 1);
	log_write(lines.log, OCPPD_LOG_WARN, "core", "call.refused", NULL, 0);
	assert_int_equal(lines.count, 8);
	clock_advance(&lines.clock, INT64_C(59999999));
	log_write(lines.log, OCPPD_LOG_WARN, "core", "call.refused", first, 1);
	assert_int_equal(lines.count, 8);
	clock_advance(&lines.clock, 1);
	log_write(lines.log, OCPPD_LOG_WARN, "core", "call.refused", first, 1);
	assert_int_equal(lines.count, 9);
	assert_non_null(strstr(lines.last, " station=CP-1 suppressed=16"));
	log_write(lines.log, OCPPD_LOG_WARN, "core", "call.refused", first, 1);
	assert_null(strstr(lines.last, "suppressed"));
	log_set_level(lines.log, OCPPD_LOG_DEBUG);
	for (int i = 0; i < 20; i++)
		log_write(lines.log, OCPPD_LOG_WARN, "core", "call.refused", first, 1);
	assert_int_equal(lines.count, 30);
	log_free(lines.log);
}

static void
log_forgotten_entries_are_told(void **state)
{
	struct lines lines;
	char id[16];
	uint32_t told = 0;

	(void)state;
	lines_init(&lines, OCPPD_LOG_INFO, false);
	/* Far more stations than the table has room for, each one line over its limit. */
	for (int i = 0; i < 5000; i++) {
		const struct ocppd_kv kv[] = { OCPPD_STR("station", id) };

		(void)snprintf(id, sizeof(id), "CP-%d", i);
		for (int n = 0; n < 6; n++) {
			uint32_t before = lines.count;

			log_write(lines.log, OCPPD_LOG_WARN, "core", "call.refused", kv, 1);
			if (lines.count > before && strstr(lines.last, "suppressed_others=1"))
				told++;
		}
	}
	assert_int_equal(lines.count, 25000);
	assert_true(told >= 5000 - 1024);
	log_free(lines.log);
}

static void
log_long_values_are_cut(void **state)
{
	char text[6000];
	struct lines lines;

	(void)state;
	lines_init(&lines, OCPPD_LOG_INFO, false);
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	{
		const struct ocppd_kv kv[] = { OCPPD_BYTES("raw", text, 6000),
					       OCPPD_STR("err", text) };

		log_write(lines.log, OCPPD_LOG_INFO, "core", "a.b", kv, COUNT(kv));
		assert_non_null(strstr(lines.last, "...\" err="));
		assert_true(strlen(lines.last) > 1500 && strlen(lines.last) < 1700);
	}
	memset(text, '\x01', sizeof(text) - 1);
	{
		const struct ocppd_kv kv[] = { OCPPD_STR("a", text), OCPPD_STR("b", text),
					       OCPPD_INT("c", 1) };

		log_write(lines.log, OCPPD_LOG_INFO, "core", "a.b", kv, COUNT(kv));
		assert_true(strlen(lines.last) < 4096);
		assert_non_null(strstr(lines.last, "...\""));
		assert_non_null(strstr(lines.last, " cut=1"));
	}
	log_free(lines.log);
}

static void
log_full_pipe_counts_and_does_not_wait(void **state)
{
	const struct ocppd_kv kv[] = { OCPPD_INT("n", 1) };
	char buffer[65536];
	struct log *log;
	ssize_t len = 0;
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	log = log_new(NULL, fds[1], OCPPD_LOG_INFO, false);
	for (int i = 0; i < 3000; i++)
		log_write(log, OCPPD_LOG_INFO, "core", "a.b", kv, 1);
	len = read(fds[0], buffer, sizeof(buffer));
	assert_true(len > 40000);
	log_write(log, OCPPD_LOG_INFO, "core", "after.flood", kv, 1);
	assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	len = read(fds[0], buffer, sizeof(buffer) - 1);
	assert_true(len > 0);
	buffer[len] = '\0';
	assert_non_null(strstr(buffer, "ev=after.flood plugin=core n=1 dropped="));
	log_write(log, OCPPD_LOG_INFO, "core", "after.all", kv, 1);
	len = read(fds[0], buffer, sizeof(buffer) - 1);
	assert_true(len > 0);
	buffer[len] = '\0';
	assert_null(strstr(buffer, "dropped"));
	log_free(log);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void
log_full_socket_counts_and_does_not_wait(void **state)
{
	char byte;
	struct log *log;
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	log = log_new(NULL, fds[1], OCPPD_LOG_INFO, true);
	for (int i = 0; i < 20000; i++)
		log_write(log, OCPPD_LOG_INFO, "core", "a.b", NULL, 0);
	assert_int_equal(recv(fds[0], &byte, 1, MSG_DONTWAIT), 1);
	assert_int_equal(byte, '<');
	(void)close(fds[0]);
	log_write(log, OCPPD_LOG_INFO, "core", "a.b", NULL, 0);
	log_free(log);
	(void)close(fds[1]);
}

static void *
write_many(void *arg)
{
	const struct ocppd_kv kv[] = { OCPPD_STR("station", "CP-1") };

	for (int i = 0; i < 2000; i++)
		log_write(arg, OCPPD_LOG_INFO, "core", "a.b", kv, i % 2 ? 1 : 0);
	return NULL;
}

static void
log_threads_do_not_mix_lines(void **state)
{
	pthread_t threads[3];
	char line[256];
	FILE *file = tmpfile();
	struct log *log;
	uint32_t count = 0;

	(void)state;
	assert_non_null(file);
	log = log_new(NULL, fileno(file), OCPPD_LOG_INFO, false);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_many, log), 0);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	rewind(file);
	while (fgets(line, sizeof(line), file)) {
		assert_int_equal(strncmp(line, "ts=20", 5), 0);
		count++;
	}
	assert_int_equal(count, 3 * 1000 + 5);
	(void)fclose(file);
	log_free(log);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(log_values_table),
		cmocka_unit_test(log_levels_filter_and_show_as_priorities),
		cmocka_unit_test(log_repeated_event_of_a_station_is_limited),
		cmocka_unit_test(log_forgotten_entries_are_told),
		cmocka_unit_test(log_long_values_are_cut),
		cmocka_unit_test(log_full_pipe_counts_and_does_not_wait),
		cmocka_unit_test(log_full_socket_counts_and_does_not_wait),
		cmocka_unit_test(log_threads_do_not_mix_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
