/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/* Whose turn it is when more sockets want a handshake than there are places. */
#include "transport/turns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

union peer {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static struct origin *
origin_of(struct turns *turns, const char *address)
{
	union peer peer = { 0 };

	if (inet_pton(AF_INET, address, &peer.in.sin_addr) == 1)
		peer.any.sa_family = AF_INET;
	else if (inet_pton(AF_INET6, address, &peer.in6.sin6_addr) == 1)
		peer.any.sa_family = AF_INET6;
	return turns_origin(turns, &peer.any);
}

static void
park(struct turns *turns, const char *address)
{
	struct parked *parked = calloc(1, sizeof(*parked));

	assert_non_null(parked);
	parked->arrival.origin = origin_of(turns, address);
	parked->arrival.fd = -1;
	turns_park(turns, parked);
}

static void
expect_turn(struct turns *turns, const char *address)
{
	struct parked *parked = turns_take(turns);

	assert_non_null(parked);
	assert_ptr_equal(parked->arrival.origin, origin_of(turns, address));
	free(parked);
}

static void
turns_of_origins_come_one_after_the_other(void **state)
{
	struct turns turns;

	(void)state;
	turns_init(&turns);
	assert_null(turns_take(&turns));
	for (int i = 0; i < 3; i++)
		park(&turns, "192.0.2.1");
	park(&turns, "192.0.2.2");
	park(&turns, "192.0.2.2");
	park(&turns, "192.0.2.3");
	expect_turn(&turns, "192.0.2.3"); /* the latest */
	expect_turn(&turns, "192.0.2.1"); /* the earliest */
	expect_turn(&turns, "192.0.2.1"); /* one that had its turn */
	expect_turn(&turns, "192.0.2.2"); /* the latest that had none */
	expect_turn(&turns, "192.0.2.1");
	/* One who comes now need not wait for the others. */
	park(&turns, "192.0.2.1");
	park(&turns, "192.0.2.1");
	expect_turn(&turns, "192.0.2.2");
	park(&turns, "192.0.2.4");
	expect_turn(&turns, "192.0.2.4");
	expect_turn(&turns, "192.0.2.1");
	expect_turn(&turns, "192.0.2.1");
	assert_int_equal(turns.parked, 0);
	assert_null(turns_take(&turns));
	turns_fini(&turns);
}

static void
origin_of_a_peer_is_its_address_or_network(void **state)
{
	static const struct {
		const char *a;
		const char *b;
		bool is_same;
	} cases[] = {
		{ "192.0.2.1", "192.0.2.1", true },
		{ "192.0.2.1", "192.0.2.2", false },
		{ "2001:db8::1", "2001:db8::2", true },
		{ "2001:db8:0:1::1", "2001:db8:0:2::1", false },
		{ "::ffff:192.0.2.1", "::ffff:192.0.2.2", false },
		{ "::ffff:192.0.2.1", "::ffff:192.0.2.1", true },
	};
	struct turns turns;

	(void)state;
	turns_init(&turns);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(origin_of(&turns, cases[i].a) == origin_of(&turns, cases[i].b),
				 cases[i].is_same);
	/* What has no address, as a socket whose peer is gone, is one of its own. */
	assert_ptr_equal(turns_origin(&turns, &(struct sockaddr){ 0 }),
			 turns_origin(&turns, &(struct sockaddr){ 0 }));
	turns_fini(&turns);
}

static void
turns_of_thousands_of_origins_let_a_newcomer_through(void **state)
{
	struct turns turns;
	char address[32];

	(void)state;
	turns_init(&turns);
	for (int i = 0; i < 4000; i++) {
		(void)snprintf(address, sizeof(address), "10.0.%d.%d", i / 250, i % 250);
		park(&turns, address);
	}
	for (int i = 0; i < 30; i++) {
		bool is_its_turn = false;
		int waited = 0;

		park(&turns, "192.0.2.1");
		while (!is_its_turn) {
			struct parked *parked = turns_take(&turns);

			assert_non_null(parked);
			is_its_turn = parked->arrival.origin == origin_of(&turns, "192.0.2.1");
			free(parked);
			waited++;
		}
		assert_in_range(waited, 1, 3);
	}
	/* And the earliest were not forgotten. */
	park(&turns, "10.0.0.1");
	assert_ptr_equal(TAILQ_FIRST(&turns.fresh), origin_of(&turns, "10.0.0.1"));
	turns_fini(&turns);
}

static void
shares_are_counted(void **state)
{
	struct turns turns;

	(void)state;
	turns_init(&turns);
	assert_null(turns_richest(&turns));
	park(&turns, "192.0.2.1");
	park(&turns, "192.0.2.2");
	atomic_store(&origin_of(&turns, "192.0.2.1")->handshakes, 9);
	atomic_store(&origin_of(&turns, "192.0.2.2")->handshakes, 7);
	atomic_store(&origin_of(&turns, "192.0.2.9")->handshakes, 30);
	assert_ptr_equal(turns_richest(&turns), origin_of(&turns, "192.0.2.9"));
	assert_int_equal(turns_fewest(&turns), 7);
	park(&turns, "192.0.2.3");
	assert_int_equal(turns_fewest(&turns), 0);
	turns_fini(&turns);
}

static void
origins_nobody_knows_any_more_are_swept_out(void **state)
{
	struct turns turns;
	struct origin *held;
	char address[32];
	size_t most = 0;

	(void)state;
	turns_init(&turns);
	held = origin_of(&turns, "198.51.100.1");
	atomic_store(&held->handshakes, 1);
	park(&turns, "198.51.100.2");
	for (int i = 0; i < 65536; i++) {
		(void)snprintf(address, sizeof(address), "10.0.%d.%d", i / 256, i % 256);
		assert_non_null(origin_of(&turns, address));
		if (turns.map.count > most)
			most = turns.map.count;
	}
	assert_in_range(most, 1, 1100);
	/* Those that count stay. */
	assert_ptr_equal(origin_of(&turns, "198.51.100.1"), held);
	expect_turn(&turns, "198.51.100.2");
	turns_fini(&turns);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(turns_of_origins_come_one_after_the_other),
		cmocka_unit_test(origin_of_a_peer_is_its_address_or_network),
		cmocka_unit_test(turns_of_thousands_of_origins_let_a_newcomer_through),
		cmocka_unit_test(shares_are_counted),
		cmocka_unit_test(origins_nobody_knows_any_more_are_swept_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
