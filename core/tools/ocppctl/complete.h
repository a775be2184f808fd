/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPCTL_COMPLETE_H
#define OCPPCTL_COMPLETE_H

#include "base/buf.h"
#include "http.h"
#include "spec.h"

/* Writes what the last of the words (which may be empty or begun) can become, one a line. server:
 * asked for the names of things, such as stations; NULL: none are offered. */
void complete(struct buf *out, const struct spec *spec, const struct http_server *server,
	      char *const *words, size_t count);

#endif
