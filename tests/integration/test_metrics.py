# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Metrics as Prometheus reads them: the format, what moves, what is bounded, and who may look."""

import concurrent.futures
import contextlib
import os
import re
import shutil
import socket
import subprocess
import time

import pytest

from harness import (DEADLINE_S, PLUGINS, CallError, Daemon, Station, UnixHTTPConnection, raw_request, run,
                     upgrade_request)

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|\})')
UNITS = ("seconds", "bytes", "total", "info")


def parse(text):
    """All samples as {(name, labels): value}, with every rule of the format checked."""
    assert text.endswith("\n")
    samples, kinds, helps, order = {}, {}, {}, []
    family = None
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            family, _, help_ = line[7:].partition(" ")
            assert NAME.fullmatch(family) and help_, line
            assert family not in helps, f"{family} comes twice"
            helps[family] = help_
            order.append(family)
            continue
        if line.startswith("# TYPE "):
            name, kind = line[7:].split(" ")
            assert name == family and name not in kinds, line
            assert kind in ("counter", "gauge", "histogram"), line
            kinds[name] = kind
            continue
        name = NAME.match(line).group()
        rest, labels = line[len(name):], []
        if rest.startswith("{"):
            rest = rest[1:]
            while True:
                match = LABEL.match(rest)
                assert match, line
                labels.append((match[1], match[2]))
                rest = rest[match.end():]
                if match[3] == "}":
                    break
        assert len(set(name for name, _ in labels)) == len(labels), line
        assert rest.startswith(" "), line
        value = float(rest[1:])
        suffixes = ("_bucket", "_sum", "_count") if kinds.get(family) == "histogram" else ("",)
        assert name in [family + suffix for suffix in suffixes], line
        assert (name, tuple(labels)) not in samples, f"twice: {line}"
        samples[name, tuple(labels)] = value
    assert set(helps) == set(kinds)
    for name, kind in kinds.items():
        assert name.endswith("_total") == (kind == "counter"), name
        if kind == "histogram":
            check_histogram(name, samples)
            assert name.endswith(UNITS), name
    return Samples(samples, kinds, order)


def check_histogram(name, samples):
    series = {}
    for (of, labels), value in samples.items():
        if of == name + "_bucket":
            assert labels[-1][0] == "le"
            series.setdefault(labels[:-1], []).append((float(labels[-1][1]), value))
    assert {labels for of, labels in samples if of == name + "_count"} == set(series)
    for labels, buckets in series.items():
        bounds = [bound for bound, _ in buckets]
        counts = [count for _, count in buckets]
        assert bounds == sorted(bounds) and bounds[-1] == float("inf")
        assert counts == sorted(counts), f"{name}{labels} falls"
        assert counts[-1] == samples[name + "_count", labels]
        assert (name + "_sum", labels) in samples


class Samples:
    def __init__(self, samples, kinds, order):
        self.samples = samples
        self.kinds = kinds
        self.order = order

    def get(self, name, **labels):
        """The sum over all samples that have these labels."""
        return sum(value for (of, has), value in self.samples.items()
                   if of == name and labels.items() <= dict(has).items())

    def labels(self, name, label):
        return {dict(has)[label] for (of, has) in self.samples if of == name}


@contextlib.contextmanager
def scraped(folder, plugins=None, **top):
    more = {"metrics": {"listen": True, "port": 0}}
    for name, options in (plugins or {}).items():
        if options is None:
            more[name] = None
        else:
            more.setdefault(name, {}).update(options)
    with Daemon(folder, more, **top) as daemon:
        daemon.metrics = daemon.log.wait("metrics.opened")["listener"]
        yield daemon


def ask(daemon, data=b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"):
    """One exchange on the own listener: status, head and body."""
    host, _, port = daemon.metrics.rpartition(":")
    with socket.create_connection((host, int(port)), DEADLINE_S) as connection:
        connection.settimeout(DEADLINE_S)
        connection.sendall(data)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines[1:])
    assert int(headers["Content-Length"]) == len(body) or data.startswith(b"HEAD")
    return int(lines[0].split()[1]), headers, body.decode()


def scrape(daemon):
    status, headers, body = ask(daemon)
    assert status == 200
    assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return parse(body)


def scrape_until(daemon, name, value):
    """What is under way ends by itself: when it was last seen is written then, too."""
    deadline = time.monotonic() + DEADLINE_S
    samples = scrape(daemon)
    while samples.get(name) != value and time.monotonic() < deadline:
        time.sleep(0.05)
        samples = scrape(daemon)
    return samples


async def some_work(daemon):
    async with Station.connect(daemon, "CP-1") as station:
        for _ in range(3):
            await station.call("Heartbeat", {})
        with pytest.raises(CallError):
            await station.call("Frobnicate", {"idTag": "SECRET"})
        with pytest.raises(CallError):
            await station.call("Authorize", {"idTag": 5})
        started = await station.start()
        await station.stop(started["transactionId"])
        station.on_call["Reset"] = lambda payload: {"status": "Accepted"}
        status, _ = await daemon.api_async("POST", "/v1/stations/CP-1/commands/Reset",
                                           {"type": "Soft"})
        assert status == 200
        status, _ = await daemon.api_async("POST", "/v1/stations/CP-1/commands/ClearCache", {})
        assert status == 502
        return scrape(daemon)


def test_sessions_move_the_counters(tmp_path):
    with scraped(tmp_path) as daemon:
        before = scrape(daemon)
        during = run(some_work(daemon))
        daemon.log.wait("station.disconnected")
        after = scrape_until(daemon, "ocppd_storage_queue_units", 0)

    assert before.get("ocppd_stations_connected", protocol="ocpp1.6") == 0
    assert before.get("ocppd_calls_total") == 0
    assert before.get("ocppd_calls_total", action="Heartbeat", direction="from_station") == 0
    assert ("ocppd_calls_total",
            (("action", "Heartbeat"), ("direction", "from_station"))) in before.samples

    assert during.get("ocppd_stations_connected", protocol="ocpp1.6") == 1
    assert during.get("ocppd_connections_opened_total") == 1
    calls = {"Heartbeat": 3, "BootNotification": 1, "other": 1, "Authorize": 1,
             "StartTransaction": 1, "StopTransaction": 1}
    for action, count in calls.items():
        assert during.get("ocppd_calls_total", action=action, direction="from_station") == count
    assert during.get("ocppd_calls_total", direction="from_station") == sum(calls.values())
    assert during.get("ocppd_calls_total", direction="to_station") == 2
    assert during.get("ocppd_call_errors_total", action="other", code="NotImplemented",
                      direction="from_station") == 1
    assert during.get("ocppd_call_errors_total", action="Authorize",
                      code="TypeConstraintViolation", direction="from_station") == 1
    assert during.get("ocppd_call_errors_total", action="ClearCache", code="NotImplemented",
                      direction="to_station") == 1
    assert during.get("ocppd_call_errors_total") == 3
    assert during.get("ocppd_handler_seconds_count", action="Heartbeat") == 3
    assert during.get("ocppd_handler_seconds_count", action="StartTransaction") == 1
    assert during.get("ocppd_handler_seconds_count", action="Authorize") == 0
    assert during.get("ocppd_call_seconds_count") == 2
    assert during.get("ocppd_calls_completed_total", action="Reset", result="reply") == 1
    assert during.get("ocppd_calls_completed_total", action="ClearCache", result="error") == 1
    # What comes in: eight CALLs of the station, two answers; out: the same mirrored.
    assert during.get("ocppd_io_received_messages_total") == 10
    assert during.get("ocppd_io_sent_messages_total") == 10
    assert during.get("ocppd_io_received_bytes_total") > 500
    assert during.get("ocppd_storage_commit_seconds_count") > 0
    assert during.get("ocppd_storage_units_total") > before.get("ocppd_storage_units_total")
    assert during.get("ocppd_http_requests_total", method="POST", status="200",
                      route="/v1/stations/{stationId}/commands/{Action}") == 1

    assert after.get("ocppd_stations_connected") == 0
    assert after.get("ocppd_connections_closed_total") == 1
    assert after.get("ocppd_calls_open") == 0
    assert after.get("ocppd_storage_queue_units") == 0
    for key, value in during.samples.items():
        if key[0].endswith(("_total", "_count", "_bucket")):
            assert after.samples[key] >= value, key


def test_the_process_and_the_build_are_told(tmp_path):
    with scraped(tmp_path) as daemon:
        folder = f"/proc/{daemon.process.pid}"
        end = time.monotonic() + DEADLINE_S
        threads = -1
        # Threads may still start, or end, between the two looks.
        while threads != (samples := scrape(daemon)).get("process_threads"):
            assert time.monotonic() < end
            threads = len(os.listdir(folder + "/task"))
        fds = len(os.listdir(folder + "/fd"))
        status, version = daemon.api("GET", "/v1/version")
    assert status == 200
    assert samples.get("ocppd_build_info", version=version["version"]) == 1
    # The scrape's own connection and folder come and go.
    assert abs(samples.get("process_open_fds") - fds) <= 3
    assert samples.get("process_max_fds") >= fds
    assert samples.get("process_resident_memory_bytes") > 1e6
    assert 0 < samples.get("process_cpu_seconds_total") < 60
    assert samples.get("process_start_time_seconds") > 1.6e9
    assert samples.get("ocppd_health_level", module="storage_sqlite", check="storage") == 0
    assert "ocppd_posts_queued" in samples.kinds and "ocppd_events_dropped_total" in samples.kinds


def test_names_come_in_a_stable_order(tmp_path):
    with scraped(tmp_path) as daemon:
        first = scrape(daemon)
        second = scrape(daemon)
    assert first.order == second.order
    # Health stands first; then the names, sorted.
    assert first.order[1:] == sorted(first.order[1:])
    assert list(first.samples)[:50] == list(second.samples)[:50]


def test_no_label_takes_a_value_from_a_station(tmp_path):
    async def invent(daemon):
        async with Station.connect(daemon, "CP-EVIL") as station:
            for i in range(600):
                with pytest.raises(CallError):
                    await station.call(f"Invented{i}", {})
            station.on_call["Reset"] = lambda payload: None
        for i in range(30):
            daemon.api("GET", f"/v1/invented/{i}")

    with scraped(tmp_path) as daemon:
        before = scrape(daemon)
        run(invent(daemon))
        for i in range(20):
            raw_request(daemon, upgrade_request(f"/nowhere{i}/CP-1"))
            raw_request(daemon, upgrade_request(f"/ocpp/CP-{i}", version="7"))
            raw_request(daemon, b"nonsense\r\n\r\n")
        after = scrape(daemon)

    assert after.get("ocppd_calls_total", action="other", direction="from_station") == 600
    assert after.labels("ocppd_calls_total", "action") == \
        before.labels("ocppd_calls_total", "action")
    assert after.get("ocppd_handshakes_refused_total", reason="unknown") == 20
    assert after.get("ocppd_handshakes_refused_total", reason="malformed") >= 20
    assert after.get("ocppd_http_requests_total", route="other", method="other",
                     status="404") == 30
    text = str(after.samples)
    assert "Invented" not in text and "CP-" not in text and "nowhere" not in text
    per_name = {}
    for name, _ in after.samples:
        per_name[name] = per_name.get(name, 0) + 1
    assert max(per_name.values()) < 257 * 65
    assert len(after.samples) - len(before.samples) < 100


def test_every_metric_is_documented(tmp_path):
    """By its whole name, in what the core or a module says of itself."""
    source = os.environ["OCPPD_SOURCE_DIR"]
    texts = [os.path.join(source, "core", "README.md")]
    modules = {}
    for name in sorted(os.listdir(os.path.join(source, "plugins"))):
        if os.path.exists(os.path.join(PLUGINS, name + ".so")):
            modules[name] = {"port": 0} if name == "file_hosting" else {}
            texts.append(os.path.join(source, "plugins", name, name + ".md"))
    said = ""
    for text in texts:
        with open(text, encoding="utf-8") as file:
            said += file.read()
    with Daemon(tmp_path, {**modules, "metrics": {}}) as daemon:
        status, page, err = daemon.ctl("metrics")
        assert status == 0, err
    names = re.findall(r"^# HELP (\S+)", page, re.M)
    assert len(names) > 40 and len(modules) > 10
    assert [name for name in names if f"`{name}" not in said] == []


def promtool():
    return os.environ.get("OCPPD_PROMTOOL") or shutil.which("promtool")


def test_promtool_finds_nothing_to_say(tmp_path):
    if not promtool():
        pytest.skip("promtool is not installed (package prometheus); the test's own parser "
                    "has checked the format")
    with scraped(tmp_path) as daemon:
        run(some_work(daemon))
        _, _, text = ask(daemon)
    done = subprocess.run([promtool(), "check", "metrics"], input=text, capture_output=True,
                          text=True, timeout=DEADLINE_S, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_route_wants_a_viewer(tmp_path):
    plugins = {"http_api": {"tcp": True, "address": "127.0.0.1", "port": 0,
                            "tokens": [{"name": "p", "role": "viewer", "token": "v" * 32}]},
               "metrics": {"listen": False}}
    with Daemon(tmp_path, plugins) as daemon:
        connection = UnixHTTPConnection(daemon.socket)
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        parse(answer.read().decode())
        connection.close()
        assert daemon.log.events("metrics.opened") == []

        status, out, err = daemon.ctl("metrics")
        assert (status, err) == (0, "")
        assert parse(out).get("ocppd_stations_known") == 0

        opened = [found["listener"] for found in daemon.log.events("http.opened")]
        port = int([name for name in opened if name.startswith("127.")][0].rsplit(":", 1)[1])
        for header, status in ((b"", 401), (b"Authorization: Bearer " + b"x" * 32 + b"\r\n", 401),
                               (b"Authorization: Bearer " + b"v" * 32 + b"\r\n", 200)):
            with socket.create_connection(("127.0.0.1", port), DEADLINE_S) as stream:
                stream.settimeout(DEADLINE_S)
                stream.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                               + header + b"\r\n")
                received = b""
                while chunk := stream.recv(65536):
                    received += chunk
            assert int(received.split()[1]) == status


def test_the_listener_works_without_the_api(tmp_path):
    with scraped(tmp_path, {"http_api": None}) as daemon:
        samples = scrape(daemon)
    assert samples.get("ocppd_stations_connected") == 0


@pytest.mark.parametrize("request_, status", [
    (b"GET / HTTP/1.1\r\n\r\n", 404),
    (b"GET /metrics?x=1 HTTP/1.1\r\n\r\n", 200),
    (b"GET /metrics HTTP/1.0\r\n\r\n", 200),
    (b"HEAD /metrics HTTP/1.1\r\n\r\n", 200),
    (b"POST /metrics HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi", 405),
    (b"GET /metrics HTTP/2\r\n\r\n", 505),
    (b"GET  /metrics HTTP/1.1\r\n\r\n", 400),
    (b"\x16\x03\x01\x02\x00\r\n\r\n", 400),
    (b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 9000, 431),
])
def test_requests_are_judged(tmp_path, request_, status):
    with scraped(tmp_path) as daemon:
        got, headers, body = ask(daemon, request_)
        assert got == status
        assert headers["Connection"] == "close"
        assert bool(body) == (not request_.startswith(b"HEAD"))
        scrape(daemon)


def test_connections_and_time_are_bounded(tmp_path):
    with scraped(tmp_path, {"metrics": {"max_connections": 4, "timeout": "1s"}}) as daemon:
        host, _, port = daemon.metrics.rpartition(":")
        mute = [socket.create_connection((host, int(port)), DEADLINE_S) for _ in range(12)]
        scrape(daemon)  # those who say nothing make room
        for connection in mute:
            connection.settimeout(DEADLINE_S)
            with contextlib.suppress(ConnectionError):
                assert connection.recv(1) == b""  # evicted, or out of time
            connection.close()
        scrape(daemon)


def test_many_who_ask_at_once_share_pages(tmp_path):
    with scraped(tmp_path, {"metrics": {"max_connections": 100}}) as daemon:
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            pages = [found.result() for found in
                     [pool.submit(scrape, daemon) for _ in range(100)]]
        after = scrape(daemon)
    assert len(pages) == 100
    assert after.get("ocppd_scrapes_total") <= 101
    assert after.get("ocppd_scrape_pieces_total") >= after.get("ocppd_scrapes_total")


def story(folder, plugins):
    """What a station and an operator see, and the paths of the API."""
    async def talk(daemon):
        async with Station.connect(daemon, "CP-1") as station:
            beat = await station.call("Heartbeat", {})
            started = await station.start()
            await station.stop(started["transactionId"])
            return sorted(beat), sorted(started), started["idTagInfo"]

    folder.mkdir()
    with Daemon(folder, plugins) as daemon:
        told = run(talk(daemon))
        health = daemon.api("GET", "/v1/health")
        metrics = daemon.api("GET", "/metrics")[0] if "metrics" not in plugins else None
        paths = set(daemon.api("GET", "/v1/openapi.json")[1]["paths"])
        return (told, health[0], health[1]["status"]), paths, metrics


def test_without_the_module_nothing_else_changes(tmp_path):
    with_it, paths, _ = story(tmp_path / "with", {"metrics": {}})
    without, fewer, status = story(tmp_path / "without", {})
    assert status == 404
    assert without == with_it
    assert paths - fewer == {"/metrics"} and not fewer - paths
