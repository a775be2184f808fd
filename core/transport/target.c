/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * The texts of a handshake: request target, subprotocol list, Basic credentials. Everything here is
 * a pure function of what a peer sent; nothing is decoded twice (libwebsockets decoded the target).
 */
#include "transport/target.h"

#include <ocppd/error.h>

#include "base/text.h"

#include <string.h>

bool
identity_valid(const char *id)
{
	size_t len = strlen(id);

	if (len == 0 || len >= TARGET_ID_SIZE || !utf8_valid(id, len))
		return false;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)id[i];

		if (c < 0x20 || c == 0x7f || c == '/')
			return false;
		/* C1 controls, U+0080 to U+009F, take two bytes. */
		if (c == 0xc2 && (unsigned char)id[i + 1] < 0xa0)
			return false;
	}

	return utf8_count(id) <= OCPPD_STATION_ID_MAX;
}

void
identity_normalise(const char *id, char *dst)
{
	do
		*dst++ = *id == '+' ? ' ' : *id;
	while (*id++);
}

bool
identity_has_plus(const char *id)
{
	return strchr(id, '+') != NULL;
}

bool
target_path_valid(const char *path)
{
	if (path[0] != '/')
		return false;

	for (const char *p = path; *p; p++) {
		if ((unsigned char)*p <= 0x20 || *p == 0x7f || *p == '?' || *p == '#' ||
		    *p == '+' || *p == '%')
			return false;
	}

	return true;
}

int
target_identity(const char *uri, const char *path, char *ret_id, size_t size)
{
	size_t prefix = strlen(path);

	while (prefix > 0 && path[prefix - 1] == '/')
		prefix--;
	if (strncmp(uri, path, prefix) != 0 || uri[prefix] != '/')
		return OCPPD_ENOENT;

	const char *rest = uri + prefix;
	size_t end = strlen(rest);

	while (end > 0 && rest[end - 1] == '/')
		end--;
	size_t begin = end;
	while (begin > 0 && rest[begin - 1] != '/')
		begin--;
	if (begin == end)
		return OCPPD_ENOENT;
	if (end - begin >= size)
		return OCPPD_EINVAL;

	char id[TARGET_ID_SIZE];

	if (end - begin >= sizeof(id))
		return OCPPD_EINVAL;
	memcpy(id, rest + begin, end - begin);
	id[end - begin] = '\0';
	if (!identity_valid(id))
		return OCPPD_EINVAL;

	memcpy(ret_id, id, end - begin + 1);
	return 0;
}

bool
target_hides_slash(const char *path, size_t len)
{
	for (size_t i = 0; i + 2 < len; i++) {
		if (path[i] == '%' && path[i + 1] == '2' && (path[i + 2] | 0x20) == 'f')
			return true;
	}

	return false;
}

/* The next element of a comma-separated list, blanks trimmed; NULL at its end. */
static const char *
list_next(const char **at, size_t *ret_len)
{
	const char *p = *at;

	while (*p == ',' || *p == ' ' || *p == '\t')
		p++;
	if (!*p)
		return NULL;

	size_t len = strcspn(p, ",");

	*at = p + len;
	while (len > 0 && (p[len - 1] == ' ' || p[len - 1] == '\t'))
		len--;
	*ret_len = len;
	return p;
}

static bool
token_eq(const char *token, size_t len, const char *name)
{
	return strlen(name) == len && memcmp(token, name, len) == 0;
}

static bool
is_pinned(const char *name, const char *const *pinned, uint32_t pinned_count)
{
	if (pinned_count == 0)
		return true;
	for (uint32_t i = 0; i < pinned_count; i++) {
		if (str_eq(pinned[i], name))
			return true;
	}

	return false;
}

const char *
target_negotiate(const char *offered, const char *const *served, const char *const *pinned,
		 uint32_t pinned_count)
{
	const char *token;
	size_t len;

	while ((token = list_next(&offered, &len)) != NULL) {
		for (uint32_t i = 0; served[i]; i++) {
			if (token_eq(token, len, served[i]) &&
			    is_pinned(served[i], pinned, pinned_count))
				return served[i];
		}
	}

	return NULL;
}

static int
base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

/* Missing padding is tolerated, anything else that is not base64 is not. */
static int
base64_decode(const char *text, size_t len, char *ret_data, size_t size, size_t *ret_len)
{
	uint32_t bits = 0;
	uint32_t count = 0;
	size_t n = 0;

	for (uint32_t pad = 0; pad < 2 && len > 0 && text[len - 1] == '='; pad++)
		len--;
	if (len % 4 == 1)
		return OCPPD_EINVAL;

	for (size_t i = 0; i < len; i++) {
		int digit = base64_digit(text[i]);

		if (digit < 0)
			return OCPPD_EINVAL;
		bits = (bits << 6 | (uint32_t)digit) & 0xffffffu;
		count += 6;
		if (count < 8)
			continue;
		count -= 8;
		if (n == size)
			return OCPPD_EINVAL;
		ret_data[n++] = (char)(bits >> count & 0xffu);
	}

	*ret_len = n;
	return 0;
}

int
basic_parse(const char *header, struct basic *ret_basic)
{
	static const char scheme[] = "basic";
	size_t len;

	for (size_t i = 0; i < sizeof(scheme) - 1; i++) {
		if (ascii_lower(header[i]) != scheme[i])
			return OCPPD_EINVAL;
	}

	const char *text = header + sizeof(scheme) - 1;

	if (*text != ' ')
		return OCPPD_EINVAL;
	while (*text == ' ')
		text++;

	size_t text_len = strlen(text);

	while (text_len > 0 && (text[text_len - 1] == ' ' || text[text_len - 1] == '\t'))
		text_len--;
	if (base64_decode(text, text_len, ret_basic->data, sizeof(ret_basic->data), &len) < 0)
		return OCPPD_EINVAL;

	/* Only the first colon divides: a password may hold others, and NUL (A09). */
	char *colon = memchr(ret_basic->data, ':', len);

	if (!colon)
		return OCPPD_EINVAL;
	*colon = '\0';
	if (strlen(ret_basic->data) != (size_t)(colon - ret_basic->data))
		return OCPPD_EINVAL;

	ret_basic->user = ret_basic->data;
	ret_basic->password = (const uint8_t *)colon + 1;
	ret_basic->password_len = len - (size_t)(colon + 1 - ret_basic->data);
	return 0;
}

bool
header_list_has(const char *list, const char *token)
{
	const char *item;
	size_t len;
	size_t token_len = strlen(token);

	while ((item = list_next(&list, &len)) != NULL) {
		size_t i = 0;

		while (i < len && i < token_len && ascii_lower(item[i]) == ascii_lower(token[i]))
			i++;
		if (i == len && len == token_len)
			return true;
	}

	return false;
}
