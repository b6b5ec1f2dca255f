"""`firstry keys`: keys for the token vault and for signing."""

import base64
import secrets

import typer

from firstry.cli.output import Output

app = typer.Typer(no_args_is_help=True, help="Keys for the token vault and for signing.")


@app.command()
def new(context: typer.Context) -> None:
    """Print two new keys as settings. They are shown once and kept nowhere."""
    output: Output = context.obj
    lines = new_keys()
    output.show(lines, "\n".join(f"{name}={value}" for name, value in lines.items()))


def new_keys() -> dict[str, str]:
    """Return the settings of a new vault key and a new signing key."""
    return {"FIRSTRY_SECRET_KEYS": _key("k"), "FIRSTRY_SIGNING_KEY": _key("s")}


def _key(kind: str) -> str:
    encoded = base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()
    return f"{kind}-{secrets.token_hex(4)}:{encoded}"
