/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * The transport's metrics: bytes, messages and connections by I/O thread, connections accepted,
 * handshakes that came to nothing by reason. Reasons are static words, the gate's and those of
 * prefaces, never a text of a station.
 */
#include "transport/traffic.h"

#include <ocppd/metric.h>

#include "base/text.h"
#include "runtime/metrics.h"
#include "transport/io.h"

enum traffic_metric {
	TRAFFIC_BYTES_IN,
	TRAFFIC_BYTES_OUT,
	TRAFFIC_MESSAGES_IN,
	TRAFFIC_MESSAGES_OUT,
	TRAFFIC_CONNECTIONS,
	TRAFFIC_HANDSHAKES,
	TRAFFIC_UNDRAINED,
	TRAFFIC_ACCEPTED,
	TRAFFIC_REFUSED,
	TRAFFIC_METRIC_COUNT,
};

static const char *const label_thread[] = { "thread", NULL };
static const char *const label_reason[] = { "reason", NULL };

static const struct ocppd_metric metrics[] = {
	[TRAFFIC_BYTES_IN] = { "ocppd_io_received_bytes_total",
			       "Bytes of messages received from stations", OCPPD_METRIC_COUNTER,
			       .labels = label_thread },
	[TRAFFIC_BYTES_OUT] = { "ocppd_io_sent_bytes_total", "Bytes of messages sent to stations",
				OCPPD_METRIC_COUNTER, .labels = label_thread },
	[TRAFFIC_MESSAGES_IN] = { "ocppd_io_received_messages_total",
				  "Messages received from stations", OCPPD_METRIC_COUNTER,
				  .labels = label_thread },
	[TRAFFIC_MESSAGES_OUT] = { "ocppd_io_sent_messages_total", "Messages sent to stations",
				   OCPPD_METRIC_COUNTER, .labels = label_thread },
	[TRAFFIC_CONNECTIONS] = { "ocppd_io_connections",
				  "Connections of an I/O thread, those in their handshake included",
				  OCPPD_METRIC_GAUGE, .labels = label_thread },
	[TRAFFIC_HANDSHAKES] = { "ocppd_io_handshakes", "Handshakes under way", OCPPD_METRIC_GAUGE,
				 .labels = label_thread },
	[TRAFFIC_UNDRAINED] = { "ocppd_io_undrained_messages",
				"Messages on their way from an I/O thread to the core thread",
				OCPPD_METRIC_GAUGE, .labels = label_thread },
	[TRAFFIC_ACCEPTED] = { "ocppd_connections_accepted_total",
			       "TCP connections accepted for stations", OCPPD_METRIC_COUNTER },
	[TRAFFIC_REFUSED] = { "ocppd_handshakes_refused_total",
			      "Opening handshakes that were refused or came to nothing",
			      OCPPD_METRIC_COUNTER, .labels = label_reason },
};

void
traffic_refused(struct traffic *traffic, const char *reason)
{
	uint32_t at = 0;

	for (; at < TRAFFIC_REASONS - 1; at++) {
		const char *known =
			atomic_load_explicit(&traffic->refused[at].word, memory_order_relaxed);

		if (!known || str_eq(known, reason))
			break;
	}
	traffic_add(&traffic->refused[at].count, 1);
	atomic_store_explicit(&traffic->refused[at].word,
			      at < TRAFFIC_REASONS - 1 ? reason : "other", memory_order_release);
}

static uint64_t
count_reason(const struct traffic *traffic, const char *reason)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < TRAFFIC_REASONS; i++) {
		const char *word =
			atomic_load_explicit(&traffic->refused[i].word, memory_order_acquire);

		if (word && str_eq(word, reason))
			sum += atomic_load_explicit(&traffic->refused[i].count,
						    memory_order_relaxed);
	}
	return sum;
}

/* Threads may know a reason in different places: the sum over all of them. */
static double
sum_reason(const struct transport *transport, const char *reason)
{
	uint64_t sum = count_reason(&transport->traffic, reason);

	for (uint32_t i = 0; i < transport->io_count; i++)
		sum += count_reason(&transport->ios[i].traffic, reason);
	return (double)sum;
}

static void
show_refused(struct ocppd_host *host, const struct transport *transport,
	     const struct traffic *traffic)
{
	for (uint32_t i = 0; i < TRAFFIC_REASONS; i++) {
		const char *word =
			atomic_load_explicit(&traffic->refused[i].word, memory_order_acquire);
		const char *const reason[] = { word, NULL };

		if (word)
			(void)metrics_set_total(host, transport->metric_base + TRAFFIC_REFUSED,
						reason, sum_reason(transport, word));
	}
}

static void
show_io(struct ocppd_host *host, uint32_t base, const struct io *io)
{
	const struct traffic *traffic = &io->traffic;
	char index[16];
	const char *const labels[] = { index, NULL };

	(void)snprintf(index, sizeof(index), "%u", io->index);
	(void)metrics_set_total(host, base + TRAFFIC_BYTES_IN, labels,
				(double)atomic_load(&traffic->bytes_in));
	(void)metrics_set_total(host, base + TRAFFIC_BYTES_OUT, labels,
				(double)atomic_load(&traffic->bytes_out));
	(void)metrics_set_total(host, base + TRAFFIC_MESSAGES_IN, labels,
				(double)atomic_load(&traffic->messages_in));
	(void)metrics_set_total(host, base + TRAFFIC_MESSAGES_OUT, labels,
				(double)atomic_load(&traffic->messages_out));
	(void)ocppd_metric_set(host, base + TRAFFIC_CONNECTIONS, labels,
			       atomic_load(&io->connections));
	(void)ocppd_metric_set(host, base + TRAFFIC_HANDSHAKES, labels,
			       atomic_load(&io->handshakes));
	(void)ocppd_metric_set(host, base + TRAFFIC_UNDRAINED, labels, atomic_load(&io->undrained));
	show_refused(host, io->transport, traffic);
}

static void
on_collect(struct ocppd_host *host, void *arg)
{
	const struct transport *transport = arg;

	for (uint32_t i = 0; i < transport->io_count; i++)
		show_io(host, transport->metric_base, &transport->ios[i]);
	show_refused(host, transport, &transport->traffic);
	(void)metrics_set_total(host, transport->metric_base + TRAFFIC_ACCEPTED, NULL,
				(double)transport->accepted);
}

int
traffic_init(struct transport *transport, struct ocppd_error *err)
{
	struct ocppd_core *core = transport->core;
	int base = metrics_add(core, core->self, metrics, TRAFFIC_METRIC_COUNT, err);

	if (base < 0)
		return base;
	transport->metric_base = (uint32_t)base;
	if (metrics_add_collector(core, core->self, on_collect, transport) < 0)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	return 0;
}

void
traffic_fini(struct transport *transport)
{
	metrics_remove_collector(transport->core, transport->core->self, transport);
}
