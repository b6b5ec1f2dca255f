"""A report as one HTML page: self-contained, without scripts, and harmless.

Everything goes through Jinja's autoescape, and text that is not ours through
`display` before it. The page's own policy lets the browser load nothing and run
nothing; the one style sheet is allowed by its hash.
"""

import base64
import hashlib
from functools import cache
from importlib import resources

import jinja2
from markupsafe import Markup

from firstry.exports.document import Document, Quoted


def render(document: Document) -> str:
    """Return `document` as HTML. The same document gives the same text."""
    return _template().render(document=document)


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.tests["quoted"] = lambda value: isinstance(value, Quoted)
    style = _page("report.css")
    digest = hashlib.sha256(style.encode()).digest()
    environment.globals["style"] = Markup(style)  # noqa: S704  our own file, no text from outside
    environment.globals["style_hash"] = f"sha256-{base64.b64encode(digest).decode()}"
    return environment.from_string(_page("report.html"))


def _page(name: str) -> str:
    return (resources.files("firstry.exports") / "page" / name).read_text("utf-8")
