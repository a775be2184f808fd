/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_JSON_H
#define OCPPD_JSON_H

/*
 * JSON: trees are json-c's. This header adds a writer for small texts of fixed shape, which is
 * cheaper than a tree, and short forms for reading trees. A tree belongs to one thread.
 *
 * The writer produces compact ASCII (\u escapes), objects and arrays nested up to 16 deep. An error
 * (no room, misuse, invalid UTF-8) sticks and shows in ocppd_json_end.
 */
#include <ocppd/abi.h>
#include <ocppd/error.h>

struct json_object;

OCPPD_BEGIN_DECLS

/* Frozen: lives on callers' stacks. Its members are the writer's own. */
struct ocppd_json {
	char *data;
	size_t len;
	size_t size;
	int32_t error;
	uint32_t depth;
	uint32_t comma; /* bit per depth: a member was written */
	uint32_t array; /* bit per depth: an array is open */
};

/* Starts writing into a buffer of the caller. Any thread; so are all functions here. */
OCPPD_API void ocppd_json_begin(struct ocppd_json *json, char *buffer, size_t size);
/* key: NULL inside arrays and for the outermost value. */
OCPPD_API void ocppd_json_object(struct ocppd_json *json, const char *key);
OCPPD_API void ocppd_json_array(struct ocppd_json *json, const char *key);
OCPPD_API void ocppd_json_close(struct ocppd_json *json); /* the innermost object or array */
OCPPD_API void ocppd_json_str(struct ocppd_json *json, const char *key, const char *value);
OCPPD_API void ocppd_json_int(struct ocppd_json *json, const char *key, int64_t value);
OCPPD_API void ocppd_json_bool(struct ocppd_json *json, const char *key, int value);
OCPPD_API void ocppd_json_time(struct ocppd_json *json, const char *key, int64_t time_us);
/* value: one complete JSON text, not checked. */
OCPPD_API void ocppd_json_raw(struct ocppd_json *json, const char *key, const char *value,
			      size_t len);
/* Returns the length of the text, NUL not counted, or the first error. */
OCPPD_API int64_t ocppd_json_end(struct ocppd_json *json);

/* Reading: NULL or `absent` where the member is missing, null or of another type. Borrowed. */
OCPPD_API const char *ocppd_json_get_str(struct json_object *object, const char *key);
OCPPD_API int64_t ocppd_json_get_int(struct json_object *object, const char *key, int64_t absent);
OCPPD_API int ocppd_json_get_bool(struct json_object *object, const char *key, int absent);
OCPPD_API struct json_object *ocppd_json_get(struct json_object *object, const char *key);
/* 0 and the time, or OCPPD_ENOENT, or OCPPD_EINVAL. */
OCPPD_API int ocppd_json_get_time(struct json_object *object, const char *key, int64_t *ret_us);

/* Adding to trees: return 0 or OCPPD_ENOMEM. A NULL text adds nothing. */
OCPPD_API int ocppd_json_add_str(struct json_object *object, const char *key, const char *value);
OCPPD_API int ocppd_json_add_int(struct json_object *object, const char *key, int64_t value);
OCPPD_API int ocppd_json_add_bool(struct json_object *object, const char *key, int value);
OCPPD_API int ocppd_json_add_time(struct json_object *object, const char *key, int64_t time_us);
/* value is taken, also on error; NULL adds nothing. */
OCPPD_API int ocppd_json_add(struct json_object *object, const char *key,
			     struct json_object *value);

OCPPD_END_DECLS
#endif
