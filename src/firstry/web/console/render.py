"""Pages out of templates: everything from outside is escaped and made visible.

Each value that a template prints goes through `finalize`, which writes control and
direction characters out by their numbers, and then through Jinja's autoescape. There
is no inline script and no inline style, so the policy allows none; scripts and styles
come from `static`, under names that change with their content.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib import resources

import jinja2
from jinja2.runtime import Context
from markupsafe import Markup
from starlette.responses import Response

from firstry.domain.display import displayed
from firstry.web.console.visit import BASE
from firstry.web.console.wording import number, relative, span, told_utc, utc

LONGEST_TEXT = 2000
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
FILE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; "
    "frame-ancestors 'none'; base-uri 'none'; sandbox"
)
"""For the page of a report: it has a policy of its own as well, which knows its one style."""
HEADERS: Mapping[str, str] = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    # Not `no-referrer`: with that, a browser sends `Origin: null` with our own forms.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
MEDIA_TYPES = {
    "console.css": "text/css",
    "console.js": "text/javascript",
    "htmx.min.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}


def page(
    template: str,
    context: Mapping[str, object],
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a page as an answer. Raises jinja2 errors for what a template does not get."""
    text = _environment().get_template(template).render(context)
    return Response(text, status, {**HEADERS, **(headers or {})}, "text/html; charset=utf-8")


def static_file(name: str) -> Response | None:
    """Return one of our own files; None if there is none of this name."""
    if name not in MEDIA_TYPES:
        return None
    kept = {"cache-control": "public, max-age=31536000, immutable"}
    return Response(_static(name), 200, {**HEADERS, **kept}, MEDIA_TYPES[name])


@cache
def static_path(name: str) -> str:
    """Return the address of a static file, which changes with its content."""
    return f"{BASE}/static/{name}?v={hashlib.sha256(_static(name)).hexdigest()[:12]}"


@cache
def _static(name: str) -> bytes:
    return (resources.files("firstry.web.console") / "static" / name).read_bytes()


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("firstry.web.console", "template"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    environment.filters.update(
        breakable=_breakable, when=_when, number=number, span=span, utc=utc, told_utc=told_utc
    )
    environment.globals.update(base=BASE, static=static_path)
    return environment


def _visible(value: object) -> object:
    if isinstance(value, str) and not isinstance(value, Markup):
        return displayed(value, LONGEST_TEXT)
    return value


def _breakable(name: str) -> Markup:
    """Return a name that a narrow column may break behind its underscores."""
    return Markup("_<wbr>").join(name.split("_"))


@jinja2.pass_context
def _when(context: Context, instant: datetime | None, missing: str = "never") -> Markup:
    """Return an instant as people read it; the UTC instant shows on hover and on focus."""
    if instant is None:
        return Markup('<span class="faint">{}</span>').format(missing)
    said = Markup('<time datetime="{}" title="{}" tabindex="0">{}</time>')
    return said.format(instant.isoformat(), utc(instant), relative(instant, context["now"]))
