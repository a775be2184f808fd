# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""What operators send to stations: every outcome, through the API and through ocppctl. The module
micro_command brings a protocol of its own, so that none of OCPP's is needed."""

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import threading

import pytest
from harness import BIN, DEADLINE_S, PLUGINS, Daemon, Follower, Station, UnixHTTPConnection, run

MODULES = os.path.join(PLUGINS, "..", "tests", "modules", "modules")
WITHOUT = {"ocpp16_core": None, "storage_sqlite": None, "stations": None, "id_tags": None}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("commands"), {**WITHOUT, "micro_command": {}},
                module_dir=[os.path.abspath(MODULES)]) as running:
        yield running


@contextlib.asynccontextmanager
async def painter(daemon, answer, station_id="CP-1", hello=True):
    async with Station.connect(daemon, station_id, boot=False, subprotocols=["micro1.0"]) as station:
        station.on_call["Paint"] = answer
        station.on_call["Start"] = lambda payload: {}
        if hello:
            await station.call("Hello", {})
        yield station


def paint(daemon, body, query="", station_id="CP-1", action="Paint"):
    return daemon.api_async("POST", f"/v1/stations/{station_id}/commands/{action}{query}", body)


def accepted(payload):
    return {"status": "Accepted"}


def test_confirmed(daemon):
    async def session():
        async with painter(daemon, accepted) as station:
            text = '{"layers": 2, "colour": "red"}'
            status, body = await paint(daemon, text)
            assert (status, body) == (200, {"result": "confirmed", "response": {"status": "Accepted"}})
            assert list(station.calls[0][3].items()) == [("layers", 2), ("colour", "red")]
    run(session())


def test_rejected_by_the_station_is_confirmed(daemon):
    async def session():
        async with painter(daemon, lambda payload: {"status": "Rejected"}):
            status, body = await paint(daemon, {"colour": "red"})
            assert status == 200 and body["response"]["status"] == "Rejected"
    run(session())


def test_warning_comes_along_and_strict_refuses(daemon):
    async def session():
        async with painter(daemon, accepted) as station:
            status, body = await paint(daemon, {"colour": "green"})
            assert status == 200 and body["warnings"] == ["green fades"]
            status, body = await paint(daemon, {"colour": "green"}, "?checks=strict")
            assert status == 422 and "green fades" in json.dumps(body)
            assert len(station.calls) == 1
            status, body = await paint(daemon, {"colour": "black"})
            assert status == 422 and "sold out" in body["detail"]
    run(session())


INVALID = [
    ({"colour": "blue"}, "colour"), ({}, "colour"), ({"colour": "red", "layers": "2"}, "layers"),
    ({"colour": "red", "hue": 1}, "hue"), ({"colour": "red", "key": "a"}, "key"),
]


@pytest.mark.parametrize("body,named", INVALID, ids=[json.dumps(row[0]) for row in INVALID])
def test_schema(daemon, body, named):
    async def session():
        async with painter(daemon, accepted) as station:
            status, answer = await paint(daemon, body)
            assert status == 400 and named in answer["detail"], answer
            assert not station.calls
    run(session())


def test_callerror(daemon):
    async def session():
        async with painter(daemon, lambda payload: None) as station:
            async def refuse(payload):
                await station.socket.send(json.dumps(
                    [4, station.calls[-1][1], "GenericError", "no brush", {"a": 1}]))
            station.on_call["Paint"] = refuse
            status, body = await paint(daemon, {"colour": "red"})
            assert status == 502 and body["result"] == "error"
            assert body["error"] == {"code": "GenericError", "description": "no brush", "details": {"a": 1}}
    run(session())


def test_confirmation_beyond_reading(daemon):
    async def session():
        async with painter(daemon, lambda payload: {"state": 1}):
            status, body = await paint(daemon, {"colour": "red"})
            assert status == 502 and body["error"]["code"], body
    run(session())


def test_timeout(daemon):
    async def session():
        async with painter(daemon, lambda payload: None):
            status, body = await paint(daemon, {"colour": "red"}, "?timeout=1")
            assert status == 504 and body["result"] == "timeout"
    run(session())


def test_connection_ends_for_all_that_wait(daemon):
    async def session():
        async with painter(daemon, lambda payload: None) as station:
            asked = [asyncio.ensure_future(paint(daemon, {"colour": "red"})) for _ in range(3)]
            while not station.calls:
                await asyncio.sleep(0.01)
            await station.socket.close()
            ended = await asyncio.gather(*asked)
            # One that came after the end finds nobody connected.
            assert [status for status, _ in ended] == [409, 409, 409]
            assert "gone" in [body.get("result") for _, body in ended]
    run(session())


def test_states_and_unknowns(daemon):
    async def session():
        async with painter(daemon, accepted, "NEW", hello=False):
            status, body = await paint(daemon, {}, station_id="NEW", action="Start")
            assert status == 409 and body["type"].endswith("forbidden-state"), body
            status, body = await paint(daemon, {}, station_id="NEW", action="Fly")
            assert status == 501, body
        status, body = await paint(daemon, {}, station_id="NOBODY")
        assert status == 404 and "NOBODY" in body["detail"]
    run(session())


def test_not_connected(daemon):
    async def session():
        async with painter(daemon, accepted, "GONE"):
            pass
        daemon.log.wait("station.disconnected", station="GONE")
        status, body = await paint(daemon, {"colour": "red"}, station_id="GONE")
        assert status == 409 and body["type"].endswith("not-connected")
        status, body = await paint(daemon, {}, station_id="GONE", action="Fly")
        assert status == 501
    run(session())


def test_bad_queries(daemon):
    async def session():
        async with painter(daemon, accepted):
            for query, named in [("?timeout=0", "timeout"), ("?timeout=601", "timeout"),
                                 ("?checks=no", "checks"), ("?check=strict", "did you mean checks")]:
                status, body = await paint(daemon, {"colour": "red"}, query)
                assert status == 400 and named in body["detail"]
    run(session())


def test_asker_that_leaves_disturbs_nothing(daemon):
    async def session():
        released = asyncio.Event()

        async def later(payload):
            await released.wait()
            return {"status": "Accepted"}
        async with painter(daemon, later) as station:
            reader, writer = await asyncio.open_unix_connection(daemon.socket)
            writer.write(b"POST /v1/stations/CP-1/commands/Paint HTTP/1.1\r\nHost: a\r\n"
                         b"Content-Length: 16\r\n\r\n" + b'{"colour":"red"}')
            await writer.drain()
            while not station.calls:
                await asyncio.sleep(0.01)
            writer.close()
            await writer.wait_closed()
            released.set()
            status, body = await paint(daemon, {"colour": "red"})
            assert status == 200 and body["result"] == "confirmed"
            del reader
    run(session())


def test_daemon_stops_while_one_waits(tmp_path):
    async def session():
        running = Daemon(tmp_path, {**WITHOUT, "micro_command": {}, "http_api": {"stop_timeout": "500ms"}},
                         module_dir=[os.path.abspath(MODULES)], drain_timeout="1s")
        running.start()
        async with painter(running, lambda payload: None) as station:
            asked = asyncio.ensure_future(paint(running, {"colour": "red"}))
            while not station.calls:
                await asyncio.sleep(0.01)
            ended = asyncio.get_running_loop().run_in_executor(None, running.stop)
            status, body = await asked
            assert status in (409, 503), body
            assert await ended == 0
    run(session())


def stream_request(daemon, size, version="1.1", method="GET"):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(DEADLINE_S)
    sock.connect(daemon.socket)
    sock.sendall(f"{method} /v1/micro/stream?bytes={size} HTTP/{version}\r\nHost: a\r\n"
                 "Connection: close\r\n\r\n".encode())
    return sock


def stream_rest(sock):
    data = b""
    while piece := sock.recv(65536):
        data += piece
    sock.close()
    return data


@pytest.mark.parametrize("size", [0, 32, 4 * 1024 * 1024])
def test_long_answer(daemon, size):
    """http.client reads the chunks."""
    connection = UnixHTTPConnection(daemon.socket)
    connection.request("GET", f"/v1/micro/stream?bytes={size}")
    answer = connection.getresponse()
    data = answer.read()
    assert answer.status == 200 and len(data) == size
    assert data == b"0123456789abcdef0123456789abcde\n" * (size // 32)
    connection.request("GET", "/v1/health")  # the connection goes on
    assert connection.getresponse().status == 200
    connection.close()


def test_long_answer_in_http_1_0_ends_with_the_connection(daemon):
    head, body = stream_rest(stream_request(daemon, 320, "1.0")).split(b"\r\n\r\n", 1)
    assert b"chunked" not in head and len(body) == 320


def test_long_answer_to_head_is_empty(daemon):
    assert stream_rest(stream_request(daemon, 320, method="HEAD")).endswith(b"\r\n\r\n")


def test_slow_reader_pauses_its_source_only(daemon):
    sock = stream_request(daemon, 16 * 1024 * 1024)
    before = daemon.cpu_rss()
    for _ in range(20):
        assert daemon.api("GET", "/v1/health")[0] == 200
    assert daemon.cpu_rss() - before < 8 * 1024 * 1024
    assert len(stream_rest(sock)) > 16 * 1024 * 1024
    assert int(daemon.log.events("stream.ended")[-1]["pauses"]) > 10


def test_reader_that_leaves_ends_its_source(daemon):
    sock = stream_request(daemon, 16 * 1024 * 1024)
    assert sock.recv(16)
    sock.close()
    daemon.log.wait("stream.abandoned")


def visit(daemon, station_id):
    async def session():
        async with painter(daemon, accepted, station_id):
            pass
    run(session())
    daemon.log.wait("station.disconnected", station=station_id)


def test_events_are_followed_and_resumed(daemon):
    follower = Follower(daemon, "?types=station.*&stationId=EV-1")
    visit(daemon, "EV-0")
    visit(daemon, "EV-1")
    first = follower.next()
    assert first["event"].startswith("station.") and first["data"]["stationId"] == "EV-1"
    second = follower.next()
    assert second["data"]["sequence"] > first["data"]["sequence"]
    follower.close()
    again = Follower(daemon, "?stationId=EV-1", **{"Last-Event-ID": first["id"]})
    assert again.next() == second
    again.close()
    for foreign in ("1-1", "17", "abc"):
        other_run = Follower(daemon, f"?lastEventId={foreign}")
        assert other_run.next()["event"] == "gap", foreign
        other_run.close()


TYPES = [  # types, what the refusal says; None: taken
    ("station.connected", None), ("station.*", None), ("*", None), ("stat*", None),
    ("station.connected,station.*", None), ("none", None),
    ("station.conected", "station.conected; did you mean station.connected?"),
    ("station.connected,statoin.*", "statoin.*; did you mean station.*?"),
    ("station.connected, call.completed", "did you mean call.completed?"),
    ("station.exploded_twice", "/v1/event-types has those there are of station"),
    ("acme_solar.*", "acme_solar.*; is their module in the configuration?"),
    ("acme_solar.yield", "is their module in the configuration?"),
    ("station.connected,", "an empty one"), (",", "an empty one"),
    ("none,station.*", "no loaded module publishes"),
    ("x" * 400, "is longer than any"),
]


@pytest.mark.parametrize("types,refusal", TYPES, ids=[types[:40] for types, _ in TYPES])
def test_types_that_nobody_publishes_are_refused(daemon, types, refusal):
    follower = Follower(daemon, "?types=" + types.replace(" ", "%20"))
    with contextlib.closing(follower):
        if refusal is None:
            assert follower.answer.status == 200
            return
        body = json.loads(follower.answer.read())
        assert follower.answer.status == 400 and body["type"].endswith("unknown-event-type"), body
        assert refusal in body["detail"]
    code, out, err = daemon.ctl("tail", "--types", types)
    assert code != 0 and refusal in err and out == "", out + err


def test_types_come_from_what_is_loaded(daemon):
    items = daemon.api("GET", "/v1/event-types")[1]["items"]
    by_type = {item["type"]: item for item in items}
    assert by_type["station.connected"]["publisher"] == "core" and by_type["command.ended"]["summary"]
    assert "reservation.changed" not in by_type
    code, out, err = daemon.ctl("event-types")
    assert code == 0 and "command.ended" in out, err


def test_ocppctl_tail(daemon):
    before = len(daemon.log.events("http.answered", route="/v1/events"))
    with subprocess.Popen([os.path.join(BIN, "ocppctl"), "--socket", daemon.socket, "tail", "--types",
                           "station.*"], stdout=subprocess.PIPE, text=True) as process:
        while len(daemon.log.events("http.answered", route="/v1/events")) == before and process.poll() is None:
            assert daemon.api("GET", "/v1/health")[0] == 200
        patience = threading.Timer(DEADLINE_S, process.kill)
        patience.start()
        try:
            visit(daemon, "TAIL-1")
            assert json.loads(process.stdout.readline())["stationId"] == "TAIL-1"
        finally:
            patience.cancel()
            process.kill()


def test_too_many_and_lagging_followers(tmp_path):
    with Daemon(tmp_path, {**WITHOUT, "micro_command": {}, "http_api": {
            "event_clients": 2, "event_history": 16}}, module_dir=[os.path.abspath(MODULES)]) as running:
        followers = [Follower(running) for _ in range(3)]
        assert [one.answer.status for one in followers] == [200, 200, 503]
        visit(running, "LAG-0")
        first = followers[0].next()
        followers[0].close()
        for number in range(12):
            visit(running, f"LAG-{number + 1}")
        late = Follower(running, "?lastEventId=" + first["id"])
        while late.answer.status == 503:  # until the daemon saw that one left
            late = Follower(running, "?lastEventId=" + first["id"])
        gap = late.next()
        assert gap["event"] == "gap" and gap["data"]["missed"] > 0
        assert late.next()["data"]["sequence"] == first["data"]["sequence"] + gap["data"]["missed"] + 1
        for one in followers[1:] + [late]:
            one.close()


def test_reader_that_never_reads_is_given_up(tmp_path):
    with Daemon(tmp_path, {**WITHOUT, "micro_command": {}, "http_api": {"request_timeout": "300ms"}},
                module_dir=[os.path.abspath(MODULES)]) as running:
        sock = stream_request(running, 16 * 1024 * 1024)
        running.log.wait("stream.abandoned")
        sock.close()


def test_long_answer_of_a_module_that_goes_is_seen_to_be_cut(tmp_path):
    with Daemon(tmp_path, {**WITHOUT, "micro_command": {}, "metrics": {}},
                module_dir=[os.path.abspath(MODULES), PLUGINS]) as running:
        sock = stream_request(running, 64 * 1024 * 1024)
        del running.settings["plugins"]["micro_command"]
        running.write_config()
        assert running.api("POST", "/v1/reload")[0] == 200
        received = b""
        while chunk := sock.recv(65536):
            received = (received + chunk)[-64:]
        sock.close()
        # Whole answers end with a chunk of nothing.
        assert not received.endswith(b"0\r\n\r\n")


CTL = [
    (["call", "CP-1", "Paint", "colour=red", "layers=2", "key=a,b"], 0, '"Accepted"'),
    (["call", "CP-1", "Paint", '{"colour":"red"}', "--json"], 0, '"result"'),
    (["call", "CP-1", "Paint", "colour=green"], 0, "warning: green fades"),
    (["call", "CP-1", "Paint", "colour=green", "--checks", "strict"], 9, "green fades"),
    (["call", "CP-1", "Paint", "colour=red", "layers=3"], 3, '"Rejected"'),
    (["call", "CP-1", "Paint", "colour=red", "layers=4"], 4, "no brush"),
    (["call", "CP-1", "Paint", "colour=red", "layers=5", "--timeout", "1"], 5, "in time"),
    (["call", "CP-1", "Paint", "colour=blue"], 9, "colour"),
    (["call", "CP-1", "Paint", "layers=many"], 9, "layers is a whole number"),
    (["call", "CP-1", "Fly"], 7, "Fly"),
    (["call", "--help"], 0, "Paint"),
    (["help", "call", "Paint"], 0, "colour  string, required red|green|black"),
    (["--complete", "call", "CP-1", "Pa"], 0, "Paint"),
    (["--complete", "call", "CP-1", "Paint", "colour="], 0, "colour=black"),
]


@pytest.mark.parametrize("args,status,said", CTL, ids=[" ".join(row[0]) for row in CTL])
def test_ocppctl(daemon, args, status, said):
    async def session():
        async with painter(daemon, accepted) as station:
            async def answer(payload):
                layers = payload.get("layers")
                if layers == 3:
                    return {"status": "Rejected"}
                if layers == 4:
                    return [4, station.calls[-1][1], "GenericError", "no brush", {}]
                return None if layers == 5 else {"status": "Accepted"}
            station.on_call["Paint"] = answer
            got, out, err = await asyncio.get_running_loop().run_in_executor(
                None, lambda: daemon.ctl(*args))
            assert got == status and said in out + err, (got, out, err)
    run(session())
