# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Firmware updates and diagnostics at typed locations: what is sent, and every answer and every
notification of a station. With hosted files: test_firmware_files.py."""

import asyncio
import json

import pytest
from firmware_bed import (DIAGNOSTICS, ROLLOUTS, UPDATES, WHERE, at, boot, called, command, daemon,
                          events, fetch, module, newest, path_of, show, tell, tell_upload, until,
                          update)
from harness import CallError, Daemon, run

# ---- What is sent ------------------------------------------------------------------------------

def test_update_is_sent_exactly_as_it_was_asked_for(daemon):
    async def session():
        async with at(daemon, "CP-EXACT") as station:
            job = await update(daemon, "CP-EXACT", retries=4, retryInterval=90,
                               retrieveDate="2026-05-01T12:30:00+02:00")
            assert (await called(station))[2:] == ["UpdateFirmware", {
                "location": WHERE, "retries": 4, "retrieveDate": "2026-05-01T10:30:00.000Z",
                "retryInterval": 90}]
            body = await until(daemon, job, "Confirmed")
            assert (body["attempts"], body["active"], body["versionBefore"]) == (1, True, "1.0")
            assert body["deadline"] > body["confirmed"]
            assert events(body) == [("sending", None), ("confirmed", None)]
            await update(daemon, "CP-EXACT")
            payload = (await called(station, 2))[3]
            assert sorted(payload) == ["location", "retrieveDate"]
    run(session())


def test_diagnostics_are_asked_for_exactly(daemon):
    async def session():
        async with at(daemon, "CP-DEXACT") as station:
            job = await fetch(daemon, "CP-DEXACT", retries=0, retryInterval=5,
                              startTime="2026-01-01T00:00:00Z", stopTime="2026-01-02T00:00:00.5Z")
            assert (await called(station))[2:] == ["GetDiagnostics", {
                "location": "ftp://files.example.org/logs/", "retries": 0, "retryInterval": 5,
                "startTime": "2026-01-01T00:00:00.000Z", "stopTime": "2026-01-02T00:00:00.500Z"}]
            assert (await until(daemon, job, "Confirmed"))["fileName"] == "log.txt"
            await fetch(daemon, "CP-DEXACT")
            assert (await called(station, 2))[3] == {"location": "ftp://files.example.org/logs/"}
    run(session())


def test_commands_make_jobs_and_go_out_as_given(daemon):
    async def session():
        async with at(daemon, "CP-CMD") as station:
            payload = {"retryInterval": 7, "location": "http://u:secret@h/x",
                       "retrieveDate": "2026-05-01T12:30:00+02:00", "retries": 1}
            status, body = await command(daemon, "CP-CMD", "UpdateFirmware", payload)
            assert (status, body) == (200, {"result": "confirmed", "response": {}})
            assert list(station.calls[0][3].items()) == list(payload.items())
            job = await newest(daemon, UPDATES, "CP-CMD")
            assert (job["state"], job["location"], job["retries"]) == ("Confirmed", "http://u:***@h/x", 1)
            assert job["requester"].startswith("uid:")
            status, body = await command(daemon, "CP-CMD", "GetDiagnostics", {"location": "sftp://h/d/"})
            assert (status, body["response"]) == (200, {"fileName": "log.txt"})
            assert (await newest(daemon, DIAGNOSTICS, "CP-CMD"))["fileName"] == "log.txt"
            frames = (await daemon.api_async("GET", "/v1/stations/CP-CMD/messages"))[1]
            assert "secret" not in json.dumps(frames) and "u:***@h" in json.dumps(frames)
            # Of the members that must be there, the daemon fills in what it can.
            status, _ = await command(daemon, "CP-CMD", "UpdateFirmware", {"location": WHERE})
            assert status == 200 and station.calls[-1][3]["retrieveDate"].endswith("Z")
            status, body = await command(daemon, "CP-CMD", "GetDiagnostics", {})
            assert status == 422 and "no loaded module hosts files" in body["detail"]
            status, body = await command(daemon, "CP-CMD", "UpdateFirmware", {})
            assert status == 400 and "location" in body["detail"]
    run(session())


WARNED = [
    ("UpdateFirmware", {"location": WHERE, "retries": -1}, "retries"),
    ("UpdateFirmware", {"location": WHERE, "retryInterval": -1}, "retryInterval"),
    ("UpdateFirmware", {"location": "gopher://h/x"}, "SupportedFileTransferProtocols"),
    ("GetDiagnostics", {"location": "http://h/x", "startTime": "2026-01-02T00:00:00Z",
                        "stopTime": "2026-01-01T00:00:00Z"}, "stopTime"),
]


@pytest.mark.parametrize("action,body,named", WARNED, ids=[named for _, _, named in WARNED])
def test_findings_warn_or_refuse(daemon, action, body, named):
    async def session():
        async with at(daemon, f"CP-WARN-{named}") as station:
            station.on_call["GetConfiguration"] = lambda payload: {"configurationKey": [
                {"key": "SupportedFileTransferProtocols", "readonly": True, "value": "FTP,HTTP"}]}
            assert (await command(daemon, f"CP-WARN-{named}", "GetConfiguration", {}))[0] == 200
            status, answer = await command(daemon, f"CP-WARN-{named}", action, body, "?checks=strict")
            assert status == 422 and named in answer["detail"], answer
            assert len(station.calls) == 1
            status, answer = await command(daemon, f"CP-WARN-{named}", action, body)
            assert status == 200 and any(named in text for text in answer["warnings"]), answer
    run(session())


def test_resource_refuses_a_scheme_that_the_station_lacks(daemon):
    async def session():
        async with at(daemon, "CP-SCHEME") as station:
            station.on_call["GetConfiguration"] = lambda payload: {"configurationKey": [
                {"key": "SupportedFileTransferProtocols", "readonly": True, "value": "HTTP,HTTPS"}]}
            assert (await command(daemon, "CP-SCHEME", "GetConfiguration", {}))[0] == 200
            body = await until(daemon, await update(daemon, "CP-SCHEME"), "Failed")
            assert body["failure"] == "Refused" and "HTTP,HTTPS" in body["reason"]
            await until(daemon, await update(daemon, "CP-SCHEME", location="HTTP://h/x"), "Confirmed")
    run(session())


BAD = [
    (UPDATES, {"stationId": "CP-BAD"}, 400), (UPDATES, {"stationId": "CP-BAD", "location": "x"}, 400),
    (UPDATES, {"stationId": "CP-BAD", "location": "http://a b"}, 400),
    (UPDATES, {"stationId": "CP-BAD", "location": WHERE, "image": "x"}, 400),
    (UPDATES, {"stationId": "CP-BAD", "image": "x"}, 501),
    (UPDATES, {"stationId": "CP-BAD", "location": WHERE, "retries": -1}, 400),
    (UPDATES, {"stationId": "CP-NOBODY", "location": WHERE}, 404),
    (UPDATES, {"stationId": "CP-GONE", "location": WHERE}, 404),
    (DIAGNOSTICS, {"stationId": "CP-BAD"}, 501),
    (DIAGNOSTICS, {"stationId": "CP-BAD", "location": WHERE, "startTime": "2026-01-02T00:00:00Z",
                   "stopTime": "2026-01-01T00:00:00Z"}, 400),
    (ROLLOUTS, {"location": WHERE}, 400), (ROLLOUTS, {"location": WHERE, "stations": []}, 400),
    (ROLLOUTS, {"location": WHERE, "stations": ["CP-BAD", "CP-NOBODY"]}, 404),
    (ROLLOUTS, {"location": WHERE, "stations": ["CP-BAD", "CP-GONE"]}, 404),
    (ROLLOUTS, {"location": WHERE, "select": ["colour=red"]}, 400),
    (ROLLOUTS, {"location": WHERE, "select": ["label=none=at-all"]}, 404),
    (ROLLOUTS, {"location": WHERE, "select": ["connected=perhaps"]}, 400),
]


@pytest.mark.parametrize("path,body,expected", BAD)
def test_what_makes_no_sense_is_refused(daemon, path, body, expected):
    for station_id in ("CP-BAD", "CP-GONE"):
        assert daemon.api("PUT", f"/v1/stations/{station_id}", {"registrationStatus": "Accepted"})[0] < 300
    assert daemon.api("DELETE", "/v1/stations/CP-GONE")[0] == 204
    status, answer = daemon.api("POST", path, body)
    assert status == expected and answer["detail"], answer
    assert daemon.api("GET", f"{UPDATES}?stationId=CP-BAD")[1]["items"] == []


# ---- How updates end ---------------------------------------------------------------------------

ENDS = {
    "as the specification tells": (["Downloading", "Downloaded", "Installing", "boot 2.0", "Installed"],
                                   "Verified", None),
    "boot after Installed": (["Downloading", "Downloaded", "Installing", "Installed", "boot 2.0"],
                             "Verified", None),
    "only the boot": (["boot 2.0"], "Verified", None),
    "download failed": (["Downloading", "DownloadFailed"], "Failed", "DownloadFailed"),
    "installation failed": (["Downloading", "Downloaded", "Installing", "boot 1.0", "InstallationFailed"],
                            "Failed", "InstallationFailed"),
    "tried again": (["Downloading", "DownloadFailed", "Downloading", "Downloaded", "boot 2.0"],
                    "Verified", None),
    "out of order": (["Installing", "Downloading", "Installed", "Downloaded", "boot 2.0"],
                     "Verified", None),
    "repeated": (["Downloading"] * 3 + ["Installed"] * 3 + ["boot 2.0"] * 2, "Verified", None),
    "Idle between": (["Idle", "Downloading", "Idle", "Installed", "Idle", "boot 2.0"], "Verified", None),
}


@pytest.mark.parametrize("label", ENDS)
def test_every_way_to_an_end(daemon, label):
    words, state, failure = ENDS[label]
    station_id = "CP-" + label.replace(" ", "-")

    async def session():
        async with at(daemon, station_id) as station:
            job = await update(daemon, station_id, expectedVersion="2.0")
            await until(daemon, job, "Confirmed")
            for word in words:
                if word.startswith("boot "):
                    await boot(station, word[5:])
                else:
                    await tell(station, word)
            body = await until(daemon, job, state)
            assert body.get("failure") == failure and not body["active"] and body["ended"]
            assert body["notifications"] == sum(not word.startswith("boot") for word in words)
    run(session())


def test_unknown_word_is_kept_and_means_nothing(daemon):
    async def session():
        async with at(daemon, "CP-WORD") as station:
            job = await until(daemon, await update(daemon, "CP-WORD"), "Confirmed")
            await tell(station, "DownloadPaused")
            body = await show(daemon, job)
            assert (body["state"], body["lastStatus"]) == ("Confirmed", "DownloadPaused")
            with pytest.raises(CallError) as refused:
                await station.call("FirmwareStatusNotification", {})
            assert refused.value.code == "OccurenceConstraintViolation"
            # In any language, at any length: what is kept of it is text.
            for word in ("\u8bbe\u5907" * 30, "x" + "\u8bbe\u5907" * 30):
                await tell(station, word)
                kept = (await show(daemon, job))["lastStatus"]
                assert word.startswith(kept) and len(kept) >= 13, kept
            await tell_upload(station, "\u8bbe\u5907" * 30)
            await boot(station, "v" + "\u00e9" * 49)
            assert (await show(daemon, job))["bootedVersion"].startswith("v\u00e9")
            station.on_call["UpdateFirmware"] = lambda payload: [
                4, station.calls[-1][1], "NotSupported", "\u2014" * 80, {}]
            failed = await until(daemon, await update(daemon, "CP-WORD"), "Failed")
            assert "\u2014" * 40 in failed["reason"]
            frames = (await daemon.api_async("GET", f"{UPDATES}?stationId=CP-WORD"))[1]
            assert len(frames["items"]) == 2
    run(session())


def test_installed_is_verified_or_not(tmp_path):
    async def session(daemon):
        async with at(daemon, "CP-1") as station:
            job = await until(daemon, await update(daemon, "CP-1", expectedVersion="2.0"), "Confirmed")
            await tell(station, "Installed")
            await boot(station, "1.0")
            body = await until(daemon, job, "Failed")
            assert (body["failure"], body["bootedVersion"]) == ("WrongVersion", "1.0")

            job = await until(daemon, await update(daemon, "CP-1", expectedVersion="2.0"), "Confirmed")
            await tell(station, "Installing", "Installed")
            body = await until(daemon, job, "Installed")
            assert "word" in body["reason"] and events(body)[-1][0] == "deadline"
            # Better late than never.
            await boot(station, "2.0")
            await until(daemon, job, "Verified")

            # None named: that it changed must do. No version known at all: its word must.
            job = await until(daemon, await update(daemon, "CP-1"), "Confirmed")
            await tell(station, "Installed")
            await boot(station, "3.0")
            assert (await until(daemon, job, "Verified"))["versionBefore"] == "2.0"
            items = (await daemon.api_async("GET", "/v1/firmware/versions"))[1]["items"]
            assert [(item["firmwareVersion"], item["previousVersion"]) for item in items] == [("3.0", "2.0")]
        async with at(daemon, "CP-2", version=None) as station:
            await boot(station)
            job = await until(daemon, await update(daemon, "CP-2"), "Confirmed")
            await tell(station, "Installed")
            assert "no version" in (await until(daemon, job, "Installed"))["reason"]
    with Daemon(tmp_path, module(verify_timeout="2s"), connect_grace="0s") as daemon:
        run(session(daemon))


def test_deadlines(daemon):
    async def session():
        async with at(daemon, "CP-TIME") as station:
            silent = await update(daemon, "CP-TIME", deadline=1)
            assert "nothing came" in (await until(daemon, silent, "Silent"))["reason"]
            # Awake at last: it is corrected, and has time again.
            await tell(station, "Downloading")
            body = await until(daemon, silent, "Expired")
            assert "Downloading" in body["reason"]
            assert [line["state"] for line in body["history"]][-3:] == ["Silent", "Downloading", "Expired"]
            await boot(station, "9.9")
            await until(daemon, silent, "Verified")
    run(session())


def test_idle_by_trigger(daemon):
    async def session():
        async with at(daemon, "CP-TRIG") as station:
            def triggered(payload):
                asyncio.ensure_future(station.send(payload["requestedMessage"], {"status": "Idle"}))
                return {"status": "Accepted"}

            station.on_call["TriggerMessage"] = triggered
            job = await until(daemon, await update(daemon, "CP-TRIG"), "Confirmed")
            for message in ("FirmwareStatusNotification", "DiagnosticsStatusNotification"):
                status, body = await daemon.api_async(
                    "POST", "/v1/triggers", {"stationId": "CP-TRIG", "requestedMessage": message})
                assert status == 201 and body["outcome"] == "Arrived", body
            body = await show(daemon, job)
            assert (body["state"], body["lastStatus"]) == ("Confirmed", "Idle")
            items = (await daemon.api_async("GET", "/v1/firmware/unasked?stationId=CP-TRIG"))[1]["items"]
            assert [(item["kind"], item["status"]) for item in items] == [("diagnostics", "Idle")]
    run(session())


def test_notifications_without_a_job(daemon):
    async def session():
        async with at(daemon, "CP-LOCAL") as station:
            await tell(station, "Downloading", "Downloading", "Installed", "Idle")
            await tell_upload(station, "Uploading", "Uploaded")
            items = (await daemon.api_async("GET", "/v1/firmware/unasked?stationId=CP-LOCAL"))[1]["items"]
            assert [item["status"] for item in items] == [
                "Uploaded", "Uploading", "Idle", "Installed", "Downloading"]
            page = (await daemon.api_async("GET", "/v1/firmware/unasked?stationId=CP-LOCAL&limit=2"))[1]
            rest = (await daemon.api_async(
                "GET", f"/v1/firmware/unasked?stationId=CP-LOCAL&after={page['next']}"))[1]
            assert page["items"] + rest["items"] == items
    run(session())


def test_update_of_its_own_after_ours(daemon):
    async def session():
        async with at(daemon, "CP-OWN") as station:
            job = await until(daemon, await update(daemon, "CP-OWN", expectedVersion="2.0"), "Confirmed")
            await boot(station, "2.0")
            await tell(station, "Installed")
            lines = (await until(daemon, job, "Verified"))["history"]
            await tell(station, "Downloading", "Installing")
            await boot(station, "3.0")
            await tell(station, "Installed")
            assert (await show(daemon, job))["history"] == lines
            items = (await daemon.api_async("GET", "/v1/firmware/unasked?stationId=CP-OWN"))[1]["items"]
            assert [item["status"] for item in items] == ["Installed", "Installing", "Downloading"]
            body = await until(daemon, await update(daemon, "CP-OWN"), "Confirmed")
            assert body["versionBefore"] == "3.0"
            await tell(station, "Downloading")
            assert (await show(daemon, body))["state"] == "Downloading"
    run(session())


def test_flood_leaves_a_short_story(daemon):
    async def session():
        async with at(daemon, "CP-FLOOD") as station:
            job = await until(daemon, await fetch(daemon, "CP-FLOOD"), "Confirmed")
            await tell_upload(station, *["Uploading"] * 300)
            await tell_upload(station, "Uploaded")
            body = await until(daemon, job, "Uploaded")
            assert body["notifications"] == 301 and len(body["history"]) == 4, body
            # To and fro without end: the story ends some time, the state goes on.
            await tell_upload(station, *["UploadFailed", "Uploading"] * 520)
            body = await show(daemon, job)
            assert body["state"] == "Uploading" and len(body["history"]) == 1000
    run(session())


# ---- Sending -----------------------------------------------------------------------------------

def test_station_that_is_away(daemon):
    assert daemon.api("PUT", "/v1/stations/CP-AWAY", {"registrationStatus": "Accepted"})[0] < 300

    async def session():
        first = await update(daemon, "CP-AWAY", expires=600)
        assert first["state"] == "Waiting" and first["history"] == []
        # A new wish takes the place of one that the station never saw.
        job = await update(daemon, "CP-AWAY", expires=600, retries=1)
        assert str(job["jobId"]) in (await until(daemon, first, "Superseded"))["reason"]
        async with at(daemon, "CP-AWAY") as station:
            assert (await called(station))[3]["retries"] == 1
            await until(daemon, job, "Confirmed")
            assert len(station.calls) == 1
        late = await update(daemon, "CP-AWAY", expires=1)
        assert "not there in time" in (await until(daemon, late, "NotSent"))["reason"]
        # The one before is still the station's.
        assert (await show(daemon, job))["state"] == "Confirmed"
        status, body = await command(daemon, "CP-AWAY", "UpdateFirmware", {"location": WHERE})
        assert status == 409, body
    run(session())


def test_queued_command_makes_a_job_when_it_goes(daemon):
    assert daemon.api("PUT", "/v1/stations/CP-QUEUE", {"registrationStatus": "Accepted"})[0] < 300

    async def session():
        status, _ = await command(daemon, "CP-QUEUE", "UpdateFirmware", {"location": WHERE}, "?queue=600")
        assert status == 202
        status, body = await daemon.api_async("GET", f"{UPDATES}?stationId=CP-QUEUE")
        assert body["items"] == []
        async with at(daemon, "CP-QUEUE") as station:
            await called(station)
            job = await newest(daemon, UPDATES, "CP-QUEUE")
            await until(daemon, job, "Confirmed")
    run(session())


def test_new_limits_hold_from_a_reload_on(tmp_path):
    with Daemon(tmp_path, module(update_timeout="1h"), connect_grace="0s") as daemon:
        async def session():
            async with at(daemon, "CP-1"):
                first = await until(daemon, await update(daemon, "CP-1"), "Confirmed")
                daemon.settings["plugins"]["ocpp16_firmware_management"]["update_timeout"] = "1s"
                daemon.write_config()
                assert (await daemon.api_async("POST", "/v1/reload"))[0] == 200
                second = await update(daemon, "CP-1")
                await until(daemon, second, "Silent")
                assert (await show(daemon, first))["state"] == "Superseded"
        run(session())


def test_pending_station_gets_it_and_a_rejected_one_does_not(daemon):
    async def session():
        for station_id, status in (("CP-PEND", "Pending"), ("CP-REJ", "Rejected")):
            assert (await daemon.api_async("PUT", f"/v1/stations/{station_id}",
                                           {"registrationStatus": status}))[0] < 300
        async with at(daemon, "CP-PEND", version=None) as pending, \
                at(daemon, "CP-REJ", version=None) as rejected:
            for station in (pending, rejected):
                await station.boot()
            job = await update(daemon, "CP-PEND")
            waiting = await update(daemon, "CP-REJ", expires=2)
            await until(daemon, job, "Confirmed")
            await until(daemon, waiting, "NotSent")
            assert not rejected.calls
    run(session())


def test_errors(daemon):
    async def session():
        answers = [[4, None, "NotSupported", "use the other one", {}],
                   [4, None, "InternalError", "", {}], {}]

        def answer(payload):
            reply = answers.pop(0)
            if isinstance(reply, list):
                reply[1] = station.calls[-1][1]
            return reply

        async with at(daemon, "CP-ERR", update=answer) as station:
            body = await until(daemon, await update(daemon, "CP-ERR"), "Failed")
            assert body["failure"] == "Refused"
            assert "NotSupported: use the other one" in body["reason"]
            assert "SignedUpdateFirmware" in body["reason"]
            # What may pass is tried again.
            body = await until(daemon, await update(daemon, "CP-ERR"), "Confirmed")
            assert body["attempts"] == 2 and len(station.calls) == 3
            assert [event for event, _ in events(body)] == ["sending", "error", "sending", "confirmed"]
            del station.on_call["UpdateFirmware"]
            status, _ = await command(daemon, "CP-ERR", "UpdateFirmware", {"location": WHERE})
            assert status == 502
            assert (await newest(daemon, UPDATES, "CP-ERR"))["failure"] == "Refused"
            # It is still at the one that it confirmed.
            await tell(station, "Downloading")
            assert (await show(daemon, body))["state"] == "Downloading"
    run(session())


def test_no_answer(tmp_path):
    async def session(daemon):
        async with at(daemon, "CP-1", update=lambda payload: None) as station:
            job = await update(daemon, "CP-1", deadline=600)
            body = await until(daemon, job, "Unconfirmed")
            assert body["attempts"] == 2 and len(station.calls) == 2
            assert [event for event, _ in events(body)] == ["sending", "unanswered"] * 2
            await tell(station, "Downloading")
            assert (await show(daemon, job))["state"] == "Downloading"
    with Daemon(tmp_path, module(attempts=2), connect_grace="0s", call_timeout="1s") as daemon:
        run(session(daemon))


def test_sign_is_as_good_as_an_answer(tmp_path):
    async def session(daemon):
        async with at(daemon, "CP-1", update=lambda payload: None) as station:
            job = await update(daemon, "CP-1")
            await until(daemon, job, "Waiting")
            await tell(station, "Installing")
            assert (await show(daemon, job))["state"] == "Installing"
            status, body = await command(daemon, "CP-1", "UpdateFirmware", {"location": WHERE})
            assert status == 504, body
            assert (await newest(daemon, UPDATES, "CP-1"))["state"] == "Unconfirmed"
            assert (await until(daemon, job, "Superseded"))["attempts"] == 1
            assert len(station.calls) == 2
    with Daemon(tmp_path, module(retry_interval="1h"), connect_grace="0s", call_timeout="1s") as daemon:
        run(session(daemon))


def test_connection_that_ends(daemon):
    async def session():
        async with at(daemon, "CP-GONE", update=lambda payload: None) as station:
            job = await update(daemon, "CP-GONE")
            await called(station)
        body = await until(daemon, job, "Waiting")
        assert "connection ended" in body["reason"]
        async with at(daemon, "CP-GONE") as station:
            body = await until(daemon, job, "Confirmed")
            assert body["attempts"] == 2 and len(station.calls) == 1
        async with at(daemon, "CP-GONE", update=lambda payload: None) as station:
            task = asyncio.ensure_future(
                command(daemon, "CP-GONE", "UpdateFirmware", {"location": WHERE}))
            await called(station)
            await station.socket.close()
            assert (await task)[0] == 409
        # An operator's command is never sent twice.
        assert (await newest(daemon, UPDATES, "CP-GONE"))["state"] == "Unconfirmed"
    run(session())


def test_newer_one_supersedes_when_the_station_has_it(daemon):
    async def session():
        answers = [{}, None, {}]
        async with at(daemon, "CP-NEW", update=lambda payload: answers.pop(0)) as station:
            first = await until(daemon, await update(daemon, "CP-NEW"), "Confirmed")
            await tell(station, "Downloading")
            second = await update(daemon, "CP-NEW")
            call = await called(station, 2)
            await tell(station, "Downloaded")
            assert (await show(daemon, first))["state"] == "Downloaded"
            await station.socket.send(json.dumps([3, call[1], {}]))
            await until(daemon, second, "Confirmed")
            body = await until(daemon, first, "Superseded")
            assert body["reason"] == f"by {second['jobId']}"
            status, body = await command(daemon, "CP-NEW", "UpdateFirmware", {"location": WHERE})
            assert status == 200 and f"job {second['jobId']}" in body["warnings"][0]
            await tell(station, "Installing")
            assert (await newest(daemon, UPDATES, "CP-NEW"))["state"] == "Installing"
            assert (await show(daemon, second))["state"] == "Superseded"
    run(session())


def test_cancelled(daemon):
    assert daemon.api("PUT", "/v1/stations/CP-CAN", {"registrationStatus": "Accepted"})[0] < 300

    async def session():
        job = await update(daemon, "CP-CAN")
        status, body = await daemon.api_async("DELETE", path_of(job))
        assert (status, body["state"]) == (200, "Cancelled") and "uid:" in body["reason"]
        assert "tell the station" not in body["reason"]
        assert (await daemon.api_async("DELETE", path_of(job)))[0] == 409
        async with at(daemon, "CP-CAN") as station:
            job = await until(daemon, await update(daemon, "CP-CAN"), "Confirmed")
            status, body = await daemon.api_async("DELETE", path_of(job))
            assert (status, body["state"]) == (200, "Cancelled")
            assert "cannot tell the station" in body["reason"]
            # It goes on all the same, and that is seen.
            await tell(station, "Installed")
            body = await show(daemon, job)
            assert (body["state"], body["lastStatus"]) == ("Cancelled", "Installed")
            assert len(station.calls) == 1
        for path in (f"{UPDATES}/999999", f"{UPDATES}/x", f"{DIAGNOSTICS}/{job['jobId']}"):
            assert (await daemon.api_async("DELETE", path))[0] == 404
            assert (await daemon.api_async("GET", path))[0] == 404
    run(session())


# ---- Diagnostics elsewhere ---------------------------------------------------------------------

UPLOADS = {
    "uploaded": (["Uploading", "Uploaded"], "Uploaded", None),
    "failed": (["Uploading", "UploadFailed"], "Failed", "UploadFailed"),
    "tried again": (["Uploading", "UploadFailed", "Uploading", "Uploaded"], "Uploaded", None),
    "only the end": (["Uploaded"], "Uploaded", None),
    "Idle": (["Idle", "Uploaded", "Idle"], "Uploaded", None),
}


@pytest.mark.parametrize("label", UPLOADS)
def test_every_way_to_diagnostics(daemon, label):
    words, state, failure = UPLOADS[label]
    station_id = "CP-D-" + label.replace(" ", "-")

    async def session():
        async with at(daemon, station_id) as station:
            job = await until(daemon, await fetch(daemon, station_id), "Confirmed")
            await tell_upload(station, *words)
            body = await until(daemon, job, state)
            assert body.get("failure") == failure and not body["active"]
    run(session())


def test_nothing_to_upload_or_so_it_says(daemon):
    async def session():
        async with at(daemon, "CP-NONE", diagnostics=lambda payload: {}) as station:
            job = await until(daemon, await fetch(daemon, "CP-NONE"), "NothingToUpload")
            assert "fileName" not in job
            await tell_upload(station, "Uploading")
            assert (await show(daemon, job))["state"] == "Uploading"
            await tell_upload(station, "Uploaded")
            await until(daemon, job, "Uploaded")
    run(session())
