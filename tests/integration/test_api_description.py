# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""The OpenAPI description by a validator that is not ours, health, and completion from the daemon."""

import json
import os
import subprocess
import sys

import pytest
from described import Description, jsonschema
from harness import BIN, Daemon

VALIDATOR = "openapi-spec-validator==0.7.1"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("description")) as running:
        yield running


@pytest.fixture(scope="module")
def validator(tmp_path_factory):
    """The package in a folder of its own: Debian 12 has none."""
    folder = tmp_path_factory.mktemp("validator")
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
         "--no-input", "--target", str(folder), VALIDATOR],
        capture_output=True, text=True, timeout=240, check=False)
    if done.returncode != 0:
        pytest.skip(f"NOT VALIDATED: {VALIDATOR} cannot be installed: {done.stderr[-300:]}")
    return folder


def test_openapi_is_valid(daemon, validator, tmp_path):
    status, body = daemon.api("GET", "/v1/openapi.json")
    assert status == 200 and body["openapi"].startswith("3.1")
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(body), encoding="utf-8")
    done = subprocess.run([sys.executable, "-m", "openapi_spec_validator", str(path)],
                          env={**os.environ, "PYTHONPATH": str(validator)},
                          capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_validator_finds_what_is_wrong(daemon, validator, tmp_path):
    body = daemon.api("GET", "/v1/openapi.json")[1]
    del body["info"]["title"]
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(body), encoding="utf-8")
    done = subprocess.run([sys.executable, "-m", "openapi_spec_validator", str(path)],
                          env={**os.environ, "PYTHONPATH": str(validator)},
                          capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode != 0


def test_health_tells_ready_from_live(daemon):
    status, body = daemon.api("GET", "/v1/health")
    assert status == 200 and body["live"] and body["ready"]
    checks = {check["name"]: check["status"] for check in body["checks"]}
    assert checks["clock"] == "ok" and checks["storage"] == "ok"
    assert daemon.api("GET", "/v1/health?live=true")[0] == 200


def test_a_clock_that_was_never_set_is_degraded(tmp_path):
    library = next((path for path in ("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
                                      "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1")
                    if os.path.exists(path)), None)
    if library is None or os.environ.get("OCPPD_SANITIZE"):
        pytest.skip("NOT TESTED: libfaketime is not there, or a sanitizer is")
    os.environ["OCPPD_WRAPPER"] = (
        f"env LD_PRELOAD={library} 'FAKETIME=@2001-01-01 00:00:00' DONT_FAKE_MONOTONIC=1")
    try:
        with Daemon(tmp_path) as daemon:
            checks = {check["name"]: check["status"]
                      for check in daemon.api("GET", "/v1/health")[1]["checks"]}
            assert checks["clock"] == "degraded"
    finally:
        del os.environ["OCPPD_WRAPPER"]


def offered(daemon, *words):
    done = subprocess.run([os.path.join(BIN, "ocppctl"), "--socket", daemon.socket, "--complete",
                           *words], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


COMPLETIONS = [
    (("ca",), {"call"}),
    (("call", "CP-C", "Get"), {"GetConfiguration"}),
    (("call", "CP-C", "GetConfiguration", "k"), {"key="}),
    (("call", "CP"), {"CP-C"}),
    (("call", "--select", "all", "Get"), {"GetConfiguration"}),
    (("call", "--select", "all", "GetConfiguration", "k"), {"key="}),
    (("stations", "--lab"), {"--label"}),
    (("messages", "CP-C", "--dir"), {"--direction"}),
    (("tail", "--fr"), {"--frames"}),
]


@pytest.mark.parametrize("words,expected", COMPLETIONS, ids=[" ".join(row[0]) for row in COMPLETIONS])
def test_completion_comes_from_the_daemon(daemon, words, expected):
    daemon.api("PUT", "/v1/stations/CP-C", {})
    assert expected <= set(offered(daemon, *words))


def test_every_answer_is_compared_with_the_description(daemon):
    """What harness.Daemon.api does with each: here it must find what is wrong."""
    status, spec = daemon.api("GET", "/v1/openapi.json")
    assert status == 200
    described = Description(spec)
    json_type, tag = "application/json", "/v1/id-tags/A"
    good = b'{"idTag":"A","status":"Accepted","source":"database"}'
    described.check("GET", tag, 200, json_type, good)
    described.check("DELETE", tag, 204, None, b"")
    described.check("GET", tag + "/nothing", 200, "image/png", b"not ours")
    wrong = [
        ("PUT", tag, 201, json_type, good), ("DELETE", tag, 200, json_type, good),
        ("GET", tag, 200, "text/html", good), ("GET", tag, 200, json_type, b""),
        ("GET", tag, 404, json_type, b'{"type":"urn:x","title":"x","status":404}'),
        ("GET", tag, 404, "application/problem+json", b'{"type":"urn:x","title":"x","status":400}'),
    ]
    if jsonschema is not None:
        wrong += [("GET", tag, 200, json_type, good[:-1] + b',"colour":"red"}'),
                  ("GET", tag, 200, json_type, b'{"idTag":"A","source":"database"}'),
                  ("GET", tag, 200, json_type, good.replace(b'"A"', b"5"))]
    for answer in wrong:
        with pytest.raises(AssertionError):
            described.check(*answer)


@pytest.mark.parametrize("method, path, statuses, media", [
    ("post", "/v1/stations/{stationId}/commands/{Action}", ["200", "202"], "application/json"),
    ("post", "/v1/tokens", ["201"], "application/json"),
    ("post", "/v1/commands", ["202"], "application/json"),
    ("delete", "/v1/stations/{stationId}", ["204"], None),
    ("get", "/v1/events", ["200"], "text/event-stream"),
    ("get", "/v1/transactions.csv", ["200"], "text/csv"),
])
def test_openapi_tells_statuses_and_media(daemon, method, path, statuses, media):
    responses = daemon.api("GET", "/v1/openapi.json")[1]["paths"][path][method]["responses"]
    assert sorted(responses) == sorted([*statuses, "default"])
    for status in statuses:
        assert list(responses[status].get("content", {})) == ([media] if media else [])
