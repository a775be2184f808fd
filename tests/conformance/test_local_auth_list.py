# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Cases of the Local Authorization List Management profile."""

from octt import SAME_PARENT, TAGS, VALID

ENTRY = {"idTag": VALID, "idTagInfo": {"status": "Accepted"}}
ADDED = {"idTag": SAME_PARENT, "idTagInfo": {"status": "Accepted"}}


async def get_version(operator, version):
    assert await operator.request("GetLocalListVersion", {}, {"listVersion": version}) == {}


async def send_list(operator, kind, entries, status):
    """The version that the CSMS chose."""
    sent = await operator.request(
        "SendLocalList", {"updateType": kind, "localAuthorizationList": entries}, {"status": status})
    assert sent["updateType"] == kind and sent["listVersion"] > 0
    assert sent["localAuthorizationList"] == entries
    return sent["listVersion"]


async def acknowledged(cp, operator, version, entries):
    """What the CSMS takes the station to have."""
    path = f"/v1/stations/{cp.identity}/local-list?entries=true"
    body = await operator.sees(path, lambda found: found["version"] == version)
    assert sorted(item["idTag"] for item in body["acknowledged"]) == sorted(entries)


async def test_TC_042_1_CSMS(cp, operator):
    async with cp.booted():
        await get_version(operator, -1)


async def test_TC_042_2_CSMS(cp, operator):
    async with cp.booted():
        await get_version(operator, 0)


async def test_TC_043_1_CSMS(cp, operator):
    async with cp.booted():
        await send_list(operator, "Full", [ENTRY], "NotSupported")


async def test_TC_043_3_CSMS(cp, operator):
    async with cp.booted():
        await send_list(operator, "Full", [ENTRY], "Failed")


async def test_TC_043_4_CSMS(cp, operator):
    async with cp.booted():
        version = await send_list(operator, "Full", [ENTRY, ADDED], "Accepted")
        await acknowledged(cp, operator, version, [VALID, SAME_PARENT])


async def test_TC_043_5_CSMS(cp, operator):
    """The differential one is written by the operator."""
    async with cp.booted():
        first = await send_list(operator, "Full", [ENTRY], "Accepted")
        await get_version(operator, first)
        second = await send_list(operator, "Differential", [ADDED], "Accepted")
        assert second > first
        await acknowledged(cp, operator, second, [VALID, SAME_PARENT])


async def synchronise(cp, operator, version):
    """The CSMS works out what to send; gives that."""
    path = f"/v1/stations/{cp.identity}/local-list/sync"
    asked = operator.asks(path, {}, "local-lists", "sync", cp.identity)
    assert await operator.served(asked, "GetLocalListVersion", {"listVersion": version}) == {}
    sent = await operator.served(asked, "SendLocalList", {"status": "Accepted"})
    assert (await asked)["state"] == "InStep"
    return sent


async def test_TC_043_5_CSMS_computed(cp, operator):
    """The differential one follows from a new id tag."""
    added = f"ADDED-{operator.tool}"
    async with cp.booted():
        full = await synchronise(cp, operator, 0)
        assert full["updateType"] == "Full" and full["listVersion"] > 0
        assert all("status" in entry["idTagInfo"] for entry in full["localAuthorizationList"])
        listed = [entry["idTag"] for entry in full["localAuthorizationList"]]
        assert set(TAGS) <= set(listed) and added not in listed
        status, _ = await operator.daemon.api_async("PUT", f"/v1/id-tags/{added}", {})
        assert status == 200
        sent = await synchronise(cp, operator, full["listVersion"])
        assert sent["updateType"] == "Differential" and sent["listVersion"] > full["listVersion"]
        assert sent["localAuthorizationList"] == [
            {"idTag": added, "idTagInfo": {"status": "Accepted"}}]
        await acknowledged(cp, operator, sent["listVersion"], [*listed, added])
