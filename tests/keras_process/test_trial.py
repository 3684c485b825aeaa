"""Layers that are run once on small data: what fails is refused, what may work is not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from composer.graphs.graph import TensorSpec
from composer.keras_process import asking as asking_module
from composer.keras_process.asking import ask, recall
from composer.keras_process.code_state import CodeState
from composer.keras_process.user_code import UserCode
from composer.resolver.facts import AskedCall, Fact, Question
from composer.store import Store

LAYERS = """
import keras
import tensorflow as tf

@keras.saving.register_keras_serializable("mine")
class Custom(keras.layers.Layer):
    def __init__(self, does="nothing", **kwargs):
        super().__init__(**kwargs)
        self.does = does

    def compute_output_shape(self, shape):
        return shape

    def call(self, x):
        return getattr(self, self.does)(x)

    def raises(self, x):
        raise RuntimeError("no such luck")

    def adds(self, x):
        return x + tf.ones((x.shape[-1] + 1,))

    def reshapes(self, x):
        return tf.reshape(x, (tf.shape(x)[0], 24))

    def multiplies(self, x):
        return keras.ops.matmul(x, keras.ops.ones((x.shape[-1] + 1, 3)))

    def wants_large_numbers(self, x):
        tf.debugging.assert_greater(x, 5.0)
        return x

    def wants_one_length(self, x):
        tf.debugging.assert_equal(tf.shape(x)[1], 77)
        return x

    def wants_a_gpu(self, x):
        raise NotImplementedError("this is not supported on the CPU")

    def get_config(self):
        return {**super().get_config(), "does": self.does}
"""


def spec(*shape: int | None, dtype: str = "float32") -> TensorSpec:
    return TensorSpec(shape, dtype)


def new(name: str, class_name: str, *tensors: Any, **args: Any) -> Question:
    return Question(
        id=name,
        kind="make",
        layer={"class": class_name, "args": args},
        name=name,
        seed=3,
        calls=tuple(AskedCall(args=(tensor,), kwargs={}) for tensor in tensors),
    )


def custom(does: str, *shape: int | None) -> Question:
    return new(does, "trial_layers:Custom", spec(*shape), does=does)


def operator(name: str, *shape: int | None) -> Question:
    layer = {
        "module": "keras.src.ops.linalg",
        "class_name": name,
        "config": {"name": name.lower()},
        "registered_name": name,
    }
    call = AskedCall(args=(spec(*shape),), kwargs={})
    return Question(id=f"a:{name}", kind="infer", layer=layer, calls=(call,))


FAILING = (
    custom("raises", None, 16),
    custom("adds", None, 16),
    custom("reshapes", None, 16),
    custom("multiplies", None, 16),
    new("looks", "AdditiveAttention", [spec(None, 5, 4), spec(None, 6, 3)]),
    new("again", "Dot", [spec(None, 5, 4), spec(None, 5, 4)], axes=0),
)
SOUND = (
    new("one_word", "Embedding", spec(None, 5, dtype="int32"), input_dim=1, output_dim=3),
    new("of_floats", "Embedding", spec(None, 5), input_dim=2, output_dim=3),
    new("of_text", "StringLookup", spec(None, 1, dtype="string")),
    new("thirds", "Reshape", spec(None, None, 4), target_shape=[-1, 3]),
    new("twelve", "Reshape", spec(None, None, 4), target_shape=[4, 12]),
    new("large", "Dense", spec(2048, 1024), units=1024),
    new("several", "Dense", spec(None, 4), spec(None, None, 4), units=2),
    operator("Cholesky", None, 3, 3),
    operator("Inv", None, 3, 3),
    custom("wants_large_numbers", None, 16),
    custom("wants_one_length", None, None),
    custom("wants_a_gpu", None, 16),
)


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> UserCode:
    folder = tmp_path_factory.mktemp("code")
    (folder / "trial_layers.py").write_text(LAYERS)
    return UserCode(first=(folder,))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def facts(store: Store, code: UserCode) -> Mapping[str, Fact]:
    return ask((*FAILING, *SOUND), store, code=code)


@pytest.mark.keras
class TestTrials:
    def test_what_computes_nothing_from_data_of_these_shapes_is_refused(
        self, facts: Mapping[str, Fact]
    ) -> None:
        failed = {name for name, fact in facts.items() if fact.error is not None}
        assert failed == {question.id for question in FAILING}
        assert {facts[name].failed_on for name in failed} == {
            "(2, 16)",
            "(2, 5, 4), (2, 6, 3)",
            "(2, 5, 4), (2, 5, 4)",
        }
        assert all(facts[name].object is None for name in failed)

    def test_the_line_of_the_users_code_is_told_and_no_operation_of_tensorflow(
        self, facts: Mapping[str, Fact]
    ) -> None:
        told = {question.id: str(facts[question.id].error) for question in FAILING}
        lines = {does: LAYERS.splitlines().index(f"    def {does}(self, x):") + 2 for does in DOES}
        for does, line in lines.items():
            assert told[does].endswith(f" (trial_layers.py:{line})"), told[does]
        for text in told.values():
            assert not any(word in text for word in ("[Op:", "{{", "Traceback", "InvalidArg", "\n"))

    def test_a_second_build_asks_nothing(
        self,
        facts: Mapping[str, Fact],
        store: Store,
        code: UserCode,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(asking_module, "run", None)
        state = CodeState(code)
        for question in SOUND:
            assert recall(question, store, state) == facts[question.id], question.id
        assert all(recall(question, store, state) is None for question in FAILING)


DOES = ("raises", "adds", "reshapes", "multiplies")
