# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""What one connection carried, and the rules that hold for every conversation."""

import datetime
import json
import re
import time

from harness import DEADLINE_S
from official import SCHEMAS

STATION = "station"
CSMS = "CSMS"

_TIME = re.compile(r"\d{4}-\d\d-\d\dT")
_OUR_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


class Tape:
    """A socket that remembers: (seconds since 1970, sender, frame)."""

    def __init__(self, socket):
        self.socket = socket
        self.frames = []

    def __getattr__(self, name):
        return getattr(self.socket, name)

    async def send(self, text):
        self.frames.append((time.time(), STATION, json.loads(text)))
        await self.socket.send(text)

    async def __aiter__(self):
        async for text in self.socket:
            self.frames.append((time.time(), CSMS, json.loads(text)))
            yield text


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


def check_station(frames):
    """Asserts that what the tester sends is OCPP, where the official schemas are at hand."""
    actions = {frame[1]: frame[2] for _, sender, frame in frames if sender == CSMS and frame[0] == 2}
    for _, sender, frame in frames if SCHEMAS.absence is None else ():
        if sender == STATION:
            is_request = frame[0] == 2
            action = frame[2] if is_request else actions[frame[1]]
            flaws = SCHEMAS.flaws(action, is_request, frame[-1])
            assert not flaws, f"{flaws} in {frame}"


def check(frames):
    """Asserts what the general validations and OCPP-J ask of the CSMS."""
    asked, answered, called = {}, set(), set()
    open_call = None
    for at, sender, frame in frames:
        kind, message_id = frame[0], frame[1]
        if sender == STATION and kind == 2:
            asked[message_id] = at
        elif sender == STATION:
            assert message_id == open_call, f"answers no open request: {frame}"
            open_call = None
        elif kind == 2:
            assert len(frame) == 4 and 1 <= len(message_id) <= 36, f"not a request: {frame}"
            assert message_id not in called, f"the id was used before: {frame}"
            assert open_call is None, f"a request before the last one was answered: {frame}"
            called.add(message_id)
            open_call = message_id
        else:
            assert kind == 3 and len(frame) == 3, f"not a confirmation: {frame}"
            assert message_id in asked, f"answers what was not asked: {frame}"
            assert message_id not in answered, f"a second answer: {frame}"
            assert at - asked[message_id] <= DEADLINE_S, f"too late: {frame}"
            answered.add(message_id)
        if sender == CSMS:
            for text in strings(frame[-1]):
                assert not _TIME.match(text) or _OUR_TIME.fullmatch(text), f"{text} in {frame}"
            _check_clock(frame[-1], asked.get(message_id), at)
    assert answered == set(asked), f"never answered: {set(asked) - answered}"
    assert open_call is None, f"never answered by the station: {open_call}"


def check_log(frames, items):
    """Asserts that the operator's list of frames, oldest first, tells the same; secrets are masked."""
    for sender, direction in ((STATION, "received"), (CSMS, "sent")):
        wanted = [frame for _, other, frame in frames if other == sender]
        shown = [item for item in items if item["direction"] == direction]
        assert len(shown) == len(wanted), f"{len(shown)} instead of {len(wanted)} frames {direction}"
        for frame, item in zip(wanted, shown):
            seen = json.loads(item["frame"])
            assert seen[:-1] == frame[:-1], f"{seen} instead of {frame}"
            assert item.get("masked") or seen == frame, f"{seen} instead of {frame}"


def _check_clock(payload, earliest, latest):
    """`currentTime` is the time of the answer; stations set their clocks by it."""
    if "currentTime" not in payload:
        return
    shown = datetime.datetime.strptime(payload["currentTime"], "%Y-%m-%dT%H:%M:%S.%fZ")
    shown = shown.replace(tzinfo=datetime.timezone.utc).timestamp()
    assert earliest - 0.01 <= shown <= latest + 0.01, f"{payload} between {earliest} and {latest}"
