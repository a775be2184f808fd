/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * A listener for scrapers alone: so metrics need no http_api, and a network of their own can reach
 * them without a token. One request a connection, GET or HEAD of /metrics; connections, the size
 * of a request and the time for all of it are bounded. Whoever has not yet said what it wants makes
 * room for a newcomer.
 */
#include "metrics.h"

#include <ocppd/address.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#define BACKLOG 64
#define REQUEST_MAX 8192 /* bytes of a request's head */
#define RETRY_MS 1000    /* after running out of descriptors */
#define LINGER_MS 2000   /* for the peer to see the end of the answer */

/*
 * READING    the request is not complete
 * WAITING    for its page
 * ANSWERING  the answer is on its way
 * LINGERING  it is sent; the peer's end is awaited, or closing would throw the answer away
 */
enum guest_state {
	GUEST_READING,
	GUEST_WAITING,
	GUEST_ANSWERING,
	GUEST_LINGERING,
};

struct guest {
	struct waiter waiter; /* first */
	struct door *door;
	struct bufferevent *bev;
	struct ocppd_timer *timer; /* the deadline of the whole exchange */
	enum guest_state state;
	bool is_head; /* only the head is wanted */
	TAILQ_ENTRY(guest) all;
};

struct door {
	struct ocppd_host *host;
	struct pages *pages;
	const struct metrics_conf *conf;
	struct evconnlistener *listener;
	struct ocppd_timer *retry;
	uint32_t count;
	TAILQ_HEAD(, guest) guests; /* oldest first */
	char name[OCPPD_ADDRESS_SIZE];
};

/* ---- Guests ------------------------------------------------------------------------------ */

static void
guest_free(struct guest *guest)
{
	struct door *door = guest->door;

	page_forget(door->pages, &guest->waiter);
	TAILQ_REMOVE(&door->guests, guest, all);
	door->count--;
	if (guest->bev != NULL)
		bufferevent_free(guest->bev);
	ocppd_timer_free(guest->timer);
	free(guest);
}

static void
start_answer(struct guest *guest, const char *status, const char *type, size_t len)
{
	struct evbuffer *out = bufferevent_get_output(guest->bev);

	guest->state = GUEST_ANSWERING;
	(void)evbuffer_add_printf(out,
				  "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s"
				  "Cache-Control: no-store\r\nConnection: close\r\n\r\n",
				  status, type, len,
				  strncmp(status, "405", 3) == 0 ? "Allow: GET, HEAD\r\n" : "");
}

static void
refuse(struct guest *guest, const char *status)
{
	struct evbuffer *out = bufferevent_get_output(guest->bev);

	start_answer(guest, status, "text/plain; charset=utf-8", strlen(status) + 1);
	if (!guest->is_head)
		(void)evbuffer_add_printf(out, "%s\n", status);
}

static void
on_sent(const void *data, size_t len, void *arg)
{
	(void)data;
	(void)len;
	page_unref(arg);
}

static void
on_page(struct waiter *waiter, struct page *page)
{
	struct guest *guest = (struct guest *)(void *)waiter;
	struct evbuffer *out = bufferevent_get_output(guest->bev);

	if (page == NULL) {
		refuse(guest, "503 Service Unavailable");
		return;
	}
	start_answer(guest, "200 OK", METRICS_CONTENT_TYPE, page->text.len);
	if (guest->is_head || page->text.len == 0 ||
	    evbuffer_add_reference(out, page->text.data, page->text.len, on_sent, page) < 0)
		page_unref(page);
}

/* ---- Requests ---------------------------------------------------------------------------- */

/* The word up to the next blank, which is replaced by its end; NULL: there is none. */
static char *
take_word(char **at)
{
	char *word = *at;
	char *end = strchr(word, ' ');

	if (end == NULL || end == word)
		return NULL;
	*end = '\0';
	*at = end + 1;
	return word;
}

/* line: the request line, without its end. */
static const char *
judge(struct guest *guest, char *line)
{
	const char *method = take_word(&line);
	char *target = method != NULL ? take_word(&line) : NULL;

	if (target == NULL || target[0] != '/')
		return "400 Bad Request";
	if (strncmp(line, "HTTP/1.", 7) != 0)
		return "505 HTTP Version Not Supported";
	guest->is_head = strcmp(method, "HEAD") == 0;
	if (strcmp(method, "GET") != 0 && !guest->is_head)
		return "405 Method Not Allowed";
	target[strcspn(target, "?")] = '\0';
	return strcmp(target, "/metrics") == 0 ? NULL : "404 Not Found";
}

static void
take_request(struct guest *guest)
{
	struct evbuffer *in = bufferevent_get_input(guest->bev);
	struct evbuffer_ptr end = evbuffer_search(in, "\r\n\r\n", 4, NULL);
	const char *problem;
	char *line;

	if (end.pos < 0) {
		if (evbuffer_get_length(in) >= REQUEST_MAX)
			refuse(guest, "431 Request Header Fields Too Large");
		return;
	}
	line = evbuffer_readln(in, NULL, EVBUFFER_EOL_CRLF_STRICT);
	problem = line != NULL ? judge(guest, line) : "400 Bad Request";
	free(line);
	if (problem != NULL) {
		refuse(guest, problem);
		return;
	}
	guest->state = GUEST_WAITING;
	page_wait(guest->door->pages, &guest->waiter);
}

static void
on_readable(struct bufferevent *bev, void *arg)
{
	struct guest *guest = arg;
	struct evbuffer *in = bufferevent_get_input(bev);

	if (guest->state == GUEST_READING)
		take_request(guest);
	else
		(void)evbuffer_drain(in, evbuffer_get_length(in));
}

static void
on_drained(struct bufferevent *bev, void *arg)
{
	struct guest *guest = arg;

	if (guest->state != GUEST_ANSWERING || evbuffer_get_length(bufferevent_get_output(bev)) > 0)
		return;
	guest->state = GUEST_LINGERING;
	(void)shutdown(bufferevent_getfd(bev), SHUT_WR);
	ocppd_timer_set(guest->timer, LINGER_MS);
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct guest *guest = arg;

	/* It may have closed its half only, and still read. */
	if ((what & BEV_EVENT_EOF) != 0 &&
	    (guest->state == GUEST_WAITING || guest->state == GUEST_ANSWERING)) {
		(void)bufferevent_disable(bev, EV_READ);
		return;
	}
	guest_free(guest);
}

static void
on_deadline(struct ocppd_host *host, void *arg)
{
	(void)host;
	guest_free(arg);
}

/* ---- Accepting --------------------------------------------------------------------------- */

/* False: all of them are being answered. */
static bool
make_room(struct door *door)
{
	struct guest *guest;

	if (door->count < door->conf->max_connections)
		return true;
	TAILQ_FOREACH (guest, &door->guests, all) {
		if (guest->state == GUEST_READING || guest->state == GUEST_LINGERING) {
			guest_free(guest);
			return true;
		}
	}
	return false;
}

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address, int len,
	  void *arg)
{
	struct door *door = arg;
	struct guest *guest = make_room(door) ? calloc(1, sizeof(*guest)) : NULL;

	(void)address;
	(void)len;
	if (guest == NULL) {
		(void)close(fd);
		return;
	}
	guest->door = door;
	guest->waiter.fn = on_page;
	TAILQ_INSERT_TAIL(&door->guests, guest, all);
	door->count++;
	guest->timer = ocppd_timer_new(door->host, on_deadline, guest);
	guest->bev = bufferevent_socket_new(evconnlistener_get_base(listener), fd,
					    BEV_OPT_CLOSE_ON_FREE);
	if (guest->bev == NULL)
		(void)close(fd);
	if (guest->bev == NULL || guest->timer == NULL) {
		guest_free(guest);
		return;
	}
	ocppd_timer_set(guest->timer, door->conf->timeout_ms);
	bufferevent_setcb(guest->bev, on_readable, on_drained, on_event, guest);
	bufferevent_setwatermark(guest->bev, EV_READ, 0, REQUEST_MAX);
	(void)bufferevent_enable(guest->bev, EV_READ | EV_WRITE);
}

static void
on_retry(struct ocppd_host *host, void *arg)
{
	struct door *door = arg;

	(void)host;
	(void)evconnlistener_enable(door->listener);
}

/* Out of descriptors, most likely: the pending connection keeps the listener readable, so pause. */
static void
on_accept_error(struct evconnlistener *listener, void *arg)
{
	struct door *door = arg;
	int code = errno;

	(void)evconnlistener_disable(listener);
	ocppd_timer_set(door->retry, RETRY_MS);
	OCPPD_ERROR(door->host, "metrics.accept_failed", OCPPD_STR("listener", door->name),
		    OCPPD_INT("errno", code));
}

/* ---- Opening ----------------------------------------------------------------------------- */

static int
door_open(struct door *door, struct ocppd_error *err)
{
	int fd = -1;
	int r = ocppd_socket_bind(door->conf->address, door->conf->port, 0, &fd, err);

	if (r < 0)
		return r;
	(void)ocppd_socket_name(fd, door->name);
	door->listener =
		evconnlistener_new(ocppd_event_base(door->host), on_accept, door,
				   LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, BACKLOG, fd);
	if (door->listener == NULL) {
		int code = errno;

		(void)close(fd);
		return ocppd_error_set(err, OCPPD_EIO, "cannot listen on %s: %s", door->name,
				       strerrordesc_np(code));
	}
	evconnlistener_set_error_cb(door->listener, on_accept_error);
	OCPPD_INFO(door->host, "metrics.opened", OCPPD_STR("listener", door->name));
	return 0;
}

struct door *
door_new(struct ocppd_host *host, struct pages *pages, const struct metrics_conf *conf,
	 struct ocppd_error *err)
{
	struct door *door = calloc(1, sizeof(*door));

	if (door == NULL) {
		(void)ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
		return NULL;
	}
	door->host = host;
	door->pages = pages;
	door->conf = conf;
	TAILQ_INIT(&door->guests);
	door->retry = ocppd_timer_new(host, on_retry, door);
	if (door->retry == NULL)
		(void)ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	else if (door_open(door, err) == 0)
		return door;
	door_free(door);
	return NULL;
}

void
door_free(struct door *door)
{
	if (door == NULL)
		return;
	while (!TAILQ_EMPTY(&door->guests))
		guest_free(TAILQ_FIRST(&door->guests));
	if (door->listener != NULL)
		evconnlistener_free(door->listener);
	ocppd_timer_free(door->retry);
	free(door);
}
