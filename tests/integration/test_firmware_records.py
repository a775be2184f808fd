# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Jobs of firmware and diagnostics that outlive restarts and a storage that fails, a module that
comes and goes, and what is told of them: lists, ocppctl, events, metrics."""

import asyncio
import contextlib
import json
import sqlite3

import pytest
from firmware_bed import (DIAGNOSTICS, MODULE, ROLLOUTS, UPDATES, WHERE, at, boot, called, command,
                          daemon, events, fetch, module, newest, path_of, show, tell, tell_upload,
                          until, update)
from harness import CallError, Daemon, Follower, run

# ---- Restarts, storage -------------------------------------------------------------------------

@pytest.mark.parametrize("how", ["kill", "stop"])
def test_restart_in_the_middle(tmp_path, how):
    async def before(daemon):
        jobs = {}
        async with at(daemon, "CP-1") as one, at(daemon, "CP-2", update=lambda payload: None) as two, \
                at(daemon, "CP-3", diagnostics=lambda payload: None) as three, \
                at(daemon, "CP-5") as five:
            jobs["one"] = await until(daemon, await update(daemon, "CP-1", expectedVersion="2.0"),
                                      "Confirmed")
            await tell(one, "Downloading", "Downloaded", "Installing")
            jobs["two"] = await update(daemon, "CP-2")
            await called(two)
            asyncio.ensure_future(command(daemon, "CP-3", "GetDiagnostics", {"location": WHERE}))
            await called(three)
            jobs["four"] = await update(daemon, "CP-4", expires=600)
            jobs["five"] = await update(daemon, "CP-5", deadline=2)
            await called(five)
            await tell(five, "Downloading")
            jobs["three"] = await newest(daemon, DIAGNOSTICS, "CP-3")
            await asyncio.get_running_loop().run_in_executor(None, getattr(daemon, how))
        return jobs

    async def after(daemon, jobs):
        assert (await show(daemon, jobs["one"]))["state"] == "Installing"
        # Whether it got there is not known: it is sent again, but an operator's command is not.
        two = await show(daemon, jobs["two"])
        assert two["state"] == "Waiting"
        # A daemon that stops may or may not hear of the end of its connections any more.
        reasons = ["daemon ended"] if how == "kill" else ["daemon ended", "connection ended"]
        assert any(reason in two["reason"] for reason in reasons)
        assert (await show(daemon, jobs["three"]))["state"] == "Unconfirmed"
        await until(daemon, jobs["five"], "Expired")
        async with at(daemon, "CP-1", version="2.0"), at(daemon, "CP-2") as two, \
                at(daemon, "CP-3") as three, at(daemon, "CP-4"):
            await until(daemon, jobs["one"], "Verified")
            assert (await until(daemon, jobs["two"], "Confirmed"))["attempts"] == 2
            await until(daemon, jobs["four"], "Confirmed")
            await tell_upload(three, "Uploaded")
            await until(daemon, jobs["three"], "Uploaded")
            assert len(two.calls) == 1 and not three.calls

    daemon = Daemon(tmp_path, MODULE, connect_grace="0s", drain_timeout="1s")
    with daemon:
        assert daemon.api("PUT", "/v1/stations/CP-4", {"registrationStatus": "Accepted"})[0] < 300
        jobs = run(before(daemon))
    with daemon:
        run(after(daemon, jobs))


def test_storage_that_fails(tmp_path):
    async def session(daemon, database):
        async with at(daemon, "CP-1") as station, at(daemon, "CP-2") as other:
            job = await until(daemon, await update(daemon, "CP-1", expectedVersion="2.0"), "Confirmed")
            database.execute("BEGIN IMMEDIATE")
            # What cannot be recorded is not confirmed, so that the station repeats it.
            for peer, action in ((station, "FirmwareStatusNotification"),
                                 (other, "DiagnosticsStatusNotification")):
                with pytest.raises(CallError) as refused:
                    await peer.call(action, {"status": "Downloading" if peer is station else "Uploading"})
                assert refused.value.code == "InternalError"
            status, body = await daemon.api_async("POST", UPDATES,
                                                  {"stationId": "CP-2", "location": WHERE})
            assert status == 503, body
            # An operator's command goes out, and what is amiss is told.
            status, body = await command(daemon, "CP-2", "UpdateFirmware", {"location": WHERE})
            assert status == 200 and any("not followed" in text for text in body["warnings"]), body
            assert len(other.calls) == 1
            database.execute("ROLLBACK")
            for _ in range(600):
                with contextlib.suppress(CallError):
                    await tell(station, "Downloading")
                    await tell_upload(other, "Uploading")
                    break
                await asyncio.sleep(0.05)
            else:
                raise AssertionError("storage did not recover")
            body = await until(daemon, job, "Downloading")
            assert ("notified", "Downloading") in events(body)
            await tell(station, "Installed")
            await boot(station, "2.0")
            await until(daemon, job, "Verified")
            items = (await daemon.api_async("GET", "/v1/firmware/unasked"))[1]["items"]
            assert [item["status"] for item in items] == ["Uploading"]

    with Daemon(tmp_path, {**MODULE, "storage_sqlite": {"busy_timeout": "100ms"}},
                connect_grace="0s") as daemon:
        database = sqlite3.connect(tmp_path / "ocppd.db", isolation_level=None)
        run(session(daemon, database))
        database.close()


def test_nothing_is_sent_that_is_not_on_record(tmp_path):
    async def session(daemon, database):
        async with at(daemon, "CP-1"):
            pass
        job = await update(daemon, "CP-1")
        database.execute("BEGIN IMMEDIATE")
        async with at(daemon, "CP-1", version=None) as station:
            await asyncio.get_running_loop().run_in_executor(
                None, lambda: daemon.log.wait("job.changed", job=job["jobId"], state="Sending"))
            await asyncio.get_running_loop().run_in_executor(
                None, lambda: daemon.log.wait("job.changed", job=job["jobId"], state="Waiting",
                                              text="storage takes no writes"))
            assert not station.calls
            database.execute("ROLLBACK")
            body = await until(daemon, job, "Confirmed")
            assert body["attempts"] == 1 and len(station.calls) == 1

    with Daemon(tmp_path, {**MODULE, "storage_sqlite": {"busy_timeout": "100ms"}},
                connect_grace="0s") as daemon:
        database = sqlite3.connect(tmp_path / "ocppd.db", isolation_level=None)
        run(session(daemon, database))
        database.close()


def test_row_that_somebody_deleted(tmp_path):
    async def session(daemon, database):
        async with at(daemon, "CP-1") as station:
            await until(daemon, await update(daemon, "CP-1"), "Confirmed")
            database.execute("DELETE FROM ocpp16_firmware_management_job")
            with pytest.raises(CallError) as refused:
                await tell(station, "Downloading")
            assert refused.value.code == "InternalError"
            job = await until(daemon, await update(daemon, "CP-1"), "Confirmed")
            await tell(station, "Downloading")
            assert (await show(daemon, job))["state"] == "Downloading"

    with Daemon(tmp_path, MODULE, connect_grace="0s") as daemon:
        database = sqlite3.connect(tmp_path / "ocppd.db", isolation_level=None)
        run(session(daemon, database))
        database.close()


def test_windows_that_contradict(tmp_path):
    status, text = Daemon(tmp_path, module(retention="1h", late_window="2h")).check()
    assert status != 0 and "late_window" in text and "retention" in text


def test_deadline_while_storage_is_out_is_stored_later(tmp_path):
    async def session(daemon, database):
        async with at(daemon, "CP-1"):
            job = await until(daemon, await update(daemon, "CP-1", deadline=5), "Confirmed")
            database.execute("BEGIN IMMEDIATE")
            await asyncio.get_running_loop().run_in_executor(
                None, lambda: daemon.log.wait("job.changed", job=job["jobId"], state="Silent"))
            await asyncio.get_running_loop().run_in_executor(
                None, lambda: daemon.log.wait("job.unstored"))
            assert (await show(daemon, job))["state"] == "Confirmed"
            database.execute("ROLLBACK")
            body = await until(daemon, job, "Silent")
            assert [event for event, _ in events(body)] == ["sending", "confirmed", "deadline"]

    with Daemon(tmp_path, {**MODULE, "storage_sqlite": {"busy_timeout": "100ms"}},
                connect_grace="0s") as daemon:
        database = sqlite3.connect(tmp_path / "ocppd.db", isolation_level=None)
        run(session(daemon, database))
        database.close()


def test_left_out(tmp_path):
    async def session(daemon):
        async with at(daemon, "CP-1") as station:
            for action, body in (("UpdateFirmware", {"location": WHERE, "retrieveDate": "2026-01-01T00:00:00Z"}),
                                 ("GetDiagnostics", {"location": WHERE})):
                assert (await command(daemon, "CP-1", action, body))[0] == 501
                with pytest.raises(CallError) as refused:
                    await station.call(action, body)
                assert refused.value.code == "NotSupported"
            # Quirk C11: stations repeat what is refused.
            await tell(station, "Installed")
            await tell_upload(station, "Uploaded")
            for path in (UPDATES, DIAGNOSTICS, ROLLOUTS):
                assert (await daemon.api_async("GET", path))[0] == 404
            started = await station.start("TAG-1")
            assert started["idTagInfo"]["status"] == "Accepted" and not station.calls
    with Daemon(tmp_path, {"id_tags": {"unknown_tags": "accept"}}) as daemon:
        run(session(daemon))


def test_module_leaves_and_returns(tmp_path):
    async def reload(daemon):
        daemon.write_config()
        status, body = await daemon.api_async("POST", "/v1/reload")
        assert status == 200, body

    async def session(daemon):
        async with at(daemon, "CP-1") as station, at(daemon, "CP-2", update=lambda payload: None) as two:
            job = await until(daemon, await update(daemon, "CP-1", expectedVersion="2.0"), "Confirmed")
            cut = await update(daemon, "CP-2")
            await called(two)
            del daemon.settings["plugins"]["ocpp16_firmware_management"]
            await reload(daemon)
            await tell(station, "Downloading")
            assert (await command(daemon, "CP-1", "UpdateFirmware",
                                  {"location": WHERE, "retrieveDate": "2026-01-01T00:00:00Z"}))[0] == 501
            two.on_call["UpdateFirmware"] = lambda payload: {}
            daemon.settings["plugins"].update(MODULE)
            await reload(daemon)
            assert (await show(daemon, job))["state"] == "Confirmed"
            await tell(station, "Installing")
            await boot(station, "2.0")
            await until(daemon, job, "Verified")
            assert (await until(daemon, cut, "Confirmed"))["attempts"] == 2
    with Daemon(tmp_path, MODULE, connect_grace="0s", call_timeout="3s") as daemon:
        run(session(daemon))


def test_what_is_over_is_forgotten_in_time(tmp_path):
    daemon = Daemon(tmp_path, module(retention="1h", late_window="1h"), connect_grace="0s")

    async def session():
        async with at(daemon, "CP-1") as station:
            job = await until(daemon, await update(daemon, "CP-1"), "Confirmed")
            await tell(station, "DownloadFailed")
            kept = await until(daemon, await update(daemon, "CP-1"), "Confirmed")
        return job, kept

    with daemon:
        job, kept = run(session())
    database = sqlite3.connect(tmp_path / "ocppd.db")
    database.execute("UPDATE ocpp16_firmware_management_job SET ended_us = ended_us - 3601000000")
    database.commit()
    database.close()
    with daemon:
        daemon.log.wait("jobs.forgotten")
        assert daemon.api("GET", path_of(job))[0] == 404
        assert daemon.api("GET", path_of(kept))[0] == 200
    database = sqlite3.connect(tmp_path / "ocppd.db")
    rows = database.execute("SELECT DISTINCT job_id FROM ocpp16_firmware_management_story").fetchall()
    database.close()
    assert rows == [(kept["jobId"],)]


# ---- Lists, ocppctl, events, metrics -----------------------------------------------------------

def test_lists_and_ctl(daemon):
    async def session():
        async with at(daemon, "CP-LIST") as station:
            jobs = [await until(daemon, await update(daemon, "CP-LIST"), "Confirmed") for _ in range(3)]
            await tell(station, "DownloadFailed")
            await until(daemon, await fetch(daemon, "CP-LIST"), "Confirmed")
        return jobs

    jobs = run(session())
    listed = daemon.api("GET", f"{UPDATES}?stationId=CP-LIST")[1]["items"]
    assert [item["jobId"] for item in listed] == [job["jobId"] for job in reversed(jobs)]
    assert [item["state"] for item in listed] == ["Failed", "Superseded", "Superseded"]
    for query, count in (("state=Failed", 1), ("active=true", 0), ("active=false", 3), ("rolloutId=77", 0)):
        assert len(daemon.api("GET", f"{UPDATES}?stationId=CP-LIST&{query}")[1]["items"]) == count
    page = daemon.api("GET", f"{UPDATES}?stationId=CP-LIST&limit=2")[1]
    rest = daemon.api("GET", f"{UPDATES}?stationId=CP-LIST&limit=2&after={page['next']}")[1]
    assert page["items"] + rest["items"] == listed and "next" not in rest
    assert daemon.api("GET", f"{UPDATES}?after=x")[0] == 400

    status, out, err = daemon.ctl("firmware", "updates", "--stationId", "CP-LIST")
    assert status == 0 and out.count("CP-LIST") == 3 and "DownloadFailed" in out, err
    status, out, err = daemon.ctl("--json", "firmware", "show", str(jobs[2]["jobId"]))
    assert status == 0 and json.loads(out)["history"][-1]["text"] == "DownloadFailed", err
    status, out, err = daemon.ctl("--json", "firmware", "update", "CP-LIST", "--location", WHERE)
    assert status == 0, err
    job_id = str(json.loads(out)["jobId"])
    assert daemon.ctl("firmware", "cancel", job_id)[0] == 0
    assert daemon.ctl("firmware", "cancel", job_id)[0] != 0
    assert daemon.ctl("diagnostics", "get", "CP-LIST", "--location", WHERE)[0] == 0
    status, out, err = daemon.ctl("diagnostics", "--stationId", "CP-LIST")
    assert status == 0 and "log.txt" in out and "Waiting" in out, err
    job_id = str(daemon.api("GET", f"{DIAGNOSTICS}?stationId=CP-LIST")[1]["items"][0]["jobId"])
    assert daemon.ctl("diagnostics", "show", job_id)[0] == 0
    assert daemon.ctl("diagnostics", "cancel", job_id)[0] == 0
    status, out, err = daemon.ctl("firmware", "versions", "--stationId", "CP-LIST")
    assert status == 0 and "1.0" in out, err
    assert daemon.ctl("firmware", "unasked")[0] == 0


def test_events_and_metrics(tmp_path):
    async def session(daemon):
        async with at(daemon, "CP-1") as station:
            job = await until(daemon, await update(daemon, "CP-1", expectedVersion="2.0"), "Confirmed")
            await tell(station, "Downloading")
            await boot(station, "2.0")
            await until(daemon, job, "Verified")
            await tell_upload(station, "Idle")

    with Daemon(tmp_path, {**MODULE, "metrics": {}}, connect_grace="0s") as daemon:
        changed = Follower(daemon, "?types=firmware.changed")
        others = Follower(daemon, "?types=firmware.unasked,firmware.version")
        run(session(daemon))
        states = []
        while not states or states[-1] != "Verified":
            body = changed.next_body()
            if not states or states[-1] != body["state"]:
                states.append(body["state"])
        assert states[-4:] == ["Sending", "Confirmed", "Downloading", "Verified"], states
        assert others.next_body()["firmwareVersion"] == "1.0"
        assert others.next_body() == {"stationId": "CP-1", "firmwareVersion": "2.0", "previousVersion": "1.0"}
        assert others.next_body()["status"] == "Idle"
        changed.close()
        others.close()
        status, text, err = daemon.ctl("metrics")
        assert status == 0, err
        assert 'ocppd_firmware_jobs_total{kind="firmware",outcome="Verified"} 1' in text, text
        assert 'ocppd_firmware_jobs_active{kind="firmware"} 0' in text
        assert ('ocppd_firmware_notifications_total{kind="firmware",status="Downloading",job="job"} 1'
                in text)
        assert ('ocppd_firmware_notifications_total{kind="diagnostics",status="Idle",job="none"} 1'
                in text)
