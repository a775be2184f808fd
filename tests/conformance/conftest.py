# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Cases are coroutines, test_<case id>; the run ends with a table of them."""

import inspect
import json
import os
import re

import catalogue
import official
import pytest
from harness import run
from octt import ChargePoint, Operator, csms, provision
from official import official_frames  # noqa: F401

_CASE = re.compile(r"test_(\w+)\.py::test_(TC_\w+_CSMS)")


class Verdicts:
    def __init__(self):
        self.groups = set()
        self.of = {}

    def add(self, report):
        found = _CASE.search(report.nodeid)
        if not found:
            return
        self.groups.add(found[1])
        if report.failed or report.skipped:
            self.of[found[2]] = report.outcome
        elif report.when == "call":
            self.of.setdefault(found[2], report.outcome)


VERDICTS = Verdicts()


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with csms(tmp_path_factory.mktemp("conformance")) as running:
        yield running


@pytest.fixture
def cp(request, daemon):
    """The charge point of this case, known to the CSMS."""
    identity = re.sub(r"[^\w]+", "-", request.node.name.removeprefix("test_")).rstrip("-")
    provision(daemon, identity)
    return ChargePoint(daemon, identity)


@pytest.fixture(params=["api", "ocppctl"])
def operator(request, daemon, cp):
    return Operator(daemon, cp, request.param)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


def pytest_runtest_logreport(report):
    VERDICTS.add(report)


def pytest_terminal_summary(terminalreporter):
    official.pytest_terminal_summary(terminalreporter)
    if not VERDICTS.groups:
        return
    terminalreporter.section("cases")
    for line in catalogue.table(VERDICTS.of, VERDICTS.groups):
        terminalreporter.write_line(line)


def pytest_sessionfinish():
    folder = os.environ.get("OCPPD_VERDICTS")
    for group in VERDICTS.groups if folder else ():
        of_group = {case.id for case in catalogue.CASES if case.group == group}
        with open(os.path.join(folder, group + ".json"), "w", encoding="ascii") as file:
            json.dump({case: word for case, word in VERDICTS.of.items() if case in of_group}, file)
