"""Mutants that change nothing anybody could see, each with the reason, checked by hand."""

_LEASE = "a claimed milestone has a lease and no other has one: the schema holds the two together"
_CRASHED = "milestone.state is not State.CLAIMED or milestone.lease_until is None"
_MISSING = "record is None or milestone is None"
_SETTLED = "milestone.settled_fence == held.fence and milestone.settled_as is not None"
_IS_CLAIMED = "self.state is State.CLAIMED and "
_LEASED = f"{_IS_CLAIMED}self.lease_until is not None and (now < self.lease_until)"
_NO_NEWS = "change.after is None and kept is None and (not _is_note_old(record, now))"

_ANY_PART = "any((word.lower() in cloud_id.lower() for word in words))"
_DONE_AT = "m.completed_at or m.due_at"
_WAITED = "milestone.state is State.CLAIMED and milestone.lease_until is not None"
_TOLD = "failed is not None and isinstance(error, dict)"
_SLOW_WAY = "it goes the slow way then, which writes the same bytes"
_EXACT = "-_EXACT < value < _EXACT"
_TYPES = "only there for the type checker"

_CHANGES = {
    "domain/canonical.py": (
        ("", "10 -> 11", "whole numbers up to 2**53 are written the same by everybody"),
        ("", "10 -> 9", _SLOW_WAY),
        ("", "15 -> 14", _SLOW_WAY),
        ("_plain", "type(value) is int -> False", _SLOW_WAY),
        ("_plain", f"{_EXACT} -> {_EXACT.replace('<', '<=', 1)}", "10**15 is written the same"),
        ("_plain", f"{_EXACT} -> -_EXACT < value <= _EXACT", "10**15 is written the same"),
        ("_plain", "isinstance(value, str) -> False", _SLOW_WAY),
        ("_plain", "isinstance(value, dict) -> False", _SLOW_WAY),
        ("_plain", "isinstance(value, dict) -> not isinstance(value, dict)", _SLOW_WAY),
        ("_plain", "isinstance(value, list) -> False", _SLOW_WAY),
    ),
    "domain/claim.py": (
        ("crash_noted", f"{_CRASHED} -> milestone.lease_until is None", _LEASE),
        ("crash_noted", f"{_CRASHED} -> milestone.state is not State.CLAIMED", _LEASE),
        ("crash_noted", f"{_CRASHED} -> {_CRASHED.replace(' or ', ' and ')}", _LEASE),
    ),
    "domain/due.py": (
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
    ),
    "domain/display.py": (
        ("_character", "65535 -> 65536", "U+10000 is a letter, and shown as one"),
    ),
    "domain/filter.py": (
        (
            "_is_site",
            f"{_ANY_PART} -> {_ANY_PART.replace('any', 'all', 1)}",
            "a part of a cloudId is one word: the language takes no alternatives there",
        ),
    ),
    "domain/import_value.py": (
        ("Told.add", "0 -> 1", "a fact of attempts counts at least one"),
        ("Told.add", "0 -> -1", "a fact of attempts counts at least one"),
        ("_state", f"{_TOLD} -> failed is not None", f"a failure is of an object; {_TYPES}"),
    ),
    "domain/imported.py": (
        ("_later", "takes_evidence and found is not None -> takes_evidence", _TYPES),
        ("_detail", f"{_DONE_AT} -> m.completed_at", f"what is done has its instant; {_TYPES}"),
    ),
    "domain/milestone.py": (
        (
            "Milestone.is_leased",
            f"{_LEASED} -> self.lease_until is not None and now < self.lease_until",
            _LEASE,
        ),
        ("Milestone.is_leased", f"{_LEASED} -> {_IS_CLAIMED}now < self.lease_until", _LEASE),
    ),
    "domain/phase.py": (
        ("wait_began_at", f"{_WAITED} -> milestone.lease_until is not None", _LEASE),
        ("wait_began_at", f"{_WAITED} -> milestone.state is State.CLAIMED", _LEASE),
        ("wait_began_at", f"{_WAITED} -> {_WAITED.replace(' and ', ' or ')}", _LEASE),
    ),
    "domain/settle.py": (
        (
            "settle",
            f"{_MISSING} -> milestone is None",
            "without a record there is no milestone either; the first half tells the type checker",
        ),
        (
            "settle",
            f"{_SETTLED} -> milestone.settled_fence == held.fence",
            "fence and act of the last settle are written together; a claim's fence is a number",
        ),
    ),
    "domain/tenant.py": (
        ("Tenant.from_claims", "0 -> -1", "all claims are the same there; any of them will do"),
    ),
    "domain/wake.py": (
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
    ),
}
EQUIVALENT = {
    (path, place, change): why
    for path, changes in _CHANGES.items()
    for place, change, why in changes
}
"""(file, function, change) -> why no test can tell it from the rule."""
