"""Canonical JSON: the quick way writes what RFC 8785 says, byte for byte (decision 0012)."""

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from firstry.domain.canonical import canonical_bytes, plain_bytes

NUMBERS = st.one_of(
    st.integers(-(10**6), 10**6),
    st.integers(-(2**54), 2**54),
    st.integers(10**14, 10**17),
    st.floats(),
    st.floats(-(10**6), 10**6).map(lambda number: round(number, 1)),
    st.sampled_from([0.0, -0.0, 1.0, 1e15, 1e16, 1e21, 1e22, 1e-4, 1e-5, 1e-6, 1e-7, 5e-324]),
)
TEXTS = st.one_of(
    st.text(max_size=8),
    st.text('ab:,"\\[]{}0123456789.eE+-N\n\x7f', max_size=16),
    st.sampled_from(["\ud800", "\uffff", "\U00010000", ":00.0,", ",1", "[1", '":1.0']),
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def either(encode: Any, value: Any) -> Any:
    try:
        return encode(value)
    except ValueError:  # what JSON cannot hold, or no text that UTF-8 can
        return None


@settings(max_examples=3000, deadline=None)
@given(VALUES)
def test_both_ways_write_the_same_bytes(value: Any) -> None:
    for each in (value, {"value": value}):
        assert either(canonical_bytes, each) == either(rfc8785.dumps, each)
    for each in (value, {"value": value}):
        if isinstance(each, dict):
            assert either(plain_bytes, each) == either(rfc8785.dumps, each)


@settings(max_examples=500, deadline=None)
@given(VALUES)
def test_canonical_bytes_come_back_as_they_were(value: Any) -> None:
    once = either(canonical_bytes, {"value": value})
    if once is not None:
        assert either(canonical_bytes, json.loads(once)) in (once, None)  # None: floats above 2**53


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": 2}, '{"a":2,"b":1}'),
        ({"a": 12.0}, '{"a":12}'),
        ({"a": -0.0}, '{"a":0}'),
        ({"a": 12.5}, '{"a":12.5}'),
        ({"a": 1e21}, '{"a":1e+21}'),
        ({"a": [1.0, 2]}, '{"a":[1,2]}'),
        ({"€": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\x80": 6, "ö": 7}, None),
        ({"a": "\x7f\x1f/"}, '{"a":"\x7f\\u001f/"}'),
    ],
)
def test_what_the_two_could_differ_in(value: Any, text: str | None) -> None:
    assert canonical_bytes(value) == (rfc8785.dumps(value) if text is None else text.encode())
