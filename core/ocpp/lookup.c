/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Reading published action tables, in any thread that holds one, and the protocols' names for
 * errors. Must not reach any state that is not in the table.
 */
#include "ocpp/actions.h"

#include "base/text.h"

static const struct action_protocol *
protocol_find(const struct action_table *table, const char *protocol)
{
	for (uint32_t i = 0; i < table->protocol_count; i++) {
		const struct action_protocol *at = &table->protocols[i];

		if (at->name == protocol || str_eq(at->name, protocol))
			return at;
	}
	return NULL;
}

const struct action_row *
action_find(const struct action_table *table, const char *protocol, const char *name,
	    uint32_t direction)
{
	const struct action_protocol *at = protocol_find(table, protocol);

	if (at == NULL || name == NULL)
		return NULL;
	return map_find(direction == OCPPD_FROM_STATION ? &at->from : &at->to, name);
}

const struct action_word *
action_word_find(const struct action_table *table, const char *protocol, const char *name)
{
	const struct action_protocol *at = protocol_find(table, protocol);

	return at != NULL && name != NULL ? map_find(&at->words, name) : NULL;
}

/* OCPP-J 1.6 section 4.2.3, spelt as there. Later protocols mended two of the names. */
const char *
ocppd_callerror_name(const char *protocol, uint32_t code)
{
	static const char *const names[OCPPD_CALLERROR_COUNT] = {
		[0] = "GenericError",
		[OCPPD_CALLERROR_NOT_IMPLEMENTED] = "NotImplemented",
		[OCPPD_CALLERROR_NOT_SUPPORTED] = "NotSupported",
		[OCPPD_CALLERROR_INTERNAL] = "InternalError",
		[OCPPD_CALLERROR_PROTOCOL] = "ProtocolError",
		[OCPPD_CALLERROR_SECURITY] = "SecurityError",
		[OCPPD_CALLERROR_FORMATION] = "FormationViolation",
		[OCPPD_CALLERROR_PROPERTY] = "PropertyConstraintViolation",
		[OCPPD_CALLERROR_OCCURRENCE] = "OccurenceConstraintViolation",
		[OCPPD_CALLERROR_TYPE] = "TypeConstraintViolation",
		[OCPPD_CALLERROR_GENERIC] = "GenericError",
	};
	bool is_old = protocol == NULL || strncmp(protocol, "ocpp1.", 6) == 0;

	if (!is_old && code == OCPPD_CALLERROR_FORMATION)
		return "FormatViolation";
	if (!is_old && code == OCPPD_CALLERROR_OCCURRENCE)
		return "OccurrenceConstraintViolation";
	return code < OCPPD_CALLERROR_COUNT ? names[code] : names[0];
}
