# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Every test of this folder has the daemon's frames checked."""

from official import official_frames, pytest_terminal_summary  # noqa: F401
