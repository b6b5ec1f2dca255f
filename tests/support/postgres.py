"""A real PostgreSQL server of the tests' own: made, stopped, broken and started at will.

It listens on loopback and on a socket in its folder, asks for passwords, and shares
nothing with a server of the machine. Every wait has an end; what it logged is shown
where it does not start.
"""

import os
import secrets
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom
from typing import Literal
from urllib.parse import quote

import psycopg
from psycopg import sql

from support.postgres_binaries import (
    ENVIRONMENT,
    TEMPORARY,
    Binaries,
    WatchedFolder,
    account,
    as_account,
    quick_place,
)
from support.wire import until

STARTS_WITHIN_SECONDS = 30.0
STOPS_WITHIN_SECONDS = 30.0
ATTEMPTS_TO_FIND_A_PORT = 20
PORTS = range(15000, 30000)
"""Below the range from which systems give ports to clients, so that a port that a
stopped server left is free when it starts again."""
SUPERUSER = "postgres"
SETTINGS: Mapping[str, str] = {
    "listen_addresses": "'127.0.0.1'",
    "max_connections": "120",
    "shared_buffers": "'64MB'",
    "password_encryption": "'scram-sha-256'",
    "log_line_prefix": "'%m [%p] %q%u@%d '",
    "logging_collector": "off",
    "timezone": "'UTC'",
}
QUICK: Mapping[str, str] = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_wal_size": "'256MB'",
}

StopMode = Literal["smart", "fast", "immediate"]
_SIGNALS: Mapping[StopMode, signal.Signals] = {
    "smart": signal.SIGTERM,
    "fast": signal.SIGINT,
    "immediate": signal.SIGQUIT,
}


@dataclass(frozen=True, slots=True)
class Database:
    """One database, and the ways into it.

    `url` is its owner's, who has ordinary rights: no superuser, no way past row-level
    security, no right to make roles or databases. `admin_url` is the superuser's.
    """

    name: str
    owner: str
    url: str
    admin_url: str


class Cluster:
    """One server with its files. `durable=False` skips fsync and may keep the files in memory:
    quicker, and safe from all but a loss of power, which no test can bring about.

    Without a `folder` it makes one of its own, which goes when the process does. A folder
    that is given must be empty, and its path short and open to the server's user; it stays.
    """

    def __init__(
        self,
        binaries: Binaries,
        folder: Path | None = None,
        *,
        durable: bool = True,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.binaries = binaries
        self._watched: WatchedFolder | None = None
        if folder is None:
            place = TEMPORARY if durable else quick_place()
            self._watched = WatchedFolder(f"postgresql{binaries.major}", place)
            folder = self._watched.path
        self.folder = folder
        self.port = 0
        self._passwords = {SUPERUSER: secrets.token_hex(8)}
        self._process: subprocess.Popen[bytes] | None = None
        who = account()
        if who is not None:
            os.chown(self.folder, who.uid, who.gid)
        self._make({**SETTINGS, **({} if durable else QUICK), **(settings or {})})

    @property
    def files(self) -> Path:
        """Where the server keeps its files."""
        return self.folder / "files"

    @property
    def log(self) -> str:
        """Everything the server has logged."""
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def is_running(self) -> bool:
        """Whether the server process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The server process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        assert not self.is_running, "it runs already"
        self.port = self.port or _free_port()
        said = ""
        for _ in range(ATTEMPTS_TO_FIND_A_PORT):
            before = len(self.log)
            self._launch()
            if self._answers():
                return
            said = self.log[before:]
            if "Address already in use" not in said:
                break
            self.port = _free_port()
        raise RuntimeError(f"PostgreSQL {self.binaries.major} does not start:\n{said}")

    def stop(self, mode: StopMode = "fast") -> None:
        """Stop the server; `immediate` leaves it to recover at the next start, as a crash does."""
        assert self._process is not None
        self._process.send_signal(_SIGNALS[mode])
        try:
            self._process.wait(STOPS_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise RuntimeError(f"PostgreSQL does not stop ({mode}):\n{self.log}") from None

    def restart(self, mode: StopMode = "immediate") -> None:
        """Stop and start again, on the same port with the same files."""
        self.stop(mode)
        self.start()

    def remove(self) -> None:
        """Stop the server if it runs, and remove the folder that it made."""
        if self.is_running:
            self.stop("immediate")
        if self._watched is not None:
            self._watched.remove()

    def url(self, user: str = SUPERUSER, database: str = "postgres", port: int = 0) -> str:
        """Return the address of a database for a role that was made here.

        `port` is for what stands between: a proxy.
        """
        password = quote(self._passwords[user], safe="")
        return f"postgresql://{quote(user)}:{password}@127.0.0.1:{port or self.port}/{database}"

    def new_role(self, name: str | None = None, *options: str) -> str:
        """Make a role that may log in, with ordinary rights unless options say else; its name."""
        name = name or f"role_{secrets.token_hex(4)}"
        self._passwords[name] = secrets.token_hex(8)
        self.run(
            sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS {} PASSWORD {}").format(
                sql.Identifier(name),
                sql.SQL(" ").join(sql.SQL(option) for option in options),
                sql.Literal(self._passwords[name]),
            )
        )
        return name

    @contextmanager
    def database(self, template: str = "template0", owner: str | None = None) -> Iterator[Database]:
        """Lend a new database, a copy of `template` (to which nobody may be connected).

        Without an owner it gets a role of its own, which goes with it.
        """
        name = f"firstry_{secrets.token_hex(4)}"
        role = owner or self.new_role(name)
        names = {"name": sql.Identifier(name), "template": sql.Identifier(template)}
        self.run(
            sql.SQL("CREATE DATABASE {name} TEMPLATE {template} OWNER {owner}").format(
                **names, owner=sql.Identifier(role)
            )
        )
        try:
            yield Database(name, role, self.url(role, name), self.url(database=name))
        finally:
            self.drop(name)
            if owner is None:
                self.run(sql.SQL("DROP ROLE {name}").format(**names))

    def drop(self, database: str) -> None:
        """Drop a database, whoever is connected to it. Starts a server that a test left stopped."""
        if not self.is_running:
            self.start()
        self.run(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database)))

    def run(self, statement: sql.Composed | sql.SQL, database: str = "postgres") -> None:
        """Run a statement as superuser, outside a transaction."""
        with self.connect(database) as connection:
            connection.execute(statement)

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """Return a connection of the superuser, without transactions of its own."""
        return psycopg.connect(self.url(database=database), autocommit=True, connect_timeout=10)

    def _make(self, settings: Mapping[str, str]) -> None:
        password = self.folder / "password"
        password.write_text(self._passwords[SUPERUSER])
        who = account()
        if who is not None:
            os.chown(password, who.uid, who.gid)
        self.binaries.run(
            "initdb", "--pgdata=files", "--no-sync", f"--username={SUPERUSER}", "--pwfile=password",
            "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", where=self.folder,
        )  # fmt: skip
        password.unlink()
        lines = [f"{name} = {value}\n" for name, value in settings.items()]
        lines.append(f"unix_socket_directories = '{self.folder}'\n")
        with (self.files / "postgresql.conf").open("a") as configuration:
            configuration.writelines(lines)

    def _launch(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self.binaries.folder / "postgres", "-D", "files", "-p", str(self.port)],
                cwd=self.folder,
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # an interrupt at the keyboard is not meant for it
                **as_account(),
            )

    def _answers(self) -> bool:
        """Wait until the server says in its own file that it is ready; False if it ended."""
        wait = until(STARTS_WITHIN_SECONDS)
        while self.is_running:
            if _status(self.files / "postmaster.pid", self.pid) == "ready":
                return True
            wait.more(f"PostgreSQL to take connections; so far it said:\n{self.log}")
        return False


def _status(path: Path, pid: int) -> str:
    """Return what the server `pid` says of itself; nothing while it has not written it."""
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        return ""
    return lines[7].strip() if len(lines) > 7 and lines[0] == str(pid) else ""


def _free_port() -> int:
    chance = SystemRandom()
    for _ in range(ATTEMPTS_TO_FIND_A_PORT):
        port = chance.choice(PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError(f"no free port in {PORTS}")
