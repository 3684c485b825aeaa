"""The ways in which the property tests link a random model; the same in every process."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from composer.builder.build import build_plan
from composer.diagnostics.diagnostic import Note, Span, SpecPath
from composer.keras_format.graph import Operation, TensorRef, TensorSpec, leaves
from composer.keras_format.model_file import ModelFile
from composer.keras_format.read_model import read_model
from composer.keras_format.static_specs import input_spec
from composer.resolver.facts import Fact, Question
from composer.resolver.resolve import resolve
from composer.spec.model import (
    ModelInput,
    Outputs,
    Reference,
    Selector,
    Source,
    SourceInput,
    Spec,
)

IDENTITIES = ("Dropout", "GaussianNoise")
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
    """

    spec: Spec
    inputs: Mapping[str, str]
    outputs: Tensors
    names: Mapping[str, tuple[str, str]]
    frozen: frozenset[tuple[str, str]] = frozenset()
    gone: tuple[str, ...] = ()
    starts: tuple[TensorRef, ...] = ()
    may_refuse: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A built artifact, or the codes of the diagnostics that say why there is none."""

    sha256: str = ""
    refused: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()


def link(variant: Variant, files: Mapping[str, ModelFile], target: Path) -> Outcome:
    """Link ``variant`` without Keras."""
    resolution = resolve(variant.spec, files, _Nothing())
    errors = tuple(d.code for d in resolution.diagnostics if d.severity == "error")
    questions = tuple(question.id for question in resolution.questions)
    if resolution.plan is None or errors or questions:
        messages = tuple(f"{d.code}: {d.message}" for d in resolution.diagnostics)
        return Outcome(refused=errors, questions=questions, messages=messages)
    return Outcome(sha256=build_plan(resolution.plan, target))


def digest_again(folder: Path, number: int, kind: str, choice: int, target: Path) -> str:
    """Link the files of graph ``number`` once more, from the disk; returns SHA-256 or codes."""
    files = {
        source: read_model(folder / f"{number}{source}.keras") for source in ("a", "b")
    }
    outcome = link(VARIANTS[kind](files, choice), files, target)
    if not outcome.sha256:
        return " ".join(outcome.refused)
    assert outcome.sha256 == hashlib.sha256(target.read_bytes()).hexdigest()
    return outcome.sha256


# ---------------------------------------------------------------- variants


def whole(files: Mapping[str, ModelFile], choice: int) -> Variant:
    """The model as it is, under a prefix; what it puts out is left to composer where it can be."""
    file = files["a"]
    outputs = list(leaves(file.graph.outputs))
    taken = {t.ref for op in file.graph.operations for c in op.calls for t in c.tensors()}
    inputs = set(_inputs(file))
    plain = len(set(outputs)) == len(outputs) and not any(
        ref in taken or ref.operation in inputs for ref in outputs
    )
    tensors = tuple(("a", ref) for ref in outputs)
    return Variant(
        spec=spec_of((source_of("a", prefix="p_", suffix="_s"),), () if plain else tensors),
        inputs={f"p_{name}_s": name for name in _inputs(file)},
        outputs=tensors,
        names={"a": ("p_", "_s")},
    )


def side_by_side(files: Mapping[str, ModelFile], choice: int) -> Variant:
    """Two models of the same names and of different weights, on the same new inputs."""
    file = files["a"]
    operations = {operation.name: operation for operation in file.graph.operations}
    fed = [name for name in _inputs(file) if _is_taken(file, name)]
    unfed = [name for name in _inputs(file) if name not in fed]
    wires = tuple(
        SourceInput(target=name, reference=Reference(name=f"new_{name}")) for name in fed
    )
    refs = [_behind_inputs(ref, fed) for ref in leaves(file.graph.outputs)]
    tensors = tuple((source, ref) for source in ("a", "b") for ref in refs)
    return Variant(
        spec=spec_of(
            (
                source_of("a", prefix="a_", inputs=wires),
                source_of("b", prefix="b_", inputs=wires),
            ),
            tensors,
            inputs=tuple(declared(input_spec(operations[name]), f"new_{name}") for name in fed),
        ),
        inputs={f"new_{name}": name for name in fed}
        | {f"{source}_{name}": name for source in ("a", "b") for name in unfed},
        outputs=tensors,
        names={"a": ("a_", ""), "b": ("b_", "")},
    )


def inner_output(files: Mapping[str, ModelFile], choice: int) -> Variant:
    """A tensor from the middle becomes the only output; nothing is excluded by name."""
    file = files["a"]
    tensor = _some_tensor(file, choice)
    return Variant(
        spec=spec_of((source_of("a", prefix="p_"),), (("a", tensor),)),
        inputs=_needed_inputs(file, tensor, "p_"),
        outputs=(("a", tensor),),
        names={"a": ("p_", "")},
    )


def headless(files: Mapping[str, ModelFile], choice: int) -> Variant:
    """All that is not before a layer in the middle is cut off."""
    file = files["a"]
    tensor = _some_tensor(file, choice)
    include = (Selector(kind="upto", pattern=tensor.operation),)
    return Variant(
        spec=spec_of((source_of("a", prefix="p_", include=include),), (("a", tensor),)),
        inputs=_needed_inputs(file, tensor, "p_", unused=False),
        outputs=(("a", tensor),),
        names={"a": ("p_", "")},
        # A layer before the cut may be called again behind it, on a tensor that is gone.
        may_refuse=True,
    )


def without_dropout(files: Mapping[str, ModelFile], choice: int) -> Variant:
    """All layers that do nothing at inference are taken out."""
    file = files["a"]
    operations = {operation.name: operation for operation in file.graph.operations}
    present = {op.class_name for op in operations.values() if op.kind == "layer"}
    exclude = tuple(
        Selector(kind="class", pattern=name) for name in IDENTITIES if name in present
    )
    tensors = tuple(("a", _before(ref, operations)) for ref in leaves(file.graph.outputs))
    return Variant(
        spec=spec_of((source_of("a", prefix="p_", exclude=exclude),), tensors),
        inputs={f"p_{name}": name for name in _inputs(file)},
        outputs=tensors,
        names={"a": ("p_", "")},
        gone=IDENTITIES,
        # One that casts to another dtype is no identity.
        may_refuse=True,
    )


def frozen(files: Mapping[str, ModelFile], choice: int) -> Variant:
    """Everything is frozen, or one layer is."""
    file = files["a"]
    layers = [op.name for op in file.graph.operations if op.kind == "layer"]
    one = layers[choice % len(layers)] if layers and choice % 2 else None
    refs = tuple(("a", ref) for ref in leaves(file.graph.outputs))
    source = (
        source_of("a", trainable=False)
        if one is None
        else source_of("a", freeze=(Selector(kind="glob", pattern=one),))
    )
    return Variant(
        spec=spec_of((source,), refs),
        inputs={name: name for name in _inputs(file)},
        outputs=refs,
        names={"a": ("", "")},
        frozen=frozenset(("a", name) for name in layers if one in (None, name)),
    )


VARIANTS: Mapping[str, Callable[[Mapping[str, ModelFile], int], Variant]] = {
    function.__name__: function
    for function in (whole, side_by_side, inner_output, headless, without_dropout, frozen)
}


# ---------------------------------------------------------------- parts of a spec


class _Nothing:
    """Knows nothing: what a linker that may not ask Keras has."""

    def recall(self, question: Question) -> Fact | None:
        return None

    def made(self, fact: Fact) -> ModelFile | None:
        return None


class _Nowhere:
    """The positions of a spec that was never text."""

    def value(self, path: SpecPath) -> Span | None:
        return None

    key = value

    def origins(self, path: SpecPath) -> tuple[Note, ...]:
        return ()


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


def _behind_inputs(ref: TensorRef, wired: list[str]) -> TensorRef:
    """An input that is also an output is, once it is wired, the tensor that it is wired to."""
    return TensorRef(f"{_NEW}{ref.operation}") if ref.operation in wired else ref


def _new_input(ref: TensorRef) -> Reference | None:
    if not ref.operation.startswith(_NEW):
        return None
    return Reference(name=ref.operation.removeprefix("\0"))


def original(ref: TensorRef) -> TensorRef:
    """Return the tensor of the source that has the value of ``ref``."""
    return TensorRef(ref.operation.removeprefix(_NEW), ref.call, ref.output)


# ---------------------------------------------------------------- what there is in a source


def _inputs(file: ModelFile) -> list[str]:
    return [ref.operation for ref in leaves(file.graph.inputs)]


def _is_taken(file: ModelFile, name: str) -> bool:
    return any(
        tensor.ref.operation == name
        for operation in file.graph.operations
        for call in operation.calls
        for tensor in call.tensors()
    )


def _some_tensor(file: ModelFile, choice: int) -> TensorRef:
    """Return a tensor of the model that is none of its inputs."""
    found = {
        tensor.ref: None
        for operation in file.graph.operations
        for call in operation.calls
        for tensor in call.tensors()
    }
    found |= dict.fromkeys(leaves(file.graph.outputs))
    inputs = set(_inputs(file))
    inner = [ref for ref in found if ref.operation not in inputs] or list(found)
    return inner[choice % len(inner)]


def _needed_inputs(
    file: ModelFile, tensor: TensorRef, prefix: str, *, unused: bool = True
) -> dict[str, str]:
    """Return the inputs that ``tensor`` depends on and, if ``unused``, those that nothing takes."""
    operations = {operation.name: operation for operation in file.graph.operations}
    seen = {(tensor.operation, tensor.call)}
    stack = list(seen)
    while stack:
        name, number = stack.pop()
        for call in operations[name].calls[number : number + 1]:
            for taken in call.tensors():
                step = (taken.ref.operation, taken.ref.call)
                if step not in seen:
                    seen.add(step)
                    stack.append(step)
    reached = {name for name, _ in seen}
    return {
        f"{prefix}{name}": name
        for name in _inputs(file)
        if name in reached or (unused and not _is_taken(file, name))
    }


def _before(ref: TensorRef, operations: Mapping[str, Operation]) -> TensorRef:
    """Follow layers that do nothing at inference upwards."""
    while operations[ref.operation].class_name in IDENTITIES:
        ref = next(operations[ref.operation].calls[ref.call].tensors()).ref
    return ref
