# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""`ocppctl tail`: events as they come, its end, and how one goes on behind it."""

import json
import os
import re
import subprocess

from harness import BIN, DEADLINE_S, Daemon, Follower


class Tail:
    """`ocppctl tail` while it runs; what happened behind last_id is the first that it prints."""

    def __init__(self, last_id, *where):
        self.process = subprocess.Popen(
            [os.path.join(BIN, "ocppctl"), *where, "tail", "--types", "id_tag.changed",
             "--last-event-id", last_id],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def line(self):
        return json.loads(self.process.stdout.readline())

    def end(self):
        """Its exit status and what it said."""
        _, said = self.process.communicate(timeout=DEADLINE_S)
        return self.process.returncode, said


def change(daemon, follower, tag):
    """The id of the event that tells of it."""
    assert daemon.api("PUT", f"/v1/id-tags/{tag}", {})[0] == 200
    return follower.next()["id"]


def test_end_of_the_daemon_is_told_with_the_place_to_go_on(tmp_path):
    with Daemon(tmp_path) as daemon:
        follower = Follower(daemon, "?types=id_tag.changed")
        one, two = change(daemon, follower, "ONE"), change(daemon, follower, "TWO")
        tail = Tail(one, "--socket", daemon.socket)
        assert tail.line()["body"] == {"idTag": "TWO"}
        daemon.stop()
        follower.close()
        assert tail.end() == (2, "ocppctl: the daemon ended the stream; "
                                 f"--last-event-id {two} goes on behind what came\n")
        # How many were missed is not known then, but that some may be is.
        daemon.start()
        tail = Tail(two, "--socket", daemon.socket)
        assert tail.line() == {"missed": 1}
        tail.process.kill()
        tail.end()


def test_tail_goes_on_where_it_ended(tmp_path):
    api = {"tcp": True, "port": 0, "tokens": [
        {"name": "fixed", "role": "viewer", "token": "fixed-token-0123456"}]}
    with Daemon(tmp_path, {"http_api": api}) as daemon:
        url = next(f"http://{fields['listener']}" for fields in daemon.log.events("http.opened")
                   if re.fullmatch(r"127\.0\.0\.1:\d+", fields["listener"]))
        follower = Follower(daemon, "?types=id_tag.changed")
        guest = daemon.api("POST", "/v1/tokens", {"name": "guest", "role": "viewer"})[1]["token"]
        one, two = change(daemon, follower, "ONE"), change(daemon, follower, "TWO")
        tail = Tail(one, "--url", url, "--token", guest)
        assert tail.line()["body"] == {"idTag": "TWO"}
        assert daemon.api("DELETE", "/v1/tokens/guest")[0] == 204
        status, said = tail.end()
        assert status == 2 and f"--last-event-id {two} " in said
        change(daemon, follower, "THREE")
        tail = Tail(two, "--url", url, "--token", "fixed-token-0123456")
        assert tail.line()["body"] == {"idTag": "THREE"}
        tail.process.kill()
        tail.end()
        follower.close()
        status, said = Tail(two, "--url", url, "--token", guest).end()
        assert status == 8, said
