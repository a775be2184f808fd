# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""A charging session from a foreign client's socket to the database, and what survives of it."""

import asyncio
import re
import signal
import sqlite3

import pytest
from harness import CallError, Daemon, Station, now, run

TAGS = {"id_tags": {"tags": [{"id": "TAG-1"}, {"id": "TAG-2"}]}}


def sampled(value):
    return [{"timestamp": now(), "sampledValue": [
        {"value": str(value), "measurand": "Energy.Active.Import.Register", "unit": "Wh"}]}]


async def session(station, meter=1000):
    """A whole session; returns its transaction id."""
    answer = await station.call("Authorize", {"idTag": "TAG-1"})
    assert answer["idTagInfo"]["status"] == "Accepted"
    started = await station.start(meter=meter)
    assert started["idTagInfo"]["status"] == "Accepted"
    number = started["transactionId"]
    assert number > 0
    for step in range(1, 4):
        assert await station.call("MeterValues", {
            "connectorId": 1, "transactionId": number, "meterValue": sampled(meter + step * 100)}) == {}
    stopped = await station.stop(number, meter=meter + 400, idTag="TAG-1", reason="Local")
    assert stopped["idTagInfo"]["status"] == "Accepted"
    return number


def test_session_is_answered_and_found_again(tmp_path):
    async def body(daemon):
        async with Station.connect(daemon, boot=False) as station:
            booted = await station.boot()
            assert booted["status"] == "Accepted"
            assert booted["interval"] > 0
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", booted["currentTime"])
            assert await station.call("StatusNotification", {
                "connectorId": 1, "errorCode": "NoError", "status": "Available"}) == {}
            assert set(await station.call("Heartbeat", {})) == {"currentTime"}
            return await session(station)

    with Daemon(tmp_path, TAGS) as daemon:
        number = run(body(daemon))
        status, found = daemon.api("GET", f"/v1/transactions/{number}")
        assert status == 200
        assert found["stationId"] == "CP-1"
        assert found["connectorId"] == 1
        assert found["idTag"] == "TAG-1"
        assert (found["meterStart"], found["meterStop"], found["energyWh"]) == (1000, 1400, 400)
        assert found["stopReason"] == "Local"
        status, readings = daemon.api("GET", f"/v1/transactions/{number}/meter-values")
        assert status == 200
        assert len(readings["items"]) == 3
        status, station = daemon.api("GET", "/v1/stations/CP-1")
        assert status == 200
        assert station["registrationStatus"] == "Accepted"


@pytest.mark.parametrize("signo", [signal.SIGTERM, signal.SIGKILL])
def test_acknowledged_transactions_survive_a_restart(tmp_path, signo):
    """Many stations start and stop without pause; the daemon ends in the middle of it."""
    acknowledged = {}
    sent = set()

    async def busy(daemon, name, first_answer):
        async with Station.connect(daemon, name) as station:
            meter = 0
            while True:
                meter += 1
                sent.add((name, meter))
                started = await station.start(meter=meter)
                acknowledged[started["transactionId"]] = [name, meter, None]
                first_answer.set()
                await station.stop(started["transactionId"], meter=meter + 7)
                acknowledged[started["transactionId"]][2] = meter + 7

    async def body(daemon):
        events = [asyncio.Event() for _ in range(20)]
        tasks = [asyncio.ensure_future(busy(daemon, f"CP-{i}", event))
                 for i, event in enumerate(events)]
        for event in events:
            await asyncio.wait_for(event.wait(), 30)
        await asyncio.get_running_loop().run_in_executor(None, daemon.stop, signo)
        await asyncio.gather(*tasks, return_exceptions=True)

    daemon = Daemon(tmp_path, TAGS, log_level="info")
    daemon.start()
    run(body(daemon))
    assert acknowledged
    with daemon:
        found = {}
        after = ""
        while True:
            status, page = daemon.api("GET", f"/v1/transactions?limit=1000{after}")
            assert status == 200
            for item in page["items"]:
                found[item["transactionId"]] = item
            if not page.get("next"):
                break
            after = f"&after={page['next']}"
        for number, (name, meter, stop) in acknowledged.items():
            assert found[number]["stationId"] == name
            assert found[number]["meterStart"] == meter
            if stop is not None:
                assert found[number]["meterStop"] == stop
        # Nothing that no station sent: an unanswered one may be there, an invented one may not.
        for item in found.values():
            assert (item["stationId"], item["meterStart"]) in sent
        assert len({(i["stationId"], i["meterStart"]) for i in found.values()}) == len(found)


def test_session_goes_on_after_a_restart_without_boot(tmp_path):
    async def begin(daemon):
        async with Station.connect(daemon) as station:
            return (await station.start(meter=5))["transactionId"]

    async def end(daemon, number):
        async with Station.connect(daemon, boot=False) as station:
            await station.call("MeterValues", {
                "connectorId": 1, "transactionId": number, "meterValue": sampled(50)})
            await station.stop(number, meter=105)

    daemon = Daemon(tmp_path, TAGS)
    with daemon:
        number = run(begin(daemon))
    with daemon:
        run(end(daemon, number))
        _, found = daemon.api("GET", f"/v1/transactions/{number}")
        assert found["energyWh"] == 100


def test_repeated_start_and_stop_change_nothing(tmp_path):
    async def body(daemon):
        async with Station.connect(daemon) as station:
            when = now()
            first = await station.start(when=when, meter=10)
            # The answer was lost: the same again, with a new id, with the same id, after a reconnect.
            assert await station.start(when=when, meter=10) == first
            for _ in range(2):
                again = await station.call("StartTransaction", {
                    "connectorId": 1, "idTag": "TAG-1", "meterStart": 10, "timestamp": when},
                    message_id="same")
                assert again == first
        async with Station.connect(daemon, boot=False) as station:
            assert await station.start(when=when, meter=10) == first
            number = first["transactionId"]
            end = now()
            stopped = await station.stop(number, 20, end, idTag="TAG-1")
            assert await station.stop(number, 20, end, idTag="TAG-1") == stopped
            assert (await station.start(when=when, meter=10))["transactionId"] == number
            return number

    with Daemon(tmp_path, TAGS) as daemon:
        number = run(body(daemon))
        _, page = daemon.api("GET", "/v1/transactions")
        assert [item["transactionId"] for item in page["items"]] == [number]
        assert page["items"][0]["energyWh"] == 10


def test_transaction_ids_are_bound_to_their_station(tmp_path):
    async def body(daemon):
        async with Station.connect(daemon, "CP-1") as one, Station.connect(daemon, "CP-2") as two:
            mine = (await one.start(meter=1))["transactionId"]
            assert await two.stop(mine, 99) == {}
            return mine

    with Daemon(tmp_path, TAGS) as daemon:
        number = run(body(daemon))
        _, found = daemon.api("GET", f"/v1/transactions/{number}")
        assert "meterStop" not in found


def test_refused_tags_still_get_a_transaction(tmp_path):
    async def body(daemon):
        async with Station.connect(daemon) as station:
            answer = await station.call("Authorize", {"idTag": "NOBODY"})
            assert answer["idTagInfo"]["status"] == "Invalid"
            started = await station.start(tag="NOBODY")
            assert started["idTagInfo"]["status"] == "Invalid"
            assert started["transactionId"] > 0

    with Daemon(tmp_path, TAGS) as daemon:
        run(body(daemon))
        _, page = daemon.api("GET", "/v1/transactions")
        assert len(page["items"]) == 1
        assert page["items"][0]["flags"]


def test_nothing_but_a_boot_before_acceptance(tmp_path):
    async def body(daemon):
        async with Station.connect(daemon, boot=False) as station:
            with pytest.raises(CallError) as raised:
                await station.start()
            assert raised.value.code == "SecurityError"
            await station.boot()
            await station.start()

    with Daemon(tmp_path, TAGS) as daemon:
        run(body(daemon))


def test_operator_commands_reach_the_station(tmp_path):
    async def body(daemon):
        async with Station.connect(daemon) as station:
            station.on_call = {
                "GetConfiguration": lambda req: {
                    "configurationKey": [{"key": "HeartbeatInterval", "readonly": False,
                                          "value": "300"}], "unknownKey": []},
                "RemoteStartTransaction": lambda req: {"status": "Accepted"},
                "RemoteStopTransaction": lambda req: {"status": "Rejected"},
            }

            async def command(action, payload):
                return await daemon.api_async(
                    "POST", f"/v1/stations/CP-1/commands/{action}", payload)

            status, answer = await command("GetConfiguration", {"key": ["HeartbeatInterval"]})
            assert (status, answer["result"]) == (200, "confirmed")
            assert answer["response"]["configurationKey"][0]["value"] == "300"
            status, keys = await daemon.api_async("GET", "/v1/stations/CP-1/configuration")
            assert status == 200
            assert "HeartbeatInterval" in str(keys)
            status, answer = await command("RemoteStartTransaction",
                                           {"connectorId": 1, "idTag": "TAG-1"})
            assert (status, answer["response"]["status"]) == (200, "Accepted")
            status, answer = await command("RemoteStopTransaction", {"transactionId": 4711})
            assert (status, answer["response"]["status"]) == (200, "Rejected")
            assert answer["warnings"]
            status, answer = await command("RemoteStopTransaction", {"transactionId": "x"})
            assert status == 400
            assert "transactionId" in answer["detail"]
            status, _ = await command("NoSuchAction", {})
            assert status == 501
            station.on_call["GetConfiguration"] = lambda req: [4, station.calls[-1][1],
                                                               "InternalError", "no", {}]
            status, answer = await command("GetConfiguration", {})
            assert (status, answer["error"]["code"]) == (502, "InternalError")
        status, _ = await daemon.api_async("POST", "/v1/stations/CP-9/commands/GetConfiguration", {})
        assert status == 404
        daemon.log.wait("station.disconnected")
        status, _ = await daemon.api_async("POST", "/v1/stations/CP-1/commands/GetConfiguration", {})
        assert status == 409

    with Daemon(tmp_path, TAGS) as daemon:
        run(body(daemon))


def test_no_answer_before_its_commit(tmp_path):
    """Every transaction id that is answered can be read by another connection at that moment."""
    async def body(daemon):
        database = sqlite3.connect(f"file:{tmp_path}/ocppd.db?mode=ro", uri=True)
        async with Station.connect(daemon) as station:
            for meter in range(20):
                number = (await station.start(meter=meter))["transactionId"]
                seen = [row for row in database.execute(
                    "select meter_start_wh from transactions_transaction where transaction_id = ?", (number,))]
                assert seen == [(meter,)]

    with Daemon(tmp_path, TAGS) as daemon:
        run(body(daemon))
