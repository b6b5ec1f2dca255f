"""One bounded HTTP request to somebody whom the settings name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Fetched:
    """A whole answer. Its body may hold a token, so it never shows."""

    status: int
    body: bytes = field(repr=False)


class FetchFailed(Exception):
    """No whole answer arrived; the text says in one word why."""


class Fetch(Protocol):
    """Sends one request. Nothing is followed and nothing is kept."""

    def __call__(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout_seconds: float,
        max_bytes: int,
    ) -> Fetched:
        """Return the whole answer within the time and the size, or raise FetchFailed."""
        ...
