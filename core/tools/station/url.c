/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The endpoint's URL and the patterns that identities are made of. Pure text: opens nothing,
 * resolves nothing.
 */
#include "url.h"

#include "base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static int
parse_port(const char *text, size_t len, uint16_t *ret_port)
{
	char digits[8];
	int64_t port;

	if (len == 0 || len >= sizeof(digits))
		return OCPPD_EINVAL;
	memcpy(digits, text, len);
	digits[len] = '\0';
	if (strspn(digits, "0123456789") != len)
		return OCPPD_EINVAL;
	if (parse_i64(digits, 1, 65535, &port) < 0)
		return OCPPD_EINVAL;
	*ret_port = (uint16_t)port;
	return 0;
}

/* Splits host[:port] and [v6]:port; the text goes to the host, the rest to ret_port. */
static int
parse_authority(const char *text, size_t len, struct url *url, struct ocppd_error *err)
{
	const char *host = text;
	const char *colon;
	const char *end = text + len;
	size_t host_len;

	if (memchr(text, '@', len))
		return ocppd_error_set(err, OCPPD_EINVAL,
				       "credentials do not belong into the URL, use --password");
	if (len > 0 && text[0] == '[') {
		const char *close = memchr(text, ']', len);

		if (!close)
			return ocppd_error_set(err, OCPPD_EINVAL, "the address lacks its ]");
		host = text + 1;
		host_len = (size_t)(close - host);
		colon = close + 1 < end ? close + 1 : NULL;
		if (colon && *colon != ':')
			return ocppd_error_set(err, OCPPD_EINVAL, "after ] comes : and a port");
	} else {
		colon = memchr(text, ':', len);
		host_len = colon ? (size_t)(colon - text) : len;
	}
	if (host_len == 0 || host_len >= sizeof(url->host))
		return ocppd_error_set(err, OCPPD_EINVAL, "a host is missing or too long");
	memcpy(url->host, host, host_len);
	url->host[host_len] = '\0';
	if (colon && parse_port(colon + 1, (size_t)(end - colon - 1), &url->port) < 0)
		return ocppd_error_set(err, OCPPD_EINVAL, "a port is a number from 1 to 65535");
	return 0;
}

int
url_parse(const char *text, struct url *ret_url, struct ocppd_error *err)
{
	struct url url = { .port = 80 };
	size_t len;
	int r;

	if (strncmp(text, "wss://", 6) == 0) {
		url.is_tls = true;
		url.port = 443;
		text += 6;
	} else if (strncmp(text, "ws://", 5) == 0) {
		text += 5;
	} else {
		return ocppd_error_set(err, OCPPD_EINVAL,
				       "a URL begins with ws:// or wss://, such as "
				       "ws://127.0.0.1:8180/ocpp");
	}
	for (const char *p = text; *p; p++) {
		if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 127)
			return ocppd_error_set(err, OCPPD_EINVAL,
					       "a URL has no blanks and only ASCII characters");
	}
	if (strpbrk(text, "?#"))
		return ocppd_error_set(err, OCPPD_EINVAL, "the URL has no query and no fragment");
	len = strcspn(text, "/");
	r = parse_authority(text, len, &url, err);
	if (r < 0)
		return r;
	text += len;
	len = strlen(text);
	while (len > 0 && text[len - 1] == '/')
		len--;
	if (len >= sizeof(url.path))
		return ocppd_error_set(err, OCPPD_EINVAL, "the URL's path is too long");
	memcpy(url.path, text, len);
	url.path[len] = '\0';
	*ret_url = url;
	return 0;
}

int
url_station_path(const struct url *url, const char *identity, char *ret_path, size_t size)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t len = strlen(url->path);

	if (len + 2 > size)
		return OCPPD_ESPACE;
	memcpy(ret_path, url->path, len);
	ret_path[len++] = '/';
	for (const unsigned char *p = (const unsigned char *)identity; *p; p++) {
		if (len + 4 > size)
			return OCPPD_ESPACE;
		if (isalnum(*p) || strchr("-._~", *p)) {
			ret_path[len++] = (char)*p;
			continue;
		}
		ret_path[len++] = '%';
		ret_path[len++] = hex[*p >> 4];
		ret_path[len++] = hex[*p & 15];
	}
	ret_path[len] = '\0';
	return 0;
}

/* Reads %d, %4d or %04d at *pattern, moves behind it. */
static int
parse_number(const char **pattern, bool *ret_is_zero, int *ret_width)
{
	const char *p = *pattern + 1;
	int width = 0;

	*ret_is_zero = *p == '0';
	while (*p >= '0' && *p <= '9') {
		width = width * 10 + (*p++ - '0');
		if (width > 10)
			return OCPPD_EINVAL;
	}
	if (*p != 'd' && *p != 'u')
		return OCPPD_EINVAL;
	*pattern = p;
	*ret_width = width;
	return 0;
}

int
pattern_format(const char *pattern, uint32_t number, char *ret_text, size_t size)
{
	bool has_number = false;
	bool is_zero;
	char digits[16];
	size_t len = 0;
	int width;

	for (const char *p = pattern; *p; p++) {
		int count = 1;

		digits[0] = *p;
		if (p[0] == '%' && p[1] == '%') {
			p++;
		} else if (*p == '%') {
			if (has_number || parse_number(&p, &is_zero, &width) < 0)
				return OCPPD_EINVAL;
			has_number = true;
			count = snprintf(digits, sizeof(digits), is_zero ? "%0*u" : "%*u", width,
					 number);
		}
		if (len + (size_t)count + 1 > size)
			return OCPPD_ESPACE;
		memcpy(ret_text + len, digits, (size_t)count);
		len += (size_t)count;
	}
	if (size == 0)
		return OCPPD_ESPACE;
	ret_text[len] = '\0';
	return 0;
}

bool
pattern_has_number(const char *pattern)
{
	for (const char *p = pattern; *p; p++) {
		if (*p != '%')
			continue;
		if (p[1] != '%')
			return true;
		p++;
	}
	return false;
}
