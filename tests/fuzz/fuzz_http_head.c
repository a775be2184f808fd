/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * HTTP heads: refused with a status and a sentence, or read into parts that all lie inside the
 * input, hold no control character, and read the same when written in the plainest form.
 */
#include "fuzz.h"

#include <stdio.h>
#include <strings.h>

#include "../../plugins/http_api/head.h"
#include "base/buf.h"
#include "base/text.h"

/* Inside the input and without what could divide a message elsewhere. */
static void
check_part(const char *part, const char *text, size_t size)
{
	OCPPD_ASSERT(part >= text && part + strlen(part) <= text + size);
	for (; *part != '\0'; part++)
		OCPPD_ASSERT(((unsigned char)*part >= 0x20 || *part == '\t') && *part != 0x7f);
}

static void
check_parts(const struct head *head, const char *text, size_t size)
{
	check_part(head->method, text, size);
	check_part(head->path, text, size);
	OCPPD_ASSERT(head->path[0] == '/' && strpbrk(head->path, "?# ") == NULL);
	if (head->query != NULL)
		check_part(head->query, text, size);
	OCPPD_ASSERT(head->field_count <= HEAD_FIELDS_MAX && head->minor <= 1);
	OCPPD_ASSERT(head->content_length >= 0);
	OCPPD_ASSERT(head_get(head, "Transfer-Encoding") == NULL);
	OCPPD_ASSERT(head->minor == 0 || head_get(head, "Host") != NULL);
	for (uint32_t i = 0; i < head->field_count; i++) {
		check_part(head->fields[i].name, text, size);
		check_part(head->fields[i].value, text, size);
		OCPPD_ASSERT(head_get(head, head->fields[i].name) != NULL);
	}
}

static void
check_again(const struct head *head)
{
	struct buf buf = { 0 };
	struct head again;
	const char *why = NULL;

	buf_printf(&buf, "%s %s%s%s HTTP/1.%u\r\n", head->method, head->path,
		   head->query != NULL ? "?" : "", head->query != NULL ? head->query : "",
		   head->minor);
	for (uint32_t i = 0; i < head->field_count; i++)
		buf_printf(&buf, "%s: %s\r\n", head->fields[i].name, head->fields[i].value);
	buf_add_str(&buf, "\r\n");
	OCPPD_ASSERT(head_parse(buf.data, buf.len, &again, &why) == 0);
	OCPPD_ASSERT(str_eq(again.method, head->method) && str_eq(again.path, head->path));
	OCPPD_ASSERT(str_eq(again.query, head->query));
	OCPPD_ASSERT(again.field_count == head->field_count);
	OCPPD_ASSERT(again.content_length == head->content_length);
	OCPPD_ASSERT(again.is_keep_alive == head->is_keep_alive);
	for (uint32_t i = 0; i < head->field_count; i++)
		OCPPD_ASSERT(str_eq(again.fields[i].value, head->fields[i].value));
	buf_fini(&buf);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct head head;
	const char *why = NULL;
	const uint8_t *end = memmem(data, size, "\r\n\r\n", 4);
	size_t len = end != NULL ? (size_t)(end - data) + 4 : 0;
	uint32_t status;
	char *text;

	if (len == 0)
		return 0;
	text = fuzz_text(data, len);
	status = head_parse(text, len, &head, &why);
	if (status != 0) {
		OCPPD_ASSERT(status >= 400 && status <= 599);
		OCPPD_ASSERT(why != NULL && *why != '\0');
	} else {
		check_parts(&head, text, len);
		check_again(&head);
	}
	free(text);
	return 0;
}
