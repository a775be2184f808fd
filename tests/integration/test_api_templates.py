# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Configuration templates: kept by name, made of a station's keys, compared with stations and
brought to them, one or a selection, with a result for each key."""

import asyncio
import contextlib
import json
import os
import sqlite3

import pytest
from harness import DEADLINE_S, Daemon, Station, run

PATH = "/v1/configuration-templates"

KEYS = {  # name: value, readonly
    "HeartbeatInterval": ("300", False),
    "MeterValueSampleInterval": ("60", False),
    "WebSocketPingInterval": ("30", False),
    "LocalPreAuthorize": ("true", False),
    "NumberOfConnectors": ("2", True),
    "AuthorizationKey": ("0123456789abcdef", False),
    "WiFiPassword": ("hunter2-hunter2", False),
}
ANSWERS = {"HeartbeatInterval": "Accepted", "WebSocketPingInterval": "RebootRequired",
           "LocalPreAuthorize": "Rejected", "Never": "NotSupported"}


@pytest.fixture()
def daemon(tmp_path):
    with Daemon(tmp_path) as running:
        yield running


class Keys:
    """The configuration of a station: what it has, and what it says to changes."""

    def __init__(self, station, answers):
        self.asked = []
        self.answers = answers
        station.on_call["GetConfiguration"] = self.get
        station.on_call["ChangeConfiguration"] = self.change

    def get(self, request):
        del request
        return {"configurationKey": [{"key": name, "value": value, "readonly": readonly}
                                     for name, (value, readonly) in KEYS.items()],
                "unknownKey": ["Missing"]}

    def change(self, request):
        self.asked.append((request["key"], request["value"]))
        return {"status": self.answers.get(request["key"], "Accepted")}


async def read(daemon, name):
    status, body = await daemon.api_async(
        "POST", f"/v1/stations/{name}/commands/GetConfiguration", {"key": [*KEYS, "Missing"]})
    assert status == 200, body


async def job_over(daemon, body):
    status, job = await daemon.api_async("POST", "/v1/commands", body)
    assert status == 202, job
    path = f"/v1/commands/{job['jobId']}"
    job = await daemon.api_until(path, lambda body: body["state"] not in ("selecting", "running"))
    status, results = await daemon.api_async("GET", path + "/results")
    assert status == 200
    return job, {item["stationId"]: item for item in results["items"]}


def test_templates_are_made_listed_replaced_and_forgotten(daemon):
    status, body = daemon.api("PUT", f"{PATH}/depot", {
        "configuration": {"HeartbeatInterval": 60, "LocalPreAuthorize": True, "A": "x"},
        "description": "all of the depot"})
    assert status == 200, body
    assert body["configuration"] == {
        "HeartbeatInterval": "60", "LocalPreAuthorize": "true", "A": "x"}
    assert (body["template"], body["keys"], body["description"]) == ("depot", 3, "all of the depot")
    for name in ("a", "b", "c"):
        assert daemon.api("PUT", f"{PATH}/{name}", {"configuration": {"K": name}})[0] == 200
    status, first = daemon.api("GET", f"{PATH}?limit=3")
    assert [item["template"] for item in first["items"]] == ["a", "b", "c"]
    assert all("configuration" not in item for item in first["items"])
    rest = daemon.api("GET", f"{PATH}?limit=3&after={first['next']}")[1]
    assert [item["template"] for item in rest["items"]] == ["depot"] and "next" not in rest
    assert daemon.api("PUT", f"{PATH}/depot", {"configuration": {"B": "1"}})[0] == 200
    daemon.restart()
    status, body = daemon.api("GET", f"{PATH}/depot")
    assert (status, body["configuration"]) == (200, {"B": "1"})
    assert "description" not in body
    assert daemon.api("DELETE", f"{PATH}/depot")[0] in (200, 204)
    for method in ("GET", "DELETE"):
        assert daemon.api(method, f"{PATH}/depot")[0] == 404


BAD = [
    ("no object", {"configuration": ["A"]}, 400),
    ("no value", {"configuration": {"A": None}}, 400),
    ("nested", {"configuration": {"A": {"B": 1}}}, 400),
    ("twice", {"configuration": {"Key": "1", "kEY": "2"}}, 400),
    ("name too long", {"configuration": {"A" * 51: "1"}}, 400),
    ("value too long", {"configuration": {"A": "1" * 501}}, 400),
    ("too many", {"configuration": {f"K{i}": "1" for i in range(501)}}, 400),
    ("a secret", {"configuration": {"authorizationKEY": "0123456789abcdef"}}, 422),
    ("a vendor's secret", {"configuration": {"WifiPassPhrase": "x"}}, 422),
]


@pytest.mark.parametrize("label,body,status", BAD, ids=[row[0] for row in BAD])
def test_what_may_stand_in_one(daemon, label, body, status):
    got, answer = daemon.api("PUT", f"{PATH}/bad", body)
    assert got == status, (label, answer)
    assert daemon.api("GET", PATH)[1]["items"] == []
    long = {"A" * 50: "1" * 500, **{f"K{i}": "1" for i in range(499)}}
    assert daemon.api("PUT", f"{PATH}/good", {"configuration": long})[0] == 200
    assert daemon.api("PUT", f"{PATH}/{'n' * 51}", {"configuration": {}})[0] == 400


def test_a_template_of_what_a_station_has(daemon):
    async def go():
        async with Station.connect(daemon) as station:
            Keys(station, ANSWERS)
            empty = await daemon.api_async("POST", f"{PATH}/t/import", {"stationId": "CP-1"})
            assert empty[0] == 409
            await read(daemon, "CP-1")
            return [await daemon.api_async("POST", f"{PATH}/t/import", body) for body in (
                {"stationId": "CP-1"},
                {"stationId": "CP-1", "keys": ["heartbeatinterval", "NumberOfConnectors"]},
                {"stationId": "CP-9"})]
    whole, some, none = run(go())
    assert whole[0] == 200, whole
    keys = daemon.api("GET", "/v1/stations/CP-1/configuration")[1]["configurationKey"]
    assert {key["key"] for key in keys if "value" not in key} == {
        "AuthorizationKey", "WiFiPassword"}
    # Neither what cannot be changed, nor what is unknown, nor the station's secret.
    assert whole[1]["configuration"] == {
        "HeartbeatInterval": "300", "MeterValueSampleInterval": "60",
        "WebSocketPingInterval": "30", "LocalPreAuthorize": "true"}
    assert some[1]["configuration"] == {"HeartbeatInterval": "300"}
    assert none[0] == 404


WANTED = {"HeartbeatInterval": "120", "MeterValueSampleInterval": "60",
          "webSocketPingInterval": "20", "LocalPreAuthorize": "false", "NumberOfConnectors": "3",
          "Missing": "1", "Never": "x"}


def test_one_station_is_compared_and_brought_there(daemon):
    async def go():
        assert (await daemon.api_async(
            "PUT", f"{PATH}/t", {"configuration": WANTED}))[0] == 200
        async with Station.connect(daemon) as station:
            keys = Keys(station, {**ANSWERS, "webSocketPingInterval": "RebootRequired"})
            await read(daemon, "CP-1")
            before = await daemon.api_async(
                "POST", "/v1/stations/CP-1/configuration/diff", {"template": "t"})
            assert keys.asked == []
            done = await daemon.api_async(
                "POST", "/v1/stations/CP-1/configuration/apply", {"template": "t"})
            after = await daemon.api_async(
                "POST", "/v1/stations/CP-1/configuration/diff", {"template": "t"})
            return keys.asked, before, done, after
    asked, before, done, after = run(go())
    assert before[0] == 200 and before[1]["deviations"] == 6
    # Readonly and unknown keys are told, not sent; what nobody read is asked of the station.
    assert asked == [("HeartbeatInterval", "120"), ("webSocketPingInterval", "20"),
                     ("LocalPreAuthorize", "false"), ("Never", "x")]
    assert done[0] == 200, done
    body = done[1]
    assert {item["key"]: (item["result"], item.get("status")) for item in body["items"]} == {
        "HeartbeatInterval": ("confirmed", "Accepted"),
        "MeterValueSampleInterval": ("same", None),
        "webSocketPingInterval": ("confirmed", "RebootRequired"),
        "LocalPreAuthorize": ("confirmed", "Rejected"),
        "NumberOfConnectors": ("readonly", None),
        "Missing": ("unknown", None),
        "Never": ("confirmed", "NotSupported")}
    assert (body["result"], body["status"], body["sent"], body["deviations"]) == (
        "confirmed", "NotSupported", 4, 4)
    states = {item["key"]: item["state"] for item in after[1]["items"]}
    assert (states["HeartbeatInterval"], states["webSocketPingInterval"]) == ("same", "same")
    assert states["LocalPreAuthorize"] == "different"


def test_what_goes_wrong_on_the_way_is_told_by_key(daemon):
    async def go():
        assert (await daemon.api_async("PUT", f"{PATH}/t", {
            "configuration": {"A": "1", "B": "2", "C": "3"}}))[0] == 200
        apply = "/v1/stations/CP-1/configuration/apply"
        async with Station.connect(daemon) as station:
            for path, body, status in ((apply, {"template": "none"}, 404),
                                       ("/v1/stations/CP-9/configuration/apply",
                                        {"template": "t"}, 404), (apply, {}, 400)):
                assert (await daemon.api_async("POST", path, body))[0] == status
            keys = Keys(station, {})
            change = keys.change
            station.on_call["ChangeConfiguration"] = lambda request: (
                [4, station.calls[-1][1], "InternalError", "no B today", {}]
                if request["key"] == "B" else change(request))
            error = await daemon.api_async("POST", apply, {"template": "t"})

            async def silent(request):
                if request["key"] == "B":
                    await asyncio.sleep(DEADLINE_S)
                return {"status": "Accepted"}
            assert (await daemon.api_async("PUT", f"{PATH}/t", {
                "configuration": {"B": "2", "C": "4"}}))[0] == 200
            station.on_call["ChangeConfiguration"] = silent
            timeout = await daemon.api_async(
                "POST", apply, {"template": "t", "timeout": 1})
        gone = await daemon.api_async("POST", apply, {"template": "t"})
        return error, timeout, gone
    error, timeout, gone = run(go())
    results = [[item["result"] for item in answer[1].get("items", [])]
               for answer in (error, timeout, gone)]
    assert (error[0], error[1]["result"]) == (502, "error")
    assert "no B today" in error[1]["detail"]
    for status, body in (error, timeout, gone):  # problem details, the keys beside them
        assert body["status"] == status and body["title"]
        assert body["type"].startswith("urn:ocppd:problem:")
    assert results[0] == ["confirmed", "error", "confirmed"]
    assert (timeout[0], timeout[1]["result"]) == (504, "timeout")
    assert results[1] == ["timeout", "notSent"]
    assert gone[0] == 409 and results[2] == []


def test_a_selection_is_compared_and_brought_there(daemon):
    async def go():
        assert (await daemon.api_async("PUT", f"{PATH}/t", {"configuration": {
            "HeartbeatInterval": "120", "NumberOfConnectors": "3"}}))[0] == 200
        async with Station.connect(daemon, "S-1") as one, Station.connect(daemon, "S-2") as two:
            keys = [Keys(one, ANSWERS), Keys(two, {"HeartbeatInterval": "RebootRequired"})]
            await read(daemon, "S-1")
            dry = await job_over(daemon, {"template": "t", "dryRun": True, "select": ["all"]})
            assert [key.asked for key in keys] == [[], []]
            wet = await job_over(daemon, {
                "template": "t", "stations": ["S-1", "S-2", "S-3"], "parallel": 1})
            assert [key.asked[0] for key in keys] == [("HeartbeatInterval", "120")] * 2
            ctl = await asyncio.get_running_loop().run_in_executor(None, lambda: daemon.ctl(
                "templates", "apply", "--select", "all", "t", "--dry-run"))
            return dry, wet, ctl
    (dry, dry_results), (wet, results), ctl = run(go())
    assert (dry["template"], dry["dryRun"], dry["results"]) == ("t", True, {"confirmed": 2})
    assert {item["key"]: item["state"] for item in dry_results["S-1"]["keys"]} == {
        "HeartbeatInterval": "different", "NumberOfConnectors": "different"}
    assert {item["state"] for item in dry_results["S-2"]["keys"]} == {"unread"}
    assert wet["results"] == {"confirmed": 2, "notSent": 1}
    assert (results["S-1"]["code"], results["S-1"]["status"]) == (200, "Rejected")
    assert [(item["key"], item["result"]) for item in results["S-1"]["keys"]] == [
        ("HeartbeatInterval", "confirmed"), ("NumberOfConnectors", "readonly")]
    # The second one was never read: it was asked for both.
    assert {item["key"]: item["status"] for item in results["S-2"]["keys"]} == {
        "HeartbeatInterval": "RebootRequired", "NumberOfConnectors": "Accepted"}
    assert results["S-2"]["status"] == "RebootRequired"
    assert results["S-3"]["code"] == 404
    assert ctl[0] == 0 and "NumberOfConnectors different" in ctl[1], ctl


BAD_JOBS = [
    ("both", {"template": "t", "action": "Reset", "stations": ["A"]}, 400),
    ("neither", {"stations": ["A"]}, 400),
    ("payload", {"template": "t", "payload": {}, "stations": ["A"]}, 400),
    ("dry run of an action", {"action": "ClearCache", "dryRun": True, "stations": ["A"]}, 400),
]


@pytest.mark.parametrize("label,body,status", BAD_JOBS, ids=[row[0] for row in BAD_JOBS])
def test_bad_jobs_are_refused(daemon, label, body, status):
    got, answer = daemon.api("POST", "/v1/commands", body)
    assert got == status, (label, answer)


MISSPELT = [
    ("near", "depott", "there is no configuration template depott; did you mean depot?"),
    ("nearer", "depot-sout", "there is no configuration template depot-sout; did you mean depot-south?"),
    ("not near", "garage", "there is no configuration template garage"),
    ("too long for any", "n" * 50, "there is no configuration template " + "n" * 50),
]


@pytest.mark.parametrize("label,name,detail", MISSPELT, ids=[row[0] for row in MISSPELT])
def test_a_job_with_an_unknown_template_is_refused_at_once(daemon, label, name, detail):
    for known in ("depot", "depot-south", "other"):
        assert daemon.api("PUT", f"{PATH}/{known}", {"configuration": {"K": "1"}})[0] == 200
    for whom in ({"stations": ["A", "B"]}, {"select": ["all"]}):
        for more in ({}, {"dryRun": True}):
            status, body = daemon.api("POST", "/v1/commands", {"template": name, **whom, **more})
            assert (status, body["detail"]) == (404, detail), (label, body)
            assert body["type"] == "urn:ocppd:problem:unknown-template"
    for words in (("--stations", "A"), ("--select", "all")):
        status, out, err = daemon.ctl("templates", "apply", *words, name)
        assert status == 7 and detail in err, (status, out, err)
    assert daemon.api("GET", "/v1/commands")[1]["items"] == []
    # What is wrong with the stations is said of a template that there is.
    assert daemon.api("POST", "/v1/commands", {"template": "depot"})[0] == 400
    assert daemon.api("POST", "/v1/commands", {"template": "depot", "select": ["nonsense"]})[0] == 400


def test_a_job_is_not_known_before_its_template_is_found(tmp_path):
    """More of them at a time than there may be jobs: each is begun or refused, none is lost."""
    with Daemon(tmp_path, {"http_api": {"jobs": 1}}) as daemon:
        assert daemon.api("PUT", f"{PATH}/t", {"configuration": {"K": "1"}})[0] == 200

        async def go():
            body = {"template": "t", "stations": [f"S-{i}" for i in range(50)], "parallel": 1}
            return await asyncio.gather(*(
                daemon.api_async("POST", "/v1/commands", body) for _ in range(12)))
        answers = run(go())
        assert {status for status, _ in answers} <= {202, 503}, answers
        assert any(status == 202 for status, _ in answers)
        for status, body in answers:
            assert status == 202 or body["type"] == "urn:ocppd:problem:too-many-jobs"
        assert len(daemon.api("GET", "/v1/commands")[1]["items"]) == 1


def test_a_job_does_not_begin_where_templates_cannot_be_read(daemon):
    with contextlib.closing(sqlite3.connect(os.path.join(daemon.folder, "ocppd.db"), DEADLINE_S)) as database:
        database.execute("ALTER TABLE stations_template RENAME TO stations_template_gone")
        database.commit()
    status, body = daemon.api("POST", "/v1/commands", {"template": "t", "stations": ["A"]})
    assert status == 503 and body["type"] == "urn:ocppd:problem:templates-unread", body
    assert daemon.api("GET", "/v1/commands")[1]["items"] == []


def test_ctl(daemon):
    for words, said in (
            (("templates", "set", "t", "HeartbeatInterval=120", "A=x"), "t"),
            (("templates",), "t"), (("templates", "show", "t"), "HeartbeatInterval")):
        status, out, err = daemon.ctl(*words)
        assert status == 0 and said in out, (words, out, err)
    daemon.api("PUT", "/v1/stations/CP-1", {})
    status, out, err = daemon.ctl("stations", "diff", "CP-1", "--template", "t")
    assert status == 0 and out.count("unread") == 2, err
    status, out, err = daemon.ctl("--json", "templates", "show", "t")
    assert json.loads(out)["configuration"] == {"HeartbeatInterval": "120", "A": "x"}, err
    assert daemon.ctl("templates", "delete", "t")[0] == 0
    assert daemon.ctl("templates", "show", "t")[0] == 7
