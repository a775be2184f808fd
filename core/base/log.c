/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The log: one logfmt line an event, one write a line. A line never exceeds PIPE_BUF, so a pipe
 * takes it whole or not at all; what the sink cannot take at once is counted and dropped, and the
 * next line that gets through says how many. Repeated events of one station are limited.
 */
#include "base/log.h"

#include <ocppd/error.h>
#include <ocppd/time.h>

#include "base/clock.h"
#include "base/text.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_SIZE 4096 /* PIPE_BUF, newline included */
#define LINE_SPARE 120 /* for what is said about cut, suppressed and dropped */
#define VALUE_MAX 1024 /* bytes of one text value, before escaping */
#define BYTES_MAX 512  /* the same for OCPPD_KV_BYTES */
#define LIMIT_SETS 256 /* of LIMIT_WAYS entries each */
#define LIMIT_WAYS 4
#define LIMIT_LINES 5
#define LIMIT_WINDOW_US (60 * INT64_C(1000000))

struct limit_entry {
	uint64_t hash; /* of station and event */
	int64_t began_mono_us;
	uint32_t lines;
	uint32_t suppressed;
};

struct log {
	const struct clock *clock; /* NULL: own */
	struct clock own_clock;
	int fd;
	bool is_socket;
	bool is_file; /* takes a line at once, whatever happens */
	bool has_priority;
	_Atomic uint32_t level;
	pthread_mutex_t lock; /* what follows */
	bool is_torn;         /* the sink took a part of the last line */
	uint64_t dropped;
	uint64_t forgotten; /* suppressed lines of entries that made room */
	void (*sink)(const char *line, void *arg);
	void *sink_arg;
	struct limit_entry limits[LIMIT_SETS][LIMIT_WAYS];
};

struct line {
	char text[LINE_SIZE];
	size_t len;
	bool is_cut;
};

static const struct level_row {
	const char *name;
	const char *priority; /* sd-daemon(3) */
} level_rows[] = {
	[OCPPD_LOG_ERROR] = { "error", "<3>" },
	[OCPPD_LOG_WARN] = { "warn", "<4>" },
	[OCPPD_LOG_INFO] = { "info", "<6>" },
	[OCPPD_LOG_DEBUG] = { "debug", "<7>" },
};

/* ---- Writing a line -------------------------------------------------------------------------- */

static bool
line_add(struct line *line, const char *text, size_t len, size_t spare)
{
	if (line->len + len > LINE_SIZE - 1 - spare) {
		line->is_cut = true;
		return false;
	}
	memcpy(line->text + line->len, text, len);
	line->len += len;
	return true;
}

static bool
line_str(struct line *line, const char *text)
{
	return line_add(line, text, strlen(text), LINE_SPARE);
}

/* Past LINE_SPARE: only for the closing remarks. */
static void
line_remark(struct line *line, const char *key, uint64_t number)
{
	char text[48];
	int len = snprintf(text, sizeof(text), " %s=%llu", key, (unsigned long long)number);

	(void)line_add(line, text, (size_t)len, 0);
}

/* Characters that move a terminal's cursor or the order of what is read. */
static bool
is_harmful(const unsigned char *at, size_t len)
{
	if (len == 1)
		return at[0] < 0x20 || at[0] == 0x7f;
	if (len == 2)
		return at[0] == 0xc2 && at[1] < 0xa0; /* C1 controls */
	if (len == 3 && at[0] == 0xe2 && at[1] == 0x80)
		return at[2] >= 0xa8 && at[2] <= 0xae; /* U+2028 to U+202E */
	return len == 3 && at[0] == 0xe2 && at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9;
}

static bool
is_bare(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~' || text[i] == '"' || text[i] == '=' ||
		    text[i] == '\\')
			return false;
	return len > 0;
}

/* One character in quotes; returns how many bytes of the input it was, 0 if the line is full. */
static size_t
line_quoted_char(struct line *line, const unsigned char *at, size_t left)
{
	static const char hex[] = "0123456789abcdef";
	size_t len = utf8_sequence(at, left);
	char escape[4] = { '\\', 'x', 0, 0 };
	const char *short_form = at[0] == '\n' ? "\\n" : at[0] == '\r' ? "\\r" : "\\t";

	if (at[0] == '\n' || at[0] == '\r' || at[0] == '\t')
		return line_str(line, short_form) ? 1 : 0;
	if (at[0] == '"' || at[0] == '\\') {
		escape[1] = (char)at[0];
		return line_add(line, escape, 2, LINE_SPARE) ? 1 : 0;
	}
	if (len && !is_harmful(at, len))
		return line_add(line, (const char *)at, len, LINE_SPARE) ? len : 0;
	escape[2] = hex[at[0] >> 4];
	escape[3] = hex[at[0] & 0xf];
	return line_add(line, escape, 4, LINE_SPARE) ? 1 : 0;
}

static void
line_value(struct line *line, const char *text, size_t len, bool is_cut)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t left = len;

	if (!is_cut && is_bare(text, len)) {
		(void)line_add(line, text, len, LINE_SPARE);
		return;
	}
	(void)line_str(line, "\"");
	while (left) {
		size_t step = line_quoted_char(line, at, left);

		if (!step)
			break;
		at += step;
		left -= step;
	}
	if (is_cut || left)
		(void)line_add(line, "...", 3, LINE_SPARE - 3);
	(void)line_add(line, "\"", 1, LINE_SPARE - 4);
}

static void
line_text(struct line *line, const char *text)
{
	size_t len = utf8_cut(text, VALUE_MAX);

	line_value(line, text, len, text[len] != '\0');
}

static void
line_bytes(struct line *line, const char *data, int64_t number)
{
	size_t len = !data || number < 0 ? 0 : (size_t)number;

	line_value(line, data, len > BYTES_MAX ? BYTES_MAX : len, len > BYTES_MAX);
}

/* An id token: whole for those who debug, else its last four characters. */
static void
line_tag(struct line *line, const char *text, uint32_t level)
{
	size_t count = utf8_count(text);

	if (level == OCPPD_LOG_DEBUG || count <= 4) {
		line_text(line, text);
		return;
	}
	for (text += strlen(text), count = 0; count < 4; count++)
		do
			text--;
		while (((unsigned char)*text & 0xc0) == 0x80);
	(void)line_str(line, "*");
	line_text(line, text);
}

static void
line_kv(struct line *line, const struct ocppd_kv *kv, uint32_t level)
{
	char number[I64_TEXT_SIZE];

	if (!kv->text && (kv->kind == OCPPD_KV_STR || kv->kind == OCPPD_KV_TAG))
		return;
	if (line->len + strlen(kv->key) + 4 > LINE_SIZE - 1 - LINE_SPARE) {
		line->is_cut = true;
		return;
	}
	(void)line_str(line, " ");
	(void)line_str(line, kv->key);
	(void)line_str(line, "=");
	switch (kv->kind) {
	case OCPPD_KV_INT:
		(void)line_add(line, number, i64_text(kv->number, number), LINE_SPARE);
		break;
	case OCPPD_KV_TAG:
		line_tag(line, kv->text, level);
		break;
	case OCPPD_KV_BYTES:
		line_bytes(line, kv->text, kv->number);
		break;
	case OCPPD_KV_STR:
		line_text(line, kv->text);
		break;
	}
}

/* ---- Limiting -------------------------------------------------------------------------------- */

static const char *
find_station(const struct ocppd_kv *kv, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (kv[i].kind == OCPPD_KV_STR && str_eq(kv[i].key, "station"))
			return kv[i].text;
	return NULL;
}

static struct limit_entry *
limit_find(struct log *log, uint64_t hash, int64_t now_mono_us)
{
	struct limit_entry *set = log->limits[hash % LIMIT_SETS];
	struct limit_entry *oldest = &set[0];

	for (size_t i = 0; i < LIMIT_WAYS; i++) {
		if (set[i].hash == hash)
			return &set[i];
		if (set[i].began_mono_us < oldest->began_mono_us)
			oldest = &set[i];
	}
	log->forgotten += oldest->suppressed;
	*oldest = (struct limit_entry){ .hash = hash, .began_mono_us = now_mono_us };
	return oldest;
}

/* False: leave the line out. Else ret_suppressed says how many were before it. */
static bool
limit_pass(struct log *log, const char *station, const char *event, uint64_t *ret_suppressed)
{
	int64_t now_mono_us = clock_mono_us(log->clock);
	uint64_t hash = hash_bytes(event, strlen(event), hash_str(station)) | 1;
	struct limit_entry *entry = limit_find(log, hash, now_mono_us);

	if (now_mono_us - entry->began_mono_us >= LIMIT_WINDOW_US) {
		entry->began_mono_us = now_mono_us;
		entry->lines = 0;
	}
	if (entry->lines >= LIMIT_LINES) {
		entry->suppressed++;
		return false;
	}
	entry->lines++;
	*ret_suppressed = entry->suppressed;
	entry->suppressed = 0;
	return true;
}

/* ---- The sink -------------------------------------------------------------------------------- */

/* The descriptor is shared with other processes, so it cannot be made non-blocking; a pipe that
 * polls writable takes PIPE_BUF bytes at once. */
static ssize_t
put(const struct log *log, const char *data, size_t len)
{
	struct pollfd ready = { .fd = log->fd, .events = POLLOUT };

	if (log->is_socket)
		return send(log->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (!log->is_file && (poll(&ready, 1, 0) != 1 || !(ready.revents & POLLOUT)))
		return -1;
	return write(log->fd, data, len);
}

static void
emit(struct log *log, struct line *line)
{
	ssize_t n;

	if (log->sink) {
		line->text[line->len] = '\0';
		log->sink(line->text, log->sink_arg);
		return;
	}
	if (log->is_torn) {
		if (put(log, "\n", 1) != 1) {
			log->dropped++;
			return;
		}
		log->is_torn = false;
	}
	line->text[line->len++] = '\n';
	n = put(log, line->text, line->len);
	if (n > 0 && (size_t)n < line->len)
		log->is_torn = true;
	if (n != (ssize_t)line->len)
		log->dropped++;
	else
		log->dropped = 0;
}

/* ---- Public ---------------------------------------------------------------------------------- */

struct log *
log_new(const struct clock *clock, int fd, uint32_t level, bool has_priority)
{
	struct log *log = calloc(1, sizeof(*log));
	struct stat status;

	if (!log)
		return NULL;
	clock_init(&log->own_clock);
	log->clock = clock ? clock : &log->own_clock;
	log->fd = fd;
	if (fstat(fd, &status) == 0) {
		log->is_socket = S_ISSOCK(status.st_mode);
		log->is_file = S_ISREG(status.st_mode);
	}
	log->has_priority = has_priority;
	atomic_init(&log->level, level);
	if (pthread_mutex_init(&log->lock, NULL) != 0) {
		free(log);
		return NULL;
	}
	return log;
}

void
log_free(struct log *log)
{
	if (!log)
		return;
	(void)pthread_mutex_destroy(&log->lock);
	free(log);
}

void
log_set_level(struct log *log, uint32_t level)
{
	atomic_store_explicit(&log->level, level, memory_order_relaxed);
}

bool
log_enabled(const struct log *log, uint32_t level)
{
	return level <= atomic_load_explicit(&log->level, memory_order_relaxed);
}

void
log_write(struct log *log, uint32_t level, const char *owner, const char *event,
	  const struct ocppd_kv *kv, uint32_t count)
{
	const char *station = find_station(kv, count);
	bool is_limited = station && !log_enabled(log, OCPPD_LOG_DEBUG);
	uint64_t suppressed = 0;
	char time[OCPPD_TIME_SIZE];
	struct line line;

	if (level < OCPPD_LOG_ERROR || level > OCPPD_LOG_DEBUG || !log_enabled(log, level))
		return;
	(void)pthread_mutex_lock(&log->lock);
	if (is_limited && !limit_pass(log, station, event, &suppressed))
		goto out;
	line.len = 0;
	line.is_cut = false;
	(void)ocppd_time_format(clock_now_us(log->clock), time);
	if (log->has_priority)
		(void)line_str(&line, level_rows[level].priority);
	(void)line_str(&line, "ts=");
	(void)line_str(&line, time);
	(void)line_str(&line, " lvl=");
	(void)line_str(&line, level_rows[level].name);
	(void)line_str(&line, " ev=");
	line_text(&line, event);
	(void)line_str(&line, " plugin=");
	line_text(&line, owner);
	for (uint32_t i = 0; i < count; i++)
		line_kv(&line, &kv[i], level);
	if (suppressed)
		line_remark(&line, "suppressed", suppressed);
	if (log->forgotten)
		line_remark(&line, "suppressed_others", log->forgotten);
	if (log->dropped)
		line_remark(&line, "dropped", log->dropped);
	if (line.is_cut)
		line_remark(&line, "cut", 1);
	log->forgotten = 0;
	emit(log, &line);
out:
	(void)pthread_mutex_unlock(&log->lock);
}

int
log_level_parse(const char *text, uint32_t *ret_level)
{
	for (uint32_t level = OCPPD_LOG_ERROR; level <= OCPPD_LOG_DEBUG; level++) {
		if (!str_ci_eq(text, level_rows[level].name))
			continue;
		*ret_level = level;
		return 0;
	}
	return OCPPD_EINVAL;
}

void
log_set_sink(struct log *log, void (*fn)(const char *line, void *arg), void *arg)
{
	(void)pthread_mutex_lock(&log->lock);
	log->sink = fn;
	log->sink_arg = arg;
	(void)pthread_mutex_unlock(&log->lock);
}
