# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Bounds of the API: what is beyond them is refused, what does not read is dropped, and the core
goes on meanwhile.
"""

import asyncio
import concurrent.futures
import contextlib
import http.client
import json
import os
import signal
import socket
import sqlite3
import time

import pytest
import harness
from harness import DEADLINE_S, Daemon, Station, run

TOKENS_MAX = 1000
GRACE = {"connect_grace": "0s"}


def queue(daemon, station_id):
    return daemon.api("POST", f"/v1/stations/{station_id}/commands/GetConfiguration?queue=600", {})


def provision(daemon, *names):
    for name in names:
        assert daemon.api("PUT", f"/v1/stations/{name}", {})[0] in (200, 201)


def is_problem(answer, status, kind):
    return answer[0] == status and answer[1]["type"].endswith(kind)


# ---- Queued commands ---------------------------------------------------------------------------

def test_queued_commands_are_bounded_over_all_stations(tmp_path):
    with Daemon(tmp_path, {"http_api": {"queue_commands": 3}}, **GRACE) as daemon:
        provision(daemon, "Q-1", "Q-2", "Q-3", "Q-4")
        queued = [queue(daemon, f"Q-{number}") for number in (1, 2, 3)]
        assert [status for status, _ in queued] == [202, 202, 202]
        assert is_problem(queue(daemon, "Q-4"), 503, "queue-full")
        # What ended makes room, at once.
        assert daemon.api("DELETE", f"/v1/queued-commands/{queued[0][1]['commandId']}")[0] == 200
        assert queue(daemon, "Q-4")[0] == 202
        assert is_problem(queue(daemon, "Q-1"), 503, "queue-full")
        # What waited before a restart counts after it, too.
        daemon.restart()
        assert is_problem(queue(daemon, "Q-1"), 503, "queue-full")
        # Fewer are no reason to lose what waits; more make room on reload.
        for bound, status in ((1, 503), (4, 202)):
            daemon.settings["plugins"]["http_api"]["queue_commands"] = bound
            daemon.write_config()
            assert daemon.api("POST", "/v1/reload")[0] == 200
            assert queue(daemon, "Q-1")[0] == status
        waiting = daemon.api("GET", "/v1/queued-commands?state=waiting")[1]["items"]
        assert sorted(item["stationId"] for item in waiting) == ["Q-1", "Q-2", "Q-3", "Q-4"]


# ---- Tokens ------------------------------------------------------------------------------------

def test_tokens_are_bounded_however_many_ask_at_once(tmp_path):
    with Daemon(tmp_path) as daemon:
        assert daemon.api("POST", "/v1/tokens", {"name": "first", "role": "viewer"})[0] == 201
        daemon.stop()
        database = sqlite3.connect(tmp_path / "ocppd.db")
        with database:
            database.executemany(
                "INSERT INTO http_api_token (name, role, digest, created_us, created_by) "
                "VALUES (?, 0, ?, 1, 'test')",
                [(f"t{number}", f"sha256:{number:064x}") for number in range(TOKENS_MAX - 4)])
        database.close()
        daemon.start()
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(
                lambda number: daemon.api("POST", "/v1/tokens", {"name": f"n{number}", "role": "viewer"}),
                range(16)))
        made = [body["name"] for status, body in answers if status == 201]
        assert len(made) == 3
        assert sum(is_problem(answer, 409, "too-many-tokens") for answer in answers) == 13
        assert len(daemon.api("GET", "/v1/tokens")[1]["items"]) == TOKENS_MAX
        # One that is revoked makes room for one.
        assert daemon.api("DELETE", f"/v1/tokens/{made[0]}")[0] in (200, 204)
        assert daemon.api("POST", "/v1/tokens", {"name": "again", "role": "viewer"})[0] == 201
        assert is_problem(daemon.api("POST", "/v1/tokens", {"name": "more", "role": "viewer"}),
                          409, "too-many-tokens")


# ---- Followers that do not read ----------------------------------------------------------------

class Follower:
    """A follower of events over the Unix socket that reads its answer's head, and then nothing."""

    def __init__(self, daemon, query):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(DEADLINE_S)
        self.socket.connect(daemon.socket)
        self.socket.sendall(f"GET /v1/events{query} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        self.data = b""
        while b"\r\n\r\n" not in self.data:
            chunk = self.socket.recv(4096)
            assert chunk
            self.data += chunk
        self.status = int(self.data.split(b" ", 2)[1])

    def rest(self):
        """All that was on its way, up to the end that the daemon made."""
        with contextlib.suppress(ConnectionError):
            while chunk := self.socket.recv(65536):
                self.data += chunk
        return self.data

    def close(self):
        self.socket.close()


FOLLOWED = [("frames", "?frames=true&types=none", {}), ("events", "?types=connector.*", {})]


@pytest.mark.parametrize("what,query,more", FOLLOWED, ids=[row[0] for row in FOLLOWED])
def test_follower_that_does_not_read_is_dropped(tmp_path, what, query, more):
    """Its place is the only one: whoever gets it next shows that it is gone."""
    async def session(daemon):
        slow = Follower(daemon, query)
        assert slow.status == 200
        before = None
        rounds = 0
        end = time.monotonic() + 4 * DEADLINE_S
        async with Station.connect(daemon, "BUSY") as station:
            while True:
                assert time.monotonic() < end, f"still there after {rounds} rounds"
                # The core answers the station whatever the follower does.
                await talk(station, rounds)
                rounds += 1
                if rounds == 20:
                    before = daemon.cpu_rss()
                if rounds % 10:
                    continue
                other = await asyncio.get_running_loop().run_in_executor(
                    None, lambda: Follower(daemon, "?types=none"))
                other.close()
                if other.status == 200:
                    break
                assert other.status == 503
            if before is not None and not os.environ["OCPPD_SANITIZE"]:
                assert daemon.cpu_rss() - before < 32 * 1024 * 1024
        # What it was sent stops at the bound, and in the middle of what there was.
        assert len(slow.rest()) < 1024 * 1024
        slow.close()
        assert (await daemon.api_async("GET", "/v1/health"))[0] == 200

    async def talk(station, round_):
        if what == "frames":
            futures = [await station.send("DataTransfer", {"vendorId": "x", "data": "y" * 8000})
                       for _ in range(10)]
        else:
            futures = [await station.send("StatusNotification", {
                "connectorId": 1, "errorCode": "NoError", "info": "z" * 50,
                "status": "Available" if (round_ + number) % 2 else "Preparing"})
                for number in range(21)]
        for future in futures:
            assert (await asyncio.wait_for(future, DEADLINE_S))[0] == 3

    options = {"event_clients": 1, "request_timeout": "1s", "max_pending": "16KiB",
               "event_history": 64, **more}
    with Daemon(tmp_path, {"http_api": options}, log_level="info") as daemon:
        run(session(daemon))


def test_followers_that_come_and_go_leave_nothing(tmp_path):
    with Daemon(tmp_path, {"http_api": {"event_clients": 2, "max_connections": 8}}) as daemon:
        for _ in range(50):
            with contextlib.closing(Follower(daemon, "?frames=true")) as follower:
                assert follower.status in (200, 503)
        end = time.monotonic() + DEADLINE_S
        statuses = []
        while statuses != [200, 200, 503]:
            assert time.monotonic() < end, statuses
            followers = [Follower(daemon, "") for _ in range(3)]
            statuses = [one.status for one in followers]
            for one in followers:
                one.close()


# ---- Bodies ------------------------------------------------------------------------------------

@pytest.mark.parametrize("size,status", [(1024, 409), (1025, 413)])
def test_bodies_are_bounded_to_the_byte(tmp_path, size, status):
    with Daemon(tmp_path, {"http_api": {"max_body": "1KiB"}}) as daemon:
        provision(daemon, "CP-1")
        body = '{"vendorId":"v","data":"' + "x" * (size - len('{"vendorId":"v","data":""}')) + '"}'
        assert len(body) == size
        assert daemon.api("POST", "/v1/stations/CP-1/commands/DataTransfer", body)[0] == status


def test_more_followers_than_a_turn_serves_hear_all_in_order(tmp_path):
    with Daemon(tmp_path) as daemon, contextlib.ExitStack() as stack:
        followers = [stack.enter_context(contextlib.closing(harness.Follower(daemon, "?types=station.*")))
                     for _ in range(50)]

        async def visit():
            for number in range(3):
                async with Station.connect(daemon, f"CP-{number}"):
                    pass
        run(visit())
        wanted = [f"CP-{number}" for number in range(3)]
        for follower in followers:
            heard = []
            while len(heard) < len(wanted):
                event = follower.next()
                if event["event"] == "station.connected":
                    heard.append(event["data"]["stationId"])
            assert heard == wanted


def test_requests_that_come_at_once_are_all_answered(tmp_path):
    body = b"{}"
    head = (b"POST /v1/stations/NOBODY/commands/ClearCache HTTP/1.1\r\nHost: x\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body))
    with Daemon(tmp_path) as daemon, contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(40)]
        for sock in sockets:
            sock.settimeout(DEADLINE_S)
            sock.connect(daemon.socket)
            sock.sendall(head)
        for _ in range(3):
            for sock in sockets:
                sock.sendall(body)
            for sock in sockets:
                answer = b""
                while b'"status"' not in answer:
                    piece = sock.recv(4096)
                    assert piece, answer
                    answer += piece
                assert answer.startswith(b"HTTP/1.1 404 "), answer
                sock.sendall(head)


def whole_answer(sock):
    """Status and body of the one answer that comes."""
    answer = http.client.HTTPResponse(sock)
    answer.begin()
    return answer.status, json.loads(answer.read())


def test_requests_that_wait_for_their_turn_hear_of_a_stop(tmp_path):
    """Whole requests of many at once, and a stop that comes with them: each is answered, those whose
    turn did not come any more with 503, and none with silence."""
    request = b"GET /v1/version HTTP/1.1\r\nHost: x\r\n\r\n"
    with Daemon(tmp_path) as daemon, contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(200)]
        for sock in sockets:
            sock.settimeout(DEADLINE_S)
            sock.connect(daemon.socket)
            sock.sendall(request)
            assert whole_answer(sock)[0] == 200  # it is accepted, and looked at
        # All of it is there when the daemon looks again.
        daemon.process.send_signal(signal.SIGSTOP)
        try:
            for sock in sockets:
                sock.sendall(request)
            daemon.process.send_signal(signal.SIGTERM)
        finally:
            daemon.process.send_signal(signal.SIGCONT)
        answers = [whole_answer(sock) for sock in sockets]
        assert {status for status, _ in answers} <= {200, 503}
        late = [body for status, body in answers if status == 503]
        assert late and all(body["type"].endswith("shutting-down") for body in late), answers[:3]
        for sock in sockets:
            assert sock.recv(1) == b""
        assert daemon.wait() == 0
        assert len(daemon.log.events("http.answered", status=503)) == len(late)
        daemon.process = None
