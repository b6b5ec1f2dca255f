"""`firstry evidence`: a tenant's ledger, listed and verified; and the service's own, verified."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, TypeVar

import typer

from firstry.cli.output import Exit, Output
from firstry.cli.session import known_tenant, opened_store
from firstry.cli.show import table
from firstry.cli.tenants import OneTenant, TenantId
from firstry.domain.errors import InputInvalid
from firstry.domain.instant import iso
from firstry.domain.ledger import Head, SealedEntry, first_break
from firstry.domain.service_ledger import first_service_break
from firstry.ports.service_chain import ServiceChain
from firstry.ports.store import PAGE_LIMIT, Store

T = TypeVar("T")

app = typer.Typer(no_args_is_help=True, help="A tenant's ledger.")


@app.command("list")
def list_entries(
    context: typer.Context,
    tenant: TenantId,
    after: Annotated[
        int, typer.Option(min=0, max=2**63 - 1, help="Begin behind this sequence.")
    ] = 0,
    limit: Annotated[int, typer.Option(min=1, max=PAGE_LIMIT, help="Rows at most.")] = 100,
) -> None:
    """List the entries of a tenant's ledger, oldest first."""
    output: Output = context.obj
    with opened_store() as (_, store):
        entries = store.entries(known_tenant(store, tenant).tenant, after, limit)
    shown = [_entry_json(entry) for entry in entries]
    following = entries[-1].sequence if len(entries) == limit else None
    rows = [
        (str(e["sequence"]), str(e["at"]), str(e["kind"]), str(e["actor"]), json.dumps(e["detail"]))
        for e in shown
    ]
    text = table(("seq", "at", "kind", "actor", "detail"), rows)
    more = f"\nmore: firstry evidence list {tenant} --after {following}" if following else ""
    output.show({"entries": shown, "next": following}, text + more)


@app.command()
def verify(
    context: typer.Context,
    tenant: OneTenant = "",
    *,
    service: Annotated[
        bool, typer.Option("--service", help="The service's own ledger, not a tenant's.")
    ] = False,
) -> int:
    """Check the whole chain of a ledger against its head. Exit 1 if it is broken.

    Of entries that were erased the hashes are checked: their words are gone, and said to be.
    """
    from firstry.stores.sql.service_ledger import ServiceLedger

    output: Output = context.obj
    if bool(tenant) == service:
        raise InputInvalid("say whose ledger: one ID, or --service", "see `firstry tenants list`")
    with opened_store() as (_, store):
        if service:
            seen = _of_service(ServiceLedger(store.database))
        else:
            seen = _of_tenant(store, tenant)
    document = {
        "cloud_id": seen.cloud_id,
        "entries": len(seen.chain),
        "head": {"sequence": seen.head.sequence, "hash": seen.head.hash},
        "is_intact": seen.broken_at is None,
        "broken_at": seen.broken_at,
    }
    if seen.broken_at is None:
        gone, said = _gone(seen)
        text = f"{len(seen.chain)} entries{said}, the chain holds up to {seen.head.hash}"
        output.show(document | gone, text)
        return Exit.OK
    told = f"the chain is broken at entry {seen.broken_at} of {seen.head.sequence}"
    output.show(document, told)
    return Exit.FINDING


@dataclass(frozen=True, slots=True)
class Seen:
    """A whole ledger at one moment. `cloud_id` is None for the service's own."""

    cloud_id: str | None
    head: Head
    chain: Sequence[SealedEntry]
    broken_at: int | None
    erased_at: datetime | None = None


def _gone(seen: Seen) -> tuple[dict[str, object], str]:
    """Return how many entries were erased and when, for programs and for people."""
    if seen.erased_at is None:
        return {}, ""
    count = sum(entry.erased_hash is not None for entry in seen.chain)
    at = iso(seen.erased_at)
    said = f" ({count} of them erased at {at}: what they said is gone, their hashes are kept)"
    return {"erased": count, "erased_at": at}, said


def _of_tenant(store: Store, named: str) -> Seen:
    record, chain = _at_one_moment(
        lambda: known_tenant(store, named),
        lambda record: record.head,
        lambda record, after: store.entries(record.tenant, after, PAGE_LIMIT),
    )
    broken_at = first_break(record.tenant, chain, record.head)
    erased_at = record.erasure.at if record.erasure is not None else None
    return Seen(record.tenant.cloud_id, record.head, chain, broken_at, erased_at)


def _of_service(ledger: ServiceChain) -> Seen:
    head, chain = _at_one_moment(
        ledger.head, lambda head: head, lambda _, after: ledger.entries(after, PAGE_LIMIT)
    )
    return Seen(None, head, chain, first_service_break(chain, head))


def _at_one_moment(
    look: Callable[[], T],
    head_of: Callable[[T], Head],
    page_behind: Callable[[T, int], Sequence[SealedEntry]],
) -> tuple[T, Sequence[SealedEntry]]:
    """Return what `look` sees and its whole ledger, read again if somebody wrote in between."""
    seen = look()
    while True:
        chain: list[SealedEntry] = []
        while page := page_behind(seen, chain[-1].sequence if chain else 0):
            chain += page
        following = look()
        if head_of(following) == head_of(seen):
            return seen, chain
        seen = following


def _entry_json(entry: SealedEntry) -> dict[str, object]:
    content: dict[str, object] = json.loads(entry.body)
    place = {"sequence": entry.sequence, "entry_hash": entry.entry_hash, "hash": entry.hash}
    return place | content
