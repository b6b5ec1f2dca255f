"""One call of the API as the endpoints see it, and what they answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from firstry.domain.access import ApiToken, Role
from firstry.domain.canonical import Json
from firstry.domain.errors import InputInvalid, NotFound
from firstry.domain.phase import Scene, scene_at
from firstry.domain.tenant import Tenant
from firstry.insight.health import HealthParts
from firstry.insight.overview import InsightParts, Watch
from firstry.insight.table import Table, TableFormat
from firstry.lifecycle.bulk import BulkParts
from firstry.lifecycle.erase import OpenEraser
from firstry.ports.access import TokenRegister
from firstry.ports.publisher import Publisher
from firstry.ports.telemetry import Telemetry
from firstry.web.api.schema import FieldInvalid, Schema

BASE = "/api/v1"


@dataclass(frozen=True, slots=True)
class ApiParts:
    """What the API works with. Wired once, in `wiring`."""

    insight: InsightParts
    bulk: BulkParts
    tokens: TokenRegister
    publisher: Publisher
    watch: Watch
    telemetry: Telemetry
    wake_bulk: Callable[[], None]
    open_eraser: OpenEraser
    health: HealthParts


@dataclass(frozen=True, slots=True)
class Call:
    """A call that was let in: its role is enough, and everything fits its schema."""

    parts: ApiParts
    token: ApiToken
    path: Mapping[str, str]
    query: Mapping[str, str | int]
    body: Mapping[str, Any]
    key: str | None
    now: datetime

    @property
    def scene(self) -> Scene:
        """The scene of this call's instant."""
        insight = self.parts.insight
        return scene_at(self.now, insight.policy, insight.long_backoff)

    def tenant(self) -> Tenant:
        """Return the tenant that the path names; what is no cloudId is not found either."""
        text = self.path["tenant_id"]
        try:
            return Tenant.from_operator(text)
        except InputInvalid:
            raise NotFound(
                f"there is no tenant {text[:128]!r}", "see GET /api/v1/tenants"
            ) from None

    def text(self, name: str) -> str:
        """Return a text parameter of the query, or an empty one."""
        return str(self.query.get(name, ""))

    def limit(self) -> int:
        """Return how many rows a page has."""
        return int(self.query.get("limit", 50))

    def file_format(self) -> TableFormat | None:
        """Return the format of the file that a whole list is asked for as, or None for a page."""
        name = self.text("format") or "json"
        if name == "json":
            return None
        for each in ("limit", "cursor", "count"):
            if each in self.query:
                raise FieldInvalid(each, f"format={name} has all rows", "leave one of them out")
        return TableFormat(name)

    def next_link(self, path: str, cursor: str) -> str:
        """Return the address of the page that begins at `cursor`."""
        return f"{BASE}{path}?{urlencode({**self.query, 'cursor': cursor})}"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: a document, the bytes of a file, or a whole list as a file."""

    document: Mapping[str, Json] | None = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""
    media_type: str = "application/json"
    table: tuple[Table, TableFormat] | None = None


Endpoint = Callable[[Call], Reply]


@dataclass(frozen=True, slots=True)
class ApiRoute:
    """One operation: who may call it, what it takes and what it answers.

    `answer` names a component of the OpenAPI document; a GET has no body.
    """

    method: str
    path: str
    role: Role
    summary: str
    endpoint: Endpoint
    answer: str
    query: Mapping[str, Schema] = field(default_factory=dict)
    body: Schema | None = None
    status: int = 200
    problems: tuple[int, ...] = ()
    takes_key: bool = False
    base: str = BASE
    """Empty for what every process serves at the root."""

    @property
    def address(self) -> str:
        """The whole path, from the root of the service."""
        return self.base + self.path

    @property
    def operation_id(self) -> str:
        """The name of the operation, for example `postTenantsRetry`."""
        words = [w for w in self.path.split("/") if w and not w.startswith("{")]
        one = "One" if self.path.endswith("}") else ""
        return self.method.lower() + "".join(word.capitalize() for word in words) + one
