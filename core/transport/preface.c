/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * The PROXY protocol as its specification has it (version 1: one line of text; version 2: a
 * signature, a length and binary addresses, with an optional list of extensions). Strict: a header
 * that is not well formed cannot be told from a client's bytes.
 */
#include "transport/preface.h"

#include <ocppd/error.h>

#include "base/text.h"

#include <arpa/inet.h>
#include <string.h>

#define LINE_MAX_BYTES 107 /* CR and LF included */
#define SIGNATURE_BYTES 12
#define FIXED_BYTES 16 /* signature, version and command, family, length */
#define COMMAND_LOCAL 0x20
#define COMMAND_PROXY 0x21
#define STREAM_IPV4 0x11
#define STREAM_IPV6 0x21
#define IPV4_BYTES 12 /* two addresses, two ports */
#define IPV6_BYTES 36
#define EXTENSION_BYTES 3 /* type and length */
#define EXTENSION_SSL 0x20
#define SSL_BYTES 5        /* flags, and what came of the verification */
#define SSL_FLAG_TLS 0x01u /* the client came by TLS */
#define LINE_FIELDS 6

static const uint8_t signature[SIGNATURE_BYTES] = { '\r', '\n', '\r', '\n', 0,   '\r',
						    '\n', 'Q',  'U',  'I',  'T', '\n' };
static const char line_start[] = "PROXY ";

static int
refuse(const char **ret_why, const char *why)
{
	*ret_why = why;
	return OCPPD_EINVAL;
}

/* ---- Version 1 --------------------------------------------------------------------------- */

static int
port_parse(const char *text, in_port_t *ret_port)
{
	int64_t port;

	/* Digits as they are written shortest. */
	if (text[0] < '0' || text[0] > '9' || (text[0] == '0' && text[1] != '\0') ||
	    parse_i64(text, 0, UINT16_MAX, &port) < 0)
		return OCPPD_EINVAL;
	*ret_port = htons((uint16_t)port);
	return 0;
}

/* Cuts the line at its single blanks. Returns the number of fields, LINE_FIELDS + 1 for more. */
static size_t
split(char *line, char *ret_fields[LINE_FIELDS])
{
	size_t count = 0;
	char *at = line;

	while (at) {
		if (count == LINE_FIELDS)
			return LINE_FIELDS + 1;
		ret_fields[count++] = at;
		at = strchr(at, ' ');
		if (at)
			*at++ = '\0';
	}
	return count;
}

static int
read_fields(char *fields[LINE_FIELDS], struct preface *preface)
{
	int family = str_eq(fields[1], "TCP4") ? AF_INET : AF_INET6;
	uint8_t ours[sizeof(struct in6_addr)];
	in_port_t port;
	in_port_t our_port;
	void *address = family == AF_INET ? (void *)&preface->client.in.sin_addr
					  : (void *)&preface->client.in6.sin6_addr;

	if ((family == AF_INET6 && !str_eq(fields[1], "TCP6")) ||
	    inet_pton(family, fields[2], address) != 1 || inet_pton(family, fields[3], ours) != 1 ||
	    port_parse(fields[4], &port) < 0 || port_parse(fields[5], &our_port) < 0)
		return OCPPD_EINVAL;
	preface->client.any.sa_family = (sa_family_t)family;
	if (family == AF_INET)
		preface->client.in.sin_port = port;
	else
		preface->client.in6.sin6_port = port;
	preface->has_client = true;
	return 0;
}

static int
parse_line(const uint8_t *data, size_t len, struct preface *ret_preface, const char **ret_why)
{
	size_t most = len < LINE_MAX_BYTES ? len : LINE_MAX_BYTES;
	const uint8_t *end = memchr(data, '\n', most);
	struct preface preface = { .has_client = false };
	char line[LINE_MAX_BYTES];
	char *fields[LINE_FIELDS];
	size_t line_len;

	if (!end && len < LINE_MAX_BYTES)
		return 0;
	if (!end)
		return refuse(ret_why, "a PROXY line that is too long");
	line_len = (size_t)(end - data);
	if (data[line_len - 1] != '\r' || memchr(data, '\0', line_len))
		return refuse(ret_why, "a PROXY line that does not end in CR and LF");
	memcpy(line, data, line_len - 1);
	line[line_len - 1] = '\0';
	/* Whatever stands behind it then is ignored. */
	if (strncmp(line, "PROXY UNKNOWN", 13) != 0 || (line[13] != '\0' && line[13] != ' ')) {
		if (split(line, fields) != LINE_FIELDS || read_fields(fields, &preface) < 0)
			return refuse(ret_why, "a PROXY line without valid addresses and ports");
	}
	*ret_preface = preface;
	return (int)line_len + 1;
}

/* ---- Version 2 --------------------------------------------------------------------------- */

static size_t
length_at(const uint8_t *bytes)
{
	return (size_t)bytes[0] << 8 | bytes[1];
}

/* Returns 0, or OCPPD_EINVAL: an extension is longer than what is left. */
static int
read_extensions(const uint8_t *at, size_t len, struct preface *preface)
{
	while (len > 0) {
		size_t own = len < EXTENSION_BYTES ? SIZE_MAX : length_at(at + 1);

		if (own > len - EXTENSION_BYTES || len < EXTENSION_BYTES)
			return OCPPD_EINVAL;
		if (at[0] == EXTENSION_SSL && own < SSL_BYTES)
			return OCPPD_EINVAL;
		if (at[0] == EXTENSION_SSL)
			preface->is_secure = (at[EXTENSION_BYTES] & SSL_FLAG_TLS) != 0;
		at += EXTENSION_BYTES + own;
		len -= EXTENSION_BYTES + own;
	}
	return 0;
}

/* Returns how many bytes the addresses take, or OCPPD_EINVAL. */
static int
read_addresses(const uint8_t *data, size_t len, struct preface *preface)
{
	const uint8_t *at = data + FIXED_BYTES;

	if (data[13] == STREAM_IPV4 && len >= IPV4_BYTES) {
		preface->client.in.sin_family = AF_INET;
		memcpy(&preface->client.in.sin_addr, at, 4);
		memcpy(&preface->client.in.sin_port, at + 8, 2);
		preface->has_client = true;
		return IPV4_BYTES;
	}
	if (data[13] == STREAM_IPV6 && len >= IPV6_BYTES) {
		preface->client.in6.sin6_family = AF_INET6;
		memcpy(&preface->client.in6.sin6_addr, at, 16);
		memcpy(&preface->client.in6.sin6_port, at + 32, 2);
		preface->has_client = true;
		return IPV6_BYTES;
	}
	return OCPPD_EINVAL;
}

static int
parse_binary(const uint8_t *data, size_t len, struct preface *ret_preface, const char **ret_why)
{
	struct preface preface = { .has_client = false };
	size_t rest;
	int addresses;

	if (len < FIXED_BYTES)
		return 0;
	if (data[12] != COMMAND_LOCAL && data[12] != COMMAND_PROXY)
		return refuse(ret_why, "a PROXY header of an unknown version or command");
	rest = length_at(data + 14);
	if (rest > PREFACE_MAX - FIXED_BYTES)
		return refuse(ret_why, "a PROXY header of more than 1024 bytes");
	if (len < FIXED_BYTES + rest)
		return 0;
	/* Of its own connection, and of what is neither TCP over IPv4 nor IPv6, nothing is told. */
	if (data[12] == COMMAND_PROXY && (data[13] & 0xf0) != 0 && (data[13] & 0xf0) != 0x30) {
		addresses = read_addresses(data, rest, &preface);
		if (addresses < 0 || read_extensions(data + FIXED_BYTES + addresses,
						     rest - (size_t)addresses, &preface) < 0)
			return refuse(ret_why, "a PROXY header without valid addresses");
	}
	*ret_preface = preface;
	return (int)(FIXED_BYTES + rest);
}

int
preface_parse(const uint8_t *data, size_t len, struct preface *ret_preface, const char **ret_why)
{
	size_t start = len < sizeof(line_start) - 1 ? len : sizeof(line_start) - 1;
	size_t binary = len < SIGNATURE_BYTES ? len : SIGNATURE_BYTES;

	if (len == 0)
		return 0;
	if (memcmp(data, signature, binary) == 0)
		return parse_binary(data, len, ret_preface, ret_why);
	if (memcmp(data, line_start, start) == 0)
		return len < sizeof(line_start) - 1 ? 0
						    : parse_line(data, len, ret_preface, ret_why);
	return refuse(ret_why, "no PROXY header, which this listener expects of its proxies");
}
