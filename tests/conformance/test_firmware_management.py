# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Cases of the Firmware Management profile: with locations elsewhere, as the operator types them, and
with files that the CSMS hosts and that really move."""

import asyncio
import urllib.request

import pytest
from harness import DEADLINE_S

UPDATE = {"location": "ftp://fw:secret@files.example.org:2121/images/fw-1.5.0.bin", "retries": 3,
          "retrieveDate": "2026-03-01T10:00:00.000Z", "retryInterval": 60}
DIAGNOSTICS = {"location": "ftp://logs:secret@files.example.org:2121/incoming/", "retries": 2,
               "retryInterval": 30, "startTime": "2026-03-01T00:00:00.000Z",
               "stopTime": "2026-03-02T00:00:00.000Z"}
LOG = b"2026-03-01T10:00:00Z all is well\n" * 500
IMAGE = bytes(range(256)) * 400


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


async def transfer(url, method="GET", data=None):
    """What a station does with a location, and an operator with the URL of a file; gives the body."""
    def ask():
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        request = urllib.request.Request(url, data, method=method)
        with opener.open(request, timeout=DEADLINE_S) as answer:
            return answer.read()
    return await asyncio.get_running_loop().run_in_executor(None, ask)


async def post(operator, path, body, expected):
    status, answer = await operator.daemon.api_async("POST", path, body)
    assert status == expected, answer
    return answer


async def install(cp):
    await firmware(cp, "Downloaded")
    await cp.statuses("Unavailable")
    await firmware(cp, "Installing")


async def test_TC_044_1_CSMS(cp, operator):
    async with cp.booted():
        assert await operator.request("UpdateFirmware", UPDATE, {}) == UPDATE
        await firmware(cp, "Downloading")
        await install(cp)
        await sees(cp, operator, "updates", "Installing")
    cp.firmware = "1.5.0"
    async with cp.booted():
        await firmware(cp, "Installed")
        await sees(cp, operator, "updates", "Verified", versionBefore="1.4.2", bootedVersion="1.5.0",
                   lastStatus="Installed")


async def test_TC_044_1_CSMS_hosted(cp, operator):
    """The operator names an image, the CSMS makes the location, and the station fetches from it."""
    image = f"acme-1.5.0-{operator.tool}.bin"
    ticket = await post(operator, "/v1/files/images", {"name": image, "firmwareVersion": "1.5.0"}, 201)
    await transfer(ticket["url"], "PUT", IMAGE)
    async with cp.booted():
        await operator.asks("/v1/firmware/updates", {"stationId": cp.identity, "image": image},
                            "firmware", "update", cp.identity, "--image", image)
        message_id, sent = await cp.requested("UpdateFirmware")
        assert sorted(sent) == ["location", "retrieveDate"]
        await cp.answer(message_id, {})
        await firmware(cp, "Downloading")
        assert await transfer(sent["location"]) == IMAGE
        await install(cp)
    cp.firmware = "1.5.0"
    async with cp.booted():
        await firmware(cp, "Installed")
        await sees(cp, operator, "updates", "Verified", image=image, bytes=len(IMAGE))


async def test_TC_044_2_CSMS(cp, operator):
    async with cp.booted():
        assert await operator.request("UpdateFirmware", UPDATE, {}) == UPDATE
        await firmware(cp, "Downloading", "DownloadFailed")
        await sees(cp, operator, "updates", "Failed", failure="DownloadFailed")


async def test_TC_044_3_CSMS(cp, operator):
    async with cp.booted():
        assert await operator.request("UpdateFirmware", UPDATE, {}) == UPDATE
        await firmware(cp, "Downloading")
        await install(cp)
    async with cp.booted():
        await firmware(cp, "InstallationFailed")
        await sees(cp, operator, "updates", "Failed", failure="InstallationFailed",
                   bootedVersion="1.4.2")


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
        await transfer(sent["location"] + "log.txt", "PUT", LOG)
        await upload(cp, "Uploaded")
        job = await sees(cp, operator, "diagnostics", "Received", bytes=len(LOG))
        ticket = await post(operator, f"/v1/files/{job['fileId']}/download", None, 200)
        assert await transfer(ticket["url"]) == LOG


async def test_TC_045_2_CSMS(cp, operator):
    async with cp.booted():
        sent = await operator.request("GetDiagnostics", DIAGNOSTICS, {"fileName": "log.txt"})
        assert sent == DIAGNOSTICS
        await upload(cp, "Uploading", "UploadFailed")
        await sees(cp, operator, "diagnostics", "Failed", failure="UploadFailed")
