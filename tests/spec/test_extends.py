"""Specs that build on other files."""

from __future__ import annotations

from pathlib import Path

import pytest

from composer.spec import load_spec, read_spec


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        file = folder / f"{name.replace('__', '/')}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


HEAD = "version: 1\nname: model\n"


def test_bases_are_laid_from_left_to_right_under_the_spec(tmp_path: Path) -> None:
    write(
        tmp_path,
        one="vars: {a: 1, b: 1, c: 1}\n",
        two="vars: {b: 2, c: 2}\n",
        spec=HEAD + "extends: [one.yaml, two.yaml]\nvars: {c: 3}\n",
    )
    assert load_spec(tmp_path / "spec.yaml").resolved["vars"] == {"a": 1, "b": 2, "c": 3}


def test_extends_is_no_part_of_the_resolved_spec(tmp_path: Path) -> None:
    write(tmp_path, one="seed: 3\n", spec=HEAD + "extends: one.yaml\n")
    spec = load_spec(tmp_path / "spec.yaml")
    assert spec.seed == 3
    assert "extends" not in spec.resolved


def test_relative_paths_belong_to_the_file_that_wrote_them(tmp_path: Path) -> None:
    write(
        tmp_path,
        common__towers="extends: more/base.yaml\nsources: {a: {from: a.keras}}\n",
        common__more__base="sources: {b: {from: b.keras}}\nvars: {file: d.keras, dir: models}\n"
        "output: {path: out.keras}\n",
        spec=HEAD + "extends: common/towers.yaml\nsources:\n  c: {from: c.keras}\n"
        "  d: {from: '${vars.file}'}\n  e: {from: '${vars.dir}/e.keras'}\n"
        "  f: {from: 'x/${vars.file}'}\n",
    )
    spec = load_spec(tmp_path / "spec.yaml")
    base = tmp_path / "common" / "more"
    assert {source.id: source.directory for source in spec.sources} == {
        "b": base,
        "a": tmp_path / "common",
        "c": tmp_path,
        "d": base,
        "e": base,
        "f": tmp_path,
    }
    assert [place.path for place in spec.target.destinations] == [base / "out.keras"]


def test_a_base_may_be_reached_by_two_ways_and_is_read_once(tmp_path: Path) -> None:
    write(
        tmp_path,
        base="vars: {x: !bad 1}\nseed: 1\n",
        left="extends: base.yaml\nseed: 2\n",
        right="extends: base.yaml\n",
        spec=HEAD + "extends: [left.yaml, right.yaml]\n",
    )
    spec, found = read_spec(tmp_path / "spec.yaml")
    assert [item.code for item in found] == ["CMP107"]
    assert spec is not None
    assert spec.seed == 1


def test_files_by_the_hundred_are_refused(tmp_path: Path) -> None:
    write(tmp_path, **{f"f{n}": f"extends: f{n + 1}.yaml\n" for n in range(30)}, f30="seed: 1\n")
    write(tmp_path, spec=HEAD + "extends: f0.yaml\n")
    _, found = read_spec(tmp_path / "spec.yaml")
    assert [item.code for item in found] == ["CMP120"]


@pytest.mark.parametrize("length", [0, 1, 4])
def test_a_circle_is_refused_with_the_way_round(tmp_path: Path, length: int) -> None:
    names = ["spec", *[f"f{n}" for n in range(length)]]
    files = {
        name: f"{HEAD if name == 'spec' else ''}extends: {names[(i + 1) % len(names)]}.yaml\n"
        for i, name in enumerate(names)
    }
    write(tmp_path, **files)
    _, (found,) = read_spec(tmp_path / "spec.yaml")
    assert found.code == "CMP121"
    assert found.span is not None
    assert found.span.file == str(tmp_path / f"{names[-1]}.yaml")
    assert [note.message for note in found.notes] == [
        f"by way of '{name}.yaml'" for name in names[1:]
    ]


def test_a_symbolic_link_does_not_hide_a_circle(tmp_path: Path) -> None:
    write(tmp_path, spec=HEAD + "extends: link.yaml\n")
    (tmp_path / "link.yaml").symlink_to(tmp_path / "spec.yaml")
    _, found = read_spec(tmp_path / "spec.yaml")
    assert [item.code for item in found] == ["CMP121"]


def test_an_unreadable_base_is_located_where_it_is_named(tmp_path: Path) -> None:
    write(tmp_path, base="seed: 1\n", spec=HEAD + "extends: [bse.yaml, ., base.yaml]\n")
    spec, found = read_spec(tmp_path / "spec.yaml")
    assert [(item.code, item.span and item.span.column) for item in found] == [
        ("CMP120", 11),
        ("CMP120", 21),
    ]
    assert found[0].help is not None
    assert "'base.yaml'" in found[0].help
    assert spec is not None
    assert spec.seed == 1


def test_a_problem_in_a_base_is_located_there_and_says_how_it_came_in(tmp_path: Path) -> None:
    write(tmp_path, sub__base="seed: x\n", spec=HEAD + "extends: sub/base.yaml\n")
    _, (found,) = read_spec(tmp_path / "spec.yaml")
    assert found.span is not None
    assert found.span.file == str(tmp_path / "sub" / "base.yaml")
    (note,) = found.notes
    assert note.message == "through 'extends' here"
    assert note.span is not None
    assert note.span.file == str(tmp_path / "spec.yaml")


def test_a_base_that_is_no_map_is_refused(tmp_path: Path) -> None:
    write(tmp_path, base="[1]\n", empty="", spec=HEAD + "extends: [base.yaml, empty.yaml]\n")
    _, found = read_spec(tmp_path / "spec.yaml")
    assert [item.code for item in found] == ["CMP551"]
