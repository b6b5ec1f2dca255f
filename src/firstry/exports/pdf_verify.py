"""Verify a PDF of a report: what it carries, as a stranger would, and what its pages show.

A page can be changed without a letter of its text being changed, by a picture over
it or a font that draws another number. So the pages are not read: the PDF is made
again from the report that it carries, and has to be the same, byte for byte. Where
another page or other fonts have drawn it, that cannot be: another text is found then,
but the same text proves nothing, and the check counts as not made (decision 0017).
"""

from collections.abc import Iterator

from firstry.domain.canonical import Json, digest_of
from firstry.domain.errors import PdfExportFailed
from firstry.domain.instant import parse_instant
from firstry.domain.policy import Trigger
from firstry.domain.record import StoredReport
from firstry.domain.report.shape import Breach
from firstry.domain.tenant import Tenant
from firstry.exports.format import ENVELOPE_SUFFIX, Format, file_name
from firstry.exports.key import TrustedKeys
from firstry.exports.paper import columns_of, texts_of
from firstry.exports.pdf import draws_like, renderer
from firstry.exports.pdf_file import PdfFile, PdfUnreadable, open_pdf, without_spaces
from firstry.exports.rendering import pdf_of, shown
from firstry.exports.verify import IN_ENVELOPE, OF_REPORT, Check, Verdict, Verified, verify

SAME_BYTES = "made again from it, the file is the same byte for byte"
SAME_TEXT = (
    "the text of the pages agrees, but what may be drawn over it is not seen: {} has drawn them "
    "and this is {}; verify with that version, or read the JSON that the file carries"
)
LONGEST_EXCERPT = 40


def verify_pdf(content: bytes, keys: TrustedKeys) -> Verified:
    """Make every check that can be made of a PDF and of the report that it carries."""
    try:
        file = open_pdf(content)
        name = _report_name(file)
    except PdfUnreadable as unreadable:
        verdicts = [Verdict(check, None) for check in OF_REPORT]
        found = (unreadable.breach,)
        return Verified(
            (*verdicts, Verdict(Check.CARRIED, found), Verdict(Check.PAGES, None)),
            digest_of(content),
        )
    body, envelope = file.carried[name], file.carried[name + ENVELOPE_SUFFIX]
    verified = verify(body, envelope, keys)
    report = _report(verified, body, envelope)
    verdicts = [_placed(verdict, name) for verdict in verified.verdicts]
    if report is None:
        verdicts += [Verdict(Check.CARRIED, ()), Verdict(Check.PAGES, None)]
    else:
        verdicts += [_carried(report, name), _pages(file, content, report)]
    return Verified(tuple(verdicts), verified.digest, verified.key_id, verified.document)


def _report_name(file: PdfFile) -> str:
    """Return the name of the report among what is carried, or raise PdfUnreadable."""
    names = sorted(file.carried)
    if len(names) != 2 or names[1] != names[0] + ENVELOPE_SUFFIX:
        has = ", ".join(names) or "nothing"
        rule = f"must be a report X.json and its envelope X.json{ENVELOPE_SUFFIX}; it has {has}"
        raise PdfUnreadable(Breach("attachments", rule))
    return names[0]


def _report(verified: Verified, body: bytes, envelope: bytes) -> StoredReport | None:
    """Return what is carried as a report that can be drawn; None if it cannot."""
    holding = {verdict.check for verdict in verified.verdicts if verdict.holds}
    document: Json = verified.document
    if not isinstance(document, dict) or not {Check.JSON, Check.SCHEMA, Check.ENVELOPE} <= holding:
        return None
    texts = {key: value for key, value in document.items() if isinstance(value, str)}
    return StoredReport(
        report_id=texts["report_id"],
        tenant=Tenant.from_row(texts["cloud_id"]),
        trigger=Trigger(texts["trigger"]),
        revision=1,
        generated_at=parse_instant(texts["generated_at"]),
        digest=verified.digest,
        body=body,
        envelope=envelope,
    )


def _placed(verdict: Verdict, name: str) -> Verdict:
    """Return `verdict` with its places named after the attachment that they are in."""
    name = name + ENVELOPE_SUFFIX if verdict.check in IN_ENVELOPE else name
    if not verdict.breaches:
        return verdict
    placed = (Breach(f"{name} {each.place}".rstrip(), each.rule) for each in verdict.breaches)
    return Verdict(verdict.check, tuple(placed))


def _carried(report: StoredReport, name: str) -> Verdict:
    expected = file_name(report, Format.JSON)
    if name == expected:
        return Verdict(Check.CARRIED, ())
    return Verdict(Check.CARRIED, (Breach(f"attachment {name}", f"must be named {expected}"),))


def _pages(file: PdfFile, content: bytes, report: StoredReport) -> Verdict:
    try:
        expected = pdf_of(report, file.drawn_by if draws_like(file.drawn_by) else None)
    except PdfExportFailed as failed:
        return Verdict(Check.PAGES, (Breach("pages", failed.message),))
    if content == expected:
        return Verdict(Check.PAGES, (), SAME_BYTES)
    try:
        if file.drawn_by == renderer():
            return Verdict(Check.PAGES, (_difference(file, content, expected),))
        if breaches := tuple(_other_texts(file, report)):
            return Verdict(Check.PAGES, breaches)
        note = SAME_TEXT.format(file.drawn_by or "something unnamed", renderer())
        return Verdict(Check.PAGES, None, note)
    except PdfUnreadable as unreadable:
        return Verdict(Check.PAGES, (unreadable.breach,))


def _difference(file: PdfFile, content: bytes, expected: bytes) -> Breach:
    """Return the first page whose text is another; else the first byte that is."""
    wanted = open_pdf(expected)
    for number in range(1, min(file.page_count(), wanted.page_count()) + 1):
        if file.page_content(number) != wanted.page_content(number):
            says, must = file.page_text(number), wanted.page_text(number)
            if says != must:
                return _departure(f"page {number}", says, must)
    pairs = enumerate(zip(content, expected, strict=False))
    shorter = min(len(content), len(expected))
    place = next((at for at, (one, other) in pairs if one != other), shorter)
    return Breach(f"byte {place}", "is not as it was made, though the pages have their text")


def _departure(place: str, has: str, wanted: str) -> Breach:
    pairs = enumerate(zip(has, wanted, strict=False))
    at = next((at for at, (one, other) in pairs if one != other), min(len(has), len(wanted)))
    begin = max(0, at - 8)
    said, must = (text[begin : begin + LONGEST_EXCERPT] for text in (has, wanted))
    return Breach(place, f"says {said!r} where the report says {must!r}")


def _other_texts(file: PdfFile, report: StoredReport) -> Iterator[Breach]:
    """Compare the texts of pages that another version has drawn: all of them, in order."""
    foreign = next(file.foreign(), None)
    if foreign is not None:
        yield foreign
        return
    document = shown(report)
    footer = without_spaces(
        document.footer + "".join(f"{fact.term}{fact.value}" for fact in document.footer_facts)
    )
    heads = {without_spaces("".join(columns_of(part))) for part in document.parts} - {""}
    wanted = without_spaces("".join(texts_of(document)))
    count = file.page_count()
    for number, page in enumerate(file.page_texts(), start=1):
        end = f"{footer}{number}/{count}"
        if not page.endswith(end):
            yield Breach(f"page {number}", f"must end with the footer {end!r}")
            return
        has = page.removesuffix(end)
        head = next((each for each in heads if has.startswith(each)), "")
        if not wanted.startswith(head):
            has = has.removeprefix(head)  # a table goes on, under its head again
        if not wanted.startswith(has):
            yield _departure(f"page {number}", has, wanted)
            return
        wanted = wanted[len(has) :]
    if wanted:
        yield Breach(f"page {count}", f"must go on with {wanted[:LONGEST_EXCERPT]!r}")
