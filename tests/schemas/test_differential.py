# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""The validator and the official schemas judge the same payloads, of all 78 messages.

`clean` (accepted, with nothing noted) has to mean `valid`, in all three ways the validator is asked:
for what we send, for what a station sends, and for the same with `strict`. Where it does not, a row
of DIFFERENCES says why; a row that nothing needs any more fails, too.
"""

import collections
import glob
import os
import re
import subprocess

import pytest
from generate import Message, members
from official import SCHEMAS, parse

pytestmark = pytest.mark.skipif(SCHEMAS.absence is not None, reason=str(SCHEMAS.absence))

BY_CHANCE = 150  # payloads of each message
WAYS = ("ours", "received", "received strictly")
ACCEPTED = "accepted"  # clean, though the schema refuses it
REFUSED = "refused"    # noted, mended or refused, though the schema accepts it

Row = collections.namedtuple("Row", "verdict place label reason")
Case = collections.namedtuple("Case", "action kind label path text")
Verdict = collections.namedtuple("Verdict", "ours received strict reason written")

DIFFERENCES = [
    Row(REFUSED, r".*", r"(control character|NUL)",
        "CiString is printable; a NUL ends a text for half of the world's software (quirk D11)"),
    Row(REFUSED, r".*", r"huge .*",
        "integers of any size are valid JSON; nobody keeps more than 64 bits, stations 32"),
    Row(REFUSED,
        r"(MeterValues|ReserveNow|StartTransaction|StatusNotification) req \.connectorId",
        r"(negative .*|integer 2147483647)",
        "the text says >= 0, and no station has 2147483647 connectors (quirk D02)"),
    Row(REFUSED, r"StartTransaction req \.connectorId", r"integer 0",
        "the text says > 0: a transaction is on a connector"),
    Row(REFUSED, r".*\.stackLevel", r"negative .*", "the text says >= 0"),
    Row(REFUSED, r".*\.chargingSchedulePeriod", r"empty list",
        "the text says 1..n; the schemas left minItems out"),
    Row(REFUSED, r"StopTransaction req \.transactionData\[\]\.sampledValue", r"empty list",
        "the text says 1..n; MeterValues' schema has minItems, StopTransaction's has not"),
    Row(REFUSED, r"MeterValues req \.meterValue\[\]\.sampledValue\[\]\.unit", r"word Hertz",
        "no unit of OCPP 1.6, only of this copy of the schema; kept as it came, and noted (D07)"),
    Row(ACCEPTED, r".*", r"whole .*",
        "3.0 and 3e0 are integers by value (so says draft-06, draft-04 looks at the spelling); "
        "what we send is spelled 3"),
    Row(ACCEPTED, r".*", r"bad time 2026-03-01 10:00:00Z",
        "RFC 3339 allows the blank in a note, its grammar does not; what we send has a T"),
]

# A profile that no module offers yet is compared by the tables of a module that the tests carry. Once
# there is one of this name, its own tables are.
STAND_INS = {"ocpp16_security": "micro_security"}

# Of a payload broken in one place: the error code it earns (OCPP-J 1.6, section 4.2.3).
CODES = [
    (r"payload is no object|extra.*", "FormationViolation"),
    (r"missing|too few", "OccurenceConstraintViolation"),
    (r"wrong type .*", "TypeConstraintViolation"),
    (r"bad .*|too long.*", "PropertyConstraintViolation"),
]


def stand_ins():
    """Those that are needed, by path."""
    there = glob.glob("*.so", root_dir=os.environ["OCPPD_PLUGIN_DIR"])
    return [os.path.join(os.environ["OCPPD_STAND_INS"], stand_in + ".so")
            for module, stand_in in STAND_INS.items() if module + ".so" not in there]


def run_verdicts(words, modules, stdin=""):
    done = subprocess.run([os.environ["OCPPD_VERDICTS_BIN"], *words, *modules], input=stdin.encode(),
                          capture_output=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")[-4000:]
    return done.stdout.decode().splitlines()


def verdicts(*words, stdin=""):
    modules = sorted(glob.glob(os.path.join(os.environ["OCPPD_PLUGIN_DIR"], "*.so")))
    return run_verdicts(words, modules + stand_ins(), stdin)


def messages_of(modules):
    """The messages that these modules have tables of, as `ACTION req|conf`."""
    return {line.rpartition(" ")[0] for line in run_verdicts(["--members"], modules)}


def kind_of(is_request):
    return "req" if is_request else "conf"


@pytest.fixture(scope="module", name="cases")
def all_cases():
    found = []
    for (action, is_request), document in SCHEMAS.documents.items():
        message = Message(document)
        for made in message.payloads() + message.random_payloads(BY_CHANCE, action):
            found.append(Case(action, kind_of(is_request), *made))
    return found


@pytest.fixture(scope="module", name="judged")
def all_judged(cases):
    """(case, what the schema says against it, the validator's verdicts)."""
    lines = verdicts(stdin="".join(f"{case.action} {case.kind} {case.text}\n" for case in cases))
    assert len(lines) == len(cases)
    return [(case, SCHEMAS.flaws(case.action, case.kind == "req", parse(case.text)),
             Verdict(*line.split("\t"))) for case, line in zip(cases, lines)]


def is_broken(case):
    """Whether the generator meant to break it; None: it depends on the draft."""
    if case.label.startswith("whole "):
        return None
    return any(re.fullmatch(label, case.label) for label, _ in CODES)


def test_payloads_are_what_they_are_meant_to_be(judged):
    assert {(case.action, case.kind) for case, _, _ in judged} == {
        (action, kind_of(is_request)) for action, is_request in SCHEMAS.documents}
    wrong = [(case, flaws) for case, flaws, _ in judged
             if is_broken(case) is not None and is_broken(case) != bool(flaws)]
    assert wrong == []
    for action, is_request in SCHEMAS.documents:
        mine = [bool(flaws) for case, flaws, _ in judged
                if (case.action, case.kind) == (action, kind_of(is_request))]
        assert True in mine and False in mine


def test_tables_have_the_members_of_the_schemas():
    """Of every message: one table, and no table of anything else."""
    lines = collections.defaultdict(list)
    for line in verdicts("--members"):
        action, kind, path = line.split(" ")
        lines[action, kind].append(path)
    assert set(lines) == {(action, kind_of(is_request)) for action, is_request in SCHEMAS.documents}
    for (action, is_request), document in SCHEMAS.documents.items():
        assert sorted(lines[action, kind_of(is_request)]) == sorted(members(document)), action


def test_verdicts_agree_or_the_difference_is_listed(judged, request):
    unlisted = []
    needed = collections.Counter()
    compared = 0
    for case, flaws, verdict in judged:
        for way, said in zip(WAYS, verdict):
            if said == "-":
                continue
            compared += 1
            if (said == "clean") == (not flaws):
                continue
            kind = ACCEPTED if flaws else REFUSED
            rows = [row for row in DIFFERENCES if row.verdict == kind and
                    re.fullmatch(row.place, f"{case.action} {case.kind} {case.path}") and
                    re.fullmatch(row.label, case.label)]
            needed.update(row.reason for row in rows)
            if not rows:
                unlisted.append(f"{case.action} {case.kind} {case.path}, {case.label}: {way}: {said} "
                                f"({verdict.reason}), the schema: {flaws or 'valid'}: {case.text}")
    assert unlisted == []
    assert [row.reason for row in DIFFERENCES if row.reason not in needed] == []
    carried = messages_of(stand_ins())
    request.config.ocppd_compared = [
        f"{compared} verdicts on {len(judged)} payloads; they differ as listed:",
        *(f"{needed[row.reason]:6} x {row.verdict}: {row.reason}" for row in DIFFERENCES),
        f"of {len(SCHEMAS.documents)} messages, {len(carried)} by tables that the tests carry: "
        f"{', '.join(sorted({message.split(' ')[0] for message in carried})) or 'none'}"]


def test_what_we_let_out_is_valid(judged):
    """Whatever was accepted as ours is valid as it is written, without any exception."""
    wrong = []
    for case, _, verdict in judged:
        if verdict.ours == "clean":
            flaws = SCHEMAS.flaws(case.action, case.kind == "req", parse(verdict.written))
            wrong += [(case, verdict.written, flaws)] if flaws else []
    assert wrong == []


def test_what_is_broken_in_one_place_earns_its_code(judged):
    wrong = []
    for case, flaws, verdict in judged:
        if not flaws or verdict.ours == "clean":
            continue
        codes = [code for label, code in CODES if re.fullmatch(label, case.label)]
        if verdict.ours != f"refused:{codes[0]}":
            wrong.append((case, verdict))
    assert wrong == []


def test_refusals_say_where(judged):
    """The path of the member at fault, as the generator knows it."""
    wrong = []
    for case, flaws, verdict in judged:
        if flaws and verdict.ours.startswith("refused") and case.path != ".":
            said = re.sub(r"\[\d+\]", "[]", verdict.reason.partition(": ")[0])
            if "." + said != case.path:
                wrong.append((case, verdict.reason))
    assert wrong == []
