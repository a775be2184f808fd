# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Quirk profiles: matched by what stations say of themselves, checked where they stand, counted."""

import os
import shutil

import pytest
from harness import CallError, Daemon, Station, run

PROFILES = [
    {"name": "everybody", "quirks": ["naive_time_zone=+05:00"]},
    {"name": "Acme", "match": {"vendor": "acme*"}, "quirks": ["D", "whole_seconds"]},
    {"name": "Acme, new", "match": {"vendor": "ACME*", "firmware": "2.?"},
     "quirks": ["-D05", "whole_seconds=false", "naive_time_zone=UTC"]},
    {"name": "bench", "match": {"station": "BENCH-*"}, "strict": "true"},
]

LONG = "123456789012345678901"


def daemon_with(folder, profiles=None, **more):
    return Daemon(folder, plugins={"stations": {
        "unknown": "accept", "quirk_profiles": PROFILES if profiles is None else profiles, **more}})


async def authorize(station, payload):
    """The status, or the code of the refusal."""
    try:
        return (await station.call("Authorize", payload))["idTagInfo"]["status"]
    except CallError as error:
        return error.code


async def boot(station, vendor="Acme Ltd", firmware="1.0"):
    return await station.call("BootNotification", {
        "chargePointVendor": vendor, "chargePointModel": "M", "firmwareVersion": firmware})


def has_fraction(answer):
    return "." in answer["currentTime"]


def test_profile_holds_from_the_boot_on(tmp_path):
    async def go(daemon):
        async with Station.connect(daemon, "CP-1", boot=False) as station:
            # The answer to the boot that matched is given by the profile already.
            assert not has_fraction(await boot(station))
            assert not has_fraction(await station.call("Heartbeat", {}))
            assert await authorize(station, {"idTag": LONG}) == "Invalid"
            assert await authorize(station, {"idTag": "T", "x": 1}) == "Invalid"
            # A later profile outweighs an earlier one.
            assert has_fraction(await boot(station, firmware="2.1"))
            assert await authorize(station, {"idTag": LONG}) == "Invalid"
            assert await authorize(station, {"idTag": "T", "x": 1}) == "FormationViolation"
            # Another vendor: nothing of it holds any more.
            assert has_fraction(await boot(station, vendor="Other"))
            assert await authorize(station, {"idTag": LONG}) == "PropertyConstraintViolation"

    with daemon_with(tmp_path) as daemon:
        run(go(daemon))


def test_profile_holds_for_reconnects_and_after_a_restart(tmp_path):
    async def booted(daemon):
        for station_id in ("CP-1", "CP-2"):
            async with Station.connect(daemon, station_id, boot=False) as station:
                await boot(station)

    async def reconnected(daemon):
        for station_id in ("CP-1", "CP-2"):
            async with Station.connect(daemon, station_id, boot=False) as station:
                assert not has_fraction(await station.call("Heartbeat", {}))
                assert await authorize(station, {"idTag": LONG}) == "Invalid"

    # One of the database, one of the configuration.
    with daemon_with(tmp_path, stations=[{"id": "CP-2"}]) as daemon:
        run(booted(daemon))
        run(reconnected(daemon))
        daemon.restart()
        run(reconnected(daemon))


def test_own_list_outweighs_profiles(tmp_path):
    async def go(daemon):
        async with Station.connect(daemon, "CP-1", boot=False) as station:
            await boot(station)
        status, _ = daemon.api("PUT", "/v1/stations/CP-1", {
            "quirks": ["-D03", "whole_seconds=false"]})
        assert status == 200
        async with Station.connect(daemon, "CP-1", boot=False) as station:
            assert has_fraction(await station.call("Heartbeat", {}))
            assert await authorize(station, {"idTag": LONG}) == "PropertyConstraintViolation"
            assert await authorize(station, {"idTag": 4711}) == "Invalid"
            # The same boot again changes nothing; another one is matched with the own list last.
            assert has_fraction(await boot(station))
            assert has_fraction(await boot(station, firmware="1.1"))
            assert await authorize(station, {"idTag": LONG}) == "PropertyConstraintViolation"

    with daemon_with(tmp_path) as daemon:
        run(go(daemon))


def test_strict_profile_refuses_what_is_kept_otherwise(tmp_path):
    async def go(daemon):
        for station_id, refused in (("BENCH-1", True), ("CP-1", False)):
            daemon.api("PUT", f"/v1/stations/{station_id}", {})
            async with Station.connect(daemon, station_id) as station:
                call = station.call("StatusNotification", {
                    "connectorId": 1, "errorCode": "NoError", "status": "Available", "x": 1})
                if refused:
                    with pytest.raises(CallError) as caught:
                        await call
                    assert caught.value.code == "FormationViolation"
                else:
                    assert await call == {}

    with daemon_with(tmp_path) as daemon:
        run(go(daemon))


def test_reload_matches_anew(tmp_path):
    async def look(daemon, expected):
        async with Station.connect(daemon, "CP-1", boot=False) as station:
            return has_fraction(await station.call("Heartbeat", {})) == expected

    async def go(daemon):
        async with Station.connect(daemon, "CP-1", boot=False) as station:
            await boot(station)
        assert await look(daemon, False)
        for profiles, expected in (([], True), (PROFILES, False)):
            daemon.settings["plugins"]["stations"]["quirk_profiles"] = profiles
            daemon.write_config()
            assert (await daemon.api_async("POST", "/v1/reload"))[0] == 200
            # The records of the database follow page by page: a query that comes after them.
            await daemon.api_async("GET", "/v1/stations")
            assert await look(daemon, expected)

    with daemon_with(tmp_path) as daemon:
        run(go(daemon))


def test_counts_are_in_the_record_and_first_hits_in_the_log(tmp_path):
    async def go(daemon):
        async with Station.connect(daemon, "CP-1", boot=False) as station:
            await boot(station)
            for _ in range(3):
                await authorize(station, {"idTag": LONG})
        _, body = await daemon.api_async("GET", "/v1/stations/CP-1")
        assert body["quirkCounts"] == {"D03": 3}
        seen = daemon.log.events("quirk.seen", station="CP-1", quirk="D03")
        assert [line["lvl"] for line in seen] == ["warn", "debug", "debug"]
        assert LONG in seen[0]["raw"]
        async with Station.connect(daemon, "CP-1", boot=False) as station:
            await authorize(station, {"idTag": LONG})
        seen = daemon.log.events("quirk.seen", station="CP-1", quirk="D03")
        assert [line["lvl"] for line in seen] == ["warn", "debug", "debug", "warn"]

    with daemon_with(tmp_path) as daemon:
        run(go(daemon))


@pytest.mark.parametrize("profile,words", [
    ({"name": "a", "quirks": ["D03", "D99"]}, ["quirk_profiles[0].quirks[1]", "D99"]),
    ({"name": "a", "quirks": ["min_gap=soon"]}, ["quirk_profiles[0].quirks[0]", "min_gap", "60000"]),
    ({"name": "a", "quirks": ["pings=off"]}, ["quirk_profiles[0].quirks[0]", '"ping"']),
    ({"name": "a", "match": {"vendor": "A**"}}, ["quirk_profiles[0].match.vendor", "**"]),
    ({"name": "a", "match": {"vendr": "A*"}}, ["vendr", "vendor"]),
    ({"match": {"vendor": "A*"}}, ["name"]),
    ({"name": "a", "strict": "maybe"}, ["strict", "maybe"]),
], ids=lambda value: None)
def test_bad_profiles_are_refused_with_their_position(tmp_path, profile, words):
    daemon = daemon_with(tmp_path, profiles=[profile])
    status, said = daemon.check()
    assert status == 78, said
    assert said.startswith(daemon.config + ":"), said
    for word in words:
        assert word in said, said


def test_bad_quirks_of_a_station_are_refused(tmp_path):
    daemon = daemon_with(tmp_path, stations=[{"id": "CP-1", "quirks": ["D", "Z9"]}])
    status, said = daemon.check()
    assert status == 78 and "stations[0].quirks[1]" in said and "Z9" in said, said
    with daemon_with(tmp_path) as daemon:
        status, body = daemon.api("PUT", "/v1/stations/CP-1", {"quirks": ["Z9"]})
        assert status == 400 and "Z9" in body["detail"], body


def test_example_passes_the_check(tmp_path):
    daemon = Daemon(tmp_path)
    os.mkdir(tmp_path / "conf.d")
    shutil.copy(os.path.join(os.environ["OCPPD_SOURCE_DIR"], "conf", "quirks-example.yaml"),
                tmp_path / "conf.d" / "quirks.yaml")
    status, said = daemon.check()
    assert status == 0, said
