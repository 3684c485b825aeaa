"""Specs as sources: linked first, once, into the store; with their own words where they fail."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from composer.authoring.inspection import inspect_model
from composer.container.digests import digest_tensors
from composer.errors import BuildError
from composer.files import file_times
from composer.linker import linker
from composer.spec import read_spec
from composer.store import Store
from composer.workflows import pipeline
from composer.workflows.building import build_spec
from composer.workflows.pipeline import Prepared, prepare

INNER = """\
version: 1
name: inner
vars: {keep: "conv2"}
sources:
  t: {from: ../models/tower.keras, include: [{upto: "${vars.keep}"}]}
output: {path: inner_artifact.keras}
"""
OUTER = """\
version: 1
name: outer
sources:
  a: {from: parts/inner.yaml, prefix: a_}
  b: {from: parts/inner.yaml, prefix: b_, args: {keep: conv1}}
"""


@pytest.fixture
def folder(models: Path, tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    shutil.copy(models / "tower.keras", tmp_path / "models")
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "inner.yaml").write_text(INNER)
    (tmp_path / "outer.yaml").write_text(OUTER)
    return tmp_path


@pytest.fixture
def prepared(folder: Path) -> Callable[..., Prepared]:
    def run(spec: str = "outer.yaml", *overrides: str) -> Prepared:
        return prepare(folder / spec, overrides, store=Store(folder / "store"))

    return run


def told(prepared: Prepared) -> list[tuple[str, str, str]]:
    return [
        (d.code, Path(d.span.file).name if d.span else "", d.message) for d in prepared.diagnostics
    ]


def test_a_spec_is_linked_and_its_layers_go_in(
    folder: Path, prepared: Callable[..., Prepared]
) -> None:
    ready = prepared()
    assert told(ready) == []
    artifact = build_spec(ready, output=folder / "outer.keras")
    names = [layer.name for layer in inspect_model(artifact.path).layers]
    assert sorted(names) == ["a_conv1", "a_conv2", "a_drop", "a_image", "b_conv1", "b_image"]
    old = {d.sha256 for d in digest_tensors(folder / "models" / "tower.keras").values()}
    new = digest_tensors(artifact.path)
    assert len(new) == 6
    assert {d.sha256 for d in new.values()} <= old
    # Its own artifact is its own business.
    assert not list(folder.rglob("inner_artifact.keras"))


def test_it_is_linked_once_for_all_who_start_from_it(
    folder: Path, prepared: Callable[..., Prepared], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_times, "SETTLED", 0)
    calls: list[str] = []
    link = linker.link
    monkeypatch.setattr(
        "composer.linker.build.link",
        lambda plan, *more: calls.append(plan.name) or link(plan, *more),
    )
    prepared()
    assert calls == ["inner", "inner"]  # two values of its variable are two models
    prepared()
    (folder / "again.yaml").write_text(OUTER.replace("outer", "again"))
    prepared("again.yaml")
    assert calls == ["inner", "inner"]
    shutil.copy(folder / "models" / "tower.keras", folder / "models" / "copy.keras")
    (folder / "parts" / "inner.yaml").write_text(INNER.replace("conv2", "pool"))
    prepared()
    assert calls == ["inner", "inner", "inner"]


def test_a_spec_under_many_is_read_once_a_run(
    folder: Path, prepared: Callable[..., Prepared], monkeypatch: pytest.MonkeyPatch
) -> None:
    below = "parts/inner.yaml"
    for level in range(8):
        name = f"level{level}.yaml"
        (folder / name).write_text(
            f"version: 1\nname: level{level}\nsources:\n"
            f"  a: {{from: {below}, prefix: a_}}\n  b: {{from: {below}, prefix: b_}}\n"
        )
        below = name
    read = []

    def counted(path: Path, overrides: tuple[str, ...], **limits: Any) -> object:
        read.append(path.name)
        return read_spec(path, overrides, **limits)

    monkeypatch.setattr(pipeline, "read_spec", counted)
    assert not prepared(below).errors
    assert sorted(read) == sorted(["inner.yaml", *(f"level{level}.yaml" for level in range(8))])


def test_changed_weights_of_its_source_are_seen(
    folder: Path, models: Path, prepared: Callable[..., Prepared]
) -> None:
    first = prepared().plan
    shutil.copy(models / "tower_b.keras", folder / "models" / "tower.keras")
    second = prepared().plan
    assert first is not None
    assert second is not None
    assert first.files["a"].path != second.files["a"].path


def test_its_mistakes_are_shown_where_they_stand(
    folder: Path, prepared: Callable[..., Prepared]
) -> None:
    (folder / "parts" / "inner.yaml").write_text(INNER.replace("upto:", "uptoo:"))
    found = told(prepared())
    assert [(code, file) for code, file, _ in found] == [
        ("CMP201", "inner.yaml"),
        ("CMP505", "outer.yaml"),
        ("CMP505", "outer.yaml"),
    ]
    assert "'a': parts/inner.yaml can't be linked, since it has an error of its own" in found[1][2]


def test_a_ring_of_specs_is_shown_whole(folder: Path, prepared: Callable[..., Prepared]) -> None:
    (folder / "parts" / "inner.yaml").write_text(
        "version: 1\nname: inner\nsources: {back: {from: ../outer.yaml}}\n"
    )
    (code, file, message), *others = told(prepared())
    assert (code, file) == ("CMP522", "inner.yaml")
    assert "outer.yaml -> inner.yaml -> outer.yaml" in message
    assert {code for code, _, _ in others} == {"CMP505"}


def test_args_that_it_does_not_declare_are_refused(
    folder: Path, prepared: Callable[..., Prepared]
) -> None:
    (folder / "outer.yaml").write_text(OUTER.replace("keep: conv1", "kep: conv1"))
    ((code, file, message),) = told(prepared())
    assert (code, file) == ("CMP505", "outer.yaml")
    assert "there is no 'vars.kep' to set" in message


def test_a_missing_spec_is_named_with_its_like(
    folder: Path, prepared: Callable[..., Prepared]
) -> None:
    (folder / "outer.yaml").write_text(OUTER.replace("inner.yaml, prefix: a_", "iner.yaml"))
    found = prepared().errors
    assert [d.code for d in found] == ["CMP501"]
    assert found[0].help is not None
    assert "parts/inner.yaml" in found[0].help


def test_sha256_holds_the_linked_file(folder: Path, prepared: Callable[..., Prepared]) -> None:
    plan = prepared().plan
    assert plan is not None
    digest = plan.files["a"].path.parent.name + plan.files["a"].path.stem
    text = OUTER.replace("prefix: a_", f"prefix: a_, sha256: {digest}")
    (folder / "outer.yaml").write_text(text)
    assert told(prepared()) == []
    (folder / "outer.yaml").write_text(text.replace(digest, "0" * 64))
    assert [code for code, _, _ in told(prepared())] == ["CMP503"]


def test_what_waits_for_keras_inside_is_deferred(
    folder: Path, prepared: Callable[..., Prepared]
) -> None:
    (folder / "parts" / "inner.yaml").write_text(
        INNER + "layers: {d: {class: Dense, args: {units: 2}, inputs: t}}\n"
    )
    ready = prepared()
    assert told(ready) == []
    assert len(ready.deferred) == 2


def test_a_target_never_replaces_what_a_spec_below_starts_from(
    folder: Path, prepared: Callable[..., Prepared]
) -> None:
    with pytest.raises(BuildError, check=lambda error: error.key == "CMP709.own-source"):
        build_spec(prepared(), output=folder / "models" / "tower.keras")
