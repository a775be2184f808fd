/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The answer's side of HTTP/1.1, byte by byte where it is made of lines and in blocks where it is a
 * body. Knows no socket.
 */
#include "reply.h"

#include <ocppd/error.h>

#include "base/text.h"

#include <string.h>
#include <strings.h>

#define LINE_MAX_LEN 65536

void
reply_fini(struct reply *reply)
{
	buf_fini(&reply->line);
	buf_fini(&reply->body);
}

static int
on_status(struct reply *reply, const char *line)
{
	uint32_t status = 0;

	if (strncmp(line, "HTTP/1.", 7) != 0 || strlen(line) < 12 || line[8] != ' ')
		return OCPPD_EINVAL;
	for (size_t i = 9; i < 12; i++) {
		if (line[i] < '0' || line[i] > '9')
			return OCPPD_EINVAL;
		status = status * 10 + (uint32_t)(line[i] - '0');
	}
	reply->status = status;
	reply->state = REPLY_FIELDS;
	return 0;
}

static int
on_head_end(struct reply *reply)
{
	if (reply->status < 200) { /* 100 Continue and its like: the answer is still to come */
		reply->state = REPLY_STATUS;
		return 0;
	}
	if (reply->has_no_body || reply->status == 204 || reply->status == 304)
		reply->state = REPLY_DONE;
	else if (reply->is_chunked)
		reply->state = REPLY_CHUNK_SIZE;
	else if (!reply->has_length)
		reply->state = REPLY_UNTIL_END;
	else
		reply->state = reply->left == 0 ? REPLY_DONE : REPLY_FIXED;
	return 0;
}

static int
on_field(struct reply *reply, char *line)
{
	char *value = strchr(line, ':');
	int64_t length;

	if (value == NULL)
		return OCPPD_EINVAL;
	*value++ = '\0';
	value += strspn(value, " \t");
	if (strcasecmp(line, "Content-Type") == 0) {
		(void)str_copy(reply->content_type, sizeof(reply->content_type), value);
	} else if (strcasecmp(line, "Transfer-Encoding") == 0) {
		if (strcasecmp(value, "chunked") != 0)
			return OCPPD_EINVAL;
		reply->is_chunked = true;
	} else if (strcasecmp(line, "Content-Length") == 0) {
		if (parse_i64(value, 0, INT64_MAX, &length) < 0)
			return OCPPD_EINVAL;
		reply->left = (uint64_t)length;
		reply->has_length = true;
	}
	return 0;
}

static int
on_chunk_size(struct reply *reply, const char *line)
{
	uint64_t size = 0;
	size_t i;

	for (i = 0; line[i] != '\0' && line[i] != ';' && line[i] != ' '; i++) {
		char c = ascii_lower(line[i]);

		if (i == 15)
			return OCPPD_EINVAL;
		if (c >= '0' && c <= '9')
			size = size * 16 + (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			size = size * 16 + (uint64_t)(c - 'a' + 10);
		else
			return OCPPD_EINVAL;
	}
	if (i == 0)
		return OCPPD_EINVAL;
	reply->left = size;
	reply->state = size == 0 ? REPLY_TRAILER : REPLY_CHUNK_DATA;
	return 0;
}

static int
on_line(struct reply *reply)
{
	char *line = reply->line.data;
	size_t len = reply->line.len;

	if (len > 0 && line[len - 1] == '\r')
		line[--len] = '\0';
	switch (reply->state) {
	case REPLY_STATUS:
		return on_status(reply, line);
	case REPLY_FIELDS:
		return len == 0 ? on_head_end(reply) : on_field(reply, line);
	case REPLY_CHUNK_SIZE:
		return on_chunk_size(reply, line);
	case REPLY_CHUNK_END:
		if (len != 0)
			return OCPPD_EINVAL;
		reply->state = REPLY_CHUNK_SIZE;
		return 0;
	case REPLY_TRAILER:
		if (len == 0)
			reply->state = REPLY_DONE;
		return 0;
	case REPLY_FIXED:
	case REPLY_UNTIL_END:
	case REPLY_CHUNK_DATA:
	case REPLY_DONE:
		break;
	}
	return OCPPD_EINVAL;
}

static bool
is_in_body(const struct reply *reply)
{
	return reply->state == REPLY_FIXED || reply->state == REPLY_UNTIL_END ||
	       reply->state == REPLY_CHUNK_DATA;
}

/* Returns how many bytes were taken, or an error. */
static int64_t
feed_body(struct reply *reply, const char *data, size_t len)
{
	size_t take = len;

	if (reply->state != REPLY_UNTIL_END && take > reply->left)
		take = (size_t)reply->left;
	if (take > REPLY_BODY_MAX - reply->body.len)
		return OCPPD_ESPACE;
	buf_add(&reply->body, data, take);
	if (reply->body.error < 0)
		return reply->body.error;
	if (reply->state == REPLY_UNTIL_END)
		return (int64_t)take;

	reply->left -= take;
	if (reply->left == 0)
		reply->state = reply->state == REPLY_FIXED ? REPLY_DONE : REPLY_CHUNK_END;
	return (int64_t)take;
}

/* Takes bytes up to the end of the line. */
static int64_t
feed_line(struct reply *reply, const char *data, size_t len)
{
	const char *end = memchr(data, '\n', len);
	size_t take = end == NULL ? len : (size_t)(end - data);
	int r;

	if (reply->line.len + take > LINE_MAX_LEN || memchr(data, '\0', take) != NULL)
		return OCPPD_EINVAL;
	buf_add(&reply->line, data, take);
	if (end == NULL)
		return reply->line.error < 0 ? reply->line.error : (int64_t)take;

	buf_add_char(&reply->line, '\0'); /* so that there is a text even if it is empty */
	if (reply->line.error < 0)
		return reply->line.error;
	reply->line.len--;
	r = on_line(reply);
	buf_clear(&reply->line);
	return r < 0 ? r : (int64_t)take + 1;
}

int
reply_feed(struct reply *reply, const char *data, size_t len)
{
	while (len > 0 && reply->state != REPLY_DONE) {
		int64_t taken = is_in_body(reply) ? feed_body(reply, data, len)
						  : feed_line(reply, data, len);

		if (taken < 0)
			return (int)taken;
		data += taken;
		len -= (size_t)taken;
	}
	return 0;
}

int
reply_end(struct reply *reply)
{
	if (reply->state == REPLY_UNTIL_END)
		reply->state = REPLY_DONE;
	return reply->state == REPLY_DONE ? 0 : OCPPD_EGONE;
}
