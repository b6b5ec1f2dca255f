"""docs/forge.md, the manifest and the service name the same keys, routes and requests."""

import pytest

from docs.code_name import resolved
from docs.manifest import PATH, manifest
from docs.manifest_rule import PATHS, callers, endpoints
from docs.page import code, codes, page
from firstry.domain.evidence import Dataset
from firstry.forge.jira import SOURCES
from firstry.forge.verifier import MODULE_KEYS
from firstry.ports.verifier import Route

PAGE = "docs/forge.md"
BELOW = "/forge/page/"
SHOWN = {**PATHS, Route.PAGE: "/forge/page/...", Route.GADGET: "/forge/page/gadget"}


def test_the_page_tells_the_modules_of_the_manifest() -> None:
    told = {(code(row[1]), code(row[2])) for row in page(PAGE).table("module", "key").rows}
    calls = {(key, endpoint) for _, key, endpoint in callers(manifest())}
    found = endpoints(manifest()).items()
    assert told == calls | {(key, each.get("route", {}).get("path", BELOW)) for key, each in found}
    assert f"]({'../' + PATH})" in page(PAGE).text


def test_the_page_tells_the_keys_of_each_route() -> None:
    told = {code(row[0]): codes(row[1]) for row in page(PAGE).table("route", "keys").rows}
    assert told == {SHOWN[route]: sorted(keys) for route, keys in MODULE_KEYS.items()}


def test_the_page_tells_every_request_to_jira() -> None:
    rows = page(PAGE).table("dataset", "request", "scope").rows
    told = [(row[0], code(row[1]), code(row[2])) for row in rows]
    assert told == [(s.dataset.value, s.request, s.scope) for s in SOURCES]
    assert {dataset for dataset, _, _ in told} == set(Dataset) - {Dataset.AUTOMATION_RULES}


@pytest.mark.parametrize("header", [("fact", "held in"), ("answer", "taken as", "held in")])
def test_every_fact_names_where_it_is_held(header: tuple[str, ...]) -> None:
    tables = [table for table in page(PAGE).tables() if table.header == header]
    assert tables
    for table in tables:
        for cell in table.column("held in"):
            assert codes(cell)
            for name in codes(cell):
                assert resolved(name) is not None
