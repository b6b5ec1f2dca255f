"""Verify report files: a JSON with its envelope beside it, a PDF, or a folder of them.

A folder says more than its files: an envelope without its report, a report
without its envelope, and signed reports that cannot both be true are found too.
A `firstry-keys.json` that lies in the folder is never trusted by itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from firstry.domain.errors import InputInvalid
from firstry.exports.file import LONGEST
from firstry.exports.format import ENVELOPE_SUFFIX, Format
from firstry.exports.key import FILE_NAME, TrustedKeys
from firstry.exports.signature import LONGEST_ENVELOPE
from firstry.exports.verify import LONGEST_REPORT, Verified, verify

MOST_FILES = 100_000


@dataclass(frozen=True, slots=True)
class Judged:
    """One report file with its envelope, and how they were judged. A PDF carries both."""

    path: Path
    envelope: Path
    verified: Verified


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong with a file beside what is wrong inside of it."""

    path: Path
    message: str


@dataclass(frozen=True, slots=True)
class Result:
    """Everything that a verification found out."""

    judged: tuple[Judged, ...]
    findings: tuple[Finding, ...]

    @property
    def holds(self) -> bool:
        """Whether every report verifies and nothing else was found."""
        return not self.findings and all(each.verified.holds for each in self.judged)


def verify_path(path: Path, signature: Path | None, keys: TrustedKeys) -> Result:
    """Verify the report at `path`, or every report in the folder `path`.

    Raises InputInvalid if a file that was named is missing or cannot be read,
    and if a folder holds no report or more than MOST_FILES files.
    """
    if not path.is_dir():
        if _is_pdf(path):
            if signature is not None:
                raise InputInvalid("--signature goes with a JSON; a PDF carries its own", _WHERE)
            if not path.is_file():
                raise InputInvalid(f"there is no file {path}", _WHERE)
            return Result((_judge_pdf(path, keys),), ())
        envelope = signature or _envelope_of(path)
        for needed in (path, envelope):
            if not needed.is_file():
                raise InputInvalid(f"there is no file {needed}", _WHERE)
        return Result((_judge(path, envelope, keys),), ())
    if signature is not None:
        raise InputInvalid("--signature goes with one report, not with a folder", "leave it out")
    return _verify_folder(path, keys)


_WHERE = (
    "name a PDF, a folder, or a report X.json that has its envelope beside it as X.json.dsse, "
    "or whose envelope --signature names"
)


def _verify_folder(folder: Path, keys: TrustedKeys) -> Result:
    found = [*islice((each for each in folder.iterdir() if each.is_file()), MOST_FILES + 1)]
    if len(found) > MOST_FILES:
        raise InputInvalid(
            f"there are more than {MOST_FILES:,} files in {folder}",
            "verify them in several folders: none is left out unsaid",
        )
    files = sorted(found)
    reports = [each for each in files if each.suffix == ".json" and each.name != FILE_NAME]
    pdfs = [each for each in files if _is_pdf(each)]
    if not (reports or pdfs) and not any(each.suffix == ENVELOPE_SUFFIX for each in files):
        raise InputInvalid(f"there is no report in {folder}", _WHERE)
    whole = [report for report in reports if _envelope_of(report).is_file()]
    judged = (
        *(_judge(report, _envelope_of(report), keys) for report in whole),
        *(_judge_pdf(pdf, keys) for pdf in pdfs),
    )
    findings = [
        *(Finding(each, "has no envelope beside it") for each in reports if each not in whole),
        *(
            Finding(each, "is an envelope without its report")
            for each in files
            if each.suffix == ENVELOPE_SUFFIX and each.with_suffix("") not in reports
        ),
        *_contradictions(judged),
    ]
    return Result(judged, tuple(findings))


def _judge(path: Path, envelope: Path, keys: TrustedKeys) -> Judged:
    body, signed = _read(path, LONGEST_REPORT), _read(envelope, LONGEST_ENVELOPE)
    return Judged(path, envelope, verify(body, signed, keys))


def _judge_pdf(path: Path, keys: TrustedKeys) -> Judged:
    from firstry.exports.pdf_verify import verify_pdf  # a reader of PDFs takes long to load

    return Judged(path, path, verify_pdf(_read(path, LONGEST[Format.PDF]), keys))


def _contradictions(judged: Sequence[Judged]) -> Iterator[Finding]:
    """Find signed reports of one site that name two entries at one place of its ledger."""
    heads: dict[tuple[str, int], tuple[str, Path]] = {}
    for each in judged:
        document = each.verified.document
        if not each.verified.holds or not isinstance(document, dict):
            continue
        head = document["evidence"]["ledger_head"]
        place = (document["cloud_id"], head["sequence"])
        first_hash, first_path = heads.setdefault(place, (head["hash"], each.path))
        if first_hash != head["hash"]:
            message = f"names another ledger entry {head['sequence']} than {first_path.name}"
            yield Finding(each.path, message)


def _is_pdf(path: Path) -> bool:
    return path.suffix.lower() == f".{Format.PDF.value}"


def _envelope_of(report: Path) -> Path:
    return report.with_name(report.name + ENVELOPE_SUFFIX)


def _read(path: Path, longest: int) -> bytes:
    """Read a file; of one that is too long only enough to be refused for its length."""
    try:
        with path.open("rb") as file:
            return file.read(longest + 1)
    except OSError as error:
        raise InputInvalid(f"{path} cannot be read ({error.strerror})", _WHERE) from None
