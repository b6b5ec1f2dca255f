"""Filters for every field and operator of the language, from its own definition."""

from collections.abc import Iterator, Sequence
from itertools import combinations, product

from bench.population import tenant_named
from firstry.domain.filter import Field, Operator
from firstry.domain.filter_text import RULES, parse_filter
from firstry.domain.phase import Phase

_SPANS = ("0s", "45m", "2h", "20h", "7d", "90d")
_YES_NO = ("yes", "no")
_COUNTS = ("0", "1", "2", "9")
_WORDS = {
    (Field.SITE, Operator.IS): (tenant_named(7).cloud_id, "nobody"),
    (Field.SITE, Operator.HAS): ("2222", "f00", "00000000002a", "nobody"),
    (Field.TRIGGER, Operator.IS): ("AUTO_12H", "AUTO_12H,AUTO_24H", "MANUAL"),
    (Field.TRIGGER, Operator.NOT): ("AUTO_12H", "AUTO_12H,AUTO_24H", "MANUAL"),
    (Field.ERROR, Operator.IS): ("JIRA_UNAVAILABLE", "JIRA_MALFORMED", "NONE_SUCH"),
}
_PHASES = (*(phase.value for phase in Phase), "due,waiting,backoff")
_PAIRED: dict[Field, Sequence[str]] = {
    Field.STATE: ("scheduled", "backoff", "missed", "completed"),
    Field.INSTALLED: ("0s", "20h", "90d"),
    Field.TICK: ("45m", "7d"),
    Field.BACKOFF: ("2h", "7d"),
    Field.LATE: ("0s", "2h", "7d"),
    Field.DUE: ("0s", "2h", "7d"),
}
"""The values of a field beside other fields, where all of them would be too many."""
_KEYS = [(field, operator) for field, rule in RULES.items() for operator in rule.operators]


def values_of(field: Field, operator: Operator) -> Sequence[str]:
    """Return values that mean many, few and none."""
    if field is Field.STATE:
        return _PHASES
    if field is Field.ATTEMPTS:
        return _COUNTS
    if Operator.IS in RULES[field].operators and (field, operator) not in _WORDS:
        return _YES_NO
    return _WORDS.get((field, operator), _SPANS)


def alone() -> list[str]:
    """Return the empty filter and each condition alone."""
    return _checked(["", *(f"{f}{o}{value}" for f, o in _KEYS for value in values_of(f, o))])


def pairs() -> list[str]:
    """Return pairs of conditions, of every two that may stand together."""
    return _checked(list(_pairs(_KEYS)))


def _checked(texts: list[str]) -> list[str]:
    for text in texts:
        parse_filter(text)
    return texts


def _pairs(keys: Sequence[tuple[Field, Operator]]) -> Iterator[str]:
    for one, other in combinations(keys, 2):
        for a, b in product(_few(*one), _few(*other)):
            yield f"{one[0]}{one[1]}{a} {other[0]}{other[1]}{b}"


def _few(field: Field, operator: Operator) -> Sequence[str]:
    return _PAIRED.get(field, values_of(field, operator))
