"""Specs with sources by URL: built as from files, told on the screen, never with a secret."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import jsonschema
import pytest

from composer.linker.linker import METADATA_KEY
from composer.resolver.plan_document import plan_document
from composer.sources.remote import download
from composer.workflows.pipeline import prepare
from tests.container.minimal import dense_model
from tests.legacy.h5.handmade import two_dense, two_dense_weights, write_h5
from tests.sources.remote.file_server import Fail, FileServer, Served, file_server

ROOT = Path(__file__).parents[2]


@pytest.fixture
def server(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """Return a server of a model of 8 MB, which also lies in the current folder."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.delenv("COMPOSE_OFFLINE", raising=False)
    monkeypatch.setattr(download, "PAUSE", 0.0)
    dense_model(workspace / "big.keras", (64, 1400, 1400, 4))
    with file_server() as running:
        running.files["/big.keras"] = Served((workspace / "big.keras").read_bytes())
        yield running


def spec(location: str, more: str = "", before: str = "") -> None:
    Path("spec.yaml").write_text(
        f"version: 1\nname: model\n{before}sources:\n"
        f'  tower: {{from: "{location}", prefix: t_{more}}}\n'
    )


def members(path: str) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_build_from_a_url_is_the_build_from_the_file(
    server: FileServer, compose: Callable
) -> None:
    spec("big.keras")
    assert compose("build", "spec.yaml", "-o", "local.keras").code == 0
    spec(f"{server.url}/big.keras")
    result = compose("build", "spec.yaml", "-o", "remote.keras")
    assert result.code == 0
    digest = hashlib.sha256(server.files["/big.keras"].data).hexdigest()
    assert f"fetched {server.url}/big.keras (7.9 MiB, sha256 {digest})" in result.err
    local, remote = members("local.keras"), members("remote.keras")
    # Where it came from is told, and all the rest is the same.
    about = json.loads(remote.pop("metadata.json"))
    assert json.loads(local.pop("metadata.json")) != about
    assert about[METADATA_KEY]["sources"]["tower"]["from"] == f"{server.url}/big.keras"
    assert local == remote


def test_the_same_bytes_by_another_run_and_offline(server: FileServer, compose: Callable) -> None:
    spec(f"{server.url}/big.keras")
    built = []
    for arguments in ([], [], ["--offline"]):
        assert compose("build", "spec.yaml", "-o", "built.keras", *arguments).code == 0
        built.append(Path("built.keras").read_bytes())
    assert built[0] == built[1] == built[2]
    assert [request.status for request in server.requests] == [200, 304]


def test_plan_tells_what_came(server: FileServer, compose: Callable) -> None:
    spec(f"{server.url}/big.keras")
    digest = hashlib.sha256(server.files["/big.keras"].data).hexdigest()
    shown = compose("plan", "spec.yaml")
    assert '\n  fetched 7.9 MiB, etag "one"\n' in shown.out
    assert f"\n  sha256 {digest}\n" in shown.out
    document = json.loads(compose("plan", "spec.yaml", "--json").out)
    jsonschema.validate(document, json.loads((ROOT / "schemas/plan.schema.json").read_text()))
    assert document["sources"][0]["download"] == {
        "sha256": digest,
        "bytes": len(server.files["/big.keras"].data),
        "revision": None,
        "validator": 'etag "one"',
    }
    spec("big.keras")
    assert json.loads(compose("plan", "spec.yaml", "--json").out)["sources"][0]["download"] is None


def test_validate_fetches_says_so_once_and_finds_what_is_wrong(
    server: FileServer, compose: Callable
) -> None:
    spec(f"{server.url}/big.keras", ", exclude: [nothing]")
    first = compose("validate", "spec.yaml")
    assert (first.code, first.err.count("fetched ")) == (1, 1)
    assert "matches no layer" in first.err
    assert "fetched " not in compose("validate", "spec.yaml").err


def test_an_old_file_by_url_goes_the_way_of_old_files(
    server: FileServer, compose: Callable, workspace: Path
) -> None:
    write_h5(workspace / "two.h5", two_dense(), two_dense_weights())
    server.files["/two.h5"] = Served((workspace / "two.h5").read_bytes())
    spec(f"{server.url}/two.h5")
    result = compose("validate", "spec.yaml")
    assert result.code == 0
    assert "sources that Keras imports: " in result.out
    server.files["/bad.h5"] = Served(b"no HDF5 at all")
    spec(f"{server.url}/bad.h5")
    result = compose("validate", "spec.yaml")
    assert "error[CMP502]" in result.err
    assert f"{server.url}/bad.h5" in result.err
    assert "store" not in result.err


@pytest.mark.keras
def test_an_old_file_by_url_is_built_as_from_the_disk(
    server: FileServer, compose: Callable, workspace: Path
) -> None:
    write_h5(workspace / "two.h5", two_dense(), two_dense_weights())
    server.files["/two.h5"] = Served((workspace / "two.h5").read_bytes())
    spec("two.h5")
    assert compose("build", "spec.yaml", "-o", "local.keras").code == 0
    spec(f"{server.url}/two.h5")
    assert compose("build", "spec.yaml", "-o", "remote.keras").code == 0
    local, remote = members("local.keras"), members("remote.keras")
    assert local["model.weights.h5"] == remote["model.weights.h5"]
    assert local["config.json"] == remote["config.json"]


def test_an_address_that_does_not_end_like_a_file_can_say_what_it_gives(
    server: FileServer, compose: Callable
) -> None:
    server.files["/get"] = server.files["/big.keras"]
    spec(f"{server.url}/get?id=7")
    result = compose("validate", "spec.yaml")
    assert "error[CMP504]" in result.err
    assert "'#model.keras'" in result.err
    spec(f"{server.url}/get?id=7#model.keras")
    assert compose("validate", "spec.yaml").code == 0
    assert server.requests[0].path == "/get?id=7"


def test_what_is_not_there_is_shown_where_it_is_named(
    server: FileServer, compose: Callable
) -> None:
    spec(f"{server.url}/towre.keras")
    result = compose("validate", "spec.yaml")
    assert result.code == 1
    assert result.err.startswith(
        f"spec.yaml:4:17: error[CMP510]: source 'tower': there is no file at {server.url}/towre"
    )


def test_a_wrong_digest_is_shown_at_sha256_with_the_edit(
    server: FileServer, compose: Callable
) -> None:
    digest = hashlib.sha256(server.files["/big.keras"].data).hexdigest()
    spec(f"{server.url}/big.keras", f", sha256: {'0' * 64}")
    result = compose("build", "spec.yaml")
    assert result.code == 1
    assert "error[CMP503]" in result.err
    assert f"sha256 is {digest}, expected {'0' * 64}" in result.err
    (edit,) = [line.strip() for line in result.err.splitlines() if line.strip()[:7] == "sha256:"]
    spec(f"{server.url}/big.keras", f", {edit}")
    assert compose("build", "spec.yaml").code == 0
    assert len(server.requests) == 2


def test_every_broken_source_is_told_in_one_run(server: FileServer, compose: Callable) -> None:
    Path("spec.yaml").write_text(
        "version: 1\nname: model\nsources:\n"
        f'  a: {{from: "{server.url}/a.keras"}}\n'
        '  b: {from: "http://models.example.org/b.keras"}\n'
        f'  c: {{from: "{server.url}/big.keras", exclude: [nothing]}}\n'
    )
    result = compose("validate", "spec.yaml", "--output-format", "json")
    codes = [found["code"] for found in json.loads(result.out)]
    assert {"CMP510", "CMP512"} < set(codes)
    assert len(codes) == 3


def test_a_server_that_tells_nothing_is_warned_about_with_the_pin(
    server: FileServer, compose: Callable
) -> None:
    server.files["/big.keras"].etag = None
    spec(f"{server.url}/big.keras")
    for _ in range(2):
        result = compose("build", "spec.yaml")
        assert result.code == 0
        assert "warning[CMP513]" in result.err
    assert len(server.requests) == 2
    (pin,) = [line.strip() for line in result.err.splitlines() if line.strip()[:7] == "sha256:"]
    spec(f"{server.url}/big.keras", f", {pin}")
    assert "warning" not in compose("build", "spec.yaml").err
    assert len(server.requests) == 2


# ---------------------------------------------------------------- offline


@pytest.mark.parametrize("verb", ["build", "validate", "plan"])
@pytest.mark.parametrize("by", ["flag", "environment"])
def test_offline_asks_nobody_and_says_what_it_takes(
    verb: str, by: str, server: FileServer, compose: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    flag = ["--offline"] if by == "flag" else []
    monkeypatch.setenv("COMPOSE_OFFLINE", "0")
    spec(f"{server.url}/big.keras")
    if by == "environment":
        monkeypatch.setenv("COMPOSE_OFFLINE", "1")
    result = compose(verb, "spec.yaml", *flag)
    assert result.code == 1
    assert "error[CMP514]" in result.err
    assert server.requests == []
    monkeypatch.setenv("COMPOSE_OFFLINE", "0")
    assert compose("validate", "spec.yaml").code == 0
    if by == "environment":
        monkeypatch.setenv("COMPOSE_OFFLINE", "1")
    result = compose(verb, "spec.yaml", *flag)
    assert result.code == 0
    assert f"offline: {server.url}/big.keras is taken as it was fetched last" in result.err
    assert len(server.requests) == 1


def test_offline_lets_keras_download_nothing(workspace: Path, compose: Callable) -> None:
    Path("spec.yaml").write_text(
        "version: 1\nname: model\nsources:\n"
        "  tower: {from: app:MobileNetV2, args: {weights: imagenet}}\n"
    )
    result = compose("build", "spec.yaml", "--offline")
    assert result.code == 1
    assert "error[CMP514]" in result.err


@pytest.mark.keras
def test_offline_runs_a_function_of_the_users_own(workspace: Path, compose: Callable) -> None:
    (workspace / "mine.py").write_text(
        "import keras\n\n\ndef make():\n"
        "    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])\n"
    )
    spec("py:mine:make")
    assert compose("build", "spec.yaml", "--offline").code == 0


# ---------------------------------------------------------------- secrets


@pytest.mark.parametrize("form", ["full", "concise", "json", "github", "sarif"])
def test_no_secret_of_a_url_reaches_the_screen(
    form: str, server: FileServer, compose: Callable
) -> None:
    address = server.url.replace("://", "://someone:${vars.password}@")
    spec(
        f"{address}/big.keras?X-Amz-Signature=abcdef0123456789",
        ", exclude: [nothing]",
        before="vars: {password: hunter2222}\n",
    )
    for failures in ([], [Fail(403)]):
        server.failures["/big.keras"] = list(failures)
        result = compose("validate", "spec.yaml", "--output-format", form)
        assert result.code == 1
        shown = result.out + result.err
        assert "hunter2222" not in shown
        assert "abcdef0123456789" not in shown
        assert "***@127.0.0.1" in shown


def test_no_secret_of_a_url_reaches_plan_artifact_or_store(
    server: FileServer, compose: Callable, workspace: Path
) -> None:
    address = server.url.replace("://", "://someone:hunter2222@")
    spec(f"{address}/big.keras?X-Amz-Signature=abcdef0123456789&versionId=3")
    result = compose("build", "spec.yaml", "-o", "built.keras")
    assert result.code == 0
    texts = [result.out, result.err, members("built.keras")["metadata.json"].decode()]
    texts.extend([compose("plan", "spec.yaml").out, compose("plan", "spec.yaml", "--json").out])
    store = workspace.parent / "store"
    texts.extend(path.read_text() for path in store.rglob("*.json"))
    for text in texts:
        assert "hunter2222" not in text
        assert "abcdef0123456789" not in text
    assert "&versionId=3" in texts[2]


# ---------------------------------------------------------------- files by URL, and nothing else


def test_a_file_url_is_a_path(workspace: Path, compose: Callable) -> None:
    shutil.copy(workspace / "models" / "tower.keras", workspace / "a tower.keras")
    spec(f"file://{workspace}/a%20tower.keras")
    assert compose("validate", "spec.yaml", "--offline").code == 0
    spec(f"file://{workspace}/a towre.keras")
    result = compose("validate", "spec.yaml")
    assert "error[CMP501]" in result.err
    assert f"did you mean 'file://{workspace}/a tower.keras'?" in result.err


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("https://[::1/a.keras", "CMP510"),
        ("https://host:99999999/a.keras", "CMP510"),
        ("https://a..b/a.keras", "CMP510"),
        (f"https://{'a' * 300}.org/a.keras", "CMP510"),
        ("https:///a.keras", "CMP510"),
        ("hf://../..@main/a.keras", "CMP510"),
        ("hf://a b/c@main/a.keras", "CMP510"),
        ("zip://a.keras", "CMP510"),
        ("reference://a.keras", "CMP554"),
        ("file://models/a.keras", "CMP501"),
    ],
)
@pytest.mark.usefixtures("workspace")
def test_odd_locations_are_told_like_any_mistake(
    location: str, code: str, compose: Callable
) -> None:
    spec(location)
    result = compose("validate", "spec.yaml", "--output-format", "concise")
    assert result.code == 1
    assert code in result.err


@pytest.mark.usefixtures("workspace")
def test_a_spec_without_urls_needs_no_library_of_the_web() -> None:
    spec("models/tower.keras")
    program = (
        "import sys\nfrom composer.cli.running import run\n"
        "code = run(['validate', 'spec.yaml'])\n"
        "assert code == 0 and not {'requests', 'fsspec', 'huggingface_hub'} & set(sys.modules)\n"
    )
    subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def test_what_a_program_prepares_has_what_came(server: FileServer, workspace: Path) -> None:
    spec(f"{server.url}/big.keras")
    prepared = prepare("spec.yaml")
    assert prepared.plan is not None
    assert [remark[:8] for remark in prepared.remarks] == ["fetched "]
    assert plan_document(prepared.plan)["sources"][0]["download"]["bytes"] > 8_000_000


def test_a_spec_that_another_starts_from_may_name_a_url(
    server: FileServer, compose: Callable
) -> None:
    address = server.url.replace("://", "://someone:hunter2222@")
    Path("part.yaml").write_text(
        f'version: 1\nname: part\nsources:\n  big: {{from: "{address}/big.keras"}}\n'
    )
    Path("spec.yaml").write_text(
        "version: 1\nname: model\nsources:\n  part: {from: part.yaml, prefix: p_}\n"
    )
    result = compose("build", "spec.yaml")
    assert result.code == 0
    assert result.err.count("fetched ") == 1
    server.failures["/big.keras"] = [Fail(404)]
    result = compose("build", "spec.yaml")
    assert "part.yaml:4:15: error[CMP510]" in result.err
    assert "hunter2222" not in result.out + result.err


def test_builds_side_by_side_fetch_a_file_once(server: FileServer, compose: Callable) -> None:
    for name in ("one", "two"):
        spec(f"{server.url}/big.keras")
        Path("spec.yaml").rename(f"{name}.yaml")
        text = Path(f"{name}.yaml").read_text().replace("name: model", f"name: {name}")
        Path(f"{name}.yaml").write_text(text)
    result = compose("build", "one.yaml", "two.yaml", "-j", "2")
    assert result.code == 0, result.err
    assert result.err.count("fetched ") == 1
    assert server.sent == len(server.files["/big.keras"].data)
    result = compose("build", "one.yaml", "two.yaml", "-j", "2", "--offline")
    assert (result.code, result.err.count("offline: ")) == (0, 2)


def test_weights_by_url_are_those_of_the_file(
    server: FileServer, compose: Callable, workspace: Path
) -> None:
    dense_model(workspace / "other.keras", (64, 1400, 1400, 4), seed=1)
    server.files["/other.keras"] = Served((workspace / "other.keras").read_bytes())
    spec("big.keras", ", weights: other.keras")
    assert compose("build", "spec.yaml", "-o", "local.keras").code == 0
    spec("big.keras", f', weights: "{server.url}/other.keras"')
    result = compose("build", "spec.yaml", "-o", "remote.keras")
    assert result.code == 0, result.err
    local, remote = members("local.keras"), members("remote.keras")
    assert local["model.weights.h5"] == remote["model.weights.h5"]
    assert local["config.json"] == remote["config.json"]


def test_weights_that_are_not_at_their_url_are_told_there(
    server: FileServer, compose: Callable
) -> None:
    address = server.url.replace("://", "://someone:${vars.password}@")
    spec(
        "big.keras",
        f', weights: "{address}/nothing.keras"',
        before="vars: {password: hunter2222}\n",
    )
    result = compose("validate", "spec.yaml")
    assert "spec.yaml:5:51: error[CMP510]: source 'tower': there is no file at" in result.err
    assert "hunter2222" not in result.err
    result = compose("validate", "spec.yaml", "--offline")
    assert "error[CMP514]: source 'tower': " in result.err


def test_a_file_cut_short_by_its_server_is_no_model(server: FileServer, compose: Callable) -> None:
    server.files["/big.keras"].length = 1_000_000
    spec(f"{server.url}/big.keras")
    result = compose("build", "spec.yaml")
    assert result.code == 1
    assert "error[CMP502]" in result.err
    assert f"{server.url}/big.keras" in result.err
    assert "store" not in result.err
    assert not Path("build").exists()
