"""Canonical JSON (RFC 8785): examples for each way that bytes are written.

`tests/property/test_canonical.py` holds all ways against the reference for any value.
"""

from typing import Any

import pytest
import rfc8785

from firstry.domain.canonical import canonical_bytes, digest_of, plain_bytes


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [True, None, "x"]}, '{"a":[true,null,"x"],"b":1}'),
        ({"a": {"c": 2, "b": 1}}, '{"a":{"b":1,"c":2}}'),
        ({"a": 7.0, "b": 1e21}, '{"a":7,"b":1e+21}'),
        ({"a": [1.0, 2.0]}, '{"a":[1,2]}'),
        ({"\ue000": 1, "\U00010000": 2}, '{"\U00010000":2,"\ue000":1}'),
        ({"a": "\u00e4"}, '{"a":"\u00e4"}'),
        ({"a": []}, '{"a":[]}'),
        ({"a": ["x", "y"]}, '{"a":["x","y"]}'),
        ({"a": 2**53 - 1, "b": -(2**53 - 1)}, f'{{"a":{2**53 - 1},"b":{1 - 2**53}}}'),
        ({"a": True}, '{"a":true}'),
    ],
)
def test_one_value_has_one_text(value: dict[str, Any], text: str) -> None:
    assert canonical_bytes(value) == text.encode()
    assert plain_bytes(value) == text.encode()


@pytest.mark.parametrize(
    ("value", "text"), [(1.0, "1"), ("a", '"a"'), ([1.0], "[1]"), (None, "null")]
)
def test_what_is_no_object_is_written_as_well(value: Any, text: str) -> None:
    assert canonical_bytes(value) == text.encode()


@pytest.mark.parametrize("number", [2**53, -(2**53), 10**16, float("nan"), float("inf")])
def test_a_number_that_json_cannot_say_exactly_is_refused(number: float) -> None:
    for write in (canonical_bytes, plain_bytes):
        with pytest.raises(rfc8785.CanonicalizationError):
            write({"a": number})


def test_a_digest_names_its_algorithm() -> None:
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert digest_of(b"") == f"sha256:{empty}"
