/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* The border: what passes is copied into this build's layout, what does not is refused in words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/buf.h"
#include "runtime/import.h"

static int
on_call(struct ocppd_host *host, struct ocppd_call *call, struct json_object *req, void *ctx)
{
	(void)host;
	(void)call;
	(void)req;
	(void)ctx;
	return 0;
}

static void
on_reload(struct ocppd_host *host, void *ctx, const void *conf)
{
	(void)host;
	(void)ctx;
	(void)conf;
}

static const struct ocppd_field model[] = {
	{ "model", OCPPD_T_STRING, OCPPD_REQUIRED, .max = 20 },
};
static const struct ocppd_field boot_req[] = {
	{ "point", OCPPD_T_OBJECT, .fields = OCPPD_TABLE(model) },
};
static const struct ocppd_action actions[] = {
	{ "ocpp1.6", "Boot", OCPPD_FROM_STATION, .req = OCPPD_TABLE(boot_req), .on_call = on_call },
	{ "ocpp1.6", "Reset", OCPPD_TO_STATION },
};
static const struct ocppd_option options[] = {
	{ "port", OCPPD_CONF_INT, OCPPD_RELOADABLE, 0, .min = 1, .max = 9, .def = "3",
	  .doc = "A port." },
};
static const struct ocppd_plugin good = {
	OCPPD_GUARD,
	"good",
	"1.0.0",
	"A descriptor that passes",
	.conf_size = 8,
	.options = OCPPD_TABLE(options),
	.actions = OCPPD_TABLE(actions),
	.reload = on_reload,
};

static void
import_good_descriptor_is_copied_deeply(void **state)
{
	const struct ocppd_plugin *copy = NULL;
	struct problems problems = { 0 };
	struct arena arena = { 0 };

	(void)state;
	assert_int_equal(plugin_import(&good, "good", &arena, &copy, &problems), 0);
	assert_ptr_not_equal(copy->actions.items, actions);
	assert_int_equal(copy->actions.stride, sizeof(struct ocppd_action));
	assert_ptr_not_equal(copy->actions.items[0].req.items, boot_req);
	assert_ptr_not_equal(copy->actions.items[0].req.items[0].fields.items, model);
	assert_string_equal(copy->actions.items[0].req.items[0].fields.items[0].name, "model");
	assert_ptr_equal(copy->actions.items[0].on_call, on_call);
	assert_int_equal(ocppd_plugin_check(&good, NULL), 0);
	arena_fini(&arena);
}

/* A descriptor of a later minor, whose structs have grown. */
struct newer_option {
	struct ocppd_option option;
	uint64_t later;
};
struct newer_plugin {
	struct ocppd_plugin plugin;
	uint64_t later;
};

static void
import_newer_layout_passes_while_its_tail_is_zero(void **state)
{
	struct newer_option rows[2] = { { .option = options[0] }, { .option = options[0] } };
	struct newer_plugin newer = { .plugin = good };
	const struct ocppd_plugin *copy = NULL;
	struct problems problems = { 0 };
	struct arena arena = { 0 };

	(void)state;
	rows[1].option.name = "second";
	newer.plugin.guard.struct_size = sizeof(newer);
	newer.plugin.options.items = &rows[0].option;
	newer.plugin.options.count = 2;
	newer.plugin.options.stride = sizeof(rows[0]);
	assert_int_equal(plugin_import(&newer.plugin, NULL, &arena, &copy, &problems), 0);
	assert_int_equal(copy->options.stride, sizeof(struct ocppd_option));
	assert_string_equal(copy->options.items[1].name, "second");

	rows[1].later = 1;
	newer.later = 1;
	assert_int_equal(plugin_import(&newer.plugin, NULL, &arena, &copy, &problems),
			 OCPPD_EVERSION);
	assert_int_equal(problems.count, 2);
	assert_string_equal(problems.items[0].text,
			    "module good: its descriptor sets a member that this daemon does not "
			    "know; update ocppd");
	assert_string_equal(problems.items[1].text,
			    "module good: sets a member that this daemon does not know; update "
			    "ocppd");
	problems_fini(&problems);
	arena_fini(&arena);
}

static void
import_bad_guard_is_refused(void **state)
{
	static const struct {
		struct ocppd_guard guard;
		const char *text;
	} cases[] = {
		{ { 0, 1, 0, sizeof(struct ocppd_plugin), 0 },
		  "module good: its descriptor begins with 0x00000000, not with the magic "
		  "0x4f435044; begin it with OCPPD_GUARD" },
		{ { OCPPD_ABI_MAGIC, 2, 0, sizeof(struct ocppd_plugin), 0 },
		  "module good: is built for ABI 2, this daemon has 1.0; build it with this daemon's "
		  "headers" },
		{ { OCPPD_ABI_MAGIC, 1, 7, sizeof(struct ocppd_plugin), 0 },
		  "module good: needs ABI 1.7, this daemon has 1.0; update ocppd, or build the module "
		  "with -DOCPPD_USE_MINOR=0" },
		{ { OCPPD_ABI_MAGIC, 1, 0, sizeof(struct ocppd_plugin), 1 },
		  "module good: its guard's reserved member is not 0; use OCPPD_GUARD" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ocppd_plugin bad = good;
		const struct ocppd_plugin *copy = NULL;
		struct problems problems = { 0 };
		struct arena arena = { 0 };

		bad.guard = cases[i].guard;
		assert_true(plugin_import(&bad, "good", &arena, &copy, &problems) < 0);
		assert_int_equal(problems.count, 1);
		assert_string_equal(problems.items[0].text, cases[i].text);
		problems_fini(&problems);
		arena_fini(&arena);
	}
}

static void
refused(const struct ocppd_plugin *plugin, const char *text)
{
	struct ocppd_error err = { 0 };

	assert_true(ocppd_plugin_check(plugin, &err) < 0);
	assert_string_equal(err.text, text);
}

static void
import_bad_option_is_refused(void **state)
{
	static const char *const none[] = { NULL };
	static const struct {
		struct ocppd_option option;
		const char *text; /* behind `module good: options[0] "…": ` */
	} cases[] = {
		{ { "p", OCPPD_CONF_INT, 0, 0 },
		  "has no doc; say in one sentence what the option does" },
		{ { "P", OCPPD_CONF_INT, 0, 0, .doc = "x" },
		  "an option's name is made of a-z, 0-9 and _" },
		{ { "module", OCPPD_CONF_STRING, 0, 0, .doc = "x" },
		  "the name is the loader's own in every module's section; choose another" },
		{ { "p", 99, 0, 0, .doc = "x" }, "type 99 is unknown to this daemon" },
		{ { "p", OCPPD_CONF_INT, 0x80, 0, .doc = "x" },
		  "flag 0x80 is unknown to this daemon (ABI 1.0); update ocppd" },
		{ { "p", OCPPD_CONF_INT, 0, 8, .doc = "x" },
		  "its member ends at byte 16 of a struct of 8; set conf_size, or item_size, to sizeof "
		  "the struct" },
		{ { "p", OCPPD_CONF_BOOL, 0, 3, .doc = "x" },
		  "offset 3 is not aligned for its type" },
		{ { "p", OCPPD_CONF_INT, 0, 0, .min = 5, .max = 1, .doc = "x" },
		  "min 5 is above max 1" },
		{ { "p", OCPPD_CONF_INT, 0, 0, .min = 1, .max = 2, .def = "7", .doc = "x" },
		  "its default \"7\" is refused: 7 is above the maximum 2" },
		{ { "p", OCPPD_CONF_INT, OCPPD_OPTION_REQUIRED, 0, .def = "7", .doc = "x" },
		  "is required and has a default; leave one out" },
		{ { "p", OCPPD_CONF_ENUM, 0, 0, .one_of = none, .doc = "x" },
		  "is an enumeration without one_of" },
		{ { "p", OCPPD_CONF_SECTION, 0, 0, .item_size = 8, .doc = "x" },
		  "is a section without options" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ocppd_plugin bad = good;
		char text[512];

		bad.options.items = &cases[i].option;
		(void)snprintf(text, sizeof(text), "module good: options[0] \"%s\": %s",
			       cases[i].option.name, cases[i].text);
		refused(&bad, text);
	}
}

static void
import_bad_tables_are_refused(void **state)
{
	static const struct ocppd_action twice[] = {
		{ "ocpp1.6", "Reset", OCPPD_TO_STATION },
		{ "ocpp1.6", "Reset", OCPPD_TO_STATION | OCPPD_FROM_STATION, .on_call = on_call },
	};
	static const struct ocppd_statement statements[] = { { "s", "SELECT 1", 0, 0 } };
	struct ocppd_plugin bad = good;

	(void)state;
	bad.actions.stride = 8;
	refused(&bad, "module good: actions: a stride of 8 bytes is below the row's 80; use "
		      "OCPPD_TABLE");
	bad = good;
	bad.actions.items = NULL;
	refused(&bad, "module good: actions: items is NULL with a count of 2");
	bad = good;
	bad.actions.count = 1000000;
	refused(&bad, "module good: actions: 1000000 rows; at most 512 are allowed");
	bad = good;
	bad.actions.stride = sizeof(struct ocppd_action) + 4;
	refused(&bad, "module good: actions: rows at a stride of 92 bytes are not aligned; use "
		      "OCPPD_TABLE");
	bad = good;
	bad.actions.items = twice;
	refused(&bad, "module good: actions[1] \"Reset\": row 0 has the same name; leave one out");
	bad = good;
	bad.statements.items = statements;
	bad.statements.count = 1;
	bad.statements.stride = sizeof(statements[0]);
	refused(&bad, "module good: has migrations or statements but does not need "
		      "\"ocppd.storage\"; add the row to its needs");
	bad = good;
	bad.name = NULL;
	refused(&bad, "module in memory: its descriptor has no name");
	bad = good;
	bad.reload = NULL;
	refused(&bad, "module good: option \"port\" is OCPPD_RELOADABLE but there is no reload "
		      "function; add it, or take the flag away");
	assert_int_equal(ocppd_plugin_check(NULL, NULL), OCPPD_EINVAL);
}

/* A table that holds itself must not be followed for ever. */
static void
import_endless_table_is_refused(void **state)
{
	struct ocppd_field field = { "f", OCPPD_T_OBJECT };
	struct ocppd_action action = actions[0];
	struct ocppd_plugin bad = good;
	struct ocppd_error err = { 0 };

	(void)state;
	field.fields.items = &field;
	field.fields.count = 1;
	field.fields.stride = sizeof(field);
	action.req.items = &field;
	action.req.count = 1;
	action.req.stride = sizeof(field);
	bad.actions.items = &action;
	bad.actions.count = 1;
	assert_true(ocppd_plugin_check(&bad, &err) < 0);
	assert_non_null(strstr(err.text, "tables are nested deeper than 12 levels"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(import_good_descriptor_is_copied_deeply),
		cmocka_unit_test(import_newer_layout_passes_while_its_tail_is_zero),
		cmocka_unit_test(import_bad_guard_is_refused),
		cmocka_unit_test(import_bad_option_is_refused),
		cmocka_unit_test(import_bad_tables_are_refused),
		cmocka_unit_test(import_endless_table_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
