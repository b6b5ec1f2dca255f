"""Every threat of docs/threat-model.md is answered by a test, or says that it is not."""

import re

from docs.page import page

PAGE = "docs/threat-model.md"
KINDS = (
    *("Spoofing", "Tampering", "Repudiation", "Information disclosure"),
    *("Denial of service", "Elevation of privilege"),
)


def test_every_threat_names_what_holds_and_a_test_that_shows_it() -> None:
    tables = [table for table in page(PAGE).tables() if table.header[0] == "threat"]
    assert [table.heading for table in tables] == list(KINDS)
    for table in tables:
        assert table.header == ("threat", "what holds", "shown by")
        for threat, holds, shown in table.rows:
            assert holds, threat
            assert re.search(r"`tests/[\w/]+\.py::\w+`", shown), f"{threat}: no test shows it"


def test_what_is_not_covered_is_told() -> None:
    assert "What is not covered" in page(PAGE).headings()
