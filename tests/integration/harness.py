# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""The daemon as a process, stations as WebSocket clients that are not our code, and its API.

What the daemon sends to a station is checked against the official schemas (official.py).
Everything listens on loopback, on ports the kernel chose. Every wait has a deadline.
"""

import asyncio
import contextlib
import http.client
import json
import os
import re
import resource
import select
import shlex
import signal
import socket
import subprocess
import threading
import time
import uuid

import pytest
import websockets
from described import description_of
from official import Conversation

DEADLINE_S = float(os.environ.get("OCPPD_TEST_DEADLINE", "30"))
BIN = os.environ["OCPPD_BIN_DIR"]
PLUGINS = os.environ["OCPPD_PLUGIN_DIR"]

_WORD = re.compile(r'([a-z_]+)=("(?:[^"\\]|\\.)*"|\S*)')


def parse_log(line):
    """One logfmt line as a dict; {} for anything else."""
    found = {}
    for key, value in _WORD.findall(line):
        if value.startswith('"'):
            value = bytes(value[1:-1], "utf-8").decode("unicode_escape", "replace")
        found[key] = value
    return found if "ev" in found else {}


class Log:
    """What a process wrote to stderr. A thread follows it, and whoever asks takes what has come
    since: whatever was logged before an effect that a test saw is found, however late the thread."""

    def __init__(self, stream):
        self.stream = stream
        self.rest = b""
        self.kept = []
        self.parsed = []
        self.condition = threading.Condition()
        self.is_open = True
        os.set_blocking(stream.fileno(), False)
        self.thread = threading.Thread(target=self._follow, daemon=True)
        self.thread.start()

    def _follow(self):
        poller = select.poll()
        poller.register(self.stream.fileno(), select.POLLIN)
        while self.is_open:
            poller.poll()
            self._take()

    def _take(self):
        with self.condition:
            while self.is_open:
                try:
                    chunk = os.read(self.stream.fileno(), 65536)
                except BlockingIOError:
                    return
                *whole, self.rest = (self.rest + chunk).split(b"\n")
                if not chunk:
                    self.is_open = False
                    whole = [self.rest] if self.rest else []
                for raw in whole:
                    self.kept.append(raw.decode("utf-8", "replace"))
                    self.parsed.append(parse_log(self.kept[-1]))
                self.condition.notify_all()

    @property
    def lines(self):
        self._take()
        return list(self.kept)

    def events(self, event=None, **wanted):
        self._take()
        return [fields for fields in list(self.parsed) if self._is(fields, event, wanted)]

    @staticmethod
    def _is(fields, event, wanted):
        if not fields or (event is not None and fields["ev"] != event):
            return False
        return all(fields.get(key) == str(value) for key, value in wanted.items())

    def wait(self, event, **wanted):
        end = time.monotonic() + DEADLINE_S
        seen = 0
        with self.condition:
            while True:
                for fields in self.parsed[seen:]:
                    if self._is(fields, event, wanted):
                        return fields
                seen = len(self.parsed)
                left = end - time.monotonic()
                if left <= 0 or not self.is_open:
                    raise AssertionError(
                        f"no log event {event} {wanted}; log was:\n" + "\n".join(self.kept))
                self.condition.wait(left)

    def wait_for(self, is_met):
        """Until is_met(log), asked again with each line."""
        end = time.monotonic() + DEADLINE_S
        with self.condition:
            while not is_met(self):
                left = end - time.monotonic()
                if left <= 0 or not self.is_open:
                    raise AssertionError("never met; log was:\n" + "\n".join(self.kept))
                self.condition.wait(left)

    def text(self):
        return "\n".join(self.lines)


def to_yaml(value):
    """JSON is YAML."""
    return json.dumps(value, indent=1)


class UnixHTTPConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=DEADLINE_S)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Follower:
    """GET /v1/events, event by event."""

    def __init__(self, daemon, query="", **headers):
        self.connection = UnixHTTPConnection(daemon.socket)
        self.connection.request("GET", "/v1/events" + query, headers=headers)
        self.answer = self.connection.getresponse()
        if self.answer.status == 200:
            assert self.answer.readline() == b": ocppd\n" and self.answer.readline() == b"\n"

    def next(self):
        event = {}
        while True:
            line = self.answer.readline().decode()
            assert line, "the stream ended"
            line = line.rstrip("\n")
            if not line and event:
                event["data"] = json.loads(event["data"])
                return event
            if line and not line.startswith(":"):
                name, value = line.split(": ", 1)
                event[name] = value

    def next_body(self):
        """What a module published."""
        return self.next()["data"]["body"]

    def close(self):
        self.connection.close()
        self.answer.close()


class Daemon:
    """`ocppd` in a folder of its own. Use as a context manager."""

    def __init__(self, folder, plugins=None, log_level="debug", **top):
        self.folder = str(folder)
        self.socket = os.path.join(self.folder, "control.sock")
        self.config = os.path.join(self.folder, "ocppd.yaml")
        self.log_level = log_level
        self.process = None
        self.log = None
        self.port = None
        everything = {
            "storage_sqlite": {"path": os.path.join(self.folder, "ocppd.db")},
            "ocpp16_core": {},
            "stations": {"unknown": "accept"},
            "id_tags": {},
            "http_api": {"socket": self.socket, "tcp": False},
        }
        for name, options in (plugins or {}).items():
            if options is None:
                everything.pop(name, None)
            else:
                everything.setdefault(name, {}).update(options)
        self.settings = {
            "listeners": [{"address": "127.0.0.1", "port": 0, "path": "/ocpp"}],
            "plugins": everything,
        }
        self.settings.update(top)
        self.write_config()

    def write_config(self):
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(to_yaml(self.settings))

    def command(self, *args):
        wrapper = shlex.split(os.environ.get("OCPPD_WRAPPER", ""))
        return wrapper + [os.path.join(BIN, "ocppd"), "--config", self.config, "--module-dir", PLUGINS,
                          "--vendor-conf-dir", self.folder + "/none", *args]

    def check(self):
        """`ocppd --check`: exit status and what it said."""
        done = subprocess.run(self.command("--check"), capture_output=True, text=True,
                              timeout=DEADLINE_S, check=False)
        return done.returncode, done.stdout + done.stderr

    def launch(self):
        """Starts the process without waiting for it to be ready."""
        self.process = subprocess.Popen(self.command("--log-level", self.log_level),
                                        stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                                        cwd=self.folder)
        self.log = Log(self.process.stderr)

    def start(self):
        self.launch()
        address = self.log.wait("listener.opened")["address"]
        self.log.wait("daemon.started")
        self.port = int(address.rsplit(":", 1)[1])
        return self

    def wait(self):
        status = self.process.wait(DEADLINE_S)
        self.log.thread.join(DEADLINE_S)
        return status

    def stop(self, signo=signal.SIGTERM):
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signo)
        try:
            status = self.wait()
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.wait()
            raise
        self.process = None
        return status

    def kill(self):
        """What a power cut does to it."""
        return self.stop(signal.SIGKILL)

    def restart(self, signo=signal.SIGTERM):
        self.stop(signo)
        return self.start()

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, value, trace):
        log = self.log
        status = self.stop()
        if kind is not None:
            print(log.text())
        elif status not in (0, None):
            raise AssertionError(f"ocppd ended with {status}:\n{log.text()}")

    def api(self, method, path, body=None, headers=None):
        """One request over the Unix socket: status and decoded body."""
        connection = UnixHTTPConnection(self.socket)
        try:
            sent = dict(headers or {})
            if body is not None:
                sent.setdefault("Content-Type", "application/json")
                body = body if isinstance(body, (bytes, str)) else json.dumps(body)
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            raw = answer.read()
        finally:
            connection.close()
        described = description_of((*sorted(self.settings["plugins"]), PLUGINS), self.describe)
        if described is not None:
            described.check(method, path, answer.status, answer.getheader("Content-Type"), raw)
        return answer.status, json.loads(raw) if raw else None

    def describe(self):
        """What it says of its API; status 0: nothing at present."""
        connection = UnixHTTPConnection(self.socket)
        try:
            connection.request("GET", "/v1/openapi.json")
            answer = connection.getresponse()
            return answer.status, answer.read()
        except OSError:
            return 0, b""
        finally:
            connection.close()

    async def api_async(self, *args, **more):
        return await asyncio.get_running_loop().run_in_executor(
            None, lambda: self.api(*args, **more))

    async def api_until(self, path, fits):
        """Reads it until fits(body) holds: a bounded time."""
        end = time.monotonic() + DEADLINE_S
        while True:
            status, body = await self.api_async("GET", path)
            assert status == 200, body
            if fits(body):
                return body
            assert time.monotonic() < end, body
            await asyncio.sleep(0.02)

    def url(self, station_id, path="/ocpp"):
        return f"ws://127.0.0.1:{self.port}{path}/{station_id}"

    def ctl(self, *args):
        """`ocppctl`: exit status and output."""
        done = subprocess.run([os.path.join(BIN, "ocppctl"), "--socket", self.socket, *args],
                              capture_output=True, text=True, timeout=DEADLINE_S, check=False)
        return done.returncode, done.stdout, done.stderr

    def cpu_rss(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            for line in file:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")


class CallError(Exception):
    def __init__(self, code, description, details):
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description
        self.details = details


class CheckedProtocol(websockets.WebSocketClientProtocol):
    """A client whose conversation with the daemon is checked."""

    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        self.conversation = Conversation()

    async def send(self, message):
        if not isinstance(message, (str, bytes)):
            message = list(message)  # fragments
        if not isinstance(message, bytes):
            self.conversation.sent("".join(message))
        await super().send(message)

    # Whatever comes, read by the test or not. A library without it would check nothing.
    assert hasattr(websockets.WebSocketClientProtocol, "read_message")

    async def read_message(self):
        message = await super().read_message()
        if isinstance(message, str):
            self.conversation.received(message)
        return message


def connect(url, **more):
    """`websockets.connect` for all that talks to the daemon as a station."""
    return websockets.connect(url, create_protocol=CheckedProtocol, **more)


class Station:
    """A charge point over a WebSocket client library."""

    def __init__(self, socket_):
        self.socket = socket_
        self.on_call = {}
        self.calls = []
        self.pending = {}
        self.reader = asyncio.ensure_future(self._read())

    @classmethod
    @contextlib.asynccontextmanager
    async def connect(cls, daemon, station_id="CP-1", boot=True, **more):
        more.setdefault("subprotocols", ["ocpp1.6"])
        url = more.pop("url", None) or daemon.url(station_id)
        async with connect(url, open_timeout=DEADLINE_S, ping_interval=None,
                           close_timeout=5, **more) as socket_:
            station = cls(socket_)
            try:
                if boot:
                    await station.boot()
                yield station
            finally:
                station.reader.cancel()
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await station.reader

    async def _read(self):
        try:
            async for text in self.socket:
                frame = json.loads(text)
                if frame[0] == 2:
                    await self._serve(frame)
                elif frame[1] in self.pending:
                    self.pending.pop(frame[1]).set_result(frame)
        except websockets.ConnectionClosed:
            pass
        for future in self.pending.values():
            if not future.done():
                future.set_exception(ConnectionError("the connection ended"))

    async def _serve(self, frame):
        self.calls.append(frame)
        handler = self.on_call.get(frame[2])
        if handler is None:
            answer = [4, frame[1], "NotImplemented", "", {}]
        else:
            answer = handler(frame[3])
            if asyncio.iscoroutine(answer):
                answer = await answer
            if answer is None:
                return
            if isinstance(answer, dict):
                answer = [3, frame[1], answer]
        await self.socket.send(json.dumps(answer))

    async def send(self, action, payload, message_id=None):
        """Sends a CALL; the future gives the whole answering frame."""
        message_id = message_id or str(uuid.uuid4())
        future = asyncio.get_running_loop().create_future()
        self.pending[message_id] = future
        await self.socket.send(json.dumps([2, message_id, action, payload]))
        return future

    async def call(self, action, payload, message_id=None):
        future = await self.send(action, payload, message_id)
        frame = await asyncio.wait_for(future, DEADLINE_S)
        if frame[0] == 4:
            raise CallError(*frame[2:5])
        return frame[2]

    async def boot(self):
        return await self.call("BootNotification", {
            "chargePointVendor": "Test", "chargePointModel": "Integration"})

    async def start(self, tag="TAG-1", connector=1, meter=0, when=None, **more):
        return await self.call("StartTransaction", {
            "connectorId": connector, "idTag": tag, "meterStart": meter,
            "timestamp": when or now(), **more})

    async def stop(self, transaction_id, meter=1000, when=None, **more):
        return await self.call("StopTransaction", {
            "transactionId": transaction_id, "meterStop": meter, "timestamp": when or now(), **more})

    async def closed(self):
        """Waits until the daemon closed: code and reason."""
        await asyncio.wait_for(self.socket.wait_closed(), DEADLINE_S)
        return self.socket.close_code, self.socket.close_reason


def now():
    moment = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + f".{int(moment * 1000) % 1000:03d}Z"


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 4 * DEADLINE_S))


async def eventually(look):
    """Polls what nothing announces, by a function or a coroutine: what it gives once that is true."""
    end = time.monotonic() + DEADLINE_S
    while True:
        found = look()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return found
        assert time.monotonic() < end, "it never came to that"
        await asyncio.sleep(0.02)


def need_descriptors(count):
    """Raises what this process may open; skips the test where it may not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    if hard != unlimited and hard < count:
        pytest.skip(f"{count} descriptors are needed, {hard} allowed")
    if soft != unlimited and soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def raw_connection(daemon):
    connection = socket.create_connection(("127.0.0.1", daemon.port), DEADLINE_S)
    connection.settimeout(DEADLINE_S)
    return connection


def raw_request(daemon, data):
    """Sends bytes, returns all that came back until the other side closed."""
    with raw_connection(daemon) as connection:
        connection.sendall(data)
        received = b""
        with contextlib.suppress(ConnectionError):
            while chunk := connection.recv(65536):
                received += chunk
        return received


def upgrade_request(path, *lines, key="dGhlIHNhbXBsZSBub25jZQ==", version="13"):
    head = [f"GET {path} HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Connection: Upgrade"]
    if key:
        head.append(f"Sec-WebSocket-Key: {key}")
    if version:
        head.append(f"Sec-WebSocket-Version: {version}")
    return ("\r\n".join(head + list(lines)) + "\r\n\r\n").encode()
