"""A Jira Cloud site that refuses what Jira refuses.

`JiraSite.respond` is a plain function of a request and an instant: no socket, no clock. It
checks in the order of the real thing (gateway, route, scope, permission, quota), answers
from the site's content, and follows a plan of faults. Served over HTTP by `sim.server`.
"""

import json
from collections import Counter, deque
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from typing import Final, Protocol

from firstry.sim.jira_content import (
    COLLECTIONS,
    FIELD_SEARCH,
    WORK,
    Collection,
    Content,
    Row,
    Shape,
    custom_field,
    system_field,
)
from firstry.sim.jira_fault import Fault, FaultKind, instead, spoiled
from firstry.sim.jira_message import (
    JiraAnswer,
    JiraRequest,
    gateway_refusal,
    jira_refusal,
    json_answer,
)
from firstry.sim.jira_person import MY_PERMISSIONS, Person, permissions_answer
from firstry.sim.jira_query import JQLError, restriction
from firstry.sim.jira_quota import Burst, Quota, Reason, throttled
from firstry.sim.platform import new_uuid

API_HOST: Final = "https://api.atlassian.com"
COUNT: Final = "/rest/api/3/search/approximate-count"
REMOVED: Final = {"/rest/api/3/search": ("GET", "POST")}
LOGGED_REQUESTS: Final = 1000
DEFAULT_PAGE: Final = 50


class TokenCheck(Protocol):
    """Who knows which tokens are good, and whose: the platform."""

    def site_for(self, token: str, at: datetime) -> str | None: ...
    def person_for(self, token: str, at: datetime) -> Person | None: ...


@dataclass(frozen=True, slots=True)
class Logged:
    """One request as the site remembers it; `path` begins after the site's own prefix."""

    at: datetime
    method: str
    path: str
    query: str
    status: int
    points: int
    fault: FaultKind | None


@dataclass(slots=True, eq=False)
class JiraSite:
    """One site: what it holds, what the app was granted, and what is about to go wrong.

    `denied` holds path prefixes that answer 403 for want of a permission. Issues younger
    than `index_lag` are not counted yet. `missing_scope_status` is 403 by FORGE.md; 401 is
    what the gateway is often seen to answer.
    """

    tokens: TokenCheck
    cloud_id: str
    name: str
    installation_id: str
    content: Content = field(default_factory=Content)
    scopes: set[str] = field(default_factory=lambda: {WORK})
    denied: set[str] = field(default_factory=set)
    administrators: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)
    hits: Counter[FaultKind] = field(default_factory=Counter)
    requests: deque[Logged] = field(default_factory=lambda: deque(maxlen=LOGGED_REQUESTS))
    quota: Quota = field(default_factory=lambda: Quota(reason=Reason.TENANT))
    pool: Quota | None = None
    burst: Burst = field(default_factory=Burst)
    index_lag: timedelta = timedelta()
    missing_scope_status: int = 403
    api_base_url: str = ""

    def __post_init__(self) -> None:
        self.api_base_url = self.api_base_url or f"{API_HOST}/ex/jira/{self.cloud_id}"

    def create_issues(self, number: int, at: datetime) -> None:
        self.content.issues.append((at, number))

    def grow(self, **by: int) -> None:
        """Change the site, as in `grow(projects=2, users=-1)`; see `Content`."""
        self.content.grow(**by)

    def respond(self, request: JiraRequest, at: datetime) -> JiraAnswer:
        """Answer one request; never raises, whatever the request is."""
        prefix = f"/ex/jira/{self.cloud_id}"
        if not request.path.startswith(f"{prefix}/"):
            return gateway_refusal(404, "Not Found")
        path = request.path.removeprefix(prefix)
        before = self.quota.used(at)
        answer, fault = self._answer(request, path, at)
        points = self.quota.used(at) - before
        kind = fault.kind if fault is not None else None
        self.requests.append(
            Logged(at, request.method, path, request.query, answer.status, points, kind)
        )
        return answer

    def _answer(
        self, request: JiraRequest, path: str, at: datetime
    ) -> tuple[JiraAnswer, Fault | None]:
        fault = next((fault for fault in self.faults if fault.applies(path, at)), None)
        if fault is None:
            return self._honest(request, path, at), None
        answer = instead(fault, at)
        if answer is None:
            honest = self._honest(request, path, at)
            answer = spoiled(fault, honest)
            if answer is None:
                return honest, None
        fault.hits += 1
        self.hits[fault.kind] += 1
        return answer, fault

    def _honest(self, request: JiraRequest, path: str, at: datetime) -> JiraAnswer:
        refusal = self._refusal(request, path, at)
        if refusal is not None:
            return refusal
        left = self.burst.left(f"{request.method} {path}", at)
        if left < 0:
            return throttled(Reason.BURST, at, limit=self.burst.limit)
        if path == COUNT:
            answer, points = self._count(request, at), 1
        elif path == MY_PERMISSIONS:
            person = self.tokens.person_for(request.bearer or "", at)
            is_administrator = person is not None and person.account_id in self.administrators
            answer, points = permissions_answer(request, is_administrator), 1
        else:
            answer, points = self._list(path, request)
        for quota in self._quotas():
            quota.charge(points, at)
        limits = {
            "X-RateLimit-Limit": str(self.burst.limit),
            "X-RateLimit-Remaining": str(left),
        }
        if any(quota.is_near(at) for quota in self._quotas()):
            limits["X-RateLimit-NearLimit"] = "true"
        return replace(answer, headers={**answer.headers, **limits})

    def _refusal(self, request: JiraRequest, path: str, at: datetime) -> JiraAnswer | None:
        if not self._is_ours(request.bearer, at):
            return gateway_refusal(401, "Unauthorized")
        misrouted = _misrouted(request.method, path)
        if misrouted is not None:
            return misrouted
        scope = COLLECTIONS[path].scope if path in COLLECTIONS else WORK
        if scope not in self.scopes:
            return self._missing_scope(scope)
        if any(path.startswith(prefix) for prefix in self.denied):
            return jira_refusal(403, "You do not have permission to view this.")
        refusals = (quota.refusal(at) for quota in self._quotas())
        return next((refusal for refusal in refusals if refusal is not None), None)

    def _is_ours(self, token: str | None, at: datetime) -> bool:
        """Whether a token, the app's or a person's, was made for this site and lives."""
        if token is None:
            return False
        person = self.tokens.person_for(token, at)
        cloud_id = self.tokens.site_for(token, at) if person is None else person.cloud_id
        return cloud_id == self.cloud_id

    def _missing_scope(self, scope: str) -> JiraAnswer:
        if self.missing_scope_status == 401:
            return gateway_refusal(401, "Unauthorized; scope does not match")
        return jira_refusal(
            self.missing_scope_status,
            "Access to the resource was denied due to missing scope grants. "
            f"The resource can be accessed with: [{scope}]",
        )

    def _quotas(self) -> tuple[Quota, ...]:
        return (self.quota,) if self.pool is None else (self.quota, self.pool)

    def _count(self, request: JiraRequest, at: datetime) -> JiraAnswer:
        if not request.headers.get("content-type", "").startswith("application/json"):
            return jira_refusal(415, "The request's content type is not supported.")
        jql = _jql(request.body)
        if jql is None:
            return jira_refusal(400, "Invalid request payload. Refer to the documentation.")
        try:
            passes = restriction(jql, at)
        except JQLError as error:
            return jira_refusal(400, str(error))
        indexed = [(made, n) for made, n in self.content.issues if made <= at - self.index_lag]
        return json_answer(200, {"count": sum(n for made, n in indexed if passes(made))})

    def _list(self, path: str, request: JiraRequest) -> tuple[JiraAnswer, int]:
        """Return the answer and its points: 1, and the weight of each row."""
        collection = COLLECTIONS[path]
        query = request.parameters()
        if path == FIELD_SEARCH:
            kinds = set(query.get("type", ["custom", "system"]))
            if not kinds <= {"custom", "system"}:
                return jira_refusal(400, "Only custom and system fields can be queried."), 1
            collection = replace(
                collection, names=tuple(f"{kind}_fields" for kind in sorted(kinds))
            )
        total = self.content.rows(collection.names)
        if collection.shape in (Shape.ARRAY, Shape.SCHEMES):
            start, size = 0, total
        else:
            page = _page(query, collection.cap)
            if page is None:
                return jira_refusal(400, "startAt or maxResults is not valid."), 1
            start, size = page
        rows = [self._row(collection, n) for n in range(start, min(start + size, total))]
        answer = json_answer(200, _shaped(collection.shape, rows, start, size, total))
        return answer, 1 + collection.weight * len(rows)

    def _row(self, collection: Collection, n: int) -> Row:
        if collection.row is not custom_field:
            return collection.row(self.name, n)
        customs = self.content.custom_fields if "custom_fields" in collection.names else 0
        return custom_field(self.name, n) if n < customs else system_field(self.name, n - customs)


def new_site(
    tokens: TokenCheck, rng: Random, name: str, content: Content | None = None
) -> JiraSite:
    """Return a site with a random cloudId and installation id."""
    return JiraSite(tokens, new_uuid(rng), name, new_uuid(rng), content or Content())


def _misrouted(method: str, path: str) -> JiraAnswer | None:
    if method in REMOVED.get(path, ()):
        return jira_refusal(
            410,
            "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API.",
        )
    if path not in (COUNT, MY_PERMISSIONS, *COLLECTIONS, *REMOVED):
        return gateway_refusal(404, "Not Found")
    allowed = "POST" if path == COUNT else "GET"
    if method != allowed or path in REMOVED:
        return replace(gateway_refusal(405, "Method Not Allowed"), headers={"Allow": allowed})
    return None


def _jql(body: bytes) -> str | None:
    """Return the query of a count request, "" if it has none; None for any other body."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or not set(value) <= {"jql"}:
        return None
    jql = value.get("jql", "")
    return jql if isinstance(jql, str) else None


def _page(query: dict[str, list[str]], cap: int) -> tuple[int, int] | None:
    """Return (start, size) within the cap; None if either is not a number of its range."""
    first, size = query.get("startAt", ["0"])[0], query.get("maxResults", [str(DEFAULT_PAGE)])[0]
    if not (_is_number(first) and _is_number(size)) or int(size) < 1:
        return None
    return int(first), min(int(size), cap)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 10


def _shaped(shape: Shape, rows: list[Row], start: int, size: int, total: int) -> object:
    if shape is Shape.SCHEMES:
        return {"permissionSchemes": rows}
    if shape is not Shape.PAGE:
        return rows
    return {
        "maxResults": size,
        "startAt": start,
        "total": total,
        "isLast": start + len(rows) >= total,
        "values": rows,
    }
