"""How text from outside is shown: everything visible, nothing that acts.

Control characters, direction marks and other invisible code points can hide or
reorder what stands beside them, also where HTML is escaped. They are written
out by their number; text that nobody would read to its end is cut, and says so.
"""

import unicodedata

LONGEST = 500
_SHOWN_SPACES = frozenset(" \u3000")
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})


def displayed(text: str, longest: int = LONGEST) -> str:
    """Return `text` fit for a page: one line, no invisible characters, at most `longest` long.

    >>> displayed("a\\u202eb\\x00")
    'a\\\\u202eb\\\\u0000'
    """
    kept = text[:longest]
    shown = kept if kept.isprintable() else "".join(map(_character, kept))
    cut = len(text) - longest
    return f"{shown}... ({cut} more characters)" if cut > 0 else shown


def _character(character: str) -> str:
    if character in _SHOWN_SPACES or unicodedata.category(character) not in _INVISIBLE:
        return character
    number = ord(character)
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"


def counted(count: int, one: str, many: str) -> str:
    """Return a number with what it counts.

    >>> counted(1, "report is late", "reports are late")
    '1 report is late'
    """
    return f"{count} {one if count == 1 else many}"
