"""``hf://``: a revision is resolved to its commit, and the bytes are fetched there, once."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from composer.errors import SourceError
from composer.sources.remote.fetching import Fetcher
from composer.store import Store
from tests.sources.remote.file_server import Fail, Served
from tests.sources.remote.hub import COMMIT, Hub, hub_of

DATA = random.Random(3).randbytes(5_000_000)
SHA256 = hashlib.sha256(DATA).hexdigest()
URL = "hf://owner/repository@main/dir/tower.keras"
Run = Callable[..., Fetcher]


@pytest.fixture
def hub(tmp_path: Any) -> Iterator[Hub]:
    with hub_of(DATA, str(tmp_path / "token")) as server:
        yield server


def refusal(run: Run, url: str) -> SourceError:
    with pytest.raises(SourceError) as caught:
        run().fetch(url)
    return caught.value


def test_a_branch_is_resolved_to_its_commit_and_fetched_there(hub: Hub, fetcher: Run) -> None:
    fetched = fetcher().fetch(URL)
    assert fetched.path.read_bytes() == DATA
    assert fetched.download.revision == COMMIT
    assert fetched.download.validator == f"etag {SHA256}"
    assert [(r.method, r.path) for r in hub.requests] == [
        ("HEAD", "/owner/repository/resolve/main/dir/tower.keras"),
        ("GET", f"/owner/repository/resolve/{COMMIT}/dir/tower.keras"),
    ]


def test_the_next_run_asks_for_the_commit_and_moves_nothing(hub: Hub, fetcher: Run) -> None:
    fetcher().fetch(URL)
    # Another commit, which leaves this file as it was.
    hub.revisions["main"] = "2" * 40
    fetched = fetcher().fetch(URL)
    assert fetched.download.revision == "2" * 40
    assert [r.method for r in hub.requests] == ["HEAD", "GET", "HEAD"]
    assert len(hub.large.requests) == 1
    assert fetcher(offline=True).fetch(URL).download.revision == "2" * 40


def test_a_whole_commit_is_asked_for_once_in_a_life(hub: Hub, fetcher: Run) -> None:
    url = URL.replace("main", COMMIT)
    first = fetcher().fetch(url)
    asked = len(hub.requests)
    assert fetcher().fetch(url) == first
    assert len(hub.requests) == asked


def test_bytes_that_are_here_under_another_url_are_not_fetched(hub: Hub, fetcher: Run) -> None:
    fetcher().fetch(URL)
    hub.large.requests.clear()
    other = fetcher().fetch(URL.replace("main", "refs/pr/1"))
    assert other.path.read_bytes() == DATA
    assert other.download.revision == "1" * 40
    assert hub.large.sent == 0


def test_other_bytes_on_the_branch_are_fetched(hub: Hub, fetcher: Run) -> None:
    fetcher().fetch(URL)
    hub.large.files["/blob"] = Served(b"other")
    assert fetcher().fetch(URL).path.read_bytes() == b"other"


def test_a_download_that_breaks_off_goes_on_where_it_was(hub: Hub, fetcher: Run) -> None:
    hub.large.failures["/blob"] = [Fail(after=3_000_000)]
    assert fetcher().fetch(URL).path.read_bytes() == DATA
    assert [r.status for r in hub.large.requests] == [200, 206]
    assert hub.large.sent < len(DATA) + 65_536


def test_bytes_that_are_not_those_of_the_tag_are_no_file(hub: Hub, fetcher: Run) -> None:
    hub.tag = "0" * 64
    assert refusal(fetcher, URL).case == "damaged"


@pytest.mark.parametrize(
    ("url", "words", "help_"),
    [
        ("hf://owner/nothing@main/a.keras", "there is no repository owner/nothing", "HF_TOKEN"),
        ("hf://owner/repository@dev/a.keras", "has no revision dev", "spelling"),
        ("hf://owner/repository/a.keras", "has no file a.keras at main", "spelling"),
        ("hf://a.keras", "a.keras", "hf://owner/repository@revision"),
    ],
)
@pytest.mark.usefixtures("hub")
def test_what_is_not_there(url: str, words: str, help_: str, fetcher: Run) -> None:
    error = refusal(fetcher, url)
    assert words in error.message
    assert url in error.message
    assert help_ in (error.help or "")


def test_a_gated_repository_is_opened_by_the_token(
    hub: Hub, fetcher: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.private = "hf_secret"
    error = refusal(fetcher, URL)
    assert "is gated" in error.message
    assert "HF_TOKEN" in (error.help or "")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert fetcher().fetch(URL).path.read_bytes() == DATA
    # The server of the large files is another one: the token is not for it.
    assert "Authorization" not in hub.large.requests[-1].headers


def test_a_repository_that_was_renamed_is_found(hub: Hub, fetcher: Run) -> None:
    fetched = fetcher().fetch("hf://owner/renamed@main/dir/tower.keras")
    assert fetched.download.revision == COMMIT


def test_netrc_does_not_stand_in_for_the_token(
    hub: Hub, fetcher: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password hunter2\n")
    hub.private = "hf_secret"
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert fetcher().fetch(URL).path.read_bytes() == DATA


def test_a_small_file_comes_from_the_hub_itself(hub: Hub, fetcher: Run) -> None:
    hub.small = Served(b"small", etag='"0123"')
    fetched = fetcher().fetch("hf://owner/repository/small.keras")
    assert fetched.path.read_bytes() == b"small"
    assert (fetched.download.revision, fetched.download.validator) == (COMMIT, "etag 0123")
    asked = len(hub.requests)
    assert fetcher().fetch("hf://owner/repository/small.keras") == fetched
    assert [r.method for r in hub.requests[asked:]] == ["HEAD"]


def test_a_data_set_may_hold_the_file(hub: Hub, fetcher: Run) -> None:
    fetcher().fetch("hf://datasets/owner/repository@main/dir/tower.keras")
    assert hub.requests[0].path.startswith("/datasets/owner/repository/resolve/main/")


def test_a_reference_of_the_hub_is_a_revision(hub: Hub, fetcher: Run) -> None:
    url = URL.replace("main", "refs/pr/1")
    assert fetcher().fetch(url).download.revision == "1" * 40
    assert fetcher().fetch(URL.replace("main", "refs%2Fpr%2F1")).download.revision == "1" * 40


def test_a_hub_that_is_switched_off_is_not_asked(
    hub: Hub, fetcher: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    error = refusal(fetcher, URL)
    assert error.code == "CMP514"
    assert hub.requests == []


def test_an_unfinished_part_is_gone_when_it_is_finished(
    hub: Hub, fetcher: Run, store: Store
) -> None:
    hub.large.failures["/blob"] = [Fail(after=500_000)] * 9
    refusal(fetcher, URL)
    hub.large.failures.clear()
    assert fetcher().fetch(URL).path.read_bytes() == DATA
    assert list(store.root.glob("scratch/*")) == []
