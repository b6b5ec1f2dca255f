"""What holds for every test: nothing in it speaks to a host but this one.

An audit hook sees each connect, send and name look-up that Python's sockets make,
whatever library asks for it, so nothing has to be replaced. The refusal is noted
too: a test fails even where the code under test swallows the error. Child
processes and sockets opened by C code (uvloop) are out of its sight.
"""

import ipaddress
import sys
from collections.abc import Generator

import pytest

_refused: list[str] = []


def _is_here(host: object) -> bool:
    if host is None or host in ("", b"", "localhost", b"localhost"):
        return True
    text = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _guard(event: str, arguments: tuple[object, ...]) -> None:
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        target = arguments[1]
        host = target[0] if isinstance(target, tuple) and target else None
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    if not _is_here(host):
        _refused.append(f"{event} {host!r}")
        raise PermissionError(f"a test may reach this machine only, not {host!r}")


sys.addaudithook(_guard)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, None, None]:
    """Fail a test that tried to reach another host, whoever caught the refusal."""
    _refused.clear()
    yield
    if _refused:
        pytest.fail(f"reached for another host: {', '.join(_refused)}", pytrace=False)
