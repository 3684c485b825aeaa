"""What a lock holds of a URL is asked for again, and found again where nobody is asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.sources.remote.file_server import FileServer, Served, file_server
from tests.sources.remote.hub import COMMIT, Hub, hub_of

Compose = Callable[..., tuple[int, str]]
NEWER = "2" * 40
HUB = (
    "version: 1\nname: net\nsources:\n  net: {from: 'hf://owner/repository@main/dir/tower.keras'}\n"
)
TWO = """\
version: 1
name: two
sources:
  a: {from: '%s/tower.keras', prefix: a_}
  b: {from: '%s/copy.keras', prefix: b_}
"""


@pytest.fixture
def compose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Compose:
    from composer.cli.running import run

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COMPOSE_HOME", str(tmp_path / "store"))

    def call(*arguments: str, store: str = "store") -> tuple[int, str]:
        monkeypatch.setenv("COMPOSE_HOME", str(tmp_path / store))
        capsys.readouterr()
        return run(arguments), capsys.readouterr().err

    return call


@pytest.fixture
def hub(models: Path, tmp_path: Path) -> Iterator[Hub]:
    with hub_of((models / "tower.keras").read_bytes(), str(tmp_path / "token")) as server:
        yield server


@pytest.fixture
def server(models: Path) -> Iterator[FileServer]:
    data = (models / "tower.keras").read_bytes()
    with file_server() as running:
        running.files["/tower.keras"] = Served(data)
        running.files["/copy.keras"] = Served(data, etag='"copy"')
        Path("two.yaml").write_text(TWO % (running.url, running.url))
        yield running


def revision(lock: str) -> str:
    return json.loads(Path(lock).read_text())["sources"]["net"]["revision"]


def test_a_locked_build_asks_for_the_commit_of_its_lock(
    compose: Compose, hub: Hub, models: Path
) -> None:
    Path("net.yaml").write_text(HUB)
    assert compose("lock", "net.yaml")[0] == 0
    assert revision("net.lock.json") == COMMIT
    hub.revisions |= {"main": NEWER, "then": COMMIT}
    hub.requests.clear()
    assert compose("build", "--locked", "net.yaml", store="empty")[0] == 0
    assert {request.path.split("/")[4] for request in hub.requests} == {COMMIT}
    assert compose("build", "net.yaml")[0] == 0
    assert revision("net.lock.json") == COMMIT
    assert compose("lock", "net.yaml", "--upgrade", "net")[0] == 0
    assert revision("net.lock.json") == NEWER


def test_bytes_that_another_address_gave_are_of_the_commit_of_the_lock(
    compose: Compose, hub: Hub, server: FileServer
) -> None:
    Path("net.yaml").write_text(HUB)
    compose("lock", "net.yaml")
    assert compose("build", "two.yaml", store="other")[0] == 0
    hub.requests.clear()
    assert compose("build", "--locked", "net.yaml", store="other")[0] == 0
    assert hub.requests == []


def test_the_same_bytes_by_two_addresses_hold_in_an_empty_store(
    compose: Compose, server: FileServer
) -> None:
    compose("lock", "two.yaml")
    code, err = compose("build", "--locked", "two.yaml", store="empty")
    assert code == 0
    assert "CMP513" not in err


def test_the_same_bytes_under_another_tag_hold(compose: Compose, server: FileServer) -> None:
    compose("lock", "two.yaml")
    for served in server.files.values():
        served.etag = '"uploaded again"'
    assert compose("build", "--locked", "two.yaml", store="empty")[0] == 0
    for served in server.files.values():
        served.etag = None
    assert compose("build", "--locked", "two.yaml", store="third")[0] == 0


def test_other_bytes_end_with_the_field_and_the_command_that_accepts_them(
    compose: Compose, server: FileServer, models: Path
) -> None:
    compose("lock", "two.yaml")
    server.files["/tower.keras"] = Served((models / "tower_b.keras").read_bytes())
    server.files["/copy.keras"] = Served((models / "tower_b.keras").read_bytes())
    for arguments in (("build", "--locked"), ("build",), ("lock",), ("lock", "--check")):
        code, err = compose(*arguments, "two.yaml", store="empty")
        assert code == 4, arguments
        assert "error[CMP602]" in err
        assert "sources.a.sha256 was" in err
        assert "compose lock two.yaml --upgrade a takes what it gives now" in err
