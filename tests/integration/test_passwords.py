# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Changing a station's password by ChangeConfiguration: what is good meanwhile, and afterwards."""

import asyncio
import base64
import os

import pytest
import websockets
from harness import Daemon, Station, eventually, run
from test_core_profile import command, core, is_equal, keys_of

KEY = "000102030405060708090a0b0c0d0e0f"
OTHER_KEY = "ffeeddccbbaa99887766554433221100"
THIRD_KEY = "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("passwords"), core()) as running:
        yield running


def basic(station_id, key):
    raw = station_id.encode() + b":" + bytes.fromhex(key)
    return {"extra_headers": {"Authorization": "Basic " + base64.b64encode(raw).decode()}}


async def may_connect(daemon, station_id, key):
    try:
        async with Station.connect(daemon, station_id, boot=False, **basic(station_id, key)) as station:
            await station.call("BootNotification", {"chargePointVendor": "a", "chargePointModel": "b"})
            return True
    except websockets.InvalidStatusCode as refusal:
        assert refusal.status_code == 401
        assert daemon.log.wait("station.refused", station=station_id)["status"] == "401"
        return False


PASSWORDS = [("Accepted", False, True), ("Rejected", True, False), ("NotSupported", True, False)]


@pytest.mark.parametrize("word,old,new", PASSWORDS, ids=[row[0] for row in PASSWORDS])
def test_password_is_settled_by_the_answer(daemon, word, old, new):
    async def session():
        name = "PW-" + word
        await daemon.api_async("PUT", f"/v1/stations/{name}", {"securityProfile": 1, "authorizationKey": KEY})
        async with Station.connect(daemon, name, **basic(name, KEY)) as station:
            station.on_call["ChangeConfiguration"] = lambda payload: {"status": word}
            status, _ = await command(daemon, "ChangeConfiguration",
                                      {"key": "AuthorizationKey", "value": OTHER_KEY}, name)
            assert status == 200
            step = "accepted" if word == "Accepted" else "refused"
            await asyncio.get_running_loop().run_in_executor(
                None, lambda: daemon.log.wait("password.changed", station=name, step=step))
        assert await may_connect(daemon, name, KEY) == old
        assert await may_connect(daemon, name, OTHER_KEY) == new
        assert OTHER_KEY not in daemon.log.text()
        assert (await keys_of(daemon, name)).get("AuthorizationKey") is None
    run(session())


@pytest.mark.parametrize("used", [KEY, OTHER_KEY], ids=["old", "new"])
@pytest.mark.parametrize("how", ["timeout", "gone", "RebootRequired"])
def test_password_in_doubt_is_settled_by_a_connection(daemon, how, used):
    async def session():
        name = f"PW-{how}-{'old' if used == KEY else 'new'}"
        other = OTHER_KEY if used == KEY else KEY
        await daemon.api_async("PUT", f"/v1/stations/{name}", {"securityProfile": 1, "authorizationKey": KEY})
        async with Station.connect(daemon, name, **basic(name, KEY)) as station:
            station.on_call["ChangeConfiguration"] = \
                lambda payload: {"status": how} if how == "RebootRequired" else None
            asked = asyncio.ensure_future(command(
                daemon, "ChangeConfiguration", {"key": "AuthorizationKey", "value": OTHER_KEY}, name,
                "?timeout=1"))
            await eventually(lambda: is_equal(called(station), True))
            if how != "gone":
                await asked
        assert (await asked)[0] == {"timeout": 504, "gone": 409, "RebootRequired": 200}[how]
        assert await may_connect(daemon, name, used)
        await asyncio.get_running_loop().run_in_executor(
            None, lambda: daemon.log.wait("password.changed", station=name, step="used"))
        assert not await may_connect(daemon, name, other)
        assert await may_connect(daemon, name, used)

    async def called(station):
        return len(station.calls) > 0
    run(session())


def test_password_in_doubt_survives_a_restart(tmp_path):
    async def before(running):
        await running.api_async("PUT", "/v1/stations/CP-1", {"securityProfile": 1, "authorizationKey": KEY})
        async with Station.connect(running, **basic("CP-1", KEY)) as station:
            for key in (OTHER_KEY, THIRD_KEY):
                station.on_call["ChangeConfiguration"] = lambda payload: {"status": "RebootRequired"}
                await command(running, "ChangeConfiguration", {"key": "AuthorizationKey", "value": key})

    async def after(running):
        assert await may_connect(running, "CP-1", OTHER_KEY)
        await asyncio.get_running_loop().run_in_executor(
            None, lambda: running.log.wait("password.changed", step="used"))
        for key, wanted in ((KEY, False), (THIRD_KEY, False), (OTHER_KEY, True)):
            assert await may_connect(running, "CP-1", key) == wanted

    with Daemon(tmp_path, core()) as running:
        run(before(running))
        running.restart()
        run(after(running))
        with open(os.path.join(running.folder, "ocppd.db"), "rb") as file:
            assert OTHER_KEY.encode() not in file.read()


def test_passwords_offered_are_bounded(daemon):
    async def session():
        name = "PW-MANY"
        await daemon.api_async("PUT", f"/v1/stations/{name}", {"securityProfile": 1, "authorizationKey": KEY})
        async with Station.connect(daemon, name, **basic(name, KEY)) as station:
            station.on_call["ChangeConfiguration"] = lambda payload: {"status": "RebootRequired"}
            for number in range(5):
                body = {"key": "authorizationkey", "value": f"{number:032x}"}
                status, answer = await command(daemon, "ChangeConfiguration", body, name)
                assert status == (422 if number == 4 else 200), answer
            assert len(station.calls) == 4
            # An operator's word ends all doubt.
            await daemon.api_async("PUT", f"/v1/stations/{name}", {"authorizationKey": OTHER_KEY})
        assert not await may_connect(daemon, name, KEY)
        assert not await may_connect(daemon, name, f"{0:032x}")
        assert await may_connect(daemon, name, OTHER_KEY)
    run(session())


def test_offered_password_in_its_hex_form(daemon):
    def hex_text(key):
        return key.upper().encode().hex()

    async def session():
        name = "PW-HEX"
        await daemon.api_async("PUT", f"/v1/stations/{name}", {
            "securityProfile": 1, "authorizationKey": KEY, "quirks": ["accept_hex_password"]})
        async with Station.connect(daemon, name, **basic(name, hex_text(KEY))) as station:
            station.on_call["ChangeConfiguration"] = lambda payload: {"status": "RebootRequired"}
            await command(daemon, "ChangeConfiguration", {"key": "AuthorizationKey", "value": OTHER_KEY}, name)
        assert await may_connect(daemon, name, hex_text(OTHER_KEY))
        await asyncio.get_running_loop().run_in_executor(
            None, lambda: daemon.log.wait("password.changed", station=name, step="used"))
        assert not await may_connect(daemon, name, KEY)
        assert not await may_connect(daemon, name, hex_text(KEY))
        assert await may_connect(daemon, name, OTHER_KEY)
    run(session())


def test_password_of_a_configured_station_stays(tmp_path):
    stations = [{"id": "FIXED", "authorization_key": KEY, "security_profile": 1}]

    async def session(running):
        async with Station.connect(running, "FIXED", **basic("FIXED", KEY)) as station:
            station.on_call["ChangeConfiguration"] = lambda payload: {"status": "Rejected"}
            status, answer = await command(running, "ChangeConfiguration",
                                           {"key": "AuthorizationKey", "value": OTHER_KEY}, "FIXED")
            assert status == 200 and "configuration file" in answer["warnings"][0]
        assert await may_connect(running, "FIXED", KEY)

    with Daemon(tmp_path, {**core(), "stations": {"unknown": "accept", "stations": stations}}) as running:
        run(session(running))
