"""A server that stands for the Hugging Face hub: revisions of one repository, and its large files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from tests.sources.remote.file_server import FileServer, Request, Served

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(FileServer):
    """The addresses of the hub that a download asks for, and a server of large files beside it."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.large = FileServer()
        self.large.files["/blob"] = Served(data, etag='"of-the-large-file"')
        self.revisions = {"main": COMMIT, "refs/pr/1": "1" * 40}
        self.private: str | None = None
        self.tag: str | None = None
        self.small: Served | None = None

    def close(self) -> None:
        self.large.close()
        super().close()

    def _answer(self, handler: Any) -> None:
        path = unquote(urlsplit(handler.path).path)
        head, _, rest = path.partition("/resolve/")
        revision = next((r for r in self.revisions if rest.startswith(f"{r}/")), None)
        revision = revision or (rest[:40] if rest[:40] in self.revisions.values() else None)
        request = Request(handler.command, path, dict(handler.headers))
        self.requests.append(request)
        if head == "/owner/renamed":
            self._plain(handler, request, 307, {"Location": f"/owner/repository/resolve/{rest}"})
        elif head not in ("/owner/repository", "/datasets/owner/repository"):
            self._plain(handler, request, 401, {"X-Error-Code": "RepoNotFound"})
        elif self.private and request.headers.get("Authorization") != f"Bearer {self.private}":
            self._plain(handler, request, 403, {"X-Error-Code": "GatedRepo"})
        elif revision is None:
            self._plain(handler, request, 404, {"X-Error-Code": "RevisionNotFound"})
        elif rest.endswith("/small.keras") and self.small is not None:
            self.small.headers["X-Repo-Commit"] = self.revisions.get(revision, revision)
            self._file(handler, request, self.small, None)
        elif not rest.endswith("/dir/tower.keras"):
            self._plain(handler, request, 404, {"X-Error-Code": "EntryNotFound"})
        else:
            tag = self.tag or hashlib.sha256(self.large.files["/blob"].data).hexdigest()
            says = {
                "X-Repo-Commit": self.revisions.get(revision, revision),
                "X-Linked-ETag": f'"{tag}"',
                "X-Linked-Size": str(len(self.large.files["/blob"].data)),
                "Location": f"{self.large.url.replace('127.0.0.1', 'localhost')}/blob?Signature=x",
            }
            self._plain(handler, request, 302, says)


@contextmanager
def hub_of(data: bytes, token: str) -> Iterator[Hub]:
    """Let huggingface_hub ask a server that gives ``data`` as ``owner/repository/dir/tower.keras``.

    Args:
        data: of the one large file.
        token: path of the file in which a token may stand.
    """
    constants = pytest.importorskip("huggingface_hub.constants")
    server = Hub(data)
    # HF_ENDPOINT and HF_TOKEN_PATH are read when the library is imported.
    template = "{endpoint}/{repo_id}/resolve/{revision}/{filename}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(constants, "ENDPOINT", server.url)
        patch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", template.replace("{endpoint}", server.url)
        )
        patch.setattr(constants, "HF_TOKEN_PATH", token)
        for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
            patch.delenv(name, raising=False)
        yield server
    server.close()
