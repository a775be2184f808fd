/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef HTTP_API_ROWS_H
#define HTTP_API_ROWS_H

#include <ocppd/abi.h>

/* Row i of a table that came over the border: its rows may be longer than ours. */
static inline const void *
row_at(const void *items, uint32_t stride, uint32_t i)
{
	return (const char *)items + (size_t)stride * i;
}

#define ROW_AT(rows, i) row_at((rows).items, (rows).stride, (i))

#endif
