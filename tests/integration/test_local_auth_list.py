# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Local authorization lists: the daemon against stations that answer in every way there is."""

import asyncio
import contextlib
import json
import re
import sqlite3

import pytest
from harness import CallError, Daemon, Follower, Station, eventually, now, run

MODULE = "ocpp16_local_auth_list"


class Keeper:
    """A station's list, as OCPP 1.6 describes it."""

    def __init__(self, station, max_entries=2000, max_message=100):
        self.station = station
        self.version = 0
        self.entries = {}
        self.answers = []  # statuses to give instead, first come first served; None: none
        self.messages = []
        self.max_entries = max_entries
        self.max_message = max_message
        station.on_call["GetLocalListVersion"] = lambda payload: {"listVersion": self.version}
        station.on_call["SendLocalList"] = self.send
        station.on_call["GetConfiguration"] = self.configuration

    def configuration(self, payload):
        return {"configurationKey": [
            {"key": "LocalAuthListMaxLength", "readonly": True, "value": str(self.max_entries)},
            {"key": "SendLocalListMaxLength", "readonly": True, "value": str(self.max_message)}]}

    def send(self, payload):
        self.messages.append(payload)
        if self.answers:
            answer = self.answers.pop(0)
            if answer is None or isinstance(answer, list):
                return answer and [4, self.station.calls[-1][1], *answer]
            if answer != "Accepted":
                return {"status": answer}
        return {"status": self.apply(payload)}

    def apply(self, payload):
        items = payload.get("localAuthorizationList", [])
        tags = [item["idTag"].lower() for item in items]
        assert len(tags) == len(set(tags)) and payload["listVersion"] > 0
        if len(items) > self.max_message:
            return "Failed"
        if payload["updateType"] == "Full":
            assert all("idTagInfo" in item for item in items)
            self.entries = {}
        elif payload["listVersion"] <= self.version:
            return "VersionMismatch"
        for item in items:
            if "idTagInfo" in item:
                self.entries[item["idTag"]] = item["idTagInfo"]
            else:
                self.entries.pop(item["idTag"], None)
        if len(self.entries) > self.max_entries:
            return "Failed"
        self.version = payload["listVersion"]
        return "Accepted"

    def types(self):
        return [message["updateType"] for message in self.messages]


def tags_of(count, **more):
    return [{"id": f"TAG-{number:04d}", **more} for number in range(count)]


@contextlib.contextmanager
def daemon_with(folder, tags=None, lists=None, **more):
    with Daemon(folder, {MODULE: lists or {}, "id_tags": {"tags": tags or []}, **more}) as running:
        yield running


@contextlib.asynccontextmanager
async def keeper(daemon, station_id="CP-1", keys=True, answers=(), **more):
    async with Station.connect(daemon, station_id, boot=False) as station:
        # Ready for CALLs before the boot, from which on they may come.
        kept = Keeper(station, **more)
        kept.answers = list(answers)
        await station.boot()
        if keys:
            status, _ = await daemon.api_async(
                "POST", f"/v1/stations/{station_id}/commands/GetConfiguration", {})
            assert status == 200
            # Waits until they are stored.
            status, _ = await daemon.api_async("GET", f"/v1/stations/{station_id}/configuration")
            assert status == 200
        yield kept


def sync(daemon, body=None, station_id="CP-1"):
    return daemon.api_async("POST", f"/v1/stations/{station_id}/local-list/sync", body or {})


def show(daemon, station_id="CP-1", query=""):
    return daemon.api_async("GET", f"/v1/stations/{station_id}/local-list{query}")


def put_tag(daemon, tag, **members):
    return daemon.api_async("PUT", f"/v1/id-tags/{tag}", members)


def send(daemon, body, station_id="CP-1", action="SendLocalList", query=""):
    return daemon.api_async("POST", f"/v1/stations/{station_id}/commands/{action}{query}", body)


def test_full_then_differences(tmp_path):
    async def session(daemon):
        async with keeper(daemon) as kept:
            status, body = await show(daemon)
            assert status == 200 and body["state"] == "NeverSent" and body["toSet"] == 3, body
            status, body = await sync(daemon)
            assert status == 200 and body["state"] == "InStep" and body["messages"] == 1, body
            assert kept.types() == ["Full"] and body["version"] == kept.version == 1
            assert kept.entries["A"] == {"status": "Accepted", "parentIdTag": "FLEET",
                                         "expiryDate": "2099-01-01T00:00:00.000Z"}
            assert kept.entries["B"] == {"status": "Blocked"}
            assert kept.entries["OLD"]["status"] == "Expired"

            assert (await put_tag(daemon, "C"))[0] == 200
            status, body = await show(daemon, query="?entries=true")
            assert body["state"] == "OutOfStep" and body["toSet"] == 1 and body["toRemove"] == 0
            assert [item["idTag"] for item in body["wanted"]] == ["A", "B", "C", "OLD"]
            assert [item["idTag"] for item in body["acknowledged"]] == ["A", "B", "OLD"]
            status, body = await sync(daemon)
            assert kept.messages[-1] == {
                "listVersion": 2, "updateType": "Differential", "localAuthorizationList": [
                    {"idTag": "C", "idTagInfo": {"status": "Accepted"}}]}

            assert (await daemon.api_async("DELETE", "/v1/id-tags/C"))[0] == 204
            status, body = await sync(daemon)
            assert kept.messages[-1] == {"listVersion": 3, "updateType": "Differential",
                                         "localAuthorizationList": [{"idTag": "C"}]}
            status, body = await sync(daemon)
            assert body["messages"] == 0 and body["version"] == 3 and len(kept.messages) == 3
            status, body = await sync(daemon, {"full": True})
            assert kept.types()[-1] == "Full" and body["version"] == kept.version == 4
    with daemon_with(tmp_path, [
            {"id": "A", "parent_id_tag": "FLEET", "expiry_date": "2099-01-01T00:00:00Z"},
            {"id": "B", "status": "Blocked"}, {"id": "OLD", "expiry_date": "2020-01-01T00:00:00Z"},
            {"id": "longer-than-twenty-characters"}]) as daemon:
        run(session(daemon))
        assert daemon.api("GET", "/v1/stations/CP-1/local-list")[1]["unsuitableTags"] == 1


def test_thousand_tags_in_parts_and_across_restarts(tmp_path):
    async def first(daemon):
        async with keeper(daemon, max_message=90) as kept:
            status, body = await sync(daemon)
            assert status == 200 and body["messages"] == 12 and body["entries"] == 1000, body
            assert kept.types() == ["Full"] + ["Differential"] * 11
            assert [m["listVersion"] for m in kept.messages] == list(range(1, 13))
            assert all(len(m["localAuthorizationList"]) <= 90 for m in kept.messages)
            assert len(kept.entries) == 1000
            return kept.entries

    async def second(daemon, entries):
        async with keeper(daemon, max_message=90) as kept:
            kept.entries, kept.version = entries, 12
            status, body = await sync(daemon)
            assert body["messages"] == 0 and body["version"] == 12
            await put_tag(daemon, "NEW")
            status, body = await sync(daemon)
            assert kept.types() == ["Differential"] and body["version"] == 13
    with daemon_with(tmp_path, tags_of(1000)) as daemon:
        entries = run(first(daemon))
        daemon.restart()
        run(second(daemon, entries))


def test_break_in_the_middle_goes_on_with_a_difference(tmp_path):
    async def session(daemon):
        async with keeper(daemon, max_message=10) as kept:
            kept.answers = ["Accepted", "Accepted", ["InternalError", "no room", {}]]
            status, body = await sync(daemon)
            assert status == 502 and "InternalError" in body["detail"] and "no room" in body["detail"]
            status, body = await show(daemon)
            assert body["state"] == "OutOfStep" and body["entries"] == 20 and body["version"] == 2
            kept.messages.clear()
            status, body = await sync(daemon)
            assert status == 200 and kept.types() == ["Differential"] * 3 and len(kept.entries) == 50
            versions = [message["listVersion"] for message in kept.messages]
            assert versions == [4, 5, 6]
    with daemon_with(tmp_path, tags_of(50)) as daemon:
        run(session(daemon))


@pytest.mark.parametrize("refusal", ["Failed", "VersionMismatch"])
def test_refused_difference_is_followed_by_a_full_list(tmp_path, refusal):
    async def session(daemon):
        async with keeper(daemon) as kept:
            await sync(daemon)
            await put_tag(daemon, "NEW")
            kept.answers = [refusal]
            status, body = await sync(daemon)
            assert status == 200 and body["state"] == "InStep" and body["messages"] == 2
            assert kept.types() == ["Full", "Differential", "Full"] and "NEW" in kept.entries
            assert [m["listVersion"] for m in kept.messages] == [1, 2, 3]
    with daemon_with(tmp_path, tags_of(5)) as daemon:
        run(session(daemon))


def test_refused_full_list_is_reported(tmp_path):
    async def session(daemon):
        async with keeper(daemon) as kept:
            kept.answers = ["Failed"]
            status, body = await sync(daemon)
            assert status == 502 and body["type"].endswith("list-refused") and "Failed" in body["detail"]
            assert kept.types() == ["Full"]
            status, body = await show(daemon)
            assert body["state"] == "Failed" and body["version"] == 0 and body["entries"] == 0
            assert "Failed" in body["problem"]
            status, body = await sync(daemon)
            assert status == 200 and kept.version == 2
    with daemon_with(tmp_path, tags_of(5)) as daemon:
        run(session(daemon))


UNSUPPORTED = {
    "version -1": {"GetLocalListVersion": {"listVersion": -1}},
    "version NotImplemented": {"GetLocalListVersion": ["NotImplemented", "", {}]},
    "version NotSupported": {"GetLocalListVersion": ["NotSupported", "", {}]},
    "list NotSupported": {"SendLocalList": {"status": "NotSupported"}},
    "list NotImplemented": {"SendLocalList": ["NotImplemented", "", {}]},
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_not_supported(tmp_path, name):
    async def session(daemon):
        async with keeper(daemon) as kept:
            for action, answer in UNSUPPORTED[name].items():
                kept.station.on_call[action] = lambda payload, answer=answer: (
                    answer if isinstance(answer, dict) else [4, kept.station.calls[-1][1], *answer])
            status, body = await sync(daemon)
            assert status == 409 and body["type"].endswith("list-not-supported"), body
            status, body = await show(daemon)
            assert body["state"] == "NotSupported" and body["version"] == 0
    with daemon_with(tmp_path, tags_of(3)) as daemon:
        run(session(daemon))


def test_what_the_version_tells(tmp_path):
    async def session(daemon):
        async with keeper(daemon) as kept:
            await sync(daemon)
            kept.version, kept.entries = 0, {}  # reset by hand at the station
            status, body = await sync(daemon)
            assert status == 200 and kept.types() == ["Full", "Full"] and kept.version == 2
            kept.version = 40  # somebody else's list
            status, body = await sync(daemon)
            assert kept.types()[-1] == "Full" and body["version"] == 41
            for tag in ("TAG-0000", "TAG-0001"):
                await put_tag(daemon, tag)
    with daemon_with(tmp_path, tags_of(2)) as daemon:
        run(session(daemon))


def test_empty_list_may_read_zero(tmp_path):
    async def session(daemon):
        async with keeper(daemon) as kept:
            await put_tag(daemon, "ONE")
            await sync(daemon)
            await daemon.api_async("DELETE", "/v1/id-tags/ONE")
            status, body = await sync(daemon)
            assert status == 200 and body["entries"] == 0 and kept.entries == {}
            sent = len(kept.messages)
            for version in (kept.version, 0):
                kept.version = version
                status, body = await sync(daemon)
                assert body["state"] == "InStep" and body["messages"] == 0
            assert len(kept.messages) == sent
            await put_tag(daemon, "TWO")
            status, body = await sync(daemon)
            assert kept.types()[-1] == "Differential" and body["version"] == 3
    with daemon_with(tmp_path) as daemon:
        run(session(daemon))


def test_unanswered_list(tmp_path):
    async def session(daemon):
        async with keeper(daemon) as kept:
            kept.answers = [None]
            status, body = await sync(daemon)
            assert status == 504 and body["type"].endswith("timeout")
            kept.apply(kept.messages[-1])  # it was carried out all the same
            status, body = await sync(daemon)
            assert status == 200 and kept.types() == ["Full", "Full"] and kept.version == 2
    with Daemon(tmp_path, {MODULE: {}, "id_tags": {"tags": tags_of(3)}}, call_timeout="1s") as daemon:
        run(session(daemon))


def test_connection_that_ends(tmp_path):
    async def session(daemon):
        async with keeper(daemon) as kept:
            asked = asyncio.Event()
            kept.station.on_call["SendLocalList"] = lambda payload: asked.set()
            answer = asyncio.ensure_future(sync(daemon))
            await asked.wait()
            status, body = await sync(daemon)
            assert status == 409 and body["type"].endswith("synchronising")
            status, body = await show(daemon)
            assert body["state"] == "Synchronising"
            status, body = await send(daemon, {"updateType": "Full"})
            assert status == 422 and "synchronised" in body["detail"]
            await kept.station.socket.close()
            status, body = await answer
            assert status == 409 and body["type"].endswith("connection-ended"), body
        status, body = await sync(daemon)
        assert status == 409 and body["type"].endswith("not-connected")
        assert (await sync(daemon, station_id="NOBODY"))[0] == 404
        assert (await show(daemon, "NOBODY"))[0] == 404
    with daemon_with(tmp_path, tags_of(3)) as daemon:
        run(session(daemon))


def test_limits(tmp_path):
    """What is not known is assumed small; valid tags come first where not all fit."""
    async def session(daemon):
        async with keeper(daemon, keys=False) as kept:
            status, body = await sync(daemon)
            assert len(kept.entries) == 25 and body["leftOut"] == 15 and len(kept.messages) == 5
        async with keeper(daemon, "CP-2", max_entries=30, max_message=12) as kept:
            status, body = await sync(daemon, station_id="CP-2")
            assert len(kept.entries) == 30 and len(kept.messages) == 3, body
            assert all(info["status"] == "Accepted" for info in kept.entries.values())
            status, body = await show(daemon, "CP-2")
            assert body["state"] == "InStep" and body["leftOut"] == 10
            assert body["maxEntries"] == 30 and body["maxEntriesInMessage"] == 12
    tags = [{"id": f"A{number}", "status": "Blocked"} for number in range(5)] + tags_of(35)
    with daemon_with(tmp_path, tags, {"list_entries": 25, "message_entries": 5}) as daemon:
        run(session(daemon))


def test_groups_and_rules(tmp_path):
    async def session(daemon):
        assert (await daemon.api_async("PUT", "/v1/stations/LABELLED", {
            "labels": {"site": "yard"}}))[0] in (200, 201)
        for station_id, wanted in [("DEPOT-1", {"F1", "F2"}), ("SHOP", set()), ("CP-1", {"F1", "F2", "P"}),
                                   ("LABELLED", {"P"})]:
            async with keeper(daemon, station_id) as kept:
                status, body = await sync(daemon, station_id=station_id)
                assert status == 200 and set(kept.entries) == wanted, body
    rules = {"lists": [{"stations": ["DEPOT-*", "YARD"], "groups": ["fleet"]},
                       {"stations": ["SHOP"], "list": "none"},
                       {"label": "site=yard", "groups": ["Private"]}]}
    with daemon_with(tmp_path, [{"id": "F1", "parent_id_tag": "FLEET"}, {"id": "P", "parent_id_tag": "PRIVATE"},
                                {"id": "F2", "parent_id_tag": "FLEET"}], rules) as daemon:
        run(session(daemon))


def test_bad_label_is_refused(tmp_path):
    daemon = Daemon(tmp_path, {MODULE: {"lists": [{"label": "site"}]}})
    status, said = daemon.check()
    assert status != 0 and "name=value" in said


def test_tags_of_many_pages(tmp_path):
    """The configuration's tags hide those of the same text in the database, page by page."""
    async def session(daemon):
        for number in range(40):
            assert (await put_tag(daemon, f"tag-{number * 55:04d}x"))[0] == 200
        async with keeper(daemon, max_entries=5000, max_message=500) as kept:
            status, body = await sync(daemon)
            assert status == 200 and len(kept.entries) == body["entries"] == 2140, body
            assert body["messages"] == 5
    with daemon_with(tmp_path, tags_of(2100)) as daemon:
        run(session(daemon))


def test_tags_looked_at_are_bounded(tmp_path):
    """What is beyond `max_tags` is in no list, and the log tells how many; a reload looks anew."""
    async def session(daemon):
        async with keeper(daemon, max_entries=500, max_message=100) as kept:
            for bound, count in ((11, 11), (10, 10), (30, 30), (31, 30)):
                daemon.settings["plugins"][MODULE]["max_tags"] = bound
                daemon.write_config()
                assert (await daemon.api_async("POST", "/v1/reload"))[0] == 200
                status, body = await sync(daemon)
                assert status == 200 and len(kept.entries) == count, body
    with daemon_with(tmp_path, tags_of(30), {"max_tags": 10}) as daemon:
        run(session(daemon))
        assert {entry["count"] for entry in daemon.log.events("tags.left_out")} >= {"19", "20"}


def test_stations_out_of_step(tmp_path):
    async def session(daemon):
        for station_id in ("CP-1", "CP-2", "CP-3"):
            async with keeper(daemon, station_id):
                if station_id != "CP-3":
                    assert (await sync(daemon, station_id=station_id))[0] == 200
    with daemon_with(tmp_path, tags_of(3)) as daemon:
        run(session(daemon))
        status, body = daemon.api("GET", "/v1/local-lists")
        assert status == 200
        assert [(item["stationId"], item["state"]) for item in body["items"]] == [("CP-3", "NeverSent")]
        daemon.api("PUT", "/v1/id-tags/MORE", {})
        status, body = daemon.api("GET", "/v1/local-lists?limit=2")
        assert [(item["stationId"], item["state"]) for item in body["items"]] == [
            ("CP-1", "OutOfStep"), ("CP-2", "OutOfStep")] and body["next"] == "CP-2"
        status, body = daemon.api("GET", "/v1/local-lists?limit=2&after=CP-2")
        assert [item["stationId"] for item in body["items"]] == ["CP-3"] and "next" not in body
        daemon.api("DELETE", "/v1/id-tags/MORE")
        status, body = daemon.api("GET", "/v1/local-lists?all=true")
        assert [item["state"] for item in body["items"]] == ["InStep", "InStep", "NeverSent"]
        status, out, err = daemon.ctl("local-lists")
        assert status == 0 and "CP-3" in out and "CP-1" not in out, out + err
        status, out, err = daemon.ctl("local-lists", "show", "CP-1", "--entries", "true")
        assert status == 0 and "TAG-0002" in out, out + err
        # One that is no more is not out of step.
        assert daemon.api("DELETE", "/v1/stations/CP-3")[0] == 204
        assert daemon.api("GET", "/v1/local-lists")[1]["items"] == []
        assert daemon.api("GET", "/v1/stations/CP-3/local-list")[0] == 404


def test_ocppctl_brings_a_station_up_to_date(tmp_path):
    async def session(daemon):
        async with keeper(daemon) as kept:
            loop = asyncio.get_running_loop()
            for args, kinds in ((["CP-1"], ["Full"]), (["CP-1", "--full", "true"], ["Full", "Full"])):
                status, out, err = await loop.run_in_executor(
                    None, lambda args=args: daemon.ctl("local-lists", "sync", *args))
                assert status == 0 and "InStep" in out and kept.types() == kinds, out + err
            status, out, err = await loop.run_in_executor(
                None, lambda: daemon.ctl("call", "CP-1", "SendLocalList", "updateType=Full"))
            assert status == 0 and kept.entries == {}, out + err
    with daemon_with(tmp_path, tags_of(3)) as daemon:
        run(session(daemon))


def test_operators_own_list(tmp_path):
    async def session(daemon):
        async with keeper(daemon, max_entries=4, max_message=2) as kept:
            given = {"updateType": "Full", "localAuthorizationList": [
                {"idTag": "TAG-0000", "idTagInfo": {"status": "Accepted"}}]}
            status, body = await send(daemon, given)
            assert status == 200 and body["response"] == {"status": "Accepted"} and "warnings" not in body
            assert kept.messages[-1] == {**given, "listVersion": 1}
            status, body = await show(daemon)
            assert body["version"] == 1 and body["entries"] == 1 and body["toSet"] == 1

            status, body = await send(daemon, {
                "updateType": "Differential", "listVersion": 7, "localAuthorizationList": [
                    {"idTag": "TAG-0001", "idTagInfo": {"status": "Accepted"}}]})
            status, body = await show(daemon)
            assert body["state"] == "InStep" and body["version"] == 7

            kept.answers = ["Failed"]
            status, body = await send(daemon, {"updateType": "Full"})
            assert body["response"] == {"status": "Failed"}
            status, body = await show(daemon)
            assert body["state"] == "InStep" and body["version"] == 7

            await put_tag(daemon, "TAG-0002")
            status, body = await sync(daemon)
            assert kept.messages[-1]["updateType"] == "Differential" and body["version"] == 9
            status, body = await send(daemon, {}, action="GetLocalListVersion")
            assert body["response"] == {"listVersion": 9}
    with daemon_with(tmp_path, tags_of(2)) as daemon:
        run(session(daemon))


WARNINGS = [
    ({"updateType": "Full", "listVersion": 0}, "greater than 0"),
    ({"updateType": "Full", "listVersion": -1}, "greater than 0"),
    ({"updateType": "Full", "localAuthorizationList": [{"idTag": "A"}]}, "idTagInfo"),
    ({"updateType": "Differential", "localAuthorizationList": [
        {"idTag": "a"}, {"idTag": "A"}]}, "twice"),
    ({"updateType": "Differential", "localAuthorizationList": [
        {"idTag": tag} for tag in "ABC"]}, "in a message"),
]


def test_warnings_and_refusals(tmp_path):
    async def session(daemon):
        async with keeper(daemon, max_message=2) as kept:
            kept.station.on_call["SendLocalList"] = lambda payload: {"status": "Failed"}
            for body, said in WARNINGS:
                status, answer = await send(daemon, body)
                assert status == 200 and said in json.dumps(answer["warnings"]), (body, answer)
                status, answer = await send(daemon, body, query="?checks=strict")
                assert status == 422 and said in answer["detail"]
            for body, named in [({}, "updateType"), ({"updateType": "Some"}, "updateType"),
                                ({"updateType": "Full", "localAuthorizationList": [
                                    {"idTag": "x" * 21}]}, "localAuthorizationList[0].idTag")]:
                status, answer = await send(daemon, body)
                assert status == 400 and named in answer["detail"], answer
    with daemon_with(tmp_path) as daemon:
        run(session(daemon))


def conflict(station):
    return station.call("StatusNotification", {
        "connectorId": 0, "status": "Available", "errorCode": "LocalListConflict", "timestamp": now()})


def test_conflict_makes_the_list_go_again(tmp_path):
    async def session(daemon):
        async with keeper(daemon) as kept:
            await conflict(kept.station)
            await sync(daemon)
            assert kept.types() == ["Full"]
        async with keeper(daemon, "CP-2") as kept:
            await sync(daemon, station_id="CP-2")
            await conflict(kept.station)
            await eventually(lambda: len(kept.messages) == 2)
            assert kept.types() == ["Full", "Full"]
    with daemon_with(tmp_path, tags_of(3), {"pace": "1ms"}, ) as daemon:
        run(session(daemon))


def test_conflict_is_remembered(tmp_path):
    async def session(daemon):
        async with keeper(daemon) as kept:
            await sync(daemon)
            await conflict(kept.station)
            await eventually(lambda: daemon.log.events("local_list.contradicted"))
            assert (await show(daemon))[1]["state"] == "OutOfStep"
        daemon.restart()
        items = (await daemon.api_async("GET", "/v1/local-lists"))[1]["items"]
        assert [item["state"] for item in items] == ["OutOfStep"]
        async with keeper(daemon) as again:
            again.version = kept.version
            assert (await sync(daemon))[1]["state"] == "InStep" and again.types() == ["Full"]
    with daemon_with(tmp_path, tags_of(3), {"resend_on_conflict": False}) as daemon:
        run(session(daemon))


def test_events(tmp_path):
    async def session(daemon):
        async with keeper(daemon) as kept:
            await sync(daemon)
            kept.answers = ["Failed"]
            await sync(daemon, {"full": True})
    with daemon_with(tmp_path, tags_of(3)) as daemon:
        follower = Follower(daemon, "?types=local_list.*")
        run(session(daemon))
        done, failed = follower.next(), follower.next()
        follower.close()
        assert done["event"] == "local_list.synchronised" and done["data"]["stationId"] == "CP-1"
        assert failed["event"] == "local_list.failed" and "refused" in json.dumps(failed["data"])


def test_metrics_take_no_word_of_a_station(tmp_path):
    async def session(daemon):
        async with keeper(daemon) as kept:
            await sync(daemon)
            kept.answers = ["Failed", "Made up by CP-1"]
            assert (await sync(daemon, {"full": True}))[0] == 502
            await send(daemon, {"listVersion": 9, "updateType": "Full"})
    with daemon_with(tmp_path, tags_of(3), metrics={}) as daemon:
        run(session(daemon))
        code, text, err = daemon.ctl("metrics")
        assert code == 0, err
        counted = dict(re.findall(r'^ocppd_local_list_(.*) (\d+)$', text, re.M))
        assert counted == {'messages_total{status="Accepted"}': "1", 'messages_total{status="Failed"}': "1",
                           'messages_total{status="other"}': "1", 'syncs_total{result="done"}': "1",
                           'syncs_total{result="refused"}': "1"}


def test_automatic_gives_a_refusing_station_time(tmp_path):
    async def session(daemon):
        async with keeper(daemon, answers=["Failed"]) as kept:
            await eventually(lambda: len(kept.messages) == 1)
            for number in range(3):
                await put_tag(daemon, f"NEW-{number}")
            await eventually(lambda: kept.version == 2)  # after `retry`
            assert kept.types() == ["Full", "Full"] and len(kept.entries) == 6
    with Daemon(tmp_path, {MODULE: {"sync": "automatic", "settle": "10ms", "pace": "1ms", "retry": "1s"},
                           "id_tags": {"tags": tags_of(3)}}, connect_grace="0s") as daemon:
        run(session(daemon))


def test_automatic(tmp_path):
    async def session(daemon):
        async with keeper(daemon) as kept, keeper(daemon, "CP-2") as other:
            await eventually(lambda: len(kept.entries) == len(other.entries) == 3)
            await put_tag(daemon, "NEW")
            await put_tag(daemon, "NEWER")
            await eventually(lambda: len(kept.entries) == len(other.entries) == 5)
            assert kept.types()[0] == other.types()[0] == "Full"
        async with keeper(daemon, "CP-1") as again:
            again.version, again.entries = kept.version, kept.entries
            await eventually(lambda: any(call[2] == "GetLocalListVersion" for call in again.station.calls))
    with Daemon(tmp_path, {MODULE: {"sync": "automatic", "settle": "50ms", "pace": "1ms"},
                           "id_tags": {"tags": tags_of(3)}}, connect_grace="0s") as daemon:
        run(session(daemon))


def test_nothing_is_sent_unless_asked(tmp_path):
    async def session(daemon):
        async with keeper(daemon, keys=False) as kept:
            await put_tag(daemon, "NEW")
            assert (await show(daemon))[1]["state"] == "NeverSent"
            await kept.station.call("Heartbeat", {})
            assert kept.station.calls == []
    with daemon_with(tmp_path, tags_of(3), {"settle": "0s", "pace": "1ms"}) as daemon:
        run(session(daemon))


def test_daemon_stops_while_a_list_is_sent(tmp_path):
    async def session(daemon):
        async with keeper(daemon) as kept:
            asked = asyncio.Event()
            kept.station.on_call["SendLocalList"] = lambda payload: asked.set()
            answer = asyncio.ensure_future(sync(daemon))
            await asked.wait()
            ended = asyncio.get_running_loop().run_in_executor(None, daemon.stop)
            status, _ = await answer
            assert status in (409, 502, 503) and await ended == 0
    running = Daemon(tmp_path, {MODULE: {}, "id_tags": {"tags": tags_of(3)}}, drain_timeout="500ms")
    running.start()
    run(session(running))


def test_station_that_sends_it_is_told(tmp_path):
    async def session(daemon):
        async with Station.connect(daemon) as station:
            with pytest.raises(CallError) as refused:
                await station.call("SendLocalList", {"updateType": "Full", "listVersion": 1})
            assert refused.value.code == "NotSupported"
    with daemon_with(tmp_path) as daemon:
        run(session(daemon))


def test_list_that_could_not_be_recorded_is_sent_whole_again(tmp_path):
    async def session(daemon, database):
        async with keeper(daemon) as kept:
            status, body = await sync(daemon)
            assert status == 200 and body["state"] == "InStep", body
            assert (await put_tag(daemon, "NEW"))[0] == 200
            database.execute("BEGIN IMMEDIATE")
            status, body = await sync(daemon)
            # The station has it; that it has, nobody could write down.
            assert status == 503, body
            assert "NEW" in kept.entries and daemon.log.events("local_list.unstored")
            database.execute("ROLLBACK")
            for _ in range(100):
                status, body = await sync(daemon)
                if status == 200:
                    break
                await asyncio.sleep(0.1)
            assert status == 200 and body["state"] == "InStep", body
            assert kept.entries.keys() == {"TAG-0000", "TAG-0001", "NEW"}
            assert body["version"] == kept.version
            # And from there on differences.
            assert (await put_tag(daemon, "NEWER"))[0] == 200
            status, body = await sync(daemon)
            assert kept.types()[-1] == "Differential" and "NEWER" in kept.entries
    with Daemon(tmp_path, {MODULE: {}, "id_tags": {"tags": tags_of(2)},
                           "storage_sqlite": {"busy_timeout": "100ms"}}) as daemon:
        database = sqlite3.connect(tmp_path / "ocppd.db", isolation_level=None)
        run(session(daemon, database))
        database.close()


def test_without_the_module(tmp_path):
    """Everything else works; its actions are 501 at the API and NotSupported to stations."""
    async def session(daemon):
        async with Station.connect(daemon) as station:
            for action, body in (("SendLocalList", {"updateType": "Full"}), ("GetLocalListVersion", {})):
                status, answer = await send(daemon, body, action=action)
                assert status == 501 and action in answer["detail"]
                with pytest.raises(CallError) as refused:
                    await station.call(action, {"updateType": "Full", "listVersion": 1})
                assert refused.value.code == "NotSupported"
            assert (await show(daemon))[0] == 404
            assert (await daemon.api_async("GET", "/v1/local-lists"))[0] == 404
            await conflict(station)
            assert (await station.start("TAG-0000"))["idTagInfo"]["status"] == "Accepted"
    with Daemon(tmp_path, {"id_tags": {"tags": tags_of(1)}}) as daemon:
        run(session(daemon))
