/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/* A module in C++: tables, macros and the descriptor without designated initialisers. */
#include <new>

#include <ocppd/plugin.h>

namespace
{

struct conf {
	int64_t interval_s;
};

const ocppd_option options[] = {
	{ "interval",
	  OCPPD_CONF_DURATION_S,
	  0,
	  offsetof(conf, interval_s),
	  0,
	  1,
	  60,
	  "10s",
	  nullptr,
	  "How often.",
	  {} },
};

const ocppd_field payload[] = {
	{ "text", OCPPD_T_STRING, OCPPD_REQUIRED, 0, 20, nullptr, nullptr, {}, 0, 0, nullptr },
};

int
on_call(ocppd_host *host, ocppd_call *call, json_object *, void *)
{
	OCPPD_INFO(host, "acme.called",
		   OCPPD_STR("station", ocppd_station_id(ocppd_call_station(call))),
		   OCPPD_INT("ok", 1));
	return ocppd_call_reply_text(host, call, "{\"text\":\"\"}", 11);
}

const ocppd_action actions[] = {
	{ "ocpp1.6", "AcmePing", OCPPD_FROM_STATION, 0, OCPPD_TABLE(payload), OCPPD_TABLE(payload),
	  on_call, nullptr, nullptr, nullptr },
};

int
init(ocppd_host *, const void *data, void **ret_ctx, ocppd_error *err)
{
	conf *own = new (std::nothrow) conf(*static_cast<const conf *>(data));

	if (own == nullptr)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	*ret_ctx = own;
	return 0;
}

void
shutdown(ocppd_host *, void *ctx)
{
	delete static_cast<conf *>(ctx);
}

} // namespace

OCPPD_PLUGIN = {
	OCPPD_GUARD,
	"acme_cpp",
	"1.0.0",
	"A module in C++",
	0,
	sizeof(conf),
	{},
	{},
	OCPPD_TABLE(options),
	OCPPD_TABLE(actions),
	{},
	{},
	{},
	{},
	{},
	{},
	nullptr,
	init,
	nullptr,
	nullptr,
	nullptr,
	shutdown,
};
