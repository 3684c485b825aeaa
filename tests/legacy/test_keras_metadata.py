"""``keras_metadata.pb``, written byte by byte here, read as data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from composer.errors import FormatError
from composer.legacy.keras_metadata import FILE, read_metadata


def varint(number: int) -> bytes:
    low, rest = number & 127, number >> 7
    return bytes([low]) if not rest else bytes([low | 128]) + varint(rest)


def text(field: int, value: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(value)) + value


def node(number: int, path: str, metadata: dict[str, Any]) -> bytes:
    head = varint(2 << 3) + varint(number) if number else b""
    # Field 6 is a version, which nobody reads here.
    body = head + text(3, path.encode()) + text(4, b"_tf_keras_layer")
    return text(1, body + text(5, json.dumps(metadata).encode()) + text(6, b"\x08\x01"))


def folder(path: Path, *nodes: bytes) -> Path:
    (path / FILE).write_bytes(b"".join(nodes))
    return path


SHAPE = {"class_name": "__tuple__", "items": [None, {"class_name": "TensorShape", "items": [3]}]}
LAYER = {"class_name": "Dense", "config": {"name": "dense", "batch_input_shape": SHAPE}}
ROOT = {"name": "it", "class_name": "Sequential", "config": {"name": "it", "layers": [LAYER]}}


def test_the_config_is_whole_and_tuples_are_lists(tmp_path: Path) -> None:
    model, names = read_metadata(
        folder(
            tmp_path,
            node(0, "root", ROOT),
            node(300, "root.layer-0", {"name": "dense"}),
            node(4, "root.layer_with_weights-0", {"name": "dense"}),
            node(5, "root.layer-0.cell", {"name": "inside"}),
            node(6, "root.keras_api", {"name": "no layer"}),
        )
    )
    (layer,) = model["config"]["layers"]
    assert (model["class_name"], layer["config"]["batch_input_shape"]) == (
        "Sequential",
        [None, [3]],
    )
    assert names == {"layer-0": "dense", "layer_with_weights-0": "dense"}


@pytest.mark.parametrize(
    "root",
    [{**ROOT, "class_name": "Net"}, {**ROOT, "config": {}}, {"class_name": "Functional"}, {}],
)
def test_what_records_no_graph_is_refused(tmp_path: Path, root: dict[str, Any]) -> None:
    with pytest.raises(FormatError) as caught:
        read_metadata(folder(tmp_path, node(0, "root", root)))
    assert caught.value.code == "CMP526"


@pytest.mark.parametrize("content", [b"\x0a\xff", b"\xff" * 40, text(1, text(3, b"\xff\xfe"))])
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(FormatError) as caught:
        read_metadata(folder(tmp_path, content))
    assert caught.value.code == "CMP526"


def test_a_file_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, check=lambda error: error.key == "CMP526.no-model"):
        read_metadata(folder(tmp_path, node(3, "root.layer-0", {"name": "dense"})))
