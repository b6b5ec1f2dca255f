"""The console as a browser without JavaScript uses it: cookies, pages, their forms.

Every request goes over real HTTP to a real service. A form is sent as it stands on the
page that was opened, so a test cannot act where a person could not.
"""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from firstry.domain.access import Role
from support.operator_call import operator
from support.service import World
from support.wire import Answer, exchange

SIGN_IN = "/console/sign-in"
MEDIA_TYPE = "application/x-www-form-urlencoded"
_FORM = re.compile(r'<form method="post" action="([^"]+)">(.*?)</form>', re.DOTALL)
_TAG = re.compile(r"<(input|textarea|select)\b[^>]*>")
_ATTRIBUTE = re.compile(r'\b([\w-]+)="([^"]*)"')


@dataclass(slots=True)
class Browser:
    """A client that keeps cookies, as a browser with one tab would."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        """Where its pages come from."""
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Open an address; nothing is followed."""
        return self.send("GET", path, headers=headers)

    def post(
        self, path: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a form as one of our own pages sends it; `headers` come on top."""
        sent = {"origin": self.origin, "content-type": MEDIA_TYPE, **(headers or {})}
        return self.send("POST", path, urlencode(form).encode(), sent)

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request as it is, with the cookies, and keep what is set."""
        sent = dict(headers or {})
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = exchange(self.port, method, path, sent, body)
        name, _, value = answer.headers.get("set-cookie", "").partition(";")[0].partition("=")
        if name:
            self.cookies[name] = value
        return answer

    def page(self, path: str, status: int = 200) -> str:
        """Return the text of a page; an assertion fails on any other status."""
        answer = self.get(path)
        assert answer.status == status, (path, answer.status, answer.body)
        return answer.body.decode()

    def form(self, path: str, action: str, **changes: str) -> dict[str, str]:
        """Return the form that the page at `path` sends to `action`, with fields filled in."""
        return form_in(self.page(path), action) | changes

    def submit(self, path: str, action: str, **changes: str) -> Answer:
        """Open a page, fill in its form for `action` and send it."""
        return self.post(action, self.form(path, action, **changes))

    def sign_in(self, secret: str, to: str = "/console") -> Answer:
        """Sign in with an API token."""
        page = self.page(f"{SIGN_IN}?{urlencode({'to': to})}")
        return self.post(SIGN_IN, form_in(page, SIGN_IN) | {"token": secret})


def form_in(page: str, action: str) -> dict[str, str]:
    """Return the fields of the first form on a page that is sent to `action`, as they stand."""
    for where, content in _FORM.findall(page):
        if html.unescape(where) == action:
            found = {}
            for tag in _TAG.finditer(content):
                attributes = dict(_ATTRIBUTE.findall(tag.group()))
                if "name" in attributes:
                    found[attributes["name"]] = html.unescape(attributes.get("value", ""))
            return found
    raise AssertionError(f"no form on the page is sent to {action}")


def visitor(world: World) -> Browser:
    """Return a browser that nobody has signed in with."""
    return Browser(world.door.port)


def signed_in(world: World, role: Role = Role.OPERATOR, name: str | None = None) -> Browser:
    """Return a browser in which somebody of this role is signed in, with a new token."""
    person = operator(world, role, name)
    assert person.secret is not None
    browser = visitor(world)
    answer = browser.sign_in(person.secret)
    assert (answer.status, answer.headers["location"]) == (303, "/console"), answer.body
    return browser
