"""The ways in which the property tests link a random model; the same in every process."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

from composer.errors import FormatError
from composer.graphs.flatten import flattened
from composer.graphs.graph import Operation, TensorRef, leaves
from composer.graphs.model_file import ModelFile
from composer.graphs.static_specs import input_spec
from composer.model_files.read_model import read_model
from composer.spec.model import (
    Reference,
    Selector,
    SourceInput,
)
from tests.properties.linking_parts import (
    Variant,
    behind_inputs,
    declared,
    link,
    source_of,
    spec_of,
)

IDENTITIES = ("Dropout", "GaussianNoise")


def digest_again(folder: Path, number: int, kind: str, choice: int, target: Path) -> str:
    """Link the files of graph ``number`` once more, from the disk; returns SHA-256 or codes."""
    files = {source: read_model(folder / f"{number}{source}.keras") for source in ("a", "b")}
    outcome = link(VARIANTS[kind](files, choice), files, target)
    if not outcome.sha256:
        return " ".join(outcome.refused)
    assert outcome.sha256 == hashlib.sha256(target.read_bytes()).hexdigest()
    return outcome.sha256


# ---------------------------------------------------------------- variants


def whole(files: Mapping[str, ModelFile], choice: int) -> Variant:
    """The model as it is, under a prefix, with its inputs and outputs arranged as they are."""
    file = files["a"]
    tensors = tuple(("a", ref) for ref in leaves(file.graph.outputs))
    return Variant(
        spec=spec_of((source_of("a", prefix="p_", suffix="_s"),), ()),
        inputs={f"p_{name}_s": name for name in _inputs(file)},
        outputs=tensors,
        names={"a": ("p_", "_s")},
        arranged=True,
    )


def side_by_side(files: Mapping[str, ModelFile], choice: int) -> Variant:
    """Two models of the same names and of different weights, on the same new inputs."""
    file = files["a"]
    operations = {operation.name: operation for operation in file.graph.operations}
    fed = [name for name in _inputs(file) if _is_taken(file, name)]
    unfed = [name for name in _inputs(file) if name not in fed]
    wires = tuple(SourceInput(target=name, reference=Reference(name=f"new_{name}")) for name in fed)
    refs = [behind_inputs(ref, fed) for ref in leaves(file.graph.outputs)]
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
    )


def before(files: Mapping[str, ModelFile], choice: int) -> Variant:
    """All that comes before a layer, and what is open there; later calls of layers are gone."""
    file = files["a"]
    operations = {operation.name: operation for operation in file.graph.operations}
    last = _some_tensor(file, choice).operation
    kept = _calls_before(operations, [(last, n) for n in range(len(operations[last].calls))])
    # Of an output behind a dropout that is cut off, what it is computed of is left.
    settled = [_up_to_kept(ref, operations, kept) for ref in leaves(file.graph.outputs)]
    own = [ref for ref in settled if (ref.operation, ref.call) in kept]
    taken: dict[tuple[str, int], set[TensorRef]] = {}
    still_taken = set()
    for operation in file.graph.operations:
        for number, call in enumerate(operation.calls):
            for tensor in call.tensors():
                end = (tensor.ref.operation, tensor.ref.call)
                taken.setdefault(end, set()).add(tensor.ref)
                if (operation.name, number) in kept:
                    still_taken.add(end)
    ends = [
        ref
        for operation in file.graph.operations
        for number in range(len(operation.calls))
        if (end := (operation.name, number)) in kept - still_taken
        and end not in {(ref.operation, ref.call) for ref in own}
        for ref in sorted(taken.get(end, ()), key=lambda ref: ref.output)
    ]
    include = (Selector(kind="upto", pattern=last),)
    reached = {name for name, _ in kept}
    return Variant(
        spec=spec_of((source_of("a", prefix="p_", include=include),), ()),
        inputs={f"p_{name}": name for name in _inputs(file) if name in reached},
        outputs=tuple(("a", ref) for ref in (*own, *ends)),
        names={"a": ("p_", "")},
    )


def without_dropout(files: Mapping[str, ModelFile], choice: int) -> Variant:
    """All layers that do nothing at inference are taken out."""
    file = files["a"]
    operations = {operation.name: operation for operation in file.graph.operations}
    present = {op.class_name for op in operations.values() if op.kind == "layer"}
    exclude = tuple(Selector(kind="class", pattern=name) for name in IDENTITIES if name in present)
    tensors = tuple(("a", _before(ref, operations)) for ref in leaves(file.graph.outputs))
    return Variant(
        spec=spec_of((source_of("a", prefix="p_", exclude=exclude),), tensors),
        inputs={f"p_{name}": name for name in _inputs(file)},
        outputs=tensors,
        names={"a": ("p_", "")},
        gone=IDENTITIES,
        may_refuse=any(_casts(op) for op in operations.values() if op.class_name in IDENTITIES),
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


def flat(files: Mapping[str, ModelFile], choice: int) -> Variant:
    """All nested models are inlined, at any depth."""
    file = files["a"]
    try:
        tensors = tuple(("a", ref) for ref in leaves(flattened(file).graph.outputs))
    except FormatError:
        tensors = ()
    return Variant(
        spec=spec_of((source_of("a", prefix="p_", flatten=True),), tensors),
        inputs={f"p_{name}": name for name in _inputs(file)},
        outputs=tuple(("a", ref) for ref in leaves(file.graph.outputs)),
        names={"a": ("p_", "")},
        flatten=True,
        may_refuse=True,  # masks as call arguments, names that meet once they are joined
    )


VARIANTS: Mapping[str, Callable[[Mapping[str, ModelFile], int], Variant]] = {
    function.__name__: function
    for function in (
        whole,
        side_by_side,
        inner_output,
        headless,
        before,
        without_dropout,
        frozen,
        flat,
    )
}


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
    seen = _calls_before(operations, [(tensor.operation, tensor.call)])
    reached = {name for name, _ in seen}
    return {
        f"{prefix}{name}": name
        for name in _inputs(file)
        if name in reached or (unused and not _is_taken(file, name))
    }


def _calls_before(
    operations: Mapping[str, Operation], calls: list[tuple[str, int]]
) -> set[tuple[str, int]]:
    """Return these calls and all that they are computed of."""
    seen = set(calls)
    stack = list(calls)
    while stack:
        name, number = stack.pop()
        for call in operations[name].calls[number : number + 1]:
            for taken in call.tensors():
                step = (taken.ref.operation, taken.ref.call)
                if step not in seen:
                    seen.add(step)
                    stack.append(step)
    return seen


def _up_to_kept(
    ref: TensorRef, operations: Mapping[str, Operation], kept: set[tuple[str, int]]
) -> TensorRef:
    """Follow layers that are cut off and do nothing at inference upwards."""
    while (ref.operation, ref.call) not in kept:
        operation = operations[ref.operation]
        if operation.class_name not in IDENTITIES or _casts(operation):
            break
        ref = next(operation.calls[ref.call].tensors()).ref
    return ref


def _casts(operation: Operation) -> bool:
    """Tell whether a layer puts out another dtype than it takes, and so is no identity."""
    policy = operation.config["dtype"]["config"]["name"]
    return any(
        tensor.spec.dtype != policy.removeprefix("mixed_")
        for call in operation.calls
        for tensor in call.tensors()
    )


def _before(ref: TensorRef, operations: Mapping[str, Operation]) -> TensorRef:
    """Follow layers that do nothing at inference upwards."""
    while operations[ref.operation].class_name in IDENTITIES:
        ref = next(operations[ref.operation].calls[ref.call].tensors()).ref
    return ref
