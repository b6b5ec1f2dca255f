"""The source keeps the house rules. `test_rules.py` shows that each rule can refuse."""

import ast
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import stages
from tidy.rules import RULES, Finding, Rule
from tidy.text_rules import TEXT_RULES, TextRule

ROOT = stages.ROOT
CODE = ("src/", "tests/", "bench/")
NOT_OURS = frozenset({"LICENSE"})
CACHES = ("__pycache__", "node_modules", "build", "dist")


@cache
def texts() -> dict[str, str]:
    """Return every text file of the repository by its path: tracked, or about to be."""
    found: dict[str, str] = {}
    for path in _paths():
        if path not in NOT_OURS and (ROOT / path).is_file():
            try:
                found[path] = (ROOT / path).read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue  # an image or the like has no text to judge
    return found


def _paths() -> Iterator[str]:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    if shutil.which("git") and (ROOT / ".git").exists():
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True)
        yield from filter(None, listed.stdout.split("\0"))
        return
    for path in ROOT.rglob("*"):
        parts = path.relative_to(ROOT).parts
        hidden = any(part.startswith(".") and part not in (".ci", ".github") for part in parts[:-1])
        if not hidden and not set(parts) & set(CACHES):
            yield "/".join(parts)


@cache
def trees() -> dict[str, ast.Module]:
    """Return the syntax tree of every module of ours by its path."""
    modules = {path: text for path, text in texts().items() if path.endswith(".py")}
    return {path: ast.parse(text) for path, text in modules.items() if path.startswith(CODE)}


def _report(findings: list[Finding]) -> None:
    if findings:
        pytest.fail("\n".join(map(str, findings)), pytrace=False)


def test_there_is_source_to_judge() -> None:
    assert {"src/firstry/__init__.py", "tests/stages.py"} <= trees().keys()
    assert "requirements.lock" in texts()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_modules_keep(rule: Rule) -> None:
    _report([finding for path, tree in sorted(trees().items()) for finding in rule(path, tree)])


@pytest.mark.parametrize("rule", TEXT_RULES, ids=lambda rule: rule.__name__)
def test_files_keep(rule: TextRule) -> None:
    _report([finding for path, text in sorted(texts().items()) for finding in rule(path, text)])


def test_every_folder_of_tests_is_a_stage() -> None:
    folders = {Path(path).parts[1] for path in texts() if Path(path).match("test_*.py")}
    known = {stage.name for stage in stages.FOLDERS}
    assert folders <= known, f"tests that no stage runs: {sorted(folders - known)}"


def test_every_decision_is_listed_once() -> None:
    folder = "docs/decisions/"
    records = sorted(Path(path).name for path in texts() if re.match(rf"{folder}\d", path))
    listed = re.findall(r"\]\((\d[^)]*\.md)\)", texts()[f"{folder}README.md"])
    assert listed == records, "the index in docs/decisions/README.md and the folder differ"


def test_every_package_is_one() -> None:
    folders = {str(Path(path).parent) for path in trees() if path.startswith("src/firstry/")}
    bare = sorted(folder for folder in folders if f"{folder}/__init__.py" not in trees())
    assert not bare, f"import-linter does not see a folder without __init__.py: {bare}"
