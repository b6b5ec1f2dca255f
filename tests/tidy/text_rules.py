"""The house rules that the text of a file can show. Each is one function of (path, text)."""

import re
from collections.abc import Callable, Iterator

from tidy.rules import Finding

MODULE_LINES = 350
LOCK = "requirements.lock"

_NOTES = re.compile(r"\b(T[O]DO|FIX[M]E|X[X]X)\b")
_PLACES = re.compile(r"(?<![\w.-])/(?:work/|root/|farm)")
_REGISTRIES = re.compile(r"pypi\.org/simple|files\.pythonhosted\.org|registry\.npmjs\.org")
_PIN = re.compile(r"[A-Za-z0-9._-]+(\[[^]]+\])?==\S+( ; .+)?")
_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")

TextRule = Callable[[str, str], Iterator[Finding]]


def short_modules(path: str, text: str) -> Iterator[Finding]:
    """Refuse a module that cannot be read in one sitting."""
    lines = text.count("\n")
    if path.endswith(".py") and lines > MODULE_LINES:
        yield Finding(path, lines, f"{lines} lines; split the module at {MODULE_LINES} or fewer")


def nothing_left_to_do(path: str, text: str) -> Iterator[Finding]:
    """Refuse notes to self: what is left to do is an issue, not a comment."""
    for line, found in _matches(_NOTES, text):
        yield Finding(path, line, f"{found}: do it, or open an issue and take the note out")


def no_place_of_one_machine(path: str, text: str) -> Iterator[Finding]:
    """Refuse paths that exist on one machine and addresses of one package index."""
    for line, found in _matches(_PLACES, text):
        yield Finding(path, line, f"{found}: a path of one machine; make it relative")
    for line, found in _matches(_REGISTRIES, text):
        yield Finding(path, line, f"{found}: leave the package index to the reader's machine")


def locked_by_hash(path: str, text: str) -> Iterator[Finding]:
    """Refuse a lock in which anything is open: a version, a file, or where it comes from."""
    if path != LOCK:
        return
    logical = re.sub(r"\\\n", " " * 2, text)
    for number, line in enumerate(logical.splitlines(), start=1):
        requirement, _, hashes = line.partition(" --hash=")
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not _PIN.fullmatch(requirement.strip()):
            yield Finding(path, number, f"{requirement.strip()}: only pins stand here; make lock")
        elif not all(map(_HASH.fullmatch, f"--hash={hashes}".split())):
            yield Finding(path, number, f"{requirement.strip()}: has no sha256 hash; make lock")


def _matches(pattern: re.Pattern[str], text: str) -> Iterator[tuple[int, str]]:
    for match in pattern.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match.group()


TEXT_RULES: tuple[TextRule, ...] = (
    short_modules,
    nothing_left_to_do,
    no_place_of_one_machine,
    locked_by_hash,
)
