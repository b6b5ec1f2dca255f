"""Read one large JSON object entry by entry, in little memory.

Only a window of the text is held: an entry is parsed where it lies whole in the
window, its following comma or brace included, else more is read. So memory is
bounded by the longest entry that is allowed, not by the file.
"""

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO, NoReturn

from firstry.domain.errors import InputInvalid

CHUNK_BYTES = 1 << 18
LONGEST_ENTRY = 1 << 20
"""Characters of a key with its value. The platform keeps values below 240 KiB."""
LONGEST_NUMBER = 40
_TOO_LONG = f"no entry begins there, or it is over {LONGEST_ENTRY} characters"

_KEY = re.compile(r'[ \t\r\n]*("[^"\\\x00-\x1f]*")[ \t\r\n]*:[ \t\r\n]*')
_KEY_WITH_ESCAPES = re.compile(r'[ \t\r\n]*("(?:[^"\\\x00-\x1f]|\\.)*")[ \t\r\n]*:[ \t\r\n]*')
_END = re.compile(r"[ \t\r\n]*([,}])")
_SPACE = re.compile(r"[ \t\r\n]*")


def entries(file: BinaryIO) -> Iterator[tuple[int, str, Any]]:
    """Yield place, key and value of each entry of the object that `file` holds.

    The place is the number of characters before the entry. Raises InputInvalid
    with the place where the file is not one JSON object in UTF-8, where an object
    inside it names a key twice, and where a number or an entry is too long.
    """
    window = _Window(file)
    if window.first() != "{":
        _refuse(window.place, "the file must be one JSON object")
    window.move(1)
    if window.first() == "}":
        window.move(1)
    else:
        yield from _members(window)
    if window.first():
        _refuse(window.place, "nothing may follow the object")


def _members(window: "_Window") -> Iterator[tuple[int, str, Any]]:
    """Yield the entries up to the closing brace, and move the window behind it."""
    at = 0
    while True:
        try:
            key, value, end, last = _member(window.text, at)
        except (_Short, ValueError, RecursionError) as error:
            window.move(at)
            if len(window.text) > LONGEST_ENTRY or not window.extend():
                _refuse_entry(window, error, at)
            at = 0
            continue
        if end - at > LONGEST_ENTRY:
            _refuse(window.place + at, _TOO_LONG)
        yield window.place + at, key, value
        at = end
        if last == "}":
            window.move(at)
            return


class _Short(Exception):
    """The entry is not whole in the text."""


def _member(text: str, at: int) -> tuple[str, Any, int, str]:
    found = _KEY.match(text, at)
    if found is not None:
        key = found[1][1:-1]
    else:
        found = _KEY_WITH_ESCAPES.match(text, at)
        if found is None:
            raise _Short
        key = json.loads(found[1])
    value, end = _decode(text, found.end())
    ended = _END.match(text, end)
    if ended is None:
        raise _Short
    return key, value, ended.end(), ended[1]


class _Window:
    """A part of the file as text. `place` is how many characters lie before it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8")("strict")
        self._bytes_read = 0
        self.text = ""
        self.place = 0
        self.extend()
        if self.text.startswith("\ufeff"):
            self.move(1)

    def extend(self) -> bool:
        """Read more; return whether there was any."""
        while content := self._file.read(max(CHUNK_BYTES, len(self.text))):
            more = self._decoded(content)
            self._bytes_read += len(content)
            if more:
                self.text += more
                return True
        self._decoded(b"", final=True)
        return False

    def move(self, characters: int) -> None:
        """Forget the text before a place in the window."""
        self.text = self.text[characters:]
        self.place += characters

    def first(self) -> str:
        """Move to the next character that is no space, and return it; "" at the end."""
        while True:
            spaces = _SPACE.match(self.text)
            self.move(spaces.end() if spaces else 0)
            if self.text or not self.extend():
                return self.text[:1]

    def _decoded(self, content: bytes, *, final: bool = False) -> str:
        try:
            return self._decoder.decode(content, final)
        except UnicodeDecodeError as error:
            raise InputInvalid(
                f"the file is not UTF-8 text at or before byte {self._bytes_read + error.start}",
                "import a dump as UTF-8 JSON",
            ) from None


def _refuse_entry(window: _Window, error: Exception, moved: int) -> NoReturn:
    """Refuse the entry at the begin of the window, which was moved since `error` was met."""
    is_long = len(window.text) > LONGEST_ENTRY
    if isinstance(error, json.JSONDecodeError) and error.pos - moved < len(window.text):
        _refuse(window.place + error.pos - moved, f"it is no JSON there: {error.msg}")
    if isinstance(error, RecursionError):
        _refuse(window.place, "a value is nested too deeply")
    if isinstance(error, ValueError) and not isinstance(error, json.JSONDecodeError):
        _refuse(window.place, str(error))
    if is_long:
        _refuse(window.place, _TOO_LONG)
    _refuse(window.place, "the entry that begins there is broken or cut off")


def _refuse(place: int, what: str) -> NoReturn:
    raise InputInvalid(
        f"the dump cannot be read at character {place}: {what}; nothing was imported",
        "import one JSON object {storage key: value}, as dumped",
    )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("an object inside it names a key twice")
    return content


def _float(text: str) -> float:
    number = float(text)
    if len(text) > LONGEST_NUMBER or number in (float("inf"), float("-inf")):
        raise ValueError("a number is too large or too long")
    return number


def _int(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise ValueError("a number is too large or too long")
    return int(text)


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_decode = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_float, parse_int=_int, parse_constant=_constant
).raw_decode
