# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""What the tests of firmware updates and diagnostics share: a daemon, stations that take both, and
looks at jobs and rollouts."""

import contextlib

import pytest
from harness import Daemon, Station, eventually

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
    """Waits for a state by the events' own effect."""
    return await daemon.api_until(path_of(job), lambda body: body["state"] in states)


async def newest(daemon, path, station_id):
    status, body = await daemon.api_async("GET", f"{path}?stationId={station_id}&limit=1")
    assert status == 200, body
    return body["items"][0]


async def called(station, count=1):
    await eventually(lambda: len(station.calls) >= count)
    return station.calls[count - 1]


async def tell(station, *words, action="FirmwareStatusNotification"):
    for word in words:
        assert await station.call(action, {"status": word}) == {}


async def tell_upload(station, *words):
    await tell(station, *words, action="DiagnosticsStatusNotification")


def events(body):
    return [(line["event"], line.get("text")) for line in body["history"]]


async def rollout_until(daemon, rollout, *states):
    return await daemon.api_until(f"{ROLLOUTS}/{rollout['rolloutId']}",
                                  lambda body: body["state"] in states)


async def jobs_of(daemon, rollout, **query):
    more = "".join(f"&{key}={value}" for key, value in query.items())
    status, body = await daemon.api_async("GET", f"{UPDATES}?rolloutId={rollout['rolloutId']}{more}")
    assert status == 200, body
    return body["items"]
