/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * What tests over real sockets stand on: a core that runs in a thread of its own.
 */
#include "socket_bed.h"

#include <ocppd/action.h>
#include <ocppd/station.h>

#include "base/log.h"
#include "base/text.h"
#include "ocpp/ocpp.h"
#include "runtime/loop.h"
#include "transport/directory.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static const struct ocpp_conf ocpp_conf = {
	.call_timeout_ms = 60000,
	.call_wait_ms = 60000,
	.call_queue = 64,
	.handler_timeout_ms = 60000,
	.inbound_queue = 64,
	.max_stations = 1000,
	.reply_memory = 1048576,
};
static const struct runtime_conf runtime_conf = {
	.start_timeout_ms = 30000,
	.stop_timeout_ms = 30000,
	.event_queue = 1000,
	.post_queue = 1000,
};

struct transport_conf
socket_bed_conf(struct listener_conf *listeners, uint32_t count)
{
	return (struct transport_conf){
		.listeners = { listeners, count, sizeof(listeners[0]) },
		.io_threads = 2,
		.max_connections = 1000,
		.max_handshakes = 64,
		.handshake_timeout_ms = 60000,
		.close_timeout_ms = 1000,
		.max_message = 8192,
		.max_outbound = 262144,
		.max_outbound_count = 256,
		.max_undrained = 1000,
		.idle_floor_s = 60,
		.tcp_user_timeout_ms = 60000,
	};
}

int
socket_bed_echo(struct ocppd_host *host, struct ocppd_call *call, struct json_object *req,
		void *ctx)
{
	(void)req;
	(void)ctx;
	return ocppd_call_reply_text(host, call, "{}", 2);
}

void
socket_bed_admit(struct socket_bed *bed, const struct ocppd_admission *record)
{
	struct ocppd_admission copy = *record;

	copy.struct_size = sizeof(copy);
	copy.registration = OCPPD_REG_ACCEPTED;
	assert_int_equal(ocppd_directory_put(&bed->host, &copy, NULL), 0);
}

static int
on_listener(const struct ocppd_listener_info *info, void *arg)
{
	struct socket_bed *bed = arg;
	int64_t port = 0;

	(void)parse_i64(strrchr(info->address, ':') + 1, 1, 65535, &port);
	*(info->is_tls ? &bed->tls_port : &bed->port) = (uint16_t)port;
	return 0;
}

static void
attach(struct socket_bed *bed)
{
	host_init(&bed->host, &bed->core, "test", bed->plugin);
	bed->host.ctx = bed->ctx;
	bed->host.state = HOST_RUNNING;
	assert_int_equal(host_register(&bed->host, NULL), 0);
	for (uint32_t i = 0; i < RUNTIME_HOOKS_MAX; i++) {
		const struct runtime_hook *hook = bed->core.hooks[i];

		if (hook && hook->attach)
			assert_int_equal(hook->attach(&bed->core, &bed->host, NULL), 0);
		if (hook && hook->changed)
			hook->changed(&bed->core);
	}
}

static void
detach(struct socket_bed *bed)
{
	for (uint32_t i = 0; i < RUNTIME_HOOKS_MAX; i++) {
		const struct runtime_hook *hook = bed->core.hooks[i];

		if (hook && hook->detach)
			hook->detach(&bed->core, &bed->host);
	}
	host_unregister(&bed->host);
	host_revoke(&bed->host);
	host_fini(&bed->host);
}

static void *
bed_main(void *arg)
{
	struct socket_bed *bed = arg;
	struct ocppd_core *core = &bed->core;
	struct log *log = log_new(NULL, STDERR_FILENO, OCPPD_LOG_ERROR, false);

	if (bed->is_manual)
		clock_init_manual(&bed->clock, (int64_t)time(NULL) * 1000000);
	assert_int_equal(
		core_init(core, log, bed->is_manual ? &bed->clock : NULL, &runtime_conf, NULL), 0);
	assert_int_equal(ocpp_init(core, &ocpp_conf, NULL), 0);
	assert_int_equal(directory_init(core, NULL), 0);
	attach(bed);
	bed->provision(bed);

	bed->result = transport_init(core, &bed->conf, &bed->err);
	if (bed->result == 0)
		bed->result = transport_listen(core, &bed->err);
	(void)ocppd_listener_each(core->self, on_listener, bed);
	(void)sem_post(&bed->ready);
	if (bed->result == 0)
		(void)loop_run(core);

	/* The loop goes only when nobody is about to post to it. */
	while (sem_wait(&bed->stopped) < 0)
		continue;
	transport_fini(core);
	detach(bed);
	directory_fini(core);
	ocpp_fini(core);
	core_fini(core);
	log_free(log);
	return NULL;
}

void
socket_bed_start(struct socket_bed *bed)
{
	(void)sem_init(&bed->ready, 0, 0);
	(void)sem_init(&bed->stopped, 0, 0);
	assert_int_equal(pthread_create(&bed->thread, NULL, bed_main, bed), 0);
	while (sem_wait(&bed->ready) < 0)
		continue;
}

static void
on_stop(struct ocppd_core *core, void *arg)
{
	(void)arg;
	loop_break(core);
}

void
socket_bed_stop(struct socket_bed *bed)
{
	if (bed->result == 0)
		assert_int_equal(loop_post(&bed->core, on_stop, NULL), 0);
	(void)sem_post(&bed->stopped);
	(void)pthread_join(bed->thread, NULL);
	(void)sem_destroy(&bed->ready);
	(void)sem_destroy(&bed->stopped);
}

int
socket_bed_dial(uint16_t port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct timeval limit = { .tv_sec = 60 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}
