"""What time a PostgreSQL server says it is, set by a test; and a process that is told wrong.

The server reads its machine's clock, which no test may move. So a function of
our own with the name of its clock stands before it in the search path.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
from psycopg import sql

from support.postgres_service import ServiceDatabase

_SHADOW = """
CREATE TABLE shift (ahead INTERVAL NOT NULL, pause FLOAT NOT NULL, fixed TIMESTAMPTZ);
INSERT INTO shift VALUES ('0', 0, NULL);
GRANT SELECT ON shift TO PUBLIC;
CREATE FUNCTION clock_timestamp() RETURNS TIMESTAMPTZ LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    told RECORD;
BEGIN
    SELECT * INTO told FROM public.shift;
    PERFORM pg_sleep(told.pause);
    RETURN coalesce(told.fixed, pg_catalog.clock_timestamp() + told.ahead);
END $$;
"""
_LIE = '''
"""Let this process believe that it is another time: python imports this by itself."""

import datetime
import time

SECONDS = {seconds!r}
_time, _time_ns, _datetime = time.time, time.time_ns, datetime.datetime


class _Kind(type):
    def __instancecheck__(self, other):
        return isinstance(other, _datetime)


class Lying(_datetime, metaclass=_Kind):
    @classmethod
    def now(cls, tz=None):
        return _datetime.now(tz) + datetime.timedelta(seconds=SECONDS)

    @classmethod
    def utcnow(cls):
        return cls.now(datetime.UTC).replace(tzinfo=None)


datetime.datetime = Lying
time.time = lambda: _time() + SECONDS
time.time_ns = lambda: _time_ns() + int(SECONDS * 10**9)
'''


@dataclass(frozen=True, slots=True)
class ServerTime:
    """The clock of one database. Sessions that begin later are told what is set here."""

    database: ServiceDatabase

    def __post_init__(self) -> None:
        with psycopg.connect(self.database.admin_url, autocommit=True) as admin:
            admin.execute(_SHADOW)
            name = sql.Identifier(self.database.name)
            admin.execute(
                sql.SQL("ALTER DATABASE {} SET search_path = public, pg_catalog").format(name)
            )

    def step(self, ahead: timedelta) -> None:
        """Let the server's clock be `ahead` of the true time."""
        self._set("ahead", ahead)

    def pause(self, seconds: float) -> None:
        """Let it take so long to say what time it is."""
        self._set("pause", seconds)

    def fix(self, at: datetime | None) -> None:
        """Let it stand still at an instant, or run again."""
        self._set("fixed", at)

    def _set(self, column: str, value: object) -> None:
        with psycopg.connect(self.database.admin_url, autocommit=True) as admin:
            update = sql.SQL("UPDATE public.shift SET {} = %s").format(sql.Identifier(column))
            admin.execute(update, (value,))


def lie(folder: Path, by: timedelta) -> dict[str, str]:
    """Return the environment of a process whose own clock is wrong by so much."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(_LIE.format(seconds=by.total_seconds()))
    return {"PYTHONPATH": str(folder)}
