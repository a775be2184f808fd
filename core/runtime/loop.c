/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The core thread's loop around libevent. Posts travel through one chain; the eventfd is written
 * only when the loop sleeps and the chain was empty, so a burst costs one wake-up and a busy loop
 * none. What the core thread posts itself needs neither lock nor system call.
 *
 * Sleep protocol: the loop says it sleeps, looks into the chain once more under its lock, then
 * polls. Who pushes after that look sees the word, who pushed before it was seen.
 */
#include "runtime/loop.h"

#include "base/assert.h"
#include "base/chain.h"
#include "runtime/host.h"
#include "runtime/timers.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/thread.h>

#define TURN_POSTS 512 /* before descriptors get their turn */
#define TURN_TIMERS 512
#define SPARE_MAX 4096 /* post records kept for the core thread's own posts */
#define SPARE_LEAST 64 /* of these, only for the core's own posts where memory is out */
#define ALARM_MAX_US (INT64_C(3600) * 1000000)

struct post {
	struct link link;
	struct ocppd_host *host; /* NULL: the core's own */
	union {
		ocppd_post_fn *host_fn;
		loop_post_fn *core_fn;
	} fn;
	void *arg;
};

struct post_list {
	struct link *head;
	struct link **tail;
	uint32_t count;
};

struct loop_signal {
	LIST_ENTRY(loop_signal) all;
	struct ocppd_core *core;
	struct event *event;
	loop_signal_fn *fn;
	void *arg;
};

struct loop {
	struct event_base *base;
	struct event *wake;
	struct event *alarm;
	int wake_fd;
	_Atomic pthread_t thread; /* the core thread */
	int64_t armed_us;         /* what the alarm is set to, or -1 */
	bool is_breaking;
	bool is_flooded; /* said so in the log */
	uint32_t ran;    /* callbacks of descriptors and signals */
	_Atomic bool is_asleep;
	struct chain inbox;
	struct post_list ready;
	struct post_list spare;
	struct timers timers;
	LIST_HEAD(, loop_signal) signals;
};

struct ocppd_io {
	struct ocppd_host *host;
	ocppd_io_fn *fn;
	void *arg;
	struct event event;
	LIST_ENTRY(ocppd_io) owned;
};

/* ---- Posts ----------------------------------------------------------------------------------- */

static void
list_add(struct post_list *list, struct link *link)
{
	link->next = NULL;
	*list->tail = link;
	list->tail = &link->next;
	list->count++;
}

static struct post *
list_pop(struct post_list *list)
{
	struct link *link = list->head;

	if (!link)
		return NULL;
	list->head = link->next;
	if (!list->head)
		list->tail = &list->head;
	list->count--;
	return (struct post *)link;
}

static void
recycle(struct loop *loop, struct post *post)
{
	if (loop->spare.count >= SPARE_MAX)
		free(post);
	else
		list_add(&loop->spare, &post->link);
}

static void
take_inbox(struct loop *loop)
{
	struct link *link = chain_take(&loop->inbox);

	while (link) {
		struct link *next = link->next;

		list_add(&loop->ready, link);
		link = next;
	}
}

static bool
is_own_thread(struct loop *loop)
{
	return pthread_equal(atomic_load_explicit(&loop->thread, memory_order_relaxed),
			     pthread_self()) != 0;
}

static int
post_new(struct loop *loop, const struct post *like)
{
	bool is_own = is_own_thread(loop);
	struct post *post =
		is_own && loop->spare.count > SPARE_LEAST ? list_pop(&loop->spare) : NULL;
	uint64_t one = 1;
	int r;

	if (!post)
		post = malloc(sizeof(*post));
	/* A result that somebody waits for must not be lost with the post that tells it. */
	if (!post && is_own && !like->host)
		post = list_pop(&loop->spare);
	if (!post)
		return OCPPD_ENOMEM;
	*post = *like;
	if (is_own) {
		list_add(&loop->ready, &post->link);
		return 0;
	}
	r = chain_push(&loop->inbox, &post->link);
	if (r < 0) {
		free(post);
		return r;
	}
	if (r > 0 && atomic_load_explicit(&loop->is_asleep, memory_order_acquire))
		(void)!write(loop->wake_fd, &one, sizeof(one));
	return 0;
}

static void
post_run(struct ocppd_core *core, const struct post *post)
{
	int64_t began;

	if (!post->host) {
		post->fn.core_fn(core, post->arg);
		return;
	}
	if (atomic_load_explicit(&post->host->is_closed, memory_order_relaxed))
		return;
	began = host_enter(post->host);
	post->fn.host_fn(post->host, post->arg);
	host_leave(post->host, began, "post");
}

/* A queue that stays long means a core thread that cannot keep up: once in the log per episode. */
static void
watch_queue(struct ocppd_core *core, struct loop *loop)
{
	int64_t limit = core->conf.post_queue;

	if (limit <= 0)
		return;
	if (!loop->is_flooded && loop->ready.count > limit) {
		loop->is_flooded = true;
		OCPPD_WARN(core->self, "posts.queued", OCPPD_INT("count", loop->ready.count),
			   OCPPD_INT("limit", limit));
	} else if (loop->is_flooded && loop->ready.count < limit / 2) {
		loop->is_flooded = false;
	}
}

static uint32_t
run_posts(struct ocppd_core *core, struct loop *loop)
{
	uint32_t ran = 0;

	take_inbox(loop);
	watch_queue(core, loop);
	/* Those that are posted meanwhile run in the same turn: a poll costs more than they do. */
	while (ran < TURN_POSTS && !loop->is_breaking) {
		struct post *next = list_pop(&loop->ready);
		struct post post;

		if (!next)
			break;
		post = *next;
		recycle(loop, next);
		post_run(core, &post);
		ran++;
	}
	return ran;
}

int
loop_post(struct ocppd_core *core, loop_post_fn *fn, void *arg)
{
	struct post post = { .fn.core_fn = fn, .arg = arg };

	return post_new(core->loop, &post);
}

int
ocppd_post(struct ocppd_host *host, ocppd_post_fn *fn, void *arg)
{
	struct post post = { .host = host, .fn.host_fn = fn, .arg = arg };

	if (atomic_load_explicit(&host->is_closed, memory_order_acquire))
		return OCPPD_ESHUTDOWN;
	return post_new(host->core->loop, &post);
}

void
loop_drop_posts(struct ocppd_host *host)
{
	struct loop *loop = host->core->loop;
	struct post_list kept = { .tail = &kept.head };
	struct post *post;

	take_inbox(loop);
	while ((post = list_pop(&loop->ready)) != NULL) {
		if (post->host == host)
			recycle(loop, post);
		else
			list_add(&kept, &post->link);
	}
	if (!kept.head)
		return;
	loop->ready = kept;
}

uint32_t
loop_queued(struct ocppd_core *core)
{
	return core->loop->ready.count + chain_count(&core->loop->inbox);
}

/* ---- Turning --------------------------------------------------------------------------------- */

static void
on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct loop *loop = arg;

	(void)fd;
	(void)what;
	/* Edge-triggered: nobody reads the counter. The turn that follows takes the chain. */
	atomic_store_explicit(&loop->is_asleep, false, memory_order_relaxed);
}

static void
on_alarm(evutil_socket_t fd, short what, void *arg)
{
	struct loop *loop = arg;

	(void)fd;
	(void)what;
	loop->armed_us = -1;
}

static void
set_alarm(struct ocppd_core *core, struct loop *loop)
{
	struct timeval delay;
	int64_t deadline_us;
	int64_t left_us;

	if (core->clock.is_manual || !timers_next(&loop->timers, &deadline_us)) {
		(void)event_del(loop->alarm);
		loop->armed_us = -1;
		return;
	}
	if (deadline_us == loop->armed_us)
		return;
	left_us = deadline_us - clock_mono_us(&core->clock);
	left_us = left_us < 0 ? 0 : left_us > ALARM_MAX_US ? ALARM_MAX_US : left_us;
	delay.tv_sec = left_us / 1000000;
	delay.tv_usec = left_us % 1000000;
	loop->armed_us = event_add(loop->alarm, &delay) == 0 ? deadline_us : -1;
}

/* One turn; returns the number of callbacks of timers and posts, or OCPPD_EIO. */
static int
turn(struct ocppd_core *core, bool can_wait)
{
	struct loop *loop = core->loop;
	uint32_t ran = timers_run(&loop->timers, clock_mono_us(&core->clock), TURN_TIMERS);

	ran += run_posts(core, loop);
	if (loop->is_breaking)
		return (int)ran;
	can_wait = can_wait && !loop->ready.count;
	if (can_wait) {
		atomic_store_explicit(&loop->is_asleep, true, memory_order_seq_cst);
		take_inbox(loop);
		can_wait = !loop->ready.count;
		if (can_wait)
			set_alarm(core, loop);
	}
	if (event_base_loop(loop->base, EVLOOP_ONCE | (can_wait ? 0 : EVLOOP_NONBLOCK)) < 0)
		return OCPPD_EIO;
	atomic_store_explicit(&loop->is_asleep, false, memory_order_relaxed);
	return (int)ran;
}

int
loop_run(struct ocppd_core *core)
{
	struct loop *loop = core->loop;
	int r = 0;

	atomic_store_explicit(&loop->thread, pthread_self(), memory_order_relaxed);
	while (!loop->is_breaking && r >= 0)
		r = turn(core, true);
	loop->is_breaking = false;
	return r < 0 ? r : 0;
}

void
loop_break(struct ocppd_core *core)
{
	core->loop->is_breaking = true;
	(void)event_base_loopbreak(core->loop->base);
}

struct event_base *
loop_base(struct ocppd_core *core)
{
	return core->loop->base;
}

struct timers *
loop_timers(struct ocppd_core *core)
{
	return &core->loop->timers;
}

uint32_t
core_turn(struct ocppd_core *core)
{
	struct loop *loop = core->loop;
	uint32_t total = 0;

	loop->is_breaking = false;
	for (uint32_t i = 0; i < LOOP_TURNS_MAX; i++) {
		uint32_t before = loop->ran;
		int ran = turn(core, false);

		total += (ran > 0 ? (uint32_t)ran : 0) + (loop->ran - before);
		if (ran <= 0 && loop->ran == before && !loop_queued(core))
			break;
	}
	loop->is_breaking = false;
	return total;
}

void
core_advance(struct ocppd_core *core, int64_t delta_us)
{
	int64_t end_us = clock_mono_us(&core->clock) + delta_us;
	int64_t deadline_us;

	OCPPD_ASSERT(core->clock.is_manual);
	(void)core_turn(core);
	while (timers_next(&core->loop->timers, &deadline_us) && deadline_us <= end_us) {
		int64_t step_us = deadline_us - clock_mono_us(&core->clock);

		clock_advance(&core->clock, step_us > 0 ? step_us : 0);
		(void)core_turn(core);
	}
	clock_advance(&core->clock, end_us - clock_mono_us(&core->clock));
	(void)core_turn(core);
}

/* ---- Signals --------------------------------------------------------------------------------- */

static void
on_signal(evutil_socket_t signo, short what, void *arg)
{
	const struct loop_signal *watched = arg;

	(void)what;
	watched->core->loop->ran++;
	watched->fn(watched->core, signo, watched->arg);
}

int
loop_signal_add(struct ocppd_core *core, int signo, loop_signal_fn *fn, void *arg)
{
	struct loop_signal *watched = calloc(1, sizeof(*watched));

	if (!watched)
		return OCPPD_ENOMEM;
	*watched = (struct loop_signal){ .core = core, .fn = fn, .arg = arg };
	watched->event = evsignal_new(core->loop->base, signo, on_signal, watched);
	if (!watched->event || event_add(watched->event, NULL) < 0) {
		if (watched->event)
			event_free(watched->event);
		free(watched);
		return OCPPD_EIO;
	}
	LIST_INSERT_HEAD(&core->loop->signals, watched, all);
	return 0;
}

/* ---- Descriptors ----------------------------------------------------------------------------- */

static void
on_io(evutil_socket_t fd, short what, void *arg)
{
	struct ocppd_io *io = arg;
	struct ocppd_host *host = io->host;
	uint32_t ready =
		(what & EV_READ ? OCPPD_IO_READ : 0) | (what & EV_WRITE ? OCPPD_IO_WRITE : 0);
	int64_t began = host_enter(host);

	host->core->loop->ran++;
	io->fn(host, fd, ready, io->arg); /* which may free it */
	host_leave(host, began, "io");
}

static short
event_flags(uint32_t events)
{
	int flags = EV_PERSIST;

	if (events & OCPPD_IO_READ)
		flags |= EV_READ;
	if (events & OCPPD_IO_WRITE)
		flags |= EV_WRITE;
	return (short)flags;
}

static int
watch(struct ocppd_io *io, int fd, uint32_t events)
{
	if (event_assign(&io->event, io->host->core->loop->base, fd, event_flags(events), on_io,
			 io) < 0)
		return OCPPD_EIO;
	if (!(events & (OCPPD_IO_READ | OCPPD_IO_WRITE)))
		return 0;
	return event_add(&io->event, NULL) < 0 ? OCPPD_EIO : 0;
}

struct ocppd_io *
ocppd_io_add(struct ocppd_host *host, int fd, uint32_t events, ocppd_io_fn *fn, void *arg)
{
	struct ocppd_io *io = fd < 0 ? NULL : calloc(1, sizeof(*io));

	if (!io)
		return NULL;
	io->host = host;
	io->fn = fn;
	io->arg = arg;
	if (watch(io, fd, events) < 0) {
		free(io);
		return NULL;
	}
	LIST_INSERT_HEAD(&host->ios, io, owned);
	return io;
}

void
ocppd_io_set(struct ocppd_io *io, uint32_t events)
{
	evutil_socket_t fd = event_get_fd(&io->event);

	if (event_get_events(&io->event) == event_flags(events))
		return;
	(void)event_del(&io->event);
	if (watch(io, fd, events) < 0)
		OCPPD_ERROR(io->host, "io.failed", OCPPD_INT("fd", fd));
}

void
ocppd_io_free(struct ocppd_io *io)
{
	if (!io)
		return;
	(void)event_del(&io->event);
	LIST_REMOVE(io, owned);
	free(io);
}

void *
ocppd_event_base(struct ocppd_host *host)
{
	return host->core->loop->base;
}

/* ---- Making it ------------------------------------------------------------------------------- */

static int
base_init(struct loop *loop)
{
	struct event_config *config = event_config_new();

	if (!config || evthread_use_pthreads() < 0)
		goto out;
	/* on_wake relies on it; on Linux that is epoll. */
	if (event_config_require_features(config, EV_FEATURE_ET | EV_FEATURE_O1) < 0)
		goto out;
	loop->base = event_base_new_with_config(config);
	if (!loop->base)
		goto out;
	loop->wake =
		event_new(loop->base, loop->wake_fd, EV_READ | EV_PERSIST | EV_ET, on_wake, loop);
	loop->alarm = evtimer_new(loop->base, on_alarm, loop);
out:
	if (config)
		event_config_free(config);
	return loop->wake && loop->alarm && event_add(loop->wake, NULL) == 0 ? 0 : OCPPD_EIO;
}

static int
spare_init(struct loop *loop)
{
	while (loop->spare.count < SPARE_LEAST) {
		struct post *post = malloc(sizeof(*post));

		if (!post)
			return OCPPD_ENOMEM;
		list_add(&loop->spare, &post->link);
	}
	return 0;
}

int
loop_init(struct ocppd_core *core, struct ocppd_error *err)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	core->loop = loop;
	chain_init(&loop->inbox, 0);
	loop->ready.tail = &loop->ready.head;
	loop->spare.tail = &loop->spare.head;
	atomic_init(&loop->thread, pthread_self());
	loop->armed_us = -1;
	atomic_init(&loop->is_asleep, false);
	LIST_INIT(&loop->signals);
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->wake_fd < 0 || base_init(loop) < 0)
		return ocppd_error_set(err, OCPPD_EIO, "cannot make an event loop");
	if (spare_init(loop) < 0)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	return 0;
}

static void
free_posts(struct post_list *list)
{
	struct post *post;

	while ((post = list_pop(list)) != NULL)
		free(post);
}

void
loop_fini(struct ocppd_core *core)
{
	struct loop *loop = core->loop;

	if (!loop)
		return;
	while (!LIST_EMPTY(&loop->signals)) {
		struct loop_signal *watched = LIST_FIRST(&loop->signals);

		LIST_REMOVE(watched, all);
		event_free(watched->event);
		free(watched);
	}
	chain_close(&loop->inbox);
	take_inbox(loop);
	chain_fini(&loop->inbox);
	free_posts(&loop->ready);
	free_posts(&loop->spare);
	timers_fini(&loop->timers);
	if (loop->wake)
		event_free(loop->wake);
	if (loop->alarm)
		event_free(loop->alarm);
	if (loop->base)
		event_base_free(loop->base);
	if (loop->wake_fd >= 0)
		(void)close(loop->wake_fd);
	free(loop);
	core->loop = NULL;
}
