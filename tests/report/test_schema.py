"""The published JSON Schema is the structure that firstry itself checks."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import stages
from firstry.domain.report.rule import judge
from firstry.domain.report.schema import SCHEMA_ID, SCHEMA_VERSION, json_schema
from support.report import document, forecast_report, leaves, varied

PUBLISHED = stages.ROOT / "docs" / "schema" / f"trust-report-{SCHEMA_VERSION}.schema.json"
VALIDATOR = jsonschema.Draft202012Validator(json_schema())
REPORTS = {name: document(report) for name, report in varied().items()}


def test_the_published_schema_is_the_one_in_use() -> None:
    """Write it anew with `python tests/support/schema.py`."""
    assert PUBLISHED.read_text("utf-8") == json.dumps(json_schema(), indent=2) + "\n"
    assert SCHEMA_VERSION in SCHEMA_ID


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())


def test_every_object_of_the_schema_is_closed() -> None:
    found = [each for each in _objects(json_schema()) if each.get("type") == "object"]
    assert len(found) > 10
    assert all(each["additionalProperties"] is False for each in found)


@pytest.mark.parametrize("name", REPORTS)
def test_the_schema_takes_every_report_that_is_made(name: str) -> None:
    VALIDATOR.validate(REPORTS[name])


PLACES = sorted(
    {leaf.place for report in (document(), document(forecast_report())) for leaf in leaves(report)}
)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 101),
    st.sampled_from([2**53 - 1, 2**53, 0.5, 99.9, "LOW", "MISSING", "OUT_OF_SCOPE", "1.0", ""]),
    st.text(max_size=6),
    st.just([]),
    st.just({}),
)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(["as usual", "with a forecast"]), st.sampled_from(PLACES), VALUES)
def test_schema_and_check_agree_on_a_changed_report(name: str, place: str, value: Any) -> None:
    """A stranger with the schema sees what we see, but for the language guard."""
    whole = copy.deepcopy(REPORTS[name])
    *path, last = place.strip("/").split("/")
    at = whole
    for part in path:
        try:
            at = at[int(part)] if isinstance(at, list) else at[part]
        except (KeyError, IndexError):
            return
    at[int(last) if isinstance(at, list) else last] = value
    ours = [breach for breach in judge(whole).schema if "may not say" not in breach.rule]
    assert VALIDATOR.is_valid(whole) is (ours == [])


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(REPORTS)), st.text(max_size=12), st.data())
def test_no_key_beyond_the_schema(name: str, key: str, data: st.DataObject) -> None:
    """CONTRACT 7, JSON: no key beyond the schema, wherever it is put."""
    whole = copy.deepcopy(REPORTS[name])
    objects = list(_objects(whole))
    chosen = objects[data.draw(st.integers(0, len(objects) - 1))]
    if key in chosen or key in {"zero_value_reason", "mandatory_zero_disclosure", "earlier"}:
        return
    chosen[key] = None
    assert judge(whole).schema
    assert not VALIDATOR.is_valid(whole)


def _objects(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _objects(each)
