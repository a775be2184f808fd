/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Timestamps: a text that is read and written reads as the same millisecond; any number that can be
 * written reads as itself. The first two bytes are the offset of texts without zone.
 */
#include "fuzz.h"

#include <ocppd/time.h>

#define OFFSET_MAX_S (24 * 3600 - 60)

static int64_t
floor_ms(int64_t time_us)
{
	int64_t rest = time_us % 1000;

	return time_us - (rest < 0 ? rest + 1000 : rest);
}

static void
check_written(int64_t time_us)
{
	char text[OCPPD_TIME_SIZE];
	uint32_t flags = 1;
	int64_t again_us = 0;
	int len = ocppd_time_format(time_us, text);

	OCPPD_ASSERT(len == 24 || len == OCPPD_ERANGE);
	OCPPD_ASSERT(strlen(text) == (len < 0 ? 0 : (size_t)len));
	if (len < 0)
		return;
	OCPPD_ASSERT(ocppd_time_parse(text, 3600, &again_us, &flags) == 0);
	OCPPD_ASSERT(flags == 0);
	OCPPD_ASSERT(again_us == floor_ms(time_us));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int32_t offset_s = 0;
	uint32_t flags = 0;
	int64_t time_us = -1;
	char *text;
	int r;

	if (size >= sizeof(time_us)) {
		memcpy(&time_us, data, sizeof(time_us));
		check_written(time_us);
	}
	if (size < 2)
		return 0;
	offset_s = (data[0] * 256 + data[1]) * 60 % OFFSET_MAX_S;
	text = fuzz_text(data + 2, size - 2);
	time_us = -7;
	r = ocppd_time_parse(text, offset_s, &time_us, &flags);
	OCPPD_ASSERT(r == 0 || (r == OCPPD_EINVAL && time_us == -7 && flags == 0));
	OCPPD_ASSERT((flags & ~(OCPPD_TIME_NAIVE | OCPPD_TIME_SHORT_OFFSET)) == 0);
	if (r == 0)
		check_written(time_us);
	free(text);
	return 0;
}
