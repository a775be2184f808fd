# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Copies of the database: to a path on the daemon's host, and as a download that leaves nothing
behind."""

import asyncio
import http.client
import os
import shutil
import socket
import sqlite3
import stat
import threading
import time

import pytest
from harness import DEADLINE_S, Daemon, Station, UnixHTTPConnection, run


def fill(daemon, templates=20):
    """A few megabytes, quickly."""
    wanted = {f"K{i}": "x" * 490 for i in range(500)}
    for number in range(templates):
        status, body = daemon.api("PUT", f"/v1/configuration-templates/t{number}",
                                  {"configuration": wanted})
        assert status == 200, body


def kept(daemon):
    return [name for name in os.listdir(daemon.folder) if name.startswith("ocppd-backup-")]


def ready(daemon):
    status, backup = daemon.api("POST", "/v1/backup", {})
    assert status == 202, backup
    end = time.monotonic() + DEADLINE_S
    while backup["state"] == "running":
        assert time.monotonic() < end, backup
        assert 0 <= backup["done"] <= max(backup["total"], 1)
        status, backup = daemon.api("GET", f"/v1/backups/{backup['backupId']}")
        assert status == 200, backup
    assert backup["state"] == "ready", backup
    return backup


def fetch(daemon, backup):
    connection = UnixHTTPConnection(daemon.socket)
    connection.request("GET", f"/v1/backups/{backup['backupId']}/data")
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer.status, data


async def station_ctl(daemon, *words):
    """ocppctl beside stations that are served meanwhile."""
    return await asyncio.get_running_loop().run_in_executor(None, lambda: daemon.ctl(*words))


def check(path, templates):
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute("SELECT COUNT(*) FROM stations_template").fetchone() == (templates,)


@pytest.fixture()
def daemon(tmp_path):
    with Daemon(tmp_path) as running:
        yield running


def test_ctl_fetches_a_copy_for_its_owner_alone(daemon, tmp_path):
    fill(daemon, 3)
    file = tmp_path / "copy.db"
    status, out, err = daemon.ctl("backup", "-o", str(file))
    assert (status, out) == (0, ""), err
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    check(file, 3)
    before = file.read_bytes()
    # Neither is anything left at the daemon's, nor is a file replaced.
    assert kept(daemon) == [] and daemon.api("GET", "/v1/backups")[1]["items"] == []
    assert daemon.ctl("backup", "-o", str(file))[0] == 1
    assert file.read_bytes() == before
    assert not os.path.exists(f"{file}.part")
    assert daemon.ctl("-o", str(tmp_path / "no"), "version")[0] == 1
    assert daemon.ctl("id-tags", "export", "-o", str(tmp_path / "tags.csv"))[0] == 0
    assert daemon.ctl("id-tags", "export", "-o", str(tmp_path / "tags.csv"))[0] == 1
    assert (tmp_path / "tags.csv").read_bytes().startswith(b"idTag,")


def test_a_copy_waits_is_fetched_once_and_gone(daemon, tmp_path):
    fill(daemon, 2)
    backup = ready(daemon)
    (name,) = kept(daemon)
    path = os.path.join(daemon.folder, name)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert [item["backupId"] for item in daemon.api("GET", "/v1/backups")[1]["items"]] == [
        backup["backupId"]]
    status, data = fetch(daemon, backup)
    assert status == 200 and len(data) == backup["total"] == backup["done"]
    (tmp_path / "fetched.db").write_bytes(data)
    check(tmp_path / "fetched.db", 2)
    daemon.log.wait("backup.fetched")
    assert fetch(daemon, backup)[0] == 404 and kept(daemon) == []
    again = ready(daemon)
    assert daemon.api("DELETE", f"/v1/backups/{again['backupId']}")[0] in (200, 204)
    assert kept(daemon) == []
    assert daemon.api("DELETE", f"/v1/backups/{again['backupId']}")[0] == 404


def test_copies_are_few_and_expire(tmp_path):
    with Daemon(tmp_path, {"http_api": {"backup_keep": "1s"}}) as daemon:
        ready(daemon)
        daemon.log.wait("backup.expired")
        assert kept(daemon) == []
    with Daemon(tmp_path, {"http_api": {"backup_keep": "1h"}}) as daemon:
        made = [ready(daemon)["backupId"] for _ in range(6)]
        left = [item["backupId"] for item in daemon.api("GET", "/v1/backups")[1]["items"]]
        assert left == made[-4:] and len(kept(daemon)) == 4
    assert kept(daemon) == []  # they end with the daemon


def slow_asker(daemon, backup):
    sock = socket.socket(socket.AF_UNIX)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(DEADLINE_S)
    sock.connect(daemon.socket)
    sock.sendall(f"GET /v1/backups/{backup['backupId']}/data HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    assert sock.recv(2000).startswith(b"HTTP/1.1 200")
    return sock


def test_who_leaves_early_can_come_back(tmp_path):
    with Daemon(tmp_path, {"http_api": {"max_pending": "64KiB"}}) as daemon:
        fill(daemon)
        backup = ready(daemon)
        assert backup["total"] > 3_000_000
        before = daemon.cpu_rss()
        askers = [slow_asker(daemon, backup) for _ in range(4)]
        # One block each, and what max_pending lets wait: not the file.
        assert daemon.cpu_rss() - before < 4 * backup["total"] * 0.75
        assert daemon.api("DELETE", f"/v1/backups/{backup['backupId']}")[0] == 409
        assert fetch(daemon, backup)[0] == 503
        for sock in askers:
            sock.close()
        end = time.monotonic() + DEADLINE_S
        status, data = fetch(daemon, backup)
        while status == 503:  # the daemon has yet to see that they left
            assert time.monotonic() < end
            status, data = fetch(daemon, backup)
        assert status == 200 and len(data) == backup["total"]


def test_the_end_of_the_daemon_is_not_held_up(tmp_path):
    daemon = Daemon(tmp_path, {"http_api": {"max_pending": "64KiB", "stop_timeout": "100ms"}}).start()
    fill(daemon)
    asker = slow_asker(daemon, ready(daemon))
    # One is fetched, one is being made.
    assert daemon.api("POST", "/v1/backup", {})[0] == 202
    assert daemon.stop() == 0
    asker.close()
    assert kept(daemon) == []
    daemon.start()
    path = os.path.join(daemon.folder, "to-a-path.db")
    made = threading.Thread(target=lambda: daemon.api("POST", "/v1/backup", {"path": path}))
    made.start()
    daemon.log.wait("http.answered")
    assert daemon.stop() == 0
    made.join(DEADLINE_S)
    assert not os.path.exists(path + ".part")


def test_leftovers_of_a_crash_are_swept(tmp_path):
    leftovers = ["ocppd-backup-0123456789abcdef.db", "ocppd-backup-fedcba9876543210.db.part"]
    others = ["ocppd-backup-mine.db", "ocppd-backup-0123456789abcdef.db.gz", "backup.db"]
    for name in leftovers + others:
        (tmp_path / name).write_text("x", encoding="ascii")
    with Daemon(tmp_path):
        assert not [name for name in leftovers if (tmp_path / name).exists()]
        assert all((tmp_path / name).exists() for name in others)


def test_a_path_on_the_daemons_host(daemon, tmp_path):
    fill(daemon, 1)
    path = tmp_path / "there.db"
    assert daemon.api("POST", "/v1/backup", {"path": str(path)}) == (200, {"result": "written"})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    check(path, 1)
    assert daemon.api("POST", "/v1/backup", {"path": str(path)})[0] == 409
    assert daemon.api("POST", "/v1/backup", {"path": "there.db"})[0] == 400
    assert daemon.api("GET", "/v1/backups")[1]["items"] == []


def test_backups_are_for_admins(tmp_path):
    token = "operator-token-012345"
    with Daemon(tmp_path, {"http_api": {"tcp": True, "port": 0, "tokens": [
            {"name": "o", "role": "operator", "token": token}]}}) as daemon:
        address = daemon.api("GET", "/v1/health")[1]["apiAddress"]
        for method, path in (("POST", "/v1/backup"), ("GET", "/v1/backups"),
                             ("GET", "/v1/backups/x/data"), ("DELETE", "/v1/backups/x")):
            connection = http.client.HTTPConnection(address, timeout=DEADLINE_S)
            connection.request(method, path, "{}" if method == "POST" else None,
                               {"Authorization": f"Bearer {token}",
                                "Content-Type": "application/json"})
            assert connection.getresponse().status == 403, (method, path)
            connection.close()


def test_without_storage_there_is_none(tmp_path):
    with Daemon(tmp_path, {name: None for name in (
            "storage_sqlite", "ocpp16_core", "stations", "id_tags")}) as daemon:
        assert daemon.api("POST", "/v1/backup", {})[0] == 501
        assert daemon.api("GET", "/v1/backups") == (200, {"items": []})


def test_a_backup_is_restored_as_the_manual_says(tmp_path):
    """After a crash, when there is a write-ahead log that must not meet the copy."""
    copy = str(tmp_path / "copy.db")

    async def before(daemon):
        async with Station.connect(daemon) as station:
            running = (await station.start(meter=1000))["transactionId"]
            done = (await station.start(meter=0, connector=2, tag="TAG-2"))["transactionId"]
            await station.stop(done, meter=500)
            status, waiting = await daemon.api_async(
                "PUT", "/v1/stations/CP-9", {"registrationStatus": "Accepted"})
            assert status == 200
            status, waiting = await daemon.api_async(
                "POST", "/v1/stations/CP-9/commands/ClearCache?queue=3600", {})
            assert status == 202
            code, _, said = await station_ctl(daemon, "backup", "-o", copy)
            assert code == 0, said
            lost = (await station.start(meter=7, connector=3))["transactionId"]
            return running, done, lost, waiting["commandId"]

    async def after(daemon, running, done, lost):
        async with Station.connect(daemon, boot=False) as station:
            assert await station.stop(lost, meter=70) == {}
            assert await station.stop(running, meter=2500) == {}
            fresh = (await station.start(meter=2500))["transactionId"]
        assert fresh not in (running, done, lost) and fresh > lost
        found = (await daemon.api_async("GET", f"/v1/transactions/{running}"))[1]
        assert (found["energyWh"], found["flags"]) == (1500, [])
        assert (await daemon.api_async("GET", f"/v1/transactions/{done}"))[1]["energyWh"] == 500
        listed = (await daemon.api_async("GET", "/v1/transactions"))[1]["items"]
        assert [item["flags"] for item in listed if item.get("reportedTransactionId") == lost] == [
            ["orphan"]]

    options = {"http_api": {"backup_keep": "10min"}, "id_tags": {"unknown_tags": "accept"}}
    with Daemon(tmp_path, options) as daemon:
        running, done, lost, command = run(before(daemon))
        daemon.kill()
        assert os.path.getsize(tmp_path / "ocppd.db-wal") > 0
        aside = tmp_path / "aside"
        aside.mkdir()
        for name in os.listdir(tmp_path):
            if name == "ocppd.db" or name.startswith("ocppd.db-"):
                shutil.move(tmp_path / name, aside / name)
        shutil.copy(copy, tmp_path / "ocppd.db")
        daemon.start()
        assert daemon.api("GET", "/v1/health")[1]["status"] == "ok"
        run(after(daemon, running, done, lost))
        assert daemon.api("GET", f"/v1/queued-commands/{command}")[1]["state"] == "waiting"
