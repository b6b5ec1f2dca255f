"""How the command line speaks: text for people, one JSON object for programs.

With `--json` stdout holds exactly one object, also for errors; progress and
logs go to stderr. Exit codes are part of the public surface.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from firstry.domain.access import AccessDenied, RoleInsufficient
from firstry.domain.display import displayed
from firstry.domain.errors import (
    Conflict,
    EraseNotAllowed,
    FirstryError,
    InputInvalid,
    KeySetUnavailable,
    NotFound,
    ReportInvalid,
    SettingInvalid,
    StoreUnavailable,
    StoreUnfit,
    TokenUnavailable,
)

LONGEST_LINE = 5000
"""The characters of a line of an error at most."""


class Exit(IntEnum):
    """Every exit code of the command line."""

    OK = 0
    FINDING = 1
    USAGE = 2
    NOT_FOUND = 3
    NOT_ALLOWED = 4
    CONFLICT = 5
    UNAVAILABLE = 6
    DEFECT = 70
    INTERRUPTED = 130


_EXITS: tuple[tuple[type[FirstryError], Exit], ...] = (
    (SettingInvalid, Exit.USAGE),
    (InputInvalid, Exit.USAGE),
    (StoreUnfit, Exit.USAGE),
    (AccessDenied, Exit.NOT_ALLOWED),
    (RoleInsufficient, Exit.NOT_ALLOWED),
    (EraseNotAllowed, Exit.NOT_ALLOWED),
    (NotFound, Exit.NOT_FOUND),
    (Conflict, Exit.CONFLICT),
    (StoreUnavailable, Exit.UNAVAILABLE),
    (KeySetUnavailable, Exit.UNAVAILABLE),
    (TokenUnavailable, Exit.UNAVAILABLE),
    (ReportInvalid, Exit.FINDING),
)


@dataclass(frozen=True, slots=True)
class Output:
    """Where a command's result goes."""

    is_json: bool

    def show(self, document: Mapping[str, object], text: str) -> None:
        """Print the result: `document` with `--json`, else `text`."""
        print(json.dumps(document) if self.is_json else text)

    def fail(self, code: str, message: str, remedy: str) -> None:
        """Print an error: on stdout as JSON, or on stderr as text."""
        if self.is_json:
            error = {"code": code, "message": message, "remedy": remedy}
            print(json.dumps({"error": error}))
            return
        print(f"firstry: {_harmless(message)}", file=sys.stderr)
        if remedy:
            print(f"  {_harmless(remedy)}", file=sys.stderr)


def _harmless(text: str) -> str:
    """Return lines that may quote a file or a name from outside as a terminal can show them."""
    return "\n".join(displayed(line, LONGEST_LINE) for line in text.split("\n"))


def exit_of(error: FirstryError) -> Exit:
    """Return the exit code that goes with an error."""
    return next((code for kind, code in _EXITS if isinstance(error, kind)), Exit.DEFECT)
