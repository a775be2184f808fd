/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* Services: registering, choosing, versions, border copies, and those for many; beats besides. */
#include "runtime_fixture.h"

#include "runtime/beats.h"

struct ops {
	uint32_t struct_size;
	uint32_t reserved;
	int (*first)(void *self);
};

/* What a user knows who was built with newer headers. */
struct newer_ops {
	struct ops known;
	int (*later[60])(void *self);
};

static int
say_one(void *self)
{
	(void)self;
	return 1;
}

static const struct ops ops = { sizeof(ops), 0, say_one };
static const struct ops empty_ops = { 4, 0, NULL };

static const struct ocppd_provide provides_10[] = { { "x.store", 1, 0, 0, &ops } };
static const struct ocppd_provide provides_12[] = { { "x.store", 1, 2, 0, &ops } };
static const struct ocppd_provide provides_many[] = { { "x.many", 1, 0, OCPPD_MANY, &ops } };
static const struct ocppd_need needs[] = {
	{ "x.store", 1, 1, 0, NULL },
	{ "x.maybe", 1, 0, OCPPD_OPTIONAL, NULL },
	{ "x.many", 1, 0, OCPPD_MANY, NULL },
};
static const struct ocppd_plugin old_plugin = {
	.guard = OCPPD_GUARD, .name = "old", .version = "1", .provides = OCPPD_TABLE(provides_10)
};
static const struct ocppd_plugin new_plugin = {
	.guard = OCPPD_GUARD, .name = "new", .version = "1", .provides = OCPPD_TABLE(provides_12)
};
static const struct ocppd_plugin many_plugin = {
	.guard = OCPPD_GUARD, .name = "many", .version = "1", .provides = OCPPD_TABLE(provides_many)
};
static const struct ocppd_plugin user_plugin = {
	.guard = OCPPD_GUARD, .name = "user", .version = "1", .needs = OCPPD_TABLE(needs)
};

struct world {
	struct fixture fixture;
	struct ocppd_host old;
	struct ocppd_host new;
	struct ocppd_host user;
	struct ocppd_host many[3];
	char heard[64];
};

static void
world_init(struct world *world)
{
	static const char *const names[] = { "m0", "m1", "m2" };

	*world = (struct world){ 0 };
	fixture_init(&world->fixture, true);
	fixture_host(&world->fixture, &world->old, "old", &old_plugin);
	fixture_host(&world->fixture, &world->new, "new", &new_plugin);
	fixture_host(&world->fixture, &world->user, "user", &user_plugin);
	for (size_t i = 0; i < 3; i++) {
		fixture_host(&world->fixture, &world->many[i], names[i], &many_plugin);
		assert_int_equal(host_register(&world->many[i], NULL), 0);
	}
	world->new.ctx = &world->new;
}

static void
world_fini(struct world *world)
{
	fixture_host_stop(&world->user);
	fixture_host_stop(&world->old);
	fixture_host_stop(&world->new);
	for (size_t i = 0; i < 3; i++)
		fixture_host_stop(&world->many[i]);
	fixture_fini(&world->fixture);
}

static const char *
choose_new(const struct ocppd_core *core, const char *service, uint32_t i)
{
	(void)core;
	return i == 0 && strcmp(service, "x.store") == 0 ? "new" : NULL;
}

static const char *
choose_order(const struct ocppd_core *core, const char *service, uint32_t i)
{
	static const char *const order[] = { "m2", "absent", "m0" };

	(void)core;
	return i < 3 && strcmp(service, "x.many") == 0 ? order[i] : NULL;
}

static void
service_got_has_zeroes_behind(void **state)
{
	struct world world;
	const void *got;
	const struct newer_ops *newer;
	void *self;

	(void)state;
	world_init(&world);
	assert_int_equal(host_register(&world.new, NULL), 0);
	assert_int_equal(ocppd_service_get(&world.user, "x.store", 1, 1, &got, &self), 0);
	assert_ptr_equal(self, &world.new);
	assert_ptr_not_equal(got, &ops);
	newer = got;
	assert_int_equal(newer->known.first(self), 1);
	for (size_t i = 0; i < 60; i++)
		assert_null(newer->later[i]);
	world_fini(&world);
}

static void
service_get_refusals(void **state)
{
	struct world world;
	const void *got = NULL;
	void *self = NULL;

	(void)state;
	world_init(&world);
	assert_int_equal(ocppd_service_get(&world.user, "x.store", 1, 0, &got, &self),
			 OCPPD_ENOENT);
	assert_int_equal(host_register(&world.new, NULL), 0);
	assert_int_equal(ocppd_service_get(&world.user, "x.other", 1, 0, &got, &self),
			 OCPPD_EINVAL);
	assert_int_equal(ocppd_service_get(&world.user, "x.store", 2, 0, &got, &self),
			 OCPPD_EVERSION);
	assert_int_equal(ocppd_service_get(&world.user, "x.store", 1, 3, &got, &self),
			 OCPPD_EVERSION);
	world.user.state = HOST_INITIALISED;
	assert_int_equal(ocppd_service_get(&world.user, "x.store", 1, 0, &got, &self),
			 OCPPD_ESTATE);
	world.user.state = HOST_STARTING;
	assert_int_equal(ocppd_service_get(&world.user, "x.store", 1, 0, &got, &self), 0);
	world.new.state = HOST_INITIALISED;
	assert_int_equal(ocppd_service_get(&world.user, "x.store", 1, 0, &got, &self),
			 OCPPD_ENOENT);
	world_fini(&world);
}

static void
service_of_two_needs_a_choice(void **state)
{
	struct world world;
	struct ocppd_error err = { 0 };
	const void *got;
	void *self;

	(void)state;
	world_init(&world);
	assert_int_equal(services_check_needs(&world.user, &err), OCPPD_ENOENT);
	assert_string_equal(err.text, "nobody provides the service 'x.store'");
	assert_int_equal(host_register(&world.old, NULL), 0);
	assert_int_equal(services_check_needs(&world.user, &err), OCPPD_EVERSION);
	assert_string_equal(err.text, "needs the service 'x.store' 1.1, but old provides 1.0");
	assert_int_equal(host_register(&world.new, NULL), 0);
	assert_int_equal(services_check_needs(&world.user, &err), OCPPD_ECONFLICT);
	assert_string_equal(err.text, "old and new both provide the service 'x.store': choose one "
				      "under 'services:'");
	services_set_choice(&world.fixture.core, choose_new);
	assert_int_equal(services_check_needs(&world.user, &err), 0);
	assert_int_equal(ocppd_service_get(&world.user, "x.store", 1, 2, &got, &self), 0);
	assert_ptr_equal(self, &world.new);
	host_unregister(&world.new);
	assert_int_equal(services_check_needs(&world.user, &err), OCPPD_ENOENT);
	assert_string_equal(err.text, "new, which 'services:' names, does not provide the service "
				      "'x.store'");
	world_fini(&world);
}

static void
service_registered_badly_is_refused(void **state)
{
	static const struct ocppd_provide small = { "x.small", 1, 0, 0, &empty_ops };
	static const struct ocppd_provide none = { "x.none", 1, 0, 0, NULL };
	struct world world;
	struct ocppd_error err = { 0 };

	(void)state;
	world_init(&world);
	assert_int_equal(services_provide(&world.fixture.core, &world.new, &small, &err),
			 OCPPD_EINVAL);
	assert_string_equal(err.text,
			    "new provides the service 'x.small' with a struct of 4 bytes");
	assert_int_equal(services_provide(&world.fixture.core, &world.new, &none, &err),
			 OCPPD_EINVAL);
	assert_int_equal(host_register(&world.new, NULL), 0);
	assert_int_equal(services_provide(&world.fixture.core, &world.new, &provides_12[0], &err),
			 OCPPD_EEXIST);
	world_fini(&world);
}

static int
on_provider(const char *provider, const void *provided, void *self, void *arg)
{
	struct world *world = arg;
	size_t len = strlen(world->heard);

	(void)self;
	assert_non_null(provided);
	(void)snprintf(world->heard + len, sizeof(world->heard) - len, "%s ", provider);
	return strcmp(provider, "m1") == 0 ? 7 : 0;
}

static void
service_of_many_walks_choice_then_load_order(void **state)
{
	struct world world;

	(void)state;
	world_init(&world);
	assert_int_equal(ocppd_service_each(&world.user, "x.many", 1, on_provider, &world), 7);
	assert_string_equal(world.heard, "m0 m1 ");
	world.heard[0] = '\0';
	services_set_choice(&world.fixture.core, choose_order);
	assert_int_equal(ocppd_service_each(&world.user, "x.many", 1, on_provider, &world), 7);
	assert_string_equal(world.heard, "m2 m0 m1 ");
	world.heard[0] = '\0';
	world.many[2].state = HOST_STARTING;
	world.many[1].state = HOST_STOPPING;
	assert_int_equal(ocppd_service_each(&world.user, "x.many", 1, on_provider, &world), 0);
	assert_string_equal(world.heard, "m0 ");
	world.heard[0] = '\0';
	assert_int_equal(ocppd_service_each(&world.user, "x.many", 2, on_provider, &world), 0);
	assert_string_equal(world.heard, "");
	world_fini(&world);
}

static void
beat_silent_while_busy_is_found(void **state)
{
	struct world world;
	struct ocppd_core *core;
	struct ocppd_beat *beat;
	const char *name = NULL;

	(void)state;
	world_init(&world);
	core = &world.fixture.core;
	beat = ocppd_beat_new(&world.user, "writer");
	assert_true(beats_all_alive(core, clock_mono_us(&core->clock), NULL));
	ocppd_beat_busy(beat);
	assert_true(beats_all_alive(core, clock_mono_us(&core->clock), &name));
	core_advance(core, 1000);
	assert_false(beats_all_alive(core, clock_mono_us(&core->clock), &name));
	assert_string_equal(name, "user/writer");
	assert_true(beats_all_alive(core, clock_mono_us(&core->clock) - 1000, NULL));
	ocppd_beat_idle(beat);
	assert_true(beats_all_alive(core, clock_mono_us(&core->clock), NULL));
	ocppd_beat_busy(beat);
	core_advance(core, 1000);
	host_revoke(&world.user);
	assert_true(beats_all_alive(core, clock_mono_us(&core->clock), NULL));
	ocppd_beat_free(NULL);
	world_fini(&world);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(service_got_has_zeroes_behind),
		cmocka_unit_test(service_get_refusals),
		cmocka_unit_test(service_of_two_needs_a_choice),
		cmocka_unit_test(service_registered_badly_is_refused),
		cmocka_unit_test(service_of_many_walks_choice_then_load_order),
		cmocka_unit_test(beat_silent_while_busy_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
