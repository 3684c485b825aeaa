"""A server, a store, and no waiting between tries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from composer.sources.remote import download
from composer.sources.remote.fetching import Fetcher
from composer.store import Store
from tests.sources.remote.file_server import FileServer, file_server


@pytest.fixture
def server() -> Iterator[FileServer]:
    with file_server() as running:
        yield running


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def fetcher(store: Store) -> Callable[..., Fetcher]:
    """Return a function that gives the fetcher of a new run over the same store."""
    return lambda **options: Fetcher(store=store, **options)


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Wait for nothing, and let nothing of this machine's own settings in."""
    monkeypatch.setattr(download, "PAUSE", 0.0)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.delenv("COMPOSE_OFFLINE", raising=False)
