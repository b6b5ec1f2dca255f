"""Every block of the README and the docs is run, or says why it is not.

A page's shell blocks are one session, in a folder that holds what the page says is
there. A `json` block below a shell block has the shape of what that block prints.
`text` blocks are output. A block with `<!-- not run: why -->` above it is let be.
"""

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import apsw
import pytest

from docs.page import ROOT, Block, Page, page, pages
from firstry.domain.instant import to_milliseconds
from firstry.domain.policy import Trigger
from firstry.domain.report.generate import report_id_of
from firstry.domain.tenant import Tenant
from firstry.sim.jira import JiraSite
from firstry.sim.jira_fault import Fault, FaultKind
from firstry.sim.platform_key import KeyRing
from firstry.stores.sql.sqlite.migration import upgrade
from support.command import command
from support.service import StillClock, World

SHELL = ("sh", "console")
LANGUAGES = frozenset({*SHELL, "python", "json", "toml", "sql", "yaml", "text"})
OURS = tuple(
    pytest.param(each, id=name)
    for name, each in pages().items()
    if name == "README.md" or name.startswith("docs/")
)
SITE = "11111111-2222-4333-8444-555555555555"
EXACT = frozenset({"reason", "code", "trigger", "state", "status", "version"})
MARK = "=== the block at line "


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a page's commands run: a folder, and settings beside the environment."""

    folder: Path
    environ: Mapping[str, str] = field(default_factory=dict)


Setting = Callable[[Path], Any]


@contextmanager
def _empty(folder: Path) -> Iterator[Stage]:
    """A folder that holds the repository's environment and app, and nothing else."""
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / "forge-app").symlink_to(ROOT / "forge-app")
    yield Stage(folder)


@contextmanager
def _served(folder: Path) -> Iterator[Stage]:
    """One site with a report, whose next report has failed once; the simulator goes on."""
    (folder / ".venv").symlink_to(sys.prefix)
    now = datetime.now(UTC).replace(microsecond=0)
    clock = StillClock(now - timedelta(hours=24, minutes=5))
    with World(folder, KeyRing(), clock=clock) as world:
        site = JiraSite(world.platform, SITE, "acme", "99999999-2222-4333-8444-555555555555")
        world.simulator.add(site)
        assert world.install(site).status == 200
        clock.advance(hours=12)
        world.told(site, "GENERATED")
        clock.advance(hours=12, minutes=3)
        site.faults = [Fault(FaultKind.UNAVAILABLE)]
        world.told(site, "GENERATION_FAILED", 202)
        clock.advance(minutes=2)
        site.faults = []
        yield Stage(folder, world.environ)


@contextmanager
def _at_rest(folder: Path) -> Iterator[Stage]:
    """The same site, and no process that has its database open."""
    with _served(folder) as stage:
        pass
    yield stage


@contextmanager
def _handed_over(folder: Path) -> Iterator[Stage]:
    """A report with its signature and the published key, as a stranger gets them."""
    makers, stranger = folder / "makers", folder / "stranger"
    makers.mkdir()
    stranger.mkdir()
    report_id = report_id_of(Tenant.from_row(SITE), Trigger("AUTO_12H"), 1)
    with _served(makers) as stage:
        for format_ in ("json", "pdf"):
            words = ["reports", "export", report_id, "--format", format_]
            words += ["--output", str(stranger / f"report.{format_}")]
            assert command(makers, stage.environ, *words).code == 0
        words = ["keys", "publish", "--output", str(stranger / "firstry-keys.json")]
        assert command(makers, stage.environ, *words).code == 0
    yield Stage(stranger)


STAGES: Mapping[str, Setting] = {
    "docs/cli.md": _served,
    "docs/operations.md": _at_rest,
    "docs/verify.md": _handed_over,
}


@pytest.mark.parametrize("each", OURS)
def test_blocks_are_of_known_languages(each: Page) -> None:
    strange = [(b.line, b.language) for b in each.blocks() if b.language not in LANGUAGES]
    assert strange == [], f"{each.path}: name the language, or use `text` for output"
    needless = [b.line for b in each.blocks() if b.excuse and b.language not in (*SHELL, "python")]
    assert needless == [], f"{each.path}: only sh and python blocks are run"


@pytest.mark.parametrize("each", OURS)
@pytest.mark.timeout(120)
def test_shell_blocks_do_what_the_page_says(each: Page, tmp_path: Path) -> None:
    blocks = [b for b in each.blocks() if b.language in SHELL and b.excuse is None]
    if not blocks:
        return
    with STAGES.get(each.path, _empty)(tmp_path) as stage:
        printed = _run(stage, blocks, each.path)
    for block in each.blocks():
        above = _above(block, blocks, each)
        if block.language == "json" and above is not None:
            shown = json.loads(printed[above.line].splitlines()[-1])
            problems = list(_differences(json.loads(block.text), shown))
            assert problems == [], f"{each.path}:{block.line}: {problems}"


def _run(stage: Stage, blocks: list[Block], path: str) -> dict[int, str]:
    """Run the blocks as one session; return what each printed by its line."""
    script = ["set -eu"]
    for block in blocks:
        script += [f"echo '{MARK}{block.line}'", _commands_of(block)]
    ended = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=stage.folder,
        env={
            "PATH": f"{Path(sys.prefix) / 'bin'}{os.pathsep}{os.defpath}",
            "HOME": str(stage.folder),
            "LC_ALL": "C.UTF-8",
            **stage.environ,
        },
        capture_output=True,
        text=True,
        timeout=100,
    )
    printed: dict[int, str] = {}
    for part in ended.stdout.split(MARK)[1:]:
        line, _, text = part.partition("\n")
        printed[int(line)] = text
    last = max(printed, default=0)
    assert ended.returncode == 0, f"{path}:{last} ends with {ended.returncode}: {ended.stderr}"
    return printed


def _commands_of(block: Block) -> str:
    """Return what is to be run; in a `console` block the lines behind a `$`."""
    if block.language == "sh":
        return block.text
    return "\n".join(line[2:] for line in block.text.splitlines() if line.startswith("$ "))


def _above(block: Block, blocks: list[Block], each: Page) -> Block | None:
    """Return the shell block that `block` follows with nothing but blank lines between."""
    if block.follows is None or any(each.lines[block.follows : block.line - 1]):
        return None
    return next((b for b in blocks if b.line < block.line and b.end == block.follows), None)


def _differences(told: Any, shown: Any, place: str = "") -> Iterator[str]:
    """Yield where two documents have different shapes. A null that is told fits anything."""
    if told is None:
        return
    if isinstance(told, dict) and isinstance(shown, dict):
        for key in sorted(told.keys() ^ shown.keys()):
            yield f"{place}/{key} is {'not printed' if key in told else 'not told'}"
        for key in sorted(told.keys() & shown.keys()):
            yield from _differences(told[key], shown[key], f"{place}/{key}")
    elif isinstance(told, list) and isinstance(shown, list):
        if told and not shown:
            yield f"{place} is empty"
        elif told:
            yield from _differences(told[0], shown[0], f"{place}/0")
    elif type(told) is not type(shown):
        yield f"{place} is {type(shown).__name__}, not {type(told).__name__}"
    elif told != shown and place.rpartition("/")[2] in EXACT:
        yield f"{place} is {shown!r}, not {told!r}"


@pytest.mark.parametrize("each", OURS)
def test_python_blocks_run(each: Page, tmp_path: Path) -> None:
    blocks = [b for b in each.blocks() if b.language == "python" and b.excuse is None]
    if not blocks:
        return
    with STAGES.get(each.path, _empty)(tmp_path) as stage:
        ended = subprocess.run(
            [sys.executable, "-c", "\n".join(block.text for block in blocks)],
            cwd=stage.folder,
            env=os.environ | stage.environ,
            capture_output=True,
            text=True,
        )
    assert ended.returncode == 0, f"{each.path}: {ended.stderr}"


@pytest.mark.parametrize("each", OURS)
def test_documents_in_blocks_can_be_read(each: Page) -> None:
    for block in each.blocks():
        if block.language == "json":
            json.loads(block.text)
        elif block.language == "toml":
            tomllib.loads(block.text)


def test_the_statement_that_lowers_the_high_water_mark(tmp_path: Path) -> None:
    """What docs/operations.md tells an operator to run does that, and never raises the mark."""
    [block] = [b for b in page("docs/operations.md").blocks() if b.language == "sql"]
    path = tmp_path / "firstry.db"
    upgrade(path)
    now = datetime.now(UTC)
    for mark in (now + timedelta(days=3650), now - timedelta(days=1)):
        with apsw.Connection(str(path)) as connection:
            before = to_milliseconds(mark)
            connection.execute("UPDATE store_clock SET high_water_at = ?", (before,))
            connection.execute(block.text)
            after = connection.execute("SELECT high_water_at FROM store_clock").get
        if mark < now:
            assert after == before
        else:
            assert abs(after - to_milliseconds(now)) < 60_000


def test_a_wrong_shape_is_found() -> None:
    told = {"a": [{"b": 1}], "c": None, "state": "missed"}
    assert list(_differences(told, {"a": [{"b": 2}], "c": 3, "state": "missed"})) == []
    assert list(_differences(told, {"a": [], "c": 3, "state": "missed"}))
    assert list(_differences(told, {"a": [{"b": "2"}], "c": 3, "state": "missed"}))
    assert list(_differences(told, {"a": [{"b": 2}], "c": 3, "state": "claimed"}))
    assert list(_differences(told, {"a": [{"b": 2}], "c": 3, "state": "missed", "d": 1}))
