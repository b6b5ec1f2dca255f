"""What programs of others say of our PDF."""

import re
import subprocess
from pathlib import Path

from report.test_pdf import paper


def test_qpdf_finds_nothing_wrong(tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(paper().content)
    ran = subprocess.run(["qpdf", "--check", path], capture_output=True, text=True, timeout=30)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "No syntax or stream encoding errors" in ran.stdout


def test_pdfinfo_reads_the_same(tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(paper().content)
    ran = subprocess.run(["pdfinfo", path], capture_output=True, text=True, timeout=30, check=True)
    said = dict(re.findall(r"^([\w ]+): +(.*)$", ran.stdout, re.MULTILINE))
    assert said["Title"] == "Trust report 2026-01-01T12:00:00.000Z AUTO_12H"
    assert (said["Tagged"], said["Encrypted"], said["JavaScript"]) == ("yes", "no", "no")
    assert said["Pages"] == str(len(paper().pages))
