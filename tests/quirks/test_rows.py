# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Every field quirk has a transcript."""

import glob
import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))


def test_every_row_is_there_or_accounted_for(pytestconfig):
    """Rows A01 to I04 and J: a transcript each, or a line in README.md that says why not."""
    last = {"A": 16, "B": 12, "C": 13, "D": 12, "E": 7, "F": 14, "G": 18, "H": 8, "I": 4}
    rows = [f"{section}{number:02}" for section, count in last.items()
            for number in range(1, count + 1)] + ["J"]
    there = {os.path.basename(script)[:-5].split("-")[0]
             for script in glob.glob(os.path.join(HERE, "*.ocpp"))}
    with open(os.path.join(HERE, "README.md"), encoding="utf-8") as file:
        left_out = set(re.findall(r"^\| ([A-J](?:\d\d)?) \|", file.read(), re.M))
    assert not there & left_out
    assert [row for row in rows if row not in there | left_out] == []
    # All that are played: see CMakeLists.txt.
    assert {row[0] for row in there} <= set(pytestconfig.getoption("sections"))
