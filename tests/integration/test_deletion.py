# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""What goes with a station that is deleted, and what stays: its rows in every module, at once."""

import asyncio
import contextlib
import os
import resource
import sqlite3
import time

import websockets
from harness import (DEADLINE_S, PLUGINS, Daemon, Follower, Station, connect, raw_request, run,
                     upgrade_request)

MODULES = {
    "stations": {"unknown": "reject"},
    "id_tags": {"tags": [{"id": "TAG-1"}]},
    "ocpp16_smart_charging": {}, "ocpp16_reservation": {}, "ocpp16_local_auth_list": {},
    "ocpp16_remote_trigger": {}, "ocpp16_firmware_management": {},
}
GONE = "CP-GONE"
MICRO = os.path.abspath(os.path.join(PLUGINS, "..", "tests", "modules", "modules"))
# What stands in the database of a station: table, its column, rows before, rows after.
TABLES = [
    ("stations_station", 1, 0), ("stations_state", 1, 0), ("stations_connector", 1, 0),
    ("stations_error", 1, 0), ("stations_key", 1, 0), ("stations_availability", 1, 0),
    ("ocpp16_smart_charging_installed", 1, 0), ("ocpp16_local_auth_list_station", 1, 0),
    ("ocpp16_local_auth_list_entry", 1, 0), ("ocpp16_remote_trigger_trigger", 1, 0),
    ("ocpp16_firmware_management_version", 1, 0), ("ocpp16_firmware_management_unasked", 1, 0),
    ("ocpp16_firmware_management_job", 1, 1), ("ocpp16_reservation_reservation", 1, 1),
    ("http_api_queue", 1, 1), ("transactions_transaction", 1, 1),
]


def provision(daemon, station_id=GONE):
    status, body = daemon.api("PUT", f"/v1/stations/{station_id}", {"registrationStatus": "Accepted"})
    assert status < 300, body


def rows(daemon, station_id=GONE):
    with contextlib.closing(sqlite3.connect(f"file:{daemon.folder}/ocppd.db?mode=ro", uri=True)) as base:
        return {table: base.execute(f"SELECT COUNT(*) FROM {table} WHERE station_id = ?",
                                    (station_id,)).fetchone()[0] for table, _, _ in TABLES}


async def command(daemon, action, payload, query="", station_id=GONE):
    status, body = await daemon.api_async(
        "POST", f"/v1/stations/{station_id}/commands/{action}{query}", payload)
    assert status in (200, 202), (action, body)
    return body


async def fill(daemon, station):
    """A row of everything that a module keeps of a station."""
    station.on_call.update({
        "SetChargingProfile": lambda _: {"status": "Accepted"},
        "ReserveNow": lambda _: {"status": "Accepted"},
        "SendLocalList": lambda _: {"status": "Accepted"},
        "TriggerMessage": lambda _: {"status": "Rejected"},
        "ChangeAvailability": lambda _: {"status": "Scheduled"},
        "UpdateFirmware": lambda _: {},
        "GetConfiguration": lambda _: {"configurationKey": [
            {"key": "HeartbeatInterval", "value": "300", "readonly": False}]},
    })
    await station.call("BootNotification", {"chargePointVendor": "Acme", "chargePointModel": "Fast",
                                            "firmwareVersion": "1.0"})
    await station.call("StatusNotification", {
        "connectorId": 1, "errorCode": "HighTemperature", "status": "Faulted"})
    await station.call("FirmwareStatusNotification", {"status": "Downloaded"})
    number = (await station.start())["transactionId"]
    await station.stop(number)
    await command(daemon, "SetChargingProfile", {"connectorId": 1, "csChargingProfiles": {
        "chargingProfileId": 7, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute", "chargingSchedule": {
            "chargingRateUnit": "A", "startSchedule": "2024-01-01T00:00:00Z",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16}]}}})
    await command(daemon, "ReserveNow", {"connectorId": 1, "idTag": "TAG-1",
                                         "expiryDate": "2099-01-01T00:00:00Z", "reservationId": 5})
    await command(daemon, "SendLocalList", {"updateType": "Full", "localAuthorizationList": [
        {"idTag": "TAG-1", "idTagInfo": {"status": "Accepted"}}]})
    await command(daemon, "TriggerMessage", {"requestedMessage": "Heartbeat"})
    await command(daemon, "ChangeAvailability", {"connectorId": 1, "type": "Inoperative"})
    await command(daemon, "GetConfiguration", {})
    await command(daemon, "UpdateFirmware", {"location": "https://198.51.100.7/image",
                                             "retrieveDate": "2026-01-01T00:00:00Z"})
    return number


async def until(check):
    end = time.monotonic() + DEADLINE_S
    while not (found := await asyncio.get_running_loop().run_in_executor(None, check)):
        assert time.monotonic() < end
        await asyncio.sleep(0.02)
    return found


async def fill_all(daemon):
    provision(daemon)
    provision(daemon, "CP-STAYS")
    for station_id in ("CP-STAYS", GONE):
        async with Station.connect(daemon, station_id, boot=False) as station:
            if station_id == GONE:
                number = await fill(daemon, station)
            else:
                await station.boot()
                await station.call("StatusNotification", {
                    "connectorId": 1, "errorCode": "NoError", "status": "Available"})
    await until(lambda: not daemon.api("GET", f"/v1/stations/{GONE}")[1]["connected"])
    await command(daemon, "Reset", {"type": "Soft"}, "?queue=3600")
    return number, await until(lambda: complete(daemon))


def complete(daemon):
    found = rows(daemon)
    return found if found == {table: before for table, before, _ in TABLES} else None


def test_all_that_a_station_is_configured_with_goes_and_money_stays(tmp_path):
    with Daemon(tmp_path, MODULES) as daemon:
        number, _ = run(fill_all(daemon))
        others = rows(daemon, "CP-STAYS")
        with contextlib.closing(Follower(daemon, "?types=station.deleted,reservation.changed,"
                                            "charging_profile.removed,command.ended")) as events:
            assert daemon.api("DELETE", f"/v1/stations/{GONE}")[0] == 204
            seen = {}
            while len(seen) < 4:
                event = events.next()
                seen[event["event"]] = event["data"]["body"]
        assert seen["station.deleted"]["stationId"] == GONE and seen["station.deleted"]["requester"]
        assert seen["reservation.changed"]["reason"] == "its station was deleted"
        assert seen["charging_profile.removed"]["reason"] == "station-deleted"
        assert seen["command.ended"]["state"] == "cancelled"
        assert rows(daemon) == {table: after for table, _, after in TABLES}
        assert rows(daemon, "CP-STAYS") == others

        # What stays is over, and says why.
        status, body = daemon.api("GET", f"/v1/reservations?stationId={GONE}")
        assert [(item["status"], item["active"]) for item in body["items"]] == [("Cancelled", False)]
        status, body = daemon.api("GET", f"/v1/firmware/updates?stationId={GONE}")
        assert [item["state"] for item in body["items"]] == ["Cancelled"]
        assert body["items"][0]["reason"].startswith("its station was deleted")
        status, body = daemon.api("GET", f"/v1/queued-commands?stationId={GONE}")
        assert body["items"][0]["result"]["type"].endswith("station-deleted")
        status, body = daemon.api("GET", f"/v1/transactions/{number}")
        assert status == 200 and body["energyWh"] == 1000
        assert daemon.api("GET", f"/v1/stations/{GONE}")[0] == 404

        # It holds after a restart, and one of the same identity begins anew.
        daemon.restart()
        assert rows(daemon) == {table: after for table, _, after in TABLES}
        provision(daemon)
        status, body = daemon.api("GET", f"/v1/stations/{GONE}")
        assert status == 200 and body["connectors"] == [] and "chargePointVendor" not in body
        assert daemon.api("GET", f"/v1/stations/{GONE}/charging-profiles")[1]["items"] == []
        status, body = daemon.api("GET", f"/v1/stations/{GONE}/local-list")
        assert body["state"] == "NeverSent"


def test_a_power_cut_right_after_the_answer_leaves_nothing(tmp_path):
    with Daemon(tmp_path, MODULES) as daemon:
        run(fill_all(daemon))
        assert daemon.api("DELETE", f"/v1/stations/{GONE}")[0] == 204
        daemon.kill()
        daemon.start()
        assert rows(daemon) == {table: after for table, _, after in TABLES}
        assert daemon.api("GET", "/v1/reservations?active=true")[1]["items"] == []


def test_what_cannot_be_stored_changes_nothing(tmp_path):
    async def session(daemon):
        _, before = await fill_all(daemon)
        # The database cannot grow: no commit succeeds.
        limit = resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        async with Station.connect(daemon, GONE, boot=False) as station:
            status, body = await daemon.api_async("DELETE", f"/v1/stations/{GONE}")
            assert status == 503, body
            assert (await station.closed())[0] == 1000
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, limit)
        assert rows(daemon) == before
        # It is let in as before.
        async with Station.connect(daemon, GONE, boot=False) as station:
            await station.call("Heartbeat", {})
            assert (await daemon.api_async("GET", f"/v1/stations/{GONE}/charging-profiles"))[1]["items"]

        async def deleted():
            return (await daemon.api_async("DELETE", f"/v1/stations/{GONE}"))[0]
        end = time.monotonic() + DEADLINE_S
        while await deleted() != 204:
            assert time.monotonic() < end
            await asyncio.sleep(0.05)
        assert rows(daemon) == {table: after for table, _, after in TABLES}
    with Daemon(tmp_path, MODULES) as daemon:
        run(session(daemon))


def test_a_connected_station_is_closed_and_kept_out(tmp_path):
    async def session(daemon):
        provision(daemon)
        async with Station.connect(daemon, GONE) as station:
            waiting = asyncio.ensure_future(daemon.api_async(
                "POST", f"/v1/stations/{GONE}/commands/GetConfiguration", {}))
            asked = asyncio.get_running_loop().create_future()
            station.on_call["GetConfiguration"] = lambda _: asked.set_result(True)
            await asyncio.wait_for(asked, DEADLINE_S)
            status, body = await daemon.api_async("DELETE", f"/v1/stations/{GONE}")
            assert status == 204, body
            assert await station.closed() == (1000, "deleted")
            # What was under way has ended.
            assert (await asyncio.wait_for(waiting, DEADLINE_S))[0] == 409
        assert b" 404 " in raw_request(daemon, upgrade_request(f"/ocpp/{GONE}")).splitlines()[0]
        assert (await daemon.api_async("DELETE", f"/v1/stations/{GONE}"))[0] == 404
        provision(daemon)
        async with Station.connect(daemon, GONE) as station:
            await station.call("Heartbeat", {})
    with Daemon(tmp_path, MODULES) as daemon:
        run(session(daemon))


async def come(daemon, station_id, made):
    for _ in range(6):
        with contextlib.suppress(OSError, websockets.WebSocketException):
            made.append(await connect(daemon.url(station_id), subprotocols=["ocpp1.6"],
                                      open_timeout=DEADLINE_S, ping_interval=None))


def test_connections_that_come_during_the_deletion_are_closed(tmp_path):
    """Their handshakes may have been over before the station was barred."""
    async def body(daemon, station_id):
        made = []
        coming = [asyncio.ensure_future(come(daemon, station_id, made)) for _ in range(3)]
        status, body = await daemon.api_async("DELETE", f"/v1/stations/{station_id}")
        assert status == 204, body
        await asyncio.gather(*coming)
        for socket_ in made:
            await asyncio.wait_for(socket_.wait_closed(), DEADLINE_S)
        return len(made)

    with Daemon(tmp_path, {"stations": {"unknown": "reject"}}) as daemon:
        made = 0
        for number in range(150):
            provision(daemon, f"CP-{number}")
            made += run(body(daemon, f"CP-{number}"))
        assert made


def test_a_transaction_under_way_is_in_the_way(tmp_path):
    async def session(daemon):
        provision(daemon)
        async with Station.connect(daemon, GONE) as station:
            number = (await station.start())["transactionId"]
            status, body = await daemon.api_async("DELETE", f"/v1/stations/{GONE}")
            assert status == 409 and body["type"].endswith("station-in-use"), body
            assert f"Transaction {number} " in body["detail"]
            assert f"POST /v1/transactions/{number}/stop" in body["detail"]
            # Nothing happened to it.
            await station.call("Heartbeat", {})
        await until(lambda: not daemon.api("GET", f"/v1/stations/{GONE}")[1]["connected"])
        code, out, err = await asyncio.get_running_loop().run_in_executor(
            None, lambda: daemon.ctl("stations", "delete", GONE))
        assert code != 0 and "is under way" in out + err
        # Still after a restart, when it is in memory again.
        await asyncio.get_running_loop().run_in_executor(None, daemon.restart)
        assert (await daemon.api_async("DELETE", f"/v1/stations/{GONE}"))[0] == 409
        assert (await daemon.api_async("POST", f"/v1/transactions/{number}/stop", {}))[0] == 200
        assert (await daemon.api_async("DELETE", f"/v1/stations/{GONE}"))[0] == 204
        status, body = await daemon.api_async("GET", f"/v1/transactions?stationId={GONE}")
        assert [item["transactionId"] for item in body["items"]] == [number]
    with Daemon(tmp_path, MODULES) as daemon:
        run(session(daemon))


def test_one_that_nobody_provisioned_comes_back_as_new(tmp_path):
    """unknown: accept. It may connect again at once, and is a new station then."""
    async def session(daemon):
        async with Station.connect(daemon, GONE) as station:
            await station.call("StatusNotification", {
                "connectorId": 1, "errorCode": "NoError", "status": "Available"})
            assert (await daemon.api_async("DELETE", f"/v1/stations/{GONE}"))[0] == 204
            await station.closed()
        assert (await daemon.api_async("GET", f"/v1/stations/{GONE}"))[0] == 404
        async with Station.connect(daemon, GONE):
            status, body = await daemon.api_async("GET", f"/v1/stations/{GONE}")
            assert (status, body["bootCount"], body["connectors"]) == (200, 1, [])
    with Daemon(tmp_path, {"stations": {"unknown": "accept"}}) as daemon:
        run(session(daemon))


def test_a_module_that_objects_or_fails_keeps_all_of_a_station(tmp_path):
    """As a third party's, with a table of its own."""
    def notes(daemon):
        with contextlib.closing(sqlite3.connect(f"file:{daemon.folder}/ocppd.db?mode=ro", uri=True)) as base:
            return [row[0] for row in base.execute("SELECT station_id FROM micro_keeper_note")]

    def now_does(daemon, word):
        daemon.settings["plugins"]["micro_keeper"]["does"] = word
        daemon.write_config()
        status, body = daemon.api("POST", "/v1/reload", {})
        assert status == 200, body

    async def session(daemon):
        provision(daemon)
        async with Station.connect(daemon, GONE) as station:
            daemon.log.wait("keeper.noted", result=0)
            before = rows_of_stations(daemon)
            status, body = await daemon.api_async("DELETE", f"/v1/stations/{GONE}")
            assert (status, body["detail"]) == (409, "The keeper wants to keep it")
            await station.call("Heartbeat", {})
            now_does(daemon, "fail")
            status, body = await daemon.api_async("DELETE", f"/v1/stations/{GONE}")
            assert status == 503, body
            # By then its connection was closed; but nothing else happened to it.
            assert (await station.closed()) == (1000, "deleted")
        assert daemon.log.events("station.kept", station=GONE)[0]["module"] == "micro_keeper"
        assert notes(daemon) == [GONE] and rows_of_stations(daemon) == before
        async with Station.connect(daemon, GONE, boot=False) as station:
            await station.call("Heartbeat", {})
        now_does(daemon, "nothing")
        assert (await daemon.api_async("DELETE", f"/v1/stations/{GONE}"))[0] == 204
        assert notes(daemon) == [] and rows_of_stations(daemon) == 0
        assert daemon.log.events("keeper.forgot", station=GONE)

    with Daemon(tmp_path, {"stations": {"unknown": "reject"}, "micro_keeper": {"does": "object"}},
                module_dir=[MICRO]) as daemon:
        run(session(daemon))


def rows_of_stations(daemon):
    with contextlib.closing(sqlite3.connect(f"file:{daemon.folder}/ocppd.db?mode=ro", uri=True)) as base:
        return base.execute("SELECT COUNT(*) FROM stations_station").fetchone()[0]
