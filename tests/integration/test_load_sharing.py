# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""The example acme_share: a load manager of a third party, built on ocppd.smart_charging."""

import asyncio
import contextlib
import os
import signal

from harness import PLUGINS, Daemon, Station, run

MODULES = os.path.abspath(os.path.join(PLUGINS, "..", "tests", "modules", "modules"))
ACCEPTED, REJECTED = 1, 2


async def wait_shares(daemon, wanted):
    """Until each connector that charges has its share: (station, connector, share, outcome, in force)."""
    for _ in range(1000):
        status, body = await daemon.api_async("GET", "/v1/acme/share")
        assert status == 200, body
        found = sorted((item["stationId"], item["connectorId"], item["wantedTenths"],
                        item["outcome"], item["limitTenths"]) for item in body["items"])
        if found == wanted:
            return
        await asyncio.sleep(0.02)
    assert found == wanted


def limits(station):
    return [frame[3]["csChargingProfiles"]["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"]
            for frame in station.calls if frame[2] == "SetChargingProfile"]


@contextlib.asynccontextmanager
async def charger(daemon, name, answer="Accepted"):
    async with Station.connect(daemon, name, boot=False) as station:
        station.on_call["SetChargingProfile"] = lambda _: {"status": answer}
        station.on_call["ClearChargingProfile"] = lambda _: {"status": "Accepted"}
        await station.boot()
        yield station


def test_limit_of_a_site_is_shared_by_what_charges(tmp_path):
    async def play(daemon):
        async with charger(daemon, "CP-1") as one, charger(daemon, "CP-2") as two:
            await wait_shares(daemon, [])
            first = (await one.start())["transactionId"]
            await wait_shares(daemon, [("CP-1", 1, 630, ACCEPTED, 630)])
            second = (await one.start(connector=2, tag="TAG-2"))["transactionId"]
            await two.start(tag="TAG-3")
            await wait_shares(daemon, [("CP-1", 1, 210, ACCEPTED, 210),
                                       ("CP-1", 2, 210, ACCEPTED, 210),
                                       ("CP-2", 1, 210, ACCEPTED, 210)])
            # One profile a connector, replaced each time.
            for name, count in (("CP-1", 2), ("CP-2", 1)):
                _, body = await daemon.api_async("GET", f"/v1/stations/{name}/charging-profiles")
                assert len(body["items"]) == count, body
            await one.stop(first)
            await wait_shares(daemon, [("CP-1", 2, 315, ACCEPTED, 315),
                                       ("CP-2", 1, 315, ACCEPTED, 315)])
            assert any(frame[2] == "ClearChargingProfile" for frame in one.calls)
            # What the operator allows now.
            daemon.settings["plugins"]["acme_share"] = {"site_limit": 32}
            daemon.write_config()
            daemon.process.send_signal(signal.SIGHUP)
            await wait_shares(daemon, [("CP-1", 2, 160, ACCEPTED, 160),
                                       ("CP-2", 1, 160, ACCEPTED, 160)])
            assert limits(two)[-1] == 16
            await one.stop(second)
            await wait_shares(daemon, [("CP-2", 1, 320, ACCEPTED, 320)])

    with Daemon(tmp_path, {"acme_share": {}}, module_dir=[MODULES], connect_grace="0s") as daemon:
        run(play(daemon))


def test_refused_share_is_known_and_found_again_after_a_restart(tmp_path):
    async def play(daemon):
        async with charger(daemon, "CP-1", "Rejected") as station:
            transaction = (await station.start())["transactionId"]
            await wait_shares(daemon, [("CP-1", 1, 630, REJECTED, -1)])
            assert daemon.log.events("acme.share_refused")
            daemon.restart()
        async with charger(daemon, "CP-1") as station:
            await wait_shares(daemon, [("CP-1", 1, 630, ACCEPTED, 630)])
            await station.start(connector=2, tag="TAG-2")
            await wait_shares(daemon, [("CP-1", 1, 315, ACCEPTED, 315),
                                       ("CP-1", 2, 315, ACCEPTED, 315)])
            await station.stop(transaction)
            await wait_shares(daemon, [("CP-1", 2, 630, ACCEPTED, 630)])

    with Daemon(tmp_path, {"acme_share": {}}, module_dir=[MODULES], connect_grace="0s") as daemon:
        run(play(daemon))
