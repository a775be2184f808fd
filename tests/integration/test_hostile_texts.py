# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""What a hostile station says, as operators get to see it: a terminal must not obey it, a table must not
lose its columns, and a tag must not hide from the API."""

import asyncio
import json
import re

import pytest
from harness import Daemon, Station, now, run

# Escape sequences, one of them as a single character, line breaks, a text turned round.
NASTY = "\x1b[31m\x1b]0;x\x07\u009b2J\r\n\u202etxt\u2066\x7f"
# What no terminal may get, but for the line feeds of ocppctl itself.
OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


async def misbehave(station):
    """Nasty texts wherever a station may put one. Written as they are, not as escapes."""
    for action, payload in (
            ("BootNotification", {"chargePointVendor": NASTY[:60], "chargePointModel": "\u5145\u7535\u6869",
                                  "firmwareVersion": NASTY}),
            ("StatusNotification", {"connectorId": 1, "status": NASTY, "errorCode": "NoError",
                                    "info": NASTY, "vendorId": NASTY, "vendorErrorCode": NASTY}),
            ("StartTransaction", {"connectorId": 1, "idTag": NASTY[:20], "meterStart": 0,
                                  "timestamp": now()}),
            ("StopTransaction", {"transactionId": 1, "idTag": NASTY, "meterStop": 0, "timestamp": now(),
                                 "reason": NASTY}),
            ("DataTransfer", {"vendorId": NASTY}),
            ("Heartbeat" + NASTY, {})):
        future = asyncio.get_running_loop().create_future()
        station.pending[action] = future
        await station.socket.send(json.dumps([2, action, action, payload], ensure_ascii=False))
        await future
    station.on_call = {
        "Reset": lambda _: {"status": NASTY},
        "GetConfiguration": lambda _: {
            "configurationKey": [{"key": "K" + NASTY, "readonly": False, "value": NASTY}],
            "unknownKey": [NASTY]},
    }


COMMANDS = [
    ["stations"], ["stations", "show", "CP-1"], ["stations", "configuration", "CP-1"],
    ["stations", "diff", "CP-1", "a=b"], ["transactions"], ["transactions", "--json"], ["messages", "CP-1"],
    ["messages", "CP-1", "--json"], ["call", "CP-1", "Reset", "type=Soft"],
    ["call", "CP-1", "GetConfiguration"], ["call", "--stations", "CP-1", "GetConfiguration"],
    ["call", "--stations", "CP-1", "ClearCache"], ["call", "CP-1", "ClearCache"],
    ["call", "CP-1", "ClearCache", "--json"], ["queue"], ["jobs"],
]


def test_nothing_that_a_terminal_obeys_is_printed(tmp_path):
    async def body(daemon):
        async with Station.connect(daemon, boot=False) as station:
            await misbehave(station)
            loop = asyncio.get_running_loop()

            def refuse(_):
                return [4, station.calls[-1][1], "Bad" + NASTY, "No." + NASTY, {"why": NASTY}]
            station.on_call["ClearCache"] = refuse
            for words in COMMANDS:
                status, out, err = await loop.run_in_executor(None, lambda w=words: daemon.ctl(*w))
                assert out or err, words
                assert not OBEYED.search(out + err), (words, out, err)
                if "ClearCache" in words:
                    assert status == 4 and "No." in out + err

    with Daemon(tmp_path) as daemon:
        run(body(daemon))
        assert daemon.log.events("quirk.seen", station="CP-1", quirk="D11")


def test_error_of_a_station_is_mended_before_it_is_told(tmp_path):
    async def body(daemon):
        async with Station.connect(daemon) as station:
            station.on_call["ClearCache"] = lambda _: [
                4, station.calls[-1][1], "Bad\u009b", "No\x1b[2J", {}]
            status, found = await daemon.api_async(
                "POST", "/v1/stations/CP-1/commands/ClearCache", {})
            assert status == 502
            assert found["error"] == {"code": "Bad\ufffd", "description": "No\ufffd[2J", "details": {}}
            counts = (await daemon.api_async("GET", "/v1/stations/CP-1"))[1]["quirkCounts"]
            assert counts["D11"] == 1

    with Daemon(tmp_path) as daemon:
        run(body(daemon))


def test_long_name_of_an_action_is_cut_between_characters(tmp_path):
    async def body(daemon):
        async with Station.connect(daemon) as station:
            for fill in ("", "a", "aa"):
                answer = await (await station.send(fill + "\u6869" * 2000, {}))
                assert answer[2] == "NotImplemented"
            frames = await daemon.api_async("GET", "/v1/stations/CP-1/messages")
            assert frames[0] == 200

    with Daemon(tmp_path) as daemon:
        run(body(daemon))


@pytest.mark.parametrize("tag", ["a\nb", "a\r\nb", "a\tb"])
def test_tag_that_no_path_can_name_is_not_imported(tmp_path, tag):
    with Daemon(tmp_path) as daemon:
        status, said = daemon.api("POST", "/v1/id-tags.csv", {"csv": f'idTag\ngood\n"{tag}"\n'})
        assert status == 422 and said["lines"] == [
            {"line": 3, "text": "idTag holds a control character, such as a line break"}]
        assert daemon.api("GET", "/v1/id-tags")[1]["items"] == []


def test_every_bad_line_of_an_import_is_printed(tmp_path):
    with Daemon(tmp_path) as daemon:
        bad = tmp_path / "bad.csv"
        bad.write_text("idTag,status\n" + "".join(f"T{i},Purple\n" for i in range(40)), encoding="utf-8")
        status, _, said = daemon.ctl("id-tags", "import", str(bad))
        assert status == 9
        lines = said.splitlines()
        assert lines[0] == "ocppctl: 40 lines are wrong, nothing was imported"
        assert [int(re.match(r"  line (\d+): status is none of", line)[1]) for line in lines[1:]] == list(
            range(2, 42))


def test_file_in_another_encoding_is_refused_by_its_line(tmp_path):
    with Daemon(tmp_path) as daemon:
        bad = tmp_path / "bad.csv"
        bad.write_bytes(b"idTag,status\nA,Accepted\nT\xe4g,Accepted\n")
        status, _, said = daemon.ctl("id-tags", "import", str(bad))
        assert status == 9 and said == f"ocppctl: {bad}: line 3 is no UTF-8 text\n"
        assert daemon.api("GET", "/v1/id-tags")[1]["items"] == []
