/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_ADDRESS_H
#define OCPPD_ADDRESS_H

/*
 * Numeric addresses of a module's own TCP listeners and of their peers. Any thread.
 */
#include <ocppd/abi.h>
#include <ocppd/error.h>

OCPPD_BEGIN_DECLS

struct sockaddr;
struct sockaddr_storage;

#define OCPPD_ADDRESS_SIZE 80 /* bytes of an address as text, NUL included */

/* Reads an IPv4 or IPv6 address; "[::1]" and "::1" are the same. Returns the length of what it
 * wrote, or OCPPD_EINVAL. */
OCPPD_API int ocppd_address_parse(const char *text, int64_t port,
				  struct sockaddr_storage *ret_address);
/* Writes "192.0.2.1:8180" or "[2001:db8::1]:8180"; an IPv4 address within IPv6 as the former.
 * Returns the length; OCPPD_EINVAL, and "" in ret_text, for what is neither. */
OCPPD_API int ocppd_address_format(const struct sockaddr *address,
				   char ret_text[OCPPD_ADDRESS_SIZE]);

#define OCPPD_BIND_V6ONLY 0x1u /* [::] stands beside 0.0.0.0, and does not take its connections */
/*
 * A socket for a listener: bound, closed on exec, not blocking, not listening yet. port 0 means any
 * that is free. Returns 0, OCPPD_EINVAL (no address) or OCPPD_EIO, with the reason in err.
 */
OCPPD_API int ocppd_socket_bind(const char *address, int64_t port, uint32_t flags, int *ret_fd,
				struct ocppd_error *err);
/* Where it is bound, as ocppd_address_format writes it. */
OCPPD_API int ocppd_socket_name(int fd, char ret_text[OCPPD_ADDRESS_SIZE]);

OCPPD_END_DECLS
#endif
