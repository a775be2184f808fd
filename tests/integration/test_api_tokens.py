# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Tokens that end while their holders listen, and names by which they can be found again."""

import http.client
import re
import urllib.parse

import pytest
from harness import DEADLINE_S, Daemon

FIXED = "fixed-token-0123456"
OTHER = "other-token-0123456"


def with_tokens(folder, *tokens):
    return Daemon(folder, {"http_api": {"tcp": True, "port": 0, "tokens": [
        {"name": name, "role": role, "token": token} for name, role, token in tokens]}})


class Holder:
    """Who comes with a token, over one connection."""

    def __init__(self, daemon, token):
        listener = next(fields["listener"] for fields in reversed(daemon.log.events("http.opened"))
                        if re.fullmatch(r"127\.0\.0\.1:\d+", fields["listener"]))
        self.connection = http.client.HTTPConnection(listener, timeout=DEADLINE_S)
        self.headers = {"Authorization": "Bearer " + token}
        self.stream = None

    def get(self, path):
        self.connection.request("GET", path, headers=self.headers)
        answer = self.connection.getresponse()
        answer.read()
        return answer.status

    def open(self, path):
        """The status of a stream, which is left."""
        self.connection.request("GET", path, headers=self.headers)
        status = self.connection.getresponse().status
        self.connection.close()
        return status

    def follow(self):
        self.connection.request("GET", "/v1/events?types=id_tag.changed", headers=self.headers)
        self.stream = self.connection.getresponse()
        assert self.stream.status == 200
        assert self.stream.readline() == b": ocppd\n" and self.stream.readline() == b"\n"
        return self

    def next_tag(self):
        """The tag of the next event; None: the stream ended."""
        for line in self.stream:
            match = re.search(rb'"idTag":"([^"]*)"', line)
            if match:
                return match.group(1).decode()
        return None


def change(daemon, tag):
    assert daemon.api("PUT", f"/v1/id-tags/{tag}", {})[0] == 200


def make(daemon, name, role="viewer"):
    status, made = daemon.api("POST", "/v1/tokens", {"name": name, "role": role})
    assert status == 201, made
    return made["token"]


def test_stream_of_a_revoked_token_ends_at_once(tmp_path):
    with with_tokens(tmp_path, ("fixed", "viewer", FIXED)) as daemon:
        secret = make(daemon, "guest")
        guest, idle = Holder(daemon, secret).follow(), Holder(daemon, secret)
        fixed = Holder(daemon, FIXED).follow()
        assert idle.get("/v1/version") == 200
        change(daemon, "ONE")
        assert guest.next_tag() == "ONE" and fixed.next_tag() == "ONE"
        assert daemon.ctl("tokens", "revoke", "guest")[0] == 0
        change(daemon, "TWO")
        assert guest.next_tag() is None
        assert fixed.next_tag() == "TWO"
        # Nor is a connection that was opened with it of any use.
        assert idle.get("/v1/version") == 401


def test_stream_over_http_1_0_ends_with_its_connection(tmp_path):
    with with_tokens(tmp_path, ("fixed", "viewer", FIXED)) as daemon:
        daemon.settings["plugins"]["http_api"]["request_timeout"] = "10min"
        daemon.write_config()
        daemon.restart()
        secret = make(daemon, "guest")
        connection = Holder(daemon, secret).connection
        connection.connect()
        connection.sock.sendall(b"GET /v1/events HTTP/1.0\r\nAuthorization: Bearer %s\r\n\r\n" %
                                secret.encode())
        answer = connection.sock.makefile("rb")
        while line := answer.readline():
            if line == b": ocppd\n":
                break
        assert daemon.ctl("tokens", "revoke", "guest")[0] == 0
        assert all(line[:1] != b"d" or b"token" in line for line in answer)


@pytest.mark.parametrize("left", [
    [],
    [("guest", "viewer", OTHER)],
    [("guest", "admin", FIXED)],
], ids=["taken out", "another secret", "another role"])
def test_stream_of_a_token_that_a_reload_changes_ends(tmp_path, left):
    stays = ("stays", "viewer", "stays-token-0123456")
    with with_tokens(tmp_path, ("guest", "viewer", FIXED), stays) as daemon:
        guest, other = Holder(daemon, FIXED).follow(), Holder(daemon, stays[2]).follow()
        daemon.settings["plugins"]["http_api"]["tokens"] = [
            {"name": name, "role": role, "token": token} for name, role, token in [*left, stays]]
        daemon.write_config()
        assert daemon.api("POST", "/v1/reload")[0] == 200
        change(daemon, "ONE")
        assert guest.next_tag() is None
        assert other.next_tag() == "ONE"


def test_streams_over_the_socket_do_not_mind_tokens(tmp_path):
    from harness import Follower
    with with_tokens(tmp_path, ("fixed", "viewer", FIXED)) as daemon:
        follower = Follower(daemon, "?types=id_tag.changed")
        make(daemon, "guest")
        assert daemon.api("DELETE", "/v1/tokens/guest")[0] == 204
        change(daemon, "ONE")
        assert follower.next_body()["idTag"] == "ONE"
        follower.close()


@pytest.mark.parametrize("name", ["", "a\nb", "\x1b[31m", "\x7f", "\u009b", "\u00fc" * 40])
def test_name_that_nobody_could_revoke_is_refused(tmp_path, name):
    with Daemon(tmp_path) as daemon:
        status, said = daemon.api("POST", "/v1/tokens", {"name": name, "role": "viewer"})
        assert status == 400 and said["detail"].startswith("name: "), said
        assert daemon.api("GET", "/v1/tokens")[1]["items"] == []


@pytest.mark.parametrize("name", ["a b", "x/y", "..", "%2F", "?", "#", "\u00fc" * 31, "-x", "*"])
def test_odd_names_are_revoked_as_they_were_made(tmp_path, name):
    with Daemon(tmp_path) as daemon:
        make(daemon, name)
        assert daemon.ctl("tokens", "revoke", "--", name)[0] == 0
        make(daemon, name)
        path = "/v1/tokens/" + urllib.parse.quote(name, safe="").replace(".", "%2E")
        assert daemon.api("DELETE", path)[0] == 204
        assert daemon.api("GET", "/v1/tokens")[1]["items"] == []


def test_token_of_the_database_is_revoked_beside_one_of_its_name_in_the_file(tmp_path):
    with with_tokens(tmp_path) as daemon:
        secret = make(daemon, "guest")
        daemon.settings["plugins"]["http_api"]["tokens"] = [
            {"name": "guest", "role": "viewer", "token": FIXED}]
        daemon.write_config()
        assert daemon.api("POST", "/v1/reload")[0] == 200
        assert daemon.api("DELETE", "/v1/tokens/guest")[0] == 204
        assert Holder(daemon, secret).get("/v1/version") == 401
        assert Holder(daemon, FIXED).get("/v1/version") == 200
        assert daemon.api("DELETE", "/v1/tokens/guest")[0] == 409


@pytest.mark.parametrize("role,status", [("viewer", 403), ("operator", 200), ("admin", 200)])
def test_frames_are_for_operators(tmp_path, role, status):
    """Live as in /messages: what stands in them may be as good as a password."""
    with with_tokens(tmp_path, ("who", role, FIXED)) as daemon:
        assert daemon.api("PUT", "/v1/stations/CP-1", {})[0] in (200, 201)
        holder = Holder(daemon, FIXED)
        assert holder.get("/v1/stations/CP-1/messages") == status
        assert Holder(daemon, FIXED).open("/v1/events?frames=true") == status
        assert Holder(daemon, FIXED).open("/v1/events?frames=false") == 200
