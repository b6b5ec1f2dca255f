"""Where a token may be sent: the check that stands between a claim and a request.

A base URL comes from outside. Only one on an allowed host, over https, with
exactly the path of one Jira site is used (SSRF, token theft).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from firstry.domain.errors import TenantUnavailable

_PATH = re.compile(r"/ex/jira/([A-Za-z0-9_-]{1,128})/?")
_PLAIN = re.compile(r"[!-~]{1,512}")


@dataclass(frozen=True, slots=True)
class ApiAddress:
    """A checked base URL and the cloudId in its path."""

    base_url: str
    cloud_id: str


def check_api_base_url(
    value: object, hosts: tuple[str, ...], is_loopback: Callable[[str], bool]
) -> ApiAddress:
    """Return the address that `value` is, or raise TenantUnavailable.

    `hosts` are `host` or `host:port`, compared exactly. Plain http is for
    loopback hosts alone.
    """
    if not isinstance(value, str) or not _PLAIN.fullmatch(value) or "\\" in value:
        raise TenantUnavailable("the token's apiBaseUrl is malformed")
    try:
        url = urlsplit(value)
        host = url.hostname or ""
    except ValueError:
        raise TenantUnavailable("the token's apiBaseUrl is malformed") from None
    path = _PATH.fullmatch(url.path)
    is_scheme_right = url.scheme == "https" or (url.scheme == "http" and is_loopback(host))
    if not is_scheme_right or url.netloc.lower() not in hosts:
        raise TenantUnavailable("the token's apiBaseUrl is not on an allowed host")
    if path is None or url.query or url.fragment:
        raise TenantUnavailable("the token's apiBaseUrl is not the address of a Jira site")
    return ApiAddress(f"{url.scheme}://{url.netloc.lower()}/ex/jira/{path[1]}", path[1])
