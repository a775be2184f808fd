# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Smart charging with stations that are particular, forgetful, or do not do as they said."""

import asyncio
import os
import sqlite3

from harness import PLUGINS, Daemon, Follower, Station, now, run
from test_smart_charging import (ACCEPTED, REJECTED, command, composite, held, profile, schedule,
                                 sent, set_profile, wait_held)

MICRO = os.path.abspath(os.path.join(PLUGINS, "..", "tests", "modules", "modules"))


def taking(test):
    """A station that takes profiles for which test is true."""
    return lambda req: {"status": "Accepted" if test(req, req["csChargingProfiles"]) else "Rejected"}


def profiles_sent(station):
    return [req["csChargingProfiles"] for req in sent(station, "SetChargingProfile")]


async def put(daemon, name, made):
    status, body = await daemon.api_async("PUT", f"/v1/charging-profiles/{name}", made)
    assert status == 200, body


async def install(daemon, name, connector=1, station="CP-1", **more):
    return await daemon.api_async("POST", f"/v1/charging-profiles/{name}/install", {
        "stationId": station, "connectorId": connector, **more})


async def quirks(daemon, **wanted):
    """How often the station was met with these codes; those that are not named: never."""
    for _ in range(200):
        _, body = await daemon.api_async("GET", "/v1/stations/CP-1")
        found = {code: count for code, count in body.get("quirkCounts", {}).items() if code[0] == "H"}
        if found == wanted:
            return
        await asyncio.sleep(0.02)
    assert found == wanted


async def report(station, *connectors):
    for connector in connectors:
        await station.call("StatusNotification", {
            "connectorId": connector, "errorCode": "NoError", "status": "Available"})


async def wait_known(daemon, connector):
    for _ in range(200):
        _, body = await daemon.api_async("GET", "/v1/stations/CP-1")
        if any(item["connectorId"] == connector for item in body.get("connectors", [])):
            return
        await asyncio.sleep(0.02)
    raise AssertionError(body)


def module(**options):
    return {"ocpp16_smart_charging": options}


def test_refused_profile_is_sent_in_other_words_and_they_are_remembered(tmp_path):
    async def play(daemon):
        await put(daemon, "low", profile(limit=10))
        async with Station.connect(daemon) as station:
            station.on_call["SetChargingProfile"] = taking(
                lambda _, made: made["chargingProfileKind"] == "Relative")
            status, body = await install(daemon, "low")
            assert (status, body["status"], body["adapted"], body["attempts"]) == (
                200, "Accepted", "Relative", 2), body
            first, second = profiles_sent(station)
            # The same profile: the same id, and no start by the clock.
            assert first["chargingProfileId"] == second["chargingProfileId"]
            assert "startSchedule" not in second["chargingSchedule"]
            assert await held(daemon) == [second["chargingProfileId"]]
            # Known from then on, also after the daemon was started again.
            status, body = await install(daemon, "low", stackLevel=1)
            assert body["adapted"] == "Relative" and "attempts" not in body
            assert len(profiles_sent(station)) == 3
            daemon.restart()
        async with Station.connect(daemon, boot=False) as station:
            station.on_call["SetChargingProfile"] = lambda _: {"status": "Accepted"}
            await station.call("Heartbeat", {})
            status, body = await install(daemon, "low")
            assert body["adapted"] == "Relative" and len(profiles_sent(station)) == 1
            # A higher one in the same place hides it.
            assert len(body["outrankedBy"]) == 1
            # As it was given: nothing is changed.
            status, body = await install(daemon, "low", asGiven=True)
            assert "adapted" not in body
            assert profiles_sent(station)[-1]["chargingProfileKind"] == "Absolute"
            await quirks(daemon, H03=1)  # since the start
            station.on_call["GetCompositeSchedule"] = lambda _: {"status": "Rejected"}
            await command(daemon, "GetCompositeSchedule", {"connectorId": 1, "duration": 60})
            await quirks(daemon, H03=1, H07=1)

    with Daemon(tmp_path, module()) as daemon:
        run(play(daemon))


def test_ladder_is_climbed_once_after_each_boot(tmp_path):
    async def play(daemon):
        await put(daemon, "low", profile(limit=10))
        async with Station.connect(daemon) as station:
            station.on_call["SetChargingProfile"] = lambda _: {"status": "Rejected"}
            status, body = await install(daemon, "low")
            assert (status, body["status"], body["attempts"]) == (200, "Rejected", 4)
            kinds = [(made["chargingProfileKind"], made["chargingSchedule"]["chargingRateUnit"])
                     for made in profiles_sent(station)]
            assert kinds == [("Absolute", "A"), ("Relative", "A"), ("Absolute", "W"),
                             ("Relative", "W")]
            await install(daemon, "low")
            assert len(profiles_sent(station)) == 5
            await station.boot()
            for _ in range(100):  # the boot is told a moment after it was answered
                before = len(profiles_sent(station))
                await install(daemon, "low")
                if len(profiles_sent(station)) == before + 4:
                    break
            else:
                raise AssertionError("not climbed after the boot")
            # A command is the operator's own word.
            before = len(profiles_sent(station))
            await station.boot()
            await set_profile(daemon, profile())
            assert len(profiles_sent(station)) == before + 1
        daemon.settings["plugins"]["ocpp16_smart_charging"] = {"fallbacks": False}
        daemon.write_config()
        daemon.restart()
        async with Station.connect(daemon) as station:
            station.on_call["SetChargingProfile"] = lambda _: {"status": "Rejected"}
            await install(daemon, "low")
            assert len(profiles_sent(station)) == 1

    with Daemon(tmp_path, module()) as daemon:
        run(play(daemon))


def test_limit_of_a_station_with_one_connector_becomes_its_default(tmp_path):
    async def play(daemon):
        await put(daemon, "most", profile("ChargePointMaxProfile", limit=20))
        async with Station.connect(daemon) as station:
            await report(station, 0, 1)
            await wait_known(daemon, 1)
            station.on_call["SetChargingProfile"] = taking(
                lambda req, made: req["connectorId"] == 1)
            status, body = await install(daemon, "most", connector=0)
            assert body["status"] == "Accepted", body
            assert body["adapted"] == "TxDefaultProfile, connector 1"
            assert body["connectorId"] == 1
            assert (await composite(daemon, query="duration=60"))[1][
                "chargingSchedulePeriod"][0]["limit"] == 20
        # With two, one connector's limit is not the station's.
        async with Station.connect(daemon) as station:
            await report(station, 2)
            await wait_known(daemon, 2)
            station.on_call["SetChargingProfile"] = lambda _: {"status": "Rejected"}
            await install(daemon, "most", connector=0)
            assert {made["chargingProfilePurpose"] for made in profiles_sent(station)[1:]} == {
                "ChargePointMaxProfile"}

    with Daemon(tmp_path, module()) as daemon:
        run(play(daemon))


def test_unit_that_a_station_does_not_take_is_converted_before_it_is_sent(tmp_path):
    async def play(daemon):
        await put(daemon, "watts", profile(schedule=schedule(unit="W", limit=11000)))
        async with Station.connect(daemon) as station:
            station.on_call["SetChargingProfile"] = lambda _: {"status": "Accepted"}
            station.on_call["GetConfiguration"] = lambda _: {"configurationKey": [
                {"key": "ChargingScheduleAllowedChargingRateUnit", "readonly": True,
                 "value": "Current"}]}
            await command(daemon, "GetConfiguration", {})
            for _ in range(200):  # the key is stored after the answer
                status, body = await install(daemon, "watts")
                if "adapted" in body:
                    break
            assert (status, body["adapted"]) == (200, "A at 230 V"), body
            made = profiles_sent(station)[-1]["chargingSchedule"]
            assert made["chargingRateUnit"] == "A"
            assert made["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 15.9}]
            # As given it is refused, and a command for the same is warned about.
            status, body = await install(daemon, "watts", asGiven=True)
            assert status == 422 and "chargingRateUnit" in body["detail"]

    with Daemon(tmp_path, module()) as daemon:
        run(play(daemon))


def test_what_is_known_of_a_model_is_configured(tmp_path):
    async def play(daemon):
        status, body = await daemon.api_async("PUT", "/v1/stations/CP-1", {"quirks": [
            "stack_level=0", "charging_kind=Relative", "charging_unit=W"]})
        assert status == 200, body
        await put(daemon, "low", profile(level=4, limit=10))
        async with Station.connect(daemon) as station:
            station.on_call["SetChargingProfile"] = lambda _: {"status": "Accepted"}
            status, body = await install(daemon, "low")
            made, = profiles_sent(station)
            assert (made["stackLevel"], made["chargingProfileKind"],
                    made["chargingSchedule"]["chargingRateUnit"]) == (0, "Relative", "W")
            assert made["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] == 6900
            assert body["adapted"] == "Relative, W at 230 V"
            await quirks(daemon, H01=1, H03=1, H04=1)

    with Daemon(tmp_path, module()) as daemon:
        run(play(daemon))


def test_service_falls_back_unless_told_not_to(tmp_path):
    async def play(daemon):
        async with Station.connect(daemon) as station:
            station.on_call["SetChargingProfile"] = taking(
                lambda _, made: made["chargingSchedule"]["chargingRateUnit"] == "W")
            limit = lambda **more: daemon.api_async(
                "POST", "/v1/micro/CP-1/limit", {"limit": 160, **more})
            assert (await limit(asGiven=True))[1]["outcome"] == REJECTED
            assert len(profiles_sent(station)) == 1
            assert (await limit())[1] == {
                "outcome": ACCEPTED, "profileId": 2, "text": "W at 230 V"}
            assert profiles_sent(station)[-1]["chargingSchedule"]["chargingSchedulePeriod"] == [
                {"startPeriod": 0, "limit": 11040},
                {"startPeriod": 60, "limit": 1840, "numberPhases": 1}]

    with Daemon(tmp_path, {"micro_charging": {}}, module_dir=[MICRO]) as daemon:
        run(play(daemon))


def holding(station, kept=True):
    """Accepts and, if it keeps them, reports 16 A as its composite schedule; else no limit at all."""
    station.on_call["SetChargingProfile"] = lambda _: {"status": "Accepted"}
    station.on_call["GetCompositeSchedule"] = lambda req: {
        "status": "Accepted", "connectorId": req["connectorId"], "scheduleStart": now(),
        "chargingSchedule": {"duration": req["duration"], "chargingRateUnit": "A",
                             "chargingSchedulePeriod":
                                 [{"startPeriod": 0, "limit": 16}] if kept else []}}


async def wait_calls(station, wanted):
    for _ in range(1000):
        if len(station.calls) >= wanted:
            break
        await asyncio.sleep(0.02)
    assert len(station.calls) == wanted, station.calls


async def wait_log(daemon, event):
    for _ in range(500):
        if daemon.log.events(event):
            return
        await asyncio.sleep(0.02)
    raise AssertionError(event)


def test_nothing_is_sent_after_a_boot_unless_configured(tmp_path):
    async def play(daemon):
        async with Station.connect(daemon) as station:
            holding(station)
            await set_profile(daemon, profile())
        async with Station.connect(daemon) as station:
            holding(station)
            await wait_held(daemon, [True], key="doubtful")
            # An operator may have it sent again.
            status, body = await daemon.api_async(
                "POST", "/v1/stations/CP-1/charging-profiles/reinstall")
            assert (status, body) == (200, {"sent": 1, "accepted": 1, "complete": True})
            assert [frame[2] for frame in station.calls] == ["SetChargingProfile"]
            await wait_held(daemon, [False], key="doubtful")
            status, out, err = await asyncio.get_running_loop().run_in_executor(
                None, daemon.ctl, "stations", "reinstall-charging-profiles", "CP-1")
            assert status == 0, out + err
        path = "/v1/stations/CP-1/charging-profiles/reinstall"
        assert (await daemon.api_async("POST", path))[0] == 409
        assert (await daemon.api_async("POST", path.replace("CP-1", "CP-9")))[0] == 404

    with Daemon(tmp_path, module()) as daemon:
        run(play(daemon))


def test_profiles_are_installed_again_after_a_boot(tmp_path):
    async def play(daemon):
        await put(daemon, "night", profile(level=1, limit=8))
        async with Station.connect(daemon, boot=False) as station:
            holding(station)
            await station.boot()
            await set_profile(daemon, profile("ChargePointMaxProfile"), connector=0)
            await install(daemon, "night")
            await set_profile(daemon, profile(level=2, validTo="2020-01-01T00:00:00Z"))
            await station.start()
            await set_profile(daemon, profile("TxProfile", kind="Relative"))
            before = profiles_sent(station)
            assert len(await held(daemon)) == 4
        async with Station.connect(daemon, boot=False) as station:
            holding(station)
            await station.boot()
            # All but the one whose time is over, as they were, connector by connector.
            await wait_calls(station, 3)
            assert profiles_sent(station) == [before[0], before[1], before[3]]
            await wait_held(daemon, [False, False, False, True], key="doubtful")
            assert sorted(await held(daemon)) == [1, 2, 3, 4]
            names = await daemon.api_async("GET", "/v1/stations/CP-1/charging-profiles")
            assert [item.get("template") for item in names[1]["items"]
                    if item["chargingProfileId"] == 2] == ["night"]
            await wait_log(daemon, "profile.restored")

    with Daemon(tmp_path, module(after_boot="reinstall"), connect_grace="0s") as daemon:
        run(play(daemon))


def test_station_that_kept_its_profiles_is_left_alone(tmp_path):
    async def play(daemon):
        async with Station.connect(daemon, boot=False) as station:
            holding(station)
            await station.boot()
            await set_profile(daemon, profile())
        async with Station.connect(daemon, boot=False) as station:
            holding(station)
            await station.boot()
            await wait_log(daemon, "profile.restored")
            assert await held(daemon, key="doubtful") == [False]
            assert [frame[2] for frame in station.calls] == ["GetCompositeSchedule"]
            daemon.restart()
            assert await held(daemon, key="doubtful") == [False]
        # One that lost them gets them again; one that cannot say, too.
        for kept in (False, None):
            async with Station.connect(daemon, boot=False) as station:
                holding(station, kept)
                if kept is None:
                    del station.on_call["GetCompositeSchedule"]
                await station.boot()
                await wait_calls(station, 2)
                assert [frame[2] for frame in station.calls] == [
                    "GetCompositeSchedule", "SetChargingProfile"]
                await wait_held(daemon, [False], key="doubtful")
        # Boots without end are not answered without end (quirk F03).
        async with Station.connect(daemon, boot=False) as station:
            holding(station)
            await station.boot()
            await wait_log(daemon, "profile.unrestored")
            assert station.calls == []

    with Daemon(tmp_path, module(after_boot="compare"), connect_grace="0s") as daemon:
        run(play(daemon))


def test_station_that_goes_away_meanwhile_stays_in_doubt(tmp_path):
    async def play(daemon):
        async with Station.connect(daemon) as station:
            holding(station)
            for level in range(3):
                await set_profile(daemon, profile(level=level))
        async with Station.connect(daemon) as station:
            asked = asyncio.get_running_loop().create_future()
            station.on_call["SetChargingProfile"] = lambda _: asked.set_result(None)
            answer = asyncio.ensure_future(daemon.api_async(
                "POST", "/v1/stations/CP-1/charging-profiles/reinstall"))
            await asked
            # One at a time.
            status, body = await daemon.api_async(
                "POST", "/v1/stations/CP-1/charging-profiles/reinstall")
            assert (status, body["type"]) == (409, "urn:ocppd:problem:busy"), body
            await station.socket.close()
            assert await answer == (200, {"sent": 1, "accepted": 0, "complete": False})
            await wait_held(daemon, [True, True, True], key="doubtful")

    with Daemon(tmp_path, module()) as daemon:
        run(play(daemon))


def reading(transaction, value, measurand="Current.Import", unit="A", **more):
    return {"connectorId": 1, "transactionId": transaction, "meterValue": [
        {"timestamp": now(), "sampledValue": [
            {"value": str(value), "measurand": measurand, "unit": unit, **more}]}]}


def test_limit_that_is_not_kept_is_told_once(tmp_path):
    async def play(daemon):
        async with Station.connect(daemon) as station:
            holding(station)
            await set_profile(daemon, profile(limit=10))
            transaction = (await station.start())["transactionId"]
            told = lambda: [line for line in daemon.log.events("quirk.seen")
                            if line.get("quirk") == "H06"]
            # In the margin; two in a row; and what is older than now.
            for value in (11.4, 16, 16, 10, 16, 16, 3):
                await station.call("MeterValues", reading(transaction, value, phase="L1"))
            old = reading(transaction, 16)
            old["meterValue"][0]["timestamp"] = "2026-01-01T00:00:00Z"
            for _ in range(3):
                await station.call("MeterValues", old)
            assert not told()
            # In watts, of three phases together, over 10 A at 230 V.
            for _ in range(4):
                await station.call("MeterValues", reading(
                    transaction, 11, "Power.Active.Import", "kW"))
            for _ in range(500):
                if told():
                    break
                await asyncio.sleep(0.02)
            assert len(told()) == 1, daemon.log.events("quirk.seen")

    with Daemon(tmp_path, module(), log_level="debug") as daemon:
        run(play(daemon))


def test_limit_that_is_not_kept_is_an_event(tmp_path):
    async def play(daemon):
        loop = asyncio.get_running_loop()
        async with Station.connect(daemon) as station:
            holding(station)
            follower = Follower(daemon, "?types=charging_profile.not_followed")
            await set_profile(daemon, profile(limit=10))
            transaction = (await station.start())["transactionId"]
            # An offer counts where nothing says what is drawn.
            await station.call("MeterValues", reading(transaction, 16, "Current.Offered"))
            for _ in range(2):
                await station.call("MeterValues", reading(transaction, 16, phase="L1"))
            event = await loop.run_in_executor(None, follower.next)
            follower.close()
            assert event["data"]["body"] == {
                "stationId": "CP-1", "connectorId": 1, "transactionId": transaction,
                "chargingRateUnit": "A", "limit": 10, "measured": 16}

    with Daemon(tmp_path, module()) as daemon:
        run(play(daemon))


def test_steps_of_a_station_are_read_back(tmp_path):
    async def play(daemon):
        async with Station.connect(daemon) as station:
            holding(station)
            await set_profile(daemon, profile(limit=15.5))
            transaction = (await station.start())["transactionId"]
            # As it was asked; a limit of the station's own; the step below, twice.
            for value in (15.5, 10, 13, "13.0"):
                await station.call("MeterValues", reading(transaction, value, "Current.Offered"))
            await quirks(daemon, H05=1)
            # The same in watts; the rounding of one is none.
            for value in (10694.5, 10.695, 9.66):
                await station.call("MeterValues", reading(
                    transaction, value, "Power.Offered", "W" if value > 100 else "kW"))
            await quirks(daemon, H05=2)
            assert daemon.log.events("quirk.seen", quirk="H05")[0]["raw"] == \
                "asked 155, offered 130 tenths of A"

    with Daemon(tmp_path, module()) as daemon:
        run(play(daemon))


def test_what_was_answered_while_storage_was_out_is_recorded_later(tmp_path):
    async def play(daemon, database):
        await put(daemon, "low", profile(level=1, limit=8))
        async with Station.connect(daemon) as station:
            holding(station)
            await set_profile(daemon, profile())
            await set_profile(daemon, profile(level=2))
            database.execute("BEGIN IMMEDIATE")
            station.on_call["ClearChargingProfile"] = lambda _: {"status": "Accepted"}
            assert (await install(daemon, "low"))[0] == 200
            assert (await command(daemon, "ClearChargingProfile", {"id": 1}))[0] == 200
            assert await held(daemon) == [3, 2]
            await wait_log(daemon, "profile.unstored")
            database.execute("ROLLBACK")
            for _ in range(1500):
                if database.execute("SELECT profile_id, template FROM "
                                    "ocpp16_smart_charging_installed ORDER BY 1").fetchall() == [
                                        (2, None), (3, "low")]:
                    break
                await asyncio.sleep(0.02)
        daemon.restart()
        assert sorted(await held(daemon)) == [2, 3]
        assert set(await held(daemon, key="doubtful")) == {False}

    with Daemon(tmp_path, {**module(), "storage_sqlite": {"busy_timeout": "100ms"}}) as daemon:
        database = sqlite3.connect(tmp_path / "ocppd.db", isolation_level=None)
        run(play(daemon, database))
        database.close()
