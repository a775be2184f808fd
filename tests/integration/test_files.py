# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Files: what stations fetch and send."""

import concurrent.futures
import http.client
import os
import re
import urllib.parse

import pytest
from files_bed import (BIG, COMPLETED, EXPIRED, FETCH, IMAGE, LOG, OPEN, SEND, WITHDRAWN, ask,
                       client, content, daemon, fetch, files_on_disk, kinds, pieces, raw, read_all,
                       send, sha256, show, told, transfer, upload, wait_until)

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

def form(*parts, boundary="b0undary", end="\r\n"):
    out = b""
    for disposition, more, data in parts:
        out += (f"--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n{more}\r\n"
                ).encode() + data + b"\r\n"
    return out + f"--{boundary}--{end}".encode()


FORM = {"Content-Type": "multipart/form-data; boundary=b0undary"}


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
