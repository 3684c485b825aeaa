"""Specs that would hold compose for hours: each ends, with a code where something is refused."""

from __future__ import annotations

import os

import pytest

from composer.spec import extends, read_spec
from composer.workflows import linked_specs, pipeline

NAME = "a" * 60


def spec(workspace, source: str, name: str = "s") -> str:
    file = workspace / f"{name}.yaml"
    file.write_text(
        f"version: 1\nname: {name}\nsources:\n"
        f"  first: {{from: models/tower.keras, include: [conv1], rename: {{conv1: {NAME}}}}}\n",
        encoding="utf-8",
    )
    outer = workspace / "outer.yaml"
    outer.write_text(
        f"version: 1\nname: outer\nsources:\n  a: {{from: {name}.yaml, {source}}}\n",
        encoding="utf-8",
    )
    return "outer.yaml"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("exclude: ['*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b']", "CMP401"),
        ("exclude: ['**a**a**a**a**a**a**a**a**a**a**a**a**a**b']", "CMP401"),
        ("exclude: [{regex: '(a+)+b'}]", "CMP401"),
        ("rename: [{regex: '(a|aa)+b', to: x}]", "CMP304"),
        (r"rename: [{regex: '((a|aa)+)\1+b', to: x}]", "CMP115"),
    ],
)
def test_no_pattern_takes_for_ever(compose, workspace, source: str, expected: str) -> None:
    result = compose("validate", spec(workspace, source), "--output-format", "json")
    assert result.code == 1
    assert expected in result.out


def test_a_pattern_that_matches_in_many_ways_renames(compose, workspace) -> None:
    source = r"rename: [{regex: '(a+)+', to: 'x_\1'}]"
    result = compose("plan", spec(workspace, source), "--json")
    assert result.code == 0
    assert f"x_{NAME}" in result.out


def test_so_many_patterns_that_they_would_take_hours_are_refused(
    compose, workspace, monkeypatch
) -> None:
    from composer.resolver import name_layers
    from composer.resolver import select_layers as select

    monkeypatch.setattr(select, "MOST_WORK", 30)
    monkeypatch.setattr(name_layers, "MOST_WORK", 30)
    for key in ("exclude: [{}]", "freeze: [{}]"):
        patterns = ", ".join(f"'*{number}*a'" for number in range(40))
        result = compose(
            "validate", spec(workspace, key.format(patterns)), "--output-format", "concise"
        )
        assert result.code == 1
        assert result.err.count("CMP115") == 1
    rules = ", ".join(f"{{regex: '(a|aa)*{number}', to: x}}" for number in range(40))
    result = compose(
        "validate", spec(workspace, f"rename: [{rules}]"), "--output-format", "concise"
    )
    assert (result.code, result.err.count("CMP115")) == (1, 1)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("extends: pipe\nname: s\n", "CMP120"),
        ("extends: /dev/zero\nname: s\n", "CMP550"),
        ("name: s\nsources: {a: {from: pipe.keras}}\n", "CMP501"),
        ("name: s\nsources: {a: {from: pipe.h5}}\n", "CMP501"),
        ("name: s\nsources: {a: {from: pipe.yaml}}\n", "CMP501"),
        ("name: s\nsources: {a: {from: models/tower.keras, weights: pipe.weights.h5}}\n", "CMP501"),
    ],
)
def test_only_ordinary_files_are_read(compose, workspace, text: str, code: str) -> None:
    for name in ("pipe", "pipe.keras", "pipe.h5", "pipe.yaml", "pipe.weights.h5"):
        os.mkfifo(workspace / name)
    (workspace / "s.yaml").write_text(f"version: 1\n{text}", encoding="utf-8")
    result = compose("validate", "s.yaml", "--output-format", "concise")
    assert (result.code, code in result.err) == (1, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("build", "s.yaml"),
        ("build", "--locked", "s.yaml"),
        ("build", "--frozen", "s.yaml"),
        ("lock", "--check", "s.yaml"),
        ("status", "s.yaml"),
        ("diff", "s.lock.json", "s.lock.json"),
        ("inspect", "pipe.h5"),
        ("inspect", "pipe.keras"),
    ],
)
def test_no_verb_waits_for_a_pipe(compose, workspace, arguments) -> None:
    for name in ("s.lock.json", "pipe.keras", "pipe.h5"):
        os.mkfifo(workspace / name)
    (workspace / "s.yaml").write_text(
        "version: 1\nname: s\nsources: {a: {from: models/tower.keras}}\n", encoding="utf-8"
    )
    assert compose(*arguments).code != 0


def test_a_spec_that_the_command_line_names_may_be_a_pipe(workspace) -> None:
    from composer.workflows.named_files import readable_file

    os.mkfifo(workspace / "s.yaml")
    assert readable_file("s.yaml", (".yaml",)).name == "s.yaml"


def test_what_is_extended_twice_is_read_and_told_once(workspace) -> None:
    for number in range(12):
        (workspace / f"b{number}.yaml").write_text(
            f"extends: [b{number + 1}.yaml, b{number + 1}.yaml]\n", encoding="utf-8"
        )
    (workspace / "b12.yaml").write_text(
        "version: 1\nname: b\nsources: {a: {fron: x.keras}}\n", encoding="utf-8"
    )
    read: list[str] = []

    def counted(path):
        read.append(path.name)
        return extends.read_bytes(path)

    from composer.spec import spec_from_text

    text = (workspace / "b0.yaml").read_bytes()
    _, found = spec_from_text(text, file="b0.yaml", directory=workspace, read=counted)
    assert sorted(read) == sorted({f"b{number}.yaml" for number in range(1, 13)})
    assert all(len(item.notes) <= 2 * 12 for item in found)
    assert read_spec(workspace / "b0.yaml")[1]


def chain(workspace, steps: int, last: str) -> None:
    for number in range(steps):
        below = f"s{number + 1}.yaml" if number + 1 < steps else last
        (workspace / f"s{number}.yaml").write_text(
            f"version: 1\nname: s{number}\nsources:\n"
            f"  a: {{from: {below}, prefix: a_}}\n  b: {{from: {below}, prefix: b_}}\n",
            encoding="utf-8",
        )


def test_a_spec_that_two_sources_start_from_is_judged_once(compose, workspace, monkeypatch) -> None:
    chain(workspace, 12, "nothing.keras")
    judged: list[str] = []
    link = pipeline._linked

    def counted(path, *rest):
        judged.append(path.name)
        return link(path, *rest)

    monkeypatch.setattr(pipeline, "_linked", counted)
    assert compose("validate", "s0.yaml").code == 1
    assert sorted(judged) == sorted({f"s{number}.yaml" for number in range(1, 12)})


def test_a_model_that_doubles_at_each_step_is_refused(compose, workspace, monkeypatch) -> None:
    monkeypatch.setattr(linked_specs, "_LARGEST_LINKED", 20)
    chain(workspace, 4, "models/tower.keras")
    result = compose("validate", "s0.yaml", "--output-format", "concise")
    assert (result.code, "CMP116" in result.err) == (1, True)


def test_a_spec_that_starts_from_too_many_others_is_refused(
    compose, workspace, monkeypatch
) -> None:
    monkeypatch.setattr(linked_specs, "_MOST_LINKED", 1)
    (workspace / "in.yaml").write_text(
        "version: 1\nname: in\nvars: {u: x_}\n"
        "sources: {t: {from: models/tower.keras, prefix: '${vars.u}'}}\n",
        encoding="utf-8",
    )
    (workspace / "s.yaml").write_text(
        "version: 1\nname: s\nsources:\n  a: {from: in.yaml, args: {u: a_}}\n"
        "  b: {from: in.yaml, args: {u: b_}}\n",
        encoding="utf-8",
    )
    result = compose("validate", "s.yaml", "--output-format", "concise")
    assert (result.code, result.err.count("CMP116")) == (1, 1)
