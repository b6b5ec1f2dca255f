"""The language guard: what a report never says in words of our own.

A report discloses and does not judge. So no sentence, label or heading of ours
holds advice, change over time, value, scoring or inference, and no key names
them (CONTRACT 5, P36). The site's own names are never looked at: whoever calls
`forbidden_words` hands over our words only.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from firstry.domain.canonical import Json

ADVICE = ("recommend", "should", "suggest", "optimize", "fix", "upgrade", "downgrade")
CHANGE = ("improve", "decline", "trend")
VALUE = (
    *("good", "bad", "best", "worst", "excellent", "poor", "weak", "strong"),
    *("health", "hygiene", "problem"),
)
SCORING = ("score", "benchmark", "ranking", "percentile", "compare")
INFERENCE = ("indicates", "implies", "infer", "insight", "so what")
FORBIDDEN_WORDS = (*ADVICE, *CHANGE, *VALUE, *SCORING, *INFERENCE)

FORBIDDEN_KEYS = frozenset(
    {"transition_count", "execution_count", "trending", "time_series", "hygiene_score"}
    | {"recommendation", "behavior_confidence", "benchmark", "projection", "estimated_impact"}
    | {"score", "ranking", "percentile"}
)

_ENDINGS = r"(?:s|es|d|ed|ing|ments?|ations?|ions?)?"
_STEMS = "|".join(word.replace(" ", r"\s+") for word in FORBIDDEN_WORDS)
_FORBIDDEN = re.compile(rf"\b(?:{_STEMS}){_ENDINGS}\b", re.IGNORECASE)


@lru_cache(maxsize=1024)
def forbidden_words(text: str) -> tuple[str, ...]:
    """Return the words of `text` that a report may not say, whole words in any case.

    >>> forbidden_words("We recommend a fixture; scores improve.")
    ('recommend', 'scores', 'improve')
    """
    return tuple(_FORBIDDEN.findall(text))


def forbidden_keys(value: Json, place: str = "") -> Iterator[str]:
    """Yield the place of every key in `value` that a report may never have."""
    if isinstance(value, dict):
        for key, each in value.items():
            if key in FORBIDDEN_KEYS:
                yield f"{place}/{key}"
            yield from forbidden_keys(each, f"{place}/{key}")
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from forbidden_keys(each, f"{place}/{number}")
