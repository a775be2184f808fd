# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""The daemon does what each transcript says."""

import glob
import os

from transcript import Player

HERE = os.path.dirname(os.path.abspath(__file__))


def pytest_generate_tests(metafunc):
    sections = metafunc.config.getoption("sections")
    scripts = [script for script in sorted(glob.glob(os.path.join(HERE, "*.ocpp")))
               if os.path.basename(script)[0] in sections]
    metafunc.parametrize("script", scripts,
                         ids=[os.path.basename(script)[:-5] for script in scripts])


def test_quirk(tmp_path, script):
    Player(tmp_path, script).play()
