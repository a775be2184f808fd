/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * What a handshake says. Lines of an input: the listener's path, the request target, the offered
 * subprotocols. An identity that is found is a valid one, of the target's last segment, and found
 * again behind a plain path.
 */
#include "fuzz.h"

#include <ocppd/error.h>

#include "base/text.h"
#include "transport/target.h"

static const char *const served[] = { "ocpp2.0.1", "ocpp1.6", NULL };
static const char *const pinned[] = { "ocpp1.6" };

static void
check_identity(const char *uri, const char *id)
{
	char target[TARGET_ID_SIZE + 8];
	char again[TARGET_ID_SIZE];
	char normal[TARGET_ID_SIZE];

	OCPPD_ASSERT(identity_valid(id) && utf8_valid(id, strlen(id)));
	OCPPD_ASSERT(utf8_count(id) <= OCPPD_STATION_ID_MAX);
	OCPPD_ASSERT(strstr(uri, id) != NULL && strchr(id, '/') == NULL);
	(void)snprintf(target, sizeof(target), "/a/%s//", id);
	OCPPD_ASSERT(target_identity(target, "/a/", again, sizeof(again)) == 0);
	OCPPD_ASSERT(str_eq(id, again));
	identity_normalise(id, normal);
	OCPPD_ASSERT(strlen(normal) == strlen(id) && !identity_has_plus(normal));
}

static void
check_protocols(const char *offered)
{
	const char *any = target_negotiate(offered, served, NULL, 0);
	const char *one = target_negotiate(offered, served, pinned, 1);

	OCPPD_ASSERT(any == NULL || any == served[0] || any == served[1]);
	OCPPD_ASSERT(any == NULL || header_list_has(offered, any));
	OCPPD_ASSERT(one == NULL || (one == served[1] && any != NULL));
	OCPPD_ASSERT(any != served[1] || one == served[1]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *path = fuzz_text(data, size);
	char *uri = fuzz_cut(path);
	char *offered = fuzz_cut(uri);
	char id[TARGET_ID_SIZE] = "?";
	int r;

	if (target_path_valid(path)) {
		OCPPD_ASSERT(path[0] == '/' && strchr(path, ' ') == NULL);
		r = target_identity(uri, path, id, sizeof(id));
		OCPPD_ASSERT(r == 0 || r == OCPPD_ENOENT || r == OCPPD_EINVAL);
		if (r == 0)
			check_identity(uri, id);
		else
			OCPPD_ASSERT(str_eq(id, "?"));
	}
	check_protocols(offered);
	free(path);
	return 0;
}
