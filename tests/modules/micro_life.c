/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Every step of a module's life, each told in the log: options with a check and a reload, a start
 * and a stop that are pending, timers, posts, a watched descriptor. Options make steps fail or
 * hang.
 */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include <ocppd/plugin.h>

struct life_conf {
	int64_t speed;
	int64_t fixed;
	uint32_t is_pending;
	uint32_t never_starts;
	uint32_t never_stops;
	uint32_t reserved;
};

struct life {
	struct ocppd_host *host;
	struct life_conf conf;
	struct ocppd_timer *timer;
	struct ocppd_io *io;
	int pipe[2];
	pthread_t thread;
};

#define AT(member) offsetof(struct life_conf, member)

static const struct ocppd_option options[] = {
	{ "speed", OCPPD_CONF_INT, OCPPD_RELOADABLE, AT(speed), .min = 1, .max = 100, .def = "10",
	  .doc = "How fast." },
	{ "fixed", OCPPD_CONF_INT, 0, AT(fixed), .min = 0, .max = 100, .def = "1",
	  .doc = "What stays as it is." },
	{ "pending", OCPPD_CONF_BOOL, 0, AT(is_pending), .def = "false",
	  .doc = "Whether start and stop end later than they return." },
	{ "never_starts", OCPPD_CONF_BOOL, 0, AT(never_starts), .def = "false",
	  .doc = "Whether a pending start has no end." },
	{ "never_stops", OCPPD_CONF_BOOL, 0, AT(never_stops), .def = "false",
	  .doc = "Whether a pending stop has no end." },
};

static void
on_post(struct ocppd_host *host, void *arg)
{
	(void)arg;
	OCPPD_INFO(host, "life.posted", OCPPD_INT("ok", 1));
}

static void *
run(void *arg)
{
	struct life *life = arg;

	(void)ocppd_post(life->host, on_post, life);
	(void)!write(life->pipe[1], "x", 1);
	return NULL;
}

static void
on_io(struct ocppd_host *host, int fd, uint32_t ready, void *arg)
{
	struct life *life = arg;
	char c;

	(void)!read(fd, &c, 1);
	OCPPD_INFO(host, "life.readable", OCPPD_INT("ready", ready));
	ocppd_io_free(life->io);
	life->io = NULL;
}

static void
on_start_timer(struct ocppd_host *host, void *arg)
{
	struct life *life = arg;

	ocppd_timer_free(life->timer);
	life->timer = NULL;
	ocppd_started(host, NULL);
}

static void
on_stop_timer(struct ocppd_host *host, void *arg)
{
	(void)arg;
	ocppd_stopped(host);
}

static int
life_check(const void *conf, struct ocppd_error *err)
{
	const struct life_conf *life = conf;

	if (life->speed > 50 && life->fixed == 0)
		return ocppd_error_option(err, OCPPD_EINVAL, "speed",
					  "more than 50 needs \"fixed\" above 0");
	return 0;
}

static int
life_init(struct ocppd_host *host, const void *conf, void **ret_ctx, struct ocppd_error *err)
{
	struct life *life = calloc(1, sizeof(*life));

	if (life == NULL)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");

	life->host = host;
	life->conf = *(const struct life_conf *)conf;
	*ret_ctx = life;
	OCPPD_INFO(host, "life.init", OCPPD_INT("speed", life->conf.speed),
		   OCPPD_INT("fixed", life->conf.fixed));
	return 0;
}

static int
life_start(struct ocppd_host *host, void *ctx, struct ocppd_error *err)
{
	struct life *life = ctx;

	OCPPD_INFO(host, "life.start", OCPPD_INT("pending", life->conf.is_pending));
	if (pipe(life->pipe) < 0)
		return ocppd_error_set(err, OCPPD_EIO, "no pipe");
	life->io = ocppd_io_add(host, life->pipe[0], OCPPD_IO_READ, on_io, life);
	if (life->io == NULL || pthread_create(&life->thread, NULL, run, life) != 0)
		return ocppd_error_set(err, OCPPD_ENOMEM, "no descriptor or thread");
	if (!life->conf.is_pending)
		return 0;

	life->timer = ocppd_timer_new(host, on_start_timer, life);
	if (life->timer != NULL && !life->conf.never_starts)
		ocppd_timer_set(life->timer, 500);
	return OCPPD_PENDING;
}

static void
life_reload(struct ocppd_host *host, void *ctx, const void *conf)
{
	struct life *life = ctx;

	life->conf = *(const struct life_conf *)conf;
	OCPPD_INFO(host, "life.reload", OCPPD_INT("speed", life->conf.speed),
		   OCPPD_INT("fixed", life->conf.fixed));
}

static int
life_stop(struct ocppd_host *host, void *ctx)
{
	struct life *life = ctx;
	struct ocppd_timer *timer;

	OCPPD_INFO(host, "life.stop", OCPPD_INT("post", ocppd_post(host, on_post, NULL)));
	pthread_join(life->thread, NULL);
	ocppd_io_free(life->io);
	life->io = NULL;
	close(life->pipe[0]);
	close(life->pipe[1]);
	if (!life->conf.is_pending)
		return 0;

	timer = ocppd_timer_new(host, on_stop_timer, life); /* left to the core to delete */
	if (timer != NULL && !life->conf.never_stops)
		ocppd_timer_set(timer, 500);
	return OCPPD_PENDING;
}

static void
life_shutdown(struct ocppd_host *host, void *ctx)
{
	OCPPD_INFO(host, "life.shutdown", OCPPD_INT("ok", 1));
	free(ctx);
}

OCPPD_PLUGIN = {
	OCPPD_GUARD,
	"micro_life",
	"1.2.3",
	"Every step of a module's life",
	.conf_size = sizeof(struct life_conf),
	.options = OCPPD_TABLE(options),
	.check = life_check,
	.init = life_init,
	.start = life_start,
	.reload = life_reload,
	.stop = life_stop,
	.shutdown = life_shutdown,
};
