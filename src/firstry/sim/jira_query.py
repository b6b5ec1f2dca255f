"""The little of JQL that counting needs: dates of issues, joined by AND.

Jira refuses queries without a restriction and queries that it cannot parse; so does this.
What it would accept but a simulation cannot evaluate is refused as well, in words that no
Jira uses, rather than answered with an invented count.
"""

import operator
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

Restriction: TypeAlias = Callable[[datetime], bool]

UNBOUNDED = (
    "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."
)
_TOKEN = re.compile(r"\s*(\"[^\"]*\"|'[^']*'|[<>!]=|[<>=()!,]|[^\s<>=()!,\"']+|\S)")
_RELATIVE = re.compile(r"-(\d{1,4})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_FORMATS = ("%Y-%m-%d", "%Y/%m/%d", "%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M")
_COMPARE = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
    "!=": operator.ne,
}


class JQLError(Exception):
    """The query is refused; the message is what Jira would put into `errorMessages`."""


def restriction(jql: str, at: datetime) -> Restriction:
    """Return the test that issues of the query pass, given their creation instant.

    `at` is the present, for relative dates as `-5d`.

    >>> query = restriction('created >= "1970-01-01"', datetime(2026, 1, 1, tzinfo=UTC))
    >>> query(datetime(2020, 5, 5, tzinfo=UTC))
    True
    """
    tokens = _TOKEN.findall(jql)
    where = _without_order(tokens)
    if not where:
        raise JQLError(UNBOUNDED)
    clauses = [_clause(part, at) for part in _split_at_and(where)]
    return lambda created: all(clause(created) for clause in clauses)


def _without_order(tokens: Sequence[str]) -> Sequence[str]:
    words = [token.lower() for token in tokens]
    for place in range(len(words) - 1):
        if words[place : place + 2] == ["order", "by"]:
            if place + 2 == len(words):
                raise _malformed("the end of the query")
            return tokens[:place]
    return tokens


def _split_at_and(tokens: Sequence[str]) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for token in tokens:
        if token.lower() == "and":
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _clause(tokens: list[str], at: datetime) -> Restriction:
    words = [token.lower() for token in tokens]
    if words in (["project", "is", "not", "empty"], ["project", "is", "not", "null"]):
        return lambda _created: True
    if len(tokens) != 3 or tokens[1] not in _COMPARE:
        raise _malformed(" ".join(tokens) or "the end of the query")
    field, sign, value = words[0], tokens[1], tokens[2]
    if field not in ("created", "updated"):
        raise JQLError(f"Field '{tokens[0]}' does not exist or is not simulated.")
    compare, day = _COMPARE[sign], _instant(value, field, at)
    return lambda created: bool(compare(created, day))


def _instant(text: str, field: str, at: datetime) -> datetime:
    value = text[1:-1] if text[0] in "\"'" and len(text) > 1 else text
    if relative := _RELATIVE.fullmatch(value):
        return at - timedelta(**{_UNITS[relative[2]]: int(relative[1])})
    for form in _FORMATS:
        try:
            return datetime.strptime(value, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise JQLError(
        f"Date value '{value}' for field '{field}' is invalid. Valid formats include: "
        "'yyyy/MM/dd HH:mm', 'yyyy-MM-dd HH:mm', 'yyyy/MM/dd', 'yyyy-MM-dd', or a period "
        "format e.g. '-5d'."
    )


def _malformed(near: str) -> JQLError:
    return JQLError(f"Error in the JQL Query: it cannot be parsed near '{near}'.")
