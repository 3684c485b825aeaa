"""A lock is brought up to date for a cause alone, and of bytes that were read and found sound."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from composer.container.archive import open_archive
from composer.files.unfinished import MARK
from composer.linker import check_artifact as check
from composer.linker import linker
from composer.sources import context
from composer.store import Store, default_store
from tests.commands import Compose, in_this_process
from tests.container.minimal import dense_model
from tests.legacy.h5.handmade import two_dense, two_dense_weights, write_h5


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COMPOSE_HOME", str(tmp_path / "store"))
    for name, seed in (("a", 1), ("b", 2), ("other", 3)):
        dense_model(folder / f"{name}.keras", seed=seed)
    (folder / "inner.yaml").write_text("version: 1\nname: inner\nsources:\n  a: {from: a.keras}\n")
    return folder


@pytest.fixture
def compose(folder: Path, capsys: pytest.CaptureFixture[str]) -> Compose:
    return in_this_process(capsys)


def spec(source: str) -> str:
    Path("m.yaml").write_text(
        f"version: 1\nname: m\nsources:\n  {source}\noutput: {{path: out.keras}}\n"
    )
    return "m.yaml"


def locked() -> dict[str, Any]:
    return json.loads(Path("m.lock.json").read_text())


def flip(path: str, tensor: str) -> None:
    """Change one bit of a tensor of an archive."""
    with open_archive(path) as archive:
        stored = archive.weights.find(tensor)
    data = bytearray(Path(path).read_bytes())
    data[stored.offset + 1] ^= 1
    Path(path).write_bytes(data)


DAMAGED = {
    "a source": ("s: {from: a.keras}", "a.keras"),
    "one that is cut": ("s: {from: a.keras, exclude: [d2]}", "a.keras"),
    # Its weights are not used, so that the result is what it was.
    "an architecture": ("s: {from: a.keras, weights: b.keras}", "a.keras"),
    "weights": ("s: {from: a.keras, weights: b.keras}", "b.keras"),
    "a source of a spec": ("s: {from: inner.yaml}", "a.keras"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_source_is_neither_fresh_nor_locked(
    compose: Compose, folder: Path, case: str
) -> None:
    source, damaged = DAMAGED[case]
    name = spec(source)
    assert compose("lock", name)[0] == 0
    assert compose("build", name)[0] == 0
    text = Path("m.lock.json").read_text()
    flip(damaged, "layers/dense_1/vars/0")
    for command in (
        ("build", name),
        ("build", "--force", name),
        ("build", "--locked", name),
        ("lock", "--check", name),
        ("lock", name),
    ):
        code, _, err = compose(*command)
        assert code in (1, 4), command
        assert "error[CMP502]" in err, command
        assert Path("m.lock.json").read_text() == text


EXCHANGED = {
    "spec": "s: {from: inner.yaml}",
    "weights": "s: {from: a.keras, weights: b.keras}",
}


@pytest.mark.parametrize("kind", EXCHANGED)
def test_an_object_that_was_exchanged_is_made_again(
    compose: Compose, folder: Path, kind: str
) -> None:
    name = spec(EXCHANGED[kind])
    assert compose("lock", name)[0] == 0
    assert compose("build", name)[0] == 0
    right, text = Path("out.keras").read_bytes(), Path("m.lock.json").read_text()
    (stored,) = default_store().list_objects()
    stored.path.chmod(0o644)
    shutil.copy("other.keras", stored.path)
    record = stored.path.with_suffix(".json")
    said = json.loads(record.read_text())
    record.write_text(json.dumps({**said, "size": stored.path.stat().st_size}))
    for command in (("build", name), ("build", "--force", name)):
        assert compose(*command)[0] == 0
        assert Path("out.keras").read_bytes() == right
        assert Path("m.lock.json").read_text() == text


@pytest.fixture
def imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a model of Keras's made without Keras."""

    def made(recipe: Any, store: Store, **_named: Any) -> str:
        known = store.recipe(recipe.key)
        if known is not None:
            return known
        made = Path("made.keras")
        shutil.copy("a.keras", made)
        digest = store.add(made)
        store.remember_recipe(recipe.key, digest, {})
        return digest

    monkeypatch.setattr("composer.keras_process.imports.import_model", made)
    assert context.Context


def test_a_recipe_that_leads_elsewhere_is_no_new_state_of_an_h5_file(
    compose: Compose, folder: Path, imported: None
) -> None:
    write_h5(folder / "old.h5", two_dense(), two_dense_weights())
    name = spec("s: {from: old.h5}")
    assert compose("lock", name)[0] == 0
    assert compose("build", name)[0] == 0
    right, text = Path("out.keras").read_bytes(), Path("m.lock.json").read_text()
    store = default_store()
    false = folder / "false.keras"
    shutil.copy("other.keras", false)
    digest = store.add(false)
    for path in store.root.glob("recipes/*/*.json"):
        path.write_text(json.dumps({**json.loads(path.read_text()), "digest": digest}))
    for command in (("build", name), ("build", "--force", name)):
        code, _, err = compose(*command)
        assert code == 4
        assert "error[CMP616]" in err
        assert Path("out.keras").read_bytes() == right
        assert Path("m.lock.json").read_text() == text
    assert compose("build", "--locked", name)[0] == 4
    # The command of the help.
    assert compose("lock", name)[0] == 0
    assert compose("build", name)[0] == 0


def test_a_changed_source_still_brings_its_lock_up_to_date(compose: Compose, folder: Path) -> None:
    name = spec("s: {from: inner.yaml}")
    assert compose("lock", name)[0] == 0
    assert compose("build", name)[0] == 0
    before = locked()
    dense_model(folder / "a.keras", seed=9)
    assert compose("build", name)[0] == 0
    assert locked()["sources"]["s"]["content"] != before["sources"]["s"]["content"]


def test_what_a_killed_build_left_goes_with_a_fresh_build_too(
    compose: Compose, folder: Path
) -> None:
    name = spec("s: {from: a.keras}")
    assert compose("build", name)[0] == 0
    beginning = ".out.0123abcd"
    (folder / f"{beginning}{MARK}").write_text("keras-compose\nout.keras\n")
    (folder / f"{beginning}.keras").write_bytes(b"half")
    scratch = default_store().root / "scratch"
    scratch.mkdir(exist_ok=True)
    (scratch / f".scratch.0123abcd{MARK}").write_text("keras-compose\n\n")
    (scratch / ".scratch.0123abcd").mkdir()
    code, out, _ = compose("build", name)
    assert (code, "fresh" in out) == (0, True)
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("stage", [(linker, "link"), (check, "check_artifact")])
def test_an_h5_file_that_is_swapped_after_its_import_is_named(
    compose: Compose, folder: Path, imported: None, monkeypatch: pytest.MonkeyPatch, stage: Any
) -> None:
    old = write_h5(folder / "old.h5", two_dense(), two_dense_weights())
    name = spec("s: {from: old.h5}")
    assert compose("lock", name)[0] == 0
    text = Path("m.lock.json").read_text()
    real = getattr(*stage)

    def swapping(*arguments: Any, **named: Any) -> Any:
        times = old.stat()
        data = bytearray(old.read_bytes())
        data[-1] ^= 1
        old.write_bytes(data)
        os.utime(old, ns=(times.st_atime_ns, times.st_mtime_ns))
        return real(*arguments, **named)

    monkeypatch.setattr(*stage, swapping)
    code, _, err = compose("build", name)
    assert code == 1
    assert f"{name}:4:" in err
    assert "error[CMP545]" in err
    assert not Path("out.keras").exists()
    assert Path("m.lock.json").read_text() == text
