# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""What the daemon sends, judged by the official JSON schemas and by OCPP-J's rules for frames.

Every test client reports what it sent and received to a Conversation. A frame that breaks a rule
fails the test that was running (the hooks at the end; a conftest.py takes them over).

The schemas are no part of this project. OCPPD_SCHEMAS names their folder; without it a neighbour of
the project is tried. Where there are none, frames are checked for their form alone, and the run says
so. What no official schema describes is the content of DataTransfer's `data`: a vendor's text.
"""

import collections
import datetime
import decimal
import fractions
import glob
import json
import os
import re

import pytest

try:
    import jsonschema
except ImportError:
    jsonschema = None

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NEIGHBOUR = os.path.join(ROOT, "..", "shared", "reference", "schemas")
BASE = 28
SECURITY = 11
ERROR_CODES = {
    "NotImplemented", "NotSupported", "InternalError", "ProtocolError", "SecurityError",
    "FormationViolation", "PropertyConstraintViolation", "OccurenceConstraintViolation",
    "TypeConstraintViolation", "GenericError",
}
# What tests/modules/micro_command.c adds to the protocol: counted apart, checked for its form alone.
OF_TEST_MODULES = {"Hello", "Paint", "Start"}
ID_MAX = 36
DESCRIPTION_MAX = 255

_DATE_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:[Zz]|[+-](\d\d):(\d\d))", re.ASCII)
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*")
_CALL = re.compile(r"""[\s\ufeff]*\[\s*"?2"?\s*,\s*   # however the test spells it
                   (?:("(?:[^"\\]|\\.)*")|([^\s,"\]]+))\s*,?
                   \s*(?:"([^"]*)")?""", re.VERBOSE)


class BadJson(ValueError):
    pass


def _closed(pairs):
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadJson(f"a member is there twice: {[key for key, _ in pairs]}")
    return found


def _no_constant(word):
    raise BadJson(f"{word} is no JSON")


def parse(text):
    """Strict JSON: no repeated member, no NaN; decimals keep every digit."""
    return json.loads(text, parse_float=decimal.Decimal, parse_constant=_no_constant,
                      object_pairs_hook=_closed)


# ---- What the library leaves open, or gets wrong in binary floating point ----


def is_date_time(text):
    """RFC 3339, section 5.6. A leap second may be at the end of any minute."""
    found = _DATE_TIME.fullmatch(text)
    if not found:
        return False
    year, month, day, hour, minute, second = map(int, found.groups()[:6])
    zone_hour, zone_minute = (int(group or 0) for group in found.groups()[6:])
    if hour > 23 or minute > 59 or second > 60 or zone_hour > 23 or zone_minute > 59:
        return False
    try:
        # 400 years later the calendar is the same, and year 0 is one that Python knows.
        datetime.date(year % 400 + 400, month, day)
    except ValueError:
        return False
    return True


def is_uri(text):
    """RFC 3986, as far as characters and the scheme go."""
    return _URI.fullmatch(text) is not None


def _multiple_of(validator, step, instance, schema):
    del schema
    if not validator.is_type(instance, "number"):
        return
    if (fractions.Fraction(instance) / fractions.Fraction(step)).denominator != 1:
        yield jsonschema.ValidationError(f"{instance} is not a multiple of {step}")


def _is_whole(checker, instance):
    del checker
    if isinstance(instance, bool):
        return False
    return isinstance(instance, int) or (
        isinstance(instance, decimal.Decimal) and instance == instance.to_integral_value())


def _validator(schema):
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    types = kind.TYPE_CHECKER
    if kind is not jsonschema.Draft4Validator:  # in draft-04, 1.0 is no integer
        types = types.redefine("integer", _is_whole)
    kind = jsonschema.validators.extend(kind, {"multipleOf": _multiple_of}, type_checker=types)
    formats = jsonschema.FormatChecker(formats=())
    formats.checkers = {
        "date-time": (lambda value: not isinstance(value, str) or is_date_time(value), ()),
        "uri": (lambda value: not isinstance(value, str) or is_uri(value), ()),
    }
    return kind(schema, format_checker=formats)


class Schemas:
    """The validators of one folder, by (action, is_request)."""

    def __init__(self):
        self.validators = {}
        self.documents = {}
        self.folder = None
        self.absence = self._load()

    def _load(self):
        """None, or why there are none."""
        named = os.environ.get("OCPPD_SCHEMAS")
        if jsonschema is None:
            return "python3-jsonschema is not installed"
        for folder in [named] if named else [NEIGHBOUR]:
            for inner in (os.path.join(folder, "ocpp1.6"), folder):
                if glob.glob(os.path.join(inner, "*.json")):
                    self._read(inner)
                    return None
        return f"OCPPD_SCHEMAS={named} holds none" if named else "OCPPD_SCHEMAS names no folder"

    def _read(self, folder):
        self.folder = os.path.abspath(folder)
        names = {os.path.basename(path)[:-5] for path in glob.glob(os.path.join(folder, "*.json"))}
        for name in sorted(names):
            is_request = not (name.endswith("Response") and name[:-8] in names)
            action = name if is_request else name[:-8]
            with open(os.path.join(folder, name + ".json"), encoding="utf-8-sig") as file:
                document = json.load(file, parse_float=decimal.Decimal)
            self.documents[action, is_request] = document
            self.validators[action, is_request] = _validator(document)
        if len(self.validators) != 2 * (BASE + SECURITY):
            raise AssertionError(f"{len(self.validators)} schemas in {folder}")

    def flaws(self, action, is_request, payload):
        """What the schema says against the payload, as texts."""
        found = []
        for error in self.validators[action, is_request].iter_errors(payload):
            path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}"
                           for step in error.absolute_path)
            found.append(f"{path or '.'}: {error.message}")
        return sorted(found)


SCHEMAS = Schemas()


class Tally:
    """What was checked in this run, and what was wrong in the test that is running."""

    def __init__(self):
        self.counts = collections.Counter()
        self.violations = []

    def take(self):
        found, self.violations = self.violations, []
        return found


TALLY = Tally()


def _key(message_id):
    """A text is told from a number (quirk C02), whose literal has to come back."""
    return f'"{message_id}"' if isinstance(message_id, str) else str(message_id)


class Conversation:
    """One connection's frames, as its client sent and received them."""

    def __init__(self):
        self.asked = {}

    def sent(self, text):
        """A text on its way to the daemon. A CALL may be as broken as its test wants it."""
        found = _CALL.match(text)
        if found:
            self.asked[found[2] if found[1] is None else _key(json.loads(found[1]))] = found[3]

    def received(self, text):
        """A text that came from the daemon."""
        try:
            flaws = self._flaws(parse(text))
        except ValueError as error:
            flaws = [str(error)]
        TALLY.violations += [f"{flaw}: {text[:2000]}" for flaw in flaws]

    def _flaws(self, frame):
        if not isinstance(frame, list) or len(frame) < 3:
            return ["not a frame of OCPP-J"]
        if frame[0] == 2:
            return self._call(frame)
        if frame[0] == 3:
            return self._result(frame)
        if frame[0] == 4:
            return self._error(frame)
        return ["not a message type of OCPP 1.6"]

    def _call(self, frame):
        if len(frame) != 4 or not isinstance(frame[2], str):
            return ["a CALL has four elements"]
        if not isinstance(frame[1], str) or not 0 < len(frame[1]) <= ID_MAX:
            return [f"a message id is a text of up to {ID_MAX} characters"]
        return self._payload("call", frame[2], True, frame[3])

    def _result(self, frame):
        if len(frame) != 3:
            return ["a CALLRESULT has three elements"]
        if _key(frame[1]) not in self.asked:
            return ["answers what was not asked"]
        return self._payload("result", self.asked[_key(frame[1])], False, frame[2])

    def _error(self, frame):
        TALLY.counts["error"] += 1
        if len(frame) != 5:
            return ["a CALLERROR has five elements"]
        flaws = []
        if _key(frame[1]) not in self.asked:
            flaws.append("answers what was not asked")
        if frame[2] not in ERROR_CODES:
            flaws.append(f"no error code of OCPP 1.6: {frame[2]}")
        if not isinstance(frame[3], str) or len(frame[3]) > DESCRIPTION_MAX:
            flaws.append(f"a description is a text of up to {DESCRIPTION_MAX} characters")
        if not isinstance(frame[4], dict):
            flaws.append("the details of an error are an object")
        return flaws

    def _payload(self, kind, action, is_request, payload):
        if not isinstance(payload, dict):
            return ["a payload is an object"]
        if SCHEMAS.absence is not None:
            TALLY.counts["unchecked"] += 1
            return []
        if action in OF_TEST_MODULES:
            TALLY.counts["module"] += 1
            return []
        if (action, is_request) not in SCHEMAS.validators:
            return [f"no official schema describes {action}"]
        TALLY.counts[kind] += 1
        return SCHEMAS.flaws(action, is_request, payload)


# ---- Hooks, for conftest.py ----


@pytest.fixture(autouse=True)
def official_frames():
    """Fails the test in which the daemon sent a frame that breaks a rule."""
    TALLY.take()
    yield
    found = TALLY.take()
    if found:
        pytest.fail(f"{len(found)} frames of the daemon break a rule:\n" + "\n".join(found),
                    pytrace=False)


def summary():
    """One line about what was checked; where a file is named, its counts are kept there, too."""
    counts = TALLY.counts
    checked = counts["call"] + counts["result"]
    report = os.environ.get("OCPPD_SCHEMAS_REPORT")
    if report:
        with open(report, "a", encoding="ascii") as file:
            file.write(f"{checked} {counts['error']} {counts['unchecked']}\n")
    if SCHEMAS.absence is not None:
        return (f"SKIPPED: the official schemas: {SCHEMAS.absence}; the form of {counts['unchecked']} "
                f"payloads and {counts['error']} errors was checked, nothing else")
    return (f"official schemas: {checked} payloads validated ({counts['call']} calls, "
            f"{counts['result']} results), and the form of {counts['error']} errors and of "
            f"{counts['module']} frames of test modules")


def pytest_terminal_summary(terminalreporter):
    line = summary()
    terminalreporter.section("frames of the daemon")
    terminalreporter.write_line(line, red=line.startswith("SKIPPED"), bold=True)
