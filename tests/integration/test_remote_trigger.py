# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Triggered messages: each of them, each answer, and what came of it."""

import asyncio
import sqlite3
import time

import pytest
from harness import CallError, DEADLINE_S, Daemon, Follower, Station, now, run

MODULE = {"ocpp16_remote_trigger": {"arrival_timeout": "2s"}}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("trigger"), MODULE) as running:
        yield running


def payload_of(message, connector=None):
    """What a station sends for a trigger."""
    if message == "StatusNotification":
        return {"connectorId": connector or 0, "status": "Available", "errorCode": "NoError"}
    if message == "MeterValues":
        return {"connectorId": connector or 0, "meterValue": [
            {"timestamp": now(), "sampledValue": [{"value": "5", "context": "Trigger"}]}]}
    if message == "BootNotification":
        return {"chargePointVendor": "Test", "chargePointModel": "Integration"}
    if message == "Heartbeat":
        return {}
    return {"status": "Idle"}


class Triggered:
    """Answers TriggerMessage, and sends what it asks for after the answer, or before it."""

    def __init__(self, station, status="Accepted", connectors=(None,), is_early=False):
        self.station = station
        self.status = status
        self.connectors = connectors
        self.is_early = is_early
        self.sent = []
        station.on_call["TriggerMessage"] = self.serve

    async def send(self, request):
        named = request.get("connectorId")
        for connector in self.connectors if named is None else (named,):
            message = request["requestedMessage"]
            self.sent.append(await self.station.send(message, payload_of(message, connector)))

    async def serve(self, request):
        if self.is_early:
            await self.send(request)
        elif self.status == "Accepted":
            asyncio.get_running_loop().call_soon(lambda: asyncio.ensure_future(self.send(request)))
        return {"status": self.status}


async def command(daemon, station_id, body, query=""):
    return await daemon.api_async(
        "POST", f"/v1/stations/{station_id}/commands/TriggerMessage{query}", body)


async def trigger(daemon, station_id, message, connector=None):
    body = {"stationId": station_id, "requestedMessage": message}
    if connector is not None:
        body["connectorId"] = connector
    return await daemon.api_async("POST", "/v1/triggers", body)


async def history(daemon, station_id):
    return (await daemon.api_async("GET", f"/v1/triggers?stationId={station_id}"))[1]["items"]


async def until(daemon, station_id, outcome):
    end = time.monotonic() + DEADLINE_S
    while True:
        items = await history(daemon, station_id)
        if items and items[0]["outcome"] == outcome:
            return items[0]
        assert time.monotonic() < end, items
        await asyncio.sleep(0.05)


MESSAGES = [("DiagnosticsStatusNotification", None), ("FirmwareStatusNotification", None),
            ("Heartbeat", None), ("Heartbeat", 1), ("MeterValues", None), ("MeterValues", 1),
            ("StatusNotification", None), ("StatusNotification", 0), ("StatusNotification", 2)]


@pytest.mark.parametrize("message,connector", MESSAGES)
def test_every_message_arrives(daemon, message, connector):
    station_id = f"CP-{message}-{connector}"

    async def session():
        async with Station.connect(daemon, station_id) as station:
            triggered = Triggered(station)
            status, body = await trigger(daemon, station_id, message, connector)
            assert status == 201, body
            assert (body["outcome"], body["messages"], body["status"]) == ("Arrived", 1, "Accepted")
            assert body.get("connectorId") == connector and body["requester"]
            assert body["messageId"] and body["arrived"] >= body["requested"]
            assert [call[3] for call in station.calls] == [
                {"requestedMessage": message} | ({} if connector is None else {"connectorId": connector})]
            frame = await asyncio.wait_for(triggered.sent[0], DEADLINE_S)
            assert frame[0] == 3 and frame[1] == body["messageId"]
            assert (await daemon.api_async("GET", f"/v1/triggers/{body['triggerId']}"))[1] == body
    run(session())


def test_command_is_joined_to_its_message(daemon):
    async def session():
        async with Station.connect(daemon, "CP-CMD") as station:
            Triggered(station)
            status, body = await command(daemon, "CP-CMD", {"requestedMessage": "Heartbeat"})
            assert (status, body) == (200, {"result": "confirmed", "response": {"status": "Accepted"}})
            assert (await until(daemon, "CP-CMD", "Arrived"))["messages"] == 1
    run(session())


def test_all_connectors_are_awaited(daemon):
    async def session():
        async with Station.connect(daemon, "CP-ALL") as station:
            for connector in (0, 1, 2):
                await station.call("StatusNotification", payload_of("StatusNotification", connector))
            Triggered(station, connectors=(0, 1, 2))
            status, body = await trigger(daemon, "CP-ALL", "StatusNotification")
            assert status == 201 and body["messages"] == 3, body
            Triggered(station, connectors=(2,))
            status, body = await trigger(daemon, "CP-ALL", "StatusNotification")
            assert status == 201 and body["messages"] == 1 and "not all" in body["reason"], body
            Triggered(station, connectors=(1, 2))
            status, body = await trigger(daemon, "CP-ALL", "MeterValues")
            assert status == 201 and body["messages"] == 2, str(body)
    run(session())


@pytest.mark.parametrize("answer", ["Rejected", "NotImplemented"])
def test_refused(daemon, answer):
    async def session():
        async with Station.connect(daemon, f"CP-{answer}") as station:
            Triggered(station, answer)
            status, body = await trigger(daemon, f"CP-{answer}", "MeterValues", 1)
            assert status == 409 and answer in body["detail"], body
            status, body = await command(daemon, f"CP-{answer}", {"requestedMessage": "MeterValues"})
            assert status == 200 and body["response"]["status"] == answer
            assert [item["outcome"] for item in await history(daemon, f"CP-{answer}")] == [answer] * 2
    run(session())


def test_accepted_but_nothing_comes(daemon):
    async def session():
        async with Station.connect(daemon, "CP-MISS") as station:
            station.on_call["TriggerMessage"] = lambda payload: {"status": "Accepted"}
            pending = asyncio.ensure_future(trigger(daemon, "CP-MISS", "MeterValues", 1))
            while not station.calls:
                await asyncio.sleep(0.02)
            # Another message, and another connector's, are not what was asked for.
            await station.call("Heartbeat", {})
            await station.call("MeterValues", payload_of("MeterValues", 2))
            assert (await until(daemon, "CP-MISS", "Waiting"))["messages"] == 0
            status, body = await pending
            assert status == 504 and "2000 ms" in body["detail"], body
            assert (await history(daemon, "CP-MISS"))[0]["outcome"] == "Missing"
            status, body = await trigger(daemon, "CP-MISS", "FirmwareStatusNotification")
            assert status == 504
    run(session())


def test_error_silence_and_lost_connection(daemon):
    async def session():
        async with Station.connect(daemon, "CP-ERR") as station:
            assert (await trigger(daemon, "CP-ERR", "Heartbeat"))[0] == 502
            assert (await history(daemon, "CP-ERR"))[0]["outcome"] == "Failed"
            station.on_call["TriggerMessage"] = lambda payload: None
            assert (await command(daemon, "CP-ERR", {"requestedMessage": "Heartbeat"}, "?timeout=1"))[0] == 504
            assert (await until(daemon, "CP-ERR", "Unanswered"))["messages"] == 0
            pending = asyncio.ensure_future(
                command(daemon, "CP-ERR", {"requestedMessage": "Heartbeat"}, "?timeout=1"))
            while len(station.calls) < 3:
                await asyncio.sleep(0.02)
            await station.call("Heartbeat", {})
            assert (await pending)[0] == 504
            assert "but the message came" in (await until(daemon, "CP-ERR", "Arrived"))["reason"]
            pending = asyncio.ensure_future(trigger(daemon, "CP-ERR", "Heartbeat"))
            while len(station.calls) < 4:
                await asyncio.sleep(0.02)
            await station.socket.close()
            assert (await pending)[0] == 504
            assert "connection" in (await history(daemon, "CP-ERR"))[0]["reason"]
    run(session())


def test_message_before_the_answer_counts(daemon):
    async def session():
        async with Station.connect(daemon, "CP-EARLY") as station:
            Triggered(station, is_early=True)
            status, body = await trigger(daemon, "CP-EARLY", "Heartbeat")
            assert status == 201, body
            assert body["outcome"] == "Arrived" and body["messages"] == 1
    run(session())


def test_two_triggers_get_a_message_each(daemon):
    async def session():
        async with Station.connect(daemon, "CP-TWO") as station:
            Triggered(station)
            answers = await asyncio.gather(*(trigger(daemon, "CP-TWO", "Heartbeat") for _ in range(2)))
            assert [status for status, _ in answers] == [201, 201]
            assert len({body["messageId"] for _, body in answers}) == 2
    run(session())


def test_pending_station_may_send_what_it_is_asked_for(daemon):
    assert daemon.api("PUT", "/v1/stations/CP-PEND", {"registrationStatus": "Pending"})[0] < 300

    async def session():
        async with Station.connect(daemon, "CP-PEND", boot=False) as station:
            assert (await station.boot())["status"] == "Pending"
            with pytest.raises(CallError) as refused:
                await station.call("Heartbeat", {})
            assert refused.value.code == "SecurityError"
            triggered = Triggered(station)
            for message in ("Heartbeat", "StatusNotification", "MeterValues", "BootNotification",
                            "FirmwareStatusNotification"):
                status, body = await trigger(daemon, "CP-PEND", message)
                assert status == 201, (message, body)
                frame = await asyncio.wait_for(triggered.sent[-1], DEADLINE_S)
                assert frame[0] == 3, (message, frame)
            with pytest.raises(CallError) as refused:
                await station.call("Heartbeat", {})
            assert refused.value.code == "SecurityError"
    run(session())


def test_boot_of_an_accepted_station(daemon):
    async def session():
        async with Station.connect(daemon, "CP-BOOT") as station:
            Triggered(station)
            body = {"requestedMessage": "BootNotification"}
            assert (await trigger(daemon, "CP-BOOT", "BootNotification"))[0] == 422
            status, answer = await command(daemon, "CP-BOOT", body, "?checks=strict")
            assert status == 422 and "requestedMessage" in answer["detail"]
            assert not station.calls and not await history(daemon, "CP-BOOT")
            status, answer = await command(daemon, "CP-BOOT", body)
            assert status == 200 and "reboot" in answer["warnings"][0]
            await until(daemon, "CP-BOOT", "Arrived")
            status, answer = await command(daemon, "CP-BOOT", {
                "requestedMessage": "MeterValues", "connectorId": -1}, "?checks=strict")
            assert status == 422 and "connectorId" in answer["detail"]
            assert (await command(daemon, "CP-BOOT", {"requestedMessage": "StartTransaction"}))[0] == 400
    run(session())


def test_not_connected_and_unknown(daemon):
    async def session():
        assert daemon.api("PUT", "/v1/stations/CP-AWAY", {"registrationStatus": "Accepted"})[0] < 300
        assert (await trigger(daemon, "CP-AWAY", "Heartbeat"))[0] == 409
        assert (await trigger(daemon, "CP-NOWHERE", "Heartbeat"))[0] == 404
        assert daemon.api("DELETE", "/v1/stations/CP-AWAY")[0] == 204
        assert (await trigger(daemon, "CP-AWAY", "Heartbeat"))[0] == 404
        for one in ("0", "x", "99999999"):
            assert (await daemon.api_async("GET", f"/v1/triggers/{one}"))[0] == 404
        assert (await daemon.api_async("GET", "/v1/triggers?after=x"))[0] == 400
    run(session())


def test_ctl(daemon):
    async def session():
        async with Station.connect(daemon, "CP-CTL") as station:
            loop = asyncio.get_running_loop()

            def ctl(*args):
                return loop.run_in_executor(None, lambda: daemon.ctl(*args))
            Triggered(station)
            code, out, err = await ctl("trigger", "CP-CTL", "StatusNotification", "--connectorId", "1")
            assert code == 0 and "Arrived" in out, out + err
            one = str((await history(daemon, "CP-CTL"))[0]["triggerId"])
            for words in (("triggers", "--stationId", "CP-CTL"), ("triggers", "show", one)):
                code, out, err = await ctl(*words)
                assert code == 0 and "Arrived" in out, out + err
            Triggered(station, "Rejected")
            assert (await ctl("trigger", "CP-CTL", "Heartbeat"))[0] != 0
            page = (await daemon.api_async("GET", "/v1/triggers?limit=1"))[1]
            other = (await daemon.api_async("GET", f"/v1/triggers?limit=1&after={page['next']}"))[1]
            assert page["items"] != other["items"]
    run(session())


def test_stops_and_restarts(tmp_path):
    async def begin(daemon):
        async with Station.connect(daemon) as station:
            station.on_call["TriggerMessage"] = lambda payload: {"status": "Accepted"}
            for _ in range(4):
                assert (await command(daemon, "CP-1", {"requestedMessage": "Heartbeat"}))[0] == 200
            await until(daemon, "CP-1", "Waiting")
            return await history(daemon, "CP-1")

    settings = {"ocpp16_remote_trigger": {"arrival_timeout": "5min", "history": 3}}
    with Daemon(tmp_path, settings) as daemon:
        assert [item["outcome"] for item in run(begin(daemon))] == ["Waiting"] * 3
        daemon.kill()
        daemon.start()
        items = daemon.api("GET", "/v1/triggers")[1]["items"]
        assert [item["outcome"] for item in items] == ["Interrupted"] * 3
        run(begin(daemon))
        daemon.restart()
        items = daemon.api("GET", "/v1/triggers")[1]["items"]
        assert [item["outcome"] for item in items] == ["Interrupted"] * 3


def test_left_out(tmp_path):
    async def session(daemon):
        async with Station.connect(daemon) as station:
            body = {"requestedMessage": "Heartbeat"}
            assert (await command(daemon, "CP-1", body))[0] == 501
            with pytest.raises(CallError) as refused:
                await station.call("TriggerMessage", body)
            assert refused.value.code == "NotSupported"
            assert (await daemon.api_async("GET", "/v1/triggers"))[0] == 404
            for message in ("Heartbeat", "MeterValues", "StatusNotification",
                            "FirmwareStatusNotification", "DiagnosticsStatusNotification"):
                await station.call(message, payload_of(message, 1))
            assert not station.calls
    with Daemon(tmp_path) as daemon:
        run(session(daemon))


def test_module_leaves_and_returns(tmp_path):
    async def session(daemon):
        async with Station.connect(daemon) as station:
            station.on_call["TriggerMessage"] = lambda payload: {"status": "Accepted"}
            accepted = asyncio.ensure_future(trigger(daemon, "CP-1", "Heartbeat"))
            while not station.calls:
                await asyncio.sleep(0.02)
            await until(daemon, "CP-1", "Waiting")
            station.on_call["TriggerMessage"] = lambda payload: None
            asked = asyncio.ensure_future(trigger(daemon, "CP-1", "Heartbeat"))
            while len(station.calls) < 2:
                await asyncio.sleep(0.02)
            del daemon.settings["plugins"]["ocpp16_remote_trigger"]
            daemon.write_config()
            status, body = await daemon.api_async("POST", "/v1/reload")
            assert status == 200, body
            assert (await accepted)[0] == 503 and (await asked)[0] == 503
            assert (await command(daemon, "CP-1", {"requestedMessage": "Heartbeat"}))[0] == 501
            await station.call("Heartbeat", {})
            daemon.settings["plugins"]["ocpp16_remote_trigger"] = {"arrival_timeout": "1s"}
            daemon.write_config()
            status, body = await daemon.api_async("POST", "/v1/reload")
            assert status == 200, body
            assert [item["outcome"] for item in await history(daemon, "CP-1")] == ["Interrupted"] * 2
            Triggered(station)
            assert (await trigger(daemon, "CP-1", "Heartbeat"))[0] == 201
    with Daemon(tmp_path, {"ocpp16_remote_trigger": {"arrival_timeout": "5min"}},
                call_timeout="3s") as daemon:
        run(session(daemon))


def test_triggers_work_while_storage_takes_no_writes(tmp_path):
    async def session(daemon, database):
        async with Station.connect(daemon, "CP-1") as station:
            triggered = Triggered(station)
            assert (await trigger(daemon, "CP-1", "Heartbeat"))[0] == 201
            database.execute("BEGIN IMMEDIATE")
            # It is sent and heard, but no record can be answered.
            status, body = await trigger(daemon, "CP-1", "Heartbeat")
            assert (status, body["type"]) == (503, "urn:ocppd:problem:unavailable"), body
            assert (await asyncio.wait_for(triggered.sent[1], DEADLINE_S))[0] == 3
            assert daemon.log.events("trigger.unstored")
            status, body = await command(daemon, "CP-1", {"requestedMessage": "Heartbeat"})
            assert (status, body["response"]) == (200, {"status": "Accepted"})
            assert len(await history(daemon, "CP-1")) == 1
            database.execute("ROLLBACK")
            for _ in range(200):
                status, body = await trigger(daemon, "CP-1", "Heartbeat")
                if status == 201:
                    break
                await asyncio.sleep(0.1)
            assert (status, body["outcome"]) == (201, "Arrived"), body
            assert (await history(daemon, "CP-1"))[0] == body

    with Daemon(tmp_path, {**MODULE, "storage_sqlite": {"busy_timeout": "100ms"}}) as daemon:
        database = sqlite3.connect(tmp_path / "ocppd.db", isolation_level=None)
        run(session(daemon, database))
        database.close()


def test_events_and_metrics(tmp_path):
    async def session(daemon):
        loop = asyncio.get_running_loop()
        follower = Follower(daemon, "?types=trigger.settled")
        async with Station.connect(daemon) as station:
            Triggered(station)
            record = (await trigger(daemon, "CP-1", "Heartbeat"))[1]
            assert await loop.run_in_executor(None, follower.next_body) == record
            Triggered(station, "Rejected")
            assert (await trigger(daemon, "CP-1", "Heartbeat"))[0] == 409
            assert (await loop.run_in_executor(None, follower.next_body))["outcome"] == "Rejected"
        follower.close()
        code, text, err = await loop.run_in_executor(None, lambda: daemon.ctl("metrics"))
        assert code == 0, err
        assert 'ocppd_triggers_total{message="Heartbeat",outcome="Arrived"} 1' in text
    with Daemon(tmp_path, {**MODULE, "metrics": {}}) as daemon:
        run(session(daemon))
