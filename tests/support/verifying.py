"""`firstry verify` as the tests run it, and what it found."""

from collections.abc import Mapping
from pathlib import Path

from support.command import Ran, command


def verify(*words: object, environ: Mapping[str, str] | None = None, at: Path = Path("/")) -> Ran:
    return command(at, environ or {}, "verify", *map(str, words))


def failures(ran: Ran) -> dict[str, list[tuple[str, str]]]:
    """Return file name and place of each finding of the one report, by its check."""
    [report] = ran.json()["reports"]
    return {
        check["check"]: [(Path(f["file"]).name, f["place"]) for f in check["findings"]]
        for check in report["checks"]
        if check["findings"]
    }
