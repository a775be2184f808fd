# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Life as a service: notifications, signals, listeners, silent peers, and storage that fails."""

import asyncio
import contextlib
import os
import signal
import socket
import sqlite3

import pytest
from harness import DEADLINE_S, CallError, Daemon, Station, run
from harness import raw_connection, upgrade_request

TAGS = {"id_tags": {"tags": [{"id": "TAG-1"}]}}


class Manager:
    """The service manager's end of the notification socket."""

    def __init__(self, path):
        self.path = str(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(DEADLINE_S)
        self.seen = []

    def wait(self, line):
        while True:
            for text in self.seen:
                if line in text.split("\n"):
                    self.seen.clear()
                    return
            self.seen.append(self.socket.recv(4096).decode())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def test_notifications_follow_the_daemon(tmp_path, monkeypatch):
    with Manager(tmp_path / "notify") as manager:
        monkeypatch.setenv("NOTIFY_SOCKET", manager.path)
        monkeypatch.setenv("WATCHDOG_USEC", "300000")
        daemon = Daemon(tmp_path, TAGS)
        daemon.start()
        manager.wait("READY=1")
        manager.wait("WATCHDOG=1")
        daemon.process.send_signal(signal.SIGHUP)
        seen = []
        while "READY=1" not in seen:
            seen += manager.socket.recv(4096).decode().split("\n")
        assert "RELOADING=1" in seen
        assert any(line.startswith("MONOTONIC_USEC=") for line in seen)
        assert daemon.stop() == 0
        manager.wait("STOPPING=1")


def test_sigterm_closes_stations_with_1001(tmp_path):
    async def body(daemon):
        async with Station.connect(daemon) as station:
            daemon.process.send_signal(signal.SIGTERM)
            code, _ = await station.closed()
            assert code == 1001

    daemon = Daemon(tmp_path, TAGS)
    daemon.start()
    run(body(daemon))
    assert daemon.wait() == 0


def test_drain_waits_for_a_call_under_way(tmp_path):
    async def body(daemon):
        async with Station.connect(daemon) as station:
            asked, answer = asyncio.Event(), asyncio.Event()

            async def slow(_):
                asked.set()
                await answer.wait()
                return {"configurationKey": [], "unknownKey": []}

            station.on_call = {"GetConfiguration": slow}
            command = asyncio.ensure_future(daemon.api_async(
                "POST", "/v1/stations/CP-1/commands/GetConfiguration", {}))
            await asyncio.wait_for(asked.wait(), DEADLINE_S)
            daemon.process.send_signal(signal.SIGTERM)
            await asyncio.get_running_loop().run_in_executor(None, daemon.log.wait, "daemon.draining")
            answer.set()
            status, _ = await asyncio.wait_for(command, DEADLINE_S)
            assert status == 200

    daemon = Daemon(tmp_path, TAGS)
    daemon.start()
    run(body(daemon))
    assert daemon.wait() == 0


def test_second_sigterm_does_not_wait(tmp_path):
    async def body(daemon):
        async with Station.connect(daemon) as station:
            asked = asyncio.Event()

            async def never(_):
                asked.set()
                await asyncio.Event().wait()

            station.on_call = {"GetConfiguration": never}
            command = asyncio.ensure_future(daemon.api_async(
                "POST", "/v1/stations/CP-1/commands/GetConfiguration", {}))
            await asyncio.wait_for(asked.wait(), DEADLINE_S)
            daemon.process.send_signal(signal.SIGTERM)
            await asyncio.get_running_loop().run_in_executor(None, daemon.log.wait, "daemon.draining")
            daemon.process.send_signal(signal.SIGTERM)
            status, _ = await asyncio.wait_for(command, DEADLINE_S)
            assert status in (409, 503)

    daemon = Daemon(tmp_path, TAGS, drain_timeout="600s")
    daemon.start()
    run(body(daemon))
    assert daemon.wait() == 0


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_listeners_of_both_families(tmp_path, address):
    if address == "::1" and not os.path.exists("/proc/net/if_inet6"):
        pytest.skip("no IPv6 on this machine")

    async def body(daemon):
        found = daemon.log.events("listener.opened")[0]["address"]
        async with Station.connect(daemon, url=f"ws://{found}/ocpp/CP-1") as station:
            assert "currentTime" in await station.call("Heartbeat", {})

    daemon = Daemon(tmp_path, TAGS)
    daemon.settings["listeners"][0]["address"] = address
    daemon.write_config()
    with daemon:
        run(body(daemon))


def test_silent_connection_is_given_up(tmp_path):
    with Daemon(tmp_path, {"ocpp16_core": {"heartbeat_interval": "10s"}, **TAGS},
                ping_interval="1s", idle_floor="3s") as daemon:
        with raw_connection(daemon) as connection:
            connection.sendall(upgrade_request("/ocpp/CP-1", "Sec-WebSocket-Protocol: ocpp1.6"))
            with contextlib.suppress(ConnectionError):
                while connection.recv(4096):
                    pass
        assert daemon.log.wait("station.disconnected")["reason"] == "idle"


def test_station_that_answers_pings_stays(tmp_path):
    async def body(daemon):
        async with Station.connect(daemon) as station:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(station.socket.wait_closed(), 5)
            assert "currentTime" in await station.call("Heartbeat", {})

    with Daemon(tmp_path, {"ocpp16_core": {"heartbeat_interval": "10s"}, **TAGS},
                ping_interval="1s", idle_floor="3s") as daemon:
        run(body(daemon))


def test_locked_database_stops_acknowledgements_and_recovers(tmp_path):
    async def body(daemon, database):
        async with Station.connect(daemon) as station:
            database.execute("BEGIN IMMEDIATE")
            with pytest.raises(CallError) as raised:
                await station.start(meter=1)
            assert raised.value.code == "InternalError"
            # What needs no storage goes on, and health tells.
            assert "currentTime" in await station.call("Heartbeat", {})
            status, health = await daemon.api_async("GET", "/v1/health")
            assert health["status"] != "ok", health
            assert status == 503
            database.execute("ROLLBACK")
            # The station repeats what was refused, as the protocol has it.
            for _ in range(100):
                with contextlib.suppress(CallError):
                    await station.start(meter=1)
                    break
                await asyncio.sleep(0.1)
            else:
                raise AssertionError("storage did not recover")
            for _ in range(100):
                status, health = await daemon.api_async("GET", "/v1/health")
                if health["status"] == "ok":
                    break
                await asyncio.sleep(0.1)
            assert health["status"] == "ok"

    with Daemon(tmp_path, {"storage_sqlite": {"busy_timeout": "200ms"}, **TAGS}) as daemon:
        database = sqlite3.connect(tmp_path / "ocppd.db", isolation_level=None)
        run(body(daemon, database))
        database.close()
        _, page = daemon.api("GET", "/v1/transactions")
        assert len(page["items"]) == 1


def test_newer_database_is_refused(tmp_path):
    with Daemon(tmp_path, TAGS):
        pass
    database = sqlite3.connect(tmp_path / "ocppd.db")
    database.execute("update ocppd_migrations set version = version + 100, module_version = '9.9.9' "
                     "where module = 'transactions'")
    database.commit()
    database.close()
    daemon = Daemon(tmp_path, TAGS)
    daemon.launch()
    assert daemon.wait() == 1
    assert "transactions" in daemon.log.text() and "9.9.9" in daemon.log.text()
    daemon.process = None


def test_corrupt_database_is_refused_with_the_remedy(tmp_path):
    (tmp_path / "ocppd.db").write_bytes(b"this is no database " * 1000)
    daemon = Daemon(tmp_path, TAGS)
    daemon.launch()
    assert daemon.wait() == 1
    assert "ocppd.db" in daemon.log.text()
    daemon.process = None


def test_second_daemon_on_one_database_is_refused(tmp_path):
    (tmp_path / "other").mkdir()
    with Daemon(tmp_path, TAGS) as first:
        second = Daemon(tmp_path / "other", {
            "storage_sqlite": {"path": str(tmp_path / "ocppd.db")}, **TAGS})
        second.launch()
        assert second.wait() == 1
        assert str(first.process.pid) in second.log.text()
        second.process = None


def test_unknown_stations_can_be_seen_and_provisioned(tmp_path):
    async def attempt(daemon):
        with pytest.raises(Exception):
            async with Station.connect(daemon, "NEW-1"):
                pass

    async def works(daemon):
        async with Station.connect(daemon, "NEW-1") as station:
            assert "currentTime" in await station.call("Heartbeat", {})

    with Daemon(tmp_path, {"stations": {"unknown": "reject"}, **TAGS}) as daemon:
        run(attempt(daemon))
        daemon.log.wait("station.unknown")
        _, page = daemon.api("GET", "/v1/unknown-stations")
        assert [item["stationId"] for item in page["items"]] == ["NEW-1"]
        status, _ = daemon.api("PUT", "/v1/stations/NEW-1", {"registrationStatus": "Accepted"})
        assert status in (200, 201)
        run(works(daemon))


def test_pending_station_is_told_to_wait(tmp_path):
    async def body(daemon):
        async with Station.connect(daemon, "NEW-1", boot=False) as station:
            booted = await station.boot()
            assert booted["status"] == "Pending"
            with pytest.raises(CallError) as raised:
                await station.start()
            assert raised.value.code == "SecurityError"
            # Not while Pending: RemoteStartTransaction is never sent.
            status, _ = await daemon.api_async(
                "POST", "/v1/stations/NEW-1/commands/RemoteStartTransaction", {"idTag": "TAG-1"})
            assert status == 409
            assert station.calls == []

    with Daemon(tmp_path, {"stations": {"unknown": "pending"}, **TAGS}) as daemon:
        run(body(daemon))


def test_log_of_a_daemon_is_logfmt(tmp_path):
    with Daemon(tmp_path, TAGS) as daemon:
        pass
    for line in daemon.log.lines:
        assert line.startswith("ts=") and " ev=" in line and " lvl=" in line, line
