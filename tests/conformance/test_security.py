# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Cases of the security white paper that need no message of its own: passwords, TLS, subprotocols."""

import base64
import contextlib
import re
import socket
import ssl
import subprocess

import pytest
from harness import DEADLINE_S, raw_request, upgrade_request
from octt import csms, provision
from pki import authority, grant

# That old versions of TLS are refused is part of what is tested.
pytestmark = pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1")

SUITES = ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
          "AES128-GCM-SHA256", "AES256-GCM-SHA384"]
FQDN = "localhost"
HEX_KEY = "000102030405060708090a0b0c0d0e0ff0f1f2f3"
NEW_KEY = "ffeeddccbbaa99887766554433221100"
TEXT_KEY = "a plain text of 20 c"


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("keys"))
    authority(folder, "root")
    grant(folder, "server", f"/O=Operator/CN={FQDN}")
    grant(folder, "server-rsa", f"/O=Operator/CN={FQDN}", kind="rsa")
    return folder


@pytest.fixture(scope="module")
def daemon(tmp_path_factory, keys):
    """One endpoint without TLS, and one with the suites that the white paper asks for."""
    plain = {"address": "127.0.0.1", "port": 0, "path": "/ocpp"}
    tls = {"certificate": [f"{keys}/server.pem", f"{keys}/server-rsa.pem"],
           "key": [f"{keys}/server.key", f"{keys}/server-rsa.key"],
           "client_ca": f"{keys}/root.pem", "client_certificate": "optional",
           "ciphers": "ECDHE+AESGCM:AES128-GCM-SHA256:AES256-GCM-SHA384"}
    with csms(tmp_path_factory.mktemp("conformance"), listeners=[plain, {**plain, "tls": tls}]) as running:
        yield running


def tls_port(daemon):
    return int(daemon.log.wait("listener.opened", tls="1")["address"].rsplit(":", 1)[1])


def tls_context(keys, suite=None, version=None, certificate=None):
    made = ssl.create_default_context(cafile=f"{keys}/root.pem")
    made.minimum_version = version or ssl.TLSVersion.TLSv1_2
    if suite or version:
        made.maximum_version = version or ssl.TLSVersion.TLSv1_2
        made.set_ciphers(suite or "ALL:@SECLEVEL=0")
    if certificate:
        made.load_cert_chain(f"{keys}/{certificate}.pem", f"{keys}/{certificate}.key")
    return made


def credentials(identity, key):
    """As the white paper has it: what is configured as hex is sent as bytes."""
    password = bytes.fromhex(key) if len(key) >= 32 else key.encode()
    return {"Authorization": "Basic " + base64.b64encode(identity.encode() + b":" + password).decode()}


class Endpoint:
    """Where stations of a security profile connect."""

    def __init__(self, daemon, keys, profile):
        self.daemon = daemon
        self.profile = profile
        self.context = tls_context(keys) if profile > 1 else None

    def how(self, identity, key):
        """Arguments for a connection with that password."""
        found = {"extra_headers": credentials(identity, key)}
        if self.context:
            found["url"] = f"wss://127.0.0.1:{tls_port(self.daemon)}/ocpp/{identity}"
            found["ssl"] = self.context
        return found

    def status(self, identity, key=None):
        """The HTTP status of an upgrade."""
        lines = ["Sec-WebSocket-Protocol: ocpp1.6"]
        lines += [f"{name}: {value}" for name, value in (credentials(identity, key) if key else {}).items()]
        request = upgrade_request(f"/ocpp/{identity}", *lines)
        if self.context:
            with handshake(self.daemon, self.context) as secure:
                secure.sendall(request)
                received = secure.recv(4096)
        else:
            received = raw_request(self.daemon, request)
        return int(received.split(b" ", 2)[1])


@contextlib.contextmanager
def handshake(daemon, context):
    with contextlib.closing(socket.create_connection(("127.0.0.1", tls_port(daemon)), DEADLINE_S)) as plain:
        with context.wrap_socket(plain, server_hostname=FQDN) as secure:
            yield secure


@pytest.fixture(params=[1, 2], ids=["profile-1", "profile-2"])
def endpoint(request, daemon, keys):
    return Endpoint(daemon, keys, request.param)


async def profile_of(cp):
    _, body = await cp.daemon.api_async("GET", f"/v1/stations/{cp.identity}")
    return body["connection"]["securityProfile"]


async def test_TC_073_CSMS(cp, operator, endpoint):
    provision(cp.daemon, cp.identity, securityProfile=endpoint.profile, authorizationKey=HEX_KEY)
    body = {"key": "AuthorizationKey", "value": NEW_KEY}
    async with cp.booted(**endpoint.how(cp.identity, HEX_KEY)):
        sent = await operator.request("ChangeConfiguration", body, {"status": "Accepted"})
        assert sent == body and re.fullmatch("([0-9a-f]{2}){16,20}", sent["value"])
    async with cp.online(**endpoint.how(cp.identity, NEW_KEY)):
        await cp.status("Available")
        assert await profile_of(cp) == endpoint.profile
    assert endpoint.status(cp.identity, HEX_KEY) == 401


@pytest.mark.parametrize("key", [HEX_KEY, TEXT_KEY], ids=["hex", "text"])
async def test_TC_085_CSMS(cp, endpoint, key):
    provision(cp.daemon, cp.identity, securityProfile=endpoint.profile, authorizationKey=key)
    assert endpoint.status(cp.identity) == 401
    async with cp.booted(**endpoint.how(cp.identity, key)):
        assert await profile_of(cp) == endpoint.profile


def bits_of(certificate):
    """Size of the public key, and its kind."""
    text = subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-text"], input=certificate,
                          check=True, capture_output=True, timeout=DEADLINE_S).stdout.decode()
    kind = re.search(r"Public Key Algorithm: (\S+)", text)[1]
    return int(re.search(r"Public-Key: \((\d+) bit\)", text)[1]), kind


def check_server(daemon, keys, suite, certificate=None):
    """The handshake with this suite, and what the server shows in it."""
    context = tls_context(keys, suite, certificate=certificate)
    with handshake(daemon, context) as secure:
        assert secure.version() == "TLSv1.2" and secure.cipher()[0] == suite
        shown = secure.getpeercert()
        assert int(shown["serialNumber"], 16) > 0
        assert (("commonName", FQDN),) in shown["subject"]
        bits, kind = bits_of(secure.getpeercert(binary_form=True))
        assert bits >= (224 if kind == "id-ecPublicKey" else 2048)
        assert (kind == "id-ecPublicKey") == ("ECDSA" in suite)


def refuses_old_tls(daemon, keys):
    with pytest.raises((ssl.SSLError, ConnectionError)):
        with handshake(daemon, tls_context(keys, version=ssl.TLSVersion.TLSv1_1)):
            pass


@pytest.mark.parametrize("suite", [*SUITES, None])
async def test_TC_086_CSMS(cp, daemon, keys, suite):
    provision(daemon, cp.identity, securityProfile=2, authorizationKey=HEX_KEY)
    if suite:
        check_server(daemon, keys, suite)
    else:
        refuses_old_tls(daemon, keys)
    how = {**Endpoint(daemon, keys, 2).how(cp.identity, HEX_KEY), "ssl": tls_context(keys, suite)}
    async with cp.booted(**how):
        assert await profile_of(cp) == 2


@pytest.mark.parametrize("suite", [*SUITES, None])
async def test_TC_087_CSMS(cp, daemon, keys, suite):
    provision(daemon, cp.identity, securityProfile=3)
    grant(keys, cp.identity, f"/O=Operator/CN={cp.identity}", "clientAuth")
    if suite:
        check_server(daemon, keys, suite, cp.identity)
    else:
        refuses_old_tls(daemon, keys)
    async with cp.booted(url=f"wss://127.0.0.1:{tls_port(daemon)}/ocpp/{cp.identity}",
                         ssl=tls_context(keys, suite, certificate=cp.identity)):
        assert await profile_of(cp) == 3


async def test_TC_088_CSMS(cp, daemon):
    received = raw_request(daemon, upgrade_request(
        f"/ocpp/{cp.identity}", "Sec-WebSocket-Protocol: ocpp0.1"))
    head, _, rest = received.partition(b"\r\n\r\n")
    # OCPP-J's way to reject: the handshake names no subprotocol, and the connection is closed (1002).
    assert head.startswith(b"HTTP/1.1 101") and b"sec-websocket-protocol" not in head.lower()
    assert rest[0] == 0x88 and int.from_bytes(rest[2:4], "big") == 1002
    async with cp.booted(subprotocols=["ocpp0.1", "ocpp1.6"]):
        assert cp.played.socket.subprotocol == "ocpp1.6"
