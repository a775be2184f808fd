/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Names of files, tokens and paths, as they come from peers that may lie. No state, no files.
 */
#include "names.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#define EXTENSION_MAX 16 /* bytes that a cut leaves, its dot included */

static bool
is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '_' || c == '-';
}

void
name_clean(const char *text, size_t len, char ret_name[NAME_SIZE])
{
	size_t from = 0;
	size_t extension = 0;
	size_t kept = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '/' || text[i] == '\\')
			from = i + 1;
	}
	while (from < len && text[from] == '.')
		from++;
	for (size_t i = len; i > from && len - i < EXTENSION_MAX && extension == 0; i--) {
		if (text[i - 1] == '.')
			extension = len - i + 1;
	}
	if (len - from <= OCPPD_FILE_NAME_MAX)
		extension = 0;
	for (size_t i = from; i < len && kept < OCPPD_FILE_NAME_MAX - extension; i++)
		ret_name[kept++] = is_plain(text[i]) ? text[i] : '_';
	for (size_t i = len - extension; i < len && extension > 0; i++)
		ret_name[kept++] = is_plain(text[i]) ? text[i] : '_';
	ret_name[kept] = '\0';
}

bool
name_is_clean(const char *text)
{
	char name[NAME_SIZE];

	name_clean(text, strlen(text), name);
	return text[0] != '\0' && strcmp(name, text) == 0;
}

/* Where the value of filename= begins, or NULL: `; filename=` and not inside of another word. */
static const char *
find_filename(const char *header)
{
	static const char word[] = "filename=";
	bool is_quoted = false;

	for (const char *at = header; *at != '\0'; at++) {
		if (*at == '"')
			is_quoted = !is_quoted;
		if (is_quoted || strncasecmp(at, word, sizeof(word) - 1) != 0)
			continue;
		if (at == header || at[-1] == ';' || at[-1] == ' ' || at[-1] == '\t')
			return at + sizeof(word) - 1;
	}
	return NULL;
}

void
name_of_disposition(const char *header, char ret_name[NAME_SIZE])
{
	const char *at = header == NULL ? NULL : find_filename(header);
	char text[256];
	size_t len = 0;
	bool is_quoted;

	ret_name[0] = '\0';
	if (at == NULL)
		return;
	is_quoted = *at == '"';
	at += is_quoted;
	/* A backslash is left in: browsers and stations send Windows paths, not escapes. */
	while (*at != '\0' && len < sizeof(text) &&
	       (is_quoted ? *at != '"' : *at != ';' && *at != ' '))
		text[len++] = *at++;
	name_clean(text, len, ret_name);
}

int
token_make(char ret_token[TOKEN_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char bytes[TOKEN_LEN / 2];

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return OCPPD_EIO;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		ret_token[2 * i] = digits[bytes[i] >> 4];
		ret_token[2 * i + 1] = digits[bytes[i] & 15];
	}
	ret_token[TOKEN_LEN] = '\0';
	return 0;
}

bool
token_is_equal(const char *a, const char *b)
{
	return CRYPTO_memcmp(a, b, TOKEN_LEN) == 0;
}

bool
path_parse(const char *path, const char *prefix, char *ret_way, char ret_token[TOKEN_SIZE],
	   char ret_name[NAME_SIZE])
{
	size_t len = strlen(prefix);

	/* A proxy in front may have taken the prefix away. */
	if (len > 0 && strncmp(path, prefix, len) == 0 && path[len] == '/')
		path += len;
	if (path[0] != '/' || (path[1] != 'f' && path[1] != 'u') || path[2] != '/')
		return false;
	*ret_way = path[1];
	path += 3;
	if (strspn(path, "0123456789abcdef") < TOKEN_LEN)
		return false;
	memcpy(ret_token, path, TOKEN_LEN);
	ret_token[TOKEN_LEN] = '\0';
	path += TOKEN_LEN;
	name_clean(path, strlen(path), ret_name);
	/* Stations that take the location for a folder join a name to it in their own ways. */
	return *ret_way == 'u' || path[0] == '/' || path[0] == '\0';
}

bool
base_is_valid(const char *url)
{
	size_t len = strlen(url);
	size_t at;

	if (len > BASE_MAX)
		return false;
	at = strncmp(url, "http://", 7) == 0 ? 7 : strncmp(url, "https://", 8) == 0 ? 8 : 0;
	if (at == 0 || url[at] == '\0' || url[at] == '/')
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)url[i];

		if (c <= ' ' || c > '~' || strchr("?#\"<>\\^`{|}%", c) != NULL)
			return false;
	}
	return true;
}

const char *
base_path(const char *url, size_t *ret_len)
{
	const char *host = strstr(url, "://");
	const char *path = host == NULL ? url + strlen(url) : host + 3 + strcspn(host + 3, "/");
	size_t len = strlen(path);

	while (len > 0 && path[len - 1] == '/')
		len--;
	*ret_len = len;
	return path;
}
