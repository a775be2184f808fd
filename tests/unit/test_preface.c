/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/* Headers of the PROXY protocol: whose the bytes behind them are. */
#include "transport/preface.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <ocppd/error.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define IPV4 "\xc0\x00\x02\x07\xc0\x00\x02\x01\x12\x67\x1f\xf4" /* 192.0.2.7:4711 to .1:8180 */
#define IPV6                                                                                       \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"     \
	"\x12\x67\x1f\xf4"
#define TLS "\x20\0\x05\x01\0\0\0\0"
#define PLAIN "\x20\0\x05\0\0\0\0\0"
#define NOOP "\x04\0\x03???"

#define BYTES(text) text, sizeof(text) - 1

static const struct {
	const char *label;
	const char *data;
	size_t len;
	const char *client; /* "": none is told; NULL: refused */
	uint16_t port;
	bool is_secure;
} cases[] = {
	{ "v1 IPv4", BYTES("PROXY TCP4 192.0.2.7 192.0.2.1 4711 8180\r\n"), "192.0.2.7", 4711 },
	{ "v1 IPv6", BYTES("PROXY TCP6 2001:db8::7 2001:db8::1 4711 8180\r\n"), "2001:db8::7",
	  4711 },
	{ "v1 longest",
	  BYTES("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
	  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535 },
	{ "v1 unknown", BYTES("PROXY UNKNOWN\r\n"), "" },
	{ "v1 unknown with more", BYTES("PROXY UNKNOWN ffff::1 whatever it is\r\n"), "" },
	{ "v1 port 0", BYTES("PROXY TCP4 192.0.2.7 192.0.2.1 0 0\r\n"), "192.0.2.7", 0 },
	{ "v1 without CR", BYTES("PROXY TCP4 192.0.2.7 192.0.2.1 4711 8180\n") },
	{ "v1 too long", BYTES("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
			       "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535 more\r\n") },
	{ "v1 word that begins alike", BYTES("PROXY UNKNOWNS\r\n") },
	{ "v1 small letters", BYTES("proxy TCP4 192.0.2.7 192.0.2.1 4711 8180\r\n") },
	{ "v1 two blanks", BYTES("PROXY TCP4  192.0.2.7 192.0.2.1 4711 8180\r\n") },
	{ "v1 blank at the end", BYTES("PROXY TCP4 192.0.2.7 192.0.2.1 4711 8180 \r\n") },
	{ "v1 too few", BYTES("PROXY TCP4 192.0.2.7 192.0.2.1 4711\r\n") },
	{ "v1 too many", BYTES("PROXY TCP4 192.0.2.7 192.0.2.1 4711 8180 1\r\n") },
	{ "v1 mixed", BYTES("PROXY TCP4 2001:db8::7 192.0.2.1 4711 8180\r\n") },
	{ "v1 bad address", BYTES("PROXY TCP4 192.0.2.256 192.0.2.1 4711 8180\r\n") },
	{ "v1 bad port", BYTES("PROXY TCP4 192.0.2.7 192.0.2.1 65536 8180\r\n") },
	{ "v1 signed port", BYTES("PROXY TCP4 192.0.2.7 192.0.2.1 +471 8180\r\n") },
	{ "v1 port with a zero", BYTES("PROXY TCP4 192.0.2.7 192.0.2.1 04711 8180\r\n") },
	{ "v1 NUL", BYTES("PROXY TCP4 192.0.2.7\0192.0.2.1 4711 8180\r\n") },
	{ "HTTP", BYTES("GET /ocpp/CP-1 HTTP/1.1\r\n") },
	{ "TLS", BYTES("\x16\x03\x01\x02\x00") },
	{ "v2 IPv4", BYTES(SIGNATURE "\x21\x11\0\x0c" IPV4), "192.0.2.7", 4711 },
	{ "v2 IPv6", BYTES(SIGNATURE "\x21\x21\0\x24" IPV6), "2001:db8::7", 4711 },
	{ "v2 local", BYTES(SIGNATURE "\x20\x00\0\0"), "" },
	{ "v2 local with addresses", BYTES(SIGNATURE "\x20\x11\0\x0c" IPV4), "" },
	{ "v2 unspecified", BYTES(SIGNATURE "\x21\x00\0\x02??"), "" },
	{ "v2 Unix sockets", BYTES(SIGNATURE "\x21\x31\0\x02??"), "" },
	{ "v2 TLS", BYTES(SIGNATURE "\x21\x11\0\x14" IPV4 TLS), "192.0.2.7", 4711, true },
	{ "v2 plain", BYTES(SIGNATURE "\x21\x11\0\x14" IPV4 PLAIN), "192.0.2.7", 4711 },
	{ "v2 others before", BYTES(SIGNATURE "\x21\x11\0\x1a" IPV4 NOOP TLS), "192.0.2.7", 4711,
	  true },
	{ "v2 version 3", BYTES(SIGNATURE "\x31\x11\0\x0c" IPV4) },
	{ "v2 command 2", BYTES(SIGNATURE "\x22\x11\0\x0c" IPV4) },
	{ "v2 datagrams", BYTES(SIGNATURE "\x21\x12\0\x0c" IPV4) },
	{ "v2 too short", BYTES(SIGNATURE "\x21\x11\0\x0b" IPV4) },
	{ "v2 IPv6 too short", BYTES(SIGNATURE "\x21\x21\0\x0c" IPV4) },
	{ "v2 extension beyond the end", BYTES(SIGNATURE "\x21\x11\0\x10" IPV4 "\x04\0\x02?") },
	{ "v2 half an extension", BYTES(SIGNATURE "\x21\x11\0\x0e" IPV4 "\x04\0") },
	{ "v2 TLS too short", BYTES(SIGNATURE "\x21\x11\0\x13" IPV4 "\x20\0\x04\x01\0\0\0") },
	{ "v2 too long", BYTES(SIGNATURE "\x21\x11\x03\xf1") },
	{ "v2 broken signature", BYTES("\r\n\r\n\0\r\nQUIX\n\x21\x11\0\x0c" IPV4) },
};

static bool
is_client(const struct preface *preface, size_t i)
{
	char text[INET6_ADDRSTRLEN] = "";
	uint16_t port = 0;

	if (!preface->has_client)
		return cases[i].client[0] == '\0' && !preface->is_secure;
	if (preface->client.any.sa_family == AF_INET) {
		(void)inet_ntop(AF_INET, &preface->client.in.sin_addr, text, sizeof(text));
		port = ntohs(preface->client.in.sin_port);
	} else {
		(void)inet_ntop(AF_INET6, &preface->client.in6.sin6_addr, text, sizeof(text));
		port = ntohs(preface->client.in6.sin6_port);
	}
	return strcmp(text, cases[i].client) == 0 && port == cases[i].port &&
	       preface->is_secure == cases[i].is_secure;
}

static void
preface_is_read_or_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t data[256];
		struct preface preface;
		const char *why = NULL;
		int r;

		/* What stands behind it is the client's. */
		memcpy(data, cases[i].data, cases[i].len);
		memcpy(data + cases[i].len, "GET", 3);
		r = preface_parse(data, cases[i].len + 3, &preface, &why);
		if (cases[i].client == NULL ? r != OCPPD_EINVAL || why == NULL
					    : r != (int)cases[i].len || !is_client(&preface, i))
			fail_msg("%s: %d", cases[i].label, r);
	}
}

static void
preface_that_comes_in_pieces_is_waited_for(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct preface preface;
		const char *why = NULL;

		for (size_t len = 0; cases[i].client != NULL && len < cases[i].len; len++) {
			/* Exactly so many bytes: the sanitizer sees who reads more. */
			uint8_t *data = malloc(len + 1);

			assert_non_null(data);
			memcpy(data, cases[i].data, len);
			data = realloc(data, len == 0 ? 1 : len);
			assert_non_null(data);
			if (preface_parse(data, len, &preface, &why) != 0)
				fail_msg("%s: %zu", cases[i].label, len);
			free(data);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(preface_is_read_or_refused),
		cmocka_unit_test(preface_that_comes_in_pieces_is_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
