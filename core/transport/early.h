/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_TRANSPORT_EARLY_H
#define OCPPD_TRANSPORT_EARLY_H

struct io;
struct lws_process_html_args;

/* All in the I/O thread. */
void early_learn(struct io *io);   /* before its loop runs */
void early_keep(struct io *io);    /* lws is about to write the answer of a handshake */
void early_restore(struct io *io); /* it has written it */
/* The path of the request that is being judged as it was sent, where libwebsockets has only the
 * decoded one; 0 bytes if its head came in pieces. */
size_t early_path(const struct io *io, const char **ret_path);
/* LWS_CALLBACK_ADD_HEADERS of a wsi that is no session's. */
int early_on_headers(struct io *io, const struct lws_process_html_args *args);

#endif
