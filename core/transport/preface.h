/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_TRANSPORT_PREFACE_H
#define OCPPD_TRANSPORT_PREFACE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The header of the PROXY protocol, versions 1 and 2, which a proxy sends before the bytes of its
 * client: whose they are. Pure.
 */
#define PREFACE_MAX 1024 /* bytes: addresses, and what version 2 adds to them */

struct preface {
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} client;
	bool has_client; /* else it is the proxy's own connection, or it knows of none */
	bool is_secure;  /* the client came to the proxy by TLS */
};

/*
 * Reads the header at the beginning of data. Returns its length, *ret_preface is filled then; 0:
 * there is more of it to come; OCPPD_EINVAL: this is none, and no more bytes make it one; *ret_why
 * says why.
 */
int preface_parse(const uint8_t *data, size_t len, struct preface *ret_preface,
		  const char **ret_why);

#endif
