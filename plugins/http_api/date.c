/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Dates as HTTP writes them (RFC 9110, section 5.6.7), in terms of the core's own formatter.
 */
#include "date.h"

#include <ocppd/time.h>

#include <stdio.h>
#include <string.h>

#define DAY_US INT64_C(86400000000)

void
date_format(int64_t time_us, char ret_text[DATE_SIZE])
{
	static const char *const days[] = { "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed" };
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	char text[OCPPD_TIME_SIZE];
	int month;

	ret_text[0] = '\0';
	if (time_us < 0 || ocppd_time_format(time_us, text) < 0)
		return;

	/* 1994-11-06T08:49:37.000Z */
	month = (text[5] - '0') * 10 + (text[6] - '0');
	if (month < 1 || month > 12)
		return;
	(void)snprintf(ret_text, DATE_SIZE, "%s, %.2s %s %.4s %.8s GMT", days[time_us / DAY_US % 7],
		       text + 8, months[month - 1], text, text + 11);
}
