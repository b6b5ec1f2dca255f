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
from firstry.domain.instant import parse_instant
from firstry.domain.policy import Trigger
from firstry.domain.record import StoredReport
from firstry.domain.tenant import Tenant
from firstry.exports.key import FILE_NAME
from firstry.exports.rendering import html_of, pdf_of

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
TAKEN = (("larch", "AUTO_24H"), ("marlin", "AUTO_12H"), ("pebble", "AUTO_12H"))


def stored(report: Path) -> StoredReport:
    """Return an exported report as it lies in a store."""
    body = report.read_bytes()
    document = json.loads(body)
    return StoredReport(
        report_id=document["report_id"],
        tenant=Tenant.from_row(document["cloud_id"]),
        trigger=Trigger(document["trigger"]),
        revision=1,
        generated_at=parse_instant(document["generated_at"]),
        digest=digest_of(body),
        body=body,
        envelope=report.with_name(f"{report.name}.dsse").read_bytes(),
    )


def renderings(report: Path) -> dict[str, bytes]:
    """Return page and PDF of an exported report, as the export would draw them, by suffix."""
    return {".html": html_of(stored(report)), ".pdf": pdf_of(stored(report))}


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
        for suffix, content in renderings(report).items():
            report.with_suffix(suffix).write_bytes(content)
        print(report)
