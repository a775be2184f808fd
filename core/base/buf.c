/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Growing text: append and steal. An error sticks, so callers look once, at the end.
 */
#include "base/buf.h"

#include <ocppd/error.h>

#include <stdarg.h>

#define BUF_FIRST_SIZE 64

void
buf_fini(struct buf *buf)
{
	free(buf->data);
	*buf = (struct buf){ 0 };
}

void
buf_clear(struct buf *buf)
{
	buf->len = 0;
	buf->error = 0;
	if (buf->data)
		buf->data[0] = '\0';
}

int
buf_reserve(struct buf *buf, size_t more)
{
	size_t need;
	size_t size = buf->size ? buf->size : BUF_FIRST_SIZE;
	char *data;

	if (buf->error)
		return buf->error;
	if (__builtin_add_overflow(buf->len, more, &need) ||
	    __builtin_add_overflow(need, (size_t)1, &need) || need > SIZE_MAX / 2)
		return buf->error = OCPPD_ENOMEM;
	if (need <= buf->size)
		return 0;
	while (size < need)
		size *= 2;
	data = realloc(buf->data, size);
	if (!data)
		return buf->error = OCPPD_ENOMEM;
	if (!buf->data)
		data[0] = '\0';
	buf->data = data;
	buf->size = size;
	return 0;
}

void
buf_add(struct buf *buf, const void *data, size_t len)
{
	if (buf_reserve(buf, len) < 0)
		return;
	if (len)
		memcpy(buf->data + buf->len, data, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
}

void
buf_add_str(struct buf *buf, const char *text)
{
	buf_add(buf, text, strlen(text));
}

void
buf_add_char(struct buf *buf, char c)
{
	buf_add(buf, &c, 1);
}

void
buf_printf(struct buf *buf, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0) {
		buf->error = OCPPD_ENOMEM;
		return;
	}
	if (buf_reserve(buf, (size_t)len) < 0)
		return;
	va_start(args, format);
	(void)vsnprintf(buf->data + buf->len, (size_t)len + 1, format, args);
	va_end(args);
	buf->len += (size_t)len;
}

char *
buf_steal(struct buf *buf)
{
	char *data;

	if (buf_reserve(buf, 0) < 0) {
		buf_fini(buf);
		return NULL;
	}
	data = buf->data;
	*buf = (struct buf){ 0 };
	return data;
}
