"""One measured goal: ours, what it is held against, and the ratio."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Row:
    """`ours` and `theirs` are medians in `unit`; a goal says what the ratio is to be."""

    goal: str
    what: str
    unit: str
    ours: float
    against: str
    theirs: float
    wanted: str

    @staticmethod
    def heading() -> str:
        """Return the line above the rows."""
        return (
            f"{'goal':<8}{'what':<52}{'ours':>12}  {'held against':<34}{'theirs':>12}"
            f"{'ratio':>8}  goal"
        )

    def line(self) -> str:
        """Return the row as text."""
        ratio = f"{self.ours / self.theirs:.2f}" if self.theirs else "-"
        theirs = f"{self.theirs:,.4g}" if self.theirs else "-"
        return (
            f"{self.goal:<8}{self.what + ', ' + self.unit:<52}{self.ours:>12,.4g}  "
            f"{self.against:<34}{theirs:>12}{ratio:>8}  {self.wanted}"
        )


def in_turn(ours: Callable[[], float], theirs: Callable[[], float]) -> tuple[float, float]:
    """Return the medians of both, measured A B A B."""
    pairs = [(ours(), theirs()) for _ in range(ROUNDS)]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


def per_second(count: int, work: Callable[[], object]) -> float:
    """Return how many of `count` pieces of work are done in a second."""
    began = time.perf_counter()
    work()
    return count / (time.perf_counter() - began)
