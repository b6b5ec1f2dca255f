"""docs/cli-reference.md is what the commands say of themselves today."""

from docs.cli_reference import FILE, reference


def test_the_reference_is_up_to_date() -> None:
    """`python tests/docs/cli_reference.py` writes it anew."""
    assert FILE.read_text("utf-8") == reference()
