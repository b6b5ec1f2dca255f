"""How soon the page in Jira shows something on a slow connection, in a real Chromium (perf-7)."""

import statistics
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import which

from playwright.sync_api import Browser, sync_playwright

from bench.row import ROUNDS, Row
from support.forge_app import built

KILOBITS, LATENCY_MS = 1600, 150
"""What browsers' tools call slow 4G."""
_PAINTED = (
    "new Promise(told => new PerformanceObserver(list => { for (const each of list.getEntries())"
    " if (each.name === 'first-contentful-paint') told(each.startTime) })"
    ".observe({ type: 'paint', buffered: true }))"
)


def rows() -> list[Row]:
    """Measure the first content of the built page, its cache empty."""
    chromium = which("chromium")
    if chromium is None:
        return []
    with sync_playwright() as playwright, _served(built() / "static" / "page" / "dist") as url:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        ours = statistics.median(_milliseconds(browser, url) for _ in range(ROUNDS))
        browser.close()
    what = f"first content of the page, {KILOBITS / 1000:g} Mbit/s"
    return [Row("perf-7", what, "ms", ours, "goal", 1000, "<= 1")]


def _milliseconds(browser: Browser, url: str) -> float:
    context = browser.new_context()
    page = context.new_page()
    network = context.new_cdp_session(page)
    throughput = KILOBITS * 1000 / 8
    network.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": LATENCY_MS,
            "downloadThroughput": throughput,
            "uploadThroughput": throughput,
        },
    )
    page.goto(url, wait_until="commit")
    painted: float = page.evaluate(_PAINTED)
    context.close()
    return painted


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing of each file."""


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=folder))
    thread = threading.Thread(target=server.serve_forever, name="page")
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/index.html"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
