"""``keras_metadata.pb`` of a SavedModel folder: the config of the model that Keras 2 saved there.

Keras 2.5 and later wrote it beside the TensorFlow program (``SavedMetadata`` of
``keras/protobuf/saved_metadata.proto``): one node an object, with JSON. The root's holds the whole
config of a Functional or Sequential model, calls included, as ``model.get_config()`` gave it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from composer.container.strict_json import read_object
from composer.errors import FormatError, about
from composer.files.regular import read_regular
from composer.graphs.graph import Json

FILE: Final = "keras_metadata.pb"
MAX_BYTES: Final = 64 << 20
"""Of a folder whose model can't be taken apart."""
_ROOT: Final = "root"
_GRAPHS: Final = frozenset({"Functional", "Model", "Sequential"})
_SEQUENCES: Final = frozenset({"__tuple__", "TensorShape"})


def read_metadata(folder: Path) -> tuple[dict[str, Json], dict[str, str]]:
    """Return the config of a SavedModel folder's model, and where the names of its layers stand.

    Nothing is run, and TensorFlow is not imported.

    Args:
        folder: that holds ``keras_metadata.pb``.

    Returns:
        The model as ``{"class_name", "config"}``, and the name of each layer of the outermost model
        by the name of its object below the root, such as ``layer-3`` or ``layer_with_weights-0``.

    Raises:
        FormatError: the file is damaged, or the model is neither Functional nor
            Sequential.
        OSError: it can't be read.
    """
    path = folder / FILE
    nodes = _nodes(path)
    root = nodes.get(_ROOT)
    if root is None:
        name = folder.name
        raise FormatError("CMP526.no-model", path=path, name=name)
    class_name, config = root.get("class_name"), root.get("config")
    if class_name not in _GRAPHS or not isinstance(config, Mapping) or "layers" not in config:
        raise FormatError("CMP526.subclass", path=folder, class_name=class_name)
    names = {}
    for place, node in nodes.items():
        _, dot, attribute = place.partition(".")
        if dot and "." not in attribute and attribute.startswith("layer"):
            names[attribute] = str(node.get("name"))
    return {"class_name": class_name, "config": _plain(config)}, names


def _nodes(path: Path) -> dict[str, dict[str, Json]]:
    """Return what is said of each object, by its path from the root."""
    from google.protobuf.message import DecodeError

    if path.stat().st_size > MAX_BYTES:
        raise FormatError("CMP526.metadata-size", path=path, limit=MAX_BYTES)
    try:
        saved = _message().FromString(read_regular(path))
    except DecodeError as error:
        raise FormatError("CMP526.metadata", path=path, reason=str(error)) from error
    with about(path=path):
        return {
            node.node_path: read_object(node.metadata.encode(), node.node_path)
            for node in saved.nodes
            if node.node_path == _ROOT or node.node_path.count(".") == 1
        }


@cache
def _message() -> Any:
    """Return the class of the message, made of the fields that are read; others are skipped."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    field = descriptor_pb2.FieldDescriptorProto
    package = "composer.saved_metadata"
    saved_object = descriptor_pb2.DescriptorProto(
        name="SavedObject",
        field=[
            field(name=name, number=number, type=kind, label=field.LABEL_OPTIONAL)
            for name, number, kind in (
                ("node_id", 2, field.TYPE_INT32),
                ("node_path", 3, field.TYPE_STRING),
                ("identifier", 4, field.TYPE_STRING),
                ("metadata", 5, field.TYPE_STRING),
            )
        ],
    )
    nodes = field(
        name="nodes",
        number=1,
        type=field.TYPE_MESSAGE,
        type_name=f".{package}.SavedObject",
        label=field.LABEL_REPEATED,
    )
    file = descriptor_pb2.FileDescriptorProto(
        name="composer/saved_metadata.proto",
        package=package,
        syntax="proto3",
        message_type=[
            saved_object,
            descriptor_pb2.DescriptorProto(name="SavedMetadata", field=[nodes]),
        ],
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.SavedMetadata"))


def _plain(value: Json) -> Json:
    """Write tuples and shapes as lists, as ``.h5`` files have them."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    if value.get("class_name") in _SEQUENCES and isinstance(value.get("items"), list):
        return [_plain(item) for item in value["items"]]
    return {key: _plain(item) for key, item in value.items()}
