# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""The newest frames of stations: both directions, masked, bounded, live, and off."""

import asyncio
import json

import pytest
from harness import DEADLINE_S, Daemon, Station, UnixHTTPConnection, run


FRAME_TEXT_MAX = 16384  # FRAMES_TEXT_MAX of core/ocpp/frames.h


class Stream:
    """Server-sent events over the Unix socket, read line by line with a deadline."""

    def __init__(self, daemon, query=""):
        self.connection = UnixHTTPConnection(daemon.socket)
        self.connection.request("GET", "/v1/events" + query)
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200

    def next(self):
        kind, data = None, None
        while True:
            line = self.answer.fp.readline()
            assert line, "the stream ended"
            line = line.decode().rstrip("\r\n")
            if line.startswith("event: "):
                kind = line[7:]
            elif line.startswith("data: "):
                data = json.loads(line[6:])
            elif line == "" and kind is not None:
                return kind, data

    def until(self, wanted, fits=lambda data: True):
        while True:
            kind, data = self.next()
            if kind == wanted and fits(data):
                return data

    def close(self):
        self.connection.close()



@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("frames")) as running:
        yield running


def messages(daemon, station_id, query=""):
    status, body = daemon.api("GET", f"/v1/stations/{station_id}/messages{query}")
    assert status == 200, body
    return body


def test_frames_of_both_directions_newest_first(daemon):
    async def go():
        async with Station.connect(daemon, "FR-1") as station:
            await station.call("Heartbeat", {}, "hb-1")
            return await daemon.api_async("GET", "/v1/stations/FR-1/messages")
    status, body = run(go())
    assert status == 200
    seen = [(item["direction"], item.get("action"), json.loads(item["frame"])[0])
            for item in body["items"]]
    assert seen == [("sent", "Heartbeat", 3), ("received", "Heartbeat", 2),
                    ("sent", "BootNotification", 3), ("received", "BootNotification", 2)]
    numbers = [item["sequence"] for item in body["items"]]
    assert numbers == sorted(numbers, reverse=True)
    assert json.loads(body["items"][1]["frame"]) == [2, "hb-1", "Heartbeat", {}]


def test_frames_are_of_their_station_only_and_page(daemon):
    async def go():
        async with Station.connect(daemon, "FR-2") as one, Station.connect(daemon, "FR-3") as two:
            for i in range(5):
                await one.call("Heartbeat", {}, f"one-{i}")
                await two.call("Heartbeat", {}, f"two-{i}")
    run(go())
    whole = messages(daemon, "FR-2")["items"]
    assert len(whole) == 12
    assert all("two-" not in item["frame"] for item in whole)
    pages, after = [], ""
    while True:
        page = messages(daemon, "FR-2", "?limit=5" + after)
        pages += page["items"]
        if "next" not in page:
            break
        after = "&after=" + page["next"]
    assert pages == whole
    beats = messages(daemon, "FR-2", "?action=Heartbeat&direction=received")["items"]
    assert [json.loads(item["frame"])[1] for item in beats] == [f"one-{i}" for i in (4, 3, 2, 1, 0)]


def test_secrets_are_masked_on_entry(daemon):
    secret = "0123456789abcdef0123"
    keys = [{"key": "AuthorizationKey", "value": secret, "readonly": False},
            {"key": "HeartbeatInterval", "value": "300", "readonly": False}]

    async def go():
        async with Station.connect(daemon, "FR-4") as station:
            station.on_call["GetConfiguration"] = lambda req: {"configurationKey": keys}
            return await daemon.api_async("POST", "/v1/stations/FR-4/commands/GetConfiguration", {})
    status, _ = run(go())
    assert status == 200
    items = messages(daemon, "FR-4", "?action=GetConfiguration")["items"]
    answer = next(item for item in items if item["direction"] == "received")
    assert answer["masked"]
    assert secret not in json.dumps(items)
    shown = json.loads(answer["frame"])[2]["configurationKey"]
    assert shown[0]["value"] == "***" and shown[1]["value"] == "300"


def test_a_key_that_is_changed_is_masked(daemon):
    secret = "fedcba9876543210fedc"

    async def go():
        async with Station.connect(daemon, "FR-9") as station:
            station.on_call["ChangeConfiguration"] = lambda req: {"status": "Accepted"}
            status, _ = await daemon.api_async(
                "POST", "/v1/stations/FR-9/commands/ChangeConfiguration",
                {"key": "authorizationkey", "value": secret})
            assert status == 200
            return station.calls
    assert run(go())[0][3]["value"] == secret
    sent = messages(daemon, "FR-9", "?action=ChangeConfiguration&direction=sent")["items"]
    assert json.loads(sent[0]["frame"])[3] == {"key": "authorizationkey", "value": "***"}


def test_a_stray_answer_is_shown_without_its_payload(daemon):
    async def go():
        async with Station.connect(daemon, "FR-5") as station:
            await station.socket.send(json.dumps([3, "nobody", {"secret": "hidden-thing"}]))
            await station.call("Heartbeat", {})
    run(go())
    text = json.dumps(messages(daemon, "FR-5"))
    assert "nobody" in text and "hidden-thing" not in text


def test_unreadable_frames_are_kept_and_marked(daemon):
    async def go():
        async with Station.connect(daemon, "FR-6") as station:
            await station.socket.send("[2,\"broken")
            await station.call("Heartbeat", {})
    run(go())
    items = [item for item in messages(daemon, "FR-6")["items"] if item.get("unreadable")]
    assert len(items) == 1 and items[0]["frame"] == "[2,\"broken"


def test_unknown_and_silent_stations(daemon):
    status, body = daemon.api("GET", "/v1/stations/FR-NONE/messages")
    assert status == 404 and body["type"].endswith("unknown-station")
    assert daemon.api("PUT", "/v1/stations/FR-NEW", {})[0] in (200, 201, 204)
    assert messages(daemon, "FR-NEW")["items"] == []


def test_live_frames_beside_events(daemon):
    stream = Stream(daemon, "?frames=true&stationId=FR-7")

    async def go():
        async with Station.connect(daemon, "FR-7") as station:
            await station.call("Heartbeat", {}, "live-1")
        async with Station.connect(daemon, "FR-8") as station:
            await station.call("Heartbeat", {}, "other-1")
    run(go())
    assert stream.until("station.connected")["stationId"] == "FR-7"
    frame = stream.until("frame", lambda data: data.get("action") == "Heartbeat")
    assert json.loads(frame["frame"])[1] == "live-1" and frame["direction"] == "received"
    stream.close()


def test_ctl_shows_frames(daemon):
    status, out, err = daemon.ctl("messages", "FR-1")
    assert status == 0, err
    assert "Heartbeat" in out and "received" in out and "TIME" in out.upper()


def test_the_ring_is_bounded_and_forgets_the_oldest(tmp_path):
    with Daemon(tmp_path, frames_memory="64KiB") as daemon:
        async def go():
            async with Station.connect(daemon, "FR-1") as station:
                for i in range(400):
                    await station.call("Heartbeat", {}, f"{i:03}-" + "x" * 30)
        run(go())
        page = messages(daemon, "FR-1", "?limit=1000")
        assert 100 < len(page["items"]) < 800
        newest = json.loads(page["items"][1]["frame"])[1]
        assert newest.startswith("399-")
        assert "BootNotification" not in json.dumps(page)


def test_long_frames_are_cut_between_characters(daemon):
    async def go():
        async with Station.connect(daemon, "FR-10") as station:
            for i, text in enumerate(("short", *(pad * "x" + "\u20ac" * 10000 for pad in range(3)))):
                answered = asyncio.get_running_loop().create_future()
                station.pending[f"m{i}"] = answered
                await station.socket.send(json.dumps(
                    [2, f"m{i}", "DataTransfer", {"vendorId": "v", "data": text}], ensure_ascii=False))
                await asyncio.wait_for(answered, DEADLINE_S)
    run(go())
    whole, cut = [], []
    for item in messages(daemon, "FR-10", "?action=DataTransfer&direction=received")["items"]:
        (cut if item.get("cut") else whole).append(item)
    assert [json.loads(item["frame"])[1] for item in whole] == ["m0"]
    assert len(cut) == 3
    lengths = [len(item["frame"].encode()) for item in cut]
    # Never half a character: one of the three ends at the bound, the others before it.
    assert sorted(lengths) == [FRAME_TEXT_MAX - 2, FRAME_TEXT_MAX - 1, FRAME_TEXT_MAX]
    for item in cut:
        assert item["frame"].startswith('[2,') and item["frame"].endswith("\u20ac")
        assert item["bytes"] > 30000


def test_what_fits_no_filter_is_an_empty_page(daemon):
    async def go():
        async with Station.connect(daemon, "FR-11") as station:
            await station.call("Heartbeat", {}, "only")
    run(go())
    for query, count in (("?direction=sent&action=Heartbeat", 1), ("?action=Reset", 0),
                         ("?action=heartbeat", 0), ("?after=1", 0), ("?limit=1", 1)):
        page = messages(daemon, "FR-11", query)
        assert len(page["items"]) == count, query
        assert ("next" in page) == (query == "?limit=1"), query
    for query in ("?limit=0", "?limit=1001", "?direction=both", "?after=x", "?after=-1"):
        assert daemon.api("GET", "/v1/stations/FR-11/messages" + query)[0] == 400, query


def test_frames_can_be_turned_off_and_on(tmp_path):
    with Daemon(tmp_path, frames_memory=0) as daemon:
        async def beat():
            async with Station.connect(daemon, "FR-1") as station:
                await station.call("Heartbeat", {})
        run(beat())
        status, body = daemon.api("GET", "/v1/stations/FR-1/messages")
        assert status == 501 and body["type"].endswith("frames-off")
        daemon.settings["frames_memory"] = "1MiB"
        daemon.write_config()
        assert daemon.api("POST", "/v1/reload")[0] == 200
        run(beat())
        assert len(messages(daemon, "FR-1")["items"]) == 4
