"""Why an operator does something: one line, kept in the ledger for ever."""

from firstry.domain.errors import InputInvalid

LONGEST = 500


def parse_reason(text: str) -> str:
    """Return a reason that says something, or raise InputInvalid."""
    reason = text.strip()
    if not 0 < len(reason) <= LONGEST or not reason.isprintable():
        raise InputInvalid(
            f"a reason is one line of 1 to {LONGEST} characters", "for example: support case 17"
        )
    return reason
