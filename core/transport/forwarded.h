/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_TRANSPORT_FORWARDED_H
#define OCPPD_TRANSPORT_FORWARDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Reverse proxies (quirk A15): whom to believe, and what they say of the client. Pure functions.
 *
 * Addresses are 16 bytes; IPv4 as IPv6 has it, ::ffff:a.b.c.d.
 */
#define ADDRESS_BYTES 16
#define FORWARDED_TEXT_SIZE 46 /* INET6_ADDRSTRLEN */

struct network {
	uint8_t bytes[ADDRESS_BYTES];
	uint32_t bits;
};

/* "10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "[::1]". Returns 0 or OCPPD_EINVAL. */
int network_parse(const char *text, struct network *ret_network);
bool network_has(const struct network *networks, uint32_t count,
		 const uint8_t address[ADDRESS_BYTES]);
struct sockaddr;
/* Returns 0, or OCPPD_EINVAL: neither IPv4 nor IPv6. */
int address_of(const struct sockaddr *addr, uint8_t ret_address[ADDRESS_BYTES]);

struct client {
	char address[FORWARDED_TEXT_SIZE]; /* "": nothing was said */
	uint16_t port;                     /* 0: not told */
	bool is_secure;                    /* it came by https or wss */
};
/*
 * The client in a header's list: the last that is no proxy of ours, since what stands before it
 * was said by somebody unknown. An element that is no address ends the search.
 *
 * x_forwarded_for and proto are X-Forwarded-For and X-Forwarded-Proto; forwarded is that of
 * RFC 7239. "" where the header is missing.
 */
void client_from_list(const char *x_forwarded_for, const char *proto, const struct network *proxies,
		      uint32_t count, struct client *ret_client);
void client_from_forwarded(const char *forwarded, const struct network *proxies, uint32_t count,
			   struct client *ret_client);

#endif
