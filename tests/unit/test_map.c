/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* The hash map, against a plain array as its model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/map.h"

#define KEYS 3000

struct model {
	char key[16];
	bool is_in;
};

static void
map_empty_finds_nothing(void **state)
{
	struct map map = { 0 };
	size_t at = 0;

	(void)state;
	assert_null(map_find(&map, "x"));
	assert_null(map_remove(&map, "x"));
	assert_null(map_next(&map, &at));
	map_fini(&map);
}

static void
map_equal_key_replaces(void **state)
{
	struct map map = { 0 };
	char first[] = "key";
	char second[] = "key";

	(void)state;
	assert_int_equal(map_put(&map, first, first), 0);
	assert_int_equal(map_put(&map, second, second), 0);
	assert_int_equal(map.count, 1);
	assert_ptr_equal(map_find(&map, "key"), second);
	/* The key was replaced, too: the first may go. */
	first[0] = 'x';
	assert_ptr_equal(map_find(&map, "key"), second);
	map_fini(&map);
}

static void
check_all(const struct map *map, struct model *models, size_t count_in)
{
	size_t walked = 0;
	size_t at = 0;
	struct model *model;

	assert_int_equal(map->count, count_in);
	for (size_t i = 0; i < KEYS; i++)
		assert_ptr_equal(map_find(map, models[i].key), models[i].is_in ? &models[i] : NULL);
	while ((model = map_next(map, &at)) != NULL) {
		assert_true(model->is_in);
		walked++;
	}
	assert_int_equal(walked, count_in);
}

static void
map_random_changes_agree_with_the_model(void **state)
{
	struct model *models = calloc(KEYS, sizeof(*models));
	struct map map = { 0 };
	uint64_t seed = 12345;
	size_t count_in = 0;

	(void)state;
	assert_non_null(models);
	for (size_t i = 0; i < KEYS; i++)
		(void)snprintf(models[i].key, sizeof(models[i].key), "CP-%zu", i);
	for (int round = 0; round < 60000; round++) {
		struct model *model;

		seed = seed * 6364136223846793005u + 1442695040888963407u;
		model = &models[(seed >> 33) % KEYS];
		if (model->is_in) {
			assert_ptr_equal(map_remove(&map, model->key), model);
			count_in--;
		} else {
			assert_int_equal(map_put(&map, model->key, model), 0);
			count_in++;
		}
		model->is_in = !model->is_in;
		if (round % 10000 == 0)
			check_all(&map, models, count_in);
	}
	check_all(&map, models, count_in);
	for (size_t i = 0; i < KEYS; i++)
		(void)map_remove(&map, models[i].key);
	assert_int_equal(map.count, 0);
	map_fini(&map);
	free(models);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(map_empty_finds_nothing),
		cmocka_unit_test(map_equal_key_replaces),
		cmocka_unit_test(map_random_changes_agree_with_the_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
