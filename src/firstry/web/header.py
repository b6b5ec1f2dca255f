"""Headers that answers of more than one door carry."""

from collections.abc import Mapping

NEVER_STORED: Mapping[str, str] = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
}
"""Of an answer that is for one caller: nobody keeps it, and it is what it says it is."""
