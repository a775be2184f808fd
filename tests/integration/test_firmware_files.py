# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Firmware updates and diagnostics with files that the daemon hosts: the station, Python's
http.client, really fetches the image and really sends its log."""

import asyncio
import json
import urllib.parse

import pytest
from files_bed import ask, upload
from firmware_bed import (DIAGNOSTICS, ROLLOUTS, UPDATES, at, boot, called, command, events, fetch,
                          newest, post, rollout_until, show, tell, tell_upload, until, update)
from harness import Daemon, run

IMAGE = bytes(range(256)) * 800 + b"end of it"
LOG = b"12:00 all is well\n" * 500


def configured(folder, **options):
    return Daemon(folder, {
        "file_hosting": {"port": 0, "path": str(folder) + "/files", "min_free": "0B"},
        "ocpp16_firmware_management": {"retry_interval": "1s", **options}}, connect_grace="0s")


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with configured(tmp_path_factory.mktemp("hosted")) as running:
        upload(running, "fw-2.bin", IMAGE, firmwareVersion="2.0")
        yield running


async def ask_async(*args, **more):
    """Status and body."""
    status, _, body = await asyncio.get_running_loop().run_in_executor(
        None, lambda: ask(*args, **more))
    return status, body


async def content(daemon, file_id):
    status, body = await daemon.api_async("POST", f"/v1/files/{file_id}/download")
    assert status == 200, body
    status, data = await ask_async(body["url"])
    assert status == 200
    return data


async def hosted(daemon, station_id, **more):
    return await post(daemon, UPDATES, {"stationId": station_id, "image": "fw-2.bin", **more})


async def asked(daemon, station_id, **more):
    return await post(daemon, DIAGNOSTICS, {"stationId": station_id, **more})


# ---- Updates -----------------------------------------------------------------------------------

def test_image_is_fetched_installed_and_seen_at_the_boot(daemon):
    async def session():
        async with at(daemon, "CP-1") as station:
            job = await hosted(daemon, "CP-1", retries=3, retryInterval=10)
            payload = (await called(station))[3]
            assert payload["location"].endswith("/fw-2.bin") and len(payload["location"]) <= 255
            assert (payload["retries"], payload["retryInterval"]) == (3, 10)
            body = await until(daemon, job, "Confirmed")
            assert (body["expectedVersion"], body["hosted"], body["image"]) == ("2.0", True, "fw-2.bin")
            # Who may only look may not fetch it.
            token = payload["location"].split("/")[-2]
            assert len(token) >= 32 and body["location"] == payload["location"].replace(token, "***")

            # In two pieces, without a word: what it fetches tells.
            status, head = await ask_async(payload["location"], headers={"Range": "bytes=0-99999"})
            assert status == 206
            body = await until(daemon, job, "Downloading")
            assert body["notifications"] == 0 and body["transferBegun"]
            status, tail = await ask_async(payload["location"], headers={"Range": "bytes=100000-"})
            assert status == 206 and head + tail == IMAGE
            body = await until(daemon, job, "Downloaded")
            assert body["bytes"] == len(IMAGE) and body["transferDone"] >= body["transferBegun"]
            await tell(station, "Downloaded", "Installing")
            await boot(station, "2.0")
            await tell(station, "Installed")
            body = await until(daemon, job, "Verified")
            assert [event for event, _ in events(body)] == [
                "sending", "confirmed", "fileBegun", "fileDone", "notified", "notified", "booted",
                "notified"]
            status, transfers = await daemon.api_async("GET", "/v1/files/transfers?stationId=CP-1")
            assert transfers["items"][0]["transferId"] == body["transferId"]
    run(session())


def test_word_against_what_was_fetched(daemon):
    async def session():
        async with at(daemon, "CP-WORD") as station:
            job = await hosted(daemon, "CP-WORD")
            location = (await called(station))[3]["location"]
            assert (await ask_async(location))[1] == IMAGE
            await until(daemon, job, "Downloaded")
            await tell(station, "DownloadFailed")
            body = await until(daemon, job, "Failed")
            assert body["failure"] == "DownloadFailed" and "whole file was sent" in body["reason"]
            job = await hosted(daemon, "CP-WORD")
            await until(daemon, job, "Confirmed")
            await tell(station, "Downloaded", "Installed")
            body = await show(daemon, job)
            assert body["state"] == "Verifying" and "transferBegun" not in body
    run(session())


def test_broken_download_is_told(daemon):
    async def session():
        async with at(daemon, "CP-BROKEN") as station:
            job = await hosted(daemon, "CP-BROKEN")
            location = (await called(station))[3]["location"]
            parts = urllib.parse.urlsplit(location)
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
            writer.write(f"GET {parts.path} HTTP/1.1\r\nHost: x\r\nRange: bytes=0-5\r\n\r\n".encode())
            await reader.readuntil(b"\r\n\r\n")
            writer.close()
            await until(daemon, job, "Downloading")
            await tell(station, "DownloadFailed")
            await until(daemon, job, "Failed")
            # The station's own next try.
            assert (await ask_async(location))[1] == IMAGE
            await until(daemon, job, "Downloaded")
    run(session())


def test_url_ends_with_its_job(daemon):
    assert daemon.api("PUT", "/v1/stations/CP-END", {"registrationStatus": "Accepted"})[0] < 300

    async def session():
        job = await hosted(daemon, "CP-END")
        assert job["state"] == "Waiting" and "location" not in job
        async with at(daemon, "CP-END") as station:
            first = (await called(station))[3]["location"]
            await until(daemon, job, "Confirmed")
            status, body = await daemon.api_async("DELETE", f"{UPDATES}/{job['jobId']}")
            assert (status, body["state"]) == (200, "Cancelled")
            assert (await ask_async(first))[0] == 404
            second_job = await hosted(daemon, "CP-END")
            second = (await called(station, 2))[3]["location"]
            await until(daemon, second_job, "Confirmed")
            third_job = await hosted(daemon, "CP-END")
            third = (await called(station, 3))[3]["location"]
            await until(daemon, second_job, "Superseded")
            assert len({first, second, third}) == 3
            assert (await ask_async(second))[0] == 404
            assert (await ask_async(third))[0] == 200
            await until(daemon, third_job, "Downloaded")
    run(session())


def test_image_that_is_gone(daemon):
    upload(daemon, "gone.bin", IMAGE)
    status, image = daemon.api("GET", "/v1/files?name=gone.bin")
    file_id = next(item["fileId"] for item in daemon.api("GET", "/v1/files")[1]["items"]
                   if item["name"] == "gone.bin")
    assert daemon.api("PUT", "/v1/stations/CP-GONE", {"registrationStatus": "Accepted"})[0] < 300

    async def session():
        assert (await daemon.api_async("POST", UPDATES, {
            "stationId": "CP-GONE", "image": "nothing.bin"}))[0] == 404
        job = await hosted(daemon, "CP-GONE", image="gone.bin")
        assert (await daemon.api_async("DELETE", f"/v1/files/{file_id}"))[0] < 300
        async with at(daemon, "CP-GONE") as station:
            body = await until(daemon, job, "Failed")
            assert body["failure"] == "Refused" and not station.calls
    run(session())


def test_rollout_of_an_image(daemon):
    async def session():
        async with at(daemon, "CP-R0") as one, at(daemon, "CP-R1") as two:
            rollout = await post(daemon, ROLLOUTS, {
                "stations": ["CP-R0", "CP-R1"], "image": "fw-2.bin", "parallel": 2})
            assert rollout["expectedVersion"] == "2.0"
            locations = [(await called(station))[3]["location"] for station in (one, two)]
            assert len(set(locations)) == 2
            for station, location in zip((one, two), locations):
                assert (await ask_async(location))[1] == IMAGE
                await boot(station, "2.0")
            body = await rollout_until(daemon, rollout, "Finished")
            assert body["jobs"] == {"Verified": 2}
    run(session())


# ---- Diagnostics -------------------------------------------------------------------------------

def put(location, name="cp.log"):
    return ask_async(location, "PUT", LOG, path=urllib.parse.urlsplit(location).path + name)


def form(location):
    boundary = "b0undary"
    body = (f"--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"cp.log\"\r\n"
            "Content-Type: text/plain\r\n\r\n").encode() + LOG + f"\r\n--{boundary}--\r\n".encode()
    return ask_async(location, "POST", body,
                     {"Content-Type": f"multipart/form-data; boundary={boundary}"})


@pytest.mark.parametrize("words,send,after", [
    (["Uploading"], put, ["Uploaded"]), (["Uploading", "Uploaded"], put, []),
    (["Uploading"], form, ["Uploaded"]), ([], put, []), ([], form, ["UploadFailed"]),
    (["Uploading", "UploadFailed"], put, ["Uploaded"]), (["Idle"] + ["Uploading"] * 5, put, ["Idle"]),
])
def test_diagnostics_arrive(daemon, words, send, after):
    async def session():
        async with at(daemon, "CP-D") as station:
            job = await asked(daemon, "CP-D")
            location = (await called(station))[3]["location"]
            assert location.endswith("/") and len(location) <= 255
            await until(daemon, job, "Confirmed")
            await tell_upload(station, *words)
            assert (await send(location))[0] < 300
            body = await until(daemon, job, "Received")
            await tell_upload(station, *after)
            body = await show(daemon, job)
            assert (body["state"], body["bytes"], body["fileName"]) == ("Received", len(LOG), "log.txt")
            assert await content(daemon, body["fileId"]) == LOG
            assert ("fileDone", "cp.log") in events(body)
            assert (await put(location))[0] == 404
    run(session())


def test_uploaded_and_no_file(tmp_path):
    async def session(daemon):
        async with at(daemon, "CP-1") as station:
            job = await asked(daemon, "CP-1")
            location = (await called(station))[3]["location"]
            await until(daemon, job, "Confirmed")
            await tell_upload(station, "Uploading", "Uploaded")
            body = await until(daemon, job, "Failed")
            assert body["failure"] == "FileMissing" and "no file came" in body["reason"]
            assert [line["state"] for line in body["history"]][-2:] == ["Arriving", "Failed"]
            # After all.
            assert (await put(location))[0] < 300
            await until(daemon, job, "Received")
    with configured(tmp_path, upload_grace="1s") as daemon:
        run(session(daemon))


def test_no_file_name_and_a_file_all_the_same(daemon):
    async def session():
        async with at(daemon, "CP-NONE", diagnostics=lambda payload: {}) as station:
            job = await asked(daemon, "CP-NONE")
            location = (await called(station))[3]["location"]
            await until(daemon, job, "NothingToUpload")
            assert (await ask_async(location, "PUT", LOG))[0] < 300
            assert (await until(daemon, job, "Received"))["fileId"]
    run(session())


def test_each_request_has_its_own_file(daemon):
    async def session():
        async with at(daemon, "CP-TWO") as station:
            first = await asked(daemon, "CP-TWO")
            await until(daemon, first, "Confirmed")
            second = await asked(daemon, "CP-TWO")
            await until(daemon, second, "Confirmed")
            await until(daemon, first, "Superseded")
            assert (await put(station.calls[0][3]["location"]))[0] < 300
            await until(daemon, first, "Received")
            assert (await show(daemon, second))["state"] == "Confirmed"
            status, body = await daemon.api_async("DELETE", f"{DIAGNOSTICS}/{second['jobId']}")
            assert body["state"] == "Cancelled"
            assert (await put(station.calls[1][3]["location"]))[0] == 404
            # Elsewhere is possible all the same.
            job = await until(daemon, await fetch(daemon, "CP-TWO"), "Confirmed")
            await tell_upload(station, "Uploaded")
            assert not (await until(daemon, job, "Uploaded"))["hosted"]
    run(session())


def test_command_gets_a_url_and_many_stations_one_each(daemon):
    async def session():
        async with at(daemon, "CP-M0") as one, at(daemon, "CP-M1") as two:
            status, body = await command(daemon, "CP-M0", "GetDiagnostics", {})
            assert (status, body) == (200, {"result": "confirmed", "response": {"fileName": "log.txt"}})
            assert (await put(one.calls[0][3]["location"]))[0] < 300
            job = await newest(daemon, DIAGNOSTICS, "CP-M0")
            await until(daemon, job, "Received")
            await post(daemon, "/v1/commands", {
                "action": "GetDiagnostics", "stations": ["CP-M0", "CP-M1"], "payload": {}})
            locations = {(await called(one, 2))[3]["location"], (await called(two))[3]["location"]}
            assert len(locations) == 2
            for location in locations:
                assert (await put(location))[0] < 300
            for name in ("CP-M0", "CP-M1"):
                await until(daemon, await newest(daemon, DIAGNOSTICS, name), "Received")
    run(session())


# ---- Restarts ----------------------------------------------------------------------------------

def test_kill_between_fetch_and_boot(tmp_path):
    daemon = configured(tmp_path)

    async def before():
        async with at(daemon, "CP-1") as station:
            job = await hosted(daemon, "CP-1")
            location = (await called(station))[3]["location"]
            await until(daemon, job, "Confirmed")
            assert (await ask_async(location, headers={"Range": "bytes=0-9"}))[0] == 206
            await until(daemon, job, "Downloading")
            log = await asked(daemon, "CP-1")
            await until(daemon, log, "Confirmed")
            await asyncio.get_running_loop().run_in_executor(None, daemon.kill)
        return job, location, log, station.calls[1][3]["location"]

    async def after(job, location, log, log_location):
        # The URLs outlive the daemon, but for its port.
        port = daemon.log.wait("files.opened")["listener"].rsplit(":", 1)[1]
        here = [urllib.parse.urlsplit(url)._replace(netloc=f"127.0.0.1:{port}").geturl()
                for url in (location, log_location)]
        assert (await show(daemon, job))["state"] == "Downloading"
        # How far it was may be lost with the daemon: it begins again, as stations do.
        assert (await ask_async(here[0]))[1] == IMAGE
        await until(daemon, job, "Downloaded")
        assert (await put(here[1]))[0] < 300
        await until(daemon, log, "Received")
        async with at(daemon, "CP-1", version="2.0"):
            await until(daemon, job, "Verified")

    with daemon:
        upload(daemon, "fw-2.bin", IMAGE, firmwareVersion="2.0")
        found = run(before())
    with daemon:
        run(after(*found))


def test_files_move_while_the_module_is_out(tmp_path):
    async def reload(daemon):
        daemon.write_config()
        status, body = await daemon.api_async("POST", "/v1/reload")
        assert status == 200, body

    async def session(daemon):
        async with at(daemon, "CP-1") as station:
            job = await hosted(daemon, "CP-1")
            location = (await called(station))[3]["location"]
            await until(daemon, job, "Confirmed")
            kept = daemon.settings["plugins"].pop("ocpp16_firmware_management")
            await reload(daemon)
            assert (await ask_async(location))[1] == IMAGE
            daemon.settings["plugins"]["ocpp16_firmware_management"] = kept
            await reload(daemon)
            body = await until(daemon, job, "Downloaded")
            assert body["bytes"] == len(IMAGE)
            await boot(station, "2.0")
            await until(daemon, job, "Verified")

    with configured(tmp_path) as daemon:
        upload(daemon, "fw-2.bin", IMAGE, firmwareVersion="2.0")
        run(session(daemon))


def test_host_of_files_is_left_out(tmp_path):
    daemon = configured(tmp_path)

    async def waiting():
        return await hosted(daemon, "CP-1"), await asked(daemon, "CP-1")

    async def after(jobs):
        # What waits for a URL of ours cannot be sent; everything else can.
        async with at(daemon, "CP-1"):
            for job in jobs:
                body = await until(daemon, job, "Failed")
                assert "no loaded module hosts files" in body["reason"]
            assert (await daemon.api_async("POST", UPDATES, {
                "stationId": "CP-1", "image": "fw-2.bin"}))[0] == 501
            await until(daemon, await update(daemon, "CP-1"), "Confirmed")

    with daemon:
        upload(daemon, "fw-2.bin", IMAGE, firmwareVersion="2.0")
        assert daemon.api("PUT", "/v1/stations/CP-1", {"registrationStatus": "Accepted"})[0] < 300
        jobs = run(waiting())
    del daemon.settings["plugins"]["file_hosting"]
    daemon.write_config()
    with daemon:
        run(after(jobs))


def test_ctl_from_image_to_log(tmp_path):
    image = tmp_path / "fw.bin"
    image.write_bytes(IMAGE)

    async def session(daemon):
        loop = asyncio.get_running_loop()
        ctl = lambda *words: loop.run_in_executor(None, lambda: daemon.ctl(*words))
        async with at(daemon, "CP-1") as station:
            status, out, err = await ctl("files", "upload", str(image), "fw-3.bin", "--firmwareVersion", "3.0")
            assert status == 0, err
            status, out, err = await ctl("--json", "firmware", "update", "CP-1", "fw-3.bin")
            assert status == 0, err
            job = json.loads(out)
            assert job["expectedVersion"] == "3.0"
            assert (await ask_async((await called(station))[3]["location"]))[1] == IMAGE
            await boot(station, "3.0")
            await until(daemon, job, "Verified")
            status, out, err = await ctl("--json", "diagnostics", "get", "CP-1")
            assert status == 0, err
            job = json.loads(out)
            assert (await put((await called(station, 2))[3]["location"]))[0] < 300
            body = await until(daemon, job, "Received")
            fetched = tmp_path / "log"
            status, out, err = await ctl("files", "get", str(body["fileId"]), "-o", str(fetched))
            assert status == 0 and fetched.read_bytes() == LOG, err

    with configured(tmp_path) as daemon:
        run(session(daemon))
