"""`firstry evidence`: a tenant's ledger, listed and verified."""

import json
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from firstry.cli.output import Exit, Output
from firstry.cli.session import known_tenant, opened_store
from firstry.cli.show import table
from firstry.cli.tenants import TenantId
from firstry.domain.instant import iso
from firstry.domain.ledger import SealedEntry, first_break
from firstry.domain.record import TenantRecord
from firstry.domain.tenant import Tenant
from firstry.ports.store import PAGE_LIMIT, Store

app = typer.Typer(no_args_is_help=True, help="A tenant's ledger.")


@app.command("list")
def list_entries(
    context: typer.Context,
    tenant: TenantId,
    after: Annotated[int, typer.Option(min=0, help="Begin behind this sequence.")] = 0,
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
def verify(context: typer.Context, tenant: TenantId) -> int:
    """Check the whole chain of a tenant's ledger against its head. Exit 1 if it is broken.

    Of entries that were erased the hashes are checked: their words are gone, and said to be.
    """
    output: Output = context.obj
    with opened_store() as (_, store):
        record, chain = _at_one_moment(store, tenant)
    broken_at = first_break(record.tenant, chain, record.head)
    document = {
        "cloud_id": record.tenant.cloud_id,
        "entries": len(chain),
        "head": {"sequence": record.head.sequence, "hash": record.head.hash},
        "is_intact": broken_at is None,
        "broken_at": broken_at,
    }
    if broken_at is None:
        gone, said = _gone(record, chain)
        text = f"{len(chain)} entries{said}, the chain holds up to {record.head.hash}"
        output.show(document | gone, text)
        return Exit.OK
    output.show(document, f"the chain is broken at entry {broken_at} of {record.head.sequence}")
    return Exit.FINDING


def _gone(record: TenantRecord, chain: Sequence[SealedEntry]) -> tuple[dict[str, object], str]:
    """Return how many entries were erased and when, for programs and for people."""
    if record.erasure is None:
        return {}, ""
    count = sum(entry.erased_hash is not None for entry in chain)
    at = iso(record.erasure.at)
    said = f" ({count} of them erased at {at}: what they said is gone, their hashes are kept)"
    return {"erased": count, "erased_at": at}, said


def _at_one_moment(store: Store, named: str) -> tuple[TenantRecord, tuple[SealedEntry, ...]]:
    """Return a tenant and its whole ledger, read again if somebody wrote in between."""
    record = known_tenant(store, named)
    while True:
        chain = tuple(_all_entries(store, record.tenant))
        following = known_tenant(store, named)
        if following.head == record.head:
            return record, chain
        record = following


def _all_entries(store: Store, tenant: Tenant) -> Iterator[SealedEntry]:
    after = 0
    while page := store.entries(tenant, after, PAGE_LIMIT):
        yield from page
        after = page[-1].sequence


def _entry_json(entry: SealedEntry) -> dict[str, object]:
    content: dict[str, object] = json.loads(entry.body)
    place = {"sequence": entry.sequence, "entry_hash": entry.entry_hash, "hash": entry.hash}
    return place | content
