# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""The operator API and ocppctl over real sockets: who may do what, what is refused and how, and that no
asker, however slow or many, keeps another one waiting."""

import contextlib
import hashlib
import http.client
import json
import os
import re
import socket
import subprocess
import time

import pytest
from harness import BIN, DEADLINE_S, Daemon, parse_log

VIEWER = "viewer-token-0123456"
OPERATOR = "operator-token-0123456"
HASHED = "hashed-token-0123456"
ONLY_API = {"ocpp16_core": None, "storage_sqlite": None, "stations": None, "id_tags": None}


def with_api(folder, **options):
    api = {"tcp": True, "port": 0, "request_timeout": "1s", "idle_timeout": "30s", "tokens": [
        {"name": "viewer", "role": "viewer", "token": VIEWER},
        {"name": "operator", "role": "operator", "token": OPERATOR},
        {"name": "hashed", "role": "admin",
         "token": "sha256:" + hashlib.sha256(HASHED.encode()).hexdigest()},
    ]}
    api.update(options)
    return Daemon(folder, {**ONLY_API, "http_api": api})


def api_port(daemon):
    for fields in daemon.log.events("http.opened"):
        match = re.fullmatch(r"127\.0\.0\.1:(\d+)", fields["listener"])
        if match:
            return int(match.group(1))
    raise AssertionError("no API port in the log")


def connect(daemon):
    made = socket.create_connection(("127.0.0.1", api_port(daemon)), timeout=DEADLINE_S)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def read_all(sock):
    data = b""
    while True:
        piece = sock.recv(65536)
        if not piece:
            return data
        data += piece


def raw(daemon, data):
    """Sends bytes, then no more, and returns all that comes back."""
    with connect(daemon) as sock:
        sock.sendall(data)
        return read_all(sock)


def status_of(answer):
    assert answer.startswith(b"HTTP/1.1 "), answer
    return int(answer[9:12])


def body_of(answer):
    return json.loads(answer.split(b"\r\n\r\n", 1)[1])


def ask(daemon, method, path, token=None, body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", api_port(daemon), timeout=DEADLINE_S)
    sent = dict(headers or {})
    if token is not None:
        sent["Authorization"] = "Bearer " + token
    connection.request(method, path, body, sent)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, json.loads(text) if text else None, answer.headers


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with with_api(tmp_path_factory.mktemp("api")) as running:
        yield running


ROLES = [
    ("health for anybody", None, "GET", "/v1/health", 200),
    ("health with a wrong token", "wrong-token-0123456", "GET", "/v1/health", 200),
    ("no token", None, "GET", "/v1/plugins", 401),
    ("wrong token", "wrong-token-0123456", "GET", "/v1/plugins", 401),
    ("prefix of a token", VIEWER[:-1], "GET", "/v1/plugins", 401),
    ("unknown path without token", None, "GET", "/v1/nothing", 401),
    ("viewer reads", VIEWER, "GET", "/v1/plugins", 200),
    ("viewer sends", VIEWER, "POST", "/v1/stations/CP-1/commands/Reset", 403),
    ("viewer reloads", VIEWER, "POST", "/v1/reload", 403),
    ("operator sends", OPERATOR, "POST", "/v1/stations/CP-1/commands/Reset", 404),
    ("operator reloads", OPERATOR, "POST", "/v1/reload", 403),
    ("hashed admin reloads", HASHED, "POST", "/v1/reload", 200),
    ("unknown path", VIEWER, "GET", "/v1/nothing", 404),
    ("wrong method", VIEWER, "DELETE", "/v1/plugins", 405),
    ("unknown parameter", VIEWER, "GET", "/v1/actions?protcol=x", 400),
]


@pytest.mark.parametrize("label,token,method,path,status", ROLES, ids=[row[0] for row in ROLES])
def test_role(daemon, label, token, method, path, status):
    got, body, headers = ask(daemon, method, path, token)
    assert got == status, body
    if status == 401:
        assert headers["WWW-Authenticate"].startswith("Bearer")
    if status == 405:
        assert headers["Allow"] == "GET, HEAD"
    if status >= 400:
        assert headers["Content-Type"] == "application/problem+json"
        assert body["status"] == status and body["type"].startswith("urn:ocppd:problem:")
        assert body["title"] and body["detail"]


def test_unknown_parameter_names_the_nearest(daemon):
    assert "did you mean protocol?" in ask(daemon, "GET", "/v1/actions?protcol=x", VIEWER)[1]["detail"]


def test_secrets_are_not_logged(daemon):
    ask(daemon, "GET", "/v1/plugins", "wrong-token-6543210")
    for secret in (VIEWER, OPERATOR, HASHED, "wrong-token-6543210"):
        assert secret not in daemon.log.text()


def test_anonymous_health_tells_levels_only(daemon):
    anonymous = ask(daemon, "GET", "/v1/health")[1]
    assert anonymous["status"] in ("ok", "degraded") and "listeners" not in anonymous
    assert ask(daemon, "GET", "/v1/health", VIEWER)[1]["listeners"][0]["path"] == "/ocpp"


BODIES = [
    ("no JSON", "{", {}, 400),
    ("list", "[]", {}, 400),
    ("trailing text", "{} x", {}, 400),
    ("NUL", '{"path":"/a\\u0000b"}', {}, 400),
    ("escaped backslash is no NUL", '{"path":"/a\\\\u0000b"}', {}, 501),
    ("invalid UTF-8", b'{"path":"/\xff"}', {}, 400),
    ("32 levels too deep", '{"path":' + "[" * 40 + "]" * 40 + "}", {}, 400),
    ("no member is required", "{}", {}, 501),
    ("unknown member", '{"path":"/a","x":1}', {}, 400),
    ("wrong type", '{"path":1}', {}, 400),
    ("form", '{"path":"/a"}', {"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ("charset", '{"path":"/a"}', {"Content-Type": "application/json; charset=utf-8"}, 501),
    ("compressed", b"\x1f\x8b\x08\x00", {"Content-Encoding": "gzip"}, 415),
    ("not encoded", '{"path":"/a"}', {"Content-Encoding": "identity"}, 501),
    ("no storage", '{"path":"/a"}', {}, 501),
]


@pytest.mark.parametrize("label,body,headers,status", BODIES, ids=[row[0] for row in BODIES])
def test_body(daemon, label, body, headers, status):
    headers = {"Content-Type": "application/json", **headers}
    got, answer, _ = ask(daemon, "POST", "/v1/backup", HASHED, body, headers)
    assert got == status, answer


def test_what_encodings_are_taken_is_told(daemon):
    status, answer, headers = ask(daemon, "POST", "/v1/backup", HASHED, b"\x1f\x8b", {
        "Content-Type": "application/json", "Content-Encoding": "gzip"})
    assert status == 415 and answer["type"] == "urn:ocppd:problem:unsupported-encoding"
    assert "gzip" in answer["detail"] and headers["Accept-Encoding"] == "identity"


def test_missing_member(daemon):
    status, answer, _ = ask(daemon, "POST", "/v1/tokens", HASHED, '{"name":"x"}',
                            {"Content-Type": "application/json"})
    assert status == 400 and "role" in answer["detail"], answer


MALFORMED = [
    ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", 400),
    ("no host", b"GET /v1/health HTTP/1.1\r\n\r\n", 400),
    ("HTTP/2", b"GET /v1/health HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    ("two lengths", b"POST /v1/reload HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", 400),
    ("chunked", b"POST /v1/reload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
    ("bare line feeds", b"GET /v1/health HTTP/1.1\nHost: a\r\n\r\n", 400),
    ("NUL in the path", b"GET /v1/%00 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 400),
    ("head too large", b"GET /v1/health HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 16384, 431),
    ("body too large", b"POST /v1/backup HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + HASHED.encode()
     + b"\r\nContent-Length: 1048577\r\n\r\n", 413),
    ("body of a GET", b"GET /v1/health HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", 400),
]


@pytest.mark.parametrize("label,data,status", MALFORMED, ids=[row[0] for row in MALFORMED])
def test_malformed(daemon, label, data, status):
    answer = raw(daemon, data)
    assert status_of(answer) == status, answer
    assert b"application/problem+json" in answer
    assert body_of(answer)["status"] == status


def test_head_has_no_body(daemon):
    answer = raw(daemon, b"HEAD /v1/health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    head, body = answer.split(b"\r\n\r\n", 1)
    assert status_of(answer) == 200 and body == b""
    assert int(re.search(rb"Content-Length: (\d+)", head).group(1)) > 0


def test_head_of_a_stream_is_all_of_its_answer(daemon):
    """Or it would hold a follower's place, and what comes behind it would wait for ever."""
    answer = raw(daemon, b"HEAD /v1/events HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n\r\n"
                         b"GET /v1/health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % HASHED.encode())
    head, rest = answer.split(b"\r\n\r\n", 1)
    assert status_of(head) == 200 and b"Content-Type: text/event-stream" in head
    assert status_of(rest) == 200 and b'"live":true' in rest


def test_pipelined_requests_are_answered_in_order(daemon):
    request = b"GET /v1/%s HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + VIEWER.encode() + b"\r\n"
    answer = raw(daemon, request % b"health" + b"\r\n" + request % b"version" + b"\r\n"
                 + request % b"plugins" + b"Connection: close\r\n\r\n")
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert answer.index(b'"checks"') < answer.index(b'"moduleInterface"') < answer.index(b'"items"')


def test_continue_is_sent_before_the_body(daemon):
    with connect(daemon) as sock:
        sock.sendall(b"POST /v1/backup HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + HASHED.encode()
                     + b"\r\nContent-Length: 13\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
        assert sock.recv(1024) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b'{"path":"/a"}')
        assert status_of(read_all(sock)) == 501


def test_slow_request_ends_at_its_deadline(daemon):
    """Bytes keep coming, so that a timeout between bytes would never strike."""
    with connect(daemon) as sock:
        begun = time.monotonic()
        sock.sendall(b"GET /v1/health HTTP/1.1\r\nHost: a\r\nX: ")
        sock.settimeout(0.1)
        answer = b""
        while not answer and time.monotonic() - begun < DEADLINE_S:
            try:
                sock.sendall(b"a")
                answer = sock.recv(4096)
            except TimeoutError:
                continue
        assert status_of(answer) == 408
        assert 0.9 < time.monotonic() - begun < DEADLINE_S


def test_token_reload_takes_effect(tmp_path):
    with with_api(tmp_path) as running:
        assert ask(running, "GET", "/v1/version", VIEWER)[0] == 200
        running.settings["plugins"]["http_api"]["tokens"] = [
            {"name": "new", "role": "viewer", "token": "another-token-01234"}]
        running.write_config()
        status, body = running.api("POST", "/v1/reload")
        assert status == 200 and body["result"] == "reloaded", body
        assert ask(running, "GET", "/v1/version", VIEWER)[0] == 401
        assert ask(running, "GET", "/v1/version", "another-token-01234")[0] == 200


def test_broken_configuration_changes_nothing(tmp_path):
    with with_api(tmp_path) as running:
        running.settings["plugins"]["http_api"]["prot"] = 1
        running.write_config()
        status, body = running.api("POST", "/v1/reload")
        assert status == 422 and body["result"] == "refused"
        assert "prot" in body["findings"][0]
        assert ask(running, "GET", "/v1/version", VIEWER)[0] == 200


def test_crowd_on_the_port_leaves_the_socket_free(tmp_path):
    with with_api(tmp_path, max_connections=3, request_timeout="30s") as running:
        crowd = []
        for _ in range(3):
            crowd.append(connect(running))
            crowd[-1].sendall(b"GET /v1/health HTTP/1.1\r\n")
            for _ in range(2):  # the bytes are read by then: it is at work, not idle
                assert running.api("GET", "/v1/health")[0] == 200
        late = connect(running)
        late.sendall(b"GET /v1/health HTTP/1.1\r\nHost: a\r\n\r\n")
        assert running.api("GET", "/v1/health")[0] == 200
        late.settimeout(0.2)
        with pytest.raises(TimeoutError):
            late.recv(1)
        crowd[0].close()
        late.settimeout(DEADLINE_S)
        assert status_of(late.recv(4096)) == 200
        for sock in crowd[1:] + [late]:
            sock.close()


def test_idle_connection_makes_room(tmp_path):
    with with_api(tmp_path, max_connections=2) as running:
        request = b"GET /v1/health HTTP/1.1\r\nHost: a\r\n\r\n"
        idle = connect(running)
        idle.sendall(request)
        assert status_of(idle.recv(4096)) == 200
        for _ in range(3):
            with connect(running) as sock:
                sock.sendall(request)
                assert status_of(sock.recv(4096)) == 200
        assert idle.recv(1) == b""
        idle.close()


def test_no_token_only_health(tmp_path):
    with with_api(tmp_path, tokens=[]) as running:
        assert running.log.events("http.tokens_missing")
        assert ask(running, "GET", "/v1/health")[0] == 200
        status, body, _ = ask(running, "GET", "/v1/version", VIEWER)
        assert status == 401
        assert running.api("GET", "/v1/version")[0] == 200


def test_stale_socket_is_replaced_and_a_live_one_kept(tmp_path):
    with with_api(tmp_path) as running:
        assert os.stat(running.socket).st_mode & 0o777 == 0o660
        running.kill()
        assert os.path.exists(running.socket)
        running.start()
        assert running.api("GET", "/v1/health")[0] == 200
        other = with_api(tmp_path)
        other.launch()
        assert other.wait() != 0
        assert "already" in other.log.text()
        other.process = None
        assert running.api("GET", "/v1/health")[0] == 200


CHECKS = [
    ("short token", {"tokens": [{"name": "a", "role": "viewer", "token": "short"}]}, "16 characters"),
    ("bad digest", {"tokens": [{"name": "a", "role": "viewer", "token": "sha256:00"}]}, "64 lower-case hex"),
    ("same name", {"tokens": [{"name": "a", "token": "a" * 16}, {"name": "a", "token": "b" * 16}]}, "twice"),
    ("role", {"tokens": [{"name": "a", "role": "boss", "token": "a" * 16}]}, "viewer"),
    ("relative socket", {"socket": "a.sock"}, "absolute"),
    ("long socket", {"socket": "/" + "a" * 107}, "107"),
    ("no connections", {"max_connections": 0}, "max_connections"),
]


@pytest.mark.parametrize("label,options,said", CHECKS, ids=[row[0] for row in CHECKS])
def test_configuration(tmp_path, label, options, said):
    status, text = with_api(tmp_path, **options).check()
    assert status == 78 and said in text


def test_openapi_describes_every_route(daemon):
    body = ask(daemon, "GET", "/v1/openapi.json", VIEWER)[1]
    assert body["openapi"].startswith("3.1")
    ids = set()
    for path, operations in body["paths"].items():
        for operation in operations.values():
            assert operation["summary"] and next(
                answer for code, answer in operation["responses"].items() if code[0] == "2")["description"]
            ids.add(operation["operationId"])
            named = [p["name"] for p in operation.get("parameters", []) if p["in"] == "path"]
            assert named == re.findall(r"{(\w+)}", path)
    assert len(ids) == sum(len(operations) for operations in body["paths"].values())
    assert "/v1/stations/{stationId}/commands/{Action}" in body["paths"]


CTL = [
    ("help", ["help"], 0, "call stationId Action [name=value...]"),
    ("help of a command", ["help", "backup"], 0, "path  string"),
    ("plugins", ["plugins"], 0, "http_api"),
    ("json", ["version", "--json"], 0, '"moduleInterface"'),
    ("version of its own", ["--version"], 0, "ocppctl "),
    ("no command", [], 1, "usage:"),
    ("unknown command", ["helth"], 1, "did you mean health?"),
    ("words in one argument", ["help", "jobs show"], 1, "the words of jobs show are arguments"),
    ("unknown option", ["plugins", "--x", "1"], 1, "unknown option --x"),
    ("missing argument", ["call", "CP-1"], 1, "missing argument Action"),
    ("unknown station", ["call", "NOBODY", "Reset", "type=Soft"], 7, "NOBODY is not known"),
    ("invalid body", ["backup", "relative"], 9, "absolute"),
    ("refused filter", ["call", "CP-1", "Reset", "--checks", "loose"], 9, "checks"),
]


@pytest.mark.parametrize("label,args,status,said", CTL, ids=[row[0] for row in CTL])
def test_ocppctl(daemon, label, args, status, said):
    got, out, err = daemon.ctl(*args)
    assert got == status, out + err
    assert said in out + err


def test_ocppctl_over_tcp(daemon, tmp_path):
    url = f"http://127.0.0.1:{api_port(daemon)}"
    token = tmp_path / "token"
    token.write_text(VIEWER + "\n", encoding="utf-8")

    def run(*args):
        return subprocess.run([os.path.join(BIN, "ocppctl"), "--url", url, *args], capture_output=True,
                              text=True, timeout=DEADLINE_S, check=False).returncode

    assert run("--token-file", str(token), "plugins") == 0
    assert run("--token", "wrong-token-0123456", "plugins") == 8
    assert run("plugins") == 8
    assert run("--token", VIEWER, "reload") == 8


def test_ocppctl_without_daemon(daemon, tmp_path):
    saved, daemon.socket = daemon.socket, str(tmp_path / "none.sock")
    try:
        status, _, err = daemon.ctl("plugins")
        assert status == 2 and "does ocppd run" in err
    finally:
        daemon.socket = saved


def test_log_has_one_line_for_many_refusals(daemon):
    before = len(daemon.log.events("http.denied"))
    for _ in range(50):
        assert ask(daemon, "GET", "/v1/plugins")[0] == 401
    assert len(daemon.log.events("http.denied")) - before <= 1
    assert all(parse_log(line) for line in daemon.log.lines if line.startswith("ts="))


def test_a_client_that_talks_on_while_it_is_answered_stalls_nobody(daemon):
    with socket.socket(socket.AF_UNIX) as talker:
        talker.settimeout(DEADLINE_S)
        talker.connect(daemon.socket)
        talker.sendall(b"GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n")
        assert talker.recv(4096).startswith(b"HTTP/1.1 200 ")
        talker.settimeout(1)
        with contextlib.suppress(TimeoutError):
            talker.sendall(b"x" * (1 << 22))
        for _ in range(3):
            assert daemon.api("GET", "/v1/version")[0] == 200
