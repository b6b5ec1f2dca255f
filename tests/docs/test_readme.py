"""The README shows what `make demo` really prints, and tells of the sites that take part."""

import re

from docs.page import page
from firstry.sim.demo_cast import ROLES

README = page("README.md")


def _shown() -> str:
    """Return the block below the comment that says what it is."""
    [block] = [block for block in README.blocks() if block.language == "text"]
    above = README.lines[block.line - 2]
    assert above == "<!-- The output of `make demo`, as it was printed. -->"
    return block.text


def test_the_output_ends_with_every_report_verified() -> None:
    *_, last = _shown().splitlines()
    found = re.fullmatch(r"(\d+) of (\d+) reports verified", last)
    assert found is not None
    assert found[1] == found[2] == str(2 * len(ROLES))


def test_the_output_shows_the_cast_of_today() -> None:
    shown = re.findall(r"^  (\w+) {2,}(\S.*)$", _shown().split("the day")[0], re.MULTILINE)
    cast = [(role.name, role.sentence) for role in ROLES]
    assert [line for line in shown if line[0] != "firstry"] == cast


def test_every_site_that_the_text_tells_of_takes_part() -> None:
    text = README.text.split("## What you just saw")[1].split("## ")[0]
    told = set(re.findall(r"`([a-z]+)`", text))
    assert told <= {role.name for role in ROLES}
    assert told
