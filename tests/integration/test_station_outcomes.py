# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""ocppd-station plays what it is told: every status of every action, and every way not to answer."""

import asyncio
import os
import re
import subprocess

import pytest
from csms import bed
from harness import BIN, DEADLINE_S, CallError, run

PROFILE = {"chargingProfileId": 1, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile",
           "chargingProfileKind": "Relative", "chargingSchedule": {
               "chargingRateUnit": "W",
               "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 3000}]}}

# An action, what is asked, and each status that it can be told.
STATUSES = [
    ("CancelReservation", {"reservationId": 1}, ["Accepted", "Rejected"]),
    ("ChangeAvailability", {"connectorId": 1, "type": "Operative"},
     ["Accepted", "Rejected", "Scheduled"]),
    ("ChangeConfiguration", {"key": "BlinkRepeat", "value": "4"},
     ["Accepted", "Rejected", "RebootRequired", "NotSupported"]),
    ("ClearCache", {}, ["Accepted", "Rejected"]),
    ("ClearChargingProfile", {}, ["Accepted", "Unknown"]),
    ("DataTransfer", {"vendorId": "x"},
     ["Accepted", "Rejected", "UnknownMessageId", "UnknownVendorId"]),
    ("GetCompositeSchedule", {"connectorId": 1, "duration": 60}, ["Accepted", "Rejected"]),
    ("RemoteStartTransaction", {"idTag": "T", "connectorId": 2}, ["Rejected"]),
    ("RemoteStopTransaction", {"transactionId": 1}, ["Accepted", "Rejected"]),
    ("ReserveNow", {"connectorId": 1, "expiryDate": "2020-01-01T00:00:00Z", "idTag": "T",
                    "reservationId": 1},
     ["Accepted", "Faulted", "Occupied", "Rejected", "Unavailable"]),
    ("Reset", {"type": "Soft"}, ["Rejected"]),
    ("SendLocalList", {"listVersion": 1, "updateType": "Full"},
     ["Accepted", "Failed", "NotSupported", "VersionMismatch"]),
    ("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": PROFILE},
     ["Accepted", "Rejected", "NotSupported"]),
    ("TriggerMessage", {"requestedMessage": "Heartbeat"},
     ["Accepted", "Rejected", "NotImplemented"]),
    ("UnlockConnector", {"connectorId": 1}, ["Unlocked", "UnlockFailed", "NotSupported"]),
]


def listed():
    text = subprocess.run([os.path.join(BIN, "ocppd-station"), "--list-outcomes"],
                          capture_output=True, text=True, timeout=DEADLINE_S, check=True).stdout
    return {line.split()[0]: line.split()[1:] for line in text.splitlines()}


def test_every_status_is_told_once_each_in_the_order_given():
    options = []
    for action, _, statuses in STATUSES:
        for status in statuses:
            options += ["--outcome", f"{action}={status}*1"]

    async def play():
        async with bed("--idle", *options) as (csms, _):
            for action, payload, statuses in STATUSES:
                for status in statuses:
                    assert (await csms.call(action, payload))["status"] == status, action
    run(play())


def test_the_list_names_the_statuses_that_were_played():
    outcomes = listed()
    played = {action: set(statuses) for action, _, statuses in STATUSES}
    played["Reset"].add("Accepted")  # test_station_core.py
    played["RemoteStartTransaction"].add("Accepted")
    for action, statuses in played.items():
        assert set(outcomes[action]) == statuses, action
    # The others have a test of their own: test_station_files.py, and below.
    assert set(outcomes) - set(played) == {
        "GetConfiguration", "GetDiagnostics", "GetLocalListVersion", "UpdateFirmware", "any"}


def test_the_manual_names_every_outcome():
    path = os.path.join(os.environ["OCPPD_SOURCE_DIR"], "packaging", "man", "ocppd-station.1.scd")
    with open(path, encoding="utf-8") as file:
        manual = dict(re.findall(r"^[|]\[ ([A-Z]\w+)\n:\[ (.*)$", file.read(), re.M))
    outcomes = listed()
    del outcomes["any"]
    assert set(manual) == set(outcomes)
    for action, words in outcomes.items():
        assert set(words) <= set(re.findall(r"-?\w+", manual[action])), action


def test_the_example_scenarios_are_valid():
    folder = os.path.join(os.environ["OCPPD_SOURCE_DIR"], "conf", "scenarios")
    names = sorted(os.listdir(folder))
    assert len(names) >= 6
    for name in names:
        # Nobody listens on port 1: it is read, and then there is no connection.
        done = subprocess.run([os.path.join(BIN, "ocppd-station"), "--url", "ws://127.0.0.1:1/",
                               "--once", "--scenario", os.path.join(folder, name)],
                              capture_output=True, text=True, timeout=DEADLINE_S, check=False)
        assert (done.returncode, done.stderr) == (2, ""), name
        assert "could not connect" in done.stdout, name


def test_what_is_only_told_has_no_effect():
    async def play():
        async with bed("--idle", "-o", "ReserveNow=Accepted*1", "-o", "SendLocalList=Failed*1",
                       "-o", "ChangeConfiguration=Rejected*1") as (csms, _):
            past = {"connectorId": 1, "expiryDate": "2020-01-01T00:00:00Z", "idTag": "T",
                    "reservationId": 1}
            assert (await csms.call("ReserveNow", past))["status"] == "Accepted"
            assert (await csms.call("CancelReservation", {"reservationId": 1}))["status"] == "Rejected"
            listing = {"listVersion": 3, "updateType": "Full", "localAuthorizationList": [
                {"idTag": "A", "idTagInfo": {"status": "Accepted"}}]}
            assert (await csms.call("SendLocalList", listing))["status"] == "Failed"
            assert (await csms.call("GetLocalListVersion"))["listVersion"] == 0
            assert (await csms.call("SendLocalList", listing))["status"] == "Accepted"
            assert (await csms.call("GetLocalListVersion"))["listVersion"] == 3
            change = {"key": "BlinkRepeat", "value": "7"}
            assert (await csms.call("ChangeConfiguration", change))["status"] == "Rejected"
            key = (await csms.call("GetConfiguration", {"key": ["BlinkRepeat"]}))
            assert key["configurationKey"][0]["value"] == "3"
    run(play())


def test_local_list_versions_are_told():
    async def play():
        async with bed("--idle", "-o", "GetLocalListVersion=-1*1",
                       "-o", "GetLocalListVersion=0*1",
                       "-o", "GetLocalListVersion=17*1") as (csms, _):
            seen = [(await csms.call("GetLocalListVersion"))["listVersion"] for _ in range(4)]
            assert seen == [-1, 0, 17, 0]
    run(play())


@pytest.mark.parametrize("action,payload", [
    ("GetConfiguration", {}), ("UpdateFirmware", {"location": "http://127.0.0.1:1/a",
                                                  "retrieveDate": "2099-01-01T00:00:00Z"}),
    ("Reset", {"type": "Soft"}), ("NoSuchAction", {})])
def test_generic_outcomes_are_for_every_action(action, payload):
    async def play():
        async with bed("--idle", "-o", f"{action}=error:SecurityError*1",
                       "-o", f"{action}=invalid*1", "-o", f"{action}=never*1",
                       "-o", f"{action}=drop*1", judged=False) as (csms, _):
            with pytest.raises(CallError) as raised:
                await csms.call(action, payload)
            assert raised.value.code == "SecurityError"
            assert await csms.call(action, payload) == {"status": 7, "notInTheSchema": True}
            unanswered = await csms.send(action, payload)
            # The next answer shows that this one was left out.
            await csms.call("ClearCache")
            assert not unanswered.done()
            connections = csms.connections
            dropped = await csms.send(action, payload)
            with pytest.raises(ConnectionError):
                await asyncio.wait_for(dropped, DEADLINE_S)
            await csms.until(lambda: csms.connections > connections)
            await csms.until(lambda: csms.socket)
    run(play())


def test_a_late_answer_comes_after_others():
    async def play():
        async with bed("--idle", "-o", "ClearCache=Rejected,late:1500ms*1",
                       "-o", "GetLocalListVersion=late:50ms*1") as (csms, _):
            late = await csms.send("ClearCache")
            sooner = await csms.send("GetLocalListVersion")
            order = []
            late.add_done_callback(lambda _: order.append("late"))
            sooner.add_done_callback(lambda _: order.append("sooner"))
            frame = await asyncio.wait_for(late, DEADLINE_S)
            assert frame[2] == {"status": "Rejected"}
            assert order == ["sooner", "late"]
    run(play())


def test_nothing_follows_where_that_is_told():
    async def play():
        async with bed("--idle", "-o", "TriggerMessage=nothing*1",
                       "-o", "RemoteStartTransaction=nothing*1", "-o", "Reset=nothing*1") as (csms, _):
            before = len(csms.calls)
            for action, payload in (("TriggerMessage", {"requestedMessage": "Heartbeat"}),
                                    ("RemoteStartTransaction", {"idTag": "T"}),
                                    ("Reset", {"type": "Hard"})):
                assert (await csms.call(action, payload))["status"] == "Accepted"
            # What came of them would come before what comes of this.
            await csms.call("TriggerMessage", {"requestedMessage": "StatusNotification",
                                               "connectorId": 1})
            await csms.next("StatusNotification", connectorId=1)
            assert len(csms.calls) == before + 1
            assert csms.connections == 1
    run(play())


def test_a_scenario_plays_outcomes_in_turn(tmp_path):
    path = tmp_path / "outcomes.yaml"
    path.write_text("""
steps:
  - connect
  - boot
  - on: {action: ClearCache, outcome: [Rejected, error:InternalError, 'Rejected,late:50ms*2']}
  - on: {action: Reset, reply: {status: Odd}, times: 1}
  - on: {action: UnlockConnector, error: GenericError, description: stuck, delay: 50ms}
  - status: {connector: all, status: Available}
  - await: {action: UnlockConnector, timeout: 30s}
  - on: {action: UnlockConnector, default: true}
  - print: ready
  - idle
""", encoding="utf-8")

    async def play():
        async with bed("--scenario", str(path), judged=False) as (csms, station):
            assert (await csms.call("ClearCache"))["status"] == "Rejected"
            with pytest.raises(CallError):
                await csms.call("ClearCache")
            for _ in range(2):
                assert (await csms.call("ClearCache"))["status"] == "Rejected"
            assert (await csms.call("ClearCache"))["status"] == "Accepted"
            assert (await csms.call("Reset", {"type": "Soft"}))["status"] == "Odd"
            with pytest.raises(CallError) as raised:
                await csms.call("UnlockConnector", {"connectorId": 1})
            assert (raised.value.code, raised.value.description) == ("GenericError", "stuck")
            # The step after it runs on the station's own time.
            while not station.events("print"):
                await csms.call("GetLocalListVersion")
            assert (await csms.call("UnlockConnector", {"connectorId": 1}))["status"] == "Unlocked"
    run(play())


def test_steps_are_typed_while_it_runs():
    async def play():
        async with bed("--console") as (csms, station):
            await station.type("status: {connector: 1, status: Faulted, code: GroundFailure}")
            fault = await csms.next("StatusNotification", status="Faulted")
            assert fault["errorCode"] == "GroundFailure"
            await station.type("on: {action: Reset, outcome: Rejected}")
            await station.type("call: DataTransfer {")
            await station.type("rest: 1")
            await station.type("call: {action: DataTransfer, payload: {vendorId: typed}}")
            await csms.next("DataTransfer", vendorId="typed")
            assert (await csms.call("Reset", {"type": "Soft"}))["status"] == "Rejected"
            await station.type("start: {connector: 2}")
            await csms.next("StartTransaction", connectorId=2)
            await station.type("stop: {connector: 2, reason: EVDisconnected}")
            await csms.next("StopTransaction", reason="EVDisconnected")
            await station.type("status: {connector: 2, status: Available}")
            await csms.next("StatusNotification", connectorId=2, status="Available")
            assert (await csms.call("RemoteStartTransaction", {
                "idTag": "T", "connectorId": 2}))["status"] == "Accepted"
            await csms.next("StatusNotification", status="Charging")
            await station.type("help")
            await station.type("quit")
            await csms.next("StopTransaction", reason="PowerLoss", transactionId=csms.transaction)
            assert await station.wait() == 0, station.text()
            told = " ".join(line["text"] for line in station.events("console"))
            assert "rest is no step" in told and "steps, as in a scenario" in told
    run(play())


def test_sessions_are_typed_that_go_on_beside():
    async def play():
        async with bed("--console", "--interval", "1s", "--speed", "20") as (csms, station):
            await station.type("charge: {connector: 2, tag: PLUG}")
            assert (await csms.next("Authorize"))["idTag"] == "PLUG"
            assert (await csms.next("StartTransaction"))["connectorId"] == 2
            await csms.next("MeterValues", transactionId=csms.transaction)
            await station.type("charge: {connector: 2}")
            await station.type("heartbeat")
            await csms.next("Heartbeat")
            await station.type("stop: {connector: 2, reason: EVDisconnected}")
            stopped = await csms.next("StopTransaction")
            assert (stopped["reason"], stopped["idTag"]) == ("EVDisconnected", "PLUG")
            await csms.next("StatusNotification", connectorId=2, status="Available")
            assert len(csms.sent("StartTransaction")) == len(csms.sent("StopTransaction")) == 1
            assert "a transaction runs already" in station.text()
    run(play())


@pytest.mark.parametrize("arguments,word", [
    (["-o", "Reset"], "ACTION=OUTCOME"), (["-o", "Reset=Acepted"], "is no outcome of Reset"),
    (["-o", "Rest=Accepted"], "did you mean Reset"), (["-o", "Reset=late:x"], "duration"),
    (["-o", "Reset=error:"], "code"), (["-o", "Reset=Accepted*0"], "how often"),
    (["--key", "=1"], "a name"), (["--upload", "scp"], "put, post or multipart"),
    (["--console", "--count", "2", "--id", "A-%d"], "one station")])
def test_wrong_options_are_refused_with_a_word(arguments, word):
    done = subprocess.run([os.path.join(BIN, "ocppd-station"), *arguments], capture_output=True,
                          text=True, timeout=DEADLINE_S, check=False)
    assert done.returncode == 2
    assert word in done.stderr


def test_a_missing_profile_is_not_supported():
    async def play():
        async with bed("--idle", "--readonly-key", "SupportedFeatureProfiles=Core") as (csms, _):
            for action in ("ReserveNow", "SendLocalList", "SetChargingProfile", "TriggerMessage",
                           "UpdateFirmware", "GetDiagnostics"):
                with pytest.raises(CallError) as raised:
                    await csms.call(action, {})
                assert raised.value.code == "NotSupported"
            with pytest.raises(CallError) as raised:
                await csms.call("GetLog", {})
            assert raised.value.code == "NotSupported"
            with pytest.raises(CallError) as raised:
                await csms.call("MakeCoffee", {})
            assert raised.value.code == "NotImplemented"
    run(play())
