"""Answers questions about layers: what they put out, what they own, and new ones themselves.

Each layer is also run once on small data (``trial.py``): what can't be run is refused.

Calls are worked off like in ``functional_from_config`` (``keras/src/models/functional.py``): a
call whose inputs are not there yet is tried again after the others, so that calls of several
layers may interleave. Unlike there, no graph is built: only shapes and dtypes go from one layer
to the next, so that no layer can depend on what else is in the batch.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from composer.graphs.canonical import canonical_config, without_compilation
from composer.graphs.foreign import foreign_classes
from composer.graphs.graph import TensorSpec, Tree
from composer.keras_process.code_state import needs_code
from composer.keras_process.fact_documents import (
    fact_document,
    map_asked,
    pending_in,
    question_from,
)
from composer.keras_process.tasks.code_scope import CodeScope
from composer.keras_process.tasks.explain import explain
from composer.keras_process.tasks.import_user_code import (
    UnknownClassError,
    extend_path,
    place,
    refuse_unknown,
)
from composer.keras_process.tasks.new_layer import make_layer
from composer.keras_process.tasks.trial import failure_when_run
from composer.resolver.facts import (
    AskedCall,
    Fact,
    OwnedVariable,
    Pending,
    Question,
    recorded_outputs,
)


def perform(request: Mapping[str, Any], report: Callable[[str], None]) -> dict[str, Any]:
    """Answer all questions of a batch.

    Args:
        request: ``questions`` (see ``fact_documents.py``), ``folder`` for the files of new
            layers, ``code`` (see ``UserCode``) for classes outside of Keras, ``own``: the files
            and folders that these lie in.
        report: told of each new layer.

    Returns:
        ``facts``: for each question that could be asked of Keras its fact and the file that
        holds its new layer; ``circle``: ids of questions that wait for each other.
    """
    code = request["code"]
    extend_path(first=code["first"], last=code["last"], own=request["own"])
    folder = Path(request["folder"])
    scope = CodeScope(code)
    subjects = [
        _Subject(
            question_from(document),
            folder / f"{index}.keras",
            report,
            code,
            scope=scope,
            own=tuple(request["own"]),
        )
        for index, document in enumerate(request["questions"])
    ]
    by_id = {subject.question.id: subject for subject in subjects}
    moving = True
    while moving:
        moving = False
        for subject in subjects:
            moving = subject.advance(by_id) or moving
    founded = _founded(by_id)
    return {
        "facts": {
            subject.question.id: {
                "fact": fact_document(subject.fact),
                "file": str(subject.file) if subject.file.exists() else None,
            }
            for subject in subjects
            if subject.fact is not None and subject.question.id in founded
        },
        "circle": _circle(by_id),
    }


def question_source(question: Question) -> str:
    """Return the id of the source that holds the layer a question is about."""
    return question.id.partition(":")[0]


class _NotYetError(Exception):
    """An input of a call is not known yet, or never will be since ``of`` failed."""

    def __init__(self, of: str) -> None:
        super().__init__(of)
        self.of = of


class _Subject:
    """One question on its way to its fact."""

    def __init__(
        self,
        question: Question,
        file: Path,
        report: Callable[[str], None],
        code: Mapping[str, Any],
        *,
        scope: CodeScope,
        own: Sequence[str],
    ) -> None:
        self.question = question
        self.own = own
        self.code = code
        self.scope = scope
        self.file = file
        self.report = report
        self.layer: Any = None
        self.outputs: list[tuple[TensorSpec, ...]] = []
        self.passed: list[AskedCall] = []
        self.called: list[AskedCall] = []
        self.fact: Fact | None = None
        self.waits_for: str | None = None

    def advance(self, others: Mapping[str, _Subject]) -> bool:
        """Make the calls whose inputs are known; say whether anything happened."""
        if self.fact is not None:
            return False
        done = len(self.outputs)
        try:
            for call in self.question.calls[done:]:
                self.outputs.append(self._settle(_with_inputs(call, others)))
            self.fact = self._finish()
            self._try()
        except _NotYetError as missing:
            self.waits_for = missing.of
            return len(self.outputs) > done
        except Exception as problem:
            # Layers raise what they like; whatever it is, it is the answer.
            self.fact = self._refusal(problem)
            self.file.unlink(missing_ok=True)
        return True

    def _settle(self, call: AskedCall) -> tuple[TensorSpec, ...]:
        """Take what a source recorded of a call for as long as nothing differs; else ask Keras."""
        if self.layer is None:
            recorded = recorded_outputs(self.question, len(self.outputs), call)
            if recorded is not None:
                self.passed.append(call)
                return recorded
            for earlier in self.passed:  # a layer is built by its first call
                self._call(earlier)
        return self._call(call)

    def _try(self) -> None:
        """Run the layer once, and answer what it raises, if it does."""
        if self.layer is None:
            return
        failed = failure_when_run(self.layer, [_revive(call) for call in self.called])
        if failed is None:
            return
        problem, shapes = failed
        self.fact = self._refusal(problem, failed_on=shapes)
        self.file.unlink(missing_ok=True)

    def _refusal(self, problem: Exception, failed_on: str | None = None) -> Fact:
        """Return what was raised, and the last line of the user's code that it came through."""
        folder = next(iter([*self.code["first"], *self.code["last"]]), "")
        where = place(problem, self.own, Path(folder))
        return Fact(
            error=explain(problem) + (f" ({where})" if where is not None else ""),
            unknown_class=isinstance(problem, UnknownClassError),
            failed_on=failed_on,
        )

    def _call(self, call: AskedCall) -> tuple[TensorSpec, ...]:
        outputs = self._call_symbolically(call)
        self.called.append(call)
        return outputs

    def _call_symbolically(self, call: AskedCall) -> tuple[TensorSpec, ...]:
        if self.layer is not None:
            args, kwargs = _revive(call)
            return _specs(self.layer(*args, **kwargs))
        foreign = foreign_classes(dict(self.question.layer))
        self.scope.enter(with_code=bool(foreign) or needs_code(self.question))
        refuse_unknown(foreign)
        args, kwargs = _revive(call)
        if self.question.kind == "infer":
            config = without_compilation(dict(self.question.layer))
            # A question about a layer of a source bears the source's id.
            safe = question_source(self.question) not in self.code["trusted"]
            self.layer = keras.saving.deserialize_keras_object(config, safe_mode=safe)
            return _specs(self.layer(*args, **kwargs))
        self.report(f"making {self.question.name}")
        return self._make(args, kwargs)

    def _make(self, args: list[Any], kwargs: dict[str, Any]) -> tuple[TensorSpec, ...]:
        question = self.question
        inputs: list[keras.KerasTensor] = []

        def as_input(leaf: Any) -> Any:
            if not isinstance(leaf, keras.KerasTensor):
                return leaf
            # Begins with the layer's name, so it can't be the layer's name.
            name = f"{question.name}_input_{len(inputs)}"
            inputs.append(keras.Input(batch_shape=leaf.shape, dtype=leaf.dtype, name=name))
            return inputs[-1]

        args, kwargs = keras.tree.map_structure(as_input, (args, kwargs))
        if not inputs:
            raise ValueError("the layer is called without any tensor")
        if question.seed is None or question.name is None:
            raise ValueError("a new layer needs a name and a seed")
        # From here to the end of the first call, in which Keras makes the weights, nothing else
        # draws a random number.
        keras.utils.set_random_seed(question.seed)
        self.layer = make_layer(question.layer, question.name)
        outputs = self.layer(*args, **kwargs)
        specs = _specs(outputs)
        keras.Model(inputs, outputs, name=f"{question.name}_alone").save(self.file)
        return specs

    def _finish(self) -> Fact:
        if self.layer is None:
            if not self.passed:
                raise ValueError("the layer is never called")
            return Fact(outputs=tuple(self.outputs))
        scope = keras.src.saving.serialization_lib.ObjectSharingScope()
        with scope:  # as when a model is saved, so that shared parts keep their ids
            serialised = keras.saving.serialize_keras_object(self.layer)
        return Fact(
            # Their ids are memory addresses, and nested models may still be compiled.
            layer=canonical_config(json.loads(json.dumps(serialised))),
            outputs=tuple(self.outputs),
            variables=tuple(
                OwnedVariable(
                    path=_path_inside(self.layer, variable),
                    shape=tuple(int(size) for size in variable.shape),
                    dtype=keras.backend.standardize_dtype(variable.dtype),
                )
                for variable in getattr(self.layer, "variables", ())
            ),
        )


def _with_inputs(call: AskedCall, others: Mapping[str, _Subject]) -> AskedCall:
    """Return ``call`` with the outputs that it waits for.

    Raises:
        _NotYetError: one of them is not there.
        ValueError: one of them will never be there: its call has fewer outputs.
    """

    def known(leaf: TensorSpec | Pending) -> TensorSpec:
        if isinstance(leaf, TensorSpec):
            return leaf
        other = others[leaf.question]
        if leaf.call >= len(other.outputs) or (other.fact and other.fact.error is not None):
            if other.fact is not None and other.fact.error is None:
                raise ValueError(f"{leaf.question} has no call {leaf.call}")
            raise _NotYetError(leaf.question)
        outputs = other.outputs[leaf.call]
        if leaf.output >= len(outputs):
            raise ValueError(
                f"output {leaf.output} of {leaf.question} is wanted, and it puts out {len(outputs)}"
            )
        return outputs[leaf.output]

    return AskedCall(
        args=tuple(map_asked(arg, known) for arg in call.args),
        kwargs=map_asked(dict(call.kwargs), known),
    )


def _revive(call: AskedCall) -> tuple[list[Any], dict[str, Any]]:
    """Return positional and keyword arguments, as ``deserialize_node`` of Keras revives them."""

    def serialised(leaf: TensorSpec | Pending) -> Tree:
        if isinstance(leaf, Pending) or leaf.shape is None or leaf.dtype is None:
            raise ValueError(f"the shape and dtype of an input are not known: {leaf}")
        return {
            "class_name": "__keras_tensor__",
            "config": {"shape": list(leaf.shape), "dtype": leaf.dtype, "keras_history": None},
        }

    revive = keras.saving.deserialize_keras_object
    args = revive(map_asked(list(call.args), serialised), safe_mode=True)
    kwargs = revive(map_asked(dict(call.kwargs), serialised), safe_mode=True)
    return args, kwargs


def _specs(outputs: Any) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(tuple(tensor.shape), keras.backend.standardize_dtype(tensor.dtype))
        for tensor in keras.tree.flatten(outputs)
    )


def _path_inside(layer: Any, variable: Any) -> str:
    # A nested model's variables do not begin with its name.
    return str(variable.path).removeprefix(f"{layer.path}/")


def _founded(subjects: Mapping[str, _Subject]) -> set[str]:
    """Return the ids of questions that depend on no failed one, not even by a later call of it."""
    founded = {name for name, subject in subjects.items() if subject.fact is not None}
    sound = {name for name in founded if getattr(subjects[name].fact, "error", None) is None}
    while True:
        shaky = {
            name
            for name in founded
            if any(
                pending.question not in sound and pending.question != name
                for pending in pending_in(subjects[name].question)
            )
        }
        if not shaky:
            return founded
        founded -= shaky
        sound -= shaky


def _circle(subjects: Mapping[str, _Subject]) -> Sequence[str]:
    """Return the ids of questions without a fact that wait for none that failed."""
    for start in subjects:
        seen: list[str] = []
        name: str | None = start
        while name is not None and subjects[name].fact is None and name not in seen:
            seen.append(name)
            name = subjects[name].waits_for
        if name in seen:
            return seen[seen.index(name) :]
    return []
