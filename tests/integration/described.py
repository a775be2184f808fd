# SPDX-License-Identifier: Apache-2.0
# Copyright the ocppd authors
"""Answers of the API against its own description: every one that a test gets has a status, a type and a
body that /v1/openapi.json tells of."""

import json
import re

try:
    import jsonschema
except ImportError:
    jsonschema = None

BODY_MOST = 16384  # bytes of a body that is compared: the validator is slow

_known = {}


def _closed(schema):
    """The schema without room for members it does not name."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _closed(value) for key, value in schema.items()}
    if "properties" in made and "additionalProperties" not in made:
        made["additionalProperties"] = False
    return made


class Description:
    """What one daemon says of its API."""

    def __init__(self, spec):
        self.components = spec["components"]
        self.operations = []
        for path, operations in spec["paths"].items():
            pattern = re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)))
            fixed = path.count("{")
            for method, operation in operations.items():
                self.operations.append((fixed, method.upper(), pattern, operation))
        self.operations.sort(key=lambda entry: entry[0])  # a fixed path outweighs one with names
        self.validators = {}

    def find(self, method, path):
        for _, of, pattern, operation in self.operations:
            if of == method and pattern.fullmatch(path):
                return operation
        return None

    def check(self, method, target, status, content_type, body):
        operation = self.find("GET" if method == "HEAD" else method, target.split("?")[0])
        if operation is None:
            return
        name = f"{method} {target}: "
        response = operation["responses"].get(str(status))
        if status >= 400 and response is None:
            assert content_type == "application/problem+json", name + str(content_type)
            problem = json.loads(body) if body else {"status": status, "type": "urn:", "title": "x"}
            assert problem["status"] == status and problem["type"].startswith("urn:"), problem
            assert problem["title"], problem
            return
        assert response is not None, f"{name}status {status} is not described"
        content = response.get("content", {})
        if not body or method == "HEAD":
            assert status == 204 or method == "HEAD" or not body and not content, name + "no body"
            return
        media = (content_type or "").split(";")[0]
        assert media in content, f"{name}{media} is not described, but {list(content)}"
        if media == "application/json" and len(body) <= BODY_MOST and jsonschema is not None:
            self.check_body(name, operation["operationId"], status, content[media]["schema"], body)

    def check_body(self, name, operation_id, status, schema, body):
        validator = self.validators.get((operation_id, status))
        if validator is None:
            closed = _closed(schema)
            closed["components"] = self.components
            validator = jsonschema.Draft202012Validator(closed)
            self.validators[operation_id, status] = validator
        for error in validator.iter_errors(json.loads(body)):
            raise AssertionError(f"{name}{list(error.absolute_path)}: {error.message}")


def description_of(key, fetch):
    """That of daemons with these modules; fetch: status and body of GET /v1/openapi.json."""
    if key not in _known:
        status, body = fetch()
        if status != 200:
            return None  # it ends, or has yet to begin
        _known[key] = Description(json.loads(body))
    return _known[key]
