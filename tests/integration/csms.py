# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""A small CSMS that is not ours, and `ocppd-station` as a process that talks to it."""

import asyncio
import contextlib
import json
import os
import uuid

import websockets
from harness import BIN, DEADLINE_S, CallError, now
from official import SCHEMAS, Conversation


class OfStation(Conversation):
    """What ocppd-station sends, judged by the same rules; not counted with the daemon's."""

    def _payload(self, kind, action, is_request, payload):
        if not isinstance(payload, dict):
            return ["a payload is an object"]
        if SCHEMAS.absence is not None or (action, is_request) not in SCHEMAS.validators:
            return []
        return SCHEMAS.flaws(action, is_request, payload)


class Csms:
    """Answers what a station sends, and keeps it. One station at a time."""

    def __init__(self):
        self.socket = None
        self.calls = []  # (action, payload) in the order they came
        self.taken = 0
        self.connections = 0
        self.transaction = 100
        self.pending = {}
        self.is_judged = True  # of a station that is not told to break rules
        self.conversation = None
        self.changed = asyncio.Condition()
        self.answers = {
            "Authorize": lambda _: {"idTagInfo": {"status": "Accepted"}},
            "BootNotification": lambda _: {
                "status": "Accepted", "currentTime": now(), "interval": 300},
            "DataTransfer": lambda _: {"status": "UnknownVendorId"},
            "Heartbeat": lambda _: {"currentTime": now()},
            "StartTransaction": self._start,
            "StopTransaction": lambda _: {},
        }

    @classmethod
    @contextlib.asynccontextmanager
    async def serve(cls):
        self = cls()
        async with websockets.serve(self._on_station, "127.0.0.1", 0, subprotocols=["ocpp1.6"],
                                    ping_interval=None, close_timeout=5) as server:
            self.port = server.sockets[0].getsockname()[1]
            yield self

    def _start(self, _):
        self.transaction += 1
        return {"idTagInfo": {"status": "Accepted"}, "transactionId": self.transaction}

    async def _note(self):
        async with self.changed:
            self.changed.notify_all()

    async def _on_station(self, socket, _path=None):
        self.socket = socket
        self.conversation = OfStation()
        self.connections += 1
        await self._note()
        with contextlib.suppress(websockets.ConnectionClosed):
            async for text in socket:
                if self.is_judged:
                    self.conversation.received(text)
                await self._on_frame(socket, json.loads(text))
        if self.socket is socket:
            self.socket = None
        for future in self.pending.values():
            if not future.done():
                future.set_exception(ConnectionError("the station went"))
                future.exception()  # not everyone waits for it
        await self._note()

    async def _on_frame(self, socket, frame):
        if frame[0] == 2:
            self.calls.append((frame[2], frame[3]))
            reply = self.answers.get(frame[2], lambda _: {})(frame[3])
            await self._send(socket, [3, frame[1], reply])
            await self._note()
        elif frame[1] in self.pending:
            self.pending.pop(frame[1]).set_result(frame)

    async def _send(self, socket, frame):
        text = json.dumps(frame)
        self.conversation.sent(text)
        await socket.send(text)

    async def until(self, check):
        """Waits until check() gives something true, and gives it."""
        async def wait():
            async with self.changed:
                while not (found := check()):
                    await self.changed.wait()
                return found
        return await asyncio.wait_for(wait(), DEADLINE_S)

    async def send(self, action, payload=None):
        future = asyncio.get_running_loop().create_future()
        message_id = str(uuid.uuid4())
        self.pending[message_id] = future
        await self._send(self.socket, [2, message_id, action, payload or {}])
        return future

    async def call(self, action, payload=None):
        """The confirmation; CallError for a CALLERROR."""
        frame = await asyncio.wait_for(await self.send(action, payload), DEADLINE_S)
        if frame[0] == 4:
            raise CallError(*frame[2:5])
        return frame[2]

    async def next(self, action, **wanted):
        """The next message of that action with these members, after those that were asked for."""
        def find():
            for at in range(self.taken, len(self.calls)):
                name, payload = self.calls[at]
                if name == action and all(payload.get(k) == v for k, v in wanted.items()):
                    self.taken = at + 1
                    return (payload,)
            return None
        try:
            return (await self.until(find))[0]
        except asyncio.TimeoutError:
            raise AssertionError(
                f"no {action} {wanted} among {self.calls[self.taken:]}") from None

    def sent(self, action):
        return [payload for name, payload in self.calls if name == action]


class StationProcess:
    """`ocppd-station` against a port of ours; what it prints is kept as dicts."""

    def __init__(self, process):
        self.process = process
        self.lines = []
        self.reader = asyncio.ensure_future(self._read())

    @classmethod
    @contextlib.asynccontextmanager
    async def run(cls, url, *args, status=None):
        """status: the exit status to expect; None: it runs until we are done with it."""
        process = await asyncio.create_subprocess_exec(
            os.path.join(BIN, "ocppd-station"), "--url", url, "--id", "CP-1", "--json",
            "--verbose", *args,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
        self = cls(process)
        try:
            yield self
            if status is not None:
                assert await self.wait() == status, self.text()
        except BaseException:
            print(self.text())
            raise
        finally:
            if process.returncode is None:
                process.terminate()
            ended = await self.wait()
        # A sanitizer's complaint is neither of its own statuses.
        assert ended in (0, 1, 2), self.text()

    async def _read(self):
        async for line in self.process.stdout:
            self.lines.append(json.loads(line))

    async def wait(self):
        status = await asyncio.wait_for(self.process.wait(), DEADLINE_S)
        await asyncio.wait_for(self.reader, DEADLINE_S)
        return status

    async def type(self, line):
        self.process.stdin.write((line + "\n").encode())
        await self.process.stdin.drain()

    def text(self):
        return "\n".join(f"{line.get('kind')} {line.get('action', '')} {line['text']}"
                         for line in self.lines)

    def events(self, event):
        return [line for line in self.lines if line["event"] == event]


@contextlib.asynccontextmanager
async def bed(*args, status=None, ready=True, answers=None, judged=True):
    """A CSMS and a station that stays; ready: it has booted and reported its connectors."""
    async with Csms.serve() as csms:
        csms.answers.update(answers or {})
        csms.is_judged = judged
        url = f"ws://127.0.0.1:{csms.port}/ocpp"
        async with StationProcess.run(url, *args, status=status) as station:
            if ready:
                await csms.next("StatusNotification", connectorId=2)
            yield csms, station
