"""One tenant's life, told from its ledger: each entry as a sentence, the newest first."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from firstry.ports.insight import Line


@dataclass(frozen=True, slots=True)
class Moment:
    """One entry as it is told. `trigger` is empty where it is about the whole tenant."""

    at: datetime
    sequence: int
    kind: str
    actor: str
    trigger: str
    sentence: str


def moment_of(line: Line) -> Moment:
    """Return an entry as a sentence; a kind that is not known here is named as it is."""
    entry = json.loads(line.body)
    detail = entry["detail"]
    tell = _erased if "erased" in detail else _SENTENCES.get(entry["kind"], _unknown)
    return Moment(
        line.place.at,
        line.place.sequence,
        entry["kind"],
        entry["actor"],
        str(detail.get("trigger") or ""),
        tell(detail | {"kind": entry["kind"]}),
    )


_Detail = Mapping[str, Any]


def _unknown(detail: _Detail) -> str:
    return str(detail["kind"]).replace("_", " ").lower()


def _erased(detail: _Detail) -> str:
    return f"{_unknown(detail)} (the rest is erased)"


def _because(detail: _Detail, text: str) -> str:
    return f"{text}: {detail['reason']}" if detail.get("reason") else text


def _installed(detail: _Detail) -> str:
    said = f"installed at {detail.get('installed_at')} ({detail.get('source')})"
    return _because(detail, said)


def _claimed(detail: _Detail) -> str:
    return f"attempt {detail.get('attempt')} began, held until {detail.get('lease_until')}"


def _completed(detail: _Detail) -> str:
    return f"attempt {detail.get('attempt')} made report {detail.get('report_id')}"


def _failed(detail: _Detail) -> str:
    return (
        f"attempt {detail.get('attempt')} failed, {detail.get('code')} "
        f"({detail.get('message')}); backoff until {detail.get('until')}"
    )


def _deferred(detail: _Detail) -> str:
    return f"put off until {detail.get('until')}: {detail.get('message')}"


def _ended(text: str) -> Callable[[_Detail], str]:
    return lambda detail: f"{text} after {detail.get('attempts')} attempts"


def _ordered(text: str) -> Callable[[_Detail], str]:
    return lambda detail: _because(detail, text)


def _cancelled(detail: _Detail) -> str:
    """With a reason it is an operator's, for another plan."""
    if detail.get("reason"):
        return _because(detail, "cancelled, for the settings have another plan")
    return "cancelled with the installation"


def _replanned(detail: _Detail) -> str:
    for each in detail.get("armed", ()):
        return _because(detail, f"planned anew: due at {each['due_at']}")
    end = detail.get("window_end_at")
    return _because(detail, f"its window ends at {end} now" if end else "its window never ends now")


def _evidence_read(detail: _Detail) -> str:
    return f"read {detail.get('dataset')} (Jira answered {detail.get('status')})"


def _switched(detail: _Detail) -> str:
    return _because(detail, f"{detail.get('flag')} switched {detail.get('state')}")


_SENTENCES: Mapping[str, Callable[[_Detail], str]] = {
    "INSTALLED": _installed,
    "REINSTALLED": _installed,
    "UPGRADED": lambda detail: f"upgraded to version {detail.get('app_version')}",
    "UNINSTALLED": lambda _: "uninstalled",
    "PRESUMED_UNINSTALLED": lambda _: "no sign of life and no token: counts as uninstalled",
    "CLAIMED": _claimed,
    "COMPLETED": _completed,
    "FAILED": _failed,
    "DEFERRED": _deferred,
    "MISSED": _ended("window over"),
    "DISCARDED": _ended("given up"),
    "CANCELLED": _cancelled,
    "REPLANNED": _replanned,
    "RESET": _ordered("reset by an operator"),
    "RETRY_REQUESTED": _ordered("retry ordered"),
    "MANUAL_REQUESTED": _ordered("report asked for"),
    "PAUSED": _ordered("paused"),
    "RESUMED": _ordered("resumed"),
    "EVIDENCE_READ": _evidence_read,
    "FLAG_SWITCHED": _switched,
    "ERASED": _ordered("erased: everything before it"),
}
KINDS = tuple(_SENTENCES)
"""The kinds of entries that are told as sentences of their own."""
