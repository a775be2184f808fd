# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Cases of the Remote Trigger profile."""

import pytest
from harness import now

ROUNDS = [
    {"requestedMessage": "MeterValues", "connectorId": 1},
    {"requestedMessage": "Heartbeat"},
    {"requestedMessage": "StatusNotification", "connectorId": 1},
    {"requestedMessage": "DiagnosticsStatusNotification"},
    {"requestedMessage": "FirmwareStatusNotification"},
]


async def trigger(operator, body, status):
    assert await operator.request("TriggerMessage", body, {"status": status}) == body


async def send(cp, message):
    if message == "MeterValues":
        assert await cp.call(message, {"connectorId": 1, "meterValue": [{
            "timestamp": now(), "sampledValue": [{"value": "1000", "context": "Trigger"}]}]}) == {}
    elif message == "Heartbeat":
        assert "currentTime" in await cp.call(message, {})
    elif message == "StatusNotification":
        await cp.status("Available")
    else:
        assert await cp.call(message, {"status": "Idle"}) == {}


async def outcomes(cp, operator, wanted):
    """Of each trigger, as the CSMS joined what came to what was asked for; newest first."""
    await operator.sees(
        f"/v1/triggers?stationId={cp.identity}",
        lambda found: [(item["requestedMessage"], item["outcome"]) for item in found["items"]] == wanted)


@pytest.mark.parametrize("last", ["Accepted", "NotImplemented"])
async def test_TC_054_CSMS(cp, operator, last):
    came = []
    async with cp.booted():
        for body in ROUNDS:
            status = last if body is ROUNDS[-1] else "Accepted"
            await trigger(operator, body, status)
            if status == "Accepted":
                await send(cp, body["requestedMessage"])
            came.insert(0, (body["requestedMessage"], "Arrived" if status == "Accepted" else status))
            await outcomes(cp, operator, came)


async def test_TC_055_CSMS(cp, operator):
    async with cp.booted():
        await trigger(operator, {"requestedMessage": "MeterValues"}, "Rejected")
        await outcomes(cp, operator, [("MeterValues", "Rejected")])
