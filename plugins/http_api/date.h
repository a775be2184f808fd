/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef HTTP_API_DATE_H
#define HTTP_API_DATE_H

#include <stdint.h>

#define DATE_SIZE 40

/* "Sun, 06 Nov 1994 08:49:37 GMT", or "" for a time outside the years 1970 to 9999. */
void date_format(int64_t time_us, char ret_text[DATE_SIZE]);

#endif
