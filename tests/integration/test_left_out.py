# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Each profile module left out alone: its actions are answered as the design says, its notifications
are confirmed and counted (quirk C11), its routes are gone, and everything else works."""

import asyncio
import os

import pytest
from harness import PLUGINS, CallError, Daemon, Station, now, run

SOON = "2099-01-01T00:00:00Z"
PROFILE = {"chargingProfileId": 1, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile",
           "chargingProfileKind": "Relative", "chargingSchedule": {
               "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16}]}}
SOURCE = os.environ.get("OCPPD_SOURCE_DIR") or os.path.join(os.path.dirname(__file__), "..", "..")
URL = "http://127.0.0.1:9/f"

# Of each module: its actions to stations with a payload and a station's answer, what stations send
# of it, and its routes.
MODULES = {
    "ocpp16_local_auth_list": (
        {"GetLocalListVersion": ({}, {"listVersion": 0}),
         "SendLocalList": ({"listVersion": 1, "updateType": "Full"}, {"status": "Accepted"})},
        {}, ["/v1/local-lists", "/v1/stations/CP-1/local-list"]),
    "ocpp16_reservation": (
        {"ReserveNow": ({"connectorId": 1, "expiryDate": SOON, "idTag": "TAG-9", "reservationId": 1},
                        {"status": "Accepted"}),
         "CancelReservation": ({"reservationId": 1}, {"status": "Accepted"})},
        {}, ["/v1/reservations"]),
    "ocpp16_remote_trigger": (
        {"TriggerMessage": ({"requestedMessage": "Heartbeat"}, {"status": "Rejected"})},
        {}, ["/v1/triggers"]),
    "ocpp16_smart_charging": (
        {"SetChargingProfile": ({"connectorId": 1, "csChargingProfiles": PROFILE},
                                {"status": "Accepted"}),
         "GetCompositeSchedule": ({"connectorId": 1, "duration": 60}, {"status": "Rejected"}),
         "ClearChargingProfile": ({}, {"status": "Unknown"})},
        {}, ["/v1/charging-profiles", "/v1/stations/CP-1/charging-profiles"]),
    "ocpp16_firmware_management": (
        {"UpdateFirmware": ({"location": URL, "retrieveDate": SOON}, {}),
         "GetDiagnostics": ({"location": URL}, {})},
        {"FirmwareStatusNotification": {"status": "Idle"},
         "DiagnosticsStatusNotification": {"status": "Idle"}},
        ["/v1/firmware/updates", "/v1/firmware/diagnostics", "/v1/firmware/rollouts"]),
    "ocpp16_security": (
        {"ExtendedTriggerMessage": ({"requestedMessage": "Heartbeat"}, {"status": "Rejected"}),
         "GetInstalledCertificateIds": ({"certificateType": "CentralSystemRootCertificate"},
                                        {"status": "NotFound"})},
        {"SecurityEventNotification": {"type": "StartupOfTheDevice", "timestamp": SOON},
         "LogStatusNotification": {"status": "Idle"}}, ["/v1/stations/CP-1/certificates"]),
}
PRESENT = [name for name in MODULES if os.path.exists(os.path.join(PLUGINS, name + ".so"))]


async def command(daemon, action, payload):
    return await daemon.api_async("POST", f"/v1/stations/CP-1/commands/{action}", payload)


async def charge(daemon, station):
    """What the core profile is for, from the first message to the books."""
    assert (await station.call("Authorize", {"idTag": "TAG-1"}))["idTagInfo"]["status"] == "Accepted"
    await station.call("StatusNotification", {
        "connectorId": 1, "errorCode": "NoError", "status": "Charging"})
    transaction = (await station.start(reservationId=7))["transactionId"]
    await station.call("MeterValues", {"connectorId": 1, "transactionId": transaction, "meterValue": [
        {"timestamp": now(), "sampledValue": [{"value": "500"}]}]})
    await station.stop(transaction, 1000)
    status, body = await daemon.api_async("GET", f"/v1/transactions/{transaction}")
    assert (status, body["energyWh"], body["reservationId"]) == (200, 1000, 7), body


async def quirk_count(daemon, wanted):
    for _ in range(200):
        _, body = await daemon.api_async("GET", "/v1/stations/CP-1")
        if body.get("quirkCounts", {}).get("C11", 0) == wanted:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(body)


@pytest.mark.parametrize("left_out", PRESENT)
def test_module_left_out_alone(tmp_path, left_out):
    async def play(daemon):
        async with Station.connect(daemon) as station:
            actions, notifications, routes = MODULES[left_out]
            for action, (payload, _) in actions.items():
                status, body = await command(daemon, action, payload)
                assert status == 501 and action in body["detail"], body
                with pytest.raises(CallError) as refused:
                    await station.call(action, payload)
                assert refused.value.code == "NotSupported"
            for notification, payload in notifications.items():
                assert await station.call(notification, payload) == {}
            await quirk_count(daemon, len(notifications))
            for route in routes:
                assert (await daemon.api_async("GET", route))[0] == 404
            assert station.calls == []
            with pytest.raises(CallError) as unknown:
                await station.call("MadeUp", {})
            assert unknown.value.code == "NotImplemented"

            # All that is left works.
            await charge(daemon, station)
            for name in PRESENT:
                if name == left_out:
                    continue
                others, notifications, _ = MODULES[name]
                for action, (payload, answer) in others.items():
                    station.on_call[action] = lambda _, answer=answer: answer
                    status, body = await command(daemon, action, payload)
                    assert (status, body["response"]) == (200, answer), (action, body)
                for notification, payload in notifications.items():
                    assert await station.call(notification, payload) == {}
            status, plugins = await daemon.api_async("GET", "/v1/plugins")
            names = {item["name"] for item in plugins["items"]}
            assert status == 200 and left_out not in names and set(PRESENT) - names == {left_out}
        assert not daemon.log.events("call.failed")

    with Daemon(tmp_path, {**{name: {} for name in PRESENT if name != left_out}, "metrics": {},
                           "id_tags": {"unknown_tags": "accept"}}) as daemon:
        run(play(daemon))


def test_every_profile_module_is_looked_at():
    folder = os.path.join(SOURCE, "plugins")
    profiles = {name for name in os.listdir(folder) if name.startswith("ocpp16_")}
    assert profiles - {"ocpp16_core"} <= set(MODULES)
    assert profiles - {"ocpp16_core"} == set(PRESENT)
