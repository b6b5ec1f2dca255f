"""`firstry tokens`: who may use the operators' API."""

import secrets
from typing import Annotated

import typer

from firstry.cli.output import Output
from firstry.cli.session import decided_at, opened_store
from firstry.cli.show import table
from firstry.domain.access import (
    SECRET_BYTES,
    ApiToken,
    parse_name,
    parse_role,
    secret_digest,
    secret_text,
)
from firstry.domain.errors import InputInvalid
from firstry.domain.filter_text import parse_span
from firstry.domain.instant import iso
from firstry.domain.ledger import OPERATOR

app = typer.Typer(no_args_is_help=True, help="The tokens of the operators' API.")

TokenId = Annotated[str, typer.Argument(metavar="TOKEN_ID", help="The token's id.")]


@app.command()
def create(
    context: typer.Context,
    name: Annotated[str, typer.Option(help="Whose it is; ledger entries name it.")],
    role: Annotated[str, typer.Option(help="viewer, operator or admin.")],
    expires: Annotated[str, typer.Option(help="How long it is good, for example 90d.")] = "",
) -> None:
    """Make a token and print it; it is shown this once and kept nowhere."""
    from firstry.stores.sql.access import SqlTokens

    output: Output = context.obj
    named, granted = parse_name(name), parse_role(role)
    span = parse_span(expires) if expires else None
    if span is not None and not span:
        raise InputInvalid(f"{expires!r} ends at once", "for example --expires 90d")
    secret = secret_text(secrets.token_bytes(SECRET_BYTES))
    with opened_store() as (settings, store):
        now = decided_at(settings, store)
        token_id = f"t-{secrets.token_hex(6)}"
        end = now + span if span is not None else None
        token = ApiToken(token_id, named, granted, now, end)
        SqlTokens(store.database).add(token, secret_digest(secret), OPERATOR)
    document = {"token_id": token_id, "token": secret}
    until = f"until {iso(end)}" if end is not None else "without an end"
    text = f"{token_id} ({named}, {granted}), good {until}; it is not shown again:\n{secret}"
    output.show(document, text)


@app.command("list")
def list_tokens(context: typer.Context) -> None:
    """List all tokens, also those that are revoked, without their secrets."""
    from firstry.insight.shape import token_json
    from firstry.stores.sql.access import SqlTokens

    output: Output = context.obj
    with opened_store() as (_, store):
        tokens = SqlTokens(store.database).tokens()
    columns = ("token", "name", "role", "expires", "revoked", "last used")
    rows = [
        (
            token.token_id,
            token.name,
            token.role.value,
            iso(token.expires_at) if token.expires_at else "never",
            iso(token.revoked_at) if token.revoked_at else "",
            iso(token.last_used_at) if token.last_used_at else "",
        )
        for token in tokens
    ]
    text = table(columns, rows) if rows else "No token yet: `firstry tokens create` makes one."
    output.show({"tokens": [token_json(token) for token in tokens]}, text)


@app.command()
def revoke(context: typer.Context, token_id: TokenId) -> None:
    """End a token at once and for ever."""
    from firstry.insight.shape import token_json
    from firstry.stores.sql.access import SqlTokens

    output: Output = context.obj
    with opened_store() as (settings, store):
        now = decided_at(settings, store)
        ended = SqlTokens(store.database).revoke(token_id, now, OPERATOR)
    output.show({"token": token_json(ended)}, f"{ended.token_id} ({ended.name}) is revoked")
