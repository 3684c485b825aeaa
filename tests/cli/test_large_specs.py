"""Work grows with the size of what is wrong, not with its square; counted, not timed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from composer.diagnostics import render, suggest
from composer.diagnostics.render import full
from composer.spec import read_spec, schema, source_text
from composer.views.picture import fold
from composer.views.picture.model import Arrow, Node

KINDS = {
    "renames on one line": lambda number: (
        "sources: {a: {from: models/tower.keras, rename: {"
        + ", ".join(f"nothing_{item}: y{item}" for item in range(number))
        + "}}}\n"
    ),
    "unknown keys": lambda number: (
        "sources: {a: {from: models/tower.keras}}\n"
        + "\n".join(f"unknown_{item}: {item}" for item in range(number))
    ),
    "unknown keys on one line": lambda number: (
        "sources: {a: {from: models/tower.keras, "
        + ", ".join(f"k{item}: {item}" for item in range(number))
        + "}}\n"
    ),
    "selectors": lambda number: (
        "sources: {a: {from: models/tower.keras, exclude: ["
        + ", ".join(f"nothing_{item}" for item in range(number))
        + "]}}\n"
    ),
    "references": lambda number: (
        "sources: {a: {from: models/tower.keras}}\noutputs: ["
        + ", ".join(f"nothing_{item}" for item in range(number))
        + "]\n"
    ),
    "interpolations": lambda number: (
        "sources: {a: {from: models/tower.keras}}\nvars:\n"
        + "\n".join(f"  v{item}: '${{vars.w{item}}}'" for item in range(number))
    ),
    "repeated keys": lambda number: (
        "sources: {a: {from: models/tower.keras}}\nvars: {"
        + ", ".join("a: 1" for _ in range(number))
        + "}\n"
    ),
}


class Counter:
    """Counts the characters that are drawn, words compared, lines cut and maps rewritten."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.drawn = self.cut = self.rewritten = 0
        cells, cut, changed = full.cells, source_text.SourceText._cut, schema.changed

        def drawing(line):
            self.drawn += len(line)
            return cells(line)

        def cutting(text, number):
            self.cut += 1
            return cut(text, number)

        def changing(*arguments):
            self.rewritten += 1
            return changed(*arguments)

        monkeypatch.setattr(full, "cells", drawing)
        monkeypatch.setattr(source_text.SourceText, "_cut", cutting)
        monkeypatch.setattr(schema, "changed", changing)
        monkeypatch.setattr(suggest, "MOST_COMPARED", 10_000)

    def take(self) -> tuple[int, int, int]:
        found = self.drawn, self.cut, self.rewritten
        self.drawn = self.cut = self.rewritten = 0
        return found


@pytest.mark.parametrize("kind", KINDS)
def test_work_grows_with_the_number_of_mistakes(compose, workspace, monkeypatch, kind) -> None:
    counter = Counter(monkeypatch)
    seen = []
    for number in (250, 500, 1000):
        Path("s.yaml").write_text(f"version: 1\nname: s\n{KINDS[kind](number)}", encoding="utf-8")
        assert compose("validate", "s.yaml").code == 1
        seen.append(counter.take())
        assert suggest._Spent.compared <= 10_000 + 4 * number + 500
    for small, large in zip(seen[1], seen[2], strict=True):
        assert large <= 2.2 * small + 50


def test_people_are_shown_a_page_of_many_and_programs_all(compose, workspace) -> None:
    number = 3 * render.MOST_SHOWN
    Path("s.yaml").write_text(
        f"version: 1\nname: s\n{KINDS['unknown keys'](number)}", encoding="utf-8"
    )
    for form in ("full", "concise"):
        result = compose("validate", "s.yaml", "--output-format", form)
        assert result.err.count("error[CMP201]") == render.MOST_SHOWN
        assert f"and {number - render.MOST_SHOWN} more" in result.err
    assert len(json.loads(compose("validate", "s.yaml", "--output-format", "json").out)) == number


def test_errors_are_among_those_that_are_shown() -> None:
    from composer.diagnostics import Diagnostic

    warnings = [
        Diagnostic(code="CMP417", message=f"w{number:03}", severity="warning")
        for number in range(render.MOST_SHOWN)
    ]
    text = render.render([*warnings, Diagnostic(code="CMP999", message="wrong")], "concise")
    assert "error[CMP999]: wrong" in text
    assert "and 1 more (0 of them errors)" in text


def test_the_places_of_one_line_share_its_text(workspace) -> None:
    """A megabyte of mistakes in one line would otherwise be copied once a mistake."""
    Path("s.yaml").write_text(
        f"version: 1\nname: s\n{KINDS['unknown keys on one line'](500)}", encoding="utf-8"
    )
    _, found = read_spec("s.yaml")
    texts = {id(item.span.text[0]) for item in found if item.span is not None}
    assert len(found) >= 500
    assert len(texts) == 1


@pytest.mark.parametrize(
    "name",
    [
        "layer_{0}",
        "m_{1}/b_{0}/dense_{0}",
        "/".join(f"m_{level}" for level in range(60)) + "/d_{0}",
    ],
)
def test_folding_looks_at_many_layers_in_proportion(monkeypatch, name: str) -> None:
    work = [0]
    repeats = fold._Folder._repeats

    def counted(self, cut):
        work[0] += len(cut)
        return repeats(self, cut)

    monkeypatch.setattr(fold._Folder, "_repeats", counted)
    seen = []
    for number in (400, 800):
        work[0] = 0
        nodes = {
            f"n{item}": Node(
                id=f"n{item}", name=name.format(item, item // 50), kind="layer", box="a",
                original=name.format(item, item // 50), class_name=("A", "B")[item * item % 3 % 2],
            )
            for item in range(number)
        }  # fmt: skip
        edges = [Arrow(start=f"n{item}", end=f"n{item + 1}") for item in range(number - 1)]
        assert fold.folded(nodes, edges)
        seen.append(work[0])
    assert seen[1] <= 2.5 * seen[0]
    assert seen[1] <= 40 * 800
