/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Copies of readings, for as long as something is looked up before they can be stored.
 */
#include "transactions.h"

#include <stdlib.h>
#include <string.h>

/* Copies are ours, though the structs call their texts const. */
static void
drop(const char *text)
{
	free((void *)(uintptr_t)text);
}

void
readings_free(struct ocppd_reading *readings, uint32_t count)
{
	for (uint32_t i = 0; readings != NULL && i < count; i++) {
		for (uint32_t k = 0; k < readings[i].count; k++) {
			const struct ocppd_sampled *value = &readings[i].values[k];

			drop(value->value);
			drop(value->context);
			drop(value->format);
			drop(value->measurand);
			drop(value->phase);
			drop(value->location);
			drop(value->unit);
		}
		free((void *)(uintptr_t)readings[i].values);
		drop(readings[i].raw_time);
	}
	free(readings);
}

static int
dup_text(const char *text, const char **ret)
{
	*ret = text == NULL ? NULL : strdup(text);
	return text != NULL && *ret == NULL ? OCPPD_ENOMEM : 0;
}

static int
dup_sampled(const struct ocppd_sampled *from, struct ocppd_sampled *to)
{
	int r = 0;

	r |= dup_text(from->value, &to->value);
	r |= dup_text(from->context, &to->context);
	r |= dup_text(from->format, &to->format);
	r |= dup_text(from->measurand, &to->measurand);
	r |= dup_text(from->phase, &to->phase);
	r |= dup_text(from->location, &to->location);
	r |= dup_text(from->unit, &to->unit);
	return r < 0 ? OCPPD_ENOMEM : 0;
}

static int
dup_reading(const struct ocppd_reading *from, struct ocppd_reading *to)
{
	struct ocppd_sampled *values = calloc(from->count + 1, sizeof(*values));
	int r;

	if (values == NULL)
		return OCPPD_ENOMEM;
	*to = *from;
	to->values = values;
	to->raw_time = NULL;
	r = dup_text(from->raw_time, &to->raw_time);
	for (uint32_t k = 0; r >= 0 && k < from->count; k++)
		r = dup_sampled(&from->values[k], &values[k]);
	return r;
}

int
readings_dup(const struct ocppd_reading *readings, uint32_t count, struct ocppd_reading **ret)
{
	struct ocppd_reading *copies = calloc(count + 1, sizeof(*copies));
	int r = copies == NULL ? OCPPD_ENOMEM : 0;

	for (uint32_t i = 0; r >= 0 && i < count; i++)
		r = dup_reading(&readings[i], &copies[i]);
	if (r < 0) {
		readings_free(copies, count);
		return r;
	}
	*ret = copies;
	return 0;
}
