"""A spec sends requests to the public network only, and keeps nothing that it did not want."""

from __future__ import annotations

import hashlib
import io
import socket
import zipfile
from collections.abc import Callable

import pytest

from composer.errors import SourceError
from composer.sources.remote import hosts, web
from composer.sources.remote.fetching import Fetcher
from composer.store import Store
from tests.sources.remote.file_server import Fail, FileServer, Served

DATA = b"a file " * 1000
SHA256 = hashlib.sha256(DATA).hexdigest()
WRONG = "0" * 64
Run = Callable[..., Fetcher]


def refusal(run: Run, url: str, sha256: str | None = None) -> SourceError:
    with pytest.raises(SourceError) as caught:
        run().fetch(url, sha256)
    return caught.value


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Allow nothing."""
    monkeypatch.delenv("COMPOSE_ALLOW_HOSTS")


@pytest.mark.parametrize("sha256", [None, WRONG])
@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "[::1]", "0.0.0.0", "2130706433", "0x7f.1", "127.1",
        "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
    ],
)  # fmt: skip
def test_this_machine_is_not_asked_by_any_of_its_names(
    server: FileServer, fetcher: Run, closed: None, host: str, sha256: str | None
) -> None:
    port = server.url.rpartition(":")[2]
    server.files["/a.keras"] = Served(DATA)
    error = refusal(fetcher, f"http://{host}:{port}/a.keras", sha256)
    # Without a digest, other forms than the plain ones are refused as plain http already.
    assert error.code == "CMP554" or (error.code == "CMP512" and sha256 is None)
    assert server.requests == []


@pytest.mark.parametrize(
    "host",
    ["10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1",
     "[fe80::1]", "[fd00::1]", "[::]"],
)  # fmt: skip
def test_networks_inside_are_not_asked(fetcher: Run, closed: None, host: str) -> None:
    for scheme in ("http", "https", "zip://a.keras::https", "simplecache::http"):
        url = f"{scheme}://{host}/a.keras"
        assert refusal(fetcher, url, WRONG).code == "CMP554"


def test_addresses_of_the_public_network_are_no_others() -> None:
    for address in ("8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"):
        assert not hosts.is_inside(address)


def test_a_name_that_leads_inside_is_not_asked(
    server: FileServer, fetcher: Run, closed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(server.url.rpartition(":")[2])
    inside = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
    outside = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", port))]
    url = f"http://models.example.org:{port}/a.keras"
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: inside)
    assert refusal(fetcher, url, WRONG).code == "CMP554"
    # The name leads elsewhere when it is looked at than when it is asked.
    answers = iter([outside])
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: next(answers, inside))
    assert refusal(fetcher, url, WRONG).code == "CMP554"
    assert server.requests == []


def test_a_redirect_does_not_lead_inside(
    server: FileServer, fetcher: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.failures["/a.keras"] = [Fail(302, {"Location": "http://[::1]:1/b"})]
    monkeypatch.setenv("COMPOSE_ALLOW_HOSTS", "127.0.0.1")
    assert refusal(fetcher, f"{server.url}/a.keras", WRONG).code == "CMP554"
    assert len(server.requests) == 1


@pytest.mark.parametrize("allowed", ["127.0.0.1", "10.0.0.0/8, 127.0.0.0/8", "LOCALHOST"])
def test_what_is_allowed_is_asked(
    server: FileServer, fetcher: Run, monkeypatch: pytest.MonkeyPatch, allowed: str
) -> None:
    server.files["/a.keras"] = Served(DATA)
    monkeypatch.setenv("COMPOSE_ALLOW_HOSTS", allowed)
    url = server.url.replace("127.0.0.1", "localhost") if "LOCAL" in allowed else server.url
    assert fetcher().fetch(f"{url}/a.keras").download.sha256 == SHA256


def test_behind_a_proxy_names_are_not_looked_up(
    fetcher: Run, closed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    asked = []
    monkeypatch.setattr(hosts, "_resolved", lambda *name: asked.append(name) or ())
    assert refusal(fetcher, "https://models.example.org/a.keras").code == "CMP510"
    assert refusal(fetcher, "https://10.0.0.1/a.keras").code == "CMP554"
    assert asked == []


# ---------------------------------------------------------------- refused bytes


def test_bytes_that_nobody_wanted_are_not_kept(
    server: FileServer, fetcher: Run, store: Store
) -> None:
    server.files["/a.keras"] = Served(DATA)
    url = f"{server.url}/a.keras"
    error = refusal(fetcher, url, WRONG)
    assert (error.code, SHA256 in (error.help or "")) == ("CMP503", True)
    assert store.object_path(SHA256) is None
    assert [path for path in store.root.rglob("*") if path.is_file() and DATA[:7] in (
        path.read_bytes())] == []  # fmt: skip
    with pytest.raises(SourceError) as caught:
        fetcher(offline=True).fetch(url)
    assert caught.value.code == "CMP514"
    assert fetcher().fetch(url, SHA256).path.read_bytes() == DATA


# ---------------------------------------------------------------- archives at web addresses


def archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        made.writestr("inner.keras", DATA)
    return buffer.getvalue()


def test_an_archive_at_a_web_address_is_fetched_by_its_rules(
    server: FileServer, fetcher: Run
) -> None:
    pytest.importorskip("fsspec")
    server.files["/all.zip"] = Served(archive())
    url = f"zip://inner.keras::{server.url}/all.zip"
    assert fetcher().fetch(url).path.read_bytes() == DATA
    assert fetcher().fetch(url).download.sha256 == SHA256
    assert [request.status for request in server.requests] == [200, 304]
    assert fetcher().fetch(f"simplecache::{url}", SHA256).download.sha256 == SHA256
    assert refusal(fetcher, url, WRONG).code == "CMP503"


@pytest.mark.parametrize("start", ["zip://inner.keras::", "simplecache::", ""])
def test_no_archive_is_fetched_by_way_of_plain_http(
    server: FileServer, fetcher: Run, monkeypatch: pytest.MonkeyPatch, start: str
) -> None:
    pytest.importorskip("fsspec")
    monkeypatch.setattr(hosts, "check_host", lambda _url: None)
    monkeypatch.setattr(web, "check_host", lambda _url: None)
    leads = {"Location": "http://models.example.org/all.zip"}
    server.failures["/all.zip"] = [Fail(302, leads)]
    assert refusal(fetcher, f"{start}{server.url}/all.zip").code == "CMP512"


@pytest.mark.parametrize(
    "url",
    [
        "webhdfs://host/a.keras", "sftp://host/a.keras", "ftp://host/a.keras",
        "github://owner:repo@main/a.keras", "zip://a.keras::sftp://host/b.zip",
        "reference://a.keras::s3://host/b.json", "jupyter://host/a.keras",
        "simplecache::smb://host/a.keras",
    ],
)  # fmt: skip
def test_other_ways_have_to_be_allowed(
    fetcher: Run, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    pytest.importorskip("fsspec")
    asked: list[str] = []
    monkeypatch.setattr("fsspec.core.url_to_fs", lambda url, **_: asked.append(url))
    monkeypatch.setattr(web, "check_host", lambda _url: None)
    error = refusal(fetcher, url, WRONG)
    assert (error.code, asked) == ("CMP554", [])
