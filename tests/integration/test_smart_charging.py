# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Smart charging: what is sent, what stations answer, what is known of them afterwards."""

import asyncio
import os

import pytest
from harness import PLUGINS, Daemon, Station, now, run

MODULE = {"ocpp16_smart_charging": {}}
MICRO = os.path.abspath(os.path.join(PLUGINS, "..", "tests", "modules", "modules"))
ACCEPTED, REJECTED, NOT_SUPPORTED, UNKNOWN, ERROR, NO_ANSWER, REFUSED = range(1, 8)


def schedule(limit=16, unit="A", start="2024-01-01T00:00:00Z", periods=None, **more):
    made = {"chargingRateUnit": unit,
            "chargingSchedulePeriod": periods or [{"startPeriod": 0, "limit": limit}], **more}
    if start:
        made["startSchedule"] = start
    return made


def profile(purpose="TxDefaultProfile", level=0, limit=16, kind="Absolute", **more):
    made = {"stackLevel": level, "chargingProfilePurpose": purpose, "chargingProfileKind": kind,
            "chargingSchedule": more.pop("schedule", None) or schedule(
                limit, start=None if kind == "Relative" else "2024-01-01T00:00:00Z")}
    made.update(more)
    return made


async def command(daemon, action, payload, station="CP-1", query=""):
    return await daemon.api_async("POST", f"/v1/stations/{station}/commands/{action}{query}", payload)


async def set_profile(daemon, made, connector=1, query=""):
    return await command(daemon, "SetChargingProfile",
                         {"connectorId": connector, "csChargingProfiles": made}, query=query)


async def held(daemon, station="CP-1", key="chargingProfileId"):
    status, body = await daemon.api_async("GET", f"/v1/stations/{station}/charging-profiles")
    assert status == 200, body
    return [item[key] for item in body["items"]]


async def wait_held(daemon, wanted, **more):
    """What events bring comes a moment after the answer that brought them."""
    for _ in range(200):
        found = await held(daemon, **more)
        if found == wanted:
            return
        await asyncio.sleep(0.02)
    assert found == wanted


def accept(station):
    station.on_call["SetChargingProfile"] = lambda _: {"status": "Accepted"}
    station.on_call["ClearChargingProfile"] = lambda _: {"status": "Accepted"}


def sent(station, action):
    return [frame[3] for frame in station.calls if frame[2] == action]


def test_accepted_profiles_are_tracked(tmp_path):
    async def play(daemon):
        async with Station.connect(daemon) as station:
            accept(station)
            status, body = await set_profile(daemon, profile())
            assert (status, body["response"]) == (200, {"status": "Accepted"})
            assert sent(station, "SetChargingProfile")[0]["csChargingProfiles"][
                "chargingProfileId"] == 1
            await set_profile(daemon, profile(level=1))
            assert await held(daemon) == [2, 1]
            # Same purpose and level: the older one goes. The same on another connector stays.
            await set_profile(daemon, profile(level=1, chargingProfileId=12))
            await set_profile(daemon, profile(level=1), connector=2)
            assert await held(daemon) == [13, 12, 1]
            # Same id and, elsewhere, same level: both go.
            await set_profile(daemon, profile(level=1, chargingProfileId=1))
            assert await held(daemon) == [1, 13]
            await command(daemon, "ClearChargingProfile", {"connectorId": 2})
            assert await held(daemon) == [1]
            daemon.restart()
            assert await held(daemon) == [1]
        async with Station.connect(daemon) as station:
            station.on_call["ClearChargingProfile"] = lambda _: {"status": "Unknown"}
            status, body = await command(daemon, "ClearChargingProfile", {"id": 7})
            assert "warnings" in body
            assert await held(daemon) == [1]
            await command(daemon, "ClearChargingProfile", {})
            assert await held(daemon) == []

    with Daemon(tmp_path, MODULE) as daemon:
        run(play(daemon))


@pytest.mark.parametrize("answer, status, result", [
    ({"status": "Rejected"}, 200, "confirmed"),
    ({"status": "NotSupported"}, 200, "confirmed"),
    ("error", 502, "error"),
])
def test_refused_profiles_change_nothing(tmp_path, answer, status, result):
    async def play(daemon):
        async with Station.connect(daemon) as station:
            accept(station)
            await set_profile(daemon, profile())
            if answer == "error":
                station.on_call.pop("SetChargingProfile")
            else:
                station.on_call["SetChargingProfile"] = lambda _: answer
            assert (await set_profile(daemon, profile(limit=8)))[0] == status
            assert await held(daemon) == [1]
            assert await held(daemon, key="doubtful") == [False]
            made = profile(limit=8)
            assert (await daemon.api_async("PUT", "/v1/charging-profiles/low", made))[0] == 200
            got, body = await daemon.api_async(
                "POST", "/v1/charging-profiles/low/install", {"stationId": "CP-1", "connectorId": 1})
            assert (got, body["result"]) == (status, result)
            assert await held(daemon) == [1]
            assert daemon.log.events("profile.refused")

    with Daemon(tmp_path, MODULE) as daemon:
        run(play(daemon))


def test_no_answer_and_reboot_leave_doubt(tmp_path):
    async def play(daemon):
        async with Station.connect(daemon) as station:
            accept(station)
            await set_profile(daemon, profile())
            await set_profile(daemon, profile(level=3))
            closing = asyncio.get_running_loop().create_future()

            def lose(_):
                closing.set_result(None)
                return None

            station.on_call["SetChargingProfile"] = lose
            asked = asyncio.ensure_future(set_profile(daemon, profile(limit=8)))
            await closing
            await station.socket.close()
            assert (await asked)[0] == 409
            # What the lost one would have replaced is in doubt, the other one is not.
            assert await held(daemon) == [2, 1]
            assert await held(daemon, key="doubtful") == [False, True]
        async with Station.connect(daemon) as station:
            accept(station)
            await wait_held(daemon, [True, True], key="doubtful")
            daemon.restart()
            assert await held(daemon, key="doubtful") == [True, True]
        async with Station.connect(daemon, boot=False) as station:
            accept(station)
            await station.call("Heartbeat", {})  # the daemon has seen the connection
            assert (await set_profile(daemon, profile(level=3)))[0] == 200
            assert await held(daemon, key="doubtful") == [False, True]

    with Daemon(tmp_path, MODULE) as daemon:
        run(play(daemon))


def test_transaction_profiles_live_with_their_transaction(tmp_path):
    async def play(daemon):
        async with Station.connect(daemon) as station:
            accept(station)
            _, body = await set_profile(daemon, profile("TxProfile", kind="Relative"))
            assert any("no transaction is active" in text for text in body["warnings"])
            status, _ = await set_profile(daemon, profile("TxProfile", kind="Relative"),
                                          query="?checks=strict")
            assert status == 422
            first = (await station.start())["transactionId"]
            await wait_held(daemon, [])
            _, body = await set_profile(daemon, profile("TxProfile", kind="Relative"))
            assert "warnings" not in body
            assert sent(station, "SetChargingProfile")[-1]["csChargingProfiles"][
                "transactionId"] == first
            await set_profile(daemon, profile(level=1))
            _, body = await set_profile(daemon, profile("TxProfile", level=2, kind="Relative",
                                                        transactionId=first + 5))
            assert any("the transaction on connector 1 is" in text for text in body["warnings"])
            await station.stop(first)
            await wait_held(daemon, [5, 4])
            # One without a stop ends when the next one begins.
            second = (await station.start())["transactionId"]
            await wait_held(daemon, [4])
            await set_profile(daemon, profile("TxProfile", kind="Relative"))
            await station.start(tag="TAG-2")
            await wait_held(daemon, [4])
            # One that ends while the module is not loaded is gone at its next start.
            third = (await station.start(tag="TAG-3"))["transactionId"]
            await set_profile(daemon, profile("TxProfile", kind="Relative"))
            assert len(await held(daemon)) == 2 and second < third
            module = daemon.settings["plugins"].pop("ocpp16_smart_charging")
            daemon.write_config()
            daemon.restart()
        async with Station.connect(daemon) as station:
            await station.stop(third)
            daemon.settings["plugins"]["ocpp16_smart_charging"] = module
            daemon.write_config()
            daemon.restart()
            assert await held(daemon) == [4]

    with Daemon(tmp_path, MODULE) as daemon:
        run(play(daemon))


LIMITS = {"ChargeProfileMaxStackLevel": "2", "ChargingScheduleAllowedChargingRateUnit": "Current",
          "ChargingScheduleMaxPeriods": "2", "MaxChargingProfilesInstalled": "2"}


def test_limits_of_the_station_are_respected(tmp_path):
    async def play(daemon):
        async with Station.connect(daemon) as station:
            accept(station)
            station.on_call["GetConfiguration"] = lambda _: {"configurationKey": [
                {"key": key, "readonly": True, "value": value} for key, value in LIMITS.items()]}
            await command(daemon, "GetConfiguration", {})
            many = [{"startPeriod": 60 * i, "limit": 16} for i in range(3)]
            for made, said in (
                    (profile(level=3), "at most 2"),
                    (profile(schedule=schedule(unit="W", limit=11000)), "does not take W"),
                    (profile(schedule=schedule(periods=many)), "at most 2")):
                for _ in range(200):  # the keys are stored after the answer
                    status, body = await set_profile(daemon, made, query="?checks=strict")
                    if status == 422:
                        break
                assert status == 422 and said in body["detail"], body
            await command(daemon, "ClearChargingProfile", {})
            await set_profile(daemon, profile())
            await set_profile(daemon, profile(level=1))
            status, body = await set_profile(daemon, profile(level=2), query="?checks=strict")
            assert status == 422 and "holds at most 2" in body["detail"]
            # What replaces one of them takes no room.
            status, body = await set_profile(daemon, profile(level=1), query="?checks=strict")
            assert status == 200, body
            await daemon.api_async("PUT", "/v1/charging-profiles/high", profile(level=3))
            status, body = await daemon.api_async(
                "POST", "/v1/charging-profiles/high/install", {"stationId": "CP-1", "connectorId": 1})
            assert status == 422 and "stackLevel" in body["detail"]
            status, body = await daemon.api_async(
                "POST", "/v1/charging-profiles/high/install",
                {"stationId": "CP-1", "connectorId": 1, "stackLevel": 0})
            assert status == 200 and body["status"] == "Accepted", body

    with Daemon(tmp_path, MODULE) as daemon:
        run(play(daemon))


def test_templates_are_checked_stored_and_installed(tmp_path):
    async def play(daemon):
        put = lambda name, made: daemon.api_async("PUT", f"/v1/charging-profiles/{name}", made)
        for made, said in (
                (profile(kind="Recurring"), "recurrencyKind"),
                (profile("ChargePointMaxProfile", kind="Relative"), "chargingProfileKind"),
                (profile(schedule=schedule(periods=[{"startPeriod": 5, "limit": 6}])), "startPeriod"),
                (profile(validTo="2020-01-01T00:00:00Z"), "validTo")):
            status, body = await put("night", made)
            assert status == 422 and said in body["detail"], body
        assert (await put("night", {"stackLevel": 1}))[0] == 400
        assert (await put("n" * 65, profile()))[0] == 400
        made = profile(schedule=schedule(limit=8.5, start=None))
        status, body = await put("night", made)
        assert (status, body["chargingProfile"]) == (200, made)
        await put("day", profile(limit=32))
        status, body = await daemon.api_async("GET", "/v1/charging-profiles?limit=1")
        assert [item["name"] for item in body["items"]] == ["day"] and body["next"] == "day"
        status, body = await daemon.api_async("GET", "/v1/charging-profiles?after=day")
        assert [item["name"] for item in body["items"]] == ["night"] and "next" not in body
        install = lambda name, **more: daemon.api_async(
            "POST", f"/v1/charging-profiles/{name}/install",
            {"stationId": "CP-1", "connectorId": 1, **more})
        assert (await install("night"))[0] == 404
        async with Station.connect(daemon) as station:
            accept(station)
            assert (await install("none"))[0] == 404
            status, body = await install("night")
            assert (status, body["status"]) == (200, "Accepted")
            frame = sent(station, "SetChargingProfile")[0]["csChargingProfiles"]
            # An Absolute one that states no start begins when it is installed.
            assert "." in frame["chargingSchedule"]["startSchedule"]
            assert frame["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] == 8.5
            assert await held(daemon, key="template") == ["night"]
            daemon.restart()
            assert await held(daemon, key="template") == ["night"]
        status, body = await install("night")
        assert status == 409, body
        assert (await daemon.api_async("PUT", "/v1/stations/CP-1", {
            "quirks": ["whole_seconds"]}))[0] == 200
        async with Station.connect(daemon) as station:
            accept(station)
            assert (await install("night"))[0] == 200
            frame = sent(station, "SetChargingProfile")[0]["csChargingProfiles"]
            assert len(frame["chargingSchedule"]["startSchedule"]) == len("2026-01-01T00:00:00Z")
        assert (await daemon.api_async("DELETE", "/v1/charging-profiles/night"))[0] == 204
        assert (await daemon.api_async("DELETE", "/v1/charging-profiles/night"))[0] == 404
        assert (await daemon.api_async("GET", "/v1/charging-profiles/night"))[0] == 404
        assert await held(daemon, key="template") == ["night"]
        status, out, err = daemon.ctl("charging-profiles")
        assert status == 0 and "day" in out, err
        status, out, err = daemon.ctl("stations", "charging-profiles", "CP-1")
        assert status == 0 and "night" in out, err

    with Daemon(tmp_path, MODULE) as daemon:
        run(play(daemon))


def test_a_pause_of_the_station_ends_all_that_it_pauses(tmp_path):
    """Quirk H08, pause=stop: one after the other; one that is refused ends the matter."""
    async def play(daemon):
        pause = {"stackLevel": 0, "chargingProfilePurpose": "ChargePointMaxProfile",
                 "chargingProfileKind": "Absolute", "chargingSchedule": {
                     "chargingRateUnit": "W", "startSchedule": "2024-01-01T00:00:00Z",
                     "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 0}]}}
        assert daemon.api("PUT", "/v1/charging-profiles/off", pause)[0] == 200
        assert daemon.api("PUT", "/v1/stations/CP-1", {"quirks": ["pause=stop"]})[0] == 200
        answers, stopped = ["Accepted", "Accepted"], []

        def on_stop(req):
            stopped.append(req["transactionId"])
            return {"status": answers.pop(0)}

        async def install():
            return await daemon.api_async("POST", "/v1/charging-profiles/off/install",
                                          {"stationId": "CP-1", "connectorId": 0})
        async with Station.connect(daemon) as station:
            station.on_call["RemoteStopTransaction"] = on_stop
            numbers = [(await station.start(tag=f"TAG-{n}", connector=n))["transactionId"] for n in (1, 2)]
            status, body = await install()
            assert (status, body["status"], body["adapted"]) == (200, "Accepted", "RemoteStopTransaction")
            assert sorted(stopped) == sorted(numbers) and "chargingProfile" not in body
            assert await held(daemon) == []
            answers[:] = ["Rejected", "Accepted"]
            status, body = await install()
            assert (status, body["status"]) == (200, "Rejected") and len(stopped) == 3
            # Without the option it is a limit like any other.
            assert daemon.api("PUT", "/v1/stations/CP-1", {"quirks": ["pause=stop", "pause=limit0"]})[0] == 200
        async with Station.connect(daemon) as station:
            accept(station)
            status, body = await install()
            assert (status, body["status"]) == (200, "Accepted") and len(await held(daemon)) == 1

    with Daemon(tmp_path, {**MODULE, "id_tags": {"tags": [{"id": "TAG-1"}, {"id": "TAG-2"}]}}) as daemon:
        run(play(daemon))


async def composite(daemon, connector=1, query=""):
    return await daemon.api_async(
        "GET", f"/v1/stations/CP-1/connectors/{connector}/composite-schedule?{query}")


def test_composite_is_computed_and_compared(tmp_path):
    said = {}

    async def play(daemon):
        assert (await composite(daemon))[0] == 404
        async with Station.connect(daemon) as station:
            accept(station)
            for connector in (1, 2):
                await station.call("StatusNotification", {
                    "connectorId": connector, "errorCode": "NoError", "status": "Available"})
            status, body = await composite(daemon, query="duration=60")
            assert (status, body["chargingSchedulePeriod"]) == (200, [{"startPeriod": 0}])
            await set_profile(daemon, profile("ChargePointMaxProfile", schedule=schedule(
                unit="W", limit=11000)), connector=0)
            await set_profile(daemon, profile(kind="Recurring", recurrencyKind="Daily",
                                              schedule=schedule(periods=[
                                                  {"startPeriod": 0, "limit": 32},
                                                  {"startPeriod": 28800, "limit": 6}])))
            query = "from=2024-03-05T07:00:00Z&duration=7200"
            status, body = await composite(daemon, query=query)
            assert (status, body["chargingSchedulePeriod"]) == (200, [
                {"startPeriod": 0, "limit": 15.9, "numberPhases": 3},
                {"startPeriod": 3600, "limit": 6, "numberPhases": 3}])
            status, body = await composite(daemon, query=query + "&unit=W")
            assert body["chargingSchedulePeriod"][0]["limit"] == 11000
            status, body = await composite(daemon, connector=2, query=query)
            assert [item["limit"] for item in body["chargingSchedulePeriod"]] == [15.9]
            assert (await composite(daemon, query=query + "&compare=true"))[0] == 422
            assert (await composite(daemon, connector=65))[0] == 404
            assert "warnings" not in body
            for bad in (0, 31 * 86400 + 1, 10**30):
                status, problem = await composite(daemon, query=f"duration={bad}")
                assert status == 400 and "duration is not a number from 1 to 2678400" in problem["detail"]
            status, body = await composite(daemon, query=f"duration={31 * 86400}")
            assert status == 200 and body["duration"] == 31 * 86400
            # One that there is not has limits, too; but nobody ever saw it.
            status, body = await composite(daemon, connector=3, query=query)
            assert status == 200 and body["warnings"] == [
                "connectorId: the station never reported connector 3"]
            assert "warnings" not in (await composite(daemon, connector=0, query=query))[1]
            assert daemon.api("PUT", "/v1/stations/CP-NEW", {})[0] == 200
            status, body = await daemon.api_async(
                "GET", "/v1/stations/CP-NEW/connectors/1/composite-schedule")
            assert status == 200 and body["warnings"] == ["the station has not reported any connector yet"]

            station.on_call["GetCompositeSchedule"] = lambda req: said["answer"]
            start = "2024-03-05T07:00:00Z"
            for limit, agrees in ((6, True), (8, False)):
                said["answer"] = {
                    "status": "Accepted", "connectorId": 1, "scheduleStart": start,
                    "chargingSchedule": {"duration": 7200, "chargingRateUnit": "A",
                                         "chargingSchedulePeriod": [
                                             {"startPeriod": 0, "limit": 16.0},
                                             {"startPeriod": 3600, "limit": limit}]}}
                status, body = await composite(daemon, query="duration=7200&compare=true")
                assert (status, body["agrees"]) == (200, agrees), body
            assert body["differences"] == [
                {"startPeriod": 3600, "endPeriod": 7200, "computed": 6, "reported": 8}]
            # Accepted, and nothing is limited.
            said["answer"]["chargingSchedule"]["chargingSchedulePeriod"] = []
            _, body = await composite(daemon, query="duration=3600&compare=true")
            assert body["agrees"] is False, body
            assert body["differences"] == [{"startPeriod": 0, "endPeriod": 3600, "computed": 15.9}]
            said["answer"] = {"status": "Rejected"}
            status, body = await composite(daemon, query="duration=60&compare=true")
            assert (status, body["reported"]) == (200, {"status": "Rejected"})
            assert "agrees" not in body
            station.on_call.pop("GetCompositeSchedule")
            status, body = await composite(daemon, query="duration=60&compare=true")
            assert (status, body["reported"]["status"]) == (200, "error")
            status, body = await command(daemon, "GetCompositeSchedule",
                                         {"connectorId": 3, "duration": 0})
            assert len(body["warnings"]) == 2
        status, body = await composite(daemon, query="duration=60&compare=true")
        assert (status, body["reported"]["status"]) == (200, "not-connected")
        assert (await daemon.api_async("DELETE", "/v1/stations/CP-1"))[0] == 204
        assert (await composite(daemon, query="duration=60"))[0] == 404
        assert (await daemon.api_async("GET", "/v1/stations/CP-1/charging-profiles"))[0] == 404

    with Daemon(tmp_path, MODULE) as daemon:
        run(play(daemon))


def test_profile_of_a_remote_start_is_tracked_with_its_transaction(tmp_path):
    async def play(daemon):
        async with Station.connect(daemon) as station:
            station.on_call["RemoteStartTransaction"] = lambda _: {"status": "Accepted"}
            made = profile("TxProfile", kind="Relative", limit=10, chargingProfileId=77)
            status, body = await command(daemon, "RemoteStartTransaction", {
                "connectorId": 1, "idTag": "TAG-1", "chargingProfile": made})
            assert status == 200 and await held(daemon) == []
            transaction = (await station.start(tag="tag-1"))["transactionId"]
            await wait_held(daemon, [77])
            status, body = await composite(daemon, query="duration=60")
            assert body["chargingSchedulePeriod"][0]["limit"] == 10
            await station.stop(transaction)
            await wait_held(daemon, [])
            # Another tag's transaction does not take it.
            await command(daemon, "RemoteStartTransaction", {
                "connectorId": 1, "idTag": "TAG-1", "chargingProfile": made})
            await station.start(tag="TAG-2", connector=2)
            transaction = (await station.start(tag="TAG-1", when=now()))["transactionId"]
            await wait_held(daemon, [77])
            status, body = await command(daemon, "RemoteStartTransaction", {
                "connectorId": 1, "idTag": "TAG-1",
                "chargingProfile": profile("TxProfile", kind="Recurring", chargingProfileId=1)})
            assert any("recurrencyKind" in text for text in body["warnings"])

    with Daemon(tmp_path, MODULE) as daemon:
        run(play(daemon))


def test_service_installs_clears_and_tells(tmp_path):
    async def play(daemon):
        async with Station.connect(daemon) as station:
            accept(station)
            install = lambda **more: daemon.api_async(
                "POST", "/v1/micro/CP-1/limit", {"limit": 159, **more})
            clear = lambda which: daemon.api_async(
                "DELETE", f"/v1/micro/CP-1/limit?profileId={which}")
            ask = lambda: daemon.api_async("GET", "/v1/micro/CP-1/limit?duration=120")
            assert (await ask())[1] == {"count": 1, "limits": [-1], "profiles": []}
            assert (await install())[1] == {"outcome": ACCEPTED, "profileId": 1, "text": ""}
            frame = sent(station, "SetChargingProfile")[0]
            assert frame["connectorId"] == 1
            made = frame["csChargingProfiles"]
            assert made["chargingSchedule"]["chargingSchedulePeriod"] == [
                {"startPeriod": 0, "limit": 15.9},
                {"startPeriod": 60, "limit": 7.9, "numberPhases": 1}]
            assert made["chargingSchedule"]["minChargingRate"] == 6.1 and "validTo" in made
            assert (await ask())[1]["limits"][:2] == [159, 79]
            # The station as a whole; the lower of both counts.
            assert (await install(evse=0, purpose=0, limit=100))[1]["outcome"] == ACCEPTED
            assert (await ask())[1]["limits"][:2] == [100, 50]
            assert (await ask())[1]["profiles"] == [2, 1]
            status, body = await install(purpose=2, strict=True)
            assert body["outcome"] == REFUSED and "no transaction" in body["text"]
            assert (await install(periods=0))[0] == 400
            assert (await install(purpose=3))[0] == 400
            assert (await install(limit=-10))[0] == 400
            for answer, outcome in (("Rejected", REJECTED), ("NotSupported", NOT_SUPPORTED)):
                station.on_call["SetChargingProfile"] = lambda _, said=answer: {"status": said}
                assert (await install(profileId=1))[1]["outcome"] == outcome
            station.on_call.pop("SetChargingProfile")
            assert (await install(profileId=1))[1] == {
                "outcome": ERROR, "profileId": 1, "text": ""}
            assert (await clear(2))[1] == {"outcome": ACCEPTED, "profileId": 2, "text": ""}
            station.on_call["ClearChargingProfile"] = lambda _: {"status": "Unknown"}
            assert (await clear(1))[1]["outcome"] == UNKNOWN
            assert (await ask())[1]["profiles"] == []
            lost = asyncio.get_running_loop().create_future()
            station.on_call["SetChargingProfile"] = lambda _: lost.set_result(None)
            asked = asyncio.ensure_future(install())
            await lost
            await station.socket.close()
            assert (await asked)[1]["outcome"] == NO_ANSWER
        assert (await install())[0] == 409

    with Daemon(tmp_path, {"micro_charging": {}}, module_dir=[MICRO]) as daemon:
        run(play(daemon))


def test_without_the_module_everything_else_works(tmp_path):
    async def play(daemon):
        async with Station.connect(daemon) as station:
            for action in ("SetChargingProfile", "ClearChargingProfile", "GetCompositeSchedule"):
                status, body = await command(daemon, action, {})
                assert status == 501, body
            transaction = (await station.start())["transactionId"]
            await station.stop(transaction)
            station.on_call["RemoteStartTransaction"] = lambda _: {"status": "Accepted"}
            status, _ = await command(daemon, "RemoteStartTransaction", {
                "idTag": "TAG-1", "chargingProfile": profile("TxProfile", kind="Relative",
                                                             chargingProfileId=1)})
            assert status == 200
            assert (await daemon.api_async("GET", "/v1/charging-profiles"))[0] == 404
            assert not [frame for frame in station.calls if frame[2].endswith("Profile")]

    with Daemon(tmp_path) as daemon:
        run(play(daemon))
