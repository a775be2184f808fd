/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* The loop: posts from the core thread and others, timers by both clocks, descriptors, signals. */
#include "runtime_fixture.h"

#include "runtime/timers.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#define THREADS 4
#define EACH 20000
#define MANY 50000

static const struct ocppd_plugin plugin = { .guard = OCPPD_GUARD, .name = "m", .version = "1" };

struct seen {
	struct fixture fixture;
	struct ocppd_host host;
	char order[256];
	uint32_t count;
	struct ocppd_timer *timer;
	struct ocppd_io *io;
	int fds[2];
};

static void
seen_init(struct seen *seen, bool is_manual)
{
	fixture_init(&seen->fixture, is_manual);
	fixture_host(&seen->fixture, &seen->host, "m", &plugin);
	seen->order[0] = '\0';
	seen->count = 0;
}

static void
seen_fini(struct seen *seen)
{
	fixture_host_stop(&seen->host);
	fixture_fini(&seen->fixture);
}

static void
note(struct seen *seen, char c)
{
	size_t len = strlen(seen->order);

	if (len + 1 < sizeof(seen->order)) {
		seen->order[len] = c;
		seen->order[len + 1] = '\0';
	}
	seen->count++;
}

static void
on_a(struct ocppd_host *host, void *arg)
{
	(void)host;
	note(arg, 'a');
}

static void
on_b(struct ocppd_host *host, void *arg)
{
	(void)host;
	note(arg, 'b');
}

static void
on_core(struct ocppd_core *core, void *arg)
{
	(void)core;
	note(arg, 'c');
}

static void
on_post_again(struct ocppd_host *host, void *arg)
{
	struct seen *seen = arg;

	note(seen, 'p');
	if (seen->count < 5000)
		assert_int_equal(ocppd_post(host, on_post_again, arg), 0);
}

static void
post_own_thread_runs_later_in_order(void **state)
{
	struct seen seen;

	(void)state;
	seen_init(&seen, true);
	assert_int_equal(ocppd_post(&seen.host, on_a, &seen), 0);
	assert_int_equal(loop_post(&seen.fixture.core, on_core, &seen), 0);
	assert_int_equal(ocppd_post(&seen.host, on_b, &seen), 0);
	assert_string_equal(seen.order, "");
	assert_int_equal(loop_queued(&seen.fixture.core), 3);
	assert_int_equal(core_turn(&seen.fixture.core), 3);
	assert_string_equal(seen.order, "acb");
	seen_fini(&seen);
}

static void
post_to_closed_host_is_refused_and_dropped(void **state)
{
	struct seen seen;

	(void)state;
	seen_init(&seen, true);
	assert_int_equal(ocppd_post(&seen.host, on_a, &seen), 0);
	assert_int_equal(loop_post(&seen.fixture.core, on_core, &seen), 0);
	atomic_store(&seen.host.is_closed, true);
	assert_int_equal(ocppd_post(&seen.host, on_b, &seen), OCPPD_ESHUTDOWN);
	(void)core_turn(&seen.fixture.core);
	assert_string_equal(seen.order, "c");
	atomic_store(&seen.host.is_closed, false);
	assert_int_equal(ocppd_post(&seen.host, on_a, &seen), 0);
	assert_int_equal(loop_post(&seen.fixture.core, on_core, &seen), 0);
	host_revoke(&seen.host);
	assert_int_equal(loop_queued(&seen.fixture.core), 1);
	(void)core_turn(&seen.fixture.core);
	assert_string_equal(seen.order, "cc");
	seen_fini(&seen);
}

static void
on_readable(struct ocppd_host *host, int fd, uint32_t ready, void *arg)
{
	struct seen *seen = arg;
	char byte;

	(void)host;
	assert_int_equal(ready, OCPPD_IO_READ);
	assert_int_equal(read(fd, &byte, 1), 1);
	note(seen, byte);
	if (byte == 'q') {
		ocppd_io_free(seen->io);
		seen->io = NULL;
		loop_break(&seen->fixture.core);
	}
}

static void
post_that_posts_does_not_starve_descriptors(void **state)
{
	struct seen seen;

	(void)state;
	seen_init(&seen, false);
	assert_int_equal(pipe2(seen.fds, O_CLOEXEC | O_NONBLOCK), 0);
	seen.io = ocppd_io_add(&seen.host, seen.fds[0], OCPPD_IO_READ, on_readable, &seen);
	assert_non_null(seen.io);
	assert_int_equal(write(seen.fds[1], "q", 1), 1);
	assert_int_equal(ocppd_post(&seen.host, on_post_again, &seen), 0);
	assert_int_equal(loop_run(&seen.fixture.core), 0);
	assert_true(seen.count < 1100);
	(void)close(seen.fds[0]);
	(void)close(seen.fds[1]);
	seen_fini(&seen);
}

struct thread_seen {
	struct fixture fixture;
	struct ocppd_host host;
	pthread_t core;
	uint32_t next[THREADS];
	uint32_t total;
};

struct poster {
	struct thread_seen *seen;
	uint32_t number;
	struct posted {
		struct thread_seen *seen;
		uint32_t poster;
		uint32_t number;
	} * posts;
};

static void
on_posted(struct ocppd_host *host, void *arg)
{
	struct posted *post = arg;
	struct thread_seen *seen = post->seen;

	assert_ptr_equal(host, &seen->host);
	assert_true(pthread_equal(pthread_self(), seen->core));
	assert_int_equal(post->number, seen->next[post->poster]++);
	if (++seen->total == THREADS * EACH)
		loop_break(host->core);
}

static void *
post_many(void *arg)
{
	struct poster *poster = arg;

	for (uint32_t i = 0; i < EACH; i++) {
		poster->posts[i] = (struct posted){ poster->seen, poster->number, i };
		assert_int_equal(ocppd_post(&poster->seen->host, on_posted, &poster->posts[i]), 0);
	}
	return NULL;
}

static void
post_from_threads_keeps_each_ones_order(void **state)
{
	struct thread_seen seen = { .core = pthread_self() };
	struct poster posters[THREADS];
	pthread_t threads[THREADS];

	(void)state;
	fixture_init(&seen.fixture, false);
	fixture_host(&seen.fixture, &seen.host, "m", &plugin);
	for (uint32_t i = 0; i < THREADS; i++) {
		posters[i] = (struct poster){ &seen, i, calloc(EACH, sizeof(struct posted)) };
		assert_int_equal(pthread_create(&threads[i], NULL, post_many, &posters[i]), 0);
	}
	assert_int_equal(loop_run(&seen.fixture.core), 0);
	assert_int_equal(seen.total, THREADS * EACH);
	for (uint32_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		free(posters[i].posts);
	}
	fixture_host_stop(&seen.host);
	fixture_fini(&seen.fixture);
}

static void
on_break(struct ocppd_host *host, void *arg)
{
	(void)arg;
	loop_break(host->core);
}

static void *
post_one(void *arg)
{
	assert_int_equal(ocppd_post(arg, on_break, NULL), 0);
	return NULL;
}

static void
post_wakes_a_sleeping_loop_every_time(void **state)
{
	struct seen seen;
	pthread_t thread;

	(void)state;
	seen_init(&seen, false);
	for (int i = 0; i < 200; i++) {
		assert_int_equal(pthread_create(&thread, NULL, post_one, &seen.host), 0);
		assert_int_equal(loop_run(&seen.fixture.core), 0);
		assert_int_equal(pthread_join(thread, NULL), 0);
	}
	seen_fini(&seen);
}

static void
posts_beyond_the_threshold_are_told_once(void **state)
{
	struct seen seen;

	(void)state;
	seen_init(&seen, true);
	seen.fixture.core.conf.post_queue = 100;
	for (int i = 0; i < 2000; i++)
		assert_int_equal(ocppd_post(&seen.host, on_a, &seen), 0);
	(void)core_turn(&seen.fixture.core);
	assert_int_equal(seen.count, 2000);
	assert_int_equal(seen.fixture.lines, 1);
	assert_non_null(strstr(seen.fixture.last_line, "ev=posts.queued plugin=core count=2000"));
	seen_fini(&seen);
}

/* ---- Timers ---------------------------------------------------------------------------------- */

static void
timer_manual_clock_fires_in_order(void **state)
{
	struct seen seen;
	struct ocppd_timer *a;
	struct ocppd_timer *b;

	(void)state;
	seen_init(&seen, true);
	a = ocppd_timer_new(&seen.host, on_a, &seen);
	b = ocppd_timer_new(&seen.host, on_b, &seen);
	ocppd_timer_set(b, 10);
	ocppd_timer_set(a, 10);
	core_advance(&seen.fixture.core, 9999);
	assert_string_equal(seen.order, "");
	core_advance(&seen.fixture.core, 1);
	assert_string_equal(seen.order, "ba");
	assert_false(loop_timer_is_set(a));
	ocppd_timer_set(a, 5);
	ocppd_timer_set(b, 3);
	core_advance(&seen.fixture.core, 100000);
	assert_string_equal(seen.order, "baba");
	core_advance(&seen.fixture.core, 100000);
	assert_int_equal(seen.count, 4);
	seen_fini(&seen);
}

static void
timer_put_off_pulled_in_and_cancelled(void **state)
{
	struct seen seen;
	struct ocppd_timer *a;
	struct ocppd_timer *b;

	(void)state;
	seen_init(&seen, true);
	a = ocppd_timer_new(&seen.host, on_a, &seen);
	b = ocppd_timer_new(&seen.host, on_b, &seen);
	ocppd_timer_set(a, 10);
	ocppd_timer_set(b, 20);
	ocppd_timer_set(a, 30);
	core_advance(&seen.fixture.core, 15000);
	assert_string_equal(seen.order, "");
	core_advance(&seen.fixture.core, 10000);
	assert_string_equal(seen.order, "b");
	ocppd_timer_set(a, 1);
	core_advance(&seen.fixture.core, 1000);
	assert_string_equal(seen.order, "ba");
	ocppd_timer_set(a, 10);
	ocppd_timer_cancel(a);
	ocppd_timer_cancel(a);
	core_advance(&seen.fixture.core, 20000);
	assert_string_equal(seen.order, "ba");
	ocppd_timer_set(a, 10);
	ocppd_timer_cancel(a);
	ocppd_timer_set(a, 50);
	core_advance(&seen.fixture.core, 49999);
	assert_string_equal(seen.order, "ba");
	core_advance(&seen.fixture.core, 1);
	assert_string_equal(seen.order, "baa");
	ocppd_timer_set(a, INT64_MAX);
	ocppd_timer_set(b, -5);
	(void)core_turn(&seen.fixture.core);
	assert_string_equal(seen.order, "baab");
	seen_fini(&seen);
}

static void
on_set_again(struct ocppd_host *host, void *arg)
{
	struct seen *seen = arg;

	(void)host;
	note(seen, 't');
	if (seen->count < 3)
		ocppd_timer_set(seen->timer, 0);
	if (seen->count == 3) {
		ocppd_timer_free(seen->timer);
		seen->timer = NULL;
	}
}

static void
timer_may_set_and_free_itself(void **state)
{
	struct seen seen;

	(void)state;
	seen_init(&seen, true);
	seen.timer = ocppd_timer_new(&seen.host, on_set_again, &seen);
	ocppd_timer_set(seen.timer, 0);
	(void)core_turn(&seen.fixture.core);
	assert_string_equal(seen.order, "ttt");
	assert_null(seen.timer);
	ocppd_timer_free(NULL);
	seen_fini(&seen);
}

static void
on_forever(struct ocppd_host *host, void *arg)
{
	struct seen *seen = arg;

	(void)host;
	seen->count++;
	ocppd_timer_set(seen->timer, 0);
}

static void
timer_at_once_for_ever_does_not_hang_a_turn(void **state)
{
	struct seen seen;

	(void)state;
	seen_init(&seen, true);
	seen.timer = ocppd_timer_new(&seen.host, on_forever, &seen);
	ocppd_timer_set(seen.timer, 0);
	assert_int_equal(core_turn(&seen.fixture.core), LOOP_TURNS_MAX);
	seen_fini(&seen);
}

struct crowd {
	struct fixture fixture;
	struct ocppd_host host;
	int64_t last_us;
	uint32_t fired;
	struct crowd_timer {
		struct crowd *crowd;
		struct ocppd_timer *timer;
		int64_t due_us;
	} * timers;
};

static void
on_crowd(struct ocppd_host *host, void *arg)
{
	struct crowd_timer *timer = arg;
	int64_t now_us = ocppd_mono_us(host);

	assert_int_equal(now_us, timer->due_us);
	assert_true(now_us >= timer->crowd->last_us);
	timer->crowd->last_us = now_us;
	timer->crowd->fired++;
	timer->due_us = -1;
}

static void
timer_crowd_fires_each_at_its_time(void **state)
{
	struct crowd crowd = { 0 };
	uint32_t expected = 0;
	uint64_t seed = 7;

	(void)state;
	fixture_init(&crowd.fixture, true);
	fixture_host(&crowd.fixture, &crowd.host, "m", &plugin);
	crowd.timers = calloc(MANY, sizeof(*crowd.timers));
	for (uint32_t i = 0; i < MANY; i++) {
		struct crowd_timer *timer = &crowd.timers[i];

		timer->crowd = &crowd;
		timer->timer = ocppd_timer_new(&crowd.host, on_crowd, timer);
		assert_non_null(timer->timer);
	}
	/* Set, moved both ways, cancelled and freed at random. */
	for (uint32_t i = 0; i < MANY * 4; i++) {
		struct crowd_timer *timer;
		int64_t delay_ms;

		seed = seed * 6364136223846793005u + 1442695040888963407u;
		timer = &crowd.timers[(seed >> 33) % MANY];
		delay_ms = (int64_t)(seed >> 20) % 500;
		if (!timer->timer)
			continue;
		if (seed >> 60 == 0) {
			ocppd_timer_cancel(timer->timer);
			timer->due_us = -1;
		} else if (seed >> 60 == 1) {
			ocppd_timer_free(timer->timer);
			timer->timer = NULL;
		} else {
			ocppd_timer_set(timer->timer, delay_ms);
			timer->due_us = ocppd_mono_us(&crowd.host) + delay_ms * 1000;
		}
	}
	for (uint32_t i = 0; i < MANY; i++)
		if (crowd.timers[i].timer && loop_timer_is_set(crowd.timers[i].timer))
			expected++;
	core_advance(&crowd.fixture.core, 500000);
	assert_int_equal(crowd.fired, expected);
	fixture_host_stop(&crowd.host);
	fixture_fini(&crowd.fixture);
	free(crowd.timers);
}

static void
timer_real_clock_fires_not_early(void **state)
{
	struct seen seen;
	struct ocppd_timer *other;
	int64_t began_us;

	(void)state;
	seen_init(&seen, false);
	other = ocppd_timer_new(&seen.host, on_a, &seen);
	seen.timer = ocppd_timer_new(&seen.host, on_break, &seen);
	began_us = ocppd_mono_us(&seen.host);
	ocppd_timer_set(other, 60000);
	ocppd_timer_set(seen.timer, 20);
	assert_int_equal(loop_run(&seen.fixture.core), 0);
	assert_true(ocppd_mono_us(&seen.host) - began_us >= 20000);
	assert_int_equal(seen.count, 0);
	ocppd_timer_set(other, 0);
	ocppd_timer_set(seen.timer, 5);
	assert_int_equal(loop_run(&seen.fixture.core), 0);
	assert_int_equal(seen.count, 1);
	seen_fini(&seen);
}

/* ---- Descriptors, signals, slow callbacks ---------------------------------------------------- */

static void
io_follows_its_events(void **state)
{
	struct seen seen;

	(void)state;
	seen_init(&seen, true);
	assert_int_equal(pipe2(seen.fds, O_CLOEXEC | O_NONBLOCK), 0);
	seen.io = ocppd_io_add(&seen.host, seen.fds[0], 0, on_readable, &seen);
	assert_non_null(seen.io);
	assert_int_equal(write(seen.fds[1], "xyq", 3), 3);
	(void)core_turn(&seen.fixture.core);
	assert_string_equal(seen.order, "");
	ocppd_io_set(seen.io, OCPPD_IO_READ);
	(void)core_turn(&seen.fixture.core);
	assert_string_equal(seen.order, "xyq");
	assert_null(seen.io);
	(void)close(seen.fds[0]);
	(void)close(seen.fds[1]);
	seen_fini(&seen);
}

static void
io_unwatchable_is_refused(void **state)
{
	FILE *file = tmpfile();
	struct seen seen;

	(void)state;
	seen_init(&seen, true);
	assert_non_null(file);
	assert_null(ocppd_io_add(&seen.host, -1, OCPPD_IO_READ, on_readable, &seen));
	assert_null(ocppd_io_add(&seen.host, fileno(file), OCPPD_IO_READ, on_readable, &seen));
	(void)fclose(file);
	seen_fini(&seen);
}

static void
io_left_over_is_revoked(void **state)
{
	struct seen seen;

	(void)state;
	seen_init(&seen, true);
	assert_int_equal(pipe2(seen.fds, O_CLOEXEC | O_NONBLOCK), 0);
	assert_non_null(ocppd_io_add(&seen.host, seen.fds[0], OCPPD_IO_READ, on_readable, &seen));
	assert_int_equal(write(seen.fds[1], "x", 1), 1);
	host_revoke(&seen.host);
	(void)core_turn(&seen.fixture.core);
	assert_int_equal(seen.count, 0);
	(void)close(seen.fds[0]);
	(void)close(seen.fds[1]);
	seen_fini(&seen);
}

static void
on_usr1(struct ocppd_core *core, int signo, void *arg)
{
	(void)core;
	assert_int_equal(signo, SIGUSR1);
	note(arg, 's');
}

static void
signal_arrives_as_a_callback(void **state)
{
	struct seen seen;

	(void)state;
	seen_init(&seen, true);
	assert_int_equal(loop_signal_add(&seen.fixture.core, SIGUSR1, on_usr1, &seen), 0);
	assert_int_equal(raise(SIGUSR1), 0);
	assert_int_equal(seen.count, 0);
	(void)core_turn(&seen.fixture.core);
	assert_string_equal(seen.order, "s");
	assert_non_null(ocppd_event_base(&seen.host));
	seen_fini(&seen);
}

static void
on_slow(struct ocppd_host *host, void *arg)
{
	(void)arg;
	clock_advance(&host->core->clock, 80000);
}

static void
callback_slow_is_told(void **state)
{
	struct seen seen;

	(void)state;
	seen_init(&seen, true);
	assert_int_equal(ocppd_post(&seen.host, on_slow, NULL), 0);
	(void)core_turn(&seen.fixture.core);
	assert_int_equal(seen.fixture.lines, 1);
	assert_non_null(strstr(seen.fixture.last_line,
			       "lvl=warn ev=callback.slow plugin=m callback=post dur_ms=80"));
	seen.fixture.core.conf.slow_callback_ms = 0;
	assert_int_equal(ocppd_post(&seen.host, on_slow, NULL), 0);
	(void)core_turn(&seen.fixture.core);
	assert_int_equal(seen.fixture.lines, 1);
	seen_fini(&seen);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(post_own_thread_runs_later_in_order),
		cmocka_unit_test(post_to_closed_host_is_refused_and_dropped),
		cmocka_unit_test(post_that_posts_does_not_starve_descriptors),
		cmocka_unit_test(post_from_threads_keeps_each_ones_order),
		cmocka_unit_test(post_wakes_a_sleeping_loop_every_time),
		cmocka_unit_test(posts_beyond_the_threshold_are_told_once),
		cmocka_unit_test(timer_manual_clock_fires_in_order),
		cmocka_unit_test(timer_put_off_pulled_in_and_cancelled),
		cmocka_unit_test(timer_may_set_and_free_itself),
		cmocka_unit_test(timer_at_once_for_ever_does_not_hang_a_turn),
		cmocka_unit_test(timer_crowd_fires_each_at_its_time),
		cmocka_unit_test(timer_real_clock_fires_not_early),
		cmocka_unit_test(io_follows_its_events),
		cmocka_unit_test(io_unwatchable_is_refused),
		cmocka_unit_test(io_left_over_is_revoked),
		cmocka_unit_test(signal_arrives_as_a_callback),
		cmocka_unit_test(callback_slow_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
