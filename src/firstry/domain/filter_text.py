"""The filter language: `state=backoff backoff>2h site~acme`, read and written.

One language for console, command line and API. A text is at most 20 conditions
with blanks between them; each is a field, an operator and a value without blanks.
A field stands once with each operator; alternatives are joined by commas. What does
not parse names its place and shows what would.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from firstry.domain.errors import InputInvalid
from firstry.domain.filter import Condition, Field, Filter, Operator, Value
from firstry.domain.phase import Phase

LONGEST = 1000
MOST = 20
MOST_WORDS = 9
_CONDITION = re.compile(r"([a-z]+)(!=|=|~|<|>)(.*)", re.DOTALL)
_SPAN = re.compile(r"(\d{1,6})([smhd])", re.ASCII)
_COUNT = re.compile(r"\d{1,6}", re.ASCII)
_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_CENTURY = timedelta(days=36525)
_YES_NO = {"yes": True, "no": False}


class FilterInvalid(InputInvalid):
    """A filter does not parse. `position` counts characters from 1."""

    code = "FILTER_INVALID"

    def __init__(self, message: str = "", example: str = "", position: int = 1) -> None:
        super().__init__(
            f"the filter does not parse at character {position}: {message}",
            f"for example {example}",
        )
        self.position = position
        self.example = example


class _Unreadable(Exception):
    """A value is not what its field takes."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What one field takes. `example` is a condition that parses."""

    operators: tuple[Operator, ...]
    read: Callable[[str], Value]
    takes: str
    example: str
    meaning: str


def parse_filter(text: str) -> Filter:
    """Return the filter that `text` says, or raise FilterInvalid."""
    if len(text) > LONGEST:
        raise FilterInvalid(f"it is longer than {LONGEST} characters", "state=backoff", LONGEST)
    words = list(re.finditer(r"\S+", text))
    if len(words) > MOST:
        place = words[MOST].start() + 1
        raise FilterInvalid(f"there are more than {MOST} conditions", "state=backoff", place)
    conditions: list[Condition] = []
    for word in words:
        condition = _condition(word.group(), word.start() + 1)
        if any((c.field, c.operator) == (condition.field, condition.operator) for c in conditions):
            message = f"{condition.field}{condition.operator} stands there twice"
            raise FilterInvalid(message, RULES[condition.field].example, word.start() + 1)
        conditions.append(condition)
    return Filter(tuple(conditions))


def print_filter(wanted: Filter) -> str:
    """Return the text of a filter; reading it gives the same filter."""
    return " ".join(
        f"{c.field.value}{c.operator.value}{_printed(c.value)}" for c in wanted.conditions
    )


def parse_span(text: str) -> timedelta:
    """Return what `90s`, `30m`, `2h` or `7d` says, at most a century; or raise InputInvalid."""
    match = _SPAN.fullmatch(text)
    span = timedelta(seconds=int(match[1]) * _UNITS[match[2]]) if match else None
    if span is None or span > _CENTURY:
        raise InputInvalid(f"{_shown(text)} is no span of time", "for example 90s, 30m, 2h or 7d")
    return span


def print_span(span: timedelta) -> str:
    """Return whole seconds in the largest unit that says them exactly: `90s`, `2h`, `7d`."""
    seconds = int(span.total_seconds())
    unit, size = next(pair for pair in _UNITS.items() if seconds % pair[1] == 0)
    return f"{seconds // size}{unit}"


def _condition(word: str, place: int) -> Condition:
    match = _CONDITION.fullmatch(word)
    if match is None:
        raise FilterInvalid(f"{_shown(word)} has no field and operator", "site~acme", place)
    name, sign, value = match.groups()
    if name not in set(Field):
        fields = ", ".join(Field)
        raise FilterInvalid(f"{_shown(name)} is no field ({fields})", "state=backoff", place)
    rule, operator = RULES[Field(name)], Operator(sign)
    if operator not in rule.operators:
        allowed = " ".join(rule.operators)
        message = f"{name} does not take {sign} (it takes {allowed})"
        raise FilterInvalid(message, rule.example, place + len(name))
    try:
        if operator is Operator.HAS and "," in value:
            raise _Unreadable
        return Condition(Field(name), operator, rule.read(value))
    except _Unreadable:
        message = f"{_shown(value)} is not {rule.takes}"
        raise FilterInvalid(message, rule.example, place + len(name) + len(sign)) from None


def _shown(text: str) -> str:
    return repr(text[:60])


def _printed(value: Value) -> str:
    if isinstance(value, tuple):
        return ",".join(value)
    if isinstance(value, timedelta):
        return print_span(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _words_of(pattern: str) -> Callable[[str], Value]:
    shape = re.compile(pattern)

    def read(text: str) -> Value:
        words = tuple(dict.fromkeys(text.split(",")))
        if len(words) > MOST_WORDS or not all(shape.fullmatch(word) for word in words):
            raise _Unreadable
        return words

    return read


def _read_span(text: str) -> Value:
    try:
        return parse_span(text)
    except InputInvalid:
        raise _Unreadable from None


def _read_count(text: str) -> Value:
    if not _COUNT.fullmatch(text):
        raise _Unreadable
    return int(text)


def _read_yes_no(text: str) -> Value:
    if text not in _YES_NO:
        raise _Unreadable
    return _YES_NO[text]


_SPANS = (Operator.BELOW, Operator.ABOVE)
_NAMES = (Operator.IS, Operator.NOT)
_A_SPAN = "a span like 90s, 30m, 2h or 7d"
_YES_OR_NO = "yes or no"
RULES: Mapping[Field, Rule] = {
    Field.SITE: Rule(
        (Operator.IS, Operator.HAS),
        _words_of(r"[A-Za-z0-9_-]{1,128}"),
        "a cloudId or a part of one",
        "site~acme",
        "the tenant's cloudId is this, or has this in it (upper or lower case)",
    ),
    Field.PAUSED: Rule(
        (Operator.IS,), _read_yes_no, _YES_OR_NO, "paused=yes", "the tenant is paused, or not"
    ),
    Field.UNINSTALLED: Rule(
        (Operator.IS,),
        _read_yes_no,
        _YES_OR_NO,
        "uninstalled=no",
        "the site has uninstalled the app, or not",
    ),
    Field.INSTALLED: Rule(
        _SPANS, _read_span, _A_SPAN, "installed<7d", "how long ago the app was first installed"
    ),
    Field.TICK: Rule(
        _SPANS,
        _read_span,
        _A_SPAN,
        "tick>3d",
        "how long ago the site's last noted tick came; a site without any is silent for ever",
    ),
    Field.STATE: Rule(
        _NAMES,
        _words_of("|".join(phase.value for phase in Phase)),
        f"one of {', '.join(phase.value for phase in Phase)}",
        "state=backoff,deferred",
        "where the milestone stands now",
    ),
    Field.TRIGGER: Rule(
        _NAMES,
        _words_of(r"[A-Z0-9_]{1,40}"),
        "the name of a trigger",
        "trigger=AUTO_12H",
        "the milestone's trigger",
    ),
    Field.ERROR: Rule(
        (Operator.IS,),
        _words_of(r"[A-Za-z0-9_]{1,80}"),
        "an error code",
        "error=JIRA_UNAVAILABLE",
        "the milestone's last error, as long as no report is made",
    ),
    Field.ATTEMPTS: Rule(
        (Operator.IS, *_SPANS),
        _read_count,
        "a whole number",
        "attempts>2",
        "how many attempts are charged",
    ),
    Field.BACKOFF: Rule(
        _SPANS,
        _read_span,
        _A_SPAN,
        "backoff>2h",
        "it waits after a failure, and the whole wait is this long",
    ),
    Field.LATE: Rule(
        _SPANS, _read_span, _A_SPAN, "late>1h", "its report is not made, and was due this long ago"
    ),
    Field.DUE: Rule(
        _SPANS, _read_span, _A_SPAN, "due<2h", "its next attempt is to come in this time"
    ),
}
"""Every field with what it takes."""
