/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Figures of the process, by the names that Prometheus' own libraries use. With 50,000 stations
 * there are as many descriptors, and older kernels tell their number only by listing them: in
 * steps.
 */
#include "metrics.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define STEP_ENTRIES 500

struct process {
	DIR *folder; /* NULL: counted */
	bool has_fds;
	uint64_t fds;
};

struct process *
process_new(void)
{
	struct process *process = calloc(1, sizeof(*process));
	struct stat status;

	if (process == NULL)
		return NULL;
	process->folder = opendir("/proc/self/fd");
	if (process->folder == NULL)
		return process;
	process->has_fds = true;
	/* Linux 6.2 and newer say how many there are; the folder's own comes off. */
	if (fstat(dirfd(process->folder), &status) == 0 && status.st_size > 0) {
		process->fds = (uint64_t)status.st_size - 1;
		(void)closedir(process->folder);
		process->folder = NULL;
	}
	return process;
}

void
process_free(struct process *process)
{
	if (process == NULL)
		return;
	if (process->folder != NULL)
		(void)closedir(process->folder);
	free(process);
}

bool
process_step(struct process *process)
{
	for (uint32_t i = 0; i < STEP_ENTRIES && process->folder != NULL; i++) {
		const struct dirent *entry;

		errno = 0;
		entry = readdir(process->folder);
		if (entry != NULL) {
			process->fds += entry->d_name[0] != '.';
			continue;
		}
		process->has_fds = errno == 0;
		process->fds -= process->fds > 0;
		(void)closedir(process->folder);
		process->folder = NULL;
	}
	return process->folder != NULL;
}

/* The first two numbers of /proc/self/statm: pages of address space, and of memory. */
static bool
read_statm(uint64_t ret_pages[2])
{
	char text[128];
	const char *at = text;
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return false;
	len = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	if (len <= 0)
		return false;
	text[len] = '\0';
	for (uint32_t i = 0; i < 2; i++) {
		if (*at < '0' || *at > '9')
			return false;
		for (ret_pages[i] = 0; *at >= '0' && *at <= '9'; at++)
			ret_pages[i] = ret_pages[i] * 10 + (uint64_t)(*at - '0');
		at += *at == ' ';
	}
	return true;
}

static double
timeval_s(const struct timeval *time)
{
	return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

static uint64_t
count_threads(void)
{
	struct stat status;

	/* A folder has a link for each folder in it, itself and its parent. */
	if (stat("/proc/self/task", &status) != 0 || status.st_nlink < 2)
		return 0;
	return (uint64_t)status.st_nlink - 2;
}

static void
show_limits(struct ocppd_host *host)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		(void)ocppd_metric_set(host, OWN_MAX_FDS, NULL, (double)limit.rlim_cur);
}

void
process_show(const struct process *process, struct ocppd_host *host, double *cpu_s)
{
	const char *const version[] = { ocppd_version(), NULL };
	double page_bytes = (double)sysconf(_SC_PAGESIZE);
	uint64_t pages[2];
	struct rusage usage;

	if (getrusage(RUSAGE_SELF, &usage) == 0) {
		double now_s = timeval_s(&usage.ru_utime) + timeval_s(&usage.ru_stime);

		if (now_s > *cpu_s)
			(void)ocppd_metric_add(host, OWN_CPU, NULL, now_s - *cpu_s);
		*cpu_s = now_s;
	}
	if (read_statm(pages)) {
		(void)ocppd_metric_set(host, OWN_VIRTUAL, NULL, (double)pages[0] * page_bytes);
		(void)ocppd_metric_set(host, OWN_RESIDENT, NULL, (double)pages[1] * page_bytes);
	}
	if (process->has_fds)
		(void)ocppd_metric_set(host, OWN_OPEN_FDS, NULL, (double)process->fds);
	show_limits(host);
	(void)ocppd_metric_set(host, OWN_THREADS, NULL, (double)count_threads());
	(void)ocppd_metric_set(host, OWN_START, NULL, (double)ocppd_started_us(host) / 1e6);
	(void)ocppd_metric_set(host, OWN_BUILD, version, 1);
}
