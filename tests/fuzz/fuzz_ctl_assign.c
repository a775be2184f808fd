/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * ocppctl's assignments. Lines of an input: `name=value` each, into one body, with a schema if the
 * first line is "schema". A refusal has its sentence; the body stays an object that can be written
 * and read again.
 */
#include "fuzz.h"

#include <json-c/json.h>

#include "tools/ocppctl/assign.h"

#define LINES_MAX 32

static const char description[] =
	"{\"paths\":{},\"components\":{\"schemas\":{"
	"\"Period\":{\"type\":\"object\",\"properties\":{\"start\":{\"type\":\"integer\"},"
	"\"limit\":{\"type\":\"number\"}}},"
	"\"Loop\":{\"$ref\":\"#/components/schemas/Loop\"},"
	"\"Body\":{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"integer\"},"
	"\"limit\":{\"type\":\"number\"},\"isHot\":{\"type\":\"boolean\"},"
	"\"until\":{\"type\":[\"string\",\"null\"]},"
	"\"key\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
	"\"numbers\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"}},"
	"\"any\":{},\"loop\":{\"$ref\":\"#/components/schemas/Loop\"},"
	"\"profile\":{\"type\":\"object\",\"properties\":{\"period\":{\"type\":\"array\","
	"\"items\":{\"$ref\":\"#/components/schemas/Period\"}}}}}}}}}";

static void
check_body(struct json_object *body)
{
	const char *text = json_object_to_json_string_ext(body, JSON_C_TO_STRING_PLAIN);
	struct json_object *again;
	struct json_tokener *tokener = json_tokener_new_ex(64);

	OCPPD_ASSERT(json_object_is_type(body, json_type_object));
	OCPPD_ASSERT(tokener != NULL && text != NULL);
	again = json_tokener_parse_ex(tokener, text, (int)strlen(text));
	OCPPD_ASSERT(again != NULL);
	json_object_put(again);
	json_tokener_free(tokener);
}

static void
check_types(struct json_object *body)
{
	struct json_object *value = member(body, "id");

	OCPPD_ASSERT(value == NULL || json_object_is_type(value, json_type_int));
	value = member(body, "isHot");
	OCPPD_ASSERT(value == NULL || json_object_is_type(value, json_type_boolean));
	value = member(body, "key");
	OCPPD_ASSERT(value == NULL || json_object_is_type(value, json_type_array));
}

static void
assign_lines(const struct spec *spec, struct json_object *schema, char *text)
{
	struct json_object *body = json_object_new_object();
	bool is_plain = true;

	OCPPD_ASSERT(body != NULL);
	for (int i = 0; i < LINES_MAX && *text != '\0'; i++) {
		char *next = fuzz_cut(text);
		struct ocppd_error err = { 0 };
		int r = text[0] == '{' ? assign_all(body, text, &err)
				       : assign(spec, schema, body, text, &err);

		/* JSON as a whole, and members of a member, are the daemon's to check. */
		is_plain &= text[0] != '{' && text[strcspn(text, ".[=")] == '=';
		OCPPD_ASSERT(r == 0 || (r == OCPPD_EINVAL && err.text[0] != '\0'));
		text = next;
	}
	check_body(body);
	if (schema != NULL && is_plain)
		check_types(body);
	json_object_put(body);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct spec spec;
	struct json_object *schema = NULL;
	char *text = fuzz_text(data, size);
	char *at = text;

	OCPPD_ASSERT(spec_init(&spec, json_tokener_parse(description)) == 0);
	if (strncmp(text, "schema\n", 7) == 0) {
		at = text + 7;
		schema = member(member(member(spec.root, "components"), "schemas"), "Body");
		OCPPD_ASSERT(schema != NULL);
	}
	assign_lines(&spec, schema, at);
	spec_fini(&spec);
	free(text);
	return 0;
}
