# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Every test of this folder has the daemon's frames checked."""

from official import official_frames, pytest_terminal_summary  # noqa: F401


def pytest_addoption(parser):
    parser.addoption("--sections", default="ABCDEFGHIJ",
                     help="of the quirks whose transcripts are played, by their letters")
