# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Cases of the Core profile."""

import asyncio
import time

import pytest
from octt import BLOCKED, EXPIRED, UNKNOWN, VALID

ACCEPTED = {"status": "Accepted"}
# The cases last milliseconds; what a CSMS does by itself may begin later.
QUIET_S = 2


def ago(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() - seconds))


# ---- General validation: no request that nobody asked for ----


async def test_nothing_is_sent_without_an_operator(cp):
    async with cp.booted():
        transaction = await cp.charging()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(cp.played.requests.get(), QUIET_S)
        await cp.stop(transaction, "Local")
        await cp.lose()
    async with cp.online():
        await cp.status("Available")
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(cp.played.requests.get(), QUIET_S)


# ---- 3.1 Cold boot ----


async def test_TC_001_CSMS(cp, daemon):
    async with cp.online():
        await cp.boot()
        for _ in range(3):
            assert set(await cp.call("Heartbeat", {})) == {"currentTime"}
    _, seen = await daemon.api_async("GET", f"/v1/stations/{cp.identity}")
    assert [item["status"] for item in seen["connectors"]] == ["Available"] * 3


# ---- 3.2 Start charging session ----


async def test_TC_003_CSMS(cp):
    async with cp.booted():
        await cp.status("Preparing")
        await cp.authorize()
        await cp.start()
        await cp.status("Charging")


async def test_TC_004_1_CSMS(cp):
    async with cp.booted():
        await cp.charging()


async def test_TC_004_2_CSMS(cp):
    async with cp.booted():
        await cp.authorize()
        await cp.status("Preparing")
        await cp.status("Available")


async def test_TC_005_1_CSMS(cp, operator):
    async with cp.booted():
        transaction = await cp.charging()
        await cp.status("SuspendedEV")
        await cp.stop(transaction, "EVDisconnected")
        await cp.status("Finishing")
        await cp.status("Available")
        await operator.sees_transaction(transaction, stopReason="EVDisconnected", active=False)


# ---- 3.3 Cache ----


async def test_TC_007_CSMS(cp):
    async with cp.booted():
        await cp.status("Preparing")
        await cp.start()
        await cp.status("Charging")


async def test_TC_061_CSMS(cp, operator):
    async with cp.booted():
        assert await operator.request("ClearCache", {}, ACCEPTED) == {}


# ---- 3.4 Remote actions, happy flow ----


async def remote_start(operator, answer):
    sent = await operator.request("RemoteStartTransaction", {"idTag": VALID, "connectorId": 1}, answer)
    assert sent == {"idTag": VALID, "connectorId": 1}
    return sent["idTag"]


async def test_TC_010_CSMS(cp, operator):
    async with cp.booted():
        await cp.status("Preparing")
        tag = await remote_start(operator, ACCEPTED)
        await cp.authorize(tag)
        transaction = await cp.start(tag)
        await cp.status("Charging")
        await operator.sees_transaction(transaction, active=True, remoteStart=True)


async def test_TC_011_1_CSMS(cp, operator):
    async with cp.booted():
        tag = await remote_start(operator, ACCEPTED)
        await cp.authorize(tag)
        await cp.status("Preparing")
        transaction = await cp.start(tag)
        await cp.status("Charging")
        await operator.sees_transaction(transaction, active=True, remoteStart=True)


async def test_TC_011_2_CSMS(cp, operator):
    async with cp.booted():
        tag = await remote_start(operator, ACCEPTED)
        await cp.authorize(tag)
        await cp.status("Preparing")
        await cp.status("Available")


async def test_TC_012_CSMS(cp, operator):
    async with cp.booted():
        transaction = await cp.charging()
        # As an operator finds it.
        listed = await operator.look(f"/v1/transactions?stationId={cp.identity}&active=true")
        shown = [item["transactionId"] for item in listed["items"]]
        sent = await operator.request("RemoteStopTransaction", {"transactionId": shown[0]}, ACCEPTED)
        assert sent == {"transactionId": transaction} and shown == [transaction]
        await cp.stop(transaction, "Remote")
        await cp.status("Finishing")
        await cp.status("Available")
        await operator.sees_transaction(transaction, stopReason="Remote", active=False)


# ---- 3.5 Reset ----


async def reset(cp, operator, kind):
    async with cp.booted():
        assert await operator.request("Reset", {"type": kind}, ACCEPTED) == {"type": kind}
    async with cp.booted():
        await operator.sees(f"/v1/stations/{cp.identity}", lambda found: found["bootReason"] == "RemoteReset")


async def test_TC_013_CSMS(cp, operator):
    await reset(cp, operator, "Hard")


async def test_TC_014_CSMS(cp, operator):
    await reset(cp, operator, "Soft")


# ---- 3.6 and 3.10 Unlock connector ----


async def unlock(operator, status, connector=1):
    sent = await operator.request("UnlockConnector", {"connectorId": connector}, {"status": status})
    assert sent == {"connectorId": connector}


async def test_TC_017_1_CSMS(cp, operator):
    async with cp.booted():
        await unlock(operator, "Unlocked")


async def test_TC_017_2_CSMS(cp, operator):
    async with cp.booted():
        await unlock(operator, "NotSupported")


async def test_TC_018_1_CSMS(cp, operator):
    async with cp.booted():
        transaction = await cp.charging()
        await unlock(operator, "Unlocked")
        await cp.status("Finishing")
        await cp.stop(transaction, "UnlockCommand")
        await cp.status("Available")
        await operator.sees_transaction(transaction, stopReason="UnlockCommand", active=False)


async def test_TC_030_CSMS(cp, operator):
    async with cp.booted():
        await unlock(operator, "UnlockFailed")


async def test_TC_031_CSMS(cp, operator):
    async with cp.booted():
        await unlock(operator, "NotSupported", connector=9)


# ---- 3.7 and 3.13 Configuration ----


PROFILES = {"key": "SupportedFeatureProfiles", "readonly": True,
            "value": "Core,FirmwareManagement,LocalAuthListManagement,Reservation,SmartCharging,RemoteTrigger"}
KEYS = [PROFILES, {"key": "HeartbeatInterval", "readonly": False, "value": "300"},
        {"key": "NumberOfConnectors", "readonly": True, "value": "2"}]


async def sees_keys(cp, operator, keys):
    wanted = {item["key"]: item["value"] for item in keys}
    await operator.sees(
        f"/v1/stations/{cp.identity}/configuration",
        lambda found: {item["key"]: item["value"] for item in found["configurationKey"]} == wanted)


async def test_TC_019_1_CSMS(cp, operator):
    async with cp.booted():
        sent = await operator.request("GetConfiguration", {}, {"configurationKey": KEYS})
        assert sent.get("key", []) == []
        await sees_keys(cp, operator, KEYS)


async def test_TC_019_2_CSMS(cp, operator):
    async with cp.booted():
        sent = await operator.request("GetConfiguration", {"key": [PROFILES["key"]]},
                                      {"configurationKey": [PROFILES]})
        assert sent == {"key": [PROFILES["key"]]}
        await sees_keys(cp, operator, [PROFILES])


async def change(operator, key, value, status):
    body = {"key": key, "value": value}
    assert await operator.request("ChangeConfiguration", body, {"status": status}) == body


async def test_TC_021_CSMS(cp, operator):
    async with cp.booted():
        await change(operator, "MeterValueSampleInterval", "60", "Accepted")
        await sees_keys(cp, operator, [{"key": "MeterValueSampleInterval", "value": "60"}])


async def test_TC_040_1_CSMS(cp, operator):
    async with cp.booted():
        await change(operator, "NoSuchKey", "true", "NotSupported")


async def test_TC_040_2_CSMS(cp, operator):
    async with cp.booted():
        await change(operator, "MeterValueSampleInterval", "-1", "Rejected")


# ---- 3.8 Authorization, non-happy ----


async def test_TC_023_1_CSMS(cp):
    async with cp.booted():
        await cp.authorize(UNKNOWN, "Invalid")


async def test_TC_023_2_CSMS(cp):
    async with cp.booted():
        await cp.authorize(EXPIRED, "Expired")


async def test_TC_023_3_CSMS(cp):
    async with cp.booted():
        await cp.authorize(BLOCKED, "Blocked")


async def test_TC_024_CSMS(cp, operator):
    async with cp.booted():
        await cp.authorize()
        await cp.status("Preparing")
        await cp.status("Faulted", error="ConnectorLockFailure")
        await operator.sees_status(1, "Faulted")


# ---- 3.9 Remote actions, non-happy ----


async def test_TC_026_CSMS(cp, operator):
    async with cp.booted():
        await remote_start(operator, {"status": "Rejected"})


async def test_TC_028_CSMS(cp, operator):
    async with cp.booted():
        transaction = await cp.charging()
        wrong = transaction + 1
        sent = await operator.request(
            "RemoteStopTransaction", {"transactionId": wrong}, {"status": "Rejected"})
        assert sent == {"transactionId": wrong}
        await operator.sees_transaction(transaction, active=True)


# ---- 3.11 Power failure ----


async def test_TC_032_1_CSMS(cp, operator):
    async with cp.booted():
        transaction = await cp.charging()
        await cp.lose()
    async with cp.online():
        await cp.boot(connector_1="Finishing")
        await cp.stop(transaction, "PowerLoss")
        await operator.sees_transaction(transaction, stopReason="PowerLoss", active=False)


# ---- 3.12 Offline behaviour ----


async def test_TC_037_1_CSMS(cp, operator):
    async with cp.booted():
        await cp.lose()
    started = ago(600)
    async with cp.online():
        transaction = await cp.start(timestamp=started)
        await cp.status("Charging")
        await operator.sees_transaction(transaction, active=True, startTimestamp=started)


async def test_TC_037_3_CSMS(cp, operator):
    async with cp.booted():
        await cp.lose()
    async with cp.online():
        transaction = await cp.start(UNKNOWN, status="Invalid", timestamp=ago(600))
        await cp.status("Charging")
        await cp.stop(transaction, "DeAuthorized", UNKNOWN)
        await cp.status("Finishing")
        seen = await operator.sees_transaction(transaction, stopReason="DeAuthorized", active=False)
        assert "unauthorised" in seen["flags"]


async def test_TC_039_CSMS(cp, operator):
    async with cp.booted():
        await cp.lose()
    started, stopped = ago(1200), ago(600)
    async with cp.online():
        transaction = await cp.start(timestamp=started)
        await cp.stop(transaction, "Local", timestamp=stopped)
        await operator.sees_transaction(transaction, stopReason="Local", active=False,
                                        startTimestamp=started, stopTimestamp=stopped, energyWh=500)


# ---- 3.20 Data transfer ----


async def test_TC_064_CSMS(cp):
    async with cp.booted():
        answer = await cp.call("DataTransfer", {"vendorId": "com.example.nobody", "messageId": "Any", "data": "x"})
        assert answer == {"status": "UnknownVendorId"}
