/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * The ways between the threads: queues of jobs to the writer and the readers, and the list of ended
 * jobs back to the core thread, which is woken once for all that gathered. The descriptor that
 * wakes it is the module's own: posts are refused from the beginning of `stop` on, when the queue
 * still drains.
 */
#include "storage.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

void
queue_init(struct queue *queue)
{
	pthread_condattr_t attr;

	queue->head = NULL;
	queue->tail = &queue->head;
	queue->is_closed = false;
	/* None of these can fail on Linux. */
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_mutex_init(&queue->lock, NULL);
	(void)pthread_cond_init(&queue->wake, &attr);
	(void)pthread_condattr_destroy(&attr);
}

void
queue_fini(struct queue *queue)
{
	(void)pthread_cond_destroy(&queue->wake);
	(void)pthread_mutex_destroy(&queue->lock);
}

void
queue_push(struct queue *queue, struct job *job)
{
	job->next = NULL;
	(void)pthread_mutex_lock(&queue->lock);
	*queue->tail = job;
	queue->tail = &job->next;
	(void)pthread_cond_signal(&queue->wake);
	(void)pthread_mutex_unlock(&queue->lock);
}

void
queue_close(struct queue *queue)
{
	(void)pthread_mutex_lock(&queue->lock);
	queue->is_closed = true;
	(void)pthread_cond_broadcast(&queue->wake);
	(void)pthread_mutex_unlock(&queue->lock);
}

static void
deadline_in(struct timespec *ret_deadline, int64_t timeout_ms)
{
	(void)clock_gettime(CLOCK_MONOTONIC, ret_deadline);
	ret_deadline->tv_sec += timeout_ms / 1000;
	ret_deadline->tv_nsec += (timeout_ms % 1000) * 1000000;
	if (ret_deadline->tv_nsec >= 1000000000) {
		ret_deadline->tv_nsec -= 1000000000;
		ret_deadline->tv_sec++;
	}
}

struct job *
queue_take(struct queue *queue, uint32_t max, int64_t timeout_ms, bool *ret_is_closed)
{
	struct timespec deadline;
	struct job *first;
	struct job **at;
	int r = 0;

	if (timeout_ms >= 0)
		deadline_in(&deadline, timeout_ms);
	(void)pthread_mutex_lock(&queue->lock);
	while (queue->head == NULL && !queue->is_closed && r != ETIMEDOUT) {
		if (timeout_ms >= 0)
			r = pthread_cond_timedwait(&queue->wake, &queue->lock, &deadline);
		else
			r = pthread_cond_wait(&queue->wake, &queue->lock);
	}
	first = queue->head;
	at = &queue->head;
	for (uint32_t i = 0; i < max && *at != NULL; i++)
		at = &(*at)->next;
	queue->head = *at;
	*at = NULL;
	if (queue->head == NULL)
		queue->tail = &queue->head;
	*ret_is_closed = first == NULL && queue->is_closed;
	(void)pthread_mutex_unlock(&queue->lock);
	return first;
}

struct failure *
failure_new(int code, const char *format, ...)
{
	struct failure *failure = calloc(1, sizeof(*failure));
	va_list args;

	if (failure == NULL)
		return NULL;
	failure->err.code = code;
	va_start(args, format);
	(void)vsnprintf(failure->err.text, sizeof(failure->err.text), format, args);
	va_end(args);
	return failure;
}

void
job_fail(struct job *job, int code, struct failure *failure)
{
	job->result = code;
	job->failure = failure;
	if (failure != NULL)
		failure->refs++;
}

void
job_forget(struct job *job)
{
	if (job->failure != NULL && --job->failure->refs == 0)
		free(job->failure);
	job->failure = NULL;
	job->result = 0;
}

static void
wake(const struct done *done)
{
	uint64_t one = 1;

	/* It fails only when the counter is full, and then the core thread is awake anyway. */
	while (write(done->event, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

void
done_push(struct storage *storage, struct job *first, struct job *last)
{
	struct done *done = &storage->done;
	bool is_query = first->kind == JOB_QUERY;
	bool was_empty;

	last->next = NULL;
	(void)pthread_mutex_lock(&done->lock);
	was_empty = done->head == NULL && done->queries == NULL;
	if (is_query) {
		*done->queries_tail = first;
		done->queries_tail = &last->next;
	} else {
		*done->tail = first;
		done->tail = &last->next;
	}
	/* Inside the lock: the last thread's word may let the core close the descriptor. */
	if (was_empty)
		wake(done);
	(void)pthread_mutex_unlock(&done->lock);
}

void
done_wake(struct storage *storage)
{
	wake(&storage->done);
}

int
thread_start(pthread_t *ret_thread, void *(*fn)(void *arg), void *arg, const char *name)
{
	sigset_t all;
	sigset_t old;
	int r;

	/* Signals belong to the daemon's own threads. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(ret_thread, NULL, fn, arg);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r != 0)
		return OCPPD_EIO;
	(void)pthread_setname_np(*ret_thread, name);
	return 0;
}
