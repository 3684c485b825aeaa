"""A web server on this machine that gives files, remembers who asked, and fails on request."""

from __future__ import annotations

import contextlib
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Request:
    """What was asked, and the status and number of bytes that were given."""

    method: str
    path: str
    headers: dict[str, str]
    status: int = 0
    sent: int = 0


@dataclass
class Served:
    """A file: its bytes, and what the server says about it."""

    data: bytes
    etag: str | None = '"one"'
    modified: str | None = None
    ranges: bool = True
    headers: dict[str, str] = field(default_factory=dict)
    chunked: bool = False
    length: int | None = None
    """What Content-Length says, where that is a lie."""


@dataclass(frozen=True)
class Fail:
    """One answer that is no file: a status, or bytes that end too early."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    after: int | None = None
    """Give the file, and break off after so many bytes of this answer."""


class FileServer:
    """Files by path (query left out), and for each path the failures that come first."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.files: dict[str, Served] = {}
        self.failures: dict[str, list[Fail]] = {}
        self.requests: list[Request] = []
        self.hold: threading.Event | None = None
        self.stall: int | None = None
        """Give so many bytes, and then nothing while it stays so."""
        server = self
        self._lock = threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                server._answer(self)

            do_HEAD = do_GET

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._tls = tls is not None
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
            self._server.handle_error = lambda *_: None  # clients that hang up are no news
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        port = self._server.server_address[1]
        return f"https://localhost:{port}" if self._tls else f"http://127.0.0.1:{port}"

    @property
    def gets(self) -> list[Request]:
        return [request for request in self.requests if request.method == "GET"]

    @property
    def sent(self) -> int:
        """Bytes of files that were given in all."""
        return sum(request.sent for request in self.requests)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # ------------------------------------------------------------ answers

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        path = handler.path.partition("?")[0]
        request = Request(
            handler.command,
            handler.path,
            {name.title(): value for name, value in handler.headers.items()},
        )
        with self._lock:
            self.requests.append(request)
            waiting = self.failures.get(path) or []
            failure = waiting.pop(0) if waiting else None
        if failure is not None and failure.after is None:
            self._plain(handler, request, failure.status, failure.headers)
        elif path not in self.files:
            self._plain(handler, request, 404, {})
        else:
            self._file(handler, request, self.files[path], failure)

    def _plain(
        self,
        handler: BaseHTTPRequestHandler,
        request: Request,
        status: int,
        headers: dict[str, str],
    ) -> None:
        request.status = status
        handler.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()

    def _file(
        self,
        handler: BaseHTTPRequestHandler,
        request: Request,
        served: Served,
        failure: Fail | None,
    ) -> None:
        asked = request.headers
        says = dict(served.headers)
        if served.etag is not None:
            says["ETag"] = served.etag
        if served.modified is not None:
            says["Last-Modified"] = served.modified
        conditions = (asked.get("If-None-Match"), asked.get("If-Modified-Since"))
        if any(c in (served.etag, served.modified) for c in conditions if c is not None):
            self._plain(handler, request, 304, says)
            return
        part, whole = _range(asked, served), len(served.data)
        request.status = 200 if part is None else 206
        if part is not None and part.start >= whole:
            self._plain(handler, request, 416, {"Content-Range": f"bytes */{whole}"})
            return
        if part is not None:
            says["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{whole}"
        data = served.data if part is None else served.data[part.start : part.stop]
        if served.chunked:
            says["Transfer-Encoding"] = "chunked"
        else:
            says["Content-Length"] = str(len(data) if served.length is None else served.length)
        handler.send_response(request.status)
        for name, value in {"Content-Type": "application/octet-stream", **says}.items():
            handler.send_header(name, value)
        handler.end_headers()
        if handler.command == "HEAD":
            return
        if self.hold is not None:
            self.hold.wait(30)
        body = data if failure is None else data[: failure.after]
        request.sent = len(body)
        handler.close_connection = failure is not None or served.length is not None
        if served.chunked:
            pieces = [body[begin : begin + 100_000] for begin in range(0, len(body), 100_000)]
            body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
            body += b"0\r\n\r\n" if failure is None else b""
        self._write(handler, body)

    def _write(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        with contextlib.suppress(OSError):
            if self.stall is not None:
                handler.wfile.write(body[: self.stall])
                body = body[self.stall :]
                while self.stall is not None:
                    time.sleep(0.02)
            handler.wfile.write(body)


def _range(asked: dict[str, str], served: Served) -> range | None:
    """Return the bytes that are asked for; None where that is all of the file."""
    text = asked.get("Range", "")
    still = asked.get("If-Range") in (None, served.etag, served.modified)
    if not served.ranges or not still or not text.startswith("bytes="):
        return None
    start, _, end = text.removeprefix("bytes=").partition("-")
    whole = len(served.data)
    return range(int(start), min(int(end) + 1, whole) if end else whole)


@contextlib.contextmanager
def file_server() -> Iterator[FileServer]:
    """Run a server while the block runs."""
    server = FileServer()
    try:
        yield server
    finally:
        server.close()
