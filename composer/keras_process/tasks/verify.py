"""Loads an artifact, tells what it is, runs it, and compares parts of it with their sources."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy

from composer.keras_process.tasks.explain import explain
from composer.keras_process.tasks.import_user_code import extend_path, register_classes
from composer.keras_process.tasks.random_inputs import SIZES, random_arrays


def perform(request: Mapping[str, Any], report: Callable[[str], None]) -> dict[str, Any]:
    """Verify one artifact.

    Args:
        request: ``artifact``, ``safe`` (whether code that it carries stays refused), ``weights``
            (where to save them again), ``seed``, ``sources``, ``code`` (see ``UserCode``), whose
            modules are imported before anything is loaded.
        report: told before each step.

    Returns:
        what :class:`composer.keras_process.ask_verification.Verification` holds, as plain JSON.
    """
    report("loading the artifact")
    code = request["code"]
    extend_path(first=code["first"], last=code["last"])
    try:
        register_classes(code)
        model = load_functional(request["artifact"], safe=request["safe"])
    except Exception as problem:
        deep = any(isinstance(cause, RecursionError) for cause in _causes(problem))
        return {"status": "too_deep" if deep else "refused", "error": explain(problem)}
    # Before anything runs: a forward pass may change state.
    model.save_weights(request["weights"])
    report("running the artifact")
    ran, notes = _run(model, request["seed"])
    comparisons = []
    for source in request["sources"]:
        report(f"comparing with {source['id']}")
        comparisons.append({"id": source["id"], **_compare(model, source, request["seed"])})
    return {
        "status": "loaded",
        "operations": [operation.name for operation in model.operations],
        "inputs": [{"name": tensor.name, **_spec(tensor)} for tensor in model.inputs],
        "outputs": keras.tree.map_structure(lambda t: {"$tensor": _spec(t)}, model.output),
        "output_names": list(model.output_names),
        "trainable": [[layer.name, _trains(layer)] for layer in model.layers],
        "ran": ran,
        "notes": notes,
        "comparisons": comparisons,
    }


def _trains(layer: Any) -> bool:
    """Tell whether a layer trains. A Sequential forgets its own flag when it is loaded, so what
    counts for one are the layers in it.
    """
    import keras

    if isinstance(layer, keras.Sequential) and layer.variables:
        return bool(layer.trainable_variables)
    return bool(layer.trainable)


def load_functional(path: str, *, safe: bool) -> Any:
    """Load a model as a Functional one; a Sequential is wrapped, its layers being the same.

    Raises:
        ValueError: it is neither; Keras raises what it likes.
    """
    model = keras.saving.load_model(path, safe_mode=safe, compile=False)
    if isinstance(model, keras.Sequential):
        ends = (model.inputs, model.outputs)
        return keras.Model(*(end[0] if len(end) == 1 else end for end in ends), name=model.name)
    if not hasattr(model, "operations"):
        raise ValueError(f"a Functional or Sequential model was expected, found {type(model)}")
    return model


def _causes(problem: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while problem is not None and problem not in found:
        found.append(problem)
        problem = problem.__cause__ or problem.__context__
    return found


def _spec(tensor: Any) -> dict[str, Any]:
    return {
        "shape": list(tensor.shape),
        "dtype": keras.backend.standardize_dtype(tensor.dtype),
    }


def _run(model: Any, seed: int) -> tuple[bool | None, list[str]]:
    """Call the model on random inputs; return whether that went well, and notes."""
    problem: Exception | None = None
    for size in open_sizes(model.inputs):
        arrays = random_arrays(model.inputs, seed=seed, open_size=size)
        if arrays is None:
            return None, ["not run: an input takes text, which can't be made up"]
        try:
            outputs = model(keras.tree.pack_sequence_as(model.input, arrays), training=False)
        except Exception as found:
            problem = found
            continue
        values = [_numpy(tensor) for tensor in keras.tree.flatten(outputs)]
        notes = []
        if any(_is_float(value) and numpy.isnan(value).any() for value in values):
            notes.append("random inputs gave NaN in an output")
        return True, notes
    assert problem is not None
    return False, [f"the artifact was loaded but can't be run: {explain(problem)}"]


def open_sizes(tensors: Any) -> tuple[int, ...]:
    """Return what may be tried for the open dimensions of inputs, batch left out."""
    open_ = any(size is None for tensor in tensors for size in tensor.shape[1:])
    # A mask of open length may belong to a sequence of a fixed one.
    fixed = {tensor.shape[1] for tensor in tensors if len(tensor.shape) > 1}
    lengths = sorted(size for size in fixed if size is not None)
    return tuple(dict.fromkeys((*SIZES, *lengths))) if open_ else SIZES[:1]


def _compare(model: Any, source: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Run the source, and its part of the artifact, on the same inputs."""
    try:
        part = _Part(
            inputs=[_tensor(model, *triple) for triple in source["inputs"]],
            outputs=[_tensor(model, *triple) for triple in source["outputs"]],
        )
        original = load_functional(source["path"], safe=source["safe"])
        if len(part.inputs) != len(original.inputs):
            raise ValueError(
                f"the source has {len(original.inputs)} inputs, and {len(part.inputs)} are given"
            )
    except Exception as problem:
        return _no_comparison(explain(problem))
    try:
        return _compare_runs(part, original, seed)
    finally:
        del original
        gc.collect()


def _compare_runs(part: _Part, original: Any, seed: int) -> dict[str, Any]:
    inputs = [_narrowed(*pair) for pair in zip(part.inputs, original.inputs, strict=True)]
    problem: Exception | None = None
    for size in open_sizes(inputs):
        arrays = random_arrays(inputs, seed=seed, open_size=size)
        if arrays is None:
            return _no_comparison("an input takes text, which can't be made up")
        # One tensor of the artifact may feed several inputs of the source.
        pairs = list(zip(part.inputs, arrays, strict=True))
        first = {id(tensor): array for tensor, array in reversed(pairs)}
        arrays = [first[id(tensor)] for tensor in part.inputs]
        try:
            packed = keras.tree.pack_sequence_as(original.input, arrays)
            expected = keras.tree.flatten(original(packed, training=False))
            found = keras.tree.flatten(part(arrays))
        except Exception as refused:
            problem = refused
            continue
        return _difference([_numpy(t) for t in expected], [_numpy(t) for t in found])
    assert problem is not None
    return _no_comparison(explain(problem))


def _narrowed(tensor: Any, other: Any) -> Any:
    """Return ``tensor`` with its open dimensions taken from ``other`` where that has them."""
    if len(tensor.shape) != len(other.shape):
        return tensor
    shape = [b if a is None else a for a, b in zip(tensor.shape, other.shape, strict=True)]
    return keras.KerasTensor(shape, dtype=tensor.dtype)


def _no_comparison(note: str) -> dict[str, Any]:
    return {"equal": None, "difference": None, "note": note}


class _Part(keras.Function):  # type: ignore[misc]
    """A part of a model's graph, run on its own at inference.

    A keras.Model would put new nodes on the model's layers, and puts an input in the place of
    *every* call of the layer whose output is cut, which breaks layers called more than once.
    """

    def call(self, inputs: Any) -> Any:
        return self._run_through_graph(inputs, operation_fn=_at_inference)


def _at_inference(operation: Any) -> Callable[..., Any]:
    """Return ``operation`` with ``training=False`` where it knows that, as Functional does it."""
    if "training" not in getattr(operation, "_call_context_args", {}):
        return operation  # type: ignore[no-any-return]
    return lambda *args, **kwargs: operation(*args, **{**kwargs, "training": False})


def _tensor(model: Any, name: str, call: int, output: int) -> Any:
    """Return a symbolic tensor of a loaded model.

    In a model that was just loaded an operation's nodes are its calls, counted from 0, for
    nested models too: their built-in node exists only in what the file counts.
    """
    operations = {operation.name: operation for operation in model.operations}
    if name not in operations:
        raise ValueError(f"the artifact has no operation {name!r}")
    nodes = operations[name]._inbound_nodes
    if call >= len(nodes):
        raise ValueError(f"{name} is called {len(nodes)} times, and call {call} is wanted")
    tensors = nodes[call].output_tensors
    if output >= len(tensors):
        raise ValueError(f"{name} puts out {len(tensors)} tensors, and {output} is wanted")
    return tensors[output]


def _difference(expected: list[Any], found: list[Any]) -> dict[str, Any]:
    """Compare arrays bit for bit, except that NaN is equal to NaN."""
    kinds = [[(value.shape, str(value.dtype)) for value in values] for values in (expected, found)]
    if kinds[0] != kinds[1]:
        differ = f"the source puts out {kinds[0]}, its part of the artifact {kinds[1]}"
        return {"equal": False, "difference": None, "note": differ}
    if not any(value.size for value in expected):
        return _no_comparison("the outputs are empty")
    largest = 0.0
    equal = True
    for one, other in zip(expected, found, strict=True):
        if one.tobytes() == other.tobytes():
            continue
        if not _is_float(one):
            equal = equal and bool(numpy.array_equal(one, other))
            gap = numpy.abs(one.astype("float64") - other.astype("float64"))
        else:
            wide, wide_other = one.astype("float64"), other.astype("float64")
            both_nan = numpy.isnan(wide) & numpy.isnan(wide_other)
            same_bits = _bits(one) == _bits(other)
            equal = equal and bool((same_bits | both_nan).all())
            gap = numpy.abs(numpy.where(both_nan | same_bits, 0.0, wide - wide_other))
        largest = max(largest, float(numpy.nanmax(gap, initial=0.0)))
    note = None if numpy.isfinite(largest) else "the difference is not finite"
    return {"equal": equal, "difference": largest if note is None else None, "note": note}


def _numpy(tensor: Any) -> Any:
    return numpy.asarray(keras.ops.convert_to_numpy(tensor))


def _bits(value: Any) -> Any:
    return value.view(f"u{value.dtype.itemsize}")


def _is_float(value: Any) -> bool:
    return "float" in str(value.dtype)
