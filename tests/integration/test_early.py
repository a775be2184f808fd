# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Clients that send before they have read the 101: every byte counts, and nobody's but their own."""

import contextlib
import hashlib
import json
import random
import ssl
import struct

import pytest
from harness import Daemon, raw_connection, upgrade_request
from pki import authority, grant

VENDOR = "Vend"
FRAMES = 30


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("keys"))
    authority(folder, "root")
    grant(folder, "server", "/CN=localhost")
    return folder


@pytest.fixture(scope="module")
def daemon(tmp_path_factory, keys):
    tls = {"certificate": f"{keys}/server.pem", "key": f"{keys}/server.key"}
    with Daemon(tmp_path_factory.mktemp("early"), io_threads=2, listeners=[
            {"address": "127.0.0.1", "port": 0, "path": "/ocpp"},
            {"address": "127.0.0.1", "port": 0, "path": "/ocpp", "tls": tls}]) as running:
        yield running


def masked(text):
    payload = text.encode()
    mask = hashlib.sha256(payload).digest()[:4]
    head = b"\x81" + (bytes([0x80 | len(payload)]) if len(payload) < 126
                      else struct.pack(">BH", 0x80 | 126, len(payload)))
    return head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


def burst(station):
    """The handshake, a boot and heartbeats: what a hasty client sends in one go, and the ids of it."""
    ids = [f"{station}-{i}" for i in range(FRAMES)]
    calls = [[2, ids[0], "BootNotification", {
        "chargePointVendor": VENDOR, "chargePointModel": "Hasty", "chargePointSerialNumber": station}]]
    calls += [[2, name, "Heartbeat", {}] for name in ids[1:]]
    return upgrade_request(f"/ocpp/{station}", "Sec-WebSocket-Protocol: ocpp1.6") + b"".join(
        masked(json.dumps(call)) for call in calls), ids


def answers(connection, count):
    """What follows the 101: so many text frames, whose lengths are as the frames say."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65536)
        assert chunk, data
        data += chunk
    head, data = data.split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.1 101"), head
    found = []
    while len(found) < count:
        if len(data) >= 2:
            assert data[0] == 0x81, data
            at, length = (2, data[1]) if data[1] < 126 else (4, struct.unpack(">H", data[2:4])[0])
            if len(data) >= at + length:
                found.append(json.loads(data[at:at + length]))
                data = data[at + length:]
                continue
        chunk = connection.recv(65536)
        assert chunk, (found, data)
        data += chunk
    assert data == b""
    return found


def check(daemon, station, found, ids):
    assert [answer[:2] for answer in found] == [[3, name] for name in ids]
    assert found[0][2]["status"] == "Accepted"
    status, record = daemon.api("GET", f"/v1/stations/{station}")
    assert status == 200
    assert (record["chargePointVendor"], record["chargePointSerialNumber"]) == (VENDOR, station)


@pytest.mark.parametrize("station", ["FIRST", "SECOND"])
def test_frames_behind_the_handshake_are_read_as_they_were_sent(daemon, station):
    """The thread's first connection and a later one."""
    data, ids = burst(station)
    with raw_connection(daemon) as connection:
        connection.sendall(data)
        check(daemon, station, answers(connection, FRAMES), ids)


def test_frames_behind_the_handshake_over_tls(daemon, keys):
    port = int(daemon.log.wait("listener.opened", tls=1)["address"].rsplit(":", 1)[1])
    made = ssl.create_default_context(cafile=f"{keys}/root.pem")
    data, ids = burst("SECURE")
    assert len(data) < 16384  # one record: libwebsockets reads it as one
    plain, daemon.port = daemon.port, port
    try:
        connection = raw_connection(daemon)
    finally:
        daemon.port = plain
    with made.wrap_socket(connection, server_hostname="localhost") as secure:
        secure.sendall(data)
        check(daemon, "SECURE", answers(secure, FRAMES), ids)


def test_hasty_clients_at_once_have_each_their_own_bytes(daemon):
    """They share the buffer of a thread; each gets the answers to what it sent, however it was cut."""
    rng = random.Random(6)
    with contextlib.ExitStack() as stack:
        clients = []
        for i in range(40):
            station = f"HASTY-{i}"
            clients.append((station, stack.enter_context(raw_connection(daemon)), *burst(station)))
        rest = [(connection, data) for _, connection, data, _ in clients]
        while rest:
            at = rng.randrange(len(rest))
            connection, data = rest.pop(at)
            cut = rng.randrange(1, len(data) + 1)
            connection.sendall(data[:cut])
            if cut < len(data):
                rest.append((connection, data[cut:]))
        for station, connection, _, ids in clients:
            check(daemon, station, answers(connection, FRAMES), ids)
    assert not [event for event in daemon.log.events() if event["lvl"] in ("warn", "error")
                and event.get("station", "").startswith("HASTY")
                and event.get("quirk") != "B03"]  # they leave without a close frame
