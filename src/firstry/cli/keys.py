"""`firstry keys`: keys for the token vault and for signing."""

import base64
import json
import secrets
from pathlib import Path
from typing import Annotated

import typer

from firstry.cli.output import Output
from firstry.cli.session import decided_at, opened_store
from firstry.domain.errors import SettingInvalid

app = typer.Typer(no_args_is_help=True, help="Keys for the token vault and for signing.")


@app.command()
def new(context: typer.Context) -> None:
    """Print two new keys as settings. They are shown once and kept nowhere."""
    output: Output = context.obj
    lines = new_keys()
    output.show(lines, "\n".join(f"{name}={value}" for name, value in lines.items()))


@app.command()
def publish(
    context: typer.Context,
    output_path: Annotated[
        Path | None, typer.Option("--output", help="A file, or a folder that exists.")
    ] = None,
) -> None:
    """Print firstry-keys.json: the public half of every key that ever signed, and of the next."""
    from firstry.exports.file import write_whole
    from firstry.exports.key import FILE_NAME, published
    from firstry.wiring.service import remember_signing_key

    output: Output = context.obj
    with opened_store() as (settings, store):
        if settings.signing_key is not None:
            remember_signing_key(settings, store, decided_at(settings, store))
        document = published(store.public_keys())
    if not document["keys"]:
        raise SettingInvalid(
            "there is no key to publish: none has signed yet, and FIRSTRY_SIGNING_KEY is not set",
            "`firstry keys new` prints one",
        )
    text = json.dumps(document, indent=2)
    if output_path is not None:
        path = output_path / FILE_NAME if output_path.is_dir() else output_path
        write_whole([(path, f"{text}\n".encode())])
        text = str(path)
    output.show(document, text)


def new_keys() -> dict[str, str]:
    """Return the settings of a new vault key and a new signing key."""
    return {"FIRSTRY_SECRET_KEYS": _key("k"), "FIRSTRY_SIGNING_KEY": _key("s")}


def _key(kind: str) -> str:
    encoded = base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()
    return f"{kind}-{secrets.token_hex(4)}:{encoded}"
