"""The few shapes that a JSON document of ours is made of.

A shape checks a value and writes itself down as JSON Schema, so the check that
firstry runs and the schema that a stranger runs cannot drift apart. Every shape
is closed: what it does not name is refused, and everything has a limit.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from firstry.domain.canonical import Json
from firstry.domain.report.guard import forbidden_words

LONGEST_TEXT = 2000


@dataclass(frozen=True, slots=True)
class Breach:
    """One rule that a document breaks: where (a JSON pointer) and what it had to be."""

    place: str
    rule: str

    def __str__(self) -> str:
        return f"{self.place or '/'}: {self.rule}"


class Shape(Protocol):
    """What one place of a document may hold."""

    def check(self, value: Json, place: str, found: list[Breach]) -> None:
        """Add to `found` whatever in `value` does not fit."""
        ...

    def schema(self, named: dict[str, Json]) -> dict[str, Json]:
        """Return the shape as JSON Schema; shared shapes go into `named`."""
        ...


@dataclass(frozen=True, slots=True)
class Fixed:
    """Exactly this value."""

    value: str | bool | None

    def check(self, value: Json, place: str, found: list[Breach]) -> None:
        if value is not self.value and (type(value), value) != (type(self.value), self.value):
            found.append(Breach(place, f"must be {self.value!r}"))

    def schema(self, named: dict[str, Json]) -> dict[str, Json]:
        return {"const": self.value}


@dataclass(frozen=True, slots=True)
class OneOf:
    """One word of a closed list."""

    words: Sequence[str]

    def check(self, value: Json, place: str, found: list[Breach]) -> None:
        if not isinstance(value, str) or value not in self.words:
            found.append(Breach(place, f"must be one of {', '.join(self.words)}"))

    def schema(self, named: dict[str, Json]) -> dict[str, Json]:
        return {"enum": list(self.words)}


@dataclass(frozen=True, slots=True)
class Text:
    """Text of the form of `pattern`, which must match all of it."""

    pattern: str
    what: str
    longest: int = LONGEST_TEXT
    _compiled: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_compiled", re.compile(self.pattern, re.ASCII))

    def check(self, value: Json, place: str, found: list[Breach]) -> None:
        is_fit = isinstance(value, str) and len(value) <= self.longest
        if not is_fit or not self._compiled.fullmatch(str(value)):
            found.append(Breach(place, f"must be {self.what}"))

    def schema(self, named: dict[str, Json]) -> dict[str, Json]:
        return {"type": "string", "pattern": f"^(?:{self.pattern})$", "maxLength": self.longest}


@dataclass(frozen=True, slots=True)
class Sentence:
    """Words of ours: printable ASCII, not blank, and nothing that the guard forbids.

    JSON Schema cannot say the last; docs/report-contract.md lists the words.
    """

    form: Text = Text(r"[!-~](?:[ -~]*[!-~])?", "a sentence in printable ASCII")

    def check(self, value: Json, place: str, found: list[Breach]) -> None:
        self.form.check(value, place, found)
        if isinstance(value, str) and (words := forbidden_words(value)):
            found.append(Breach(place, f"may not say {', '.join(words)}"))

    def schema(self, named: dict[str, Json]) -> dict[str, Json]:
        return self.form.schema(named)


@dataclass(frozen=True, slots=True)
class Instant:
    """A UTC instant as firstry writes it: whole milliseconds and a Z."""

    _form: re.Pattern[str] = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)

    def check(self, value: Json, place: str, found: list[Breach]) -> None:
        if isinstance(value, str) and self._form.fullmatch(value):
            try:
                datetime.fromisoformat(value)
                return
            except ValueError:
                pass
        found.append(Breach(place, "must be an instant like 2026-01-31T09:30:00.000Z"))

    def schema(self, named: dict[str, Json]) -> dict[str, Json]:
        pattern = f"^{self._form.pattern}$"
        return {"type": "string", "format": "date-time", "pattern": pattern}


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number from `low` to `high`."""

    low: int
    high: int

    def check(self, value: Json, place: str, found: list[Breach]) -> None:
        if type(value) is not int or not self.low <= value <= self.high:
            found.append(Breach(place, f"must be a whole number from {self.low} to {self.high}"))

    def schema(self, named: dict[str, Json]) -> dict[str, Json]:
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True, slots=True)
class Number:
    """A number from `low` to `high`."""

    low: int
    high: int

    def check(self, value: Json, place: str, found: list[Breach]) -> None:
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not self.low <= value <= self.high
        ):
            found.append(Breach(place, f"must be a number from {self.low} to {self.high}"))

    def schema(self, named: dict[str, Json]) -> dict[str, Json]:
        return {"type": "number", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True, slots=True)
class Maybe:
    """This shape, or null."""

    shape: Shape

    def check(self, value: Json, place: str, found: list[Breach]) -> None:
        if value is not None:
            self.shape.check(value, place, found)

    def schema(self, named: dict[str, Json]) -> dict[str, Json]:
        return {"anyOf": [self.shape.schema(named), {"type": "null"}]}


@dataclass(frozen=True, slots=True)
class Rows:
    """A list of one shape with a bounded number of items."""

    shape: Shape
    fewest: int
    most: int

    def check(self, value: Json, place: str, found: list[Breach]) -> None:
        if not isinstance(value, list) or not self.fewest <= len(value) <= self.most:
            found.append(Breach(place, f"must be a list of {self.fewest} to {self.most} items"))
            return
        for number, each in enumerate(value):
            self.shape.check(each, f"{place}/{number}", found)

    def schema(self, named: dict[str, Json]) -> dict[str, Json]:
        return {
            "type": "array",
            "items": self.shape.schema(named),
            "minItems": self.fewest,
            "maxItems": self.most,
        }


@dataclass(frozen=True, slots=True)
class Record:
    """An object with exactly these keys, those of `maybe` being free to be absent."""

    name: str
    fields: Mapping[str, Shape]
    maybe: Mapping[str, Shape] = field(default_factory=dict)

    def check(self, value: Json, place: str, found: list[Breach]) -> None:
        if not isinstance(value, dict):
            found.append(Breach(place, "must be an object"))
            return
        for key, shape in self.fields.items():
            if key in value:
                shape.check(value[key], f"{place}/{key}", found)
            else:
                found.append(Breach(f"{place}/{key}", "is missing"))
        for key in value:
            if key in self.maybe:
                self.maybe[key].check(value[key], f"{place}/{key}", found)
            elif key not in self.fields:
                found.append(Breach(f"{place}/{key}", "is no key of the schema"))

    def schema(self, named: dict[str, Json]) -> dict[str, Json]:
        if self.name not in named:
            shapes = {**self.fields, **self.maybe}
            named[self.name] = {
                "type": "object",
                "properties": {key: shape.schema(named) for key, shape in shapes.items()},
                "required": list(self.fields),
                "additionalProperties": False,
            }
        return {"$ref": f"#/$defs/{self.name}"}


@dataclass(frozen=True, slots=True)
class Either:
    """One of two records; the truth of `key` says which."""

    key: str
    if_true: Record
    if_false: Record

    def check(self, value: Json, place: str, found: list[Breach]) -> None:
        is_true = isinstance(value, dict) and value.get(self.key) is True
        (self.if_true if is_true else self.if_false).check(value, place, found)

    def schema(self, named: dict[str, Json]) -> dict[str, Json]:
        return {"oneOf": [self.if_true.schema(named), self.if_false.schema(named)]}
