# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""What the tests of files share: a daemon that hosts some, HTTP with Python's http.client as the
station, and transfers that a micro module asks for."""

import contextlib
import hashlib
import http.client
import json
import os
import socket
import time
import urllib.parse

import pytest
from harness import DEADLINE_S, Daemon, PLUGINS

MICRO = os.path.normpath(os.path.join(PLUGINS, "..", "tests", "modules", "modules"))
FETCH, SEND = 1, 2
OPEN, COMPLETED, EXPIRED, WITHDRAWN = 1, 2, 3, 4
BIG = os.urandom(1 << 20) * 24  # more than all buffers between two sockets hold
IMAGE = bytes(range(256)) * 1200 + b"end of it"
LOG = b"line of a log\n" * 5000


def configured(folder, more=None, **options):
    return Daemon(folder, {"file_hosting": {"port": 0, "path": str(folder) + "/files", "min_free": "0B",
                                            **options}, "micro_files": {}, **(more or {})},
                  module_dir=[PLUGINS, MICRO])


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with configured(tmp_path_factory.mktemp("files")) as running:
        upload(running, "image.bin", IMAGE, firmwareVersion="2.0", vendor="ACME")
        upload(running, "big.bin", BIG)
        yield running


@contextlib.contextmanager
def client(url):
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=DEADLINE_S)
    try:
        yield connection
    finally:
        connection.close()


def ask(url, method="GET", body=None, headers=None, path=None):
    """Status, headers and body."""
    with client(url) as connection:
        connection.request(method, path or urllib.parse.urlsplit(url).path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def ticket(daemon, name, **more):
    return daemon.api("POST", "/v1/files/images", {"name": name, **more})


def upload(daemon, name, data, **more):
    status, body = ticket(daemon, name, **more)
    assert status == 201, body
    status, _, text = ask(body["url"], "PUT", data)
    assert status == 201, text
    return json.loads(text)


def transfer(daemon, **wanted):
    wanted.setdefault("stationId", "CP-1")
    status, body = daemon.api("POST", "/v1/micro/transfers", wanted)
    assert status == 200, body
    return body


def fetch(daemon, **more):
    return transfer(daemon, direction=FETCH, image="image.bin", **more)


def send(daemon, **more):
    return transfer(daemon, direction=SEND, **more)


def show(daemon, made):
    status, body = daemon.api("GET", f"/v1/micro/transfers?id={made['id']}")
    assert status == 200, body
    return body


def told(daemon, made, kind, **more):
    return daemon.log.wait("micro.told", transfer=made["id"], kind=kind, **more)


def kinds(daemon, made):
    return [event["kind"] for event in daemon.log.events("micro.told", transfer=made["id"])
            if event["kind"] != "progress"]


def content(daemon, file_id):
    status, body = daemon.api("POST", f"/v1/files/{file_id}/download")
    assert status == 200, body
    status, _, data = ask(body["url"])
    assert status == 200
    assert sha256(data) == body["sha256"]
    return data


def files_on_disk(daemon, folder):
    return os.listdir(os.path.join(daemon.folder, "files", folder))


def wait_until(condition):
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)


def raw(url):
    parts = urllib.parse.urlsplit(url)
    sock = socket.create_connection((parts.hostname, parts.port), timeout=DEADLINE_S)
    return sock, parts.path


def read_all(sock):
    data = b""
    with contextlib.suppress(ConnectionError):
        while piece := sock.recv(65536):
            data += piece
    return data


def pieces(data):
    for at in range(0, len(data), 3000):
        yield data[at:at + 3000]
