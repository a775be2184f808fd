/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * Threads as /proc/self/task shows them. A thread is its number and the time it began, since
 * numbers are used again.
 */
#include "runtime/threads.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ocppd/error.h>

#include "base/text.h"

#define BEGAN_FIELD 20 /* of the fields behind the name: starttime, field 22 of stat(5) */

/* 0 or negative: there is no such thread. */
static int
read_began(int64_t id, int64_t *ret_began)
{
	char path[64];
	char text[512];
	char *field;
	ssize_t len;
	int fd;
	int i;

	(void)snprintf(path, sizeof(path), "/proc/self/task/%lld/stat", (long long)id);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return OCPPD_ENOENT;

	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len <= 0)
		return OCPPD_ENOENT;

	text[len] = '\0';
	field = strrchr(text, ')');
	for (i = 0; field != NULL && i < BEGAN_FIELD; i++)
		field = strchr(field + 1, ' ');
	if (field == NULL)
		return OCPPD_EIO;

	field[1 + strcspn(field + 1, " ")] = '\0';
	return parse_i64(field + 1, 0, INT64_MAX, ret_began);
}

int
threads_now(struct threads *ret_threads)
{
	struct threads threads = { 0 };
	const struct dirent *entry;
	DIR *dir = opendir("/proc/self/task");

	if (dir == NULL)
		return OCPPD_EIO;

	threads.items = calloc(THREADS_MAX, sizeof(*threads.items));
	if (threads.items == NULL) {
		closedir(dir);
		return OCPPD_ENOMEM;
	}
	while (threads.count < THREADS_MAX && (entry = readdir(dir)) != NULL) {
		struct thread_id *item = &threads.items[threads.count];

		if (parse_i64(entry->d_name, 1, INT64_MAX, &item->id) == 0 &&
		    read_began(item->id, &item->began) == 0)
			threads.count++;
	}
	closedir(dir);
	*ret_threads = threads;
	return 0;
}

static bool
contains(const struct threads *threads, struct thread_id item)
{
	uint32_t i;

	for (i = 0; i < threads->count; i++) {
		if (threads->items[i].id == item.id && threads->items[i].began == item.began)
			return true;
	}
	return false;
}

void
threads_add_new(struct threads *threads, const struct threads *before)
{
	struct threads now = { 0 };
	uint32_t i;

	/* Without a "before" everything would count as new. */
	if (before->count == 0 || threads_now(&now) < 0)
		return;

	for (i = 0; i < now.count; i++) {
		struct thread_id *items;

		if (contains(before, now.items[i]) || contains(threads, now.items[i]))
			continue;
		items = reallocarray(threads->items, threads->count + 1, sizeof(*items));
		if (items == NULL)
			break;
		threads->items = items;
		items[threads->count++] = now.items[i];
	}
	threads_fini(&now);
}

uint32_t
threads_alive(const struct threads *threads)
{
	uint32_t alive = 0;
	uint32_t i;

	for (i = 0; i < threads->count; i++) {
		int64_t began;

		if (read_began(threads->items[i].id, &began) == 0 &&
		    began == threads->items[i].began)
			alive++;
	}
	return alive;
}

void
threads_fini(struct threads *threads)
{
	free(threads->items);
	*threads = (struct threads){ 0 };
}
