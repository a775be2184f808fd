/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* The queue between threads: order, bounds, closing, and several producers at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ocppd/error.h>

#include "base/chain.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define PRODUCERS 4
#define EACH 20000

struct item {
	struct link link;
	uint32_t producer;
	uint32_t number;
};

struct producer {
	struct chain *chain;
	struct item *items;
	uint32_t number;
	int wake_fd;
};

static void
chain_first_push_says_wake(void **state)
{
	struct chain chain;
	struct item items[3];
	struct link *link;

	(void)state;
	chain_init(&chain, 0);
	assert_null(chain_take(&chain));
	assert_int_equal(chain_push(&chain, &items[0].link), 1);
	assert_int_equal(chain_push(&chain, &items[1].link), 0);
	assert_int_equal(chain_count(&chain), 2);
	link = chain_take(&chain);
	assert_ptr_equal(link, &items[0].link);
	assert_ptr_equal(link->next, &items[1].link);
	assert_null(link->next->next);
	assert_int_equal(chain_push(&chain, &items[2].link), 1);
	assert_ptr_equal(chain_take(&chain), &items[2].link);
	chain_fini(&chain);
}

static void
chain_limit_refuses_one_more(void **state)
{
	struct chain chain;
	struct item items[5];

	(void)state;
	chain_init(&chain, 2);
	assert_int_equal(chain_push(&chain, &items[0].link), 1);
	assert_int_equal(chain_push(&chain, &items[1].link), 0);
	assert_int_equal(chain_push(&chain, &items[2].link), OCPPD_EBUSY);
	items[3].link.next = &items[4].link;
	assert_int_equal(chain_push_list(&chain, &items[3].link, &items[4].link, 2), 0);
	assert_int_equal(chain_count(&chain), 4);
	assert_non_null(chain_take(&chain));
	assert_int_equal(chain_push(&chain, &items[2].link), 1);
	assert_non_null(chain_take(&chain));
	chain_fini(&chain);
}

static void
chain_closed_keeps_what_it_has(void **state)
{
	struct chain chain;
	struct item items[2];

	(void)state;
	chain_init(&chain, 0);
	assert_int_equal(chain_push(&chain, &items[0].link), 1);
	chain_close(&chain);
	assert_int_equal(chain_push(&chain, &items[1].link), OCPPD_ESHUTDOWN);
	assert_int_equal(chain_push_list(&chain, &items[1].link, &items[1].link, 1),
			 OCPPD_ESHUTDOWN);
	assert_ptr_equal(chain_take(&chain), &items[0].link);
	chain_fini(&chain);
}

static void *
produce(void *arg)
{
	struct producer *producer = arg;
	uint64_t one = 1;

	for (uint32_t i = 0; i < EACH; i++) {
		producer->items[i].producer = producer->number;
		producer->items[i].number = i;
		if (chain_push(producer->chain, &producer->items[i].link) == 1)
			(void)!write(producer->wake_fd, &one, sizeof(one));
	}
	return NULL;
}

static void
chain_many_producers_keep_each_ones_order(void **state)
{
	struct producer producers[PRODUCERS];
	pthread_t threads[PRODUCERS];
	uint32_t next[PRODUCERS] = { 0 };
	uint32_t total = 0;
	struct chain chain;
	uint64_t count;
	int wake_fd = eventfd(0, EFD_CLOEXEC);

	(void)state;
	chain_init(&chain, 0);
	for (uint32_t i = 0; i < PRODUCERS; i++) {
		producers[i] =
			(struct producer){ &chain, calloc(EACH, sizeof(struct item)), i, wake_fd };
		assert_int_equal(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
	}
	while (total < PRODUCERS * EACH) {
		assert_int_equal(read(wake_fd, &count, sizeof(count)), sizeof(count));
		for (struct link *link = chain_take(&chain); link; link = link->next) {
			const struct item *item = (const struct item *)link;

			assert_int_equal(item->number, next[item->producer]++);
			total++;
		}
	}
	for (uint32_t i = 0; i < PRODUCERS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		free(producers[i].items);
	}
	chain_fini(&chain);
	(void)close(wake_fd);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(chain_first_push_says_wake),
		cmocka_unit_test(chain_limit_refuses_one_more),
		cmocka_unit_test(chain_closed_keeps_what_it_has),
		cmocka_unit_test(chain_many_producers_keep_each_ones_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
