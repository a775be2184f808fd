# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Cases of the Firmware Management profile."""

import asyncio
import http.client
import urllib.parse

import pytest
from harness import DEADLINE_S

UPDATE = {"location": "ftp://fw:secret@files.example.org:2121/images/fw-1.5.0.bin", "retries": 3,
          "retrieveDate": "2026-03-01T10:00:00.000Z", "retryInterval": 60}
DIAGNOSTICS = {"location": "ftp://logs:secret@files.example.org:2121/incoming/", "retries": 2,
               "retryInterval": 30, "startTime": "2026-03-01T00:00:00.000Z",
               "stopTime": "2026-03-02T00:00:00.000Z"}
LOG = b"2026-03-01T10:00:00Z all is well\n"


async def told(cp, action, *words):
    for word in words:
        assert await cp.call(action, {"status": word}) == {}


async def firmware(cp, *words):
    await told(cp, "FirmwareStatusNotification", *words)


async def upload(cp, *words):
    await told(cp, "DiagnosticsStatusNotification", *words)


async def sees(cp, operator, kind, state, **members):
    """How it stands, by the newest job of the station."""
    wanted = {"state": state, **members}
    return (await operator.sees(
        f"/v1/firmware/{kind}?stationId={cp.identity}&limit=1",
        lambda found: all(found["items"][0].get(name) == value for name, value in wanted.items())
    ))["items"][0]


async def reboots(cp):
    confirmation = await cp.call("BootNotification", {
        "chargePointVendor": "VendorX", "chargePointModel": "DualSocket",
        "chargePointSerialNumber": "SN-000123", "firmwareVersion": "1.5.0"})
    assert confirmation["status"] == "Accepted", confirmation
    await cp.statuses("Available")


async def test_TC_044_1_CSMS(cp, operator):
    async with cp.booted():
        assert await operator.request("UpdateFirmware", UPDATE, {}) == UPDATE
        await firmware(cp, "Downloading", "Downloaded")
        await sees(cp, operator, "updates", "Downloaded")
        await cp.statuses("Unavailable")
        await firmware(cp, "Installing")
        await reboots(cp)
        await firmware(cp, "Installed")
        await sees(cp, operator, "updates", "Verified", versionBefore="1.4.2", bootedVersion="1.5.0",
                   lastStatus="Installed")


async def test_TC_044_2_CSMS(cp, operator):
    async with cp.booted():
        assert await operator.request("UpdateFirmware", UPDATE, {}) == UPDATE
        await firmware(cp, "Downloading", "DownloadFailed")
        await sees(cp, operator, "updates", "Failed", failure="DownloadFailed")


async def test_TC_044_3_CSMS(cp, operator):
    async with cp.booted():
        assert await operator.request("UpdateFirmware", UPDATE, {}) == UPDATE
        await firmware(cp, "Downloading", "Downloaded")
        await cp.statuses("Unavailable")
        await firmware(cp, "Installing")
        await cp.boot()
        await firmware(cp, "InstallationFailed")
        await sees(cp, operator, "updates", "Failed", failure="InstallationFailed",
                   bootedVersion="1.4.2")


def put(location):
    parts = urllib.parse.urlsplit(location)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=DEADLINE_S)
    try:
        connection.request("PUT", parts.path + "log.txt", LOG)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("terms", [DIAGNOSTICS, {}], ids=["elsewhere", "hosted"])
async def test_TC_045_1_CSMS(cp, operator, terms):
    async with cp.booted():
        sent = await operator.request("GetDiagnostics", terms, {"fileName": "log.txt"})
        assert {**sent, **terms} == sent
        await upload(cp, "Uploading")
        if terms:
            await upload(cp, "Uploaded")
            await sees(cp, operator, "diagnostics", "Uploaded", fileName="log.txt")
            return
        # The upload really goes to the location.
        assert list(sent) == ["location"]
        assert await asyncio.get_running_loop().run_in_executor(None, put, sent["location"]) < 300
        await upload(cp, "Uploaded")
        job = await sees(cp, operator, "diagnostics", "Received", bytes=len(LOG))
        files = await operator.look(f"/v1/files?stationId={cp.identity}")
        assert [item["fileId"] for item in files["items"]] == [job["fileId"]]


async def test_TC_045_2_CSMS(cp, operator):
    async with cp.booted():
        sent = await operator.request("GetDiagnostics", DIAGNOSTICS, {"fileName": "log.txt"})
        assert sent == DIAGNOSTICS
        await upload(cp, "Uploading", "UploadFailed")
        await sees(cp, operator, "diagnostics", "Failed", failure="UploadFailed")
