"""What the console loads into a browser is what its list says, and comes along in the package."""

import hashlib
import re
from importlib import resources

from firstry.web.console.render import MEDIA_TYPES

STATIC = resources.files("firstry.web.console") / "static"
_ROW = re.compile(r"^\| `([^`]+)` \|.*\| `([0-9a-f]{64})` \|$", re.MULTILINE)


def test_a_file_of_others_is_the_one_that_is_listed() -> None:
    listed = dict(_ROW.findall((STATIC / "README.md").read_text("utf-8")))
    assert set(listed) == {"htmx.min.js"}
    for name, digest in listed.items():
        assert hashlib.sha256((STATIC / name).read_bytes()).hexdigest() == digest


def test_every_file_is_served_and_every_served_file_is_there() -> None:
    found = {path.name for path in STATIC.iterdir()} - {"README.md"}
    assert found == set(MEDIA_TYPES)


def test_ours_hold_nothing_from_elsewhere() -> None:
    for name in ("console.css", "console.js"):
        text = (STATIC / name).read_text("utf-8")
        assert "http:" not in text
        assert "https:" not in text
        assert "@import" not in text
        assert "eval" not in text
        assert "innerHTML" not in text
