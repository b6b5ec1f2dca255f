"""Errors: each has a code of its own, and says whether the same call can succeed later."""

from firstry.domain import errors
from firstry.domain.errors import FirstryError

KINDS = [each for each in vars(errors).values() if isinstance(each, type)]
OURS = [each for each in KINDS if issubclass(each, FirstryError)]


def test_only_what_another_service_is_to_blame_for_can_succeed_later() -> None:
    """Without anybody changing anything: a store, a key set or a token that comes back."""
    assert {each.__name__ for each in OURS if each.retryable} == {
        "CommitUnknown",
        "KeySetUnavailable",
        "StoreUnavailable",
        "TokenUnavailable",
    }


def test_every_kind_has_its_own_code() -> None:
    codes = [each.code for each in OURS]
    assert len(set(codes)) == len(codes)


def test_an_error_carries_its_words_and_what_to_do() -> None:
    error = FirstryError("it is full", "make room")
    assert (str(error), error.message, error.remedy) == ("it is full", "it is full", "make room")
    assert FirstryError("it is full").remedy == ""
