# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Health: what is degraded or failed is named, and over when it is over. Storage that is stuck
stands in test_service.py, certificates in test_tls.py, the clock's jumps in unit/test_http_health.c."""

import asyncio
import contextlib
import sqlite3
import time

from harness import DEADLINE_S, CallError, Daemon, Station, run


async def check_of(daemon, name):
    status, body = await daemon.api_async("GET", "/v1/health")
    found = {check["name"]: check for check in body["checks"]}
    return status, body, found[name]


async def wait_for(daemon, name, level):
    end = time.monotonic() + DEADLINE_S
    while True:
        status, body, check = await check_of(daemon, name)
        if check["status"] == level:
            return status, body, check
        assert time.monotonic() < end, body
        await asyncio.sleep(0.02)


def test_disk_nearly_full_is_degraded(tmp_path):
    with Daemon(tmp_path, {"storage_sqlite": {"min_free": "1000TiB"}}) as daemon:
        status, body, check = run(wait_for(daemon, "storage", "degraded"))
        assert (status, body["status"], body["ready"]) == (200, "degraded", True)
        assert "MiB are free on the disk" in check["detail"]


def test_long_queue_is_degraded_until_it_is_short(tmp_path):
    async def body(daemon, database):
        async with contextlib.AsyncExitStack() as stack:
            stations = [await stack.enter_async_context(Station.connect(daemon, f"CP-{i}"))
                        for i in range(8)]
            status, _, check = await check_of(daemon, "storage_queue")
            assert (status, check["status"]) == (200, "ok")
            database.execute("BEGIN IMMEDIATE")
            waiting = [await station.send("StatusNotification", {
                "connectorId": 1, "errorCode": "NoError", "status": "Available"})
                for station in stations]
            status, health, check = await wait_for(daemon, "storage_queue", "degraded")
            assert (status, health["status"]) == (200, "degraded")
            assert "units of work that wait take" in check["detail"]
            assert not any(answer.done() for answer in waiting)
            database.execute("ROLLBACK")
            for answer in waiting:
                with contextlib.suppress(CallError):
                    await asyncio.wait_for(answer, DEADLINE_S)
            status, health, _ = await wait_for(daemon, "storage_queue", "ok")
            assert status == 200

    storage = {"queue": 12, "queue_warn": 50, "queue_warn_time": "50ms", "busy_timeout": "60s"}
    with Daemon(tmp_path, {"storage_sqlite": storage}) as daemon:
        database = sqlite3.connect(tmp_path / "ocppd.db", isolation_level=None)
        run(body(daemon, database))
        database.close()
        assert daemon.log.events("storage.queue_long")
        assert daemon.log.events("storage.queue_short")


def test_without_a_share_the_queue_is_not_watched(tmp_path):
    with Daemon(tmp_path, {"storage_sqlite": {"queue_warn": 0}}) as daemon:
        names = {check["name"] for check in daemon.api("GET", "/v1/health")[1]["checks"]}
        assert "storage" in names and "storage_queue" not in names
