"""``compose lock`` and ``compose build --locked``: the same model or none."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from composer.spec.schema_file import schema_text
from tests.commands import Compose, in_this_process
from tests.container.minimal import dense_model
from tests.sources.remote.file_server import Served, file_server

SPEC = """\
version: 1
name: pair
extends: _base.yaml
inputs: {image: {shape: [16, 16, 3]}}
sources:
  a: {from: models/tower.keras, prefix: a_, inputs: image}
  b: {from: models/tower_b.keras, license: MIT, inputs: image}
"""
BASE = "sources: {b: {prefix: b_}}\n"


@pytest.fixture
def folder(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "work"
    (folder / "models").mkdir(parents=True)
    for name in ("tower", "tower_b"):
        shutil.copy(models / f"{name}.keras", folder / "models")
    monkeypatch.setenv("COMPOSE_HOME", str(tmp_path / "store"))
    monkeypatch.chdir(folder)
    (folder / "pair.yaml").write_text(SPEC)
    (folder / "_base.yaml").write_text(BASE)
    return folder


@pytest.fixture
def compose(folder: Path, capsys: pytest.CaptureFixture[str]) -> Compose:
    return in_this_process(capsys)


def lock(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "pair.lock.json").read_text())


def test_a_lock_says_all_that_the_build_depends_on_and_gives(compose, folder: Path) -> None:
    code, out, err = compose("lock", "pair.yaml")
    assert (code, out, err) == (0, "pair.lock.json written\n", "")
    document = lock(folder)
    jsonschema.validate(document, json.loads(schema_text("lock")))
    assert set(document["spec"]["files"]) == {"pair.yaml", "_base.yaml"}
    assert document["names"]["b_conv1"] == "b:conv1"
    assert document["names"]["image"] == "image"
    assert document["sources"]["b"]["license"] == "MIT"
    assert document["sources"]["a"]["size"] == (folder / "models" / "tower.keras").stat().st_size
    assert set(document["toolchain"]) == {"composer", "h5py", "hdf5"}
    assert not (folder / "build").exists()
    assert str(folder) not in (folder / "pair.lock.json").read_text()
    compose("build", "pair.yaml")
    built = document["artifacts"]["keras"]
    assert built["size"] == (folder / "build" / "pair.keras").stat().st_size


def test_a_lock_that_is_current_is_not_touched(compose, folder: Path) -> None:
    compose("lock", "pair.yaml")
    before = (folder / "pair.lock.json").stat()
    assert compose("lock", "pair.yaml")[1] == "pair.lock.json is current\n"
    assert compose("lock", "--check", "pair.yaml")[1] == "pair.lock.json holds\n"
    assert compose("build", "pair.yaml")[0] == 0
    after = (folder / "pair.lock.json").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_another_folder_and_store_give_the_same_lock(
    compose, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compose("lock", "pair.yaml")
    other = tmp_path / "elsewhere" / "deeper"
    shutil.copytree(folder, other, ignore=shutil.ignore_patterns("*.lock.json"))
    monkeypatch.setenv("COMPOSE_HOME", str(tmp_path / "other_store"))
    monkeypatch.chdir(tmp_path)
    assert compose("lock", "elsewhere/deeper/pair.yaml")[0] == 0
    assert (other / "pair.lock.json").read_bytes() == (folder / "pair.lock.json").read_bytes()


def change_spec(folder: Path) -> None:
    (folder / "pair.yaml").write_text(SPEC.replace("prefix: a_", "prefix: left_"))


def change_base(folder: Path) -> None:
    (folder / "_base.yaml").write_text(f"{BASE}# a remark\n")


def change_source(folder: Path) -> None:
    shutil.copy(folder / "models" / "tower.keras", folder / "models" / "tower_b.keras")


def change_artifact(folder: Path) -> None:
    document = lock(folder)
    document["artifacts"]["keras"]["content"] = "0" * 64
    (folder / "pair.lock.json").write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        (change_spec, "CMP601", "spec.files.pair.yaml"),
        (change_base, "CMP601", "spec.files._base.yaml"),
        (change_source, "CMP602", "sources.b.content"),
        (change_artifact, "CMP606", "artifacts.keras.content"),
    ],
)
def test_a_locked_build_fails_when_anything_differs_and_names_it(
    compose, folder: Path, change: Callable[[Path], None], code: str, field: str
) -> None:
    compose("lock", "pair.yaml")
    assert compose("build", "--locked", "pair.yaml", "-o", "first.keras")[0] == 0
    change(folder)
    ended, out, err = compose("build", "--locked", "pair.yaml")
    assert (ended, out) == (4, "")
    assert f"[{code}]" in err
    assert field in err
    assert "compose lock pair.yaml accepts the change" in err
    assert not (folder / "build" / "pair.keras").exists()
    assert not list((folder / "build").glob(".*")) if (folder / "build").exists() else True
    if change is not change_artifact:
        assert compose("lock", "--check", "pair.yaml")[0] == 4
    assert compose("lock", "pair.yaml")[0] == 0
    assert compose("build", "--locked", "pair.yaml")[0] == 0


def test_a_comment_is_said_to_change_no_more_than_the_file(compose, folder: Path) -> None:
    compose("lock", "pair.yaml")
    change_base(folder)
    err = compose("build", "--locked", "pair.yaml")[2]
    assert "the resolved spec is the same" in err


def test_overrides_are_part_of_what_is_locked(compose, folder: Path) -> None:
    compose("lock", "pair.yaml", "sources.a.prefix=x_")
    assert lock(folder)["spec"]["overrides"] == ["sources.a.prefix=x_"]
    code, _, err = compose("build", "--locked", "pair.yaml")
    assert code == 4
    assert "spec.overrides" in err
    assert compose("build", "--locked", "pair.yaml", "sources.a.prefix=x_")[0] == 0


def test_a_plain_build_keeps_a_lock_current_and_changes_nothing_else(compose, folder: Path) -> None:
    assert compose("build", "pair.yaml")[0] == 0
    assert not (folder / "pair.lock.json").exists()
    compose("lock", "pair.yaml")
    before = lock(folder)
    change_spec(folder)
    code, _, err = compose("build", "pair.yaml")
    assert code == 0
    assert "pair.lock.json brought up to date: spec, names, artifacts" in err
    after = lock(folder)
    assert after["sources"] == before["sources"]
    assert after["names"]["left_conv1"] == "a:conv1"
    assert compose("build", "--locked", "pair.yaml")[0] == 0


def test_a_build_with_other_overrides_leaves_the_lock_alone(compose, folder: Path) -> None:
    compose("lock", "pair.yaml")
    before = (folder / "pair.lock.json").read_bytes()
    code, _, err = compose("build", "pair.yaml", "sources.a.prefix=x_")
    assert code == 0
    assert "pair.lock.json is left as it is: its overrides are none" in err
    assert (folder / "pair.lock.json").read_bytes() == before


def test_a_missing_or_broken_lock_is_told(compose, folder: Path) -> None:
    code, _, err = compose("build", "--locked", "pair.yaml")
    assert code == 2
    assert "there is no lock pair.lock.json" in err
    (folder / "pair.lock.json").write_text("{}")
    code, _, err = compose("build", "--locked", "pair.yaml")
    assert code == 4
    assert "pair.lock.json is not a valid lock" in err
    assert compose("lock", "pair.yaml")[:2] == (0, "pair.lock.json written\n")


def test_what_differs_is_told_once(compose, folder: Path) -> None:
    compose("lock", "pair.yaml")
    change_spec(folder)
    change_source(folder)
    for verb in (["lock", "--check"], ["build", "--locked"]):
        err = compose(*verb, "pair.yaml")[2]
        assert err.count("sources.b.content: locked") == 1
        assert err.count("compose lock pair.yaml accepts the change") == 1
        assert err.endswith("\nerror[CMP601]: pair.yaml does not match pair.lock.json\n")
    document = compose("lock", "--check", "pair.yaml", "--output-format", "json")[1]
    assert all(item["help"] for item in json.loads(document))


def test_a_conflict_of_a_merge_is_named(compose, folder: Path) -> None:
    compose("lock", "pair.yaml")
    path = folder / "pair.lock.json"
    lines = path.read_text().splitlines(keepends=True)
    lines[2:3] = ["<<<<<<< HEAD\n", lines[2], "=======\n", lines[2], ">>>>>>> other\n"]
    path.write_text("".join(lines))
    for verb in (["lock", "--check"], ["build"], ["build", "--frozen"]):
        code, _, err = compose(*verb, "pair.yaml")
        assert (code, "contains a merge conflict in line 3" in err) == (4, True)
    assert compose("lock", "pair.yaml")[0] == 0
    assert compose("lock", "--check", "pair.yaml")[0] == 0


def test_a_failed_spec_leaves_the_lock_alone(compose, folder: Path) -> None:
    compose("lock", "pair.yaml")
    before = (folder / "pair.lock.json").read_bytes()
    (folder / "pair.yaml").write_text(SPEC.replace("tower_b.keras", "nothing.keras"))
    code, _, err = compose("lock", "pair.yaml")
    assert code == 1
    assert "[CMP501]" in err
    assert (folder / "pair.lock.json").read_bytes() == before


ODD = "layers: {odd: {class: Dense, args: {units: 3}, inputs: 'a:probs'}}\n"
MADE = """
import keras


def tower():
    image = keras.Input((4,), name="image")
    return keras.Model(image, keras.layers.Dense(2, name="probs")(image), name="tower")
"""


def check(compose, *arguments: str) -> tuple[int, list[str], str]:
    """Return the exit code of a check, its diagnostics' codes, and what they say."""
    code, out, _ = compose("lock", "--check", "--output-format", "json", "pair.yaml", *arguments)
    found = json.loads(out)
    return code, sorted(item["code"] for item in found), json.dumps(found)


def test_a_change_is_told_although_keras_would_have_to_be_asked_for_the_rest(
    compose, folder: Path
) -> None:
    compose("lock", "pair.yaml")
    before = (folder / "pair.lock.json").read_bytes()
    (folder / "pair.yaml").write_text(SPEC + ODD)
    code, codes, said = check(compose)
    assert (code, codes) == (4, ["CMP601", "CMP603"])
    assert "spec.resolved.layers" in said
    assert "names.odd: locked nothing, found 'odd'" in said
    assert (folder / "pair.lock.json").read_bytes() == before


@pytest.mark.keras
def test_where_nothing_differs_so_far_a_check_is_not_done_without_keras(
    compose, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "pair.yaml").write_text(SPEC + ODD)
    compose("lock", "pair.yaml")
    before = (folder / "pair.lock.json").read_bytes()
    monkeypatch.setenv("COMPOSE_HOME", str(tmp_path / "another_store"))
    code, codes, said = check(compose)
    assert (code, codes) == (3, ["CMP610"])
    assert "layer 'odd' must first be created by Keras" in said
    assert "compose validate --deep pair.yaml asks Keras" in said
    code, codes, _ = check(compose, "+seed=1")
    assert (code, codes) == (4, ["CMP601", "CMP604"])
    change_source(folder)
    assert check(compose)[:2] == (4, ["CMP602"])
    assert (folder / "pair.lock.json").read_bytes() == before


@pytest.mark.keras
def test_what_deep_validation_asked_a_check_knows(
    compose, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "pair.yaml").write_text(SPEC + ODD)
    compose("lock", "pair.yaml")
    monkeypatch.setenv("COMPOSE_HOME", str(tmp_path / "another_store"))
    assert compose("validate", "--deep", "pair.yaml")[0] == 0
    assert compose("lock", "--check", "pair.yaml")[:2] == (0, "pair.lock.json holds\n")


@pytest.mark.keras
def test_a_source_that_waits_for_an_import_hides_no_change_of_another(
    compose, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "made.py").write_text(MADE)
    text = (
        "version: 1\nname: pair\nsources:\n"
        "  a: {from: models/tower.keras, prefix: a_}\n  m: {from: 'py:made:tower', prefix: m_}\n"
        "layers: {odd: {class: Dense, args: {units: 3}, inputs: 'a:probs'}}\n"
    )
    (folder / "pair.yaml").write_text(text)
    compose("lock", "pair.yaml")
    monkeypatch.setenv("COMPOSE_HOME", str(tmp_path / "another_store"))
    code, codes, said = check(compose)
    assert (code, codes) == (3, ["CMP610"])
    assert "source 'm' must first be imported by Keras" in said
    (folder / "pair.yaml").write_text(text + "seed: 1\n")
    code, codes, said = check(compose)
    assert (code, codes) == (4, ["CMP601", "CMP602", "CMP604"])
    assert "sources.m.seed" in said
    assert "layers.odd.seed" in said
    (folder / "pair.yaml").write_text(text)
    shutil.copy(folder / "models" / "tower_b.keras", folder / "models" / "tower.keras")
    code, codes, said = check(compose)
    assert (code, codes) == (4, ["CMP602"])
    assert "sources.a.sha256" in said
    assert "sources.a.content" in said


def test_a_source_by_url_stays_at_what_was_locked_until_it_is_upgraded(
    compose, folder: Path, models: Path
) -> None:
    with file_server() as server:
        server.files["/tower.keras"] = Served((models / "tower.keras").read_bytes())
        (folder / "pair.yaml").write_text(
            f"version: 1\nname: pair\nsources:\n  net: {{from: '{server.url}/tower.keras'}}\n"
        )
        assert compose("lock", "pair.yaml")[0] == 0
        first = lock(folder)["sources"]["net"]
        assert "revision" not in first  # an ETag is none
        server.files["/tower.keras"] = Served((models / "tower_b.keras").read_bytes(), etag='"two"')
        assert compose("build", "--locked", "pair.yaml")[0] == 0
        assert compose("build", "pair.yaml")[0] == 0
        assert lock(folder)["sources"]["net"] == first
        assert compose("lock", "pair.yaml", "--upgrade", "net")[0] == 0
        assert lock(folder)["sources"]["net"]["sha256"] != first["sha256"]
        code, _, err = compose("lock", "pair.yaml", "--upgrade", "nte")
        assert code == 2
        assert "did you mean 'net'" in err


@pytest.mark.keras
def test_new_layers_are_locked_with_their_seeds_and_weights(compose, folder: Path) -> None:
    (folder / "pair.yaml").write_text(
        f"{SPEC}layers: {{odd: {{class: Dense, args: {{units: 3}}, inputs: 'a:probs'}},"
        " act: {class: ReLU, inputs: odd}}\noutputs: act\n"
    )
    assert compose("lock", "pair.yaml")[0] == 0
    document = lock(folder)
    assert {key: layer["class"] for key, layer in document["layers"].items()} == {
        "odd": "Dense", "act": "ReLU"
    }  # fmt: skip
    assert {"keras", "tensorflow"} < set(document["toolchain"])
    assert compose("build", "--locked", "pair.yaml")[0] == 0
    assert compose("lock", "--check", "pair.yaml")[0] == 0
    code, _, err = compose("build", "--locked", "pair.yaml", "+seed=1")
    assert code == 4
    assert "layers.odd.seed" in err


def test_a_locked_build_reads_bytes_where_a_check_trusts_times(
    compose, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from composer.files import file_times
    from composer.files.file_times import file_key
    from composer.store import default_store

    monkeypatch.setattr(file_times, "SETTLED", 0)
    tower = dense_model(folder / "models" / "tower.keras")
    (folder / "pair.yaml").write_text(
        "version: 1\nname: pair\nsources: {a: {from: models/tower.keras}}\n"
    )
    compose("lock", "pair.yaml")
    assert compose("build", "pair.yaml", "--locked")[0] == 0
    before = (folder / "build" / "pair.keras").read_bytes()
    store = default_store()
    notes = {
        kind: store.note(kind, file_key(tower)) for kind in ("sound-digests", "sound-contents")
    }
    # Other weights, in a file that looks to the store as the one that it knows.
    dense_model(tower, seed=1)
    for kind, note in notes.items():
        store.take_note(kind, file_key(tower), note)
    checked = compose("lock", "pair.yaml", "--check")
    assert checked[0] == 0, checked
    code, _, err = compose("build", "pair.yaml", "--locked")
    assert code == 4
    assert "error[CMP602]: a source is not what was locked: sources.a.content and 1 more" in err
    assert (folder / "build" / "pair.keras").read_bytes() == before
