/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/* What reverse proxies say of the client, as tables: networks, and the headers' lists. */
#include "transport/forwarded.h"

#include <ocppd/error.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

static const struct {
	const char *network;
	const char *address; /* NULL: no network */
	bool is_within;
} networks[] = {
	{ "192.0.2.7", "192.0.2.7", true },
	{ "192.0.2.7", "192.0.2.8", false },
	{ "192.0.2.7", "::ffff:192.0.2.7", true },
	{ "10.0.0.0/8", "10.255.1.2", true },
	{ "10.0.0.0/8", "11.0.0.0", false },
	{ "10.0.0.0/9", "10.127.0.1", true },
	{ "10.0.0.0/9", "10.128.0.1", false },
	{ "0.0.0.0/0", "203.0.113.9", true },
	{ "0.0.0.0/0", "2001:db8::1", false },
	{ "::/0", "203.0.113.9", true },
	{ "2001:db8::/33", "2001:db8:7fff::1", true },
	{ "2001:db8::/33", "2001:db8:8000::1", false },
	{ "[::1]", "::1", true },
	{ "[2001:db8::]/32", "2001:db8:1::1", true },
	{ "10.0.0.0/33", NULL, false },
	{ "::1/129", NULL, false },
	{ "10.0.0.0/", NULL, false },
	{ "10.0.0.0/x", NULL, false },
	{ "10.0.0", NULL, false },
	{ "proxy.example", NULL, false },
	{ "[::1", NULL, false },
	{ "", NULL, false },
};

static void
bytes_of(const char *text, uint8_t ret_address[ADDRESS_BYTES])
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in in = { .sin_family = AF_INET };

	if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
		assert_int_equal(address_of((struct sockaddr *)&in, ret_address), 0);
		return;
	}
	assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
	assert_int_equal(address_of((struct sockaddr *)&in6, ret_address), 0);
}

static void
forwarded_networks_hold_their_addresses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(networks) / sizeof(networks[0]); i++) {
		struct network network;
		uint8_t address[ADDRESS_BYTES];
		int r = network_parse(networks[i].network, &network);

		if ((r == 0) != (networks[i].address != NULL))
			fail_msg("%s: %d", networks[i].network, r);
		if (r < 0)
			continue;
		bytes_of(networks[i].address, address);
		if (network_has(&network, 1, address) != networks[i].is_within)
			fail_msg("%s in %s: not %d", networks[i].address, networks[i].network,
				 networks[i].is_within);
	}
}

static void
forwarded_other_families_are_no_address(void **state)
{
	struct sockaddr other = { .sa_family = AF_UNIX };
	uint8_t address[ADDRESS_BYTES];

	(void)state;
	assert_int_equal(address_of(&other, address), OCPPD_EINVAL);
}

#define LONG "012345678901234567890123456789012345678901234567890123456789012345678901234567890123"

/* Trusted: 10.0.0.0/8 and 2001:db8:f::/48. */
static const struct {
	const char *label;
	const char *list;
	const char *proto;
	const char *address;
	uint16_t port;
	bool is_secure;
} lists[] = {
	{ "missing", "", "", "", 0, false },
	{ "one", "203.0.113.7", "https", "203.0.113.7", 0, true },
	{ "plain", "203.0.113.7", "http", "203.0.113.7", 0, false },
	{ "with a port", "203.0.113.7:4711", "", "203.0.113.7", 4711, false },
	{ "IPv6", "2001:db8::7", "WSS", "2001:db8::7", 0, true },
	{ "IPv6 with a port", "[2001:db8::7]:80", "", "2001:db8::7", 80, false },
	{ "IPv4 as IPv6", "::ffff:203.0.113.7", "", "203.0.113.7", 0, false },
	{ "a proxy before ours", "203.0.113.7, 10.1.2.3", "https", "203.0.113.7", 0, true },
	{ "two, blanks", " 203.0.113.7 ,\t10.1.2.3,2001:db8:f::1 ", "", "203.0.113.7", 0, false },
	/* The client wrote the first itself. */
	{ "made up", "198.51.100.1, 203.0.113.7", "https, http", "203.0.113.7", 0, false },
	{ "made up as ours", "10.9.9.9, 203.0.113.7", "", "203.0.113.7", 0, false },
	{ "all ours", "10.1.1.1, 10.2.2.2", "", "10.1.1.1", 0, false },
	{ "unknown before ours", "unknown, 10.2.2.2", "", "10.2.2.2", 0, false },
	{ "unknown", "unknown", "", "", 0, false },
	{ "empty element", "203.0.113.7,", "", "", 0, false },
	{ "commas", ",,,", ",", "", 0, false },
	{ "bad port", "203.0.113.7:x", "", "", 0, false },
	{ "port too large", "203.0.113.7:65536", "", "", 0, false },
	{ "no end of the bracket", "[2001:db8::7", "", "", 0, false },
	{ "too long", LONG LONG, "", "", 0, false },
	{ "too long before", LONG LONG ", 10.1.1.1", LONG LONG, "10.1.1.1", 0, false },
};

static const struct {
	const char *label;
	const char *list;
	const char *address;
	uint16_t port;
	bool is_secure;
} elements[] = {
	{ "missing", "", "", 0, false },
	{ "one", "for=203.0.113.7", "203.0.113.7", 0, false },
	{ "all of it", "by=10.1.1.1;For=203.0.113.7;HOST=x;proto=HTTPS", "203.0.113.7", 0, true },
	{ "quoted", "for=\"[2001:db8::7]:4711\"; proto=http", "2001:db8::7", 4711, false },
	{ "hidden port", "for=\"203.0.113.7:_x\"", "203.0.113.7", 0, false },
	{ "a proxy before ours", "for=203.0.113.7;proto=http, for=10.1.1.1;proto=https",
	  "203.0.113.7", 0, true },
	{ "made up", "for=198.51.100.1;proto=https,for=203.0.113.7", "203.0.113.7", 0, false },
	{ "obfuscated", "for=_hidden, for=10.1.1.1", "10.1.1.1", 0, false },
	{ "nobody", "for=unknown", "", 0, false },
	{ "without for", "proto=https", "", 0, true },
	{ "another name", "fort=203.0.113.7", "", 0, false },
	{ "nonsense", ";;=;,=", "", 0, false },
};

static void
assert_client(const char *label, const struct client *client, const char *address, uint16_t port,
	      bool is_secure)
{
	if (strcmp(client->address, address) != 0 || client->port != port ||
	    client->is_secure != is_secure)
		fail_msg("%s: %s port %u, secure %d", label, client->address,
			 (unsigned int)client->port, client->is_secure);
}

static void
forwarded_client_is_the_last_that_is_no_proxy(void **state)
{
	struct network proxies[2];
	struct client client;

	(void)state;
	assert_int_equal(network_parse("10.0.0.0/8", &proxies[0]), 0);
	assert_int_equal(network_parse("2001:db8:f::/48", &proxies[1]), 0);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		client_from_list(lists[i].list, lists[i].proto, proxies, 2, &client);
		assert_client(lists[i].label, &client, lists[i].address, lists[i].port,
			      lists[i].is_secure);
	}
	for (size_t i = 0; i < sizeof(elements) / sizeof(elements[0]); i++) {
		client_from_forwarded(elements[i].list, proxies, 2, &client);
		assert_client(elements[i].label, &client, elements[i].address, elements[i].port,
			      elements[i].is_secure);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forwarded_networks_hold_their_addresses),
		cmocka_unit_test(forwarded_other_families_are_no_address),
		cmocka_unit_test(forwarded_client_is_the_last_that_is_no_proxy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
