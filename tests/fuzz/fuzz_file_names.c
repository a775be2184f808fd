/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * What peers of file_hosting say. Lines of an input: path, Content-Disposition, Range. Names that
 * come out are safe on any disk, tokens are tokens, ranges lie inside of the file.
 */
#include "fuzz.h"

#include "../../plugins/file_hosting/names.h"
#include "../../plugins/file_hosting/range.h"
#include "base/text.h"

#define SIZE 1000

static void
check_name(const char *name)
{
	size_t len = strlen(name);

	OCPPD_ASSERT(len <= OCPPD_FILE_NAME_MAX && name[0] != '.');
	OCPPD_ASSERT(
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
		len);
	OCPPD_ASSERT(len == 0 || name_is_clean(name));
}

static void
check_path(const char *path)
{
	char name[NAME_SIZE];
	char token[TOKEN_SIZE];
	char way = 0;

	if (!path_parse(path, "/files", &way, token, name))
		return;
	OCPPD_ASSERT(way == 'f' || way == 'u');
	OCPPD_ASSERT(strspn(token, "0123456789abcdef") == TOKEN_LEN && token[TOKEN_LEN] == '\0');
	check_name(name);
}

static void
check_range(const char *header)
{
	struct spans spans = { 0 };
	struct spans read;
	int64_t from = 0;
	int64_t to = 0;

	if (range_parse(header, SIZE, &from, &to) == RANGE_PART) {
		OCPPD_ASSERT(from >= 0 && from <= to && to < SIZE);
		spans_add(&spans, from, to + 1);
		OCPPD_ASSERT(spans_total(&spans) == to - from + 1);
	}
	spans_read(header, strlen(header), &read);
	OCPPD_ASSERT(read.count <= SPANS_MAX);
	for (uint32_t i = 0; i < read.count; i++) {
		OCPPD_ASSERT(read.items[i].from < read.items[i].to);
		OCPPD_ASSERT(i == 0 || read.items[i - 1].to < read.items[i].from);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *path = fuzz_text(data, size);
	char *disposition = fuzz_cut(path);
	char *range = fuzz_cut(disposition);
	char name[NAME_SIZE];

	check_path(path);
	name_clean(path, strlen(path), name);
	check_name(name);
	name_of_disposition(disposition, name);
	check_name(name);
	(void)base_is_valid(path);
	check_range(range);
	free(path);
	return 0;
}
