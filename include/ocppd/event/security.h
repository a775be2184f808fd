/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_EVENT_SECURITY_H
#define OCPPD_EVENT_SECURITY_H

/*
 * Something that looks like an attack or a misuse; several modules publish it, with the same table:
 * {type: "transaction-id-of-another-station", …; text: one sentence for people}. The station, if
 * one is concerned, is the event's.
 */
#define OCPPD_EVENT_SECURITY "security.event"

/* The table of its body, for the publisher's descriptor. */
#define OCPPD_EVENT_SECURITY_FIELDS                                                                \
	{                                                                                          \
		{ "type", OCPPD_T_STRING, OCPPD_REQUIRED },                                        \
			{ "text", OCPPD_T_STRING, OCPPD_REQUIRED },                                \
	}

#endif
