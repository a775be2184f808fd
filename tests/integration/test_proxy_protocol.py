# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""The PROXY protocol: whose a connection is, said by a proxy before its first byte."""

import asyncio
import base64
import contextlib
import ipaddress
import socket
import ssl
import struct

import pytest
from harness import DEADLINE_S, Daemon, Station, run, upgrade_request
from pki import authority, grant

KEY = "0123456789abcdef0123456789abcdef"
STATIONS = {"stations": {"unknown": "reject", "stations": [
    {"id": "CP-1"}, {"id": "CP-2"}, {"id": "CP-3"},
    {"id": "LOCKED", "security_profile": 2, "authorization_key": KEY}]}}
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
TLS = b"\x20\0\x05\x01\0\0\0\0"


def line(client, port=4711):
    kind = "TCP4" if "." in client else "TCP6"
    ours = "192.0.2.1" if kind == "TCP4" else "2001:db8::1"
    return f"PROXY {kind} {client} {ours} {port} 8180\r\n".encode()


def binary(client, port=4711, more=b"", command=0x21):
    address = ipaddress.ip_address(client).packed
    body = address + address + struct.pack("!HH", port, 8180) + more
    return SIGNATURE + bytes([command, 0x11 if len(address) == 4 else 0x21]) + struct.pack("!H", len(body)) + body


def listener(**more):
    return {"address": "127.0.0.1", "port": 0, "path": "/ocpp", "proxy_header": "proxy-protocol",
            "trusted_proxies": ["127.0.0.0/28"], **more}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("proxy"), STATIONS, listeners=[listener()],
                handshake_timeout="2s") as running:
        yield running


def dial(daemon, preface=b"", source="127.0.0.1"):
    sock = socket.create_connection(("127.0.0.1", daemon.port), DEADLINE_S, (source, 0))
    sock.settimeout(DEADLINE_S)
    if preface:
        sock.sendall(preface)
    return sock


def status_of(sock, station_id="CP-1", *lines):
    """The status of a handshake; None: closed without a word."""
    with sock:
        with contextlib.suppress(ConnectionError):
            sock.sendall(upgrade_request(f"/ocpp/{station_id}", "Sec-WebSocket-Protocol: ocpp1.6", *lines))
            received = sock.recv(4096)
            return int(received.split()[1]) if received else None
        return None


TOLD = [
    ("v1 IPv4", line("203.0.113.7"), "203.0.113.7:4711"),
    ("v1 IPv6", line("2001:db8::7"), "[2001:db8::7]:4711"),
    ("v1 unknown", b"PROXY UNKNOWN\r\n", "127.0.0.1:"),
    ("v2 IPv4", binary("203.0.113.8"), "203.0.113.8:4711"),
    ("v2 IPv6", binary("2001:db8::8", 65535), "[2001:db8::8]:65535"),
    ("v2 mapped", binary("::ffff:203.0.113.9"), "203.0.113.9:4711"),
    ("v2 local", binary("203.0.113.8", command=0x20), "127.0.0.1:"),
    ("v2 with others", binary("203.0.113.8", more=b"\x04\0\x10" + b"?" * 16), "203.0.113.8:4711"),
]


@pytest.mark.parametrize("label,preface,remote", TOLD, ids=[case[0] for case in TOLD])
@pytest.mark.parametrize("way", ["whole", "in pieces"])
def test_the_client_is_whom_the_proxy_says(daemon, label, preface, remote, way):
    async def session():
        sock = dial(daemon, preface if way == "whole" else b"")
        if way != "whole":
            for i in range(len(preface)):
                sock.sendall(preface[i:i + 1])
        sock.setblocking(False)
        async with Station.connect(daemon, "CP-1", sock=sock) as station:
            await station.call("Heartbeat", {})
            status, body = await daemon.api_async("GET", "/v1/stations/CP-1")
            assert status == 200 and body["connection"]["remote"].startswith(remote), body
            logged = daemon.log.events("station.connected", station="CP-1")[-1]
            assert logged["remote"] == body["connection"]["remote"]
            # What clients say themselves is hearsay.
            assert daemon.log.events("handshake.failed", remote=body["connection"]["remote"]) == []
    run(session())


def test_limits_are_the_clients(tmp_path):
    async def session(daemon):
        sock = dial(daemon, line("203.0.113.20"))
        sock.setblocking(False)
        async with Station.connect(daemon, "CP-1", sock=sock):
            loop = asyncio.get_running_loop()
            for preface, status in ((line("203.0.113.20"), 503), (binary("203.0.113.20"), 503),
                                    (line("203.0.113.21"), 101)):
                assert await loop.run_in_executor(None, status_of, dial(daemon, preface), "CP-2") == status
    with Daemon(tmp_path, STATIONS, listeners=[listener()], max_connections_per_address=1) as daemon:
        run(session(daemon))


def test_tls_that_ended_at_the_proxy_counts_for_profile_2(daemon):
    password = "Authorization: Basic " + base64.b64encode(b"LOCKED:" + bytes.fromhex(KEY)).decode()
    for preface, status in ((binary("203.0.113.30", more=TLS), 101), (binary("203.0.113.30"), 403),
                            (line("203.0.113.30"), 403)):
        assert status_of(dial(daemon, preface), "LOCKED", password) == status


BAD = [
    ("no header", b"GET /ocpp/CP-1 HTTP/1.1\r\nHost: x\r\n\r\n", "no PROXY header"),
    ("endless line", b"PROXY UNKNOWN " + b"x" * 200, "too long"),
    ("bad line", b"PROXY TCP4 203.0.113.300 192.0.2.1 1 2\r\n", "valid addresses"),
    ("bad version", SIGNATURE + b"\x31\x11\0\0", "unknown version"),
    ("too long", SIGNATURE + b"\x21\x11\xff\xff", "more than 1024 bytes"),
    ("short addresses", SIGNATURE + b"\x21\x11\0\x04????", "valid addresses"),
]


@pytest.mark.parametrize("label,preface,why", BAD, ids=[case[0] for case in BAD])
def test_what_is_no_header_is_closed_and_logged(tmp_path, label, preface, why):
    with Daemon(tmp_path, STATIONS, listeners=[listener()]) as daemon:
        with dial(daemon, preface) as sock:
            with contextlib.suppress(ConnectionError):
                assert sock.recv(1) == b""
        assert why in daemon.log.wait("handshake.failed")["err"]
        assert status_of(dial(daemon, line("203.0.113.7"))) == 101
        lines = daemon.log.events("handshake.failed")
        assert len(lines) == 1 and lines[0]["remote"].startswith("127.0.0.1:"), lines


def refused(daemon, reason):
    status, page, err = daemon.ctl("metrics")
    assert status == 0, err
    found = [line.split()[1] for line in page.splitlines()
             if line.startswith(f'ocppd_handshakes_refused_total{{reason="{reason}"}} ')]
    return sum(map(float, found))


def test_what_is_no_header_is_counted_by_reason(tmp_path):
    with Daemon(tmp_path, {**STATIONS, "metrics": {}}, listeners=[listener()], handshake_timeout="2s") as daemon:
        for _, preface, _ in BAD:
            with dial(daemon, preface) as sock, contextlib.suppress(ConnectionError):
                assert sock.recv(1) == b""
        for preface in (b"", b"PROXY ", SIGNATURE):
            with dial(daemon, preface) as sock:
                sock.shutdown(socket.SHUT_WR)
                assert sock.recv(1) == b""
        with dial(daemon, b"PROXY TCP4") as sock:
            assert sock.recv(1) == b""
        # Those of an I/O thread stand beside them.
        assert status_of(dial(daemon, line("203.0.113.7")), "NOBODY") == 404
        assert status_of(dial(daemon, line("203.0.113.7"))) == 101
        counts = {reason: refused(daemon, reason)
                  for reason in ("proxy", "closed", "timeout", "unknown", "tls", "limit")}
        assert counts == {"proxy": len(BAD), "closed": 3, "timeout": 1, "unknown": 1, "tls": 0, "limit": 0}
        # A reason that both kinds of threads know has one sum.
        with dial(daemon, line("203.0.113.7")) as sock:
            sock.shutdown(socket.SHUT_WR)
            assert sock.recv(1) == b""
        daemon.log.wait("handshake.failed", err="closed before a valid WebSocket request")
        assert refused(daemon, "closed") == 4


def test_half_a_header_is_bounded_in_time_and_hinders_nobody(daemon):
    """More of them than there are places for handshakes."""
    halves = [dial(daemon, preface) for preface in [b"PROXY TCP4 203", SIGNATURE, b"\r"] * 200]
    try:
        for number in range(3):
            assert status_of(dial(daemon, line(f"203.0.113.{40 + number}"))) == 101
        # Now and then a byte does not hold one open.
        with contextlib.suppress(ConnectionError):
            for byte in b" " * 10000:
                halves[0].sendall(bytes([byte]))
        for sock in halves:
            with contextlib.suppress(ConnectionError):
                assert sock.recv(1) == b""
    finally:
        for sock in halves:
            sock.close()
    assert daemon.log.events("handshake.failed", err="no PROXY header within handshake_timeout")


def test_only_proxies_that_are_trusted_are_believed(tmp_path):
    with Daemon(tmp_path, STATIONS, listeners=[listener(trusted_proxies=["127.0.0.9"])]) as daemon:
        # Others speak for themselves: what HTTP makes of such a line, it says nothing of a client.
        assert status_of(dial(daemon)) == 101
        for preface in (line("203.0.113.7"), binary("203.0.113.7")):
            status_of(dial(daemon, preface))
        assert status_of(dial(daemon), "CP-2") == 101
        daemon.log.wait("station.connected", station="CP-2")
        assert "203.0.113.7" not in daemon.log.text()
        assert status_of(dial(daemon, line("203.0.113.7"), "127.0.0.9")) == 101
        assert daemon.log.wait("station.connected", remote="203.0.113.7:4711")
    daemon = Daemon(tmp_path, STATIONS, listeners=[{**listener(), "trusted_proxies": []}])
    status, said = daemon.check()
    assert status == 78 and "trusted_proxies" in said, said
    del daemon.settings["listeners"][0]["trusted_proxies"]
    daemon.write_config()
    status, said = daemon.check()
    assert status == 78 and "proxy-protocol" in said, said


def test_a_header_comes_before_tls(tmp_path):
    authority(tmp_path, "root")
    grant(tmp_path, "server", "/CN=localhost")
    with Daemon(tmp_path, STATIONS, listeners=[listener(tls={
            "certificate": str(tmp_path / "server.pem"), "key": str(tmp_path / "server.key")})]) as daemon:
        context = ssl.create_default_context(cafile=str(tmp_path / "root.pem"))
        for preface in (line("203.0.113.7"), binary("203.0.113.7")):
            with context.wrap_socket(dial(daemon, preface), server_hostname="localhost") as sock:
                # CP-1 is of profile 0: it is known who asks, and that it may not come so.
                sock.sendall(upgrade_request("/ocpp/CP-1", "Sec-WebSocket-Protocol: ocpp1.6"))
                assert b" 403 " in sock.recv(4096).splitlines()[0]
        refused = daemon.log.events("station.refused", station="CP-1")
        assert refused and all(fields["remote"] == "203.0.113.7:4711" for fields in refused)
        # Without one there is no handshake.
        with dial(daemon) as sock, pytest.raises((ssl.SSLError, ConnectionError)):
            context.wrap_socket(sock, server_hostname="localhost")


def test_a_stop_waits_for_no_header(tmp_path):
    with Daemon(tmp_path, STATIONS, listeners=[listener()], handshake_timeout="120s") as daemon:
        halves = [dial(daemon, b"PROXY ") for _ in range(20)]
        assert status_of(dial(daemon, line("203.0.113.7"))) == 101
        assert daemon.stop() == 0
        for sock in halves:
            with sock, contextlib.suppress(ConnectionError):
                assert sock.recv(1) == b""
