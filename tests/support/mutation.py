"""Small faults in a module, one at a time, for tests to notice (T13).

A mutant is the text of the module with one expression changed; everything else
stays byte for byte. The faults are those that a hand slips into a rule: a
condition forgotten or turned round, a limit off by one, the wrong end of two.
Assertions for the type checker, annotations and texts are left alone.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "operand", "and-or", "comparison", "negation", "guard", "number", "yes-no", "ends", "sign"
]
GUARDS = frozenset({"operand", "and-or", "comparison", "negation", "guard"})
"""The kinds that break a condition; of the domain's none may survive."""

Change = tuple[Kind, str]
Span = tuple[int, int, str]
_OTHER: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_OTHER_END = {"min": "max", "max": "min", "any": "all", "all": "any"}
_LEFT_ALONE = ("annotation", "returns", "decorator_list", "bases")
_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Leaving = ast.Return | ast.Raise | ast.Continue | ast.Break


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one file. `place` is the outermost function or method, or empty.

    `start` and `end` count bytes of the file.
    """

    path: str
    line: int
    place: str
    kind: Kind
    before: str
    after: str
    start: int
    end: int

    @property
    def is_guard(self) -> bool:
        """Whether it breaks a condition of the domain."""
        return self.kind in GUARDS and self.path.startswith("domain/")

    @property
    def change(self) -> str:
        """What was changed, on one line."""
        return f"{self.before} -> {self.after}"

    def text(self, source: str) -> str:
        """Return `source` with the change in it."""
        content = source.encode()
        return (content[: self.start] + f"({self.after})".encode() + content[self.end :]).decode()


def mutants_of(path: str, source: str) -> Iterator[Mutant]:
    """Yield every mutant of one module, outer expressions before inner ones."""
    begins = [0]
    for line in source.encode().splitlines(keepends=True):
        begins.append(begins[-1] + len(line))
    tree, spans = ast.parse(source), spans_of(source)
    tests = _tests(tree)
    found: set[tuple[int, int, str]] = set()
    for node in _expressions(tree):
        start = begins[node.lineno - 1] + node.col_offset
        end = begins[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        for kind, after in _changes(node, tests.get(id(node))):
            if (start, end, after) not in found:
                found.add((start, end, after))
                place = place_of(node.lineno, spans)
                yield Mutant(path, node.lineno, place, kind, ast.unparse(node), after, start, end)


def spans_of(source: str) -> list[Span]:
    """Return first line, last line and name of each outermost function or method."""
    return list(_spans(ast.parse(source), ""))


def place_of(line: int, spans: list[Span]) -> str:
    """Return the function around a line, empty outside of all."""
    return next((name for first, last, name in spans if first <= line <= last), "")


def _spans(tree: ast.AST, prefix: str) -> Iterator[Span]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, _Function):
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            yield first, node.end_lineno or node.lineno, prefix + node.name
        elif isinstance(node, ast.ClassDef):
            yield from _spans(node, f"{prefix}{node.name}.")


def _expressions(node: ast.AST) -> Iterator[ast.expr]:
    """Yield each expression that may be changed."""
    if isinstance(node, ast.Assert | ast.JoinedStr):
        return
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    if isinstance(node, ast.expr):
        yield node
    for name, child in ast.iter_fields(node):
        if name not in _LEFT_ALONE:
            for each in child if isinstance(child, list) else [child]:
                if isinstance(each, ast.AST):
                    yield from _expressions(each)


def _tests(tree: ast.AST) -> dict[int, bool]:
    """Return what decides over a branch, by identity: True where the branch leaves early."""
    found: dict[int, bool] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.If):
            found[id(node.test)] = isinstance(node.body[-1], _Leaving) and not node.orelse
        elif isinstance(node, ast.While | ast.IfExp):
            found[id(node.test)] = False
        elif isinstance(node, ast.comprehension):
            found |= {id(each): False for each in node.ifs}
    return found


def _changes(node: ast.expr, leaves: bool | None) -> Iterator[Change]:
    """Yield what may be put in the place of `node`; `leaves` is None where it is no test."""
    if leaves:
        yield "guard", "False"
    if leaves is not None and isinstance(node, ast.Call | ast.Name | ast.Attribute):
        yield "negation", f"not {ast.unparse(node)}"
    if isinstance(node, ast.BoolOp):
        yield from _weaker(node)
    elif isinstance(node, ast.Compare):
        for place, operator in enumerate(node.ops):
            ops = list(node.ops)
            ops[place] = _OTHER[type(operator)]()
            yield "comparison", ast.unparse(ast.Compare(node.left, ops, node.comparators))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "negation", ast.unparse(node.operand)
    elif isinstance(node, ast.Constant):
        yield from _neighbours(node.value)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        if other := _OTHER_END.get(node.func.id):
            yield "ends", ast.unparse(ast.Call(ast.Name(other), node.args, node.keywords))
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        other_sign = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
        if not (_is_text(node.left) or _is_text(node.right)):
            yield "sign", ast.unparse(ast.BinOp(node.left, other_sign, node.right))


def _weaker(node: ast.BoolOp) -> Iterator[Change]:
    for place in range(len(node.values)):
        left = node.values[:place] + node.values[place + 1 :]
        yield "operand", ast.unparse(left[0] if len(left) == 1 else ast.BoolOp(node.op, left))
    other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    yield "and-or", ast.unparse(ast.BoolOp(other, node.values))


def _neighbours(value: object) -> Iterator[Change]:
    if isinstance(value, bool):
        yield "yes-no", str(not value)
    elif isinstance(value, int | float):
        yield "number", repr(value + 1)
        yield "number", repr(value - 1)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
