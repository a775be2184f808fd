/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The desk between the core thread and those that serve HTTP. Never does input or output but for
 * waking the core and shutting sockets, neither of which blocks.
 */
#include "desk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/sockios.h>

int
desk_init(struct desk *desk, struct ocppd_host *host)
{
	memset(desk, 0, sizeof(*desk));
	desk->host = host;
	desk->incoming_fd = -1;
	desk->store_fd = -1;
	TAILQ_INIT(&desk->grants);
	TAILQ_INIT(&desk->noticed);
	TAILQ_INIT(&desk->uploads);
	TAILQ_INIT(&desk->guests);
	(void)pthread_mutex_init(&desk->lock, NULL);
	desk->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return desk->event < 0 ? OCPPD_EIO : 0;
}

void
desk_fini(struct desk *desk)
{
	struct grant *grant;

	while ((grant = TAILQ_FIRST(&desk->grants)) != NULL)
		grant_remove(desk, grant);
	if (desk->incoming_fd >= 0)
		(void)close(desk->incoming_fd);
	if (desk->store_fd >= 0)
		(void)close(desk->store_fd);
	if (desk->event >= 0)
		(void)close(desk->event);
	(void)pthread_mutex_destroy(&desk->lock);
}

void
desk_lock(struct desk *desk)
{
	(void)pthread_mutex_lock(&desk->lock);
}

void
desk_unlock(struct desk *desk)
{
	(void)pthread_mutex_unlock(&desk->lock);
}

void
desk_wake_locked(struct desk *desk)
{
	uint64_t one = 1;

	if (desk->is_awake)
		return;
	desk->is_awake = true;
	/* It fails only when the counter is full, and then the core thread is awake anyway. */
	while (write(desk->event, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

void
desk_wake(struct desk *desk)
{
	desk_lock(desk);
	desk_wake_locked(desk);
	desk_unlock(desk);
}

/* ---- Grants -----------------------------------------------------------------------------------
 */

/* Tokens are chance already: their first digits are as good as any hash. */
static struct grant **
bucket_of(struct desk *desk, const char *token)
{
	uint32_t hash = 0;

	for (size_t i = 0; i < 8; i++)
		hash = hash * 31 + (unsigned char)token[i];
	return &desk->buckets[hash % GRANT_BUCKETS];
}

static struct grant **
id_bucket_of(struct desk *desk, int64_t id)
{
	return &desk->ids[(uint64_t)id % GRANT_BUCKETS];
}

void
grant_insert(struct desk *desk, struct grant *grant)
{
	struct grant **bucket = bucket_of(desk, grant->token);

	grant->next = *bucket;
	*bucket = grant;
	bucket = id_bucket_of(desk, grant->id);
	grant->next_id = *bucket;
	*bucket = grant;
	TAILQ_INSERT_TAIL(&desk->grants, grant, all);
	desk->grant_count++;
}

void
grant_remove(struct desk *desk, struct grant *grant)
{
	struct grant **at = bucket_of(desk, grant->token);

	while (*at != NULL && *at != grant)
		at = &(*at)->next;
	if (*at == NULL)
		return;
	*at = grant->next;
	at = id_bucket_of(desk, grant->id);
	while (*at != grant)
		at = &(*at)->next_id;
	*at = grant->next_id;
	grant->is_closed = true;
	TAILQ_REMOVE(&desk->grants, grant, all);
	desk->grant_count--;
	if (grant->notices != 0) {
		TAILQ_REMOVE(&desk->noticed, grant, noticed);
		grant->notices = 0;
		grant->refs--; /* never the last: that of the desk goes next */
	}
	grant_unref(grant);
}

struct grant *
grant_find(struct desk *desk, const char *token)
{
	struct grant *grant = *bucket_of(desk, token);

	while (grant != NULL && !token_is_equal(grant->token, token))
		grant = grant->next;
	return grant;
}

struct grant *
grant_by_id(struct desk *desk, int64_t id)
{
	struct grant *grant = id == 0 ? NULL : *id_bucket_of(desk, id);

	while (grant != NULL && grant->id != id)
		grant = grant->next_id;
	return grant;
}

void
notes_free(struct image_notes *notes)
{
	if (notes == NULL)
		return;
	free(notes->vendor);
	free(notes->model);
	free(notes->version);
	free(notes->note);
	free(notes->signature);
	free(notes->certificate);
	free(notes->requester);
	free(notes);
}

void
grant_unref(struct grant *grant)
{
	if (grant == NULL || --grant->refs > 0)
		return;
	notes_free(grant->notes);
	free(grant->sent);
	free(grant);
}

void
grant_notice(struct desk *desk, struct grant *grant, uint32_t notice, const char *reason)
{
	if (grant->id == 0)
		return; /* an operator sees what happens */
	if (reason != NULL)
		grant->reason = reason;
	if (grant->notices == 0) {
		TAILQ_INSERT_TAIL(&desk->noticed, grant, noticed);
		grant->refs++;
		desk_wake_locked(desk);
	}
	grant->notices |= notice;
}

/* ---- Guests -----------------------------------------------------------------------------------
 */

void
guest_cut(struct guest *guest, const char *reason)
{
	if (guest->is_cut)
		return;
	guest->is_cut = true;
	guest->cut_reason = reason;
	/* Its thread finds the socket at its end, and closes it. */
	(void)shutdown(guest->fd, SHUT_RDWR);
}

void
grant_cut(struct desk *desk, const struct grant *grant, const char *reason)
{
	struct guest *guest;

	TAILQ_FOREACH (guest, &desk->guests, all) {
		/* One that waits for us has nothing to lose any more. */
		if ((grant == NULL || guest->grant == grant) && !guest->is_suspended)
			guest_cut(guest, reason);
	}
}

/* What really moved: bytes that wait in the socket's own queue did not. */
static int64_t
guest_moved(const struct guest *guest)
{
	int waiting = 0;

	if (ioctl(guest->fd, SIOCOUTQ, &waiting) != 0)
		waiting = 0;
	return guest->bytes - waiting;
}

void
guests_tick(struct desk *desk, int64_t now_mono_us)
{
	int64_t window_us = desk->limits.timeout_ms * 1000;
	struct guest *guest;

	TAILQ_FOREACH (guest, &desk->guests, all) {
		int64_t least = guest->is_busy ? desk->limits.min_rate * window_us / 1000000 : 1;
		int64_t moved;

		if (guest->is_cut || guest->is_suspended) {
			guest->mark_mono_us = now_mono_us;
			continue;
		}
		moved = guest_moved(guest);
		if (guest->is_busy && moved - guest->mark_bytes >= least) {
			guest->mark_mono_us = now_mono_us;
			guest->mark_bytes = moved;
		}
		if (now_mono_us - guest->mark_mono_us <= window_us)
			continue;
		desk->refused[REFUSED_SLOW]++;
		guest_cut(guest,
			  guest->is_busy ? "slower than min_rate" : "no request within timeout");
	}
}
