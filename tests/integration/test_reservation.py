# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Reservations: every answer of a station, every end, through commands and through resources."""

import asyncio
import contextlib
import sqlite3
import time

import pytest
from harness import CallError, DEADLINE_S, Daemon, Follower, Station, now, run

MODULE = {"ocpp16_reservation": {}}


def ahead(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds + 1))


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("reservation"), MODULE) as running:
        for tag, more in (("TAG-1", {"parentIdTag": "GROUP"}), ("TAG-2", {"parentIdTag": "GROUP"}),
                          ("TAG-3", {}), ("BLOCKED", {"status": "Blocked"})):
            assert running.api("PUT", f"/v1/id-tags/{tag}", {"status": "Accepted", **more})[0] < 300
        yield running


@contextlib.asynccontextmanager
async def reserving(daemon, station_id, answer="Accepted", cancel="Accepted"):
    async with Station.connect(daemon, station_id) as station:
        station.on_call["ReserveNow"] = (
            answer if callable(answer) else lambda payload: {"status": answer})
        station.on_call["CancelReservation"] = (
            cancel if callable(cancel) else lambda payload: {"status": cancel})
        yield station


def terms(**more):
    return {"connectorId": 1, "expiryDate": ahead(600), "idTag": "TAG-1", **more}


async def command(daemon, station_id, action, body, query=""):
    return await daemon.api_async("POST", f"/v1/stations/{station_id}/commands/{action}{query}", body)


async def reserve(daemon, station_id, **more):
    """By a command; gives the record."""
    status, body = await command(daemon, station_id, "ReserveNow", terms(**more))
    assert status == 200, body
    status, body = await daemon.api_async("GET", f"/v1/reservations?stationId={station_id}")
    assert status == 200
    return body["items"][0]


async def show(daemon, record):
    status, body = await daemon.api_async(
        "GET", f"/v1/reservations/{record['reservationId']}?stationId={record['stationId']}")
    assert status == 200, body
    return body


async def until(daemon, record, status):
    """Waits for a status by the events' own effect: a bounded number of looks."""
    end = time.monotonic() + DEADLINE_S
    while True:
        body = await show(daemon, record)
        if body["status"] == status:
            return body
        assert time.monotonic() < end, body
        await asyncio.sleep(0.05)


async def status_of(station, connector, status, error="NoError"):
    await station.call("StatusNotification", {
        "connectorId": connector, "status": status, "errorCode": error, "timestamp": now()})


# ---- ReserveNow --------------------------------------------------------------------------------

def test_id_is_chosen_and_never_the_same(daemon):
    async def session():
        async with reserving(daemon, "CP-IDS") as station:
            for _ in range(3):
                assert (await command(daemon, "CP-IDS", "ReserveNow", terms()))[0] == 200
            ids = [call[3]["reservationId"] for call in station.calls]
            assert len(set(ids)) == 3 and min(ids) > 0 and max(ids) <= 2147483647
    run(session())


def test_payload_goes_out_as_given(daemon):
    async def session():
        async with reserving(daemon, "CP-GIVEN") as station:
            body = terms(reservationId=77)
            status, answer = await command(daemon, "CP-GIVEN", "ReserveNow", body)
            assert (status, answer) == (200, {"result": "confirmed", "response": {"status": "Accepted"}})
            assert station.calls[0][3] == body
            record = (await daemon.api_async("GET", "/v1/reservations/77"))[1]
            assert record["idTag"] == "TAG-1" and record["status"] == "Accepted" and record["active"]
    run(session())


@pytest.mark.parametrize("answer", ["Occupied", "Faulted", "Unavailable", "Rejected"])
def test_refused_by_the_station(daemon, answer):
    async def session():
        async with reserving(daemon, f"CP-{answer}", answer):
            status, body = await command(daemon, f"CP-{answer}", "ReserveNow", terms())
            assert status == 200 and body["response"]["status"] == answer
            items = (await daemon.api_async("GET", f"/v1/reservations?stationId=CP-{answer}"))[1]["items"]
            assert [(item["status"], item["active"]) for item in items] == [(answer, False)]
            status, body = await daemon.api_async(
                "POST", "/v1/reservations", {"stationId": f"CP-{answer}", **terms()})
            assert status == 409 and answer in body["detail"]
    run(session())


def test_error_and_silence(daemon):
    async def session():
        async with reserving(daemon, "CP-ERR") as station:
            del station.on_call["ReserveNow"]
            assert (await command(daemon, "CP-ERR", "ReserveNow", terms()))[0] == 502
            listed = (await daemon.api_async("GET", "/v1/reservations?stationId=CP-ERR"))[1]["items"]
            assert listed[0]["status"] == "Failed" and "NotImplemented" in listed[0]["reason"]
            station.on_call["ReserveNow"] = lambda payload: None
            assert (await command(daemon, "CP-ERR", "ReserveNow", terms(), "?timeout=1"))[0] == 504
            listed = (await daemon.api_async("GET", "/v1/reservations?stationId=CP-ERR"))[1]["items"]
            assert listed[0]["status"] == "Unconfirmed" and listed[0]["active"]
            await status_of(station, 1, "Reserved")
            assert (await until(daemon, listed[0], "Accepted"))["history"][1]["status"] == "Unconfirmed"
    run(session())


def test_lost_connection_leaves_it_unconfirmed(daemon):
    async def session():
        async with reserving(daemon, "CP-LOST", lambda payload: None) as station:
            task = asyncio.ensure_future(command(daemon, "CP-LOST", "ReserveNow", terms()))
            while not station.calls:
                await asyncio.sleep(0.02)
            await station.socket.close()
            assert (await task)[0] == 409
        listed = (await daemon.api_async("GET", "/v1/reservations?stationId=CP-LOST"))[1]["items"]
        assert listed[0]["status"] == "Unconfirmed"
    run(session())


WARNINGS = [
    ({"expiryDate": "2020-01-01T00:00:00Z"}, "expiryDate"), ({"idTag": "BLOCKED"}, "Blocked"),
    ({"idTag": "NOBODY"}, "Invalid"), ({"parentIdTag": "OTHERS"}, "parentIdTag"),
    ({"connectorId": 9}, "connectorId"), ({"reservationId": 0}, "reservationId"),
]


@pytest.mark.parametrize("more,named", WARNINGS, ids=[named for _, named in WARNINGS])
def test_findings_warn_or_refuse(daemon, more, named):
    async def session():
        async with reserving(daemon, "CP-WARN", "Rejected") as station:
            await status_of(station, 1, "Available")
            status, body = await command(daemon, "CP-WARN", "ReserveNow", terms(**more))
            assert status == 200 and any(named in text for text in body["warnings"]), body
            count = len(station.calls)
            status, body = await command(daemon, "CP-WARN", "ReserveNow", terms(**more), "?checks=strict")
            assert status == 422 and named in body["detail"]
            status, body = await daemon.api_async(
                "POST", "/v1/reservations", {"stationId": "CP-WARN", **terms(**more)})
            assert status in (400, 422), body
            assert len(station.calls) == count
    run(session())


def test_id_in_use(daemon):
    async def session():
        async with reserving(daemon, "CP-USE1"), reserving(daemon, "CP-USE2") as second:
            assert (await command(daemon, "CP-USE1", "ReserveNow", terms(reservationId=500)))[0] == 200
            for station_id, text in (("CP-USE1", "replaced"), ("CP-USE2", "another station")):
                status, body = await command(daemon, station_id, "ReserveNow",
                                             terms(reservationId=500), "?checks=strict")
                assert status == 422 and text in body["detail"]
            status, body = await command(daemon, "CP-USE2", "ReserveNow", terms(reservationId=500))
            assert status == 200 and body["warnings"] and second.calls
            status, body = await daemon.api_async("GET", "/v1/reservations/500")
            assert status == 409 and "stationId" in body["detail"]
            assert (await daemon.api_async("GET", "/v1/reservations/500?stationId=CP-USE2"))[0] == 200
    run(session())


def test_group_is_sent_by_the_resource(daemon):
    async def session():
        async with reserving(daemon, "CP-GROUP") as station:
            status, body = await daemon.api_async(
                "POST", "/v1/reservations", {"stationId": "CP-GROUP", **terms()})
            assert status == 201 and body["parentIdTag"] == "GROUP", body
            assert station.calls[0][3]["parentIdTag"] == "GROUP"
            assert body["reservationId"] == station.calls[0][3]["reservationId"]
            assert (await station.start("TAG-2"))["idTagInfo"]["status"] == "Accepted"
            assert (await until(daemon, body, "Used"))["transactionId"] > 0
    run(session())


def test_replacing(daemon):
    async def session():
        answers = ["Accepted", "Accepted", "Rejected"]
        async with reserving(daemon, "CP-REPL",
                             lambda payload: {"status": answers.pop(0)}) as station:
            record = await reserve(daemon, "CP-REPL")
            path = f"/v1/reservations/{record['reservationId']}"
            status, body = await daemon.api_async("PUT", path, {"connectorId": 2, "idTag": "TAG-3"})
            assert status == 200 and (body["connectorId"], body["idTag"]) == (2, "TAG-3"), body
            assert station.calls[1][3]["reservationId"] == record["reservationId"]
            assert station.calls[1][3]["expiryDate"][:19] == record["expiryDate"][:19]
            status, body = await daemon.api_async("PUT", path, {"connectorId": 1})
            assert status == 409 and "Rejected" in body["detail"]
            body = await show(daemon, record)
            assert (body["status"], body["connectorId"]) == ("Accepted", 2)
            assert [line["connectorId"] for line in body["history"]] == [2, 2, 1]
            assert "Rejected" in body["history"][0]["reason"]
    run(session())


# ---- How it ends -------------------------------------------------------------------------------

def test_used_by_the_transaction_that_names_it(daemon):
    async def session():
        async with reserving(daemon, "CP-NAMED") as station:
            record = await reserve(daemon, "CP-NAMED", connectorId=0)
            started = await station.start("TAG-1", connector=2, reservationId=record["reservationId"])
            body = await until(daemon, record, "Used")
            assert body["transactionId"] == started["transactionId"] and not body["active"]
            tx = (await daemon.api_async("GET", f"/v1/transactions/{started['transactionId']}"))[1]
            assert tx["reservationId"] == record["reservationId"]
    run(session())


def test_used_by_the_tag_without_an_id(daemon):
    async def session():
        async with reserving(daemon, "CP-TAG") as station:
            record = await reserve(daemon, "CP-TAG", idTag="TAG-3")
            await station.start("TAG-3", connector=2)
            await station.start("TAG-2", connector=1, meter=1)
            assert (await show(daemon, record))["status"] == "Accepted"
            started = await station.start("tag-3", connector=1, meter=2)
            assert (await until(daemon, record, "Used"))["transactionId"] == started["transactionId"]
    run(session())


def test_unknown_reservation_id_is_ignored(daemon):
    async def session():
        async with reserving(daemon, "CP-UNK") as station:
            started = await station.start("TAG-1", reservationId=424242)
            assert started["idTagInfo"]["status"] == "Accepted"
            assert (await daemon.api_async("GET", "/v1/reservations/424242"))[0] == 404
    run(session())


def test_expires_by_our_clock(daemon):
    async def session():
        async with reserving(daemon, "CP-EXP"):
            record = await reserve(daemon, "CP-EXP", expiryDate=ahead(1))
        body = await until(daemon, record, "Expired")
        assert body["changed"] >= body["expiryDate"]
        assert [line["status"] for line in body["history"]] == ["Expired", "Accepted"]
    run(session())


def test_late_transaction_corrects_an_expired_one(daemon):
    async def session():
        async with reserving(daemon, "CP-LATE") as station:
            record = await reserve(daemon, "CP-LATE", expiryDate=ahead(1))
            begun = now()
            await until(daemon, record, "Expired")
            started = await station.start("TAG-1", when=begun, reservationId=record["reservationId"])
            body = await until(daemon, record, "Used")
            assert body["transactionId"] == started["transactionId"]
    run(session())


@pytest.mark.parametrize("cancel", ["Accepted", "Rejected"])
def test_cancelled(daemon, cancel):
    async def session():
        async with reserving(daemon, f"CP-C{cancel}", cancel=cancel) as station:
            record = await reserve(daemon, f"CP-C{cancel}")
            path = f"/v1/reservations/{record['reservationId']}"
            status, body = await daemon.api_async("DELETE", path)
            assert status == 200 and body["status"] == "Cancelled", body
            assert cancel in body["reason"] and body["history"][0]["requester"]
            assert station.calls[-1][2:] == ["CancelReservation", {"reservationId": record["reservationId"]}]
            assert (await daemon.api_async("DELETE", path))[0] == 409
    run(session())


def test_cancel_that_fails_changes_nothing(daemon):
    async def session():
        async with reserving(daemon, "CP-CFAIL", cancel=lambda payload: None) as station:
            record = await reserve(daemon, "CP-CFAIL")
            body = {"reservationId": record["reservationId"]}
            assert (await command(daemon, "CP-CFAIL", "CancelReservation", body, "?timeout=1"))[0] == 504
            shown = await show(daemon, record)
            assert shown["status"] == "Accepted" and "no answer" in shown["history"][0]["reason"]
            del station.on_call["CancelReservation"]
            assert (await command(daemon, "CP-CFAIL", "CancelReservation", body))[0] == 502
            assert (await show(daemon, record))["status"] == "Accepted"
            status, answer = await command(daemon, "CP-CFAIL", "CancelReservation",
                                           {"reservationId": 999}, "?checks=strict")
            assert status == 422 and "reservationId" in answer["detail"]
    run(session())


ENDS = [(1, 1, "Faulted", True), (1, 1, "Unavailable", True), (1, 2, "Faulted", False),
        (1, 0, "Unavailable", True), (0, 1, "Faulted", False), (0, 0, "Faulted", True)]


@pytest.mark.parametrize("reserved,connector,status,is_over", ENDS)
def test_connector_out(daemon, reserved, connector, status, is_over):
    station_id = f"CP-OUT-{reserved}-{connector}-{status}"

    async def session():
        async with reserving(daemon, station_id) as station:
            for place in (0, 1, 2):
                await status_of(station, place, "Available")
            record = await reserve(daemon, station_id, connectorId=reserved)
            await status_of(station, connector, status, "OtherError")
            if is_over:
                body = await until(daemon, record, status)
                assert status in body["reason"] and not body["active"]
            else:
                assert (await show(daemon, record))["status"] == "Accepted"
                if reserved == 0:
                    await status_of(station, 2, "Unavailable")
                    await until(daemon, record, "Unavailable")
    run(session())


# ---- Around it ---------------------------------------------------------------------------------

def test_restart_of_the_daemon_keeps_them(tmp_path):
    async def first(daemon):
        async with reserving(daemon, "CP-1") as station:
            for connector, seconds in ((1, 600), (2, 1), (3, 600)):
                assert (await command(daemon, "CP-1", "ReserveNow", terms(
                    connectorId=connector, expiryDate=ahead(seconds), reservationId=connector)))[0] == 200
            await station.start("TAG-1", connector=3)
            await until(daemon, {"reservationId": 3, "stationId": "CP-1"}, "Used")

    async def second(daemon):
        await until(daemon, {"reservationId": 2, "stationId": "CP-1"}, "Expired")
        assert (await daemon.api_async("DELETE", "/v1/reservations/1"))[0] == 409
        async with reserving(daemon, "CP-1") as station:
            assert (await show(daemon, {"reservationId": 1, "stationId": "CP-1"}))["active"]
            await command(daemon, "CP-1", "ReserveNow", terms(connectorId=2))
            assert station.calls[0][3]["reservationId"] > 3
            await station.start("TAG-1", reservationId=1)
            await until(daemon, {"reservationId": 1, "stationId": "CP-1"}, "Used")

    with Daemon(tmp_path, {**MODULE, "id_tags": {"unknown_tags": "accept"}}) as daemon:
        run(first(daemon))
        daemon.kill()
        daemon.start()
        run(second(daemon))


def test_restart_of_the_station_ends_nothing(daemon):
    async def play():
        async with reserving(daemon, "CP-REBOOT"):
            record = await reserve(daemon, "CP-REBOOT")
        async with reserving(daemon, "CP-REBOOT") as station:
            assert (await show(daemon, record))["active"]
            # A connector that comes back free may have lost it: its clock, and a use, decide.
            await status_of(station, 1, "Available")
            await status_of(station, 1, "Reserved")
            assert (await show(daemon, record))["active"]
            transaction_id = (await station.start("TAG-1"))["transactionId"]
            used = await until(daemon, record, "Used")
            assert used["transactionId"] == transaction_id
    run(play())


def test_what_began_while_the_module_was_out_is_found(tmp_path):
    async def first(daemon):
        async with reserving(daemon, "CP-1"):
            for connector in (1, 2):
                await reserve(daemon, "CP-1", connectorId=connector, idTag=f"TAG-{connector}",
                              reservationId=connector)

    async def second(daemon):
        async with Station.connect(daemon, "CP-1") as station:
            return (await station.start("TAG-2", connector=2))["transactionId"]

    with Daemon(tmp_path, {**MODULE, "id_tags": {"unknown_tags": "accept"}}) as daemon:
        run(first(daemon))
        del daemon.settings["plugins"]["ocpp16_reservation"]
        daemon.write_config()
        daemon.restart()
        transaction_id = run(second(daemon))
        daemon.settings["plugins"].update(MODULE)
        daemon.write_config()
        daemon.restart()
        assert daemon.api("GET", "/v1/reservations/1")[1]["active"]
        used = daemon.api("GET", "/v1/reservations/2")[1]
        assert (used["status"], used["transactionId"]) == ("Used", transaction_id), used


def test_lists_and_ctl(daemon):
    async def session():
        async with reserving(daemon, "CP-CTL"):
            loop = asyncio.get_running_loop()

            def ctl(*args):
                return loop.run_in_executor(None, lambda: daemon.ctl(*args))
            code, out, err = await ctl("reservations", "create", "CP-CTL", "1", "TAG-1", ahead(600))
            assert code == 0, out + err
            record = (await daemon.api_async("GET", "/v1/reservations?stationId=CP-CTL"))[1]["items"][0]
            one = str(record["reservationId"])
            for words in (("reservations", "--stationId", "CP-CTL"), ("reservations", "show", one)):
                code, out, err = await ctl(*words)
                assert code == 0 and one in out, out + err
            code, out, err = await ctl("reservations", "change", one, "--connectorId", "2")
            assert code == 0, out + err
            code, out, err = await ctl("reservations", "cancel", one)
            assert code == 0, out + err
            code, out, err = await ctl("reservations", "cancel", one)
            assert code != 0
        for query, count in (("active=true", 0), ("active=false", 1), ("idTag=tag-1", 1), ("idTag=x", 0)):
            body = (await daemon.api_async("GET", f"/v1/reservations?stationId=CP-CTL&{query}"))[1]
            assert len(body["items"]) == count, query
        page = (await daemon.api_async("GET", "/v1/reservations?limit=1"))[1]
        other = (await daemon.api_async("GET", f"/v1/reservations?limit=1&after={page['next']}"))[1]
        assert page["items"] != other["items"]
        assert (await daemon.api_async("GET", "/v1/reservations?after=x"))[0] == 400
    run(session())


def test_not_connected_and_unknown(daemon):
    assert daemon.api("PUT", "/v1/stations/CP-AWAY", {"registrationStatus": "Accepted"})[0] < 300
    assert daemon.api("PUT", "/v1/stations/CP-GONE", {"registrationStatus": "Accepted"})[0] < 300
    assert daemon.api("DELETE", "/v1/stations/CP-GONE")[0] == 204
    for station_id, expected in (("CP-AWAY", 409), ("CP-NOWHERE", 404), ("CP-GONE", 404)):
        assert daemon.api("POST", "/v1/reservations", {"stationId": station_id, **terms()})[0] == expected
    assert daemon.api("GET", "/v1/reservations/123456")[0] == 404
    assert daemon.api("DELETE", "/v1/reservations/123456")[0] == 404
    assert daemon.api("GET", "/v1/reservations/x")[0] == 404


def test_left_out(tmp_path):
    async def session(daemon):
        async with Station.connect(daemon) as station:
            for action, body in (("ReserveNow", terms(reservationId=1)),
                                 ("CancelReservation", {"reservationId": 1})):
                assert (await command(daemon, "CP-1", action, body))[0] == 501
                with pytest.raises(CallError) as refused:
                    await station.call(action, body)
                assert refused.value.code == "NotSupported"
            assert (await daemon.api_async("GET", "/v1/reservations"))[0] == 404
            await status_of(station, 1, "Reserved")
            started = await station.start("TAG-1", reservationId=7)
            tx = (await daemon.api_async("GET", f"/v1/transactions/{started['transactionId']}"))[1]
            assert tx["reservationId"] == 7
            assert not station.calls
    with Daemon(tmp_path, {"id_tags": {"unknown_tags": "accept"}}) as daemon:
        run(session(daemon))


def test_module_leaves_and_returns(tmp_path):
    async def session(daemon):
        async with reserving(daemon, "CP-1") as station:
            record = await reserve(daemon, "CP-1")
            station.on_call["ReserveNow"] = lambda payload: None
            pending = asyncio.ensure_future(daemon.api_async(
                "POST", "/v1/reservations", {"stationId": "CP-1", **terms()}))
            while len(station.calls) < 2:
                await asyncio.sleep(0.02)
            del daemon.settings["plugins"]["ocpp16_reservation"]
            daemon.write_config()
            status, body = await daemon.api_async("POST", "/v1/reload")
            assert status == 200, body
            assert (await pending)[0] == 503
            assert (await command(daemon, "CP-1", "ReserveNow", terms()))[0] == 501
            daemon.settings["plugins"].update(MODULE)
            daemon.write_config()
            status, body = await daemon.api_async("POST", "/v1/reload")
            assert status == 200, body
            assert (await show(daemon, record))["active"]
            station.on_call["ReserveNow"] = lambda payload: {"status": "Accepted"}
            assert (await reserve(daemon, "CP-1"))["reservationId"] != record["reservationId"]
            await station.start("TAG-1", reservationId=record["reservationId"])
            await until(daemon, record, "Used")
    with Daemon(tmp_path, {**MODULE, "id_tags": {"unknown_tags": "accept"}}, call_timeout="3s") as daemon:
        run(session(daemon))


def test_daemon_that_ends_before_the_answer(tmp_path):
    async def session(daemon):
        async with reserving(daemon, "CP-1", lambda payload: None) as station:
            pending = asyncio.ensure_future(command(daemon, "CP-1", "ReserveNow", terms()))
            while not station.calls:
                await asyncio.sleep(0.02)
            await asyncio.get_running_loop().run_in_executor(None, daemon.restart)
            with contextlib.suppress(ConnectionError, AssertionError, OSError):
                assert (await pending)[0] in (409, 503)
        items = (await daemon.api_async("GET", "/v1/reservations"))[1]["items"]
        assert [item["status"] for item in items] == ["Unconfirmed"]
    with Daemon(tmp_path, {**MODULE, "id_tags": {"unknown_tags": "accept"}}, drain_timeout="1s") as daemon:
        run(session(daemon))


def test_connector_zero_where_the_station_does_not_take_it(daemon):
    async def session():
        async with reserving(daemon, "CP-ZERO") as station:
            # What was just read is heeded, however fast the command follows it.
            for value, is_warned in 8 * (("false", True), ("true", False)):
                station.on_call["GetConfiguration"] = lambda payload: {"configurationKey": [
                    {"key": "ReserveConnectorZeroSupported", "readonly": True, "value": value}]}
                assert (await command(daemon, "CP-ZERO", "GetConfiguration", {}))[0] == 200
                status, body = await command(daemon, "CP-ZERO", "ReserveNow", terms(connectorId=0))
                assert status == 200 and ("warnings" in body) == is_warned, body
    run(session())


def test_ids_pass_over_what_operators_chose(daemon):
    async def session():
        async with reserving(daemon, "CP-MANY", "Rejected") as station:
            assert (await command(daemon, "CP-MANY", "ReserveNow", terms()))[0] == 200
            chosen = station.calls[0][3]["reservationId"] + 2
            assert (await command(daemon, "CP-MANY", "ReserveNow", terms(reservationId=chosen)))[0] == 200
            # More than a block of ids, so that one is fetched on the way.
            for _ in range(300):
                status, body = await command(daemon, "CP-MANY", "ReserveNow", terms())
                assert status == 200, body
            ids = [call[3]["reservationId"] for call in station.calls]
            assert len(set(ids)) == len(ids) == 302
            assert ids[0] + 1 in ids and ids[0] + 3 in ids
    run(session())


def test_what_happens_while_storage_is_out_is_stored_later(tmp_path):
    async def play(daemon, database):
        async with reserving(daemon, "CP-1") as station:
            kept = await reserve(daemon, "CP-1", connectorId=1)
            ending = await reserve(daemon, "CP-1", connectorId=2, expiryDate=ahead(1))
            database.execute("BEGIN IMMEDIATE")
            # Refused by nobody: the station took it, and has it.
            status, body = await command(daemon, "CP-1", "ReserveNow", terms(connectorId=3))
            assert (status, body["response"]["status"]) == (200, "Accepted")
            made = {"stationId": "CP-1",
                    "reservationId": station.calls[-1][3]["reservationId"]}
            status, _ = await command(daemon, "CP-1", "CancelReservation",
                                      {"reservationId": kept["reservationId"]})
            assert status == 200
            waiting = lambda: {line["reservation"] for line in daemon.log.events(
                "reservation.unstored")}
            for _ in range(1500):
                if {str(made["reservationId"]), str(ending["reservationId"])} <= waiting():
                    break
                await asyncio.sleep(0.02)
            assert {str(made["reservationId"]), str(ending["reservationId"])} <= waiting()
            # What is known holds, though it is not on record: it cannot be cancelled twice.
            status, body = await command(daemon, "CP-1", "CancelReservation",
                                         {"reservationId": kept["reservationId"]})
            assert status == 200 and body["warnings"], body
            database.execute("ROLLBACK")
            status, body = await daemon.api_async(
                "GET", "/v1/reservations?stationId=CP-1&active=true")
            assert status == 200
            for _ in range(1500):
                status, body = await daemon.api_async(
                    "GET", f"/v1/reservations/{made['reservationId']}")
                if status == 200 and (await show(daemon, ending))["status"] == "Expired":
                    break
                await asyncio.sleep(0.02)
            assert status == 200 and body["status"] == "Accepted", body
            assert [line["status"] for line in body["history"]] == ["Accepted"]
            body = await until(daemon, kept, "Cancelled")
            assert [line["status"] for line in body["history"]] == ["Cancelled", "Accepted"]
            assert not daemon.log.events("reservation.lost")

    with Daemon(tmp_path, {**MODULE, "storage_sqlite": {"busy_timeout": "100ms"},
                           "id_tags": {"unknown_tags": "accept"}}) as daemon:
        database = sqlite3.connect(tmp_path / "ocppd.db", isolation_level=None)
        run(play(daemon, database))
        database.close()


def test_what_never_could_be_stored_is_told(tmp_path):
    async def play(daemon, database):
        async with reserving(daemon, "CP-1"):
            ending = await reserve(daemon, "CP-1", expiryDate=ahead(1))
            database.execute("BEGIN IMMEDIATE")
            for _ in range(1500):
                if daemon.log.events("reservation.unstored"):
                    return ending
                await asyncio.sleep(0.02)
            raise AssertionError("the expiry was stored")

    with Daemon(tmp_path, {**MODULE, "storage_sqlite": {"busy_timeout": "100ms"},
                           "id_tags": {"unknown_tags": "accept"}}) as daemon:
        database = sqlite3.connect(tmp_path / "ocppd.db", isolation_level=None)
        record = run(play(daemon, database))
        log = daemon.log
        daemon.stop()
        assert log.events("reservation.lost", reservation=record["reservationId"])
        database.close()
        # It ends again, by the clock.
        daemon.start()
        run(until(daemon, record, "Expired"))


OLD = 40 * 86400 * 1000000
AGE = {"reservation": f"UPDATE ocpp16_reservation_reservation SET changed_us = changed_us - {OLD}",
       "more": """INSERT INTO ocpp16_reservation_reservation (station_id, reservation_id,
           connector_id, token, presented, expiry_us, status, reason, created_us, changed_us)
           VALUES ('CP-2', ?, 1, 'x', 'X', 1, 'Used', 'long ago', 1, 1)""",
       "story": """INSERT INTO ocpp16_reservation_history (station_id, reservation_id, time_us,
           status, reason, connector_id, presented, expiry_us)
           VALUES ('CP-2', ?, 1, 'Used', 'long ago', 1, 'X', 1)"""}


def test_what_ended_long_ago_is_forgotten(tmp_path):
    async def play(daemon):
        async with reserving(daemon, "CP-1"):
            over = await reserve(daemon, "CP-1")
            await command(daemon, "CP-1", "CancelReservation",
                          {"reservationId": over["reservationId"]})
            await until(daemon, over, "Cancelled")
            return over, await reserve(daemon, "CP-1", connectorId=2)

    def lines(station):
        with contextlib.closing(sqlite3.connect(tmp_path / "ocppd.db")) as database:
            return [database.execute(f"SELECT count(*) FROM ocpp16_reservation_{table} "
                                     "WHERE station_id = ?", (station,)).fetchone()[0]
                    for table in ("reservation", "history")]

    with Daemon(tmp_path, {"ocpp16_reservation": {"keep": "30d"},
                           "id_tags": {"unknown_tags": "accept"}}) as daemon:
        over, holding = run(play(daemon))
        daemon.restart()
        assert lines("CP-1") == [2, 3]
        daemon.stop()
        with contextlib.closing(sqlite3.connect(tmp_path / "ocppd.db")) as database:
            database.execute(AGE["reservation"])
            for number in range(1200):
                database.execute(AGE["more"], (number,))
                database.execute(AGE["story"], (number,))
            database.commit()
        daemon.start()
        for _ in range(1500):
            if lines("CP-2") == [0, 0]:
                break
            time.sleep(0.02)
        assert lines("CP-2") == [0, 0]
        # As old, but it holds.
        assert lines("CP-1") == [1, 1]
        assert daemon.api("GET", f"/v1/reservations/{holding['reservationId']}")[1]["active"]
        assert daemon.api("GET", f"/v1/reservations/{over['reservationId']}")[0] == 404
        # Kept for ever.
        daemon.stop()
        with contextlib.closing(sqlite3.connect(tmp_path / "ocppd.db")) as database:
            database.execute(AGE["more"], (1,))
            database.commit()
        daemon.settings["plugins"]["ocpp16_reservation"] = {"keep": "0s"}
        daemon.write_config()
        daemon.start()
        assert not daemon.log.events("reservations.forgotten")
        assert lines("CP-2") == [1, 0]


def test_events_and_metrics(tmp_path):
    async def session(daemon):
        loop = asyncio.get_running_loop()
        follower = Follower(daemon, "?types=reservation.changed")
        async with reserving(daemon, "CP-1") as station:
            record = await reserve(daemon, "CP-1")
            await status_of(station, 1, "Faulted", "GroundFailure")
            for status, active in (("Accepted", True), ("Faulted", False)):
                body = await loop.run_in_executor(None, follower.next_body)
                assert (body["status"], body["active"]) == (status, active), body
                assert body["reservationId"] == record["reservationId"]
        follower.close()
        code, text, err = await loop.run_in_executor(None, lambda: daemon.ctl("metrics"))
        assert code == 0, err
        assert 'ocppd_reservation_changes_total{status="Faulted"} 1' in text
        assert "ocppd_reservations_active 0" in text
    with Daemon(tmp_path, {**MODULE, "metrics": {}, "id_tags": {"unknown_tags": "accept"}}) as daemon:
        run(session(daemon))
