# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Files: what stations fetch and send, with Python's http.client as the station."""

import concurrent.futures
import contextlib
import hashlib
import http.client
import json
import os
import re
import resource
import signal
import socket
import sqlite3
import subprocess
import time
import urllib.parse

import pytest
from harness import BIN, DEADLINE_S, Daemon, PLUGINS

MICRO = os.path.normpath(os.path.join(PLUGINS, "..", "tests", "modules", "modules"))
FETCH, SEND = 1, 2
OPEN, COMPLETED, EXPIRED, WITHDRAWN = 1, 2, 3, 4
BIG = os.urandom(1 << 20) * 24  # more than all buffers between two sockets hold
IMAGE = bytes(range(256)) * 1200 + b"end of it"


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


# -- HTTP ------------------------------------------------------------------------------------------


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


# -- Fetching --------------------------------------------------------------------------------------


def test_whole(daemon):
    made = fetch(daemon, reference="job-1")
    assert made["url"].endswith("/image.bin") and len(made["url"]) <= 255
    assert made["size"] == len(IMAGE) and not made["begun"]
    status, headers, _ = ask(made["url"], "HEAD")
    assert (status, headers["Content-Length"]) == (200, str(len(IMAGE)))
    assert not show(daemon, made)["begun"]
    status, headers, data = ask(made["url"])
    assert status == 200 and data == IMAGE
    assert headers["Accept-Ranges"] == "bytes"
    assert headers["ETag"] == f'"{sha256(IMAGE)}"'
    assert headers["Content-Disposition"] == 'attachment; filename="image.bin"'
    done = told(daemon, made, "completed")
    assert (done["bytes"], done["reference"], done["state"]) == (str(len(IMAGE)), "job-1", "2")
    assert done["remote"].startswith("127.0.0.1:")
    assert kinds(daemon, made) == ["begun", "completed"]
    assert show(daemon, made)["url"] == ""


def test_again_within_grace_is_not_told(daemon):
    made = fetch(daemon)
    assert ask(made["url"])[2] == IMAGE
    told(daemon, made, "completed")
    assert ask(made["url"])[2] == IMAGE
    assert kinds(daemon, made) == ["begun", "completed"]


@pytest.mark.parametrize("header, status, first, last", [
    ("bytes=0-0", 206, 0, 0),
    ("bytes=100-199", 206, 100, 199),
    ("bytes=1000-", 206, 1000, len(IMAGE) - 1),
    ("bytes=-9", 206, len(IMAGE) - 9, len(IMAGE) - 1),
    ("bytes=-99999999", 206, 0, len(IMAGE) - 1),
    ("bytes=5-99999999", 206, 5, len(IMAGE) - 1),
    ("bytes=9-5", 200, 0, len(IMAGE) - 1),
    ("bytes=0-1,5-6", 200, 0, len(IMAGE) - 1),
    ("lines=1-2", 200, 0, len(IMAGE) - 1),
    (f"bytes={len(IMAGE)}-", 416, 0, 0),
    ("bytes=-0", 416, 0, 0),
])
def test_range(daemon, header, status, first, last):
    made = fetch(daemon)
    got, headers, data = ask(made["url"], headers={"Range": header})
    assert got == status
    if status == 416:
        assert headers["Content-Range"] == f"bytes */{len(IMAGE)}"
        return
    assert data == IMAGE[first:last + 1]
    if status == 206:
        assert headers["Content-Range"] == f"bytes {first}-{last}/{len(IMAGE)}"


def test_if_range(daemon):
    made = fetch(daemon)
    same = {"Range": "bytes=5-9", "If-Range": f'"{sha256(IMAGE)}"'}
    other = {"Range": "bytes=5-9", "If-Range": '"another"'}
    assert ask(made["url"], headers=same)[0] == 206
    assert ask(made["url"], headers=other)[2] == IMAGE


def test_pieces_complete_it(daemon):
    made = fetch(daemon)
    middle = len(IMAGE) // 2
    assert ask(made["url"], headers={"Range": f"bytes={middle}-"})[0] == 206
    wait_until(lambda: show(daemon, made)["bytes"] == len(IMAGE) - middle)
    assert show(daemon, made)["state"] == OPEN
    assert ask(made["url"], headers={"Range": f"bytes=0-{middle + 10}"})[0] == 206
    done = told(daemon, made, "completed")
    assert (done["bytes"], done["attempts"]) == (str(len(IMAGE)), "2")


def test_broken_off_and_resumed(daemon):
    made = transfer(daemon, direction=FETCH, image="big.bin")
    with client(made["url"]) as connection:
        connection.request("GET", urllib.parse.urlsplit(made["url"]).path)
        answer = connection.getresponse()
        begin = answer.read(100000)
        told(daemon, made, "begun")
    assert told(daemon, made, "broken")["text"] == "the connection broke off"
    assert show(daemon, made)["state"] == OPEN
    status, _, rest = ask(made["url"], headers={"Range": f"bytes={len(begin)}-"})
    assert status == 206 and begin + rest == BIG
    told(daemon, made, "completed")


def test_unknown_looks_like_known(daemon):
    made = send(daemon)
    path = urllib.parse.urlsplit(made["url"]).path
    token = path.split("/")[2]
    answers = {ask(made["url"], method, path=where)[::2] for method, where in (
        ("GET", path), ("GET", f"/f/{token}/image.bin"), ("PUT", f"/f/{token}/image.bin"),
        ("GET", "/f/" + "0" * 32 + "/image.bin"), ("PUT", "/u/" + "0" * 32 + "/"),
        ("POST", "/u/short"), ("GET", "/"), ("GET", "/etc/passwd"), ("GET", "/f/../../etc/passwd"),
        ("GET", f"/f/{token[:31]}g/x"))}
    assert answers == {(404, b"Not Found\n")}
    assert ask(made["url"], "DELETE")[0] == 405
    assert show(daemon, made)["attempts"] == 0


def test_expiry(daemon):
    made = fetch(daemon, milliseconds=300)
    told(daemon, made, "expired")
    assert ask(made["url"])[0] == 404
    assert show(daemon, made)["state"] == EXPIRED
    assert kinds(daemon, made) == ["expired"]


def test_extend_and_withdraw(daemon):
    made = fetch(daemon, milliseconds=60000)
    assert daemon.api("PUT", f"/v1/micro/transfers?id={made['id']}&milliseconds=400")[0] == 204
    told(daemon, made, "expired")
    other = fetch(daemon)
    assert daemon.api("PUT", f"/v1/micro/transfers?id={other['id']}")[0] == 204
    told(daemon, other, "withdrawn")
    assert ask(other["url"])[0] == 404
    assert show(daemon, other)["state"] == WITHDRAWN
    assert daemon.api("PUT", f"/v1/micro/transfers?id={other['id']}")[0] == 404


def test_withdrawn_while_under_way(daemon):
    made = transfer(daemon, direction=FETCH, image="big.bin")
    with client(made["url"]) as connection:
        connection.request("GET", urllib.parse.urlsplit(made["url"]).path)
        answer = connection.getresponse()
        answer.read(1000)
        status, _ = daemon.api("DELETE", f"/v1/files/transfers/{made['id']}")
        assert status == 204
        with pytest.raises(http.client.IncompleteRead):
            answer.read()
    told(daemon, made, "withdrawn")
    assert daemon.api("DELETE", f"/v1/files/transfers/{made['id']}")[0] == 409


@pytest.mark.parametrize("wrong", [
    {"direction": 3}, {"stationId": ""}, {"milliseconds": 0}, {"reference": "r" * 65},
    {"direction": SEND, "kind": "No Such"}, {"direction": SEND, "maxBytes": -1},
    {"milliseconds": 367 * 86400 * 1000},
])
def test_request_that_breaks_a_rule(daemon, wrong):
    body = {"stationId": "CP-1", "direction": FETCH, "image": "image.bin", **wrong}
    assert daemon.api("POST", "/v1/micro/transfers", body)[0] == 400


def test_no_such_file(daemon):
    body = {"stationId": "CP-1", "direction": FETCH, "fileId": 999999}
    assert daemon.api("POST", "/v1/micro/transfers", body)[0] == 404
    assert daemon.api("GET", "/v1/micro/transfers?id=999999")[0] == 404
    assert daemon.api("GET", "/v1/micro/files?id=999999")[0] == 404


# -- Sending ---------------------------------------------------------------------------------------

LOG = b"line of a log\n" * 5000


def form(*parts, boundary="b0undary", end="\r\n"):
    out = b""
    for disposition, more, data in parts:
        out += (f"--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n{more}\r\n"
                ).encode() + data + b"\r\n"
    return out + f"--{boundary}--{end}".encode()


FORM = {"Content-Type": "multipart/form-data; boundary=b0undary"}


def pieces(data):
    for at in range(0, len(data), 3000):
        yield data[at:at + 3000]


@pytest.mark.parametrize("method, path, headers, body, name", [
    ("PUT", "", {}, LOG, None),
    ("PUT", "diag.zip", {}, LOG, "diag.zip"),
    ("PUT", "/diag.zip", {}, LOG, "diag.zip"),
    ("POST", "", {"Content-Disposition": 'attachment; filename="a b.log"'}, LOG, "a_b.log"),
    ("POST", "x.log", {"Content-Type": "application/x-www-form-urlencoded"}, LOG, "x.log"),
    ("PUT", "", {"Content-Disposition": "attachment; filename=C:\\logs\\x.log; a=b"}, LOG, "x.log"),
    ("PUT", "..%2f..%2fetc%2fpasswd", {}, LOG, "passwd"),
    ("PUT", "../../../etc/shadow", {}, LOG, "shadow"),
    ("PUT", ".hidden", {}, LOG, "hidden"),
    ("PUT", "%00%0a%0d<script>", {}, LOG, None),
    ("PUT", "n" * 180 + ".tar", {}, LOG, "n" * 96 + ".tar"),
    ("POST", "", FORM, form(('name="file"; filename="one.log"', "", LOG)), "one.log"),
    ("POST", "", FORM, form(('name="note"', "", b"hello"),
                            ('name="file"; filename="..\\..\\two.log"',
                             "Content-Type: text/plain\r\n", LOG)), "two.log"),
    ("POST", "", FORM, form(('name="f"; filename="three.log"', "", LOG), end=""), "three.log"),
    ("POST", "", FORM, form(('name="f"', "Content-Type: application/zip\r\n", LOG)), None),
    ("POST", "named.log", FORM, form(('name="f"; filename="x.log"', "", LOG)), "named.log"),
    ("PUT", "chunked.log", {"Transfer-Encoding": "chunked"}, LOG, "chunked.log"),
    ("PUT", "polite.log", {"Expect": "100-continue"}, LOG, "polite.log"),
])
def test_ways_of_sending(daemon, method, path, headers, body, name):
    made = send(daemon, reference="job-2")
    assert made["url"].endswith("/") and made["fileId"] == 0
    where = urllib.parse.urlsplit(made["url"]).path + path
    chunked = "Transfer-Encoding" in headers
    with client(made["url"]) as connection:
        connection.request(method, where, pieces(body) if chunked else body, headers,
                           encode_chunked=chunked)
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        answer.read()
    done = told(daemon, made, "completed")
    if name is None:
        assert re.fullmatch(r"diagnostics-\d{8}T\d{6}Z|_+script_", done["name"])
    else:
        assert done["name"] == name
    assert (done["files"], done["bytes"]) == ("1", str(len(LOG)))
    assert kinds(daemon, made) == ["begun", "completed"]
    now = show(daemon, made)
    assert (now["state"], now["fileId"]) == (COMPLETED, int(done["file"]))
    assert content(daemon, done["file"]) == LOG
    status, stored = daemon.api("GET", f"/v1/files/{done['file']}")
    assert status == 200
    assert (stored["stationId"], stored["reference"], stored["sha256"], stored["transferId"]) == (
        "CP-1", "job-2", sha256(LOG), made["id"])
    assert ask(made["url"], "PUT", LOG)[0] == 404


def test_name_right_behind_the_token(daemon):
    made = send(daemon)
    where = urllib.parse.urlsplit(made["url"]).path.rstrip("/") + "glued.log"
    assert ask(made["url"], "PUT", LOG, path=where)[0] == 200
    assert told(daemon, made, "completed")["name"] == "glued.log"


def test_several_files_in_one_form(daemon):
    made = send(daemon, kind="log")
    body = form(('name="a"; filename="a.log"', "", b"A" * 70000), ('name="b"; filename="b.log"', "", b""),
                ('name="c"; filename="c.log"', "", b"C"))
    assert ask(made["url"], "POST", body, FORM)[0] == 200
    assert told(daemon, made, "completed")["files"] == "2"
    status, listed = daemon.api("GET", "/v1/files?kind=log&stationId=CP-1")
    assert status == 200
    assert [(item["name"], item["size"]) for item in listed["items"]] == [("c.log", 1), ("a.log", 70000)]


@pytest.mark.parametrize("headers, body", [
    ({}, b""),
    (FORM, form(('name="note"', "", b"hello"))),
    (FORM, form(('name="f"; filename="x"', "", b"data"))[:-20]),
    ({"Content-Type": "multipart/form-data"}, b"no boundary"),
    (FORM, b"no form at all"),
])
def test_body_without_a_file(daemon, headers, body):
    made = send(daemon)
    assert ask(made["url"], "POST", body, headers)[0] == 400
    assert told(daemon, made, "broken")["text"] == "the request's body holds no file"
    assert show(daemon, made)["state"] == OPEN
    assert ask(made["url"], "PUT", LOG)[0] == 200


def test_too_large(daemon):
    made = send(daemon, maxBytes=1000)
    assert ask(made["url"], "PUT", b"x" * 1001)[0] == 413
    assert told(daemon, made, "broken")["text"] == "the file is too large"
    with client(made["url"]) as connection:
        connection.request("PUT", urllib.parse.urlsplit(made["url"]).path, pieces(b"x" * 4000),
                           {"Transfer-Encoding": "chunked"}, encode_chunked=True)
        assert connection.getresponse().status == 413
    assert ask(made["url"], "POST", form(('name="f"; filename="x"', "", b"x" * 1001)), FORM)[0] == 413
    assert ask(made["url"], "PUT", b"x" * 1000)[0] == 200
    wait_until(lambda: files_on_disk(daemon, "incoming") == [])


def test_too_large_is_refused_before_it_is_sent(daemon):
    made = send(daemon, maxBytes=1000)
    sock, path = raw(made["url"])
    with sock:
        sock.sendall(f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n"
                     "Expect: 100-continue\r\n\r\n".encode())
        assert read_all(sock).startswith(b"HTTP/1.1 413 ")


def test_broken_off_upload_leaves_nothing(daemon):
    made = send(daemon)
    sock, path = raw(made["url"])
    with sock:
        sock.sendall(f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n".encode() +
                     b"x" * 50000)
        told(daemon, made, "begun")
        wait_until(lambda: len(files_on_disk(daemon, "incoming")) == 1)
    assert told(daemon, made, "broken")["text"] == "the connection broke off"
    wait_until(lambda: files_on_disk(daemon, "incoming") == [])
    assert ask(made["url"], "PUT", LOG)[0] == 200


def test_simple_clients(daemon):
    made = fetch(daemon)
    sock, path = raw(made["url"])
    with sock:
        sock.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        assert read_all(sock).endswith(IMAGE)
    sent = send(daemon)
    sock, path = raw(sent["url"])
    with sock:
        sock.sendall(f"PUT {path}old.log HTTP/1.0\nCONTENT-LENGTH: 4\n\nabcd".encode())
        assert b" 200 " in read_all(sock).splitlines()[0]
    assert told(daemon, sent, "completed")["name"] == "old.log"


def test_file_and_transfer_on_one_connection(daemon):
    made = fetch(daemon)
    sent = send(daemon)
    with client(made["url"]) as connection:
        for method, url, body, wanted in (
                ("HEAD", made["url"], None, b""), ("GET", made["url"], None, IMAGE),
                ("PUT", sent["url"], LOG, b"Received\n"), ("PUT", sent["url"], LOG, b"Not Found\n")):
            connection.request(method, urllib.parse.urlsplit(url).path, body)
            assert connection.getresponse().read() == wanted


def test_many_at_a_time(daemon):
    upload(daemon, "many.bin", os.urandom(1 << 20))

    def one(number):
        if number % 3 == 0:
            made = transfer(daemon, direction=FETCH, image="many.bin")
            status = ask(made["url"])[0]
        elif number % 3 == 1:
            made = send(daemon)
            status = ask(made["url"], "PUT", LOG * 4)[0]
        else:
            made = send(daemon)
            daemon.api("PUT", f"/v1/micro/transfers?id={made['id']}")
            status = ask(made["url"], "PUT", LOG)[0]
        return number % 3, made, status

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        results = list(pool.map(one, range(48)))
    for kind, made, status in results:
        assert status == (404 if kind == 2 else 200)
        told(daemon, made, "withdrawn" if kind == 2 else "completed")
    assert files_on_disk(daemon, "incoming") == []


# -- Images and operators --------------------------------------------------------------------------


def test_image_is_listed_and_described(daemon):
    stored = upload(daemon, "signed.bin", b"signed", firmwareVersion="3.1", vendor="ACME", model="Box", note="beta",
                    signature="c2lnbg==", certificate="-----BEGIN", sha256=sha256(b"signed").upper())
    assert stored["kind"] == "firmware" and stored["requester"].startswith("uid:")
    status, body = daemon.api("GET", f"/v1/files/{stored['fileId']}")
    assert status == 200 and body["sha256"] == sha256(b"signed")
    for name, value in (("firmwareVersion", "3.1"), ("vendor", "ACME"), ("model", "Box"), ("note", "beta"),
                        ("signature", "c2lnbg=="), ("certificate", "-----BEGIN"), ("size", 6)):
        assert body[name] == value
    names = daemon.api("GET", "/v1/micro/images")[1]["names"]
    assert "signed.bin" in names and names == sorted(names)
    assert ticket(daemon, "signed.bin")[0] == 409


@pytest.mark.parametrize("name", ["../up", "a/b", ".dot", "", "ä", "a b"])
def test_bad_image_name(daemon, name):
    assert ticket(daemon, name)[0] == 422


def test_unexpected_digest(daemon):
    status, body = ticket(daemon, "wrong.bin", sha256="0" * 64)
    assert status == 201
    status, _, text = ask(body["url"], "PUT", b"data")
    assert status == 422 and b"SHA-256" in text
    assert ticket(daemon, "wrong.bin", sha256="00")[0] == 422


def test_two_uploads_of_one_name(daemon):
    first = ticket(daemon, "twice.bin")[1]
    second = ticket(daemon, "twice.bin")[1]
    assert ask(first["url"], "PUT", b"one")[0] == 201
    assert ask(second["url"], "PUT", b"two")[0] == 409
    assert ask(first["url"], "PUT", b"one")[0] == 404
    assert [name for name in daemon.api("GET", "/v1/micro/images")[1]["names"] if name == "twice.bin"]


def test_download_url_is_good_for_one_time(daemon):
    stored = upload(daemon, "once.bin", b"once")
    body = daemon.api("POST", f"/v1/files/{stored['fileId']}/download")[1]
    assert (body["name"], body["size"], body["sha256"]) == ("once.bin", 4, sha256(b"once"))
    assert ask(body["url"])[2] == b"once"
    wait_until(lambda: ask(body["url"])[0] == 404)


def test_delete(daemon):
    stored = upload(daemon, "gone.bin", b"gone")
    made = transfer(daemon, direction=FETCH, image="gone.bin")
    status, body = daemon.api("DELETE", f"/v1/files/{stored['fileId']}")
    assert status == 409 and body["type"].endswith("in-use")
    assert ask(made["url"])[0] == 200
    told(daemon, made, "completed")
    before = len(files_on_disk(daemon, "store"))
    assert daemon.api("DELETE", f"/v1/files/{stored['fileId']}")[0] == 204
    wait_until(lambda: len(files_on_disk(daemon, "store")) == before - 1)
    assert daemon.api("DELETE", f"/v1/files/{stored['fileId']}")[0] == 404
    assert daemon.api("GET", f"/v1/files/{stored['fileId']}")[0] == 404
    assert "gone.bin" not in daemon.api("GET", "/v1/micro/images")[1]["names"]
    upload(daemon, "gone.bin", b"another")


def test_import(daemon):
    folder = os.path.join(daemon.folder, "files", "import")
    with open(os.path.join(folder, "disk.bin"), "wb") as file:
        file.write(b"from the disk")
    os.symlink("/etc/passwd", os.path.join(folder, "link.bin"))
    status, body = daemon.api("POST", "/v1/files/images/import",
                              {"file": "disk.bin", "name": "imported.bin", "firmwareVersion": "9"})
    assert status == 201 and body["sha256"] == sha256(b"from the disk"), body
    assert content(daemon, body["fileId"]) == b"from the disk"
    assert os.listdir(folder) == ["link.bin"]
    for name, status in (("disk.bin", 404), ("link.bin", 404), ("../ocppd.db", 422)):
        assert daemon.api("POST", "/v1/files/images/import",
                          {"file": name, "name": "not.bin"})[0] == status
    assert "not.bin" not in daemon.api("GET", "/v1/micro/images")[1]["names"]


def test_pages(daemon):
    first = daemon.api("GET", "/v1/files?limit=2")[1]
    assert len(first["items"]) == 2
    second = daemon.api("GET", f"/v1/files?limit=2&after={first['next']}")[1]
    assert second["items"][0]["fileId"] < first["items"][1]["fileId"]
    listed = daemon.api("GET", "/v1/files/transfers?state=open&limit=1000")[1]["items"]
    assert listed and all(item["state"] == "open" for item in listed)
    assert not any("url" in item for item in listed)
    one = daemon.api("GET", f"/v1/files/transfers/{listed[0]['transferId']}")
    assert one == (200, listed[0])
    assert daemon.api("GET", "/v1/files/transfers?stationId=CP-9")[1]["items"] == []
    assert daemon.api("GET", "/v1/files/transfers/0")[0] == 404
    assert daemon.api("GET", "/v1/files?after=x")[0] == 400


def test_modes_of_what_is_on_disk(daemon):
    top = os.path.join(daemon.folder, "files")
    for folder in ("", "incoming", "store", "import"):
        assert os.stat(os.path.join(top, folder)).st_mode & 0o777 == 0o700
    for name in files_on_disk(daemon, "store"):
        assert os.stat(os.path.join(top, "store", name)).st_mode & 0o777 == 0o600


def ocppctl(daemon, *args, data=None):
    return subprocess.run([os.path.join(BIN, "ocppctl"), "--socket", daemon.socket, *args], input=data,
                          capture_output=True, timeout=DEADLINE_S, check=False, cwd=daemon.folder)


def test_ocppctl(daemon, tmp_path):
    data = os.urandom(300000)
    source = tmp_path / "fw.bin"
    source.write_bytes(data)
    done = ocppctl(daemon, "files", "upload", str(source), "ctl.bin", "--firmwareVersion", "7")
    assert done.returncode == 0, done.stderr
    stored = json.loads(done.stdout)
    assert (stored["sha256"], stored["firmwareVersion"]) == (sha256(data), "7")
    assert b"ctl.bin" in ocppctl(daemon, "files", "--kind", "firmware").stdout
    target = tmp_path / "back.bin"
    done = ocppctl(daemon, "files", "get", str(stored["fileId"]), "-o", str(target))
    assert done.returncode == 0, done.stderr
    assert target.read_bytes() == data
    assert ocppctl(daemon, "files", "get", str(stored["fileId"]), "-o", str(target)).returncode == 1
    assert ocppctl(daemon, "files", "get", str(stored["fileId"]), "-o", "-").stdout == data
    done = ocppctl(daemon, "files", "get", str(stored["fileId"]))
    assert done.returncode == 0
    with open(os.path.join(daemon.folder, "ctl.bin"), "rb") as file:
        assert file.read() == data
    assert ocppctl(daemon, "files", "upload", str(source), "ctl.bin").returncode == 6
    assert ocppctl(daemon, "files", "upload", str(tmp_path / "no"), "no.bin").returncode == 1
    assert ocppctl(daemon, "files", "upload", "-", "in.bin", data=b"piped").returncode == 0
    # Without a name of its own it has the file's; what is given by name is not asked for in its turn.
    assert ocppctl(daemon, "files", "upload", str(source)).returncode == 0
    assert ocppctl(daemon, "files", "upload", "name=named.bin", str(source)).returncode == 0
    names = [item["name"] for item in daemon.api("GET", "/v1/files")[1]["items"]]
    assert source.name in names and "named.bin" in names
    assert ocppctl(daemon, "files", "get", "999999").returncode == 7
    assert ocppctl(daemon, "files", "upload").returncode == 1
    assert b"files upload file [name] [vendor]" in ocppctl(daemon, "help").stdout
    assert ocppctl(daemon, "files", "delete", str(stored["fileId"])).returncode == 0


def test_roles_and_ocppctl_from_afar(tmp_path):
    roles = {"viewer": "viewer-token-0123456", "operator": "operator-token-0123456"}
    tokens = [{"name": role, "role": role, "token": token} for role, token in roles.items()]
    with configured(tmp_path, more={"http_api": {"tcp": True, "port": 0, "tokens": tokens}}) as daemon:
        stored = upload(daemon, "image.bin", IMAGE)
        made = fetch(daemon)
        api = next(event["listener"] for event in daemon.log.events("http.opened")
                   if event["listener"].startswith("127."))

        def status(role, method, path, body=None):
            headers = {"Authorization": "Bearer " + roles[role], "Content-Type": "application/json"}
            return ask(f"http://{api}", method, body and json.dumps(body), headers, path)[0]

        file = f"/v1/files/{stored['fileId']}"
        for role, allowed in (("viewer", False), ("operator", True)):
            assert status(role, "GET", "/v1/files") == status(role, "GET", file) == 200
            assert status(role, "GET", "/v1/files/transfers") == 200
            for method, path, body, wanted in (
                    ("POST", file + "/download", None, 200),
                    ("POST", "/v1/files/images", {"name": "x.bin"}, 201),
                    ("POST", "/v1/files/images/import", {"name": "x.bin", "file": "no"}, 404),
                    ("DELETE", f"/v1/files/transfers/{made['id']}", None, 204),
                    ("DELETE", file, None, 204)):
                assert status(role, method, path, body) == (wanted if allowed else 403), path
        source = tmp_path / "afar.bin"
        source.write_bytes(IMAGE)
        for args, wanted in ((["upload", str(source), "afar.bin"], 0), (["get", "2", "-o", "back.bin"], 0)):
            done = subprocess.run([os.path.join(BIN, "ocppctl"), "--url", f"http://{api}", "--token",
                                   roles["operator"], "files", *args], capture_output=True,
                                  timeout=DEADLINE_S, check=False, cwd=tmp_path)
            assert done.returncode == wanted, done.stderr
        assert (tmp_path / "back.bin").read_bytes() == IMAGE


def test_metrics(tmp_path):
    with configured(tmp_path, more={"metrics": {}}) as daemon:
        upload(daemon, "image.bin", IMAGE)
        made = fetch(daemon)
        assert ask(made["url"])[0] == 200
        told(daemon, made, "completed")
        assert ask(made["url"], path="/f/nothing")[0] == 404
        done = send(daemon)
        assert ask(done["url"], "PUT", LOG)[0] == 200

        def has(*lines):
            text = subprocess.run([os.path.join(BIN, "ocppctl"), "--socket", daemon.socket, "metrics"],
                                  capture_output=True, text=True, timeout=DEADLINE_S, check=True).stdout
            return all(line in text.splitlines() for line in lines)

        wait_until(lambda: has(
            f"ocppd_files_served_bytes_total {len(IMAGE)}",
            f"ocppd_files_received_bytes_total {len(IMAGE) + len(LOG)}",
            f"ocppd_files_used_bytes {len(IMAGE) + len(LOG)}",
            'ocppd_files_stored_total{kind="image"} 1', 'ocppd_files_stored_total{kind="received"} 1',
            'ocppd_files_failures_total{reason="unknown"} 1',
            'ocppd_file_transfer_changes_total{change="completed"} 2',
            "ocppd_files_connections 0"))


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
