# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""What the API may take of the core: requests wait for their turn, none is lost for it, stations are
answered meanwhile, and long lists come out whole though they are written in pieces.
"""

import asyncio
import contextlib
import http.client
import json
import socket

import harness
from harness import DEADLINE_S, Daemon, Station, run

HELD_BACK = "ocppd_http_held_back_seconds_total"


def ask_raw(daemon, method, path):
    """Status, headers and the very bytes of an answer."""
    connection = harness.UnixHTTPConnection(daemon.socket)
    with contextlib.closing(connection):
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()


def held_back(daemon):
    text = ask_raw(daemon, "GET", "/metrics")[2].decode()
    for line in text.splitlines():
        if line.startswith(HELD_BACK):
            return float(line.split()[-1])
    return 0.0


def provision(daemon, count):
    names = [f"P-{number:04}" for number in range(count)]
    for name in names:
        # What a text has to escape must survive the pieces.
        status, _ = daemon.api("PUT", f"/v1/stations/{name}",
                               {"labels": {"odd": f"{name} \"quoted\" \\ / \u00e9 \u2028"}})
        assert status in (200, 201)
    return names


def test_long_lists_are_whole(tmp_path):
    with Daemon(tmp_path, {"http_api": {"core_share": 100}}) as daemon:
        names = provision(daemon, 35)
        status, headers, body = ask_raw(daemon, "GET", "/v1/stations?limit=1000")
        whole = json.loads(body)
        assert status == 200 and int(headers["Content-Length"]) == len(body)
        assert [item["stationId"] for item in whole["items"]] == names
        for item in whole["items"]:
            assert item["labels"] == {
                "odd": f"{item['stationId']} \"quoted\" \\ / \u00e9 \u2028"}
        # Around the size of a piece, and far below it: the same items, whatever the page.
        for limit in (1, 9, 10, 11, 12, 20, 21):
            items, after = [], ""
            while after is not None:
                page = daemon.api("GET", f"/v1/stations?limit={limit}{after}")[1]
                assert len(page["items"]) <= limit
                items += page["items"]
                after = f"&after={page['next']}" if "next" in page else None
            assert items == whole["items"], limit
        status, headers, nothing = ask_raw(daemon, "HEAD", "/v1/stations?limit=1000")
        assert status == 200 and nothing == b"" and int(headers["Content-Length"]) == len(body)


def test_an_asker_that_leaves_while_its_list_is_written(tmp_path):
    with Daemon(tmp_path, {"http_api": {"core_share": 100}}) as daemon:
        names = provision(daemon, 200)
        for _ in range(30):
            with socket.socket(socket.AF_UNIX) as gone:
                gone.connect(daemon.socket)
                gone.sendall(b"GET /v1/stations?limit=1000 HTTP/1.1\r\nHost: x\r\n\r\n")
        items = daemon.api("GET", "/v1/stations?limit=1000")[1]["items"]
        assert [item["stationId"] for item in items] == names


def test_requests_beyond_the_share_wait_and_stations_do_not(tmp_path):
    async def session(daemon):
        async with Station.connect(daemon, "CP-1") as station:
            await station.boot()
            asked = [daemon.api_async("GET", "/v1/version") for _ in range(300)]
            gathered = asyncio.gather(*asked)
            beats = 0
            while not gathered.done():
                assert "currentTime" in await station.call("Heartbeat", {})
                beats += 1
            assert [status for status, _ in await gathered] == [200] * 300
            return beats

    with Daemon(tmp_path, {"http_api": {"core_share": 1}, "metrics": {}}) as daemon:
        assert held_back(daemon) == 0
        assert run(session(daemon)) > 0
        before = held_back(daemon)
        assert before > 0
        # Without a limit nobody waits any more.
        daemon.settings["plugins"]["http_api"]["core_share"] = 100
        daemon.write_config()
        assert daemon.api("POST", "/v1/reload")[0] == 200
        settled = held_back(daemon)
        for _ in range(200):
            assert daemon.api("GET", "/v1/version")[0] == 200
        assert held_back(daemon) == settled


def test_who_waits_at_a_stop_is_told(tmp_path):
    """Requests that wait for their share when the daemon stops are answered, not dropped."""
    with Daemon(tmp_path, {"http_api": {"core_share": 1}}) as daemon, \
            contextlib.ExitStack() as stack:
        # One dear request uses up what there is in reserve.
        assert daemon.api("GET", "/v1/openapi.json")[0] == 200
        waiting = []
        for _ in range(100):  # fewer than the kernel queues for a listener
            sock = stack.enter_context(socket.socket(socket.AF_UNIX))
            sock.settimeout(DEADLINE_S)
            sock.connect(daemon.socket)
            sock.sendall(b"GET /v1/plugins HTTP/1.1\r\nHost: x\r\n\r\n")
            waiting.append(sock)
        # The first answer says that the others are in the daemon's hands.
        first = waiting[0].recv(65536)
        assert first.startswith(b"HTTP/1.1 200 ")
        daemon.stop()
        statuses = set()
        for sock in waiting[1:]:
            answer = http.client.HTTPResponse(sock)
            answer.begin()
            body = json.loads(answer.read())
            statuses.add(answer.status)
            if answer.status == 503:
                assert body["type"] == "urn:ocppd:problem:shutting-down"
        assert statuses <= {200, 503} and 503 in statuses
