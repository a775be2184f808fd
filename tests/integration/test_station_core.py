# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""ocppd-station as a well-behaved station: what it confirms, it does. The Core profile, triggers,
reservations and local lists."""

import os
import subprocess
import time

import pytest
from csms import bed
from harness import BIN, DEADLINE_S, CallError, Daemon, now, run


def later(seconds):
    moment = time.time() + seconds
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + f".{int(moment * 1000) % 1000:03d}Z"


async def statuses(csms, *wanted, connector=1):
    for status in wanted:
        await csms.next("StatusNotification", connectorId=connector, status=status)


async def start(csms, tag="TAG-R", **more):
    """A transaction by remote start: what StartTransaction said, and its id."""
    reply = await csms.call("RemoteStartTransaction", {"idTag": tag, "connectorId": 1, **more})
    assert reply["status"] == "Accepted"
    started = await csms.next("StartTransaction", idTag=tag)
    await statuses(csms, "Charging")
    return started, csms.transaction


def test_availability_changes_at_once_and_stays_over_a_reset():
    async def play():
        async with bed("--idle", "--speed", "20") as (csms, _):
            change = {"connectorId": 1, "type": "Inoperative"}
            assert (await csms.call("ChangeAvailability", change))["status"] == "Accepted"
            await statuses(csms, "Unavailable")
            assert (await csms.call("RemoteStartTransaction", {
                "idTag": "T", "connectorId": 1}))["status"] == "Rejected"
            assert (await csms.call("Reset", {"type": "Soft"}))["status"] == "Accepted"
            await csms.next("BootNotification")
            await statuses(csms, "Unavailable")
            change["type"] = "Operative"
            assert (await csms.call("ChangeAvailability", change))["status"] == "Accepted"
            await statuses(csms, "Available")
            assert (await csms.call("ChangeAvailability", {
                "connectorId": 9, "type": "Operative"}))["status"] == "Rejected"
    run(play())


def test_availability_is_scheduled_behind_a_transaction():
    async def play():
        async with bed("--idle", "--speed", "20") as (csms, _):
            _, transaction = await start(csms)
            assert (await csms.call("ChangeAvailability", {
                "connectorId": 0, "type": "Inoperative"}))["status"] == "Scheduled"
            await statuses(csms, "Unavailable", connector=2)
            assert (await csms.call("RemoteStopTransaction", {
                "transactionId": transaction}))["status"] == "Accepted"
            assert (await csms.next("StopTransaction"))["reason"] == "Remote"
            await statuses(csms, "Finishing", "Unavailable")
    run(play())


def test_scheduled_as_told_waits_for_the_next_transaction():
    async def play():
        async with bed("--idle", "--speed", "20", "-o",
                       "ChangeAvailability=Scheduled*1") as (csms, _):
            assert (await csms.call("ChangeAvailability", {
                "connectorId": 1, "type": "Inoperative"}))["status"] == "Scheduled"
            _, transaction = await start(csms)
            await csms.call("RemoteStopTransaction", {"transactionId": transaction})
            await statuses(csms, "Finishing", "Unavailable")
    run(play())


def test_configuration_is_read_and_changed():
    async def play():
        async with bed("--idle", "--key", "Colour=green", "--readonly-key", "Serial=77",
                       "--key", "Empty", "--readonly-key", "GetConfigurationMaxKeys=3",
                       "--connectors", "3") as (csms, _):
            everything = await csms.call("GetConfiguration")
            values = {key["key"]: key for key in everything["configurationKey"]}
            assert values["NumberOfConnectors"]["value"] == "3"
            assert values["Colour"] == {"key": "Colour", "readonly": False, "value": "green"}
            assert values["Serial"]["readonly"] is True
            assert "value" not in values["Empty"]
            asked = await csms.call("GetConfiguration", {"key": ["Nope", "Colour", "Never"]})
            assert asked["unknownKey"] == ["Nope", "Never"]
            assert [key["key"] for key in asked["configurationKey"]] == ["Colour"]
            with pytest.raises(CallError) as raised:
                await csms.call("GetConfiguration", {"key": ["a", "b", "c", "d"]})
            assert raised.value.code == "OccurenceConstraintViolation"
            for key, value, status in (("Colour", "red", "Accepted"), ("Serial", "1", "Rejected"),
                                       ("Nope", "1", "NotSupported"),
                                       ("HeartbeatInterval", "soon", "Rejected"),
                                       ("LocalPreAuthorize", "maybe", "Rejected"),
                                       ("WebSocketPingInterval", "9", "RebootRequired")):
                assert (await csms.call("ChangeConfiguration", {
                    "key": key, "value": value}))["status"] == status, key
            asked = await csms.call("GetConfiguration", {"key": ["colour", "WebSocketPingInterval"]})
            assert [key["value"] for key in asked["configurationKey"]] == ["red", "9"]
    run(play())


def test_a_remote_start_whose_tag_is_refused_ends():
    async def play():
        refused = {"idTagInfo": {"status": "Blocked"}}
        async with bed("--idle", answers={"Authorize": lambda _: refused}) as (csms, _):
            assert (await csms.call("RemoteStartTransaction", {
                "idTag": "T", "connectorId": 1}))["status"] == "Accepted"
            await csms.next("Authorize", idTag="T")
            await statuses(csms, "Available")
            assert not csms.sent("StartTransaction")
    run(play())


def test_the_interval_of_the_boot_is_the_key():
    async def play():
        registration = {"status": "Accepted", "currentTime": now(), "interval": 77}
        async with bed("--idle", "--interval", "4s",
                       answers={"BootNotification": lambda _: registration}) as (csms, _):
            asked = await csms.call("GetConfiguration", {
                "key": ["HeartbeatInterval", "MeterValueSampleInterval"]})
            assert [key["value"] for key in asked["configurationKey"]] == ["77", "4"]
    run(play())


def test_a_key_told_to_need_a_reboot_is_kept():
    async def play():
        async with bed("--idle", "-o", "ChangeConfiguration=RebootRequired*1") as (csms, _):
            assert (await csms.call("ChangeConfiguration", {
                "key": "BlinkRepeat", "value": "9"}))["status"] == "RebootRequired"
            asked = await csms.call("GetConfiguration", {"key": ["BlinkRepeat"]})
            assert asked["configurationKey"][0]["value"] == "9"
    run(play())


def test_data_transfer_echoes_for_its_vendor():
    async def play():
        async with bed("--idle", "--vendor", "acme") as (csms, _):
            assert await csms.call("DataTransfer", {"vendorId": "acme", "data": "hi"}) == {
                "status": "Accepted", "data": "hi"}
            assert (await csms.call("DataTransfer", {
                "vendorId": "acme", "messageId": "Other"}))["status"] == "UnknownMessageId"
            assert (await csms.call("DataTransfer", {"vendorId": "x"}))["status"] == "UnknownVendorId"
    run(play())


@pytest.mark.parametrize("kind,reason", [("Soft", "SoftReset"), ("Hard", "HardReset")])
def test_reset_stops_disconnects_and_boots(kind, reason):
    async def play():
        async with bed("--idle", "--once", "--speed", "20") as (csms, _):
            await start(csms)
            connections = csms.connections
            assert (await csms.call("Reset", {"type": kind}))["status"] == "Accepted"
            assert (await csms.next("StopTransaction"))["reason"] == reason
            await csms.until(lambda: csms.connections > connections)
            await csms.next("BootNotification")
            await statuses(csms, "Available")
    run(play())


def test_unlock_stops_the_transaction():
    async def play():
        async with bed("--idle", "--speed", "20") as (csms, _):
            await start(csms)
            assert (await csms.call("UnlockConnector", {"connectorId": 1}))["status"] == "Unlocked"
            assert (await csms.next("StopTransaction"))["reason"] == "UnlockCommand"
            assert (await csms.call("UnlockConnector", {"connectorId": 9}))["status"] == "NotSupported"
    run(play())


def test_every_message_is_triggered():
    async def play():
        async with bed("--idle", "-o", "UpdateFirmware=Downloading") as (csms, _):
            async def trigger(message, **more):
                return (await csms.call("TriggerMessage", {
                    "requestedMessage": message, **more}))["status"]
            assert await trigger("Heartbeat") == "Accepted"
            await csms.next("Heartbeat")
            assert await trigger("MeterValues") == "Accepted"
            for connector in (1, 2):
                sampled = await csms.next("MeterValues", connectorId=connector)
                assert sampled["meterValue"][0]["sampledValue"][0]["context"] == "Trigger"
            assert await trigger("MeterValues", connectorId=2) == "Accepted"
            await csms.next("MeterValues", connectorId=2)
            assert await trigger("StatusNotification") == "Accepted"
            for connector in (0, 1, 2):
                await statuses(csms, "Available", connector=connector)
            assert await trigger("DiagnosticsStatusNotification") == "Accepted"
            assert await csms.next("DiagnosticsStatusNotification") == {"status": "Idle"}
            assert await trigger("FirmwareStatusNotification") == "Accepted"
            assert await csms.next("FirmwareStatusNotification") == {"status": "Idle"}
            await csms.call("UpdateFirmware", {"location": "http://127.0.0.1:1/x",
                                               "retrieveDate": now()})
            await csms.next("FirmwareStatusNotification", status="Downloading")
            assert await trigger("FirmwareStatusNotification") == "Accepted"
            await csms.next("FirmwareStatusNotification", status="Downloading")
            assert await trigger("BootNotification") == "Rejected"
            assert await trigger("StatusNotification", connectorId=3) == "Rejected"
            assert await trigger("LogStatusNotification") == "NotImplemented"
    run(play())


def test_a_boot_is_triggered_while_pending(tmp_path):
    path = tmp_path / "pending.yaml"
    path.write_text("steps:\n  - connect\n  - boot: {expect: {status: Pending}}\n  - idle\n",
                    encoding="utf-8")

    async def play():
        def registration(status):
            return lambda _: {"status": status, "currentTime": now(), "interval": 300}
        async with bed("--scenario", str(path), ready=False,
                       answers={"BootNotification": registration("Pending")}) as (csms, _):
            await csms.next("BootNotification")
            csms.answers["BootNotification"] = registration("Accepted")
            assert (await csms.call("TriggerMessage", {
                "requestedMessage": "BootNotification"}))["status"] == "Accepted"
            await csms.next("BootNotification")
            while (await csms.call("TriggerMessage", {
                    "requestedMessage": "BootNotification"}))["status"] != "Rejected":
                pass
    run(play())


def reservation(number=7, connector=1, tag="TAG-R", seconds=600, **more):
    return {"reservationId": number, "connectorId": connector, "idTag": tag,
            "expiryDate": later(seconds), **more}


def test_a_reservation_ends_by_the_transaction_that_uses_it():
    async def play():
        async with bed("--idle", "--speed", "20") as (csms, _):
            assert (await csms.call("ReserveNow", reservation()))["status"] == "Accepted"
            await statuses(csms, "Reserved")
            assert (await csms.call("ReserveNow", reservation(8)))["status"] == "Occupied"
            assert (await csms.call("RemoteStartTransaction", {
                "idTag": "OTHER", "connectorId": 1}))["status"] == "Rejected"
            started, transaction = await start(csms)
            assert started["reservationId"] == 7
            assert (await csms.call("CancelReservation", {"reservationId": 7}))["status"] == "Rejected"
            assert (await csms.call("ReserveNow", reservation(9)))["status"] == "Occupied"
            await csms.call("RemoteStopTransaction", {"transactionId": transaction})
            await statuses(csms, "Finishing", "Available")
    run(play())


def test_a_reservation_expires_moves_and_is_cancelled():
    async def play():
        async with bed("--idle") as (csms, _):
            assert (await csms.call("ReserveNow", reservation(seconds=2)))["status"] == "Accepted"
            await statuses(csms, "Reserved", "Available")
            assert (await csms.call("ReserveNow", reservation(3)))["status"] == "Accepted"
            await statuses(csms, "Reserved")
            assert (await csms.call("ReserveNow", reservation(3, 2)))["status"] == "Accepted"
            await statuses(csms, "Available")
            await statuses(csms, "Reserved", connector=2)
            assert (await csms.call("CancelReservation", {"reservationId": 3}))["status"] == "Accepted"
            await statuses(csms, "Available", connector=2)
            assert (await csms.call("ReserveNow", reservation(seconds=-5)))["status"] == "Rejected"
    run(play())


def test_the_state_of_a_connector_forbids_a_reservation():
    async def play():
        async with bed("--console", "--connectors", "3") as (csms, station):
            await csms.next("StatusNotification", connectorId=3)
            await station.type("status: {connector: 1, status: Faulted, code: GroundFailure}")
            await statuses(csms, "Faulted")
            await station.type("status: {connector: 2, status: Preparing}")
            await statuses(csms, "Preparing", connector=2)
            await csms.call("ChangeAvailability", {"connectorId": 3, "type": "Inoperative"})
            await statuses(csms, "Unavailable", connector=3)
            for connector, status in ((1, "Faulted"), (2, "Occupied"), (3, "Unavailable"),
                                      (4, "Rejected"), (0, "Unavailable")):
                assert (await csms.call("ReserveNow", reservation(
                    connector, connector)))["status"] == status, connector
            await station.type("status: {connector: 2, status: Available}")
            await statuses(csms, "Available", connector=2)
            assert (await csms.call("ReserveNow", reservation(2, 2)))["status"] == "Accepted"
            await station.type("status: {connector: 2, status: Faulted}")
            await statuses(csms, "Faulted", connector=2)
            assert (await csms.call("CancelReservation", {"reservationId": 2}))["status"] == "Rejected"
    run(play())


def test_connector_0_keeps_the_last_free_connector():
    async def play():
        async with bed("--idle", "--speed", "20") as (csms, _):
            whole = reservation(5, 0, "VIP", parentIdTag="FAMILY")
            assert (await csms.call("ReserveNow", whole))["status"] == "Accepted"
            assert (await csms.call("RemoteStartTransaction", {
                "idTag": "ANY", "connectorId": 1}))["status"] == "Accepted"
            assert "reservationId" not in await csms.next("StartTransaction")
            await statuses(csms, "Charging")
            assert (await csms.call("RemoteStartTransaction", {
                "idTag": "MORE", "connectorId": 2}))["status"] == "Rejected"
            listing = {"listVersion": 1, "updateType": "Full", "localAuthorizationList": [
                {"idTag": "SON", "idTagInfo": {"status": "Accepted", "parentIdTag": "FAMILY"}}]}
            assert (await csms.call("SendLocalList", listing))["status"] == "Accepted"
            assert (await csms.call("RemoteStartTransaction", {"idTag": "SON"}))["status"] == "Accepted"
            assert (await csms.next("StartTransaction"))["reservationId"] == 5
    run(play())


def test_a_station_without_connector_0_reservations_rejects_them():
    async def play():
        async with bed("--idle", "--readonly-key",
                       "ReserveConnectorZeroSupported=false") as (csms, _):
            assert (await csms.call("ReserveNow", reservation(1, 0)))["status"] == "Rejected"
    run(play())


def items(*tags, status="Accepted"):
    return [{"idTag": tag, "idTagInfo": {"status": status}} for tag in tags]


def test_local_lists_are_full_or_differential():
    async def play():
        async with bed("--idle", "--readonly-key", "LocalAuthListMaxLength=3", "--readonly-key",
                       "SendLocalListMaxLength=2") as (csms, _):
            async def send(version, kind, *entries):
                return (await csms.call("SendLocalList", {
                    "listVersion": version, "updateType": kind,
                    "localAuthorizationList": list(entries)}))["status"]

            async def version():
                return (await csms.call("GetLocalListVersion"))["listVersion"]
            assert await send(2, "Full", *items("A", "B")) == "Accepted"
            assert await version() == 2
            assert await send(2, "Differential", *items("C")) == "VersionMismatch"
            assert await send(3, "Differential", *items("C", "D")) == "Failed"  # 4 of 3
            assert await send(3, "Full", *items("C", "D", "E")) == "Failed"  # 3 of 2 at a time
            assert await send(3, "Full", {"idTag": "C"}) == "Failed"
            assert await send(3, "Full", *items("C", "c")) == "Failed"
            assert await version() == 2
            assert await send(3, "Differential", {"idTag": "a"}, *items("C")) == "Accepted"
            assert await version() == 3
            assert await send(1, "Full") == "Accepted"
            assert await version() == 0
            await csms.call("ChangeConfiguration", {"key": "LocalAuthListEnabled", "value": "false"})
            assert await version() == -1
            assert await send(4, "Full", *items("A")) == "NotSupported"
    run(play())


def test_the_list_spares_a_question_where_that_is_told():
    async def play():
        async with bed("--console", "--tag", "LISTED") as (csms, station):
            await csms.call("SendLocalList", {"listVersion": 1, "updateType": "Full",
                                              "localAuthorizationList": items("LISTED")})
            await csms.call("ChangeConfiguration", {"key": "LocalPreAuthorize", "value": "true"})
            await station.type("authorize")
            await station.type("authorize: STRANGER")
            await csms.next("Authorize", idTag="STRANGER")
            assert len(csms.sent("Authorize")) == 1
    run(play())


@pytest.mark.parametrize("frame, status", [
    ('[3,"nobody-asked",{}]', 0), ('[2,"asked","Heartbeat",{}]', 1)], ids=["silence", "broken"])
def test_silence_is_not_broken_by_heartbeats_that_are_due(tmp_path, frame, status):
    scenario = tmp_path / "silence.yaml"
    scenario.write_text("name: silence\nsteps:\n  - connect\n  - boot\n"
                        f"  - raw: {{frame: '{frame}', silence: 25s}}\n", encoding="utf-8")
    with Daemon(tmp_path, {"ocpp16_core": {"heartbeat_interval": "10s"}}) as daemon:
        done = subprocess.run(
            [os.path.join(BIN, "ocppd-station"), "--url", f"ws://127.0.0.1:{daemon.port}/ocpp",
             "--id", "CP-1", "--once", "--speed", "10", "--scenario", str(scenario)],
            capture_output=True, text=True, timeout=DEADLINE_S, check=False)
        assert done.returncode == status, done.stdout + done.stderr
        beats = len(daemon.log.events("call.answered", action="Heartbeat"))
        assert beats >= 2 if status == 0 else "expected silence" in done.stdout + done.stderr
