/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* Numeric addresses as texts, and sockets that are bound to one. */
#include <ocppd/address.h>

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static void
address_is_written_as_it_was_read(void **state)
{
	static const struct {
		const char *text;
		int64_t port;
		const char *written; /* NULL: none */
	} rows[] = {
		{ "127.0.0.1", 8180, "127.0.0.1:8180" },
		{ "::1", 1, "[::1]:1" },
		{ "[::1]", 65535, "[::1]:65535" },
		{ "2001:DB8:0::1", 80, "[2001:db8::1]:80" },
		{ "::ffff:192.0.2.1", 80, "192.0.2.1:80" },
		{ "0.0.0.0", 0, "0.0.0.0:0" },
		{ "[127.0.0.1]", 80, "127.0.0.1:80" },
		{ "", 80, NULL },
		{ "[]", 80, NULL },
		{ "[", 80, NULL },
		{ "localhost", 80, NULL },
		{ "127.0.0.1 ", 80, NULL },
		{ "127.0.0.256", 80, NULL },
		{ "127.1", 80, NULL },
		{ "::1]", 80, NULL },
		{ "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa", 80, NULL },
		{ "::1", -1, NULL },
		{ "::1", 65536, NULL },
	};
	char written[OCPPD_ADDRESS_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sockaddr_storage storage;
		int r = ocppd_address_parse(rows[i].text, rows[i].port, &storage);

		if ((r < 0) != (rows[i].written == NULL))
			fail_msg("%s: %d", rows[i].text, r);
		if (r < 0) {
			assert_int_equal(r, OCPPD_EINVAL);
			continue;
		}
		assert_int_equal(r, storage.ss_family == AF_INET ? sizeof(struct sockaddr_in)
								 : sizeof(struct sockaddr_in6));
		r = ocppd_address_format((const struct sockaddr *)&storage, written);
		assert_int_equal(r, strlen(written));
		assert_string_equal(written, rows[i].written);
	}
}

static void
address_of_another_family_has_no_text(void **state)
{
	const struct sockaddr local = { .sa_family = AF_UNIX };
	char written[OCPPD_ADDRESS_SIZE] = "x";

	(void)state;
	assert_int_equal(ocppd_address_format(&local, written), OCPPD_EINVAL);
	assert_string_equal(written, "");
}

static void
socket_is_bound_and_named(void **state)
{
	char name[OCPPD_ADDRESS_SIZE];
	char taken[OCPPD_ADDRESS_SIZE];
	char wanted[1024];
	struct ocppd_error err = { 0 };
	unsigned int port = 0;
	int second = -1;
	int fd = -1;

	(void)state;
	assert_int_equal(ocppd_socket_bind("127.0.0.1", 0, 0, &fd, &err), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_true(ocppd_socket_name(fd, name) > 0);
	assert_int_equal(sscanf(name, "127.0.0.1:%u", &port), 1);
	assert_in_range(port, 1, 65535);
	/* The same again is taken. */
	assert_int_equal(ocppd_socket_bind("127.0.0.1", port, 0, &second, &err), OCPPD_EIO);
	(void)snprintf(wanted, sizeof(wanted),
		       "cannot bind to 127.0.0.1 port %u: Address already in use", port);
	assert_string_equal(err.text, wanted);
	assert_int_equal(second, -1);
	(void)close(fd);
	assert_int_equal(ocppd_socket_name(fd, taken), OCPPD_EIO);
	assert_string_equal(taken, "");

	assert_int_equal(ocppd_socket_bind("localhost", 0, 0, &second, &err), OCPPD_EINVAL);
	assert_string_equal(err.text, "localhost is no IP address");
	assert_string_equal(err.option, "address");
}

static void
socket_of_ipv6_is_as_it_was_asked_for(void **state)
{
	(void)state;
	for (uint32_t flags = 0; flags <= OCPPD_BIND_V6ONLY; flags++) {
		struct ocppd_error err = { 0 };
		socklen_t len = sizeof(int);
		int is_v6_only = -1;
		int fd = -1;

		if (ocppd_socket_bind("[::]", 0, flags, &fd, &err) < 0)
			skip(); /* a machine without IPv6 */
		assert_int_equal(getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &is_v6_only, &len), 0);
		assert_int_equal(is_v6_only, flags);
		(void)close(fd);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(address_is_written_as_it_was_read),
		cmocka_unit_test(address_of_another_family_has_no_text),
		cmocka_unit_test(socket_is_bound_and_named),
		cmocka_unit_test(socket_of_ipv6_is_as_it_was_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
