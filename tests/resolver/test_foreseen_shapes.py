"""Shapes that are told without Keras: shown, judged, and never put into a question."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from composer.diagnostics.diagnostic import Diagnostic
from composer.graphs.graph import TensorSpec
from composer.graphs.static_shapes import table
from composer.keras_process import asking
from composer.resolver.facts import Fact, Pending, Question, tensors_of
from composer.store import Store
from composer.workflows.pipeline import Prepared, prepare

Preparing = Callable[..., Prepared]


@pytest.fixture
def prepared(models: Path, tmp_path: Path) -> Preparing:
    (tmp_path / "models").symlink_to(models)

    def prepare_text(text: str, *, deep: bool = False) -> Prepared:
        spec = tmp_path / "spec.yaml"
        spec.write_text(f"version: 1\nname: model\n{text}")
        return prepare(spec, deep=deep, store=Store(tmp_path / "store"))

    return prepare_text


def only(found: Prepared) -> Diagnostic:
    (problem,) = found.errors
    return problem


def shape(*lengths: int | None) -> TensorSpec:
    return TensorSpec(lengths, "float32")


JOINED = """\
inputs: {x: {shape: [16]}, y: {shape: [16]}}
layers:
  mean: {class: Average, inputs: [x, y]}
  both: {class: Concatenate, inputs: [mean, y]}
  scores: {class: Dense, args: {units: 3}, inputs: both}
outputs: {scores: scores}
"""


def test_an_average_of_two_lengths_is_refused_at_its_inputs(prepared: Preparing) -> None:
    problem = only(prepared(JOINED.replace("y: {shape: [16]}", "y: {shape: [4]}")))
    assert (problem.code, problem.path) == ("CMP413", ("layers", "mean", "inputs"))
    assert problem.span is not None
    assert (problem.span.line, problem.span.column) == (5, 34)
    places = [(note.span.line, note.span.column) for note in problem.notes if note.span]
    assert places == [(3, 10), (3, 28)]
    assert "axis 1" in problem.message
    assert "units: 16" in str(problem.help)


@pytest.mark.parametrize(
    ("layer", "code", "path"),
    [
        ("{class: Add, inputs: x}", "CMP413", ("inputs",)),
        ("{class: Subtract, inputs: [x, x, x]}", "CMP413", ("inputs",)),
        ("{class: Concatenate, inputs: [x, image]}", "CMP413", ("inputs",)),
        ("{class: Concatenate, args: {axis: 2}, inputs: [x, x]}", "CMP425", ("args", "axis")),
        ("{class: Dense, args: {units: 3}, inputs: [x, x]}", "CMP413", ("inputs",)),
        ("{class: Dense, args: {units: 3}, inputs: open}", "CMP413", ("inputs",)),
        ("{class: LSTM, args: {units: 3}, inputs: image}", "CMP413", ("inputs",)),
        ("{class: Reshape, args: {target_shape: [3, 5]}, inputs: x}", "CMP425", ("args", "target_shape")),
        ("{class: Permute, args: {dims: [2, 1]}, inputs: x}", "CMP425", ("args", "dims")),
        ("{class: Conv2D, args: {filters: 2, kernel_size: 9}, inputs: image}", "CMP425", ("args", "kernel_size")),
        ("{class: MaxPooling2D, args: {pool_size: 9}, inputs: image}", "CMP425", ("args", "pool_size")),
        ("{class: Cropping2D, args: {cropping: 4}, inputs: image}", "CMP425", ("args", "cropping")),
        ("{class: GroupNormalization, inputs: image}", "CMP425", ()),
        ("{class: Attention, inputs: {inputs: x}}", "CMP413", ("inputs",)),
        ("{class: Add, calls: {one: {inputs: [x, x]}, two: {inputs: [x, wide]}}}", "CMP413", ("calls", "two", "inputs")),
    ],
)  # fmt: skip
def test_what_keras_is_certain_to_refuse_is_told_at_its_place(
    prepared: Preparing, layer: str, code: str, path: tuple[str, ...]
) -> None:
    found = prepared(
        "inputs:\n  x: {shape: [16]}\n  wide: {shape: [9]}\n  open: {shape: [null]}\n"
        f"  image: {{shape: [8, 8, 3]}}\nlayers:\n  new: {layer}\n"
    )
    problem = only(found)
    assert (problem.code, problem.path) == (code, ("layers", "new", *path))
    assert problem.span is not None


def test_the_shapes_of_new_layers_are_in_a_plan_that_waits_for_keras(prepared: Preparing) -> None:
    found = prepared(JOINED)
    assert found.plan is not None
    assert not found.plan.complete
    assert [port.spec for port in found.plan.outputs] == [shape(None, 3)]
    assert [seam.actual for seam in found.plan.seams] == [
        *[shape(None, 16)] * 4,
        shape(None, 32),
    ]
    assert found.unchecked.arguments == ()
    assert found.unchecked.shapes == ()


def test_what_has_no_rule_is_listed_as_not_checked(prepared: Preparing) -> None:
    found = prepared(
        "inputs: {x: {shape: [16]}}\n"
        "layers:\n"
        '  own: {class: "mine:Layer", inputs: x}\n'
        "  glu: {class: Dense, args: {units: 4, activation: glu}, inputs: x}\n"
        "  last: {class: Dense, args: {units: 4}, inputs: own}\n"
    )
    assert found.unchecked.shapes == ("own (mine:Layer)", "glu (Dense)", "last (Dense)")


def test_a_layer_of_a_source_is_judged_by_what_a_new_layer_will_give(prepared: Preparing) -> None:
    problem = only(
        prepared(
            "inputs: {x: {shape: [7]}}\n"
            "sources:\n"
            "  tower: {from: models/tower.keras, include: [probs], inputs: {pool: narrow}}\n"
            "layers:\n"
            "  narrow: {class: Dense, args: {units: 5}, inputs: x}\n"
        )
    )
    assert (problem.code, problem.path) == ("CMP413", ("sources", "tower", "inputs", "pool"))


def test_shapes_behind_a_changed_seam_are_told(prepared: Preparing) -> None:
    found = prepared(
        "inputs: {x: {shape: [40, 30, 3]}}\n"
        "sources:\n"
        "  tower: {from: models/tower.keras, exclude: [pool, probs], inputs: x}\n"
    )
    assert found.plan is not None
    assert [port.spec for port in found.plan.outputs] == [shape(None, 36, 26, 4)]
    assert found.unchecked.inputs == (
        "tower:conv1 (Conv2D)",
        "tower:drop (Dropout)",
        "tower:conv2 (Conv2D)",
    )


def test_a_source_is_refused_behind_a_wire_that_makes_its_window_too_long(
    prepared: Preparing,
) -> None:
    problem = only(
        prepared(
            "inputs: {x: {shape: [4, 4, 3]}}\n"
            "sources: {tower: {from: models/tower.keras, inputs: x}}\n"
        )
    )
    assert (problem.code, problem.path) == ("CMP413", ("sources", "tower", "inputs"))


def test_no_question_is_made_of_what_is_foreseen(
    prepared: Preparing, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Question] = []

    def answers(questions: tuple[Question, ...], *_: Any) -> Mapping[str, Fact]:
        asked.extend(questions)
        return {}

    monkeypatch.setattr("composer.keras_process.asking.recall_all", answers)
    prepared(JOINED)
    by_id = {question.id: question for question in asked}
    assert tensors_of(by_id["both"].calls[0]) == (Pending("mean", 0, 0), shape(None, 16))
    assert tensors_of(by_id["scores"].calls[0]) == (Pending("both", 0, 0),)


@pytest.mark.keras
def test_keras_has_the_last_word_and_is_asked_once(
    prepared: Preparing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(table.RULES, "Average", lambda called: (None, 99))
    draft = prepared(JOINED).plan
    assert draft is not None
    assert draft.seams[2].actual == shape(None, 99)
    plan = prepared(JOINED, deep=True).plan
    assert plan is not None
    assert plan.complete
    assert plan.seams[2].actual == shape(None, 16)
    kernel = next(state for state in plan.states if state.name == "scores").tensors[0]
    assert kernel.value.shape == (32, 3)
    monkeypatch.setattr(asking, "run", None)
    again = prepared(JOINED)
    assert again.plan is not None
    assert again.plan.complete
    assert not again.unchecked


def test_a_layer_of_several_tensors_that_gets_one_is_told_to_take_a_list(
    prepared: Preparing,
) -> None:
    found = only(
        prepared(
            "inputs: {x: {shape: [8]}}\n"
            "layers: {both: {class: Concatenate, inputs: x}}\noutputs: both\n"
        )
    )
    assert found.code == "CMP413"
    assert "inputs: [" in (found.help or "")
