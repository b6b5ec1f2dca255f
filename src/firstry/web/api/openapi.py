"""The OpenAPI 3.1 document, made from the table of routes."""

import re
from http import HTTPStatus
from typing import Any

from firstry.insight.table import TableFormat
from firstry.web.api.call import ApiRoute
from firstry.web.api.component import COMPONENTS, ROLES
from firstry.web.api.problem import MEDIA_TYPE
from firstry.web.api.route import ROUTES
from firstry.web.api.schema import LIST_FORMAT

PATH = "/openapi.json"
_ALWAYS = (400, 401, 403, 503)
_PATH_SCHEMA = {"type": "string", "minLength": 1, "maxLength": 200}


def document(version: str) -> dict[str, Any]:
    """Return the description of every operation under `/api/v1`."""
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.address, {})[route.method.lower()] = _operation(route)
    roles = "; ".join(f"{role} {may}" for role, may in ROLES.items())
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "firstry: the operators' API",
            "version": version,
            "description": f"Roles: {roles}. Nothing that changes state answers to GET.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": dict(COMPONENTS),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token of `firstry tokens create`.",
                }
            },
        },
    }


def _operation(route: ApiRoute) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.operation_id,
        "summary": route.summary,
        "description": f"Needs the role {route.role} or a higher one.",
        "parameters": _parameters(route),
        "responses": _responses(route),
    }
    if route.body is not None:
        content: dict[str, Any] = {"application/json": {"schema": route.body}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _parameters(route: ApiRoute) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": _PATH_SCHEMA}
        for name in re.findall(r"{(\w+)}", route.path)
    ]
    found += [{"name": n, "in": "query", "schema": schema} for n, schema in route.query.items()]
    if route.takes_key:
        key = {"type": "string", "minLength": 1, "maxLength": 100, "pattern": "^[!-~]+$"}
        found.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "schema": key,
                "description": "A repeat with the same key gets the first answer's job.",
            }
        )
    return found


def _responses(route: ApiRoute) -> dict[str, Any]:
    problems = {*_ALWAYS, *route.problems, *((413,) if route.body is not None else ())}
    return {
        str(route.status): {"description": route.summary, "content": _content(route)},
        **{
            str(status): {
                "description": HTTPStatus(status).phrase,
                "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            }
            for status in sorted(problems)
        },
    }


def _content(route: ApiRoute) -> dict[str, Any]:
    if route.answer == "File":
        kinds = ("application/json", "text/html", "application/pdf")
        return {kind: {"schema": {}} for kind in kinds}
    content: dict[str, Any] = {
        "application/json": {"schema": {"$ref": f"#/components/schemas/{route.answer}"}}
    }
    if route.query.get("format") is LIST_FORMAT:
        content |= {each.media_type: {"schema": {}} for each in TableFormat}
    return content
