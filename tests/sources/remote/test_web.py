"""Sources at web addresses: fetched once, resumed, tried again, and refused where that is unsafe."""

from __future__ import annotations

import hashlib
import random
import threading
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from composer.errors import BuildError, SourceError
from composer.sources.remote import download, web
from composer.sources.remote.fetching import Fetcher
from composer.spec.locations import identity
from composer.store import Store
from tests.sources.remote.file_server import Fail, FileServer, Served

DATA = random.Random(1).randbytes(5_000_000)
SHA256 = hashlib.sha256(DATA).hexdigest()
NAME = "/tower.keras"
Run = Callable[..., Fetcher]


def refusal(run: Run, url: str, sha256: str | None = None) -> SourceError:
    with pytest.raises(SourceError) as caught:
        run().fetch(url, sha256)
    return caught.value


def leftovers(store: Store) -> list[Path]:
    return [path for path in store.root.glob("scratch/**/*") if path.is_file()]


# ---------------------------------------------------------------- never twice


def test_the_bytes_arrive_in_the_store_and_are_told(
    server: FileServer, fetcher: Run, store: Store
) -> None:
    server.files[NAME] = Served(DATA)
    run = fetcher()
    fetched = run.fetch(server.url + NAME)
    assert fetched.path == store.object_path(SHA256)
    assert fetched.path.read_bytes() == DATA
    assert (fetched.download.sha256, fetched.download.nbytes) == (SHA256, 5_000_000)
    assert fetched.download.validator == 'etag "one"'
    assert run.remarks == [f"fetched {server.url}{NAME} (4.8 MiB, sha256 {SHA256})"]
    assert leftovers(store) == []


def test_progress_tells_how_much_of_how_much(
    server: FileServer, fetcher: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "_BETWEEN_LINES", 0.0)
    server.files[NAME] = Served(DATA)
    lines: list[str] = []
    fetcher(progress=lines.append).fetch(f"{server.url}{NAME}?sig=secret")
    assert lines[0] == f"asking for {server.url}{NAME}?sig=***"
    assert lines[-1] == f"fetching {server.url}{NAME}?sig=***: 4.8 MiB of 4.8 MiB"
    assert len(lines) > 50


def test_several_sources_of_one_run_ask_once(server: FileServer, fetcher: Run) -> None:
    server.files[NAME] = Served(DATA, etag=None)
    run = fetcher()
    assert run.fetch(server.url + NAME) == run.fetch(server.url + NAME)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "served",
    [
        Served(DATA),
        Served(DATA, etag='W/"weak"'),
    ],
    ids=["etag", "weak etag"],
)
def test_the_next_run_asks_and_moves_nothing(
    served: Served, server: FileServer, fetcher: Run
) -> None:
    server.files[NAME] = served
    first = fetcher().fetch(server.url + NAME)
    run = fetcher()
    assert run.fetch(server.url + NAME) == first
    assert [request.status for request in server.requests] == [200, 304]
    assert server.sent == len(DATA)
    assert run.remarks == []


DATE = "Sun, 22 Nov 2026 10:00:00 GMT"


def test_without_a_tag_date_and_size_are_looked_at(server: FileServer, fetcher: Run) -> None:
    server.files[NAME] = Served(DATA, etag=None, modified=DATE)
    first = fetcher().fetch(server.url + NAME)
    assert fetcher().fetch(server.url + NAME) == first
    assert [request.method for request in server.requests] == ["GET", "HEAD"]
    assert server.sent == len(DATA)


@pytest.mark.parametrize(
    "other",
    [
        Served(b"an older file", etag=None, modified="Sat, 21 Nov 2026 10:00:00 GMT"),
        Served(b"of the same second", etag=None, modified=DATE),
    ],
)
def test_a_file_replaced_by_an_older_one_is_seen(
    other: Served, server: FileServer, fetcher: Run
) -> None:
    server.files[NAME] = Served(DATA, etag=None, modified=DATE)
    fetcher().fetch(server.url + NAME)
    server.files[NAME] = other
    assert fetcher().fetch(server.url + NAME).path.read_bytes() == other.data


def test_a_server_that_refuses_to_be_asked_without_bytes_is_asked_for_them(
    server: FileServer, fetcher: Run
) -> None:
    server.files[NAME] = Served(DATA, etag=None, modified=DATE)
    first = fetcher().fetch(server.url + NAME)
    server.failures[NAME] = [Fail(403)]  # as a signed address answers to HEAD
    assert fetcher().fetch(server.url + NAME) == first
    assert [request.method for request in server.requests] == ["GET", "HEAD", "GET"]


def test_what_broke_off_goes_on_by_its_date(server: FileServer, fetcher: Run) -> None:
    server.files[NAME] = Served(DATA, etag=None, modified=DATE)
    server.failures[NAME] = [Fail(after=3_000_000)]
    assert fetcher().fetch(server.url + NAME).path.read_bytes() == DATA
    assert [request.status for request in server.requests] == [200, 206]
    assert server.requests[1].headers["If-Range"] == DATE


def test_two_files_under_one_path_are_two_files(server: FileServer, fetcher: Run) -> None:
    server.files["/get"] = Served(DATA, etag=None, modified=DATE)
    fetcher().fetch(f"{server.url}/get?id=7#a.keras")
    server.files["/get"] = Served(DATA[::-1], etag=None, modified=DATE)
    assert fetcher().fetch(f"{server.url}/get?id=8#a.keras").path.read_bytes() == DATA[::-1]
    with pytest.raises(SourceError, check=lambda error: error.code == "CMP514"):
        fetcher(offline=True).fetch(f"{server.url}/get?id=9#a.keras")


def test_a_server_that_ignores_conditions_is_hung_up_on_when_the_tag_is_the_same(
    server: FileServer, fetcher: Run, store: Store
) -> None:
    server.files[NAME] = Served(DATA, etag='"one"')
    first = fetcher().fetch(server.url + NAME)
    # The tag differs from what is compared with If-None-Match, and not from what is remembered.
    server.files[NAME] = Served(b"", etag=None, headers={"ETag": '"one"'})
    assert fetcher().fetch(server.url + NAME) == first
    assert [request.status for request in server.requests] == [200, 200]


def test_other_bytes_under_the_same_url_are_fetched(server: FileServer, fetcher: Run) -> None:
    server.files[NAME] = Served(DATA)
    fetcher().fetch(server.url + NAME)
    server.files[NAME] = Served(b"other", etag='"two"')
    fetched = fetcher().fetch(server.url + NAME)
    assert fetched.path.read_bytes() == b"other"


def test_without_a_validator_each_run_fetches(server: FileServer, fetcher: Run) -> None:
    server.files[NAME] = Served(DATA, etag=None)
    for _ in range(2):
        assert fetcher().fetch(server.url + NAME).download.validator is None
    assert server.sent == 2 * len(DATA)


def test_a_sha256_that_the_store_has_asks_nobody(server: FileServer, fetcher: Run) -> None:
    server.files[NAME] = Served(DATA, etag=None)
    fetcher().fetch(server.url + NAME, SHA256)
    for url in (server.url + NAME, "https://elsewhere.example.org/tower.keras"):
        assert fetcher().fetch(url, SHA256).download.sha256 == SHA256
    assert len(server.requests) == 1


def test_an_object_that_the_disk_damaged_is_fetched_again(server: FileServer, fetcher: Run) -> None:
    server.files[NAME] = Served(DATA)
    path = fetcher().fetch(server.url + NAME, SHA256).path
    path.chmod(0o644)
    path.write_bytes(b"\0" * len(DATA))
    assert fetcher().fetch(server.url + NAME, SHA256).path.read_bytes() == DATA


def test_a_store_that_can_only_be_read_gives_what_is_unchanged(
    server: FileServer, fetcher: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files[NAME] = Served(DATA)
    first = fetcher().fetch(server.url + NAME)

    def read_only(*_: object) -> None:
        raise BuildError("CMP713.store-part", path="store")

    monkeypatch.setattr(Store, "making", read_only)
    monkeypatch.setattr(Store, "remember_recipe", read_only)
    assert fetcher().fetch(server.url + NAME) == first


@pytest.mark.parametrize("status", [204, 300, 304])
def test_an_answer_without_a_file_is_none(status: int, server: FileServer, fetcher: Run) -> None:
    server.failures[NAME] = [Fail(status)]
    error = refusal(fetcher, server.url + NAME)
    assert error.case == "not-available"
    assert str(error.fields["answer"]).startswith(str(status))


def test_two_runs_at_once_fetch_once(server: FileServer, fetcher: Run) -> None:
    server.files[NAME] = Served(DATA)
    server.hold = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(fetcher().fetch, server.url + NAME) for _ in range(2)]
        threading.Timer(0.3, server.hold.set).start()
        first, second = (run.result(30) for run in runs)
    assert first == second
    assert sorted(request.status for request in server.requests) == [200, 304]


def test_another_signature_of_the_same_address_fetches_nothing_new(
    server: FileServer, fetcher: Run
) -> None:
    server.files[NAME] = Served(DATA)
    fetcher().fetch(f"{server.url}{NAME}?X-Amz-Signature=abcdef0123&versionId=7")
    fetcher().fetch(f"{server.url}{NAME}?X-Amz-Signature=9876543210&versionId=7")
    assert server.sent == len(DATA)


def test_memory_does_not_grow_with_the_file(server: FileServer, fetcher: Run) -> None:
    server.files[NAME] = Served(bytes(40_000_000))
    run = fetcher()
    tracemalloc.start()
    run.fetch(server.url + NAME)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8_000_000


# ---------------------------------------------------------------- interrupted


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_transfer_that_breaks_off_goes_on_where_it_was(
    chunked: bool, server: FileServer, fetcher: Run
) -> None:
    server.files[NAME] = Served(DATA, chunked=chunked)
    server.failures[NAME] = [Fail(after=3_000_000), Fail(after=1_000_000)]
    fetched = fetcher().fetch(server.url + NAME)
    assert fetched.path.read_bytes() == DATA
    assert fetched.download.sha256 == SHA256
    assert [request.status for request in server.requests] == [200, 206, 206]
    assert server.requests[1].headers["If-Range"] == '"one"'
    # Less than a piece is asked for twice.
    assert server.sent < len(DATA) + 2 * 65_536


def test_the_download_of_a_process_that_ended_is_finished_by_the_next(
    server: FileServer, fetcher: Run, monkeypatch: pytest.MonkeyPatch, store: Store
) -> None:
    server.files[NAME] = Served(DATA)
    server.failures[NAME] = [Fail(after=3_000_000)]

    def ended(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(download.time, "sleep", ended)
    with pytest.raises(KeyboardInterrupt):
        fetcher().fetch(server.url + NAME)
    assert leftovers(store)
    fetched = fetcher().fetch(server.url + NAME)
    assert fetched.path.read_bytes() == DATA
    assert [request.status for request in server.requests] == [200, 206]
    assert server.sent < len(DATA) + 65_536 + 2
    assert leftovers(store) == []


def test_what_changed_meanwhile_is_fetched_from_the_start(server: FileServer, fetcher: Run) -> None:
    server.files[NAME] = Served(DATA)
    server.failures[NAME] = [Fail(after=500_000)] * download.TRIES
    refusal(fetcher, server.url + NAME)
    server.failures[NAME] = []
    server.files[NAME] = Served(DATA[::-1], etag='"two"')
    assert fetcher().fetch(server.url + NAME).path.read_bytes() == DATA[::-1]
    assert server.requests[-1].status == 200


@pytest.mark.parametrize(
    "served",
    [Served(DATA, ranges=False), Served(DATA, etag=None), Served(DATA, etag='W/"weak"')],
    ids=["no ranges", "no validator", "weak validator"],
)
def test_where_nothing_can_be_resumed_it_starts_again(
    served: Served, server: FileServer, fetcher: Run
) -> None:
    server.files[NAME] = served
    server.failures[NAME] = [Fail(after=3_000_000)]
    assert fetcher().fetch(server.url + NAME).path.read_bytes() == DATA
    assert [request.status for request in server.requests] == [200, 200]


def test_a_part_that_is_whole_is_asked_for_its_last_byte(
    server: FileServer, fetcher: Run, store: Store
) -> None:
    url = server.url + NAME
    with store.unfinished(f"fetch {identity(url)}") as part:
        part.begin(validator='etag "one"', offset=0, size=len(DATA))
        part.append(DATA)
    server.files[NAME] = Served(DATA)
    assert fetcher().fetch(url).path.read_bytes() == DATA
    assert server.sent == 1


def test_a_part_longer_than_the_file_is_given_up(
    server: FileServer, fetcher: Run, store: Store
) -> None:
    url = server.url + NAME
    with store.unfinished(f"fetch {identity(url)}") as part:
        part.begin(validator='etag "one"', offset=0, size=None)
        part.append(DATA * 2)
    server.files[NAME] = Served(DATA)
    assert fetcher().fetch(url).path.read_bytes() == DATA
    assert [request.status for request in server.requests] == [416, 200]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_server_is_asked_again(status: int, server: FileServer, fetcher: Run) -> None:
    server.files[NAME] = Served(DATA)
    server.failures[NAME] = [Fail(status), Fail(status)]
    assert fetcher().fetch(server.url + NAME).download.sha256 == SHA256
    assert [request.status for request in server.requests] == [status, status, 200]


def test_a_server_says_how_long_to_wait(
    server: FileServer, fetcher: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(download.time, "sleep", waits.append)
    server.files[NAME] = Served(DATA)
    server.failures[NAME] = [Fail(503, {"Retry-After": "7"}), Fail(503, {"Retry-After": "9999"})]
    fetcher().fetch(server.url + NAME)
    assert waits == [7.0, 60.0]


def test_a_server_that_stays_busy_is_given_up(server: FileServer, fetcher: Run) -> None:
    server.failures[NAME] = [Fail(503)] * 99
    error = refusal(fetcher, server.url + NAME)
    assert len(server.requests) == download.TRIES
    assert error.fields["answer"] == "503 Service Unavailable"
    assert error.fields["tries"] == 5


@pytest.mark.parametrize("status", [401, 403, 404, 410, 400])
def test_a_refusal_is_final(status: int, server: FileServer, fetcher: Run) -> None:
    server.failures[NAME] = [Fail(status)] * 9
    error = refusal(fetcher, server.url + NAME)
    assert len(server.requests) == 1
    assert str(status) in error.message
    assert f"{server.url}{NAME}" in error.message
    assert (status not in (401, 403)) or "~/.netrc" in (error.help or "")


# ---------------------------------------------------------------- lies


def test_a_length_that_is_too_large_is_no_whole_file(server: FileServer, fetcher: Run) -> None:
    server.files[NAME] = Served(DATA, length=len(DATA) + 10, ranges=False)
    error = refusal(fetcher, server.url + NAME)
    assert len(server.requests) == download.TRIES
    assert error.case == "broken-off"


def test_a_length_that_is_too_small_is_seen_by_its_digest(server: FileServer, fetcher: Run) -> None:
    server.files[NAME] = Served(DATA, length=1000)
    error = refusal(fetcher, server.url + NAME, SHA256)
    assert error.code == "CMP503"


def test_a_wrong_digest_shows_both_and_the_edit(server: FileServer, fetcher: Run) -> None:
    server.files[NAME] = Served(DATA)
    error = refusal(fetcher, server.url + NAME, "0" * 64)
    assert error.code == "CMP503"
    assert SHA256 in error.message
    assert "0" * 64 in error.message
    assert f"sha256: {SHA256}" in (error.help or "")
    assert fetcher().fetch(server.url + NAME, SHA256).path.read_bytes() == DATA
    # What was refused was not kept.
    assert len(server.requests) == 2


def test_a_web_page_is_no_model(server: FileServer, fetcher: Run) -> None:
    server.files[NAME] = Served(b"<html>", headers={"Content-Type": "text/html; charset=utf-8"})
    error = refusal(fetcher, server.url + NAME)
    assert error.case == "web-page"


def test_a_file_that_does_not_fit_on_the_disk_is_not_begun(
    server: FileServer, fetcher: Run, store: Store
) -> None:
    server.files[NAME] = Served(DATA, length=1 << 60)
    with pytest.raises(BuildError, check=lambda error: error.key == "CMP713.store-room"):
        fetcher().fetch(server.url + NAME)
    assert leftovers(store) == []


# ---------------------------------------------------------------- redirects and secrets


def test_redirects_are_followed(server: FileServer, fetcher: Run) -> None:
    server.files[NAME] = Served(DATA)
    server.failures["/old.keras"] = [Fail(302, {"Location": NAME})]
    assert fetcher().fetch(f"{server.url}/old.keras").download.sha256 == SHA256


def test_redirects_without_end_are_left(server: FileServer, fetcher: Run) -> None:
    server.failures[NAME] = [Fail(302, {"Location": NAME})] * 99
    assert refusal(fetcher, server.url + NAME).case == "redirects"
    assert len(server.requests) == 11


@pytest.mark.parametrize(
    ("target", "case"),
    [
        ("file:///etc/passwd", "redirect"),
        ("ftp://127.0.0.1/a.keras", "redirect"),
        ("http://models.example.org/a.keras", "plain"),
    ],
)
def test_an_unsafe_redirect_is_not_followed(
    target: str, case: str, server: FileServer, fetcher: Run
) -> None:
    server.failures[NAME] = [Fail(302, {"Location": target})]
    error = refusal(fetcher, server.url + NAME)
    assert error.code == "CMP512"
    assert error.case == case
    assert target in error.message


def test_https_never_leads_to_http() -> None:
    with pytest.raises(SourceError) as caught:
        web.check_address(
            "http://127.0.0.1/a.keras", pinned=True, came_from="https://host.example.org/a.keras"
        )
    assert caught.value.code == "CMP512"


@pytest.mark.parametrize(
    ("url", "pinned"),
    [
        ("https://models.example.org/a.keras", False),
        ("http://models.example.org/a.keras", True),
        ("http://localhost/a.keras", False),
        ("http://[::1]:8000/a.keras", False),
        ("http://127.1.2.3/a.keras", False),
    ],
)
def test_addresses_that_are_asked(url: str, pinned: bool) -> None:
    web.check_address(url, pinned=pinned)


@pytest.mark.parametrize(
    "url", ["http://models.example.org/a.keras", "http://10.0.0.1/a.keras", "http://a/b.keras"]
)
def test_plain_http_to_another_machine_needs_a_digest(url: str) -> None:
    with pytest.raises(SourceError) as caught:
        web.check_address(url, pinned=False)
    assert caught.value.code == "CMP512"


def test_plain_http_inside_a_chain_needs_a_digest_too(fetcher: Run) -> None:
    error = refusal(fetcher, "simplecache::http://models.example.org/a.keras")
    assert error.code == "CMP512"


def test_a_password_is_used_and_never_shown(server: FileServer, fetcher: Run, store: Store) -> None:
    server.files[NAME] = Served(DATA)
    url = server.url.replace("://", "://someone:hunter2!secret@") + NAME + "?token=verysecret"
    run = fetcher()
    run.fetch(url)
    assert server.requests[0].headers["Authorization"].startswith("Basic ")
    assert "token=verysecret" in server.requests[0].path
    documents = [path.read_text() for path in store.root.rglob("*.json")]
    assert not any("secret" in text for text in (*run.remarks, *documents))
    server.failures[NAME] = [Fail(403)]
    error = refusal(fetcher, url)
    assert "secret" not in f"{error.message} {error.help}"
    assert "://***@127.0.0.1" in error.message


def test_a_password_does_not_travel_to_another_host(server: FileServer, fetcher: Run) -> None:
    server.files[NAME] = Served(DATA)
    elsewhere = server.url.replace("127.0.0.1", "localhost")
    server.failures["/old.keras"] = [Fail(302, {"Location": elsewhere + NAME})]
    url = server.url.replace("://", "://someone:hunter2@")
    fetcher().fetch(f"{url}/old.keras")
    assert "Authorization" in server.requests[0].headers
    assert "Authorization" not in server.requests[1].headers


def test_a_user_of_netrc_is_let_in(server: FileServer, fetcher: Run, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password hunter2\n")
    (tmp_path / "netrc").chmod(0o600)
    server.files[NAME] = Served(DATA)
    fetcher().fetch(server.url + NAME)
    assert server.requests[0].headers["Authorization"].startswith("Basic ")


# ---------------------------------------------------------------- the way there


def test_a_name_that_nobody_knows(fetcher: Run) -> None:
    error = refusal(fetcher, "https://models.invalid/tower.keras")
    assert (error.case, error.fields["host"]) == ("unknown-host", "models.invalid")


def test_a_port_at_which_nobody_listens(fetcher: Run) -> None:
    error = refusal(fetcher, "http://127.0.0.1:1/tower.keras")
    assert (error.case, error.fields["host"]) == ("connection-refused", "127.0.0.1")


def test_a_server_that_does_not_speak_tls(server: FileServer, fetcher: Run) -> None:
    error = refusal(fetcher, server.url.replace("http:", "https:") + NAME)
    assert error.case == "certificate"


def test_a_server_that_falls_silent(
    server: FileServer, fetcher: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "TIMEOUT", (1.0, 0.1))
    monkeypatch.setattr(download, "TRIES", 2)
    server.files[NAME] = Served(DATA)
    server.hold = threading.Event()
    error = refusal(fetcher, server.url + NAME)
    server.hold.set()
    assert error.case == "timeout"


def test_a_proxy_is_asked(
    server: FileServer, fetcher: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("HTTP_PROXY", server.url)
    monkeypatch.setenv("http_proxy", server.url)
    server.files["http://models.example.org/tower.keras"] = Served(DATA)
    fetched = fetcher().fetch("http://models.example.org/tower.keras", SHA256)
    assert fetched.path.read_bytes() == DATA


# ---------------------------------------------------------------- offline


def test_offline_takes_what_the_url_gave_last(server: FileServer, fetcher: Run) -> None:
    server.files[NAME] = Served(DATA)
    first = fetcher().fetch(server.url + NAME)
    run = fetcher(offline=True)
    assert run.fetch(server.url + NAME) == first
    assert run.remarks == [
        f"offline: {server.url}{NAME} is taken as it was fetched last (sha256 {SHA256})"
    ]
    assert fetcher(offline=True).fetch("https://elsewhere.example.org/a.keras", SHA256)
    assert len(server.requests) == 1


def test_offline_asks_nobody(server: FileServer, fetcher: Run) -> None:
    server.files[NAME] = Served(DATA)
    for sha256 in (None, "0" * 64):
        with pytest.raises(SourceError) as caught:
            fetcher(offline=True).fetch(server.url + NAME, sha256)
        assert caught.value.code == "CMP514"
    assert server.requests == []
