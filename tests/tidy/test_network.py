"""The guard in `conftest.py` really refuses hosts other than this one."""

import contextlib
import socket

import pytest


def test_loopback_is_allowed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()


@pytest.mark.parametrize("host", ["192.0.2.1", "host.example"])
@pytest.mark.xfail(strict=True, raises=pytest.fail.Exception, reason="that is the guard at work")
def test_another_host_is_refused_even_where_the_error_is_swallowed(host: str) -> None:
    with contextlib.suppress(PermissionError):
        socket.create_connection((host, 9), timeout=1).close()
