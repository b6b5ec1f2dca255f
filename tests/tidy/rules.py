"""The house rules that a syntax tree can show. Each is one function of (path, tree).

`path` is the file's path from the root of the repository, with slashes; every
rule decides by it whether it applies. What a rule allows stands in the constants
right below: a new exception is one line there, and is seen in review.
"""

import ast
import itertools
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

FUNCTION_LINES = 60
BANNED_WORDS = frozenset(
    {"util", "utils", "common", "helper", "helpers", "misc", "data", "info"}
    | {"manager", "managers", "handler", "handlers"}
)
BANNED_PREFIXES = ("do_", "process_")

CLOCKS = frozenset({"src/firstry/stores/clock.py"})
"""Modules that may read the time of the machine: the adapters behind `ports.clock`."""

BROAD_EXCEPTS = {
    "src/firstry/scheduler/attempt.py": 1,
    "src/firstry/scheduler/settler.py": 1,
    "src/firstry/ports/telemetry.py": 1,
    "src/firstry/cli/main.py": 1,
    "src/firstry/sim/world_loop.py": 1,
    "src/firstry/sim/world_task.py": 1,
}
"""How many `except Exception` a module may hold: one where an attempt meets the unexpected,
one where a thread beside the work of the service does, which is to tell it and to look again;
one at the door of the process, which has to exit with a code and without a stack; and where
futures, of the settler and of the simulation's tasks, hand on whatever their work raised."""

COMPOSED_SQL = frozenset(
    {
        "src/firstry/stores/sql/postgres/statement.py",
        "src/firstry/stores/sql/postgres/migration.py",
    }
)
"""Where functions put statements together: once, from constants of the same module; and in an
upgrade, where a role's name cannot be bound and psycopg quotes it."""

SETTINGS = frozenset({"src/firstry/config.py"})
"""Modules that may read the environment."""

LIBRARY_NAMES = frozenset({"call_exception_handler", "handle_data"})
"""Methods that asyncio and html.parser call by these names."""
TENANT = "src/firstry/domain/tenant.py"
PUBLIC_FACES = frozenset({"src/firstry/__init__.py"})
DOMAIN_PACKAGES = sys.stdlib_module_names | {"firstry", "rfc8785"}


@dataclass(frozen=True, slots=True)
class Finding:
    """A line that breaks a rule, and what to do about it."""

    path: str
    line: int
    advice: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.advice}"


Rule = Callable[[str, ast.Module], Iterator[Finding]]
_Function = ast.FunctionDef | ast.AsyncFunctionDef
_BROAD = frozenset({"Exception", "BaseException"})


def short_functions(path: str, tree: ast.Module) -> Iterator[Finding]:
    """Refuse a function that does not fit on one screen."""
    for node in ast.walk(tree):
        if isinstance(node, _Function):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES:
                yield Finding(
                    path,
                    node.lineno,
                    f"{node.name} has {lines} lines; split it at {FUNCTION_LINES} or fewer",
                )


def telling_names(path: str, tree: ast.Module) -> Iterator[Finding]:
    """Refuse names that say nothing. Sentences (`test_...`) and `do_GET` are free, and
    what a library calls by its own name."""
    for part in PurePosixPath(path).with_suffix("").parts:
        if _says_nothing(part):
            yield Finding(path, 1, f"{part!r} says nothing; name the module for what it is")
    for node in ast.walk(tree):
        if isinstance(node, _Function | ast.ClassDef) and _says_nothing(node.name):
            yield Finding(path, node.lineno, f"{node.name!r} says nothing; name what it does or is")


def _says_nothing(name: str) -> bool:
    if name.startswith("test_") or name in LIBRARY_NAMES:
        return False
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().split("_")
    prefixed = (
        name.lstrip("_").startswith(BANNED_PREFIXES) and not name.rpartition("_")[2].isupper()
    )
    return prefixed or not BANNED_WORDS.isdisjoint(words)


def empty_package_files(path: str, tree: ast.Module) -> Iterator[Finding]:
    """Refuse an `__init__.py` with anything but words in it, except for the public face."""
    body = tree.body[1:] if ast.get_docstring(tree) else tree.body
    if path.endswith("__init__.py") and path not in PUBLIC_FACES and body:
        yield Finding(path, body[0].lineno, "leave it empty; import from the module itself")


def module_docstrings(path: str, tree: ast.Module) -> Iterator[Finding]:
    """Refuse a module that does not open with what it is for."""
    if tree.body and not ast.get_docstring(tree):
        yield Finding(path, 1, "open the module with a docstring: what it is for, why it is safe")


def environment_in_one_place(path: str, tree: ast.Module) -> Iterator[Finding]:
    """Refuse reading the environment anywhere but in the settings."""
    if path.startswith("src/") and path not in SETTINGS:
        banned = {"os.environ", "os.environb", "os.getenv", "os.getenvb"}
        for line, name in _uses(tree, banned):
            yield Finding(
                path, line, f"{name}: make it a setting in {min(SETTINGS)} and pass it in"
            )


def time_through_the_port(path: str, tree: ast.Module) -> Iterator[Finding]:
    """Refuse a reading of the machine's clock; `now` is an argument (contract P27)."""
    if path.startswith("src/") and path not in CLOCKS:
        stamps = {f"datetime.datetime.{name}" for name in ("now", "utcnow", "today")}
        banned = stamps | {"datetime.date.today", "time.time", "time.time_ns"}
        for line, name in _uses(tree, banned):
            yield Finding(path, line, f"{name}: take `now` as an argument, or the clock port")


def narrow_excepts(path: str, tree: ast.Module) -> Iterator[Finding]:
    """Refuse to catch everything. A clause that ends by raising again catches nothing."""
    if not path.startswith("src/"):
        return
    broad = [
        node.lineno
        for node in ast.walk(tree)
        if (isinstance(node, ast.ExceptHandler) and _is_broad(node.type) and not _raises(node))
        or (isinstance(node, ast.Call) and _last_name(node.func) == "suppress"
            and any(_is_broad(argument) for argument in node.args))
    ]  # fmt: skip
    for line in broad[BROAD_EXCEPTS.get(path, 0) :]:
        yield Finding(path, line, "name the errors that are expected; let the others rise")


def _is_broad(caught: ast.expr | None) -> bool:
    if isinstance(caught, ast.Tuple):
        return any(_is_broad(element) for element in caught.elts)
    return caught is None or _last_name(caught) in _BROAD


def _raises(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def quiet_modules(path: str, tree: ast.Module) -> Iterator[Finding]:
    """Refuse `print` outside the command line."""
    if path.startswith("src/") and not path.startswith("src/firstry/cli/"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and node.id == "print":
                yield Finding(path, node.lineno, "return the value, or tell telemetry; cli prints")


def constant_sql(path: str, tree: ast.Module) -> Iterator[Finding]:
    """Refuse SQL put together at run time: values are bound, statements are constants.

    A name counts as a statement put together if the same module assigns it one. Where
    the statements live, constants may share named pieces; functions may build nothing.
    """
    if not path.startswith("src/firstry/stores/") or path in COMPOSED_SQL:
        return
    advice = "name the SQL as a constant and bind its values"
    if path.endswith("/statement.py"):
        functions = [node for node in ast.walk(tree) if isinstance(node, _Function)]
        for node in itertools.chain.from_iterable(map(ast.walk, functions)):
            if isinstance(node, ast.expr) and _is_built(node):
                yield Finding(path, node.lineno, advice)
    built = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and _is_built(node.value)
        for target in node.targets
        if isinstance(target, ast.Name) and not target.id.isupper()
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _last_name(node.func).startswith("execute") and node.args:
            statement = node.args[0]
            if _is_built(statement) or (isinstance(statement, ast.Name) and statement.id in built):
                yield Finding(path, node.lineno, advice)


def _is_built(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return _last_name(node.func) in ("format", "format_map", "join", "replace")
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod):
        return isinstance(node.op, ast.Mod) or not (_is_fixed(node.left) and _is_fixed(node.right))
    return isinstance(node, ast.JoinedStr)


def _is_fixed(node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp):
        return not _is_built(node)
    return isinstance(node, ast.Constant) or _last_name(node).isupper()


def tenants_from_named_constructors(path: str, tree: ast.Module) -> Iterator[Finding]:
    """Refuse `Tenant(...)` outside its module: each way in is a named constructor (I9)."""
    if path != TENANT:
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _last_name(node.func) == "Tenant":
                yield Finding(path, node.lineno, f"use a named constructor of Tenant ({TENANT})")


def real_parts_in_tests(path: str, tree: ast.Module) -> Iterator[Finding]:
    """Refuse mocks and patched attributes: tests run the real parts behind the ports."""
    if not path.startswith("tests/"):
        return
    advice = "give the code a real part, or a small one of ours behind the same port"
    for line, name in _imported(tree):
        if re.match(r"(unittest\.)?mock\b|pytest_mock\b", name):
            yield Finding(path, line, f"{name}: {advice}")
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in ("setattr", "delattr"):
            yield Finding(path, node.lineno, f".{node.attr}: {advice}")
        if isinstance(node, ast.arg) and node.arg == "mocker":
            yield Finding(path, node.lineno, f"mocker: {advice}")


def pure_domain(path: str, tree: ast.Module) -> Iterator[Finding]:
    """Refuse foreign packages in the domain. import-linter refuses the I/O modules."""
    if path.startswith("src/firstry/domain/"):
        for line, name in _imported(tree):
            if name.partition(".")[0] not in DOMAIN_PACKAGES:
                yield Finding(path, line, f"{name}: the domain is pure; go through a port")


def _imported(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and dotted name of everything imported; `from a import b` is a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def _last_name(node: ast.expr) -> str:
    """Return `c` for `a.b.c` and for `c`, and nothing for any other expression."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _uses(tree: ast.Module, banned: set[str]) -> Iterator[tuple[int, str]]:
    """Yield where a banned dotted name is imported or used, whatever it is called there."""
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                root = alias.name.partition(".")[0]
                known[alias.asname or root] = alias.name if alias.asname else root
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                known[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    yield from ((line, name) for line, name in _imported(tree) if name in banned)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            first, *rest = ast.unparse(node).split(".")
            name = ".".join([known.get(first, first), *rest])
            if name in banned:
                yield node.lineno, name


RULES: tuple[Rule, ...] = (
    short_functions,
    telling_names,
    empty_package_files,
    module_docstrings,
    environment_in_one_place,
    time_through_the_port,
    narrow_excepts,
    quiet_modules,
    constant_sql,
    tenants_from_named_constructors,
    real_parts_in_tests,
    pure_domain,
)
