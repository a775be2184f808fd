# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Files as operators see them: images, ocppctl, roles, figures."""

import json
import os
import subprocess

import pytest
from files_bed import (FETCH, IMAGE, LOG, ask, configured, content, daemon, fetch, files_on_disk,
                       send, sha256, ticket, told, transfer, upload, wait_until)
from harness import BIN, DEADLINE_S

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
    made = fetch(daemon)
    listed = daemon.api("GET", "/v1/files/transfers?state=open&limit=1000")[1]["items"]
    assert made["id"] in [item["transferId"] for item in listed]
    assert all(item["state"] == "open" for item in listed)
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
