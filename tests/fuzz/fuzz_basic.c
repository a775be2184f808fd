/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Basic credentials: whatever is accepted has a user that ends where it says, and a password inside
 * the struct; written as base64 again it reads the same.
 */
#include "fuzz.h"

#include <ocppd/error.h>

#include "transport/target.h"

static void
encode(const uint8_t *data, size_t len, char *ret_text)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i;
		uint32_t bits = (uint32_t)data[i] << 16;

		bits |= left > 1 ? (uint32_t)data[i + 1] << 8 : 0;
		bits |= left > 2 ? data[i + 2] : 0;
		*ret_text++ = digits[bits >> 18 & 63];
		*ret_text++ = digits[bits >> 12 & 63];
		*ret_text++ = left > 1 ? digits[bits >> 6 & 63] : '=';
		*ret_text++ = left > 2 ? digits[bits & 63] : '=';
	}
	*ret_text = '\0';
}

static void
check_again(const struct basic *basic, size_t user_len)
{
	char header[6 + BASIC_SIZE * 4 / 3 + 8] = "Basic ";
	struct basic again;
	uint8_t plain[BASIC_SIZE];
	size_t len = user_len + 1 + basic->password_len;

	memcpy(plain, basic->user, user_len);
	plain[user_len] = ':';
	memcpy(plain + user_len + 1, basic->password, basic->password_len);
	encode(plain, len, header + 6);
	OCPPD_ASSERT(basic_parse(header, &again) == 0);
	OCPPD_ASSERT(strcmp(again.user, basic->user) == 0);
	OCPPD_ASSERT(again.password_len == basic->password_len);
	OCPPD_ASSERT(memcmp(again.password, basic->password, basic->password_len) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *header = fuzz_text(data, size);
	struct basic basic;
	int r = basic_parse(header, &basic);

	OCPPD_ASSERT(r == 0 || r == OCPPD_EINVAL);
	if (r == 0) {
		size_t user_len = strlen(basic.user);

		OCPPD_ASSERT(strchr(basic.user, ':') == NULL);
		OCPPD_ASSERT(user_len + 1 + basic.password_len <= sizeof(basic.data));
		check_again(&basic, user_len);
	}
	free(header);
	return 0;
}
