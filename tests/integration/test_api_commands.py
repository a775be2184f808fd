# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Commands to many stations, and commands that wait for a station to connect."""

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import time

import pytest
from harness import DEADLINE_S, Daemon, Follower, Station, UnixHTTPConnection, run

GRACE = {"connect_grace": "0s"}


def accept(request):
    del request
    return {"configurationKey": [], "unknownKey": []}


async def job_over(daemon, job):
    return await daemon.api_until(f"/v1/commands/{job['jobId']}",
                                  lambda body: body["state"] not in ("selecting", "running"))


def results(daemon, job, query=""):
    status, body = daemon.api("GET", f"/v1/commands/{job['jobId']}/results{query}")
    assert status == 200
    return body


@pytest.fixture()
def daemon(tmp_path):
    with Daemon(tmp_path, {"http_api": {"jobs": 2, "job_stations": 50}}, **GRACE) as running:
        yield running


@contextlib.asynccontextmanager
async def fleet(daemon, *names, answer=accept):
    async with contextlib.AsyncExitStack() as stack:
        made = []
        for name in names:
            station = await stack.enter_async_context(Station.connect(daemon, name))
            station.on_call["GetConfiguration"] = answer
            made.append(station)
        yield made


def test_a_result_for_each_station_named(daemon):
    async def go():
        async with fleet(daemon, "A-1", "A-2") as (_, second):
            second.on_call["GetConfiguration"] = lambda req: [
                4, second.calls[-1][1], "InternalError", "no way", {}]
            status, job = await daemon.api_async("POST", "/v1/commands", {
                "action": "GetConfiguration", "stations": ["A-1", "A-2", "A-3"]})
            assert status == 202, job
            return await job_over(daemon, job)
    job = run(go())
    assert (job["state"], job["total"], job["done"]) == ("finished", 3, 3)
    assert job["results"] == {"confirmed": 1, "error": 1, "notSent": 1}
    items = {item["stationId"]: item for item in results(daemon, job)["items"]}
    assert items["A-1"]["code"] == 200
    assert json.loads(items["A-1"]["detail"])["configurationKey"] == []
    assert (items["A-2"]["result"], items["A-2"]["code"]) == ("error", 502)
    assert "no way" in items["A-2"]["detail"]
    assert (items["A-3"]["result"], items["A-3"]["code"]) == ("notSent", 404)
    first = results(daemon, job, "?limit=2")
    assert len(first["items"]) == 2
    rest = results(daemon, job, "?limit=2&after=" + first["next"])
    assert len(rest["items"]) == 1 and "next" not in rest


def test_what_is_no_success_is_a_problem_with_the_result_beside_it(daemon):
    def ask():
        connection = UnixHTTPConnection(daemon.socket)
        connection.request("POST", "/v1/stations/A-4/commands/GetConfiguration", "{}",
                           {"Content-Type": "application/json"})
        answer = connection.getresponse()
        body = json.loads(answer.read())
        connection.close()
        return answer, body

    async def go():
        async with fleet(daemon, "A-4") as (station,):
            station.on_call["GetConfiguration"] = lambda req: [
                4, station.calls[-1][1], "InternalError", "no way", {}]
            return await asyncio.get_running_loop().run_in_executor(None, ask)
    answer, body = run(go())
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (answer.status, body["status"], body["result"]) == (502, 502, "error")
    assert body["error"]["code"] == "InternalError"


def test_at_most_parallel_stations_are_asked_at_a_time(daemon):
    out = {"now": 0, "most": 0}

    async def slow(request):
        del request
        out["now"] += 1
        out["most"] = max(out["most"], out["now"])
        await asyncio.sleep(0.02)
        out["now"] -= 1
        return accept(None)

    async def go():
        names = [f"P-{i}" for i in range(12)]
        async with fleet(daemon, *names, answer=slow):
            _, job = await daemon.api_async("POST", "/v1/commands", {
                "action": "GetConfiguration", "stations": names, "parallel": 3})
            return await job_over(daemon, job)
    job = run(go())
    assert job["results"] == {"confirmed": 12}
    assert out["most"] == 3


def test_a_job_keeps_to_its_rate(tmp_path):
    names = [f"R-{i}" for i in range(30)]

    async def go(daemon):
        async with fleet(daemon, *names):
            _, job = await daemon.api_async("POST", "/v1/commands", {
                "action": "GetConfiguration", "stations": names})
            path = f"/v1/commands/{job['jobId']}"
            await daemon.api_until(path, lambda body: body["done"] > 0)
            # The stations answer at once; the rest has its turn a second each.
            status, job = await daemon.api_async("DELETE", path)
            assert status == 200
            job = await daemon.api_until(path, lambda body: body["done"] == len(names))
            assert job["results"]["cancelled"] > 0 and job["results"]["confirmed"] > 0, job
            # Faster by a reload: a whole job is through.
            daemon.settings["plugins"]["http_api"]["job_rate"] = 1000
            daemon.write_config()
            status, _ = await daemon.api_async("POST", "/v1/reload")
            assert status == 200
            _, job = await daemon.api_async("POST", "/v1/commands", {
                "action": "GetConfiguration", "stations": names})
            return await job_over(daemon, job)
    with Daemon(tmp_path, {"http_api": {"job_rate": 1}}, **GRACE) as daemon:
        assert run(go(daemon))["results"] == {"confirmed": 30}


def test_a_selection_is_sent_what_its_job_says(daemon):
    async def go():
        async with fleet(daemon, "S-1", "S-2"):
            status, job = await daemon.api_async("POST", "/v1/commands", {
                "action": "GetConfiguration", "select": ["all"]})
            assert status == 202, job
            return await job_over(daemon, job)
    assert run(go())["results"] == {"confirmed": 2}


BAD = [
    ("neither", {"action": "GetConfiguration"}, 400),
    ("both", {"action": "GetConfiguration", "select": ["all"], "stations": ["A"]}, 400),
    ("no station", {"action": "GetConfiguration", "stations": []}, 400),
    ("unknown action", {"action": "Dance", "stations": ["A"]}, 501),
    ("payload", {"action": "GetConfiguration", "payload": {"kye": []}, "stations": ["A"]}, 400),
    ("payload is no object", {"action": "GetConfiguration", "payload": 1, "stations": ["A"]}, 400),
    ("unknown filter", {"action": "GetConfiguration", "select": ["colour=red"]}, 400),
    ("paging", {"action": "GetConfiguration", "select": ["limit=3"]}, 400),
    ("too parallel", {"action": "GetConfiguration", "stations": ["A"], "parallel": 1001}, 400),
    ("too many", {"action": "GetConfiguration", "stations": [f"X{i}" for i in range(51)]}, 413),
]


@pytest.mark.parametrize("label,body,status", BAD, ids=[row[0] for row in BAD])
def test_bad_jobs_are_refused(daemon, label, body, status):
    got, answer = daemon.api("POST", "/v1/commands", body)
    assert got == status, (label, answer)
    assert daemon.api("GET", "/v1/commands")[1]["items"] == []


def test_jobs_are_bounded_and_can_be_cancelled(daemon):
    async def never(request):
        del request
        await asyncio.sleep(3600)

    async def go():
        async with fleet(daemon, "C-1", "C-2", answer=never):
            jobs = []
            for _ in range(2):
                status, job = await daemon.api_async("POST", "/v1/commands", {
                    "action": "GetConfiguration", "stations": ["C-1", "C-2"], "parallel": 1})
                assert status == 202
                jobs.append(job)
            status, problem = await daemon.api_async("POST", "/v1/commands", {
                "action": "GetConfiguration", "stations": ["C-1"]})
            assert status == 503 and problem["type"].endswith("too-many-jobs")
            status, job = await daemon.api_async("DELETE", f"/v1/commands/{jobs[0]['jobId']}")
            assert status == 200 and job["state"] == "cancelled", job
            assert job["results"]["cancelled"] == 1
            status, _ = await daemon.api_async("DELETE", f"/v1/commands/{jobs[0]['jobId']}")
            assert status == 409
        over = await job_over(daemon, jobs[1])
        assert over["results"].get("gone", 0) >= 1
        status, job = await daemon.api_async("POST", "/v1/commands", {
            "action": "GetConfiguration", "stations": ["C-1"]})
        assert status == 202
    run(go())


def test_ctl_calls_a_selection_and_ends_by_the_worst(daemon):
    async def ctl(*args):
        return await asyncio.get_running_loop().run_in_executor(None, lambda: daemon.ctl(*args))

    async def go():
        async with fleet(daemon, "T-1", "T-2"):
            status, out, err = await ctl("call", "--select", "all", "GetConfiguration", "key=A,B")
            assert status == 0, (out, err)
            assert "T-1" in out and "T-2" in out and "confirmed" in out
            status, out, err = await ctl("call", "--stations", "T-1,T-9", "GetConfiguration")
            assert status == 7, (out, err)
            assert "notSent" in out
            status, out, err = await ctl("call", "T-1", "GetConfiguration")
            assert status == 0, (out, err)
            status, out, _ = await ctl("jobs")
            assert status == 0 and "finished" in out
    run(go())


def test_cancelled_job_is_over_when_the_last_answer_is_in(daemon):
    """What was sent is still answered: ocppctl waits for it, and the end is told once."""
    gate = asyncio.Event()

    async def late(request):
        await gate.wait()
        return accept(request)

    async def go():
        loop = asyncio.get_running_loop()
        gate.clear()
        follower = await loop.run_in_executor(None, Follower, daemon, "?types=job.*")
        async with fleet(daemon, "L-1", "L-2", answer=late):
            ctl = loop.run_in_executor(None, lambda: daemon.ctl(
                "call", "--stations", "L-1,L-2,L-9", "GetConfiguration", "--parallel", "1"))
            await daemon.api_until("/v1/commands", lambda body: body["items"] and
                           body["items"][0]["results"].get("sent"))
            listed = (await daemon.api_async("GET", "/v1/commands"))[1]["items"]
            path = f"/v1/commands/{listed[0]['jobId']}"
            status, job = await daemon.api_async("DELETE", path)
            assert (status, job["state"], job["done"]) == (200, "cancelled", 2)
            gate.set()
            status, out, err = await ctl
            assert status == 6, (out, err)
            assert [line.split()[:2] for line in out.splitlines()[1:]] == [
                ["L-1", "confirmed"], ["L-2", "cancelled"], ["L-9", "cancelled"]]
            # Another one, so that all that is told of the first is in.
            status, job = await daemon.api_async("POST", "/v1/commands", {
                "action": "GetConfiguration", "stations": ["L-2"]})
            told = []
            while not told or told[-1]["jobId"] != job["jobId"]:
                event = await loop.run_in_executor(None, follower.next)
                if event["event"] == "job.ended":
                    told.append(event["data"]["body"])
        assert [item["jobId"] for item in told] == [listed[0]["jobId"], job["jobId"]]
        assert told[0]["results"] == {"confirmed": 1, "cancelled": 2}
        follower.close()
    run(go())


def test_result_of_an_error_has_its_code(daemon):
    async def go():
        async with fleet(daemon, "E-1") as (station,):
            station.on_call["ClearCache"] = lambda _: [
                4, station.calls[-1][1], "NotSupported", "not here", {}]
            status, job = await daemon.api_async("POST", "/v1/commands", {
                "action": "ClearCache", "stations": ["E-1"]})
            assert status == 202
            job = await job_over(daemon, job)
            assert results(daemon, job)["items"] == [{
                "stationId": "E-1", "result": "error", "code": 502, "errorCode": "NotSupported",
                "detail": "the station answered: not here (NotSupported)"}]
    run(go())


def test_a_selection_of_none_says_so(daemon):
    status, out, err = daemon.ctl("call", "--select", "label=nowhere", "GetConfiguration")
    assert status == 0 and "nothing fits the selection" in err, (out, err)


# ---- Commands that wait -----------------------------------------------------------------------

def provision(daemon, station_id):
    assert daemon.api("PUT", f"/v1/stations/{station_id}", {})[0] in (200, 201, 204)


def queue(daemon, station_id, seconds=60, body=None):
    return daemon.api("POST", f"/v1/stations/{station_id}/commands/GetConfiguration?queue={seconds}",
                      body or {})


def test_a_queued_command_goes_out_at_the_next_connect(daemon):
    provision(daemon, "Q-1")
    status, queued = queue(daemon, "Q-1", body={"key": ["A"]})
    assert status == 202 and queued["state"] == "waiting" and queued["durable"]

    async def go():
        async with fleet(daemon, "Q-1") as (station,):
            ended = await daemon.api_until(f"/v1/queued-commands/{queued['commandId']}",
                                   lambda body: "endedAt" in body)
            return ended, station.calls
    ended, calls = run(go())
    assert ended["state"] == "confirmed"
    assert ended["result"]["response"]["configurationKey"] == []
    assert [call[2:] for call in calls] == [["GetConfiguration", {"key": ["A"]}]]


def test_queued_commands_survive_a_restart_and_a_crash(daemon):
    provision(daemon, "Q-2")
    status, queued = queue(daemon, "Q-2")
    assert status == 202
    daemon.kill()
    daemon.start()
    body = daemon.api("GET", "/v1/queued-commands?stationId=Q-2")[1]
    assert [item["commandId"] for item in body["items"]] == [queued["commandId"]]

    async def never(request):
        del request
        await asyncio.sleep(3600)

    async def go():
        async with fleet(daemon, "Q-2", answer=never) as (station,):
            end = time.monotonic() + DEADLINE_S
            while not station.calls:
                assert time.monotonic() < end
                await asyncio.sleep(0.02)
            daemon.kill()
    run(go())
    daemon.start()
    body = daemon.api("GET", f"/v1/queued-commands/{queued['commandId']}")[1]
    assert body["state"] == "unknown"  # it went out, and is never sent twice


def test_queued_commands_expire_and_can_be_taken_back(daemon):
    provision(daemon, "Q-3")
    status, short = queue(daemon, "Q-3", 1)
    assert status == 202
    status, long = queue(daemon, "Q-3", 600)
    assert status == 202

    async def go():
        return await daemon.api_until(f"/v1/queued-commands/{short['commandId']}",
                              lambda body: body["state"] == "expired")
    run(go())
    assert daemon.ctl("queue", "cancel", long["commandId"])[0] == 0
    assert daemon.api("DELETE", f"/v1/queued-commands/{long['commandId']}")[0] == 409
    states = {item["commandId"]: item["state"]
              for item in daemon.api("GET", "/v1/queued-commands")[1]["items"]}
    assert states == {short["commandId"]: "expired", long["commandId"]: "cancelled"}


def test_queued_commands_are_bounded_and_checked(daemon):
    provision(daemon, "Q-4")
    assert queue(daemon, "Q-4", body={"kye": 1})[0] == 400
    assert daemon.api("POST", "/v1/stations/Q-4/commands/Dance?queue=5", {})[0] == 501
    assert daemon.api("POST", "/v1/stations/Q-NONE/commands/GetConfiguration?queue=5", {})[0] == 404
    assert daemon.api("POST", "/v1/stations/Q-4/commands/GetConfiguration?queue=0", {})[0] == 400
    assert daemon.api("POST", "/v1/stations/Q-4/commands/GetConfiguration", {})[0] == 409
    provision(daemon, "Q-GONE")
    assert daemon.api("DELETE", "/v1/stations/Q-GONE")[0] == 204
    for query in ("", "?queue=5"):
        assert daemon.api("POST", f"/v1/stations/Q-GONE/commands/GetConfiguration{query}", {})[0] == 404
    for _ in range(64):
        assert queue(daemon, "Q-4")[0] == 202
    status, body = queue(daemon, "Q-4")
    assert status == 503 and body["type"].endswith("queue-full")


def test_payloads_are_not_kept_once_they_are_out(daemon, tmp_path):
    provision(daemon, "Q-5")
    status, queued = queue(daemon, "Q-5", body={"key": ["SomeKeyName"]})
    assert status == 202 and "SomeKeyName" not in json.dumps(queued)
    assert daemon.api("DELETE", f"/v1/queued-commands/{queued['commandId']}")[0] == 200
    daemon.stop()
    database = sqlite3.connect(tmp_path / "ocppd.db")
    rows = database.execute("SELECT state, payload FROM http_api_queue").fetchall()
    database.close()
    assert rows == [(8, "")]


def test_secrets_that_wait_are_nowhere_to_be_read(daemon, tmp_path):
    secret = "fedcba98765432100123"
    provision(daemon, "Q-6")

    def wait(action, body):
        status, queued = daemon.api(
            "POST", f"/v1/stations/Q-6/commands/{action}?queue=600", body)
        assert status == 202, queued
        return queued

    lost = wait("ChangeConfiguration", {"key": "AuthorizationKey", "value": secret})
    assert lost["durable"] is False and secret not in json.dumps(lost)
    daemon.restart(signal.SIGTERM)
    # In memory only: it has gone with the daemon.
    assert daemon.api("GET", f"/v1/queued-commands/{lost['commandId']}")[0] == 404
    sent = wait("ChangeConfiguration", {"key": "authorizationkey", "value": secret})
    plain = wait("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "77"})
    read = wait("GetConfiguration", {})
    assert (plain["durable"], read["durable"]) == (True, True)

    async def go():
        async with Station.connect(daemon, "Q-6") as station:
            station.on_call["ChangeConfiguration"] = lambda req: {"status": "Accepted"}
            station.on_call["GetConfiguration"] = lambda req: {"configurationKey": [
                {"key": "AuthorizationKey", "value": secret, "readonly": False},
                {"key": "HeartbeatInterval", "value": "77", "readonly": False}]}
            ended = [await daemon.api_until(f"/v1/queued-commands/{queued['commandId']}",
                                    lambda body: body["state"] == "confirmed")
                     for queued in (sent, plain, read)]
            return station.calls, ended
    calls, ended = run(go())
    assert {"key": "authorizationkey", "value": secret} in [call[3] for call in calls]
    assert secret not in json.dumps(ended)
    values = {key["key"]: key["value"] for key in ended[2]["result"]["response"]["configurationKey"]}
    assert values == {"AuthorizationKey": "***", "HeartbeatInterval": "77"}
    assert secret not in daemon.log.text()
    daemon.stop()
    for name in os.listdir(tmp_path):
        if name.startswith("ocppd.db"):
            assert secret.encode() not in (tmp_path / name).read_bytes(), name


# ---- Tokens -----------------------------------------------------------------------------------

def test_tokens_are_made_listed_and_revoked_at_run_time(tmp_path):
    import http.client
    import re
    api = {"tcp": True, "port": 0,
           "tokens": [{"name": "fixed", "role": "viewer", "token": "fixed-token-0123456"}]}

    def ask(daemon, token):
        listener = next(fields["listener"] for fields in daemon.log.events("http.opened")
                        if re.fullmatch(r"127\.0\.0\.1:\d+", fields["listener"]))
        connection = http.client.HTTPConnection(listener, timeout=DEADLINE_S)
        connection.request("GET", "/v1/version", headers={"Authorization": "Bearer " + token})
        status = connection.getresponse().status
        connection.close()
        return status

    with Daemon(tmp_path, {"http_api": api}) as daemon:
        status, made = daemon.api("POST", "/v1/tokens", {"name": "dispatch", "role": "viewer"})
        assert status == 201 and len(made["token"]) == 64
        assert ask(daemon, made["token"]) == 200
        assert daemon.api("POST", "/v1/tokens", {"name": "dispatch", "role": "admin"})[0] == 409
        assert daemon.api("POST", "/v1/tokens", {"name": "fixed", "role": "admin"})[0] == 409
        assert daemon.api("POST", "/v1/tokens", {"name": "x", "role": "king"})[0] == 400
        listed = daemon.api("GET", "/v1/tokens")[1]["items"]
        assert [(item["name"], item["role"], item["source"]) for item in listed] == [
            ("fixed", "viewer", "configuration"), ("dispatch", "viewer", "database")]
        assert made["token"] not in json.dumps(listed)
        daemon.restart()
        assert ask(daemon, made["token"]) == 200
        with open(tmp_path / "ocppd.db", "rb") as file:
            assert made["token"].encode() not in file.read()
        assert daemon.api("DELETE", "/v1/tokens/fixed")[0] == 409
        assert daemon.ctl("tokens", "revoke", "dispatch")[0] == 0
        assert ask(daemon, made["token"]) == 401
        assert ask(daemon, "fixed-token-0123456") == 200
        assert daemon.api("DELETE", "/v1/tokens/dispatch")[0] == 404
        daemon.restart()
        assert ask(daemon, made["token"]) == 401


def test_without_storage_the_queue_is_in_memory_and_says_so(tmp_path):
    nothing = {"storage_sqlite": None, "stations": None, "id_tags": None, "ocpp16_core": None}
    with Daemon(tmp_path, nothing) as daemon:
        assert daemon.api("POST", "/v1/tokens", {"name": "a", "role": "viewer"})[0] == 501
        assert daemon.api("GET", "/v1/queued-commands")[1] == {"items": []}
        status, body = daemon.api("POST", "/v1/commands", {"action": "Reset", "select": ["all"]})
        assert status == 501, body
