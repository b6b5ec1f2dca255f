"""`firstry serve` as a vendor runs it on PostgreSQL: a process, at the real time, and its sites.

Nothing of it is simulated but the platform and Jira. The process follows the
clock of its database server, so what is to be due is recorded with an old
installation.
"""

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from firstry.domain.instant import iso
from firstry.sim.jira import JiraSite
from firstry.sim.platform_event import installed_event, upgraded_event
from firstry.sim.platform_key import KeyRing
from firstry.stores.sql.postgres.store import PostgresStore
from firstry.wiring.policy import policy_of
from support.call import INSTALL, TICK, UNINSTALL, UPGRADE, Door, Endpoint
from support.command import PROGRAM, Ran, command, settings_of, shell
from support.invariants import breaches_of, snapshot
from support.postgres_service import ServiceDatabase
from support.process import Serving
from support.service import environment_of
from support.simulated_forge import SimulatedForge
from support.wire import Answer, exchange

ROUTES = (TICK, INSTALL, UPGRADE, UNINSTALL)
CODE = "SCHEDULER_ERROR"


class Deployment(SimulatedForge):
    """A database of firstry's, a platform with its sites, and the processes a test starts.

    `settings` are environment variables without their prefix.
    """

    def __init__(
        self, folder: Path, keys: KeyRing, database: ServiceDatabase, **settings: str
    ) -> None:
        self.folder, self.database = folder, database
        super().__init__(29, keys, now)
        url = {"DATABASE_URL": database.url}
        self.environ = environment_of(self.simulator, folder / "none.db", url | settings)

    def serve(
        self,
        role: str = "web",
        environ: Mapping[str, str] | None = None,
        program: tuple[str, ...] = (str(PROGRAM),),
    ) -> Serving:
        """Start a process; by default one that works only when it is called."""
        everything = self.environ | dict(environ or {})
        serving = Serving(self.folder, everything, "--role", role, program=program)
        self.at_end.callback(serving.end)
        return serving

    def command(self, *words: str, **changes: str) -> Ran:
        """Run a command in this process with the service's settings, some of them changed."""
        return command(self.folder, self.environ | changes, *words)

    def program(self, *words: str, **changes: str) -> Ran:
        """Run the installed program, as a process of its own, likewise."""
        return shell(self.folder, self.environ | changes, *words)

    def due_site(self, name: str = "acme", hours: float = 13) -> JiraSite:
        """Return a site on which the app was installed so long ago that a report is due."""
        site = self.new_site(name)
        at = iso(now() - timedelta(hours=hours))
        words = ("--installed-at", at, "--reason", "a test")
        added = self.command("tenants", "add", site.cloud_id, *words)
        assert added.code == 0, added
        return site

    def call(self, serving: Serving, endpoint: Endpoint, site: JiraSite, **token: Any) -> Answer:
        """Deliver what the platform sends to an endpoint."""
        events = {INSTALL: installed_event, UPGRADE: upgraded_event}
        body = events[endpoint](site) if endpoint in events else None
        door = Door(serving.port, self.platform)
        return door.invoke(site, endpoint, body, at=now(), **token)

    def tick(self, serving: Serving, site: JiraSite) -> Answer:
        """Deliver one tick."""
        return self.call(serving, TICK, site)

    def reason(self, serving: Serving, site: JiraSite) -> str:
        """Deliver one tick and return the reason of its answer."""
        reason = self.tick(serving, site).json()["reason"]
        assert isinstance(reason, str)
        return reason

    def ready(self, serving: Serving) -> Answer:
        """Ask whether a process is ready."""
        return exchange(serving.port, "GET", "/readyz")

    def rows(self, statement: str, *values: object) -> list[dict[str, Any]]:
        """Return what a query finds, asked by the superuser."""
        with psycopg.connect(self.database.admin_url, row_factory=dict_row) as connection:
            return connection.execute(statement.encode(), values).fetchall()

    def breaches(self) -> list[str]:
        """Return every invariant that what is stored breaks, over all tenants."""
        store = PostgresStore(self.database.url)
        try:
            policy = policy_of(settings_of(self.folder, self.environ))
            return [
                breach
                for record in store.tenants(None, 1000)
                for breach in breaches_of(snapshot(store, record), policy)
            ]
        finally:
            store.close()


def now() -> datetime:
    """Return the instant that platform and server agree on."""
    return datetime.now(UTC)


def is_refused(answer: Answer, within_seconds: float) -> None:
    """Require the one answer of a Forge route whose store does not work."""
    assert answer.status == 500, answer.body
    assert answer.json()["error_code"] == CODE
    assert answer.elapsed < within_seconds, answer.elapsed


def threads_of(serving: Serving) -> int:
    """Return the number of threads of a process."""
    return len(os.listdir(f"/proc/{serving.pid}/task"))


def sockets_of(serving: Serving) -> int:
    """Return the number of sockets that a process holds."""
    folder = f"/proc/{serving.pid}/fd"
    count = 0
    for name in os.listdir(folder):
        try:
            count += os.readlink(f"{folder}/{name}").startswith("socket:")
        except FileNotFoundError:
            continue
    return count
