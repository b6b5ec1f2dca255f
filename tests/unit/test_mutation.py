"""The faults that `tests/mutate.py` makes: which, where, and nothing else."""

from pathlib import Path

from support.mutation import Mutant, mutants_of
from support.mutation_run import Known

SOURCE = '''"""A rule: 1 < 2."""

class Rule:
    limit: int = 3

    def holds(self, at: int, end: int | None) -> bool:
        assert at != 7
        if end is None or at < 0:
            return False
        return min(at + 1, self.limit) == end
'''


def _mutants() -> list[Mutant]:
    return list(mutants_of("domain/rule.py", SOURCE))


def test_each_fault_is_made_once() -> None:
    limits = [m.change for m in _mutants() if not m.place]
    assert limits == ["3 -> 4", "3 -> 2"]
    test = "end is None or at < 0"
    assert [(m.kind, m.change) for m in _mutants() if m.place] == [
        ("guard", f"{test} -> False"),
        ("operand", f"{test} -> at < 0"),
        ("operand", f"{test} -> end is None"),
        ("and-or", f"{test} -> end is None and at < 0"),
        ("comparison", "end is None -> end is not None"),
        ("comparison", "at < 0 -> at <= 0"),
        ("number", "0 -> 1"),
        ("number", "0 -> -1"),
        ("yes-no", "False -> True"),
        ("comparison", "min(at + 1, self.limit) == end -> min(at + 1, self.limit) != end"),
        ("ends", "min(at + 1, self.limit) -> max(at + 1, self.limit)"),
        ("sign", "at + 1 -> at - 1"),
        ("number", "1 -> 2"),
        ("number", "1 -> 0"),
    ]


def test_a_mutant_differs_from_its_source_in_one_place() -> None:
    for mutant in _mutants():
        changed = mutant.text(SOURCE)
        compile(changed, "rule.py", "exec")
        lines = zip(SOURCE.splitlines(), changed.splitlines(), strict=True)
        assert [n for n, (old, new) in enumerate(lines, 1) if old != new] == [mutant.line]


def test_it_knows_its_function_and_whether_it_breaks_a_guard() -> None:
    assert {mutant.place for mutant in _mutants()} == {"", "Rule.holds"}
    assert {mutant.kind for mutant in _mutants() if mutant.is_guard} == {
        "guard",
        "operand",
        "and-or",
        "comparison",
    }


def test_a_rule_meets_the_tests_that_enter_it_and_a_constant_all_those_of_its_file_first(
    tmp_path: Path,
) -> None:
    (tmp_path / "domain").mkdir()
    (tmp_path / "domain/rule.py").write_text(SOURCE)
    line = 1 + SOURCE.splitlines().index("    def holds(self, at: int, end: int | None) -> bool:")
    enters = {"passed": True, "seconds": 0.2, "entered": [["domain/rule.py", line]]}
    passes_by = {"passed": True, "seconds": 0.1, "entered": []}
    known = Known({"a.py::enters": enters, "b.py::passes_by": passes_by}, tmp_path)
    for mutant in _mutants():
        met = known.of(mutant)
        assert met[0] == ["a.py::enters"]
        assert met[1:] == ([] if mutant.place else [["b.py::passes_by"]])
