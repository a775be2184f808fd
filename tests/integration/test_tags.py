# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Id tags: the chain of authorization over foreign links, changes while a tag is in use, and the
tables that operators bring in and take out."""

import asyncio
import json
import csv
import io
import os
import socket
import subprocess

import pytest
from harness import BIN, DEADLINE_S, PLUGINS, Daemon, Station, UnixHTTPConnection, run

MODULES = os.path.abspath(os.path.join(PLUGINS, "..", "tests", "modules", "modules"))


def chain(folder, **id_tags):
    options = {"authorizer_timeout": "200ms", "tags": [{"id": "local"}], **id_tags}
    return Daemon(folder, {"id_tags": options, "micro_authorizer": {}, "micro_authorizer_last": {}},
                  module_dir=[MODULES],
                  services={"ocppd.authorizer": ["micro_authorizer", "micro_authorizer_last"]})


CHAIN = [
    ("local", "Accepted", None), ("yes", "Accepted", None), ("parent", "Accepted", "ROAMING"),
    ("blocked", "Blocked", None), ("later", "Accepted", None), ("later-no", "Accepted", "LAST"),
    ("never", "Accepted", "LAST"), ("error", "Accepted", "LAST"),
    ("later-error", "Accepted", "LAST"), ("odd", "Accepted", "LAST"),
    ("next", "Accepted", "LAST"), ("nobody", "Invalid", None),
]


async def verdicts(station, tags):
    found = {}
    for tag in tags:
        info = (await station.call("Authorize", {"idTag": tag}))["idTagInfo"]
        found[tag] = (info["status"], info.get("parentIdTag"))
    return found


def test_chain_decides_passes_on_times_out_and_fails(tmp_path):
    async def body(daemon):
        async with Station.connect(daemon) as station:
            found = await verdicts(station, [row[0] for row in CHAIN])
            assert found == {tag: (status, parent) for tag, status, parent in CHAIN}
            # The verdict holds for a start; the books know the group.
            started = await station.start(tag="later-no")
            assert started["idTagInfo"] == {"status": "Accepted", "parentIdTag": "LAST"}
            status, stored = await daemon.api_async(
                "GET", f"/v1/transactions/{started['transactionId']}")
            assert (status, stored["parentIdTag"]) == (200, "LAST")
            # A question under way holds nobody else up.
            slow = await station.send("Authorize", {"idTag": "never"})
            async with Station.connect(daemon, "CP-2") as other:
                assert (await verdicts(other, ["yes"]))["yes"][0] == "Accepted"
            assert not slow.done() or slow.result()[0] == 3
            await asyncio.wait_for(slow, DEADLINE_S)

    with chain(tmp_path) as daemon:
        run(body(daemon))
        assert daemon.log.events("authorizer.failed", authorizer="micro_authorizer", err="ETIMEDOUT")
        assert daemon.log.events("authorizer.failed", authorizer="micro_authorizer", err="EINVAL")


@pytest.mark.parametrize("policy, status", [("invalid", "Invalid"), ("accept", "Accepted")])
def test_chain_counts_failures_as_configured(tmp_path, policy, status):
    async def body(daemon):
        async with Station.connect(daemon) as station:
            found = await verdicts(station, ["error", "later-error", "never", "yes", "later-no"])
            assert [found[tag] for tag in ("error", "later-error", "never")] == [(status, None)] * 3
            assert found["yes"][0] == "Accepted"
            assert found["later-no"] == ("Accepted", "LAST")

    with chain(tmp_path, authorizer_error=policy) as daemon:
        run(body(daemon))


@pytest.mark.parametrize("tag, expected", [
    ("twice", ("Accepted", None)),
    ("early", ("Accepted", "LAST")),  # what it said too early is no answer: its deadline passes
    ("both", ("Accepted", "BOTH")),
])
def test_an_authorizer_that_answers_when_it_may_not_is_named_once(tmp_path, tag, expected):
    async def body(daemon):
        async with Station.connect(daemon) as station:
            for _ in range(3):
                assert (await verdicts(station, [tag]))[tag] == expected
                # Behind the second answer, of the same moment, of the one before.
                assert await verdicts(station, ["later", "later-no"]) == {
                    "later": ("Accepted", None), "later-no": ("Accepted", "LAST")}
    with chain(tmp_path) as daemon:
        run(body(daemon))
        misuse = daemon.log.events("authorizer.misused")
        assert [line["authorizer"] for line in misuse] == ["micro_authorizer"], misuse


def test_an_answer_that_comes_again_is_no_other_questions(tmp_path):
    async def body(daemon):
        async with Station.connect(daemon) as station, Station.connect(daemon, "CP-2") as other:
            assert (await verdicts(station, ["later"]))["later"] == ("Accepted", None)
            # In the middle of its own question `again` repeats the answer to the one before.
            for _ in range(5):
                assert (await verdicts(station, ["again"]))["again"] == ("Accepted", None)
            # Second answers come while the other station's question is under way.
            slow = await other.send("Authorize", {"idTag": "never"})
            for _ in range(5):
                assert (await verdicts(station, ["twice"]))["twice"] == ("Accepted", None)
            info = (await asyncio.wait_for(slow, DEADLINE_S))[2]["idTagInfo"]
            assert info == {"status": "Accepted", "parentIdTag": "LAST"}
            # Late once is as agreed.
            assert (await verdicts(station, ["never"]))["never"] == ("Accepted", "LAST")
            assert (await verdicts(station, ["again"]))["again"] == ("Accepted", None)
    with chain(tmp_path) as daemon:
        run(body(daemon))
        misuse = daemon.log.events("authorizer.misused")
        assert [line["authorizer"] for line in misuse] == ["micro_authorizer"], misuse


def test_answers_after_the_deadline_are_no_misuse(tmp_path):
    async def body(daemon):
        async with Station.connect(daemon) as station:
            for _ in range(3):
                assert (await verdicts(station, ["never"]))["never"] == ("Accepted", "LAST")
    daemon = chain(tmp_path).start()
    run(body(daemon))
    assert daemon.stop() == 0
    assert not daemon.log.events("authorizer.misused")


def test_chain_under_way_does_not_hold_the_end_up(tmp_path):
    async def body(daemon):
        async with Station.connect(daemon) as station:
            await station.send("Authorize", {"idTag": "never"})
            status = await asyncio.get_running_loop().run_in_executor(None, daemon.stop)
            assert status == 0

    daemon = chain(tmp_path, authorizer_timeout="1s").start()
    run(body(daemon))
    assert not daemon.log.events("module.stop_timed_out")


def test_variants_of_a_tag_are_tried_where_configured(tmp_path):
    async def body(daemon, expected):
        for tag in ("12345678", "AB-CD"):
            assert (await daemon.api_async("PUT", f"/v1/id-tags/{tag}", {}))[0] == 200
        async with Station.connect(daemon) as station:
            for _ in range(2):  # from the table, then from memory
                found = await verdicts(station, [
                    "12345678_4711", "12:34:56:78", "config-1_2", "AB-CD", "abcd", "_99", "other_1"])
                assert [found[tag][0] for tag in found] == expected
            number = (await station.start(tag="12345678_4711"))["transactionId"]
            found = (await daemon.api_async("GET", f"/v1/transactions/{number}"))[1]
            assert found["idTag"] == "12345678_4711"

    options = {"tags": [{"id": "CONFIG1"}], "strip_suffix": "_[0-9]+", "drop_characters": ":-"}
    for folder, variants, expected in (
            ("all", "all", ["Accepted"] * 4 + ["Invalid"] * 3),
            ("listed", "listed", ["Invalid"] * 3 + ["Accepted"] + ["Invalid"] * 3)):
        (tmp_path / folder).mkdir()
        with Daemon(tmp_path / folder, {"id_tags": {**options, "variants": variants}}) as daemon:
            run(body(daemon, expected))
            assert bool(daemon.log.events("quirk.seen", quirk="G12")) == (variants == "all")
    (tmp_path / "bad").mkdir()
    for pattern in ("[", "(a)\\1"):
        status, text = Daemon(tmp_path / "bad", {"id_tags": {"strip_suffix": pattern}}).check()
        assert status != 0 and "strip_suffix" in text


def test_limit_counts_the_tag_in_whatever_form_it_is_presented(tmp_path):
    async def start(station, connector, tag):
        return (await station.start(tag=tag, connector=connector))["idTagInfo"]["status"]

    async def before(daemon):
        assert (await daemon.api_async(
            "PUT", "/v1/id-tags/AbCd", {"maxActiveTransactions": 3}))[0] == 200
        async with Station.connect(daemon) as station:
            for connector, tag in enumerate(("abcd", "AB:CD_77", "ABCD"), 1):
                assert await start(station, connector, tag) == "Accepted"
            assert await start(station, 4, "a-b-c-d_1") == "ConcurrentTx"

    async def after(daemon):
        async with Station.connect(daemon) as station:
            # What the books hold counts as it did, and what stops makes room.
            assert await start(station, 5, "aBcD") == "ConcurrentTx"
            found = (await daemon.api_async("GET", "/v1/transactions?active=true"))[1]["items"]
            running = {item["idTag"]: item["transactionId"] for item in found}
            assert {"abcd", "AB:CD_77", "ABCD"} <= set(running)
            await station.stop(running["AB:CD_77"])
            assert await start(station, 6, "ab:cd") == "Accepted"

    daemon = Daemon(tmp_path, {"id_tags": {
        "variants": "all", "strip_suffix": "_[0-9]+", "drop_characters": ":-"}})
    with daemon:
        run(before(daemon))
    with daemon:
        run(after(daemon))


def test_tag_that_expires_while_it_charges(tmp_path):
    async def body(daemon):
        async with Station.connect(daemon) as station:
            path = "/v1/id-tags/Guest"
            assert (await daemon.api_async("PUT", path, {"expiryDate": "2099-01-01T00:00:00Z"}))[0] == 200
            started = await station.start(tag="GUEST", meter=5)
            assert started["idTagInfo"] == {
                "status": "Accepted", "expiryDate": "2099-01-01T00:00:00.000Z"}
            assert (await daemon.api_async("PUT", path, {"expiryDate": "2020-01-01T00:00:00Z"}))[0] == 200
            # The session goes on, its stop is told, the record is a clean one.
            number = started["transactionId"]
            stopped = await station.stop(number, meter=105, idTag="guest")
            assert stopped["idTagInfo"]["status"] == "Expired"
            found = (await daemon.api_async("GET", f"/v1/transactions/{number}"))[1]
            assert (found["energyWh"], found["flags"]) == (100, [])
            again = await station.start(tag="Guest")
            assert again["idTagInfo"]["status"] == "Expired"

    with Daemon(tmp_path) as daemon:
        run(body(daemon))


def export(daemon):
    connection = UnixHTTPConnection(daemon.socket)
    connection.request("GET", "/v1/id-tags.csv")
    answer = connection.getresponse()
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/csv")
    text = answer.read().decode()
    connection.close()
    return text


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


ODD = ["=SUM(1)", "+49", "'quoted", "''", "a,b", 'say "hi"', "Größe", " blank ", "-", "@x"]


def test_csv_comes_back_as_it_went(tmp_path):
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(["idTag", "status", "maxActiveTransactions", "parentIdTag", "expiryDate"])
    for i in range(1300):
        writer.writerow([f"Tag-{i:04}", ("Accepted", "Blocked", "Invalid", "")[i % 4], i % 3 or "",
                         "GROUP" if i % 2 else "", "2099-01-01T00:00:00Z" if i % 5 == 0 else ""])
    with Daemon(tmp_path, {"id_tags": {"tags": [{"id": "Fixed"}]}}) as daemon:
        status, answer = daemon.api("POST", "/v1/id-tags.csv", {"csv": "\ufeff" + table.getvalue()})
        assert (status, answer) == (200, {"imported": 1300, "skipped": 0})
        for tag in ODD:
            path = "/v1/id-tags/" + "".join(f"%{byte:02x}" for byte in tag.encode())
            assert daemon.api("PUT", path, {})[0] == 200
        text = export(daemon)
        rows = rows_of(text)
        assert len(rows) == 1301 + len(ODD)
        found = {row["idTag"]: row for row in rows}
        assert found["Fixed"]["source"] == "configuration"
        assert found["Tag-0005"] == {
            "idTag": "Tag-0005", "status": "Blocked", "expiryDate": "2099-01-01T00:00:00.000Z",
            "parentIdTag": "GROUP", "maxActiveTransactions": "2", "source": "database"}
        assert "'=SUM(1)" in found
        # All of it again, into an empty database.
        other = Daemon(tmp_path / "..", {
            "id_tags": {"tags": [{"id": "Fixed"}]},
            "storage_sqlite": {"path": str(tmp_path / "other.db")},
            "http_api": {"socket": str(tmp_path / "other.sock")}})
        other.folder = str(tmp_path)
        other.config = str(tmp_path / "other.yaml")
        other.socket = str(tmp_path / "other.sock")
        other.write_config()
        with other:
            done = subprocess.run(
                [os.path.join(BIN, "ocppctl"), "--socket", other.socket, "id-tags", "import", "-"],
                input=text, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
            assert done.returncode == 0, done.stderr
            assert export(other) == text
            for tag in ODD:
                path = "/v1/id-tags/" + "".join(f"%{byte:02x}" for byte in tag.encode())
                assert other.api("GET", path)[1]["idTag"] == tag
            status, out, _ = other.ctl("id-tags", "export")
            assert (status, out) == (0, text.replace("\r\n", "\n"))


BAD = """idTag,status,expiryDate,parentIdTag,maxActiveTransactions
good,,,,
,Accepted,,,
GOOD,Accepted,,,
c,Expired,,,
d,,tomorrow,,
e,,,a-parent-that-is-too-long-for-it,
f,,,,many
g,,,
h,,,,,
"i,,,,
"""


def test_csv_names_every_bad_line_and_imports_nothing(tmp_path):
    with Daemon(tmp_path, {"id_tags": {"tags": [{"id": "Fixed"}]}}) as daemon:
        status, answer = daemon.api("POST", "/v1/id-tags.csv", {"csv": BAD})
        assert status == 422
        assert [item["line"] for item in answer["lines"]] == [3, 4, 5, 6, 7, 8, 9, 10, 11]
        assert "line 3:" in answer["detail"] and answer["type"].endswith("bad-lines")
        assert "not closed" in answer["lines"][-1]["text"]
        assert daemon.api("GET", "/v1/id-tags/good")[0] == 404
        for text in ("", "status\nAccepted\n", "idTag,colour\na,red\n", "idTag,idTag\na,b\n",
                     "idTag\nfixed\n"):
            assert daemon.api("POST", "/v1/id-tags.csv", {"csv": text})[0] == 422, text
        # A column that is left out changes nothing.
        assert daemon.api("PUT", "/v1/id-tags/x", {"status": "Blocked"})[0] == 200
        assert daemon.api("POST", "/v1/id-tags.csv", {"csv": "idTag,parentIdTag\nX,G\n"})[0] == 200
        found = daemon.api("GET", "/v1/id-tags/x")[1]
        assert (found["idTag"], found["status"], found["parentIdTag"]) == ("X", "Blocked", "G")


def test_ctl_imports_a_file(tmp_path):
    with Daemon(tmp_path) as daemon:
        good, bad = str(tmp_path / "good.csv"), str(tmp_path / "bad.csv")
        for path, text in ((good, "idTag,status\nA,Accepted\nB,Blocked\n"), (bad, "idTag,status\nC,Purple\n")):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        status, said, _ = daemon.ctl("id-tags", "import", good)
        assert (status, json.loads(said)["imported"]) == (0, 2)
        assert daemon.api("GET", "/v1/id-tags/B")[1]["status"] == "Blocked"
        status, _, error = daemon.ctl("id-tags", "import", bad)
        assert status == 9 and "1 line is wrong, nothing was imported: line 2: status" in error
        status, _, error = daemon.ctl("id-tags", "import", str(tmp_path / "none.csv"))
        assert status == 9 and "none.csv" in error


def test_csv_holds_at_once_for_a_cached_tag(tmp_path):
    async def body(daemon):
        async with Station.connect(daemon) as station:
            assert (await verdicts(station, ["new"]))["new"][0] == "Invalid"
            status, _ = await daemon.api_async("POST", "/v1/id-tags.csv", {"csv": "idTag\nNEW\n"})
            assert status == 200
            assert (await verdicts(station, ["new"]))["new"][0] == "Accepted"

    with Daemon(tmp_path) as daemon:
        run(body(daemon))


def test_export_that_nobody_reads_holds_no_stop_up(tmp_path):
    with Daemon(tmp_path, {"http_api": {"request_timeout": "10min", "max_pending": "64KiB"}},
                module_stop_timeout="10min") as daemon:
        lines = [f"{number:020d},{number:020d}" for number in range(20000)]
        text = "idTag,parentIdTag\n" + "\n".join(lines) + "\n"
        assert daemon.api("POST", "/v1/id-tags.csv", {"csv": text})[0] == 200
        with socket.socket(socket.AF_UNIX) as reader:
            reader.settimeout(DEADLINE_S)
            reader.connect(daemon.socket)
            reader.sendall(b"GET /v1/id-tags.csv HTTP/1.1\r\nHost: x\r\n\r\n")
            assert reader.recv(12) == b"HTTP/1.1 200"
            for name in ("id_tags", "ocpp16_core"):
                del daemon.settings["plugins"][name]
            daemon.write_config()
            assert daemon.api("POST", "/v1/reload")[0] == 200
            daemon.log.wait("module.stopped", name="id_tags")
            received = b""
            while chunk := reader.recv(65536):
                received = (received + chunk)[-64:]
            # Whole answers end with a chunk of nothing.
            assert not received.endswith(b"0\r\n\r\n")
