"""What requests must look like: one small set of JSON schemas, checked and published.

The same object describes a parameter in `/openapi.json` and refuses what does not
fit, so the document cannot promise what the door does not do. Only the few words of
JSON Schema that are needed are known here.
"""

import re
from collections.abc import Mapping
from typing import Any

from firstry.domain.errors import InputInvalid
from firstry.insight.table import TableFormat

Schema = Mapping[str, Any]

CLOUD_ID: Schema = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,128}$"}
CONFIRM: Schema = {**CLOUD_ID, "description": "The tenant's cloudId, typed again."}
TRIGGER: Schema = {"type": "string", "pattern": "^[A-Z0-9_]{1,40}$"}
REASON: Schema = {
    "type": "string",
    "minLength": 1,
    "maxLength": 500,
    "description": "Why; one line, kept in the ledger for ever.",
}
FILTER: Schema = {
    "type": "string",
    "maxLength": 1000,
    "description": "The filter language, for example `state=backoff backoff>2h`.",
}
LIMIT: Schema = {"type": "integer", "minimum": 1, "maximum": 200}
CURSOR: Schema = {
    "type": "string",
    "maxLength": 600,
    "description": "From `next` of the page before.",
}
LIST_FORMAT: Schema = {
    "type": "string",
    "enum": ["json", *(each.value for each in TableFormat)],
    "description": "`csv` and `ndjson` are files with all rows; they take no `limit` and `cursor`.",
}
BOOLEAN: Schema = {"type": "string", "enum": ["true", "false"]}


class FieldInvalid(InputInvalid):
    """One field of a request is not what its schema says. `field` names it."""

    code = "FIELD_INVALID"

    def __init__(self, field: str, message: str, remedy: str) -> None:
        super().__init__(f"{field}: {message}", remedy)
        self.field = field


def body_of(**fields: Schema) -> Schema:
    """Return the schema of an object with these fields; a name that ends in `_` is optional."""
    properties = {name.rstrip("_"): schema for name, schema in fields.items()}
    required = [name for name in fields if not name.endswith("_")]
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def check_body(schema: Schema, content: object) -> Mapping[str, Any]:
    """Return the object that `content` is, or raise FieldInvalid."""
    if not isinstance(content, dict):
        raise FieldInvalid("body", "it is not a JSON object", _example(schema))
    known: Mapping[str, Schema] = schema["properties"]
    for name in content:
        if name not in known:
            raise FieldInvalid(_shown(name), "there is no such field", _example(schema))
    for name in schema["required"]:
        if name not in content:
            raise FieldInvalid(name, "it is missing", _example(schema))
    for name, value in content.items():
        _check(name, known[name], value)
    return content


def check_query(schemas: Mapping[str, Schema], name: str, text: str) -> str | int:
    """Return the value of a query parameter, or raise FieldInvalid."""
    schema = schemas.get(name)
    if schema is None:
        known = ", ".join(schemas) or "none"
        raise FieldInvalid(_shown(name), "there is no such parameter", f"there are: {known}")
    value: object = text
    if schema["type"] == "integer":
        if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
            raise FieldInvalid(name, "it is not a whole number", f"for example {name}=50")
        value = int(text)
    _check(name, schema, value)
    assert isinstance(value, str | int)
    return value


def _check(name: str, schema: Schema, value: object) -> None:
    if schema["type"] == "integer":
        _check_number(name, schema, value)
    else:
        _check_text(name, schema, value)


def _check_number(name: str, schema: Schema, value: object) -> None:
    low, high = schema.get("minimum", 0), schema.get("maximum", 2**53)
    remedy = f"send a whole number from {low} to {high}"
    if not isinstance(value, int) or isinstance(value, bool):
        raise FieldInvalid(name, "it is not a whole number", remedy)
    if not low <= value <= high:
        raise FieldInvalid(name, f"it is not between {low} and {high}", remedy)


def _check_text(name: str, schema: Schema, value: object) -> None:
    if not isinstance(value, str):
        raise FieldInvalid(name, "it is not a text", "send it as a JSON string")
    if "enum" in schema and value not in schema["enum"]:
        known = ", ".join(schema["enum"])
        raise FieldInvalid(name, f"{_shown(value)} is none of {known}", f"send one of: {known}")
    least, most = schema.get("minLength", 0), schema.get("maxLength", 1000)
    if not least <= len(value) <= most:
        remedy = f"send {least} to {most} characters"
        raise FieldInvalid(name, f"it has {len(value)} characters", remedy)
    if "pattern" in schema and not re.fullmatch(schema["pattern"].strip("^$"), value):
        remedy = "see its pattern in /openapi.json"
        raise FieldInvalid(name, f"{_shown(value)} does not fit {schema['pattern']}", remedy)


def _shown(text: str) -> str:
    return repr(text[:80])


def _example(schema: Schema) -> str:
    return "the fields are " + ", ".join(schema["properties"])
