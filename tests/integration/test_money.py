# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""The books: what stations do wrong with transactions and readings (quirks G01 to G18), and what
stands in the books afterwards: nothing refused, nothing twice, nothing lost, all of it explained."""

import asyncio
import csv
import datetime
import io
import time

import pytest
from harness import DEADLINE_S, Daemon, Station, UnixHTTPConnection, now, run

TAGS = {"id_tags": {"tags": [
    {"id": "TAG-1"}, {"id": "TAG-2"}, {"id": "BLOCKED", "status": "Blocked"},
    {"id": "FAMILY-1", "parent_id_tag": "FAMILY"}, {"id": "FAMILY-2", "parent_id_tag": "FAMILY"},
    {"id": "ONE", "max_active_transactions": 1}]}}


def at(seconds):
    """A time so many seconds from now."""
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def sampled(when, value, **more):
    return {"timestamp": when, "sampledValue": [{"value": str(value), **more}]}


async def readings(station, items, connector=1, **more):
    assert await station.call("MeterValues", {
        "connectorId": connector, "meterValue": items, **more}) == {}


async def get(daemon, number):
    status, found = await daemon.api_async("GET", f"/v1/transactions/{number}")
    assert status == 200, found
    return found


async def every(daemon, query=""):
    status, found = await daemon.api_async("GET", f"/v1/transactions?limit=1000{query}")
    assert status == 200, found
    return found["items"]


async def settled(daemon, number, condition):
    """What follows from a message that was answered already."""
    end = time.monotonic() + DEADLINE_S
    while True:
        found = await get(daemon, number)
        if condition(found):
            return found
        assert time.monotonic() < end, found
        await asyncio.sleep(0.02)


async def values_of(daemon, number):
    status, found = await daemon.api_async("GET", f"/v1/transactions/{number}/meter-values")
    assert status == 200, found
    return [value["value"] for item in found["items"] for value in item["sampledValue"]]


# ---- Each a story of one station: (daemon, station) ------------------------------------------------


async def g01_repeated_start(daemon, station):
    when = now()
    first = await station.start(meter=10, when=when)
    assert await station.start(meter=10, when=when) == first
    # Authorised as of now: the same id, another verdict.
    other = await station.start(tag="tag-1", meter=10, when=when)
    assert other["transactionId"] == first["transactionId"]
    assert len(await every(daemon)) == 1
    assert (await get(daemon, first["transactionId"]))["repeats"] == 2


async def g02_refused_but_charging(daemon, station):
    running = (await station.start(tag="TAG-1", connector=1))["transactionId"]
    started = await station.start(tag="BLOCKED", connector=1, meter=5)
    assert started["idTagInfo"]["status"] == "Blocked"
    number = started["transactionId"]
    assert number > 0 and number != running
    await station.stop(number, meter=205)
    found = await get(daemon, number)
    assert (found["authorizationStatus"], found["energyWh"]) == ("Blocked", 200)
    assert found["flags"] == ["unauthorised"]
    assert "refused" in found["reasons"][0]
    assert (await get(daemon, running))["active"]


@pytest.mark.parametrize("wire_id", [0, -1])
def test_g03_stop_without_id_closes_the_only_plausible_one(tmp_path, wire_id):
    async def body(daemon):
        async with Station.connect(daemon) as station:
            number = (await station.start(tag="TAG-1", connector=1, meter=100))["transactionId"]
            other = (await station.start(tag="TAG-2", connector=2, meter=100))["transactionId"]
            when = now()
            answer = await station.stop(wire_id, meter=900, idTag="TAG-1", when=when)
            assert answer["idTagInfo"]["status"] == "Accepted"
            found = await get(daemon, number)
            assert (found["energyWh"], found["flags"]) == (800, ["matched"])
            assert (await get(daemon, other))["active"]
            # Again: nothing is closed, nothing is new.
            await station.stop(wire_id, meter=900, idTag="TAG-1", when=when)
            assert (await get(daemon, other))["active"]
            assert len(await every(daemon)) == 2
            # Nothing is plausible: an orphan, confirmed all the same.
            await station.stop(wire_id, meter=1, idTag="TAG-1")
            assert (await every(daemon))[0]["flags"] == ["orphan"]

    with Daemon(tmp_path, TAGS) as daemon:
        run(body(daemon))


async def g04_stop_of_an_unknown_one(daemon, station):
    number = (await station.start())["transactionId"]
    when = now()
    for _ in range(3):
        assert await station.stop(4711, meter=77, when=when) == {}
    orphans = [item for item in await every(daemon) if "orphan" in item["flags"]]
    assert len(orphans) == 1
    assert orphans[0]["reportedTransactionId"] == 4711
    assert orphans[0]["repeats"] == 2
    assert "energyWh" not in orphans[0]
    assert (await get(daemon, number))["active"]


async def g05_repeated_stop(daemon, station):
    number = (await station.start(meter=0))["transactionId"]
    when = now()
    data = [sampled(when, 500, context="Transaction.End")]
    for _ in range(2):
        await station.stop(number, meter=500, when=when, transactionData=data)
    found = await get(daemon, number)
    assert (found["energyWh"], found["flags"], found["repeats"]) == (500, [], 1)
    assert await values_of(daemon, number) == ["500"]
    # The first one counts.
    await station.stop(number, meter=900, when=when)
    found = await get(daemon, number)
    assert (found["meterStop"], found["flags"]) == (500, ["differs"])


async def g06_available_makes_stale(daemon, station):
    number = (await station.start(meter=1000, when=at(-60)))["transactionId"]
    await readings(station, [sampled(at(-30), 1400)], transactionId=number)
    await station.call("StatusNotification", {
        "connectorId": 1, "errorCode": "NoError", "status": "Available"})
    found = await settled(daemon, number, lambda item: not item["active"])
    assert found["provisional"] and found["flags"] == ["stale"]
    assert (found["meterStop"], found["energyWh"], found["energyMethod"]) == (1400, 400, "register")
    assert found["stopTimestamp"] > found["startTimestamp"]
    # A station's own stop replaces it.
    await station.stop(number, meter=1600)
    found = await get(daemon, number)
    assert (found["energyWh"], found["energyMethod"], found["flags"]) == (600, "meter", [])
    assert "provisional" not in found


async def g06_reboot_makes_stale_and_readings_bring_back(daemon, station):
    number = (await station.start(meter=1000, when=at(-60)))["transactionId"]
    await station.boot()
    found = await settled(daemon, number, lambda item: not item["active"])
    assert set(found["flags"]) == {"stale", "suspended"}
    assert found["stopTimestamp"] == found["startTimestamp"]
    await readings(station, [sampled(now(), 1500)], transactionId=number)
    found = await settled(daemon, number, lambda item: item["active"])
    assert "provisional" not in found and "stale" not in found["flags"]
    found = await settled(daemon, number, lambda item: not item["active"])
    assert found["energyWh"] == 500


async def g06_g17_new_start_makes_stale(daemon, station):
    older = (await station.start(meter=1000, when=at(-60)))["transactionId"]
    await readings(station, [sampled(at(-30), 1300)], transactionId=older)
    younger = (await station.start(meter=1300, tag="TAG-2"))["transactionId"]
    found = await settled(daemon, older, lambda item: "provisional" in item)
    assert (found["flags"], found["energyWh"]) == (["stale"], 300)
    assert (await get(daemon, younger))["active"]
    # A late reading moves the provisional end, and does not bring it back.
    await readings(station, [sampled(at(-20), 1350)], transactionId=older)
    found = await settled(daemon, older, lambda item: item.get("energyWh") == 350)
    assert found["flags"] == ["stale"]
    assert [item["transactionId"] for item in await every(daemon, "&active=true")] == [younger]
    await station.stop(older, meter=1360)
    found = await get(daemon, older)
    assert (found["energyWh"], found["flags"]) == (360, [])


async def g07_readings_before_the_start(daemon, station):
    await readings(station, [sampled(at(-50), 1100), sampled(at(-40), 1200)], transactionId=-1)
    number = (await station.start(meter=1000, when=at(-60)))["transactionId"]
    end = time.monotonic() + DEADLINE_S
    while await values_of(daemon, number) != ["1100", "1200"]:
        assert time.monotonic() < end
        await asyncio.sleep(0.02)
    await station.stop(number, meter=1200)
    found = await settled(daemon, number, lambda item: "energyCandidates" in item)
    assert (found["energyWh"], found["flags"]) == (200, [])
    assert found["energyCandidates"]["register"] == 100


async def g07_stop_before_the_start(daemon, station):
    stopped = at(-100)
    for _ in range(2):
        await station.stop(-1, meter=1500, idTag="TAG-1", when=stopped, reason="PowerLoss",
                           transactionData=[sampled(at(-101), 1500)])
    number = (await station.start(meter=1000, when=at(-200)))["transactionId"]
    found = await settled(daemon, number, lambda item: item.get("energyMethod"))
    assert (found["energyWh"], found["flags"], found["stopReason"]) == (500, ["matched"], "PowerLoss")
    assert await values_of(daemon, number) == ["1500"]
    orphan = [item for item in await every(daemon) if "orphan" in item["flags"]]
    assert len(orphan) == 1
    assert orphan[0]["matchedTransactionId"] == number
    assert "energyWh" not in orphan[0]
    # And once more, in whatever order.
    await station.stop(-1, meter=1500, idTag="TAG-1", when=stopped)
    await station.start(meter=1000, when=found["startTimestamp"])
    assert len(await every(daemon)) == 2
    assert sum(item.get("energyWh", 0) for item in await every(daemon)) == 500


async def g09_negative_is_no_bill(daemon, station):
    number = (await station.start(meter=9000))["transactionId"]
    await station.stop(number, meter=100)
    found = await get(daemon, number)
    assert found.get("energyWh", 0) == 0
    assert found["flags"] == ["meter"]
    assert "backwards" in found["reasons"][0]


async def g09_disagreement_is_flagged(daemon, station):
    number = (await station.start(meter=1000, when=at(-60)))["transactionId"]
    await readings(station, [sampled(at(-50), 1000), sampled(at(-10), 9000)], transactionId=number)
    await station.stop(number, meter=2000)
    found = await get(daemon, number)
    assert (found["energyWh"], found["energyMethod"]) == (1000, "meter")
    assert found["flags"] == ["contradiction"]
    assert found["energyCandidates"] == {"meter": 1000, "register": 8000}


async def g09_kwh_in_a_wh_field(daemon, station):
    number = (await station.start(meter=1000, when=at(-60)))["transactionId"]
    await readings(station, [sampled(at(-50), 1000000), sampled(at(-1), 1030000)],
                   transactionId=number)
    await station.stop(number, meter=1030)
    found = await get(daemon, number)
    assert "kwh" in found["flags"] and found["energyWh"] == 30
    assert any("kWh" in reason for reason in found["reasons"])


async def g09_intervals(daemon, station):
    number = (await station.start(meter=9000, when=at(-60)))["transactionId"]
    interval = {"measurand": "Energy.Active.Import.Interval", "unit": "kWh"}
    await readings(station, [sampled(at(-40), "0.25", **interval),
                             sampled(at(-20), "0,5", **interval)], transactionId=number)
    await station.stop(number, meter=0)
    found = await get(daemon, number)
    assert (found["energyWh"], found["energyMethod"]) == (750, "interval")


async def g10_other_tag_stops(daemon, station):
    family = (await station.start(tag="FAMILY-1"))["transactionId"]
    await station.stop(family, idTag="FAMILY-2")
    assert (await get(daemon, family))["flags"] == []
    number = (await station.start(tag="TAG-1", connector=2))["transactionId"]
    await station.stop(number, idTag="TAG-2")
    found = await get(daemon, number)
    assert (found["flags"], found["stopIdTag"]) == (["stop-token"], "TAG-2")
    silent = (await station.start(tag="TAG-1", connector=3))["transactionId"]
    assert await station.stop(silent) == {}
    assert (await get(daemon, silent))["flags"] == []


async def g11_no_reservation(daemon, station):
    number = (await station.start(reservationId=0))["transactionId"]
    assert "reservationId" not in await get(daemon, number)


async def g13_readings_without_id(daemon, station):
    number = (await station.start(meter=0, when=at(-60)))["transactionId"]
    await readings(station, [sampled(at(-30), 40)])
    await readings(station, [sampled(at(-20), 50)], transactionId=0)
    # The station's meter is no connector's.
    await readings(station, [sampled(at(-10), 99999)], connector=0)
    assert await values_of(daemon, number) == ["40", "50"]


async def g14_closing_register_after_the_stop(daemon, station):
    number = (await station.start(meter=0, when=at(-60)))["transactionId"]
    await station.stop(number, meter=500, when=at(-30))
    await readings(station, [sampled(at(-25), 500, context="Transaction.End")], transactionId=number)
    await readings(station, [sampled(at(-40), 300)])
    await readings(station, [sampled(at(-20), 501, context="Transaction.End")])
    # Long after, and not its own any more.
    await readings(station, [sampled(at(-5), 777)])
    assert await values_of(daemon, number) == ["300", "500", "501"]
    await settled(daemon, number, lambda item: item.get("energyCandidates", {}).get("register", 0) == 201)


async def g15_odd_values(daemon, station):
    number = (await station.start(meter=0, when=at(-60)))["transactionId"]
    odd = [" 12.5 ", "1,5", "1e2", "NaN", "", "-0", "1.234,5"]
    await readings(station, [{"timestamp": at(-30), "sampledValue": [
        {"value": value, "measurand": "Voltage"} for value in odd]}], transactionId=number)
    assert await values_of(daemon, number) == odd
    await station.stop(number, meter=100)
    assert (await get(daemon, number))["energyWh"] == 100


async def g16_labels(daemon, station):
    number = (await station.start(meter=0, when=at(-60)))["transactionId"]
    await readings(station, [sampled(at(-50), 0, phase="L1"), sampled(at(-10), 5000, phase="L1")],
                   transactionId=number)
    await station.stop(number, meter=5000)
    found = await get(daemon, number)
    assert set(found["labels"]) == {"session-register", "phase-register"}
    assert len(found["labelReasons"]) == 2
    assert (found["energyWh"], found["flags"]) == (5000, [])


async def g18_another_stations_id(daemon, station):
    number = (await station.start(meter=10))["transactionId"]
    assert 1 <= number <= 2**31 - 1
    async with Station.connect(daemon, "CP-2") as thief:
        assert await thief.stop(number, meter=9999) == {}
        await readings(thief, [sampled(now(), 1)], transactionId=number)
    found = await get(daemon, number)
    assert found["active"] and found["flags"] == []
    assert await values_of(daemon, number) == []
    orphan = [item for item in await every(daemon) if item["stationId"] == "CP-2"]
    assert set(orphan[0]["flags"]) == {"orphan", "foreign"}
    assert daemon.log.events("security.suspected", station="CP-2")


async def e04_e05_times(daemon, station):
    answer = await station.call("StartTransaction", {
        "connectorId": 1, "idTag": "TAG-1", "meterStart": 0, "timestamp": "1970-01-01T00:00:00Z"})
    found = await get(daemon, answer["transactionId"])
    assert found["flags"] == ["time"]
    answer = await station.call("StartTransaction", {
        "connectorId": 2, "idTag": "TAG-1", "meterStart": 0, "timestamp": ""})
    found = await get(daemon, answer["transactionId"])
    assert "time" in found["flags"]
    assert found["startTimestamp"] == found["startReceived"]


async def e02_offset_without_colon(daemon, station):
    answer = await station.call("StartTransaction", {
        "connectorId": 1, "idTag": "TAG-1", "meterStart": 0, "timestamp": "2026-03-01T12:00:00+0200"})
    found = await get(daemon, answer["transactionId"])
    assert found["startTimestamp"] == "2026-03-01T10:00:00.000Z"
    assert found["startTimestampReceived"] == "2026-03-01T12:00:00+0200"


async def e06_readings_out_of_order(daemon, station):
    number = (await station.start(meter=0, when=at(-60)))["transactionId"]
    await readings(station, [sampled(at(-10), 300)], transactionId=number)
    await readings(station, [sampled(at(-30), 100)], transactionId=number)
    await readings(station, [sampled(at(-30), 101)], transactionId=number)
    assert sorted(await values_of(daemon, number)) == ["100", "101", "300"]
    await station.stop(number, meter=300)
    found = await settled(daemon, number, lambda item: item.get("energyCandidates", {}).get("register", 0) >= 199)
    assert found["flags"] == []


async def f04_reboot_suspends(daemon, station):
    number = (await station.start(meter=0))["transactionId"]
    await station.boot()
    found = await settled(daemon, number, lambda item: item["flags"])
    assert found["flags"] == ["suspended"] and found["active"]
    await station.stop(number, meter=10)
    assert (await get(daemon, number))["flags"] == []


async def limit_of_a_tag(daemon, station):
    first = await station.start(tag="ONE", connector=1)
    assert first["idTagInfo"]["status"] == "Accepted"
    second = await station.start(tag="one", connector=2, meter=7)
    assert second["idTagInfo"]["status"] == "ConcurrentTx"
    assert (await get(daemon, second["transactionId"]))["flags"] == ["unauthorised"]
    await station.stop(first["transactionId"])
    third = await station.start(tag="ONE", connector=3)
    assert third["idTagInfo"]["status"] == "Accepted"


STORIES = [
    g01_repeated_start, g02_refused_but_charging, g04_stop_of_an_unknown_one, g05_repeated_stop,
    g06_available_makes_stale, g06_reboot_makes_stale_and_readings_bring_back,
    g06_g17_new_start_makes_stale, g07_readings_before_the_start, g07_stop_before_the_start,
    g09_negative_is_no_bill, g09_disagreement_is_flagged, g09_kwh_in_a_wh_field, g09_intervals,
    g10_other_tag_stops, g11_no_reservation, g13_readings_without_id,
    g14_closing_register_after_the_stop, g15_odd_values, g16_labels, g18_another_stations_id,
    e02_offset_without_colon, e04_e05_times, e06_readings_out_of_order, f04_reboot_suspends,
    limit_of_a_tag,
]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_books(tmp_path, story):
    options = dict(TAGS)
    if "makes_stale" in story.__name__:
        options["transactions"] = {"stale_after_available": "1s", "stale_after_reboot": "1s"}

    async def body(daemon):
        async with Station.connect(daemon) as station:
            await story(daemon, station)

    with Daemon(tmp_path, options) as daemon:
        run(body(daemon))


def test_energy_of_readings_before_a_restart_counts(tmp_path):
    async def begin(daemon):
        async with Station.connect(daemon) as station:
            number = (await station.start(meter=9000, when=at(-60)))["transactionId"]
            await readings(station, [sampled(at(-50), 100), sampled(at(-40), 600)],
                           transactionId=number)
            return number

    async def end(daemon, number):
        async with Station.connect(daemon, boot=False) as station:
            await station.stop(number, meter=0)
            return await settled(daemon, number, lambda item: item.get("energyWh"))

    daemon = Daemon(tmp_path, TAGS)
    with daemon:
        number = run(begin(daemon))
    with daemon:
        found = run(end(daemon, number))
        assert (found["energyWh"], found["energyMethod"]) == (500, "register")


def test_running_ones_show_their_latest_reading(tmp_path):
    async def body(daemon):
        async with Station.connect(daemon) as station:
            first = (await station.start(meter=0, when=at(-60)))["transactionId"]
            second = (await station.start(meter=0, connector=2))["transactionId"]
            await readings(station, [sampled(at(-30), 40), sampled(at(-20), 50)],
                           transactionId=first)
            found = {item["transactionId"]: item for item in await every(daemon, "&active=true")}
            assert set(found) == {first, second}
            assert found[first]["latestReading"]["sampledValue"] == [{"value": "50"}]
            assert "latestReading" not in found[second]
            assert found[first]["latestEnergyWh"] == 50 and "latestEnergyWh" not in found[second]
            # A register of the meter's life beside a meterStart of 0 tells nothing yet.
            await readings(station, [sampled(at(-10), 5000000)], transactionId=second)
            assert "latestEnergyWh" not in await get(daemon, second)
            await station.stop(first, 60)
            await settled(daemon, first, lambda item: item.get("energyWh") == 60)
            assert "latestEnergyWh" not in await get(daemon, first)
            assert (await get(daemon, first))["latestReading"]["sampledValue"] == [{"value": "50"}]

    with Daemon(tmp_path, TAGS) as daemon:
        run(body(daemon))


def test_operator_closes_a_record_and_the_stations_stop_replaces_it(tmp_path):
    async def body(daemon):
        async with Station.connect(daemon) as station:
            number = (await station.start(meter=1000, when=at(-60)))["transactionId"]
            await readings(station, [sampled(at(-30), 1250)], transactionId=number)
            path = f"/v1/transactions/{number}/stop"
            status, found = await daemon.api_async("POST", path, {})
            assert status == 200
            assert (found["energyWh"], found["flags"]) == (250, ["closed"])
            assert (await daemon.api_async("POST", path, {}))[0] == 409
            assert (await daemon.api_async("POST", "/v1/transactions/1/stop", {}))[0] == 404
            await station.stop(number, meter=1400)
            found = await get(daemon, number)
            assert (found["energyWh"], found["flags"]) == (400, [])

    with Daemon(tmp_path, TAGS) as daemon:
        run(body(daemon))


async def many(daemon, count):
    async with Station.connect(daemon, "=CP-1") as station:
        for i in range(count):
            number = (await station.start(tag=("TAG-1", "TAG-2")[i % 2], meter=i,
                                          when=f"2026-03-01T10:{i // 60:02}:{i % 60:02}Z"))
            await station.stop(number["transactionId"], meter=i + 10,
                               when=f"2026-03-01T11:{i // 60:02}:{i % 60:02}Z")


def pages(daemon, query):
    found = []
    after = ""
    while True:
        status, page = daemon.api("GET", f"/v1/transactions?limit=7{query}{after}")
        assert status == 200
        found += page["items"]
        if "next" not in page:
            return found
        after = f"&after={page['next']}"


def table(daemon, query=""):
    connection = UnixHTTPConnection(daemon.socket)
    connection.request("GET", f"/v1/transactions.csv{query}")
    answer = connection.getresponse()
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/csv")
    text = answer.read().decode()
    connection.close()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_lists_and_export_filter_alike(tmp_path):
    with Daemon(tmp_path, TAGS, log_level="info") as daemon:
        run(many(daemon, 40))
        for query, count in (("", 40), ("&idTag=tag-2", 20), ("&stationId=%3DCP-1", 40),
                             ("&stationId=CP-2", 0), ("&active=true", 0), ("&active=false", 40),
                             ("&from=2026-03-01T10:00:05Z&to=2026-03-01T10:00:15Z", 10),
                             ("&idTag=TAG-1&from=2026-03-01T10:00:30Z", 5),
                             ("&stationId=%3DCP-1&to=2026-03-01T10:00:01Z", 1)):
            found = pages(daemon, query)
            assert len(found) == count, query
            times = [item["startTimestamp"] for item in found]
            assert times == sorted(times, reverse=True)
            rows = table(daemon, "?" + query[1:])
            assert [int(row["transactionId"]) for row in rows] == [
                item["transactionId"] for item in found], query
            for row, item in zip(rows, found):
                assert row["idTag"] == item["idTag"]
                assert int(row["energyWh"]) == item["energyWh"] == 10
                # No formula for a spreadsheet.
                assert row["stationId"] == "'=CP-1"
        assert daemon.api("GET", "/v1/transactions?after=nonsense")[0] == 400
        described = daemon.api("GET", "/v1/openapi.json")[1]["paths"]["/v1/transactions.csv"]["get"]
        assert described["responses"]["200"]["content"] == {"text/csv": {"schema": {"type": "string"}}}


def test_export_is_streamed_in_bounded_pieces(tmp_path):
    options = {**TAGS, "http_api": {"max_pending": "16KiB"}}

    async def fill(daemon):
        async def one(name):
            async with Station.connect(daemon, name) as station:
                for i in range(150):
                    await station.stop(i + 1, meter=i)

        await asyncio.gather(*(one(f"CP-{i}") for i in range(8)))

    with Daemon(tmp_path, options, log_level="info") as daemon:
        run(fill(daemon))
        rows = table(daemon)
        assert len(rows) == 1200
        assert len({row["transactionId"] for row in rows}) == 1200
        # One that goes in the middle of it is forgotten.
        connection = UnixHTTPConnection(daemon.socket)
        connection.request("GET", "/v1/transactions.csv")
        connection.close()
        status, out, err = daemon.ctl("transactions", "export", "--stationId", "CP-3")
        assert status == 0, err
        assert len(list(csv.DictReader(io.StringIO(out, newline="")))) == 150
