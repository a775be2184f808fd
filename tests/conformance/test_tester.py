# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""That the tester notices what a CSMS does wrong."""

import json
import time

import conversation
import pytest
from conversation import CSMS, STATION
from harness import DEADLINE_S, CallError
from octt import ChargePoint, Operator, csms, provision
from official import SCHEMAS

CALL = [2, "1", "Heartbeat", {}]
ANSWER = [3, "1", {"currentTime": "2026-01-01T00:00:00.000Z"}]
RESET = [2, "a", "Reset", {"type": "Soft"}]
DONE = [3, "a", {"status": "Accepted"}]
START_S = 1767225600  # that time


def played(*steps, pace=0.0):
    return [(START_S + i * pace, sender, frame) for i, (sender, frame) in enumerate(steps)]


ASKED = (STATION, CALL)


def test_good_conversation():
    conversation.check(played(ASKED, (CSMS, ANSWER), (CSMS, RESET), (STATION, DONE)))


BAD = {
    "no answer": [ASKED],
    "two answers": [ASKED, (CSMS, ANSWER), (CSMS, ANSWER)],
    "not asked": [(CSMS, ANSWER)],
    "an error": [ASKED, (CSMS, [4, "1", "InternalError", "", {}])],
    "an element too many": [ASKED, (CSMS, [*ANSWER, {}])],
    "time without fraction": [ASKED, (CSMS, [3, "1", {"currentTime": "2026-01-01T00:00:00Z"}])],
    "time with offset": [(CSMS, [2, "a", "X", {"a": [{"b": "2026-01-01T00:00:00.000+00:00"}]}]), (STATION, DONE)],
    "a wrong clock": [ASKED, (CSMS, [3, "1", {"currentTime": "2026-01-01T00:00:01.000Z"}])],
    "no confirmation": [(CSMS, RESET)],
    "the same id": [(CSMS, RESET), (STATION, DONE), (CSMS, RESET), (STATION, DONE)],
    "two requests": [(CSMS, RESET), (CSMS, [2, "b", "Reset", {}]), (STATION, DONE)],
    "a long id": [(CSMS, [2, "x" * 37, "Reset", {}]), (STATION, [3, "x" * 37, {}])],
}


@pytest.mark.parametrize("steps", BAD.values(), ids=BAD)
def test_bad_conversation(steps):
    with pytest.raises(AssertionError):
        conversation.check(played(*steps))


@pytest.mark.skipif(SCHEMAS.absence is not None, reason="there are no schemas")
@pytest.mark.parametrize("frame", [[2, "1", "Heartbeat", {"at": 1}], [3, "a", {"status": "Perhaps"}]])
def test_tester_that_breaks_the_schema(frame):
    conversation.check_station(played(ASKED, (CSMS, RESET), (STATION, DONE)))
    with pytest.raises(AssertionError):
        conversation.check_station(played(ASKED, (CSMS, RESET), (STATION, frame)))


def test_late_answer():
    late = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(START_S + DEADLINE_S + 1))
    with pytest.raises(AssertionError, match="too late"):
        conversation.check(played(ASKED, (CSMS, [3, "1", {"currentTime": late}]), pace=DEADLINE_S + 1))


WRONG_LOG = {
    "a frame is missing": [("received", CALL)],
    "a frame too many": [("received", CALL), ("sent", ANSWER), ("sent", RESET)],
    "another id": [("received", CALL), ("sent", [3, "2", ANSWER[2]])],
    "another content": [("received", CALL), ("sent", [3, "1", {}])],
}


def logged(steps, **more):
    return [{"direction": direction, "frame": json.dumps(frame), **more} for direction, frame in steps]


def test_log_that_agrees():
    frames = played(ASKED, (CSMS, ANSWER))
    conversation.check_log(frames, logged([("received", CALL), ("sent", ANSWER)]))
    conversation.check_log(frames, logged([("received", CALL), ("sent", [3, "1", {}])], masked=True))


@pytest.mark.parametrize("steps", WRONG_LOG.values(), ids=WRONG_LOG)
def test_log_that_differs(steps):
    with pytest.raises(AssertionError):
        conversation.check_log(played(ASKED, (CSMS, ANSWER)), logged(steps))


@pytest.fixture(scope="module")
def curious(tmp_path_factory):
    """A CSMS that asks by itself after a boot."""
    plugins = {"ocpp16_core": {"read_configuration": ["HeartbeatInterval"]}}
    with csms(tmp_path_factory.mktemp("curious"), plugins) as running:
        yield running


@pytest.fixture
def cp(request, curious):
    provision(curious, request.node.name)
    return ChargePoint(curious, request.node.name)


async def test_unexpected_request(cp):
    with pytest.raises(AssertionError, match="unexpected"):
        async with cp.online():
            await cp.boot()
            while True:
                await cp.call("Heartbeat", {})


async def test_another_request(curious, cp):
    with pytest.raises(AssertionError, match="Reset was due"):
        async with cp.online():
            await cp.played.boot()
            while cp.played.requests.empty():
                await cp.played.call("Heartbeat", {})
            await Operator(curious, cp, "api").request("Reset", {"type": "Soft"}, {"status": "Accepted"})


async def test_request_that_is_not_sent(curious, cp):
    with pytest.raises(AssertionError, match="invalid-payload"):
        async with cp.online():
            await Operator(curious, cp, "api").request("Reset", {"type": "Lukewarm"}, {"status": "Accepted"})


async def test_callerror(cp):
    with pytest.raises(CallError):
        async with cp.online():
            await cp.call("Nonsense", {})
