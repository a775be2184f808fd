/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef STORAGE_FIXTURE_H
#define STORAGE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/bed.h"

/*
 * storage_sqlite under a module `demo` of two tables, with real threads and files.
 */
enum {
	ADD,       /* a, text */
	ADD_ENTRY, /* item, note */
	SET,       /* a, text */
	COUNT,
	GET,  /* a */
	SLOW, /* never ends in time */
	ALL,
	STATEMENTS,
};

struct test {
	struct bed bed;
	struct ocppd_host demo;
	uint32_t done;
	uint32_t failed;
	uint32_t expected;
	bool is_done; /* done == expected */
	int result;   /* of the last */
	char text[640];
	int64_t key;
	int64_t changes;
	int64_t number; /* first column of the first row */
	uint32_t rows;
	uint32_t is_cut;
	bool is_stored; /* a backup ended, so: */
	int stored;
	int pipe;
};

extern const char *const storage_first_step[];
#define FIRST_MIGRATIONS 1
extern const struct ocppd_migration first_migrations[FIRST_MIGRATIONS];

void on_unit(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	     const struct ocppd_error *err, void *arg);
void on_rows(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	     const struct ocppd_error *err, void *arg);
void on_stored(struct ocppd_host *host, int result, const struct ocppd_error *err, void *arg);
struct ocppd_value test_text(const char *text);
struct ocppd_unit *test_begin(struct test *t);
int test_add(struct test *t, struct ocppd_unit *unit, int64_t a, const char *note);
int test_add_entry(struct test *t, struct ocppd_unit *unit, struct ocppd_value item,
		   const char *note);
void test_commit(struct test *t, struct ocppd_unit *unit);
void test_add_one(struct test *t, int64_t a);
int test_query(struct test *t, uint32_t statement, const struct ocppd_value *values, uint32_t count,
	       uint32_t max_rows);
int64_t test_count(struct test *t);
void test_reset(struct test *t);
void test_init(struct test *t);
void test_start(struct test *t);
int test_set_up(void **state);
int test_tear_down(void **state);

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_set_up, test_tear_down)

#endif
