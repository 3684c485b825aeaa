"""What the property tests and the sweep link with: a way to link as a value, and the linking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from composer.diagnostics.diagnostic import Note, Span, SpecPath
from composer.errors import FormatError
from composer.graphs.flatten import flattened
from composer.graphs.graph import TensorRef, TensorSpec
from composer.graphs.model_file import ModelFile
from composer.linker.build import build_plan
from composer.resolver.resolve import resolve
from composer.spec.model import (
    ModelInput,
    Outputs,
    Reference,
    Source,
    Spec,
)

Tensors = tuple[tuple[str, TensorRef], ...]
"""Tensors of sources: source id and the tensor's place in that source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One way to link.

    Attributes:
        inputs: final name of each expected input → name of the source's input, in order.
        outputs: tensors of sources that the outputs are, in order.
        starts: tensors of the sources that the inputs stand for; empty for their own inputs.
        names: what goes around the names of each source's layers.
        frozen: source and original name of the layers that are to be frozen.
        gone: classes of layers that are taken out.
        may_refuse: whether a diagnostic is an answer too.
        arranged: whether inputs and outputs are arranged as in the source.
        flatten: whether nested models are inlined; layers are then not compared by name.
    """

    spec: Spec
    inputs: Mapping[str, str]
    outputs: Tensors
    names: Mapping[str, tuple[str, str]]
    frozen: frozenset[tuple[str, str]] = frozenset()
    gone: tuple[str, ...] = ()
    starts: tuple[TensorRef, ...] = ()
    may_refuse: bool = False
    arranged: bool = False
    flatten: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A built artifact, or the codes of the diagnostics that say why there is none."""

    sha256: str = ""
    refused: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()


def link(variant: Variant, files: Mapping[str, ModelFile], target: Path) -> Outcome:
    """Link ``variant`` without Keras."""
    if variant.flatten:
        try:
            files = {source: flattened(file) for source, file in files.items()}
        except FormatError as error:
            return Outcome(refused=("CMP418",), messages=(error.message,))
    resolution = resolve(variant.spec, files, facts={}, downloads={})
    errors = tuple(d.code for d in resolution.diagnostics if d.severity == "error")
    questions = tuple(question.id for question in resolution.questions)
    if variant.flatten and questions:
        # What a nested model recorded holds for its own inputs; given others, Keras must be asked.
        return Outcome(refused=("deferred",), questions=questions)
    if resolution.plan is None or errors or questions:
        messages = tuple(f"{d.code}: {d.message}" for d in resolution.diagnostics)
        return Outcome(refused=errors, questions=questions, messages=messages)
    return Outcome(sha256=build_plan(resolution.plan, {}, target))


# ---------------------------------------------------------------- parts of a spec


class _Nowhere:
    """The positions of a spec that was never text."""

    def value(self, path: SpecPath) -> Span | None:
        return None

    key = value

    def origins(self, path: SpecPath) -> tuple[Note, ...]:
        return ()

    def added(self, path: SpecPath, *text: str) -> tuple[()]:
        return ()

    replaced = renamed_key = added


def spec_of(
    sources: tuple[Source, ...], outputs: Tensors, inputs: tuple[ModelInput, ...] = ()
) -> Spec:
    """Return a spec of these parts; without ``outputs``, composer finds what is open."""
    references = tuple(
        (
            f"out_{number}",
            _new_input(ref)
            or Reference(name=source, layer=ref.operation, node=ref.call, output=ref.output),
        )
        for number, (source, ref) in enumerate(outputs)
    )
    return Spec(
        name="linked",
        file="linked.yaml",
        inputs=inputs,
        sources=sources,
        outputs=Outputs(form="dict" if outputs else "default", references=references),
        positions=_Nowhere(),
    )


def source_of(source: str, **parts: object) -> Source:
    """Return a source, with a location that says nothing of this machine."""
    return Source(id=source, location=f"{source}.keras", directory=Path("models"), **parts)  # type: ignore[arg-type]


def declared(spec: TensorSpec | None, name: str) -> ModelInput:
    """Return a declared input for a tensor of this shape and dtype."""
    assert spec is not None
    assert spec.shape is not None
    assert spec.dtype is not None
    return ModelInput(id=name, shape=spec.shape[1:], dtype=spec.dtype)


_NEW = "\0new_"


def behind_inputs(ref: TensorRef, wired: list[str]) -> TensorRef:
    """An input that is also an output is, once it is wired, the tensor that it is wired to."""
    return TensorRef(f"{_NEW}{ref.operation}") if ref.operation in wired else ref


def _new_input(ref: TensorRef) -> Reference | None:
    if not ref.operation.startswith(_NEW):
        return None
    return Reference(name=ref.operation.removeprefix("\0"))


def original(ref: TensorRef) -> TensorRef:
    """Return the tensor of the source that has the value of ``ref``."""
    return TensorRef(ref.operation.removeprefix(_NEW), ref.call, ref.output)
