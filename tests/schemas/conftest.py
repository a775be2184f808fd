# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Says what was compared, and ends with 77 where there was nothing to compare with."""

from official import SCHEMAS

NOTHING_TO_DO = 77


def pytest_sessionfinish(session, exitstatus):
    if SCHEMAS.absence is not None and exitstatus == 0:
        session.exitstatus = NOTHING_TO_DO


def pytest_terminal_summary(terminalreporter):
    terminalreporter.section("the validator and the official schemas")
    if SCHEMAS.absence is not None:
        terminalreporter.write_line(f"SKIPPED: {SCHEMAS.absence}", red=True, bold=True)
    for line in getattr(terminalreporter.config, "ocppd_compared", []):
        terminalreporter.write_line(line)
