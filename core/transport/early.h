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
/* LWS_CALLBACK_ADD_HEADERS of a wsi that is no session's. */
int early_on_headers(struct io *io, const struct lws_process_html_args *args);

#endif
