"""The dump's reader: one object, entry by entry, and where it is broken."""

import io
import json
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstry.domain.errors import InputInvalid
from firstry.lifecycle.import_dump import CHUNK_BYTES, LONGEST_ENTRY, entries
from firstry.lifecycle.import_spool import Row, Spool


class Drips(io.RawIOBase):
    """A file that gives few bytes at a time."""

    def __init__(self, content: bytes, step: int) -> None:
        self._content, self._step = content, step

    def read(self, size: int = -1) -> bytes:
        given, self._content = self._content[: self._step], self._content[self._step :]
        return given


class Endless(io.RawIOBase):
    """A file that is made while it is read, and never ends on its own."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def read(self, size: int = -1) -> bytes:
        return next(self._pieces, b"")


def read(content: bytes) -> list[tuple[int, str, Any]]:
    return list(entries(io.BytesIO(content)))


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(
    content=st.dictionaries(st.text(), values, max_size=6),
    step=st.integers(1, 9),
    indent=st.sampled_from([None, 0, 2]),
    is_ascii=st.booleans(),
)
def test_it_reads_what_any_encoder_writes_however_it_is_cut(
    content: dict[str, Any], step: int, indent: int | None, is_ascii: bool
) -> None:
    text = json.dumps(content, indent=indent, ensure_ascii=is_ascii) + "\n "
    whole = text.encode("utf-8", "surrogatepass")
    try:
        whole.decode()
    except UnicodeDecodeError:
        with pytest.raises(InputInvalid, match="UTF-8"):
            list(entries(Drips(whole, step)))  # type: ignore[arg-type]
        return
    found = list(entries(Drips(whole, step)))  # type: ignore[arg-type]
    assert {key: value for _, key, value in found} == content
    assert len(found) == len(content)
    for place, key, _ in found:
        assert json.JSONDecoder().raw_decode(text[place:].lstrip())[0] == key


def test_a_mark_of_the_byte_order_is_passed_over() -> None:
    assert read(b'\xef\xbb\xbf{"a": 1}') == [(2, "a", 1)]


DEEP = "[" * 200_000 + "]" * 200_000


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("", 0),
        ("   ", 3),
        ("[]", 0),
        ('"text"', 0),
        ("null", 0),
        ("x", 0),
        ("{", 1),
        ('{"a"', 1),
        ('{"a":', 1),
        ('{"a": 1', 1),
        ('{"a": tru', 6),
        ('{"a": tru}', 6),
        ('{"a": 1,}', 8),
        ('{"a": 1 "b": 2}', 1),
        ('{"a": 1, "b" 2}', 8),
        ("{'a': 1}", 1),
        ('{"a": 1}}', 8),
        ('{"a": 1} {"b": 2}', 9),
        ('{"a": NaN}', 1),
        ('{"a": -Infinity}', 1),
        ('{"a": 1e999}', 1),
        ('{"a": ' + "9" * 41 + "}", 1),
        ('{"a": 0.' + "9" * 5000 + "}", 1),
        ('{"a": {"b": 1, "b": 2}}', 1),
        ('{"ok": 1, "a": [{"b": 1, "b": 2}]}', 9),
        ('{"a": ' + DEEP + "}", 1),
        ('{"a": "' + "x" * LONGEST_ENTRY + '"}', 1),
        ('{"a": "\x01"}', 7),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_broken_is_named_with_its_place(content: str, place: int) -> None:
    with pytest.raises(InputInvalid, match=rf"at character {place}:.*nothing was imported"):
        read(content.encode())


def test_text_that_is_not_utf_8_is_named_with_its_place() -> None:
    with pytest.raises(InputInvalid, match="byte 8"):
        read(b'{"a": "b\xff"}')


def test_an_object_far_over_a_window_is_read() -> None:
    many = {f"key-{number}": {"value": "x" * 50} for number in range(3 * CHUNK_BYTES // 60)}
    found = read(json.dumps(many).encode())
    assert {key: value for _, key, value in found} == many


def _peak(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_is_bounded_by_the_longest_entry_and_not_by_the_file() -> None:
    def pieces(count: int) -> Iterator[bytes]:
        yield b'{"first": 1'
        for number in range(count):
            yield b', "key-%d": "%s"' % (number, b"x" * 1000)
        yield b"}"

    def count(number: int) -> int:
        found = entries(Endless(pieces(number)))  # type: ignore[arg-type]
        return sum(1 for _ in found)

    assert count(10) == 11
    assert _peak(lambda: count(20_000)) < 4 * CHUNK_BYTES


@given(
    names=st.lists(st.integers(0, 20), max_size=200),
    run_rows=st.integers(1, 50),
)
def test_a_spool_brings_together_what_lies_apart(names: list[int], run_rows: int) -> None:
    with Spool(run_rows) as spool:
        for place, name in enumerate(names):
            spool.add(Row(f"site-{name:02}", place, place, [["d", "AUTO_12H", name]]))
        for _ in range(2):
            found = [(name, [row[2] for row in rows]) for name, rows in spool.groups()]
            assert [name for name, _ in found] == sorted({f"site-{name:02}" for name in names})
            assert sorted(place for _, places in found for place in places) == list(
                range(len(names))
            )
            assert all(names[place] == int(name[-2:]) for name, places in found for place in places)
        spool.refuse_repeats()


@pytest.mark.parametrize("run_rows", [1, 2, 100])
def test_a_key_that_comes_twice_is_refused(run_rows: int) -> None:
    with Spool(run_rows) as spool:
        for place, entry in enumerate((11, 12, 13, 11)):
            spool.add(Row("site", entry, place, []))
        with pytest.raises(InputInvalid, match="characters 0 and 3"):
            spool.refuse_repeats()
