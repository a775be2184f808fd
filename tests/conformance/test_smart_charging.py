# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Cases of the Smart Charging profile."""

import pytest
from octt import VALID

ACCEPTED = {"status": "Accepted"}
CONNECTOR = 1
LEVEL = 2
DURATION_S = 86400
FROM = "2026-01-01T00:00:00.000Z"
UNTIL = "2099-01-01T00:00:00.000Z"
ABSOLUTE = {"validFrom": FROM, "validTo": UNTIL}
LIMITS = {"A": 6.0, "W": 6000.0}


def profile(purpose, kind="Absolute", unit="A", phases=3, **more):
    period = {"startPeriod": 0, "limit": LIMITS[unit], "numberPhases": phases}
    schedule = {"chargingRateUnit": unit, "duration": DURATION_S, "chargingSchedulePeriod": [period]}
    if kind == "Absolute":
        schedule["startSchedule"] = FROM
        more = {**ABSOLUTE, **more}
    return {"stackLevel": LEVEL, "chargingProfilePurpose": purpose, "chargingProfileKind": kind,
            "chargingSchedule": schedule, **more}


async def set_profile(operator, wanted, connector=CONNECTOR, **chosen):
    """What is chosen by the CSMS stands in chosen, but for the profile's id, which this gives."""
    sent = await operator.request(
        "SetChargingProfile", {"connectorId": connector, "csChargingProfiles": wanted}, ACCEPTED)
    identity = sent["csChargingProfiles"].pop("chargingProfileId")
    assert sent == {"connectorId": connector, "csChargingProfiles": {**wanted, **chosen}}
    return identity


async def sees_held(cp, operator, wanted):
    await operator.sees(
        f"/v1/stations/{cp.identity}/charging-profiles",
        lambda found: sorted(item["chargingProfileId"] for item in found["items"]) == sorted(wanted))


@pytest.mark.parametrize("unit, phases", [("A", 3), ("W", 1)])
async def test_TC_056_CSMS(cp, operator, unit, phases):
    async with cp.booted():
        made = await set_profile(operator, profile("TxDefaultProfile", unit=unit, phases=phases))
        await sees_held(cp, operator, [made])


@pytest.mark.parametrize("kind", ["Absolute", "Relative"])
async def test_TC_057_CSMS(cp, operator, kind):
    async with cp.booted():
        transaction = await cp.charging()
        made = await set_profile(operator, profile("TxProfile", kind), transactionId=transaction)
        await sees_held(cp, operator, [made])


async def test_TC_066_CSMS(cp, operator):
    body = {"connectorId": CONNECTOR, "duration": 300, "chargingRateUnit": "W"}
    answer = {**ACCEPTED, "connectorId": CONNECTOR, "scheduleStart": FROM, "chargingSchedule": {
        "duration": 300, "startSchedule": FROM, "chargingRateUnit": "W", "minChargingRate": 6000.0,
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6000.0, "numberPhases": 3}]}}
    async with cp.booted():
        assert await operator.request("GetCompositeSchedule", body, answer) == body


async def clear(operator, body):
    assert await operator.request("ClearChargingProfile", body, ACCEPTED) == body


async def test_TC_067_CSMS(cp, operator):
    async with cp.booted():
        transaction = await cp.charging()
        first = await set_profile(operator, profile("ChargePointMaxProfile"), connector=0)
        second = await set_profile(operator, profile("TxDefaultProfile"))
        third = await set_profile(operator, profile("TxProfile", "Relative"), transactionId=transaction)
        assert len({first, second, third}) == 3
        await sees_held(cp, operator, [first, second, third])
        await clear(operator, {"id": first})
        await sees_held(cp, operator, [second, third])
        await clear(operator, {"connectorId": CONNECTOR, "chargingProfilePurpose": "TxDefaultProfile",
                               "stackLevel": LEVEL})
        await sees_held(cp, operator, [third])
        await clear(operator, {})
        await sees_held(cp, operator, [])


@pytest.mark.parametrize("kind", ["Absolute", "Relative"])
async def test_TC_059_CSMS(cp, operator, kind):
    body = {"idTag": VALID, "connectorId": CONNECTOR,
            "chargingProfile": profile("TxProfile", kind, chargingProfileId=7)}
    async with cp.booted():
        assert await operator.request("RemoteStartTransaction", body, ACCEPTED) == body
        await cp.authorize(VALID)
        await cp.status("Preparing")
        transaction = await cp.start(VALID)
        await cp.status("Charging")
        await operator.sees_transaction(transaction, remoteStart=True)
        await sees_held(cp, operator, [7])
