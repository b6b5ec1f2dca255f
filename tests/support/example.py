"""Make docs/examples anew: `.venv/bin/python tests/support/example.py [--demo]`.

With `--demo` a demo is played and some of its reports are taken, with the key that
they were signed with. Without it only the pages are drawn anew, from the signed
reports that are there: what a change of wording or style asks for.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from firstry.domain.canonical import digest_of
from firstry.exports.document import document_of
from firstry.exports.html import render
from firstry.exports.key import FILE_NAME
from firstry.exports.signature import read_envelope

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
TAKEN = (("larch", "AUTO_24H"), ("marlin", "AUTO_12H"), ("pebble", "AUTO_12H"))


def page_of(report: Path) -> str:
    """Return the page of an exported report, as the export would draw it."""
    body = report.read_bytes()
    key_id = read_envelope(report.with_name(f"{report.name}.dsse").read_bytes()).key_id
    return render(document_of(json.loads(body), digest_of(body), key_id, report.name))


def take_from_demo() -> None:
    """Play a demo and copy the reports of `TAKEN`, each into a folder named after its site."""
    with tempfile.TemporaryDirectory() as place:
        program = Path(sys.executable).with_name("firstry")
        ended = subprocess.run(
            [program, "demo", "--json"], cwd=place, capture_output=True, text=True, check=True
        )
        played = json.loads(ended.stdout)
        reports = {(each["site"], each["trigger"]): each for each in played["reports"]}
        for site, trigger in TAKEN:
            source = Path(reports[site, trigger]["path"])
            target = EXAMPLES / site / source.name.replace(f"{site}-", "", 1)
            shutil.rmtree(target.parent, ignore_errors=True)
            target.parent.mkdir(parents=True)
            shutil.copyfile(source, target)
            shutil.copyfile(f"{source}.dsse", f"{target}.dsse")
        shutil.copyfile(Path(played["folder"]) / FILE_NAME, EXAMPLES / FILE_NAME)


def reports() -> list[Path]:
    """Return the example reports."""
    return sorted(EXAMPLES.glob("*/*.json"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--demo", action="store_true", help="play a demo and take its reports")
    if parser.parse_args().demo:
        take_from_demo()
    for report in reports():
        report.with_suffix(".html").write_text(page_of(report), "utf-8")
        print(report)
