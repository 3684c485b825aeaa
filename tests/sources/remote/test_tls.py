"""``https://`` for real: who the server is counts, and it never leads to plain http."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from composer.errors import SourceError
from composer.sources.remote.fetching import Fetcher
from tests.sources.remote.file_server import Fail, FileServer, Served

Run = Callable[..., Fetcher]


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "authority.pem")
    return made


@pytest.fixture
def secure(authority: trustme.CA) -> Iterator[FileServer]:
    """Return a server whose certificate is for ``localhost``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    server = FileServer(context)
    server.files["/tower.keras"] = Served(b"model" * 1_000_000)
    yield server
    server.close()


@pytest.fixture
def trusted(secure: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileServer:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "authority.pem"))
    return secure


def test_a_certificate_of_an_authority_that_the_user_names_is_enough(
    trusted: FileServer, fetcher: Run
) -> None:
    fetched = fetcher().fetch(f"{trusted.url}/tower.keras")
    assert fetched.download.nbytes == 5_000_000


def test_an_unknown_authority_is_not_trusted(secure: FileServer, fetcher: Run) -> None:
    with pytest.raises(SourceError) as caught:
        fetcher().fetch(f"{secure.url}/tower.keras")
    assert "unable to get local issuer certificate" in caught.value.message
    assert "REQUESTS_CA_BUNDLE" in (caught.value.help or "")
    assert secure.requests == []


def test_a_certificate_of_another_name_is_refused(trusted: FileServer, fetcher: Run) -> None:
    url = trusted.url.replace("localhost", "127.0.0.1")
    with pytest.raises(SourceError, check=lambda error: error.key == "CMP510.certificate"):
        fetcher().fetch(f"{url}/tower.keras")


def test_a_redirect_to_plain_http_is_not_followed(
    trusted: FileServer, server: FileServer, fetcher: Run
) -> None:
    server.files["/tower.keras"] = Served(b"model")
    trusted.failures["/tower.keras"] = [Fail(302, {"Location": f"{server.url}/tower.keras"})]
    with pytest.raises(SourceError) as caught:
        fetcher().fetch(f"{trusted.url}/tower.keras", "0" * 64)
    assert caught.value.code == "CMP512"
    assert server.requests == []
