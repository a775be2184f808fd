# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""ocppd-station fetches firmware and sends diagnostics over HTTP, or fails where it is told to."""

import contextlib
import http.server
import os
import subprocess
import threading

import pytest
from csms import bed
from harness import BIN, now, run

IMAGE = b"firmware " * 1000


def has_transfers():
    done = subprocess.run(["ldd", os.path.join(BIN, "ocppd-station")], capture_output=True,
                          text=True, check=False)
    return "libcurl" in done.stdout


needs_transfers = pytest.mark.skipif(not has_transfers(), reason="built without libcurl")


class Files(http.server.BaseHTTPRequestHandler):
    """GET gives an image after `failures` refusals; PUT and POST are kept."""

    def _refuse(self):
        with self.server.lock:
            if self.server.failures == 0:
                return False
            self.server.failures -= 1
        self.send_error(503)
        return True

    def do_GET(self):
        self.server.asked.append(self.path)
        if self._refuse():
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(IMAGE)))
        self.end_headers()
        self.wfile.write(IMAGE)

    def _take(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append(self.path)
        if self._refuse():
            return
        self.server.uploads.append((self.command, self.path, self.headers["Content-Type"], body))
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_PUT = _take
    do_POST = _take

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def files(failures=0):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
    server.lock = threading.Lock()
    server.failures, server.asked, server.uploads = failures, [], []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        server.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def firmware(csms, *wanted):
    for status in wanted:
        assert await csms.next("FirmwareStatusNotification") == {"status": status}


async def diagnostics(csms, *wanted):
    for status in wanted:
        assert await csms.next("DiagnosticsStatusNotification") == {"status": status}


async def order(csms, location, **more):
    assert await csms.call("UpdateFirmware", {
        "location": location, "retrieveDate": now(), **more}) == {}


@needs_transfers
@pytest.mark.parametrize("options,name,version", [
    ((), "/images/station-2.10.3.bin?key=1", "2.10.3"), ((), "/images/nightly.bin", "nightly.bin"),
    (("--next-firmware", "7.7"), "/a-1.0.bin", "7.7")])
def test_firmware_is_fetched_installed_and_booted(options, name, version):
    async def play():
        with files() as server:
            async with bed("--idle", "--speed", "20", "--firmware", "1.5", *options) as (csms, station):
                assert csms.sent("BootNotification")[0]["firmwareVersion"] == "1.5"
                await order(csms, server.url + name)
                await firmware(csms, "Downloading", "Downloaded", "Installing")
                assert (await csms.next("BootNotification"))["firmwareVersion"] == version
                await firmware(csms, "Installed")
                assert server.asked == [name]
                assert f"{len(IMAGE)} bytes" in station.events("firmware.fetched")[0]["text"]
                assert csms.connections == 2
    run(play())


@needs_transfers
def test_firmware_waits_for_a_transaction():
    async def play():
        with files() as server:
            async with bed("--idle", "--speed", "20") as (csms, station):
                await csms.call("RemoteStartTransaction", {"idTag": "T", "connectorId": 1})
                await csms.next("StatusNotification", status="Charging")
                await order(csms, server.url + "/x")
                await firmware(csms, "Downloading", "Downloaded")
                while not station.events("firmware.waits"):
                    await csms.call("GetLocalListVersion")
                await csms.call("RemoteStopTransaction", {"transactionId": csms.transaction})
                await csms.next("StopTransaction")
                await firmware(csms, "Installing", "Installed")
    run(play())


@needs_transfers
def test_a_download_is_tried_again():
    async def play():
        with files(failures=2) as server:
            async with bed("--idle", "--speed", "100") as (csms, _):
                await order(csms, server.url + "/x", retries=2, retryInterval=5)
                await firmware(csms, "Downloading", "Downloaded")
                assert len(server.asked) == 3
    run(play())


@needs_transfers
def test_a_download_that_fails_says_so():
    async def play():
        with files(failures=9) as server:
            async with bed("--idle", "--speed", "100") as (csms, station):
                await order(csms, server.url + "/x", retries=1, retryInterval=5)
                await firmware(csms, "Downloading", "DownloadFailed")
                assert len(server.asked) == 2
                assert "503" in station.events("transfer.failed")[0]["text"]
                await order(csms, "file:///etc/hostname")
                await firmware(csms, "Downloading", "DownloadFailed")
                assert len(csms.sent("BootNotification")) == 1
    run(play())


@needs_transfers
@pytest.mark.parametrize("outcome,wanted", [
    ("Downloading", ["Downloading"]), ("Downloaded", ["Downloading", "Downloaded"]),
    ("DownloadFailed", ["Downloading", "DownloadFailed"]),
    ("Installing", ["Downloading", "Downloaded", "Installing"]),
    ("InstallationFailed", ["Downloading", "Downloaded", "Installing", "InstallationFailed"]),
    ("Installed", ["Downloading", "Downloaded", "Installing", "Installed"]), ("nothing", [])])
def test_firmware_ends_where_it_is_told_to(outcome, wanted):
    async def play():
        with files() as server:
            async with bed("--idle", "--speed", "100", "-o",
                           f"UpdateFirmware={outcome}*1") as (csms, _):
                await order(csms, server.url + "/fw-2.0.bin")
                await firmware(csms, *wanted)
                asked = len(server.asked)
                assert asked == (1 if "Downloaded" in wanted else 0)
                if outcome == "Installed":
                    return
                # The next order shows that nothing else followed.
                await order(csms, server.url + "/fw-3.0.bin")
                await firmware(csms, "Downloading", "Downloaded", "Installing", "Installed")
                assert csms.sent("BootNotification")[-1]["firmwareVersion"] == "3.0"
    run(play())


@needs_transfers
def test_firmware_that_is_told_and_firmware_that_is_done():
    async def play():
        with files() as server:
            async with bed("--idle", "--speed", "100", "-o", "UpdateFirmware=Pretended*1", "-o",
                           "UpdateFirmware=Wordless*1") as (csms, _):
                await order(csms, server.url + "/fw-2.0.bin")
                await firmware(csms, "Downloading", "Downloaded", "Installing", "Installed")
                assert server.asked == [] and len(csms.sent("BootNotification")) == 1
                told = len(csms.sent("FirmwareStatusNotification"))
                await order(csms, server.url + "/fw-2.0.bin")
                assert (await csms.next("BootNotification"))["firmwareVersion"] == "2.0"
                await csms.next("StatusNotification", connectorId=2)
                assert len(csms.sent("FirmwareStatusNotification")) == told
                assert server.asked == ["/fw-2.0.bin"]
    run(play())


@needs_transfers
def test_diagnostics_that_are_told_and_diagnostics_that_are_sent():
    async def play():
        with files() as server:
            async with bed("--idle", "--speed", "100", "-o", "GetDiagnostics=Pretended*1", "-o",
                           "GetDiagnostics=Wordless*1") as (csms, station):
                await csms.call("GetDiagnostics", {"location": server.url + "/"})
                await diagnostics(csms, "Uploading", "Uploaded")
                assert server.uploads == []
                await csms.call("GetDiagnostics", {"location": server.url + "/"})
                while not station.events("diagnostics.sent"):
                    await csms.call("GetLocalListVersion")
                assert len(server.uploads) == 1
                assert len(csms.sent("DiagnosticsStatusNotification")) == 2
    run(play())


@needs_transfers
@pytest.mark.parametrize("method,folder", [("put", "/d/"), ("post", "/d/"), ("multipart", "/d/"),
                                           ("put", "/whole/name.log")])
def test_diagnostics_are_sent(method, folder):
    async def play():
        with files() as server:
            async with bed("--idle", "--upload", method) as (csms, _):
                name = (await csms.call("GetDiagnostics", {
                    "location": server.url + folder}))["fileName"]
                assert name.startswith("diagnostics-CP-1-") and name.endswith(".log")
                await diagnostics(csms, "Uploading", "Uploaded")
                command, path, kind, body = server.uploads[0]
                assert command == ("PUT" if method == "put" else "POST")
                assert path == (folder + name if folder.endswith("/") else folder)
                assert b"station CP-1" in body and b"key SupportedFeatureProfiles" in body
                if method == "multipart":
                    assert kind.startswith("multipart/form-data")
                    assert f'filename="{name}"'.encode() in body
    run(play())


@needs_transfers
@pytest.mark.parametrize("retries,wanted", [(1, "Uploaded"), (0, "UploadFailed")])
def test_an_upload_is_tried_as_often_as_wanted(retries, wanted):
    async def play():
        with files(failures=1) as server:
            async with bed("--idle", "--speed", "100") as (csms, _):
                await csms.call("GetDiagnostics", {
                    "location": server.url + "/", "retries": retries, "retryInterval": 5})
                await diagnostics(csms, "Uploading", wanted)
                assert len(server.asked) == retries + 1
    run(play())


@needs_transfers
@pytest.mark.parametrize("outcome,wanted", [
    ("Uploading", ["Uploading"]), ("UploadFailed", ["Uploading", "UploadFailed"]),
    ("Uploaded", ["Uploading", "Uploaded"]), ("NoFile", []), ("nothing", [])])
def test_diagnostics_end_where_they_are_told_to(outcome, wanted):
    async def play():
        with files() as server:
            async with bed("--idle", "--speed", "100", "-o",
                           f"GetDiagnostics={outcome}*1") as (csms, _):
                reply = await csms.call("GetDiagnostics", {"location": server.url + "/"})
                assert ("fileName" in reply) == (outcome != "NoFile")
                await diagnostics(csms, *wanted)
                assert len(server.uploads) == wanted.count("Uploaded")
                await csms.call("GetDiagnostics", {"location": server.url + "/"})
                await diagnostics(csms, "Uploading", "Uploaded")
    run(play())


@needs_transfers
def test_firmware_is_fetched_at_its_date_by_a_step_for_its_version(tmp_path):
    path = tmp_path / "firmware.yaml"
    path.write_text("""
steps:
  - connect
  - boot
  - firmware: "9.9"
  - status: {connector: all, status: Available}
  - idle
""", encoding="utf-8")

    async def play():
        with files() as server:
            async with bed("--scenario", str(path), "--speed", "100") as (csms, station):
                await csms.call("UpdateFirmware", {"location": server.url + "/x",
                                                   "retrieveDate": "2099-01-01T00:00:00Z"})
                while not station.events("firmware.ordered"):
                    await csms.call("GetLocalListVersion")
                assert server.asked == []
                # Another order takes its place.
                await order(csms, server.url + "/y")
                await firmware(csms, "Downloading", "Downloaded", "Installing", "Installed")
                assert server.asked == ["/y"]
                assert csms.sent("BootNotification")[-1]["firmwareVersion"] == "9.9"
    run(play())
