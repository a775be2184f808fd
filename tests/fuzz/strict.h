/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_TESTS_STRICT_H
#define OCPPD_TESTS_STRICT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether the text is one JSON value by RFC 8259, of ASCII, without blanks outside of strings:
 * what the daemon may send. Written apart from the parsers under test, which are more lenient.
 */
bool strict_json(const char *text, size_t len);

#endif
