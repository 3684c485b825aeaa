"""Asks a Keras process what only Keras knows, and remembers in the store what it said."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from composer.errors import BuildError
from composer.files.keys import key_of
from composer.graphs.graph import Json, TensorSpec
from composer.keras_process.client import run, versions
from composer.keras_process.code_state import CodeState
from composer.keras_process.fact_documents import (
    fact_document,
    fact_from,
    map_asked,
    pending_in,
    question_document,
)
from composer.keras_process.user_code import NO_CODE, UserCode
from composer.resolver.facts import AskedCall, Fact, Pending, Question, fact_key, unchanged
from composer.store import Store


def ask(
    questions: Sequence[Question],
    store: Store,
    *,
    code: UserCode = NO_CODE,
    timeout: float | None = None,
    progress: Callable[[str], None] | None = None,
) -> Mapping[str, Fact]:
    """Answer ``questions``: from the store where it knows, by one Keras process for the rest.

    A layer's weights depend on its class, arguments, seed and input shapes, not on the other
    questions or on their order.

    Args:
        questions: may wait for each other's outputs; their ids are unique.
        store: remembers the facts and keeps the new layers.
        code: of the user's, for new layers by ``package.module:Class`` and for classes of sources.
        timeout: seconds for the Keras process.
        progress: called with lines of progress.

    Returns:
        for each question's id its fact. Where Keras refused, the fact has an ``error``; what
        waits for such a question has no entry.

    Raises:
        BuildError: some questions wait for each other in a circle.
        KerasProcessError: the Keras process failed.
        ValueError: two questions have one id, or one waits for a question that is not there.
    """
    by_id = {question.id: question for question in questions}
    if len(by_id) != len(questions):
        raise ValueError("two questions have the same id")
    for question in questions:
        for pending in pending_in(question):
            if pending.question not in by_id:
                raise ValueError(f"{question.id} waits for {pending.question}, which is not asked")
    state = CodeState(code)
    facts = dict(recall_all(questions, store, state))
    missing = [
        _with_known_inputs(question, facts) for question in questions if question.id not in facts
    ]
    if missing:
        facts |= _ask_process(
            missing, store, code=code, state=state, timeout=timeout, progress=progress
        )
        after = CodeState(code)
        for question in missing:
            # Code that was changed meanwhile may have given this answer or not.
            if state.key(question) == after.key(question):
                settled = _with_known_inputs(question, facts)
                _remember(settled, facts.get(question.id), store, state)
    return {question.id: facts[question.id] for question in questions if question.id in facts}


def recall(question: Question, store: Store, state: CodeState | None = None) -> Fact | None:
    """Return what the store remembers of the answer to ``question``, or None.

    A fact whose object is no longer in the store is not remembered. Neither is one about a
    class outside of Keras whose code has changed or can't be found.

    Args:
        question: one that waits for another's output is never remembered.
        store: where :func:`ask` put the fact.
        state: of the user's code; None where the spec names none.
    """
    key = _key(question, state or CodeState(NO_CODE))
    document = None if key is None else store.fact(key)
    if document is None:
        return None
    try:
        fact = fact_from(document)
    except (KeyError, TypeError, ValueError):
        return None
    if question.kind == "make" and (fact.object is None or store.object_path(fact.object) is None):
        return None
    return _named_like(question, fact)


def recall_all(questions: Sequence[Question], store: Store, state: CodeState) -> Mapping[str, Fact]:
    """Return what the store knows of a batch, by question id; starts no process.

    A question that waits for another's output is found once that one is.
    """
    facts: dict[str, Fact] = {}
    while True:
        found = {}
        for question in questions:
            if question.id not in facts:
                settled = _with_known_inputs(question, facts)
                fact = unchanged(settled) or recall(settled, store, state)
                if fact is not None:
                    found[question.id] = fact
        if not found:
            return facts
        facts |= found


def _ask_process(
    questions: Sequence[Question],
    store: Store,
    *,
    code: UserCode,
    state: CodeState,
    timeout: float | None,
    progress: Callable[[str], None] | None,
) -> dict[str, Fact]:
    # Imported here: rewriting archives needs h5py, which reading facts from the store does not.
    from composer.model_files.canonical_file import canonicalise

    with store.scratch() as folder:
        answer = run(
            {
                "task": "answer",
                "questions": [question_document(question) for question in questions],
                "folder": str(folder),
                "code": code.document(),
                "own": [str(place.resolve()) for place in state.places(questions)],
            },
            timeout=timeout,
            progress=progress,
        )
        if answer["circle"]:
            names = ", ".join(answer["circle"])
            raise BuildError("CMP710.circle", layers=names)
        facts = {}
        for identifier, reply in answer["facts"].items():
            fact = fact_from(reply["fact"])
            if reply["file"] is not None:
                canonical = folder / "canonical.keras"
                canonicalise(Path(reply["file"]), canonical)
                fact = replace(fact, object=store.add(canonical))
            facts[identifier] = fact
    return facts


def _remember(question: Question, fact: Fact | None, store: Store, state: CodeState) -> None:
    if fact is None or fact.error is not None or not fact.layer:
        return
    key = _key(question, state)
    if key is not None:
        store.remember_fact(key, fact_document(fact))


def _with_known_inputs(question: Question, facts: Mapping[str, Fact]) -> Question:
    """Return ``question`` with each pending input that ``facts`` knows put in its place."""

    def known(leaf: TensorSpec | Pending) -> TensorSpec | Pending:
        if isinstance(leaf, Pending) and leaf.question in facts and leaf.question != question.id:
            outputs = facts[leaf.question].outputs
            if leaf.call < len(outputs) and leaf.output < len(outputs[leaf.call]):
                return outputs[leaf.call][leaf.output]
        return leaf

    return _map_calls(question, known)


def _map_calls(question: Question, function: Callable[[TensorSpec | Pending], Any]) -> Question:
    """Return ``question`` with ``function`` applied to all tensors of its calls."""
    calls = tuple(
        AskedCall(
            args=tuple(map_asked(arg, function) for arg in call.args),
            kwargs=map_asked(dict(call.kwargs), function),
        )
        for call in question.calls
    )
    return replace(question, calls=calls)


def _key(question: Question, state: CodeState) -> str | None:
    """Return what the answer is remembered under; None when it can't be remembered."""
    if _holds_policy_map(dict(question.layer)):
        return None

    def settled(leaf: TensorSpec | Pending) -> Any:
        # A layer that takes its own output: which one says all there is to know about it.
        if isinstance(leaf, Pending) and leaf.question == question.id:
            return {"$own": [leaf.call, leaf.output]}
        return leaf

    settled_question = _map_calls(question, settled)
    if pending_in(settled_question):
        return None
    code = state.key(question)
    if code is None:
        return None
    key = fact_key(settled_question, versions())
    return key_of([key, code]) if code else key


def _holds_policy_map(value: Json) -> bool:
    """Find a DTypePolicyMap, whose keys hold the layer's own name, which the key leaves out."""
    if isinstance(value, list | tuple):
        return any(_holds_policy_map(item) for item in value)
    if isinstance(value, Mapping):
        if value.get("class_name") == "DTypePolicyMap":
            return True
        return any(_holds_policy_map(item) for item in value.values())
    return False


def _named_like(question: Question, fact: Fact) -> Fact:
    """Return ``fact``, which may come from a layer of another name, with the name asked for."""
    config: Any = fact.layer.get("config")
    asked: Any = question.layer.get("config")
    if question.kind == "make" or not isinstance(config, dict) or "name" not in config:
        return fact
    if not isinstance(asked, Mapping) or "name" not in asked:
        return fact
    return replace(fact, layer={**fact.layer, "config": {**config, "name": asked["name"]}})
