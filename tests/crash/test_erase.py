"""Kill -9 amid an erasure, on every store: all of it is done or nothing, and it can go on."""

from datetime import timedelta
from pathlib import Path

import pytest

from firstry.ports.failpoint import Failpoint
from firstry.sim.jira import JiraSite
from firstry.sim.platform_key import KeyRing
from support.backing import SHARED
from support.command import command
from support.crash_yard import Yard, raw_breaches
from support.postgres_rows import PostgresRows

PLACES = (
    Failpoint.TRANSACTION_BEGUN,
    Failpoint.TRANSACTION_DECIDED,
    Failpoint.TRANSACTION_HALF_WRITTEN,
    Failpoint.TRANSACTION_WRITTEN,
    Failpoint.TRANSACTION_COMMITTED,
)
WHY = ("--reason", "case 4711")
CONTENT = "SELECT body, envelope FROM report"
KEPT = "SELECT cloud_id, trigger_name, revision, report_id, digest FROM marker"


@pytest.mark.parametrize("place", PLACES, ids=str)
@pytest.mark.parametrize("kind", SHARED)
def test_a_killed_erasure_is_whole_or_did_not_happen(
    place: Failpoint, kind: str, tmp_path: Path, keys: KeyRing
) -> None:
    with Yard(tmp_path, keys, kind, begin=-timedelta(hours=13)) as yard:
        site = paused(yard)
        before, kept = yard.database.everything(), yard.database.rows(KEPT)
        words = ("tenants", "erase", site.cloud_id, *WHY, "--yes")
        killed = yard.run(*words, failpoint=place)
        assert yard.killed_at(killed) is place
        is_done = place is Failpoint.TRANSACTION_COMMITTED
        assert (yard.database.everything() == before) is not is_done
        assert is_erased(yard) is is_done
        assert_sound(yard)
        ran = command(yard.folder, yard.environ, *words, "--json")
        assert (ran.code, ran.json()["erased_now"]) == (0, not is_done)
        assert is_erased(yard)
        assert yard.database.rows(KEPT) == kept
        assert yard.database.kinds(site.cloud_id).count("ERASED") == 1
        assert_sound(yard)
        assert command(yard.folder, yard.environ, "evidence", "verify", site.cloud_id).code == 0


def paused(yard: Yard) -> JiraSite:
    """Return a paused site with a report, on a database in which erasing is allowed."""
    if isinstance(yard.database, PostgresRows):
        yard.environ["FIRSTRY_ERASE_DATABASE_URL"] = yard.database.place.eraser_url
    site, serving = yard.new_site(), yard.serve()
    yard.install(serving, site)
    yard.clock.advance(timedelta(hours=12))
    answer = yard.tick(serving, site)
    assert answer is not None
    assert answer.json()["reason"] == "GENERATED"
    yard.kill(serving)
    ran = command(yard.folder, yard.environ, "tenants", "pause", site.cloud_id, *WHY)
    assert ran.code == 0, ran
    return site


def is_erased(yard: Yard) -> bool:
    """Whether reports, entries and token are all gone, or all there; nothing in between."""
    (report,) = yard.database.rows(CONTENT)
    entries = yard.database.rows("SELECT erased_hash FROM ledger ORDER BY sequence")
    marks = {
        report["body"] == b"" and report["envelope"] == b"erased",
        all(entry["erased_hash"] for entry in entries[:-1]),
        any(entry["erased_hash"] for entry in entries),
        yard.database.count("token") == 0,
        yard.database.rows("SELECT erased_at FROM tenant")[0]["erased_at"] is not None,
    }
    assert len(marks) == 1
    return True in marks


def assert_sound(yard: Yard) -> None:
    assert yard.breaches() == []
    assert raw_breaches(yard.database) == []
