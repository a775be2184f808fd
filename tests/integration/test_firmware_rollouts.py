# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Rollouts: updates of many stations, some at a time."""

import asyncio
import contextlib
import json
import sqlite3

from firmware_bed import (MODULE, ROLLOUTS, WHERE, at, boot, called, daemon, jobs_of, module, post,
                          rollout_until, show, tell, until)
from harness import Daemon, run


def test_rollout_takes_some_at_a_time(daemon):
    async def session():
        async with contextlib.AsyncExitStack() as stack:
            stations = {}
            for i in range(5):
                station_id = f"CP-R{i}"
                status, _ = await daemon.api_async("PUT", f"/v1/stations/{station_id}", {
                    "registrationStatus": "Accepted", "labels": {"depot": "north"}})
                assert status < 300
                if i < 4:  # one is away
                    stations[station_id] = await stack.enter_async_context(at(daemon, station_id))
            rollout = await post(daemon, ROLLOUTS, {
                "select": ["label=depot=north"], "location": WHERE, "expectedVersion": "2.0",
                "parallel": 2, "expires": 600})
            assert (rollout["total"], rollout["state"]) == (5, "Running")
            done = set()
            while len(done) < 4:
                out = [job for job in await jobs_of(daemon, rollout, active="true")
                       if job["state"] != "Waiting"]
                assert len(out) <= 2, out
                for job in out:
                    if job["state"] == "Confirmed":
                        station = stations[job["stationId"]]
                        await tell(station, "Downloading")
                        await boot(station, "2.0")
                        done.add(job["stationId"])
                await asyncio.sleep(0.02)
            body = await rollout_until(daemon, rollout, "Running")
            assert body["jobs"] == {"Verified": 4, "Waiting": 1} and "ended" not in body
            async with at(daemon, "CP-R4") as late:
                await called(late)
                await tell(late, "InstallationFailed")
                body = await rollout_until(daemon, rollout, "Finished")
            assert body["jobs"] == {"Failed": 1, "Verified": 4} and body["ended"]
            assert all(len(station.calls) == 1 for station in stations.values())
    run(session())


def test_rollout_stops_when_too_many_fail(daemon):
    async def session():
        async with contextlib.AsyncExitStack() as stack:
            names = [f"CP-S{i}" for i in range(4)]
            stations = [await stack.enter_async_context(at(daemon, name)) for name in names]
            for station in stations:
                del station.on_call["UpdateFirmware"]
            rollout = await post(daemon, ROLLOUTS, {
                "stations": names + names, "location": WHERE, "parallel": 1, "maxFailures": 1})
            body = await rollout_until(daemon, rollout, "Stopped")
            assert body["total"] == 4 and body["jobs"] == {"Cancelled": 2, "Failed": 2}, body
            assert "2 failed" in body["reason"]
            assert sum(len(station.calls) for station in stations) == 2
            cancelled = await jobs_of(daemon, rollout, state="Cancelled")
            assert all("rollout stopped" in job["reason"] for job in cancelled)
            assert (await daemon.api_async("DELETE", f"{ROLLOUTS}/{rollout['rolloutId']}"))[0] == 409
    run(session())


def test_rollout_is_cancelled(daemon):
    async def session():
        async with at(daemon, "CP-X0") as one, at(daemon, "CP-X1") as two:
            rollout = await post(daemon, ROLLOUTS, {
                "stations": ["CP-X0", "CP-X1"], "location": WHERE, "parallel": 1})
            while not one.calls and not two.calls:
                await asyncio.sleep(0.02)
            await until(daemon, (await jobs_of(daemon, rollout))[-1], "Confirmed", "Waiting")
            status, body = await daemon.api_async("DELETE", f"{ROLLOUTS}/{rollout['rolloutId']}")
            assert (status, body["state"]) == (200, "Cancelled"), body
            assert body["jobs"].get("Cancelled") == 1 and sum(body["jobs"].values()) == 2
            assert len(one.calls) + len(two.calls) == 1
        assert daemon.ctl("firmware", "rollouts")[0] == 0
        assert daemon.ctl("firmware", "rollouts", "show", str(rollout["rolloutId"]))[0] == 0
        assert (await daemon.api_async("GET", f"{ROLLOUTS}/999999"))[0] == 404
        assert (await daemon.api_async("DELETE", f"{ROLLOUTS}/999999"))[0] == 404
    run(session())


def test_rollout_that_ends_asks_nobody_again(tmp_path):
    async def session(daemon):
        async with at(daemon, "CP-0", update=lambda payload: None) as one, at(daemon, "CP-1") as two:
            rollout = await post(daemon, ROLLOUTS, {
                "stations": ["CP-0", "CP-1"], "location": WHERE, "parallel": 1})
            await called(one)
            # It may have got it: nobody else's turn comes meanwhile.
            job = await until(daemon, (await jobs_of(daemon, rollout))[-1], "Waiting")
            assert job["attempts"] == 1 and not two.calls
            status, body = await daemon.api_async("DELETE", f"{ROLLOUTS}/{rollout['rolloutId']}")
            assert (status, body["jobs"]) == (200, {"Cancelled": 1, "Unconfirmed": 1}), body
            await tell(one, "Downloading")
            assert (await show(daemon, job))["state"] == "Downloading"
            assert len(one.calls) == 1 and not two.calls
    with Daemon(tmp_path, module(retry_interval="1h"), connect_grace="0s", call_timeout="1s") as daemon:
        run(session(daemon))


def test_rollout_goes_on_after_a_restart(tmp_path):
    daemon = Daemon(tmp_path, MODULE, connect_grace="0s")

    async def before():
        async with at(daemon, "CP-0") as one:
            rollout = await post(daemon, ROLLOUTS, {
                "select": ["all"], "location": WHERE, "parallel": 1, "expires": 600,
                "expectedVersion": "2.0", "maxFailures": 0})
            await called(one)
            await until(daemon, (await jobs_of(daemon, rollout, state="Confirmed"))[0]
                        if await jobs_of(daemon, rollout, state="Confirmed")
                        else (await jobs_of(daemon, rollout))[-1], "Confirmed")
            await asyncio.get_running_loop().run_in_executor(None, daemon.kill)
        return rollout

    async def after(rollout):
        async with at(daemon, "CP-1") as two:
            # The first is still at it, so nobody else's turn has come.
            body = await rollout_until(daemon, rollout, "Running")
            assert body["jobs"] == {"Confirmed": 1, "Waiting": 1}
            async with at(daemon, "CP-0", version="2.0"):
                await called(two)
                await boot(two, "2.0")
                body = await rollout_until(daemon, rollout, "Finished")
                assert body["jobs"] == {"Verified": 2}

    with daemon:
        for name in ("CP-0", "CP-1"):
            assert daemon.api("PUT", f"/v1/stations/{name}", {"registrationStatus": "Accepted"})[0] < 300
        rollout = run(before())
    database = sqlite3.connect(tmp_path / "ocppd.db")
    # One whose making was cut off sends nothing.
    database.execute("INSERT INTO ocpp16_firmware_management_rollout (state, parallel, max_failures, "
                     "total, created_us, expires_us) VALUES ('Making', 1, 1, 5, 1, 2)")
    database.commit()
    database.close()
    with daemon:
        run(after(rollout))
        broken = daemon.api("GET", ROLLOUTS)[1]["items"][0]
        assert broken["state"] == "Cancelled" and "daemon ended" in broken["reason"]


def test_rollout_bounds(tmp_path):
    with Daemon(tmp_path, module(rollouts=1, rollout_stations=2)) as daemon:
        names = ["CP-0", "CP-1", "CP-2"]
        for name in names:
            assert daemon.api("PUT", f"/v1/stations/{name}", {"registrationStatus": "Accepted"})[0] < 300
        assert daemon.api("POST", ROLLOUTS, {"stations": names, "location": WHERE})[0] == 413
        assert daemon.api("POST", ROLLOUTS, {"select": ["all"], "location": WHERE})[0] == 413
        status, body = daemon.api("POST", ROLLOUTS, {"stations": names[:2], "location": WHERE})
        assert status == 202, body
        assert daemon.api("POST", ROLLOUTS, {"stations": names[:1], "location": WHERE})[0] == 503
        status, _, err = daemon.ctl("firmware", "rollouts", "cancel", str(body["rolloutId"]))
        assert status == 0, err
        status, out, err = daemon.ctl("--json", "firmware", "rollout", "--stations", "CP-0",
                                      "--location", WHERE, "--parallel", "1")
        assert status == 0 and json.loads(out)["total"] == 1, err
