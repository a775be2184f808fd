# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""ocppd-station charges: profiles bound its power, and a lost network does not lose a session."""

import os

import pytest
from csms import StationProcess, bed
from harness import CallError, Daemon, run

FAST = ("--interval", "1s", "--speed", "20")


def profile(number=1, limit=3000, purpose="TxDefaultProfile", unit="W", level=0, **more):
    return {"chargingProfileId": number, "stackLevel": level, "chargingProfilePurpose": purpose,
            "chargingProfileKind": "Relative", "chargingSchedule": {
                "chargingRateUnit": unit,
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}]}, **more}


def station_profile(limit):
    made = profile(90, limit, "ChargePointMaxProfile")
    made["chargingProfileKind"] = "Absolute"
    made["chargingSchedule"]["startSchedule"] = "2026-01-01T00:00:00Z"
    return made


async def install(csms, connector, made):
    return (await csms.call("SetChargingProfile", {
        "connectorId": connector, "csChargingProfiles": made}))["status"]


def power(sample):
    values = sample["meterValue"][0]["sampledValue"]
    return [float(v["value"]) for v in values if v["measurand"] == "Power.Active.Import"][0]


async def until_power(csms, wanted, connector=1):
    while power(await csms.next("MeterValues", connectorId=connector)) != wanted:
        pass


async def start(csms, connector=1, **more):
    assert (await csms.call("RemoteStartTransaction", {
        "idTag": f"TAG-{connector}", "connectorId": connector, **more}))["status"] == "Accepted"
    await csms.next("StartTransaction", connectorId=connector)
    await csms.next("StatusNotification", status="Charging")
    return csms.transaction


async def composite(csms, connector=1, unit="W", duration=600):
    reply = await csms.call("GetCompositeSchedule", {
        "connectorId": connector, "duration": duration, "chargingRateUnit": unit})
    assert reply["status"] == "Accepted"
    assert reply["connectorId"] == connector
    assert reply["chargingSchedule"]["chargingRateUnit"] == unit
    return [(p["startPeriod"], p["limit"])
            for p in reply["chargingSchedule"]["chargingSchedulePeriod"]]


def test_profiles_bound_the_power_that_is_drawn():
    async def play():
        async with bed("--idle", *FAST) as (csms, _):
            transaction = await start(csms)
            await until_power(csms, 7400)
            assert await install(csms, 0, profile(1, 3000)) == "Accepted"
            await until_power(csms, 3000)
            assert await composite(csms) == [(0, 3000)]
            own = profile(2, 1000, "TxProfile", transactionId=transaction)
            assert await install(csms, 1, own) == "Accepted"
            await until_power(csms, 1000)
            assert await composite(csms) == [(0, 1000)]
            assert await install(csms, 0, station_profile(500)) == "Accepted"
            await until_power(csms, 500)
            assert await install(csms, 0, station_profile(0)) == "Accepted"
            await csms.next("StatusNotification", status="SuspendedEVSE")
            await until_power(csms, 0)
            assert (await csms.call("ClearChargingProfile", {"id": 90}))["status"] == "Accepted"
            await csms.next("StatusNotification", status="Charging")
            await until_power(csms, 1000)
            await csms.call("RemoteStopTransaction", {"transactionId": transaction})
            await csms.next("StatusNotification", status="Finishing")
            # A TxProfile goes with its transaction.
            assert (await csms.call("ClearChargingProfile", {"id": 2}))["status"] == "Unknown"
            assert (await csms.call("ClearChargingProfile", {"id": 1}))["status"] == "Accepted"
            # What is left is what a connector can carry: 3 phases of 32 A.
            assert await composite(csms, unit="A") == [(0, 32)]
    run(play())


def test_samples_are_those_that_are_configured():
    async def play():
        async with bed("--idle", *FAST) as (csms, _):
            async def configure(value):
                return (await csms.call("ChangeConfiguration", {
                    "key": "MeterValuesSampledData", "value": value}))["status"]

            async def until_samples(wanted):
                while True:
                    sample = await csms.next("MeterValues")
                    values = sample["meterValue"][0]["sampledValue"]
                    if {v["measurand"]: float(v["value"]) for v in values} == wanted:
                        return
            assert await configure("Energy.Active.Import.Register,SoC") == "Rejected"
            assert await configure("Current.Import, Voltage") == "Accepted"
            await start(csms)
            # 7400 W on three phases; then what the profile says of each, on one.
            await until_samples({"Current.Import": 10.7, "Voltage": 230})
            single = profile(1, 6, unit="A")
            single["chargingSchedule"]["chargingSchedulePeriod"][0]["numberPhases"] = 1
            assert await install(csms, 1, single) == "Accepted"
            await until_samples({"Current.Import": 6, "Voltage": 230})
            assert await configure("Power.Active.Import") == "Accepted"
            await until_samples({"Power.Active.Import": 6 * 230})
    run(play())


def test_connectors_share_what_the_station_has():
    async def play():
        async with bed("--idle", *FAST) as (csms, _):
            assert await install(csms, 0, station_profile(6000)) == "Accepted"
            await start(csms, 1)
            await until_power(csms, 6000)
            await start(csms, 2)
            await until_power(csms, 3000, 1)
            await until_power(csms, 3000, 2)
    run(play())


def test_energy_follows_the_power():
    async def play():
        async with bed("--idle", "--interval", "36s", "--speed", "1000") as (csms, _):
            assert await install(csms, 0, profile(1, 1000)) == "Accepted"
            await start(csms)
            samples = [await csms.next("MeterValues") for _ in range(3)]
            energy = [float(s["meterValue"][0]["sampledValue"][0]["value"]) for s in samples]
            assert [b - a for a, b in zip(energy, energy[1:])] == [10, 10]  # 1 kW, 36 s
    run(play())


def test_a_remote_start_installs_its_profile():
    async def play():
        async with bed("--idle", *FAST) as (csms, _):
            await start(csms, chargingProfile=profile(4, 2000, "TxProfile"))
            await until_power(csms, 2000)
            for wrong in (profile(5), profile(5, purpose="TxProfile", level=99)):
                assert (await csms.call("RemoteStartTransaction", {
                    "idTag": "T", "connectorId": 2, "chargingProfile": wrong}))["status"] == "Rejected"
    run(play())


def test_profiles_that_cannot_be_are_rejected():
    async def play():
        async with bed("--idle", "--readonly-key", "MaxChargingProfilesInstalled=2", "--readonly-key",
                       "ChargingScheduleAllowedChargingRateUnit=Power") as (csms, _):
            assert await install(csms, 9, profile()) == "Rejected"
            assert await install(csms, 1, profile(purpose="TxProfile", transactionId=5)) == "Rejected"
            assert await install(csms, 1, profile(unit="A", limit=16)) == "Rejected"
            assert await install(csms, 1, profile(level=9)) == "Rejected"
            assert await install(csms, 1, profile(purpose="ChargePointMaxProfile")) == "Rejected"
            with pytest.raises(CallError) as raised:
                await install(csms, 1, profile(purpose="Odd"))
            assert raised.value.code == "PropertyConstraintViolation"
            assert await install(csms, 1, profile(1)) == "Accepted"
            assert await install(csms, 2, profile(2)) == "Accepted"
            assert await install(csms, 2, profile(3, level=1)) == "Rejected"  # a third
            assert await install(csms, 2, profile(2, 500)) == "Accepted"  # in place of the second
            for filter_, status in (({"id": 77}, "Unknown"), ({"connectorId": 3}, "Unknown"),
                                    ({"stackLevel": 4}, "Unknown"),
                                    ({"chargingProfilePurpose": "TxProfile"}, "Unknown"),
                                    ({"connectorId": 2, "stackLevel": 0}, "Accepted"),
                                    ({"chargingProfilePurpose": "TxDefaultProfile"}, "Accepted"),
                                    ({}, "Unknown")):
                assert (await csms.call("ClearChargingProfile", filter_))["status"] == status, filter_
            assert (await csms.call("GetCompositeSchedule", {
                "connectorId": 9, "duration": 60}))["status"] == "Rejected"
    run(play())


def scenario(tmp_path, text):
    path = tmp_path / "offline.yaml"
    path.write_text("steps:\n" + "".join(f"  - {line.strip()}\n" for line in text.splitlines()
                                         if line.strip()), encoding="utf-8")
    return str(path)


OFFLINE = """
    connect
    boot
    authorize
    drop
    authorize
    start
    status: Charging
    meter: {count: 2, interval: 1s}
    stop: EVDisconnected
    status: Available
    connect
    heartbeat
    disconnect
"""


def test_a_session_without_network_is_sent_afterwards(tmp_path):
    async def play():
        async with bed("--scenario", scenario(tmp_path, OFFLINE), "--speed", "20", ready=False,
                       status=0) as (csms, station):
            await station.wait()
            assert csms.connections == 2
            late = [name for name, _ in csms.calls[2:]]
            assert late == ["StartTransaction", "StatusNotification", "MeterValues", "MeterValues",
                            "StopTransaction", "StatusNotification", "Heartbeat"]
            for action in ("MeterValues", "StopTransaction"):
                assert {p["transactionId"] for p in csms.sent(action)} == {csms.transaction}
    run(play())


@pytest.mark.parametrize("options,passes", [
    ((), False), (("--key", "AllowOfflineTxForUnknownId=true"), True)])
def test_an_unknown_tag_offline(tmp_path, options, passes):
    text = OFFLINE.replace("authorize\n", "\n")

    async def play():
        async with bed("--scenario", scenario(tmp_path, text), "--speed", "20", *options,
                       ready=False, status=0 if passes else 1) as (csms, station):
            await station.wait()
            assert len(csms.sent("StartTransaction")) == passes
            assert ("offline, TAG-0001 is not known" in station.text()) != passes
    run(play())


@pytest.mark.parametrize("status,passes", [("Accepted", True), ("Blocked", False)])
def test_the_local_list_speaks_offline(tmp_path, status, passes):
    text = OFFLINE.replace("authorize\n    drop\n", "await: SendLocalList\n    heartbeat\n    drop\n")

    async def play():
        async with bed("--scenario", scenario(tmp_path, text), "--speed", "20",
                       ready=False, status=0 if passes else 1) as (csms, station):
            await csms.next("BootNotification")
            assert (await csms.call("SendLocalList", {
                "listVersion": 1, "updateType": "Full", "localAuthorizationList": [
                    {"idTag": "TAG-0001", "idTagInfo": {"status": status}}]}))["status"] == "Accepted"
            await station.wait()
            assert len(csms.sent("StartTransaction")) == passes
    run(play())


def test_a_cleared_cache_knows_no_tag_offline(tmp_path):
    text = OFFLINE.replace("drop", "await: ClearCache\n    heartbeat\n    drop", 1)

    async def play():
        async with bed("--scenario", scenario(tmp_path, text), ready=False, status=1) as (csms, station):
            await csms.next("Authorize")
            assert (await csms.call("ClearCache"))["status"] == "Accepted"
            await station.wait()
            assert not csms.sent("StartTransaction")
    run(play())


def test_an_offline_session_that_the_csms_refuses_is_stopped(tmp_path):
    text = """
        connect
        boot
        authorize
        drop
        start
        connect
        idle
    """

    async def play():
        refusal = {"transactionId": 55, "idTagInfo": {"status": "Blocked"}}
        async with bed("--scenario", scenario(tmp_path, text), ready=False,
                       answers={"StartTransaction": lambda _: refusal}) as (csms, _):
            stopped = await csms.next("StopTransaction")
            assert (stopped["transactionId"], stopped["reason"]) == (55, "DeAuthorized")
    run(play())


def test_the_daemon_takes_an_offline_session(tmp_path):
    source = os.path.join(os.environ["OCPPD_SOURCE_DIR"], "conf", "scenarios", "offline.yaml")

    async def play(url):
        async with StationProcess.run(url, "--scenario", source, "--speed", "20",
                                      status=0) as station:
            await station.wait()
    with Daemon(tmp_path, {"id_tags": {"unknown_tags": "accept"}}) as daemon:
        run(play(f"ws://127.0.0.1:{daemon.port}/ocpp"))
        status, found = daemon.api("GET", "/v1/transactions")
        assert status == 200
        assert [tx["stopReason"] for tx in found["items"]] == ["EVDisconnected"], found


def test_lost_answers_are_asked_for_again(tmp_path):
    text = """
        connect
        boot
        lose: {action: StartTransaction, count: 2}
        start
        lose: StopTransaction
        stop: Local
        disconnect
    """

    async def play():
        async with bed("--scenario", scenario(tmp_path, text), "--speed", "20", ready=False,
                       status=0) as (csms, station):
            await station.wait()
            assert csms.connections == 4
            started = csms.sent("StartTransaction")
            assert len(started) == 3 and started[0] == started[1] == started[2]
            assert [p["transactionId"] for p in csms.sent("StopTransaction")] == [
                csms.transaction, csms.transaction]
    run(play())


def test_a_scenario_is_stopped_at_the_connector_it_names(tmp_path):
    text = """
        connect
        boot
        start: {connector: 2}
        meter: {connector: 2, count: 100000, interval: 1s}
        stop: {connector: 2, reason: Local}
        disconnect
    """

    async def play():
        async with bed("--scenario", scenario(tmp_path, text), "--speed", "20", ready=False,
                       status=0) as (csms, station):
            await csms.next("MeterValues", connectorId=2)
            assert (await csms.call("RemoteStopTransaction", {
                "transactionId": csms.transaction}))["status"] == "Accepted"
            await station.wait()
            assert [p["reason"] for p in csms.sent("StopTransaction")] == ["Remote"]
    run(play())


def test_the_sample_interval_is_a_key():
    async def play():
        async with bed("--idle", "--interval", "1h") as (csms, _):
            await csms.call("ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "1"})
            await start(csms)
            await csms.next("MeterValues", connectorId=1)
    run(play())
