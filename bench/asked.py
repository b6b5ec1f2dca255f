"""What is asked over HTTP: every route that reads, from the tables of API and console.

Of a list the first page, one in the middle and the last are asked for; those two by
the cursor of the first page with another key in it.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from bench.filters import alone, pairs
from bench.population import HOUR
from bench.served import Served
from firstry.domain.instant import iso
from firstry.insight.timeline import KINDS
from firstry.web.api.call import BASE as API
from firstry.web.api.route import READS
from firstry.web.console.route import SCREENS
from firstry.web.console.visit import BASE as CONSOLE

ACTORS = ("scheduler", "platform", "import", "operator", "operator:nobody")
FORMATS = ("json", "html", "pdf", "envelope")
EVERY = 12
"""Of the pairs of conditions so many go as one through what also counts."""


@dataclass(frozen=True, slots=True)
class Known:
    """What there is to ask for in one store."""

    tenant_id: str
    report_ids: Sequence[str]
    job_id: str
    now: datetime

    @property
    def places(self) -> Mapping[str, str]:
        """What stands in a path, by its name there."""
        report_id = self.report_ids[len(self.report_ids) // 2]
        return {"tenant_id": self.tenant_id, "report_id": report_id, "job_id": self.job_id}

    def keys(self, path: str) -> tuple[list[str | int], ...]:
        """Return keys in the middle and before the end of the list at `path`."""
        if path.endswith("/reports"):
            ids = self.report_ids
            return [ids[len(ids) // 2]], [ids[-20]]
        if path.endswith("/ledger"):
            return [iso(self.now - 20 * HOUR), "8", 1], [iso(self.now - 2900 * HOUR), "~", 9]
        return ["80000000"], ["fffe0000"]


def first_pages() -> list[str]:
    """Return the first page of every filter."""
    return [f"{API}/tenants?{urlencode({'filter': text})}" for text in (*alone(), *pairs())]


def api_pages(served: Served, known: Known) -> Iterator[str]:
    """Yield every GET route of the API, and each list's pages; tenants also with their count."""
    for route in READS:
        path = route.base + route.path.format(**known.places)
        if "cursor" in route.query:
            yield from _pages(served, known, path)
        elif "format" in route.query and "{" in route.path:
            yield from (f"{path}?format={name}" for name in FORMATS)
        else:
            yield path
    for text in (*alone(), *pairs()[::EVERY]):
        yield f"{API}/tenants?{urlencode({'filter': text, 'count': 'true'})}"
    yield from (f"{API}/ledger?{asked}" for asked in _entries(known))
    yield f"{API}/reports?tenant={known.tenant_id}"


def screens(known: Known) -> Iterator[str]:
    """Yield every screen of the console, lists also under filters; files are no screens."""
    for route in SCREENS:
        if route.path.startswith("/files"):
            continue
        if "{format}" in route.path:
            for name in ("html", "pdf"):
                yield CONSOLE + route.path.format(**known.places, format=name)
        else:
            yield CONSOLE + route.path.format(**known.places)
    for text in (*alone(), *pairs()[::EVERY]):
        yield f"{CONSOLE}/tenants?{urlencode({'filter': text})}"
        yield f"{CONSOLE}/bulk?{urlencode({'act': 'retry', 'filter': text})}"
    yield from (f"{CONSOLE}/ledger?{asked}" for asked in _entries(known))


def _entries(known: Known) -> Iterator[str]:
    yield f"tenant={known.tenant_id}"
    for kind in (*KINDS, "NONE_SUCH"):
        yield f"kind={kind}"
        yield from (f"kind={kind}&actor={quote(actor)}" for actor in ACTORS)
    yield from (f"actor={quote(actor)}" for actor in ACTORS)


def _pages(served: Served, known: Known, path: str) -> Iterator[str]:
    yield path
    following = served.page(path)["next"]
    if following is None:
        return
    cursor = parse_qs(urlsplit(following).query)["cursor"][0]
    question, *_ = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    for key in known.keys(path):
        moved = urlsafe_b64encode(json.dumps([question, *key]).encode()).rstrip(b"=").decode()
        yield f"{path}?{urlencode({'cursor': moved})}"
