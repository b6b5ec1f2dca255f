"""What holds for every page: its links lead somewhere, and what it names exists."""

import ast
import re
from pathlib import PurePosixPath

import pytest

from docs.code_name import SOURCE, amount, is_dotted, is_path, plain, resolved
from docs.page import ROOT, Page, page, pages, source_of
from firstry.config import SETTINGS
from firstry.config_source import PREFIX

PAGES = [pytest.param(each, id=name) for name, each in pages().items()]
_SETTING = re.compile(rf"\b{PREFIX}([A-Z0-9_]*[A-Z0-9])\b")
_MAKE = re.compile(r"\bmake ([a-z]+)\b")
_POINTER = re.compile(r"(docs/[a-z/-]+\.md)(?:.{0,3}'([^']+)')?")
_TEST = re.compile(r"(tests/[\w/]+\.py)(?:::(\w+))?")


def _fail_with(findings: list[str]) -> None:
    if findings:
        pytest.fail("\n".join(findings), pytrace=False)


@pytest.mark.parametrize("each", PAGES)
def test_every_link_leads_somewhere(each: Page) -> None:
    findings = []
    for line, target in each.links():
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        found = (ROOT / each.path).parent / path if path else ROOT / each.path
        where = f"{each.path}:{line}: {target}"
        if not found.exists():
            findings.append(f"{where} leads nowhere")
        elif anchor and anchor not in pages()[_path_of(each, path)].anchors():
            findings.append(f"{where}: there is no such heading")
    _fail_with(findings)


def _path_of(each: Page, path: str) -> str:
    target = (ROOT / each.path).parent / path if path else ROOT / each.path
    return target.resolve().relative_to(ROOT).as_posix()


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen: set[str] = set()
    waiting = ["README.md"]
    while waiting:
        name = waiting.pop()
        if name in seen or name not in pages():
            continue
        seen.add(name)
        targets = (target.partition("#")[0] for _, target in pages()[name].links())
        waiting += [_path_of(pages()[name], t) for t in targets if t and "://" not in t]
    assert sorted(set(pages()) - seen) == []


@pytest.mark.parametrize("each", PAGES)
def test_every_name_of_code_exists(each: Page) -> None:
    findings = []
    for line, name in each.names():
        if is_dotted(name):
            try:
                resolved(name)
            except LookupError as error:
                findings.append(f"{each.path}:{line}: {error}")
        elif is_path(name) and not (ROOT / "src" / "firstry" / name).exists():
            findings.append(f"{each.path}:{line}: src/firstry/{name} does not exist")
    _fail_with(findings)


@pytest.mark.parametrize("each", PAGES)
def test_every_constant_has_the_value_that_is_told(each: Page) -> None:
    findings = []
    for table in each.tables():
        if table.header[:2] != ("constant", "value"):
            continue
        for name, told in zip(table.column("constant"), table.column("value"), strict=True):
            value = resolved(name.strip("`"))
            values = list(value) if isinstance(value, tuple) else [value]
            if [plain(v) for v in values] != [amount(t.strip()) for t in told.split(",")]:
                findings.append(f"{each.path}:{table.line}: {name} is {value}, not {told}")
    _fail_with(findings)


@pytest.mark.parametrize("each", PAGES)
def test_every_setting_that_is_named_exists(each: Page) -> None:
    known = {setting.name for setting in SETTINGS}
    assert set(_SETTING.findall(each.text)) <= known


@pytest.mark.parametrize("each", PAGES)
def test_every_make_target_that_is_named_exists(each: Page) -> None:
    code = [name for _, name in each.names()] + [block.text for block in each.blocks()]
    named = {target for text in code for target in _MAKE.findall(text)}
    assert named <= set(re.findall(r"^([a-z]+):", source_of("Makefile"), re.MULTILINE))


@pytest.mark.parametrize("each", PAGES)
def test_every_test_that_is_named_exists(each: Page) -> None:
    findings = []
    for line, name in each.names():
        for path, function in _TEST.findall(name):
            if not (ROOT / path).is_file():
                findings.append(f"{each.path}:{line}: {path} does not exist")
            elif function and function not in functions_of(path):
                findings.append(f"{each.path}:{line}: {path} has no {function}")
    _fail_with(findings)


def functions_of(path: str) -> dict[str, str]:
    """Return the functions and methods of a Python file with their docstrings."""
    tree = ast.parse(source_of(path))
    found = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {each.name: ast.get_docstring(each) or "" for each in found}


def module_docstring(path: str) -> str:
    """Return the docstring of a Python file."""
    return ast.get_docstring(ast.parse(source_of(path))) or ""


def test_the_source_points_to_pages_and_headings_that_exist() -> None:
    found = {
        pointed.groups()
        for path in SOURCE.rglob("*.py")
        for pointed in _POINTER.finditer(path.read_text("utf-8"))
    }
    assert found, "the source points to no page at all"
    for path, heading in found:
        assert path in pages(), f"the source points to {path}"
        assert heading is None or heading in page(path).headings(), f"{path} has no {heading!r}"


def test_a_broken_name_is_found() -> None:
    """The checks above can fail: a name that does not exist is one, and is not there."""
    assert is_dotted("domain.due.Reason")
    assert is_path("scheduler/tick.py")
    assert not is_dotted("os.environ")
    assert not is_path(str(PurePosixPath("tests/unit")))
    with pytest.raises(LookupError):
        resolved("domain.due.NoSuchThing")
    with pytest.raises(LookupError):
        resolved("domain.no_such_module")
