/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Modules' memory with stations and connections. Slots known when a record is made lie inline in
 * it; those of modules that came later hang off it, so that pointers given out stay valid.
 */
#include "ocpp/slots.h"
#include "base/assert.h"
#include "ocpp/floor.h"

#define SLOT_SIZE_MAX 4096
#define SLOT_ALIGN _Alignof(max_align_t)

struct slot_extra {
	struct slot_extra *next;
	int slot;
	max_align_t data[];
};

/* Behind conn->slots. */
struct conn_slots {
	struct slot_extra *extra;
	uint32_t size;
	max_align_t data[];
};

static uint32_t
aligned(uint32_t size)
{
	return (size + (uint32_t)SLOT_ALIGN - 1) & ~((uint32_t)SLOT_ALIGN - 1);
}

/* A freed slot of the same scope and size, so that reloading a module does not grow records. */
static int
slot_reuse(const struct stations *stations, uint32_t scope, uint32_t size)
{
	for (uint32_t i = 0; i < stations->slot_count; i++) {
		const struct slot *slot = &stations->slots[i];

		if (slot->host == NULL && slot->scope == scope &&
		    aligned(slot->size) == aligned(size))
			return (int)i;
	}
	return OCPPD_ENOENT;
}

int
ocppd_slot_add(struct ocppd_host *host, uint32_t scope, uint32_t size, ocppd_slot_fini_fn *fini)
{
	struct ocpp *ocpp = ocpp_of(host);
	struct stations *stations = &ocpp->stations;
	uint32_t *bytes =
		scope == OCPPD_SCOPE_STATION ? &stations->station_bytes : &stations->conn_bytes;
	struct slot *slot;
	int at;

	if (size == 0 || size > SLOT_SIZE_MAX ||
	    (scope != OCPPD_SCOPE_STATION && scope != OCPPD_SCOPE_CONNECTION))
		return OCPPD_EINVAL;
	if (host->state > HOST_INITIALISED || ocpp_host_get(host) == NULL)
		return OCPPD_ESTATE;
	at = slot_reuse(stations, scope, size);
	if (at < 0) {
		if (stations->slot_count == SLOTS_MAX)
			return OCPPD_ESTATE;
		at = (int)stations->slot_count++;
		stations->slots[at].offset = *bytes;
		stations->slots[at].scope = scope;
		*bytes += aligned(size);
	}
	slot = &stations->slots[at];
	slot->host = host;
	slot->size = size;
	slot->fini = fini;
	return at;
}

static void *
extra_find(struct slot_extra *extra, int slot)
{
	for (; extra != NULL; extra = extra->next) {
		if (extra->slot == slot)
			return extra->data;
	}
	return NULL;
}

/* The slot in a block of `size` bytes with extras, made there if make is set. */
static void *
slot_in(const struct slot *slot, int number, max_align_t *data, uint32_t size,
	struct slot_extra **extra)
{
	struct slot_extra *made;
	void *found;

	if (slot->offset + slot->size <= size)
		return (char *)data + slot->offset;
	found = extra_find(*extra, number);
	if (found != NULL)
		return found;
	made = calloc(1, sizeof(*made) + aligned(slot->size));
	if (made == NULL)
		return NULL;
	made->slot = number;
	made->next = *extra;
	*extra = made;
	return made->data;
}

static struct conn_slots *
conn_slots_get(struct ocpp *ocpp, struct conn *conn)
{
	uint32_t size = ocpp->stations.conn_bytes;
	struct conn_slots *slots = conn->slots;

	if (slots != NULL)
		return slots;
	slots = calloc(1, sizeof(*slots) + size);
	if (slots != NULL)
		slots->size = size;
	conn->slots = slots;
	return slots;
}

void *
ocppd_station_slot(struct ocppd_host *host, struct ocppd_station *station, int slot)
{
	struct stations *stations = &ocpp_of(host)->stations;
	struct conn_slots *slots;

	if (slot < 0 || (uint32_t)slot >= stations->slot_count ||
	    stations->slots[slot].host != host)
		return NULL;
	if (stations->slots[slot].scope == OCPPD_SCOPE_STATION)
		return slot_in(&stations->slots[slot], slot, station->slots, station->slots_size,
			       &station->extra);
	if (station->conn == NULL)
		return NULL;
	slots = conn_slots_get(ocpp_of(host), station->conn);
	if (slots == NULL)
		return NULL;
	return slot_in(&stations->slots[slot], slot, slots->data, slots->size, &slots->extra);
}

/* Runs fini of one slot, if its memory was ever there, and zeroes it. */
static void
slot_end(struct ocpp *ocpp, struct ocppd_station *station, int number, max_align_t *data,
	 uint32_t size, struct slot_extra *extra)
{
	const struct slot *slot = &ocpp->stations.slots[number];
	void *memory;

	if (slot->host == NULL)
		return;
	memory = slot->offset + slot->size <= size ? (char *)data + slot->offset
						   : extra_find(extra, number);
	if (memory == NULL)
		return;
	if (slot->fini != NULL) {
		int64_t began = host_enter(slot->host);

		slot->fini(slot->host, station, memory);
		host_leave(slot->host, began, "slot");
	}
	memset(memory, 0, slot->size);
}

static void
extras_free(struct slot_extra **extra)
{
	while (*extra != NULL) {
		struct slot_extra *next = (*extra)->next;

		free(*extra);
		*extra = next;
	}
}

void
slots_conn_end(struct ocpp *ocpp, struct ocppd_station *station, struct conn *conn)
{
	struct conn_slots *slots = conn->slots;

	if (slots == NULL)
		return;
	for (uint32_t i = 0; i < ocpp->stations.slot_count; i++) {
		if (ocpp->stations.slots[i].scope == OCPPD_SCOPE_CONNECTION)
			slot_end(ocpp, station, (int)i, slots->data, slots->size, slots->extra);
	}
	extras_free(&slots->extra);
	free(slots);
	conn->slots = NULL;
}

void
slots_station_end(struct ocpp *ocpp, struct ocppd_station *station)
{
	for (uint32_t i = 0; i < ocpp->stations.slot_count; i++) {
		if (ocpp->stations.slots[i].scope == OCPPD_SCOPE_STATION)
			slot_end(ocpp, station, (int)i, station->slots, station->slots_size,
				 station->extra);
	}
	extras_free(&station->extra);
}

static void
slot_end_everywhere(struct ocpp *ocpp, int number)
{
	struct ocppd_station *station;
	size_t at = 0;

	while ((station = map_next(&ocpp->stations.map, &at)) != NULL) {
		struct conn_slots *slots = station->conn != NULL ? station->conn->slots : NULL;

		if (ocpp->stations.slots[number].scope == OCPPD_SCOPE_STATION)
			slot_end(ocpp, station, number, station->slots, station->slots_size,
				 station->extra);
		else if (slots != NULL)
			slot_end(ocpp, station, number, slots->data, slots->size, slots->extra);
	}
}

void
stations_detach(struct ocpp *ocpp, struct ocppd_host *host)
{
	for (uint32_t i = 0; i < ocpp->stations.slot_count; i++) {
		if (ocpp->stations.slots[i].host != host)
			continue;
		slot_end_everywhere(ocpp, (int)i);
		ocpp->stations.slots[i].host = NULL;
	}
}
