# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""The list of stations by filters, pages of what fits, adoption, and keys against a template."""

import asyncio
import contextlib
import urllib.parse

import pytest
import websockets
from harness import Daemon, Station, run


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("stations"), connect_grace="0s") as running:
        for i in range(30):
            labels = {"depot": "north" if i % 2 else "south", "row": str(i % 3)}
            status, body = running.api("PUT", f"/v1/stations/L-{i:02}", {"labels": labels})
            assert status in (200, 201, 204), body

        async def go():
            async with Station.connect(running, "L-00", boot=False) as one, \
                    Station.connect(running, "L-01", boot=False) as two:
                for station, vendor, model in ((one, "Acme", "Fast 50"), (two, "Bolt", "Slow 7")):
                    await station.call("BootNotification", {
                        "chargePointVendor": vendor, "chargePointModel": model,
                        "firmwareVersion": "1.2", "chargePointSerialNumber": "SN-" + vendor})
                    await station.call("StatusNotification", {
                        "connectorId": 1, "errorCode": "NoError" if model[0] == "F" else "OtherError",
                        "status": "Available" if model[0] == "F" else "Faulted"})
        run(go())
        yield running


def identities(daemon, query):
    found, after = [], ""
    while True:
        status, body = daemon.api("GET", "/v1/stations?" + query + after)
        assert status == 200, body
        found += [item["stationId"] for item in body["items"]]
        if "next" not in body:
            return found
        after = "&after=" + body["next"]


FILTERS = [
    ("label=depot%3Dnorth", [f"L-{i:02}" for i in range(1, 30, 2)]),
    ("label=depot", [f"L-{i:02}" for i in range(30)]),
    ("label=south&label=depot", None),
    ("label=north&text=l-0", ["L-01", "L-03", "L-05", "L-07", "L-09"]),
    ("label=depot%3Dwest", []),
    ("vendor=acme", ["L-00"]),
    ("vendor=acm", []),
    ("model=slow%207", ["L-01"]),
    ("firmware=1.2", ["L-00", "L-01"]),
    ("text=sn-bo", ["L-01"]),
    ("status=Faulted", ["L-01"]),
    ("status=Charging", []),
    ("connected=true", []),
    ("registration=Accepted&vendor=Acme", ["L-00"]),
    ("connected=false&label=row%3D2", [f"L-{i:02}" for i in range(2, 30, 3)]),
]


@pytest.mark.parametrize("query,expected", FILTERS, ids=[row[0] for row in FILTERS])
def test_filters(daemon, query, expected):
    if expected is None:
        assert daemon.api("GET", "/v1/stations?" + query)[0] == 400
        return
    assert identities(daemon, query) == expected
    assert identities(daemon, query + "&limit=2") == expected
    assert identities(daemon, query + "&limit=1") == expected


def selected(daemon, filters):
    """The state of a job for them, and which stations it found."""
    status, job = daemon.api("POST", "/v1/commands", {"action": "ClearCache", "select": filters})
    assert status == 202, job
    path = f"/v1/commands/{job['jobId']}"
    job = run(daemon.api_until(path, lambda body: body["state"] not in ("selecting", "running")))
    status, body = daemon.api("GET", path + "/results?limit=1000")
    assert status == 200, body
    return job, [item["stationId"] for item in body["items"]]


@pytest.mark.parametrize("query,expected", FILTERS, ids=[row[0] for row in FILTERS])
def test_selections_are_what_the_list_says(daemon, query, expected):
    filters = [urllib.parse.unquote(pair) for pair in query.split("&")]
    if expected is None:
        assert daemon.api("POST", "/v1/commands",
                          {"action": "ClearCache", "select": filters})[0] == 400
        return
    job, found = selected(daemon, filters)
    assert (job["state"], found) == ("finished", expected)


MISFITS = [
    ("label", "is neither NAME=VALUE nor all"),
    ("colour=red", "is no filter of stations"),
    ("labels=x", "is no filter of stations"),
    ("limit=3", "is of a page, no filter"),
    ("after=A", "is of a page, no filter"),
    ("connected=perhaps", "is neither true nor false"),
    ("status=" + "x" * 41, "is too long"),
]


@pytest.mark.parametrize("text,why", MISFITS, ids=[row[0][:20] for row in MISFITS])
def test_what_is_no_filter_is_named(daemon, text, why):
    for order in ([text], ["all", text], ["vendor=Acme", text]):
        status, body = daemon.api("POST", "/v1/commands", {"action": "ClearCache", "select": order})
        assert (status, body["detail"]) == (400, f"select: {text[:60]} {why}")
    for twice in ("connected=true", "vendor=Acme"):
        status, body = daemon.api("POST", "/v1/commands",
                                  {"action": "ClearCache", "select": [twice, twice]})
        assert (status, body["detail"]) == (400, f"select: {twice} is given twice")


def test_a_selection_of_more_than_is_looked_at_in_one_go(tmp_path):
    names = [f"M-{i:03}" for i in range(450)]
    fixed = [{"id": name, "labels": {"depot": "far"}} for name in names[::3]]
    fixed[-1]["labels"] = {"depot": "near"}
    options = {"stations": {"stations": fixed}, "http_api": {"job_stations": 450}}
    with Daemon(tmp_path, options, connect_grace="0s") as daemon:
        for name in names:
            if name not in names[::3]:
                assert daemon.api("PUT", f"/v1/stations/{name}", {})[0] in (200, 201, 204)
        for filters, expected in ((["all"], names), (["label=far"], names[:-3:3]),
                                  (["label=near"], [fixed[-1]["id"]]), (["text=m-44"], names[440:])):
            job, found = selected(daemon, filters)
            assert (job["state"], found) == ("finished", expected), filters
        daemon.settings["plugins"]["http_api"]["job_stations"] = 449
        daemon.write_config()
        assert daemon.api("POST", "/v1/reload")[0] == 200
        job, _ = selected(daemon, ["all"])
        assert job["state"] == "failed", job
        assert "job_stations" in str(job), job


def test_connected_ones_and_their_selection(daemon):
    async def go():
        async with Station.connect(daemon, "L-04"), Station.connect(daemon, "L-05") as station:
            station.on_call["GetConfiguration"] = lambda req: {"configurationKey": []}
            found = await asyncio.get_running_loop().run_in_executor(
                None, lambda: identities(daemon, "connected=true"))
            assert found == ["L-04", "L-05"]
            status, out, err = await asyncio.get_running_loop().run_in_executor(
                None, lambda: daemon.ctl("call", "--select", "connected=true", "--select",
                                         "label=depot=north", "GetConfiguration"))
            assert status == 0, err
            assert "L-05" in out and "L-04" not in out
    run(go())


def test_labels_are_texts_and_are_given_as_a_whole(tmp_path):
    with Daemon(tmp_path) as running:
        assert running.ctl("stations", "set", "CP-1", "labels.floor=5", "labels.fast=true",
                           "labels.depot=north", "labels.load=0.5")[0] == 0
        found = running.api("GET", "/v1/stations/CP-1")[1]["labels"]
        assert found == {"floor": "5", "fast": "true", "depot": "north", "load": "0.5"}
        assert identities(running, "label=floor%3D5") == ["CP-1"]
        assert running.ctl("stations", "set", "CP-1", "registrationStatus=Pending")[0] == 0
        assert running.api("GET", "/v1/stations/CP-1")[1]["labels"] == found
        assert running.ctl("stations", "set", "CP-1", "labels.depot=south")[0] == 0
        assert running.api("GET", "/v1/stations/CP-1")[1]["labels"] == {"depot": "south"}
        for bad in ([], {"a": None}, {"a": {}}, {"a": ["x"]}, {"a": "x" * 256}, {"a" * 256: "x"},
                    {str(i): "x" for i in range(65)}):
            status, said = running.api("PUT", "/v1/stations/CP-1", {"labels": bad})
            assert status == 400 and said["detail"].startswith("labels: "), bad
        assert running.api("GET", "/v1/stations/CP-1")[1]["labels"] == {"depot": "south"}


def test_ctl_filters(daemon):
    status, out, err = daemon.ctl("stations", "--label", "depot=north", "--limit", "100")
    assert status == 0, err
    assert "L-01" in out and "L-00" not in out


def test_turned_away_and_adopted(tmp_path):
    with Daemon(tmp_path, {"stations": {"unknown": "reject"}}) as daemon:
        async def knock():
            with contextlib.suppress(websockets.InvalidHandshake):
                async with Station.connect(daemon, "NEW-1"):
                    return True
            return False
        assert not run(knock())
        assert daemon.ctl("stations", "adopt", "NEW-2")[0] == 7
        status, _, err = daemon.ctl("stations", "adopt", "NEW-1", "securityProfile=0")
        assert status == 0, err
        assert run(knock())
        assert daemon.api("GET", "/v1/unknown-stations")[1]["items"] == []


def test_keys_against_a_template(daemon):
    async def go():
        async with Station.connect(daemon, "L-07") as station:
            station.on_call["GetConfiguration"] = lambda req: {
                "configurationKey": [
                    {"key": "HeartbeatInterval", "value": "300", "readonly": False},
                    {"key": "ConnectorPhaseRotation", "value": "RST", "readonly": True}],
                "unknownKey": ["Missing"]}
            return await daemon.api_async("POST", "/v1/stations/L-07/commands/GetConfiguration",
                                          {"key": ["HeartbeatInterval", "Missing"]})
    assert run(go())[0] == 200
    status, body = daemon.api("POST", "/v1/stations/L-07/configuration/diff", {"wanted": {
        "heartbeatinterval": 300, "ConnectorPhaseRotation": "NotApplicable", "Missing": "1",
        "Never": True}})
    assert status == 200, body
    assert body["deviations"] == 3
    assert {item["key"]: item["state"] for item in body["items"]} == {
        "heartbeatinterval": "same", "ConnectorPhaseRotation": "different", "Missing": "unknown",
        "Never": "unread"}
    status, out, err = daemon.ctl("stations", "diff", "L-07", "HeartbeatInterval=60")
    assert status == 0 and "different" in out and "300" in out, err
    assert daemon.api("POST", "/v1/stations/L-07/configuration/diff", {"wanted": [1]})[0] == 400
    assert daemon.api("POST", "/v1/stations/NONE/configuration/diff", {"wanted": {}})[0] == 404
