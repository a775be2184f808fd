#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""table.py VERDICTS README: prints what came of every case, and writes it to VERDICTS/table.txt.

Fails where a case that is due did not pass, and where the README tells another number.
"""

import glob
import json
import os
import re
import sys

import catalogue

SENTENCE = re.compile(r"(\d+) of the (\d+) test cases")


def main(folder, readme):
    verdicts = {}
    for path in glob.glob(os.path.join(folder, "*.json")):
        with open(path, encoding="ascii") as file:
            verdicts.update(json.load(file))
    passed = [case for case in catalogue.DUE if verdicts.get(case) == "passed"]
    total = len(catalogue.CASES)
    lines = catalogue.table(verdicts)
    lines.append(f"{len(passed)} of {total} passed, {len(catalogue.DUE) - len(passed)} failed or missing, "
                 f"{total - len(catalogue.DUE)} left out")
    with open(os.path.join(folder, "table.txt"), "w", encoding="ascii") as file:
        file.write("\n".join(lines) + "\n")
    print("\n".join(lines))
    with open(readme, encoding="utf-8") as file:
        told = SENTENCE.findall(re.sub(r"\s+", " ", file.read()))
    wanted = [(str(len(passed)), str(total))]
    if told != wanted:
        print(f"{readme} tells {told} instead of {wanted}")
    return 0 if told == wanted and len(passed) == len(catalogue.DUE) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
