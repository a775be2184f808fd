/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* What the OCPP floor gives a module: memory with stations, a filter, an action of its own. */
#include <ocppd/plugin.h>

struct floor_slot {
	int64_t count;
};

static int
on_call(struct ocppd_host *host, struct ocppd_call *call, struct json_object *req, void *ctx)
{
	(void)req;
	(void)ctx;
	return ocppd_call_reply_text(host, call, "{}", 2);
}

static const struct ocppd_action actions[] = {
	{ "ocpp1.6", "Heartbeat", OCPPD_FROM_STATION, .on_call = on_call },
};
static const struct ocppd_action added = {
	"ocpp1.6",
	"DataTransfer",
	OCPPD_FROM_STATION,
	.on_call = on_call,
};

static void
slot_fini(struct ocppd_host *host, struct ocppd_station *station, void *slot)
{
	const struct floor_slot *own = slot;

	OCPPD_INFO(host, "floor.slot_gone", OCPPD_STR("station", ocppd_station_id(station)),
		   OCPPD_INT("count", own->count));
}

static int
on_filter(struct ocppd_host *host, struct ocppd_call *call, struct json_object *req, void *arg)
{
	(void)host;
	(void)call;
	(void)req;
	(void)arg;
	return 0;
}

static int
floor_init(struct ocppd_host *host, const void *conf, void **ret_ctx, struct ocppd_error *err)
{
	int slot = ocppd_slot_add(host, OCPPD_SCOPE_STATION, sizeof(struct floor_slot), slot_fini);
	struct ocppd_station *station;
	struct floor_slot *own;

	(void)conf;
	(void)ret_ctx;
	if (slot < 0 || ocppd_filter_add(host, 5, "ocpp1.6", NULL, on_filter, NULL) < 0 ||
	    ocppd_action_add(host, &added, err) < 0)
		return ocppd_error_set(err, OCPPD_EINVAL, "the floor refuses");

	station = ocppd_station_get(host, "CP-1");
	own = station == NULL ? NULL : ocppd_station_slot(host, station, slot);
	if (own == NULL || own->count != 0)
		return ocppd_error_set(err, OCPPD_EINVAL, "no zeroed memory with a station");

	own->count++;
	OCPPD_INFO(host, "floor.slot", OCPPD_INT("count", own->count));
	return 0;
}

OCPPD_PLUGIN = {
	OCPPD_GUARD,
	"micro_floor",
	"1.0.0",
	"Memory with stations, a filter, actions",
	.actions = OCPPD_TABLE(actions),
	.init = floor_init,
};
