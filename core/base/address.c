/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Numeric addresses, and sockets that are bound to one. Resolves no names.
 */
#include <ocppd/address.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The address without its brackets. */
static int
bare_text(const char *text, char ret_bare[INET6_ADDRSTRLEN])
{
	size_t len = strlen(text);

	if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	if (len >= INET6_ADDRSTRLEN)
		return OCPPD_EINVAL;
	memcpy(ret_bare, text, len);
	ret_bare[len] = '\0';
	return 0;
}

int
ocppd_address_parse(const char *text, int64_t port, struct sockaddr_storage *ret_address)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	char bare[INET6_ADDRSTRLEN];

	if (port < 0 || port > UINT16_MAX || bare_text(text, bare) < 0)
		return OCPPD_EINVAL;
	if (inet_pton(AF_INET, bare, &in.sin_addr) == 1) {
		memset(ret_address, 0, sizeof(*ret_address));
		memcpy(ret_address, &in, sizeof(in));
		return (int)sizeof(in);
	}
	if (inet_pton(AF_INET6, bare, &in6.sin6_addr) != 1)
		return OCPPD_EINVAL;
	memset(ret_address, 0, sizeof(*ret_address));
	memcpy(ret_address, &in6, sizeof(in6));
	return (int)sizeof(in6);
}

int
ocppd_address_format(const struct sockaddr *address, char ret_text[OCPPD_ADDRESS_SIZE])
{
	char host[INET6_ADDRSTRLEN] = "";
	struct sockaddr_in6 in6;
	struct sockaddr_in in;

	ret_text[0] = '\0';
	if (address->sa_family == AF_INET) {
		memcpy(&in, address, sizeof(in));
		(void)inet_ntop(AF_INET, &in.sin_addr, host, sizeof(host));
		return snprintf(ret_text, OCPPD_ADDRESS_SIZE, "%s:%u", host, ntohs(in.sin_port));
	}
	if (address->sa_family != AF_INET6)
		return OCPPD_EINVAL;
	memcpy(&in6, address, sizeof(in6));
	if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr)) {
		(void)inet_ntop(AF_INET, &in6.sin6_addr.s6_addr[12], host, sizeof(host));
		return snprintf(ret_text, OCPPD_ADDRESS_SIZE, "%s:%u", host, ntohs(in6.sin6_port));
	}
	(void)inet_ntop(AF_INET6, &in6.sin6_addr, host, sizeof(host));
	return snprintf(ret_text, OCPPD_ADDRESS_SIZE, "[%s]:%u", host, ntohs(in6.sin6_port));
}

int
ocppd_socket_bind(const char *address, int64_t port, uint32_t flags, int *ret_fd,
		  struct ocppd_error *err)
{
	struct sockaddr_storage storage;
	int is_v6_only = (flags & OCPPD_BIND_V6ONLY) != 0;
	int len = ocppd_address_parse(address, port, &storage);
	int on = 1;
	int code;
	int fd;

	if (len < 0)
		return ocppd_error_option(err, OCPPD_EINVAL, "address", "%s is no IP address",
					  address);
	fd = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return ocppd_error_set(err, OCPPD_EIO, "cannot make a socket: %s",
				       strerrordesc_np(errno));
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (storage.ss_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &is_v6_only, sizeof(is_v6_only));
	if (bind(fd, (const struct sockaddr *)&storage, (socklen_t)len) == 0) {
		*ret_fd = fd;
		return 0;
	}
	code = errno;
	(void)close(fd);
	return ocppd_error_set(err, OCPPD_EIO, "cannot bind to %s port %lld: %s", address,
			       (long long)port, strerrordesc_np(code));
}

int
ocppd_socket_name(int fd, char ret_text[OCPPD_ADDRESS_SIZE])
{
	struct sockaddr_storage storage = { 0 };
	socklen_t len = sizeof(storage);

	ret_text[0] = '\0';
	if (getsockname(fd, (struct sockaddr *)&storage, &len) != 0)
		return OCPPD_EIO;
	return ocppd_address_format((const struct sockaddr *)&storage, ret_text);
}
