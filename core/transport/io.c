/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * An I/O thread: one lws context on a libuv loop of ours, the queues from the core and the batch to
 * it. lws's event library is seen here only. Contexts are made and the threads joined on the core
 * thread; everything between runs in the I/O thread.
 */
#include "transport/io.h"

#include <ocppd/log.h>
#include <ocppd/thread.h>

#include "base/clock.h"
#include "base/text.h"
#include "ocpp/message.h"
#include "ocpp/ocpp.h"
#include "transport/early.h"
#include "transport/gate.h"
#include "transport/session.h"
#include "transport/tls.h"
#include "transport/wheel.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

/* What lws reads of a frame before it tells us: most messages come whole and are parsed in place.
 */
#define RX_BUFFER_SIZE 2048
#define REFUSALS_MAX 256
#define QUOTA_LINES 5
#define QUOTA_WINDOW_US 10000000
#define DRAIN_INTERVAL_MS 20
#define DRAIN_BATCH 200
#define STOP_TURNS 1000

/* lws's log callback has no argument; the lines of a thread belong to its own core. */
static _Thread_local struct ocppd_host *lws_log_owner;

static void
on_lws_log(int level, const char *line)
{
	size_t len = strlen(line);

	while (len > 0 && (unsigned char)line[len - 1] <= ' ')
		len--;
	if (!lws_log_owner || len == 0)
		return;
	/* lws has no word for what it does not mind; what it warns of are handshakes we log. */
	OCPPD_LOG(lws_log_owner, level == LLL_ERR ? OCPPD_LOG_WARN : OCPPD_LOG_DEBUG,
		  "libwebsockets.reported", OCPPD_BYTES("err", line, len),
		  OCPPD_STR("station", ""));
}

bool
quota_pass(struct quota *quota, int64_t now_us, uint32_t *ret_omitted)
{
	if (quota->began_us == 0 || now_us - quota->began_us >= QUOTA_WINDOW_US) {
		quota->began_us = now_us;
		quota->passed = 0;
	}
	if (quota->passed == QUOTA_LINES) {
		quota->omitted++;
		return false;
	}
	quota->passed++;
	*ret_omitted = quota->omitted;
	quota->omitted = 0;
	return true;
}

/* ---- To the core ------------------------------------------------------------------------- */

void
io_gather(struct io *io, struct inbound *message)
{
	message->link.next = NULL;
	if (io->inbound_last)
		io->inbound_last->next = &message->link;
	else
		io->inbound_first = &message->link;
	io->inbound_last = &message->link;
	io->inbound_count++;
}

static void
flush_inbound(struct io *io)
{
	if (!io->inbound_first)
		return;
	if (chain_push_list(&io->inbound, io->inbound_first, io->inbound_last, io->inbound_count) ==
	    1)
		deliver_wake(io->transport);
	io->inbound_first = NULL;
	io->inbound_last = NULL;
	io->inbound_count = 0;
}

static void
on_check(uv_check_t *handle)
{
	struct io *io = handle->data;

	if (io->beat)
		ocppd_beat_busy(io->beat);
	flush_inbound(io);
}

static void
on_prepare(uv_prepare_t *handle)
{
	struct io *io = handle->data;

	flush_inbound(io);
	if (io->beat)
		ocppd_beat_idle(io->beat);
}

/* ---- From the core ----------------------------------------------------------------------- */

void
io_wake(struct io *io)
{
	/* The thread takes the context down by itself: not between the look and the wake. */
	(void)pthread_mutex_lock(&io->wake_lock);
	if (!io->is_context_gone)
		lws_cancel_service(io->context);
	(void)pthread_mutex_unlock(&io->wake_lock);
}

void
io_poke(struct io *io)
{
	if (!io->needs_poke)
		return;
	io->needs_poke = false;
	lws_cancel_service(io->context);
}

static void
on_drain_timer(uv_timer_t *timer)
{
	struct io *io = timer->data;
	struct session *session;

	while ((session = LIST_FIRST(&io->shaking)))
		session_drain(session);
	for (uint32_t i = 0; i < DRAIN_BATCH && (session = LIST_FIRST(&io->sessions)); i++)
		session_drain(session);
	io_poke(io);
}

static void
serve_swaps(struct io *io)
{
	struct link *link = chain_take(&io->swaps);

	while (link) {
		struct table_swap *swap = (struct table_swap *)(void *)link;
		struct action_table *old = io->table;

		link = link->next;
		io->table = swap->table;
		swap->table = old;
		/* What was read with the old table goes ahead of it. */
		flush_inbound(io);
		if (chain_push(&io->swapped, &swap->link) == 1)
			deliver_wake(io->transport);
	}
}

/* Notes what each session is to do. Its link may be queued anew as soon as the bits are taken. */
static struct session *
take_commands(struct io *io)
{
	struct link *link = chain_take(&io->commands);
	struct session *first = NULL;
	struct session **tail = &first;

	while (link) {
		struct session *session =
			(struct session *)(void *)((char *)link -
						   offsetof(struct session, command));

		link = link->next;
		bool is_listed = session->todo != 0;
		session->todo |= atomic_exchange(&session->wanted, 0);
		if (is_listed)
			continue;
		session->todo_next = NULL;
		*tail = session;
		tail = &session->todo_next;
	}

	return first;
}

static void
serve_outbound(struct io *io)
{
	struct link *link = chain_take(&io->outbound);

	while (link) {
		struct outbound *message = (struct outbound *)(void *)link;

		link = link->next;
		session_send((struct session *)(void *)message->conn, message);
	}
}

void
io_serve(struct io *io)
{
	serve_swaps(io);
	tls_serve_swaps(io);

	/* Commands are taken first and done last: what was sent before a close goes out before it,
	 * and nothing that names a session comes after its release. */
	struct session *session = take_commands(io);
	serve_outbound(io);
	while (session) {
		struct session *next = session->todo_next;

		session_command(session);
		session = next;
	}

	struct origin *origin = atomic_exchange(&io->give_way, NULL);
	if (origin)
		session_give_way(io, origin, atomic_load(&io->is_crowded));
	if (atomic_load(&io->is_draining) && !uv_is_active((uv_handle_t *)&io->drain_timer))
		(void)uv_timer_start(&io->drain_timer, on_drain_timer, 0, DRAIN_INTERVAL_MS);
	if (atomic_load(&io->is_stopping))
		uv_stop(&io->loop);
}

/* ---- Life -------------------------------------------------------------------------------- */

static int
make_protocols(struct io *io)
{
	const char *const *served = io->transport->served;
	uint32_t count = 0;

	while (served[count])
		count++;
	io->name_count = count > 0 ? count : 1;
	io->protocols = calloc(io->name_count + 1, sizeof(*io->protocols));
	io->names = calloc(io->name_count, sizeof(*io->names));
	if (!io->protocols || !io->names)
		return OCPPD_ENOMEM;

	for (uint32_t i = 0; i < io->name_count; i++) {
		/* lws needs one; nobody is admitted while no module serves a protocol. */
		io->names[i] = str_dup(count > 0 ? served[i] : "-");
		if (!io->names[i])
			return OCPPD_ENOMEM;
		io->protocols[i] = (struct lws_protocols){
			.name = io->names[i],
			.callback = session_callback,
			.rx_buffer_size = RX_BUFFER_SIZE,
		};
	}
	return 0;
}

static int
make_context(struct io *io, struct ocppd_error *err)
{
	static const lws_retry_bo_t no_policy; /* all zero: no timers of lws's own */
	struct lws_context_creation_info info = { 0 };
	void *loops[1] = { &io->loop };

	info.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
	/* It renews indices of the whole process: once, before there is any connection. */
	if (io->transport->credentials && io->index == 0)
		info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
	info.foreign_loops = loops;
	info.user = io;
	info.port = CONTEXT_PORT_NO_LISTEN;
	info.pt_serv_buf_size = SERVICE_BUFFER_SIZE;
	info.alpn = "http/1.1";
	info.retry_and_idle_policy = &no_policy;
	io->context = lws_create_context(&info);
	if (!io->context)
		return ocppd_error_set(err, OCPPD_EIO,
				       "libwebsockets cannot run on libuv: is the package "
				       "libwebsockets-evlib-uv installed?");
	io->is_context_made = true;

	struct lws_context_creation_info vhost = { 0 };

	vhost.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
	vhost.port = CONTEXT_PORT_NO_LISTEN_SERVER;
	vhost.protocols = io->protocols;
	vhost.retry_and_idle_policy = &no_policy;
	vhost.alpn = "http/1.1";
	vhost.server_string = "ocppd";
	vhost.vhost_name = "ocppd";
	/* A backstop: ours comes first. */
	vhost.timeout_secs =
		(unsigned int)(limit_get(&io->transport->limits.handshake_timeout_ms) / 1000) + 5;
	io->vhost = lws_create_vhost(io->context, &vhost);
	if (!io->vhost)
		return ocppd_error_set(err, OCPPD_EIO, "libwebsockets made no virtual host");

	return tls_make_vhosts(io, &vhost, err);
}

static void
init_chains(struct io *io)
{
	chain_init(&io->commands, 0);
	chain_init(&io->outbound, 0);
	chain_init(&io->swaps, 0);
	chain_init(&io->tls_swaps, 0);
	chain_init(&io->inbound, 0);
	chain_init(&io->swapped, 0);
	chain_init(&io->refusals, REFUSALS_MAX);
}

int
io_init(struct io *io, struct transport *transport, uint32_t index, struct ocppd_error *err)
{
	io->transport = transport;
	io->index = index;
	(void)pthread_mutex_init(&io->wake_lock, NULL);
	init_chains(io);
	LIST_INIT(&io->sessions);
	LIST_INIT(&io->shaking);
	LIST_INIT(&io->closing);
	wheel_init(io);
	if (index == 0)
		lws_set_log_level(LLL_ERR | LLL_WARN, on_lws_log);
	lws_log_owner = transport->core->self;

	if (uv_loop_init(&io->loop) != 0)
		return ocppd_error_set(err, OCPPD_EIO, "no descriptors for an event loop");
	io->loop.data = io;
	(void)uv_check_init(&io->loop, &io->check);
	(void)uv_prepare_init(&io->loop, &io->prepare);
	(void)uv_timer_init(&io->loop, &io->wheel_timer);
	(void)uv_timer_init(&io->loop, &io->drain_timer);
	io->check.data = io->prepare.data = io->wheel_timer.data = io->drain_timer.data = io;
	(void)uv_check_start(&io->check, on_check);
	(void)uv_prepare_start(&io->prepare, on_prepare);

	int r = make_protocols(io);
	if (r < 0)
		return r;
	io->tokener = message_tokener_new();
	if (!io->tokener)
		return OCPPD_ENOMEM;
	return make_context(io, err);
}

/* Closes every connection, then the loop: in the thread that used them. */
static void
close_loop(struct io *io)
{
	(void)pthread_mutex_lock(&io->wake_lock);
	io->is_context_gone = true;
	(void)pthread_mutex_unlock(&io->wake_lock);
	if (io->is_context_made)
		lws_context_destroy(io->context);
	uv_close((uv_handle_t *)&io->check, NULL);
	uv_close((uv_handle_t *)&io->prepare, NULL);
	uv_close((uv_handle_t *)&io->wheel_timer, NULL);
	uv_close((uv_handle_t *)&io->drain_timer, NULL);
	for (int i = 0; i < STOP_TURNS && uv_run(&io->loop, UV_RUN_NOWAIT) != 0; i++)
		continue;
	if (io->is_context_made)
		lws_context_destroy(io->context);
	io->is_context_made = false;
	(void)uv_run(&io->loop, UV_RUN_NOWAIT);
	(void)uv_loop_close(&io->loop);
	flush_inbound(io);
}

static void *
io_main(void *arg)
{
	struct io *io = arg;
	char name[16];

	(void)snprintf(name, sizeof(name), "ocppd-io%u", io->index);
	(void)pthread_setname_np(pthread_self(), name);
	lws_log_owner = io->transport->core->self;

	early_learn(io);
	/* The wake-up that tells of a stop may have been taken just now. */
	if (!atomic_load(&io->is_stopping))
		(void)uv_run(&io->loop, UV_RUN_DEFAULT);
	close_loop(io);
	if (io->beat)
		ocppd_beat_idle(io->beat);

	return NULL;
}

int
io_start(struct io *io, struct ocppd_error *err)
{
	struct ocppd_core *core = io->transport->core;
	sigset_t all;
	sigset_t before;
	char name[16];

	(void)snprintf(name, sizeof(name), "io%u", io->index);
	io->beat = ocppd_beat_new(core->self, name);
	io->table = ocpp_table_current(core);

	/* Signals are the core thread's. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	int r = pthread_create(&io->thread, NULL, io_main, io);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r != 0)
		return ocppd_error_set(err, OCPPD_EIO, "no thread for connections");
	io->is_running = true;

	return 0;
}

static void
drop_outbound(struct link *link)
{
	while (link) {
		struct outbound *message = (struct outbound *)(void *)link;

		link = link->next;
		outbound_free(message);
	}
}

void
io_stop(struct io *io)
{
	if (io->is_running) {
		atomic_store(&io->is_stopping, true);
		io_wake(io);
		(void)pthread_join(io->thread, NULL);
		io->is_running = false;
	} else {
		close_loop(io);
	}
	/* What the thread did not come to. */
	struct session *session = take_commands(io);
	drop_outbound(chain_take(&io->outbound));
	drop_outbound(io->out_first);
	io->out_first = NULL;
	io->out_last = NULL;
	while (session) {
		struct session *next = session->todo_next;
		uint32_t bits = session->todo;

		session->todo = 0;
		if (bits & (WANT_ADOPT | WANT_RELEASE))
			session_free(session);
		session = next;
	}
}

void
io_fini(struct io *io)
{
	(void)pthread_mutex_destroy(&io->wake_lock);
	chain_fini(&io->commands);
	chain_fini(&io->outbound);
	chain_fini(&io->swaps);
	tls_fini(io);
	chain_fini(&io->tls_swaps);
	chain_fini(&io->inbound);
	chain_fini(&io->swapped);
	chain_fini(&io->refusals);
	if (io->tokener)
		json_tokener_free(io->tokener);
	for (uint32_t i = 0; io->names && i < io->name_count; i++)
		free(io->names[i]);
	free(io->names);
	free(io->protocols);
	ocppd_beat_free(io->beat);
	io->beat = NULL;
}
