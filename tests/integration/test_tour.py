# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""The tour of the README: what a reader types there works, in that order, and ends as it says."""

import os
import re
import shlex
import subprocess
import time

from harness import BIN, DEADLINE_S, Daemon

README = os.path.join(os.environ["OCPPD_SOURCE_DIR"], "README.md")


def typed():
    """The commands of the section."""
    with open(README, encoding="utf-8") as file:
        section = re.search(r"^## A tour$(.*?)^## ", file.read(), re.S | re.M).group(1)
    commands = re.findall(r"^    \$ (.*)$", section, re.M)
    assert len(commands) > 15
    return commands


def idle(daemon, name):
    return subprocess.Popen([os.path.join(BIN, "ocppd-station"), "--url",
                             f"ws://127.0.0.1:{daemon.port}/ocpp", "--id", name, "--tag", "TAG-1",
                             "--idle", "--quiet"])


def connected(daemon, name):
    end = time.monotonic() + DEADLINE_S
    while not daemon.api("GET", f"/v1/stations/{name}")[1].get("bootCount"):
        assert time.monotonic() < end, name
        time.sleep(0.02)


def active(daemon):
    """The session that the tour started, once it runs."""
    end = time.monotonic() + DEADLINE_S
    while True:
        items = daemon.api("GET", "/v1/transactions?active=true")[1]["items"]
        if items:
            return items[0]
        assert time.monotonic() < end
        time.sleep(0.02)


def shell(command, daemon, folder):
    """Exit status and output of a line of the tour."""
    env = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "OCPPD_SOCKET": daemon.socket}
    done = subprocess.run(["bash", "-c", command], cwd=folder, env=env, capture_output=True,
                          text=True, timeout=DEADLINE_S, check=False)
    return done.returncode, done.stdout + done.stderr


def edited_by(line):
    """What the tour's edit makes of the configuration in packaging/run.sh."""
    script = shlex.split(line)[2]
    with open(os.path.join(os.path.dirname(README), "packaging", "run.sh"), encoding="utf-8") as file:
        done = subprocess.run(["sed", script], stdin=file, capture_output=True, text=True,
                              timeout=DEADLINE_S, check=True)
    return re.search(r"^  metrics: .*\n  http_api: .*$", done.stdout, re.M).group(0)


# Lines that end otherwise: a readonly key is not as the template wants it.
ENDS = {"templates apply": 3}


def test_the_tour(tmp_path):
    daemon = Daemon(tmp_path, {"id_tags": {"tags": [{"id": "TAG-1"}]}})
    background, seen = [], []
    with daemon:
        try:
            background.append(idle(daemon, "CP-1"))
            connected(daemon, "CP-1")
            for line in typed():
                if line.startswith("export "):
                    continue
                if line.startswith("ocppd-station"):
                    background.append(idle(daemon, "CP-2"))
                    connected(daemon, "CP-2")
                    continue
                if line.endswith("&"):
                    assert line.startswith("ocppctl tail")
                    continue
                if "RemoteStopTransaction" in line:
                    number = active(daemon)["transactionId"]
                    line = re.sub(r"transactionId=\d+", f"transactionId={number}", line)
                if line.startswith("sed "):
                    # In the file that run.sh makes; ours has another layout.
                    assert edited_by(line) == "  metrics: {}\n  http_api: {tcp: false, socket: $socket}"
                    daemon.settings["plugins"]["metrics"] = {}
                    daemon.write_config()
                    line = "ocppctl reload"
                status, out = shell(line, daemon, tmp_path)
                wanted = next((end for words, end in ENDS.items() if words in line), 0)
                assert status == wanted, (line, status, out)
                seen.append((line, out))
        finally:
            for process in background:
                process.terminate()
                process.wait(DEADLINE_S)
    outputs = "\n".join(out for _, out in seen)
    for words in ("TRANSACTION ID", "NumberOfConnectors readonly", "ocppd_stations_connected{",
                  '"result": "reloaded"', "04A1B2C3,Accepted,,,1,database", "-rw-------"):
        assert words in outputs, words
