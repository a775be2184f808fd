/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_TESTS_TRANSPORT_BED_H
#define OCPPD_TESTS_TRANSPORT_BED_H

/* A core that listens without TLS, and a station that speaks bytes to it. */
#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "socket_bed.h"

#define BIG 60000
#define MANY 120 /* CALLs in one turn of the core */
#define MAX_MESSAGE 8192
/* More than the core takes in one turn. */
#define BURST 400
#define BURST_ROUNDS 20
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define UPGRADE "Host: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n" KEY
#define V13 "Sec-WebSocket-Version: 13\r\n"
#define J16 "Sec-WebSocket-Protocol: ocpp1.6\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n"
#define GOOD(path) GET(path) UPGRADE V13 J16 "\r\n"

struct daemon_thread {
	struct socket_bed bed;
	struct listener_conf listener;
	sem_t drained;
	sem_t at_gate;
	sem_t gate;
	char big[BIG];
};

/* Not started yet: socket_bed_start. */
struct daemon_thread *daemon_new(void);
void daemon_free(struct daemon_thread *daemon);
/* *state is a daemon that runs. */
int setup(void **state);
int teardown(void **state);
int dial(const struct daemon_thread *daemon);
void say(int fd, const void *data, size_t len);
/* Exactly len bytes; false at the end of the connection. */
bool hear(int fd, void *data, size_t len);
/* The response's head. */
void hear_head(int fd, char *head, size_t size);
bool hears_end(int fd);
/* A connection that was admitted. */
int join_as(const struct daemon_thread *daemon, const char *request);
/* The same where the handshake's own deadline may pass on a busy machine: a station comes again. */
int join_at_last(const struct daemon_thread *daemon, const char *request);
/* first: the opcode with FIN as it stands in the first byte. */
void say_frame(int fd, uint8_t first, const void *data, size_t len);
void say_text(int fd, const char *text);
/* The next frame: its first byte, 0 at the end of the connection. */
uint8_t hear_frame(int fd, char *text, size_t size);
void expect_text(int fd, const char *expected);
void expect_close(int fd, uint32_t code);

#endif
