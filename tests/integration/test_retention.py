# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Retention: what operators do not want to keep goes, what is under way stays, whatever stations'
clocks say."""

import time

from harness import DEADLINE_S, Daemon, Station, run

TAGS = {"id_tags": {"tags": [{"id": "TAG-1"}]}}


async def read(station, number=None, value="10", when=None):
    payload = {"connectorId": 1, "meterValue": [{
        "timestamp": when or station_time(), "sampledValue": [{"value": value}]}]}
    if number is not None:
        payload["transactionId"] = number
    await station.call("MeterValues", payload)


def station_time():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


async def session(station, count):
    numbers = []
    for i in range(count):
        number = (await station.start(meter=i * 100))["transactionId"]
        await read(station, number, str(i * 100 + 10))
        await station.stop(number, meter=i * 100 + 50)
        numbers.append(number)
    return numbers


def listed(daemon):
    items, after = [], ""
    while True:
        status, body = daemon.api("GET", "/v1/transactions?limit=1000" + after)
        assert status == 200
        items += body["items"]
        if "next" not in body:
            return {item["transactionId"] for item in items}
        after = "&after=" + body["next"]


def readings(daemon, number):
    return len(daemon.api("GET", f"/v1/transactions/{number}/meter-values")[1]["items"])


def until(fits):
    end = time.monotonic() + DEADLINE_S
    while not fits():
        assert time.monotonic() < end
        time.sleep(0.05)


def filled(tmp_path, **options):
    """A daemon that kept everything so far: the stopped ones, the one under way."""
    found = {}

    async def body(daemon):
        async with Station.connect(daemon) as station:
            found["stopped"] = await session(station, 130)  # more than a portion
            await read(station, value="5", when="2099-01-01T00:00:00Z")
            found["active"] = (await station.start(connector=2, meter=1))["transactionId"]
            await station.call("MeterValues", {
                "connectorId": 2, "transactionId": found["active"], "meterValue": [{
                    "timestamp": station_time(), "sampledValue": [{"value": "7"}]}]})

    with Daemon(tmp_path, TAGS) as daemon:
        run(body(daemon))
    assert not daemon.log.events("transactions.pruned")
    return Daemon(tmp_path, {**TAGS, "transactions": options}), found


def test_transactions_go_with_their_readings_and_those_under_way_stay(tmp_path):
    daemon, found = filled(tmp_path, keep_transactions="1s", keep_unmatched="1s")
    with daemon:
        until(lambda: listed(daemon) == {found["active"]})
        pruned = daemon.log.wait("transactions.pruned")
        assert (pruned["transactions"], pruned["unmatched"]) == ("130", "1")
        assert readings(daemon, found["active"]) == 1

        async def stop():
            async with Station.connect(daemon) as station:
                await station.stop(found["active"], meter=90)
        run(stop())
        # It is looked at again with the next walk; a reload begins one.
        daemon.api("POST", "/v1/reload")
        until(lambda: listed(daemon) == set())


def test_readings_alone_can_go(tmp_path):
    daemon, found = filled(tmp_path, keep_readings="1s")
    with daemon:
        until(lambda: daemon.log.events("transactions.pruned"))
        assert listed(daemon) == {*found["stopped"], found["active"]}
        assert [readings(daemon, number) for number in found["stopped"][::40]] == [0] * 4
        assert readings(daemon, found["active"]) == 1
        shown = daemon.api("GET", f"/v1/transactions/{found['stopped'][0]}")[1]
        assert shown["energyWh"] == 50


def test_what_is_not_asked_for_is_kept(tmp_path):
    daemon, found = filled(tmp_path, keep_unmatched="1s")
    with daemon:
        pruned = daemon.log.wait("transactions.pruned")
        assert (pruned["transactions"], pruned["readings"], pruned["unmatched"]) == ("0", "0", "1")
        assert listed(daemon) == {*found["stopped"], found["active"]}
        assert readings(daemon, found["stopped"][0]) == 1
