"""Small serialised models as Keras 2 writes them, for tests that start no TensorFlow."""

from __future__ import annotations

from typing import Any

Json = Any


def layer(class_name: str, name: str, *nodes: Json, **config: Json) -> dict[str, Json]:
    """Return a layer of a Functional model; each node is a call as Keras 2 writes it."""
    return {
        "module": "keras.layers",
        "class_name": class_name,
        "config": {"name": name, "trainable": True, "dtype": "float32", **config},
        "registered_name": None,
        "name": name,
        "inbound_nodes": list(nodes),
    }


def image(name: str, *shape: int | None) -> dict[str, Json]:
    """Return an input layer; ``shape`` leaves the batch dimension out."""
    entry = layer("InputLayer", name)
    entry["config"] = {
        "batch_input_shape": [None, *shape],
        "dtype": "float32",
        "sparse": False,
        "ragged": False,
        "name": name,
    }
    return entry


def functional(
    *layers: Json, inputs: Json, outputs: Json, name: str = "model", nodes: Json = ()
) -> dict[str, Json]:
    """Return a Functional model, to be read or nested."""
    return {
        "module": "tf_keras.src.engine.functional",
        "class_name": "Functional",
        "config": {
            "name": name,
            "trainable": True,
            "layers": list(layers),
            "input_layers": inputs,
            "output_layers": outputs,
        },
        "registered_name": "Functional",
        "build_config": {"input_shape": [None, 4]},
        "name": name,
        "inbound_nodes": list(nodes),
    }


def sequential(*layers: Json, name: str = "sequential", nodes: Json = ()) -> dict[str, Json]:
    """Return a Sequential model, to be read or nested."""
    return {
        "module": "keras",
        "class_name": "Sequential",
        "config": {"name": name, "layers": list(layers)},
        "registered_name": None,
        "name": name,
        "inbound_nodes": list(nodes),
    }


def chain(*layers: Json) -> dict[str, Json]:
    """Return a Functional model that calls single-call layers one after the other."""
    source = image("image", 8, 8, 3)
    wired = [source]
    for entry in layers:
        entry["inbound_nodes"] = [[[wired[-1]["name"], 0, 0, {}]]]
        wired.append(entry)
    return functional(*wired, inputs=[["image", 0, 0]], outputs=[[wired[-1]["name"], 0, 0]])
