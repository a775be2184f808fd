# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Wrong configurations: one line each, position and remedy, exit status 78, and no side effect."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import tempfile

import pytest
from harness import BIN, DEADLINE_S, PLUGINS, Daemon
from pki import authority, grant

GOOD = """\
listeners:
  - {address: 127.0.0.1, port: 0, path: /ocpp}
plugins:
  storage_sqlite: {path: PATH/ocppd.db}
  ocpp16_core: {}
"""

# label, what replaces what, where it is wrong, what the line must say
CASES = [
    ("unknown key", ("plugins:\n", "log_lvl: debug\nplugins:\n"), "3:1",
     ["log_lvl", "log_level"]),
    ("unknown key of a module", ("ocpp16_core: {}", "ocpp16_core: {heartbeat_intervall: 60s}"), "5:17",
     ["plugins.ocpp16_core", "heartbeat_intervall", '"heartbeat_interval"']),
    ("wrong type", ("port: 0", "port: many"), "2:32", ["port", "many"]),
    ("duration without unit", ("ocpp16_core: {}", "ocpp16_core: {heartbeat_interval: 60}"), "5:37",
     ["heartbeat_interval", "60"]),
    ("out of range", ("port: 0", "port: 70000"), "2:32", ["port", "70000", "65535"]),
    ("below the minimum", ("ocpp16_core: {}", "ocpp16_core: {heartbeat_interval: 1s}"), "5:37",
     ["1s", "minimum"]),
    ("not one of the words", ("plugins:\n", "log_level: loud\nplugins:\n"), "3:12",
     ["loud", "debug"]),
    ("missing module", ("ocpp16_core: {}", "ocpp16_cores: {}"), "5:3",
     ["ocpp16_cores", "ocppd-plugin-ocpp16-cores", 'did you mean "ocpp16_core"?']),
    ("module without its needed service", ("  storage_sqlite: {path: PATH/ocppd.db}\n", ""), "4:3",
     ["ocppd.storage"]),
    ("YAML syntax", ("plugins:\n", "plugins: [\n"), "", []),
    ("anchors", ("ocpp16_core: {}", "ocpp16_core: &a {}"), "5:16", ["anchor"]),
    ("repeated key", ("plugins:\n", "log_level: info\nlog_level: info\nplugins:\n"), "4:1",
     ["log_level"]),
    ("duplicate station", ("ocpp16_core: {}",
     "ocpp16_core: {}\n  stations:\n    stations:\n      - {id: CP-1}\n      - {id: CP-1}"), "9:",
     ["CP-1"]),
    ("station that arrives like another", ("ocpp16_core: {}",
     "ocpp16_core: {}\n  stations:\n    stations:\n      - {id: a b}\n      - {id: a+b}"), "9:14",
     ["a+b", ":8:14", "rename"]),
    ("overlong identity", ("ocpp16_core: {}",
     "ocpp16_core: {}\n  stations:\n    stations:\n      - {id: " + "x" * 49 + "}"), "8:14",
     ["48 characters"]),
    ("identity with a control character", ("ocpp16_core: {}",
     'ocpp16_core: {}\n  stations:\n    stations:\n      - {id: "C\\u0085P"}'), "8:14",
     ["control characters"]),
    ("identity that is missing", ("ocpp16_core: {}",
     "ocpp16_core: {}\n  stations:\n    stations:\n      - {}"), "8:9", ["id: is required"]),
    ("listener that is there already", ("  - {address: 127.0.0.1, port: 0, path: /ocpp}",
     '  - {address: "::", port: 9}\n  - {address: "0.0.0.0", port: 9}'), "3:32",
     ["listeners[1].port", "listeners[0]", "::", "9"]),
    ("service of a module that is not there", ("plugins:\n",
     "services: {ocppd.storage: storage_sqlit}\nplugins:\n"), "3:27",
     ["storage_sqlit", "those that do: storage_sqlite"]),
    ("token that is too short", ("ocpp16_core: {}",
     "ocpp16_core: {}\n  http_api: {tokens: [{name: a, role: admin, token: short}]}"), "6:53",
     ["tokens[0].token", "16 characters"]),
    ("token of two names", ("ocpp16_core: {}",
     "ocpp16_core: {}\n  http_api:\n    tokens:\n"
     "      - {name: a, role: admin, token: 0123456789abcdef}\n"
     "      - {name: b, role: viewer, token: 0123456789abcdef}"), "9:40", ["another name"]),
    ("relative socket", ("ocpp16_core: {}", "ocpp16_core: {}\n  http_api: {socket: ctl.sock}"),
     "6:22", ["absolute path", "off"]),
    ("no modules", (GOOD[GOOD.index("plugins:"):], ""), "1:1", ["plugins", "no module"]),
    ("part of an hour", ("ocpp16_core: {}", "ocpp16_core: {heartbeat_interval: 1.5h}"), "5:37",
     ["1.5h is not a whole number"]),
    ("tab", ("  ocpp16_core", "\tocpp16_core"), "5:1", ["indent with blanks"]),
    ("unreadable secret", ("ocpp16_core: {}",
     "ocpp16_core: {}\n  stations:\n    stations:\n      - {id: CP-1, authorization_key: {file: /none}}"),
     "8:", ["/none"]),
]


@pytest.mark.parametrize("label,change,place,words", CASES, ids=[case[0] for case in CASES])
def test_wrong_configuration_is_refused(tmp_path, label, change, place, words):
    daemon = Daemon(tmp_path)
    assert change[0] in GOOD
    with open(daemon.config, "w", encoding="utf-8") as file:
        file.write(GOOD.replace(*change).replace("PATH", str(tmp_path)))
    status, said = daemon.check()
    assert status == 78, said
    lines = [line for line in said.splitlines() if line]
    # A service that is missing is missing for each module that needs it.
    assert len(lines) == 1 or "service" in label, said
    if place is not None:
        assert lines[0].startswith(f"{daemon.config}:{place}"), said
    for word in words:
        assert word in lines[0], said
    # Running instead of checking says the same.
    daemon.launch()
    assert daemon.wait() == 78
    assert daemon.log.text() == said.strip()
    daemon.process = None
    assert os.listdir(tmp_path) == ["ocppd.yaml"]


def test_folder_of_modules_starts_at_the_folder_of_the_file(tmp_path):
    daemon = Daemon(tmp_path)
    (tmp_path / "modules").symlink_to(PLUGINS)
    command = [f"{BIN}/ocppd", "--check", "--config", daemon.config]
    for wrong in ("", "log_lvl: info\n"):  # modules are looked for although other things are wrong
        with open(daemon.config, "w", encoding="utf-8") as file:
            file.write("\ufeff" + wrong + GOOD.replace("PATH", str(tmp_path))
                       + "vendor_conf: false\nmodule_dir: modules\n")
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=DEADLINE_S,
                              check=False)
        assert done.returncode == (78 if wrong else 0), done.stderr
        assert len(done.stderr.splitlines()) == (1 if wrong else 0), done.stderr


def test_all_findings_come_at_once(tmp_path):
    daemon = Daemon(tmp_path)
    text = GOOD.replace("port: 0", "port: x").replace("ocpp16_core: {}", "nothing_there: {}")
    with open(daemon.config, "w", encoding="utf-8") as file:
        file.write(text.replace("PATH", str(tmp_path)))
    status, said = daemon.check()
    assert status == 78
    assert "port" in said and "nothing_there" in said


def test_missing_file_is_named(tmp_path):
    daemon = Daemon(tmp_path)
    os.unlink(daemon.config)
    status, said = daemon.check()
    assert status == 78
    assert daemon.config in said
    assert len(said.splitlines()) == 1


def test_good_configuration_has_no_side_effect(tmp_path):
    daemon = Daemon(tmp_path)
    status, said = daemon.check()
    assert status == 0, said
    assert "ocpp16_core" in said
    assert "needed by" in said
    assert os.listdir(tmp_path) == ["ocppd.yaml"]


@contextlib.contextmanager
def open_folder():
    """One that everybody may enter, unlike pytest's."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        os.chmod(folder, 0o755)
        yield folder


def write(path, text, mode):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


EXPOSED = [  # mode of the file, of its folder, whether it is warned about
    (0o644, 0o755, True), (0o604, 0o711, True), (0o640, 0o755, False), (0o600, 0o755, False),
    (0o644, 0o700, False), (0o644, 0o750, False),
]


@pytest.mark.parametrize("mode,folder_mode,is_warned", EXPOSED)
def test_secrets_that_everybody_can_read_are_warned_about(tmp_path, mode, folder_mode, is_warned):
    with open_folder() as folder:
        inner = os.path.join(folder, "secrets")
        os.mkdir(inner)
        key = write(os.path.join(inner, "CP-1"), "0123456789abcdef0123456789abcdef", mode)
        token = write(os.path.join(inner, "token"), "a-token-0123456789", mode)
        os.chmod(inner, folder_mode)
        # By a link in a folder of ours: what it leads to counts.
        os.symlink(token, os.path.join(tmp_path, "link"))
        daemon = Daemon(tmp_path, {
            "stations": {"stations": [{"id": "CP-1", "authorization_key": {"file": key}}]},
            "http_api": {"tokens": [{"name": "one", "role": "viewer", "token": {"file": "link"}}]}})
        wanted = {f"plugins.stations.stations[0].authorization_key: everybody can read the file "
                  f"(mode {mode:04o}): chmod o= {key}",
                  f"plugins.http_api.tokens[0].token: everybody can read the file "
                  f"(mode {mode:04o}): chmod o= {tmp_path}/link"} if is_warned else set()

        def sentences(lines):
            found = set()
            for line in lines:
                place, _, text = line.partition(": plugins.")
                assert place.startswith(daemon.config + ":"), line
                found.add("plugins." + text)
            return found
        status, said = daemon.check()
        assert status == 0, said
        assert sentences(line.removeprefix("warning: ") for line in said.splitlines()
                         if line.startswith("warning: ")) == wanted
        assert ("2 to be seen to" in said) == is_warned and "no problem found" in said
        with daemon:
            assert sentences(fields["text"] for fields in
                             daemon.log.events("configuration.doubted", lvl="warn")) == wanted
            # A reload looks again, and goes through.
            os.chmod(key, 0o600)
            os.chmod(token, 0o600)
            before = len(daemon.log.events("configuration.doubted"))
            assert daemon.api("POST", "/v1/reload", {})[0] == 200
            assert len(daemon.log.events("configuration.doubted")) == before


def test_keys_of_listeners_that_everybody_can_read_are_warned_about(tmp_path):
    with open_folder() as folder:
        authority(folder, "root")
        grant(folder, "server", "/CN=localhost")
        certificate, key = (os.path.join(folder, name) for name in ("server.pem", "server.key"))
        os.chmod(key, 0o644)
        listener = {"address": "127.0.0.1", "port": 0, "tls": {"certificate": certificate, "key": key}}
        daemon = Daemon(tmp_path, listeners=[listener])
        status, said = daemon.check()
        warnings = [line for line in said.splitlines() if line.startswith("warning: ")]
        assert status == 0 and len(warnings) == 1, said
        assert f"listeners[0].tls.key[0]: everybody can read the file (mode 0644): chmod o= {key}" in warnings[0]


def test_ocppctl_warns_of_a_token_that_everybody_can_read(tmp_path):
    with open_folder() as folder:
        token = write(os.path.join(folder, "token"), "a-token-0123456789\n", 0o644)
        for mode, is_warned in ((0o644, True), (0o600, False)):
            os.chmod(token, mode)
            done = subprocess.run([os.path.join(BIN, "ocppctl"), "--url", "http://127.0.0.1:1",
                                   "--token-file", token, "health"], capture_output=True, text=True,
                                  timeout=DEADLINE_S, check=False)
            assert (f"everybody can read {token} (mode 0644)" in done.stderr) == is_warned, done.stderr


def migrate(daemon, *options):
    done = subprocess.run(daemon.command("--migrate", *options), capture_output=True, text=True,
                          timeout=DEADLINE_S, check=False)
    return done.returncode, done.stderr


def tables(daemon):
    with contextlib.closing(sqlite3.connect(os.path.join(daemon.folder, "ocppd.db"))) as db:
        return {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_migrating_plans_or_applies_and_starts_nothing(tmp_path):
    daemon = Daemon(tmp_path)
    daemon.settings["log_level"] = "error"
    daemon.write_config()
    status, said = migrate(daemon, "--dry-run")
    assert status == 0, said
    planned = said.count("ev=migration.planned")
    assert planned > 5 and "module=transactions version=1 " in said
    assert "ev=migration.applied" not in said
    assert not any(name.startswith("transactions_") for name in tables(daemon))
    status, said = migrate(daemon)
    assert status == 0, said
    assert said.count("ev=migration.applied") == planned
    assert "ev=listener.opened" not in said
    assert said.count("ev=module.started") == 1 and "plugin=storage_sqlite name=" in said
    assert "transactions_transaction" in tables(daemon)
    status, said = migrate(daemon, "--dry-run")
    assert status == 0 and "ev=migration.planned" not in said
    with daemon:
        assert "ev=migration.applied" not in daemon.log.text()


def test_migrating_beside_a_daemon_is_refused(tmp_path):
    with Daemon(tmp_path) as daemon:
        status, said = migrate(daemon, "--dry-run")
    assert status == 1
    assert "ev=module.failed" in said and "storage_sqlite" in said
    assert subprocess.run(daemon.command("--dry-run"), capture_output=True, timeout=DEADLINE_S,
                          check=False).returncode == 2


def test_taken_port_is_named(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with Daemon(tmp_path / "a") as first:
        second = Daemon(tmp_path / "b")
        second.settings["listeners"][0]["port"] = first.port
        second.write_config()
        second.launch()
        assert second.wait() == 1
        assert f"127.0.0.1:{first.port}" in second.log.text()
        second.process = None


def test_reload_applies_adds_and_removes(tmp_path):
    with Daemon(tmp_path) as daemon:
        daemon.settings["log_level"] = "info"
        daemon.settings["plugins"]["ocpp16_core"]["heartbeat_interval"] = "77s"
        daemon.write_config()
        status, answer = daemon.api("POST", "/v1/reload")
        assert status == 200, answer

        # A bad file changes nothing and says why.
        daemon.settings["plugins"]["ocpp16_core"]["heartbeat_interval"] = "1s"
        daemon.write_config()
        status, answer = daemon.api("POST", "/v1/reload")
        assert status in (409, 422), answer
        assert "heartbeat_interval" in str(answer)

        # What needs a restart is said.
        daemon.settings["plugins"]["ocpp16_core"]["heartbeat_interval"] = "77s"
        daemon.settings["io_threads"] = 1
        daemon.write_config()
        status, answer = daemon.api("POST", "/v1/reload")
        assert "io_threads" in str(answer)




def test_reload_may_stop_the_api_that_asked_for_it(tmp_path):
    with Daemon(tmp_path) as daemon:
        api = daemon.settings["plugins"].pop("http_api")
        daemon.write_config()
        status, _, said = daemon.ctl("reload")
        assert status == 2 and "stopping" in said
        daemon.log.wait("configuration.reloaded", result="done")
        assert daemon.ctl("health")[0] == 2

        daemon.settings["plugins"]["http_api"] = api
        daemon.write_config()
        daemon.process.send_signal(signal.SIGHUP)
        # The first line of it is that of the start.
        daemon.log.wait_for(lambda log: len(log.events("http.opened", listener=daemon.socket)) > 1)
        assert daemon.ctl("health")[0] == 0


def test_file_that_was_emptied_stops_nothing(tmp_path):
    with Daemon(tmp_path) as daemon:
        with open(daemon.config, "w", encoding="utf-8"):
            pass
        status, answer = daemon.api("POST", "/v1/reload")
        assert status == 422 and "no module is listed" in str(answer)
        assert daemon.api("GET", "/v1/health")[0] == 200
