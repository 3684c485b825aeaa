"""Questions and facts go through JSON unchanged."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from composer.graphs.graph import TensorSpec
from composer.keras_process.fact_documents import (
    fact_document,
    fact_from,
    pending_in,
    question_document,
    question_from,
)
from composer.resolver.facts import AskedCall, Fact, OwnedVariable, Pending, Question, Recorded

names = st.text(min_size=1, max_size=5)
specs = st.builds(
    TensorSpec,
    st.none() | st.lists(st.none() | st.integers(0, 9), max_size=4).map(tuple),
    st.none() | st.sampled_from(["float32", "int8"]),
)
plain = st.none() | st.booleans() | st.integers() | names
leaves: st.SearchStrategy[Any] = (
    specs | plain | st.builds(Pending, names, st.integers(0, 3), st.integers(0, 3))
)
trees = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)
calls = st.builds(
    AskedCall,
    args=st.lists(trees, max_size=2).map(tuple),
    kwargs=st.dictionaries(names, trees, max_size=2),
)
questions = st.builds(
    Question,
    id=names,
    kind=st.sampled_from(["make", "infer"]),
    layer=st.dictionaries(names, plain, max_size=3),
    calls=st.lists(calls, max_size=2).map(tuple),
    name=st.none() | names,
    seed=st.none() | st.integers(0, 2**32 - 1),
    recorded=st.lists(
        st.none()
        | st.builds(
            Recorded,
            inputs=st.lists(specs, max_size=2).map(tuple),
            outputs=st.lists(specs, max_size=2).map(tuple),
        ),
        max_size=2,
    ).map(tuple),
)
facts = st.builds(
    Fact,
    error=st.none() | names,
    layer=st.dictionaries(names, plain, max_size=3),
    outputs=st.lists(st.lists(specs, max_size=2).map(tuple), max_size=2).map(tuple),
    variables=st.lists(
        st.builds(
            OwnedVariable,
            path=names,
            shape=st.lists(st.integers(0, 9), max_size=3).map(tuple),
            dtype=names,
        ),
        max_size=2,
    ).map(tuple),
    object=st.none() | names,
)


@given(questions)
def test_a_question_survives_json(question: Question) -> None:
    assert question_from(json.loads(json.dumps(question_document(question)))) == question


@given(facts)
def test_a_fact_survives_json(fact: Fact) -> None:
    assert fact_from(json.loads(json.dumps(fact_document(fact)))) == fact


def test_pending_inputs_are_found_at_any_depth() -> None:
    deep = Pending("a", 0, 1)
    named = Pending("b", 2, 0)
    call = AskedCall(args=([{"x": [deep]}],), kwargs={"value": named, "flag": True})
    question = Question(id="q", kind="infer", layer={}, calls=(call,))
    assert pending_in(question) == (deep, named)
