"""A standby of a test's PostgreSQL server: copied, followed, held up, promoted.

The copy is made by pg_basebackup and follows by streaming, as a vendor's does.
"""

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from psycopg import sql

from support.postgres import SETTINGS, SUPERUSER, Cluster
from support.wire import until

NAME = "standby"
QUICK = {"wal_retrieve_retry_interval": "'100ms'"}
"""A promotion may wait for so long before it sees that there is no more to receive."""
_FOLLOWS = "SELECT pid, sync_state FROM pg_stat_replication WHERE state = 'streaming'"


class Standby(Cluster):
    """A copy of a running `primary` that follows it. Start it; stop it before the primary goes.

    The passwords are the primary's, so every URL of a role leads to either server.
    """

    def __init__(self, primary: Cluster, *, durable: bool = True) -> None:
        self._primary = primary
        super().__init__(primary.binaries, durable=durable)
        self._passwords = primary._passwords

    def _make(self, settings: Mapping[str, str]) -> None:
        address = f"{self._primary.url(SUPERUSER)}?application_name={NAME}"
        self.binaries.run(
            "pg_basebackup", "--pgdata=files", "--wal-method=stream", "--checkpoint=fast",
            "--write-recovery-conf", "--no-sync", f"--dbname={address}", where=self.folder,
        )  # fmt: skip
        own = {name: value for name, value in settings.items() if name not in SETTINGS} | QUICK
        lines = [f"{name} = {value}\n" for name, value in own.items()]
        lines.append(f"unix_socket_directories = '{self.folder}'\n")
        with (self.files / "postgresql.conf").open("a") as configuration:
            configuration.writelines(lines)

    def wait_until_it_follows(self, *, is_synchronous: bool) -> None:
        """Wait until the primary streams to it, and counts on it where that is asked for."""
        wait = until()
        while not any((row[1] == "sync") is is_synchronous for row in self._followers()):
            wait.more("the standby to follow")

    def hold_up(self) -> None:
        """Let nothing reach it any more, without the primary's noticing: it lags behind."""
        followers = self._followers()
        assert len(followers) == 1, followers
        os.kill(followers[0][0], signal.SIGSTOP)

    def promote(self) -> None:
        """Make it the primary, and wait until it takes writes."""
        self.binaries.run("pg_ctl", "promote", "--pgdata=files", where=self.folder)
        wait = until()
        while self._is_in_recovery():
            wait.more("the standby to be promoted")

    def _is_in_recovery(self) -> bool:
        with self.connect() as connection:
            found = connection.execute("SELECT pg_is_in_recovery()").fetchone()
        return found is None or bool(found[0])

    def _followers(self) -> list[tuple[int, str]]:
        with self._primary.connect() as connection:
            return [(int(row[0]), str(row[1])) for row in connection.execute(_FOLLOWS)]


def wait_for_standby(primary: Cluster, commit: str) -> None:
    """Have every commit of `primary` wait for its standby, as `synchronous_commit` says."""
    for name, value in (("synchronous_standby_names", NAME), ("synchronous_commit", commit)):
        primary.run(
            sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), sql.Literal(value))
        )
    primary.run(sql.SQL("SELECT pg_reload_conf()"))


def kill_whole(cluster: Cluster) -> None:
    """End a server and all its processes at one moment, as the loss of its machine does."""
    task = Path("/proc") / str(cluster.pid) / "task" / str(cluster.pid)
    children = [int(pid) for pid in (task / "children").read_text().split()]
    for pid in (cluster.pid, *children):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    wait = until()
    while cluster.is_running:
        wait.more("the server to be gone")
    # Nobody who cleans up is to wait for a server that left its lock behind.
    (cluster.files / "postmaster.pid").unlink()


def url_of_either(role: str, database: str, first: Cluster, second: Cluster) -> str:
    """Return a URL that leads to whichever of two servers takes writes."""
    password = quote(first._passwords[role], safe="")
    hosts = f"127.0.0.1:{first.port},127.0.0.1:{second.port}"
    return f"postgresql://{role}:{password}@{hosts}/{database}?target_session_attrs=read-write"
