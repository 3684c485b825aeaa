"""The ways in which the sweep links one model, each as a spec."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from composer.graphs.graph import TensorRef, TensorSpec, leaves
from composer.graphs.model_file import ModelFile
from composer.graphs.static_specs import input_spec

Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to link a model.

    Attributes:
        spec: as data; JSON is YAML.
        copies: name of each of the result's inputs → the copy of the model and the input of the
            source that it stands for. Each copy gets values of its own.
        outputs: what the result's outputs are, in order: the copy, and the tensor of the source;
            None where they are all outputs of each copy, in order.
    """

    spec: Document
    copies: Mapping[str, tuple[int, str]]
    outputs: tuple[tuple[int, TensorRef], ...] | None = None


def single(file: ModelFile, path: str) -> Way:
    """The model as it is, under a prefix."""
    return _inlined(file, path, {})


def flattened(file: ModelFile, path: str) -> Way:
    """The model with its nested models inlined."""
    return _inlined(file, path, {"flatten": True})


def two_copies(file: ModelFile, path: str) -> Way:
    """The same file twice, under two prefixes, each with inputs of its own."""
    sources = {name: {"from": path, "prefix": f"{name}_"} for name in ("a", "b")}
    inputs = _inputs(file)
    return Way(
        spec=_spec(sources),
        copies={
            f"{name}_{given}": (copy, given)
            for copy, name in enumerate(sources)
            for given in inputs
        },
    )


def shared(file: ModelFile, path: str) -> Way:
    """The layers of one source called twice, on different inputs."""
    return _called(file, path, {"prefix": "p_"})


def nested(file: ModelFile, path: str) -> Way:
    """The model as one layer."""
    source = {"from": path, "nested": "whole", "inputs": _wires(file, "image")}
    return Way(
        spec=_spec({"a": source}, inputs=_declared(file, "image")),
        copies={f"image{number}": (0, name) for number, name in enumerate(_inputs(file))},
    )


def nested_twice(file: ModelFile, path: str) -> Way:
    """The model as one layer that is called twice."""
    return _called(file, path, {"nested": "whole"})


def beheaded(file: ModelFile, path: str) -> Way | None:
    """The model without the layer that puts out its first output; None where nothing is before."""
    operations = {operation.name: operation for operation in file.graph.operations}
    last = next(leaves(file.graph.outputs))
    taken = [tensor.ref for tensor in operations[last.operation].calls[last.call].tensors()]
    before = [ref for ref in taken if ref.operation not in _inputs(file)]
    if len(operations[last.operation].calls) != 1 or not before:
        return None
    reference = {
        "source": "a",
        "layer": before[0].operation,
        "node": before[0].call,
        "output": before[0].output,
    }
    source = {"from": path, "prefix": "p_", "exclude": [{"regex": _literally(last.operation)}]}
    return Way(
        spec=_spec({"a": source}) | {"outputs": {"out": reference}},
        copies={f"p_{name}": (0, name) for name in _inputs(file)},
        outputs=((0, before[0]),),
    )


def way_of(name: str, file: ModelFile, path: str) -> Way | None:
    """Return one way to link a model; None where it does not apply.

    A model whose inputs record no shape, or are scalars without a batch, can't be fed by inputs that
    a spec declares.
    """
    if name in _DECLARING and not all(spec.shape for spec in _input_specs(file)):
        return None
    return WAYS[name](file, path)


_DECLARING = frozenset({"shared", "nested", "nested twice"})

WAYS: Mapping[str, Callable[[ModelFile, str], Way | None]] = {
    "single": single,
    "two copies": two_copies,
    "shared": shared,
    "nested": nested,
    "nested twice": nested_twice,
    "flattened": flattened,
    "beheaded": beheaded,
}


def _inlined(file: ModelFile, path: str, more: Document) -> Way:
    return Way(
        spec=_spec({"a": {"from": path, "prefix": "p_"} | more}),
        copies={f"p_{name}": (0, name) for name in _inputs(file)},
    )


def _called(file: ModelFile, path: str, more: Document) -> Way:
    calls = {name: {"inputs": _wires(file, name)} for name in ("left", "right")}
    return Way(
        spec=_spec(
            {"a": {"from": path, "calls": calls} | more},
            inputs=_declared(file, "left") | _declared(file, "right"),
        ),
        copies={
            f"{name}{number}": (copy, given)
            for copy, name in enumerate(calls)
            for number, given in enumerate(_inputs(file))
        },
    )


def _spec(sources: Document, inputs: Document | None = None) -> Document:
    spec: Document = {"version": 1, "name": "linked"}
    if inputs:
        spec["inputs"] = inputs
    return spec | {"sources": sources}


def _inputs(file: ModelFile) -> list[str]:
    return list(dict.fromkeys(ref.operation for ref in leaves(file.graph.inputs)))


def _wires(file: ModelFile, name: str) -> Document:
    return {given: f"{name}{number}" for number, given in enumerate(_inputs(file))}


def _declared(file: ModelFile, name: str) -> Document:
    return {f"{name}{number}": spec for number, spec in enumerate(_given(file))}


def _input_specs(file: ModelFile) -> Iterator[TensorSpec]:
    operations = {operation.name: operation for operation in file.graph.operations}
    yield from (input_spec(operations[name]) for name in _inputs(file))


def _given(file: ModelFile) -> Iterator[Document]:
    """Yield what each input layer takes, as ``inputs`` of a spec says it."""
    for spec in _input_specs(file):
        assert spec.shape is not None
        batch = {} if spec.shape[0] is None else {"batch_size": spec.shape[0]}
        yield {"shape": list(spec.shape[1:]), "dtype": spec.dtype, **batch}


def _literally(name: str) -> str:
    import re

    return re.escape(name)
