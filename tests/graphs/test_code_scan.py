"""What in a config is more than data, and what is not."""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from composer.graphs.code_scan import Finding, scan

LAMBDA = {"class_name": "__lambda__", "config": {"code": "4wEAAAA=", "defaults": None}}


def layer(class_name: str, name: str = "odd", module: str | None = "keras.layers", **config: Any):
    return {
        "module": module,
        "class_name": class_name,
        "registered_name": None,
        "config": {"name": name, **config},
    }


def function(name: Any, module: Any = "builtins", registered: str | None = None):
    return {
        "module": module, "class_name": "function", "config": name, "registered_name": registered
    }  # fmt: skip


def model(*layers: dict[str, Any]) -> dict[str, Any]:
    return {
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "registered_name": "Functional",
        "config": {"name": "m", "layers": list(layers)},
    }


def only(entry: dict[str, Any]) -> Finding:
    (found,) = scan(model(entry))
    return found


@pytest.mark.parametrize(
    "entry",
    [
        layer("Lambda", function=LAMBDA),
        layer("Lambda", function=["4wEAAAA=", None, None], function_type="lambda"),
        layer("Lambda", function=function("relu"), output_shape=LAMBDA),
        layer("Lambda", function=function("relu"), mask=LAMBDA),
        layer("Dense", activation=LAMBDA),
        layer("Dense", kernel_initializer={"class_name": "A", "config": {"deep": [[LAMBDA]]}}),
        layer("TorchModuleWrapper", torch_module="UEsDBA=="),
        layer("JaxLayer", call_fn=function("relu")),
        layer("FlaxLayer", module="keras.layers"),
        layer("Shop", module="shop.layers", helper=LAMBDA),
        {**layer("Dense"), "build_config": {"input_shape": LAMBDA}},
        {**layer("Dense"), "inbound_nodes": [{"args": [], "kwargs": {"mask": LAMBDA}}]},
    ],
)
def test_code_in_a_config_is_found_wherever_it_stands(entry: dict[str, Any]) -> None:
    found = only(entry)
    assert (found.kind, found.layer) == ("code", "odd")


@pytest.mark.parametrize(
    "entry",
    [
        # Functions and classes of Python, which loaders before Keras 3.9 import by name.
        layer("Lambda", function=function("system", "os")),
        layer("Dense", activation=function("system", "posix", "system")),
        layer("Dense", activation=function("eval")),
        layer("Dense", activation=function("exec", None)),
        layer("Popen", module="subprocess"),
        layer("Dense", kernel_initializer=layer("Popen", module="subprocess", args=["sh"])),
        layer("Lambda", function="system", module="os", function_type="function"),
        # Tools of Keras in the place of a part of a model.
        layer("Lambda", function=function("get_file", "keras.utils")),
        layer("Lambda", function=function("get_file", "keras.src.utils.file_utils")),
        layer("get_file", module="keras.utils"),
        layer("Lambda", function=function("enable_unsafe_deserialization", "keras.config")),
        layer("enable_unsafe_deserialization", module="keras.config"),
        layer("Lambda", function=function("load_model", "keras.models")),
        layer("clone_model", module="keras.models"),
        layer("Lambda", function=function("deserialize", "keras.initializers")),
        layer("deserialize", module="keras.layers"),
        layer("CSVLogger", module="keras.callbacks", filename="/tmp/x"),
        layer("Dense", activation=function("func_load", "keras.src.utils.python_utils")),
        layer("Dense", activation=function("_private", "keras.activations")),
        # Files of some machine.
        layer("StringLookup", vocabulary="/etc/passwd"),
        layer("IntegerLookup", vocabulary="https://example.org/words"),
        layer("TextVectorization", vocabulary="words.txt"),
        layer("TimeDistributed", "outer", layer=layer("StringLookup", vocabulary="/etc/passwd")),
        layer("TFSMLayer", filepath="/srv/model"),
        layer("WordPieceTokenizer", module="keras_hub.src.tokenizers", vocabulary="/etc/passwd"),
        # Names that are none.
        {**layer("Dense"), "class_name": ["Dense"]},
        {**layer("Dense"), "class_name": {"a": 1}},
        {**layer("Dense"), "class_name": 10**400},
        {**layer("Dense"), "class_name": None},
        {**layer("Dense"), "module": 7},
        {**layer("Dense"), "registered_name": ["x"]},
        layer("../../Dense"),
        layer("Dense\x00"),
        layer("Dense\ud800"),
        layer("Dense", module="keras.layers."),
        layer("Dense", module=".keras.layers"),
        layer("Dense", module="keras..layers"),
        layer("Dense", module="os;import sys"),
        layer("Dense", module=""),
        layer("Dense", activation=function({"a": 1})),
        layer("Dense", activation=function("relu()", "keras.activations")),
        {"class_name": "__typespec__", "spec_name": "x y", "config": [], "module": "keras"},
    ],
)
def test_what_leads_out_of_the_file_is_found_and_forbidden(entry: dict[str, Any]) -> None:
    (found,) = scan(model(entry))
    assert found.kind == "forbidden"
    str(found).encode("utf-8")  # it can be shown
    assert len(str(found)) < 250


@pytest.mark.parametrize(
    "entry",
    [
        layer("Dense", activation=function("swish2", "shop.functions", "shop>swish2")),
        layer("Dense", activation=function("relu", "Keras.activations")),
        layer("Dense", activation=function("load", "numpy")),
    ],
)
def test_a_function_of_another_package_is_found_by_its_name(entry: dict[str, Any]) -> None:
    found = only(entry)
    inner = entry["config"]["activation"]
    assert (found.kind, found.target) == ("name", f"{inner['module']}:{inner['config']}")


@pytest.mark.parametrize(
    "entry",
    [
        layer("Dense", activation="relu", kernel_initializer={"class_name": "Zeros", "config": {}}),
        layer("Dense", activation=function("relu")),
        layer("Lambda", function=function("relu", "keras.activations")),
        layer("Lambda", function=function("log_softmax", "keras.ops")),
        layer("Add", module="keras.src.ops.numpy"),
        layer("GetItem", module="keras.src.ops.numpy", key={"class_name": "__slice__", "config": {}}),
        layer("Dense", dtype={"module": "keras", "class_name": "DTypePolicy", "config": {"name": "x"}}),
        layer("Dense", seed={"module": "keras.random", "class_name": "SeedGenerator", "config": {}}),
        layer("StringLookup", vocabulary=["a", "b"]),
        layer("StringLookup", vocabulary=None),
        layer("Scale", module="shop.layers"),
        layer("Scale", module="__main__"),
        layer("BertBackbone", module="keras_hub.src.models.bert"),
        layer("Dense", activation=function("keras_hub>gelu_approximate")),
        layer("Custom>Thing", module=None),
        layer("my-shop>Scale", module=None),
        {**layer("Dense"), "compile_config": {"loss": LAMBDA}},
    ],
)  # fmt: skip
def test_parts_of_models_are_data(entry: dict[str, Any]) -> None:
    assert scan(model(entry)) == ()


def test_a_layer_is_named_with_the_models_and_wrappers_around_it() -> None:
    inner = layer("Lambda", "evil", function=LAMBDA)
    wrapped = layer("TimeDistributed", "each", layer=inner)
    nested = {**model(wrapped), "config": {"name": "inner", "layers": [wrapped]}}
    found = only(nested)
    assert (found.layer, found.class_name) == ("inner/each/evil", "Lambda")


def test_depth_is_no_matter_of_pythons_stack() -> None:
    deep: Any = LAMBDA
    for _ in range(50_000):
        deep = [{"a": deep}]
    (found,) = scan(model(layer("Dense", activation=deep)))
    assert found.kind == "code"


def test_a_finding_is_told_once_and_in_the_order_of_the_file() -> None:
    first = layer("Lambda", "first", function=LAMBDA, output_shape=LAMBDA)
    second = layer("Lambda", "second", function=LAMBDA)
    assert [found.layer for found in scan(model(first, second))] == ["first", "second"]


def test_the_layers_that_applications_define_for_themselves_are_data() -> None:
    """Read from the installed Keras, so that one that it adds is noticed here."""
    package = find_spec("keras")
    assert package is not None
    assert package.origin is not None
    found = []
    for path in sorted((Path(package.origin).parent / "src" / "applications").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and "Layer" in ast.unparse(ast.Tuple(node.bases)):
                found.append(node.name)
                entry = layer(node.name, module=f"keras.src.applications.{path.stem}")
                assert scan(model(entry)) == (), node.name
    assert "LayerScale" in found
    entry = layer("Elsewhere", module="keras.src.applications.convnext")
    assert only(entry).kind == "forbidden"


@pytest.mark.parametrize(
    ("entry", "target"),
    [
        (layer("Dense", activation=function("foo")), ":foo"),
        (layer("Dense", activation=function("shop>swirl")), ":shop>swirl"),
        # Keras writes this for keras.ops.abs, and does not find it again.
        (layer("Dense", activation=function("abs")), ":abs"),
        (layer("Dense", activation=function("rellu", "keras.activations")), ":rellu"),
        (layer("Dense", kernel_initializer="glorot"), ":glorot"),
    ],
)
def test_a_name_that_keras_does_not_find_has_to_be_named(
    entry: dict[str, Any], target: str
) -> None:
    found = only(model(entry))
    assert (found.kind, found.target) == ("name", target)
