# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Bounds on what stations can make the daemon hold, each at its limit and one beyond."""

import asyncio
import contextlib
import os
import socket
import sqlite3
import time

from harness import DEADLINE_S, Daemon, Station, eventually, raw_request, run, upgrade_request

PROTOCOL = "Sec-WebSocket-Protocol: ocpp1.6"


def status_from(daemon, address, station_id):
    """The HTTP status that a handshake from this address of the loopback gets."""
    with socket.create_connection(("127.0.0.1", daemon.port), DEADLINE_S,
                                  source_address=(address, 0)) as connection:
        connection.settimeout(DEADLINE_S)
        connection.sendall(upgrade_request(f"/ocpp/{station_id}", PROTOCOL))
        received = b""
        while b"\r\n" not in received and (chunk := connection.recv(4096)):
            received += chunk
    return int(received.split(b" ", 2)[1])


def test_connections_of_one_address_are_bounded(tmp_path):
    async def session(daemon):
        loop = asyncio.get_running_loop()

        async def is_admitted(address):
            status = await loop.run_in_executor(None, status_from, daemon, address, "CP-NEXT")
            assert status in (101, 503)
            return status == 101

        async with contextlib.AsyncExitStack() as stack:
            for name in ("CP-1", "CP-2"):
                await stack.enter_async_context(Station.connect(daemon, name))
            last = await stack.enter_async_context(Station.connect(daemon, "CP-3"))
            assert not await is_admitted("127.0.0.1")
            refused = daemon.log.wait("station.refused", status=503)
            assert "max_connections_per_address" in refused.get("err", "") + refused.get("text", "")
            # Its neighbour is none of its business, and who is there stays.
            assert await is_admitted("127.0.0.2")
            assert "currentTime" in await last.call("Heartbeat", {})
        # Who left makes room.
        await eventually(lambda: is_admitted("127.0.0.1"))

    with Daemon(tmp_path, max_connections_per_address=3) as daemon:
        run(session(daemon))


def test_connections_beyond_the_rate_wait_and_get_in(tmp_path):
    async def session(daemon):
        began = time.monotonic()
        async with contextlib.AsyncExitStack() as stack:
            stations = await asyncio.gather(*(
                stack.enter_async_context(Station.connect(daemon, f"CP-{number}"))
                for number in range(6)))
            for station in stations:
                assert "currentTime" in await station.call("Heartbeat", {})
        return time.monotonic() - began

    with Daemon(tmp_path, accept_rate=5) as daemon:
        # One at once, five more at a fifth of a second each: whatever the machine, not faster.
        assert run(session(daemon)) >= 0.9


def test_errors_kept_of_a_station_are_bounded(tmp_path):
    async def session(daemon):
        async with Station.connect(daemon, "CP-1") as one, Station.connect(daemon, "CP-2") as two:
            for number in range(8):
                await one.call("StatusNotification", {
                    "connectorId": 1, "errorCode": "OtherError", "status": "Faulted",
                    "vendorErrorCode": f"E{number}"})
            await two.call("StatusNotification", {
                "connectorId": 1, "errorCode": "GroundFailure", "status": "Faulted"})

    with Daemon(tmp_path, {"stations": {"error_history": 5}}) as daemon:
        run(session(daemon))
        daemon.stop()
        with contextlib.closing(sqlite3.connect(tmp_path / "ocppd.db")) as database:
            rows = database.execute("SELECT station_id, vendor_error_code FROM stations_error "
                                    "ORDER BY error_id").fetchall()
    # The newest of the one, and what the other has is not counted in.
    assert rows == [("CP-1", f"E{number}") for number in range(3, 8)] + [("CP-2", None)]


def test_requests_that_are_no_handshake_hold_no_place(tmp_path):
    with Daemon(tmp_path, max_connections_per_address=2) as daemon:
        for number in range(20):
            answer = raw_request(daemon, upgrade_request(f"/nowhere/{number}", PROTOCOL))
            assert answer.startswith(b"HTTP/1.")

        async def session():
            async def is_in():
                with contextlib.suppress(Exception):
                    async with Station.connect(daemon, "CP-1"):
                        return True
                return False
            await eventually(is_in)
        run(session())


def test_few_descriptors_leave_half_to_stations(tmp_path, monkeypatch):
    """Without the right to raise the limit."""
    wrapper = "prlimit --nofile=200:200"
    if os.geteuid() == 0:
        wrapper += " setpriv --bounding-set=-sys_resource --inh-caps=-sys_resource"
    monkeypatch.setenv("OCPPD_WRAPPER", wrapper)

    async def session(daemon):
        async with contextlib.AsyncExitStack() as stack:
            for i in range(20):
                await stack.enter_async_context(Station.connect(daemon, f"CP-{i}"))

    with Daemon(tmp_path) as daemon:
        told = daemon.log.wait("descriptors.limited")
        assert (told["limit"], told["max_connections"]) == ("200", "100")
        run(session(daemon))
