"""A small client of the Language Server Protocol, enough to ask yaml-language-server things."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from typing import Any

LONGEST_WAIT = 60.0
"""Seconds until an answer counts as missing."""


class LanguageServer:
    """One running server; what it publishes about documents is kept by their address."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._next = 0
        self._answers: Queue[dict[str, Any]] = Queue()
        self._published: dict[str, Queue[list[dict[str, Any]]]] = {}
        self._lock = threading.Lock()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def request(self, method: str, params: Any) -> Any:
        """Send a request and return its result."""
        self._next += 1
        self._send({"id": self._next, "method": method, "params": params})
        answer = self._answers.get(timeout=LONGEST_WAIT)
        assert answer["id"] == self._next
        assert "error" not in answer, answer
        return answer["result"]

    def notify(self, method: str, params: Any) -> None:
        """Send what has no answer."""
        self._send({"method": method, "params": params})

    def open(self, file: Path, text: str) -> list[dict[str, Any]]:
        """Open a document as an editor does, unsaved; return what the server finds in it."""
        address = file.as_uri()
        self.notify(
            "textDocument/didOpen",
            {
                "textDocument": {
                    "uri": address,
                    "languageId": "yaml",
                    "version": 1,
                    "text": text,
                }
            },
        )
        return self._queue(address).get(timeout=LONGEST_WAIT)

    def hover(self, file: Path, line: int, character: int) -> str:
        """Return the text that stands over a place; both numbers count from 0."""
        found = self.request("textDocument/hover", _place(file, line, character))
        return found["contents"]["value"] if found else ""

    def complete(self, file: Path, line: int, character: int) -> dict[str, dict[str, Any]]:
        """Return what may be written at a place, by label."""
        found = self.request("textDocument/completion", _place(file, line, character))
        return {item["label"]: item for item in found["items"]}

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._process.stdin.flush()

    def _read(self) -> None:
        for message in _messages(self._process):
            if "method" in message and "id" in message:
                # The server asks for settings: there are none but its own.
                items = (message.get("params") or {}).get("items", ())
                self._send({"id": message["id"], "result": [None for _ in items]})
            elif message.get("method") == "textDocument/publishDiagnostics":
                params = message["params"]
                self._queue(params["uri"]).put(params["diagnostics"])
            elif "id" in message:
                self._answers.put(message)

    def _queue(self, address: str) -> Queue[list[dict[str, Any]]]:
        with self._lock:
            return self._published.setdefault(address, Queue())


def _messages(process: subprocess.Popen[bytes]) -> Iterator[dict[str, Any]]:
    assert process.stdout is not None
    while header := process.stdout.readline():
        length = 0
        while header.strip():
            name, _, value = header.decode("ascii").partition(":")
            if name.lower() == "content-length":
                length = int(value)
            header = process.stdout.readline()
        yield json.loads(process.stdout.read(length))


def _place(file: Path, line: int, character: int) -> dict[str, Any]:
    return {
        "textDocument": {"uri": file.as_uri()},
        "position": {"line": line, "character": character},
    }


@contextmanager
def language_server(program: Path, folder: Path) -> Iterator[LanguageServer]:
    """Run ``program`` in ``folder`` for as long as the block lasts."""
    with subprocess.Popen(
        [str(program), "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=folder
    ) as process:
        try:
            server = LanguageServer(process)
            server.request(
                "initialize",
                {
                    "processId": None,
                    "rootUri": folder.as_uri(),
                    "capabilities": {
                        "textDocument": {
                            "completion": {
                                "completionItem": {
                                    "snippetSupport": True,
                                    "documentationFormat": ["markdown"],
                                }
                            },
                            "hover": {"contentFormat": ["markdown"]},
                        }
                    },
                    "initializationOptions": {},
                },
            )
            server.notify("initialized", {})
            yield server
            server.request("shutdown", None)
            server.notify("exit", None)
            process.wait(timeout=LONGEST_WAIT)
        except Empty as error:
            raise AssertionError("yaml-language-server did not answer") from error
        finally:
            process.kill()
