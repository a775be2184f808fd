# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Payloads for one official schema: good ones of every form, and ones broken in exactly one place.

Every payload carries what was done to it: (label, path, text). Texts are JSON, so that a number can
be spelled as no serialiser would.
"""

import json
import random

NOW = "2026-03-01T10:00:00.123Z"
WIDE = "\u20ac"  # one character, three bytes of UTF-8
GOOD_TIMES = [
    "2026-03-01T10:00:00Z", "2026-03-01T10:00:00.5Z", "2026-03-01T10:00:00.123456789Z",
    "2026-03-01T10:00:00+02:00", "2026-03-01T10:00:00-05:30", "2026-03-01t10:00:00z",
    "2024-02-29T00:00:00Z", "2016-12-31T23:59:60Z", "1970-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
]
BAD_TIMES = [
    "", "x", "2026-03-01", "10:00:00Z", "2026-03-01T10:00:00", "2026-03-01T10:00:00+0200",
    "2026-03-01T10:00:00+02", "2026-03-01 10:00:00Z", "2026-02-29T10:00:00Z",
    "2026-13-01T10:00:00Z", "2026-03-01T24:00:00Z", "2026-03-01T10:60:00Z", "2026-03-01T10:00Z",
    "2026-03-01T10:00:00.Z", "2026-3-1T10:00:00Z", "2026-03-01T10:00:00Zulu", "1772359200",
    "2026-03-01T10:00:00+24:00", " 2026-03-01T10:00:00Z",
]
GOOD_URIS = ["https://example.com/a?b=c", "ftp://user:pw@[::1]:21/a%20b", "urn:x"]
BAD_URIS = ["", "/a", "no uri", "http://a b"]
GOOD_INTEGERS = ["0", "1", "7", "2147483647"]
NEGATIVE_INTEGERS = ["-1", "-2147483648"]
HUGE_INTEGERS = ["9223372036854775808", "-9223372036854775809"]
GOOD_DECIMALS = ["0", "0.1", "0.3", "1.1", "16.0", "16.10", "-0.1", "32", "1e1", "125e-1", "63.9"]
BAD_DECIMALS = ["0.05", "16.25", "1e-2", "0.30000001", "1255e-2"]
WRONG = ["null", "true", "17", "2.5", '"x"', "[]", "{}", "[1]"]


class Raw:
    """JSON text, as it is to be written."""

    def __init__(self, text):
        self.text = text


def write(value):
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k)}:{write(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(write, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


class Message:
    """One schema's payloads."""

    def __init__(self, document):
        self.document = document
        self.found = []
        self.whole = self.sample(document, True)

    # ---- Samples ----

    def follow(self, node):
        if "$ref" not in node:
            return node
        found = self.document
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        return self.follow(found)

    def sample(self, node, is_whole):
        """A good value, with every member or only those that are required."""
        node = self.follow(node)
        kind = node["type"]
        if kind == "object":
            members = node.get("properties", {})
            wanted = members if is_whole else node.get("required", [])
            return {name: self.sample(members[name], is_whole) for name in wanted}
        if kind == "array":
            return [self.sample(node["items"], is_whole)]
        if kind == "string":
            return self.sample_text(node)
        return {"integer": 1, "number": Raw("16.5"), "boolean": True}[kind]

    @staticmethod
    def sample_text(node):
        if "enum" in node:
            return node["enum"][0]
        return {"date-time": NOW, "uri": GOOD_URIS[0], None: "a"}[node.get("format")]

    def changed(self, path, value):
        """The whole payload with another value at the path; DROP takes the member away."""
        return rebuild(self.whole, path, value)

    def add(self, label, path, value):
        text = write(value if path is None else self.changed(path, value))
        self.found.append((label, spell(path or ()), text))

    # ---- Walk ----

    def payloads(self):
        self.found = []
        self.add("whole", None, self.whole)
        self.add("least", None, self.sample(self.document, False))
        for wrong in WRONG[:6]:
            self.add("payload is no object", None, Raw(wrong))
        self.visit(self.document, ())
        return self.found

    def visit(self, node, path):
        node = self.follow(node)
        kind = node["type"]
        if path:
            self.visit_type(kind, path)
        getattr(self, "visit_" + kind)(node, path)

    def visit_type(self, kind, path):
        for wrong in WRONG:
            if not fits(kind, wrong):
                self.add("wrong type " + wrong, path, Raw(wrong))

    def visit_object(self, node, path):
        members = node.get("properties", {})
        for name, inner in members.items():
            at = path + (name,)
            is_required = name in node.get("required", [])
            self.add("missing" if is_required else "left out", at, DROP)
            self.visit(inner, at)
            if name.swapcase() not in members:
                self.add("extra, in another case", path + (name.swapcase(),), 1)
        self.add("extra", path + ("extra",), 1)
        self.add("extra, null", path + ("extra",), None)

    def visit_array(self, node, path):
        inner = self.sample(node["items"], True)
        self.add("empty list" if node.get("minItems", 0) == 0 else "too few", path, [])
        self.add("three of a list", path, [inner] * 3)
        self.visit(node["items"], path + (0,))

    def visit_string(self, node, path):
        if "enum" in node:
            self.visit_enum(node["enum"], path)
        elif node.get("format") == "date-time":
            for text in GOOD_TIMES:
                self.add("time " + text, path, text)
            for text in BAD_TIMES:
                self.add("bad time " + text, path, text)
        elif node.get("format") == "uri":
            for text in GOOD_URIS:
                self.add("uri " + text, path, text)
            for text in BAD_URIS:
                self.add("bad uri " + text, path, text)
        else:
            self.visit_text(node.get("maxLength"), path)

    def visit_text(self, limit, path):
        self.add("empty text", path, "")
        self.add("line break and tab", path, "a\r\n\tb" if limit is None or limit >= 5 else "\n")
        self.add("control character", path, "\u0001")
        self.add("NUL", path, "\u0000")
        if limit is None:
            self.add("long text", path, "x" * 6000)
            return
        self.add("longest", path, "x" * limit)
        self.add("longest of wide characters", path, WIDE * limit)
        self.add("longest of astral characters", path, "\U0001f50c" * limit)
        self.add("too long", path, "x" * (limit + 1))
        self.add("too long, of wide characters", path, WIDE * (limit + 1))

    def visit_enum(self, words, path):
        for word in words:
            self.add("word " + word, path, word)
            for bad in (word.lower(), word.upper(), word + " ", word[:-1]):
                if bad not in words:
                    self.add("bad word " + bad, path, bad)
        self.add("bad word ", path, "")

    def visit_integer(self, node, path):
        del node
        for label, numbers in (("integer ", GOOD_INTEGERS), ("negative ", NEGATIVE_INTEGERS),
                               ("huge ", HUGE_INTEGERS), ("whole ", ["3.0", "3e0", "30e-1"])):
            for number in numbers:
                self.add(label + number, path, Raw(number))

    def visit_number(self, node, path):
        assert "multipleOf" in node
        for number in GOOD_DECIMALS:
            self.add("decimal " + number, path, Raw(number))
        for number in BAD_DECIMALS:
            self.add("bad decimal " + number, path, Raw(number))

    def visit_boolean(self, node, path):
        del node
        self.add("false", path, False)

    # ---- By chance ----

    def random_payloads(self, count, seed):
        chance = random.Random(seed)
        return [("by chance", ".", write(self.draw(self.document, chance))) for _ in range(count)]

    def draw(self, node, chance):
        node = self.follow(node)
        kind = node["type"]
        if kind == "object":
            required = node.get("required", [])
            names = [name for name in node.get("properties", {})
                     if name in required or chance.random() < 0.5]
            chance.shuffle(names)
            return {name: self.draw(node["properties"][name], chance) for name in names}
        if kind == "array":
            least = max(1, node.get("minItems", 0))
            return [self.draw(node["items"], chance) for _ in range(chance.randint(least, 4))]
        if kind == "string":
            return self.draw_text(node, chance)
        if kind == "integer":
            return chance.randint(1, 60)  # a connector, too
        if kind == "number":
            return Raw(f"{chance.randint(0, 64)}.{chance.randint(0, 9)}")
        return chance.random() < 0.5

    @staticmethod
    def draw_text(node, chance):
        if "enum" in node:
            return chance.choice([word for word in node["enum"] if word != "Hertz"])
        if node.get("format") is not None:
            return chance.choice(GOOD_TIMES if node["format"] == "date-time" else GOOD_URIS)
        size = chance.randint(0, node.get("maxLength", 100))
        text = "".join(chance.choice("aZ09 -_\"\\/\u00e9" + WIDE) for _ in range(size))
        return Raw(json.dumps(text, ensure_ascii=chance.random() < 0.5))


class _Drop:
    pass


DROP = _Drop()


def fits(kind, text):
    """Whether a value of WRONG is of the schema's type after all."""
    return {"integer": text == "17", "number": text in ("17", "2.5"), "boolean": text == "true",
            "string": text == '"x"', "object": text == "{}",
            "array": text in ("[]", "[1]")}[kind]


def rebuild(value, path, new):
    if not path:
        return new
    step, rest = path[0], path[1:]
    if isinstance(value, list):
        return [rebuild(item, rest, new) if i == step else item for i, item in enumerate(value)]
    changed = dict(value)
    if rest or new is not DROP:
        changed[step] = rebuild(value.get(step), rest, new)
    else:
        del changed[step]
    return changed


def spell(path):
    text = "".join("[]" if step == 0 else "." + step for step in path)
    return text or "."


def members(document):
    """The paths of all members, as `verdicts --members` spells them."""
    message = Message(document)

    def walk(node, path):
        node = message.follow(node)
        if node["type"] == "array":
            yield from walk(node["items"], path + "[]")
            return
        if path:
            yield path
        for name, inner in node.get("properties", {}).items():
            yield from walk(inner, f"{path}.{name}")

    return {"."} | set(walk(document, ""))
