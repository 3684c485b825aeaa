"""A build of what is fresh does nothing; of what is stale it does what is needed, and says why."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import composer
from composer.container.archive import open_archive
from composer.difference.changes import changes
from composer.record import freshness, made_from
from composer.record.freshness import look, remember
from composer.sources.source_digests import source_states
from composer.spec.model import Destination
from composer.store import Store, default_store
from composer.workflows.building import build_spec
from composer.workflows.pipeline import prepare
from tests.container.minimal import METADATA, dense_model, write_keras_file

SPEC = """\
version: 1
name: pair
sources:
  a: {from: models/a.keras, prefix: a_}
  b: {from: models/b.keras, prefix: b_}
output: {path: pair.keras}
"""
SPEC_OF_TWO = SPEC.replace("path: pair.keras", "path: pair, format: [keras, weights]")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "work"
    (folder / "models").mkdir(parents=True)
    dense_model(folder / "models" / "a.keras")
    dense_model(folder / "models" / "b.keras", seed=1)
    monkeypatch.setenv("COMPOSE_HOME", str(tmp_path / "store"))
    monkeypatch.chdir(folder)
    (folder / "pair.yaml").write_text(SPEC)
    return folder


@pytest.fixture
def compose(folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[str, str]]:
    """Return ``compose`` run in this process, for what ends well."""
    from composer.cli.running import run

    def call(*arguments: str, code: int = 0) -> tuple[str, str]:
        capsys.readouterr()
        assert run(arguments) == code
        return capsys.readouterr()

    return call


def anew(folder: Path, *overrides: str) -> bytes:
    """Return what a build gives that knows nothing of earlier ones."""
    shutil.rmtree(folder.parent / "other", ignore_errors=True)
    prepared = prepare("pair.yaml", overrides, deep=True, store=Store(folder.parent / "other"))
    return build_spec(prepared, output=folder.parent / "other.keras").path.read_bytes()


def state(path: Path) -> tuple[int, int]:
    return path.stat().st_ino, path.stat().st_ctime_ns


def test_a_build_of_what_is_fresh_leaves_it_alone(compose, folder: Path) -> None:
    first = compose("build", "pair.yaml")[0]
    assert first.startswith("pair.keras\n  operations  6, from 2 sources\n")
    before = state(folder / "pair.keras")
    assert compose("build", "pair.yaml") == ("pair.keras is fresh\n", "")
    assert compose("build", "--dry-run", "pair.yaml")[0].startswith("pair.keras is fresh\n")
    assert state(folder / "pair.keras") == before
    artifact = composer.build("pair.yaml")
    assert artifact.fresh
    assert [artifact.sha256] == [line[14:] for line in first.splitlines() if "sha256" in line]
    assert artifact.files[0].size == (folder / "pair.keras").stat().st_size


def test_force_builds_what_is_fresh(compose, folder: Path) -> None:
    first = compose("build", "pair.yaml")[0]
    before = state(folder / "pair.keras")
    again = compose("build", "--force", "pair.yaml")[0]
    assert again.splitlines()[:-1] == first.splitlines()[:-1]
    assert state(folder / "pair.keras") != before
    assert compose("build", "--dry-run", "--force", "pair.yaml")[0].startswith(
        "pair.keras would be written\n"
    )
    assert not composer.build("pair.yaml", force=True).fresh


def test_what_is_to_be_inspected_is_built(folder: Path) -> None:
    composer.build("pair.yaml")
    seen: list[Path] = []
    assert not build_spec(prepare("pair.yaml", deep=True), inspect=seen.append).fresh
    assert len(seen) == 1


def change_name(folder: Path) -> None:
    (folder / "pair.yaml").write_text(SPEC.replace("prefix: a_", "prefix: left_"))


def change_source(folder: Path) -> None:
    dense_model(folder / "models" / "b.keras", seed=2)


def add_source(folder: Path) -> None:
    (folder / "pair.yaml").write_text(
        SPEC.replace("output", "  c: {from: models/a.keras, prefix: c_}\noutput")
    )


def change_both(folder: Path) -> None:
    change_name(folder)
    change_source(folder)


def change_result(folder: Path) -> None:
    """Change one byte in place and put the times back that can be put back."""
    path = folder / "pair.keras"
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)[0]
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace_result(folder: Path) -> None:
    shutil.copy(folder / "models" / "a.keras", folder / "pair.keras")


def remove_result(folder: Path) -> None:
    (folder / "pair.keras").unlink()


def move_spec(folder: Path) -> None:
    """Let another spec have written there last."""
    (folder / "other.yaml").write_text(SPEC.replace("prefix: a_", "prefix: x_"))
    composer.build("other.yaml")


CHANGES = [
    (change_name, "the spec changed"),
    (add_source, "the spec changed"),
    (change_source, "source 'b' changed"),
    (change_both, "the spec changed; source 'b' changed"),
    (change_result, "it was changed since it was built"),
    (replace_result, "it was changed since it was built"),
    (remove_result, "it no longer exists"),
    (move_spec, "it was built from other.yaml"),
]


@pytest.mark.parametrize(("change", "reason"), CHANGES, ids=lambda value: value)
def test_what_is_stale_is_built_as_if_for_the_first_time_and_the_build_says_why(
    compose, folder: Path, change: Callable[[Path], None], reason: str
) -> None:
    compose("build", "pair.yaml")
    change(folder)
    assert f"  was stale   {reason}\n" in compose("build", "pair.yaml")[0]
    assert (folder / "pair.keras").read_bytes() == anew(folder)
    assert compose("build", "pair.yaml")[0] == "pair.keras is fresh\n"


def test_other_overrides_are_named(compose, folder: Path) -> None:
    compose("build", "pair.yaml")
    out = compose("build", "pair.yaml", "sources.a.prefix=x_")[0]
    assert "  was stale   overrides: none then, sources.a.prefix=x_ now\n" in out
    assert compose("build", "pair.yaml", "sources.a.prefix=x_")[0] == "pair.keras is fresh\n"
    out = compose("build", "pair.yaml")[0]
    assert "  was stale   overrides: sources.a.prefix=x_ then, none now\n" in out


def test_other_versions_of_what_writes_the_file_are_named(
    compose, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compose("build", "pair.yaml")
    found = made_from.installed
    monkeypatch.setattr(made_from, "installed", lambda names: {**found(names), "h5py": "99.0"})
    assert ", 99.0 is installed\n" in compose("build", "pair.yaml")[0]
    assert compose("build", "pair.yaml")[0] == "pair.keras is fresh\n"


def test_while_composer_is_worked_on_its_code_counts_too(
    compose, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compose("build", "pair.yaml")
    monkeypatch.setattr(made_from, "_own_code", lambda: "another")
    assert "  was stale   composer changed\n" in compose("build", "pair.yaml")[0]
    assert compose("build", "pair.yaml")[0] == "pair.keras is fresh\n"
    monkeypatch.setattr(made_from, "_own_code", lambda: None)
    assert "  was stale   composer changed\n" in compose("build", "pair.yaml")[0]


def rewrite_comments(folder: Path) -> None:
    (folder / "pair.yaml").write_text(f"# A remark.\n{SPEC}")


def save_source_again(folder: Path) -> None:
    """Write the same model as Keras would on another day."""
    path = folder / "models" / "b.keras"
    with open_archive(path) as archive:
        config = dict(archive.config)
    weights = folder / "weights"
    shutil.unpack_archive(path, weights, "zip")
    write_keras_file(
        path,
        config,
        weights=(weights / "model.weights.h5").read_bytes(),
        metadata={**METADATA, "date_saved": "2027-12-31@00:00:00"},
    )


def touch_all(folder: Path) -> None:
    for path in folder.rglob("*.keras"):
        path.touch()


@pytest.mark.parametrize("change", [rewrite_comments, save_source_again, touch_all])
def test_what_changes_no_byte_of_the_result_leaves_it_fresh(
    compose, folder: Path, change: Callable[[Path], None]
) -> None:
    compose("build", "pair.yaml")
    change(folder)
    assert compose("build", "pair.yaml")[0] == "pair.keras is fresh\n"
    assert (folder / "pair.keras").read_bytes() == anew(folder)


def test_only_the_formats_that_are_stale_are_built(compose, folder: Path) -> None:
    (folder / "pair.yaml").write_text(SPEC_OF_TWO)
    first = composer.build("pair.yaml")
    before = state(folder / "pair.keras")
    (folder / "pair.weights.h5").unlink()
    out = compose("build", "pair.yaml")[0]
    assert out.startswith("pair.keras is fresh\npair.weights.h5\n")
    assert "  was stale   it no longer exists\n" in out
    assert state(folder / "pair.keras") == before
    again = composer.build("pair.yaml")
    assert [file.sha256 for file in again.files] == [file.sha256 for file in first.files]
    assert compose("build", "pair.yaml")[0] == "pair.keras is fresh\npair.weights.h5 is fresh\n"


def test_several_specs_are_counted(compose, folder: Path) -> None:
    (folder / "one.yaml").write_text(SPEC.replace("pair", "one"))
    compose("build", "pair.yaml")
    out, err = compose("build", "pair.yaml", "one.yaml")
    assert out.startswith("pair.keras is fresh\none.keras\n")
    assert err == "2 of 2 specs done; 1 built, 1 fresh\n"
    assert compose("build", ".", "-j", "2")[1] == "2 of 2 specs done; 0 built, 2 fresh\n"


def test_nothing_is_remembered_of_a_store_that_was_emptied(compose, folder: Path) -> None:
    compose("build", "pair.yaml")
    assert list((default_store().root / "results").glob("*/*.json"))
    compose("cache", "prune", "--all")
    assert not list((default_store().root / "results").glob("*/*.json"))
    out = compose("build", "pair.yaml")[0]
    assert "took" in out
    assert "stale" not in out


def test_a_damaged_note_counts_as_none(compose, folder: Path) -> None:
    compose("build", "pair.yaml")
    (note,) = (default_store().root / "results").glob("*/*.json")
    document = json.loads(note.read_text())
    of_an_earlier_version = {"parts": {"spec": "0" * 64, "source a": "0" * 64}}
    for damage in ({"sha256": 1}, {"parts": None}, {"size": "1"}, of_an_earlier_version):
        note.write_text(json.dumps({**document, "note": {**document["note"], **damage}}))
        assert "took" in compose("build", "pair.yaml")[0]


def test_times_are_trusted_but_not_by_a_locked_build(
    compose, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compose("build", "pair.yaml")
    compose("lock", "pair.yaml")
    good = (folder / "pair.keras").read_bytes()
    # Some file system that shows no change.
    monkeypatch.setattr(freshness, "_stamp", lambda _path: "stamp")
    compose("build", "pair.yaml", "--force")
    change_result(folder)
    assert compose("build", "pair.yaml")[0] == "pair.keras is fresh\n"
    out, err = compose("build", "pair.yaml", "--locked")
    assert "  was stale   it was changed since it was built\n" in out
    assert err == "everything matches pair.lock.json\n"
    assert (folder / "pair.keras").read_bytes() == good


def test_a_change_within_a_tick_of_the_clock_is_seen(folder: Path) -> None:
    """The stamp is taken when the clock has passed the moment of the build."""
    composer.build("pair.yaml")
    for _ in range(5):
        change_result(folder)
        assert not composer.build("pair.yaml").fresh
        assert composer.build("pair.yaml").fresh


def test_a_result_that_another_build_replaced_is_not_taken_for_ones_own(folder: Path) -> None:
    prepared = prepare("pair.yaml", deep=True)
    assert prepared.plan is not None
    assert prepared.spec is not None
    store = default_store()
    artifact = build_spec(prepared)
    plan, places = prepared.plan, prepared.spec.target.destinations
    origins = made_from.made_from(
        plan, source_states(plan, prepared.spec, store), prepared.spec, places, store
    )
    shutil.copy("models/a.keras", "theirs.keras")
    Path("theirs.keras").replace("pair.keras")
    remember(artifact.files, origins, store)
    (found,) = look(plan, prepared.spec, places, store)
    assert found.reasons == ("it was changed since it was built",)


def test_a_lock_is_held_against_and_kept_current_where_all_is_fresh(compose, folder: Path) -> None:
    compose("build", "pair.yaml")
    compose("lock", "pair.yaml")
    lock = folder / "pair.lock.json"
    good = lock.read_bytes()
    assert compose("build", "--locked", "pair.yaml") == (
        "pair.keras is fresh\n", "everything matches pair.lock.json\n",
    )  # fmt: skip
    document = json.loads(good)
    document["artifacts"]["keras"]["content"] = "0" * 64
    lock.write_text(json.dumps(document))
    err = compose("build", "--locked", "pair.yaml", code=4)[1]
    assert "artifacts.keras.content" in err
    (folder / "pair.yaml").write_text(f"# A remark.\n{SPEC}")
    document["artifacts"]["keras"]["sha256"] = "0" * 64
    lock.write_text(json.dumps(document))
    out, err = compose("build", "pair.yaml")
    assert out == "pair.keras is fresh\n"
    assert err == "pair.lock.json brought up to date: spec, artifacts\n"
    compose("lock", "--check", "pair.yaml")
    assert json.loads(lock.read_bytes())["artifacts"] == json.loads(good)["artifacts"]


def test_code_decides_what_is_exported_and_not_what_is_linked(folder: Path) -> None:
    (folder / "my_code.py").write_text("class Scale: ...\n")
    (folder / "pair.yaml").write_text(
        SPEC.replace("prefix: a_", "prefix: a_, objects: ['my_code:Scale']")
    )
    places = [Destination(path=Path(f"x.{name}"), format=name) for name in ("keras", "onnx")]

    def found() -> tuple[made_from.MadeFrom, ...]:
        prepared = prepare("pair.yaml")
        assert prepared.plan is not None
        assert prepared.spec is not None
        states = source_states(prepared.plan, prepared.spec, default_store())
        return made_from.made_from(prepared.plan, states, prepared.spec, places, default_store())

    before = found()
    assert found() == before
    (folder / "my_code.py").write_text("class Scale: pass\n")
    after = found()
    assert after[0] == before[0]
    changed = changes(before[1].parts, after[1].parts)
    assert [item.path for item in changed] == [("code", "my_code.py")]
    assert made_from.reasons(changed) == ("my_code.py changed",)
    assert {"keras", "tensorflow"} <= after[1].parts["toolchain"].keys()
    assert not {"keras", "tensorflow"} & after[0].parts["toolchain"].keys()


def test_a_place_whose_name_is_no_text_is_a_place(folder: Path) -> None:
    odd = os.fsdecode(b"odd\xff")
    for fresh in (False, True):
        assert composer.build("pair.yaml", output=f"{odd}/x.keras").fresh is fresh
    assert Path(odd, "x.keras").is_file()
