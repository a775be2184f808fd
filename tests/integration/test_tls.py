# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Stations over TLS: passwords (profile 2), certificates (profile 3), renewal while running."""

import asyncio
import base64
import contextlib
import shutil
import signal
import ssl

import pytest
from harness import DEADLINE_S, Daemon, Station, need_descriptors, raw_connection, run, upgrade_request
from pki import authority, grant

KEY = "0123456789abcdef0123456789abcdef"
PLUGINS = {"stations": {"unknown": "reject", "stations": [
    {"id": "PLAIN"},
    {"id": "PW", "security_profile": 2, "authorization_key": KEY},
    {"id": "PW1", "security_profile": 1, "authorization_key": KEY},
    {"id": "CERT", "security_profile": 3},
    {"id": "SERIAL", "security_profile": 3, "quirks": ["certificate_cn=SN 42"]},
]}, "id_tags": {"tags": [{"id": "TAG-1"}]}}


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("keys"))
    authority(folder, "root")
    authority(folder, "other")
    grant(folder, "server", "/CN=localhost")
    grant(folder, "server-rsa", "/CN=localhost", kind="rsa")
    grant(folder, "station", "/O=Operator/CN=CERT", "clientAuth")
    grant(folder, "serial", "/O=Operator/CN=SN 42", "clientAuth")
    grant(folder, "foreign", "/CN=CERT", "clientAuth", issuer="other")
    return folder


def listener(keys, **tls):
    settings = {"certificate": [f"{keys}/server.pem", f"{keys}/server-rsa.pem"],
                "key": [f"{keys}/server.key", f"{keys}/server-rsa.key"]}
    settings.update(tls)
    return [{"address": "127.0.0.1", "port": 0, "path": "/ocpp", "tls": settings}]


@pytest.fixture(scope="module")
def daemon(tmp_path_factory, keys):
    with Daemon(tmp_path_factory.mktemp("tls"), PLUGINS, listeners=listener(
            keys, client_ca=f"{keys}/root.pem", client_certificate="optional")) as running:
        yield running


def context(keys, certificate=None, version=None):
    made = ssl.create_default_context(cafile=f"{keys}/root.pem")
    if certificate:
        made.load_cert_chain(f"{keys}/{certificate}.pem", f"{keys}/{certificate}.key")
    if version:
        made.set_ciphers("ALL:@SECLEVEL=0")
        made.minimum_version = made.maximum_version = version
    return made


def basic(station, password):
    return base64.b64encode(f"{station}:".encode() + password).decode()


def connect(daemon, station, made, password=None, **more):
    if password is not None:
        more["extra_headers"] = {"Authorization": f"Basic {basic(station, password)}"}
    return Station.connect(daemon, station, ssl=made,
                           url=f"wss://127.0.0.1:{daemon.port}/ocpp/{station}", **more)


def status_of(daemon, station, made, password=None):
    """The HTTP status, or None where there was no HTTP."""
    lines = ["Sec-WebSocket-Protocol: ocpp1.6"]
    if password is not None:
        lines.append(f"Authorization: Basic {basic(station, password)}")
    received = b""
    with contextlib.suppress(ssl.SSLError, ConnectionError), \
            made.wrap_socket(raw_connection(daemon), server_hostname="localhost") as secure:
        secure.sendall(upgrade_request(f"/ocpp/{station}", *lines))
        while b"\r\n" not in received and (chunk := secure.recv(4096)):
            received += chunk
    return int(received.split(b" ", 2)[1]) if received.startswith(b"HTTP/1.") else None


async def profile(daemon, station):
    status, body = await daemon.api_async("GET", f"/v1/stations/{station}")
    assert status == 200, body
    return body["connection"]["securityProfile"]


def test_password_over_tls(daemon, keys):
    async def session():
        async with connect(daemon, "PW", context(keys), bytes.fromhex(KEY)) as station:
            assert await profile(daemon, "PW") == 2
            answer = await station.start()
            assert answer["idTagInfo"]["status"] == "Accepted"
            await station.stop(answer["transactionId"])

    run(session())
    assert status_of(daemon, "PW", context(keys), b"wrong") == 401
    assert status_of(daemon, "PW", context(keys)) == 401
    # Another profile than the one it is provisioned for (A00.FR.002).
    assert status_of(daemon, "PW1", context(keys), bytes.fromhex(KEY)) == 403
    assert status_of(daemon, "PLAIN", context(keys)) == 403


def test_certificate_is_the_identity(daemon, keys):
    async def session():
        async with connect(daemon, "CERT", context(keys, "station")):
            assert await profile(daemon, "CERT") == 3
        async with connect(daemon, "SERIAL", context(keys, "serial")):
            assert await profile(daemon, "SERIAL") == 3

    run(session())
    assert status_of(daemon, "CERT", context(keys, "serial")) == 403
    assert status_of(daemon, "SERIAL", context(keys, "station")) == 403
    assert status_of(daemon, "CERT", context(keys)) == 403
    assert status_of(daemon, "CERT", context(keys, "foreign")) is None
    failed = daemon.log.wait("handshake.failed", tls="yes", alert=48)
    assert "client_ca" in failed["err"]
    assert int(failed["count"]) >= 1


def test_old_tls_and_no_tls_are_refused(daemon, keys):
    assert status_of(daemon, "PW", context(keys, version=ssl.TLSVersion.TLSv1_1)) is None
    assert "min_version" in daemon.log.wait("handshake.failed", alert=70)["err"]
    with raw_connection(daemon) as plain:
        plain.sendall(b"GET /ocpp/PLAIN HTTP/1.1\r\nHost: x\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            assert not plain.recv(100).startswith(b"HTTP")


def distrust(daemon):
    """A handshake that the station ends with an alert; it waits for us to hang up."""
    received, sent = ssl.MemoryBIO(), ssl.MemoryBIO()
    machine = ssl.create_default_context().wrap_bio(received, sent, server_hostname="localhost")
    with raw_connection(daemon) as plain:
        with pytest.raises(ssl.SSLCertVerificationError):
            while True:
                with contextlib.suppress(ssl.SSLWantReadError):
                    machine.do_handshake()
                plain.sendall(sent.read())
                received.write(plain.recv(65536))
        plain.sendall(sent.read())
        with contextlib.suppress(ConnectionError):
            while plain.recv(65536):
                pass


def test_station_that_distrusts_us_is_counted(tmp_path, keys):
    with Daemon(tmp_path, PLUGINS, listeners=listener(keys), io_threads=1) as daemon:
        for count in range(1, 4):
            distrust(daemon)
            line = daemon.log.wait("handshake.failed", count=count)
            assert line["remote"].startswith("127.0.0.1:")
            assert line["alert"] == "48"
            assert "root" in line["err"]


def test_two_hundred_stations_at_once(daemon, keys):
    need_descriptors(1024)  # the daemon serves half of them

    async def one(made):
        async with connect(daemon, "PW", made, bytes.fromhex(KEY), boot=False):
            pass

    async def session():
        made = context(keys)
        await asyncio.gather(*(one(made) for _ in range(200)))

    run(session())


def test_bursts_and_long_messages_pass(daemon, keys):
    """More than a TLS record holds, and more than is read before the core has caught up."""
    async def session():
        async with connect(daemon, "PW", context(keys), bytes.fromhex(KEY)) as station:
            answers = [await station.send("Heartbeat", {}) for _ in range(1000)]
            for answer in answers:
                assert (await asyncio.wait_for(answer, DEADLINE_S))[0] == 3
            long = {"vendorId": "x", "data": "y" * 200000}
            answers = [await station.send("DataTransfer", long) for _ in range(5)]
            for answer in answers:
                await asyncio.wait_for(answer, DEADLINE_S)

    run(session())


def test_reload_renews_and_refuses_what_is_no_good(tmp_path, keys):
    folder = str(tmp_path / "own")
    shutil.copytree(keys, folder)
    grant(folder, "live", "/CN=first")
    files = listener(folder, certificate="own/live.pem", key="own/live.key")

    async def shown(daemon):
        made = context(folder)
        made.check_hostname = False
        reader, writer = await asyncio.open_connection("127.0.0.1", daemon.port, ssl=made)
        subject = writer.get_extra_info("peercert")["subject"]
        writer.close()
        return subject[0][0][1]

    async def session(daemon):
        loop = asyncio.get_running_loop()
        assert await shown(daemon) == "first"
        async with connect(daemon, "PW", context(folder), bytes.fromhex(KEY)) as station:
            grant(folder, "live", "/CN=second")
            daemon.process.send_signal(signal.SIGHUP)
            await loop.run_in_executor(None, lambda: daemon.log.wait("configuration.reloaded", result="done"))
            assert await shown(daemon) == "second"

            shutil.copy(f"{folder}/station.key", f"{folder}/live.key")
            daemon.process.send_signal(signal.SIGHUP)
            await loop.run_in_executor(None, lambda: daemon.log.wait("configuration.reloaded", result="refused"))
            assert "listeners[0].tls.key" in daemon.log.text()
            assert await shown(daemon) == "second"
            assert "currentTime" in await station.call("Heartbeat", {})

    with Daemon(tmp_path, PLUGINS, listeners=files) as daemon:
        run(session(daemon))


def test_health_tells_of_the_end(tmp_path, keys):
    grant(keys, "soon", "/CN=localhost", days=10)
    with Daemon(tmp_path, PLUGINS, listeners=listener(
            keys, certificate=f"{keys}/soon.pem", key=f"{keys}/soon.key")) as daemon:
        assert daemon.log.wait("certificate.ending")["days"] in ("9", "10")
        _, body = daemon.api("GET", "/v1/health")
        found = [check for check in body["checks"] if check.get("check", check.get("name")) == "tls"]
        assert "degraded" in str(found[0]).lower(), body


@pytest.mark.parametrize("change, word", [
    ({"certificate": "none.pem"}, "cannot read"),
    ({"key": ["{}/server-rsa.key", "{}/server.key"]}, "not that of"),
    ({"certificate": "{}/station.pem", "key": "{}/station.key"}, "for TLS servers"),
    ({"client_certificate": "required"}, "client_ca: is needed"),
    ({"ciphers": "RC4-MD5-NONSENSE"}, "ciphers"),
    ({"certificate": None}, "certificate: is required"),
])
def test_check_names_option_and_file(tmp_path, keys, change, word):
    change = {name: [text.format(keys) for text in value] if isinstance(value, list)
              else value and value.format(keys) for name, value in change.items()}
    settings = listener(keys, **change)
    if change.get("certificate", "") is None:
        del settings[0]["tls"]["certificate"]
    elif "certificate" in change and "key" not in change:
        settings[0]["tls"]["key"] = f"{keys}/server.key"
    daemon = Daemon(tmp_path, PLUGINS, listeners=settings)
    status, said = daemon.check()
    assert status == 78, said
    assert word in said and "listeners[0].tls." in said and said.startswith(daemon.config + ":"), said
