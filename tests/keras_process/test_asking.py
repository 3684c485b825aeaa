"""Asking Keras: what facts hold, that they do not depend on the batch, and when none is asked."""

from __future__ import annotations

import os
import py_compile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from composer.container.digests import digest_tensors
from composer.errors import BuildError
from composer.graphs.graph import TensorSpec
from composer.keras_process import asking as asking_module
from composer.keras_process.asking import ask, recall
from composer.keras_process.client import versions
from composer.keras_process.code_state import CodeState
from composer.keras_process.fact_documents import fact_document
from composer.keras_process.user_code import UserCode
from composer.resolver.facts import AskedCall, Fact, Pending, Question, Recorded, fact_key
from composer.store import Store


def spec(*shape: int | None, dtype: str = "float32") -> TensorSpec:
    return TensorSpec(shape, dtype)


def called(*args: Any, **kwargs: Any) -> AskedCall:
    return AskedCall(args=args, kwargs=kwargs)


def new(name: str, class_name: str, *calls: AskedCall, seed: int = 3, **args: Any) -> Question:
    return Question(
        id=name,
        kind="make",
        layer={"class": class_name, "args": args},
        name=name,
        seed=seed,
        calls=calls,
    )


def held(name: str, layer: Mapping[str, Any], *calls: AskedCall) -> Question:
    return Question(id=name, kind="infer", layer=layer, calls=calls)


DENSE = {
    "module": "keras.layers",
    "class_name": "Dense",
    "config": {"name": "original", "units": 5},
    "registered_name": None,
}
SLICE = {"class_name": "__slice__", "config": {"start": None, "stop": 2, "step": None}}

QUESTIONS = (
    # Its inputs are made by questions that come later.
    new("join", "Concatenate", called([Pending("first", 0, 0), Pending("lstm", 0, 2)])),
    new("first", "Dense", called(spec(None, 4)), units=3, activation="relu"),
    new("lstm", "LSTM", called(spec(None, 5, 6)), units=3, return_state=True),
    new("own", "Dense", called(Pending("first", 0, 0)), called(Pending("own", 0, 0)), units=3),
    # Calls of two layers that take turns: ping, pong, ping, pong.
    new("ping", "Dense", called(spec(None, 2)), called(Pending("pong", 0, 0)), units=2),
    new("pong", "Dense", called(Pending("ping", 0, 0)), called(Pending("ping", 1, 0)), units=2),
    new(
        "attention",
        "MultiHeadAttention",
        called(query=spec(None, 7, 6), value=spec(None, 5, 6)),
        num_heads=2,
        key_dim=3,
    ),
    new(
        "each",
        "TimeDistributed",
        called(spec(None, 5, 6)),
        layer={"class_name": "Dense", "config": {"units": 2}},
    ),
    new("drop", "Dropout", called(spec(None, 5), training=False), rate=0.5),
    held("source:dense", DENSE, called(spec(8, 6))),
    held(
        "source:cut",
        {
            "module": "keras.src.ops.numpy",
            "class_name": "GetItem",
            "config": {"name": "cut"},
            "registered_name": "GetItem",
        },
        called(spec(None, 5, 6, dtype="int32"), [SLICE, 0]),
    ),
    new("typo", "Dens", called(spec(None, 4))),
    new("argument", "Dense", called(spec(None, 4)), unit=4),
    new("shape", "Conv2D", called(spec(None, 4)), filters=4, kernel_size=3),
    new("after_typo", "Dense", called(Pending("typo", 0, 0)), units=2),
    new("beyond", "Dense", called(Pending("first", 0, 1)), units=2),
    # Its second call fails, so what depends on its first one has no ground either.
    new("half", "Dense", called(spec(None, 4)), called(spec(None, 9)), units=2),
    new("after_half", "Dense", called(Pending("half", 0, 0)), units=2),
)
FAILING = {"typo", "argument", "shape", "beyond", "half"}
SOUND = tuple(
    question
    for question in QUESTIONS
    if question.id not in FAILING and not question.id.startswith("after_")
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def facts(store: Store) -> Mapping[str, Fact]:
    return ask(QUESTIONS, store)


def weights(store: Store, fact: Fact) -> Mapping[str, Any]:
    assert fact.object is not None
    path = store.object_path(fact.object)
    assert path is not None
    return digest_tensors(path)


@pytest.mark.keras
class TestFacts:
    def test_outputs_have_shape_and_dtype_for_each_call(self, facts: Mapping[str, Fact]) -> None:
        assert facts["first"].outputs == ((spec(None, 3),),)
        assert facts["own"].outputs == ((spec(None, 3),), (spec(None, 3),))
        assert facts["lstm"].outputs == ((spec(None, 3),) * 3,)
        assert facts["attention"].outputs == ((spec(None, 7, 6),),)
        assert facts["each"].outputs == ((spec(None, 5, 2),),)

    def test_a_layer_may_come_before_those_it_waits_for(self, facts: Mapping[str, Fact]) -> None:
        assert facts["join"].outputs == ((spec(None, 6),),)

    def test_calls_of_two_layers_may_take_turns(self, facts: Mapping[str, Fact]) -> None:
        assert facts["ping"].outputs == facts["pong"].outputs == ((spec(None, 2),),) * 2

    def test_held_layers_and_operators_are_inferred_and_not_kept(
        self, facts: Mapping[str, Fact]
    ) -> None:
        dense, cut = facts["source:dense"], facts["source:cut"]
        assert dense.outputs == ((spec(8, 5),),)
        assert dense.layer["build_config"] == {"input_shape": [8, 6]}
        assert cut.outputs == ((spec(None, 6, dtype="int32"),),)
        assert dense.object is None
        assert cut.variables == ()

    def test_a_new_layer_is_told_as_keras_serialises_it(self, facts: Mapping[str, Fact]) -> None:
        layer = facts["first"].layer
        assert (layer["module"], layer["class_name"]) == ("keras.layers", "Dense")
        assert layer["registered_name"] is None
        assert layer["config"]["name"] == "first"
        assert layer["config"]["activation"] == "relu"
        assert layer["build_config"] == {"input_shape": [None, 4]}

    def test_all_variables_are_told_with_their_path_inside_the_layer(
        self, facts: Mapping[str, Fact]
    ) -> None:
        told = [(v.path, v.shape, v.dtype) for v in facts["first"].variables]
        assert told == [("kernel", (4, 3), "float32"), ("bias", (3,), "float32")]
        assert facts["attention"].variables[0].path == "query/kernel"
        (seed_state,) = facts["drop"].variables
        assert (seed_state.shape, seed_state.dtype) == ((2,), "int64")

    def test_a_new_layer_is_kept_in_canonical_form_with_its_weights(
        self, facts: Mapping[str, Fact], store: Store
    ) -> None:
        assert set(weights(store, facts["first"])) >= {
            "layers/dense/vars/0",
            "layers/dense/vars/1",
        }

    def test_what_keras_refuses_is_told_in_one_short_sentence(
        self, facts: Mapping[str, Fact]
    ) -> None:
        told = {name: fact.error for name, fact in facts.items() if fact.error is not None}
        assert set(told) == FAILING
        assert told["typo"] == "keras.layers has no layer 'Dens'; did you mean 'Dense' or " + (
            "'EinsumDense'?"
        )
        assert told["argument"] == "Dense takes no argument 'unit'; did you mean 'units'?"
        assert told["beyond"] == "output 1 of first is wanted, and it puts out 1"
        assert told["shape"] is not None
        assert "expected min_ndim=4, found ndim=2" in told["shape"]
        assert not any("Traceback" in str(text) or "\n" in str(text) for text in told.values())

    def test_what_depends_on_a_failure_is_left_out(self, facts: Mapping[str, Fact]) -> None:
        assert "after_typo" not in facts
        assert "after_half" not in facts

    def test_what_was_answered_is_known_without_a_process(
        self, facts: Mapping[str, Fact], store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        alone = [question for question in SOUND if question.id not in {"ping", "pong"}]
        monkeypatch.setattr(asking_module, "run", None)
        assert ask(alone, store) == {q.id: facts[q.id] for q in alone}

    def test_failures_are_not_remembered(self, facts: Mapping[str, Fact], store: Store) -> None:
        for question in QUESTIONS:
            if question.id in {"typo", "argument", "shape", "half"}:
                assert facts[question.id].error is not None
                assert recall(question, store) is None

    def test_a_held_layer_of_another_name_is_the_same_fact_under_its_own_name(
        self, facts: Mapping[str, Fact], store: Store
    ) -> None:
        assert facts["source:dense"].layer["config"]["name"] == "original"
        renamed = {**DENSE, "config": {"name": "other", "units": 5}}
        fact = recall(held("b:dense", renamed, called(spec(8, 6))), store)
        assert fact is not None
        assert fact.layer["config"]["name"] == "other"
        assert fact.outputs == facts["source:dense"].outputs

    def test_weights_do_not_depend_on_the_rest_of_the_batch_or_its_order(
        self, facts: Mapping[str, Fact], tmp_path: Path
    ) -> None:
        more = new("more", "Dense", called(spec(None, 40)), units=30)
        other = Store(tmp_path / "other")
        again = ask([more, *reversed(SOUND)], other)
        for question in SOUND:
            assert again[question.id] == facts[question.id], question.id

    def test_weights_depend_on_the_seed_and_on_nothing_of_the_name(
        self, facts: Mapping[str, Fact], store: Store
    ) -> None:
        first = next(question for question in QUESTIONS if question.id == "first")
        answers = ask(
            [
                replace(first, id="seeded", seed=4),
                replace(first, id="named", name="named"),
            ],
            store,
        )
        kernel = "layers/dense/vars/0"
        assert weights(store, answers["named"])[kernel] == weights(store, facts["first"])[kernel]
        assert weights(store, answers["seeded"])[kernel] != weights(store, facts["first"])[kernel]


MINE = """
import keras

@keras.saving.register_keras_serializable("mine")
class Twice(keras.layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.dense = keras.layers.Dense(units)

    def call(self, x):
        return self.dense(x) * 2

    def get_config(self):
        return {**super().get_config(), "units": self.units}

NOT_A_LAYER = 3
"""


@pytest.mark.keras
def test_a_class_of_ones_own_is_found_beside_the_spec_and_remembered_with_its_code(
    tmp_path: Path,
) -> None:
    (tmp_path / "my_layers.py").write_text(MINE)
    store = Store(tmp_path / "store")
    mine = new("mine", "my_layers:Twice", called(spec(None, 4)), units=3)
    questions = [
        mine,
        replace(mine, id="second", name="second"),
        new("no_class", "my_layers:Thrice", called(spec(None, 4))),
        new("no_layer", "my_layers:NOT_A_LAYER", called(spec(None, 4))),
        new("no_module", "their_layers:Twice", called(spec(None, 4))),
        new("no_tensor", "Dense", called(), units=3),
    ]
    facts = ask(questions, store, code=UserCode(last=(tmp_path,)))
    assert facts["mine"].layer["registered_name"] == "mine>Twice"
    # Names that Keras makes up inside do not tell what was made before.
    paths = ["dense/kernel", "dense/bias"]
    assert [v.path for v in facts["mine"].variables] == paths
    assert [v.path for v in facts["second"].variables] == paths
    code = UserCode(last=(tmp_path,))
    assert recall(mine, store, CodeState(code)) == facts["mine"]
    assert recall(mine, store) is None
    assert recall(mine, store, CodeState(UserCode(last=(tmp_path / "store",)))) is None
    (tmp_path / "my_layers.py").write_text(f"{MINE}\n# A remark.\n")
    assert recall(mine, store, CodeState(code)) is None
    (tmp_path / "my_layers.py").write_text(MINE)
    assert recall(mine, store, CodeState(code)) == facts["mine"]
    assert facts["no_class"].error == "the module my_layers has no layer class 'Thrice'"
    assert facts["no_layer"].error == "the module my_layers has no layer class 'NOT_A_LAYER'"
    assert "their_layers can't be imported" in str(facts["no_module"].error)
    assert facts["no_tensor"].error == "the layer is called without any tensor"


@pytest.mark.keras
def test_code_is_what_its_text_says_whatever_bytecode_lies_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "my_layers.py"
    file.write_text(MINE.replace("Dense(units)", "Dense(units, use_bias=True) "))
    before = file.stat()
    py_compile.compile(str(file))
    file.write_text(MINE.replace("Dense(units)", "Dense(units, use_bias=False)"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    question = new("mine", "my_layers:Twice", called(spec(None, 4)), units=3)
    facts = ask([question], Store(tmp_path / "store"), code=UserCode(last=(tmp_path,)))
    assert [variable.path for variable in facts["mine"].variables] == ["dense/kernel"]


def test_an_answer_of_code_that_changed_meanwhile_is_not_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = {"cell": {"module": "my_layers", "class_name": "Cell", "config": {}}}
    question = held("a", {**DENSE, "config": cell}, called(spec(None, 4)))
    file, code, store = tmp_path / "my_layers.py", UserCode(first=(tmp_path,)), Store(tmp_path)
    answer = {"circle": [], "facts": {"a": {"fact": fact_document(KNOWN), "file": None}}}

    def run(request: dict[str, Any], **_: Any) -> dict[str, Any]:
        assert request["own"] == [str(file.resolve())]
        file.write_text(texts.pop())
        return answer

    monkeypatch.setattr(asking_module, "run", run)
    file.write_text("class Cell: ...\n")
    texts = ["class Cell: ...\n", "class Cell: pass\n"]
    assert ask([question], store, code=code) == {"a": KNOWN}
    assert recall(question, store, CodeState(code)) is None
    file.write_text("class Cell: ...\n")
    assert ask([question], store, code=code) == {"a": KNOWN}
    assert recall(question, store, CodeState(code)) == KNOWN


@pytest.mark.keras
def test_layers_that_wait_for_each_other_are_named(tmp_path: Path) -> None:
    questions = [
        new("egg", "Dense", called(Pending("hen", 0, 0)), units=2),
        new("hen", "Dense", called(Pending("egg", 0, 0)), units=2),
        new("farm", "Dense", called(Pending("hen", 0, 0)), units=2),
    ]
    with pytest.raises(BuildError, check=lambda error: error.key == "CMP710.circle"):
        ask(questions, Store(tmp_path))


def test_a_question_about_an_output_of_nobody_is_a_mistake_of_the_caller(tmp_path: Path) -> None:
    question = new("a", "Dense", called(Pending("b", 0, 0)), units=2)
    with pytest.raises(ValueError, match="a waits for b"):
        ask([question], Store(tmp_path))
    with pytest.raises(ValueError, match="same id"):
        ask([question, question], Store(tmp_path))


def test_a_call_that_takes_what_its_source_recorded_needs_no_keras(tmp_path: Path) -> None:
    record = Recorded(inputs=(spec(None, 4),), outputs=(spec(None, 5),))
    question = replace(held("a", DENSE, called(spec(None, 4))), recorded=(record,))
    facts = ask([question], Store(tmp_path), timeout=0)
    assert facts == {"a": Fact(outputs=((spec(None, 5),),))}
    assert recall(question, Store(tmp_path)) is None


def test_nothing_is_asked_for_no_question(tmp_path: Path) -> None:
    assert ask([], Store(tmp_path)) == {}


KNOWN = Fact(layer=DENSE, outputs=((spec(None, 5),),))


def remember(store: Store, question: Question, document: dict[str, Any]) -> None:
    store.remember_fact(fact_key(question, versions()), document)


def test_a_fact_whose_object_vanished_is_absent(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    (tmp_path / "made.keras").write_bytes(b"layer")
    digest = store.add(tmp_path / "made.keras")
    question = new("a", "Dense", called(spec(None, 4)), units=2)
    fact = replace(KNOWN, object=digest)
    remember(store, question, fact_document(fact))
    assert recall(question, store) == fact
    path = store.object_path(digest)
    assert path is not None
    path.unlink()
    assert recall(question, store) is None


@pytest.mark.parametrize("damage", [{}, {"outputs": 3}, {"outputs": [[{}]]}, {"layer": 1}])
def test_a_remembered_fact_of_another_form_is_absent(
    tmp_path: Path, damage: dict[str, Any]
) -> None:
    store = Store(tmp_path)
    question = held("a", DENSE, called(spec(None, 4)))
    whole = fact_document(KNOWN)
    remember(store, question, whole)
    assert recall(question, store) == KNOWN
    remember(store, question, {**whole, **damage} if damage else {})
    assert recall(question, store) is None


@pytest.mark.parametrize(
    "config",
    [
        {"activation": "mine>act"},
        {"dtype": {"class_name": "DTypePolicyMap", "config": {"policy_map": {"mha/query": "x"}}}},
        {"cell": {"module": "no_such_layers", "class_name": "Cell", "config": {}}},
    ],
)
def test_what_depends_on_more_than_can_be_told_is_never_recalled(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    question = held("a", {**DENSE, "config": config}, called(spec(None, 4)))
    remember(Store(tmp_path), question, fact_document(KNOWN))
    assert recall(question, Store(tmp_path)) is None
