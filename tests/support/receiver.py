"""A webhook's receiver on loopback: it keeps what comes, and refuses as long as it is told."""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Received:
    """One message as it came. Header names are in lower case."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """Return the message."""
        content = json.loads(self.body)
        assert isinstance(content, dict)
        return content


class Receiver:
    """Answers each POST with `status`. Use it as a context manager."""

    def __init__(self) -> None:
        self.status = 204
        self.location: str | None = None
        self.got: list[Received] = []
        receiver = self

        class Answering(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                headers = {name.lower(): text for name, text in self.headers.items()}
                receiver.got.append(Received(self.path, headers, self.rfile.read(length)))
                self.send_response(receiver.status)
                if receiver.location:
                    self.send_header("location", receiver.location)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """Where to send messages to."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/hooks/s3cret-path"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
