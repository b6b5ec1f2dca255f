"""Where files are written and read: hostile neighbours, odd places, and folders past the limit."""

import os
from pathlib import Path

import pytest

from firstry.domain.errors import Conflict, InputInvalid
from firstry.exports.file import write_whole
from firstry.exports.folder import MOST_FILES
from support.report import signed, written
from support.verifying import verify


def test_nothing_is_written_through_a_link_that_somebody_has_laid(tmp_path: Path) -> None:
    """The name of a file that is being written can be guessed by who shares the folder."""
    other = tmp_path / "other"
    other.write_text("precious")
    (tmp_path / f".x.json.{os.getpid()}.partial").symlink_to(other)
    write_whole([(tmp_path / "x.json", b"whole")])
    assert other.read_text() == "precious"
    assert (tmp_path / "x.json").read_bytes() == b"whole"
    assert not (tmp_path / "x.json").is_symlink()


def test_a_folder_under_the_name_of_a_report_leaves_no_envelope_alone(tmp_path: Path) -> None:
    (tmp_path / "x.json").mkdir()
    files = [(tmp_path / "x.json.dsse", b"1"), (tmp_path / "x.json", b"2")]
    with pytest.raises(InputInvalid, match="Is a directory"):
        write_whole(files)
    assert [each.name for each in tmp_path.iterdir()] == ["x.json"]


def test_what_is_no_file_is_not_replaced_in_a_folder(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.json")
    with pytest.raises(Conflict):
        write_whole([(tmp_path / "x.json", b"1")], may_replace=False)
    assert (tmp_path / "x.json").is_fifo()


def test_no_file_of_a_folder_is_left_out_unsaid(folder: Path, keys: Path) -> None:
    """Behind the limit there may be one that does not verify."""
    written(signed(), folder)
    for number in range(MOST_FILES):
        os.mknod(folder / f"{number}")
    ran = verify(folder, "--key", keys, "--json")
    assert (ran.code, ran.error["code"]) == (2, "INPUT_INVALID")
    assert "more than 100,000 files" in ran.error["message"]


def test_a_key_file_cannot_speak_to_the_terminal(folder: Path, tmp_path: Path) -> None:
    """What it says wrong is told by its number where it would act."""
    key = tmp_path / "keys.json"
    key.write_text('{"keys": [], "\\u001b]0;owned\\u0007\\u202e": 1}')
    ran = verify(written(signed(), folder), "--key", key)
    assert ran.code == 2
    assert "\\u001b]0;owned\\u0007\\u202e: is no key of the schema" in ran.err
    assert ran.err.isascii()
    assert "\x1b" not in ran.err
