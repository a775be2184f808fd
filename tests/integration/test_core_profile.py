# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""The Core profile over sockets: every operation, each status, and what follows from it."""

import asyncio
import os
import sqlite3

import pytest
from harness import DEADLINE_S, PLUGINS, CallError, Daemon, Station, eventually, now, run

MODULES = os.path.abspath(os.path.join(PLUGINS, "..", "tests", "modules", "modules"))
TAGS = [
    {"id": "TAG-1"}, {"id": "TAG-2"}, {"id": "FAMILY-1", "parent_id_tag": "FAMILY"},
    {"id": "FAMILY-2", "parent_id_tag": "FAMILY"}, {"id": "BLOCKED", "status": "Blocked"},
    {"id": "OLD", "expiry_date": "2020-01-01T00:00:00Z"}, {"id": "SINGLE", "max_active_transactions": 1},
]


def core(**options):
    return {"id_tags": {"tags": TAGS}, "ocpp16_core": options}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    options = core(remote_start_margin="1s", data_transfer_timeout="500ms")
    with Daemon(tmp_path_factory.mktemp("core"), {**options, "micro_data": {}, "micro_data_exact": {}},
                module_dir=[MODULES]) as running:
        yield running


def command(daemon, action, body, station_id="CP-1", query=""):
    return daemon.api_async("POST", f"/v1/stations/{station_id}/commands/{action}{query}", body)


def status_of(connector, status, **more):
    return {"connectorId": connector, "errorCode": "NoError", "status": status, **more}


async def connector_of(daemon, station_id, number):
    _, station = await daemon.api_async("GET", f"/v1/stations/{station_id}")
    return next(item for item in station["connectors"] if item["connectorId"] == number)


# ---- Every answer of every operation -------------------------------------------------------------

ANSWERS = [
    ("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"}, ["Accepted", "Rejected", "Scheduled"]),
    ("ChangeConfiguration", {"key": "BlinkRepeat", "value": "3"},
     ["Accepted", "Rejected", "RebootRequired", "NotSupported"]),
    ("ClearCache", {}, ["Accepted", "Rejected"]),
    ("DataTransfer", {"vendorId": "v", "messageId": "m", "data": "d"},
     ["Accepted", "Rejected", "UnknownMessageId", "UnknownVendorId"]),
    ("RemoteStartTransaction", {"idTag": "TAG-1", "connectorId": 1}, ["Accepted", "Rejected"]),
    ("RemoteStopTransaction", {"transactionId": 1}, ["Accepted", "Rejected"]),
    ("Reset", {"type": "Soft"}, ["Accepted", "Rejected"]),
    ("UnlockConnector", {"connectorId": 1}, ["Unlocked", "UnlockFailed", "NotSupported"]),
]
ROWS = [(action, body, word) for action, body, words in ANSWERS for word in words]


@pytest.mark.parametrize("action,body,word", ROWS, ids=[f"{row[0]}-{row[2]}" for row in ROWS])
def test_every_answer(daemon, action, body, word):
    async def session():
        async with Station.connect(daemon, "ANSWERS") as station:
            station.on_call[action] = lambda payload: {"status": word}
            status, answer = await command(daemon, action, body, "ANSWERS")
            assert (status, answer["result"]) == (200, "confirmed")
            assert answer["response"] == {"status": word}
            assert station.calls[0][3] == body
    run(session())


BAD = [
    ("ChangeAvailability", {"connectorId": 1, "type": "Off"}, "type"),
    ("ChangeAvailability", {"type": "Operative"}, "connectorId"),
    ("ChangeConfiguration", {"key": "k" * 51, "value": ""}, "key"),
    ("ChangeConfiguration", {"key": "k", "value": "v" * 501}, "value"),
    ("ChangeConfiguration", {"key": "k", "value": 60}, "value"),
    ("ClearCache", {"all": True}, "all"),
    ("DataTransfer", {"vendorId": "v" * 256}, "vendorId"),
    ("DataTransfer", {"vendorId": "v", "data": {"a": 1}}, "data"),
    ("Reset", {"type": "Cold"}, "type"),
    ("UnlockConnector", {}, "connectorId"),
    ("RemoteStartTransaction", {"idTag": "T" * 21}, "idTag"),
    ("RemoteStartTransaction", {"idTag": "T", "chargingProfile": {"chargingProfileId": 1}}, "chargingProfile"),
]


@pytest.mark.parametrize("action,body,named", BAD, ids=[f"{row[0]}-{row[2]}" for row in BAD])
def test_payload_that_breaks_the_schema(daemon, action, body, named):
    async def session():
        async with Station.connect(daemon, "BAD") as station:
            status, answer = await command(daemon, action, body, "BAD")
            assert status == 400 and named in answer["detail"], answer
            assert not station.calls
    run(session())


def test_confirmation_with_an_unknown_status(daemon):
    async def session():
        async with Station.connect(daemon, "ODD") as station:
            station.on_call["ClearCache"] = lambda payload: {"status": "Perhaps"}
            status, answer = await command(daemon, "ClearCache", {}, "ODD")
            assert status in (200, 502) and (status == 502 or answer["warnings"]), answer
    run(session())


WARNED = [
    ("ChangeAvailability", {"connectorId": 7, "type": "Operative"}, "connectorId"),
    ("ChangeAvailability", {"connectorId": -1, "type": "Operative"}, "connectorId"),
    ("UnlockConnector", {"connectorId": 0}, "connectorId"),
    ("UnlockConnector", {"connectorId": 1}, "transaction is under way"),
    ("Reset", {"type": "Hard"}, "transactions are under way"),
    ("RemoteStartTransaction", {"idTag": "TAG-1", "connectorId": 0}, "connectorId"),
    ("RemoteStartTransaction", {"idTag": "BLOCKED"}, "Blocked"),
    ("RemoteStartTransaction", {"idTag": "OLD"}, "Expired"),
    ("RemoteStartTransaction", {"idTag": "NOBODY"}, "Invalid"),
    ("RemoteStopTransaction", {"transactionId": 999999999}, "transactionId"),
    ("ChangeConfiguration", {"key": "numberofconnectors", "value": "3"}, "readonly"),
    ("ChangeConfiguration", {"key": "SecurityProfile", "value": "1"}, "raised"),
    ("ChangeConfiguration", {"key": "MeterValuesSampledData", "value": "SoC,Voltage,RPM"}, "3 items"),
    ("ChangeConfiguration", {"key": "AuthorizationKey", "value": "short"}, "hex"),
    ("GetConfiguration", {"key": ["a", "b", "c"]}, "GetConfigurationMaxKeys"),
]


def test_warnings_and_strict_checks(daemon):
    keys = [{"key": name, "readonly": readonly, "value": value} for name, readonly, value in [
        ("NumberOfConnectors", True, "2"), ("SecurityProfile", False, "2"),
        ("MeterValuesSampledDataMaxLength", True, "2"), ("GetConfigurationMaxKeys", True, "2")]]

    async def session():
        async with Station.connect(daemon, "WARNED") as station:
            station.on_call["GetConfiguration"] = lambda payload: {"configurationKey": keys}
            await command(daemon, "GetConfiguration", {}, "WARNED")
            assert len(await keys_of(daemon, "WARNED")) == len(keys)
            await station.call("StatusNotification", status_of(1, "Charging"))
            await station.start("TAG-2")
            for action, body, text in WARNED:
                sent = len(station.calls)
                status, answer = await command(daemon, action, body, "WARNED", "?checks=strict")
                assert status == 422 and text in answer["detail"], (action, body, answer)
                assert len(station.calls) == sent
                station.on_call[action] = lambda payload: {"status": "Rejected"}
                if action == "GetConfiguration":
                    station.on_call[action] = lambda payload: {"unknownKey": payload["key"]}
                if action == "UnlockConnector":
                    station.on_call[action] = lambda payload: {"status": "NotSupported"}
                status, answer = await command(daemon, action, body, "WARNED")
                assert status == 200 and any(text in line for line in answer["warnings"]), answer
    run(session())


# ---- ChangeAvailability --------------------------------------------------------------------------

def test_requested_and_reported_availability_stay_apart(daemon):
    async def ask(word, number, kind, station, station_id="AVAIL"):
        station.on_call["ChangeAvailability"] = lambda payload: {"status": word}
        status, answer = await command(daemon, "ChangeAvailability",
                                       {"connectorId": number, "type": kind}, station_id)
        assert status == 200, answer

    async def wish(number):
        item = await connector_of(daemon, "AVAIL", number)
        return item.get("requestedAvailability"), item.get("availabilityPending"), item["status"]

    async def session():
        async with Station.connect(daemon, "AVAIL") as station:
            for number, word in ((1, "Charging"), (2, "Available")):
                await station.call("StatusNotification", status_of(number, word))
            await ask("Rejected", 1, "Inoperative", station)
            assert await wish(1) == (None, None, "Charging")

            await ask("Scheduled", 1, "Inoperative", station)
            assert await eventually(lambda: is_equal(wish(1), ("Inoperative", True, "Charging")))
            await station.call("StatusNotification", status_of(1, "Finishing"))
            assert await wish(1) == ("Inoperative", True, "Finishing")
            await station.call("StatusNotification", status_of(1, "Unavailable"))
            assert await wish(1) == ("Inoperative", False, "Unavailable")

            # The opposite request supersedes.
            await ask("Accepted", 1, "Operative", station)
            assert await eventually(lambda: is_equal(wish(1), ("Operative", False, "Unavailable")))

            # The whole station: each connector, and itself when the last has followed.
            await station.call("StatusNotification", status_of(0, "Available"))
            await station.call("StatusNotification", status_of(1, "Charging"))
            await ask("Scheduled", 0, "Inoperative", station)
            assert await eventually(lambda: is_equal(wish(2), ("Inoperative", True, "Available")))
            assert (await wish(0))[:2] == ("Inoperative", True)
            await station.call("StatusNotification", status_of(2, "Unavailable"))
            assert await wish(2) == ("Inoperative", False, "Unavailable")
            assert (await wish(0))[:2] == ("Inoperative", True)
            await station.call("StatusNotification", status_of(1, "Unavailable"))
            assert (await wish(0))[:2] == ("Inoperative", False)
    run(session())


async def is_equal(awaitable, wanted):
    return await awaitable == wanted


def test_requested_availability_survives_a_restart(tmp_path):
    async def session(running):
        async with Station.connect(running) as station:
            await station.call("StatusNotification", status_of(1, "Charging"))
            station.on_call["ChangeAvailability"] = lambda payload: {"status": "Scheduled"}
            await command(running, "ChangeAvailability", {"connectorId": 1, "type": "Inoperative"})

    async def after(running):
        item = await connector_of(running, "CP-1", 1)
        assert (item["requestedAvailability"], item["availabilityPending"]) == ("Inoperative", True)
        async with Station.connect(running, boot=False) as station:
            await station.call("StatusNotification", status_of(1, "Unavailable"))
        assert (await connector_of(running, "CP-1", 1))["availabilityPending"] is False

    with Daemon(tmp_path, core()) as running:
        run(session(running))
        running.restart()
        run(after(running))


# ---- ChangeConfiguration, GetConfiguration -------------------------------------------------------

async def keys_of(daemon, station_id):
    _, body = await daemon.api_async("GET", f"/v1/stations/{station_id}/configuration")
    return {item["key"]: item.get("value") for item in body["configurationKey"]}


def test_changed_key_is_the_one_last_read(daemon):
    async def session():
        async with Station.connect(daemon, "KEYS") as station:
            for word, value, wanted in (("Accepted", "1", "1"), ("Rejected", "2", "1"),
                                        ("NotSupported", "3", "1"), ("RebootRequired", "4", "4")):
                station.on_call["ChangeConfiguration"] = lambda payload, word=word: {"status": word}
                await command(daemon, "ChangeConfiguration", {"key": "BlinkRepeat", "value": value}, "KEYS")
                assert await eventually(lambda wanted=wanted: is_equal(read(), wanted))

    async def read():
        return (await keys_of(daemon, "KEYS")).get("BlinkRepeat")
    run(session())


def test_configured_keys_are_read_in_portions(tmp_path):
    asked = []

    def answer(payload):
        asked.append(payload.get("key"))
        values = {"GetConfigurationMaxKeys": "2"}
        return {"configurationKey": [{"key": key, "readonly": True, "value": values.get(key, "1")}
                                     for key in payload["key"]]}

    async def session(running):
        async with Station.connect(running, boot=False) as station:
            station.on_call["GetConfiguration"] = answer
            await station.boot()
            await eventually(lambda: is_equal(count(), 4))
            assert asked == [["GetConfigurationMaxKeys"], ["A", "B"], ["C", "D"], ["E"]]
            # Once more, but not at once (quirk F03).
            await station.boot()
            await station.call("Heartbeat", {})
            assert len(asked) == 4
        assert set(await keys_of(running, "CP-1")) == {"GetConfigurationMaxKeys", *"ABCDE"}

    async def count():
        return len(asked)

    with Daemon(tmp_path, core(read_configuration=list("ABCDE"))) as running:
        run(session(running))


def test_nothing_is_sent_on_connect(tmp_path):
    async def session(running):
        async with Station.connect(running) as station:
            await station.call("StatusNotification", status_of(1, "Available"))
            await station.call("Heartbeat", {})
            assert not station.calls
    with Daemon(tmp_path, core()) as running:
        run(session(running))


# ---- Reset, UnlockConnector ----------------------------------------------------------------------

def test_boot_after_a_reset_is_known_as_such(daemon):
    async def reason():
        return (await daemon.api_async("GET", "/v1/stations/RESET"))[1].get("bootReason")

    async def session():
        async with Station.connect(daemon, "RESET") as station:
            station.on_call["Reset"] = lambda payload: {"status": "Rejected"}
            await command(daemon, "Reset", {"type": "Soft"}, "RESET")
            await station.boot()
            assert await reason() is None
            started = await station.start("TAG-1")
            station.on_call["Reset"] = lambda payload: {"status": "Accepted"}
            await command(daemon, "Reset", {"type": "Soft"}, "RESET")
            await station.stop(started["transactionId"], reason="SoftReset")
        async with Station.connect(daemon, "RESET") as station:
            assert await reason() == "RemoteReset"
            await station.boot()
            assert await reason() is None
    run(session())


def test_unlock_is_told(daemon):
    async def session():
        async with Station.connect(daemon, "UNLOCK") as station:
            station.on_call["UnlockConnector"] = lambda payload: {"status": "UnlockFailed"}
            await command(daemon, "UnlockConnector", {"connectorId": 2}, "UNLOCK")
        found = daemon.log.wait("connector.unlocked", station="UNLOCK")
        assert (found["connector"], found["status"]) == ("2", "UnlockFailed")
    run(session())


# ---- DataTransfer from the station ---------------------------------------------------------------

MICRO = "com.example.micro"
TRANSFERS = [
    ({"vendorId": "nobody"}, {"status": "UnknownVendorId"}),
    ({"vendorId": "nobody", "messageId": "echo", "data": "x"}, {"status": "UnknownVendorId"}),
    ({"vendorId": MICRO, "data": "x"}, {"status": "Accepted", "data": "x"}),
    ({"vendorId": MICRO.upper(), "messageId": "echo", "data": "{\"a\": 1}"},
     {"status": "Accepted", "data": "{\"a\": 1}"}),
    ({"vendorId": MICRO, "messageId": "echo"}, {"status": "Accepted"}),
    ({"vendorId": MICRO, "messageId": "exact"}, {"status": "Accepted", "data": "exact"}),
    ({"vendorId": MICRO, "messageId": "other"}, {"status": "UnknownMessageId"}),
    ({"vendorId": MICRO, "messageId": "reject"}, {"status": "Rejected"}),
    ({"vendorId": MICRO, "messageId": "fail"}, {"status": "Rejected"}),
    ({"vendorId": MICRO, "messageId": "odd"}, {"status": "Rejected"}),
    ({"vendorId": MICRO, "messageId": "later"}, {"status": "Accepted", "data": "late"}),
    ({"vendorId": MICRO, "messageId": "never"}, {"status": "Rejected"}),
]


@pytest.mark.parametrize("body,wanted", TRANSFERS, ids=[f"{row[0]}" for row in TRANSFERS])
def test_data_transfer(daemon, body, wanted):
    async def session():
        async with Station.connect(daemon, "DATA") as station:
            assert await station.call("DataTransfer", body) == wanted
    run(session())


def test_data_transfer_repeated_is_handled_once(daemon):
    async def session():
        async with Station.connect(daemon, "TWICE") as station:
            body = {"vendorId": MICRO, "messageId": "later"}
            before = len(daemon.log.events("data.answered"))
            first = await station.call("DataTransfer", body, "same")
            assert await station.call("DataTransfer", body, "same") == first
            assert len(daemon.log.events("data.answered")) == before + 1
    run(session())


def test_data_transfer_without_the_one_that_claims_all(tmp_path):
    async def session(running):
        async with Station.connect(running) as station:
            for message, wanted in (("exact", "Accepted"), ("echo", "UnknownMessageId")):
                answer = await station.call("DataTransfer", {"vendorId": MICRO, "messageId": message})
                assert answer["status"] == wanted
    with Daemon(tmp_path, {**core(), "micro_data_exact": {}}, module_dir=[MODULES]) as running:
        run(session(running))


def test_data_transfer_claimed_twice_refuses_the_start(tmp_path):
    running = Daemon(tmp_path, {**core(), "micro_data": {}, "north": {"module": "micro_data"}},
                     module_dir=[MODULES])
    running.launch()
    assert running.wait() != 0
    text = running.log.text()
    assert "micro_data and north both claim" in text or "north and micro_data both claim" in text
    running.process = None


def test_data_transfer_claimed_again_on_reload_stays_with_the_first(tmp_path):
    async def ask(running):
        async with Station.connect(running) as station:
            return await station.call("DataTransfer", {"vendorId": MICRO, "data": "x"})

    def reload(running, **plugins):
        running.settings["plugins"].update(plugins)
        running.write_config()
        status, answer = running.api("POST", "/v1/reload")
        assert status == 200, answer

    with Daemon(tmp_path, {**core(), "micro_data": {}}, module_dir=[MODULES]) as running:
        reload(running, north={"module": "micro_data"})
        contested = running.log.wait("data.contested")["text"]
        assert "micro_data and north both claim" in contested
        assert run(ask(running)) == {"status": "Accepted", "data": "x"}
        # The daemon started anew would refuse this configuration.
        running.stop()
        running.launch()
        assert running.wait() != 0
        assert "both claim" in running.log.text()
        running.process = None
        del running.settings["plugins"]["micro_data"]
        running.write_config()
        running.start()
        assert run(ask(running)) == {"status": "Accepted", "data": "x"}


# ---- Registration --------------------------------------------------------------------------------

def test_pending_station(daemon):
    async def session():
        await daemon.api_async("PUT", "/v1/stations/PENDING", {"registrationStatus": "Pending"})
        async with Station.connect(daemon, "PENDING", boot=False) as station:
            booted = await station.boot()
            assert booted["status"] == "Pending" and 54 <= booted["interval"] <= 66
            with pytest.raises(CallError) as refused:
                await station.call("Heartbeat", {})
            assert refused.value.code == "SecurityError"
            for action, body in (("RemoteStartTransaction", {"idTag": "TAG-1"}),
                                 ("RemoteStopTransaction", {"transactionId": 1})):
                status, answer = await command(daemon, action, body, "PENDING")
                assert status == 409, answer
            assert not station.calls
            station.on_call["GetConfiguration"] = lambda payload: {}
            station.on_call["ChangeConfiguration"] = lambda payload: {"status": "Accepted"}
            for action, body in (("GetConfiguration", {}),
                                 ("ChangeConfiguration", {"key": "a", "value": "b"})):
                status, answer = await command(daemon, action, body, "PENDING")
                assert status == 200, answer

            # An operator's word holds from the next boot on.
            await daemon.api_async("PUT", "/v1/stations/PENDING", {"registrationStatus": "Accepted"})
            with pytest.raises(CallError):
                await station.call("Heartbeat", {})
            assert (await station.boot())["status"] == "Accepted"
            await station.call("Heartbeat", {})
            station.on_call["RemoteStartTransaction"] = lambda payload: {"status": "Rejected"}
            status, _ = await command(daemon, "RemoteStartTransaction", {"idTag": "TAG-1"}, "PENDING")
            assert status == 200
    run(session())


def test_rejected_station(daemon):
    async def session():
        await daemon.api_async("PUT", "/v1/stations/REJECTED", {"registrationStatus": "Rejected"})
        async with Station.connect(daemon, "REJECTED", boot=False) as station:
            booted = await station.boot()
            assert booted["status"] == "Rejected" and 3240 <= booted["interval"] <= 3960
            with pytest.raises(CallError) as refused:
                await station.start()
            assert refused.value.code == "SecurityError"
            for action, body in (("GetConfiguration", {}), ("Reset", {"type": "Hard"})):
                status, answer = await command(daemon, action, body, "REJECTED")
                assert status == 409, answer
            assert not station.calls
    run(session())


def test_station_that_never_booted(daemon):
    async def session():
        async with Station.connect(daemon, "NEVER", boot=False) as station:
            with pytest.raises(CallError) as refused:
                await station.call("Heartbeat", {})
            assert refused.value.code == "SecurityError"
            status, _ = await command(daemon, "RemoteStartTransaction", {"idTag": "TAG-1"}, "NEVER")
            assert status == 409
    run(session())


@pytest.mark.parametrize("word", ["Pending", "Rejected"])
def test_demoted_station(daemon, word):
    """It may finish what it began; from its next connection on it is what the operator said."""
    async def session():
        name = "DEMOTED-" + word
        await daemon.api_async("PUT", f"/v1/stations/{name}", {})
        async with Station.connect(daemon, name) as station:
            await daemon.api_async("PUT", f"/v1/stations/{name}", {"registrationStatus": word})
            await station.call("Heartbeat", {})
        async with Station.connect(daemon, name, boot=False) as station:
            with pytest.raises(CallError):
                await station.call("Heartbeat", {})
            assert (await station.boot())["status"] == word
    run(session())


def test_accepted_station_needs_no_boot_after_a_restart(tmp_path):
    async def before(running):
        async with Station.connect(running):
            pass

    async def after(running):
        async with Station.connect(running, boot=False) as station:
            await station.call("Heartbeat", {})
            assert (await station.start())["transactionId"] > 0

    with Daemon(tmp_path, core()) as running:
        run(before(running))
        running.kill()
        running.start()
        run(after(running))


# ---- Remote starts -------------------------------------------------------------------------------

def test_remote_start_is_linked_to_its_transaction(daemon):
    async def session():
        async with Station.connect(daemon, "REMOTE") as station:
            station.on_call["RemoteStartTransaction"] = lambda payload: {"status": "Accepted"}
            status, _ = await command(daemon, "RemoteStartTransaction", {"idTag": "tag-1", "connectorId": 2},
                                      "REMOTE")
            assert status == 200
            other = (await station.start("TAG-1", connector=1, meter=1))["transactionId"]
            asked = (await station.start("TAG-1", connector=2, meter=2))["transactionId"]
            later = (await station.start("TAG-1", connector=2, meter=3))["transactionId"]
        for number, wanted in ((other, None), (asked, True), (later, None)):
            _, found = await daemon.api_async("GET", f"/v1/transactions/{number}")
            assert found.get("remoteStart") == wanted
        matched = daemon.log.wait("remote_start.matched", station="REMOTE")
        assert int(matched["transaction"]) == asked
    run(session())


def test_remote_start_before_its_confirmation(daemon):
    async def session():
        async with Station.connect(daemon, "HASTY") as station:
            async def answer(payload):
                body = {"connectorId": 1, "idTag": payload["idTag"], "meterStart": 0, "timestamp": now()}
                station.started = await station.send("StartTransaction", body)
                return {"status": "Accepted"}
            station.on_call["RemoteStartTransaction"] = answer
            await command(daemon, "RemoteStartTransaction", {"idTag": "TAG-1"}, "HASTY")
            number = (await asyncio.wait_for(station.started, DEADLINE_S))[2]["transactionId"]
        _, found = await daemon.api_async("GET", f"/v1/transactions/{number}")
        assert found["remoteStart"] is True
    run(session())


def test_remote_start_that_nothing_follows(daemon):
    keys = [{"key": "connectiontimeout", "readonly": False, "value": "0"}]

    async def session():
        async with Station.connect(daemon, "SILENT") as station:
            station.on_call["GetConfiguration"] = lambda payload: {"configurationKey": keys}
            await command(daemon, "GetConfiguration", {}, "SILENT")
            assert "connectiontimeout" in await keys_of(daemon, "SILENT")
            station.on_call["RemoteStartTransaction"] = lambda payload: {"status": "Rejected"}
            await command(daemon, "RemoteStartTransaction", {"idTag": "TAG-2"}, "SILENT")
            station.on_call["RemoteStartTransaction"] = lambda payload: {"status": "Accepted"}
            await command(daemon, "RemoteStartTransaction", {"idTag": "TAG-1"}, "SILENT")
            expired = await asyncio.get_running_loop().run_in_executor(
                None, lambda: daemon.log.wait("remote_start.expired", station="SILENT"))
            assert expired["waited_s"] == "1" and expired["tag"].endswith("AG-1")
            assert len(daemon.log.events("remote_start.expired", station="SILENT")) == 1
            number = (await station.start("TAG-1"))["transactionId"]
        _, found = await daemon.api_async("GET", f"/v1/transactions/{number}")
        assert "remoteStart" not in found
    run(session())


def test_remote_starts_waited_for_are_bounded(daemon):
    async def session():
        async with Station.connect(daemon, "CROWD") as station:
            station.on_call["RemoteStartTransaction"] = lambda payload: {"status": "Accepted"}
            for number in range(17):
                await command(daemon, "RemoteStartTransaction", {"idTag": f"T{number}"}, "CROWD")
            marked = {}
            for number in (15, 16):
                started = (await station.start(f"T{number}"))["transactionId"]
                _, found = await daemon.api_async("GET", f"/v1/transactions/{started}")
                marked[number] = found.get("remoteStart")
            assert marked == {15: True, 16: None}
    run(session())


PROFILE = {
    "chargingProfileId": 1, "stackLevel": 0, "chargingProfilePurpose": "TxProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [
        {"startPeriod": 0, "limit": 16.0}, {"startPeriod": 3600, "limit": 6.5, "numberPhases": 3}]},
}
PROFILES = [
    ({}, None),
    ({"chargingProfilePurpose": "TxDefaultProfile"}, "chargingProfilePurpose"),
    ({"transactionId": 7}, "transactionId"),
    ({"recurrencyKind": "Daily"}, "recurrencyKind"),
    ({"chargingSchedule": {"chargingRateUnit": "W", "chargingSchedulePeriod": [
        {"startPeriod": 5, "limit": 1}]}}, "startPeriod"),
]


@pytest.mark.parametrize("change,named", PROFILES, ids=[str(row[1]) for row in PROFILES])
def test_remote_start_with_a_charging_profile(daemon, change, named):
    async def session():
        async with Station.connect(daemon, "PROFILE") as station:
            station.on_call["RemoteStartTransaction"] = lambda payload: {"status": "Rejected"}
            body = {"connectorId": 1, "idTag": "TAG-1", "chargingProfile": {**PROFILE, **change}}
            status, answer = await command(daemon, "RemoteStartTransaction", body, "PROFILE")
            assert status == 200 and station.calls[0][3] == body
            assert named is None or any(named in line for line in answer["warnings"]), answer
            assert named is not None or "warnings" not in answer
    run(session())


# ---- Authorization -------------------------------------------------------------------------------

VERDICTS = [("TAG-1", "Accepted"), ("tag-1", "Accepted"), ("BLOCKED", "Blocked"), ("OLD", "Expired"),
            ("NOBODY", "Invalid")]


@pytest.mark.parametrize("tag,wanted", VERDICTS, ids=[row[0] for row in VERDICTS])
def test_verdicts(daemon, tag, wanted):
    async def session():
        async with Station.connect(daemon, "VERDICTS") as station:
            assert (await station.call("Authorize", {"idTag": tag}))["idTagInfo"]["status"] == wanted
            started = await station.start(tag)
            assert started["idTagInfo"]["status"] == wanted and started["transactionId"] > 0
            stopped = await station.stop(started["transactionId"], idTag=tag)
            assert stopped["idTagInfo"]["status"] == wanted
        _, found = await daemon.api_async("GET", f"/v1/transactions/{started['transactionId']}")
        assert found["active"] is False
        assert ("unauthorised" in found["flags"]) == (wanted != "Accepted")
    run(session())


def test_family_member_stops_what_another_began(daemon):
    async def session():
        async with Station.connect(daemon, "FAMILY") as station:
            info = (await station.call("Authorize", {"idTag": "FAMILY-1"}))["idTagInfo"]
            assert info == {"parentIdTag": "FAMILY", "status": "Accepted"}
            flags = {}
            for meter, tag in enumerate(("FAMILY-2", "TAG-2")):
                number = (await station.start("FAMILY-1", meter=meter))["transactionId"]
                stopped = await station.stop(number, idTag=tag)
                assert stopped["idTagInfo"]["status"] == "Accepted"
                _, found = await daemon.api_async("GET", f"/v1/transactions/{number}")
                assert (found["parentIdTag"], found["stopIdTag"]) == ("FAMILY", tag)
                flags[tag] = found["flags"]
            assert "stop-token" not in flags["FAMILY-2"] and "stop-token" in flags["TAG-2"]
    run(session())


def test_concurrent_use_of_a_tag_is_refused_and_recorded(daemon):
    async def session():
        when = now()
        async with Station.connect(daemon, "ONE") as one, Station.connect(daemon, "TWO") as two:
            # Authorize is about the tag alone.
            first = await one.start("SINGLE", when=when)
            assert first["idTagInfo"]["status"] == "Accepted"
            assert (await two.call("Authorize", {"idTag": "SINGLE"}))["idTagInfo"]["status"] == "Accepted"
            second = await two.start("SINGLE")
            assert second["idTagInfo"]["status"] == "ConcurrentTx"
            assert second["transactionId"] not in (0, first["transactionId"])
            # A repetition does not collide with what it repeats.
            assert await one.start("SINGLE", when=when) == first
            await two.stop(second["transactionId"])
            await one.stop(first["transactionId"])
            third = await two.start("SINGLE", meter=1)
            assert third["idTagInfo"]["status"] == "Accepted"
            await two.stop(third["transactionId"])
    run(session())


# ---- Ready for OCPP 2.0.1 ------------------------------------------------------------------------

def test_records_know_evse_connector_and_long_tokens(tmp_path):
    token = "T" * 255

    async def session(running):
        status, _ = await running.api_async("PUT", f"/v1/id-tags/{token}", {"status": "Accepted"})
        assert status in (200, 201)
        async with Station.connect(running) as station:
            await station.call("StatusNotification", status_of(0, "Available"))
            await station.call("StatusNotification", status_of(2, "Available"))
            return (await station.start("TAG-1", connector=2))["transactionId"]

    with Daemon(tmp_path, core()) as running:
        number = run(session(running))
        status, tag = running.api("GET", f"/v1/id-tags/{token}")
        assert status == 200 and tag["idTag"] == token
        running.stop()
        with sqlite3.connect(os.path.join(running.folder, "ocppd.db")) as database:
            assert database.execute("SELECT evse, connector FROM stations_connector ORDER BY evse") \
                .fetchall() == [(0, 0), (2, 1)]
            columns = "evse, connector, presented, token, token_type, id_text, protocol"
            assert database.execute(f"SELECT {columns} FROM transactions_transaction "
                                    "WHERE transaction_id = ?", (number,)).fetchall() == \
                [(2, 1, "TAG-1", "tag-1", None, None, "ocpp1.6")]
        running.start()
