"""One thing that `firstry doctor` wants mended."""

from dataclasses import dataclass

from firstry.domain.errors import FirstryError


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, and the command or the place that mends it."""

    code: str
    message: str
    remedy: str


def finding_of(error: FirstryError) -> Finding:
    """Return an error as a finding."""
    return Finding(error.code, error.message, error.remedy)
