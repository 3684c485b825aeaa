"""A model file without a graph as a file with one layer: the model itself, with all its weights.

Subclassed models record the arguments of their class and no layers. Nothing inside can be named,
moved or cut, but the whole can be a layer of another model: Keras stores it there as it does here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from composer.container.archive import open_archive
from composer.container.stored import Listing
from composer.errors import FormatError
from composer.graphs.canonical import optimizer_groups
from composer.graphs.graph import (
    Call,
    Graph,
    Json,
    Operation,
    Tensor,
    TensorRef,
    TensorSpec,
    Tree,
)
from composer.graphs.layer_needs import UNKNOWN
from composer.graphs.model_file import LayerState, ModelFile, StoredVariable
from composer.graphs.naming import snake_case
from composer.graphs.state_check import StateCheck

_DTYPE = "float32"
"""What an input layer is given: a file records the shapes of a build and not its dtypes."""


def read_opaque_model(
    path: Path, name: str, *, wired: bool, named: Sequence[str] = ()
) -> ModelFile:
    """Read a ``.keras`` file that holds no graph as one layer ``name``.

    It is called on inputs of the shapes that it was built with, the batch dimension left open.
    How many tensors it puts out is not recorded: the graph has its first one.

    Args:
        path: of the file.
        name: of the layer.
        wired: whether something is given to its only input, whose shape need not be known then.
        named: what is given by name to a model that takes a dictionary of tensors. It counts
            where the file records no shapes, as those of Functional models underneath don't.

    Raises:
        FormatError: no input shape is recorded and none is given; the config holds no name; or
            variables are missing, as far as that shows without the class.
        OSError: it can't be opened.
    """
    with open_archive(path) as archive:
        config, listing = archive.config, archive.weights.listing
        assets, version = archive.assets, archive.keras_version or ""
    class_name = str(config.get("class_name"))
    arguments = config.get("config")
    if not isinstance(arguments, Mapping) or "name" not in arguments:
        raise FormatError("CMP305.opaque-no-name", class_name=class_name, name=name)
    build_config = config.get("build_config")
    build_config = build_config if isinstance(build_config, Mapping) else None
    check = StateCheck(listing)
    check.layer(name, "", UNKNOWN, built=not version.startswith("2."), legacy=False)
    check.refuse()
    call, shapes = _recorded_call(build_config or {}, name)
    if not shapes:
        if not wired and not named:
            raise FormatError("CMP506.opaque-no-shape", class_name=class_name)
        shapes = dict.fromkeys(named or (f"{name}_input",))
        tensors = {key: _tensor(key) for key in shapes}
        call = Call(args=(tensors if named else tensors[f"{name}_input"],))
    model = Operation(
        name=name,
        kind="layer",
        class_name=class_name,
        module=config.get("module"),
        registered_name=config.get("registered_name"),
        config={**arguments, "name": name},
        build_config=build_config,
        calls=(call,),
        storage=snake_case(class_name),
    )
    ends = [TensorRef(operation) for operation in shapes]
    return ModelFile(
        path=path,
        graph=Graph(
            name=name,
            operations=(*(_input_layer(*item) for item in shapes.items()), model),
            inputs=ends[0] if len(ends) == 1 else ends,
            outputs=TensorRef(name),
        ),
        states={name: _whole(listing, assets)},
        keras_version=version,
        listing=listing,
    )


def _recorded_call(build_config: Mapping[str, Json], name: str) -> tuple[Call, _Shapes]:
    """Return a call on the shapes that a model was built with, and these by input name.

    Mirrors ``Layer.get_build_config`` of ``keras/src/layers/layer.py``: ``input_shape``, a shape
    or a structure of shapes, for one argument; ``shapes_dict``, ``ARGUMENT_shape`` to the same,
    for several.
    """
    shapes: _Shapes = {}

    def tensors(value: Json, own: str) -> Tree:
        if _is_shape(value):
            shapes[own] = [None, *value[1:]]
            return _tensor(own)
        if isinstance(value, Mapping):
            return {str(key): tensors(item, str(key)) for key, item in value.items()}
        if isinstance(value, list):
            return [tensors(item, f"{own}_{index}") for index, item in enumerate(value)]
        return None

    several = build_config.get("shapes_dict")
    if isinstance(several, Mapping):
        named = {str(key).removesuffix("_shape"): value for key, value in several.items()}
        return Call(kwargs={key: tensors(value, key) for key, value in named.items()}), shapes
    return Call(args=(tensors(build_config.get("input_shape"), f"{name}_input"),)), shapes


_Shapes = dict[str, "list[int | None] | None"]


def _is_shape(value: Json) -> bool:
    return (
        isinstance(value, list)
        and all(d is None or isinstance(d, int) for d in value)
        and (len(value) > 0)
    )


def _tensor(operation: str) -> Tensor:
    # Its dtype is not known, and with it nothing that a wire could contradict.
    return Tensor(TensorRef(operation), TensorSpec(None, None))


def _input_layer(name: str, shape: list[int | None] | None) -> Operation:
    return Operation(
        name=name,
        kind="input",
        class_name="InputLayer",
        module="keras.layers",
        registered_name=None,
        config={
            "batch_shape": shape,
            "dtype": _DTYPE,
            "sparse": False,
            "ragged": False,
            "name": name,
            "optional": False,
        },
        storage="input_layer",
    )


def _whole(listing: Listing, assets: Sequence[str]) -> LayerState:
    """Return all that the file holds but for optimisers, as the state of one layer."""
    optimizers = optimizer_groups((group.path for group in listing.groups), listing.tensors)
    inside = tuple(f"{path}/" for path in sorted(optimizers))
    return LayerState(
        group="",
        variables=tuple(
            StoredVariable(
                path=tensor.path,
                shape=tensor.shape,
                dtype=tensor.logical_dtype,
                nbytes=tensor.nbytes,
            )
            for tensor in listing.tensors
            if not tensor.path.startswith(inside)
        ),
        assets=tuple(assets),
    )
