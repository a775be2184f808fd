/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* Its stop leaves a thread behind; shutdown ends it, so that the test process can end. */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include <ocppd/plugin.h>

struct bad {
	pthread_t thread;
	int pipe[2];
};

static void *
run(void *arg)
{
	struct bad *bad = arg;
	char c;

	(void)!read(bad->pipe[0], &c, 1);
	return NULL;
}

static int
bad_init(struct ocppd_host *host, const void *conf, void **ret_ctx, struct ocppd_error *err)
{
	struct bad *bad = calloc(1, sizeof(*bad));

	(void)host;
	(void)conf;
	if (bad == NULL)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");

	*ret_ctx = bad;
	return 0;
}

static int
bad_start(struct ocppd_host *host, void *ctx, struct ocppd_error *err)
{
	struct bad *bad = ctx;

	(void)host;
	if (pipe(bad->pipe) < 0)
		return ocppd_error_set(err, OCPPD_EIO, "no pipe");
	if (pthread_create(&bad->thread, NULL, run, bad) != 0) {
		close(bad->pipe[0]);
		close(bad->pipe[1]);
		return ocppd_error_set(err, OCPPD_EIO, "no thread");
	}
	return 0;
}

static void
bad_shutdown(struct ocppd_host *host, void *ctx)
{
	struct bad *bad = ctx;

	(void)host;
	close(bad->pipe[1]);
	pthread_join(bad->thread, NULL);
	close(bad->pipe[0]);
	free(bad);
}

OCPPD_PLUGIN = {
	OCPPD_GUARD,
	"bad_thread",
	"1.0.0",
	"Its stop leaves a thread behind",
	.init = bad_init,
	.start = bad_start,
	.shutdown = bad_shutdown,
};
