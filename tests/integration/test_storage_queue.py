# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""More waits for the disk than may: stations are refused and repeat, no answer is lost, and nothing
is confirmed that is not on disk."""

import asyncio
import contextlib
import os
import sqlite3

import pytest
from harness import DEADLINE_S, Daemon, Station, now, run

STORAGE = {"queue_size": "1MiB", "busy_timeout": "60s"}
COUNT = 30


@contextlib.contextmanager
def stuck_disk(daemon):
    """Another process's lock: the writer waits, and everything behind it."""
    with contextlib.closing(sqlite3.connect(daemon.folder + "/ocppd.db", isolation_level=None)) as base:
        base.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            base.execute("ROLLBACK")


def readings(place):
    """A message whose unit takes a good part of the smallest queue_size, whatever is packed."""
    return {"connectorId": place, "meterValue": [{"timestamp": now(), "sampledValue": [
        {"value": os.urandom(400).hex(), "format": "SignedData"} for _ in range(100)]}]}


def stored(daemon):
    """Which stations' readings are on disk."""
    with contextlib.closing(sqlite3.connect(f"file:{daemon.folder}/ocppd.db?mode=ro", uri=True)) as base:
        return sorted(row[0] for row in base.execute("SELECT station_id FROM transactions_unmatched"))


async def answer(future):
    return await asyncio.wait_for(asyncio.shield(future), 2 * DEADLINE_S)


async def fill(daemon, stations):
    """One message of each until one is refused; the answers to come, by station."""
    futures = {}
    for i, station in enumerate(stations):
        futures[f"CP-{i:02}"] = await station.send("MeterValues", readings(1))
    # Refusals come at once, all others only with the commit.
    done, _ = await asyncio.wait(futures.values(), timeout=DEADLINE_S, return_when=asyncio.FIRST_COMPLETED)
    assert done
    return futures


@pytest.mark.parametrize("warn", [50, 0])
def test_a_full_queue_refuses_and_loses_nothing(tmp_path, warn):
    async def session(daemon):
        async with contextlib.AsyncExitStack() as stack:
            stations = [await stack.enter_async_context(Station.connect(daemon, f"CP-{i:02}"))
                        for i in range(COUNT)]
            with stuck_disk(daemon):
                futures = await fill(daemon, stations)
                said = daemon.log.wait("storage.queue_full", lvl="error")["text"]
                assert "queue_size: 1048576" in said and "does not keep up" in said
                status, health = await daemon.api_async("GET", "/v1/health")
                checks = {check["name"]: check for check in health["checks"]}
                if warn:
                    assert checks["storage_queue"]["status"] == "degraded"
                    assert "queue_size" in checks["storage_queue"]["detail"]
                # A start is refused like everything that must be stored: the station keeps it.
                start = {"connectorId": 2, "idTag": "TAG-1", "meterStart": 0, "timestamp": now()}
                refused = {name: future for name, future in futures.items() if future.done()}
                number = int(sorted(refused)[0].split("-")[1])
                frame = await answer(await stations[number].send("StartTransaction", start))
                assert frame[0] == 4 and frame[2] == "InternalError", frame
                # What needs no disk is answered as ever.
                assert "currentTime" in await stations[number].call("Heartbeat", {})
                # Nothing was confirmed.
                for future in refused.values():
                    assert future.result()[0] == 4 and future.result()[2] == "InternalError"
                assert stored(daemon) == []
            # The disk is back: whoever waited has its answer, and what it says is true.
            frames = {name: await answer(future) for name, future in futures.items()}
            confirmed = sorted(name for name, frame in frames.items() if frame[0] == 3)
            assert confirmed and len(confirmed) < COUNT
            assert stored(daemon) == confirmed
            freed = daemon.log.wait("storage.queue_freed")
            assert int(freed["refused"]) >= COUNT - len(confirmed)
            assert len(daemon.log.events("storage.queue_full")) == 1
            # And what was refused is taken when it is repeated.
            for name in sorted(set(frames) - set(confirmed)):
                await stations[int(name.split("-")[1])].call("MeterValues", readings(1))
            assert (await stations[number].call("StartTransaction", start))["transactionId"] > 0
            assert stored(daemon) == sorted(frames)
    with Daemon(tmp_path, {"storage_sqlite": {**STORAGE, "queue_warn": warn},
                           "id_tags": {"tags": [{"id": "TAG-1"}]}}, max_message="1MiB") as daemon:
        run(session(daemon))


def test_a_power_cut_while_the_queue_is_full_takes_nothing_that_was_confirmed(tmp_path):
    async def session(daemon):
        async with contextlib.AsyncExitStack() as stack:
            stations = [await stack.enter_async_context(Station.connect(daemon, f"CP-{i:02}"))
                        for i in range(COUNT)]
            await stations[0].call("MeterValues", readings(2))
            with stuck_disk(daemon):
                futures = await fill(daemon, stations)
                await asyncio.get_running_loop().run_in_executor(None, daemon.kill)
            await asyncio.wait(futures.values(), timeout=DEADLINE_S)
            # Each was refused, or heard nothing: it repeats in both cases.
            for future in futures.values():
                assert future.exception() is not None or future.result()[0] == 4
    daemon = Daemon(tmp_path, {"storage_sqlite": STORAGE}, max_message="1MiB").start()
    try:
        run(session(daemon))
        daemon.start()
        assert stored(daemon) == ["CP-00"]
    finally:
        assert daemon.stop() in (0, None)
