"""The Custom UI of the Forge app, built, and a stand-in for Jira around it.

Only Atlassian's side is made up: the bridge that `@forge/bridge` finds in the page, and
the platform behind it, which signs the call and adds the person's token. The page is the
built one, under a policy as strict as Jira's, and the service is the real one.
"""

import json
import mimetypes
import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route

import stages
from support.wire import Answer

APP = stages.ROOT / "forge-app"
ORIGIN = "https://app.invalid"
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'"
THEMES = APP / "node_modules/@atlaskit/tokens/dist/esm/artifacts/themes"
INSTALL_SECONDS, BUILD_SECONDS = 300, 120
_CSS = re.compile(r'export default ("(?:[^"\\]|\\.)*")')

Service = Callable[[str, str, str, bytes], Answer]
"""Sends a call of a page to the service as the platform does: module, method, path, body."""


@cache
def built() -> Path:
    """Return the folder of the app with its pages built, or skip where there is no npm."""
    if which("npm") is None:
        missing = "npm is missing: install Node.js 20.19 or newer"
        pytest.fail(missing) if stages.IN_CI else pytest.skip(missing)
    if not (APP / "node_modules" / ".package-lock.json").is_file():
        _npm(INSTALL_SECONDS, "ci")
    _npm(BUILD_SECONDS, "run", "build")
    return APP


def _npm(seconds: int, *words: str) -> None:
    ran = subprocess.run(
        ["npm", *words],
        cwd=APP,
        timeout=seconds,
        capture_output=True,
        text=True,
        env=os.environ | {"NO_COLOR": "1"},
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def theme_css() -> str:
    """Return Atlassian's own colours for light and dark, as Jira puts them into a page."""
    names = ("atlassian-light-brand-refresh", "atlassian-dark-brand-refresh")
    bases = ("atlassian-light", "atlassian-dark")
    found = [_CSS.search((THEMES / f"{each}.js").read_text("utf-8")) for each in (*bases, *names)]
    return "".join(json.loads(each[1]) for each in found if each is not None)


_BRIDGE = """
(() => {
  const css = %(css)s, mode = "%(mode)s", listeners = {};
  globalThis.__told = { calls: [], listeners };
  const callBridge = async (name, payload) => {
    globalThis.__told.calls.push(name);
    if (name === "enableTheming") {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(css);
      document.adoptedStyleSheets = [sheet];
      document.documentElement.dataset.theme = "light:light dark:dark";
      document.documentElement.dataset.colorMode = mode;
      return;
    }
    if (name === "on") { (listeners[payload.event] ??= []).push(payload.callback); return {}; }
    if (name !== "invoke") throw new Error(`the bridge has no ${name}`);
    return globalThis.__platform(payload);
  };
  globalThis.__bridge = { callBridge };
})();
"""


@dataclass
class JiraPage:
    """A built page in a browser, with everything that it asked for or complained of."""

    browser: Browser
    module: str
    folder: str
    service: Service
    theme: str = "light"
    width: int = 1280
    height: int = 960
    drops_error_bodies: bool = False
    with_bridge: bool = True
    calls: list[tuple[str, str]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    _context: BrowserContext | None = None

    def __enter__(self) -> Page:
        self._context = self.browser.new_context(
            viewport={"width": self.width, "height": self.height},
            timezone_id="America/New_York",
            accept_downloads=True,
        )
        self._context.route("**/*", self._file)
        page = self._context.new_page()
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.expose_function("__platform", self._forward)
        if self.with_bridge:
            page.add_init_script(_BRIDGE % {"css": json.dumps(theme_css()), "mode": self.theme})
        page.goto(f"{ORIGIN}/index.html")
        return page

    def __exit__(self, *_: object) -> None:
        assert self._context is not None
        self._context.close()

    def _file(self, route: Route) -> None:
        """Serve one file of the built page, as Atlassian's servers do; nothing else is there."""
        url = route.request.url
        path = built() / "static" / self.folder / "dist" / url.removeprefix(ORIGIN).lstrip("/")
        if not url.startswith(ORIGIN) or not path.is_file():
            self.strangers.append(url)
            route.fulfill(status=404)
            return
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        headers = {"content-type": kind, "content-security-policy": POLICY}
        route.fulfill(status=200, headers=headers, body=path.read_bytes())

    def _forward(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Do what the platform does between the bridge and a remote."""
        assert payload.pop("invokeType") == "ui-remote-fetch"
        assert set(payload) <= {"path", "method", "headers", "body"}, payload
        method, path = payload["method"], payload["path"]
        body = json.dumps(payload["body"]).encode() if "body" in payload else b""
        self.calls.append((method, path.partition("?")[0]))
        answer = self.service(self.module, method, path, body)
        told: dict[str, Any] = {
            "status": answer.status,
            "headers": {name: [value] for name, value in answer.headers.items()},
        }
        is_success = answer.status < 400
        if is_success or not self.drops_error_bodies:
            told["body"] = answer.json()
        return (
            {"success": True, "payload": told} if is_success else {"success": False, "error": told}
        )


def ready(page: Page) -> Page:
    """Wait until the page has shown what it has."""
    page.wait_for_selector("#app[aria-busy=false]")
    return page


def texts(page: Page, where: str) -> list[str]:
    """Return every text below an element, in order."""
    found: list[str] = page.evaluate(
        "where => { const found = [], walk = document.createTreeWalker("
        "document.querySelector(where), NodeFilter.SHOW_TEXT);"
        "while (walk.nextNode()) found.push(walk.currentNode.data); return found }",
        where,
    )
    return found
