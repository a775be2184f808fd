/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The PROXY protocol's header. Whatever is found is within the input and the bound, the same when
 * more bytes stand behind it, and not found in fewer; what is refused stays refused.
 */
#include "fuzz.h"

#include <ocppd/error.h>

#include "transport/preface.h"

static int
parse(const uint8_t *data, size_t len, struct preface *ret_preface)
{
	const char *why = NULL;
	/* A copy of just that size: who reads beyond it is seen. */
	uint8_t *copy = malloc(len == 0 ? 1 : len);
	int r;

	OCPPD_ASSERT(copy != NULL);
	if (len > 0)
		memcpy(copy, data, len);
	memset(ret_preface, 0, sizeof(*ret_preface));
	r = preface_parse(copy, len, ret_preface, &why);
	OCPPD_ASSERT(r >= 0 || (r == OCPPD_EINVAL && why != NULL));
	OCPPD_ASSERT(r <= PREFACE_MAX && (r < 0 || (size_t)r <= len));
	free(copy);
	return r;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct preface whole;
	struct preface part;
	int r = parse(data, size, &whole);
	int before = 0;

	for (size_t len = 0; len <= size && len <= 2 * PREFACE_MAX; len++) {
		int now = parse(data, len, &part);

		OCPPD_ASSERT(before == 0 || now == before);
		if (now > 0)
			OCPPD_ASSERT(memcmp(&part.client, &whole.client, sizeof(part.client)) ==
					     0 &&
				     part.has_client == whole.has_client &&
				     part.is_secure == whole.is_secure);
		before = now;
	}
	/* No header needs more than the bound. */
	OCPPD_ASSERT(size < PREFACE_MAX || r != 0);
	if (r > 0 && whole.has_client)
		OCPPD_ASSERT(whole.client.any.sa_family == AF_INET ||
			     whole.client.any.sa_family == AF_INET6);
	return 0;
}
