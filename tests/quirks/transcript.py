# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Plays a transcript (*.ocpp) against the daemon over real sockets. README.md describes the format.

The station's side is a WebSocket client of its own, small enough to send what no library would.
"""

import base64
import calendar
import fnmatch
import http.client
import json
import os
import re
import shlex
import socket
import struct
import threading
import time

from harness import DEADLINE_S, Daemon
from official import Conversation

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Mismatch(AssertionError):
    pass


class Link:
    """A station's connection: the handshake as asked for, frames by hand."""

    def __init__(self, daemon, station_id, options):
        self.station_id = station_id
        self.socket = socket.create_connection(("127.0.0.1", daemon.port), DEADLINE_S)
        self.socket.settimeout(DEADLINE_S)
        self.data = b""
        self.answers_pings = options.pop("pongs", "yes") == "yes"
        self.pings = 0
        self.conversation = Conversation()
        self.status, self.headers, self.body = self._shake(station_id, options)

    def _shake(self, station_id, options):
        raw = options.pop("request", None)
        if raw is None:
            lines = [f"GET {options.pop('path', '/ocpp/' + station_id)} HTTP/1.1",
                     "Host: localhost", "Upgrade: websocket", "Connection: Upgrade",
                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"]
            protocols = options.pop("protocols", "ocpp1.6")
            if protocols != "none":
                lines.append(f"Sec-WebSocket-Protocol: {protocols}")
            password = options.pop("password", None)
            secret = None if password is None else password.encode()
            if "password_hex" in options:
                secret = bytes.fromhex(options.pop("password_hex"))
            if secret is not None:
                user = options.pop("user", station_id)
                text = base64.b64encode(user.encode() + b":" + secret).decode()
                lines.append(f"Authorization: Basic {text}")
            lines += options.pop("header").split("\\n") if "header" in options else []
            raw = "\r\n".join(lines) + "\r\n\r\n"
        else:
            raw = raw.encode().decode("unicode_escape")
        if options:
            raise Mismatch(f"unknown options of connect: {sorted(options)}")
        self.socket.sendall(raw.encode())
        head = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        headers = {}
        for line in head[1:]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        status = int(head[0].split()[1])
        body = b""
        if status != 101 and "content-length" in headers:
            body = self._exactly(int(headers["content-length"]))
        return status, headers, body

    def _more(self):
        chunk = self.socket.recv(65536)
        if not chunk:
            raise ConnectionError("the daemon closed the connection")
        self.data += chunk

    def _until(self, mark):
        while mark not in self.data:
            self._more()
        found, _, self.data = self.data.partition(mark)
        return found

    def _exactly(self, count):
        while len(self.data) < count:
            self._more()
        found, self.data = self.data[:count], self.data[count:]
        return found

    def send_frame(self, opcode, payload, first=0x80):
        mask = os.urandom(4)
        size = len(payload)
        head = bytes([first | opcode])
        if size < 126:
            head += bytes([0x80 | size])
        elif size < 65536:
            head += b"\xfe" + struct.pack(">H", size)
        else:
            head += b"\xff" + struct.pack(">Q", size)
        if opcode in (TEXT, BINARY) and first & 0x80:
            self.conversation.sent(payload.decode("utf-8", "replace"))
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        self.socket.sendall(head + mask + masked)

    def send_text(self, text):
        self.send_frame(TEXT, text.encode())

    def send_fragments(self, count, text):
        data = text.encode()
        self.conversation.sent(text)
        step = max(1, -(-len(data) // count))
        pieces = [data[i:i + step] for i in range(0, len(data), step)]
        for i, piece in enumerate(pieces):
            self.send_frame(TEXT if i == 0 else 0, piece, 0x80 if i + 1 == len(pieces) else 0)

    def read_frame(self):
        first, second = self._exactly(2)
        size = second & 0x7f
        if size == 126:
            size = struct.unpack(">H", self._exactly(2))[0]
        elif size == 127:
            size = struct.unpack(">Q", self._exactly(8))[0]
        payload = self._exactly(size)
        if first == 0x80 | TEXT:
            self.conversation.received(payload.decode())
        elif first & 0x70 or not first & 0x80:
            raise Mismatch("the daemon sends whole frames without extensions")
        return first & 0x0f, payload

    def read_text(self):
        while True:
            opcode, payload = self.read_frame()
            if opcode == PING:
                self.pings += 1
                if self.answers_pings:
                    self.send_frame(PONG, payload)
            elif opcode == CLOSE:
                code = struct.unpack(">H", payload[:2])[0] if len(payload) >= 2 else 1005
                raise Mismatch(f"closed with {code} {payload[2:]!r}")
            elif opcode == TEXT:
                return payload.decode()

    def wait_ping(self):
        """Reads until a ping came; a text before it is a mistake of the transcript."""
        opcode, payload = self.read_frame()
        if opcode != PING:
            raise Mismatch(f"expected a ping, not {payload!r}")
        self.pings += 1
        if self.answers_pings:
            self.send_frame(PONG, payload)

    def wait_close(self):
        """The code of the close frame, or `tcp`: none came. Texts on the way are passed over."""
        try:
            while True:
                opcode, payload = self.read_frame()
                if opcode == PING and self.answers_pings:
                    self.send_frame(PONG, payload)
                if opcode == CLOSE:
                    code = struct.unpack(">H", payload[:2])[0] if len(payload) >= 2 else 1005
                    self.send_frame(CLOSE, payload[:2])
                    self._drain()
                    return str(code)
        except ConnectionError:
            return "tcp"

    def _drain(self):
        """The daemon closes TCP, as RFC 6455 wants it of a server."""
        try:
            while self.socket.recv(65536):
                pass
        except OSError:
            pass

    def close(self):
        try:
            self.send_frame(CLOSE, struct.pack(">H", 1000))
            while self.read_frame()[0] != CLOSE:
                pass
        except OSError:
            pass
        self.socket.close()

    def drop(self):
        """As a power cut behind a NAT that answers for the station: a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def moment(seconds):
    now = time.time() + seconds
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + ".000Z"


def seconds_of(text):
    return calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S"))


def matches(pattern, value, names):
    """Whether the value fits; `*` in texts, "..." in objects and lists, $name takes or compares."""
    if isinstance(pattern, dict):
        rest = dict(pattern)
        is_open = rest.pop("...", None) is not None
        return (isinstance(value, dict) and (is_open or set(value) <= set(rest)) and
                all(key in value and matches(want, value[key], names)
                    if want != "absent" else key not in value for key, want in rest.items()))
    if isinstance(pattern, list):
        if not isinstance(value, list):
            return False
        if pattern and pattern[-1] == "...":
            return all(any(matches(want, item, names) for item in value) for want in pattern[:-1])
        return len(pattern) == len(value) and all(map(lambda p, v: matches(p, v, names),
                                                      pattern, value))
    if isinstance(pattern, str) and pattern.startswith("$"):
        if pattern[1:] in names:
            return names[pattern[1:]] == value
        names[pattern[1:]] = value
        return True
    if isinstance(pattern, str) and "*" in pattern:
        text = value if isinstance(value, str) else json.dumps(value)
        return pattern == "*" or fnmatch.fnmatchcase(text, pattern.replace("[", "[[]"))
    return type(pattern) is type(value) and pattern == value


class Player:
    def __init__(self, folder, path):
        self.folder = folder
        self.path = path
        self.daemon = None
        self.settings = {}
        self.links = {}
        self.link = None
        self.names = {}
        self.pending = None
        self.count = 0
        self.started = 0.0

    # ---- texts ----

    def fill(self, text):
        text = re.sub(r"\{now([+-]\d+)?\}", lambda m: moment(int(m[1] or 0)), text)
        return re.sub(r"\$([a-z]\w*)", lambda m: str(self.names[m[1]])
                      if m[1] in self.names else m[0], text)

    def fits(self, pattern, value, what):
        if not matches(json.loads(self.timed(pattern)), value, self.names):
            raise Mismatch(f"expected {what} {pattern}\n     got {json.dumps(value)}")

    def timed(self, text):
        return re.sub(r"\{now([+-]\d+)?\}", lambda m: moment(int(m[1] or 0)), text)

    def until(self, look, what):
        """Polls a state that nothing announces, with a deadline."""
        end = time.monotonic() + DEADLINE_S
        while True:
            found = look()
            if found is True:
                return
            if time.monotonic() > end:
                raise Mismatch(f"expected {what}, found {found}")
            time.sleep(0.02)

    # ---- steps ----

    def on_daemon(self, rest):
        self.settings = json.loads(rest)

    def begin(self):
        if self.daemon is not None:
            return
        plugins = self.settings.pop("plugins", {})
        self.daemon = Daemon(self.folder, plugins=plugins, **self.settings)
        self.daemon.start()

    def api(self, method, path, body=None):
        return self.daemon.api(method, path, body)

    def on_provision(self, rest):
        station_id, _, body = rest.partition(" ")
        status, answer = self.api("PUT", f"/v1/stations/{station_id}", json.loads(body or "{}"))
        if status not in (200, 201):
            raise Mismatch(f"provisioning: {status} {answer}")

    def on_tag(self, rest):
        tag, _, body = rest.partition(" ")
        status, answer = self.api("PUT", f"/v1/id-tags/{tag}", json.loads(body or "{}"))
        if status not in (200, 201):
            raise Mismatch(f"id tag: {status} {answer}")

    def on_connect(self, rest, status=101):
        words = shlex.split(self.fill(rest))
        options = dict(word.partition("=")[::2] for word in words[1:])
        name = options.pop("as", words[0])
        is_booting = options.pop("boot", "no") == "yes"
        expected = options.pop("expect", None)
        is_patient = options.pop("patient", "no") == "yes"
        end = time.monotonic() + DEADLINE_S
        link = Link(self.daemon, words[0], dict(options))
        while is_patient and link.status == 503 and time.monotonic() < end:
            link.socket.close()
            time.sleep(0.02)
            link = Link(self.daemon, words[0], dict(options))
        if link.status != status:
            raise Mismatch(f"expected {status}, got {link.status} {link.headers} {link.body!r}")
        if status != 101:
            link.socket.close()
            return
        protocol = link.headers.get("sec-websocket-protocol", "none")
        if expected is not None and protocol != expected:
            raise Mismatch(f"expected subprotocol {expected}, got {protocol}")
        self.links[name] = self.link = link
        if is_booting:
            self.on_boot("")

    def on_refuse(self, rest):
        status, _, rest = rest.partition(" ")
        self.on_connect(rest, int(status))

    def on_boot(self, rest):
        body = json.loads(rest) if rest else {"chargePointVendor": "V", "chargePointModel": "M"}
        self.count += 1
        self.link.send_text(json.dumps([2, f"boot-{self.count}", "BootNotification", body]))
        answer = json.loads(self.link.read_text())
        if answer[0] != 3 or answer[2]["status"] != "Accepted":
            raise Mismatch(f"the boot got {answer}")

    def on_use(self, rest):
        self.link = self.links[rest]

    def on_send(self, rest):
        self.link.send_text(self.fill(rest))

    def on_receive(self, rest):
        self.fits(rest, json.loads(self.link.read_text()), "frame")

    def on_receive_text(self, rest):
        text = self.link.read_text()
        if not fnmatch.fnmatchcase(text, rest.replace("[", "[[]")):
            raise Mismatch(f"expected text {rest}\n     got {text}")

    def on_hex(self, rest):
        self.link.send_frame(TEXT, bytes.fromhex(rest))

    def on_raw(self, rest):
        self.link.socket.sendall(bytes.fromhex(rest))

    def on_binary(self, rest):
        self.link.send_frame(BINARY, rest.encode())

    def on_fragments(self, rest):
        count, _, text = rest.partition(" ")
        self.link.send_fragments(int(count), self.fill(text))

    def on_long(self, rest):
        """long N PREFIX|SUFFIX: a text of N bytes, filled up between the two."""
        size, _, text = rest.partition(" ")
        before, after = text.split("|")
        self.link.send_text(before + "x" * (int(size) - len(before) - len(after)) + after)

    def on_ping(self, rest):
        del rest
        self.link.wait_ping()

    def on_unpinged(self, rest):
        del rest
        self.on_quiet("")
        if self.link.pings:
            raise Mismatch(f"{self.link.pings} pings came")

    def on_no_header(self, rest):
        if rest in self.link.headers:
            raise Mismatch(f"{rest}: {self.link.headers[rest]}")

    def on_clock(self, rest):
        del rest
        self.started = time.monotonic()

    def on_elapsed(self, rest):
        """At least so many seconds since `clock`."""
        took = time.monotonic() - self.started
        if took < float(rest):
            raise Mismatch(f"expected {rest} s at least, it took {took:.3f}")

    def on_quiet(self, rest):
        """Nothing was sent to the station: the next that comes answers what it asks now."""
        del rest
        self.count += 1
        self.link.send_text(json.dumps([2, f"quiet-{self.count}", "Heartbeat", {}]))
        text = self.link.read_text()
        if json.loads(text)[1] != f"quiet-{self.count}":
            raise Mismatch(f"expected nothing, got {text}")

    def on_closed(self, rest):
        code = self.link.wait_close()
        self.link.socket.close()
        if code != rest:
            raise Mismatch(f"expected close {rest}, got {code}")

    def on_close(self, rest):
        del rest
        self.link.close()
        self.gone(self.link.station_id)

    def on_drop(self, rest):
        del rest
        self.link.drop()
        self.gone(self.link.station_id)

    def gone(self, station_id):
        self.until(lambda: self.station(station_id).get("connected") is False, "disconnected")

    def station(self, station_id):
        return self.api("GET", f"/v1/stations/{station_id}")[1] or {}

    def on_ask(self, rest):
        """ask METHOD PATH [BODY]: a request that waits for the station; `answer` hears the outcome."""
        method, path, *body = self.fill(rest).split(" ", 2)
        outcome = {}

        def ask():
            try:
                outcome["answer"] = self.api(method, path, json.loads(body[0]) if body else None)
            except (OSError, http.client.HTTPException) as error:
                outcome["answer"] = (0, str(error))

        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        self.pending = thread, outcome

    def on_command(self, rest):
        """command ID ACTION [?QUERY] PAYLOAD: asks; `answer` hears the outcome."""
        station_id, action, body = rest.split(" ", 2)
        self.on_ask(f"POST /v1/stations/{station_id}/commands/{action} {body}")

    def on_answer(self, rest):
        status, _, pattern = rest.partition(" ")
        thread, outcome = self.pending
        thread.join(DEADLINE_S)
        found = outcome.get("answer", (0, "nothing"))
        if found[0] != int(status):
            raise Mismatch(f"expected status {status}, got {found}")
        if pattern:
            self.fits(pattern, found[1], "answer")

    def on_api(self, rest):
        """api METHOD PATH [BODY] => STATUS [PATTERN]; a GET is asked again until it fits."""
        request, _, wanted = rest.partition(" => ")
        method, path, *body = request.split(" ", 2)
        status, _, pattern = wanted.partition(" ")

        def look():
            names = dict(self.names)
            found = self.api(method, self.fill(path),
                             json.loads(self.fill(body[0])) if body else None)
            if found[0] == int(status) and (
                    not pattern or matches(json.loads(self.timed(pattern)), found[1], names)):
                self.names.update(names)
                return True
            return found

        if method == "GET":
            self.until(look, wanted)
            return
        found = look()
        if found is not True:
            raise Mismatch(f"expected {wanted}\n     got {found}")

    def on_counter(self, rest):
        """counter ID CODE=N ...: how often the station was met with each of these codes."""
        station_id, *wanted = rest.split()
        numbers = {code: int(count) for code, count in (word.split("=") for word in wanted)}

        def look():
            counts = self.station(station_id).get("quirkCounts", {})
            found = {code: counts.get(code, 0) for code in numbers}
            return True if found == numbers else counts

        self.until(look, rest)

    def on_log(self, rest):
        event, *words = shlex.split(rest)
        self.daemon.log.wait(event, **dict(word.partition("=")[::2] for word in words))

    def on_restart(self, rest):
        if rest == "kill":
            self.daemon.kill()
            self.daemon.start()
        else:
            self.daemon.restart()

    def on_reload(self, rest):
        settings = json.loads(rest)
        for name, options in settings.pop("plugins", {}).items():
            self.daemon.settings["plugins"].setdefault(name, {}).update(options)
        self.daemon.settings.update(settings)
        self.daemon.write_config()
        status, answer = self.api("POST", "/v1/reload")
        if status != 200:
            raise Mismatch(f"reload: {status} {answer}")

    WORDS = {">": "send", "<": "receive", "<<": "receive_text"}

    def play(self):
        with open(self.path, encoding="utf-8") as file:
            lines = file.read().splitlines()
        try:
            for number, line in enumerate(lines, 1):
                word, _, rest = line.strip().partition(" ")
                if not word or word.startswith("#"):
                    continue
                step = getattr(self, "on_" + self.WORDS.get(word, word), None)
                if step is None:
                    raise Mismatch(f"line {number}: unknown step {word}")
                if word != "daemon":
                    self.begin()
                try:
                    step(rest.strip())
                except (Mismatch, OSError, ValueError, KeyError, AssertionError) as error:
                    log = self.daemon.log.text() if self.daemon and self.daemon.log else ""
                    raise Mismatch(f"{os.path.basename(self.path)}:{number}: {line}\n"
                                   f"{type(error).__name__}: {error}\n{log}") from None
        finally:
            for link in self.links.values():
                link.socket.close()
            status = self.daemon.stop() if self.daemon is not None else 0
        if status not in (0, None):
            raise Mismatch(f"ocppd ended with {status}\n{self.daemon.log.text()}")
