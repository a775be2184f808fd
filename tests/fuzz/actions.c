/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The action table of the fuzz targets, compiled as the core compiles a module's.
 */
#include "actions.h"

#include "fuzz.h"
#include "ocpp/quirks.h"
#include "ocpp/schema.h"

#define ITEMS_MAX 16

static const char *const units[] = { "Wh", "kWh", "Celcius", NULL };
static const char *const states[] = { "Available", "SuspendedEV", "Faulted", NULL };
static const char *const errors[] = { "NoError", "OtherError", NULL };

static const struct ocppd_field authorize[] = {
	{ "idTag", OCPPD_T_STRING, OCPPD_REQUIRED | OCPPD_CI, .max = 20 },
};
static const struct ocppd_field status[] = {
	{ "connectorId", OCPPD_T_INTEGER, OCPPD_REQUIRED | OCPPD_KEY, .max = 64 },
	{ "errorCode", OCPPD_T_STRING, OCPPD_REQUIRED | OCPPD_KEY, .one_of = errors,
	  .fallback = "OtherError" },
	{ "status", OCPPD_T_STRING, OCPPD_REQUIRED | OCPPD_KEY, .one_of = states },
	{ "timestamp", OCPPD_T_TIMESTAMP },
	{ "info", OCPPD_T_STRING, .max = 50 },
};
static const struct ocppd_field sampled[] = {
	{ "value", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "unit", OCPPD_T_STRING, .one_of = units },
};
static const struct ocppd_field meter_value[] = {
	{ "timestamp", OCPPD_T_TIMESTAMP, OCPPD_REQUIRED },
	{ "sampledValue", OCPPD_T_OBJECT, OCPPD_REQUIRED | OCPPD_LIST | OCPPD_NONEMPTY,
	  .fields = OCPPD_TABLE(sampled) },
};
static const struct ocppd_field meter_values[] = {
	{ "connectorId", OCPPD_T_INTEGER, OCPPD_REQUIRED | OCPPD_KEY, .max = 64 },
	{ "transactionId", OCPPD_T_INTEGER },
	{ "meterValue", OCPPD_T_OBJECT, OCPPD_REQUIRED | OCPPD_LIST | OCPPD_NONEMPTY,
	  .fields = OCPPD_TABLE(meter_value) },
};
static const struct ocppd_field period[] = {
	{ "limit", OCPPD_T_DECIMAL, OCPPD_REQUIRED },
	{ "factor", OCPPD_T_NUMBER },
};
static const struct ocppd_field profile[] = {
	{ "id", OCPPD_T_INTEGER, OCPPD_REQUIRED | OCPPD_FILLED, .min = -5, .max = 5 },
	{ "location", OCPPD_T_URI, OCPPD_NULLABLE, .max = 512 },
	{ "readonly", OCPPD_T_BOOLEAN, OCPPD_REQUIRED },
	{ "data", OCPPD_T_ANY },
	{ "key", OCPPD_T_STRING, OCPPD_LIST, .max = 50, .max_items = 2 },
	{ "period", OCPPD_T_OBJECT, OCPPD_LIST, .fields = OCPPD_TABLE(period) },
};

#define TABLE(rows)                                                                                \
	{                                                                                          \
		OCPPD_TABLE(rows)                                                                  \
	}
static const struct ocppd_fields tables[ACTIONS_COUNT] = {
	TABLE(authorize),
	TABLE(status),
	TABLE(meter_values),
	TABLE(profile),
};
static const char *const names[ACTIONS_COUNT] = {
	"Authorize",
	"StatusNotification",
	"MeterValues",
	"SetProfile",
};
static const uint32_t flags[ACTIONS_COUNT] = {
	[1] = OCPPD_ACTION_KEEP,
	[2] = OCPPD_ACTION_KEEP | OCPPD_ACTION_ONCE,
	[3] = OCPPD_ACTION_KEEP,
};

void
actions_bed_init(struct actions_bed *bed)
{
	memset(bed, 0, sizeof(*bed));
	bed->protocol.name = "ocpp1.6";
	for (uint32_t i = 0; i < ACTIONS_COUNT; i++) {
		struct action_row *row = &bed->rows[i];

		row->direction = OCPPD_FROM_STATION;
		row->flags = flags[i];
		row->name = fuzz_text((const uint8_t *)names[i], strlen(names[i]));
		OCPPD_ASSERT(schema_new(&tables[i], &row->req, NULL) == 0);
		OCPPD_ASSERT(map_put(&bed->protocol.from, row->name, row) == 0);
	}
	bed->table.protocols = &bed->protocol;
	bed->table.protocol_count = 1;
}

void
actions_bed_fini(struct actions_bed *bed)
{
	map_fini(&bed->protocol.from);
	for (uint32_t i = 0; i < ACTIONS_COUNT; i++) {
		schema_free(bed->rows[i].req);
		free(bed->rows[i].name);
	}
}

const struct ocppd_fields *
actions_bed_fields(uint32_t i)
{
	return &tables[i % ACTIONS_COUNT];
}

struct quirks *
actions_bed_quirks(char *words, bool *ret_is_strict)
{
	const char *items[ITEMS_MAX];
	struct quirks *quirks = NULL;
	struct ocppd_error err = { 0 };
	uint32_t count = 0;
	char *word;

	*ret_is_strict = false;
	while ((word = strsep(&words, " ")) != NULL) {
		if (strcmp(word, "strict") == 0)
			*ret_is_strict = true;
		else if (count < ITEMS_MAX && *word != '\0')
			items[count++] = word;
	}
	if (quirks_new(items, count, *ret_is_strict, &quirks, &err) == 0)
		return quirks;
	OCPPD_ASSERT(quirks == NULL && err.text[0] != '\0');
	return NULL;
}
