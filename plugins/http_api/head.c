/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Request heads. Refuses whatever two readers could understand differently (bare line feeds, folded
 * lines, blanks before colons, two lengths), because a proxy before us may read it its own way.
 * Never looks beyond the head.
 */
#include "head.h"

#include <string.h>
#include <strings.h>

static bool
is_token_char(unsigned char c)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
		return true;

	return c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static bool
is_token(const char *text)
{
	const char *at = text;

	while (*at != '\0' && is_token_char((unsigned char)*at))
		at++;

	return at != text && *at == '\0';
}

/* Ends the line at its CRLF and returns the next one; NULL if the line holds a stray CR, LF or a
 * control character. */
static char *
line_cut(char *line, const char *end)
{
	char *at;

	for (at = line; at < end; at++) {
		if (*at == '\r')
			break;
		if (((unsigned char)*at < 0x20 && *at != '\t') || *at == 0x7f)
			return NULL;
	}
	if (end - at < 2 || at[1] != '\n')
		return NULL;

	*at = '\0';
	return at + 2;
}

/* absolute-form: the path begins behind the authority */
static char *
target_path(char *target)
{
	char *at;

	if (target[0] == '/')
		return target;
	if (strncasecmp(target, "http://", 7) == 0)
		at = target + 7;
	else if (strncasecmp(target, "https://", 8) == 0)
		at = target + 8;
	else
		return NULL;

	return strchr(at, '/');
}

static uint32_t
parse_request_line(char *line, struct head *head, const char **ret_why)
{
	char *target = strchr(line, ' ');
	char *version;
	char *at;

	*ret_why = "the request line is not METHOD TARGET HTTP/1.1";
	if (target == NULL)
		return 400;
	*target++ = '\0';
	version = strchr(target, ' ');
	if (version == NULL)
		return 400;
	*version++ = '\0';
	if (!is_token(line) || strncmp(version, "HTTP/", 5) != 0)
		return 400;
	if (strcmp(version, "HTTP/1.1") != 0 && strcmp(version, "HTTP/1.0") != 0) {
		*ret_why = "only HTTP/1.1 and HTTP/1.0 are spoken here";
		return 505;
	}

	for (at = target; *at != '\0'; at++) {
		if ((unsigned char)*at <= 0x20 || (unsigned char)*at >= 0x7f)
			return 400;
	}
	head->method = line;
	head->minor = (uint32_t)(version[7] - '0');
	head->path = target_path(target);
	if (head->path == NULL) {
		*ret_why = "the request target is not a path";
		return 400;
	}
	head->path[strcspn(head->path, "#")] = '\0';
	head->query = strchr(head->path, '?');
	if (head->query != NULL)
		*head->query++ = '\0';
	return 0;
}

static uint32_t
parse_field(char *line, struct head *head, const char **ret_why)
{
	char *colon = strchr(line, ':');
	char *value;
	size_t len;

	if (colon == NULL) {
		*ret_why = "a header line has no colon";
		return 400;
	}
	*colon = '\0';
	if (!is_token(line)) {
		*ret_why = "a header name is malformed";
		return 400;
	}
	if (head->field_count == HEAD_FIELDS_MAX) {
		*ret_why = "too many header lines";
		return 431;
	}

	value = colon + 1;
	value += strspn(value, " \t");
	len = strlen(value);
	while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
		value[--len] = '\0';
	head->fields[head->field_count].name = line;
	head->fields[head->field_count].value = value;
	head->field_count++;
	return 0;
}

static uint32_t
count_of(const struct head *head, const char *name)
{
	uint32_t count = 0;
	uint32_t i;

	for (i = 0; i < head->field_count; i++) {
		if (strcasecmp(head->fields[i].name, name) == 0)
			count++;
	}
	return count;
}

const char *
head_get(const struct head *head, const char *name)
{
	uint32_t i;

	for (i = 0; i < head->field_count; i++) {
		if (strcasecmp(head->fields[i].name, name) == 0)
			return head->fields[i].value;
	}
	return NULL;
}

static uint32_t
parse_length(struct head *head, const char **ret_why)
{
	const char *text = head_get(head, "Content-Length");
	int64_t length = 0;
	const char *at;

	if (head_get(head, "Transfer-Encoding") != NULL) {
		*ret_why = "send the body with Content-Length, not with Transfer-Encoding";
		return text == NULL && head->minor == 1 ? 411 : 400;
	}
	if (text == NULL)
		return 0;
	if (count_of(head, "Content-Length") > 1) {
		*ret_why = "there are two Content-Length headers";
		return 400;
	}
	for (at = text; *at >= '0' && *at <= '9' && at - text < 18; at++)
		length = length * 10 + (*at - '0');
	if (at == text || *at != '\0') {
		*ret_why = "Content-Length is not a number";
		return 400;
	}
	head->content_length = length;
	return 0;
}

/* Whether a comma-separated list names the word. */
static bool
list_has(const char *list, const char *word)
{
	size_t word_len = strlen(word);

	while (list != NULL && *list != '\0') {
		size_t len;

		list += strspn(list, " \t,");
		len = strcspn(list, " \t,");
		if (len == word_len && strncasecmp(list, word, len) == 0)
			return true;
		list += len;
	}
	return false;
}

static uint32_t
parse_meaning(struct head *head, const char **ret_why)
{
	const char *expect = head_get(head, "Expect");
	uint32_t hosts = count_of(head, "Host");

	if (hosts > 1 || (hosts == 0 && head->minor == 1)) {
		*ret_why = hosts == 0 ? "the Host header is missing" : "there are two Host headers";
		return 400;
	}
	if (count_of(head, "Authorization") > 1) {
		*ret_why = "there are two Authorization headers";
		return 400;
	}
	if (expect != NULL && head->minor == 1) {
		if (strcasecmp(expect, "100-continue") != 0) {
			*ret_why = "the only expectation known is 100-continue";
			return 417;
		}
		head->expects_continue = true;
	}
	head->is_keep_alive = head->minor == 1 && !list_has(head_get(head, "Connection"), "close");
	return parse_length(head, ret_why);
}

uint32_t
head_parse(char *text, size_t len, struct head *ret_head, const char **ret_why)
{
	const char *end = text + len;
	char *line = text;
	char *next;
	uint32_t status;

	memset(ret_head, 0, sizeof(*ret_head));
	next = line_cut(line, end);
	if (next == NULL) {
		*ret_why = "the request line holds control characters";
		return 400;
	}
	status = parse_request_line(line, ret_head, ret_why);
	if (status != 0)
		return status;

	for (line = next; line < end; line = next) {
		next = line_cut(line, end);
		if (next == NULL) {
			*ret_why = "a header line holds control characters";
			return 400;
		}
		if (*line == '\0')
			break; /* the empty line that ends the head */
		status = parse_field(line, ret_head, ret_why);
		if (status != 0)
			return status;
	}
	return parse_meaning(ret_head, ret_why);
}
