# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Firmware updates and diagnostics at typed locations: every answer and every notification of a
station, deadlines, restarts, a storage that fails, and rollouts. With hosted files:
test_firmware_files.py."""

import asyncio
import contextlib
import json
import sqlite3
import time

import pytest
from harness import CallError, DEADLINE_S, Daemon, Follower, Station, run

MODULE = {"ocpp16_firmware_management": {"retry_interval": "1s"}}
UPDATES = "/v1/firmware/updates"
DIAGNOSTICS = "/v1/firmware/diagnostics"
ROLLOUTS = "/v1/firmware/rollouts"
WHERE = "ftp://files.example.org/images/fw-2.bin"


def module(**options):
    return {"ocpp16_firmware_management": {**MODULE["ocpp16_firmware_management"], **options}}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("firmware"), {**MODULE, "ocpp16_remote_trigger": {}},
                connect_grace="0s") as running:
        yield running


async def boot(station, version=None):
    payload = {"chargePointVendor": "Test", "chargePointModel": "Integration"}
    if version is not None:
        payload["firmwareVersion"] = version
    assert (await station.call("BootNotification", payload))["status"] == "Accepted"


@contextlib.asynccontextmanager
async def at(daemon, station_id, version="1.0", update=None, diagnostics=None):
    """A station that takes both messages, unless told how it answers."""
    async with Station.connect(daemon, station_id, boot=False) as station:
        station.on_call["UpdateFirmware"] = update or (lambda payload: {})
        station.on_call["GetDiagnostics"] = diagnostics or (lambda payload: {"fileName": "log.txt"})
        if version is not None:
            await boot(station, version)
        yield station


async def post(daemon, path, body, expected=202):
    status, answer = await daemon.api_async("POST", path, body)
    assert status == expected, answer
    return answer


async def update(daemon, station_id, **more):
    return await post(daemon, UPDATES, {"stationId": station_id, "location": WHERE, **more})


async def fetch(daemon, station_id, **more):
    return await post(daemon, DIAGNOSTICS,
                      {"stationId": station_id, "location": "ftp://files.example.org/logs/", **more})


async def command(daemon, station_id, action, body, query=""):
    return await daemon.api_async("POST", f"/v1/stations/{station_id}/commands/{action}{query}", body)


def path_of(job):
    return f"{DIAGNOSTICS if 'retrieveDate' not in job else UPDATES}/{job['jobId']}"


async def show(daemon, job):
    status, body = await daemon.api_async("GET", path_of(job))
    assert status == 200, body
    return body


async def until(daemon, job, *states):
    """Waits for a state by the events' own effect: a bounded number of looks."""
    end = time.monotonic() + DEADLINE_S
    while True:
        body = await show(daemon, job)
        if body["state"] in states:
            return body
        assert time.monotonic() < end, body
        await asyncio.sleep(0.05)


async def newest(daemon, path, station_id):
    status, body = await daemon.api_async("GET", f"{path}?stationId={station_id}&limit=1")
    assert status == 200, body
    return body["items"][0]


async def called(station, count=1):
    end = time.monotonic() + DEADLINE_S
    while len(station.calls) < count:
        assert time.monotonic() < end, station.calls
        await asyncio.sleep(0.02)
    return station.calls[count - 1]


async def tell(station, *words, action="FirmwareStatusNotification"):
    for word in words:
        assert await station.call(action, {"status": word}) == {}


async def tell_upload(station, *words):
    await tell(station, *words, action="DiagnosticsStatusNotification")


def events(body):
    return [(line["event"], line.get("text")) for line in body["history"]]


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


# ---- Rollouts ----------------------------------------------------------------------------------

async def rollout_until(daemon, rollout, *states):
    end = time.monotonic() + DEADLINE_S
    while True:
        status, body = await daemon.api_async("GET", f"{ROLLOUTS}/{rollout['rolloutId']}")
        assert status == 200, body
        if body["state"] in states:
            return body
        assert time.monotonic() < end, body
        await asyncio.sleep(0.05)


async def jobs_of(daemon, rollout, **query):
    more = "".join(f"&{key}={value}" for key, value in query.items())
    status, body = await daemon.api_async("GET", f"{UPDATES}?rolloutId={rollout['rolloutId']}{more}")
    assert status == 200, body
    return body["items"]


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
