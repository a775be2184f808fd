# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""The books where meters and clocks cannot be trusted, and where an operator ends a record by hand:
what is billed, and what is said about it."""

import signal

import pytest
from harness import Daemon, Station, run
from test_money import TAGS, at, every, get, readings, sampled, settled

INTERVAL = {"measurand": "Energy.Active.Import.Interval", "unit": "Wh"}


async def decimals_are_rounded_and_flagged(daemon, station):
    answer = await station.call("StartTransaction", {
        "connectorId": 1, "idTag": "TAG-1", "meterStart": 100.7, "timestamp": at(-3600)})
    number = answer["transactionId"]
    await station.stop(number, meter="2345.4", when=at(-1))
    found = await get(daemon, number)
    assert (found["meterStart"], found["meterStop"], found["energyWh"]) == (101, 2345, 2244)
    assert found["flags"] == ["finding"]
    # Which message it was, and what it said.
    assert '"meterStart": 100.7' in found["startFrame"]
    assert '"meterStop": "2345.4"' in found["stopFrame"]
    assert "startFrame" not in (await every(daemon))[0]


async def what_is_no_number_is_no_meter(daemon, station):
    for connector, meter in enumerate(("12kWh", "15e-1", "1,234,567", "-", "99999999999999999999"), 1):
        number = (await station.start(meter=1000, when=at(-60), connector=connector))["transactionId"]
        await station.stop(number, meter=meter)
        found = await get(daemon, number)
        assert "meterStop" not in found and "energyWh" not in found, meter
        assert set(found["flags"]) == {"meter", "finding"}, meter


async def meter_fields_that_stay_zero_do_not_hide_readings(daemon, station):
    number = (await station.start(meter=0, when=at(-3600)))["transactionId"]
    await readings(station, [sampled(at(-3000), 5000000), sampled(at(-60), 5003500)],
                   transactionId=number)
    await station.stop(number, meter=0)
    found = await get(daemon, number)
    assert (found["energyWh"], found["energyMethod"]) == (3500, "register")
    assert found["flags"] == ["contradiction"]
    number = (await station.start(meter=0, when=at(-50), connector=2))["transactionId"]
    await readings(station, [sampled(at(-40 + i), "250.5", **INTERVAL) for i in range(4)],
                   connector=2, transactionId=number)
    await station.stop(number, meter=0)
    found = await get(daemon, number)
    assert (found["energyWh"], found["energyMethod"]) == (1004, "interval")


async def lifetime_register_as_a_session_is_implausible(daemon, station):
    number = (await station.start(meter=0, when=at(-3600)))["transactionId"]
    await station.stop(number, meter=12345678)
    found = await get(daemon, number)
    assert (found["energyWh"], found["flags"]) == (12345678, ["implausible"])
    assert "megawatt" in found["reasons"][0]
    # What a large vehicle takes overnight is not.
    number = (await station.start(meter=0, when=at(-36000), connector=2))["transactionId"]
    await station.stop(number, meter=900000)
    assert (await get(daemon, number))["flags"] == []


async def reading_of_the_future_ends_nothing_then_makes_stale(daemon, station):
    number = (await station.start(meter=1000, when=at(-60)))["transactionId"]
    await readings(station, [sampled("2099-01-01T00:00:00Z", 3000)], transactionId=number)
    await station.call("StatusNotification", {
        "connectorId": 1, "status": "Available", "errorCode": "NoError"})
    found = await settled(daemon, number, lambda item: not item["active"])
    assert found["provisional"] and found["energyWh"] == 2000
    assert found["stopTimestamp"] == found["latestReading"]["received"]


async def reading_of_the_future_is_no_end_for_an_operator(daemon, station):
    number = (await station.start(meter=1000, when=at(-60)))["transactionId"]
    await readings(station, [sampled("2099-01-01T00:00:00Z", 3000)], transactionId=number)
    status, found = await daemon.api_async("POST", f"/v1/transactions/{number}/stop", {})
    assert status == 200
    assert found["stopTimestamp"] == (await get(daemon, number))["latestReading"]["received"]


async def clock_that_was_wrong_all_along_keeps_its_end(daemon, station):
    answer = await station.call("StartTransaction", {
        "connectorId": 1, "idTag": "TAG-1", "meterStart": 1000,
        "timestamp": "2099-01-01T00:00:00Z"})
    number = answer["transactionId"]
    await readings(station, [sampled("2099-01-01T01:00:00Z", 3000)], transactionId=number)
    _, found = await daemon.api_async("POST", f"/v1/transactions/{number}/stop", {})
    assert found["stopTimestamp"] == "2099-01-01T01:00:00.000Z"
    assert set(found["flags"]) == {"time", "closed"}


async def stop_after_an_operators_close_is_judged_by_its_own(daemon, station):
    closes = ({}, {"meterStop": 500}, {"meterStop": 152000000})
    for connector, body in enumerate(closes, 1):
        number = (await station.start(meter=1000, when=at(-60), connector=connector))["transactionId"]
        status, closed = await daemon.api_async("POST", f"/v1/transactions/{number}/stop", body)
        assert status == 200 and "closed" in closed["flags"]
        assert ("meter" in closed["flags"]) == (body.get("meterStop", 0) < 1000)
        assert ("implausible" in closed["flags"]) == (body.get("meterStop", 0) > 1000000)
        exported = daemon.ctl("transactions", "export")[1]
        assert (" ".join(closed["flags"])) in exported
        await station.stop(number, meter=4000)
        found = await settled(daemon, number, lambda item: not item["flags"])
        assert (found["energyWh"], found["energyMethod"]) == (3000, "meter")


async def close_of_one_without_a_meter_start_bills_no_lifetime(daemon, station):
    answer = await station.call("StartTransaction", {
        "connectorId": 1, "idTag": "TAG-1", "timestamp": at(-60)})
    number = answer["transactionId"]
    await daemon.api_async("POST", f"/v1/transactions/{number}/stop", {})
    await station.stop(number, meter=4000000)
    found = await settled(daemon, number, lambda item: "closed" not in item["flags"])
    assert "energyWh" not in found and set(found["flags"]) == {"meter", "finding"}


async def close_at_an_impossible_time_is_refused(daemon, station):
    number = (await station.start(meter=1000, when=at(-60)))["transactionId"]
    for when, said in ((at(-3600), "before"), (at(3600), "not come yet")):
        status, found = await daemon.api_async(
            "POST", f"/v1/transactions/{number}/stop", {"timestamp": when, "meterStop": 1200})
        assert status == 422 and said in found["detail"], found
    code, _, said = daemon.ctl("transactions", "stop", str(number), "--timestamp", at(-3600))
    assert code == 9 and "before" in said
    assert (await get(daemon, number))["active"]
    status, found = await daemon.api_async(
        "POST", f"/v1/transactions/{number}/stop", {"timestamp": at(-30), "meterStop": 1200})
    assert (status, found["energyWh"]) == (200, 200)
    assert (await daemon.api_async("POST", f"/v1/transactions/{number}/stop", {}))[0] == 409


async def close_can_be_corrected_until_the_station_stops(daemon, station):
    number = (await station.start(meter=1000, when=at(-60)))["transactionId"]
    path = f"/v1/transactions/{number}/stop"
    assert (await daemon.api_async("POST", path, {"meterStop": 152000000}))[1]["flags"] == [
        "closed", "implausible"]
    status, said = await daemon.api_async("POST", path, {"meterStop": 15200})
    assert status == 409 and "correct" in said["detail"]
    status, said = await daemon.api_async(
        "POST", path, {"meterStop": 15200, "timestamp": at(-3600), "correct": True})
    assert status == 422 and "before" in said["detail"]
    code, out, err = daemon.ctl("transactions", "stop", str(number), "--meterStop", "15200",
                                "--timestamp", at(-10), "--correct")
    assert code == 0, (out, err)
    found = await get(daemon, number)
    assert (found["meterStop"], found["energyWh"], found["flags"]) == (15200, 14200, ["closed"])
    # What a correction does not name stays as it was.
    ended = found["stopTimestamp"]
    status, found = await daemon.api_async("POST", path, {"meterStop": 12500, "correct": True})
    assert (status, found["meterStop"], found["stopTimestamp"]) == (200, 12500, ended)
    status, found = await daemon.api_async("POST", path, {"timestamp": at(-20), "correct": True})
    assert (status, found["meterStop"], found["energyWh"]) == (200, 12500, 11500)
    assert found["stopTimestamp"] < ended
    await station.stop(number, meter=4000)
    status, said = await daemon.api_async("POST", path, {"meterStop": 1, "correct": True})
    assert status == 409, said
    found = await settled(daemon, number, lambda item: not item["flags"])
    assert (found["meterStop"], found["energyWh"]) == (4000, 3000)


async def verdict_of_a_provisional_end_goes_with_it_once_it_makes_stale(daemon, station):
    number = (await station.start(meter=1000, when=at(-60)))["transactionId"]
    await readings(station, [sampled(at(-50), 1000)], transactionId=number)
    last = {"timestamp": at(-40), "sampledValue": [
        {"value": "200", **INTERVAL}, {"value": "200000"}]}
    await readings(station, [last], transactionId=number)
    await station.call("StatusNotification", {
        "connectorId": 1, "status": "Available", "errorCode": "NoError"})
    found = await settled(daemon, number, lambda item: not item["active"])
    assert set(found["flags"]) == {"stale", "implausible"}
    await station.stop(number, meter=202000)
    found = await get(daemon, number)
    assert set(found["flags"]) == {"implausible"}
    # A day later it is plausible; nothing of the provisional verdict is left.
    number = (await station.start(meter=1000, when=at(-60), connector=2))["transactionId"]
    await readings(station, [sampled(at(-50), 300000)], connector=2, transactionId=number)
    await station.call("StatusNotification", {
        "connectorId": 2, "status": "Available", "errorCode": "NoError"})
    found = await settled(daemon, number, lambda item: not item["active"])
    assert "implausible" in found["flags"]
    await station.stop(number, meter=302000, when=at(3600))
    assert (await get(daemon, number))["flags"] == []


async def known_end_counts_with_the_readings(daemon, station):
    """One end's meter is missing: what was charged up to the first reading, or from the last, counts."""
    async def bill(connector, start, readings_wh, stop):
        answer = await station.call("StartTransaction", {
            "connectorId": connector, "idTag": "TAG-1", "timestamp": at(-3600), **start})
        number = answer["transactionId"]
        await readings(station, [sampled(at(-3000 + 600 * i), wh) for i, wh in enumerate(readings_wh)],
                       connector=connector, transactionId=number)
        await station.call("StopTransaction", {"transactionId": number, "timestamp": at(-1), **stop})
        found = await get(daemon, number)
        assert "meter" in found["flags"]
        return found["energyWh"], found["energyMethod"]

    assert await bill(1, {"meterStart": 1000}, [2000, 4000], {}) == (3000, "register")
    assert await bill(2, {}, [2000, 4000], {"meterStop": 5000}) == (3000, "register")
    # Not the same meter: a session's register, one in kWh, one that fell, one far beyond.
    assert await bill(3, {"meterStart": 900000}, [10, 2010], {}) == (2000, "register")
    assert await bill(4, {"meterStart": 50}, [50000, 52000], {}) == (2000, "register")
    assert await bill(5, {"meterStart": 1000}, [2000, 100, 300], {}) == (200, "register")
    assert await bill(6, {"meterStart": 0}, [90000000, 90002000], {}) == (2000, "register")
    assert await bill(7, {}, [2000, 4000], {"meterStop": 90000000}) == (2000, "register")


async def reading_after_a_close_counts_from_the_meter_start(daemon, station):
    number = (await station.start(meter=1000, when=at(-3600)))["transactionId"]
    assert (await daemon.api_async("POST", f"/v1/transactions/{number}/stop", {}))[0] == 200
    await readings(station, [sampled(at(-10), 3000)], transactionId=number)
    found = await settled(daemon, number, lambda item: "energyWh" in item)
    assert (found["energyWh"], found["energyMethod"]) == (2000, "register")


async def clock_that_stands_loses_no_session(daemon, station):
    """A station without a clock and with a meter that begins at 0: each session looks like the last."""
    numbers = []
    for when in ("1970-01-01T00:00:00Z", "2099-12-31T00:00:00Z"):
        for meter in (5000, 7000):
            start = {"connectorId": 1, "idTag": "TAG-1", "meterStart": 0, "timestamp": when}
            number = (await station.call("StartTransaction", start))["transactionId"]
            # While it is under way, the same is a repetition.
            assert (await station.call("StartTransaction", start))["transactionId"] == number
            await station.stop(number, meter=meter, when=when)
            await station.stop(number, meter=meter, when=when)
            numbers.append(number)
    assert len(set(numbers)) == 4
    found = [await get(daemon, number) for number in numbers]
    assert [item["energyWh"] for item in found] == [5000, 7000, 5000, 7000]
    assert [item["flags"] for item in found] == [["time"]] * 4
    assert [item["repeats"] for item in found] == [2] * 4
    assert len(await every(daemon)) == 4


async def count_of(daemon, number):
    count, after = 0, ""
    while True:
        _, page = await daemon.api_async(
            "GET", f"/v1/transactions/{number}/meter-values?limit=1000{after}")
        count += len(page["items"])
        if "next" not in page:
            return count, page["items"]
        after = "&after=" + page["next"]


def minutes(first, count, **more):
    """So many readings, a minute between them."""
    return [sampled(f"2026-01-{1 + i // 1440:02d}T{i // 60 % 24:02d}:{i % 60:02d}:00Z", i, **more)
            for i in range(first, first + count)]


async def day_of_readings_with_the_stop_is_kept_whole(daemon, station):
    number = (await station.start(meter=0, when="2026-01-01T00:00:00Z"))["transactionId"]
    await station.stop(number, meter=2879, when="2026-01-02T23:59:00Z",
                       transactionData=minutes(0, 2880))
    found = await get(daemon, number)
    assert found["flags"] == [] and found["energyCandidates"]["register"] == 2879
    assert (await count_of(daemon, number))[0] == 2880


async def more_readings_than_are_kept_lose_none_at_the_ends(daemon, station):
    number = (await station.start(meter=0, when="2026-01-01T00:00:00Z"))["transactionId"]
    last = sampled("2026-01-31T00:00:00Z", 90000, context="Transaction.End")
    await station.stop(number, meter=90000, when="2026-01-31T00:00:00Z",
                       transactionData=minutes(0, 10005) + [last])
    found = await get(daemon, number)
    assert found["flags"] == ["cut"] and found["energyWh"] == 90000
    count, page = await count_of(daemon, number)
    assert count == 10000
    assert page[-1]["sampledValue"][0]["value"] == "90000"
    assert daemon.log.wait("readings.cut", station="CP-1", items=10006)


STORIES = [
    decimals_are_rounded_and_flagged, what_is_no_number_is_no_meter,
    meter_fields_that_stay_zero_do_not_hide_readings,
    lifetime_register_as_a_session_is_implausible,
    reading_of_the_future_ends_nothing_then_makes_stale,
    reading_of_the_future_is_no_end_for_an_operator,
    clock_that_was_wrong_all_along_keeps_its_end,
    stop_after_an_operators_close_is_judged_by_its_own,
    close_of_one_without_a_meter_start_bills_no_lifetime,
    close_at_an_impossible_time_is_refused,
    close_can_be_corrected_until_the_station_stops,
    verdict_of_a_provisional_end_goes_with_it_once_it_makes_stale, known_end_counts_with_the_readings,
    reading_after_a_close_counts_from_the_meter_start, clock_that_stands_loses_no_session,
    day_of_readings_with_the_stop_is_kept_whole,
    more_readings_than_are_kept_lose_none_at_the_ends,
]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_books(tmp_path, story):
    options = dict(TAGS)
    if story.__name__.endswith("makes_stale"):
        options["transactions"] = {"stale_after_available": "1s"}

    async def body(daemon):
        async with Station.connect(daemon) as station:
            await story(daemon, station)

    with Daemon(tmp_path, options, max_message="4MiB") as daemon:
        run(body(daemon))


def test_repetition_of_a_start_without_a_clock_is_known_after_a_restart(tmp_path):
    start = {"connectorId": 1, "idTag": "TAG-1", "meterStart": 0, "timestamp": "1970-01-01T00:00:00Z"}

    async def begin(daemon):
        async with Station.connect(daemon) as station:
            return (await station.call("StartTransaction", start))["transactionId"]

    async def go_on(daemon, number):
        async with Station.connect(daemon, boot=False) as station:
            assert (await station.call("StartTransaction", start))["transactionId"] == number
            await station.stop(number, meter=500)
            assert len(await every(daemon)) == 1

    with Daemon(tmp_path, TAGS) as daemon:
        number = run(begin(daemon))
        daemon.kill()
        daemon.start()
        run(go_on(daemon, number))


def test_repetition_after_a_restart_of_a_clock_that_stands(tmp_path):
    """What told it from others that look the same is known again, and passed on to what repeats it."""
    start = {"connectorId": 1, "idTag": "TAG-1", "meterStart": 0, "timestamp": "1970-01-01T00:00:00Z"}

    async def starts(daemon, count):
        async with Station.connect(daemon, "CP-1") as station:
            await station.boot()
            return [(await station.call("StartTransaction", start))["transactionId"]
                    for _ in range(count)]

    with Daemon(tmp_path, dict(TAGS)) as daemon:
        numbers = run(starts(daemon, 2))
        daemon.restart(signal.SIGKILL)
        numbers += run(starts(daemon, 2))
        assert len(set(numbers)) == 1
        found = run(every(daemon))
        assert [item["transactionId"] for item in found] == numbers[:1]
        assert found[0]["repeats"] == 3
