/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * sd_notify(3) and sd_watchdog_enabled(3) without libsystemd: a datagram to an AF_UNIX socket, in
 * the file system or in the abstract name space.
 */
#include "daemon/notify.h"

#include <ocppd/error.h>

#include "base/buf.h"
#include "base/text.h"

#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int
socket_address(const char *path, struct sockaddr_un *ret_address, socklen_t *ret_len)
{
	size_t len = strlen(path);

	if ((path[0] != '/' && path[0] != '@') || len < 2 || len >= sizeof(ret_address->sun_path))
		return OCPPD_EINVAL;

	memset(ret_address, 0, sizeof(*ret_address));
	ret_address->sun_family = AF_UNIX;
	memcpy(ret_address->sun_path, path, len);
	if (path[0] == '@')
		ret_address->sun_path[0] = '\0';
	*ret_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	return OCPPD_OK;
}

int
notify_send(const char *format, ...)
{
	struct sockaddr_un address;
	socklen_t address_len;
	char text[1024];
	const char *path = getenv("NOTIFY_SOCKET");
	va_list args;
	ssize_t sent;
	int len;
	int fd;

	if (path == NULL || socket_address(path, &address, &address_len) < 0)
		return 0;

	va_start(args, format);
	len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (len < 0 || (size_t)len >= sizeof(text))
		return OCPPD_ESPACE;

	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return OCPPD_EIO;
	sent = sendto(fd, text, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT,
		      (const struct sockaddr *)&address, address_len);
	(void)close(fd);
	return sent == len ? 1 : OCPPD_EIO;
}

int64_t
notify_watchdog_us(void)
{
	const char *interval = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	int64_t value;

	if (interval == NULL || parse_i64(interval, 1, INT64_MAX, &value) < 0)
		return 0;
	if (pid != NULL) {
		int64_t meant_for;

		if (parse_i64(pid, 1, INT64_MAX, &meant_for) < 0 || meant_for != getpid())
			return 0;
	}
	return value;
}

void
notify_forget(void)
{
	(void)unsetenv("WATCHDOG_USEC");
	(void)unsetenv("WATCHDOG_PID");
}
