"""Verification: what Keras finds when it loads an artifact, runs it, and runs its sources."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest

from composer.graphs.graph import TensorRef, TensorSpec
from composer.keras_process.ask_verification import Verification, WholeSource, verify

pytestmark = pytest.mark.keras

Check = Callable[..., Verification]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    script = Path(__file__).with_name("make_models.py")
    subprocess.run(
        [sys.executable, script, folder],
        check=True,
        capture_output=True,
        env={**os.environ, "KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "-1"},
    )
    return folder


@pytest.fixture
def check(models: Path, tmp_path: Path) -> Check:
    def run(name: str, *sources: WholeSource) -> Verification:
        weights = tmp_path / "again.weights.h5"
        return verify(models / f"{name}.keras", weights=weights, sources=sources)

    return run


def whole(models: Path, name: str, source: TensorRef, output: TensorRef) -> WholeSource:
    path = models / f"{name}.keras"
    return WholeSource(id=f"{name} to {output}", path=path, inputs=(source,), outputs=(output,))


@pytest.fixture(scope="module")
def inlined(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Verification:
    pool, scores = TensorRef("pool"), TensorRef("scores")
    return verify(
        models / "inlined.keras",
        weights=tmp_path_factory.mktemp("weights") / "again.weights.h5",
        sources=[
            whole(models, "tower", TensorRef("image"), pool),
            whole(models, "head", pool, scores),
            whole(models, "head", scores, TensorRef("scores", 1)),
            whole(models, "head", pool, TensorRef("hidden")),
            whole(models, "head", pool, pool),
            whole(models, "head", pool, TensorRef("scores", 2)),
            whole(models, "head", pool, TensorRef("nobody")),
            whole(models, "gone", pool, scores),
        ],
    )


def test_a_loaded_artifact_is_described_as_keras_sees_it(inlined: Verification) -> None:
    assert inlined.status == "loaded"
    assert inlined.operations == ("image", "conv", "norm", "drop", "pool", "hidden", "scores")
    (image,) = inlined.inputs
    assert (image.name, image.spec) == ("image", TensorSpec((None, 8, 8, 3), "float32"))
    vector = TensorSpec((None, 4), "float32")
    assert inlined.outputs == {"one": vector, "two": vector}
    assert dict(inlined.trainable)["hidden"] is False
    assert dict(inlined.trainable)["scores"] is True
    assert inlined.ran is True
    assert inlined.notes == ()


def test_the_variables_are_saved_again_for_a_comparison_without_keras(
    inlined: Verification,
) -> None:
    assert inlined.weights is not None
    with h5py.File(inlined.weights, "r") as file:
        assert set(file["layers/batch_normalization/vars"]) == {"0", "1", "2", "3"}
        assert file["layers/conv2d/vars/0"].shape == (3, 3, 3, 4)


def test_whole_sources_are_equal_bit_for_bit_also_where_layers_are_called_again(
    inlined: Verification,
) -> None:
    for comparison in inlined.comparisons[:3]:
        assert (comparison.equal, comparison.difference) == (True, 0.0), comparison


def test_a_part_that_computes_something_else_is_told_with_the_difference(
    inlined: Verification,
) -> None:
    hidden = inlined.comparisons[3]
    assert hidden.equal is False
    assert hidden.difference is not None
    assert hidden.difference > 0
    unchanged = inlined.comparisons[4]
    assert unchanged.equal is False


@pytest.mark.parametrize(
    ("index", "words"),
    [
        (5, "scores is called 2 times, and call 2 is wanted"),
        (6, "no operation 'nobody'"),
        (7, "gone.keras"),
    ],
)
def test_a_comparison_that_can_not_be_made_says_why(
    inlined: Verification, index: int, words: str
) -> None:
    comparison = inlined.comparisons[index]
    assert comparison.equal is None
    assert comparison.note is not None
    assert words in comparison.note


def test_calls_of_a_nested_sequential_are_counted_from_zero(check: Check, models: Path) -> None:
    first, second = TensorRef("head"), TensorRef("head", 1)
    found = check(
        "nested",
        whole(models, "head", TensorRef("features_in"), first),
        whole(models, "head", first, second),
    )
    assert [comparison.equal for comparison in found.comparisons] == [True, True]


def test_calls_of_a_nested_functional_are_counted_from_zero(check: Check, models: Path) -> None:
    first, second = TensorRef("inner"), TensorRef("inner", 1)
    found = check(
        "functional",
        whole(models, "inner", TensorRef("features_in"), first),
        whole(models, "inner", first, second),
    )
    assert [comparison.equal for comparison in found.comparisons] == [True, True]


def test_a_sequential_is_described_like_a_functional_model(check: Check) -> None:
    found = check("head")
    assert found.operations == ("features", "hidden", "scores")
    assert found.outputs == TensorSpec((None, 4), "float32")
    assert found.ran is True


def test_integers_stay_inside_the_smallest_vocabulary(check: Check) -> None:
    assert check("tokens").ran is True


def test_open_dimensions_grow_until_the_network_can_take_them(check: Check) -> None:
    assert check("any_size").ran is True


def test_text_inputs_are_not_made_up(check: Check) -> None:
    found = check("text")
    assert found.ran is None
    assert "takes text" in found.notes[0]


def test_nan_is_equal_to_nan_and_noted(check: Check, models: Path) -> None:
    found = check("nan", whole(models, "nan", TensorRef("features_in"), TensorRef("nan")))
    assert found.ran is True
    assert found.notes == ("random inputs gave NaN in an output",)
    assert found.comparisons[0].equal is True


def test_a_graph_deeper_than_the_stack_has_a_status_of_its_own(check: Check) -> None:
    found = check("deep")
    assert found.status == "too_deep"
    assert found.error is not None


def test_code_in_an_artifact_is_refused(check: Check) -> None:
    found = check("lambda")
    assert found.status == "refused"
    assert found.error is not None
    assert "lambda" in found.error


def test_weights_go_to_a_file_that_keras_can_write(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"NAME\.weights\.h5"):
        verify(tmp_path / "a.keras", weights=tmp_path / "again.h5")
