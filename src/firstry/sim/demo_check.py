"""The demo's last act: read everything back from the database file and check it again.

The reader is a fresh one, and believes nothing: each report is written to a file of its own,
its signature beside it, and what counts is the digest of the bytes that lie there afterwards.
It must be the digest in the report's row and in the ledger's entry; the report must verify as
a stranger verifies it, with the key that the service published; the ledger must be whole; the
numbers must be those that the site really held. A folder can be checked again at any time.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from firstry.domain.canonical import digest_of
from firstry.domain.errors import FirstryError
from firstry.domain.instant import iso
from firstry.domain.ledger import SealedEntry, first_break
from firstry.domain.milestone import Act, Milestone, State
from firstry.domain.policy import Policy, Trigger
from firstry.domain.record import StoredReport, TenantRecord
from firstry.domain.report.generate import report_id_of
from firstry.domain.tenant import Tenant
from firstry.exports.file import export
from firstry.exports.format import ENVELOPE_SUFFIX, Format
from firstry.exports.key import FILE_NAME as KEYS_NAME
from firstry.exports.key import TrustedKeys, read_keys
from firstry.exports.verify import verify
from firstry.ports.store import PAGE_LIMIT, Store
from firstry.sim.demo_watch import NUMBERS
from firstry.stores.sql.sqlite.store import SqliteStore

DATABASE_NAME: Final = "firstry.db"
EXPECTED_NAME: Final = "expected.json"
REPORTS_NAME: Final = "reports"
PAGES_NAME: Final = "pages"
SUMS_NAME: Final = "SHA256SUMS"
MOST_PAGES: Final = 16


@dataclass(frozen=True, slots=True)
class CheckedReport:
    """One report that there has to be, and every fault that was found in it."""

    site: str
    cloud_id: str
    trigger: str
    attempts: int | None = None
    report_id: str | None = None
    generated_at: datetime | None = None
    numbers: Mapping[str, int | None] | None = None
    digest: str | None = None
    path: Path | None = None
    faults: tuple[str, ...] = ()

    @property
    def is_verified(self) -> bool:
        """Whether it is there and without fault."""
        return self.path is not None and not self.faults


@dataclass(frozen=True, slots=True)
class CheckedSite:
    """One site: its reports, its ledger, and what is wrong beside the reports."""

    reports: tuple[CheckedReport, ...]
    entries: int = 0
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """All that was checked."""

    sites: tuple[CheckedSite, ...]
    faults: tuple[str, ...]

    @property
    def reports(self) -> list[CheckedReport]:
        """Every report that there has to be, site by site."""
        return [report for site in self.sites for report in site.reports]

    @property
    def verified(self) -> int:
        """How many reports are there and without fault."""
        return sum(report.is_verified for report in self.reports)

    @property
    def whole_ledgers(self) -> int:
        """How many sites have a ledger that was found without fault."""
        return sum(bool(site.entries) and not site.faults for site in self.sites)

    @property
    def entries(self) -> int:
        """How many ledger entries were read."""
        return sum(site.entries for site in self.sites)

    @property
    def all_faults(self) -> list[str]:
        """Everything that is wrong, as sentences that name the place."""
        in_reports = [
            f"{report.site} {report.trigger}: {fault}"
            for report in self.reports
            for fault in report.faults
        ]
        return [*in_reports, *(f for site in self.sites for f in site.faults), *self.faults]

    @property
    def is_sound(self) -> bool:
        """Whether every report is verified and nothing else is wrong."""
        return bool(self.reports) and not self.all_faults


@dataclass(frozen=True, slots=True)
class _Kept:
    """A tenant as it lies in the store. `entries` are the chain's bodies, parsed."""

    record: TenantRecord
    chain: tuple[SealedEntry, ...]
    entries: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class _Desk:
    """Where the checking is done: the store, the folder for files, the key to trust."""

    store: Store
    exports: Path
    keys: TrustedKeys


def write_expected(
    folder: Path, sites: Mapping[str, str], held: Mapping[str, Mapping[str, object]]
) -> None:
    """Write down what `check` is to find: per cloudId the name and the numbers it held."""
    listed = [
        {
            "name": name,
            "cloud_id": cloud_id,
            "held": {str(t): held.get(cloud_id, {}).get(t) for t, _ in Policy().triggers},
        }
        for cloud_id, name in sites.items()
    ]
    text = json.dumps({"sites": listed}, indent=1)
    (folder / EXPECTED_NAME).write_text(text + "\n", "utf-8")


def check(folder: Path) -> Verdict:
    """Check the demo in `folder` against its database file, and export its reports there."""
    expected = json.loads((folder / EXPECTED_NAME).read_text("utf-8"))["sites"]
    exports = folder / REPORTS_NAME
    exports.mkdir(exist_ok=True)
    keys = read_keys((folder / KEYS_NAME).read_bytes(), KEYS_NAME)
    store = SqliteStore(folder / DATABASE_NAME)
    try:
        sites = tuple(_checked_site(_Desk(store, exports, keys), site) for site in expected)
        verdict = Verdict(sites, tuple(_surplus(store, sites)))
        _write_pages(store, folder / PAGES_NAME, verdict.reports)
    finally:
        store.close()
    _write_sums(exports, verdict.reports)
    return verdict


def _checked_site(desk: _Desk, site: Mapping[str, Any]) -> CheckedSite:
    try:
        kept = _kept(desk.store, Tenant.from_row(site["cloud_id"]))
        reports = tuple(_checked(desk, kept, site, name) for name in site["held"])
    except (FirstryError, ValueError) as error:
        reports = tuple(
            CheckedReport(site["name"], site["cloud_id"], name, faults=(f"unreadable: {error}",))
            for name in site["held"]
        )
        return CheckedSite(reports)
    if kept is None:
        return CheckedSite(reports, 0, (f"{site['name']}: the store does not know it",))
    broken_at = first_break(kept.record.tenant, kept.chain, kept.record.head)
    faults = (f"{site['name']}: the ledger breaks at entry {broken_at}",) if broken_at else ()
    return CheckedSite(reports, len(kept.chain), faults)


def _kept(store: Store, tenant: Tenant) -> _Kept | None:
    record = store.read(tenant)
    if record is None:
        return None
    chain: list[SealedEntry] = []
    while page := store.entries(tenant, len(chain), PAGE_LIMIT):
        chain += page
    return _Kept(record, tuple(chain), tuple(json.loads(entry.body) for entry in chain))


def _checked(desk: _Desk, kept: _Kept | None, site: Mapping[str, Any], name: str) -> CheckedReport:
    """Export one report, read it from its files, and say what is wrong with it."""
    trigger = Trigger(name)
    milestone = kept.record.latest(trigger) if kept is not None else None
    empty = CheckedReport(site["name"], site["cloud_id"], name)
    if kept is None or milestone is None:
        return replace(empty, faults=("there is no milestone",))
    empty = replace(empty, attempts=milestone.attempts)
    report = desk.store.report(report_id_of(kept.record.tenant, trigger, 1))
    if report is None:
        return replace(empty, faults=(f"there is no report, it is {milestone.state.value}",))
    path = desk.exports / f"{_stem(site['name'], report)}.json"
    content, envelope = _written(path, report.body), _written(_envelope_of(path), report.envelope)
    document = _parsed(content)
    found = [
        *_byte_faults(content, envelope, report, desk.keys),
        *_faults(document, report, milestone, kept),
        *_number_faults(document, site["held"][name]),
    ]
    return replace(
        empty,
        report_id=report.report_id,
        generated_at=report.generated_at,
        numbers=_numbers(document),
        digest=report.digest,
        path=path,
        faults=tuple(found),
    )


def _stem(site: str, report: StoredReport) -> str:
    return f"firstry-trust-report-{site}-{report.trigger}-{report.generated_at:%Y-%m-%d}"


def _envelope_of(path: Path) -> Path:
    return path.with_name(path.name + ENVELOPE_SUFFIX)


def _written(path: Path, content: bytes) -> bytes:
    """Write a file and return what lies there."""
    path.write_bytes(content)
    return path.read_bytes()


def _byte_faults(
    content: bytes, envelope: bytes, report: StoredReport, keys: TrustedKeys
) -> Iterator[str]:
    """Yield what is wrong with a report's files, without a look at anything else."""
    if digest_of(content) != report.digest:
        yield f"the bytes of {report.report_id} do not have its digest"
    verified = verify(content, envelope, keys)
    for failed, breach in verified.failed():
        yield f"{failed.value}: {breach}"
    if not verified.holds:
        yield "it does not verify"


def _faults(
    document: Any, report: StoredReport, milestone: Milestone, kept: _Kept
) -> Iterator[str]:
    """Yield what does not fit between a report, its milestone and its tenant's ledger."""
    if not isinstance(document, dict):
        yield "it is no JSON object"
        return
    named = [document.get(name) for name in ("cloud_id", "trigger", "report_id", "generated_at")]
    row = [kept.record.tenant.cloud_id, report.trigger, report.report_id, iso(report.generated_at)]
    if named != row:
        yield "it names another tenant, trigger, report or instant than its row"
    if (milestone.state, milestone.report_id) != (State.COMPLETED, report.report_id):
        yield "its milestone is not completed with it"
    ends = [
        (entry["detail"]["report_id"], entry["detail"]["digest"])
        for entry in kept.entries
        if entry["kind"] == Act.COMPLETE and entry["detail"]["trigger"] == report.trigger
    ]
    if ends != [(report.report_id, report.digest)]:
        yield f"the ledger tells of {len(ends)} completions, not of this one only"
    yield from _citation_faults(document, kept)


def _citation_faults(document: Mapping[str, Any], kept: _Kept) -> Iterator[str]:
    """Yield what the report cites that its tenant's ledger does not hold."""
    cited = document.get("evidence", {})
    head = cited.get("ledger_head", {})
    places = {(entry.sequence, entry.hash) for entry in kept.chain}
    if (head.get("sequence"), head.get("hash")) not in places:
        yield "the ledger does not hold the head that it cites"
    known = {entry.entry_hash for entry in kept.chain}
    missing = [e for e in cited.get("entries", [{}]) if e.get("entry_hash") not in known]
    if missing:
        yield f"the ledger does not hold {len(missing)} of the entries that it cites"


def _numbers(document: Any) -> dict[str, int | None] | None:
    try:
        section = document["sections"]["A"]
        return {name: section[name]["count"] for name in NUMBERS}
    except (KeyError, TypeError):
        return None


def _number_faults(document: Any, held: object) -> Iterator[str]:
    numbers = _numbers(document)
    if numbers != held:
        yield f"it says {numbers}, but the site held {held}"


def _surplus(store: Store, sites: Sequence[CheckedSite]) -> Iterator[str]:
    """Yield the reports in the store that nobody asked for."""
    wanted = {report.report_id for site in sites for report in site.reports}
    after = None
    try:
        while page := store.reports(None, after, PAGE_LIMIT):
            yield from (
                f"nobody asked for {r.report_id}" for r in page if r.report_id not in wanted
            )
            after = page[-1].report_id
    except FirstryError as error:
        yield f"the reports cannot be listed: {error.message}"


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return None


def _write_pages(store: Store, folder: Path, reports: Sequence[CheckedReport]) -> None:
    """Write the first verified reports as pages to look at."""
    folder.mkdir(exist_ok=True)
    shown = [report for report in reports if report.is_verified][:MOST_PAGES]
    keys = store.public_keys() if shown else ()
    for checked in shown:
        report = store.report(checked.report_id or "")
        if report is not None:
            page = folder / f"{_stem(checked.site, report)}.html"
            page.write_bytes(export(report, Format.HTML, keys)[-1].content)


def _write_sums(exports: Path, reports: Sequence[CheckedReport]) -> None:
    """Write the digests of the database as a file that `sha256sum --check` reads."""
    lines = [
        f"{report.digest.removeprefix('sha256:')}  {report.path.name}\n"
        for report in reports
        if report.digest and report.path
    ]
    (exports / SUMS_NAME).write_text("".join(lines), "utf-8")
