"""``compose verify --rebuild``: the same spec in an empty store gives the same bytes, or it is told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.provenance.conftest import PAIR, Compose, repacked


def _state(path: Path) -> tuple[int, int, int]:
    """Return what changes when a file is written, and not when it is read."""
    status = path.stat()
    return status.st_ino, status.st_mtime_ns, status.st_ctime_ns


def test_an_artifact_is_built_again_from_its_spec_and_is_equal(
    folder: Path, compose: Compose, tmp_path: Path
) -> None:
    (folder / "pair.yaml").write_text(f"{PAIR}output: {{path: pair, format: [keras, weights]}}\n")
    assert compose("build", "pair.yaml")[0] == 0
    before = {path: _state(path) for path in folder.iterdir()}
    store = sorted((tmp_path / "store").rglob("*"))
    code, out, _ = compose("verify", "pair.yaml", "--rebuild")
    assert code == 0
    assert out.count("ok       rebuild  equal in every byte (") == 2
    assert {path: _state(path) for path in folder.iterdir()} == before
    assert sorted((tmp_path / "store").rglob("*")) == store
    assert compose("verify", "pair.keras", "--spec", "pair.yaml", "--rebuild")[0] == 0


def test_overrides_of_the_build_are_those_of_the_rebuild(folder: Path, compose: Compose) -> None:
    compose("build", "pair.yaml", "sources.a.prefix=z_", "-o", "z.keras")
    arguments = ("verify", "z.keras", "--spec", "pair.yaml", "--rebuild")
    assert compose(*arguments, "sources.a.prefix=z_")[0] == 0
    code, out, err = compose(*arguments)
    assert code == 4
    assert "z.keras → a new build\n» z_* → a_*" in out
    assert "error[CMP614]: z.keras is not what its spec gives now: its content differs" in err


def test_a_source_that_changed_since_shows_in_the_layers(folder: Path, compose: Compose) -> None:
    compose("build", "pair.yaml", "-o", "pair.keras")
    shutil.copytree(folder / "models", folder / "copies", symlinks=False)
    (folder / "models").unlink()
    (folder / "copies").rename(folder / "models")
    shutil.copy(folder / "models" / "tower_b.keras", folder / "models" / "tower.keras")
    code, out, _ = compose("verify", "pair.keras", "--spec", "pair.yaml", "--rebuild")
    assert code == 4
    assert "a_conv1" in out
    assert "failed   rebuild  its content differs" in out


def test_a_lock_gives_the_spec_and_its_overrides_and_is_held_too(
    folder: Path, compose: Compose
) -> None:
    compose("lock", "pair.yaml", "sources.a.prefix=z_")
    compose("build", "pair.yaml", "sources.a.prefix=z_", "-o", "z.keras")
    code, out, _ = compose("verify", "z.keras", "--lock", "pair.lock.json", "--rebuild")
    assert code == 0
    assert [line.split()[:2] for line in out.splitlines()[:2]] == [
        ["ok", "lock"],
        ["ok", "rebuild"],
    ]
    (folder / "pair.yaml").write_text(PAIR.replace("MIT", "ISC"))
    code, out, err = compose("verify", "z.keras", "--lock", "pair.lock.json", "--rebuild")
    assert (code, out) == (4, "")
    assert "[CMP601]" in err
    assert "pair.yaml could not be built again; nothing was compared" in err


def test_what_other_versions_laid_out_differently_passes_only_where_the_lock_names_them(
    folder: Path, compose: Compose
) -> None:
    compose("lock", "pair.yaml")
    compose("build", "pair.yaml", "-o", "pair.keras")
    repacked("pair.keras", "again.keras")
    code, out, _ = compose("verify", "again.keras", "--spec", "pair.yaml", "--rebuild")
    assert code == 4
    assert "equal content" in out
    file = folder / "pair.lock.json"
    document = json.loads(file.read_text())
    document["toolchain"]["h5py"] = "3.0.0"
    file.write_text(json.dumps(document))
    assert compose("verify", "again.keras", "--lock", "pair.yaml", "--rebuild")[0] == 0


def test_a_spec_that_fails_ends_with_its_own_code_and_words(folder: Path, compose: Compose) -> None:
    compose("build", "pair.yaml", "-o", "pair.keras")
    (folder / "pair.yaml").write_text(PAIR.replace("tower.keras", "nothing.keras"))
    code, out, err = compose("verify", "pair.keras", "--spec", "pair.yaml", "--rebuild")
    assert (code, out) == (1, "")
    assert "CMP501" in err


def test_a_damaged_artifact_is_told_and_no_bug(folder: Path, compose: Compose) -> None:
    compose("build", "pair.yaml", "-o", "pair.keras")
    (folder / "pair.keras").write_bytes(b"PK nothing")
    code, out, _ = compose("verify", "pair.keras", "--spec", "pair.yaml", "--rebuild")
    assert code == 4
    assert "it can't be read" in out
