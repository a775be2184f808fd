# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""The two roles that the testing tool plays: the charge point, and the operator of the CSMS.

A case reads as its sequence does: `cp.call` and its short forms are requests of the charge point,
`operator.request` is one of the CSMS, made by an operator, with what the charge point answers. Both
fail where the other side does anything else.
"""

import asyncio
import contextlib
import json

import conversation
from harness import DEADLINE_S, Daemon, Station, now

MODULES = ["ocpp16_firmware_management", "ocpp16_local_auth_list", "ocpp16_remote_trigger",
           "ocpp16_reservation", "ocpp16_smart_charging", "metrics"]
CONNECTORS = 2

VALID = "04A2B3C4D5E680"
SAME_PARENT = "04A2B3C4D5E681"
PARENT = "FLEET-7"
EXPIRED = "EXPIRED-1"
BLOCKED = "BLOCKED-1"
UNKNOWN = "NOBODY-KNOWS-THIS"
TAGS = {
    VALID: {"parentIdTag": PARENT},
    SAME_PARENT: {"parentIdTag": PARENT},
    EXPIRED: {"expiryDate": "2020-01-01T00:00:00.000Z"},
    BLOCKED: {"status": "Blocked"},
}

# What ocppctl's exit status calls a success.
ACCEPTING = ("Accepted", "Scheduled", "RebootRequired", "Unlocked")


@contextlib.contextmanager
def csms(folder, plugins=None, **top):
    """The daemon with every module and default options; tags and stations come by its API. What it
    might send by itself, it sends at once."""
    loaded = {**{name: {} for name in MODULES}, "stations": {"unknown": "reject"},
              "file_hosting": {"port": 0, "path": str(folder) + "/files", "min_free": "0B"},
              **(plugins or {})}
    with Daemon(folder, loaded, connect_grace="0s", **top) as daemon:
        for tag, members in TAGS.items():
            status, body = daemon.api("PUT", f"/v1/id-tags/{tag}", members)
            assert status in (200, 201), body
        yield daemon


def provision(daemon, identity, **members):
    status, body = daemon.api("PUT", f"/v1/stations/{identity}", {"securityProfile": 0, **members})
    assert status in (200, 201), body


class Played(Station):
    """A connection whose requests are answered by the case, one by one."""

    def __init__(self, socket):
        self.tape = conversation.Tape(socket)
        self.requests = asyncio.Queue()
        super().__init__(self.tape)

    async def _serve(self, frame):
        self.requests.put_nowait(frame)


class ChargePoint:
    """The simulated station of one case."""

    def __init__(self, daemon, identity):
        self.daemon = daemon
        self.identity = identity
        self.played = None
        self.meter = 1000
        self.firmware = "1.4.2"

    @contextlib.asynccontextmanager
    async def online(self, **how):
        """A connection; at its end the CSMS must have done nothing beyond what the case saw."""
        async with Played.connect(self.daemon, self.identity, boot=False, **how) as self.played:
            yield self
            await self.settle()
            conversation.check(self.played.tape.frames)
            conversation.check_station(self.played.tape.frames)
            await self.check_log()

    @contextlib.asynccontextmanager
    async def booted(self, **how):
        """State Booted, on a connection of its own."""
        async with self.online(**how):
            await self.boot()
            yield self

    async def settle(self):
        """What the CSMS sends by itself would come before the answer to one more request."""
        if self.played.socket.open:
            await self.call("Heartbeat", {})

    async def check_log(self):
        """The frames that operators see are those that went over the wire."""
        frames = self.played.tape.frames
        status, body = await self.daemon.api_async(
            "GET", f"/v1/stations/{self.identity}/messages?limit={len(frames)}")
        assert status == 200, body
        conversation.check_log(frames, list(reversed(body["items"])))

    async def lose(self):
        """The cable is cut: no closing handshake."""
        await self.settle()
        self.played.socket.transport.abort()
        await asyncio.wait_for(self.played.socket.wait_closed(), DEADLINE_S)

    # ---- Requests of the CSMS ----

    async def requested(self, action):
        """The next request of the CSMS, which has to be this one: message id and payload."""
        frame = await asyncio.wait_for(self.played.requests.get(), DEADLINE_S)
        assert frame[2] == action, f"{action} was due, not {frame}"
        return frame[1], frame[3]

    async def answer(self, message_id, payload):
        await self.played.socket.send(json.dumps([3, message_id, payload]))

    # ---- Requests of the charge point ----

    async def call(self, action, payload):
        """The confirmation's payload. A CALLERROR is raised; a request meanwhile fails the case."""
        confirmation = await self.played.call(action, payload)
        assert self.played.requests.empty(), f"unexpected: {self.played.requests.get_nowait()}"
        return confirmation

    async def boot(self, **statuses):
        confirmation = await self.call("BootNotification", {
            "chargePointVendor": "VendorX", "chargePointModel": "DualSocket",
            "chargePointSerialNumber": "SN-000123", "firmwareVersion": self.firmware})
        assert confirmation["status"] == "Accepted" and confirmation["interval"] > 0, confirmation
        await self.statuses("Available", **statuses)
        return confirmation

    async def status(self, status, connector=1, error="NoError"):
        assert await self.call("StatusNotification", {
            "connectorId": connector, "errorCode": error, "status": status,
            "timestamp": now()}) == {}

    async def statuses(self, status, **others):
        """One for connector 0 and each connector; others: connector_1="Finishing"."""
        for connector in range(CONNECTORS + 1):
            await self.status(others.get(f"connector_{connector}", status), connector)

    async def authorize(self, tag=VALID, status="Accepted"):
        info = (await self.call("Authorize", {"idTag": tag}))["idTagInfo"]
        assert info["status"] == status, info
        return info

    async def start(self, tag=VALID, connector=1, status="Accepted", **more):
        """The new transaction's id."""
        confirmation = await self.call("StartTransaction", {
            "connectorId": connector, "idTag": tag, "meterStart": self.meter, "timestamp": now(),
            **more})
        assert confirmation["idTagInfo"]["status"] == status, confirmation
        assert 0 < confirmation["transactionId"] < 2**31
        return confirmation["transactionId"]

    async def stop(self, transaction_id, reason, tag=VALID, **more):
        self.meter += 500
        confirmation = await self.call("StopTransaction", {
            "transactionId": transaction_id, "meterStop": self.meter, "timestamp": now(),
            "reason": reason, "idTag": tag, **more})
        if tag == VALID:
            assert confirmation["idTagInfo"]["status"] == "Accepted", confirmation

    async def charging(self, tag=VALID, connector=1, **more):
        """State Charging; gives the transaction's id."""
        await self.authorize(tag)
        await self.status("Preparing", connector)
        transaction_id = await self.start(tag, connector, **more)
        await self.status("Charging", connector)
        return transaction_id


class Operator:
    """Operates the CSMS by its HTTP API ("api") or by its command line ("ocppctl")."""

    def __init__(self, daemon, cp, tool):
        self.daemon = daemon
        self.cp = cp
        self.tool = tool

    async def request(self, action, payload, answer):
        """Has the CSMS send a request, answers it, and sees that the operator is shown the answer.
        Gives the payload as the charge point got it."""
        by = self._by_ocppctl if self.tool == "ocppctl" else self._by_api
        asked = asyncio.ensure_future(by(action, payload))
        received = await self.served(asked, action, answer)
        assert await asked == answer
        return received

    async def served(self, asked, action, answer):
        """Answers the request that is due because of what was asked; gives its payload."""
        arrived = asyncio.ensure_future(self.cp.requested(action))
        try:
            await asyncio.wait({asked, arrived}, return_when=asyncio.FIRST_COMPLETED)
            if not arrived.done():
                raise AssertionError(f"{action} was not sent: {await asked}")
            message_id, received = await arrived
        except BaseException:
            asked.cancel()
            arrived.cancel()
            raise
        await self.cp.answer(message_id, answer)
        return received

    def asks(self, path, body, *words):
        """A POST, or the words for ocppctl that do the same; the future gives the daemon's answer."""
        async def ask():
            if self.tool == "ocppctl":
                status, answer = await self.ocppctl(*words)
                assert status == 0, answer
                return answer
            status, answer = await self.daemon.api_async("POST", path, body)
            assert status in (200, 202), answer
            return answer
        return asyncio.ensure_future(ask())

    async def _by_api(self, action, payload):
        status, body = await self.daemon.api_async(
            "POST", f"/v1/stations/{self.cp.identity}/commands/{action}", payload)
        assert (status, body.get("result")) == (200, "confirmed"), body
        return body["response"]

    async def _by_ocppctl(self, action, payload):
        words = [f"{name}={value}" for name, value in payload.items()]
        if any(isinstance(value, (dict, list)) for value in payload.values()):
            words = [json.dumps(payload)]
        status, body = await self.ocppctl("call", self.cp.identity, action, *words)
        assert body["result"] == "confirmed", body
        is_accepted = body["response"].get("status", "Accepted") in ACCEPTING
        assert status == (0 if is_accepted else 3), (status, body)
        return body["response"]

    async def ocppctl(self, *words):
        """Exit status and answer."""
        status, out, err = await asyncio.get_running_loop().run_in_executor(
            None, lambda: self.daemon.ctl("--json", *words))
        assert out, f"ocppctl ended with {status}: {err}"
        return status, json.loads(out)

    async def look(self, path):
        status, body = await self.daemon.api_async("GET", path)
        assert status == 200, body
        return body

    async def sees(self, path, is_right):
        """What follows from an answer is recorded behind it: looks until it is there."""
        end = asyncio.get_running_loop().time() + DEADLINE_S
        while True:
            body = await self.look(path)
            if is_right(body):
                return body
            assert asyncio.get_running_loop().time() < end, body
            await asyncio.sleep(0.02)

    async def sees_transaction(self, transaction_id, **members):
        return await self.sees(
            f"/v1/transactions/{transaction_id}",
            lambda found: all(found.get(name) == value for name, value in members.items()))

    async def sees_status(self, connector, status):
        return await self.sees(
            f"/v1/stations/{self.cp.identity}",
            lambda found: any(item["connectorId"] == connector and item["status"] == status
                              for item in found["connectors"]))
