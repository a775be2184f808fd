# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Every test of this folder has the daemon's frames checked."""

import pytest

# So that what they find amiss is told as what a test does is.
pytest.register_assert_rewrite("files_bed", "firmware_bed", "harness")

from official import official_frames, pytest_terminal_summary  # noqa: E402, F401
