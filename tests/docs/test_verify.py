"""docs/verify.md: its commands and its Python refuse what was changed, as firstry does.

That they accept a fine report is shown in test_block.py, which runs every block.
"""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from docs.page import page
from firstry.exports.key import published
from firstry.exports.signature import Ed25519Signer
from firstry.exports.verify import HOLDS, NOT_PROVEN, Check
from support.report import forecast_report, signed, written
from support.signing import PUBLIC_KEY

PAGE = page("docs/verify.md")
[SHELL] = [block.text for block in PAGE.blocks() if block.language == "sh"]
[PYTHON] = [block.text for block in PAGE.blocks() if block.language == "python"]
WAYS = {"openssl": ["sh", "-c", SHELL], "python": [sys.executable, "-c", PYTHON]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a stranger has: report, envelope, and a key file that holds older keys too."""
    written(signed(), tmp_path)
    point = Ed25519Signer("s-older", bytes(32)).point
    keys = published([replace(PUBLIC_KEY, key_id="s-older", point=point), PUBLIC_KEY])
    (tmp_path / "firstry-keys.json").write_text(json.dumps(keys))
    return tmp_path


def run(way: str, folder: Path) -> int:
    return subprocess.run(WAYS[way], cwd=folder, capture_output=True, timeout=30).returncode


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("indent", [None, 2])
def test_a_fine_report_verifies(way: str, indent: int | None, folder: Path) -> None:
    """With a key file as the service serves it, and as the command prints it."""
    keys = folder / "firstry-keys.json"
    keys.write_text(json.dumps(json.loads(keys.read_text()), indent=indent))
    assert run(way, folder) == 0


ENVELOPE, KEYS = "report.json.dsse", "firstry-keys.json"
CHANGES = {
    "a number": ("report.json", b'"count":28', b'"count":29'),
    "a word": ("report.json", b"Read from", b"Seen from"),
    "a byte more": ("report.json", b"{", b"{ "),
    "the payload": (ENVELOPE, b"eyJf", b"eyJg"),
    "the signature": (ENVELOPE, b'"sig":"', b'"sig":"AAAA'),
    "the key's name": (ENVELOPE, b'"keyid":"s-test"', b'"keyid":"s-older"'),
    "the key": (KEYS, b'"s-test"', b'"s-best"'),
    "the whole envelope": (ENVELOPE, signed().envelope, forecast_report().envelope),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("change", CHANGES)
def test_what_was_changed_does_not_verify(way: str, change: str, folder: Path) -> None:
    name, old, new = CHANGES[change]
    content = (folder / name).read_bytes()
    assert old in content
    (folder / name).write_bytes(content.replace(old, new, 1))
    assert run(way, folder) != 0


def test_the_python_is_twenty_lines_and_imports_nothing_of_ours() -> None:
    lines = [line for line in PYTHON.splitlines() if line.strip()]
    assert len(lines) <= 20
    assert "firstry" not in re.sub(r"firstry-keys\.json", "", PYTHON)


def test_every_check_is_told() -> None:
    told = [row[0] for row in PAGE.table("check", "what holds if it holds").rows]
    assert sorted(told) == sorted(check.value for check in Check) == sorted(HOLDS)


def test_what_is_not_proven_is_told_in_the_same_words() -> None:
    points = [line[2:].rstrip(".").lower() for line in PAGE.lines if line.startswith("- ")]
    assert points == [text.lower() for text in NOT_PROVEN]
