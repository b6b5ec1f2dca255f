"""Mutants that change nothing anybody could see, each with the reason, checked by hand."""

_LEASE = "a claimed milestone has a lease and no other has one: the schema holds the two together"
_CRASHED = "milestone.state is not State.CLAIMED or milestone.lease_until is None"
_MISSING = "record is None or milestone is None"
_SETTLED = "milestone.settled_fence == held.fence and milestone.settled_as is not None"
_IS_CLAIMED = "self.state is State.CLAIMED and "
_LEASED = f"{_IS_CLAIMED}self.lease_until is not None and (now < self.lease_until)"
_NO_NEWS = "change.after is None and kept is None and (not _is_note_old(record, now))"
_CHANGES = (
    ("crash_noted", f"{_CRASHED} -> milestone.lease_until is None", _LEASE),
    ("crash_noted", f"{_CRASHED} -> milestone.state is not State.CLAIMED", _LEASE),
    ("crash_noted", f"{_CRASHED} -> {_CRASHED.replace(' or ', ' and ')}", _LEASE),
    (
        "settle",
        f"{_MISSING} -> milestone is None",
        "without a record there is no milestone either; the first half tells the type checker",
    ),
    (
        "settle",
        f"{_SETTLED} -> milestone.settled_fence == held.fence",
        "fence and act of the last settle are written together, and a claim's fence is a number",
    ),
    (
        "switched_on",
        "not off -> False",
        "a short cut: with nothing off the choice leaves out nothing",
    ),
    (
        "end_of",
        "not milestone.is_live() -> False",
        "both ends below ask for a live milestone themselves; it is answered sooner here",
    ),
    (
        "Milestone.is_leased",
        f"{_LEASED} -> self.lease_until is not None and now < self.lease_until",
        _LEASE,
    ),
    ("Milestone.is_leased", f"{_LEASED} -> {_IS_CLAIMED}now < self.lease_until", _LEASE),
    (
        "wake",
        f"{_NO_NEWS} -> {_NO_NEWS.partition(' and ')[2]}",
        "a change that has something to write, and no token, is made again as it was",
    ),
    (
        "wake_unclaimed",
        "record is None -> False",
        "without a record nothing is claimed; it tells the type checker",
    ),
)
_FILES = {
    "Milestone.is_leased": "domain/milestone.py",
    "wake": "domain/wake.py",
    "wake_unclaimed": "domain/wake.py",
    "crash_noted": "domain/claim.py",
    "settle": "domain/settle.py",
    "switched_on": "domain/due.py",
    "end_of": "domain/due.py",
}
EQUIVALENT = {(_FILES[place], place, change): why for place, change, why in _CHANGES}
"""(file, function, change) -> why no test can tell it from the rule."""
