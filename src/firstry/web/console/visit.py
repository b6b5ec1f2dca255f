"""What a screen or an act of the console gets, and what it gives back.

A `Visit` is a request that was let in: somebody is signed in, the role is enough, and a
form that was sent is ours, fresh and sent for the first time. A screen reads and
returns a `View`; an act changes something and returns where to go next.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from firstry.domain.access import Role
from firstry.domain.console_session import ConsoleSession, sealed_form
from firstry.domain.errors import InputInvalid, NotFound
from firstry.domain.phase import Scene, scene_at
from firstry.domain.reason import parse_reason
from firstry.domain.tenant import Tenant
from firstry.insight.health import HealthParts
from firstry.insight.overview import InsightParts, Watch
from firstry.insight.patrol import LedgerPatrol
from firstry.insight.table import Table, TableFormat
from firstry.lifecycle.bulk import BulkParts
from firstry.ports.access import TokenRegister
from firstry.ports.console_session import SessionRegister
from firstry.ports.publisher import PublishedFile, Publisher
from firstry.ports.telemetry import Telemetry

BASE = "/console"
FORM = "form"
"""The name of the hidden field that makes a form ours."""


@dataclass(frozen=True, slots=True)
class Way:
    """Another way to sign in than by API token: what its link says and where it leads."""

    label: str
    path: str


@dataclass(frozen=True, slots=True)
class SettingRow:
    """A setting in force and where it comes from. A secret's value is not in it."""

    name: str
    value: str | None
    source: str


@dataclass(frozen=True, slots=True)
class ConsoleParts:
    """What the console works with. Wired once, in `wiring`."""

    insight: InsightParts
    bulk: BulkParts
    tokens: TokenRegister
    sessions: SessionRegister
    publisher: Publisher
    watch: Watch
    telemetry: Telemetry
    wake_bulk: Callable[[], None]
    health: HealthParts
    patrol: LedgerPatrol
    settings: Sequence[SettingRow]
    public_url: str | None = None
    ways: Sequence[Way] = ()


@dataclass(frozen=True, slots=True)
class Visit:
    """A request that was let in. `url` is its path with its query."""

    parts: ConsoleParts
    session: ConsoleSession
    secret: str = field(repr=False)
    url: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    form: Mapping[str, str]
    now: datetime

    @property
    def scene(self) -> Scene:
        """The scene of this visit's instant."""
        insight = self.parts.insight
        return scene_at(self.now, insight.policy, insight.long_backoff)

    def may(self, role: Role) -> bool:
        """Whether who is signed in may do what `role` may."""
        return self.session.role.may(role)

    def tenant(self) -> Tenant:
        """Return the tenant that the path names; what is no cloudId is not found either."""
        text = self.path["tenant_id"]
        try:
            return Tenant.from_operator(text)
        except InputInvalid:
            raise no_tenant(text) from None

    def is_on(self, path: str) -> bool:
        """Whether this visit is on the screen at `path` or on one below it."""
        here = self.url.partition("?")[0].rstrip("/").removeprefix(BASE)
        return here == path or (path != "" and here.startswith(path + "/"))

    def text(self, name: str) -> str:
        """Return a parameter of the query without blanks around it, or an empty text."""
        return self.query.get(name, "").strip()

    def field(self, name: str) -> str:
        """Return a field of the form that was sent; InputInvalid if it is not there."""
        if name not in self.form:
            raise InputInvalid(f"the form has no {name}", "open the page again and send its form")
        return self.form[name]

    def reason(self) -> str:
        """Return the reason that the form gives, or raise InputInvalid."""
        return parse_reason(self.field("reason"))

    def sealed(self, path: str) -> str:
        """Return the hidden word of a form that is to be sent to `path`."""
        return sealed_form(self.secret, path, secrets.token_bytes(16), self.now)


def no_tenant(text: str) -> NotFound:
    """Return the error of an id that no tenant has."""
    return NotFound(f"there is no tenant {text[:128]!r}", "look for it in the list of tenants")


@dataclass(frozen=True, slots=True)
class View:
    """A page: its template, its title, and what the template needs."""

    template: str
    title: str
    context: Mapping[str, object] = field(default_factory=dict)
    status: int = 200


@dataclass(frozen=True, slots=True)
class Moved:
    """Go there next, with GET. `cookie` is a Set-Cookie header to send along."""

    location: str
    cookie: str | None = None


@dataclass(frozen=True, slots=True)
class Download:
    """A file, to be saved; or looked at, if it is a page that may do nothing (`is_shown`)."""

    file: PublishedFile
    is_shown: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """A whole list as a file to be saved."""

    table: Table
    format: TableFormat


Page = View | Moved | Download
Answer = Page | Listed
Screen = Callable[[Visit], Answer]


@dataclass(frozen=True, slots=True)
class ConsoleRoute:
    """One address of the console and who may use it.

    A POST takes a form. `shows` is the screen that is shown with the refusal of an
    act, so that the present state stands beside it. `nav` is what the route is called
    in the navigation, empty if it does not stand there.
    """

    method: str
    path: str
    role: Role
    screen: Screen
    nav: str = ""
    shows: Callable[[Visit], View] | None = None
