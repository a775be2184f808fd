/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef FILE_HOSTING_HTTP_H
#define FILE_HOSTING_HTTP_H

#include <microhttpd.h>

#include "desk.h"
#include "sink.h"

/* One HTTP request, on the thread that serves its connection. */
struct request {
	struct hosting *hosting;
	struct desk *desk;
	struct guest *guest;
	struct grant *grant; /* a reference, and counted in its active ones; NULL: refused */
	char way;            /* 'f' or 'u' */
	bool is_begun;       /* its first bytes moved */
	bool is_ended;       /* the grant knows how it went */
	char name[NAME_SIZE];
	uint32_t status; /* of a refusal that waits for the end of the body; 0: none */
	int64_t drained; /* bytes of the body that nobody wanted */
	/* fetching */
	int fd;
	int64_t from;
	int64_t to;  /* behind the last one */
	int64_t pos; /* up to here all was handed to the socket */
	/* sending */
	struct sink sink;
	struct MHD_PostProcessor *parts;
	struct received files[UPLOAD_FILES_MAX];
	uint32_t file_count;
	int64_t announced;
	int64_t received;
	struct upload *upload; /* on its way to the record, or back */
};

/* The callbacks of the library. */
enum MHD_Result http_access(void *cls, struct MHD_Connection *connection, const char *url,
			    const char *method, const char *version, const char *data,
			    size_t *data_size, void **con_cls);
void http_completed(void *cls, struct MHD_Connection *connection, void **con_cls,
		    enum MHD_RequestTerminationCode code);
void http_connection(void *cls, struct MHD_Connection *connection, void **socket_context,
		     enum MHD_ConnectionNotificationCode code);

/* http.c: for send.c and receive.c */
enum MHD_Result http_refuse(struct request *request, struct MHD_Connection *connection,
			    uint32_t status);
/* The first bytes of a request move: counted once, told to the core. */
void http_begin(struct request *request);
enum refusal http_refusal(uint32_t status);
const char *http_reason(uint32_t status);

/* send.c */
enum MHD_Result send_file(struct request *request, struct MHD_Connection *connection);
void send_end(struct request *request, bool is_complete);

/* receive.c */
enum MHD_Result receive_begin(struct request *request, struct MHD_Connection *connection);
enum MHD_Result receive_data(struct request *request, const char *data, size_t *size);
enum MHD_Result receive_end(struct request *request, struct MHD_Connection *connection);
/* The connection broke, or all is said. */
void receive_free(struct request *request);
void upload_free(struct upload *upload);

#endif
