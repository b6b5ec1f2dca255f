"""`firstry doctor`: what is not as it should be, and the command that mends it."""

from collections.abc import Iterator

import typer

from firstry.cli.finding import Finding, finding_of
from firstry.cli.output import Exit, Output
from firstry.config import Settings, load, require_for_serve
from firstry.config_value import without_password
from firstry.domain.errors import FirstryError, SettingInvalid, StoreUnavailable


def doctor(context: typer.Context) -> int:
    """Look at settings, store, clock and tenants. Exit 1 if something is to be mended.

    Exit 6 if the store cannot be had, so that nothing more can be said.
    """
    output: Output = context.obj
    settings = load()
    findings = list(_settings_findings(settings))
    code = Exit.OK
    try:
        findings += _store_findings(settings)
    except StoreUnavailable as error:
        findings.append(finding_of(error))
        code = Exit.UNAVAILABLE
    except FirstryError as error:
        findings.append(finding_of(error))
    facts = _facts(settings)
    document = {
        "facts": facts,
        "findings": [{"code": f.code, "message": f.message, "remedy": f.remedy} for f in findings],
    }
    lines = [f"{name}: {value}" for name, value in facts.items()]
    lines += [f"\n{f.code}: {f.message}\n  {f.remedy}" for f in findings]
    output.show(document, "\n".join(lines if findings else [*lines, "\nnothing to mend"]))
    return code or (Exit.FINDING if findings else Exit.OK)


def _facts(settings: Settings) -> dict[str, str]:
    from firstry.stores.place import Place

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
        yield finding_of(error)


def _store_findings(settings: Settings) -> list[Finding]:
    """Open the store and look at it. Raises as the store does."""
    from firstry.cli.doctor_store import found_in
    from firstry.stores.place import open_store

    store = open_store(settings.database_url)
    try:
        return list(found_in(settings, store))
    finally:
        store.close()
