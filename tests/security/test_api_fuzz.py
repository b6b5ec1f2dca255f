"""The API fuzzed by its own description: no server error, and no answer that is not in it.

schemathesis makes requests that fit the document and requests that do not, against the
real service over HTTP, as an admin on a store with tenants in it.
"""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, assume, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from firstry.domain.access import Role
from firstry.web.api.openapi import document
from support.operator_call import operator
from support.service import World

CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    ignored_auth,
    unsupported_method,
)
schema = schemathesis.openapi.from_dict(document("0"))


@pytest.fixture(scope="module")
def service(shared: World) -> tuple[str, dict[str, str]]:
    """The address of a service with a few tenants, and the headers of an admin."""
    site, *_ = [shared.installed(f"fuzzed{number}") for number in range(3)]
    shared.clock.advance(hours=12)
    shared.told(site, "GENERATED")
    secret = operator(shared, Role.ADMIN).secret
    return f"http://127.0.0.1:{shared.door.port}", {"Authorization": f"Bearer {secret}"}


@schema.parametrize()
@settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_every_operation_answers_as_it_says(case: Any, service: tuple[str, dict[str, str]]) -> None:
    """I12: whatever is sent, the answer is one that the document names."""
    assume([] not in (case.query or {}).values())  # an empty list cannot be written in an address
    base_url, headers = service
    case.call_and_validate(base_url=base_url, headers=headers, checks=list(CHECKS))
