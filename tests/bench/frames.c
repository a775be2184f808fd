/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* What stations of the benches send, and how they look at what they get. No state. */
#include "frames.h"

#include <stdio.h>
#include <string.h>

#include "bench.h"

bool
text_has(const char *data, size_t len, const char *word)
{
	return memmem(data, len, word, strlen(word)) != NULL;
}

/* A time with milliseconds and Z after the word. */
bool
text_has_time(const char *data, size_t len, const char *word)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd.dddZ\"";
	const char *at = memmem(data, len, word, strlen(word));

	if (!at || (size_t)(data + len - at) < strlen(word) + sizeof(form) - 1)
		return false;
	at += strlen(word);
	for (size_t i = 0; form[i]; i++) {
		if (form[i] == 'd' ? at[i] < '0' || at[i] > '9' : at[i] != form[i])
			return false;
	}
	return true;
}

size_t
frame_mask(uint8_t frame[FRAME_MAX + 16], const char *text, size_t len, uint8_t opcode)
{
	static const uint8_t mask[4] = { 0x37, 0xfa, 0x21, 0x3d };
	size_t at = 0;

	if (len > FRAME_MAX)
		len = FRAME_MAX;
	frame[at++] = (uint8_t)(0x80 | opcode);
	if (len < 126) {
		frame[at++] = (uint8_t)(0x80 | len);
	} else {
		frame[at++] = 0x80 | 126;
		frame[at++] = (uint8_t)(len >> 8);
		frame[at++] = (uint8_t)len;
	}
	memcpy(frame + at, mask, 4);
	at += 4;
	for (size_t i = 0; i < len; i++)
		frame[at + i] = (uint8_t)text[i] ^ mask[i & 3];
	return at + len;
}

void
frame_hex(char *at, uint32_t number)
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 7; i >= 0; i--, number >>= 4)
		at[i] = digits[number & 15];
}

size_t
frame_start(char *text, size_t size, const struct facts *facts)
{
	char time_text[32];

	bench_time(facts->time_us, time_text);
	return (size_t)snprintf(text, size,
				"[2,\"00000000\",\"StartTransaction\",{\"connectorId\":%u,"
				"\"idTag\":\"T%u-%u\",\"meterStart\":%llu,"
				"\"timestamp\":\"%s\"}]",
				facts->at + 1, facts->station, facts->at,
				(unsigned long long)facts->number, time_text);
}

size_t
frame_stop(char *text, size_t size, const struct facts *facts)
{
	char time_text[32];

	bench_time(facts->time_us, time_text);
	return (size_t)snprintf(text, size,
				"[2,\"00000000\",\"StopTransaction\",{\"transactionId\":%d,"
				"\"meterStop\":%llu,\"timestamp\":\"%s\"}]",
				facts->transaction_id, (unsigned long long)facts->number + 1000,
				time_text);
}

size_t
frame_answer(char *text, size_t size, const char *data, size_t len)
{
	const char *id = memchr(data + 3, '"', len - 3);
	const char *end = id ? memchr(id + 1, '"', (size_t)(data + len - id - 1)) : NULL;

	if (!end || end - id > 64)
		return 0;
	if (text_has(data, len, "\"ClearCache\""))
		return (size_t)snprintf(text, size, "[3,%.*s,{\"status\":\"Accepted\"}]",
					(int)(end - id + 1), id);
	return (size_t)snprintf(text, size, "[4,%.*s,\"NotSupported\",\"\",{}]",
				(int)(end - id + 1), id);
}

/* Eight sampled values of one moment, as a three-phase station sends them. */
size_t
frame_values(char *text, size_t size, const struct facts *facts)
{
	char time_text[32];

	bench_time(facts->time_us, time_text);
	return (size_t)snprintf(
		text, size,
		"[2,\"00000000\",\"MeterValues\",{\"connectorId\":1,\"transactionId\":%d,"
		"\"meterValue\":[{\"timestamp\":\"%s\",\"sampledValue\":["
		"{\"value\":\"%llu\",\"measurand\":\"Energy.Active.Import.Register\","
		"\"unit\":\"Wh\"},"
		"{\"value\":\"%u.5\",\"measurand\":\"Power.Active.Import\",\"unit\":\"W\"},"
		"{\"value\":\"15.9\",\"measurand\":\"Current.Import\",\"phase\":\"L1\","
		"\"unit\":\"A\"},"
		"{\"value\":\"16.1\",\"measurand\":\"Current.Import\",\"phase\":\"L2\","
		"\"unit\":\"A\"},"
		"{\"value\":\"16.0\",\"measurand\":\"Current.Import\",\"phase\":\"L3\","
		"\"unit\":\"A\"},"
		"{\"value\":\"229.8\",\"measurand\":\"Voltage\",\"phase\":\"L1-N\",\"unit\":\"V\"},"
		"{\"value\":\"230.4\",\"measurand\":\"Voltage\",\"phase\":\"L2-N\",\"unit\":\"V\"},"
		"{\"value\":\"231.0\",\"measurand\":\"Voltage\",\"phase\":\"L3-N\",\"unit\":\"V\"}"
		"]}]}]",
		facts->transaction_id, time_text, (unsigned long long)facts->number,
		(unsigned)(facts->number % 11000));
}
