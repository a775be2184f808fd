/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/* What reverse proxies say of the client. Reads texts only; whom to ask for them is the gate's. */
#include "transport/forwarded.h"

#include <ocppd/error.h>

#include "base/text.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define ELEMENT_SIZE 128
#define PREFIX_BYTES 12 /* before an IPv4 address */

static const uint8_t mapped[PREFIX_BYTES] = { [10] = 0xff, [11] = 0xff };

/* ---- Addresses --------------------------------------------------------------------------- */

static int
address_parse(const char *text, uint8_t ret_address[ADDRESS_BYTES])
{
	uint8_t bytes[ADDRESS_BYTES];

	if (inet_pton(AF_INET, text, bytes) == 1) {
		memcpy(ret_address, mapped, PREFIX_BYTES);
		memcpy(ret_address + PREFIX_BYTES, bytes, ADDRESS_BYTES - PREFIX_BYTES);
		return 0;
	}
	if (inet_pton(AF_INET6, text, bytes) != 1)
		return OCPPD_EINVAL;
	memcpy(ret_address, bytes, ADDRESS_BYTES);
	return 0;
}

int
address_of(const struct sockaddr *addr, uint8_t ret_address[ADDRESS_BYTES])
{
	if (addr->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, addr, sizeof(in));
		memcpy(ret_address, mapped, PREFIX_BYTES);
		memcpy(ret_address + PREFIX_BYTES, &in.sin_addr, ADDRESS_BYTES - PREFIX_BYTES);
		return 0;
	}
	if (addr->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, addr, sizeof(in6));
		memcpy(ret_address, &in6.sin6_addr, ADDRESS_BYTES);
		return 0;
	}
	return OCPPD_EINVAL;
}

int
network_parse(const char *text, struct network *ret_network)
{
	struct network network;
	char address[ELEMENT_SIZE];
	int64_t bits;

	if (str_copy(address, sizeof(address), text[0] == '[' ? text + 1 : text) < 0)
		return OCPPD_EINVAL;
	char *slash = strchr(address, '/');
	if (slash)
		*slash = '\0';
	size_t len = strlen(address);
	if (text[0] == '[') {
		if (len == 0 || address[len - 1] != ']')
			return OCPPD_EINVAL;
		address[len - 1] = '\0';
	}
	if (address_parse(address, network.bytes) < 0)
		return OCPPD_EINVAL;
	bool is_ipv4 = strchr(address, ':') == NULL;
	int64_t most = is_ipv4 ? 32 : 128;
	bits = most;
	if (slash && parse_i64(slash + 1, 0, most, &bits) < 0)
		return OCPPD_EINVAL;
	network.bits = (uint32_t)bits + (is_ipv4 ? 96u : 0u);
	*ret_network = network;
	return 0;
}

static bool
is_within(const struct network *network, const uint8_t address[ADDRESS_BYTES])
{
	uint32_t whole = network->bits / 8;
	uint32_t rest = network->bits % 8;

	if (memcmp(network->bytes, address, whole) != 0)
		return false;
	return rest == 0 || (network->bytes[whole] ^ address[whole]) >> (8 - rest) == 0;
}

bool
network_has(const struct network *networks, uint32_t count, const uint8_t address[ADDRESS_BYTES])
{
	for (uint32_t i = 0; i < count; i++) {
		if (is_within(&networks[i], address))
			return true;
	}
	return false;
}

/* ---- Elements ---------------------------------------------------------------------------- */

/* The port behind an address, if any: digits, or a name that says nothing (RFC 7239). */
static int
port_parse(const char *text, uint16_t *ret_port)
{
	int64_t port = 0;

	if (text[0] == '\0')
		return 0;
	if (text[0] != ':')
		return OCPPD_EINVAL;
	if (text[1] != '_' && parse_i64(text + 1, 0, UINT16_MAX, &port) < 0)
		return OCPPD_EINVAL;
	*ret_port = (uint16_t)port;
	return 0;
}

/* "192.0.2.7", "192.0.2.7:4711", "2001:db8::7", "[2001:db8::7]:4711". */
static int
node_parse(char *text, uint8_t ret_address[ADDRESS_BYTES], uint16_t *ret_port)
{
	char *end;
	uint16_t port = 0;

	if (text[0] == '[') {
		end = strchr(text, ']');
		if (!end)
			return OCPPD_EINVAL;
		*end++ = '\0';
		text++;
		if (port_parse(end, &port) < 0)
			return OCPPD_EINVAL;
	} else if ((end = strchr(text, ':')) != NULL && !strchr(end + 1, ':')) {
		if (port_parse(end, &port) < 0)
			return OCPPD_EINVAL;
		*end = '\0';
	}
	if (address_parse(text, ret_address) < 0)
		return OCPPD_EINVAL;
	*ret_port = port;
	return 0;
}

static void
client_set(struct client *client, const uint8_t address[ADDRESS_BYTES], uint16_t port)
{
	bool is_ipv4 = memcmp(address, mapped, PREFIX_BYTES) == 0;

	(void)inet_ntop(is_ipv4 ? AF_INET : AF_INET6, is_ipv4 ? address + PREFIX_BYTES : address,
			client->address, sizeof(client->address));
	client->port = port;
}

/* Copies without the blanks round it, and without quotes. OCPPD_EINVAL: too long. */
static int
element_copy(const char *text, size_t len, char ret_text[ELEMENT_SIZE])
{
	size_t out = 0;

	while (len > 0 && (*text == ' ' || *text == '\t')) {
		text++;
		len--;
	}
	while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
		len--;
	if (len >= ELEMENT_SIZE)
		return OCPPD_EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (text[i] != '"')
			ret_text[out++] = text[i];
	}
	ret_text[out] = '\0';
	return 0;
}

/* Walks a list from its end. */
struct walk {
	const char *list;
	size_t end; /* of what is left, its comma included */
	bool is_over;
	const char *element;
	size_t len;
};

static void
walk_begin(struct walk *walk, const char *list)
{
	*walk = (struct walk){ .list = list, .end = strlen(list), .is_over = list[0] == '\0' };
}

static bool
walk_back(struct walk *walk)
{
	size_t begin = walk->end;

	if (walk->is_over)
		return false;
	while (begin > 0 && walk->list[begin - 1] != ',')
		begin--;
	walk->element = walk->list + begin;
	walk->len = walk->end - begin;
	walk->is_over = begin == 0;
	walk->end = begin == 0 ? 0 : begin - 1;
	return true;
}

static bool
is_secure_scheme(const char *scheme)
{
	return str_ci_eq(scheme, "https") || str_ci_eq(scheme, "wss");
}

/* Takes one more hop: true where the search goes on before it. */
static bool
take_hop(char *node, const struct network *proxies, uint32_t count, struct client *client)
{
	uint8_t address[ADDRESS_BYTES];
	uint16_t port;

	if (node_parse(node, address, &port) < 0)
		return false;
	client_set(client, address, port);
	return network_has(proxies, count, address);
}

void
client_from_list(const char *x_forwarded_for, const char *proto, const struct network *proxies,
		 uint32_t count, struct client *ret_client)
{
	char text[ELEMENT_SIZE];
	struct walk walk;

	memset(ret_client, 0, sizeof(*ret_client));
	walk_begin(&walk, x_forwarded_for);
	while (walk_back(&walk) && element_copy(walk.element, walk.len, text) == 0 &&
	       take_hop(text, proxies, count, ret_client))
		continue;
	/* What the proxy next to us added stands last. */
	walk_begin(&walk, proto);
	if (walk_back(&walk) && element_copy(walk.element, walk.len, text) == 0)
		ret_client->is_secure = is_secure_scheme(text);
}

/* The value of a parameter of an element of Forwarded. False: it is not there. */
static bool
parameter(const char *element, size_t len, const char *name, char ret_value[ELEMENT_SIZE])
{
	size_t name_len = strlen(name);
	char pair[ELEMENT_SIZE];

	for (size_t begin = 0; begin < len;) {
		size_t end = begin;

		while (end < len && element[end] != ';')
			end++;
		if (element_copy(element + begin, end - begin, pair) == 0 &&
		    strlen(pair) > name_len && pair[name_len] == '=') {
			pair[name_len] = '\0';
			if (str_ci_eq(pair, name)) {
				memmove(ret_value, pair + name_len + 1,
					strlen(pair + name_len + 1) + 1);
				return true;
			}
		}
		begin = end + 1;
	}
	return false;
}

void
client_from_forwarded(const char *forwarded, const struct network *proxies, uint32_t count,
		      struct client *ret_client)
{
	char value[ELEMENT_SIZE];
	struct walk walk;
	bool is_last = true;

	memset(ret_client, 0, sizeof(*ret_client));
	walk_begin(&walk, forwarded);
	while (walk_back(&walk)) {
		if (is_last && parameter(walk.element, walk.len, "proto", value))
			ret_client->is_secure = is_secure_scheme(value);
		is_last = false;
		if (!parameter(walk.element, walk.len, "for", value) ||
		    !take_hop(value, proxies, count, ret_client))
			return;
	}
}
