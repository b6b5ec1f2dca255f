"""`firstry doctor`: what is not as it should be, and the command that mends it."""

from collections.abc import Iterator
from dataclasses import dataclass

import typer

from firstry.cli.output import Exit, Output
from firstry.config import Settings, load, require_for_serve
from firstry.config_value import without_password
from firstry.domain.due import is_behind
from firstry.domain.errors import FirstryError, SettingInvalid
from firstry.domain.instant import iso
from firstry.domain.milestone import State
from firstry.domain.policy import MANUAL, Trigger
from firstry.domain.tenant import Tenant
from firstry.ports.store import PAGE_LIMIT, Store
from firstry.stores.place import Place


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and what to do about it."""

    code: str
    message: str
    remedy: str


def doctor(context: typer.Context) -> int:
    """Look at settings, store, clock and tenants. Exit 1 if something is to be mended."""
    output: Output = context.obj
    settings = load()
    findings = [*_settings_findings(settings), *_store_findings(settings)]
    facts = _facts(settings)
    document = {
        "facts": facts,
        "findings": [{"code": f.code, "message": f.message, "remedy": f.remedy} for f in findings],
    }
    lines = [f"{name}: {value}" for name, value in facts.items()]
    lines += [f"\n{f.code}: {f.message}\n  {f.remedy}" for f in findings]
    output.show(document, "\n".join(lines if findings else [*lines, "\nnothing to mend"]))
    return Exit.FINDING if findings else Exit.OK


def _facts(settings: Settings) -> dict[str, str]:
    shown = without_password(settings.database_url)
    if not Place(settings.database_url).is_sqlite:
        return {"database": shown}
    import apsw

    from firstry.stores.sql.sqlite.connection import SAFE_WAL_VERSION, journal_mode

    safe = ".".join(map(str, SAFE_WAL_VERSION))
    why = f"several connections may write a WAL file safely from {safe} on"
    return {
        "database": shown,
        "sqlite": f"{apsw.sqlite_lib_version()}, journal mode {journal_mode()}: {why}",
    }


def _settings_findings(settings: Settings) -> Iterator[Finding]:
    try:
        require_for_serve(settings)
    except SettingInvalid as error:
        yield Finding(error.code, error.message, error.remedy)


def _store_findings(settings: Settings) -> Iterator[Finding]:
    from firstry.stores.place import clock_for, open_store

    try:
        store = open_store(settings.database_url)
    except FirstryError as error:
        yield Finding(error.code, error.message, error.remedy)
        return
    try:
        high_water_at = store.check()
        clock = clock_for(settings.database_url, store)
        if high_water_at is not None and is_behind(high_water_at, clock.now()):
            yield Finding(
                "CLOCK_BEHIND",
                f"the clock says {iso(clock.now())}, but the store has seen {iso(high_water_at)}: "
                "nothing is claimed",
                "set the host's clock, on PostgreSQL the server's; if the store has seen a "
                "wrong clock, see docs/operations.md, 'The clock stepped back'",
            )
        yield from _tenant_findings(store)
    except FirstryError as error:
        yield Finding(error.code, error.message, error.remedy)
    finally:
        store.close()


def _tenant_findings(store: Store) -> Iterator[Finding]:
    """Name what ended without a report, tenant by tenant."""
    after = None
    while page := store.tenants(after, PAGE_LIMIT):
        for record in page:
            for m in record.milestones:
                is_latest = record.latest(m.trigger) == m
                if is_latest and m.state in (State.MISSED, State.DISCARDED):
                    yield Finding(
                        m.state.value.upper(),
                        f"{m.trigger} of tenant {record.tenant.cloud_id} ended without a report",
                        _remedy(record.tenant, m.trigger),
                    )
        after = page[-1].tenant.cloud_id


def _remedy(tenant: Tenant, trigger: Trigger) -> str:
    """Return the command that has the report made after all; MANUAL is asked for anew."""
    if trigger == MANUAL:
        return f'firstry reports generate {tenant.cloud_id} --reason "..."'
    return f'firstry tenants reset {tenant.cloud_id} --trigger {trigger} --reason "..."'
