# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Hostile and broken peers: the right status, CALLERROR or close code, one log line, no growth, and no
effect on a well-behaved station connected beside them."""

import asyncio
import contextlib
import json
import os
import socket
import struct

import pytest
import websockets
from harness import (
    DEADLINE_S, Daemon, Station, connect, need_descriptors, raw_connection, raw_request, run,
    upgrade_request)

STATIONS = {"stations": {"unknown": "reject", "stations": [
    {"id": "GOOD"}, {"id": "CP-1"}, {"id": "CP-2"}, {"id": "STRICT", "strict": True},
    {"id": "LOCKED", "security_profile": 1, "authorization_key": "0123456789abcdef0123456789abcdef"},
    {"id": "PLAIN", "security_profile": 1, "authorization_key": "plain text key 1"},
    {"id": "TLS", "security_profile": 2, "authorization_key": "0123456789abcdef0123456789abcdef"},
]}, "id_tags": {"tags": [{"id": "TAG-1"}]}}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("network"), STATIONS, max_message="64KiB",
                handshake_timeout="2s", ping_interval="1s", max_outbound="256KiB") as running:
        yield running


@contextlib.asynccontextmanager
async def witness(daemon):
    """A station that must not notice anything."""
    async with Station.connect(daemon, "GOOD") as station:
        yield station
        assert "currentTime" in await station.call("Heartbeat", {})


def complaints(daemon):
    return [line for line in daemon.log.events() if line["ev"] in (
        "station.refused", "handshake.failed", "connection.refused")]


def status_of(answer):
    assert answer.startswith(b"HTTP/1."), answer
    return int(answer.split(b" ", 2)[1])


# What libwebsockets cannot even parse it answers itself, with 403 or by closing; the rest is ours.
UNPARSED = (400, 403, None)

HANDSHAKES = [
    ("not HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 40 + b"\r\n\r\n", UNPARSED),
    ("no upgrade", b"GET /ocpp/CP-1 HTTP/1.1\r\nHost: x\r\n\r\n", (426,)),
    ("wrong path", upgrade_request("/elsewhere/CP-1", "Sec-WebSocket-Protocol: ocpp1.6"), (404,)),
    ("no identity", upgrade_request("/ocpp/", "Sec-WebSocket-Protocol: ocpp1.6"), (404,)),
    ("unknown station", upgrade_request("/ocpp/NOBODY", "Sec-WebSocket-Protocol: ocpp1.6"), (404,)),
    ("bad encoding", upgrade_request("/ocpp/CP%ZZ", "Sec-WebSocket-Protocol: ocpp1.6"), UNPARSED),
    ("control character", upgrade_request("/ocpp/CP%01", "Sec-WebSocket-Protocol: ocpp1.6"), (400, 404)),
    ("overlong identity", upgrade_request("/ocpp/" + "A" * 49, "Sec-WebSocket-Protocol: ocpp1.6"), (404,)),
    ("old version", upgrade_request("/ocpp/CP-1", "Sec-WebSocket-Protocol: ocpp1.6", version="8"), (400, 426)),
    ("no credentials", upgrade_request("/ocpp/LOCKED", "Sec-WebSocket-Protocol: ocpp1.6"), (401,)),
    ("wrong credentials", upgrade_request("/ocpp/LOCKED", "Sec-WebSocket-Protocol: ocpp1.6",
     "Authorization: Basic TE9DS0VEOndyb25n"), (401,)),
    ("credentials of another", upgrade_request("/ocpp/LOCKED", "Sec-WebSocket-Protocol: ocpp1.6",
     "Authorization: Basic Q1AtMTp3cm9uZw=="), (401,)),
    ("plain where TLS is due", upgrade_request("/ocpp/TLS", "Sec-WebSocket-Protocol: ocpp1.6"), (401, 403)),
    ("empty name in the list", upgrade_request("/ocpp/CP-1", "Sec-WebSocket-Protocol: ,ocpp1.6"), (400,)),
    ("name that is no token", upgrade_request("/ocpp/CP-1", "Sec-WebSocket-Protocol: a@b, ocpp1.6"), (400,)),
    ("overlong name", upgrade_request("/ocpp/CP-1", f"Sec-WebSocket-Protocol: {'x' * 70}, ocpp1.6"), (400,)),
]


@pytest.mark.parametrize("label,request_,statuses", HANDSHAKES, ids=[case[0] for case in HANDSHAKES])
def test_handshake_is_refused(daemon, label, request_, statuses):
    async def body():
        async with witness(daemon):
            before = len(complaints(daemon))
            answer = await asyncio.get_running_loop().run_in_executor(
                None, raw_request, daemon, request_)
            if answer == b"":
                assert None in statuses
            else:
                assert status_of(answer) in statuses, answer
                # Clients of WebSockets alone read no HTTP/1.0, so they would not learn the status.
                assert answer.startswith(b"HTTP/1.1 ") or statuses == UNPARSED
            if status_of(answer or b"HTTP/1.1 0 ") == 401:
                assert b"www-authenticate: basic" in answer.lower()
            assert len(complaints(daemon)) - before <= 1

    run(body())


def test_credentials_admit(daemon):
    async def body():
        key = bytes.fromhex("0123456789abcdef0123456789abcdef")
        import base64
        for name, secret in (("LOCKED", key), ("PLAIN", b"plain text key 1")):
            token = base64.b64encode(name.encode() + b":" + secret).decode()
            async with Station.connect(daemon, name,
                                       extra_headers={"Authorization": "Basic " + token}):
                pass

    run(body())


def test_foreign_subprotocol_is_closed_after_the_handshake(daemon):
    answer = raw_request(daemon, upgrade_request("/ocpp/CP-1", "Sec-WebSocket-Protocol: ocpp0.1"))
    assert status_of(answer) == 101
    head, _, rest = answer.partition(b"\r\n\r\n")
    assert b"sec-websocket-protocol" not in head.lower()
    assert rest[:4] == b"\x88\x02" + struct.pack(">H", 1002)


def test_first_subprotocol_served_is_chosen(daemon):
    # What comes behind the chosen one is not looked at.
    for offered in (b"ocpp1.6,", b"ocpp2.0.1,\tocpp1.6, ,", b"ocpp1.6, a@b"):
        # A binary frame behind the handshake, so that the connection ends.
        head = raw_request(daemon, upgrade_request(
            "/ocpp/CP-1", "Sec-WebSocket-Protocol: " + offered.decode()) + b"\x82\x80mask")
        assert status_of(head) == 101 and b"sec-websocket-protocol: ocpp1.6\r\n" in head.lower()

    async def body():
        async with connect(daemon.url("CP-1"), subprotocols=["ocpp0.1", "ocpp1.6"]) as found:
            assert found.subprotocol == "ocpp1.6"

    run(body())


def test_missing_subprotocol_is_taken_as_16_from_known_stations(daemon):
    async def body():
        async with Station.connect(daemon, "CP-1", subprotocols=None) as station:
            assert station.socket.subprotocol is None
            assert "currentTime" in await station.call("Heartbeat", {})

    run(body())


@pytest.mark.parametrize("identity", ["CP-1/", "/CP-1", "CP%2D1", "cp-1", "CP-1?x=y"])
def test_identity_variants_are_the_same_station(daemon, identity):
    async def body():
        async with Station.connect(daemon, identity) as station:
            assert "currentTime" in await station.call("Heartbeat", {})

    run(body())


FRAMES = [
    # label, text, expected answer (None: ignored)
    ("no JSON", "hello", None),
    ("no array", "{}", None),
    ("empty array", "[]", None),
    ("unknown message type", '[7,"a","Heartbeat",{}]', None),
    ("wrong message type", '["2","a","Heartbeat",{}]', None),
    ("no usable id", '[2,null,"Heartbeat",{}]', None),
    ("unsolicited result", '[3,"nobody-asked",{}]', None),
    ("unsolicited error", '[4,"nobody-asked","GenericError","",{}]', None),
    ("action missing", '[2,"a"]', "FormationViolation"),
    ("payload missing", '[2,"a","Heartbeat"]', "FormationViolation"),
    ("payload a list", '[2,"a","Heartbeat",[]]', "FormationViolation"),
    ("surplus element", '[2,"a","Heartbeat",{},1]', "FormationViolation"),
    ("id too long", '[2,"' + "i" * 65 + '","Heartbeat",{}]', "FormationViolation"),
    ("unknown action", '[2,"a","MakeCoffee",{}]', "NotImplemented"),
    ("action in wrong case", '[2,"a","heartbeat",{}]', "NotImplemented"),
    ("action of the other direction", '[2,"a","Reset",{"type":"Soft"}]', "NotSupported"),
    ("surplus member", '[2,"a","Authorize",{"idTag":"A","x":1}]', "FormationViolation"),
    ("missing member", '[2,"a","Authorize",{}]', "OccurenceConstraintViolation"),
    ("wrong type", '[2,"a","Authorize",{"idTag":5}]', "TypeConstraintViolation"),
    ("null", '[2,"a","Authorize",{"idTag":null}]', "TypeConstraintViolation"),
    ("string too long", '[2,"a","Authorize",{"idTag":"' + "x" * 21 + '"}]',
     "PropertyConstraintViolation"),
    ("key member missing", '[2,"a","StartTransaction",{"connectorId":1}]',
     "OccurenceConstraintViolation"),
    ("key member unreadable", '[2,"a","StartTransaction",{"connectorId":"x","idTag":"A",'
     '"meterStart":0,"timestamp":"2026-01-01T00:00:00Z"}]', "TypeConstraintViolation"),
    ("payload null", '[2,"a","Heartbeat",null]', "currentTime"),
    ("blanks and BOM around", '\ufeff [2,"a","Heartbeat",{}] \n', "currentTime"),
]


@pytest.mark.parametrize("label,text,expected", FRAMES, ids=[case[0] for case in FRAMES])
def test_frame_is_answered(daemon, label, text, expected):
    async def body():
        async with witness(daemon), Station.connect(daemon, "CP-1") as station:
            station.reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await station.reader
            await station.socket.send(text)
            if expected is None:
                # Ignored: the next call is answered first.
                await station.socket.send('[2,"next","Heartbeat",{}]')
                answer = json.loads(await asyncio.wait_for(station.socket.recv(), DEADLINE_S))
                assert answer[:2] == [3, "next"]
                return
            answer = json.loads(await asyncio.wait_for(station.socket.recv(), DEADLINE_S))
            if expected[0].islower():
                assert answer[0] == 3 and expected in answer[2]
            else:
                assert answer[0] == 4 and answer[2] == expected, answer
                assert isinstance(answer[3], str) and isinstance(answer[4], dict)

    run(body())


def test_error_names_the_field(daemon):
    async def body():
        async with Station.connect(daemon, "CP-1") as station:
            station.reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await station.reader
            await station.socket.send('[2,"a","Authorize",{"idTag":5}]')
            answer = json.loads(await asyncio.wait_for(station.socket.recv(), DEADLINE_S))
            assert "idTag" in answer[3]

    run(body())


def test_number_as_id_comes_back_as_a_number(daemon):
    async def body():
        async with Station.connect(daemon, "CP-1") as station:
            station.reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await station.reader
            await station.socket.send('[2,1000001,"Heartbeat",{}]')
            answer = json.loads(await asyncio.wait_for(station.socket.recv(), DEADLINE_S))
            assert answer[:2] == [3, 1000001]

    run(body())


def test_kept_message_is_stored_despite_its_flaws(daemon):
    async def body():
        async with Station.connect(daemon, "CP-2") as station:
            started = await station.call("StartTransaction", {
                "connectorId": "1", "idTag": "TAG-1", "meterStart": "12", "timestamp": "yesterday",
                "surplus": True})
            assert started["transactionId"] > 0
            return started["transactionId"]

    number = run(body())
    _, found = daemon.api("GET", f"/v1/transactions/{number}")
    assert found["meterStart"] == 12
    assert found["flags"]


def test_strict_station_is_refused_for_the_same(daemon):
    async def body():
        async with Station.connect(daemon, "STRICT") as station:
            frame = await (await station.send("StartTransaction", {
                "connectorId": 1, "idTag": "TAG-1", "meterStart": 1, "timestamp": "yesterday"}))
            assert frame[0] == 4 and frame[2] == "PropertyConstraintViolation"

    run(body())


def test_ten_bad_frames_close(daemon):
    async def body():
        async with witness(daemon), Station.connect(daemon, "CP-1") as station:
            with contextlib.suppress(websockets.ConnectionClosed):
                for _ in range(20):
                    await station.socket.send("nonsense")
            code, _ = await station.closed()
            assert code == 1008

    run(body())


@pytest.mark.parametrize("label,frames,code", [
    ("oversize", ["[2,\"a\",\"DataTransfer\",{\"vendorId\":\"v\",\"data\":\"" + "x" * 70000 + "\"}]"], 1009),
    ("binary", [b"\x00\x01\x02"], 1003),
])
def test_message_closes(daemon, label, frames, code):
    async def body():
        async with witness(daemon), Station.connect(daemon, "CP-1") as station:
            with contextlib.suppress(websockets.ConnectionClosed):
                for frame in frames:
                    await station.socket.send(frame)
            found, _ = await station.closed()
            assert found == code

    run(body())


def test_fragmented_message_is_one_message(daemon):
    async def body():
        async with Station.connect(daemon, "CP-1") as station:
            future = asyncio.get_running_loop().create_future()
            station.pending["frag"] = future
            await station.socket.send(iter(['[2,"fr', 'ag","Heart', 'beat"', ',{}]']))
            assert "currentTime" in (await asyncio.wait_for(future, DEADLINE_S))[2]

    run(body())


def masked(opcode, payload, fin=True, rsv=0):
    head = bytes([(0x80 if fin else 0) | (rsv << 4) | opcode])
    if len(payload) < 126:
        head += bytes([0x80 | len(payload)])
    else:
        head += bytes([0x80 | 126]) + struct.pack(">H", len(payload))
    return head + b"\x00\x00\x00\x00" + payload


def websocket_by_hand(daemon, station_id):
    connection = raw_connection(daemon)
    connection.sendall(upgrade_request(f"/ocpp/{station_id}", "Sec-WebSocket-Protocol: ocpp1.6"))
    head = b""
    while b"\r\n\r\n" not in head:
        chunk = connection.recv(4096)
        assert chunk, head
        head += chunk
    assert head.startswith(b"HTTP/1.1 101"), head
    return connection


def close_code(data):
    """The code of a close frame at the end of what came, None if there is none."""
    at = data.rfind(b"\x88")
    return struct.unpack(">H", data[at + 2:at + 4])[0] if at >= 0 and len(data) >= at + 4 else None


@pytest.mark.parametrize("label,data,codes", [
    ("invalid UTF-8", masked(1, b'[2,"\xff\xfe","Heartbeat",{}]'), (1007, None)),
    ("reserved bit", masked(1, b'[2,"a","Heartbeat",{}]', rsv=4), (1002, None)),
    ("unknown opcode", masked(3, b"x"), (1002, None)),
    ("continuation without a start", masked(0, b"x"), (1002, None)),
])
def test_broken_frames_end_the_connection(daemon, label, data, codes):
    async def body():
        async with witness(daemon):
            def talk():
                with websocket_by_hand(daemon, "CP-1") as connection:
                    connection.sendall(data)
                    received = b""
                    with contextlib.suppress(ConnectionError):
                        while chunk := connection.recv(4096):
                            received += chunk
                    return received
            received = await asyncio.get_running_loop().run_in_executor(None, talk)
            assert close_code(received) in codes

    run(body())


def test_deep_nesting_is_refused(daemon):
    async def body():
        async with witness(daemon), Station.connect(daemon, "CP-1") as station:
            await station.socket.send('[2,"deep","DataTransfer",' + '{"a":' * 5000 + "1" + "}" * 5000 + "]")
            assert "currentTime" in await station.call("Heartbeat", {})

    run(body())


def test_newer_connection_replaces_the_older(daemon):
    async def body():
        async with Station.connect(daemon, "CP-1") as old, Station.connect(daemon, "CP-1") as new:
            code, _ = await old.closed()
            assert code == 1000
            assert "currentTime" in await new.call("Heartbeat", {})

    run(body())


def test_calls_without_waiting_are_answered_in_order(daemon):
    async def body():
        async with witness(daemon), Station.connect(daemon, "CP-1") as station:
            futures = [await station.send("Heartbeat", {}, f"n{i}") for i in range(500)]
            frames = await asyncio.wait_for(asyncio.gather(*futures), DEADLINE_S)
            assert [frame[1] for frame in frames] == [f"n{i}" for i in range(500)]

    run(body())


def test_client_that_never_reads_costs_nobody_else(daemon):
    """It floods and does not read: bounded memory, and the witness goes on."""
    def flood():
        connection = websocket_by_hand(daemon, "CP-2")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(1)
        frame = masked(1, b'[2,"x","Authorize",{"idTag":"' + b"y" * 20 + b'"}]') * 200
        sent = 0
        with contextlib.suppress(OSError):
            while sent < 64 * 1024 * 1024:
                connection.sendall(frame)
                sent += len(frame)
        return connection, sent

    async def body():
        async with witness(daemon) as good:
            before = daemon.cpu_rss()
            connection, sent = await asyncio.get_running_loop().run_in_executor(None, flood)
            assert "currentTime" in await good.call("Heartbeat", {})
            connection.close()
            assert sent < 64 * 1024 * 1024
            if not os.environ["OCPPD_SANITIZE"]:
                assert daemon.cpu_rss() - before < 16 * 1024 * 1024

    run(body())


def test_unfinished_handshakes_end_and_hinder_nobody(daemon):
    need_descriptors(2048)

    async def body():
        connections = []
        try:
            async with witness(daemon) as beside:
                for i in range(1000):
                    connection = raw_connection(daemon)
                    connection.sendall(b"GET /ocpp/CP-1 HTTP/1.1\r\nHost: x\r\n")
                    connections.append(connection)
                    if i % 100 == 99:
                        assert "currentTime" in await beside.call("Heartbeat", {})
                # Their deadline passes; another station gets in all the same.
                async with Station.connect(daemon, "CP-2") as station:
                    assert "currentTime" in await station.call("Heartbeat", {})
                assert "currentTime" in await beside.call("Heartbeat", {})
            loop = asyncio.get_running_loop()
            for connection in connections[:50]:
                data = await loop.run_in_executor(None, connection.recv, 4096)
                assert data == b"" or data.startswith(b"HTTP/1.")
        finally:
            for connection in connections:
                connection.close()

    run(body())


def flood(port, count, addresses, first=b"GET /ocpp/CP-1 HTTP/1.1\r\nHost: x\r\n"):
    """Connections that never finish their handshake, from many addresses."""
    connections = []
    for i in range(count):
        connection = socket.create_connection(("127.0.0.1", port), DEADLINE_S,
                                              (addresses[i % len(addresses)], 0))
        connection.settimeout(DEADLINE_S)
        if first:
            connection.sendall(first)
        connections.append(connection)
    return connections


FLOODS = [  # label, addresses, what each connection says
    ("twenty addresses", [f"127.0.1.{i}" for i in range(1, 21)], b"GET /ocpp/CP-1 HTTP/1.1\r\nHost: x\r\n"),
    ("one address, silent", ["127.0.1.1"], b""),
    ("a thousand addresses", [f"127.0.{i // 250 + 1}.{i % 250 + 1}" for i in range(1000)], b""),
]


@pytest.mark.parametrize("label,addresses,first", FLOODS, ids=[case[0] for case in FLOODS])
def test_a_thousand_half_open_handshakes_keep_nobody_out(tmp_path, label, addresses, first):
    """No deadline ends them while this runs: a station gets in because one of them gives way."""
    need_descriptors(4096)

    async def body(daemon):
        loop = asyncio.get_running_loop()
        # More than all threads have places for, and a thousand beyond.
        places = 2 * 32
        connections = await loop.run_in_executor(None, flood, daemon.port, places + 1000, addresses, first)
        try:
            # With a thousand addresses none has more than its share: then giving way takes longer.
            for _ in range(1 if len(addresses) == 1000 else 3):
                async with Station.connect(daemon, "CP-1") as one, Station.connect(daemon, "CP-2") as two:
                    for station in (one, two):
                        assert "currentTime" in await station.call("Heartbeat", {})
            # Only as many lost their place as had to.
            ended = await loop.run_in_executor(None, count_ended, connections)
            assert 1 <= ended <= 500, ended
            assert "gave way" in daemon.log.wait("handshake.failed")["err"]
            assert daemon.log.events("handshake.failed", err="no WebSocket request within handshake_timeout") == []
        finally:
            for connection in connections:
                connection.close()

    with Daemon(tmp_path, STATIONS, handshake_timeout="120s", max_handshakes=32,
                io_threads=2) as daemon:
        run(body(daemon))


def count_ended(connections):
    ended = 0
    for connection in connections:
        connection.setblocking(False)
        try:
            ended += connection.recv(4096) == b""
        except BlockingIOError:
            pass
        except ConnectionError:
            ended += 1
    return ended


def test_those_that_wait_behind_a_flood_have_their_turn(tmp_path):
    """Fifty stations at once, from one address, beside a flood that never stops."""
    need_descriptors(4096)

    async def body(daemon):
        loop = asyncio.get_running_loop()
        flooding = asyncio.Event()
        connections = []

        async def keep_flooding():
            while not flooding.is_set():
                connections.extend(await loop.run_in_executor(
                    None, flood, daemon.port, 20, ["127.0.1.1", "127.0.1.2", "127.0.1.3"]))
                await asyncio.sleep(0)
                while len(connections) > 1500:
                    connections.pop(0).close()
        connections.extend(await loop.run_in_executor(None, flood, daemon.port, 500, ["127.0.1.1"]))
        task = asyncio.ensure_future(keep_flooding())

        async def visit(number):
            async with Station.connect(daemon, f"ST-{number}") as station:
                assert "currentTime" in await station.call("Heartbeat", {})
        try:
            await asyncio.gather(*(visit(number) for number in range(50)))
        finally:
            flooding.set()
            await task
            for connection in connections:
                connection.close()

    with Daemon(tmp_path, {"stations": {"unknown": "accept"}}, handshake_timeout="120s", max_handshakes=16,
                io_threads=2) as daemon:
        run(body(daemon))


def test_a_byte_now_and_then_does_not_hold_a_handshake_open(daemon):
    async def body():
        async with witness(daemon):
            connection = raw_connection(daemon)
            loop = asyncio.get_running_loop()
            request = upgrade_request("/ocpp/CP-1", "Sec-WebSocket-Protocol: ocpp1.6")
            ended = False
            with contextlib.suppress(OSError):
                for byte in request[:100]:
                    await loop.run_in_executor(None, connection.sendall, bytes([byte]))
                    connection.settimeout(0.2)
                    try:
                        if await loop.run_in_executor(None, connection.recv, 10) == b"":
                            ended = True
                            break
                    except TimeoutError:
                        continue
            connection.close()
            assert ended

    run(body())


def test_proxy_that_is_no_address_is_refused(tmp_path):
    for text in ("proxy.example", "10.0.0.0/33", ""):
        daemon = Daemon(tmp_path, listeners=[{"address": "127.0.0.1", "port": 0, "path": "/ocpp",
                                              "trusted_proxies": ["10.0.0.0/8", text]}])
        status, said = daemon.check()
        assert status != 0 and "trusted_proxies" in said, said
