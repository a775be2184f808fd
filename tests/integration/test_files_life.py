# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Files: bounds, what is kept, what fails, and the life of the module."""

import contextlib
import http.client
import os
import resource
import signal
import sqlite3
import subprocess
import urllib.parse

import pytest
from files_bed import (COMPLETED, FETCH, IMAGE, LOG, OPEN, SEND, ask, client, configured, content,
                       daemon, fetch, files_on_disk, kinds, pieces, raw, read_all, send, show,
                       ticket, told, transfer, upload, wait_until)
from harness import DEADLINE_S

# -- Bounds ----------------------------------------------------------------------------------------


def test_quota(tmp_path):
    with configured(tmp_path, quota="100000B") as daemon:
        upload(daemon, "half.bin", b"x" * 60000)
        made = send(daemon)
        assert ask(made["url"], "PUT", b"x" * 50000)[0] == 507
        assert told(daemon, made, "broken")["text"] == "the quota or the disk is full"
        with client(made["url"]) as connection:
            connection.request("PUT", urllib.parse.urlsplit(made["url"]).path, pieces(b"x" * 50000),
                               {"Transfer-Encoding": "chunked"}, encode_chunked=True)
            assert connection.getresponse().status == 507
        wait_until(lambda: files_on_disk(daemon, "incoming") == [])
        assert ask(made["url"], "PUT", b"x" * 39000)[0] == 200
        health = daemon.api("GET", "/v1/health")[1]
        assert any("of the quota are used" in str(check.get("text", check)) for check in health["checks"])


def test_no_room_on_the_disk(tmp_path):
    with configured(tmp_path, min_free="1000000GiB") as daemon:
        made = send(daemon)
        assert ask(made["url"], "PUT", LOG)[0] == 507
        assert show(daemon, made)["state"] == OPEN


def test_disk_that_is_full(tmp_path):
    with configured(tmp_path) as daemon:
        made = send(daemon)
        limit = resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
        with client(made["url"]) as connection:
            connection.request("PUT", urllib.parse.urlsplit(made["url"]).path, os.urandom(3 << 20))
            assert connection.getresponse().status == 507
        assert told(daemon, made, "broken")["text"] == "the quota or the disk is full"
        wait_until(lambda: files_on_disk(daemon, "incoming") == [])
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, limit)
        assert ask(made["url"], "PUT", LOG)[0] == 200


def test_image_that_is_damaged_on_disk(tmp_path):
    with configured(tmp_path) as daemon:
        upload(daemon, "image.bin", IMAGE)
        made = fetch(daemon)
        blob = os.path.join(daemon.folder, "files", "store", files_on_disk(daemon, "store")[0])
        os.truncate(blob, 1000)
        assert ask(made["url"])[0] == 500
        assert told(daemon, made, "broken")["text"] == "the disk cannot be read or written"
        os.unlink(blob)
        assert ask(made["url"])[0] == 404
        assert len(daemon.log.events("file.unreadable")) == 2
        assert show(daemon, made)["state"] == OPEN


def test_folder_that_is_in_use(tmp_path):
    with configured(tmp_path) as daemon:
        (tmp_path / "other").mkdir()
        other = configured(tmp_path / "other", path=os.path.join(daemon.folder, "files"))
        other.launch()
        assert other.wait() != 0
        assert "in use by another daemon" in other.log.text()


def test_slow_and_silent_clients(tmp_path):
    with configured(tmp_path, timeout="500ms", min_rate="1MiB") as daemon:
        made = send(daemon)
        silent, path = raw(made["url"])
        slow, _ = raw(made["url"])
        head, _ = raw(made["url"])
        with silent, slow, head:
            head.sendall(b"PUT /u/ HTTP/1.1\r\nHost")
            slow.sendall(f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nx".encode())
            assert read_all(slow) == b""
            assert read_all(silent) == b""
            assert read_all(head) == b""
        assert told(daemon, made, "broken")["text"] == "slower than min_rate"
        wait_until(lambda: files_on_disk(daemon, "incoming") == [])


def test_too_many_connections(tmp_path):
    with configured(tmp_path, max_connections=3) as daemon:
        upload(daemon, "image.bin", IMAGE)
        made = fetch(daemon)
        with contextlib.ExitStack() as stack:
            for _ in range(3):
                stack.enter_context(raw(made["url"])[0])
            wait_until(lambda: ask(made["url"], "HEAD")[0] == 503)
            assert ask(made["url"])[1]["Retry-After"] == "30"
        wait_until(lambda: ask(made["url"])[0] == 200)


def test_too_many_requests_at_one_url(daemon):
    made = transfer(daemon, direction=FETCH, image="big.bin")
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            sock, path = raw(made["url"])
            stack.enter_context(sock)
            sock.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert sock.recv(100).startswith(b"HTTP/1.1 200 ")
        assert ask(made["url"], "HEAD")[0] == 503


def test_too_many_transfers(tmp_path):
    with configured(tmp_path, max_transfers=2) as daemon:
        send(daemon)
        send(daemon)
        assert daemon.api("POST", "/v1/micro/transfers",
                          {"stationId": "CP-1", "direction": SEND})[0] == 429
        assert ticket(daemon, "x.bin")[0] == 429


def test_retention(tmp_path):
    with configured(tmp_path, keep_per_station=2, keep_received="0s") as daemon:
        upload(daemon, "image.bin", IMAGE)
        names = []
        for number in range(4):
            made = send(daemon)
            names.append(f"log-{number}")
            assert ask(made["url"], "PUT", LOG, path=urllib.parse.urlsplit(made["url"]).path +
                       names[-1])[0] == 200
        daemon.stop(signal.SIGTERM)
        daemon.start()
        wait_until(lambda: len(daemon.api("GET", "/v1/files")[1]["items"]) == 3)
        left = [item["name"] for item in daemon.api("GET", "/v1/files")[1]["items"]]
        assert left == ["log-3", "log-2", "image.bin"]
        wait_until(lambda: len(files_on_disk(daemon, "store")) == 3)
        assert len(daemon.log.events("file.deleted", reason="count")) == 2


@contextlib.contextmanager
def database_locked(daemon):
    connection = sqlite3.connect(os.path.join(daemon.folder, "ocppd.db"), isolation_level=None)
    with contextlib.closing(connection):
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")


def test_what_cannot_be_recorded_is_not_acknowledged(tmp_path):
    with configured(tmp_path, more={"storage_sqlite": {"busy_timeout": "100ms"}}) as daemon:
        upload(daemon, "image.bin", IMAGE)
        made = send(daemon)
        down = fetch(daemon)
        with database_locked(daemon):
            assert ask(made["url"], "PUT", LOG)[0] in (503, 507)
            assert files_on_disk(daemon, "incoming") == []
            assert ask(down["url"])[2] == IMAGE
            daemon.log.wait("file_transfer.unstored", transfer=down["id"])
            assert kinds(daemon, down) == []
        told(daemon, down, "completed")

        def again():
            return ask(made["url"], "PUT", LOG)[0] == 200

        wait_until(again)
        told(daemon, made, "completed")
        assert kinds(daemon, down)[-1] == "completed"


# -- Life ------------------------------------------------------------------------------------------


def on_record(daemon, made):
    """How much of it was sent, as the database has it."""
    connection = sqlite3.connect(os.path.join(daemon.folder, "ocppd.db"), timeout=DEADLINE_S)
    with contextlib.closing(connection):
        return connection.execute("SELECT bytes FROM file_hosting_transfer WHERE transfer_id = ?",
                                  (made["id"],)).fetchone()[0]


@pytest.mark.parametrize("signo", [signal.SIGTERM, signal.SIGKILL])
def test_restart_with_open_transfers(tmp_path, signo):
    big = os.urandom(2 << 20)
    with configured(tmp_path) as daemon:
        upload(daemon, "image.bin", big)
        made = fetch(daemon, reference="job")
        sent = send(daemon)
        first = ask(made["url"], headers={"Range": "bytes=0-999999"})[2]
        wait_until(lambda: on_record(daemon, made) == 1000000)
        daemon.stop(signo)
        daemon.start()
        now = show(daemon, made)
        assert (now["state"], now["reference"], now["size"], now["bytes"]) == (OPEN, "job", len(big), 1000000)
        rest = ask(now["url"], headers={"Range": "bytes=1000000-"})[2]
        assert first + rest == big
        told(daemon, made, "completed", state=2)
        assert ask(show(daemon, sent)["url"], "PUT", LOG)[0] == 200
        told(daemon, sent, "completed")


def test_killed_in_the_middle_of_an_upload(tmp_path):
    with configured(tmp_path) as daemon:
        made = send(daemon)
        kept = send(daemon)
        assert ask(kept["url"], "PUT", LOG)[0] == 200
        file_id = show(daemon, kept)["fileId"]
        sock, path = raw(made["url"])
        with sock:
            sock.sendall(f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n".encode() +
                         b"x" * 300000)
            told(daemon, made, "begun")
            wait_until(lambda: len(files_on_disk(daemon, "incoming")) == 1)
            daemon.kill()
        assert len(files_on_disk(daemon, "incoming")) == 1
        # One that came onto record, but was not moved before the end.
        blob = files_on_disk(daemon, "store")[0]
        top = os.path.join(daemon.folder, "files")
        os.rename(os.path.join(top, "store", blob), os.path.join(top, "incoming", blob))
        daemon.start()
        wait_until(lambda: files_on_disk(daemon, "incoming") == [])
        assert files_on_disk(daemon, "store") == [blob]
        assert len(daemon.log.events("file.unfinished")) == 1
        assert content(daemon, file_id) == LOG
        assert ask(show(daemon, made)["url"], "PUT", LOG)[0] == 200
        assert daemon.log.events("files.missing") == daemon.log.events("files.unknown") == []


def test_store_that_is_not_what_the_record_says(tmp_path):
    with configured(tmp_path) as daemon:
        upload(daemon, "one.bin", b"one")
        upload(daemon, "two.bin", b"two")
        daemon.stop()
        store = os.path.join(daemon.folder, "files", "store")
        names = sorted(os.listdir(store))
        os.rename(os.path.join(store, names[0]), os.path.join(store, "0" * 32))
        daemon.start()
        assert daemon.log.wait("files.missing")["count"] == "1"
        assert daemon.log.wait("files.unknown")["count"] == "1"
        assert sorted(os.listdir(store)) == sorted(["0" * 32, names[1]])


def test_stop_waits_for_what_is_under_way(tmp_path):
    with configured(tmp_path, drain="60s") as daemon:
        made = send(daemon)
        idle, _ = raw(made["url"])
        sock, path = raw(made["url"])
        with idle, sock:
            sock.sendall(f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc".encode())
            told(daemon, made, "begun")
            daemon.process.send_signal(signal.SIGTERM)
            assert read_all(idle) == b""
            sock.sendall(b"def")
            assert read_all(sock).startswith(b"HTTP/1.1 200 ")
        assert daemon.wait() == 0
        daemon.process = None
        daemon.start()
        assert show(daemon, made)["state"] == COMPLETED


def test_stop_cuts_at_its_deadline(tmp_path):
    with configured(tmp_path, drain="100ms") as daemon:
        made = send(daemon)
        sock, path = raw(made["url"])
        with sock:
            sock.sendall(f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc".encode())
            told(daemon, made, "begun")
            assert daemon.stop() == 0
            assert read_all(sock) == b""
        assert files_on_disk(daemon, "incoming") == []


def test_reload(tmp_path):
    with configured(tmp_path, public_url="http://a.example/files/") as daemon:
        made = send(daemon)
        assert made["url"].startswith("http://a.example/files/u/")
        daemon.settings["plugins"]["file_hosting"].update(
            {"public_url": "https://b.example:8443", "max_upload": "1000B"})
        daemon.write_config()
        status, _ = daemon.api("POST", "/v1/reload")
        assert status == 200
        assert send(daemon)["url"].startswith("https://b.example:8443/u/")


def test_prefix_of_a_proxy(tmp_path):
    with configured(tmp_path, public_url="http://a.example/files") as daemon:
        status, body = ticket(daemon, "x.bin")
        assert status == 201
        path = urllib.parse.urlsplit(body["url"]).path
        assert path.startswith("/files/u/")
        assert ask(body["localUrl"], "PUT", b"data")[0] == 201
        body = ticket(daemon, "y.bin")[1]
        path = urllib.parse.urlsplit(body["url"]).path
        assert ask(body["localUrl"], "PUT", b"data", path=path)[0] == 201


def test_module_goes_and_comes_back(tmp_path):
    with configured(tmp_path) as daemon:
        upload(daemon, "image.bin", IMAGE)
        made = fetch(daemon)
        plugins = daemon.settings["plugins"]
        hosting, micro = plugins.pop("file_hosting"), plugins.pop("micro_files")
        daemon.write_config()
        assert daemon.api("POST", "/v1/reload")[0] == 200
        assert daemon.api("GET", "/v1/files")[0] == 404
        plugins.update({"file_hosting": hosting, "micro_files": micro})
        daemon.write_config()
        assert daemon.api("POST", "/v1/reload")[0] == 200
        assert ask(show(daemon, made)["url"])[2] == IMAGE
        told(daemon, made, "completed")


@pytest.mark.parametrize("options, why", [
    ({"address": "0.0.0.0"}, "public_url"),
    ({"address": ["127.0.0.1", "::"]}, "public_url"),
    ({"address": "somewhere"}, "no IP address"),
    ({"public_url": "ftp://x.example"}, "public_url"),
    ({"public_url": "http://x.example/?a=b"}, "public_url"),
    ({"public_url": "http://" + "x" * 110}, "public_url"),
    ({"tls": {"key": "/k.pem"}}, "go together"),
])
def test_configuration_that_cannot_be(tmp_path, options, why):
    status, text = configured(tmp_path, **options).check()
    assert status != 0 and why in text


def test_two_addresses(tmp_path):
    with configured(tmp_path, address=["127.0.0.1", "::1"]) as daemon:
        listeners = [event["listener"] for event in daemon.log.events("files.opened")]
        assert len(listeners) == 2 and listeners[1].startswith("[::1]:")
        body = ticket(daemon, "x.bin")[1]
        path = urllib.parse.urlsplit(body["url"]).path
        assert ask(f"http://{listeners[1]}", "PUT", b"data", path=path)[0] == 201


def test_tls(tmp_path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem"),
                    "-days", "2", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    import ssl
    context = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    with configured(tmp_path, tls={"certificate": str(tmp_path / "cert.pem"),
                                   "key": str(tmp_path / "key.pem")}) as daemon:
        body = ticket(daemon, "x.bin")[1]
        assert body["url"].startswith("https://127.0.0.1:") and "localUrl" not in body
        parts = urllib.parse.urlsplit(body["url"])
        for method, path, data in (("PUT", parts.path, IMAGE), ("GET", None, None)):
            if path is None:
                made = transfer(daemon, direction=FETCH, image="x.bin")
                path = urllib.parse.urlsplit(made["url"]).path
            connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=DEADLINE_S,
                                                     context=context)
            with contextlib.closing(connection):
                connection.request(method, path, data)
                answer = connection.getresponse()
                got = answer.read()
                assert answer.status in (200, 201), got
        assert got == IMAGE
        told(daemon, made, "completed")
