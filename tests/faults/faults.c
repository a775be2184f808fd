/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The wrappers and the walk. With a leak checker present each step is checked by itself, so that a
 * leak names the allocation whose failure made it.
 */
#include "faults.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <event2/event.h>
#include <json-c/json.h>

#define WALK_MAX 20000 /* allocations of one scenario */

struct faults {
	uint64_t count;
	uint64_t at;
	bool is_lasting;
	bool is_armed;
	bool is_suspended;
	bool has_failed;
};

static _Thread_local struct faults faults;

/* Of the leak sanitizer, where there is one. */
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

void
faults_arm(uint64_t at, bool is_lasting)
{
	faults = (struct faults){ .at = at, .is_lasting = is_lasting, .is_armed = true };
}

bool
faults_disarm(void)
{
	faults.is_armed = false;
	return faults.has_failed;
}

void
faults_suspend(void)
{
	faults.is_suspended = true;
}

void
faults_resume(void)
{
	faults.is_suspended = false;
}

static bool
fails(void)
{
	if (!faults.is_armed || faults.is_suspended)
		return false;
	faults.count++;
	if (faults.count != faults.at && !(faults.is_lasting && faults.count > faults.at))
		return false;
	faults.has_failed = true;
	return true;
}

/* The function, its wrapper, and the result that says "no memory". */
#define WRAP(type, name, failure, params, args)                                                    \
	type __real_##name params;                                                                 \
	type __wrap_##name params;                                                                 \
	type __wrap_##name params                                                                  \
	{                                                                                          \
		if (fails())                                                                       \
			return failure;                                                            \
		return __real_##name args;                                                         \
	}

WRAP(void *, malloc, NULL, (size_t size), (size))
WRAP(void *, calloc, NULL, (size_t count, size_t size), (count, size))
WRAP(void *, realloc, NULL, (void *block, size_t size), (block, size))
WRAP(void *, reallocarray, NULL, (void *block, size_t count, size_t size), (block, count, size))
WRAP(char *, strdup, NULL, (const char *text), (text))
WRAP(struct json_object *, json_object_new_object, NULL, (void), ())
WRAP(struct json_object *, json_object_new_boolean, NULL, (json_bool value), (value))
WRAP(struct json_object *, json_object_new_int64, NULL, (int64_t value), (value))
WRAP(struct json_object *, json_object_new_double, NULL, (double value), (value))
WRAP(struct json_object *, json_object_new_string, NULL, (const char *text), (text))
WRAP(struct json_object *, json_object_new_string_len, NULL, (const char *text, int len),
     (text, len))
WRAP(int, json_object_object_add, -1,
     (struct json_object * object, const char *key, struct json_object *value),
     (object, key, value))
WRAP(int, json_object_array_put_idx, -1,
     (struct json_object * array, size_t at, struct json_object *value), (array, at, value))
WRAP(const char *, json_object_to_json_string_ext, NULL, (struct json_object * value, int flags),
     (value, flags))
WRAP(struct json_tokener *, json_tokener_new_ex, NULL, (int depth), (depth))
WRAP(struct event *, event_new, NULL,
     (struct event_base * base, evutil_socket_t fd, short what, event_callback_fn fn, void *arg),
     (base, fd, what, fn, arg))

void
faults_walk(const char *name, faults_fn *scenario)
{
	for (int mode = 0; mode < 2; mode++) {
		uint64_t at = 1;

		while (scenario(at, mode == 1)) {
			if (__lsan_do_recoverable_leak_check != NULL &&
			    __lsan_do_recoverable_leak_check() != 0)
				fail_msg("%s: leak when allocation %llu fails%s", name,
					 (unsigned long long)at, mode == 1 ? " and all later" : "");
			at++;
			assert_true(at < WALK_MAX);
		}
		/* At least one allocation was there to fail. */
		assert_true(at > 1);
		print_message("%s: %llu allocations\n", name, (unsigned long long)at - 1);
	}
}
