/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_THREAD_H
#define OCPPD_THREAD_H

/*
 * The core thread, other threads, and descriptors.
 *
 * Every callback of a module runs on the core thread; a module needs no lock unless it starts
 * threads of its own. Those reach the core thread by ocppd_post. Of the whole interface, only the
 * functions marked "any thread" may be called elsewhere.
 */
#include <ocppd/abi.h>

OCPPD_BEGIN_DECLS

typedef void ocppd_post_fn(struct ocppd_host *host, void *arg);

/*
 * Runs fn on the core thread after the current callback. In order for each posting thread; the loop
 * is woken once per batch.
 *
 * Returns 0; OCPPD_ESHUTDOWN once the module's `stop` began: fn will not run, the caller keeps arg;
 * OCPPD_ENOMEM. What was posted before `stop` and did not run yet is dropped with the module:
 * arg must then be reachable from the module's own state. Any thread.
 */
OCPPD_API int ocppd_post(struct ocppd_host *host, ocppd_post_fn *fn, void *arg);

/*
 * Progress of a module's thread, for the watchdog. A thread that says `busy` must say something
 * again before the watchdog's interval is over, or the service manager is not told that all is
 * well. Made and freed on the core thread; _busy and _idle on the thread itself. name is copied.
 */
struct ocppd_beat;
OCPPD_API struct ocppd_beat *ocppd_beat_new(struct ocppd_host *host, const char *name);
OCPPD_API void ocppd_beat_busy(struct ocppd_beat *beat);
OCPPD_API void ocppd_beat_idle(struct ocppd_beat *beat);
OCPPD_API void ocppd_beat_free(struct ocppd_beat *beat);

/* Descriptors of foreign libraries. Core thread. */
#define OCPPD_IO_READ 0x1u
#define OCPPD_IO_WRITE 0x2u
struct ocppd_io;
typedef void ocppd_io_fn(struct ocppd_host *host, int fd, uint32_t ready, void *arg);

/* Calls fn whenever fd is ready (level-triggered). The descriptor stays the caller's, and must stay
 * open until ocppd_io_free. NULL: out of memory, or not a descriptor that can be watched. */
OCPPD_API struct ocppd_io *ocppd_io_add(struct ocppd_host *host, int fd, uint32_t events,
					ocppd_io_fn *fn, void *arg);
OCPPD_API void ocppd_io_set(struct ocppd_io *io, uint32_t events);
OCPPD_API void ocppd_io_free(struct ocppd_io *io);

/*
 * The event loop's own base, a `struct event_base *` of libevent 2.1, for modules that run on
 * libevent themselves (an HTTP server). Such a module depends on that libevent and takes care of
 * what it creates there: the core cannot revoke it. Core thread.
 */
OCPPD_API void *ocppd_event_base(struct ocppd_host *host);

OCPPD_END_DECLS
#endif
