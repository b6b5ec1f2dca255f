"""Requests over real sockets, made byte by byte where a test needs it.

A library would refuse to send half of what a stranger may send; `http.client`
sends what it is told, and `drip` sends it as slowly as it is told.
"""

import http.client
import json
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PATIENCE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered, and how many real seconds that took."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    elapsed: float

    def json(self) -> dict[str, Any]:
        """Return the JSON object that was answered; an assertion fails on anything else."""
        content = json.loads(self.body)
        assert isinstance(content, dict), self.body
        return content


def exchange(
    port: int,
    method: str,
    path: str,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    *,
    patience: float = PATIENCE_SECONDS,
) -> Answer:
    """Send one request to a port of this machine and return the answer; nothing is followed."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=patience)
    began = time.monotonic()
    try:
        connection.request(method, path, body=body, headers=dict(headers or {}))
        answer = connection.getresponse()
        read = answer.read()
        named = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, named, read, time.monotonic() - began)
    finally:
        connection.close()


def drip(
    port: int, head: bytes, body: bytes, *, every_seconds: float, patience: float = PATIENCE_SECONDS
) -> Answer:
    """Send `head` at once and `body` one byte at a time, until the server answers."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=patience) as connection:
        connection.sendall(head)
        connection.settimeout(every_seconds)
        first = b""
        for byte in body:
            connection.sendall(bytes([byte]))
            try:
                first = connection.recv(65536)
            except TimeoutError:
                continue
            break
        answered = time.monotonic() - began
        connection.settimeout(patience)
        return _parsed(first, connection, answered)


def _parsed(first: bytes, connection: socket.socket, elapsed: float) -> Answer:
    received = first
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines[1:])}
    while len(body) < int(headers["content-length"]):
        body += connection.recv(65536)
    return Answer(int(lines[0].split()[1]), headers, body, elapsed)


def until(seconds: float = PATIENCE_SECONDS) -> "Patience":
    """Return a wait that ends in an assertion: `while not seen(): wait.more("a request")`."""
    return Patience(time.monotonic() + seconds)


@dataclass(slots=True)
class Patience:
    """How long a test waits for something that another thread or process does."""

    ends_at: float

    def more(self, what: str) -> None:
        """Sleep for a moment, or fail because `what` did not happen."""
        assert time.monotonic() < self.ends_at, f"waited in vain for {what}"
        time.sleep(0.005)
