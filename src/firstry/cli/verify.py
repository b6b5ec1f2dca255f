"""`firstry verify`: check reports as a stranger would, offline, from files and a key."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from firstry.cli.output import Exit, Output
from firstry.config import load
from firstry.domain.display import displayed
from firstry.domain.errors import InputInvalid

if TYPE_CHECKING:
    from firstry.exports.folder import Judged, Result
    from firstry.exports.key import TrustedKeys
    from firstry.exports.verify import Verdict

LONGEST_KEY_FILE = 1024 * 1024
_AFTER_A_FAILURE = "because of what failed"


def verify(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="X.json, X.pdf, or a folder.")],
    signature: Annotated[
        Path | None, typer.Option(help="The envelope; X.json.dsse if left out.")
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(help="firstry-keys.json or one public key; FIRSTRY_SIGNING_KEY if left out."),
    ] = None,
) -> int:
    """Say of each report what holds, what does not and where. Exit 1 if anything does not."""
    from firstry.exports.folder import verify_path

    output: Output = context.obj
    result = verify_path(path, signature, _keys(key))
    output.show(_document(result), _text(result))
    return Exit.OK if result.holds else Exit.FINDING


def _keys(path: Path | None) -> "TrustedKeys":
    """Return the keys to verify with: from the file, or from the settings; there may be none."""
    from firstry.exports.key import TrustedKeys, read_keys
    from firstry.exports.signature import Ed25519Signer

    if path is not None:
        try:
            with path.open("rb") as file:
                return read_keys(file.read(LONGEST_KEY_FILE + 1), str(path))
        except OSError as error:
            raise InputInvalid(
                f"{path} cannot be read ({error.strerror})",
                "--key names a firstry-keys.json, or a public key in PEM or base64",
            ) from None
    key = load().signing_key
    return TrustedKeys({key.key_id: Ed25519Signer(key.key_id, key.secret).point} if key else {})


def _document(result: "Result") -> dict[str, object]:
    from firstry.exports.verify import NOT_PROVEN

    failed = sum(not each.verified.holds for each in result.judged)
    return {
        "verified": result.holds,
        "reports": [_report_json(each) for each in result.judged],
        "findings": [{"file": str(f.path), "message": f.message} for f in result.findings],
        "counts": {"verified": len(result.judged) - failed, "not_verified": failed},
        "not_proven": list(NOT_PROVEN),
    }


def _report_json(judged: "Judged") -> dict[str, object]:
    verified = judged.verified
    return {
        "file": str(judged.path),
        "envelope": str(judged.envelope),
        "verified": verified.holds,
        "digest": verified.digest,
        "key_id": verified.key_id,
        "checks": [_check_json(judged, verdict) for verdict in verified.verdicts],
    }


def _check_json(judged: "Judged", verdict: "Verdict") -> dict[str, object]:
    from firstry.exports.verify import HOLDS

    return {
        "check": verdict.check.value,
        "holds": None if verdict.breaches is None else verdict.holds,
        "meaning": HOLDS[verdict.check],
        "note": displayed(verdict.note) or None,
        "findings": [
            {
                "file": str(_file_of(judged, verdict)),
                "place": displayed(breach.place),
                "message": displayed(breach.rule),
            }
            for breach in verdict.breaches or ()
        ],
    }


def _file_of(judged: "Judged", verdict: "Verdict") -> Path:
    """Return the file that the places of a verdict are in."""
    from firstry.exports.verify import IN_ENVELOPE

    return judged.envelope if verdict.check in IN_ENVELOPE else judged.path


def _text(result: "Result") -> str:
    from firstry.exports.verify import NOT_PROVEN

    is_brief = len(result.judged) > 1
    lines = [line for each in result.judged for line in _report_lines(each, is_brief)]
    lines += [f"{displayed(str(f.path))}: {f.message}" for f in result.findings]
    word = "verified" if result.holds else "NOT verified"
    lines += ["", f"{word}: {len(result.judged)} report{'s' if is_brief else ''}"]
    return "\n".join([*lines, "", "No signature proves", *(f"  {text}" for text in NOT_PROVEN)])


def _report_lines(judged: "Judged", is_brief: bool) -> list[str]:
    """Return a report's line and its checks; of many reports not those that hold."""
    from firstry.exports.verify import HOLDS

    verified = judged.verified
    word = "verified" if verified.holds else "does NOT verify"
    lines = [f"{displayed(str(judged.path))}: {word}", f"  {verified.digest}"]
    for verdict in verified.verdicts:
        name = f"{verdict.check.value:<10}"
        if verdict.breaches is None:
            lines.append(f"  not made  {name} {displayed(verdict.note) or _AFTER_A_FAILURE}")
        elif verdict.holds and not is_brief:
            note = f"; {displayed(verdict.note)}" if verdict.note else ""
            lines.append(f"  holds     {name} {HOLDS[verdict.check]}{note}")
        file = displayed(_file_of(judged, verdict).name)
        lines += [
            f"  FAILS     {name} {file} {displayed(breach.place)}".rstrip()
            + f": {displayed(breach.rule)}"
            for breach in verdict.breaches or ()
        ]
    return lines
